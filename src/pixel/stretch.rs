//! From measured values to values for the eye: an interval of the image is mapped to 0..1 and bent. In: an image; out: an
//! image of the same shape and type between 0 and 1. The formulas are those of astropy.visualization.

use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;

use super::statistics::{finite_range, finite_values, median_of, percentile_of};
use super::{PixelError, Sample};

/// Which values become 0 and 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Interval {
    /// The least and the greatest finite value.
    MinMax,
    /// The percentiles that leave out as much below as above and keep this many per cent (astropy's PercentileInterval).
    Percentile(f64),
    /// IRAF's zscale, as astropy's ZScaleInterval with its defaults computes it.
    ZScale,
    /// These two (astropy's ManualInterval).
    Manual(f64, f64),
}

/// How the values between are bent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stretch {
    /// `x`
    Linear,
    /// `sqrt(x)`
    Sqrt,
    /// `ln(1000 x + 1) / ln(1001)`
    Log,
    /// `asinh(x / 0.1) / asinh(1 / 0.1)`
    Asinh,
}

impl Interval {
    /// The values that become 0 and 1. NaN and infinities are left out.
    ///
    /// # Errors
    /// An image without a finite value, a percentage that is not between 0 and 100.
    pub fn limits<T: Sample>(self, image: ArrayView2<T>) -> Result<(f64, f64), PixelError> {
        let values = || {
            let values = finite_values(&image);
            if values.is_empty() { Err(PixelError::NoFiniteValue) } else { Ok(values) }
        };
        match self {
            Self::Manual(low, high) => Ok((low, high)),
            Self::MinMax => finite_range(&image).ok_or(PixelError::NoFiniteValue),
            Self::ZScale => Ok(zscale(&values()?)),
            Self::Percentile(kept) => {
                let mut values = values()?.into_owned();
                let inside = (0.0..=100.0).contains(&kept);
                PixelError::number("percentile", "between 0 and 100", kept, inside)?;
                let left_out = (100.0 - kept) * 0.5;
                Ok((percentile_of(&mut values, left_out)?, percentile_of(&mut values, 100.0 - left_out)?))
            }
        }
    }
}

impl Stretch {
    /// The stretch of that name.
    ///
    /// # Errors
    /// A name other than `linear`, `sqrt`, `log` and `asinh`.
    pub fn from_name(name: &str) -> Result<Self, PixelError> {
        Ok(match name {
            "linear" => Self::Linear,
            "sqrt" => Self::Sqrt,
            "log" => Self::Log,
            "asinh" => Self::Asinh,
            _ => {
                let expected = "linear, sqrt, log, asinh";
                return Err(PixelError::UnknownName { name: "stretch", got: name.to_owned(), expected });
            }
        })
    }

    /// The bent value of `x`, between 0 and 1 as that is.
    pub fn bend(self, x: f64) -> f64 {
        const LOG_A: f64 = 1000.0;
        const ASINH_A: f64 = 0.1;
        match self {
            Self::Linear => x,
            Self::Sqrt => x.sqrt(),
            Self::Log => (LOG_A * x + 1.0).ln() / (LOG_A + 1.0).ln(),
            Self::Asinh => (x / ASINH_A).asinh() / (1.0 / ASINH_A).asinh(),
        }
    }
}

/// The image with `interval` mapped to 0..1, clipped, and bent by `stretch`. NaN becomes 0, the lowest. An interval of no
/// length is only moved to 0, as in astropy. Errors as for [`Interval::limits`].
pub fn stretch<T: Sample>(image: ArrayView2<T>, stretch: Stretch, interval: Interval) -> Result<Array2<T>, PixelError> {
    bent(image, stretch, interval, |value| value)
}

/// What [`stretch`] makes, in 256 steps: 255 times that, rounded half to even.
pub fn stretch_to_bytes<T: Sample>(
    image: ArrayView2<T>,
    stretch: Stretch,
    interval: Interval,
) -> Result<Array2<u8>, PixelError> {
    bent(image, stretch, interval, |value: T| {
        // The sum has no room for a fraction: the processor rounds it, and its last bits are the whole number.
        const WHOLE: f64 = (1u64 << 52) as f64;
        ((value * T::from_f64(255.0)).to_f64() + WHOLE).to_bits() as u8
    })
}

/// Pixels that one thread takes at once.
const CHUNK: usize = 1 << 15;

/// `last` of each pixel between 0 and 1, bent by `stretch`.
fn bent<T: Sample, U: Copy + Default + Send + Sync>(
    image: ArrayView2<T>,
    stretch: Stretch,
    interval: Interval,
    last: impl Fn(T) -> U + Copy + Sync,
) -> Result<Array2<U>, PixelError> {
    let (low, high) = interval.limits(image)?;
    let length = if high == low { 1.0 } else { high - low };
    let mut out = Array2::default(image.dim());
    let image = image.as_standard_layout();
    let values = image.as_slice().expect("brought into C order");
    let made = out.as_slice_mut().expect("the output was made in C order");
    values.par_chunks(CHUNK).zip(made.par_chunks_mut(CHUNK)).for_each(|(values, made)| match stretch {
        // The commonest by itself, so that it becomes vectors.
        Stretch::Linear => map_interval(values, made, (low, length), |x| last(T::from_f64(x))),
        _ => map_interval(values, made, (low, length), |x| last(T::from_f64(stretch.bend(x)))),
    });
    Ok(out)
}

/// `f` of where each value lies between `low` (0) and the other end (1), clipped.
#[multiversion::multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+fma+bmi1+bmi2+popcnt+lzcnt",
    "x86_64+avx2+fma+bmi1+bmi2+popcnt+lzcnt"
))]
fn map_interval<T: Sample, U>(values: &[T], made: &mut [U], (low, length): (f64, f64), f: impl Fn(f64) -> U) {
    for (made, value) in made.iter_mut().zip(values) {
        let x = (value.to_f64() - low) / length;
        // NaN is not above 0.
        let x = if x > 0.0 { x } else { 0.0 };
        *made = f(if x < 1.0 { x } else { 1.0 });
    }
}

/// Numbers of the zscale algorithm: astropy's defaults, which are those of IRAF.
const SAMPLES: usize = 1000;
const CONTRAST: f64 = 0.25;
const MAX_REJECT: f64 = 0.5;
const MIN_PIXELS: usize = 5;
const REJECT_SIGMA: f64 = 2.5;
const MAX_ITERATIONS: usize = 5;

/// The limits of IRAF's zscale: around the median, as wide as the slope of the sorted sample, with its ends clipped,
/// divided by the contrast. `values` are finite, in reading order, at least one.
fn zscale<T: Sample>(values: &[T]) -> (f64, f64) {
    let stride = (values.len() / SAMPLES).max(1);
    let mut samples: Vec<f64> = values.iter().step_by(stride).take(SAMPLES).map(|value| value.to_f64()).collect();
    samples.sort_by(f64::total_cmp);
    let count = samples.len();
    let (low, high) = (samples[0], samples[count - 1]);
    let least = MIN_PIXELS.max((count as f64 * MAX_REJECT) as usize);
    let grow = ((count as f64 * 0.01) as usize).max(1);

    let mut bad = vec![false; count];
    let (mut good, mut good_before) = (count, count + 1);
    let mut slope = 0.0;
    for _ in 0..MAX_ITERATIONS {
        if good >= good_before || good < least {
            break;
        }
        let line = fit_line(&samples, &bad);
        slope = line.0;
        let flat: Vec<f64> = samples.iter().enumerate().map(|(i, v)| v - (line.0 * i as f64 + line.1)).collect();
        let threshold = REJECT_SIGMA * deviation(&flat, &bad);
        let rejected: Vec<bool> = bad.iter().zip(&flat).map(|(bad, v)| *bad || v.abs() > threshold).collect();
        // Each rejected sample takes its neighbours along: numpy's convolution, mode `same`, with `grow` ones.
        let after = grow - 1 - (grow - 1) / 2;
        for (i, bad) in bad.iter_mut().enumerate() {
            let range = i.saturating_sub(after)..count.min(i + (grow - 1) / 2 + 1);
            *bad = rejected[range].contains(&true);
        }
        good_before = good;
        good = bad.iter().filter(|bad| !**bad).count();
    }
    if good < least {
        return (low, high);
    }
    let slope = slope / CONTRAST;
    let center = ((count - 1) / 2) as f64;
    let median = median_of(&mut samples);
    (low.max(median - (center - 1.0) * slope), high.min(median + (count as f64 - center) * slope))
}

/// Slope and height at 0 of the least-squares line through the samples that are not bad.
fn fit_line(samples: &[f64], bad: &[bool]) -> (f64, f64) {
    let good = || samples.iter().enumerate().zip(bad).filter(|(_, bad)| !**bad).map(|((i, v), _)| (i as f64, *v));
    let count = good().count() as f64;
    let (x_mean, y_mean) = good().fold((0.0, 0.0), |(x, y), at| (x + at.0 / count, y + at.1 / count));
    let (above, below) = good().fold((0.0, 0.0), |(above, below), (x, y)| {
        (above + (x - x_mean) * (y - y_mean), below + (x - x_mean) * (x - x_mean))
    });
    let slope = if below > 0.0 { above / below } else { 0.0 };
    (slope, y_mean - slope * x_mean)
}

/// Population standard deviation of the values that are not bad.
fn deviation(values: &[f64], bad: &[bool]) -> f64 {
    let good = || values.iter().zip(bad).filter(|(_, bad)| !**bad).map(|(v, _)| *v);
    let count = good().count() as f64;
    let mean = good().sum::<f64>() / count;
    (good().map(|v| (v - mean) * (v - mean)).sum::<f64>() / count).sqrt()
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, array};

    use super::*;

    #[test]
    fn values_end_between_0_and_1() {
        let image = array![[f64::NAN, f64::NEG_INFINITY, 0.0, 5.0, 10.0, f64::INFINITY]];
        for kind in [Stretch::Linear, Stretch::Sqrt, Stretch::Log, Stretch::Asinh] {
            let out = stretch(image.view(), kind, Interval::MinMax).unwrap();
            assert_eq!((out[[0, 0]], out[[0, 1]], out[[0, 2]]), (0.0, 0.0, 0.0));
            assert!(out[[0, 3]] >= 0.5 && out[[0, 3]] < 1.0);
            assert!((out[[0, 4]] - 1.0).abs() < 1e-15 && (out[[0, 5]] - 1.0).abs() < 1e-15);
        }
    }

    #[test]
    fn bytes_are_255_times_as_much_rounded() {
        let image = Array2::from_shape_fn((61, 33), |(y, x)| (y * 33 + x) as f64 / 1000.0);
        for kind in [Stretch::Linear, Stretch::Sqrt, Stretch::Log, Stretch::Asinh] {
            let interval = Interval::Manual(0.1, 1.9);
            let expected = stretch(image.view(), kind, interval).unwrap().mapv(|v| (v * 255.0).round_ties_even() as u8);
            assert_eq!(stretch_to_bytes(image.view(), kind, interval).unwrap(), expected);
            let expected = stretch(image.mapv(|v| v as f32).view(), kind, interval).unwrap();
            let bytes = stretch_to_bytes(image.mapv(|v| v as f32).view(), kind, interval).unwrap();
            assert_eq!(bytes, expected.mapv(|v| (v * 255.0).round_ties_even() as u8));
        }
        let halves = array![[0.5, 1.5, 2.5, f64::NAN, 254.5]];
        assert_eq!(
            stretch_to_bytes(halves.view(), Stretch::Linear, Interval::Manual(0.0, 255.0)).unwrap(),
            array![[0, 2, 2, 0, 254]]
        );
    }

    #[test]
    fn constant_and_tiny_images() {
        for interval in [Interval::MinMax, Interval::Percentile(99.5), Interval::ZScale] {
            for image in [Array2::from_elem((7, 9), 3.0f32), array![[3.0f32]]] {
                let out = stretch(image.view(), Stretch::Linear, interval).unwrap();
                assert!(out.iter().all(|&v| v == 0.0), "{interval:?}");
            }
        }
    }

    #[test]
    fn odd_requests() {
        let nothing = stretch(array![[f64::NAN]].view(), Stretch::Log, Interval::ZScale).unwrap_err();
        assert_eq!(nothing.to_string(), "the image has no finite value");
        assert!(Interval::Percentile(101.0).limits(array![[1.0]].view()).is_err());
        assert!(Stretch::from_name("power").is_err());
    }
}
