//! A FITS file with other values in one header: all other bytes, pixels and HDUs stay as they are. Comes from a path and
//! changes of keywords; goes to another path. Works on cards of 80 bytes and keeps those that nobody names untouched.

use std::io::{self, SeekFrom, Write};

use flate2::Compression;
use flate2::write::GzEncoder;

use super::bytes::Bytes;
use super::fits::{BLOCK, find_image, read_raw_header};
use super::{FileError, Format, HduRef, Output, ReadSeek, Reason, Source};
use crate::action::header::{CARD, Card, Header, Value, is_structural, normal_keyword};
use crate::disk::Content;

/// A change of a header.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    pub keyword: String,
    /// None takes the keyword away.
    pub value: Option<Value>,
    /// None leaves the comment as it is.
    pub comment: Option<String>,
}

/// A FITS file whose header is to be other than it is.
pub struct Edit {
    source: Source,
    path: String,
    /// The header's bytes in the file, and those that come in their place.
    start: u64,
    end: u64,
    header: Vec<u8>,
}

impl Edit {
    /// Opens the file and changes the cards of an image HDU (the first, without `hdu`) in memory: a keyword gets its value and
    /// keeps its place, a new one stands at the end; a text (HISTORY, COMMENT) is appended. CHECKSUM, which would be wrong,
    /// goes.
    ///
    /// # Errors
    /// Files that are not FITS, and keywords that say how the file is laid out.
    pub fn open(path: &str, hdu: Option<&HduRef>, changes: &[Change]) -> Result<Edit, FileError> {
        let open = || {
            if let Some(change) = changes.iter().find(|change| is_structural(&normal_keyword(&change.keyword))) {
                let text = format!("{} says how the file is laid out, and cannot be set", change.keyword);
                return Err(Reason::Unsupported(text));
            }
            let mut source = Source::open(path)?;
            if !matches!(source.format, Format::Fits | Format::FitsGz) {
                return Err(Reason::Unsupported("only FITS files have a header".to_owned()));
            }
            let mut bytes = source.fits_bytes()?;
            let (start, number) = find_image(&mut bytes, hdu)?.place();
            let raw = read_raw_header(&mut bytes, start, number)?.expect("the header was read before");
            let header = with_changes(&raw, changes);
            let end = start + raw.len() as u64;
            Ok(Edit { source: Source::open(path)?, path: path.to_owned(), start, end, header })
        };
        open().map_err(|reason| failed(path, reason))
    }

    /// Writes the file as it is but for the header, gzipped where the suffix of `name` says so; gives what is in the new file.
    /// Errors in writing name `name`.
    pub fn write(mut self, mut out: Output, name: &str) -> Result<Content, FileError> {
        let gzipped = match Format::of_suffix(name) {
            Some(Format::Fits | Format::FitsFz) => false,
            Some(Format::FitsGz) => true,
            _ => return Err(failed(name, Reason::Unsupported("only FITS files have a header".to_owned()))),
        };
        let write = || {
            let mut bytes = self.source.fits_bytes().map_err(Side::From)?;
            if gzipped {
                let mut gz = GzEncoder::new(&mut out, Compression::default());
                copy_around(&mut bytes, self.start, self.end, &self.header, &mut gz)?;
                gz.finish().map_err(Side::to)?;
            } else {
                copy_around(&mut bytes, self.start, self.end, &self.header, &mut out)?;
            }
            out.finish().map_err(Side::to)
        };
        write().map_err(|side| match side {
            Side::From(reason) => failed(&self.path, reason),
            Side::To(reason) => failed(name, reason),
        })
    }
}

fn failed(path: &str, reason: Reason) -> FileError {
    FileError { path: path.to_owned(), reason }
}

/// The file an error is about.
enum Side {
    From(Reason),
    To(Reason),
}

impl Side {
    fn from(error: io::Error) -> Side {
        Side::From(error.into())
    }

    fn to(error: io::Error) -> Side {
        Side::To(error.into())
    }
}

/// The bytes before `start`, the header, and those from `end` on.
fn copy_around(bytes: &mut Bytes, start: u64, end: u64, header: &[u8], out: &mut impl Write) -> Result<(), Side> {
    let reader = bytes.reader();
    reader.seek(SeekFrom::Start(0)).map_err(Side::from)?;
    copy(reader, start, out)?;
    out.write_all(header).map_err(Side::to)?;
    // A file without the padding of its header has nothing there.
    reader.seek(SeekFrom::Start(end)).map_err(Side::from)?;
    copy(reader, u64::MAX, out)
}

/// Copies so many bytes, or to the end.
fn copy(reader: &mut dyn ReadSeek, count: u64, out: &mut impl Write) -> Result<(), Side> {
    let mut left = count;
    loop {
        let there = reader.fill_buf().map_err(Side::from)?;
        let piece = &there[..there.len().min(usize::try_from(left).unwrap_or(usize::MAX))];
        if piece.is_empty() {
            return Ok(());
        }
        out.write_all(piece).map_err(Side::to)?;
        let length = piece.len();
        reader.consume(length);
        left -= length as u64;
    }
}

/// The cards of `raw` with the changes, END and padding.
fn with_changes(raw: &[u8], changes: &[Change]) -> Vec<u8> {
    let mut cards: Vec<Vec<u8>> = raw.chunks(CARD).map(<[u8]>::to_vec).collect();
    let end = cards.iter().position(|card| card.trim_ascii_end() == b"END").unwrap_or(cards.len());
    cards.truncate(end);
    let checksum = Change { keyword: "CHECKSUM".to_owned(), value: None, comment: None };
    for change in changes.iter().chain([&checksum]) {
        apply(&mut cards, &normal_keyword(&change.keyword), change);
    }
    let mut out = cards.concat();
    out.extend_from_slice(b"END");
    out.resize(out.len().next_multiple_of(BLOCK), b' ');
    out
}

fn apply(cards: &mut Vec<Vec<u8>>, keyword: &str, change: &Change) {
    let parsed = |card: &[u8]| Header::parse(card).cards().first().cloned();
    let is_same = |card: &Vec<u8>| parsed(card).is_some_and(|card| card.keyword == keyword);
    if let Some(Value::Text(text)) = &change.value {
        let mut lines = Header::default();
        lines.add_commentary(keyword, text);
        cards.extend(lines.format().chunks(CARD).map(<[u8]>::to_vec));
        return;
    }
    let mut comment = String::new();
    let mut at = cards.len();
    let mut first = None;
    while let Some(found) = cards.iter().position(is_same) {
        let continued = cards[found + 1..].iter().take_while(|card| card.starts_with(b"CONTINUE")).count();
        if first.is_none() {
            comment = parsed(&cards[found]).map(|card| card.comment).unwrap_or_default();
            at = *first.insert(found);
        }
        cards.drain(found..=found + continued);
        if change.value.is_some() {
            break; // later ones of that keyword are as they were
        }
    }
    if let Some(value) = &change.value {
        let comment = change.comment.clone().unwrap_or(comment);
        let mut card = Header::default();
        card.push(Card { keyword: keyword.to_owned(), value: value.clone(), comment });
        let lines: Vec<Vec<u8>> = card.format().chunks(CARD).map(<[u8]>::to_vec).collect();
        cards.splice(at..at, lines);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edited(cards: &[&str], changes: &[(&str, Option<Value>)]) -> Vec<String> {
        let raw: String = cards.iter().chain(&["END"]).map(|card| format!("{card:<80}")).collect();
        let change = |(keyword, value): &(&str, Option<Value>)| Change {
            keyword: (*keyword).to_owned(),
            value: value.clone(),
            comment: None,
        };
        let changes: Vec<Change> = changes.iter().map(change).collect();
        let out = with_changes(raw.as_bytes(), &changes);
        assert_eq!(out.len() % BLOCK, 0);
        let lines: Vec<String> =
            out.chunks(CARD).map(|card| String::from_utf8_lossy(card).trim_end().to_owned()).collect();
        lines.into_iter().take_while(|line| line != "END").collect()
    }

    #[test]
    fn values_change_in_place_and_the_rest_stays_to_the_byte() {
        let cards =
            ["SIMPLE  =                    T", "odd card \u{7f}", "OBJECT  = 'M 13'  / target", "GAIN    = 1.50"];
        let out = edited(&cards, &[("object", Some(Value::Str("M31".into()))), ("FILTER", Some(Value::Int(2)))]);
        let expected =
            [cards[0], cards[1], "OBJECT  = 'M31     '           / target", cards[3], "FILTER  =                    2"];
        assert_eq!(out, expected);
    }

    #[test]
    fn keywords_and_checksums_go_and_comments_come() {
        let cards = ["A       = 1", "CHECKSUM= 'x'", "A       = 2", "LONG    = 'ab&'", "CONTINUE  'cd'", "B       = 3"];
        let out = edited(&cards, &[("A", None), ("LONG", None), ("HISTORY", Some(Value::Text("done".into())))]);
        assert_eq!(out, ["B       = 3", "HISTORY done"]);
        let out = edited(&["A       = 1", "A       = 2"], &[("A", Some(Value::Bool(true)))]);
        assert_eq!(out, ["A       =                    T", "A       = 2"]);
    }
}
