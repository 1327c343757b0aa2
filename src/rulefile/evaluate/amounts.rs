//! Expressions of the command line: `mem_mb=max(2 * input.size_mb, 1000) * attempt`. Text in, and for a job its value
//! out; knows the Rulefile's language and none of its names.

use std::cell::Cell;

use starlark::collections::SmallMap;
use starlark::environment::{FrozenModule, Module};
use starlark::eval::Evaluator;
use starlark::syntax::AstModule;
use starlark::values::Heap;

use super::dialect;
use super::globals::{BUILTIN_NAMES, GLOBALS};
use crate::diagnostic::Diagnostic;
use crate::dialect::convert::from_starlark;
use crate::dialect::namedlist::Namedlist;
use crate::rulefile::lower::{Lowering, NextIds};
use crate::rulefile::parse;
use crate::rulefile::rule::JobContext;
use crate::value::{Named, Value};

/// What an expression may ask for.
const NAMES: [&str; 7] = ["wildcards", "input", "threads", "attempt", "resources", "rule", "system_tmpdir"];

/// An expression that can be asked for each job.
pub struct Expression {
    text: String,
    module: FrozenModule,
}

impl Expression {
    /// `None` for text that is no expression of a job, and stands for itself: other syntax, or names that are not there.
    pub fn parse(text: &str) -> Option<Expression> {
        let code = format!("def amount({}):\n    return (\n{text}\n)\n", NAMES.join(", "));
        let file = parse::parse(crate::diagnostic::SourceId(0), &code.as_str().into()).ok()?;
        let mut lowering = Lowering::new(&file);
        let is_strange = Cell::new(false);
        let known = |name: &str| {
            is_strange.set(is_strange.get() || !(BUILTIN_NAMES.contains(name) || NAMES.contains(&name)));
            true
        };
        let module = Module::with_temp_heap(|module| {
            while let Some(unit) = lowering.next_unit(NextIds { site: 0, function: 0 }, &known) {
                let ast = AstModule::parse("expression", unit.ok()?.code, &dialect()).ok()?;
                Evaluator::new(&module).eval_module(ast, &GLOBALS).ok()?;
            }
            module.freeze().ok()
        })?;
        if is_strange.get() {
            return None;
        }
        Some(Expression { text: text.to_owned(), module })
    }

    /// The value for a job.
    ///
    /// # Errors
    /// What is wrong with the expression.
    pub fn value(&self, context: &JobContext<'_>) -> Result<Value, Diagnostic> {
        Module::with_temp_heap(|module| {
            let mut eval = Evaluator::new(&module);
            let heap = eval.heap();
            let mut call = || -> starlark::Result<Value> {
                let function = self.module.get("amount").map_err(starlark::Error::new_other)?;
                let function = heap.access_owned_frozen_value(&function);
                let arguments = arguments(context, heap);
                let named: Vec<_> = arguments.iter().map(|(name, value)| (*name, *value)).collect();
                let value = eval.eval_function(function, &[], &named)?;
                from_starlark(value, heap)
                    .map_err(|error| starlark::Error::new_other(anyhow::Error::msg(error.to_string())))
            };
            call().map_err(|error| {
                let why = error.without_diagnostic().to_string();
                let why = why.lines().find(|line| !line.trim().is_empty()).unwrap_or_default().trim().to_owned();
                Diagnostic::error(format!("the expression `{}` fails for rule `{}`: {why}", self.text, context.rule))
                    .note(format!("it may ask for {}", NAMES.join(", ")))
            })
        })
    }
}

fn arguments<'v>(context: &JobContext<'_>, heap: Heap<'v>) -> SmallMap<&'static str, starlark::values::Value<'v>> {
    let named = |pairs: Vec<(String, Value)>| {
        let mut named = Named::default();
        for (at, (name, value)) in pairs.into_iter().enumerate() {
            named.names.push((name, u32::try_from(at).expect("few values"), None));
            named.items.push(value);
        }
        heap.alloc(Namedlist::from(named))
    };
    let wildcards = context.wildcards.iter().map(|(name, value)| (name.clone(), Value::Str(value.clone())));
    let resources = context.resources.into_iter().flatten().map(|(name, value)| (name.clone(), value.clone()));
    let input = context.input.map_or_else(Namedlist::default, |input| Namedlist::from(input).of_files());
    let folder = crate::witness::temporary_folder().to_string_lossy().into_owned();
    SmallMap::from_iter([
        ("wildcards", named(wildcards.collect())),
        ("input", heap.alloc(input)),
        ("threads", heap.alloc(context.threads.unwrap_or(1))),
        ("attempt", heap.alloc(context.attempt)),
        ("resources", named(resources.collect())),
        ("rule", heap.alloc(context.rule)),
        ("system_tmpdir", heap.alloc(folder)),
    ])
}
