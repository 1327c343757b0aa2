//! The DAG: jobs, the files between them, and the order they must run in. Flat vectors by [`JobId`] and [`FileId`];
//! the edges are a petgraph graph whose node indices are the job ids.

use std::sync::Arc;

use petgraph::Direction;
use petgraph::graph::{DiGraph, NodeIndex};

use crate::path::{FileId, Paths};
use crate::rulefile::rule::{Flags, OutputPattern, RuleId, Workflow};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JobId(pub u32);

impl JobId {
    pub fn index(self) -> usize {
        self.0 as usize
    }

    pub fn new(at: usize) -> Self {
        JobId(u32::try_from(at).expect("fewer than 2^32 jobs"))
    }
}

/// Names and flags of a job's inputs; one for all jobs of a rule whose inputs are patterns.
#[derive(Debug, Default, PartialEq)]
pub struct Shape {
    pub names: Vec<(String, u32, Option<u32>)>,
    /// One per file; empty if no file has any.
    pub flags: Vec<Flags>,
}

impl Shape {
    pub fn flags(&self, at: usize) -> Option<&Flags> {
        self.flags.get(at)
    }
}

#[derive(Debug, Clone)]
pub struct Job {
    pub rule: RuleId,
    /// Values in the order of the rule's `wildcard_names`.
    pub wildcards: Box<[Box<str>]>,
    pub inputs: Box<[FileId]>,
    pub shape: Arc<Shape>,
    pub outputs: Box<[FileId]>,
}

/// Who writes what.
pub struct Writers {
    /// The job that makes each file, by [`FileId`]; `None` for sources.
    pub producers: Vec<Option<JobId>>,
    /// Logs and benchmark files that are asked for as if they were outputs, in the order of their jobs.
    pub by_products: Vec<(JobId, FileId)>,
}

/// A graph of jobs without cycles, and what it is for.
pub struct Dag {
    pub paths: Paths,
    /// In an order in which every job comes after those it needs.
    pub jobs: Vec<Job>,
    /// From a job to those that need it.
    pub edges: DiGraph<(), (), u32>,
    writers: Writers,
    /// The files that were asked for.
    pub targets: Vec<FileId>,
    /// By [`FileId`], as far as any is: the files that are wanted for themselves and stay, be they `temp()` or not.
    goals: Vec<bool>,
    /// The jobs that were asked for, or that make a file that was; sorted.
    pub target_jobs: Vec<JobId>,
    /// Jobs whose inputs are not all known, in their order, with the files of checkpoints that they wait for.
    open: Vec<(JobId, Vec<FileId>)>,
    /// By [`JobId`], where any job is open: whether it is, or depends on one that is.
    beyond: Vec<bool>,
}

impl Dag {
    /// Puts the graph together from jobs in dependency order.
    pub fn new(paths: Paths, jobs: Vec<Job>, writers: Writers, targets: Vec<FileId>, target_jobs: Vec<JobId>) -> Self {
        let files = jobs.iter().map(|job| job.inputs.len()).sum();
        let mut edges = DiGraph::with_capacity(jobs.len(), files);
        for _ in &jobs {
            edges.add_node(());
        }
        // `last` remembers for each producer the consumer it was last joined to, so that no edge is there twice.
        let mut last = vec![u32::MAX; jobs.len()];
        for (at, job) in jobs.iter().enumerate() {
            let id = JobId::new(at);
            for input in &job.inputs {
                if let Some(producer) = writers.producers.get(input.index()).copied().flatten()
                    && producer.index() != at
                    && last[producer.index()] != id.0
                {
                    last[producer.index()] = id.0;
                    edges.add_edge(NodeIndex::new(producer.index()), NodeIndex::new(at), ());
                }
            }
        }
        // Who wants a file as it was goes before who changes it.
        for (at, job) in jobs.iter().enumerate().filter(|(_, job)| job.shape.flags.iter().any(|f| f.before_update)) {
            for file in job.inputs.iter().filter_map(|&input| paths.changed_later(input)) {
                if let Some(maker) = writers.producers.get(file.index()).copied().flatten()
                    && maker.index() != at
                {
                    edges.update_edge(NodeIndex::new(at), NodeIndex::new(maker.index()), ());
                }
            }
        }
        Dag {
            paths,
            jobs,
            edges,
            writers,
            targets,
            goals: Vec::new(),
            target_jobs,
            open: Vec::new(),
            beyond: Vec::new(),
        }
    }

    /// Says which jobs wait for which checkpoints before their inputs are known, by rising job.
    pub fn open_jobs(&mut self, open: Vec<(JobId, Vec<FileId>)>) {
        self.beyond = vec![false; if open.is_empty() { 0 } else { self.jobs.len() }];
        let mut work: Vec<JobId> = open.iter().map(|(job, _)| *job).collect();
        self.open = open;
        while let Some(job) = work.pop() {
            if !std::mem::replace(&mut self.beyond[job.index()], true) {
                work.extend(self.dependents(job).collect::<Vec<_>>());
            }
        }
    }

    /// The jobs that wait for checkpoints, each with the files that it waits for.
    pub fn open(&self) -> &[(JobId, Vec<FileId>)] {
        &self.open
    }

    /// The files of checkpoints that a job waits for before its inputs are known.
    pub fn awaits(&self, id: JobId) -> &[FileId] {
        self.open.binary_search_by_key(&id, |(job, _)| *job).map_or(&[], |at| &self.open[at].1)
    }

    /// Whether a job waits for a checkpoint, or for a job that does: it is not yet known what it will be.
    pub fn is_beyond(&self, id: JobId) -> bool {
        self.beyond.get(id.index()).copied().unwrap_or(false)
    }

    /// More files that are wanted for themselves.
    pub fn add_goals(&mut self, files: impl IntoIterator<Item = FileId>) {
        self.goals.resize(self.paths.len(), false);
        for file in files {
            self.goals[file.index()] = true;
        }
    }

    /// Whether a file is wanted for itself: a target, or what a target rule asks for.
    pub fn is_goal(&self, file: FileId) -> bool {
        self.goals.get(file.index()).copied().unwrap_or(false)
    }

    /// The log and benchmark files of a job that somebody asked for.
    pub fn by_products(&self, id: JobId) -> impl Iterator<Item = FileId> + '_ {
        let all = &self.writers.by_products;
        let start = all.partition_point(|(job, _)| *job < id);
        all[start..].iter().take_while(move |(job, _)| *job == id).map(|&(_, file)| file)
    }

    pub fn job(&self, id: JobId) -> &Job {
        &self.jobs[id.index()]
    }

    pub fn ids(&self) -> impl DoubleEndedIterator<Item = JobId> + use<> {
        (0..self.jobs.len()).map(JobId::new)
    }

    /// The job that makes a file, `None` for a source.
    pub fn producer(&self, file: FileId) -> Option<JobId> {
        self.writers.producers.get(file.index()).copied().flatten()
    }

    /// What the rule of the job that makes a file says of it; `None` for a source.
    pub fn declared<'w>(&self, file: FileId, workflow: &'w Workflow) -> Option<&'w OutputPattern> {
        let job = self.job(self.producer(file)?);
        let at = job.outputs.iter().position(|&output| output == file)?;
        workflow.rule(job.rule).output.items.get(at)
    }

    /// The jobs that a job needs, each once.
    pub fn dependencies(&self, id: JobId) -> impl Iterator<Item = JobId> + '_ {
        self.edges.neighbors_directed(NodeIndex::new(id.index()), Direction::Incoming).map(|n| JobId::new(n.index()))
    }

    /// The jobs that need a job, each once.
    pub fn dependents(&self, id: JobId) -> impl Iterator<Item = JobId> + '_ {
        self.edges.neighbors_directed(NodeIndex::new(id.index()), Direction::Outgoing).map(|n| JobId::new(n.index()))
    }
}
