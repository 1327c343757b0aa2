//! Names at file level: imports and functions that nothing uses, and names that jobs have for something else. Looks at
//! all files together, because what one defines another may use.

use std::collections::HashSet;

use super::Finding;
use crate::diagnostic::Span;
use crate::rulefile::scope::bound_by_import;
use crate::rulefile::tree::{Expr, ExprKind, File, Statement, StatementKind, Word};
use crate::rulefile::walk::{self, Node};

/// What each job has under these names.
const OF_JOBS: &[&str] = &["input", "output", "params", "wildcards", "threads", "resources", "log", "attempt", "jobid"];

/// Functions that a workflow cannot well do without.
const OF_THE_LANGUAGE: &[&str] =
    &["expand", "temp", "protected", "directory", "ancient", "rules", "config", "glob_wildcards", "workflow"];

pub fn findings(files: &[File]) -> Vec<Finding> {
    let mut used = HashSet::new();
    for file in files {
        walk::statements(&file.statements, &mut |node| {
            if let Node::Expr(Expr { kind, .. }) = node {
                match kind {
                    ExprKind::Name(name) => {
                        used.insert(name.clone());
                    }
                    // Commands and messages name what is at file level, too.
                    ExprKind::Str(text) if text.contains('{') => used.extend(words(text).map(str::to_owned)),
                    _ => {}
                }
            }
        });
    }
    let mut findings = Vec::new();
    for file in files {
        for statement in &file.statements {
            definitions(statement, &used, &mut findings);
        }
    }
    findings
}

/// The words of a text.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|word| !word.is_empty())
}

fn definitions(statement: &Statement, used: &HashSet<String>, findings: &mut Vec<Finding>) {
    let mut unused_import = |name: &str, span: Span| {
        if !used.contains(name) {
            findings.push(Finding {
                code: "unused-import",
                message: format!("`{name}` is imported and never used"),
                span,
                help: "remove the import".to_owned(),
            });
        }
    };
    match &statement.kind {
        StatementKind::Import(imports) => {
            for import in imports {
                unused_import(bound_by_import(import), import.name.span);
            }
        }
        StatementKind::FromImport { names, .. } => {
            for import in names {
                let name = import.alias.as_ref().unwrap_or(&import.name);
                unused_import(&name.text, name.span);
            }
        }
        StatementKind::Def(def) => {
            if !used.contains(&def.name.text) {
                findings.push(Finding {
                    code: "unused-function",
                    message: format!("nothing calls `{}`", def.name.text),
                    span: def.name.span,
                    help: "remove the function, or use it".to_owned(),
                });
            }
            findings.extend(shadows(&def.name));
        }
        StatementKind::Assign { targets, .. } => {
            for target in targets {
                if let ExprKind::Name(name) = &target.kind {
                    findings.extend(shadows(&Word { text: name.clone(), span: target.span }));
                }
            }
        }
        StatementKind::If { branches, otherwise } => {
            let blocks = branches.iter().map(|(_, block)| block).chain(otherwise);
            blocks.flatten().for_each(|statement| definitions(statement, used, findings));
        }
        _ => {}
    }
}

fn shadows(name: &Word) -> Option<Finding> {
    let of_jobs = OF_JOBS.contains(&name.text.as_str());
    let of_language = OF_THE_LANGUAGE.contains(&name.text.as_str());
    let what = match (of_jobs, of_language) {
        (true, _) => "each job has its own",
        (_, true) => "the language has one of this name",
        _ => return None,
    };
    Some(Finding {
        code: "shadowed-name",
        message: format!("`{}` is given a value at file level, and {what}", name.text),
        span: name.span,
        help: "call it by another name".to_owned(),
    })
}
