//! `scatter.NAME(…)` and `gather.NAME(…)`: the paths of all items of a process, `1-of-4`, `2-of-4`, …. Both are the same;
//! a rule scatters by its output and gathers by its input.

use allocative::Allocative;
use starlark::any::ProvidesStaticType;
use starlark::collections::SmallMap;
use starlark::eval::{Arguments, Evaluator};
use starlark::starlark_simple_value;
use starlark::values::list::AllocList;
use starlark::values::{Heap, NoSerialize, StarlarkPagablePanic, StarlarkValue, Value, starlark_value};

use super::files::expand;
use super::loader::{Loader, fail};
use crate::diagnostic::Diagnostic;

/// `scatter`, and `gather`.
#[derive(Debug, Clone, ProvidesStaticType, NoSerialize, Allocative, StarlarkPagablePanic)]
pub struct Scatter;

starlark_simple_value!(Scatter);

impl std::fmt::Display for Scatter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("scatter")
    }
}

#[starlark_value(type = "scatter")]
impl<'v> StarlarkValue<'v> for Scatter {
    fn get_attr(&self, attribute: &str, heap: Heap<'v>) -> Option<Value<'v>> {
        Some(heap.alloc(Process { name: attribute.to_owned() }))
    }
}

/// `scatter.NAME`.
#[derive(Debug, Clone, ProvidesStaticType, NoSerialize, Allocative, StarlarkPagablePanic)]
struct Process {
    name: String,
}

starlark_simple_value!(Process);

impl std::fmt::Display for Process {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name)
    }
}

#[starlark_value(type = "process")]
impl<'v> StarlarkValue<'v> for Process {
    fn invoke(
        &self,
        _: Value<'v>,
        arguments: &Arguments<'v, '_>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<Value<'v>> {
        let heap = eval.heap();
        let count = Loader::of(eval).scatter.borrow().get(&self.name).copied();
        let Some(count) = count else {
            let known: Vec<String> = Loader::of(eval).scatter.borrow().keys().cloned().collect();
            let diagnostic = Diagnostic::error(format!("there is no scatter process called `{}`", self.name));
            return Err(fail(match crate::spelling::nearest(&self.name, known.iter().map(String::as_str)) {
                Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
                None => diagnostic.help(format!("say how many items it has: `scattergather: {}=8`", self.name)),
            }));
        };
        let items = (1..=count).map(|at| format!("{at}-of-{count}"));
        let mut named: SmallMap<String, Value<'v>> = SmallMap::new();
        named.insert("scatteritem".to_owned(), heap.alloc(AllocList(items)));
        for (name, value) in arguments.names_map()? {
            named.insert(name.as_str().to_owned(), value);
        }
        let positional: Vec<Value<'v>> = arguments.positions(heap)?.collect();
        expand(&positional, &named, eval)
    }
}
