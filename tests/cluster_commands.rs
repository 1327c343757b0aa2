//! Jobs by the commands of any batch system: a script that runs job scripts in the background, on this machine, in the
//! place of one.

mod support;

use support::batch::{command, flow, is_noted, killed_when, project};
use support::running::Running;

const WORK: &str = r#"
    rule all:
        input: expand("out/{n}.txt", n=range(3)), "sum.txt"

    rule part:
        output: "out/{n}.txt"
        resources: mem_mb=100
        shell: "echo {wildcards.n} > {output}"

    rule sum:
        input: expand("out/{n}.txt", n=range(3))
        output: "sum.txt"
        threads: 2
        resources: mem_mb=200
        run: concat(input, output[0])
"#;

#[test]
fn jobs_go_out_by_the_command_with_what_they_ask_for() {
    let project = project(WORK);
    let ran = flow(&project, "-j 5").exits(0);
    assert_eq!(ran.jobs().len(), 4);
    assert_eq!(project.read("sum.txt"), "0\n1\n2\n");
    let mut submitted: Vec<String> = project.read("submitted").lines().map(str::to_owned).collect();
    submitted.sort();
    assert_eq!(submitted, ["-n 1 -m 100 -r part", "-n 1 -m 100 -r part", "-n 1 -m 100 -r part", "-n 2 -m 200 -r sum"]);
    let script = project.read("script");
    let properties = script.lines().find_map(|line| line.strip_prefix("# properties = ")).expect("it has them");
    let properties: serde_json::Value = serde_json::from_str(properties).expect("they are JSON");
    assert_eq!((&properties["rule"], &properties["threads"]), (&"sum".into(), &2.into()));
    assert!(flow(&project, "").exits(0).jobs().is_empty());
    assert!(!project.exists(".flow/cluster"));
}

#[test]
fn what_a_command_asks_for_and_a_job_has_not_is_an_error_that_names_it() {
    let project = project(WORK);
    let ran = project.ran(command(&project, "./submit {resources.memory}", "-k")).exits(1);
    let failures = ran.events_of("failed");
    let cause = failures[0]["failure"]["cause"].as_str().unwrap_or_default();
    assert!(cause.contains("rule `part` has no `resources.memory`"), "{cause}");
    assert!(!project.exists("submitted"));
}

#[test]
fn what_a_command_for_submitting_gets_wrong_is_told() {
    let wrong = [
        ("./submit {threads", "a brace stands alone in `./submit {threads`: write it twice"),
        ("./submit threads}", "a brace stands alone in `./submit threads}`: write it twice"),
        ("echo '' #", "the command for submitting printed no id of the job"),
        ("true #", "the command for submitting printed no id of the job"),
        ("sh -c 'echo no such queue >&2; exit 3' #", "no such queue"),
        ("sh -c 'echo no such queue; exit 3' #", "no such queue"),
    ];
    for (submit, expected) in wrong {
        let project = project(HELD);
        let ran = project.ran(command(&project, submit, "")).exits(1);
        let failures = ran.events_of("failed");
        let cause = failures[0]["failure"]["cause"].as_str().unwrap_or_default();
        assert!(cause.contains(expected), "{submit}: {cause}");
    }
}

#[test]
fn braces_that_are_written_twice_in_a_command_are_braces() {
    let project = project(WORK);
    let ran = project.ran(command(&project, "{{ printf %s '{{n}}' > braces; }}; ./submit -n {threads}", "out/0.txt"));
    assert_eq!(project.read("braces"), "{n}", "{}", ran.stderr);
}

const HELD: &str = r#"
    rule held:
        output: "out.txt"
        shell: "echo begun >> began; while ! test -e go; do sleep 0.05; done; echo done > {output}"
"#;

/// Until what was submitted has ended.
fn await_nodes(project: &support::Project) {
    let waited = "while pgrep -f -- \"--run-task $PWD\" > /dev/null; do :; done";
    std::process::Command::new("sh").args(["-c", waited]).current_dir(project.path("")).status().expect("sh starts");
}

#[test]
fn a_job_that_dies_without_a_word_is_found_by_the_status_command() {
    let project = project(HELD);
    let mut flow = command(&project, "./submit", "-w 0");
    flow.stderr(std::process::Stdio::null());
    let flow = Running::start(flow);
    project.await_file("began");
    // All of the job's processes, as a node that loses its power would have it.
    let killed = "for p in $(pgrep -f -- \"--run-task $PWD\"); do kill -KILL $p $(pgrep -P $p); done";
    let status = std::process::Command::new("sh").args(["-c", killed]).current_dir(project.path("")).status();
    assert!(status.expect("sh starts").success());
    let mut lines = Vec::new();
    while let Some(line) = flow.line() {
        lines.push(line);
    }
    assert_eq!(flow.ended().0, Some(1));
    assert!(lines.iter().any(|line| line.contains("FAILED: it ended without a word")), "{lines:?}");
    assert!(!project.exists("out.txt"));
}

#[test]
fn an_interrupted_flow_cancels() {
    let project = project(HELD);
    let flow = Running::start(command(&project, "./submit", ""));
    project.await_file("began");
    flow.signal("INT", false);
    assert_eq!(flow.ended().0, Some(130));
    assert_eq!(project.read("cancelled").lines().count(), 1);
    project.write("go", "");
    project.flow("-j1").exits(0);
    assert_eq!(project.read("began"), "begun\nbegun\n");
}

#[test]
fn a_flow_that_was_killed_finds_its_job_again() {
    let project = project(HELD);
    killed_when(&project, || project.exists("began"));
    let flow = Running::start(command(&project, "./submit", ""));
    project.write("go", "");
    assert_eq!(flow.ended().0, Some(0));
    assert_eq!(project.read("began"), "begun\n", "it ran once");
    assert_eq!(project.read("out.txt"), "done\n");
}

#[test]
fn what_an_earlier_run_has_out_is_given_up_by_one_that_runs_here() {
    let project = project(HELD);
    killed_when(&project, || project.exists("began"));
    project.write("go", "");
    let told = "1 job of an earlier run given up, wherever it runs: this run makes it here";
    project.flow("-j1").exits(0).says(told);
    assert_eq!(project.read("out.txt"), "done\n");
    project.flow("-j1").exits(0).does_not_say("earlier");
    // Nobody ends what was given up, and its place goes with this test.
    await_nodes(&project);
}

#[test]
fn two_attempts_at_a_job_cannot_both_come_home() {
    // The first attempt is given up by a flow that runs its jobs here, and ends later.
    let project = project(HELD);
    let flow = Running::start(command(&project, "./submit", "--detach"));
    project.await_file("began");
    flow.signal("INT", false);
    flow.ended();
    let pid = project.read("submitted").lines().count();
    assert_eq!(pid, 1);
    project.edit("Rulefile", "echo begun >> began; while ! test -e go; do sleep 0.05; done; echo done", "echo here");
    project.flow("-j1").exits(0);
    assert_eq!(project.read("out.txt"), "here\n");
    project.write("go", "");
    await_nodes(&project);
    assert_eq!(project.read("out.txt"), "here\n");
    project.flow("-n").exits(0).says("Nothing to do");
}

#[test]
fn what_would_be_undone_by_jobs_that_are_out_is_refused() {
    let project = project(HELD);
    killed_when(&project, || project.exists("began"));
    for option in ["--delete-all-output", "--touch"] {
        project.flow(option).exits(1).says(&format!("{option}: a job of an earlier run may still bring home"));
    }
    project.write("go", "");
    assert_eq!(Running::start(command(&project, "./submit", "")).ended().0, Some(0));
    project.flow("--delete-all-output").exits(0);
    assert!(!project.exists("out.txt"));
}

#[test]
fn jobs_that_run_here_have_the_cores_they_are_given() {
    let project = project(
        r#"
        rule all:
            input: "here", "there"

        rule here:
            output: "here"
            localrule: True
            threads: 8
            shell: "echo {threads} > {output}"

        rule there:
            output: "there"
            threads: 8
            shell: "echo {threads} > {output}"
        "#,
    );
    flow(&project, "--local-cores 3 --default-resources mem_mb=1").exits(0);
    assert_eq!((project.read("here").as_str(), project.read("there").as_str()), ("3\n", "8\n"));
}

#[test]
fn a_detached_flow_ends_what_runs_here() {
    let project = project(
        r#"
        rule all:
            input: "here", "out.txt"

        rule here:
            output: "here"
            localrule: True
            shell: "echo > {output}; echo > here_began; while ! test -e never; do sleep 0.05; done"

        rule there:
            output: "out.txt"
            shell: "echo begun >> began; while ! test -e go; do sleep 0.05; done; echo done > {output}"
        "#,
    );
    let flow = Running::start(command(&project, "./submit", "--detach"));
    project.await_file("began");
    project.await_file("here_began");
    while !is_noted(&project) {}
    flow.signal("INT", false);
    assert_eq!(flow.ended().0, Some(130));
    assert!(!project.exists("here") && !project.exists("cancelled"));
    project.write("go", "");
    project.write("never", "");
    assert_eq!(Running::start(command(&project, "./submit", "")).ended().0, Some(0));
    assert_eq!(project.read("began"), "begun\n", "it went on");
}

#[test]
fn what_is_cached_is_not_made_again_on_a_node() {
    let cache = tempfile::tempdir().expect("a temporary folder");
    for _ in 0..2 {
        let project = project(
            r#"
            rule one:
                output: "one"
                cache: True
                shell: "echo >> $FLOW_OUTPUT_CACHE/../ran; echo one > {output}"
            "#,
        );
        let mut flow = command(&project, "./submit", "--cache");
        flow.env("FLOW_OUTPUT_CACHE", cache.path().join("cache"));
        project.ran(flow).exits(0);
        assert_eq!(project.read("one"), "one\n");
    }
    let ran = std::fs::read_to_string(cache.path().join("ran")).expect("it ran");
    assert_eq!(ran.lines().count(), 1);
}

#[test]
fn what_a_strict_job_does_not_declare_is_named_from_its_node() {
    let project = project(
        r#"
        rule one:
            output: "one"
            shell: "cat secret > {output}"
        "#,
    )
    .file("secret", "s");
    if !support::strict::is_possible() {
        return;
    }
    let ran = flow(&project, "--strict --default-resources mem_mb=1").exits(1);
    let cause = ran.events_of("failed")[0]["failure"]["cause"].as_str().unwrap_or_default().to_owned();
    assert!(cause.contains("reads `secret`, which is not among its inputs"), "{cause}");
}

#[test]
fn what_an_earlier_try_said_is_not_in_the_log_of_one_that_said_nothing() {
    let project = project(
        r#"
        rule one:
            output: "one"
            retries: 1
            shell: "test -e second && echo 1 > {output} || {{ echo said; touch second; exit 1; }}"
        "#,
    );
    flow(&project, "--default-resources mem_mb=1").exits(0);
    assert!(!project.exists(".flow/log/one/one.log"));
}

#[test]
fn what_is_updated_under_its_own_name_is_not_undone() {
    let project = project(
        r#"
        rule all:
            input: "named.txt", "literal.txt"

        rule named:
            output: update("named.txt")
            shell: "echo more >> {output}"

        rule literal:
            output: update("literal.txt")
            shell: "echo more >> literal.txt"
        "#,
    )
    .file("named.txt", "old\n")
    .file("literal.txt", "old\n");
    flow(&project, "-F --default-resources mem_mb=1").exits(0);
    for path in ["named.txt", "literal.txt"] {
        assert_eq!(project.read(path), "old\nmore\n", "{path}");
    }
    assert!(flow(&project, "--default-resources mem_mb=1").exits(0).jobs().is_empty());
}
