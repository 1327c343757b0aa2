//! String and number literals: from Python's spelling to their values.

use pest::iterators::Pair;

use super::grammar::Rule;
use super::{Builder, Result};
use crate::diagnostic::{Diagnostic, Span};
use crate::rulefile::tree::{Expr, ExprKind, Field, FormatPiece};

impl Builder<'_> {
    /// Adjacent literals, joined.
    pub(super) fn strings(&self, pair: Pair<'_, Rule>) -> Result<Expr> {
        let span = self.span(&pair);
        let mut pieces = Vec::new();
        let (mut bytes, mut formatted) = (false, false);
        for literal in pair.into_inner() {
            let Some(inner) = literal.clone().into_inner().next() else { continue };
            if inner.as_rule() == Rule::format_prefix {
                formatted = true;
                self.format_string(literal, &mut pieces)?;
                continue;
            }
            let (prefix, body) = open(inner.as_str());
            bytes |= prefix.contains(['b', 'B']);
            let offset = self.start(&inner) + prefix.len() + (inner.as_str().len() - prefix.len() - body.len()) / 2;
            push_text(&mut pieces, &self.decode(body, offset, prefix.contains(['r', 'R']), false)?);
        }
        let kind = if bytes {
            ExprKind::Bytes
        } else if formatted {
            ExprKind::FString(pieces)
        } else {
            match pieces.pop() {
                Some(FormatPiece::Text(text)) => ExprKind::Str(text),
                _ => ExprKind::Str(String::new()),
            }
        };
        Ok(Expr { kind, span })
    }

    fn format_string(&self, literal: Pair<'_, Rule>, pieces: &mut Vec<FormatPiece>) -> Result<()> {
        let mut raw = false;
        for pair in literal.into_inner() {
            match pair.as_rule() {
                Rule::format_prefix => raw = pair.as_str().contains(['r', 'R']),
                Rule::field => self.field(pair, raw, pieces)?,
                _ => push_text(pieces, &self.decode(pair.as_str(), self.start(&pair), raw, true)?),
            }
        }
        Ok(())
    }

    fn field(&self, pair: Pair<'_, Rule>, raw: bool, pieces: &mut Vec<FormatPiece>) -> Result<()> {
        let span = self.span(&pair);
        let (mut value, mut conversion, mut spec, mut shown) = (None, None, None, false);
        for inner in pair.into_inner() {
            match inner.as_rule() {
                Rule::field_value => {
                    let mut parts = inner.into_inner();
                    let expression = parts.next().expect("a field has a value");
                    if let Some(equals) = parts.next() {
                        shown = true;
                        push_text(pieces, &self.original[span.start as usize + 1..self.base + equals.as_span().end()]);
                    }
                    value = Some(self.deeper(6, span, || self.expression(expression))?);
                }
                Rule::field_conversion => conversion = inner.as_str().chars().nth(1),
                _ => {
                    let mut parts = Vec::new();
                    for part in inner.into_inner() {
                        match part.as_rule() {
                            Rule::field => self.field(part, raw, &mut parts)?,
                            _ => push_text(&mut parts, &self.decode(part.as_str(), self.start(&part), raw, false)?),
                        }
                    }
                    spec = Some(parts);
                }
            }
        }
        if shown && conversion.is_none() && spec.is_none() {
            conversion = Some('r');
        }
        let value = value.expect("a field has a value");
        pieces.push(FormatPiece::Field(Box::new(Field { value, conversion, spec, span })));
        Ok(())
    }

    /// The text that a literal's body stands for; `offset` is where the body begins.
    fn decode(&self, body: &str, offset: usize, raw: bool, braces: bool) -> Result<String> {
        if !body.contains(['\\', '\r', '{', '}']) {
            return Ok(body.to_owned());
        }
        let mut out = String::with_capacity(body.len());
        let mut rest = body;
        while let Some(c) = rest.chars().next() {
            let at = offset + body.len() - rest.len();
            rest = &rest[c.len_utf8()..];
            match c {
                '\r' => {
                    rest = rest.strip_prefix('\n').unwrap_or(rest);
                    out.push('\n');
                }
                '{' | '}' if braces => {
                    rest = rest.strip_prefix(c).unwrap_or(rest);
                    out.push(c);
                }
                '\\' if !raw => {
                    let length = escape(rest, &mut out).map_err(|message| {
                        let place = Span::new(self.source, at..at + 2);
                        self.error(message, place).help("write the character itself, or its code as `\\uXXXX`")
                    })?;
                    rest = &rest[length..];
                }
                c => out.push(c),
            }
        }
        Ok(out)
    }

    pub(super) fn number(&self, pair: &Pair<'_, Rule>) -> Result<Expr> {
        let span = self.span(pair);
        let text: String = pair.as_str().chars().filter(|c| *c != '_').collect::<String>().to_ascii_lowercase();
        let kind = if text.starts_with("0x") || text.starts_with("0o") || text.starts_with("0b") {
            ExprKind::Int(text)
        } else if text.ends_with('j') {
            ExprKind::Imaginary
        } else if text.contains(['.', 'e']) {
            ExprKind::Float(text.parse().map_err(|_| self.error("this number cannot be read", span))?)
        } else {
            let digits = text.trim_start_matches('0');
            if digits.is_empty() {
                ExprKind::Int("0".to_owned())
            } else if digits.len() < text.len() {
                return Err(leading_zeros(digits, span));
            } else {
                ExprKind::Int(text)
            }
        };
        Ok(Expr { kind, span })
    }
}

fn leading_zeros(digits: &str, span: Span) -> Diagnostic {
    let diagnostic = Diagnostic::error("a number cannot begin with 0").at(span, "");
    diagnostic.help(format!("write `{digits}`, or `0o{digits}` if it is octal"))
}

/// Splits a literal into its prefix and what stands between the quotes.
fn open(literal: &str) -> (&str, &str) {
    let quote = literal.find(['"', '\'']).unwrap_or(literal.len());
    let (prefix, rest) = literal.split_at(quote);
    let long = rest.len() >= 6 && (rest.starts_with("\"\"\"") || rest.starts_with("'''"));
    let quotes = if long { 3 } else { 1 };
    (prefix, &rest[quotes..rest.len() - quotes])
}

fn push_text(pieces: &mut Vec<FormatPiece>, text: &str) {
    match pieces.last_mut() {
        Some(FormatPiece::Text(last)) => last.push_str(text),
        _ => pieces.push(FormatPiece::Text(text.to_owned())),
    }
}

/// Decodes what follows a backslash, and says how long it is.
fn escape(rest: &str, out: &mut String) -> std::result::Result<usize, &'static str> {
    let Some(c) = rest.chars().next() else {
        out.push('\\');
        return Ok(0);
    };
    let simple = match c {
        '\n' => return Ok(1),
        '\r' => return Ok(if rest.starts_with("\r\n") { 2 } else { 1 }),
        '\\' | '\'' | '"' => c,
        'a' => '\x07',
        'b' => '\x08',
        'f' => '\x0C',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\x0B',
        'x' => return code(rest, 2, out),
        'u' => return code(rest, 4, out),
        'U' => return code(rest, 8, out),
        'N' => return Err("characters cannot be given by their Unicode names here"),
        '0'..='7' => {
            let length = rest.bytes().take(3).take_while(|b| (b'0'..=b'7').contains(b)).count();
            let value = u32::from_str_radix(&rest[..length], 8).expect("octal digits");
            out.push(char::from_u32(value).expect("three octal digits are below the surrogates"));
            return Ok(length);
        }
        // As Python does with an escape it does not know.
        c => {
            out.push('\\');
            out.push(c);
            return Ok(c.len_utf8());
        }
    };
    out.push(simple);
    Ok(1)
}

fn code(rest: &str, digits: usize, out: &mut String) -> std::result::Result<usize, &'static str> {
    let number = rest.get(1..=digits).filter(|text| text.bytes().all(|b| b.is_ascii_hexdigit()));
    let value = number.and_then(|text| u32::from_str_radix(text, 16).ok());
    let c = value.and_then(char::from_u32).ok_or("this escape is not the code of a character")?;
    out.push(c);
    Ok(digits + 1)
}
