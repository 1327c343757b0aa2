//! Paths as they are written: absolute ones among the files of rules and of the workflow.

use super::Finding;
use crate::rulefile::tree::{Argument, ExprKind, File, StatementKind};
use crate::rulefile::walk::{self, Node};

const DIRECTIVES: &[&str] = &["input", "output", "log", "benchmark", "script"];
const STATEMENTS: &[&str] = &["include", "configfile", "workdir"];

pub fn findings(file: &File) -> Vec<Finding> {
    let mut findings = Vec::new();
    walk::statements(&file.statements, &mut |node| {
        let Node::Statement(statement) = node else { return };
        match &statement.kind {
            StatementKind::Rule(rule) => {
                for directive in &rule.body.directives {
                    if DIRECTIVES.contains(&directive.keyword.text.as_str()) {
                        absolute(file, &directive.keyword.text, &directive.arguments, &mut findings);
                    }
                }
            }
            StatementKind::Keyword { keyword, arguments } if STATEMENTS.contains(&keyword.text.as_str()) => {
                absolute(file, &keyword.text, arguments, &mut findings);
            }
            _ => {}
        }
    });
    findings
}

fn absolute(file: &File, what: &str, arguments: &[Argument], findings: &mut Vec<Finding>) {
    walk::arguments(arguments, &mut |node| {
        let Node::Expr(expr) = node else { return };
        let text = match &expr.kind {
            ExprKind::Str(text) => text.as_str(),
            ExprKind::FString(_) => file.slice(expr.span).trim_start_matches(['f', 'F', 'r', 'R', '"', '\'']),
            _ => return,
        };
        // Devices are the same everywhere.
        if text.starts_with('/') && !text.starts_with("/dev/") && text.len() > 1 {
            findings.push(Finding {
                code: "absolute-path",
                message: format!("`{what}:` names a path from the root of the disk"),
                span: expr.span,
                help: "name it from the folder of the workflow, or take it from `config`".to_owned(),
            });
        }
    });
}
