//! Numbers that sum up an image: arrays of any shape in, one `f64` each out. Knows no axes, no masks and no weights.
//!
//! NaN is treated as by numpy's plain functions: one NaN makes every answer NaN ([`nan_count`] tells how many there are).
//! Sums are pairwise (N. J. Higham, "The accuracy of floating point summation", SIAM 1993), the variance takes two
//! passes over each of the blocks, which are joined pair by pair (T. F. Chan, G. H. Golub and R. J. LeVeque, "Algorithms for
//! computing the sample variance", The American Statistician 1983); both in `f64`, and in reading order, so that the layout
//! of an array in memory does not show.

use std::borrow::Cow;

use ndarray::{ArrayView, Dimension, Zip};

use super::{PixelError, Sample};

/// Values that are added one after the other, in as many sums as vector units like.
const RUN: usize = 128;
const LANES: usize = 16;

/// Values that are looked at together: as many as the nearest memory holds.
const BLOCK: usize = 4096;

/// From so many values on it is worth to share them among threads.
const SHARED: usize = 1 << 18;

/// What [`imstat`] finds out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Imstat {
    /// Number of pixels.
    pub npix: usize,
    pub mean: f64,
    /// Population standard deviation.
    pub std: f64,
    pub min: f64,
    pub max: f64,
    pub median: f64,
}

/// The sum of all values; 0 for none.
pub fn sum<T: Sample, D: Dimension>(array: ArrayView<T, D>) -> f64 {
    pairwise(&values(&array), |value| value.to_f64())
}

/// The arithmetic mean.
///
/// # Errors
/// An empty array, as all of the following.
pub fn mean<T: Sample, D: Dimension>(array: ArrayView<T, D>) -> Result<f64, PixelError> {
    Ok(mean_of(&some_values(&array)?))
}

/// The population variance (numpy's `ddof=0`).
pub fn var<T: Sample, D: Dimension>(array: ArrayView<T, D>) -> Result<f64, PixelError> {
    Ok(Moments::of(&some_values(&array)?).variance())
}

/// The population standard deviation.
pub fn std<T: Sample, D: Dimension>(array: ArrayView<T, D>) -> Result<f64, PixelError> {
    var(array).map(f64::sqrt)
}

/// The least value.
pub fn min<T: Sample, D: Dimension>(array: ArrayView<T, D>) -> Result<f64, PixelError> {
    Ok(range_of(&some_values(&array)?).0)
}

/// The greatest value.
pub fn max<T: Sample, D: Dimension>(array: ArrayView<T, D>) -> Result<f64, PixelError> {
    Ok(range_of(&some_values(&array)?).1)
}

/// The median: of an even number of values, the mean of the two in the middle.
pub fn median<T: Sample, D: Dimension>(array: ArrayView<T, D>) -> Result<f64, PixelError> {
    Ok(median_of(&mut some_values(&array)?.into_owned()))
}

/// The value that `percentile` per cent of the values lie below, between two values on the straight line that joins
/// them: numpy.percentile's method `linear`.
///
/// # Errors
/// An empty array, and a percentile that is not between 0 and 100.
pub fn percentile<T: Sample, D: Dimension>(array: ArrayView<T, D>, percentile: f64) -> Result<f64, PixelError> {
    let mut values = some_values(&array)?.into_owned();
    percentile_of(&mut values, percentile)
}

/// How many values are NaN.
pub fn nan_count<T: Sample, D: Dimension>(array: ArrayView<T, D>) -> usize {
    array.iter().filter(|value| value.is_nan()).count()
}

/// Number, mean, population standard deviation, least, greatest and median, in one go.
pub fn imstat<T: Sample, D: Dimension>(array: ArrayView<T, D>) -> Result<Imstat, PixelError> {
    let values = some_values(&array)?;
    let mean = mean_of(&values);
    let std = Moments::of(&values).variance().sqrt();
    let (min, max) = range_of(&values);
    let npix = values.len();
    Ok(Imstat { npix, mean, std, min, max, median: median_of(&mut values.into_owned()) })
}

/// How many values lie in each of `bins` equal intervals of `range` (least to greatest value without it), and the `bins` + 1
/// edges: numpy.histogram. A value on an edge counts above it, on the last edge below it; values outside of `range`, and NaN
/// with a range given, do not count. Equal ends are moved apart by one half each.
///
/// # Errors
/// No bin, a range that falls or is not finite, and values that are not finite without a range.
pub fn histogram<T: Sample, D: Dimension>(
    array: ArrayView<T, D>,
    bins: usize,
    range: Option<(f64, f64)>,
) -> Result<(Vec<u64>, Vec<f64>), PixelError> {
    const MOST_BINS: usize = 1 << 24;
    PixelError::at_least("bins", 1, bins)?;
    PixelError::at_most("bins", MOST_BINS, bins)?;
    let values = values(&array);
    let (mut low, mut high) = match range {
        Some(range) => range,
        None if values.is_empty() => (0.0, 1.0),
        None => range_of(&values),
    };
    for end in [low, high] {
        PixelError::number("the range of the histogram", "finite", end, end.is_finite())?;
    }
    PixelError::number("the upper end of the range", "at least the lower", high, high >= low)?;
    if low == high {
        (low, high) = (low - 0.5, high + 0.5);
    }
    let step = (high - low) / bins as f64;
    let mut edges: Vec<f64> = (0..=bins).map(|i| i as f64 * step + low).collect();
    edges[bins] = high;
    let mut counts = vec![0; bins];
    for value in values.iter().map(|value| value.to_f64()).filter(|value| (low..=high).contains(value)) {
        let mut bin = (((value - low) / (high - low) * bins as f64) as usize).min(bins - 1);
        // The edges decide, where the division was rounded.
        if value < edges[bin] {
            bin -= 1;
        } else if value >= edges[bin + 1] && bin != bins - 1 {
            bin += 1;
        }
        counts[bin] += 1;
    }
    Ok((counts, edges))
}

/// How far two arrays lie apart.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Difference {
    /// Root of the mean squared difference.
    pub rmse: f64,
    /// The greatest absolute difference.
    pub max: f64,
    /// Greatest less least value of the first array.
    pub range: f64,
}

/// The differences of two arrays of one shape, in `f64`; NaN in either makes them NaN.
///
/// # Errors
/// Arrays without a value.
///
/// # Panics
/// Where the shapes differ.
pub fn difference<A: Sample, B: Sample, D: Dimension>(
    a: ArrayView<A, D>,
    b: ArrayView<B, D>,
) -> Result<Difference, PixelError> {
    let (low, high) = range_of(&some_values(&a)?);
    let far = Zip::from(&a).and(&b).map_collect(|a, b| (a.to_f64() - b.to_f64()).abs());
    let far = values(&far.view()).into_owned();
    let rmse = (pairwise(&far, |far| far * far) / far.len() as f64).sqrt();
    Ok(Difference { rmse, max: range_of(&far).1, range: high - low })
}

/// The percentile of `values`, whose order is lost; see [`percentile`].
pub(super) fn percentile_of<T: Sample>(values: &mut [T], percentile: f64) -> Result<f64, PixelError> {
    let inside = (0.0..=100.0).contains(&percentile);
    PixelError::number("percentile", "between 0 and 100", percentile, inside)?;
    if values.iter().any(|value| value.is_nan()) {
        return Ok(f64::NAN);
    }
    let place = (values.len() - 1) as f64 * (percentile / 100.0);
    let below = place.floor() as usize;
    let fraction = place - place.floor();
    let (low, above) = split(values, below);
    let low = low.to_f64();
    let high = above.iter().fold(f64::INFINITY, |least, value| least.min(value.to_f64()));
    if fraction == 0.0 || above.is_empty() || low == high {
        return Ok(low);
    }
    // From the nearer end, as numpy: the ends themselves come out exactly, and rising percentiles give rising values.
    let step = high - low;
    Ok(if fraction < 0.5 { low + step * fraction } else { high - step * (1.0 - fraction) })
}

/// The median of `values`, at least one, whose order is lost.
pub(super) fn median_of<T: Sample>(values: &mut [T]) -> f64 {
    if values.iter().any(|value| value.is_nan()) {
        return f64::NAN;
    }
    let half = values.len() / 2;
    let odd = values.len() % 2 == 1;
    let high = split(values, half).0.to_f64();
    if odd {
        return high;
    }
    let low = values[..half].iter().fold(f64::NEG_INFINITY, |most, value| most.max(value.to_f64()));
    // Halved first, so that the sum of two large numbers is finite; equal ones come out as they are.
    if low == high { low } else { low / 2.0 + high / 2.0 }
}

/// The value of rank `rank`, and those above it. There is no NaN among them.
fn split<T: Sample>(values: &mut [T], rank: usize) -> (T, &[T]) {
    let (_, value, above) =
        values.select_nth_unstable_by(rank, |a, b| a.partial_cmp(b).expect("NaN was answered before"));
    (*value, above)
}

/// The values in reading order.
fn values<'a, T: Sample, D: Dimension>(array: &'a ArrayView<T, D>) -> Cow<'a, [T]> {
    match array.as_slice() {
        Some(values) => Cow::Borrowed(values),
        None => Cow::Owned(array.iter().copied().collect()),
    }
}

fn some_values<'a, T: Sample, D: Dimension>(array: &'a ArrayView<T, D>) -> Result<Cow<'a, [T]>, PixelError> {
    if array.is_empty() { Err(PixelError::NoValue) } else { Ok(values(array)) }
}

pub(super) fn mean_of<T: Sample>(values: &[T]) -> f64 {
    pairwise(values, |value| value.to_f64()) / values.len() as f64
}

pub(super) fn variance_about<T: Sample>(values: &[T], mean: f64) -> f64 {
    let square = |value: T| {
        let distance = value.to_f64() - mean;
        distance * distance
    };
    pairwise(values, square) / values.len() as f64
}

/// How many values there are, their mean, and the sum of the squares of their distances from it.
#[derive(Clone, Copy)]
struct Moments {
    count: f64,
    mean: f64,
    squares: f64,
}

impl Moments {
    /// Of at least one value. Threads share many; the blocks are the same however many there are.
    fn of<T: Sample>(values: &[T]) -> Moments {
        if values.len() <= BLOCK {
            let mean = mean_of(values);
            let count = values.len() as f64;
            return Moments { count, mean, squares: variance_about(values, mean) * count };
        }
        let (left, right) = values.split_at((values.len() / 2).next_multiple_of(BLOCK).min(values.len() - 1));
        let (left, right) = if values.len() >= SHARED {
            rayon::join(|| Moments::of(left), || Moments::of(right))
        } else {
            (Moments::of(left), Moments::of(right))
        };
        left.and(right)
    }

    fn and(self, other: Moments) -> Moments {
        let count = self.count + other.count;
        let way = other.mean - self.mean;
        let mean = self.mean + way * (other.count / count);
        let squares = self.squares + other.squares + way * way * (self.count * other.count / count);
        Moments { count, mean, squares }
    }

    fn variance(self) -> f64 {
        self.squares / self.count
    }
}

/// Least and greatest, or NaN twice where there is one.
fn range_of<T: Sample>(values: &[T]) -> (f64, f64) {
    let (least, most) = extremes(values, |value| !value.is_nan());
    if values.iter().any(|value| value.is_nan()) { (f64::NAN, f64::NAN) } else { (least, most) }
}

/// Least and greatest of the finite values; none where there is none.
pub(super) fn finite_range<T: Sample, D: Dimension>(array: &ArrayView<T, D>) -> Option<(f64, f64)> {
    let (least, most) = extremes(&values(array), |value| value.to_f64().is_finite());
    (least <= most).then_some((least, most))
}

/// The finite values in reading order; borrowed where all are.
pub(super) fn finite_values<'a, T: Sample, D: Dimension>(array: &'a ArrayView<T, D>) -> Cow<'a, [T]> {
    let values = values(array);
    if are_finite(&values) {
        return values;
    }
    Cow::Owned(values.iter().copied().filter(|value| value.to_f64().is_finite()).collect())
}

/// Least and greatest of the values that count; infinities the other way round where none does.
#[multiversion::multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+fma+bmi1+bmi2+popcnt+lzcnt",
    "x86_64+avx2+fma+bmi1+bmi2+popcnt+lzcnt"
))]
fn extremes<T: Sample>(values: &[T], counts: impl Fn(T) -> bool + Copy) -> (f64, f64) {
    let mut least = [f64::INFINITY; LANES];
    let mut most = [f64::NEG_INFINITY; LANES];
    let (whole, rest) = values.as_chunks::<LANES>();
    let mut last = [T::NAN; LANES];
    last[..rest.len()].copy_from_slice(rest);
    for chunk in whole.iter().chain([&last]) {
        // Comparisons and choices, which become vectors, where `f64::min` is a call for each.
        for k in 0..LANES {
            let value = chunk[k].to_f64();
            let counts = counts(chunk[k]);
            least[k] = if counts & (value < least[k]) { value } else { least[k] };
            most[k] = if counts & (value > most[k]) { value } else { most[k] };
        }
    }
    let least = least.into_iter().fold(f64::INFINITY, f64::min);
    (least, most.into_iter().fold(f64::NEG_INFINITY, f64::max))
}

/// The sum of `term` over `values`: halves are summed apart and added, down to short runs. Threads share long ones; the
/// halves are the same however many there are.
fn pairwise<T: Sample>(values: &[T], term: impl Fn(T) -> f64 + Copy + Sync) -> f64 {
    if values.len() > RUN {
        let half = (values.len() / 2).next_multiple_of(RUN);
        let (left, right) = values.split_at(half.min(values.len() - 1));
        let (left, right) = if values.len() >= SHARED {
            rayon::join(|| pairwise(left, term), || pairwise(right, term))
        } else {
            (pairwise(left, term), pairwise(right, term))
        };
        return left + right;
    }
    sum_of_run(values, term)
}

#[multiversion::multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+fma+bmi1+bmi2+popcnt+lzcnt",
    "x86_64+avx2+fma+bmi1+bmi2+popcnt+lzcnt"
))]
fn sum_of_run<T: Sample>(values: &[T], term: impl Fn(T) -> f64 + Copy) -> f64 {
    let mut sums = [0.0; LANES];
    let (whole, rest) = values.as_chunks::<LANES>();
    for chunk in whole {
        for (sum, &value) in sums.iter_mut().zip(chunk) {
            *sum += term(value);
        }
    }
    for (sum, &value) in sums.iter_mut().zip(rest) {
        *sum += term(value);
    }
    let mut width = LANES / 2;
    while width > 0 {
        for i in 0..width {
            sums[i] += sums[i + width];
        }
        width /= 2;
    }
    sums[0]
}

/// Whether all values are finite.
#[multiversion::multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+fma+bmi1+bmi2+popcnt+lzcnt",
    "x86_64+avx2+fma+bmi1+bmi2+popcnt+lzcnt"
))]
fn are_finite<T: Sample>(values: &[T]) -> bool {
    // No way out within a block: that is what vectors are made of.
    values.chunks(BLOCK).all(|block| block.iter().fold(true, |all, value| all & value.to_f64().is_finite()))
}

/// Whether all values are finite.
pub fn all_finite<T: Sample, D: Dimension>(array: ArrayView<T, D>) -> bool {
    are_finite(&values(&array))
}

#[cfg(test)]
mod tests {
    use ndarray::{Array1, Array2, ArrayView1, array};
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn agree_with_sorting_and_plain_sums(values in prop::collection::vec(-1e3..1e3f64, 1..600), q in 0.0..=100.0f64) {
            let array = Array1::from(values.clone());
            let mut sorted = values.clone();
            sorted.sort_by(f64::total_cmp);
            let n = values.len();
            let plain = values.iter().sum::<f64>() / n as f64;
            let spread = values.iter().map(|v| (v - plain).powi(2)).sum::<f64>() / n as f64;
            let stat = imstat(array.view()).unwrap();
            prop_assert!((stat.mean - plain).abs() < 1e-9);
            prop_assert!((stat.std - spread.sqrt()).abs() < 1e-9);
            prop_assert_eq!((stat.npix, stat.min, stat.max), (n, sorted[0], sorted[n - 1]));
            prop_assert!((stat.median - (sorted[n / 2] + sorted[(n - 1) / 2]) / 2.0).abs() < 1e-9);
            let place = (n - 1) as f64 * q / 100.0;
            let (low, high) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
            let expected = low + (high - low) * place.fract();
            prop_assert!((percentile(array.view(), q).unwrap() - expected).abs() < 1e-9);
        }
    }

    proptest! {
        #[test]
        fn histograms_count_between_their_edges(
            values in prop::collection::vec(prop_oneof![-2.0..2.0f64, (-20i32..20).prop_map(|n| f64::from(n) / 10.0)], 1..300),
            bins in 1usize..40, given in any::<bool>(),
        ) {
            let range = given.then_some((-1.0, 1.5));
            let (counts, edges) = histogram(Array1::from(values.clone()).view(), bins, range).unwrap();
            prop_assert_eq!((counts.len(), edges.len()), (bins, bins + 1));
            for (bin, count) in counts.iter().enumerate() {
                let is_last = bin == bins - 1;
                let inside = |v: &&f64| **v >= edges[bin] && (**v < edges[bin + 1] || (is_last && **v == edges[bin + 1]));
                prop_assert_eq!(values.iter().filter(inside).count() as u64, *count);
            }
        }
    }

    #[test]
    fn histograms_of_odd_values() {
        let one = array![3.0f32, 3.0];
        assert_eq!(histogram(one.view(), 2, None).unwrap(), (vec![0, 2], vec![2.5, 3.0, 3.5]));
        assert!(histogram(one.view(), 0, None).is_err() && histogram(one.view(), 2, Some((1.0, 0.0))).is_err());
        let missing = array![f64::NAN, 0.5];
        assert!(histogram(missing.view(), 3, None).is_err());
        assert_eq!(histogram(missing.view(), 1, Some((0.0, 1.0))).unwrap().0, [1]);
    }

    #[test]
    fn differences() {
        let (a, b) = (array![[0.0f32, 2.0], [4.0, 10.0]], array![[0.0, 2.0], [1.0, 6.0]]);
        assert_eq!(difference(a.view(), b.view()).unwrap(), Difference { rmse: 2.5, max: 4.0, range: 10.0 });
        assert!(difference(a.view(), (b * f64::NAN).view()).unwrap().max.is_nan());
    }

    #[test]
    fn sums_keep_their_digits() {
        let small = Array1::from_elem(10_000_000, 0.1f32);
        assert!((mean(small.view()).unwrap() - f64::from(0.1f32)).abs() < 1e-16);
        let far = Array1::from_iter((0..1_000_000).map(|i| 1e9 + f64::from(i % 2)));
        assert_eq!(var(far.view()).unwrap(), 0.25);
    }

    #[test]
    fn the_variance_of_many_blocks_is_that_about_their_common_mean() {
        for count in [BLOCK - 1, BLOCK + 1, 3 * BLOCK, SHARED + 5] {
            let values: Vec<f64> = (0..count).map(|i| 1e6 + (i * i % 1013) as f64 + i as f64 * 0.01).collect();
            let expected = variance_about(&values, mean_of(&values));
            let found = var(ArrayView1::from(&values)).unwrap();
            assert!((found / expected - 1.0).abs() < 1e-12, "{count}: {found} and {expected}");
        }
        let mut values = vec![1.0; 3 * BLOCK];
        values[BLOCK] = f64::INFINITY;
        assert!(var(ArrayView1::from(&values)).unwrap().is_nan(), "as numpy");
    }

    #[test]
    fn nan_spoils_every_answer_and_is_counted() {
        let array = array![[1.0f32, f32::NAN], [2.0, 3.0]];
        assert_eq!(nan_count(array.view()), 1);
        assert!(sum(array.view()).is_nan());
        for answer in [mean, var, std, min, max, median] {
            assert!(answer(array.view()).unwrap().is_nan());
        }
        assert!(percentile(array.view(), 0.0).unwrap().is_nan());
    }

    #[test]
    fn layout_does_not_show_and_nothing_has_no_mean() {
        let array = Array2::from_shape_fn((40, 50), |(y, x)| ((y * 31 + x * 17) % 23) as f64 * 0.1);
        let copy = array.t().as_standard_layout().into_owned();
        assert_eq!(sum(array.t()).to_bits(), sum(copy.view()).to_bits());
        assert_eq!(mean(Array1::<f64>::zeros(0).view()).unwrap_err().to_string(), "the array has no value");
        assert_eq!(sum(Array1::<f64>::zeros(0).view()), 0.0);
        assert!(percentile(array.view(), 101.0).is_err());
        assert_eq!(median(array![f64::INFINITY, f64::INFINITY].view()).unwrap(), f64::INFINITY);
        assert_eq!(percentile(array![1.0, f64::INFINITY].view(), 0.0).unwrap(), 1.0);
    }
}
