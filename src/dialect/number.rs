//! Numbers in Python's formats: an integer or a float and a parsed spec in, text out. Digits come from Rust's exact and
//! shortest conversions; what is added is Python's choice of notation, grouping, signs and padding.

use super::format::{FormatError, Spec};

pub fn format_int(value: i128, spec: &Spec) -> Result<String, FormatError> {
    let radix = match spec.code {
        None | Some('d' | 'n') => 10,
        Some('b') => 2,
        Some('o') => 8,
        Some('x' | 'X') => 16,
        Some('c') => return format_character(value, spec),
        Some('e' | 'E' | 'f' | 'F' | 'g' | 'G' | '%') => {
            #[allow(clippy::cast_precision_loss)]
            return format_float(value as f64, spec);
        }
        Some(code) => return Err(FormatError::Code { code, kind: "int" }),
    };
    if spec.precision.is_some() {
        return Err(FormatError::NotAllowed("a precision", "an int"));
    }
    if spec.no_negative_zero {
        return Err(FormatError::NotAllowed("`z`", "an int"));
    }
    if spec.grouping == Some(',') && radix != 10 || spec.grouping.is_some() && spec.code == Some('n') {
        return Err(FormatError::NotAllowed("this separator", "this format code"));
    }
    let magnitude = value.unsigned_abs();
    let (prefix, digits) = match radix {
        2 => ("0b", format!("{magnitude:b}")),
        8 => ("0o", format!("{magnitude:o}")),
        16 if spec.code == Some('X') => ("0X", format!("{magnitude:X}")),
        16 => ("0x", format!("{magnitude:x}")),
        _ => ("", magnitude.to_string()),
    };
    let mut sign = sign(value < 0, spec).to_owned();
    if spec.alternate {
        sign.push_str(prefix);
    }
    let body = group(&digits, "", sign.len(), if radix == 10 { 3 } else { 4 }, spec);
    Ok(spec.place(&sign, &body, spec.number_align()))
}

fn format_character(value: i128, spec: &Spec) -> Result<String, FormatError> {
    if spec.sign.is_some() || spec.precision.is_some() || spec.grouping.is_some() {
        return Err(FormatError::NotAllowed("a sign, precision or separator", "code `c`"));
    }
    let character = u32::try_from(value).ok().and_then(char::from_u32).ok_or(FormatError::NoCharacter(value))?;
    let align = if spec.zero { '=' } else { '<' };
    Ok(spec.place("", &character.to_string(), align))
}

pub fn format_float(value: f64, spec: &Spec) -> Result<String, FormatError> {
    if let Some(code) = spec.code.filter(|code| !"eEfFgGn%".contains(*code)) {
        return Err(FormatError::Code { code, kind: "float" });
    }
    let upper = matches!(spec.code, Some('E' | 'F' | 'G'));
    let magnitude = value.abs();
    let mut body = if !magnitude.is_finite() {
        if magnitude.is_nan() { "nan".to_owned() } else { "inf".to_owned() }
    } else {
        match spec.code {
            Some('f' | 'F') => fixed(magnitude, spec.precision.unwrap_or(6)),
            Some('%') => fixed(magnitude * 100.0, spec.precision.unwrap_or(6)),
            Some('e' | 'E') => scientific(magnitude, spec.precision.unwrap_or(6)),
            Some('g' | 'G' | 'n') => general(magnitude, spec.precision.unwrap_or(6), spec.alternate, false),
            _ => match spec.precision {
                None => repr_float(magnitude),
                Some(precision) => general(magnitude, precision, spec.alternate, true),
            },
        }
    };
    if spec.alternate && magnitude.is_finite() && !body.contains('.') {
        let at = body.find('e').unwrap_or(body.len());
        body.insert(at, '.');
    }
    if spec.code == Some('%') {
        body.push('%');
    }
    if upper {
        body = body.to_uppercase();
    }
    let is_zero =
        !body.chars().take_while(|c| !matches!(c, 'e' | 'E')).any(|c| matches!(c, '1'..='9' | 'a'..='z' | 'A'..='Z'));
    let negative = value.is_sign_negative() && !value.is_nan() && !(spec.no_negative_zero && is_zero);
    let sign = sign(negative, spec);
    let whole = body.find(|c: char| !c.is_ascii_digit()).unwrap_or(body.len());
    let (whole, rest) = body.split_at(whole);
    let body = group(whole, rest, sign.len(), 3, spec);
    Ok(spec.place(sign, &body, spec.number_align()))
}

fn sign(negative: bool, spec: &Spec) -> &'static str {
    match (negative, spec.sign) {
        (true, _) => "-",
        (false, Some('+')) => "+",
        (false, Some(' ')) => " ",
        _ => "",
    }
}

/// Separates the digits before the point; where zeros fill the field they are separated too, and a separator never
/// stands first, so that the text may come out one wider than the field.
fn group(whole: &str, rest: &str, sign: usize, size: usize, spec: &Spec) -> String {
    let Some(separator) = spec.grouping else {
        return format!("{whole}{rest}");
    };
    let mut digits = whole.to_owned();
    let zeros = (spec.zero && spec.align.is_none()) || (spec.fill == Some('0') && spec.align == Some('='));
    if zeros && !whole.is_empty() {
        let width = spec.width.saturating_sub(sign + rest.chars().count());
        while digits.len() + (digits.len() - 1) / size < width {
            digits.insert(0, '0');
        }
    }
    let mut out = String::with_capacity(digits.len() * 4 / 3 + rest.len());
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(size) {
            out.push(separator);
        }
        out.push(digit);
    }
    out + rest
}

fn fixed(value: f64, precision: usize) -> String {
    format!("{value:.precision$}")
}

/// `1.5e+02`: Python's exponent has a sign and at least two digits.
fn scientific(value: f64, precision: usize) -> String {
    let text = format!("{value:.precision$e}");
    let (digits, exponent) = text.split_once('e').expect("LowerExp writes an exponent");
    format!("{digits}e{}", exponent_text(exponent.parse().expect("LowerExp writes a number after e")))
}

fn exponent_text(exponent: i32) -> String {
    format!("{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs())
}

/// `%g`: the shorter of fixed and scientific notation with so many significant digits. `dot`: a float must look like
/// one (`1.0`, not `1`), as where no code is given.
fn general(value: f64, precision: usize, keep_zeros: bool, dot: bool) -> String {
    let significant = precision.max(1);
    let text = format!("{value:.*e}", significant - 1);
    let (digits, exponent) = text.split_once('e').expect("LowerExp writes an exponent");
    let exponent: i32 = exponent.parse().expect("LowerExp writes a number after e");
    let limit = i32::try_from(significant).unwrap_or(i32::MAX) - i32::from(dot);
    let trim = |text: String| {
        if keep_zeros || !text.contains('.') {
            return text;
        }
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    };
    if exponent < -4 || exponent >= limit {
        return format!("{}e{}", trim(digits.to_owned()), exponent_text(exponent));
    }
    let decimals = usize::try_from(i32::try_from(significant).unwrap_or(i32::MAX) - 1 - exponent).unwrap_or(0);
    let mut text = trim(fixed(value, decimals));
    if dot && !text.contains('.') {
        text.push_str(".0");
    }
    text
}

/// Python's `repr()` of a float: the fewest digits that read back as the same number.
pub fn repr_float(value: f64) -> String {
    if !value.is_finite() {
        return match () {
            () if value.is_nan() => "nan",
            () if value < 0.0 => "-inf",
            () => "inf",
        }
        .to_owned();
    }
    let text = format!("{value:e}");
    let (digits, exponent) = text.split_once('e').expect("LowerExp writes an exponent");
    let exponent: i32 = exponent.parse().expect("LowerExp writes a number after e");
    if (-4..16).contains(&exponent) {
        return format!("{value:?}");
    }
    format!("{digits}e{}", exponent_text(exponent))
}
