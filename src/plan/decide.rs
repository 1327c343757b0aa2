//! Deciding: for each job in dependency order, whether it is fresh, stale, or waits for an input that will be remade.
//! The fast way is one comparison of fingerprints; only where that fails are the records looked at in detail.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::fingerprint::{FingerprintHasher, names};
use super::identity::{Identities, Identity};
use super::reason::{Change, Reason, shown_names, shown_wildcards};
use crate::diagnostic::Diagnostic;
use crate::disk::{Hash, Stamp};
use crate::graph::dag::{Dag, Job, JobId};
use crate::path::{FileId, Paths};
use crate::rulefile::instance;
use crate::rulefile::rule::{Action, CallError, Rule, Workflow};
use crate::stat::Stats;
use crate::store::{FileRecord, Fingerprint, JobRecord};

/// What the store knows, as the plan asks for it.
pub trait Records {
    fn fingerprint(&self, key: &str) -> Option<Fingerprint>;

    /// # Errors
    /// [`PlanError::Damaged`], or a message about the store.
    fn record(&self, key: &str) -> Result<Option<JobRecord>, PlanError>;

    /// Whether the job was started and did not finish.
    fn is_unfinished(&self, key: &str) -> bool;

    /// Whether another flow, which runs now, has the job in hand. Only for those who look.
    fn is_being_made(&self, key: &str) -> bool;

    /// The times, since and until in nanoseconds since the epoch, in which files were written that may not be what their
    /// jobs made: records of them, or a part of them, may be lost.
    fn losses(&self) -> Vec<(i64, i64)>;

    /// Whether some job's record has the file among its outputs.
    ///
    /// # Errors
    /// [`PlanError::Damaged`], or a message about the store.
    fn is_output(&self, path: &str) -> Result<bool, PlanError>;
}

/// Which kinds of difference count (`--rerun-triggers`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Triggers {
    pub mtime: bool,
    pub params: bool,
    pub input: bool,
    pub code: bool,
    /// Look at the content where a stamp differs.
    pub checksum: bool,
}

impl Default for Triggers {
    fn default() -> Self {
        Triggers { mtime: true, params: true, input: true, code: true, checksum: true }
    }
}

#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// A target rule without work of its own.
    Nothing,
    Fresh,
    /// Fresh by content; the record's stamps are out of date, and this is the record as it should be.
    Refreshed(Box<JobRecord>),
    Stale(Reason),
    /// Fresh but for inputs that will be remade: decided again when they are there.
    Pending(Reason),
}

impl Verdict {
    /// Whether the job is part of the work to do.
    pub fn is_to_do(&self) -> bool {
        matches!(self, Verdict::Stale(_) | Verdict::Pending(_))
    }

    pub fn reason(&self) -> Option<&Reason> {
        match self {
            Verdict::Stale(reason) | Verdict::Pending(reason) => Some(reason),
            _ => None,
        }
    }
}

/// Why there is no plan.
#[derive(Debug)]
pub enum PlanError {
    Disk(io::Error),
    Records(String),
    /// The records are not what a store left; why.
    Damaged(String),
    Rulefile(Diagnostic),
}

impl From<io::Error> for PlanError {
    fn from(error: io::Error) -> Self {
        PlanError::Disk(error)
    }
}

impl From<Diagnostic> for PlanError {
    fn from(diagnostic: Diagnostic) -> Self {
        PlanError::Rulefile(diagnostic)
    }
}

/// All that decisions are made from.
pub struct Planner<'a> {
    pub dag: Arc<Dag>,
    pub workflow: &'a Workflow,
    pub identities: Identities<'a>,
    pub records: &'a dyn Records,
    pub triggers: Triggers,
    /// Jobs that are run whatever the files say, by id.
    pub forced: Vec<bool>,
    /// Jobs that take no part, by id; what they would make is taken as it is.
    pub left_out: Vec<bool>,
    /// For `--consider-ancient`: which inputs' stamps do not count.
    pub ancient: &'a dyn Fn(&Rule, &Job, usize) -> bool,
    /// Content hashes taken in this run, so that no file is read twice.
    pub hashes: FxHashMap<FileId, (Stamp, Hash)>,
    /// Outputs of fresh jobs as their records have them: asked for where a temporary file is gone.
    pub made: FxHashMap<FileId, Option<(Stamp, Option<Hash>)>>,
    /// Jobs that ran in this run, by id.
    pub ran: Vec<bool>,
}

/// An input that a job before may make again.
#[derive(Clone, Copy)]
struct Awaited {
    file: FileId,
    /// Whether that job is stale, and does not itself wait for another.
    surely: bool,
}

/// The key of a job in the store: its first output, or its rule and wildcards.
pub fn key(dag: &Dag, workflow: &Workflow, job: &Job) -> String {
    match job.outputs.first() {
        Some(&output) => dag.paths.name(output).to_owned(),
        None => {
            let rule = workflow.rule(job.rule);
            let values: Vec<&str> = job.wildcards.iter().map(|value| &**value).collect();
            format!("rule {} {}", rule.name, values.join("\u{1f}")).trim_end().to_owned()
        }
    }
}

impl Planner<'_> {
    /// The verdict on every job, by id.
    ///
    /// # Errors
    /// [`PlanError`]: a disk, the store, or a function of the Rulefile failed.
    pub fn decide_all(&mut self, stats: &mut Stats<'_>) -> Result<Vec<Verdict>, PlanError> {
        self.decide_rest(vec![None; self.dag.jobs.len()], stats)
    }

    /// The same where some verdicts are `known`, by id.
    ///
    /// # Errors
    /// As [`Planner::decide_all`].
    pub fn decide_rest(
        &mut self,
        known: Vec<Option<Verdict>>,
        stats: &mut Stats<'_>,
    ) -> Result<Vec<Verdict>, PlanError> {
        stats.prefetch(&self.dag.paths)?;
        let mut verdicts: Vec<Verdict> = Vec::with_capacity(self.dag.jobs.len());
        for (id, known) in self.dag.ids().zip(known) {
            let verdict = if self.left_out[id.index()] {
                Verdict::Nothing
            } else if let Some(known) = known {
                known
            } else if !self.dag.awaits(id).is_empty() {
                self.decide_open(id, &verdicts, stats)?
            } else {
                let awaited = |file: FileId| match &verdicts[self.dag.producer(file)?.index()] {
                    Verdict::Stale(_) => Some(Awaited { file, surely: true }),
                    Verdict::Pending(_) => Some(Awaited { file, surely: false }),
                    Verdict::Nothing | Verdict::Fresh | Verdict::Refreshed(_) => None,
                };
                let awaited: Vec<Awaited> = self.dag.job(id).inputs.iter().filter_map(|&file| awaited(file)).collect();
                self.decide(id, &awaited, stats)?
            };
            verdicts.push(verdict);
        }
        self.remake_temporaries(&mut verdicts, stats)?;
        self.decide_together(&mut verdicts, stats)?;
        Ok(verdicts)
    }

    /// The verdict on one job, given those of its inputs that are going to be remade.
    fn decide(&mut self, id: JobId, awaited: &[Awaited], stats: &mut Stats<'_>) -> Result<Verdict, PlanError> {
        let (dag, workflow) = (Arc::clone(&self.dag), self.workflow);
        let job = dag.job(id);
        let rule = workflow.rule(job.rule);
        if is_target_only(rule) {
            return Ok(Verdict::Nothing);
        }
        let key = key(&dag, workflow, job);
        if self.records.is_being_made(&key) {
            return Ok(Verdict::Stale(Reason::BeingMade));
        }
        if self.forced[id.index()] {
            return Ok(Verdict::Stale(Reason::Forced));
        }
        if job.outputs.is_empty() {
            return Ok(Verdict::Stale(Reason::NoOutputs));
        }
        let mut missing = Vec::new();
        for (&output, spec) in job.outputs.iter().zip(&rule.output.items) {
            // A temporary file that was asked for itself is to be there, and stays.
            let wanted = !spec.flags.temp || dag.is_goal(output);
            // In the place of a file, a directory is none; the job says so.
            let is_odd = |stamp: Stamp| stamp.is_dir && !spec.flags.directory;
            if stats.get(&dag.paths, output)?.map_or(wanted, is_odd) {
                missing.push(output);
            }
        }
        for file in dag.by_products(id) {
            if stats.get(&dag.paths, file)?.is_none() {
                missing.push(file);
            }
        }
        if !missing.is_empty() {
            return Ok(Verdict::Stale(Reason::OutputMissing(missing)));
        }
        if self.records.is_unfinished(&key) {
            return Ok(Verdict::Stale(Reason::Unfinished));
        }
        let identity = match self.identities.of(&dag, id) {
            // Its params are known when that is done, which a job before this one waits for.
            Err(CallError::Awaits(_)) if !awaited.is_empty() => {
                let files = awaited.iter().map(|awaited| awaited.file).collect();
                return Ok(Verdict::Pending(Reason::InputRemade { files }));
            }
            Err(error) => return self.decide_without_identity(id, &key, error, awaited, stats),
            Ok(identity) => identity,
        };
        if awaited.is_empty()
            && let Some(recorded) = self.records.fingerprint(&key)
            && self.fingerprint(job, rule, &identity, stats)? == Some(recorded)
        {
            return Ok(Verdict::Fresh);
        }
        self.decide_in_detail(id, &key, &identity, awaited, stats)
    }

    /// Where the params cannot be known, because what they are read from has gone since the job was done: what was recorded
    /// holds, unless a file tells otherwise.
    fn decide_without_identity(
        &mut self,
        id: JobId,
        key: &str,
        error: CallError,
        awaited: &[Awaited],
        stats: &mut Stats<'_>,
    ) -> Result<Verdict, PlanError> {
        let dag = Arc::clone(&self.dag);
        let job = dag.job(id);
        let mut is_gone = false;
        for &input in &job.inputs {
            is_gone |= stats.get(&dag.paths, input)?.is_none();
        }
        let Some(mut record) = self.records.record(key)?.filter(|_| is_gone) else {
            return Err(Diagnostic::from(error).into());
        };
        if let Some(reason) = self.outputs_changed(job, &mut record, stats)? {
            return Ok(Verdict::Stale(reason));
        }
        let changed = self.inputs_changed(job, &mut record, awaited, stats)?;
        Ok(changed.map(Verdict::Stale).or_else(|| waits_for(awaited)).unwrap_or(Verdict::Fresh))
    }

    /// A digest of the job's identity and the stamps of all its files; `None` if one is not there.
    fn fingerprint(
        &self,
        job: &Job,
        rule: &Rule,
        identity: &Identity,
        stats: &mut Stats<'_>,
    ) -> Result<Option<Fingerprint>, PlanError> {
        let mut digest = FingerprintHasher::new(identity, job, rule);
        digest.count(job.inputs.len());
        for (at, &file) in job.inputs.iter().enumerate() {
            let Some(stamp) = stats.get(&self.dag.paths, file)? else { return Ok(None) };
            let counts = self.stamp_counts(rule, job, at, &stamp);
            digest.input(self.dag.paths.name(file), counts.then_some(&stamp));
        }
        digest.count(job.outputs.len());
        for &file in &job.outputs {
            let Some(stamp) = stats.get(&self.dag.paths, file)? else { return Ok(None) };
            digest.output(self.dag.paths.name(file), &stamp);
        }
        Ok(Some(digest.finish()))
    }

    fn decide_in_detail(
        &mut self,
        id: JobId,
        key: &str,
        identity: &Arc<Identity>,
        awaited: &[Awaited],
        stats: &mut Stats<'_>,
    ) -> Result<Verdict, PlanError> {
        let dag = Arc::clone(&self.dag);
        let job = dag.job(id);
        let record = self.records.record(key)?;
        let Some(mut record) = record else {
            // All of its outputs are temporary: one that was asked for itself is made once all the same.
            let is_asked_for = dag.target_jobs.binary_search(&id).is_ok();
            if is_asked_for && !self.any_there(&job.outputs, stats)? {
                return Ok(Verdict::Stale(Reason::OutputMissing(job.outputs.to_vec())));
            }
            if let Some(reason) = self.made_by_another(job, stats)? {
                return Ok(Verdict::Stale(reason));
            }
            if self.may_be_lost(job, stats)? {
                return Ok(Verdict::Stale(Reason::RecordLost));
            }
            if self.triggers.mtime
                && let Some(reason) = self.newer_input(job, awaited, stats)?
            {
                return Ok(Verdict::Stale(reason));
            }
            return Ok(waits_for(awaited).unwrap_or(Verdict::Fresh));
        };
        if let Some(reason) = self.outputs_changed(job, &mut record, stats)? {
            return Ok(Verdict::Stale(reason));
        }
        if let Some(reason) = self.inputs_changed(job, &mut record, awaited, stats)? {
            return Ok(Verdict::Stale(reason));
        }
        let changed = self.output_set_changed(job, &record).or_else(|| self.identity_changed(&record, identity));
        if let Some(reason) = changed.or_else(|| self.bindings_changed(job, &record, identity)) {
            return Ok(Verdict::Stale(reason));
        }
        if let Some(verdict) = waits_for(awaited) {
            return Ok(verdict);
        }
        // Fresh; stamps that differ have the same content, and triggers that do not count keep what was recorded.
        let rule = self.workflow.rule(job.rule);
        match self.fingerprint(job, rule, identity, stats)? {
            Some(fingerprint) if fingerprint != record.fingerprint && self.triggers == Triggers::default() => {
                record.fingerprint = fingerprint;
                record.source = identity.source.as_ref().map(ToString::to_string);
                record.wildcards = instance::wildcards(rule, &job.wildcards);
                Ok(Verdict::Refreshed(Box::new(record)))
            }
            _ => Ok(Verdict::Fresh),
        }
    }

    fn any_there(&self, files: &[FileId], stats: &mut Stats<'_>) -> Result<bool, PlanError> {
        for &file in files {
            if stats.get(&self.dag.paths, file)?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Without a record, times are all there is: an input that is newer than the oldest output.
    fn newer_input(&self, job: &Job, awaited: &[Awaited], stats: &mut Stats<'_>) -> Result<Option<Reason>, PlanError> {
        let awaited: BTreeSet<FileId> = awaited.iter().map(|awaited| awaited.file).collect();
        let paths = &self.dag.paths;
        let mut oldest: Option<(i64, FileId)> = None;
        for &output in &job.outputs {
            if let Some(stamp) = stats.get(paths, output)?
                && oldest.is_none_or(|(time, _)| stamp.mtime_ns < time)
            {
                oldest = Some((stamp.mtime_ns, output));
            }
        }
        let Some((time, output)) = oldest else { return Ok(None) };
        let rule = self.workflow.rule(job.rule);
        for (at, &input) in job.inputs.iter().enumerate() {
            if awaited.contains(&input) || (self.ancient)(rule, job, at) {
                continue;
            }
            if let Some(stamp) = stats.get(paths, input)?
                && stamp.mtime_ns > time
                // A directory's time changes with every file in it, the job's own outputs among them.
                && !stamp.is_dir
            {
                return Ok(Some(Reason::InputNewer { input, output, by_ns: stamp.mtime_ns - time }));
            }
        }
        Ok(None)
    }

    pub(super) fn outputs_changed(
        &mut self,
        job: &Job,
        record: &mut JobRecord,
        stats: &mut Stats<'_>,
    ) -> Result<Option<Reason>, PlanError> {
        let places = places(&record.outputs, &job.outputs, &self.dag.paths);
        for (&file, place) in job.outputs.iter().zip(places) {
            let Some(old) = place.map(|place| &mut record.outputs[place]) else { continue };
            let Some(now) = stats.get(&self.dag.paths, file)? else { continue };
            if let Some(change) = self.change(file, old.stamp, old.hash, now, stats)? {
                return Ok(Some(Reason::OutputChanged { file, change }));
            }
            old.stamp = now;
        }
        Ok(None)
    }

    fn inputs_changed(
        &mut self,
        job: &Job,
        record: &mut JobRecord,
        awaited: &[Awaited],
        stats: &mut Stats<'_>,
    ) -> Result<Option<Reason>, PlanError> {
        let rule = self.workflow.rule(job.rule);
        let awaited: FxHashMap<FileId, bool> = awaited.iter().map(|awaited| (awaited.file, awaited.surely)).collect();
        let places = places(&record.inputs, &job.inputs, &self.dag.paths);
        for (at, (&file, place)) in job.inputs.iter().zip(places).enumerate() {
            // What this run made is compared, whichever differences count: otherwise nothing would follow from it.
            let just_made = self.dag.producer(file).is_some_and(|producer| self.ran[producer.index()]);
            if !(self.triggers.mtime || just_made) || (self.ancient)(rule, job, at) {
                continue;
            }
            let Some(old) = place.map(|place| &mut record.inputs[place]) else { continue };
            let now = stats.get(&self.dag.paths, file)?;
            let change = match (now, awaited.get(&file)) {
                (Some(now), None) if self.stamp_counts(rule, job, at, &now) => {
                    match self.change(file, old.stamp, old.hash, now, stats)? {
                        None => self.change_in_place(file, old, now, stats)?,
                        change => change,
                    }
                }
                // If its maker is fresh after all, the file comes back as it was made last.
                (None, None | Some(false)) => self.made_anew_since(file, old)?,
                _ => None,
            };
            if let Some(change) = change {
                return Ok(Some(Reason::InputChanged { file, change }));
            }
            if let (Some(now), None) = (now, awaited.get(&file)) {
                old.stamp = now;
            }
        }
        if !self.triggers.input {
            return Ok(None);
        }
        let difference = difference(&record.inputs, &job.inputs, &self.dag.paths);
        Ok(difference.map(|(added, removed)| Reason::InputSet { added, removed }))
    }

    pub(super) fn output_set_changed(&self, job: &Job, record: &JobRecord) -> Option<Reason> {
        let (added, removed) =
            difference(&record.outputs, &job.outputs, &self.dag.paths).filter(|_| self.triggers.code)?;
        Some(Reason::OutputSet { added, removed })
    }

    /// A job without a record whose outputs are on record as another's: the Rulefile gives them to this one now.
    fn made_by_another(&self, job: &Job, stats: &mut Stats<'_>) -> Result<Option<Reason>, PlanError> {
        let mut added = Vec::new();
        for &output in job.outputs.iter().filter(|_| self.triggers.code) {
            let name = self.dag.paths.name(output);
            if stats.get(&self.dag.paths, output)?.is_some() && self.records.is_output(name)? {
                added.push(name.to_owned());
            }
        }
        Ok((!added.is_empty()).then(|| Reason::OutputSet { added, removed: Vec::new() }))
    }

    pub(super) fn identity_changed(&self, record: &JobRecord, identity: &Identity) -> Option<Reason> {
        if self.triggers.params {
            for (old, new) in [(&record.params, &identity.params), (&record.globals, &identity.globals)] {
                if **old != **new {
                    return Some(Reason::Params { old: old.clone(), new: new.to_string() });
                }
            }
        }
        if self.triggers.code {
            if record.code != *identity.code {
                // A body is shown as it was written, where that shows the difference.
                return Some(match (&record.source, &identity.source) {
                    (Some(old), Some(new)) if **old != **new => Reason::Code { old: old.clone(), new: new.to_string() },
                    _ => Reason::Code { old: record.code.clone(), new: identity.code.to_string() },
                });
            }
            let script = identity.script.as_ref();
            // One that a job makes, and that has gone since, is as it was.
            let is_gone = script.is_some_and(|script| script.hash.is_none());
            if !is_gone && record.script_hash != script.and_then(|script| script.hash) {
                let path = script.map_or_else(String::new, |script| script.path.to_string());
                return Some(Reason::Script { path });
            }
        }
        None
    }

    /// What the same code sees under other names: of files, and of values that were taken from the outputs.
    fn bindings_changed(&self, job: &Job, record: &JobRecord, identity: &Identity) -> Option<Reason> {
        let rule = self.workflow.rule(job.rule);
        let now = names(job, rule);
        if self.triggers.code && record.names != now {
            let (inputs, outputs) = (&record.inputs, &record.outputs);
            return Some(Reason::Names {
                old: shown_names(&record.names, inputs, outputs),
                new: shown_names(&now, inputs, outputs),
            });
        }
        let now: BTreeSet<(String, String)> = instance::wildcards(rule, &job.wildcards).into_iter().collect();
        let old: BTreeSet<(String, String)> = record.wildcards.iter().cloned().collect();
        (self.triggers.params && identity.sees_wildcards && old != now)
            .then(|| Reason::Wildcards { old: shown_wildcards(old), new: shown_wildcards(now) })
    }

    /// A temporary file that is gone is as it was, unless its maker made another since.
    fn made_anew_since(&mut self, file: FileId, old: &FileRecord) -> Result<Option<Change>, PlanError> {
        let Some(producer) = self.dag.producer(file) else { return Ok(None) };
        if !self.made.contains_key(&file) {
            let dag = Arc::clone(&self.dag);
            let maker = dag.job(producer);
            let record = self.records.record(&key(&self.dag, self.workflow, maker))?;
            let outputs = record.map(|record| record.outputs).unwrap_or_default();
            for (&output, place) in maker.outputs.iter().zip(places(&outputs, &maker.outputs, &self.dag.paths)) {
                self.made.insert(output, place.map(|place| (outputs[place].stamp, outputs[place].hash)));
            }
        }
        let Some((stamp, hash)) = self.made.get(&file).copied().flatten() else { return Ok(None) };
        let same = match (old.hash, hash) {
            (Some(old), Some(new)) if self.triggers.checksum => old == new,
            _ => old.stamp == stamp,
        };
        Ok((!same).then(|| Change::between(old.stamp, stamp, true)))
    }

    /// What is different about a file, by its stamp and, where that differs and a hash is on record, its content.
    fn change(
        &mut self,
        file: FileId,
        old: Stamp,
        old_hash: Option<Hash>,
        now: Stamp,
        stats: &Stats<'_>,
    ) -> Result<Option<Change>, PlanError> {
        if old == now {
            return Ok(None);
        }
        if let Some(old_hash) = old_hash.filter(|_| self.triggers.checksum && (old.size == now.size || old.is_dir))
            && self.has_content(file, now, old_hash, stats)?
        {
            return Ok(None);
        }
        Ok(Some(Change::between(old, now, old_hash.is_some())))
    }

    /// A difference that neither size nor time tell: somebody wrote over the file and gave it the time that it had.
    fn change_in_place(
        &mut self,
        file: FileId,
        old: &FileRecord,
        now: Stamp,
        stats: &Stats<'_>,
    ) -> Result<Option<Change>, PlanError> {
        let Some(hash) = old.hash.filter(|_| self.triggers.checksum && old.stamp.may_differ(&now)) else {
            return Ok(None);
        };
        let same = self.has_content(file, now, hash, stats)?;
        Ok((!same).then(|| Change::between(old.stamp, now, true)))
    }

    fn has_content(&mut self, file: FileId, now: Stamp, old: Hash, stats: &Stats<'_>) -> Result<bool, PlanError> {
        match self.hash(file, now, stats) {
            Ok(hash) => Ok(hash == old),
            // A directory of which something cannot be read is not as it was.
            Err(PlanError::Disk(_)) if now.is_dir => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn hash(&mut self, file: FileId, stamp: Stamp, stats: &Stats<'_>) -> Result<Hash, PlanError> {
        if let Some((seen, hash)) = self.hashes.get(&file)
            && *seen == stamp
        {
            return Ok(*hash);
        }
        let name = self.dag.paths.name(file);
        let hash = stats.disk().hash(name).map_err(|error| io::Error::new(error.kind(), format!("{name}: {error}")))?;
        self.hashes.insert(file, (stamp, hash));
        Ok(hash)
    }

    /// Asked when a pending job's inputs have been remade: stale only if one of them came out different.
    ///
    /// # Errors
    /// As [`Planner::decide_all`].
    pub fn decide_again(&mut self, id: JobId, stats: &mut Stats<'_>) -> Result<Verdict, PlanError> {
        let verdict = self.decide(id, &[], stats)?;
        let job = self.dag.job(id);
        if verdict == Verdict::Fresh && self.records.fingerprint(&key(&self.dag, self.workflow, job)).is_none() {
            // Without a record nobody knows what the job saw, and an input has just been made.
            let files = job.inputs.iter().copied().filter(|&file| self.dag.producer(file).is_some()).collect();
            return Ok(Verdict::Stale(Reason::InputRemade { files }));
        }
        Ok(match verdict {
            Verdict::Stale(Reason::InputChanged { file, .. } | Reason::InputNewer { input: file, .. })
                if self.dag.producer(file).is_some() =>
            {
                Verdict::Stale(Reason::InputRemade { files: vec![file] })
            }
            other => other,
        })
    }
}

/// A rule that is there for its inputs only.
pub fn is_target_only(rule: &Rule) -> bool {
    rule.action == Action::None && rule.output.is_empty()
}

/// Which files are new and which are gone; `None` if they are the same ones in the same order.
fn difference(old: &[FileRecord], now: &[FileId], paths: &Paths) -> Option<(Vec<String>, Vec<String>)> {
    if old.len() == now.len() && old.iter().zip(now).all(|(old, &file)| old.path == paths.name(file)) {
        return None;
    }
    let old: BTreeSet<&str> = old.iter().map(|old| old.path.as_str()).collect();
    let now: BTreeSet<&str> = now.iter().map(|&file| paths.name(file)).collect();
    let only = |a: &BTreeSet<&str>, b: &BTreeSet<&str>| a.difference(b).map(|&name| name.to_owned()).collect();
    Some((only(&now, &old), only(&old, &now)))
}

/// For each file of a job, its place in a record.
fn places(old: &[FileRecord], now: &[FileId], paths: &Paths) -> Vec<Option<usize>> {
    if old.len() == now.len() && old.iter().zip(now).all(|(old, &file)| old.path == paths.name(file)) {
        return (0..now.len()).map(Some).collect();
    }
    let places: FxHashMap<&str, usize> = old.iter().enumerate().map(|(at, old)| (old.path.as_str(), at)).collect();
    now.iter().map(|&file| places.get(paths.name(file)).copied()).collect()
}

fn waits_for(awaited: &[Awaited]) -> Option<Verdict> {
    let files = awaited.iter().map(|awaited| awaited.file).collect();
    (!awaited.is_empty()).then_some(Verdict::Pending(Reason::InputRemade { files }))
}
