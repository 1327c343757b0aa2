//! Ctrl-C and its siblings: flow ends soon, with 128 and the signal as its exit code, and leaves no process and no
//! partial output behind.

mod support;

use support::Project;
use support::running::Running;

/// Jobs that write half of their output, name their processes, and then would take minutes.
const SLOW: &str = r#"
    rule all:
        input: "a.txt", "b.txt"

    rule slow:
        output: "{name}.txt"
        shell:
            """
            echo half > {output}
            sleep 600 &
            echo $$ $! > pids.{wildcards.name}.tmp
            mv pids.{wildcards.name}.tmp pids.{wildcards.name}
            wait
            """
"#;

/// Waits until a file is there; its jobs make it, so that this takes no longer than they do.
fn wait_for(project: &Project, path: &str) {
    let started = std::time::Instant::now();
    while !project.exists(path) {
        assert!(started.elapsed() < support::DEADLINE, "{path} never came");
        std::thread::yield_now();
    }
}

fn is_running(pid: &str) -> bool {
    let Ok(status) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else { return false };
    !status.contains(") Z ")
}

#[track_caller]
fn interrupted(signal: &str, to_group: bool, code: i32) {
    let project = Project::new(SLOW);
    let flow = Running::start(project.command("-j2 --log-format json"));
    for name in ["a", "b"] {
        wait_for(&project, &format!("pids.{name}"));
    }
    flow.signal(signal, to_group);
    let (ended, took) = flow.ended();
    assert_eq!(ended, Some(code));
    assert!(took.as_secs() < 10, "it took {took:?}");
    for name in ["a", "b"] {
        for pid in project.read(&format!("pids.{name}")).split_whitespace() {
            assert!(!is_running(pid), "process {pid} of job {name} is still there");
        }
        assert!(!project.exists(&format!("{name}.txt")), "half an output is still there");
    }
    project.flow("-n").exits(0).says("missing: a.txt");
}

#[test]
fn ctrl_c_ends_everything_with_130() {
    interrupted("INT", true, 130);
}

#[test]
fn an_interrupt_to_flow_alone_ends_everything_too() {
    interrupted("INT", false, 130);
}

#[test]
fn a_batch_system_s_sigterm_ends_everything_with_143() {
    interrupted("TERM", false, 143);
}

#[test]
fn a_terminal_that_closes_ends_everything_with_129() {
    interrupted("HUP", true, 129);
}

#[test]
fn an_interrupted_run_body_leaves_no_output() {
    let project = Project::new(
        r#"
        rule body:
            output: "a.txt"
            run:
                write_text("half", output[0])
                shell("touch begun; sleep 600")
        "#,
    );
    let flow = Running::start(project.command("--log-format json"));
    wait_for(&project, "begun");
    flow.signal("INT", true);
    let (code, _) = flow.ended();
    assert_eq!(code, Some(130));
    let left: Vec<_> = project.tree().into_keys().collect();
    assert_eq!(left, ["Rulefile", "begun"].map(std::path::PathBuf::from));
}

#[test]
fn what_was_done_before_an_interrupt_stays_done() {
    let project = Project::new(
        r#"
        rule all:
            input: "quick.txt", "slow.txt"

        rule quick:
            output: "quick.txt"
            shell: "echo q > {output}"

        rule slow:
            input: "quick.txt"
            output: "slow.txt"
            shell: "touch begun; test -e go || sleep 600; cp {input} {output}"
        "#,
    );
    let flow = Running::start(project.command("--log-format json"));
    wait_for(&project, "begun");
    flow.signal("INT", false);
    assert_eq!(flow.ended().0, Some(130));
    project.write("go", "");
    project.makes("", &["slow"]);
    assert_eq!(project.read("slow.txt"), "q\n");
}

#[test]
fn a_second_flow_in_the_same_folder_is_refused() {
    let project = Project::new(SLOW);
    let flow = Running::start(project.command("-j2 --log-format json"));
    wait_for(&project, "pids.a");
    project.flow("").exits(1).says("one flow works in a folder at a time");
    project.flow("-n").exits(0).says("slow (name=a): another flow is making it now");
    flow.signal("INT", true);
    assert_eq!(flow.ended().0, Some(130));
}

#[test]
fn a_signal_that_is_ignored_stays_ignored() {
    let project = Project::new(
        "rule a:\n    output: 'a.txt'\n    shell: 'touch begun; until test -e go; do :; done; touch {output}'\n",
    );
    let flow = project.command("--log-format json");
    let mut command = std::process::Command::new("bash");
    command.args(["-c", "trap '' HUP; exec \"$0\" \"$@\""]).arg(flow.get_program()).args(flow.get_args());
    command.current_dir(project.path(".")).stdin(std::process::Stdio::null()).stdout(std::process::Stdio::piped());
    let flow = Running::start(command);
    wait_for(&project, "begun");
    flow.signal("HUP", false);
    project.write("go", "");
    assert_eq!(flow.ended().0, Some(0));
    assert!(project.exists("a.txt"));
}

#[test]
fn every_job_that_started_ends_in_the_events() {
    let project = Project::new(SLOW);
    let flow = Running::start(project.command("-j2 --log-format json"));
    for name in ["a", "b"] {
        wait_for(&project, &format!("pids.{name}"));
    }
    flow.signal("INT", false);
    let mut events: Vec<serde_json::Value> = Vec::new();
    while let Some(line) = flow.line() {
        events.push(serde_json::from_str(&line).expect("an event is JSON"));
    }
    let count = |kind: &str| events.iter().filter(|event| event["event"] == kind).count();
    assert_eq!((count("started"), count("stopped")), (2, 2));
    let end = events.last().expect("there is an end");
    assert_eq!((&end["event"], &end["stopped"], &end["not_run"]), (&"ended".into(), &2.into(), &0.into()));
    assert_eq!(flow.ended().0, Some(130));
}

#[test]
fn what_an_interrupted_job_wrote_and_was_to_keep_is_no_result() {
    for action in [
        "shell: 'echo half > {output}; touch begun; sleep 600'",
        "run:\n        write_text('half', output[0])\n        shell('touch begun; sleep 600')",
        "script: 'slow.sh'",
    ] {
        let project = Project::new(&format!("rule slow:\n    output: 'a.txt'\n    {action}\n"))
            .file("slow.sh", "echo half > \"${snakemake_output[0]}\"; touch begun; sleep 600\n");
        let flow = Running::start(project.command("--keep-incomplete --log-format json"));
        wait_for(&project, "begun");
        flow.signal("INT", true);
        assert_eq!(flow.ended().0, Some(130));
        assert!(project.exists("a.txt"), "{action}");
        project.flow("-n").exits(0).says("its last run did not finish");
        project.rulefile(&project.read("Rulefile").replace("sleep 600", ""));
        project.write("slow.sh", "echo whole > \"${snakemake_output[0]}\"\n");
        let ran = project.makes("", &["slow"]);
        assert_eq!(ran.reason("slow"), "its last run did not finish");
        project.makes("", &[]);
    }
}
