//! What a run would submit: the jobs of a plan, put together as the run would put them if all that ask for the same were
//! ready at once. A plan in, lines for people out; nothing is written or submitted.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::PathBuf;

use super::Failure;
use super::elsewhere::{batch_system, bundling};
use super::planning::Plan;
use super::project::Project;
use super::sets::Sets;
use super::spec::job_spec;
use crate::cli::ExecutorChoice;
use crate::diagnostic::printable;
use crate::graph::dag::JobId;
use crate::run::cluster::Strand;
use crate::run::cluster::by_command::filled;
use crate::run::cluster::slurm;
use crate::run::cluster::spool::{RemoteJob, Spool, Unit, unit_name};
use crate::run::cluster::system::Submission;

/// Lines that say what would go out of these jobs; none where all jobs run here.
pub fn submissions(project: &Project, plan: &Plan, jobs: &[JobId]) -> Result<String, Failure> {
    let mut out = String::new();
    let elsewhere = &project.settings.elsewhere;
    let Some(mut system) = batch_system(&elsewhere.executor)? else { return Ok(out) };
    let spool = Spool::of("RUN");
    let sets = Sets::of(project, plan, jobs)?;
    let (mut strands, mut unknown) = (Vec::new(), 0);
    for &id in jobs {
        let rule = project.workflow.rule(plan.dag.job(id).rule);
        if sets.first(id) != id || project.runs_here(rule) {
            continue;
        }
        match strand(project, plan, &sets, id, &spool) {
            Some(strand) => strands.push(strand),
            None => unknown += 1,
        }
    }
    let at_a_time = usize::try_from(project.settings.jobs_elsewhere().unwrap_or(1)).unwrap_or(usize::MAX);
    let most = system.most_tasks().min(at_a_time);
    let (arrays, refused) = bundling(project).arrays(strands);
    if arrays.is_empty() && refused.is_empty() && unknown == 0 {
        return Ok(out);
    }
    let _ = writeln!(out, "\nto be submitted to {}, {at_a_time} at a time at most:", system.manner().name);
    for array in arrays {
        let jobs = array.tasks.iter().flat_map(|task| &task.units).flat_map(|unit| &unit.jobs);
        let specs: Vec<_> = jobs.map(|job| &job.spec).collect();
        let Some(first) = specs.first() else { continue };
        let mut rules: Vec<&str> = specs.iter().map(|spec| spec.rule.as_str()).collect();
        let mut seen = BTreeSet::new();
        rules.retain(|rule| seen.insert(*rule));
        let submission = Submission {
            batch: 0,
            folder: PathBuf::from(spool.batch(0)),
            directory: std::env::current_dir().unwrap_or_default(),
            tasks: array.tasks.len().min(most.max(1)),
            options: array.shape.options().to_vec(),
            name: if let [rule] = rules[..] { rule.to_owned() } else { "flow".to_owned() },
            comment: "flow:RUN:0".to_owned(),
            first: Box::new(array.needs.over(first)),
        };
        let tasks =
            if array.tasks.len() == specs.len() { String::new() } else { format!(" in {} tasks", array.tasks.len()) };
        let _ = writeln!(out, "{:>8}  {}{tasks}", specs.len(), printable(&rules.join(", ")));
        let line = match &elsewhere.executor {
            ExecutorChoice::Commands { submit, .. } => filled(submit, &submission.first).unwrap_or_else(|why| why),
            _ => format!(
                "sbatch {}",
                slurm::arguments(&submission).iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ")
            ),
        };
        let _ = writeln!(out, "          {} {}/script", printable(&line), submission.folder.display());
    }
    for (strand, why) in refused {
        let rule = printable(&strand[0].jobs[0].spec.rule);
        let _ = writeln!(out, "{:>8}  {rule}: {}", strand.len(), printable(&why));
    }
    if unknown > 0 {
        let _ = writeln!(out, "{unknown:>8}  that ask for what is not known yet");
    }
    Ok(out)
}

/// What goes out with a job whose turn it is, in the order in which it is run. `None`: what is asked for may depend on files
/// that are still to be made.
fn strand(project: &Project, plan: &Plan, sets: &Sets, first: JobId, spool: &Spool) -> Option<Strand> {
    let job = |id: JobId, name: &str| {
        let (spec, _) = job_spec(project, plan, id, (id.0, 1), Some(&spool.stage(name))).ok()?;
        Some(RemoteJob { key: String::new(), spec, timeout: None })
    };
    let steps = sets.steps(first);
    if steps.is_empty() {
        let name = unit_name(first.0, 1);
        let jobs = std::iter::once(&first).chain(sets.companions(first)).map(|&id| job(id, &name));
        return Some(vec![Unit { jobs: jobs.collect::<Option<_>>()?, name, follows: Vec::new(), after: Vec::new() }]);
    }
    let members: BTreeSet<JobId> = steps.iter().flatten().copied().collect();
    let unit = |&id: &JobId| {
        let name = unit_name(id.0, 1);
        let follows = plan.dag.dependencies(id).filter(|before| members.contains(before));
        let follows = follows.map(|before| unit_name(before.0, 1)).collect();
        Some(Unit { jobs: vec![job(id, &name)?], name, follows, after: Vec::new() })
    };
    members.iter().map(unit).collect()
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-./=:,%@+".contains(c);
    if word.chars().all(is_plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', "'\\''")) }
}
