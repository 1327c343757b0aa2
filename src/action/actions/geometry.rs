//! Parts of images, and images of another size. Coordinates in the header follow.

use super::planes::stacked;
use crate::action::call::{Answer, Call};
use crate::action::failure::Failure;
use crate::action::image::{FloatView, Image, Pixels};
use crate::action::registry::{Action, DTYPE, Default, Group, IMAGE, Kind, OUTPUT, optional, required, with};
use crate::action::section::Slice;
use crate::action::wcs::AxisMap;
use crate::pixel::resize::{self, Filter};
use crate::value::Value;

pub const ACTIONS: &[Action] = &[
    Action {
        name: "crop",
        group: Group::Geometry,
        summary: "A part of an image.",
        parameters: &[
            IMAGE,
            OUTPUT,
            optional("section", Kind::Text, "A FITS section \"[x1:x2,y1:y2]\": from 1, both ends included."),
            optional("rows", Kind::Data, "The rows [start, stop] as Python counts them: from 0, without the stop."),
            optional("columns", Kind::Data, "The columns [start, stop] in the same way."),
            DTYPE,
        ],
        manual: "Either section, or rows and columns; image[y0:y1, x0:x1] does the same. A section that reaches outside is an error.",
        reference: "ccdproc.trim_image; numpy slices",
        run: crop,
    },
    Action {
        name: "resize",
        group: Group::Geometry,
        summary: "An image of another size.",
        parameters: &[
            IMAGE,
            OUTPUT,
            required("size", Kind::Size, "Rows and columns of the result, or one side."),
            with(
                "filter",
                Kind::Text,
                Default::Text("lanczos"),
                "How: \"nearest\", \"box\", \"bilinear\", \"bicubic\", \"lanczos\".",
            ),
            DTYPE,
        ],
        manual: "When shrinking, the filter grows with the scale, so that every pixel counts. uint8, uint16, float32 and float64 stay \
                 what they are, rounded and clipped to their range; other integers become floats. The aspect ratio is not kept.\n\
                 NaN and infinities spoil the pixels that the filter lets them reach.",
        reference: "Pillow's Image.resize",
        run: |call| {
            let filter = Filter::from_name(call.text("filter"))?;
            Ok(Answer::Image(resized(&call.image("image"), call.size("size"), filter)?))
        },
    },
];

fn crop(call: &Call<'_, '_>) -> Result<Answer, Failure> {
    let image = call.image("image");
    let (rows, columns) = (call.data("rows"), call.data("columns"));
    let part = match call.optional_text("section") {
        Some(section) if matches!((rows, columns), (Value::None, Value::None)) => image.section(section)?,
        Some(_) => return Err(Failure::new("crop() takes either section, or rows and columns")),
        None => image.slice(range("rows", rows)?, range("columns", columns)?)?,
    };
    Ok(Answer::Image(part))
}

/// `[start, stop]`; either may be None.
fn range(name: &str, value: &Value) -> Result<Slice, Failure> {
    let bound = |value: &Value| match value {
        Value::None => Some(None),
        Value::Int(at) => Some(Some(*at)),
        _ => None,
    };
    let wrong = || Failure::new(format!("{name} are two numbers [start, stop]"));
    match value {
        Value::None => Ok(Slice::ALL),
        Value::List(ends) => match ends.as_slice() {
            [start, stop] => {
                Ok(Slice { start: bound(start).ok_or_else(wrong)?, stop: bound(stop).ok_or_else(wrong)?, step: 1 })
            }
            _ => Err(wrong()),
        },
        _ => Err(wrong()),
    }
}

/// The image as `size` (rows, columns) pixels.
pub(super) fn resized(image: &Image, size: (usize, usize), filter: Filter) -> Result<Image, Failure> {
    macro_rules! planes {
        ($pixels:expr) => {
            stacked($pixels.outer_iter().map(|plane| resize::resize(plane, size, filter))).map(Pixels::from)?
        };
    }
    let pixels = match image.pixels() {
        Pixels::U8(pixels) => planes!(pixels),
        Pixels::U16(pixels) => planes!(pixels),
        _ => match image.pixels().to_float() {
            FloatView::F32(pixels) => planes!(pixels),
            FloatView::F64(pixels) => planes!(pixels),
        },
    };
    let [_, height, width] = image.shape();
    let mut header = image.header().clone();
    let scaling = |new: usize, old: usize| AxisMap::scaling(new as f64 / old as f64);
    header.map_axes(scaling(size.1, width), scaling(size.0, height));
    Ok(Image::new(pixels, header))
}
