//! The jobs of a run that go out with others: at the same time, because a pipe or a service connects them, or one after the
//! other in one task of a batch system, because they are of one group and need each other. A plan in, sets of jobs out.

use std::collections::{BTreeMap, BTreeSet};

use super::Failure;
use super::planning::Plan;
use super::project::Project;
use super::tasks::amount;
use crate::diagnostic::Diagnostic;
use crate::graph::dag::{Dag, JobId};
use crate::graph::groups::connected;
use crate::plan::together::together;
use crate::rulefile::instance;
use crate::rulefile::rule::{Action, Argument, Expr, Rule, Workflow};
use crate::rulefile::template;
use crate::value::Value;

/// The sets, as far as they are to be done: the first of each has its turn for all.
#[derive(Debug, Default)]
pub struct Sets {
    firsts: BTreeMap<JobId, JobId>,
    /// Of those that run at the same time, by the first.
    companions: BTreeMap<JobId, Vec<JobId>>,
    /// Of those that run in turn, by the first: steps, of which each needs what the ones before it make.
    steps: BTreeMap<JobId, Vec<Vec<JobId>>>,
}

impl Sets {
    /// # Errors
    /// A pipe that nobody reads, or several do; a service that nobody uses.
    pub fn of(project: &Project, plan: &Plan, jobs: &[JobId]) -> Result<Sets, Failure> {
        let (dag, workflow) = (&*plan.dag, &project.workflow);
        let mut sets = Sets::default();
        let all = together(dag, workflow);
        let to_do: BTreeSet<JobId> =
            if all.is_empty() && !has_live(workflow) { BTreeSet::new() } else { jobs.iter().copied().collect() };
        for &id in &to_do {
            let job = dag.job(id);
            let outputs = job.outputs.iter().zip(&workflow.rule(job.rule).output.items);
            for (&file, spec) in outputs.filter(|(_, spec)| spec.flags.live()) {
                let uses = |other: &JobId| to_do.contains(other) && dag.job(*other).inputs.contains(&file);
                let users = dag.dependents(id).filter(uses).count();
                let kind = if spec.flags.pipe { "pipe" } else { "service" };
                let wrong = match users {
                    0 => format!("no job uses {}, which is a {kind}", dag.paths.name(file)),
                    1 => continue,
                    _ if spec.flags.service => continue,
                    _ => format!("{users} jobs read {}, which is a pipe to one", dag.paths.name(file)),
                };
                let help = match users {
                    0 => "it is there only while jobs that use it run: ask for what they make of it",
                    _ => "write temp(…) where several jobs read a file",
                };
                return Err(project.failure(Diagnostic::error(wrong).at(spec.span, "").help(help)));
            }
        }
        for set in all {
            let mut members = set.into_iter().filter(|id| to_do.contains(id));
            if let Some(first) = members.next() {
                let companions: Vec<JobId> = members.collect();
                sets.firsts.extend(companions.iter().map(|&id| (id, first)));
                sets.companions.insert(first, companions);
            }
        }
        if !project.settings.elsewhere.is_here() {
            sets.add_groups(project, plan, jobs);
        }
        Ok(sets)
    }

    /// Jobs of a group that need each other go to a batch system as one.
    fn add_groups(&mut self, project: &Project, plan: &Plan, jobs: &[JobId]) {
        let (dag, workflow) = (&*plan.dag, &project.workflow);
        let groups = groups(project);
        let groups: Vec<Option<&String>> = workflow
            .rules
            .iter()
            .map(|rule| groups.get(&rule.name).filter(|_| !project.runs_here(rule) && !rule.is_checkpoint))
            .collect();
        if groups.iter().all(Option::is_none) {
            return;
        }
        let reads: Vec<bool> = workflow.rules.iter().map(|rule| asks_for_inputs(project, dag, rule)).collect();
        let bound: Vec<Vec<JobId>> =
            self.companions.iter().map(|(first, others)| [&[*first][..], others].concat()).collect();
        let in_a_set = |id: JobId| self.firsts.contains_key(&id) || self.companions.contains_key(&id);
        let group = |id: JobId| groups[dag.job(id).rule.index()].filter(|_| !in_a_set(id));
        for set in connected(dag, jobs, group, |id| !reads[dag.job(id).rule.index()], &bound) {
            let (first, steps) = (set[0], steps(dag, &set));
            if !ask_alike(project, dag, &steps) {
                continue;
            }
            self.steps.insert(first, steps);
            self.firsts.extend(set[1..].iter().map(|&id| (id, first)));
        }
    }

    /// The job whose turn is this one's too.
    pub fn first(&self, id: JobId) -> JobId {
        self.firsts.get(&id).copied().unwrap_or(id)
    }

    /// The jobs that run when this one does; none for one that is not the first.
    pub fn companions(&self, id: JobId) -> &[JobId] {
        self.companions.get(&id).map_or(&[], Vec::as_slice)
    }

    /// The steps of a set that runs in turn, this job's own step the first of them; none for a job that is not the first of one.
    pub fn steps(&self, id: JobId) -> &[Vec<JobId>] {
        self.steps.get(&id).map_or(&[], Vec::as_slice)
    }

    /// The sets that run in turn, each with its jobs in their order.
    pub fn in_turn(&self) -> impl Iterator<Item = Vec<JobId>> {
        self.steps.values().map(|steps| {
            let mut set = steps.concat();
            set.sort_unstable();
            set
        })
    }
}

/// The group of each rule that has one: what the command line says goes over what the rule says.
pub fn groups(project: &Project) -> BTreeMap<String, String> {
    let of_rules = project.workflow.rules.iter().filter_map(|rule| Some((rule.name.clone(), rule.group.clone()?)));
    of_rules.chain(project.settings.elsewhere.groups.clone()).collect()
}

/// Jobs in their order, by how many others of them they need, one after the other.
fn steps(dag: &Dag, set: &[JobId]) -> Vec<Vec<JobId>> {
    let mut depths: BTreeMap<JobId, usize> = BTreeMap::new();
    let mut steps: Vec<Vec<JobId>> = Vec::new();
    for &id in set {
        let depth = dag.dependencies(id).filter_map(|before| depths.get(&before)).max().map_or(0, |depth| depth + 1);
        depths.insert(id, depth);
        if steps.len() == depth {
            steps.push(Vec::new());
        }
        steps[depth].push(id);
    }
    steps
}

/// Whether one task can ask for what these jobs need: where one says a word (a partition, say), or how long it takes or how
/// much memory it needs, all do, words agree, and no step takes more of what `--resources` counts than there is.
fn ask_alike(project: &Project, dag: &Dag, steps: &[Vec<JobId>]) -> bool {
    const SAID_BY_ALL: [&str; 4] = ["runtime", "mem_mb", "mem_mb_per_cpu", "cpus_per_task"];
    let of_job = |&id: &JobId| {
        let job = dag.job(id);
        let wildcards = instance::wildcards(project.workflow.rule(job.rule), &job.wildcards);
        project.job_resources(dag, job, &wildcards, 1).map(|(_, resources)| resources)
    };
    let of_step = |step: &Vec<JobId>| step.iter().map(of_job).collect::<Result<Vec<_>, _>>();
    let Ok(steps) = steps.iter().map(of_step).collect::<Result<Vec<_>, _>>() else { return false };
    let Some(first) = steps.first().and_then(|step| step.first()) else { return false };
    let agrees = |other: &BTreeMap<String, Value>| {
        first.keys().chain(other.keys()).all(|name| match (first.get(name), other.get(name)) {
            (Some(Value::Int(_) | Value::Float(_)), Some(Value::Int(_) | Value::Float(_))) => true,
            (Some(one), Some(other)) => one == other,
            (Some(Value::Str(_)), None) | (None, Some(Value::Str(_))) => false,
            _ => !SAID_BY_ALL.contains(&name.as_str()),
        })
    };
    let fits = |step: &Vec<BTreeMap<String, Value>>| {
        project.settings.resources.iter().all(|(name, &total)| {
            let taken = step.iter().filter_map(|resources| resources.get(name).and_then(amount));
            step.len() == 1 || taken.fold(0, u64::saturating_add) <= u64::try_from(total).unwrap_or(0)
        })
    };
    steps.iter().flatten().all(agrees) && steps.iter().all(fits)
}

/// Whether what a job of a rule is given, beside its inputs, depends on what is in these, or is made: then it is known when they
/// are there. Amounts of the command line (`input.size_mb`) take what is not there for empty.
fn asks_for_inputs(project: &Project, dag: &Dag, rule: &Rule) -> bool {
    fn asks(expr: &Expr, workflow: &Workflow) -> bool {
        match expr {
            Expr::Value(_) => false,
            Expr::Function(function) => workflow.functions.asks_for(*function, "input"),
            Expr::Later(_) => true,
            Expr::Flagged(inner, _) | Expr::Unpack(inner) => asks(inner, workflow),
            Expr::List(items) => items.iter().any(|item| asks(item, workflow)),
            Expr::Dict(entries) => entries.iter().any(|(_, value)| asks(value, workflow)),
        }
    }
    let own = rule.params.iter().chain(&rule.resources).chain(&rule.threads);
    let script_is_made = match &rule.action {
        Action::Script { path, .. } if path.contains('{') => true,
        Action::Script { path, basedir } => {
            let script = template::script_pattern(path, basedir);
            dag.jobs.iter().flat_map(|job| &job.outputs).any(|&file| script.is_match(dag.paths.name(file)))
        }
        _ => false,
    };
    script_is_made
        || rule.output.items.iter().any(|output| output.flags.checksum_of.is_some())
        || own.map(|argument: &Argument| &argument.expr).any(|expr| asks(expr, &project.workflow))
}

fn has_live(workflow: &Workflow) -> bool {
    workflow.rules.iter().any(|rule| rule.output.items.iter().any(|output| output.flags.live()))
}
