//! Data read from files: texts, lines, tables, JSON, YAML, TOML, as plain values. In a `run:` body the file must be an
//! input of the rule.

use std::fs;
use std::path::Path;

use crate::action::call::{Answer, Call};
use crate::action::failure::Failure;
use crate::action::registry::{Action, Default, Group, Kind, Parameter, required, with};
use crate::value::Value;
use crate::yaml;

const PATH: Parameter = required("path", Kind::Path, "An input of the rule.");

pub const ACTIONS: &[Action] = &[
    Action {
        name: "read_text",
        group: Group::Files,
        summary: "The text of a file.",
        parameters: &[PATH],
        manual: "UTF-8; anything else is an error.",
        reference: "",
        run: |call| Ok(Answer::Data(Value::Str(text(call)?))),
    },
    Action {
        name: "read_lines",
        group: Group::Files,
        summary: "The lines of a file, as a list.",
        parameters: &[PATH],
        manual: "UTF-8, without the line ends.",
        reference: "",
        run: |call| {
            Ok(Answer::Data(Value::List(text(call)?.lines().map(|line| Value::Str(line.to_owned())).collect())))
        },
    },
    Action {
        name: "read_csv",
        group: Group::Files,
        summary: "The rows of a CSV file, as a list of dictionaries.",
        parameters: &[
            PATH,
            with("sep", Kind::Text, Default::Text(","), "What stands between two cells: one ASCII character."),
        ],
        manual: "The first line names the columns; cells are text.",
        reference: "csv.DictReader",
        run: |call| table(call, call.text("sep")),
    },
    Action {
        name: "read_tsv",
        group: Group::Files,
        summary: "The rows of a file of tab-separated values, as a list of dictionaries.",
        parameters: &[PATH],
        manual: "The first line names the columns; cells are text.",
        reference: "csv.DictReader",
        run: |call| table(call, "\t"),
    },
    Action {
        name: "read_json",
        group: Group::Files,
        summary: "The data in a JSON file.",
        parameters: &[PATH],
        manual: "Keys keep their order.",
        reference: "json.load",
        run: |call| parsed(call, |text| serde_json::from_str(text).map_err(|error| error.to_string())),
    },
    Action {
        name: "read_yaml",
        group: Group::Files,
        summary: "The data in a YAML file.",
        parameters: &[PATH],
        manual: "Keys keep their order.",
        reference: "",
        run: |call| {
            parsed(call, |text| {
                yaml::parse(text).and_then(serde_yaml_ng::from_value).map_err(|error| error.to_string())
            })
        },
    },
    Action {
        name: "read_toml",
        group: Group::Files,
        summary: "The data in a TOML file.",
        parameters: &[PATH],
        manual: "Keys keep their order.",
        reference: "",
        run: |call| parsed(call, |text| toml::from_str(text).map_err(|error| error.message().to_owned())),
    },
    Action {
        name: "exists",
        group: Group::Files,
        summary: "Whether there is a file or folder at a path.",
        parameters: &[required("path", Kind::Path, "Any path: looking is not reading.")],
        manual: "An output exists when the job has written it.",
        reference: "os.path.exists",
        run: |call| Ok(Answer::Data(Value::Bool(Path::new(&call.job.place(call.text("path"))?).exists()))),
    },
];

/// The text of the file that a call names.
pub(super) fn text(call: &Call<'_, '_>) -> Result<String, Failure> {
    let path = call.text("path");
    let bytes = fs::read(call.job.readable(path)?).map_err(|error| Failure::io(path, &error))?;
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        Failure::new(format!("{path}: not UTF-8, from byte {at} on"))
    })
}

fn parsed(call: &Call<'_, '_>, parse: impl Fn(&str) -> Result<Value, String>) -> Result<Answer, Failure> {
    let value = parse(&text(call)?).map_err(|reason| Failure::new(format!("{}: {reason}", call.text("path"))))?;
    Ok(Answer::Data(value))
}

fn table(call: &Call<'_, '_>, separator: &str) -> Result<Answer, Failure> {
    let [separator] = separator.as_bytes() else {
        return Err(Failure::new(format!("sep is one ASCII character, not {separator:?}")));
    };
    let text = text(call)?;
    let wrong = |error: csv::Error| Failure::new(format!("{}: {error}", call.text("path")));
    let mut reader = csv::ReaderBuilder::new().delimiter(*separator).from_reader(text.as_bytes());
    let columns: Vec<String> = reader.headers().map_err(wrong)?.iter().map(str::to_owned).collect();
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(wrong)?;
        let cells = columns.iter().cloned().zip(record.iter().map(|cell| Value::Str(cell.to_owned())));
        rows.push(Value::Dict(cells.collect()));
    }
    Ok(Answer::Data(Value::List(rows)))
}
