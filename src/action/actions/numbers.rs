//! Numbers that sum up an image. All planes count together; the sums are in [`crate::pixel::statistics`].

use super::planes::all_pixels;
use crate::action::call::{Answer, Call};
use crate::action::failure::Failure;
use crate::action::registry::{Action, Group, IMAGE, Kind, required};
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
];

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
