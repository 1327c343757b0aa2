//! Places where flow cannot do what it wants: a full disk, a quota, folders that may not be written, records that may not be
//! written, a working directory that is gone, a file system without locks, and locks that others left. It says what is in the
//! way and what to do, and goes on where that is mended.

mod faults;
mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use faults::tracer::{Moment, Order};
use faults::{Folder, Version, clean, skips};
use support::Project;

const FLOW: &str = env!("CARGO_BIN_EXE_flow");

const COPY: &str = r#"
    rule a:
        input: "in.txt"
        output: "out/a.txt"
        shell: "cat {input} > {output}"
"#;

fn copies() -> Project {
    Project::new(COPY).file("in.txt", "i\n")
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Runs a script in a folder; `$FLOW` is flow.
fn script(folder: &Path, program: &[&str], script: &str) -> Output {
    let mut command = Command::new(program[0]);
    command.args(&program[1..]).args(["bash", "-c", script]).current_dir(folder).env("FLOW", FLOW).env("TERM", "dumb");
    command.output().expect("it starts")
}

/// Whether a program starts another one.
fn works(program: &[&str]) -> bool {
    let ran = Command::new(program[0]).args(&program[1..]).arg("true").output();
    ran.is_ok_and(|output| output.status.success())
}

#[test]
fn a_disk_that_is_full() {
    let spaces = ["unshare", "--user", "--map-root-user", "--mount"];
    if !works(&spaces) {
        return eprintln!("skipped: no user and mount namespaces here");
    }
    let project = Project::new(
        r#"
        rule all:
            input: "small.txt", "shell.bin", "body.txt"

        rule small:
            output: "small.txt"
            shell: "echo small > {output}"

        rule shell:
            output: "shell.bin"
            shell: "head -c 300000 /dev/zero > {output}"

        rule body:
            output: "body.txt"
            run:
                write_text("body" * 100000, output[0])
        "#,
    );
    fs::create_dir(project.path("disk")).expect("a folder");
    let said = script(
        &project.path("."),
        &spaces,
        r#"
        exec 2>&1
        mount -t tmpfs -o size=600k none disk && cp Rulefile disk && cd disk || { echo NO MOUNT; exit; }
        head -c 250000 /dev/zero > filler
        "$FLOW" -j1 -k; echo "FIRST $?"; ls
        dd if=/dev/zero of=rest bs=4096 2> /dev/null; "$FLOW" -j1; echo "FULL $?"; ls
        rm filler rest; mount -o remount,size=2m none .; "$FLOW" -j1; echo "SECOND $?"; "$FLOW"; wc -c shell.bin body.txt; ls -A .flow
        "#,
    );
    let said = text(&said);
    if said.contains("NO MOUNT") {
        return eprintln!("skipped: nothing can be mounted in a namespace here");
    }
    let (first, rest) = said.split_once("FIRST 1").unwrap_or_else(|| panic!("{said}"));
    assert!(first.contains("No space left on device"), "{said}");
    let (full, second) = rest.split_once("FULL 1").unwrap_or_else(|| panic!("{said}"));
    assert!(full.contains("No space left on device") && full.contains("make room on the disk"), "{said}");
    for listed in [rest, full] {
        assert!(!listed.lines().any(|name| ["shell.bin", "body.txt"].contains(&name)), "{said}");
    }
    assert!(second.contains("SECOND 0") && second.contains("Nothing to do"), "{said}");
    assert!(second.contains("300000 shell.bin") && second.contains("400000 body.txt"), "{said}");
    assert!(!said.contains("panicked"), "{said}");
}

#[test]
fn a_quota_on_the_size_of_files() {
    let project = Project::new(
        r#"
        rule all:
            input: "shell.bin", "body.txt"

        rule shell:
            output: "shell.bin"
            shell: "head -c 900000 /dev/zero > {output}"

        rule body:
            output: "body.txt"
            run:
                write_text("body" * 200000, output[0])
        "#,
    );
    let ran = script(&project.path("."), &["env"], r#"ulimit -f 512; "$FLOW" -j1 -k"#);
    let said = text(&ran);
    assert_eq!(ran.status.code(), Some(1), "{said}");
    assert!(said.contains("File too large") && said.contains("body.txt"), "{said}");
    assert!(said.contains("shell: "), "{said}");
    assert!(!project.exists("shell.bin") && !project.exists("body.txt"), "{said}");
    project.flow("").exits(0);
    project.flow("").exits(0).says("Nothing to do");
}

/// Records that do not fit are an error, and no sudden end.
#[test]
fn a_quota_on_the_size_of_the_records() {
    let project = copies();
    let ran = script(&project.path("."), &["env"], r#"ulimit -f 16; "$FLOW""#);
    let said = text(&ran);
    assert_eq!(ran.status.code(), Some(1), "{said}");
    assert!(said.contains("cannot keep records in .flow"), "{said}");
    project.flow("").exits(0);
    project.flow("").exits(0).says("Nothing to do");
}

/// A command as somebody who may not write where a folder forbids it: root may everywhere, but not in a user namespace in
/// which it is nobody.
fn bound_by_permissions(folder: &Path) -> Option<Vec<&'static str>> {
    fs::set_permissions(folder, fs::Permissions::from_mode(0o555)).expect("it is ours");
    let mut tries = [vec!["env"], vec!["unshare", "--user"]].into_iter();
    let found =
        tries.find(|program| works(program) && !script(folder, program, "touch probe && rm probe").status.success());
    if found.is_none() {
        eprintln!("skipped: permissions bind nobody here");
    }
    found
}

fn free(folder: &Path) {
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).expect("it is ours");
}

#[test]
fn an_output_folder_that_may_not_be_written() {
    for action in ["shell: \"cat {input} > {output}\"", "run:\n            write_text(read_text(input[0]), output[0])"]
    {
        let project = copies();
        project.rulefile(&COPY.replace("shell: \"cat {input} > {output}\"", action));
        fs::create_dir(project.path("out")).expect("a folder");
        let Some(program) = bound_by_permissions(&project.path("out")) else { return };
        let ran = script(&project.path("."), &program, "\"$FLOW\"");
        let said = text(&ran);
        assert_eq!(ran.status.code(), Some(1), "{said}");
        assert!(said.contains("Permission denied") && said.contains("out/a.txt"), "{said}");
        free(&project.path("out"));
        project.flow("").exits(0);
        project.flow("").exits(0).says("Nothing to do");
    }
}

#[test]
fn records_that_may_not_be_written() {
    let project = copies();
    project.flow("").exits(0);
    project.write("in.txt", "other\n");
    for path in [".flow/state.db", ".flow/lock"] {
        fs::set_permissions(project.path(path), fs::Permissions::from_mode(0o444)).expect("it is ours");
    }
    let Some(program) = bound_by_permissions(&project.path(".flow")) else { return };
    // Who only looks needs no permission.
    let look = script(&project.path("."), &program, "\"$FLOW\" -n");
    assert!(look.status.success() && text(&look).contains("has changed"), "{}", text(&look));
    let ran = script(&project.path("."), &program, "\"$FLOW\"");
    let said = text(&ran);
    assert_eq!(ran.status.code(), Some(1), "{said}");
    assert!(said.contains(".flow/lock: Permission denied") && said.contains("can be read and written"), "{said}");
    fs::set_permissions(project.path(".flow/lock"), fs::Permissions::from_mode(0o644)).expect("it is ours");
    let ran = script(&project.path("."), &program, "\"$FLOW\"");
    let said = text(&ran);
    assert_eq!(ran.status.code(), Some(1), "{said}");
    assert!(said.contains("records in .flow") && said.contains("can be read and written"), "{said}");
    free(&project.path(".flow"));
    fs::set_permissions(project.path(".flow/state.db"), fs::Permissions::from_mode(0o644)).expect("it is ours");
    project.makes("", &["a"]);
}

#[test]
fn a_working_directory_that_is_gone() {
    let project = copies();
    let ran = script(&project.path("."), &["env"], "mkdir gone; cd gone; rmdir ../gone; \"$FLOW\"");
    let said = text(&ran);
    assert_eq!(ran.status.code(), Some(1), "{said}");
    assert!(said.contains("the working directory is gone") && said.contains("flow -d DIR"), "{said}");
}

#[test]
fn something_else_in_the_place_of_a_folder() {
    let project = copies().file("out", "a file\n");
    project.flow("").exits(1).says("cannot make the folder of out/a.txt: out is there and is no folder: move it away");
    assert_eq!(project.read("out"), "a file\n");
    project.remove("out");
    project.flow("").exits(0);
    let project = copies().file(".flow", "a file\n");
    project.flow("").exits(1).says(".flow is there and is no folder: move it away");
}

#[test]
fn a_folder_in_the_place_of_the_rulefile() {
    let project = copies().file("work/Rulefile", "rule b:\n    output: 'b'\n    shell: 'touch b'\n");
    project.flow("-s work").exits(1).says("work is a folder, and -s takes a file").says("flow -d work");
}

/// A run in which the file system has no locks.
fn without_locks(folder: &Folder, words: &str, error: i32) -> faults::tracer::Traced {
    folder.trace(words, &mut |call| {
        let locks = ["flock", "fcntl"].contains(&call.name) && call.moment == Moment::Before;
        if locks { Order::Fail(error) } else { Order::Go }
    })
}

#[test]
fn a_file_system_without_locks() {
    if skips() {
        return;
    }
    let tree = clean(Version::First);
    for error in [libc::ENOLCK, libc::EOPNOTSUPP, libc::ENOSYS] {
        let folder = Folder::new();
        let ran = without_locks(&folder, "-j2", error);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        folder.completes(&tree, &format!("without locks: {error}"));
        // Somebody works here: this test.
        let me = format!("{} {} {}\n", std::process::id(), started(), host());
        fs::write(folder.project.path(".flow/lock"), &me).expect("it can be written");
        let ran = without_locks(&folder, "-j2", error);
        assert_eq!(ran.code, Some(1), "{}", ran.stderr);
        assert!(ran.stderr.contains("one flow works in a folder at a time"), "{}", ran.stderr);
        assert!(ran.stderr.contains(&format!("process {}", std::process::id())), "{}", ran.stderr);
        folder.project.flow("--unlock").exits(1).says("in use by another flow");
        // Of another machine nothing can be known.
        fs::write(folder.project.path(".flow/lock"), "1 1 elsewhere\n").expect("it can be written");
        let ran = without_locks(&folder, "-j2", error);
        assert!(ran.code == Some(1) && ran.stderr.contains("on elsewhere"), "{}", ran.stderr);
        assert!(ran.stderr.contains("flow --unlock"), "{}", ran.stderr);
        folder.project.flow("--unlock").exits(0);
        assert_eq!(without_locks(&folder, "-j2", error).code, Some(0));
        // A process that is gone holds nothing.
        fs::write(folder.project.path(".flow/lock"), format!("1 {} {}\n", u64::MAX, host()))
            .expect("it can be written");
        assert_eq!(without_locks(&folder, "-j2", error).code, Some(0));
    }
}

fn started() -> u64 {
    flow::store::start_time(std::process::id()).expect("this process has started")
}

fn host() -> String {
    flow::store::host()
}
