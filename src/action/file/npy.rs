//! NumPy's `.npy`, versions 1 to 3 (NEP 1): arrays of one to three axes, `[planes, height, width]` in C order, in either byte
//! order. Written as version 1, little-endian; a single plane as two axes.

use std::io::{Read, Write};

use ndarray::{Array3, ShapeBuilder};

use super::{Reason, check_not_empty};
use crate::action::header::Header;
use crate::action::image::{Image, Pixels, each_dtype};

const MAGIC: &[u8; 6] = b"\x93NUMPY";

pub fn read(reader: &mut impl Read, file_size: u64) -> Result<Image, Reason> {
    let header = read_header(reader)?;
    let [planes, height, width] = header.shape;
    check_not_empty(width as u64, (height * planes.min(1)) as u64)?;
    let count = (planes as u128) * (height as u128) * (width as u128);
    let left = file_size.saturating_sub(header.offset);
    if count.saturating_mul(header.item as u128) > u128::from(left) {
        return Err(Reason::Damaged(format!(
            "truncated: {count} pixels of {} bytes, {left} bytes of data",
            header.item
        )));
    }
    let mut data = vec![0; count as usize * header.item];
    reader.read_exact(&mut data)?;
    Ok(Image::new(pixels(&data, &header)?, Header::default()))
}

pub fn write(image: &Image, out: &mut impl Write) -> Result<(), Reason> {
    let (descr, [planes, height, width]) = (descr(image.pixels()), image.shape());
    let shape = if planes == 1 { format!("({height}, {width})") } else { format!("({planes}, {height}, {width})") };
    let mut text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}");
    let padding = 63 - (MAGIC.len() + 4 + text.len()) % 64;
    text.extend(std::iter::repeat_n(' ', padding));
    text.push('\n');
    out.write_all(MAGIC)?;
    out.write_all(&[1, 0])?;
    out.write_all(&(text.len() as u16).to_le_bytes())?; // three axes fit in a hundred characters
    out.write_all(text.as_bytes())?;
    each_dtype!(image.pixels(), a => {
        for row in a.as_slice().expect("images are kept in C order").chunks(1 << 14) {
            let bytes: Vec<u8> = row.iter().flat_map(|v| v.to_le_bytes()).collect();
            out.write_all(&bytes)?;
        }
    });
    Ok(())
}

struct NpyHeader {
    big_endian: bool,
    /// numpy's kind, and bytes an item: `f8`.
    kind: char,
    item: usize,
    fortran: bool,
    shape: [usize; 3],
    /// Where the data begins.
    offset: u64,
}

fn read_header(reader: &mut impl Read) -> Result<NpyHeader, Reason> {
    let mut start = [0; 8];
    reader.read_exact(&mut start)?;
    let (length, before) = if start[6] == 1 {
        let mut n = [0; 2];
        reader.read_exact(&mut n)?;
        (u32::from(u16::from_le_bytes(n)), 10)
    } else {
        let mut n = [0; 4];
        reader.read_exact(&mut n)?;
        (u32::from_le_bytes(n), 12)
    };
    let mut text = String::new();
    let read = reader.take(u64::from(length.min(1 << 16))).read_to_string(&mut text)?;
    if read != length as usize {
        return Err(bad("its header is too long, or truncated"));
    }
    parse_header(&text, before + u64::from(length))
}

/// The header is a Python dictionary of three known keys.
fn parse_header(text: &str, offset: u64) -> Result<NpyHeader, Reason> {
    let after = |key: &str| {
        let rest = text.split_once(&format!("'{key}':")).map(|(_, rest)| rest.trim_start());
        rest.ok_or_else(|| bad(&format!("its header has no '{key}'")))
    };
    let descr = after("descr")?.strip_prefix('\'').and_then(|r| r.split_once('\'')).map(|(d, _)| d);
    let descr = descr.ok_or_else(|| Reason::Unsupported("an array of records is no image".to_owned()))?;
    let mut chars = descr.chars();
    let (Some(order), Some(kind)) = (chars.next(), chars.next()) else { return Err(bad("its descr is cut off")) };
    let item = chars.as_str().parse().ok().filter(|n| (1..=16).contains(n));
    let axes = after("shape")?.strip_prefix('(').and_then(|r| r.split_once(')')).map(|(s, _)| s);
    let axes = axes.ok_or_else(|| bad("its shape is no tuple"))?.split(',').map(str::trim).filter(|s| !s.is_empty());
    let axes: Option<Vec<usize>> = axes.map(|s| s.parse().ok()).collect();
    let shape = match axes.ok_or_else(|| bad("its shape is not of whole numbers"))?[..] {
        [width] => [1, 1, width],
        [height, width] => [1, height, width],
        [planes, height, width] => [planes, height, width],
        ref other => return Err(Reason::Unsupported(format!("an array of {} axes is no image", other.len()))),
    };
    let fortran = after("fortran_order")?.starts_with("True");
    match item {
        Some(item) if shape.iter().all(|&n| n <= u32::MAX as usize) => {
            Ok(NpyHeader { big_endian: order == '>', kind, item, fortran, shape, offset })
        }
        _ => Err(bad("its descr or shape makes no sense")),
    }
}

fn pixels(data: &[u8], header: &NpyHeader) -> Result<Pixels, Reason> {
    macro_rules! decode {
        ($t:ty, $convert:expr) => {{
            const N: usize = size_of::<$t>();
            let from = if header.big_endian { <$t>::from_be_bytes } else { <$t>::from_le_bytes };
            array(data.as_chunks::<N>().0.iter().map(|b| $convert(from(*b))).collect(), header).into()
        }};
    }
    Ok(match (header.kind, header.item) {
        ('b' | 'u', 1) => array(data.to_vec(), header).into(),
        ('i', 1) => decode!(i8, i16::from),
        ('u', 2) => decode!(u16, u16::from),
        ('i', 2) => decode!(i16, i16::from),
        ('u', 4) => decode!(u32, i64::from),
        ('i', 4) => decode!(i32, i32::from),
        ('u', 8) => decode!(u64, |v| v as f64),
        ('i', 8) => decode!(i64, i64::from),
        ('f', 4) => decode!(f32, f32::from),
        ('f', 8) => decode!(f64, f64::from),
        (kind, item) => return Err(Reason::Unsupported(format!("an array of dtype {kind}{item} is no image"))),
    })
}

fn array<T: Clone>(data: Vec<T>, header: &NpyHeader) -> Array3<T> {
    let [planes, height, width] = header.shape;
    let shape = (planes, height, width).set_f(header.fortran);
    Array3::from_shape_vec(shape, data).expect("as many items were read as the shape has")
}

fn descr(pixels: &Pixels) -> &'static str {
    match pixels {
        Pixels::U8(_) => "|u1",
        Pixels::U16(_) => "<u2",
        Pixels::I16(_) => "<i2",
        Pixels::I32(_) => "<i4",
        Pixels::I64(_) => "<i8",
        Pixels::F32(_) => "<f4",
        Pixels::F64(_) => "<f8",
    }
}

fn bad(what: &str) -> Reason {
    Reason::Damaged(format!("not a NumPy file: {what}"))
}
