//! Words of the shape `NAME=VALUE` → values: configuration, amounts of resources, threads, and what else is said of rules
//! one by one. Each error names the option and the word.

use std::collections::BTreeMap;

use super::units::{canonical, resource};
use crate::value::{Dict, Value};

/// An amount of a resource, as it was typed.
#[derive(Debug, Clone, PartialEq)]
pub enum Amount {
    Value(Value),
    /// Text that may be an expression of the job, or else stands for itself.
    Text(String),
}

/// An input of a rule: by its name, or by its number from 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InputItem {
    Name(String),
    Index(usize),
}

/// `a.b=1` → `{a: {b: 1}}`; the value is YAML, so that `[1, 2]` and `true` are what they look like.
pub(super) fn config(pairs: &[String]) -> Result<Dict, String> {
    let mut out = Dict::default();
    for text in pairs {
        let (key, value) = pair("--config", text)?;
        let value = yaml(value).map_err(|why| format!("--config: the value of `{key}`: {why}"))?;
        let parts: Vec<&str> = key.split('.').collect();
        if parts.iter().any(|part| part.is_empty()) {
            return Err(format!("--config: `{key}` has an empty part"));
        }
        let (last, before) = parts.split_last().expect("split gives at least one part");
        let mut at = &mut out;
        for part in before {
            let inner = at.entry(part);
            if !matches!(inner, Value::Dict(_)) {
                *inner = Value::Dict(Dict::default());
            }
            let Value::Dict(dict) = inner else { unreachable!("made a dictionary above") };
            at = dict;
        }
        at.insert(*last, value);
    }
    Ok(out)
}

/// YAML text as a value; keys that are not text are written out. Nothing at all is None.
fn yaml(text: &str) -> Result<Value, String> {
    // What is no YAML is text, as in Snakemake: `*.fits` would be an alias.
    let Ok(parsed) = serde_yaml_ng::from_str(text) else { return Ok(Value::Str(text.to_owned())) };
    from_yaml(parsed)
}

pub(super) fn from_yaml(value: serde_yaml_ng::Value) -> Result<Value, String> {
    use serde_yaml_ng::Value as Yaml;
    Ok(match value {
        Yaml::Null => Value::None,
        Yaml::Bool(b) => Value::Bool(b),
        Yaml::Number(n) => n.as_i64().map(Value::Int).or(n.as_f64().map(Value::Float)).unwrap_or_default(),
        Yaml::String(s) => Value::Str(s),
        Yaml::Sequence(items) => Value::List(items.into_iter().map(from_yaml).collect::<Result<_, _>>()?),
        Yaml::Mapping(entries) => {
            let mut dict = Dict::default();
            for (key, value) in entries {
                let key = match key {
                    Yaml::String(s) => s,
                    Yaml::Number(n) => n.to_string(),
                    Yaml::Bool(b) => b.to_string(),
                    _ => return Err("a key is neither text nor a number".to_owned()),
                };
                dict.insert(key, from_yaml(value)?);
            }
            Value::Dict(dict)
        }
        Yaml::Tagged(tagged) => return Err(format!("the tag {} means nothing here", tagged.tag)),
    })
}

pub(super) fn pair<'a>(option: &str, text: &'a str) -> Result<(&'a str, &'a str), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key, value)),
        _ => Err(format!("{option} needs NAME=VALUE, and `{text}` is not that")),
    }
}

/// Amounts with units turned into numbers; what is neither number nor quoted may be an expression.
fn amounts(option: &str, pairs: &[String]) -> Result<BTreeMap<String, Amount>, String> {
    let mut out = BTreeMap::new();
    for text in pairs.iter().filter(|text| !text.is_empty()) {
        let (name, value) = pair(option, text)?;
        let (name, value) = amount(option, name, value)?;
        out.insert(name, value);
    }
    Ok(out)
}

fn amount(option: &str, name: &str, text: &str) -> Result<(String, Amount), String> {
    let text = text.trim();
    let quoted = ['\'', '"'].iter().find_map(|quote| text.strip_prefix(*quote)?.strip_suffix(*quote));
    let is_number = text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c));
    let number = || text.parse().map(Value::Int).or_else(|_| text.parse().map(Value::Float));
    let number = || number().map_err(drop).and_then(|number| if is_number { Ok(number) } else { Err(()) });
    let value = match (quoted, number()) {
        (Some(inner), _) => Value::Str(inner.to_owned()),
        (None, Ok(number)) => number,
        // `2h` and `1.5GB` are amounts already, and `5 * attempt` is not.
        (None, Err(_)) => match resource(name, &Value::Str(text.to_owned())) {
            Ok((name, value @ Value::Int(_))) => return Ok((name, Amount::Value(value))),
            _ => return Ok((canonical(name).to_owned(), Amount::Text(text.to_owned()))),
        },
    };
    let (name, value) = resource(name, &value).map_err(|why| format!("{option}: {why}"))?;
    Ok((name, Amount::Value(value)))
}

/// Whether a text may ask for something of the job.
fn is_of_job(text: &str) -> bool {
    ["attempt", "input", "threads", "wildcards", "system_tmpdir"].iter().any(|name| text.contains(name))
}

/// `--default-resources`: with any, Snakemake's own for what is not among them.
pub(super) fn default_resources(pairs: &[String]) -> Result<Option<BTreeMap<String, Amount>>, String> {
    if pairs.is_empty() {
        return Ok(None);
    }
    let own = [
        ("mem_mb", "min(max(2 * input.size_mb, 1000), 8000)"),
        ("disk_mb", "max(2 * input.size_mb, 1000) if input else 50000"),
    ];
    let mut out: BTreeMap<String, Amount> =
        own.into_iter().map(|(name, text)| (name.to_owned(), Amount::Text(text.to_owned()))).collect();
    out.extend(amounts("--default-resources", pairs)?);
    Ok(Some(out))
}

pub(super) fn set_scatter(pairs: &[String]) -> Result<BTreeMap<String, u32>, String> {
    let one = |text: &String| {
        let (name, count) = pair("--set-scatter", text)?;
        match count.parse() {
            Ok(count) if count > 0 => Ok((name.to_owned(), count)),
            _ => Err(format!("--set-scatter: `{count}` is not a number from 1")),
        }
    };
    pairs.iter().map(one).collect()
}

/// `--resources`: each is a number that jobs share.
pub(super) fn totals(pairs: &[String]) -> Result<BTreeMap<String, i64>, String> {
    let total = |text: &String| {
        let (name, value) = pair("--resources", text)?;
        let value = value.parse().map_or_else(|_| Value::Str(value.to_owned()), Value::Int);
        match resource(name, &value).map_err(|why| format!("--resources: {why}"))? {
            (name, Value::Int(total)) if total >= 0 => Ok((name, total)),
            (name, other) => Err(format!("--resources: `{name}` is {}, not a number from 0", plain(&other))),
        }
    };
    pairs.iter().map(total).collect()
}

fn plain(value: &Value) -> String {
    match value {
        Value::Str(text) => format!("`{text}`"),
        Value::Int(number) => number.to_string(),
        other => format!("{other:?}"),
    }
}

pub(super) fn set_threads(pairs: &[String]) -> Result<BTreeMap<String, Amount>, String> {
    let one = |text: &String| {
        let (rule, threads) = pair("--set-threads", text)?;
        match threads.parse() {
            Ok(threads) if threads > 0i64 => Ok((rule.to_owned(), Amount::Value(Value::Int(threads)))),
            // `2 * attempt`, `10*2`: a word alone, or a text in quotes, is no number.
            Err(_) if is_of_job(threads) || threads.contains(['(', '+', '-', '*', '/', '.']) => {
                Ok((rule.to_owned(), Amount::Text(threads.to_owned())))
            }
            _ => Err(format!("--set-threads: `{threads}` is not a number from 1")),
        }
    };
    pairs.iter().map(one).collect()
}

pub(super) fn set_resources(pairs: &[String]) -> Result<BTreeMap<String, BTreeMap<String, Amount>>, String> {
    let mut out: BTreeMap<String, BTreeMap<String, Amount>> = BTreeMap::new();
    for text in pairs {
        let (key, value) = pair("--set-resources", text)?;
        let (rule, name) = key
            .split_once(':')
            .ok_or_else(|| format!("--set-resources needs RULE:NAME=VALUE, and `{text}` is not that"))?;
        let (name, value) = amount("--set-resources", name, value)?;
        out.entry(rule.to_owned()).or_default().insert(name, value);
    }
    Ok(out)
}

pub(super) fn ancient(pairs: &[String]) -> Result<Vec<(String, Vec<InputItem>)>, String> {
    pairs
        .iter()
        .map(|text| {
            let (rule, items) = pair("--consider-ancient", text)?;
            let item = |item: &str| item.parse().map_or_else(|_| InputItem::Name(item.to_owned()), InputItem::Index);
            Ok((rule.to_owned(), items.split(',').map(item).collect()))
        })
        .collect()
}
