//! Checkpoints: what other jobs need is known when one is done. The run goes on with what it made known, a run after
//! that has nothing to do, and a dry run says what it cannot know.

mod support;

use support::Project;

/// A checkpoint that makes as many files as `count.txt` says, and what is made of each.
const CLUSTERS: &str = r#"
    rule all:
        input: "a.summary", "b.summary"

    checkpoint cluster:
        input: "{sample}.count"
        output: directory("clusters/{sample}")
        shell: "mkdir -p {output}; for i in $(seq $(cat {input})); do echo $i > {output}/$i.txt; done"

    rule each:
        input: "clusters/{sample}/{i}.txt"
        output: "each/{sample}/{i}.txt"
        shell: "sed s/^/x/ {input} > {output}"

    def made(wildcards):
        folder = checkpoints.cluster.get(**wildcards).output[0]
        return expand("each/{sample}/{i}.txt", sample=wildcards.sample, i=glob_wildcards(folder + "/{i}.txt").i)

    rule summary:
        input: made
        output: "{sample}.summary"
        shell: "cat {input} > {output}"
"#;

fn clusters() -> Project {
    Project::new(CLUSTERS).file("a.count", "2\n").file("b.count", "1\n")
}

#[test]
fn the_run_goes_on_with_what_a_checkpoint_made_known() {
    let project = clusters();
    let a = ["cluster sample=a", "each sample=a i=1", "each sample=a i=2", "summary sample=a"];
    let b = ["cluster sample=b", "each sample=b i=1", "summary sample=b"];
    project.makes("", &[&a[..], &b[..]].concat());
    assert_eq!(project.read("a.summary"), "x1\nx2\n");
    project.makes("", &[]);
    project.flow("-n").exits(0).says("Nothing to do.");
}

#[test]
fn a_name_that_is_nowhere_is_told_before_anything_is_run() {
    for option in ["-P", "-R", "--omit-from"] {
        let project = clusters();
        project.flow(&format!("{option} typo")).exits(1).says("there is no rule called `typo`");
        assert!(!project.exists(".flow/log"), "{option}");
    }
}

#[test]
fn a_stale_checkpoint_is_asked_anew() {
    let project = clusters();
    project.make("").exits(0);
    project.write("a.count", "3\n");
    // Of what the first two are made of came out the same.
    project.makes("", &["cluster sample=a", "each sample=a i=3", "summary sample=a"]);
    assert_eq!(project.read("a.summary"), "x1\nx2\nx3\n");
    project.write("a.count", "1\n");
    project.make("").exits(0);
    assert_eq!(project.read("a.summary"), "x1\n");
}

#[test]
fn a_dry_run_says_what_is_unknown() {
    let project = clusters();
    project
        .flow("-n")
        .exits(0)
        .says("cluster (sample=a): missing: clusters/a")
        .says("summary (sample=a): what it needs is known when a checkpoint has made clusters/a")
        .says("More may follow when checkpoints are done");
    project.make("").exits(0);
    project.write("a.count", "3\n");
    project
        .flow("-n")
        .exits(0)
        .says("summary (sample=a): what it needs is known when a checkpoint has made clusters/a");
    assert_eq!(project.read("a.summary"), "x1\nx2\n");
}

#[test]
fn checkpoints_may_ask_for_checkpoints() {
    let project = Project::new(
        r#"
        def second(wildcards):
            return read_text(checkpoints.first.get().output[0]).split()

        def third(wildcards):
            names = read_text(checkpoints.first.get().output.names).split()
            return [checkpoints.second.get(name=name).output[0] for name in names] + ["b.end"]

        rule all:
            input: third
            output: "all.txt"
            shell: "cat {input} > {output}"

        checkpoint first:
            output: names="names.txt"
            shell: "echo x y > {output}"

        checkpoint second:
            input: "names.txt"
            output: "{name}.second"
            shell: "echo {wildcards.name} > {output}"

        rule end:
            input: second
            output: "b.end"
            shell: "cat {input} > {output}"

        rule letter:
            output: "{name,[xy]}"
            shell: "echo letter {wildcards.name} > {output}"
        "#,
    );
    project.makes("", &["first", "second name=x", "second name=y", "letter name=x", "letter name=y", "end", "all"]);
    assert_eq!(project.read("all.txt"), "x\ny\nletter x\nletter y\n");
    project.makes("", &[]);
}

#[test]
fn temporary_files_stay_until_it_is_known_who_needs_them() {
    let project = Project::new(
        r#"
        rule all:
            input: "a.end", "b.end"

        rule source:
            output: temp("{name}.source")
            shell: "echo {wildcards.name} > {output}"

        checkpoint choose:
            input: "{name}.source"
            output: temp("{name}.choice")
            shell: "cp {input} {output}"

        rule upper:
            input: "{name}.choice", "{name}.source"
            output: temp("{name}.upper")
            shell: "cat {input} | tr a-z A-Z > {output}"

        rule lower:
            input: "{name}.choice"
            output: temp("{name}.lower")
            shell: "cp {input} {output}"

        def chosen(wildcards):
            text = read_text(checkpoints.choose.get(name=wildcards.name).output[0]).strip()
            return "{name}.upper" if text == "a" else "{name}.lower"

        rule end:
            input: chosen
            output: "{name}.end"
            shell: "cp {input} {output}"
        "#,
    );
    project.make("").exits(0);
    assert_eq!(project.read("a.end"), "A\nA\n");
    assert_eq!(project.read("b.end"), "b\n");
    for gone in ["a.source", "a.choice", "a.upper", "b.lower", "b.choice", "b.source"] {
        assert!(!project.exists(gone), "{gone} is temporary");
    }
    project.makes("", &[]);
    project.remove("b.end");
    project.makes("", &["source name=b", "choose name=b", "lower name=b", "end name=b"]);
}

#[test]
fn a_temporary_file_beside_what_a_checkpoint_decided_is_not_made_again_for_nothing() {
    let project = Project::new(
        r#"
        checkpoint choose:
            input: "kept.txt"
            output: "choice.txt"
            shell: "echo a > {output}"

        def chosen(wildcards):
            return read_text(checkpoints.choose.get().output[0]).strip() + ".part"

        rule part:
            output: "{name}.part"
            shell: "echo {wildcards.name} > {output}"

        rule once:
            output: temp("once.txt")
            shell: "echo once > {output}"

        rule kept:
            input: "once.txt"
            output: "kept.txt"
            shell: "cp {input} {output}"

        rule end:
            input: chosen, "once.txt"
            output: "end.txt"
            shell: "cat {input} > {output}"

        rule later:
            default_target: True
            input: "end.txt", "once.txt"
            output: "later.txt"
            shell: "cat {input} > {output}"
        "#,
    );
    for target in ["end.txt", "later.txt"] {
        project.make(target).exits(0);
        project.makes(target, &[]);
        project.flow(&format!("-n {target}")).exits(0).says("Nothing to do.");
    }
    project.remove("end.txt");
    project.makes("", &["once", "end"]);
}

#[test]
fn a_temporary_file_that_was_left_goes_though_only_a_checkpoint_needs_it() {
    let project = Project::new(
        r#"
        rule all:
            input: lambda wildcards: read_text(checkpoints.choose.get().output[0]).strip() + ".part"

        rule once:
            output: temp("once.txt")
            shell: "echo a > {output}"

        checkpoint choose:
            input: "once.txt"
            output: "choice.txt"
            shell: "test -e go; cp {input} {output}"

        rule part:
            output: "{name}.part"
            shell: "echo {wildcards.name} > {output}"
        "#,
    );
    project.make("").exits(1);
    assert!(project.exists("once.txt"), "who needs it is not done");
    project.write("go", "");
    project.makes("", &["choose", "part name=a"]);
    assert!(!project.exists("once.txt"));
}

#[test]
fn until_and_omit_from_know_what_has_grown() {
    let project = clusters();
    project.make("--until each").exits(0);
    assert!(!project.exists("a.summary"));
    let project = clusters();
    project.make("--omit-from summary").exits(0);
    assert!(project.exists("each/a/2.txt") && !project.exists("a.summary"));
    let project = clusters();
    project.makes("--until cluster", &["cluster sample=a", "cluster sample=b"]);
}

#[test]
fn what_a_checkpoint_makes_known_and_nobody_can_make_is_an_error() {
    let project = Project::new(
        r#"
        checkpoint names:
            output: "names.txt"
            shell: "echo lost > {output}"

        rule all:
            input: lambda wildcards: read_text(checkpoints.names.get().output[0]).strip() + ".txt"
            output: "all.txt"
            shell: "cp {input} {output}"

        rule first:
            default_target: True
            input: "all.txt"
        "#,
    );
    project.flow("-j2").exits(1).says("lost.txt");
    assert!(project.exists("names.txt"), "what is done is done");
}

#[test]
fn a_checkpoint_that_fails_takes_along_what_waits_for_it_and_nothing_else() {
    let project = clusters();
    project.write("a.count", "none\n");
    project.edit("Rulefile", "mkdir -p {output};", "mkdir -p {output}; grep -q [0-9] {input};");
    let ran = project.make("-k").exits(1);
    assert!(ran.jobs().contains(&"summary sample=b".to_owned()));
    assert!(!project.exists("a.summary"));
}

#[test]
fn asking_wrongly_is_told_at_its_place() {
    let project = Project::new(
        r#"
        checkpoint one:
            output: "{x}.one"
            shell: "touch {output}"

        rule all:
            default_target: True
            input: lambda wildcards: checkpoints.one.get(y=1).output
        "#,
    );
    project.flow("-n").exits(1).says("checkpoint `one` has the wildcard `x`").says("Rulefile:7");
    project.rulefile("checkpoint one:\n    output: 'a.one'\n    shell: 'touch {output}'\nx = checkpoints.one.get()\n");
    project.flow("-n").exits(1).says("the checkpoint `one` has made nothing yet").says("Rulefile:4");
    project.rulefile("checkpoint one:\n    input: 'a'\n");
    project.flow("-n").exits(1).says("checkpoint `one` has no output");
}

#[test]
fn until_goes_on_to_what_a_checkpoint_makes_known() {
    let project = Project::new(
        r#"
        def found(wildcards):
            return read_text(checkpoints.names.get().output[0]).split()

        rule all:
            input: "all.txt"

        checkpoint names:
            output: "names.txt"
            shell: "echo a.part b.part > {output}"

        rule part:
            output: "{name}.part"
            shell: "echo {wildcards.name} > {output}"

        rule join:
            input: found, "beside.txt"
            output: "all.txt"
            shell: "cat {input} > {output}"

        rule beside:
            output: "beside.txt"
            shell: "touch {output}"
        "#,
    );
    project.makes("--until part", &["names", "part name=a", "part name=b"]);
    project.makes("--until part", &[]);
    project.remove("b.part");
    project.makes("--until part", &["part name=b"]);
    project.makes("--until beside", &["beside"]);
    project.makes("", &["join"]);
}
