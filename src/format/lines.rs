//! A line laid out: on one line where it fits; else split at its brackets, and within brackets at what binds least, each
//! piece on a line of its own. A comma that the author wrote behind the last item keeps the items on lines of their own.

use super::spacing::Place;
use super::tokens::{Kind, Token};

/// The widest line, in characters.
pub const WIDTH: usize = 120;
/// A line with more brackets beside one another, none of which helps, is left long.
const MOST_BRACKETS: usize = 100;
/// The blanks of one level.
pub const INDENT: usize = 4;

/// A run of tokens with their places.
#[derive(Debug, Clone, Copy)]
pub struct Piece<'a> {
    pub tokens: &'a [Token],
    pub places: &'a [Place],
    /// A comma is written behind it that is not among its tokens.
    pub comma: bool,
    /// The comments before its first token are written already.
    pub begun: bool,
}

/// How tightly a token binds what is on its sides, from what binds least.
const COMPREHENSION: u8 = 20;
const COMMA: u8 = 18;
const CONDITIONAL: u8 = 16;
const LOGIC: u8 = 14;
const STRINGS: u8 = 12;
const COMPARISON: u8 = 10;

impl<'a> Piece<'a> {
    pub fn new(tokens: &'a [Token], places: &'a [Place]) -> Self {
        Piece { tokens, places, comma: false, begun: false }
    }

    pub fn part(&self, from: usize, to: usize) -> Piece<'a> {
        let comma = self.comma && to == self.tokens.len();
        Piece { tokens: &self.tokens[from..to], places: &self.places[from..to], comma, begun: self.begun && from == 0 }
    }

    /// On one line, without comments.
    pub fn flat(&self) -> String {
        let mut out = String::new();
        for (at, (token, place)) in self.tokens.iter().zip(self.places).enumerate() {
            if at > 0 && place.blank {
                out.push(' ');
            }
            out.push_str(&token.text);
        }
        if self.comma {
            out.push(',');
        }
        out
    }

    /// Whether something in it asks for more than one line, however short it is.
    pub fn must_split(&self) -> bool {
        let last = self.tokens.len().saturating_sub(1);
        let commented = self
            .tokens
            .iter()
            .enumerate()
            .any(|(at, token)| at > 0 && !token.before.is_empty() || at < last && token.after.is_some());
        commented || self.brackets().any(|(open, close)| self.keeps_lines(open, close))
    }

    /// The same of what is in its brackets. A comment outside of them goes above the line or behind it.
    fn splits_inside(&self) -> bool {
        let last = self.tokens.len().saturating_sub(1);
        let mut level = 0usize;
        let commented = self.tokens.iter().enumerate().any(|(at, token)| {
            let before = level > 0 && !token.before.is_empty();
            match token.kind {
                Kind::Opener => level += 1,
                Kind::Closer => level = level.saturating_sub(1),
                _ => {}
            }
            before || level > 0 && at < last && token.after.is_some()
        });
        commented || self.brackets().any(|(open, close)| self.keeps_lines(open, close))
    }

    /// All brackets that open and close in it, by the places of both, in the order of their ends.
    fn brackets(&self) -> impl Iterator<Item = (usize, usize)> {
        let mut open = Vec::new();
        self.tokens.iter().enumerate().filter_map(move |(at, token)| match token.kind {
            Kind::Opener => {
                open.push(at);
                None
            }
            Kind::Closer => open.pop().map(|start| (start, at)),
            _ => None,
        })
    }

    /// A comma behind the last item, which is more than the mark of a tuple of one.
    fn keeps_lines(&self, open: usize, close: usize) -> bool {
        if close < open + 2 || !self.tokens[close - 1].is(",") {
            return false;
        }
        let is_mark = self.tokens[open].is("(") && !self.places[open].trails
            || self.tokens[open].is("[") && self.places[open].trails;
        !is_mark || self.part(open + 1, close).commas() > 1
    }

    fn commas(&self) -> usize {
        let base = self.base();
        self.tokens.iter().zip(self.places).filter(|(token, place)| place.depth == base && token.is(",")).count()
    }

    /// The depth of its outermost tokens.
    fn base(&self) -> usize {
        self.places.iter().map(|place| place.depth).min().unwrap_or(0)
    }

    /// How little the token at `at` binds: 0 for what holds no pieces apart. A comma ends a piece, all else begins one.
    fn looseness(&self, at: usize) -> u8 {
        let token = &self.tokens[at];
        let before = at.checked_sub(1).map(|at| &self.tokens[at]);
        match token.kind {
            Kind::String if before.is_some_and(|before| before.kind == Kind::String) => STRINGS,
            Kind::Word if before.is_some_and(|before| before.is(".")) => 0,
            Kind::Word => match token.text.as_str() {
                "for" => COMPREHENSION,
                "if" if self.filters(at) => COMPREHENSION,
                "if" | "else" => CONDITIONAL,
                "and" | "or" => LOGIC,
                "in" if before.is_some_and(|before| before.is("not")) => 0,
                "in" | "is" => COMPARISON,
                "not" if self.tokens.get(at + 1).is_some_and(|next| next.is("in")) => COMPARISON,
                _ => 0,
            },
            Kind::Operator if token.is(",") => COMMA,
            Kind::Operator if self.places[at].binary => match token.text.as_str() {
                "<" | ">" | "==" | "!=" | "<=" | ">=" => COMPARISON,
                "|" => 9,
                "^" => 8,
                "&" => 7,
                "<<" | ">>" => 6,
                "+" | "-" => 5,
                "*" | "/" | "//" | "%" | "@" => 4,
                "**" => 1,
                _ => 0,
            },
            _ => 0,
        }
    }

    /// Whether the `if` at `at` is that of a comprehension: after a `for`, and without an `else` of its own.
    fn filters(&self, at: usize) -> bool {
        let depth = self.places[at].depth;
        let of_level = |at: &usize| self.places[*at].depth == depth;
        let is = |at: usize, words: &[&str]| words.iter().any(|word| self.tokens[at].is(word));
        let start = (0..at).rev().filter(of_level).find(|&before| is(before, &[",", "for"]));
        let end = (at + 1..self.tokens.len()).filter(of_level).find(|&after| is(after, &[",", "for", "if", "else"]));
        start.is_some_and(|start| is(start, &["for"])) && end.is_none_or(|end| !is(end, &["else"]))
    }

    /// Its parts, each of which may have a line: split at what binds least. `None` if nothing holds it apart.
    fn split(&self) -> Option<(u8, Vec<Piece<'a>>)> {
        let base = self.base();
        let last = self.tokens.len().checked_sub(1)?;
        let places: Vec<(usize, u8)> = (0..=last)
            .filter(|&at| self.places[at].depth == base)
            .map(|at| (at, self.looseness(at)))
            .filter(|&(at, looseness)| looseness > 0 && if looseness == COMMA { at < last } else { at > 0 })
            .collect();
        let loosest = places.iter().map(|(_, looseness)| *looseness).max()?;
        let mut parts = Vec::new();
        let mut from = 0;
        for (at, _) in places.iter().filter(|(_, looseness)| *looseness == loosest) {
            let to = at + usize::from(loosest == COMMA);
            parts.push(self.part(from, to));
            from = to;
        }
        parts.push(self.part(from, self.tokens.len()));
        Some((loosest, parts))
    }

    /// The values between its commas.
    pub fn values(&self) -> Vec<Piece<'a>> {
        match self.split() {
            Some((COMMA, parts)) => parts,
            _ => vec![*self],
        }
    }

    /// Whether it is nothing but adjacent strings, more than one.
    pub fn is_strings(&self) -> bool {
        let strings = self.tokens.iter().filter(|token| token.kind == Kind::String).count();
        strings > 1 && self.tokens.iter().all(|token| token.kind == Kind::String || token.is(","))
    }

    /// The bracket to split at: the last one behind whose opening what comes before fits, and what comes after.
    fn bracket(&self, indent: usize) -> Option<(usize, usize)> {
        let base = self.base();
        let pairs: Vec<(usize, usize)> =
            self.brackets().filter(|&(open, close)| self.places[open].depth == base && close > open + 1).collect();
        // More tokens than columns cannot fit; they are not even written out, so that long lines cost no more than long.
        let fits = |part: Piece<'_>| part.tokens.len() <= WIDTH && !part.splits_inside() && fits(&part.flat(), indent);
        let good = |&&(open, close): &&(usize, usize)| {
            fits(self.part(0, open + 1)) && fits(self.part(close, self.tokens.len()))
        };
        if self::fits(&self.flat(), indent) {
            // Short enough: it is only about what a bracket holds.
            return pairs.into_iter().rev().find(|&(open, close)| self.part(open, close + 1).splits_inside());
        }
        if let Some(pair) = pairs.iter().rev().find(good) {
            return Some(*pair);
        }
        pairs.last().filter(|_| pairs.len() <= MOST_BRACKETS).copied()
    }
}

/// Whether a text, which may hold a long string, stays within the width where it begins and where it ends.
pub fn fits(text: &str, indent: usize) -> bool {
    let first = text.lines().next().unwrap_or_default().chars().count();
    let last = text.rfind('\n').map_or(0, |at| text[at + 1..].chars().count());
    indent + first <= WIDTH && last <= WIDTH
}

/// Writes lines.
#[derive(Default)]
pub struct Printer {
    pub out: String,
}

impl Printer {
    pub fn raw(&mut self, text: &str, indent: usize) {
        self.out.extend(std::iter::repeat_n(' ', indent));
        self.out.push_str(text);
        self.out.push('\n');
    }

    /// One line, with the comments of all its tokens: those on lines of their own above it, the others at its end.
    pub fn flat(&mut self, piece: &Piece<'_>, indent: usize) {
        for comment in piece.tokens.iter().skip(usize::from(piece.begun)).flat_map(|token| &token.before) {
            self.raw(comment, indent);
        }
        let mut text = piece.flat();
        for comment in piece.tokens.iter().filter_map(|token| token.after.as_deref()) {
            text.push_str("  ");
            text.push_str(comment);
        }
        self.raw(&text, indent);
    }

    /// A line, split where it must be. `inside` says whether it may break anywhere: within brackets, or among values.
    pub fn line(&mut self, piece: &Piece<'_>, indent: usize, inside: bool) {
        if !piece.must_split() && fits(&piece.flat(), indent) {
            return self.flat(piece, indent);
        }
        if inside && let Some((_, parts)) = piece.split() {
            return parts.iter().for_each(|part| self.line(part, indent, true));
        }
        if let Some((open, close)) = piece.bracket(indent) {
            self.line(&piece.part(0, open + 1), indent, inside);
            self.content(piece, open, close, indent + INDENT);
            let rest = Piece { begun: true, ..piece.part(close, piece.tokens.len()) };
            return self.line(&rest, indent, inside);
        }
        match piece.tokens.iter().rposition(|token| token.joined).filter(|&at| at > 0) {
            Some(at) if !inside && !fits(&piece.flat(), indent) => self.joined(piece, at, indent),
            _ => self.flat(piece, indent),
        }
    }

    /// A line too long that the author joined with backslashes: the last of them stays.
    fn joined(&mut self, piece: &Piece<'_>, at: usize, indent: usize) {
        let first = piece.part(0, at);
        self.line(&first, indent, false);
        self.out.truncate(self.out.trim_end().len());
        self.out.push_str(" \\\n");
        self.line(&piece.part(at, piece.tokens.len()), indent + INDENT, false);
    }

    /// What is between two brackets: on one line, or an item a line.
    fn content(&mut self, piece: &Piece<'_>, open: usize, close: usize, indent: usize) {
        let body = piece.part(open + 1, close);
        let comments = &piece.tokens[close].before;
        let keeps_lines = piece.keeps_lines(open, close);
        if !keeps_lines && comments.is_empty() && !body.must_split() && fits(&body.flat(), indent) {
            return self.flat(&body, indent);
        }
        match body.split() {
            Some((COMMA, mut parts)) => {
                if let Some(last) = parts.last_mut() {
                    last.comma = !last.tokens.last().is_some_and(|token| token.is(",")) && takes_comma(piece, open);
                }
                parts.iter().for_each(|part| self.line(part, indent, true));
            }
            _ => self.line(&body, indent, true),
        }
        comments.iter().for_each(|comment| self.raw(comment, indent));
    }
}

/// Whether a comma may be added behind the last of several items: not in an index, where it could come to mean more.
fn takes_comma(piece: &Piece<'_>, open: usize) -> bool {
    !(piece.tokens[open].is("[") && piece.places[open].trails)
}
