//! Evaluation: lowered Starlark → rules. The units of a Rulefile and of what it includes are evaluated one after
//! another in one module; then the module is frozen, and its functions can be called for jobs.

pub mod amounts;
mod checkpoints;
mod data;
mod draft;
mod files;
mod flags;
mod frozen;
mod globals;
mod helpers;
mod loader;
mod modules;
mod namespace;
mod notes;
mod objects;
mod open_text;
mod outputs;
mod programs;
mod scatter;
pub mod settings;
mod shell;
mod single;
mod statements;
mod storage;
mod workflow;

pub use self::files::files as file_functions;
pub use self::globals::prepare;

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, LazyLock};

use starlark::environment::{FrozenModule, Module};
use starlark::eval::Evaluator;
use starlark::syntax::{AstModule, Dialect, DialectTypes};
use starlark::values::{OwnedFrozenValue, Value, ValueLike};

use self::frozen::Frozen;
use self::globals::{BUILTIN_NAMES, GLOBALS};
use self::loader::{Draft, Loader, UnitPlace};
use self::namespace::Namespace;
use self::settings::{ConfigLayers, merge, read_config};
use super::lower::{CallSite, Lowering, NextIds, Unit};
use super::parse;
use super::relocation::Level;
use super::rule::{CallError, Expr, FunctionId, Functions, JobContext, NamespaceId, Rule, Workflow};
use crate::diagnostic::{Diagnostic, SourceId, Sources, Span};
use crate::spelling::nearest;
use crate::value::{Dict, Value as Plain};

/// What to read, and with what settings.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// The Rulefile, relative to the working directory.
    pub path: String,
    pub configfiles: Vec<String>,
    /// From `-C`.
    pub config: Dict,
    /// The Rulefile's own `configfile:` statements do not count.
    pub replace_workflow_config: bool,
    pub cores: u32,
    /// Whether `-d` was given, which `workdir:` does not override.
    pub directory_is_fixed: bool,
    /// Names of built-in actions, which a `run:` body can use.
    pub actions: Vec<&'static str>,
    /// Says what is wrong with a call of one.
    pub misuse: Option<Misuse>,
    /// From `--set-scatter`: how many items a process of `scattergather:` has, whatever the Rulefile says.
    pub scatter: BTreeMap<String, u32>,
}

/// Checks the arguments of a built-in action: what is wrong, if anything is.
pub type Misuse = fn(&CallSite) -> Option<Misused>;

/// What is wrong with a call, and with which of its named arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misused {
    pub named: Option<usize>,
    pub message: String,
    pub help: String,
}

/// A message and the texts that it points into.
pub type LoadError = Box<(Diagnostic, Sources)>;

/// Starlark with what a Rulefile needs on top.
fn dialect() -> Dialect {
    Dialect {
        enable_def: true,
        enable_lambda: true,
        enable_load: false,
        enable_keyword_only_arguments: true,
        enable_positional_only_arguments: true,
        enable_types: DialectTypes::Disable,
        enable_load_reexport: false,
        enable_top_level_stmt: true,
        enable_f_strings: false,
        ..Dialect::Standard
    }
}

/// Names that Snakemake's own imports leave in a Snakefile.
static IMPORTED: LazyLock<FrozenModule> = LazyLock::new(|| crate::witness::unseen(imports));

fn imports() -> FrozenModule {
    Module::with_temp_heap(|module| {
        let code = "os = __import__(\"os\")\nsys = __import__(\"sys\")\nre = __import__(\"re\")\n\
                    json = __import__(\"json\")\nmath = __import__(\"math\")\nPath = __import__(\"pathlib\").Path\n";
        let ast = AstModule::parse("imports", code.to_owned(), &dialect()).expect("it is Starlark");
        Evaluator::new(&module).eval_module(ast, &GLOBALS).map(drop).expect("the modules are there");
        module.freeze().expect("modules can be kept")
    })
}

/// The value of a name that Snakemake has imported.
fn imported_by_snakemake(name: &str) -> Option<OwnedFrozenValue> {
    let value = IMPORTED.get(name).ok()?;
    if name == "os" {
        crate::witness::environment_is_open();
    }
    Some(value)
}

/// Reads a Rulefile and all that it includes.
///
/// # Errors
/// The first thing that is wrong, with the texts to show it in.
pub fn load(request: &Request) -> Result<Workflow, LoadError> {
    let mut loader = Loader::default();
    loader.actions.clone_from(&request.actions);
    loader.scatter_set.clone_from(&request.scatter);
    (loader.misuse, loader.cores) = (request.misuse, request.cores);
    loader.directory_is_fixed.set(request.directory_is_fixed);
    match load_into(&loader, request).and_then(|()| settle(&loader)) {
        Ok(rules) => finish(loader, rules, request),
        Err(diagnostic) => Err(Box::new((diagnostic, loader.sources.take()))),
    }
}

fn load_into(loader: &Loader, request: &Request) -> Result<(), Diagnostic> {
    let (config, layers) = initial_config(loader, request)?;
    loader.begin(Namespace { config: layers, ..Namespace::default() });
    modules::take_pathvars(&config, Level::Config, loader).map_err(|error| loader.diagnostic(error))?;
    evaluate_namespace(loader, &Plain::Dict(config), &request.path, None)
}

/// Evaluates a file as the whole of the current namespace.
fn evaluate_namespace(loader: &Loader, config: &Plain, path: &str, asked: Option<Span>) -> Result<(), Diagnostic> {
    Module::with_temp_heap(|module| {
        let heap = module.heap();
        module.set("config", crate::dialect::convert::to_starlark(config, heap));
        let known = loader.here_in(|space| space.known.clone());
        module.set("checkpoints", heap.alloc(checkpoints::Checkpoints { known: known.clone() }));
        module.set("rules", heap.alloc(objects::Rules { known }));
        module.set("scatter", heap.alloc(scatter::Scatter));
        module.set("gather", heap.alloc(scatter::Scatter));
        include(loader, &module, path, asked)?;
        programs::compose(loader, &module)?;
        let frozen = module
            .freeze()
            .map_err(|error| Diagnostic::error(format!("the Rulefile's values cannot be kept: {error:?}")))?;
        loader.frozen.borrow_mut()[loader.current().index()] = Some(frozen);
        Ok(())
    })
}

/// What the command line says of the configuration.
fn initial_config(loader: &Loader, request: &Request) -> Result<(Dict, ConfigLayers), Diagnostic> {
    let mut overrides = Dict::default();
    for path in &request.configfiles {
        let from_file = read_config(path).map_err(|error| data::data_error(error, loader))?;
        loader.read.borrow_mut().push(path.clone());
        merge(&mut overrides, &from_file);
    }
    merge(&mut overrides, &request.config);
    let layers = ConfigLayers {
        files_given: !request.configfiles.is_empty(),
        // There is nothing to replace it with where no file was given.
        replaced: request.replace_workflow_config && !request.configfiles.is_empty(),
        overrides: overrides.clone(),
    };
    Ok((overrides, layers))
}

/// Evaluates a file, and after each of its units what that unit includes.
fn include(loader: &Loader, module: &Module<'_>, path: &str, asked: Option<Span>) -> Result<(), Diagnostic> {
    if loader.files_open.borrow().iter().any(|open| open == path) {
        let mut diagnostic = Diagnostic::error(format!("{path} includes itself"));
        if let Some(span) = asked {
            diagnostic = diagnostic.at(span, "");
        }
        return Err(diagnostic);
    }
    if path.contains("://") {
        let diagnostic = Diagnostic::error(format!("{path} is not on this machine"));
        let diagnostic = asked.map_or(diagnostic.clone(), |span| diagnostic.at(span, ""));
        return Err(diagnostic.help("fetch it, and name the file"));
    }
    let text = crate::witness::read(path).map_err(|error| {
        let mut diagnostic = Diagnostic::error(format!("cannot read {path}: {error}"));
        if let Some(span) = asked {
            diagnostic = diagnostic.at(span, "").help("the path is relative to the file that includes it");
        }
        diagnostic
    })?;
    let text = String::from_utf8(text).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let line = error.as_bytes()[..at].iter().filter(|&&b| b == b'\n').count() + 1;
        Diagnostic::error(format!("{path} is not UTF-8 text: line {line} holds other bytes"))
            .help("save the file in UTF-8")
    })?;
    let source = loader.add_source(path, &text);
    loader.read.borrow_mut().push(path.to_owned());
    loader.files_open.borrow_mut().push(path.to_owned());
    // What a file includes does not decide what is made when nothing is asked for.
    let enter =
        |space: &mut Namespace| (std::mem::replace(&mut space.basedir, folder_of(path)), space.default_target.clone());
    let (basedir, default_target) = loader.here_in(enter);
    let outer = module.get("workflow");
    module.set("workflow", module.heap().alloc(workflow::WorkflowObject::new(loader, path)));
    let result = evaluate_file(loader, module, source, &Arc::from(text));
    loader.here_in(|space| {
        space.basedir = basedir;
        if outer.is_some() {
            space.default_target = default_target;
        }
    });
    if let Some(outer) = outer {
        module.set("workflow", outer);
    }
    loader.files_open.borrow_mut().pop();
    result
}

fn evaluate_file(loader: &Loader, module: &Module<'_>, source: SourceId, text: &Arc<str>) -> Result<(), Diagnostic> {
    let file = parse::parse(source, text)?;
    let mut lowering = Lowering::new(&file);
    loop {
        let defined: HashSet<String> =
            module.names_and_visibilities().map(|(name, _)| name.as_str().to_owned()).collect();
        let known = |name: &str| defined.contains(name) || BUILTIN_NAMES.contains(name);
        let ids = NextIds {
            site: u32::try_from(loader.sites.borrow().len()).expect("fewer than 2^32 rules"),
            function: u32::try_from(loader.functions.borrow().len()).expect("fewer than 2^32 functions"),
        };
        let Some(unit) = lowering.next_unit(ids, &known) else { return Ok(()) };
        evaluate_unit(loader, module, unit?)?;
        for wanted in loader.here_in(|space| std::mem::take(&mut space.includes)) {
            let path = relative_to(&wanted.path, &wanted.basedir);
            include(loader, module, &path, wanted.span)?;
        }
    }
}

fn evaluate_unit(loader: &Loader, module: &Module<'_>, unit: Unit) -> Result<(), Diagnostic> {
    let Unit { code, map, sites, functions } = unit;
    let name = format!("unit {}", loader.units.borrow().len());
    loader.units.borrow_mut().push(UnitPlace { name: name.clone(), map });
    loader.sites.borrow_mut().extend(sites);
    loader.functions.borrow_mut().extend(functions);
    let evaluated = AstModule::parse(&name, code, &dialect()).and_then(|ast| {
        let mut eval = Evaluator::new(module);
        eval.extra = Some(loader);
        eval.eval_module(ast, &GLOBALS).map(drop)
    });
    evaluated.map_err(|error| loader.diagnostic(error))
}

/// The workflow, when everything has been evaluated.
fn finish(loader: Loader, rules: Vec<Rule>, request: &Request) -> Result<Workflow, LoadError> {
    let (order, default_target, handlers) = loader.namespace(NamespaceId::MAIN, |space| {
        let order = std::mem::take(&mut space.order);
        (order, space.default_target.clone(), space.composed.clone())
    });
    for name in order.clauses.iter().flatten() {
        if !rules.iter().any(|rule| rule.name == *name) {
            let mut diagnostic = Diagnostic::error(format!("ruleorder: there is no rule called `{name}`"));
            if let Some(near) = nearest(name, rules.iter().map(|rule| rule.name.as_str())) {
                diagnostic = diagnostic.help(format!("did you mean `{near}`?"));
            }
            return Err(Box::new((diagnostic, loader.sources.take())));
        }
    }
    let configs = loader.frozen.borrow().iter().map(|module| Arc::new(config_of(module.as_ref()))).collect();
    let (sources, read) = (loader.sources.borrow().clone(), loader.read.borrow().clone());
    Ok(Workflow {
        default_target: default_target.or_else(|| rules.first().map(|rule| rule.name.clone())),
        rules,
        configs,
        order,
        handlers,
        resource_scopes: loader.resource_scopes.take(),
        workdir: loader.workdir.take(),
        basedir: folder_of(&request.path),
        sources,
        read,
        functions: Arc::new(Frozen::new(loader)),
    })
}

/// The configuration of a namespace as it was in the end.
fn config_of(module: Option<&FrozenModule>) -> Plain {
    let config = module.and_then(|module| {
        Module::with_temp_heap(|temp| {
            let heap = temp.heap();
            let config = module.get("config").ok()?;
            crate::dialect::convert::from_starlark(heap.access_owned_frozen_value(&config), heap).ok()
        })
    });
    config.unwrap_or(Plain::Dict(Dict::default()))
}

/// Puts constraints and `localrules:` into the rules, each those of its own namespace.
fn settle(loader: &Loader) -> Result<Vec<Rule>, Diagnostic> {
    let (drafts, local_rules, known) = loader.namespace(NamespaceId::MAIN, |space| {
        (std::mem::take(&mut space.drafts), std::mem::take(&mut space.local_rules), space.known.clone())
    });
    let mut rules = Vec::with_capacity(drafts.len());
    for Draft { mut rule, constraints, .. } in drafts {
        let constraint = |name: &str| {
            let find = |all: &[(String, String)]| all.iter().rev().find(|(n, _)| n == name).map(|(_, r)| r.clone());
            find(&constraints).or_else(|| loader.namespace(rule.namespace, |space| find(&space.constraints)))
        };
        let bad = |error, span| super::instance::pattern_error(&error, span);
        for output in &mut rule.output.items {
            let text = output.pattern.text();
            if text.rfind('{').is_some_and(|open| !text[open..].contains('}')) {
                let unclosed = Diagnostic::error("`{` is never closed").at(output.span, "");
                return Err(unclosed.help("a wildcard is a name in braces, as in `{name}`"));
            }
            output.pattern.compile(constraint).map_err(|error| bad(error, output.span))?;
        }
        for log in &mut rule.log.items {
            log.pattern.compile(constraint).map_err(|error| bad(error, log.span))?;
        }
        if let Some((pattern, span)) = &mut rule.benchmark {
            pattern.compile(constraint).map_err(|error| bad(error, *span))?;
        }
        rules.push(rule);
    }
    for (name, span) in &local_rules {
        match known.position(name) {
            Some(at) => rules[at].local = true,
            None => {
                let mut diagnostic = Diagnostic::error(format!("localrules: there is no rule called `{name}`"));
                if let Some(span) = span {
                    diagnostic = diagnostic.at(*span, "");
                }
                return Err(diagnostic);
            }
        }
    }
    Ok(rules)
}

/// The value of an expression in which names have these values: no file's, and no job's.
///
/// # Errors
/// What is wrong with the expression.
fn expression(text: &str, names: &[(String, Plain)]) -> Result<Plain, Diagnostic> {
    let wrong = |message: &str| Diagnostic::error(format!("{message}, in the expression {text:?}"));
    let source: Arc<str> = format!("value_of_the_expression = ({text})\n").into();
    let file = parse::parse(SourceId(0), &source).map_err(|error| wrong(&error.message))?;
    let known = |name: &str| names.iter().any(|(known, _)| known == name) || BUILTIN_NAMES.contains(name);
    let unit = Lowering::new(&file).next_unit(NextIds::default(), &known).expect("there is one statement");
    let code = unit.map_err(|error| wrong(&error.message))?.code;
    Module::with_temp_heap(|module| {
        let heap = module.heap();
        for (name, value) in names {
            module.set(name, crate::dialect::convert::to_starlark(value, heap));
        }
        let loader = Loader::default();
        loader.begin(Namespace::default());
        let ast = AstModule::parse("expression", code, &dialect()).map_err(|error| wrong(&error.to_string()))?;
        let mut eval = Evaluator::new(&module);
        eval.extra = Some(&loader);
        eval.eval_module(ast, &GLOBALS).map_err(|error| wrong(&loader.diagnostic(error).message))?;
        let value = module.get("value_of_the_expression").expect("it was just assigned");
        crate::dialect::convert::from_starlark(value, heap).map_err(|error| wrong(&error.to_string()))
    })
}

/// What there is of a job at file level.
const NO_JOB: JobContext<'static> = JobContext {
    rule: "",
    wildcards: &[],
    input: None,
    output: None,
    params: None,
    resources: None,
    threads: None,
    attempt: 1,
};

/// The functions that a value without functions calls: none; expressions have their values.
struct NoFunctions;

impl Functions for NoFunctions {
    fn call(&self, _: FunctionId, _: &JobContext<'_>) -> Result<Expr, CallError> {
        unreachable!("there is no function in the value")
    }

    fn checkpoint_done(&self, _: &str) {}

    fn asks_for(&self, _: FunctionId, _: &str) -> bool {
        false
    }

    fn global(&self, _: NamespaceId, _: &str) -> Option<Plain> {
        None
    }

    fn expression(&self, text: &str, names: &[(String, Plain)]) -> Result<Plain, Diagnostic> {
        expression(text, names)
    }

    fn parse(&self, _: FunctionId, _: &str, _: &[(String, Plain)]) -> Result<Plain, Diagnostic> {
        unreachable!("there is no function in the value")
    }
}

fn is_builtin(name: &str) -> bool {
    BUILTIN_NAMES.contains(name)
}

/// All built-in names of a Rulefile, for "did you mean".
fn builtin_names() -> impl Iterator<Item = &'static str> {
    BUILTIN_NAMES.iter().map(String::as_str).filter(|name| !name.starts_with("__"))
}

/// An imported module, or a function of one, as text that imports it again.
fn import_text(value: Value<'_>) -> Option<String> {
    Module::with_temp_heap(|module| {
        super::lower::refused::MODULES.iter().find_map(|name| {
            let code = format!("__import__({name:?})");
            let ast = AstModule::parse("import", code.clone(), &dialect()).ok()?;
            let found = crate::witness::unseen(|| Evaluator::new(&module).eval_module(ast, &GLOBALS)).ok()?;
            if found.to_value().ptr_eq(value) {
                return Some(code);
            }
            found.dir_attr().into_iter().find_map(|member| {
                let inner = found.get_attr(&member, module.heap()).ok()??;
                inner.ptr_eq(value).then(|| format!("{code}.{member}"))
            })
        })
    })
}

/// The folder of a path, empty for the working directory.
fn folder_of(path: &str) -> String {
    path.rfind('/').map_or_else(String::new, |at| path[..at.max(1)].to_owned())
}

fn relative_to(path: &str, folder: &str) -> String {
    if path.starts_with('/') || folder.is_empty() { path.to_owned() } else { format!("{folder}/{path}") }
}

fn absolute(path: &str) -> String {
    let path = if path.is_empty() { "." } else { path };
    std::path::absolute(path).map_or_else(|_| path.to_owned(), |path| path.to_string_lossy().into_owned())
}
