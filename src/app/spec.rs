//! A job's specification: a rule, its wildcards and its files in; commands and all else that an executor needs out. And
//! the placeholders of commands, checked before any job is run.

use std::collections::BTreeMap;
use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

use super::planning::Plan;
use super::project::Project;
use super::tidy::shadow_folder;
use crate::diagnostic::{Diagnostic, Span};
use crate::graph::dag::{Dag, JobId};
use crate::path::FileId;
use crate::plan::identity::named_paths;
use crate::rulefile::instance;
use crate::rulefile::rule::{Action, Flags, JobContext, NamespaceId, Rule, Workflow};
use crate::rulefile::template::{self, JobValues, TemplateError};
use crate::run::cluster::staging::{Stage, place};
use crate::run::spec::{JobSpec, Live, OutputSpec, Shadow, Staging, Work};
use crate::value::{Named, Value};

/// A job as it is to be run, and its message; `stage` is where it works on another machine.
pub fn job_spec(
    project: &Project,
    plan: &Plan,
    id: JobId,
    (number, attempt): (u32, u32),
    stage: Option<&Stage>,
) -> Result<(JobSpec, Option<String>), Diagnostic> {
    let (dag, workflow) = (&*plan.dag, &project.workflow);
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
    let views: Vec<(&str, Value)> = resources
        .iter()
        .filter_map(|(name, value)| match value {
            Value::Int(amount) => Some(crate::cli::views(name, *amount)),
            _ => None,
        })
        .flatten()
        .collect();
    resources.extend(views.into_iter().map(|(name, value)| (name.to_owned(), value)));
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
        namespace: rule.namespace,
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
    let work = work_of(rule, &values, workflow)?;
    let live_inputs = marked(dag, workflow, &job.inputs, Flags::live);
    let staging = stage.map(|stage| -> Result<_, Diagnostic> {
        let folder = &*stage.folder;
        let input = input.map(|path| if live_inputs.contains(path) { place(folder, path) } else { path.clone() });
        let [output, log] = [&output, &log].map(|files| files.map(|path| place(folder, path)));
        let context = JobContext { input: Some(&input), output: Some(&output), ..context };
        let params = instance::params(rule, &context, &*workflow.functions)?;
        let benchmark = benchmark.as_deref().map(|path| place(folder, path));
        let (input, output, log) = (&input, &output, &log);
        let values = JobValues { input, output, log, benchmark: benchmark.as_deref(), params: &params, ..values };
        let work = work_of(rule, &values, workflow)?;
        Ok(Box::new(Staging { folder: folder.to_owned(), claim: stage.claim.clone(), work, params }))
    });
    let staging = staging.transpose()?;
    // A command that names its log writes it itself.
    let stdio_log = match (log.items.as_slice(), &rule.action) {
        ([first, ..], Action::Shell(text)) if !names_its_log(text) => first.clone(),
        _ => own_log(rule, &wildcards),
    };
    let outputs = output.items.iter().zip(&rule.output.items).map(|(path, spec)| {
        Ok(OutputSpec {
            path: path.clone(),
            directory: spec.flags.directory,
            touch: spec.flags.touch,
            protected: spec.flags.protected,
            live: match (spec.flags.pipe, spec.flags.service) {
                (true, _) => Some(Live::Pipe),
                (false, true) => Some(Live::Service),
                (false, false) => None,
            },
            update: spec.flags.update,
            non_empty: spec.flags.non_empty,
            checksum: checksum(&spec.flags, spec.span, &context, workflow)?,
            home: None,
        })
    });
    let outputs = outputs.collect::<Result<_, Diagnostic>>()?;
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
        config: Arc::clone(workflow.config(rule)),
        outputs,
        stdio_log,
        benchmark: benchmark.map(|path| (path, rule.benchmark_repeats)),
        basedir: workflow.basedir.clone(),
        live_inputs,
        made_directories: marked(dag, workflow, &job.inputs, |flags| flags.directory),
        // Work inside flow writes nothing but its outputs, and those to temporaries.
        shadow: rule
            .shadow
            .filter(|_| !matches!(rule.action, Action::Run(_)))
            .map(|kind| Shadow { kind, folder: shadow_folder(project) }),
        cache: None,
        staging,
    };
    Ok((spec, message))
}

/// What a job of a rule does, with these values.
fn work_of(rule: &Rule, values: &JobValues<'_>, workflow: &Workflow) -> Result<Work, Diagnostic> {
    Ok(match &rule.action {
        Action::None => Work::Touch,
        Action::Shell(text) => Work::Shell {
            command: template::shell(text, values, workflow)
                .map_err(|error| template_error(&error, rule.action_span, rule))?,
        },
        Action::Run(body) => Work::Run { program: Arc::clone(&body.program) },
        Action::Script { path, basedir } => Work::Script {
            path: template::script_path(path, basedir, values.wildcards, values.params)
                .map_err(|error| script_error(&error, rule))?,
        },
    })
}

/// The checksum that an output must have: `ensure(…)`, where a function may give it.
fn checksum(
    flags: &Flags,
    span: Span,
    context: &JobContext<'_>,
    workflow: &Workflow,
) -> Result<Option<(String, String)>, Diagnostic> {
    let Some((algorithm, function)) = flags.checksum_of.as_deref() else {
        return Ok(flags.checksum.as_deref().cloned());
    };
    let given = workflow.functions.call(*function, context)?.into_value();
    let length = match algorithm.as_str() {
        "sha256" => 64,
        "sha1" => 40,
        _ => 32,
    };
    match given.as_str() {
        Some(digest) if digest.len() == length && digest.bytes().all(|b| b.is_ascii_hexdigit()) => {
            Ok(Some((algorithm.clone(), digest.to_ascii_lowercase())))
        }
        _ => Err(Diagnostic::error(format!("ensure(): a {algorithm} checksum is {length} hexadecimal digits"))
            .at(span, format!("the function gave {}", instance::describe(&given)))),
    }
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

/// Those of the files that are outputs with such a mark. The outputs of each maker are looked through once.
fn marked(dag: &Dag, workflow: &Workflow, files: &[FileId], is_one: fn(&Flags) -> bool) -> Vec<String> {
    let mut of_makers: FxHashMap<JobId, FxHashSet<FileId>> = FxHashMap::default();
    let is_marked = |&file: &FileId| {
        let Some(maker) = dag.producer(file) else { return false };
        let those = of_makers.entry(maker).or_insert_with(|| {
            let job = dag.job(maker);
            let outputs = job.outputs.iter().zip(&workflow.rule(job.rule).output.items);
            outputs.filter(|(_, spec)| is_one(&spec.flags)).map(|(&output, _)| output).collect()
        });
        those.contains(&file)
    };
    files.iter().copied().filter(is_marked).map(|file| dag.paths.name(file).to_owned()).collect()
}

/// Where a job's output goes that it does not log itself: a folder a rule, a file a job.
pub fn own_log(rule: &Rule, wildcards: &[(String, String)]) -> String {
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

/// The text of `shell("…")` in a `run:` body, its placeholders filled in from the job and from the body's own `names`.
pub fn shell_in_run(text: &str, spec: &JobSpec, names: &BTreeMap<String, Value>) -> Result<String, String> {
    let values = JobValues {
        rule: &spec.rule,
        namespace: NamespaceId::MAIN,
        input: &spec.input,
        output: &spec.output,
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
    template::shell_with(text, &values, names, &config).map_err(|error| error.to_string())
}

/// Looks at the command and the message of a rule for placeholders that no job can fill in, before any job is run.
pub fn check_templates(rule: &Rule, workflow: &Workflow, dag: &Dag) -> Result<(), Diagnostic> {
    if let Action::Shell(text) = &rule.action {
        template::check(text, rule, workflow).map_err(|error| template_error(&error, rule.action_span, rule))?;
    }
    if let Action::Script { path, basedir } = &rule.action {
        let path = template::common_script_path(path, basedir, rule).map_err(|error| script_error(&error, rule))?;
        // A job may make it, also one that a checkpoint is still to ask for.
        let may_come = |path: &str| {
            (!rule.input.is_empty() && !dag.open().is_empty())
                || dag.paths.find(path).is_some_and(|file| dag.producer(file).is_some())
        };
        if let Some(path) = path
            && !std::path::Path::new(&path).exists()
            && !may_come(&path)
        {
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

/// What is wrong with the path of a rule's script.
fn script_error(error: &TemplateError, rule: &Rule) -> Diagnostic {
    let mut diagnostic = Diagnostic::error(format!("rule `{}`: {error}", rule.name)).at(rule.action_span, "");
    if let TemplateError::Unknown(field, known) = error {
        let near = crate::spelling::nearest(field, known.iter().map(String::as_str));
        diagnostic = match near {
            Some(near) => diagnostic.help(format!("did you mean `{{{near}}}`?")),
            None => diagnostic,
        };
    }
    diagnostic
        .help("the path of a script may name `{wildcards.NAME}` and `{params.NAME}`; a brace of its own is doubled")
}

/// The command of a job, for a dry run; `None` for a job without one.
pub fn command(project: &Project, plan: &Plan, id: JobId) -> Result<Option<String>, Diagnostic> {
    let (dag, workflow) = (&*plan.dag, &project.workflow);
    let job = dag.job(id);
    let rule = workflow.rule(job.rule);
    match &rule.action {
        Action::Shell(_) | Action::Script { .. } => {}
        Action::Run(body) => return Ok(Some(body.text.clone())),
        Action::None => return Ok(None),
    }
    let spec = job_spec(project, plan, id, (id.0, 1), None)?.0;
    Ok(match spec.work {
        Work::Shell { command } => Some(command),
        Work::Script { path } => Some(path),
        _ => None,
    })
}
