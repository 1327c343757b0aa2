//! Tidying up: `--touch`, `--delete-all-output`, `--delete-temp-output`, `--unlock`, `--cleanup-metadata`.

use std::collections::BTreeSet;
use std::path::Path;

use super::Failure;
use super::planning::{Graph, Plan};
use super::print;
use super::project::Project;
use super::records::{StoreRecords, store_failure};
use crate::cli::Verbosity;
use crate::diagnostic::{Diagnostic, printable};
use crate::disk::Disk;
use crate::graph::dag::{Dag, JobId};
use crate::path::FileId;
use crate::plan::decide::{Planner, Verdict, key};
use crate::stat::Stats;
use crate::store::{FileRecord, JobRecord, Store, Writer};

/// Frees the lock of the directory.
pub fn unlock() -> Result<(), Failure> {
    // A lock that is free is an empty file.
    let was_locked = std::fs::metadata(".flow/lock").is_ok_and(|lock| lock.len() > 0);
    Store::unlock(Path::new(".")).map_err(|error| store_failure(&error))?;
    print(if was_locked { "The directory is unlocked.\n" } else { "There is no lock here.\n" });
    Ok(())
}

/// Forgets the records of the files that were named.
pub fn forget(project: &Project, disk: &dyn Disk) -> Result<(), Failure> {
    let records = StoreRecords::open(project, disk)?;
    let keys = records
        .store()
        .keys_of_outputs(project.settings.targets.iter().map(|target| crate::path::normalise(target).into_owned()))
        .map_err(|error| store_failure(&error))?;
    records.store().forget(keys.iter().filter_map(|(_, key)| key.as_deref())).map_err(|error| store_failure(&error))?;
    let known = keys.iter().filter(|(_, key)| key.is_some());
    print(&known.map(|(path, _)| format!("forgot the record of {}\n", printable(path))).collect::<String>());
    let missing: Vec<String> = keys.iter().filter(|(_, key)| key.is_none()).map(|(path, _)| printable(path)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Diagnostic::error(format!("there is no record of {}", missing.join(", "))).into())
}

/// Where jobs with `shadow:` get their folders.
pub fn shadow_folder(project: &Project) -> String {
    match &project.settings.shadow_prefix {
        Some(prefix) => format!("{}/shadow", prefix.trim_end_matches('/')),
        None => ".flow/shadow".to_owned(),
    }
}

/// Removes what a killed run left of the folders of its jobs.
pub fn cleanup_shadow(project: &Project) -> Result<(), Failure> {
    let folder = shadow_folder(project);
    match std::fs::remove_dir_all(&folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Diagnostic::error(format!("cannot remove {folder}: {error}")).into())
        }
        _ => Ok(()),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Which {
    All,
    Temporary,
}

/// Removes outputs of the jobs that the targets need; protected ones stay.
pub fn delete(project: &Project, disk: &dyn Disk, which: Which, dry_run: bool) -> Result<(), Failure> {
    let records = if dry_run { StoreRecords::look(project, disk)? } else { StoreRecords::open(project, disk)? };
    let mut stats = Stats::new(disk);
    let dag = Graph::as_on_disk(project, &mut stats)?;
    let mut keys = Vec::new();
    let mut out = String::new();
    let broken = |name: &str, error: std::io::Error| Failure::from(Diagnostic::error(format!("{name}: {error}")));
    for id in dag.ids() {
        let job = dag.job(id);
        let rule = project.workflow.rule(job.rule);
        for (&output, spec) in job.outputs.iter().zip(&rule.output.items) {
            let name = dag.paths.name(output);
            let wanted = which == Which::All || spec.flags.temp;
            let there = stats.get(&dag.paths, output).map_err(|error| broken(name, error))?.is_some();
            if !wanted || !there {
                continue;
            }
            let shown = printable(name).replace('\n', "\\n");
            if !spec.flags.directory && Path::new(name).is_dir() {
                project.warn(format!("{shown} is a directory that no rule declares as one, and stays"));
                continue;
            }
            if disk.is_readonly(name).map_err(|error| broken(name, error))? {
                project.warn(format!("{shown} is protected and stays"));
                continue;
            }
            out.push_str(&format!("{} {shown}\n", if dry_run { "would remove" } else { "removed" }));
            if !dry_run {
                disk.remove_output(name, spec.flags.directory).map_err(|error| broken(name, error))?;
                keys.push(key(&dag, &project.workflow, job));
            }
        }
    }
    if which == Which::All && !dry_run {
        let forgotten = records.store().forget(keys.iter().map(String::as_str));
        forgotten.map_err(|error| records.failed(project, disk, &error))?;
    }
    print(if out.is_empty() { "Nothing to remove.\n" } else { &out });
    Ok(())
}

/// Removes `temp()` files of fresh jobs that no job needs any more: what a run left that was killed between recording a
/// job and removing what it was the last to read.
pub fn remove_leftover_temporaries(
    project: &Project,
    plan: &Plan,
    stats: &mut Stats<'_>,
    disk: &dyn Disk,
) -> Result<(), Failure> {
    for (name, is_directory) in leftover_temporaries(project, plan, stats)? {
        disk.remove_output(&name, is_directory)
            .map_err(|error| Diagnostic::error(format!("cannot remove the temporary {name}: {error}")))?;
    }
    Ok(())
}

/// Those files, each with whether it is a directory; none as long as a checkpoint may tell who needs them.
pub fn leftover_temporaries(
    project: &Project,
    plan: &Plan,
    stats: &mut Stats<'_>,
) -> Result<Vec<(String, bool)>, Failure> {
    let mut leftover = Vec::new();
    let is_fresh = |job: JobId| matches!(plan.verdicts[job.index()], Verdict::Fresh | Verdict::Refreshed(_));
    let has_temp: Vec<bool> =
        project.workflow.rules.iter().map(|rule| rule.output.items.iter().any(|output| output.flags.temp)).collect();
    if project.settings.keep_temp || !has_temp.contains(&true) || !plan.dag.open().is_empty() {
        return Ok(leftover);
    }
    let dag = &plan.dag;
    let needed: BTreeSet<FileId> =
        dag.ids().filter(|&id| !is_fresh(id)).flat_map(|id| dag.job(id).inputs.iter().copied()).collect();
    for id in dag.ids().filter(|&id| has_temp[dag.job(id).rule.index()] && is_fresh(id)) {
        let job = dag.job(id);
        for (&file, spec) in job.outputs.iter().zip(&project.workflow.rule(job.rule).output.items) {
            let name = dag.paths.name(file);
            if spec.flags.temp
                && !dag.is_goal(file)
                && !needed.contains(&file)
                && stats.get(&dag.paths, file).map_err(|error| project.plan_error(error.into()))?.is_some()
            {
                leftover.push((name.to_owned(), spec.flags.directory));
                stats.forget(file);
            }
        }
    }
    Ok(leftover)
}

/// Stamps the outputs of stale jobs and records them as made, without making them.
pub fn touch(project: &Project, disk: &dyn Disk, dry_run: bool) -> Result<(), Failure> {
    let records = if dry_run { StoreRecords::look(project, disk)? } else { StoreRecords::open(project, disk)? };
    let mut stats = Stats::new(disk);
    let mut graph = Graph::new(project, &mut stats)?;
    let policy = project.policy();
    let (planner, plan) = project.plan(&mut graph, disk, &records, &policy, &mut stats)?;
    let dag = &plan.dag;
    let writer = records.store().writer();
    let mut out = String::new();
    for id in dag.ids().filter(|job| plan.verdicts[job.index()].is_to_do()) {
        let mut toucher = Toucher { project, plan: &plan, planner: &planner, stats: &mut stats, disk, writer: &writer };
        out.push_str(&toucher.touch(id, dry_run)?);
    }
    for verdict in &plan.verdicts {
        if let (Verdict::Refreshed(record), false) = (verdict, dry_run) {
            writer.refreshed(record.clone());
        }
    }
    writer.flush().map_err(|error| records.failed(project, disk, &error))?;
    if !out.is_empty() && project.settings.say.verbosity <= Verbosity::Quiet {
        let verb = if dry_run { "would touch" } else { "touched" };
        let count = out.lines().count();
        out = format!("{verb} {count} {}\n", if count == 1 { "file" } else { "files" });
    }
    print(if out.is_empty() { "Nothing to touch.\n" } else { &out });
    Ok(())
}

struct Toucher<'a, 'd> {
    project: &'a Project,
    plan: &'a Plan,
    planner: &'a Planner<'a>,
    stats: &'a mut Stats<'d>,
    disk: &'a dyn Disk,
    writer: &'a Writer,
}

impl Toucher<'_, '_> {
    fn touch(&mut self, id: JobId, dry_run: bool) -> Result<String, Failure> {
        let dag = &self.plan.dag;
        let job = dag.job(id);
        let mut out = String::new();
        let key = key(dag, &self.project.workflow, job);
        if self.planner.records.is_unfinished(&key) {
            self.project.warn(format!("{} is unfinished, and will be made: it is not touched", printable(&key)));
            return Ok(out);
        }
        let mut complete = !job.outputs.is_empty();
        for &output in &job.outputs {
            let name = dag.paths.name(output);
            let broken = |error| Failure::from(Diagnostic::error(format!("{name}: {error}")));
            let shown = printable(name).replace('\n', "\\n");
            if self.stats.get(&dag.paths, output).map_err(broken)?.is_none() {
                complete = false;
                self.project.warn(format!("{shown} is not there, and touching makes no files"));
                continue;
            }
            out.push_str(&format!("{} {shown}\n", if dry_run { "would touch" } else { "touched" }));
            if !dry_run {
                self.disk.touch(name).map_err(broken)?;
                self.stats.forget(output);
            }
        }
        if complete && !dry_run {
            self.record(id, &key)?;
        }
        Ok(out)
    }

    /// Records a job as it is now; when it ran, and what it took, stays as it was.
    fn record(&mut self, id: JobId, key: &str) -> Result<(), Failure> {
        let dag = &self.plan.dag;
        let job = dag.job(id);
        let identity = self.planner.identities.of(dag, id).map_err(|error| self.project.failure(error.into()))?;
        let (Some(inputs), Some(outputs)) = (self.files(dag, &job.inputs)?, self.files(dag, &job.outputs)?) else {
            return Ok(());
        };
        let before = self.planner.records.record(key).map_err(|error| self.project.plan_error(error))?;
        let before = before.unwrap_or_default();
        self.writer.refreshed(Box::new(JobRecord {
            log: before.log,
            started_at_ms: before.started_at_ms,
            ended_at_ms: before.ended_at_ms,
            usage: before.usage,
            ran: before.ran,
            ..self.planner.record(id, &identity, inputs, outputs)
        }));
        Ok(())
    }

    /// Files as they are now; `None` if one is gone. A temporary input that is gone has no stamp to record: its job stays
    /// as it was.
    fn files(&mut self, dag: &Dag, files: &[FileId]) -> Result<Option<Vec<FileRecord>>, Failure> {
        let mut records = Vec::with_capacity(files.len());
        for &file in files {
            let name = dag.paths.name(file);
            let broken = |error| Failure::from(Diagnostic::error(format!("{name}: {error}")));
            let Some(stamp) = self.stats.get(&dag.paths, file).map_err(broken)? else { return Ok(None) };
            let hash = self.disk.hash(name).map_err(broken)?;
            records.push(FileRecord { path: name.to_owned(), stamp, hash: Some(hash) });
        }
        Ok(Some(records))
    }
}
