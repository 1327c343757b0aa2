//! Makes a corpus to start from: `seeds CORPUS [FOLDER…]` writes small images in every format, pixel type and number of
//! planes there is, and copies the files under the folders that are not larger than the fuzzer's inputs.

use std::error::Error;
use std::fs::File;
use std::path::Path;
use std::{env, fs};

use flow::action::file::{Output, WriteOptions, write};
use flow::action::header::{Header, Value};
use flow::action::image::{Dtype, Image, Pixels};
use ndarray::Array3;

/// No larger file is copied.
const LARGEST: u64 = 48 << 10;

const SUFFIXES: [&str; 13] =
    [".fits", ".fits.gz", ".fits.fz", ".npy", ".png", ".tif", ".jpg", ".gif", ".bmp", ".webp", ".pgm", ".ppm", ".pnm"];

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let corpus = arguments.next().ok_or("usage: seeds CORPUS [FOLDER…]")?;
    fs::create_dir_all(&corpus)?;
    for dtype in Dtype::ALL {
        for planes in [1, 2, 3] {
            made(&corpus, dtype, planes)?;
        }
    }
    for folder in arguments {
        copied(Path::new(&folder), &corpus)?;
    }
    Ok(())
}

fn made(corpus: &str, dtype: Dtype, planes: usize) -> Result<(), Box<dyn Error>> {
    let mut header = Header::default();
    header.set("OBJECT", Value::Str("M13".to_owned()));
    header.set("EXPTIME", Value::Float(30.0));
    header.set("EXTNAME", Value::Str("SCI".to_owned()));
    header.add_history("made");
    let pixels = Array3::from_shape_fn((planes, 9, 13), |(p, y, x)| (100 * p + 20 * y + x * x) as f64);
    let image = Image::new(Pixels::F64(pixels), header).cast(dtype);
    for suffix in SUFFIXES {
        let path = format!("{corpus}/made_{dtype}_{planes}{suffix}");
        // Not every format holds every image.
        if write(&image, Output::new(File::create(&path)?), &path, &WriteOptions::default()).is_err() {
            fs::remove_file(&path).or_else(|error| if Path::new(&path).exists() { Err(error) } else { Ok(()) })?;
        }
    }
    Ok(())
}

fn copied(folder: &Path, corpus: &str) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let (path, metadata) = (entry.path(), entry.metadata()?);
        if metadata.is_dir() {
            copied(&path, corpus)?;
        } else if metadata.len() <= LARGEST {
            fs::copy(&path, Path::new(corpus).join(entry.file_name()))?;
        }
    }
    Ok(())
}
