//! Jobs as the scheduler sees them: what each takes of what there is, its rank, and what it waits for.

use rustc_hash::FxHashMap;

use super::Failure;
use super::planning::Plan;
use super::project::Project;
use super::records::StoreRecords;
use super::sets::Sets;
use crate::cli::Amount;
use crate::diagnostic::Diagnostic;
use crate::event::RuleCount;
use crate::graph::dag::{Dag, JobId};
use crate::plan::decide::key;
use crate::plan::identity::named_paths;
use crate::rulefile::instance;
use crate::rulefile::rule::{Action, JobContext, Rule};
use crate::run::tasks::{Task, Tasks};
use crate::value::Value;

/// What a job is taken to last, in milliseconds, while nothing is on record.
const UNKNOWN_MS: u64 = 1000;

/// How much there is of each resource: threads first; where jobs run on other machines, first how many may be out there, and
/// then the threads for those that run here.
pub struct Totals {
    pub names: Vec<String>,
    pub amounts: Vec<u64>,
    /// Where those begin that have names of their own.
    named: usize,
}

impl Totals {
    pub fn of(project: &Project) -> Totals {
        let threads = ("threads".to_owned(), u64::from(project.cores));
        let jobs = project.settings.jobs_elsewhere().map(|jobs| ("jobs".to_owned(), jobs));
        let (mut names, mut amounts): (Vec<String>, Vec<u64>) = jobs.into_iter().chain([threads]).unzip();
        let named = names.len();
        for (name, &amount) in &project.settings.resources {
            names.push(name.clone());
            amounts.push(u64::try_from(amount).unwrap_or(0));
        }
        Totals { names, amounts, named }
    }

    /// Those that have names of their own.
    pub fn named(&self) -> &[String] {
        &self.names[self.named..]
    }

    /// What a job takes of them that runs `here` or elsewhere, given its threads and its resources.
    pub fn demand(&self, here: bool, threads: u32, amount: impl Fn(&str) -> Option<u64>) -> Vec<u64> {
        // A job that says `threads: 0` runs on a core all the same.
        let threads = u64::from(threads.max(1));
        let first = match (self.named, here) {
            (1, _) => vec![threads],
            (_, true) => vec![0, threads],
            (_, false) => vec![1, 0],
        };
        first.into_iter().chain(self.named().iter().map(|name| amount(name).unwrap_or(0))).collect()
    }
}

/// The amount of a resource, for the scheduler: whole, and never negative.
pub fn amount(value: &Value) -> Option<u64> {
    match value {
        Value::Int(n) => u64::try_from(*n).ok(),
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        Value::Float(f) if *f >= 0.0 => Some(f.ceil() as u64),
        _ => None,
    }
}

/// How many of these jobs each rule has.
pub fn counts(project: &Project, dag: &Dag, jobs: &[JobId]) -> Vec<RuleCount> {
    let mut counts = vec![0; project.workflow.rules.len()];
    for &job in jobs {
        counts[dag.job(job).rule.index()] += 1;
    }
    let rules = project.workflow.rules.iter().zip(counts);
    rules.filter(|(_, jobs)| *jobs > 0).map(|(rule, jobs)| RuleCount { rule: rule.name.clone(), jobs }).collect()
}

/// What was added for the scheduler.
pub struct Added {
    /// How long all of the jobs took when they were last run, if that is known.
    pub work_ms: Option<u64>,
    /// The jobs that run in turn, by their numbers, in their order.
    pub turns: Vec<Vec<u32>>,
}

/// Jobs for the scheduler, numbered from `tasks.next()` on into `numbers`.
pub fn add_tasks(
    tasks: &mut Tasks,
    numbers: &mut [Option<u32>],
    project: &Project,
    plan: &Plan,
    jobs: &[JobId],
    records: &StoreRecords,
    totals: &Totals,
) -> Result<Added, Failure> {
    let (dag, workflow) = (&*plan.dag, &project.workflow);
    check_needs(project, dag, jobs)?;
    let (mut total_ms, mut all_known) = (0u64, true);
    let temporary = temporary_files(project, dag);
    let goes_first = first_of_all(project, dag);
    let mut demands: FxHashMap<u32, Vec<u64>> = FxHashMap::default();
    let sets = Sets::of(project, plan, jobs)?;
    for &id in jobs {
        if sets.first(id) != id {
            numbers[id.index()] = Some(tasks.ride(tasks.next()));
            continue;
        }
        let job = dag.job(id);
        let rule = workflow.rule(job.rule);
        let known_ms = |id: JobId| {
            let job = dag.job(id);
            let own = records.wall_ms(&key(dag, workflow, job));
            own.or_else(|| records.mean_wall_ms(&workflow.rule(job.rule).name))
        };
        let steps = sets.steps(id);
        let known = if steps.is_empty() { known_ms(id) } else { steps.iter().flatten().map(|&id| known_ms(id)).sum() };
        all_known &= known.is_some();
        total_ms = total_ms.saturating_add(known.unwrap_or(0));
        let varies = demand_varies(project, rule, totals);
        let mut demand = match demands.get(&job.rule.0) {
            _ if !steps.is_empty() => demand_in_turn(project, plan, steps, totals)?,
            Some(demand) if !varies => demand.clone(),
            _ => {
                let demand = demand(project, plan, id, totals)?;
                demands.insert(job.rule.0, demand.clone());
                demand
            }
        };
        for &companion in sets.companions(id) {
            let mut more = self::demand(project, plan, companion, totals)?;
            if totals.named > 1 {
                // Together they are one task there.
                more[0] = 0;
            }
            for (sum, more) in demand.iter_mut().zip(more) {
                *sum = sum.saturating_add(more);
            }
        }
        let priority = match &rule.priority {
            _ if goes_first.get(id.index()).copied().unwrap_or(false) => i64::MAX,
            Some(argument) => {
                let wildcards = instance::wildcards(rule, &job.wildcards);
                let input = named_paths(&dag.paths, &job.inputs, &job.shape.names);
                let context = JobContext {
                    rule: &rule.name,
                    wildcards: &wildcards,
                    input: Some(&input),
                    attempt: 1,
                    ..JobContext::default()
                };
                match instance::value(argument, &context, &*workflow.functions).map_err(|d| project.failure(d))? {
                    Value::Int(n) => n,
                    #[allow(clippy::cast_possible_truncation)]
                    Value::Float(f) => f as i64,
                    other => {
                        let got = instance::describe(&other);
                        let wrong = Diagnostic::error(format!("`priority:` takes a number, not {got}"));
                        return Err(project.failure(wrong.at(argument.span, "")));
                    }
                }
            }
            None => 0,
        };
        let frees = !project.settings.keep_temp && job.inputs.iter().any(|input| temporary[input.index()]);
        let task = Task { priority, frees, weight: known.unwrap_or(UNKNOWN_MS).max(1), position: tasks.next(), demand };
        let number = tasks.add(task).map_err(|too_much| {
            let name = &totals.names[too_much.resource];
            let (asked, total) = (too_much.asked, too_much.total);
            let headline = match sets.companions(id) {
                [] => format!("a job of rule `{}` needs {asked} of `{name}`, and there are {total}", rule.name),
                others => format!(
                    "a job of rule `{}` runs together with {} more, and they need {asked} of `{name}`, of which there are {total}",
                    rule.name,
                    others.len(),
                ),
            };
            let span = rule.resources.iter().find(|r| r.name.as_ref() == Some(name)).map_or(rule.span, |r| r.span);
            project.failure(
                Diagnostic::error(headline).at(span, "").help(format!("give more: --resources {name}={asked}")),
            )
        })?;
        numbers[id.index()] = Some(number);
    }
    for &id in jobs {
        let number = |id: JobId| numbers[id.index()];
        let after = number(id).expect("just numbered");
        if let Some(first) = Some(sets.first(id)).filter(|&first| first != id).and_then(number) {
            tasks.carry(first, after);
        }
        for before in dag.dependencies(id).filter_map(number) {
            tasks.edge(before, after);
        }
    }
    let number = |id: JobId| numbers[id.index()];
    let turns = sets.in_turn().map(|set| set.into_iter().filter_map(number).collect()).collect();
    Ok(Added { work_ms: all_known.then_some(total_ms), turns })
}

/// What jobs take that run in turn, as one task: of each resource as much as the step that takes most of it.
fn demand_in_turn(project: &Project, plan: &Plan, steps: &[Vec<JobId>], totals: &Totals) -> Result<Vec<u64>, Failure> {
    let mut most = vec![0; totals.amounts.len()];
    for step in steps {
        let mut sum = vec![0u64; most.len()];
        for &id in step {
            for (sum, more) in sum.iter_mut().zip(demand(project, plan, id, totals)?) {
                *sum = sum.saturating_add(more);
            }
        }
        most.iter_mut().zip(sum).for_each(|(most, sum)| *most = sum.max(*most));
    }
    // One task, whatever runs in it.
    most[0] = 1;
    Ok(most)
}

/// By job, where there are any: those of `--prioritize`, and what they need.
fn first_of_all(project: &Project, dag: &Dag) -> Vec<bool> {
    let names = &project.settings.prioritize;
    let mut first = vec![false; if names.is_empty() { 0 } else { dag.jobs.len() }];
    let is_named = |id: &JobId| {
        let rule = &project.workflow.rule(dag.job(*id).rule).name;
        let makes = |name: &String| dag.paths.find(name).is_some_and(|file| dag.producer(file) == Some(*id));
        names.iter().any(|name| name == rule || makes(name))
    };
    let mut work: Vec<JobId> = dag.ids().take(first.len()).filter(is_named).collect();
    while let Some(id) = work.pop() {
        if !std::mem::replace(&mut first[id.index()], true) {
            work.extend(dag.dependencies(id));
        }
    }
    first
}

/// By file: whether it is `temp()` and goes when all that need it are through.
fn temporary_files(project: &Project, dag: &Dag) -> Vec<bool> {
    let mut temporary = vec![false; dag.paths.len()];
    for job in &dag.jobs {
        for (&output, spec) in job.outputs.iter().zip(&project.workflow.rule(job.rule).output.items) {
            temporary[output.index()] = spec.flags.temp && !dag.is_goal(output);
        }
    }
    temporary
}

/// Whether two jobs of a rule may ask for different amounts of what is counted.
pub fn demand_varies(project: &Project, rule: &Rule, totals: &Totals) -> bool {
    let threads = rule.threads.as_ref().is_some_and(instance::is_computed);
    let settings = &project.settings;
    let is_text = |amount: &Amount| matches!(amount, Amount::Text(_));
    let set = settings.set_resources.get(&rule.name).into_iter().flatten();
    let mut given = settings.default_resources.iter().flatten().chain(set);
    let counted = rule.resources.iter().any(instance::is_computed) || given.any(|(_, amount)| is_text(amount));
    let set_threads = settings.set_threads.get(&rule.name);
    (!totals.named().is_empty() && counted) || set_threads.map_or(threads, is_text)
}

/// What a job takes at its first try.
fn demand(project: &Project, plan: &Plan, id: JobId, totals: &Totals) -> Result<Vec<u64>, Failure> {
    let job = plan.dag.job(id);
    let rule = project.workflow.rule(job.rule);
    if rule.handover {
        // Nothing runs beside it.
        return Ok(totals.amounts.clone());
    }
    let wildcards = instance::wildcards(rule, &job.wildcards);
    let failed = |diagnostic| project.failure(diagnostic);
    let threads = || project.job_threads(&plan.dag, job, &wildcards, 1).map_err(failed);
    let here = project.runs_here(rule);
    if totals.named().is_empty() {
        return Ok(totals.demand(here, threads()?, |_| None));
    }
    let (threads, resources) = match project.job_resources(&plan.dag, job, &wildcards, 1) {
        Ok(both) => both,
        // A function may look at files that are still to be made: it is asked again when they are.
        Err(_) if plan.dag.dependencies(id).next().is_some() => return Ok(totals.demand(here, threads()?, |_| None)),
        Err(diagnostic) => return Err(failed(diagnostic)),
    };
    for name in totals.named() {
        if let Some(value) = resources.get(name).filter(|value| amount(value).is_none()) {
            let got = instance::describe(value);
            let headline = format!("`{name}` is counted by --resources, and rule `{}` gives it as {got}", rule.name);
            let span = rule.resources.iter().find(|r| r.name.as_ref() == Some(name)).map_or(rule.span, |r| r.span);
            let help = "write a number from 0: how much of it a job takes";
            return Err(project.failure(Diagnostic::error(headline).at(span, "").help(help)));
        }
    }
    Ok(totals.demand(here, threads, |name| resources.get(name).and_then(amount)))
}

/// No job is taken on if one of them needs software that flow does not provide.
fn check_needs(project: &Project, dag: &Dag, jobs: &[JobId]) -> Result<(), Failure> {
    for &job in jobs {
        let rule = project.workflow.rule(dag.job(job).rule);
        let has_programs = rule.action != Action::None && !project.settings.without_environments;
        let Some(need) = rule.needs.iter().find(|need| need.is_action || has_programs) else { continue };
        let directive = &need.directive;
        let diagnostic =
            Diagnostic::error(format!("rule `{}` needs what flow does not have: `{directive}:`", rule.name));
        return Err(project.failure(diagnostic.at(need.span, "").help(match directive.as_str() {
            "storage" => "make a local file, and send it by a rule of its own",
            "wrapper" => "flow fetches no wrappers: write its command with `shell:`, or keep a copy of its script and name that with `script:`",
            "notebook" => "turn it into a script (`jupyter nbconvert --to script`), and name that with `script:`",
            "cwl" => "call a program that runs it with `shell:`",
            _ if need.is_action => "do its work with `shell:`, `run:` or `script:`",
            _ => "start flow where its programs are there, and say --without-environments",
        })));
    }
    Ok(())
}
