//! The store as the plan asks it: fingerprints in memory, details on demand. What a killed run left is tidied up before
//! anyone writes, and damaged records are set aside wherever they are met.

use std::cell::{OnceCell, Ref, RefCell};
use std::collections::HashSet;
use std::mem::ManuallyDrop;
use std::path::Path;

use rustc_hash::FxHashMap;

use super::Failure;
use super::project::Project;
use crate::diagnostic::Diagnostic;
use crate::disk::Disk;
use crate::plan::decide::{PlanError, Planner, Records, Verdict};
use crate::run::orphans;
use crate::stat::Stats;
use crate::store::{FileRecord, Fingerprint, JobRecord, Loss, Opened, StartedRow, Store, StoreError};

/// A mean that is longer is no mean.
const LONGEST_MS: f64 = 1e12;

type Fingerprints = FxHashMap<Box<str>, (Fingerprint, u64)>;

pub struct StoreRecords {
    store: RefCell<Store>,
    fingerprints: RefCell<ManuallyDrop<Fingerprints>>,
    /// The mean wall time of each rule's jobs, in milliseconds.
    by_rule: FxHashMap<String, u64>,
    /// Jobs without an end on record.
    unfinished: Vec<StartedRow>,
    unfinished_keys: HashSet<String>,
    /// When files were written that may not be what their jobs made.
    losses: RefCell<Vec<Loss>>,
    /// For a look while another flow runs: the jobs that it has in hand.
    being_made: HashSet<String>,
    /// The outputs of all jobs on record, read when they are first asked for.
    outputs: OnceCell<HashSet<String>>,
}

impl StoreRecords {
    /// Opens the store to write to it. Before that, what a killed run left running is ended, and what it left
    /// half-written is removed.
    pub fn open(project: &Project, disk: &dyn Disk) -> Result<StoreRecords, Failure> {
        let opened = Store::open(Path::new(".")).map_err(|error| store_failure(&error))?;
        if let Some(notice) = &opened.notice {
            project.warn(notice.clone());
        }
        let tidied = tidy_up_after_killed_run(project, &opened, disk)?;
        let is_new = opened.notice.is_some();
        let mut records = StoreRecords::over(opened);
        match tidied.and_then(|()| records.read()).and_then(|()| records.survey(project, disk, is_new)) {
            Err(StoreError::Damaged(why)) => records.heal(project, disk, &why)?,
            other => other.map_err(|error| store_failure(&error))?,
        }
        Ok(records)
    }

    /// Opens the store to look at it. Where its records are damaged, the plan is made without them.
    pub fn look(project: &Project, disk: &dyn Disk) -> Result<StoreRecords, Failure> {
        let looked = Store::peek(Path::new(".")).and_then(|opened| {
            let mut records = StoreRecords::over(opened);
            records.read().and_then(|()| records.survey(project, disk, false)).map(|()| records)
        });
        match looked {
            Err(StoreError::Damaged(why)) => {
                warn_of_damage(project, &why);
                let store = Store::empty().map_err(|error| store_failure(&error))?;
                let opened = Opened { store, recovered: Vec::new(), notice: None, is_running: false };
                let records = StoreRecords::over(opened);
                records.losses.borrow_mut().push(before_last_edit(project, disk));
                Ok(records)
            }
            other => other.map_err(|error| store_failure(&error)),
        }
    }

    fn over(opened: Opened) -> StoreRecords {
        let Opened { store, recovered, is_running, .. } = opened;
        let (unfinished, being_made): (Vec<_>, Vec<_>) = recovered.into_iter().partition(|row| row.kept || !is_running);
        StoreRecords {
            store: RefCell::new(store),
            fingerprints: RefCell::default(),
            by_rule: FxHashMap::default(),
            unfinished_keys: unfinished.iter().map(|row| row.key.clone()).collect(),
            unfinished,
            losses: RefCell::default(),
            being_made: being_made.into_iter().map(|row| row.key).collect(),
            outputs: OnceCell::new(),
        }
    }

    /// Reads what every plan needs.
    fn read(&mut self) -> Result<(), StoreError> {
        let store = self.store.borrow();
        let mut fingerprints = Fingerprints::default();
        store.scan(|key, fingerprint, wall_ms| {
            fingerprints.insert(key.into(), (fingerprint, wall_ms));
        })?;
        for (rule, mean_ms, _) in store.durations_by_rule()? {
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            self.by_rule.insert(rule, mean_ms.clamp(0.0, LONGEST_MS) as u64);
        }
        self.fingerprints.replace(ManuallyDrop::new(fingerprints));
        Ok(())
    }

    /// Learns what may be lost. After an outage, the last outputs that are on record are compared with what they were:
    /// those that differ are unfinished.
    fn survey(&mut self, project: &Project, disk: &dyn Disk, is_new: bool) -> Result<(), StoreError> {
        let store = self.store.borrow();
        if is_new {
            for loss in [before_last_edit(project, disk), store.unrecorded()] {
                store.note_loss(loss)?;
            }
        }
        let mut losses = store.losses()?;
        let outage = store.outage()?;
        for (key, was_cut) in &outage.suspects {
            let Some(record) = store.record(key)? else { continue };
            let Some(lost) = record.outputs.iter().find(|output| !is_whole(output, disk, *was_cut)) else { continue };
            project.warn(format!(
                "{} is not what {} made: the machine went down before it was on the disk",
                lost.path, record.rule
            ));
            let row = StartedRow {
                key: key.clone(),
                rule: record.rule,
                run: String::new(),
                outputs: record.outputs.into_iter().map(|output| output.path).collect(),
                in_place: true,
                kept: true,
                group: None,
            };
            if store.is_on_disk() {
                store.writer().started(row.clone());
            }
            self.unfinished_keys.insert(key.clone());
            self.unfinished.push(row);
        }
        if store.is_on_disk() {
            store.writer().flush()?;
            store.settle(&outage.losses)?;
        }
        losses.extend(outage.losses);
        self.losses.replace(losses);
        Ok(())
    }

    /// The verdict on every job, where some are `known`. Damaged records are set aside when they are met, and the plan is made anew without them.
    pub fn decide(
        &self,
        project: &Project,
        planner: &mut Planner<'_>,
        known: Vec<Option<Verdict>>,
        stats: &mut Stats<'_>,
    ) -> Result<Vec<Verdict>, Failure> {
        match planner.decide_rest(known, stats) {
            Err(PlanError::Damaged(why)) => {
                self.heal(project, stats.disk(), &why)?;
                planner.decide_all(stats)
            }
            other => other,
        }
        .map_err(|error| project.plan_error(error))
    }

    /// Sets damaged records aside, or does without them in a look. What is unfinished is not forgotten with them.
    pub fn heal(&self, project: &Project, disk: &dyn Disk, why: &str) -> Result<(), Failure> {
        let mut store = self.store.borrow_mut();
        let losses = [before_last_edit(project, disk), store.unrecorded()];
        self.losses.borrow_mut().extend(losses);
        self.fingerprints.replace(ManuallyDrop::default());
        if !store.is_on_disk() {
            warn_of_damage(project, why);
            *store = Store::empty().map_err(|error| store_failure(&error))?;
            return Ok(());
        }
        project.warn(store.rebuild(why).map_err(|error| store_failure(&error))?);
        let writer = store.writer();
        losses.iter().try_for_each(|&loss| store.note_loss(loss)).map_err(|error| store_failure(&error))?;
        for row in &self.unfinished {
            writer.started(StartedRow { kept: true, ..row.clone() });
        }
        writer.flush().map_err(|error| store_failure(&error))
    }

    /// What is told of an error of the store in a run. Damaged records are set aside, so that the next run goes on without them.
    pub fn failed(&self, project: &Project, disk: &dyn Disk, error: &StoreError) -> Failure {
        let StoreError::Damaged(why) = error else { return store_failure(error) };
        match self.heal(project, disk, why) {
            Err(failure) => failure,
            Ok(()) => Diagnostic::error("the records turned out to be damaged in the middle of the run")
                .note("what it has made is on no record, and will be made again")
                .help("run flow again")
                .into(),
        }
    }

    pub fn store(&self) -> Ref<'_, Store> {
        self.store.borrow()
    }

    /// After a look, when the plan is made: others may write.
    pub fn release(&self) {
        self.store.borrow_mut().release();
    }

    /// How long a job took, in milliseconds.
    pub fn wall_ms(&self, key: &str) -> Option<u64> {
        self.fingerprints.borrow().get(key).map(|(_, wall_ms)| *wall_ms)
    }

    /// How long the jobs of a rule took on the average, in milliseconds.
    pub fn mean_wall_ms(&self, rule: &str) -> Option<u64> {
        self.by_rule.get(rule).copied()
    }
}

impl Records for StoreRecords {
    fn fingerprint(&self, key: &str) -> Option<Fingerprint> {
        self.fingerprints.borrow().get(key).map(|(fingerprint, _)| *fingerprint)
    }

    fn record(&self, key: &str) -> Result<Option<JobRecord>, PlanError> {
        if !self.fingerprints.borrow().contains_key(key) {
            return Ok(None);
        }
        self.store.borrow().record(key).map_err(plan_error)
    }

    fn is_unfinished(&self, key: &str) -> bool {
        self.unfinished_keys.contains(key)
    }

    fn is_being_made(&self, key: &str) -> bool {
        self.being_made.contains(key)
    }

    fn losses(&self) -> Vec<Loss> {
        self.losses.borrow().clone()
    }

    fn is_output(&self, path: &str) -> Result<bool, PlanError> {
        if self.outputs.get().is_none() {
            let paths = self.store.borrow().output_paths().map_err(plan_error)?;
            // Nobody else sets it.
            let _ = self.outputs.set(paths.into_iter().collect());
        }
        Ok(self.outputs.get().is_some_and(|outputs| outputs.contains(path)))
    }
}

/// Whether an output is what is on record, where its stamp is: one whose stamp differs is the plan's to judge. What has no hash
/// on record, a directory or a very large file, is believed in unless its run was cut off.
fn is_whole(output: &FileRecord, disk: &dyn Disk, was_cut: bool) -> bool {
    let Some(hash) = output.hash else { return !was_cut || !matches!(disk.stat(&output.path), Ok(Some(_))) };
    match disk.stat(&output.path) {
        Ok(Some(stamp)) if stamp == output.stamp => disk.hash(&output.path).is_ok_and(|now| now == hash),
        _ => true,
    }
}

/// Where all records are lost: what was made before the last edit of the workflow's own files may be of other code or
/// params than they have now.
fn before_last_edit(project: &Project, disk: &dyn Disk) -> Loss {
    let changed = |path: &String| disk.stat(path).ok().flatten().map(|stamp| stamp.changed_ns);
    let edited = project.workflow.read.iter().filter_map(changed).max();
    (i64::MIN, edited.unwrap_or(i64::MAX))
}

fn warn_of_damage(project: &Project, why: &str) {
    project.warn(format!("the records of this directory are damaged ({why}): this look is made without them"));
}

fn plan_error(error: StoreError) -> PlanError {
    match error {
        StoreError::Damaged(why) => PlanError::Damaged(why),
        other => PlanError::Records(other.to_string()),
    }
}

/// Ends what a killed run left running, and removes what it left half-written. Gives whether that is on record.
fn tidy_up_after_killed_run(
    project: &Project,
    opened: &Opened,
    disk: &dyn Disk,
) -> Result<Result<(), StoreError>, Failure> {
    let left: Vec<&str> = opened.recovered.iter().filter(|row| !row.kept).map(|row| row.key.as_str()).collect();
    if left.is_empty() {
        return Ok(Ok(()));
    }
    let is_directory = |row: &StartedRow, at: usize| {
        let rule = project.workflow.find(&row.rule).map(|rule| project.workflow.rule(rule));
        let output = rule.and_then(|rule| rule.output.items.get(at));
        output.is_some_and(|output| output.flags.directory && output.pattern.match_path(&row.outputs[at]).is_some())
    };
    for line in orphans::clear(&opened.recovered, &is_directory, disk).map_err(Diagnostic::error)? {
        project.warn(line);
    }
    // Their old records stay, and so does their mark: whatever is on disk of them is not as a job left it.
    Ok(opened.store.tidied(left))
}

/// A store's error as a message.
pub fn store_failure(error: &StoreError) -> Failure {
    let mut diagnostic = Diagnostic::error(error.to_string());
    if let StoreError::Locked { .. } = error {
        diagnostic = diagnostic
            .note("one flow works in a folder at a time")
            .help("wait for it to end; if that process is surely gone (on another host, say), run `flow --unlock`");
    }
    if let StoreError::Sqlite(_) | StoreError::Write(_) | StoreError::Io { .. } = error {
        let room = diagnostic.message.contains("No space left");
        diagnostic = diagnostic.note("what was made and is not on record will be made again").help(if room {
            "make room on the disk, and run flow again"
        } else {
            "see that .flow, and what is in it, can be read and written; then run flow again"
        });
    }
    diagnostic.into()
}
