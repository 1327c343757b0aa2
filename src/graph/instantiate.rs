//! A candidate as a job: its directives with wildcards filled in, its files interned. Knows rules and paths, and not who
//! makes the files.

use std::sync::Arc;

use super::dag::{Job, JobId, Shape};
use super::index::Candidate;
use super::resolve::Resolver;
use crate::diagnostic::{Diagnostic, Span};
use crate::path::FileId;
use crate::rulefile::instance::{self, InputFile, Inputs};
use crate::rulefile::pattern::Pattern;
use crate::rulefile::rule::{Expr, Flags, Rule};
use crate::value::{Named, Value};

/// How inputs of a rule come about.
pub(super) enum InputPlan {
    /// The same patterns for every job.
    Patterns {
        patterns: Vec<Pattern>,
        shape: Arc<Shape>,
    },
    Functions,
}

/// A candidate whose inputs are being looked for.
pub(super) struct Building {
    pub job: Job,
    /// Files of checkpoints that must be made before all inputs are known. They stand among the inputs meanwhile.
    pub awaits: Vec<FileId>,
    pub at: usize,
    pub missing: Vec<FileId>,
}

impl Resolver<'_> {
    pub(super) fn admit(&mut self, job: Job, awaits: Vec<FileId>) -> JobId {
        let id = JobId::new(self.jobs.len());
        if !awaits.is_empty() {
            self.open.insert(id, awaits);
        }
        self.known.insert((job.rule, job.outputs.first().copied()), id);
        self.jobs.push(job);
        id
    }

    /// A candidate as a job, its files interned.
    pub(super) fn instantiate(&mut self, candidate: &Candidate) -> Result<Building, Diagnostic> {
        let workflow = self.workflow;
        let rule = workflow.rule(candidate.rule);
        let value = |name: &str| candidate.value(rule, name);
        let mut outputs = Vec::with_capacity(rule.output.len());
        for output in &rule.output.items {
            let path = output.pattern.fill(value).map_err(|error| instance::pattern_error(&error, output.span))?;
            outputs.push(self.intern(&path));
        }
        if self.plans[candidate.rule.index()].is_none() {
            self.plans[candidate.rule.index()] = Some(match instance::input_patterns(rule)? {
                None => InputPlan::Functions,
                Some(Named { items, names }) => {
                    let (patterns, flags): (Vec<_>, Vec<_>) = items.into_iter().unzip();
                    InputPlan::Patterns { patterns, shape: Arc::new(shape(names, flags)) }
                }
            });
        }
        let plan = self.plans[candidate.rule.index()].take().expect("just made");
        let files = match &plan {
            InputPlan::Patterns { patterns, shape } => {
                self.static_inputs(rule, patterns, value).map(|files| (files, Arc::clone(shape), Vec::new()))
            }
            InputPlan::Functions => self.computed_inputs(rule, candidate),
        };
        self.plans[candidate.rule.index()] = Some(plan);
        let (inputs, shape, awaits) = files?;
        let job = Job {
            rule: candidate.rule,
            wildcards: candidate.values.clone(),
            inputs: inputs.into(),
            shape,
            outputs: outputs.into(),
        };
        Ok(Building { job, awaits, at: 0, missing: Vec::new() })
    }

    fn static_inputs<'v>(
        &mut self,
        rule: &Rule,
        patterns: &[Pattern],
        value: impl Fn(&str) -> Option<&'v str>,
    ) -> Result<Vec<FileId>, Diagnostic> {
        let mut inputs = Vec::with_capacity(patterns.len());
        for pattern in patterns {
            let path = pattern.fill(&value).map_err(|error| {
                let span = rule.input.first().map_or(rule.span, |argument| argument.span);
                instance::pattern_error(&error, input_span(rule, pattern).unwrap_or(span))
            })?;
            inputs.push(self.intern(&path));
        }
        Ok(inputs)
    }

    fn computed_inputs(
        &mut self,
        rule: &Rule,
        candidate: &Candidate,
    ) -> Result<(Vec<FileId>, Arc<Shape>, Vec<FileId>), Diagnostic> {
        let wildcards = instance::wildcards(rule, &candidate.values);
        let Inputs { files, awaits } = instance::inputs(rule, &wildcards, &*self.workflow.functions)?;
        let Named { items, names } = files;
        let (mut files, mut flags): (Vec<_>, Vec<_>) =
            items.into_iter().map(|InputFile { path, flags }| (self.intern(&path), flags)).unzip();
        let awaits: Vec<FileId> = awaits.iter().map(|awaited| self.intern(&awaited.output)).collect();
        files.extend(&awaits);
        flags.resize(files.len(), Flags::default());
        Ok((files, Arc::new(shape(names, flags)), awaits))
    }
}

fn shape(names: Vec<(String, u32, Option<u32>)>, flags: Vec<Flags>) -> Shape {
    let plain = flags.iter().all(|flags| *flags == Flags::default());
    Shape { names, flags: if plain { Vec::new() } else { flags } }
}

/// The argument that a pattern was written in.
fn input_span(rule: &Rule, pattern: &Pattern) -> Option<Span> {
    let single = rule
        .input
        .iter()
        .find(|argument| matches!(&argument.expr, Expr::Value(Value::Str(text)) if text == pattern.text()));
    single.map(|argument| argument.span)
}
