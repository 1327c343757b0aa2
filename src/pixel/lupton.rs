//! Three images of the sky as one in colour. In: red, green and blue on one scale; out: bytes whose colours do not depend
//! on brightness.
//!
//! R. Lupton and others, "Preparing Red-Green-Blue Images from CCD Data", PASP 116 (2004): the mean of the three is bent,
//! and each is scaled by what that did to the mean. Constants are those of astropy.visualization.make_lupton_rgb.

use ndarray::{Array2, ArrayView2, Zip};

use super::PixelError;

/// How the mean of the three is bent: `asinh(q x / stretch) · 0.1 / asinh(0.1 q)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Lupton {
    /// What becomes black, of each image.
    pub minimum: [f64; 3],
    /// The range of values that is shown nearly linearly.
    pub stretch: f64,
    /// How far the bright ones are held back.
    pub q: f64,
}

/// Red, green and blue bytes. A pixel with NaN in any image is black; one that is too bright keeps its colour.
///
/// # Errors
/// Images of different shapes, a minimum that is not finite, a stretch or `q` that is not a finite number above 0.
pub fn lupton(bands: [ArrayView2<f64>; 3], how: Lupton) -> Result<[Array2<u8>; 3], PixelError> {
    for other in &bands[1..] {
        if other.dim() != bands[0].dim() {
            return Err(PixelError::ShapeMismatch { left: bands[0].dim(), right: other.dim() });
        }
    }
    for minimum in how.minimum {
        PixelError::number("minimum", "finite", minimum, minimum.is_finite())?;
    }
    for (name, number) in [("stretch", how.stretch), ("Q", how.q)] {
        PixelError::number(name, "a finite number above 0", number, number.is_finite() && number > 0.0)?;
    }
    let slope = 0.1 / (0.1 * how.q).asinh();
    let soften = how.q / how.stretch;
    let mut out = [(); 3].map(|()| Array2::zeros(bands[0].dim()));
    let [red, green, blue] = &mut out;
    Zip::indexed(red).and(green).and(blue).for_each(|at, red, green, blue| {
        let value = |band: usize| bands[band][at] - how.minimum[band];
        let values = [value(0), value(1), value(2)];
        let mean = (values[0] + values[1] + values[2]) / 3.0;
        // NaN is not above 0.
        let factor = if mean > 0.0 { (mean * soften).asinh() * slope / mean } else { 0.0 };
        let scaled = values.map(|value| (value * factor).max(0.0));
        let most = scaled[0].max(scaled[1]).max(scaled[2]).max(1.0);
        [*red, *green, *blue] = scaled.map(|value| (value / most * 255.0) as u8);
    });
    Ok(out)
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    const PLAIN: Lupton = Lupton { minimum: [0.0; 3], stretch: 5.0, q: 8.0 };

    #[test]
    fn colours_do_not_depend_on_brightness() {
        let red = array![[1.0, 10.0, 1e6, -1.0, f64::NAN]];
        let green = red.mapv(|v| v / 2.0);
        let [r, g, b] = lupton([red.view(), green.view(), Array2::zeros((1, 5)).view()], PLAIN).unwrap();
        for at in 0..3 {
            assert!((f64::from(r[[0, at]]) / f64::from(g[[0, at]]) - 2.0).abs() < 0.05, "{r} {g}");
        }
        assert_eq!((r[[0, 2]], b[[0, 2]]), (255, 0));
        assert_eq!([r[[0, 3]], r[[0, 4]], g[[0, 4]]], [0, 0, 0]);
    }

    #[test]
    fn odd_requests() {
        let (one, two) = (array![[1.0]], array![[1.0, 2.0]]);
        assert!(lupton([one.view(), two.view(), one.view()], PLAIN).is_err());
        assert!(lupton([one.view(); 3], Lupton { stretch: 0.0, ..PLAIN }).is_err());
        assert!(lupton([one.view(); 3], Lupton { q: f64::NAN, ..PLAIN }).is_err());
    }
}
