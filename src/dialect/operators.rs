//! Python's operators where Starlark's are narrower, and a seam for values that define their own: an image takes
//! `2 - image`, `image < 3` and `image[10:20, :]` by providing an [`Overload`] and an [`Indexing`].

use std::cmp::Ordering;

use allocative::Allocative;
use starlark::any::ProvidesStaticType;
use starlark::environment::GlobalsBuilder;
use starlark::starlark_module;
use starlark::starlark_simple_value;
use starlark::values::dict::DictRef;
use starlark::values::tuple::TupleRef;
use starlark::values::{
    Heap, NoSerialize, StarlarkPagablePanic, StarlarkValue, UnpackValue, Value, none::NoneOr, starlark_value,
};

use super::template;
use super::text::{float, integer};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BinaryOp {
    Sub,
    Div,
    FloorDiv,
    Mod,
    Pow,
    Lt,
    Le,
    Gt,
    Ge,
    Eq,
    Ne,
}

impl BinaryOp {
    pub fn symbol(self) -> &'static str {
        match self {
            BinaryOp::Sub => "-",
            BinaryOp::Div => "/",
            BinaryOp::FloorDiv => "//",
            BinaryOp::Mod => "%",
            BinaryOp::Pow => "**",
            BinaryOp::Lt => "<",
            BinaryOp::Le => "<=",
            BinaryOp::Gt => ">",
            BinaryOp::Ge => ">=",
            BinaryOp::Eq => "==",
            BinaryOp::Ne => "!=",
        }
    }

    fn compares(self) -> bool {
        use BinaryOp::{Eq, Ge, Gt, Le, Lt, Ne};
        matches!(self, Lt | Le | Gt | Ge | Eq | Ne)
    }

    fn holds(self, ordering: Ordering) -> bool {
        match self {
            BinaryOp::Lt => ordering.is_lt(),
            BinaryOp::Le => ordering.is_le(),
            BinaryOp::Gt => ordering.is_gt(),
            BinaryOp::Ge => ordering.is_ge(),
            BinaryOp::Ne => ordering.is_ne(),
            _ => ordering.is_eq(),
        }
    }
}

/// Operators of a value's own. A `StarlarkValue` offers one with
/// `fn provide(&'v self, demand) { demand.provide_value(Overload(my_function)) }`; the function is called when either
/// operand provides it, with the operands in their written order, and gives `None` for what it has no meaning for.
/// `+`, `*` and the unary operators are Starlark's own and are overloaded in `StarlarkValue`.
#[derive(Clone, Copy, ProvidesStaticType)]
pub struct Overload(pub BinaryFunction);

pub type BinaryFunction = for<'v> fn(BinaryOp, Value<'v>, Value<'v>, Heap<'v>) -> Option<starlark::Result<Value<'v>>>;

/// Indexing of a value's own, offered as [`Overload`] is: `x[a, b:c]` calls it with `x` and the indices, each an
/// ordinary value or a [`Slice`].
#[derive(Clone, Copy, ProvidesStaticType)]
pub struct Indexing(pub IndexFunction);

pub type IndexFunction = for<'v> fn(Value<'v>, &[Value<'v>], Heap<'v>) -> starlark::Result<Value<'v>>;

/// Offered by a value that is neither true nor false: whatever asks it for its truth gets this error.
#[derive(Clone, Copy, ProvidesStaticType)]
pub struct NoTruth(pub fn() -> starlark::Error);

/// A value that is asked whether it is true.
///
/// # Errors
/// The value's own, where it has no single truth.
pub fn truth(value: Value<'_>) -> starlark::Result<Value<'_>> {
    if value.unpack_bool().is_some() || value.unpack_i32().is_some() || value.unpack_str().is_some() {
        return Ok(value);
    }
    match value.request_value::<NoTruth>() {
        Some(NoTruth(error)) => Err(error()),
        None => Ok(value),
    }
}

/// `a:b:c` inside an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ProvidesStaticType, NoSerialize, Allocative, StarlarkPagablePanic)]
pub struct Slice {
    pub start: Option<i64>,
    pub stop: Option<i64>,
    pub step: Option<i64>,
}

starlark_simple_value!(Slice);

#[starlark_value(type = "slice")]
impl<'v> StarlarkValue<'v> for Slice {}

impl std::fmt::Display for Slice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let part = |part: Option<i64>| part.map_or("None".to_owned(), |at| at.to_string());
        write!(f, "slice({}, {}, {})", part(self.start), part(self.stop), part(self.step))
    }
}

fn message(text: String) -> starlark::Error {
    starlark::Error::new_other(anyhow::Error::msg(text))
}

/// `a op b` as Python has it: numbers and texts first, then an [`Overload`], then Starlark's own operator.
pub fn binary<'v>(op: BinaryOp, a: Value<'v>, b: Value<'v>, heap: Heap<'v>) -> starlark::Result<Value<'v>> {
    if let (Some(x), Some(y)) = (a.unpack_i32(), b.unpack_i32()) {
        if let Some(result) = small(op, i64::from(x), i64::from(y), heap) {
            return Ok(result);
        }
    } else if let (Some(x), Some(y)) = (a.unpack_str(), b.unpack_str())
        && op.compares()
    {
        return Ok(Value::new_bool(op.holds(x.cmp(y))));
    }
    if let (BinaryOp::Mod, Some(template)) = (op, a.unpack_str()) {
        return template::printf(template, b, heap).map(|text| heap.alloc(text));
    }
    for side in [a, b] {
        if let Some(Overload(function)) = side.request_value::<Overload>()
            && let Some(result) = function(op, a, b, heap)
        {
            return result;
        }
    }
    let (x, y) = (number_of_bool(a, b, heap), number_of_bool(b, a, heap));
    match op {
        BinaryOp::Sub => x.sub(y, heap),
        BinaryOp::Div => x.div(y, heap),
        BinaryOp::FloorDiv => x.floor_div(y, heap),
        BinaryOp::Mod => match (float(x).or(float(y)), real(x), real(y)) {
            (Some(_), Some(x), Some(y)) if y != 0.0 => Ok(heap.alloc(remainder(x, y))),
            _ => x.percent(y, heap),
        },
        BinaryOp::Pow => power(x, y, heap),
        BinaryOp::Eq => x.equals(y).map(Value::new_bool),
        BinaryOp::Ne => x.equals(y).map(|equal| Value::new_bool(!equal)),
        BinaryOp::Lt | BinaryOp::Le if is_set(a) && is_set(b) => within(a, b, op == BinaryOp::Lt, heap),
        BinaryOp::Gt | BinaryOp::Ge if is_set(a) && is_set(b) => within(b, a, op == BinaryOp::Gt, heap),
        // NaN is neither less nor more, where Starlark has an order for it.
        _ if float(x).is_some_and(f64::is_nan) || float(y).is_some_and(f64::is_nan) => Ok(Value::new_bool(false)),
        _ => x.compare(y).map(|ordering| Value::new_bool(op.holds(ordering))),
    }
}

/// Booleans as the integers that Python takes them for.
fn counted<'v>(a: Value<'v>, b: Value<'v>, heap: Heap<'v>) -> (Value<'v>, Value<'v>) {
    let count = |value: Value<'v>| value.unpack_bool().map_or(value, |truth| heap.alloc(i32::from(truth)));
    (count(a), count(b))
}

fn is_set(value: Value<'_>) -> bool {
    value.get_type() == "set"
}

/// Whether all of one set is in another, and with `proper` not the other way round.
fn within<'v>(a: Value<'v>, b: Value<'v>, proper: bool, heap: Heap<'v>) -> starlark::Result<Value<'v>> {
    let mut all = !proper || a.length()? < b.length()?;
    for item in a.iterate(heap)? {
        all = all && b.is_in(item)?;
    }
    Ok(Value::new_bool(all))
}

/// Small integers, where the result is exact; `None` leaves the rest (division by zero among it) to Starlark.
fn small<'v>(op: BinaryOp, x: i64, y: i64, heap: Heap<'v>) -> Option<Value<'v>> {
    match op {
        BinaryOp::Sub => Some(heap.alloc(x - y)),
        BinaryOp::FloorDiv if y != 0 => Some(heap.alloc(x.div_euclid(y) - i64::from(y < 0 && x.rem_euclid(y) != 0))),
        BinaryOp::Mod if y != 0 => Some(heap.alloc(((x % y) + y) % y)),
        BinaryOp::Div | BinaryOp::FloorDiv | BinaryOp::Mod | BinaryOp::Pow => None,
        _ => Some(Value::new_bool(op.holds(x.cmp(&y)))),
    }
}

/// A boolean beside a number, or another one, counts as 0 or 1, as in Python.
fn number_of_bool<'v>(value: Value<'v>, beside: Value<'v>, heap: Heap<'v>) -> Value<'v> {
    match value.unpack_bool() {
        Some(value) if matches!(beside.get_type(), "int" | "float" | "bool") => heap.alloc(i32::from(value)),
        _ => value,
    }
}

/// A number as a float.
#[allow(clippy::cast_precision_loss)]
fn real(value: Value<'_>) -> Option<f64> {
    float(value).or_else(|| integer(value).map(|number| number as f64))
}

/// Python's `%` of floats: the sign is the divisor's, of zeros too.
fn remainder(x: f64, y: f64) -> f64 {
    let rest = x % y;
    if rest == 0.0 {
        0.0f64.copysign(y)
    } else if (rest < 0.0) != (y < 0.0) {
        rest + y
    } else {
        rest
    }
}

/// The largest result of `**` in bits: a larger one is a mistake, and must not cost the memory of the machine.
const MOST_BITS: u64 = 1 << 16;

/// `a ** b`: an integer where both are and the exponent is not negative, else a float.
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)]
pub fn power<'v>(a: Value<'v>, b: Value<'v>, heap: Heap<'v>) -> starlark::Result<Value<'v>> {
    let refused = || message(format!("`**` takes numbers, not {} and {}", a.get_type(), b.get_type()));
    if let (Some(base), Some(exponent)) = (integer(a), integer(b)) {
        if let Ok(mut exponent) = u64::try_from(exponent) {
            let bits = u64::from(128 - base.unsigned_abs().leading_zeros());
            if bits > 1 && bits.saturating_mul(exponent) > MOST_BITS {
                return Err(message(format!("{base} ** {exponent} has more than {MOST_BITS} bits")));
            }
            let (mut result, mut square) = (heap.alloc(1), a);
            while exponent > 0 {
                if exponent & 1 == 1 {
                    result = result.mul(square, heap)?;
                }
                exponent >>= 1;
                if exponent > 0 {
                    square = square.mul(square, heap)?;
                }
            }
            return Ok(result);
        }
        if base == 0 {
            return Err(message("zero to a negative power".to_owned()));
        }
        return Ok(heap.alloc((base as f64).powf(exponent as f64)));
    }
    let (base, exponent) = real(a).zip(real(b)).ok_or_else(refused)?;
    if base < 0.0 && exponent.fract() != 0.0 {
        return Err(message(format!("{base} ** {exponent} is no real number")));
    }
    if base == 0.0 && exponent < 0.0 {
        return Err(message("zero to a negative power".to_owned()));
    }
    Ok(heap.alloc(base.powf(exponent)))
}

/// `x[indices]`, where the indices are a tuple or contain a slice.
fn index<'v>(x: Value<'v>, indices: Value<'v>, heap: Heap<'v>) -> starlark::Result<Value<'v>> {
    let one = [indices];
    let parts = TupleRef::from_value(indices).map_or(&one[..], |tuple| tuple.content());
    if let Some(Indexing(function)) = x.request_value::<Indexing>() {
        return function(x, parts, heap);
    }
    if DictRef::from_value(x).is_some() {
        return x.at(indices, heap);
    }
    let [part] = parts else {
        return Err(message(format!("a {} takes one index, and here are {}", x.get_type(), parts.len())));
    };
    match Slice::from_value(*part) {
        Some(slice) => {
            let bound = |bound: Option<i64>| bound.map(|at| heap.alloc(at));
            x.slice(bound(slice.start), bound(slice.stop), bound(slice.step), heap)
        }
        None => x.at(*part, heap),
    }
}

/// `a is b`: one object; for what has no identity (numbers, texts, None) the same type and value.
fn is<'v>(a: Value<'v>, b: Value<'v>) -> starlark::Result<bool> {
    let plain = |value: Value<'_>| matches!(value.get_type(), "NoneType" | "bool" | "int" | "float" | "string");
    Ok(a.ptr_eq(b) || (plain(a) && a.get_type() == b.get_type() && a.equals(b)?))
}

fn bound(value: NoneOr<Value<'_>>) -> starlark::Result<Option<i64>> {
    match value {
        NoneOr::None => Ok(None),
        NoneOr::Other(value) => match i64::unpack_value(value) {
            Ok(Some(at)) => Ok(Some(at)),
            _ if value.get_type() == "int" => {
                Err(message(format!("a slice takes integers of at most 64 bits, and {} has more", value.to_str())))
            }
            _ => Err(message(format!("a slice takes integers, not a {}", value.get_type()))),
        },
    }
}

/// The functions that lowering calls for operators.
#[starlark_module]
#[allow(clippy::unnecessary_wraps)]
pub fn operators(builder: &mut GlobalsBuilder) {
    fn __sub__<'v>(a: Value<'v>, b: Value<'v>, heap: Heap<'v>) -> starlark::Result<Value<'v>> {
        binary(BinaryOp::Sub, a, b, heap)
    }
    fn __div__<'v>(a: Value<'v>, b: Value<'v>, heap: Heap<'v>) -> starlark::Result<Value<'v>> {
        binary(BinaryOp::Div, a, b, heap)
    }
    fn __floordiv__<'v>(a: Value<'v>, b: Value<'v>, heap: Heap<'v>) -> starlark::Result<Value<'v>> {
        binary(BinaryOp::FloorDiv, a, b, heap)
    }
    fn __mod__<'v>(a: Value<'v>, b: Value<'v>, heap: Heap<'v>) -> starlark::Result<Value<'v>> {
        binary(BinaryOp::Mod, a, b, heap)
    }
    fn __pow__<'v>(a: Value<'v>, b: Value<'v>, heap: Heap<'v>) -> starlark::Result<Value<'v>> {
        binary(BinaryOp::Pow, a, b, heap)
    }
    fn __lt__<'v>(a: Value<'v>, b: Value<'v>, heap: Heap<'v>) -> starlark::Result<Value<'v>> {
        binary(BinaryOp::Lt, a, b, heap)
    }
    fn __le__<'v>(a: Value<'v>, b: Value<'v>, heap: Heap<'v>) -> starlark::Result<Value<'v>> {
        binary(BinaryOp::Le, a, b, heap)
    }
    fn __gt__<'v>(a: Value<'v>, b: Value<'v>, heap: Heap<'v>) -> starlark::Result<Value<'v>> {
        binary(BinaryOp::Gt, a, b, heap)
    }
    fn __ge__<'v>(a: Value<'v>, b: Value<'v>, heap: Heap<'v>) -> starlark::Result<Value<'v>> {
        binary(BinaryOp::Ge, a, b, heap)
    }
    fn __eq__<'v>(a: Value<'v>, b: Value<'v>, heap: Heap<'v>) -> starlark::Result<Value<'v>> {
        binary(BinaryOp::Eq, a, b, heap)
    }
    fn __ne__<'v>(a: Value<'v>, b: Value<'v>, heap: Heap<'v>) -> starlark::Result<Value<'v>> {
        binary(BinaryOp::Ne, a, b, heap)
    }
    /// `a + b` and `a * b` where one may be a boolean, which counts as 0 or 1.
    fn __add__<'v>(a: Value<'v>, b: Value<'v>, heap: Heap<'v>) -> starlark::Result<Value<'v>> {
        let (x, y) = counted(a, b, heap);
        x.add(y, heap)
    }
    fn __mul__<'v>(a: Value<'v>, b: Value<'v>, heap: Heap<'v>) -> starlark::Result<Value<'v>> {
        let (x, y) = counted(a, b, heap);
        x.mul(y, heap)
    }
    /// What a condition asks.
    fn __truth__<'v>(#[starlark(require = pos)] value: Value<'v>) -> starlark::Result<Value<'v>> {
        truth(value)
    }
    fn __is__<'v>(a: Value<'v>, b: Value<'v>) -> starlark::Result<bool> {
        is(a, b)
    }
    fn __index__<'v>(x: Value<'v>, indices: Value<'v>, heap: Heap<'v>) -> starlark::Result<Value<'v>> {
        index(x, indices, heap)
    }
    fn __slice__<'v>(
        start: NoneOr<Value<'v>>,
        stop: NoneOr<Value<'v>>,
        #[starlark(default = NoneOr::None)] step: NoneOr<Value<'v>>,
    ) -> starlark::Result<Slice> {
        Ok(Slice { start: bound(start)?, stop: bound(stop)?, step: bound(step)? })
    }
}
