//! The loop of a run: what may start, what it is, who runs it, what came of it. One thread; orders out, reports in.
//! Knows jobs by number; what a job is and what its end means is the [`Director`]'s to say.

use std::time::Duration;

use super::executor::Hashes;
use super::spec::{JobSpec, Outcome};
use crate::event::{Failure, JobName};
use crate::store::JobRecord;

/// What holds for the whole run.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The run's tag: see [`crate::store::RunRecord`].
    pub tag: String,
    /// Go on with what does not depend on a failed job.
    pub keep_going: bool,
    pub keep_incomplete: bool,
}

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
    pub spec: JobSpec,
    /// The store's key of the job.
    pub key: String,
    pub reason: String,
    pub message: Option<String>,
    /// What the job takes, where that is other than what the scheduler was told (by resource, as in `Tasks::new`).
    pub demand: Option<Vec<u64>>,
    /// How often it may be tried again.
    pub retries: u32,
    pub timeout: Option<Duration>,
    pub hashes: Hashes,
}

/// What follows from a job's success.
#[derive(Debug, Clone, Default)]
pub struct Finished {
    /// What the store is to remember.
    pub record: Option<Box<JobRecord>>,
    /// Files that nobody needs any more (`temp()`).
    pub remove: Vec<String>,
    /// The plan has changed (a checkpoint): running jobs are awaited, and the run ends with [`Ending::Replan`].
    pub replan: bool,
}

/// Who knows what the jobs are. Called on the loop's thread.
pub trait Director {
    /// How reports name a job.
    fn name(&self, job: u32) -> JobName;

    /// Called when a job's turn has come; `attempt` is 1 for the first try.
    fn prepare(&mut self, job: u32, attempt: u32) -> Decision;

    /// Called when a job's outputs are in place, before anything that depends on it is prepared. A failure counts as
    /// the job's.
    fn finished(&mut self, job: u32, outcome: &Outcome) -> Result<Finished, Box<Failure>>;

    /// Called instead of [`Director::finished`] for a job that was cut off.
    fn cut_off(&mut self, job: u32) -> Finished;
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    Done,
    /// Jobs failed, or could not be run because others had.
    Failed,
    /// Ended early so that the rest can be planned anew.
    Replan,
    /// By this signal: the exit code is 128 + its number.
    Interrupted(i32),
}

/// What became of the jobs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    pub ending: Ending,
    pub done: Vec<u32>,
    pub cut_off: Vec<u32>,
    pub failed: Vec<u32>,
    /// Not tried: because a job before them failed, or because the run ended.
    pub not_run: Vec<u32>,
}
