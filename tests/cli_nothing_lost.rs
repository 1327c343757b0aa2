//! What is the user's stays: nothing is removed that no rule declares as its own, no job removes what it reads, and what
//! is no regular file is not read.

mod support;

use std::os::unix::fs::{PermissionsExt, symlink};

use support::Project;

#[test]
fn a_directory_at_the_name_of_a_plain_output_stays() {
    for action in ["shell: 'mkdir -p data; touch data/x'", "run:\n        write_text('x', output[0])"] {
        let rulefile = format!("rule a:\n    output: 'first', 'data'\n    {action}\n");
        let project = Project::new(&rulefile).file("data/mine.txt", "mine\n").file("first", "old\n");
        for words in ["", "-f"] {
            project.flow(words).exits(1).says("data: there is a directory of that name").says("directory(…)");
        }
        assert_eq!((project.read("data/mine.txt"), project.read("first")), ("mine\n".into(), "old\n".into()));
        project.flow("--delete-all-output").says("data");
        assert_eq!(project.read("data/mine.txt"), "mine\n");
    }
}

#[test]
fn a_directory_at_the_name_of_a_temporary_output_stays() {
    let project = Project::new(
        "rule all:\n    input: 'data'\n    output: 'end'\n    shell: 'ls -d {input} > {output}'\n\
         rule data:\n    output: temp('data')\n    shell: 'echo 1 > {output}'\n",
    );
    std::fs::create_dir(project.path("data")).expect("a directory can be made");
    for words in ["", "data"] {
        project.flow(words).exits(1).says("data: there is a directory of that name");
        assert!(project.path("data").is_dir());
    }
}

#[test]
fn a_link_to_a_directory_at_the_name_of_a_plain_output_stays() {
    let project = Project::new("rule a:\n    output: 'data'\n    shell: 'touch {output}'\n").file("there/x", "x\n");
    symlink("there", project.path("data")).expect("a link can be made");
    project.flow("").exits(1).says("there is a directory of that name");
    assert_eq!(project.read("data/x"), "x\n");
}

#[test]
fn a_job_that_makes_a_directory_for_a_file_leaves_what_is_in_it() {
    let project = Project::new("rule a:\n    output: 'data'\n    shell: 'mkdir {output}; echo x > {output}/x'\n");
    project.flow("").exits(1).says("the job made a directory; declare the output as directory(…)");
    assert_eq!(project.read("data/x"), "x\n");
}

#[test]
fn a_declared_directory_is_made_anew() {
    let project =
        Project::new("rule a:\n    output: directory('data')\n    shell: 'mkdir {output}; touch {output}/x'\n")
            .file("data/old", "old\n");
    project.makes("-f", &["a"]);
    assert!(project.exists("data/x") && !project.exists("data/old"));
    project.flow("--delete-all-output").exits(0).prints("removed data");
    assert!(!project.exists("data"));
}

#[test]
fn no_output_lies_inside_another_job_s_output() {
    for first in ["'data'", "directory('data')"] {
        let project = Project::new(&format!(
            "rule all:\n    input: 'data/deep/x', 'data'\n\n\
             rule a:\n    output: {first}\n    shell: 'touch {{output}}'\n\n\
             rule b:\n    output: 'data/deep/x'\n    shell: 'touch {{output}}'\n"
        ));
        project.flow("").exits(1).says("data/deep/x lies inside data").says("output of rule `a`");
        assert!(!project.exists("data"));
    }
}

#[test]
fn an_input_inside_the_job_s_own_directory_is_refused() {
    let project = Project::new(
        "rule a:\n    input: 'data/x'\n    output: directory('data')\n    shell: 'mkdir -p data; cp {input} data/y'\n",
    )
    .file("data/x", "x\n");
    project.flow("-f").exits(1).says("rule `a` reads data/x from data, which it makes");
    assert_eq!(project.read("data/x"), "x\n");
}

#[test]
fn an_input_by_another_name_is_not_removed() {
    let project = Project::new("rule a:\n    input: 'in/x'\n    output: 'out/x'\n    shell: 'cp {input} {output}'\n")
        .file("in/x", "x\n");
    symlink("in", project.path("out")).expect("a link can be made");
    project.flow("-f").exits(1).says("making it would remove the input in/x");
    assert_eq!(project.read("in/x"), "x\n");

    let project = Project::new(
        "rule a:\n    input: 'in/d/x'\n    output: directory('out/d')\n    shell: 'mkdir {output}; cp {input} {output}/y'\n",
    )
    .file("in/d/x", "x\n");
    symlink("in", project.path("out")).expect("a link can be made");
    project.flow("-f").exits(1).says("making it would remove the input in/d/x");
    assert_eq!(project.read("in/d/x"), "x\n");
}

#[test]
fn an_input_that_is_a_link_is_not_removed_by_another_name() {
    let project = Project::new("rule a:\n    input: 'in/x'\n    output: 'out/x'\n    shell: 'cp {input} {output}'\n")
        .file("in/there", "x\n");
    symlink("there", project.path("in/x")).expect("a link can be made");
    symlink("in", project.path("out")).expect("a link can be made");
    project.flow("-f").exits(1).says("making it would remove the input in/x");
    assert_eq!(project.read("in/x"), "x\n");
}

#[test]
fn an_output_may_be_a_link_to_its_input() {
    for command in ["ln -s $PWD/{input} {output}", "ln {input} {output}"] {
        let rulefile = format!("rule a:\n    input: 'in.txt'\n    output: 'out.txt'\n    shell: '{command}'\n");
        let project = Project::new(&rulefile).file("in.txt", "x\n");
        project.makes("", &["a"]);
        project.makes("-f", &["a"]);
        assert_eq!((project.read("in.txt"), project.read("out.txt")), ("x\n".into(), "x\n".into()));
    }
}

#[test]
fn pipes_and_devices_are_not_read() {
    let project = Project::new(
        r#"
        rule a:
            input: "pipe", "/dev/zero"
            output: "a.txt"
            shell: "echo a > {output}"
        "#,
    );
    let made = std::process::Command::new("mkfifo").arg(project.path("pipe")).status().expect("mkfifo starts");
    assert!(made.success());
    project.makes("", &["a"]);
    project.makes("", &[]);
    // The stamp of the pipe is another one now.
    let stamped = std::process::Command::new("touch").arg(project.path("pipe")).status().expect("touch starts");
    assert!(stamped.success());
    project.flow("-n").exits(0);
}

#[test]
fn a_protected_link_leaves_alone_what_it_leads_to() {
    let project =
        Project::new("rule a:\n    input: 'in.txt'\n    output: protected('a.txt')\n    shell: 'ln -s in.txt a.txt'\n")
            .file("in.txt", "x\n");
    project.makes("", &["a"]);
    assert!(!project.path("in.txt").metadata().expect("it is there").permissions().readonly());
    project.flow("--delete-all-output").exits(0).prints("removed a.txt");
}

#[test]
fn a_protected_directory_is_protected_with_all_that_is_in_it() {
    let project = Project::new(
        "rule a:\n    output: protected(directory('d'))\n    shell: 'mkdir -p d/e; echo x > d/e/x; ln -s $PWD/Rulefile d/link'\n",
    );
    project.makes("", &["a"]);
    let mode = |path: &str| project.path(path).metadata().expect("it is there").permissions().mode() & 0o222;
    assert_eq!([mode("d"), mode("d/e"), mode("d/e/x")], [0; 3]);
    assert_ne!(mode("Rulefile"), 0, "links are not followed");
    project.flow("--delete-all-output").exits(0).says("d is protected and stays");
    for folder in ["d", "d/e"] {
        std::fs::set_permissions(project.path(folder), PermissionsExt::from_mode(0o755)).expect("it can be changed");
    }
}

#[test]
fn a_link_in_a_circle_at_an_output_s_name_is_replaced() {
    let project = Project::new("rule a:\n    output: 'a.txt'\n    shell: 'echo a > {output}'\n");
    symlink("a.txt", project.path("a.txt")).expect("a link can be made");
    project.makes("", &["a"]);
    assert_eq!(project.read("a.txt"), "a\n");
}

#[test]
fn names_that_are_not_text_disturb_nobody_who_does_not_ask_for_them() {
    let project = Project::new(
        r#"
        rule all:
            input: expand("{n}.out", n=glob_wildcards("{n}.in").n), "data.txt"

        rule copy:
            input: "{n}.in"
            output: "{n}.out"
            shell: "cp {input} {output}"

        rule folder:
            output: directory("data")
            shell: "mkdir data; echo 1 > data/$(printf 'a\\377b')"

        rule read:
            input: "data"
            output: "data.txt"
            shell: "cat data/* > {output}"
        "#,
    )
    .file("x.in", "x\n");
    std::fs::write(project.path(support::raw_name(b"odd\xff.txt")), "odd").expect("it can be written");
    project.makes("", &["copy n=x", "folder", "read"]);
    project.makes("", &[]);
    std::fs::write(project.path(support::raw_name(b"odd\xff.in")), "odd").expect("it can be written");
    project.flow("-n").exits(1).says("a file name is not UTF-8");
}
