//! The objects that a Rulefile looks things up in: `rules.NAME.output` and `workflow.cores`.

use std::sync::{Arc, OnceLock, PoisonError, RwLock, RwLockReadGuard};

use allocative::Allocative;
use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;
use starlark::any::ProvidesStaticType;
use starlark::starlark_simple_value;
use starlark::values::{FrozenValue, Heap, NoSerialize, StarlarkPagablePanic, StarlarkValue, Value, starlark_value};

use super::flags::Marked;
use super::notes::Notes;
use crate::dialect::namedlist::Namedlist;
use crate::rulefile::later::Later;
use crate::rulefile::relocation::Relocation;
use crate::rulefile::rule::{Argument, Expr, Flags};
use crate::value::{Dict, Named, Value as Plain};

/// The paths of a rule as values that carry where they are from, made when they are first asked for.
#[derive(Default)]
pub struct Origins {
    input: OnceLock<Arc<[FrozenValue]>>,
    output: OnceLock<Arc<[FrozenValue]>>,
    log: OnceLock<Arc<[FrozenValue]>>,
}

/// What other rules may ask of a rule: patterns as they were written.
#[derive(Clone)]
pub struct RuleFacts {
    pub name: String,
    pub is_checkpoint: bool,
    pub input: Arc<[Argument]>,
    pub input_relocation: Arc<Relocation>,
    pub output: Named<Plain>,
    pub log: Named<Plain>,
    pub notes: Arc<Notes>,
    pub origins: Arc<Origins>,
    pub params: Named<Plain>,
}

impl std::fmt::Debug for RuleFacts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name)
    }
}

impl RuleFacts {
    /// The inputs, of which functions give some.
    fn computed_input(&self) -> Expr {
        let moved = |argument: &Argument| match &argument.expr {
            expr if expr.is_computed() => {
                let relocation = Arc::clone(&self.input_relocation);
                Expr::Later(Arc::new(Later::Moved { of: expr.clone(), relocation }))
            }
            expr => {
                let settled = Flags { settled: true, ..Flags::default() };
                Expr::Flagged(Box::new(expr.clone()), Box::new(settled))
            }
        };
        Expr::List(self.input.iter().map(moved).collect())
    }

    /// As a placeholder in a command sees it: each part as its items and its names.
    pub fn plain(&self) -> Plain {
        let part = |list: &Named<Plain>| {
            let named = list.names.iter().filter_map(|(name, _, count)| {
                Some((
                    name.clone(),
                    match (count, list.get(name)?) {
                        (None, [one]) => one.clone(),
                        (_, items) => Plain::List(items.to_vec()),
                    },
                ))
            });
            Plain::Dict(Dict::from_iter([
                ("items".to_owned(), Plain::List(list.items.clone())),
                ("names".to_owned(), Plain::Dict(named.collect())),
            ]))
        };
        Plain::Dict(Dict::from_iter([
            ("name".to_owned(), Plain::Str(self.name.clone())),
            ("input".to_owned(), part(&paths(&self.input))),
            ("output".to_owned(), part(&self.output)),
            ("log".to_owned(), part(&self.log)),
            ("params".to_owned(), part(&self.params)),
        ]))
    }
}

/// The rules of a namespace in the order in which they were defined, found by their names.
#[derive(Debug, Default, Clone)]
pub struct KnownRules(Arc<RwLock<ByName>>);

type ByName = IndexMap<String, Arc<RuleFacts>, FxBuildHasher>;

impl KnownRules {
    pub fn all(&self) -> RwLockReadGuard<'_, ByName> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn find(&self, name: &str) -> Option<Arc<RuleFacts>> {
        self.all().get(name).cloned()
    }

    /// Its number among the rules.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.all().get_index_of(name)
    }

    /// Adds a rule, or puts it in the place of the one of that name.
    pub fn put(&self, facts: RuleFacts) {
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        all.insert(facts.name.clone(), Arc::new(facts));
    }

    pub fn names(&self) -> Vec<String> {
        self.all().keys().cloned().collect()
    }
}

/// `rules`.
#[derive(Debug, Clone, ProvidesStaticType, NoSerialize, Allocative, StarlarkPagablePanic)]
pub struct Rules {
    #[allocative(skip)]
    pub known: KnownRules,
}

starlark_simple_value!(Rules);

impl std::fmt::Display for Rules {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("rules")
    }
}

#[starlark_value(type = "rules")]
impl<'v> StarlarkValue<'v> for Rules {
    fn get_attr(&self, attribute: &str, heap: Heap<'v>) -> Option<Value<'v>> {
        self.known.find(attribute).map(|facts| heap.alloc(OneRule { facts }))
    }

    fn dir_attr(&self) -> Vec<String> {
        self.known.names()
    }
}

/// The paths that arguments list, with their names.
pub fn paths(arguments: &[Argument]) -> Named<Plain> {
    let mut out = Named::default();
    for argument in arguments {
        let start = out.items.len();
        out.items.extend(super::flags::texts(&argument.expr).into_iter().map(Plain::Str));
        if let Some(name) = &argument.name {
            let count = out.items.len() - start;
            let number = |n: usize| u32::try_from(n).expect("fewer than 2^32 files a rule");
            out.names.push((name.clone(), number(start), (count != 1).then(|| number(count))));
        }
    }
    out
}

/// `rules.NAME`.
#[derive(Debug, Clone, ProvidesStaticType, NoSerialize, Allocative, StarlarkPagablePanic)]
pub struct OneRule {
    #[allocative(skip)]
    pub facts: Arc<RuleFacts>,
}

starlark_simple_value!(OneRule);

impl std::fmt::Display for OneRule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.facts.name)
    }
}

#[starlark_value(type = "rule")]
impl<'v> StarlarkValue<'v> for OneRule {
    fn get_attr(&self, attribute: &str, heap: Heap<'v>) -> Option<Value<'v>> {
        let origins = &self.facts.origins;
        let (list, known, producer) = match attribute {
            "name" => return Some(heap.alloc(self.facts.name.as_str())),
            "input" if self.facts.input.iter().any(|argument| argument.expr.is_computed()) => {
                return Some(heap.alloc(Marked { expr: self.facts.computed_input() }));
            }
            "input" => {
                let list = paths(&self.facts.input);
                // There may be a million of them: they are only noted where a module has moved them.
                if self.facts.input_relocation.prefixes.is_empty() {
                    return Some(heap.alloc(Namedlist::from(list)));
                }
                (list, &origins.input, None)
            }
            "output" => (self.facts.output.clone(), &origins.output, Some(self.facts.name.as_str().into())),
            "log" => (self.facts.log.clone(), &origins.log, None),
            "params" => return Some(heap.alloc(Namedlist::from(self.facts.params.clone()))),
            _ => return None,
        };
        let flags = Flags { settled: true, producer, ..Flags::default() };
        let texts = list.items.iter().map(|path| path.as_str().unwrap_or_default());
        let values = Arc::clone(known.get_or_init(|| self.facts.notes.note(texts, &flags)));
        Some(heap.alloc(Namedlist::from(list).of_values(values)))
    }

    fn dir_attr(&self) -> Vec<String> {
        ["name", "input", "output", "log", "params"].map(str::to_owned).to_vec()
    }
}
