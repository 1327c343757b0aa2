//! Selecting part of a graph: `--until` and `--omit-from`. A DAG in, the set of its jobs that stay out, and the files
//! that they are for.

use super::dag::{Dag, JobId};
use crate::path::FileId;
use crate::rulefile::rule::Workflow;

/// One mark a job, by id: whether it stays.
pub type Selection = Vec<bool>;

/// The jobs that stay when the run goes no further than `until` and leaves out `omit_from` and what comes after it.
/// Both are names of rules or files. Where no job is known for a name of `until`, the checkpoints stay whose outputs may
/// make one known. What the jobs that were left out would have used is made.
pub fn select(dag: &Dag, workflow: &Workflow, until: &[String], omit_from: &[String]) -> Selection {
    let mut keep = vec![true; dag.jobs.len()];
    if !until.is_empty() {
        keep.fill(false);
        let is_of = |name| dag.ids().filter(move |&job| is_named(dag, workflow, job, std::slice::from_ref(name)));
        let mut last: Vec<JobId> = until.iter().flat_map(is_of).collect();
        if until.iter().any(|name| is_of(name).next().is_none()) {
            let awaited = dag.open().iter().flat_map(|(_, files)| files);
            last.extend(awaited.filter_map(|&file| dag.producer(file)));
        }
        spread(last, &mut keep, true, |job| dag.dependencies(job).collect());
    }
    if !omit_from.is_empty() {
        let start = dag.ids().filter(|&job| is_named(dag, workflow, job, omit_from)).collect();
        spread(start, &mut keep, false, |job| dag.dependents(job).collect());
    }
    keep
}

fn is_named(dag: &Dag, workflow: &Workflow, job: JobId, names: &[String]) -> bool {
    let it = dag.job(job);
    let rule = &workflow.rule(it.rule).name;
    names.iter().any(|name| name == rule || dag.paths.find(name).is_some_and(|file| dag.producer(file) == Some(job)))
}

/// The files that a selection is for, and that therefore stay: what the jobs named by `until` make, and what jobs that
/// were left out would have used.
pub fn goals(dag: &Dag, workflow: &Workflow, keep: &Selection, until: &[String]) -> Vec<FileId> {
    let named = dag.ids().filter(|&job| !until.is_empty() && is_named(dag, workflow, job, until));
    let mut goals: Vec<FileId> = named.flat_map(|job| dag.job(job).outputs.iter().copied()).collect();
    if until.is_empty() {
        let left_out = dag.ids().filter(|job| !keep[job.index()]);
        goals.extend(left_out.flat_map(|job| dag.job(job).inputs.iter().copied()));
    }
    goals
}

/// Sets the mark of all jobs that can be reached.
fn spread(mut work: Vec<JobId>, marks: &mut [bool], mark: bool, next: impl Fn(JobId) -> Vec<JobId>) {
    for job in &work {
        marks[job.index()] = mark;
    }
    while let Some(job) = work.pop() {
        for other in next(job) {
            if marks[other.index()] != mark {
                marks[other.index()] = mark;
                work.push(other);
            }
        }
    }
}
