//! What a table knows beyond a list of dictionaries, which it is: its columns, and the rows with certain values. For the
//! methods `column` and `where` of lists.

use starlark::collections::SmallMap;
use starlark::values::dict::DictRef;
use starlark::values::list::{AllocList, ListRef};
use starlark::values::{Heap, Value};

use super::text::str_of;

/// `table.column(name)`: the cells of one column.
///
/// # Errors
/// A row that is no dictionary, or has no such column.
pub fn column<'v>(rows: &ListRef<'v>, name: &str, heap: Heap<'v>) -> starlark::Result<Value<'v>> {
    let cells = rows.iter().map(|row| cell(row, name)).collect::<starlark::Result<Vec<_>>>()?;
    Ok(heap.alloc(AllocList(cells)))
}

/// `table.where(name=value, …)`: the rows in which each named column has that value. Cells are text, so values are compared as
/// texts: `n=3` finds "3".
///
/// # Errors
/// As [`column`].
pub fn rows_where<'v>(
    rows: &ListRef<'v>,
    wanted: &SmallMap<String, Value<'v>>,
    heap: Heap<'v>,
) -> starlark::Result<Value<'v>> {
    let wanted: Vec<(&str, String)> = wanted.iter().map(|(name, value)| (name.as_str(), str_of(*value))).collect();
    let mut found = Vec::new();
    for row in rows.iter() {
        let mut fits = true;
        for (name, value) in &wanted {
            fits &= str_of(cell(row, name)?) == *value;
        }
        if fits {
            found.push(row);
        }
    }
    Ok(heap.alloc(AllocList(found)))
}

fn cell<'v>(row: Value<'v>, name: &str) -> starlark::Result<Value<'v>> {
    let message = |text: String| starlark::Error::new_other(anyhow::Error::msg(text));
    let Some(row) = DictRef::from_value(row) else {
        return Err(message(format!("a table is a list of dictionaries, and here is {}", row.get_type())));
    };
    row.get_str(name).ok_or_else(|| {
        let columns: Vec<String> = row.keys().map(str_of).collect();
        message(format!("the table has no column `{name}`; its columns are: {}", columns.join(", ")))
    })
}
