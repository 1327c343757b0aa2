//! The director's side of a run: what a job is when its turn comes, and what follows from its end. The run's loop knows
//! jobs by number only, and asks here.

use std::sync::Arc;
use std::time::Duration;

use super::spec::{JobError, JobSpec, Outcome};
use super::tasks::{Demand, Tasks};
use crate::event::{Failure, JobName, RuleCount};
use crate::store::JobRecord;

/// What a job is, when its turn has come.
#[derive(Debug, Clone)]
pub enum Decision {
    /// Nothing to do after all: its inputs came out as they were.
    CutOff,
    Run(Box<Prepared>),
    /// It cannot be run: counted as failed.
    Fail(Box<Failure>),
}

/// A job, ready to be run.
#[derive(Debug, Clone)]
pub struct Prepared {
    pub spec: Arc<JobSpec>,
    /// The store's key of the job.
    pub key: String,
    pub reason: String,
    pub message: Option<String>,
    /// What the job takes, where that is other than what the scheduler was told (see [`super::tasks::Tasks`]).
    pub demand: Option<Demand>,
    /// How often it may be tried again.
    pub retries: u32,
    pub timeout: Option<Duration>,
}

/// What follows from a job's success.
#[derive(Debug, Clone, Default)]
pub struct Finished {
    /// What the store is to remember.
    pub record: Option<Box<JobRecord>>,
    /// Files that nobody needs any more (`temp()`), each with whether it is a `directory()`.
    pub remove: Vec<(String, bool)>,
}

/// What a look back at the end of a run finds.
#[derive(Debug, Default)]
pub struct Afterwards {
    pub warnings: Vec<String>,
    /// Jobs that were done, and whose outputs are not what they made.
    pub failures: Vec<(u32, Failure)>,
}

/// What a run has to do besides, now that more is known.
#[derive(Debug)]
pub struct Growth {
    /// The jobs that are known now, from [`super::scheduler::Scheduler::more`].
    pub tasks: Tasks,
    pub rules: Vec<RuleCount>,
    /// As in [`Finished`].
    pub remove: Vec<(String, bool)>,
}

/// Who knows what the jobs are. Called on the loop's thread.
pub trait Director {
    /// Whether a job is done that says what else there is to do, and nobody has asked for that yet.
    fn knows_more(&self) -> bool {
        false
    }

    /// Whether this is a job that says what else there is to do.
    fn tells_more(&self, _job: u32) -> bool {
        false
    }

    /// What there is to do besides, for [`super::scheduler::Scheduler::grow`]; takes the tasks to add to. `None`: it cannot be known, and
    /// the director keeps the reason for its maker.
    fn grow(&mut self, tasks: Tasks) -> Option<Growth> {
        Some(Growth { tasks, rules: Vec::new(), remove: Vec::new() })
    }

    /// How many jobs are known to be to do, and not yet what they are.
    fn unknown(&self) -> usize {
        0
    }

    /// How reports name a job.
    fn name(&self, job: u32) -> JobName;

    /// The jobs that run at the same time as this one, whose turn it is, or not at all.
    fn companions(&self, _job: u32) -> Vec<u32> {
        Vec::new()
    }

    /// The jobs that go out as one with this one, whose turn it is, to be run one after the other: itself and the others that
    /// are not through, in their order. Nothing for a job that goes alone.
    fn in_turn(&self, _job: u32) -> Vec<u32> {
        Vec::new()
    }

    /// Of these, the ones that must have succeeded before this one begins.
    fn follows(&self, _job: u32) -> Vec<u32> {
        Vec::new()
    }

    /// Which of the jobs that go out with `first` one needs that does not, or one of those that go out with that.
    fn needs_of(&self, _job: u32, _first: u32) -> Vec<u32> {
        Vec::new()
    }

    /// Called when a job's turn has come; `attempt` is 1 for the first try.
    fn prepare(&mut self, job: u32, attempt: u32) -> Decision;

    /// Called when a job's outputs are in place, before anything that depends on it is prepared; takes the records of its files,
    /// of which there may be a million. A failure counts as the job's.
    fn finished(&mut self, job: u32, outcome: &mut Outcome) -> Result<Finished, Box<Failure>>;

    /// Where the job's work stands: `Rulefile:7`.
    fn place(&self, job: u32) -> Option<String>;

    /// The rendered message of a failure that has a place in the Rulefile.
    fn diagnose(&mut self, job: u32, error: &JobError) -> Option<String>;

    /// Called instead of [`Director::finished`] for a job that was cut off.
    fn cut_off(&mut self, job: u32) -> Finished;

    /// Called when all jobs are through, of a run that nobody interrupted.
    fn look_back(&mut self) -> Afterwards {
        Afterwards::default()
    }
}
