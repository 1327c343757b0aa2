//! The director of a run: what each job is when its turn comes, and what follows from its end. Decides again whether a
//! job that waited for an input is stale; writes commands; makes records; knows which temporary files are done with.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::afterwards::Ledger;
use super::cache::Cache;
use super::planning::{Graph, Plan};
use super::project::Project;
use super::records::StoreRecords;
use super::spec::{job_spec, own_log};
use super::tasks::{Totals, amount, demand_varies};
use super::undeclared::undeclared;
use super::unrecorded::Unrecorded;
use crate::diagnostic::{Diagnostic, SourceId, Span};
use crate::event::{Failure, JobName};
use crate::graph::dag::JobId;
use crate::path::FileId;
use crate::plan::decide::{PlanError, Planner, Verdict, key};
use crate::plan::identity::Identity;
use crate::plan::reason::Reason;
use crate::plan::together::together;
use crate::rulefile::instance;
use crate::rulefile::rule::{Action, Rule, RunBody};
use crate::rulefile::template;
use crate::run::cluster::spool::{Spool, unit_name};
use crate::run::cluster::staging::Stage;
use crate::run::director::{Afterwards, Decision, Director, Finished, Growth, Prepared};
use crate::run::spec::{JobError, Outcome};
use crate::run::tasks::Tasks;
use crate::stat::Stats;
use crate::store::JobRecord;

pub struct JobDirector<'a> {
    pub(super) project: &'a Project,
    pub(super) graph: Graph<'a>,
    pub(super) plan: Plan,
    /// The jobs of the run by their numbers.
    pub(super) jobs: Vec<JobId>,
    /// By number: whether the job is done, or was cut off.
    pub(super) through: Vec<bool>,
    pub(super) planner: Planner<'a>,
    pub(super) stats: Stats<'a>,
    pub(super) records: &'a StoreRecords,
    pub(super) totals: &'a Totals,
    pub(super) unrecorded: Unrecorded<'a>,
    /// Of `--cache`.
    pub(super) cache: Option<Cache>,
    /// For each `temp()` file, how many jobs of this run still need it.
    temporary: BTreeMap<FileId, usize>,
    /// Jobs that run at the same time as the first of them.
    companions: BTreeMap<u32, Vec<u32>>,
    /// Jobs that go out as one and run in turn, by the first of them, itself included, in their order; and by each, those of
    /// them that it needs.
    turns: BTreeMap<u32, Vec<u32>>,
    follows: BTreeMap<u32, Vec<u32>>,
    /// How often each job was given to another machine.
    times_given_out: BTreeMap<u32, u32>,
    /// How many jobs are to be done, and not known well enough for that.
    pub(super) unknown: usize,
    /// Files of checkpoints that jobs wait for.
    pub(super) awaited: BTreeSet<FileId>,
    /// Those of them that were made in this run.
    pub(super) ripe: Vec<FileId>,
    /// Why the run cannot be grown.
    pub(super) stuck: Option<super::Failure>,
    /// What each job that was given out is, as it was when it was given out.
    identities: BTreeMap<u32, Arc<Identity>>,
    /// A little before the run began: file systems have coarse clocks.
    began: SystemTime,
    /// Records of jobs that were cut off, with the stamps as they are now.
    refreshed: BTreeMap<u32, Box<JobRecord>>,
    /// What the jobs have read and made.
    pub(super) ledger: Ledger,
}

impl<'a> JobDirector<'a> {
    pub fn new(
        project: &'a Project,
        (graph, plan, planner, stats): (Graph<'a>, Plan, Planner<'a>, Stats<'a>),
        jobs: Vec<JobId>,
        records: &'a StoreRecords,
        totals: &'a Totals,
        unrecorded: Unrecorded<'a>,
    ) -> Self {
        let mut director = JobDirector {
            project,
            graph,
            plan,
            through: vec![false; jobs.len()],
            jobs,
            planner,
            stats,
            records,
            totals,
            unrecorded,
            cache: None,
            temporary: BTreeMap::new(),
            companions: BTreeMap::new(),
            turns: BTreeMap::new(),
            follows: BTreeMap::new(),
            times_given_out: BTreeMap::new(),
            unknown: 0,
            awaited: BTreeSet::new(),
            ripe: Vec::new(),
            stuck: None,
            identities: BTreeMap::new(),
            began: SystemTime::now() - Duration::from_secs(1),
            refreshed: BTreeMap::new(),
            ledger: Ledger::default(),
        };
        director.take_stock();
        director
    }

    /// What follows from the plan for all of its jobs together.
    pub(super) fn take_stock(&mut self) {
        self.unknown = self.plan.unknown().into_iter().filter(|unknown| *unknown).count();
        self.awaited = self.plan.dag.open().iter().flat_map(|(_, files)| files).copied().collect();
        self.count_temporaries();
        self.companions.clear();
        let sets = together(&self.plan.dag, &self.project.workflow);
        let numbers: BTreeMap<JobId, u32> =
            if sets.is_empty() { BTreeMap::new() } else { self.jobs.iter().copied().zip(0..).collect() };
        for set in sets {
            let mut members = set.iter().filter_map(|id| numbers.get(id).copied());
            if let Some(first) = members.next() {
                self.companions.insert(first, members.collect());
            }
        }
    }

    /// These jobs of the run go out as one, each set in its order.
    pub(super) fn go_in_turn(&mut self, sets: Vec<Vec<u32>>) {
        for set in sets {
            let numbers: BTreeMap<JobId, u32> = set.iter().map(|&job| (self.id(job), job)).collect();
            for (&id, &job) in &numbers {
                let needs = self.plan.dag.dependencies(id).filter_map(|before| numbers.get(&before).copied());
                self.follows.insert(job, needs.collect());
            }
            self.turns.insert(set[0], set);
        }
    }

    /// Counts for each `temp()` file the jobs that still need it.
    fn count_temporaries(&mut self) {
        self.temporary.clear();
        if self.project.settings.keep_temp {
            return;
        }
        let dag = Arc::clone(&self.plan.dag);
        let over: BTreeSet<JobId> =
            self.jobs.iter().zip(&self.through).filter(|(_, through)| **through).map(|(&id, _)| id).collect();
        let to_do = |id: &JobId| self.plan.verdicts[id.index()].is_to_do() && !over.contains(id);
        let left: Vec<JobId> = dag.ids().filter(to_do).collect();
        let mut seen = vec![false; dag.jobs.len()];
        // A file that an earlier run made, and left because what needs it failed, goes with this run.
        let makers = left.iter().chain(&over).flat_map(|&id| dag.dependencies(id).chain([id]));
        let mut temporary = BTreeMap::new();
        for maker in makers {
            if !std::mem::replace(&mut seen[maker.index()], true) {
                temporary.extend(self.temporary_outputs(maker).into_iter().map(|file| (file, 0)));
            }
        }
        for &id in &left {
            for input in &dag.job(id).inputs {
                if let Some(count) = temporary.get_mut(input) {
                    *count += 1;
                }
            }
        }
        self.temporary = temporary;
    }

    /// Temporary files that nobody needs any more; none as long as it is not known what will be needed.
    pub(super) fn unused_temporaries(&mut self) -> Vec<(String, bool)> {
        if self.unknown > 0 {
            return Vec::new();
        }
        let to_come: BTreeSet<JobId> =
            self.jobs.iter().zip(&self.through).filter(|(_, through)| !**through).map(|(&id, _)| id).collect();
        let is_made = |file: FileId| self.plan.dag.producer(file).is_some_and(|maker| !to_come.contains(&maker));
        let unused = self.temporary.iter().filter(|&(&file, &count)| count == 0 && is_made(file));
        let unused: Vec<FileId> = unused.map(|(&file, _)| file).collect();
        self.let_go(&unused)
    }

    fn let_go(&mut self, files: &[FileId]) -> Vec<(String, bool)> {
        for file in files {
            self.temporary.remove(file);
            self.stats.forget(*file);
            self.ledger.removed(*file);
        }
        files.iter().map(|&file| (self.plan.dag.paths.name(file).to_owned(), self.is_directory(file))).collect()
    }

    /// The `temp()` outputs of a job that were not asked for themselves.
    fn temporary_outputs(&self, id: JobId) -> Vec<FileId> {
        let job = self.plan.dag.job(id);
        let specs = &self.rule(id).output.items;
        let temporary = job.outputs.iter().zip(specs).filter(|(_, spec)| spec.flags.temp).map(|(&file, _)| file);
        temporary.filter(|&file| !self.plan.dag.is_goal(file)).collect()
    }

    /// Whether a file is a `directory()` output.
    fn is_directory(&self, file: FileId) -> bool {
        self.plan.dag.declared(file, &self.project.workflow).is_some_and(|output| output.flags.directory)
    }

    pub(super) fn id(&self, job: u32) -> JobId {
        self.jobs[job as usize]
    }

    pub(super) fn rule(&self, id: JobId) -> &'a Rule {
        self.project.workflow.rule(self.plan.dag.job(id).rule)
    }

    pub(super) fn fail(&self, diagnostic: &Diagnostic) -> Box<Failure> {
        Box::new(Failure {
            cause: diagnostic.message.clone(),
            diagnostic: Some(diagnostic.render(self.project.sources(), self.project.colour)),
            place: None,
            command: None,
            log: None,
            log_tail: Vec::new(),
            ran: None,
            undeclared: Vec::new(),
            retrying: false,
            abandoned: false,
        })
    }

    /// Outputs that did not come, at their places in the Rulefile, with what came instead.
    fn missing_output(&self, id: JobId, missing: &[String], message: &str) -> Diagnostic {
        let job = self.plan.dag.job(id);
        let mut diagnostic = Diagnostic::error(message);
        for (&output, spec) in job.outputs.iter().zip(&self.rule(id).output.items) {
            let name = self.plan.dag.paths.name(output);
            if !missing.iter().any(|path| path == name) {
                continue;
            }
            diagnostic = diagnostic.at(spec.span, "the job did not make this");
            if let Some(near) = self.appeared(id, name) {
                diagnostic = diagnostic.help(format!("it made {near}: is that what is meant?"));
            }
        }
        diagnostic
    }

    /// A file that has come during the run, that nobody declares, and whose name is much like this one.
    fn appeared(&self, id: JobId, path: &str) -> Option<String> {
        let (folder, name) = path.rsplit_once('/').map_or((".", path), |(folder, name)| (folder, name));
        let is_new = |entry: &std::fs::DirEntry| {
            let time = entry.metadata().and_then(|meta| meta.modified());
            time.is_ok_and(|time| time >= self.began)
        };
        let names = std::fs::read_dir(folder).ok()?.flatten().filter(is_new);
        let mut names: Vec<String> = names.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.sort();
        let whole = |name: &str| if folder == "." { name.to_owned() } else { format!("{folder}/{name}") };
        let script = match &self.rule(id).action {
            Action::Script { path, basedir } => Some(template::script_pattern(path, basedir)),
            _ => None,
        };
        names.retain(|name| {
            let path = whole(name);
            self.plan.dag.paths.find(&path).is_none() && !script.as_ref().is_some_and(|script| script.is_match(&path))
        });
        crate::spelling::nearest(name, names.iter().map(String::as_str)).map(whole)
    }

    fn plan_failure(&self, error: PlanError) -> Box<Failure> {
        let diagnostic = match error {
            PlanError::Disk(error) => Diagnostic::error(error.to_string()),
            PlanError::Records(message) => Diagnostic::error(message),
            PlanError::Damaged(why) => Diagnostic::error(format!("the records are damaged: {why}")),
            PlanError::Rulefile(diagnostic) => diagnostic,
        };
        self.fail(&diagnostic)
    }

    /// Why the job is run; `None` if it is fresh after all.
    fn reason(&mut self, number: u32, id: JobId) -> Result<Option<Reason>, PlanError> {
        match &self.plan.verdicts[id.index()] {
            Verdict::Stale(reason) => return Ok(Some(reason.clone())),
            // It goes out before what it needs is there; or did, so that its place was cleared for it.
            Verdict::Pending(reason) if self.went_out_early(number) => return Ok(Some(reason.clone())),
            Verdict::Pending(_) => {}
            Verdict::Nothing | Verdict::Fresh | Verdict::Refreshed(_) => return Ok(None),
        }
        let dag = Arc::clone(&self.plan.dag);
        for &input in &dag.job(id).inputs {
            if dag.producer(input).is_some() {
                self.stats.forget(input);
            }
        }
        match self.planner.decide_again(id, &mut self.stats)? {
            Verdict::Stale(reason) | Verdict::Pending(reason) => Ok(Some(reason)),
            Verdict::Refreshed(record) => {
                self.refreshed.insert(number, record);
                Ok(None)
            }
            Verdict::Fresh | Verdict::Nothing => Ok(None),
        }
    }

    /// Whether a job follows others of those that it goes out with, or did when it was given out the last time.
    fn went_out_early(&self, number: u32) -> bool {
        let was_given_out = self.follows.contains_key(&number) && self.identities.contains_key(&number);
        was_given_out || !self.follows(number).is_empty()
    }

    fn prepared(&mut self, number: u32, id: JobId, attempt: u32, reason: &Reason) -> Result<Prepared, Diagnostic> {
        // Before the params are computed for the job: a file that they read and that changes from now on is a change.
        let identity = self.planner.identities.of(&self.plan.dag, id)?;
        let rule = self.rule(id);
        let here = self.runs_here(number, id);
        let stage = (!here).then(|| self.stage(number));
        let (mut spec, message) = job_spec(self.project, &self.plan, id, (number, attempt), stage.as_ref())?;
        spec.cache = self.cache.as_ref().and_then(|cache| cache.key(self.plan.dag.job(id), rule, &identity));
        self.identities.insert(number, identity);
        // Its inputs are there now, of which a function may make another answer than before the run.
        let in_set = self.companions.iter().any(|(first, others)| *first == number || others.contains(&number));
        let renewed = !rule.handover && !in_set && (attempt > 1 || demand_varies(self.project, rule, self.totals));
        let demand =
            renewed.then(|| self.totals.demand(here, spec.threads, |name| spec.resources.get(name).and_then(amount)));
        let retries = rule.retries.or(self.project.settings.retries).unwrap_or(0);
        let minutes = spec.resources.get("runtime").and_then(amount);
        let timeout = minutes.map(|minutes| Duration::from_secs(minutes.saturating_mul(60)));
        Ok(Prepared {
            key: key(&self.plan.dag, &self.project.workflow, self.plan.dag.job(id)),
            reason: reason.line(&self.plan.dag.paths),
            message,
            demand,
            retries,
            timeout,
            spec: Arc::new(spec),
        })
    }

    /// Whether a job runs on this machine: jobs that run together do so in one place.
    fn runs_here(&self, number: u32, id: JobId) -> bool {
        let first = self.first(number);
        let others = self.companions.get(&first).into_iter().flatten().map(|&other| self.id(other));
        self.project.settings.elsewhere.is_here()
            || [id, self.id(first)].into_iter().chain(others).any(|id| self.project.runs_here(self.rule(id)))
    }

    /// The job whose turn this one's is.
    fn first(&self, number: u32) -> u32 {
        self.companions.iter().find(|(_, others)| others.contains(&number)).map_or(number, |(&first, _)| first)
    }

    /// Where a job works on another machine, with those that run together with it: every time somewhere else.
    fn stage(&mut self, number: u32) -> Stage {
        let first = self.first(number);
        let time = self.times_given_out.entry(first).or_default();
        *time += u32::from(number == first);
        Spool::of(self.unrecorded.tag).stage(&unit_name(first, *time))
    }

    /// Temporary files that nobody needs any more now that a job is through.
    fn done_with(&mut self, id: JobId) -> Vec<(String, bool)> {
        let dag = Arc::clone(&self.plan.dag);
        let job = dag.job(id);
        let mut unused = Vec::new();
        for input in &job.inputs {
            if let Some(count) = self.temporary.get_mut(input) {
                *count = count.saturating_sub(1);
                if *count == 0 {
                    unused.push(*input);
                }
            }
        }
        unused.extend(job.outputs.iter().copied().filter(|output| self.temporary.get(output) == Some(&0)));
        unused.dedup();
        if self.unknown > 0 {
            return Vec::new();
        }
        self.let_go(&unused)
    }

    /// A job is done, or is as if it were.
    fn is_through(&mut self, number: u32, id: JobId) {
        self.through[number as usize] = true;
        let Some(first) = self.checkpoint_file(id) else { return };
        self.project.workflow.functions.checkpoint_done(self.plan.dag.paths.name(first));
        if self.awaited.contains(&first) {
            self.ripe.push(first);
        }
    }

    /// The file by which a checkpoint is known.
    fn checkpoint_file(&self, id: JobId) -> Option<FileId> {
        self.plan.dag.job(id).outputs.first().copied().filter(|_| self.rule(id).is_checkpoint)
    }

    fn own_log(&self, id: JobId) -> String {
        let rule = self.rule(id);
        own_log(rule, &instance::wildcards(rule, &self.plan.dag.job(id).wildcards))
    }
}

impl Director for JobDirector<'_> {
    fn companions(&self, job: u32) -> Vec<u32> {
        self.companions.get(&job).cloned().unwrap_or_default()
    }

    fn in_turn(&self, job: u32) -> Vec<u32> {
        self.turns.get(&job).into_iter().flatten().copied().filter(|&job| !self.through[job as usize]).collect()
    }

    fn follows(&self, job: u32) -> Vec<u32> {
        self.follows.get(&job).into_iter().flatten().copied().filter(|&job| !self.through[job as usize]).collect()
    }

    fn needs_of(&self, job: u32, first: u32) -> Vec<u32> {
        let set: BTreeMap<JobId, u32> =
            self.turns.get(&first).into_iter().flatten().map(|&member| (self.id(member), member)).collect();
        // What goes out with it waits with it.
        let members = self.turns.get(&job).map_or(vec![job], Clone::clone);
        let members = members.iter().chain(self.companions.get(&job).into_iter().flatten());
        let needs = members.flat_map(|&member| self.plan.dag.dependencies(self.id(member)));
        needs.filter_map(|before| set.get(&before).copied()).collect()
    }

    fn knows_more(&self) -> bool {
        !self.ripe.is_empty() && self.stuck.is_none()
    }

    fn tells_more(&self, job: u32) -> bool {
        self.checkpoint_file(self.id(job)).is_some_and(|first| self.awaited.contains(&first))
    }

    fn grow(&mut self, tasks: Tasks) -> Option<Growth> {
        match self.grown(tasks) {
            Ok(growth) => Some(growth),
            Err(failure) => {
                self.stuck = Some(failure);
                None
            }
        }
    }

    fn unknown(&self) -> usize {
        self.unknown
    }

    fn name(&self, job: u32) -> JobName {
        let id = self.id(job);
        let it = self.plan.dag.job(id);
        let rule = self.rule(id);
        JobName {
            job,
            rule: rule.name.clone(),
            wildcards: instance::wildcards(rule, &it.wildcards),
            outputs: it.outputs.iter().map(|&file| self.plan.dag.paths.name(file).to_owned()).collect(),
        }
    }

    fn prepare(&mut self, job: u32, attempt: u32) -> Decision {
        let id = self.id(job);
        let reason = match self.reason(job, id) {
            Ok(Some(reason)) => reason,
            Ok(None) => return Decision::CutOff,
            Err(error) => return Decision::Fail(self.plan_failure(error)),
        };
        match self.prepared(job, id, attempt, &reason) {
            Ok(prepared) => Decision::Run(Box::new(prepared)),
            Err(diagnostic) => Decision::Fail(self.fail(&diagnostic)),
        }
    }

    fn finished(&mut self, job: u32, outcome: &mut Outcome) -> Result<Finished, Box<Failure>> {
        let id = self.id(job);
        for &output in &self.plan.dag.job(id).outputs {
            self.stats.forget(output);
        }
        self.planner.ran[id.index()] = true;
        self.enter(job, id, outcome);
        let identity = self.identities.remove(&job).expect("it was prepared");
        let (inputs, outputs) = (std::mem::take(&mut outcome.inputs), std::mem::take(&mut outcome.outputs));
        let record = JobRecord {
            log: self.own_log(id),
            started_at_ms: outcome.started_at_ms,
            ended_at_ms: outcome.ended_at_ms,
            usage: outcome.usage,
            ran: outcome.ran.clone(),
            ..self.planner.record(id, &identity, inputs, outputs)
        };
        self.is_through(job, id);
        Ok(Finished { record: Some(Box::new(record)), remove: self.done_with(id) })
    }

    fn place(&self, job: u32) -> Option<String> {
        let span = self.rule(self.id(job)).action_span;
        let (line, _) = self.project.sources().line_column(span.source, span.start);
        Some(format!("{}:{line}", self.project.sources().name(span.source)))
    }

    fn diagnose(&mut self, job: u32, error: &JobError) -> Option<String> {
        if let JobError::MissingOutput(missing) = error {
            let diagnostic = self.missing_output(self.id(job), missing, &error.to_string());
            return Some(diagnostic.render(self.project.sources(), self.project.colour));
        }
        if let JobError::Undeclared { accesses, ended } = error {
            let rule = self.rule(self.id(job));
            let diagnostic = undeclared(self.project, rule, accesses, ended.as_deref());
            return Some(diagnostic.render(self.project.sources(), self.project.colour));
        }
        let JobError::Action { message, place, help } = error else { return None };
        let rule = self.rule(self.id(job));
        let Action::Run(body) = &rule.action else { return None };
        let span = place.and_then(|place| span_of(body, place));
        let mut diagnostic = Diagnostic::error(message).at(span.unwrap_or(rule.action_span), "");
        if let Some(help) = help {
            diagnostic = diagnostic.help(help);
        }
        Some(diagnostic.render(self.project.sources(), self.project.colour))
    }

    fn cut_off(&mut self, job: u32) -> Finished {
        let id = self.id(job);
        self.is_through(job, id);
        Finished { record: self.refreshed.remove(&job), remove: self.done_with(id) }
    }

    fn look_back(&mut self) -> Afterwards {
        self.look_at_files()
    }
}

/// The place in the Rulefile that a piece of a body's program stands for.
pub fn span_of(body: &RunBody, (start, end): (u32, u32)) -> Option<Span> {
    let inside = |o: &&crate::run::spec::Origin| o.start <= start && end <= o.end;
    let origin = body.program.origin.iter().filter(inside).min_by_key(|o| o.end - o.start)?;
    Some(Span { source: SourceId(origin.source), start: origin.source_start, end: origin.source_end })
}
