//! The director of a run: what each job is when its turn comes, and what follows from its end. Decides again whether a
//! job that waited for an input is stale; writes commands; makes records; knows which temporary files are done with.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::build::{Totals, amount, demand_varies};
use super::project::{Plan, Project};
use crate::diagnostic::{Diagnostic, SourceId, Span};
use crate::event::{Failure, JobName};
use crate::graph::dag::JobId;
use crate::path::FileId;
use crate::plan::decide::{PlanError, Planner, Verdict, key};
use crate::plan::identity::{Identity, named_paths};
use crate::plan::reason::Reason;
use crate::rulefile::instance;
use crate::rulefile::rule::{Action, JobContext, Rule, Workflow};
use crate::rulefile::template::{self, JobValues, TemplateError};
use crate::run::runner::{Decision, Director, Finished, Prepared};
use crate::run::spec::{JobError, JobSpec, Outcome, OutputSpec, Work};
use crate::stat::Stats;
use crate::store::JobRecord;
use crate::value::{Named, Value};

pub struct JobDirector<'a> {
    project: &'a Project,
    plan: &'a Plan<'a>,
    /// The jobs of the run by their numbers.
    jobs: &'a [JobId],
    planner: Planner<'a>,
    stats: Stats<'a>,
    totals: &'a Totals,
    /// For each `temp()` file, how many jobs of this run still need it.
    temporary: BTreeMap<FileId, usize>,
    /// What each job that was given out is, as it was when it was given out.
    identities: BTreeMap<u32, Arc<Identity>>,
    /// A little before the run began: file systems have coarse clocks.
    began: SystemTime,
    /// Records of jobs that were cut off, with the stamps as they are now.
    refreshed: BTreeMap<u32, Box<JobRecord>>,
}

impl<'a> JobDirector<'a> {
    pub fn new(
        project: &'a Project,
        plan: &'a Plan<'a>,
        jobs: &'a [JobId],
        planner: Planner<'a>,
        stats: Stats<'a>,
        totals: &'a Totals,
    ) -> Self {
        let mut director = JobDirector {
            project,
            plan,
            jobs,
            planner,
            stats,
            totals,
            temporary: BTreeMap::new(),
            identities: BTreeMap::new(),
            began: SystemTime::now() - Duration::from_secs(1),
            refreshed: BTreeMap::new(),
        };
        if !project.settings.keep_temp {
            let mut seen = vec![false; plan.dag.jobs.len()];
            for &id in jobs {
                // A file that an earlier run made, and left because what needs it failed, goes with this run.
                for maker in plan.dag.dependencies(id).chain([id]) {
                    if std::mem::replace(&mut seen[maker.index()], true) {
                        continue;
                    }
                    for file in director.temporary_outputs(maker) {
                        director.temporary.entry(file).or_default();
                    }
                }
            }
            for &id in jobs {
                for input in &plan.dag.job(id).inputs {
                    if let Some(count) = director.temporary.get_mut(input) {
                        *count += 1;
                    }
                }
            }
        }
        director
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
        let Some(maker) = self.plan.dag.producer(file) else { return false };
        let outputs = self.plan.dag.job(maker).outputs.iter().zip(&self.rule(maker).output.items);
        outputs.into_iter().any(|(&output, spec)| output == file && spec.flags.directory)
    }

    fn id(&self, job: u32) -> JobId {
        self.jobs[job as usize]
    }

    fn rule(&self, id: JobId) -> &'a Rule {
        self.project.workflow.rule(self.plan.dag.job(id).rule)
    }

    fn fail(&self, diagnostic: &Diagnostic) -> Box<Failure> {
        Box::new(Failure {
            cause: diagnostic.message.clone(),
            diagnostic: Some(diagnostic.render(self.project.sources(), self.project.colour)),
            place: None,
            command: None,
            log: None,
            log_tail: Vec::new(),
            retrying: false,
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
            if let Some(near) = self.appeared(name) {
                diagnostic = diagnostic.help(format!("it made {near}: is that what is meant?"));
            }
        }
        diagnostic
    }

    /// A file that has come during the run, that nobody declares, and whose name is much like this one.
    fn appeared(&self, path: &str) -> Option<String> {
        let (folder, name) = path.rsplit_once('/').map_or((".", path), |(folder, name)| (folder, name));
        let is_new = |entry: &std::fs::DirEntry| {
            let time = entry.metadata().and_then(|meta| meta.modified());
            time.is_ok_and(|time| time >= self.began)
        };
        let names = std::fs::read_dir(folder).ok()?.flatten().filter(is_new);
        let mut names: Vec<String> = names.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.sort();
        let known = |name: &String| match folder {
            "." => self.plan.dag.paths.find(name).is_some(),
            folder => self.plan.dag.paths.find(&format!("{folder}/{name}")).is_some(),
        };
        names.retain(|name| !known(name));
        let near = crate::spelling::nearest(name, names.iter().map(String::as_str))?;
        Some(if folder == "." { near.to_owned() } else { format!("{folder}/{near}") })
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
            Verdict::Pending(_) => {}
            Verdict::Nothing | Verdict::Fresh | Verdict::Refreshed(_) => return Ok(None),
        }
        for &input in &self.plan.dag.job(id).inputs {
            if self.plan.dag.producer(input).is_some() {
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

    fn prepared(&mut self, number: u32, id: JobId, attempt: u32, reason: &Reason) -> Result<Prepared, Diagnostic> {
        // Before the params are computed for the job: a file that they read and that changes from now on is a change.
        let identity = self.planner.identities.of(self.plan.dag, id)?;
        self.identities.insert(number, identity);
        let (spec, message) = job_spec(self.project, self.plan, id, number, attempt)?;
        let rule = self.rule(id);
        // Its inputs are there now, of which a function may make another answer than before the run.
        let renewed = attempt > 1 || demand_varies(self.project, rule, self.totals);
        let demand =
            renewed.then(|| self.totals.demand(spec.threads, |name| spec.resources.get(name).and_then(amount)));
        let retries = rule.retries.or(self.project.settings.retries).unwrap_or(0);
        let minutes = spec.resources.get("runtime").and_then(amount);
        let timeout = minutes.map(|minutes| Duration::from_secs(minutes.saturating_mul(60)));
        Ok(Prepared {
            key: key(self.plan.dag, &self.project.workflow, self.plan.dag.job(id)),
            reason: reason.line(&self.plan.dag.paths),
            message,
            demand,
            retries,
            timeout,
            spec: Arc::new(spec),
        })
    }

    /// Temporary files that nobody needs any more now that a job is through.
    fn done_with(&mut self, id: JobId) -> Vec<(String, bool)> {
        let job = self.plan.dag.job(id);
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
        for file in &unused {
            self.temporary.remove(file);
            self.stats.forget(*file);
        }
        unused.into_iter().map(|file| (self.plan.dag.paths.name(file).to_owned(), self.is_directory(file))).collect()
    }

    fn own_log(&self, id: JobId) -> String {
        let rule = self.rule(id);
        own_log(rule, &instance::wildcards(rule, &self.plan.dag.job(id).wildcards))
    }
}

impl Director for JobDirector<'_> {
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

    fn finished(&mut self, job: u32, outcome: &Outcome) -> Result<Finished, Box<Failure>> {
        let id = self.id(job);
        for &output in &self.plan.dag.job(id).outputs {
            self.stats.forget(output);
        }
        self.planner.ran[id.index()] = true;
        let identity = self.identities.remove(&job).expect("it was prepared");
        let record = JobRecord {
            log: self.own_log(id),
            started_at_ms: outcome.started_at_ms,
            ended_at_ms: outcome.ended_at_ms,
            usage: outcome.usage,
            ..self.planner.record(id, &identity, outcome.inputs.clone(), outcome.outputs.clone())
        };
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
        let JobError::Action { message, place, help } = error else { return None };
        let rule = self.rule(self.id(job));
        let Action::Run(body) = &rule.action else { return None };
        let span = place.and_then(|(start, end)| {
            let inside = |o: &&crate::run::spec::Origin| o.start <= start && end <= o.end;
            let origin = body.program.origin.iter().filter(inside).min_by_key(|o| o.end - o.start)?;
            Some(Span { source: SourceId(origin.source), start: origin.source_start, end: origin.source_end })
        });
        let mut diagnostic = Diagnostic::error(message).at(span.unwrap_or(rule.action_span), "");
        if let Some(help) = help {
            diagnostic = diagnostic.help(help);
        }
        Some(diagnostic.render(self.project.sources(), self.project.colour))
    }

    fn cut_off(&mut self, job: u32) -> Finished {
        let id = self.id(job);
        Finished { record: self.refreshed.remove(&job), remove: self.done_with(id) }
    }
}

/// A job as it is to be run, and its message.
fn job_spec(
    project: &Project,
    plan: &Plan<'_>,
    id: JobId,
    number: u32,
    attempt: u32,
) -> Result<(JobSpec, Option<String>), Diagnostic> {
    let (dag, workflow) = (plan.dag, &project.workflow);
    let job = dag.job(id);
    let rule = workflow.rule(job.rule);
    let wildcards = instance::wildcards(rule, &job.wildcards);
    let input = named_paths(&dag.paths, &job.inputs, &job.shape.names);
    let output = named_paths(&dag.paths, &job.outputs, &rule.output.names);
    let log_items = rule.log.items.iter().map(|log| instance::fill(&log.pattern, &wildcards, log.span));
    let log = Named { items: log_items.collect::<Result<Vec<_>, _>>()?, names: rule.log.names.clone() };
    let benchmark = rule.benchmark.as_ref();
    let benchmark = benchmark.map(|(pattern, span)| instance::fill(pattern, &wildcards, *span)).transpose()?;
    let (threads, mut resources) = project.job_resources(dag, job, &wildcards, attempt)?;
    if asks_for_a_temporary_folder(rule) && !resources.contains_key("tmpdir") {
        let place = std::env::temp_dir().to_string_lossy().into_owned();
        resources.insert("tmpdir".to_owned(), Value::Str(place));
    }
    let context = JobContext {
        rule: &rule.name,
        wildcards: &wildcards,
        input: Some(&input),
        output: Some(&output),
        resources: Some(&resources),
        threads: Some(threads),
        attempt,
        ..JobContext::default()
    };
    let params = instance::params(rule, &context, &*workflow.functions)?;
    // The folder itself is made when the job starts; its command knows it by the environment.
    let in_command = resources.contains_key("tmpdir").then(|| {
        let mut resources = resources.clone();
        resources.insert("tmpdir".to_owned(), Value::Str("$TMPDIR".to_owned()));
        resources
    });
    let values = JobValues {
        rule: &rule.name,
        input: &input,
        output: &output,
        log: &log,
        benchmark: benchmark.as_deref(),
        wildcards: &wildcards,
        params: &params,
        resources: in_command.as_ref().unwrap_or(&resources),
        threads,
        attempt,
        job: number,
    };
    let message = match &rule.message {
        Some((text, span)) => {
            Some(template::message(text, &values, workflow).map_err(|error| template_error(&error, *span, rule))?)
        }
        None => None,
    };
    let work = match &rule.action {
        Action::None => Work::Touch,
        Action::Shell(text) => Work::Shell {
            command: template::shell(text, &values, workflow)
                .map_err(|error| template_error(&error, rule.action_span, rule))?,
        },
        Action::Run(body) => Work::Run { program: Arc::clone(&body.program) },
        Action::Script { path, basedir } => Work::Script { path: template::script_path(path, basedir) },
    };
    // A command that names its log writes it itself.
    let stdio_log = match (log.items.as_slice(), &rule.action) {
        ([first, ..], Action::Shell(text)) if !names_its_log(text) => first.clone(),
        _ => own_log(rule, &wildcards),
    };
    let outputs = output.items.iter().zip(&rule.output.items).map(|(path, spec)| OutputSpec {
        path: path.clone(),
        directory: spec.flags.directory,
        touch: spec.flags.touch,
        protected: spec.flags.protected,
        non_empty: spec.flags.non_empty,
        checksum: spec.flags.checksum.clone(),
    });
    let outputs = outputs.collect();
    let spec = JobSpec {
        job: number,
        rule: rule.name.clone(),
        work,
        wildcards,
        input,
        output,
        log,
        params,
        resources,
        threads,
        attempt,
        config: Arc::clone(&workflow.config),
        outputs,
        stdio_log,
        benchmark: benchmark.map(|path| (path, rule.benchmark_repeats)),
        basedir: workflow.basedir.clone(),
    };
    Ok((spec, message))
}

/// Whether a command has a placeholder for its log.
fn names_its_log(text: &str) -> bool {
    let pieces = template::pieces(text).unwrap_or_default();
    pieces.iter().any(|piece| matches!(piece, template::Piece::Field(field) if field.root == "log"))
}

/// Whether a job uses `resources.tmpdir`; what a script does is not known.
fn asks_for_a_temporary_folder(rule: &Rule) -> bool {
    match &rule.action {
        Action::Shell(text) => text.contains("tmpdir") || text.contains("TMPDIR"),
        Action::Run(body) => body.text.contains("tmpdir") || body.text.contains("TMPDIR"),
        Action::Script { .. } => true,
        Action::None => false,
    }
}

/// Where a job's output goes that it does not log itself: a folder a rule, a file a job.
fn own_log(rule: &Rule, wildcards: &[(String, String)]) -> String {
    let mut name = String::new();
    for (_, value) in wildcards {
        if !name.is_empty() {
            name.push(',');
        }
        name.extend(value.chars().map(|c| if c == '/' || c.is_control() { '_' } else { c }));
    }
    if name.is_empty() {
        name.push_str(&rule.name);
    }
    // A file name has at most 255 bytes; and two jobs must never share one.
    let digest = blake3::hash(format!("{wildcards:?}").as_bytes()).to_hex();
    let ambiguous =
        wildcards.iter().any(|(_, value)| value.contains(['/', ',', '_']) || value.chars().any(char::is_control));
    if name.len() > 200 {
        let cut = (0..=190).rev().find(|&at| name.is_char_boundary(at)).unwrap_or(0);
        name.truncate(cut);
        name = format!("{name}-{}", &digest[..16]);
    } else if ambiguous {
        name = format!("{name}-{}", &digest[..8]);
    }
    format!(".flow/log/{}/{name}.log", rule.name.replace('/', "_"))
}

/// The text of `shell("…")` in a `run:` body, its placeholders filled in from the job; `place` says where an output is
/// written.
pub fn shell_in_run(text: &str, spec: &JobSpec, place: &dyn Fn(&str) -> String) -> Result<String, String> {
    let output = spec.output.map(|path| place(path));
    let values = JobValues {
        rule: &spec.rule,
        input: &spec.input,
        output: &output,
        log: &spec.log,
        benchmark: spec.benchmark.as_ref().map(|(path, _)| path.as_str()),
        wildcards: &spec.wildcards,
        params: &spec.params,
        resources: &spec.resources,
        threads: spec.threads,
        attempt: spec.attempt,
        job: spec.job,
    };
    let config = |name: &str| (name == "config").then(|| Value::clone(&spec.config));
    template::shell_with(text, &values, &config).map_err(|error| error.to_string())
}

/// Looks at the command and the message of a rule for placeholders that no job can fill in, before any job is run.
pub fn check_templates(rule: &Rule, workflow: &Workflow) -> Result<(), Diagnostic> {
    if let Action::Shell(text) = &rule.action {
        template::check(text, rule, workflow).map_err(|error| template_error(&error, rule.action_span, rule))?;
    }
    if let Action::Script { path, basedir } = &rule.action {
        let path = template::script_path(path, basedir);
        // A script that another rule makes is an input.
        if rule.input.is_empty() && !std::path::Path::new(&path).exists() {
            return Err(Diagnostic::error(format!("rule `{}`: there is no script {path}", rule.name))
                .at(rule.action_span, "")
                .help("its path is relative to the file that holds the rule"));
        }
    }
    if let Some((text, span)) = &rule.message {
        template::check(text, rule, workflow).map_err(|error| template_error(&error, *span, rule))?;
    }
    Ok(())
}

/// A template's error at its place.
fn template_error(error: &TemplateError, span: Span, rule: &Rule) -> Diagnostic {
    let mut diagnostic = Diagnostic::error(format!("rule `{}`: {error}", rule.name)).at(span, "");
    match error {
        TemplateError::Unknown(field, known) => {
            let root = field.split(['.', '[', ':', '!']).next().unwrap_or(field);
            let near = crate::spelling::nearest(field, known.iter().map(String::as_str))
                .or_else(|| crate::spelling::nearest(root, known.iter().map(String::as_str)));
            if rule.wildcard_names.iter().any(|name| name == root) {
                diagnostic = diagnostic.help(format!("did you mean `{{wildcards.{field}}}`?"));
            } else if let Some(near) = near {
                diagnostic = diagnostic.help(format!("did you mean `{{{near}}}`?"));
            } else if !known.is_empty() {
                diagnostic = diagnostic.note(format!("there are: {}", known.join(", ")));
            }
            diagnostic.help(format!("write `{{{{{field}}}}}` if the braces are meant for the shell"))
        }
        TemplateError::Open | TemplateError::Close => {
            diagnostic.help("in a command, write `{{` and `}}` for braces that are meant for the shell")
        }
        TemplateError::Field { .. } | TemplateError::Quoting { .. } => diagnostic,
    }
}

/// The command of a job, for a dry run; `None` for a job without one.
pub fn command(project: &Project, plan: &Plan<'_>, id: JobId) -> Result<Option<String>, Diagnostic> {
    let (dag, workflow) = (plan.dag, &project.workflow);
    let job = dag.job(id);
    let rule = workflow.rule(job.rule);
    match &rule.action {
        Action::Shell(_) => {}
        Action::Run(body) => return Ok(Some(body.text.clone())),
        Action::Script { path, .. } => return Ok(Some(path.clone())),
        Action::None => return Ok(None),
    }
    let spec = job_spec(project, plan, id, id.0, 1)?.0;
    Ok(match spec.work {
        Work::Shell { command } => Some(command),
        _ => None,
    })
}
