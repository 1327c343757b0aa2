//! Running: plan in, files made. Puts scheduler, executor, reporter, store and director together for one run.

use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use rustc_hash::FxHashSet;

use super::Failure;
use super::cache::Cache;
use super::director::JobDirector;
use super::elsewhere::{Runner, give_up_leftovers};
use super::handlers::Handlers;
use super::idle::Asked;
use super::planning::Graph;
use super::project::Project;
use super::records::StoreRecords;
use super::spec::shell_in_run;
use super::tasks::{Totals, add_tasks, counts};
use super::tidy;
use super::unrecorded::Unrecorded;
use crate::action::program::Programs;
use crate::cli::{LogFormat, Say, Verbosity};
use crate::diagnostic::Diagnostic;
use crate::disk::{Disk, RealDisk};
use crate::event::{Event, Reporter};
use crate::plan::decide::Verdict;
use crate::report::json::Json;
use crate::report::live::Live;
use crate::report::plain::{Plain, Show};
use crate::rulefile::evaluate::file_functions;
use crate::run::local::Local;
use crate::run::runner::{Ending, Run, Settings as RunSettings};
use crate::run::scheduler::Scheduler;
use crate::run::signals;
use crate::run::strict;
use crate::run::tasks::Tasks;
use crate::stat::Stats;
use crate::store::RunRecord;
use crate::witness;

/// Brings everything that was asked for up to date.
pub fn run(project: &Project, asked: Option<&Asked>, disk: &dyn Disk) -> Result<(), Failure> {
    let began = Instant::now();
    if project.settings.strict {
        check_strict(project)?;
    }
    signals::outlive_file_limit();
    let records = StoreRecords::open(project, disk)?;
    give_up_leftovers(project)?;
    let mut stats = Stats::new(disk);
    let mut graph = Graph::new(project, &mut stats)?;
    let policy = project.policy();
    let (planner, plan) = project.plan(&mut graph, disk, &records, &policy, &mut stats)?;
    let writer = records.store().writer();
    for verdict in &plan.verdicts {
        if let Verdict::Refreshed(record) = verdict {
            writer.refreshed(record.clone());
        }
    }
    if project.workflow.rules.iter().any(|rule| rule.shadow.is_some()) {
        // A killed run's; there is one run at a time.
        tidy::cleanup_shadow(project)?;
    }
    tidy::remove_leftover_temporaries(project, &plan, &mut stats, disk)?;
    let mut reporter = reporter(&project.settings.say, project.colour);
    let jobs = plan.jobs_to_do();
    if jobs.is_empty() {
        writer.flush().map_err(|error| records.failed(project, disk, &error))?;
        reporter.tell(&Event::nothing_to_do(began.elapsed()));
        if let Some(asked) = asked {
            asked.remember(project, &plan, &planner, &stats);
        }
        return Ok(());
    }
    // What jobs look at is no part of the plan.
    witness::spoil();
    let cache = Cache::open(project)?;
    let totals = Totals::of(project);
    let mut tasks = Tasks::new(totals.amounts.clone());
    let mut numbers = vec![None; plan.dag.jobs.len()];
    let added = add_tasks(&mut tasks, &mut numbers, project, &plan, &jobs, &records, &totals)?;
    let elsewhere = project.settings.jobs_elsewhere();
    reporter.tell(&Event::Planned {
        total: jobs.len(),
        rules: counts(project, &plan.dag, &jobs),
        cores: project.cores as usize,
        elsewhere: elsewhere.map(|most| (project.settings.elsewhere.executor.name().to_owned(), most)),
        estimate: added
            .work_ms
            .map(|ms| Duration::from_millis(ms / elsewhere.unwrap_or(u64::from(project.cores)).max(1))),
    });

    let record = RunRecord::new(std::env::args().collect::<Vec<_>>().join(" "), project.cores);
    let tag = record.tag.clone();
    writer.begin_run(record);
    let mut unrecorded = Unrecorded { writer: &writer, tag: &tag, marked: FxHashSet::default() };
    unrecorded.mark(project, &plan, (&jobs, 0), &records)?;
    let (sender, reports) = channel();
    let io_failure = |error: std::io::Error| Failure::from(Diagnostic::error(format!("cannot start: {error}")));
    let watch = signals::watch(sender.clone()).map_err(io_failure)?;
    let programs: Arc<Programs> = Arc::new(Programs::new(shell_in_run, file_functions));
    let local = Local::new(project.cores as usize, Arc::clone(&programs) as _, Arc::new(RealDisk), sender.clone())
        .map_err(io_failure)?;
    let mut runner = Runner::new(project, local, &tag, sender)?;
    let handlers = Handlers { project, writer: &writer, tag: &tag, programs: &programs, reports: &reports };
    let around = &project.workflow.handlers;
    handlers.run("onstart", around.onstart.as_ref(), &format!("{} jobs to do\n", jobs.len()))?;
    let mut director = JobDirector::new(project, (graph, plan, planner, stats), jobs, &records, &totals, unrecorded);
    director.cache = cache;
    director.go_in_turn(added.turns);
    let summary = Run {
        settings: RunSettings {
            tag: tag.clone(),
            keep_going: project.settings.keep_going,
            strict: project.settings.strict,
            keep_incomplete: project.settings.keep_incomplete,
            detach: project.settings.elsewhere.detach,
            whole_logs: project.settings.say.whole_logs,
            resources: totals.names.clone(),
        },
        scheduler: Scheduler::new(tasks),
        director: &mut director,
        executor: runner.executor(),
        reporter: &mut *reporter,
        reports: &reports,
        writer: writer.clone(),
        disk,
    }
    .go();
    let summary = summary.map_err(|error| records.failed(project, disk, &error))?;
    let account = format!(
        "{} jobs to do\n{} done\n{} failed\n{} not run\n",
        director.jobs.len(),
        summary.done.len(),
        summary.failed.len(),
        summary.not_run.len()
    );
    // A handler may ask for the records (`flow --summary`).
    writer.flush().map_err(|error| records.failed(project, disk, &error))?;
    let handled = match summary.ending {
        Ending::Done => handlers.run("onsuccess", around.onsuccess.as_ref(), &account),
        Ending::Failed => handlers.run("onerror", around.onerror.as_ref(), &account),
        Ending::Interrupted(_) => Ok(()),
    };
    drop(watch);
    director.unmark(summary.not_run.iter().filter(|job| !summary.unfinished.contains(job)).copied());
    writer.end_run(&tag, now_ms(), summary.done.len(), summary.failed.len());
    writer.flush().map_err(|error| records.failed(project, disk, &error))?;
    let stuck = director.stuck.take();
    if let Ending::Interrupted(signal) = summary.ending {
        // Work inside the process cannot be stopped; nothing of it will be kept, so it is not waited for.
        std::mem::forget(runner);
        return Err(stuck.unwrap_or(Failure::Interrupted(signal)));
    }
    runner.finish();
    match (stuck, summary.ending) {
        (Some(failure), _) => Err(failure),
        (None, Ending::Failed) => handled.and(Err(Failure::Told)),
        (None, _) => handled,
    }
}

/// Whether the kernel can do what `--strict` asks for.
fn check_strict(project: &Project) -> Result<(), Failure> {
    if let Some((missing, help)) = strict::missing() {
        return Err(Diagnostic::error(missing).help(help).into());
    }
    if !strict::is_observed() {
        let seen =
            "--strict: what jobs try is refused here, but not seen: no seccomp notifications, or others have them";
        let warning =
            Diagnostic::warning(seen).help("a file is named only where a program says that it may not open it");
        super::warn(&warning, project.colour);
    }
    Ok(())
}

fn now_ms() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_millis()).unwrap_or(i64::MAX)
}

/// The reporter that fits where the output goes.
pub fn reporter(say: &Say, colour: bool) -> Box<dyn Reporter> {
    if say.format == LogFormat::Json {
        return Box::new(Json::new(std::io::stdout()));
    }
    let show = Show {
        commands: say.commands,
        quiet: say.verbosity <= Verbosity::Quiet,
        silent: say.verbosity == Verbosity::Silent,
        verbose: say.verbosity == Verbosity::Verbose,
        whole_logs: say.whole_logs,
        colour,
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
