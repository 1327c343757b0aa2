//! What lies beyond the edge of an image: the border modes of scipy.ndimage, as one mapping of indices that all filters
//! share. In: a coordinate that may be outside; out: the coordinate inside that stands for it, or none where a constant
//! does. Valid at any distance from the image; knows nothing of what a filter computes.

use ndarray::ArrayView2;

use super::Sample;

/// How an image goes on beyond its edges; names and meaning are those of scipy.ndimage.
///
/// For the row `a b c d`, going on to the left and to the right:
///
/// | mode | left | image | right |
/// |---|---|---|---|
/// | `Reflect` | `d c b a` | `a b c d` | `d c b a` |
/// | `Nearest` | `a a a a` | `a b c d` | `d d d d` |
/// | `Mirror` | `. d c b` | `a b c d` | `c b a .` |
/// | `Constant(k)` | `k k k k` | `a b c d` | `k k k k` |
/// | `Wrap` | `a b c d` | `a b c d` | `a b c d` |
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Border {
    #[default]
    Reflect,
    Nearest,
    Mirror,
    Constant(f64),
    Wrap,
}

impl Border {
    /// The mode of that name as scipy.ndimage spells it; `cval` is used by `constant` alone.
    pub fn from_name(name: &str, cval: f64) -> Option<Self> {
        match name {
            "reflect" | "grid-mirror" => Some(Self::Reflect),
            "nearest" => Some(Self::Nearest),
            "mirror" => Some(Self::Mirror),
            "constant" | "grid-constant" => Some(Self::Constant(cval)),
            "wrap" | "grid-wrap" => Some(Self::Wrap),
            _ => None,
        }
    }

    /// The index within `0..len` that stands for `index`, or `None` where the constant does. `len` is at least 1.
    pub fn map(self, index: isize, len: usize) -> Option<usize> {
        let len = len as isize;
        if (0..len).contains(&index) {
            return Some(index as usize);
        }
        let inside = match self {
            Self::Constant(_) => return None,
            Self::Nearest => index.clamp(0, len - 1),
            Self::Wrap => index.rem_euclid(len),
            Self::Reflect => {
                let phase = index.rem_euclid(2 * len);
                phase.min(2 * len - 1 - phase)
            }
            Self::Mirror if len == 1 => 0,
            Self::Mirror => {
                let phase = index.rem_euclid(2 * (len - 1));
                phase.min(2 * (len - 1) - phase)
            }
        };
        Some(inside as usize)
    }

    /// The value that stands for what has no index.
    fn constant<T: Sample>(self) -> T {
        match self {
            Self::Constant(value) => T::from_f64(value),
            _ => T::ZERO,
        }
    }
}

/// A C-contiguous image that goes on for ever.
pub(super) struct Bordered<'a, T> {
    pixels: &'a [T],
    height: usize,
    width: usize,
    mode: Border,
}

impl<'a, T: Sample> Bordered<'a, T> {
    /// `image` must be contiguous in C order and have at least one pixel.
    pub fn new(image: ArrayView2<'a, T>, mode: Border) -> Self {
        let (height, width) = image.dim();
        let pixels = image.to_slice().expect("callers bring the image to C order");
        Self { pixels, height, width, mode }
    }

    pub fn height(&self) -> usize {
        self.height
    }

    pub fn width(&self) -> usize {
        self.width
    }

    /// The pixels within the image of the row `y`, or the constant that they all are.
    pub fn row(&self, y: isize) -> Result<&'a [T], T> {
        match self.mode.map(y, self.height) {
            Some(y) => Ok(&self.pixels[y * self.width..][..self.width]),
            None => Err(self.mode.constant()),
        }
    }

    /// What a row beyond the image is where the constant stands for it.
    pub fn constant_row(&self) -> Vec<T> {
        vec![self.mode.constant(); self.width]
    }

    /// The pixel at (`y`, `x`), wherever that is.
    #[inline]
    pub fn pixel(&self, y: isize, x: isize) -> f64 {
        match (self.mode.map(y, self.height), self.mode.map(x, self.width)) {
            (Some(y), Some(x)) => self.pixels[y * self.width + x].to_f64(),
            _ => self.mode.constant::<T>().to_f64(),
        }
    }

    /// Copies the row `y`, from column `x` on, into `out`.
    pub fn read_row(&self, y: isize, x: isize, out: &mut [T]) {
        let row = match self.row(y) {
            Ok(row) => row,
            Err(constant) => return out.fill(constant),
        };
        let before = x.saturating_neg().clamp(0, out.len() as isize) as usize;
        let first = x.max(0) as usize;
        let inside = self.width.saturating_sub(first).min(out.len() - before);
        for (i, pixel) in out[..before].iter_mut().enumerate() {
            *pixel = self.beyond(row, x + i as isize);
        }
        if inside > 0 {
            out[before..before + inside].copy_from_slice(&row[first..first + inside]);
        }
        for (i, pixel) in out.iter_mut().enumerate().skip(before + inside) {
            *pixel = self.beyond(row, x + i as isize);
        }
    }

    /// Copies rows `y..` and columns `x..`, as many as `out` has rows of `width`.
    pub fn read_block(&self, y: isize, x: isize, width: usize, out: &mut [T]) {
        for (i, row) in out.chunks_exact_mut(width).enumerate() {
            self.read_row(y + i as isize, x, row);
        }
    }

    fn beyond(&self, row: &[T], x: isize) -> T {
        match self.mode.map(x, row.len()) {
            Some(x) => row[x],
            None => self.mode.constant(),
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    /// Thirteen pixels of the row `0 1 2`, from five before it on; `9` is the constant.
    fn row(mode: Border) -> Vec<f64> {
        let image = array![[0.0, 1.0, 2.0]];
        let mut out = vec![-1.0; 13];
        Bordered::new(image.view(), mode).read_row(0, -5, &mut out);
        out
    }

    #[test]
    fn modes_go_on_as_in_scipy() {
        assert_eq!(row(Border::Reflect), [1., 2., 2., 1., 0., 0., 1., 2., 2., 1., 0., 0., 1.]);
        assert_eq!(row(Border::Nearest), [0., 0., 0., 0., 0., 0., 1., 2., 2., 2., 2., 2., 2.]);
        assert_eq!(row(Border::Mirror), [1., 0., 1., 2., 1., 0., 1., 2., 1., 0., 1., 2., 1.]);
        assert_eq!(row(Border::Constant(9.0)), [9., 9., 9., 9., 9., 0., 1., 2., 9., 9., 9., 9., 9.]);
        assert_eq!(row(Border::Wrap), [1., 2., 0., 1., 2., 0., 1., 2., 0., 1., 2., 0., 1.]);
    }

    #[test]
    fn a_single_pixel_and_far_coordinates_stay_inside() {
        for mode in [Border::Reflect, Border::Nearest, Border::Mirror, Border::Wrap] {
            for index in [-1_000_003, -1, 0, 1, 1_000_003] {
                assert_eq!(mode.map(index, 1), Some(0));
                assert!(mode.map(index, 7).is_some_and(|inside| inside < 7));
            }
        }
    }

    #[test]
    fn a_row_that_lies_wholly_outside_is_read() {
        let image = array![[1.0, 2.0, 3.0]];
        let bordered = Bordered::new(image.view(), Border::Nearest);
        let mut out = [0.0; 2];
        bordered.read_row(-4, -9, &mut out);
        assert_eq!(out, [1.0, 1.0]);
        bordered.read_row(4, 9, &mut out);
        assert_eq!(out, [3.0, 3.0]);
    }
}
