//! Reading data at file level: `read_text`, `read_csv` and their like. Each file that is read is noted, because the plan
//! depends on it.

use std::sync::Arc;

use allocative::Allocative;
use starlark::any::ProvidesStaticType;
use starlark::collections::SmallMap;
use starlark::environment::{GlobalsBuilder, Methods, MethodsBuilder, MethodsStatic};
use starlark::eval::Evaluator;
use starlark::starlark_module;
use starlark::starlark_simple_value;
use starlark::values::list::AllocList;
use starlark::values::{Heap, NoSerialize, StarlarkPagablePanic, StarlarkValue, Value, ValueError, starlark_value};

use super::loader::{Loader, fail};
use super::settings::{DataError, parse_json, parse_toml, parse_yaml, read_text};
use crate::diagnostic::Diagnostic;
use crate::dialect::convert::{from_starlark, to_starlark};
use crate::value::Value as Plain;

/// A table of a CSV or TSV file: a list of dictionaries, one a row. Cells are text.
#[derive(Debug, Clone, ProvidesStaticType, NoSerialize, Allocative, StarlarkPagablePanic)]
pub struct Table {
    #[allocative(skip)]
    columns: Arc<Vec<String>>,
    #[allocative(skip)]
    rows: Arc<Vec<Plain>>,
}

starlark_simple_value!(Table);

impl std::fmt::Display for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "table of {} rows: {}", self.rows.len(), self.columns.join(", "))
    }
}

#[starlark_value(type = "table")]
impl<'v> StarlarkValue<'v> for Table {
    fn get_methods() -> Option<&'static Methods> {
        static METHODS: MethodsStatic = MethodsStatic::new("table", methods);
        Some(METHODS.methods())
    }

    fn length(&self) -> starlark::Result<i32> {
        Ok(i32::try_from(self.rows.len()).unwrap_or(i32::MAX))
    }

    fn to_bool(&self) -> bool {
        !self.rows.is_empty()
    }

    fn iterate_collect(&self, heap: Heap<'v>) -> starlark::Result<Vec<Value<'v>>> {
        Ok(self.rows.iter().map(|row| to_starlark(row, heap)).collect())
    }

    fn at(&self, index: Value<'v>, heap: Heap<'v>) -> starlark::Result<Value<'v>> {
        if let Some(name) = index.unpack_str() {
            return self.column_values(name).map(|column| to_starlark(&column, heap));
        }
        let Some(at) = index.unpack_i32() else { return ValueError::unsupported_with(self, "[]", index) };
        let place = usize::try_from(if at < 0 { at + self.length()? } else { at }).ok();
        match place.and_then(|place| self.rows.get(place)) {
            Some(row) => Ok(to_starlark(row, heap)),
            None => Err(starlark::Error::new_other(ValueError::IndexOutOfBound(at))),
        }
    }
}

impl Table {
    fn column_values(&self, name: &str) -> starlark::Result<Plain> {
        if !self.columns.iter().any(|column| column == name) {
            return Err(fail(
                Diagnostic::error(format!("the table has no column `{name}`"))
                    .help(format!("its columns are: {}", self.columns.join(", "))),
            ));
        }
        let cell = |row: &Plain| match row {
            Plain::Dict(dict) => dict.get(name).cloned().unwrap_or_default(),
            _ => Plain::None,
        };
        Ok(Plain::List(self.rows.iter().map(cell).collect()))
    }
}

#[starlark_module]
fn methods(builder: &mut MethodsBuilder) {
    /// The cells of one column, as a list.
    fn column<'v>(this: &Table, name: &str, heap: Heap<'v>) -> starlark::Result<Value<'v>> {
        this.column_values(name).map(|column| to_starlark(&column, heap))
    }

    /// The rows in which each named column has the given value, as a table.
    fn r#where<'v>(
        this: &Table,
        #[starlark(kwargs)] wanted: SmallMap<String, Value<'v>>,
        heap: Heap<'v>,
    ) -> starlark::Result<Table> {
        let mut conditions = Vec::new();
        for (name, &value) in &wanted {
            this.column_values(name)?;
            let plain = from_starlark(value, heap).map_err(|error| fail(Diagnostic::error(error.to_string())))?;
            let text = match plain {
                Plain::Str(text) => text,
                _ => value.to_str(),
            };
            conditions.push((name.as_str(), Plain::Str(text)));
        }
        let fits = |row: &&Plain| match row {
            Plain::Dict(dict) => conditions.iter().all(|(name, value)| dict.get(name) == Some(value)),
            _ => false,
        };
        let rows = this.rows.iter().filter(fits).cloned().collect();
        Ok(Table { columns: Arc::clone(&this.columns), rows: Arc::new(rows) })
    }

    fn columns<'v>(this: &Table, heap: Heap<'v>) -> starlark::Result<Value<'v>> {
        Ok(heap.alloc(AllocList(this.columns.iter().map(String::as_str))))
    }
}

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

fn table(path: &str, delimiter: u8, eval: &Evaluator<'_, '_, '_>) -> starlark::Result<Table> {
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
    Ok(Table { columns: Arc::new(columns), rows: Arc::new(rows) })
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
    ) -> starlark::Result<Table> {
        table(path, delimiter(sep)?, eval)
    }

    fn read_tsv<'v>(path: &str, eval: &mut Evaluator<'v, '_, '_>) -> starlark::Result<Table> {
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
