//! The formatter behind `flow --fmt`: the text of a Rulefile in, the same Rulefile in one shape out. Comments are kept,
//! formatting twice changes nothing more, and the meaning stays: the tokens of both texts are compared before anything
//! is given back. Knows text; never files, rules or jobs. `docs/fmt.md` says what the shape is.

mod lines;
mod page;
mod segments;
mod spacing;
mod tokens;

use std::sync::Arc;

use self::segments::{Role, segments};
use self::tokens::{Token, tokens};
use crate::diagnostic::{Diagnostic, SourceId};
use crate::rulefile::layout::layout;
use crate::rulefile::parse::parse;

/// The formatted text.
///
/// # Errors
/// What cannot be read, as `flow` itself says it.
pub fn format(source: SourceId, text: &Arc<str>) -> Result<String, Diagnostic> {
    let file = parse(source, text)?;
    let mut formatted = page::page(&file, &layout(source, text)?);
    // Where line ends are mixed, those within strings are content.
    let line_ends = text.matches('\n').count();
    if line_ends > 0 && line_ends == text.matches("\r\n").count() {
        formatted = formatted.replace("\r\n", "\n").replace('\n', "\r\n");
    }
    let same = skeleton(source, &Arc::from(formatted.as_str())).is_ok_and(|new| Ok(new) == skeleton(source, text));
    if !same {
        let error = Diagnostic::error("this file cannot be formatted without changing what it says");
        return Err(error
            .note("it is left as it is")
            .help("please report this, with the file, as a fault of `flow --fmt`"));
    }
    Ok(formatted)
}

/// What a text says: its lines with their depths and kinds, each with its tokens; and how much its comments say.
type Skeleton = (Vec<(usize, Role, Vec<String>)>, usize);

fn skeleton(source: SourceId, text: &Arc<str>) -> Result<Skeleton, Diagnostic> {
    let file = parse(source, text)?;
    let layout = layout(source, text)?;
    let tokens = tokens(text, &layout);
    let segments = segments(&file, &tokens);
    let mut lines = Vec::new();
    let mut from = 0;
    for (number, segment) in segments.iter().enumerate() {
        let end = segments.get(number + 1).map_or(usize::MAX, |next| next.at);
        let to = tokens.partition_point(|token| token.range.start < end);
        lines.push((segment.depth, segment.role, words(&tokens[from..to], segment.role)));
        from = to;
    }
    let comments =
        layout.comments.iter().map(|range| text[range.clone()].split_whitespace().map(str::len).sum::<usize>());
    Ok((lines, comments.sum()))
}

/// The tokens of a line without commas that end a list, and without `;`.
fn words(tokens: &[Token], role: Role) -> Vec<String> {
    let values = matches!(role, Role::Directive | Role::Keyword);
    let mut words: Vec<String> = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let ends_list = token.is(",") && tokens.get(at + 1).map_or(values, |next| next.kind == tokens::Kind::Closer);
        let makes_tuple = ends_list && !values && is_only_comma(tokens, at);
        if !(token.is(";") || ends_list && !makes_tuple) {
            words.push(token.text.clone());
        }
    }
    words
}

/// Whether the comma at `at`, before a closing bracket, is the only one in it: it may make a tuple of one.
fn is_only_comma(tokens: &[Token], at: usize) -> bool {
    let mut depth = 0usize;
    for token in tokens[..at].iter().rev() {
        match token.kind {
            tokens::Kind::Closer => depth += 1,
            tokens::Kind::Opener if depth == 0 => return !token.is("{"),
            tokens::Kind::Opener => depth -= 1,
            _ if depth == 0 && token.is(",") => return false,
            _ => {}
        }
    }
    false
}
