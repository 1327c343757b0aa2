//! Calibration of CCD frames: overscan, trim, bias, dark, flat, each as ccdproc has it. The formulas are in
//! [`crate::pixel::calibrate`]; exposure times and sections come from headers here.

use ndarray::{Array3, ArrayView3, Axis};

use crate::action::arithmetic::ShapeMismatch;
use crate::action::call::{Answer, Call};
use crate::action::failure::Failure;
use crate::action::image::{FloatView, Image, Pixels, mapped};
use crate::action::registry::{
    Action, DTYPE, Default, Group, IMAGE, Kind, OUTPUT, Parameter, optional, required, with,
};
use crate::pixel::{PixelError, Sample, calibrate};
use crate::value::Value;

const TYPES: &str = "float32 (8 and 16 bit integers, float32) or float64. NaN passes on.";

const fn master(name: &'static str, doc: &'static str) -> Parameter {
    required(name, Kind::Image, doc)
}

pub const ACTIONS: &[Action] = &[
    Action {
        name: "subtract_overscan",
        group: Group::Ccd,
        summary: "A frame less the level of its overscan, row by row.",
        parameters: &[
            IMAGE,
            OUTPUT,
            with(
                "section",
                Kind::Text,
                Default::Text("BIASSEC"),
                "The overscan: a FITS section \"[x1:x2,y1:y2]\", from 1, both ends included, or the keyword that has it.",
            ),
            with("median", Kind::Bool, Default::Bool(false), "The median of each row instead of its mean."),
            with(
                "overscan_axis",
                Kind::Int,
                Default::Int(1),
                "The axis along which it is averaged: 1 for a level each row, 0 for one each column.",
            ),
            DTYPE,
        ],
        manual: "float32 (8 and 16 bit integers, float32) or float64; the frame keeps its size (trim_image() cuts it). The section \
                 has as many rows as the frame (columns, along axis 0). A NaN in the overscan makes its row NaN.",
        reference: "ccdproc.subtract_overscan",
        run: subtract_overscan,
    },
    Action {
        name: "trim_image",
        group: Group::Ccd,
        summary: "The useful part of a frame.",
        parameters: &[
            IMAGE,
            OUTPUT,
            with(
                "section",
                Kind::Text,
                Default::Text("TRIMSEC"),
                "A FITS section \"[x1:x2,y1:y2]\", from 1, both ends included, or the keyword that has it.",
            ),
            DTYPE,
        ],
        manual: "The pixel type stays. World coordinates and the sections of the header (BIASSEC, TRIMSEC, DATASEC) are corrected; \
                 one that lies outside goes. A section that reaches outside of the frame is an error.",
        reference: "ccdproc.trim_image",
        run: |call| Ok(Answer::Image(call.image("image").section(call.text("section"))?)),
    },
    Action {
        name: "subtract_bias",
        group: Group::Ccd,
        summary: "A frame less the master bias.",
        parameters: &[IMAGE, master("master", "The bias, of the frame's shape."), OUTPUT, DTYPE],
        manual: TYPES,
        reference: "ccdproc.subtract_bias",
        run: |call| {
            with_master(&call.image("image"), &call.image("master"), Step::Subtract { factor: 1.0 }).map(Answer::Image)
        },
    },
    Action {
        name: "subtract_dark",
        group: Group::Ccd,
        summary: "A frame less the master dark.",
        parameters: &[
            IMAGE,
            master("master", "The dark, of the frame's shape."),
            OUTPUT,
            optional(
                "exposure",
                Kind::Data,
                "Exposure times: the keyword that both headers have them under (EXPTIME without it), or the two numbers \
                 [frame, dark].",
            ),
            with("scale", Kind::Bool, Default::Bool(false), "The dark times the frame's exposure over its own."),
            DTYPE,
        ],
        manual: "float32 (8 and 16 bit integers, float32) or float64. NaN passes on. A dark that is scaled must have its bias taken off \
                 before; exposure times are looked at only when it is.",
        reference: "ccdproc.subtract_dark",
        run: subtract_dark,
    },
    Action {
        name: "flat_correct",
        group: Group::Ccd,
        summary: "A frame divided by the flat, whose mean is brought to 1.",
        parameters: &[
            IMAGE,
            master("flat", "The flat, of the frame's shape."),
            OUTPUT,
            optional("min_value", Kind::Number, "Lower values of the flat are raised to this."),
            optional("norm_value", Kind::Number, "What the flat is divided by, in place of its mean."),
            DTYPE,
        ],
        manual: "float32 (8 and 16 bit integers, float32) or float64. The mean is that of all finite values of the flat, after \
                 min_value. Where the frame or the flat is NaN so is the result; where the flat is 0 it is inf or NaN.",
        reference: "ccdproc.flat_correct",
        run: |call| {
            let (min, norm) = (call.optional_number("min_value"), call.optional_number("norm_value"));
            with_master(&call.image("image"), &call.image("flat"), Step::Flat { min, norm }).map(Answer::Image)
        },
    },
];

fn subtract_overscan(call: &Call<'_, '_>) -> Result<Answer, Failure> {
    let image = call.image("image");
    let overscan = image.section(call.text("section"))?;
    let by_rows = match call.int("overscan_axis") {
        0 => false,
        1 => true,
        other => return Err(Failure::new(format!("overscan_axis is 0 or 1, not {other}"))),
    };
    let lengths = |image: &Image| if by_rows { image.shape()[1] } else { image.shape()[2] };
    let (wanted, found) = (lengths(&image), lengths(&overscan));
    if wanted != found {
        let lines = if by_rows { "rows" } else { "columns" };
        let message = format!("the overscan {} has {found} {lines}, the frame {wanted}", call.text("section"));
        return Err(Failure::new(message).help("overscan_axis=1 takes a level each row, 0 one each column"));
    }
    let median = call.flag("median");
    let pixels = match (image.pixels().to_float(), overscan.pixels().to_float()) {
        (FloatView::F32(image), FloatView::F32(overscan)) => {
            let mut out = image.into_owned();
            for (plane, overscan) in out.axis_iter_mut(Axis(0)).zip(overscan.axis_iter(Axis(0))) {
                calibrate::subtract_overscan(plane, overscan, by_rows, median)?;
            }
            Pixels::F32(out)
        }
        (image, overscan) => {
            let (mut out, overscan) = (double(image), double(overscan));
            for (plane, overscan) in out.axis_iter_mut(Axis(0)).zip(overscan.axis_iter(Axis(0))) {
                calibrate::subtract_overscan(plane, overscan, by_rows, median)?;
            }
            Pixels::F64(out)
        }
    };
    Ok(Answer::Image(image.with_pixels(pixels)))
}

fn subtract_dark(call: &Call<'_, '_>) -> Result<Answer, Failure> {
    let (image, dark) = (call.image("image"), call.image("master"));
    let factor = if call.flag("scale") {
        let (of_image, of_dark) = exposures(call.data("exposure"), &image, &dark)?;
        if of_dark <= 0.0 || of_image < 0.0 {
            return Err(Failure::new(format!(
                "exposure times of {of_image} (frame) and {of_dark} (dark) scale nothing"
            )));
        }
        of_image / of_dark
    } else {
        1.0
    };
    with_master(&image, &dark, Step::Subtract { factor }).map(Answer::Image)
}

/// The exposure times of the frame and the dark.
fn exposures(given: &Value, image: &Image, dark: &Image) -> Result<(f64, f64), Failure> {
    let number = |value: &Value| match value {
        Value::Int(number) => Some(*number as f64),
        Value::Float(number) => Some(*number),
        _ => None,
    };
    let keyword = match given {
        Value::None => "EXPTIME",
        Value::Str(keyword) => keyword,
        Value::List(both) => {
            let pair = if let [a, b] = both.as_slice() { number(a).zip(number(b)) } else { None };
            return pair.ok_or_else(|| Failure::new("exposure is a keyword or two numbers [frame, dark]"));
        }
        _ => return Err(Failure::new("exposure is a keyword or two numbers [frame, dark]")),
    };
    let of = |image: &Image, what: &str| {
        image.header().number(keyword).ok_or_else(|| {
            Failure::new(format!("the header of the {what} has no number under {keyword}"))
                .help("exposure= names the keyword of exposure times, or gives the two numbers [frame, dark]")
        })
    };
    Ok((of(image, "frame")?, of(dark, "dark")?))
}

/// What a master does to a frame.
#[derive(Clone, Copy)]
enum Step {
    Subtract { factor: f64 },
    Flat { min: Option<f64>, norm: Option<f64> },
}

impl Step {
    fn apply<T: Sample>(self, image: &mut Array3<T>, master: ArrayView3<'_, T>) -> Result<(), PixelError> {
        let image = image.as_slice_mut().expect("images are kept in C order");
        let master = master.as_slice().expect("images are kept in C order");
        match self {
            Step::Subtract { factor } => calibrate::subtract_scaled(image, master, factor),
            Step::Flat { min, norm } => calibrate::divide_by_flat(image, master, min, norm)?,
        }
        Ok(())
    }
}

/// The frame after a step with a master of its shape, in the wider float type of the two.
fn with_master(image: &Image, master: &Image, step: Step) -> Result<Image, Failure> {
    if image.shape() != master.shape() {
        return Err(ShapeMismatch(image.shape(), master.shape()).into());
    }
    let pixels = match (image.pixels().to_float(), master.pixels().to_float()) {
        (FloatView::F32(image), FloatView::F32(master)) => {
            let mut out = image.into_owned();
            step.apply(&mut out, master.view())?;
            Pixels::F32(out)
        }
        (image, master) => {
            let mut out = double(image);
            step.apply(&mut out, double(master).view())?;
            Pixels::F64(out)
        }
    };
    Ok(image.with_pixels(pixels))
}

fn double(view: FloatView<'_>) -> Array3<f64> {
    match view {
        FloatView::F32(pixels) => mapped(&pixels, f64::from),
        FloatView::F64(pixels) => pixels.into_owned(),
    }
}
