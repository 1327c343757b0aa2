//! Threads and resources of a job: what its rule says, what the command line says instead, and what holds where neither
//! does.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use super::project::Project;
use crate::cli::{Amount, Settings};
use crate::diagnostic::Diagnostic;
use crate::graph::dag::{Dag, Job};
use crate::plan::identity::named_paths;
use crate::rulefile::evaluate::amounts::Expression;
use crate::rulefile::instance;
use crate::rulefile::rule::JobContext;
use crate::value::Value;

/// The expressions of the command line, by their text; text that is none stands for itself.
pub type Expressions = FxHashMap<String, Option<Expression>>;

/// Reads the amounts of the command line.
///
/// # Errors
/// Text that is neither an expression nor an amount of its resource.
pub fn expressions(settings: &Settings) -> Result<Expressions, Diagnostic> {
    let mut out = Expressions::default();
    let mut add = |option: &str, name: &str, amount: &Amount| -> Result<(), Diagnostic> {
        let Amount::Text(text) = amount else { return Ok(()) };
        let parsed = out.entry(text.clone()).or_insert_with(|| Expression::parse(text));
        if parsed.is_none() {
            crate::cli::resource(name, &Value::Str(text.clone()))
                .map_err(|why| Diagnostic::error(format!("{option}: {why}")))?;
        }
        Ok(())
    };
    for (name, amount) in settings.default_resources.iter().flatten() {
        add("--default-resources", name, amount)?;
    }
    for (name, amount) in settings.set_resources.values().flatten() {
        add("--set-resources", name, amount)?;
    }
    for (rule, amount) in &settings.set_threads {
        add("--set-threads", rule, amount)?;
    }
    Ok(out)
}

impl Project {
    /// An amount of the command line for a job.
    fn amount(&self, amount: &Amount, context: &JobContext<'_>) -> Result<Value, Diagnostic> {
        match amount {
            Amount::Value(value) => Ok(value.clone()),
            Amount::Text(text) => match self.expressions.get(text).and_then(Option::as_ref) {
                Some(expression) => expression.value(context),
                None => Ok(Value::Str(text.clone())),
            },
        }
    }

    /// Threads and named resources of a job at a given try: the rule's, `--default-resources` where it has none, and
    /// `--set-resources` over both.
    pub fn job_resources(
        &self,
        dag: &Dag,
        job: &Job,
        wildcards: &[(String, String)],
        attempt: u32,
    ) -> Result<(u32, BTreeMap<String, Value>), Diagnostic> {
        let rule = self.workflow.rule(job.rule);
        let threads = self.job_threads(dag, job, wildcards, attempt)?;
        let input = named_paths(&dag.paths, &job.inputs, &job.shape.names);
        let context = JobContext {
            rule: &rule.name,
            wildcards,
            input: Some(&input),
            threads: Some(threads),
            attempt,
            ..JobContext::default()
        };
        let functions = &*self.workflow.functions;
        let mut resources = BTreeMap::new();
        if rule.handover && rule.resources.is_empty() {
            // It may share out all there is.
            let all = self.settings.resources.iter().map(|(name, total)| (name.clone(), Value::Int(*total)));
            resources.extend(all);
        }
        for (name, value) in instance::resources(rule, &context, functions)? {
            let span = rule.resources.iter().find(|r| r.name.as_ref() == Some(&name)).map_or(rule.span, |r| r.span);
            let counted = crate::cli::resource(&name, &value).map_err(|why| Diagnostic::error(why).at(span, ""))?;
            resources.insert(counted.0, counted.1);
        }
        let set = self.settings.set_resources.get(&rule.name);
        let is_set = |name: &String| set.is_some_and(|set| set.contains_key(name));
        for (name, amount) in self.settings.default_resources.iter().flatten() {
            if !resources.contains_key(name) && !is_set(name) {
                resources.insert(name.clone(), self.counted(name, amount, &context)?);
            }
        }
        for (name, amount) in set.into_iter().flatten() {
            resources.insert(name.clone(), self.counted(name, amount, &context)?);
        }
        Ok((threads, resources))
    }

    /// Threads of a job at a given try: the rule's, or those of `--set-threads`; never more than there are.
    pub fn job_threads(
        &self,
        dag: &Dag,
        job: &Job,
        wildcards: &[(String, String)],
        attempt: u32,
    ) -> Result<u32, Diagnostic> {
        let rule = self.workflow.rule(job.rule);
        let with_context = |evaluate: &dyn Fn(&JobContext<'_>) -> Result<Value, Diagnostic>| {
            let input = named_paths(&dag.paths, &job.inputs, &job.shape.names);
            evaluate(&JobContext { rule: &rule.name, wildcards, input: Some(&input), attempt, ..JobContext::default() })
        };
        let functions = &*self.workflow.functions;
        let (asked, span) = match (self.settings.set_threads.get(&rule.name), &rule.threads) {
            (Some(set), _) => (with_context(&|context| self.amount(set, context))?, rule.span),
            (None, Some(argument)) => {
                (with_context(&|context| instance::value(argument, context, functions))?, argument.span)
            }
            (None, None) => return Ok(1),
        };
        let threads = match asked {
            Value::Int(n) => u32::try_from(n).unwrap_or(1),
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            Value::Float(f) => f as u32,
            other => {
                let got = instance::describe(&other);
                return Err(Diagnostic::error(format!("`threads:` takes a number, not {got}")).at(span, ""));
            }
        };
        let cores = if self.runs_here(rule) { self.cores } else { u32::MAX };
        Ok(threads.min(cores.min(self.settings.max_threads.unwrap_or(u32::MAX)).max(1)))
    }

    fn counted(&self, name: &str, amount: &Amount, context: &JobContext<'_>) -> Result<Value, Diagnostic> {
        let value = self.amount(amount, context)?;
        crate::cli::resource(name, &value).map(|(_, value)| value).map_err(Diagnostic::error)
    }
}
