//! A project: the Rulefile of a directory, read, with the command line's settings, and what these say of its rules and jobs.

use std::path::Path;

use super::Failure;
use super::amounts::{Expressions, expressions};
use super::pages;
use super::spec::check_templates;
use crate::cli::{InputItem, Mode, Settings, Trigger};
use crate::diagnostic::{Diagnostic, Sources};
use crate::graph::dag::{Dag, Job};
use crate::graph::instantiate::Batch;
use crate::graph::select::select;
use crate::plan::decide::{PlanError, Triggers};
use crate::rulefile::evaluate::{Misused, Request, load};
use crate::rulefile::lower::CallSite;
use crate::rulefile::rule::{Expr, Rule, Workflow};
use crate::spelling::nearest;
use crate::value::Value;

/// Where a Rulefile is looked for.
const RULEFILES: [&str; 4] = ["Rulefile", "Snakefile", "workflow/Rulefile", "workflow/Snakefile"];

/// A Rulefile of so many bytes takes more memory to read than huge pages cost.
const LONG: u64 = 1 << 17;

pub struct Project {
    pub settings: Settings,
    pub workflow: Workflow,
    pub colour: bool,
    /// Of this machine, for jobs that run here.
    pub cores: u32,
    pub(super) expressions: Expressions,
}

/// What is to be read, as it is called in the folder to work in.
#[derive(Debug)]
pub struct Place {
    rulefile: String,
    configfiles: Vec<String>,
}

impl Place {
    /// Goes to the directory of the settings, and finds the Rulefile.
    pub fn find(settings: &Settings) -> Result<Place, Failure> {
        if let Some(name) = settings.envvars.iter().find(|name| std::env::var_os(name).is_none()) {
            return Err(Diagnostic::error(format!("--envvars: the environment variable {name} is not set")).into());
        }
        let fixed = settings.directory.is_some();
        let configfiles = settings.configfiles.iter().map(|path| from_here(path, fixed)).collect();
        Ok(Place { rulefile: locate(settings)?, configfiles })
    }
}

impl Project {
    /// Reads the Rulefile.
    pub fn open(settings: Settings, place: Place, colour: bool) -> Result<Project, Failure> {
        let cores = match settings.elsewhere.is_here() {
            true => settings.jobs.count(),
            false => settings.elsewhere.local_cores.unwrap_or_else(|| crate::cli::Jobs::AllCores.count()),
        };
        let cores = u32::try_from(cores).unwrap_or(u32::MAX);
        let request = Request {
            path: place.rulefile,
            configfiles: place.configfiles,
            config: settings.config.clone(),
            replace_workflow_config: settings.replace_workflow_config,
            cores,
            directory_is_fixed: settings.directory.is_some(),
            actions: crate::action::registry::names().collect(),
            misuse: Some(misuse),
            scatter: settings.set_scatter.clone(),
        };
        if std::fs::metadata(&request.path).is_ok_and(|meta| meta.len() >= LONG) {
            pages::any_size();
        }
        let loaded = load(&request);
        pages::any_size();
        let mut workflow = loaded?;
        for output in workflow.rules.iter_mut().flat_map(|rule| &mut rule.output.items) {
            output.flags.temp |= settings.all_temp && !output.flags.protected;
        }
        let expressions = expressions(&settings)?;
        let project = Project { settings, workflow, colour, cores, expressions };
        if project.workflow.rules.is_empty() {
            project.warn(format!("{} has no rules", request.path));
        }
        project.warn_of_unused_resources();
        project.check_amounts()?;
        Ok(project)
    }

    /// A resource that is written out wrong is found before anything is run, whatever the targets are.
    fn check_amounts(&self) -> Result<(), Failure> {
        for argument in self.workflow.rules.iter().flat_map(|rule| &rule.resources) {
            if let (Some(name), Expr::Value(value)) = (&argument.name, &argument.expr) {
                crate::cli::resource(name, value)
                    .map_err(|message| self.failure(Diagnostic::error(message).at(argument.span, "")))?;
            }
        }
        Ok(())
    }

    /// A misspelt `--resources` would limit nothing.
    fn warn_of_unused_resources(&self) {
        let plain = |name: &str| crate::cli::resource(name, &Value::Int(0)).map_or(name.to_owned(), |(name, _)| name);
        let of_rules = self.workflow.rules.iter().flat_map(|rule| &rule.resources);
        let mut used: Vec<String> = of_rules.filter_map(|resource| resource.name.as_deref()).map(plain).collect();
        used.extend(self.settings.default_resources.iter().flatten().map(|(name, _)| name.clone()));
        used.extend(self.settings.set_resources.values().flat_map(|resources| resources.keys().cloned()));
        for name in self.settings.resources.keys().filter(|name| !used.contains(name)) {
            let mut warning = Diagnostic::warning(format!("--resources: no rule uses `{name}`"));
            if let Some(near) = nearest(name, used.iter().map(String::as_str)) {
                warning = warning.help(format!("did you mean `{near}`?"));
            }
            super::warn(&warning, self.colour);
        }
    }

    /// Whether jobs of a rule run on this machine.
    pub fn runs_here(&self, rule: &Rule) -> bool {
        self.settings.elsewhere.is_here()
            || rule.local
            || rule.handover
            || rule.action == crate::rulefile::rule::Action::None
    }

    /// A message that points into the Rulefile.
    pub fn failure(&self, diagnostic: Diagnostic) -> Failure {
        Failure::Diagnostic(Box::new((diagnostic, self.sources().clone())))
    }

    pub fn sources(&self) -> &Sources {
        &self.workflow.sources
    }

    pub fn warn(&self, text: impl Into<String>) {
        super::warn(&Diagnostic::warning(text), self.colour);
    }

    /// A placeholder that names nothing is found before the first job is run.
    pub(super) fn check_commands(&self, dag: &Dag) -> Result<(), Failure> {
        let mut checked = vec![false; self.workflow.rules.len()];
        for job in &dag.jobs {
            if !std::mem::replace(&mut checked[job.rule.index()], true) {
                let rule = self.workflow.rule(job.rule);
                check_templates(rule, &self.workflow, dag).map_err(|wrong| self.failure(wrong))?;
            }
        }
        Ok(())
    }

    /// Rules that options name must be there; `--until` and its like also take files, which the graph knows.
    pub(super) fn check_rule_names(&self) -> Result<(), Failure> {
        let threads = self.settings.set_threads.keys().map(|name| ("--set-threads", name));
        let resources = self.settings.set_resources.keys().map(|name| ("--set-resources", name));
        let batch = self.settings.batch.iter().map(|batch| ("--batch", &batch.rule));
        let cache = self.settings.cache.iter().flatten().map(|name| ("--cache", name));
        let ancient = self.settings.consider_ancient.iter().map(|(name, _)| ("--consider-ancient", name));
        let groups = self.settings.elsewhere.groups.keys().map(|name| ("--groups", name));
        for (option, name) in threads.chain(resources).chain(batch).chain(cache).chain(ancient).chain(groups) {
            if self.workflow.find(name).is_none() {
                return Err(self.no_rule(option, name).into());
            }
        }
        let groups = super::sets::groups(self);
        let is_one = |name: &&String| groups.values().any(|group| group == *name);
        if let Some(name) = self.settings.elsewhere.components.keys().find(|name| !is_one(name)) {
            let mut wrong = Diagnostic::error(format!("--group-components: no rule is of a group `{name}`"));
            if let Some(near) = nearest(name, groups.values().map(String::as_str)) {
                wrong = wrong.help(format!("did you mean `{near}`?"));
            }
            return Err(wrong.into());
        }
        Ok(())
    }

    /// What options name, of which each takes all the names that follow it: rules, or files of the first graph; and files that it
    /// may come to have, where checkpoints are still to say what there is, or where it does not matter.
    pub(super) fn check_names(&self, dag: &Dag) -> Result<(), Failure> {
        let settings = &self.settings;
        let omitted = self.omitted();
        let is_made = |file| dag.producer(file).is_some();
        let fits = |name: &str| {
            let mut outputs = self.workflow.rules.iter().flat_map(|rule| &rule.output.items);
            outputs.any(|output| output.pattern.match_path(name).is_some())
        };
        for (option, names, of_jobs) in [
            ("--forcerun", &settings.force.names, true),
            ("--prioritize", &settings.prioritize, true),
            ("--until", &settings.until, false),
            ("--omit-from", &omitted, false),
        ] {
            for (at, name) in names.iter().enumerate() {
                let file = dag.paths.find(name);
                let may_come = !dag.open().is_empty() || option == "--prioritize";
                if self.workflow.find(name).is_some()
                    || file.is_some_and(|file| !of_jobs || is_made(file))
                    || (may_come && fits(name))
                {
                    continue;
                }
                let wrong = match file {
                    Some(_) => Diagnostic::error(format!("{option}: no job makes {name}")),
                    None => self.no_rule(option, name),
                };
                let help = format!("all names after {option} belong to it: targets go before it, or after `--`");
                return Err(if at == 0 { wrong } else { wrong.help(help) }.into());
            }
        }
        Ok(())
    }

    fn no_rule(&self, option: &str, name: &str) -> Diagnostic {
        let mut diagnostic = Diagnostic::error(format!("{option}: there is no rule called `{name}`"));
        if let Some(near) = nearest(name, self.workflow.rules.iter().map(|rule| rule.name.as_str())) {
            diagnostic = diagnostic.help(format!("did you mean `{near}`?"));
        }
        diagnostic
    }

    /// Which kinds of difference count.
    pub(super) fn triggers(&self) -> Triggers {
        let has = |trigger| self.settings.rerun_triggers.contains(&trigger);
        Triggers {
            mtime: has(Trigger::Mtime),
            params: has(Trigger::Params),
            input: has(Trigger::Input),
            code: has(Trigger::Code),
            checksum: has(Trigger::Checksum),
        }
    }

    /// Functions of the settings that the planner asks.
    pub fn policy(&self) -> Policy<'_> {
        Policy { ancient: Box::new(|rule, job, at| self.is_ancient(rule, job, at)) }
    }

    fn is_ancient(&self, rule: &Rule, job: &Job, at: usize) -> bool {
        if job.shape.flags(at).is_some_and(|flags| flags.ancient) {
            return true;
        }
        self.settings.consider_ancient.iter().filter(|(name, _)| *name == rule.name).any(|(_, items)| {
            items.iter().any(|item| match item {
                InputItem::Index(index) => *index == at,
                InputItem::Name(name) => job.shape.names.iter().any(|(known, start, count)| {
                    let start = *start as usize;
                    known == name && (start..start + count.unwrap_or(1) as usize).contains(&at)
                }),
            })
        })
    }

    pub(super) fn forced(&self, dag: &Dag) -> Result<Vec<bool>, Failure> {
        let force = &self.settings.force;
        let mut forced = vec![force.all; dag.jobs.len()];
        if force.targets || force.all {
            for job in &dag.target_jobs {
                forced[job.index()] = true;
            }
            // A target rule stands for what it asks for.
            for &job in &dag.target_jobs {
                if crate::plan::decide::is_target_only(self.workflow.rule(dag.job(job).rule)) {
                    for needed in dag.dependencies(job) {
                        forced[needed.index()] = true;
                    }
                }
            }
        }
        for name in &force.names {
            let file = dag.paths.find(name);
            for job in dag.ids() {
                let it = dag.job(job);
                let named = self.workflow.rule(it.rule).name == *name;
                if named || file.is_some_and(|file| dag.producer(file) == Some(job)) {
                    forced[job.index()] = true;
                }
            }
        }
        Ok(forced)
    }

    /// The batch that `--batch` asks for.
    pub(super) fn batch(&self) -> Option<Batch> {
        let crate::cli::Batch { rule, index, count } = self.settings.batch.as_ref()?;
        Some(Batch { rule: self.workflow.find(rule)?, index: *index, count: *count })
    }

    /// Rules and files that are left out, with what follows from them: those of `--omit-from`, and the rule of a batch
    /// that is not the last.
    pub(super) fn omitted(&self) -> Vec<String> {
        let batch = self.settings.batch.iter().filter(|batch| batch.index < batch.count);
        self.settings.omit_from.iter().chain(batch.map(|batch| &batch.rule)).cloned().collect()
    }

    pub(super) fn left_out(&self, dag: &Dag) -> Result<Vec<bool>, Failure> {
        let (until, omit_from) = (&self.settings.until, &self.omitted());
        if until.is_empty() && omit_from.is_empty() {
            return Ok(vec![false; dag.jobs.len()]);
        }
        Ok(select(dag, &self.workflow, until, omit_from).into_iter().map(|keep| !keep).collect())
    }

    /// The message of a failed plan.
    pub fn plan_error(&self, error: PlanError) -> Failure {
        match error {
            PlanError::Disk(error) => Diagnostic::error(format!("cannot look at the disk: {error}")).into(),
            PlanError::Records(message) => Diagnostic::error(message).into(),
            PlanError::Damaged(why) => Diagnostic::error(format!("the records are damaged: {why}")).into(),
            PlanError::Rulefile(diagnostic) => self.failure(diagnostic),
        }
    }
}

/// The Rulefile and configuration files were named from where the user stands.
fn from_here(path: &String, goes_elsewhere: bool) -> String {
    if goes_elsewhere { absolute(path) } else { path.clone() }
}

/// Goes to the directory of the settings, and finds the Rulefile.
pub fn locate(settings: &Settings) -> Result<String, Diagnostic> {
    let rulefile = settings.rulefile.as_ref().map(|path| from_here(path, settings.directory.is_some()));
    if let Some(path) = &rulefile
        && matches!(Path::new(path).try_exists(), Ok(false))
    {
        return Err(no_such_rulefile(settings));
    }
    if let Some(path) = &rulefile
        && Path::new(path).is_dir()
    {
        return Err(Diagnostic::error(format!("{path} is a folder, and -s takes a file"))
            .help(format!("name the Rulefile in it, or work in it: flow -d {path}")));
    }
    if let Some(directory) = &settings.directory {
        enter(directory, settings)?;
    }
    rulefile.map_or_else(find_rulefile, Ok)
}

/// The Rulefile of the current folder.
fn find_rulefile() -> Result<String, Diagnostic> {
    use std::io::ErrorKind::{NotADirectory, NotFound};
    let place = std::env::current_dir().map_err(|error| {
        Diagnostic::error(format!("the working directory is gone: {error}"))
            .help("go to a folder that is there, or name it: flow -d DIR")
    })?;
    for path in RULEFILES {
        match std::fs::metadata(path) {
            Ok(meta) if meta.is_file() => return Ok(path.to_owned()),
            Err(error) if !matches!(error.kind(), NotFound | NotADirectory) => {
                return Err(Diagnostic::error(format!("cannot look for {path} in {}: {error}", place.display()))
                    .help("see that the folder can be read, or go to another one"));
            }
            _ => {}
        }
    }
    Err(Diagnostic::error(format!("there is no Rulefile in {}", place.display()))
        .note(format!("looked for {}", RULEFILES.join(", ")))
        .help("go to the folder that has one, or name it: flow -s FILE"))
}

/// The message for a Rulefile that was named and is not there.
fn no_such_rulefile(settings: &Settings) -> Diagnostic {
    let name = settings.rulefile.as_deref().unwrap_or_default();
    if let Some((scheme, _)) = name.split_once("://") {
        return Diagnostic::error(format!("{name} is not on this machine"))
            .help(format!("fetch it with all that it includes, and name the file: flow reads nothing over {scheme}"));
    }
    let diagnostic = Diagnostic::error(format!("there is no Rulefile {name}"));
    let Some(directory) = &settings.directory else { return diagnostic };
    let diagnostic = diagnostic.note("-s is looked up from where flow is called, not from the folder that -d names");
    let inside = format!("{}/{name}", directory.trim_end_matches('/'));
    if Path::new(&inside).is_file() {
        diagnostic.help(format!("there is {inside}: write -s {inside}"))
    } else {
        diagnostic
    }
}

/// Goes to the folder to work in. A run with a Rulefile from elsewhere makes it; nothing else does.
pub fn enter(directory: &str, settings: &Settings) -> Result<(), Diagnostic> {
    let cannot = |error| Diagnostic::error(format!("cannot work in {directory}: {error}"));
    if !Path::new(directory).exists() {
        let runs = settings.mode == Mode::Run;
        if settings.rulefile.is_none() || !runs {
            let diagnostic = Diagnostic::error(format!("there is no folder {directory}"));
            return Err(match &settings.rulefile {
                Some(rulefile) => diagnostic.help(format!("a run makes it: flow -s {rulefile} -d {directory}")),
                None => {
                    diagnostic.help("flow looks for a Rulefile in it; to use one from elsewhere: flow -s FILE -d DIR")
                }
            });
        }
        std::fs::create_dir_all(directory).map_err(cannot)?;
    }
    std::env::set_current_dir(directory).map_err(cannot)
}

type IsAncient<'a> = Box<dyn Fn(&Rule, &Job, usize) -> bool + 'a>;

/// What the planner asks of the settings.
pub struct Policy<'a> {
    pub ancient: IsAncient<'a>,
}

fn absolute(path: &String) -> String {
    std::path::absolute(path).map_or_else(|_| path.clone(), |path| path.to_string_lossy().into_owned())
}

/// What is wrong with a call of a built-in action.
fn misuse(call: &CallSite) -> Option<Misused> {
    let action = crate::action::registry::find(&call.name).filter(|_| !call.is_open)?;
    let named: Vec<(&str, Option<&str>)> =
        call.named.iter().map(|argument| (argument.name.as_str(), argument.text.as_deref())).collect();
    let (named, message) = action.misuse(call.positional, &named)?;
    let help = format!("{}\nflow --actions {} tells more", action.signature(), action.name);
    Some(Misused { named, message, help })
}
