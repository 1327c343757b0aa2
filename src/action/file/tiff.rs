//! TIFF: grey, RGB and further bands of 8 to 64 bit integers and floats, chunky or planar, as the `tiff` crate decodes them;
//! bilevel and CMYK through [`super::raster`]. The first page is read; the orientation tag is applied.

use std::io::{Cursor, SeekFrom, Write};

use ndarray::Array3;
use tiff::decoder::{BufferLayoutPreference, Decoder, DecodingResult, Limits};
use tiff::encoder::{TiffEncoder, TiffValue, colortype};
use tiff::tags::Tag;
use tiff::{ColorType, TiffError};

use super::format::Format;
use super::{ReadSeek, Reason, check_memory, check_not_empty, memory_limit, raster};
use crate::action::header::Header;
use crate::action::image::{Image, Pixels};

pub fn read(reader: &mut dyn ReadSeek, file_size: u64) -> Result<Image, Reason> {
    let limit = usize::try_from(memory_limit(file_size)).unwrap_or(usize::MAX);
    let mut limits = Limits::default();
    limits.decoding_buffer_size = limit;
    limits.intermediate_buffer_size = limit;
    limits.ifd_value_size = limit.min(64 << 20);
    let mut decoder = Decoder::new(&mut *reader)?.with_limits(limits);
    let (width, height) = decoder.dimensions()?;
    check_not_empty(width.into(), height.into())?;
    let colour = decoder.colortype()?;
    let (planes, samples) = match colour {
        ColorType::Gray(8..) => (1, 1),
        ColorType::GrayA(8..) => (1, 2),
        ColorType::RGB(8..) => (3, 3),
        ColorType::RGBA(8..) => (3, 4),
        ColorType::Multiband { bit_depth: 8.., num_samples } => (usize::from(num_samples), usize::from(num_samples)),
        ColorType::Gray(1) | ColorType::CMYK(_) => {
            drop(decoder);
            reader.seek(SeekFrom::Start(0))?;
            return raster::read(reader, file_size, Format::Tiff);
        }
        other => return Err(Reason::Unsupported(format!("TIFF pixels of kind {other:?}"))),
    };
    let pixel = samples as u128 * u128::from(colour.bit_depth()).div_ceil(8);
    check_memory(u128::from(width) * u128::from(height) * pixel, file_size)?;
    let orientation = decoder.find_tag_unsigned::<u8>(Tag::Orientation).ok().flatten().unwrap_or(1);
    let mut data = DecodingResult::U8(Vec::new());
    let layout = decoder.read_image_to_buffer(&mut data)?;
    let pixels = pixels(data, &layout, samples, [planes, height as usize, width as usize])?;
    Ok(Image::new(raster::oriented(pixels, orientation), Header::default()))
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

fn pixels(
    data: DecodingResult,
    layout: &BufferLayoutPreference,
    samples: usize,
    shape: [usize; 3],
) -> Result<Pixels, Reason> {
    let is_planar = layout.planes > 1;
    /// Planar data has its planes one after the other already; those beyond the image's (alpha) are cut off.
    fn array<T: Copy>(
        mut data: Vec<T>,
        is_planar: bool,
        samples: usize,
        shape: [usize; 3],
    ) -> Result<Array3<T>, Reason> {
        if is_planar {
            data.truncate(shape.iter().product());
        }
        raster::planar(data, if is_planar { 1 } else { samples }, shape)
    }
    macro_rules! wide {
        ($v:expr, $convert:expr) => {
            array($v.into_iter().map($convert).collect(), is_planar, samples, shape)?.into()
        };
    }
    Ok(match data {
        DecodingResult::U8(v) => array(v, is_planar, samples, shape)?.into(),
        DecodingResult::U16(v) => array(v, is_planar, samples, shape)?.into(),
        DecodingResult::I16(v) => array(v, is_planar, samples, shape)?.into(),
        DecodingResult::I32(v) => array(v, is_planar, samples, shape)?.into(),
        DecodingResult::I64(v) => array(v, is_planar, samples, shape)?.into(),
        DecodingResult::F32(v) => array(v, is_planar, samples, shape)?.into(),
        DecodingResult::F64(v) => array(v, is_planar, samples, shape)?.into(),
        DecodingResult::I8(v) => wide!(v, i16::from),
        DecodingResult::U32(v) => wide!(v, i64::from),
        DecodingResult::U64(v) => wide!(v, |n| n as f64),
        DecodingResult::F16(v) => wide!(v, f32::from),
    })
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
