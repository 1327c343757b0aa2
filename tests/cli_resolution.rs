//! Files that cannot be made: the message says what is missing, who asked for it all the way up, and what could settle
//! it. Nothing is run then.

mod support;

use support::Project;

fn refused(rulefile: &str, words: &str) -> String {
    let project = Project::new(rulefile);
    let ran = project.flow(words).exits(1);
    assert_eq!(ran.stdout, "", "a refused plan prints nothing");
    let files: Vec<_> = project.tree().into_keys().collect();
    assert_eq!(files, [std::path::Path::new("Rulefile")], "a refused plan makes nothing");
    ran.shown()
}

#[test]
fn a_missing_input_three_levels_down_is_followed_up_to_the_target() {
    insta::assert_snapshot!(refused(
        r#"
        rule all:
            input: "report.txt"

        rule report:
            input: "mean/a.txt"
            output: "report.txt"
            shell: "cat {input} > {output}"

        rule mean:
            input: "clean/{sample}.txt"
            output: "mean/{sample}.txt"
            shell: "mean {input} > {output}"

        rule clean:
            input: "raw/{sample}.txt"
            output: "clean/{sample}.txt"
            shell: "clean {input} > {output}"
        "#,
        "",
    ));
}

#[test]
fn a_near_miss_of_an_output_shows_the_pattern() {
    insta::assert_snapshot!(refused(
        r#"
        rule all:
            input: "plot/a.pgn"

        rule plot:
            output: "plot/{name}.png"
            shell: "plot > {output}"
        "#,
        "",
    ));
}

#[test]
fn a_cycle_is_shown() {
    insta::assert_snapshot!(refused(
        r#"
        rule a:
            input: "c.txt"
            output: "a.txt"
            shell: "cp {input} {output}"

        rule b:
            input: "a.txt"
            output: "b.txt"
            shell: "cp {input} {output}"

        rule c:
            input: "b.txt"
            output: "c.txt"
            shell: "cp {input} {output}"
        "#,
        "",
    ));
}

#[test]
fn a_rule_that_needs_its_own_output_is_shown() {
    insta::assert_snapshot!(refused(
        r#"
        rule add:
            input: "a.txt"
            output: "a.txt"
            shell: "cp {input} {output}"
        "#,
        "",
    ));
}

const TWO_RULES: &str = r#"
    rule fast:
        output: "out/{name}.txt"
        shell: "echo fast > {output}"

    rule slow:
        output: "out/{stem}.txt"
        shell: "echo slow > {output}"
"#;

#[test]
fn two_rules_for_one_file_are_ambiguous_and_ruleorder_settles_it() {
    insta::assert_snapshot!(refused(TWO_RULES, "out/a.txt"));
    for (order, text) in [("fast > slow", "fast\n"), ("slow > fast", "slow\n")] {
        let project = Project::new(TWO_RULES);
        let rules = project.read("Rulefile");
        project.write("Rulefile", &format!("ruleorder: {order}\n{rules}"));
        project.flow("out/a.txt").exits(0);
        assert_eq!(project.read("out/a.txt"), text);
    }
    let project = Project::new(TWO_RULES);
    project.flow("--allow-ambiguity out/a.txt").exits(0);
    assert_eq!(project.read("out/a.txt"), "fast\n");
}

#[test]
fn a_rule_without_wildcards_goes_before_one_with_them() {
    let project = Project::new(
        r#"
        rule any:
            output: "{name}.txt"
            shell: "echo any > {output}"

        rule this:
            output: "a.txt"
            shell: "echo this > {output}"
        "#,
    );
    project.makes("a.txt b.txt", &["any name=b", "this"]);
    assert_eq!(project.read("a.txt"), "this\n");
}

#[test]
fn the_first_rule_whose_inputs_exist_is_taken_by_ruleorder() {
    let project = Project::new(
        r#"
        ruleorder: from_csv > from_tsv

        rule from_csv:
            input: "{name}.csv"
            output: "{name}.txt"
            shell: "cp {input} {output}"

        rule from_tsv:
            input: "{name}.tsv"
            output: "{name}.txt"
            shell: "cp {input} {output}"
        "#,
    )
    .file("a.tsv", "t\n")
    .file("b.csv", "c\n")
    .file("b.tsv", "t\n");
    project.makes("a.txt b.txt", &["from_tsv name=a", "from_csv name=b"]);
}

#[test]
fn a_rule_with_wildcards_is_no_target() {
    insta::assert_snapshot!(refused(
        r#"
        rule plot:
            output: "plot/{name}.png"
            shell: "plot > {output}"
        "#,
        "plot",
    ));
}

#[test]
fn a_wildcard_that_grows_without_end_is_stopped() {
    let one = refused(
        r#"
        rule unpack:
            input: "{name}.gz"
            output: "{name}"
            shell: "gunzip -c {input} > {output}"
        "#,
        "a.dat",
    );
    assert!(one.contains("asks for itself with an ever longer wildcard: a.dat.gz.gz"), "{one}");
    let two = refused(
        r#"
        rule pack:
            input: "{name}.txt.gz"
            output: "{name}.txt"
            shell: "gunzip -c {input} > {output}"

        rule unpack:
            input: "{name}.txt"
            output: "{name}"
            shell: "cp {input} {output}"
        "#,
        "a.dat",
    );
    assert!(two.contains("is too long") && two.contains("--> Rulefile:"), "{two}");
    for said in [one, two] {
        assert!(said.contains("this wildcard grows without end"), "{said}");
        assert!(said.contains("help: narrow the wildcard with a constraint"), "{said}");
    }
}

#[test]
fn a_wildcard_that_doubles_is_stopped_before_it_fills_the_memory() {
    let said = refused(
        r#"
        rule double:
            input: "{name}{name}a"
            output: "{name}b"
            shell: "cp {input} {output}"

        rule back:
            input: "{name}b"
            output: "{name}a"
            shell: "cp {input} {output}"
        "#,
        "b-b",
    );
    assert!(said.contains("this wildcard grows without end"), "{said}");
}

#[test]
fn a_long_way_to_what_is_missing_is_told_with_its_beginning_and_its_end() {
    let step = |n: usize| {
        format!(
            "rule:\n    input: \"{}.txt\"\n    output: \"{n}.txt\"\n    shell: \"cp {{input}} {{output}}\"\n",
            n + 1
        )
    };
    let project = Project::new(&(0..40).map(step).collect::<String>());
    let ran = project.flow("0.txt").exits(1).says("0.txt").says("1.txt").says("40.txt").does_not_say("30.txt");
    assert_eq!(ran.stderr.matches("and so on, down to:").count(), 1, "{}", ran.stderr);
}

#[test]
fn a_function_that_fails_is_told_even_where_the_file_is_there() {
    let project = Project::new(
        r#"
        rule copy:
            input: lambda wildcards: [][1]
            output: "{name}.txt"
            shell: "cp {input} {output}"
        "#,
    );
    project.write("a.txt", "a source, were it not for the rule");
    project.flow("a.txt").exits(1).says("Index").says("Rulefile:");
}

#[test]
fn of_two_outputs_of_a_rule_that_fit_the_one_with_the_shorter_wildcards_is_meant() {
    for outputs in [r#""{n}.txt", "{n}.large.txt""#, r#""{n}.large.txt", "{n}.txt""#] {
        let project = Project::new(&format!(
            "rule two:\n    output: {outputs}\n    shell: \"touch {{output}}; echo {{wildcards.n}} > which\"\n"
        ));
        project.makes("x.large.txt", &["two n=x"]);
        assert_eq!(project.read("which"), "x\n");
    }
}

#[test]
fn one_file_has_one_writer() {
    insta::assert_snapshot!(refused(
        r#"
        rule all:
            input: "a.txt", "b.txt"

        rule one:
            output: "a.txt", "log.txt"
            shell: "touch {output}"

        rule two:
            output: "b.txt", "log.txt"
            shell: "touch {output}"

        ruleorder: one > two
        "#,
        "",
    ));
}

#[test]
fn a_file_in_the_directory_of_another_rule_is_refused() {
    insta::assert_snapshot!(refused(
        r#"
        rule all:
            input: "out", "out/extra.txt"

        rule folder:
            output: directory("out")
            shell: "mkdir -p {output}"

        rule extra:
            output: "out/extra.txt"
            shell: "touch {output}"
        "#,
        "",
    ));
}

#[test]
fn a_function_that_fails_is_shown_where_it_fails() {
    insta::assert_snapshot!(refused(
        r#"
        UNITS = {"a": "raw/a1.txt"}

        def units(wildcards):
            return UNITS[wildcards.sample]

        rule join:
            input: units
            output: "joined/{sample}.txt"
            shell: "cat {input} > {output}"
        "#,
        "joined/b.txt",
    ));
}

#[test]
fn several_ways_that_all_fail_are_all_shown() {
    insta::assert_snapshot!(refused(
        r#"
        ruleorder: from_csv > from_tsv

        rule from_csv:
            input: "{name}.csv"
            output: "{name}.txt"
            shell: "cp {input} {output}"

        rule from_tsv:
            input: "{name}.tsv"
            output: "{name}.txt"
            shell: "cp {input} {output}"
        "#,
        "a.txt",
    ));
}

#[test]
fn a_chain_of_thousands_of_rules_is_resolved() {
    let mut rules = String::from("rule r0:\n    output: 'f0'\n    run: write_text('x', output[0])\n");
    for i in 1..2000 {
        let before = i - 1;
        rules.push_str(&format!(
            "rule r{i}:\n    input: 'f{before}'\n    output: 'f{i}'\n    run: copy(input[0], output[0])\n"
        ));
    }
    let project = Project::new("").file("Rulefile", &rules);
    project.flow("-n -q f1999").exits(0).says("2000  in all");
}

const BY_THE_LOG: &str = r#"
    rule all:
        input: "b.txt"

    rule b:
        input: "a.log", "bench.tsv"
        output: "b.txt"
        shell: "cat a.log > {output}"

    rule a:
        output: "a.txt"
        log: "a.log"
        benchmark: "bench.tsv"
        shell: "echo said > {log}; touch {output}"
"#;

#[test]
fn a_log_or_a_benchmark_that_is_an_input_is_made_first() {
    let project = Project::new(BY_THE_LOG);
    assert_eq!(project.make("-j4").exits(0).jobs(), ["a", "b"]);
    assert_eq!(project.read("b.txt"), "said\n");
    project.makes("", &[]);
    project.remove("a.log");
    let ran = project.makes("a.log", &["a"]);
    assert_eq!(ran.reason("a"), "missing: a.log");
    assert!(project.exists("a.log"));
    project.remove("bench.tsv");
    project.makes("a.txt", &[]);
    assert_eq!(project.make("").exits(0).jobs()[0], "a");
}

#[test]
fn a_log_is_no_output() {
    let project = Project::new("rule a:\n    output: 'a.txt'\n    log: 'a.txt'\n    shell: 'touch {output}'\n");
    project.flow("").exits(1).says("a.txt is a log of rule `a` and an output");
    assert!(!project.exists("a.txt"));
}

#[test]
fn what_a_cycle_rules_out_for_one_target_is_there_for_the_next() {
    let project = Project::new(
        r#"
        ruleorder: a1 > a2

        rule all:
            input: "A", "C"

        rule a1:
            input: "B"
            output: "A"
            shell: "cp {input} {output}"

        rule a2:
            input: "S"
            output: "A"
            shell: "cp {input} {output}"

        rule b:
            input: "A"
            output: "B"
            shell: "cp {input} {output}"

        rule c:
            input: "B"
            output: "C"
            shell: "cp {input} {output}"
        "#,
    )
    .file("S", "s\n");
    project.makes("", &["a2", "b", "c"]);
    project.edit("Rulefile", "\"A\", \"C\"", "\"C\", \"A\"");
    project.makes("", &[]);
}

#[test]
fn a_chain_of_cycles_is_settled_in_time() {
    // Each file can be made from either neighbour, and none of them is there.
    let mut rulefile = "rule all:\n    input: 'f0'\n".to_owned();
    for n in 0..40 {
        for (side, from) in [("up", n + 1), ("down", (n + 39) % 40), ("far", (n + 20) % 40)] {
            rulefile.push_str(&format!(
                "rule {side}{n}:\n    input: 'f{from}', 'g{n}'\n    output: 'f{n}'\n    shell: 'true'\n"
            ));
        }
        rulefile.push_str(&format!("rule g{n}:\n    input: 'f{}'\n    output: 'g{n}'\n    shell: 'true'\n", n + 1));
    }
    Project::new(&rulefile).flow("-n").exits(1);
}
