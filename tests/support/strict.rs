//! Jobs for the tests of `--strict`, and what is expected of them: to be refused for some deeds, or not to notice.

#![allow(dead_code, reason = "each test file uses its part")]

use std::process::Command;

use serde_json::Value;

use super::{Project, Ran};

/// Whether there is Landlock; says why a test does nothing where there is none.
pub fn is_possible() -> bool {
    let probe = Project::new("rule all:\n    output: \"out\"\n    shell: \": > {output}\"\n").flow("--strict -q");
    if probe.stderr.contains("--strict needs Landlock") {
        eprintln!("skipped: {}", probe.stderr.trim());
        return false;
    }
    true
}

/// Whether these programs are here; says which one is missing.
pub fn are_here(programs: &[&str]) -> bool {
    let missing = programs.iter().find(|name| Command::new(name).arg("--version").output().is_err());
    if let Some(name) = missing {
        eprintln!("skipped: there is no {name}");
    }
    missing.is_none()
}

/// One job: its other directives, and its command.
pub fn job(directives: &str, command: &str) -> Project {
    let lines: String = directives.lines().map(|line| format!("    {}\n", line.trim())).collect();
    let project = Project::new(&format!("rule all:\n{lines}    shell: r\"\"\"{command}\"\"\"\n"));
    project.file("in.txt", "input\n").file("config.txt", "secret\n").file("data/a.txt", "a\n").file("data/b.txt", "b\n")
}

pub fn link(project: &Project, to: &str, name: &str) {
    std::os::unix::fs::symlink(to, project.path(name)).expect("a link can be made");
}

pub const PLAIN: &str = "input: \"in.txt\"\noutput: \"out.txt\"";

/// What the failed jobs did: `reads config.txt`.
pub fn deeds(ran: &Ran) -> Vec<String> {
    let failed = ran.events_of("failed");
    let all = failed.iter().flat_map(|event| event["failure"]["undeclared"].as_array().cloned().unwrap_or_default());
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    all.map(|access| format!("{} {}", text(&access["deed"]), text(&access["path"]))).collect()
}

/// The job fails for these deeds and no others, and leaves no output.
#[track_caller]
pub fn refuses(project: &Project, expected: &[&str]) -> Ran {
    let ran = project.make("--strict").exits(1);
    assert_eq!(deeds(&ran), expected, "{}", ran.stdout);
    assert!(!project.exists("out.txt"), "a failed job's output is gone");
    ran
}

/// The job does the same with `--strict` and without.
#[track_caller]
pub fn passes(project: &Project) {
    project.make("").exits(0);
    let plain = project.tree();
    project.make("--strict -F").exits(0);
    assert_eq!(project.tree(), plain, "the same comes out");
}
