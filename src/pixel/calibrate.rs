//! Arithmetic of CCD calibration: what a detector adds or multiplies is taken off again. In: an image to change in place and
//! the numbers that belong to it; every result is computed in `f64` and rounded once. Knows no headers or exposure times.
//!
//! The formulas are those of ccdproc's functions of like names. NaN passes on.

use ndarray::{ArrayView2, ArrayViewMut2, Axis};
use rayon::prelude::*;

use super::statistics::{mean_of, median_of};
use super::{PixelError, Sample};

/// Pixels of a parallel task.
const TASK: usize = 1 << 16;

/// Subtracts from each row the mean or median of the overscan's same row, or from each column that of its same column.
///
/// # Errors
/// An overscan that has not as many rows (columns) as the image, or none at all.
pub fn subtract_overscan<T: Sample>(
    mut image: ArrayViewMut2<T>,
    overscan: ArrayView2<T>,
    by_rows: bool,
    median: bool,
) -> Result<(), PixelError> {
    let axis = Axis(usize::from(!by_rows));
    if image.len_of(axis) != overscan.len_of(axis) {
        return Err(PixelError::ShapeMismatch { left: image.dim(), right: overscan.dim() });
    }
    if overscan.is_empty() {
        return Err(PixelError::NoValue);
    }
    for (mut line, overscan) in image.axis_iter_mut(axis).zip(overscan.axis_iter(axis)) {
        let mut values = overscan.to_vec();
        let level = if median { median_of(&mut values) } else { mean_of(&values) };
        line.mapv_inplace(|value| T::from_f64(value.to_f64() - level));
    }
    Ok(())
}

/// `image - factor · master`, pixel by pixel.
///
/// # Panics
/// Where the lengths differ.
pub fn subtract_scaled<T: Sample>(image: &mut [T], master: &[T], factor: f64) {
    each(image, master, |value, master| value - factor * master);
}

/// `image / (flat / norm)`, pixel by pixel, where no value of the flat is less than `min_value`. Without `norm` it is the mean
/// of the flat's finite values.
///
/// # Errors
/// A `norm` that is not positive, and a flat without a finite value.
///
/// # Panics
/// Where the lengths differ.
pub fn divide_by_flat<T: Sample>(
    image: &mut [T],
    flat: &[T],
    min_value: Option<f64>,
    norm: Option<f64>,
) -> Result<(), PixelError> {
    let least = min_value.unwrap_or(f64::NEG_INFINITY);
    let raised = |value: f64| if value < least { least } else { value };
    let norm = match norm {
        Some(norm) => {
            PixelError::number("norm_value", "above 0", norm, norm > 0.0)?;
            norm
        }
        None => {
            let finite = flat.iter().map(|value| raised(value.to_f64())).filter(|value| value.is_finite());
            let values: Vec<f64> = finite.collect();
            if values.is_empty() {
                return Err(PixelError::NoFiniteValue);
            }
            mean_of(&values)
        }
    };
    each(image, flat, |value, flat| value / (raised(flat) / norm));
    Ok(())
}

fn each<T: Sample>(image: &mut [T], other: &[T], formula: impl Fn(f64, f64) -> f64 + Copy + Sync) {
    assert_eq!(image.len(), other.len(), "shapes are compared before");
    image.par_chunks_mut(TASK).zip(other.par_chunks(TASK)).for_each(|(image, other)| run(image, other, formula));
}

#[multiversion::multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2", "x86_64+avx2"))]
fn run<T: Sample>(image: &mut [T], other: &[T], formula: impl Fn(f64, f64) -> f64) {
    for (value, other) in image.iter_mut().zip(other) {
        *value = T::from_f64(formula(value.to_f64(), other.to_f64()));
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn overscan_goes_by_rows_or_columns() {
        let mut image = array![[1.0f32, 2.0, 6.0], [4.0, 5.0, 6.0]];
        let overscan = array![[1.0f32, 1.0, 4.0], [0.0, 3.0, 0.0]];
        subtract_overscan(image.view_mut(), overscan.view(), true, false).unwrap();
        assert_eq!(image, array![[-1.0, 0.0, 4.0], [3.0, 4.0, 5.0]]);
        subtract_overscan(image.view_mut(), overscan.view(), true, true).unwrap();
        assert_eq!(image, array![[-2.0, -1.0, 3.0], [3.0, 4.0, 5.0]]);
        subtract_overscan(image.view_mut(), array![[1.0f32, 0.0, -1.0]].view(), false, true).unwrap();
        assert_eq!(image, array![[-3.0, -1.0, 4.0], [2.0, 4.0, 6.0]]);
        assert!(subtract_overscan(image.view_mut(), array![[1.0f32]].view(), true, true).is_err());
    }

    #[test]
    fn darks_and_flats() {
        let mut image = [10.0, 20.0, 30.0, f64::NAN];
        subtract_scaled(&mut image, &[1.0, 2.0, 3.0, 4.0], 2.0);
        assert_eq!(image[..3], [8.0, 16.0, 24.0]);
        divide_by_flat(&mut image, &[1.0, 2.0, -9.0, 4.0], Some(1.0), None).unwrap();
        assert_eq!(image[..3], [16.0, 16.0, 48.0]);
        assert!(image[3].is_nan());
        divide_by_flat(&mut image, &[2.0; 4], None, Some(4.0)).unwrap();
        assert_eq!(image[..3], [32.0, 32.0, 96.0]);
        assert!(divide_by_flat(&mut image, &[2.0; 4], None, Some(0.0)).is_err());
        assert!(divide_by_flat(&mut image, &[f64::NAN; 4], None, None).is_err());
    }
}
