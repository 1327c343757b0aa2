//! `storage(…)` and `storage.PROVIDER(…)`: files that are not on this machine. They parse, so that a workflow that could
//! use them runs as far as it does not; a job that needs one is refused where it is made.

use allocative::Allocative;
use starlark::any::ProvidesStaticType;
use starlark::eval::{Arguments, Evaluator};
use starlark::starlark_simple_value;
use starlark::values::{Heap, NoSerialize, StarlarkPagablePanic, StarlarkValue, Value, starlark_value};

use super::flags::flagged;
use super::loader::fail;
use crate::diagnostic::Diagnostic;
use crate::rulefile::rule::Flags;

/// The function `storage`, and each of its providers.
#[derive(Debug, Clone, ProvidesStaticType, NoSerialize, Allocative, StarlarkPagablePanic)]
pub struct Storage;

starlark_simple_value!(Storage);

impl std::fmt::Display for Storage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("storage")
    }
}

#[starlark_value(type = "function")]
impl<'v> StarlarkValue<'v> for Storage {
    fn get_attr(&self, _provider: &str, heap: Heap<'v>) -> Option<Value<'v>> {
        Some(heap.alloc(Storage))
    }

    fn invoke(
        &self,
        _: Value<'v>,
        arguments: &Arguments<'v, '_>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<Value<'v>> {
        let heap = eval.heap();
        let query = arguments.positions(heap)?.next();
        let query = match query {
            Some(query) => Some(query),
            None => {
                arguments.names_map()?.into_iter().find(|(name, _)| name.as_str() == "query").map(|(_, value)| value)
            }
        };
        let Some(query) = query else {
            return Err(fail(Diagnostic::error("storage() takes the address of a file")));
        };
        Ok(heap.alloc(flagged(query, Flags { storage: true, settled: true, ..Flags::default() }, eval)?))
    }
}
