//! Templates: `shell:` commands and messages with `{placeholders}`. A template and a job's values in, text out; values
//! that come from the file system are written so that bash reads them as themselves.

use std::borrow::Cow;
use std::collections::BTreeMap;

use regex::Regex;

use super::pattern::Pattern;
use super::quoting::{self, QuotingError, Scanner};
use super::rule::{Argument, Expr, NamespaceId, Rule, Workflow};
use crate::dialect::format::{ascii, format_value, repr_value};
use crate::value::{Named, Value};

/// The values of file-level names.
pub type Globals<'g> = dyn Fn(&str) -> Option<Value> + 'g;

/// What the placeholders of one job stand for.
#[derive(Debug, Clone, Copy)]
pub struct JobValues<'a> {
    pub rule: &'a str,
    /// Whose names the text sees.
    pub namespace: NamespaceId,
    pub input: &'a Named<String>,
    pub output: &'a Named<String>,
    pub log: &'a Named<String>,
    pub benchmark: Option<&'a str>,
    pub wildcards: &'a [(String, String)],
    pub params: &'a Named<Value>,
    pub resources: &'a BTreeMap<String, Value>,
    pub threads: u32,
    pub attempt: u32,
    pub job: u32,
}

#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum TemplateError {
    #[error("the placeholder `{{{0}}}` names nothing")]
    Unknown(String, Vec<String>),
    #[error("`{{{field}}}`: {reason}")]
    Field { field: String, reason: String },
    #[error("`{{` without `}}`")]
    Open,
    #[error("`}}` without `{{`: write `}}}}` for a brace")]
    Close,
    #[error("`{{{field}}}` cannot stand here: {error}")]
    Quoting { field: String, error: QuotingError },
}

/// A piece of a template.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Piece<'t> {
    Literal(Cow<'t, str>),
    Field(Field<'t>),
}

/// `name.attribute[index]!conversion:spec`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Field<'t> {
    pub text: &'t str,
    /// `name.attribute[index]`.
    pub name: &'t str,
    pub root: &'t str,
    pub path: Vec<&'t str>,
    pub conversion: Option<char>,
    pub spec: &'t str,
}

/// What a placeholder comes to.
enum Found {
    /// Paths and wildcards: names from the file system.
    Names { names: Vec<String>, paths: bool },
    /// The author's own text.
    Own(Value),
}

/// What a placeholder may begin with that stands for a part of the job.
pub(crate) const JOB_NAMES: [&str; 11] =
    ["input", "output", "log", "benchmark", "wildcards", "params", "resources", "threads", "rule", "attempt", "jobid"];

/// A command for bash.
///
/// # Errors
/// [`TemplateError`] for a placeholder that cannot be filled in.
pub fn shell(template: &str, values: &JobValues<'_>, workflow: &Workflow) -> Result<String, TemplateError> {
    let no_names = BTreeMap::new();
    shell_with(template, values, &no_names, &|name| workflow.functions.global(values.namespace, name))
}

/// As [`shell`], with the values of a body's own names, which come first, and file-level names from `globals`.
///
/// # Errors
/// [`TemplateError`] for a placeholder that cannot be filled in.
pub fn shell_with(
    template: &str,
    values: &JobValues<'_>,
    names: &BTreeMap<String, Value>,
    globals: &Globals<'_>,
) -> Result<String, TemplateError> {
    let own = |field: &Field<'_>| names.get(field.name).map(|value| file_or_text(value, values));
    written(template, &|field| own(field).map_or_else(|| find(field, values, globals), Ok))
}

/// A command that runs while the Rulefile is read: its placeholders know `names` alone.
///
/// # Errors
/// [`TemplateError`] for a placeholder that cannot be filled in.
pub fn shell_at_file_level(template: &str, names: &BTreeMap<String, Value>) -> Result<String, TemplateError> {
    let known = || names.keys().cloned().collect();
    written(template, &|field| names.get(field.name).cloned().map(Found::Own).ok_or_else(|| unknown(field, known())))
}

/// The template with what `find` has for its placeholders.
fn written(template: &str, find: &dyn Fn(&Field<'_>) -> Result<Found, TemplateError>) -> Result<String, TemplateError> {
    let mut scanner = Scanner::default();
    let mut out = String::with_capacity(template.len() + 64);
    for piece in pieces(template)? {
        match piece {
            Piece::Literal(text) => {
                scanner.literal(&text);
                out.push_str(&text);
            }
            Piece::Field(field) => {
                let quoting = |error| TemplateError::Quoting { field: field.text.to_owned(), error };
                match find(&field)? {
                    Found::Names { names, paths } => {
                        let bare = scanner.is_bare();
                        for (at, name) in names.iter().enumerate() {
                            if at > 0 {
                                scanner.literal(" ");
                                out.push(' ');
                            }
                            // `:q` asks for what names get anyhow, outside of quotes.
                            let spec = if bare && field.spec == "q" { "" } else { field.spec };
                            let text = if spec.is_empty() && field.conversion.is_none() {
                                name.clone()
                            } else {
                                own_text(&field, &Value::Str(name.clone()))?
                            };
                            out.push_str(&scanner.write(&text, paths).map_err(quoting)?);
                        }
                    }
                    Found::Own(value) => {
                        let text = own_text(&field, &value)?;
                        scanner.literal(&text);
                        out.push_str(&text);
                    }
                }
            }
        }
    }
    Ok(out)
}

/// A message: as a command, without quoting.
///
/// # Errors
/// [`TemplateError`] for a placeholder that cannot be filled in.
pub fn message(template: &str, values: &JobValues<'_>, workflow: &Workflow) -> Result<String, TemplateError> {
    let mut out = String::new();
    for piece in pieces(template)? {
        match piece {
            Piece::Literal(text) => out.push_str(&text),
            Piece::Field(field) => {
                let found = find(&field, values, &|name| workflow.functions.global(values.namespace, name))?;
                out.push_str(&unquoted(&field, found)?);
            }
        }
    }
    Ok(out)
}

/// What a placeholder comes to where no shell reads it.
fn unquoted(field: &Field<'_>, found: Found) -> Result<String, TemplateError> {
    match found {
        Found::Names { names, .. } => own_text(field, &Value::Str(names.join(" "))),
        Found::Own(value) => own_text(field, &value),
    }
}

/// The file-level names that a template uses, with their values: part of what the job's result depends on.
pub fn globals(template: &str, rule: &Rule, workflow: &Workflow) -> Vec<(String, Value)> {
    let mut out: Vec<(String, Value)> = Vec::new();
    for piece in pieces(template).unwrap_or_default() {
        let Piece::Field(field) = piece else { continue };
        if JOB_NAMES.contains(&field.root) || out.iter().any(|(text, _)| text == field.text) {
            continue;
        }
        if let Ok(Some(value)) = global(&field, &|name| workflow.functions.global(rule.namespace, name)) {
            out.push((field.text.to_owned(), value));
        }
    }
    out
}

/// Looks for a placeholder that can stand for nothing in any job of the rule: what comes before its first dot or bracket
/// is neither a part of a job nor a file-level name, or what comes after is no name that the rule gives.
///
/// # Errors
/// [`TemplateError`] for the first such placeholder, and for braces that do not match.
pub fn check(template: &str, rule: &Rule, workflow: &Workflow) -> Result<(), TemplateError> {
    for piece in pieces(template)? {
        let Piece::Field(field) = piece else { continue };
        if !JOB_NAMES.contains(&field.root) {
            if workflow.functions.global(rule.namespace, field.root).is_none() {
                return Err(unknown(&field, JOB_NAMES.iter().map(|&name| name.to_owned()).collect()));
            }
        } else {
            check_names(&field, rule)?;
        }
    }
    Ok(())
}

/// What comes after the first dot or bracket is a name that the rule gives.
fn check_names(field: &Field<'_>, rule: &Rule) -> Result<(), TemplateError> {
    match (field.path.first(), names_of(field.root, rule)) {
        (Some(name), Some(known)) if name.parse::<i64>().is_err() && !known.contains(name) => {
            Err(unknown(field, known.iter().map(|known| format!("{}.{known}", field.root)).collect()))
        }
        _ => Ok(()),
    }
}

/// The names that all jobs of a rule have in a part, if they are known without a job.
pub fn names_of<'r>(part: &str, rule: &'r Rule) -> Option<Vec<&'r str>> {
    let arguments = |arguments: &'r [Argument]| {
        let is_open = arguments.iter().any(|argument| matches!(argument.expr, Expr::Unpack(_)));
        (!is_open).then(|| arguments.iter().filter_map(|argument| argument.name.as_deref()).collect())
    };
    match part {
        "input" => arguments(&rule.input),
        "params" => arguments(&rule.params),
        "output" => Some(rule.output.names.iter().map(|(name, _, _)| name.as_str()).collect()),
        "log" => Some(rule.log.names.iter().map(|(name, _, _)| name.as_str()).collect()),
        "wildcards" => Some(rule.wildcard_names.iter().map(String::as_str).collect()),
        _ => None,
    }
}

/// Where a job's script is: relative to the folder of the file that holds its rule. Its path may name wildcards and params.
///
/// # Errors
/// [`TemplateError`] for a placeholder that cannot be filled in.
pub fn script_path(
    path: &str,
    basedir: &str,
    wildcards: &[(String, String)],
    values: &Named<Value>,
) -> Result<String, TemplateError> {
    let mut filled = String::new();
    for piece in pieces(path)? {
        match piece {
            Piece::Literal(text) => filled.push_str(&text),
            Piece::Field(field) => {
                let found = match field.root {
                    "wildcards" => wildcard(&field, wildcards)?,
                    "params" => params(&field, values)?,
                    _ => return Err(unknown_in_script(&field)),
                };
                filled.push_str(&unquoted(&field, found)?);
            }
        }
    }
    Ok(folder_before(&filled, basedir) + &filled)
}

/// What stands before a path that is relative to a folder.
fn folder_before(path: &str, folder: &str) -> String {
    if path.starts_with('/') || folder.is_empty() || folder == "." { String::new() } else { format!("{folder}/") }
}

/// Where the script of all jobs of a rule is; nothing if it depends on the job.
///
/// # Errors
/// [`TemplateError`] as [`check`] has it.
pub fn common_script_path(path: &str, basedir: &str, rule: &Rule) -> Result<Option<String>, TemplateError> {
    let mut is_common = true;
    for piece in pieces(path)? {
        let Piece::Field(field) = piece else { continue };
        if !["wildcards", "params"].contains(&field.root) {
            return Err(unknown_in_script(&field));
        }
        check_names(&field, rule)?;
        is_common = false;
    }
    if is_common { script_path(path, basedir, &[], &Named::default()).map(Some) } else { Ok(None) }
}

/// What the paths of a rule's scripts look like, whatever the job.
pub fn script_pattern(path: &str, basedir: &str) -> Regex {
    let mut pattern = format!("^{}", regex::escape(&folder_before(path, basedir)));
    for piece in pieces(path).unwrap_or_default() {
        match piece {
            Piece::Literal(text) => pattern += &regex::escape(&text),
            Piece::Field(_) => pattern += ".*",
        }
    }
    Regex::new(&(pattern + "$")).expect("escaped text is an expression")
}

fn unknown_in_script(field: &Field<'_>) -> TemplateError {
    unknown(field, vec!["params.NAME".to_owned(), "wildcards.NAME".to_owned()])
}

/// Takes a template apart, as Python's `str.format` does.
pub(crate) fn pieces(template: &str) -> Result<Vec<Piece<'_>>, TemplateError> {
    let mut out = Vec::new();
    let mut rest = template;
    while let Some(at) = rest.find(['{', '}']) {
        if at > 0 {
            out.push(Piece::Literal(Cow::Borrowed(&rest[..at])));
        }
        let brace = &rest[at..];
        if let Some(after) = brace.strip_prefix("{{") {
            out.push(Piece::Literal(Cow::Borrowed("{")));
            rest = after;
        } else if let Some(after) = brace.strip_prefix("}}") {
            out.push(Piece::Literal(Cow::Borrowed("}")));
            rest = after;
        } else if brace.starts_with('}') {
            return Err(TemplateError::Close);
        } else {
            let end = field_end(brace).ok_or(TemplateError::Open)?;
            out.push(Piece::Field(field(&brace[1..end])));
            rest = &brace[end + 1..];
        }
    }
    if !rest.is_empty() {
        out.push(Piece::Literal(Cow::Borrowed(rest)));
    }
    Ok(out)
}

/// The closing brace of a field; braces in its spec nest.
fn field_end(text: &str) -> Option<usize> {
    let mut depth = 0;
    text.char_indices().find_map(|(at, c)| {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        (depth == 0).then_some(at)
    })
}

fn field(text: &str) -> Field<'_> {
    // A wildcard with its constraint, as patterns have it.
    if let Some(at) = text.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ' '))
        && text[at..].starts_with(',')
    {
        return Field { text, name: text, root: text, path: Vec::new(), conversion: None, spec: "" };
    }
    // A colon or exclamation mark inside an index belongs to the index.
    let mut depth = 0;
    let mut end = text.len();
    for (at, c) in text.char_indices() {
        match c {
            '[' => depth += 1,
            ']' => depth -= 1,
            ':' | '!' if depth == 0 => {
                end = at;
                break;
            }
            _ => {}
        }
    }
    let (name, tail) = text.split_at(end);
    let (conversion, spec) = match tail.strip_prefix('!') {
        Some(after) => (after.chars().next(), after.split_once(':').map_or("", |(_, spec)| spec)),
        None => (None, tail.strip_prefix(':').unwrap_or("")),
    };
    let root_end = name.find(['.', '[']).unwrap_or(name.len());
    let mut path = Vec::new();
    let mut rest = &name[root_end..];
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('[') {
            let close = after.find(']').unwrap_or(after.len());
            path.push(after[..close].trim_matches(['"', '\'']));
            rest = after.get(close + 1..).unwrap_or("");
        } else {
            let after = rest.strip_prefix('.').unwrap_or(rest);
            let stop = after.find(['.', '[']).unwrap_or(after.len());
            path.push(&after[..stop]);
            rest = if stop == 0 { "" } else { &after[stop..] };
        }
    }
    Field { text, name: name.trim(), root: name[..root_end].trim(), path, conversion, spec }
}

fn find(field: &Field<'_>, values: &JobValues<'_>, globals: &Globals<'_>) -> Result<Found, TemplateError> {
    let names = |list: &Named<String>| files(field, list).map(|names| Found::Names { names, paths: true });
    match field.root {
        "input" => names(values.input),
        "output" => names(values.output),
        "log" => names(values.log),
        "benchmark" => {
            Ok(Found::Names { names: values.benchmark.map(str::to_owned).into_iter().collect(), paths: true })
        }
        "wildcards" => wildcard(field, values.wildcards),
        "params" => params(field, values.params),
        "resources" => match field.path.split_first() {
            Some((&name, rest)) => {
                let value = values.resources.get(name).cloned().or_else(|| match name {
                    "_cores" | "threads" => Some(Value::Int(values.threads.into())),
                    _ => None,
                });
                value.and_then(|value| follow(value, rest)).map(Found::Own).ok_or_else(|| {
                    unknown(field, values.resources.keys().map(|key| format!("resources.{key}")).collect())
                })
            }
            None => Err(TemplateError::Field {
                field: field.text.into(),
                reason: "name the resource: resources.NAME".into(),
            }),
        },
        "threads" => Ok(Found::Own(Value::Int(values.threads.into()))),
        "attempt" => Ok(Found::Own(Value::Int(values.attempt.into()))),
        "jobid" => Ok(Found::Own(Value::Int(values.job.into()))),
        "rule" => Ok(Found::Own(Value::Str(values.rule.to_owned()))),
        "rules" => of_rule(field, values, globals),
        _ => match global(field, globals)? {
            Some(value) => Ok(Found::Own(value)),
            None => Err(unknown(field, JOB_NAMES.iter().map(|&name| name.to_owned()).collect())),
        },
    }
}

/// The value of a body's own name: a name from the file system, if it is one that the job has.
fn file_or_text(value: &Value, values: &JobValues<'_>) -> Found {
    let texts: Vec<&String> = match value {
        Value::Str(text) => vec![text],
        Value::List(items) => {
            items.iter().filter_map(|item| if let Value::Str(s) = item { Some(s) } else { None }).collect()
        }
        _ => Vec::new(),
    };
    let is_whole = !matches!(value, Value::List(items) if items.len() != texts.len());
    let files = [values.input, values.output, values.log];
    let is_file = |text: &&String| files.iter().any(|named| named.items.contains(text));
    if is_whole && !texts.is_empty() && texts.iter().all(is_file) {
        return Found::Names { names: texts.into_iter().cloned().collect(), paths: true };
    }
    match value {
        Value::Str(text) if values.wildcards.iter().any(|(_, wildcard)| wildcard == text) => {
            Found::Names { names: vec![text.clone()], paths: false }
        }
        other => Found::Own(other.clone()),
    }
}

fn unknown(field: &Field<'_>, known: Vec<String>) -> TemplateError {
    TemplateError::Unknown(field.text.to_owned(), known)
}

fn files(field: &Field<'_>, list: &Named<String>) -> Result<Vec<String>, TemplateError> {
    let mut names: &[String] = &list.items;
    for &step in &field.path {
        names = match step.parse::<i64>() {
            Ok(at) => {
                let place = if at < 0 { at + names.len() as i64 } else { at };
                let place = usize::try_from(place).ok().filter(|&place| place < names.len());
                let place = place.ok_or_else(|| TemplateError::Field {
                    field: field.text.to_owned(),
                    reason: format!("there are {} files, and index {at} is outside", names.len()),
                })?;
                &names[place..=place]
            }
            Err(_) => list.get(step).ok_or_else(|| {
                unknown(field, list.names.iter().map(|(name, _, _)| format!("{}.{name}", field.root)).collect())
            })?,
        };
    }
    Ok(names.to_vec())
}

fn wildcard(field: &Field<'_>, wildcards: &[(String, String)]) -> Result<Found, TemplateError> {
    let names = match field.path.first() {
        // All of them, as messages show a job's.
        None if wildcards.is_empty() => Vec::new(),
        None => {
            let mut pairs: Vec<String> = wildcards.iter().map(|(name, value)| format!("{name}={value}")).collect();
            pairs.sort();
            vec![pairs.join(",")]
        }
        Some(&wanted) => {
            let by_name = wildcards.iter().find(|(name, _)| name == wanted);
            let found = by_name.or_else(|| wildcards.get(wanted.parse::<usize>().ok()?));
            let known = || wildcards.iter().map(|(name, _)| format!("wildcards.{name}")).collect();
            vec![found.ok_or_else(|| unknown(field, known()))?.1.clone()]
        }
    };
    Ok(Found::Names { names, paths: false })
}

fn params(field: &Field<'_>, params: &Named<Value>) -> Result<Found, TemplateError> {
    let Some((&first, rest)) = field.path.split_first() else {
        return Ok(Found::Own(Value::List(params.items.clone())));
    };
    let by_name = params.get(first).and_then(<[Value]>::first);
    let found = by_name.or_else(|| params.items.get(first.parse::<usize>().ok()?));
    found
        .cloned()
        .and_then(|value| follow(value, rest))
        .map(Found::Own)
        .ok_or_else(|| unknown(field, params.names.iter().map(|(name, _, _)| format!("params.{name}")).collect()))
}

/// `rules.NAME.output`: what another rule says, with the wildcards that this job has filled in.
fn of_rule(field: &Field<'_>, values: &JobValues<'_>, globals: &Globals<'_>) -> Result<Found, TemplateError> {
    let rules = globals("rules").ok_or_else(|| unknown(field, Vec::new()))?;
    let missing = || unknown(field, Vec::new());
    let (&name, rest) = field.path.split_first().ok_or_else(missing)?;
    let Value::Dict(known) = &rules else { return Err(missing()) };
    let rule = known.get(name).cloned();
    let rule = rule.ok_or_else(|| unknown(field, known.iter().map(|(name, _)| format!("rules.{name}")).collect()))?;
    let (&part, rest) = rest.split_first().ok_or_else(missing)?;
    let named = rest.first().and_then(|name| follow(rule.clone(), &[part, "names", name]));
    let value = match (named, rest) {
        (Some(value), [_, rest @ ..]) => follow(value, rest),
        _ => follow(rule.clone(), &[part, "items"]).or_else(|| follow(rule, &[part])).and_then(|v| follow(v, rest)),
    };
    let value = value.ok_or_else(missing)?;
    if !matches!(part, "input" | "output" | "log") {
        return Ok(Found::Own(value));
    }
    let texts = match value {
        Value::List(items) => items,
        one => vec![one],
    };
    let lookup = |name: &str| values.wildcards.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    let filled = |text: Value| {
        let text = plain(&text);
        let path = Pattern::parse(&text).ok().and_then(|pattern| pattern.fill(lookup).ok().map(Cow::into_owned));
        path.unwrap_or(text)
    };
    Ok(Found::Names { names: texts.into_iter().map(filled).collect(), paths: true })
}

fn global(field: &Field<'_>, globals: &Globals<'_>) -> Result<Option<Value>, TemplateError> {
    let Some(value) = globals(field.root) else { return Ok(None) };
    match follow(value, &field.path) {
        Some(value) => Ok(Some(value)),
        None => Err(TemplateError::Field {
            field: field.text.to_owned(),
            reason: format!("`{}` has no such entry", field.root),
        }),
    }
}

/// Indexes and attributes of a plain value.
pub(crate) fn follow(value: Value, path: &[&str]) -> Option<Value> {
    path.iter().try_fold(value, |value, &step| match value {
        Value::Dict(dict) => dict.get(step).cloned(),
        Value::List(items) => items.get(place(step, items.len())?).cloned(),
        Value::Str(text) => text.chars().nth(place(step, text.chars().count())?).map(|c| Value::Str(c.to_string())),
        _ => None,
    })
}

/// The place that an index means; negative ones count from the end.
fn place(step: &str, length: usize) -> Option<usize> {
    let at: i64 = step.parse().ok()?;
    usize::try_from(if at < 0 { at + length as i64 } else { at }).ok()
}

/// A value after its conversion: `!r` and `!a` give Python's `repr()`, `!s` its `str()`.
pub(crate) fn converted(field: &Field<'_>, value: &Value) -> Result<Value, TemplateError> {
    Ok(Value::Str(match field.conversion {
        None => return Ok(value.clone()),
        Some('r') => repr_value(value),
        Some('s') => plain(value),
        Some('a') => ascii(&repr_value(value)),
        Some(other) => {
            return Err(TemplateError::Field {
                field: field.text.to_owned(),
                reason: format!("`!{other}` is no conversion: use !r, !s or !a"),
            });
        }
    }))
}

/// The author's own value as text: lists joined by blanks, `:q` quoted for bash, else by Python's format spec.
fn own_text(field: &Field<'_>, value: &Value) -> Result<String, TemplateError> {
    let value = &converted(field, value)?;
    match (field.spec, value) {
        ("q", Value::List(items)) => {
            Ok(items.iter().map(|item| quoting::bare(&plain(item))).collect::<Vec<_>>().join(" "))
        }
        ("q", other) => Ok(quoting::bare(&plain(other))),
        ("", value) => Ok(plain(value)),
        (spec, value) => format_value(value, spec)
            .map_err(|error| TemplateError::Field { field: field.text.to_owned(), reason: error.to_string() }),
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::Str(text) => text.clone(),
        Value::List(items) => items.iter().map(plain).collect::<Vec<_>>().join(" "),
        other => format_value(other, "").unwrap_or_default(),
    }
}
