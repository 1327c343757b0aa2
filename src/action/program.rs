//! `run:` bodies: a [`Program`]'s text is evaluated and frozen once, shared by all workers, and called for each job in a
//! heap of its own, which goes away with the job. Takes jobs, gives how they ended. Knows no actions but through
//! `native`.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use rustc_hash::FxHashMap;
use starlark::environment::{FrozenModule, Globals, GlobalsBuilder, LibraryExtension, Module};
use starlark::eval::Evaluator;
use starlark::syntax::{AstModule, Dialect, DialectTypes};
use starlark::values::structs::AllocStruct;
use starlark::values::{FrozenValue, Heap, OwnedFrozenValue, Value};

use super::failure::{Carried, Failure};
use super::job::{Formatter, Job};
use super::native;
use super::registry;
use crate::dialect;
use crate::dialect::convert::to_starlark;
use crate::dialect::listing;
use crate::dialect::namedlist::Namedlist;
use crate::run::executor::{InProcess, Workspace};
use crate::run::spec::{JobError, JobSpec, Program, Work};
use crate::value::{Named, Value as Plain};

/// The function that a program defines, and its parameters in their order.
const ENTRY: &str = "__run__";

/// The name under which a program's text stands in messages.
const FILE: &str = "run";

/// All programs of a run.
pub struct Programs {
    /// Made for the first program: a task on a node that has none would spend most of its time on it.
    scope: OnceLock<Scope>,
    file_functions: fn(&mut GlobalsBuilder),
    formatter: Formatter,
    /// Evaluated programs, by their text.
    programs: Mutex<FxHashMap<String, Compiled>>,
    /// The last configuration that a job had, as a value.
    config: Mutex<Option<(Arc<Plain>, OwnedFrozenValue)>>,
}

/// What programs see.
struct Scope {
    globals: Globals,
    /// The logarithm, whose name the job's log files have too.
    log: Option<FrozenValue>,
}

/// A program's function, or why there is none. Whoever comes first evaluates it, and the others wait for that.
type Compiled = Arc<OnceLock<Result<OwnedFrozenValue, JobError>>>;

impl Programs {
    /// `formatter` fills the placeholders of `shell("…")`; `file_functions` adds the functions of file level that know
    /// wildcards (`expand` and its like).
    pub fn new(formatter: Formatter, file_functions: fn(&mut GlobalsBuilder)) -> Programs {
        let (scope, programs, config) = (OnceLock::new(), Mutex::default(), Mutex::default());
        Programs { scope, file_functions, formatter, programs, config }
    }

    fn scope(&self) -> &Scope {
        self.scope.get_or_init(|| {
            let globals = globals(self.file_functions);
            let log = globals.iter().find(|(name, _)| *name == "log").map(|(_, action)| action);
            Scope { globals, log }
        })
    }

    fn compiled(&self, program: &Program) -> Result<OwnedFrozenValue, JobError> {
        let slot = {
            let mut programs = self.programs.lock().unwrap_or_else(PoisonError::into_inner);
            match programs.get(&program.code) {
                Some(slot) => Arc::clone(slot),
                None => Arc::clone(programs.entry(program.code.clone()).or_default()),
            }
        };
        slot.get_or_init(|| self.compile(&program.code)).clone()
    }

    fn compile(&self, code: &str) -> Result<OwnedFrozenValue, JobError> {
        let syntax = Dialect {
            enable_f_strings: false,
            enable_types: DialectTypes::Disable,
            enable_top_level_stmt: true,
            ..Dialect::Extended
        };
        let tree = AstModule::parse(FILE, code.to_owned(), &syntax).map_err(|error| job_error(&error))?;
        let module = Module::with_temp_heap(|module| {
            {
                let mut evaluator = Evaluator::new(&module);
                evaluator.eval_module(tree, &self.scope().globals).map_err(|error| job_error(&error))?;
            }
            module.freeze().map_err(|error| internal(&format!("{error:?}")))
        })?;
        // A name that begins with an underscore is not exported, and still there.
        module.get_any_visibility(ENTRY).map(|(function, _)| function).map_err(|error| internal(&error.to_string()))
    }

    /// The configuration as a value. All jobs of a run share one, so that it is converted once.
    fn config(&self, config: &Arc<Plain>) -> Result<OwnedFrozenValue, JobError> {
        let mut last = self.config.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, value)) = &*last
            && Arc::ptr_eq(of, config)
        {
            return Ok(value.clone());
        }
        let module: FrozenModule = Module::with_temp_heap(|module| {
            module.set("config", to_starlark(config, module.heap()));
            module.freeze().map_err(|error| internal(&format!("{error:?}")))
        })?;
        let value = module.get("config").map_err(|error| internal(&error.to_string()))?;
        *last = Some((Arc::clone(config), value.clone()));
        Ok(value)
    }
}

impl InProcess for Programs {
    fn run(&self, spec: &JobSpec, workspace: &mut dyn Workspace) -> Result<(), JobError> {
        let Work::Run { program } = &spec.work else { return Err(internal("a job without a `run:` body")) };
        let function = self.compiled(program)?;
        let config = self.config(&spec.config)?;
        let is_strict = workspace.is_strict();
        let job = Job::new(spec, workspace, self.formatter);
        Module::with_temp_heap(|module| {
            if is_strict {
                listing::restrict(&module, spec.input.items.iter().chain(&spec.output.items).map(String::as_str));
            }
            let heap = module.heap();
            let function = heap.access_owned_frozen_value(&function);
            let arguments = arguments(spec, heap.access_owned_frozen_value(&config), self.scope().log, heap);
            let mut evaluator = Evaluator::new(&module);
            evaluator.extra = Some(&job);
            evaluator.eval_function(function, &arguments, &[]).map(|_| ()).map_err(|error| job_error(&error))
        })
    }
}

/// The arguments of [`ENTRY`], in the order in which lowering writes its parameters.
fn arguments<'v>(spec: &JobSpec, config: Value<'v>, log: Option<FrozenValue>, heap: Heap<'v>) -> [Value<'v>; 12] {
    let named = |named: Named<Plain>| heap.alloc(Namedlist::from(named));
    let paths = |paths: &Named<String>| heap.alloc(Namedlist::from(paths));
    let wildcards = spec.wildcards.iter().map(|(name, value)| (name.clone(), Plain::Str(value.clone())));
    let threads = ("_threads".to_owned(), Plain::Int(i64::from(spec.threads)));
    let resources = spec.resources.iter().map(|(name, value)| (name.clone(), value.clone()));
    let cores = match spec.resources.get("_cores") {
        Some(Plain::Int(cores)) => *cores,
        _ => i64::from(spec.threads),
    };
    let workflow = [("basedir", heap.alloc(spec.basedir.as_str())), ("cores", heap.alloc(cores))];
    [
        paths(&spec.input),
        paths(&spec.output),
        named(spec.params.clone()),
        named(by_name(wildcards)),
        heap.alloc(spec.threads),
        named(by_name(resources.chain([threads]))),
        heap.alloc(Namedlist::from(&spec.log).hiding(log)),
        config,
        heap.alloc(spec.rule.as_str()),
        heap.alloc(spec.attempt),
        heap.alloc(AllocStruct(workflow)),
        heap.alloc(spec.job),
    ]
}

/// Values that each have a name.
fn by_name(values: impl Iterator<Item = (String, Plain)>) -> Named<Plain> {
    let mut out = Named::default();
    for (at, (name, value)) in (0u32..).zip(values) {
        out.names.push((name, at, None));
        out.items.push(value);
    }
    out
}

/// What a program sees: Starlark's functions, the dialect, the functions of file level, and over them the actions.
fn globals(file_functions: fn(&mut GlobalsBuilder)) -> Globals {
    let mut python = GlobalsBuilder::extended_by(&[LibraryExtension::StructType, LibraryExtension::SetType]);
    dialect::globals(&mut python, file_functions);
    file_functions(&mut python);
    let python = python.build();
    let functions: Vec<_> = python.iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let mut builder = GlobalsBuilder::new();
    builder.frozen_heap().add_reference(python.heap());
    for (name, value) in &functions {
        builder.set(name, *value);
    }
    native::natives(&mut builder, &functions);
    builder.build()
}

/// A fault of flow's own.
fn internal(message: &str) -> JobError {
    JobError::Action { message: message.to_owned(), place: None, help: None }
}

/// The evaluator's error as a job's: its words, its place in the program's text, and how to mend it.
fn job_error(error: &starlark::Error) -> JobError {
    let carried = match error.kind() {
        starlark::ErrorKind::Other(inner) | starlark::ErrorKind::Native(inner) | starlark::ErrorKind::Value(inner) => {
            inner.downcast_ref::<Carried>()
        }
        _ => None,
    };
    let (message, help) = match carried {
        Some(Carried(Failure::Job(error))) => return error.clone(),
        Some(Carried(Failure::Message { message, help })) => (message.clone(), help.clone()),
        None => {
            let words = error.without_diagnostic().to_string();
            let message = words.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("it failed").to_owned();
            let code = error.span().map_or("", |span| span.source_span());
            let told = dialect::without_item(&message, code);
            let (message, help) = told.unwrap_or_else(|| dialect::explained(&message, code));
            let help = unknown_name(&message).or(help);
            (message, help)
        }
    };
    let place = error
        .span()
        .filter(|span| span.file.filename() == FILE)
        .map(|span| (span.span.begin().get(), span.span.end().get()));
    JobError::Action { message, place, help }
}

/// For a name that nothing has, the action with a name like it.
fn unknown_name(message: &str) -> Option<String> {
    let name = message.strip_prefix("Variable `")?.split('`').next()?;
    crate::spelling::nearest(name, registry::names()).map(|near| format!("there is an action `{near}`"))
}
