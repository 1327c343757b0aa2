//! A run that grows: when checkpoints are done, the graph is asked again, and what is new in it becomes jobs of the run.
//! What was known stays as it was decided, and keeps its number.

use std::sync::Arc;

use super::Failure;
use super::director::JobDirector;
use super::planning::as_before;
use super::tasks::{add_tasks, counts};
use super::tidy::leftover_temporaries;
use crate::graph::dag::JobId;
use crate::plan::decide::Verdict;
use crate::run::director::Growth;
use crate::run::tasks::Tasks;

impl JobDirector<'_> {
    /// The jobs that are known now.
    pub(super) fn grown(&mut self, mut tasks: Tasks) -> Result<Growth, Failure> {
        let project = self.project;
        for (id, _) in self.jobs.iter().zip(&self.through).filter(|(_, through)| **through) {
            self.plan.verdicts[id.index()] = Verdict::Fresh;
        }
        let before = Arc::clone(&self.plan.dag);
        let mut done = std::mem::take(&mut self.ripe);
        while !done.is_empty() {
            self.graph.grow(&done, &mut self.stats)?;
            let known = project.follow(&mut self.planner, &self.graph.dag, &self.plan.verdicts)?;
            let decided = self.planner.decide_rest(known, &mut self.stats);
            self.plan.verdicts = decided.map_err(|error| project.plan_error(error))?;
            self.plan.dag = Arc::clone(&self.graph.dag);
            let known_done = self.planner.checkpoints_done(&self.plan.verdicts, &mut self.stats);
            done = known_done.map_err(|error| project.plan_error(error))?;
        }
        let dag = Arc::clone(&self.plan.dag);
        let mut numbers: Vec<Option<u32>> = vec![None; dag.jobs.len()];
        let mut old_numbers = vec![None; before.jobs.len()];
        for (number, id) in (0..).zip(&self.jobs) {
            old_numbers[id.index()] = Some(number);
        }
        for (id, old) in dag.ids().zip(as_before(&before, &dag)) {
            if let Some(number) = old.and_then(|old| old_numbers[old.index()]) {
                numbers[id.index()] = Some(number);
                self.jobs[number as usize] = id;
            }
        }
        let new: Vec<JobId> = self.plan.jobs_to_do().into_iter().filter(|id| numbers[id.index()].is_none()).collect();
        let added = add_tasks(&mut tasks, &mut numbers, project, &self.plan, &new, self.records, self.totals)?;
        let first = u32::try_from(self.jobs.len()).expect("fewer than 2^32 jobs");
        self.unrecorded.mark(project, &self.plan, (&new, first), self.records)?;
        self.jobs.extend(&new);
        self.through.resize(self.jobs.len(), false);
        self.take_stock();
        self.go_in_turn(added.turns);
        let mut remove = self.unused_temporaries();
        if !before.open().is_empty() {
            // What a killed run left could not be told from what may be needed before.
            remove.extend(leftover_temporaries(project, &self.plan, &mut self.stats)?);
        }
        Ok(Growth { tasks, rules: counts(project, &dag, &new), remove })
    }
}
