//! The objects that a Rulefile looks things up in: `rules.NAME.output` and `workflow.cores`.

use std::sync::{Arc, RwLock};

use allocative::Allocative;
use starlark::any::ProvidesStaticType;
use starlark::starlark_simple_value;
use starlark::values::{Heap, NoSerialize, StarlarkPagablePanic, StarlarkValue, Value, starlark_value};

use crate::dialect::namedlist::Namedlist;
use crate::value::{Named, Value as Plain};

/// What other rules may ask of a rule: patterns as they were written.
#[derive(Debug, Clone, Default)]
pub struct RuleFacts {
    pub name: String,
    pub input: Named<Plain>,
    pub output: Named<Plain>,
    pub log: Named<Plain>,
    pub params: Named<Plain>,
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

/// `rules.NAME`.
#[derive(Debug, Clone, ProvidesStaticType, NoSerialize, Allocative, StarlarkPagablePanic)]
pub struct OneRule {
    #[allocative(skip)]
    facts: Arc<RuleFacts>,
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
            "input" => &self.facts.input,
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
