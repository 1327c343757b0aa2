//! Functions about files at file level: `expand`, `multiext`, `glob_wildcards`, `exists`. Patterns in, lists of paths out.

use starlark::collections::SmallMap;
use starlark::environment::GlobalsBuilder;
use starlark::eval::Evaluator;
use starlark::starlark_module;
use starlark::values::list::{AllocList, ListRef};
use starlark::values::tuple::UnpackTuple;
use starlark::values::{Value, ValueLike};

use super::flags::{Marked, expr};
use super::frozen::JOB_WILDCARDS;
use super::loader::{Loader, fail, is, is_callable};
use crate::diagnostic::Diagnostic;
use crate::dialect::convert::from_starlark;
use crate::dialect::listing;
use crate::dialect::modules::{is_failure, look};
use crate::dialect::namedlist::Namedlist;
use crate::rulefile::expand::{Combine, expand as expand_one};
use crate::rulefile::instance::pattern_error;
use crate::rulefile::later::Later;
use crate::rulefile::pattern::Pattern;
use crate::rulefile::rule::{Expr, Flags};
use crate::value::{Named, Value as Plain};

/// Folders of flow's and Snakemake's own, in which no one looks for data.
const OWN_FOLDERS: [&str; 2] = [".flow", ".snakemake"];

/// `expand(patterns, [zip], name=values…)`.
pub fn expand<'v>(
    arguments: &[Value<'v>],
    named: &SmallMap<String, Value<'v>>,
    eval: &mut Evaluator<'v, '_, '_>,
) -> starlark::Result<Value<'v>> {
    let heap = eval.heap();
    let [patterns, rest @ ..] = arguments else {
        return Err(fail(Diagnostic::error("expand() needs a pattern").help("write expand(\"{x}.txt\", x=[…])")));
    };
    let combine = match rest {
        [] => Combine::Product,
        [function] => combiner(*function)?,
        _ => {
            return Err(fail(
                Diagnostic::error("expand() takes one pattern or a list of patterns, and at most a combining function")
                    .help("write several patterns as a list: expand([\"a{x}\", \"b{x}\"], x=…)"),
            ));
        }
    };
    let allow_missing = named.get("allow_missing").is_some_and(|value| value.to_bool());
    let mut wildcards: Vec<(&str, Vec<Plain>)> = Vec::new();
    for (name, &values) in named.iter().filter(|(name, _)| *name != "allow_missing") {
        wildcards.push((name, values_of(name, values, eval)?));
    }
    let patterns = pattern_texts(*patterns, eval)?;
    let loader = Loader::find(eval);
    let mut out: Vec<Value<'v>> = Vec::new();
    for (pattern, settled) in &patterns {
        let mut texts = Vec::new();
        let push = &mut |text: String| match (loader, settled) {
            (Some(_), true) => texts.push(text),
            _ => out.push(heap.alloc(text)),
        };
        expand_one(pattern, &wildcards, combine, allow_missing, push).map_err(|diagnostic| fail(*diagnostic))?;
        if let Some(loader) = loader.filter(|_| !texts.is_empty()) {
            // What is made of a path that has its module's prefix has it, too.
            out.extend(loader.noted(&texts, &Flags { settled: true, ..Flags::default() }));
        }
    }
    Ok(heap.alloc(AllocList(out)))
}

fn combiner(function: Value<'_>) -> starlark::Result<Combine> {
    let name = function.to_repr();
    if name.contains("zip") {
        Ok(Combine::Zip)
    } else if name.contains("product") {
        Ok(Combine::Product)
    } else {
        Err(fail(
            Diagnostic::error(format!("expand() cannot combine values by {name}"))
                .help("it combines by `zip` (side by side) or `product` (each with each, the default)"),
        ))
    }
}

/// One value, or each of a list. Text is one value.
fn values_of<'v>(name: &str, values: Value<'v>, eval: &Evaluator<'v, '_, '_>) -> starlark::Result<Vec<Plain>> {
    let plain = match values.downcast_ref::<Marked>() {
        Some(marked) => Plain::List(super::flags::texts(&marked.expr).into_iter().map(Plain::Str).collect()),
        None => from_starlark(values, eval.heap())
            .map_err(|error| fail(Diagnostic::error(format!("the values of {name} in expand(): {error}"))))?,
    };
    Ok(match plain {
        Plain::List(items) => items,
        Plain::Dict(dict) => dict.into_iter().map(|(key, _)| Plain::Str(key)).collect(),
        one => vec![one],
    })
}

/// Patterns, and whether they have the prefix of their module already.
fn pattern_texts<'v>(patterns: Value<'v>, eval: &Evaluator<'v, '_, '_>) -> starlark::Result<Vec<(String, bool)>> {
    fn walk(expr: &Expr, settled: bool, out: &mut Vec<(String, bool)>) -> bool {
        match expr {
            Expr::Value(Plain::Str(text)) => out.push((text.clone(), settled)),
            Expr::Value(Plain::List(_)) => {
                out.extend(super::flags::texts(expr).into_iter().map(|text| (text, settled)))
            }
            Expr::Flagged(inner, flags) if flags.tell_only_origin() => {
                return walk(inner, settled || flags.settled, out);
            }
            Expr::List(items) => return items.iter().all(|item| walk(item, settled, out)),
            _ => return false,
        }
        true
    }
    if is::<Marked>(patterns) {
        return Err(fail(
            Diagnostic::error("a flag such as temp() goes around expand(), not into it").help("write temp(expand(…))"),
        ));
    }
    let mut out = Vec::new();
    if walk(&expr(patterns, eval)?, false, &mut out) {
        return Ok(out);
    }
    Err(fail(Diagnostic::error("expand() needs a pattern, or a list of patterns, as text")))
}

/// Where the values of wildcards are looked for: below the pattern's plain folders.
fn glob(pattern: &Pattern) -> Result<Vec<Vec<String>>, Box<Diagnostic>> {
    let folder = pattern.prefix().rfind('/').map_or("", |at| &pattern.prefix()[..=at]);
    let start = folder_of(pattern.prefix());
    let mut columns = vec![Vec::new(); pattern.names().len()];
    let unlisted = |path: &std::path::Path, error: &std::io::Error| {
        let shown = crate::diagnostic::printable(&path.to_string_lossy());
        Box::new(
            Diagnostic::error(format!("cannot list {shown}: {error}"))
                .note("looked for the files of a glob_wildcards() pattern there"),
        )
    };
    match crate::witness::metadata(start) {
        Ok(meta) if meta.is_dir() => {}
        Err(error) if is_failure(&error) => return Err(unlisted(start.as_ref(), &error)),
        _ => return Ok(columns),
    }
    let mut hits: Vec<(String, Vec<String>)> = Vec::new();
    for entry in crate::witness::walk(start, &OWN_FOLDERS) {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => match error.io_error() {
                Some(found) if error.depth() == 0 || is_failure(found) => {
                    // In the middle of a folder, walkdir does not say of which.
                    return Err(unlisted(error.path().unwrap_or(start.as_ref()), found));
                }
                // Below it, a link that leads nowhere or in a circle, or somebody else's folder, holds no data for anyone.
                _ => continue,
            },
        };
        let Some(path) = entry.path().to_str() else {
            // Someone else's file, unless it has the form that is asked for.
            let nearly = entry.path().to_string_lossy();
            let nearly = if folder.is_empty() { nearly.strip_prefix("./").unwrap_or(&nearly) } else { &nearly };
            if pattern.match_path(&crate::path::normalise(nearly)).is_none() {
                continue;
            }
            let shown = crate::diagnostic::printable(&entry.path().to_string_lossy());
            return Err(Box::new(
                Diagnostic::error(format!("a file name is not UTF-8: {shown}"))
                    .note("found while looking for the files of a glob_wildcards() pattern")
                    .help("rename the file: names in a Rulefile are text"),
            ));
        };
        let path = if folder.is_empty() { path.strip_prefix("./").unwrap_or(path) } else { path };
        let path = crate::path::normalise(path);
        if let Some(values) = pattern.match_path(&path) {
            let values = values.into_iter().map(str::to_owned).collect();
            hits.push((path.into_owned(), values));
        }
    }
    hits.sort();
    for (_, values) in hits {
        for (column, value) in columns.iter_mut().zip(values) {
            column.push(value);
        }
    }
    Ok(columns)
}

/// The plain folders that a pattern's prefix names.
fn folder_of(prefix: &str) -> &str {
    match prefix.rfind('/') {
        None => ".",
        Some(0) => "/",
        Some(end) => prefix[..end].trim_end_matches('/'),
    }
}

fn compiled(text: &str, loader: Option<&Loader>) -> Result<Pattern, Box<Diagnostic>> {
    let text = crate::path::normalise(text);
    let span = crate::diagnostic::Span::new(crate::diagnostic::SourceId(0), 0..0);
    let unplaced = |error| {
        let mut diagnostic = pattern_error(&error, span);
        diagnostic.labels.clear();
        Box::new(diagnostic)
    };
    let mut pattern = Pattern::parse(&text).map_err(unplaced)?;
    let constraints = loader.map(|loader| loader.here_in(|space| space.constraints.clone())).unwrap_or_default();
    pattern
        .compile(|name| constraints.iter().rev().find(|(n, _)| n == name).map(|(_, regex)| regex.clone()))
        .map_err(unplaced)?;
    Ok(pattern)
}

#[starlark_module]
pub fn files(builder: &mut GlobalsBuilder) {
    fn expand<'v>(
        #[starlark(args)] args: UnpackTuple<Value<'v>>,
        #[starlark(kwargs)] kwargs: SmallMap<String, Value<'v>>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<Value<'v>> {
        expand_or_wait(&args.items, &kwargs, eval)
    }

    fn collect<'v>(
        #[starlark(args)] args: UnpackTuple<Value<'v>>,
        #[starlark(kwargs)] kwargs: SmallMap<String, Value<'v>>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<Value<'v>> {
        expand_or_wait(&args.items, &kwargs, eval)
    }

    fn multiext<'v>(
        #[starlark(require = pos)] prefix: &str,
        #[starlark(args)] extensions: UnpackTuple<&str>,
        #[starlark(kwargs)] named: SmallMap<String, &str>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<Value<'v>> {
        for extension in extensions.items.iter().chain(named.values()) {
            if extension.contains('/') {
                return Err(fail(
                    Diagnostic::error(format!("multiext(): the extension {extension:?} holds a slash"))
                        .help("an extension is what follows the prefix, such as \".txt\""),
                ));
            }
        }
        let heap = eval.heap();
        if named.is_empty() {
            let paths: Vec<String> = extensions.items.iter().map(|extension| format!("{prefix}{extension}")).collect();
            return Ok(heap.alloc(AllocList(paths)));
        }
        let entries = named.iter().map(|(name, extension)| (name.clone(), Plain::Str(format!("{prefix}{extension}"))));
        let dict = Expr::Value(Plain::Dict(entries.collect()));
        Ok(heap.alloc(Marked { expr: Expr::Unpack(Box::new(dict)) }))
    }

    fn glob_wildcards<'v>(
        #[starlark(require = pos)] pattern: &str,
        #[starlark(default = false)] followlinks: bool,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<Value<'v>> {
        // Links are always followed; the walk knows circles.
        let _ = followlinks;
        let pattern = compiled(pattern, Loader::find(eval)).map_err(|diagnostic| fail(*diagnostic))?;
        listing::check(folder_of(pattern.prefix()), eval)?;
        let columns = glob(&pattern).map_err(|diagnostic| fail(*diagnostic))?;
        let names = pattern.names().iter().enumerate().map(|(at, name)| (name.clone(), at as u32, None)).collect();
        let items =
            columns.into_iter().map(|column| Plain::List(column.into_iter().map(Plain::Str).collect())).collect();
        Ok(eval.heap().alloc(Namedlist::from(Named { items, names })))
    }

    fn exists<'v>(#[starlark(require = pos)] path: &str) -> starlark::Result<bool> {
        Ok(look(path)?.is_some())
    }
}

/// With a function among the patterns or values, what comes out waits for a job.
fn expand_or_wait<'v>(
    arguments: &[Value<'v>],
    named: &SmallMap<String, Value<'v>>,
    eval: &mut Evaluator<'v, '_, '_>,
) -> starlark::Result<Value<'v>> {
    if !arguments.first().into_iter().chain(named.values()).any(|&value| waits(value, eval)) {
        return expand(arguments, named, eval);
    }
    if let Some(wildcards) = eval.module().get(JOB_WILDCARDS) {
        return expand_for_job(arguments, named, wildcards, eval);
    }
    let [patterns, rest @ ..] = arguments else {
        return Err(fail(Diagnostic::error("expand() needs a pattern").help("write expand(\"{x}.txt\", x=[…])")));
    };
    let combine = rest.first().map_or(Ok(Combine::Product), |function| combiner(*function))?;
    let mut wildcards = Vec::new();
    for (name, &value) in named.iter().filter(|(name, _)| *name != "allow_missing") {
        wildcards.push((name.clone(), expr(value, eval)?));
    }
    let later = Later::Expand {
        patterns: expr(*patterns, eval)?,
        wildcards,
        combine,
        allow_missing: named.get("allow_missing").is_some_and(|value| value.to_bool()),
    };
    Ok(eval.heap().alloc(Marked::later(later)))
}

/// In a function that is called for a job, functions are called at once.
fn expand_for_job<'v>(
    arguments: &[Value<'v>],
    named: &SmallMap<String, Value<'v>>,
    wildcards: Value<'v>,
    eval: &mut Evaluator<'v, '_, '_>,
) -> starlark::Result<Value<'v>> {
    let mut called = |value: Value<'v>| -> starlark::Result<Value<'v>> {
        if is_callable(value) {
            return eval.eval_function(value, &[wildcards], &[]);
        }
        let Some(items) = ListRef::from_value(value).filter(|list| list.iter().any(is_callable)) else {
            return Ok(value);
        };
        let mut out = Vec::new();
        for item in items.iter() {
            out.push(if is_callable(item) { eval.eval_function(item, &[wildcards], &[])? } else { item });
        }
        Ok(eval.heap().alloc(AllocList(out)))
    };
    let mut now: SmallMap<String, Value<'v>> = SmallMap::new();
    for (name, &value) in named {
        now.insert(name.clone(), called(value)?);
    }
    let mut first = arguments.to_vec();
    if let Some(patterns) = first.first_mut() {
        *patterns = called(*patterns)?;
    }
    expand(&first, &now, eval)
}

/// Whether a value is a function, waits for a job as one does, or is a list with such an item.
pub fn waits<'v>(value: Value<'v>, eval: &Evaluator<'v, '_, '_>) -> bool {
    if let Some(marked) = value.downcast_ref::<Marked>() {
        return marked.expr.is_computed();
    }
    let is_list = matches!(value.get_type(), "list" | "tuple");
    is_callable(value) || is_list && value.iterate(eval.heap()).is_ok_and(|items| items.into_iter().any(is_callable))
}
