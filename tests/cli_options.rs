//! The options of the command line that no other test is about, in their long spellings; and that there is a test for each.

mod support;

use support::Project;

const CHAIN: &str = r#"
    rule last:
        input: "first.txt"
        output: "last.txt"
        shell: "cp {input} {output}"

    rule first:
        output: "first.txt"
        params: word=config.get("word", "none")
        shell: "echo {params.word} > {output}"
"#;

#[test]
fn every_option_of_the_help_has_a_test() {
    let help = Project::new(CHAIN).flow("--help").exits(0).stdout;
    let option = regex::Regex::new(r"(?m)^ +(?:-\w, )?(--[a-z-]+)").expect("a regex");
    let options: Vec<&str> = option.captures_iter(&help).map(|found| found.get(1).expect("a group").as_str()).collect();
    assert!(options.len() > 50, "{options:?}");
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let files =
        |folder| std::fs::read_dir(folder).expect("the tests are there").map(|entry| entry.expect("an entry").path());
    let sources = files(folder.join("support"))
        .chain(files(folder))
        .filter(|path| path.extension().is_some_and(|suffix| suffix == "rs"));
    let tests: String = sources.map(|path| std::fs::read_to_string(path).expect("it is text")).collect();
    let is_tried = |option: &&&str| {
        let after = |at: usize| tests[at + option.len()..].chars().next();
        tests.match_indices(**option).any(|(at, _)| after(at).is_none_or(|c| c != '-' && !c.is_ascii_alphabetic()))
    };
    let untried: Vec<_> = options.iter().filter(|option| !is_tried(option)).collect();
    assert!(untried.is_empty(), "no test is about {untried:?}");
}

#[test]
fn the_rulefile_and_the_configuration_are_named() {
    let project = Project::new(CHAIN);
    project.write("other.smk", &project.read("Rulefile").replace("echo", "echo other"));
    project.make("--rulefile other.smk --config word=mine").exits(0);
    assert_eq!(project.read("last.txt"), "other mine\n");
    project.make("--snakefile Rulefile --config word=mine").exits(0);
    assert_eq!(project.read("last.txt"), "mine\n");
}

#[test]
fn what_is_made_again_is_said() {
    let project = Project::new(CHAIN);
    project.makes("", &["first", "last"]);
    project.makes("--rerun-incomplete", &[]);
    project.makes("--force", &["last"]);
    project.makes("--forceall", &["first", "last"]);
    let said = project.flow("--dry-run --forceall").exits(0).says("nothing was done (dry run)").stdout;
    assert!(said.contains("first: forced"), "{said}");
}

#[test]
fn a_run_goes_on_where_it_can() {
    let project = Project::new(
        r#"
        rule all:
            input: "bad.txt", "good.txt"
        rule bad:
            output: "bad.txt"
            priority: 1
            shell: "seq 100; exit 1"
        rule good:
            output: "good.txt"
            shell: "touch {output}"
        "#,
    );
    let ran = project.flow("--jobs 1").exits(1).says("2 jobs on 1 core:").says("| 100").does_not_say("| 50\n");
    assert!(!project.exists("good.txt"), "{}", ran.stderr);
    project.flow("--jobs 1 --keep-going --show-failed-logs").exits(1).says("| 50\n").says("| 100");
    assert!(project.exists("good.txt"));
}

#[test]
fn how_much_is_said_is_chosen() {
    let run = |words: &str| Project::new(CHAIN).flow(words).exits(0);
    run("").says("[2/2] done last").does_not_say("cp first.txt last.txt").does_not_say("\u{1b}[");
    run("--printshellcmds").says("cp first.txt last.txt");
    run("--quiet").does_not_say("last");
    let project = Project::new(CHAIN);
    project.flow("").exits(0);
    project.flow("--forcerun first").exits(0).does_not_say("not needed last");
    project.flow("--forcerun first --verbose").exits(0).says("not needed last");
    run("--color always").says("\u{1b}[");
    run("--color never").does_not_say("\u{1b}[");
}

#[test]
fn what_is_made_of_the_definitions_names_all_options() {
    let project = Project::new(CHAIN);
    for shell in ["bash", "zsh", "fish"] {
        project.flow(&format!("--completions {shell}")).exits(0).says("forcerun").says("shadow-prefix");
    }
    project.flow("--completions tcl").exits(2).says("tcl");
    project.flow("--man").exits(0).says(".TH flow").says("\\-\\-forcerun");
    project.flow("--version").exits(0).prints(concat!("flow ", env!("CARGO_PKG_VERSION")));
    project.flow("--help").exits(0).says("-R, --forcerun <NAME>");
}
