//! What is kept of past runs, and what becomes of it when a run was killed, refused, or is still going on; when the
//! records are damaged; and when somebody only looks.

mod support;

use support::Project;
use support::running::Running;

/// A job that writes half of its output and then waits for somebody to write to a pipe.
fn half_done() -> Project {
    let project = Project::new(
        r#"
        rule a:
            input: "in.txt"
            output: "a.txt"
            shell: "echo half > {output}; cat pipe >> {output}"
        "#,
    )
    .file("in.txt", "i\n");
    let made = std::process::Command::new("mkfifo").arg(project.path("pipe")).status().expect("mkfifo starts");
    assert!(made.success());
    project
}

fn wait_for(project: &Project, path: &str) {
    let started = std::time::Instant::now();
    while !project.exists(path) {
        assert!(started.elapsed() < support::DEADLINE, "{path} never came");
        std::thread::yield_now();
    }
}

/// A flow that has come as far as half of the output.
fn halfway(project: &Project) -> Running {
    let flow = Running::start(project.command("-j2 --log-format json"));
    wait_for(project, "a.txt");
    flow
}

fn records(project: &Project) -> rusqlite::Connection {
    rusqlite::Connection::open(project.path(".flow/state.db")).expect("the records can be opened")
}

#[test]
fn whoever_writes_after_a_killed_run_tidies_up_first() {
    for (words, code) in [
        ("--touch", 0),
        ("--delete-all-output", 0),
        ("--delete-temp-output", 0),
        // It tidies up, and finds no record of a file that was never finished.
        ("--cleanup-metadata a.txt", 1),
    ] {
        let project = half_done();
        let flow = halfway(&project);
        flow.signal("KILL", false);
        flow.ended();
        project
            .flow(words)
            .exits(code)
            .says("ended 2 processes of an earlier run")
            .says("removed unfinished outputs of a: a.txt");
        assert!(!project.exists("a.txt"), "after {words}");
        project.flow("-n").exits(0).says("missing: a.txt");
    }
}

#[test]
fn unfinished_outputs_are_not_touched() {
    let project = Project::new(
        r#"
        rule a:
            output: "a.txt"
            shell: "echo half > {output}; test -e on"
        "#,
    );
    project.flow("--keep-incomplete").exits(1);
    assert_eq!(project.read("a.txt"), "half\n");
    project.flow("--touch").exits(0).says("a.txt is unfinished, and will be made: it is not touched");
    project.write("on", "");
    assert_eq!(project.makes("", &["a"]).reason("a"), "its last run did not finish");
    project.makes("", &[]);
}

#[test]
fn a_job_that_was_refused_has_nothing_unfinished() {
    let project = Project::new(
        r#"
        rule a:
            output: protected("a.txt")
            shell: "echo a > {output}"
        "#,
    );
    project.makes("", &["a"]);
    project.edit("Rulefile", "echo a", "echo b");
    project.flow("--keep-incomplete").exits(1).says("write-protected");
    project.edit("Rulefile", "echo b", "echo a");
    project.makes("", &[]);
}

#[test]
fn a_protected_output_whose_end_is_not_on_record_stays() {
    let project = Project::new(
        r#"
        rule a:
            output: protected("a.txt")
            shell: "echo a > {output}"
        "#,
    );
    project.makes("", &["a"]);
    let killed = "INSERT INTO started VALUES ('a.txt', 'a', 'tag', '[\"a.txt\"]', 1, 0, NULL, NULL)";
    records(&project).execute_batch(killed).expect("a row can be added");
    project.flow("").exits(1).says("a.txt is protected and stays").says("write-protected");
    assert_eq!(project.read("a.txt"), "a\n");
}

#[test]
fn damaged_records_are_set_aside_when_they_are_met() {
    for damage in ["UPDATE jobs SET code = x'00'", "UPDATE rules SET wall_ms = 'x'", "UPDATE outputs SET path = x'ff'"]
    {
        let project = Project::new(
            r#"
            rule a:
                input: "in.txt"
                output: "a.txt"
                shell: "cat {input} > {output}"

            rule b:
                input: "a.txt"
                output: "b.txt"
                shell: "cat {input} > {output}"
            "#,
        )
        .file("in.txt", "i\n");
        project.makes("a.txt", &["a"]);
        project.write("b.txt", "b\n");
        records(&project).execute_batch(damage).expect("it can be damaged");
        project.write("in.txt", "other\n");
        project.flow("-n b.txt").exits(0).says("b");
        project.flow("b.txt").exits(0).says("state.db.damaged-1");
        project.makes("b.txt", &[]);
    }
}

#[test]
fn looking_while_a_flow_runs_sees_its_records_and_what_it_makes() {
    let project = half_done();
    let flow = halfway(&project);
    project.flow("-n").exits(0).says("a: another flow is making it now").does_not_say("without");
    project.flow("--summary").exits(0).says("running");
    project.flow("").exits(1).says("in use by another flow");
    std::fs::write(project.path("pipe"), "the rest\n").expect("the job reads it");
    assert_eq!(flow.ended().0, Some(0));
    assert_eq!(project.read("a.txt"), "half\nthe rest\n");
    project.flow("--summary").exits(0).says("ok");
}

#[test]
fn many_may_look_at_once() {
    let project = Project::new("rule a:\n    output: 'a.txt'\n    shell: 'touch {output}'\n");
    project.makes("", &["a"]);
    let looks: Vec<_> = (0..8).map(|_| project.command("-n").spawn().expect("flow starts")).collect();
    for look in looks {
        let output = look.wait_with_output().expect("it ends");
        assert_eq!(String::from_utf8_lossy(&output.stdout), "Nothing to do.\n");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    }
    let names = |entry: std::fs::DirEntry| entry.file_name().into_string().expect("UTF-8");
    let mut left: Vec<_> =
        std::fs::read_dir(project.path(".flow")).unwrap().map(|entry| names(entry.unwrap())).collect();
    left.retain(|name| name != "log");
    left.sort();
    assert_eq!(left, ["lock", "state.db"], "looking leaves nothing");
}

#[test]
fn a_body_that_fails_leaves_no_result_of_an_earlier_run() {
    let rulefile = r#"
        rule a:
            input: "in.txt"
            output: "a.txt", protected("b.txt")
            run:
                text = read_text(input[0])
                write_text(text, output[0])
                write_text(text, output[1])
                if "bad" in text:
                    fail("no good")
        "#;
    let project = Project::new(&rulefile.replace("protected(\"b.txt\")", "\"b.txt\"")).file("in.txt", "good\n");
    project.makes("", &["a"]);
    project.write("in.txt", "bad\n");
    project.make("--keep-incomplete").exits(1);
    assert_eq!(project.read("a.txt"), "good\n");
    project.make("").exits(1);
    assert!(!project.exists("a.txt") && !project.exists("b.txt"));
}

#[test]
fn touching_keeps_what_is_known_of_the_run() {
    let project = Project::new(
        r#"
        rule a:
            input: "in.txt"
            output: "a.txt"
            shell: "echo said; cat {input} > {output}"
        "#,
    )
    .file("in.txt", "i\n");
    project.makes("", &["a"]);
    project.write("in.txt", "other\n");
    project.flow("--touch").exits(0).prints("touched a.txt");
    let (run, log, jobs): (Option<i64>, String, i64) = records(&project)
        .query_row("SELECT jobs.run, jobs.log, rules.jobs FROM jobs, rules", [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .expect("a row");
    assert_eq!((run, jobs), (Some(1), 1));
    assert!(log.ends_with(".log"), "{log}");
    project.makes("", &[]);
}
