//! Diagnostics: what went wrong, where in which source text, why, and how to mend it; rendered in one place.
//! Every stage has its own error type and turns it into a [`Diagnostic`]; this file knows none of them.

use std::ops::Range;
use std::sync::Arc;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use serde::Serialize;

/// A source text, by its place in [`Sources`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct SourceId(pub u32);

/// A range of bytes in a source text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Span {
    pub source: SourceId,
    pub start: u32,
    pub end: u32,
}

impl Span {
    pub fn new(source: SourceId, range: Range<usize>) -> Self {
        let clamp = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Span { source, start: clamp(range.start), end: clamp(range.end) }
    }

    pub fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// The smallest span that covers both (of one source).
    pub fn to(self, other: Span) -> Span {
        Span { source: self.source, start: self.start.min(other.start), end: self.end.max(other.end) }
    }
}

/// The texts that spans point into: the Rulefile, what it includes, configuration files, the command line.
#[derive(Debug, Default, Clone)]
pub struct Sources {
    files: Vec<(String, Arc<str>)>,
}

impl Sources {
    /// Adds a text under the name that messages show.
    pub fn add(&mut self, name: impl Into<String>, text: impl Into<Arc<str>>) -> SourceId {
        self.files.push((name.into(), text.into()));
        SourceId(u32::try_from(self.files.len() - 1).expect("fewer than 2^32 source files"))
    }

    /// All texts, in the order in which they were added.
    pub fn ids(&self) -> impl Iterator<Item = SourceId> + use<> {
        (0..u32::try_from(self.files.len()).expect("fewer than 2^32 source files")).map(SourceId)
    }

    pub fn name(&self, id: SourceId) -> &str {
        &self.files[id.0 as usize].0
    }

    pub fn text(&self, id: SourceId) -> &Arc<str> {
        &self.files[id.0 as usize].1
    }

    /// Line and column of a byte offset, both from 1; columns count characters.
    pub fn line_column(&self, id: SourceId, offset: u32) -> (usize, usize) {
        let text = self.text(id);
        let before = text.get(..offset as usize).unwrap_or(text);
        let start = before.rfind('\n').map_or(0, |at| at + 1);
        (before.matches('\n').count() + 1, before[start..].chars().count() + 1)
    }

    /// `FILE:LINE:COLUMN`, as terminals and editors link it.
    pub fn place(&self, span: Span) -> String {
        let (line, column) = self.line_column(span.source, span.start);
        format!("{}:{line}:{column}", self.name(span.source))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Error,
    Warning,
}

/// A place, and what to say of it.
pub type Label = (Span, String);

/// One message for a person: what is wrong, the places it is about (the first is the main one), why, and how to mend it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    pub severity: Severity,
    /// What the kind of message is called, where it has a name that users need.
    pub code: Option<&'static str>,
    pub message: String,
    pub labels: Vec<Label>,
    /// Why: further facts, one line each.
    pub notes: Vec<String>,
    /// How to mend it, one line each.
    pub helps: Vec<String>,
}

impl Diagnostic {
    pub fn error(message: impl Into<String>) -> Self {
        Diagnostic {
            severity: Severity::Error,
            code: None,
            message: message.into(),
            labels: Vec::new(),
            notes: Vec::new(),
            helps: Vec::new(),
        }
    }

    pub fn warning(message: impl Into<String>) -> Self {
        Diagnostic { severity: Severity::Warning, ..Self::error(message) }
    }

    /// Points at a place; `text` stands beside its caret and may be empty.
    #[must_use]
    pub fn at(mut self, span: Span, text: impl Into<String>) -> Self {
        self.labels.push((span, text.into()));
        self
    }

    #[must_use]
    pub fn note(mut self, text: impl Into<String>) -> Self {
        self.notes.push(text.into());
        self
    }

    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.helps.push(text.into());
        self
    }

    /// The message as the terminal shows it, without a final newline.
    pub fn render(&self, sources: &Sources, colour: bool) -> String {
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let message = printable(&self.message);
        let title = level.primary_title(message.as_str());
        let title = match self.code {
            Some(code) => title.id(code),
            None => title,
        };
        let mut group = title.elements(Vec::<Snippet<'_, annotate_snippets::Annotation<'_>>>::new());
        let mut by_source: Vec<(SourceId, Vec<(usize, &Label)>)> = Vec::new();
        for (order, label) in self.labels.iter().enumerate() {
            match by_source.iter_mut().find(|(id, _)| *id == label.0.source) {
                Some((_, labels)) => labels.push((order, label)),
                None => by_source.push((label.0.source, vec![(order, label)])),
            }
        }
        for (id, labels) in by_source {
            let text = sources.text(id);
            let mut snippet = Snippet::source(&**text).path(sources.name(id)).line_start(1);
            for (order, (span, words)) in labels {
                let kind = if order == 0 { AnnotationKind::Primary } else { AnnotationKind::Context };
                let mut annotation = kind.span(within(text, span.range()));
                if !words.is_empty() {
                    annotation = annotation.label(words.as_str());
                }
                snippet = snippet.annotation(annotation);
            }
            group = group.element(snippet);
        }
        for note in &self.notes {
            group = group.element(Level::NOTE.message(printable(note)));
        }
        for help in &self.helps {
            group = group.element(Level::HELP.message(printable(help)));
        }
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        renderer.render(&[group]).to_string()
    }
}

/// A range that lies in the text and on character boundaries, whatever was asked for.
fn within(text: &str, range: Range<usize>) -> Range<usize> {
    let floor = |mut at: usize| {
        at = at.min(text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        at
    };
    let (start, end) = (floor(range.start), floor(range.end));
    start..end.max(start)
}

/// What is not shown as it is: it would move the cursor, break a line, or turn the direction of the text around it
/// (Unicode Technical Report 36, 3.1).
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// Characters made visible that would do something instead of being seen, so that a file name cannot write to the
/// terminal; newlines stay.
pub fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if is_hidden(c) && c != '\n' {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}

/// The same for JSON: in its strings, where alone they can be, such characters become escapes of its own.
pub fn printable_json(json: String) -> String {
    let is_hidden = |c: char| is_hidden(c) && c != '\n';
    if !json.contains(is_hidden) {
        return json;
    }
    let escaped = |c: char| if is_hidden(c) { format!("\\u{:04x}", u32::from(c)) } else { c.to_string() };
    json.chars().map(escaped).collect()
}
