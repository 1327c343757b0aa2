//! Pictures through the `image` crate: PNG, GIF, BMP, WebP, PNM, and what JPEG and TIFF share with them. Interleaved samples ↔
//! planes; palettes come expanded, alpha is dropped (as Pillow's `convert("RGB")`), and the EXIF orientation is applied (as
//! Pillow's `exif_transpose`). Of an animation the first frame is read, or the one asked for.

use std::io::{SeekFrom, Write};

use image::codecs::{bmp, gif, jpeg, png, webp};
use image::metadata::Orientation;
use image::{
    AnimationDecoder, DynamicImage, ExtendedColorType, ImageDecoder, ImageEncoder, ImageError, ImageFormat, ImageReader,
};
use ndarray::{Array3, Axis, stack};

use super::format::Format;
use super::{ReadSeek, Reason, check_memory, check_not_empty, memory_limit};
use crate::action::header::Header;
use crate::action::image::{Image, Pixels, Sample, each_dtype};
use crate::pixel::geometry;

/// Reads a picture, or a `frame` of an animation; `file_size` bounds what it may ask for.
pub fn read(reader: &mut dyn ReadSeek, file_size: u64, format: Format, frame: Option<usize>) -> Result<Image, Reason> {
    let mut limits = image::Limits::default();
    limits.max_alloc = Some(memory_limit(file_size));
    if format == Format::WebP {
        check_chunks(reader, file_size)?;
    }
    match (format, frame) {
        (Format::Gif, Some(frame)) => return read_frame(gif::GifDecoder::new(reader)?, limits, file_size, frame),
        (Format::WebP, Some(frame)) => {
            let decoder = webp::WebPDecoder::new(&mut *reader)?;
            if decoder.has_animation() {
                return read_frame(decoder, limits, file_size, frame);
            }
            if frame > 0 {
                return Err(no_frame(frame, 1));
            }
            reader.seek(SeekFrom::Start(0))?;
        }
        _ => {}
    }
    let mut reader = ImageReader::with_format(reader, codec(format));
    reader.limits(limits);
    let mut decoder = reader.into_decoder()?;
    let (width, height) = decoder.dimensions();
    check_not_empty(width.into(), height.into())?;
    // `from_decoder` allocates without asking the limits, so they are asked here.
    check_memory(decoder.total_bytes().into(), file_size)?;
    let orientation = orientation(&mut decoder);
    let pixels = pixels(DynamicImage::from_decoder(decoder)?)?;
    Ok(Image::new(oriented(pixels, orientation), Header::default()))
}

/// Checks that a WebP file has the bytes that its chunks claim: the decoder makes room for them before it reads.
fn check_chunks(reader: &mut dyn ReadSeek, file_size: u64) -> Result<(), Reason> {
    const HEADER: u64 = 12;
    let mut at = HEADER;
    while at + 8 <= file_size {
        let mut head = [0; 8];
        reader.seek(SeekFrom::Start(at))?;
        reader.read_exact(&mut head)?;
        let (_, size) = head.split_at(4);
        let size = u64::from(u32::from_le_bytes(size.try_into().expect("four of eight bytes")));
        let there = file_size - at - 8;
        if size > there {
            return Err(Reason::Damaged(format!("a chunk of the WebP claims {size} bytes, and {there} are there")));
        }
        // Chunks begin at even places.
        at += 8 + size.next_multiple_of(2);
    }
    reader.seek(SeekFrom::Start(0))?;
    Ok(())
}

/// Reads one frame, counted from 0, as it is shown: on the whole canvas, over those before it.
fn read_frame<'a, D: ImageDecoder + AnimationDecoder<'a>>(
    mut decoder: D,
    limits: image::Limits,
    file_size: u64,
    wanted: usize,
) -> Result<Image, Reason> {
    let (width, height) = decoder.dimensions();
    check_not_empty(width.into(), height.into())?;
    check_memory(decoder.total_bytes().into(), file_size)?;
    decoder.set_limits(limits)?;
    let orientation = orientation(&mut decoder);
    let mut count = 0;
    for frame in decoder.into_frames() {
        let frame = frame?;
        if count == wanted {
            let pixels = pixels(DynamicImage::ImageRgba8(frame.into_buffer()))?;
            return Ok(Image::new(oriented(pixels, orientation), Header::default()));
        }
        count += 1;
    }
    Err(no_frame(wanted, count))
}

fn no_frame(frame: usize, count: usize) -> Reason {
    Reason::NoImage(format!("no frame {frame}: the file has {count}, counted from 0"))
}

/// Writes one or three planes of `uint8` or, for PNG, `uint16`.
pub fn write(image: &Image, format: Format, out: &mut impl Write) -> Result<(), Reason> {
    let [planes, ..] = image.shape();
    let colour = match (planes, image.pixels()) {
        (1, Pixels::U8(_)) => ExtendedColorType::L8,
        (1, Pixels::U16(_)) => ExtendedColorType::L16,
        (3, Pixels::U8(_)) => ExtendedColorType::Rgb8,
        (3, Pixels::U16(_)) => ExtendedColorType::Rgb16,
        _ => return Err(planes_error(format, planes)),
    };
    match format {
        Format::Png => encode(png::PngEncoder::new(out), image, colour),
        Format::WebP => encode(webp::WebPEncoder::new_lossless(out), image, colour),
        Format::Bmp => encode(bmp::BmpEncoder::new(out), image, colour),
        Format::Gif => encode_gif(image, out),
        _ => unreachable!("other formats have writers of their own"),
    }
}

/// Writes one or three planes of `uint8` as a JPEG.
pub fn write_jpeg(image: &Image, quality: u8, out: &mut impl Write) -> Result<(), Reason> {
    let colour = match image.shape()[0] {
        1 => ExtendedColorType::L8,
        3 => ExtendedColorType::Rgb8,
        planes => return Err(planes_error(Format::Jpeg, planes)),
    };
    encode(jpeg::JpegEncoder::new_with_quality(out, quality), image, colour)
}

/// The reason for not writing that many planes.
pub fn planes_error(format: Format, planes: usize) -> Reason {
    Reason::Unsupported(format!("{} holds 1 or 3 planes, not {planes}", format.name()))
}

/// The EXIF orientation, 1 where there is none. WebP files often keep JPEG's prefix before the EXIF data, which the decoder
/// does not look behind.
fn orientation(decoder: &mut impl ImageDecoder) -> u8 {
    match decoder.exif_metadata().ok().flatten() {
        Some(exif) => exif_orientation(&exif),
        None => decoder.orientation().map_or(1, Orientation::to_exif),
    }
}

/// The orientation in EXIF data, 1 where there is none.
pub fn exif_orientation(exif: &[u8]) -> u8 {
    let exif = exif.strip_prefix(b"Exif\0\0").unwrap_or(exif);
    Orientation::from_exif_chunk(exif).map_or(1, Orientation::to_exif)
}

/// The pixels turned and mirrored as the EXIF orientation (1 to 8) says they were not.
pub fn oriented(pixels: Pixels, orientation: u8) -> Pixels {
    if !(2..=8).contains(&orientation) {
        return pixels;
    }
    fn turned<T: Sample>(planes: &Array3<T>, orientation: u8) -> Pixels {
        let turned = |plane| geometry::oriented(plane, usize::from(orientation)).expect("it is from 2 to 8");
        let planes: Vec<_> = planes.outer_iter().map(turned).collect();
        let views: Vec<_> = planes.iter().map(|plane| plane.view()).collect();
        T::pixels(stack(Axis(0), &views).expect("planes of one shape, one at least"))
    }
    each_dtype!(&pixels, a => turned(a, orientation))
}

/// One or three planes as raster formats keep them, sample by sample of each pixel.
pub fn interleaved<T: Copy>(array: &Array3<T>) -> Vec<T> {
    let data = array.as_slice().expect("images are kept in C order");
    let (planes, height, width) = array.dim();
    if planes == 1 {
        return data.to_vec();
    }
    let plane = height * width;
    let mut out = Vec::with_capacity(data.len());
    for at in 0..plane {
        out.extend((0..planes).map(|p| data[p * plane + at]));
    }
    out
}

/// The first `planes` of `samples` interleaved samples a pixel; what is beyond (alpha) is dropped.
pub fn planar<T: Copy>(data: Vec<T>, samples: usize, shape: [usize; 3]) -> Result<Array3<T>, Reason> {
    let planes = shape[0];
    let data = match samples {
        1 => data,
        2 => deinterleaved::<2, T>(&data, planes),
        3 => deinterleaved::<3, T>(&data, planes),
        4 => deinterleaved::<4, T>(&data, planes),
        _ => (0..planes).flat_map(|plane| data.iter().skip(plane).step_by(samples).copied()).collect(),
    };
    Array3::from_shape_vec(shape, data).map_err(|_| Reason::Damaged("the pixels do not fill the image".to_owned()))
}

/// The first `planes` of `N` samples a pixel, plane after plane.
#[multiversion::multiversion(targets("x86_64+avx512f+avx512bw+avx512vl+avx2", "x86_64+avx2", "x86_64+ssse3"))]
fn deinterleaved<const N: usize, T: Copy>(data: &[T], planes: usize) -> Vec<T> {
    let (pixels, _) = data.as_chunks::<N>();
    let mut out = Vec::with_capacity(planes * pixels.len());
    for plane in 0..planes.min(N) {
        out.extend(pixels.iter().map(|pixel| pixel[plane]));
    }
    out
}

fn codec(format: Format) -> ImageFormat {
    match format {
        Format::Png => ImageFormat::Png,
        Format::Gif => ImageFormat::Gif,
        Format::Bmp => ImageFormat::Bmp,
        Format::WebP => ImageFormat::WebP,
        Format::Pnm => ImageFormat::Pnm,
        Format::Tiff => ImageFormat::Tiff,
        _ => unreachable!("not a picture format"),
    }
}

fn pixels(image: DynamicImage) -> Result<Pixels, Reason> {
    let (width, height) = (image.width() as usize, image.height() as usize);
    let shape = |planes| [planes, height, width];
    Ok(match image {
        DynamicImage::ImageLuma8(b) => planar(b.into_raw(), 1, shape(1))?.into(),
        DynamicImage::ImageLumaA8(b) => planar(b.into_raw(), 2, shape(1))?.into(),
        DynamicImage::ImageRgb8(b) => planar(b.into_raw(), 3, shape(3))?.into(),
        DynamicImage::ImageRgba8(b) => planar(b.into_raw(), 4, shape(3))?.into(),
        DynamicImage::ImageLuma16(b) => planar(b.into_raw(), 1, shape(1))?.into(),
        DynamicImage::ImageLumaA16(b) => planar(b.into_raw(), 2, shape(1))?.into(),
        DynamicImage::ImageRgb16(b) => planar(b.into_raw(), 3, shape(3))?.into(),
        DynamicImage::ImageRgba16(b) => planar(b.into_raw(), 4, shape(3))?.into(),
        DynamicImage::ImageRgb32F(b) => planar(b.into_raw(), 3, shape(3))?.into(),
        DynamicImage::ImageRgba32F(b) => planar(b.into_raw(), 4, shape(3))?.into(),
        other => return Err(Reason::Unsupported(format!("pixels of kind {:?}", other.color()))),
    })
}

fn encode(encoder: impl ImageEncoder, image: &Image, colour: ExtendedColorType) -> Result<(), Reason> {
    let [_, height, width] = picture_size(image)?;
    let bytes = match image.pixels() {
        Pixels::U8(a) => interleaved(a),
        Pixels::U16(a) => interleaved(a).into_iter().flat_map(u16::to_ne_bytes).collect(),
        _ => unreachable!("the pixel type was chosen for the format"),
    };
    Ok(encoder.write_image(&bytes, width, height, colour)?)
}

/// A GIF of up to 256 colours is exact; with more, they are reduced to 256 (NeuQuant).
fn encode_gif(image: &Image, out: &mut impl Write) -> Result<(), Reason> {
    let [planes, height, width] = picture_size(image)?;
    let Pixels::U8(array) = image.pixels() else { unreachable!("the pixel type was chosen for the format") };
    let samples = interleaved(array);
    let rgba = samples.chunks_exact(planes as usize).flat_map(|p| [p[0], p[p.len() / 2], p[p.len() - 1], 255]);
    let frame = image::RgbaImage::from_raw(width, height, rgba.collect()).expect("one colour a pixel");
    Ok(gif::GifEncoder::new(out).encode_frame(image::Frame::new(frame))?)
}

/// The shape in the numbers raster formats count in.
fn picture_size(image: &Image) -> Result<[u32; 3], Reason> {
    let shape = image.shape();
    let [planes, height, width] = shape.map(|n| u32::try_from(n).unwrap_or(u32::MAX));
    check_not_empty(width.into(), height.into())?;
    Ok([planes, height, width])
}

impl From<ImageError> for Reason {
    fn from(error: ImageError) -> Reason {
        match error {
            ImageError::IoError(e) => Reason::Io(e),
            ImageError::Unsupported(e) => Reason::Unsupported(one_line(&e.to_string())),
            ImageError::Limits(_) => {
                Reason::Unsupported("the image asks for more memory than a file of this size may".to_owned())
            }
            other => Reason::Damaged(chunk_named(&one_line(&other.to_string()))),
        }
    }
}

pub fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The PNG reader writes a chunk with all its properties; its name says enough.
fn chunk_named(text: &str) -> String {
    let Some((before, rest)) = text.split_once("ChunkType {") else { return text.to_owned() };
    let (properties, after) = rest.split_once('}').unwrap_or((rest, ""));
    let name = properties.split(',').next().and_then(|first| first.split(':').nth(1)).unwrap_or_default();
    format!("{before}{}{after}", name.trim())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn a_damaged_chunk_is_told_by_its_name() {
        let text = "CRC error while decoding ChunkType { type: IDAT, critical: true, private: false } chunk.";
        assert_eq!(chunk_named(text), "CRC error while decoding IDAT chunk.");
    }

    #[test]
    fn orientations_are_those_of_exif() {
        let upright = array![[[1u8, 2, 3], [4, 5, 6]]];
        let as_stored = |orientation| match orientation {
            2 => array![[[3u8, 2, 1], [6, 5, 4]]],
            3 => array![[[6, 5, 4], [3, 2, 1]]],
            4 => array![[[4, 5, 6], [1, 2, 3]]],
            5 => array![[[1, 4], [2, 5], [3, 6]]],
            6 => array![[[3, 6], [2, 5], [1, 4]]],
            7 => array![[[6, 3], [5, 2], [4, 1]]],
            8 => array![[[4, 1], [5, 2], [6, 3]]],
            _ => upright.clone(),
        };
        for orientation in 0..=9 {
            let turned = oriented(Pixels::U8(as_stored(orientation)), orientation);
            assert_eq!(turned, Pixels::U8(upright.clone()), "orientation {orientation}");
        }
    }

    #[test]
    fn interleaving_comes_back() {
        let a = Array3::from_shape_fn((3, 2, 4), |(p, y, x)| (p * 100 + y * 10 + x) as u16);
        let flat = interleaved(&a);
        assert_eq!(flat[..6], [0, 100, 200, 1, 101, 201]);
        assert_eq!(planar(flat, 3, [3, 2, 4]).ok(), Some(a));
    }
}
