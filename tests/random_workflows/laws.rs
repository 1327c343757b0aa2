//! The laws: what must hold after each step of a case. Does the steps in a world, and keeps the memory.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::build::{Build, Stays};
use crate::facts::{Memory, check_attempts, check_limits, check_reasons, check_tree, check_untouched};
use crate::mishaps::known_to_be_needed;
use crate::steps::{Before, Step};
use crate::told::Told;
use crate::workflow::{Job, Workflow};
use crate::world::World;

/// Where it is remembered that there was nothing to do.
const IDLE: &str = ".flow/idle";

pub struct Laws {
    pub world: World,
    pub memory: Memory,
}

/// What of a workflow a run is to make.
pub struct Part {
    pub words: Vec<String>,
    /// The jobs that may run; all of them, if nothing is said.
    pub jobs: Option<BTreeSet<Job>>,
    /// The jobs that must.
    pub forced: BTreeSet<Job>,
    /// Whether the run is to make all that those jobs make.
    pub makes: bool,
}

impl Laws {
    pub fn new(workflow: Workflow) -> Laws {
        Laws { world: World::new(workflow), memory: Memory::default() }
    }

    /// Does a step, and says which law was broken.
    pub fn step(&mut self, step: &Step) -> Result<(), String> {
        self.world.apply(&step.edits);
        self.says_the_same()?;
        match &step.before {
            Some(Before::Stop { signal, when, keep_incomplete }) => {
                self.stop(step, *signal, *when, *keep_incomplete)?
            }
            Some(Before::Fail { jobs, keep_going, keep_incomplete }) => {
                self.fail(step, jobs, *keep_going, *keep_incomplete)?;
            }
            Some(Before::TimesOnly) => self.times_only(step)?,
            Some(other) => {
                if let Some(part) = self.part(other) {
                    self.make(step, &part).map_err(|message| format!("{:?}: {message}", part.words))?;
                }
            }
            None => {}
        }
        let predicted = if step.dry { Some(self.dry_run()?) } else { None };
        let told = self.make(step, &Part::everything())?;
        if let Some(Some(predicted)) = predicted
            && let Some(job) = told.started().iter().find(|job| !predicted.contains(&job.name()))
        {
            return Err(format!("{} ran, and the dry run had not said so\n{}", job.name(), told.output));
        }
        let survivors = self.world.survivors();
        if !survivors.is_empty() {
            return Err(format!("still running: {survivors:?}"));
        }
        if step.touch {
            self.world.say(&["--touch"])?;
        }
        let again = self.world.run(&["-j2"], None);
        if again.exit != Some(0) || !again.said.is_empty() {
            return Err(format!("the second run was not idle:\n{}\nthe first one:\n{}", again.output, told.output));
        }
        // Remembered when nothing is too young any more, if at all.
        for _ in 0..4 {
            if !self.world.path(IDLE).exists() {
                self.world.say(&["-j2"])?;
            }
        }
        self.says_the_same()?;
        let build = self.world.build();
        check_tree(&self.world, &build, &all(&build), true)
    }

    /// Whatever is remembered of an idle call changes nothing that flow says.
    fn says_the_same(&self) -> Result<(), String> {
        let (idle, aside) = (self.world.path(IDLE), self.world.path(".flow/aside"));
        if !idle.exists() {
            return Ok(());
        }
        let with = self.world.say(&["-n", "-j2"])?;
        let moved = |from: &Path, to: &Path| fs::rename(from, to).map_err(|error| error.to_string());
        moved(&idle, &aside)?;
        let without = self.world.say(&["-n", "-j2"])?;
        moved(&aside, &idle)?;
        if with == without { Ok(()) } else { Err(format!("remembered:\n{with}\nlooked at anew:\n{without}")) }
    }

    /// `-j` and `--resources` of a step, such that every job fits.
    pub fn limits(&self, step: &Step) -> (Vec<String>, u8, Option<u8>) {
        let rules = &self.world.workflow.rules;
        let cores = step.cores.max(if rules.iter().any(|rule| rule.is_piped()) { 2 } else { 1 });
        let greatest = rules.iter().map(|rule| rule.load(rule.retries() + 1)).max().unwrap_or(0);
        let load = step.load.map(|load| load.max(greatest));
        let mut words = vec![format!("-j{cores}")];
        if let Some(load) = load {
            words.extend(["--resources".into(), format!("load={load}")]);
        }
        (words, cores, load)
    }

    /// Runs flow under the limits of a step, and checks what holds of every run, however it ends.
    pub fn run(
        &self,
        step: &Step,
        words: &[String],
        signal: Option<(crate::steps::Signal, crate::world::Moment)>,
    ) -> Result<Told, String> {
        let (mut all_words, cores, load) = self.limits(step);
        all_words.extend_from_slice(words);
        let all_words: Vec<&str> = all_words.iter().map(String::as_str).collect();
        let told = self.world.run(&all_words, signal);
        let checked = check_limits(&self.world, &told, cores, load).and_then(|()| check_attempts(&self.world, &told));
        checked.map_err(|message| format!("{message}\nflow said:\n{}", told.output))?;
        Ok(told)
    }

    /// A run that must do all that it is asked for.
    fn make(&mut self, step: &Step, part: &Part) -> Result<Told, String> {
        let build = self.world.build();
        let facts = self.memory.facts(&self.world, &build, &part.forced);
        let unneeded = self.world.unneeded(&build);
        let told = self.run(step, &part.words, None)?;
        let context = |message: String| format!("{message}\nflow said:\n{}", told.output);
        if told.exit != Some(0) {
            return Err(context(format!("the run ended with {:?}", told.exit)));
        }
        check_reasons(&build, &facts, &told).map_err(context)?;
        let (started, everything) = (told.started(), all(&build));
        let jobs = part.jobs.as_ref().unwrap_or(&everything);
        if let Some(job) = started.difference(jobs).next() {
            return Err(context(format!("{} ran, and was not asked for", job.name())));
        }
        if let Some(job) = part.forced.difference(&started).next() {
            return Err(context(format!("{} was to be run, and was not", job.name())));
        }
        if let Some(job) = started.difference(&told.finished()).next() {
            return Err(context(format!("{} was started, and never finished", job.name())));
        }
        if part.makes {
            check_tree(&self.world, &build, jobs, part.jobs.is_none()).map_err(context)?;
        }
        check_untouched(&self.world, &unneeded).map_err(context)?;
        let now_known = if part.jobs.is_none() && part.makes { everything } else { told.finished() };
        self.memory.remember(&self.world, &build, now_known);
        Ok(told)
    }

    /// The jobs that the dry run says are to do, by name; nothing, if it says that more may follow.
    fn dry_run(&self) -> Result<Option<BTreeSet<String>>, String> {
        let text = self.world.say(&["-n"])?;
        let names = text.lines().filter_map(|line| line.split_once(": ")).map(|(name, _)| name.to_owned());
        Ok((!text.contains("More may follow")).then(|| names.collect()))
    }

    /// What a run that makes a part makes; nothing, where the workflow has no such part.
    fn part(&self, before: &Before) -> Option<Part> {
        let build = self.world.build();
        let rules: Vec<usize> = build.jobs.iter().map(|made| made.job.rule).collect();
        let rule = |number: u8| rules[usize::from(number) % rules.len()];
        let of_rule =
            |rule: usize| build.jobs.iter().map(|made| made.job).filter(move |job| job.rule == rule && !job.writes);
        let everything = Part::everything();
        match *before {
            Before::Target { file } => {
                let outputs = build.jobs.iter().flat_map(|made| made.outputs.iter().map(|output| (made.job, output)));
                let kept: Vec<_> = outputs.filter(|(_, (_, stays))| *stays == Stays::Kept).collect();
                let (job, (path, _)) = kept[usize::from(file) % kept.len()];
                let jobs = build.with_all_before([job]);
                // Nobody says who makes a file in a folder: it must be there, or be found out later.
                let can_be_asked = known_at_once(&build, &self.world.workflow).contains(&job)
                    || !jobs.iter().any(|&job| build.reads_within_a_folder(job));
                can_be_asked.then(|| Part { words: vec![path.clone()], jobs: Some(jobs), ..everything })
            }
            Before::Until { rule: number } => {
                let rule = rule(number);
                // Temporary files that are asked for themselves stay.
                let is_kept = |job: Job| {
                    build.get(job).is_some_and(|made| made.outputs.iter().all(|(_, stays)| *stays == Stays::Kept))
                };
                let words = vec!["--until".into(), format!("r{rule}")];
                // What is known of a job that asks a checkpoint is not said here: some of the rule's jobs may be known to be
                // needed, or none, and then the checkpoints are done.
                let known = known_at_once(&build, &self.world.workflow);
                let makes = of_rule(rule).all(|job| known.contains(&job));
                let checkpoints = build.asked().into_iter().filter(|_| !makes);
                let jobs = Some(build.with_all_before(of_rule(rule).chain(checkpoints)));
                of_rule(rule).all(is_kept).then_some(Part { words, jobs, makes, ..everything })
            }
            Before::Force { rule: number } => {
                let rule = rule(number);
                Some(Part {
                    words: vec!["-R".into(), format!("r{rule}")],
                    forced: of_rule(rule).collect(),
                    ..everything
                })
            }
            Before::ForceAll => Some(Part { words: vec!["-F".into()], forced: all(&build), ..everything }),
            Before::Batch => {
                let is_enough = self.world.workflow.targets(&self.world.workflow.domains()).len() > 1;
                let words = vec!["--batch".into(), "all=1/2".into()];
                is_enough.then_some(Part { words, jobs: Some(all(&build)), makes: false, ..everything })
            }
            Before::Fail { .. } | Before::Stop { .. } | Before::TimesOnly => None,
        }
    }
}

impl Part {
    pub fn everything() -> Part {
        Part { words: Vec::new(), jobs: None, forced: BTreeSet::new(), makes: true }
    }
}

/// The jobs that are known to be needed before any checkpoint is done.
fn known_at_once(build: &Build<'_>, workflow: &Workflow) -> BTreeSet<Job> {
    known_to_be_needed(build, &build.asked(), &workflow.targets(&workflow.domains()))
}

pub fn all(build: &Build<'_>) -> BTreeSet<Job> {
    build.jobs.iter().map(|made| made.job).collect()
}
