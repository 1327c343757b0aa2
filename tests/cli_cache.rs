//! `cache:` and `--cache`: outputs that workflows share, in a folder that the environment names.

mod support;

use std::path::Path;

use support::Project;

/// `flow` with a cache, which must end with this code; what it said.
#[track_caller]
fn flow(project: &Project, cache: &Path, words: &str, code: i32) -> String {
    let mut command = project.command(words);
    let output = command.env("FLOW_OUTPUT_CACHE", cache).env_remove("SNAKEMAKE_OUTPUT_CACHE").output();
    let output = output.expect("flow starts");
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert_eq!(output.status.code(), Some(code), "{said}");
    said
}

/// A workflow whose jobs count how often they run, in a file beside the cache.
fn workflow(place: &Path) -> Project {
    Project::new(&format!(
        r#"
        RAN = "{}/ran"

        rule all:
            input: "up/a.txt", "parts", "two.csv"
        rule up:
            input: "in/{{name}}.txt"
            output: "up/{{name}}.txt"
            params: to=config.get("to", "A-Z")
            cache: True
            shell: "echo up >> {{RAN}}; tr a-z {{params.to}} < {{input}} > {{output}}"
        rule parts:
            output: directory("parts")
            cache: "omit-software"
            shell: "echo parts >> {{RAN}}; mkdir -p {{output}}/deep; echo 1 > {{output}}/deep/1.txt"
        rule two:
            output: multiext("two", ".csv", ".tsv")
            shell: "echo two >> {{RAN}}; echo c > {{output[0]}}; echo t > {{output[1]}}"
        rule unnamed:
            output: "x.txt", "y.txt"
            shell: "touch {{output}}"
        "#,
        place.display()
    ))
    .file("in/a.txt", "text\n")
}

fn ran(place: &Path) -> Vec<String> {
    let path = place.join("ran");
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    let _ = std::fs::remove_file(path);
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

#[test]
fn what_one_workflow_has_made_another_takes() {
    let place = tempfile::tempdir().expect("a folder");
    let cache = place.path().join("cache");
    let first = workflow(place.path());
    flow(&first, &cache, "--cache two", 0);
    assert_eq!(ran(place.path()), ["parts", "two", "up"]);
    let second = workflow(place.path());
    flow(&second, &cache, "--cache two", 0);
    assert!(ran(place.path()).is_empty());
    for path in ["up/a.txt", "parts/deep/1.txt", "two.csv", "two.tsv"] {
        assert_eq!(first.read(path), second.read(path), "{path}");
    }
    flow(&second, &cache, "--cache two", 0);
    // Whoever changes an output changes it for nobody else.
    second.write("up/a.txt", "mine\n");
    let third = workflow(place.path());
    flow(&third, &cache, "--cache", 0);
    assert_eq!(third.read("up/a.txt"), "TEXT\n");
    assert_eq!(ran(place.path()), ["two"], "which has no `cache:`");
}

#[test]
fn another_input_param_or_command_is_another_result() {
    let place = tempfile::tempdir().expect("a folder");
    let cache = place.path().join("cache");
    let project = workflow(place.path());
    let make = |words: &str| {
        flow(&project, &cache, &format!("up/a.txt {words} --cache"), 0);
        ran(place.path())
    };
    assert_eq!(make(""), ["up"]);
    project.write("in/a.txt", "other\n");
    assert_eq!(make(""), ["up"]);
    assert_eq!(make("-C to=B-ZA"), ["up"]);
    project.write("in/a.txt", "text\n");
    assert!(make("").is_empty(), "it was there from the beginning");
    assert_eq!(project.read("up/a.txt"), "TEXT\n");
    project.edit("Rulefile", "tr a-z", "tr [a-z]");
    assert_eq!(make(""), ["up"]);
}

#[test]
fn without_the_option_nothing_is_shared() {
    let place = tempfile::tempdir().expect("a folder");
    let cache = place.path().join("cache");
    flow(&workflow(place.path()), &cache, "", 0);
    assert!(!cache.exists());
}

#[test]
fn what_cannot_be_cached_is_refused() {
    let place = tempfile::tempdir().expect("a folder");
    let cache = place.path().join("cache");
    let project = workflow(place.path());
    let said = flow(&project, &cache, "x.txt --cache unnamed", 1);
    assert!(said.contains("rule `unnamed` cannot be cached: its outputs have no names"), "{said}");
    let said = flow(&project, &cache, "x.txt --cache upp", 1);
    assert!(said.contains("--cache: there is no rule called `upp`") && said.contains("did you mean `up`?"), "{said}");
    let said = flow(&project, Path::new(""), "x.txt --cache", 1);
    assert!(said.contains("it is not known where the cache is") && said.contains("FLOW_OUTPUT_CACHE"), "{said}");
    let project = Project::new("rule a:\n    output: 'a'\n    cache: 'never'\n    shell: 'touch a'\n");
    project.flow("").exits(1).says("`cache:` takes True, False or \"omit-software\", not the text \"never\"");
}
