//! Jobs that run at the same time or not at all: which belong together, and what came of them when the last one is over.
//! The first of a set stands for it. Knows jobs by number.

use std::collections::BTreeMap;

/// The sets that run.
#[derive(Debug, Default)]
pub(super) struct Sets {
    /// By member, the first one.
    first: BTreeMap<u32, u32>,
    by_first: BTreeMap<u32, Set>,
}

#[derive(Debug, Default)]
struct Set {
    /// How many still run.
    left: usize,
    /// One failed, or was ended because another did.
    failed: bool,
    /// One failed for good.
    refused: bool,
    /// Those that were ended because another failed.
    stopped: Vec<u32>,
}

/// What a job's end means.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Over {
    /// Others of its set still run.
    Waits,
    /// The job alone, or the first one of a set that is through.
    Succeeded(u32),
    Failed(u32),
    /// The whole set may be tried again; with those that were ended because of others.
    ToRetry(u32, Vec<u32>),
}

impl Sets {
    /// These jobs run together; the first one stands for them, whether it is among them or not.
    pub fn join(&mut self, first: u32, members: &[u32]) {
        self.first.extend(members.iter().map(|&member| (member, first)));
        self.by_first.insert(first, Set { left: members.len(), ..Set::default() });
    }

    /// Whether a job that runs is one of a set.
    pub fn has(&self, job: u32) -> bool {
        self.first.contains_key(&job)
    }

    /// The one that stands for a job.
    pub fn first(&self, job: u32) -> u32 {
        self.first.get(&job).copied().unwrap_or(job)
    }

    fn set(&mut self, job: u32) -> Option<&mut Set> {
        self.by_first.get_mut(self.first.get(&job)?)
    }

    /// A job was ended because another one of its set failed.
    pub fn stopped(&mut self, job: u32) {
        if let Some(set) = self.set(job) {
            set.stopped.push(job);
        }
    }

    /// A job has failed for good.
    pub fn refused(&mut self, job: u32) {
        if let Some(set) = self.set(job) {
            set.refused = true;
        }
    }

    /// A job does not run any more.
    pub fn over(&mut self, job: u32, success: bool) -> Over {
        let Some(set) = self.set(job) else {
            return if success { Over::Succeeded(job) } else { Over::Failed(job) };
        };
        set.left -= 1;
        set.failed |= !success;
        let left = set.left;
        let first = self.first.remove(&job).expect("it is one of the set");
        if left > 0 {
            return Over::Waits;
        }
        match self.by_first.remove(&first).expect("it was there") {
            set if !set.failed => Over::Succeeded(first),
            set if set.refused => Over::Failed(first),
            set => Over::ToRetry(first, set.stopped),
        }
    }
}
