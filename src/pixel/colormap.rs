//! Colours for numbers: an image of values between 0 and 1 in, red, green and blue bytes out. Knows nothing of how the
//! values came to lie between 0 and 1.
//!
//! The tables are those of matplotlib, written by `tests/reference/colormaps.py`. viridis, plasma, inferno and magma are
//! by N. Smith, S. van der Walt and E. Firing, in the public domain (CC0); cividis is by J. R. Nuñez, C. R. Anderton and
//! R. S. Renslow, "Optimizing colormaps with consideration for color vision deficiency", PLOS ONE 13 (2018), CC BY 4.0;
//! gray and hot are straight lines.

use ndarray::{Array2, Array3, ArrayView2};

use super::{PixelError, Sample};

/// Entries of a table.
const ENTRIES: usize = 256;

/// The tables, in the order of the file.
const NAMES: [&str; 7] = ["gray", "viridis", "plasma", "inferno", "magma", "cividis", "hot"];

const TABLES: &[u8; NAMES.len() * ENTRIES * 3] = include_bytes!("tables/colormaps.bin");

/// A table of 256 colours, from the lowest value to the highest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Colormap(&'static [[u8; 3]]);

impl Colormap {
    /// The table of that name, as matplotlib spells it.
    ///
    /// # Errors
    /// A name that is not in [`Colormap::names`].
    pub fn from_name(name: &str) -> Result<Self, PixelError> {
        let Some(place) = NAMES.iter().position(|known| *known == name) else {
            return Err(PixelError::UnknownName {
                name: "colormap",
                got: name.to_owned(),
                expected: "gray, viridis, plasma, inferno, magma, cividis, hot",
            });
        };
        let (colours, _) = TABLES.as_chunks::<3>();
        Ok(Self(&colours[place * ENTRIES..][..ENTRIES]))
    }

    /// The names of all tables.
    pub fn names() -> &'static [&'static str] {
        &NAMES
    }

    /// Red, green and blue of `value`: the entry `value * 256`, rounded down, and the last for 1 and beyond, as in
    /// matplotlib. Values below 0 and NaN get the first.
    pub fn colour(self, value: f64) -> [u8; 3] {
        // The conversion saturates: NaN and what is negative become 0.
        let entry = (value * ENTRIES as f64) as usize;
        self.0[entry.min(ENTRIES - 1)]
    }

    /// The colours of an image of `height` by `width` values: an array of `(height, width, 3)` bytes.
    pub fn apply<T: Sample>(self, image: ArrayView2<T>) -> Array3<u8> {
        let (height, width) = image.dim();
        let mut out = Array3::zeros((height, width, 3));
        let colours = image.iter().map(|value| self.colour(value.to_f64()));
        for (out, colour) in out.as_slice_mut().expect("made in C order").as_chunks_mut().0.iter_mut().zip(colours) {
            *out = colour;
        }
        out
    }

    /// The bytes of one plane, where only grey is wanted: `value * 255`, rounded to the nearest.
    pub fn grey<T: Sample>(image: ArrayView2<T>) -> Array2<u8> {
        image.mapv(|value| (value.to_f64() * 255.0).round() as u8)
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn ends_and_odd_values() {
        let viridis = Colormap::from_name("viridis").unwrap();
        assert_eq!(viridis.colour(0.0), [68, 1, 84]);
        assert_eq!(viridis.colour(1.0), [253, 231, 36]);
        assert_eq!(viridis.colour(f64::NAN), viridis.colour(0.0));
        assert_eq!(viridis.colour(f64::NEG_INFINITY), viridis.colour(0.0));
        assert_eq!(viridis.colour(f64::INFINITY), viridis.colour(1.0));
    }

    #[test]
    fn images_get_a_third_axis() {
        let gray = Colormap::from_name("gray").unwrap();
        let image = array![[0.0f32, 1.0], [0.5, f32::NAN]];
        assert_eq!(gray.apply(image.view()).as_slice().unwrap(), [0, 0, 0, 255, 255, 255, 128, 128, 128, 0, 0, 0]);
        assert_eq!(Colormap::grey(image.view()), array![[0, 255], [128, 0]]);
    }

    #[test]
    fn names_are_known_and_others_refused() {
        for name in Colormap::names() {
            assert!(Colormap::from_name(name).is_ok());
        }
        let message = Colormap::from_name("jet").unwrap_err().to_string();
        assert_eq!(message, "unknown colormap `jet`; one of gray, viridis, plasma, inferno, magma, cividis, hot");
    }
}
