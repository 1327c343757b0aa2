//! Sigma clipping of one set of values: what lies too far from the centre goes, again and again. In: values in any order and
//! the thresholds; out: mean, median and deviation of what is left. Knows no stacks of frames ([`super::combine`] does).
//!
//! The rule is that of astropy.stats.sigma_clip (astropy, *ApJ* 935, 167, 2022): NaN and infinities go first; a value
//! stays while `center - low·spread <= value <= center + high·spread`; what has gone does not come back.

use ndarray::{ArrayView, Dimension};

use super::statistics::{mean_of, median_of, variance_about};
use super::{PixelError, Sample};

/// The standard deviation of normal values over their median absolute deviation: 1 / Φ⁻¹(3/4).
pub const MAD_TO_STD: f64 = 1.482_602_218_505_602;

/// The value that others are measured from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Center {
    Mean,
    Median,
}

/// The measure of how far values lie apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spread {
    /// The population standard deviation.
    Std,
    /// The median absolute deviation from the median, as the standard deviation that normal values of it have.
    MadStd,
}

/// How to clip.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SigmaClip {
    /// How many spreads below the centre a value may lie.
    pub low: f64,
    /// How many spreads above.
    pub high: f64,
    /// Rounds at most; it ends before where a round takes nothing away.
    pub maxiters: usize,
    pub center: Center,
    pub spread: Spread,
}

/// What [`sigma_clipped_stats`] finds out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClippedStats {
    pub mean: f64,
    pub median: f64,
    /// Population standard deviation.
    pub std: f64,
}

impl Center {
    /// astropy's names.
    pub fn from_name(name: &str) -> Result<Self, PixelError> {
        match name {
            "mean" => Ok(Self::Mean),
            "median" => Ok(Self::Median),
            _ => Err(PixelError::UnknownName { name: "cenfunc", got: name.to_owned(), expected: "mean, median" }),
        }
    }
}

impl Spread {
    /// astropy's names.
    pub fn from_name(name: &str) -> Result<Self, PixelError> {
        match name {
            "std" => Ok(Self::Std),
            "mad_std" => Ok(Self::MadStd),
            _ => Err(PixelError::UnknownName { name: "stdfunc", got: name.to_owned(), expected: "std, mad_std" }),
        }
    }
}

impl SigmaClip {
    /// # Errors
    /// A threshold that is negative or NaN.
    pub fn check(&self) -> Result<(), PixelError> {
        for sigma in [self.low, self.high] {
            PixelError::number("sigma", "at least 0", sigma, sigma >= 0.0)?;
        }
        Ok(())
    }
}

/// Mean, median and population standard deviation of the values that clipping leaves, as astropy.stats.sigma_clipped_stats;
/// computed in `f64`. NaN three times where no value is finite.
///
/// # Errors
/// An empty array, or a wrong threshold.
pub fn sigma_clipped_stats<T: Sample, D: Dimension>(
    array: ArrayView<T, D>,
    clip: &SigmaClip,
) -> Result<ClippedStats, PixelError> {
    clip.check()?;
    if array.is_empty() {
        return Err(PixelError::NoValue);
    }
    let mut values: Vec<T> = array.iter().copied().filter(|value| value.to_f64().is_finite()).collect();
    if values.is_empty() {
        return Ok(ClippedStats { mean: f64::NAN, median: f64::NAN, std: f64::NAN });
    }
    let mut mean = mean_of(&values);
    for _ in 0..clip.maxiters {
        let (low, high) = bounds(&mut values, mean, clip);
        let before = values.len();
        values.retain(|value| (low..=high).contains(&value.to_f64()));
        if values.len() == before {
            break;
        }
        if values.is_empty() {
            return Ok(ClippedStats { mean: f64::NAN, median: f64::NAN, std: f64::NAN });
        }
        mean = mean_of(&values);
    }
    let std = variance_about(&values, mean).sqrt();
    Ok(ClippedStats { mean, median: median_of(&mut values), std })
}

/// What may stay in the next round. The order of the values is lost.
fn bounds<T: Sample>(values: &mut [T], mean: f64, clip: &SigmaClip) -> (f64, f64) {
    let spread = match clip.spread {
        Spread::Std => variance_about(values, mean).sqrt(),
        Spread::MadStd => {
            let median = median_of(values);
            let mut far: Vec<f64> = values.iter().map(|value| (value.to_f64() - median).abs()).collect();
            median_of(&mut far) * MAD_TO_STD
        }
    };
    let center = match clip.center {
        Center::Mean => mean,
        Center::Median => median_of(values),
    };
    (center - clip.low * spread, center + clip.high * spread)
}

#[cfg(test)]
mod tests {
    use ndarray::{Array1, array};
    use proptest::prelude::*;

    use super::*;

    const ASTROPY: SigmaClip =
        SigmaClip { low: 3.0, high: 3.0, maxiters: 5, center: Center::Median, spread: Spread::Std };

    proptest! {
        #[test]
        fn what_is_left_lies_within_its_own_thresholds(
            values in prop::collection::vec(prop_oneof![-1.0..1.0f64, -50.0..50.0f64, Just(f64::NAN)], 1..200),
            mad in any::<bool>(), centered in any::<bool>(),
        ) {
            let clip = SigmaClip {
                maxiters: usize::MAX,
                center: if centered { Center::Mean } else { Center::Median },
                spread: if mad { Spread::MadStd } else { Spread::Std },
                ..ASTROPY
            };
            let stats = sigma_clipped_stats(Array1::from(values.clone()).view(), &clip).unwrap();
            let mut kept: Vec<f64> = values.into_iter().filter(|value| value.is_finite()).collect();
            loop {
                if kept.is_empty() {
                    prop_assert!(stats.mean.is_nan() && stats.median.is_nan() && stats.std.is_nan());
                    return Ok(());
                }
                let mean = mean_of(&kept);
                let (low, high) = bounds(&mut kept, mean, &clip);
                let next: Vec<f64> = kept.iter().copied().filter(|v| *v >= low && *v <= high).collect();
                if next.len() == kept.len() {
                    break;
                }
                kept = next;
            }
            prop_assert!((stats.mean - kept.iter().sum::<f64>() / kept.len() as f64).abs() < 1e-9);
            prop_assert_eq!(stats.median, median_of(&mut kept));
        }
    }

    #[test]
    fn no_rounds_clip_nothing_but_what_is_not_finite() {
        let values = array![1.0, 2.0, 3.0, 1e6, f64::NAN, f64::INFINITY];
        let stats = sigma_clipped_stats(values.view(), &SigmaClip { maxiters: 0, ..ASTROPY }).unwrap();
        assert_eq!((stats.mean, stats.median), (1_000_006.0 / 4.0, 2.5));
    }

    #[test]
    fn odd_requests() {
        assert!(sigma_clipped_stats(array![1.0].view(), &SigmaClip { low: -1.0, ..ASTROPY }).is_err());
        assert!(sigma_clipped_stats(Array1::<f32>::zeros(0).view(), &ASTROPY).is_err());
        assert!(sigma_clipped_stats(array![f64::NAN].view(), &ASTROPY).unwrap().mean.is_nan());
        assert!(Center::from_name("mode").is_err() && Spread::from_name("iqr").is_err());
    }
}
