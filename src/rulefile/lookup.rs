//! `lookup`: what a dictionary has under a path (`dpath`), or which rows of a table a query finds. The conditions of a
//! query are evaluated by the evaluator; everything else is plain data.

use super::instance::describe;
use super::later::plain;
use super::rule::{Expr, Functions, JobContext};
use super::template::{self, Piece};
use crate::diagnostic::Diagnostic;
use crate::dialect::format::format_value;
use crate::value::{Dict, Value};

#[derive(Debug, Clone, PartialEq)]
pub struct Lookup {
    /// The path or the query; text with fields, or a function that gives it.
    pub what: Expr,
    pub within: Within,
    /// Where nothing is found.
    pub default: Option<Value>,
    /// What fields may name beside the wildcards.
    pub names: Vec<(String, Expr)>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Within {
    Dict(Value),
    Table {
        rows: Vec<Dict>,
        cols: Option<Value>,
        /// Ask whether this many rows are found.
        is_nrows: Option<i64>,
    },
}

impl Lookup {
    /// Whether a job has a say in it.
    pub fn waits(&self) -> bool {
        let texts = std::iter::once(&self.what).filter_map(|what| match what {
            Expr::Value(Value::Str(text)) => Some(text.as_str()),
            _ => None,
        });
        let columns: Vec<&str> = match &self.within {
            Within::Table { cols: Some(Value::Str(name)), .. } => vec![name],
            Within::Table { cols: Some(Value::List(items)), .. } => items.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        let open = |text: &str| {
            template::pieces(text).unwrap_or_default().iter().any(|piece| match piece {
                Piece::Field(field) => self.names.iter().all(|(name, _)| name != field.root),
                Piece::Literal(_) => false,
            })
        };
        self.functions().any(Expr::is_computed) || texts.chain(columns).any(open)
    }

    /// The arguments that may be functions.
    pub fn functions(&self) -> impl Iterator<Item = &Expr> {
        std::iter::once(&self.what).chain(self.names.iter().map(|(_, value)| value))
    }

    /// What is found for a job.
    ///
    /// # Errors
    /// Nothing is found and there is no default; a query that cannot be evaluated; a field without a value.
    pub fn value(&self, context: &JobContext<'_>, functions: &dyn Functions) -> Result<Value, Diagnostic> {
        let mut names: Vec<(String, Value)> = Vec::new();
        for (name, value) in &self.names {
            names.push((name.clone(), plain(value, context, functions)?));
        }
        for (name, value) in context.wildcards {
            if names.iter().all(|(known, _)| known != name) {
                names.push((name.clone(), Value::Str(value.clone())));
            }
        }
        let what = match plain(&self.what, context, functions)? {
            Value::Str(text) => filled(&text, &names)?,
            other => {
                return Err(Diagnostic::error(format!("lookup() takes its query as text, not {}", describe(&other))));
            }
        };
        match &self.within {
            Within::Dict(dict) => self.in_dict(dict, &what),
            Within::Table { rows, cols, is_nrows } => {
                let cols = match cols {
                    Some(Value::Str(name)) => Some(Value::Str(filled(name, &names)?)),
                    Some(Value::List(items)) => {
                        let texts = items.iter().filter_map(Value::as_str);
                        Some(Value::List(
                            texts.map(|t| Ok(Value::Str(filled(t, &names)?))).collect::<Result<_, Diagnostic>>()?,
                        ))
                    }
                    _ => None,
                };
                self.in_table(rows, &what, cols.as_ref(), *is_nrows, functions)
            }
        }
    }

    fn in_dict(&self, dict: &Value, path: &str) -> Result<Value, Diagnostic> {
        let steps: Vec<&str> = path.split('/').filter(|step| !step.is_empty()).collect();
        let mut found = Vec::new();
        walk(dict, &steps, &mut found);
        let is_pattern = steps.iter().any(|step| step.contains('*'));
        match found.len() {
            0 => self.default.clone().ok_or_else(|| {
                Diagnostic::error(format!("lookup(): there is nothing under {path:?}"))
                    .help("give `default=` for what may be missing")
            }),
            1 if !is_pattern => Ok(found[0].clone()),
            _ => Ok(Value::List(found.into_iter().cloned().collect())),
        }
    }

    fn in_table(
        &self,
        rows: &[Dict],
        query: &str,
        cols: Option<&Value>,
        is_nrows: Option<i64>,
        functions: &dyn Functions,
    ) -> Result<Value, Diagnostic> {
        let rows = typed(rows);
        let hits = matches(&rows, query, functions)?;
        if let Some(wanted) = is_nrows {
            return Ok(Value::Bool(hits.len() as i64 == wanted));
        }
        if hits.is_empty()
            && let Some(default) = &self.default
        {
            return Ok(default.clone());
        }
        let cell = |row: &Dict, name: &str| {
            row.get(name)
                .cloned()
                .ok_or_else(|| Diagnostic::error(format!("lookup(): the table has no column `{name}`")))
        };
        let mut found = Vec::new();
        for row in hits {
            found.push(match cols {
                Some(Value::Str(name)) => cell(row, name)?,
                Some(Value::List(names)) => {
                    let names = names.iter().filter_map(Value::as_str);
                    let cells = names.map(|name| Ok((name.to_owned(), cell(row, name)?)));
                    Value::Dict(cells.collect::<Result<Vec<_>, Diagnostic>>()?.into_iter().collect())
                }
                _ => Value::Dict(row.clone()),
            });
        }
        // One row is itself; the values of one column are always a list.
        Ok(match found.len() {
            1 if !matches!(cols, Some(Value::Str(_))) => found.remove(0),
            _ => Value::List(found),
        })
    }
}

/// What is under a path; `*` stands for any one key.
fn walk<'v>(value: &'v Value, steps: &[&str], found: &mut Vec<&'v Value>) {
    let Some((step, rest)) = steps.split_first() else { return found.push(value) };
    match value {
        Value::Dict(dict) => {
            for (key, inner) in dict {
                if *step == "*" || key == step {
                    walk(inner, rest, found);
                }
            }
        }
        Value::List(items) => {
            for (at, inner) in items.iter().enumerate() {
                if *step == "*" || step.parse() == Ok(at) {
                    walk(inner, rest, found);
                }
            }
        }
        _ => {}
    }
}

/// A text with its fields filled in.
fn filled(text: &str, names: &[(String, Value)]) -> Result<String, Diagnostic> {
    let wrong = |reason: String| Diagnostic::error(format!("lookup(): {reason}")).note(format!("in {text:?}"));
    let mut out = String::new();
    for piece in template::pieces(text).map_err(|error| wrong(error.to_string()))? {
        match piece {
            Piece::Literal(literal) => out.push_str(&literal),
            Piece::Field(field) => {
                let value = names.iter().find(|(name, _)| name == field.root).map(|(_, value)| value.clone());
                let value = value.and_then(|value| template::follow(value, &field.path));
                let value = value.ok_or_else(|| wrong(format!("nothing is called `{}`", field.text)))?;
                out.push_str(&format_value(&value, field.spec).map_err(|error| wrong(error.to_string()))?);
            }
        }
    }
    Ok(out)
}

/// Columns of nothing but numbers as numbers, as every reader of tables takes them; the tables of the Rulefile are text.
fn typed(rows: &[Dict]) -> Vec<Dict> {
    let mut out = rows.to_vec();
    let Some(first) = rows.first() else { return out };
    for (name, _) in first {
        let cells = || rows.iter().filter_map(|row| row.get(name));
        let number = |parse: &dyn Fn(&str) -> Option<Value>| {
            cells().map(|cell| cell.as_str().and_then(parse)).collect::<Option<Vec<_>>>()
        };
        let whole = number(&|text| text.trim().parse().ok().map(Value::Int));
        let Some(values) = whole.or_else(|| number(&|text| text.trim().parse().ok().map(Value::Float))) else {
            continue;
        };
        for (row, value) in out.iter_mut().zip(values) {
            *row.entry(name) = value;
        }
    }
    out
}

/// The rows for which a query holds. Its `&`, `|` and `~` mean `and`, `or` and `not`, as in pandas.
fn matches<'r>(rows: &'r [Dict], query: &str, functions: &dyn Functions) -> Result<Vec<&'r Dict>, Diagnostic> {
    let Some(first) = rows.first() else { return Ok(Vec::new()) };
    let is_name = |name: &&str| {
        name.starts_with(|c: char| c.is_alphabetic()) && name.chars().all(|c| c.is_alphanumeric() || c == '_')
    };
    let columns: Vec<&str> = first.iter().map(|(name, _)| name.as_str()).filter(is_name).collect();
    let cells = rows.iter().map(|row| columns.iter().map(|name| row.get(name).cloned().unwrap_or_default()).collect());
    let table = Value::List(cells.map(Value::List).collect());
    let names: String = columns.iter().map(|name| format!("{name}, ")).collect();
    let condition = in_words(query);
    let text = format!("[True if ({condition}) else False for ({names}) in table_of_the_query]");
    let holds = functions.expression(&text, &[("table_of_the_query".to_owned(), table)]).map_err(|mut error| {
        error.message = format!("lookup(): {}", error.message);
        error.labels.clear();
        error.note(format!("in the query {query:?}"))
    })?;
    let Value::List(holds) = holds else { return Ok(Vec::new()) };
    Ok(rows.iter().zip(holds).filter(|(_, holds)| *holds == Value::Bool(true)).map(|(row, _)| row).collect())
}

fn in_words(query: &str) -> String {
    let mut out = String::new();
    let mut quote = None;
    for c in query.chars() {
        match (quote, c) {
            (Some(open), c) => {
                quote = (c != open).then_some(open);
                out.push(c);
            }
            (None, '\'' | '"') => {
                quote = Some(c);
                out.push(c);
            }
            (None, '&') => out.push_str(" and "),
            (None, '|') => out.push_str(" or "),
            (None, '~') => out.push_str(" not "),
            (None, '`' | '\n') => {}
            (None, c) => out.push(c),
        }
    }
    out.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_of_queries_are_words_outside_of_texts() {
        assert_eq!(in_words("a == 'x&y' & ~(b > 2)"), "a == 'x&y'  and   not (b > 2)");
    }
}
