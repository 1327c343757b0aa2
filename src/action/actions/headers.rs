//! FITS headers as data: read, changed, and those of many files as a table. No pixel is read.

use rayon::prelude::*;

use super::files::{cell, read_options, write_bytes};
use crate::action::call::{Answer, Call};
use crate::action::failure::Failure;
use crate::action::file::{self, Change, Edit, FileError, ReadOptions};
use crate::action::header::{self, Header};
use crate::action::registry::{Action, Group, Kind, OUTPUT, Parameter, optional, required};
use crate::value::{Dict, Value};

const PATH: Parameter = required("path", Kind::Path, "An input of the rule.");
const HDU: Parameter =
    optional("hdu", Kind::Data, "The HDU by number, 0 being the primary one, or by EXTNAME; else the first image.");

pub const ACTIONS: &[Action] = &[
    Action {
        name: "header",
        group: Group::Headers,
        summary: "The header of a FITS file, as a dictionary of keywords and values.",
        parameters: &[PATH, HDU],
        manual: "As it is in the file, NAXIS1 and BITPIX included; image.header is without those. An extension with INHERIT = T has the \
                 primary header's keywords after its own, as in FITS 4.0, section 4.4.2.6. Of a keyword that comes twice the \
                 first counts; the lines of COMMENT and HISTORY are joined; a card without a value is None. Empty for formats other \
                 than FITS.",
        reference: "astropy.io.fits.getheader",
        run: |call| {
            let options = read_options(call)?;
            let header = read_header(call, call.text("path"), &options)?;
            Ok(Answer::Data(Value::Dict(dictionary(&header))))
        },
    },
    Action {
        name: "set_header",
        group: Group::Headers,
        summary: "A copy of a FITS file with other values in its header.",
        parameters: &[
            PATH,
            required("output", Kind::Output, "An output of the rule."),
            HDU,
            optional("cards", Kind::Cards, "What to set: OBJECT=\"M13\", EXPTIME=30.0, FILTER=None."),
        ],
        manual: "Pixels, other HDUs and all cards that are not named stay as they are, byte for byte. A value replaces that of the \
                 keyword's first card, whose comment stays, or stands on a new card at the end; [value, comment] sets both; None takes \
                 the keyword away; HISTORY and COMMENT are added. A keyword that is no name is given as **{\"DATE-OBS\": …}.\n\
                 CHECKSUM goes, for it would be wrong. Keywords that say how the file is laid out (NAXIS, BITPIX, BSCALE …) cannot be \
                 set.",
        reference: "astropy.io.fits.setval",
        run: set_header,
    },
    Action {
        name: "catalogue",
        group: Group::Headers,
        summary: "A table of the headers of many files: a list of dictionaries, and a CSV file of them.",
        parameters: &[
            required("paths", Kind::Paths, "Inputs of the rule, a row each."),
            OUTPUT,
            optional("keys", Kind::Texts, "The keywords, a column each; without it all that the headers have."),
        ],
        manual: "The first column is \"file\", the path. A keyword that a header lacks is an empty cell (None). Without keys, the columns \
                 come in the order in which the headers first name them, without COMMENT and HISTORY.",
        reference: "ccdproc.ImageFileCollection",
        run: catalogue,
    },
];

fn read_header(call: &Call<'_, '_>, path: &str, options: &ReadOptions) -> Result<Header, Failure> {
    header_at(&call.job.readable(path)?, path, options)
}

fn header_at(place: &str, path: &str, options: &ReadOptions) -> Result<Header, Failure> {
    file::read_header(place, options).map_err(|mut error| {
        path.clone_into(&mut error.path);
        error.into()
    })
}

/// The cards as a dictionary, in their order.
fn dictionary(header: &Header) -> Dict {
    let mut out = Dict::default();
    for card in header.cards().iter().filter(|card| !card.keyword.is_empty()) {
        match (&card.value, out.get(&card.keyword)) {
            (header::Value::Text(line), Some(Value::Str(lines))) => {
                let lines = format!("{lines}\n{line}");
                out.insert(&card.keyword, Value::Str(lines));
            }
            (_, Some(_)) => {}
            (value, None) => out.insert(&card.keyword, plain(value)),
        }
    }
    out
}

fn plain(value: &header::Value) -> Value {
    match value {
        header::Value::Bool(value) => Value::Bool(*value),
        header::Value::Int(value) => Value::Int(*value),
        header::Value::Float(value) => Value::Float(*value),
        header::Value::Str(text) | header::Value::Complex(text) | header::Value::Text(text) => Value::Str(text.clone()),
        header::Value::Undefined => Value::None,
    }
}

fn set_header(call: &Call<'_, '_>) -> Result<Answer, Failure> {
    let changes = match call.data("cards") {
        Value::Dict(cards) => cards.iter().map(|(keyword, value)| change(keyword, value)).collect::<Result<_, _>>()?,
        Value::None => Vec::new(),
        _ => return Err(Failure::new("cards are values by keyword: OBJECT=\"M13\"")),
    };
    let (path, output) = (call.text("path"), call.text("output"));
    let from = call.job.readable(path)?;
    let options = read_options(call)?;
    let of_path = |mut error: FileError| {
        if error.path == from {
            path.clone_into(&mut error.path);
        }
        error
    };
    let edit = Edit::open(&from, options.hdu.as_ref(), &changes).map_err(of_path)?;
    call.job.write(output, |out| edit.write(out, output).map_err(of_path))?;
    Ok(Answer::Nothing)
}

fn change(keyword: &str, value: &Value) -> Result<Change, Failure> {
    let is_plain = !keyword.trim().is_empty() && keyword.bytes().all(|b| (b' '..=b'~').contains(&b) && b != b'=');
    if !is_plain {
        return Err(Failure::new(format!("{keyword:?} is not a keyword: those are of printable ASCII, without \"=\"")));
    }
    let (value, comment) = match value {
        Value::List(both) => match both.as_slice() {
            [value, Value::Str(comment)] => (value, Some(comment.clone())),
            _ => return Err(Failure::new(format!("{keyword}: a list is [value, comment]"))),
        },
        value => (value, None),
    };
    let is_text = ["HISTORY", "COMMENT"].contains(&keyword.to_ascii_uppercase().as_str());
    let value = match value {
        Value::None => None,
        Value::Str(text) if is_text => Some(header::Value::Text(text.clone())),
        Value::Bool(value) => Some(header::Value::Bool(*value)),
        Value::Int(value) => Some(header::Value::Int(*value)),
        Value::Float(value) => Some(header::Value::Float(*value)),
        Value::Str(text) => Some(header::Value::Str(text.clone())),
        Value::List(_) | Value::Dict(_) => {
            return Err(Failure::new(format!("{keyword}: a header holds text, numbers and booleans")));
        }
    };
    Ok(Change { keyword: keyword.to_owned(), value, comment })
}

fn catalogue(call: &Call<'_, '_>) -> Result<Answer, Failure> {
    let paths = call.texts("paths").unwrap_or_default();
    let places: Vec<String> = paths.iter().map(|path| call.job.readable(path)).collect::<Result<_, _>>()?;
    let read = |(place, path): (&String, &String)| {
        header_at(place, path, &ReadOptions::default()).map(|header| dictionary(&header))
    };
    let headers: Vec<Dict> = places.par_iter().zip(paths).map(read).collect::<Result<_, _>>()?;
    let keys = match call.texts("keys") {
        Some(keys) => keys.to_vec(),
        None => all_keys(&headers),
    };
    if let Some(twice) = keys.iter().enumerate().find(|(at, key)| keys[..*at].contains(key)).map(|(_, key)| key) {
        return Err(Failure::new(format!("keys name {twice} twice")));
    }
    let row = |(path, header): (&String, &Dict)| {
        let mut row = Dict::default();
        row.insert("file", Value::Str(path.clone()));
        for key in &keys {
            row.insert(key, header.get(&header::normal_keyword(key)).cloned().unwrap_or(Value::None));
        }
        row
    };
    let rows: Vec<Dict> = paths.iter().zip(&headers).map(row).collect();
    if let Some(output) = call.optional_text("output") {
        let text = table(&keys, &rows)?;
        write_bytes(call, output, &text)?;
    }
    Ok(Answer::Data(Value::List(rows.into_iter().map(Value::Dict).collect())))
}

/// The keywords of all headers, in the order in which they first come.
fn all_keys(headers: &[Dict]) -> Vec<String> {
    let mut seen = std::collections::BTreeSet::new();
    let keywords = headers.iter().flat_map(Dict::iter).map(|(keyword, _)| keyword);
    let mut keys = Vec::new();
    for keyword in keywords.filter(|keyword| !["COMMENT", "HISTORY", "END"].contains(&keyword.as_str())) {
        if seen.insert(keyword) {
            keys.push(keyword.clone());
        }
    }
    keys
}

fn table(keys: &[String], rows: &[Dict]) -> Result<Vec<u8>, Failure> {
    let wrong = |error: csv::Error| Failure::new(error.to_string());
    let mut out = csv::Writer::from_writer(Vec::new());
    out.write_record(["file"].into_iter().chain(keys.iter().map(String::as_str))).map_err(wrong)?;
    for row in rows {
        let cells = row.iter().map(|(_, value)| cell(value)).collect::<Result<Vec<_>, _>>()?;
        out.write_record(&cells).map_err(wrong)?;
    }
    out.into_inner().map_err(|error| Failure::new(error.to_string()))
}
