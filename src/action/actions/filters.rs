//! Filters: images blurred, smoothed, sharpened. The kernels are in [`crate::pixel`]; each plane is filtered by itself.

use ndarray::{Array2, Array3, ArrayView3};

use super::planes::{all_pixels, each_plane};
use crate::action::call::{Answer, Argument, Call};
use crate::action::failure::Failure;
use crate::action::image::Image;
use crate::action::registry::{
    Action, DTYPE, Default, Group, IMAGE, Kind, OUTPUT, Parameter, optional, required, with,
};
use crate::action::wcs::AxisMap;
use crate::pixel::convolve::Extent;
use crate::pixel::random::noise;
use crate::pixel::{Border, convolve, gaussian, median, sliding, unsharp};
use crate::value::Value;

pub(super) const MODE: &str = "What lies beyond the edge, as scipy.ndimage names it: \"reflect\", \"nearest\", \"mirror\", \"constant\", \
                    \"wrap\".";
pub(super) const CVAL: Parameter =
    with("cval", Kind::Number, Default::Number(0.0), "The value beyond the edge for mode=\"constant\".");
const WINDOW: Parameter = required("size", Kind::Size, "The window in pixels: one side, or (rows, columns).");
pub(super) const MODES: Kind =
    Kind::Word(&["reflect", "nearest", "mirror", "constant", "wrap", "grid-mirror", "grid-constant", "grid-wrap"]);
const REFLECT: Parameter = with("mode", MODES, Default::Text("reflect"), MODE);

pub const ACTIONS: &[Action] = &[
    Action {
        name: "gaussian",
        group: Group::Filters,
        summary: "The image blurred by a Gaussian.",
        parameters: &[
            IMAGE,
            OUTPUT,
            required("sigma", Kind::Numbers, "Standard deviation in pixels, one or (down, across)."),
            with("mode", MODES, Default::Text("nearest"), MODE),
            CVAL,
            with("truncate", Kind::Number, Default::Number(4.0), "Where the kernel ends, in standard deviations."),
            DTYPE,
        ],
        manual: "Values are not rescaled: integers become float32 (8 and 16 bit) or float64.\n\
                 The default edge is skimage's, \"nearest\"; scipy.ndimage.gaussian_filter gives the same with mode=\"nearest\", and \
                 its own default is mode=\"reflect\".\n\
                 A NaN or an infinity spoils every pixel that its kernel reaches.",
        reference: "skimage.filters.gaussian with preserve_range=True",
        run: run_gaussian,
    },
    Action {
        name: "median_filter",
        group: Group::Filters,
        summary: "The median of the pixels around each pixel.",
        parameters: &[IMAGE, OUTPUT, WINDOW, REFLECT, CVAL, DTYPE],
        manual: "A window of k pixels covers [i - k//2, i + k - 1 - k//2]; of an even number of pixels the upper of the two in \
                 the middle is taken. The time hardly depends on the window.\n\
                 NaN sorts last: a window that is more than half NaN gives NaN.",
        reference: "scipy.ndimage.median_filter; J. Suomela, Median filtering is equivalent to sorting, arXiv 1406.1717",
        run: run_median,
    },
    Action {
        name: "percentile_filter",
        group: Group::Filters,
        summary: "The value below which so many per cent of the pixels around each pixel lie.",
        parameters: &[
            IMAGE,
            OUTPUT,
            required("percentile", Kind::Number, "Per cent, from 0 to 100; a negative one counts from 100."),
            WINDOW,
            REFLECT,
            CVAL,
            DTYPE,
        ],
        manual: "Window and NaN as in median_filter; percentile=50 is not quite the median of an even window.",
        reference: "scipy.ndimage.percentile_filter",
        run: run_percentile,
    },
    Action {
        name: "highpass",
        group: Group::Filters,
        summary: "The image less its median_filter.",
        parameters: &[IMAGE, OUTPUT, WINDOW, REFLECT, CVAL, DTYPE],
        manual: "What is larger than the window goes, what is smaller stays. Window and NaN as in median_filter.",
        reference: "image - scipy.ndimage.median_filter(image, size)",
        run: run_highpass,
    },
    Action {
        name: "uniform_filter",
        group: Group::Filters,
        summary: "The mean of the pixels around each pixel.",
        parameters: &[IMAGE, OUTPUT, WINDOW, REFLECT, CVAL, DTYPE],
        manual: "A window of k pixels covers [i - k//2, i + k - 1 - k//2]. The time does not depend on the window.\n\
                 A NaN or an infinity spoils the windows that hold it, and no others.",
        reference: "scipy.ndimage.uniform_filter, in which a NaN spoils the rest of its row and column",
        run: run_uniform,
    },
    Action {
        name: "minimum_filter",
        group: Group::Filters,
        summary: "The least of the pixels around each pixel.",
        parameters: &[IMAGE, OUTPUT, WINDOW, REFLECT, CVAL, DTYPE],
        manual: "Window as in uniform_filter. The time does not depend on the window.\n\
                 The minimum of a window with a NaN is NaN.",
        reference: "scipy.ndimage.minimum_filter; M. van Herk, Pattern Recognition Letters 13 (1992)",
        run: run_minimum,
    },
    Action {
        name: "maximum_filter",
        group: Group::Filters,
        summary: "The greatest of the pixels around each pixel.",
        parameters: &[IMAGE, OUTPUT, WINDOW, REFLECT, CVAL, DTYPE],
        manual: "Window as in uniform_filter. The time does not depend on the window.\n\
                 The maximum of a window with a NaN is NaN.",
        reference: "scipy.ndimage.maximum_filter; M. van Herk, Pattern Recognition Letters 13 (1992)",
        run: run_maximum,
    },
    Action {
        name: "unsharp_mask",
        group: Group::Filters,
        summary: "The image made sharper: what a blurred copy lacks is added to it.",
        parameters: &[
            IMAGE,
            OUTPUT,
            with(
                "radius",
                Kind::Numbers,
                Default::Number(1.0),
                "Standard deviation of the blur in pixels, one or (down, across).",
            ),
            with(
                "amount",
                Kind::Number,
                Default::Number(1.0),
                "How much of what the blurred copy lacks; negative to soften.",
            ),
            DTYPE,
        ],
        manual: "image + amount * (image - gaussian(image, radius, mode=\"reflect\")). Values are neither rescaled nor clipped, so that \
                 they may leave their range; going to integers by dtype= saturates.\n\
                 A NaN or an infinity spoils every pixel that the blur takes it to.",
        reference: "skimage.filters.unsharp_mask with preserve_range=True",
        run: run_unsharp,
    },
    Action {
        name: "convolve",
        group: Group::Filters,
        summary: "The convolution of an image with a kernel.",
        parameters: &[
            IMAGE,
            OUTPUT,
            required("kernel", Kind::Kernel, "Rows of numbers, an image, a file, or random_kernel(size, seed)."),
            with(
                "mode",
                Kind::Word(&["full", "same", "valid"]),
                Default::Text("full"),
                "The part to compute: \"full\", \"same\" or \"valid\".",
            ),
            with(
                "boundary",
                Kind::Word(&["fill", "wrap", "symm"]),
                Default::Text("fill"),
                "Beyond the edge: \"fill\", \"wrap\" or \"symm\".",
            ),
            with("fillvalue", Kind::Number, Default::Number(0.0), "The value beyond the edge for boundary=\"fill\"."),
            with("stride", Kind::Int, Default::Int(1), "Every so many rows and columns; the rest is not computed."),
            DTYPE,
        ],
        manual: "Of an image of n pixels and a kernel of k along an axis, full gives n + k - 1, same n, valid n - k + 1; then \
                 [::stride].\n\
                 Sums are kept in float64. NaN and infinities spoil the sums they take part in.",
        reference: "scipy.signal.convolve2d",
        run: run_convolve,
    },
    Action {
        name: "random_kernel",
        group: Group::Filters,
        summary: "A square kernel of random weights that add up to 1.",
        parameters: &[
            required("size", Kind::Size, "Its side in pixels, or (rows, columns)."),
            with("seed", Kind::Int, Default::Int(0), "The same seed gives the same kernel."),
            optional("output", Kind::Output, "Where to write it as well, by its suffix."),
        ],
        manual: "float64; the absolute values of Gaussian noise, divided by their sum.",
        reference: "",
        run: run_random_kernel,
    },
];

/// The border of a call's `mode` and `cval`.
pub(super) fn border(call: &Call<'_, '_>) -> Result<Border, Failure> {
    let mode = call.text("mode");
    Border::from_name(mode, call.number("cval")).ok_or_else(|| {
        Failure::new(format!("unknown mode \"{mode}\"; one of reflect, nearest, mirror, constant, wrap"))
    })
}

fn run_gaussian(call: &Call<'_, '_>) -> Result<Answer, Failure> {
    let (sigma, border, truncate) = (call.numbers("sigma"), border(call)?, call.number("truncate"));
    let image = call.image("image");
    Ok(Answer::Image(each_plane!(&image, plane => gaussian::gaussian(plane, sigma, border, truncate))?))
}

fn run_median(call: &Call<'_, '_>) -> Result<Answer, Failure> {
    let (size, border, image) = (call.size("size"), border(call)?, call.image("image"));
    Ok(Answer::Image(each_plane!(&image, plane => median::median_filter(plane, size, border))?))
}

fn run_percentile(call: &Call<'_, '_>) -> Result<Answer, Failure> {
    let (size, border, image) = (call.size("size"), border(call)?, call.image("image"));
    let percentile = call.number("percentile");
    Ok(Answer::Image(each_plane!(&image, plane => median::percentile_filter(plane, percentile, size, border))?))
}

fn run_highpass(call: &Call<'_, '_>) -> Result<Answer, Failure> {
    let (size, border, image) = (call.size("size"), border(call)?, call.image("image"));
    Ok(Answer::Image(each_plane!(&image, plane => median::highpass(plane, size, border))?))
}

fn run_uniform(call: &Call<'_, '_>) -> Result<Answer, Failure> {
    let (size, border, image) = (call.size("size"), border(call)?, call.image("image"));
    Ok(Answer::Image(each_plane!(&image, plane => sliding::uniform_filter(plane, size, border))?))
}

fn run_minimum(call: &Call<'_, '_>) -> Result<Answer, Failure> {
    let (size, border, image) = (call.size("size"), border(call)?, call.image("image"));
    Ok(Answer::Image(each_plane!(&image, plane => sliding::minimum_filter(plane, size, border))?))
}

fn run_maximum(call: &Call<'_, '_>) -> Result<Answer, Failure> {
    let (size, border, image) = (call.size("size"), border(call)?, call.image("image"));
    Ok(Answer::Image(each_plane!(&image, plane => sliding::maximum_filter(plane, size, border))?))
}

fn run_unsharp(call: &Call<'_, '_>) -> Result<Answer, Failure> {
    let radius = call.numbers("radius");
    let (amount, image) = (call.number("amount"), call.image("image"));
    Ok(Answer::Image(each_plane!(&image, plane => unsharp::unsharp_mask(plane, radius, amount))?))
}

fn run_convolve(call: &Call<'_, '_>) -> Result<Answer, Failure> {
    let kernel = kernel(call)?;
    let unknown =
        |name: &str, got: &str, known: &str| Failure::new(format!("unknown {name} \"{got}\"; one of {known}"));
    let (mode, boundary, stride) = (call.text("mode"), call.text("boundary"), call.count("stride")?);
    let extent = Extent::from_name(mode).ok_or_else(|| unknown("mode", mode, "full, same, valid"))?;
    let border = match boundary {
        "fill" => Border::Constant(call.number("fillvalue")),
        "wrap" => Border::Wrap,
        "symm" => Border::Reflect,
        other => return Err(unknown("boundary", other, "fill, wrap, symm")),
    };
    let image = call.image("image");
    let out = each_plane!(&image, plane => convolve::convolve(plane, kernel.view(), extent, border, stride))?;
    let [_, height, width] = out.shape();
    if height == 0 || width == 0 {
        return Err(Failure::new("mode=\"valid\" leaves no pixel: the kernel is larger than the image"));
    }
    Ok(Answer::Image(moved(&out, kernel.dim(), extent, stride)))
}

/// The convolved image with its coordinates corrected for where the computed part begins, and for the stride.
fn moved(image: &Image, kernel: (usize, usize), extent: Extent, stride: usize) -> Image {
    let mut header = image.header().clone();
    let begin = |length: usize| match extent {
        Extent::Full => AxisMap::padding((length - 1) / 2),
        Extent::Same => AxisMap::SAME,
        Extent::Valid => AxisMap::window(length - 1 - (length - 1) / 2, 1),
    };
    // An even kernel has its middle between two pixels; the whole pixel before it is taken, as scipy's "same" does.
    header.map_axes(begin(kernel.1), begin(kernel.0));
    let every = AxisMap::window(0, isize::try_from(stride).unwrap_or(isize::MAX));
    header.map_axes(every, every);
    image.with_header(header)
}

fn in_f64<T: Copy + Into<f64>>(pixels: ArrayView3<'_, T>) -> Array3<f64> {
    pixels.mapv(Into::into)
}

fn kernel(call: &Call<'_, '_>) -> Result<Array2<f64>, Failure> {
    let wrong =
        || Failure::new("a kernel is a list of rows of numbers, all of one length: [[0, 1, 0], [1, 4, 1], [0, 1, 0]]");
    match call.argument("kernel") {
        Argument::Image(image) if image.shape()[0] == 1 => {
            let cube = all_pixels!(image, pixels => in_f64(pixels));
            Ok(cube.remove_axis(ndarray::Axis(0)))
        }
        Argument::Image(image) => {
            Err(Failure::new(format!("a kernel has one plane, and this image has {}", image.shape()[0])))
        }
        Argument::Data(Value::List(rows)) => {
            let mut numbers = Vec::new();
            for row in rows {
                let Value::List(row) = row else { return Err(wrong()) };
                for item in row {
                    numbers.push(item_number(item).ok_or_else(wrong)?);
                }
            }
            let columns = if rows.is_empty() { 0 } else { numbers.len() / rows.len() };
            let is_even = rows.iter().all(|row| matches!(row, Value::List(items) if items.len() == columns));
            let array = Array2::from_shape_vec((rows.len(), columns), numbers).map_err(|_| wrong())?;
            if is_even { Ok(array) } else { Err(wrong()) }
        }
        _ => Err(wrong()),
    }
}

#[allow(clippy::cast_precision_loss)]
fn item_number(value: &Value) -> Option<f64> {
    match value {
        Value::Int(number) => Some(*number as f64),
        Value::Float(number) => Some(*number),
        _ => None,
    }
}

fn run_random_kernel(call: &Call<'_, '_>) -> Result<Answer, Failure> {
    let size = call.size("size");
    let weights = noise(size, 0.0, 1.0, call.seed("seed"))?.mapv(f64::abs);
    let sum = weights.sum();
    let weights = weights.mapv(|weight| weight / sum).insert_axis(ndarray::Axis(0));
    Ok(Answer::Image(Image::new(weights, crate::action::header::Header::default())))
}
