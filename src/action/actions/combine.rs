//! Frames of one scene as one: they are read in bands, so that a hundred of them take the memory of a few, and combined
//! pixel by pixel by [`crate::pixel::combine`].

use ndarray::Array3;
use rayon::prelude::*;

use super::numbers::sigma_clip;
use crate::action::arithmetic::ShapeMismatch;
use crate::action::call::{Answer, Call};
use crate::action::failure::Failure;
use crate::action::file::Frame;
use crate::action::header;
use crate::action::image::{Dtype, FloatPixels, Image, Pixels};
use crate::action::registry::{Action, DTYPE, Default, Group, Kind, OUTPUT, optional, required, with};
use crate::pixel::Sample;
use crate::pixel::combine::{Combiner, Method, Reject};
use crate::pixel::statistics;
use crate::value::Value;

pub const ACTIONS: &[Action] = &[Action {
    name: "combine",
    group: Group::Ccd,
    summary: "Frames of one scene as one, pixel by pixel, with outliers left out.",
    parameters: &[
        required("images", Kind::Frames, "The frames, of one shape."),
        OUTPUT,
        with(
            "method",
            Kind::Word(&["median", "average", "sum"]),
            Default::Text("median"),
            "\"median\", \"average\" or \"sum\" of what is left.",
        ),
        optional(
            "reject",
            Kind::Word(&["sigclip", "minmax"]),
            "What is left out: \"sigclip\" takes what lies too far from the other frames, \"minmax\" the least and the greatest.",
        ),
        with(
            "sigma",
            Kind::Bounds,
            Default::Number(3.0),
            "sigclip: deviations from the centre at which a value goes; a pair for below and above.",
        ),
        with(
            "maxiters",
            Kind::Int,
            Default::Int(1),
            "sigclip: rounds at most; it ends before where a round takes nothing away.",
        ),
        with(
            "cenfunc",
            Kind::Word(&["mean", "median"]),
            Default::Text("mean"),
            "sigclip: the centre, \"mean\" or \"median\".",
        ),
        with(
            "stdfunc",
            Kind::Word(&["std", "mad_std"]),
            Default::Text("std"),
            "sigclip: the deviation, \"std\" or \"mad_std\".",
        ),
        with("nlow", Kind::Int, Default::Int(1), "minmax: so many of the least."),
        with("nhigh", Kind::Int, Default::Int(1), "minmax: so many of the greatest."),
        optional(
            "scale",
            Kind::Data,
            "What each frame is multiplied by first: a list of numbers, or \"mean\" or \"median\" for 1 over that of its pixels.",
        ),
        DTYPE,
    ],
    manual: "float32 where all frames are of 8 or 16 bits or float32, else float64; sums run in float64. The header is the first \
             frame's, with NCOMBINE. NaN counts as missing, for sigclip infinities too; a pixel of which nothing is left is NaN.\n\
             Frames are scaled before anything is rejected, as by IRAF (ccdproc rejects by the values as they were). A sum is not \
             scaled up for what was left out.\n\
             Frames given by path are read in bands: FITS files, plain, .gz and .fz, need the memory of a few frames however many \
             they are. Formats other than FITS are kept whole.\n\
             A frame that is far off also makes the deviation large: among n frames, none lies further from the mean than \
             sqrt(n-1) deviations, 2.2 for 6 and 3.2 for 11. Few frames are clipped about the median, by mad_std.\n\
             combine(input, output[0], method=\"average\", reject=\"sigclip\", cenfunc=\"median\", stdfunc=\"mad_std\", sigma=5)",
    reference: "ccdproc.combine (clip_extrema for minmax, 1/func for scale); IRAF's imcombine",
    run: combine,
}];

/// Bytes of pixels that are combined at a time, of all frames together.
const BAND: usize = 16 << 20;

/// The fewest pixels of a band: below it, reading costs more than combining.
const LEAST: usize = 4096;

fn combine(call: &Call<'_, '_>) -> Result<Answer, Failure> {
    let frames = call.frames("images")?;
    let Some(first) = frames.first() else { return Err(Failure::of_nothing("combine")) };
    let shape = first.shape();
    if let Some(odd) = frames.iter().find(|frame| frame.shape() != shape) {
        let words = ShapeMismatch(shape, odd.shape()).to_string();
        return Err(
            Failure::new(format!("{}: {words}", odd.name())).help(format!("the first frame is {}", first.name()))
        );
    }
    let method = Method::from_name(call.text("method"))?;
    let reject = match call.optional_text("reject") {
        None => Reject::Missing,
        Some("sigclip") => Reject::SigmaClip(sigma_clip(call)?),
        Some("minmax") => Reject::Extrema { low: call.count("nlow")?, high: call.count("nhigh")? },
        Some(other) => return Err(Failure::new(format!("unknown reject \"{other}\"; one of sigclip, minmax"))),
    };
    let combiner = Combiner::new(frames.len(), method, reject)?;
    let factors = factors(call.data("scale"), &frames)?;
    let is_single = frames.iter().all(|frame| frame.dtype().float() == Dtype::F32);
    let pixels = if is_single {
        Pixels::F32(in_bands(call, &combiner, &frames, &factors, shape, single)?)
    } else {
        Pixels::F64(in_bands(call, &combiner, &frames, &factors, shape, FloatPixels::into_f64)?)
    };
    let mut header = first.header();
    let count = i64::try_from(frames.len()).unwrap_or(i64::MAX);
    header.set_with_comment("NCOMBINE", header::Value::Int(count), "number of frames combined");
    Ok(Answer::Image(Image::new(pixels, header)))
}

fn single(pixels: FloatPixels) -> Array3<f32> {
    match pixels {
        FloatPixels::F32(pixels) => pixels,
        FloatPixels::F64(_) => unreachable!("asked for where all frames compute in float32"),
    }
}

/// Reads the same band of all frames, combines it, and goes on to the next.
fn in_bands<T: Sample>(
    call: &Call<'_, '_>,
    combiner: &Combiner,
    frames: &[Frame],
    factors: &[f64],
    shape: [usize; 3],
    typed: fn(FloatPixels) -> Array3<T>,
) -> Result<Array3<T>, Failure> {
    let mut out = vec![T::ZERO; shape.iter().product()];
    let band = (BAND / size_of::<T>() / frames.len()).max(LEAST);
    for (n, out) in out.chunks_mut(band).enumerate() {
        call.job.check_cancelled()?;
        let read = |frame: &Frame| frame.pixels(n * band, out.len()).map(|pixels| typed(pixels.into_float()));
        let stretches = frames.par_iter().map(read).collect::<Result<Vec<_>, _>>()?;
        let stretches: Vec<&[T]> =
            stretches.iter().map(|pixels| pixels.as_slice().expect("a row of pixels is in order")).collect();
        combiner.combine(&stretches, factors, out);
    }
    Ok(Array3::from_shape_vec(shape, out).expect("a value for each pixel"))
}

/// What each frame is multiplied by.
fn factors(scale: &Value, frames: &[Frame]) -> Result<Vec<f64>, Failure> {
    let wrong = || Failure::new("scale is a number for each frame, \"mean\" or \"median\"");
    let function: fn(&[f64]) -> f64 = match scale {
        Value::None => return Ok(vec![1.0; frames.len()]),
        Value::List(numbers) if numbers.len() == frames.len() => {
            let number = |value: &Value| match value {
                Value::Int(number) => Ok(*number as f64),
                Value::Float(number) => Ok(*number),
                _ => Err(wrong()),
            };
            return numbers.iter().map(number).collect();
        }
        Value::List(numbers) => {
            return Err(Failure::new(format!("scale has {} numbers for {} frames", numbers.len(), frames.len())));
        }
        Value::Str(name) if name == "mean" => |values| statistics::mean(values.into()).unwrap_or(f64::NAN),
        Value::Str(name) if name == "median" => |values| statistics::median(values.into()).unwrap_or(f64::NAN),
        _ => return Err(wrong()),
    };
    let factor = |frame: &Frame| {
        let pixels = frame.pixels(0, frame.shape().iter().product())?.into_float().into_f64();
        let values: Vec<f64> = pixels.into_iter().filter(|value| !value.is_nan()).collect();
        let level = function(&values);
        if level == 0.0 || !level.is_finite() {
            return Err(Failure::new(format!("{}: its level is {level}, which scales nothing", frame.name())));
        }
        Ok(1.0 / level)
    };
    frames.par_iter().map(factor).collect()
}
