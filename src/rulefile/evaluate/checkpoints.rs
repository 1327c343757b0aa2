//! `checkpoints.NAME.get(sample="a")`: what a checkpoint's job has made, for functions whose answer depends on it. While
//! the job is not known to be done, asking ends the function with the job as the reason. Who says what is done, and
//! what happens with a job that waits, is not known here.

use std::sync::Arc;

use allocative::Allocative;
use starlark::any::ProvidesStaticType;
use starlark::collections::SmallMap;
use starlark::environment::{Methods, MethodsBuilder, MethodsStatic};
use starlark::eval::Evaluator;
use starlark::values::structs::AllocStruct;
use starlark::values::{Heap, NoSerialize, StarlarkPagablePanic, StarlarkValue, Value, starlark_value};
use starlark::{starlark_module, starlark_simple_value};

use super::loader::{Loader, fail};
use super::objects::{KnownRules, OneRule, RuleFacts};
use crate::diagnostic::Diagnostic;
use crate::dialect::namedlist::Namedlist;
use crate::rulefile::pattern::Pattern;
use crate::rulefile::rule::Awaited;
use crate::value::{Named, Value as Plain};

/// `checkpoints`.
#[derive(Clone, ProvidesStaticType, NoSerialize, Allocative, StarlarkPagablePanic)]
pub struct Checkpoints {
    #[allocative(skip)]
    pub known: KnownRules,
}

starlark_simple_value!(Checkpoints);

impl std::fmt::Debug for Checkpoints {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")
    }
}

impl std::fmt::Display for Checkpoints {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("checkpoints")
    }
}

#[starlark_value(type = "checkpoints")]
impl<'v> StarlarkValue<'v> for Checkpoints {
    fn get_attr(&self, attribute: &str, heap: Heap<'v>) -> Option<Value<'v>> {
        let facts = self.known.find(attribute).filter(|facts| facts.is_checkpoint)?;
        Some(heap.alloc(OneCheckpoint { facts }))
    }

    fn dir_attr(&self) -> Vec<String> {
        self.known.all().values().filter(|facts| facts.is_checkpoint).map(|facts| facts.name.clone()).collect()
    }
}

/// `checkpoints.NAME`.
#[derive(Clone, ProvidesStaticType, NoSerialize, Allocative, StarlarkPagablePanic)]
pub struct OneCheckpoint {
    #[allocative(skip)]
    facts: Arc<RuleFacts>,
}

starlark_simple_value!(OneCheckpoint);

impl std::fmt::Debug for OneCheckpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")
    }
}

impl std::fmt::Display for OneCheckpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.facts.name)
    }
}

#[starlark_value(type = "checkpoint")]
impl<'v> StarlarkValue<'v> for OneCheckpoint {
    fn get_methods() -> Option<&'static Methods> {
        static METHODS: MethodsStatic = MethodsStatic::new("checkpoint", methods);
        Some(METHODS.methods())
    }

    fn get_attr(&self, attribute: &str, heap: Heap<'v>) -> Option<Value<'v>> {
        (attribute == "rule").then(|| heap.alloc(OneRule { facts: Arc::clone(&self.facts) }))
    }
}

#[starlark_module]
fn methods(builder: &mut MethodsBuilder) {
    /// The job of these wildcards, when it is done: its `output`, and its `rule`.
    fn get<'v>(
        this: Value<'v>,
        #[starlark(kwargs)] wildcards: SmallMap<String, Value<'v>>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<Value<'v>> {
        use starlark::values::ValueLike;
        let facts = &this.downcast_ref::<OneCheckpoint>().expect("methods are called on their own type").facts;
        let output = outputs(facts, &wildcards).map_err(fail)?;
        let first = output.items.first().expect("a checkpoint has an output");
        let loader = Loader::of(eval);
        if !loader.is_loaded.get() {
            let diagnostic = Diagnostic::error(format!("the checkpoint `{}` has made nothing yet", facts.name));
            return Err(fail(
                diagnostic.help("ask for it in a function of `input:`, which is called again when it is done"),
            ));
        }
        if !loader.checkpoints_done.borrow().contains(first) {
            let awaited = Awaited { checkpoint: facts.name.clone(), output: first.clone() };
            return Err(starlark::Error::new_other(Waiting(awaited)));
        }
        let heap = eval.heap();
        let output = output.map(|path| Plain::Str(path.clone()));
        Ok(heap.alloc(AllocStruct([
            ("output", heap.alloc(Namedlist::from(output))),
            ("rule", heap.alloc(OneRule { facts: Arc::clone(facts) })),
        ])))
    }
}

/// The outputs of the job of these wildcards; others than the rule has are left aside, so that `**wildcards` will do.
fn outputs(facts: &RuleFacts, wildcards: &SmallMap<String, Value<'_>>) -> Result<Named<String>, Diagnostic> {
    let values: Vec<(&str, String)> = wildcards.iter().map(|(name, value)| (name.as_str(), value.to_str())).collect();
    let mut out = Named { items: Vec::with_capacity(facts.output.len()), names: facts.output.names.clone() };
    for pattern in &facts.output.items {
        let Plain::Str(text) = pattern else { continue };
        let pattern = Pattern::parse(text).expect("it was parsed when the rule was read");
        let value = |name: &str| values.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str());
        let path = pattern.fill(value).map_err(|_| {
            let missing = pattern.names().iter().find(|name| value(name).is_none()).map_or("", String::as_str);
            Diagnostic::error(format!(
                "checkpoint `{}` has the wildcard `{missing}`, and get() has no value for it",
                facts.name
            ))
            .help(format!("write `checkpoints.{}.get({missing}=…)`, or `.get(**wildcards)`", facts.name))
        })?;
        out.items.push(crate::path::normalise(&path).into_owned());
    }
    Ok(out)
}

/// Ends a function that cannot know its answer yet.
#[derive(Debug, thiserror::Error)]
#[error("the checkpoint `{}` is not done", .0.checkpoint)]
struct Waiting(Awaited);

/// What a function that ended so waits for.
pub fn awaited(error: &starlark::Error) -> Option<&Awaited> {
    match error.kind() {
        starlark::ErrorKind::Other(inner) | starlark::ErrorKind::Native(inner) | starlark::ErrorKind::Value(inner) => {
            inner.downcast_ref::<Waiting>().map(|waiting| &waiting.0)
        }
        _ => None,
    }
}
