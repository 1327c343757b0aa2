//! What a tile-compressed image (FITS 4.0, section 10) claims about itself, checked before CFITSIO is given it. Its decoders
//! believe what they read: a size in the header becomes an allocation, one in a tile's stream becomes how far it writes.

use std::collections::HashMap;

use super::rice::Rice;
use super::{Reason, check_memory, hcompress};
use crate::action::header::{Header, Value, is_structural};

/// The claims that matter.
pub struct Tiles {
    /// Pixels of the largest tile.
    pixels: u128,
    /// Lengths of the image's axes and of a tile's.
    axes: Vec<(u64, u64)>,
    rows: u64,
    /// Bytes of a table row, and where the heap begins.
    width: u64,
    heap: u64,
    codec: Codec,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Codec {
    Rice(Rice),
    Hcompress,
    Plio,
    /// One that minds the end of its buffers.
    Careful,
}

/// A column of the table that points into the heap.
struct Column {
    /// Where its descriptor is in a row, and whether that has 64-bit numbers.
    offset: u64,
    is_wide: bool,
    /// Bytes an element.
    item: u128,
    is_data: bool,
}

impl Tiles {
    /// Checks the header alone: the sizes of the image (`axes`, pixels of `pixel` bytes), of a tile, and their number.
    pub fn of(header: &Header, axes: &[u64], pixel: usize, file_size: u64) -> Result<Tiles, Reason> {
        check_said_once(header)?;
        let image = axes.iter().try_fold(1u128, |n, &axis| n.checked_mul(axis.into())).unwrap_or(u128::MAX);
        check_memory(image.saturating_mul(pixel as u128), file_size)?;
        let (mut pixels, mut count) = (1u128, 1u128);
        let mut lengths = Vec::with_capacity(axes.len());
        for (axis, &length) in (1..).zip(axes) {
            let tile = match header.get(&format!("ZTILE{axis}")) {
                None if axis == 1 => length,
                None => 1,
                Some(Value::Int(n)) if *n > 0 => *n as u64,
                Some(_) => return Err(damaged(format!("ZTILE{axis} is not a size"))),
            };
            if tile > length.max(1 << 16) {
                return Err(damaged(format!("ZTILE{axis} is {tile}, of an axis of {length}")));
            }
            lengths.push((length, tile));
            pixels = pixels.saturating_mul(tile.min(length).into());
            count = count.saturating_mul(length.div_ceil(tile).into());
            check_memory(pixels.saturating_mul((tile / tile.min(length)).into()).saturating_mul(8), file_size)?;
        }
        let size = |keyword| header.int(keyword).and_then(|n| u64::try_from(n).ok());
        let (width, rows) = (size("NAXIS1").unwrap_or(0), size("NAXIS2").unwrap_or(0));
        // With more rows, too, CFITSIO takes the table for no image, but half of what it noted of it stays.
        if count != rows.into() {
            return Err(damaged(format!("the image has {count} tiles, the table {rows} rows")));
        }
        let codec = match header.str("ZCMPTYPE") {
            Some("RICE_1" | "RICE_ONE") => Codec::Rice(
                Rice::of(header).ok_or_else(|| damaged("RICE's parameters (ZVAL1, ZVAL2) are wrong".to_owned()))?,
            ),
            Some("HCOMPRESS_1") => Codec::Hcompress,
            Some("PLIO_1") => Codec::Plio,
            _ => Codec::Careful,
        };
        let heap = size("THEAP").unwrap_or(width.saturating_mul(rows));
        Ok(Tiles { pixels, axes: lengths, rows, width, heap, codec })
    }

    /// Checks the table and what of the tiles' streams their decoders take on trust; `data` are the HDU's.
    pub fn check_data(&self, header: &Header, data: &[u8]) -> Result<(), Reason> {
        let columns = columns(header, self.width)?;
        if !columns.iter().any(|column| column.is_data) {
            return Err(damaged("the table has no column COMPRESSED_DATA of variable length".to_owned()));
        }
        for column in columns {
            for row in 0..self.rows {
                let tile = |what: &str| damaged(format!("tile {row} {what}"));
                let (count, start) =
                    descriptor(data, row.saturating_mul(self.width).saturating_add(column.offset), column.is_wide)
                        .ok_or_else(|| tile("has no descriptor"))?;
                let start = u128::from(self.heap) + u128::from(start);
                let end = start + u128::from(count) * column.item;
                let stream = usize::try_from(start).ok().zip(usize::try_from(end).ok());
                let stream =
                    stream.and_then(|(start, end)| data.get(start..end)).ok_or_else(|| tile("is outside the data"))?;
                if column.is_data && !stream.is_empty() && !self.is_stream_sound(row, stream) {
                    return Err(tile("is corrupt"));
                }
            }
        }
        Ok(())
    }

    /// The pixels of the tile in that row of the table: those at the ends of the axes are smaller.
    fn pixels_of(&self, row: u64) -> usize {
        let (mut pixels, mut row) = (1u64, row);
        for &(length, tile) in &self.axes {
            let across = length.div_ceil(tile).max(1);
            pixels = pixels.saturating_mul(tile.min(length.saturating_sub(row % across * tile)));
            row /= across;
        }
        usize::try_from(pixels).unwrap_or(usize::MAX)
    }

    fn is_stream_sound(&self, row: u64, stream: &[u8]) -> bool {
        match self.codec {
            Codec::Careful => true,
            Codec::Rice(rice) => rice.holds(stream, self.pixels_of(row)),
            Codec::Hcompress => hcompress::is_whole(stream, self.pixels),
            Codec::Plio => is_plio_whole(stream),
        }
    }
}

/// What is said twice, and not the same, is read by CFITSIO where another reader reads it first: it would go by other claims than
/// those that were checked.
fn check_said_once(header: &Header) -> Result<(), Reason> {
    let mut said: HashMap<&str, &Value> = HashMap::new();
    for card in header.cards().iter().filter(|card| is_structural(&card.keyword)) {
        if said.insert(&card.keyword, &card.value).is_some_and(|before| *before != card.value) {
            return Err(damaged(format!("{} is there twice, with different values", card.keyword)));
        }
    }
    Ok(())
}

/// Whether a PLIO line list, words of 16 bits, ends within its stream. The length is in the third word; or, where that is not
/// positive, in the fourth and fifth, and the second is then the length of the header.
fn is_plio_whole(stream: &[u8]) -> bool {
    let (words, _) = stream.as_chunks::<2>();
    if words.len() < 5 {
        return false;
    }
    let word = |at: usize| i64::from(i16::from_be_bytes(words[at]));
    let (length, first) = if word(2) > 0 { (word(2), 3) } else { ((word(4) << 15) + word(3), word(1)) };
    let (Ok(length), Ok(first)) = (usize::try_from(length), usize::try_from(first)) else { return false };
    // Without a word the decoder would leave pixels that nobody has set.
    if length == 0 || length > words.len() {
        return false;
    }
    let mut at = first;
    while at < length {
        // An instruction that sets a high value is followed by its upper half.
        at += if word(at) / 4096 == 1 { 2 } else { 1 };
    }
    first >= length || at <= words.len()
}

/// The columns of variable length, from TFORMn: a count, a type letter, and for P and Q the letter of the elements.
fn columns(header: &Header, width: u64) -> Result<Vec<Column>, Reason> {
    let fields =
        header.int("TFIELDS").filter(|n| (1..=999).contains(n)).ok_or_else(|| damaged("TFIELDS is wrong".into()))?;
    let (mut offset, mut columns) = (0u64, Vec::new());
    for n in 1..=fields {
        let wrong = || damaged(format!("TFORM{n} is missing or wrong"));
        let form = header.str(&format!("TFORM{n}")).ok_or_else(wrong)?.trim();
        let letter = form.find(|c: char| c.is_ascii_alphabetic()).ok_or_else(wrong)?;
        let repeat: u64 = if letter == 0 { 1 } else { form[..letter].parse().map_err(|_| wrong())? };
        let mut letters = form[letter..].chars();
        let bytes = match letters.next() {
            Some('X') => repeat.div_ceil(8),
            Some(kind @ ('P' | 'Q')) => {
                let item = letters.next().and_then(item_size).ok_or_else(wrong)?;
                let name = header.str(&format!("TTYPE{n}")).unwrap_or_default().trim();
                let is_data = name.eq_ignore_ascii_case("COMPRESSED_DATA");
                if repeat > 0 {
                    columns.push(Column { offset, is_wide: kind == 'Q', item: item.into(), is_data });
                }
                repeat.min(1) * if kind == 'Q' { 16 } else { 8 }
            }
            kind => kind.and_then(item_size).and_then(|item| item.checked_mul(repeat)).ok_or_else(wrong)?,
        };
        offset = offset.checked_add(bytes).ok_or_else(wrong)?;
    }
    if offset != width {
        return Err(damaged(format!("the table's columns take {offset} bytes, NAXIS1 is {width}")));
    }
    Ok(columns)
}

fn item_size(letter: char) -> Option<u64> {
    Some(match letter {
        'L' | 'B' | 'A' => 1,
        'I' => 2,
        'J' | 'E' => 4,
        'K' | 'D' | 'C' => 8,
        'M' => 16,
        _ => return None,
    })
}

/// The number of elements and where they begin in the heap.
fn descriptor(data: &[u8], at: u64, is_wide: bool) -> Option<(u64, u64)> {
    let rest = data.get(usize::try_from(at).ok()?..)?;
    if is_wide {
        let (count, rest) = rest.split_first_chunk::<8>()?;
        Some((u64::from_be_bytes(*count), u64::from_be_bytes(*rest.first_chunk()?)))
    } else {
        let (count, rest) = rest.split_first_chunk::<4>()?;
        Some((u32::from_be_bytes(*count).into(), u32::from_be_bytes(*rest.first_chunk()?).into()))
    }
}

fn damaged(text: String) -> Reason {
    Reason::Damaged(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tiles(codec: Codec) -> Tiles {
        Tiles { pixels: 100, axes: vec![(13, 10), (25, 10)], rows: 1, width: 8, heap: 8, codec }
    }

    #[test]
    fn tiles_at_the_ends_are_smaller() {
        let tiles = tiles(Codec::Careful);
        let pixels: Vec<usize> = (0..6).map(|row| tiles.pixels_of(row)).collect();
        assert_eq!(pixels, [100, 30, 100, 30, 50, 15]);
    }

    #[test]
    fn a_plio_tile_must_end_in_its_stream() {
        let sound = |words: &[i16]| is_plio_whole(&words.iter().flat_map(|w| w.to_be_bytes()).collect::<Vec<u8>>());
        assert!(sound(&[0, 7, -100, 8, 0, 0, 0, 0]));
        assert!(!sound(&[0, 7, -100, 9, 0, 0, 0, 0]));
        assert!(!sound(&[0, 7, -100, 8, 1, 0, 0, 0]));
        assert!(!sound(&[0, 7, -100, 0, 0, 0, 0, 0]) && !sound(&[0, -1, -100, 8, 0, 0, 0, 0]) && !sound(&[0, 7, -100]));
        assert!(sound(&[0, 7, 7, -100, 8, 0, 0]) && !sound(&[0, 7, 8, -100, 8, 0, 0]));
        let last_of_two = [0, 7, -100, 8, 0, 0, 0, 4096 + 5];
        assert!(!sound(&last_of_two) && sound(&[&last_of_two[..], &[0]].concat()));
    }

    #[test]
    fn a_size_must_not_be_said_twice() {
        let of = |cards: &[&str]| {
            let cards: String = cards.iter().map(|card| format!("{card:<80}")).collect();
            let whole = format!("{:<80}{:<80}{cards}", "NAXIS1  = 8", "NAXIS2  = 27");
            Tiles::of(&Header::parse(whole.as_bytes()), &[13, 9, 3], 8, 1 << 20)
        };
        assert!(of(&["ZTILE1  = 13", "ZTILE2  = 1", "ZTILE1  = 13", "OBJECT  = 'A'", "OBJECT  = 'B'"]).is_ok());
        // CFITSIO takes the last: more tiles than the table has rows.
        let twice = of(&["ZTILE1  = 13", "ZTILE2  = 1", "ZTILE1  = 1"]);
        let Err(Reason::Damaged(text)) = twice else { panic!("it is refused") };
        assert_eq!(text, "ZTILE1 is there twice, with different values");
    }

    #[test]
    fn the_table_has_a_row_for_each_tile() {
        let of = |rows: u64| {
            let cards = format!("{:<80}{:<80}{:<80}", "NAXIS1  = 8", format!("NAXIS2  = {rows}"), "ZTILE1  = 13");
            Tiles::of(&Header::parse(cards.as_bytes()), &[13, 9, 3], 8, 1 << 20)
        };
        assert!(of(27).is_ok());
        for rows in [0, 26, 28] {
            let Err(Reason::Damaged(text)) = of(rows) else { panic!("{rows} rows are refused") };
            assert_eq!(text, format!("the image has 27 tiles, the table {rows} rows"));
        }
    }

    #[test]
    fn descriptors_must_point_into_the_heap() {
        let mut header = Header::default();
        header.set("TFIELDS", Value::Int(1));
        header.set("TFORM1", Value::Str("1PB(4)".to_owned()));
        let data_without_name = tiles(Codec::Careful).check_data(&header, &[0; 12]);
        assert!(data_without_name.is_err(), "CFITSIO looks for it before the first column");
        header.set("TTYPE1", Value::Str("COMPRESSED_DATA".to_owned()));
        let data = |count: u32, start: u32| [&count.to_be_bytes()[..], &start.to_be_bytes(), &[0; 4]].concat();
        let check = |count, start| tiles(Codec::Careful).check_data(&header, &data(count, start));
        assert!(check(4, 0).is_ok() && check(0, 0).is_ok());
        for (count, start) in [(5, 0), (1, 4), (u32::MAX, 0), (4, u32::MAX)] {
            assert!(check(count, start).is_err(), "{count} from {start}");
        }
    }
}
