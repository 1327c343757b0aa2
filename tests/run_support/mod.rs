//! A run of a few jobs in a folder of its own, for tests: specs in, summary, events and outcomes out.

#![allow(dead_code, reason = "each test file uses its part")]

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use flow::disk::{Disk, RealDisk};
use flow::event::{Event, Failure, JobName, Reporter};
use flow::run::director::{Decision, Director, Finished, Prepared};
use flow::run::executor::{InProcess, Report, Workspace};
use flow::run::local::Local;
use flow::run::runner::{Run, Settings, Summary};
use flow::run::scheduler::Scheduler;
use flow::run::spec::{JobError, JobSpec, Outcome, OutputSpec, Program, Work};
use flow::run::tasks::{Task, Tasks};
use flow::store::{JobRecord, Store};
use flow::value::{Named, Value};

/// What a `run:` body does in these tests.
pub type Body = dyn Fn(&JobSpec, &mut dyn Workspace) -> Result<(), JobError> + Send + Sync;

struct Inside(Box<Body>);

impl InProcess for Inside {
    fn run(&self, spec: &JobSpec, workspace: &mut dyn Workspace) -> Result<(), JobError> {
        (self.0)(spec, workspace)
    }
}

pub struct Bench {
    pub dir: tempfile::TempDir,
    pub jobs: Vec<JobSpec>,
    pub edges: Vec<(u32, u32)>,
    pub cores: u32,
    pub keep_going: bool,
    pub keep_incomplete: bool,
    pub retries: u32,
    pub timeout: Option<Duration>,
    pub body: Box<Body>,
    /// Sent to the loop when a job starts.
    pub signal_on_start: Option<i32>,
    /// What the executor and signals report to; for bodies that interrupt.
    pub reports: Sender<Report>,
    inbox: Receiver<Report>,
}

pub struct Ran {
    pub summary: Summary,
    pub events: Vec<Event>,
    pub outcomes: Vec<Outcome>,
    pub opened_again: flow::store::Opened,
}

impl Ran {
    pub fn failure(&self, job: u32) -> &Failure {
        let found = self.events.iter().rev().find_map(|event| match event {
            Event::Failed { job: name, failure, .. } if name.job == job => Some(failure),
            _ => None,
        });
        found.expect("the job failed")
    }
}

impl Bench {
    pub fn new() -> Self {
        let (reports, inbox) = channel();
        Bench {
            reports,
            inbox,
            dir: tempfile::tempdir().unwrap(),
            jobs: Vec::new(),
            edges: Vec::new(),
            cores: 2,
            keep_going: false,
            keep_incomplete: false,
            retries: 0,
            timeout: None,
            body: Box::new(|_, _| Ok(())),
            signal_on_start: None,
        }
    }

    pub fn path(&self, name: &str) -> String {
        self.dir.path().join(name).to_str().unwrap().to_owned()
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    pub fn exists(&self, name: &str) -> bool {
        Path::new(&self.path(name)).exists()
    }

    /// Adds a job; `@/` in a command is the folder.
    pub fn job(&mut self, work: Work, inputs: &[&str], outputs: &[&str]) -> &mut JobSpec {
        let job = u32::try_from(self.jobs.len()).unwrap();
        let folder = format!("{}/", self.path(""));
        let folder = folder.replace("//", "/");
        let work = match work {
            Work::Shell { command } => Work::Shell { command: command.replace("@/", &folder) },
            other => other,
        };
        let list = |names: &[&str]| Named {
            items: names.iter().map(|name| self.path(name)).collect::<Vec<_>>(),
            names: Vec::new(),
        };
        let spec = JobSpec {
            job,
            rule: format!("rule{job}"),
            work,
            wildcards: Vec::new(),
            input: list(inputs),
            output: list(outputs),
            log: Named::default(),
            params: Named::default(),
            resources: std::collections::BTreeMap::new(),
            threads: 1,
            attempt: 1,
            config: Arc::new(Value::None),
            outputs: outputs.iter().map(|name| OutputSpec { path: self.path(name), ..OutputSpec::default() }).collect(),
            stdio_log: self.path(&format!(".flow/log/rule{job}/log.txt")),
            benchmark: None,
            basedir: self.path(""),
            live_inputs: Vec::new(),
            made_directories: Vec::new(),
            shadow: None,
            cache: None,
            staging: None,
        };
        self.jobs.push(spec);
        self.jobs.last_mut().unwrap()
    }

    pub fn shell(&mut self, command: &str, inputs: &[&str], outputs: &[&str]) -> &mut JobSpec {
        self.job(Work::Shell { command: command.to_owned() }, inputs, outputs)
    }

    pub fn inside(&mut self, inputs: &[&str], outputs: &[&str]) -> &mut JobSpec {
        let program = Arc::new(Program { code: String::new(), origin: Vec::new(), calls_shell: false });
        self.job(Work::Run { program }, inputs, outputs)
    }

    /// Runs all jobs; the body is used up.
    pub fn run(&mut self) -> Ran {
        let opened = Store::open(self.dir.path()).unwrap();
        let reports = self.reports.clone();
        let disk: Arc<dyn Disk> = Arc::new(RealDisk);
        let body = std::mem::replace(&mut self.body, Box::new(|_, _| Ok(())));
        let mut local =
            Local::new(self.cores as usize, Arc::new(Inside(body)), Arc::clone(&disk), reports.clone()).unwrap();
        let mut tasks = Tasks::new(vec![u64::from(self.cores)]);
        for spec in &self.jobs {
            let demand = vec![u64::from(spec.threads)];
            tasks.add(Task { priority: 0, frees: false, weight: 1, position: spec.job, demand }).unwrap();
        }
        for &(before, after) in &self.edges {
            tasks.edge(before, after);
        }
        let mut plain = Plain {
            jobs: self.jobs.iter().cloned().map(Arc::new).collect(),
            retries: self.retries,
            timeout: self.timeout,
            outcomes: Vec::new(),
        };
        let mut log = Log { events: Vec::new(), signal: self.signal_on_start.map(|signal| (signal, reports)) };
        let run = Run {
            settings: Settings {
                tag: format!("test-{}-{}", std::process::id(), self.dir.path().display()),
                keep_going: self.keep_going,
                strict: false,
                detach: false,
                keep_incomplete: self.keep_incomplete,
                whole_logs: false,
                resources: vec!["threads".to_owned()],
            },
            scheduler: Scheduler::new(tasks),
            director: &mut plain,
            executor: &mut local,
            reporter: &mut log,
            reports: &self.inbox,
            writer: opened.store.writer(),
            disk: &*disk,
        };
        let summary = run.go().unwrap();
        drop(opened);
        let opened_again = Store::open(self.dir.path()).unwrap();
        Ran { summary, events: log.events, outcomes: plain.outcomes, opened_again }
    }
}

struct Plain {
    jobs: Vec<Arc<JobSpec>>,
    retries: u32,
    timeout: Option<Duration>,
    outcomes: Vec<Outcome>,
}

impl Director for Plain {
    fn name(&self, job: u32) -> JobName {
        let spec = &self.jobs[job as usize];
        JobName { job, rule: spec.rule.clone(), wildcards: Vec::new(), outputs: spec.output.items.clone() }
    }

    fn prepare(&mut self, job: u32, attempt: u32) -> Decision {
        let mut spec = JobSpec::clone(&self.jobs[job as usize]);
        spec.attempt = attempt;
        Decision::Run(Box::new(Prepared {
            key: format!("job{job}"),
            reason: "test".to_owned(),
            message: None,
            demand: None,
            retries: self.retries,
            timeout: self.timeout,
            spec: Arc::new(spec),
        }))
    }

    fn finished(&mut self, job: u32, outcome: &mut Outcome) -> Result<Finished, Box<Failure>> {
        self.outcomes.push(outcome.clone());
        let record = JobRecord {
            key: format!("job{job}"),
            rule: self.jobs[job as usize].rule.clone(),
            inputs: outcome.inputs.clone(),
            outputs: outcome.outputs.clone(),
            fingerprint: [7; 16],
            started_at_ms: outcome.started_at_ms,
            ended_at_ms: outcome.ended_at_ms,
            usage: outcome.usage,
            ..JobRecord::default()
        };
        Ok(Finished { record: Some(Box::new(record)), ..Finished::default() })
    }

    fn place(&self, _: u32) -> Option<String> {
        None
    }

    fn diagnose(&mut self, _: u32, _: &JobError) -> Option<String> {
        None
    }

    fn cut_off(&mut self, _: u32) -> Finished {
        Finished::default()
    }
}

struct Log {
    events: Vec<Event>,
    signal: Option<(i32, Sender<Report>)>,
}

impl Reporter for Log {
    fn tell(&mut self, event: &Event) {
        self.events.push(event.clone());
        if let (Event::Started { .. }, Some((signal, reports))) = (event, self.signal.take()) {
            reports.send(Report::Signal(signal)).unwrap();
        }
    }
}
