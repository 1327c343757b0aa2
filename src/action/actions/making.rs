//! Images made of nothing but numbers, or of other fields of a model. The formulas are in [`crate::pixel::fractal`],
//! [`crate::pixel::random`] and [`crate::pixel::cosmology`].

use ndarray::{Array2, Array3, Axis};

use super::planes::stacked;
use crate::action::call::{Answer, Call};
use crate::action::failure::Failure;
use crate::action::header::Header;
use crate::action::image::Image;
use crate::action::registry::{Action, DTYPE, Default, Group, Kind, OUTPUT, Parameter, optional, required, with};
use crate::pixel::cosmology::{self, Counting};
use crate::pixel::fractal::{self, View};
use crate::pixel::{PixelError, random};
use crate::value::Value;

const SHAPE: Parameter = required("shape", Kind::Size, "Rows and columns, or one side.");
const SEED: Parameter = with("seed", Kind::Int, Default::Int(0), "The same seed gives the same pixels.");
const WIDTH: Parameter = required("width", Kind::Int, "Pixels across.");
const HEIGHT: Parameter = required("height", Kind::Int, "Pixels down.");
const MAX_ITER: Parameter = with("max_iter", Kind::Int, Default::Int(256), "The most iterations, up to 1,000,000.");
const BOX_SIZE: Parameter =
    with("box_size", Kind::Numbers, Default::Number(1.0), "The length of the periodic box, or (down, across).");

pub const ACTIONS: &[Action] = &[
    Action {
        name: "mandelbrot",
        group: Group::Making,
        summary: "The Mandelbrot set: how soon each point of the plane escapes.",
        parameters: &[
            WIDTH,
            HEIGHT,
            OUTPUT,
            optional("center", Kind::Data, "The point in the middle, [real, imaginary]; [-0.5, 0] without it."),
            with("extent", Kind::Number, Default::Number(3.0), "The length of the real axis from edge to edge."),
            MAX_ITER,
            DTYPE,
        ],
        manual: "int32: for the point c in the middle of each pixel the first n with |z| > 2, where z begins at 0 and becomes z² + c; \
                 max_iter where there is none below it. Pixels are square. Row 0 is the uppermost: the imaginary axis points up. \
                 float64 inside, which ends a zoom at an extent of about 1e-13.\n\
                 The same counts for any number of threads and on every machine.",
        reference: "B. B. Mandelbrot (1980); the escape time algorithm",
        run: |call| {
            let view = view(call, (-0.5, 0.0))?;
            Ok(made(fractal::mandelbrot(view, call.count("max_iter")?)?.insert_axis(Axis(0))))
        },
    },
    Action {
        name: "julia",
        group: Group::Making,
        summary: "The Julia set of a point: how soon the points of the plane escape.",
        parameters: &[
            required("c", Kind::Data, "The point that is added, [real, imaginary]."),
            WIDTH,
            HEIGHT,
            OUTPUT,
            optional("center", Kind::Data, "The point in the middle, [real, imaginary]; [0, 0] without it."),
            with("extent", Kind::Number, Default::Number(4.0), "The length of the real axis from edge to edge."),
            MAX_ITER,
            DTYPE,
        ],
        manual: "int32: the first n with |z| > 2, where z begins in the middle of each pixel and becomes z² + c; max_iter where \
                 there is none below it. All else as for mandelbrot().",
        reference: "G. Julia (1918)",
        run: |call| {
            let view = view(call, (0.0, 0.0))?;
            let c = point("c", call.data("c"))?;
            Ok(made(fractal::julia(c, view, call.count("max_iter")?)?.insert_axis(Axis(0))))
        },
    },
    Action {
        name: "noise",
        group: Group::Making,
        summary: "White Gaussian noise.",
        parameters: &[
            SHAPE,
            OUTPUT,
            with("loc", Kind::Number, Default::Number(0.0), "The mean."),
            with("scale", Kind::Number, Default::Number(1.0), "The standard deviation."),
            SEED,
            DTYPE,
        ],
        manual: "float64. The same bytes for any number of threads and on every machine.",
        reference: "numpy.random.normal; Philox 4x32-10 (J. K. Salmon and others, SC 2011) with Box and Muller's formula",
        run: |call| {
            let (loc, scale) = (call.number("loc"), call.number("scale"));
            Ok(plane(random::noise(call.size("shape"), loc, scale, call.seed("seed"))?))
        },
    },
    Action {
        name: "random_field",
        group: Group::Making,
        summary: "A Gaussian random field with a power law for its spectrum.",
        parameters: &[
            SHAPE,
            OUTPUT,
            with("power", Kind::Number, Default::Number(-2.0), "The exponent: 0 is white noise, -2 to -3 like clouds."),
            SEED,
            DTYPE,
        ],
        manual: "float64, mean 0, population variance 1, periodic along both axes. The power spectrum goes with the power-th power \
                 of the wave number.\n\
                 The same bytes for any number of threads and on every processor; between systems whose mathematical libraries \
                 differ, to a few units in the last place.",
        reference: "the noise action, filtered by numpy.fft.fft2",
        run: |call| Ok(plane(random::random_field(call.size("shape"), call.number("power"), call.seed("seed"))?)),
    },
    Action {
        name: "potential",
        group: Group::Making,
        summary: "The gravitational potential of a density in a periodic box.",
        parameters: &[
            required("delta", Kind::Image, "The density contrast: density over its mean, less 1."),
            OUTPUT,
            BOX_SIZE,
            DTYPE,
        ],
        manual: "float64, mean 0: the solution of Poisson's equation, the Laplacian of the potential being delta, in units of \
                 box_size squared. In Fourier space each wave is divided by minus the square of its wave number. The mean of delta \
                 plays no part. Each plane by itself; one NaN makes all NaN.",
        reference: "numpy.fft.fft2",
        run: |call| field(call, "delta", |plane| cosmology::potential(plane, call.numbers("box_size"))),
    },
    Action {
        name: "zeldovich",
        group: Group::Making,
        summary: "The density that a potential has led to at a later time.",
        parameters: &[
            required("potential", Kind::Image, "What potential() gives."),
            OUTPUT,
            BOX_SIZE,
            required("time", Kind::Number, "The growth factor: 0 is the beginning, without structure."),
            with(
                "counting",
                Kind::Word(&["cic", "ngp"]),
                Default::Text("cic"),
                "How particles become a density: \"cic\" shares each among four cells, \"ngp\" counts it in the nearest.",
            ),
            DTYPE,
        ],
        manual: "float64, in units of the mean density. One particle a pixel moves from its place by -time times the gradient of the \
                 potential (central differences), leaves the box on one side and comes in on the other, and is counted where it \
                 then is. While structure is faint, the density grows as 1 + time times delta. Each plane by itself. box_size is that of \
                 potential(). A potential that is not finite is an error.",
        reference: "Ya. B. Zel'dovich, Astronomy and Astrophysics 5 (1970); R. W. Hockney and J. W. Eastwood (1981) for cloud in cell",
        run: |call| {
            let counting = Counting::from_name(call.text("counting"))?;
            let (box_size, time) = (call.numbers("box_size"), call.number("time"));
            field(call, "potential", |plane| cosmology::zeldovich(plane, box_size, time, counting))
        },
    },
    Action {
        name: "full",
        group: Group::Making,
        summary: "An image of one value.",
        parameters: &[SHAPE, OUTPUT, required("value", Kind::Number, "The value of every pixel."), DTYPE],
        manual: "float64 without dtype.",
        reference: "numpy.full",
        run: full,
    },
];

fn made(pixels: impl Into<crate::action::image::Pixels>) -> Answer {
    Answer::Image(Image::new(pixels, Header::default()))
}

fn plane(pixels: Array2<f64>) -> Answer {
    made(pixels.insert_axis(Axis(0)))
}

fn view(call: &Call<'_, '_>, center: (f64, f64)) -> Result<View, Failure> {
    let center = match call.data("center") {
        Value::None => center,
        given => point("center", given)?,
    };
    Ok(View { shape: (call.count("height")?, call.count("width")?), center, extent: call.number("extent") })
}

/// A point of the complex plane: two numbers in a list.
fn point(name: &str, value: &Value) -> Result<(f64, f64), Failure> {
    let number = |value: &Value| match value {
        Value::Int(number) => Some(*number as f64),
        Value::Float(number) => Some(*number),
        _ => None,
    };
    let pair = match value {
        Value::List(parts) => match parts.as_slice() {
            [real, imaginary] => number(real).zip(number(imaginary)),
            _ => None,
        },
        _ => None,
    };
    pair.ok_or_else(|| Failure::new(format!("{name} is a point of the complex plane: [real, imaginary]")))
}

/// A field of the same shape, computed in float64 plane by plane.
fn field(
    call: &Call<'_, '_>,
    name: &str,
    kernel: impl Fn(ndarray::ArrayView2<f64>) -> Result<Array2<f64>, PixelError>,
) -> Result<Answer, Failure> {
    let image = call.image(name);
    let pixels = image.pixels().clone().into_float().into_f64();
    let made = stacked(pixels.outer_iter().map(kernel))?;
    Ok(Answer::Image(image.with_pixels(made)))
}

/// The most pixels of an image made here.
const MOST_PIXELS: usize = 1 << 31;

fn full(call: &Call<'_, '_>) -> Result<Answer, Failure> {
    let (rows, columns) = call.size("shape");
    if rows.checked_mul(columns).is_none_or(|pixels| pixels > MOST_PIXELS) {
        return Err(Failure::new(format!("shape must have at most {MOST_PIXELS} pixels, got {rows} × {columns}")));
    }
    Ok(made(Array3::from_elem((1, rows, columns), call.number("value"))))
}
