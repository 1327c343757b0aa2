//! Amounts of resources with human units: `1.5GB` of memory, `2h` of time. Sizes come out in megabytes of 10⁶ bytes and
//! times in minutes, the units of Snakemake's `mem_mb`, `disk_mb` and `runtime`.

use crate::value::Value;

/// Bytes of a mebibyte in megabytes.
const MEBI: f64 = 1.048_576;

/// The name under which a resource is counted.
pub fn canonical(name: &str) -> &str {
    match name {
        "mem" | "mem_mb" | "mem_mib" => "mem_mb",
        "disk" | "disk_mb" | "disk_mib" => "disk_mb",
        other => other,
    }
}

/// A resource as it is counted: `mem`, `mem_mib`, `disk` and `disk_mib` become `mem_mb` and `disk_mb`, and amounts with
/// units become numbers. Other names keep their values. The error is a message for the user.
pub fn resource(name: &str, value: &Value) -> Result<(String, Value), String> {
    let counted = canonical(name);
    let parse: fn(&str) -> Option<i64> = match name {
        "mem" | "mem_mb" | "disk" | "disk_mb" => megabytes,
        "mem_mib" | "disk_mib" => |text| text.trim().parse().ok().and_then(|mib: f64| rounded(mib * MEBI)),
        "runtime" => minutes,
        _ => return Ok((name.to_owned(), value.clone())),
    };
    let unit = if name.ends_with("_mib") { MEBI } else { 1.0 };
    #[allow(clippy::cast_precision_loss)]
    let value = match value {
        Value::Str(text) => match parse(text) {
            Some(amount) => Value::Int(amount),
            None => {
                return Err(format!(
                    "`{text}` is not an amount of {name}: write a number, or one with a unit as in {}",
                    {
                        match name {
                            "runtime" => "`90m`, `2h` or `1d 6h`",
                            "mem_mib" | "disk_mib" => "`mem=\"2GiB\"`",
                            _ => "`800MB`, `1.5GB` or `2GiB`",
                        }
                    }
                ));
            }
        },
        Value::Float(amount) => rounded(amount * unit).map_or(Value::Float(*amount), Value::Int),
        Value::Int(amount) if name.ends_with("_mib") => {
            rounded(*amount as f64 * unit).map_or(Value::Int(*amount), Value::Int)
        }
        other => other.clone(),
    };
    Ok((counted.to_owned(), value))
}

/// The other units of memory and disk, as commands may ask for them: `mem` for people, `mem_mib`.
pub fn views(name: &str, amount: i64) -> Vec<(&'static str, Value)> {
    #[allow(clippy::cast_precision_loss)]
    let mib = Value::Int(rounded(amount as f64 / MEBI).unwrap_or(amount));
    match name {
        "mem_mb" => vec![("mem_mib", mib), ("mem", Value::Str(for_people(amount)))],
        "disk_mb" => vec![("disk_mib", mib), ("disk", Value::Str(for_people(amount)))],
        _ => Vec::new(),
    }
}

/// Megabytes in the largest unit that gives a number from 1, with two digits at most behind the point: `1.5 GB`.
fn for_people(megabytes: i64) -> String {
    #[allow(clippy::cast_precision_loss)]
    let megabytes = megabytes as f64;
    let units = [(1e9, "PB"), (1e6, "TB"), (1e3, "GB"), (1.0, "MB")];
    let Some((size, unit)) = units.into_iter().find(|(size, _)| megabytes >= *size) else {
        return "0 bytes".to_owned();
    };
    let number = format!("{:.2}", megabytes / size);
    format!("{} {unit}", number.trim_end_matches('0').trim_end_matches('.'))
}

#[allow(clippy::cast_possible_truncation)]
fn rounded(number: f64) -> Option<i64> {
    (number.is_finite() && (0.0..9e15).contains(&number)).then(|| number.round() as i64)
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
