//! The linter behind `flow --lint`: a workflow in, findings out, of what is allowed and likely a mistake. It reads the
//! same trees as everything else, and the rules that they came to; it never looks at the disk and runs nothing.

mod allow;
pub mod codes;
mod names;
mod paths;
mod rules;

use std::sync::Arc;

use self::allow::Allowed;
use crate::diagnostic::{Diagnostic, Span};
use crate::rulefile::parse::parse;
use crate::rulefile::rule::Workflow;
use crate::rulefile::tree::File;

/// Something that is likely a mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// One of [`codes::CHECKS`].
    pub code: &'static str,
    pub message: String,
    pub span: Span,
    /// How to mend it.
    pub help: String,
}

impl Finding {
    pub fn diagnostic(&self) -> Diagnostic {
        let mut diagnostic = Diagnostic::warning(&self.message).at(self.span, "").help(&self.help);
        diagnostic.code = Some(self.code);
        diagnostic
    }
}

/// The findings in all files of a workflow, in the order of the text. `has_jobs` says of each rule whether making the
/// default target runs it; `None` where that cannot be known.
pub fn lint(workflow: &Workflow, has_jobs: Option<&[bool]>) -> Vec<Finding> {
    let files: Vec<File> = workflow
        .sources
        .ids()
        .filter_map(|source| parse(source, &Arc::clone(workflow.sources.text(source))).ok())
        .collect();
    let mut findings = names::findings(&files);
    findings.extend(rules::findings(workflow, &files, has_jobs));
    for file in &files {
        findings.extend(paths::findings(file));
        findings.extend(tabs(file));
    }
    let allowed: Vec<Allowed> = files.iter().map(Allowed::of).collect();
    for (file, allowed) in files.iter().zip(&allowed) {
        findings.retain(|finding| finding.span.source != file.source || !allowed.allows(finding));
        findings.extend(allowed.unknown.iter().cloned());
    }
    findings.sort_by_key(|finding| (finding.span, finding.code));
    findings.dedup();
    findings
}

/// The first line of a file that is indented with tabs.
fn tabs(file: &File) -> Option<Finding> {
    let in_string = |at: usize| file.long_strings.iter().any(|span| span.range().contains(&at));
    let mut at = 0;
    for line in file.text.split_inclusive('\n') {
        let indentation = line.len() - line.trim_start_matches([' ', '\t']).len();
        let is_code = !line.trim().is_empty() && !in_string(at);
        if is_code && line[..indentation].contains('\t') {
            return Some(Finding {
                code: "tab",
                message: "this line is indented with tabs".to_owned(),
                span: Span::new(file.source, at..at + indentation),
                help: "`flow --fmt` writes four blanks a level".to_owned(),
            });
        }
        at += line.len();
    }
    None
}
