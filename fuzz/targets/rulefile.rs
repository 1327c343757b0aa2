//! Text → rules. No text makes the reader panic, overflow or take long; what it can read, it can lower; and what cannot
//! reach out of itself (no loop, no function that touches the disk or starts a process) is evaluated to rules, whose
//! inputs and commands are made for a job.
//!
//! The first byte says how often the rest is repeated, so that a text of a hundred bytes shows what grows faster than
//! the text does.
#![no_main]

use std::sync::Arc;

use flow::diagnostic::{SourceId, Sources};
use flow::format::format;
use flow::rulefile::evaluate::{Request, load};
use flow::rulefile::instance;
use flow::rulefile::lower::{Lowering, NextIds};
use flow::rulefile::parse::parse;
use flow::rulefile::tree::{BinaryOp, ExprKind, File, StatementKind};
use flow::rulefile::walk::{self, Node};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Some(first) = text.chars().next() else { return };
    let rest = &text[first.len_utf8()..];
    let times = match first {
        '8' => 8,
        '9' => 64,
        _ => 1,
    };
    let text: Arc<str> = rest.repeat(times).into();
    let mut sources = Sources::default();
    let source: SourceId = sources.add("Rulefile", text.clone());
    let file = match parse(source, &text) {
        Ok(file) => file,
        Err(error) => {
            error.render(&sources, false);
            return;
        }
    };
    reformat(source, &text);
    let mut lowering = Lowering::new(&file);
    let mut ids = NextIds::default();
    while let Some(unit) = lowering.next_unit(ids, &|_| false) {
        match unit {
            Ok(unit) => ids.site += u32::try_from(unit.sites.len()).expect("few rules"),
            Err(error) => {
                error.render(&sources, false);
                return;
            }
        }
    }
    if is_harmless(&file) {
        evaluate(&text);
    }
});

/// What can be read can be formatted, and formatting it again changes nothing.
fn reformat(source: SourceId, text: &Arc<str>) {
    let once: Arc<str> = format(source, text).unwrap_or_else(|error| panic!("{}", error.message)).into();
    let twice = format(source, &once).unwrap_or_else(|error| panic!("again: {}", error.message));
    assert_eq!(*once, *twice, "formatting again changes more");
}

/// Evaluates the text as flow would, and makes the first job of each rule.
fn evaluate(text: &str) {
    thread_local! {
        static FOLDER: tempfile::TempDir = tempfile::tempdir().expect("a folder for the text");
    }
    FOLDER.with(|folder| {
        let path = folder.path().join("Rulefile");
        std::fs::write(&path, text).expect("the text can be written");
        let request = Request { path: path.to_string_lossy().into_owned(), cores: 2, ..Request::default() };
        let workflow = match load(&request) {
            Ok(workflow) => workflow,
            Err(error) => {
                error.0.render(&error.1, false);
                return;
            }
        };
        for rule in &workflow.rules {
            let wildcards: Vec<(String, String)> =
                rule.wildcard_names.iter().map(|name| (name.clone(), "a b'".to_owned())).collect();
            if let Err(error) = instance::inputs(rule, &wildcards, &*workflow.functions) {
                error.render(&workflow.sources, false);
            }
        }
    });
}

/// Whether evaluating the file stays in it, and ends soon.
fn is_harmless(file: &File) -> bool {
    const NAMES: &[&str] = &[
        "ancient",
        "config",
        "directory",
        "dict",
        "ensure",
        "expand",
        "collect",
        "input",
        "len",
        "lambda",
        "list",
        "lookup",
        "multiext",
        "output",
        "params",
        "protected",
        "rules",
        "sorted",
        "str",
        "temp",
        "touch",
        "unpack",
        "wildcards",
        "attempt",
        "threads",
        "subpath",
        "flatten",
        "branch",
    ];
    let mut harmless = true;
    let mut products = 0;
    walk::statements(&file.statements, &mut |node| {
        harmless &= match node {
            Node::Statement(statement) => match &statement.kind {
                StatementKind::Keyword { keyword, .. } => {
                    ["localrules", "ruleorder", "wildcard_constraints"].contains(&keyword.text.as_str())
                }
                StatementKind::Rule(_) | StatementKind::Assign { .. } | StatementKind::If { .. } => true,
                StatementKind::Expr(_) | StatementKind::Pass => true,
                _ => false,
            },
            Node::Expr(expr) => match &expr.kind {
                ExprKind::Call { callee, .. } => {
                    products += 1;
                    products < 4 && matches!(&callee.kind, ExprKind::Name(name) if NAMES.contains(&name.as_str()))
                }
                ExprKind::Attribute { name, .. } => name.text != "format",
                ExprKind::FString(_) | ExprKind::Comprehension(_) => false,
                ExprKind::Binary { op, .. } => matches!(op, BinaryOp::Add | BinaryOp::Sub),
                _ => true,
            },
        };
    });
    harmless
}
