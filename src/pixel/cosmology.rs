//! Structure formation in a periodic box, in two dimensions: the potential of a density, and where it has moved matter by
//! a later time. In: a density contrast or a potential on a grid; out: a potential or a density.
//!
//! The approximation is that of Ya. B. Zel'dovich, "Gravitational instability: an approximate theory for large density
//! perturbations", Astronomy and Astrophysics 5 (1970): every particle keeps the velocity that the first potential gave it.

use std::f64::consts::PI;

use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;
use rustfft::num_complex::Complex;

use super::{PixelError, fourier};

/// How a particle counts in the cells around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counting {
    /// In the nearest cell only.
    NearestGridPoint,
    /// In the four nearest, by the area that a particle as large as a cell has in each (R. W. Hockney and J. W. Eastwood,
    /// "Computer Simulation Using Particles", 1981).
    CloudInCell,
}

impl Counting {
    /// `ngp` or `cic`.
    ///
    /// # Errors
    /// Any other name.
    pub fn from_name(name: &str) -> Result<Self, PixelError> {
        Ok(match name {
            "ngp" => Self::NearestGridPoint,
            "cic" => Self::CloudInCell,
            _ => return Err(PixelError::UnknownName { name: "counting", got: name.to_owned(), expected: "ngp, cic" }),
        })
    }
}

/// The potential `φ` with `∇²φ = δ` and mean 0, in a periodic box whose sides are `box_size` (down, across) long: each wave
/// is divided by minus the square of its wave number, and the mean of `δ` plays no part. A value that is not finite
/// spoils all.
///
/// # Errors
/// A side that is not a finite number above 0.
pub fn potential(delta: ArrayView2<f64>, box_size: (f64, f64)) -> Result<Array2<f64>, PixelError> {
    check_box(box_size)?;
    let (height, width) = delta.dim();
    let mut waves = fourier::forward(&delta.to_owned());
    // Cycles per pixel to radians per length.
    let wave_number = |i: usize, n: usize, side: f64| 2.0 * PI * fourier::frequency(i, n) * (n as f64 / side);
    let down: Vec<f64> = (0..height).map(|i| wave_number(i, height, box_size.0).powi(2)).collect();
    let across: Vec<f64> = (0..width).map(|i| wave_number(i, width, box_size.1).powi(2)).collect();
    for ((y, x), wave) in waves.indexed_iter_mut() {
        let square = down[y] + across[x];
        *wave = if square == 0.0 { Complex::default() } else { -*wave / square };
    }
    Ok(fourier::backward(&waves))
}

/// The density at `time`, in units of its mean: a particle from every cell is moved by `-time ∇φ`, with central
/// differences for the gradient, and counted where it then is. `time` is the growth factor `D`: where `∇²φ = δ`, the
/// density grows as `1 + D δ` as long as that is small.
///
/// # Errors
/// A side that is not a finite number above 0, a time that is not finite, a potential that moves a particle to nowhere.
pub fn zeldovich(
    potential: ArrayView2<f64>,
    box_size: (f64, f64),
    time: f64,
    counting: Counting,
) -> Result<Array2<f64>, PixelError> {
    check_box(box_size)?;
    PixelError::number("time", "a finite number", time, time.is_finite())?;
    let (height, width) = potential.dim();
    let mut density = Array2::zeros((height, width));
    if density.is_empty() {
        return Ok(density);
    }
    // In cells: a gradient over two cells of side / n, and a place in units of one.
    let scale = |n: usize, side: f64| time / 2.0 * (n as f64 / side) * (n as f64 / side);
    let (down, across) = (scale(height, box_size.0), scale(width, box_size.1));
    let mut moved = vec![(0.0, 0.0); width * BAND];
    for first in (0..height).step_by(BAND) {
        let rows = BAND.min(height - first);
        moved[..rows * width].par_chunks_exact_mut(width).enumerate().for_each(|(row, moved)| {
            let y = first + row;
            let (above, own) = (potential.row((y + height - 1) % height), potential.row(y));
            let below = potential.row((y + 1) % height);
            for (x, place) in moved.iter_mut().enumerate() {
                let slope_x = own[(x + 1) % width] - own[(x + width - 1) % width];
                *place = (y as f64 - down * (below[x] - above[x]), x as f64 - across * slope_x);
            }
        });
        // One after the other: sums come in the same order for any number of threads.
        for &(y, x) in &moved[..rows * width] {
            for place in [y, x] {
                PixelError::number("the place of a particle", "finite", place, place.is_finite())?;
            }
            count(&mut density, y, x, counting);
        }
    }
    Ok(density)
}

/// Rows that are moved by all threads before they are counted by one.
const BAND: usize = 64;

fn check_box(box_size: (f64, f64)) -> Result<(), PixelError> {
    for side in [box_size.0, box_size.1] {
        PixelError::number("box_size", "a finite number above 0", side, side.is_finite() && side > 0.0)?;
    }
    Ok(())
}

/// Counts a particle at a place in units of cells, whose middles are the whole numbers.
fn count(density: &mut Array2<f64>, y: f64, x: f64, counting: Counting) {
    let (height, width) = density.dim();
    // The remainder of a tiny negative number is the divisor itself.
    let cell = |place: f64, n: usize| (place.rem_euclid(n as f64) as usize).min(n - 1);
    match counting {
        Counting::NearestGridPoint => {
            density[[cell((y + 0.5).floor(), height), cell((x + 0.5).floor(), width)]] += 1.0;
        }
        Counting::CloudInCell => {
            let (top, left) = (y.floor(), x.floor());
            let (lower, right) = (y - top, x - left);
            let (y0, x0) = (cell(top, height), cell(left, width));
            let (y1, x1) = ((y0 + 1) % height, (x0 + 1) % width);
            density[[y0, x0]] += (1.0 - lower) * (1.0 - right);
            density[[y0, x1]] += (1.0 - lower) * right;
            density[[y1, x0]] += lower * (1.0 - right);
            density[[y1, x1]] += lower * right;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One wave along each axis of a box of 10 by 20.
    fn wave() -> Array2<f64> {
        Array2::from_shape_fn((32, 48), |(y, x)| {
            (2.0 * PI * y as f64 / 32.0).cos() + 0.5 * (4.0 * PI * x as f64 / 48.0).sin()
        })
    }

    #[test]
    fn the_potential_of_waves_is_known() {
        let phi = potential(wave().view(), (10.0, 20.0)).unwrap();
        let (down, across) = (2.0 * PI / 10.0, 4.0 * PI / 20.0);
        for ((y, x), phi) in phi.indexed_iter() {
            let first = (2.0 * PI * y as f64 / 32.0).cos() / (down * down);
            let second = 0.5 * (4.0 * PI * x as f64 / 48.0).sin() / (across * across);
            assert!((phi + first + second).abs() < 1e-12, "{y} {x}");
        }
        // A constant is no force.
        let flat = potential(Array2::from_elem((3, 4), 7.0).view(), (1.0, 1.0)).unwrap();
        assert!(flat.iter().all(|phi| phi.abs() < 1e-15));
    }

    #[test]
    fn matter_is_kept_and_grows_as_linear_theory_says() {
        let phi = potential(wave().view(), (10.0, 20.0)).unwrap();
        for counting in [Counting::CloudInCell, Counting::NearestGridPoint] {
            let still = zeldovich(phi.view(), (10.0, 20.0), 0.0, counting).unwrap();
            assert!(still.iter().all(|density| *density == 1.0));
            let late = zeldovich(phi.view(), (10.0, 20.0), 2.5, counting).unwrap();
            assert!((late.sum() - 32.0 * 48.0).abs() < 1e-9);
        }
        let early = zeldovich(phi.view(), (10.0, 20.0), 0.01, Counting::CloudInCell).unwrap();
        // Not cell by cell: where particles part or meet, the lattice that they come from shows.
        let growth = (&early - 1.0) * &wave();
        let growth = growth.sum() / wave().mapv(|delta| delta * delta).sum();
        assert!((growth / 0.01 - 1.0).abs() < 0.03, "{growth}");
    }

    #[test]
    fn particles_leave_on_one_side_and_come_in_on_the_other() {
        let mut density = Array2::zeros((2, 3));
        count(&mut density, -0.25, 3.5, Counting::CloudInCell);
        assert_eq!(density, ndarray::array![[0.375, 0.375, 0.0], [0.125, 0.125, 0.0]]);
        count(&mut density, -1e-30, -1e300, Counting::CloudInCell);
        assert!((density.sum() - 2.0).abs() < 1e-12);
    }

    #[test]
    fn odd_requests() {
        let flat = Array2::zeros((2, 2));
        assert!(potential(flat.view(), (0.0, 1.0)).is_err());
        assert!(zeldovich(flat.view(), (1.0, 1.0), f64::NAN, Counting::CloudInCell).is_err());
        let spoilt = ndarray::array![[0.0, f64::NAN]];
        assert!(zeldovich(spoilt.view(), (1.0, 1.0), 1.0, Counting::CloudInCell).is_err());
        assert_eq!(potential(Array2::zeros((0, 3)).view(), (1.0, 1.0)).unwrap().dim(), (0, 3));
        assert_eq!(
            zeldovich(flat.slice(ndarray::s![.., ..1]), (1.0, 1.0), 1.0, Counting::CloudInCell).unwrap().sum(),
            2.0
        );
        assert!(Counting::from_name("tsc").is_err());
    }
}
