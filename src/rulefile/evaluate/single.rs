//! The value of a directive that takes one, as the kind that it must be; anything else is an error that says what it is.

use crate::diagnostic::{Diagnostic, Span};
use crate::rulefile::instance::describe;
use crate::rulefile::rule::{Argument, Expr};
use crate::value::Value;

/// The names and texts of a directive that takes nothing else.
///
/// # Errors
/// A value without a name, or that is no text.
pub fn text_items(arguments: &[Argument], keyword: &str, span: Span) -> Result<Vec<(String, String)>, Diagnostic> {
    let mut out = Vec::new();
    for argument in arguments {
        let Some(name) = &argument.name else {
            return Err(Diagnostic::error(format!("`{keyword}:` takes values with names"))
                .at(argument.span, "")
                .help(format!("write `{keyword}: NAME=\"TEXT\"`")));
        };
        out.push((name.clone(), text(argument, keyword)?));
    }
    if out.is_empty() {
        return Err(Diagnostic::error(format!("`{keyword}:` is empty")).at(span, ""));
    }
    Ok(out)
}

/// The only argument of a directive that takes one.
pub(super) fn one(arguments: &[Argument], keyword: &str, span: Span) -> Result<Argument, Diagnostic> {
    match arguments {
        [argument] if argument.name.is_none() => Ok(argument.clone()),
        [argument] => {
            Err(Diagnostic::error(format!("`{keyword}:` takes a value without a name")).at(argument.span, ""))
        }
        [] => {
            Err(Diagnostic::error(format!("`{keyword}:` is empty")).at(span, "").help("give it a value, or remove it"))
        }
        [_, second, ..] => Err(Diagnostic::error(format!("`{keyword}:` takes one value"))
            .at(second.span, "this is a second one")
            .help("is the comma before it meant to be there? Strings without a comma between them are joined")),
    }
}

pub(super) fn text(argument: &Argument, keyword: &str) -> Result<String, Diagnostic> {
    match &argument.expr {
        Expr::Value(Value::Str(text)) => Ok(text.clone()),
        Expr::Flagged(inner, flags) if flags.tell_only_origin() => {
            let inner = Argument { expr: (**inner).clone(), ..argument.clone() };
            self::text(&inner, keyword)
        }
        other => Err(wrong(argument, keyword, "text", other)),
    }
}

pub(super) fn count(argument: &Argument, keyword: &str) -> Result<u32, Diagnostic> {
    match &argument.expr {
        Expr::Value(Value::Int(n)) if u32::try_from(*n).is_ok() => Ok(u32::try_from(*n).unwrap_or_default()),
        other => Err(wrong(argument, keyword, "a whole number from 0", other)),
    }
}

pub(super) fn truth(argument: &Argument, keyword: &str) -> Result<bool, Diagnostic> {
    match &argument.expr {
        Expr::Value(Value::Bool(b)) => Ok(*b),
        other => Err(wrong(argument, keyword, "True or False", other)),
    }
}

pub(super) fn wrong(argument: &Argument, keyword: &str, wanted: &str, got: &Expr) -> Diagnostic {
    let got = match got {
        Expr::Value(value) => describe(value),
        Expr::Flagged(..) => "a file under a flag".into(),
        Expr::List(_) => "a list".into(),
        Expr::Dict(_) => "a dictionary".into(),
        Expr::Function(_) | Expr::Later(_) => "a function".into(),
        Expr::Unpack(_) => "unpack(…)".into(),
    };
    Diagnostic::error(format!("`{keyword}:` takes {wanted}, not {got}")).at(argument.span, "")
}
