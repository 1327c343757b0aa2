//! The first reading of a Rulefile: finds strings, comments and brackets, and gives a text of the same length in which
//! comments are blank and the lines that belong together are one line (a joined line end is a vertical tab), so that
//! every offset stays the user's. It reports what has no partner, and indentation that nobody can compare. It knows
//! nothing of statements except which lines begin a list of values.

use std::ops::Range;

use super::lexemes::{DEEPEST_BRACKETS, Fault, Kind, Lexemes};
use crate::diagnostic::{Diagnostic, SourceId, Span};

const BYTE_ORDER_MARK: &str = "\u{feff}";

/// What the first reading found.
#[derive(Debug, Clone)]
pub struct Layout {
    /// As long as the user's text.
    pub text: String,
    /// In the order of the text, without the line ends.
    pub comments: Vec<Range<usize>>,
    /// String literals with a line end in them, in the order of the text.
    pub long_strings: Vec<Range<usize>>,
}

/// Reads the lexemes of `text`.
pub fn layout(source: SourceId, text: &str) -> Result<Layout, Diagnostic> {
    let mut pass = Pass {
        source,
        text,
        out: text.as_bytes().to_vec(),
        comments: Vec::new(),
        long_strings: Vec::new(),
        brackets: Vec::new(),
        values: None,
        decided: (0, false),
        line_start: 0,
        indentation: 0..0,
    };
    if text.starts_with(BYTE_ORDER_MARK) {
        pass.blank(0..BYTE_ORDER_MARK.len(), b'\n');
        pass.line_start = BYTE_ORDER_MARK.len();
    }
    pass.decide(pass.line_start)?;
    for lexeme in Lexemes::new(text) {
        let (kind, range) = lexeme.map_err(|fault| pass.fault(fault))?;
        match kind {
            Kind::Comment => {
                pass.blank(range.clone(), b' ');
                pass.comments.push(range);
            }
            Kind::Opener => pass.open(range)?,
            Kind::Closer => pass.close(range)?,
            Kind::LineEnd => pass.line_end(range)?,
            Kind::FieldBreak => pass.blank(range, FOLDED),
            Kind::JoinedLine => {
                pass.blank(range.start..range.start + 1, b' ');
                pass.blank(range.start + 1..range.end, FOLDED);
            }
            Kind::ValuesHead => pass.values_head(range),
            Kind::String => pass.string(range),
        }
    }
    pass.finish()
}

/// Stands for a line end that ends nothing.
const FOLDED: u8 = b'\x0B';

struct Pass<'a> {
    source: SourceId,
    text: &'a str,
    out: Vec<u8>,
    comments: Vec<Range<usize>>,
    long_strings: Vec<Range<usize>>,
    /// Where the open brackets stand.
    brackets: Vec<usize>,
    /// Inside a list of values: the indentation of the line that began it.
    values: Option<Range<usize>>,
    /// All line ends before this offset are joined, or not.
    decided: (usize, bool),
    line_start: usize,
    /// Of the last line that was not joined to the one before it.
    indentation: Range<usize>,
}

impl Pass<'_> {
    fn blank(&mut self, range: Range<usize>, with: u8) {
        self.out[range].fill(with);
    }

    fn error(&self, message: &str, range: Range<usize>) -> Diagnostic {
        Diagnostic::error(message).at(Span::new(self.source, range), "")
    }

    fn open(&mut self, range: Range<usize>) -> Result<(), Diagnostic> {
        if self.brackets.len() == DEEPEST_BRACKETS {
            return Err(self.fault(Fault::TooDeep(range)));
        }
        self.brackets.push(range.start);
        Ok(())
    }

    fn close(&mut self, range: Range<usize>) -> Result<(), Diagnostic> {
        let closer = &self.text[range.clone()];
        let Some(opened) = self.brackets.pop() else {
            return Err(self.error(&format!("`{closer}` closes nothing"), range));
        };
        let expected = partner(&self.text[opened..=opened]);
        if closer == expected {
            return Ok(());
        }
        Err(self.mismatch(opened, range))
    }

    fn mismatch(&self, opened: usize, closer: Range<usize>) -> Diagnostic {
        let opener = &self.text[opened..=opened];
        Diagnostic::error(format!("`{}` does not close `{opener}`", &self.text[closer.clone()]))
            .at(Span::new(self.source, closer), format!("expected `{}`", partner(opener)))
            .at(Span::new(self.source, opened..opened + 1), "opened here")
    }

    fn fault(&self, fault: Fault) -> Diagnostic {
        match fault {
            Fault::String(opener) => self.unclosed_string(opener),
            Fault::Field(brace) => self
                .error("this brace of a formatted string has no partner", brace)
                .help("close the field with `}`, or write `{{` and `}}` for braces that are meant as text"),
            Fault::Bracket { opener, closer } => self.mismatch(opener, closer),
            Fault::TooDeep(range) => {
                self.error(&format!("brackets are nested deeper than {DEEPEST_BRACKETS} levels"), range)
            }
        }
    }

    fn values_head(&mut self, range: Range<usize>) {
        if self.brackets.is_empty() && self.values.is_none() {
            self.values = Some(self.line_start..range.start);
        }
    }

    fn string(&mut self, range: Range<usize>) {
        if self.text[range.clone()].contains(['\n', '\r']) {
            self.long_strings.push(range);
        }
    }

    fn line_end(&mut self, range: Range<usize>) -> Result<(), Diagnostic> {
        self.line_start = range.end;
        if !self.brackets.is_empty() {
            self.blank(range, FOLDED);
            return Ok(());
        }
        if range.start >= self.decided.0 {
            self.decide(range.end)?;
        }
        if self.decided.1 {
            self.blank(range, FOLDED);
        } else {
            self.values = None;
        }
        Ok(())
    }

    /// Finds the next line with something on it, and whether it goes on with the values before it.
    fn decide(&mut self, from: usize) -> Result<(), Diagnostic> {
        let bytes = self.text.as_bytes();
        let (mut start, mut at) = (from, from);
        while at < bytes.len() {
            match bytes[at] {
                b' ' | b'\t' => at += 1,
                b'\n' | b'\r' => {
                    at += 1;
                    start = at;
                }
                // A form feed begins the line anew, as in Python; as a line end it makes what is before it a blank line.
                b'\x0C' => {
                    self.out[at] = b'\n';
                    at += 1;
                    start = at;
                }
                b'#' => at = self.text[at..].find(['\n', '\r']).map_or(bytes.len(), |length| at + length),
                _ => break,
            }
        }
        let next = start..at;
        self.decided = (at, false);
        if at == bytes.len() {
            return Ok(());
        }
        let against = self.values.clone().unwrap_or(self.indentation.clone());
        let (old, new) = (&self.text[against], &self.text[next.clone()]);
        if !old.starts_with(new) && !new.starts_with(old) {
            let error = self.error("tabs and blanks are mixed in the indentation", next);
            return Err(error
                .note("the line before is indented with other characters, so that neither is clearly deeper")
                .help("indent with blanks only, or with tabs only"));
        }
        if self.values.is_some() && new.len() > old.len() {
            self.decided.1 = true;
        } else {
            self.indentation = next;
        }
        Ok(())
    }

    fn unclosed_string(&self, range: Range<usize>) -> Diagnostic {
        let opener = &self.text[range.clone()];
        let quotes = opener.trim_start_matches(|c: char| c.is_ascii_alphabetic());
        self.error("this string is never closed", range).help(match quotes.len() {
            3 => format!("end it with {quotes}"),
            _ => format!(
                "end it with {quotes} on the same line, or use {quotes}{quotes}{quotes} for a text of several lines"
            ),
        })
    }

    fn finish(self) -> Result<Layout, Diagnostic> {
        if let Some(&opened) = self.brackets.last() {
            let opener = &self.text[opened..=opened];
            let error = self.error(&format!("`{opener}` is never closed"), opened..opened + 1);
            return Err(error.help(format!("add `{}` where its content ends", partner(opener))));
        }
        let text = String::from_utf8(self.out).expect("only whole comments, line ends and marks were blanked");
        Ok(Layout { text, comments: self.comments, long_strings: self.long_strings })
    }
}

fn partner(opener: &str) -> &'static str {
    match opener {
        "(" => ")",
        "[" => "]",
        _ => "}",
    }
}
