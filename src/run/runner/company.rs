//! Jobs that are given out with others: at the same time, or as one and in turn. The first one's turn is that of all; what
//! becomes of it is known when the last of them is over.

use std::sync::Arc;

use super::{Loop, Running};
use crate::event::Usage;
use crate::run::director::Decision;
use crate::run::executor::{Order, Turn};
use crate::run::sets::Over;
use crate::run::together::Together;

impl Loop<'_> {
    /// Starts jobs that only run at the same time. What they take together was the first one's to ask for.
    pub(super) fn start_together(&mut self, first: u32, companions: Vec<u32>) {
        let attempt = self.attempt(first);
        let mut ready = Vec::new();
        for job in std::iter::once(first).chain(companions) {
            match self.run.director.prepare(job, attempt) {
                Decision::Run(prepared) => ready.push((job, Running { prepared, attempt })),
                Decision::Fail(failure) => {
                    self.sets.join(first, &[job]);
                    return self.refuse(job, String::new(), *failure, Usage::default());
                }
                Decision::CutOff => unreachable!("jobs that run together are decided together, before the run"),
            }
        }
        self.sets.join(first, &ready.iter().map(|(job, _)| *job).collect::<Vec<_>>());
        let together = Arc::new(Together::new(ready.iter().map(|(_, running)| &*running.prepared.spec)));
        for (job, running) in ready {
            let order = Order { together: Some(Arc::clone(&together)), ..self.order(&running) };
            self.give_out(job, running, order);
        }
    }

    /// Gives out as one what is left of jobs that run in turn. One that cannot be prepared before those that it follows are
    /// through is left for the next time, and so is what comes after it.
    pub(super) fn start_in_turn(&mut self, first: u32, jobs: Vec<u32>) {
        let attempt = self.attempt(first);
        let (mut ready, mut cut_off) = (Vec::new(), Vec::new());
        for job in jobs {
            match self.run.director.prepare(job, attempt) {
                Decision::Run(prepared) => ready.push((job, Running { prepared, attempt })),
                Decision::CutOff => {
                    self.tell_cut_off(job);
                    cut_off.push(job);
                }
                Decision::Fail(_) if !self.run.director.follows(job).is_empty() => break,
                Decision::Fail(failure) => {
                    self.sets.join(first, &[job]);
                    return self.refuse(job, String::new(), *failure, Usage::default());
                }
            }
        }
        let members: Vec<u32> = ready.iter().map(|(job, _)| *job).collect();
        self.sets.join(first, &[&members[..], &cut_off[..]].concat());
        for (job, running) in ready {
            let follows = self.run.director.follows(job);
            let turn = Some(Turn { first, members: members.len(), follows });
            let order = Order { turn, ..self.order(&running) };
            self.give_out(job, running, order);
        }
        for job in cut_off {
            self.settle(job, true);
        }
    }

    /// A job is over: tells the scheduler, of jobs that go out together when the last one is.
    pub(super) fn settle(&mut self, job: u32, success: bool) {
        match self.sets.over(job, success) {
            Over::Waits => {}
            // Some of those that run in turn could not be given out before.
            Over::Succeeded(job) if self.closing.is_none() && !self.run.director.in_turn(job).is_empty() => {
                self.run.scheduler.retry(job);
            }
            Over::Succeeded(job) => self.run.scheduler.finish(job),
            Over::ToRetry(first, stopped) if self.closing.is_none() => {
                self.stopped.retain(|job| !stopped.contains(job));
                *self.failures.entry(first).or_default() += 1;
                self.run.scheduler.retry(first);
            }
            Over::Failed(job) | Over::ToRetry(job, _) => drop(self.run.scheduler.fail(job)),
        }
    }
}
