//! The table of `docs/design.md`, held against the source: which stage may know which, and who alone may use what of
//! the world. Reads the `crate::` paths of every file; comments and unit tests do not count.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// What each part may name of the others. A leaf serves everyone; `a::b` allows that file alone; `*` is all.
const MAY_KNOW: &[(&str, &[&str])] = &[
    // Leaves.
    ("value", &[]),
    ("path", &[]),
    ("disk", &[]),
    ("diagnostic", &[]),
    ("event", &[]),
    ("spelling", &[]),
    ("words", &[]),
    ("yaml", &[]),
    ("stat", &["disk", "path"]),
    ("sight", &["disk"]),
    ("witness", &["disk"]),
    ("dialect", &["value", "path", "witness"]),
    // Stages, in the order of a run.
    ("cli", &["value", "yaml"]),
    ("rulefile", &["LEAVES", "run::spec"]),
    ("format", &["LEAVES", "rulefile::layout", "rulefile::lexemes", "rulefile::parse", "rulefile::tree"]),
    ("lint", &["LEAVES", "rulefile"]),
    ("graph", &["LEAVES", "rulefile::rule", "rulefile::pattern", "rulefile::instance"]),
    ("plan", &["LEAVES", "graph", "rulefile", "store"]),
    ("store", &["LEAVES"]),
    ("run", &["LEAVES", "store"]),
    ("pixel", &[]),
    ("action", &["LEAVES", "pixel", "run::spec", "run::executor"]),
    ("report", &["LEAVES"]),
    ("app", &["*"]),
];

const LEAVES: &[&str] = &[
    "value",
    "path",
    "disk",
    "diagnostic",
    "event",
    "spelling",
    "words",
    "yaml",
    "stat",
    "sight",
    "witness",
    "dialect",
];

/// Who alone may use a crate or a part of the standard library.
const ONLY: &[(&str, &[&str])] = &[
    ("pest", &["rulefile"]),
    ("starlark", &["dialect", "rulefile", "action"]),
    ("petgraph", &["graph"]),
    ("rusqlite", &["store"]),
    ("clap", &["cli"]),
    ("fitsio", &["action"]),
    ("image", &["action"]),
    ("annotate_snippets", &["diagnostic"]),
    ("signal_hook", &["run"]),
    // A Rulefile looks at the world through `witness` alone: a call that remembers the last one's answer relies on it.
    ("std::fs", &["disk", "witness", "store", "run", "action", "app"]),
    ("std::env::var", &["witness", "store", "run", "app"]),
    ("std::env::var_os", &["witness", "run", "app"]),
    ("std::env::vars_os", &["witness", "run"]),
    ("std::env::current_dir", &["witness", "store", "run", "app"]),
    ("std::env::temp_dir", &["witness", "run", "app"]),
    ("walkdir", &["witness", "disk", "run", "app"]),
    // `rulefile`: the function `shell(…, read=True)` at file level, as in Snakemake.
    ("std::process::Command", &["run", "rulefile"]),
    ("std::thread::Builder", &["app", "run", "store"]),
    ("std::time::SystemTime", &["store", "run", "report", "app"]),
];

struct Source {
    path: PathBuf,
    part: String,
    text: String,
}

/// Every file of `src/` but the two roots, without comments and unit tests.
fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![root.clone()];
    let mut sources = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("src/ is there") {
            let path = entry.expect("src/ can be listed").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.strip_prefix(&root).expect("it was found there").to_owned();
            let is_rust = path.extension().is_some_and(|suffix| suffix == "rs");
            if !is_rust || name.ends_with("tests.rs") || ["lib.rs", "main.rs"].map(Path::new).contains(&name.as_path())
            {
                continue;
            }
            let first = name.iter().next().expect("it has a name").to_string_lossy();
            let part = first.trim_end_matches(".rs").to_owned();
            let text = code(&fs::read_to_string(&path).expect("source is text"));
            sources.push(Source { path: name, part, text });
        }
    }
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    sources
}

/// The text without lines of comment, and without the unit tests that end it.
fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// What follows each `crate::`, to two levels: `crate::run::{spec, child::Child}` is `run::spec` and `run::child`.
fn known(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (at, prefix) in text.match_indices("crate::") {
        let is_word = text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
        if is_word {
            continue;
        }
        for first in alternatives(&text[at + prefix.len()..]) {
            let name = ident(first);
            let Some(rest) = first[name.len()..].strip_prefix("::") else {
                found.insert(name.to_owned());
                continue;
            };
            for second in alternatives(rest) {
                found.insert(format!("{name}::{}", ident(second)));
            }
        }
    }
    found
}

/// The branches of a path: those between braces, or the text itself.
fn alternatives(text: &str) -> Vec<&str> {
    let Some(inner) = text.strip_prefix('{') else { return vec![text] };
    let (mut depth, mut start, mut branches) = (0, 0, Vec::new());
    for (at, c) in inner.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                branches.push(inner[start..at].trim());
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                branches.push(inner[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    branches.retain(|branch| !branch.is_empty());
    branches
}

fn ident(text: &str) -> &str {
    let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(text.len());
    &text[..end]
}

fn is_allowed(allowed: &[&str], name: &str) -> bool {
    let part = name.split("::").next().unwrap_or_default();
    allowed.iter().any(|&entry| match entry {
        "*" => true,
        "LEAVES" => LEAVES.contains(&part),
        file if file.contains("::") => file == name,
        whole => whole == part,
    })
}

#[test]
fn every_stage_knows_only_what_it_may() {
    let mut wrong = Vec::new();
    for source in sources() {
        let row = MAY_KNOW.iter().find(|(part, _)| *part == source.part);
        let Some((_, allowed)) = row else {
            wrong.push(format!("{}: `{}` is not in the table", source.path.display(), source.part));
            continue;
        };
        for name in known(&source.text) {
            let is_own = name.split("::").next() == Some(source.part.as_str());
            if !is_own && !is_allowed(allowed, &name) {
                wrong.push(format!("{}: {} must not know {name}", source.path.display(), source.part));
            }
        }
    }
    assert!(wrong.is_empty(), "against the table of docs/design.md:\n{}", wrong.join("\n"));
}

#[test]
fn the_world_is_reached_through_few_doors() {
    let mut wrong = Vec::new();
    for source in sources() {
        for (name, users) in ONLY {
            let uses = source.text.match_indices(name).any(|(at, _)| {
                let before = source.text[..at].chars().next_back();
                let after = &source.text[at + name.len()..];
                let is_path = !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':');
                // A part of the standard library ends where its name ends; a crate is followed by what is used of it.
                is_path && if name.contains("::") { ident(after).is_empty() } else { after.starts_with("::") }
            });
            if uses && !users.contains(&source.part.as_str()) {
                wrong.push(format!("{}: only {} may use {name}", source.path.display(), users.join(", ")));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Methods of paths look at the disk, too, past `witness`.
#[test]
fn a_rulefile_looks_through_one_door() {
    let methods = [".exists()", ".try_exists()", ".is_symlink()", ".read_link()", ".read_dir()", ".canonicalize()"];
    for source in sources().iter().filter(|source| ["dialect", "rulefile", "plan", "graph"].contains(&&*source.part)) {
        for method in methods {
            assert!(!source.text.contains(method), "{}: {method} is not on record", source.path.display());
        }
    }
}

/// A path that climbs to the root by `super` would slip past the first test.
#[test]
fn paths_out_of_a_stage_are_written_with_crate() {
    for source in sources() {
        let climbs = source.text.matches("super::super::").count();
        assert_eq!(climbs, 0, "{}: write `crate::…` instead of `super::super::…`", source.path.display());
    }
}

/// Stages do not go in circles: a row names nothing that, over other rows, names it.
#[test]
fn the_table_has_one_direction() {
    let entries = |part: &str| -> Vec<&str> {
        let row = MAY_KNOW.iter().find(|(name, _)| *name == part).map_or(&[] as &[&str], |(_, allowed)| allowed);
        row.iter().filter(|entry| **entry != "LEAVES" && **entry != "*").copied().collect()
    };
    for (start, _) in MAY_KNOW {
        let (mut open, mut seen) = (entries(start), BTreeSet::new());
        while let Some(entry) = open.pop() {
            // `run::spec` and `run::executor` are plain data and a trait: they know leaves only.
            let part = entry.split("::").next().unwrap_or_default();
            if !seen.insert(entry) || (part == "run" && entry.contains("::")) {
                continue;
            }
            assert_ne!(part, *start, "{start} comes back to itself");
            open.extend(entries(part));
        }
    }
}

#[test]
fn grouped_paths_are_seen() {
    let text =
        "use crate::run::{spec::{A, B}, child};\nuse crate::{cli, plan::{decide}};\nlet x = crate::value::Value;";
    let names: Vec<String> = known(text).into_iter().collect();
    assert_eq!(names, ["cli", "plan::decide", "run::child", "run::spec", "value::Value"]);
}
