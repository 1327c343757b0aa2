//! Functions about files at file level: `expand`, `multiext`, `glob_wildcards`, `exists`. Patterns in, lists of paths out.

use starlark::collections::SmallMap;
use starlark::environment::GlobalsBuilder;
use starlark::eval::Evaluator;
use starlark::starlark_module;
use starlark::values::list::AllocList;
use starlark::values::tuple::UnpackTuple;
use starlark::values::{Value, ValueLike};

use super::flags::{Marked, expr};
use super::loader::{Loader, fail, is, is_callable};
use crate::diagnostic::Diagnostic;
use crate::dialect::convert::from_starlark;
use crate::dialect::format::format_value;
use crate::dialect::namedlist::Namedlist;
use crate::rulefile::instance::pattern_error;
use crate::rulefile::pattern::Pattern;
use crate::rulefile::rule::Expr;
use crate::rulefile::template::{self, Piece};
use crate::value::{Named, Value as Plain};

/// Folders of flow's and Snakemake's own, in which no one looks for data.
const OWN_FOLDERS: [&str; 2] = [".flow", ".snakemake"];

/// How the values of several wildcards are combined.
#[derive(Clone, Copy, PartialEq)]
enum Combine {
    Product,
    Zip,
}

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
    let mut out: Vec<Value<'v>> = Vec::new();
    for pattern in &patterns {
        expand_one(pattern, &wildcards, combine, allow_missing, &mut |text| out.push(heap.alloc(text)))
            .map_err(|diagnostic| fail(*diagnostic))?;
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

fn pattern_texts<'v>(patterns: Value<'v>, eval: &Evaluator<'v, '_, '_>) -> starlark::Result<Vec<String>> {
    if is::<Marked>(patterns) {
        return Err(fail(
            Diagnostic::error("a flag such as temp() goes around expand(), not into it").help("write temp(expand(…))"),
        ));
    }
    match expr(patterns, eval)? {
        value @ Expr::Value(Plain::Str(_) | Plain::List(_)) => Ok(super::flags::texts(&value)),
        _ => Err(fail(Diagnostic::error("expand() needs a pattern, or a list of patterns, as text"))),
    }
}

fn expand_one(
    pattern: &str,
    wildcards: &[(&str, Vec<Plain>)],
    combine: Combine,
    allow_missing: bool,
    push: &mut dyn FnMut(String),
) -> Result<(), Box<Diagnostic>> {
    let pieces = template::pieces(pattern).map_err(|error| {
        Box::new(Diagnostic::error(format!("expand(): {error}")).note(format!("in the pattern {pattern:?}")))
    })?;
    // Only wildcards of this pattern vary: one that is not in it would only repeat paths.
    let used: Vec<&(&str, Vec<Plain>)> =
        wildcards.iter().filter(|(name, _)| pieces.iter().any(|piece| root_of(piece) == Some(name))).collect();
    if !allow_missing {
        for name in pieces.iter().filter_map(root_of) {
            if used.iter().all(|(known, _)| *known != name) {
                return Err(Box::new(
                    Diagnostic::error(format!("expand(): no values for wildcard `{name}`"))
                        .note(format!("in the pattern {pattern:?}"))
                        .help(format!(
                            "give them as `{name}=[…]`, write `{{{{{name}}}}}` to keep it as a wildcard, or add allow_missing=True"
                        )),
                ));
            }
        }
    }
    let mut choice = vec![0; used.len()];
    let rounds = match combine {
        Combine::Product => used.iter().map(|(_, values)| values.len()).product(),
        Combine::Zip => used.iter().map(|(_, values)| values.len()).min().unwrap_or(1),
    };
    for round in 0..rounds {
        let mut left = round;
        for (at, (_, values)) in used.iter().enumerate().rev() {
            choice[at] = if combine == Combine::Zip { round } else { left % values.len() };
            left /= values.len();
        }
        let value = |name: &str| {
            let at = used.iter().position(|(known, _)| *known == name)?;
            Some(&used[at].1[choice[at]])
        };
        push(fill(&pieces, &value).map_err(|reason| Box::new(Diagnostic::error(format!("expand(): {reason}"))))?);
    }
    Ok(())
}

/// The wildcard of a field: its name without constraint, attribute or index.
fn root_of<'p>(piece: &'p Piece<'_>) -> Option<&'p str> {
    match piece {
        Piece::Literal(_) => None,
        Piece::Field(field) => Some(field.root.split(',').next().unwrap_or(field.root).trim()),
    }
}

fn fill<'w>(pieces: &[Piece<'_>], value: &dyn Fn(&str) -> Option<&'w Plain>) -> Result<String, String> {
    let mut out = String::new();
    for piece in pieces {
        let Piece::Field(field) = piece else {
            if let Piece::Literal(text) = piece {
                out.push_str(text);
            }
            continue;
        };
        match root_of(piece).and_then(value) {
            None => {
                out.push('{');
                out.push_str(field.text);
                out.push('}');
            }
            Some(value) => {
                let value = template::follow(value.clone(), &field.path)
                    .ok_or_else(|| format!("`{{{}}}` finds nothing there", field.text))?;
                let value = template::converted(field, &value).map_err(|error| error.to_string())?;
                match &value {
                    Plain::Str(text) if field.spec.is_empty() => out.push_str(text),
                    other => out.push_str(&format_value(other, field.spec).map_err(|error| error.to_string())?),
                }
            }
        }
    }
    Ok(out)
}

/// Where the values of wildcards are looked for: below the pattern's plain folders.
fn glob(pattern: &Pattern) -> Result<Vec<Vec<String>>, Box<Diagnostic>> {
    let folder = pattern.prefix().rfind('/').map_or("", |at| &pattern.prefix()[..=at]);
    let start = match folder {
        "" => ".",
        "/" => "/",
        folder => folder.trim_end_matches('/'),
    };
    let mut columns = vec![Vec::new(); pattern.names().len()];
    if !std::path::Path::new(start).is_dir() {
        return Ok(columns);
    }
    let walk = walkdir::WalkDir::new(start).min_depth(1).follow_links(true).sort_by_file_name();
    let ours = |entry: &walkdir::DirEntry| entry.file_name().to_str().is_some_and(|name| OWN_FOLDERS.contains(&name));
    let mut hits: Vec<(String, Vec<String>)> = Vec::new();
    for entry in walk.into_iter().filter_entry(|entry| !ours(entry)) {
        // A link that leads nowhere or in a circle, or a folder that cannot be read, holds no data for anyone.
        let Ok(entry) = entry else { continue };
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

fn compiled(text: &str, loader: Option<&Loader>) -> Result<Pattern, Box<Diagnostic>> {
    let text = crate::path::normalise(text);
    let span = crate::diagnostic::Span::new(crate::diagnostic::SourceId(0), 0..0);
    let unplaced = |error| {
        let mut diagnostic = pattern_error(&error, span);
        diagnostic.labels.clear();
        Box::new(diagnostic)
    };
    let mut pattern = Pattern::parse(&text).map_err(unplaced)?;
    let constraints = loader.map(|loader| loader.constraints.borrow().clone()).unwrap_or_default();
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
        let columns = glob(&pattern).map_err(|diagnostic| fail(*diagnostic))?;
        let names = pattern.names().iter().enumerate().map(|(at, name)| (name.clone(), at as u32, None)).collect();
        let items =
            columns.into_iter().map(|column| Plain::List(column.into_iter().map(Plain::Str).collect())).collect();
        Ok(eval.heap().alloc(Namedlist::from(Named { items, names })))
    }

    fn exists<'v>(#[starlark(require = pos)] path: &str) -> starlark::Result<bool> {
        Ok(std::path::Path::new(path).exists())
    }
}

/// With a function among the patterns or values, what comes out is a function of wildcards itself.
fn expand_or_wait<'v>(
    arguments: &[Value<'v>],
    named: &SmallMap<String, Value<'v>>,
    eval: &mut Evaluator<'v, '_, '_>,
) -> starlark::Result<Value<'v>> {
    let waits = arguments.first().copied().is_some_and(is_callable) || named.values().any(|&value| is_callable(value));
    if !waits {
        return expand(arguments, named, eval);
    }
    let heap = eval.heap();
    let Some(later) = eval.module().get("expand later") else {
        return Err(fail(Diagnostic::error("expand() takes functions of wildcards only at file level")));
    };
    let names = starlark::values::dict::AllocDict(named.iter().map(|(name, &value)| (name.as_str(), value)));
    eval.eval_function(later, &[heap.alloc(AllocList(arguments.iter().copied())), heap.alloc(names)], &[])
}
