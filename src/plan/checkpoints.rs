//! Verdicts on jobs that wait for a checkpoint. What they need is not known, so that they are to be done until it is; and
//! the files that are known to be made, for those who may ask now.

use std::sync::Arc;

use super::decide::{PlanError, Planner, Verdict, is_target_only, key};
use super::reason::Reason;
use crate::graph::dag::JobId;
use crate::path::FileId;
use crate::stat::Stats;

impl Planner<'_> {
    /// The files of checkpoints that jobs wait for and that are there, made by jobs that will not run.
    ///
    /// # Errors
    /// The disk cannot be asked.
    pub fn checkpoints_done(&self, verdicts: &[Verdict], stats: &mut Stats<'_>) -> Result<Vec<FileId>, PlanError> {
        let mut done = Vec::new();
        // What a fresh job needs is taken as it was.
        for (_, files) in self.dag.open().iter().filter(|(job, _)| verdicts[job.index()] != Verdict::Fresh) {
            for &file in files {
                let is_left_out = self.dag.producer(file).is_some_and(|maker| self.left_out[maker.index()]);
                if !is_left_out && self.is_done(file, verdicts, stats)? {
                    done.push(file);
                }
            }
        }
        done.sort_unstable();
        done.dedup();
        Ok(done)
    }

    /// Whether a checkpoint's file is there, and its job will not run.
    fn is_done(&self, file: FileId, verdicts: &[Verdict], stats: &mut Stats<'_>) -> Result<bool, PlanError> {
        let is_to_do = self.dag.producer(file).is_some_and(|maker| verdicts[maker.index()].is_to_do());
        Ok(!is_to_do && stats.get(&self.dag.paths, file)?.is_some())
    }

    /// By job, whether it waits, itself or through others, for a checkpoint that is done: what it needs is asked before
    /// anything is run. Of no jobs, where none waits.
    pub(super) fn known_soon(&self, verdicts: &[Verdict], stats: &mut Stats<'_>) -> Result<Vec<bool>, PlanError> {
        let mut soon = vec![false; if self.dag.open().is_empty() { 0 } else { verdicts.len() }];
        for id in self.dag.ids().take(soon.len()) {
            if !matches!(verdicts[id.index()], Verdict::Pending(_)) {
                continue;
            }
            let mut is_soon = self.dag.dependencies(id).any(|before| soon[before.index()]);
            for &file in self.dag.awaits(id) {
                is_soon = is_soon || self.is_done(file, verdicts, stats)?;
            }
            soon[id.index()] = is_soon;
        }
        Ok(soon)
    }

    /// The verdict on a job that waits for a checkpoint before its inputs are known. Where the checkpoint is done and its
    /// files, temporary ones, are gone, nobody can ask for the inputs; what was made from them stands as long as the job
    /// itself is as it was.
    pub(super) fn decide_open(
        &mut self,
        id: JobId,
        verdicts: &[Verdict],
        stats: &mut Stats<'_>,
    ) -> Result<Verdict, PlanError> {
        let dag = Arc::clone(&self.dag);
        let job = dag.job(id);
        let awaits = dag.awaits(id);
        let unknown = Verdict::Pending(Reason::AwaitsCheckpoint { files: awaits.to_vec() });
        if is_target_only(self.workflow.rule(job.rule)) {
            return Ok(Verdict::Nothing);
        }
        for &file in awaits {
            let is_done = dag.producer(file).is_some_and(|maker| !verdicts[maker.index()].is_to_do());
            if !is_done || stats.get(&dag.paths, file)?.is_some() {
                return Ok(unknown);
            }
        }
        let Some(mut record) = self.records.record(&key(&dag, self.workflow, job))? else { return Ok(unknown) };
        let is_unfinished = self.records.is_unfinished(&record.key);
        for &output in &job.outputs {
            if self.forced[id.index()] || is_unfinished || stats.get(&dag.paths, output)?.is_none() {
                return Ok(unknown);
            }
        }
        let Ok(identity) = self.identities.of(&dag, id) else { return Ok(unknown) };
        let changed = self.output_set_changed(job, &record).or_else(|| self.identity_changed(&record, &identity));
        let changed = changed.is_some() || self.outputs_changed(job, &mut record, stats)?.is_some();
        Ok(if changed { unknown } else { Verdict::Fresh })
    }
}
