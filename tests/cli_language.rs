//! The language through the program: each statement, directive and function does in a run what its page says.

mod support;

use support::{Project, out, out_with};

#[test]
fn rules_stand_in_conditions_and_loops() {
    let project = Project::new(
        r#"
        NAMES = ["a", "b"]

        rule all:
            input: "out.txt"

        for name in NAMES:
            rule:
                name: f"make_{name}"
                output: f"{name}.txt"
                params: word=name
                shell: "echo {params.word} > {output}"

        if len(NAMES) > 1:
            rule join:
                input: [f"{name}.txt" for name in NAMES]
                output: "out.txt"
                shell: "cat {input} > {output}"
        else:
            rule copy:
                input: "a.txt"
                output: "out.txt"
                shell: "cp {input} {output}"
        "#,
    );
    project.makes("", &["make_a", "make_b", "join"]);
    assert_eq!(project.read("out.txt"), "a\nb\n");
}

#[test]
fn an_anonymous_rule_has_a_number_for_a_name() {
    let project = Project::new(
        r#"
        rule:
            output: "out.txt"
            shell: "echo x > {output}"
        "#,
    );
    project.makes("", &["1"]);
}

#[test]
fn includes_chain_and_share_their_names() {
    let project = Project::new(
        r#"
        include: "rules/first.smk"
        WORD = first_word() + "!"

        rule all:
            input: "out.txt"
        "#,
    )
    .file("rules/first.smk", "include: 'deep/second.smk'\ndef first_word():\n    return 'hello ' + SECOND\n")
    .file(
        "rules/deep/second.smk",
        "SECOND = 'world'\nrule out:\n    output: 'out.txt'\n    shell: 'echo {WORD} > {output}'\n",
    );
    project.makes("out.txt", &["out"]);
    assert_eq!(project.read("out.txt"), "hello world!\n");
}

const READS_CONFIG: &str = r#"
    configfile: "FILE"

    rule out:
        output: "out.txt"
        params: n=config["n"] + 1
        shell: "echo {params.n} {config[deep][a]} {config[deep][b]} {config[list]} > {output}"
"#;

#[test]
fn configuration_comes_from_yaml_json_and_toml() {
    for (name, text) in [
        ("c.yaml", "n: 1\ndeep: {a: x, b: y}\nlist: [1, 2]\n"),
        ("c.json", r#"{"n": 1, "deep": {"a": "x", "b": "y"}, "list": [1, 2]}"#),
        ("c.toml", "n = 1\nlist = [1, 2]\n[deep]\na = 'x'\nb = 'y'\n"),
    ] {
        let project = Project::new(&READS_CONFIG.replace("FILE", name)).file(name, text);
        assert_eq!(out_with(project, ""), "2 x y 1 2\n", "{name}");
    }
}

#[test]
fn words_in_yaml_are_booleans_as_snakemake_reads_them() {
    let rules = r#"
        configfile: "c.yaml"
        rule out:
            input: "word.yaml"
            output: "out.txt"
            params: trim="trimmed" if config["trim"] else "whole", base=config["b"]["x"]
            run: write_text(str([params.trim, params.base, config["word"], read_yaml(input[0])]) + "\n", output[0])
    "#;
    let yaml = "trim: no\nword: 'no'\na: &a\n  x: on\nb:\n  <<: *a\n";
    let text = out_with(Project::new(rules).file("c.yaml", yaml).file("word.yaml", "no\n"), "");
    assert_eq!(text, "['whole', True, 'no', False]\n");
}

#[test]
fn the_command_line_overrides_the_configuration_at_any_depth() {
    let yaml = "n: 1\ndeep: {a: x, b: y}\nlist: [1]\n";
    let project = Project::new(&READS_CONFIG.replace("FILE", "c.yaml")).file("c.yaml", yaml);
    assert_eq!(out_with(project, "-C n=5 deep.b=z list=[7,8]"), "6 x z 7 8\n");
    let nothing = Project::new("rule out:\n    output: \"out.txt\"\n    shell: \"echo {config[x]} > {output}\"\n");
    assert_eq!(out_with(nothing, "-C x="), "None\n");
    let project = Project::new(&READS_CONFIG.replace("FILE", "c.yaml"))
        .file("c.yaml", yaml)
        .file("more.toml", "n = 10\n[deep]\na = 'm'\n");
    assert_eq!(out_with(project, "--configfile more.toml -C deep.b=z"), "11 m z 1\n");
}

#[test]
fn workdir_moves_everything_and_d_overrides_it() {
    let rules = r#"
        workdir: "work"

        rule out:
            output: "out.txt"
            shell: "echo x > {output}"
    "#;
    let project = Project::new(rules);
    project.makes("", &["out"]);
    assert!(project.exists("work/out.txt") && project.exists("work/.flow") && !project.exists(".flow"));
    let project = Project::new(rules);
    project.makes("-d other -s Rulefile", &["out"]);
    assert!(project.exists("other/out.txt") && !project.exists("work"));
}

#[test]
fn constraints_narrow_at_all_levels() {
    for place in ["global", "rule", "inline"] {
        let (global, rule, inline) = match place {
            "global" => ("wildcard_constraints:\n    n=r\"\\d+\"\n", "", ""),
            "rule" => ("", "    wildcard_constraints: n=r\"\\d+\"\n", ""),
            _ => ("", "", ",[0-9]+"),
        };
        let text = format!(
            "{global}rule number:\n    output: \"{{n{inline}}}.out\"\n{rule}    shell: \"echo number > {{output}}\"\n\
             rule word:\n    output: \"{{w,[a-z]+}}.out\"\n    shell: \"echo word > {{output}}\"\n"
        );
        let project = Project::new(&text);
        project.makes("12.out ab.out", &["number n=12", "word w=ab"]);
        project.flow("a1.out").exits(1).says("no rule makes a1.out");
    }
}

#[test]
fn the_same_wildcard_twice_matches_the_same_text() {
    let project = Project::new(
        r#"
        rule twice:
            output: "{name}/{name}.txt"
            shell: "echo {wildcards.name} > {output}"
        "#,
    );
    project.makes("a/a.txt", &["twice name=a"]);
    project.flow("a/b.txt").exits(1).says("no rule makes a/b.txt");
}

#[test]
fn functions_give_inputs_params_threads_and_resources() {
    let project = Project::new(
        r#"
        UNITS = {"x": ["1.in", "2.in"]}

        def units(wildcards):
            return UNITS[wildcards.sample]

        def count(wildcards, input):
            return len(input)

        def power(wildcards, input, attempt):
            return len(input) * attempt

        rule join:
            input: units
            output: "{sample}.txt"
            params:
                count=count,
                both=lambda wildcards, output, threads, resources: f"{wildcards.sample} {output[0]} {threads} {resources.power}",
            threads: lambda wildcards, input: len(input)
            resources: power=power
            shell: "echo {params.count} {params.both} {threads} {resources.power} > {output}"
        "#,
    )
    .file("1.in", "")
    .file("2.in", "");
    project.makes("x.txt", &["join sample=x"]);
    assert_eq!(project.read("x.txt"), "2 x x.txt 2 2 2 2\n");
    project.makes("x.txt", &[]);
}

#[test]
fn unpack_makes_named_inputs_of_a_dictionary() {
    let project = Project::new(
        r#"
        def pair(wildcards):
            return {"left": wildcards.name + ".l", "right": [wildcards.name + ".r1", wildcards.name + ".r2"]}

        rule join:
            input: unpack(pair), "more.txt"
            output: "out/{name}.txt"
            shell: "echo {input.left} {input.right} {input[0]} {input} > {output}"
        "#,
    )
    .file("a.l", "")
    .file("a.r1", "")
    .file("a.r2", "")
    .file("more.txt", "");
    project.makes("out/a.txt", &["join name=a"]);
    assert_eq!(project.read("out/a.txt"), "a.l a.r1 a.r2 a.l a.l a.r1 a.r2 more.txt\n");
}

#[test]
fn values_are_named_nested_and_counted() {
    let project = Project::new(
        r#"
        rule out:
            input: "a.in", rest=["b.in", "c.in"]
            output: main="out.txt"
            params: "first", deep={"x": {"y": 3}}, list=[1, 2]
            shell:
                "echo {input[0]} {input.rest} {input.rest[1]} {params[0]} "
                "{params.deep[x][y]} {params.list} {params.list[1]} > {output.main}"
        "#,
    )
    .file("a.in", "")
    .file("b.in", "")
    .file("c.in", "");
    assert_eq!(out_with(project, ""), "a.in b.in c.in c.in first 3 1 2 2\n");
}

#[test]
fn expand_has_all_its_forms() {
    let lists = r#"
        LISTS = [
            expand("{a}{b}", a=[1, 2], b="x"),
            expand("{a}{b}", zip, a=[1, 2], b=["x", "y"]),
            expand("{a}-{{b}}", a=[1]),
            expand("{a}-{b}", a=[1], allow_missing=True),
            expand(["{a}.1", "{a}.2"], a="z"),
            expand("{n:03d}", n=[7, 11]),
            collect("{n}", n=range(2)),
            multiext("base", ".x", ".y"),
        ]

        rule out:
            output: "out.txt"
            params: text=[" ".join(list).replace("{", "<").replace("}", ">") for list in LISTS]
            run: write_text("\n".join(params.text) + "\n", output[0])
    "#;
    assert_eq!(out(lists), "1x 2x\n1x 2y\n1-<b>\n1-<b>\nz.1 z.2\n007 011\n0 1\nbase.x base.y\n");
}

#[test]
fn glob_wildcards_is_sorted_and_empty_without_its_folder() {
    let project = Project::new(
        r#"
        SAMPLES, = glob_wildcards("raw/{sample}.txt")
        PAIRS = glob_wildcards("deep/{a}/{b,[0-9]+}.dat")
        NONE = glob_wildcards("nowhere/{x}.txt").x

        rule out:
            output: "out.txt"
            params: text=[SAMPLES, PAIRS.a, PAIRS.b, NONE]
            run: write_text("\n".join([",".join(list) for list in params.text]) + "\n", output[0])
        "#,
    )
    .file("raw/c.txt", "")
    .file("raw/a.txt", "")
    .file("raw/b.txt", "")
    .file("raw/b.dat", "")
    .file("deep/y/2.dat", "")
    .file("deep/x/1.dat", "")
    .file("deep/x/n.dat", "");
    assert_eq!(out_with(project, ""), "a,b,c\nx,y\n1,2\n\n");
}

#[test]
fn data_files_are_read() {
    let project = Project::new(
        r#"
        T = read_tsv("samples.tsv")
        ITEMS = [
            ",".join(T.column("name")),
            ",".join([row["path"] for row in T.where(kind="b")]),
            read_csv("t.csv")[0]["x"],
            read_text("t.txt").strip(),
            "+".join(read_lines("t.txt")),
            str(read_json("t.json")["k"][1]),
            str(read_yaml("t.yaml")["k"]),
            read_toml("t.toml")["t"]["k"],
            str(exists("t.txt")) + str(exists("nothing")),
        ]

        rule out:
            output: "out.txt"
            params: text=ITEMS
            run: write_text("\n".join(params.text) + "\n", output[0])
        "#,
    )
    .file("samples.tsv", "name\tkind\tpath\ns1\ta\tp1\ns2\tb\tp2\n")
    .file("t.csv", "x,y\n\"1,5\",2\n")
    .file("t.txt", "one\ntwo\n")
    .file("t.json", r#"{"k": [1, 2]}"#)
    .file("t.yaml", "k: yes it is\n")
    .file("t.toml", "[t]\nk = 'v'\n");
    assert_eq!(out_with(project, ""), "s1,s2\np2\n1,5\none\ntwo\none+two\n2\nyes it is\nv\nTrueFalse\n");
}

#[test]
fn rules_know_each_other() {
    let project = Project::new(
        r#"
        rule first:
            output: a="one.txt", b="two.txt"
            shell: "touch {output}"

        rule out:
            input: rules.first.output.b, rules.first.output[0]
            output: "out.txt"
            shell: "echo {input} > {output}"
        "#,
    );
    project.makes("out", &["first", "out"]);
    assert_eq!(project.read("out.txt"), "two.txt one.txt\n");
}

#[test]
fn localrules_and_docstrings_are_accepted_and_listed() {
    let project = Project::new(
        r#"
        localrules: all, out

        rule all:
            "Everything."
            input: "out.txt"

        rule out:
            """
            Writes a word.
            In two lines.
            """
            output: "out.txt"
            localrule: True
            shell: "echo x > {output}"
        "#,
    );
    project.flow("--list-rules").exits(0).prints(
        "
        all
            Everything.
        out
            Writes a word.
            In two lines.
        ",
    );
    project.makes("", &["out"]);
}

#[test]
fn braces_for_the_shell_are_doubled() {
    let project = Project::new(
        r#"
        rule out:
            input: "in.txt"
            output: "out.txt"
            shell: "awk '{{print $2}}' {input} > {output}; x=1; echo ${{x}} >> {output}"
        "#,
    )
    .file("in.txt", "a b\n");
    assert_eq!(out_with(project, ""), "b\n1\n");
}

#[test]
fn shell_at_file_level_reads_a_command() {
    let text = out(r#"
        shell.executable("/bin/bash")
        WORD = shell("echo hello", read=True).strip()
        LINES = list(shell("printf 'a\nb\n'", iterable=True))

        rule out:
            output: "out.txt"
            shell: "echo {WORD} {LINES} > {output}"
        "#);
    assert_eq!(text, "hello a b\n");
    let text = out(r#"
        WORDS = {"first": ["one", "two"]}
        COUNT = shell("echo {WORDS[first][1]} {WORDS[first]} | awk '{{print NF, $1}}'", read=True).strip()

        rule out:
            output: "out.txt"
            shell: "echo {COUNT} > {output}"
        "#);
    assert_eq!(text, "3 two\n");
    Project::new("shell.executable('/bin/zsh')\n").flow("").exits(1).says("cannot run in /bin/zsh");
    Project::new("shell.prefix('set -x; ')\n").flow("").exits(1).says("shell.prefix() is not available");
}

#[test]
fn print_goes_to_standard_error() {
    let project = Project::new(
        "print('reading', 1, end='.\\n')\nrule out:\n    output: 'out.txt'\n    run: write_text('x', output[0])\n",
    );
    let ran = project.flow("-n").exits(0);
    assert!(ran.stderr.contains("reading 1.\n") && !ran.stdout.contains("reading"), "{}{}", ran.stdout, ran.stderr);
}

#[test]
fn the_command_line_replaces_the_rulefile_s_configuration_when_asked_to() {
    let rules = r#"
        configfile: "own.yaml"

        rule out:
            output: "out.txt"
            params: a=config.get("a", "none"), b=config.get("b", "none")
            shell: "echo {params.a} {params.b} > {output}"
    "#;
    let project = || Project::new(rules).file("own.yaml", "a: own\n").file("other.yaml", "b: other\n");
    assert_eq!(out_with(project(), "--configfile other.yaml"), "own other\n");
    assert_eq!(out_with(project(), "--configfile other.yaml --replace-workflow-config"), "none other\n");
    assert_eq!(out_with(project(), "--replace-workflow-config"), "own none\n");
}

#[test]
fn a_rulefile_without_rules_has_nothing_to_do() {
    let project = Project::new("def name(wildcards):\n    return 'x'\n");
    project.flow("").exits(0).says("warning: Rulefile has no rules").says("Nothing to do.");
}

#[test]
fn a_wildcard_whose_expression_allows_it_may_be_empty() {
    let project = Project::new(
        r#"
        rule all:
            input: "a.txt", "a.txt.gz", "b.x"
        rule text:
            output: "a.txt{ext,(\\.gz)?}"
            shell: "echo '<{wildcards.ext}>' > {output}"
        rule b:
            output: "{a,.*}b.x"
            shell: "echo '<{wildcards.a}>' > {output}"
        "#,
    );
    project.make("");
    let read = |path: &str| project.read(path);
    assert_eq!((read("a.txt"), read("a.txt.gz"), read("b.x")), ("<>\n".into(), "<.gz>\n".into(), "<>\n".into()));
}

#[test]
fn what_snakefiles_import_for_a_line_is_there() {
    let project = Project::new(
        r#"
        import os
        from snakemake import __version__
        from snakemake.utils import min_version
        min_version("9.0")
        rule all:
            input: "in.txt"
            output: temp("out.txt", group_jobs=True)
            params: size=os.stat("in.txt").st_size, major=__version__.split(".")[0]
            shell: "echo {params.size} {params.major} > {output}"
        "#,
    )
    .file("in.txt", "12345\n");
    project.flow("--notemp").exits(0);
    assert_eq!(project.read("out.txt"), "6 9\n");
    project.edit("Rulefile", "os.stat(\"in.txt\")", "os.stat(\"none.txt\")");
    project.flow("").exits(1).says("os.stat: none.txt: No such file");
}

#[test]
fn a_command_knows_other_rules_and_the_workflow() {
    let project = Project::new(
        r#"
        rule all:
            input: "b.out"
        rule first:
            output: "{name}.txt", table="{name}.csv"
            shell: "touch {output}"
        rule out:
            input: "{name}.txt"
            output: "{name}.out"
            shell: "echo {rules.first.output} {rules.first.output.table} {rules.first.output[0]} {rules.first.name} {workflow.basedir:q} > {output}"
        "#,
    );
    project.make("");
    let here = std::fs::canonicalize(project.path("")).expect("a folder");
    let said = project.read("b.out");
    let said = said.trim_end();
    assert!(said.starts_with("b.txt b.csv b.csv b.txt first /"), "{said}");
    assert!(said.ends_with(&here.file_name().expect("a name").to_string_lossy().into_owned()), "{said}");
}
