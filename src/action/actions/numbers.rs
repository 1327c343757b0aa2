//! Numbers that sum up an image. All planes count together; the sums are in [`crate::pixel::statistics`].

use super::planes::all_pixels;
use crate::action::arithmetic::ShapeMismatch;
use crate::action::call::{Answer, Argument, Call};
use crate::action::failure::Failure;
use crate::action::image::Dtype;
use crate::action::registry::{Action, Default, Group, IMAGE, Kind, optional, required, with};
use crate::pixel::clip::{Center, SigmaClip, Spread, sigma_clipped_stats};
use crate::pixel::statistics;
use crate::value::{Dict, Value};

const NAN: &str = "Of all pixels of all planes, computed in float64. One NaN makes the answer NaN, as in numpy.";

/// An action that gives one number of all pixels.
macro_rules! number {
    ($name:literal, $summary:literal, $reference:literal, $pixels:ident => $number:expr) => {
        Action {
            name: $name,
            group: Group::Numbers,
            summary: $summary,
            parameters: &[IMAGE],
            manual: NAN,
            reference: $reference,
            run: |call| {
                let image = call.image("image");
                Ok(Answer::Data(Value::Float(all_pixels!(&image, $pixels => $number)?)))
            },
        }
    };
}

pub const ACTIONS: &[Action] = &[
    number!("mean", "The mean of all pixels.", "numpy.mean", pixels => statistics::mean(pixels)),
    number!("var", "The population variance of all pixels.", "numpy.var", pixels => statistics::var(pixels)),
    number!("std", "The population standard deviation of all pixels.", "numpy.std", pixels => statistics::std(pixels)),
    number!("min", "The least pixel; of numbers and lists Python's min.", "numpy.min", pixels => statistics::min(pixels)),
    number!("max", "The greatest pixel; of numbers and lists Python's max.", "numpy.max", pixels => statistics::max(pixels)),
    number!(
        "median", "The median of all pixels; of an even number, the mean of the two in the middle.", "numpy.median",
        pixels => statistics::median(pixels)
    ),
    number!(
        "sum", "The sum of all pixels; of numbers and lists Python's sum.", "numpy.sum",
        pixels => Ok::<f64, Failure>(statistics::sum(pixels))
    ),
    Action {
        name: "percentile",
        group: Group::Numbers,
        summary: "The value that so many per cent of all pixels lie below.",
        parameters: &[IMAGE, required("q", Kind::Number, "Per cent, from 0 to 100.")],
        manual: "Between two pixels, on the straight line that joins them. Of all pixels of all planes, computed in float64. One \
                 NaN makes the answer NaN, as in numpy.",
        reference: "numpy.percentile(image, q), method \"linear\"",
        run: |call| {
            let (image, q) = (call.image("image"), call.number("q"));
            Ok(Answer::Data(Value::Float(all_pixels!(&image, pixels => statistics::percentile(pixels, q))?)))
        },
    },
    Action {
        name: "imstat",
        group: Group::Numbers,
        summary: "A dictionary of npix, mean, std, min, max and median.",
        parameters: &[IMAGE],
        manual: NAN,
        reference: "IRAF's imstatistics, with numpy's population std and exact median",
        run: imstat,
    },
    Action {
        name: "sigma_clipped_stats",
        group: Group::Numbers,
        summary: "Mean, median and standard deviation without the outliers, as a list of three.",
        parameters: &[
            IMAGE,
            with(
                "sigma",
                Kind::Bounds,
                Default::Number(3.0),
                "Standard deviations from the centre at which a pixel goes.",
            ),
            with(
                "maxiters",
                Kind::Int,
                Default::Int(5),
                "Rounds at most; it ends before where a round takes nothing away.",
            ),
            with(
                "cenfunc",
                Kind::Word(&["mean", "median"]),
                Default::Text("median"),
                "The centre: \"median\" or \"mean\".",
            ),
            with(
                "stdfunc",
                Kind::Word(&["std", "mad_std"]),
                Default::Text("std"),
                "The deviation: \"std\" or \"mad_std\".",
            ),
        ],
        manual: "Of all pixels of all planes, computed in float64; the std is the population's. NaN and infinities do not count; \
                 three NaN where nothing else is there.\n\
                 mean, median, std = sigma_clipped_stats(image)",
        reference: "astropy.stats.sigma_clipped_stats",
        run: |call| {
            let (image, clip) = (call.image("image"), sigma_clip(call)?);
            let stats = all_pixels!(&image, pixels => sigma_clipped_stats(pixels, &clip))?;
            Ok(Answer::Data(floats([stats.mean, stats.median, stats.std])))
        },
    },
    Action {
        name: "histogram",
        group: Group::Numbers,
        summary: "How many pixels lie in each of some equal intervals: a list of counts and one of edges.",
        parameters: &[
            IMAGE,
            with("bins", Kind::Int, Default::Int(10), "The number of intervals."),
            optional("range", Kind::Bounds, "The lower and upper end; least and greatest pixel without it."),
        ],
        manual: "Of all pixels of all planes, computed in float64. A pixel on an edge counts above it, on the last edge below it. \
                 Outside of the range nothing counts; NaN does not count with a range, and is an error without.\n\
                 counts, edges = histogram(image, bins=100)",
        reference: "numpy.histogram",
        run: histogram,
    },
    Action {
        name: "compare",
        group: Group::Numbers,
        summary: "How far two images lie apart: a dictionary of rmse, psnr and max.",
        parameters: &[
            required("a", Kind::Image, "The reference."),
            required("b", Kind::Image, "What is compared with it."),
            optional("data_range", Kind::Number, "The range of values that psnr is about."),
        ],
        manual: "rmse is the root of the mean squared difference, max the greatest absolute difference, psnr the peak signal-to-noise \
                 ratio in decibels, inf of equal images. Its range is 255 or 65535 where a is uint8 or uint16, else greatest less \
                 least pixel of a. Of all planes, in float64; the shapes must agree. NaN in either makes them NaN.",
        reference: "skimage.metrics (mean_squared_error, peak_signal_noise_ratio)",
        run: compare,
    },
];

/// The clipping that `sigma`, `maxiters`, `cenfunc` and `stdfunc` ask for.
pub(super) fn sigma_clip(call: &Call<'_, '_>) -> Result<SigmaClip, Failure> {
    let (low, high) = call.numbers("sigma");
    let (center, spread) = (Center::from_name(call.text("cenfunc"))?, Spread::from_name(call.text("stdfunc"))?);
    Ok(SigmaClip { low, high, maxiters: call.count("maxiters")?, center, spread })
}

fn floats(numbers: impl IntoIterator<Item = f64>) -> Value {
    Value::List(numbers.into_iter().map(Value::Float).collect())
}

fn histogram(call: &Call<'_, '_>) -> Result<Answer, Failure> {
    let (image, bins) = (call.image("image"), call.count("bins")?);
    let range = matches!(call.argument("range"), Argument::Numbers(..)).then(|| call.numbers("range"));
    let (counts, edges) = all_pixels!(&image, pixels => statistics::histogram(pixels, bins, range))?;
    let counts = counts.into_iter().map(|count| Value::Int(i64::try_from(count).unwrap_or(i64::MAX)));
    Ok(Answer::Data(Value::List(vec![Value::List(counts.collect()), floats(edges)])))
}

fn compare(call: &Call<'_, '_>) -> Result<Answer, Failure> {
    let (a, b) = (call.image("a"), call.image("b"));
    if a.shape() != b.shape() {
        return Err(ShapeMismatch(a.shape(), b.shape()).into());
    }
    let far = all_pixels!(&a, a => all_pixels!(&b, b => statistics::difference(a, b)))?;
    let range = call.optional_number("data_range").unwrap_or(match a.dtype() {
        Dtype::U8 => f64::from(u8::MAX),
        Dtype::U16 => f64::from(u16::MAX),
        _ => far.range,
    });
    let psnr = if far.rmse == 0.0 { f64::INFINITY } else { 20.0 * (range / far.rmse).log10() };
    let mut out = Dict::default();
    for (name, number) in [("rmse", far.rmse), ("psnr", psnr), ("max", far.max)] {
        out.insert(name, Value::Float(number));
    }
    Ok(Answer::Data(Value::Dict(out)))
}

fn imstat(call: &Call<'_, '_>) -> Result<Answer, Failure> {
    let image = call.image("image");
    let stats = all_pixels!(&image, pixels => statistics::imstat(pixels))?;
    let numbers =
        [("mean", stats.mean), ("std", stats.std), ("min", stats.min), ("max", stats.max), ("median", stats.median)];
    let mut out = Dict::default();
    out.insert("npix", Value::Int(i64::try_from(stats.npix).unwrap_or(i64::MAX)));
    for (name, number) in numbers {
        out.insert(name, Value::Float(number));
    }
    Ok(Answer::Data(Value::Dict(out)))
}
