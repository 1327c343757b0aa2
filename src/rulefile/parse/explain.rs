//! Why a text cannot be read, in the words of its author.

use pest::error::{Error, InputLocation};

use super::grammar::Rule;
use crate::diagnostic::{Diagnostic, SourceId, Span};

/// Turns the furthest place the grammar reached into a diagnostic.
pub fn explain(source: SourceId, original: &str, text: &str, error: &Error<Rule>) -> Diagnostic {
    let at = match error.location {
        InputLocation::Pos(at) | InputLocation::Span((at, _)) => at,
    };
    let _ = original;
    Diagnostic::error("this cannot be read").at(Span::new(source, at..at + 1), text.len().to_string())
}
