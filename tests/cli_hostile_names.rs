//! File names that would do something where they are shown: none moves the cursor, breaks a line or its direction, or
//! ends the text that it stands in, whatever flow prints.

mod support;

use serde_json::Value;
use support::{Project, Ran};

const NAMES: [&str; 28] = [
    "new\nline",
    "return\rx",
    "tab\tx",
    "\u{1b}[31mred",
    "bell\u{7}",
    "back\u{8}x",
    "delete\u{7f}",
    "csi\u{9b}31m",
    "next\u{85}x",
    "separator\u{2028}x\u{2029}y",
    "turned\u{202e}txt.exe",
    "isolated\u{2066}x\u{2069}",
    "mark\u{200f}x\u{61c}y",
    "\u{feff}begin",
    "\"];x=\"",
    "quo'te",
    "back\\n",
    "back\\",
    "<i&amp;\"x",
    "]]>",
    "-->",
    "&#x1b;",
    "%s%n",
    "$(touch pwned)",
    "${{x}}",
    "end\"]\n--> id0[\"x",
    "`x`",
    "last",
];

/// The project of a job for each name, of which those fail that have an `n`.
fn project() -> Project {
    let project = Project::new(
        r#"
        NAMES = [name.replace("{", "_").replace("}", "_") for name in glob_wildcards("in/{name}.txt").name]

        rule all:
            input: expand("out/{name}.txt", name=NAMES)

        rule copy:
            """{name}"""
            input: "in/{name}.txt"
            output: "out/{name}.txt"
            params: name=lambda wildcards: wildcards.name
            message: "copying {wildcards.name} to {output}"
            shell: "cat {input} > {output}; echo {params.name:q}; echo {wildcards.name} >&2; case {wildcards.name} in *n*) exit 3;; esac"
        "#,
    );
    for name in NAMES {
        project.write(format!("in/{}.txt", name.replace(['{', '}'], "_")), "x\n");
    }
    project
}

/// Whether a text may be printed as it is; of the characters that do something, it may have those that are named.
#[track_caller]
fn is_plain(words: &[&str], text: &str, but: &[char]) {
    let is_bad = |c: &char| {
        let turns = matches!(*c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
        (c.is_control() || turns) && !but.contains(c)
    };
    let bad: Vec<char> = text.chars().filter(is_bad).collect();
    assert!(bad.is_empty(), "{words:?} prints {bad:?}:\n{text}");
}

fn asked(project: &Project, words: &[&str]) -> Ran {
    let ran = project.flow_with(words);
    is_plain(words, &ran.stdout, &['\n', '\t']);
    is_plain(words, &ran.stderr, &['\n']);
    assert!(!project.exists("pwned"), "{words:?}: a name was executed");
    ran
}

#[test]
fn what_is_shown_of_a_name_does_nothing() {
    let project = project();
    let out = "out/\u{1b}[31mred.txt";
    for words in [
        &["-n"][..],
        &["-n", "-p"],
        &["-k", "-j2"],
        &["-S"],
        &["-F", "-k", "-p", "-v"],
        &["-k", "-q"],
        &["-k", "--show-failed-logs"],
        &["--why"],
        &["--why", out],
        &["--list-rules"],
        &["--list-untracked"],
        &["--list-changes", "params"],
        &["--lint"],
        &["--strict", "-k", "-F"],
        &["--delete-all-output", "-n"],
        &["--cleanup-metadata", out],
        &["--touch"],
        &["--delete-all-output"],
        &["-R", "no\u{1b}"],
        &["--until", "no\nsuch\u{202e}"],
        &["-s", "no\u{1b}"],
        &["-d", "no\u{1b}"],
        &["--profile", "no\u{1b}"],
        &["--configfile", "no\u{1b}"],
        &["-C", "no\u{1b}"],
        &["--resources", "x\u{1b}=1k\u{1b}"],
        &["--set-threads", "x\u{1b}=1"],
        &["--batch", "x\u{1b}=1/2"],
        &["--actions", "x\u{1b}"],
        &["--fmt", "x\u{1b}"],
        &["nothing\u{1b}\u{2028}"],
    ] {
        asked(&project, words);
    }
}

#[test]
fn a_log_for_programs_holds_names_as_they_are_on_lines_of_their_own() {
    let project = project();
    let ran = asked(&project, &["-k", "-j2", "--log-format", "json"]);
    let events: Vec<Value> =
        ran.stdout.lines().map(|line| serde_json::from_str(line).expect("a line is an object")).collect();
    let started = events.iter().filter(|event| event["event"] == "started");
    let mut seen: Vec<String> =
        started.map(|event| event["wildcards"][0][1].as_str().expect("a value").to_owned()).collect();
    let mut names: Vec<String> = NAMES.iter().map(|name| name.replace(['{', '}'], "_")).collect();
    seen.sort();
    names.sort();
    assert_eq!(seen, names);
    asked(&project, &["--lint", "--log-format", "json"]);
}

/// The labels of a drawing, as its reader takes them.
fn labels(text: &str, begin: &str, end: &str) -> Vec<String> {
    let parts = text.split(begin).skip(1);
    parts.map(|part| part.split_once(end).expect("it ends").0.to_owned()).collect()
}

#[test]
fn drawings_are_whole_whatever_names_are_in_them() {
    let project = project();
    for option in ["--dag", "--filegraph", "--rulegraph"] {
        let json: Value = serde_json::from_str(&asked(&project, &[option, "json"]).stdout).expect("it is JSON");
        let nodes = json["nodes"].as_array().expect("a list").len();
        let mermaid = asked(&project, &[option, "mermaid-js"]).stdout;
        assert_eq!(mermaid.lines().filter(|line| line.contains("[\"")).count(), nodes, "{mermaid}");
        for label in labels(&mermaid, "[\"", "\"]") {
            assert!(!label.replace("<br>", "").contains(['"', '<', '>', '[', ']', '`', '\n']), "{label}");
        }
        check_dot(&asked(&project, &[option]).stdout, nodes);
        check_svg(&asked(&project, &[option, "svg"]).stdout);
    }
}

/// A line for each node, with quoted texts that end where they should; and what `dot` says, where it is installed.
fn check_dot(text: &str, nodes: usize) {
    let mut seen = 0;
    for line in text.lines().filter(|line| line.contains("[label=\"")) {
        seen += 1;
        let (mut in_quotes, mut escaped) = (false, false);
        let mut outside = String::new();
        for c in line.chars() {
            match c {
                _ if escaped => escaped = false,
                '\\' if in_quotes => escaped = true,
                '"' => in_quotes = !in_quotes,
                c if !in_quotes => outside.push(c),
                _ => {}
            }
        }
        assert!(!in_quotes && outside.trim_start().starts_with(|c: char| c.is_ascii_digit()), "{line}");
        let names: Vec<&str> =
            outside.split(['[', ',', ']']).skip(1).map(|part| part.trim_end_matches(['=', ';', '\n']).trim()).collect();
        assert!(names.iter().all(|name| ["label", "color", "style", ""].contains(name)), "{names:?} in {line}");
    }
    assert_eq!(seen, nodes, "{text}");
    let mut dot = assert_cmd::Command::new("dot");
    if let Ok(output) = dot.arg("-Tplain").write_stdin(text).output() {
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let said = String::from_utf8(output.stdout).expect("it is UTF-8");
        assert_eq!(said.matches("\nnode ").count(), nodes, "{said}");
    }
}

/// Every element is closed, and no text has a character that would begin one.
fn check_svg(text: &str) {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        check_text(&rest[..at]);
        let end = rest[at..].find('>').expect("an element ends") + at;
        let element = &rest[at + 1..end];
        assert_eq!(element.matches('"').count() % 2, 0, "{element}");
        check_text(element);
        let name = element.trim_start_matches('/').split([' ', '/']).next().expect("a name");
        assert!(["svg", "title", "defs", "marker", "path", "rect", "g", "text", "tspan"].contains(&name), "{element}");
        match element {
            _ if element.starts_with('/') => assert_eq!(open.pop(), Some(name)),
            _ if element.ends_with('/') => {}
            _ => open.push(name),
        }
        rest = &rest[end + 1..];
    }
    assert!(open.is_empty(), "{open:?}");
}

fn check_text(text: &str) {
    for part in text.split('&').skip(1) {
        assert!(["amp;", "lt;", "gt;", "quot;"].iter().any(|name| part.starts_with(name)), "&{part}");
    }
}
