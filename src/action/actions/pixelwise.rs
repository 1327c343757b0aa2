//! Functions of every pixel, or of a number: the element-wise part of numpy, over [`crate::action::arithmetic`].

use crate::action::arithmetic::{self, Operand};
use crate::action::call::{Answer, Call};
use crate::action::failure::Failure;
use crate::action::registry::{Action, DTYPE, Group, Kind, OUTPUT, Parameter, optional, required};
use crate::pixel::elementwise::{Binary, Unary};
use crate::value::Value;

const OPERAND: Parameter = required("image", Kind::Operand, "What to compute it of.");
const OTHER: Parameter = required("other", Kind::Operand, "What to compare with.");

/// An action of one function of every pixel.
macro_rules! unary {
    ($name:literal, $op:expr, $summary:literal, $edge:literal) => {
        Action {
            name: $name,
            group: Group::Pixels,
            summary: $summary,
            parameters: &[OPERAND, OUTPUT, DTYPE],
            manual: concat!(
                "Of an image pixel by pixel, in float32 (8 and 16 bit integers, float32) or float64; of a number, a number. ",
                $edge
            ),
            reference: concat!("numpy.", $name),
            run: |call| Ok(arithmetic::unary($op, call.operand("image")).into()),
        }
    };
}

/// An action of two operands, pixel by pixel.
macro_rules! binary {
    ($name:literal, $op:expr, $summary:literal) => {
        Action {
            name: $name,
            group: Group::Pixels,
            summary: $summary,
            parameters: &[OPERAND, OTHER, OUTPUT, DTYPE],
            manual: "Two images must have one shape; the result has the first one's header. NaN if either is NaN.",
            reference: concat!("numpy.", $name),
            run: |call| Ok(arithmetic::binary($op, call.operand("image"), call.operand("other"))?.into()),
        }
    };
}

pub const ACTIONS: &[Action] = &[
    unary!("abs", Unary::Abs, "The absolute value.", "NaN stays."),
    unary!("sqrt", Unary::Sqrt, "The square root.", "Below 0 it is NaN; NaN stays."),
    unary!("log", Unary::Log, "The natural logarithm.", "Of 0 it is -inf, below 0 NaN; NaN stays."),
    unary!("log10", Unary::Log10, "The logarithm to base 10.", "Of 0 it is -inf, below 0 NaN; NaN stays."),
    unary!("exp", Unary::Exp, "The exponential function.", "NaN stays."),
    binary!("minimum", Binary::Minimum, "The smaller of two, pixel by pixel."),
    binary!("maximum", Binary::Maximum, "The larger of two, pixel by pixel."),
    Action {
        name: "clip",
        group: Group::Pixels,
        summary: "Every pixel held between two values.",
        parameters: &[
            OPERAND,
            OUTPUT,
            optional("low", Kind::Number, "The least value."),
            optional("high", Kind::Number, "The greatest value; it wins where low is above it."),
            DTYPE,
        ],
        manual: "In float32 (8 and 16 bit integers, float32) or float64. NaN stays.",
        reference: "numpy.clip",
        run: clip,
    },
    Action {
        name: "isfinite",
        group: Group::Pixels,
        summary: "A mask: 1 where a pixel is neither NaN nor infinite.",
        parameters: &[OPERAND, OUTPUT, DTYPE],
        manual: "uint8, 0 and 1; of a number True or False.",
        reference: "numpy.isfinite",
        run: isfinite,
    },
    Action {
        name: "where",
        group: Group::Pixels,
        summary: "Pixels of one image where a mask holds, of another elsewhere.",
        parameters: &[
            required("condition", Kind::Image, "The mask: what is not 0 holds, and so does NaN."),
            required("a", Kind::Operand, "What to take where it holds."),
            required("b", Kind::Operand, "What to take elsewhere."),
            OUTPUT,
            DTYPE,
        ],
        manual: "All images must have one shape. The header is the first image's of a and b, else the mask's.",
        reference: "numpy.where",
        run: |call| {
            let mask = call.image("condition");
            Ok(Answer::Image(arithmetic::select(mask, call.operand("a"), call.operand("b"))?))
        },
    },
];

fn clip(call: &Call<'_, '_>) -> Result<Answer, Failure> {
    let low = call.optional_number("low").unwrap_or(f64::NEG_INFINITY);
    let high = call.optional_number("high").unwrap_or(f64::INFINITY);
    Ok(match call.operand("image") {
        Operand::Image(image) => Answer::Image(arithmetic::clip(image, low, high)),
        Operand::Number(number) => Answer::Data(Value::Float(number.max(low).min(high))),
    })
}

fn isfinite(call: &Call<'_, '_>) -> Result<Answer, Failure> {
    Ok(match call.operand("image") {
        Operand::Image(image) => Answer::Image(arithmetic::is_finite(&image)),
        Operand::Number(number) => Answer::Data(Value::Bool(number.is_finite())),
    })
}
