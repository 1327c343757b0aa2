//! The executor's side of a run: orders go in, reports come out of a channel. Nothing here assumes a thread, a process or
//! this machine.

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::spec::{JobError, JobSpec, Outcome};
use super::together::Together;
use crate::disk::{Content, Stamp};
use crate::store::Ticket;

/// A job, ready to be run: its inputs are there.
#[derive(Debug, Clone)]
pub struct Order {
    pub spec: Arc<JobSpec>,
    /// The store's key of the job.
    pub key: String,
    /// Begins when this job, which was given out before, has succeeded, in its place; not at all if that one fails.
    pub after: Option<u32>,
    /// The run's tag, which every process of the job carries as `FLOW_RUN`.
    pub run: String,
    /// The job's row among the started ones; work that writes in place waits for its commit.
    pub ticket: Ticket,
    /// After this time the job is ended with [`JobError::TimedOut`].
    pub timeout: Option<Duration>,
    /// Its processes see and write what it declares, and nothing else of the user's.
    pub strict: bool,
    /// What a failed job wrote in place is left where it is.
    pub keep_incomplete: bool,
    /// Of a failed job the whole log is told, not only its end.
    pub whole_log: bool,
    /// The jobs that it runs together with.
    pub together: Option<Arc<Together>>,
    /// The jobs that it runs in one place with, one after the other.
    pub turn: Option<Turn>,
}

/// The place of a job among those that are given out as one, to be run in turn. If one fails, those that follow it are
/// answered with [`JobError::Interrupted`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// The first of them; and how many they are.
    pub first: u32,
    pub members: usize,
    /// Those of them that must have succeeded before this one begins.
    pub follows: Vec<u32>,
}

/// What the run's loop is told.
#[derive(Debug)]
pub enum Report {
    Done(Box<Outcome>),
    /// A job's processes, of this group, were stopped by a signal, and wait to be told to go on.
    Halted {
        job: u32,
        group: i32,
        signal: i32,
    },
    /// The process got this signal.
    Signal(i32),
    /// Something to know of the jobs that run elsewhere.
    Warning(String),
    /// These jobs run now, elsewhere.
    Begun(Vec<u32>),
}

/// Who runs jobs. Each order that is not withdrawn is answered by one [`Report::Done`] through the channel that the executor
/// was made with, one with [`Order::after`] later than the job before it; orders that were not begun when [`Executor::stop`] came are answered with [`JobError::Interrupted`].
pub trait Executor {
    /// Takes a job. Never waits for it.
    fn submit(&mut self, order: Order);

    /// Takes an order with [`Order::after`] back; false if it has begun.
    fn withdraw(&mut self, job: u32) -> bool;

    /// Begins nothing more, commits nothing more, and ends what runs; may be called again with more force.
    fn stop(&mut self, force: Force);

    /// The same, but for jobs that run elsewhere: those go on, and are not answered. Gives which these are.
    fn leave(&mut self) -> Vec<u32> {
        self.stop(Force::Term);
        Vec::new()
    }

    /// Whether an order may be given out to take the place of one that runs ([`Order::after`]).
    fn lines_up(&self) -> bool {
        true
    }

    /// How long what was told to stop may take until it has: longer than the grace between `SIGTERM` and `SIGKILL`.
    fn patience(&self) -> Duration {
        Duration::from_millis(800)
    }

    /// Gives up on work inside the process that did not end: what it wrote so far is removed, nothing more of it is
    /// committed or reported.
    fn abandon(&mut self);
}

/// How running children are ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Force {
    /// `SIGTERM`, and after a grace period `SIGKILL`.
    Term,
    /// `SIGKILL` at once.
    Kill,
}

/// The work that is done inside the process: `run:` bodies. Implemented outside of `run/`, which knows no actions.
pub trait InProcess: Send + Sync {
    /// Does the work of a [`super::spec::Work::Run`]. Outputs are written to where [`Workspace::output_path`] says.
    fn run(&self, spec: &JobSpec, workspace: &mut dyn Workspace) -> Result<(), JobError>;
}

/// What a job inside the process may do to the world.
pub trait Workspace {
    /// Where an output is while the job works: a temporary sibling, which becomes the output when the job has succeeded.
    /// Its folder is there. A path that is no declared output (a log, say) comes back as it is.
    fn output_path(&self, output: &str) -> String;

    /// Makes a file for writing at such a place, or an empty one instead of what is there. Others may find it there only
    /// after [`Workspace::settle`].
    fn create(&mut self, path: &str) -> io::Result<Arc<File>> {
        File::create(path).map(Arc::new)
    }

    /// What was made by [`Workspace::create`] is to be found at its place from now on.
    fn settle(&mut self, _path: &str) -> io::Result<()> {
        Ok(())
    }

    /// Whether it is of use to know what is in a file with such a stamp.
    fn wants(&self, _path: &str, _stamp: &Stamp) -> bool {
        false
    }

    /// This was in a file when the job had read or written it: nobody needs to read it again for its hash.
    fn saw(&mut self, _path: &str, _content: Content) {}

    /// The job is about to write a file in a way that it will not tell, at its place.
    fn forget(&mut self, _path: &str) {}

    /// Whether the job sees what it declares alone.
    fn is_strict(&self) -> bool {
        false
    }

    /// Whether the job is to give up: nothing of it will be kept.
    fn is_cancelled(&self) -> bool;

    /// Runs a command as `shell("…")` does, to its end. Outputs that the command names are the final paths: the caller
    /// fills placeholders with [`Workspace::output_path`].
    fn shell(&mut self, command: &str) -> Result<(), JobError>;
}
