//! Growing a graph: what was open because a checkpoint was not done is asked for again, and all that depends on it.
//! What was closed stays as it was settled.

use super::dag::JobId;
use super::resolve::{Resolver, State};
use crate::stat::Stats;

impl Resolver<'_> {
    /// Forgets the open jobs, and those that depend on them: the next resolution puts them together anew. Files that
    /// were not there may be there now.
    pub fn reopen(&mut self, stats: &mut Stats<'_>) {
        let mut open = vec![false; self.jobs.len()];
        for (at, job) in self.jobs.iter().enumerate() {
            let needs_open =
                |state: State| matches!(state, State::Made(maker) if open[maker.index()] && maker.index() != at);
            open[at] = self.open.contains_key(&JobId::new(at))
                || job.inputs.iter().any(|input| needs_open(self.states[input.index()]));
        }
        self.open.clear();
        self.kept.retain(|job| !open[job.index()]);
        self.known.retain(|_, job| !open[job.index()]);
        for (at, state) in self.states.iter_mut().enumerate() {
            match *state {
                State::Made(job) if open[job.index()] => *state = State::Unseen,
                State::Missing => {
                    *state = State::Unseen;
                    stats.forget(crate::path::FileId(u32::try_from(at).expect("ids are u32")));
                }
                _ => {}
            }
        }
        self.forget_failures();
    }
}
