//! Animated GIFs: a palette and the entries of each frame → a file. Knows nothing of images or how colours are chosen.

use std::io::Write;

use gif::{Encoder, EncodingError, Frame, Repeat};

use super::Reason;

/// What all frames have in common.
#[derive(Debug, Clone, Copy)]
pub struct Animation<'a> {
    /// Rows and columns.
    pub shape: (usize, usize),
    /// At most 256: red, green and blue.
    pub colours: &'a [[u8; 3]],
    /// How long each frame is shown, in milliseconds: rounded to hundredths of a second, at least two of them, because
    /// viewers take less for a mistake.
    pub delay_ms: usize,
    /// How often it is shown again; 0 for ever.
    pub repeats: u16,
}

/// Writes the frames: for each pixel the place of its colour, row by row.
pub(super) fn write(
    animation: &Animation,
    frames: impl Iterator<Item = Vec<u8>>,
    out: &mut impl Write,
) -> Result<(), Reason> {
    let (height, width) = animation.shape;
    let side = |length: usize| {
        u16::try_from(length).ok().filter(|length| *length > 0).ok_or_else(|| {
            Reason::Unsupported(format!("a GIF has 1 to 65535 pixels on a side, and this image {height} × {width}"))
        })
    };
    let (height, width) = (side(height)?, side(width)?);
    let mut encoder = Encoder::new(out, width, height, animation.colours.as_flattened())?;
    encoder.set_repeat(match animation.repeats {
        0 => Repeat::Infinite,
        repeats => Repeat::Finite(repeats),
    })?;
    let delay = u16::try_from((animation.delay_ms + 5) / 10).unwrap_or(u16::MAX).max(2);
    for entries in frames {
        encoder.write_frame(&Frame { width, height, delay, buffer: entries.into(), ..Frame::default() })?;
    }
    Ok(())
}

impl From<EncodingError> for Reason {
    fn from(error: EncodingError) -> Reason {
        match error {
            EncodingError::Io(error) => Reason::Io(error),
            other => Reason::Unsupported(other.to_string()),
        }
    }
}
