//! `pipe()` and `service()`: jobs that run at the same time, and whose results count only together. `group:` and its
//! options are accepted.

mod support;

use support::Project;

const PIPES: &str = r#"
    rule all:
        input: "a.out", "b.out"

    rule make:
        output: pipe("{x}.pipe")
        shell: "for i in 1 2 3; do echo {wildcards.x} $i; done > {output}"

    rule double:
        input: "{x}.pipe"
        output: pipe("{x}.twice")
        shell: "sed p {input} > {output}"

    rule keep:
        input: "{x}.twice"
        output: "{x}.out"
        shell: "cat {input} > {output}"
"#;

#[test]
fn who_writes_to_a_pipe_runs_beside_who_reads_it() {
    let project = Project::new(PIPES);
    project.make("-j 3").exits(0);
    assert_eq!(project.read("a.out"), "a 1\na 1\na 2\na 2\na 3\na 3\n");
    assert!(!project.exists("a.pipe") && !project.exists("a.twice"));
    project.makes("-j 3", &[]);
    project.remove("b.out");
    project.makes("-j 3", &["make x=b", "double x=b", "keep x=b"]);
    project.edit("Rulefile", "1 2 3", "1 2");
    let ran = project.make("-j 6").exits(0);
    assert_eq!(ran.jobs().len(), 6);
    assert_eq!(project.read("b.out"), "b 1\nb 1\nb 2\nb 2\n");
}

#[test]
fn connected_jobs_count_together_against_the_cores() {
    let project = Project::new(PIPES);
    project.flow("-j2").exits(1).says("they need 3 of `threads`, of which there are 2");
    assert!(!project.exists("a.out"));
}

#[test]
fn what_is_read_from_a_writer_that_fails_is_no_result() {
    let project = Project::new(PIPES);
    project.edit("Rulefile", "done > {output}", "done > {output}; test {wildcards.x} = a");
    let ran = project.make("-k -j 3").exits(1);
    assert_eq!(ran.events_of("failed").len(), 1, "{}", ran.stdout);
    assert!(project.exists("a.out") && !project.exists("b.out"));
    for path in ["a.pipe", "b.pipe", "a.twice", "b.twice"] {
        assert!(!project.exists(path), "{path}");
    }
}

#[test]
fn a_partner_that_never_opens_the_pipe_is_not_waited_for() {
    let project = Project::new(PIPES);
    project.edit("Rulefile", "cat {input} > {output}", "echo nothing > {output}");
    project.make("-j 3").exits(1);
    let project = Project::new(PIPES);
    project.edit("Rulefile", "for i in 1 2 3; do echo {wildcards.x} $i; done > {output}", "echo silent");
    project.make("-j 3").exits(0);
    assert_eq!(project.read("a.out"), "");
}

#[test]
fn a_pipe_has_one_reader() {
    let rulefile = r#"
        rule all:
            input: "x.txt"

        rule make:
            output: pipe("x.txt")
            shell: "echo x > {output}"
        "#;
    let project = Project::new(rulefile);
    project.flow("-j4").exits(1).says("no job uses x.txt, which is a pipe");
    project.flow("-j4 x.txt").exits(1).says("no job uses x.txt, which is a pipe");
    let project = Project::new(
        r#"
        rule all:
            input: "1.out", "2.out"

        rule make:
            output: pipe("x.txt")
            shell: "echo x > {output}"

        rule use:
            input: "x.txt"
            output: "{n}.out"
            shell: "cat {input} > {output}"
        "#,
    );
    project.flow("-j4").exits(1).says("2 jobs read x.txt, which is a pipe to one");
}

#[test]
fn a_service_ends_when_those_that_use_it_are_done() {
    let project = Project::new(
        r#"
        rule all:
            input: "1.txt", "2.txt"

        rule serve:
            output: service("served")
            shell: "echo here > {output}; echo $$ > pid; while true; do sleep 600; done"

        rule use:
            input: "served"
            output: "{n}.txt"
            shell: "cat {input} > {output}"
        "#,
    );
    project.make("-j 3").exits(0);
    assert_eq!(project.read("1.txt"), "here\n");
    assert!(!project.exists("served"));
    let pid = project.read("pid");
    let status = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim()));
    assert!(status.is_err() || status.is_ok_and(|text| text.contains(") Z ")), "the service has ended");
    project.makes("-j 3", &[]);
}

#[test]
fn groups_run_as_all_jobs_do() {
    let project = Project::new(
        r#"
        rule all:
            input: "a.txt"
            output: "all.txt"
            group: "one"
            shell: "cp {input} {output}"

        rule a:
            output: "a.txt"
            group: lambda wildcards: "one"
            shell: "echo a > {output}"
        "#,
    );
    project.makes("--groups a=two all=two --group-components two=5", &["a", "all"]);
}

#[test]
fn connected_jobs_are_tried_again_together() {
    let project = Project::new(
        r#"
        rule all:
            input: "a.out"
        rule make:
            output: pipe("{x}.pipe")
            shell: "echo make >> tries; seq 3 > {output}"
        rule keep:
            input: "{x}.pipe"
            output: "{x}.out"
            retries: 2
            shell: "cat {input} > {output}; echo keep {attempt} >> tries; test {attempt} = 3"
        "#,
    );
    project.make("-j2").exits(0);
    assert_eq!(project.read("a.out"), "1\n2\n3\n");
    let tries = project.read("tries");
    assert_eq!((tries.matches("make").count(), tries.matches("keep").count()), (3, 3), "{tries}");
    assert!(tries.contains("keep 3"));
}

#[test]
fn what_is_found_out_later_waits_for_jobs_that_run_together() {
    let project = Project::new(
        r#"
        def found(wildcards):
            return read_text(checkpoints.look.get().output[0]).split()

        rule all:
            input: "all.txt", "go"

        rule make:
            output: pipe("x.pipe")
            shell: "echo one > {output}"

        rule keep:
            input: "x.pipe"
            output: "x.out"
            shell: "cat {input} > {output}; until test -e go; do :; done; echo two >> {output}"

        checkpoint look:
            output: "look.txt"
            priority: -1
            shell: "echo x.out > {output}"

        rule join:
            input: found
            output: "join.txt"
            priority: 1
            shell: "cat {input} > {output}"

        rule all_of_it:
            input: "x.out", "join.txt"
            output: "all.txt"
            shell: "cat {input} > {output}"

        rule go:
            input: "look.txt"
            output: "go"
            shell: "touch go"
        "#,
    );
    // `join` is known when `keep` runs, and would be picked before `go`, which `keep` waits for.
    project.flow("-j3").exits(0);
    assert_eq!(project.read("all.txt"), "one\ntwo\none\ntwo\n");
}
