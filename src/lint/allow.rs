//! Comments that allow findings: `# flow: allow(CODE, …)` behind a line for that line, on a line of its own for the
//! statement below (a whole rule, if that is one), and in the comment that the file begins with for all of it.

use std::ops::Range;

use super::Finding;
use super::codes::find;
use crate::diagnostic::Span;
use crate::rulefile::tree::{Block, File, RuleBody, StatementKind};

/// What the comments of one file allow, and where.
pub struct Allowed {
    entries: Vec<(String, Range<u32>)>,
    /// Comments with codes that are not there.
    pub unknown: Vec<Finding>,
}

impl Allowed {
    pub fn of(file: &File) -> Allowed {
        let mut allowed = Allowed { entries: Vec::new(), unknown: Vec::new() };
        let mut places = Vec::new();
        spans_of(&file.statements, &mut places);
        for comment in &file.comments {
            for (code, span) in codes(file, *comment) {
                if find(&code).is_none() {
                    let help = "`flow --lint all` lists the codes".to_owned();
                    let message = format!("there is no lint `{code}` to allow");
                    allowed.unknown.push(Finding { code: "unknown-allow", message, span, help });
                }
                allowed.entries.push((code, extent(file, *comment, &places)));
            }
        }
        allowed
    }

    pub fn allows(&self, finding: &Finding) -> bool {
        let at = finding.span.start;
        self.entries.iter().any(|(code, range)| code == finding.code && range.contains(&at))
    }
}

/// The codes in a comment, with their places.
fn codes(file: &File, comment: Span) -> Vec<(String, Span)> {
    let text = file.slice(comment);
    let Some(start) = text.find("flow: allow(").map(|at| at + "flow: allow(".len()) else { return Vec::new() };
    let inner = &text[start..text[start..].find(')').map_or(text.len(), |length| start + length)];
    let mut at = comment.range().start + start;
    let mut found = Vec::new();
    for part in inner.split(',') {
        let code = part.trim();
        let from = at + part.len() - part.trim_start().len();
        found.push((code.to_owned(), Span::new(file.source, from..from + code.len())));
        at += part.len() + 1;
    }
    found
}

/// Where a comment holds.
fn extent(file: &File, comment: Span, places: &[Span]) -> Range<u32> {
    let text = &*file.text;
    let start = comment.range().start;
    let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
    if !text[line_start..start].trim().is_empty() {
        let end = text[start..].find('\n').map_or(text.len(), |length| start + length);
        return Span::new(file.source, line_start..end).start..comment.end;
    }
    let is_comment = |line: &str| line.trim_start().starts_with('#');
    let head: usize = text.split_inclusive('\n').take_while(|line| is_comment(line)).map(str::len).sum();
    let stands_alone = text[head..].starts_with(['\n', '\r']) || head == text.len();
    if start < head && stands_alone {
        return 0..u32::MAX;
    }
    // The statement that begins below it, comments aside; else the comment's own block is at its end.
    let below = places.iter().filter(|span| span.start > comment.end).min_by_key(|span| (span.start, span.end));
    let outermost =
        below.map(|first| places.iter().filter(|span| span.start == first.start).map(|span| span.end).max());
    match (below, outermost.flatten()) {
        (Some(span), Some(end)) => span.start..end + 1,
        _ => comment.start..comment.end,
    }
}

/// The places of statements and directives.
fn spans_of(block: &Block, out: &mut Vec<Span>) {
    for statement in block {
        out.push(statement.span);
        match &statement.kind {
            StatementKind::Rule(rule) => spans_of_body(&rule.body, out),
            StatementKind::Module { body, .. } => spans_of_body(body, out),
            StatementKind::UseRule(statement) => statement.body.iter().for_each(|body| spans_of_body(body, out)),
            StatementKind::If { branches, otherwise } => {
                branches.iter().for_each(|(_, block)| spans_of(block, out));
                otherwise.iter().for_each(|block| spans_of(block, out));
            }
            StatementKind::For { body, .. } | StatementKind::Handler { body, .. } => spans_of(body, out),
            StatementKind::Def(def) => spans_of(&def.body, out),
            _ => {}
        }
    }
}

fn spans_of_body(body: &RuleBody, out: &mut Vec<Span>) {
    out.extend(body.directives.iter().map(|directive| directive.span));
    if let Some(run) = &body.run {
        out.push(run.keyword.to(run.span));
        spans_of(&run.body, out);
    }
}
