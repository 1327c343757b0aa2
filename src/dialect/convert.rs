//! Plain values ⇄ Starlark values. Dictionary keys become text, as YAML's and JSON's are; what is no plain data (a
//! function, an image) is an error that says where in the value it stands.

use std::collections::BTreeMap;

use starlark::values::dict::{AllocDict, DictRef};
use starlark::values::list::AllocList;
use starlark::values::{Heap, UnpackValue, Value, float::UnpackFloat};

use super::modules::path::PathValue;
use super::namedlist::Namedlist;
use super::text::str_of;
use crate::value::{self, Dict};

/// A part of a value that is no plain data.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place} is a {kind}, which is not plain data (text, numbers, booleans, lists, dictionaries)")]
pub struct NotPlain {
    /// `the value`, or a path into it as in `the value["a"][0]`.
    pub place: String,
    pub kind: String,
}

/// A plain value on a heap.
pub fn to_starlark<'v>(value: &value::Value, heap: Heap<'v>) -> Value<'v> {
    match value {
        value::Value::None => Value::new_none(),
        value::Value::Bool(value) => Value::new_bool(*value),
        value::Value::Int(value) => heap.alloc(*value),
        value::Value::Float(value) => heap.alloc(*value),
        value::Value::Str(value) => heap.alloc(value.as_str()),
        value::Value::List(items) => heap.alloc(AllocList(items.iter().map(|item| to_starlark(item, heap)))),
        value::Value::Dict(dict) => {
            heap.alloc(AllocDict(dict.iter().map(|(key, value)| (key.as_str(), to_starlark(value, heap)))))
        }
    }
}

/// The plain data of a Starlark value: tuples, sets, ranges and named lists come out as lists, paths as text.
pub fn from_starlark<'v>(value: Value<'v>, heap: Heap<'v>) -> Result<value::Value, NotPlain> {
    convert(value, heap, 0).map_err(|Refused { steps, kind }| {
        let steps: String = steps.into_iter().rev().collect();
        NotPlain { place: format!("the value{steps}"), kind }
    })
}

/// The argument of `shell(…)` under which lowering puts the values that its placeholders name.
pub const SHELL_NAMES: &str = "__names__";

/// What the placeholders of a `shell(…)` stand for: plain data as it is, and all else as `str()` writes it.
pub fn placeholders<'v>(names: Value<'v>, heap: Heap<'v>) -> BTreeMap<String, value::Value> {
    let Some(dict) = DictRef::from_value(names) else { return BTreeMap::new() };
    let plain = |value| from_starlark(value, heap).unwrap_or_else(|_| value::Value::Str(str_of(value)));
    dict.iter().map(|(name, value)| (str_of(name), plain(value))).collect()
}

/// The way to a refused part, from the inside out, and the type found there.
struct Refused {
    steps: Vec<String>,
    kind: String,
}

impl Refused {
    fn within(mut self, step: String) -> Refused {
        self.steps.push(step);
        self
    }
}

/// Values nest no deeper than this; a list that contains itself would.
pub const DEEPEST: usize = 200;

/// What a value that nests deeper is called.
pub const TOO_DEEP: &str = "list or dictionary that contains itself, or is nested too deeply";

fn convert<'v>(value: Value<'v>, heap: Heap<'v>, depth: usize) -> Result<value::Value, Refused> {
    let refused = |kind: &str| Refused { steps: Vec::new(), kind: kind.to_owned() };
    if depth > DEEPEST {
        return Err(refused(TOO_DEEP));
    }
    if value.is_none() {
        return Ok(value::Value::None);
    }
    if let Some(value) = value.unpack_bool() {
        return Ok(value::Value::Bool(value));
    }
    if let Some(text) = value.unpack_str() {
        return Ok(value::Value::Str(text.to_owned()));
    }
    if let Ok(Some(number)) = i64::unpack_value(value) {
        return Ok(value::Value::Int(number));
    }
    if value.get_type() == "float" {
        return Ok(UnpackFloat::unpack_value(value)
            .ok()
            .flatten()
            .map_or_else(Default::default, |f| value::Value::Float(f.0)));
    }
    if let Some(path) = PathValue::from_value(value) {
        return Ok(value::Value::Str(path.text().to_owned()));
    }
    if let Some(named) = Namedlist::from_value(value) {
        return Ok(value::Value::List(named.items().to_vec()));
    }
    if let Some(dict) = DictRef::from_value(value) {
        let mut out = Dict::default();
        for (key, item) in dict.iter() {
            let text = match key.unpack_str() {
                Some(text) => text.to_owned(),
                None if matches!(key.get_type(), "int" | "float" | "bool" | "NoneType") => key.to_str(),
                None => return Err(refused(key.get_type()).within(".keys()".to_owned())),
            };
            let item = convert(item, heap, depth + 1).map_err(|r| r.within(format!("[{text:?}]")))?;
            out.insert(text, item);
        }
        return Ok(value::Value::Dict(out));
    }
    if !matches!(value.get_type(), "list" | "tuple" | "set" | "range") {
        return Err(refused(if value.get_type() == "int" { "integer of more than 64 bits" } else { value.get_type() }));
    }
    let items = value.iterate(heap).map_err(|_| refused(value.get_type()))?;
    let item = |(at, item)| convert(item, heap, depth + 1).map_err(|r| r.within(format!("[{at}]")));
    Ok(value::Value::List(items.enumerate().map(item).collect::<Result<_, _>>()?))
}
