//! What a workflow has said so far: the state that its statements add to while it is evaluated, most of it by namespace.
//! Reached by the native functions through the evaluator; knows no Starlark values but by the names under which the
//! module keeps them.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use starlark::any::ProvidesStaticType;
use starlark::environment::FrozenModule;
use starlark::eval::Evaluator;
use starlark::values::{Value, ValueLike};

use super::Misuse;
use super::namespace::Namespace;
use super::notes::Notes;
use crate::diagnostic::{Diagnostic, SourceId, Sources, Span};
use crate::dialect::explained;
use crate::rulefile::lower::{FunctionSource, RuleSite};
use crate::rulefile::offset_map::OffsetMap;
use crate::rulefile::rule::{Argument, Expr, Flags, FunctionId, NamespaceId, Rule, RunBody};

/// A rule as evaluated, before constraints and programs, which need the whole file, are put in.
#[derive(Debug, Clone)]
pub struct Draft {
    pub rule: Rule,
    pub written: Written,
    /// The rule's own `wildcard_constraints`.
    pub constraints: Vec<(String, String)>,
    /// The module that it came from with `use rule *`: it can be replaced by one that is changed.
    pub used_from: Option<String>,
}

/// A rule as it is written, from which `use rule` makes others.
#[derive(Debug, Clone)]
pub struct Written {
    /// Place in `sites`.
    pub site: u32,
    pub span: Span,
    pub doc: Option<String>,
    /// Whose names its texts see.
    pub namespace: NamespaceId,
    /// The folder of the file it stands in.
    pub basedir: String,
    pub directives: Vec<Given>,
    pub has_run: bool,
    /// The body of `run:`, once its namespace is evaluated.
    pub run: Option<Arc<RunBody>>,
    /// Free names of the `run:` body that had a plain value when the rule was met.
    pub captured: Vec<(String, String)>,
}

/// A directive with its values, and the namespace that it was written in, whose prefixes its paths get.
#[derive(Debug, Clone)]
pub struct Given {
    pub keyword: String,
    pub arguments: Arc<[Argument]>,
    pub namespace: NamespaceId,
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

#[derive(Default, ProvidesStaticType)]
pub struct Loader {
    pub sources: RefCell<Sources>,
    pub units: RefCell<Vec<UnitPlace>>,
    pub sites: RefCell<Vec<RuleSite>>,
    pub functions: RefCell<Vec<FunctionSource>>,
    /// Parameter names of each registered function, by [`FunctionId`].
    pub parameters: RefCell<Vec<FunctionParameters>>,
    /// By [`NamespaceId`].
    namespaces: RefCell<Vec<Namespace>>,
    /// The one that is being evaluated.
    current: Cell<NamespaceId>,
    /// Rules of modules, and what they are called where they are used: the last use counts.
    pub renamed: RefCell<BTreeMap<(NamespaceId, String), (NamespaceId, String)>>,
    pub workdir: RefCell<Option<String>>,
    /// Whether `-d` was given, which `workdir:` does not override.
    pub directory_is_fixed: Cell<bool>,
    /// Files that were read.
    pub read: RefCell<Vec<String>>,
    /// Files that are being evaluated, the outermost first.
    pub files_open: RefCell<Vec<String>>,
    /// The evaluated names of each namespace, once they are frozen.
    pub frozen: RefCell<Vec<Option<FrozenModule>>>,
    /// How many items each `scattergather` process has: the Rulefile's own word, and the command line's over it.
    pub scatter: RefCell<BTreeMap<String, u32>>,
    pub scatter_set: BTreeMap<String, u32>,
    pub resource_scopes: RefCell<Vec<(String, String)>>,
    /// Names of built-in actions, which a `run:` body can use.
    pub actions: Vec<&'static str>,
    pub misuse: Option<Misuse>,
    pub cores: u32,
    /// Texts that came from somewhere.
    pub notes: Arc<Notes>,
    /// The first outputs of the jobs of checkpoints that are done.
    pub checkpoints_done: RefCell<HashSet<String>>,
    /// Whether the file has been evaluated: what follows are calls of its functions.
    pub is_loaded: Cell<bool>,
}

#[derive(Debug, Clone, Default)]
pub struct FunctionParameters {
    /// Where the function was kept.
    pub namespace: NamespaceId,
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

    /// Adds a namespace, and evaluates in it from now on.
    pub fn begin(&self, namespace: Namespace) -> NamespaceId {
        let mut namespaces = self.namespaces.borrow_mut();
        let id = NamespaceId(u32::try_from(namespaces.len()).expect("fewer than 2^32 modules"));
        namespaces.push(Namespace { id, ..namespace });
        self.frozen.borrow_mut().push(None);
        self.current.set(id);
        id
    }

    /// The namespace that is being evaluated.
    pub fn current(&self) -> NamespaceId {
        self.current.get()
    }

    /// Goes on in a namespace.
    pub fn resume(&self, namespace: NamespaceId) {
        self.current.set(namespace);
    }

    /// Works on the namespace that is being evaluated. What is done must not evaluate.
    pub fn here_in<R>(&self, work: impl FnOnce(&mut Namespace) -> R) -> R {
        self.namespace(self.current.get(), work)
    }

    /// Works on a namespace. What is done must not evaluate.
    pub fn namespace<R>(&self, id: NamespaceId, work: impl FnOnce(&mut Namespace) -> R) -> R {
        work(&mut self.namespaces.borrow_mut()[id.index()])
    }

    /// Gives the rules that paths are asked from the names that they have in another namespace, further out.
    pub fn rename_producers(&self, expr: &mut Expr, from: NamespaceId, to: NamespaceId) {
        match expr {
            Expr::Flagged(inner, flags) => {
                if let Some(name) = flags.producer.take() {
                    flags.producer = self.name_in(&name, from, to).map(Into::into);
                }
                self.rename_producers(inner, from, to);
            }
            Expr::Unpack(inner) => self.rename_producers(inner, from, to),
            Expr::List(items) => items.iter_mut().for_each(|item| self.rename_producers(item, from, to)),
            Expr::Dict(entries) => entries.iter_mut().for_each(|(_, value)| self.rename_producers(value, from, to)),
            Expr::Value(_) | Expr::Function(_) | Expr::Later(_) => {}
        }
    }

    /// What a rule is called further out; `None` if it is not used there.
    fn name_in(&self, name: &str, from: NamespaceId, to: NamespaceId) -> Option<String> {
        let renamed = self.renamed.borrow();
        let mut place = (from, name.to_owned());
        // A module is used where it was declared, which is further out than itself.
        while place.0 != to {
            place = renamed.get(&place)?.clone();
        }
        Some(place.1)
    }

    /// Texts that carry flags wherever they go unchanged.
    pub fn noted<'v>(&self, texts: &[String], flags: &Flags) -> Vec<Value<'v>> {
        let texts = texts.iter().map(String::as_str);
        let loaded = self.is_loaded.get();
        let values = if loaded { self.notes.note_in_call(texts, flags) } else { self.notes.note(texts, flags) };
        values.iter().map(|value| value.to_value()).collect()
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
        parameters.push(FunctionParameters { namespace: self.current.get(), ..function_parameters(function) });
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
        namespace: NamespaceId::MAIN,
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
