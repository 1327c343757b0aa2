//! The migration page, run: what it says runs does, in a folder with the files that its examples name, and what it says
//! is refused is refused at a line, with advice.

mod support;

use support::Project;

const PAGE: &str = include_str!("../docs/snakemake.md");

/// The fenced blocks of the page that a word marks.
fn blocks(mark: &str) -> Vec<String> {
    let fence = format!("```python {mark}\n");
    PAGE.split(&fence).skip(1).map(|rest| rest.split("```").next().unwrap_or_default().to_owned()).collect()
}

fn folder(rulefile: &str) -> Project {
    Project::new(rulefile)
        .file("config.yaml", "samples: {b: words.txt, a: words.txt}\n")
        .file("words.txt", "one two\nthree\n")
        .file("samples.csv", "name,file\na,words.txt\nb,words.txt\n")
}

#[test]
fn what_runs_runs() {
    let all = blocks("runs");
    assert!(all.len() >= 7, "the page has its examples");
    for block in all {
        let project = folder(&block);
        let ran = project.flow("-j2");
        assert_eq!(ran.code, Some(0), "{block}\n{}{}", ran.stdout, ran.stderr);
        let formatted = project.flow("--fmt --check");
        assert_eq!(formatted.code, Some(0), "{}", formatted.stdout);
    }
}

#[test]
fn what_is_refused_is_refused_with_advice() {
    let all = blocks("refused");
    assert!(all.len() >= 4, "the page has its examples");
    for block in all {
        let ran = folder(&block).flow("-j2").exits(1);
        assert!(ran.stderr.contains("Rulefile:") && ran.stderr.contains("help:"), "{block}\n{}", ran.stderr);
    }
}
