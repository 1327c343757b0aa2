//! What Snakemake has and this version has not yet: each is an error that names it and points at it, and nothing runs.

mod support;

use support::Project;

/// The Rulefile is refused for `what`, at `place` (`line:column`).
#[track_caller]
fn refused(rulefile: &str, what: &str, place: &str) {
    let project = Project::new(rulefile);
    let ran = project.flow("").exits(1).says(what).says(&format!("--> Rulefile:{place}"));
    assert!(ran.stderr.starts_with("error: "), "{}", ran.stderr);
    assert_eq!(project.tree().len(), 1, "nothing was made");
}

#[test]
fn software_that_flow_does_not_provide() {
    for directive in ["conda: 'env.yaml'", "container: 'docker://x'", "singularity: 'docker://x'", "envmodules: 'm'"] {
        let name = directive.split(':').next().expect("a name");
        let project =
            Project::new(&format!("rule a:\n    output: 'a.txt'\n    {directive}\n    shell: 'touch a.txt'\n"));
        let needs = format!("rule `a` needs what flow does not have: `{name}:`");
        project.flow("").exits(1).says(&needs).says("--> Rulefile:3:").says("--without-environments");
        project.flow("-n").exits(0);
        project.flow("--without-environments").exits(0);
    }
    for action in ["notebook: 'n.ipynb'", "wrapper: 'w'", "cwl: 'c'", "template_engine: 'jinja2'"] {
        let name = action.split(':').next().expect("a name");
        let project = Project::new(&format!("rule a:\n    output: 'a.txt'\n    {action}\n"));
        let needs = format!("rule `a` needs what flow does not have: `{name}:`");
        project.flow("--without-environments").exits(1).says(&needs).says("--> Rulefile:3:");
    }
    let project = Project::new(
        "container: 'docker://x'\nrule all:\n    input: 'a.txt'\nrule a:\n    output: 'a.txt'\n    shell: 'touch a.txt'\n",
    );
    project.flow("").exits(1).says("rule `a` needs what flow does not have: `container:`").says("--> Rulefile:1:1");
    project.flow("--without-environments").exits(0);

    // A job that a checkpoint has shown is like any other.
    let project = Project::new(
        r#"
        rule all:
            input: lambda wildcards: expand("{name}.up", name=read_lines(checkpoints.names.get().output[0]))
        checkpoint names:
            output: "names.txt"
            shell: "echo a > {output}"
        rule up:
            output: "{name}.up"
            conda: "env.yaml"
            shell: "touch {output}"
        "#,
    );
    project.flow("").exits(1).says("rule `up` needs what flow does not have: `conda:`");
    assert!(!project.exists("a.up"));
    project.flow("--without-environments").exits(0);
}

#[test]
fn what_comes_from_elsewhere() {
    for call in ["github('a/b', path='c')", "gitlab('a/b', path='c')", "gitfile('a', path='c')"] {
        let name = call.split('(').next().expect("a name");
        let rulefile = format!("module a:\n    snakefile: {call}\n");
        refused(&rulefile, &format!("flow does not have `{name}`"), "2:16");
    }
    refused(
        "include: 'https://example.org/rules.smk'\n",
        "https://example.org/rules.smk is not on this machine",
        "1:1",
    );
    let project = Project::new("rule a:\n    output: 'a.txt'\n    shell: 'touch a.txt'\n");
    project.flow("-s https://example.org/Snakefile").exits(1).says("is not on this machine").says("fetch it");
    project.flow("--default-storage-provider s3").exits(2).says("flow works with the files of this machine");
    project.flow("--default-storage-provider none").exits(0);
}

#[test]
fn storage_is_in_the_way_of_those_jobs_alone_that_need_it() {
    let project = Project::new(
        r#"
        storage:
            provider="http"
        storage slow:
            provider="s3"
        report: "report/workflow.rst"

        rule all:
            input: "a.txt"
        rule a:
            output: "a.txt"
            shell: "echo a > {output}"
        rule fetched:
            input: storage.http("https://example.org/x.txt")
            output: "b.txt"
            shell: "cp {input} {output}"
        rule sent:
            input: "a.txt"
            output: storage.slow("s3://x/c.txt")
            shell: "cp {input} {output}"
        rule both:
            input: rules.sent.output
            output: "c.txt"
            shell: "cp {input} {output}"
        "#,
    );
    project.flow("").exits(0);
    project.flow("b.txt").exits(1).says("flow does not fetch files of a storage").says("--> Rulefile:13:12");
    project
        .flow("c.txt")
        .exits(1)
        .says("rule `sent` needs what flow does not have: `storage:`")
        .says("--> Rulefile:18:13");
    assert!(!project.exists("b.txt") && !project.exists("s3:"));
}

#[test]
fn a_configuration_that_is_a_template_is_not_taken_as_it_stands() {
    let project = Project::new("configfile: 'c.yaml'\n").file("c.yaml", "__use_yte__: true\n?if True:\n  a: 1\n");
    project.flow("").exits(1).says("c.yaml").says("a YTE template");
}

#[test]
fn python_that_starlark_has_no_word_for() {
    for (statement, what) in [
        ("while True:\n    pass", "`while` is not available in a Rulefile"),
        ("try:\n    pass\nexcept ValueError:\n    pass", "`try` is not available in a Rulefile"),
        ("with open('f') as f:\n    pass", "`with` is not available in a Rulefile"),
        ("class A:\n    pass", "`class` is not available in a Rulefile"),
        ("import pandas as pd", "the module `pandas` is not available in a Rulefile"),
        ("from collections import defaultdict", "`defaultdict` is not available in a Rulefile"),
        ("import functools", "the module `functools` is not available in a Rulefile"),
        ("import numpy.linalg", "the module `numpy.linalg` is not available in a Rulefile"),
        ("x = open('f').read()", "`open`"),
        ("def f():\n    yield 1", "`yield`"),
    ] {
        let rulefile = format!("{statement}\n\nrule z:\n    output: 'z.txt'\n    shell: 'touch z.txt'\n");
        let project = Project::new(&rulefile);
        let ran = project.flow("").exits(1).says(what).says("= help: ");
        assert!(ran.stderr.contains("--> Rulefile:"), "{}", ran.stderr);
    }
}
