//! Modules through the program: `module`, `use rule`, prefixes, configurations and names of their own, one in another.

mod support;

use support::Project;

/// A module with two rules, the second of which needs what the first makes.
const STEPS: &str = "
rule first:
    output: 'results/first.txt'
    shell: 'echo {config[word]} > {output}'

rule second:
    input: rules.first.output
    output: 'results/second.txt'
    params: of=rules.first.output[0]
    shell: 'cat {input} > {output}; echo {params.of} {rules.first.output} >> {output}'
";

#[test]
fn all_rules_of_a_module_get_its_prefix_and_its_configuration() {
    let project = Project::new(
        r#"
        module steps:
            snakefile: "steps/Snakefile"
            config: {"word": "hello"}
            prefix: "of/steps"

        use rule * from steps as steps_*

        rule all:
            default_target: True
            input: rules.steps_second.output
        "#,
    )
    .file("steps/Snakefile", STEPS);
    project.makes("", &["steps_first", "steps_second"]);
    let first = "of/steps/results/first.txt";
    assert_eq!(project.read("of/steps/results/second.txt"), format!("hello\n{first} {first}\n"));
    project.makes("", &[]);
}

#[test]
fn one_module_is_used_twice_with_other_prefixes() {
    let project = Project::new(
        r#"
        for word in ["a", "b"]:
            module:
                name: word
                snakefile: f"{'steps'}/Snakefile"
                config: {"word": word}
                replace_prefix: {"results/": f"{word}/"}
            use rule * from word as word*

        rule all:
            default_target: True
            input: "a/second.txt", rules.bsecond.output
        "#,
    )
    .file("steps/Snakefile", STEPS);
    project.makes("", &["afirst", "asecond", "bfirst", "bsecond"]);
    assert_eq!(project.read("a/second.txt"), "a\na/first.txt a/first.txt\n");
    assert_eq!(project.read("b/second.txt"), "b\nb/first.txt b/first.txt\n");
}

#[test]
fn a_used_rule_is_changed_and_what_is_changed_has_no_prefix() {
    let project = Project::new(
        r#"
        module steps:
            snakefile: "steps.smk"
            prefix: "m"

        use rule * from steps as m_*

        use rule copy from steps as m_copy with:
            input: "here.txt"
            params: word="changed"
        "#,
    )
    .file("here.txt", "here\n")
    .file(
        "steps.smk",
        "rule copy:\n    input: 'there.txt'\n    output: 'copy.txt'\n    params: 'kept', word='as it was'\n    shell: \
         'cat {input} > {output}; echo {params} >> {output}'\n",
    );
    project.makes("m/copy.txt", &["m_copy"]);
    assert_eq!(project.read("m/copy.txt"), "here\nkept changed\n");
}

#[test]
fn some_rules_are_left_out_and_some_are_named() {
    let module =
        "rule a:\n    output: 'a.txt'\n    shell: 'touch a.txt'\nrule b:\n    output: 'a.txt'\n    shell: 'exit 1'\n";
    let project =
        Project::new("module m:\n    snakefile: 'm.smk'\nuse rule * from m exclude b\n").file("m.smk", module);
    project.makes("a.txt", &["a"]);
    let project = Project::new("module m:\n    snakefile: 'm.smk'\nuse rule a from m as mine\n").file("m.smk", module);
    project.makes("", &["mine"]);
}

#[test]
fn modules_nest() {
    let project = Project::new(
        r#"
        module outer:
            snakefile: "outer/Snakefile"
            prefix: "o"
            config: {"word": "from the top"}

        use rule * from outer as outer_*
        "#,
    )
    .file(
        "outer/Snakefile",
        "module inner:\n    snakefile: 'inner.smk'\n    prefix: 'i'\n    config: config\n\nuse rule * from inner as \
         inner_*\n\nuse rule make from inner as inner_make with:\n    threads: 2\n\nassert hasattr(rules, \
         'inner_make')\n",
    )
    .file(
        "outer/inner.smk",
        "rule make:\n    output: 'x.txt'\n    shell: 'echo {threads} {config[word]} > {output}'\n",
    );
    project.makes("o/i/x.txt", &["outer_inner_make"]);
    assert_eq!(project.read("o/i/x.txt"), "2 from the top\n");
}

#[test]
fn functions_of_a_module_see_its_names_and_their_paths_get_its_prefix() {
    let project = Project::new(
        r#"
        module m:
            snakefile: "m/Snakefile"
            prefix: "p"
        use rule * from m as m_*
        WORD = "of the main file"
        rule all:
            default_target: True
            input: rules.m_join.output
            output: "out.txt"
            params: answer=m.answer()
            shell: "cat {input} > {output}; echo {params.answer} {WORD} >> {output}"
        "#,
    )
    .file(
        "m/Snakefile",
        "WORD = 'of the module'\ndef answer():\n    return 42\ndef files(wildcards):\n    return [rules.one.output[0]] + \
         expand(rules.some.output, n=[1, 2]) + ['plain.txt']\nrule one:\n    output: 'one.txt'\n    shell: 'echo {WORD} > \
         {output}'\nrule some:\n    output: 'some/{n}.txt'\n    shell: 'echo {wildcards.n} > {output}'\nrule plain:\n    \
         output: 'plain.txt'\n    shell: 'echo plain > {output}'\nrule join:\n    input: files\n    output: 'join.txt'\n    \
         shell: 'cat {input} > {output}'\n",
    );
    project.make("").exits(0);
    assert_eq!(project.read("out.txt"), "of the module\n1\n2\nplain\n42 of the main file\n");
}

#[test]
fn what_lies_outside_and_what_is_local_is_not_moved() {
    let project = Project::new("module m:\n    snakefile: 'm.smk'\n    prefix: 'p'\nuse rule * from m\n")
        .file("in.txt", "in\n")
        .file("m.smk", "rule a:\n    input: local('in.txt')\n    output: 'a.txt'\n    log: 'a.log'\n    shell: 'cp {input} {output} 2> {log}'\n");
    project.makes("p/a.txt", &["a"]);
    assert!(project.exists("p/a.log") && !project.exists("a.log"));
}

#[test]
fn constraints_and_orders_of_a_module_are_its_own() {
    let project = Project::new(
        r#"
        module m:
            snakefile: "m.smk"
        use rule * from m as m_*
        rule b:
            output: "{sample}.txt"
            shell: "echo main > {output}"
        wildcard_constraints: sample="b"
        "#,
    )
    .file(
        "m.smk",
        "ruleorder: second > first\nrule first:\n    output: '{sample}.txt'\n    shell: 'exit 1'\nrule second:\n    output: \
         '{sample}.txt'\n    shell: 'echo module > {output}'\nwildcard_constraints: sample='a'\n",
    );
    project.makes("a.txt b.txt", &["m_second sample=a", "b sample=b"]);
}

#[test]
fn a_module_reads_its_own_configuration_if_it_is_given_none() {
    let project = Project::new("module m:\n    snakefile: 'm.smk'\nuse rule * from m\n")
        .file("m.yaml", "word: own\n")
        .file("m.smk", "configfile: 'm.yaml'\nrule a:\n    output: 'a.txt'\n    run:\n        write_text(config['word'], output[0])\n");
    project.make("a.txt").exits(0);
    assert_eq!(project.read("a.txt"), "own");
}

#[test]
fn a_rule_of_the_same_file_is_used_again() {
    let project = Project::new(
        r#"
        rule all:
            input: "a.txt", "b.txt"
        rule a:
            """Says something."""
            output: "a.txt"
            params: "first", word="a"
            run:
                write_text(params[0] + params.word, output[0])
        use rule a as b with:
            """Says something else."""
            output: "b.txt"
            params: word="b"
        "#,
    );
    project.makes("", &["a", "b"]);
    assert_eq!((project.read("a.txt"), project.read("b.txt")), ("firsta".into(), "firstb".into()));
}

#[test]
fn the_rule_that_is_named_makes_the_file() {
    let project = Project::new(
        r#"
        rule all:
            input: "x.out"
        rule one:
            output: "{name}.part"
            shell: "echo one > {output}"
        rule two:
            output: "{name}.part"
            shell: "exit 1"
        rule join:
            input: rules.one.output
            output: "{name}.out"
            shell: "cp {input} {output}"
        "#,
    );
    project.makes("", &["one name=x", "join name=x"]);
}

#[test]
fn path_variables_are_of_the_file_the_module_and_the_rule() {
    let project = Project::new(
        r#"
        pathvars:
            per="{sample}",
            nested="n/<per>"
        module m:
            snakefile: "m.smk"
            pathvars: results="of/module"
        use rule * from m as m_*
        rule all:
            default_target: True
            input: "<results>/n/x.txt", "results/y.txt", "of/module/m.txt"
        def given(wildcards):
            return "<kind>.in"
        rule a:
            input: given
            output: "<results>/<nested>.txt"
            pathvars: kind="one"
            shell: "cp {input} {output}"
        use rule a as b with:
            output: "<results>/<what>.txt"
            pathvars: kind="two", what="y"
        "#,
    )
    .file("one.in", "1\n")
    .file("two.in", "2\n")
    .file("m.smk", "rule m:\n    output: '<results>/m.txt'\n    shell: 'echo m > {output}'\n");
    project.makes("", &["a sample=x", "b", "m_m"]);
    assert_eq!((project.read("results/n/x.txt"), project.read("results/y.txt")), ("1\n".into(), "2\n".into()));
}

#[test]
fn files_of_the_workflow_are_found_from_the_file_that_asks() {
    let project = Project::new("module m:\n    snakefile: 'm/Snakefile'\n    prefix: 'p'\nuse rule * from m\n")
        .file("m/data/list.txt", "list\n")
        .file("m/Snakefile", "rule a:\n    input: workflow.source_path('data/list.txt')\n    output: 'a.txt'\n    shell: 'cp {input} {output}'\n");
    project.makes("p/a.txt", &["a"]);
    assert_eq!(project.read("p/a.txt"), "list\n");
}

#[test]
fn a_file_of_the_workflow_that_changes_makes_its_jobs_stale() {
    let project = Project::new(
        r#"
        rule a:
            output: "a.txt"
            params: file=workflow.source_path("list.txt")
            shell: "cp {params.file} {output}"
        "#,
    )
    .file("list.txt", "one\n");
    project.makes("", &["a"]);
    project.makes("", &[]);
    project.write("list.txt", "two\n");
    project.makes("", &["a"]);
    assert_eq!(project.read("a.txt"), "two\n");
}

/// What is wrong with modules, and what the message says.
#[test]
fn mistakes_are_shown_where_they_are() {
    let module = "rule good:\n    output: 'a.txt'\n    shell: 'touch a.txt'\n";
    for (rulefile, message, place) in [
        ("module:\n    snakefile: 'm.smk'\n", "the module has no name", "1:1"),
        ("module m:\n    name: 'n'\n    snakefile: 'm.smk'\n", "the module has two names", "2:5"),
        ("module m:\n    prefix: 'p'\n", "module `m` does not say where it is", "1:1"),
        ("module m:\n    snakefile: 'none.smk'\nuse rule * from m\n", "cannot read none.smk", "1:1"),
        ("use rule * from n\n", "there is no module called `n`", "1:1"),
        (
            "module m:\n    snakefile: 'm.smk'\nuse rule goood from m\n",
            "there is no rule called `goood` in module `m`",
            "3:1",
        ),
        ("module m:\n    snakefile: 'm.smk'\nuse rule * from m as n\n", "several rules cannot have one name", "3:22"),
        (
            "module m:\n    snakefile: 'm.smk'\nuse rule * from m as x_* with:\n    threads: 1\n",
            "`*` cannot stand here",
            "3:10",
        ),
        ("use rule a as b with:\n    output: 'b'\n", "there is no rule called `a`", "1:1"),
        (
            "module m:\n    snakefile: 'm.smk'\nuse rule good from m with:\n    shell: 'x'\n",
            "`use rule … with:` cannot change `shell:`",
            "4:5",
        ),
        ("pathvars: a='<b>', b='<a>'\nrule x:\n    output: 'x'\n", "refer to one another in a circle", "1:1"),
        (
            "rule x:\n    output: '<result>/x'\n    shell: 'x'\n",
            "`<result>` in the path \"<result>/x\" is no path variable",
            "2:13",
        ),
    ] {
        let project = Project::new(rulefile).file("m.smk", module);
        project.flow("").exits(1).says(message).says(&format!("--> Rulefile:{place}"));
    }
}

#[test]
fn checkpoints_of_a_module_are_its_own() {
    let part = r#"
        checkpoint split:
            output: directory("parts")
            params: names=config["names"]
            shell: "mkdir {output}; for name in {params.names}; do echo $name > {output}/$name.txt; done"
        def made(wildcards):
            parts = checkpoints.split.get().output[0]
            return expand("up/{name}.txt", name=glob_wildcards(parts + "/{name}.txt").name)
        rule up:
            input: "parts/{name}.txt"
            output: "up/{name}.txt"
            shell: "tr a-z A-Z < {input} > {output}"
        rule together:
            input: made
            output: "all.txt"
            shell: "cat {input} > {output}"
        "#;
    let project = Project::new(
        r#"
        module first:
            snakefile: "part.smk"
            config: {"names": ["a", "b"]}
            prefix: "one"
        module second:
            snakefile: "part.smk"
            config: {"names": ["c"]}
            prefix: "two"
        use rule * from first as first_*
        use rule * from second as second_*
        rule all:
            input: "one/all.txt", "two/all.txt"
            output: "all.txt"
            default_target: True
            shell: "cat {input} > {output}"
        "#,
    )
    .file("part.smk", &support::dedented(part));
    let ran = project.make("").exits(0);
    assert_eq!(project.read("all.txt"), "A\nB\nC\n");
    let mut jobs = ran.jobs();
    jobs.sort();
    let expected = [
        "all",
        "first_split",
        "first_together",
        "first_up name=a",
        "first_up name=b",
        "second_split",
        "second_together",
        "second_up name=c",
    ];
    assert_eq!(jobs, expected);
    project.makes("", &[]);
}

#[test]
fn handlers_of_a_module_are_not_executed_and_those_of_the_main_file_are() {
    let part = "onstart:\n    shell('touch part-start')\nonsuccess:\n    shell('touch part-success')\nonerror:\n    \
                shell('touch part-error')\nrule a:\n    output: 'a.txt'\n    shell: 'touch {output}'\n";
    let main = "onstart:\n    shell('touch main-start')\nonsuccess:\n    shell('touch main-success')\nonerror:\n    \
                shell('touch main-error')\nmodule part:\n    snakefile: 'part.smk'\nuse rule * from part\n";
    let project = Project::new(main).file("part.smk", part);
    project.make("").exits(0);
    assert!(project.exists("main-start") && project.exists("main-success") && !project.exists("main-error"));
    project.edit("part.smk", "'touch {output}'", "'exit 1'");
    project.make("-F").exits(1);
    assert!(project.exists("main-error"));
    for name in ["part-start", "part-success", "part-error"] {
        assert!(!project.exists(name), "{name}");
    }
}
