//! What flow asks of a batch system, whichever it is: take these tasks, say which are still there, why this one is not, end
//! those. Each call waits for the system's programs; a clerk makes them on a thread of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use crate::run::spec::JobSpec;

/// Tasks that go out together: they ask for the same.
#[derive(Debug, Clone)]
pub struct Submission {
    /// Number of the batch in its run.
    pub batch: usize,
    /// Its folder, absolute.
    pub folder: PathBuf,
    /// Where its jobs work, absolute.
    pub directory: PathBuf,
    pub tasks: usize,
    /// Options for what its tasks need, as [`super::shape::Shape::options`] has them.
    pub options: Vec<String>,
    /// For people who look at the queue: the rule, if all jobs are of one.
    pub name: String,
    /// Unique in the world; by it a batch is found again whose submission was not answered.
    pub comment: String,
    /// The first job, as if it asked for what its task needs: what a command for submitting may ask for.
    pub first: Box<JobSpec>,
}

/// What became of a submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Submitted {
    /// The system calls it so.
    As(String),
    /// There is no room for so many now; for fewer there may be.
    Full(String),
    /// It was not taken, or nobody can say: it may be in another minute.
    Later(String),
    /// It will never be taken as it is.
    Refused(String),
}

/// What is in the queue or runs.
#[derive(Debug, Clone, Default)]
pub struct Live {
    /// As [`Manner::task`] names them.
    pub tasks: BTreeSet<String>,
    /// By comment, the name of a batch.
    pub batches: BTreeMap<String, String>,
}

/// Why a task is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fate {
    /// The system's word: `TIMEOUT`, `OUT_OF_MEMORY`, `NODE_FAIL`, `CANCELLED`, `FAILED`, `COMPLETED`.
    pub state: String,
    pub node: String,
    pub exit: Option<String>,
}

/// What distinguishes batch systems, for who does not call them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Manner {
    /// For people.
    pub name: &'static str,
    /// A batch is an array, and its tasks are called by their numbers in it; otherwise it is one task.
    pub has_arrays: bool,
    /// It ends jobs itself when their `runtime` is over.
    pub keeps_time: bool,
}

impl Manner {
    /// What the system calls the task of this number of a batch.
    pub fn task(&self, batch: &str, index: usize) -> String {
        if self.has_arrays { format!("{batch}_{index}") } else { batch.to_owned() }
    }
}

pub trait BatchSystem: Send {
    fn manner(&self) -> Manner;

    /// How many tasks a submission may have.
    fn most_tasks(&mut self) -> usize;

    fn submit(&mut self, submission: &Submission) -> Submitted;

    /// What is there of the user's; `tasks` are those that flow asks about.
    ///
    /// # Errors
    /// What the system said: nothing follows from it for the tasks.
    fn look(&mut self, tasks: &[String]) -> Result<Live, String>;

    /// Why a task that is not there any more ended; `None` if the system does not know.
    fn fate(&mut self, task: &str) -> Option<Fate>;

    /// Ends batches, whether they wait or run.
    ///
    /// # Errors
    /// What the system said.
    fn cancel(&mut self, batches: &[String]) -> Result<(), String>;
}
