//! Medians and percentiles of the window around each pixel, and what stands out against them. Chooses between the
//! networks for small windows and the ranks for all others, and keeps the rule for NaN; knows neither from within.

use ndarray::{Array2, ArrayView2, Zip};

use super::border::Bordered;
use super::{Border, PixelError, Sample, network, ranks};

/// Pixels of a window up to which a network is faster than ranks.
const NETWORK_AREA: usize = 36;

/// The most pixels of a window.
const MOST_PIXELS: usize = 1 << 20;

/// The median of the `size` (rows, columns) pixels around each pixel: scipy.ndimage.median_filter.
///
/// A window of `k` pixels covers `i - k/2 ..= i + k - 1 - k/2` along its axis; of an even number of pixels, the upper of
/// the two in the middle is taken. NaN sorts last, as in numpy.sort: a window with `n` NaN among its `a` pixels gives
/// NaN if `a/2 >= a - n`, and otherwise the value of rank `a/2`. The time hardly depends on `size`.
///
/// # Errors
/// A size of 0, and windows of more than 2²⁰ pixels or 2¹⁴ along one axis.
pub fn median_filter<T: Sample>(
    image: ArrayView2<T>,
    size: (usize, usize),
    mode: Border,
) -> Result<Array2<T>, PixelError> {
    check_size(size)?;
    Ok(rank_filter(image, size, size.0 * size.1 / 2, mode))
}

/// The value below which `percentile` per cent of the window lie: scipy.ndimage.percentile_filter. The rank is
/// `pixels * percentile / 100`, rounded down; a negative percentile counts from 100. Window, NaN and errors as in
/// [`median_filter`].
pub fn percentile_filter<T: Sample>(
    image: ArrayView2<T>,
    percentile: f64,
    size: (usize, usize),
    mode: Border,
) -> Result<Array2<T>, PixelError> {
    check_size(size)?;
    let inside = (-100.0..=100.0).contains(&percentile);
    PixelError::number("percentile", "between -100 and 100", percentile, inside)?;
    let percentile = if percentile < 0.0 { percentile + 100.0 } else { percentile };
    let area = size.0 * size.1;
    let rank = ((area as f64 * percentile / 100.0) as usize).min(area - 1);
    Ok(rank_filter(image, size, rank, mode))
}

/// The image less the median of the `size` (rows, columns) pixels around each pixel; see [`median_filter`].
pub fn highpass<T: Sample>(image: ArrayView2<T>, size: (usize, usize), mode: Border) -> Result<Array2<T>, PixelError> {
    let mut out = median_filter(image, size, mode)?;
    Zip::from(&mut out).and(image).for_each(|out, &pixel| *out = pixel - *out);
    Ok(out)
}

fn check_size(size: (usize, usize)) -> Result<(), PixelError> {
    PixelError::window(size)?;
    PixelError::at_most("the number of pixels of the window", MOST_PIXELS, size.0 * size.1)
}

fn rank_filter<T: Sample>(image: ArrayView2<T>, size: (usize, usize), rank: usize, mode: Border) -> Array2<T> {
    let mut out = Array2::from_elem(image.dim(), T::ZERO);
    if image.is_empty() {
        return out;
    }
    let constant_is_nan = matches!(mode, Border::Constant(value) if value.is_nan());
    if constant_is_nan || image.iter().any(|pixel| pixel.is_nan()) {
        let mode_of_numbers = if constant_is_nan { Border::Constant(f64::INFINITY) } else { mode };
        let numbers = image.mapv(|pixel| if pixel.is_nan() { T::INFINITY } else { pixel });
        select(numbers.view(), size, rank, mode_of_numbers, &mut out);
        mask_nan(image, size, rank, mode, &mut out);
    } else {
        select(image.as_standard_layout().view(), size, rank, mode, &mut out);
    }
    out
}

/// `image` is in C order and without NaN.
fn select<T: Sample>(image: ArrayView2<T>, size: (usize, usize), rank: usize, mode: Border, out: &mut Array2<T>) {
    let image = Bordered::new(image, mode);
    let out = out.as_slice_mut().expect("the output was made in C order");
    if size.0 * size.1 <= NETWORK_AREA {
        network::select(&image, size, rank, out);
    } else {
        ranks::select(&image, size, rank, out);
    }
}

/// Puts NaN wherever the window holds so many that the rank falls on one.
fn mask_nan<T: Sample>(image: ArrayView2<T>, size: (usize, usize), rank: usize, mode: Border, out: &mut Array2<T>) {
    let (height, width) = image.dim();
    let constant = u32::from(matches!(mode, Border::Constant(value) if value.is_nan()));
    let most = (size.0 * size.1 - rank - 1) as u32;
    let is_nan = |y: Option<usize>, x: Option<usize>| match (y, x) {
        (Some(y), Some(x)) => u32::from(image[[y, x]].is_nan()),
        _ => constant,
    };
    let reach = |k: usize| (k / 2) as isize;
    // The number of NaN in each column of the block, among the rows of the window.
    let mut columns = vec![0u32; width + size.1 - 1];
    let change = |columns: &mut [u32], y: isize, sign: u32| {
        let y = mode.map(y, height);
        for (i, column) in columns.iter_mut().enumerate() {
            let x = mode.map(i as isize - reach(size.1), width);
            *column = column.wrapping_add(is_nan(y, x).wrapping_mul(sign));
        }
    };
    for y in 0..size.0 as isize - 1 {
        change(&mut columns, y - reach(size.0), 1);
    }
    for y in 0..height {
        let first = y as isize - reach(size.0);
        change(&mut columns, first + size.0 as isize - 1, 1);
        let mut count: u32 = columns[..size.1 - 1].iter().sum();
        for x in 0..width {
            count += columns[x + size.1 - 1];
            if count > most {
                out[[y, x]] = T::NAN;
            }
            count -= columns[x];
        }
        change(&mut columns, first, 1u32.wrapping_neg());
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;
    use proptest::prelude::*;

    use super::*;

    /// The value of rank `rank` in the window around each pixel, by sorting every window.
    fn slow<T: Sample>(image: &Array2<T>, size: (usize, usize), rank: usize, mode: Border) -> Array2<T> {
        let (height, width) = image.dim();
        let constant = if let Border::Constant(value) = mode { value } else { 0.0 };
        Array2::from_shape_fn((height, width), |(y, x)| {
            let mut window = Vec::new();
            for dy in 0..size.0 {
                for dx in 0..size.1 {
                    let y = mode.map((y + dy) as isize - (size.0 / 2) as isize, height);
                    let x = mode.map((x + dx) as isize - (size.1 / 2) as isize, width);
                    window.push(match (y, x) {
                        (Some(y), Some(x)) => image[[y, x]],
                        _ => T::from_f64(constant),
                    });
                }
            }
            window.sort_by(|a, b| a.partial_cmp(b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan())));
            window[rank]
        })
    }

    fn same<T: Sample>(left: &Array2<T>, right: &Array2<T>) -> bool {
        left.dim() == right.dim() && left.iter().zip(right).all(|(a, b)| a == b || (a.is_nan() && b.is_nan()))
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

    /// Numbers with ties, both zeros, infinities, neighbours that differ in the last bit, and a few NaN.
    fn pixel() -> impl Strategy<Value = f64> {
        prop_oneof![
            8 => (-9i8..9).prop_map(f64::from),
            8 => -1e3..1e3,
            2 => (0u64..9).prop_map(|last| f64::from_bits(1.0f64.to_bits() + last)),
            1 => prop_oneof![Just(-0.0), Just(1e300), Just(f64::INFINITY), Just(f64::NEG_INFINITY)],
            1 => Just(f64::NAN),
        ]
    }

    fn image() -> impl Strategy<Value = Array2<f64>> {
        (1usize..40, 1usize..40, any::<bool>()).prop_flat_map(|(height, width, all_numbers)| {
            prop::collection::vec(pixel(), height * width).prop_map(move |mut pixels| {
                if all_numbers {
                    pixels.iter_mut().filter(|pixel| pixel.is_nan()).for_each(|pixel| *pixel = 0.0);
                }
                Array2::from_shape_vec((height, width), pixels).expect("as many pixels as the shape has")
            })
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn medians_are_those_of_sorted_windows(image in image(), size in (1usize..20, 1usize..20), mode in mode()) {
            let fast = median_filter(image.view(), size, mode).unwrap();
            prop_assert!(same(&fast, &slow(&image, size, size.0 * size.1 / 2, mode)));
        }

        #[test]
        fn small_windows_in_f32(image in image(), size in (1usize..7, 1usize..7), mode in mode()) {
            let image = image.mapv(|pixel| pixel as f32);
            let fast = median_filter(image.view(), size, mode).unwrap();
            prop_assert!(same(&fast, &slow(&image, size, size.0 * size.1 / 2, mode)));
        }

        #[test]
        fn every_rank(image in image(), size in (1usize..12, 1usize..12), percentile in 0.0..100.0, mode in mode()) {
            let rank = ((size.0 * size.1) as f64 * percentile / 100.0) as usize;
            let fast = percentile_filter(image.view(), percentile, size, mode).unwrap();
            prop_assert!(same(&fast, &slow(&image, size, rank, mode)));
        }
    }

    #[test]
    fn images_of_several_blocks() {
        let mut state = 7u32;
        let image = Array2::from_shape_simple_fn((190, 301), || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            f64::from(state >> 20)
        });
        for size in [(7, 6), (3, 60), (51, 2), (21, 20)] {
            let fast = median_filter(image.view(), size, Border::Mirror).unwrap();
            assert!(same(&fast, &slow(&image, size, size.0 * size.1 / 2, Border::Mirror)), "{size:?}");
        }
    }

    #[test]
    fn windows_larger_than_the_image_and_than_a_byte() {
        let image = Array2::from_shape_fn((9, 11), |(y, x)| ((y * 7 + x * 5) % 13) as f64);
        for size in [(40, 41), (1, 300), (300, 3), (257, 1)] {
            for mode in [Border::Reflect, Border::Wrap, Border::Constant(5.0)] {
                let fast = median_filter(image.view(), size, mode).unwrap();
                assert!(same(&fast, &slow(&image, size, size.0 * size.1 / 2, mode)), "{size:?} {mode:?}");
            }
        }
    }

    #[test]
    fn windows_that_just_do_not_fit_into_a_byte() {
        let row = Array2::from_shape_fn((1, 90), |(_, x)| (x * 37 % 90) as f64);
        for size in [(255, 3), (256, 3), (257, 2), (208, 209)] {
            let fast = median_filter(row.view(), size, Border::Nearest).unwrap();
            assert!(same(&fast, &slow(&row, size, size.0 * size.1 / 2, Border::Nearest)), "{size:?}");
            let size = (size.1, size.0);
            let fast = median_filter(row.t(), size, Border::Nearest).unwrap();
            assert!(same(&fast, &slow(&row.t().to_owned(), size, size.0 * size.1 / 2, Border::Nearest)), "{size:?}");
        }
    }

    #[test]
    fn views_in_any_order_of_memory() {
        let image = Array2::from_shape_fn((30, 20), |(y, x)| ((y * 7 + x * 5) % 13) as f64);
        let turned = median_filter(image.t(), (3, 8), Border::Reflect).unwrap();
        let copied = median_filter(image.t().as_standard_layout().view(), (3, 8), Border::Reflect).unwrap();
        assert_eq!(turned, copied);
    }

    #[test]
    fn nan_sorts_last() {
        let image = array![[f64::NAN, 1.0, 2.0, f64::NAN, f64::NAN]];
        let median = median_filter(image.view(), (1, 3), Border::Nearest).unwrap();
        assert!(same(&median, &array![[f64::NAN, 2.0, 2.0, f64::NAN, f64::NAN]]));
    }

    #[test]
    fn odd_requests_are_refused_in_words() {
        let image = array![[1.0]];
        let message = |size| median_filter(image.view(), size, Border::Reflect).unwrap_err().to_string();
        assert_eq!(message((0, 3)), "size must be at least 1, got 0");
        assert_eq!(message((1, 20_000)), "size must be at most 16384, got 20000");
        assert_eq!(message((2048, 2048)), "the number of pixels of the window must be at most 1048576, got 4194304");
        assert!(percentile_filter(image.view(), f64::NAN, (1, 1), Border::Reflect).is_err());
        assert_eq!(median_filter(Array2::<f32>::zeros((0, 3)).view(), (3, 3), Border::Wrap).unwrap().dim(), (0, 3));
    }

    #[test]
    fn highpass_is_the_image_less_its_median() {
        let image = array![[1.0f32, 5.0, 2.0]];
        assert_eq!(highpass(image.view(), (1, 3), Border::Reflect).unwrap(), array![[0.0, 3.0, 0.0]]);
    }
}
