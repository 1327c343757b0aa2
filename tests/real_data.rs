//! Real and damaged files, where they are: each is read as astropy, tifffile and Pillow read it, or refused in one line. The
//! folder is named by FLOW_DATA, or lies beside the checkout (`../shared/data`); without it there is nothing to test.
//! `reference/real_data.tsv` holds what the references read, and is made by `reference/real_data.py`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Command;
use std::{env, fmt};

use flow::action::file::{HduRef, ReadOptions, read};
use flow::action::image::{Dtype, Image, Pixels};
use support::Project;

mod support;

const TABLE: &str = include_str!("reference/real_data.tsv");

/// Files about which flow and the references differ, and why.
const OTHERWISE: [(&str, &str); 2] = [
    ("bad/simple_f.fits", "astropy shows no image in a file with SIMPLE = F; its pixels are as any other's"),
    ("images-odd/png_decompression_dos.png", "Pillow refuses the large text chunks, which are not read here"),
];

/// One line of the table: an image that the reference read, or a file it refused.
struct Expected {
    file: &'static str,
    hdu: Option<usize>,
    image: Option<Statistics>,
}

/// What is compared of an image.
struct Statistics {
    shape: String,
    dtype: String,
    /// NaN and infinite pixels.
    odd: [usize; 2],
    /// The least, the greatest, the mean and the sum of the finite pixels.
    numbers: [f64; 4],
    /// Pixels at even distances in reading order.
    pixels: Vec<f64>,
}

fn folder() -> Option<PathBuf> {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    let folder = env::var_os("FLOW_DATA").map_or(beside, PathBuf::from);
    if !folder.is_dir() {
        println!("no folder {}: nothing to read", folder.display());
        return None;
    }
    Some(folder)
}

fn expected() -> impl Iterator<Item = Expected> {
    TABLE.lines().skip(1).map(|line| {
        let cells: Vec<&'static str> = line.split('\t').collect();
        let number = |at: usize| cells[at].parse::<f64>().expect("a number in the table");
        let image = (cells[2] != "refused").then(|| Statistics {
            shape: cells[2].to_owned(),
            dtype: cells[3].to_owned(),
            odd: [number(4) as usize, number(5) as usize],
            numbers: [6, 7, 8, 9].map(number),
            pixels: cells[10].split(' ').map(|pixel| pixel.parse().expect("a number in the table")).collect(),
        });
        Expected { file: cells[0], hdu: cells[1].parse().ok(), image }
    })
}

impl Statistics {
    fn of(image: &Image, places: usize) -> Statistics {
        let values = exact(image.pixels());
        let finite: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
        let sum: f64 = finite.iter().sum();
        let extreme = |of: fn(f64, f64) -> f64| finite.iter().copied().fold(f64::NAN, of);
        let last = (values.len() - 1) as f64;
        // numpy's linspace and round: half to even.
        let place = |n: usize| (last * n as f64 / (places - 1) as f64).round_ties_even() as usize;
        Statistics {
            shape: image.shape().map(|n| n.to_string()).join("x"),
            dtype: image.dtype().to_string(),
            odd: [f64::is_nan, f64::is_infinite].map(|is| values.iter().filter(|v| is(**v)).count()),
            numbers: [
                extreme(f64::min),
                extreme(f64::max),
                sum / finite.len() as f64,
                if finite.is_empty() { f64::NAN } else { sum },
            ],
            pixels: (0..places).map(|n| values[place(n)]).collect(),
        }
    }

    /// What differs by more than the formats explain.
    fn differences(&self, expected: &Statistics, file: &str) -> Vec<String> {
        let mut out = Vec::new();
        let dtype = dtype(&expected.dtype).to_string();
        if (&self.shape, &self.dtype, self.odd) != (&expected.shape, &dtype, expected.odd) {
            out.push(format!(
                "{} {} {:?}, not {} {dtype} {:?}",
                self.shape, self.dtype, self.odd, expected.shape, expected.odd
            ));
            return out;
        }
        // A lossy picture leaves the last levels to the decoder; of a mean nothing is left of that.
        let is_lossy = file.ends_with(".jpg") || file.ends_with(".webp");
        let count = expected.numbers[3] / expected.numbers[2];
        let mut compare = |what: &str, found: f64, wanted: f64, levels: f64| {
            let slack = if is_lossy { levels } else { 1e-6 * wanted.abs() };
            if (found - wanted).abs() > slack || found.is_nan() != wanted.is_nan() {
                out.push(format!("{what} {found}, not {wanted}"));
            }
        };
        for (at, (what, levels)) in
            [("least", 4.0), ("greatest", 4.0), ("mean", 0.5), ("sum", 0.5 * count)].into_iter().enumerate()
        {
            compare(what, self.numbers[at], expected.numbers[at], levels);
        }
        for (at, (found, wanted)) in self.pixels.iter().zip(&expected.pixels).enumerate() {
            compare(&format!("pixel {at}"), *found, *wanted, 8.0);
        }
        out
    }
}

/// The type that numpy's has here.
fn dtype(numpy: &str) -> Dtype {
    match numpy {
        "int8" => Dtype::I16,
        "uint32" => Dtype::I64,
        "uint64" => Dtype::F64,
        "bool" => Dtype::U8,
        other => other.parse().expect("a pixel type"),
    }
}

fn exact(pixels: &Pixels) -> Vec<f64> {
    match pixels {
        Pixels::U8(a) => a.iter().map(|&v| v.into()).collect(),
        Pixels::U16(a) => a.iter().map(|&v| v.into()).collect(),
        Pixels::I16(a) => a.iter().map(|&v| v.into()).collect(),
        Pixels::I32(a) => a.iter().map(|&v| v.into()).collect(),
        Pixels::I64(a) => a.iter().map(|&v| v as f64).collect(),
        Pixels::F32(a) => a.iter().map(|&v| v.into()).collect(),
        Pixels::F64(a) => a.iter().copied().collect(),
    }
}

#[test]
fn every_file_is_read_as_the_field_reads_it() {
    let Some(folder) = folder() else { return };
    let otherwise: BTreeMap<_, _> = OTHERWISE.into();
    let (mut wrong, mut missing) = (Vec::new(), Vec::new());
    let mut tell = |what: &dyn fmt::Display, text: &str| wrong.push(format!("{what}: {text}"));
    for Expected { file, hdu, image: expected } in expected() {
        let path = folder.join(file);
        if !path.exists() {
            missing.push(file);
            continue;
        }
        let options = ReadOptions { hdu: hdu.map(HduRef::Number), plane: None };
        let path = path.to_str().expect("a plain name");
        let what = format!("{file}[{}]", hdu.map_or(String::new(), |n| n.to_string()));
        match (read(path, &options), expected) {
            (Ok(_), None) if otherwise.contains_key(file) => {}
            (Ok(image), None) => tell(&what, &format!("read as {:?}, and the references refuse it", image.shape())),
            (Ok(image), Some(expected)) => {
                for difference in Statistics::of(&image, expected.pixels.len()).differences(&expected, file) {
                    tell(&what, &difference);
                }
            }
            (Err(error), Some(_)) => tell(&what, &error.to_string()),
            (Err(error), None) => {
                let text = error.to_string();
                if !text.starts_with(&format!("{path}: ")) || text.contains('\n') {
                    tell(&what, &format!("is refused by {text:?}"));
                }
            }
        }
    }
    println!("not there: {missing:?}");
    assert!(wrong.is_empty(), "{} differences:\n{}", wrong.len(), wrong.join("\n"));
}

/// Kilobytes of address space for two damaged files at a time; what a file may claim whatever its size is 256 MiB.
const MEMORY: usize = 4 << 20;

/// Every damaged file fails its own job, in one line, and leaves nothing.
#[test]
fn damaged_files_fail_their_jobs_in_one_line() {
    let Some(folder) = folder() else { return };
    let otherwise: BTreeMap<_, _> = OTHERWISE.into();
    let is_damaged = |expected: &Expected| {
        expected.image.is_none() && !otherwise.contains_key(expected.file) && folder.join(expected.file).exists()
    };
    let paths: Vec<String> =
        expected().filter(is_damaged).map(|expected| folder.join(expected.file).display().to_string()).collect();
    let mut rulefile = String::new();
    for (at, path) in paths.iter().enumerate() {
        write!(
            rulefile,
            "rule damaged_{at}:\n    input: {path:?}\n    output: 'out_{at}.npy'\n    run:\n        convert(input[0], output[0])\n"
        )
        .expect("writes to memory");
    }
    let project = Project::new("");
    project.write("Rulefile", &rulefile);
    let limited = Command::new("sh")
        .args(["-c", &format!("ulimit -v {MEMORY}; exec \"$@\""), "sh", env!("CARGO_BIN_EXE_flow"), "-k", "-j2"])
        .args((0..paths.len()).map(|at| format!("out_{at}.npy")))
        .current_dir(project.path(""))
        .output()
        .expect("sh starts");
    assert_eq!(limited.status.code(), Some(1), "{limited:?}");
    let said = String::from_utf8_lossy(&limited.stderr) + String::from_utf8_lossy(&limited.stdout);
    for (at, path) in paths.iter().enumerate() {
        let reasons = said.lines().filter(|line| line.contains(&format!("{path}: "))).count();
        assert_eq!(reasons, 1, "{path} in\n{said}");
        assert!(!project.exists(&format!("out_{at}.npy")), "{path}");
    }
}
