//! The other end: flow on a node, for one task of a batch. Reads what the task is, runs its units, as many at a time as its
//! threads allow, brings home what they made, and says how they ended. Knows neither Rulefile nor graph nor records.

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};

use super::homecoming::{self, Olds};
use super::spool::{Claim, Header, Spool, Unit, read_task};
use super::staging::staged;
use crate::disk::RealDisk;
use crate::event::{Place, Usage};
use crate::run::executor::{Executor, Force, InProcess, Order, Report};
use crate::run::local::Local;
use crate::run::signals;
use crate::run::spec::{JobError, JobSpec, Outcome};
use crate::run::together::Together;
use crate::store::{Ticket, host};

/// Runs the task of this number of a batch, whose folder this is. Gives whether all its jobs succeeded.
///
/// # Errors
/// The task cannot be read, or what came of it not be told, in which case nothing of it has come home.
pub fn run(folder: &Path, index: usize, in_process: Arc<dyn InProcess>) -> io::Result<bool> {
    let (header, task) = read_task(folder, index)?;
    std::env::set_current_dir(&header.directory)?;
    let (sender, reports) = channel();
    let watch = signals::watch(sender.clone())?;
    let most = task.units.iter().map(|unit| unit.jobs.len()).max().unwrap_or(1);
    let workers = most.max(task.threads as usize);
    let executor = Local::new(workers, in_process, Arc::new(RealDisk), sender)?;
    let mut node = Node {
        spool: Spool::of(&header.run),
        ran: Place { node: node_name(), job: batch_job() },
        free: task.threads,
        waiting: task.units.into(),
        over: BTreeMap::new(),
        begun: 0,
        running: BTreeMap::new(),
        jobs: BTreeMap::new(),
        stopped: false,
        failed: false,
        header,
        executor,
    };
    node.turn(&reports)?;
    drop(watch);
    Ok(!node.failed)
}

struct Node {
    header: Header,
    spool: Spool,
    ran: Place,
    executor: Local,
    /// Threads that nothing runs on.
    free: u32,
    /// Units that have not begun, in the order in which they are to.
    waiting: VecDeque<Unit>,
    /// Those that are over, with whether they succeeded.
    over: BTreeMap<String, bool>,
    /// How many units have begun: the number of the next one.
    begun: usize,
    /// By number.
    running: BTreeMap<usize, Begun>,
    /// By job, the number of its unit and its place in that.
    jobs: BTreeMap<u32, (usize, usize)>,
    stopped: bool,
    failed: bool,
}

/// A unit that runs.
struct Begun {
    unit: Unit,
    staged: Vec<JobSpec>,
    /// Of each of them.
    olds: Vec<Olds>,
    outcomes: Vec<Option<Outcome>>,
    threads: u32,
}

impl Node {
    fn turn(&mut self, reports: &Receiver<Report>) -> io::Result<()> {
        loop {
            while !self.stopped
                && let Some(unit) = self.next()?
            {
                self.begin(unit)?;
            }
            if self.running.is_empty() {
                break;
            }
            match reports.recv() {
                Ok(Report::Done(outcome)) => self.ended(*outcome)?,
                Ok(Report::Signal(_)) => {
                    self.executor.stop(if self.stopped { Force::Kill } else { Force::Term });
                    self.stopped = true;
                }
                Ok(Report::Halted { .. } | Report::Warning(_) | Report::Begun(_)) => {}
                Err(_) => return Err(io::Error::other("the workers are gone")),
            }
        }
        for unit in std::mem::take(&mut self.waiting) {
            let outcomes: Vec<Outcome> =
                unit.jobs.iter().map(|job| self.failure(job.spec.job, JobError::Interrupted)).collect();
            self.tell(&unit, &outcomes)?;
        }
        Ok(())
    }

    /// The next unit that can begin. Those that follow one that has failed never will.
    fn next(&mut self) -> io::Result<Option<Unit>> {
        let is_lost = |unit: &Unit, over: &BTreeMap<String, bool>| {
            unit.follows.iter().any(|before| over.get(before) == Some(&false))
        };
        while let Some(at) = self.waiting.iter().position(|unit| is_lost(unit, &self.over)) {
            let Some(unit) = self.waiting.remove(at) else { break };
            let outcomes: Vec<Outcome> =
                unit.jobs.iter().map(|job| self.failure(job.spec.job, JobError::Interrupted)).collect();
            self.tell(&unit, &outcomes)?;
        }
        let is_over = |name: &String| self.over.contains_key(name);
        let can_begin = |unit: &Unit| unit.follows.iter().chain(&unit.after).all(is_over);
        let Some(at) = self.waiting.iter().position(can_begin) else { return Ok(None) };
        let fits = self.running.is_empty() || threads(&self.waiting[at]) <= self.free;
        Ok(if fits { self.waiting.remove(at) } else { None })
    }

    /// Begins a unit, unless somebody else has: a task that was started twice, say.
    fn begin(&mut self, unit: Unit) -> io::Result<()> {
        let work = self.spool.work(&unit.name);
        match fs::create_dir(&work) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                eprintln!("flow: {work} is there: another task runs this job, or did");
                self.failed = true;
                self.over.insert(unit.name, false);
                return Ok(());
            }
            other => other?,
        }
        if self.spool.is_claimed(&unit.name) {
            // By a flow that gave it up, or by this task itself, before the batch system began it again.
            let told = self.spool.told(&unit.name)?;
            let success = told.is_some_and(|outcomes| outcomes.iter().all(|outcome| outcome.result.is_ok()));
            self.over.insert(unit.name, success);
            return fs::remove_dir_all(work);
        }
        let staged: Vec<JobSpec> = unit.jobs.iter().map(|job| staged(&job.spec)).collect();
        let olds = match staged.iter().map(|spec| homecoming::bring_old(spec, &RealDisk)).collect() {
            Ok(olds) => olds,
            Err(error) => {
                let outcomes: Vec<Outcome> = staged.iter().map(|spec| self.failure(spec.job, error.clone())).collect();
                return self.tell(&unit, &outcomes);
            }
        };
        let together = (staged.len() > 1).then(|| Arc::new(Together::new(staged.iter())));
        let (number, threads) = (self.begun, threads(&unit));
        self.begun += 1;
        self.free = self.free.saturating_sub(threads);
        for (at, (job, spec)) in unit.jobs.iter().zip(&staged).enumerate() {
            self.jobs.insert(spec.job, (number, at));
            self.executor.submit(Order {
                spec: Arc::new(spec.clone()),
                key: job.key.clone(),
                after: None,
                // Not the run's own: a flow that tidies up after a run ends the processes that carry its tag, and these are not
                // in doubt.
                run: format!("{}/{}", self.header.run, unit.name),
                ticket: Ticket::none(),
                timeout: job.timeout,
                strict: self.header.strict,
                keep_incomplete: self.header.keep_incomplete,
                whole_log: self.header.whole_log,
                together: together.clone(),
                turn: None,
            });
        }
        let outcomes = staged.iter().map(|_| None).collect();
        self.running.insert(number, Begun { unit, staged, olds, outcomes, threads });
        Ok(())
    }

    fn ended(&mut self, outcome: Outcome) -> io::Result<()> {
        let Some((number, at)) = self.jobs.remove(&outcome.job) else { return Ok(()) };
        let Some(begun) = self.running.get_mut(&number) else { return Ok(()) };
        begun.outcomes[at] = Some(outcome);
        if begun.outcomes.iter().any(Option::is_none) {
            return Ok(());
        }
        let begun = self.running.remove(&number).expect("it was found");
        self.free += begun.threads;
        let work = self.spool.work(&begun.unit.name);
        if !self.spool.claim(&begun.unit.name, Claim::Home)? {
            // Given up: another attempt may be under way, and nothing of this one is wanted.
            self.failed = true;
            self.over.insert(begun.unit.name, false);
            return fs::remove_dir_all(work);
        }
        let mut outcomes = Vec::with_capacity(begun.staged.len());
        let jobs = begun.staged.iter().zip(&begun.olds).zip(begun.outcomes.into_iter().flatten());
        for ((staged, olds), outcome) in jobs {
            let keep = self.header.keep_incomplete && staged.writes_in_place();
            let outcome = Outcome { ran: Some(self.ran.clone()), ..outcome };
            outcomes.push(homecoming::bring(staged, olds, (&work, keep), outcome, &RealDisk));
        }
        // What is not brought home is in nobody's way, should it not go.
        let _ = fs::remove_dir_all(&work);
        self.tell(&begun.unit, &outcomes)
    }

    fn tell(&mut self, unit: &Unit, outcomes: &[Outcome]) -> io::Result<()> {
        let success = outcomes.iter().all(|outcome| outcome.result.is_ok());
        self.failed |= !success;
        self.over.insert(unit.name.clone(), success);
        self.spool.tell(&unit.name, outcomes)
    }

    /// How a job ends that did not begin.
    fn failure(&self, job: u32, error: JobError) -> Outcome {
        Outcome { ran: Some(self.ran.clone()), ..Outcome::not_begun(job, error) }
    }
}

/// What a unit takes of the threads: its jobs run at the same time.
fn threads(unit: &Unit) -> u32 {
    unit.jobs.iter().map(|job| job.spec.threads.max(1)).sum()
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The node, as the batch system calls it.
fn node_name() -> String {
    variable("SLURMD_NODENAME").unwrap_or_else(host)
}

/// The job, as the batch system calls it.
fn batch_job() -> String {
    let array = variable("SLURM_ARRAY_JOB_ID").zip(variable("SLURM_ARRAY_TASK_ID"));
    let slurm = array.map(|(job, task)| format!("{job}_{task}")).or_else(|| variable("SLURM_JOB_ID"));
    let others =
        || ["PBS_JOBID", "LSB_JOBID", "JOB_ID", "FLUX_JOB_ID", "_CONDOR_JOB_ID"].into_iter().find_map(variable);
    slurm.or_else(others).unwrap_or_else(|| std::process::id().to_string())
}

/// The folder of a batch, as an absolute path.
pub fn folder(path: &str) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| PathBuf::from(path))
}

impl Outcome {
    /// Of a job that came to none of its work.
    pub fn not_begun(job: u32, error: JobError) -> Outcome {
        Outcome {
            job,
            began: false,
            result: Err(error),
            is_clean: true,
            unremoved: Vec::new(),
            usage: Usage::default(),
            inputs: Vec::new(),
            outputs: Vec::new(),
            started_at_ms: 0,
            ended_at_ms: 0,
            log_tail: Vec::new(),
            ran: None,
        }
    }
}
