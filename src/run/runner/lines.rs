//! Lines of short jobs: what is given out behind a job that runs, to take its place and one another's, and what of that is taken
//! back. Says who stands where; who may is the scheduler's to say.

use std::cmp::Reverse;
use std::time::Duration;

use super::{Loop, Running, TICK};
use crate::run::executor::Order;

/// A line of jobs that takes less than this, by the last ones of their rules, is short: what comes after it is to be known.
const SHORT: Duration = Duration::from_millis(10);

/// The most jobs of a line, so that not much is to be taken back when one fails.
const LONGEST_LINE: usize = 8;

impl Loop<'_> {
    /// Lines up jobs behind those that run, one behind each in turn, as long as they will be over soon. True: some were not
    /// to be run, and others need not wait for them any more.
    pub(super) fn line_up(&mut self) -> bool {
        if !self.run.executor.lines_up() {
            return false;
        }
        let cut_off = self.cut_off.len();
        let mut heads: Vec<u32> = self.running.keys().copied().collect();
        while !heads.is_empty() {
            heads.retain(|&head| self.lengthen(head));
        }
        self.cut_off.len() > cut_off
    }

    /// Gives out the job that takes the place of the last one in the line behind this one, which runs. False: there is none, or the
    /// line is long enough.
    fn lengthen(&mut self, head: u32) -> bool {
        let Some(line) = self.short_line(head) else { return false };
        let last = line[line.len() - 1];
        let in_hand = self.running.len() + self.lined_up.len();
        while let Some(job) = self.run.scheduler.pick_successor(&line, in_hand) {
            let goes_alone = self.run.director.companions(job).is_empty();
            match goes_alone.then(|| self.decide(job)) {
                Some(Err(None)) => {
                    self.cut_off(job);
                    continue;
                }
                // It may ask for more than this place has.
                Some(Ok(running)) if running.prepared.demand.is_some() => drop(self.parked.insert(job, running)),
                Some(Ok(running)) => {
                    let order = Order { after: Some(last), ..self.order(&running) };
                    self.run.executor.submit(order);
                    self.lined_up.insert(last, (job, running));
                    return true;
                }
                // It fails when its turn comes: those before it are done then.
                Some(Err(Some(_))) | None => {}
            }
            self.run.scheduler.retry(job);
            return false;
        }
        false
    }

    /// A job that has just begun and those lined up behind it, if another one may be: they are few, together they are short, and
    /// nothing that is not known now is to come after them.
    fn short_line(&self, head: u32) -> Option<Vec<u32>> {
        let director = &self.run.director;
        let running = self.running.get(&head)?;
        if self.sets.has(head) || running.is_older(SHORT) || director.knows_more() {
            return None;
        }
        let pace = |running: &Running| self.paces.get(&running.prepared.spec.rule).copied();
        let line = self.line(head);
        let mut length = pace(running)?;
        for last in &line[..line.len() - 1] {
            length += pace(&self.lined_up.get(last)?.1)?;
        }
        let is_short = length < SHORT && line.len() < LONGEST_LINE;
        (is_short && !line.iter().any(|&job| director.tells_more(job))).then_some(line)
    }

    /// Takes back what is lined up behind jobs that were thought to be short, and are not.
    pub(super) fn free_lines(&mut self) {
        let long = self.running.iter().filter(|(_, running)| running.is_older(TICK));
        for head in long.map(|(&head, _)| head).collect::<Vec<_>>() {
            self.take_back(head);
        }
    }

    /// Takes back what is lined up behind a job, as far as it has not begun.
    fn take_back(&mut self, head: u32) {
        for before in self.line(head).into_iter().rev() {
            if let Some((job, running)) = self.withdraw(before) {
                self.parked.insert(job, running);
                self.run.scheduler.retry(job);
            }
        }
    }

    /// A job and those lined up behind it.
    fn line(&self, head: u32) -> Vec<u32> {
        std::iter::successors(Some(head), |last| self.lined_up.get(last).map(|(next, _)| *next)).collect()
    }

    /// There is room, and nothing else to do: jobs that wait for others' places need not. Of the longest line the second half goes.
    /// False: none does.
    pub(super) fn call_back(&mut self) -> bool {
        let mut lines: Vec<Vec<u32>> = self.running.keys().map(|&head| self.line(head)).collect();
        lines.sort_by_key(|line| Reverse(line.len()));
        let middles = lines.iter().map(|line| line[line.len().div_ceil(2) - 1]);
        let mut befores = middles.chain(self.lined_up.keys().copied());
        let Some(before) = befores.find(|&before| self.run.scheduler.part(before)) else { return false };
        if let Some((job, running)) = self.withdraw(before) {
            self.submit(job, running);
        }
        true
    }

    /// The job that was to take another one's place, if it has not begun.
    fn withdraw(&mut self, first: u32) -> Option<(u32, Running)> {
        let (job, _) = self.lined_up.get(&first)?;
        if self.run.executor.withdraw(*job) { self.lined_up.remove(&first) } else { None }
    }

    /// A job has ended, and the one in its place has begun, or is not to begin, as all those behind it.
    pub(super) fn follow(&mut self, ended: u32, success: bool) {
        if !success || self.closing.is_some() {
            self.take_back(ended);
        }
        if let Some((job, running)) = self.lined_up.remove(&ended) {
            self.begun(job, running);
        }
    }
}
