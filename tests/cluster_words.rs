//! What Slurm is asked, and what its answers mean, where a test gives them: scripts by the names of Slurm's commands, which run
//! tasks on this machine or say what they are told to.

mod support;

use std::process::Command;

use support::{Project, Ran};

/// Runs the tasks of an array in the background, and notes its words and what of Slurm it finds in its environment.
const SBATCH: &str = r#"#!/bin/bash
printf '%s\n' "$@" > asked
env | grep -E '^(SLURM|SBATCH)_' | sort > found
for word in "$@"; do case $word in --array=0-*) last=${word#--array=0-} ;; esac; done
for task in $(seq 0 "$last"); do
    SLURM_ARRAY_JOB_ID=7 SLURM_ARRAY_TASK_ID=$task setsid sh "${@: -1}" > /dev/null 2>&1 < /dev/null &
done
echo 7
"#;

/// The one task is in the queue as long as anybody asks: what its node says is waited for.
const SQUEUE: &str = "#!/bin/sh\necho '7_0|comment'\n";

/// Takes what it is given and does nothing with it.
const SBATCH_THAT_LOSES: &str = "#!/bin/sh\necho 7\n";

/// A project with Slurm's commands in `bin`, each of which does nothing and succeeds unless it is among these.
fn project(rulefile: &str, commands: &[(&str, &str)]) -> Project {
    let project = Project::new(rulefile);
    for name in ["sbatch", "squeue", "scontrol", "scancel", "sacct"] {
        let script = commands.iter().find(|(command, _)| *command == name).map_or("#!/bin/sh\n", |(_, script)| script);
        project.program(&format!("bin/{name}"), script);
    }
    project
}

fn command(project: &Project, words: &str) -> Command {
    let mut command = project.command("--log-format json --executor slurm -w 0");
    let path = std::env::var("PATH").unwrap_or_default();
    command.args(words.split_whitespace()).env("PATH", format!("{}:{path}", project.path("bin").display()));
    command
}

fn cause(ran: &Ran) -> String {
    ran.events_of("failed")[0]["failure"]["cause"].as_str().unwrap_or_default().to_owned()
}

const ONE: &str = r#"
    rule one:
        output: "out"
        resources: gpu=2, gpu_model="a100", slurm_extra="--mail-type=END --exclude='n1 n2'", runtime="90m"
        shell: "echo $SLURM_ARRAY_TASK_ID > {output}"
"#;

#[test]
fn what_a_job_asks_for_comes_to_sbatch_word_by_word() {
    let project = project(ONE, &[("sbatch", SBATCH), ("squeue", SQUEUE)]);
    project.ran(command(&project, "")).exits(0);
    assert_eq!(project.read("out"), "0\n");
    let asked = project.read("asked");
    let asked: Vec<&str> = asked.lines().collect();
    for word in
        ["--no-requeue", "--time=90", "--gpus=a100:2", "--mail-type=END", "--exclude=n1 n2", "--cpus-per-task=1"]
    {
        assert!(asked.contains(&word), "{word}: {asked:?}");
    }
}

#[test]
fn a_flow_that_is_a_job_itself_does_not_hand_on_what_it_was_given() {
    let project = project(ONE, &[("sbatch", SBATCH), ("squeue", SQUEUE)]);
    let mut flow = command(&project, "");
    flow.env("SLURM_CPUS_PER_TASK", "1").env("SLURM_JOB_ID", "3").env("SBATCH_PARTITION", "x");
    flow.env("SLURM_CONF", "/dev/null");
    project.ran(flow).exits(0);
    assert_eq!(project.read("found"), "SLURM_CONF=/dev/null\n");
}

#[test]
fn what_accounting_calls_an_end_is_what_is_told() {
    let words = [
        ("PREEMPTED", "another job took its place"),
        ("DEADLINE", "its deadline has passed"),
        ("BOOT_FAIL", "its node n2 failed"),
        ("REVOKED", "the batch system ended it"),
        ("CANCELLED by 1000", "somebody cancelled it"),
        ("FAILED", "flow on its node ended without a word (exit code 0:9)"),
    ];
    // Each waits for the first look at the queue.
    std::thread::scope(|scope| {
        for (word, meaning) in words {
            scope.spawn(move || is_told_as(word, meaning));
        }
    });
}

fn is_told_as(word: &str, meaning: &str) {
    let sacct = format!("#!/bin/sh\necho '{word}|0:9|n2'\n");
    let project = project(ONE, &[("sbatch", SBATCH_THAT_LOSES), ("sacct", &sacct)]);
    let ran = project.ran(command(&project, "")).exits(1);
    let state = word.split(' ').next().unwrap_or_default();
    assert_eq!(cause(&ran), format!("{state}: {meaning}"));
    assert_eq!(ran.events_of("failed")[0]["failure"]["ran"]["node"], "n2");
}

#[test]
fn without_accounting_the_controller_is_asked() {
    let scontrol = "#!/bin/sh\necho 'JobId=8 JobState=NODE_FAIL ExitCode=1:0 NodeList=n3'\n";
    let commands = [("sbatch", SBATCH_THAT_LOSES), ("sacct", "#!/bin/sh\nexit 1\n"), ("scontrol", scontrol)];
    let project = project(ONE, &commands);
    let ran = project.ran(command(&project, "")).exits(1);
    assert_eq!(cause(&ran), "NODE_FAIL: its node n3 failed");
}

#[test]
fn a_shell_that_ended_before_the_signal_came_to_it_was_cancelled_too() {
    let work = "rule one:\n    output: \"out\"\n    shell: \"exit 143\"\n";
    for (word, told) in [
        ("CANCELLED by 1000", "CANCELLED: somebody cancelled it"),
        // By itself.
        ("FAILED", "exit code 143"),
    ] {
        let sacct = format!("#!/bin/sh\necho '{word}|0:15|n2'\n");
        let project = project(work, &[("sbatch", SBATCH), ("sacct", &sacct), ("squeue", SQUEUE)]);
        assert_eq!(cause(&project.ran(command(&project, "")).exits(1)), told);
    }
}
