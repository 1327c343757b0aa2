//! Runs that go wrong: jobs that fail, flow that is stopped or killed, differences that are not to count. What such a run
//! must leave and what it must not; the run after it is a run like any other.

use std::collections::BTreeSet;

use crate::build::{Build, Contents};
use crate::facts::{check_reasons, check_untouched};
use crate::laws::Laws;
use crate::steps::{Signal, Step, When};
use crate::told::Told;
use crate::workflow::Job;
use crate::world::Moment;

/// A run with failing jobs: how it was called, and what was there before.
struct Failing {
    broken: BTreeSet<Job>,
    keep_going: bool,
    keep_incomplete: bool,
    before: Contents,
}

fn options(keep_going: bool, keep_incomplete: bool) -> Vec<String> {
    let words = [(keep_going, "-k"), (keep_incomplete, "--keep-incomplete")];
    words.into_iter().filter(|(is_on, _)| *is_on).map(|(_, word)| word.to_owned()).collect()
}

impl Laws {
    /// The jobs that have a switch.
    fn fallible(&self, build: &Build<'_>) -> Vec<Job> {
        let jobs = build.jobs.iter().map(|made| made.job);
        jobs.filter(|job| self.world.workflow.rules[job.rule].fallible && !job.writes).collect()
    }

    /// A run that gets a signal. What it had done stays done, unless it was killed; of the rest nothing is left, neither a
    /// process nor half of a file.
    pub(crate) fn stop(
        &mut self,
        step: &Step,
        signal: Signal,
        when: When,
        keep_incomplete: bool,
    ) -> Result<(), String> {
        let build = self.world.build();
        let facts = self.memory.facts(&self.world, &build, &BTreeSet::new());
        let mut fallible = self.fallible(&build);
        // One that will run, if there is one.
        if fallible.iter().any(|job| facts[job].may_run()) {
            fallible.retain(|job| facts[job].may_run());
        }
        let (held, moment) = match when {
            When::Held(number) if !fallible.is_empty() => {
                let job = fallible[usize::from(number) % fallible.len()];
                (Some(job), Moment::Start(job))
            }
            When::Held(number) | When::Events(number) => (None, Moment::Events(number.into())),
        };
        held.iter().for_each(|&job| self.world.hold(job));
        let before = self.world.outputs(&build);
        let told = self.run(step, &options(false, keep_incomplete), Some((signal, moment)));
        held.iter().for_each(|&job| self.world.switch_on(job));
        let told = told?;
        let context =
            |message: String| format!("with {signal:?} at {moment:?}: {message}\nflow said:\n{}", told.output);
        check_reasons(&build, &facts, &told).map_err(context)?;
        let (started, finished) = (told.started(), told.finished());
        if held.is_some_and(|job| finished.contains(&job)) {
            return Err(context("a job that waits was done".into()));
        }
        if signal == Signal::Kill && told.exit.is_none() {
            self.memory.unsure.extend(started);
            return Ok(());
        }
        // Before flow looks after signals, it ends as any program does.
        if told.said.is_empty() && told.exit.is_none() {
            return Ok(());
        }
        if told.was_interrupted() {
            self.check_stopped(signal, &told).map_err(context)?;
        } else if told.exit != Some(0) || held.is_some_and(|job| started.contains(&job)) {
            return Err(context(format!("the run ended with {:?}", told.exit)));
        }
        for job in started.difference(&finished) {
            for (path, now) in
                self.world.outputs(&build).iter().filter(|(path, _)| !keep_incomplete && build.makes(*job, path))
            {
                // The old ones stay until the job comes to touch them.
                if before.get(path) != Some(now) {
                    return Err(context(format!("{path} is there, and its job was stopped")));
                }
            }
        }
        self.memory.unsure.extend(started.difference(&finished));
        self.memory.remember(&self.world, &build, finished);
        Ok(())
    }

    fn check_stopped(&self, signal: Signal, told: &Told) -> Result<(), String> {
        if told.exit != signal.exit() {
            return Err(format!("the run ended with {:?}, and not {:?}", told.exit, signal.exit()));
        }
        let mut ended: BTreeSet<Job> = told.finished();
        ended.extend(told.stopped());
        // One that waits for its next attempt is not running.
        let waits = |job: &&Job| told.attempts()[job] <= self.world.workflow.rules[job.rule].stumbles();
        if let Some(job) = told.started().difference(&ended).find(|job| !waits(job)) {
            return Err(format!("{} was started, and flow never said what became of it", job.name()));
        }
        let survivors = self.world.survivors();
        if survivors.is_empty() { Ok(()) } else { Err(format!("still running: {survivors:?}")) }
    }

    /// A run for which times alone count makes nothing wrong that the next one does not see.
    pub(crate) fn times_only(&mut self, step: &Step) -> Result<(), String> {
        let told = self.run(step, &["--rerun-triggers".into(), "mtime".into()], None)?;
        if told.exit != Some(0) {
            return Err(format!("--rerun-triggers mtime ended with {:?}:\n{}", told.exit, told.output));
        }
        self.memory.unsure.extend(told.started());
        Ok(())
    }

    /// A run in which some jobs fail: what it must leave, and what it must not.
    pub(crate) fn fail(
        &mut self,
        step: &Step,
        picks: &[u8],
        keep_going: bool,
        keep_incomplete: bool,
    ) -> Result<(), String> {
        let build = self.world.build();
        let fallible = self.fallible(&build);
        if fallible.is_empty() {
            return Ok(());
        }
        let broken: BTreeSet<Job> = picks.iter().map(|&pick| fallible[usize::from(pick) % fallible.len()]).collect();
        broken.iter().for_each(|&job| self.world.switch_off(job));
        let facts = self.memory.facts(&self.world, &build, &BTreeSet::new());
        let unneeded = self.world.unneeded(&build);
        let failing = Failing { broken, keep_going, keep_incomplete, before: self.world.outputs(&build) };
        let told = self.run(step, &options(keep_going, keep_incomplete), None);
        failing.broken.iter().for_each(|&job| self.world.switch_on(job));
        let told = told?;
        check_reasons(&build, &facts, &told)
            .and_then(|()| check_untouched(&self.world, &unneeded))
            .and_then(|()| self.check_failed(&build, &told, &failing))
            .map_err(|message| format!("with {:?} failing: {message}\nflow said:\n{}", failing.broken, told.output))?;
        let finished = told.finished();
        // What was to be tried again, or runs together with what failed.
        self.memory.unsure.extend(told.started().difference(&finished).filter(|job| !told.failed().contains(job)));
        if keep_incomplete {
            self.memory.unsure.extend(told.failed());
        }
        self.memory.remember(&self.world, &build, finished);
        Ok(())
    }

    fn check_failed(&self, build: &Build<'_>, told: &Told, failing: &Failing) -> Result<(), String> {
        let Failing { broken, keep_going, keep_incomplete, before } = failing;
        let rules = &self.world.workflow.rules;
        let (started, failed) = (told.started(), told.failed());
        if told.exit != Some(i32::from(!failed.is_empty())) {
            return Err(format!("the run ended with {:?}", told.exit));
        }
        let with_partners: BTreeSet<Job> = broken.iter().flat_map(|&job| [job, Job { writes: true, ..job }]).collect();
        let abandoned = told.abandoned();
        let is_true = |job: &Job| {
            !keep_going && (with_partners.contains(job) || told.attempts()[job] <= rules[job.rule].stumbles())
        };
        if let Some(job) = abandoned.iter().find(|job| !is_true(job)) {
            return Err(format!("{} was given up", job.name()));
        }
        if let Some(job) = failed.difference(&with_partners).find(|job| !abandoned.contains(job)) {
            return Err(format!("{} failed", job.name()));
        }
        if let Some(job) = told.finished().intersection(broken).next() {
            return Err(format!("{} should have failed", job.name()));
        }
        for job in failed.iter().filter(|_| *keep_going) {
            let (tried, wanted) = (told.attempts()[job], rules[job.rule].retries() + 1);
            if tried != wanted {
                return Err(format!("{} was tried {tried} times, and not {wanted}", job.name()));
            }
        }
        let without = without(build, &failed);
        let known = known_to_be_needed(build, &without, &self.world.workflow.targets(&self.world.workflow.domains()));
        for made in &build.jobs {
            let job = made.job;
            let is_failed = failed.contains(&job);
            if without.contains(&job)
                && !is_failed
                && started.contains(&job)
                && !job.writes
                && !with_partners.contains(&job)
            {
                return Err(format!("{} was started after a job before it had failed", job.name()));
            }
            for (path, stays) in &made.outputs {
                let now = self.world.read(path);
                // Work inside flow puts its outputs in place when all of them are whole; until then the old ones stay.
                let is_inside = rules[job.rule].work.is_inside();
                if is_failed && !keep_incomplete && now.is_some() && !(is_inside && now.as_ref() == before.get(path)) {
                    return Err(format!("{path} is there, and its job failed"));
                }
                let is_due = *keep_going && *stays == crate::build::Stays::Kept && known.contains(&job);
                if is_due && !without.contains(&job) && now.as_ref() != Some(&build.contents[path]) {
                    return Err(format!("{path} does not depend on what failed, and was not made"));
                }
            }
        }
        Ok(())
    }
}

/// The jobs that failed and those that depend on them.
fn without(build: &Build<'_>, failed: &BTreeSet<Job>) -> BTreeSet<Job> {
    let mut without = failed.clone();
    for made in &build.jobs {
        if made.everything_before().any(|before| without.contains(&before)) {
            without.insert(made.job);
        }
    }
    without
}

/// The jobs of which it is known that they are needed though some were not done: what a job needs that asks one of those is
/// not known.
pub(crate) fn known_to_be_needed(
    build: &Build<'_>,
    without: &BTreeSet<Job>,
    targets: &[(Job, usize)],
) -> BTreeSet<Job> {
    let mut known: BTreeSet<Job> = targets.iter().map(|(job, _)| *job).collect();
    for made in build.jobs.iter().rev() {
        if known.contains(&made.job) && !made.asks.iter().any(|asked| without.contains(asked)) {
            known.extend(made.everything_before());
        }
    }
    known
}
