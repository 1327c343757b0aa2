//! `flow --fmt`: which files it touches, what it says, and how it leaves alone what it cannot read.

mod support;

use std::os::unix::fs::PermissionsExt;

use support::Project;

const UNTIDY: &str = "rule out:\n  output: 'out.txt' # it\n  shell: \"touch {output}\"\n";
const TIDY: &str = "rule out:\n    output: \"out.txt\"  # it\n    shell: \"touch {output}\"\n";

#[test]
fn the_rulefile_is_formatted_in_place() {
    let project = Project::new(UNTIDY);
    assert_eq!(project.flow("--fmt").exits(0).stdout, "Rulefile formatted\n");
    assert_eq!(project.read("Rulefile"), TIDY);
    assert_eq!(project.flow("--fmt").exits(0).stdout, "", "there is nothing left to do");
    assert_eq!(project.tree().len(), 1, "nothing is left beside it");
}

#[test]
fn check_shows_the_difference_and_changes_nothing() {
    let project = Project::new(UNTIDY).file("tidy.smk", TIDY);
    let ran = project.flow("--fmt --check Rulefile tidy.smk").exits(1);
    assert!(ran.stdout.starts_with("Rulefile would be formatted:\n    -   output: 'out.txt' # it\n"), "{}", ran.stdout);
    assert!(!ran.stdout.contains("tidy.smk"));
    assert_eq!(project.read("Rulefile"), UNTIDY);
    project.flow("--fmt --check tidy.smk").exits(0);
}

#[test]
fn a_file_that_cannot_be_read_is_left_and_the_others_are_formatted() {
    let broken = "rule out\n    output: 'x'\n";
    let project = Project::new(UNTIDY).file("broken.smk", broken);
    let ran = project.flow("--fmt broken.smk none.smk Rulefile").exits(1);
    assert!(
        ran.stderr.contains("expected `:` after `rule out`") && ran.stderr.contains("broken.smk:1"),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains("cannot read none.smk"), "{}", ran.stderr);
    assert_eq!(project.read("broken.smk"), broken);
    assert_eq!(project.read("Rulefile"), TIDY);
}

#[test]
fn links_and_permissions_stay() {
    let project = Project::new(UNTIDY);
    std::fs::set_permissions(project.path("Rulefile"), std::fs::Permissions::from_mode(0o750)).unwrap();
    std::os::unix::fs::symlink("Rulefile", project.path("link.smk")).unwrap();
    project.flow("--fmt link.smk").exits(0);
    assert!(project.path("link.smk").symlink_metadata().unwrap().is_symlink());
    assert_eq!(project.read("Rulefile"), TIDY);
    assert_eq!(project.path("Rulefile").metadata().unwrap().permissions().mode() & 0o777, 0o750);
}

#[test]
fn an_editor_formats_its_text_through_a_pipe() {
    let project = Project::new("x=1\n");
    let pipe = |words: &str| {
        let mut command = assert_cmd::Command::new(env!("CARGO_BIN_EXE_flow"));
        command.args(words.split(' ')).current_dir(project.path("")).write_stdin(UNTIDY).output().unwrap()
    };
    let ran = pipe("--fmt -");
    assert_eq!((ran.status.code(), String::from_utf8_lossy(&ran.stdout).as_ref()), (Some(0), TIDY));
    assert_eq!(pipe("--fmt --check -").status.code(), Some(1));
    assert_eq!(project.read("Rulefile"), "x=1\n");
}

#[test]
fn jobs_do_not_run_again_for_their_rules_new_shape() {
    let project = Project::new(
        "rule all:\n  input: 'a.txt','b.txt'\nrule a:\n  output: 'a.txt'\n  params: x = 'one',\n  shell: \"echo {params.x} \" '> {output}'\nrule b:\n  output: 'b.txt'\n  run:\n    x=[1 ,2]; write_text( str(x), output [ 0 ] )\n",
    );
    project.makes("", &["a", "b"]);
    project.flow("--fmt").exits(0);
    project.makes("", &[]);
}

/// The shape itself, each of its rules once.
#[test]
fn the_shape() {
    let project = Project::new(
        r#"
        import os
        SAMPLES=['a','b'] # of the night
        def path( name,* ,suffix = '.txt' ): return name+suffix
        # The first rule.
        rule all:
            input: expand( "{s}.txt",s = SAMPLES ), 'c.txt'
        rule make:
            """Makes one."""
            input:
                # where it comes from
                lambda w : path(w.s)


            output:
                "{s}.txt",
            threads: 4
            params: size = 50, names = ["one of many long names", "another of many long names", "a third of many long names", "and one more"]
            shell: """
            touch {output}
            """
            # the end of make
        rule c:
            output: 'c.txt'
            shell:
              "echo one "   # first
              "> {output}"
        rule d:
            output: 'd.txt'
            run: write_text( 'x',output[0] )
        if config.get('more') : include: 'more.smk'
        ruleorder: c>d
        "#,
    );
    project.flow("--fmt").exits(0);
    insta::assert_snapshot!(project.read("Rulefile"));
}
