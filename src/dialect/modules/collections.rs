//! `collections`: `OrderedDict` and `Counter`, which are dictionaries here, as all of Starlark's keep their order.

use starlark::collections::SmallMap;
use starlark::environment::GlobalsBuilder;
use starlark::eval::Evaluator;
use starlark::starlark_module;
use starlark::values::Value;
use starlark::values::dict::{AllocDict, DictRef};
use starlark::values::none::NoneOr;
use starlark::values::tuple::UnpackTuple;

use super::message;
use crate::dialect::text::items;

type Entries<'v> = SmallMap<Value<'v>, Value<'v>>;

#[starlark_module]
#[allow(non_snake_case)]
pub fn functions(builder: &mut GlobalsBuilder) {
    fn OrderedDict<'v>(
        #[starlark(require = pos, default = NoneOr::None)] entries: NoneOr<Value<'v>>,
        #[starlark(kwargs)] named: SmallMap<String, Value<'v>>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<AllocDict<Entries<'v>>> {
        let heap = eval.heap();
        let mut out = SmallMap::new();
        if let Some(entries) = entries.into_option() {
            if let Some(dict) = DictRef::from_value(entries) {
                for (key, value) in dict.iter() {
                    out.insert_hashed(key.get_hashed()?, value);
                }
            } else {
                for pair in items(entries, heap)? {
                    let [key, value] = items(pair, heap)?[..] else {
                        return Err(message("OrderedDict() takes pairs of a key and a value"));
                    };
                    out.insert_hashed(key.get_hashed()?, value);
                }
            }
        }
        for (name, &value) in &named {
            out.insert_hashed(heap.alloc(name.as_str()).get_hashed()?, value);
        }
        Ok(AllocDict(out))
    }

    /// How often each item is there, in the order in which they come first.
    fn Counter<'v>(
        #[starlark(require = pos, default = NoneOr::None)] values: NoneOr<Value<'v>>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<AllocDict<Entries<'v>>> {
        let heap = eval.heap();
        let mut counts: SmallMap<Value<'v>, i32> = SmallMap::new();
        let values = values.into_option().map_or(Ok(Vec::new()), |values| items(values, heap))?;
        for value in values {
            *counts.entry_hashed(value.get_hashed()?).or_insert(0) += 1;
        }
        let mut out = SmallMap::new();
        for (value, count) in counts {
            out.insert_hashed(value.get_hashed()?, heap.alloc(count));
        }
        Ok(AllocDict(out))
    }

    fn defaultdict<'v>(
        #[starlark(args)] _args: UnpackTuple<Value<'v>>,
        #[starlark(kwargs)] _named: SmallMap<String, Value<'v>>,
    ) -> starlark::Result<Value<'v>> {
        Err(message(
            "a dictionary with a default is not available in a Rulefile: write `mapping = {}`, and \
             `mapping.setdefault(key, []).append(value)` or `mapping[key] = mapping.get(key, 0) + 1`",
        ))
    }
}
