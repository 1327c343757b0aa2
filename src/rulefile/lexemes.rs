//! The lexemes of a Rulefile that decide how its lines belong together: strings, comments, brackets, line ends, and the
//! words that begin a list of values. Text in, ranges out, or the first thing without an end. One pass from left to
//! right that never goes back, whatever is nested in formatted strings; knows nothing of statements.

use std::collections::VecDeque;
use std::ops::Range;

use super::parse::is_keyword;
use crate::words::word_at_head;

/// Half of what Python allows; nobody reads more.
pub const DEEPEST_BRACKETS: usize = 100;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Comment,
    Opener,
    Closer,
    LineEnd,
    /// A line end in a replacement field of a formatted string.
    FieldBreak,
    /// A backslash and the line end that it takes away.
    JoinedLine,
    /// A word at the start of a line with a colon behind it that no block follows: its values may go on below.
    ValuesHead,
    /// A string outside of all others.
    String,
}

/// What has no end, or the wrong one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The opening quotes, with the prefix.
    String(Range<usize>),
    /// The brace of a formatted string that has no partner, and what stands where it should be.
    Field(Range<usize>),
    /// A bracket within a replacement field, and what stands in place of its partner.
    Bracket {
        opener: usize,
        closer: Range<usize>,
    },
    TooDeep(Range<usize>),
}

pub type Lexeme = (Kind, Range<usize>);

/// Words with a colon that statements follow, beside Python's.
const SUITE_WORDS: [&str; 7] = ["run", "onstart", "onsuccess", "onerror", "rule", "checkpoint", "module"];

/// The lexemes of a text, in its order, up to the first fault.
pub struct Lexemes<'t> {
    text: &'t str,
    at: usize,
    at_line_start: bool,
    /// Found inside a string, and to be given before it.
    waiting: VecDeque<Lexeme>,
}

impl<'t> Lexemes<'t> {
    pub fn new(text: &'t str) -> Self {
        Lexemes { text, at: 0, at_line_start: true, waiting: VecDeque::new() }
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.text.as_bytes().get(at).copied()
    }

    fn take(&mut self, kind: Kind, length: usize) -> Lexeme {
        let start = self.at;
        self.at += length;
        (kind, start..self.at)
    }

    /// Where the white space from `at` on ends.
    fn after_blanks(&self, at: usize) -> usize {
        let blanks = self.text.as_bytes()[at..].iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\x0C'));
        at + blanks.count()
    }

    /// The word at `at`, or nothing.
    fn word(&self, at: usize) -> &'t str {
        word_at_head(&self.text[at..])
    }

    /// How long the character at `at` is.
    fn character(&self, at: usize) -> usize {
        self.text[at..].chars().next().map_or(1, char::len_utf8)
    }

    /// `input:`, `storage name:`; the lexer is behind it then.
    fn values_head(&mut self) -> Option<Lexeme> {
        let start = self.at;
        let first = self.word(start);
        if first.is_empty() || is_keyword(first) || SUITE_WORDS.contains(&first) {
            return None;
        }
        let mut end = self.after_blanks(start + first.len());
        if first == "storage" && end > start + first.len() {
            end = self.after_blanks(end + self.word(end).len());
        }
        if self.byte(end) != Some(b':') || self.byte(end + 1) == Some(b'=') {
            return None;
        }
        Some(self.take(Kind::ValuesHead, end + 1 - start))
    }

    /// How long the line end at `at` is, if there is one.
    fn line_end(&self, at: usize) -> Option<usize> {
        match self.byte(at)? {
            b'\n' => Some(1),
            b'\r' => Some(if self.byte(at + 1) == Some(b'\n') { 2 } else { 1 }),
            _ => None,
        }
    }

    /// How long the rest of the line is.
    fn line_rest(&self, at: usize) -> usize {
        self.text[at..].find(['\n', '\r']).unwrap_or(self.text.len() - at)
    }

    /// How many quotes open or close a string at `at`.
    fn quotes(&self, at: usize) -> usize {
        let bytes = &self.text.as_bytes()[at..];
        if bytes.len() > 2 && bytes[1] == bytes[0] && bytes[2] == bytes[0] { 3 } else { 1 }
    }

    /// The end of a string without fields, whose quotes are at `quote`.
    fn plain_end(&self, quote: usize) -> Option<usize> {
        let length = self.quotes(quote);
        let quotes = &self.text.as_bytes()[quote..quote + length];
        let mut at = quote + length;
        loop {
            match self.byte(at)? {
                b'\\' => at += 1 + self.line_end(at + 1).unwrap_or(1),
                b'\n' if length == 1 => return None,
                _ if self.text.as_bytes()[at..].starts_with(quotes) => return Some(at + length),
                _ => at += 1,
            }
        }
    }

    /// A string with its prefix from `self.at` on, its quotes at `quote`.
    fn string(&mut self, quote: usize) -> Result<Lexeme, Fault> {
        let start = self.at;
        let opener = start..quote + self.quotes(quote);
        let end = if is_formatted(&self.text[start..quote]) {
            self.formatted_end(&opener)?
        } else {
            self.plain_end(quote).ok_or(Fault::String(opener))?
        };
        Ok(self.take(Kind::String, end - start))
    }

    /// The end of a formatted string: its own stack of texts and fields, because they nest.
    fn formatted_end(&mut self, opener: &Range<usize>) -> Result<usize, Fault> {
        let mut nest = Nest { frames: vec![self.text_frame(opener.end)], outer: opener.clone(), brackets: 0 };
        let mut at = opener.end;
        loop {
            let Some(byte) = self.byte(at) else { return Err(nest.fault(opener)) };
            at = match nest.frames.last_mut() {
                Some(Frame::Text { .. }) => self.in_text(at, byte, &mut nest, opener)?,
                Some(Frame::Field { spec: true, .. }) => self.in_spec(at, byte, &mut nest, opener)?,
                Some(Frame::Field { .. }) => self.in_field(at, byte, &mut nest, opener)?,
                None => return Ok(at),
            };
            if nest.frames.is_empty() {
                return Ok(at);
            }
        }
    }

    fn text_frame(&self, end_of_quotes: usize) -> Frame {
        let byte = self.text.as_bytes()[end_of_quotes - 1];
        let triple = end_of_quotes >= 3 && self.text.as_bytes()[end_of_quotes - 3..end_of_quotes] == [byte; 3];
        Frame::Text { quote: byte, length: if triple { 3 } else { 1 } }
    }

    fn closes(&self, at: usize, quote: u8, length: usize) -> bool {
        let rest = &self.text.as_bytes()[at..];
        rest.len() >= length && rest[..length].iter().all(|byte| *byte == quote)
    }

    fn in_text(&self, at: usize, byte: u8, nest: &mut Nest, opener: &Range<usize>) -> Result<usize, Fault> {
        let (quote, length) = nest.quotes();
        Ok(match byte {
            b'\\' => at + self.escape(at),
            b'{' | b'}' if self.byte(at + 1) == Some(byte) => at + 2,
            b'{' => nest.field(at)?,
            b'}' if nest.frames.len() == 1 => return Err(Fault::Field(at..at + 1)),
            b'}' => return Err(nest.fault(opener)),
            b'\n' | b'\r' if length == 1 => return Err(nest.fault(opener)),
            _ if self.closes(at, quote, length) => {
                nest.frames.pop();
                at + length
            }
            _ => at + 1,
        })
    }

    /// How long an escape is; a brace after a backslash keeps its meaning.
    fn escape(&self, at: usize) -> usize {
        let rest = &self.text[at..];
        if let Some(name) = rest.strip_prefix("\\N{") {
            let length = name.find(|c: char| !(c.is_ascii_alphanumeric() || c == ' ' || c == '-')).unwrap_or(0);
            if length > 0 && name[length..].starts_with('}') {
                return 3 + length + 1;
            }
        }
        match self.byte(at + 1) {
            Some(b'{' | b'}') | None => 1,
            Some(_) => 1 + self.line_end(at + 1).unwrap_or(1),
        }
    }

    fn in_spec(&self, at: usize, byte: u8, nest: &mut Nest, opener: &Range<usize>) -> Result<usize, Fault> {
        let (quote, length) = nest.quotes();
        match byte {
            b'{' => nest.field(at),
            b'}' => {
                nest.frames.pop();
                Ok(at + 1)
            }
            _ if self.closes(at, quote, length) => Err(nest.fault(opener)),
            _ => Ok(at + 1),
        }
    }

    fn in_field(&mut self, at: usize, byte: u8, nest: &mut Nest, opener: &Range<usize>) -> Result<usize, Fault> {
        let Some(Frame::Field { open, .. }) = nest.frames.last_mut() else { return Ok(at) };
        if let Some(length) = self.line_end(at) {
            self.waiting.push_back((Kind::FieldBreak, at..at + length));
            return Ok(at + length);
        }
        match byte {
            b'#' => {
                let end = at + self.line_rest(at);
                self.waiting.push_back((Kind::Comment, at..end));
                Ok(end)
            }
            b'(' | b'[' | b'{' => {
                open.push(at);
                nest.brackets += 1;
                nest.check(at)?;
                Ok(at + 1)
            }
            b')' | b']' | b'}' => match open.pop() {
                Some(opened) if partner(self.text.as_bytes()[opened]) == byte => {
                    nest.brackets -= 1;
                    Ok(at + 1)
                }
                Some(opened) => Err(Fault::Bracket { opener: opened, closer: at..at + 1 }),
                None if byte == b'}' => {
                    nest.frames.pop();
                    Ok(at + 1)
                }
                None => Err(nest.fault(opener)),
            },
            b':' if open.is_empty() => {
                nest.spec();
                Ok(at + 1)
            }
            _ => {
                let word = self.word(at);
                let quote = at + word.len();
                match self.byte(quote) {
                    Some(b'"' | b'\'') if is_prefix(word) => self.inner_string(at, quote, nest, opener),
                    _ if word.is_empty() => Ok(at + self.character(at)),
                    _ => Ok(at + word.len()),
                }
            }
        }
    }

    fn inner_string(&self, at: usize, quote: usize, nest: &mut Nest, opener: &Range<usize>) -> Result<usize, Fault> {
        if !is_formatted(&self.text[at..quote]) {
            return self.plain_end(quote).ok_or_else(|| nest.fault(opener));
        }
        let end = quote + self.quotes(quote);
        nest.frames.push(self.text_frame(end));
        nest.check(at)?;
        Ok(end)
    }
}

impl Iterator for Lexemes<'_> {
    type Item = Result<Lexeme, Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(lexeme) = self.waiting.pop_front() {
            return Some(Ok(lexeme));
        }
        loop {
            if std::mem::take(&mut self.at_line_start) {
                self.at = self.after_blanks(self.at);
                if let Some(head) = self.values_head() {
                    return Some(Ok(head));
                }
            }
            let byte = self.byte(self.at)?;
            if let Some(length) = self.line_end(self.at) {
                self.at_line_start = true;
                return Some(Ok(self.take(Kind::LineEnd, length)));
            }
            match byte {
                b'#' => return Some(Ok(self.take(Kind::Comment, self.line_rest(self.at)))),
                b'(' | b'[' | b'{' => return Some(Ok(self.take(Kind::Opener, 1))),
                b')' | b']' | b'}' => return Some(Ok(self.take(Kind::Closer, 1))),
                b'\\' => match self.line_end(self.at + 1) {
                    Some(length) => return Some(Ok(self.take(Kind::JoinedLine, 1 + length))),
                    None => self.at += 1,
                },
                _ => {
                    let word = self.word(self.at);
                    let quote = self.at + word.len();
                    if matches!(self.byte(quote), Some(b'"' | b'\'')) && is_prefix(word) {
                        let string = self.string(quote);
                        // What is in it comes first.
                        return match string {
                            Ok(string) if !self.waiting.is_empty() => {
                                self.waiting.push_back(string);
                                self.waiting.pop_front().map(Ok)
                            }
                            other => Some(other),
                        };
                    }
                    self.at += if word.is_empty() { self.character(self.at) } else { word.len() };
                }
            }
        }
    }
}

/// A formatted string's text, or a replacement field of it.
enum Frame {
    Text {
        quote: u8,
        length: usize,
    },
    Field {
        /// Where its open brackets stand.
        open: Vec<usize>,
        /// Behind its colon.
        spec: bool,
    },
}

struct Nest {
    frames: Vec<Frame>,
    /// The outermost field.
    outer: Range<usize>,
    /// How many brackets are open in all fields.
    brackets: usize,
}

impl Nest {
    /// Of the text that is around the present place.
    fn quotes(&self) -> (u8, usize) {
        let text = self.frames.iter().rev().find_map(|frame| match frame {
            Frame::Text { quote, length } => Some((*quote, *length)),
            Frame::Field { .. } => None,
        });
        text.expect("the outermost frame is a text")
    }

    fn field(&mut self, at: usize) -> Result<usize, Fault> {
        if self.frames.len() == 1 {
            self.outer = at..at + 1;
        }
        self.frames.push(Frame::Field { open: Vec::new(), spec: false });
        self.check(at)?;
        Ok(at + 1)
    }

    fn spec(&mut self) {
        if let Some(Frame::Field { spec, .. }) = self.frames.last_mut() {
            *spec = true;
        }
    }

    fn check(&self, at: usize) -> Result<(), Fault> {
        let depth = self.frames.len() + self.brackets;
        if depth > DEEPEST_BRACKETS { Err(Fault::TooDeep(at..at + 1)) } else { Ok(()) }
    }

    /// What is wrong where the text ends, or a quote or bracket stands that cannot: the outermost string has no end, or
    /// its outermost field.
    fn fault(&self, opener: &Range<usize>) -> Fault {
        if self.frames.len() == 1 { Fault::String(opener.clone()) } else { Fault::Field(self.outer.clone()) }
    }
}

fn partner(opener: u8) -> u8 {
    match opener {
        b'(' => b')',
        b'[' => b']',
        _ => b'}',
    }
}

/// Whether a word may stand before a string's quotes; none may, too.
fn is_prefix(word: &str) -> bool {
    ["", "r", "b", "u", "f", "rb", "br", "rf", "fr"].iter().any(|prefix| prefix.eq_ignore_ascii_case(word))
}

fn is_formatted(prefix: &str) -> bool {
    prefix.contains(['f', 'F'])
}
