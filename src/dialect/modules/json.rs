//! `json`: `dumps` and `loads`, with Python's layout.

use starlark::environment::GlobalsBuilder;
use starlark::starlark_module;
use starlark::values::none::NoneOr;
use starlark::values::{Heap, Value};

use super::message;
use crate::dialect::convert::{from_starlark, to_starlark};
use crate::dialect::number::repr_float;
use crate::value;

/// How `dumps` lays out its text.
struct Layout {
    indent: Option<usize>,
    sort_keys: bool,
}

impl Layout {
    fn write(&self, out: &mut String, value: &value::Value, depth: usize) {
        match value {
            value::Value::None => out.push_str("null"),
            value::Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            value::Value::Int(value) => out.push_str(&value.to_string()),
            value::Value::Float(value) if value.is_nan() => out.push_str("NaN"),
            value::Value::Float(value) if value.is_infinite() => {
                out.push_str(if *value > 0.0 { "Infinity" } else { "-Infinity" });
            }
            value::Value::Float(value) => out.push_str(&repr_float(*value)),
            value::Value::Str(text) => write_text(out, text),
            value::Value::List(items) => {
                let item = |out: &mut String, item: &value::Value| self.write(out, item, depth + 1);
                self.write_all(out, ['[', ']'], depth, items.iter(), item);
            }
            value::Value::Dict(dict) => {
                let mut entries: Vec<&(String, value::Value)> = dict.iter().collect();
                if self.sort_keys {
                    entries.sort_by(|a, b| a.0.cmp(&b.0));
                }
                self.write_all(out, ['{', '}'], depth, entries.into_iter(), |out, (key, value)| {
                    write_text(out, key);
                    out.push_str(": ");
                    self.write(out, value, depth + 1);
                });
            }
        }
    }

    fn write_all<T>(
        &self,
        out: &mut String,
        brackets: [char; 2],
        depth: usize,
        items: impl ExactSizeIterator<Item = T>,
        mut write: impl FnMut(&mut String, T),
    ) {
        let line = |out: &mut String, depth: usize| {
            if let Some(indent) = self.indent {
                out.push('\n');
                out.extend(std::iter::repeat_n(' ', indent * depth));
            }
        };
        let empty = items.len() == 0;
        out.push(brackets[0]);
        for (at, item) in items.enumerate() {
            if at > 0 {
                out.push_str(if self.indent.is_some() { "," } else { ", " });
            }
            line(out, depth + 1);
            write(out, item);
        }
        if !empty {
            line(out, depth);
        }
        out.push(brackets[1]);
    }
}

/// A text in ASCII alone, as Python writes it.
fn write_text(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            ' '..='\u{7e}' => out.push(c),
            c => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    out.push_str(&format!("\\u{unit:04x}"));
                }
            }
        }
    }
    out.push('"');
}

/// Read by hand: with `arbitrary_precision`, which a dependency turns on, numbers do not pass through untagged enums.
fn from_json(parsed: serde_json::Value) -> value::Value {
    use serde_json::Value as Json;
    match parsed {
        Json::Null => value::Value::None,
        Json::Bool(value) => value::Value::Bool(value),
        Json::Number(number) => match number.as_i64() {
            Some(whole) => value::Value::Int(whole),
            None => value::Value::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        Json::String(text) => value::Value::Str(text),
        Json::Array(items) => value::Value::List(items.into_iter().map(from_json).collect()),
        Json::Object(entries) => {
            value::Value::Dict(entries.into_iter().map(|(key, value)| (key, from_json(value))).collect())
        }
    }
}

#[starlark_module]
pub fn functions(builder: &mut GlobalsBuilder) {
    fn dumps<'v>(
        #[starlark(require = pos)] obj: Value<'v>,
        #[starlark(require = named, default = NoneOr::None)] indent: NoneOr<i32>,
        #[starlark(require = named, default = false)] sort_keys: bool,
        heap: Heap<'v>,
    ) -> starlark::Result<String> {
        let plain = from_starlark(obj, heap).map_err(starlark::Error::new_other)?;
        let indent = indent.into_option().map(|indent| usize::try_from(indent).unwrap_or(0).min(64));
        let mut out = String::new();
        Layout { indent, sort_keys }.write(&mut out, &plain, 0);
        Ok(out)
    }
    fn loads<'v>(#[starlark(require = pos)] text: &str, heap: Heap<'v>) -> starlark::Result<Value<'v>> {
        let parsed = serde_json::from_str(text).map_err(|error| message(format!("json.loads: {error}")))?;
        Ok(to_starlark(&from_json(parsed), heap))
    }
}
