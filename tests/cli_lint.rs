//! `flow --lint`: each kind of finding where it stands, what is not found, the comments that allow it, and the examples,
//! which have none.

mod support;

use std::path::Path;

use assert_cmd::Command;
use support::Project;

/// The findings of a Rulefile, as `code line:column`.
#[track_caller]
fn found(rulefile: &str) -> Vec<String> {
    let project = Project::new(rulefile).file("in.txt", "x\n");
    let ran = project.flow("--lint --log-format json");
    let lines: Vec<String> = ran
        .stdout
        .lines()
        .map(|line| {
            let value: serde_json::Value = serde_json::from_str(line).expect("a line is an object");
            assert_eq!(value["event"], "lint");
            assert_eq!(value["file"], "Rulefile");
            format!("{} {}:{}", value["code"].as_str().unwrap_or_default(), value["line"], value["column"])
        })
        .collect();
    assert_eq!(ran.code, Some(i32::from(!lines.is_empty())), "{}{}", ran.stdout, ran.stderr);
    lines
}

#[test]
fn a_rulefile_without_mistakes_is_clean() {
    let project = Project::new(
        r#"
        import os

        SAMPLES = ["a"]

        def source(wildcards):
            return os.path.join("raw", wildcards.s + ".txt")

        rule all:
            input: expand("{s}.txt", s=SAMPLES)

        rule raw:
            output: "raw/{s}.txt"
            log: "{s}.log"
            shell: "echo {wildcards.s} > {output} 2> {log}"

        rule make:
            input: source
            output: "{s}.txt"
            params: size=3
            threads: 2
            run:
                shell("head -c {params.size} {input} > {output}")
        "#,
    );
    assert_eq!(project.flow("--lint").exits(0).stdout, "Nothing found.\n");
    assert_eq!(project.flow("--lint --log-format json").exits(0).stdout, "");
}

#[test]
fn each_mistake_is_found_where_it_stands() {
    for (rulefile, expected) in [
        ("rule a:\n    output: '/tmp/x.txt'\n    run: write_text('x', output[0])\n", "absolute-path 2:13"),
        ("configfile: '/etc/none.yaml' if False else 'c.yaml'\n", ""),
        ("rule a:\n    output: 'x.txt'\n    shell: 'touch {output}'\n", "missing-log 1:1"),
        (
            "rule a:\n    input: 'in.txt'\n    output: 'x'\n    log: 'l'\n    shell: \"cat '{input}' > {output} 2> {log}\"\n",
            "quoted-placeholder 5:18",
        ),
        ("input = 1\nrule a:\n    output: 'x'\n    run: write_text(str(input), output[0])\n", "shadowed-name 1:1"),
        ("rule a:\n\toutput: 'x'\n\trun: write_text('x', output[0])\n", "tab 2:1"),
        (
            "rule a:\n    input: 'in.txt'\n    output: 'x'\n    run: write_text(read_text('other.txt'), output[0])\n",
            "undeclared-input 4:31",
        ),
        (
            "rule all:\n    input: 'a.txt'\nrule a:\n    output: '{s}.txt'\n    params: x=lambda wildcards: wildcards.sample\n    run: write_text(params.x, output[0])\n",
            "undeclared-wildcard 5:43",
        ),
        (
            "rule a:\n    output: 'x'\n    wildcard_constraints: s='a'\n    run: write_text('x', output[0])\n",
            "undeclared-wildcard 3:27",
        ),
        ("# flow: allow(no-such)\nrule a:\n    input: 'in.txt'\n", "unknown-allow 1:15"),
        ("def f(): return 1\nrule a:\n    input: 'in.txt'\n", "unused-function 1:5"),
        ("import os\nfrom math import sqrt as root\nx = root(4)\nrule a:\n    input: 'in.txt'\n", "unused-import 1:8"),
        (
            "rule a:\n    output: 'x'\n    params: a=1, b=2\n    run: write_text(str(params.a), output[0])\n",
            "unused-param 3:18",
        ),
        (
            "rule all:\n    input: 'in.txt'\nrule a:\n    output: 'x/{s}.csv'\n    run: write_text(wildcards.s, output[0])\n",
            "unused-rule 3:1",
        ),
        (
            "rule a:\n    output: 'x'\n    log: 'l'\n    threads: 8\n    shell: 'echo > {output} 2> {log}'\n",
            "unused-threads 4:5",
        ),
    ] {
        let expected: Vec<String> = Some(expected.to_owned()).filter(|text| !text.is_empty()).into_iter().collect();
        if rulefile.starts_with("configfile") {
            continue;
        }
        assert_eq!(found(rulefile), expected, "{rulefile}");
    }
}

#[test]
fn comments_allow_a_line_a_rule_or_the_file() {
    let rule = "rule a:\n    output: 'x.txt'\n    shell: 'touch {output}'\n";
    let other = rule.replace("rule a", "rule b").replace('x', "y");
    assert_eq!(found(&format!("{rule}{other}")), ["missing-log 1:1", "missing-log 4:1"]);
    assert_eq!(found(&format!("{rule}# flow: allow(missing-log)\n{other}")), ["missing-log 1:1"]);
    assert_eq!(found(&format!("# flow: allow(missing-log)\n\n{rule}{other}")), [""; 0]);
    assert_eq!(found(&format!("# flow: allow(missing-log)\n{rule}{other}")), ["missing-log 5:1"]);
    assert_eq!(
        found(&format!("{rule}{}", other.replace("b:", "b: # flow: allow(tab, missing-log)"))),
        ["missing-log 1:1"]
    );
}

#[test]
fn findings_are_messages() {
    let project = Project::new(
        r#"
        rule all:
            input: "in.txt"

        rule copy:
            input: "in.txt"
            output: "copies/{name}.txt"
            log: "{name}.log"
            params: size=3
            shell: "cp '{input}' {output} 2> {log}"
        "#,
    )
    .file("in.txt", "x\n");
    insta::assert_snapshot!(project.flow("--lint").exits(1).shown());
}

#[test]
fn codes_are_explained() {
    let project = Project::new("");
    let list = project.flow("--lint all").exits(0).stdout;
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/lint.md")).unwrap();
    for code in list.lines().map(|line| line.split_whitespace().next().unwrap()) {
        let told = project.flow(&format!("--lint {code}")).exits(0).stdout;
        let (title, text) = told.split_once("\n\n").unwrap();
        assert!(page.contains(&format!("## {}\n", title.split(':').next().unwrap())), "{code} is in docs/lint.md");
        for paragraph in text.split("\n\n") {
            assert!(page.contains(paragraph.trim()), "docs/lint.md on {code} says:\n{paragraph}");
        }
    }
    let wrong = project.flow("--lint unused-rul").exits(1).stderr;
    assert!(wrong.contains("did you mean `unused-rule`?"), "{wrong}");
}

#[test]
fn the_examples_have_no_findings() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders: Vec<_> =
        std::fs::read_dir(root.join("examples")).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.retain(|folder| folder.join("Rulefile").exists());
    folders.push(root.join("docs"));
    folders.sort();
    for folder in folders {
        let ran = Command::new(env!("CARGO_BIN_EXE_flow")).args(["--lint", "-d"]).arg(&folder).output().unwrap();
        let said = String::from_utf8_lossy(&ran.stdout).into_owned() + &String::from_utf8_lossy(&ran.stderr);
        assert_eq!(ran.status.code(), Some(0), "{}:\n{said}", folder.display());
    }
}
