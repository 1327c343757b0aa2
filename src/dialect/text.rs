//! Starlark values as Python writes them: `str()`, `repr()`, and `format()` with a spec. Starlark's own `str()` of a list
//! quotes with `"`, which would show in every message and, through placeholders, in commands.

use starlark::values::dict::DictRef;
use starlark::values::float::UnpackFloat;
use starlark::values::list::ListRef;
use starlark::values::tuple::TupleRef;
use starlark::values::{Heap, UnpackValue, Value};

use super::format::{self, FormatError, Scalar};
use super::namedlist::Namedlist;
use super::number::repr_float;

/// Deeper than this a value is shown as `...`: it contains itself.
const DEEPEST: usize = 100;

/// Python's `str(value)`.
pub fn str_of(value: Value<'_>) -> String {
    match value.unpack_str() {
        Some(text) => text.to_owned(),
        None if matches!(value.get_type(), "list" | "tuple" | "dict" | "float") => repr_of(value),
        None => value.to_str(),
    }
}

/// Python's `repr(value)`.
pub fn repr_of(value: Value<'_>) -> String {
    let mut out = String::new();
    write_repr(&mut out, value, 0);
    out
}

fn write_repr(out: &mut String, value: Value<'_>, depth: usize) {
    if depth > DEEPEST {
        return out.push_str("...");
    }
    if let Some(text) = value.unpack_str() {
        out.push_str(&format::repr_str(text));
    } else if let Some(number) = float(value) {
        out.push_str(&repr_float(number));
    } else if let Some(list) = ListRef::from_value(value) {
        write_items(out, "[", list.iter(), "]", depth);
    } else if let Some(tuple) = TupleRef::from_value(value) {
        let close = if tuple.len() == 1 { ",)" } else { ")" };
        write_items(out, "(", tuple.iter(), close, depth);
    } else if let Some(dict) = DictRef::from_value(value) {
        out.push('{');
        for (at, (key, value)) in dict.iter().enumerate() {
            out.push_str(if at == 0 { "" } else { ", " });
            write_repr(out, key, depth + 1);
            out.push_str(": ");
            write_repr(out, value, depth + 1);
        }
        out.push('}');
    } else if let Some(named) = Namedlist::from_value(value) {
        out.push_str(&format::repr_value(&crate::value::Value::List(named.items().to_vec())));
    } else {
        out.push_str(&value.to_repr());
    }
}

fn write_items<'v>(out: &mut String, open: &str, items: impl Iterator<Item = Value<'v>>, close: &str, depth: usize) {
    out.push_str(open);
    for (at, item) in items.enumerate() {
        out.push_str(if at == 0 { "" } else { ", " });
        write_repr(out, item, depth + 1);
    }
    out.push_str(close);
}

/// A float, and no integer.
pub fn float(value: Value<'_>) -> Option<f64> {
    if value.get_type() != "float" {
        return None;
    }
    UnpackFloat::unpack_value(value).ok().flatten().map(|number| number.0)
}

/// An integer of at most 128 bits, and no boolean.
pub fn integer(value: Value<'_>) -> Option<i128> {
    if let Some(small) = value.unpack_i32() {
        return Some(i128::from(small));
    }
    if value.get_type() == "int" { value.to_str().parse().ok() } else { None }
}

/// A value as [`mod@format`] sees it.
pub fn scalar(value: Value<'_>) -> Scalar {
    if let Some(text) = value.unpack_str() {
        Scalar::Str(text.to_owned())
    } else if let Some(value) = value.unpack_bool() {
        Scalar::Bool(value)
    } else if let Some(number) = integer(value) {
        Scalar::Int(number)
    } else if let Some(number) = float(value) {
        Scalar::Float(number)
    } else {
        Scalar::Other(value.get_type().to_owned(), str_of(value))
    }
}

/// A replacement field: a conversion (`r`, `s`, `a`, or empty), then a format spec.
pub fn format_field(value: Value<'_>, conversion: &str, spec: &str) -> Result<String, FormatError> {
    match conversion {
        "" if spec.is_empty() => Ok(str_of(value)),
        "" => format::format_scalar(&scalar(value), spec),
        "s" => format::format_scalar(&Scalar::Str(str_of(value)), spec),
        "r" => format::format_scalar(&Scalar::Str(repr_of(value)), spec),
        "a" => format::format_scalar(&Scalar::Str(format::ascii(&repr_of(value))), spec),
        other => Err(FormatError::Template(format!("`!{other}` is no conversion: use !r, !s or !a"))),
    }
}

/// The items of an iterable, as an owned list; of a text its characters, which Starlark does not step through.
pub fn items<'v>(value: Value<'v>, heap: Heap<'v>) -> starlark::Result<Vec<Value<'v>>> {
    if let Some(text) = value.unpack_str() {
        return Ok(text.chars().map(|c| heap.alloc(c)).collect());
    }
    Ok(value.iterate(heap)?.collect())
}
