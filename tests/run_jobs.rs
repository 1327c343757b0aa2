//! Jobs of a run, end to end without a Rulefile: children and their groups, outputs whole or absent, failures, retries,
//! signals, work inside flow.

mod run_support;

use std::fs;
use std::sync::{Arc, Barrier};
use std::time::Duration;

use flow::event::Event;
use flow::run::child::members;
use flow::run::executor::Report;
use flow::run::runner::Ending;
use flow::run::spec::{JobError, Work};
use run_support::Bench;

#[test]
fn jobs_run_in_order_and_are_recorded() {
    let mut bench = Bench::new();
    bench.shell(": > @/made/a", &[], &["made/a"]);
    bench.shell("echo b >@/b; cat @/made/a >> @/b", &["made/a"], &["b"]);
    bench.shell("cp @/b @/c", &["b"], &["c"]);
    bench.edges = vec![(0, 1), (1, 2)];
    let ran = bench.run();
    assert_eq!(ran.summary.ending, Ending::Done);
    assert_eq!(ran.summary.done, [0, 1, 2]);
    assert_eq!(bench.read("c"), "b\n");
    assert_eq!(bench.read("made/a"), "");
    let record = ran.opened_again.store.record("job2").unwrap().unwrap();
    assert_eq!(record.inputs[0].path, bench.path("b"));
    assert_eq!(record.outputs[0].hash, Some(*blake3::hash(b"b\n").as_bytes()));
    assert!(ran.opened_again.recovered.is_empty(), "no job is marked as started any more");
    assert!(!bench.exists(".flow/log/rule0/log.txt"), "silent jobs leave no log");
    assert!(matches!(ran.events.last(), Some(Event::Ended { done: 3, not_run: 0, .. })));
}

#[test]
fn a_failure_removes_outputs_and_holds_back_what_depends_on_it() {
    let mut bench = Bench::new();
    bench.shell("echo half > @/a; printf 'one\\ntwo'; printf three >&2; exit 3", &[], &["a"]);
    bench.shell("cp @/a @/b", &["a"], &["b"]);
    bench.shell("cp @/b @/c", &["b"], &["c"]);
    bench.shell(": > @/d", &[], &["d"]);
    bench.edges = vec![(0, 1), (1, 2)];
    bench.keep_going = true;
    let ran = bench.run();
    assert_eq!(ran.summary.ending, Ending::Failed);
    assert_eq!((ran.summary.failed.as_slice(), ran.summary.not_run.as_slice()), (&[0][..], &[1, 2][..]));
    assert_eq!(ran.summary.done, [3], "what does not depend on it runs");
    assert!(!bench.exists("a"));
    assert_eq!(ran.failure(0).cause, "exit code 3");
    assert_eq!(ran.failure(0).log_tail, ["one", "twothree"]);
    assert!(ran.opened_again.recovered.is_empty());
}

#[test]
fn incomplete_outputs_are_kept_on_request_and_stay_marked() {
    let mut bench = Bench::new();
    bench.shell("echo half > @/a; exit 1", &[], &["a"]);
    bench.keep_incomplete = true;
    let ran = bench.run();
    assert_eq!(bench.read("a"), "half\n");
    assert_eq!(ran.opened_again.recovered.len(), 1);
    assert!(ran.opened_again.recovered[0].kept);
    drop(ran);
    bench.jobs.clear();
    bench.shell("echo whole > @/a", &[], &["a"]);
    assert!(bench.run().opened_again.recovered.is_empty(), "a success ends the mark");
}

#[test]
fn exit_codes_and_signals_are_told_as_bash_tells_them() {
    let mut bench = Bench::new();
    bench.keep_going = true;
    let commands = [
        "no-such-program a",
        "/dev/null",
        "kill -SEGV $$",
        "false | cat",
        "echo $unset_variable",
        "cat < @/missing",
        "sh -c 'exit 7'",
    ];
    for command in commands {
        bench.shell(command, &[], &[]);
    }
    let ran = bench.run();
    let causes: Vec<_> = (0..7).map(|job| ran.failure(job).cause.clone()).collect();
    assert_eq!(
        causes,
        [
            "exit code 127",
            "exit code 126",
            "killed by signal 11 (SIGSEGV)",
            "exit code 1",
            "exit code 1",
            "exit code 1",
            "exit code 7"
        ]
    );
    assert!(ran.failure(0).log_tail[0].contains("no-such-program: command not found"));
    assert!(ran.failure(5).log_tail[0].contains("missing: No such file"));
}

#[test]
fn a_retry_starts_afresh() {
    let mut bench = Bench::new();
    bench.shell("test -e @/marker && : > @/out || { echo first; touch @/marker; exit 1; }", &[], &["out"]);
    bench.retries = 1;
    let ran = bench.run();
    assert_eq!(ran.summary.ending, Ending::Done);
    assert!(ran.failure(0).retrying);
    assert!(matches!(ran.events[2], Event::Started { attempt: 2, .. }));
    assert!(!bench.exists(".flow/log/rule0/log.txt"), "each attempt begins its log anew");
}

#[test]
fn a_timeout_ends_the_whole_group_even_where_it_ignores_the_first_signal() {
    let mut bench = Bench::new();
    let command = "trap '' TERM; echo $$ > @/pid; (trap '' TERM; sleep 1000) & sleep 1000; : > @/out";
    bench.shell(command, &[], &["out"]);
    bench.timeout = Some(Duration::from_millis(300));
    let ran = bench.run();
    assert_eq!(ran.failure(0).cause, "timed out after 0 s");
    let group = bench.read("pid").trim().parse().unwrap();
    assert!(members(group).is_empty(), "nothing of it is left");
}

#[test]
fn stragglers_of_a_failed_job_are_ended() {
    let mut bench = Bench::new();
    bench.shell("echo $$ > @/pid; sleep 1000 & exit 1", &[], &["out"]);
    let ran = bench.run();
    assert_eq!(ran.failure(0).cause, "exit code 1");
    assert!(members(bench.read("pid").trim().parse().unwrap()).is_empty());
}

#[test]
fn an_interrupt_ends_what_runs_and_starts_nothing() {
    let mut bench = Bench::new();
    bench.shell("sleep 1000 > @/a", &[], &["a"]);
    bench.shell(": > @/b", &["a"], &["b"]);
    bench.edges = vec![(0, 1)];
    bench.signal_on_start = Some(2);
    let ran = bench.run();
    assert_eq!(ran.summary.ending, Ending::Interrupted(2));
    assert_eq!(ran.summary.not_run, [0, 1]);
    assert!(!bench.exists("a") && !bench.exists("b"));
    assert!(ran.opened_again.recovered.is_empty());
}

#[test]
fn work_inside_flow_that_cannot_be_ended_is_abandoned_with_its_temporaries() {
    let mut bench = Bench::new();
    bench.inside(&[], &["out"]);
    let gate = Arc::new(Barrier::new(2));
    let (theirs, interrupt) = (Arc::clone(&gate), bench.reports.clone());
    bench.body = Box::new(move |spec, workspace| {
        fs::write(workspace.output_path(&spec.output.items[0]), "half").unwrap();
        interrupt.send(Report::Signal(15)).unwrap();
        theirs.wait();
        Ok(())
    });
    let ran = bench.run();
    assert_eq!(ran.summary.ending, Ending::Interrupted(15));
    assert_eq!(fs::read_dir(bench.dir.path()).unwrap().count(), 1, "only .flow is there");
    gate.wait();
    // The job's row stays, so that the next run looks for what it may have written since.
    assert_eq!(ran.opened_again.recovered.len(), 1);
}

#[test]
fn a_failure_without_keep_going_ends_what_runs() {
    let mut bench = Bench::new();
    // The first waits for the second to have begun; that one would never end.
    bench.shell("mkfifo @/fifo; read x < @/fifo; exit 1", &[], &["a"]);
    bench.shell("until test -p @/fifo; do :; done; echo > @/fifo; sleep 1000 > @/b", &[], &["b"]);
    let ran = bench.run();
    assert_eq!((ran.summary.failed.as_slice(), ran.summary.not_run.as_slice()), (&[0][..], &[1][..]));
    assert!(!bench.exists("b"));
}

#[test]
fn outputs_of_work_inside_flow_are_whole_or_absent() {
    let mut bench = Bench::new();
    bench.inside(&[], &["good.fits", "also.fits"]);
    bench.inside(&[], &["bad.fits"]);
    bench.inside(&[], &["panic.fits"]);
    bench.inside(&[], &["there.fits", "missing.fits"]);
    bench.keep_going = true;
    bench.body = Box::new(|spec, workspace| {
        let path = workspace.output_path(&spec.output.items[0]);
        assert!(path.ends_with(".fits"), "tools that go by the suffix see it");
        fs::write(&path, "data").unwrap();
        match spec.job {
            0 => workspace.shell(&format!("cp {path} {}", workspace.output_path(&spec.output.items[1]))),
            1 => Err(JobError::Action { message: "no".into(), place: None, help: None }),
            2 => panic!("a bug"),
            _ => Ok(()),
        }
    });
    let ran = bench.run();
    assert_eq!(ran.summary.done, [0]);
    assert_eq!(bench.read("also.fits"), "data");
    assert_eq!(ran.failure(1).cause, "no");
    assert_eq!(ran.failure(2).cause, "an action panicked: a bug");
    assert_eq!(ran.failure(3).cause, format!("output missing after the job ended: {}", bench.path("missing.fits")));
    let mut names: Vec<_> = fs::read_dir(bench.dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, [".flow", "also.fits", "good.fits"]);
}

#[test]
fn an_idle_worker_helps_with_what_another_ones_job_splits() {
    let mut bench = Bench::new();
    bench.inside(&[], &[]);
    bench.body = Box::new(|_, _| {
        // Ends only if both halves run at the same time.
        let both = Barrier::new(2);
        rayon::join(|| both.wait(), || both.wait());
        Ok(())
    });
    assert_eq!(bench.run().summary.ending, Ending::Done);
}

#[test]
fn outputs_must_be_as_declared() {
    let mut bench = Bench::new();
    bench.keep_going = true;
    bench.shell("mkdir @/a", &[], &["a"]);
    bench.shell(": > @/b", &[], &["b"]).outputs[0].directory = true;
    bench.shell(": > @/c", &[], &["c"]).outputs[0].non_empty = true;
    bench.shell("printf abc > @/d", &[], &["d"]).outputs[0].checksum =
        Some(("md5".into(), "900150983CD24FB0D6963F7D28E17F72".into()));
    bench.shell("printf abd > @/e", &[], &["e"]).outputs[0].checksum = Some(("sha1".into(), "00".into()));
    bench.job(Work::Touch, &[], &["deep/f"]).outputs[0].touch = true;
    bench.shell("printf x > @/g", &[], &["g"]).outputs[0].protected = true;
    bench.shell("mkdir @/h; : > @/h/i", &[], &["h"]).outputs[0].directory = true;
    bench.shell(": > @/j", &[], &["j", "k"]);
    let ran = bench.run();
    assert_eq!(ran.summary.done, [3, 5, 6, 7]);
    assert!(ran.failure(0).cause.contains("directory(…)"));
    assert!(ran.failure(2).cause.contains("is empty"));
    assert!(ran.failure(4).cause.contains("its sha1 is"));
    for name in ["a", "b", "c", "e", "j", "k"] {
        assert!(!bench.exists(name), "{name}");
    }
    assert!(fs::metadata(bench.path("g")).unwrap().permissions().readonly());
    drop(ran);
    bench.jobs.truncate(0);
    bench.shell("printf y > @/g", &[], &["g"]);
    assert!(bench.run().failure(0).cause.contains("write-protected"));
    assert_eq!(bench.read("g"), "x");
}

#[test]
fn children_get_their_environment_and_no_input() {
    let mut bench = Bench::new();
    let command = "cat > @/in; echo $OMP_NUM_THREADS $TMPDIR > @/out; touch $TMPDIR/left; ls -d $TMPDIR >> @/out";
    let tmp = bench.path("tmp");
    let spec = bench.shell(command, &[], &["out", "in"]);
    spec.threads = 2;
    spec.resources.insert("tmpdir".into(), flow::value::Value::Str(tmp.clone()));
    assert_eq!(bench.run().summary.ending, Ending::Done);
    assert!(bench.read("out").starts_with(&format!("2 {tmp}/flow-")));
    assert_eq!(bench.read("in"), "");
    assert_eq!(fs::read_dir(tmp).unwrap().count(), 0, "the job's folder is gone with the job");
}

#[test]
fn a_command_longer_than_an_argument_may_be_runs() {
    let mut bench = Bench::new();
    let command = format!("printf '%s\\n' {} | wc -l > @/out", "word ".repeat(60_000));
    bench.shell(&command, &[], &["out"]);
    assert_eq!(bench.run().summary.ending, Ending::Done);
    assert_eq!(bench.read("out").trim(), "60000");
}

#[test]
fn a_benchmark_has_a_row_for_each_repetition() {
    let mut bench = Bench::new();
    let path = bench.path("bench/b.tsv");
    bench.shell("sh -c 'echo x >> \"$0\"' @/out", &[], &["out"]).benchmark = Some((path, 3));
    assert_eq!(bench.run().summary.ending, Ending::Done);
    assert_eq!(bench.read("bench/b.tsv").lines().count(), 4);
    assert_eq!(bench.read("out"), "x\nx\nx\n");
}

#[test]
fn a_declared_log_is_there_and_begins_anew() {
    let mut bench = Bench::new();
    let log = bench.path("logs/job.log");
    for (command, output) in [(": > @/a", "a"), ("touch @/b", "b")] {
        let spec = bench.shell(command, &[], &[output]);
        spec.log.items = vec![log.clone()];
        spec.stdio_log = log.clone();
    }
    bench.edges = vec![(0, 1)];
    fs::create_dir(bench.path("logs")).unwrap();
    fs::write(&log, "old").unwrap();
    assert_eq!(bench.run().summary.ending, Ending::Done);
    assert_eq!(bench.read("logs/job.log"), "");
}
