//! Jobs that run at the same time or not at all, because what one makes is there only while it runs: a `pipe()`, or what
//! a `service()` offers. The graph in; sets of jobs, and verdicts that are the same for each of a set, out.

use std::collections::BTreeMap;

use super::decide::{PlanError, Planner, Verdict, is_target_only};
use super::reason::Reason;
use crate::graph::dag::{Dag, JobId};
use crate::path::FileId;
use crate::rulefile::rule::Workflow;
use crate::stat::Stats;

/// Whether a file is there only while the job that makes it runs.
fn is_live(dag: &Dag, workflow: &Workflow, file: FileId) -> bool {
    dag.declared(file, workflow).is_some_and(|output| output.flags.live())
}

/// The sets of jobs that files connect which are there only while jobs run, each with its jobs in their order.
pub fn together(dag: &Dag, workflow: &Workflow) -> Vec<Vec<JobId>> {
    let is_live_rule: Vec<bool> =
        workflow.rules.iter().map(|rule| rule.output.items.iter().any(|output| output.flags.live())).collect();
    if !is_live_rule.contains(&true) {
        return Vec::new();
    }
    let mut set: Vec<usize> = (0..dag.jobs.len()).collect();
    fn root(set: &mut [usize], mut at: usize) -> usize {
        while set[at] != at {
            set[at] = set[set[at]];
            at = set[at];
        }
        at
    }
    for id in dag.ids().filter(|&id| !is_target_only(workflow.rule(dag.job(id).rule))) {
        for &input in &dag.job(id).inputs {
            let Some(maker) = dag.producer(input) else { continue };
            if is_live_rule[dag.job(maker).rule.index()] && is_live(dag, workflow, input) {
                let (a, b) = (root(&mut set, maker.index()), root(&mut set, id.index()));
                set[a.max(b)] = a.min(b);
            }
        }
    }
    let mut sets: BTreeMap<usize, Vec<JobId>> = BTreeMap::new();
    for id in dag.ids() {
        let root = root(&mut set, id.index());
        if root != id.index() {
            sets.entry(root).or_insert_with(|| vec![JobId::new(root)]).push(id);
        }
    }
    sets.into_values().collect()
}

impl Planner<'_> {
    /// If one job of a set is to be done, all are; and with them what they need and what follows.
    pub(super) fn decide_together(&self, verdicts: &mut [Verdict], stats: &mut Stats<'_>) -> Result<(), PlanError> {
        let sets = together(&self.dag, self.workflow);
        let mut changed = !sets.is_empty();
        while changed {
            changed = false;
            for set in &sets {
                let takes_part = |id: &&JobId| !self.left_out[id.index()];
                if !set.iter().filter(takes_part).any(|id| verdicts[id.index()].is_to_do()) {
                    continue;
                }
                for &id in set.iter().filter(takes_part) {
                    let verdict = &mut verdicts[id.index()];
                    if !matches!(verdict, Verdict::Stale(_) | Verdict::Pending(Reason::AwaitsCheckpoint { .. })) {
                        *verdict = Verdict::Stale(verdict.reason().cloned().unwrap_or(Reason::RunsTogether));
                        self.follow(verdicts, id);
                        changed = true;
                    }
                }
            }
            if changed {
                self.remake_temporaries(verdicts, stats)?;
            }
        }
        Ok(())
    }
}
