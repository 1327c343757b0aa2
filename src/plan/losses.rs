//! Lost records: a job without one is not judged by times where its outputs are from a time of which records, or a part of
//! what was written, may be lost. The disk says when a file was last changed; why something was lost is not known here.

use super::decide::{PlanError, Planner};
use crate::graph::dag::Job;
use crate::stat::Stats;

impl Planner<'_> {
    /// Whether a job without a record has an output from a time of which records were lost.
    pub(super) fn may_be_lost(&self, job: &Job, stats: &mut Stats<'_>) -> Result<bool, PlanError> {
        let losses = self.records.losses();
        for &output in job.outputs.iter().filter(|_| !losses.is_empty()) {
            let Some(stamp) = stats.get(&self.dag.paths, output)? else { continue };
            if losses.iter().any(|&(since, until)| (since..=until).contains(&stamp.changed_ns)) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
