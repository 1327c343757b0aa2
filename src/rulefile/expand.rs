//! `expand`: a pattern and values of its wildcards in, paths out. Fields as in Python's `str.format`; knows neither the
//! disk nor who asks.

use super::template::{self, Piece};
use crate::diagnostic::Diagnostic;
use crate::dialect::format::format_value;
use crate::value::Value;

/// How the values of several wildcards are combined.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Combine {
    Product,
    Zip,
}

/// One pattern with each combination of the values of its wildcards; a wildcard that is not in it does not vary.
///
/// # Errors
/// A wildcard without values, a value that cannot be formatted as the pattern asks.
pub fn expand(
    pattern: &str,
    wildcards: &[(&str, Vec<Value>)],
    combine: Combine,
    allow_missing: bool,
    push: &mut dyn FnMut(String),
) -> Result<(), Box<Diagnostic>> {
    let pieces = template::pieces(pattern).map_err(|error| {
        Box::new(Diagnostic::error(format!("expand(): {error}")).note(format!("in the pattern {pattern:?}")))
    })?;
    // Only wildcards of this pattern vary: one that is not in it would only repeat paths.
    let used: Vec<&(&str, Vec<Value>)> =
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

fn fill<'w>(pieces: &[Piece<'_>], value: &dyn Fn(&str) -> Option<&'w Value>) -> Result<String, String> {
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
                    Value::Str(text) if field.spec.is_empty() => out.push_str(text),
                    other => out.push_str(&format_value(other, field.spec).map_err(|error| error.to_string())?),
                }
            }
        }
    }
    Ok(out)
}
