//! JPEG: the decoder fills up a file that is cut off and says nothing, so whether it is whole is found out here.

use std::io::{Cursor, Write};

use super::format::Format;
use super::{ReadSeek, Reason, raster};
use crate::action::image::Image;

/// Pillow's default.
const QUALITY: u8 = 75;

pub fn read(reader: &mut dyn ReadSeek, file_size: u64) -> Result<Image, Reason> {
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes)?;
    if !has_end(&bytes) {
        return Err(Reason::Damaged("the JPEG is truncated (it has no end-of-image marker)".to_owned()));
    }
    raster::read(&mut Cursor::new(bytes), file_size, Format::Jpeg)
}

pub fn write(image: &Image, quality: Option<u8>, out: &mut impl Write) -> Result<(), Reason> {
    raster::write_jpeg(image, quality.unwrap_or(QUALITY), out)
}

/// Walks the markers (ITU-T T.81, annex B) to the end-of-image one. A thumbnail's, inside a segment, does not count.
fn has_end(bytes: &[u8]) -> bool {
    const END: u8 = 0xd9;
    let mut at = 2;
    while let Some(offset) = bytes.get(at..).and_then(|rest| rest.windows(2).position(is_marker)) {
        let marker = bytes[at + offset + 1];
        at += offset + 2;
        match marker {
            END => return true,
            0x01 | 0xd0..=0xd8 => {}
            _ => match bytes.get(at..at + 2) {
                Some(&[high, low]) => at += usize::from(u16::from_be_bytes([high, low])).max(2),
                _ => return false,
            },
        }
    }
    false
}

/// In entropy-coded data `FF 00` is a stuffed byte, and `FF FF` fills.
fn is_marker(pair: &[u8]) -> bool {
    pair[0] == 0xff && !matches!(pair[1], 0 | 0xff)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::header::Header;
    use ndarray::Array3;

    #[test]
    fn every_cut_is_noticed() {
        let image = Image::new(
            Array3::from_shape_fn((3, 16, 16), |(p, y, x)| (p * 40 + y * 9 + x * 5) as u8),
            Header::default(),
        );
        let mut whole = Vec::new();
        write(&image, Some(90), &mut whole).expect("writes to memory");
        assert!(has_end(&whole));
        assert!((0..whole.len()).all(|n| !has_end(&whole[..n])));
        whole.extend_from_slice(b"trailing");
        assert!(has_end(&whole));
    }
}
