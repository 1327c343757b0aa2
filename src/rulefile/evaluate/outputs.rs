//! Outputs and logs of a rule: patterns with their flags, flattened, with names over ranges.

use rustc_hash::FxHashMap;

use crate::diagnostic::{Diagnostic, Span};
use crate::rulefile::instance::{describe, pattern_error};
use crate::rulefile::pattern::Pattern;
use crate::rulefile::rule::{Argument, Expr, Flags, LogPattern, OutputPattern};
use crate::value::{Named, Value};

pub(super) fn pattern(text: &str, span: Span) -> Result<Pattern, Diagnostic> {
    if text.is_empty() {
        return Err(Diagnostic::error("an empty string is no path").at(span, ""));
    }
    Pattern::parse(&crate::path::normalise(text)).map_err(|error| pattern_error(&error, span))
}

/// Patterns with their flags, flattened, with names over ranges.
fn flatten(arguments: &[Argument], what: &str) -> Result<Named<OutputPattern>, Diagnostic> {
    fn walk(
        expr: &Expr,
        flags: &Flags,
        span: Span,
        what: &str,
        out: &mut Vec<OutputPattern>,
    ) -> Result<(), Diagnostic> {
        match expr {
            Expr::Value(Value::Str(text)) => {
                out.push(OutputPattern { pattern: pattern(text, span)?, flags: flags.clone(), span });
                Ok(())
            }
            Expr::Value(Value::List(items)) => {
                items.iter().try_for_each(|item| walk(&Expr::Value(item.clone()), flags, span, what, out))
            }
            Expr::List(items) => items.iter().try_for_each(|item| walk(item, flags, span, what, out)),
            Expr::Flagged(inner, own) => walk(inner, &flags.and(own), span, what, out),
            Expr::Function(_) | Expr::Later(_) => {
                Err(Diagnostic::error(format!("a function cannot give {what} files"))
                    .at(span, "")
                    .help("the outputs decide what the wildcards are, so they must be patterns; use wildcards in them"))
            }
            Expr::Value(value) => {
                Err(Diagnostic::error(format!("a path must be text, not {}", describe(value))).at(span, ""))
            }
            Expr::Dict(_) | Expr::Unpack(_) => Err(Diagnostic::error(format!("{what} takes paths")).at(span, "")),
        }
    }
    let mut out = Named::default();
    let mut add = |name: Option<&String>, expr: &Expr, span: Span| -> Result<(), Diagnostic> {
        let start = out.items.len();
        walk(expr, &Flags::default(), span, what, &mut out.items)?;
        if let Some(name) = name {
            let count = out.items.len() - start;
            let is_list = !matches!(expr, Expr::Value(Value::Str(_)))
                && !matches!(expr, Expr::Flagged(inner, _) if matches!(**inner, Expr::Value(Value::Str(_))));
            let number = |n: usize| u32::try_from(n).expect("fewer than 2^32 files a rule");
            out.names.push((name.clone(), number(start), is_list.then(|| number(count))));
        }
        Ok(())
    };
    for argument in arguments {
        match &argument.expr {
            Expr::Unpack(inner) => match &**inner {
                Expr::Value(Value::Dict(dict)) => {
                    for (name, value) in dict {
                        add(Some(name), &Expr::Value(value.clone()), argument.span)?;
                    }
                }
                Expr::Dict(entries) => {
                    for (name, expr) in entries {
                        add(Some(name), expr, argument.span)?;
                    }
                }
                other => add(None, other, argument.span)?,
            },
            other => add(argument.name.as_ref(), other, argument.span)?,
        }
    }
    Ok(out)
}

pub(super) fn outputs(arguments: &[Argument], defaults: &Flags) -> Result<Named<OutputPattern>, Diagnostic> {
    let mut outputs = flatten(arguments, "output")?;
    for output in &mut outputs.items {
        output.flags = output.flags.with_defaults(defaults);
    }
    let mut seen: FxHashMap<&str, &OutputPattern> = FxHashMap::default();
    for output in &outputs.items {
        if let Some(first) = seen.insert(output.pattern.text(), output) {
            return Err(Diagnostic::error(format!("the output `{}` is there twice", output.pattern.text()))
                .at(output.span, "the second")
                .at(first.span, "the first"));
        }
        if output.flags.ancient {
            return Err(Diagnostic::error("ancient() is for inputs").at(output.span, ""));
        }
    }
    Ok(outputs)
}

pub(super) fn logs(arguments: &[Argument]) -> Result<Named<LogPattern>, Diagnostic> {
    let flat = flatten(arguments, "log")?;
    let items = flat.items.into_iter().map(|log| LogPattern { pattern: log.pattern, span: log.span }).collect();
    Ok(Named { items, names: flat.names })
}
