//! TIFF pages of a palette, as colour images. The `tiff` crate refuses them, but decodes the places in the palette if the page
//! says that they are grey: so that is what a copy of the file in memory says.

use std::io::{Cursor, Read, SeekFrom};

use tiff::ColorType;
use tiff::tags::{ByteOrder, Tag};

use super::tiff::{PALETTE, low_bits, open};
use super::{ReadSeek, Reason, raster};
use crate::action::image::Pixels;

/// PhotometricInterpretation of a grey image.
const BLACK_IS_ZERO: u16 = 1;
/// A field of 16 bits.
const SHORT: u64 = 3;

/// Reads the page, whose palette has 2 to the power of `bits` colours of 16 bits; as Pillow does, their upper 8 are taken.
pub fn read(reader: &mut dyn ReadSeek, file_size: u64, page: usize, bits: u8) -> Result<Pixels, Reason> {
    let mut decoder = open(reader, file_size, page)?;
    let (width, height) = decoder.dimensions()?;
    let colours = decoder.get_tag_u16_vec(Tag::ColorMap)?;
    let (order, ifd) = (decoder.byte_order(), decoder.ifd_pointer().map_or(0, |ifd| ifd.0));
    drop(decoder);
    if !matches!(bits, 1 | 2 | 4 | 8) {
        return Err(Reason::Unsupported(format!("a palette for pixels of {bits} bits")));
    }
    let count = 1 << bits;
    if colours.len() != 3 * count {
        return Err(Reason::Damaged(format!("its palette has {} numbers, not {}", colours.len(), 3 * count)));
    }
    let mut bytes = Vec::new();
    reader.seek(SeekFrom::Start(0))?;
    reader.take(file_size).read_to_end(&mut bytes)?;
    call_grey(&mut bytes, ifd, order)?;
    let mut grey = Cursor::new(bytes);
    let mut decoder = open(&mut grey, file_size, page)?;
    if decoder.colortype()? != ColorType::Gray(bits) {
        return Err(Reason::Unsupported("a palette and further samples".to_owned()));
    }
    let (height, width) = (height as usize, width as usize);
    let places = low_bits(&mut decoder, bits, (height, width))?;
    let colour = |plane: usize| {
        let (colours, places) = (&colours, &places);
        places.iter().map(move |&place| (colours[plane * count + usize::from(place)] >> 8) as u8)
    };
    Ok(raster::planar((0..3).flat_map(colour).collect(), 1, [3, height, width])?.into())
}

/// Sets the PhotometricInterpretation in the page's directory, which begins at `ifd` (TIFF 6.0, section 2; BigTIFF has longer
/// numbers).
fn call_grey(bytes: &mut [u8], ifd: u64, order: ByteOrder) -> Result<(), Reason> {
    const BIG: [&[u8]; 2] = [b"II+\0", b"MM\0+"];
    let is_big = BIG.iter().any(|magic| bytes.starts_with(magic));
    let (count_size, field_size, value) = if is_big { (8, 20, 12) } else { (2, 12, 8) };
    let number = |at: usize, size: usize| {
        let bytes = bytes.get(at..at.checked_add(size)?)?;
        let add = |sum: u64, byte: &u8| sum << 8 | u64::from(*byte);
        Some(match order {
            ByteOrder::BigEndian => bytes.iter().fold(0, add),
            ByteOrder::LittleEndian => bytes.iter().rev().fold(0, add),
        })
    };
    let find = || {
        let start = usize::try_from(ifd).ok()?;
        let count = usize::try_from(number(start, count_size)?).ok()?;
        let mut fields = (0..count).map_while(|n| start.checked_add(count_size + n.checked_mul(field_size)?));
        let field = fields.find(|&at| number(at, 2) == Some(Tag::PhotometricInterpretation.to_u16().into()))?;
        let is_right = (number(field + 2, 2)?, number(field + value, 2)?) == (SHORT, PALETTE.into());
        is_right.then_some(field + value)
    };
    let place = find().ok_or_else(|| Reason::Unsupported("a palette in an odd place".to_owned()))?;
    let grey = match order {
        ByteOrder::BigEndian => BLACK_IS_ZERO.to_be_bytes(),
        ByteOrder::LittleEndian => BLACK_IS_ZERO.to_le_bytes(),
    };
    bytes[place..place + 2].copy_from_slice(&grey);
    Ok(())
}
