//! Commands that are run without a shell do what bash does with them, and orphans of a killed run are ended.

mod run_support;

use std::fs;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use flow::disk::RealDisk;
use flow::run::{command, orphans};
use flow::store::{StartedRow, start_time};
use proptest::prelude::*;
use run_support::Bench;

/// What a command leaves: exit code, log, files.
type Left = (i32, String, Vec<(String, String)>);

fn files(folder: &std::path::Path) -> Vec<(String, String)> {
    let entries = fs::read_dir(folder).unwrap().map(Result::unwrap).filter(|entry| entry.path().is_file());
    let mut files: Vec<_> = entries
        .map(|entry| {
            let text = fs::read_to_string(entry.path()).unwrap().replace(folder.to_str().unwrap(), "@");
            (entry.file_name().into_string().unwrap(), text)
        })
        .collect();
    files.sort();
    files
}

fn by_flow(text: &str) -> Left {
    let mut bench = Bench::new();
    fs::write(bench.path("there"), "it was\nthere\n").unwrap();
    bench.shell(text, &[], &[]);
    let log = bench.jobs[0].stdio_log.clone();
    let ran = bench.run();
    let code = ran.summary.failed.first().map_or(0, |&job| {
        let cause = ran.failure(job).cause.clone();
        cause.strip_prefix("exit code ").unwrap_or_else(|| panic!("{cause}")).parse().unwrap()
    });
    let folder = bench.dir.path();
    let log = fs::read_to_string(log).unwrap_or_default().replace(folder.to_str().unwrap(), "@");
    (code, log, files(folder))
}

fn by_bash(text: &str) -> Left {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("there"), "it was\nthere\n").unwrap();
    let text = text.replace("@/", &format!("{}/", folder.path().display()));
    let hidden = tempfile::tempdir().unwrap();
    let log = fs::File::options().create(true).append(true).open(hidden.path().join("log")).unwrap();
    let mut bash = Command::new("bash");
    bash.args(["-euo", "pipefail", "-c", &text]).stdin(Stdio::null());
    let status = bash.stdout(log.try_clone().unwrap()).stderr(log).status().unwrap();
    let log = fs::read_to_string(hidden.path().join("log")).unwrap();
    (status.code().unwrap(), log.replace(folder.path().to_str().unwrap(), "@"), files(folder.path()))
}

fn words() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "a",
        "-n",
        "x=1",
        "'two words'",
        "\"in double\"",
        "''",
        "a'b'\"c\"",
        "'$HOME `x` \\'",
        "@/there",
        "@/missing",
        "é",
        "2",
    ])
    .prop_map(str::to_owned)
}

fn redirects() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        ">@/out",
        "> @/out",
        ">>@/there",
        "2>@/err",
        "2>> @/err",
        "&> @/both",
        "2>&1",
        ">&2",
        "<@/there",
        "< @/missing",
        "> '@/a b'",
        "1>@/one",
        "> @/no/folder",
        "> /dev/null",
        "&>>@/both",
    ])
    .prop_map(str::to_owned)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(60) })]

    #[test]
    fn a_simple_command_leaves_what_bash_leaves(
        program in prop::sample::select(vec![
            "/usr/bin/printf '%s|'", "cat", "/bin/echo", "ls -d", "no-such-program", "@/there", ":", "true", "",
        ]),
        arguments in prop::collection::vec(prop_oneof![3 => words(), 2 => redirects()], 0..5),
    ) {
        let text = format!("{program} {}", arguments.join(" "));
        // `cat` and its like would be asked for something else by an empty command line.
        prop_assume!(!text.trim().is_empty() && !text.trim().starts_with("x=1"));
        prop_assert_eq!(by_flow(&text), by_bash(&text), "{}", text);
    }
}

#[test]
fn what_matters_is_run_without_a_shell() {
    for text in [": > out", "touch out", "cp 'a b' \"c\" 2> log", "convert in.png -resize 50x50 out.png &> log"] {
        assert!(command::parse(text).is_some(), "{text}");
    }
}

#[test]
fn orphans_are_ended_and_what_they_wrote_is_removed() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let tag = format!("orphans-{}", std::process::id());
    for name in ["half", "inside", "kept", ".flow-tmp.inside"] {
        fs::write(path(name), "half").unwrap();
    }
    let spawn = |tagged: bool| {
        let mut sleep = Command::new("sleep");
        sleep.arg("1000").process_group(0);
        if tagged {
            sleep.env("FLOW_RUN", &tag);
        }
        sleep.spawn().unwrap()
    };
    // One is known by its group, one only by the run's tag, and one is of nobody's business.
    let (mut by_group, mut by_tag, mut other) = (spawn(false), spawn(true), spawn(false));
    let start = start_time(by_group.id()).unwrap();
    let row = |output: &str| StartedRow {
        key: output.to_owned(),
        rule: "make".to_owned(),
        run: tag.clone(),
        outputs: vec![path(output)],
        in_place: true,
        kept: false,
        group: None,
    };
    let rows = [
        StartedRow { group: Some((by_group.id().cast_signed(), start)), ..row("half") },
        StartedRow { in_place: false, ..row("inside") },
        StartedRow { kept: true, ..row("kept") },
        // A group of this number, and of another time.
        StartedRow { group: Some((other.id().cast_signed(), start + 1_000_000)), ..row("absent") },
    ];
    let told = orphans::clear(&rows, &|_, _| false, &RealDisk).unwrap();
    assert_eq!(told[0], "ended 2 processes of an earlier run");
    assert!(told[1].contains("removed unfinished outputs of make") && told.len() == 2, "{told:?}");
    assert!(by_group.wait().unwrap().code().is_none() && by_tag.wait().unwrap().code().is_none());
    assert!(other.try_wait().unwrap().is_none(), "it still runs");
    other.kill().unwrap();
    other.wait().unwrap();
    assert_eq!(files(dir.path()), [("inside".to_owned(), "half".to_owned()), ("kept".to_owned(), "half".to_owned())]);
}
