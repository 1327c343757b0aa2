//! Blocks of pixels made into one. In: an image, the size of a block and what is taken of it; out: an image as many times
//! smaller. Knows nothing of coordinates.

use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;

use super::{PixelError, Sample};

/// What a block becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reduce {
    #[default]
    Sum,
    Mean,
    /// Of an even number of pixels, the mean of the two in the middle.
    Median,
    Min,
    Max,
}

impl Reduce {
    /// The function that numpy calls so.
    ///
    /// # Errors
    /// Any other name.
    pub fn from_name(name: &str) -> Result<Self, PixelError> {
        Ok(match name {
            "sum" => Self::Sum,
            "mean" => Self::Mean,
            "median" => Self::Median,
            "min" => Self::Min,
            "max" => Self::Max,
            _ => {
                let expected = "sum, mean, median, min, max";
                return Err(PixelError::UnknownName { name: "func", got: name.to_owned(), expected });
            }
        })
    }
}

/// Every block of `factor` (rows, columns) pixels made into one: skimage.measure.block_reduce. Blocks that reach beyond the
/// last row or column are filled up with `cval`. Computed in `f64`; NaN spoils its block, whatever is taken of it.
///
/// # Errors
/// A factor of 0.
pub fn block_reduce<T: Sample>(
    image: ArrayView2<T>,
    factor: (usize, usize),
    reduce: Reduce,
    cval: f64,
) -> Result<Array2<T>, PixelError> {
    PixelError::at_least("factor", 1, factor.0.min(factor.1))?;
    let (height, width) = image.dim();
    let mut out = Array2::from_elem((height.div_ceil(factor.0), width.div_ceil(factor.1)), T::ZERO);
    if out.is_empty() {
        return Ok(out);
    }
    let image = image.as_standard_layout();
    let pixels = image.as_slice().expect("brought to C order");
    let length = out.ncols();
    let out_pixels = out.as_slice_mut().expect("the output was made in C order");
    let band = out_pixels.par_chunks_mut(length).zip(pixels.par_chunks(factor.0 * width));
    band.for_each_init(Vec::new, |block, (out, rows)| {
        let rows = Rows { pixels: rows, width, factor, cval };
        match reduce {
            Reduce::Sum => rows.fold(out, block, 0.0, |a, b| a + b, 1.0),
            Reduce::Mean => rows.fold(out, block, 0.0, |a, b| a + b, (factor.0 * factor.1) as f64),
            Reduce::Min => rows.fold(out, block, f64::INFINITY, |a, b| if a < b || a.is_nan() { a } else { b }, 1.0),
            Reduce::Max => {
                rows.fold(out, block, f64::NEG_INFINITY, |a, b| if a > b || a.is_nan() { a } else { b }, 1.0)
            }
            Reduce::Median => rows.medians(out, block),
        }
    });
    Ok(out)
}

/// The rows of one row of blocks; fewer than a block is high at the end of the image.
struct Rows<'a, T> {
    pixels: &'a [T],
    width: usize,
    factor: (usize, usize),
    cval: f64,
}

impl<T: Sample> Rows<'_, T> {
    /// Puts the rows together first, in the order of memory, then the columns of each block.
    fn fold(&self, out: &mut [T], columns: &mut Vec<f64>, neutral: f64, join: impl Fn(f64, f64) -> f64, divisor: f64) {
        columns.clear();
        columns.resize(out.len() * self.factor.1, neutral);
        for row in self.pixels.chunks_exact(self.width) {
            for (column, pixel) in columns.iter_mut().zip(row) {
                *column = join(*column, pixel.to_f64());
            }
        }
        for _ in self.pixels.len() / self.width..self.factor.0 {
            columns[..self.width].iter_mut().for_each(|column| *column = join(*column, self.cval));
        }
        let beyond = (0..self.factor.0).fold(neutral, |whole, _| join(whole, self.cval));
        columns[self.width..].fill(beyond);
        for (out, block) in out.iter_mut().zip(columns.chunks_exact(self.factor.1)) {
            *out = T::from_f64(block.iter().fold(neutral, |whole, &column| join(whole, column)) / divisor);
        }
    }

    fn medians(&self, out: &mut [T], block: &mut Vec<f64>) {
        let area = self.factor.0 * self.factor.1;
        for (i, out) in out.iter_mut().enumerate() {
            let end = self.width.min((i + 1) * self.factor.1);
            block.clear();
            for row in self.pixels.chunks_exact(self.width) {
                block.extend(row[i * self.factor.1..end].iter().map(|pixel| pixel.to_f64()));
            }
            block.resize(area, self.cval);
            *out = T::from_f64(median(block));
        }
    }
}

/// numpy.median of at least one number.
fn median(block: &mut [f64]) -> f64 {
    if block.iter().any(|number| number.is_nan()) {
        return f64::NAN;
    }
    let is_even = block.len().is_multiple_of(2);
    let (below, &mut upper, _) = block.select_nth_unstable_by(block.len() / 2, f64::total_cmp);
    let lower = below.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if is_even { lower + (upper - lower) * 0.5 } else { upper }
}

#[cfg(test)]
mod tests {
    use ndarray::array;
    use proptest::prelude::*;

    use super::*;

    fn slow(image: &Array2<f64>, factor: (usize, usize), cval: f64, of: impl Fn(&mut Vec<f64>) -> f64) -> Array2<f64> {
        let shape = (image.nrows().div_ceil(factor.0), image.ncols().div_ceil(factor.1));
        Array2::from_shape_fn(shape, |(y, x)| {
            let places = (0..factor.0).flat_map(|i| (0..factor.1).map(move |j| (y * factor.0 + i, x * factor.1 + j)));
            of(&mut places.map(|place| image.get(place).copied().unwrap_or(cval)).collect())
        })
    }

    proptest! {
        #[test]
        fn blocks_are_those_of_the_definition(
            shape in (1usize..30, 1usize..30), factor in (1usize..9, 1usize..9), cval in -3i8..3,
        ) {
            // Whole numbers: the sums are exact, in any order.
            let image = Array2::from_shape_fn(shape, |(y, x)| ((y * 31 + x * 17) % 23) as f64 - 7.0);
            let cval = f64::from(cval);
            let fast = |reduce| block_reduce(image.view(), factor, reduce, cval).unwrap();
            prop_assert_eq!(fast(Reduce::Sum), slow(&image, factor, cval, |b| b.iter().sum()));
            let mean = slow(&image, factor, cval, |b| b.iter().sum::<f64>() / b.len() as f64);
            prop_assert_eq!(fast(Reduce::Mean), mean);
            prop_assert_eq!(fast(Reduce::Min), slow(&image, factor, cval, |b| b.iter().copied().fold(f64::INFINITY, f64::min)));
            prop_assert_eq!(fast(Reduce::Max), slow(&image, factor, cval, |b| b.iter().copied().fold(-1e9, f64::max)));
            let median = slow(&image, factor, cval, |b| {
                b.sort_by(f64::total_cmp);
                (b[(b.len() - 1) / 2] + b[b.len() / 2]) / 2.0
            });
            prop_assert_eq!(fast(Reduce::Median), median);
        }
    }

    #[test]
    fn nan_spoils_its_block_alone() {
        let image = array![[f64::NAN, 1.0, 2.0, 3.0]];
        for reduce in [Reduce::Sum, Reduce::Mean, Reduce::Median, Reduce::Min, Reduce::Max] {
            let made = block_reduce(image.view(), (1, 2), reduce, 0.0).unwrap();
            assert!(made[[0, 0]].is_nan() && made[[0, 1]].is_finite(), "{reduce:?}");
        }
    }

    #[test]
    fn odd_requests() {
        let image = array![[1.0f32]];
        let error = block_reduce(image.view(), (0, 2), Reduce::Sum, 0.0).unwrap_err().to_string();
        assert_eq!(error, "factor must be at least 1, got 0");
        assert_eq!(block_reduce(image.view(), (4, 3), Reduce::Sum, 0.5).unwrap(), array![[6.5]]);
        assert_eq!(block_reduce(Array2::<f32>::zeros((0, 3)).view(), (2, 2), Reduce::Min, 0.0).unwrap().dim(), (0, 2));
        assert!(Reduce::from_name("mode").is_err());
    }
}
