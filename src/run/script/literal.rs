//! A job as source text of the script languages that read no JSON by themselves: bash, R, Julia. Names and shapes are
//! those that Snakemake documents for its scripts. Knows values and quoting, nothing of processes.

use std::fmt::Write;
use std::path::Path;

use super::resources;
use crate::run::spec::JobSpec;
use crate::value::{Named, Value};

/// The lists of a job, by their names in scripts.
pub(super) fn lists(spec: &JobSpec) -> [(&'static str, Named<Value>); 6] {
    let text = |list: &Named<String>| list.map(|path| Value::Str(path.clone()));
    let wildcards = Named {
        items: spec.wildcards.iter().map(|(_, value)| Value::Str(value.clone())).collect(),
        names: (0..).zip(&spec.wildcards).map(|(at, (name, _))| (name.clone(), at, None)).collect(),
    };
    [
        ("input", text(&spec.input)),
        ("output", text(&spec.output)),
        ("params", spec.params.clone()),
        ("wildcards", wildcards),
        ("log", text(&spec.log)),
        ("resources", resources(spec)),
    ]
}

/// What a name stands for: a value, or a list of values.
pub(super) fn named(list: &Named<Value>) -> impl Iterator<Item = (&str, Value)> {
    list.names.iter().map(|(name, _, count)| {
        let items = list.get(name).unwrap_or_default();
        let value = match count {
            None => items.first().cloned().unwrap_or_default(),
            Some(_) => Value::List(items.to_vec()),
        };
        (name.as_str(), value)
    })
}

pub(super) fn script_folder(path: &Path) -> String {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    absolute.parent().map(|folder| folder.to_string_lossy().into_owned()).unwrap_or_default()
}

/// Associative arrays: `${snakemake_input[0]}`, `${snakemake_params[size]}`, `${snakemake[threads]}`.
pub fn bash(spec: &JobSpec, path: &Path) -> String {
    let mut out = "unset BASH_ENV\n".to_owned();
    let mut array = |name: &str, entries: Vec<(String, String)>| {
        let entries: Vec<_> = entries.iter().map(|(key, value)| format!("[{}]={}", sh(key), sh(value))).collect();
        writeln!(out, "declare -A {name}=({})", entries.join(" ")).expect("text can always be written to");
    };
    for (name, list) in lists(spec) {
        let places = list.items.iter().enumerate().map(|(at, value)| (at.to_string(), plain(value)));
        let names = named(&list).map(|(name, value)| (name.to_owned(), plain(&value)));
        array(&format!("snakemake_{name}"), places.chain(names).collect());
    }
    let config = match &*spec.config {
        Value::Dict(dict) => dict.iter().map(|(key, value)| (key.clone(), plain(value))).collect(),
        _ => Vec::new(),
    };
    array("snakemake_config", config);
    let facts = [
        ("threads", spec.threads.to_string()),
        ("rule", spec.rule.clone()),
        ("bench_iteration", String::new()),
        ("scriptdir", script_folder(path)),
    ];
    array("snakemake", facts.map(|(key, value)| (key.to_owned(), value)).into());
    out
}

/// A value as a word: lists with blanks between their items.
pub(super) fn plain(value: &Value) -> String {
    match value {
        Value::None => String::new(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Int(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Str(text) => text.clone(),
        Value::List(items) => items.iter().map(plain).collect::<Vec<_>>().join(" "),
        Value::Dict(dict) => dict.iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>().join(" "),
    }
}

fn sh(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// The S4 object `snakemake`: `snakemake@input[[1]]`, `snakemake@params[["size"]]`.
pub fn r(spec: &JobSpec, path: &Path) -> String {
    let mut slots = String::new();
    for (name, list) in lists(spec) {
        let places = list.items.iter().map(r_value);
        let names = named(&list).map(|(name, value)| format!("{} = {}", quoted(name), r_value(&value)));
        let entries: Vec<_> = places.chain(names).collect();
        write!(slots, "{name} = list({}), ", entries.join(", ")).expect("text can always be written to");
    }
    let config = if matches!(*spec.config, Value::Dict(_)) { r_value(&spec.config) } else { "list()".to_owned() };
    let (rule, folder) = (quoted(&spec.rule), quoted(&script_folder(path)));
    let threads = spec.threads;
    format!(
        r#"methods::setClass("Snakemake", slots = c(input = "list", output = "list", params = "list", wildcards = "list",
  log = "list", resources = "list", threads = "numeric", config = "list", rule = "character",
  bench_iteration = "numeric", scriptdir = "character", source = "function"))
snakemake <- methods::new("Snakemake", {slots}threads = {threads}, config = {config}, rule = {rule},
  bench_iteration = as.numeric(NA), scriptdir = {folder},
  source = function(...) {{ old <- setwd({folder}); on.exit(setwd(old)); source(...) }})
source({script}, print.eval = TRUE, keep.source = FALSE)
"#,
        script = quoted(&path.to_string_lossy()),
    )
}

fn r_value(value: &Value) -> String {
    match value {
        Value::None => "NULL".to_owned(),
        Value::Bool(true) => "TRUE".to_owned(),
        Value::Bool(false) => "FALSE".to_owned(),
        Value::Int(number) => number.to_string(),
        Value::Float(number) if number.is_nan() => "NaN".to_owned(),
        Value::Float(number) if number.is_infinite() => if *number > 0.0 { "Inf" } else { "-Inf" }.to_owned(),
        Value::Float(number) => number.to_string(),
        Value::Str(text) => quoted(text),
        Value::List(items) => {
            // A vector needs one type for all; a list takes any.
            let kind = if items.windows(2).all(|two| same_kind(&two[0], &two[1])) { "c" } else { "list" };
            format!("{kind}({})", items.iter().map(r_value).collect::<Vec<_>>().join(", "))
        }
        Value::Dict(dict) => {
            let entries: Vec<_> =
                dict.iter().map(|(key, value)| format!("{} = {}", quoted(key), r_value(value))).collect();
            format!("list({})", entries.join(", "))
        }
    }
}

fn same_kind(a: &Value, b: &Value) -> bool {
    let scalar = !matches!(a, Value::List(_) | Value::Dict(_) | Value::None);
    scalar && std::mem::discriminant(a) == std::mem::discriminant(b)
}

/// Dictionaries with places from 1 and names: `snakemake.input[1]`, `snakemake.params["size"]`.
pub fn julia(spec: &JobSpec, path: &Path) -> String {
    let mut fields = String::new();
    let mut values = Vec::new();
    for (name, list) in lists(spec) {
        let places = list.items.iter().enumerate().map(|(at, value)| format!("{} => {}", at + 1, julia_value(value)));
        let names = named(&list).map(|(name, value)| format!("{} => {}", julia_text(name), julia_value(&value)));
        let entries: Vec<_> = places.chain(names).collect();
        write!(fields, "{name}::Dict; ").expect("text can always be written to");
        values.push(format!("Dict({})", entries.join(", ")));
    }
    let config = if matches!(*spec.config, Value::Dict(_)) { julia_value(&spec.config) } else { "Dict()".to_owned() };
    let (rule, folder) = (julia_text(&spec.rule), julia_text(&script_folder(path)));
    let script = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    format!(
        "struct Snakemake; {fields}threads::Int; config::Dict; rule::String; bench_iteration; scriptdir::String; end\n\
         snakemake = Snakemake({}, {}, {config}, {rule}, nothing, {folder})\ninclude({})\n",
        values.join(", "),
        spec.threads,
        julia_text(&script.to_string_lossy()),
    )
}

fn julia_value(value: &Value) -> String {
    match value {
        Value::None => "nothing".to_owned(),
        Value::Bool(truth) => truth.to_string(),
        Value::Int(number) => number.to_string(),
        Value::Float(number) if number.is_nan() => "NaN".to_owned(),
        Value::Float(number) if number.is_infinite() => if *number > 0.0 { "Inf" } else { "-Inf" }.to_owned(),
        Value::Float(number) => format!("{number:?}"),
        Value::Str(text) => julia_text(text),
        Value::List(items) => format!("[{}]", items.iter().map(julia_value).collect::<Vec<_>>().join(", ")),
        Value::Dict(dict) => {
            let entries = dict.iter().map(|(key, value)| format!("{} => {}", julia_text(key), julia_value(value)));
            format!("Dict({})", entries.collect::<Vec<_>>().join(", "))
        }
    }
}

/// A string literal as C, R and Julia read it.
fn quoted(text: &str) -> String {
    let mut out = "\"".to_owned();
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if c.is_control() => write!(out, "\\u{:04x}", u32::from(c)).expect("text can always be written to"),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// In Julia, `$` stands for a variable.
fn julia_text(text: &str) -> String {
    quoted(text).replace('$', "\\$")
}

#[cfg(test)]
mod tests {
    use super::{julia_value, plain, quoted, r_value};
    use crate::value::Value;

    fn text(text: &str) -> Value {
        Value::Str(text.to_owned())
    }

    /// A value, and how it is written in R, in Julia, and as a word of bash.
    fn written() -> Vec<(Value, &'static str, &'static str, &'static str)> {
        let dict = vec![("k".to_owned(), Value::Int(1)), ("a b".to_owned(), text("$x"))];
        vec![
            (Value::None, "NULL", "nothing", ""),
            (Value::Bool(true), "TRUE", "true", "True"),
            (Value::Bool(false), "FALSE", "false", "False"),
            (Value::Int(-3), "-3", "-3", "-3"),
            (Value::Float(0.5), "0.5", "0.5", "0.5"),
            (Value::Float(f64::NAN), "NaN", "NaN", "NaN"),
            (Value::Float(f64::INFINITY), "Inf", "Inf", "inf"),
            (Value::Float(f64::NEG_INFINITY), "-Inf", "-Inf", "-inf"),
            (text("it's $5"), "\"it's $5\"", "\"it's \\$5\"", "it's $5"),
            (Value::List(vec![Value::Int(1), Value::Int(2)]), "c(1, 2)", "[1, 2]", "1 2"),
            (Value::List(vec![Value::Int(1), text("a")]), "list(1, \"a\")", "[1, \"a\"]", "1 a"),
            (Value::List(vec![Value::None, Value::None]), "list(NULL, NULL)", "[nothing, nothing]", " "),
            (Value::List(vec![Value::List(vec![]), Value::List(vec![])]), "list(c(), c())", "[[], []]", " "),
            (
                Value::Dict(dict.into_iter().collect()),
                "list(\"k\" = 1, \"a b\" = \"$x\")",
                "Dict(\"k\" => 1, \"a b\" => \"\\$x\")",
                "k a b",
            ),
        ]
    }

    #[test]
    fn each_language_has_its_own_words_for_a_value() {
        for (value, r, julia, bash) in written() {
            assert_eq!(r_value(&value), r);
            assert_eq!(julia_value(&value), julia);
            assert_eq!(plain(&value), bash);
        }
    }

    #[test]
    fn what_a_string_literal_cannot_hold_is_escaped() {
        assert_eq!(quoted("a\"b\\c\nd\te\rf\u{7}gé"), r#""a\"b\\c\nd\te\rf\u0007gé""#);
    }
}
