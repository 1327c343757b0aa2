//! A job as part of a Rust script: `snakemake`, a static with a field for each name, of the types that the values have. It
//! stands below the script, whose lines so keep their numbers. Knows values and Rust's words, nothing of processes.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;

use super::literal::{lists, named, plain, script_folder};
use crate::run::spec::JobSpec;
use crate::value::{Dict, Value};

/// What all scripts have in common.
const SUPPORT: &str = include_str!("preamble.rs.txt");

/// Words that no field can be called.
const KEYWORDS: [&str; 46] = [
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "do", "dyn", "else", "enum",
    "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop", "macro", "match", "mod", "move",
    "mut", "override", "priv", "pub", "ref", "return", "static", "struct", "trait", "true", "try", "type", "typeof",
    "unsafe", "use", "virtual", "where", "while",
];

/// What stands below the script at `path`.
pub fn rust(spec: &JobSpec, path: &Path) -> String {
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
    let (_, value) = source.define("Snakemake", &fields, "");
    format!(
        "{SUPPORT}{}pub static snakemake: std::sync::LazyLock<Snakemake> = std::sync::LazyLock::new(|| {value});\n}}\n",
        source.types
    )
}

/// The type of a value, and an expression for it.
type Typed = (String, String);

fn text(text: &str) -> Typed {
    ("String".to_owned(), format!("String::from({text:?})"))
}

/// The types that the values of a job need.
#[derive(Default)]
struct Source {
    types: String,
    count: usize,
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
            other => ("String", format!("String::from({:?})", plain(other))),
        };
        let typed: Vec<(&str, String)> = items.iter().map(item).collect();
        let kind = typed.first().map_or("String", |(kind, _)| kind);
        let is_one = typed.iter().all(|(other, _)| *other == kind);
        let items: Vec<String> = match is_one {
            true => typed.into_iter().map(|(_, item)| item).collect(),
            false => items.iter().map(|item| format!("String::from({:?})", plain(item))).collect(),
        };
        (if is_one { kind } else { "String" }.to_owned(), format!("vec![{}]", items.join(", ")))
    }

    fn dictionary(&mut self, dict: &Dict) -> Typed {
        let values: Vec<(&str, Value)> = dict.iter().map(|(key, value)| (key.as_str(), value.clone())).collect();
        self.structure(&values, None)
    }

    /// A structure of its own for these values; with `items`, which have a type, also a list of those.
    fn structure(&mut self, values: &[(&str, Value)], items: Option<Typed>) -> Typed {
        let mut taken = BTreeSet::new();
        let mut fields = Vec::new();
        for (name, value) in values {
            let name = identifier(name);
            if taken.insert(name.clone()) {
                fields.push((name, self.value(value)));
            }
        }
        self.count += 1;
        let kind = format!("Part{}", self.count);
        let Some((item, items)) = items else { return self.define(&kind, &fields, "") };
        let (_, value) = self.define(&kind, &fields, &format!("items: Vec<{item}>, "));
        writeln!(self.types, "list! {{ {kind}, {item} }}").expect("text can always be written to");
        (kind.clone(), value.replacen(&format!("{kind} {{ "), &format!("{kind} {{ items: {items}, "), 1))
    }

    fn define(&mut self, kind: &str, fields: &[(String, Typed)], more: &str) -> Typed {
        let types: Vec<String> = fields.iter().map(|(name, (kind, _))| format!("pub {name}: {kind}")).collect();
        let values: Vec<String> = fields.iter().map(|(name, (_, value))| format!("{name}: {value}")).collect();
        writeln!(self.types, "#[derive(Debug, Clone)]\npub struct {kind} {{ {more}{} }}", types.join(", "))
            .expect("text can always be written to");
        (kind.to_owned(), format!("{kind} {{ {} }}", values.join(", ")))
    }
}

fn float(number: f64) -> String {
    match number {
        n if n.is_nan() => "f64::NAN".to_owned(),
        n if n.is_infinite() => if n > 0.0 { "f64::INFINITY" } else { "f64::NEG_INFINITY" }.to_owned(),
        n => format!("{n:?}"),
    }
}

/// A name as a field's: `_` for what cannot stand in one, and behind or before it where that is not enough.
fn identifier(name: &str) -> String {
    let name: String = name.chars().map(|c| if c.is_alphanumeric() || c == '_' { c } else { '_' }).collect();
    match &*name {
        "self" | "Self" | "super" | "crate" | "_" | "items" => format!("{name}_"),
        name if KEYWORDS.contains(&name) => format!("r#{name}"),
        name if name.starts_with(|c: char| !c.is_alphabetic() && c != '_') => format!("_{name}"),
        name => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_name_is_a_field() {
        let names = ["plain", "type", "self", "a-b", "2x", "items", "größe"];
        let fields = ["plain", "r#type", "self_", "a_b", "_2x", "items_", "größe"];
        assert_eq!(names.map(identifier), fields);
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
        assert_eq!(shown(&[]), "String vec![]");
        assert_eq!(shown(&[&int, &int]), "i64 vec![1, 1]");
        assert_eq!(shown(&[&int, &float]), "f64 vec![1.0, 2.5]");
        assert_eq!(shown(&[&int, &word]), r#"String vec![String::from("1"), String::from("a\"b")]"#);
    }
}
