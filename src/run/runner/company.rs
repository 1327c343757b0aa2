//! Jobs that are given out with others: at the same time, or as one and in turn. The first one's turn is that of all; what
//! becomes of it is known when the last of them is over.

use std::sync::Arc;

use rustc_hash::FxHashSet;

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
                Decision::Run(prepared) => ready.push((job, Running::new(prepared, attempt))),
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
        let (mut ready, mut over, mut refused) = (Vec::new(), Vec::new(), Vec::new());
        for job in self.not_lost(jobs) {
            let attempt = self.attempt(job);
            match self.run.director.prepare(job, attempt) {
                Decision::Run(prepared) => ready.push((job, Running::new(prepared, attempt))),
                Decision::CutOff => {
                    self.tell_cut_off(job);
                    over.push(job);
                }
                Decision::Fail(_) if !self.run.director.follows(job).is_empty() => break,
                Decision::Fail(failure) => refused.push((job, *failure)),
            }
        }
        // Those that follow one that is refused now will not begin.
        let lost: FxHashSet<u32> = refused.iter().map(|(job, _)| *job).chain(self.failed.iter().copied()).collect();
        let lost = self.with_followers(lost, &ready.iter().map(|(job, _)| *job).collect::<Vec<_>>());
        ready.retain(|(job, _)| !lost.contains(job));
        let members: Vec<u32> = ready.iter().map(|(job, _)| *job).collect();
        let refused_jobs = refused.iter().map(|(job, _)| *job);
        self.sets
            .join(first, &members.iter().copied().chain(over.iter().copied()).chain(refused_jobs).collect::<Vec<_>>());
        for (job, running) in ready {
            let follows = self.run.director.follows(job);
            let turn = Some(Turn { first, members: members.len(), follows });
            let order = Order { turn, ..self.order(&running) };
            self.give_out(job, running, order);
        }
        for job in over {
            self.settle(job, true);
        }
        for (job, failure) in refused {
            self.refuse(job, String::new(), failure, Usage::default());
        }
    }

    /// Those of jobs in their order that have not failed for good, and follow none that has.
    fn not_lost(&self, jobs: Vec<u32>) -> Vec<u32> {
        let lost = self.with_followers(self.failed.iter().copied().collect(), &jobs);
        jobs.into_iter().filter(|job| !lost.contains(job)).collect()
    }

    /// These jobs, and those among `jobs`, in their order, that follow them.
    fn with_followers(&self, mut lost: FxHashSet<u32>, jobs: &[u32]) -> FxHashSet<u32> {
        for &job in jobs {
            if self.run.director.follows(job).iter().any(|before| lost.contains(before)) {
                lost.insert(job);
            }
        }
        lost
    }

    /// A job is over: tells the scheduler, of jobs that go out together when the last one is.
    pub(super) fn settle(&mut self, job: u32, success: bool) {
        match self.sets.over(job, success) {
            Over::Waits => {}
            Over::Succeeded(first) | Over::ToRetry(first, _) | Over::Failed(first) if self.settle_turn(first) => {}
            Over::Succeeded(job) => self.run.scheduler.finish(job),
            Over::ToRetry(first, stopped) if self.closing.is_none() => {
                self.stopped.retain(|job| !stopped.contains(job));
                *self.failures.entry(first).or_default() += 1;
                self.run.scheduler.retry(first);
            }
            Over::Failed(job) | Over::ToRetry(job, _) => drop(self.run.scheduler.fail(job)),
        }
    }

    /// Of jobs that run in turn none runs any more: what is left of them goes out again, unless it follows one that has failed
    /// for good. False if all of them are through, or this is no such job.
    fn settle_turn(&mut self, first: u32) -> bool {
        let open = self.run.director.in_turn(first);
        if open.is_empty() {
            return false;
        }
        let left = if self.closing.is_none() { self.not_lost(open.clone()) } else { Vec::new() };
        if left.is_empty() {
            let open: FxHashSet<u32> = open.into_iter().collect();
            let director = &self.run.director;
            let is_lost = |after: u32| director.needs_of(after, first).iter().any(|before| open.contains(before));
            self.run.scheduler.fail_in_part(first, &is_lost);
        } else {
            let left: FxHashSet<u32> = left.into_iter().collect();
            self.stopped.retain(|job| !left.contains(job));
            self.run.scheduler.retry(first);
        }
        true
    }
}
