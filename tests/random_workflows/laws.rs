//! The laws: what must hold after each step of a case. Remembers, for each job, what it was when it was last surely up
//! to date, and knows from that which jobs have a reason to run.

use std::collections::{BTreeMap, BTreeSet};

use crate::steps::{Mishap, Step};
use crate::workflow::{Contents, Job, Work, Workflow};
use crate::world::{Told, World};

/// A job when it was up to date.
#[derive(Debug, Clone, PartialEq)]
struct Known {
    identity: (Work, u8, u8, bool),
    inputs: Vec<(String, String)>,
    outputs: Vec<(String, String)>,
}

/// Why a job may run now.
#[derive(Debug, Default, Clone)]
struct Facts {
    /// It was never up to date, or a killed run may have begun it.
    unsure: bool,
    /// An output that is kept is gone.
    missing: bool,
    /// A `temp()` output is not there.
    temp_missing: bool,
    /// An output is not as the job left it.
    tampered: bool,
    /// Inputs by name that hold something else than they did.
    changed: BTreeSet<String>,
    /// The list of inputs is another one; that of outputs.
    list: bool,
    outputs: bool,
    param: bool,
    code: bool,
}

impl Facts {
    fn may_run(&self) -> bool {
        let Facts { unsure, missing, tampered, changed, list, outputs, param, code, .. } = self;
        *unsure || *missing || *tampered || !changed.is_empty() || *list || *outputs || *param || *code
    }

    /// Whether the reason that flow gives is true.
    fn bear_out(&self, reason: &str) -> bool {
        let names_changed = || self.changed.iter().any(|name| reason.contains(name.as_str()));
        let any_of = |starts: &[&str]| starts.iter().any(|start| reason.starts_with(start));
        // What a killed run had begun is removed before the next one makes its plan.
        if any_of(&["missing: "]) {
            self.missing || self.unsure
        } else if any_of(&["temporary "]) {
            self.temp_missing || self.unsure
        } else if any_of(&["output "]) {
            self.tampered || self.unsure
        } else if any_of(&["input no longer used", "the inputs are in another order", "new input"]) {
            self.list || self.unsure
        } else if any_of(&["not made by it before", "no longer made by it"]) {
            self.outputs || self.unsure
        } else if any_of(&["the params"]) {
            self.param || self.unsure
        } else if any_of(&["the code"]) {
            self.code || self.unsure
        } else if any_of(&["input "]) {
            names_changed() || self.unsure
        } else {
            self.unsure && any_of(&["its last run did not finish"])
        }
    }
}

pub struct Laws {
    world: World,
    known: BTreeMap<Job, Known>,
    /// Jobs that a killed run had begun.
    unsure: BTreeSet<Job>,
}

impl Laws {
    pub fn new(workflow: Workflow) -> Laws {
        Laws { world: World::new(workflow), known: BTreeMap::new(), unsure: BTreeSet::new() }
    }

    /// Does a step, and says which law was broken.
    pub fn step(&mut self, step: &Step) -> Result<(), String> {
        self.world.apply(&step.edits);
        match &step.mishap {
            Some(Mishap::Kill { events }) => self.kill(step.cores, *events),
            Some(Mishap::Fail { jobs, keep_going }) => self.fail(step.cores, jobs, *keep_going)?,
            None => {}
        }
        let predicted = if step.dry { Some(self.world.dry_run()?) } else { None };
        let facts = self.facts();
        let told = self.world.run(step.cores, false, None);
        let context = |message: String| format!("{message}\nflow said:\n{}", told.output);
        if told.exit != Some(0) {
            return Err(context(format!("the run ended with {:?}", told.exit)));
        }
        self.check_reasons(&facts, &told).map_err(context)?;
        if let Some(predicted) = predicted
            && let Some(job) = told.started().difference(&predicted).next()
        {
            return Err(context(format!("{} ran, and the dry run had not said so", job.name())));
        }
        self.check_tree().map_err(context)?;
        let again = self.world.run(step.cores, false, None);
        if again.exit != Some(0) || !again.started.is_empty() {
            return Err(context(format!("the second run was not idle:\n{}\nthe first one:", again.output)));
        }
        self.remember(self.world.workflow.jobs());
        Ok(())
    }

    fn clean(&self) -> Contents {
        self.world.workflow.build(&self.world.sources)
    }

    /// What is different about each job since it was up to date.
    fn facts(&self) -> BTreeMap<Job, Facts> {
        let clean = self.clean();
        self.world.workflow.jobs().into_iter().map(|job| (job, self.facts_of(job, &clean))).collect()
    }

    fn facts_of(&self, job: Job, clean: &Contents) -> Facts {
        let mut facts = Facts { unsure: self.unsure.contains(&job), ..Facts::default() };
        for (path, is_temp) in self.world.workflow.outputs(job) {
            let is_missing = self.world.read(&path).is_none();
            facts.missing |= is_missing && !is_temp;
            facts.temp_missing |= is_missing && is_temp;
        }
        let Some(known) = self.known.get(&job) else {
            facts.unsure = true;
            return facts;
        };
        facts.tampered = known.outputs.iter().any(|(path, text)| self.world.read(path).is_some_and(|now| now != *text));
        let now = self.known_as_of_now(job, clean);
        facts.list = known.inputs.iter().map(|(path, _)| path).ne(now.inputs.iter().map(|(path, _)| path));
        facts.outputs = known.outputs.iter().map(|(path, _)| path).ne(now.outputs.iter().map(|(path, _)| path));
        let before: BTreeMap<_, _> = known.inputs.iter().cloned().collect();
        let is_other = |(path, text): &&(String, String)| before.get(path).is_some_and(|before| before != text);
        facts.changed = now.inputs.iter().filter(is_other).map(|(path, _)| path.clone()).collect();
        let ((old_work, old_code, old_param, old_switch), (work, code, param, switch)) = (known.identity, now.identity);
        facts.param = old_param != param;
        facts.code = (old_work, old_code, old_switch) != (work, code, switch);
        facts
    }

    fn known_as_of_now(&self, job: Job, clean: &Contents) -> Known {
        let workflow = &self.world.workflow;
        let with_content = |path: String| {
            let text = clean[&path].clone();
            (path, text)
        };
        Known {
            identity: workflow.rules[job.rule].identity(),
            inputs: workflow.inputs(job).into_iter().map(with_content).collect(),
            outputs: workflow.outputs(job).into_iter().map(|(path, _)| with_content(path)).collect(),
        }
    }

    fn remember(&mut self, jobs: impl IntoIterator<Item = Job>) {
        let clean = self.clean();
        for job in jobs {
            let now = self.known_as_of_now(job, &clean);
            self.known.insert(job, now);
            self.unsure.remove(&job);
        }
    }

    /// Each job that ran had a reason, and it is the one that was told.
    fn check_reasons(&self, facts: &BTreeMap<Job, Facts>, told: &Told) -> Result<(), String> {
        let needed = self.needed_temporaries(facts);
        for (job, reason) in &told.started {
            let Some(facts) = facts.get(job) else {
                return Err(format!("{} ran, and nothing needs it", job.name()));
            };
            if !(facts.may_run() || needed.contains(job)) {
                return Err(format!("{} ran for nothing, as `{reason}`; known: {facts:?}", job.name()));
            }
            if !facts.bear_out(reason) {
                return Err(format!("{} ran for a reason that is not true, `{reason}`; known: {facts:?}", job.name()));
            }
        }
        Ok(())
    }

    /// Jobs whose temporary outputs may be needed, as far as can be said before anything has run: a job that comes after
    /// one that runs may have to run, and then needs all of its inputs; what is made anew for it may come out different,
    /// and so on.
    fn needed_temporaries(&self, facts: &BTreeMap<Job, Facts>) -> BTreeSet<Job> {
        let workflow = &self.world.workflow;
        let mut may_run: BTreeSet<Job> =
            facts.iter().filter(|(_, facts)| facts.may_run()).map(|(&job, _)| job).collect();
        let mut needed = BTreeSet::new();
        loop {
            let before = (may_run.len(), needed.len());
            for &job in facts.keys() {
                let dependencies = workflow.dependencies(job);
                if dependencies.iter().any(|before| may_run.contains(before)) {
                    may_run.insert(job);
                }
                if may_run.contains(&job) {
                    needed.extend(dependencies.into_iter().filter(|before| facts[before].temp_missing));
                }
            }
            may_run.extend(&needed);
            if before == (may_run.len(), needed.len()) {
                return needed;
            }
        }
    }

    /// The tree is that of a clean build, and nothing is left of what was temporary.
    fn check_tree(&self) -> Result<(), String> {
        let clean = self.clean();
        for job in self.world.workflow.jobs() {
            for (path, is_temp) in self.world.workflow.outputs(job) {
                match (self.world.read(&path), is_temp) {
                    (Some(_), true) => return Err(format!("temporary {path} is still there")),
                    (Some(text), false) if text != clean[&path] => {
                        return Err(format!("{path} holds {text:?}; a clean build makes {:?}", clean[&path]));
                    }
                    (None, false) => return Err(format!("{path} was not made")),
                    _ => {}
                }
            }
        }
        for (path, text) in &self.world.sources {
            if self.world.read(path).as_ref() != Some(text) {
                return Err(format!("the source {path} was changed"));
            }
        }
        let strays = self.world.strays();
        if strays.is_empty() { Ok(()) } else { Err(format!("left behind: {}", strays.join(", "))) }
    }

    fn kill(&mut self, cores: u8, events: u8) {
        let told = self.world.run(cores, false, Some(events));
        if told.exit.is_none() {
            self.unsure.extend(told.started());
        } else {
            self.remember(told.finished);
        }
    }

    /// A run in which some jobs fail: what it must leave, and what it must not.
    fn fail(&mut self, cores: u8, picks: &[u8], keep_going: bool) -> Result<(), String> {
        let workflow = &self.world.workflow;
        let jobs = workflow.jobs();
        let fallible: Vec<Job> = jobs.iter().copied().filter(|job| workflow.rules[job.rule].fallible).collect();
        if fallible.is_empty() {
            return Ok(());
        }
        let broken: BTreeSet<Job> = picks.iter().map(|&pick| fallible[usize::from(pick) % fallible.len()]).collect();
        broken.iter().for_each(|&job| self.world.set_switch(job, false));
        let facts = self.facts();
        let outputs = jobs.iter().flat_map(|&job| workflow.outputs(job));
        let before = outputs.filter_map(|(path, _)| Some((path.clone(), self.world.read(&path)?))).collect();
        let told = self.world.run(cores, keep_going, None);
        broken.iter().for_each(|&job| self.world.set_switch(job, true));
        self.check_failed(&told, &facts, &before, &broken, keep_going)
            .map_err(|message| format!("with {broken:?} failing: {message}\nflow said:\n{}", told.output))?;
        self.remember(told.finished);
        Ok(())
    }

    fn check_failed(
        &self,
        told: &Told,
        facts: &BTreeMap<Job, Facts>,
        before: &Contents,
        broken: &BTreeSet<Job>,
        keep_going: bool,
    ) -> Result<(), String> {
        self.check_reasons(facts, told)?;
        let started = told.started();
        if told.exit != Some(i32::from(!told.failed.is_empty())) {
            return Err(format!("the run ended with {:?}", told.exit));
        }
        if let Some(job) = told.failed.difference(broken).next() {
            return Err(format!("{} failed", job.name()));
        }
        if let Some(job) = told.finished.intersection(broken).next() {
            return Err(format!("{} should have failed", job.name()));
        }
        let workflow = &self.world.workflow;
        let clean = self.clean();
        let mut without: BTreeSet<Job> = BTreeSet::new();
        for job in workflow.jobs() {
            let is_failed = told.failed.contains(&job);
            if is_failed || workflow.dependencies(job).iter().any(|before| without.contains(before)) {
                without.insert(job);
                if !is_failed && started.contains(&job) {
                    return Err(format!("{} was started after a job before it had failed", job.name()));
                }
            }
            for (path, is_temp) in workflow.outputs(job) {
                let now = self.world.read(&path);
                // Work inside flow puts its outputs in place when all of them are whole; until then the old ones stay.
                let is_inside = matches!(workflow.rules[job.rule].work, Work::Run | Work::RunFirst);
                if is_failed && now.is_some() && !(is_inside && now.as_ref() == before.get(&path)) {
                    return Err(format!("{path} is there, and its job failed"));
                }
                if keep_going && !is_temp && !without.contains(&job) && now.as_ref() != Some(&clean[&path]) {
                    return Err(format!("{path} does not depend on what failed, and was not made"));
                }
            }
        }
        Ok(())
    }
}
