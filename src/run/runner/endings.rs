//! How jobs end: what is recorded, told and removed, and what that means for the jobs that wait.

use super::{Ending, Loop, Running, command};
use crate::event::{Event, Failure, Usage};
use crate::run::director::Prepared;
use crate::run::executor::Force;
use crate::run::spec::{JobError, Outcome};
use crate::store::{FailureRecord, Left};

impl Loop<'_> {
    pub(super) fn ended(&mut self, mut outcome: Outcome) {
        let Some(running) = self.running.remove(&outcome.job) else { return };
        match &outcome.result {
            Ok(()) => self.succeeded(running, &mut outcome),
            // Ended by flow itself, not by its own fault.
            Err(error @ JobError::Interrupted) => {
                let left = self.record_failure(&running.prepared, &outcome, error);
                if outcome.began && left != Left::Nothing {
                    self.unfinished.push(outcome.job);
                }
                self.stopped(outcome.job, outcome.usage);
                if self.sets.has(outcome.job) {
                    self.sets.stopped(outcome.job);
                    self.settle(outcome.job, false);
                }
            }
            Err(error) => self.attempt_failed(running, &outcome, error),
        }
        self.follow(outcome.job, outcome.result.is_ok());
    }

    pub(super) fn stopped(&mut self, job: u32, usage: Usage) {
        self.run.reporter.tell(&Event::Stopped { job: self.run.director.name(job), usage });
        self.stopped.push(job);
    }

    fn succeeded(&mut self, running: Running, outcome: &mut Outcome) {
        let job = outcome.job;
        match self.paces.get_mut(&running.prepared.spec.rule) {
            Some(pace) => *pace = outcome.usage.wall,
            None => drop(self.paces.insert(running.prepared.spec.rule.clone(), outcome.usage.wall)),
        }
        match self.run.director.finished(job, outcome) {
            Err(failure) => {
                self.run.writer.ended(&running.prepared.key);
                self.refuse(job, running.prepared.reason, *failure, outcome.usage);
            }
            Ok(mut finished) => {
                match finished.record.take() {
                    Some(record) => self.run.writer.finished(record),
                    None => self.run.writer.ended(&running.prepared.key),
                }
                let (name, ran) = (self.run.director.name(job), outcome.ran.clone());
                self.run.reporter.tell(&Event::Finished { job: name, usage: outcome.usage, ran });
                self.done.push(job);
                self.settle(job, true);
                self.remove(&finished.remove);
            }
        }
    }

    pub(super) fn cut_off(&mut self, job: u32) {
        self.tell_cut_off(job);
        self.run.scheduler.finish(job);
    }

    pub(super) fn tell_cut_off(&mut self, job: u32) {
        let mut finished = self.run.director.cut_off(job);
        if let Some(record) = finished.record.take() {
            self.run.writer.refreshed(record);
        }
        self.run.reporter.tell(&Event::CutOff { job: self.run.director.name(job) });
        self.cut_off.push(job);
        self.remove(&finished.remove);
    }

    pub(super) fn remove(&mut self, files: &[(String, bool)]) {
        for (path, is_directory) in files {
            if let Err(error) = self.run.disk.remove_output(path, *is_directory) {
                self.run.reporter.tell(&Event::Warning { message: format!("cannot remove {path}: {error}") });
            }
        }
    }

    fn attempt_failed(&mut self, running: Running, outcome: &Outcome, error: &JobError) {
        let (job, prepared) = (outcome.job, running.prepared);
        // What a rule forgets to declare, it forgets the next time too.
        let undeclared = match error {
            JobError::Undeclared { accesses, .. } => accesses.clone(),
            _ => Vec::new(),
        };
        let has_retries = running.attempt <= prepared.retries && undeclared.is_empty();
        let retrying = has_retries && self.closing.is_none();
        self.record_failure(&prepared, outcome, error);
        let failure = Failure {
            cause: error.to_string(),
            diagnostic: self.run.director.diagnose(job, error),
            place: self.run.director.place(job),
            command: command(&prepared.spec),
            log: Some(prepared.spec.stdio_log.clone()),
            log_tail: outcome.log_tail.clone(),
            ran: outcome.ran.clone(),
            undeclared,
            retrying,
            abandoned: has_retries && !retrying,
        };
        if !retrying {
            return self.refuse(job, prepared.reason, failure, outcome.usage);
        }
        let name = self.run.director.name(job);
        self.run.reporter.tell(&Event::Failed { job: name, reason: prepared.reason, failure, usage: outcome.usage });
        let is_in_turn = !self.run.director.in_turn(self.sets.first(job)).is_empty();
        if is_in_turn || !self.sets.has(job) {
            *self.failures.entry(job).or_default() += 1;
        }
        if self.sets.has(job) {
            return self.settle(job, false);
        }
        self.run.scheduler.retry(job);
    }

    /// Gives what is left of the job.
    fn record_failure(&mut self, prepared: &Prepared, outcome: &Outcome, error: &JobError) -> Left {
        for left in &outcome.unremoved {
            self.run.reporter.tell(&Event::Warning { message: format!("cannot remove {left}") });
        }
        let spec = &prepared.spec;
        let left = match outcome.began {
            false => Left::AsBefore,
            true if self.run.settings.keep_incomplete && spec.writes_in_place() => Left::Kept,
            true if outcome.is_clean => Left::Nothing,
            // Its row tells the next run to remove what is left.
            true => Left::AsBefore,
        };
        self.run.writer.failed(Box::new(FailureRecord {
            key: prepared.key.clone(),
            rule: spec.rule.clone(),
            cause: error.to_string(),
            log: spec.stdio_log.clone(),
            started_at_ms: outcome.started_at_ms,
            ended_at_ms: outcome.ended_at_ms,
            usage: outcome.usage,
            ran: outcome.ran.clone(),
            left,
        }));
        left
    }

    /// A job has failed for good.
    pub(super) fn refuse(&mut self, job: u32, reason: String, failure: Failure, usage: Usage) {
        self.run.reporter.tell(&Event::Failed { job: self.run.director.name(job), reason, failure, usage });
        self.failed.push(job);
        self.sets.refused(job);
        self.settle(job, false);
        if !self.run.settings.keep_going && self.closing.is_none() {
            self.closing = Some(Ending::Failed);
            self.stop(Force::Term);
        }
    }
}
