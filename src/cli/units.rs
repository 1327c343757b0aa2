//! Amounts of resources with human units: `1.5GB` of memory, `2h` of time. Sizes come out in megabytes of 10⁶ bytes and
//! times in minutes, the units of Snakemake's `mem_mb`, `disk_mb` and `runtime`.

use crate::value::Value;

/// A resource as it is counted: `mem` and `disk` become `mem_mb` and `disk_mb`, and amounts with units become numbers.
/// Other names keep their values. The error is a message for the user.
pub fn resource(name: &str, value: &Value) -> Result<(String, Value), String> {
    let (name, parse): (&str, fn(&str) -> Option<i64>) = match name {
        "mem" | "mem_mb" => ("mem_mb", megabytes),
        "disk" | "disk_mb" => ("disk_mb", megabytes),
        "runtime" => ("runtime", minutes),
        _ => return Ok((name.to_owned(), value.clone())),
    };
    match value {
        Value::Str(text) => match parse(text) {
            Some(amount) => Ok((name.to_owned(), Value::Int(amount))),
            None => Err(format!("`{text}` is not an amount of {name}: write a number, or one with a unit as in {}", {
                if name == "runtime" { "`90m`, `2h` or `1d 6h`" } else { "`800MB`, `1.5GB` or `2GiB`" }
            })),
        },
        other => Ok((name.to_owned(), other.clone())),
    }
}

/// `1.5GB`, `2 GiB`, `800M`, or a plain number of megabytes → megabytes of 10⁶ bytes, rounded up.
pub fn megabytes(text: &str) -> Option<i64> {
    let (number, unit) = split(text)?;
    let bytes = match unit.to_ascii_lowercase().as_str() {
        "" | "m" | "mb" => 1e6,
        "b" | "byte" | "bytes" => 1.0,
        "k" | "kb" => 1e3,
        "g" | "gb" => 1e9,
        "t" | "tb" => 1e12,
        "p" | "pb" => 1e15,
        "kib" => 1024.0,
        "mib" => 1_048_576.0,
        "gib" => 1_073_741_824.0,
        "tib" => 1_099_511_627_776.0,
        _ => return None,
    };
    whole(number * bytes / 1e6)
}

/// `2h`, `90m`, `1d 6h`, `45s`, or a plain number of minutes → minutes, rounded up.
pub fn minutes(text: &str) -> Option<i64> {
    let mut rest = text.trim();
    if let Ok(number) = rest.parse::<f64>() {
        return whole(number);
    }
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
        let after = rest[digits..].trim_start();
        let letters = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        seconds += number
            * match after[..letters].to_ascii_lowercase().as_str() {
                "s" | "sec" | "second" | "seconds" => 1.0,
                "m" | "min" | "minute" | "minutes" => 60.0,
                "h" | "hour" | "hours" => 3600.0,
                "d" | "day" | "days" => 86_400.0,
                "w" | "week" | "weeks" => 604_800.0,
                _ => return None,
            };
        rest = after[letters..].trim_start();
    }
    whole(seconds / 60.0)
}

/// A number and the unit after it.
fn split(text: &str) -> Option<(f64, &str)> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    Some((text[..end].parse().ok()?, text[end..].trim()))
}

/// The next whole number; tiny errors of multiplication (`1.1 * 1e9`) do not count as more.
#[allow(clippy::cast_possible_truncation)]
fn whole(number: f64) -> Option<i64> {
    let amount = (number * (1.0 - 1e-12)).ceil().max(0.0);
    (amount < 9e15).then_some(amount as i64)
}
