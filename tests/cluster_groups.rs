//! Jobs of a group that need each other: they go to a batch system as one, are run there in turn, and each counts for itself.

mod support;

use support::Project;
use support::batch::{command, flow, killed_when, project};
use support::running::Running;

/// Chains of two in a group, and a sum of what they make in another.
const CHAINS: &str = r#"
    rule all:
        input: "sum.txt"

    rule first:
        output: temp("first/{n}")
        group: "chain"
        threads: 2
        resources: mem_mb=100, runtime=5
        shell: "echo first {wildcards.n} >> ran; echo {wildcards.n} > {output}"

    rule second:
        input: "first/{n}"
        output: "second/{n}"
        group: "chain"
        resources: mem_mb=300, runtime=7
        shell: "echo second {wildcards.n} >> ran; cat {input} {input} > {output}"

    rule sum:
        input: expand("second/{n}", n=range(4))
        output: "sum.txt"
        group: "sum"
        resources: mem_mb=50
        run: concat(input, output[0])
"#;

fn submitted(project: &Project) -> Vec<String> {
    let mut submitted: Vec<String> = project.read("submitted").lines().map(str::to_owned).collect();
    submitted.sort();
    submitted
}

#[test]
fn what_a_group_makes_of_its_own_goes_out_as_one_that_asks_for_what_each_step_needs() {
    let project = project(CHAINS);
    let ran = flow(&project, "-j 9").exits(0);
    assert_eq!(ran.jobs().len(), 9);
    assert_eq!(project.read("sum.txt"), "0\n0\n1\n1\n2\n2\n3\n3\n");
    // One after the other: the most of threads and memory.
    let chain = "-n 2 -m 300 -r first";
    assert_eq!(submitted(&project), ["-n 1 -m 50 -r sum", chain, chain, chain, chain]);
    assert!(!project.exists("first/0"), "what is temporary has gone");
    assert!(flow(&project, "").exits(0).jobs().is_empty());
}

#[test]
fn several_sets_share_a_task() {
    let project = project(CHAINS);
    flow(&project, "-j 9 --group-components chain=2").exits(0);
    // Two side by side.
    let pair = "-n 4 -m 600 -r first";
    assert_eq!(submitted(&project), ["-n 1 -m 50 -r sum", pair, pair]);
    assert_eq!(project.read("sum.txt"), "0\n0\n1\n1\n2\n2\n3\n3\n");
}

#[test]
fn the_plan_says_what_goes_out_as_one() {
    let project = project(CHAINS);
    let ran = project.ran({
        let mut command = project.command("-n -j 9 --executor cluster --cluster-submit-cmd");
        command.args(["./submit -n {threads} -m {resources.mem_mb}"]);
        command
    });
    ran.exits(0)
        .says("9 at a time at most")
        .says("8  first, second in 4 tasks")
        .says("./submit -n 2 -m 300 ")
        .says("1  sum");
}

#[test]
fn a_group_or_a_rule_that_is_not_there_is_an_error() {
    let project = project(CHAINS);
    flow(&project, "--group-components chian=2").exits(1).says("no rule is of a group `chian`").says("`chain`?");
    flow(&project, "--groups frist=chain").exits(1).says("`first`?");
}

/// Three in a row, of which the second fails as long as there is no `mended`.
const ROW: &str = r#"
    rule all:
        input: "c", "d"

    rule a:
        output: "a"
        group: "row"
        shell: "echo a >> ran; echo a > {output}"

    rule b:
        input: "a"
        output: "b"
        group: "row"
        retries: 1
        resources: attempt=lambda wildcards, attempt: attempt
        shell: "echo b{resources.attempt} >> ran; test -e mended && cat {input} > {output}"

    rule c:
        input: "b"
        output: "c"
        group: "row"
        shell: "echo c >> ran; cat {input} > {output}"

    rule d:
        input: "a"
        output: "d"
        group: "row"
        shell: "echo d >> ran; cat {input} > {output}"
"#;

#[test]
fn what_succeeded_before_a_failure_counts_and_what_follows_it_does_not_begin() {
    let project = project(ROW);
    let ran = flow(&project, "-k --default-resources mem_mb=1").exits(1);
    let ended: Vec<String> = ran.events_of("ended").iter().map(|event| event["failed"].to_string()).collect();
    assert_eq!(ended.len(), 1);
    let mut done: Vec<String> = project.read("ran").lines().map(str::to_owned).collect();
    done.sort();
    // The second try is of what is left, and not of what was done.
    assert_eq!(done, ["a", "b1", "b2", "d"]);
    assert!(project.exists("a") && project.exists("d") && !project.exists("b") && !project.exists("c"));
    project.write("mended", "");
    let ran = flow(&project, "--default-resources mem_mb=1").exits(0);
    assert_eq!(ran.jobs().len(), 2, "{:?}", ran.jobs());
    assert_eq!(project.read("c"), "a\n");
}

#[test]
fn a_job_whose_params_look_at_what_its_group_makes_waits_for_it() {
    let project = project(
        r#"
        rule all:
            input: "b"

        rule a:
            output: "a"
            group: "g"
            shell: "echo a > {output}"

        rule b:
            input: "a"
            output: "b"
            group: "g"
            params: size=lambda wildcards, input: os.path.getsize(input[0])
            shell: "echo {params.size} > {output}"
        "#,
    );
    flow(&project, "--default-resources mem_mb=1").exits(0);
    assert_eq!(project.read("b"), "2\n");
    assert_eq!(submitted(&project).len(), 2);
}

#[test]
fn a_set_that_would_wait_for_itself_is_taken_apart() {
    let project = project(
        r#"
        rule all:
            input: "c"

        rule a:
            output: "a"
            group: "g"
            shell: "echo a > {output}"

        rule b:
            input: "a"
            output: "b"
            shell: "cat {input} > {output}"

        rule c:
            input: "a", "b"
            output: "c"
            group: "g"
            shell: "cat {input} > {output}"
        "#,
    );
    flow(&project, "--default-resources mem_mb=1").exits(0);
    assert_eq!(project.read("c"), "a\na\n");
    assert_eq!(submitted(&project).len(), 3);
}

/// The second waits for `go`.
const HELD: &str = r#"
    rule all:
        input: "c"

    rule a:
        output: "a"
        group: "row"
        shell: "echo a >> ran; echo a > {output}"

    rule b:
        input: "a"
        output: "b"
        group: "row"
        shell: "echo b >> ran; while ! test -e go; do sleep 0.05; done; cat {input} > {output}"

    rule c:
        input: "b"
        output: "c"
        group: "row"
        shell: "echo c >> ran; cat {input} > {output}"
"#;

/// A flow that was killed while the second of three ran, in a task that was noted.
fn killed() -> Project {
    let project = project(HELD);
    killed_when(&project, || project.exists("ran") && project.read("ran") == "a\nb\n");
    project
}

#[test]
fn a_flow_that_was_killed_finds_the_whole_row_again() {
    let project = killed();
    let flow = Running::start(command(&project, "./submit", ""));
    project.write("go", "");
    assert_eq!(flow.ended().0, Some(0));
    assert_eq!(project.read("ran"), "a\nb\nc\n", "each ran once");
    assert_eq!(submitted(&project).len(), 1);
}

#[test]
fn what_is_other_work_by_now_waits_for_what_is_taken_over() {
    let project = killed();
    project.edit("Rulefile", "echo c >> ran;", "echo other >> ran;");
    let flow = Running::start(command(&project, "./submit", ""));
    project.write("go", "");
    assert_eq!(flow.ended().0, Some(0));
    assert_eq!(project.read("ran").replace("c\n", ""), "a\nb\nother\n");
    assert_eq!(project.read("c"), "a\n");
    assert_eq!(submitted(&project).len(), 2);
}

#[test]
fn what_a_set_s_first_job_is_when_it_was_given_out_by_another_run_decides_about_the_rest() {
    let project = killed();
    project.edit("Rulefile", "echo a >> ran;", "echo A >> ran;");
    let flow = Running::start(command(&project, "./submit", ""));
    project.write("go", "");
    assert_eq!(flow.ended().0, Some(0));
    // What the old second one makes was made of what the old first one made, and does not count.
    assert!(project.read("ran").ends_with("A\nb\nc\n"), "{}", project.read("ran"));
    assert_eq!(project.read("c"), "a\n");
}

/// Two in a row; the second fails once for each line in `failures`.
const FRAGILE: &str = r#"
    rule all:
        input: "c"

    rule a:
        input: "source"
        output: "a"
        group: "row"
        retries: 1
        shell: "echo a >> ran; test -e a_may || {{ touch a_may; exit 1; }}; echo a > {output}"

    rule b:
        input: "a"
        output: "b"
        group: "row"
        retries: 1
        resources: attempt=lambda wildcards, attempt: attempt
        shell: "echo b{resources.attempt} >> ran; test -e b_may || {{ touch b_may; exit 1; }}; cat {input} > {output}"

    rule c:
        input: "b"
        output: "c"
        group: "row"
        shell: "echo c >> ran; cat {input} > {output}"
"#;

#[test]
fn each_job_of_a_set_has_its_own_tries() {
    let project = project(FRAGILE).file("source", "1");
    flow(&project, "--default-resources mem_mb=1").exits(0);
    assert_eq!(project.read("ran"), "a\na\nb1\nb2\nc\n");
}

#[test]
fn what_was_given_out_and_failed_is_made_again_though_its_input_came_out_as_it_was() {
    let project = project(FRAGILE).file("source", "1").file("a_may", "").file("b_may", "");
    flow(&project, "--default-resources mem_mb=1").exits(0);
    project.write("source", "2");
    project.remove("b_may");
    project.remove("ran");
    flow(&project, "--default-resources mem_mb=1").exits(0);
    assert_eq!(project.read("ran"), "a\nb1\nb2\nc\n");
    assert_eq!((project.read("b").as_str(), project.read("c").as_str()), ("a\n", "a\n"));
    assert!(flow(&project, "--default-resources mem_mb=1").exits(0).jobs().is_empty());
}

#[test]
fn what_needs_only_those_that_succeeded_goes_on() {
    let project = project(
        r#"
        rule all:
            input: "e", "f"

        rule a:
            output: "a"
            group: "g"
            shell: "echo a > {output}"

        rule b:
            input: "a"
            output: "b"
            group: "g"
            shell: "exit 1"

        rule d:
            input: "a"
            output: "d"
            group: "g"
            shell: "cat {input} > {output}"

        rule e:
            input: "d"
            output: "e"
            shell: "cat {input} > {output}"

        rule f:
            input: "b"
            output: "f"
            shell: "cat {input} > {output}"
        "#,
    );
    flow(&project, "-k --default-resources mem_mb=1").exits(1);
    assert!(project.exists("e") && !project.exists("f"));
}

#[test]
fn jobs_that_ask_for_different_things_go_apart() {
    for (one, other) in [("slurm_partition='x'", "slurm_partition='y'"), ("runtime=5", "gpu=1"), ("slots=2", "slots=2")]
    {
        let rulefile = r#"
        rule all:
            input: "b0", "b1"

        rule a:
            output: "a{n}"
            group: "g"
            resources: mem_mb=1, ONE
            shell: "echo a > {output}"

        rule b:
            input: "a0", "a1"
            output: "b{n}"
            group: "g"
            resources: mem_mb=1, OTHER
            shell: "cat {input} > {output}"
        "#;
        let project = project(&rulefile.replace("ONE", one).replace("OTHER", other));
        flow(&project, "--resources slots=2").exits(0);
        assert_eq!(submitted(&project).len(), 4, "{one}");
    }
}

#[test]
fn what_was_made_of_an_input_that_was_changed_since_is_made_again() {
    let project = project(
        r#"
        rule a:
            input: "source"
            output: "a"
            shell: "echo a >> ran; while ! test -e go; do sleep 0.05; done; cat {input} > {output}"
        "#,
    )
    .file("source", "1");
    killed_when(&project, || project.exists("ran"));
    project.write("go", "");
    project.await_file("a");
    project.write("source", "2");
    let flow = Running::start(command(&project, "./submit", ""));
    assert_eq!(flow.ended().0, Some(0));
    assert_eq!(project.read("a"), "2");
}
