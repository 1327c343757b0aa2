//! From measured values to values for the eye: an interval of the image is mapped to 0..1 and bent. In: an image; out: an
//! image of the same shape and type between 0 and 1. The formulas are those of astropy.visualization.

use ndarray::{Array2, ArrayView2};

use super::statistics::{median_of, percentile_of};
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
        if let Self::Manual(low, high) = self {
            return Ok((low, high));
        }
        let mut values: Vec<f64> = image.iter().map(|value| value.to_f64()).filter(|value| value.is_finite()).collect();
        if values.is_empty() {
            return Err(PixelError::NoFiniteValue);
        }
        if let Self::Percentile(kept) = self {
            let inside = (0.0..=100.0).contains(&kept);
            PixelError::number("percentile", "between 0 and 100", kept, inside)?;
            let left_out = (100.0 - kept) * 0.5;
            return Ok((percentile_of(&mut values, left_out)?, percentile_of(&mut values, 100.0 - left_out)?));
        }
        if self == Self::ZScale {
            return Ok(zscale(&values));
        }
        Ok(values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &v| (low.min(v), high.max(v))))
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
    let (low, high) = interval.limits(image)?;
    let length = if high == low { 1.0 } else { high - low };
    Ok(image.mapv(|value| {
        let x = (value.to_f64() - low) / length;
        // NaN is not above 0.
        let x = if x > 0.0 { x.min(1.0) } else { 0.0 };
        T::from_f64(stretch.bend(x))
    }))
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
fn zscale(values: &[f64]) -> (f64, f64) {
    let stride = (values.len() / SAMPLES).max(1);
    let mut samples: Vec<f64> = values.iter().step_by(stride).take(SAMPLES).copied().collect();
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
