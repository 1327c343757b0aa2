//! One job's share of a rule: its directives with wildcards filled in and functions called. Patterns and values in,
//! paths and values out; knows neither the disk nor other jobs.

use std::collections::BTreeMap;

use super::later;
use super::pattern::{Pattern, PatternError};
use super::rule::{Argument, Awaited, CallError, Expr, Flags, Functions, JobContext, Rule};
use crate::diagnostic::{Diagnostic, Span};
use crate::value::{Named, Value};

/// An input as a job asks for it.
#[derive(Debug, Clone, PartialEq)]
pub struct InputFile {
    pub path: String,
    pub flags: Flags,
}

/// Wildcards by name, as functions and placeholders see them.
pub type Wildcards = [(String, String)];

/// The job's wildcards with their names.
pub fn wildcards(rule: &Rule, values: &[Box<str>]) -> Vec<(String, String)> {
    rule.wildcard_names.iter().cloned().zip(values.iter().map(|value| value.to_string())).collect()
}

fn lookup<'w>(wildcards: &'w Wildcards) -> impl Fn(&str) -> Option<&'w str> {
    move |name| wildcards.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
}

/// The inputs of a rule that are the same patterns for every job, flattened; `None` if a function has a say.
pub fn input_patterns(rule: &Rule) -> Result<Option<Named<(Pattern, Flags)>>, Diagnostic> {
    let mut out = Named::default();
    for argument in rule.input.iter() {
        let start = out.items.len();
        if !collect_patterns(&argument.expr, &rule.input_flags, argument.span, &mut out.items)? {
            return Ok(None);
        }
        name_range(&mut out, argument, start);
    }
    Ok(Some(out))
}

fn collect_patterns(
    expr: &Expr,
    flags: &Flags,
    span: Span,
    out: &mut Vec<(Pattern, Flags)>,
) -> Result<bool, Diagnostic> {
    match expr {
        Expr::Value(value) => {
            let mut texts = Vec::new();
            paths_of(value, span, &mut texts)?;
            for text in texts {
                let pattern = Pattern::parse(&text).map_err(|error| pattern_error(&error, span))?;
                out.push((pattern, flags.clone()));
            }
            Ok(true)
        }
        Expr::Flagged(_, own) if own.storage => Ok(false),
        Expr::Flagged(inner, own) => collect_patterns(inner, &flags.and(own), span, out),
        Expr::List(items) => {
            for item in items {
                if !collect_patterns(item, flags, span, out)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        Expr::Dict(_) | Expr::Function(_) | Expr::Later(_) | Expr::Unpack(_) => Ok(false),
    }
}

/// A name covers one item if it was given a path, and a range if it was given a list.
fn name_range<T>(out: &mut Named<T>, argument: &Argument, start: usize) {
    if let Some(name) = &argument.name {
        let count = out.items.len() - start;
        let single = count == 1 && !is_list(&argument.expr);
        out.names.push((name.clone(), index(start), (!single).then(|| index(count))));
    }
}

fn is_list(expr: &Expr) -> bool {
    match expr {
        Expr::List(_) | Expr::Value(Value::List(_)) => true,
        Expr::Flagged(inner, _) => is_list(inner),
        _ => false,
    }
}

fn index(at: usize) -> u32 {
    u32::try_from(at).expect("fewer than 2^32 files a job")
}

/// The texts in a value of paths: a string, or lists of them.
fn paths_of(value: &Value, span: Span, out: &mut Vec<String>) -> Result<(), Diagnostic> {
    match value {
        Value::Str(text) if text.is_empty() => {
            Err(Diagnostic::error("an empty string is no path").at(span, "this comes to an empty string"))
        }
        Value::Str(text) if text.contains('\0') => {
            Err(Diagnostic::error("a path cannot hold a NUL character").at(span, ""))
        }
        Value::Str(text) => {
            out.push(text.clone());
            Ok(())
        }
        Value::List(items) => items.iter().try_for_each(|item| paths_of(item, span, out)),
        other => Err(Diagnostic::error(format!("a path must be text, not {}", describe(other)))
            .at(span, "")
            .help("give a string, a list of strings, or a function that returns them")),
    }
}

/// A value as messages name it.
pub fn describe(value: &Value) -> String {
    match value {
        Value::None => "None".into(),
        Value::Bool(true) => "True".into(),
        Value::Bool(false) => "False".into(),
        Value::Int(i) => format!("the number {i}"),
        Value::Float(f) => format!("the number {f}"),
        Value::Str(s) => format!("the text {s:?}"),
        Value::List(_) => "a list".into(),
        Value::Dict(_) => "a dictionary".into(),
    }
}

/// The inputs of one job, as far as they are known.
#[derive(Debug, Default)]
pub struct Inputs {
    pub files: Named<InputFile>,
    /// Checkpoints that must be done before the rest is known.
    pub awaits: Vec<Awaited>,
}

/// The inputs of one job.
///
/// # Errors
/// What an input function reports, a value that is no path, a wildcard without a value.
pub fn inputs(rule: &Rule, wildcards: &Wildcards, functions: &dyn Functions) -> Result<Inputs, Diagnostic> {
    let context = JobContext { rule: &rule.name, wildcards, attempt: 1, ..JobContext::default() };
    let Inputs { files: mut out, mut awaits } = Inputs::default();
    for argument in rule.input.iter() {
        let mut expr = match evaluate(&argument.expr, &context, functions) {
            Ok(expr) => expr,
            Err(CallError::Awaits(awaited)) => {
                awaits.push(awaited);
                continue;
            }
            Err(CallError::Failed(diagnostic)) => return Err(*diagnostic),
        };
        if argument.expr.is_computed() {
            let moved = rule.input_relocation.settle(&mut expr);
            moved.map_err(|error| Diagnostic::error(error.to_string()).at(argument.span, "a path that this gives"))?;
        }
        if let Expr::Unpack(inner) = expr {
            unpack(&inner, rule, argument.span, wildcards, &mut out)?;
            continue;
        }
        let start = out.items.len();
        collect_files(&expr, &rule.input_flags, argument.span, wildcards, &mut out.items)?;
        name_range(&mut out, &Argument { expr, ..argument.clone() }, start);
    }
    Ok(Inputs { files: out, awaits })
}

fn unpack(
    expr: &Expr,
    rule: &Rule,
    span: Span,
    wildcards: &Wildcards,
    out: &mut Named<InputFile>,
) -> Result<(), Diagnostic> {
    let entries: Vec<(Option<String>, Expr)> = match expr {
        Expr::Dict(entries) => entries.iter().map(|(k, v)| (Some(k.clone()), v.clone())).collect(),
        Expr::Value(Value::Dict(dict)) => dict.iter().map(|(k, v)| (Some(k.clone()), Expr::Value(v.clone()))).collect(),
        Expr::List(items) => items.iter().map(|item| (None, item.clone())).collect(),
        Expr::Value(Value::List(items)) => items.iter().map(|item| (None, Expr::Value(item.clone()))).collect(),
        _ => {
            return Err(Diagnostic::error("unpack() needs a dictionary or a list")
                .at(span, "the function returned something else"));
        }
    };
    for (name, expr) in entries {
        let start = out.items.len();
        collect_files(&expr, &rule.input_flags, span, wildcards, &mut out.items)?;
        name_range(out, &Argument { name, expr, span }, start);
    }
    Ok(())
}

fn collect_files(
    expr: &Expr,
    flags: &Flags,
    span: Span,
    wildcards: &Wildcards,
    out: &mut Vec<InputFile>,
) -> Result<(), Diagnostic> {
    match expr {
        Expr::Value(value) => {
            let mut texts = Vec::new();
            paths_of(value, span, &mut texts)?;
            for text in texts {
                let path = if text.contains(['{', '}']) {
                    let pattern = Pattern::parse(&text).map_err(|error| pattern_error(&error, span))?;
                    pattern.fill(lookup(wildcards)).map_err(|error| pattern_error(&error, span))?.into_owned()
                } else {
                    text
                };
                out.push(InputFile { path, flags: flags.clone() });
            }
            Ok(())
        }
        Expr::Flagged(_, own) if own.storage => {
            Err(Diagnostic::error("flow does not fetch files of a storage").at(span, "this input is one").help(
                "fetch it by a rule of its own, as in `shell: \"curl -fo {output} URL\"`, and name the local file here",
            ))
        }
        Expr::Flagged(inner, own) => collect_files(inner, &flags.and(own), span, wildcards, out),
        Expr::List(items) => items.iter().try_for_each(|item| collect_files(item, flags, span, wildcards, out)),
        Expr::Dict(_) => Err(Diagnostic::error("a dictionary is no path")
            .at(span, "")
            .help("write `unpack(FUNCTION)` if its entries are meant as named inputs")),
        Expr::Function(_) | Expr::Later(_) | Expr::Unpack(_) => {
            Err(Diagnostic::error("an input function returned a function").at(span, ""))
        }
    }
}

/// Calls what is a function; flags and `unpack` around it stay.
///
/// # Errors
/// What a function reports, or waits for.
pub fn evaluate(expr: &Expr, context: &JobContext<'_>, functions: &dyn Functions) -> Result<Expr, CallError> {
    Ok(match expr {
        Expr::Function(function) => match functions.call(*function, context)? {
            // A helper that the function has called.
            given if given.is_computed() => evaluate(&given, context, functions)?,
            given => given,
        },
        Expr::Later(later) => later.value(context, functions)?,
        Expr::Flagged(inner, flags) => Expr::Flagged(Box::new(evaluate(inner, context, functions)?), flags.clone()),
        Expr::Unpack(inner) => Expr::Unpack(Box::new(evaluate(inner, context, functions)?)),
        Expr::List(items) => {
            Expr::List(items.iter().map(|item| evaluate(item, context, functions)).collect::<Result<_, _>>()?)
        }
        Expr::Dict(entries) => Expr::Dict(
            entries
                .iter()
                .map(|(key, value)| Ok((key.clone(), evaluate(value, context, functions)?)))
                .collect::<Result<_, CallError>>()?,
        ),
        Expr::Value(_) => expr.clone(),
    })
}

/// Whether a function has a say in the params, so that they may differ between jobs beyond their wildcards.
pub fn params_are_static(rule: &Rule) -> bool {
    rule.params.iter().all(|argument| !argument.expr.is_computed() && !mentions_wildcard(&argument.expr))
}

/// Whether a function has a say in an argument, so that it may differ between jobs.
pub fn is_computed(argument: &Argument) -> bool {
    argument.expr.is_computed()
}

fn mentions_wildcard(expr: &Expr) -> bool {
    fn value(v: &Value) -> bool {
        match v {
            Value::Str(text) => text.contains('{'),
            Value::List(items) => items.iter().any(value),
            _ => false,
        }
    }
    match expr {
        Expr::Value(v) => value(v),
        Expr::Flagged(inner, _) | Expr::Unpack(inner) => mentions_wildcard(inner),
        Expr::List(items) => items.iter().any(mentions_wildcard),
        _ => false,
    }
}

/// The params of one job. Wildcards are filled into text and lists of text, as Snakemake does; what a function
/// returns stays as it is.
///
/// # Errors
/// What a function reports, a wildcard without a value.
pub fn params(rule: &Rule, context: &JobContext<'_>, functions: &dyn Functions) -> Result<Named<Value>, Diagnostic> {
    Ok(params_of(rule.params.iter(), context, functions)?)
}

/// The params that say what a job is, without those that a function derives from threads or resources.
///
/// # Errors
/// As [`params`], or the checkpoint that a function waits for.
pub fn own_params(rule: &Rule, context: &JobContext<'_>, functions: &dyn Functions) -> Result<Named<Value>, CallError> {
    let is_own = |argument: &&Argument| !is_derived(&argument.expr, functions);
    params_of(rule.params.iter().filter(is_own), context, functions)
}

fn is_derived(expr: &Expr, functions: &dyn Functions) -> bool {
    ["threads", "resources"].iter().any(|name| later::asks_for(expr, name, functions))
}

fn params_of<'r>(
    arguments: impl Iterator<Item = &'r Argument>,
    context: &JobContext<'_>,
    functions: &dyn Functions,
) -> Result<Named<Value>, CallError> {
    let mut out: Named<Value> = Named::default();
    for argument in arguments {
        let from_function = argument.expr.is_computed();
        let expr = evaluate(&argument.expr, context, functions)?;
        if let Expr::Unpack(inner) = expr {
            match inner.into_value() {
                Value::Dict(dict) => {
                    for (name, value) in dict {
                        out.names.push((name, index(out.items.len()), None));
                        out.items.push(value);
                    }
                }
                Value::List(items) => out.items.extend(items),
                _ => {
                    return Err(Diagnostic::error("unpack() needs a dictionary or a list")
                        .at(argument.span, "")
                        .into());
                }
            }
            continue;
        }
        let mut value = expr.into_value();
        if !from_function {
            value = fill_value(value, context.wildcards, argument.span)?;
        }
        if let Some(name) = &argument.name {
            out.names.push((name.clone(), index(out.items.len()), None));
        }
        out.items.push(value);
    }
    Ok(out)
}

fn fill_value(value: Value, wildcards: &Wildcards, span: Span) -> Result<Value, Diagnostic> {
    Ok(match value {
        Value::Str(text) if text.contains('{') => {
            let pattern = Pattern::parse(&text).map_err(|error| pattern_error(&error, span))?;
            Value::Str(pattern.fill(lookup(wildcards)).map_err(|error| pattern_error(&error, span))?.into_owned())
        }
        Value::List(items) => {
            Value::List(items.into_iter().map(|item| fill_value(item, wildcards, span)).collect::<Result<_, _>>()?)
        }
        other => other,
    })
}

/// One value of a directive that takes a value or a function: `threads`, `priority`.
///
/// # Errors
/// What the function reports.
pub fn value(argument: &Argument, context: &JobContext<'_>, functions: &dyn Functions) -> Result<Value, Diagnostic> {
    Ok(evaluate(&argument.expr, context, functions)?.into_value())
}

/// The resources of one job, without threads, as the Rulefile gives them.
///
/// # Errors
/// What a function reports.
pub fn resources(
    rule: &Rule,
    context: &JobContext<'_>,
    functions: &dyn Functions,
) -> Result<BTreeMap<String, Value>, Diagnostic> {
    let mut out = BTreeMap::new();
    for argument in &rule.resources {
        let value = value(argument, context, functions)?;
        if let Some(name) = &argument.name {
            out.insert(name.clone(), value);
        }
    }
    Ok(out)
}

/// A pattern of the rule with this job's values.
///
/// # Errors
/// A wildcard without a value.
pub fn fill(pattern: &Pattern, wildcards: &Wildcards, span: Span) -> Result<String, Diagnostic> {
    pattern.fill(lookup(wildcards)).map(std::borrow::Cow::into_owned).map_err(|error| pattern_error(&error, span))
}

/// A pattern's error at its place.
pub fn pattern_error(error: &PatternError, span: Span) -> Diagnostic {
    let diagnostic = Diagnostic::error(error.to_string()).at(span, "");
    match error {
        PatternError::NoValue(name) => diagnostic
            .note(format!("a wildcard gets its value from the outputs of the rule, and none of them has `{{{name}}}`"))
            .help(format!(
                "add `{{{name}}}` to the output, or write `expand(…, {name}=…)` to list the values, \
                 or `{{{{{name}}}}}` inside expand() to keep it as a wildcard"
            )),
        PatternError::Constraint { .. } => diagnostic.help("wildcard constraints are Python regular expressions"),
        PatternError::TwoConstraints { name, .. } => {
            diagnostic.help(format!("give the constraint once, and write `{{{name}}}` elsewhere"))
        }
    }
}
