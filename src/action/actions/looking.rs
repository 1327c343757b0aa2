//! Values for the eye: brought to 0…1, bent, coloured; three images of the sky as one. The formulas are in
//! [`crate::pixel::stretch`] and [`crate::pixel::lupton`].

use ndarray::{Array3, Axis};

use super::planes::{each_plane, stacked};
use super::preview::{ORIGIN, upright};
use crate::action::call::{Answer, Call};
use crate::action::failure::Failure;
use crate::action::image::{FloatView, Image};
use crate::action::registry::{
    Action, DTYPE, Default, Group, IMAGE, Kind, OUTPUT, Parameter, optional, required, with,
};
use crate::pixel::PixelError;
use crate::pixel::colormap::Colormap;
use crate::pixel::lupton::{Lupton, lupton};
use crate::pixel::stretch::{self, Interval, Stretch};
use crate::value::Value;

pub(super) const STRETCHES: &str = "How values are bent: \"linear\", \"sqrt\", \"log\", \"asinh\".";
pub(super) const COLORMAPS: &str = "\"gray\", \"viridis\", \"plasma\", \"inferno\", \"magma\", \"cividis\", \"hot\".";
pub(super) const STRETCH_NAMES: Kind = Kind::Word(&["linear", "sqrt", "log", "asinh"]);
pub(super) const COLORMAP_NAMES: Kind =
    Kind::Word(&["gray", "viridis", "plasma", "inferno", "magma", "cividis", "hot"]);
const INTERVALS: Kind = Kind::Word(&["zscale", "percentile", "minmax"]);
pub(super) const INTERVAL: Parameter = with(
    "interval",
    INTERVALS,
    Default::Text("zscale"),
    "Which values become 0 and 1: \"zscale\", \"percentile\", \"minmax\".",
);
pub(super) const PERCENTILE: Parameter =
    with("percentile", Kind::Number, Default::Number(99.5), "Per cent of the values kept by interval=\"percentile\".");
pub(super) const VMIN: Parameter =
    optional("vmin", Kind::Number, "The value that becomes 0, in place of interval's; with vmax.");
pub(super) const VMAX: Parameter =
    optional("vmax", Kind::Number, "The value that becomes 1, in place of interval's; with vmin.");

pub const ACTIONS: &[Action] = &[
    Action {
        name: "stretch",
        group: Group::Looking,
        summary: "An image with the values of an interval brought to 0…1 and bent.",
        parameters: &[
            IMAGE,
            OUTPUT,
            with("stretch", STRETCH_NAMES, Default::Text("linear"), STRETCHES),
            INTERVAL,
            PERCENTILE,
            VMIN,
            VMAX,
            DTYPE,
        ],
        manual: "float32 or float64 from 0 to 1; each plane has its own interval. NaN becomes 0. An image without a finite value is an \
                 error. The rows keep their order.",
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
        parameters: &[IMAGE, OUTPUT, with("name", COLORMAP_NAMES, Default::Text("inferno"), COLORMAPS)],
        manual: "uint8, three planes. Values outside of 0…1 get the first or last colour, NaN the first. The image has one plane; \
                 stretch() brings values to 0…1. The rows keep their order: of a FITS file, the lowest first.",
        reference: "matplotlib's colour tables",
        run: |call| {
            let map = Colormap::from_name(call.text("name"))?;
            Ok(Answer::Image(coloured(&call.image("image"), map)?))
        },
    },
    Action {
        name: "rgb",
        group: Group::Looking,
        summary: "Three images of the sky as one in colour.",
        parameters: &[
            required("r", Kind::Image, "What becomes red."),
            required("g", Kind::Image, "What becomes green."),
            required("b", Kind::Image, "What becomes blue."),
            OUTPUT,
            optional("minimum", Kind::Data, "The value that becomes black, or one for each image; 0 without it."),
            with("stretch", Kind::Number, Default::Number(5.0), "The range of values that is shown nearly linearly."),
            with("Q", Kind::Number, Default::Number(8.0), "How far the bright ones are held back."),
            optional(
                "interval",
                INTERVALS,
                "In place of minimum: \"zscale\", \"percentile\" (99.5) or \"minmax\", whose lower end becomes black in each image.",
            ),
            ORIGIN,
        ],
        manual: "uint8, three planes. Colours do not depend on brightness: the mean of the three is bent, and each is multiplied by \
                 what that did to the mean; a pixel that is too bright keeps its colour. The three are on one scale, aligned and of \
                 one shape; of images of several planes the first is taken. A pixel that is NaN in one of them is black.",
        reference: "astropy.visualization.make_lupton_rgb; R. Lupton and others, PASP 116 (2004)",
        run: rgb,
    },
];

/// The interval of a name.
pub(super) fn interval_named(name: &str, percentile: f64) -> Result<Interval, Failure> {
    match name {
        "zscale" => Ok(Interval::ZScale),
        "minmax" => Ok(Interval::MinMax),
        "percentile" => Ok(Interval::Percentile(percentile)),
        other => Err(Failure::new(format!("unknown interval \"{other}\"; one of zscale, percentile, minmax"))),
    }
}

/// The interval that the parameters of a call say.
pub(super) fn interval(call: &Call<'_, '_>) -> Result<Interval, Failure> {
    match (call.optional_number("vmin"), call.optional_number("vmax")) {
        (Some(low), Some(high)) => Ok(Interval::Manual(low, high)),
        (None, None) => interval_named(call.text("interval"), call.number("percentile")),
        _ => Err(Failure::new("vmin and vmax come together")),
    }
}

/// The image stretched plane by plane. That it has no finite value is the fault of its file, which is named.
pub(super) fn stretched(image: &Image, bend: Stretch, interval: Interval) -> Result<Image, Failure> {
    each_plane!(image, plane => stretch::stretch(plane, bend, interval)).map_err(|error| of_file(image, error))
}

/// The image stretched to the 256 steps of a picture; see [`stretched`].
pub(super) fn stretched_to_bytes(image: &Image, bend: Stretch, interval: Interval) -> Result<Image, Failure> {
    each_plane!(image, plane => stretch::stretch_to_bytes(plane, bend, interval)).map_err(|error| of_file(image, error))
}

fn of_file(image: &Image, error: PixelError) -> Failure {
    match (&error, image.header().path()) {
        (PixelError::NoFiniteValue, Some(path)) => Failure::new(format!("{path}: {error}")),
        _ => error.into(),
    }
}

pub(super) fn coloured(image: &Image, map: Colormap) -> Result<Image, Failure> {
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

fn rgb(call: &Call<'_, '_>) -> Result<Answer, Failure> {
    let images = ["r", "g", "b"].map(|name| call.image(name));
    let bands = [&images[0], &images[1], &images[2]].map(|image| {
        let pixels = image.pixels().clone().into_float().into_f64();
        pixels.index_axis_move(Axis(0), 0)
    });
    let mut minimum = minimum(call.data("minimum"))?;
    if let Some(name) = call.optional_text("interval") {
        if !matches!(call.data("minimum"), Value::None) {
            return Err(Failure::new("rgb() takes either minimum or interval"));
        }
        let interval = interval_named(name, 99.5)?;
        for ((low, band), image) in minimum.iter_mut().zip(&bands).zip(&images) {
            *low = interval.limits(band.view()).map_err(|error| of_file(image, error))?.0;
        }
    }
    let how = Lupton { minimum, stretch: call.number("stretch"), q: call.number("Q") };
    let [red, green, blue] = lupton([bands[0].view(), bands[1].view(), bands[2].view()], how)?;
    let picture = images[0].with_pixels(stacked([red, green, blue].into_iter().map(Ok))?);
    Ok(Answer::Image(upright(picture, call.optional_text("origin"))?))
}

/// One number for all three images, or one for each.
fn minimum(value: &Value) -> Result<[f64; 3], Failure> {
    let number = |value: &Value| match value {
        Value::Int(number) => Some(*number as f64),
        Value::Float(number) => Some(*number),
        _ => None,
    };
    let three = match value {
        Value::None => Some([0.0; 3]),
        Value::List(each) => match each.as_slice() {
            [r, g, b] => number(r).zip(number(g)).zip(number(b)).map(|((r, g), b)| [r, g, b]),
            _ => None,
        },
        one => number(one).map(|number| [number; 3]),
    };
    three.ok_or_else(|| Failure::new("minimum is a number, or a list of three: red, green, blue"))
}
