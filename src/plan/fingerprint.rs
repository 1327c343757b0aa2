//! Fingerprints: the digest that says in one comparison that nothing has changed about a job; and the record that is made
//! of a job with it. Identities, names and stamps in; knows nothing of reasons.

use super::decide::{Planner, key};
use super::identity::Identity;
use crate::disk::Stamp;
use crate::event::Usage;
use crate::graph::dag::{Job, JobId};
use crate::rulefile::instance;
use crate::rulefile::rule::Rule;
use crate::store::{FileRecord, Fingerprint, JobRecord, Names};

/// Identity, names and wildcards first; then paths and stamps, in order.
pub struct FingerprintHasher(blake3::Hasher);

impl FingerprintHasher {
    pub fn new(identity: &Identity, job: &Job, rule: &Rule) -> Self {
        let mut hasher = FingerprintHasher(blake3::Hasher::new());
        hasher.0.update(&identity.digest);
        for names in [&job.shape.names, &rule.output.names] {
            hasher.count(names.len());
            for (name, start, count) in names {
                hasher.text(name);
                hasher.0.update(&start.to_le_bytes()).update(&count.map_or(u64::MAX, u64::from).to_le_bytes());
            }
        }
        if identity.sees_wildcards {
            for (name, value) in rule.wildcard_names.iter().zip(&job.wildcards) {
                hasher.text(name);
                hasher.text(value);
            }
        }
        hasher
    }

    pub fn count(&mut self, files: usize) {
        self.0.update(&(files as u64).to_le_bytes());
    }

    fn text(&mut self, text: &str) {
        self.count(text.len());
        self.0.update(text.as_bytes());
    }

    /// An input, also by when anything of it was changed; `None` for a stamp that does not count.
    pub fn input(&mut self, path: &str, stamp: Option<&Stamp>) {
        match stamp {
            Some(stamp) => {
                self.output(path, stamp);
                self.0.update(&(if stamp.is_dir { 0 } else { stamp.changed_ns }).to_le_bytes());
            }
            None => self.text(path),
        }
    }

    /// An output: flow itself names, links and protects it after it was made.
    pub fn output(&mut self, path: &str, stamp: &Stamp) {
        self.text(path);
        let mut bytes = [0; 25];
        bytes[..8].copy_from_slice(&stamp.size.to_le_bytes());
        bytes[8..16].copy_from_slice(&stamp.mtime_ns.to_le_bytes());
        bytes[16..24].copy_from_slice(&stamp.inode.to_le_bytes());
        bytes[24] = u8::from(stamp.is_dir);
        self.0.update(&bytes);
    }

    pub fn finish(self) -> Fingerprint {
        let mut out = [0; 16];
        out.copy_from_slice(&self.0.finalize().as_bytes()[..16]);
        out
    }
}

impl Planner<'_> {
    /// The record of a job that is as these files and this identity say; when it ran and what it took is not in it.
    pub fn record(
        &self,
        id: JobId,
        identity: &Identity,
        inputs: Vec<FileRecord>,
        outputs: Vec<FileRecord>,
    ) -> JobRecord {
        let job = self.dag.job(id);
        let rule = self.workflow.rule(job.rule);
        let mut digest = FingerprintHasher::new(identity, job, rule);
        digest.count(inputs.len());
        for (at, file) in inputs.iter().enumerate() {
            digest.input(&file.path, self.stamp_counts(rule, job, at, &file.stamp).then_some(&file.stamp));
        }
        digest.count(outputs.len());
        for file in &outputs {
            digest.output(&file.path, &file.stamp);
        }
        JobRecord {
            key: key(&self.dag, self.workflow, job),
            rule: rule.name.clone(),
            wildcards: instance::wildcards(rule, &job.wildcards),
            code: identity.code.to_string(),
            source: identity.source.as_ref().map(ToString::to_string),
            params: identity.params.to_string(),
            globals: identity.globals.to_string(),
            names: names(job, rule),
            script_hash: identity.script.as_ref().and_then(|script| script.hash),
            inputs,
            outputs,
            fingerprint: digest.finish(),
            log: String::new(),
            started_at_ms: 0,
            ended_at_ms: 0,
            usage: Usage::default(),
            ran: None,
        }
    }

    /// Whether a change of an input's stamp is a change: not for one that is `ancient()`; and not for a directory in
    /// which the job itself writes, whose time changes with every file in it.
    pub(super) fn stamp_counts(&self, rule: &Rule, job: &Job, at: usize, stamp: &Stamp) -> bool {
        let is_own_folder = stamp.is_dir && self.writes_into(job, self.dag.paths.name(job.inputs[at]));
        !is_own_folder && !(self.ancient)(rule, job, at)
    }

    fn writes_into(&self, job: &Job, folder: &str) -> bool {
        job.outputs.iter().any(|&output| {
            let output = self.dag.paths.name(output);
            folder == "." && !output.starts_with(['/', '.'])
                || output.strip_prefix(folder.trim_end_matches('/')).is_some_and(|rest| rest.starts_with('/'))
        })
    }
}

/// The names of a job's files.
pub fn names(job: &Job, rule: &Rule) -> Names {
    Names { input: job.shape.names.clone(), output: rule.output.names.clone() }
}
