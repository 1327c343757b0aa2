//! JPEG. The decoder fills up a file that is cut off and says nothing, so whether it is whole is found out here: by its
//! end-of-image marker, and by what stands before that marker. Where a smaller image is enough, the usual files are decoded
//! at a part of their size ([`reduced`]); what is odd or damaged goes to the same decoder as ever, which knows it or refuses it.

mod frame;
mod huffman;
mod reduced;

use std::io::Write;

use ndarray::Array3;
use zune_jpeg::JpegDecoder;
use zune_jpeg::errors::DecodeErrors;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::part::{Part, Wanted};
use super::{ReadSeek, Reason, check_memory, check_not_empty, raster};
use crate::action::header::Header;
use crate::action::image::{Image, Pixels};
use crate::pixel::resize::Region;

/// Pillow's default.
const QUALITY: u8 = 75;

/// Reads one plane of a grey file, and three of any other. Damaged or missing entropy-coded data is an error.
pub fn read(reader: &mut dyn ReadSeek, file_size: u64) -> Result<Image, Reason> {
    Ok(read_part(reader, file_size, &Wanted::whole)?.image)
}

/// The same, made smaller where that is enough for what is wanted.
pub fn read_part(
    reader: &mut dyn ReadSeek,
    file_size: u64,
    wanted: &dyn Fn((usize, usize)) -> Wanted,
) -> Result<Part, Reason> {
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes)?;
    let scans = Scans::of(&bytes)
        .ok_or_else(|| Reason::Damaged("the JPEG is truncated (it has no end-of-image marker)".to_owned()))?;
    scans.stop(&mut bytes);
    let options = DecoderOptions::default().set_max_width(usize::MAX).set_max_height(usize::MAX);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(&bytes), options);
    decoder.decode_headers()?;
    let (width, height) = decoder.dimensions().unwrap_or_default();
    check_not_empty(width as u64, height as u64)?;
    let (planes, colours) = match decoder.input_colorspace() {
        Some(ColorSpace::Luma | ColorSpace::LumaA) => (1, ColorSpace::Luma),
        _ => (3, ColorSpace::RGB),
    };
    check_memory(width as u128 * height as u128 * planes as u128, file_size)?;
    let orientation = decoder.exif().map_or(1, |exif| raster::exif_orientation(exif));
    let upright = if orientation >= 5 { (width, height) } else { (height, width) };
    let wanted = wanted(upright);
    let is_known = matches!(decoder.input_colorspace(), Some(ColorSpace::Luma | ColorSpace::YCbCr));
    if let Some(factor) = reduced::FACTORS.into_iter().find(|factor| is_known && wanted.allows(*factor))
        && let Some(pixels) = reduced::decode(&bytes[..scans.end], factor)
    {
        let image = Image::new(raster::oriented(Pixels::from(pixels), orientation), Header::default());
        return Ok(Part {
            region: reduced_region(wanted.region, upright, factor, orientation),
            image,
            size: wanted.size,
        });
    }
    // Odd headers do no harm; oddities among the data do.
    decoder.set_options(options.set_strict_mode(true).jpeg_set_out_colorspace(colours));
    let data = decoder.decode()?;
    let pixels: Array3<u8> = raster::planar(data, planes, [planes, height, width])?;
    let image = Image::new(raster::oriented(Pixels::from(pixels), orientation), Header::default());
    Ok(Part { image, region: wanted.region, size: wanted.size })
}

/// Where a region of an upright image of that shape is when it has been reduced before it was turned. The last column and
/// the last row of the file may reach beyond the image, and mirrored they come first.
fn reduced_region(region: Region, shape: (usize, usize), factor: usize, orientation: u8) -> Region {
    let reduced = |start: f64, extent: f64, length: usize, is_mirrored: bool| {
        let (whole, factor) = (length.div_ceil(factor) as f64, factor as f64);
        let before = if is_mirrored { whole - length as f64 / factor } else { 0.0 };
        let start = before + start / factor;
        // Rounding may have carried the end beyond that of the image.
        (start, (extent / factor).min(whole - start))
    };
    let (top, height) = reduced(region.top, region.height, shape.0, matches!(orientation, 3 | 4 | 7 | 8));
    let (left, width) = reduced(region.left, region.width, shape.1, matches!(orientation, 2 | 3 | 6 | 7));
    Region { top, left, height, width }
}

pub fn write(image: &Image, quality: Option<u8>, out: &mut impl Write) -> Result<(), Reason> {
    raster::write_jpeg(image, quality.unwrap_or(QUALITY), out)
}

/// What the markers (ITU-T T.81, annex B) tell.
#[derive(Debug, PartialEq)]
struct Scans {
    /// Where the end-of-image marker is.
    end: usize,
    count: usize,
    is_progressive: bool,
}

impl Scans {
    /// Walks the markers to the end-of-image one; None without. A thumbnail's, inside a segment, does not count.
    fn of(bytes: &[u8]) -> Option<Scans> {
        const END: u8 = 0xd9;
        const SCAN: u8 = 0xda;
        const PROGRESSIVE_FRAME: u8 = 0xc2;
        let (mut at, mut count, mut is_progressive) = (2, 0, false);
        loop {
            let start = at + bytes.get(at..)?.windows(2).position(is_marker)?;
            at = start + 2;
            match bytes[start + 1] {
                END => return Some(Scans { end: start, count, is_progressive }),
                0x01 | 0xd0..=0xd8 => continue,
                SCAN => count += 1,
                PROGRESSIVE_FRAME => is_progressive = true,
                _ => {}
            }
            let &[high, low] = bytes.get(at..at + 2)? else { return None };
            at += usize::from(u16::from_be_bytes([high, low])).max(2);
        }
    }

    /// Puts ones behind the last scan's data, which no Huffman code begins with so many of (T.81, annex C). The decoder never
    /// comes to them if all data are there; if some are missing, it stumbles there, and would else take zeros for them.
    ///
    /// In a progressive file of one scan it would stumble in any case.
    fn stop(&self, bytes: &mut Vec<u8>) {
        const ONES: [u8; 16] = [0xff, 0, 0xff, 0, 0xff, 0, 0xff, 0, 0xff, 0, 0xff, 0, 0xff, 0, 0xff, 0];
        const END: [u8; 2] = [0xff, 0xd9];
        bytes.truncate(self.end);
        if !self.is_progressive || self.count > 1 {
            bytes.extend_from_slice(&ONES);
        }
        bytes.extend_from_slice(&END);
    }
}

/// In entropy-coded data `FF 00` is a stuffed byte, and `FF FF` fills.
fn is_marker(pair: &[u8]) -> bool {
    pair[0] == 0xff && !matches!(pair[1], 0 | 0xff)
}

impl From<DecodeErrors> for Reason {
    fn from(error: DecodeErrors) -> Reason {
        match error {
            DecodeErrors::Unsupported(what) => Reason::Unsupported(raster::one_line(&format!("{what:?}"))),
            DecodeErrors::ExhaustedData => Reason::Damaged("the JPEG is truncated".to_owned()),
            other => Reason::Damaged(raster::one_line(&other.to_string())),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn whole(planes: usize) -> Vec<u8> {
        let pixels = Array3::from_shape_fn((planes, 40, 24), |(p, y, x)| (p * 40 + y * y + x * 5) as u8);
        let mut whole = Vec::new();
        write(&Image::new(pixels, Header::default()), Some(90), &mut whole).expect("writes to memory");
        whole
    }

    fn is_read(bytes: &[u8]) -> bool {
        read(&mut Cursor::new(bytes), bytes.len() as u64).is_ok()
    }

    #[test]
    fn every_cut_is_noticed() {
        let mut whole = whole(3);
        assert!(is_read(&whole));
        assert!((0..whole.len()).all(|n| Scans::of(&whole[..n]).is_none()));
        whole.extend_from_slice(b"trailing");
        assert!(is_read(&whole));
    }

    /// As a camera or a download leaves it that gave up and closed the file properly.
    #[test]
    fn missing_data_before_a_proper_end_is_noticed() {
        for whole in [whole(1), whole(3)] {
            let data = whole.windows(2).rposition(|pair| pair == [0xff, 0xda]).expect("a scan") + 12;
            for end in (data..whole.len() - 4).step_by(7) {
                let cut = [&whole[..end], &[0xff, 0xd9]].concat();
                assert!(!is_read(&cut), "cut at {end} of {}", whole.len());
            }
        }
    }
}
