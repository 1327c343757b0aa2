//! The sequential evaluator: from a workflow and its sources, the jobs that a clean build does, one after the other, and
//! what is in each file then. Knows nothing of records, stamps and runs.

use std::collections::{BTreeMap, BTreeSet};

use crate::contents::{Content, letters, made};
use crate::workflow::{File, How, Input, Job, VALUES, Work, Workflow};

pub type Contents = BTreeMap<String, Content>;

/// How long an output is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stays {
    Kept,
    /// Until no job needs it.
    Temporary,
    /// While its job runs: a pipe.
    Never,
}

/// A job of a clean build.
#[derive(Debug, Clone)]
pub struct Made {
    pub job: Job,
    /// By path, and whether a change of it counts.
    pub inputs: Vec<(String, bool)>,
    pub outputs: Vec<(String, Stays)>,
    /// The jobs that make its inputs, and those that say what its inputs are.
    pub before: Vec<Job>,
    pub asks: Vec<Job>,
}

/// A clean build: its jobs, each after those it depends on.
pub struct Build<'w> {
    workflow: &'w Workflow,
    domains: Vec<Option<usize>>,
    pub jobs: Vec<Made>,
    pub contents: Contents,
    done: BTreeSet<Job>,
}

/// All source files.
pub fn sources() -> Vec<File> {
    let alone = (0..crate::workflow::SOURCES).map(File::Source);
    alone.chain((0..crate::workflow::XS).map(File::WildSource)).collect()
}

impl<'w> Build<'w> {
    /// Of all that the target rule asks for.
    pub fn new(workflow: &'w Workflow, sources: &Contents) -> Build<'w> {
        let domains = workflow.domains();
        let mut build = Build { workflow, domains, jobs: Vec::new(), contents: sources.clone(), done: BTreeSet::new() };
        for (job, _) in workflow.targets(&build.domains.clone()) {
            build.make(job);
        }
        build
    }

    fn make(&mut self, job: Job) {
        if !self.done.insert(job) {
            return;
        }
        let workflow = self.workflow;
        let rule = &workflow.rules[job.rule];
        let mut texts = Vec::new();
        let mut job_made = Made { job, inputs: Vec::new(), outputs: Vec::new(), before: Vec::new(), asks: Vec::new() };
        for (input, how) in workflow.inputs(&self.domains, job) {
            let files: Vec<File> = match input {
                Input::One(file) => vec![file],
                Input::Gathered { of, each } => {
                    self.make(of);
                    job_made.asks.push(of);
                    let decided = &self.contents[&workflow.path(File::Output(of, 0))];
                    letters(decided).into_iter().map(|letter| each.with(letter)).collect()
                }
            };
            for file in files {
                if let Some(maker) = file.maker() {
                    self.make(maker);
                    job_made.before.push(maker);
                }
                let path = workflow.path(file);
                if how != How::Ancient {
                    texts.extend(self.contents[&path].texts(rule.work));
                }
                job_made.inputs.push((path, how != How::Ancient));
            }
        }
        if rule.is_piped() {
            texts = vec![rule.handed_on(&texts)];
            let writer = Job { writes: true, ..job };
            let pipe = workflow.path(File::Output(writer, 0));
            self.contents.insert(pipe.clone(), Content::Text(texts[0].clone()));
            let reads = (vec![(pipe.clone(), true)], vec![writer]);
            let (inputs, before) =
                (std::mem::replace(&mut job_made.inputs, reads.0), std::mem::replace(&mut job_made.before, reads.1));
            let asks = std::mem::take(&mut job_made.asks);
            self.jobs.push(Made { job: writer, inputs, outputs: vec![(pipe, Stays::Never)], before, asks });
        }
        for number in 0..rule.outputs() {
            let path = workflow.path(File::Output(job, number));
            let stays = if rule.is_temp(number) { Stays::Temporary } else { Stays::Kept };
            self.put(job, path.clone(), made(rule, number, &texts));
            job_made.outputs.push((path, stays));
        }
        self.jobs.push(job_made);
    }

    fn put(&mut self, job: Job, path: String, content: Content) {
        if let (Content::Folder(files), Work::Folder) = (&content, self.workflow.rules[job.rule].work) {
            for (value, name) in VALUES.iter().enumerate() {
                if let Some(text) = files.get(&format!("{name}.txt")) {
                    let part = self.workflow.path(File::Part(job, value));
                    self.contents.insert(part, Content::Text(text.clone()));
                }
            }
        }
        self.contents.insert(path, content);
    }

    /// The jobs that are asked what is to be done.
    pub fn asked(&self) -> BTreeSet<Job> {
        self.jobs.iter().flat_map(|made| made.asks.iter().copied()).collect()
    }

    /// Whether an input of a job is a part of what another one makes.
    pub fn reads_within_a_folder(&self, job: Job) -> bool {
        let folders = self.jobs.iter().flat_map(|made| &made.outputs).map(|(path, _)| path);
        let folders: Vec<String> = folders.map(|path| format!("{path}/")).collect();
        let inputs = self.get(job).into_iter().flat_map(|made| &made.inputs);
        inputs.into_iter().any(|(path, _)| folders.iter().any(|folder| path.starts_with(folder.as_str())))
    }

    pub fn get(&self, job: Job) -> Option<&Made> {
        self.jobs.iter().find(|made| made.job == job)
    }

    pub fn makes(&self, job: Job, path: &str) -> bool {
        self.get(job).is_some_and(|made| made.outputs.iter().any(|(output, _)| output == path))
    }

    /// These jobs and all that they depend on.
    pub fn with_all_before(&self, jobs: impl IntoIterator<Item = Job>) -> BTreeSet<Job> {
        let mut all: BTreeSet<Job> = jobs.into_iter().collect();
        // The list is in order: what a job adds stands before it, and is looked at later.
        for made in self.jobs.iter().rev() {
            if all.contains(&made.job) {
                all.extend(made.everything_before());
            }
        }
        all
    }
}

impl Made {
    pub fn everything_before(&self) -> impl Iterator<Item = Job> {
        self.before.iter().chain(&self.asks).copied()
    }
}
