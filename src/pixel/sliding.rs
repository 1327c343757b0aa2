//! Means, minima and maxima of the window around each pixel, at a cost that does not depend on the window. In: an image
//! and a window; out: an image of the same shape and type. Knows nothing of how lines are read.
//!
//! After M. van Herk, "A fast algorithm for local minimum and maximum filters on rectangular and octagonal kernels"
//! (Pattern Recognition Letters 13, 1992) and J. Gil and M. Werman, "Computing 2-D min, median, and max filters" (IEEE
//! TPAMI 15, 1993): the line is cut into blocks as long as the window, so that every window is the end of one block and
//! the beginning of the next. It serves sums as well: nothing that has entered is ever taken away again, so that errors do
//! not pile up along the line, and a NaN or an infinity is gone with the window that held it, unlike in a running sum.

use ndarray::{Array2, ArrayView2};

use super::separable::{ACROSS, Lanes, Line, separable};
use super::{Border, PixelError, Sample};

/// The mean of the `size` (rows, columns) pixels around each pixel: scipy.ndimage.uniform_filter.
///
/// A window of `k` pixels covers `i - k/2 ..= i + k - 1 - k/2` along its axis. The columns are averaged first, then the
/// rows, each to the image's type. A NaN or an infinity spoils the windows that hold it, and no others.
///
/// # Errors
/// A size of 0, and windows of more than 2¹⁴ pixels along an axis.
pub fn uniform_filter<T: Sample>(
    image: ArrayView2<T>,
    size: (usize, usize),
    mode: Border,
) -> Result<Array2<T>, PixelError> {
    slide::<T, Mean>(image, size, mode)
}

/// The least of the `size` (rows, columns) pixels around each pixel: scipy.ndimage.minimum_filter. Window and errors as in
/// [`uniform_filter`]; the minimum of a window with a NaN is NaN, as numpy.minimum has it.
pub fn minimum_filter<T: Sample>(
    image: ArrayView2<T>,
    size: (usize, usize),
    mode: Border,
) -> Result<Array2<T>, PixelError> {
    slide::<T, Minimum>(image, size, mode)
}

/// The greatest of the `size` (rows, columns) pixels around each pixel: scipy.ndimage.maximum_filter. Window, NaN and errors
/// as in [`minimum_filter`].
pub fn maximum_filter<T: Sample>(
    image: ArrayView2<T>,
    size: (usize, usize),
    mode: Border,
) -> Result<Array2<T>, PixelError> {
    slide::<T, Maximum>(image, size, mode)
}

fn slide<T: Sample, F: Fold>(
    image: ArrayView2<T>,
    size: (usize, usize),
    mode: Border,
) -> Result<Array2<T>, PixelError> {
    PixelError::window(size)?;
    Ok(separable(image, mode, &Window { size: size.0, fold: F::NEW }, &Window { size: size.1, fold: F::NEW }))
}

/// What is made of the numbers of a window, two by two.
trait Fold: Copy + Sync {
    const NEW: Self;
    /// What changes nothing.
    const NEUTRAL: f64;
    fn join(a: f64, b: f64) -> f64;
    /// What comes out for a window of so many pixels.
    fn finish(whole: f64, pixels: f64) -> f64;
}

macro_rules! fold {
    ($name:ident, $neutral:expr, $join:expr, $finish:expr) => {
        #[derive(Clone, Copy)]
        struct $name;

        impl Fold for $name {
            const NEW: Self = Self;
            const NEUTRAL: f64 = $neutral;

            #[inline(always)]
            fn join(a: f64, b: f64) -> f64 {
                $join(a, b)
            }

            #[inline(always)]
            fn finish(whole: f64, pixels: f64) -> f64 {
                $finish(whole, pixels)
            }
        }
    };
}
// Divided and not multiplied by the inverse: the mean of equal numbers is that number.
fold!(Mean, 0.0, |a, b| a + b, |whole, pixels| whole / pixels);
fold!(Minimum, f64::INFINITY, |a: f64, b| if a < b || a.is_nan() { a } else { b }, |whole, _| whole);
fold!(Maximum, f64::NEG_INFINITY, |a: f64, b| if a > b || a.is_nan() { a } else { b }, |whole, _| whole);

/// A window along one axis.
struct Window<F> {
    size: usize,
    fold: F,
}

impl<F: Fold> Line for Window<F> {
    fn window(&self) -> usize {
        self.size
    }

    fn apply(&self, line: &mut [Lanes], out: &mut [Lanes]) {
        if self.size == 1 {
            out.copy_from_slice(line);
        } else {
            fold_line(self.fold, self.size, line, out);
        }
    }
}

#[multiversion::multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+fma+bmi1+bmi2+popcnt+lzcnt",
    "x86_64+avx2+fma+bmi1+bmi2+popcnt+lzcnt"
))]
fn fold_line<F: Fold>(_: F, size: usize, line: &mut [Lanes], out: &mut [Lanes]) {
    let pixels = size as f64;
    for (i, out) in out.chunks_mut(size).enumerate() {
        let (block, next) = line[i * size..].split_at_mut(size);
        // From its end on, what the block is up to each place.
        let mut whole = Lanes::of(F::NEUTRAL);
        for lanes in block.iter_mut().rev() {
            join::<F>(&mut whole, lanes);
            *lanes = whole;
        }
        let mut begun = Lanes::of(F::NEUTRAL);
        let (first, others) = out.split_first_mut().expect("chunks are not empty");
        *first = Lanes(block[0].0.map(|whole| F::finish(whole, pixels)));
        for ((out, rest), entering) in others.iter_mut().zip(&block[1..]).zip(next.iter()) {
            join::<F>(&mut begun, entering);
            for k in 0..ACROSS {
                out.0[k] = F::finish(F::join(rest.0[k], begun.0[k]), pixels);
            }
        }
    }
}

#[inline(always)]
fn join<F: Fold>(whole: &mut Lanes, entering: &Lanes) {
    for k in 0..ACROSS {
        whole.0[k] = F::join(whole.0[k], entering.0[k]);
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;
    use proptest::prelude::*;

    use super::*;

    /// The numbers of each window, put together by `join`.
    fn slow(image: &Array2<f64>, size: (usize, usize), mode: Border, join: impl Fn(&[f64]) -> f64) -> Array2<f64> {
        let (height, width) = image.dim();
        let constant = if let Border::Constant(value) = mode { value } else { 0.0 };
        Array2::from_shape_fn((height, width), |(y, x)| {
            let mut window = Vec::new();
            for dy in 0..size.0 {
                for dx in 0..size.1 {
                    let y = mode.map((y + dy) as isize - (size.0 / 2) as isize, height);
                    let x = mode.map((x + dx) as isize - (size.1 / 2) as isize, width);
                    window.push(y.zip(x).map_or(constant, |(y, x)| image[[y, x]]));
                }
            }
            join(&window)
        })
    }

    fn mean(window: &[f64]) -> f64 {
        window.iter().sum::<f64>() / window.len() as f64
    }

    /// numpy.min: NaN if there is one.
    fn least(window: &[f64]) -> f64 {
        if window.iter().any(|v| v.is_nan()) { f64::NAN } else { window.iter().copied().fold(f64::INFINITY, f64::min) }
    }

    fn greatest(window: &[f64]) -> f64 {
        -least(&window.iter().map(|v| -v).collect::<Vec<_>>())
    }

    fn same(left: &Array2<f64>, right: &Array2<f64>, tolerance: f64) -> bool {
        let close =
            |a: f64, b: f64| a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= tolerance * b.abs().max(1.0);
        left.dim() == right.dim() && left.iter().zip(right).all(|(&a, &b)| close(a, b))
    }

    fn mode() -> impl Strategy<Value = Border> {
        prop_oneof![
            Just(Border::Reflect),
            Just(Border::Nearest),
            Just(Border::Mirror),
            Just(Border::Wrap),
            Just(Border::Constant(1.5)),
            Just(Border::Constant(f64::NAN)),
        ]
    }

    fn image() -> impl Strategy<Value = Array2<f64>> {
        let pixel = prop_oneof![
            16 => -1e3..1e3,
            4 => (-9i8..9).prop_map(f64::from),
            1 => prop_oneof![Just(f64::NAN), Just(f64::INFINITY), Just(f64::NEG_INFINITY)],
        ];
        (1usize..40, 1usize..40).prop_flat_map(move |(height, width)| {
            prop::collection::vec(pixel.clone(), height * width).prop_map(move |pixels| {
                Array2::from_shape_vec((height, width), pixels).expect("as many pixels as the shape has")
            })
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(96))]

        #[test]
        fn windows_are_those_of_the_definition(image in image(), size in (1usize..20, 1usize..60), mode in mode()) {
            let fast = uniform_filter(image.view(), size, mode).unwrap();
            prop_assert!(same(&fast, &slow(&image, size, mode, mean), 1e-12));
            let fast = minimum_filter(image.view(), size, mode).unwrap();
            prop_assert!(same(&fast, &slow(&image, size, mode, least), 0.0));
            let fast = maximum_filter(image.view(), size, mode).unwrap();
            prop_assert!(same(&fast, &slow(&image, size, mode, greatest), 0.0));
        }

        #[test]
        fn f32_is_f64_rounded(image in image(), size in (1usize..20, 1usize..20), mode in mode()) {
            let single = image.mapv(|pixel| pixel as f32);
            let wide = single.mapv(f64::from);
            let fast = maximum_filter(single.view(), size, mode).unwrap().mapv(f64::from);
            prop_assert!(same(&fast, &slow(&wide, size, mode, greatest), 0.0));
            let fast = uniform_filter(single.view(), size, mode).unwrap().mapv(f64::from);
            prop_assert!(same(&fast, &slow(&wide, size, mode, mean), 1e-4));
        }
    }

    #[test]
    fn bands_and_long_windows() {
        let image = Array2::from_shape_fn((300, 20), |(y, x)| ((y * 31 + x * 17) % 23) as f64);
        for size in [(2, 3), (150, 1), (400, 3), (1, 70)] {
            let fast = uniform_filter(image.view(), size, Border::Mirror).unwrap();
            assert!(same(&fast, &slow(&image, size, Border::Mirror, mean), 1e-12), "{size:?}");
            let fast = minimum_filter(image.view(), size, Border::Mirror).unwrap();
            assert!(same(&fast, &slow(&image, size, Border::Mirror, least), 0.0), "{size:?}");
        }
    }

    #[test]
    fn equal_numbers_stay_as_they_are() {
        let image = Array2::from_elem((9, 11), 0.1f32);
        assert_eq!(uniform_filter(image.view(), (7, 3), Border::Reflect).unwrap(), image);
    }

    #[test]
    fn odd_requests() {
        let image = array![[1.0]];
        let message = |size| uniform_filter(image.view(), size, Border::Reflect).unwrap_err().to_string();
        assert_eq!(message((0, 3)), "size must be at least 1, got 0");
        assert_eq!(message((1, 20_000)), "size must be at most 16384, got 20000");
        assert_eq!(minimum_filter(Array2::<f32>::zeros((0, 3)).view(), (3, 3), Border::Wrap).unwrap().dim(), (0, 3));
    }
}
