//! The helpers of directives through the program: what is taken of paths, tables, dictionaries and the job itself.

mod support;

use support::Project;

/// What the rules make of the placeholder `{params.x}` where the param is this expression.
#[track_caller]
fn param(expression: &str) -> String {
    let project = Project::new(&format!(
        "config = {{'a': {{'b': 'deep', 'c': ['x', 'y']}}, 'on': True}}\nTABLE = read_tsv('table.tsv')\nrule make:\n    input: \
         part='in/part.txt', many=['1.in', '2.in']\n    output: bam='out/some/{{sample}}.bam'\n    threads: 2\n    params: \
         x={expression}\n    shell: \"echo '{{params.x}}' > {{output}}\"\n"
    ))
    .file("in/part.txt", "  12 parts\n")
    .file("1.in", "1")
    .file("2.in", "2")
    .file("sums.md5", "abc  ./1.tsv\ndef  2.tsv\n")
    .file("table.tsv", "sample\tcount\tkind\na\t1\tdog\nb\t20\tcat\nc\t3\tcat\n");
    project.make("out/some/b.bam").exits(0);
    project.read("out/some/b.bam").trim_end().to_owned()
}

#[test]
fn parts_of_the_job_are_named_without_a_function() {
    assert_eq!(param("input.part"), "in/part.txt");
    assert_eq!(param("input[-1]"), "2.in");
    assert_eq!(param("input.many"), "1.in 2.in");
    assert_eq!(param("output.bam"), "out/some/b.bam");
    assert_eq!(param("threads"), "2");
}

#[test]
fn paths_are_cut_and_put_together() {
    assert_eq!(param("subpath(output.bam, parent=True)"), "out/some");
    assert_eq!(param("subpath(output[0], ancestor=2)"), "out");
    assert_eq!(param("subpath(output.bam, strip_suffix='.bam', with_suffix='.bai', basename=True)"), "b.bai");
    assert_eq!(param("subpath('a/b.txt', basename=True)"), "b.txt");
    assert_eq!(param("prepend_param('-i', input.many)"), "-i 1.in -i 2.in");
    assert_eq!(param("prepend_param('-I', input.part, space=False)"), "-Iin/part.txt");
    assert_eq!(param("flatten([1, 'a', [2, ['b']]])"), "1 a 2 b");
}

#[test]
fn a_script_is_called_as_a_module() {
    assert_eq!(param("as_py_module('package/part.py')"), "package.part");
    assert_eq!(param("as_py_module(lambda wildcards, output: 'tools/' + wildcards.sample + '.py')"), "tools.b");
    let project = Project::new("rule out:\n    params: m=as_py_module()\n    input: script='tools/x.py'\n    output: 'o'\n    shell: 'echo {params.m} > o'\n")
        .file("tools/x.py", "");
    project.make("").exits(0);
    assert_eq!(project.read("o"), "tools.x\n");
    let project =
        Project::new("rule out:\n    params: m=as_py_module('../x.py')\n    output: 'o'\n    shell: 'touch o'\n");
    project.flow("").exits(1).says("as_py_module(): ../x.py is no Python module");
}

#[test]
fn conditions_choose() {
    assert_eq!(param("branch(evaluate(\"{sample} == 'b'\"), then='yes', otherwise='no')"), "yes");
    assert_eq!(param("branch(config['on'], then=lambda w: w.sample)"), "b");
    assert_eq!(param("branch(lambda w: w.sample, cases={'a': 'first', 'b': 'second'})"), "second");
    assert_eq!(param("branch(lambda w: w.sample, cases={'a': 'first'}, otherwise='rest')"), "rest");
}

#[test]
fn dictionaries_and_tables_are_looked_up() {
    assert_eq!(param("lookup(dpath='a/b', within=config)"), "deep");
    assert_eq!(param("lookup('a/*', within={'a': {'x': 1, 'y': 2}})"), "1 2");
    assert_eq!(param("lookup(dpath='a/none', within=config, default='d')"), "d");
    assert_eq!(param("lookup(query=\"sample == '{sample}'\", within=TABLE, cols='kind')"), "cat");
    assert_eq!(param("lookup(query=\"count <= 3 & kind == 'cat'\", within=TABLE)['sample']"), "c");
    assert_eq!(param("lookup(query=\"kind == 'cat'\", within=TABLE, is_nrows=2)"), "True");
    assert_eq!(param("collect('{row.sample}.txt', row=lookup(query=\"kind == 'cat'\", within=TABLE))"), "b.txt c.txt");
}

#[test]
fn the_content_of_an_input_is_parsed() {
    assert_eq!(param("parse_input(input.part, parser=None)"), "12 parts");
    assert_eq!(param("parse_input(input.part, parser=lambda file, n: file.read().split()[n], n=0)"), "12");
    assert_eq!(param("parse_input('sums.md5', parser=extract_checksum, file='2.tsv')"), "def");
    assert_eq!(param("extract_checksum('sums.md5', file='1.tsv')"), "abc");
}

#[test]
fn a_checksum_may_come_from_a_function() {
    let project = Project::new(
        r#"
        SUMS = {"a": "60b725f10c9c85c70d97880dfe8191b3", "b": "00000000000000000000000000000000"}
        rule make:
            output: ensure("{x}.txt", md5=lambda wildcards: SUMS[wildcards.x])
            shell: "echo a > {output}"
        "#,
    );
    project.make("a.txt").exits(0);
    project.make("b.txt").exits(1);
}

#[test]
fn inputs_know_their_size() {
    let project = Project::new(
        r#"
        rule make:
            input: "in.txt"
            output: "out.txt"
            resources: bytes=lambda wildcards, input: input.size, mb=lambda wildcards, input: int(input.size_mb)
            shell: "echo {resources.bytes} {resources.mb} > {output}"
        "#,
    )
    .file("in.txt", &"x".repeat(2 * 1024 * 1024));
    project.make("").exits(0);
    assert_eq!(project.read("out.txt"), "2097152 2\n");
}

#[test]
fn processes_scatter_and_gather() {
    let rulefile = r#"
        scattergather: split=4
        rule all:
            input: "all.txt"
        rule split:
            output: scatter.split("part/{scatteritem}.txt")
            shell: "for f in {output}; do echo $f > $f; done"
        rule gather:
            input: gather.split("part/{scatteritem}.txt")
            output: "all.txt"
            shell: "cat {input} > {output}"
        "#;
    let project = Project::new(rulefile);
    project.makes("", &["split", "gather"]);
    assert_eq!(project.read("all.txt").lines().count(), 4);
    let project = Project::new(rulefile);
    project.makes("--set-scatter split=2", &["split", "gather"]);
    assert_eq!(project.read("all.txt"), "part/1-of-2.txt\npart/2-of-2.txt\n");
}

#[test]
fn flags_may_hold_for_all_files() {
    let project = Project::new(
        r#"
        inputflags: access.sequential
        outputflags: temp
        rule c:
            input: "b.txt"
            output: "c.txt"
            shell: "cp {input} {output}"
        rule b:
            input: "a.txt"
            output: "b.txt"
            shell: "cp {input} {output}"
        rule a:
            output: protected("a.txt")
            shell: "echo a > {output}"
        "#,
    );
    project.make("c.txt").exits(0);
    assert!(project.exists("c.txt") && project.exists("a.txt") && !project.exists("b.txt"));
}

#[test]
fn the_environment_that_a_workflow_needs_is_asked_for() {
    let rulefile = "envvars: 'A_VARIABLE_OF_NO_ONE'\nrule a:\n    output: 'a.txt'\n    shell: 'touch a.txt'\n";
    Project::new(rulefile).flow("").exits(1).says("not set: A_VARIABLE_OF_NO_ONE").says("--> Rulefile:1:1");
    Project::new(&rulefile.replace("A_VARIABLE_OF_NO_ONE", "PATH")).make("").exits(0);
}

#[test]
fn an_included_file_does_not_decide_what_is_made() {
    let project = Project::new(
        r#"
        include: "rules.smk"
        rule all:
            input: "b.txt"
        "#,
    )
    .file("rules.smk", "rule a:\n    output: 'a.txt'\n    shell: 'touch a.txt'\nrule b:\n    output: 'b.txt'\n    shell: 'touch b.txt'\n");
    project.makes("", &["b"]);
}

#[test]
fn all_wildcards_at_once_are_names_with_values() {
    let project =
        Project::new("rule a:\n    output: '{x}-{a}.txt'\n    shell: \"echo {rule} '{wildcards}' > {output}\"\n");
    project.make("1-2.txt").exits(0);
    assert_eq!(project.read("1-2.txt"), "a a=2,x=1\n");
}

#[test]
fn handlers_stand_around_a_run() {
    let project = Project::new(
        r#"
        onstart:
            print("it begins")
        onsuccess:
            shell("echo it went well; cat {log}")
        onerror:
            shell("echo it went wrong > wrong.txt")
        rule good:
            output: "good.txt"
            shell: "touch {output}"
        rule bad:
            output: "bad.txt"
            shell: "exit 3"
        "#,
    );
    project.flow("good.txt").exits(0).says("it begins\n").says("it went well\n1 jobs to do\n1 done\n");
    assert!(!project.exists("wrong.txt"));
    project.flow("good.txt").exits(0).does_not_say("it begins");
    project.flow("-n bad.txt").exits(0).does_not_say("it begins");
    project.flow("bad.txt").exits(1).does_not_say("it went well");
    assert_eq!(project.read("wrong.txt"), "it went wrong\n");
}
