//! The objects that a Rulefile looks things up in: `rules.NAME.output` and `workflow.cores`.

use std::sync::{Arc, RwLock};

use allocative::Allocative;
use starlark::any::ProvidesStaticType;
use starlark::starlark_simple_value;
use starlark::values::{Heap, NoSerialize, StarlarkPagablePanic, StarlarkValue, Value, starlark_value};

use crate::dialect::namedlist::Namedlist;
use crate::rulefile::rule::Argument;
use crate::value::{Dict, Named, Value as Plain};

/// What other rules may ask of a rule: patterns as they were written.
#[derive(Debug, Clone, Default)]
pub struct RuleFacts {
    pub name: String,
    pub is_checkpoint: bool,
    pub input: Arc<[Argument]>,
    pub output: Named<Plain>,
    pub log: Named<Plain>,
    pub params: Named<Plain>,
}

impl RuleFacts {
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

/// `rules`.
#[derive(Debug, Clone, ProvidesStaticType, NoSerialize, Allocative, StarlarkPagablePanic)]
pub struct Rules {
    #[allocative(skip)]
    pub facts: Arc<RwLock<Vec<RuleFacts>>>,
}

starlark_simple_value!(Rules);

impl std::fmt::Display for Rules {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("rules")
    }
}

impl Rules {
    fn find(&self, name: &str) -> Option<RuleFacts> {
        let facts = self.facts.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        facts.iter().find(|facts| facts.name == name).cloned()
    }
}

#[starlark_value(type = "rules")]
impl<'v> StarlarkValue<'v> for Rules {
    fn get_attr(&self, attribute: &str, heap: Heap<'v>) -> Option<Value<'v>> {
        self.find(attribute).map(|facts| heap.alloc(OneRule { facts: Arc::new(facts) }))
    }

    fn dir_attr(&self) -> Vec<String> {
        let facts = self.facts.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        facts.iter().map(|facts| facts.name.clone()).collect()
    }
}

/// The paths that arguments list, with their names.
fn paths(arguments: &[Argument]) -> Named<Plain> {
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
        let list = match attribute {
            "name" => return Some(heap.alloc(self.facts.name.as_str())),
            "input" => return Some(heap.alloc(Namedlist::from(paths(&self.facts.input)))),
            "output" => &self.facts.output,
            "log" => &self.facts.log,
            "params" => &self.facts.params,
            _ => return None,
        };
        Some(heap.alloc(Namedlist::from(list.clone())))
    }

    fn dir_attr(&self) -> Vec<String> {
        ["name", "input", "output", "log", "params"].map(str::to_owned).to_vec()
    }
}
