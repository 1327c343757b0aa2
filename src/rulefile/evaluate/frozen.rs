//! The functions of an evaluated workflow, callable for jobs: its frozen namespaces behind the [`Functions`] seam.

use std::sync::{Mutex, OnceLock, PoisonError};

use rustc_hash::FxHashMap;
use starlark::environment::{FrozenModule, Module};
use starlark::eval::Evaluator;
use starlark::values::{Heap, OwnedFrozenValue, Value};

use super::checkpoints;
use super::flags::expr;
use super::loader::{FunctionParameters, Loader, function_name};
use super::open_text::OpenText;
use crate::diagnostic::Diagnostic;
use crate::dialect::convert::{from_starlark, to_starlark};
use crate::dialect::namedlist::Namedlist;
use crate::rulefile::rule::{CallError, Expr, FunctionId, Functions, JobContext, NamespaceId};
use crate::value::{Named, Value as Plain};

pub struct Frozen {
    /// By [`NamespaceId`].
    modules: Vec<FrozenModule>,
    /// By [`FunctionId`].
    functions: Vec<Kept>,
    /// Calls go one at a time: they are short, and come from the threads that plan and direct.
    loader: Mutex<Loader>,
    globals: Mutex<FxHashMap<(NamespaceId, String), Option<Plain>>>,
}

/// A function, and what it asks for.
struct Kept {
    parameters: FunctionParameters,
    /// Looked up when it is first called.
    value: OnceLock<OwnedFrozenValue>,
}

impl Frozen {
    pub fn new(loader: Loader) -> Self {
        loader.is_loaded.set(true);
        let modules = loader.frozen.borrow().iter().map(|module| module.clone().expect("all are evaluated")).collect();
        let kept = |parameters| Kept { parameters, value: OnceLock::new() };
        let functions = loader.parameters.take().into_iter().map(kept).collect();
        Frozen { modules, functions, loader: Mutex::new(loader), globals: Mutex::default() }
    }
}

/// A name of the frozen module, on the heap of a call.
pub fn module_value<'v>(eval: &Evaluator<'v, '_, '_>, name: &str) -> Option<Value<'v>> {
    let loader = Loader::of(eval);
    let frozen = loader.frozen.borrow();
    let (value, _) = frozen.get(loader.current().index())?.as_ref()?.get_any_visibility(name).ok()?;
    Some(eval.heap().access_owned_frozen_value(&value))
}

impl Functions for Frozen {
    fn call(&self, function: FunctionId, context: &JobContext<'_>) -> Result<Expr, CallError> {
        let loader = self.loader.lock().unwrap_or_else(PoisonError::into_inner);
        let parameters = self.parameters(function);
        loader.resume(parameters.namespace);
        let called = Module::with_temp_heap(|module| {
            let mut eval = Evaluator::new(&module);
            eval.extra = Some(&*loader);
            let heap = eval.heap();
            let kept = heap.access_owned_frozen_value(self.kept(function).map_err(starlark::Error::new_other)?);
            let wildcards = wildcards(context, heap);
            eval.module().set(JOB_WILDCARDS, wildcards);
            let takes_them = parameters.takes_all || !parameters.names.is_empty();
            let positional = if takes_them { &[wildcards][..] } else { &[] };
            let mut named = Vec::new();
            for name in parameters.names.iter().skip(1) {
                if let Some(value) = parameter(name, context, heap) {
                    named.push((name.as_str(), value));
                }
            }
            let result = eval.eval_function(kept, positional, &named)?;
            let mut result = expr(result, &eval)?;
            loader.rename_producers(&mut result, parameters.namespace, NamespaceId::MAIN);
            Ok(result)
        });
        loader.notes.forget_call();
        called.map_err(|error: starlark::Error| {
            if let Some(awaited) = checkpoints::awaited(&error) {
                return CallError::Awaits(awaited.clone());
            }
            let mut diagnostic = loader.diagnostic(error);
            let values: Vec<String> = context.wildcards.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let missing = crate::dialect::missing_item(&diagnostic.message);
            if let Some(name) = missing.map(str::to_owned) {
                let known = names(context);
                diagnostic.message = format!("there is no `{name}` here");
                diagnostic.notes.push(format!("the job has {}", known.join(", ")));
                let near = crate::spelling::nearest(&name, known.iter().filter_map(|known| known.rsplit('.').next()));
                if let Some(near) = near {
                    diagnostic = diagnostic.help(format!("did you mean `{near}`?"));
                }
            }
            let of = if values.is_empty() { String::new() } else { format!(" with {}", values.join(", ")) };
            diagnostic.notes.push(format!("in a function of rule `{}`{of}", context.rule));
            diagnostic.into()
        })
    }

    fn checkpoint_done(&self, output: &str) {
        let loader = self.loader.lock().unwrap_or_else(PoisonError::into_inner);
        loader.checkpoints_done.borrow_mut().insert(output.to_owned());
    }

    fn asks_for(&self, function: FunctionId, name: &str) -> bool {
        self.parameters(function).names.iter().skip(1).any(|known| known == name)
    }

    fn expression(&self, text: &str, names: &[(String, Plain)]) -> Result<Plain, Diagnostic> {
        super::expression(text, names)
    }

    fn parse(&self, function: FunctionId, content: &str, named: &[(String, Plain)]) -> Result<Plain, Diagnostic> {
        let loader = self.loader.lock().unwrap_or_else(PoisonError::into_inner);
        loader.resume(self.parameters(function).namespace);
        let called = Module::with_temp_heap(|module| {
            let mut eval = Evaluator::new(&module);
            eval.extra = Some(&*loader);
            let heap = eval.heap();
            let kept = heap.access_owned_frozen_value(self.kept(function).map_err(starlark::Error::new_other)?);
            let file = heap.alloc(OpenText::new(content));
            let named: Vec<(&str, Value<'_>)> =
                named.iter().map(|(name, value)| (name.as_str(), to_starlark(value, heap))).collect();
            let result = eval.eval_function(kept, &[file], &named)?;
            from_starlark(result, heap)
                .map_err(|error| starlark::Error::new_other(anyhow::Error::msg(error.to_string())))
        });
        loader.notes.forget_call();
        called.map_err(|error: starlark::Error| loader.diagnostic(error))
    }

    fn global(&self, namespace: NamespaceId, name: &str) -> Option<Plain> {
        let mut known = self.globals.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (namespace, name.to_owned());
        if let Some(value) = known.get(&key) {
            return value.clone();
        }
        if name == "rules" {
            let loader = self.loader.lock().unwrap_or_else(PoisonError::into_inner);
            let defined = loader.namespace(namespace, |space| space.known.clone());
            let rules = Plain::Dict(defined.all().values().map(|facts| (facts.name.clone(), facts.plain())).collect());
            known.insert(key, Some(rules.clone()));
            return Some(rules);
        }
        let value = self.modules[namespace.index()].get_any_visibility(name).ok().and_then(|(value, _)| {
            Module::with_temp_heap(|module| {
                let heap = module.heap();
                let value = heap.access_owned_frozen_value(&value);
                if !matches!(value.get_type(), "struct" | "workflow") {
                    return from_starlark(value, heap).ok();
                }
                // `workflow.basedir`: an attribute is an entry.
                let entry = |name: String| {
                    let value = value.get_attr(&name, heap).ok()??;
                    Some((name, from_starlark(value, heap).ok()?))
                };
                Some(Plain::Dict(value.dir_attr().into_iter().filter_map(entry).collect()))
            })
        });
        known.insert(key, value.clone());
        value
    }
}

impl Frozen {
    fn parameters(&self, function: FunctionId) -> &FunctionParameters {
        &self.functions[function.0 as usize].parameters
    }

    fn kept(&self, function: FunctionId) -> anyhow::Result<&OwnedFrozenValue> {
        let kept = &self.functions[function.0 as usize];
        if let Some(known) = kept.value.get() {
            return Ok(known);
        }
        let module = &self.modules[kept.parameters.namespace.index()];
        let (value, _) = module.get_any_visibility(&function_name(function))?;
        Ok(kept.value.get_or_init(|| value))
    }
}

/// The name under which a call's module has the wildcards of its job; no Rulefile can write it.
pub const JOB_WILDCARDS: &str = "job wildcards";

/// The names of a job's parts, as a function would write them.
fn names(context: &JobContext<'_>) -> Vec<String> {
    let files = |part: &'static str, list: Option<&Named<String>>| -> Vec<String> {
        list.map_or(Vec::new(), |list| list.names.iter().map(|(name, _, _)| format!("{part}.{name}")).collect())
    };
    let mut out: Vec<String> = context.wildcards.iter().map(|(name, _)| format!("wildcards.{name}")).collect();
    out.extend(files("input", context.input));
    out.extend(files("output", context.output));
    out.extend(context.params.iter().flat_map(|params| &params.names).map(|(name, _, _)| format!("params.{name}")));
    out.extend(context.resources.iter().flat_map(|resources| resources.keys()).map(|name| format!("resources.{name}")));
    if out.is_empty() {
        out.push("no names".to_owned());
    }
    out
}

fn wildcards<'v>(context: &JobContext<'_>, heap: Heap<'v>) -> Value<'v> {
    let names = context
        .wildcards
        .iter()
        .enumerate()
        .map(|(at, (name, _))| (name.clone(), u32::try_from(at).expect("few wildcards"), None));
    let items = context.wildcards.iter().map(|(_, value)| Plain::Str(value.clone()));
    heap.alloc(Namedlist::from(Named { items: items.collect(), names: names.collect() }))
}

/// What a function asks for by the name of a parameter.
fn parameter<'v>(name: &str, context: &JobContext<'_>, heap: Heap<'v>) -> Option<Value<'v>> {
    Some(match name {
        "wildcards" => wildcards(context, heap),
        "input" => heap.alloc(Namedlist::from(context.input?).of_files()),
        "output" => heap.alloc(Namedlist::from(context.output?)),
        "params" => heap.alloc(Namedlist::from(context.params?.clone())),
        "threads" => heap.alloc(context.threads?),
        "attempt" => heap.alloc(context.attempt),
        "rule" | "rulename" => heap.alloc(context.rule),
        // As Snakemake calls it where jobs are not sent elsewhere.
        "groupid" => heap.alloc("local"),
        "resources" => {
            let resources = context.resources?;
            let mut named = Named::default();
            for (at, (name, value)) in resources.iter().enumerate() {
                named.names.push((name.clone(), u32::try_from(at).expect("few resources"), None));
                named.items.push(value.clone());
            }
            heap.alloc(Namedlist::from(named))
        }
        _ => return None,
    })
}
