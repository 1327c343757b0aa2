//! Looking without touching: dry run, `--why`, `--summary`, `--list-rules`, `--actions`. The plan in, text out.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::Failure;
use super::idle::NOTHING;
use super::planning::{Graph, Plan};
use super::print;
use super::project::Project;
use super::submissions::submissions;
use crate::action::registry;
use crate::cli::{Trigger, Verbosity};
use crate::diagnostic::{Diagnostic, printable};
use crate::disk::Disk;
use crate::graph::dag::JobId;
use crate::plan::decide::Verdict;
use crate::plan::reason::Reason;
use crate::report::difference::{changes, diff_lines};
use crate::report::summary::{Row, table};
use crate::rulefile::instance;
use crate::rulefile::rule::Action;
use crate::rulefile::template;
use crate::stat::Stats;
use crate::value::{Dict, Value};

/// The list of actions, or the manual of one.
pub fn actions(name: Option<&str>) -> Result<(), Failure> {
    let Some(name) = name else {
        print(&registry::listing());
        return Ok(());
    };
    if let Some(manual) = registry::manual(name) {
        print(&manual);
        return Ok(());
    }
    let mut diagnostic = Diagnostic::error(format!("there is no action called `{name}`"));
    if let Some(near) = crate::spelling::nearest(name, registry::names()) {
        diagnostic = diagnostic.help(format!("did you mean `{near}`?"));
    }
    Err(diagnostic.help("`flow --actions` lists them all").into())
}

/// The rules with what their docstrings say; `targets`: those alone that can be asked for by name.
pub fn list_rules(project: &Project, targets: bool) -> Result<(), Failure> {
    let mut out = String::new();
    for rule in project.workflow.rules.iter().filter(|rule| !targets || !rule.has_wildcards()) {
        let _ = writeln!(out, "{}", rule.name);
        for line in rule.doc.iter().flat_map(|doc| doc.lines()).map(str::trim).filter(|line| !line.is_empty()) {
            let _ = writeln!(out, "    {}", printable(line));
        }
    }
    print(&out);
    Ok(())
}

/// The outputs of jobs that are stale for one of these kinds of change.
pub fn list_changes(project: &Project, disk: &dyn Disk, kinds: &[Trigger]) -> Result<(), Failure> {
    project.look(disk, |plan, _, _| {
        let is_wanted = |reason: &Reason| match reason {
            Reason::Code { .. } | Reason::Script { .. } | Reason::Names { .. } | Reason::OutputSet { .. } => {
                kinds.contains(&Trigger::Code)
            }
            Reason::Params { .. } | Reason::Wildcards { .. } => kinds.contains(&Trigger::Params),
            Reason::InputSet { .. } | Reason::InputChanged { .. } | Reason::InputNewer { .. } => {
                kinds.contains(&Trigger::Input)
            }
            _ => false,
        };
        let mut out = String::new();
        for id in plan.dag.ids().filter(|id| plan.verdicts[id.index()].reason().is_some_and(is_wanted)) {
            for &output in &plan.dag.job(id).outputs {
                let _ = writeln!(out, "{}", printable(plan.dag.paths.name(output)).replace('\n', "\\n"));
            }
        }
        print(&out);
        Ok(())
    })
}

/// The files here that the workflow neither reads nor makes; those whose names begin with a point are left out.
pub fn list_untracked(project: &Project, disk: &dyn Disk) -> Result<(), Failure> {
    let dag = Graph::as_on_disk(project, &mut Stats::new(disk))?;
    let read: Vec<String> =
        project.workflow.read.iter().map(|path| crate::path::normalise(path).into_owned()).collect();
    let mut known: BTreeSet<String> = read.into_iter().collect();
    let mut scripts = Vec::new();
    for rule in &project.workflow.rules {
        if let Action::Script { path, basedir } = &rule.action {
            scripts.push(template::script_pattern(path, basedir));
        }
    }
    for id in dag.ids() {
        let job = dag.job(id);
        known.extend(job.inputs.iter().chain(&job.outputs).map(|&file| dag.paths.name(file).to_owned()));
        let rule = project.workflow.rule(job.rule);
        let wildcards = instance::wildcards(rule, &job.wildcards);
        let logs = rule.log.items.iter().map(|log| (&log.pattern, log.span));
        for (pattern, span) in logs.chain(rule.benchmark.iter().map(|(pattern, span)| (pattern, *span))) {
            known.insert(instance::fill(pattern, &wildcards, span).map_err(|wrong| project.failure(wrong))?);
        }
    }
    let is_seen = |entry: &walkdir::DirEntry| {
        let name = entry.path().strip_prefix(".").unwrap_or(entry.path()).to_string_lossy();
        entry.depth() == 0
            || !(entry.file_name().to_string_lossy().starts_with('.')
                || known.contains(&*name)
                || scripts.iter().any(|script| script.is_match(&name)))
    };
    let mut out = String::new();
    for entry in walkdir::WalkDir::new(".").sort_by_file_name().into_iter().filter_entry(is_seen) {
        let entry = entry.map_err(|error| Diagnostic::error(format!("cannot look into this folder: {error}")))?;
        if !entry.file_type().is_dir() {
            let name = entry.path().strip_prefix(".").unwrap_or(entry.path()).to_string_lossy().into_owned();
            let _ = writeln!(out, "{}", printable(&name).replace('\n', "\\n"));
        }
    }
    print(&out);
    Ok(())
}

/// `rule (a=1, b=2)`.
fn job_name(project: &Project, plan: &Plan, id: JobId) -> String {
    let job = plan.dag.job(id);
    let rule = project.workflow.rule(job.rule);
    let wildcards = instance::wildcards(rule, &job.wildcards);
    if wildcards.is_empty() {
        return rule.name.clone();
    }
    let values: Vec<String> = wildcards.iter().map(|(name, value)| format!("{name}={value}")).collect();
    printable(&format!("{} ({})", rule.name, values.join(", "))).replace('\n', "\\n")
}

/// What a run would do, and why.
pub fn dry_run(project: &Project, disk: &dyn Disk) -> Result<(), Failure> {
    project.look(disk, |plan, _, _| {
        let to_do: Vec<JobId> = plan.dag.ids().filter(|job| plan.verdicts[job.index()].is_to_do()).collect();
        let mut out = String::new();
        if to_do.is_empty() {
            print(NOTHING);
            return Ok(());
        }
        let mut counts = vec![0usize; project.workflow.rules.len()];
        for &id in &to_do {
            let job = plan.dag.job(id);
            counts[job.rule.index()] += 1;
            if project.settings.say.verbosity <= Verbosity::Quiet {
                continue;
            }
            let verdict = &plan.verdicts[id.index()];
            let maybe = match verdict {
                Verdict::Pending(Reason::AwaitsCheckpoint { .. }) => "",
                Verdict::Pending(_) => " (unless it comes out the same)",
                _ => "",
            };
            let reason = verdict.reason().map_or_else(String::new, |reason| reason.line(&plan.dag.paths));
            let reason = printable(&reason).replace('\n', "\\n");
            let _ = writeln!(out, "{}: {reason}{maybe}", job_name(project, plan, id));
            if project.settings.say.commands {
                command_lines(project, plan, id, &mut out);
            }
        }
        let gap = if out.is_empty() { "" } else { "\n" };
        let _ = writeln!(out, "{gap}{:>8}  rule", "jobs");
        for (rule, count) in project.workflow.rules.iter().zip(&counts).filter(|(_, count)| **count > 0) {
            let _ = writeln!(out, "{count:>8}  {}", rule.name);
        }
        let _ = writeln!(out, "{:>8}  in all; nothing was done (dry run)", to_do.len());
        if plan.unknown().contains(&true) {
            out.push_str("More may follow when checkpoints are done: what some of these jobs need is not known yet.\n");
        }
        out.push_str(&submissions(project, plan, &to_do)?);
        print(&out);
        Ok(())
    })
}

fn command_lines(project: &Project, plan: &Plan, id: JobId, out: &mut String) {
    if let Ok(Some(command)) = super::spec::command(project, plan, id) {
        for line in command.trim().lines() {
            let _ = writeln!(out, "    {}", printable(line));
        }
    }
}

/// Why each target's job, or each job that would run, is stale or fresh; with the differences themselves.
pub fn why(project: &Project, disk: &dyn Disk) -> Result<(), Failure> {
    project.look(disk, |plan, _, _| {
        let named = !project.settings.targets.is_empty();
        let mut out = String::new();
        let mut shown: Vec<JobId> = Vec::new();
        if named {
            for &job in &plan.dag.target_jobs {
                if plan.verdicts[job.index()] == Verdict::Nothing {
                    shown.extend(plan.dag.dependencies(job));
                } else {
                    shown.push(job);
                }
            }
            shown.sort_unstable();
            shown.dedup();
        } else {
            shown.extend(plan.dag.ids().filter(|job| plan.verdicts[job.index()].is_to_do()));
            if shown.is_empty() {
                out.push_str("Nothing to do: everything is up to date.\n");
            }
        }
        let is_to_do = |id: &&JobId| plan.verdicts[id.index()].is_to_do();
        let to_do: Vec<JobId> = shown.iter().filter(is_to_do).copied().collect();
        for id in shown {
            let name = job_name(project, plan, id);
            match &plan.verdicts[id.index()] {
                Verdict::Nothing | Verdict::Fresh => {
                    let _ = writeln!(out, "{name}: up to date");
                }
                Verdict::Refreshed(_) => {
                    let _ = writeln!(out, "{name}: up to date; stamps differ, and the contents are the same");
                }
                Verdict::Stale(reason) | Verdict::Pending(reason) => {
                    let line = printable(&reason.line(&plan.dag.paths)).replace('\n', "\\n");
                    let _ = writeln!(out, "{name}: {line}");
                    for line in evidence(project, plan, reason) {
                        let _ = writeln!(out, "    {line}");
                    }
                }
            }
        }
        // Files that no job makes have no reason of their own.
        for &file in plan.dag.targets.iter().filter(|&&file| named && plan.dag.producer(file).is_none()) {
            let _ = writeln!(out, "{}: a source file, which no rule makes", printable(plan.dag.paths.name(file)));
        }
        if !to_do.is_empty() {
            out.push_str(&submissions(project, plan, &to_do)?);
        }
        print(&out);
        Ok(())
    })
}

/// The difference itself; of an input that is remade, what its maker runs for, and so on to the first cause.
fn evidence(project: &Project, plan: &Plan, reason: &Reason) -> Vec<String> {
    let mut out = Vec::new();
    let mut reason = reason;
    while let Reason::InputRemade { files } = reason {
        let producer = files.first().and_then(|&file| plan.dag.producer(file));
        let Some((job, cause)) = producer.and_then(|job| Some((job, plan.verdicts[job.index()].reason()?))) else {
            return out;
        };
        let line = printable(&cause.line(&plan.dag.paths)).replace('\n', "\\n");
        out.push(format!("because {}: {line}", job_name(project, plan, job)));
        reason = cause;
    }
    let indent = if out.is_empty() { "" } else { "    " };
    out.extend(difference(reason).into_iter().map(|line| format!("{indent}{line}")));
    out
}

fn difference(reason: &Reason) -> Vec<String> {
    match reason {
        Reason::Params { old, new } | Reason::Names { old, new } | Reason::Wildcards { old, new } => {
            changes(&differing(old, new))
        }
        Reason::Code { old, new } => diff_lines(old, new),
        Reason::InputSet { added, removed } | Reason::OutputSet { added, removed } => {
            let minus = removed.iter().map(|name| format!("- {name}"));
            minus.chain(added.iter().map(|name| format!("+ {name}"))).map(|line| printable(&line)).collect()
        }
        _ => Vec::new(),
    }
}

/// The entries that differ between two JSON objects, as text.
fn differing(old: &str, new: &str) -> Vec<(String, Option<String>, Option<String>)> {
    let parse = |text: &str| match serde_json::from_str(text) {
        Ok(Value::Dict(dict)) => dict,
        _ => Dict::default(),
    };
    let (old, new) = (parse(old), parse(new));
    let text = |value: &Value| serde_json::to_string(value).unwrap_or_default();
    let mut names: Vec<&String> = old.iter().chain(&new).map(|(name, _)| name).collect();
    names.sort();
    names.dedup();
    names
        .into_iter()
        .filter(|name| old.get(name) != new.get(name))
        .map(|name| (name.clone(), old.get(name).map(text), new.get(name).map(text)))
        .collect()
}

pub fn summary(project: &Project, disk: &dyn Disk, detailed: bool) -> Result<(), Failure> {
    project.look(disk, |plan, stats: &mut Stats<'_>, _| {
        let mut rows = Vec::new();
        for id in plan.dag.ids() {
            let job = plan.dag.job(id);
            let rule = project.workflow.rule(job.rule);
            for &output in &job.outputs {
                let name = plan.dag.paths.name(output);
                let stamp =
                    stats.get(&plan.dag.paths, output).map_err(|e| Diagnostic::error(format!("{name}: {e}")))?;
                let verdict = &plan.verdicts[id.index()];
                let status = match (stamp, verdict) {
                    (_, Verdict::Stale(Reason::BeingMade)) => "running",
                    (None, _) => "missing",
                    (_, Verdict::Stale(_)) => "stale",
                    (_, Verdict::Pending(_)) => "pending",
                    _ => "ok",
                };
                let mut reason = verdict.reason().map_or_else(String::new, |reason| reason.line(&plan.dag.paths));
                if detailed {
                    let inputs: Vec<&str> = job.inputs.iter().map(|&file| plan.dag.paths.name(file)).collect();
                    let note = format!("inputs: {}", inputs.join(" "));
                    reason = if reason.is_empty() { note } else { format!("{reason}; {note}") };
                }
                rows.push(Row {
                    output: name.to_owned(),
                    date: stamp.map_or_else(|| "-".to_owned(), |stamp| utc_time(stamp.mtime_ns)),
                    rule: rule.name.clone(),
                    status: status.to_owned(),
                    reason,
                });
            }
        }
        print(&table(&rows));
        Ok(())
    })
}

/// A time of a file, in UTC: `2026-01-31 12:00:00Z`.
fn utc_time(ns: i64) -> String {
    let seconds = ns.div_euclid(1_000_000_000);
    let (days, rest) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // Days since 1970 to a civil date: the era-based algorithm of Hinnant, "chrono-Compatible Low-Level Date Algorithms".
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let day_of_era = z.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_index = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_index + 2) / 5 + 1;
    let month = if month_index < 10 { month_index + 3 } else { month_index - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02}Z", rest / 3600, rest / 60 % 60, rest % 60)
}

#[cfg(test)]
mod tests {
    use super::utc_time;

    #[test]
    fn times_are_those_of_the_calendar() {
        assert_eq!(utc_time(0), "1970-01-01 00:00:00Z");
        assert_eq!(utc_time(951_782_400_000_000_000), "2000-02-29 00:00:00Z");
        assert_eq!(utc_time(-1), "1969-12-31 23:59:59Z");
    }
}
