//! Who writes what: jobs in; for each file its maker out, or two jobs that would be in each other's way. Logs and benchmark
//! files count where somebody asks for them. Knows jobs and paths, and touches no disk.

use rustc_hash::FxHashMap;

use super::dag::{Job, JobId, Writers};
use super::index::Candidate;
use super::resolve::GraphError;
use crate::path::{FileId, Paths};
use crate::rulefile::rule::Workflow;

/// Who writes what: for each file the job, and the logs and benchmark files that are used.
pub fn writers(paths: &Paths, jobs: &[Job], workflow: &Workflow) -> Result<Writers, GraphError> {
    let mut producers: Vec<Option<JobId>> = vec![None; paths.len()];
    let mut has_directories = false;
    for (at, job) in jobs.iter().enumerate() {
        for &output in &job.outputs {
            if let Some(first) = producers[output.index()].replace(JobId::new(at))
                && first.index() != at
            {
                let first = jobs[first.index()].rule;
                return Err(GraphError::TwoWriters { file: output, first, second: job.rule });
            }
        }
        has_directories |= workflow.rule(job.rule).output.items.iter().any(|output| output.flags.directory);
    }
    nothing_inside_another(paths, jobs, &producers, workflow)?;
    if has_directories {
        no_own_input(paths, jobs, workflow)?;
    }
    let by_products = by_products(paths, jobs, &mut producers, workflow)?;
    Ok(Writers { producers, by_products })
}

/// No output lies inside another job's output, be that declared as a directory or not.
fn nothing_inside_another(
    paths: &Paths,
    jobs: &[Job],
    producers: &[Option<JobId>],
    workflow: &Workflow,
) -> Result<(), GraphError> {
    // For each folder of an output, the nearest output that is the folder or holds it.
    let mut holders: FxHashMap<&str, Option<FileId>> = FxHashMap::default();
    for (at, job) in jobs.iter().enumerate() {
        for &file in &job.outputs {
            let Some((folder, _)) = paths.name(file).rsplit_once('/') else { continue };
            let Some(directory) = holder(folder, paths, producers, &mut holders) else { continue };
            let owner = producers[directory.index()].expect("a holder is an output");
            if owner.index() != at {
                let place = jobs[owner.index()].outputs.iter().position(|&output| output == directory);
                let directory_rule = jobs[owner.index()].rule;
                let declared = place.is_some_and(|at| workflow.rule(directory_rule).output.items[at].flags.directory);
                return Err(GraphError::InsideDirectory { file, directory, rule: job.rule, directory_rule, declared });
            }
        }
    }
    Ok(())
}

/// The output that is this folder or holds it. What is found is remembered for all folders on the way.
fn holder<'p>(
    folder: &'p str,
    paths: &Paths,
    producers: &[Option<JobId>],
    known: &mut FxHashMap<&'p str, Option<FileId>>,
) -> Option<FileId> {
    let mut way = Vec::new();
    let mut at = folder;
    let found = loop {
        if let Some(&found) = known.get(at) {
            break found;
        }
        way.push(at);
        if let Some(file) = paths.find(at).filter(|file| producers[file.index()].is_some()) {
            break Some(file);
        }
        match at.rsplit_once('/') {
            Some((above, _)) => at = above,
            None => break None,
        }
    };
    known.extend(way.into_iter().map(|folder| (folder, found)));
    found
}

/// No job has an input inside its own `directory()` output.
fn no_own_input(paths: &Paths, jobs: &[Job], workflow: &Workflow) -> Result<(), GraphError> {
    for job in jobs {
        let rule = workflow.rule(job.rule);
        for (&directory, _) in job.outputs.iter().zip(&rule.output.items).filter(|(_, spec)| spec.flags.directory) {
            let inside = |file: FileId| {
                paths.name(file).strip_prefix(paths.name(directory)).is_some_and(|rest| rest.starts_with('/'))
            };
            if let Some(&file) = job.inputs.iter().find(|&&file| inside(file)) {
                return Err(GraphError::OwnInput { file, directory, rule: job.rule });
            }
        }
    }
    Ok(())
}

/// Logs and benchmark files that somebody asked for, with the jobs that write them, which become their producers.
fn by_products(
    paths: &Paths,
    jobs: &[Job],
    producers: &mut [Option<JobId>],
    workflow: &Workflow,
) -> Result<Vec<(JobId, FileId)>, GraphError> {
    let mut found = Vec::new();
    for (at, job) in jobs.iter().enumerate() {
        let rule = workflow.rule(job.rule);
        let logs = rule.log.items.iter().map(|log| &log.pattern);
        for pattern in logs.chain(rule.benchmark.iter().map(|(pattern, _)| pattern)) {
            let value = |name: &str| Candidate::value_of(rule, &job.wildcards, name);
            // A wildcard without a value is told when the job is put together.
            let Some(file) = pattern.fill(value).ok().and_then(|path| paths.find(&path)) else { continue };
            let id = JobId::new(at);
            match producers[file.index()] {
                None => {
                    producers[file.index()] = Some(id);
                    found.push((id, file));
                }
                Some(owner) if jobs[owner.index()].outputs.contains(&file) => {
                    let output_rule = jobs[owner.index()].rule;
                    return Err(GraphError::LogIsOutput { file, rule: job.rule, output_rule });
                }
                Some(_) => {}
            }
        }
    }
    Ok(found)
}
