//! `--summary`: a table of outputs with their dates, rules and states.

use super::words::line;

/// One output.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Row {
    pub output: String,
    /// When it was last written, as shown; `-` where it is missing.
    pub date: String,
    pub rule: String,
    pub status: String,
    /// Why it would be made again; empty where it would not.
    pub reason: String,
}

/// Tab-separated with a header, as Snakemake's, so that `cut` and spreadsheets read it.
pub fn table(rows: &[Row]) -> String {
    let mut out = String::from("output_file\tdate\trule\tstatus\tplan\n");
    for row in rows {
        let plan = if row.reason.is_empty() { "no update" } else { &row.reason };
        let cells = [&row.output, &row.date, &row.rule, &row.status, plan];
        // A tab in a cell is shown as `\t`, and so columns hold.
        out.push_str(&cells.map(line).join("\t"));
        out.push('\n');
    }
    out
}
