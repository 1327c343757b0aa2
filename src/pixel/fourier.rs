//! Fourier transforms of images. In: complex amplitudes on a grid; out: the same, transformed along both axes, not
//! normalised. The scalar plan is used: the same bytes on every processor and for any number of threads.

use ndarray::Array2;
use rayon::prelude::*;
use rustfft::FftPlannerScalar;
use rustfft::num_complex::Complex;

/// From places to wave numbers, or back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    Forward,
    Backward,
}

/// The transform of real pixels (numpy.fft.fft2).
pub fn forward(pixels: &Array2<f64>) -> Array2<Complex<f64>> {
    transform(&pixels.mapv(|pixel| Complex::new(pixel, 0.0)), Direction::Forward)
}

/// The real part of what comes back, divided by the number of pixels (numpy.fft.ifft2).
pub fn backward(waves: &Array2<Complex<f64>>) -> Array2<f64> {
    let scale = 1.0 / waves.len().max(1) as f64;
    let pixels = transform(waves, Direction::Backward).mapv(|wave| wave.re * scale);
    if pixels.is_standard_layout() { pixels } else { pixels.as_standard_layout().into_owned() }
}

/// Along the rows, then along the columns.
pub fn transform(waves: &Array2<Complex<f64>>, direction: Direction) -> Array2<Complex<f64>> {
    rows(&rows(waves, direction).reversed_axes(), direction).reversed_axes()
}

/// The one-dimensional transforms of all rows.
fn rows(waves: &Array2<Complex<f64>>, direction: Direction) -> Array2<Complex<f64>> {
    let mut out = waves.as_standard_layout().into_owned();
    let width = out.ncols();
    if out.is_empty() {
        return out;
    }
    let mut planner = FftPlannerScalar::new();
    let plan = match direction {
        Direction::Forward => planner.plan_fft_forward(width),
        Direction::Backward => planner.plan_fft_inverse(width),
    };
    let rows = out.as_slice_mut().expect("made in C order");
    rows.par_chunks_exact_mut(width).for_each_init(
        || vec![Complex::default(); plan.get_inplace_scratch_len()],
        |scratch, row| plan.process_with_scratch(row, scratch),
    );
    out
}

/// The frequency of the `i`-th of `n` Fourier components, in cycles per pixel (numpy.fft.fftfreq).
pub fn frequency(i: usize, n: usize) -> f64 {
    let signed = if i < n.div_ceil(2) { i as f64 } else { i as f64 - n as f64 };
    signed / n as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        let image = Array2::from_shape_fn((6, 5), |(y, x)| (y * y + 3 * x) as f64);
        let back = backward(&forward(&image));
        assert!(image.iter().zip(&back).all(|(a, b)| (a - b).abs() < 1e-12));
        assert!((forward(&image)[[0, 0]].re - image.sum()).abs() < 1e-10);
        assert_eq!(backward(&forward(&Array2::zeros((0, 4)))).dim(), (0, 4));
    }

    #[test]
    fn frequencies_are_those_of_numpy() {
        let all = |n| (0..n).map(|i| frequency(i, n)).collect::<Vec<_>>();
        assert_eq!(all(4), [0.0, 0.25, -0.5, -0.25]);
        assert_eq!(all(5), [0.0, 0.2, 0.4, -0.4, -0.2]);
    }
}
