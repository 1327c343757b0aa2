//! What a Rulefile has said so far: the state that its statements add to while it is evaluated. Reached by the native
//! functions through the evaluator; knows no Starlark values but by the names under which the module keeps them.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::sync::{Arc, RwLock};

use starlark::any::ProvidesStaticType;
use starlark::environment::FrozenModule;
use starlark::eval::Evaluator;
use starlark::values::{Value, ValueLike};

use super::objects::RuleFacts;
use super::settings::ConfigLayers;
use crate::diagnostic::{Diagnostic, SourceId, Sources, Span};
use crate::dialect::explained;
use crate::rulefile::lower::{FunctionSource, RuleSite};
use crate::rulefile::offset_map::OffsetMap;
use crate::rulefile::rule::{FunctionId, Rule, RuleOrder};

/// A rule as evaluated, before constraints and programs, which need the whole file, are put in.
#[derive(Debug)]
pub struct Draft {
    pub rule: Rule,
    /// Place in `sites`, for a `run:` body.
    pub site: u32,
    /// The rule's own `wildcard_constraints`.
    pub constraints: Vec<(String, String)>,
    /// Free names of the `run:` body that had a plain value when the rule was met.
    pub captured: Vec<(String, String)>,
}

/// A unit of lowered code that was evaluated: to find places in it again.
#[derive(Debug)]
pub struct UnitPlace {
    pub name: String,
    pub map: OffsetMap,
}

/// An `include:` that waits for its unit to end.
#[derive(Debug, Clone)]
pub struct Include {
    pub path: String,
    pub span: Option<Span>,
    /// The folder that the path is relative to.
    pub basedir: String,
}

#[derive(Debug, Default, ProvidesStaticType)]
pub struct Loader {
    pub sources: RefCell<Sources>,
    pub units: RefCell<Vec<UnitPlace>>,
    pub sites: RefCell<Vec<RuleSite>>,
    pub functions: RefCell<Vec<FunctionSource>>,
    /// Parameter names of each registered function, by [`FunctionId`].
    pub parameters: RefCell<Vec<FunctionParameters>>,
    pub drafts: RefCell<Vec<Draft>>,
    pub facts: Arc<RwLock<Vec<RuleFacts>>>,
    pub order: RefCell<RuleOrder>,
    pub local_rules: RefCell<Vec<(String, Option<Span>)>>,
    pub constraints: RefCell<Vec<(String, String)>>,
    pub includes: RefCell<Vec<Include>>,
    pub config: RefCell<ConfigLayers>,
    pub workdir: RefCell<Option<String>>,
    /// Whether `-d` was given, which `workdir:` does not override.
    pub directory_is_fixed: Cell<bool>,
    /// The folder of the file that is being evaluated.
    pub basedir: RefCell<String>,
    /// Files that were read.
    pub read: RefCell<Vec<String>>,
    /// Files that are being evaluated, the outermost first.
    pub files_open: RefCell<Vec<String>>,
    /// The first outputs of the jobs of checkpoints that are done.
    pub checkpoints_done: RefCell<HashSet<String>>,
    /// The module, once it is frozen.
    pub frozen: RefCell<Option<FrozenModule>>,
    /// Whether the file has been evaluated: what follows are calls of its functions.
    pub is_loaded: Cell<bool>,
}

#[derive(Debug, Clone, Default)]
pub struct FunctionParameters {
    pub names: Vec<String>,
    /// Those without a default.
    pub required: Vec<String>,
    pub takes_all: bool,
}

/// An error that carries a whole message through the evaluator.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.message)]
pub struct Carried(pub Diagnostic);

/// A message as an error of a native function.
pub fn fail(diagnostic: Diagnostic) -> starlark::Error {
    starlark::Error::new_other(Carried(diagnostic))
}

impl Loader {
    /// The state behind an evaluator, where it evaluates a Rulefile and not a job's program.
    pub fn find<'l>(eval: &Evaluator<'_, 'l, '_>) -> Option<&'l Loader> {
        eval.extra.and_then(|extra| extra.downcast_ref::<Loader>())
    }

    /// The state behind the evaluator of a Rulefile.
    pub fn of<'l>(eval: &Evaluator<'_, 'l, '_>) -> &'l Loader {
        Loader::find(eval).expect("every evaluator of a Rulefile has its loader")
    }

    /// The place in the Rulefile that a piece of a unit stands for.
    pub fn place(&self, unit: &str, range: std::ops::Range<usize>) -> Option<Span> {
        let units = self.units.borrow();
        units.iter().find(|place| place.name == unit)?.map.origin(range)
    }

    /// Where the call that is being evaluated stands in the Rulefile.
    pub fn here(&self, eval: &Evaluator<'_, '_, '_>) -> Option<Span> {
        let span = eval.call_stack_top_location()?;
        let range = span.span.begin().get() as usize..span.span.end().get() as usize;
        self.place(span.file.filename(), range)
    }

    /// Turns an evaluator's error into a message at its place.
    pub fn diagnostic(&self, error: starlark::Error) -> Diagnostic {
        let span = error.span().and_then(|span| {
            self.place(span.file.filename(), span.span.begin().get() as usize..span.span.end().get() as usize)
        });
        let mut callers: Vec<(Span, String)> = error
            .call_stack()
            .frames
            .iter()
            .rev()
            .filter_map(|frame| {
                let at = frame.location.as_ref()?;
                let range = at.span.begin().get() as usize..at.span.end().get() as usize;
                let span = self.place(at.file.filename(), range)?;
                (!frame.name.starts_with("__")).then(|| (span, format!("called from here, `{}`", frame.name)))
            })
            .collect();
        let carried = match error.kind() {
            starlark::ErrorKind::Other(inner)
            | starlark::ErrorKind::Native(inner)
            | starlark::ErrorKind::Value(inner) => inner.downcast_ref::<Carried>(),
            _ => None,
        };
        let mut diagnostic = match carried {
            Some(carried) => carried.0.clone(),
            None => {
                let message = first_line(&error.without_diagnostic().to_string());
                let place = error.span().map_or("", |span| span.source_span());
                let (message, help) = explained(&message, place);
                let diagnostic = Diagnostic::error(message);
                match help {
                    Some(help) => diagnostic.help(help),
                    None => diagnostic,
                }
            }
        };
        if diagnostic.labels.is_empty()
            && let Some(span) = span.or_else(|| callers.pop().map(|(span, _)| span))
        {
            diagnostic = diagnostic.at(span, "");
        }
        for (span, text) in callers.into_iter().take(3) {
            if diagnostic.labels.iter().all(|(known, _)| *known != span) {
                diagnostic = diagnostic.at(span, text);
            }
        }
        diagnostic
    }

    /// Keeps a function for later calls: the module holds it, under a name that no Rulefile can write.
    pub fn keep_function<'v>(&self, function: Value<'v>, eval: &Evaluator<'v, '_, '_>) -> FunctionId {
        let mut parameters = self.parameters.borrow_mut();
        let id = FunctionId(u32::try_from(parameters.len()).expect("fewer than 2^32 functions"));
        parameters.push(function_parameters(function));
        eval.module().set(&function_name(id), function);
        id
    }

    pub fn add_source(&self, name: &str, text: &str) -> SourceId {
        self.sources.borrow_mut().add(name, text)
    }

    /// The span of an argument of a directive, by its place among the arguments.
    pub fn argument_span(&self, site: u32, keyword: &str, at: usize) -> Span {
        let sites = self.sites.borrow();
        let site = &sites[site as usize];
        site.directives
            .iter()
            .find(|directive| directive.keyword == keyword)
            .map_or(site.span, |directive| directive.values.get(at).copied().unwrap_or(directive.span))
    }
}

/// The module's name for a kept function.
pub fn function_name(id: FunctionId) -> String {
    format!("function {}", id.0)
}

/// What a value asks for when it is called.
fn function_parameters(function: Value<'_>) -> FunctionParameters {
    use starlark::docs::{DocItem, DocMember};
    let DocItem::Member(DocMember::Function(documentation)) = function.documentation() else {
        return FunctionParameters { takes_all: true, ..FunctionParameters::default() };
    };
    let parameters = documentation.params;
    let all = parameters.pos_only.iter().chain(&parameters.pos_or_named).chain(&parameters.named_only);
    let required = all.clone().filter(|parameter| parameter.default_value.is_none());
    FunctionParameters {
        required: required.map(|parameter| parameter.name.clone()).collect(),
        names: all.map(|parameter| parameter.name.clone()).collect(),
        takes_all: parameters.kwargs.is_some() || parameters.args.is_some(),
    }
}

/// Whether a value can be called.
pub fn is_callable(value: Value<'_>) -> bool {
    value.get_type() == "function" || value.get_type() == "native_function"
}

fn first_line(text: &str) -> String {
    text.lines().find(|line| !line.trim().is_empty()).unwrap_or("it failed").trim().to_owned()
}

/// Whether a value is of a type of ours.
pub fn is<'v, T: starlark::values::StarlarkValue<'v>>(value: Value<'v>) -> bool {
    value.downcast_ref::<T>().is_some()
}
