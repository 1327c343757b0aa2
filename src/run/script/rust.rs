//! A job as part of a Rust script: `snakemake`, a static with a field for each name, of the types that the values have. It
//! stands below the script, whose lines so keep their numbers. Knows values and Rust's words, nothing of processes.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use super::literal::{lists, named, plain, script_folder};
use crate::run::spec::JobSpec;
use crate::value::{Dict, Value};
use crate::words::{continues_word, starts_word};

/// What all scripts have in common.
const SUPPORT: &str = include_str!("preamble.rs.txt");

/// What a script gets that redirects its streams. Not every script, as `unsafe` may be forbidden to one.
const REDIRECT: &str = include_str!("redirect.rs.txt");

/// Words that no field can be called.
const KEYWORDS: [&str; 46] = [
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "do", "dyn", "else", "enum",
    "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop", "macro", "match", "mod", "move",
    "mut", "override", "priv", "pub", "ref", "return", "static", "struct", "trait", "true", "try", "type", "typeof",
    "unsafe", "use", "virtual", "where", "while",
];

/// What stands below a script, which is at `path`.
pub fn rust(spec: &JobSpec, script: &str, path: &Path) -> String {
    let mut source = Source::default();
    let mut fields = Vec::new();
    for (name, list) in lists(spec) {
        let (kind, items) = source.list(&list.items);
        let names: Vec<(&str, Value)> = named(&list).collect();
        fields.push((name.to_owned(), source.structure(&names, Some((kind, items)))));
    }
    let none = Dict::default();
    let config = match &*spec.config {
        Value::Dict(config) => config,
        _ => &none,
    };
    fields.push(("config".to_owned(), source.dictionary(config)));
    fields.push(("threads".to_owned(), ("i64".to_owned(), spec.threads.to_string())));
    fields.push(("rule".to_owned(), text(&spec.rule)));
    fields.push(("scriptdir".to_owned(), text(&script_folder(path))));
    fields.push(("bench_iteration".to_owned(), ("Option<usize>".to_owned(), "None".to_owned())));
    source.define("Snakemake", &types(&fields));
    let value = instance("Snakemake", &fields);
    let redirect = if script.contains("redirect_") { REDIRECT } else { "" };
    format!(
        "{SUPPORT}{redirect}{}pub static snakemake: std::sync::LazyLock<Snakemake> = std::sync::LazyLock::new(|| {value});\n}}\n",
        source.types
    )
}

/// The type of a value, and an expression for it.
type Typed = (String, String);

fn text(text: &str) -> Typed {
    ("String".to_owned(), format!("std::string::String::from({text:?})"))
}

/// The types that the values of a job need.
#[derive(Default)]
struct Source {
    types: String,
    /// The structures, by their fields and those' types.
    kinds: BTreeMap<String, String>,
}

/// `pub size: i64, pub name: String`.
fn types(fields: &[(String, Typed)]) -> String {
    fields.iter().map(|(name, (kind, _))| format!("pub {name}: {kind}")).collect::<Vec<_>>().join(", ")
}

/// `Part1 { size: 5 }`.
fn instance(kind: &str, fields: &[(String, Typed)]) -> String {
    let values: Vec<String> = fields.iter().map(|(name, (_, value))| format!("{name}: {value}")).collect();
    format!("{kind} {{ {} }}", values.join(", "))
}

impl Source {
    fn value(&mut self, value: &Value) -> Typed {
        match value {
            Value::None => ("Option<()>".to_owned(), "None".to_owned()),
            Value::Bool(truth) => ("bool".to_owned(), truth.to_string()),
            Value::Int(number) => ("i64".to_owned(), number.to_string()),
            Value::Float(number) => ("f64".to_owned(), float(*number)),
            Value::Str(words) => text(words),
            Value::List(items) => {
                let (kind, items) = self.list(items);
                (format!("Vec<{kind}>"), items)
            }
            Value::Dict(dict) => self.dictionary(dict),
        }
    }

    /// The type of the items, and an expression for all; items of several kinds are texts.
    fn list(&mut self, items: &[Value]) -> Typed {
        let numbers = items.iter().all(|item| matches!(item, Value::Int(_) | Value::Float(_)));
        let same = items.windows(2).all(|two| std::mem::discriminant(&two[0]) == std::mem::discriminant(&two[1]));
        let item = |item: &Value| match item {
            Value::Bool(truth) => ("bool", truth.to_string()),
            Value::Int(number) if same => ("i64", number.to_string()),
            Value::Int(number) if numbers => ("f64", format!("{number}.0")),
            Value::Float(number) if numbers => ("f64", float(*number)),
            other => ("String", format!("{:?}", plain(other))),
        };
        let typed: Vec<(&str, String)> = items.iter().map(item).collect();
        let kind = typed.first().map_or("String", |(kind, _)| kind);
        let is_one = typed.iter().all(|(other, _)| *other == kind);
        let items: Vec<String> = match is_one {
            true => typed.into_iter().map(|(_, item)| item).collect(),
            false => items.iter().map(|item| format!("{:?}", plain(item))).collect(),
        };
        // A table that is copied: code for each item would take the compiler minutes for thousands of them.
        let (kind, items) = (if is_one { kind } else { "String" }, items.join(", "));
        let list = match kind {
            "String" => format!("texts(&[{items}])"),
            kind => format!("{{ const ITEMS: &[{kind}] = &[{items}]; ITEMS.to_vec() }}"),
        };
        (kind.to_owned(), list)
    }

    fn dictionary(&mut self, dict: &Dict) -> Typed {
        let values: Vec<(&str, Value)> = dict.iter().map(|(key, value)| (key.as_str(), value.clone())).collect();
        self.structure(&values, None)
    }

    /// A structure of its own for these values; with `items`, which have a type, also a list of those.
    fn structure(&mut self, values: &[(&str, Value)], items: Option<Typed>) -> Typed {
        let names = identifiers(values.iter().map(|(name, _)| *name));
        let mut fields: Vec<(String, Typed)> =
            names.into_iter().zip(values).map(|(name, (_, value))| (name, self.value(value))).collect();
        let item = items.as_ref().map(|(item, _)| item.clone());
        if let Some((item, items)) = items {
            fields.insert(0, ("items".to_owned(), (format!("Vec<{item}>"), items)));
        }
        let types = types(&fields);
        let kind = match self.kinds.get(&types) {
            Some(kind) => kind.clone(),
            None => {
                let kind = format!("Part{}", self.kinds.len() + 1);
                self.define(&kind, &types);
                if let Some(item) = item {
                    writeln!(self.types, "list! {{ {kind}, {item} }}").expect("text can always be written to");
                }
                self.kinds.insert(types, kind.clone());
                kind
            }
        };
        (kind.clone(), instance(&kind, &fields))
    }

    fn define(&mut self, kind: &str, types: &str) {
        writeln!(self.types, "#[derive(Debug, Clone)]\npub struct {kind} {{ {types} }}")
            .expect("text can always be written to");
    }
}

fn float(number: f64) -> String {
    match number {
        n if n.is_nan() => "f64::NAN".to_owned(),
        n if n.is_infinite() => if n > 0.0 { "f64::INFINITY" } else { "f64::NEG_INFINITY" }.to_owned(),
        n => format!("{n:?}"),
    }
}

/// Names as fields'. Those that can be one are one; the others find another.
fn identifiers<'n>(names: impl Iterator<Item = &'n str> + Clone) -> Vec<String> {
    let mut taken: Vec<String> = names.clone().filter(|name| identifier(name) == *name).map(str::to_owned).collect();
    let mut free = |name: &str| {
        let mut field = identifier(name);
        while field != name && taken.contains(&field) {
            field.push('_');
        }
        taken.push(field.clone());
        field
    };
    names.map(&mut free).collect()
}

/// A name as a field's: `_` for what cannot stand in one, and behind or before it where that is not enough.
fn identifier(name: &str) -> String {
    let name: String = name.chars().map(|c| if continues_word(c) { c } else { '_' }).collect();
    match &*name {
        "self" | "Self" | "super" | "crate" | "_" | "items" => format!("{name}_"),
        name if KEYWORDS.contains(&name) => format!("r#{name}"),
        name if !name.starts_with(starts_word) => format!("_{name}_"),
        name => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_name_is_a_field() {
        let names = ["plain", "type", "self", "a-b", "2x", "items", "größe", "a_b", "", "m²", "a b", "__"];
        let fields = ["plain", "r#type", "self_", "a_b_", "_2x_", "items_", "größe", "a_b", "___", "m_", "a_b__", "__"];
        assert_eq!(identifiers(names.into_iter()), fields);
    }

    #[test]
    fn lists_have_one_type() {
        let mut source = Source::default();
        let (int, float, word) = (Value::Int(1), Value::Float(2.5), Value::Str("a\"b".to_owned()));
        let mut shown = |items: &[&Value]| {
            let items: Vec<Value> = items.iter().map(|&item| item.clone()).collect();
            let (kind, text) = source.list(&items);
            format!("{kind} {text}")
        };
        assert_eq!(shown(&[]), "String texts(&[])");
        assert_eq!(shown(&[&int, &int]), "i64 { const ITEMS: &[i64] = &[1, 1]; ITEMS.to_vec() }");
        assert_eq!(shown(&[&int, &float]), "f64 { const ITEMS: &[f64] = &[1.0, 2.5]; ITEMS.to_vec() }");
        assert_eq!(shown(&[&int, &word]), r#"String texts(&["1", "a\"b"])"#);
    }
}
