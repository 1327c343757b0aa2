//! A candidate as a job: its directives with wildcards filled in, its files interned. Knows rules and paths, and not who
//! makes the files.

use std::sync::Arc;

use super::dag::{Job, JobId, Shape};
use super::index::Candidate;
use super::resolve::{Resolver, too_long};
use crate::diagnostic::{Diagnostic, Span};
use crate::path::{FileId, excess};
use crate::rulefile::instance::{self, InputFile, Inputs};
use crate::rulefile::pattern::Pattern;
use crate::rulefile::rule::{Expr, Flags, Rule, RuleId};
use crate::value::{Named, Value};

/// How inputs of a rule come about. Kept for rules of many jobs; a rule of one job may list a million patterns.
pub(super) enum InputPlan {
    /// The same patterns for every job.
    Patterns {
        patterns: Vec<Pattern>,
        shape: Arc<Shape>,
    },
    Functions,
}

impl InputPlan {
    fn of(rule: &Rule) -> Result<InputPlan, Diagnostic> {
        let Some(Named { items, names }) = instance::input_patterns(rule)? else { return Ok(InputPlan::Functions) };
        let (patterns, flags): (Vec<_>, Vec<_>) = items.into_iter().unzip();
        Ok(InputPlan::Patterns { patterns, shape: Arc::new(shape(names, flags)) })
    }
}

/// A part of the inputs of a rule, in the order of their names: the last part takes what is left over.
#[derive(Debug, Clone, Copy)]
pub struct Batch {
    pub rule: RuleId,
    /// From 1.
    pub index: usize,
    pub count: usize,
}

impl Batch {
    /// The last batch makes the rule itself.
    pub fn is_last(self) -> bool {
        self.index == self.count
    }
}

/// A candidate whose inputs are being looked for.
pub(super) struct Building {
    pub job: Job,
    /// Files of checkpoints that must be made before all inputs are known. They stand among the inputs meanwhile.
    pub awaits: Vec<FileId>,
    /// Inputs that an earlier batch has made: whoever makes them, they are there or are missing.
    pub earlier: Vec<FileId>,
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
            if excess(&path).is_some() {
                return Err(too_long(&path).at(output.span, ""));
            }
            outputs.push(self.intern(&path));
        }
        let plan = match self.plans[candidate.rule.index()].take() {
            Some(plan) => plan,
            None => InputPlan::of(rule)?,
        };
        let files = match &plan {
            InputPlan::Patterns { patterns, shape } => {
                self.static_inputs(rule, patterns, value).map(|files| (files, Arc::clone(shape), Vec::new()))
            }
            InputPlan::Functions => self.computed_inputs(rule, candidate),
        };
        if rule.has_wildcards() {
            self.plans[candidate.rule.index()] = Some(plan);
        }
        let (mut inputs, mut shape, awaits) = files?;
        for (input, _) in inputs.iter_mut().zip(&shape.flags).filter(|(_, flags)| flags.before_update) {
            *input = self.intern_before_change(*input);
        }
        let mut earlier = Vec::new();
        if let Some(batch) = self.batch.filter(|batch| batch.rule == candidate.rule) {
            if inputs.len() < batch.count {
                return Err(Diagnostic::error(format!(
                    "rule `{}` has {} inputs, which are too few for {} batches",
                    rule.name,
                    inputs.len(),
                    batch.count
                ))
                .at(rule.span, "")
                .help("give --batch a smaller number"));
            }
            let mut sorted = inputs.clone();
            sorted.sort_by(|&a, &b| self.paths.name(a).cmp(self.paths.name(b)));
            let part = sorted.len() / batch.count;
            let start = (batch.index - 1) * part;
            if batch.is_last() {
                sorted.truncate(start);
                earlier = sorted;
            } else {
                inputs = sorted[start..start + part].to_vec();
                shape = Arc::default();
            }
        }
        let job = Job {
            rule: candidate.rule,
            wildcards: candidate.values.clone(),
            inputs: inputs.into(),
            shape,
            outputs: outputs.into(),
        };
        Ok(Building { job, awaits, earlier, at: 0, missing: Vec::new() })
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

    fn computed_inputs(&mut self, rule: &Rule, candidate: &Candidate) -> Result<FoundInputs, Diagnostic> {
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

/// A job's inputs, what is said of them, and which of them are files of checkpoints that more inputs wait for.
type FoundInputs = (Vec<FileId>, Arc<Shape>, Vec<FileId>);

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
