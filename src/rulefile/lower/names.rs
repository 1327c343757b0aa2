//! The Starlark spelling of Python's names and values.

use std::borrow::Cow;
use std::fmt::Write;

/// Words that are names in Python and reserved in Starlark. (Python's own keywords never get here.)
const RESERVED: &[&str] = &["load"];

/// The Starlark spelling of a name: itself, or one made of ASCII that no user would choose.
pub fn starlark_name(name: &str) -> Cow<'_, str> {
    if name.is_ascii() && !RESERVED.contains(&name) {
        return Cow::Borrowed(name);
    }
    let mut spelling = String::from("__py_");
    for c in name.chars() {
        match c {
            c if c.is_ascii() => spelling.push(c),
            c => write!(spelling, "_{:x}_", u32::from(c)).expect("writing to a string"),
        }
    }
    Cow::Owned(spelling)
}

/// Whether a name can stand in Starlark after a dot, or before `=` in a call.
pub fn is_plain(name: &str) -> bool {
    matches!(starlark_name(name), Cow::Borrowed(_))
}

/// A string literal.
pub fn quote(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => write!(out, "\\u{:04x}", u32::from(c)).expect("writing to a string"),
            c => out.push(c),
        }
    }
    out.push('"');
}

/// A float literal, or a call where there is none.
pub fn float(value: f64) -> String {
    if value.is_finite() { format!("{value:?}") } else { "float(\"inf\")".to_owned() }
}
