//! What a job's processes may do, and flow holds out: hold the log open, write a gigabyte, bytes that are no text or a
//! line without end, stop themselves, wait for a terminal.

mod support;

use std::process::Stdio;

use support::Project;

/// The most memory that flow itself may take for a job's output, in KiB.
const MOST_MEMORY: i64 = 100 << 10;

#[test]
fn a_process_that_a_job_leaves_behind_holds_nobody_up() {
    let project = Project::new(
        r#"
        rule all:
            output: "out.txt"
            shell: "sleep 600 & echo $! > {output}"
        "#,
    );
    project.make("").exits(0);
    let left = project.read("out.txt");
    // After a success it is left alone, as a server that a job has started may be meant to be.
    assert!(std::path::Path::new(&format!("/proc/{}", left.trim())).exists());
    assert!(std::process::Command::new("kill").arg(left.trim()).status().expect("kill is there").success());
}

#[test]
fn a_process_that_a_failed_job_leaves_behind_is_ended() {
    let project = Project::new(
        r#"
        rule all:
            output: "out.txt"
            shell: "sleep 600 & echo $! > pid.txt; exit 3"
        "#,
    );
    project.make("").exits(1).says("exit code 3");
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", project.read("pid.txt").trim()));
    assert!(stat.is_err() || stat.is_ok_and(|stat| stat.contains(") Z ")), "it is gone, or about to be");
}

/// Runs flow, and gives its exit code with its and its children's highest memory, in KiB.
fn measured(project: &Project) -> (Option<i32>, i64) {
    let mut command = project.command("-j1 --log-format json");
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("flow can be started");
    support::running::wait_with_memory(child)
}

#[test]
fn a_gigabyte_of_output_takes_no_memory() {
    let project = Project::new(
        r#"
        rule all:
            output: "out.txt"
            shell: "head -c 1073741824 /dev/zero; touch {output}"
        "#,
    );
    let (code, memory) = measured(&project);
    assert_eq!(code, Some(0));
    assert!(memory < MOST_MEMORY, "{memory} KiB");
}

#[test]
fn a_line_without_end_takes_no_memory_when_its_job_fails() {
    let project = Project::new(
        r#"
        rule all:
            output: "out.txt"
            shell: "head -c 300000000 /dev/zero | tr '\\0' x; exit 3"
        "#,
    );
    let (code, memory) = measured(&project);
    assert_eq!(code, Some(1));
    assert!(memory < MOST_MEMORY, "{memory} KiB");
    let again = project.flow("-j1").exits(1).says("exit code 3");
    assert!(again.stderr.len() < 100_000, "{} bytes were told", again.stderr.len());
}

#[test]
fn bytes_that_are_no_text_do_not_reach_the_terminal() {
    let project = Project::new(
        r#"
        rule all:
            output: "out.txt"
            shell: r"printf 'one\000two\033[2J\377\376\r\nlast, without an end'; exit 3"
        "#,
    );
    let ran = project.flow("-j1").exits(1).says("last, without an end");
    let is_plain = |c: char| c == '\n' || !c.is_control();
    assert!(ran.stderr.chars().all(is_plain), "{:?}", ran.stderr);
}

#[test]
fn a_job_that_waits_for_the_terminal_fails_instead_of_waiting() {
    let project = Project::new(
        r#"
        rule all:
            output: "out.txt"
            shell: "kill -TTIN $$; echo read > {output}"
        "#,
    );
    project
        .make("")
        .exits(1)
        .says("asked the terminal for input, or for its settings, which is not for jobs (SIGTTIN)");
    assert!(!project.path("out.txt").exists());
}

#[test]
fn a_job_that_stops_itself_is_told_of_and_goes_on_when_it_is_told_to() {
    let project = Project::new(
        r#"
        rule all:
            output: "out.txt"
            shell: "kill -STOP $$; echo gone on > {output}"
        "#,
    );
    let flow = support::running::Running::start(project.command("-j1 --log-format json"));
    let told = loop {
        let line = flow.line().expect("flow tells of the job before it ends");
        if line.contains("warning") {
            break line;
        }
    };
    assert!(told.contains("all was stopped (SIGSTOP) and waits; `kill -CONT -- -"), "{told}");
    let group = told.split("-CONT -- ").nth(1).and_then(|rest| rest.split('`').next()).expect("the group is told");
    let go_on = std::process::Command::new("kill").args(["-CONT", "--", group]).status();
    assert!(go_on.expect("kill is there").success());
    assert_eq!(flow.ended().0, Some(0));
    assert_eq!(project.read("out.txt"), "gone on\n");
}

#[test]
fn a_stopped_job_ends_with_the_run() {
    let project = Project::new(
        r#"
        rule all:
            output: "out.txt"
            shell: "echo $$ > pid.txt; kill -STOP $$; echo gone on > {output}"
        "#,
    );
    let flow = support::running::Running::start(project.command("-j1 --log-format json"));
    while !flow.line().expect("flow tells of the job before it ends").contains("warning") {}
    flow.signal("INT", false);
    assert_eq!(flow.ended().0, Some(130));
    let pid = project.read("pid.txt");
    assert!(!std::path::Path::new(&format!("/proc/{}", pid.trim())).exists(), "it was ended and reaped");
}
