//! `itertools`: the finite ones, as lists. What never ends (`count`, `cycle`) has no place in a file that must.

use allocative::Allocative;
use starlark::any::ProvidesStaticType;
use starlark::environment::{GlobalsBuilder, Methods, MethodsBuilder, MethodsStatic};
use starlark::eval::{Arguments, Evaluator};
use starlark::starlark_module;
use starlark::starlark_simple_value;
use starlark::values::list::AllocList;
use starlark::values::none::NoneOr;
use starlark::values::tuple::{AllocTuple, UnpackTuple};
use starlark::values::{Heap, NoSerialize, StarlarkPagablePanic, StarlarkValue, Value, starlark_value};

use super::message;
use crate::dialect::text::items;

/// More results than this are a mistake, and must not cost the memory of the machine.
const MOST: usize = 10_000_000;

type Tuples<'v> = Vec<AllocTuple<Vec<Value<'v>>>>;

fn too_many(name: &str) -> starlark::Error {
    message(format!("itertools.{name} would give more than {MOST} results"))
}

/// The selections of `count` places out of `0..from`, in lexicographic order; `next` gives the first place that may
/// follow a place, and `free` whether a place may be taken beside those that are.
fn selections(
    name: &str,
    from: usize,
    count: usize,
    first: impl Fn(&[usize]) -> usize,
    free: impl Fn(&[usize], usize) -> bool,
) -> starlark::Result<Vec<Vec<usize>>> {
    let mut out = Vec::new();
    let mut chosen: Vec<usize> = Vec::with_capacity(count);
    let mut at = 0;
    loop {
        if chosen.len() == count {
            out.push(chosen.clone());
            if out.len() > MOST {
                return Err(too_many(name));
            }
        } else if let Some(place) = (at..from).find(|place| free(&chosen, *place)) {
            chosen.push(place);
            at = first(&chosen);
            continue;
        }
        match chosen.pop() {
            Some(last) => at = last + 1,
            None => return Ok(out),
        }
    }
}

fn pick<'v>(values: &[Value<'v>], places: Vec<Vec<usize>>) -> Tuples<'v> {
    places.into_iter().map(|places| AllocTuple(places.into_iter().map(|at| values[at]).collect())).collect()
}

fn size(r: i32) -> starlark::Result<usize> {
    usize::try_from(r).map_err(|_| message("r must not be negative"))
}

#[starlark_module]
#[allow(clippy::unnecessary_wraps)]
pub fn functions(builder: &mut GlobalsBuilder) {
    fn product<'v>(
        #[starlark(args)] iterables: UnpackTuple<Value<'v>>,
        #[starlark(require = named, default = 1)] repeat: i32,
        heap: Heap<'v>,
    ) -> starlark::Result<Tuples<'v>> {
        let columns = iterables.items.into_iter().map(|one| items(one, heap)).collect::<starlark::Result<Vec<_>>>()?;
        let columns: Vec<Vec<Value<'v>>> = std::iter::repeat_n(columns, size(repeat)?).flatten().collect();
        let total = columns.iter().try_fold(1usize, |total, column| total.checked_mul(column.len()));
        let total = total.filter(|total| *total <= MOST).ok_or_else(|| too_many("product"))?;
        let row = |mut at: usize| {
            let mut row: Vec<Value<'v>> = Vec::with_capacity(columns.len());
            for column in columns.iter().rev() {
                row.push(column[at % column.len()]);
                at /= column.len();
            }
            row.reverse();
            AllocTuple(row)
        };
        Ok((0..total).map(row).collect())
    }
    fn combinations<'v>(iterable: Value<'v>, r: i32, heap: Heap<'v>) -> starlark::Result<Tuples<'v>> {
        let values = items(iterable, heap)?;
        let next = |chosen: &[usize]| chosen.last().map_or(0, |last| last + 1);
        Ok(pick(&values, selections("combinations", values.len(), size(r)?, next, |_, _| true)?))
    }
    fn combinations_with_replacement<'v>(iterable: Value<'v>, r: i32, heap: Heap<'v>) -> starlark::Result<Tuples<'v>> {
        let values = items(iterable, heap)?;
        let next = |chosen: &[usize]| chosen.last().copied().unwrap_or(0);
        Ok(pick(&values, selections("combinations_with_replacement", values.len(), size(r)?, next, |_, _| true)?))
    }
    fn permutations<'v>(
        iterable: Value<'v>,
        #[starlark(default = NoneOr::None)] r: NoneOr<i32>,
        heap: Heap<'v>,
    ) -> starlark::Result<Tuples<'v>> {
        let values = items(iterable, heap)?;
        let count = r.into_option().map_or(Ok(values.len()), size)?;
        let free = |chosen: &[usize], place: usize| !chosen.contains(&place);
        Ok(pick(&values, selections("permutations", values.len(), count, |_| 0, free)?))
    }
    fn islice<'v>(
        iterable: Value<'v>,
        #[starlark(args)] bounds: UnpackTuple<NoneOr<i32>>,
        heap: Heap<'v>,
    ) -> starlark::Result<Vec<Value<'v>>> {
        let at = |bound: NoneOr<i32>| bound.into_option().map(size).transpose();
        let mut bounds = bounds.items.into_iter();
        let (start, stop, step) = match (bounds.next(), bounds.next(), bounds.next()) {
            (Some(stop), None, None) => (0, at(stop)?, 1),
            (Some(start), Some(stop), step) => {
                let step = step.map_or(Ok(None), at)?.unwrap_or(1);
                (at(start)?.unwrap_or(0), at(stop)?, step)
            }
            _ => return Err(message("islice(iterable, stop) or islice(iterable, start, stop[, step])")),
        };
        if step == 0 {
            return Err(message("islice: the step is 0"));
        }
        Ok(items(iterable, heap)?.into_iter().take(stop.unwrap_or(usize::MAX)).skip(start).step_by(step).collect())
    }
    fn repeat<'v>(object: Value<'v>, times: i32) -> starlark::Result<Vec<Value<'v>>> {
        let times = usize::try_from(times).unwrap_or(0);
        if times > MOST { Err(too_many("repeat")) } else { Ok(vec![object; times]) }
    }
    fn zip_longest<'v>(
        #[starlark(args)] iterables: UnpackTuple<Value<'v>>,
        #[starlark(require = named, default = NoneOr::None)] fillvalue: NoneOr<Value<'v>>,
        heap: Heap<'v>,
    ) -> starlark::Result<Tuples<'v>> {
        let columns = iterables.items.into_iter().map(|one| items(one, heap)).collect::<starlark::Result<Vec<_>>>()?;
        let fill = fillvalue.into_option().unwrap_or_else(Value::new_none);
        let rows = columns.iter().map(Vec::len).max().unwrap_or(0);
        let row = |row: usize| columns.iter().map(|column| column.get(row).copied().unwrap_or(fill)).collect();
        Ok((0..rows).map(|at| AllocTuple(row(at))).collect())
    }
    /// Runs of equal keys, each with the list of its items.
    fn groupby<'v>(
        iterable: Value<'v>,
        #[starlark(default = NoneOr::None)] key: NoneOr<Value<'v>>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<Vec<(Value<'v>, AllocList<Vec<Value<'v>>>)>> {
        let mut groups: Vec<(Value<'v>, AllocList<Vec<Value<'v>>>)> = Vec::new();
        for item in items(iterable, eval.heap())? {
            let key = match key {
                NoneOr::None => item,
                NoneOr::Other(function) => eval.eval_function(function, &[item], &[])?,
            };
            match groups.last_mut() {
                Some((last, group)) if last.equals(key)? => group.0.push(item),
                _ => groups.push((key, AllocList(vec![item]))),
            }
        }
        Ok(groups)
    }
    fn accumulate<'v>(iterable: Value<'v>, heap: Heap<'v>) -> starlark::Result<Vec<Value<'v>>> {
        let mut out: Vec<Value<'v>> = Vec::new();
        for item in items(iterable, heap)? {
            out.push(match out.last() {
                Some(total) => total.add(item, heap)?,
                None => item,
            });
        }
        Ok(out)
    }
}

/// `itertools.chain`, which is called, and has `chain.from_iterable`.
#[derive(Debug, ProvidesStaticType, NoSerialize, Allocative, StarlarkPagablePanic)]
struct Chain;

starlark_simple_value!(Chain);

pub fn chain(builder: &mut GlobalsBuilder) {
    builder.set("chain", Chain);
}

impl std::fmt::Display for Chain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("chain")
    }
}

fn chained<'v>(iterables: impl IntoIterator<Item = Value<'v>>, heap: Heap<'v>) -> starlark::Result<Vec<Value<'v>>> {
    let mut out = Vec::new();
    for iterable in iterables {
        out.extend(items(iterable, heap)?);
    }
    Ok(out)
}

#[starlark_value(type = "chain")]
impl<'v> StarlarkValue<'v> for Chain {
    fn get_methods() -> Option<&'static Methods> {
        static METHODS: MethodsStatic = MethodsStatic::new("chain", chain_methods);
        Some(METHODS.methods())
    }

    fn invoke(
        &self,
        _me: Value<'v>,
        args: &Arguments<'v, '_>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<Value<'v>> {
        args.no_named_args()?;
        let heap = eval.heap();
        let iterables: Vec<Value<'v>> = args.positions(heap)?.collect();
        Ok(heap.alloc(AllocList(chained(iterables, heap)?)))
    }
}

#[starlark_module]
fn chain_methods(builder: &mut MethodsBuilder) {
    fn from_iterable<'v>(this: &Chain, iterable: Value<'v>, heap: Heap<'v>) -> starlark::Result<Vec<Value<'v>>> {
        let _ = this;
        chained(items(iterable, heap)?, heap)
    }
}
