//! Deciding: for each job in dependency order, whether it is fresh, stale, or waits for an input that will be remade.
//! The fast way is one comparison of fingerprints; only where that fails are the records looked at in detail.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::identity::{Identities, Identity};
use super::reason::{Change, Reason};
use crate::diagnostic::Diagnostic;
use crate::disk::Stamp;
use crate::graph::dag::{Dag, Job, JobId};
use crate::path::{FileId, Paths};
use crate::rulefile::rule::{Action, Rule, Workflow};
use crate::stat::Stats;
use crate::store::{FileRecord, Fingerprint, JobRecord};

/// What the store knows, as the plan asks for it.
pub trait Records {
    fn fingerprint(&self, key: &str) -> Option<Fingerprint>;

    /// # Errors
    /// A message about the store.
    fn record(&self, key: &str) -> Result<Option<JobRecord>, String>;

    /// Whether the job was started and did not finish.
    fn is_unfinished(&self, key: &str) -> bool;

    /// Whether some job's record has the file among its outputs.
    ///
    /// # Errors
    /// A message about the store.
    fn is_output(&self, path: &str) -> Result<bool, String>;
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
    pub dag: &'a Dag,
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
    pub hashes: FxHashMap<FileId, (Stamp, crate::disk::Hash)>,
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
        stats.prefetch(&self.dag.paths)?;
        let mut verdicts: Vec<Verdict> = Vec::with_capacity(self.dag.jobs.len());
        for id in self.dag.ids() {
            let verdict = if self.left_out[id.index()] {
                Verdict::Nothing
            } else {
                let verdicts = &verdicts;
                let remade = |file: FileId| {
                    self.dag.producer(file).is_some_and(|producer| verdicts[producer.index()].is_to_do())
                };
                let remade: Vec<FileId> =
                    self.dag.job(id).inputs.iter().copied().filter(|&file| remade(file)).collect();
                self.decide(id, &remade, stats)?
            };
            verdicts.push(verdict);
        }
        self.remake_temporaries(&mut verdicts, stats)?;
        Ok(verdicts)
    }

    /// The verdict on one job, given those of its inputs that are going to be remade.
    fn decide(&mut self, id: JobId, remade: &[FileId], stats: &mut Stats<'_>) -> Result<Verdict, PlanError> {
        let (dag, workflow) = (self.dag, self.workflow);
        let job = dag.job(id);
        let rule = workflow.rule(job.rule);
        if is_target_only(rule) {
            return Ok(Verdict::Nothing);
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
            if wanted && stats.get(&dag.paths, output)?.is_none() {
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
        let key = key(dag, workflow, job);
        if self.records.is_unfinished(&key) {
            return Ok(Verdict::Stale(Reason::Unfinished));
        }
        let identity = self.identities.of(dag, id)?;
        if remade.is_empty()
            && let Some(recorded) = self.records.fingerprint(&key)
            && self.fingerprint(job, rule, &identity, stats)? == Some(recorded)
        {
            return Ok(Verdict::Fresh);
        }
        self.decide_in_detail(id, &key, &identity, remade, stats)
    }

    /// A digest of the job's identity and the stamps of all its files; `None` if one is not there.
    fn fingerprint(
        &self,
        job: &Job,
        rule: &Rule,
        identity: &Identity,
        stats: &mut Stats<'_>,
    ) -> Result<Option<Fingerprint>, PlanError> {
        let mut digest = FingerprintHasher::new(identity);
        for (files, count) in [(&job.inputs, job.inputs.len()), (&job.outputs, job.outputs.len())] {
            digest.count(count);
            for (at, &file) in files.iter().enumerate() {
                let Some(stamp) = stats.get(&self.dag.paths, file)? else { return Ok(None) };
                let ancient = std::ptr::eq(files, &job.inputs) && (self.ancient)(rule, job, at);
                digest.file(self.dag.paths.name(file), (!ancient).then_some(&stamp));
            }
        }
        Ok(Some(digest.finish()))
    }

    fn decide_in_detail(
        &mut self,
        id: JobId,
        key: &str,
        identity: &Arc<Identity>,
        remade: &[FileId],
        stats: &mut Stats<'_>,
    ) -> Result<Verdict, PlanError> {
        let job = self.dag.job(id);
        let record = self.records.record(key).map_err(PlanError::Records)?;
        let Some(mut record) = record else {
            if let Some(reason) = self.made_by_another(job, stats)? {
                return Ok(Verdict::Stale(reason));
            }
            if self.triggers.mtime
                && let Some(reason) = self.newer_input(job, remade, stats)?
            {
                return Ok(Verdict::Stale(reason));
            }
            return Ok(waits_for(remade).unwrap_or(Verdict::Fresh));
        };
        if let Some(reason) = self.outputs_changed(job, &mut record, stats)? {
            return Ok(Verdict::Stale(reason));
        }
        if let Some(reason) = self.inputs_changed(job, &mut record, remade, stats)? {
            return Ok(Verdict::Stale(reason));
        }
        if let Some(reason) = self.output_set_changed(job, &record).or_else(|| self.identity_changed(&record, identity))
        {
            return Ok(Verdict::Stale(reason));
        }
        if let Some(verdict) = waits_for(remade) {
            return Ok(verdict);
        }
        // Fresh; stamps that differ have the same content, and triggers that do not count keep what was recorded.
        let rule = self.workflow.rule(job.rule);
        match self.fingerprint(job, rule, identity, stats)? {
            Some(fingerprint) if fingerprint != record.fingerprint && self.triggers == Triggers::default() => {
                record.fingerprint = fingerprint;
                Ok(Verdict::Refreshed(Box::new(record)))
            }
            _ => Ok(Verdict::Fresh),
        }
    }

    /// Without a record, times are all there is: an input that is newer than the oldest output.
    fn newer_input(&self, job: &Job, remade: &[FileId], stats: &mut Stats<'_>) -> Result<Option<Reason>, PlanError> {
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
            if remade.contains(&input) || (self.ancient)(rule, job, at) {
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

    fn outputs_changed(
        &mut self,
        job: &Job,
        record: &mut JobRecord,
        stats: &mut Stats<'_>,
    ) -> Result<Option<Reason>, PlanError> {
        for &file in &job.outputs {
            let name = self.dag.paths.name(file);
            let Some(old) = record.outputs.iter_mut().find(|old| old.path == name) else { continue };
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
        remade: &[FileId],
        stats: &mut Stats<'_>,
    ) -> Result<Option<Reason>, PlanError> {
        let rule = self.workflow.rule(job.rule);
        if self.triggers.mtime {
            let places: FxHashMap<String, usize> =
                record.inputs.iter().enumerate().map(|(at, old)| (old.path.clone(), at)).collect();
            let remade: BTreeSet<FileId> = remade.iter().copied().collect();
            for (at, &file) in job.inputs.iter().enumerate() {
                if remade.contains(&file) || (self.ancient)(rule, job, at) {
                    continue;
                }
                let Some(&place) = places.get(self.dag.paths.name(file)) else { continue };
                let old = record.inputs[place].clone();
                // A temporary file that is gone again is as it was: what makes it is fresh, or it would be remade.
                let Some(now) = stats.get(&self.dag.paths, file)? else { continue };
                if let Some(change) = self.change(file, old.stamp, old.hash, now, stats)? {
                    return Ok(Some(Reason::InputChanged { file, change }));
                }
                record.inputs[place].stamp = now;
            }
        }
        if !self.triggers.input {
            return Ok(None);
        }
        let difference = difference(&record.inputs, &job.inputs, &self.dag.paths);
        Ok(difference.map(|(added, removed)| Reason::InputSet { added, removed }))
    }

    fn output_set_changed(&self, job: &Job, record: &JobRecord) -> Option<Reason> {
        let (added, removed) =
            difference(&record.outputs, &job.outputs, &self.dag.paths).filter(|_| self.triggers.code)?;
        Some(Reason::OutputSet { added, removed })
    }

    /// A job without a record whose outputs are on record as another's: the Rulefile gives them to this one now.
    fn made_by_another(&self, job: &Job, stats: &mut Stats<'_>) -> Result<Option<Reason>, PlanError> {
        let mut added = Vec::new();
        for &output in job.outputs.iter().filter(|_| self.triggers.code) {
            let name = self.dag.paths.name(output);
            if stats.get(&self.dag.paths, output)?.is_some()
                && self.records.is_output(name).map_err(PlanError::Records)?
            {
                added.push(name.to_owned());
            }
        }
        Ok((!added.is_empty()).then(|| Reason::OutputSet { added, removed: Vec::new() }))
    }

    fn identity_changed(&self, record: &JobRecord, identity: &Identity) -> Option<Reason> {
        if self.triggers.params && record.params != *identity.params {
            return Some(Reason::Params { old: record.params.clone(), new: identity.params.to_string() });
        }
        if self.triggers.code {
            if record.code != *identity.code {
                return Some(Reason::Code { old: record.code.clone(), new: identity.code.to_string() });
            }
            if record.script_hash != identity.script.as_ref().map(|(_, hash)| *hash) {
                let path = identity.script.as_ref().map_or_else(String::new, |(path, _)| path.to_string());
                return Some(Reason::Script { path });
            }
        }
        None
    }

    /// What is different about a file, by its stamp and, where that differs and a hash is on record, its content.
    fn change(
        &mut self,
        file: FileId,
        old: Stamp,
        old_hash: Option<crate::disk::Hash>,
        now: Stamp,
        stats: &Stats<'_>,
    ) -> Result<Option<Change>, PlanError> {
        if old == now {
            return Ok(None);
        }
        if let Some(old_hash) = old_hash.filter(|_| self.triggers.checksum && (old.size == now.size || old.is_dir))
            && self.hash(file, now, stats)? == old_hash
        {
            return Ok(None);
        }
        Ok(Some(if old.size != now.size {
            Change::Size(old.size, now.size)
        } else if old.mtime_ns != now.mtime_ns {
            Change::Time(old.mtime_ns, now.mtime_ns)
        } else if old_hash.is_some() {
            Change::Content
        } else {
            Change::Replaced
        }))
    }

    fn hash(&mut self, file: FileId, stamp: Stamp, stats: &Stats<'_>) -> Result<crate::disk::Hash, PlanError> {
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
        if verdict == Verdict::Fresh && self.records.fingerprint(&key(self.dag, self.workflow, job)).is_none() {
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

    /// Jobs whose `temp()` outputs are gone and needed by a job that will run are stale too; and so on, up the graph.
    fn remake_temporaries(&self, verdicts: &mut [Verdict], stats: &mut Stats<'_>) -> Result<(), PlanError> {
        let dag = self.dag;
        // From the last job to the first: what a job needs stands before it.
        let mut work: BTreeSet<JobId> = dag.ids().filter(|job| self.wants_inputs(verdicts, *job)).collect();
        while let Some(id) = work.pop_last() {
            let alone = self.waits_for_one(verdicts, id);
            for &input in &dag.job(id).inputs {
                let Some(producer) = dag.producer(input) else { continue };
                let will_be_there = match &verdicts[producer.index()] {
                    Verdict::Stale(_) => true,
                    // If that one is cut off, so is this job.
                    Verdict::Pending(_) => alone == Some(producer),
                    Verdict::Nothing | Verdict::Fresh | Verdict::Refreshed(_) => self.left_out[producer.index()],
                };
                if will_be_there || stats.get(&dag.paths, input)?.is_some() {
                    continue;
                }
                verdicts[producer.index()] = Verdict::Stale(Reason::TempNeeded { file: input });
                work.insert(producer);
                self.stir(verdicts, producer, &mut work);
            }
        }
        Ok(())
    }

    fn wants_inputs(&self, verdicts: &[Verdict], job: JobId) -> bool {
        verdicts[job.index()].is_to_do()
            || (dag_target(self.dag, job) && !self.left_out[job.index()] && verdicts[job.index()] == Verdict::Nothing)
    }

    /// For a job that is pending on one other alone, that other.
    fn waits_for_one(&self, verdicts: &[Verdict], job: JobId) -> Option<JobId> {
        if !matches!(verdicts[job.index()], Verdict::Pending(_)) {
            return None;
        }
        let mut awaited = self.dag.dependencies(job).filter(|before| verdicts[before.index()].is_to_do());
        awaited.next().filter(|_| awaited.next().is_none())
    }

    /// What depends on a job that will run after all is pending too. Adds to `work` all that wait for more than before.
    fn stir(&self, verdicts: &mut [Verdict], from: JobId, work: &mut BTreeSet<JobId>) {
        let mut stirred = vec![from];
        while let Some(id) = stirred.pop() {
            for dependent in self.dag.dependents(id) {
                match &verdicts[dependent.index()] {
                    Verdict::Fresh | Verdict::Refreshed(_) => {
                        let files = self.dag.job(id).outputs.first().copied().into_iter().collect();
                        verdicts[dependent.index()] = Verdict::Pending(Reason::InputRemade { files });
                        work.insert(dependent);
                        stirred.push(dependent);
                    }
                    Verdict::Pending(_) => drop(work.insert(dependent)),
                    Verdict::Nothing | Verdict::Stale(_) => {}
                }
            }
        }
    }
}

fn dag_target(dag: &Dag, job: JobId) -> bool {
    dag.target_jobs.binary_search(&job).is_ok()
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

fn waits_for(remade: &[FileId]) -> Option<Verdict> {
    (!remade.is_empty()).then(|| Verdict::Pending(Reason::InputRemade { files: remade.to_vec() }))
}

/// The digest that says in one comparison that nothing has changed: identity, then paths and stamps in order.
pub struct FingerprintHasher(blake3::Hasher);

impl FingerprintHasher {
    pub fn new(identity: &Identity) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&identity.digest);
        FingerprintHasher(hasher)
    }

    pub fn count(&mut self, files: usize) {
        self.0.update(&(files as u64).to_le_bytes());
    }

    /// `None` for a stamp that does not count.
    pub fn file(&mut self, path: &str, stamp: Option<&Stamp>) {
        self.0.update(&(path.len() as u64).to_le_bytes()).update(path.as_bytes());
        if let Some(stamp) = stamp {
            let mut bytes = [0; 25];
            bytes[..8].copy_from_slice(&stamp.size.to_le_bytes());
            bytes[8..16].copy_from_slice(&stamp.mtime_ns.to_le_bytes());
            bytes[16..24].copy_from_slice(&stamp.inode.to_le_bytes());
            bytes[24] = u8::from(stamp.is_dir);
            self.0.update(&bytes);
        }
    }

    pub fn finish(self) -> Fingerprint {
        let mut out = [0; 16];
        out.copy_from_slice(&self.0.finalize().as_bytes()[..16]);
        out
    }
}
