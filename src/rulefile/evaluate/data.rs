//! Reading data at file level: `read_text`, `read_csv` and their like. Each file that is read is noted, because the plan
//! depends on it.

use starlark::environment::GlobalsBuilder;
use starlark::eval::Evaluator;
use starlark::starlark_module;
use starlark::values::Value;
use starlark::values::list::AllocList;

use super::loader::{Loader, fail};
use super::settings::{DataError, parse_json, parse_toml, parse_yaml, read_text};
use crate::diagnostic::Diagnostic;
use crate::dialect::convert::to_starlark;
use crate::value::Value as Plain;

/// A data file's error, with the place in that file where there is one.
pub fn data_error(error: DataError, loader: &Loader) -> Diagnostic {
    match error {
        DataError::Read { path, error } => Diagnostic::error(format!("cannot read {path}: {error}"))
            .help("paths are relative to the working directory"),
        DataError::Parse { path, reason, place } => {
            let mut diagnostic = Diagnostic::error(format!("{path}: {reason}"));
            if let Some((line, column)) = place
                && let Ok(text) = read_text(&path)
            {
                let start: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
                let at = (start + column.saturating_sub(1)).min(text.len());
                let source = loader.add_source(&path, &text);
                diagnostic = diagnostic.at(crate::diagnostic::Span::new(source, at..at + 1), "");
            }
            diagnostic
        }
    }
}

fn read(path: &str, eval: &Evaluator<'_, '_, '_>) -> starlark::Result<String> {
    let loader = Loader::of(eval);
    loader.read.borrow_mut().push(path.to_owned());
    read_text(path).map_err(|error| fail(data_error(error, loader)))
}

fn parsed<'v>(
    path: &str,
    parse: fn(&str, &str) -> Result<Plain, DataError>,
    eval: &Evaluator<'v, '_, '_>,
) -> starlark::Result<Value<'v>> {
    let text = read(path, eval)?;
    let value = parse(path, &text).map_err(|error| fail(data_error(error, Loader::of(eval))))?;
    Ok(to_starlark(&value, eval.heap()))
}

/// The rows of a table, a dictionary each; cells are text.
fn table<'v>(path: &str, delimiter: u8, eval: &Evaluator<'v, '_, '_>) -> starlark::Result<Value<'v>> {
    let text = read(path, eval)?;
    let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).trim(csv::Trim::None).from_reader(text.as_bytes());
    let bad = |error: csv::Error| {
        let place = error.position().map(|at| (usize::try_from(at.line()).unwrap_or(1), 1));
        fail(data_error(DataError::Parse { path: path.to_owned(), reason: error.to_string(), place }, Loader::of(eval)))
    };
    let columns: Vec<String> = reader.headers().map_err(bad)?.iter().map(str::to_owned).collect();
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(bad)?;
        let cells = columns.iter().cloned().zip(record.iter().map(|cell| Plain::Str(cell.to_owned())));
        rows.push(Plain::Dict(cells.collect()));
    }
    Ok(to_starlark(&Plain::List(rows), eval.heap()))
}

fn delimiter(text: &str) -> starlark::Result<u8> {
    match text.as_bytes() {
        [byte] => Ok(*byte),
        _ => Err(fail(Diagnostic::error(format!("sep must be one ASCII character, not {text:?}")))),
    }
}

#[starlark_module]
pub fn data(builder: &mut GlobalsBuilder) {
    fn read_text<'v>(path: &str, eval: &mut Evaluator<'v, '_, '_>) -> starlark::Result<String> {
        read(path, eval)
    }

    fn read_lines<'v>(path: &str, eval: &mut Evaluator<'v, '_, '_>) -> starlark::Result<Value<'v>> {
        let text = read(path, eval)?;
        Ok(eval.heap().alloc(AllocList(text.lines())))
    }

    fn read_csv<'v>(
        path: &str,
        #[starlark(default = ",")] sep: &str,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<Value<'v>> {
        table(path, delimiter(sep)?, eval)
    }

    fn read_tsv<'v>(path: &str, eval: &mut Evaluator<'v, '_, '_>) -> starlark::Result<Value<'v>> {
        table(path, b'\t', eval)
    }

    fn read_json<'v>(path: &str, eval: &mut Evaluator<'v, '_, '_>) -> starlark::Result<Value<'v>> {
        parsed(path, parse_json, eval)
    }

    fn read_yaml<'v>(path: &str, eval: &mut Evaluator<'v, '_, '_>) -> starlark::Result<Value<'v>> {
        parsed(path, parse_yaml, eval)
    }

    fn read_toml<'v>(path: &str, eval: &mut Evaluator<'v, '_, '_>) -> starlark::Result<Value<'v>> {
        parsed(path, parse_toml, eval)
    }
}
