//! Pictures of images: shrunk, stretched, coloured, and with the right side up.

use ndarray::{Axis, s};

use super::geometry::resampled;
use super::looking::{
    COLORMAP_NAMES, COLORMAPS, INTERVAL, PERCENTILE, STRETCH_NAMES, STRETCHES, VMAX, VMIN, coloured, interval,
    stretched, stretched_to_bytes,
};
use crate::action::call::{Answer, Call};
use crate::action::failure::Failure;
use crate::action::file::{Part, Wanted};
use crate::action::image::{Dtype, Image, Pixels, each_dtype, mapped};
use crate::action::registry::{Action, Default, Group, Kind, OUTPUT, PICTURE, Parameter, optional, with};
use crate::action::wcs::AxisMap;
use crate::pixel::colormap::Colormap;
use crate::pixel::resize::{Filter, Region};
use crate::pixel::statistics::all_finite;
use crate::pixel::stretch::{Interval, Stretch};

/// Which way is up.
pub(super) const ORIGIN: Parameter = optional(
    "origin",
    Kind::Word(&["lower", "upper"]),
    "Where row 0 belongs: \"lower\" turns the rows round, \"upper\" leaves them. Without it, lower for what was read from FITS, \
     as ds9 shows it, and upper for all else.",
);

pub const ACTIONS: &[Action] = &[Action {
    name: "preview",
    group: Group::Looking,
    summary: "A small picture of an image: shrunk, stretched and coloured.",
    parameters: &[
        PICTURE,
        OUTPUT,
        with("width", Kind::Int, Default::Int(512), "The most pixels on a side; the aspect ratio is kept."),
        with("stretch", STRETCH_NAMES, Default::Text("linear"), STRETCHES),
        INTERVAL,
        PERCENTILE,
        VMIN,
        VMAX,
        with("colormap", COLORMAP_NAMES, Default::Text("gray"), COLORMAPS),
        ORIGIN,
    ],
    manual: "uint8. A colour image of uint8 is only shrunk; of other images of several planes the first is shown. Shrinking takes the \
             mean of the pixels that are not NaN; NaN itself is shown as the lowest value. A large JPEG given by its path as in resize. Without further word a picture looks as ds9 \
             shows it with zscale: the sky in a middle grey, bright stars white; stretch=\"asinh\" brings out what is faint.\n\
             An image that comes of a FITS file has its first row at the bottom of the picture, also after filters and arithmetic: \
             its first operand decides. A picture is upright once it is made: montage() does not turn it again.",
    reference: "stretch(), colormap() and resize(filter=\"box\") in one; matplotlib's imshow for origin",
    run: preview,
}];

fn preview(call: &Call<'_, '_>) -> Result<Answer, Failure> {
    let most = call.count("width")?.max(1);
    let image = shrunk(call.picture("image", shrinking((most, most)))?)?;
    let picture = if image.shape()[0] == 3 && image.dtype() == Dtype::U8 {
        image
    } else {
        let bend = Stretch::from_name(call.text("stretch"))?;
        let map = Colormap::from_name(call.text("colormap"))?;
        let plane = first_plane(image);
        match call.text("colormap") {
            "gray" => stretched_to_bytes(&plane, bend, interval(call)?)?,
            _ => coloured(&stretched(&plane, bend, interval(call)?)?, map)?,
        }
    };
    Ok(Answer::Image(upright(picture, call.optional_text("origin"))?))
}

/// The image with its top row first: its rows turned round if row 0 is the lowest, as `origin` says, or else the file it
/// was read from.
pub(super) fn upright(image: Image, origin: Option<&str>) -> Result<Image, Failure> {
    let is_lower = match origin {
        None => image.header().rows_go_up(),
        Some("lower") => true,
        Some("upper") => false,
        Some(other) => return Err(Failure::new(format!("unknown origin \"{other}\"; one of lower, upper"))),
    };
    let mut header = image.header().clone().rows_go_down();
    if !is_lower {
        return Ok(image.with_header(header));
    }
    header.map_axes(AxisMap::SAME, AxisMap::flip(image.shape()[1]));
    let pixels = each_dtype!(image.pixels(), a => Pixels::from(a.slice(s![.., ..;-1, ..]).to_owned()));
    Ok(Image::new(pixels, header))
}

/// An image made so small that it fits into `most` (rows, columns); the aspect ratio is kept.
pub(super) fn shrinking(most: (usize, usize)) -> impl Fn((usize, usize)) -> Wanted {
    move |(height, width)| {
        let scale = (most.0 as f64 / height as f64).min(most.1 as f64 / width as f64);
        if scale >= 1.0 {
            return Wanted::whole((height, width));
        }
        let scaled = |length: usize, most: usize| ((length as f64 * scale).round() as usize).clamp(1, most);
        let size = (scaled(height, most.0), scaled(width, most.1));
        Wanted::new(Region::whole((height, width)), size, Filter::Box)
    }
}

/// An image at the size at which it is wanted. Each pixel is the mean of those it covers that are finite.
pub(super) fn shrunk(part: Part) -> Result<Image, Failure> {
    let [_, height, width] = part.image.shape();
    if part.size == (height, width) {
        return Ok(part.image);
    }
    let pixels = match part.image.pixels() {
        Pixels::F32(pixels) if !all_finite(pixels.view()) => mapped(pixels, f64::from),
        Pixels::F64(pixels) if !all_finite(pixels.view()) => pixels.clone(),
        _ => return resampled(&part, Filter::Box),
    };
    let resampled_of = |of: fn(f64) -> f64| -> Result<_, Failure> {
        let part = Part { image: part.image.with_pixels(mapped(&pixels, of)), ..part };
        let resampled = resampled(&part, Filter::Box)?;
        Ok((resampled.header().clone(), resampled.into_pixels().into_float().into_f64()))
    };
    let (header, sums) = resampled_of(|pixel| if pixel.is_finite() { pixel } else { 0.0 })?;
    let (_, weights) = resampled_of(|pixel| f64::from(u8::from(pixel.is_finite())))?;
    // Rounding may leave a trace of weight where there is none.
    let means = ndarray::Zip::from(&sums)
        .and(&weights)
        .map_collect(|&sum, &weight| if weight > 1e-9 { sum / weight } else { f64::NAN });
    Ok(Image::new(means, header))
}

/// A picture in bytes, upright: colour images and grey ones of `uint8` as they are, others by their first plane, stretched.
pub(super) fn picture(image: &Image) -> Result<Image, Failure> {
    let picture = match (image.dtype(), image.shape()[0]) {
        (Dtype::U8, 1 | 3) => image.clone(),
        _ => stretched_to_bytes(&first_plane(image.clone()), Stretch::Linear, Interval::ZScale)?,
    };
    upright(picture, None)
}

fn first_plane(image: Image) -> Image {
    if image.shape()[0] == 1 {
        return image;
    }
    let first =
        each_dtype!(image.pixels(), a => Pixels::from(a.index_axis(Axis(0), 0).insert_axis(Axis(0)).to_owned()));
    image.with_pixels(first)
}
