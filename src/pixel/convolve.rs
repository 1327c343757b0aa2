//! Convolution with any kernel, and thinned out at once where only every n-th pixel is wanted. In: an image, a kernel
//! and a step; out: the sums, kept in `f64` and fused, in the image's type. Knows nothing of where the kernel came from.

use std::ops::Range;

use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;

use super::border::Bordered;
use super::{Border, PixelError, Sample};

/// Output rows of a parallel task.
const BAND: usize = 32;

/// Outputs of a row that are summed together.
const LANES: usize = 64;

/// How much of the convolution comes out, for an image of `n` and a kernel of `k` pixels along an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Extent {
    /// Wherever image and kernel touch: `n + k - 1`.
    #[default]
    Full,
    /// As much as the image, from `(k - 1) / 2` on: `n`.
    Same,
    /// Where the kernel lies within the image: `n - k + 1`.
    Valid,
}

impl Extent {
    /// The extent of that name as scipy.signal spells it.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "full" => Some(Self::Full),
            "same" => Some(Self::Same),
            "valid" => Some(Self::Valid),
            _ => None,
        }
    }

    /// Length of the output, and the place of its first pixel in the full convolution.
    fn range(self, image: usize, kernel: usize) -> (usize, usize) {
        match self {
            Self::Full => (image + kernel - 1, 0),
            Self::Same => (image, (kernel - 1) / 2),
            Self::Valid => ((image + 1).saturating_sub(kernel), kernel - 1),
        }
    }
}

/// The convolution of `image` with `kernel`, every `stride`-th pixel of it along both axes: scipy.signal.convolve2d, then
/// `[::stride, ::stride]`, without computing the rest.
///
/// scipy's boundaries `fill`, `wrap` and `symm` are [`Border::Constant`], [`Border::Wrap`] and [`Border::Reflect`]; they
/// go on for kernels larger than the image. NaN and infinities spoil the sums that they take part in. The output of
/// `Valid` is empty where the kernel is larger than the image.
///
/// # Errors
/// An empty kernel, a stride of 0.
pub fn convolve<T: Sample>(
    image: ArrayView2<T>,
    kernel: ArrayView2<f64>,
    extent: Extent,
    boundary: Border,
    stride: usize,
) -> Result<Array2<T>, PixelError> {
    PixelError::at_least("stride", 1, stride)?;
    let (height, width) = kernel.dim();
    if kernel.is_empty() {
        return Err(PixelError::Empty { name: "kernel", height, width });
    }
    if image.is_empty() {
        return Ok(Array2::from_elem(image.dim(), T::ZERO));
    }
    let (rows, top) = extent.range(image.nrows(), height);
    let (columns, left) = extent.range(image.ncols(), width);
    let mut out = Array2::from_elem((rows.div_ceil(stride), columns.div_ceil(stride)), T::ZERO);
    if out.is_empty() {
        return Ok(out);
    }
    let image = image.as_standard_layout();
    let image = Bordered::new(image.view(), boundary);
    // A convolution is a correlation with the kernel turned round, beginning a kernel's length before.
    let mut turned: Vec<f64> = kernel.iter().copied().collect();
    turned.reverse();
    let corner = (top as isize - (height as isize - 1), left as isize - (width as isize - 1));
    let row_length = out.ncols();
    let inner = inner_columns(image.width(), corner.1, width, stride, row_length);
    let out_pixels = out.as_slice_mut().expect("the output was made in C order");
    out_pixels.par_chunks_mut(BAND * row_length).enumerate().for_each(|(band, out)| {
        let span = |count: usize| if count == 0 { 0 } else { (count - 1) * stride + width };
        let mut left = Rows::new(height, span(inner.start));
        let mut right = Rows::new(height, span(row_length - inner.end));
        let column = |x: usize| corner.1 + (x * stride) as isize;
        let constant = image.constant_row();
        for (i, out) in out.chunks_exact_mut(row_length).enumerate() {
            let y = corner.0 + ((band * BAND + i) * stride) as isize;
            let (out_left, out) = out.split_at_mut(inner.start);
            let (out_inner, out_right) = out.split_at_mut(inner.len());
            if !out_left.is_empty() {
                left.advance(&image, (y, column(0)));
                correlate_row(&left.all(), &turned, stride, out_left);
            }
            if !out_inner.is_empty() {
                let from = column(inner.start) as usize;
                let rows = y..y + height as isize;
                let rows: Vec<&[T]> = rows.map(|y| &image.row(y).unwrap_or(&constant)[from..]).collect();
                correlate_row(&rows, &turned, stride, out_inner);
            }
            if !out_right.is_empty() {
                right.advance(&image, (y, column(inner.end)));
                correlate_row(&right.all(), &turned, stride, out_right);
            }
        }
    });
    Ok(out)
}

/// The outputs of a row whose kernel of `width` pixels lies within the image's columns, so that they can be read where they
/// are; none comes after all others.
fn inner_columns(image: usize, left: isize, width: usize, stride: usize, outputs: usize) -> Range<usize> {
    let first = usize::try_from(-left).unwrap_or(0).div_ceil(stride);
    let room = image as isize - width as isize - left;
    let end = usize::try_from(room).map_or(0, |room| room / stride + 1).min(outputs);
    if first < end { first..end } else { outputs..outputs }
}

/// Copies of the rows of the image under the kernel, for where it reaches beyond the edge: the row `y` at `y` modulo their number, so that one that stays need not be
/// read again.
struct Rows<T> {
    pixels: Vec<T>,
    length: usize,
    count: usize,
    first: isize,
    /// The first row that has not been read.
    next: isize,
}

impl<T: Sample> Rows<T> {
    fn new(count: usize, length: usize) -> Self {
        Self { pixels: vec![T::ZERO; count * length], length, count, first: 0, next: isize::MIN }
    }

    /// Makes `corner` the first row and column.
    fn advance(&mut self, image: &Bordered<T>, corner: (isize, isize)) {
        self.first = corner.0;
        let end = corner.0 + self.count as isize;
        for y in self.next.max(corner.0)..end {
            let start = self.slot(y) * self.length;
            image.read_row(y, corner.1, &mut self.pixels[start..start + self.length]);
        }
        self.next = end;
    }

    fn slot(&self, y: isize) -> usize {
        y.rem_euclid(self.count as isize) as usize
    }

    /// The rows under the kernel, from above.
    fn all(&self) -> Vec<&[T]> {
        let rows = self.first..self.first + self.count as isize;
        rows.map(|y| &self.pixels[self.slot(y) * self.length..][..self.length]).collect()
    }
}

/// One row of output, from the rows under the kernel.
#[multiversion::multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+fma+bmi1+bmi2+popcnt+lzcnt",
    "x86_64+avx2+fma+bmi1+bmi2+popcnt+lzcnt"
))]
fn correlate_row<T: Sample>(rows: &[&[T]], kernel: &[f64], stride: usize, out: &mut [T]) {
    let width = kernel.len() / rows.len();
    for (chunk, out) in out.chunks_mut(LANES).enumerate() {
        let mut sums = [0.0; LANES];
        let sums = &mut sums[..out.len()];
        for (row, weights) in rows.iter().zip(kernel.chunks_exact(width)) {
            let row = &row[chunk * LANES * stride..];
            for (k, &weight) in weights.iter().enumerate() {
                if stride == 1 {
                    add(sums, weight, row[k..].iter());
                } else {
                    add(sums, weight, row[k..].iter().step_by(stride));
                }
            }
        }
        for (out, &sum) in out.iter_mut().zip(sums.iter()) {
            *out = T::from_f64(sum);
        }
    }
}

#[inline(always)]
fn add<'a, T: Sample>(sums: &mut [f64], weight: f64, pixels: impl Iterator<Item = &'a T>) {
    for (sum, pixel) in sums.iter_mut().zip(pixels) {
        *sum = weight.mul_add(pixel.to_f64(), *sum);
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{array, s};
    use proptest::prelude::*;

    use super::*;

    /// The definition, pixel by pixel.
    fn slow(image: &Array2<f64>, kernel: &Array2<f64>, extent: Extent, boundary: Border) -> Array2<f64> {
        let (rows, top) = extent.range(image.nrows(), kernel.nrows());
        let (columns, left) = extent.range(image.ncols(), kernel.ncols());
        let constant = if let Border::Constant(value) = boundary { value } else { 0.0 };
        Array2::from_shape_fn((rows, columns), |(y, x)| {
            let at = |((i, j), weight): ((usize, usize), &f64)| {
                let y = boundary.map((y + top) as isize - i as isize, image.nrows());
                let x = boundary.map((x + left) as isize - j as isize, image.ncols());
                weight * y.zip(x).map_or(constant, |(y, x)| image[[y, x]])
            };
            kernel.indexed_iter().map(at).sum()
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn agrees_with_the_definition(
            shape in (1usize..40, 1usize..90),
            size in (1usize..8, 1usize..8),
            extent in prop_oneof![Just(Extent::Full), Just(Extent::Same), Just(Extent::Valid)],
            boundary in prop_oneof![Just(Border::Constant(2.0)), Just(Border::Wrap), Just(Border::Reflect)],
            stride in 1usize..7,
        ) {
            let image = Array2::from_shape_fn(shape, |(y, x)| ((y * 31 + x * 17) % 23) as f64 - 7.0);
            let kernel = Array2::from_shape_fn(size, |(y, x)| ((y * 5 + x * 3) % 11) as f64 - 4.0);
            // Whole numbers: the sums are exact, in any order.
            let whole = slow(&image, &kernel, extent, boundary);
            let step = stride as isize;
            let expected = whole.slice(s![..;step, ..;step]);
            let fast = convolve(image.view(), kernel.view(), extent, boundary, stride).unwrap();
            prop_assert_eq!(&fast, &expected);
            let fast = convolve(image.mapv(|v| v as f32).view(), kernel.view(), extent, boundary, stride).unwrap();
            prop_assert_eq!(fast.mapv(f64::from), expected);
        }
    }

    #[test]
    fn odd_requests() {
        let image = array![[1.0, 2.0, 3.0]];
        let kernel = array![[1.0, 0.0], [0.0, 1.0]];
        let valid = convolve(image.view(), kernel.view(), Extent::Valid, Border::Constant(0.0), 1).unwrap();
        assert_eq!(valid.dim(), (0, 2));
        let stride = convolve(image.view(), kernel.view(), Extent::Full, Border::Wrap, 0).unwrap_err();
        assert_eq!(stride.to_string(), "stride must be at least 1, got 0");
        let empty = convolve(image.view(), Array2::zeros((0, 2)).view(), Extent::Full, Border::Wrap, 1).unwrap_err();
        assert_eq!(empty.to_string(), "the kernel is empty (0 by 2 pixels)");
    }
}
