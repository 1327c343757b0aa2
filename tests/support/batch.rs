//! A batch system that is three scripts: it runs job scripts in the background, on this machine, and notes what it was asked.

use std::process::Stdio;

use super::running::Running;
use super::{Project, Ran};

/// Runs the script named last in the background, with `words` noted, and prints a number that stands for the job.
const SUBMIT: &str = r#"#!/bin/bash
printf '%s\n' "${*:1:$#-1}" >> submitted
cp "${@: -1}" script
setsid bash "${@: -1}" > /dev/null 2>&1 < /dev/null &
echo $!
"#;

const STATUS: &str = r#"#!/bin/bash
if kill -0 "$1" 2> /dev/null; then echo running; else echo failed; fi
"#;

const CANCEL: &str = r#"#!/bin/bash
for job in "$@"; do kill -- "-$job"; echo "$job" >> cancelled; done
"#;

/// A project with the commands of a batch system that is this machine.
pub fn project(rulefile: &str) -> Project {
    let project = Project::new(rulefile);
    for (name, text) in [("submit", SUBMIT), ("status", STATUS), ("cancel", CANCEL)] {
        project.program(name, text);
    }
    project
}

/// flow with these commands, `submit` among them.
pub fn command(project: &Project, submit: &str, words: &str) -> std::process::Command {
    let mut command = project.command("--log-format json --executor cluster");
    command.args(["--cluster-submit-cmd", submit, "--cluster-status-cmd", "./status"]);
    command.args(["--cluster-cancel-cmd", "./cancel"]).args(words.split_whitespace());
    command
}

pub fn flow(project: &Project, words: &str) -> Ran {
    project.ran(command(project, "./submit -n {threads} -m {resources.mem_mb} -r {rule}", words))
}

/// Whether it is noted what the system calls the one batch.
pub fn is_noted(project: &Project) -> bool {
    let runs = std::fs::read_dir(project.path(".flow/cluster")).expect("it is there");
    runs.flatten().any(|run| run.path().join("0/id").exists())
}

/// Runs flow, and kills it when it is time. The job may begin before flow has noted what the system calls it; such
/// a system is not asked by anything else.
pub fn killed_when(project: &Project, is_time: impl Fn() -> bool) {
    let mut killed = command(project, "./submit", "");
    killed.stderr(Stdio::null());
    let killed = Running::start(killed);
    while !is_time() || !is_noted(project) {}
    killed.signal("KILL", false);
    killed.ended();
}
