//! Escape times of `z → z² + c` on a grid of the complex plane: the Mandelbrot set and the Julia sets. In: a view of the
//! plane and a number of iterations; out: an image of counts.
//!
//! Many pixels are iterated side by side in vector registers, chosen at run time. No sum is fused and no order changed:
//! the counts are those of the plain loop on every processor, for any number of threads.

use multiversion::target::match_target;
use ndarray::Array2;
use rayon::prelude::*;

use super::PixelError;

/// The most pixels of an image made here.
const MOST_PIXELS: usize = 1 << 31;

/// The most iterations. Below it the interior tests are exact: a point so near to the edge that rounding puts it on the
/// wrong side needs far more to escape.
const MOST_ITERATIONS: usize = 1_000_000;

/// Iterations between two looks at whether any pixel is still of interest.
const BLOCK: usize = 8;

/// A part of the complex plane and the pixels it is cut into, which are square.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct View {
    /// Pixels down and across.
    pub shape: (usize, usize),
    /// The point in the middle: its real and imaginary part.
    pub center: (f64, f64),
    /// The length of the real axis that is seen, from edge to edge.
    pub extent: f64,
}

/// How often `z → z² + c`, begun at 0, can be iterated before `|z|` exceeds 2, for `c` in the middle of each pixel;
/// `max_iter` where it does not by then. The imaginary axis points up: row 0 is the topmost.
///
/// # Errors
/// A view that is not finite or has no extent, more than 2³¹ pixels, more than 10⁶ iterations.
pub fn mandelbrot(view: View, max_iter: usize) -> Result<Array2<i32>, PixelError> {
    let max_iter = iterations(max_iter)?;
    view.rows(|y, reals, counts| {
        let chunks = reals.as_chunks::<WIDEST>().0.iter().zip(counts.as_chunks_mut::<WIDEST>().0);
        chunks.for_each(|(x, counts)| mandelbrot_lanes(x, y, max_iter, counts));
    })
}

/// The same for a fixed `c`, and `z` begun in the middle of each pixel. Errors as for [`mandelbrot`], and a `c` that is not
/// finite.
pub fn julia(c: (f64, f64), view: View, max_iter: usize) -> Result<Array2<i32>, PixelError> {
    let max_iter = iterations(max_iter)?;
    for part in [c.0, c.1] {
        PixelError::number("c", "a finite number", part, part.is_finite())?;
    }
    view.rows(|y, reals, counts| {
        let chunks = reals.as_chunks::<WIDEST>().0.iter().zip(counts.as_chunks_mut::<WIDEST>().0);
        chunks.for_each(|(x, counts)| julia_lanes(c, x, y, max_iter, counts));
    })
}

fn iterations(max_iter: usize) -> Result<i32, PixelError> {
    PixelError::at_most("max_iter", MOST_ITERATIONS, max_iter)?;
    Ok(max_iter as i32)
}

impl View {
    /// The image whose rows `row(imaginary part, real parts, counts)` fills, all on the threads there are. Real parts and
    /// counts are padded to a whole number of [`WIDEST`].
    fn rows(self, row: impl Fn(f64, &[f64], &mut [i32]) + Sync) -> Result<Array2<i32>, PixelError> {
        let (height, width) = self.shape;
        PixelError::at_most("the number of pixels", MOST_PIXELS, height.saturating_mul(width))?;
        for part in [self.center.0, self.center.1] {
            PixelError::number("center", "two finite numbers", part, part.is_finite())?;
        }
        let is_length = self.extent.is_finite() && self.extent > 0.0;
        PixelError::number("extent", "a finite number above 0", self.extent, is_length)?;
        let mut out = Array2::zeros(self.shape);
        if out.is_empty() {
            return Ok(out);
        }
        let step = self.extent / width as f64;
        let from_middle = |i: usize, length: usize| (i as f64 + 0.5 - length as f64 / 2.0) * step;
        let padded = width.next_multiple_of(WIDEST);
        let reals: Vec<f64> = (0..padded).map(|i| self.center.0 + from_middle(i.min(width - 1), width)).collect();
        let rows = out.as_slice_mut().expect("made in C order");
        rows.par_chunks_exact_mut(width).enumerate().for_each_init(
            || vec![0; padded],
            |counts, (j, out)| {
                row(self.center.1 - from_middle(j, height), &reals, counts);
                out.copy_from_slice(&counts[..width]);
            },
        );
        Ok(out)
    }
}

/// The most pixels that are iterated side by side: four registers of AVX-512 hide the time that an operation takes.
const WIDEST: usize = 32;

/// The counts of pixels in one row of the Mandelbrot set.
#[multiversion::multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+fma+bmi1+bmi2+popcnt+lzcnt",
    "x86_64+avx2+fma+bmi1+bmi2+popcnt+lzcnt"
))]
fn mandelbrot_lanes(reals: &[f64; WIDEST], y: f64, max_iter: i32, counts: &mut [i32; WIDEST]) {
    match_target! {
        "x86_64+avx512f" => mandelbrot_chunks::<32>(reals, y, max_iter, counts),
        "x86_64+avx2" => mandelbrot_chunks::<16>(reals, y, max_iter, counts),
        _ => mandelbrot_chunks::<8>(reals, y, max_iter, counts),
    }
}

#[inline(always)]
fn mandelbrot_chunks<const LANES: usize>(reals: &[f64; WIDEST], y: f64, max_iter: i32, counts: &mut [i32; WIDEST]) {
    let chunks = reals.as_chunks::<LANES>().0.iter().zip(counts.as_chunks_mut::<LANES>().0);
    for (x, counts) in chunks {
        if x.iter().all(|x| is_inside(*x, y)) {
            counts.fill(max_iter);
            continue;
        }
        // Points inside are held at 0, which stays there and is found out at once.
        let cx = x.map(|x| if is_inside(x, y) { 0.0 } else { x });
        let cy = x.map(|x| if is_inside(x, y) { 0.0 } else { y });
        *counts = escape([0.0; LANES], [0.0; LANES], cx, cy, max_iter);
    }
}

/// Whether a point lies in the main cardioid or in the disc on its left, where no orbit escapes.
#[inline(always)]
fn is_inside(x: f64, y: f64) -> bool {
    let (from_cusp, square) = (x - 0.25, y * y);
    let q = from_cusp * from_cusp + square;
    q * (q + from_cusp) <= 0.25 * square || (x + 1.0) * (x + 1.0) + square <= 0.0625
}

/// The counts of pixels in one row of a Julia set.
#[multiversion::multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+fma+bmi1+bmi2+popcnt+lzcnt",
    "x86_64+avx2+fma+bmi1+bmi2+popcnt+lzcnt"
))]
fn julia_lanes(c: (f64, f64), reals: &[f64; WIDEST], y: f64, max_iter: i32, counts: &mut [i32; WIDEST]) {
    match_target! {
        "x86_64+avx512f" => julia_chunks::<32>(c, reals, y, max_iter, counts),
        "x86_64+avx2" => julia_chunks::<16>(c, reals, y, max_iter, counts),
        _ => julia_chunks::<8>(c, reals, y, max_iter, counts),
    }
}

#[inline(always)]
fn julia_chunks<const LANES: usize>(
    c: (f64, f64),
    reals: &[f64; WIDEST],
    y: f64,
    max_iter: i32,
    counts: &mut [i32; WIDEST],
) {
    let chunks = reals.as_chunks::<LANES>().0.iter().zip(counts.as_chunks_mut::<LANES>().0);
    for (x, counts) in chunks {
        *counts = escape(*x, [y; LANES], [c.0; LANES], [c.1; LANES], max_iter);
    }
}

/// How many of the first `max_iter` points of each orbit lie within 2 of 0, up to the first that does not. An orbit that
/// comes back to exactly where it was never escapes (R. P. Brent's cycle finding).
#[inline(always)]
fn escape<const LANES: usize>(
    mut zx: [f64; LANES],
    mut zy: [f64; LANES],
    cx: [f64; LANES],
    cy: [f64; LANES],
    max_iter: i32,
) -> [i32; LANES] {
    // Numbers in place of flags and integers: all lanes then are of one width.
    let mut within = [1.0; LANES];
    let mut count = [0.0; LANES];
    let (mut seen_x, mut seen_y) = (zx, zy);
    let (mut done, mut next_look) = (0, BLOCK as i32);
    while done < max_iter {
        let steps = (max_iter - done).min(BLOCK as i32);
        for _ in 0..steps {
            for lane in 0..LANES {
                let (xx, yy) = (zx[lane] * zx[lane], zy[lane] * zy[lane]);
                within[lane] = if xx + yy <= 4.0 { within[lane] } else { 0.0 };
                count[lane] += within[lane];
                zy[lane] = (zx[lane] + zx[lane]) * zy[lane] + cy[lane];
                zx[lane] = xx - yy + cx[lane];
            }
        }
        done += steps;
        let mut left = 0.0;
        for lane in 0..LANES {
            let is_back = zx[lane] == seen_x[lane] && zy[lane] == seen_y[lane] && within[lane] != 0.0;
            count[lane] = if is_back { f64::from(max_iter) } else { count[lane] };
            within[lane] = if is_back { 0.0 } else { within[lane] };
            left += within[lane];
        }
        if left == 0.0 {
            break;
        }
        if done >= next_look {
            (seen_x, seen_y) = (zx, zy);
            next_look = done.saturating_mul(2);
        }
    }
    count.map(|count| count as i32)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The loop as one writes it, a pixel at a time.
    fn plain(view: View, max_iter: i32, orbit: impl Fn(f64, f64) -> [(f64, f64); 2]) -> Array2<i32> {
        let step = view.extent / view.shape.1 as f64;
        Array2::from_shape_fn(view.shape, |(j, i)| {
            let x = view.center.0 + (i as f64 + 0.5 - view.shape.1 as f64 / 2.0) * step;
            let y = view.center.1 - (j as f64 + 0.5 - view.shape.0 as f64 / 2.0) * step;
            let [mut z, c] = orbit(x, y);
            for n in 0..max_iter {
                if z.0 * z.0 + z.1 * z.1 > 4.0 {
                    return n;
                }
                z = (z.0 * z.0 - z.1 * z.1 + c.0, 2.0 * z.0 * z.1 + c.1);
            }
            max_iter
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn counts_are_those_of_the_plain_loop(
            shape in (0usize..40, 0usize..70),
            center in (-2.0f64..0.6, -1.3f64..1.3),
            zoom in 0i32..40,
            max_iter in 0usize..300,
        ) {
            let view = View { shape, center, extent: 3.0 * 0.5f64.powi(zoom) };
            let ours = mandelbrot(view, max_iter).unwrap();
            prop_assert_eq!(ours, plain(view, max_iter as i32, |x, y| [(0.0, 0.0), (x, y)]));
            let ours = julia(center, view, max_iter).unwrap();
            prop_assert_eq!(ours, plain(view, max_iter as i32, |x, y| [(x, y), center]));
        }
    }

    #[test]
    fn the_whole_set_with_its_interior() {
        let view = View { shape: (97, 131), center: (-0.7, 0.1), extent: 2.8 };
        let expected = plain(view, 3000, |x, y| [(0.0, 0.0), (x, y)]);
        assert_eq!(mandelbrot(view, 3000).unwrap(), expected);
        assert!(expected.iter().filter(|count| **count == 3000).count() > 1000);
    }

    #[test]
    fn odd_requests() {
        let view = View { shape: (2, 2), center: (0.0, 0.0), extent: 4.0 };
        assert_eq!(mandelbrot(view, 0).unwrap(), Array2::<i32>::zeros((2, 2)));
        assert!(mandelbrot(view, MOST_ITERATIONS + 1).is_err());
        assert!(mandelbrot(View { extent: 0.0, ..view }, 9).is_err());
        assert!(mandelbrot(View { center: (f64::NAN, 0.0), ..view }, 9).is_err());
        assert!(mandelbrot(View { shape: (usize::MAX, 2), ..view }, 9).is_err());
        assert!(julia((0.0, f64::INFINITY), view, 9).is_err());
        // A huge `c` overflows to infinities and NaN, and none of them comes back.
        assert_eq!(julia((1e200, 0.0), view, 50).unwrap(), Array2::from_elem((2, 2), 1));
    }
}
