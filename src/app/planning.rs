//! From a project to its plan: the graph of what is asked for, with what is on disk and on record. Where checkpoints are
//! done, the graph is grown by what they made known until nothing more is; the same is done again in a run when one has
//! run.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::Failure;
use super::project::{Policy, Project};
use super::records::StoreRecords;
use crate::disk::Disk;
use crate::graph::dag::{Dag, JobId};
use crate::graph::explain::explain;
use crate::graph::resolve::{Resolver, Target};
use crate::graph::select::{goals, select};
use crate::path::FileId;
use crate::plan::decide::{Planner, Records, Verdict};
use crate::plan::identity::Identities;
use crate::stat::Stats;

/// A graph with the verdict on each of its jobs.
pub struct Plan {
    pub dag: Arc<Dag>,
    pub verdicts: Vec<Verdict>,
}

impl Plan {
    /// By job: whether it is to be done, and it is not known yet what it needs, or what a job before it does.
    pub fn unknown(&self) -> Vec<bool> {
        let mut unknown = vec![false; if self.dag.open().is_empty() { 0 } else { self.dag.jobs.len() }];
        for id in self.dag.ids().take(unknown.len()).filter(|id| self.verdicts[id.index()].is_to_do()) {
            unknown[id.index()] =
                !self.dag.awaits(id).is_empty() || self.dag.dependencies(id).any(|before| unknown[before.index()]);
        }
        unknown
    }

    /// The jobs that are to be done, and known well enough for that.
    pub fn jobs_to_do(&self) -> Vec<JobId> {
        let unknown = self.unknown();
        let is_known = |id: &JobId| !unknown.get(id.index()).copied().unwrap_or(false);
        self.dag.ids().filter(|id| self.verdicts[id.index()].is_to_do()).filter(is_known).collect()
    }
}

/// The graph that the targets need, and how to grow it.
pub struct Graph<'p> {
    project: &'p Project,
    resolver: Resolver<'p>,
    targets: Vec<Target>,
    pub dag: Arc<Dag>,
}

impl<'p> Graph<'p> {
    /// The graph as far as it is known without a checkpoint.
    pub fn new(project: &'p Project, stats: &mut Stats<'_>) -> Result<Graph<'p>, Failure> {
        let workflow = &project.workflow;
        let mut targets = Vec::new();
        for target in &project.settings.targets {
            targets.push(match workflow.find(target) {
                Some(rule) => Target::Rule(rule),
                None => Target::File(target.clone()),
            });
        }
        if targets.is_empty() {
            targets.extend(workflow.default_rule().map(Target::Rule));
        }
        project.check_rule_names()?;
        let mut resolver = Resolver::new(workflow, project.settings.allow_ambiguity, project.batch());
        let dag = Arc::new(resolved(project, &mut resolver, &targets, stats)?);
        project.check_names(&dag)?;
        // The process ends with its first graph: the system takes a million pieces back faster than we could give them.
        std::mem::forget(Arc::clone(&dag));
        Ok(Graph { project, resolver, targets, dag })
    }

    /// Says that checkpoints have made these files, and grows the graph.
    pub fn grow(&mut self, done: &[FileId], stats: &mut Stats<'_>) -> Result<(), Failure> {
        for &file in done {
            self.project.workflow.functions.checkpoint_done(self.dag.paths.name(file));
        }
        self.resolver.reopen(stats);
        self.dag = Arc::new(resolved(self.project, &mut self.resolver, &self.targets, stats)?);
        Ok(())
    }

    /// The graph as it is where every checkpoint's files that are there count as made.
    pub fn as_on_disk(project: &'p Project, stats: &mut Stats<'_>) -> Result<Arc<Dag>, Failure> {
        let mut graph = Graph::new(project, stats)?;
        loop {
            let dag = &graph.dag;
            let awaited = dag.open().iter().flat_map(|(_, files)| files);
            let done: Vec<FileId> = awaited
                .copied()
                .filter(|&file| stats.get(&dag.paths, file).is_ok_and(|stamp| stamp.is_some()))
                .collect();
            if done.is_empty() {
                return Ok(graph.dag);
            }
            graph.grow(&done, stats)?;
        }
    }
}

fn resolved(
    project: &Project,
    resolver: &mut Resolver<'_>,
    targets: &[Target],
    stats: &mut Stats<'_>,
) -> Result<Dag, Failure> {
    let (settings, workflow) = (&project.settings, &project.workflow);
    let mut dag = resolver.resolve(targets, stats).map_err(|boxed| {
        let (error, paths) = *boxed;
        let mut diagnostic = explain(error, &paths, workflow);
        for (word, hint) in &settings.hints {
            if diagnostic.message.starts_with(&format!("no rule makes {word},")) {
                diagnostic = diagnostic.help(hint);
            }
        }
        project.failure(diagnostic)
    })?;
    project.check_commands(&dag)?;
    let (until, omit_from) = (&settings.until, &project.omitted());
    if !until.is_empty() || !omit_from.is_empty() {
        let keep = select(&dag, workflow, until, omit_from);
        let goals = goals(&dag, workflow, &keep, until);
        dag.add_goals(goals);
    }
    Ok(dag)
}

/// For each job of a grown graph, the job that it was before, as far as that was closed. Files keep their ids.
pub fn as_before(before: &Dag, now: &Dag) -> Vec<Option<JobId>> {
    let without_outputs = before.ids().filter(|&id| before.job(id).outputs.is_empty());
    let without_outputs: FxHashMap<u32, JobId> = without_outputs.map(|id| (before.job(id).rule.0, id)).collect();
    let same = |id: JobId| {
        let job = now.job(id);
        let old = match job.outputs.first() {
            Some(&output) => before.producer(output)?,
            None => *without_outputs.get(&job.rule.0)?,
        };
        (before.job(old).rule == job.rule && !before.is_beyond(old)).then_some(old)
    };
    now.ids().map(same).collect()
}

impl Project {
    /// What decisions are made from, for a graph.
    pub fn planner<'a>(
        &'a self,
        dag: &Arc<Dag>,
        disk: &'a dyn Disk,
        records: &'a dyn Records,
        policy: &'a Policy<'a>,
    ) -> Result<Planner<'a>, Failure> {
        Ok(Planner {
            dag: Arc::clone(dag),
            workflow: &self.workflow,
            identities: Identities::new(&self.workflow, disk),
            records,
            triggers: self.triggers(),
            forced: self.forced(dag)?,
            left_out: self.left_out(dag)?,
            ancient: &policy.ancient,
            hashes: FxHashMap::default(),
            made: FxHashMap::default(),
            ran: vec![false; dag.jobs.len()],
        })
    }

    /// Puts a planner onto a grown graph; gives the verdicts that hold on, for those of `before`.
    pub fn follow(
        &self,
        planner: &mut Planner<'_>,
        dag: &Arc<Dag>,
        before: &[Verdict],
    ) -> Result<Vec<Option<Verdict>>, Failure> {
        let as_before = as_before(&planner.dag, dag);
        let known = as_before.iter().map(|old| {
            let old = (*old)?;
            (!planner.left_out[old.index()]).then(|| before[old.index()].clone())
        });
        let known = known.collect();
        planner.ran = as_before.iter().map(|old| old.is_some_and(|old| planner.ran[old.index()])).collect();
        planner.dag = Arc::clone(dag);
        planner.forced = self.forced(dag)?;
        planner.left_out = self.left_out(dag)?;
        Ok(known)
    }

    /// The plan for a graph, which is grown by all that is known to be done.
    pub fn plan<'a>(
        &'a self,
        graph: &mut Graph<'_>,
        disk: &'a dyn Disk,
        records: &'a StoreRecords,
        policy: &'a Policy<'a>,
        stats: &mut Stats<'_>,
    ) -> Result<(Planner<'a>, Plan), Failure> {
        let mut planner = self.planner(&graph.dag, disk, records, policy)?;
        let mut known = vec![None; graph.dag.jobs.len()];
        loop {
            let verdicts = records.decide(self, &mut planner, known, stats)?;
            let done = planner.checkpoints_done(&verdicts, stats).map_err(|error| self.plan_error(error))?;
            if done.is_empty() {
                return Ok((planner, Plan { dag: Arc::clone(&graph.dag), verdicts }));
            }
            graph.grow(&done, stats)?;
            known = self.follow(&mut planner, &graph.dag, &verdicts)?;
        }
    }

    /// The plan, for those who only look.
    pub fn look<T>(
        &self,
        disk: &dyn Disk,
        then: impl FnOnce(&Plan, &mut Stats<'_>, &mut Planner<'_>) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let mut stats = Stats::new(disk);
        let mut graph = Graph::new(self, &mut stats)?;
        let records = StoreRecords::look(self, disk)?;
        let policy = self.policy();
        let (mut planner, plan) = self.plan(&mut graph, disk, &records, &policy, &mut stats)?;
        // A reader that takes its time, a pager for one, keeps nobody else from working.
        records.release();
        then(&plan, &mut stats, &mut planner)
    }
}
