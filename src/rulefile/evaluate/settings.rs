//! Configuration: files, the command line, and what `configfile:` adds, merged. Plain values in and out.

use std::path::Path;

use crate::value::{Dict, Value};
use crate::yaml;

/// What the configuration is made of. The command line weighs most, then `--configfile`, then `configfile:`.
#[derive(Debug, Clone, Default)]
pub struct ConfigLayers {
    /// Whether `--configfile` was given, so that a `configfile:` that is missing does not matter.
    pub files_given: bool,
    /// `configfile:` statements do not count.
    pub replaced: bool,
    /// From `--configfile` and `-C`, merged already.
    pub overrides: Dict,
}

#[derive(Debug, thiserror::Error)]
pub enum DataError {
    #[error("{path}: {error}")]
    Read { path: String, error: std::io::Error },
    /// `place` is line and column from 1, where the format's parser says.
    #[error("{path}: {reason}")]
    Parse { path: String, reason: String, place: Option<(usize, usize)> },
}

/// Adds what is in `from` to `into`: dictionaries are merged at every level, anything else is replaced.
pub fn merge(into: &mut Dict, from: &Dict) {
    for (key, value) in from {
        match (into.entry(key), value) {
            (Value::Dict(inner), Value::Dict(more)) => merge(inner, more),
            (slot, value) => *slot = value.clone(),
        }
    }
}

/// Reads a configuration file: YAML, JSON or TOML by its suffix (YAML where it has none of them).
///
/// # Errors
/// [`DataError`] with the place in the file.
pub fn read_config(path: &str) -> Result<Dict, DataError> {
    let text = read_text(path)?;
    let value = match extension(path) {
        "json" => parse_json(path, &text)?,
        "toml" => parse_toml(path, &text)?,
        _ => parse_yaml(path, &text)?,
    };
    match value {
        Value::Dict(dict) if dict.get("__use_yte__").is_some_and(|asked| *asked == Value::Bool(true)) => {
            Err(DataError::Parse {
                path: path.to_owned(),
                reason:
                    "a YTE template, which flow does not fill in: write out what it gives, with `yte < TEMPLATE > FILE`"
                        .into(),
                place: Some((1, 1)),
            })
        }
        Value::Dict(dict) => Ok(dict),
        Value::None => Ok(Dict::default()),
        _ => Err(DataError::Parse {
            path: path.to_owned(),
            reason: "a configuration file must hold a mapping at its top level, KEY: VALUE".into(),
            place: Some((1, 1)),
        }),
    }
}

pub fn extension(path: &str) -> &str {
    Path::new(path).extension().and_then(|suffix| suffix.to_str()).unwrap_or("")
}

/// # Errors
/// [`DataError::Read`], also for text that is not UTF-8.
pub fn read_text(path: &str) -> Result<String, DataError> {
    crate::witness::read_to_string(path).map_err(|error| DataError::Read { path: path.to_owned(), error })
}

/// # Errors
/// [`DataError::Parse`].
pub fn parse_yaml(path: &str, text: &str) -> Result<Value, DataError> {
    let error = |error: serde_yaml_ng::Error| DataError::Parse {
        path: path.to_owned(),
        reason: error.to_string(),
        place: error.location().map(|at| (at.line(), at.column())),
    };
    Ok(from_yaml(yaml::parse(text).map_err(error)?))
}

/// Keys that are no text (numbers, booleans) become text, as JSON has them.
fn from_yaml(value: serde_yaml_ng::Value) -> Value {
    use serde_yaml_ng::Value as Yaml;
    match value {
        Yaml::Null => Value::None,
        Yaml::Bool(b) => Value::Bool(b),
        Yaml::Number(n) => n.as_i64().map_or_else(|| Value::Float(n.as_f64().unwrap_or(f64::NAN)), Value::Int),
        Yaml::String(s) => Value::Str(s),
        Yaml::Sequence(items) => Value::List(items.into_iter().map(from_yaml).collect()),
        Yaml::Mapping(map) => {
            let key = |key: Yaml| match key {
                Yaml::String(s) => s,
                other => serde_yaml_ng::to_string(&other).unwrap_or_default().trim().to_owned(),
            };
            Value::Dict(map.into_iter().map(|(k, v)| (key(k), from_yaml(v))).collect())
        }
        Yaml::Tagged(tagged) => from_yaml(tagged.value),
    }
}

/// # Errors
/// [`DataError::Parse`].
pub fn parse_json(path: &str, text: &str) -> Result<Value, DataError> {
    serde_json::from_str(text).map_err(|error| DataError::Parse {
        path: path.to_owned(),
        reason: error.to_string(),
        place: Some((error.line(), error.column())),
    })
}

/// # Errors
/// [`DataError::Parse`].
pub fn parse_toml(path: &str, text: &str) -> Result<Value, DataError> {
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
        let place = error.span().map(|span| {
            let before = &text[..span.start.min(text.len())];
            (before.matches('\n').count() + 1, before.len() - before.rfind('\n').map_or(0, |at| at + 1) + 1)
        });
        DataError::Parse { path: path.to_owned(), reason: error.message().to_owned(), place }
    })?;
    Ok(from_toml(toml::Value::Table(table)))
}

fn from_toml(value: toml::Value) -> Value {
    match value {
        toml::Value::String(s) => Value::Str(s),
        toml::Value::Integer(i) => Value::Int(i),
        toml::Value::Float(f) => Value::Float(f),
        toml::Value::Boolean(b) => Value::Bool(b),
        toml::Value::Datetime(d) => Value::Str(d.to_string()),
        toml::Value::Array(items) => Value::List(items.into_iter().map(from_toml).collect()),
        toml::Value::Table(table) => Value::Dict(table.into_iter().map(|(k, v)| (k, from_toml(v))).collect()),
    }
}
