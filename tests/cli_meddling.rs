//! Jobs that touch what is not theirs: another job's output, their own inputs. Whoever runs them hears of it in the same
//! run, by the file's name and the job's, and the next run mends what it can.

mod support;

use support::Project;

#[test]
fn a_job_that_writes_another_one_s_output_is_named() {
    let project = Project::new(
        r#"
        rule all:
            input: "b.txt"

        rule first:
            output: "a.txt"
            shell: "echo first > {output}"

        rule second:
            input: "a.txt"
            output: "b.txt"
            shell: "cat {input} > {output}; echo second, longer > a.txt"
        "#,
    );
    let ran = project.make("-j1").exits(1);
    assert_eq!(ran.jobs(), ["first", "second"]);
    ran.says("a.txt was written again after its job had ended, while second ran")
        .says("Rulefile:5:13")
        .says("let one rule make the file, or give each rule a file of its own");
    // The next run makes the file again; it comes out as the other job had read it.
    let again = project.make("-j1").exits(0);
    assert_eq!(again.jobs(), ["first"]);
    assert_eq!(project.read("a.txt"), "first\n");
}

#[test]
fn a_job_whose_outputs_were_written_again_fails_once() {
    let project = Project::new(
        r#"
        rule all:
            input: "out.txt"

        rule outer:
            output: "a.txt", "c.txt"
            shell: "for f in {output}; do echo outer > $f; done"

        rule inner:
            output: "b.txt"
            shell: "echo inner > {output}"

        rule last:
            input: "a.txt", "b.txt", "c.txt"
            output: "out.txt"
            shell: "cat {input} > {output}; for f in {input}; do echo another text > $f; done"
        "#,
    );
    let ran = project.make("-j1").exits(1);
    let failed = ran.events_of("failed");
    let mut rules: Vec<&str> = failed.iter().filter_map(|event| event["rule"].as_str()).collect();
    rules.sort_unstable();
    assert_eq!(rules, ["inner", "outer"]);
}

#[test]
fn a_job_that_changes_its_source_is_told_of_and_made_again() {
    let project = Project::new(
        r#"
        rule count:
            input: "count.txt"
            output: "out.txt"
            shell: "cp {input} {output}; echo one more >> {input}"
        "#,
    )
    .file("count.txt", "none\n");
    project.make("").exits(0).says("count.txt was changed after count had begun to read it, while count ran");
    let again = project.make("").exits(0);
    assert_eq!(again.jobs(), ["count"]);
    assert_eq!(project.read("out.txt"), "none\none more\n");
}

#[test]
fn a_job_that_removes_what_it_reads_is_told_of() {
    let project = Project::new(
        r#"
        rule all:
            input: "out.txt"

        rule middle:
            input: "in.txt"
            output: "middle.txt"
            shell: "mv {input} {output}"

        rule last:
            input: "middle.txt"
            output: "out.txt"
            shell: "mv {input} {output}"
        "#,
    )
    .file("in.txt", "text\n");
    project
        .make("")
        .exits(0)
        .says("in.txt, which middle read, is gone")
        .says("middle.txt, which middle made, is gone: it is made again when something needs it; `temp()` lets flow");
    assert_eq!(project.read("out.txt"), "text\n");
    // As long as nothing needs them, they are not missed.
    project.makes("", &[]);
    project.make("middle.txt").exits(1).says("in.txt");
}

#[test]
fn what_jobs_may_do_to_files_is_not_told() {
    let project = Project::new(
        r#"
        rule all:
            input: "sum.txt", "before.txt", "same.txt", "folder.txt", "read.txt"

        rule add:
            input: "in.txt"
            output: update("sum.txt")
            shell: "cat {input} >> {output}"

        rule before:
            input: before_update("sum.txt")
            output: "before.txt"
            shell: "cp {input} {output}"

        rule small:
            output: temp("small.txt")
            shell: "echo small > {output}"

        rule folder:
            input: "small.txt"
            output: directory("folder")
            shell: "mkdir {output}; cp {input} {output}/a"

        rule index:
            input: "folder"
            output: "folder.txt"
            shell: "ls {input} > {input}/index; cat {input}/index > {output}"

        rule same:
            output: "same.txt"
            run: write_text("same\n", output[0])

        rule read:
            input: "same.txt"
            output: "read.txt"
            shell: "cp {input} {output}; cp {output} same.txt"
        "#,
    )
    .file("sum.txt", "")
    .file("in.txt", "text\n");
    let ran = project.make("-j1").exits(0);
    assert_eq!(ran.jobs().len(), 7, "{}", ran.stdout);
    ran.does_not_say("was written").does_not_say("is gone").does_not_say("warning");
}

#[test]
fn a_run_that_many_files_were_changed_in_says_so_briefly() {
    let project = Project::new(
        r#"
        rule all:
            input: "last.txt"

        rule each:
            output: "each/{n}.txt"
            shell: "echo {wildcards.n} > {output}"

        rule last:
            input: expand("each/{n}.txt", n=range(30))
            output: "last.txt"
            shell: "cat {input} > {output}; rm {input}"
        "#,
    );
    let ran = project.make("").exits(0).says("20 more files were changed while the run went on");
    assert_eq!(ran.stdout.matches("is gone").count(), 10);
}
