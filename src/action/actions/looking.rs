//! Images for the eye: values brought to 0…1, coloured, shrunk. The formulas are in [`crate::pixel::stretch`].

use ndarray::Array3;

use super::geometry::resized;
use super::planes::each_plane;
use crate::action::call::{Answer, Call};
use crate::action::failure::Failure;
use crate::action::image::{Dtype, FloatView, Image, Pixels};
use crate::action::registry::{Action, DTYPE, Default, Group, IMAGE, Kind, OUTPUT, Parameter, optional, with};
use crate::pixel::colormap::Colormap;
use crate::pixel::resize::Filter;
use crate::pixel::stretch::{self, Interval, Stretch};

const STRETCHES: &str = "How values are bent: \"linear\", \"sqrt\", \"log\", \"asinh\".";
const COLORMAPS: &str = "\"gray\", \"viridis\", \"plasma\", \"inferno\", \"magma\", \"cividis\", \"hot\".";
const INTERVAL: Parameter = with(
    "interval",
    Kind::Text,
    Default::Text("zscale"),
    "Which values become 0 and 1: \"zscale\", \"percentile\", \"minmax\".",
);
const PERCENTILE: Parameter =
    with("percentile", Kind::Number, Default::Number(99.5), "Per cent of the values kept by interval=\"percentile\".");
const VMIN: Parameter = optional("vmin", Kind::Number, "The value that becomes 0, in place of interval's; with vmax.");
const VMAX: Parameter = optional("vmax", Kind::Number, "The value that becomes 1, in place of interval's; with vmin.");

pub const ACTIONS: &[Action] = &[
    Action {
        name: "stretch",
        group: Group::Looking,
        summary: "An image with the values of an interval brought to 0…1 and bent.",
        parameters: &[
            IMAGE,
            OUTPUT,
            with("stretch", Kind::Text, Default::Text("linear"), STRETCHES),
            INTERVAL,
            PERCENTILE,
            VMIN,
            VMAX,
            DTYPE,
        ],
        manual: "float32 or float64 from 0 to 1; each plane has its own interval. NaN becomes 0. An image without a finite value is an \
                 error.",
        reference: "astropy.visualization",
        run: |call| {
            let bend = Stretch::from_name(call.text("stretch"))?;
            Ok(Answer::Image(stretched(&call.image("image"), bend, interval(call)?)?))
        },
    },
    Action {
        name: "colormap",
        group: Group::Looking,
        summary: "Colours for an image of values from 0 to 1.",
        parameters: &[IMAGE, OUTPUT, with("name", Kind::Text, Default::Text("inferno"), COLORMAPS)],
        manual: "uint8, three planes. Values outside of 0…1 get the first or last colour, NaN the first. The image has one plane; \
                 stretch() brings values to 0…1.",
        reference: "matplotlib's colour tables",
        run: |call| {
            let map = Colormap::from_name(call.text("name"))?;
            Ok(Answer::Image(coloured(&call.image("image"), map)?))
        },
    },
    Action {
        name: "preview",
        group: Group::Looking,
        summary: "A small picture of an image: shrunk, stretched and coloured.",
        parameters: &[
            IMAGE,
            OUTPUT,
            with("width", Kind::Int, Default::Int(512), "The most pixels on a side; the aspect ratio is kept."),
            with("stretch", Kind::Text, Default::Text("asinh"), STRETCHES),
            INTERVAL,
            PERCENTILE,
            VMIN,
            VMAX,
            with("colormap", Kind::Text, Default::Text("gray"), COLORMAPS),
        ],
        manual: "uint8. A colour image of uint8 is only shrunk; of other images of several planes the first is shown.",
        reference: "stretch(), colormap() and resize(filter=\"box\") in one",
        run: preview,
    },
];

fn interval(call: &Call<'_, '_>) -> Result<Interval, Failure> {
    match (call.optional_number("vmin"), call.optional_number("vmax")) {
        (Some(low), Some(high)) => return Ok(Interval::Manual(low, high)),
        (None, None) => {}
        _ => return Err(Failure::new("vmin and vmax come together")),
    }
    match call.text("interval") {
        "zscale" => Ok(Interval::ZScale),
        "minmax" => Ok(Interval::MinMax),
        "percentile" => Ok(Interval::Percentile(call.number("percentile"))),
        other => Err(Failure::new(format!("unknown interval \"{other}\"; one of zscale, percentile, minmax"))),
    }
}

fn stretched(image: &Image, bend: Stretch, interval: Interval) -> Result<Image, Failure> {
    Ok(each_plane!(image, plane => stretch::stretch(plane, bend, interval))?)
}

fn coloured(image: &Image, map: Colormap) -> Result<Image, Failure> {
    let planes = image.shape()[0];
    if planes != 1 {
        return Err(Failure::new(format!("a colormap is for images of one plane, and this one has {planes}")));
    }
    let colours: Array3<u8> = match image.pixels().to_float() {
        FloatView::F32(pixels) => map.apply(pixels.index_axis(ndarray::Axis(0), 0)),
        FloatView::F64(pixels) => map.apply(pixels.index_axis(ndarray::Axis(0), 0)),
    };
    Ok(image.with_pixels(colours.permuted_axes([2, 0, 1])))
}

fn preview(call: &Call<'_, '_>) -> Result<Answer, Failure> {
    let most = call.count("width")?.max(1);
    let image = shrunk(&call.image("image"), (most, most))?;
    if image.shape()[0] == 3 && image.dtype() == Dtype::U8 {
        return Ok(Answer::Image(image));
    }
    let bend = Stretch::from_name(call.text("stretch"))?;
    let map = Colormap::from_name(call.text("colormap"))?;
    let grey = stretched(&first_plane(image), bend, interval(call)?)?;
    Ok(Answer::Image(if call.text("colormap") == "gray" { bytes(&grey) } else { coloured(&grey, map)? }))
}

/// The image, made so small that it fits into `most` (rows, columns); the aspect ratio is kept.
pub(super) fn shrunk(image: &Image, most: (usize, usize)) -> Result<Image, Failure> {
    let [_, height, width] = image.shape();
    let scale = (most.0 as f64 / height as f64).min(most.1 as f64 / width as f64);
    if scale >= 1.0 {
        return Ok(image.clone());
    }
    let scaled = |length: usize, most: usize| ((length as f64 * scale).round() as usize).clamp(1, most);
    resized(image, (scaled(height, most.0), scaled(width, most.1)), Filter::Box)
}

/// A picture in bytes: colour images and grey ones of `uint8` as they are, others by their first plane, stretched.
pub(super) fn picture(image: &Image) -> Result<Image, Failure> {
    match (image.dtype(), image.shape()[0]) {
        (Dtype::U8, 1 | 3) => Ok(image.clone()),
        _ => Ok(bytes(&stretched(&first_plane(image.clone()), Stretch::Asinh, Interval::ZScale)?)),
    }
}

/// Values from 0 to 1 as bytes.
fn bytes(image: &Image) -> Image {
    let grey: Pixels = match image.pixels().to_float() {
        FloatView::F32(pixels) => Pixels::F32(pixels.mapv(|value| value * 255.0)),
        FloatView::F64(pixels) => Pixels::F64(pixels.mapv(|value| value * 255.0)),
    };
    image.with_pixels(grey.cast(Dtype::U8))
}

fn first_plane(image: Image) -> Image {
    if image.shape()[0] == 1 {
        return image;
    }
    let range = ndarray::s![..1, .., ..];
    let pixels = crate::action::image::each_dtype!(image.pixels(), a => Pixels::from(a.slice(range).to_owned()));
    image.with_pixels(pixels)
}
