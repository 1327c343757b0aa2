//! `math`: real functions and a few of whole numbers, with Python's domain errors.

use starlark::environment::GlobalsBuilder;
use starlark::starlark_module;
use starlark::values::float::UnpackFloat;
use starlark::values::none::NoneOr;
use starlark::values::tuple::UnpackTuple;
use starlark::values::{Heap, Value};

use super::message;
use crate::dialect::text::{integer, items};

pub fn constants(builder: &mut GlobalsBuilder) {
    builder.set("pi", std::f64::consts::PI);
    builder.set("e", std::f64::consts::E);
    builder.set("tau", std::f64::consts::TAU);
    builder.set("inf", f64::INFINITY);
    builder.set("nan", f64::NAN);
}

/// A result that must be a number where the argument was one.
fn real(name: &str, x: f64, result: f64) -> starlark::Result<f64> {
    if result.is_nan() && !x.is_nan() {
        return Err(message(format!("math.{name}({x}) is not defined")));
    }
    if result.is_infinite() && x.is_finite() {
        return Err(message(format!("math.{name}({x}) is too large")));
    }
    Ok(result)
}

fn logarithm(x: f64) -> starlark::Result<f64> {
    if x > 0.0 || x.is_nan() { Ok(x.ln()) } else { Err(message(format!("math.log({x}) is not defined"))) }
}

/// A float turned into an integer; an integer stays as it is.
#[allow(clippy::cast_possible_truncation)]
fn whole<'v>(x: Value<'v>, turn: fn(f64) -> f64, heap: Heap<'v>) -> starlark::Result<Value<'v>> {
    if integer(x).is_some() {
        return Ok(x);
    }
    let number = match crate::dialect::text::float(x) {
        Some(number) => turn(number),
        None => return Err(message(format!("not a number but a {}", x.get_type()))),
    };
    if number.abs() < 9e18 { Ok(heap.alloc(number as i64)) } else { Err(message(format!("{number} is no integer"))) }
}

fn natural(name: &str, n: i64) -> starlark::Result<u64> {
    u64::try_from(n).map_err(|_| message(format!("math.{name} takes numbers from 0, not {n}")))
}

fn divisor(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { divisor(b, a % b) }
}

#[starlark_module]
#[allow(clippy::unnecessary_wraps)]
pub fn functions(builder: &mut GlobalsBuilder) {
    fn ceil<'v>(x: Value<'v>, heap: Heap<'v>) -> starlark::Result<Value<'v>> {
        whole(x, f64::ceil, heap)
    }
    fn floor<'v>(x: Value<'v>, heap: Heap<'v>) -> starlark::Result<Value<'v>> {
        whole(x, f64::floor, heap)
    }
    fn trunc<'v>(x: Value<'v>, heap: Heap<'v>) -> starlark::Result<Value<'v>> {
        whole(x, f64::trunc, heap)
    }
    fn sqrt(x: UnpackFloat) -> starlark::Result<f64> {
        real("sqrt", x.0, x.0.sqrt())
    }
    fn exp(x: UnpackFloat) -> starlark::Result<f64> {
        real("exp", x.0, x.0.exp())
    }
    fn log(x: UnpackFloat, #[starlark(default = NoneOr::None)] base: NoneOr<UnpackFloat>) -> starlark::Result<f64> {
        match base {
            NoneOr::None => logarithm(x.0),
            NoneOr::Other(base) => {
                let divisor = logarithm(base.0)?;
                real("log", base.0, logarithm(x.0)? / divisor)
            }
        }
    }
    fn log2(x: UnpackFloat) -> starlark::Result<f64> {
        logarithm(x.0).map(|_| x.0.log2())
    }
    fn log10(x: UnpackFloat) -> starlark::Result<f64> {
        logarithm(x.0).map(|_| x.0.log10())
    }
    fn pow(x: UnpackFloat, y: UnpackFloat) -> starlark::Result<f64> {
        real("pow", x.0, x.0.powf(y.0))
    }
    fn sin(x: UnpackFloat) -> starlark::Result<f64> {
        real("sin", x.0, x.0.sin())
    }
    fn cos(x: UnpackFloat) -> starlark::Result<f64> {
        real("cos", x.0, x.0.cos())
    }
    fn tan(x: UnpackFloat) -> starlark::Result<f64> {
        real("tan", x.0, x.0.tan())
    }
    fn asin(x: UnpackFloat) -> starlark::Result<f64> {
        real("asin", x.0, x.0.asin())
    }
    fn acos(x: UnpackFloat) -> starlark::Result<f64> {
        real("acos", x.0, x.0.acos())
    }
    fn atan(x: UnpackFloat) -> starlark::Result<f64> {
        Ok(x.0.atan())
    }
    fn atan2(y: UnpackFloat, x: UnpackFloat) -> starlark::Result<f64> {
        Ok(y.0.atan2(x.0))
    }
    fn hypot(x: UnpackFloat, y: UnpackFloat) -> starlark::Result<f64> {
        Ok(x.0.hypot(y.0))
    }
    fn degrees(x: UnpackFloat) -> starlark::Result<f64> {
        Ok(x.0.to_degrees())
    }
    fn radians(x: UnpackFloat) -> starlark::Result<f64> {
        Ok(x.0.to_radians())
    }
    fn fabs(x: UnpackFloat) -> starlark::Result<f64> {
        Ok(x.0.abs())
    }
    fn fmod(x: UnpackFloat, y: UnpackFloat) -> starlark::Result<f64> {
        real("fmod", x.0, x.0 % y.0)
    }
    fn copysign(x: UnpackFloat, y: UnpackFloat) -> starlark::Result<f64> {
        Ok(x.0.copysign(y.0))
    }
    fn isnan(x: UnpackFloat) -> starlark::Result<bool> {
        Ok(x.0.is_nan())
    }
    fn isinf(x: UnpackFloat) -> starlark::Result<bool> {
        Ok(x.0.is_infinite())
    }
    fn isfinite(x: UnpackFloat) -> starlark::Result<bool> {
        Ok(x.0.is_finite())
    }
    fn isclose(
        a: UnpackFloat,
        b: UnpackFloat,
        #[starlark(require = named, default = UnpackFloat(1e-9))] rel_tol: UnpackFloat,
        #[starlark(require = named, default = UnpackFloat(0.0))] abs_tol: UnpackFloat,
    ) -> starlark::Result<bool> {
        let difference = (a.0 - b.0).abs();
        let bound = (rel_tol.0 * a.0.abs().max(b.0.abs())).max(abs_tol.0);
        Ok(a.0 == b.0 || (difference.is_finite() && difference <= bound))
    }
    fn isqrt(n: i64) -> starlark::Result<u64> {
        natural("isqrt", n).map(u64::isqrt)
    }
    fn gcd(#[starlark(args)] numbers: UnpackTuple<i64>) -> starlark::Result<u64> {
        Ok(numbers.items.into_iter().fold(0, |a, b| divisor(a, b.unsigned_abs())))
    }
    fn lcm(#[starlark(args)] numbers: UnpackTuple<i64>) -> starlark::Result<u64> {
        let step = |a: u64, b: i64| match b.unsigned_abs() {
            0 => Some(0),
            b => (a / divisor(a, b).max(1)).checked_mul(b),
        };
        numbers.items.into_iter().try_fold(1, step).ok_or_else(|| message("math.lcm: the result is too large"))
    }
    fn factorial<'v>(n: i64, heap: Heap<'v>) -> starlark::Result<Value<'v>> {
        let n = natural("factorial", n)?;
        if n > 10_000 {
            return Err(message(format!("math.factorial({n}) is too large")));
        }
        (2..=n).try_fold(heap.alloc(1), |product, factor| product.mul(heap.alloc(factor), heap))
    }
    fn comb<'v>(n: i64, k: i64, heap: Heap<'v>) -> starlark::Result<Value<'v>> {
        let (n, k) = (natural("comb", n)?, natural("comb", k)?);
        if k > n {
            return Ok(heap.alloc(0));
        }
        let k = k.min(n - k);
        (1..=k).try_fold(heap.alloc(1), |product, at| {
            product.mul(heap.alloc(n - k + at), heap)?.floor_div(heap.alloc(at), heap)
        })
    }
    fn prod<'v>(values: Value<'v>, heap: Heap<'v>) -> starlark::Result<Value<'v>> {
        items(values, heap)?.into_iter().try_fold(heap.alloc(1), |product, factor| product.mul(factor, heap))
    }
    /// The sum without the rounding errors of the way: Neumaier's variant of Kahan's summation.
    fn fsum<'v>(values: Value<'v>, heap: Heap<'v>) -> starlark::Result<f64> {
        let (mut total, mut lost) = (0.0f64, 0.0f64);
        for value in items(values, heap)? {
            #[allow(clippy::cast_precision_loss)]
            let number = crate::dialect::text::float(value).or(integer(value).map(|whole| whole as f64));
            let number = number.ok_or_else(|| message("math.fsum takes numbers"))?;
            let next = total + number;
            lost += if total.abs() >= number.abs() { (total - next) + number } else { (number - next) + total };
            total = next;
        }
        Ok(total + lost)
    }
}
