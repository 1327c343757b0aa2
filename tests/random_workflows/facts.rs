//! What the test remembers of each job, and what it knows from that: whether the job has a reason to run, and whether the
//! reason that flow gives is one. Knows builds and what is on disk, nothing of how a run was called.

use std::collections::{BTreeMap, BTreeSet};

use crate::build::{Build, Contents, Made, Stays};
use crate::contents::Content;
use crate::told::Told;
use crate::workflow::Job;
use crate::world::World;

/// A job when it was up to date.
#[derive(Debug, Clone, PartialEq)]
struct Known {
    code: String,
    param: u8,
    inputs: Vec<(String, Content)>,
    /// Inputs whose changes did not count: what the job saw of them when it ran is not known here.
    ancient: BTreeSet<String>,
    outputs: Vec<(String, Content)>,
}

/// Jobs as they were when they were last surely up to date.
#[derive(Default)]
pub struct Memory {
    known: BTreeMap<Job, Known>,
    /// Jobs of which it is not certain what flow has on record.
    pub unsure: BTreeSet<Job>,
}

/// Why a job may run now.
#[derive(Debug, Default, Clone)]
pub struct Facts {
    /// It was never up to date, or a killed run may have begun it.
    unsure: bool,
    /// The command line says so.
    pub forced: bool,
    /// An output that is kept is gone.
    missing: bool,
    /// A `temp()` output is not there.
    temp_missing: bool,
    /// An output is not as the job left it.
    tampered: bool,
    /// Inputs by name that hold something else than they did.
    changed: BTreeSet<String>,
    /// Inputs that count now, and did not before: they may hold something else than the job saw.
    overlooked: BTreeSet<String>,
    /// The list of inputs is another one; that of outputs.
    list: bool,
    outputs: bool,
    param: bool,
    code: bool,
    /// The other one of two that run together may be run.
    together: bool,
}

impl Facts {
    pub fn may_run(&self) -> bool {
        let Facts { unsure, forced, missing, tampered, changed, list, outputs, param, code, together, .. } = self;
        *unsure
            || *forced
            || *missing
            || *tampered
            || !changed.is_empty()
            || *list
            || *outputs
            || *param
            || *code
            || *together
    }

    /// Whether the reason that flow gives is true.
    fn bear_out(&self, reason: &str) -> bool {
        let names_changed = || self.changed.union(&self.overlooked).any(|name| reason.contains(name.as_str()));
        let any_of = |starts: &[&str]| starts.iter().any(|start| reason.starts_with(start));
        // What a killed run had begun is removed before the next one makes its plan.
        self.unsure
            || if any_of(&["forced"]) {
                self.forced
            } else if any_of(&["missing: "]) {
                self.missing
            } else if any_of(&["temporary "]) {
                self.temp_missing
            } else if any_of(&["output "]) {
                self.tampered
            } else if any_of(&["input no longer used", "the inputs are in another order", "new input"]) {
                self.list
            } else if any_of(&["not made by it before", "no longer made by it"]) {
                self.outputs
            } else if any_of(&["the params"]) {
                self.param
            } else if any_of(&["the code", "script ", "the names of its files"]) {
                self.code
            } else {
                any_of(&["input "]) && names_changed()
            }
            // A pipe is never there, and always made anew.
            || self.together && (any_of(&["it runs together", "input remade: "]) || reason.contains(".pipe"))
    }
}

/// The facts of all jobs of a build.
pub type AllFacts = BTreeMap<Job, Facts>;

impl Memory {
    /// What is different about each job since it was up to date.
    pub fn facts(&self, world: &World, build: &Build<'_>, forced: &BTreeSet<Job>) -> AllFacts {
        let mut all: AllFacts = build.jobs.iter().map(|made| (made.job, self.facts_of(world, build, made))).collect();
        for (job, facts) in &mut all {
            facts.forced = forced.contains(job);
        }
        all
    }

    fn facts_of(&self, world: &World, build: &Build<'_>, made: &Made) -> Facts {
        let mut facts = Facts { unsure: self.unsure.contains(&made.job), ..Facts::default() };
        for (path, stays) in &made.outputs {
            let is_missing = world.read(path).is_none();
            facts.missing |= is_missing && *stays == Stays::Kept;
            facts.temp_missing |= is_missing && *stays == Stays::Temporary;
        }
        let Some(known) = self.known.get(&made.job) else {
            facts.unsure = true;
            return facts;
        };
        facts.tampered =
            known.outputs.iter().any(|(path, content)| world.read(path).is_some_and(|now| now != *content));
        let now = known_now(world, build, made);
        facts.list = known.inputs.iter().map(|(path, _)| path).ne(now.inputs.iter().map(|(path, _)| path));
        facts.outputs = known.outputs.iter().map(|(path, _)| path).ne(now.outputs.iter().map(|(path, _)| path));
        let before: BTreeMap<_, _> = known.inputs.iter().cloned().collect();
        let is_other =
            |(path, content): &(&String, &Content)| before.get(*path).is_some_and(|before| before != *content);
        let counting = made.inputs.iter().filter(|(_, counts)| *counts).map(|(path, _)| (path, &build.contents[path]));
        facts.overlooked =
            counting.clone().map(|(path, _)| path).filter(|path| known.ancient.contains(*path)).cloned().collect();
        facts.changed = counting.filter(is_other).map(|(path, _)| path.clone()).collect();
        facts.param = known.param != now.param;
        facts.code = known.code != now.code;
        facts
    }

    pub fn remember(&mut self, world: &World, build: &Build<'_>, jobs: impl IntoIterator<Item = Job>) {
        for job in jobs {
            let Some(made) = build.get(job) else { continue };
            self.known.insert(job, known_now(world, build, made));
            self.unsure.remove(&job);
        }
    }
}

fn known_now(world: &World, build: &Build<'_>, made: &Made) -> Known {
    let with_content = |path: &String| (path.clone(), build.contents[path].clone());
    let rule = &world.workflow.rules[made.job.rule];
    Known {
        code: world.workflow.code(made.job),
        // A job that writes to a pipe has no params.
        param: if made.job.writes { 0 } else { rule.param },
        inputs: made.inputs.iter().map(|(path, _)| with_content(path)).collect(),
        ancient: made.inputs.iter().filter(|(_, counts)| !counts).map(|(path, _)| path.clone()).collect(),
        outputs: made.outputs.iter().map(|(path, _)| with_content(path)).collect(),
    }
}

/// Each job that ran had a reason, and it is the one that was told.
pub fn check_reasons(build: &Build<'_>, all: &AllFacts, told: &Told) -> Result<(), String> {
    let needed = needed_temporaries(build, all);
    let started = told.started();
    for (job, reason) in told.reasons() {
        let Some(mut facts) = all.get(&job).cloned() else {
            return Err(format!("{} ran, and nothing needs it", job.name()));
        };
        facts.together = runs_together(build, all, &needed, &started, job);
        if !(facts.may_run() || needed.contains(&job)) {
            return Err(format!("{} ran for nothing, as `{reason}`; known: {facts:?}", job.name()));
        }
        if !facts.bear_out(reason) {
            return Err(format!("{} ran for a reason that is not true, `{reason}`; known: {facts:?}", job.name()));
        }
    }
    Ok(())
}

/// Whether a job on one side of a pipe may run because of the other side; or because of a job before them, however what
/// that made came out: two that run together are not cut off.
fn runs_together(
    build: &Build<'_>,
    facts: &AllFacts,
    needed: &BTreeSet<Job>,
    started: &BTreeSet<Job>,
    job: Job,
) -> bool {
    let both = [job, Job { writes: !job.writes, ..job }];
    if !both.iter().all(|job| facts.contains_key(job)) {
        return false;
    }
    both.iter().any(|job| facts[job].may_run() || needed.contains(job))
        || build.with_all_before(both).difference(&both.into()).any(|before| started.contains(before))
}

/// Jobs whose temporary outputs may be needed, as far as can be said before anything has run: a job that comes after
/// one that runs may have to run, and then needs all of its inputs; what is made anew for it may come out different,
/// and so on.
fn needed_temporaries(build: &Build<'_>, facts: &AllFacts) -> BTreeSet<Job> {
    let mut may_run: BTreeSet<Job> = facts.iter().filter(|(_, facts)| facts.may_run()).map(|(&job, _)| job).collect();
    let mut needed = BTreeSet::new();
    loop {
        let before = (may_run.len(), needed.len());
        for made in &build.jobs {
            let other = Job { writes: !made.job.writes, ..made.job };
            if made.everything_before().any(|before| may_run.contains(&before)) || may_run.contains(&other) {
                may_run.insert(made.job);
            }
            if may_run.contains(&made.job) {
                needed.extend(made.everything_before().filter(|before| facts[before].temp_missing));
            }
        }
        may_run.extend(&needed);
        if before == (may_run.len(), needed.len()) {
            return needed;
        }
    }
}

/// What flow takes at any moment is at most what there is: threads against `-j`, `load` against `--resources`.
pub fn check_limits(world: &World, told: &Told, cores: u8, load: Option<u8>) -> Result<(), String> {
    use crate::told::Said;
    let mut running: BTreeMap<Job, (u8, u8)> = BTreeMap::new();
    for said in &told.said {
        match said {
            Said::Started { job, threads, attempt, .. } => {
                let rule = &world.workflow.rules[job.rule];
                let wanted = if job.writes { 1 } else { rule.threads().min(cores) };
                if *threads != wanted {
                    return Err(format!("{} got {threads} threads, and not {wanted}", job.name()));
                }
                let takes = if job.writes { 0 } else { rule.load(*attempt) };
                running.insert(*job, (*threads, takes));
            }
            Said::Finished(job) | Said::Failed { job, .. } | Said::Stopped(job) => drop(running.remove(job)),
            Said::Interrupted => {}
        }
        let sum = |of: fn(&(u8, u8)) -> u8| running.values().map(|takes| u32::from(of(takes))).sum::<u32>();
        let jobs = || running.keys().map(|job| job.name()).collect::<Vec<_>>().join(", ");
        if sum(|takes| takes.0) > cores.into() {
            return Err(format!("more threads than the {cores} of -j: {}", jobs()));
        }
        if load.is_some_and(|load| sum(|takes| takes.1) > load.into()) {
            return Err(format!("more load than {load:?}: {}", jobs()));
        }
    }
    Ok(())
}

/// A job that stumbles is tried again, as often as its rule says.
pub fn check_attempts(world: &World, told: &Told) -> Result<(), String> {
    let attempts = told.attempts();
    for job in told.finished() {
        let wanted = if job.writes { 1 } else { world.workflow.rules[job.rule].stumbles() + 1 };
        if attempts.get(&job) != Some(&wanted) {
            return Err(format!("{} was done after {:?} attempts, and not {wanted}", job.name(), attempts.get(&job)));
        }
    }
    for (job, count) in attempts {
        if count > world.workflow.rules[job.rule].retries() + 1 {
            return Err(format!("{} was tried {count} times", job.name()));
        }
    }
    Ok(())
}

/// The outputs of these jobs are those of a clean build; of a whole run, nothing is left of what was temporary.
pub fn check_tree(world: &World, build: &Build<'_>, jobs: &BTreeSet<Job>, is_whole: bool) -> Result<(), String> {
    for made in build.jobs.iter().filter(|made| jobs.contains(&made.job)) {
        for (path, stays) in &made.outputs {
            match (world.read(path), stays) {
                (Some(_), Stays::Temporary) if is_whole => return Err(format!("temporary {path} is still there")),
                (Some(now), Stays::Kept) if now != build.contents[path] => {
                    return Err(format!("{path} holds {now:?}; a clean build makes {:?}", build.contents[path]));
                }
                (None, Stays::Kept) => return Err(format!("{path} was not made")),
                _ => {}
            }
        }
    }
    let strays = world.strays();
    if strays.is_empty() { Ok(()) } else { Err(format!("left behind: {}", strays.join(", "))) }
}

/// What belongs to nobody who takes part is as it was: sources, and outputs that nobody needs any more.
pub fn check_untouched(world: &World, before: &Contents) -> Result<(), String> {
    for (path, content) in world.sources.iter().chain(before) {
        if world.read(path).as_ref() != Some(content) {
            return Err(format!("{path} was changed, and is no output of what ran"));
        }
    }
    Ok(())
}
