//! Images in a frame: numpy.pad.

use super::geometry::moved;
use super::planes::each_plane_as_it_is;
use crate::action::call::{Answer, Call};
use crate::action::failure::Failure;
use crate::action::image::Sample;
use crate::action::registry::{Action, DTYPE, Default, Group, IMAGE, Kind, OUTPUT, required, with};
use crate::action::wcs::AxisMap;
use crate::pixel::Border;
use crate::pixel::padding::{Frame, pad, pad_lines};
use crate::pixel::statistics;
use crate::value::Value;

pub const ACTIONS: &[Action] = &[Action {
    name: "pad",
    group: Group::Geometry,
    summary: "The image in a frame of further pixels.",
    parameters: &[
        IMAGE,
        OUTPUT,
        required(
            "pad_width",
            Kind::Data,
            "Pixels on every side; or (before, after) of both axes; or ((above, below), (left, right)).",
        ),
        with(
            "mode",
            Kind::Text,
            Default::Text("constant"),
            "What the frame is filled with, as numpy names it: \"constant\", \"edge\", \"reflect\", \"symmetric\", \"wrap\"; \
                 \"maximum\", \"mean\", \"median\", \"minimum\" of the row or column; \"linear_ramp\" from end_values to the edge.",
        ),
        with("constant_values", Kind::Number, Default::Number(0.0), "The value of the frame for mode=\"constant\"."),
        with(
            "end_values",
            Kind::Number,
            Default::Number(0.0),
            "The value that the outermost pixels of mode=\"linear_ramp\" have.",
        ),
        DTYPE,
    ],
    manual: "The pixel type stays. reflect is what scipy.ndimage calls mirror, symmetric what it calls reflect. The frame may be wider \
                 than the image. Columns are continued first, then the rows of that. Between whole pixels, mean and median \
                 round half to even, ramps down. One NaN makes the statistic of its row or column NaN.",
    reference: "numpy.pad",
    run: run_pad,
}];

fn run_pad(call: &Call<'_, '_>) -> Result<Answer, Failure> {
    let image = call.image("image");
    let (rows, columns) = frames(call.data("pad_width"))?;
    let constant = call.number("constant_values");
    let end = call.number("end_values");
    let pixels = match Mode::from_name(call.text("mode"), constant)? {
        Mode::Border(mode) => each_plane_as_it_is!(&image, plane => {
            pad(plane, rows, columns, mode, Sample::from_f64(constant))
        }),
        Mode::Statistic(statistic) => each_plane_as_it_is!(&image, plane => {
            pad_lines(plane, rows, columns, |line, frame| continue_with(statistic, line, frame))
        }),
        Mode::LinearRamp => each_plane_as_it_is!(&image, plane => {
            pad_lines(plane, rows, columns, |line, frame| continue_with_ramps(end, line, frame))
        }),
    }?;
    Ok(moved(&image, pixels, AxisMap::padding(columns.before), AxisMap::padding(rows.before)))
}

/// What a frame is made of.
enum Mode {
    Border(Border),
    Statistic(Statistic),
    LinearRamp,
}

#[derive(Clone, Copy)]
enum Statistic {
    Maximum,
    Mean,
    Median,
    Minimum,
}

impl Mode {
    fn from_name(name: &str, constant: f64) -> Result<Mode, Failure> {
        Ok(match name {
            "constant" => Mode::Border(Border::Constant(constant)),
            "edge" => Mode::Border(Border::Nearest),
            "reflect" => Mode::Border(Border::Mirror),
            "symmetric" => Mode::Border(Border::Reflect),
            "wrap" => Mode::Border(Border::Wrap),
            "linear_ramp" => Mode::LinearRamp,
            "maximum" => Mode::Statistic(Statistic::Maximum),
            "mean" => Mode::Statistic(Statistic::Mean),
            "median" => Mode::Statistic(Statistic::Median),
            "minimum" => Mode::Statistic(Statistic::Minimum),
            other => {
                let known = "constant, edge, linear_ramp, maximum, mean, median, minimum, reflect, symmetric, wrap";
                return Err(Failure::new(format!("unknown mode \"{other}\"; one of {known}")));
            }
        })
    }
}

/// Sets both ends of a line to a number that sums up what is between.
fn continue_with<T: Sample>(statistic: Statistic, line: &mut [T], frame: Frame) {
    let end = line.len() - frame.after;
    let inside: Vec<f64> = line[frame.before..end].iter().map(|pixel| pixel.to_f64()).collect();
    let inside = ndarray::ArrayView1::from(&inside);
    let value = match statistic {
        Statistic::Maximum => statistics::max(inside),
        Statistic::Mean => statistics::mean(inside),
        Statistic::Median => statistics::median(inside),
        Statistic::Minimum => statistics::min(inside),
    };
    let value = T::from_f64(value.expect("an image that is padded has a pixel"));
    line[..frame.before].fill(value);
    line[end..].fill(value);
}

/// Makes both ends of a line rise or fall evenly from `outermost` to the pixels at the edge, which they do not reach:
/// numpy.linspace without its end point.
fn continue_with_ramps<T: Sample>(outermost: f64, line: &mut [T], frame: Frame) {
    let end = line.len() - frame.after;
    let ramp = |edge: T, length: usize| {
        let step = (edge.to_f64() - outermost) / length as f64;
        move |i: usize| {
            let value = i as f64 * step + outermost;
            T::from_f64(if T::DTYPE.float() == T::DTYPE { value } else { value.floor() })
        }
    };
    let (left, right) = (ramp(line[frame.before], frame.before), ramp(line[end - 1], frame.after));
    line[..frame.before].iter_mut().enumerate().for_each(|(i, pixel)| *pixel = left(i));
    line[end..].iter_mut().rev().enumerate().for_each(|(i, pixel)| *pixel = right(i));
}

/// numpy's `pad_width`: a number, a pair for both axes, or a pair for each.
fn frames(width: &Value) -> Result<(Frame, Frame), Failure> {
    let wrong = || {
        Failure::new("pad_width is a number, (before, after), or ((above, below), (left, right)), of pixels from 0 on")
    };
    let pixels = |value: &Value| match value {
        Value::Int(count) => usize::try_from(*count).map_err(|_| wrong()),
        _ => Err(wrong()),
    };
    let pair = |value: &Value| match value {
        Value::List(ends) => match ends.as_slice() {
            [before, after] => Ok(Frame { before: pixels(before)?, after: pixels(after)? }),
            _ => Err(wrong()),
        },
        _ => Err(wrong()),
    };
    match width {
        Value::List(axes) if matches!(axes.as_slice(), [Value::List(_), Value::List(_)]) => {
            Ok((pair(&axes[0])?, pair(&axes[1])?))
        }
        Value::List(_) => pair(width).map(|both| (both, both)),
        _ => pixels(width).map(|all| (Frame { before: all, after: all }, Frame { before: all, after: all })),
    }
}
