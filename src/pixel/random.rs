//! Random images from a seed: white noise, and fields with a power law for their spectrum. In: a shape and a seed; out:
//! `f64` pixels, the same for any number of threads.
//!
//! The generator is Philox 4×32-10 (J. K. Salmon and others, "Parallel random numbers: as easy as 1, 2, 3", SC 2011): it
//! has no state, pixel `n` is a function of the seed and `n`. Gaussian numbers are made by Box and Muller's formula from
//! a logarithm, a sine and a cosine computed here with nothing but IEEE 754 arithmetic, so that noise has the same bytes
//! on every machine.

use std::f64::consts::{LN_2, PI};

use ndarray::Array2;
use rayon::prelude::*;

use super::fourier::frequency;
use super::{PixelError, fourier};

/// The most pixels of an image made here.
const MOST_PIXELS: usize = 1 << 31;

/// Pixels of a parallel task; even, for Gaussian numbers come in pairs.
const CHUNK: usize = 1 << 14;

/// White Gaussian noise of mean `loc` and standard deviation `scale`, `shape` being (rows, columns).
///
/// # Errors
/// A `loc` that is not finite, a `scale` that is not finite or negative, more than 2³¹ pixels.
pub fn noise(shape: (usize, usize), loc: f64, scale: f64, seed: u64) -> Result<Array2<f64>, PixelError> {
    PixelError::number("loc", "a finite number", loc, loc.is_finite())?;
    PixelError::number("scale", "a finite number of at least 0", scale, scale.is_finite() && scale >= 0.0)?;
    check_shape(shape)?;
    let mut out = Array2::zeros(shape);
    let pixels = out.as_slice_mut().expect("made in C order");
    pixels.par_chunks_mut(CHUNK).enumerate().for_each(|(chunk, pixels)| {
        for (i, pair) in pixels.chunks_mut(2).enumerate() {
            let normal = normal_pair((chunk * CHUNK / 2 + i) as u64, seed);
            for (pixel, normal) in pair.iter_mut().zip(normal) {
                *pixel = loc + scale * normal;
            }
        }
    });
    Ok(out)
}

/// A Gaussian random field whose power spectrum goes with the `power`-th power of the wave number, of mean 0 and
/// (population) variance 1, periodic along both axes. `power` 0 is white noise, -2 to -3 looks like clouds.
///
/// The white noise of [`noise`] is filtered in Fourier space; wave numbers are in cycles per pixel. The transform's
/// factors come from the platform's sine and cosine: the same bytes on every run and processor, to a few units in the
/// last place between platforms. An image of one pixel is 0.
///
/// # Errors
/// A `power` that is not between -20 and 20, more than 2³¹ pixels.
pub fn random_field(shape: (usize, usize), power: f64, seed: u64) -> Result<Array2<f64>, PixelError> {
    PixelError::number("power", "between -20 and 20", power, (-20.0..=20.0).contains(&power))?;
    let white = noise(shape, 0.0, 1.0, seed)?;
    if white.is_empty() {
        return Ok(white);
    }
    let mut waves = fourier::forward(&white);
    for ((y, x), wave) in waves.indexed_iter_mut() {
        let k = frequency(y, shape.0).hypot(frequency(x, shape.1));
        *wave *= if k == 0.0 { 0.0 } else { k.powf(power / 2.0) };
    }
    let field = fourier::backward(&waves);
    let mean = super::statistics::mean(field.view())?;
    let std = super::statistics::std(field.view())?;
    Ok(if std == 0.0 { Array2::zeros(shape) } else { field.mapv(|pixel| (pixel - mean) / std) })
}

fn check_shape(shape: (usize, usize)) -> Result<(), PixelError> {
    PixelError::at_most("the number of pixels", MOST_PIXELS, shape.0.saturating_mul(shape.1))
}

/// Two independent numbers of the standard normal distribution.
fn normal_pair(counter: u64, seed: u64) -> [f64; 2] {
    let [a, b, c, d] = philox([counter as u32, (counter >> 32) as u32, 0, 0], [seed as u32, (seed >> 32) as u32]);
    let uniform = |low: u32, high: u32| (u64::from(high) << 32 | u64::from(low)) >> 11;
    // Within (0, 1], so that the logarithm is finite; and within [0, 1).
    let radius = (uniform(a, b) + 1) as f64 / (1u64 << 53) as f64;
    let turn = uniform(c, d) as f64 / (1u64 << 53) as f64;
    let radius = (-2.0 * ln(radius)).sqrt();
    let (sin, cos) = sin_cos_turn(turn);
    [radius * cos, radius * sin]
}

/// Philox 4×32 with ten rounds.
fn philox(mut counter: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
    for _ in 0..10 {
        let left = 0xD251_1F53 * u64::from(counter[0]);
        let right = 0xCD9E_8D57 * u64::from(counter[2]);
        counter = [
            (right >> 32) as u32 ^ counter[1] ^ key[0],
            right as u32,
            (left >> 32) as u32 ^ counter[3] ^ key[1],
            left as u32,
        ];
        key = [key[0].wrapping_add(0x9E37_79B9), key[1].wrapping_add(0xBB67_AE85)];
    }
    counter
}

/// The natural logarithm of a normal, positive number, by the series of the inverse hyperbolic tangent.
fn ln(x: f64) -> f64 {
    let bits = x.to_bits();
    let mut exponent = (bits >> 52) as i64 - 1023;
    let mut mantissa = f64::from_bits(bits & ((1 << 52) - 1) | 1023 << 52);
    if mantissa > std::f64::consts::SQRT_2 {
        mantissa /= 2.0;
        exponent += 1;
    }
    let t = (mantissa - 1.0) / (mantissa + 1.0);
    let square = t * t;
    // |t| is at most 0.172: the term that follows these is below 1e-17.
    let series = (0..11).rev().fold(0.0, |sum, n| sum * square + 1.0 / f64::from(2 * n + 1));
    exponent as f64 * LN_2 + 2.0 * t * series
}

/// Sine and cosine of a part of a turn between 0 and 1.
fn sin_cos_turn(turn: f64) -> (f64, f64) {
    // The nearest quarter and what is left of it, at most an eighth of a turn, are exact.
    let quarter = (turn * 4.0).round();
    let angle = (turn - quarter / 4.0) * (2.0 * PI);
    let square = angle * angle;
    let series = |first: u32| {
        (0..9).rev().fold(0.0, |sum, n| {
            let factor = f64::from((first + 2 * n + 1) * (first + 2 * n + 2));
            1.0 - square / factor * if n == 8 { 1.0 } else { sum }
        })
    };
    let (sin, cos) = (angle * series(1), series(0));
    match quarter as u32 % 4 {
        0 => (sin, cos),
        1 => (cos, -sin),
        2 => (-sin, -cos),
        _ => (-cos, sin),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pixel::statistics::{mean, std};

    /// The known answers that come with the paper's code.
    #[test]
    fn philox_answers_as_published() {
        assert_eq!(philox([0; 4], [0; 2]), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
        assert_eq!(philox([u32::MAX; 4], [u32::MAX; 2]), [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]);
    }

    #[test]
    fn functions_are_those_of_the_platform_to_a_few_units_in_the_last_place() {
        for i in 1..=10_000 {
            let x = f64::from(i) / 10_000.0;
            assert!((ln(x) - x.ln()).abs() <= 1e-15 * (1.0 + x.ln().abs()), "ln {x}");
            let (sin, cos) = sin_cos_turn(x);
            assert!((sin - (2.0 * PI * x).sin()).abs() < 1e-15, "sin {x}");
            assert!((cos - (2.0 * PI * x).cos()).abs() < 1e-15, "cos {x}");
        }
        assert!((ln(f64::EPSILON / 2.0) - (f64::EPSILON / 2.0).ln()).abs() < 1e-14);
    }

    #[test]
    fn noise_has_its_mean_and_deviation() {
        let image = noise((300, 401), 10.0, 2.0, 1).unwrap();
        assert!((mean(image.view()).unwrap() - 10.0).abs() < 0.03);
        assert!((std(image.view()).unwrap() - 2.0).abs() < 0.03);
        let within = image.iter().filter(|v| (**v - 10.0).abs() < 2.0).count() as f64 / image.len() as f64;
        assert!((within - 0.6827).abs() < 0.005);
        assert_ne!(noise((2, 2), 0.0, 1.0, 1).unwrap(), noise((2, 2), 0.0, 1.0, 2).unwrap());
    }

    #[test]
    fn threads_do_not_show() {
        let make = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| (noise((200, 301), 0.0, 1.0, 7).unwrap(), random_field((60, 45), -2.0, 7).unwrap()))
        };
        assert_eq!(make(1), make(3));
    }

    #[test]
    fn fields_have_their_slope() {
        let field = random_field((256, 256), -2.0, 3).unwrap();
        assert!(mean(field.view()).unwrap().abs() < 1e-12);
        assert!((std(field.view()).unwrap() - 1.0).abs() < 1e-12);
        let waves = fourier::forward(&field);
        // Mean power in two rings, a factor of four apart in wave number.
        let power = |low: f64, high: f64| {
            let ring: Vec<f64> = waves
                .indexed_iter()
                .filter(|((y, x), _)| (low..high).contains(&frequency(*y, 256).hypot(frequency(*x, 256))))
                .map(|(_, wave)| wave.norm_sqr())
                .collect();
            ring.iter().sum::<f64>() / ring.len() as f64
        };
        let slope = (power(0.2, 0.22) / power(0.05, 0.055)).log2() / 2.0;
        assert!((slope + 2.0).abs() < 0.15, "{slope}");
    }

    #[test]
    fn odd_requests() {
        assert!(noise((1, 1), 0.0, -1.0, 0).is_err());
        assert!(noise((usize::MAX, usize::MAX), 0.0, 1.0, 0).is_err());
        assert!(random_field((4, 4), f64::NAN, 0).is_err());
        assert_eq!(random_field((1, 1), -2.0, 0).unwrap()[[0, 0]], 0.0);
        assert_eq!(random_field((0, 5), -2.0, 0).unwrap().dim(), (0, 5));
        assert_eq!(noise((3, 1), 5.0, 0.0, 0).unwrap(), Array2::from_elem((3, 1), 5.0));
    }
}
