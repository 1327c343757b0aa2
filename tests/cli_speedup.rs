//! `--speedup`: runs are measured in copies of the folder; the folder itself gets the figures and nothing else.

mod support;

use std::collections::BTreeSet;

use support::Project;

const RULES: &str = r#"
    rule all:
        input: "all.txt"

    rule part:
        input: "in.txt"
        output: "part/{n}.txt"
        log: "log/{n}.txt"
        shell: "cat {input} > {output}; echo made > {log}"

    rule all_parts:
        input: expand("part/{n}.txt", n=[1, 2, 3])
        output: "all.txt"
        shell: "cat {input} > {output}"
"#;

fn files(project: &Project) -> BTreeSet<String> {
    let tree = project.tree();
    tree.keys().map(|path| path.to_string_lossy().into_owned()).filter(|path| !path.starts_with(".flow/")).collect()
}

#[test]
fn runs_are_measured_in_copies_of_the_folder() {
    let project = Project::new(RULES).file("in.txt", "x\n");
    let ran = project.flow("--speedup 2,1 --repeats 2").exits(0);
    let table = ran.says("efficiency").says("Amdahl").says("part → all_parts").says("speedup.csv");
    table.says("-j1, run 1 of 2").says("-j2, run 2 of 2");
    assert_eq!(files(&project), ["Rulefile", "in.txt", "speedup.csv", "speedup.svg"].map(String::from).into());
    let csv = project.read("speedup.csv");
    let lines: Vec<Vec<&str>> = csv.lines().map(|line| line.split(',').collect()).collect();
    assert_eq!(lines[0][..3], ["jobs", "runs", "wall_s"]);
    assert_eq!([&lines[1][..2], &lines[2][..2]], [["1", "2"], ["2", "2"]]);
    assert_eq!((lines[1][5], lines[1][7]), ("1.0000", ""));
    assert!(project.read("speedup.svg").contains("</svg>"));
    let scratch = std::fs::read_dir(project.path(".flow")).expect("it was made").count();
    assert_eq!(scratch, 0, "the copies are gone");
}

#[test]
fn what_was_made_before_is_made_again_in_the_copies_and_stays_here() {
    let project = Project::new(RULES).file("in.txt", "x\n");
    project.flow("-j2").exits(0);
    let before = files(&project);
    let ran = project.flow("--speedup 1,2 --repeats 1").exits(0);
    ran.says("part → all_parts");
    assert!(files(&project).is_superset(&before));
    project.flow("-n").exits(0).says("Nothing to do");
}

#[test]
fn inputs_beside_the_folder_are_found_from_the_copies() {
    let outer = Project::new("").file("in.txt", "x\n");
    outer.write(
        "inner/Rulefile",
        "rule copy:\n    input: '../in.txt'\n    output: 'out.txt'\n    shell: 'cp {input} {output}'\n",
    );
    outer.flow("-d inner --speedup 1,2 --repeats 1").exits(0);
    assert!(outer.exists("inner/speedup.csv") && !outer.exists("inner/out.txt"));
    let names: BTreeSet<String> = files(&outer);
    assert!(names.iter().all(|name| !name.contains("flow-speedup")), "{names:?}");
}

#[test]
fn what_cannot_be_measured_says_why() {
    let project = Project::new("rule bad:\n    output: 'out.txt'\n    shell: 'echo no >&2; exit 3'\n");
    project.flow("--speedup 1,2").exits(1).says("exit code 3").says("with -j1").says("bad: exit code 3");
    assert!(!project.exists("speedup.csv"));

    let project = Project::new("rule far:\n    output: '/nowhere/out.txt'\n    shell: 'touch {output}'\n");
    project.flow("--speedup 1,2").exits(1).says("/nowhere/out.txt, outside of this folder").says("Rulefile:1");

    project.flow("--speedup 1").exits(2).says("two numbers of jobs or more");
    project.flow("--speedup one").exits(2).says("`one` is not a number from 1");
    project.flow("--speedup 1,2 -n").exits(2);
}
