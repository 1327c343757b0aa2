//! Resolution: targets → jobs, by asking for each file which rule can make it, and for each such rule whether its
//! inputs can be had. Iterative (chains of 100,000 jobs are legal) and with a memory, so that each file is settled
//! once. Which of several rules wins is decided as in Snakemake.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::dag::{Dag, Job, JobId};
use super::index::{Candidate, OutputIndex};
use super::instantiate::{Batch, Building, InputPlan};
use super::writers::writers;
use crate::diagnostic::Diagnostic;
use crate::path::{FileId, Paths, excess};
use crate::rulefile::rule::{RuleId, Workflow};
use crate::stat::Stats;

/// Why there is no graph.
#[derive(Debug)]
pub enum GraphError {
    /// No rule makes the file, and it is not there.
    Missing {
        file: FileId,
        failures: Failures,
    },
    Ambiguous {
        file: FileId,
        first: Candidate,
        second: Candidate,
    },
    /// A target that is a rule with wildcards.
    WildcardTarget {
        rule: RuleId,
    },
    /// A rule that was asked for by name has inputs that cannot be had.
    RuleInputs {
        rule: RuleId,
        attempt: Box<Attempt>,
        failures: Failures,
    },
    /// Two jobs that are both needed write one file.
    TwoWriters {
        file: FileId,
        first: RuleId,
        second: RuleId,
    },
    /// A file inside an output of another job.
    InsideDirectory {
        file: FileId,
        directory: FileId,
        rule: RuleId,
        directory_rule: RuleId,
        /// Whether that output is a `directory()`.
        declared: bool,
    },
    /// An input inside a `directory()` output of the job itself, which removes it before it begins.
    OwnInput {
        file: FileId,
        directory: FileId,
        rule: RuleId,
    },
    /// A log or benchmark file that is an output too, of the same job or another.
    LogIsOutput {
        file: FileId,
        rule: RuleId,
        output_rule: RuleId,
    },
    /// A function of the Rulefile failed.
    Function(Diagnostic),
    Disk(io::Error),
}

/// For each file that could not be had: the rules that were tried and why each failed.
pub type Failures = FxHashMap<FileId, Vec<Attempt>>;

/// One rule that could have made a file, and why it did not.
#[derive(Debug, Clone)]
pub struct Attempt {
    pub candidate: Candidate,
    pub why: Why,
}

#[derive(Debug, Clone)]
pub enum Why {
    /// Inputs that no rule makes and that are not there.
    Missing(Vec<FileId>),
    /// The file is needed, by way of these files, to make itself.
    Cycle(Vec<FileId>),
    /// The wildcard grows without end.
    Endless(String),
    Function(Diagnostic),
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum State {
    Unseen,
    /// On the stack: asking for it again is a cycle.
    Active,
    Source,
    Made(JobId),
    Missing,
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq)]
pub enum Target {
    Rule(RuleId),
    File(String),
}

struct Frame {
    /// `None` for a rule that was asked for by name.
    file: Option<FileId>,
    candidates: Vec<Candidate>,
    next: usize,
    building: Option<Building>,
    chosen: Option<(usize, JobId)>,
    attempts: Vec<Attempt>,
    /// How deep on the stack the lowest frame is whose file being asked for already cost this one a candidate.
    head: usize,
}

impl Frame {
    fn new(file: Option<FileId>, candidates: Vec<Candidate>) -> Self {
        Frame { file, candidates, next: 0, building: None, chosen: None, attempts: Vec::new(), head: usize::MAX }
    }
}

/// What is next for a frame.
enum Step {
    Done,
    Again,
    /// First the file of this frame.
    WaitFor(Box<Frame>),
}

/// The memory of a resolution: it can be asked again when more is known, and settles then what was open.
pub struct Resolver<'a> {
    pub(super) workflow: &'a Workflow,
    allow_ambiguity: bool,
    pub(super) batch: Option<Batch>,
    index: OutputIndex<'a>,
    pub(super) plans: Vec<Option<InputPlan>>,
    pub(super) paths: Paths,
    pub(super) states: Vec<State>,
    /// In the order in which they were admitted: after those that they need. Their numbers here are not those of a
    /// [`Dag`], which leaves out what no target needs.
    pub(super) jobs: Vec<Job>,
    /// Jobs by rule and first output, or by rule alone where there is no output.
    pub(super) known: FxHashMap<(RuleId, Option<FileId>), JobId>,
    /// Jobs that a graph had and that were closed: a graph that has grown has them still.
    pub(super) kept: Vec<JobId>,
    /// Jobs whose inputs are not all known, with the files of checkpoints that they wait for.
    pub(super) open: BTreeMap<JobId, Vec<FileId>>,
    failures: Failures,
    /// Files that seem missing only because of a cycle through a file on the stack: how deep that one is.
    tainted: FxHashMap<FileId, usize>,
    /// The same the other way round, by depth: what is asked for anew when that frame is left.
    tainted_by: Vec<Vec<FileId>>,
    /// How often a file was asked for anew.
    renewed: FxHashMap<FileId, u32>,
    stack: Vec<Frame>,
}

/// How many repeats of one text in a wildcard, in a chain of one rule, count as growth without end (as Snakemake).
const ENDLESS_REPEATS: usize = 20;
/// How often a file is asked for anew because a cycle it had met is left; after that it is once the target is settled.
/// Every cycle in a chain of them can double the work.
const MOST_RENEWALS: u32 = 16;
/// Longest path that Linux takes.
const PATH_MAX: usize = 4096;

impl<'a> Resolver<'a> {
    pub fn new(workflow: &'a Workflow, allow_ambiguity: bool, batch: Option<Batch>) -> Self {
        Resolver {
            workflow,
            allow_ambiguity,
            batch,
            index: OutputIndex::new(&workflow.rules),
            plans: workflow.rules.iter().map(|_| None).collect(),
            paths: Paths::default(),
            states: Vec::new(),
            jobs: Vec::new(),
            known: FxHashMap::default(),
            kept: Vec::new(),
            open: BTreeMap::new(),
            failures: FxHashMap::default(),
            tainted: FxHashMap::default(),
            tainted_by: Vec::new(),
            renewed: FxHashMap::default(),
            stack: Vec::new(),
        }
    }

    /// Resolves targets to a DAG of the jobs that they need.
    ///
    /// # Errors
    /// [`GraphError`] with what is needed to explain it; the paths are given for that.
    pub fn resolve(&mut self, targets: &[Target], stats: &mut Stats<'_>) -> Result<Dag, Box<(GraphError, Paths)>> {
        let resolved = self.targets(targets, stats).and_then(|(files, jobs)| self.finish(files, &jobs));
        resolved.map_err(|error| Box::new((error, self.paths.clone())))
    }

    fn targets(&mut self, targets: &[Target], stats: &mut Stats<'_>) -> Result<(Vec<FileId>, Vec<JobId>), GraphError> {
        let (mut files, mut jobs) = (Vec::new(), Vec::new());
        for target in targets {
            match target {
                Target::Rule(rule) => {
                    let job = self.rule_target(*rule, stats)?;
                    // Who asks for nothing in particular does not ask for temporary files, either.
                    let by_name = self.workflow.default_rule() != Some(*rule);
                    let outputs = self.jobs[job.index()].outputs.iter().zip(&self.workflow.rule(*rule).output.items);
                    let wanted = outputs.filter(|(_, spec)| by_name || !spec.flags.temp).map(|(&file, _)| file);
                    files.extend(wanted);
                    jobs.push(job);
                }
                Target::File(path) => {
                    let file = self.intern(path);
                    match self.settle(file, stats)? {
                        State::Made(job) => jobs.push(job),
                        State::Source => {}
                        _ => {
                            return Err(GraphError::Missing { file, failures: std::mem::take(&mut self.failures) });
                        }
                    }
                    files.push(file);
                }
            }
        }
        jobs.sort_unstable();
        jobs.dedup();
        Ok((files, jobs))
    }

    fn rule_target(&mut self, rule: RuleId, stats: &mut Stats<'_>) -> Result<JobId, GraphError> {
        if self.workflow.rule(rule).has_wildcards() {
            return Err(GraphError::WildcardTarget { rule });
        }
        let candidate = Candidate { rule, values: Box::default() };
        let frame = self.run(Frame::new(None, vec![candidate]), stats)?;
        if let Some((_, job)) = frame.chosen {
            return Ok(job);
        }
        let attempt = frame.attempts.into_iter().next().expect("a candidate that was not chosen has a reason");
        match attempt.why {
            Why::Function(diagnostic) => Err(GraphError::Function(diagnostic)),
            _ => {
                let failures = std::mem::take(&mut self.failures);
                Err(GraphError::RuleInputs { rule, attempt: Box::new(attempt), failures })
            }
        }
    }

    pub(super) fn intern(&mut self, path: &str) -> FileId {
        let file = self.paths.intern(path);
        if self.states.len() <= file.index() {
            self.states.resize(file.index() + 1, State::Unseen);
        }
        file
    }

    /// The file as it is before a job changes it, which is a source.
    pub(super) fn intern_before_change(&mut self, file: FileId) -> FileId {
        let before = self.paths.intern_before_change(file);
        self.states.resize(self.states.len().max(before.index() + 1), State::Unseen);
        before
    }

    /// Finds out how a file comes about.
    fn settle(&mut self, file: FileId, stats: &mut Stats<'_>) -> Result<State, GraphError> {
        if let Some(frame) = self.enter(file, None, stats)? {
            self.run(frame, stats)?;
        }
        Ok(self.states[file.index()])
    }

    /// Settles a file that no rule makes at once; gives the frame to work on for any other. A rule that the file was
    /// asked of by name, `rules.NAME.output`, makes it whatever others could.
    fn enter(
        &mut self,
        file: FileId,
        producer: Option<&str>,
        stats: &mut Stats<'_>,
    ) -> Result<Option<Frame>, GraphError> {
        if self.states[file.index()] != State::Unseen {
            return Ok(None);
        }
        let workflow = self.workflow;
        let mut candidates = match self.paths.changed_later(file) {
            Some(_) => Vec::new(),
            None => self.index.candidates(&workflow.rules, self.paths.name(file)),
        };
        if candidates.is_empty() {
            let there = self.exists(file, stats)?;
            self.states[file.index()] = if there { State::Source } else { State::Missing };
            return Ok(None);
        }
        if let Some(producer) = producer {
            let is_meant = |candidate: &Candidate| workflow.rule(candidate.rule).name == producer;
            if candidates.iter().any(is_meant) {
                candidates.retain(is_meant);
            }
        }
        if !self.allow_ambiguity && candidates.len() > 1 {
            candidates.sort_by(|a, b| workflow.order.compare(workflow.rule(a.rule), workflow.rule(b.rule)));
        }
        if excess(self.paths.name(file)).is_some() {
            return Err(GraphError::Function(self.too_long(file)));
        }
        self.states[file.index()] = State::Active;
        Ok(Some(Frame::new(Some(file), candidates)))
    }

    fn exists(&self, file: FileId, stats: &mut Stats<'_>) -> Result<bool, GraphError> {
        match stats.get(&self.paths, file) {
            Ok(stamp) => Ok(stamp.is_some()),
            Err(error) if error.kind() == io::ErrorKind::InvalidFilename => {
                Err(GraphError::Function(self.too_long(file)))
            }
            Err(error) => Err(GraphError::Disk(error)),
        }
    }

    /// No file system has such a name: mostly rules that ask for each other with an ever longer wildcard. Other ways
    /// to the file are not tried any more, because there can be exponentially many.
    fn too_long(&self, file: FileId) -> Diagnostic {
        let diagnostic = too_long(self.paths.name(file));
        let mut rules = self.stack.iter().rev().filter_map(|frame| Some(frame.building.as_ref()?.job.rule));
        let Some(asking) = rules.next() else { return diagnostic };
        let span = self.workflow.rule(asking).output_span();
        if !rules.any(|rule| rule == asking) {
            return diagnostic.at(span, "what this is made of");
        }
        diagnostic
            .at(span, "this wildcard grows without end")
            .help("narrow the wildcard with a constraint, such as `{name,[^.]+}`")
    }

    /// Works on a frame and all that it waits for; gives it back settled.
    fn run(&mut self, bottom: Frame, stats: &mut Stats<'_>) -> Result<Frame, GraphError> {
        let mut frame = bottom;
        loop {
            match self.step(&mut frame, stats)? {
                Step::Again => {}
                Step::WaitFor(child) => self.stack.push(std::mem::replace(&mut frame, *child)),
                Step::Done => {
                    self.leave(&mut frame, stats)?;
                    self.untaint();
                    match self.stack.pop() {
                        Some(mut parent) => {
                            parent.head = parent.head.min(frame.head);
                            frame = parent;
                        }
                        None => return Ok(frame),
                    }
                }
            }
        }
    }

    /// The frame at this depth is left: what was missing only because its file was being asked for is not known any
    /// more.
    fn untaint(&mut self) {
        let Some(files) = self.tainted_by.get_mut(self.stack.len()) else { return };
        for file in std::mem::take(files) {
            self.states[file.index()] = State::Unseen;
            self.tainted.remove(&file);
        }
    }

    /// What could not be had so far may be had now.
    pub(super) fn forget_failures(&mut self) {
        self.failures.clear();
        self.tainted.clear();
        self.tainted_by.clear();
        self.renewed.clear();
    }

    fn taint(&mut self, file: FileId, head: usize) {
        let renewed = self.renewed.entry(file).or_default();
        *renewed += 1;
        let head = if *renewed > MOST_RENEWALS { 0 } else { head };
        self.tainted.insert(file, head);
        if self.tainted_by.len() <= head {
            self.tainted_by.resize(head + 1, Vec::new());
        }
        self.tainted_by[head].push(file);
    }

    fn step(&mut self, frame: &mut Frame, stats: &mut Stats<'_>) -> Result<Step, GraphError> {
        let Some(building) = &mut frame.building else { return self.next_candidate(frame, stats) };
        while let Some(&input) = building.job.inputs.get(building.at) {
            match self.states[input.index()] {
                State::Made(_) | State::Source => {}
                State::Missing => {
                    building.missing.push(input);
                    if let Some(&head) = self.tainted.get(&input) {
                        frame.head = frame.head.min(head);
                    }
                }
                State::Active => {
                    let why = Why::Cycle(self.cycle_through(frame.file, input));
                    let head = self.stack.iter().position(|frame| frame.file == Some(input));
                    frame.head = frame.head.min(head.unwrap_or(self.stack.len()));
                    frame.reject(why);
                    return Ok(Step::Again);
                }
                State::Unseen => {
                    let shape = Arc::clone(&building.job.shape);
                    let producer = shape.flags(building.at).and_then(|flags| flags.producer.as_deref());
                    match self.enter(input, producer, stats)? {
                        Some(child) => return Ok(Step::WaitFor(Box::new(child))),
                        None => continue,
                    }
                }
            }
            building.at += 1;
        }
        let building = frame.building.take().expect("it is there");
        if building.missing.is_empty() {
            let job = self.admit(building.job, building.awaits);
            self.choose(frame, job)?;
        } else {
            frame.attempts.push(Attempt {
                candidate: frame.candidates[frame.next - 1].clone(),
                why: Why::Missing(building.missing),
            });
        }
        Ok(Step::Again)
    }

    /// Starts on the next candidate, unless the one that is chosen has a higher priority than all that are left.
    fn next_candidate(&mut self, frame: &mut Frame, stats: &mut Stats<'_>) -> Result<Step, GraphError> {
        let Some(candidate) = frame.candidates.get(frame.next) else { return Ok(Step::Done) };
        if let Some((chosen, _)) = frame.chosen {
            let (chosen, next) = (frame.candidates[chosen].rule, candidate.rule);
            let order = self.workflow.order.compare(self.workflow.rule(chosen), self.workflow.rule(next));
            if self.allow_ambiguity || order.is_lt() {
                return Ok(Step::Done);
            }
        }
        frame.next += 1;
        // A job of many outputs is asked for by each of them, and put together once.
        if let Some(known) = self.known(candidate) {
            self.choose(frame, known)?;
        } else if let Some(endless) = self.endless(candidate) {
            frame.reject(Why::Endless(endless));
        } else {
            match self.instantiate(candidate) {
                Ok(building) => {
                    for &file in &building.earlier {
                        let there = self.exists(file, stats)?;
                        self.states[file.index()] = if there { State::Source } else { State::Missing };
                    }
                    frame.building = Some(building);
                }
                Err(diagnostic) => frame.reject(Why::Function(diagnostic)),
            }
        }
        Ok(Step::Again)
    }

    /// The candidate as a job, if it is one already.
    fn known(&self, candidate: &Candidate) -> Option<JobId> {
        let rule = self.workflow.rule(candidate.rule);
        let first = match rule.output.items.first() {
            Some(output) => Some(self.paths.find(&output.pattern.fill(|name| candidate.value(rule, name)).ok()?)?),
            None => None,
        };
        self.known.get(&(candidate.rule, first)).copied()
    }

    fn choose(&mut self, frame: &mut Frame, job: JobId) -> Result<(), GraphError> {
        let at = frame.next - 1;
        match (frame.chosen, frame.file) {
            (Some((first, _)), Some(file)) => Err(GraphError::Ambiguous {
                file,
                first: frame.candidates[first].clone(),
                second: frame.candidates[at].clone(),
            }),
            _ => {
                frame.chosen = Some((at, job));
                Ok(())
            }
        }
    }

    /// Settles the frame's file.
    fn leave(&mut self, frame: &mut Frame, stats: &mut Stats<'_>) -> Result<(), GraphError> {
        let Some(file) = frame.file else {
            if let Some((_, job)) = frame.chosen {
                for &output in &self.jobs[job.index()].outputs.clone() {
                    self.states[output.index()] = State::Made(job);
                }
            }
            return Ok(());
        };
        let state = match frame.chosen {
            Some((_, job)) => State::Made(job),
            None => {
                let attempts = std::mem::take(&mut frame.attempts);
                if let Some(diagnostic) = attempts.iter().find_map(|attempt| match &attempt.why {
                    Why::Function(diagnostic) => Some(diagnostic.clone()),
                    _ => None,
                }) {
                    return Err(GraphError::Function(diagnostic));
                }
                let there = self.exists(file, stats)?;
                self.failures.insert(file, attempts);
                if there { State::Source } else { State::Missing }
            }
        };
        self.states[file.index()] = state;
        if state == State::Missing && frame.head < self.stack.len() {
            self.taint(file, frame.head);
        } else {
            // It is there, or it met cycles through itself alone: that holds for everyone.
            frame.head = usize::MAX;
        }
        Ok(())
    }

    /// The files on the way from an active file back to itself.
    fn cycle_through(&self, top: Option<FileId>, file: FileId) -> Vec<FileId> {
        let mut cycle: Vec<FileId> =
            self.stack.iter().filter_map(|frame| frame.file).skip_while(|&on_stack| on_stack != file).collect();
        cycle.extend(top.filter(|&top| top != file || cycle.is_empty()));
        cycle.push(file);
        cycle
    }

    /// Whether a wildcard grows by the same text again and again in a chain of one rule.
    fn endless(&self, candidate: &Candidate) -> Option<String> {
        let value = candidate.values.iter().max_by_key(|value| value.len())?;
        if value.len() > PATH_MAX {
            return Some(value.to_string());
        }
        if value.len() < ENDLESS_REPEATS || !repeats(value) {
            return None;
        }
        let same = |frame: &&Frame| frame.building.as_ref().is_some_and(|b| b.job.rule == candidate.rule);
        (self.stack.iter().rev().filter(same).count() >= ENDLESS_REPEATS).then(|| value.to_string())
    }

    /// Keeps the jobs that the targets need, in dependency order, and checks that they do not write over each other.
    fn finish(&mut self, targets: Vec<FileId>, target_jobs: &[JobId]) -> Result<Dag, GraphError> {
        let mut needed = vec![false; self.jobs.len()];
        let mut work: Vec<JobId> = target_jobs.iter().chain(&self.kept).copied().collect();
        while let Some(id) = work.pop() {
            if std::mem::replace(&mut needed[id.index()], true) {
                continue;
            }
            work.extend(self.jobs[id.index()].inputs.iter().filter_map(|input| match self.states[input.index()] {
                State::Made(job) => Some(job),
                _ => None,
            }));
        }
        // Jobs were admitted after what they need, so their order is a dependency order already. Nobody asks again where
        // nothing is open.
        let is_open = self.open.keys().any(|job| needed[job.index()]);
        if is_open {
            self.kept = (0..needed.len()).filter(|&at| needed[at]).map(JobId::new).collect();
        }
        let (all, paths) = match is_open {
            true => (self.jobs.clone(), self.paths.clone()),
            false => (std::mem::take(&mut self.jobs), std::mem::take(&mut self.paths)),
        };
        let order = self.order(&paths, &all, needed).map_err(|cycle| {
            let span = self.workflow.rule(all[cycle].rule).span;
            GraphError::Function(
                Diagnostic::error("a job must come before one that changes its input, and after it").at(span, ""),
            )
        })?;
        let mut renumbered = vec![None; all.len()];
        let mut all: Vec<Option<Job>> = all.into_iter().map(Some).collect();
        let mut jobs = Vec::with_capacity(order.len());
        for at in order {
            renumbered[at] = Some(JobId::new(jobs.len()));
            jobs.extend(all[at].take());
        }
        let mut target_jobs: Vec<JobId> = target_jobs.iter().filter_map(|job| renumbered[job.index()]).collect();
        target_jobs.sort_unstable();
        let goals = goals(&jobs, &targets, &target_jobs, self.workflow);
        let writers = match writers(&paths, &jobs, self.workflow) {
            Ok(writers) => writers,
            Err(error) => {
                self.paths = paths;
                return Err(error);
            }
        };
        let mut dag = Dag::new(paths, jobs, writers, targets, target_jobs);
        dag.add_goals(goals);
        let open = self.open.iter().filter_map(|(job, files)| Some((renumbered[job.index()]?, files.clone())));
        let mut open: Vec<(JobId, Vec<FileId>)> = open.collect();
        open.sort_unstable();
        dag.open_jobs(open);
        if !is_open {
            (self.known, self.states) = (FxHashMap::default(), Vec::new());
        }
        Ok(dag)
    }
}

/// A name that no file system takes, or none for what flow makes.
pub(super) fn too_long(path: &str) -> Diagnostic {
    let start: String = path.chars().take(60).collect();
    let size = excess(path).map_or(String::new(), |(size, most)| format!(": {size} bytes, where {most} fit"));
    Diagnostic::error(format!("the file name {start}… is too long{size}"))
}

impl Resolver<'_> {
    /// The places of the jobs that are needed, each after those that it needs, and before those that change what it
    /// wants as it was. The order in which they were admitted, as far as that goes.
    ///
    /// # Errors
    /// A job that cannot have a place.
    fn order(&self, paths: &Paths, jobs: &[Job], needed: Vec<bool>) -> Result<Vec<usize>, usize> {
        let mut later: Vec<(usize, usize)> = Vec::new();
        for (at, job) in jobs.iter().enumerate().filter(|(at, _)| needed[*at]) {
            if job.shape.flags.iter().any(|flags| flags.before_update) {
                let changed = job.inputs.iter().filter_map(|&input| paths.changed_later(input));
                later.extend(changed.filter_map(|file| match self.states[file.index()] {
                    // A job that changes a file and asks for it as it was finds it so.
                    State::Made(maker) if needed[maker.index()] && maker.index() != at => Some((at, maker.index())),
                    _ => None,
                }));
            }
        }
        let admitted = (0..jobs.len()).filter(|&at| needed[at]);
        if later.iter().all(|(before, after)| before < after) {
            return Ok(admitted.collect());
        }
        let admitted: Vec<usize> = admitted.collect();
        let mut waits = vec![0usize; jobs.len()];
        let mut next: Vec<Vec<usize>> = vec![Vec::new(); jobs.len()];
        for &at in &admitted {
            for &input in &jobs[at].inputs {
                if let State::Made(maker) = self.states[input.index()] {
                    next[maker.index()].push(at);
                    waits[at] += 1;
                }
            }
        }
        for (before, after) in later {
            next[before].push(after);
            waits[after] += 1;
        }
        let mut ready: BTreeSet<usize> = admitted.iter().copied().filter(|&at| waits[at] == 0).collect();
        let mut order = Vec::with_capacity(admitted.len());
        while let Some(at) = ready.pop_first() {
            order.push(at);
            for &after in &next[at] {
                waits[after] -= 1;
                if waits[after] == 0 {
                    ready.insert(after);
                }
            }
        }
        match admitted.iter().find(|&&at| waits[at] > 0) {
            Some(&stuck) => Err(stuck),
            None => Ok(order),
        }
    }
}

/// The files that are wanted for themselves: the targets, and what a target rule asks for that makes nothing.
fn goals(jobs: &[Job], targets: &[FileId], target_jobs: &[JobId], workflow: &Workflow) -> Vec<FileId> {
    let rules = target_jobs
        .iter()
        .map(|job| &jobs[job.index()])
        .filter(|job| job.outputs.is_empty() && workflow.rule(job.rule).action == crate::rulefile::rule::Action::None);
    targets.iter().chain(rules.flat_map(|job| &job.inputs)).copied().collect()
}

impl Frame {
    /// Gives up the candidate that is being looked at.
    fn reject(&mut self, why: Why) {
        self.building = None;
        self.attempts.push(Attempt { candidate: self.candidates[self.next - 1].clone(), why });
    }
}

/// Whether a text ends in, or begins with, many repeats of one piece.
fn repeats(text: &str) -> bool {
    let bytes = text.as_bytes();
    let count = |unit: &[u8], chunks: &mut dyn Iterator<Item = &[u8]>| chunks.take_while(|c| *c == unit).count();
    (1..=bytes.len() / ENDLESS_REPEATS).any(|length| {
        let (head, tail) = (&bytes[..length], &bytes[bytes.len() - length..]);
        count(head, &mut bytes.chunks_exact(length)) >= ENDLESS_REPEATS
            || count(tail, &mut bytes.rchunks_exact(length)) >= ENDLESS_REPEATS
    })
}
