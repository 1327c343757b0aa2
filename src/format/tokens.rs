//! The tokens of a Rulefile with their comments, from the same lexemes that the layout pass reads. A text that parses
//! goes in. Knows where logical lines begin; nothing of statements.

use std::ops::Range;

use crate::rulefile::layout::Layout;
use crate::rulefile::lexemes::{Kind as Lexeme, Lexemes};
use crate::words::{starts_word, word_at_head};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Word,
    Number,
    String,
    Operator,
    Opener,
    Closer,
}

#[derive(Debug, Clone)]
pub struct Token {
    pub kind: Kind,
    /// As it is written anew: strings have double quotes where these need no escape.
    pub text: String,
    pub range: Range<usize>,
    /// Its logical line begins with it.
    pub begins_line: bool,
    /// A backslash and a line end stand before it.
    pub joined: bool,
    /// Comments on lines of their own before it, within its statement.
    pub before: Vec<String>,
    /// The comment behind it, on its line.
    pub after: Option<String>,
}

impl Token {
    pub fn is(&self, text: &str) -> bool {
        self.text == text && self.kind != Kind::String
    }

    /// Whether it reaches over more than one line.
    pub fn is_long(&self) -> bool {
        self.text.contains('\n')
    }
}

/// The tokens of `text`, in order, without comments.
pub fn tokens(text: &str, layout: &Layout) -> Vec<Token> {
    let mut pass = Pass { text, tokens: Vec::new(), begins_line: true, joined: false };
    let mut at = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    for lexeme in Lexemes::new(text) {
        let (kind, range) = lexeme.expect("the text was laid out");
        // A field's line ends and comments come before the string that they are in.
        if range.start < at {
            continue;
        }
        match kind {
            Lexeme::FieldBreak => continue,
            Lexeme::Comment if in_string(range.start, layout) => continue,
            _ => {}
        }
        pass.plain(at..range.start);
        at = range.end;
        match kind {
            Lexeme::ValuesHead => pass.plain(range),
            Lexeme::String => pass.push(Kind::String, range),
            Lexeme::Opener => pass.push(Kind::Opener, range),
            Lexeme::Closer => pass.push(Kind::Closer, range),
            Lexeme::LineEnd => pass.begins_line |= !is_folded(layout, range.start),
            Lexeme::JoinedLine => pass.joined = true,
            Lexeme::Comment | Lexeme::FieldBreak => {}
        }
    }
    pass.plain(at..text.len());
    pass.tokens
}

/// Whether a comment stands in a field of a string; only long ones can hold one.
fn in_string(at: usize, layout: &Layout) -> bool {
    let after = layout.long_strings.partition_point(|string| string.start <= at);
    after > 0 && at < layout.long_strings[after - 1].end
}

/// Whether the layout pass joined the lines that meet here.
fn is_folded(layout: &Layout, at: usize) -> bool {
    layout.text.as_bytes()[at] == b'\x0B'
}

struct Pass<'t> {
    text: &'t str,
    tokens: Vec<Token>,
    begins_line: bool,
    joined: bool,
}

impl Pass<'_> {
    fn push(&mut self, kind: Kind, range: Range<usize>) {
        let written = &self.text[range.clone()];
        let text = if kind == Kind::String { double_quoted(written) } else { written.to_owned() };
        let begins_line = std::mem::take(&mut self.begins_line);
        let joined = std::mem::take(&mut self.joined);
        self.tokens.push(Token { kind, text, range, begins_line, joined, before: Vec::new(), after: None });
    }

    /// Words, numbers and operators.
    fn plain(&mut self, range: Range<usize>) {
        let mut at = range.start;
        while at < range.end {
            let rest = &self.text[at..range.end];
            let first = rest.chars().next().expect("there is text left");
            let (kind, length) = if first.is_whitespace() {
                at += first.len_utf8();
                continue;
            } else if starts_word(first) {
                (Kind::Word, word_at_head(rest).len())
            } else if first.is_ascii_digit() || first == '.' && rest[1..].starts_with(|c: char| c.is_ascii_digit()) {
                (Kind::Number, number(rest))
            } else {
                let known = OPERATORS.iter().find(|operator| rest.starts_with(**operator));
                (Kind::Operator, known.map_or(first.len_utf8(), |operator| operator.len()))
            };
            self.push(kind, at..at + length);
            at += length;
        }
    }
}

/// Those of more than one character, the longer ones first.
const OPERATORS: &[&str] = &[
    "**=", "//=", ">>=", "<<=", "...", "->", ":=", "==", "!=", "<=", ">=", "**", "//", ">>", "<<", "+=", "-=", "*=",
    "/=", "%=", "@=", "&=", "|=", "^=",
];

/// How long the number at the start of `text` is; the grammar's rule `number`.
fn number(text: &str) -> usize {
    let bytes = text.as_bytes();
    let digits = |mut at: usize| {
        while bytes.get(at).is_some_and(|byte| byte.is_ascii_digit() || *byte == b'_') {
            at += 1;
        }
        at
    };
    if bytes[0] == b'0' && bytes.get(1).is_some_and(|byte| b"xXoObB".contains(byte)) {
        let rest = text[2..].find(|c: char| !(c.is_ascii_hexdigit() || c == '_'));
        return rest.map_or(text.len(), |length| length + 2);
    }
    let mut at = digits(0);
    if bytes.get(at) == Some(&b'.') {
        at = digits(at + 1);
    }
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
        if bytes.get(at + 1 + sign).is_some_and(u8::is_ascii_digit) {
            at = digits(at + 1 + sign);
        }
    }
    at + usize::from(matches!(bytes.get(at), Some(b'j' | b'J')))
}

/// A string literal with double quotes, unless its text has some, or an escaped quote.
pub fn double_quoted(literal: &str) -> String {
    let Some(open) = literal.find('\'') else { return literal.to_owned() };
    let (prefix, rest) = literal.split_at(open);
    let length = if rest.starts_with("'''") && rest.len() >= 6 { 3 } else { 1 };
    let body = &rest[length..rest.len() - length];
    if prefix.contains('"') || body.contains('"') || body.contains("\\'") || (length == 3 && body.ends_with('\\')) {
        return literal.to_owned();
    }
    let quotes = &"\"\"\""[..length];
    format!("{prefix}{quotes}{body}{quotes}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_end_where_the_grammar_ends_them() {
        for (text, length) in
            [("1if", 1), ("1.5e-3)", 6), ("0x1Fg", 4), ("1_000,", 5), ("1.", 2), (".5j", 3), ("1e", 1), ("12..", 3)]
        {
            assert_eq!(number(text), length, "{text}");
        }
    }

    #[test]
    fn quotes_change_only_where_nothing_else_does() {
        for (literal, double) in [
            ("'a'", "\"a\""),
            ("r'\\d'", "r\"\\d\""),
            ("'a\"b'", "'a\"b'"),
            ("'it\\'s'", "'it\\'s'"),
            ("'''a\nb'''", "\"\"\"a\nb\"\"\""),
            ("''", "\"\""),
            ("f'{x[\"a\"]}'", "f'{x[\"a\"]}'"),
            ("\"it's\"", "\"it's\""),
        ] {
            assert_eq!(double_quoted(literal), double);
        }
    }
}
