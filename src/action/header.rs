//! A FITS header as a value: cards in order, with duplicates, comments, history and blanks kept, and their text form (FITS
//! 4.0, section 4; HIERARCH and CONTINUE as in the registered conventions). Comes from 80-byte cards, goes back to them.
//! Knows which keywords describe the file's layout rather than the sky; never opens a file.

use std::fmt;
use std::sync::Arc;

/// Bytes of one card.
pub const CARD: usize = 80;

/// What a card holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Bool(bool),
    Int(i64),
    Float(f64),
    Str(String),
    /// A complex number, as its text: `(1.0, 2.0)`.
    Complex(String),
    /// A keyword with an empty value field.
    Undefined,
    /// The text of a COMMENT, HISTORY or blank card, or of a card without `= `.
    Text(String),
}

impl Value {
    /// The value as a number, where it is one.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Value::Int(i) => Some(*i as f64),
            Value::Float(f) => Some(*f),
            _ => None,
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Bool(b) => f.write_str(if *b { "T" } else { "F" }),
            Value::Int(i) => write!(f, "{i}"),
            Value::Float(v) => f.write_str(&float_text(*v)),
            Value::Str(s) | Value::Complex(s) | Value::Text(s) => f.write_str(s),
            Value::Undefined => Ok(()),
        }
    }
}

/// One card: a keyword in upper case (empty on a blank card), its value and comment.
#[derive(Clone, Debug, PartialEq)]
pub struct Card {
    pub keyword: String,
    pub value: Value,
    pub comment: String,
}

/// The cards of one HDU, in order, without END; and where its image came from, which goes with it from image to image.
/// Headers are equal if their cards are.
#[derive(Clone, Debug, Default)]
pub struct Header {
    cards: Vec<Card>,
    /// Its cards were read from a FITS file, where the first row is the lowest.
    is_from_fits: bool,
    /// The file that the image was read from, whatever has been done with it since.
    path: Option<Arc<str>>,
}

impl PartialEq for Header {
    fn eq(&self, other: &Header) -> bool {
        self.cards == other.cards
    }
}

impl Header {
    /// Reads cards of 80 bytes, up to END if there is one. Nothing is refused: bytes outside printable ASCII become `?`,
    /// keywords are put in upper case, a value that cannot be read is kept as text.
    pub fn parse(bytes: &[u8]) -> Header {
        let mut header = Header { is_from_fits: true, ..Header::default() };
        for record in bytes.chunks(CARD) {
            let text: String =
                record.iter().map(|&b| if (0x20..0x7f).contains(&b) { char::from(b) } else { '?' }).collect();
            if text.trim_end() == "END" {
                break;
            }
            let card = parse_card(&text);
            if card.keyword == "CONTINUE" && header.continue_last(&text[8..]) {
                continue;
            }
            header.cards.push(card);
        }
        header
    }

    /// The file that the image was read from, if it was.
    pub fn path(&self) -> Option<&str> {
        self.path.as_deref()
    }

    /// The same, read from this file.
    #[must_use]
    pub fn read_from(self, path: &str) -> Header {
        Header { path: Some(path.into()), ..self }
    }

    /// Whether the first row of the image is the lowest: it was read from FITS and not made a picture since.
    pub fn rows_go_up(&self) -> bool {
        self.is_from_fits
    }

    /// The same for an image whose first row is the uppermost.
    #[must_use]
    pub fn rows_go_down(self) -> Header {
        Header { is_from_fits: false, ..self }
    }

    pub fn cards(&self) -> &[Card] {
        &self.cards
    }

    /// The first card with this keyword, in any case, with or without `HIERARCH`.
    pub fn card(&self, keyword: &str) -> Option<&Card> {
        let keyword = normal_keyword(keyword);
        self.cards.iter().find(|c| c.keyword == keyword)
    }

    /// The value of the first card with this keyword, in any case.
    pub fn get(&self, keyword: &str) -> Option<&Value> {
        self.card(keyword).map(|c| &c.value)
    }

    /// The keyword's value where it is a number.
    pub fn number(&self, keyword: &str) -> Option<f64> {
        self.get(keyword)?.as_f64()
    }

    /// The keyword's value where it is an integer.
    pub fn int(&self, keyword: &str) -> Option<i64> {
        match self.get(keyword)? {
            Value::Int(i) => Some(*i),
            _ => None,
        }
    }

    /// The keyword's value where it is a string, without trailing blanks.
    pub fn str(&self, keyword: &str) -> Option<&str> {
        match self.get(keyword)? {
            Value::Str(s) => Some(s),
            _ => None,
        }
    }

    /// Gives the first card of that keyword a new value and keeps its comment, or appends a card.
    pub fn set(&mut self, keyword: &str, value: Value) {
        let keyword = normal_keyword(keyword);
        match self.cards.iter_mut().find(|c| c.keyword == keyword) {
            Some(card) => card.value = value,
            None => self.cards.push(Card { keyword, value, comment: String::new() }),
        }
    }

    /// As [`Header::set`], with a new comment.
    pub fn set_with_comment(&mut self, keyword: &str, value: Value, comment: &str) {
        self.set(keyword, value);
        let keyword = normal_keyword(keyword);
        if let Some(card) = self.cards.iter_mut().find(|c| c.keyword == keyword) {
            comment.clone_into(&mut card.comment);
        }
    }

    /// Removes every card of that keyword.
    pub fn remove(&mut self, keyword: &str) {
        let keyword = normal_keyword(keyword);
        self.cards.retain(|c| c.keyword != keyword);
    }

    /// Appends a card, whatever its keyword.
    pub(super) fn push(&mut self, card: Card) {
        self.cards.push(card);
    }

    /// Appends the text as HISTORY, on as many cards as it needs.
    pub fn add_history(&mut self, text: &str) {
        self.add_commentary("HISTORY", text);
    }

    /// Appends the text as COMMENT, on as many cards as it needs.
    pub fn add_comment(&mut self, text: &str) {
        self.add_commentary("COMMENT", text);
    }

    /// Appends the text on as many cards of that keyword as it needs.
    pub(super) fn add_commentary(&mut self, keyword: &str, text: &str) {
        for part in split_text(&printable(text), CARD - 8) {
            self.cards.push(Card { keyword: keyword.to_owned(), value: Value::Text(part), comment: String::new() });
        }
    }

    /// The header without the keywords that say how the pixels lie in the file (sizes, scaling, compression, checksums):
    /// an image in memory has none, a writer makes its own.
    pub fn without_structure(mut self) -> Header {
        let is_compression_name =
            |c: &Card| c.keyword == "EXTNAME" && c.value == Value::Str("COMPRESSED_IMAGE".to_owned());
        self.cards.retain(|c| !is_structural(&c.keyword) && !is_compression_name(c));
        self
    }

    /// The header of an extension with the primary one's keywords after its own, where it has INHERIT = T (FITS 4.0, section
    /// 4.4.2.6). What the extension says itself comes first; the layout of the primary HDU, its coordinates, comments and
    /// history are not inherited.
    pub(super) fn inheriting(&self, primary: &Header) -> Option<Header> {
        if self.get("INHERIT") != Some(&Value::Bool(true)) {
            return None;
        }
        let is_inherited = |card: &&Card| {
            let is_said = self.cards.iter().any(|own| own.keyword == card.keyword);
            let is_text = matches!(card.value, Value::Text(_));
            !(is_said || is_text || is_structural(&card.keyword) || is_coordinate(&card.keyword))
        };
        let mut header = self.clone();
        header.cards.extend(primary.cards.iter().filter(is_inherited).cloned());
        Some(header)
    }

    /// Changes cards in place; the keyword stays.
    pub(super) fn cards_mut(&mut self) -> impl Iterator<Item = (&str, &mut Value)> {
        self.cards.iter_mut().map(|c| (c.keyword.as_str(), &mut c.value))
    }

    /// The cards as text of 80 bytes each, without END.
    pub fn format(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity((self.cards.len() + 1) * CARD);
        for card in &self.cards {
            format_card(card, &mut out);
        }
        out
    }

    /// Appends the string of a CONTINUE card to the last card; false if that one does not ask for it.
    fn continue_last(&mut self, rest: &str) -> bool {
        let Some(Card { value: Value::Str(value), comment, .. }) = self.cards.last_mut() else { return false };
        let (Value::Str(more), more_comment) = parse_value(rest) else { return false };
        if !value.ends_with('&') {
            return false;
        }
        value.pop();
        value.push_str(&more);
        if !more_comment.is_empty() {
            if !comment.is_empty() {
                comment.push(' ');
            }
            comment.push_str(&more_comment);
        }
        true
    }
}

/// The keyword in upper case, without `HIERARCH`.
pub(super) fn normal_keyword(keyword: &str) -> String {
    let upper = keyword.trim().to_ascii_uppercase();
    match upper.strip_prefix("HIERARCH ") {
        Some(rest) => rest.trim_start().to_owned(),
        None => upper,
    }
}

fn is_commentary(keyword: &str) -> bool {
    matches!(keyword, "" | "COMMENT" | "HISTORY")
}

/// `card` has 80 printable characters, or fewer at the end of a damaged file.
fn parse_card(card: &str) -> Card {
    let keyword = card[..card.len().min(8)].trim().to_ascii_uppercase();
    let text = |keyword: String, rest: &str| Card {
        keyword,
        value: Value::Text(rest.trim_end().to_owned()),
        comment: String::new(),
    };
    let rest = card.get(8..).unwrap_or_default();
    if is_commentary(&keyword) {
        return text(keyword, rest);
    }
    if keyword == "HIERARCH"
        && let Some((name, value)) = rest.split_once('=')
    {
        let (value, comment) = parse_value(value);
        return Card { keyword: normal_keyword(name), value, comment };
    }
    match rest.strip_prefix('=') {
        Some(value) => {
            let (value, comment) = parse_value(value);
            Card { keyword, value, comment }
        }
        None => text(keyword, rest),
    }
}

/// The value field and the comment after `=`.
fn parse_value(field: &str) -> (Value, String) {
    let field = field.trim_start();
    if let Some(quoted) = field.strip_prefix('\'') {
        return parse_string(quoted);
    }
    let (value, comment) = field.split_once('/').unwrap_or((field, ""));
    let value = value.trim();
    let parsed = match value {
        "" => Value::Undefined,
        "T" => Value::Bool(true),
        "F" => Value::Bool(false),
        _ if value.starts_with('(') => Value::Complex(value.to_owned()),
        _ => parse_number(value).unwrap_or_else(|| Value::Text(value.to_owned())),
    };
    (parsed, comment.trim().to_owned())
}

/// What follows the opening quote; a quote in the string is doubled. Trailing blanks are not significant.
fn parse_string(quoted: &str) -> (Value, String) {
    let mut value = String::new();
    let mut chars = quoted.char_indices().peekable();
    let mut end = quoted.len();
    while let Some((at, c)) = chars.next() {
        if c != '\'' {
            value.push(c);
        } else if chars.next_if(|&(_, next)| next == '\'').is_some() {
            value.push('\'');
        } else {
            end = at + 1;
            break;
        }
    }
    let comment = quoted[end..].trim_start().strip_prefix('/').unwrap_or_default().trim().to_owned();
    (Value::Str(value.trim_end().to_owned()), comment)
}

fn parse_number(text: &str) -> Option<Value> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None; // Rust would read "inf" and "nan", FITS has neither
    }
    if let Ok(int) = text.parse() {
        return Some(Value::Int(int));
    }
    text.replace(['D', 'd'], "E").parse().ok().map(Value::Float)
}

/// The shortest text that reads back as the same number, with a point: `1.0`, `1.5E-10`.
fn float_text(value: f64) -> String {
    let text = format!("{value:?}").replace('e', "E");
    match text.split_once('E') {
        Some((mantissa, exponent)) if !mantissa.contains('.') => format!("{mantissa}.0E{exponent}"),
        _ => text,
    }
}

fn format_card(card: &Card, out: &mut Vec<u8>) {
    let keyword = printable(&card.keyword);
    let comment = printable(&card.comment);
    let value = match &card.value {
        Value::Text(text) => {
            let head = format!("{:<8}{}", truncated(&keyword, 8), printable(text));
            return push_card(&head, out);
        }
        Value::Str(s) => return format_string(&keyword, &printable(s), &comment, out),
        Value::Float(f) if !f.is_finite() => String::new(), // a header has no NaN: the value is undefined
        other => other.to_string(),
    };
    let head = match plain_keyword(&keyword) {
        true => format!("{keyword:<8}= {value:>20}"),
        false => format!("HIERARCH {keyword} = {value}"),
    };
    push_card(&with_comment(head, &comment), out);
}

/// A string, over CONTINUE cards where it does not fit on one.
fn format_string(keyword: &str, value: &str, comment: &str, out: &mut Vec<u8>) {
    let head = match plain_keyword(keyword) {
        true => format!("{keyword:<8}= "),
        false => format!("HIERARCH {keyword} = "),
    };
    let escaped = value.replace('\'', "''");
    if head.len() + escaped.len() + 2 <= CARD {
        let quoted = format!("'{escaped:<8}'");
        return push_card(&with_comment(format!("{head}{quoted:<20}"), comment), out);
    }
    // An `&` before the closing quote asks for the next card; a doubled quote is not torn apart.
    let (mut head, mut rest) = (head, escaped.as_str());
    while head.len() + rest.len() + 2 > CARD {
        let mut room = CARD.saturating_sub(head.len() + 3).max(1).min(rest.len());
        let quotes = rest[..room].bytes().rev().take_while(|&b| b == b'\'').count();
        room -= quotes % 2;
        push_card(&format!("{head}'{}&'", &rest[..room]), out);
        rest = &rest[room..];
        "CONTINUE  ".clone_into(&mut head);
    }
    push_card(&with_comment(format!("{head}'{rest}'"), comment), out);
}

fn plain_keyword(keyword: &str) -> bool {
    keyword.len() <= 8 && keyword.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b"-_".contains(&b))
}

fn with_comment(mut head: String, comment: &str) -> String {
    if !comment.is_empty() {
        head.push_str(" / ");
        head.push_str(comment);
    }
    head
}

fn push_card(text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(format!("{:<CARD$}", truncated(text, CARD)).as_bytes());
}

fn truncated(text: &str, length: usize) -> &str {
    &text[..text.len().min(length)]
}

fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '?' }).collect()
}

/// The text in parts of at most `width` bytes, at blanks where there are some. It is ASCII.
fn split_text(text: &str, width: usize) -> Vec<String> {
    let mut parts = Vec::new();
    let mut rest = text;
    while rest.len() > width {
        let at = rest[..=width].rfind(' ').filter(|&at| at > 0).unwrap_or(width);
        parts.push(rest[..at].to_owned());
        rest = rest[at..].trim_start();
    }
    parts.push(rest.to_owned());
    parts
}

/// Keywords of the world coordinates of an array's axes (FITS 4.0, table 22): CTYPE1, CRVAL2A, CD1_2, PV2_1 …
fn is_coordinate(keyword: &str) -> bool {
    const AXIS: [&str; 10] = ["CTYPE", "CUNIT", "CRVAL", "CRPIX", "CDELT", "CROTA", "CD", "PC", "PV", "PS"];
    let of_axis = |prefix: &&str| {
        keyword.strip_prefix(*prefix).is_some_and(|rest| {
            rest.starts_with(|c: char| c.is_ascii_digit())
                && rest.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase() || b == b'_')
        })
    };
    keyword.starts_with("WCSAXES") || AXIS.iter().any(of_axis)
}

/// Keywords that describe how pixels lie in this file, or that a change of pixels makes wrong (checksums).
pub(super) fn is_structural(keyword: &str) -> bool {
    const WHOLE: [&str; 28] = [
        "SIMPLE", "XTENSION", "BITPIX", "NAXIS", "EXTEND", "PCOUNT", "GCOUNT", "GROUPS", "BSCALE", "BZERO", "BLANK",
        "CHECKSUM", "DATASUM", "TFIELDS", "THEAP", "INHERIT", "ZIMAGE", "ZSIMPLE", "ZEXTEND", "ZTENSION", "ZPCOUNT",
        "ZGCOUNT", "ZBITPIX", "ZNAXIS", "ZCMPTYPE", "ZQUANTIZ", "ZDITHER0", "ZBLANK",
    ];
    const MORE: [&str; 6] = ["ZMASKCMP", "ZHECKSUM", "ZDATASUM", "ZSCALE", "ZZERO", "END"];
    const NUMBERED: [&str; 9] = ["NAXIS", "TTYPE", "TFORM", "TUNIT", "ZNAXIS", "ZTILE", "ZNAME", "ZVAL", "TDISP"];
    let numbered = |prefix: &&str| {
        keyword
            .strip_prefix(*prefix)
            .is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
    };
    WHOLE.contains(&keyword) || MORE.contains(&keyword) || NUMBERED.iter().any(numbered)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn header(lines: &[&str]) -> Header {
        Header::parse(lines.iter().map(|l| format!("{l:<80}")).collect::<String>().as_bytes())
    }

    #[test]
    fn values_of_every_kind() {
        let h = header(&[
            "EXPTIME =                 30.5 / [s] exposure",
            "GAIN    =              1.5D-03",
            "OBJECT  = 'O''Neil  '          / who",
            "FLAG    =                    T",
            "COUNT   =                   12",
            "NOTHING =                      / empty",
            "PAIR    = (1.0, 2.0)",
            "HIERARCH ESO DET ID = 'CCD 7' / chip",
            "lower   =                    1",
            "HISTORY flat fielded",
            "COMMENT one",
            "COMMENT two",
        ]);
        assert_eq!(h.get("exptime"), Some(&Value::Float(30.5)));
        assert_eq!(h.card("EXPTIME").map(|c| c.comment.as_str()), Some("[s] exposure"));
        assert_eq!(h.number("GAIN"), Some(0.0015));
        assert_eq!(h.str("OBJECT"), Some("O'Neil"));
        assert_eq!(h.get("FLAG"), Some(&Value::Bool(true)));
        assert_eq!(h.int("COUNT"), Some(12));
        assert_eq!(h.get("NOTHING"), Some(&Value::Undefined));
        assert_eq!(h.get("PAIR"), Some(&Value::Complex("(1.0, 2.0)".into())));
        assert_eq!(h.str("hierarch eso det id"), Some("CCD 7"));
        assert_eq!(h.int("LOWER"), Some(1));
        assert_eq!(h.cards().iter().filter(|c| c.keyword == "COMMENT").count(), 2);
        assert_eq!(Header::parse(&h.format()), h);
    }

    #[test]
    fn long_strings_continue() {
        let mut h = Header::default();
        let long = "it''s ".repeat(40).trim_end().to_owned();
        h.set_with_comment("LONGSTR", Value::Str(long.clone()), "how long");
        let bytes = h.format();
        assert_eq!(bytes.len() % CARD, 0);
        assert!(bytes.len() > 3 * CARD);
        let back = Header::parse(&bytes);
        assert_eq!(back.str("LONGSTR"), Some(long.as_str()));
        assert_eq!(back.card("LONGSTR").map(|c| c.comment.as_str()), Some("how long"));
    }

    #[test]
    fn long_history_is_wrapped_at_blanks() {
        let mut h = Header::default();
        h.add_history(&"word ".repeat(30));
        assert!(h.cards().len() >= 2);
        assert!(h.cards().iter().all(|c| matches!(&c.value, Value::Text(t) if t.len() <= 72 && t.starts_with("word"))));
    }

    #[test]
    fn structure_is_not_carried() {
        let h =
            header(&["BITPIX  =  16", "NAXIS12 = 3", "ZTILE1  = 3", "BZERO   = 32768", "TTYPE1  = 'A'", "GAIN    = 2"]);
        let kept: Vec<_> = h.without_structure().cards().iter().map(|c| c.keyword.clone()).collect();
        assert_eq!(kept, ["GAIN"]);
    }

    #[test]
    fn setting_keeps_place_and_comment() {
        let mut h = header(&["A       = 1 / first", "B       = 2"]);
        h.set("a", Value::Int(5));
        h.set("C", Value::Float(1e-10));
        assert_eq!(h.cards()[0], Card { keyword: "A".into(), value: Value::Int(5), comment: "first".into() });
        assert!(String::from_utf8_lossy(&h.format()).contains("C       =              1.0E-10"));
        h.remove("b");
        assert_eq!(h.cards().len(), 2);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_and_come_back(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let once = Header::parse(&bytes).format();
            prop_assert_eq!(once.len() % CARD, 0);
        }

        #[test]
        fn strings_and_floats_come_back(s in "[ -~]{0,200}", f in proptest::num::f64::NORMAL) {
            let mut h = Header::default();
            h.set("S", Value::Str(s.trim_end().to_owned()));
            h.set("ESO LONG KEYWORD", Value::Float(f));
            let back = Header::parse(&h.format());
            prop_assert_eq!(back.str("S"), Some(s.trim_end()));
            prop_assert_eq!(back.number("ESO LONG KEYWORD"), Some(f));
        }
    }
}
