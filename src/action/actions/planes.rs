//! Kernels take one plane of `f32` or `f64`; images have any number of planes of any type. Between the two stands this.

use ndarray::{Array2, Array3, Axis};

use crate::pixel::PixelError;

/// Applies an expression to every plane of an image, in the type arithmetic computes in, and puts the results together
/// under the image's header: `each_plane!(image, plane => gaussian(plane, …))` is a `Result<Image, PixelError>`.
macro_rules! each_plane {
    ($image:expr, $plane:ident => $kernel:expr) => {{
        let image: &$crate::action::image::Image = $image;
        match image.pixels().to_float() {
            $crate::action::image::FloatView::F32(pixels) => {
                $crate::action::actions::planes::stacked(pixels.outer_iter().map(|$plane| $kernel))
                    .map(|pixels| image.with_pixels(pixels))
            }
            $crate::action::image::FloatView::F64(pixels) => {
                $crate::action::actions::planes::stacked(pixels.outer_iter().map(|$plane| $kernel))
                    .map(|pixels| image.with_pixels(pixels))
            }
        }
    }};
}
pub(super) use each_plane;

/// The same in the image's own type: `each_plane_as_it_is!(image, plane => flip(plane, …))` is a
/// `Result<Pixels, PixelError>`, for what moves pixels and computes nothing.
macro_rules! each_plane_as_it_is {
    ($image:expr, $plane:ident => $kernel:expr) => {{
        let image: &$crate::action::image::Image = $image;
        $crate::action::image::each_dtype!(image.pixels(), pixels => {
            $crate::action::actions::planes::stacked(pixels.outer_iter().map(|$plane| $kernel))
                .map($crate::action::image::Pixels::from)
        })
    }};
}
pub(super) use each_plane_as_it_is;

/// Applies an expression to all pixels of an image, in the type arithmetic computes in.
macro_rules! all_pixels {
    ($image:expr, $pixels:ident => $expression:expr) => {{
        let image: &$crate::action::image::Image = $image;
        match image.pixels().to_float() {
            $crate::action::image::FloatView::F32(pixels) => {
                let $pixels = pixels.view();
                $expression
            }
            $crate::action::image::FloatView::F64(pixels) => {
                let $pixels = pixels.view();
                $expression
            }
        }
    }};
}
pub(super) use all_pixels;

/// Planes of one shape as a cube. A single plane keeps its buffer.
pub(super) fn stacked<T: Clone + Default>(
    planes: impl Iterator<Item = Result<Array2<T>, PixelError>>,
) -> Result<Array3<T>, PixelError> {
    let mut planes = planes.collect::<Result<Vec<_>, _>>()?;
    if planes.len() == 1 {
        return Ok(planes.remove(0).insert_axis(Axis(0)));
    }
    let (height, width) = planes.first().map_or((0, 0), Array2::dim);
    let mut out = Array3::default((planes.len(), height, width));
    for (mut plane, made) in out.outer_iter_mut().zip(planes) {
        plane.assign(&made);
    }
    Ok(out)
}
