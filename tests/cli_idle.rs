//! A call that had nothing to do is remembered, and the next one of the same words is answered from that, as long as nothing
//! that the answer depended on has changed. Here: that it is used at all, and that each kind of change is noticed.

mod support;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Command;

use support::{Project, Ran};

/// What `--verbose` says when an answer is remembered.
const AS_BEFORE: &str = "as in the last call";

/// A workflow that looks at everything there is to look at.
fn sample() -> Project {
    let project = Project::new(
        r#"
        import glob
        include: "more.rules"
        configfile: "config.yaml"

        NAMES = sorted(glob_wildcards("data/{name}.txt").name)
        DEEP = glob.glob("deep/*/plain/*.txt") + glob.glob("wide/**/*.txt", recursive=True)
        MORE = ["extra"] if os.path.exists("extra.txt") else []
        LISTED = os.listdir("listed")
        REAL = os.path.basename(os.path.realpath("where"))
        LINES = read_lines("lines.txt") + [config["word"]] + ["link"] * int(os.path.islink("where"))

        rule all:
            input: "all.txt"

        rule one:
            input: "data/{name}.txt"
            output: "out/{name}.txt"
            shell: "cp {input} {output}"

        rule join:
            input: expand("out/{name}.txt", name=NAMES), DEEP, lambda wildcards: wanted()
            output: "all.txt"
            params: names=LISTED + LINES + MORE + [REAL], greeting=os.environ.get("GREETING", "none")
            script: "join.sh"
        "#,
    )
    .file("more.rules", "def wanted():\n    return 'late.txt' if exists('late.flag') else 'data/a.txt'\n")
    .file("config.yaml", "word: hello\n")
    .file("lines.txt", "first\n")
    .file("join.sh", "cat ${snakemake_input[@]} > ${snakemake_output[0]}\n")
    .file("late.txt", "late\n")
    .file("data/a.txt", "a\n")
    .file("data/b.txt", "b\n")
    .file("deep/x/plain/1.txt", "1\n")
    .file("wide/y/z/2.txt", "2\n")
    .file("listed/entry", "")
    .file("here/it", "")
    .file("there/it", "");
    symlink("here", project.path("where")).expect("a link can be made");
    symlink("../nowhere", project.path("deep/link")).expect("a link can be made");
    project.make("").exits(0);
    project
}

/// Calls flow until the call is remembered: what has just been written is too young at first.
fn remembered(project: &Project, words: &str) {
    for _ in 0..2000 {
        if project.flow(&format!("{words} --verbose")).exits(0).stderr.contains(AS_BEFORE) {
            return;
        }
    }
    panic!("`flow {words}` is never remembered");
}

fn is_remembered(ran: &Ran) -> bool {
    ran.stderr.contains(AS_BEFORE)
}

/// After a call was remembered, the change is noticed; what is said then is what is said by one who remembers nothing.
fn notices(project: &Project, what: &str, change: impl FnOnce(&Project)) -> Ran {
    remembered(project, "-j2");
    change(project);
    let with = project.flow("-n -j2 --verbose");
    assert!(!is_remembered(&with), "not noticed: {what}");
    project.remove(".flow/idle");
    let without = project.flow("-n -j2");
    assert_eq!((with.code, &with.stdout), (without.code, &without.stdout), "{what}");
    with
}

/// The same for a change that there is something to do for.
fn is_to_do(what: &str, change: impl FnOnce(&Project)) {
    let project = sample();
    let ran = notices(&project, what, change);
    assert_ne!(ran.stdout, "Nothing to do.\n", "{what}");
    project.make("").exits(0);
    project.makes("", &[]);
    remembered(&project, "-j2");
}

#[test]
fn a_call_that_had_nothing_to_do_is_remembered() {
    let project = sample();
    remembered(&project, "");
    let said = project.flow("").exits(0);
    assert_eq!((said.stdout.as_str(), said.stderr.as_str()), ("", "Nothing to do.\n"));
    project.flow("-n").exits(0).prints("Nothing to do.");
    assert!(is_remembered(&project.flow("-n --verbose")), "a dry run shares it");
    let events = project.flow("--log-format json").exits(0).events();
    assert_eq!(events.len(), 1, "{events:?}");
    assert_eq!(events[0]["event"], "ended");
}

#[test]
fn an_edit_of_what_the_rulefile_is_made_of_is_noticed() {
    is_to_do("the Rulefile", |project| project.edit("Rulefile", "cp {input}", "cat {input} | tee"));
    is_to_do("an included file", |project| project.edit("more.rules", "'data/a.txt'", "'data/b.txt'"));
    is_to_do("the configuration", |project| project.write("config.yaml", "word: goodbye\n"));
    is_to_do("a file that is read", |project| project.write("lines.txt", "second\n"));
    is_to_do("a script", |project| project.edit("join.sh", "cat", "cat -u"));
    let project = sample();
    notices(&project, "an edit to the same size and time", |project| {
        project.write("config.yaml", "word: howdy\n");
        let time = fs::metadata(project.path("Rulefile")).expect("it is there").modified().expect("a time");
        project.edit("Rulefile", "\"all.txt\"\n\n", "'all.txt'\n\n");
        let file = fs::File::options().write(true).open(project.path("Rulefile")).expect("it can be opened");
        file.set_modified(time).expect("it can be stamped");
    });
}

#[test]
fn a_change_of_a_file_of_the_graph_is_noticed() {
    is_to_do("an input", |project| project.write("data/a.txt", "other\n"));
    is_to_do("an output that is gone", |project| project.remove("out/a.txt"));
    is_to_do("an output that was written over", |project| project.write("all.txt", "mine\n"));
    is_to_do("an input that is gone", |project| project.remove("deep/x/plain/1.txt"));
    let project = sample();
    notices(&project, "a file's rights", |project| {
        let rights = fs::Permissions::from_mode(0o600);
        fs::set_permissions(project.path("data/b.txt"), rights).expect("its rights can be set");
    });
    notices(&project, "a file in place of another with its times", |project| {
        let done = Command::new("cp").args(["-p", "data/a.txt", "copy"]).current_dir(project.path("")).status();
        assert!(done.expect("cp starts").success());
        fs::rename(project.path("copy"), project.path("data/a.txt")).expect("it can be renamed");
    });
}

#[test]
fn what_comes_into_a_folder_that_was_listed_is_noticed() {
    is_to_do("glob_wildcards", |project| project.write("data/c.txt", "c\n"));
    is_to_do("glob", |project| project.write("deep/x/plain/3.txt", "3\n"));
    is_to_do("a new folder in the middle of a pattern", |project| project.write("deep/w/plain/3.txt", "3\n"));
    is_to_do("the plain part of a pattern", |project| {
        project.write("elsewhere/plain/4.txt", "4\n");
        symlink("../elsewhere", project.path("deep/v")).expect("a link can be made");
    });
    is_to_do("a link that led nowhere", |project| project.write("nowhere/plain/5.txt", "5\n"));
    is_to_do("any folder below", |project| project.write("wide/y/z/6.txt", "6\n"));
    is_to_do("a new folder below", |project| project.write("wide/y/v/6.txt", "6\n"));
    is_to_do("listdir", |project| project.write("listed/more", ""));
    let project = sample();
    notices(&project, "a folder of data that comes", |project| project.write("data/sub/d.md", ""));
}

#[test]
fn what_was_not_there_and_comes_is_noticed() {
    is_to_do("exists at file level", |project| project.write("extra.txt", ""));
    is_to_do("exists in a function", |project| project.write("late.flag", ""));
    is_to_do("a link to elsewhere", |project| {
        project.remove("where");
        symlink("there", project.path("where")).expect("a link can be made");
    });
    is_to_do("a folder in place of a link", |project| {
        fs::remove_file(project.path("where")).expect("it can be removed");
        project.write("where/it", "");
    });
}

#[test]
fn what_is_set_otherwise_is_another_call() {
    let project = sample();
    remembered(&project, "-j2");
    for words in ["-j1 -n", "-j2 -n -C word=other", "-j2 -n out/a.txt", "-j2 -n -F", "-j2 -n --rerun-triggers mtime"] {
        assert!(!is_remembered(&project.flow(&format!("{words} --verbose"))), "{words}");
    }
    assert!(is_remembered(&project.flow("-j2 -n --verbose")));
    project.flow("-j2 -n -C word=other").exits(0).says("join");
    let output = project.command("-j2 -n").env("GREETING", "hello").output().expect("flow starts");
    assert!(String::from_utf8_lossy(&output.stdout).contains("join: the params have changed"));
    let profile = "word: profile\n";
    project.write("profiles/default/config.yaml", &format!("config:\n  - {}\n", profile.trim().replace(": ", "=")));
    project.flow("-j2 -n").exits(0).says("join: the params have changed");
}

#[test]
fn an_environment_variable_is_asked_for_by_name() {
    let project = Project::new(
        r#"
        rule all:
            output: "out.txt"
            params: home=Path("~/data").expanduser()
            shell: "echo {params.home} > {output}"
        "#,
    );
    let run = |home: &str, other: &str| {
        let command = project.command("-j2 --verbose").env("HOME", home).env("OTHER", other).output();
        String::from_utf8_lossy(&command.expect("flow starts").stderr).into_owned()
    };
    run("/one", "1");
    assert!((0..2000).any(|_| run("/one", "1").contains(AS_BEFORE)), "it is remembered");
    assert!(run("/one", "2").contains(AS_BEFORE), "nobody has asked for that one");
    assert!(run("/two", "1").contains("1 job"), "it is run again");
}

#[test]
fn records_that_change_are_noticed() {
    let project = sample();
    notices(&project, "a record that is forgotten", |project| {
        project.flow("--cleanup-metadata all.txt").exits(0);
    });
    project.make("").exits(0);
    notices(&project, "no records", |project| project.remove(".flow/state.db"));
    project.make("").exits(0);
    notices(&project, "a log of a run that was killed", |project| project.write(".flow/state.db-wal", "half"));
    project.remove(".flow/state.db-wal");
    notices(&project, "other records", |project| {
        let records = fs::read(project.path(".flow/state.db")).expect("it can be read");
        fs::write(project.path(".flow/new"), records).expect("it can be written");
        fs::rename(project.path(".flow/new"), project.path(".flow/state.db")).expect("it can be renamed");
    });
}

#[test]
fn a_run_in_between_is_noticed() {
    let project = sample();
    notices(&project, "a run of another target", |project| {
        project.edit("config.yaml", "hello", "hallo");
        project.make("").exits(0);
        project.edit("config.yaml", "hallo", "hello");
    });
    project.make("").exits(0);
    let ran = notices(&project, "a run that failed", |project| {
        let script = project.read("join.sh");
        project.write("join.sh", "exit 1\n");
        project.make("").exits(1);
        project.write("join.sh", &script);
    });
    assert_ne!(ran.stdout, "Nothing to do.\n");
}

#[test]
fn another_flow_that_works_here_is_told_of() {
    let project = sample();
    remembered(&project, "-j2");
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    fs::write(project.path(".flow/lock"), format!("{} 0 {host}", std::process::id())).expect("it can be written");
    let lock = fs::File::open(project.path(".flow/lock")).expect("it is there");
    lock.lock().expect("nobody has it");
    project.flow("-j2").exits(1).says("in use by another flow");
    assert!(!is_remembered(&project.flow("-n -j2 --verbose").exits(0)));
    drop(lock);
    assert!(is_remembered(&project.flow("-j2 --verbose").exits(0)));
}

#[test]
fn what_says_something_is_not_remembered() {
    for (line, said) in [
        ("print('on every call')", "on every call"),
        ("SHELL = shell('echo on every call >&2; echo x', read=True)", "on every call"),
        ("workdir: 'elsewhere'", "Nothing to do."),
    ] {
        let project =
            Project::new(&format!("{line}\nrule one:\n    output: \"out.txt\"\n    shell: \": > {{output}}\"\n"));
        project.make("").exits(0);
        for _ in 0..20 {
            let ran = project.flow("--verbose").exits(0).says(said);
            assert!(!is_remembered(&ran), "{line}");
        }
    }
}

#[test]
fn a_warning_is_given_each_time() {
    let project = sample();
    for _ in 0..20 {
        project.flow("--resources nothing=1").exits(0).says("no rule uses `nothing`");
    }
}

#[test]
fn a_file_that_is_damaged_or_cut_off_is_as_good_as_none() {
    let project = sample();
    remembered(&project, "-j2");
    let place = project.path(".flow/idle");
    let whole = fs::read(&place).expect("it is there");
    project.write("data/a.txt", "other\n");
    let expected = project.flow("-n -j2").exits(0).stdout;
    assert_ne!(expected, "Nothing to do.\n");
    let mut broken: Vec<Vec<u8>> = (0..whole.len()).step_by(97).map(|end| whole[..end].to_vec()).collect();
    broken.extend((0..whole.len()).step_by(53).map(|at| {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (at % 8);
        bytes
    }));
    broken.push([&whole[..], b"more"].concat());
    for bytes in broken {
        fs::write(&place, bytes).expect("it can be written");
        assert_eq!(project.flow("-n -j2").exits(0).stdout, expected);
    }
    fs::write(&place, "nonsense").expect("it can be written");
    project.make("").exits(0);
    remembered(&project, "-j2");
}

#[test]
fn where_it_cannot_be_written_there_is_no_error() {
    let project = sample();
    fs::create_dir(project.path(".flow/idle.new")).expect("a folder can be made");
    for _ in 0..20 {
        let ran = project.flow("--verbose").exits(0);
        assert_eq!(ran.stderr, "Nothing to do.\n");
    }
    assert!(!project.exists(".flow/idle"));
}
