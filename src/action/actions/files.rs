//! Files: images read, written and converted; texts and tables written; files copied and put together.

use std::fs;
use std::io::{self, Write};

use crate::action::call::{Answer, Call, read_image};
use crate::action::failure::Failure;
use crate::action::file::{HduRef, ReadOptions, WriteOptions};
use crate::action::registry::{Action, DTYPES, Default, Group, IMAGE, Kind, Parameter, optional, required, with};
use crate::path::normalise;
use crate::value::{Dict, Value};

const PATH: Parameter = required("path", Kind::Path, "An input of the rule.");
const TO: Parameter = required("output", Kind::Output, "An output or log of the rule.");
const HDU: Parameter = optional(
    "hdu",
    Kind::Data,
    "FITS: the HDU by number, 0 being the primary one, or by EXTNAME; else the first image. TIFF, GIF, WebP: the page or \
     frame, from 0.",
);
const PLANE: Parameter = optional("plane", Kind::Int, "One plane of a cube or colour image, from 0; else all.");
const QUALITY: Parameter = optional("quality", Kind::Int, "JPEG: 1 to 100; 75 without it.");
const DTYPE_IN_FILE: Parameter = optional(
    "dtype",
    DTYPES,
    "Pixel type in the file (\"uint8\" … \"float64\"); the image's own without it, or uint8 where the format has no other.",
);
const FORMATS: &str = "The format goes by the suffix: .fits .fit .fts (.gz, .fz compressed by RICE), .npy, .png, .tif, .jpg, .gif, \
                       .bmp, .webp, .pgm, .ppm.";

pub const ACTIONS: &[Action] = &[
    Action {
        name: "read",
        group: Group::Files,
        summary: "The image in a file: pixels as they are there, and the header.",
        parameters: &[PATH, HDU, PLANE],
        manual: "FITS (plain, gzip, tile-compressed), NumPy, PNG, TIFF, JPEG, GIF, BMP, WebP, PNM, told by the content. FITS \
                 scaling (BSCALE, BZERO) is applied; BLANK becomes NaN; an extension with INHERIT = T has the primary header's \
                 keywords after its own.\n\
                 A TIFF whose pages are grey, of one size and one type, is a cube with a plane for each; of other pages, and of the \
                 frames of an animation, the first is read, or the one that hdu names. Palettes are read as colours, grey of less \
                 than 8 bits as 0 to 255; alpha is dropped; the EXIF orientation is applied.\n\
                 A file that is damaged, or claims more memory than its size explains, is an error.",
        reference: "astropy.io.fits, Pillow",
        run: read,
    },
    Action {
        name: "write",
        group: Group::Files,
        summary: "Writes an image to a file.",
        parameters: &[IMAGE, TO, DTYPE_IN_FILE, QUALITY],
        manual: "The format goes by the suffix: .fits .fit .fts (.gz, .fz compressed by RICE), .npy, .png, .tif, .jpg, .gif, .bmp, \
                 .webp, .pgm, .ppm. Values going to an integer type are rounded half to even and saturate; nothing is rescaled.",
        reference: "",
        run: write,
    },
    Action {
        name: "convert",
        group: Group::Files,
        summary: "Reads an image and writes it in another format or pixel type.",
        parameters: &[PATH, TO, DTYPE_IN_FILE, QUALITY, HDU, PLANE],
        manual: FORMATS,
        reference: "",
        run: convert,
    },
    Action {
        name: "copy",
        group: Group::Files,
        summary: "Copies a file, whatever is in it.",
        parameters: &[PATH, TO],
        manual: "Bytes and permissions.",
        reference: "",
        run: copy,
    },
    Action {
        name: "concat",
        group: Group::Files,
        summary: "Writes the contents of files one after the other.",
        parameters: &[required("paths", Kind::Paths, "Inputs of the rule, in order."), TO],
        manual: "Bytes, with nothing between them: cat.",
        reference: "",
        run: concat,
    },
    Action {
        name: "write_text",
        group: Group::Files,
        summary: "Writes a text to a file.",
        parameters: &[required("text", Kind::Text, "What to write; nothing is added at its end."), TO],
        manual: "UTF-8.",
        reference: "",
        run: |call| put(call, call.text("text").as_bytes()),
    },
    Action {
        name: "write_json",
        group: Group::Files,
        summary: "Writes plain data to a JSON file.",
        parameters: &[
            required("value", Kind::Data, "Texts, numbers, booleans, lists, dictionaries."),
            TO,
            with("indent", Kind::Int, Default::Int(2), "Blanks a level; 0 for all on one line."),
        ],
        manual: "Keys keep their order. NaN and infinities, which JSON lacks, become null.",
        reference: "json.dump",
        run: write_json,
    },
    Action {
        name: "write_csv",
        group: Group::Files,
        summary: "Writes rows to a CSV file.",
        parameters: &[
            required("rows", Kind::Data, "A list of dictionaries (column to value) or of lists."),
            TO,
            optional("columns", Kind::Texts, "The columns, in order; else the keys as the rows first name them."),
            with("sep", Kind::Text, Default::Text(","), "What stands between two cells: one ASCII character."),
        ],
        manual: "The first line names the columns, unless the rows are lists and no columns are given. None is an empty cell; so is a \
                 key that a row lacks. Cells with a separator, quote or line end are quoted.",
        reference: "csv.DictWriter",
        run: write_csv,
    },
];

pub(super) fn read_options(call: &Call<'_, '_>) -> Result<ReadOptions, Failure> {
    let hdu = match call.data("hdu") {
        Value::None => None,
        Value::Int(number) => Some(HduRef::Number(
            usize::try_from(*number).map_err(|_| Failure::new(format!("hdu must be at least 0, got {number}")))?,
        )),
        Value::Str(name) => Some(HduRef::Name(name.clone())),
        _ => return Err(Failure::new("hdu is a number or a name")),
    };
    // Not every action that has hdu= has plane= too.
    let plane = match call.action.position("plane").and_then(|_| call.optional_int("plane")) {
        None => None,
        Some(_) => Some(call.count("plane")?),
    };
    Ok(ReadOptions { hdu, plane })
}

fn write_options(call: &Call<'_, '_>) -> Result<WriteOptions, Failure> {
    let dtype = call.optional_text("dtype").map(str::parse).transpose()?;
    let quality = call.optional_int("quality").map(|quality| u8::try_from(quality).unwrap_or(0));
    Ok(WriteOptions { dtype, quality })
}

fn read(call: &Call<'_, '_>) -> Result<Answer, Failure> {
    let image = read_image(call.job, call.text("path"), &read_options(call)?)?;
    Ok(Answer::Read(image))
}

fn write(call: &Call<'_, '_>) -> Result<Answer, Failure> {
    call.write_image(&call.image("image"), call.text("output"), &write_options(call)?)?;
    Ok(Answer::Nothing)
}

fn convert(call: &Call<'_, '_>) -> Result<Answer, Failure> {
    let image = read_image(call.job, call.text("path"), &read_options(call)?)?;
    call.write_image(&image, call.text("output"), &write_options(call)?)?;
    Ok(Answer::Nothing)
}

fn copy(call: &Call<'_, '_>) -> Result<Answer, Failure> {
    let (from, to) = (call.text("path"), call.text("output"));
    refuse_itself(call, from)?;
    let (source, target) = (call.job.readable(from)?, call.job.writable(to)?);
    // The error is about either of the two; the one that cannot be opened is known.
    fs::File::open(&source).map_err(|error| Failure::io(from, &error))?;
    fs::copy(&source, &target).map_err(|error| Failure::io(to, &error))?;
    Ok(Answer::Nothing)
}

/// An error if a source is what is written: nothing of it would be left to read.
fn refuse_itself(call: &Call<'_, '_>, source: &str) -> Result<(), Failure> {
    let (action, to) = (call.action.name, call.text("output"));
    if normalise(source) != normalise(to) {
        return Ok(());
    }
    Err(Failure::new(format!("{action} would write {to} while it reads it"))
        .help("give the result an output of its own"))
}

fn concat(call: &Call<'_, '_>) -> Result<Answer, Failure> {
    let to = call.text("output");
    call.texts("paths").unwrap_or_default().iter().try_for_each(|path| refuse_itself(call, path))?;
    call.job.write(to, |mut out| {
        for path in call.texts("paths").unwrap_or_default() {
            let mut source = fs::File::open(call.job.readable(path)?).map_err(|error| Failure::io(path, &error))?;
            io::copy(&mut source, &mut out).map_err(|error| Failure::io(path, &error))?;
        }
        out.finish().map_err(|error| Failure::io(to, &error))
    })?;
    Ok(Answer::Nothing)
}

/// Writes the content of a call's output.
pub(super) fn put(call: &Call<'_, '_>, content: &[u8]) -> Result<Answer, Failure> {
    write_bytes(call, call.text("output"), content)?;
    Ok(Answer::Nothing)
}

/// Writes these bytes to a file.
pub(super) fn write_bytes(call: &Call<'_, '_>, path: &str, bytes: &[u8]) -> Result<(), Failure> {
    call.job.write(path, |mut out| {
        let written = out.write_all(bytes).and_then(|()| out.finish());
        written.map_err(|error| Failure::io(path, &error))
    })
}

fn write_json(call: &Call<'_, '_>) -> Result<Answer, Failure> {
    let indent = " ".repeat(call.count("indent")?.min(16));
    let mut out = Vec::new();
    let written = if indent.is_empty() {
        serde_json::to_writer(&mut out, call.data("value"))
    } else {
        let formatter = serde_json::ser::PrettyFormatter::with_indent(indent.as_bytes());
        serde::Serialize::serialize(
            call.data("value"),
            &mut serde_json::Serializer::with_formatter(&mut out, formatter),
        )
    };
    written.map_err(|error| Failure::new(format!("{}: {error}", call.text("output"))))?;
    out.push(b'\n');
    put(call, &out)
}

fn write_csv(call: &Call<'_, '_>) -> Result<Answer, Failure> {
    let Value::List(rows) = call.data("rows") else {
        return Err(Failure::new("rows are a list of dictionaries or lists"));
    };
    let columns: Option<Vec<String>> = match call.texts("columns") {
        Some(columns) => Some(columns.to_vec()),
        None => columns_of(rows),
    };
    let [separator] = call.text("sep").as_bytes() else {
        return Err(Failure::new(format!("sep is one ASCII character, not {:?}", call.text("sep"))));
    };
    let mut out = csv::WriterBuilder::new().delimiter(*separator).flexible(false).from_writer(Vec::new());
    let wrong = |error: csv::Error| Failure::new(format!("{}: {error}", call.text("output")));
    if let Some(columns) = &columns {
        out.write_record(columns).map_err(wrong)?;
    }
    for (at, row) in rows.iter().enumerate() {
        let cells = match row {
            Value::Dict(row) => cells_of(at, row, columns.as_deref().unwrap_or_default())?,
            Value::List(cells) => cells.iter().map(cell).collect::<Result<_, _>>()?,
            _ => return Err(Failure::new(format!("row {at} is neither a dictionary nor a list"))),
        };
        out.write_record(&cells).map_err(|_| {
            Failure::new(format!("row {at} has {} cells, and those before it have another number", cells.len()))
        })?;
    }
    let text = out.into_inner().map_err(|error| Failure::new(error.to_string()))?;
    put(call, &text)
}

/// The keys of all rows, in the order in which they first come; none where no row is a dictionary.
fn columns_of(rows: &[Value]) -> Option<Vec<String>> {
    let mut columns: Vec<String> = Vec::new();
    let mut is_named = false;
    for row in rows {
        let Value::Dict(row) = row else { continue };
        is_named = true;
        for (name, _) in row {
            if !columns.contains(name) {
                columns.push(name.clone());
            }
        }
    }
    is_named.then_some(columns)
}

fn cells_of(at: usize, row: &Dict, columns: &[String]) -> Result<Vec<String>, Failure> {
    if let Some((odd, _)) = row.iter().find(|(name, _)| !columns.contains(name)) {
        return Err(Failure::new(format!("row {at} has a column \"{odd}\" that is not among columns")));
    }
    columns.iter().map(|column| cell(row.get(column).unwrap_or(&Value::None))).collect()
}

pub(super) fn cell(value: &Value) -> Result<String, Failure> {
    Ok(match value {
        Value::None => String::new(),
        Value::Bool(value) => if *value { "True" } else { "False" }.to_owned(),
        Value::Int(value) => value.to_string(),
        Value::Float(value) => format!("{value:?}"),
        Value::Str(text) => text.clone(),
        Value::List(_) | Value::Dict(_) => return Err(Failure::new("a cell holds a text or a number, not a list")),
    })
}
