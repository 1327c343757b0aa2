//! Templates filled with Starlark values: `str.format` with nested fields, and printf-style `%`. The syntax is Python's
//! ("Format String Syntax", "printf-style String Formatting").

use std::fmt::Write as _;

use starlark::collections::SmallMap;
use starlark::values::dict::DictRef;
use starlark::values::tuple::TupleRef;
use starlark::values::{Heap, Value};

use super::format::{FormatError, Scalar, ascii, format_scalar};
use super::text::{format_field, integer, repr_of, scalar, str_of};

/// What a template's fields can name.
pub struct Arguments<'a, 'v> {
    pub positional: &'a [Value<'v>],
    pub named: &'a SmallMap<String, Value<'v>>,
    pub heap: Heap<'v>,
}

fn wrong(message: impl Into<String>) -> starlark::Error {
    starlark::Error::new_other(FormatError::Template(message.into()))
}

/// `str.format(template, …)`.
pub fn fill<'v>(template: &str, arguments: &Arguments<'_, 'v>) -> starlark::Result<String> {
    fill_nested(template, arguments, &mut 0, 0)
}

fn fill_nested<'v>(
    template: &str,
    arguments: &Arguments<'_, 'v>,
    next: &mut usize,
    depth: usize,
) -> starlark::Result<String> {
    if depth > 2 {
        return Err(wrong("a format spec may hold fields, and those no further ones"));
    }
    let mut out = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(at) = rest.find(['{', '}']) {
        out.push_str(&rest[..at]);
        let brace = &rest[at..=at];
        rest = &rest[at + 1..];
        if rest.starts_with(brace) {
            out.push_str(brace);
            rest = &rest[1..];
        } else if brace == "}" {
            return Err(wrong(format!("a single `}}` in `{template}`: write `}}}}` for a brace")));
        } else {
            let end = field_end(rest).ok_or_else(|| wrong(format!("`{{` without `}}` in `{template}`")))?;
            out.push_str(&field(&rest[..end], arguments, next, depth)?);
            rest = &rest[end + 1..];
        }
    }
    out.push_str(rest);
    Ok(out)
}

/// Where a field's closing brace is; fields in its spec and braces in its index have their own.
fn field_end(text: &str) -> Option<usize> {
    let (mut open, mut bracket) = (0usize, false);
    for (at, c) in text.char_indices() {
        match c {
            '[' if open == 0 => bracket = true,
            ']' => bracket = false,
            _ if bracket => {}
            '{' => open += 1,
            '}' if open == 0 => return Some(at),
            '}' => open -= 1,
            _ => {}
        }
    }
    None
}

/// One field: `name[index].attribute!conversion:spec`.
fn field<'v>(text: &str, arguments: &Arguments<'_, 'v>, next: &mut usize, depth: usize) -> starlark::Result<String> {
    let name_end = name_end(text);
    let (name, rest) = text.split_at(name_end);
    let (conversion, spec) = match rest.strip_prefix('!') {
        Some(rest) => rest.split_once(':').unwrap_or((rest, "")),
        None => ("", rest.strip_prefix(':').unwrap_or("")),
    };
    let value = lookup(name, arguments, next)?;
    let spec = if spec.contains('{') { fill_nested(spec, arguments, next, depth + 1)? } else { spec.to_owned() };
    format_field(value, conversion, &spec).map_err(starlark::Error::new_other)
}

/// Where a field's name ends: at `!` or `:` outside of brackets.
fn name_end(text: &str) -> usize {
    let mut bracket = false;
    for (at, c) in text.char_indices() {
        match c {
            '[' => bracket = true,
            ']' => bracket = false,
            '!' | ':' if !bracket => return at,
            _ => {}
        }
    }
    text.len()
}

/// The value that `name[index].attribute` names.
fn lookup<'v>(name: &str, arguments: &Arguments<'_, 'v>, next: &mut usize) -> starlark::Result<Value<'v>> {
    let first = name.find(['.', '[']).unwrap_or(name.len());
    let (root, mut path) = name.split_at(first);
    let positional = |at: usize| {
        let missing =
            || wrong(format!("the template has a field {{{at}}}, and there are {} values", arguments.positional.len()));
        arguments.positional.get(at).copied().ok_or_else(missing)
    };
    let mut value = if root.is_empty() {
        *next += 1;
        positional(*next - 1)?
    } else if let Ok(at) = root.parse::<usize>() {
        positional(at)?
    } else {
        let missing = || wrong(format!("the template has a field {{{root}}}, and no value has that name"));
        arguments.named.get(root).copied().ok_or_else(missing)?
    };
    while !path.is_empty() {
        if let Some(rest) = path.strip_prefix('.') {
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            value = value.get_attr_error(&rest[..end], arguments.heap)?;
            path = &rest[end..];
        } else {
            let rest = path.strip_prefix('[').ok_or_else(|| wrong(format!("`{name}` is no field")))?;
            let end = rest.find(']').ok_or_else(|| wrong(format!("`[` without `]` in `{name}`")))?;
            let key = &rest[..end];
            // A sign makes it text: Python's fields have no negative indices.
            let number = key.parse::<u32>().ok().filter(|_| !key.starts_with('+'));
            let key = number.map_or_else(|| arguments.heap.alloc(key), |at| arguments.heap.alloc(at));
            value = value.at(key, arguments.heap)?;
            path = &rest[end + 1..];
        }
    }
    Ok(value)
}

/// One conversion of a printf-style template: `%(key)-08.3f`.
struct Conversion<'a> {
    key: Option<&'a str>,
    flags: &'a str,
    /// `None`: `*`, taken from the values.
    width: Option<&'a str>,
    precision: Option<Option<&'a str>>,
    code: char,
}

impl Conversion<'_> {
    /// `%d`, `%s`, and the like: what most templates have.
    fn is_plain(&self) -> bool {
        self.key.is_none() && self.flags.is_empty() && self.width == Some("") && self.precision.is_none()
    }
}

/// `template % values`.
pub fn printf<'v>(template: &str, values: Value<'v>, heap: Heap<'v>) -> starlark::Result<String> {
    let tuple: Vec<Value<'v>> = match TupleRef::from_value(values) {
        Some(tuple) => tuple.iter().collect(),
        None => vec![values],
    };
    let mut values_left = tuple.into_iter();
    let mut take = || values_left.next().ok_or_else(|| wrong(format!("not enough values for `{template}`")));
    let mut by_key = false;
    let mut out = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let (conversion, after) =
            conversion(rest).ok_or_else(|| wrong(format!("`%{rest}` in `{template}` is no conversion")))?;
        rest = after;
        if conversion.code == '%' {
            out.push('%');
            continue;
        }
        let mut star = |text: Option<&str>| -> starlark::Result<i128> {
            match text {
                Some(digits) => Ok(digits.parse().unwrap_or(0)),
                None => integer(take()?).ok_or_else(|| wrong("`*` in a template takes an integer")),
            }
        };
        if conversion.is_plain() {
            let value = take()?;
            match (conversion.code, value.unpack_str(), value.unpack_i32()) {
                ('s', Some(text), _) => out.push_str(text),
                ('s' | 'd' | 'i' | 'u', _, Some(number)) => {
                    let _ = write!(out, "{number}");
                }
                _ => out.push_str(&convert(&conversion, 0, None, value)?),
            }
            continue;
        }
        let width = star(conversion.width)?;
        let precision = conversion.precision.map(&mut star).transpose()?;
        let value = match conversion.key {
            Some(key) => {
                by_key = true;
                if DictRef::from_value(values).is_none() {
                    return Err(wrong(format!("`%({key})` takes its value from a dictionary")));
                }
                values.at(heap.alloc(key), heap)?
            }
            None => take()?,
        };
        out.push_str(&convert(&conversion, width, precision, value)?);
    }
    out.push_str(rest);
    if !by_key && values_left.next().is_some() && DictRef::from_value(values).is_none() {
        return Err(wrong(format!("more values than conversions in `{template}`")));
    }
    Ok(out)
}

/// Reads a conversion behind its `%`, and gives what follows it.
fn conversion(text: &str) -> Option<(Conversion<'_>, &str)> {
    let (key, text) = match text.strip_prefix('(') {
        Some(rest) => rest.split_once(')').map(|(key, rest)| (Some(key), rest))?,
        None => (None, text),
    };
    let cut = |text: &'_ str, set: fn(char) -> bool| text.find(|c| !set(c)).unwrap_or(text.len());
    let (flags, text) = text.split_at(cut(text, |c| "#0- +".contains(c)));
    let number = |text| match str::strip_prefix(text, '*') {
        Some(rest) => (None, rest),
        None => {
            let (digits, rest) = str::split_at(text, cut(text, |c| c.is_ascii_digit()));
            (Some(digits), rest)
        }
    };
    let (width, text) = number(text);
    let (precision, text) = match text.strip_prefix('.') {
        Some(rest) => {
            let (digits, rest) = number(rest);
            (Some(digits), rest)
        }
        None => (None, text),
    };
    let text = &text[cut(text, |c| "hlL".contains(c))..];
    let code = text.chars().next()?;
    "diouxXeEfFgGcrsa%".contains(code).then_some((Conversion { key, flags, width, precision, code }, &text[1..]))
}

fn convert(
    conversion: &Conversion<'_>,
    width: i128,
    precision: Option<i128>,
    value: Value<'_>,
) -> starlark::Result<String> {
    let flag = |c| conversion.flags.contains(c);
    let left = flag('-') || width < 0;
    let sign = if flag('+') {
        "+"
    } else if flag(' ') {
        " "
    } else {
        ""
    };
    let alternate = if flag('#') { "#" } else { "" };
    let dot = precision.map_or(String::new(), |precision| format!(".{precision}"));
    let format = |value: &Scalar, spec: String| format_scalar(value, &spec).map_err(starlark::Error::new_other);
    let width = width.unsigned_abs();
    let number = |value: Scalar, spec: String| {
        let field = match (left, flag('0')) {
            (true, _) => "<",
            (false, true) => "0=",
            (false, false) => ">",
        };
        format(&value, format!("{field}{sign}{alternate}{width}{spec}"))
    };
    let text = |text: String| format(&Scalar::Str(text), format!("{}{width}{dot}", if left { "<" } else { ">" }));
    let kind = |what: &str| wrong(format!("`%{}` takes {what}, not a {}", conversion.code, value.get_type()));
    match conversion.code {
        's' => text(str_of(value)),
        'r' => text(repr_of(value)),
        'a' => text(ascii(&repr_of(value))),
        'c' => match (scalar(value), value.unpack_str()) {
            (_, Some(one)) if one.chars().count() == 1 => text(one.to_owned()),
            (Scalar::Int(code), _) => text(format(&Scalar::Int(code), "c".to_owned())?),
            _ => Err(kind("one character, or its number")),
        },
        'd' | 'i' | 'u' | 'x' | 'X' | 'o' => {
            let code = if matches!(conversion.code, 'i' | 'u') { 'd' } else { conversion.code };
            #[allow(clippy::cast_possible_truncation)]
            let whole = match scalar(value) {
                Scalar::Int(value) => value,
                Scalar::Bool(value) => i128::from(value),
                Scalar::Float(value) if code == 'd' && value.is_finite() => value.trunc() as i128,
                _ => return Err(kind("a number")),
            };
            match precision {
                // At least so many digits, zeros in front: printf's precision of an integer, which format() has not.
                Some(digits) if code == 'd' => {
                    let digits =
                        format!("{:0>1$}", whole.unsigned_abs(), usize::try_from(digits).unwrap_or(0).min(4096));
                    text(format!("{}{digits}", if whole < 0 { "-" } else { sign })).map(|text| text.to_owned())
                }
                _ => number(Scalar::Int(whole), code.to_string()),
            }
        }
        code => match scalar(value) {
            Scalar::Int(_) | Scalar::Bool(_) | Scalar::Float(_) => number(scalar(value), format!("{dot}{code}")),
            _ => Err(kind("a number")),
        },
    }
}
