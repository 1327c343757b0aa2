//! Outputs through the program: checked, temporary, protected, touched, directories, and what is left of a failed job.

mod support;

use support::Project;

#[test]
fn ensure_checks_outputs() {
    let empty = Project::new("rule a:\n    output: ensure('out.txt', non_empty=True)\n    shell: ': > {output}'\n");
    empty.flow("").exits(1).says("out.txt").says("empty");
    assert!(!empty.exists("out.txt"));
    let rule = "rule a:\n    output: ensure('out.txt', md5='b1946ac92492d2347c6235b4d2611184')\n    shell: 'echo WORD > {output}'\n";
    Project::new(&rule.replace("WORD", "hello")).flow("").exits(0);
    let other = Project::new(&rule.replace("WORD", "hallo"));
    other.flow("").exits(1).says("md5");
    assert!(!other.exists("out.txt"));
}

const TEMPORARY: &str = r#"
    rule all:
        input: "end.txt"

    rule start:
        output: temp("middle.txt"), temp(directory("folder"))
        shell: "echo m > middle.txt; mkdir -p folder; echo f > folder/f"

    rule end:
        input: "middle.txt", "folder"
        output: "end.txt"
        shell: "cat middle.txt folder/f > {output}"
"#;

#[test]
fn temporary_files_go_when_nobody_needs_them() {
    let project = Project::new(TEMPORARY);
    project.makes("", &["start", "end"]);
    assert!(!project.exists("middle.txt") && !project.exists("folder") && project.exists("end.txt"));
    project.makes("", &[]);
    project.remove("end.txt");
    let ran = project.makes("", &["start", "end"]);
    assert_eq!(ran.reason("start"), "temporary middle.txt is needed again");
    assert!(!project.exists("middle.txt"));
    let project = Project::new(TEMPORARY);
    project.makes("--notemp", &["start", "end"]);
    assert!(project.exists("middle.txt") && project.exists("folder/f"));
    project.flow("--delete-temp-output -n").exits(0).prints("would remove middle.txt\nwould remove folder");
    project.flow("--delete-temp-output").exits(0).prints("removed middle.txt\nremoved folder");
    assert!(!project.exists("middle.txt") && project.exists("end.txt"));
    project.makes("", &[]);
}

#[test]
fn a_temporary_output_that_nobody_asked_for_goes_before_the_end() {
    let project = Project::new(
        r#"
        onsuccess:
            assert not exists("b.txt"), "b.txt is still there"
        rule a:
            output: "a.txt", temp("b.txt")
            shell: "touch {output}"
        "#,
    );
    project.flow("").exits(0);
    assert!(project.exists("a.txt") && !project.exists("b.txt"));
    project.makes("", &[]);
}

#[test]
fn a_temporary_file_that_a_target_rule_reads_goes_and_one_that_it_only_asks_for_stays() {
    let rules = r#"
        rule all:
            input: "t.txt"
            shell: "cat t.txt > said"
        rule make:
            output: temp("t.txt")
            shell: "echo t > {output}"
    "#;
    let project = Project::new(rules);
    project.makes("", &["all", "make"]);
    assert!(project.read("said") == "t\n" && !project.exists("t.txt"));
    let project = Project::new(&rules.replace("shell: \"cat t.txt > said\"", ""));
    project.flow("").exits(0);
    assert!(project.exists("t.txt"));
}

/// As a run leaves it that is killed between recording a job and removing what it read.
#[test]
fn a_temporary_file_that_was_left_goes_with_the_next_run() {
    let project = Project::new(TEMPORARY);
    project.makes("--notemp", &["start", "end"]);
    assert!(project.exists("middle.txt"));
    project.makes("", &[]);
    assert!(!project.exists("middle.txt") && project.exists("end.txt"));
}

#[test]
fn a_rule_that_is_asked_for_is_run_once_though_all_it_makes_is_temporary() {
    let project = Project::new(
        r#"
        rule all:
            input: "in.txt"
            output: temp("out.txt")
            shell: "cat {input} > {output}"
        "#,
    )
    .file("in.txt", "1\n");
    project.makes("", &["all"]);
    assert!(!project.exists("out.txt"));
    project.makes("", &[]);
    project.write("in.txt", "2\n");
    project.makes("--notemp", &["all"]);
    assert_eq!(project.read("out.txt"), "2\n");
}

#[test]
fn a_temporary_file_that_is_a_target_stays() {
    let project = Project::new(TEMPORARY);
    project.flow("middle.txt").exits(0);
    assert!(project.exists("middle.txt"));
}

#[test]
fn protected_outputs_cannot_be_written_and_are_not_removed() {
    let project = Project::new(
        r#"
        rule a:
            input: "in.txt"
            output: protected("a.txt"), "b.txt"
            shell: "cp {input} a.txt; cp {input} b.txt"
        "#,
    )
    .file("in.txt", "1\n");
    project.makes("", &["a"]);
    assert!(project.path("a.txt").metadata().expect("it is there").permissions().readonly());
    project.flow("--delete-all-output").exits(0).says("a.txt is protected and stays").says("removed b.txt");
    assert!(project.exists("a.txt") && !project.exists("b.txt"));
    project.write("in.txt", "2\n");
    let ran = project.flow("").exits(1);
    ran.says("protected").says("a.txt");
    assert_eq!(project.read("a.txt"), "1\n");
}

#[test]
fn touched_and_directory_outputs() {
    let project = Project::new(
        r#"
        rule all:
            input: "flag.done", "folder"

        rule flag:
            output: touch("flag.done")
            shell: "true"

        rule folder:
            output: directory("folder")
            shell: "mkdir {output}; echo x > {output}/x; echo y > {output}/y"
        "#,
    );
    project.makes("", &["flag", "folder"]);
    assert_eq!(project.read("flag.done"), "");
    assert!(project.exists("folder/x"));
    project.makes("", &[]);
}

#[test]
fn incomplete_outputs_are_kept_when_asked_for_and_made_again() {
    let project = Project::new("rule a:\n    output: 'a.txt'\n    shell: 'echo half > {output}; test -e go'\n");
    project.flow("--keep-incomplete").exits(1);
    assert_eq!(project.read("a.txt"), "half\n");
    project.flow("-n").exits(0).says("its last run did not finish");
    project.write("go", "");
    let ran = project.makes("", &["a"]);
    assert_eq!(ran.reason("a"), "its last run did not finish");
    project.makes("", &[]);
}

#[test]
fn parent_folders_are_made() {
    let project = Project::new(
        "rule a:\n    output: 'deep/er/a.txt'\n    log: 'logs/x/a.log'\n    shell: 'echo x > {output} 2> {log}'\n",
    );
    project.flow("").exits(0);
    assert_eq!(project.read("deep/er/a.txt"), "x\n");
}

#[test]
fn who_consumes_temporary_files_goes_before_who_makes_more() {
    let project = Project::new(
        r#"
        rule all:
            input: expand("{n}.end", n=range(4))

        rule noise:
            output: temp("{n}.noise")
            shell: "echo {wildcards.n} > {output}"

        rule blur:
            input: "{n}.noise"
            output: "{n}.end"
            shell: "cp {input} {output}"
        "#,
    );
    let jobs: Vec<String> = (0..4).flat_map(|n| [format!("noise n={n}"), format!("blur n={n}")]).collect();
    assert_eq!(project.make("-j1").exits(0).jobs(), jobs);
    let project = Project::new(&project.read("Rulefile"));
    assert_eq!(project.make("-j1 --notemp").exits(0).jobs()[..4], [0, 1, 2, 3].map(|n| format!("noise n={n}")));
}

#[test]
fn an_output_that_did_not_come_is_pointed_at_with_what_came_instead() {
    let project = Project::new("rule a:\n    output: 'out/table.csv'\n    shell: 'touch out/tabel.csv'\n");
    let ran = project.flow("").exits(1).says("2 |     output: 'out/table.csv'").says("it made out/tabel.csv");
    assert_eq!(ran.stderr.matches("output missing after the job ended").count(), 1, "{}", ran.stderr);
}

#[test]
fn looking_writes_nothing() {
    let project = Project::new(TEMPORARY);
    for words in [
        "-n",
        "--why",
        "-S",
        "--dag",
        "--rulegraph svg",
        "--list-rules",
        "--touch -n",
        "--delete-all-output -n",
        "--actions",
    ] {
        project.flow(words).exits(0);
        let files: Vec<_> = std::fs::read_dir(project.path(".")).expect("a folder").collect();
        assert_eq!(files.len(), 1, "`flow {words}` left something: {files:?}");
    }
}

#[test]
fn who_reads_a_directory_is_not_run_when_it_comes_out_as_it_was() {
    let project = Project::new(
        r#"
        rule all:
            input: "1.txt", "2.txt"

        rule parts:
            input: "source.txt"
            output: directory("parts")
            shell: "mkdir -p {output}/deep; head -n 1 {input} > {output}/deep/first"

        rule shell:
            input: "parts"
            output: "1.txt"
            shell: "cat {input}/deep/first > {output}"

        rule body:
            input: "parts"
            output: "2.txt"
            run: write_text(read_text(input[0] + "/deep/first"), output[0])
        "#,
    )
    .file("source.txt", "one\n");
    project.makes("", &["parts", "shell", "body"]);
    project.write("source.txt", "one\ntwo\n");
    project.makes("", &["parts"]);
    project.makes("", &[]);
    project.makes("-R parts", &["parts"]);
    project.write("source.txt", "other\n");
    project.makes("", &["parts", "shell", "body"]);
    assert_eq!((project.read("1.txt"), project.read("2.txt")), ("other\n".into(), "other\n".into()));
    // The same size, and another name.
    project.edit("Rulefile", "> {output}/deep/first", "> {output}/deep/first; touch {output}/deep/more");
    project.makes("", &["parts", "shell", "body"]);
}
