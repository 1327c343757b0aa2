//! Evaluation: lowered Starlark → rules. The units of a Rulefile and of what it includes are evaluated one after
//! another in one module; then the module is frozen, and its functions can be called for jobs.

mod data;
mod draft;
mod files;
mod flags;
mod frozen;
mod loader;
mod objects;
mod programs;
pub mod settings;
mod shell;
mod statements;

pub use self::files::files as file_functions;

use std::collections::{BTreeSet, HashSet};
use std::sync::{Arc, LazyLock};

use starlark::environment::{FrozenModule, Globals, GlobalsBuilder, LibraryExtension, Module};
use starlark::eval::Evaluator;
use starlark::syntax::{AstModule, Dialect, DialectTypes};
use starlark::values::structs::AllocStruct;
use starlark::values::{Value, ValueLike};

use self::frozen::Frozen;
use self::loader::{Draft, Loader, UnitPlace};
use self::settings::{ConfigLayers, merge, read_config};
use super::lower::{CallSite, Lowering, NextIds, Unit};
use super::parse;
use super::rule::{Rule, Workflow};
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

static GLOBALS: LazyLock<Globals> = LazyLock::new(|| {
    let mut builder = GlobalsBuilder::extended_by(&[LibraryExtension::StructType, LibraryExtension::SetType]);
    crate::dialect::globals(&mut builder, files::files);
    files::files(&mut builder);
    flags::flags(&mut builder);
    data::data(&mut builder);
    statements::statements(&mut builder);
    builder.set("shell", shell::Shell);
    builder.build()
});

static BUILTIN_NAMES: LazyLock<BTreeSet<String>> =
    LazyLock::new(|| GLOBALS.names().map(|name| name.as_str().to_owned()).collect());

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

/// Functions that are easier said in Starlark.
const PRELUDE: &str = r#"
def __expand_later__(args, named):
    def later(wildcards):
        def call(value):
            return value(wildcards) if type(value) == "function" else value
        return expand(call(args[0]), *args[1:], **{name: call(value) for name, value in named.items()})
    return later
__expand_later__
"#;

/// Reads a Rulefile and all that it includes.
///
/// # Errors
/// The first thing that is wrong, with the texts to show it in.
pub fn load(request: &Request) -> Result<Workflow, LoadError> {
    let loader = Loader::default();
    loader.directory_is_fixed.set(request.directory_is_fixed);
    match load_into(&loader, request) {
        Ok(module) => finish(loader, &module, request),
        Err(diagnostic) => Err(Box::new((diagnostic, loader.sources.take()))),
    }
}

fn load_into(loader: &Loader, request: &Request) -> Result<FrozenModule, Diagnostic> {
    let config = initial_config(loader, request)?;
    Module::with_temp_heap(|module| {
        let heap = module.heap();
        module.set("config", frozen::alloc_config(&config, heap));
        module.set("rules", heap.alloc(objects::Rules { facts: Arc::clone(&loader.facts) }));
        let basedir = folder_of(&request.path);
        let workflow = AllocStruct([
            ("basedir", heap.alloc(absolute(&basedir))),
            ("snakefile", heap.alloc(absolute(&request.path))),
            ("cores", heap.alloc(request.cores)),
        ]);
        module.set("workflow", heap.alloc(workflow));
        let prelude = AstModule::parse("prelude", PRELUDE.to_owned(), &dialect()).expect("the prelude is Starlark");
        let later = Evaluator::new(&module).eval_module(prelude, &GLOBALS).expect("the prelude evaluates");
        module.set("expand later", later);

        include(loader, &module, &request.path, None)?;
        programs::compose(loader, &module, request)?;
        module.freeze().map_err(|error| Diagnostic::error(format!("the Rulefile's values cannot be kept: {error:?}")))
    })
}

/// What the command line says of the configuration.
fn initial_config(loader: &Loader, request: &Request) -> Result<Dict, Diagnostic> {
    let mut overrides = Dict::default();
    for path in &request.configfiles {
        let from_file = read_config(path).map_err(|error| data::data_error(error, loader))?;
        loader.read.borrow_mut().push(path.clone());
        merge(&mut overrides, &from_file);
    }
    merge(&mut overrides, &request.config);
    *loader.config.borrow_mut() = ConfigLayers {
        files_given: !request.configfiles.is_empty(),
        // There is nothing to replace it with where no file was given.
        replaced: request.replace_workflow_config && !request.configfiles.is_empty(),
        overrides: overrides.clone(),
    };
    Ok(overrides)
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
    let text = std::fs::read(path).map_err(|error| {
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
    let outer = loader.basedir.replace(folder_of(path));
    let result = evaluate_file(loader, module, source, &Arc::from(text));
    loader.basedir.replace(outer);
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
        for wanted in loader.includes.take() {
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
fn finish(loader: Loader, module: &FrozenModule, request: &Request) -> Result<Workflow, LoadError> {
    let drafts = loader.drafts.take();
    let rules = match settle(&loader, drafts) {
        Ok(rules) => rules,
        Err(diagnostic) => return Err(Box::new((*diagnostic, loader.sources.take()))),
    };
    let config = Module::with_temp_heap(|temp| {
        let heap = temp.heap();
        let config = module.get("config").ok()?;
        crate::dialect::convert::from_starlark(heap.access_owned_frozen_value(&config), heap).ok()
    });
    let order = loader.order.take();
    for clause in &order.clauses {
        for name in clause {
            if !rules.iter().any(|rule| rule.name == *name) {
                let mut diagnostic = Diagnostic::error(format!("ruleorder: there is no rule called `{name}`"));
                if let Some(near) = nearest(name, rules.iter().map(|rule| rule.name.as_str())) {
                    diagnostic = diagnostic.help(format!("did you mean `{near}`?"));
                }
                return Err(Box::new((diagnostic, loader.sources.take())));
            }
        }
    }
    let (sources, read) = (loader.sources.borrow().clone(), loader.read.borrow().clone());
    Ok(Workflow {
        rules,
        config: Arc::new(config.unwrap_or(Plain::Dict(Dict::default()))),
        order,
        workdir: loader.workdir.take(),
        basedir: folder_of(&request.path),
        sources,
        read,
        functions: Arc::new(Frozen::new(module.clone(), loader)),
    })
}

/// Puts constraints and `localrules:` into the rules.
fn settle(loader: &Loader, drafts: Vec<Draft>) -> Result<Vec<Rule>, Box<Diagnostic>> {
    let global = loader.constraints.borrow();
    let mut rules = Vec::with_capacity(drafts.len());
    for Draft { mut rule, constraints, .. } in drafts {
        let constraint = |name: &str| {
            let own = constraints.iter().rev().find(|(known, _)| known == name);
            own.or_else(|| global.iter().rev().find(|(known, _)| known == name)).map(|(_, regex)| regex.clone())
        };
        let bad = |error, span| Box::new(super::instance::pattern_error(&error, span));
        for output in &mut rule.output.items {
            let text = output.pattern.text();
            if text.rfind('{').is_some_and(|open| !text[open..].contains('}')) {
                let unclosed = Diagnostic::error("`{` is never closed").at(output.span, "");
                return Err(Box::new(unclosed.help("a wildcard is a name in braces, as in `{name}`")));
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
    for (name, span) in loader.local_rules.borrow().iter() {
        match rules.iter_mut().find(|rule| rule.name == *name) {
            Some(rule) => rule.local = true,
            None => {
                let mut diagnostic = Diagnostic::error(format!("localrules: there is no rule called `{name}`"));
                if let Some(span) = span {
                    diagnostic = diagnostic.at(*span, "");
                }
                return Err(Box::new(diagnostic));
            }
        }
    }
    Ok(rules)
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
    const MODULES: [&str; 11] = [
        "os",
        "os.path",
        "sys",
        "math",
        "re",
        "json",
        "glob",
        "itertools",
        "collections",
        "pathlib",
        "snakemake.utils",
    ];
    Module::with_temp_heap(|module| {
        MODULES.iter().find_map(|name| {
            let code = format!("__import__({name:?})");
            let ast = AstModule::parse("import", code.clone(), &dialect()).ok()?;
            let found = Evaluator::new(&module).eval_module(ast, &GLOBALS).ok()?;
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
