//! TIFF: grey, RGB and further bands of 8 to 64 bit integers and floats, chunky or planar, as the `tiff` crate decodes them;
//! grey of 1, 2 and 4 bits, brought to 8, and palettes ([`super::palette`]); CMYK through [`super::raster`]. Pages of one
//! kind with one sample a pixel are the planes of a cube, as tifffile has it; of others the first is read. The orientation
//! tag is applied.

use std::io::{Cursor, SeekFrom, Write};

use ndarray::Array3;
use tiff::decoder::{Decoder, DecodingResult, Limits};
use tiff::encoder::{TiffEncoder, TiffValue, colortype};
use tiff::tags::Tag;
use tiff::{ColorType, TiffError};

use super::format::Format;
use super::{
    ReadOptions, ReadSeek, Reason, check_memory, check_not_empty, memory_limit, no_plane, one_plane, palette, raster,
};
use crate::action::header::Header;
use crate::action::image::{Image, Pixels};

/// PhotometricInterpretation of a palette.
pub const PALETTE: u16 = 3;

/// Reads the page asked for (`hdu` by number), or all where they are the planes of a cube, or the first.
pub fn read(reader: &mut dyn ReadSeek, file_size: u64, options: &ReadOptions) -> Result<Image, Reason> {
    let asked = options.page()?;
    let mut decoder = open(reader, file_size, asked.unwrap_or(0))?;
    let page = Page::of(&mut decoder)?;
    let depth = if asked.is_none() && page.is_plane() { pages_like(&page, &mut decoder)? } else { 1 };
    let (first, depth, plane) = match options.plane {
        Some(plane) if depth > 1 && plane >= depth => return Err(no_plane(plane, depth)),
        Some(plane) if depth > 1 => (plane, 1, None),
        plane => (asked.unwrap_or(0), depth, plane),
    };
    check_memory(page.bytes() * depth as u128, file_size)?;
    let pixels = match page.kind {
        Kind::Samples { .. } | Kind::LowGrey { .. } => stack(reader, file_size, &page, first, depth)?,
        Kind::Palette { bits } => palette::read(reader, file_size, first, bits)?,
        Kind::Cmyk if first == 0 => {
            reader.seek(SeekFrom::Start(0))?;
            raster::read(reader, file_size, Format::Tiff, None)?.into_pixels()
        }
        Kind::Cmyk => return Err(Reason::Unsupported("a CMYK page after the first".to_owned())),
    };
    let image = Image::new(raster::oriented(pixels, page.orientation), Header::default());
    plane.map_or(Ok(image.clone()), |plane| one_plane(image, plane))
}

/// The decoder at a page.
pub fn open(reader: &mut dyn ReadSeek, file_size: u64, page: usize) -> Result<Decoder<&mut dyn ReadSeek>, Reason> {
    let limit = usize::try_from(memory_limit(file_size)).unwrap_or(usize::MAX);
    let mut limits = Limits::default();
    limits.decoding_buffer_size = limit;
    limits.intermediate_buffer_size = limit;
    limits.ifd_value_size = limit.min(64 << 20);
    reader.seek(SeekFrom::Start(0))?;
    let mut decoder = Decoder::new(reader)?.with_limits(limits);
    for before in 1..=page {
        if !decoder.more_images() {
            return Err(Reason::NoImage(format!("no page {page}: the file has {before}, counted from 0")));
        }
        decoder.next_image()?;
    }
    Ok(decoder)
}

/// What must be the same of two pages for them to be planes of one cube.
#[derive(PartialEq)]
struct Page {
    width: u32,
    height: u32,
    kind: Kind,
    orientation: u8,
}

#[derive(PartialEq)]
enum Kind {
    /// So many samples a pixel, of which the image's planes are the first; the rest is alpha.
    Samples {
        planes: usize,
        colour: ColorType,
    },
    LowGrey {
        bits: u8,
    },
    Palette {
        bits: u8,
    },
    Cmyk,
}

impl Page {
    fn of(decoder: &mut Decoder<&mut dyn ReadSeek>) -> Result<Page, Reason> {
        let (width, height) = decoder.dimensions()?;
        check_not_empty(width.into(), height.into())?;
        let orientation = decoder.find_tag_unsigned::<u8>(Tag::Orientation).ok().flatten().unwrap_or(1);
        if decoder.find_tag_unsigned::<u16>(Tag::PhotometricInterpretation)? == Some(PALETTE) {
            let bits = decoder.find_tag_unsigned_vec::<u8>(Tag::BitsPerSample)?.and_then(|bits| bits.first().copied());
            return Ok(Page { width, height, kind: Kind::Palette { bits: bits.unwrap_or(1) }, orientation });
        }
        let colour = decoder.colortype()?;
        let kind = match colour {
            ColorType::Gray(8..) | ColorType::GrayA(8..) => Kind::Samples { planes: 1, colour },
            ColorType::RGB(8..) | ColorType::RGBA(8..) => Kind::Samples { planes: 3, colour },
            ColorType::Multiband { bit_depth: 8.., num_samples } => {
                Kind::Samples { planes: num_samples.into(), colour }
            }
            ColorType::Gray(bits @ (1 | 2 | 4)) => Kind::LowGrey { bits },
            ColorType::CMYK(_) => Kind::Cmyk,
            other => return Err(Reason::Unsupported(format!("TIFF pixels of kind {other:?}"))),
        };
        Ok(Page { width, height, kind, orientation })
    }

    fn is_plane(&self) -> bool {
        matches!(self.kind, Kind::Samples { colour: ColorType::Gray(_), .. } | Kind::LowGrey { .. })
    }

    /// Memory its pixels take.
    fn bytes(&self) -> u128 {
        let pixel = match self.kind {
            Kind::Samples { colour, .. } => {
                u128::from(colour.num_samples()) * u128::from(colour.bit_depth()).div_ceil(8)
            }
            Kind::LowGrey { .. } => 1,
            Kind::Palette { .. } | Kind::Cmyk => 3,
        };
        u128::from(self.width) * u128::from(self.height) * pixel
    }
}

/// How many pages there are, if all are as the first, and 1 if not. The decoder is at the first.
fn pages_like(first: &Page, decoder: &mut Decoder<&mut dyn ReadSeek>) -> Result<usize, Reason> {
    let mut count = 1;
    while decoder.more_images() {
        match decoder.next_image() {
            Err(TiffError::UnsupportedError(_)) => return Ok(1),
            other => other?,
        }
        match Page::of(decoder) {
            Ok(page) if page == *first => count += 1,
            Ok(_) | Err(Reason::Unsupported(_)) => return Ok(1),
            Err(damaged) => return Err(damaged),
        }
    }
    Ok(count)
}

/// The pixels of `depth` pages like `page`, from the `first`.
fn stack(reader: &mut dyn ReadSeek, file_size: u64, page: &Page, first: usize, depth: usize) -> Result<Pixels, Reason> {
    let mut decoder = open(reader, file_size, first)?;
    let (height, width) = (page.height as usize, page.width as usize);
    let Kind::Samples { planes, colour } = page.kind else {
        let mut data = Vec::new();
        for _ in 0..depth {
            data.extend(low_grey(&mut decoder, (height, width))?);
            if decoder.more_images() {
                decoder.next_image()?;
            }
        }
        return Ok(raster::planar(data, 1, [depth, height, width])?.into());
    };
    let mut data = DecodingResult::U8(Vec::new());
    let is_planar = decoder.read_image_to_buffer(&mut data)?.planes > 1;
    for _ in 1..depth {
        decoder.next_image()?;
        let mut page = DecodingResult::U8(Vec::new());
        decoder.read_image_to_buffer(&mut page)?;
        append(&mut data, page)?;
    }
    let samples = if is_planar { 1 } else { usize::from(colour.num_samples()) };
    pixels(data, samples, [planes * depth, height, width])
}

/// Grey of 1, 2 or 4 bits as bytes from 0 to 255.
fn low_grey(decoder: &mut Decoder<&mut dyn ReadSeek>, shape: (usize, usize)) -> Result<Vec<u8>, Reason> {
    let bits = decoder.colortype()?.bit_depth();
    let mut values = low_bits(decoder, bits, shape)?;
    let step = u8::MAX / (u8::MAX >> (8 - bits));
    values.iter_mut().for_each(|value| *value *= step);
    Ok(values)
}

/// Samples of 1, 2, 4 or 8 bits, one a pixel; each row begins with a byte.
pub fn low_bits(
    decoder: &mut Decoder<&mut dyn ReadSeek>,
    bits: u8,
    (height, width): (usize, usize),
) -> Result<Vec<u8>, Reason> {
    let mut data = DecodingResult::U8(Vec::new());
    decoder.read_image_to_buffer(&mut data)?;
    let (DecodingResult::U8(data), 1 | 2 | 4 | 8) = (data, bits) else {
        return Err(Reason::Unsupported(format!("TIFF pixels of {bits} bits that are not unsigned")));
    };
    if bits == 8 {
        return Ok(data);
    }
    let bits = usize::from(bits);
    let row = (width * bits).div_ceil(8);
    let mut values = Vec::with_capacity(height * width);
    for row in data.chunks_exact(row).take(height) {
        values.extend((0..width).map(|x| (row[x * bits / 8] << (x * bits % 8)) >> (8 - bits)));
    }
    Ok(values)
}

fn append(data: &mut DecodingResult, page: DecodingResult) -> Result<(), Reason> {
    macro_rules! append {
        ($($kind:ident)*) => {
            match (data, page) {
                $((DecodingResult::$kind(data), DecodingResult::$kind(mut page)) => data.append(&mut page),)*
                _ => return Err(Reason::Damaged("its pages are of different pixel types".to_owned())),
            }
        };
    }
    append!(U8 U16 U32 U64 F16 F32 F64 I8 I16 I32 I64);
    Ok(())
}

/// As the image's pixels, with those types widened that it lacks. Of interleaved samples and of planes the first are taken.
fn pixels(data: DecodingResult, samples: usize, shape: [usize; 3]) -> Result<Pixels, Reason> {
    fn array<T: Copy>(mut data: Vec<T>, samples: usize, shape: [usize; 3]) -> Result<Array3<T>, Reason> {
        if samples == 1 {
            data.truncate(shape.iter().product());
        }
        raster::planar(data, samples, shape)
    }
    macro_rules! wide {
        ($v:expr, $convert:expr) => {
            array($v.into_iter().map($convert).collect(), samples, shape)?.into()
        };
    }
    Ok(match data {
        DecodingResult::U8(v) => array(v, samples, shape)?.into(),
        DecodingResult::U16(v) => array(v, samples, shape)?.into(),
        DecodingResult::I16(v) => array(v, samples, shape)?.into(),
        DecodingResult::I32(v) => array(v, samples, shape)?.into(),
        DecodingResult::I64(v) => array(v, samples, shape)?.into(),
        DecodingResult::F32(v) => array(v, samples, shape)?.into(),
        DecodingResult::F64(v) => array(v, samples, shape)?.into(),
        DecodingResult::I8(v) => wide!(v, i16::from),
        DecodingResult::U32(v) => wide!(v, i64::from),
        DecodingResult::U64(v) => wide!(v, |n| n as f64),
        DecodingResult::F16(v) => wide!(v, f32::from),
    })
}

/// Writes one plane of any type, or three of those that TIFF's RGB is defined for.
pub fn write(image: &Image, out: &mut impl Write) -> Result<(), Reason> {
    let mut bytes = Cursor::new(Vec::new()); // the encoder seeks
    let planes = image.shape()[0];
    match (planes, image.pixels()) {
        (1, Pixels::U8(a)) => encode::<colortype::Gray8>(a, &mut bytes),
        (1, Pixels::U16(a)) => encode::<colortype::Gray16>(a, &mut bytes),
        (1, Pixels::I16(a)) => encode::<colortype::GrayI16>(a, &mut bytes),
        (1, Pixels::I32(a)) => encode::<colortype::GrayI32>(a, &mut bytes),
        (1, Pixels::I64(a)) => encode::<colortype::GrayI64>(a, &mut bytes),
        (1, Pixels::F32(a)) => encode::<colortype::Gray32Float>(a, &mut bytes),
        (1, Pixels::F64(a)) => encode::<colortype::Gray64Float>(a, &mut bytes),
        (3, Pixels::U8(a)) => encode::<colortype::RGB8>(a, &mut bytes),
        (3, Pixels::U16(a)) => encode::<colortype::RGB16>(a, &mut bytes),
        (3, Pixels::F32(a)) => encode::<colortype::RGB32Float>(a, &mut bytes),
        (3, Pixels::F64(a)) => encode::<colortype::RGB64Float>(a, &mut bytes),
        (3, other) => {
            let text = format!("a TIFF file holds no colour image of {} (give a dtype)", other.dtype());
            return Err(Reason::Unsupported(text));
        }
        _ => return Err(raster::planes_error(Format::Tiff, planes)),
    }?;
    Ok(out.write_all(bytes.get_ref())?)
}

fn encode<C>(array: &Array3<C::Inner>, bytes: &mut Cursor<Vec<u8>>) -> Result<(), Reason>
where
    C: colortype::ColorType,
    C::Inner: Copy,
    [C::Inner]: TiffValue,
{
    let (_, height, width) = array.dim();
    let side =
        |n| u32::try_from(n).map_err(|_| Reason::Unsupported("the image is too large for a TIFF file".to_owned()));
    Ok(TiffEncoder::new(bytes)?.write_image::<C>(side(width)?, side(height)?, &raster::interleaved(array))?)
}

impl From<TiffError> for Reason {
    fn from(error: TiffError) -> Reason {
        match error {
            TiffError::IoError(e) => Reason::Io(e),
            TiffError::UnsupportedError(e) => Reason::Unsupported(e.to_string()),
            TiffError::LimitsExceeded => {
                Reason::Unsupported("the image asks for more memory than a file of this size may".to_owned())
            }
            other => Reason::Damaged(other.to_string()),
        }
    }
}
