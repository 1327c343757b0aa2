//! Temporary files in a plan: what is gone and needed is made again, and what follows from that waits for it. Verdicts in,
//! verdicts out; the disk is asked only whether a file is there.

use std::collections::BTreeSet;

use super::decide::{PlanError, Planner, Verdict, key};
use super::reason::Reason;
use crate::graph::dag::JobId;
use crate::path::FileId;
use crate::stat::Stats;

impl Planner<'_> {
    /// Jobs whose `temp()` outputs are gone and needed by a job that will run are stale too; and so on, up the graph.
    pub(super) fn remake_temporaries(&self, verdicts: &mut [Verdict], stats: &mut Stats<'_>) -> Result<(), PlanError> {
        let dag = &self.dag;
        // From the last job to the first: what a job needs stands before it.
        let mut work: BTreeSet<JobId> = dag.ids().filter(|job| self.wants_inputs(verdicts, *job)).collect();
        // Whether those will run is not known, and what is made again for them could make a checkpoint wait.
        let soon = self.known_soon(verdicts, stats)?;
        while let Some(id) = work.pop_last() {
            if soon.get(id.index()) == Some(&true) {
                continue;
            }
            let alone = self.waits_for_one(verdicts, id);
            for &input in &dag.job(id).inputs {
                let Some(producer) = dag.producer(input) else { continue };
                let will_be_there = match &verdicts[producer.index()] {
                    // What waits for a checkpoint is decided when that is done.
                    Verdict::Stale(_) | Verdict::Pending(Reason::AwaitsCheckpoint { .. }) => true,
                    // If that one is cut off, so is this job.
                    Verdict::Pending(_) => alone == Some(producer),
                    Verdict::Nothing | Verdict::Fresh | Verdict::Refreshed(_) => self.left_out[producer.index()],
                };
                if will_be_there || stats.get(&dag.paths, input)?.is_some() {
                    continue;
                }
                verdicts[producer.index()] = Verdict::Stale(self.needed(producer, input));
                work.insert(producer);
                self.stir(verdicts, producer, &mut work);
            }
        }
        Ok(())
    }

    fn needed(&self, producer: JobId, file: FileId) -> Reason {
        let was_made = self.records.fingerprint(&key(&self.dag, self.workflow, self.dag.job(producer))).is_some();
        if was_made { Reason::TempNeeded { file } } else { Reason::OutputMissing(vec![file]) }
    }

    fn wants_inputs(&self, verdicts: &[Verdict], job: JobId) -> bool {
        let is_target = self.dag.target_jobs.binary_search(&job).is_ok();
        verdicts[job.index()].is_to_do()
            || (is_target && !self.left_out[job.index()] && verdicts[job.index()] == Verdict::Nothing)
    }

    /// For a job that is pending on one other alone, that other.
    fn waits_for_one(&self, verdicts: &[Verdict], job: JobId) -> Option<JobId> {
        if !matches!(verdicts[job.index()], Verdict::Pending(_)) {
            return None;
        }
        let mut awaited = self.dag.dependencies(job).filter(|before| verdicts[before.index()].is_to_do());
        awaited.next().filter(|_| awaited.next().is_none())
    }

    /// What depends on a job that will run after all waits for it.
    pub(super) fn follow(&self, verdicts: &mut [Verdict], from: JobId) {
        self.stir(verdicts, from, &mut BTreeSet::new());
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
