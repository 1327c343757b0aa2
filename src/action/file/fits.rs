//! FITS (standard 4.0): the HDUs of a file, and an image HDU ↔ an [`Image`]. Headers, plain pixels and their scaling are read
//! and written here, because one pass that swaps bytes runs at the speed of memory; tile-compressed pixels go through
//! [`super::cfitsio`]. Every size a header claims is checked against the bytes that are there before it is believed.

use std::io::{SeekFrom, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use ndarray::Array3;

use super::bytes::Bytes;
use super::tiles::Tiles;
use super::{HduRef, ReadOptions, ReadSeek, Reason, cfitsio, check_memory, check_not_empty, no_plane};
use crate::action::header::{CARD, Header, Value};
use crate::action::image::{Dtype, Image, Pixels, Sample};

/// FITS files are made of blocks of this many bytes.
pub const BLOCK: usize = 2880;
/// No header is longer: 100,000 cards.
const MAX_HEADER: usize = 2800 * BLOCK;
/// BZERO of unsigned integers.
const ZERO_U16: f64 = 32768.0;
const ZERO_U32: f64 = 2147483648.0;
const ZERO_U64: f64 = 9223372036854775808.0;

/// Reads an image HDU: the one asked for, or the first there is.
pub fn read(bytes: &mut Bytes, options: &ReadOptions) -> Result<Image, Reason> {
    let found = ImageHdu::find(bytes, options.hdu.as_ref())?;
    let [planes, height, width] = found.shape();
    let (first_plane, planes) = match options.plane {
        Some(plane) if plane >= planes => return Err(no_plane(plane, planes)),
        Some(plane) => (plane, 1),
        None => (0, planes),
    };
    let part = Part { first: first_plane * height * width, shape: [planes, height, width] };
    let pixels = found.read(bytes, &part)?;
    bytes.finish()?;
    Ok(Image::new(pixels, found.header().clone().without_structure()))
}

/// An image HDU that was found once and may be read in parts.
pub struct ImageHdu {
    hdu: Hdu,
    layout: Layout,
}

impl ImageHdu {
    /// The HDU asked for, or the first with an image; one without pixels is an error.
    pub fn find(bytes: &mut Bytes, wanted: Option<&HduRef>) -> Result<ImageHdu, Reason> {
        let hdu = find_image(bytes, wanted)?;
        let layout = Layout::of(&hdu)?;
        let [planes, height, width] = layout.shape;
        check_not_empty(width as u64, (height * planes.min(1)) as u64)?;
        Ok(ImageHdu { hdu, layout })
    }

    /// `[planes, height, width]`.
    pub fn shape(&self) -> [usize; 3] {
        self.layout.shape
    }

    /// Whether the pixels are in the file one after the other, so that a part of them can be read alone.
    pub fn is_plain(&self) -> bool {
        self.hdu.kind == Kind::Image
    }

    pub fn dtype(&self) -> Dtype {
        self.layout.dtype()
    }

    /// The header as it is in the file, with what it inherits.
    pub fn header(&self) -> &Header {
        self.hdu.full_header()
    }

    /// `count` pixels in reading order from the `first`, as one row.
    pub fn pixels(&self, bytes: &mut Bytes, first: usize, count: usize) -> Result<Pixels, Reason> {
        self.read(bytes, &Part { first, shape: [1, 1, count] })
    }

    fn read(&self, bytes: &mut Bytes, part: &Part) -> Result<Pixels, Reason> {
        match self.hdu.kind {
            Kind::Compressed => read_compressed(bytes, &self.hdu, &self.layout, part),
            _ => read_plain(bytes, &self.hdu, &self.layout, part),
        }
    }
}

/// Reads the header of an image HDU as it is in the file, with what it inherits.
pub fn read_header(bytes: &mut Bytes, wanted: Option<&HduRef>) -> Result<Header, Reason> {
    Ok(find_image(bytes, wanted)?.full_header().clone())
}

/// Writes the image as the primary HDU, with its header.
pub fn write(image: &Image, out: &mut impl Write) -> Result<(), Reason> {
    let mut header = primary_header(image);
    header.extend_from_slice(&image.header().clone().without_structure().format());
    write_header(header, out)?;
    let written = match image.pixels() {
        Pixels::U8(a) => write_data(a, |v| [v], out),
        Pixels::U16(a) => write_data(a, |v| (v ^ 0x8000).to_be_bytes(), out),
        Pixels::I16(a) => write_data(a, i16::to_be_bytes, out),
        Pixels::I32(a) => write_data(a, i32::to_be_bytes, out),
        Pixels::I64(a) => write_data(a, i64::to_be_bytes, out),
        Pixels::F32(a) => write_data(a, f32::to_be_bytes, out),
        Pixels::F64(a) => write_data(a, f64::to_be_bytes, out),
    }?;
    let padding = written.next_multiple_of(BLOCK) - written;
    Ok(out.write_all(&vec![0; padding])?)
}

/// As [`write`], gzipped, without name or time.
pub fn write_gz(image: &Image, out: &mut impl Write) -> Result<(), Reason> {
    let mut gz = GzEncoder::new(out, Compression::default());
    write(image, &mut gz)?;
    gz.finish()?;
    Ok(())
}

/// Writes an empty primary HDU and the image tile-compressed after it; losslessly, whatever the pixel type.
pub fn write_compressed(image: &Image, out: &mut impl Write) -> Result<(), Reason> {
    let cards = image.header().clone().without_structure().format();
    let axes = axes(image);
    fn compress<T: cfitsio::Pixel>(
        bitpix: i32,
        a: &Array3<T>,
        axes: &[usize],
        cards: &[u8],
    ) -> Result<Vec<u8>, Reason> {
        cfitsio::compress(bitpix, axes, cards, a.as_slice().expect("images are kept in C order"))
    }
    let bytes = match image.pixels() {
        Pixels::U8(a) => compress(8, a, &axes, &cards),
        Pixels::U16(a) => compress(20, a, &axes, &cards),
        Pixels::I16(a) => compress(16, a, &axes, &cards),
        Pixels::I32(a) => compress(32, a, &axes, &cards),
        Pixels::I64(_) => unreachable!("the pixel type was chosen for the format"),
        Pixels::F32(a) => compress(-32, a, &axes, &cards),
        Pixels::F64(a) => compress(-64, a, &axes, &cards),
    }?;
    Ok(out.write_all(&bytes)?)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Image,
    /// A binary table that holds an image in tiles (ZIMAGE = T).
    Compressed,
    /// A table, random groups, or no data at all.
    Other,
}

/// One header-data unit.
pub struct Hdu {
    header: Header,
    /// The header with the primary one's keywords, where it has INHERIT = T.
    inherited: Option<Header>,
    kind: Kind,
    number: usize,
    /// Where the header begins, where the data begins, and how long that is without its padding.
    start: u64,
    data: u64,
    data_size: u128,
}

impl Hdu {
    /// Where its header begins, and its number.
    pub fn place(&self) -> (u64, usize) {
        (self.start, self.number)
    }

    fn full_header(&self) -> &Header {
        self.inherited.as_ref().unwrap_or(&self.header)
    }

    /// Where the next HDU begins; beyond the file if the sizes say so.
    fn next(&self) -> u64 {
        let end = u128::from(self.data) + self.data_size;
        u64::try_from(end.next_multiple_of(BLOCK as u128)).unwrap_or(u64::MAX)
    }

    fn is_named(&self, name: &str) -> bool {
        let mut names = self.header.cards().iter().filter(|c| c.keyword == "EXTNAME");
        names.any(|c| matches!(&c.value, Value::Str(s) if s.trim().eq_ignore_ascii_case(name.trim())))
    }
}

/// The HDU asked for, which must hold an image, or the first that does.
pub fn find_image(bytes: &mut Bytes, wanted: Option<&HduRef>) -> Result<Hdu, Reason> {
    let mut start = 0;
    let mut number = 0;
    let mut primary = None;
    while let Some(mut hdu) = read_hdu(bytes, start, number)? {
        let chosen = match wanted {
            None => hdu.kind != Kind::Other,
            Some(HduRef::Number(n)) => *n == number,
            Some(HduRef::Name(name)) => hdu.is_named(name),
        };
        if chosen && hdu.kind == Kind::Other {
            return Err(Reason::NoImage(format!("HDU {number} holds no image")));
        }
        if chosen {
            check_data(bytes, &hdu)?;
            hdu.inherited = primary.and_then(|primary| hdu.header.inheriting(&primary));
            return Ok(hdu);
        }
        start = hdu.next();
        number += 1;
        primary.get_or_insert(hdu.header);
    }
    Err(Reason::NoImage(match wanted {
        None => "the file holds no image".to_owned(),
        Some(HduRef::Number(n)) => format!("no HDU {n}: the file has {number}, counted from 0"),
        Some(HduRef::Name(name)) => format!("no HDU is named \"{name}\""),
    }))
}

/// The data must be there; the padding after it need not. Of a gzipped file that shows when they are read, and here only
/// that they do not claim too much.
fn check_data(bytes: &Bytes, hdu: &Hdu) -> Result<(), Reason> {
    if bytes.is_packed() {
        return check_memory(hdu.data_size, bytes.file_size());
    }
    let there = bytes.file_size().saturating_sub(hdu.data);
    if hdu.data_size > u128::from(there) {
        return Err(Reason::Damaged(format!("truncated: the data take {} bytes, {there} are there", hdu.data_size)));
    }
    Ok(())
}

/// Reads the header at `start`. None after the last HDU, also if other bytes follow there.
fn read_hdu(bytes: &mut Bytes, start: u64, number: usize) -> Result<Option<Hdu>, Reason> {
    let Some(raw) = read_raw_header(bytes, start, number)? else { return Ok(None) };
    let header = Header::parse(&raw);
    let bitpix = bitpix(&header, "BITPIX")?;
    let axes = axis_lengths(&header, "NAXIS")?;
    let count = |keyword, default| match header.get(keyword) {
        None => Ok(default),
        Some(Value::Int(n)) if *n >= 0 => Ok(*n as u128),
        Some(_) => Err(Reason::Damaged(format!("{keyword} is not a count"))),
    };
    let (pcount, gcount) = (count("PCOUNT", 0)?, count("GCOUNT", 1)?);
    let is_groups = axes.first() == Some(&0) && header.get("GROUPS") == Some(&Value::Bool(true));
    let pixels = match &axes[..] {
        [] => Some(0),
        [_, rest @ ..] if is_groups => product(rest),
        all => product(all),
    };
    let data_size = pixels
        .and_then(|n| n.checked_add(pcount)?.checked_mul(gcount)?.checked_mul(u128::from(bitpix.unsigned_abs() / 8)))
        .ok_or_else(|| Reason::Damaged("the header claims an impossible size".to_owned()))?;
    let kind = match header.str("XTENSION") {
        None | Some("IMAGE") if !axes.is_empty() && !is_groups => Kind::Image,
        Some("BINTABLE") if header.get("ZIMAGE") == Some(&Value::Bool(true)) => Kind::Compressed,
        _ => Kind::Other,
    };
    Ok(Some(Hdu { header, inherited: None, kind, number, start, data: start + raw.len() as u64, data_size }))
}

/// The blocks from `start` to the one with the END card.
pub fn read_raw_header(bytes: &mut Bytes, start: u64, number: usize) -> Result<Option<Vec<u8>>, Reason> {
    let mut raw = Vec::new();
    loop {
        let at = raw.len();
        raw.resize(at + BLOCK, 0);
        let there = bytes.read_at(start.saturating_add(at as u64), &mut raw[at..])?;
        raw.truncate(at + there);
        if at == 0 && number > 0 && !raw.starts_with(b"XTENSION") {
            return Ok(None);
        }
        if raw[at..].chunks(CARD).any(|card| card.trim_ascii_end() == b"END") {
            raw.resize(at + BLOCK, b' '); // a last block without its padding
            return Ok(Some(raw));
        }
        if there < BLOCK {
            return Err(Reason::Damaged("truncated: the header has no END".to_owned()));
        }
        if raw.len() > MAX_HEADER {
            return Err(Reason::Damaged(format!("the header is longer than {MAX_HEADER} bytes")));
        }
    }
}

fn product(axes: &[u64]) -> Option<u128> {
    axes.iter().try_fold(1u128, |n, &axis| n.checked_mul(axis.into()))
}

fn bitpix(header: &Header, keyword: &str) -> Result<i32, Reason> {
    match header.int(keyword) {
        Some(n @ (8 | 16 | 32 | 64 | -32 | -64)) => Ok(n as i32),
        _ => Err(Reason::Damaged(format!("{keyword} is missing or not one of 8, 16, 32, 64, -32, -64"))),
    }
}

/// NAXIS1, NAXIS2, … (or ZNAXIS1, …).
fn axis_lengths(header: &Header, keyword: &str) -> Result<Vec<u64>, Reason> {
    let axes = match header.int(keyword) {
        Some(n @ 0..=999) => n,
        Some(n) => return Err(Reason::Damaged(format!("{keyword} is {n}"))),
        None => return Err(Reason::Damaged(format!("{keyword} is missing or not a number"))),
    };
    let length = |axis| match header.int(&format!("{keyword}{axis}")) {
        Some(n) if n >= 0 => Ok(n as u64),
        Some(n) => Err(Reason::Damaged(format!("{keyword}{axis} is {n}"))),
        None => Err(Reason::Damaged(format!("{keyword}{axis} is missing or not a number"))),
    };
    (1..=axes).map(length).collect()
}

/// How numbers in the file become pixels.
struct Layout {
    bitpix: i32,
    /// `[planes, height, width]`; all axes beyond the second count as planes.
    shape: [usize; 3],
    scale: f64,
    zero: f64,
    blank: Option<i64>,
}

impl Layout {
    fn of(hdu: &Hdu) -> Result<Layout, Reason> {
        let header = &hdu.header;
        let (bitpix, axes) = match hdu.kind {
            Kind::Compressed => (bitpix(header, "ZBITPIX")?, axis_lengths(header, "ZNAXIS")?),
            _ => (bitpix(header, "BITPIX")?, axis_lengths(header, "NAXIS")?),
        };
        let number = |keyword: &str, default| match header.get(keyword) {
            None => Ok(default),
            Some(value) => value
                .as_f64()
                .filter(|v| v.is_finite())
                .ok_or_else(|| Reason::Damaged(format!("{keyword} is not a number"))),
        };
        let scale = number("BSCALE", 1.0)?;
        if scale == 0.0 {
            return Err(Reason::Damaged("BSCALE is 0".to_owned()));
        }
        let blank_keyword = if header.get("BLANK").is_none() { "ZBLANK" } else { "BLANK" };
        let blank = match header.get(blank_keyword) {
            Some(Value::Int(n)) if bitpix > 0 => Some(*n),
            Some(_) if bitpix > 0 => return Err(Reason::Damaged(format!("{blank_keyword} is not an integer"))),
            _ => None,
        };
        let side = |n: u64| usize::try_from(n).map_err(|_| Reason::Damaged(format!("an axis of {n} pixels")));
        let further = product(axes.get(2..).unwrap_or_default()).and_then(|n| u64::try_from(n).ok());
        let shape = [
            side(further.unwrap_or(u64::MAX))?,
            side(axes.get(1).copied().unwrap_or(1))?,
            side(axes.first().copied().unwrap_or(0))?,
        ];
        Ok(Layout { bitpix, shape, scale, zero: number("BZERO", 0.0)?, blank })
    }

    /// The pixel type: the file's own where it has that many values, else a float that holds them (`float32` for 8 and 16
    /// bits). Signed bytes become `int16`, unsigned 32 bits `int64`; unsigned 64 bits `float64`, rounded above 2⁵³.
    fn dtype(&self) -> Dtype {
        match (self.bitpix, self.scale == 1.0 && self.blank.is_none()) {
            (-32, _) => Dtype::F32,
            (-64, _) => Dtype::F64,
            (8, true) if self.zero == 0.0 => Dtype::U8,
            (8, true) if self.zero == -128.0 => Dtype::I16,
            (16, true) if self.zero == 0.0 => Dtype::I16,
            (16, true) if self.zero == ZERO_U16 => Dtype::U16,
            (32, true) if self.zero == 0.0 => Dtype::I32,
            (32, true) if self.zero == ZERO_U32 => Dtype::I64,
            (64, true) if self.zero == 0.0 => Dtype::I64,
            (8 | 16, _) => Dtype::F32,
            _ => Dtype::F64,
        }
    }

    fn is_scaled(&self) -> bool {
        self.scale != 1.0 || self.zero != 0.0
    }
}

/// The pixels to read: `shape` of them from the `first`.
struct Part {
    first: usize,
    shape: [usize; 3],
}

impl Part {
    fn count(&self) -> usize {
        self.shape.iter().product()
    }

    fn pixels<T: Sample>(&self, data: Vec<T>) -> Pixels {
        T::pixels(Array3::from_shape_vec(self.shape, data).expect("as many pixels were read as the shape has"))
    }
}

fn read_plain(bytes: &mut Bytes, hdu: &Hdu, layout: &Layout, part: &Part) -> Result<Pixels, Reason> {
    let size = layout.bitpix.unsigned_abs() as usize / 8;
    let (scale, zero, blank) = (layout.scale, layout.zero, layout.blank);
    let reader = bytes.reader();
    reader.seek(SeekFrom::Start(hdu.data + (part.first * size) as u64))?;
    macro_rules! pixels {
        ($convert:expr) => {
            part.pixels(read_data(reader, part.count(), $convert)?)
        };
    }
    // Integers are exact in f64 up to 53 bits, so that scaling them there rounds once.
    let integer = |v: i64| if blank == Some(v) { f64::NAN } else { v as f64 * scale + zero };
    Ok(match (layout.bitpix, layout.dtype()) {
        (8, Dtype::U8) => pixels!(|b: [u8; 1]| b[0]),
        (8, Dtype::I16) => pixels!(|b: [u8; 1]| i16::from(b[0]) - 128),
        (8, _) => pixels!(|b: [u8; 1]| integer(b[0].into()) as f32),
        (16, Dtype::I16) => pixels!(i16::from_be_bytes),
        (16, Dtype::U16) => pixels!(|b| u16::from_be_bytes(b) ^ 0x8000),
        (16, _) => pixels!(|b| integer(i16::from_be_bytes(b).into()) as f32),
        (32, Dtype::I32) => pixels!(i32::from_be_bytes),
        (32, Dtype::I64) => pixels!(|b| i64::from(i32::from_be_bytes(b)) + (1 << 31)),
        (32, _) => pixels!(|b| integer(i32::from_be_bytes(b).into())),
        (64, Dtype::I64) => pixels!(i64::from_be_bytes),
        (64, _) if zero == ZERO_U64 && scale == 1.0 && blank.is_none() => {
            pixels!(|b| (u64::from_be_bytes(b) ^ (1 << 63)) as f64)
        }
        (64, _) => pixels!(|b| integer(i64::from_be_bytes(b))),
        (-32, _) if layout.is_scaled() => pixels!(|b| (f64::from(f32::from_be_bytes(b)) * scale + zero) as f32),
        (-32, _) => pixels!(f32::from_be_bytes),
        (_, _) if layout.is_scaled() => pixels!(|b| f64::from_be_bytes(b) * scale + zero),
        (_, _) => pixels!(f64::from_be_bytes),
    })
}

/// Reads and converts in pieces that stay in the cache.
fn read_data<const N: usize, T>(
    reader: &mut dyn ReadSeek,
    count: usize,
    convert: impl Fn([u8; N]) -> T,
) -> Result<Vec<T>, Reason> {
    const PIECE: usize = 1 << 15;
    let mut out = Vec::with_capacity(count);
    let mut buffer = vec![0; PIECE.min(count) * N];
    while out.len() < count {
        let piece = &mut buffer[..(count - out.len()).min(PIECE) * N];
        reader.read_exact(piece)?;
        append(piece.as_chunks::<N>().0, &mut out, &convert);
    }
    Ok(out)
}

#[multiversion::multiversion(targets("x86_64+avx512f+avx512bw+avx512vl+avx2", "x86_64+avx2", "x86_64+ssse3"))]
fn append<const N: usize, T>(from: &[[u8; N]], to: &mut Vec<T>, convert: &impl Fn([u8; N]) -> T) {
    to.extend(from.iter().map(|bytes| convert(*bytes)));
}

/// Gives CFITSIO a small file in memory, of an empty primary HDU and this one, once its claims have been checked.
fn read_compressed(bytes: &mut Bytes, hdu: &Hdu, layout: &Layout, part: &Part) -> Result<Pixels, Reason> {
    let axes = axis_lengths(&hdu.header, "ZNAXIS")?;
    if layout.bitpix == 64 || !(1..=6).contains(&axes.len()) {
        return Err(Reason::Unsupported("a compressed image of 64-bit integers or more than 6 axes".to_owned()));
    }
    let tiles = Tiles::of(&hdu.header, &axes, layout.dtype().size(), bytes.file_size())?;
    let size = (hdu.data - hdu.start) as usize + hdu.data_size as usize;
    let mut file = Vec::new();
    write_header(Header::default().format_primary(8, &[]), &mut file)?;
    let start = file.len();
    file.resize(start + size.next_multiple_of(BLOCK), 0);
    if bytes.read_at(hdu.start, &mut file[start..start + size])? < size {
        return Err(Reason::Damaged("truncated: its tiles are not all there".to_owned()));
    }
    tiles.check_data(&hdu.header, &file[start + (hdu.data - hdu.start) as usize..start + size])?;
    let (first, count) = (part.first, part.count());
    Ok(match layout.dtype() {
        Dtype::U8 => part.pixels::<u8>(cfitsio::decompress(&file, first, count)?),
        Dtype::U16 => part.pixels::<u16>(cfitsio::decompress(&file, first, count)?),
        Dtype::I16 => part.pixels::<i16>(cfitsio::decompress(&file, first, count)?),
        Dtype::I32 => part.pixels::<i32>(cfitsio::decompress(&file, first, count)?),
        Dtype::I64 => part.pixels::<i64>(cfitsio::decompress(&file, first, count)?),
        Dtype::F32 => part.pixels::<f32>(cfitsio::decompress(&file, first, count)?),
        Dtype::F64 => part.pixels::<f64>(cfitsio::decompress(&file, first, count)?),
    })
}

/// NAXIS1 first; a single plane has two axes.
fn axes(image: &Image) -> Vec<usize> {
    match image.shape() {
        [1, height, width] => vec![width, height],
        [planes, height, width] => vec![width, height, planes],
    }
}

/// The cards that say how the pixels lie.
fn primary_header(image: &Image) -> Vec<u8> {
    let bitpix = match image.dtype() {
        Dtype::U8 => 8,
        Dtype::U16 | Dtype::I16 => 16,
        Dtype::I32 => 32,
        Dtype::I64 => 64,
        Dtype::F32 => -32,
        Dtype::F64 => -64,
    };
    let mut header = Header::default();
    if image.dtype() == Dtype::U16 {
        header.set_with_comment("BSCALE", Value::Float(1.0), "");
        header.set_with_comment("BZERO", Value::Float(ZERO_U16), "unsigned 16 bits");
    }
    header.format_primary(bitpix, &axes(image))
}

impl Header {
    /// The mandatory cards of a primary HDU, and then those of this header.
    fn format_primary(&self, bitpix: i64, axes: &[usize]) -> Vec<u8> {
        let mut header = Header::default();
        header.set_with_comment("SIMPLE", Value::Bool(true), "conforms to the FITS standard");
        header.set_with_comment("BITPIX", Value::Int(bitpix), "bits a pixel; negative: floating point");
        header.set_with_comment("NAXIS", Value::Int(axes.len() as i64), "number of axes");
        for (n, &length) in (1..).zip(axes) {
            header.set(&format!("NAXIS{n}"), Value::Int(length as i64));
        }
        let mut cards = header.format();
        cards.extend_from_slice(&self.format());
        cards
    }
}

/// The cards, END, and blanks to a whole block.
fn write_header(mut cards: Vec<u8>, out: &mut impl Write) -> Result<(), Reason> {
    cards.extend_from_slice(b"END");
    cards.resize(cards.len().next_multiple_of(BLOCK), b' ');
    Ok(out.write_all(&cards)?)
}

/// Writes the pixels and gives the bytes they took.
fn write_data<const N: usize, T: Copy>(
    array: &Array3<T>,
    convert: impl Fn(T) -> [u8; N],
    out: &mut impl Write,
) -> Result<usize, Reason> {
    const PIECE: usize = 1 << 15;
    let data = array.as_slice().expect("images are kept in C order");
    let mut buffer = vec![[0; N]; PIECE.min(data.len())];
    for piece in data.chunks(PIECE) {
        fill(piece, &mut buffer, &convert);
        out.write_all(buffer[..piece.len()].as_flattened())?;
    }
    Ok(data.len() * N)
}

#[multiversion::multiversion(targets("x86_64+avx512f+avx512bw+avx512vl+avx2", "x86_64+avx2", "x86_64+ssse3"))]
fn fill<const N: usize, T: Copy>(from: &[T], to: &mut [[u8; N]], convert: &impl Fn(T) -> [u8; N]) {
    for (bytes, &value) in to.iter_mut().zip(from) {
        *bytes = convert(value);
    }
}
