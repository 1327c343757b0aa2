//! Images made sharper by what a blurred copy lacks. In: an image, the width of the blur and how much; out: the same shape
//! and type. Knows nothing of how blurring is done.

use ndarray::{Array2, ArrayView2, Zip};

use super::gaussian::{Sigma, gaussian};
use super::{Border, PixelError, Sample};

/// `image + amount * (image - blurred)`, blurred by a Gaussian of `radius` pixels: skimage.filters.unsharp_mask with
/// `preserve_range`, so that nothing is rescaled or clipped. Beyond the edge the image is reflected, and the Gaussian ends at
/// four standard deviations, as there. NaN and infinities spoil what the Gaussian reaches.
///
/// # Errors
/// A radius that is negative or not finite, an amount that is not finite.
pub fn unsharp_mask<T: Sample>(
    image: ArrayView2<T>,
    radius: impl Into<Sigma>,
    amount: f64,
) -> Result<Array2<T>, PixelError> {
    PixelError::number("amount", "finite", amount, amount.is_finite())?;
    let mut out = gaussian(image, radius, Border::Reflect, 4.0)?;
    Zip::from(&mut out).and(image).for_each(|out, &pixel| {
        let pixel = pixel.to_f64();
        *out = T::from_f64(pixel + (pixel - out.to_f64()) * amount);
    });
    Ok(out)
}

#[cfg(test)]
mod tests {
    use ndarray::array;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn agrees_with_the_definition(shape in (1usize..20, 1usize..20), radius in 0.0..3.0, amount in -2.0..5.0) {
            let image = Array2::from_shape_fn(shape, |(y, x)| ((y * 31 + x * 17) % 23) as f64);
            let blurred = gaussian(image.view(), radius, Border::Reflect, 4.0).unwrap();
            let expected = &image + &((&image - &blurred) * amount);
            prop_assert_eq!(unsharp_mask(image.view(), radius, amount).unwrap(), expected);
        }
    }

    #[test]
    fn odd_requests() {
        let image = array![[1.0f32, 5.0]];
        assert_eq!(unsharp_mask(image.view(), 0.0, 3.0).unwrap(), image);
        assert_eq!(
            unsharp_mask(image.view(), 1.0, f64::NAN).unwrap_err().to_string(),
            "amount must be finite, got NaN"
        );
        assert!(unsharp_mask(image.view(), -1.0, 1.0).is_err());
    }
}
