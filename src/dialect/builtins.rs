//! Python's built-in functions that Starlark lacks or has with fewer parameters, and the ones that lowering calls for
//! f-strings, displays with stars, `assert` and `raise`.

use std::io::Write;

use starlark::collections::SmallMap;
use starlark::environment::GlobalsBuilder;
use starlark::eval::Evaluator;
use starlark::starlark_module;
use starlark::values::dict::{AllocDict, DictRef};
use starlark::values::list::{AllocList, ListRef};
use starlark::values::none::{NoneOr, NoneType};
use starlark::values::tuple::{TupleRef, UnpackTuple};
use starlark::values::{Heap, Value, ValueLike};

use super::namedlist::Namedlist;
use super::operators::{BinaryOp, binary, power, truth};
use super::template::{self, Arguments};
use super::text::{float, format_field, integer, items, repr_of, str_of};

fn message(text: impl Into<String>) -> starlark::Error {
    starlark::Error::new_other(anyhow::Error::msg(text.into()))
}

/// Whether a value is of a type, given as the function or constructor of that name (`int`, `str`, `Path`).
fn is_instance<'v>(value: Value<'v>, kind: Value<'v>) -> starlark::Result<bool> {
    if let Some(kinds) = TupleRef::from_value(kind) {
        for kind in kinds.iter() {
            if is_instance(value, kind)? {
                return Ok(true);
            }
        }
        return Ok(false);
    }
    let of = value.get_type();
    Ok(match kind.to_str().as_str() {
        "str" => of == "string",
        "int" => of == "int" || of == "bool",
        "list" => of == "list" || Namedlist::from_value(value).is_some(),
        "None" => of == "NoneType",
        "Path" | "PurePath" => of == "Path",
        name @ ("float" | "bool" | "dict" | "tuple" | "set" | "range") => of == name,
        other => {
            return Err(message(format!(
                "isinstance() takes a type (str, int, float, bool, list, dict, tuple, set), not {other}"
            )));
        }
    })
}

/// Whether a value is of one of these types and not of one that counts as it: `True` is no `int`.
fn is_exactly<'v>(value: Value<'v>, kind: Value<'v>) -> starlark::Result<bool> {
    let kinds = match (TupleRef::from_value(kind), ListRef::from_value(kind)) {
        (Some(tuple), _) => tuple.content().to_vec(),
        (_, Some(list)) => list.content().to_vec(),
        _ => vec![kind],
    };
    for kind in kinds {
        let is = match kind.unpack_str() {
            Some(name) => value.get_type() == name,
            None => !(value.unpack_bool().is_some() && kind.to_str() == "int") && is_instance(value, kind)?,
        };
        if is {
            return Ok(true);
        }
    }
    Ok(false)
}

/// An integer with its sign before the base's prefix.
fn in_base(name: &str, value: Value<'_>, write: fn(u128) -> String) -> starlark::Result<String> {
    let whole = integer(value).or(value.unpack_bool().map(i128::from));
    let whole = whole.ok_or_else(|| message(format!("{name}() takes an integer, not a {}", value.get_type())))?;
    Ok(format!("{}{}", if whole < 0 { "-" } else { "" }, write(whole.unsigned_abs())))
}

/// Python's `round`: half to even; without digits an integer.
#[allow(clippy::cast_possible_truncation)]
fn rounded<'v>(number: Value<'v>, digits: Option<i32>, heap: Heap<'v>) -> starlark::Result<Value<'v>> {
    if let Some(value) = float(number) {
        let Some(digits) = digits else {
            if !value.is_finite() {
                return Err(message(format!("cannot round {} to an integer", str_of(number))));
            }
            let whole = value.round_ties_even();
            if whole.abs() >= 9e18 {
                return Err(message(format!("{} is too large to round to an integer", str_of(number))));
            }
            return Ok(heap.alloc(whole as i64));
        };
        if !value.is_finite() || digits > 300 {
            return Ok(number);
        }
        // The decimal text is exact, so that it decides ties as the number is, not as it is written: round(2.675, 2).
        let result = match usize::try_from(digits) {
            Ok(digits) => format!("{value:.digits$}").parse().unwrap_or(value),
            Err(_) => {
                let unit = 10f64.powi(-digits);
                (value / unit).round_ties_even() * unit
            }
        };
        return Ok(heap.alloc(result));
    }
    let whole = integer(number).or(number.unpack_bool().map(i128::from));
    let whole = whole.ok_or_else(|| message(format!("round() takes a number, not a {}", number.get_type())))?;
    match digits {
        Some(digits) if digits < 0 => {
            let unit = 10i128.checked_pow(digits.unsigned_abs()).unwrap_or(i128::MAX);
            let (quotient, rest) = (whole.div_euclid(unit), whole.rem_euclid(unit));
            let up = rest > unit - rest || (rest == unit - rest && quotient % 2 != 0);
            Ok(heap.alloc(i64::try_from((quotient + i128::from(up)) * unit).unwrap_or(0)))
        }
        _ => Ok(number),
    }
}

/// `min` and `max`: of one iterable or of the arguments.
fn extreme<'v>(
    name: &str,
    op: BinaryOp,
    args: UnpackTuple<Value<'v>>,
    key: NoneOr<Value<'v>>,
    default: Option<Value<'v>>,
    eval: &mut Evaluator<'v, '_, '_>,
) -> starlark::Result<Value<'v>> {
    let candidates = match args.items[..] {
        [] => return Err(message(format!("{name}() needs a value"))),
        [one] => items(one, eval.heap())?,
        _ => args.items,
    };
    let mut best: Option<(Value<'v>, Value<'v>)> = None;
    for candidate in candidates {
        let rank = match key {
            NoneOr::Other(key) => eval.eval_function(key, &[candidate], &[])?,
            NoneOr::None => candidate,
        };
        let better = match best {
            Some((_, best)) => truth(binary(op, rank, best, eval.heap())?)?.to_bool(),
            None => true,
        };
        if better {
            best = Some((candidate, rank));
        }
    }
    best.map(|(value, _)| value).or(default).ok_or_else(|| message(format!("{name}() of nothing, and no default")))
}

/// What `map` and its like step through: as many rounds as the shortest iterable has items.
fn rounds<'v>(iterables: &[Value<'v>], heap: Heap<'v>) -> starlark::Result<Vec<Vec<Value<'v>>>> {
    let columns = iterables.iter().map(|one| items(*one, heap)).collect::<starlark::Result<Vec<_>>>()?;
    let count = columns.iter().map(Vec::len).min().unwrap_or(0);
    Ok((0..count).map(|row| columns.iter().map(|column| column[row]).collect()).collect())
}

#[starlark_module]
#[allow(clippy::unnecessary_wraps)]
pub fn builtins(builder: &mut GlobalsBuilder) {
    /// An f-string: its parts as text, joined.
    fn __fstr__<'v>(#[starlark(args)] parts: UnpackTuple<Value<'v>>) -> starlark::Result<String> {
        Ok(parts.items.into_iter().map(str_of).collect())
    }

    /// A replacement field of an f-string.
    fn __fmt__<'v>(
        value: Value<'v>,
        #[starlark(default = "")] conv: &str,
        #[starlark(default = "")] spec: &str,
    ) -> starlark::Result<String> {
        format_field(value, conv, spec).map_err(starlark::Error::new_other)
    }

    /// `recv.format(…)`: a template, or another value's own `format`.
    fn __format__<'v>(
        #[starlark(require = pos)] recv: Value<'v>,
        #[starlark(args)] args: UnpackTuple<Value<'v>>,
        #[starlark(kwargs)] kwargs: SmallMap<String, Value<'v>>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<Value<'v>> {
        let heap = eval.heap();
        if let Some(text) = recv.unpack_str() {
            let arguments = Arguments { positional: &args.items, named: &kwargs, heap };
            return template::fill(text, &arguments).map(|text| heap.alloc(text));
        }
        let function = recv.get_attr_error("format", heap)?;
        let named: Vec<(&str, Value<'v>)> = kwargs.iter().map(|(name, value)| (name.as_str(), *value)).collect();
        eval.eval_function(function, &args.items, &named)
    }

    /// `[*a, *b]`: the items of all, in one list.
    fn __concat__<'v>(
        #[starlark(args)] lists: UnpackTuple<Value<'v>>,
        heap: Heap<'v>,
    ) -> starlark::Result<Vec<Value<'v>>> {
        let mut out = Vec::new();
        for list in lists.items {
            out.extend(list.iterate(heap)?);
        }
        Ok(out)
    }

    /// `{**a, **b}` and `f(**a)`: the entries of all; later ones win. Those of `wildcards` and its like are its names.
    fn __merge__<'v>(
        #[starlark(args)] dicts: UnpackTuple<Value<'v>>,
        heap: Heap<'v>,
    ) -> starlark::Result<AllocDict<SmallMap<Value<'v>, Value<'v>>>> {
        let mut out = SmallMap::new();
        for value in dicts.items {
            if let Some(list) = value.downcast_ref::<Namedlist>() {
                for (name, item) in list.entries(heap) {
                    out.insert_hashed(heap.alloc(name).get_hashed()?, item);
                }
                continue;
            }
            let dict = DictRef::from_value(value)
                .ok_or_else(|| message(format!("`**` takes a dictionary, not a {}", value.get_type())))?;
            for (key, value) in dict.iter() {
                out.insert_hashed(key.get_hashed()?, value);
            }
        }
        Ok(AllocDict(out))
    }

    /// A failed `assert`.
    fn __assert__<'v>(#[starlark(default = NoneOr::None)] msg: NoneOr<Value<'v>>) -> starlark::Result<NoneType> {
        Err(message(match msg {
            NoneOr::None => "assertion failed".to_owned(),
            NoneOr::Other(msg) => format!("assertion failed: {}", str_of(msg)),
        }))
    }

    /// `raise Kind(msg)`.
    fn __raise__<'v>(
        #[starlark(default = "Exception")] kind: &str,
        #[starlark(default = NoneOr::None)] msg: NoneOr<Value<'v>>,
    ) -> starlark::Result<NoneType> {
        Err(message(match msg {
            NoneOr::None => kind.to_owned(),
            NoneOr::Other(msg) => format!("{kind}: {}", str_of(msg)),
        }))
    }

    /// `type(x) == kind`, where Starlark's `type` gives a text.
    fn __type_is__<'v>(x: Value<'v>, kind: Value<'v>) -> starlark::Result<bool> {
        is_exactly(x, kind)
    }

    /// Python's `str(x)`.
    fn str<'v>(#[starlark(require = pos)] x: Option<Value<'v>>) -> starlark::Result<String> {
        Ok(x.map(str_of).unwrap_or_default())
    }

    fn hex<'v>(#[starlark(require = pos)] x: Value<'v>) -> starlark::Result<String> {
        in_base("hex", x, |digits| format!("0x{digits:x}"))
    }

    fn oct<'v>(#[starlark(require = pos)] x: Value<'v>) -> starlark::Result<String> {
        in_base("oct", x, |digits| format!("0o{digits:o}"))
    }

    fn bin<'v>(#[starlark(require = pos)] x: Value<'v>) -> starlark::Result<String> {
        in_base("bin", x, |digits| format!("0b{digits:b}"))
    }

    fn isinstance<'v>(x: Value<'v>, kind: Value<'v>) -> starlark::Result<bool> {
        is_instance(x, kind)
    }

    /// Prints to standard error: standard output is for what flow itself is asked for.
    fn print<'v>(
        #[starlark(args)] args: UnpackTuple<Value<'v>>,
        #[starlark(require = named, default = NoneOr::None)] sep: NoneOr<&str>,
        #[starlark(require = named, default = NoneOr::None)] end: NoneOr<&str>,
        #[starlark(require = named, default = NoneOr::None)] file: NoneOr<Value<'v>>,
        #[starlark(require = named, default = false)] flush: bool,
    ) -> starlark::Result<NoneType> {
        let _: (_, bool) = (file, flush);
        let texts: Vec<String> = args.items.into_iter().map(str_of).collect();
        let text = texts.join(sep.into_option().unwrap_or(" ")) + end.into_option().unwrap_or("\n");
        crate::witness::spoil();
        // A closed standard error is no reason to fail.
        let _ = std::io::stderr().write_all(text.as_bytes());
        Ok(NoneType)
    }

    fn repr<'v>(#[starlark(require = pos)] x: Value<'v>) -> starlark::Result<String> {
        Ok(repr_of(x))
    }

    fn sum<'v>(
        #[starlark(require = pos)] values: Value<'v>,
        #[starlark(default = NoneOr::None)] start: NoneOr<Value<'v>>,
        heap: Heap<'v>,
    ) -> starlark::Result<Value<'v>> {
        let mut total = start.into_option().unwrap_or_else(|| heap.alloc(0));
        for value in values.iterate(heap)? {
            let value = value.unpack_bool().map_or(value, |b| heap.alloc(i32::from(b)));
            total = total.add(value, heap)?;
        }
        Ok(total)
    }

    fn round<'v>(
        #[starlark(require = pos)] number: Value<'v>,
        #[starlark(default = NoneOr::None)] ndigits: NoneOr<i32>,
        heap: Heap<'v>,
    ) -> starlark::Result<Value<'v>> {
        rounded(number, ndigits.into_option(), heap)
    }

    fn pow<'v>(
        base: Value<'v>,
        exp: Value<'v>,
        #[starlark(default = NoneOr::None)] r#mod: NoneOr<Value<'v>>,
        heap: Heap<'v>,
    ) -> starlark::Result<Value<'v>> {
        let result = power(base, exp, heap)?;
        match r#mod {
            NoneOr::None => Ok(result),
            NoneOr::Other(modulus) => binary(BinaryOp::Mod, result, modulus, heap),
        }
    }

    fn divmod<'v>(a: Value<'v>, b: Value<'v>, heap: Heap<'v>) -> starlark::Result<(Value<'v>, Value<'v>)> {
        Ok((binary(BinaryOp::FloorDiv, a, b, heap)?, binary(BinaryOp::Mod, a, b, heap)?))
    }

    fn format<'v>(
        #[starlark(require = pos)] value: Value<'v>,
        #[starlark(require = pos, default = "")] spec: &str,
    ) -> starlark::Result<String> {
        format_field(value, "", spec).map_err(starlark::Error::new_other)
    }

    fn map<'v>(
        #[starlark(require = pos)] function: Value<'v>,
        #[starlark(args)] iterables: UnpackTuple<Value<'v>>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<Vec<Value<'v>>> {
        let rounds = rounds(&iterables.items, eval.heap())?;
        rounds.into_iter().map(|round| eval.eval_function(function, &round, &[])).collect()
    }

    fn filter<'v>(
        #[starlark(require = pos)] function: NoneOr<Value<'v>>,
        #[starlark(require = pos)] iterable: Value<'v>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<AllocList<Vec<Value<'v>>>> {
        let mut out = Vec::new();
        for item in items(iterable, eval.heap())? {
            let keep = match function {
                NoneOr::None => item,
                NoneOr::Other(function) => eval.eval_function(function, &[item], &[])?,
            };
            if truth(keep)?.to_bool() {
                out.push(item);
            }
        }
        Ok(AllocList(out))
    }

    fn min<'v>(
        #[starlark(args)] args: UnpackTuple<Value<'v>>,
        #[starlark(require = named, default = NoneOr::None)] key: NoneOr<Value<'v>>,
        #[starlark(require = named)] default: Option<Value<'v>>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<Value<'v>> {
        extreme("min", BinaryOp::Lt, args, key, default, eval)
    }

    fn max<'v>(
        #[starlark(args)] args: UnpackTuple<Value<'v>>,
        #[starlark(require = named, default = NoneOr::None)] key: NoneOr<Value<'v>>,
        #[starlark(require = named)] default: Option<Value<'v>>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<Value<'v>> {
        extreme("max", BinaryOp::Gt, args, key, default, eval)
    }
}
