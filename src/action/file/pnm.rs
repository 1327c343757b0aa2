//! PGM and PPM (Netpbm's P5 and P6) of 8 and 16 bits, written here because the `image` crate's encoder makes 16 bits PAM,
//! which few programs read.

use std::io::Write;

use super::format::Format;
use super::{Reason, raster};
use crate::action::image::{Image, Pixels};

/// Writes one plane as PGM, three as PPM.
pub fn write(image: &Image, out: &mut impl Write) -> Result<(), Reason> {
    let [planes, height, width] = image.shape();
    let magic = match planes {
        1 => "P5",
        3 => "P6",
        _ => return Err(raster::planes_error(Format::Pnm, planes)),
    };
    let (max, bytes) = match image.pixels() {
        Pixels::U8(a) => (u16::from(u8::MAX), raster::interleaved(a)),
        Pixels::U16(a) => (u16::MAX, raster::interleaved(a).into_iter().flat_map(u16::to_be_bytes).collect()),
        _ => unreachable!("the pixel type was chosen for the format"),
    };
    write!(out, "{magic}\n{width} {height}\n{max}\n")?;
    Ok(out.write_all(&bytes)?)
}
