//! Python's `format()`: a scalar and a format spec in, text out. The mini-language is the one of Python's documentation
//! ("Format Specification Mini-Language"); integers up to 128 bits. Knows nothing of Starlark.

use super::number;
use crate::value::Value;

/// Why a value cannot be formatted so; the words are Python's where it has some.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    #[error("`{0}` is not a format spec")]
    Spec(String),
    #[error("format code `{code}` does not fit a value of type {kind}")]
    Code { code: char, kind: &'static str },
    #[error("{0} is not allowed in a format spec for {1}")]
    NotAllowed(&'static str, &'static str),
    #[error("a {0} takes no format spec, and here is `{1}`")]
    NoSpec(String, String),
    #[error("{0} is not the number of a character")]
    NoCharacter(i128),
    #[error("{0}")]
    Template(String),
}

/// A value as formatting sees it.
#[derive(Debug, Clone, PartialEq)]
pub enum Scalar {
    Bool(bool),
    Int(i128),
    Float(f64),
    Str(String),
    /// Anything else: its type's name and its text.
    Other(String, String),
}

/// A parsed format spec: `[[fill]align][sign][z][#][0][width][grouping][.precision][type]`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Spec {
    pub fill: Option<char>,
    /// One of `<>^=`.
    pub align: Option<char>,
    /// One of `+- `.
    pub sign: Option<char>,
    /// `z`: no negative zero.
    pub no_negative_zero: bool,
    /// `#`.
    pub alternate: bool,
    /// `0` before the width.
    pub zero: bool,
    pub width: usize,
    /// `,` or `_`.
    pub grouping: Option<char>,
    pub precision: Option<usize>,
    pub code: Option<char>,
}

/// The widest field: a larger one is a mistake, and must not cost the memory of the machine.
const WIDEST: usize = 1 << 20;

impl Spec {
    pub fn parse(text: &str) -> Result<Spec, FormatError> {
        let chars: Vec<char> = text.chars().collect();
        let mut spec = Spec::default();
        let mut at = 0;
        let is_align = |c: Option<&char>| c.is_some_and(|c| "<>^=".contains(*c));
        if is_align(chars.get(1)) {
            (spec.fill, spec.align, at) = (Some(chars[0]), Some(chars[1]), 2);
        } else if is_align(chars.first()) {
            (spec.align, at) = (Some(chars[0]), 1);
        }
        let accept = |at: &mut usize, set: &str| {
            let found = chars.get(*at).copied().filter(|c| set.contains(*c));
            *at += usize::from(found.is_some());
            found
        };
        spec.sign = accept(&mut at, "+- ");
        spec.no_negative_zero = accept(&mut at, "z").is_some();
        spec.alternate = accept(&mut at, "#").is_some();
        spec.zero = accept(&mut at, "0").is_some();
        let number = |at: &mut usize| -> Result<Option<usize>, FormatError> {
            let digits: String = chars[*at..].iter().take_while(|c| c.is_ascii_digit()).collect();
            *at += digits.len();
            match digits.parse::<usize>() {
                Ok(number) if number <= WIDEST => Ok(Some(number)),
                _ if digits.is_empty() => Ok(None),
                _ => Err(FormatError::Spec(text.to_owned())),
            }
        };
        spec.width = number(&mut at)?.unwrap_or(0);
        spec.grouping = accept(&mut at, ",_");
        if accept(&mut at, ".").is_some() {
            spec.precision = Some(number(&mut at)?.ok_or_else(|| FormatError::Spec(text.to_owned()))?);
        }
        spec.code = chars.get(at).copied();
        if chars.len() > at + 1 {
            return Err(FormatError::Spec(text.to_owned()));
        }
        Ok(spec)
    }

    /// Puts a text without sign into the field.
    fn pad(&self, text: &str, default: char) -> String {
        self.place("", text, default)
    }

    /// Puts a sign (with `0x` and its like) and a body into the field; `=` fills between them.
    pub fn place(&self, sign: &str, body: &str, default: char) -> String {
        let missing = self.width.saturating_sub(sign.chars().count() + body.chars().count());
        let fill = self.fill.unwrap_or(if self.zero { '0' } else { ' ' });
        let filled = |count: usize| std::iter::repeat_n(fill, count).collect::<String>();
        match self.align.unwrap_or(default) {
            '<' => format!("{sign}{body}{}", filled(missing)),
            '^' => format!("{}{sign}{body}{}", filled(missing / 2), filled(missing - missing / 2)),
            '=' => format!("{sign}{}{body}", filled(missing)),
            _ => format!("{}{sign}{body}", filled(missing)),
        }
    }

    /// Where numbers stand in their field: at its right end, after the zeros if there are to be some.
    pub fn number_align(&self) -> char {
        if self.zero && self.align.is_none() { '=' } else { '>' }
    }
}

/// Python's `format(value, spec)`.
pub fn format_scalar(value: &Scalar, text: &str) -> Result<String, FormatError> {
    if text.is_empty() {
        return Ok(plain(value));
    }
    if let Scalar::Other(kind, _) = value {
        return Err(FormatError::NoSpec(kind.clone(), text.to_owned()));
    }
    let spec = Spec::parse(text)?;
    match value {
        Scalar::Str(value) => format_str(value, &spec),
        Scalar::Bool(value) => number::format_int(i128::from(*value), &spec),
        Scalar::Int(value) => number::format_int(*value, &spec),
        Scalar::Float(value) => number::format_float(*value, &spec),
        Scalar::Other(..) => unreachable!("returned above"),
    }
}

/// Python's `format(value, spec)` for a plain value.
pub fn format_value(value: &Value, spec: &str) -> Result<String, FormatError> {
    format_scalar(&scalar(value), spec)
}

/// Python's `str(value)`.
pub fn plain(value: &Scalar) -> String {
    match value {
        Scalar::Bool(true) => "True".to_owned(),
        Scalar::Bool(false) => "False".to_owned(),
        Scalar::Int(value) => value.to_string(),
        Scalar::Float(value) => number::repr_float(*value),
        Scalar::Str(text) | Scalar::Other(_, text) => text.clone(),
    }
}

fn format_str(value: &str, spec: &Spec) -> Result<String, FormatError> {
    match spec.code {
        None | Some('s') => {}
        Some(code) => return Err(FormatError::Code { code, kind: "str" }),
    }
    for (given, what) in [
        (spec.sign.is_some(), "a sign"),
        (spec.alternate, "`#`"),
        (spec.no_negative_zero, "`z`"),
        (spec.grouping.is_some(), "a thousands separator"),
        (spec.align == Some('='), "`=`"),
    ] {
        if given {
            return Err(FormatError::NotAllowed(what, "a str"));
        }
    }
    let cut: String = value.chars().take(spec.precision.unwrap_or(usize::MAX)).collect();
    Ok(spec.pad(&cut, '<'))
}

/// A plain value as formatting sees it.
pub fn scalar(value: &Value) -> Scalar {
    match value {
        Value::Bool(value) => Scalar::Bool(*value),
        Value::Int(value) => Scalar::Int(i128::from(*value)),
        Value::Float(value) => Scalar::Float(*value),
        Value::Str(value) => Scalar::Str(value.clone()),
        Value::None => Scalar::Other("None".to_owned(), "None".to_owned()),
        Value::List(_) => Scalar::Other("list".to_owned(), repr_value(value)),
        Value::Dict(_) => Scalar::Other("dict".to_owned(), repr_value(value)),
    }
}

/// Python's `repr()` of a plain value.
pub fn repr_value(value: &Value) -> String {
    match value {
        Value::Str(text) => repr_str(text),
        Value::List(items) => format!("[{}]", items.iter().map(repr_value).collect::<Vec<_>>().join(", ")),
        Value::Dict(dict) => {
            let entry = |(key, value): &(String, Value)| format!("{}: {}", repr_str(key), repr_value(value));
            format!("{{{}}}", dict.iter().map(entry).collect::<Vec<_>>().join(", "))
        }
        other => plain(&scalar(other)),
    }
}

/// Python's `repr()` of a text: in single quotes, unless it has some and no double ones.
pub fn repr_str(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let mut out = String::with_capacity(text.len() + 2);
    out.push(quote);
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c == quote => out.extend(['\\', c]),
            c if (c as u32) < 0x100 && c.is_control() => out.push_str(&format!("\\x{:02x}", c as u32)),
            c => out.push(c),
        }
    }
    out.push(quote);
    out
}

/// Python's `ascii()` of a text that is a `repr()` already: what is not ASCII escaped.
pub fn ascii(repr: &str) -> String {
    let mut out = String::with_capacity(repr.len());
    for c in repr.chars() {
        match c as u32 {
            code if code < 0x80 => out.push(c),
            code if code < 0x100 => out.push_str(&format!("\\x{code:02x}")),
            code if code < 0x1_0000 => out.push_str(&format!("\\u{code:04x}")),
            code => out.push_str(&format!("\\U{code:08x}")),
        }
    }
    out
}
