//! Identity: what besides files decides a job's result, in components that can be compared and shown: its code, its
//! params, the file-level values it uses, its script. Computed from the rule, once a rule where no wildcard or function
//! has a say.

use std::cell::RefCell;
use std::io::ErrorKind;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use serde::Serializer;

use super::normal;
use crate::diagnostic::Diagnostic;
use crate::disk::{Disk, Hash};
use crate::graph::dag::{Dag, JobId};
use crate::path::Paths;
use crate::rulefile::instance;
use crate::rulefile::rule::{Action, CallError, JobContext, Rule, RuleId, Workflow};
use crate::rulefile::template;
use crate::value::{Named, Value};

/// A job's code, params, file-level values and script.
#[derive(Debug, Clone, PartialEq)]
pub struct Identity {
    /// Normal form of the command or `run:` body.
    pub code: Arc<str>,
    /// A `run:` body as it was written, to show how it differs; never compared.
    pub source: Option<Arc<str>>,
    /// JSON: the params by name or position. Those that are derived from threads or resources are left out, because
    /// these vary with the machine.
    pub params: Arc<str>,
    /// JSON: the file-level names and parts of the configuration that the code uses.
    pub globals: Arc<str>,
    pub script: Option<Script>,
    /// Whether the code may look at the job's wildcards by itself.
    pub sees_wildcards: bool,
    pub digest: [u8; 16],
}

/// Computes identities, and remembers those that hold for a whole rule.
pub struct Identities<'a> {
    workflow: &'a Workflow,
    disk: &'a dyn Disk,
    by_rule: RefCell<FxHashMap<RuleId, Arc<RuleIdentity>>>,
    scripts: RefCell<FxHashMap<String, Script>>,
}

/// A script: where it is, and what is in it; nothing where a job makes it and it is not there now.
#[derive(Debug, Clone, PartialEq)]
pub struct Script {
    pub path: Arc<str>,
    pub hash: Option<Hash>,
}

#[derive(Default)]
struct RuleIdentity {
    code: Arc<str>,
    source: Option<Arc<str>>,
    /// As JSON.
    globals: Arc<str>,
    /// Of all jobs.
    script: Option<Script>,
    sees_wildcards: bool,
    /// The whole identity, where params are the same for all jobs.
    whole: Option<Arc<Identity>>,
}

impl<'a> Identities<'a> {
    pub fn new(workflow: &'a Workflow, disk: &'a dyn Disk) -> Self {
        Identities { workflow, disk, by_rule: RefCell::default(), scripts: RefCell::default() }
    }

    /// The identity of a job.
    ///
    /// # Errors
    /// What a function of the params reports, or waits for; a script that cannot be read.
    pub fn of(&self, dag: &Dag, job: JobId) -> Result<Arc<Identity>, CallError> {
        let it = dag.job(job);
        let rule = self.workflow.rule(it.rule);
        let of_rule = self.rule_identity(dag, it.rule, rule)?;
        if let Some(whole) = &of_rule.whole {
            return Ok(Arc::clone(whole));
        }
        let wildcards = instance::wildcards(rule, &it.wildcards);
        let input = named_paths(&dag.paths, &it.inputs, &it.shape.names);
        let output = named_paths(&dag.paths, &it.outputs, &rule.output.names);
        let context = JobContext {
            rule: &rule.name,
            wildcards: &wildcards,
            input: Some(&input),
            output: Some(&output),
            attempt: 1,
            ..JobContext::default()
        };
        let params = instance::own_params(rule, &context, &*self.workflow.functions)?;
        let script = match &rule.action {
            // What is not known without the number of threads belongs to the machine, and not to the job.
            Action::Script { path, basedir } if of_rule.script.is_none() => {
                let path = template::script_path(path, basedir, &wildcards, &params).ok();
                path.map(|path| self.script(dag, path, rule)).transpose()?
            }
            _ => of_rule.script.clone(),
        };
        Ok(Arc::new(identity(&of_rule, &params, script)))
    }

    fn rule_identity(&self, dag: &Dag, id: RuleId, rule: &Rule) -> Result<Arc<RuleIdentity>, CallError> {
        if let Some(known) = self.by_rule.borrow().get(&id) {
            return Ok(Arc::clone(known));
        }
        let mut is_common = true;
        let mut of_rule = match &rule.action {
            Action::None => RuleIdentity::default(),
            Action::Shell(command) => RuleIdentity {
                code: normal::command(command).into(),
                globals: json(self.with_sources(rule, template::globals(command, rule, self.workflow))?),
                sees_wildcards: command.contains("wildcards"),
                ..RuleIdentity::default()
            },
            Action::Run(body) => RuleIdentity {
                code: body.program.code.as_str().into(),
                source: Some(body.text.as_str().into()),
                globals: json(
                    self.with_sources(rule, config_values(body.config_keys.as_deref(), rule, self.workflow))?,
                ),
                sees_wildcards: body.text.contains("wildcards"),
                ..RuleIdentity::default()
            },
            Action::Script { path, basedir } => {
                // A template that is wrong has been told.
                let path = template::common_script_path(path, basedir, rule).unwrap_or_default();
                is_common = path.is_some();
                // What a script looks at is not known.
                RuleIdentity {
                    script: path.map(|path| self.script(dag, path, rule)).transpose()?,
                    globals: json(self.with_sources(rule, Vec::new())?),
                    sees_wildcards: true,
                    ..RuleIdentity::default()
                }
            }
        };
        if is_common && instance::params_are_static(rule) {
            let context = JobContext { rule: &rule.name, attempt: 1, ..JobContext::default() };
            let params = instance::own_params(rule, &context, &*self.workflow.functions)?;
            of_rule.whole = Some(Arc::new(identity(&of_rule, &params, of_rule.script.clone())));
        }
        let of_rule = Arc::new(of_rule);
        // A script that is still to be made is looked at again.
        if of_rule.script.as_ref().is_none_or(|script| script.hash.is_some()) {
            self.by_rule.borrow_mut().insert(id, Arc::clone(&of_rule));
        }
        Ok(of_rule)
    }
}

impl Identities<'_> {
    fn script(&self, dag: &Dag, path: String, rule: &Rule) -> Result<Script, Diagnostic> {
        if let Some(known) = self.scripts.borrow().get(&path) {
            return Ok(known.clone());
        }
        let is_made = || dag.paths.find(&path).is_some_and(|file| dag.producer(file).is_some());
        crate::witness::look(&path);
        let hash = match self.disk.hash(&path) {
            Ok(hash) => Some(hash),
            Err(error) if error.kind() == ErrorKind::NotFound && is_made() => None,
            Err(error) => {
                return Err(Diagnostic::error(format!("cannot read script {path}: {error}"))
                    .at(rule.action_span, "")
                    .help("the path is relative to the file that holds the rule"));
            }
        };
        let script = Script { path: path.as_str().into(), hash };
        if script.hash.is_some() {
            self.scripts.borrow_mut().insert(path, script.clone());
        }
        Ok(script)
    }

    /// With what the files of the workflow hold that are among a rule's params: they belong to its code.
    fn with_sources(&self, rule: &Rule, mut globals: Vec<(String, Value)>) -> Result<Vec<(String, Value)>, Diagnostic> {
        for param in &rule.params {
            for path in param.expr.sources() {
                crate::witness::look(path);
                let hash = self.disk.hash(path).map_err(|error| {
                    Diagnostic::error(format!("cannot read {path}: {error}"))
                        .at(param.span, "")
                        .help("the path is relative to the file that asks for it")
                })?;
                let digits: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
                globals.push((format!("file {path}"), Value::Str(digits)));
            }
        }
        Ok(globals)
    }
}

/// Paths with the names that a rule gives them.
pub fn named_paths(
    paths: &Paths,
    files: &[crate::path::FileId],
    names: &[(String, u32, Option<u32>)],
) -> Named<String> {
    Named { items: files.iter().map(|&file| paths.name(file).to_owned()).collect(), names: names.to_vec() }
}

fn identity(of_rule: &RuleIdentity, params: &Named<Value>, script: Option<Script>) -> Identity {
    let entries = params.items.iter().enumerate().map(|(at, value)| {
        let name = params.names.iter().find(|(_, start, _)| *start as usize == at);
        (name.map_or_else(|| at.to_string(), |(name, _, _)| name.clone()), value.clone())
    });
    let params = json(entries.collect());
    let mut hasher = blake3::Hasher::new();
    for part in [&of_rule.code, &params, &of_rule.globals] {
        hasher.update(&(part.len() as u64).to_le_bytes()).update(part.as_bytes());
    }
    if let Some(hash) = script.as_ref().and_then(|script| script.hash.as_ref()) {
        hasher.update(hash);
    }
    let mut digest = [0; 16];
    digest.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    Identity {
        code: Arc::clone(&of_rule.code),
        source: of_rule.source.clone(),
        params,
        globals: Arc::clone(&of_rule.globals),
        script,
        sees_wildcards: of_rule.sees_wildcards,
        digest,
    }
}

/// Named values as a JSON object, none of them lost: an entry stands for each, also where two have one name.
fn json(entries: Vec<(String, Value)>) -> Arc<str> {
    let finite = entries.into_iter().map(|(name, value)| (name, with_finite_numbers(value)));
    let mut out = Vec::new();
    let mut json = serde_json::Serializer::new(&mut out);
    json.collect_map(finite).expect("plain values are JSON");
    String::from_utf8(out).expect("JSON is text").into()
}

/// JSON has no infinite numbers: they are written as Python makes them.
fn with_finite_numbers(value: Value) -> Value {
    match value {
        Value::Float(f) if !f.is_finite() => {
            Value::Str(format!("float('{}')", if f.is_nan() { "nan".to_owned() } else { f.to_string() }))
        }
        Value::List(items) => Value::List(items.into_iter().map(with_finite_numbers).collect()),
        Value::Dict(entries) => {
            Value::Dict(entries.into_iter().map(|(name, value)| (name, with_finite_numbers(value))).collect())
        }
        other => other,
    }
}

/// The parts of the configuration that a `run:` body reads.
fn config_values(keys: Option<&[String]>, rule: &Rule, workflow: &Workflow) -> Vec<(String, Value)> {
    match keys {
        None => vec![("config".into(), Value::clone(workflow.config(rule)))],
        Some(keys) => keys
            .iter()
            .map(|key| {
                let value = workflow.config_entry(rule, key).cloned().unwrap_or_default();
                (format!("config[{key:?}]"), value)
            })
            .collect(),
    }
}
