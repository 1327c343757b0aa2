//! Methods of Python's text and dictionaries that Starlark lacks or has for fewer arguments, and those of tables, as a native
//! that lowering calls for `value.method(…)`; other values answer for themselves.

use starlark::collections::SmallMap;
use starlark::environment::GlobalsBuilder;
use starlark::eval::Evaluator;
use starlark::starlark_module;
use starlark::values::dict::DictRef;
use starlark::values::list::{AllocList, ListRef};
use starlark::values::tuple::UnpackTuple;
use starlark::values::{UnpackValue, Value};

use super::table;
use super::text::{items, str_of};

fn message(text: impl Into<String>) -> starlark::Error {
    starlark::Error::new_other(anyhow::Error::msg(text.into()))
}

/// The method's result, or `None` where the text answers for itself.
fn of_text<'v>(
    text: &str,
    name: &str,
    args: &[Value<'v>],
    eval: &Evaluator<'v, '_, '_>,
) -> starlark::Result<Option<Value<'v>>> {
    let heap = eval.heap();
    let result = match (name, args) {
        ("join", [parts]) => joined(text, items(*parts, heap)?)?,
        ("zfill", [width]) => zero_filled(text, size(name, *width)?),
        ("ljust" | "rjust" | "center", [width]) => padded(text, name, size(name, *width)?, ' '),
        ("ljust" | "rjust" | "center", [width, fill]) => {
            let mut fills = fill.unpack_str().unwrap_or_default().chars();
            let (Some(fill), None) = (fills.next(), fills.next()) else {
                return Err(message(format!("{name}() fills with one character, not {}", str_of(*fill))));
            };
            padded(text, name, size(name, *width)?, fill)
        }
        ("casefold", []) => text.to_lowercase(),
        ("swapcase", []) => text.chars().flat_map(swapped).collect(),
        ("isdecimal" | "isnumeric", []) => {
            return Ok(Some(Value::new_bool(!text.is_empty() && text.chars().all(char::is_numeric))));
        }
        _ => return Ok(None),
    };
    Ok(Some(heap.alloc(result)))
}

fn size(method: &str, width: Value<'_>) -> starlark::Result<usize> {
    match i64::unpack_value(width) {
        Ok(Some(width)) => Ok(usize::try_from(width).unwrap_or(0)),
        _ => Err(message(format!("{method}() takes a width, not a {}", width.get_type()))),
    }
}

fn joined(separator: &str, parts: Vec<Value<'_>>) -> starlark::Result<String> {
    let texts = parts.iter().enumerate().map(|(at, part)| {
        part.unpack_str().ok_or_else(|| message(format!("join() takes texts, and item {at} is a {}", part.get_type())))
    });
    Ok(texts.collect::<starlark::Result<Vec<_>>>()?.join(separator))
}

fn zero_filled(text: &str, width: usize) -> String {
    let (sign, digits) = text.split_at(usize::from(text.starts_with(['+', '-'])));
    format!("{sign}{}{digits}", "0".repeat(width.saturating_sub(text.chars().count())))
}

/// As `CPython` centres: of an odd number of blanks the one more stands left if the width is odd.
fn padded(text: &str, method: &str, width: usize, fill: char) -> String {
    let blanks = width.saturating_sub(text.chars().count());
    let left = match method {
        "ljust" => 0,
        "rjust" => blanks,
        _ => blanks / 2 + (blanks & width & 1),
    };
    let filled = |count: usize| std::iter::repeat_n(fill, count).collect::<String>();
    format!("{}{text}{}", filled(left), filled(blanks - left))
}

fn swapped(c: char) -> Vec<char> {
    if c.is_uppercase() { c.to_lowercase().collect() } else { c.to_uppercase().collect() }
}

/// `counter.most_common(n)`: the entries with the largest values first, equal ones in their order.
fn most_common<'v>(dict: &DictRef<'v>, args: &[Value<'v>]) -> starlark::Result<Vec<(Value<'v>, Value<'v>)>> {
    let mut entries: Vec<(Value<'v>, Value<'v>)> = dict.iter().collect();
    let count = |value: Value<'v>| i64::unpack_value(value).ok().flatten().unwrap_or(0);
    entries.sort_by_key(|(_, value)| std::cmp::Reverse(count(*value)));
    if let [most] = args
        && !most.is_none()
    {
        entries.truncate(size("most_common", *most)?);
    }
    Ok(entries)
}

#[starlark_module]
pub fn methods(builder: &mut GlobalsBuilder) {
    /// `recv.name(…)`.
    fn __method__<'v>(
        #[starlark(require = pos)] recv: Value<'v>,
        #[starlark(require = pos)] name: &str,
        #[starlark(args)] args: UnpackTuple<Value<'v>>,
        #[starlark(kwargs)] kwargs: SmallMap<String, Value<'v>>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<Value<'v>> {
        if let Some(rows) = ListRef::from_value(recv) {
            match (name, &args.items[..], kwargs.is_empty()) {
                ("column", [column], true) => return table::column(rows, &str_of(*column), eval.heap()),
                ("where", [], false) => return table::rows_where(rows, &kwargs, eval.heap()),
                _ => {}
            }
        }
        if kwargs.is_empty() {
            if let Some(text) = recv.unpack_str()
                && let Some(result) = of_text(text, name, &args.items, eval)?
            {
                return Ok(result);
            }
            if name == "most_common"
                && let Some(dict) = DictRef::from_value(recv)
            {
                return Ok(eval.heap().alloc(AllocList(most_common(&dict, &args.items)?)));
            }
        }
        let function = recv.get_attr_error(name, eval.heap())?;
        let named: Vec<(&str, Value<'v>)> = kwargs.iter().map(|(name, value)| (name.as_str(), *value)).collect();
        eval.eval_function(function, &args.items, &named)
    }

    /// What a loop or a constructor steps through: of a text its characters.
    #[allow(clippy::unnecessary_wraps)]
    fn __iter__<'v>(
        #[starlark(require = pos)] value: Value<'v>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<Value<'v>> {
        let heap = eval.heap();
        Ok(match value.unpack_str() {
            Some(text) => heap.alloc(AllocList(text.chars().map(|c| heap.alloc(c)))),
            None => value,
        })
    }

    /// What `int` and `float` read: a text without the white space and underscores that Python passes over.
    #[allow(clippy::unnecessary_wraps)]
    fn __digits__<'v>(
        #[starlark(require = pos)] value: Value<'v>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<Value<'v>> {
        let Some(text) = value.unpack_str() else { return Ok(value) };
        let between = |at: usize| {
            let bytes = text.as_bytes();
            at > 0 && bytes[at - 1].is_ascii_alphanumeric() && bytes.get(at + 1).is_some_and(u8::is_ascii_alphanumeric)
        };
        let digits: String = text.char_indices().filter(|(at, c)| *c != '_' || !between(*at)).map(|(_, c)| c).collect();
        let digits = digits.trim();
        Ok(if digits == text { value } else { eval.heap().alloc(digits) })
    }
}
