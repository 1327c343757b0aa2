//! What is asked for on the command line or in the Rulefile and makes a job stale, or does not: forced rules and files,
//! `ancient()`, `--rerun-triggers`.

mod support;

use support::Project;
use support::samples::{ALL, samples};

#[test]
fn force_takes_the_targets() {
    let project = samples();
    project.makes("-f sorted/a.txt", &["sort sample=a"]);
    project.makes("-f", &["join"]);
}

#[test]
fn forceall_takes_everything_the_targets_need() {
    let project = samples();
    project.makes("-F", &ALL);
    project.makes("-F sorted/a.txt", &["double sample=a", "sort sample=a"]);
}

#[test]
fn forcerun_takes_rules_and_files_and_what_follows() {
    let project = samples();
    let ran = project.makes("-R sort", &["sort sample=a", "sort sample=b"]);
    assert_eq!(ran.reason("sort sample=a"), "forced");
    project.makes("-R sorted/b.txt", &["sort sample=b"]);
    project
        .flow("--consider-ancient srot=0")
        .exits(1)
        .says("there is no rule called `srot`")
        .says("did you mean `sort`?");
    project.flow("-R srot").exits(1).says("there is no rule called `srot`").says("did you mean `sort`?");
}

#[test]
fn an_ancient_input_does_not_count_when_it_changes() {
    let project = Project::new(
        r#"
        rule copy:
            input: ancient("old.txt"), "new.txt"
            output: "out.txt"
            shell: "cat {input} > {output}"
        "#,
    )
    .file("old.txt", "o\n")
    .file("new.txt", "n\n");
    project.makes("", &["copy"]);
    project.write("old.txt", "other\n");
    project.makes("", &[]);
    project.write("new.txt", "other\n");
    project.makes("", &["copy"]);
    project.write("new.txt", "again\n");
    project.makes("--consider-ancient copy=1", &[]);
    project.makes("", &["copy"]);
}

#[test]
fn triggers_choose_which_differences_count() {
    let project = samples();
    project.edit("Rulefile", "size=50", "size=51");
    project.makes("--rerun-triggers mtime", &[]);
    project.makes("--rerun-triggers mtime,code,input", &[]);
    project.edit("Rulefile", "sort {input}", "sort -u {input}");
    project.makes("--rerun-triggers input -- all.txt", &[]);
    project.write("raw/a.txt", "9\n");
    project.makes("--rerun-triggers params,code sorted/a.txt", &["double sample=a", "sort sample=a"]);
    project.flow("--rerun-triggers age").exits(2).says("and `age` is not that");
}

#[test]
fn what_a_run_made_anew_is_a_change_whichever_differences_count() {
    let project = samples();
    project.edit("Rulefile", "size=50", "size=51");
    project.makes("--rerun-triggers params", &ALL);
    assert!(project.read("all.txt").contains("51"));
    project.makes("", &[]);
}
