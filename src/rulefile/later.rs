//! Helpers whose answer waits for a job: `branch`, `lookup`, `subpath`, `input.name` and their like. Arguments as they
//! stand in the Rulefile in, for each job a value out. Functions are called through the evaluator's seam; which one it
//! is, is not known here.

use std::sync::Arc;

use super::expand::{Combine, expand};
use super::instance::{describe, evaluate};
use super::lookup::Lookup;
use super::relocation::Relocation;
use super::rule::{Expr, Flags, Functions, JobContext};
use super::template;
use crate::diagnostic::Diagnostic;
use crate::dialect::format::repr_value;
use crate::value::{Named, Value};

#[derive(Debug, Clone, PartialEq)]
pub enum Later {
    /// A part of the job: `input`, `output[0]`, `params.name`, `threads`.
    Part {
        part: String,
        step: Option<Step>,
    },
    /// `subpath(path, …)`.
    Subpath {
        of: Expr,
        change: Subpath,
    },
    /// `as_py_module(path)`.
    PyModule(Expr),
    /// `prepend_param(prefix, paths, space=True)`.
    PrependParam {
        prefix: String,
        of: Expr,
        space: bool,
    },
    /// `branch(condition, then=…, otherwise=…)`, or with `cases=`.
    Branch {
        condition: Expr,
        then: Expr,
        otherwise: Option<Expr>,
        cases: Option<Vec<(String, Expr)>>,
    },
    /// `evaluate("{wildcard} == 'a'")`.
    Evaluate(String),
    Lookup(Lookup),
    /// `parse_input(file, parser=…)`.
    ParseInput {
        of: Expr,
        parser: Parser,
        named: Vec<(String, Value)>,
    },
    /// Paths that another rule's functions give, `rules.NAME.input`: they go where that rule's paths go.
    Moved {
        of: Expr,
        relocation: Arc<Relocation>,
    },
    /// `expand(…)` with a function among its patterns or values.
    Expand {
        patterns: Expr,
        wildcards: Vec<(String, Expr)>,
        combine: Combine,
        allow_missing: bool,
    },
}

/// What is taken of a part of the job.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    Name(String),
    Index(i64),
}

/// What `subpath()` takes of a path.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Subpath {
    pub strip_suffix: Option<String>,
    pub with_suffix: Option<String>,
    pub basename: bool,
    /// How many folders up.
    pub ancestor: usize,
}

impl Subpath {
    /// # Errors
    /// A path that does not end with the suffix to strip.
    pub fn apply(&self, path: &str) -> Result<String, Diagnostic> {
        let mut path = path.to_owned();
        if let Some(suffix) = &self.strip_suffix {
            let stripped = path.strip_suffix(suffix.as_str()).map(str::to_owned);
            path = stripped.ok_or_else(|| {
                Diagnostic::error(format!("subpath(): the path {path:?} does not end with {suffix:?}"))
            })?;
        }
        path.push_str(self.with_suffix.as_deref().unwrap_or_default());
        if self.basename {
            return Ok(path.rsplit('/').next().unwrap_or_default().to_owned());
        }
        for _ in 0..self.ancestor {
            path = match path.rsplit_once('/') {
                Some(("", _)) => "/".to_owned(),
                Some((folder, _)) => folder.to_owned(),
                None => return Ok(".".to_owned()),
            };
        }
        Ok(path)
    }
}

/// What is made of the content of a file.
#[derive(Debug, Clone, PartialEq)]
pub enum Parser {
    /// The text, without white space at its ends.
    Text,
    /// `extract_checksum`: the line of one file.
    Checksum,
    /// A function of the Rulefile, called with the open file.
    Function(super::rule::FunctionId),
}

impl std::fmt::Display for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Step::Name(name) => write!(f, ".{name}"),
            Step::Index(at) => write!(f, "[{at}]"),
        }
    }
}

impl Later {
    /// The value for a job.
    ///
    /// # Errors
    /// What a function reports; a part that the job does not have; a value of the wrong kind.
    pub fn value(&self, context: &JobContext<'_>, functions: &dyn Functions) -> Result<Expr, Diagnostic> {
        let nothing = Expr::List(Vec::new());
        match self {
            Later::Part { part, step } => part_of(context, part, step.as_ref()).map(Expr::Value),
            Later::Subpath { of, change } => {
                let path = plain(of, context, functions)?;
                change.apply(&one_path("subpath", path)?).map(|path| Expr::Value(Value::Str(path)))
            }
            Later::PyModule(of) => {
                let path = one_path("as_py_module", plain(of, context, functions)?)?;
                py_module(&path).map(|name| Expr::Value(Value::Str(name)))
            }
            Later::PrependParam { prefix, of, space } => {
                let paths = plain(of, context, functions)?;
                prepend(prefix, paths, *space).map(|text| Expr::Value(Value::Str(text)))
            }
            Later::Branch { condition, then, otherwise, cases } => {
                let condition = plain(condition, context, functions)?;
                let taken = match cases {
                    None => Some(if is_true(&condition) { then } else { otherwise.as_ref().unwrap_or(&nothing) }),
                    Some(cases) => case(cases, &condition).or(otherwise.as_ref()),
                };
                let Some(taken) = taken else { return Err(no_case(&condition)) };
                Ok(match evaluate(taken, context, functions)? {
                    Expr::Value(value) if !is_true(&value) => nothing,
                    taken => taken,
                })
            }
            Later::Evaluate(text) => functions.expression(&written_out(text, context)?, &[]).map(Expr::Value),
            Later::Lookup(lookup) => lookup.value(context, functions).map(Expr::Value),
            Later::ParseInput { of, parser, named } => {
                let path = one_path("parse_input", plain(of, context, functions)?)?;
                parse(&path, parser, named, functions).map(Expr::Value)
            }
            Later::Moved { of, relocation } => {
                let mut paths = evaluate(of, context, functions)?;
                relocation.settle(&mut paths).map_err(|error| Diagnostic::error(error.to_string()))?;
                Ok(Expr::Flagged(Box::new(paths), Box::new(Flags { settled: true, ..Flags::default() })))
            }
            Later::Expand { patterns, wildcards, combine, allow_missing } => {
                let mut values = Vec::new();
                for (name, value) in wildcards {
                    values.push((name.as_str(), values_of(plain(value, context, functions)?)));
                }
                let patterns = evaluate(patterns, context, functions)?;
                let mut out = Vec::new();
                expand_all(&patterns, &Flags::default(), &values, *combine, *allow_missing, &mut out)?;
                Ok(Expr::List(out))
            }
        }
    }

    /// Whether the value depends on a part of the job beside its wildcards.
    pub fn asks_for(&self, name: &str, functions: &dyn Functions) -> bool {
        let asks = |expr: &Expr| asks_for(expr, name, functions);
        match self {
            Later::Part { part, .. } => part == name,
            Later::Subpath { of, .. }
            | Later::PyModule(of)
            | Later::PrependParam { of, .. }
            | Later::ParseInput { of, .. } => asks(of),
            Later::Branch { condition, then, otherwise, cases } => {
                let cases = cases.iter().flatten().any(|(_, case)| asks(case));
                asks(condition) || asks(then) || otherwise.as_ref().is_some_and(asks) || cases
            }
            Later::Evaluate(_) => false,
            Later::Moved { of, .. } => asks(of),
            Later::Lookup(lookup) => lookup.functions().any(asks),
            Later::Expand { patterns, wildcards, .. } => asks(patterns) || wildcards.iter().any(|(_, v)| asks(v)),
        }
    }
}

/// Whether a function in the expression asks for a part of the job.
pub fn asks_for(expr: &Expr, name: &str, functions: &dyn Functions) -> bool {
    match expr {
        Expr::Function(function) => functions.asks_for(*function, name),
        Expr::Later(later) => later.asks_for(name, functions),
        Expr::Value(_) => false,
        Expr::Flagged(inner, _) | Expr::Unpack(inner) => asks_for(inner, name, functions),
        Expr::List(items) => items.iter().any(|item| asks_for(item, name, functions)),
        Expr::Dict(entries) => entries.iter().any(|(_, value)| asks_for(value, name, functions)),
    }
}

/// The plain value of an argument, its functions called.
pub fn plain(expr: &Expr, context: &JobContext<'_>, functions: &dyn Functions) -> Result<Value, Diagnostic> {
    Ok(evaluate(expr, context, functions)?.into_value())
}

/// As Python tests a value.
pub fn is_true(value: &Value) -> bool {
    match value {
        Value::None => false,
        Value::Bool(b) => *b,
        Value::Int(i) => *i != 0,
        Value::Float(f) => *f != 0.0,
        Value::Str(text) => !text.is_empty(),
        Value::List(items) => !items.is_empty(),
        Value::Dict(dict) => !dict.is_empty(),
    }
}

/// The case of a value. Keys of dictionaries are text, as everywhere.
pub fn case<'c>(cases: &'c [(String, Expr)], value: &Value) -> Option<&'c Expr> {
    let key = match value {
        Value::Str(text) => text.clone(),
        other => repr_value(other),
    };
    cases.iter().find(|(known, _)| *known == key).map(|(_, case)| case)
}

pub fn no_case(value: &Value) -> Diagnostic {
    Diagnostic::error(format!("branch(): there is no case for {}", describe(value)))
        .help("add it to `cases`, or give `otherwise`")
}

fn part_of(context: &JobContext<'_>, part: &str, step: Option<&Step>) -> Result<Value, Diagnostic> {
    let missing = || Diagnostic::error(format!("`{part}` of the job is not known here"));
    let files = |list: Option<&Named<String>>| {
        let list = list.ok_or_else(missing)?.map(|path| Value::Str(path.clone()));
        item(part, &list, step)
    };
    match part {
        "input" => files(context.input),
        "output" => files(context.output),
        "params" => item(part, context.params.ok_or_else(missing)?, step),
        "threads" => context.threads.map(|threads| Value::Int(threads.into())).ok_or_else(missing),
        "resources" => {
            let resources = context.resources.ok_or_else(missing)?;
            match step {
                Some(Step::Name(name)) => resources.get(name).cloned().ok_or_else(|| no_item(part, name)),
                _ => Err(Diagnostic::error("name the resource: resources.NAME")),
            }
        }
        _ => Err(missing()),
    }
}

fn item(part: &str, list: &Named<Value>, step: Option<&Step>) -> Result<Value, Diagnostic> {
    match step {
        None => Ok(Value::List(list.items.clone())),
        Some(Step::Index(at)) => {
            let place = if *at < 0 { at + list.len() as i64 } else { *at };
            let item = usize::try_from(place).ok().and_then(|place| list.items.get(place));
            item.cloned().ok_or_else(|| no_item(part, &at.to_string()))
        }
        Some(Step::Name(name)) => {
            let items = list.get(name).ok_or_else(|| no_item(part, name))?;
            let is_list = list.names.iter().any(|(known, _, count)| known == name && count.is_some());
            Ok(match items {
                [one] if !is_list => one.clone(),
                several => Value::List(several.to_vec()),
            })
        }
    }
}

fn no_item(part: &str, name: &str) -> Diagnostic {
    Diagnostic::error(format!("the job has no `{part}` called `{name}`"))
}

/// # Errors
/// A value that is no single path.
pub fn one_path(function: &str, value: Value) -> Result<String, Diagnostic> {
    match value {
        Value::Str(path) => Ok(path),
        Value::List(items) if items.len() == 1 => {
            one_path(function, items.into_iter().next().expect("there is one item"))
        }
        other => Err(Diagnostic::error(format!("{function}() takes one path, not {}", describe(&other)))),
    }
}

/// What `python -m` calls a file: `package/part.py` is `package.part`.
///
/// # Errors
/// A path that is no module's.
pub fn py_module(path: &str) -> Result<String, Diagnostic> {
    let is_name = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
    };
    let module = crate::path::normalise(path);
    let parts: Option<Vec<&str>> = module.strip_suffix(".py").map(|module| module.split('/').collect());
    parts.filter(|parts| parts.iter().all(|part| is_name(part))).map(|parts| parts.join(".")).ok_or_else(|| {
        Diagnostic::error(format!("as_py_module(): {path} is no Python module")).help(
            "a module is a .py file below this folder, in folders whose names are letters, digits and underscores",
        )
    })
}

/// `prefix a prefix b`.
///
/// # Errors
/// A value that is no path or list of paths.
pub fn prepend(prefix: &str, paths: Value, space: bool) -> Result<String, Diagnostic> {
    let paths = match paths {
        Value::List(items) => items,
        one => vec![one],
    };
    let space = if space { " " } else { "" };
    let texts = paths.into_iter().map(|path| match path {
        Value::Str(path) => Ok(format!("{prefix}{space}{path}")),
        other => Err(Diagnostic::error(format!("prepend_param() takes paths, not {}", describe(&other)))),
    });
    Ok(texts.collect::<Result<Vec<_>, _>>()?.join(" "))
}

/// The text of an expression with its wildcards written as Python would.
fn written_out(text: &str, context: &JobContext<'_>) -> Result<String, Diagnostic> {
    let wrong = |reason: String| Diagnostic::error(format!("evaluate(): {reason}")).note(format!("in {text:?}"));
    let mut out = String::new();
    for piece in template::pieces(text).map_err(|error| wrong(error.to_string()))? {
        match piece {
            template::Piece::Literal(literal) => out.push_str(&literal),
            template::Piece::Field(field) => {
                let value = context.wildcards.iter().find(|(name, _)| name == field.root);
                let (_, value) = value.ok_or_else(|| wrong(format!("the job has no wildcard `{}`", field.root)))?;
                out.push_str(&repr_value(&Value::Str(value.clone())));
            }
        }
    }
    Ok(out)
}

fn parse(
    path: &str,
    parser: &Parser,
    named: &[(String, Value)],
    functions: &dyn Functions,
) -> Result<Value, Diagnostic> {
    let text = crate::witness::read_to_string(path)
        .map_err(|error| Diagnostic::error(format!("parse_input(): cannot read {path}: {error}")))?;
    match parser {
        Parser::Text => Ok(Value::Str(text.trim().to_owned())),
        Parser::Checksum => {
            let file = named.iter().find(|(name, _)| name == "file").map(|(_, value)| value.clone());
            let file = one_path("extract_checksum", file.unwrap_or_default())?;
            checksum(&text, &file, path).map(Value::Str)
        }
        Parser::Function(function) => functions.parse(*function, &text, named),
    }
}

/// The checksum of a file in the list that `sha256sum` and its siblings write: `DIGEST  NAME` a line.
///
/// # Errors
/// A file that is not in the list.
pub fn checksum(text: &str, file: &str, list: &str) -> Result<String, Diagnostic> {
    let same = |name: &str| name.strip_prefix("./").unwrap_or(name) == file.strip_prefix("./").unwrap_or(file);
    let mut lines = text.lines().filter_map(|line| line.split_once(char::is_whitespace));
    let found = lines.find(|(_, name)| same(name.trim_start_matches([' ', '*', '\t']).trim_end()));
    found
        .map(|(digest, _)| digest.to_owned())
        .ok_or_else(|| Diagnostic::error(format!("extract_checksum(): {list} has no line for {file:?}")))
}

/// One value, or each of a list.
fn values_of(value: Value) -> Vec<Value> {
    match value {
        Value::List(items) => items,
        one => vec![one],
    }
}

fn expand_all(
    patterns: &Expr,
    flags: &Flags,
    wildcards: &[(&str, Vec<Value>)],
    combine: Combine,
    allow_missing: bool,
    out: &mut Vec<Expr>,
) -> Result<(), Diagnostic> {
    let mut one = |text: &str| {
        let push = &mut |path| {
            let path = Expr::Value(Value::Str(path));
            out.push(if flags.settled { Expr::Flagged(Box::new(path), Box::new(flags.clone())) } else { path });
        };
        expand(text, wildcards, combine, allow_missing, push).map_err(|diagnostic| *diagnostic)
    };
    match patterns {
        Expr::Value(Value::Str(text)) => one(text),
        Expr::Value(Value::List(items)) => items.iter().try_for_each(|item| match item {
            Value::Str(text) => one(text),
            other => Err(Diagnostic::error(format!("expand() takes patterns as text, not {}", describe(other)))),
        }),
        Expr::List(items) => {
            items.iter().try_for_each(|item| expand_all(item, flags, wildcards, combine, allow_missing, out))
        }
        Expr::Flagged(inner, own) => expand_all(inner, &flags.and(own), wildcards, combine, allow_missing, out),
        _ => Err(Diagnostic::error("expand() needs a pattern, or a list of patterns, as text")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subpaths_are_cut_from_paths() {
        let up = |ancestor| Subpath { ancestor, ..Subpath::default() };
        assert_eq!(up(2).apply("results/foo/bar/b.txt").unwrap(), "results/foo");
        assert_eq!(up(3).apply("a/b").unwrap(), ".");
        let suffix = Subpath { strip_suffix: Some(".bam".into()), with_suffix: Some(".bai".into()), ..up(0) };
        assert_eq!(suffix.apply("x/a.bam").unwrap(), "x/a.bai");
        assert!(suffix.apply("x/a.sam").is_err());
    }

    #[test]
    fn checksums_are_found_by_name() {
        let list = "abc  ./1.tsv\ndef *2.tsv\n";
        assert_eq!(checksum(list, "1.tsv", "l").unwrap(), "abc");
        assert_eq!(checksum(list, "./2.tsv", "l").unwrap(), "def");
        assert!(checksum(list, "3.tsv", "l").is_err());
    }
}
