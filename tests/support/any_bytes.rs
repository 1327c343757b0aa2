//! What must hold of any bytes, read as a file of any format through the entry points of the `read`, `fit`, `header`,
//! `set_header` and `combine` actions. They may be refused, in one line that begins with the file's name; they must not end the
//! process or give an image larger than a file of that size may ask for; and what is read in parts must be what is read
//! as a whole. Serves the test of a few thousand damaged files and the fuzzer (`fuzz/`).

use std::fs::{self, File};
use std::path::Path;

use flow::action::file::{
    Change, Edit, FileError, Format, Frame, HduRef, Output, ReadOptions, Wanted, memory_limit, read, read_header,
    read_part,
};
use flow::action::header::Value;
use flow::action::image::{Image, Pixels};
use flow::pixel::resize::{Filter, Region};

/// Larger images are read once, and not again in parts.
const SMALL: usize = 1 << 14;

/// Suffixes that promise a format; they decide only where the content does not.
const PROMISES: [&str; 6] = [".fits", ".fits.gz", ".fits.fz", ".npy", ".png", ".tif"];

/// Reads the bytes in every way, in a folder for nothing else.
///
/// # Panics
/// Where one of the laws does not hold.
pub fn check(bytes: &[u8], folder: &Path) {
    let place = |name: &str| folder.join(name).to_str().expect("a temporary folder with a plain name").to_owned();
    let path = place("file");
    fs::write(&path, bytes).expect("writes in a temporary folder");
    let whole = images(&path, bytes.len() as u64);
    smaller(&path);
    headers(&path, &place("changed.fits"));
    if let Some(image) = whole.filter(|image| image.shape().iter().product::<usize>() <= SMALL) {
        parts(&path, &image);
    }
    if !Format::of_content(bytes).is_some_and(Format::is_data) {
        for suffix in PROMISES {
            let named = place(&format!("named{suffix}"));
            fs::rename(&path, &named).expect("renames in a temporary folder");
            told(&named, read(&named, &ReadOptions::default()));
            fs::rename(&named, &path).expect("renames in a temporary folder");
        }
    }
}

/// The image that is read without further options; others are read too.
fn images(path: &str, file_size: u64) -> Option<Image> {
    let options = [
        ReadOptions { hdu: Some(HduRef::Number(1)), plane: None },
        ReadOptions { hdu: Some(HduRef::Name("SCI".to_owned())), plane: Some(1) },
        ReadOptions::default(),
    ];
    let mut last = None;
    for options in options {
        last = told(path, read(path, &options));
        if let Some(image) = &last {
            let bytes = (image.shape().iter().product::<usize>() * image.dtype().size()) as u64;
            // In memory a pixel may be wider than in the file: four times, where a scaled byte becomes float32.
            assert!(bytes <= 4 * memory_limit(file_size), "{bytes} bytes of pixels");
        }
    }
    last
}

/// What is read for something small is refused as the whole is, and in the same words.
fn smaller(path: &str) {
    let one_pixel = |shape| Wanted::new(Region::whole(shape), (1, 1), Filter::Lanczos);
    let (whole, part) = (read(path, &ReadOptions::default()), read_part(path, one_pixel));
    match (&whole, &part) {
        (Ok(whole), Ok(part)) => {
            let ([planes, ..], [of_part, height, width]) = (whole.shape(), part.image.shape());
            assert_eq!((whole.dtype(), planes), (part.image.dtype(), of_part));
            let Region { top, left, height: rows, width: columns } = part.region;
            assert!(top >= 0.0 && left >= 0.0 && top + rows <= height as f64 && left + columns <= width as f64);
        }
        (Err(whole), Err(part)) => assert_eq!(whole.to_string(), part.to_string()),
        _ => panic!("whole: {:?}, smaller: {:?}", whole.err(), part.err()),
    }
}

pub fn new_file(path: &str) -> Output {
    Output::new(File::create(path).expect("a place to write to"))
}

fn headers(path: &str, out: &str) {
    told(path, read_header(path, &ReadOptions::default()));
    let change = Change { keyword: "OBJECT".to_owned(), value: Some(Value::Str("M13".to_owned())), comment: None };
    let changed = Edit::open(path, None, &[change]).and_then(|edit| edit.write(new_file(out), "changed.fits"));
    if told(path, changed).is_some() {
        let header = read_header(out, &ReadOptions::default()).expect("a header that was just written");
        assert_eq!(header.str("OBJECT"), Some("M13"));
    }
}

fn parts(path: &str, whole: &Image) {
    let [planes, height, width] = whole.shape();
    let count = planes * height * width;
    let frame = Frame::open(path, path).unwrap_or_else(|error| panic!("read as a whole and not as a frame: {error}"));
    assert_eq!((frame.shape(), frame.dtype()), (whole.shape(), whole.dtype()));
    let (first, length) = (count / 3, count - count / 3 - count / 4);
    let stretch =
        frame.pixels(first, length).unwrap_or_else(|error| panic!("read as a whole and not in parts: {error}"));
    assert_eq!(bits(&stretch), bits(whole.pixels())[first..first + length]);
    let plane = ReadOptions { hdu: None, plane: Some(planes - 1) };
    let plane = read(path, &plane).unwrap_or_else(|error| panic!("read as a whole and not by plane: {error}"));
    assert_eq!(bits(plane.pixels()), bits(whole.pixels())[count - height * width..]);
}

/// The pixels in reading order, told apart by their bits; all NaN are one.
fn bits(pixels: &Pixels) -> Vec<u64> {
    let float = |v: f64| if v.is_nan() { f64::NAN.to_bits() } else { v.to_bits() };
    match pixels {
        Pixels::U8(a) => a.iter().map(|&v| v.into()).collect(),
        Pixels::U16(a) => a.iter().map(|&v| v.into()).collect(),
        Pixels::I16(a) => a.iter().map(|&v| i64::from(v).cast_unsigned()).collect(),
        Pixels::I32(a) => a.iter().map(|&v| i64::from(v).cast_unsigned()).collect(),
        Pixels::I64(a) => a.iter().map(|&v| v.cast_unsigned()).collect(),
        Pixels::F32(a) => a.iter().map(|&v| float(v.into())).collect(),
        Pixels::F64(a) => a.iter().map(|&v| float(v)).collect(),
    }
}

/// What was read, if anything was; an error is one line that begins with the path.
fn told<T>(path: &str, result: Result<T, FileError>) -> Option<T> {
    result
        .map_err(|error| {
            let text = error.to_string();
            assert!(text.starts_with(&format!("{path}: ")) && !text.contains(['\n', '\r']), "{text:?}");
        })
        .ok()
}
