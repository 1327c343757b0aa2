//! `--speedup`: the workflow from nothing with different numbers of jobs, each run in a copy of the folder without what
//! the workflow makes, by this program started anew. The runs' times in; table, CSV and plot out.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustc_hash::FxHashMap;
use walkdir::WalkDir;

use super::planning::Graph;
use super::project::Project;
use super::{Failure, print};
use crate::cli::measured_run;
use crate::diagnostic::Diagnostic;
use crate::disk::Disk;
use crate::graph::dag::Dag;
use crate::report::speedup::{CriticalPath, Runs, Study, plot};
use crate::rulefile::instance;
use crate::run::measured::{End, Measured, MeasuredJob, run};
use crate::stat::Stats;

/// Where the results go, in the project's folder.
const CSV: &str = "speedup.csv";
const SVG: &str = "speedup.svg";

pub fn speedup(
    project: &Project,
    disk: &dyn Disk,
    arguments: &[OsString],
    jobs: &[NonZeroUsize],
    repeats: u32,
) -> Result<(), Failure> {
    let dag = Graph::as_on_disk(project, &mut Stats::new(disk))?;
    let made = made(project, &dag)?;
    let mut runs: Vec<Runs> = jobs.iter().map(|jobs| Runs { jobs: jobs.get(), walls: Vec::new() }).collect();
    let mut times = JobTimes::default();
    // The numbers take turns, so that a machine whose speed drifts is equally unkind to all.
    for repeat in 1..=repeats {
        for runs in &mut runs {
            let measured = once(arguments, runs.jobs, &made, &dag)?;
            eprintln!("-j{}, run {repeat} of {repeats}: {:.2}s", runs.jobs, measured.wall.as_secs_f64());
            runs.walls.push(measured.wall);
            if runs.jobs == jobs[0].get() {
                times.add(measured.jobs);
            }
        }
    }
    let study = Study { runs, critical_path: times.critical_path(project, &dag) };
    print(&study.table());
    for (path, text) in [(CSV, study.csv()), (SVG, plot(&study))] {
        write_whole(path, &text).map_err(|error| Diagnostic::error(format!("cannot write {path}: {error}")))?;
    }
    print(&format!("{CSV} has the figures, {SVG} the plot.\n"));
    Ok(())
}

/// The file is there with all of the text, or as it was.
fn write_whole(path: &str, text: &str) -> std::io::Result<()> {
    let mut file = tempfile::NamedTempFile::new_in(".")?;
    file.write_all(text.as_bytes())?;
    file.persist(path)?;
    Ok(())
}

/// One run in a fresh copy of the folder.
fn once(arguments: &[OsString], jobs: usize, made: &BTreeSet<PathBuf>, dag: &Dag) -> Result<Measured, Failure> {
    let cannot =
        |error: std::io::Error| Diagnostic::error(format!("cannot copy the folder for a measured run: {error}"));
    let scratch = scratch(dag).map_err(cannot)?;
    copy_sources(made, scratch.path()).map_err(cannot)?;
    let arguments = measured_run(arguments, jobs, scratch.path());
    let measured =
        run(&arguments).map_err(|error| Diagnostic::error(format!("cannot start flow for a measured run: {error}")))?;
    match &measured.end {
        End::Success => Ok(measured),
        End::Interrupted(signal) => Err(Failure::Interrupted(*signal)),
        End::Failed(said) => {
            let message = format!("the run with -j{jobs} failed, so there is nothing to compare");
            let causes = said.trim_end().lines().fold(Diagnostic::error(message), Diagnostic::note);
            Err(causes.help(format!("find out more: flow -j{jobs}")).into())
        }
    }
}

/// An empty folder from which relative paths lead where they lead from here: beside this one, if inputs lie outside of it.
fn scratch(dag: &Dag) -> std::io::Result<tempfile::TempDir> {
    let climbs = dag.jobs.iter().flat_map(|job| &job.inputs).any(|&file| dag.paths.name(file).starts_with("../"));
    let here = std::env::current_dir()?;
    let place = match here.parent() {
        Some(parent) if climbs => parent.to_path_buf(),
        _ => {
            let place = here.join(".flow");
            fs::create_dir_all(&place)?;
            place
        }
    };
    tempfile::Builder::new().prefix(".flow-speedup-").tempdir_in(place)
}

/// What the workflow makes, which a run from nothing has not. Work that writes elsewhere cannot be repeated in a copy.
fn made(project: &Project, dag: &Dag) -> Result<BTreeSet<PathBuf>, Failure> {
    let mut made = BTreeSet::new();
    for job in &dag.jobs {
        let rule = project.workflow.rule(job.rule);
        let outputs = job.outputs.iter().map(|&file| dag.paths.name(file).to_owned());
        let wildcards = instance::wildcards(rule, &job.wildcards);
        let logs = rule.log.items.iter().map(|log| (&log.pattern, log.span));
        let beside = logs.chain(rule.benchmark.iter().map(|(pattern, span)| (pattern, *span)));
        let beside = beside.map(|(pattern, span)| instance::fill(pattern, &wildcards, span));
        let beside = beside.collect::<Result<Vec<_>, _>>().map_err(|wrong| project.failure(wrong))?;
        for path in outputs.chain(beside) {
            if path.starts_with('/') || path.starts_with("../") {
                let message = format!("rule `{}` writes {path}, outside of this folder", rule.name);
                return Err(project.failure(
                    Diagnostic::error(message)
                        .at(rule.span, "")
                        .help("--speedup works in copies of the folder, and only what is inside of it can be copied"),
                ));
            }
            made.insert(PathBuf::from(path));
        }
    }
    Ok(made)
}

/// Copies the folder, without what is made and without flow's and git's own folders. Links stay links, to the same files.
fn copy_sources(made: &BTreeSet<PathBuf>, to: &Path) -> std::io::Result<()> {
    let is_source = |path: &Path| path != Path::new(".flow") && path != Path::new(".git") && !made.contains(path);
    let relative = |path: &Path| path.strip_prefix(".").unwrap_or(path).to_path_buf();
    let entries = WalkDir::new(".").min_depth(1).into_iter().filter_entry(|entry| is_source(&relative(entry.path())));
    for entry in entries {
        let entry = entry?;
        let target = to.join(relative(entry.path()));
        let kind = entry.file_type();
        if kind.is_dir() {
            fs::create_dir(&target)?;
        } else if kind.is_symlink() {
            std::os::unix::fs::symlink(
                fs::canonicalize(entry.path()).or_else(|_| fs::read_link(entry.path()))?,
                &target,
            )?;
        } else if kind.is_file() {
            fs::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}

/// The times of each job, by its first output.
#[derive(Default)]
struct JobTimes {
    seconds: FxHashMap<String, Vec<Duration>>,
}

impl JobTimes {
    fn add(&mut self, jobs: Vec<MeasuredJob>) {
        for mut job in jobs {
            let wall = job.wall();
            if !job.outputs.is_empty() {
                self.seconds.entry(job.outputs.swap_remove(0)).or_default().push(wall);
            }
        }
    }

    /// The chain of jobs that takes longest, by each job's shortest time.
    fn critical_path(&self, project: &Project, dag: &Dag) -> CriticalPath {
        // The longest time up to and with each job, and the job before it on that way.
        let mut until: Vec<(Duration, Option<usize>)> = Vec::with_capacity(dag.jobs.len());
        for id in dag.ids() {
            let job = dag.job(id);
            let own = job.outputs.first().and_then(|&file| self.seconds.get(dag.paths.name(file)));
            let own = own.and_then(|times| times.iter().min()).copied().unwrap_or_default();
            let before = dag.dependencies(id).map(|needed| needed.index()).max_by_key(|&at| (until[at].0, at));
            until.push((own + before.map_or(Duration::ZERO, |at| until[at].0), before));
        }
        let last = (0..until.len()).max_by_key(|&at| until[at].0);
        let mut rules: Vec<String> = std::iter::successors(last, |&at| until[at].1)
            .map(|at| project.workflow.rule(dag.jobs[at].rule).name.clone())
            .collect();
        rules.reverse();
        CriticalPath { time: last.map_or(Duration::ZERO, |at| until[at].0), rules }
    }
}
