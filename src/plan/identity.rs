//! Identity: what besides files decides a job's result, in components that can be compared and shown: its code, its
//! params, its script. Computed from the rule, once a rule where no wildcard or function has a say.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::normal;
use crate::diagnostic::Diagnostic;
use crate::disk::{Disk, Hash};
use crate::graph::dag::{Dag, Job, JobId};
use crate::path::Paths;
use crate::rulefile::instance;
use crate::rulefile::rule::{Action, JobContext, Rule, RuleId, Workflow};
use crate::rulefile::template;
use crate::value::{Dict, Named, Value};

/// A job's code, params and script.
#[derive(Debug, Clone, PartialEq)]
pub struct Identity {
    /// Normal form of the command or `run:` body.
    pub code: Arc<str>,
    /// JSON: the params by name or position, and the file-level names that the code uses.
    pub params: Arc<str>,
    pub script: Option<(Arc<str>, Hash)>,
    pub digest: [u8; 16],
}

/// The threads and resources of a job, given its wildcards.
pub type Amounts<'a> =
    dyn Fn(&Dag, &Job, &[(String, String)]) -> Result<(u32, BTreeMap<String, Value>), Diagnostic> + 'a;

/// Computes identities, and remembers those that hold for a whole rule.
pub struct Identities<'a> {
    workflow: &'a Workflow,
    disk: &'a dyn Disk,
    amounts: &'a Amounts<'a>,
    by_rule: RefCell<FxHashMap<RuleId, Arc<RuleIdentity>>>,
}

struct RuleIdentity {
    code: Arc<str>,
    globals: Vec<(String, Value)>,
    script: Option<(Arc<str>, Hash)>,
    /// The whole identity, where params are the same for all jobs.
    whole: Option<Arc<Identity>>,
}

impl<'a> Identities<'a> {
    /// `amounts` gives the threads and resources of a job's first try, for params that ask for them.
    pub fn new(workflow: &'a Workflow, disk: &'a dyn Disk, amounts: &'a Amounts<'a>) -> Self {
        Identities { workflow, disk, amounts, by_rule: RefCell::default() }
    }

    /// The identity of a job.
    ///
    /// # Errors
    /// What a function of the params reports; a script that cannot be read.
    pub fn of(&self, dag: &Dag, job: JobId) -> Result<Arc<Identity>, Diagnostic> {
        let it = dag.job(job);
        let rule = self.workflow.rule(it.rule);
        let of_rule = self.rule_identity(it.rule, rule)?;
        if let Some(whole) = &of_rule.whole {
            return Ok(Arc::clone(whole));
        }
        let wildcards = instance::wildcards(rule, &it.wildcards);
        let input = named_paths(&dag.paths, &it.inputs, &it.shape.names);
        let output = named_paths(&dag.paths, &it.outputs, &rule.output.names);
        let (threads, resources) = (self.amounts)(dag, it, &wildcards)?;
        let context = JobContext {
            rule: &rule.name,
            wildcards: &wildcards,
            input: Some(&input),
            output: Some(&output),
            resources: Some(&resources),
            threads: Some(threads),
            attempt: 1,
            ..JobContext::default()
        };
        let params = instance::params(rule, &context, &*self.workflow.functions)?;
        Ok(Arc::new(identity(&of_rule, &params)))
    }

    fn rule_identity(&self, id: RuleId, rule: &Rule) -> Result<Arc<RuleIdentity>, Diagnostic> {
        if let Some(known) = self.by_rule.borrow().get(&id) {
            return Ok(Arc::clone(known));
        }
        let mut of_rule = match &rule.action {
            Action::None => RuleIdentity { code: "".into(), globals: Vec::new(), script: None, whole: None },
            Action::Shell(command) => RuleIdentity {
                code: normal::command(command).into(),
                globals: template::globals(command, self.workflow),
                script: None,
                whole: None,
            },
            Action::Run(body) => RuleIdentity {
                code: body.program.code.as_str().into(),
                globals: config_values(body.config_keys.as_deref(), self.workflow),
                script: None,
                whole: None,
            },
            Action::Script { path, basedir } => {
                let path = template::script_path(path, basedir);
                let hash = self.disk.hash(&path).map_err(|error| {
                    Diagnostic::error(format!("cannot read script {path}: {error}"))
                        .at(rule.action_span, "")
                        .help("the path is relative to the file that holds the rule")
                })?;
                RuleIdentity {
                    code: "".into(),
                    globals: Vec::new(),
                    script: Some((path.as_str().into(), hash)),
                    whole: None,
                }
            }
        };
        if instance::params_are_static(rule) {
            let context = JobContext { rule: &rule.name, attempt: 1, ..JobContext::default() };
            let params = instance::params(rule, &context, &*self.workflow.functions)?;
            of_rule.whole = Some(Arc::new(identity(&of_rule, &params)));
        }
        let of_rule = Arc::new(of_rule);
        self.by_rule.borrow_mut().insert(id, Arc::clone(&of_rule));
        Ok(of_rule)
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

fn identity(of_rule: &RuleIdentity, params: &Named<Value>) -> Identity {
    let mut json = Dict::default();
    for (at, value) in params.items.iter().enumerate() {
        let name = params.names.iter().find(|(_, start, _)| *start as usize == at);
        json.insert(name.map_or_else(|| at.to_string(), |(name, _, _)| name.clone()), value.clone());
    }
    for (name, value) in &of_rule.globals {
        json.insert(name.clone(), value.clone());
    }
    let params = serde_json::to_string(&Value::Dict(json)).unwrap_or_default();
    let mut hasher = blake3::Hasher::new();
    for part in [of_rule.code.as_bytes(), params.as_bytes()] {
        hasher.update(&(part.len() as u64).to_le_bytes()).update(part);
    }
    if let Some((_, hash)) = &of_rule.script {
        hasher.update(hash);
    }
    let mut digest = [0; 16];
    digest.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    Identity { code: Arc::clone(&of_rule.code), params: params.into(), script: of_rule.script.clone(), digest }
}

/// The parts of the configuration that a `run:` body reads.
fn config_values(keys: Option<&[String]>, workflow: &Workflow) -> Vec<(String, Value)> {
    match keys {
        None => vec![("config".into(), (*workflow.config).clone())],
        Some(keys) => keys
            .iter()
            .map(|key| {
                let value = workflow.config_dict().and_then(|dict| dict.get(key)).cloned().unwrap_or_default();
                (format!("config[{key:?}]"), value)
            })
            .collect(),
    }
}
