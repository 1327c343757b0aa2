//! What a job of a strict run did that its rule does not declare, as a message at its place in the Rulefile, with how to mend
//! it. The rule and what was seen in, a diagnostic out.

use super::project::Project;
use crate::diagnostic::{Diagnostic, Span};
use crate::event::{Access, Deed};
use crate::rulefile::rule::Rule;

/// So many are told one by one.
const TOLD: usize = 8;

/// The message for a rule whose job did this.
pub fn undeclared(project: &Project, rule: &Rule, accesses: &[Access], ended: Option<&str>) -> Diagnostic {
    let mut told: Vec<String> = accesses.iter().take(TOLD).map(Access::to_string).collect();
    if accesses.len() > TOLD {
        told.push(format!("does {} things more that are not declared", accesses.len() - TOLD));
    }
    let mut diagnostic = Diagnostic::error(format!("a job of rule `{}` {}", rule.name, told.join(";\n  it ")));
    let mut spans: Vec<Span> = Vec::new();
    for access in accesses.iter().take(TOLD) {
        let span = span_of(project, rule, &access.path);
        if !spans.contains(&span) {
            spans.push(span);
        }
    }
    // The whole command is no place beside one in it.
    if spans.len() > 1 {
        spans.retain(|span| *span != rule.action_span);
    }
    for span in spans {
        diagnostic = diagnostic.at(span, "");
    }
    if let Some(ended) = ended {
        diagnostic = diagnostic.note(format!("it ended with: {ended}"));
    }
    for (deeds, mend) in MENDS {
        let paths = accesses.iter().filter(|access| deeds.contains(&access.deed)).take(TOLD);
        let paths: Vec<String> = paths.map(|access| format!("{:?}", access.path)).collect();
        if !paths.is_empty() {
            diagnostic = diagnostic.help(mend.replace("{}", &paths.join(", ")));
        }
    }
    if accesses.iter().any(|access| is_in_home(&access.path)) {
        diagnostic = diagnostic.help(
            "a program that looks for files of its own in the home folder and does without: `export HOME=$TMPDIR`",
        );
    }
    diagnostic
}

/// What to do about which deeds.
const MENDS: [(&[Deed], &str); 5] = [
    (&[Deed::Reads, Deed::Runs], "add to the rule's `input:`: {}"),
    (&[Deed::Lists], "add to the rule's `input:` the folder, or the files in it by their names: {}"),
    (&[Deed::Writes], "add to the rule's `output:` or `log:`, or write to \"$TMPDIR\", which goes with the job: {}"),
    (&[Deed::Changes], "change a copy in \"$TMPDIR\", or declare an output that is changed, update(…): {}"),
    (&[Deed::Removes], "leave it to the rule that makes it, which may say temp(…): {}"),
];

/// Where the command of the rule names a file; else the whole command.
fn span_of(project: &Project, rule: &Rule, path: &str) -> Span {
    let whole = rule.action_span;
    let text = project.sources().text(whole.source);
    let command = text.get(whole.range()).unwrap_or_default();
    let is_part = |c: char| c.is_alphanumeric() || "._-/".contains(c);
    let is_whole = |&(at, _): &(usize, &str)| {
        !command[..at].ends_with(is_part) && !command[at + path.len()..].starts_with(|c: char| c != '.' && is_part(c))
    };
    let Some((at, _)) = command.match_indices(path).find(is_whole) else { return whole };
    let offset = |at: usize| u32::try_from(at).unwrap_or(0);
    Span { start: whole.start + offset(at), end: whole.start + offset(at + path.len()), ..whole }
}

fn is_in_home(path: &str) -> bool {
    let home = std::env::var("HOME").unwrap_or_default();
    home.len() > 1 && path.strip_prefix(&home).is_some_and(|rest| rest.starts_with("/."))
}
