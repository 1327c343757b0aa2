//! Threads, resources and priorities through the program: what a job takes, who says so, and when it is computed.

mod support;

use support::Project;

/// What a rule with these directives writes, under these options.
#[track_caller]
fn written(directives: &str, command: &str, words: &str) -> String {
    let project = Project::new(&format!("rule out:\n    output: 'out.txt'\n{directives}    shell: {command:?}\n"));
    project.make(words).exits(0);
    project.read("out.txt").trim_end().to_owned()
}

#[test]
fn threads_may_be_none() {
    assert_eq!(written("    threads: 0\n", "echo {threads} $OMP_NUM_THREADS > {output}", ""), "0 1");
}

#[test]
fn threads_are_set_by_an_expression() {
    let threads = |words| written("    threads: 1\n", "echo {threads} > {output}", words);
    assert_eq!(threads("-j20 --set-threads out=10*2"), "20");
    assert_eq!(threads("-j20 --set-threads out=attempt+2"), "3");
    assert_eq!(threads("-j2 --set-threads out=9"), "2");
    let project = Project::new("rule out:\n    output: 'out.txt'\n    shell: 'touch {output}'\n");
    project.flow("--set-threads out=many").exits(2).says("`many` is not a number from 1");
}

#[test]
fn who_hands_over_has_all_that_there_is() {
    let words = "-j2 --resources stove=3 mem_mb=20";
    let command = "echo {threads} {resources.stove} {resources.mem_mb} > {output}";
    assert_eq!(written("    handover: True\n", command, words), "1 3 20");
    assert_eq!(
        written("    handover: True\n    resources: stove=1\n", "echo {resources.stove} > {output}", words),
        "1"
    );
}

#[test]
fn amounts_are_computed_when_the_inputs_are_there() {
    let project = Project::new(
        r#"
        rule all:
            input: "last.txt"
        rule first:
            output: "first.txt"
            shell: "echo 12345 > {output}"
        def size(wildcards):
            assert os.path.isfile("first.txt"), "it is not there yet"
            return os.path.getsize("first.txt")
        rule last:
            input: "first.txt"
            output: "last.txt"
            resources: bytes=size
            shell: "echo {resources.bytes} > {output}"
        "#,
    );
    project.flow("-n").exits(0);
    project.make("").exits(0);
    assert_eq!(project.read("last.txt"), "6\n");
    // Where it is counted, too.
    project.make("-F --resources bytes=10").exits(0);
    project.remove("first.txt");
    project.make("--resources bytes=10").exits(0);
}

#[test]
fn a_priority_may_ask_for_the_inputs() {
    let project = Project::new(
        r#"
        rule all:
            input: "a.txt", "b.txt", "c.txt"
        rule make:
            input: lambda wildcards: {"a": [], "b": ["1.in", "2.in"], "c": ["1.in"]}[wildcards.x]
            output: "{x}.txt"
            priority: lambda wildcards, input, attempt, rulename: 1.5 * len(input) + attempt + len(rulename)
            shell: "touch {output}"
        "#,
    )
    .file("1.in", "")
    .file("2.in", "");
    assert_eq!(project.make("-j1").exits(0).jobs(), ["make x=b", "make x=c", "make x=a"]);
}
