//! Clocks and stamps as they are found: set back, in the future, equal, by whole seconds, of copies and links. What
//! counts is whether a file is as the job saw it, whatever its time says.

mod support;

use std::os::unix::fs::symlink;

use filetime::{FileTime, set_file_mtime, set_symlink_file_times};
use support::Project;
use support::running::Running;

/// A hundred years after 1970.
const FUTURE: i64 = 3_155_760_000;

/// A job that copies one file.
fn copy() -> Project {
    Project::new("rule copy:\n    input: 'in.txt'\n    output: 'out.txt'\n    shell: 'cp {input} {output}'\n")
}

fn stamp(project: &Project, path: &str, seconds: i64) {
    set_file_mtime(project.path(path), FileTime::from_unix_time(seconds, 0)).expect("it can be stamped");
}

#[test]
fn an_input_from_the_future_is_used_once() {
    let project = copy().file("in.txt", "one\n");
    stamp(&project, "in.txt", FUTURE);
    project.makes("", &["copy"]);
    project.makes("", &[]);
    stamp(&project, "out.txt", FUTURE - 10);
    project.makes("", &[]);
}

#[test]
fn an_input_from_the_future_is_newer_where_there_is_no_record() {
    let project = copy().file("in.txt", "one\n").file("out.txt", "old\n");
    stamp(&project, "in.txt", FUTURE);
    project.makes("", &["copy"]);
    project.makes("", &[]);
}

#[test]
fn a_change_under_a_clock_that_was_set_back_is_a_change() {
    let project = copy().file("in.txt", "one\n");
    project.makes("", &["copy"]);
    project.write("in.txt", "two\n");
    stamp(&project, "in.txt", 10);
    project.makes("", &["copy"]);
    assert_eq!(project.read("out.txt"), "two\n");
}

#[test]
fn a_copy_with_an_old_time_is_a_change() {
    let project = copy().file("in.txt", "one\n").file("older.txt", "two\n");
    stamp(&project, "older.txt", 10);
    project.makes("", &["copy"]);
    let copied = std::process::Command::new("cp")
        .args(["-p", "older.txt", "in.txt"])
        .current_dir(project.path(""))
        .status()
        .expect("cp is there");
    assert!(copied.success());
    project.makes("", &["copy"]);
    assert_eq!(project.read("out.txt"), "two\n");
}

#[test]
fn stamps_of_whole_seconds_that_are_all_equal_are_fresh() {
    let project = copy().file("in.txt", "one\n");
    project.makes("", &["copy"]);
    for path in ["in.txt", "out.txt", "Rulefile"] {
        stamp(&project, path, 1_000_000);
    }
    project.makes("", &[]);
    // Another file of the same size and time, and the same file with another size.
    project.write("new.txt", "two\n");
    std::fs::rename(project.path("new.txt"), project.path("in.txt")).expect("it can be renamed");
    stamp(&project, "in.txt", 1_000_000);
    project.makes("", &["copy"]);
    assert_eq!(project.read("out.txt"), "two\n");
    stamp(&project, "in.txt", 1_000_000);
    project.makes("", &[]);
    project.write("in.txt", "three\n");
    stamp(&project, "in.txt", 1_000_000);
    project.makes("", &["copy"]);
    assert_eq!(project.read("out.txt"), "three\n");
}

#[test]
fn an_input_that_was_written_over_and_given_its_old_time_is_a_change() {
    let project = copy().file("in.txt", "one\n");
    stamp(&project, "in.txt", 1_000_000);
    project.makes("", &["copy"]);
    // The same file, of the same size.
    std::fs::write(project.path("in.txt"), "two\n").expect("it can be written");
    stamp(&project, "in.txt", 1_000_000);
    let ran = project.makes("", &["copy"]);
    assert_eq!(ran.reason("copy"), "input in.txt has changed: its content differs");
    assert_eq!(project.read("out.txt"), "two\n");
    project.makes("", &[]);
}

#[test]
fn an_input_of_which_nothing_but_its_rights_or_names_changed_is_no_change() {
    let project = copy().file("in.txt", "one\n");
    project.makes("", &["copy"]);
    std::fs::hard_link(project.path("in.txt"), project.path("other.txt")).expect("a link can be made");
    project.makes("", &[]);
    let readonly = std::os::unix::fs::PermissionsExt::from_mode(0o444);
    std::fs::set_permissions(project.path("in.txt"), readonly).expect("its rights can be set");
    project.makes("", &[]);
    project.makes("", &[]);
}

#[test]
fn a_link_is_what_it_leads_to() {
    let project = copy().file("a.txt", "one\n").file("b.txt", "two\n").file("same.txt", "two\n");
    let link = |target: &str| {
        let _ = std::fs::remove_file(project.path("in.txt"));
        symlink(target, project.path("in.txt")).expect("a link can be made");
    };
    link("a.txt");
    project.makes("", &["copy"]);
    // The link's own time says nothing.
    let time = FileTime::from_unix_time(FUTURE, 0);
    set_symlink_file_times(project.path("in.txt"), time, time).expect("a link can be stamped");
    project.makes("", &[]);
    link("b.txt");
    project.makes("", &["copy"]);
    assert_eq!(project.read("out.txt"), "two\n");
    link("same.txt");
    project.makes("", &[]);
    project.write("same.txt", "three\n");
    project.makes("", &["copy"]);
    assert_eq!(project.read("out.txt"), "three\n");
}

#[test]
fn a_change_by_another_name_of_the_file_is_a_change() {
    let project = copy().file("other.txt", "one\n");
    std::fs::hard_link(project.path("other.txt"), project.path("in.txt")).expect("a link can be made");
    project.makes("", &["copy"]);
    project.write("other.txt", "two\n");
    project.makes("", &["copy"]);
    assert_eq!(project.read("out.txt"), "two\n");
}

#[test]
fn an_input_that_is_edited_while_its_job_runs_is_read_again_by_the_next_run() {
    let project = Project::new(
        r#"
        rule copy:
            input: "in.txt"
            output: "out.txt"
            shell: "cp {input} {output}; if [ -p gate ]; then cat gate; fi"
        "#,
    )
    .file("in.txt", "one\n");
    let gate = project.path("gate");
    assert!(std::process::Command::new("mkfifo").arg(&gate).status().expect("mkfifo is there").success());
    let flow = Running::start(project.command("-j1 --log-format json"));
    // It opens when somebody reads: the command has copied by then, and waits for the end.
    let writer = std::fs::OpenOptions::new().write(true).open(&gate).expect("the gate is there");
    project.write("in.txt", "two\n");
    drop(writer);
    let mut warnings = Vec::new();
    while let Some(line) = flow.line() {
        warnings.extend(line.contains("\"warning\"").then_some(line));
    }
    assert_eq!(flow.ended().0, Some(0));
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains("in.txt was changed after copy had begun to read it"), "{warnings:?}");
    assert_eq!(project.read("out.txt"), "one\n");
    std::fs::remove_file(&gate).expect("it is there");
    project.makes("", &["copy"]);
    assert_eq!(project.read("out.txt"), "two\n");
    project.makes("", &[]);
}
