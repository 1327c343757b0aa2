//! Jobs that work inside flow and are not on record, marked as started before any of them is. Such a job puts whole
//! outputs in place without waiting for the store: should the run be killed between that and the record, nothing else
//! would say that the parameters and the command they were made with are not known.

use rustc_hash::FxHashSet;

use super::Failure;
use super::director::JobDirector;
use super::planning::Plan;
use super::project::Project;
use super::records::StoreRecords;
use crate::disk::RealDisk;
use crate::graph::dag::JobId;
use crate::plan::decide::{Records, key};
use crate::rulefile::rule::Action;
use crate::store::{StartedRow, Writer};

pub struct Unrecorded<'a> {
    pub writer: &'a Writer,
    /// The run's.
    pub tag: &'a str,
    /// The numbers of those that were marked.
    pub marked: FxHashSet<u32>,
}

impl Unrecorded<'_> {
    /// Marks those among `jobs`, the first of which has the number `first`.
    pub fn mark(
        &mut self,
        project: &Project,
        plan: &Plan,
        (jobs, first): (&[JobId], u32),
        records: &StoreRecords,
    ) -> Result<(), Failure> {
        let before = self.marked.len();
        for (number, &id) in (first..).zip(jobs) {
            let job = plan.dag.job(id);
            let rule = project.workflow.rule(job.rule);
            let key = key(&plan.dag, &project.workflow, job);
            let is_known = records.fingerprint(&key).is_some() || records.is_unfinished(&key);
            if !matches!(rule.action, Action::Run(_)) || is_known {
                continue;
            }
            self.writer.started(StartedRow {
                key,
                rule: rule.name.clone(),
                run: self.tag.to_owned(),
                outputs: job.outputs.iter().map(|&output| plan.dag.paths.name(output).to_owned()).collect(),
                in_place: false,
                kept: false,
                group: None,
            });
            self.marked.insert(number);
        }
        if self.marked.len() > before {
            self.writer.flush().map_err(|error| records.failed(project, &RealDisk, &error))?;
        }
        Ok(())
    }
}

impl JobDirector<'_> {
    /// Takes the marks from jobs that were not run.
    pub(super) fn unmark(&self, not_run: impl Iterator<Item = u32>) {
        for number in not_run.filter(|job| self.unrecorded.marked.contains(job)) {
            let job = self.plan.dag.job(self.id(number));
            self.unrecorded.writer.ended(&key(&self.plan.dag, &self.project.workflow, job));
        }
    }
}
