//! Blurring by a Gaussian: a separable, symmetric kernel along rows and columns. In: an image and a width in pixels;
//! out: an image of the same shape and type. Sums are kept in `f64` and fused (`a * b + c` rounded once), so that every
//! processor and every number of threads gives the same bytes.

use multiversion::target::match_target;
use ndarray::{Array2, ArrayView2};

use super::separable::{ACROSS, Lanes, Line, separable};
use super::{Border, PixelError, Sample};

/// The longest kernel, in pixels on either side.
const MOST_RADIUS: usize = 1 << 16;

/// The standard deviation of the Gaussian along rows' and columns' axes (down, across), in pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sigma {
    pub y: f64,
    pub x: f64,
}

impl From<f64> for Sigma {
    fn from(sigma: f64) -> Self {
        Self { y: sigma, x: sigma }
    }
}

impl From<(f64, f64)> for Sigma {
    fn from((y, x): (f64, f64)) -> Self {
        Self { y, x }
    }
}

/// The image blurred by a Gaussian of `sigma` pixels: skimage.filters.gaussian without rescaling of the values, which is
/// scipy.ndimage.gaussian_filter.
///
/// The kernel is cut at `truncate` standard deviations, at `(truncate * sigma + 0.5)` whole pixels, and normalised. The
/// defaults of skimage are `Border::Nearest` and a `truncate` of 4. The columns are blurred first, then the rows, each to
/// the image's type. A NaN or an infinity spoils every pixel that its kernel reaches.
///
/// # Errors
/// A sigma or truncate that is negative or not finite, and kernels of more than 2¹⁶ pixels on a side.
pub fn gaussian<T: Sample>(
    image: ArrayView2<T>,
    sigma: impl Into<Sigma>,
    mode: Border,
    truncate: f64,
) -> Result<Array2<T>, PixelError> {
    let sigma = sigma.into();
    let down = Weights(kernel(sigma.y, truncate)?);
    let across = Weights(kernel(sigma.x, truncate)?);
    Ok(separable(image, mode, &down, &across))
}

/// The weights of a kernel that is symmetric, from its middle on; at least one.
struct Weights(Vec<f64>);

impl Line for Weights {
    fn window(&self) -> usize {
        2 * self.0.len() - 1
    }

    fn apply(&self, line: &mut [Lanes], out: &mut [Lanes]) {
        correlate(line, &self.0, out);
    }
}

/// Sums over the pixels from each on, for `ACROSS` lines at once, with a symmetric kernel whose `weights` these are from its
/// middle on.
#[multiversion::multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+fma+bmi1+bmi2+popcnt+lzcnt",
    "x86_64+avx2+fma+bmi1+bmi2+popcnt+lzcnt"
))]
fn correlate(panel: &[Lanes], weights: &[f64], sums: &mut [Lanes]) {
    // As many lanes as the vector registers hold, of the sums and of the pixels that they share.
    match_target! {
        "x86_64+avx512f" => correlate_lanes::<16>(panel, weights, sums, 0),
        _ => (0..ACROSS).step_by(4).for_each(|lane| correlate_lanes::<4>(panel, weights, sums, lane)),
    }
}

/// Neighbouring sums that are made together.
const ALONG: usize = 3;

/// Steps away from the middle that are written out.
const ROUND: usize = 6;

/// What neighbouring sums need on one side in a round.
const WINDOW: usize = ROUND + ALONG - 1;

/// Does something for each of some numbers that begin with 0. Written out and not a loop: a loop over sums is what the compiler
/// would turn into vectors, gathering one number of each sum, where the lanes of a sum are to be the vectors.
macro_rules! each {
    ($k:ident of $count:expr, $body:expr) => {
        each!(@ $k $count, $body, 0 1 2 3 4 5)
    };
    (@ $k:ident $count:expr, $body:expr, $($index:literal)*) => {{
        $(if $index < $count {
            let $k = $index;
            $body
        })*
    }};
}

/// `correlate` for the lanes `lane..lane + LANES`. Pixels that are as far from a sum's place are added before they are
/// weighted, which halves the multiplications. Neighbouring sums are made together and share what they load: each step away from
/// their middles loads one pixel on either side. The odd steps have a sum of their own, so that one addition need not wait for
/// the other.
///
/// Each sum takes its pixels in their order from the middle on, whatever is made together with it, so that all processors give
/// the same bytes.
#[inline(always)]
fn correlate_lanes<const LANES: usize>(panel: &[Lanes], weights: &[f64], sums: &mut [Lanes], lane: usize) {
    let radius = weights.len() - 1;
    let whole = sums.len() / ALONG * ALONG;
    let (rounds, rest) = weights[1..].as_chunks::<ROUND>();
    for (panel, sums) in panel.windows(2 * radius + ALONG).step_by(ALONG).zip(sums[..whole].chunks_exact_mut(ALONG)) {
        let mut even = [[0.0; LANES]; ALONG];
        let mut odd = even;
        each!(k of ALONG, even[k] = middle(weights[0], lanes(&panel[radius + k], lane)));
        let mut far = 1;
        for weights in rounds {
            let left: &[Lanes; WINDOW] = panel[radius + 1 - far - ROUND..][..WINDOW].try_into().expect("a window");
            let right: &[Lanes; WINDOW] = panel[radius + far..][..WINDOW].try_into().expect("a window");
            each!(step of ROUND, {
                let (left, right) = (&left[ROUND - 1 - step..], &right[step..]);
                // A choice between references would keep the sums in memory.
                if step % 2 == 0 {
                    pairs(&mut odd, weights[step], left, right, lane);
                } else {
                    pairs(&mut even, weights[step], left, right, lane);
                }
            });
            far += ROUND;
        }
        each!(step of ROUND, if step < rest.len() {
            let (left, right) = (&panel[radius - far - step..], &panel[radius + far + step..]);
            if step % 2 == 0 {
                pairs(&mut odd, rest[step], left, right, lane);
            } else {
                pairs(&mut even, rest[step], left, right, lane);
            }
        });
        each!(k of ALONG, sums[k].0[lane..lane + LANES].copy_from_slice(&total(even[k], odd[k])));
    }
    for (panel, sums) in panel.windows(2 * radius + 1).zip(sums.iter_mut()).skip(whole) {
        let mut even = middle(weights[0], lanes(&panel[radius], lane));
        let mut odd = [0.0; LANES];
        for far in (1..=radius).step_by(2) {
            pair(&mut odd, weights[far], lanes(&panel[radius - far], lane), lanes(&panel[radius + far], lane));
            if let Some(&weight) = weights.get(far + 1) {
                let far = far + 1;
                pair(&mut even, weight, lanes(&panel[radius - far], lane), lanes(&panel[radius + far], lane));
            }
        }
        sums.0[lane..lane + LANES].copy_from_slice(&total(even, odd));
    }
}

#[inline(always)]
fn lanes<const LANES: usize>(pixels: &Lanes, lane: usize) -> &[f64; LANES] {
    pixels.0[lane..lane + LANES].try_into().expect("lanes within the panel")
}

/// The first pixel of sums.
#[inline(always)]
fn middle<const LANES: usize>(weight: f64, pixels: &[f64; LANES]) -> [f64; LANES] {
    pixels.map(|pixel| weight * pixel)
}

/// Two further pixels of each of some neighbouring sums.
#[inline(always)]
fn pairs<const LANES: usize>(
    sums: &mut [[f64; LANES]; ALONG],
    weight: f64,
    left: &[Lanes],
    right: &[Lanes],
    lane: usize,
) {
    let (left, right) = (&left[..ALONG], &right[..ALONG]);
    each!(k of ALONG, pair(&mut sums[k], weight, lanes(&left[k], lane), lanes(&right[k], lane)));
}

/// Two further pixels of a sum, with the same weight.
#[inline(always)]
fn pair<const LANES: usize>(sums: &mut [f64; LANES], weight: f64, before: &[f64; LANES], after: &[f64; LANES]) {
    for (sum, (&before, &after)) in sums.iter_mut().zip(before.iter().zip(after)) {
        *sum = weight.mul_add(before + after, *sum);
    }
}

#[inline(always)]
fn total<const LANES: usize>(mut even: [f64; LANES], odd: [f64; LANES]) -> [f64; LANES] {
    even.iter_mut().zip(odd).for_each(|(even, odd)| *even += odd);
    even
}

/// The weights of a Gaussian at the pixels `0..=radius`, which are those at `-radius..=0` too.
fn kernel(sigma: f64, truncate: f64) -> Result<Vec<f64>, PixelError> {
    let positive = |number: f64| number.is_finite() && number >= 0.0;
    PixelError::number("sigma", "a finite number of at least 0", sigma, positive(sigma))?;
    PixelError::number("truncate", "a finite number of at least 0", truncate, positive(truncate))?;
    let radius = (truncate * sigma + 0.5) as usize;
    PixelError::at_most("the radius of the kernel", MOST_RADIUS, radius)?;
    if radius == 0 {
        return Ok(vec![1.0]);
    }
    let weights: Vec<f64> = (0..=radius).map(|i| (-0.5 / (sigma * sigma) * (i * i) as f64).exp()).collect();
    let sum: f64 = weights.iter().skip(1).rev().chain(&weights).sum();
    Ok(weights.into_iter().map(|weight| weight / sum).collect())
}

#[cfg(test)]
mod tests {
    use ndarray::array;
    use proptest::prelude::*;

    use super::*;

    /// Both axes at once, pixel by pixel.
    fn slow(image: &Array2<f64>, sigma: Sigma, mode: Border, truncate: f64) -> Array2<f64> {
        let (height, width) = image.dim();
        let [down, across] = [sigma.y, sigma.x].map(|sigma| {
            let half = kernel(sigma, truncate).unwrap();
            half.iter().skip(1).rev().chain(&half).copied().collect::<Vec<f64>>()
        });
        let constant = if let Border::Constant(value) = mode { value } else { 0.0 };
        Array2::from_shape_fn((height, width), |(y, x)| {
            let mut sum = 0.0;
            for (j, wx) in across.iter().enumerate() {
                let x = mode.map((x + j) as isize - (across.len() / 2) as isize, width);
                let Some(x) = x else {
                    sum += wx * constant;
                    continue;
                };
                for (i, wy) in down.iter().enumerate() {
                    let y = mode.map((y + i) as isize - (down.len() / 2) as isize, height);
                    sum += wx * wy * y.map_or(constant, |y| image[[y, x]]);
                }
            }
            sum
        })
    }

    fn close(left: f64, right: f64, tolerance: f64) -> bool {
        (left - right).abs() <= tolerance * (1.0 + right.abs())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn agrees_with_the_definition(
            height in 1usize..30,
            width in 1usize..40,
            sigma in (0.0..4.0, 0.0..6.0),
            truncate in 0.0..4.0,
            mode in prop_oneof![
                Just(Border::Reflect), Just(Border::Nearest), Just(Border::Mirror), Just(Border::Wrap),
                Just(Border::Constant(3.0)),
            ],
        ) {
            let image = Array2::from_shape_fn((height, width), |(y, x)| ((y * 31 + x * 17) % 23) as f64 - 7.0);
            let expected = slow(&image, sigma.into(), mode, truncate);
            let blurred = gaussian(image.view(), sigma, mode, truncate).unwrap();
            prop_assert!(blurred.iter().zip(&expected).all(|(&a, &b)| close(a, b, 1e-13)));
            let blurred = gaussian(image.mapv(|pixel| pixel as f32).view(), sigma, mode, truncate).unwrap();
            prop_assert!(blurred.iter().zip(&expected).all(|(&a, &b)| close(f64::from(a), b, 4e-6)));
        }
    }

    #[test]
    fn sums_are_the_same_bytes_however_many_are_made_together() {
        let pixel = |i: usize| ((i * 7919) % 1009) as f64 / 7.0 - 60.0;
        for radius in 0..13 {
            for count in 1..14 {
                let panel: Vec<Lanes> = (0..count + 2 * radius)
                    .map(|place| Lanes(std::array::from_fn(|lane| pixel(place * ACROSS + lane))))
                    .collect();
                let weights: Vec<f64> = (0..=radius).map(|far| 1.0 / (3 + far * far) as f64).collect();
                let mut sums = [(); 4].map(|()| vec![Lanes::of(f64::NAN); count]);
                correlate_lanes::<ACROSS>(&panel, &weights, &mut sums[0], 0);
                (0..ACROSS).step_by(4).for_each(|at| correlate_lanes::<4>(&panel, &weights, &mut sums[1], at));
                correlate(&panel, &weights, &mut sums[2]);
                // One after the other.
                for (at, sum) in sums[3].iter_mut().enumerate() {
                    correlate_lanes::<ACROSS>(&panel[at..], &weights, std::slice::from_mut(sum), 0);
                }
                let bits = sums.map(|sums| sums.iter().flat_map(|sum| sum.0.map(f64::to_bits)).collect::<Vec<_>>());
                assert_eq!(bits[0], bits[1], "radius {radius}, {count} sums");
                assert_eq!(bits[0], bits[2], "radius {radius}, {count} sums");
                assert_eq!(bits[0], bits[3], "radius {radius}, {count} sums");
            }
        }
    }

    #[test]
    fn bands_and_panels_join() {
        let image = Array2::from_shape_fn((259, 35), |(y, x)| ((y * 31 + x * 17) % 23) as f64);
        let expected = slow(&image, 2.0.into(), Border::Nearest, 4.0);
        let blurred = gaussian(image.view(), 2.0, Border::Nearest, 4.0).unwrap();
        assert!(blurred.iter().zip(&expected).all(|(&a, &b)| close(a, b, 1e-13)));
    }

    #[test]
    fn an_infinity_spoils_only_what_its_kernel_reaches() {
        let mut image = Array2::zeros((1, 41));
        image[[0, 20]] = f64::INFINITY;
        let blurred = gaussian(image.view(), (0.0, 1.0), Border::Nearest, 4.0).unwrap();
        for (x, &pixel) in blurred.iter().enumerate() {
            assert_eq!(pixel.is_finite(), x.abs_diff(20) > 4, "column {x}");
        }
    }

    #[test]
    fn odd_requests() {
        let image = array![[1.0f32, 2.0]];
        assert_eq!(gaussian(image.view(), 0.0, Border::Nearest, 4.0).unwrap(), image);
        let message = gaussian(image.view(), -1.0, Border::Nearest, 4.0).unwrap_err().to_string();
        assert_eq!(message, "sigma must be a finite number of at least 0, got -1");
        assert!(gaussian(image.view(), f64::NAN, Border::Nearest, 4.0).is_err());
        assert!(gaussian(image.view(), 1e300, Border::Nearest, 4.0).is_err());
        assert_eq!(gaussian(Array2::<f32>::zeros((3, 0)).view(), 1.0, Border::Wrap, 4.0).unwrap().dim(), (3, 0));
    }
}
