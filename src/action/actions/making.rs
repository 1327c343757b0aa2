//! Images made of nothing but numbers.

use ndarray::{Array2, Array3, Axis};

use crate::action::call::{Answer, Call};
use crate::action::failure::Failure;
use crate::action::header::Header;
use crate::action::image::Image;
use crate::action::registry::{Action, DTYPE, Default, Group, Kind, OUTPUT, Parameter, required, with};
use crate::pixel::random;

const SHAPE: Parameter = required("shape", Kind::Size, "Rows and columns, or one side.");
const SEED: Parameter = with("seed", Kind::Int, Default::Int(0), "The same seed gives the same pixels.");

pub const ACTIONS: &[Action] = &[
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
            Ok(made(random::noise(call.size("shape"), loc, scale, call.seed("seed"))?))
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
                 of the wave number.",
        reference: "the noise action, filtered by numpy.fft.fft2",
        run: |call| Ok(made(random::random_field(call.size("shape"), call.number("power"), call.seed("seed"))?)),
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

fn made(plane: Array2<f64>) -> Answer {
    Answer::Image(Image::new(plane.insert_axis(Axis(0)), Header::default()))
}

/// The most pixels of an image made here.
const MOST_PIXELS: usize = 1 << 31;

fn full(call: &Call<'_, '_>) -> Result<Answer, Failure> {
    let (rows, columns) = call.size("shape");
    if rows.checked_mul(columns).is_none_or(|pixels| pixels > MOST_PIXELS) {
        return Err(Failure::new(format!("shape must have at most {MOST_PIXELS} pixels, got {rows} × {columns}")));
    }
    let pixels = Array3::from_elem((1, rows, columns), call.number("value"));
    Ok(Answer::Image(Image::new(pixels, Header::default())))
}
