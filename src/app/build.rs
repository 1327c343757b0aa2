//! Running: plan in, files made. Puts scheduler, executor, reporter, store and director together for one run.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::mem::ManuallyDrop;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use rustc_hash::FxHashMap;

use super::Failure;
use super::director::{JobDirector, shell_in_run};
use super::handlers::Handlers;
use super::project::{Plan, Project};
use super::records::{StoreRecords, store_failure};
use super::tidy;
use crate::action::program::Programs;
use crate::cli::{LogFormat, Verbosity};
use crate::diagnostic::Diagnostic;
use crate::disk::{Disk, RealDisk};
use crate::event::{Event, Reporter, RuleCount};
use crate::graph::dag::{Dag, JobId};
use crate::plan::decide::{Records, Verdict, key};
use crate::report::json::Json;
use crate::report::live::Live;
use crate::report::plain::{Plain, Show};
use crate::rulefile::evaluate::file_functions;
use crate::rulefile::instance;
use crate::rulefile::rule::{Action, JobContext, Rule};
use crate::run::local::Local;
use crate::run::runner::{Ending, Run, Settings as RunSettings};
use crate::run::scheduler::{Task, Tasks};
use crate::run::signals;
use crate::stat::Stats;
use crate::store::{RunRecord, StartedRow, Writer};
use crate::value::Value;

/// What a job is taken to last, in milliseconds, while nothing is on record.
const UNKNOWN_MS: u64 = 1000;

/// Brings everything that was asked for up to date.
pub fn run(project: &Project, disk: &dyn Disk) -> Result<(), Failure> {
    let began = Instant::now();
    let records = StoreRecords::open(project, disk)?;
    let mut stats = Stats::new(disk);
    let dag = ManuallyDrop::new(project.graph(&mut stats)?);
    let policy = project.policy();
    let mut planner = project.planner(&dag, disk, &records, &policy)?;
    let verdicts = records.decide(project, &mut planner, &mut stats)?;
    let plan = Plan { dag: &dag, verdicts };
    let writer = records.store().writer();
    for verdict in &plan.verdicts {
        if let Verdict::Refreshed(record) = verdict {
            writer.refreshed(record.clone());
        }
    }
    tidy::remove_leftover_temporaries(project, &plan, &mut stats, disk)?;
    let mut reporter = reporter(project);
    let jobs: Vec<JobId> = dag.ids().filter(|job| plan.verdicts[job.index()].is_to_do()).collect();
    if jobs.is_empty() {
        writer.flush().map_err(|error| store_failure(&error))?;
        let wall = began.elapsed();
        reporter.tell(&Event::Ended { done: 0, cut_off: 0, failed: Vec::new(), stopped: 0, not_run: 0, wall });
        return Ok(());
    }
    check_needs(project, &dag, &jobs)?;
    let totals = Totals::of(project);
    let (tasks, work_ms) = tasks(project, &plan, &jobs, &records, &totals)?;
    reporter.tell(&Event::Planned {
        total: jobs.len(),
        rules: counts(project, &dag, &jobs),
        cores: project.cores as usize,
        estimate: work_ms.map(|ms| Duration::from_millis(ms / u64::from(project.cores).max(1))),
    });

    let record = RunRecord::new(std::env::args().collect::<Vec<_>>().join(" "), project.cores);
    let tag = record.tag.clone();
    writer.begin_run(record);
    let unrecorded = mark_unrecorded(project, &plan, &jobs, &records, &writer, &tag)?;
    let (sender, reports) = channel();
    let io_failure = |error: std::io::Error| Failure::from(Diagnostic::error(format!("cannot start: {error}")));
    let watch = signals::watch(sender.clone()).map_err(io_failure)?;
    let programs: Arc<Programs> = Arc::new(Programs::new(shell_in_run, file_functions));
    let mut executor = Local::new(project.cores as usize, Arc::clone(&programs) as _, Arc::new(RealDisk), sender)
        .map_err(io_failure)?;
    let handlers = Handlers { project, writer: &writer, tag: &tag, programs: &programs, reports: &reports };
    let around = &project.workflow.handlers;
    handlers.run("onstart", around.onstart.as_ref(), &format!("{} jobs to do\n", jobs.len()))?;
    let mut director = JobDirector::new(project, &plan, &jobs, planner, stats, &totals);
    let summary = Run {
        settings: RunSettings {
            tag: tag.clone(),
            keep_going: project.settings.keep_going,
            keep_incomplete: project.settings.keep_incomplete,
            resources: totals.names.clone(),
        },
        scheduler: tasks.schedule(),
        director: &mut director,
        executor: &mut executor,
        reporter: &mut *reporter,
        reports: &reports,
        writer: writer.clone(),
        disk,
    }
    .go();
    let summary = summary.map_err(|error| store_failure(&error))?;
    let account = format!(
        "{} jobs to do\n{} done\n{} failed\n{} not run\n",
        jobs.len(),
        summary.done.len(),
        summary.failed.len(),
        summary.not_run.len()
    );
    let handled = match summary.ending {
        Ending::Done => handlers.run("onsuccess", around.onsuccess.as_ref(), &account),
        Ending::Failed => handlers.run("onerror", around.onerror.as_ref(), &account),
        Ending::Interrupted(_) => Ok(()),
    };
    drop(watch);
    for job in summary.not_run.iter().filter(|job| !summary.abandoned.contains(job)) {
        if let Some(key) = unrecorded.get(&jobs[*job as usize]) {
            writer.ended(key);
        }
    }
    writer.end_run(&tag, now_ms(), summary.done.len(), summary.failed.len());
    writer.flush().map_err(|error| store_failure(&error))?;
    match summary.ending {
        Ending::Done => handled,
        Ending::Failed => handled.and(Err(Failure::Told)),
        Ending::Interrupted(signal) => {
            // Work inside the process cannot be stopped; nothing of it will be kept, so it is not waited for.
            std::mem::forget(executor);
            Err(Failure::Interrupted(signal))
        }
    }
}

/// Nothing is run if a job needs software that flow does not provide.
fn check_needs(project: &Project, dag: &Dag, jobs: &[JobId]) -> Result<(), Failure> {
    for &job in jobs {
        let rule = project.workflow.rule(dag.job(job).rule);
        let has_programs = rule.action != Action::None && !project.settings.without_environments;
        let Some(need) = rule.needs.iter().find(|need| need.is_action || has_programs) else { continue };
        let directive = &need.directive;
        let diagnostic =
            Diagnostic::error(format!("rule `{}` needs what flow does not have: `{directive}:`", rule.name));
        return Err(project.failure(diagnostic.at(need.span, "").help(if need.is_action {
            "do its work with `shell:`, `run:` or `script:`"
        } else {
            "start flow where its programs are there, and say --without-environments"
        })));
    }
    Ok(())
}

/// Marks jobs that work inside flow and are not on record as started, before any is; gives their keys. Such a job puts
/// whole outputs in place without waiting for the store: should the run be killed between that and the record, nothing
/// else would say that the parameters and the command they were made with are not known.
fn mark_unrecorded(
    project: &Project,
    plan: &Plan<'_>,
    jobs: &[JobId],
    records: &StoreRecords,
    writer: &Writer,
    tag: &str,
) -> Result<BTreeMap<JobId, String>, Failure> {
    let mut marked = BTreeMap::new();
    for &id in jobs {
        let job = plan.dag.job(id);
        let rule = project.workflow.rule(job.rule);
        let key = key(plan.dag, &project.workflow, job);
        if !matches!(rule.action, Action::Run(_)) || records.fingerprint(&key).is_some() || records.is_unfinished(&key)
        {
            continue;
        }
        writer.started(StartedRow {
            key: key.clone(),
            rule: rule.name.clone(),
            run: tag.to_owned(),
            outputs: job.outputs.iter().map(|&output| plan.dag.paths.name(output).to_owned()).collect(),
            in_place: false,
            kept: false,
            group: None,
        });
        marked.insert(id, key);
    }
    if !marked.is_empty() {
        writer.flush().map_err(|error| store_failure(&error))?;
    }
    Ok(marked)
}

fn now_ms() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_millis()).unwrap_or(i64::MAX)
}

/// The reporter that fits where the output goes.
fn reporter(project: &Project) -> Box<dyn Reporter> {
    let say = &project.settings.say;
    if say.format == LogFormat::Json {
        return Box::new(Json::new(std::io::stdout()));
    }
    let show = Show {
        commands: say.commands,
        quiet: say.verbosity <= Verbosity::Quiet,
        silent: say.verbosity == Verbosity::Silent,
        verbose: say.verbosity == Verbosity::Verbose,
        whole_logs: say.whole_logs,
        colour: project.colour,
    };
    let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
    if std::io::stderr().is_terminal() && !dumb && !show.silent {
        return Box::new(Live::new(std::io::stderr(), show, Box::new(terminal_size), Box::new(Instant::now)));
    }
    Box::new(Plain::new(std::io::stderr(), show))
}

/// Width and height of the terminal behind standard error.
fn terminal_size() -> (usize, usize) {
    let (height, width) = console::Term::stderr().size();
    (usize::from(width), usize::from(height))
}

/// How much there is of each resource; threads first.
pub struct Totals {
    pub names: Vec<String>,
    pub amounts: Vec<u64>,
}

impl Totals {
    fn of(project: &Project) -> Totals {
        let mut totals = Totals { names: vec!["threads".to_owned()], amounts: vec![u64::from(project.cores)] };
        for (name, &amount) in &project.settings.resources {
            totals.names.push(name.clone());
            totals.amounts.push(u64::try_from(amount).unwrap_or(0));
        }
        totals
    }

    /// What a job takes of them, given its threads and its resources.
    pub fn demand(&self, threads: u32, amount: impl Fn(&str) -> Option<u64>) -> Vec<u64> {
        let named = self.names[1..].iter().map(|name| amount(name).unwrap_or(0));
        std::iter::once(u64::from(threads)).chain(named).collect()
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

fn counts(project: &Project, dag: &Dag, jobs: &[JobId]) -> Vec<RuleCount> {
    let mut counts = vec![0; project.workflow.rules.len()];
    for &job in jobs {
        counts[dag.job(job).rule.index()] += 1;
    }
    let rules = project.workflow.rules.iter().zip(counts);
    rules.filter(|(_, jobs)| *jobs > 0).map(|(rule, jobs)| RuleCount { rule: rule.name.clone(), jobs }).collect()
}

/// The jobs for the scheduler, and how long all of them took when they were last run, if that is known.
fn tasks(
    project: &Project,
    plan: &Plan<'_>,
    jobs: &[JobId],
    records: &StoreRecords,
    totals: &Totals,
) -> Result<(Tasks, Option<u64>), Failure> {
    let (dag, workflow) = (plan.dag, &project.workflow);
    let mut tasks = Tasks::new(totals.amounts.clone());
    let mut numbers: Vec<Option<u32>> = vec![None; dag.jobs.len()];
    let (mut total_ms, mut all_known) = (0u64, true);
    let temporary = temporary_files(project, dag);
    let mut demands: FxHashMap<u32, Vec<u64>> = FxHashMap::default();
    for (at, &id) in jobs.iter().enumerate() {
        let job = dag.job(id);
        let rule = workflow.rule(job.rule);
        let known = records.wall_ms(&key(dag, workflow, job)).or_else(|| records.mean_wall_ms(&rule.name));
        all_known &= known.is_some();
        total_ms = total_ms.saturating_add(known.unwrap_or(0));
        let varies = demand_varies(project, rule, totals);
        let demand = match demands.get(&job.rule.0) {
            Some(demand) if !varies => demand.clone(),
            _ => {
                let demand = demand(project, plan, id, totals)?;
                demands.insert(job.rule.0, demand.clone());
                demand
            }
        };
        let priority = match &rule.priority {
            Some(argument) => {
                let wildcards = instance::wildcards(rule, &job.wildcards);
                let context =
                    JobContext { rule: &rule.name, wildcards: &wildcards, attempt: 1, ..JobContext::default() };
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
        let task = Task {
            priority,
            frees,
            weight: known.unwrap_or(UNKNOWN_MS).max(1),
            position: u32::try_from(at).expect("jobs are numbered in u32"),
            demand,
        };
        let number = tasks.add(task).map_err(|too_much| {
            let name = &totals.names[too_much.resource];
            let (asked, total) = (too_much.asked, too_much.total);
            let headline = format!("a job of rule `{}` needs {asked} of `{name}`, and there are {total}", rule.name);
            let span = rule.resources.iter().find(|r| r.name.as_ref() == Some(name)).map_or(rule.span, |r| r.span);
            project.failure(
                Diagnostic::error(headline).at(span, "").help(format!("give more: --resources {name}={asked}")),
            )
        })?;
        numbers[id.index()] = Some(number);
    }
    for &id in jobs {
        let after = numbers[id.index()].expect("just numbered");
        for before in dag.dependencies(id).filter_map(|job| numbers[job.index()]) {
            tasks.edge(before, after);
        }
    }
    Ok((tasks, all_known.then_some(total_ms)))
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
    let counted = totals.names.len() > 1 && rule.resources.iter().any(instance::is_computed);
    counted || (threads && !project.settings.set_threads.contains_key(&rule.name))
}

/// What a job takes at its first try.
fn demand(project: &Project, plan: &Plan<'_>, id: JobId, totals: &Totals) -> Result<Vec<u64>, Failure> {
    let job = plan.dag.job(id);
    let rule = project.workflow.rule(job.rule);
    let wildcards = instance::wildcards(rule, &job.wildcards);
    let (threads, resources) =
        project.job_resources(plan.dag, job, &wildcards, 1).map_err(|diagnostic| project.failure(diagnostic))?;
    for name in &totals.names[1..] {
        if let Some(value) = resources.get(name).filter(|value| amount(value).is_none()) {
            let got = instance::describe(value);
            let headline = format!("`{name}` is counted by --resources, and rule `{}` gives it as {got}", rule.name);
            let span = rule.resources.iter().find(|r| r.name.as_ref() == Some(name)).map_or(rule.span, |r| r.span);
            let help = "write a number from 0: how much of it a job takes";
            return Err(project.failure(Diagnostic::error(headline).at(span, "").help(help)));
        }
    }
    Ok(totals.demand(threads, |name| resources.get(name).and_then(amount)))
}
