//! A few thousand damaged files: small ones in every format, with bytes changed, cut out, doubled, moved and exchanged between
//! files in ways that are the same on every run. What must hold of each is in `support/any_bytes.rs`. The fuzzer in `fuzz/`
//! looks at the same for as long as it is let.

#[path = "support/any_bytes.rs"]
mod any_bytes;

use std::fs;

use flow::action::file::{WriteOptions, write};
use flow::action::header::{Header, Value};
use flow::action::image::{Dtype, Image, Pixels};
use ndarray::Array3;

const CASES: usize = 4000;

const SUFFIXES: [&str; 12] =
    [".fits", ".fits.gz", ".fits.fz", ".npy", ".png", ".tif", ".jpg", ".gif", ".bmp", ".webp", ".pgm", ".ppm"];

/// JPEGs as other programs write them.
const PHOTOS: [&[u8]; 4] = [
    include_bytes!("reference/photos/420.jpg"),
    include_bytes!("reference/photos/420-restart.jpg"),
    include_bytes!("reference/photos/420-turned.jpg"),
    include_bytes!("reference/photos/progressive.jpg"),
];

/// Numbers that sizes and counts go wrong at.
const NUMBERS: [i64; 12] = [0, 1, -1, 2, 7, 255, 999, 65535, 1 << 31, (1 << 32) - 1, i64::MAX, i64::MIN];

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }
}

/// A file of every format, pixel type and one or three planes, where there is such a thing.
fn whole_files() -> Vec<Vec<u8>> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut files = Vec::new();
    for (dtype, planes) in Dtype::ALL.into_iter().flat_map(|dtype| [(dtype, 1), (dtype, 3)]) {
        let mut header = Header::default();
        header.set("EXTNAME", Value::Str("SCI".to_owned()));
        let pixels = Array3::from_shape_fn((planes, 9, 13), |(p, y, x)| (100 * p + 20 * y + x * x) as f64);
        let image = Image::new(Pixels::F64(pixels), header).cast(dtype);
        for suffix in SUFFIXES {
            let path = folder.path().join(format!("a{suffix}"));
            let path = path.to_str().expect("a temporary folder with a plain name");
            if write(&image, any_bytes::new_file(path), path, &WriteOptions::default()).is_ok() {
                files.push(fs::read(path).expect("a file that was just written"));
            }
        }
    }
    files.extend(PHOTOS.iter().map(|bytes| bytes.to_vec()));
    files
}

/// One damage; mostly near the beginning, where the sizes are.
fn damage(bytes: &mut Vec<u8>, other: &[u8], random: &mut Random) {
    if bytes.is_empty() {
        return;
    }
    let mut place = |length: usize| {
        let end = if random.below(3) == 0 { length } else { length.min(200) };
        random.below(end)
    };
    let (at, from) = (place(bytes.len()), place(other.len()));
    let length = (1 + random.below(40)).min(bytes.len() - at);
    match random.below(9) {
        0 => bytes[at] ^= 1 << random.below(8),
        1 => bytes[at] = random.next() as u8,
        2 => bytes.truncate(at),
        3 => drop(bytes.drain(at..at + length)),
        4 => bytes.extend_from_within(at..at + length),
        5 => {
            let moved = other[from..other.len().min(from + length)].to_vec();
            bytes.splice(at..at + length, moved);
        }
        6 => bytes[at..at + length].fill(if random.below(2) == 0 { 0 } else { 0xff }),
        7 => number(bytes, at, random),
        _ => card(bytes, random),
    }
}

/// An integer of two, four or eight bytes, in either order.
fn number(bytes: &mut [u8], at: usize, random: &mut Random) {
    let number = NUMBERS[random.below(NUMBERS.len())];
    let size = [2, 4, 8][random.below(3)];
    let number = match random.below(2) {
        0 => number.to_le_bytes()[..size].to_vec(),
        _ => number.to_be_bytes()[8 - size..].to_vec(),
    };
    for (byte, new) in bytes[at..].iter_mut().zip(number) {
        *byte = new;
    }
}

/// The value of a FITS card.
fn card(bytes: &mut [u8], random: &mut Random) {
    let cards = bytes.len().min(20 * 80) / 80;
    let start = 80 * random.below(cards);
    let value = format!("{:>20}", NUMBERS[random.below(NUMBERS.len())]);
    if let Some(field) = bytes.get_mut(start + 10..start + 30) {
        field.copy_from_slice(value.as_bytes());
    }
}

#[test]
fn damaged_files_are_refused_or_read() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let files = whole_files();
    files.iter().for_each(|bytes| any_bytes::check(bytes, folder.path()));
    let mut random = Random(20_260_101);
    for case in 0..CASES {
        let mut bytes = files[case % files.len()].clone();
        for _ in 0..1 + random.below(4) {
            let other = random.below(files.len());
            damage(&mut bytes, &files[other], &mut random);
        }
        any_bytes::check(&bytes, folder.path());
    }
}
