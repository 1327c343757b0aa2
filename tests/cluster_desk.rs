//! What flow makes of a batch system that answers late, wrongly or not at all, and of a file system that shows files late:
//! with one that a test plays itself. What a node would do is done by the test, in the run's folder.

mod run_support;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use flow::disk::{Disk, RealDisk};
use flow::event::Usage;
use flow::run::cluster::spool::{Claim, Common, Spool, read_task};
use flow::run::cluster::system::{BatchSystem, Fate, Live, Manner, Submission, Submitted};
use flow::run::cluster::{Bundling, Cluster, Settings};
use flow::run::executor::{Executor, InProcess, Order, Report, Workspace};
use flow::run::local::Local;
use flow::run::spec::{JobError, JobSpec, Outcome, OutputSpec, Staging, Work};
use flow::store::{FileRecord, Ticket};
use run_support::Bench;

/// What the batch system is told to say.
#[derive(Default)]
struct Script {
    /// Before a batch is taken.
    answers: Vec<Submitted>,
    live: BTreeMap<String, String>,
    alive: Vec<String>,
    fate: Option<Fate>,
}

/// A batch system that says what its script has, and tells the test what it was asked.
struct Played {
    script: Arc<Mutex<Script>>,
    asked: Sender<Submission>,
}

impl BatchSystem for Played {
    fn manner(&self) -> Manner {
        Manner { name: "the test", has_arrays: true, keeps_time: true }
    }

    fn most_tasks(&mut self) -> usize {
        100
    }

    fn submit(&mut self, submission: &Submission) -> Submitted {
        let mut script = self.script.lock().expect("one at a time");
        let answer = script.answers.pop().unwrap_or_else(|| Submitted::As(submission.batch.to_string()));
        let _ = self.asked.send(submission.clone());
        answer
    }

    fn look(&mut self, _: &[String]) -> Result<Live, String> {
        let script = self.script.lock().expect("one at a time");
        Ok(Live { tasks: script.alive.iter().cloned().collect(), batches: script.live.clone() })
    }

    fn fate(&mut self, _: &str) -> Option<Fate> {
        self.script.lock().expect("one at a time").fate.clone()
    }

    fn cancel(&mut self, _: &[String]) -> Result<(), String> {
        Ok(())
    }
}

/// Where a test works: the executor looks for its folder from where the process stands, and takes all that it finds there for
/// what earlier runs have left. So one test at a time stands there.
static PLACE: Mutex<Option<tempfile::TempDir>> = Mutex::new(None);

fn stand() -> MutexGuard<'static, Option<tempfile::TempDir>> {
    let mut place = PLACE.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::env::set_current_dir(folder.path()).expect("it can be entered");
    *place = Some(folder);
    place
}

/// No job of these runs here.
struct NoActions;

impl InProcess for NoActions {
    fn run(&self, _: &JobSpec, _: &mut dyn Workspace) -> Result<(), JobError> {
        unreachable!("what is submitted runs elsewhere")
    }
}

struct Stage {
    spool: Spool,
    script: Arc<Mutex<Script>>,
    asked: Receiver<Submission>,
    reports: Receiver<Report>,
    cluster: Cluster,
    _place: MutexGuard<'static, Option<tempfile::TempDir>>,
}

fn stage(run: &str, latency: Duration, script: Script) -> Stage {
    let place = stand();
    let (reports, told) = channel();
    let (asked, questions) = channel();
    let script = Arc::new(Mutex::new(script));
    let local = Local::new(1, Arc::new(NoActions), Arc::new(RealDisk), reports.clone()).expect("threads start");
    let directory = std::env::current_dir().expect("it is there");
    let common = Common { directory, run: run.to_owned(), strict: false, keep_incomplete: false, whole_log: false };
    let settings = Settings { common, bundling: Bundling::default(), latency };
    let system = Box::new(Played { script: Arc::clone(&script), asked });
    let cluster = Cluster::new(settings, system, local, reports).expect("its folder is made");
    Stage { spool: Spool::of(run), script, asked: questions, reports: told, cluster, _place: place }
}

impl Stage {
    /// Gives out a job that makes one file.
    fn submit(&mut self, job: u32, output: &str) {
        let command = format!("echo {job} > {output}");
        let mut spec = Bench::new().job(Work::Shell { command }, &[], &[]).clone();
        spec.job = job;
        spec.output.items = vec![output.to_owned()];
        spec.outputs = vec![OutputSpec { path: output.to_owned(), ..OutputSpec::default() }];
        let folder = self.spool.work(&format!("{job}-1"));
        let work = Work::Shell { command: format!("echo {job} > {folder}/{output}") };
        let claim = self.spool.claim_file(&format!("{job}-1"));
        spec.staging = Some(Box::new(Staging { folder, claim, work, params: spec.params.clone() }));
        self.cluster.submit(Order {
            spec: Arc::new(spec),
            key: output.to_owned(),
            after: None,
            run: "run".to_owned(),
            ticket: Ticket::none(),
            timeout: None,
            strict: false,
            keep_incomplete: false,
            whole_log: false,
            together: None,
            turn: None,
        });
    }

    fn outcome(&self) -> Outcome {
        loop {
            if let Report::Done(outcome) =
                self.reports.recv_timeout(Duration::from_secs(60)).expect("the job is answered")
            {
                return *outcome;
            }
        }
    }
}

/// What a node says of a job that made one file, whose content this is.
fn success(job: u32, output: &str, text: &str) -> Vec<Outcome> {
    let near = format!("{output}.there");
    std::fs::write(&near, text).expect("it is written");
    let stamp = RealDisk.stat(&near).expect("it is read").expect("it is there");
    let outputs = vec![FileRecord { path: output.to_owned(), stamp, hash: None }];
    vec![Outcome {
        began: true,
        result: Ok(()),
        is_clean: false,
        usage: Usage::default(),
        outputs,
        ..Outcome::not_begun(job, JobError::Interrupted)
    }]
}

#[test]
fn a_job_is_done_when_what_it_made_is_seen_here() {
    let mut stage =
        stage("late", Duration::from_secs(60), Script { alive: vec!["0_0".to_owned()], ..Script::default() });
    stage.submit(3, "late.txt");
    stage.asked.recv().expect("it is submitted");
    let outcomes = success(3, "late.txt", "three");
    stage.spool.tell("3-1", &outcomes).expect("it is told");
    // It is told and not seen: nobody is answered until it is.
    assert!(stage.reports.recv_timeout(Duration::from_millis(300)).is_err());
    std::fs::rename("late.txt.there", "late.txt").expect("it shows up");
    assert_eq!(stage.outcome().result, Ok(()));
    stage.cluster.finish();
    assert!(!Path::new(".flow/cluster/late").exists());
}

#[test]
fn what_does_not_show_up_in_time_is_a_failure_that_names_the_node_and_the_file() {
    let mut stage =
        stage("never", Duration::from_millis(10), Script { alive: vec!["0_0".to_owned()], ..Script::default() });
    stage.submit(3, "never.txt");
    stage.asked.recv().expect("it is submitted");
    stage.spool.tell("3-1", &success(3, "never.txt", "three")).expect("it is told");
    let error = stage.outcome().result.expect_err("it is not there").to_string();
    assert!(error.contains("never.txt") && error.contains("--latency-wait"), "{error}");
}

#[test]
fn a_task_that_ends_without_a_word_is_named_as_the_system_names_it_and_never_comes_home() {
    let fate = Fate { state: "NODE_FAIL".to_owned(), node: "n7".to_owned(), exit: None };
    let mut stage = stage("silent", Duration::from_millis(10), Script { fate: Some(fate), ..Script::default() });
    stage.submit(3, "silent.txt");
    stage.asked.recv().expect("it is submitted");
    let outcome = stage.outcome();
    assert_eq!(outcome.result.expect_err("it is gone").to_string(), "NODE_FAIL: its node n7 failed");
    assert_eq!(outcome.ran.map(|ran| (ran.node, ran.job)), Some(("n7".to_owned(), "0_0".to_owned())));
    assert!(!stage.spool.claim("3-1", Claim::Home).expect("it can be asked"), "its node cannot claim it any more");
}

#[test]
fn a_system_that_has_forgotten_a_task_is_not_believed_against_the_task() {
    let mut stage = stage("forgotten", Duration::from_secs(60), Script::default());
    stage.submit(3, "forgotten.txt");
    stage.asked.recv().expect("it is submitted");
    // Not in the queue, and at this moment its node brings home what it made.
    assert!(stage.spool.claim("3-1", Claim::Home).expect("it can be claimed"));
    let outcomes = success(3, "forgotten.txt", "three");
    std::fs::rename("forgotten.txt.there", "forgotten.txt").expect("it comes home");
    stage.spool.tell("3-1", &outcomes).expect("it is told");
    assert_eq!(stage.outcome().result, Ok(()));
}

#[test]
fn jobs_are_submitted_in_halves_while_there_is_no_room() {
    let answers = vec![Submitted::Full("no room".to_owned())];
    let mut stage = stage("full", Duration::from_secs(60), Script { answers, ..Script::default() });
    for job in 0..4 {
        stage.submit(job, &format!("full.{job}"));
    }
    let sizes: Vec<usize> = (0..3).map(|_| stage.asked.recv().expect("it is submitted").tasks).collect();
    assert_eq!(sizes, [4, 2, 2]);
}

#[test]
fn a_batch_whose_answer_was_lost_is_submitted_again_only_if_it_is_not_there() {
    for is_there in [true, false] {
        let run = if is_there { "lost_there" } else { "lost" };
        let answers = vec![Submitted::Later("timed out".to_owned())];
        let mut live = BTreeMap::new();
        if is_there {
            live.insert(format!("flow:{run}:0"), "77".to_owned());
        }
        let mut stage = stage(run, Duration::from_secs(60), Script { answers, live, ..Script::default() });
        stage.submit(3, &format!("{run}.txt"));
        stage.asked.recv().expect("it is submitted");
        if is_there {
            stage.script.lock().expect("one at a time").alive.push("77_0".to_owned());
            while stage.spool.id(0, "the test").is_none() {
                std::thread::yield_now();
            }
            assert_eq!(stage.spool.id(0, "the test").as_deref(), Some("77"));
            assert!(stage.asked.try_recv().is_err(), "it was not submitted again");
        } else {
            stage.asked.recv().expect("it is submitted again");
        }
    }
}

#[test]
fn a_task_is_read_as_it_was_written_whatever_its_values_are() {
    let mut stage = stage("written", Duration::from_secs(60), Script::default());
    stage.submit(3, "written.txt");
    let submission = stage.asked.recv().expect("it is submitted");
    let (_, task) = read_task(&submission.folder, 0).expect("it can be read");
    assert_eq!(task.units[0].name, "3-1");
    assert_eq!(task.units[0].jobs[0].key, "written.txt");
    assert!(read_task(&submission.folder, 1).is_err(), "there is one task");
    let specs = submission.folder.join("specs");
    let bytes = std::fs::read(&specs).expect("it is there");
    for cut in 0..bytes.len() {
        std::fs::write(&specs, &bytes[..cut]).expect("it is cut");
        assert!(read_task(&submission.folder, 0).is_err(), "cut off after {cut} bytes");
    }
}
