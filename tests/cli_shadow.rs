//! `shadow:`: a job works in a folder of its own, and of what it writes there only outputs and logs come back. And files
//! that a job changes, `update()`.

mod support;

use support::Project;
use support::running::Running;

fn shadowed(kind: &str, shell: &str) -> Project {
    let rulefile = format!(
        "rule all:\n    input: \"in.txt\"\n    output: \"out/a.txt\", \"b.txt\"\n    log: \"logs/all.log\"\n    \
         shadow: \"{kind}\"\n    shell: \"{shell}\"\n"
    );
    Project::new(&rulefile).file("in.txt", "text\n").file("other.txt", "other\n").file("deep/file.txt", "deep\n")
}

#[test]
fn outputs_and_logs_come_back_and_nothing_else() {
    for kind in ["minimal", "copy-minimal", "shallow", "full"] {
        let project = shadowed(kind, "cat {input} > {output[0]}; touch junk out/junk {output[1]}; echo log > {log}");
        project.make("").exits(0);
        assert_eq!(project.read("out/a.txt"), "text\n", "{kind}");
        assert_eq!(project.read("logs/all.log"), "log\n", "{kind}");
        assert!(project.exists("b.txt") && !project.exists("junk") && !project.exists("out/junk"), "{kind}");
        let left = std::fs::read_dir(project.path(".flow/shadow")).map_or(0, Iterator::count);
        assert_eq!(left, 0, "{kind}: the folder goes with the job");
        project.makes("", &[]);
    }
}

#[test]
fn an_input_that_is_named_twice_is_there_once() {
    for kind in ["minimal", "copy-minimal"] {
        let rule = "rule all:\n    input: \"in.txt\", again=\"in.txt\"\n    output: \"out.txt\"\n";
        let project =
            Project::new(&format!("{rule}    shadow: \"{kind}\"\n    shell: \"cat {{input}} > {{output}}\"\n"))
                .file("in.txt", "text\n");
        project.make("").exits(0);
        assert_eq!(project.read("out.txt"), "text\ntext\n", "{kind}");
    }
}

#[test]
fn each_kind_shows_its_part_of_the_folder() {
    let seen =
        "touch {output}; for f in in.txt other.txt deep/file.txt; do if test -e $f; then echo $f >> {log}; fi; done";
    for (kind, files) in [
        ("minimal", "in.txt\n"),
        ("copy-minimal", "in.txt\n"),
        ("shallow", "in.txt\nother.txt\ndeep/file.txt\n"),
        ("full", "in.txt\nother.txt\ndeep/file.txt\n"),
    ] {
        let project = shadowed(kind, seen);
        project.make("").exits(0);
        assert_eq!(project.read("logs/all.log"), files, "{kind}");
    }
    let project = shadowed("copy-minimal", "touch {output}; echo changed > {input}");
    project.make("").exits(0);
    assert_eq!(project.read("in.txt"), "text\n", "the job had a copy");
    let project = shadowed("full", "touch {output}; echo junk > deep/junk");
    project.make("").exits(0);
    assert!(!project.exists("deep/junk"));
}

#[test]
fn a_job_that_fails_leaves_its_log_and_nothing_else() {
    let project = shadowed("shallow", "echo half > {output[0]}; echo why > {log}; exit 1");
    project.make("").exits(1);
    assert!(!project.exists("out/a.txt") && !project.exists("b.txt"));
    assert_eq!(project.read("logs/all.log"), "why\n");
}

#[test]
fn the_folders_are_made_where_the_prefix_says() {
    let project = shadowed("minimal", "pwd > {output[0]}; touch {output[1]}");
    project.make("--shadow-prefix scratch").exits(0);
    assert!(project.read("out/a.txt").contains("/scratch/shadow/job-"), "{}", project.read("out/a.txt"));
    project.rulefile("rule all:\n    output: 'x'\n    shadow: 'some'\n    shell: 'touch x'\n");
    project.flow("-n").exits(1).says("`shadow:` takes \"minimal\", \"copy-minimal\", \"shallow\" or \"full\"");
}

const UPDATE: &str = r#"
    rule all:
        input: "copy.txt", "list.txt"

    rule add:
        input: "new.txt"
        output: update("list.txt")
        shell: "cat {input} >> {output}"

    rule copy:
        input: before_update("list.txt")
        output: "copy.txt"
        shell: "cp {input} {output}"
"#;

#[test]
fn a_file_is_changed_in_place_after_those_that_want_it_as_it_was() {
    let project = Project::new(UPDATE).file("list.txt", "old\n").file("new.txt", "new\n");
    project.makes("", &["copy", "add"]);
    assert_eq!((project.read("copy.txt"), project.read("list.txt")), ("old\n".into(), "old\nnew\n".into()));
    project.makes("", &[]);
    project.write("new.txt", "newer\n");
    project.makes("", &["add"]);
    assert_eq!(project.read("list.txt"), "old\nnew\nnewer\n");
}

#[test]
fn a_change_that_fails_leaves_the_file_as_it_was() {
    let project = Project::new(UPDATE).file("list.txt", "old\n").file("new.txt", "new\n");
    project.edit("Rulefile", ">> {output}", ">> {output}; exit 1");
    project.make("").exits(1);
    assert_eq!(project.read("list.txt"), "old\n");
    assert!(!project.exists(".flow-old.list.txt"));
    project.remove("list.txt");
    project.make("list.txt").exits(1);
    assert!(!project.exists("list.txt"));
}

#[test]
fn a_flow_that_is_killed_leaves_the_file_to_be_put_back_by_the_next() {
    let project = Project::new(
        r#"
        rule add:
            input: "new.txt"
            output: update("list.txt")
            shell: "cat {input} >> {output}; touch begun; test -e go || sleep 600"
        "#,
    )
    .file("list.txt", "old\n")
    .file("new.txt", "new\n");
    let flow = Running::start(project.command("--log-format json"));
    let started = std::time::Instant::now();
    while !project.exists("begun") {
        assert!(started.elapsed() < support::DEADLINE, "the job never began");
        std::thread::yield_now();
    }
    assert_eq!(project.read("list.txt"), "old\nnew\n", "the job is at work");
    flow.signal("KILL", false);
    assert_eq!(flow.ended().0, None);
    project.write("go", "");
    project.make("").exits(0);
    assert_eq!(project.read("list.txt"), "old\nnew\n", "and not twice: it began with the file as it was");
    assert!(!project.exists(".flow-old.list.txt"));
}

#[test]
fn who_changes_a_file_may_ask_for_it_as_it_was() {
    let project = Project::new(
        r#"
        rule all:
            input: "list.txt"
        rule add:
            input: before_update("list.txt")
            output: update("list.txt")
            shell: "echo more >> {output}"
        "#,
    )
    .file("list.txt", "old\n");
    project.make("-F").exits(0);
    assert_eq!(project.read("list.txt"), "old\nmore\n");
}
