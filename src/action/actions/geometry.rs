//! Parts of images, images turned and mirrored, and images of another size. Coordinates in the header follow.

use super::filters::{CVAL, MODE, MODES, border};
use super::planes::{each_plane, each_plane_as_it_is, stacked};
use crate::action::call::{Answer, Call};
use crate::action::failure::Failure;
use crate::action::file::{Part, Wanted};
use crate::action::image::{FloatView, Image, Pixels};
use crate::action::registry::{
    Action, DTYPE, Default, Group, IMAGE, Kind, OUTPUT, PICTURE, Parameter, optional, required, with,
};
use crate::action::section::Slice;
use crate::action::wcs::{AxisMap, PixelMap};
use crate::pixel::PixelError;
use crate::pixel::blocks::{Reduce, block_reduce};
use crate::pixel::geometry;
use crate::pixel::resize::{self, Filter, Region};
use crate::pixel::rotate::{Order, Turn, rotate};
use crate::value::Value;

const FILTERS: &str = "How: \"nearest\", \"box\", \"bilinear\", \"bicubic\", \"lanczos\".";
const FILTER_NAMES: Kind = Kind::Word(&["nearest", "box", "bilinear", "bicubic", "lanczos", "catmullrom", "lanczos3"]);
const FILTER: Parameter = with("filter", FILTER_NAMES, Default::Text("bicubic"), FILTERS);

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
        name: "flip",
        group: Group::Geometry,
        summary: "The image read backwards along its rows, its columns, or both.",
        parameters: &[
            IMAGE,
            OUTPUT,
            optional("axis", Kind::Int, "0 turns it upside down, 1 left to right; both without it."),
            DTYPE,
        ],
        manual: "The pixel type stays. image[::-1, :] is flip(image, axis=0).",
        reference: "numpy.flip",
        run: run_flip,
    },
    Action {
        name: "rot90",
        group: Group::Geometry,
        summary: "The image turned by right angles.",
        parameters: &[
            IMAGE,
            OUTPUT,
            with(
                "k",
                Kind::Int,
                Default::Int(1),
                "How many right angles, counter-clockwise; negative ones go clockwise.",
            ),
            DTYPE,
        ],
        manual: "Row 0 is above; a program that shows it below, as for FITS, shows the turn the other way round. The pixel type stays.\n\
                 Coordinates in the header turn with the pixels: CD, or PC with CDELT (made from CROTA2), and SIP.",
        reference: "numpy.rot90",
        run: run_rot90,
    },
    Action {
        name: "rotate",
        group: Group::Geometry,
        summary: "The image turned by any angle around its middle.",
        parameters: &[
            IMAGE,
            OUTPUT,
            required("angle", Kind::Number, "Degrees counter-clockwise, row 0 being above."),
            with("order", Kind::Int, Default::Int(1), "How to interpolate: 0 the nearest pixel, 1 linear, 3 cubic."),
            with("resize", Kind::Bool, Default::Bool(false), "A result so large that all of the image fits in."),
            with("mode", MODES, Default::Text("constant"), MODE),
            CVAL,
            DTYPE,
        ],
        manual: "Integers become float32 (8 and 16 bit) or float64; values are not rescaled. Order 3 is the cubic of Catmull and Rom, \
                 clipped to the range of the image.\n\
                 mode goes by scipy.ndimage's names, of which skimage calls nearest \"edge\", reflect \"symmetric\" and mirror \
                 \"reflect\". NaN spoils what is interpolated from it. Right angles are exact.",
        reference: "skimage.transform.rotate with preserve_range=True",
        run: run_rotate,
    },
    Action {
        name: "block_reduce",
        group: Group::Geometry,
        summary: "Blocks of pixels made into one.",
        parameters: &[
            IMAGE,
            OUTPUT,
            required("factor", Kind::Size, "The block in pixels: one side, or (rows, columns)."),
            with(
                "func",
                Kind::Word(&["sum", "mean", "median", "min", "max"]),
                Default::Text("sum"),
                "What is taken of a block: \"sum\", \"mean\", \"median\", \"min\", \"max\".",
            ),
            with(
                "cval",
                Kind::Number,
                Default::Number(0.0),
                "What fills blocks that reach beyond the last row or column.",
            ),
            DTYPE,
        ],
        manual: "Integers become float32 (8 and 16 bit) or float64. A NaN spoils its block.",
        reference: "skimage.measure.block_reduce",
        run: run_block_reduce,
    },
    Action {
        name: "fit",
        group: Group::Geometry,
        summary: "The middle of an image, cut to the aspect ratio of a size and brought to that size.",
        parameters: &[
            PICTURE,
            OUTPUT,
            required("size", Kind::Size, "Rows and columns of the result, or one side."),
            FILTER,
            DTYPE,
        ],
        manual: "Pixel types, NaN, and a large JPEG given by its path as in resize. Pillow's size is (width, height).",
        reference: "Pillow's ImageOps.fit",
        run: run_fit,
    },
    Action {
        name: "thumbnail",
        group: Group::Geometry,
        summary: "An image made so small that it fits into a size; its aspect ratio is kept.",
        parameters: &[
            PICTURE,
            OUTPUT,
            required("size", Kind::Size, "The most rows and columns, or both in one."),
            FILTER,
            DTYPE,
        ],
        manual: "An image that fits already stays as it is. Pixel types, NaN, and a large JPEG given by its path as in resize. Pillow's \
                 size is (width, height).",
        reference: "Pillow's Image.thumbnail",
        run: run_thumbnail,
    },
    Action {
        name: "auto_orient",
        group: Group::Geometry,
        summary: "The image as it is to be looked at, by its EXIF orientation.",
        parameters: &[
            IMAGE,
            OUTPUT,
            optional(
                "orientation",
                Kind::Int,
                "EXIF's orientation, 1 to 8, where it comes from elsewhere than the image's own file.",
            ),
            DTYPE,
        ],
        manual: "Reading a file applies its EXIF orientation, so that without an orientation the image stays as it is. The pixel type stays.",
        reference: "Pillow's ImageOps.exif_transpose",
        run: run_auto_orient,
    },
    Action {
        name: "resize",
        group: Group::Geometry,
        summary: "An image of another size.",
        parameters: &[
            PICTURE,
            OUTPUT,
            required("size", Kind::Size, "Rows and columns of the result, or one side."),
            with("filter", FILTER_NAMES, Default::Text("lanczos"), FILTERS),
            DTYPE,
        ],
        manual: "When shrinking, the filter grows with the scale, so that every pixel counts. uint8, uint16, float32 and float64 stay \
                 what they are, rounded and clipped to their range; other integers become floats. The aspect ratio is not kept.\n\
                 NaN and infinities spoil the pixels that the filter lets them reach.\n\
                 A baseline JPEG given by its path is decoded at a half, a quarter or an eighth of its size, each pixel the mean of those \
                 that it stands for, as long as the part that is used stays twice as large as the result on both sides: four times with \
                 \"box\"; with \"nearest\" all of it is decoded. resize(read(path), …) decodes all of it in any case; the difference \
                 is a few levels where the picture is sharp.",
        reference: "Pillow's Image.resize; Image.draft and reducing_gap=2.0",
        run: |call| {
            let (size, filter) = (call.size("size"), Filter::from_name(call.text("filter"))?);
            let part = call.picture("image", |shape| Wanted::new(Region::whole(shape), size, filter))?;
            Ok(Answer::Image(resampled(&part, filter)?))
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

/// The image's pixels moved; its header follows.
pub(super) fn moved(image: &Image, pixels: Pixels, x: AxisMap, y: AxisMap) -> Answer {
    let mut header = image.header().clone();
    header.map_axes(x, y);
    Answer::Image(Image::new(pixels, header))
}

fn run_flip(call: &Call<'_, '_>) -> Result<Answer, Failure> {
    let image = call.image("image");
    let (rows, columns) = match call.optional_int("axis") {
        None => (true, true),
        Some(0 | -2) => (true, false),
        Some(1 | -1) => (false, true),
        Some(other) => return Err(Failure::new(format!("axis is 0 (rows) or 1 (columns), not {other}"))),
    };
    let pixels = each_plane_as_it_is!(&image, plane => Ok::<_, PixelError>(geometry::flip(plane, rows, columns)))?;
    let [_, height, width] = image.shape();
    let mirrored = |is_backwards, length| if is_backwards { AxisMap::flip(length) } else { AxisMap::SAME };
    Ok(moved(&image, pixels, mirrored(columns, width), mirrored(rows, height)))
}

fn run_rot90(call: &Call<'_, '_>) -> Result<Answer, Failure> {
    let (image, turns) = (call.image("image"), call.int("k"));
    let pixels = each_plane_as_it_is!(&image, plane => Ok::<_, PixelError>(geometry::rot90(plane, turns)))?;
    let [_, height, width] = image.shape();
    let mut header = image.header().clone();
    header.map_pixels(PixelMap::rot90((height, width), turns));
    Ok(Answer::Image(Image::new(pixels, header)))
}

fn run_rotate(call: &Call<'_, '_>) -> Result<Answer, Failure> {
    let (image, border, order) = (call.image("image"), border(call)?, call.int("order"));
    let order = Order::from_number(order).ok_or_else(|| Failure::new(format!("order is 0, 1 or 3, not {order}")))?;
    let [_, height, width] = image.shape();
    let turn = Turn::new((height, width), call.number("angle"), call.flag("resize"))?;
    let turned = each_plane!(&image, plane => rotate(plane, &turn, order, border))?;
    let (y, x) = turn.target(0.0, 0.0);
    let mut header = turned.header().clone();
    header.map_pixels(PixelMap::about([1.0, 1.0], [x + 1.0, y + 1.0], turn.matrix()));
    Ok(Answer::Image(turned.with_header(header)))
}

fn run_block_reduce(call: &Call<'_, '_>) -> Result<Answer, Failure> {
    let (image, factor) = (call.image("image"), call.size("factor"));
    let (reduce, cval) = (Reduce::from_name(call.text("func"))?, call.number("cval"));
    let reduced = each_plane!(&image, plane => block_reduce(plane, factor, reduce, cval))?;
    let mut header = reduced.header().clone();
    header.map_axes(AxisMap::binning(factor.1), AxisMap::binning(factor.0));
    Ok(Answer::Image(reduced.with_header(header)))
}

fn run_fit(call: &Call<'_, '_>) -> Result<Answer, Failure> {
    let (size, filter) = (call.size("size"), Filter::from_name(call.text("filter"))?);
    let part = call.picture("image", |shape| Wanted::new(Region::fitting(shape, size), size, filter))?;
    Ok(Answer::Image(resampled(&part, filter)?))
}

fn run_thumbnail(call: &Call<'_, '_>) -> Result<Answer, Failure> {
    let (most, filter) = (call.size("size"), Filter::from_name(call.text("filter"))?);
    let wanted = |shape| Wanted::new(Region::whole(shape), resize::thumbnail_size(shape, most), filter);
    let part = call.picture("image", wanted)?;
    let [_, height, width] = part.image.shape();
    Ok(Answer::Image(if part.size == (height, width) { part.image } else { resampled(&part, filter)? }))
}

fn run_auto_orient(call: &Call<'_, '_>) -> Result<Answer, Failure> {
    let image = call.image("image");
    let Some(orientation) = call.optional_int("orientation") else { return Ok(Answer::Image(image)) };
    let known = usize::try_from(orientation).ok().filter(|known| (1..=8).contains(known));
    let orientation = known.ok_or_else(|| Failure::new(format!("orientation is from 1 to 8, not {orientation}")))?;
    let pixels = each_plane_as_it_is!(&image, plane => geometry::oriented(plane, orientation))?;
    let mut header = image.header().clone();
    if orientation >= 5 {
        header.map_pixels(PixelMap::TRANSPOSED);
    }
    let [_, height, width] = pixels.shape();
    let mirrored = |is_backwards, length| if is_backwards { AxisMap::flip(length) } else { AxisMap::SAME };
    header.map_axes(
        mirrored(matches!(orientation, 2 | 3 | 6 | 7), width),
        mirrored(matches!(orientation, 3 | 4 | 7 | 8), height),
    );
    Ok(Answer::Image(Image::new(pixels, header)))
}

/// What is wanted of an image, at the size at which it is wanted.
pub(super) fn resampled(part: &Part, filter: Filter) -> Result<Image, Failure> {
    let Part { image, region, size } = part;
    let (region, size) = (*region, *size);
    macro_rules! planes {
        ($pixels:expr) => {
            stacked($pixels.outer_iter().map(|plane| resize::resize_region(plane, region, size, filter)))
                .map(Pixels::from)?
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
    let mut header = image.header().clone();
    header.map_axes(
        AxisMap::zoom(region.left, size.1 as f64 / region.width),
        AxisMap::zoom(region.top, size.0 as f64 / region.height),
    );
    Ok(Image::new(pixels, header))
}
