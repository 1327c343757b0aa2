//! The image as a value of a `run:` body: attributes, operators and indexing over [`Image`]. Comes from actions and goes
//! to them; turns operators into [`super::arithmetic`] and indices into [`super::section`]. Never opens a file.

use allocative::Allocative;
use starlark::any::ProvidesStaticType;
use starlark::collections::SmallMap;
use starlark::environment::{Methods, MethodsBuilder, MethodsStatic};
use starlark::starlark_module;
use starlark::starlark_simple_value;
use starlark::values::none::NoneOr;
use starlark::values::{
    Demand, Heap, NoSerialize, StarlarkPagablePanic, StarlarkValue, UnpackValue, Value, starlark_value,
};

use super::arithmetic::{self, Operand};
use super::failure::Failure;
use super::header::{self, Header};
use super::image::{Image, Pixels, Sample, each_dtype};
use super::section;
use crate::dialect::operators::{self, BinaryOp, Indexing, NoTruth, Overload};
use crate::dialect::text;
use crate::pixel::elementwise::{Binary, Comparison, Unary};

#[derive(Debug, Clone, ProvidesStaticType, NoSerialize, Allocative, StarlarkPagablePanic)]
pub struct ImageValue {
    #[allocative(skip)]
    image: Image,
}

starlark_simple_value!(ImageValue);

impl From<Image> for ImageValue {
    fn from(image: Image) -> ImageValue {
        ImageValue { image }
    }
}

impl ImageValue {
    pub fn image(&self) -> &Image {
        &self.image
    }
}

impl std::fmt::Display for ImageValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [planes, height, width] = self.image.shape();
        let planes = if planes == 1 { String::new() } else { format!("{planes} planes of ") };
        write!(f, "<image: {planes}{height} × {width} {}>", self.image.dtype())
    }
}

#[starlark_value(type = "image")]
impl<'v> StarlarkValue<'v> for ImageValue {
    fn get_methods() -> Option<&'static Methods> {
        static METHODS: MethodsStatic = MethodsStatic::new("image", image_methods);
        Some(METHODS.methods())
    }

    fn get_attr(&self, attribute: &str, heap: Heap<'v>) -> Option<Value<'v>> {
        match attribute {
            "shape" => Some(match self.image.shape().map(length) {
                [1, height, width] => heap.alloc((height, width)),
                [planes, height, width] => heap.alloc((planes, height, width)),
            }),
            "dtype" => Some(heap.alloc(self.image.dtype().name())),
            "header" => Some(heap.alloc(HeaderValue { image: self.image.clone() })),
            _ => None,
        }
    }

    fn dir_attr(&self) -> Vec<String> {
        ["shape", "dtype", "header"].map(str::to_owned).to_vec()
    }

    /// As numpy's: planes of a cube, rows of a single plane.
    fn length(&self) -> starlark::Result<i32> {
        let [planes, height, _] = self.image.shape();
        Ok(i32::try_from(if planes == 1 { height } else { planes }).unwrap_or(i32::MAX))
    }

    fn provide(&'v self, demand: &mut Demand<'_, 'v>) {
        demand.provide_value(Overload(overload));
        demand.provide_value(Indexing(indexed));
        demand.provide_value(NoTruth(no_truth));
    }

    fn at(&self, index: Value<'v>, heap: Heap<'v>) -> starlark::Result<Value<'v>> {
        Ok(part(&self.image, &[index], heap)?)
    }

    fn slice(
        &self,
        start: Option<Value<'v>>,
        stop: Option<Value<'v>>,
        stride: Option<Value<'v>>,
        heap: Heap<'v>,
    ) -> starlark::Result<Value<'v>> {
        let bound = |value: Option<Value<'v>>| value.and_then(|value| i64::unpack_value(value).ok().flatten());
        let rows = operators::Slice { start: bound(start), stop: bound(stop), step: bound(stride) };
        Ok(part(&self.image, &[heap.alloc(rows)], heap)?)
    }

    fn add(&self, rhs: Value<'v>, heap: Heap<'v>) -> Option<starlark::Result<Value<'v>>> {
        let rhs = operand(rhs)?;
        Some(computed(Binary::Add, Operand::Image(self.image.clone()), rhs, heap))
    }

    fn radd(&self, lhs: Value<'v>, heap: Heap<'v>) -> Option<starlark::Result<Value<'v>>> {
        // `sum(images)` begins with the number 0.
        let lhs = operand(lhs)?;
        Some(computed(Binary::Add, lhs, Operand::Image(self.image.clone()), heap))
    }

    fn mul(&self, rhs: Value<'v>, heap: Heap<'v>) -> Option<starlark::Result<Value<'v>>> {
        let rhs = operand(rhs)?;
        Some(computed(Binary::Multiply, Operand::Image(self.image.clone()), rhs, heap))
    }

    fn rmul(&self, lhs: Value<'v>, heap: Heap<'v>) -> Option<starlark::Result<Value<'v>>> {
        let lhs = operand(lhs)?;
        Some(computed(Binary::Multiply, lhs, Operand::Image(self.image.clone()), heap))
    }

    fn minus(&self, heap: Heap<'v>) -> starlark::Result<Value<'v>> {
        Ok(told(arithmetic::unary(Unary::Negate, Operand::Image(self.image.clone())), "flow: -image", heap))
    }
}

#[starlark_module]
#[allow(clippy::unnecessary_wraps)]
fn image_methods(builder: &mut MethodsBuilder) {
    /// The same pixels with other header values; `None` takes a keyword away.
    fn with_header<'v>(
        this: &ImageValue,
        #[starlark(kwargs)] cards: SmallMap<String, Value<'v>>,
    ) -> starlark::Result<ImageValue> {
        let mut header = this.image.header().clone();
        for (keyword, &value) in &cards {
            set_card(&mut header, keyword, value)?;
        }
        Ok(this.image.with_header(header).into())
    }
}

fn set_card(header: &mut Header, keyword: &str, value: Value<'_>) -> Result<(), Failure> {
    let card = if let Some(value) = value.unpack_bool() {
        header::Value::Bool(value)
    } else if let Ok(Some(value)) = i64::unpack_value(value) {
        header::Value::Int(value)
    } else if let Some(value) = text::float(value) {
        header::Value::Float(value)
    } else if let Some(value) = value.unpack_str() {
        header::Value::Str(value.to_owned())
    } else if value.is_none() {
        header.remove(keyword);
        return Ok(());
    } else {
        let kind = value.get_type();
        return Err(Failure::new(format!("{keyword}: a header holds text, numbers and booleans, not a {kind}")));
    };
    header.set(keyword, card);
    Ok(())
}

/// An image or a number; booleans count as 0 and 1, as in Python.
pub fn operand(value: Value<'_>) -> Option<Operand> {
    if let Some(value) = ImageValue::from_value(value) {
        return Some(Operand::Image(value.image.clone()));
    }
    number(value).map(Operand::Number)
}

/// A number; booleans count as 0 and 1, as in Python.
#[allow(clippy::cast_precision_loss)]
pub fn number(value: Value<'_>) -> Option<f64> {
    text::float(value)
        .or_else(|| text::integer(value).map(|integer| integer as f64))
        .or_else(|| value.unpack_bool().map(|value| f64::from(u8::from(value))))
}

/// An operand as a value of the body.
pub fn answer<'v>(operand: Operand, heap: Heap<'v>) -> Value<'v> {
    match operand {
        Operand::Image(image) => heap.alloc(ImageValue::from(image)),
        Operand::Number(number) => heap.alloc(number),
    }
}

/// The answer of an operator, with a HISTORY card as an action's has one: `flow: image * 2`.
fn computed<'v>(op: Binary, a: Operand, b: Operand, heap: Heap<'v>) -> starlark::Result<Value<'v>> {
    let history = format!("flow: {} {} {}", word(&a), symbol(op), word(&b));
    Ok(arithmetic::binary(op, a, b).map(|result| told(result, &history, heap)).map_err(Failure::from)?)
}

fn told<'v>(result: Operand, history: &str, heap: Heap<'v>) -> Value<'v> {
    match result {
        Operand::Image(image) => heap.alloc(ImageValue::from(image.with_history(history))),
        number @ Operand::Number(_) => answer(number, heap),
    }
}

fn word(operand: &Operand) -> String {
    match operand {
        Operand::Image(_) => "image".to_owned(),
        Operand::Number(number) => number.to_string(),
    }
}

/// The operator as one writes it.
fn symbol(op: Binary) -> &'static str {
    match op {
        Binary::Add => "+",
        Binary::Subtract => "-",
        Binary::Multiply => "*",
        Binary::Divide => "/",
        Binary::FloorDivide => "//",
        Binary::Modulo => "%",
        Binary::Power => "**",
        Binary::Minimum => "min",
        Binary::Maximum => "max",
    }
}

/// The operators that Starlark leaves to the dialect.
fn overload<'v>(op: BinaryOp, a: Value<'v>, b: Value<'v>, heap: Heap<'v>) -> Option<starlark::Result<Value<'v>>> {
    let (a, b) = (operand(a)?, operand(b)?);
    let (comparison, symbol) = match op {
        BinaryOp::Sub => return Some(computed(Binary::Subtract, a, b, heap)),
        BinaryOp::Div => return Some(computed(Binary::Divide, a, b, heap)),
        BinaryOp::FloorDiv => return Some(computed(Binary::FloorDivide, a, b, heap)),
        BinaryOp::Mod => return Some(computed(Binary::Modulo, a, b, heap)),
        BinaryOp::Pow => return Some(computed(Binary::Power, a, b, heap)),
        BinaryOp::Lt => (Comparison::Less, "<"),
        BinaryOp::Le => (Comparison::LessEqual, "<="),
        BinaryOp::Gt => (Comparison::Greater, ">"),
        BinaryOp::Ge => (Comparison::GreaterEqual, ">="),
        BinaryOp::Eq => (Comparison::Equal, "=="),
        BinaryOp::Ne => (Comparison::NotEqual, "!="),
    };
    let history = format!("flow: {} {symbol} {}", word(&a), word(&b));
    let mask = arithmetic::compare(comparison, a, b).map(|mask| told(mask, &history, heap));
    Some(mask.map_err(|error| Failure::from(error).into()))
}

/// As numpy's arrays, which are neither true nor false.
fn no_truth() -> starlark::Error {
    Failure::new("an image is neither true nor false: a condition needs one answer, and each pixel has its own")
        .help("choose pixel by pixel with where(condition, x, y), or ask for one number: min(x), max(x), mean(x)")
        .into()
}

fn indexed<'v>(image: Value<'v>, indices: &[Value<'v>], heap: Heap<'v>) -> starlark::Result<Value<'v>> {
    let value = ImageValue::from_value(image).expect("an image offers this function");
    Ok(part(&value.image, indices, heap)?)
}

/// One index: a single place, or a slice.
enum Index {
    One(i64),
    Many(section::Slice),
}

/// `image["[1:9,1:9]"]`, `image[rows]`, `image[rows, columns]`, `image[plane, rows, columns]`. Places alone give the
/// pixel; a place beside a slice is a slice of one.
fn part<'v>(image: &Image, indices: &[Value<'v>], heap: Heap<'v>) -> Result<Value<'v>, Failure> {
    if let [one] = indices
        && let Some(section) = one.unpack_str()
    {
        let history = format!("flow: image[{section:?}]");
        return Ok(heap.alloc(ImageValue::from(image.section(section)?.with_history(&history))));
    }
    let indices = indices.iter().map(|index| self::index(*index)).collect::<Result<Vec<_>, _>>()?;
    let (plane, places) = match indices.as_slice() {
        [plane, rest @ ..] if rest.len() == 2 || (rest.len() < 2 && image.shape()[0] > 1) => (Some(plane), rest),
        rest if rest.len() <= 2 => (None, rest),
        _ => return Err(Failure::new(format!("an image takes at most 3 indices, and here are {}", indices.len()))),
    };
    let image = match plane {
        Some(Index::One(at)) => one_plane(image, *at).map_err(|failure| match places {
            // `colour[y, x]`: the first index counts planes, as in numpy.
            [Index::One(_)] => failure.help(
                "the first index of an image of several planes is the plane: image[0, y, x] gives a number of the first, \
                 image[:, y, x] the pixel of all",
            ),
            _ => failure,
        })?,
        Some(Index::Many(slice)) if *slice != section::Slice::ALL => {
            return Err(Failure::new(
                "planes are taken one at a time or all together: image[0, :, :] or image[:, :, :]",
            ));
        }
        _ => image.clone(),
    };
    let [planes, height, width] = image.shape();
    let slice = |index: Option<&Index>, length: usize| match index {
        None => Ok(section::Slice::ALL),
        Some(Index::Many(slice)) => Ok(*slice),
        Some(Index::One(at)) => single(*at, length),
    };
    let (rows, columns) = (slice(places.first(), height)?, slice(places.get(1), width)?);
    let part = image.slice(rows, columns)?.with_history(&format!("flow: image[{rows}, {columns}]"));
    match places {
        [Index::One(_), Index::One(_)] if planes == 1 => {
            Ok(heap.alloc(each_dtype!(part.pixels(), a => a[[0, 0, 0]].to_f64())))
        }
        _ => Ok(heap.alloc(ImageValue::from(part))),
    }
}

fn index(value: Value<'_>) -> Result<Index, Failure> {
    if let Ok(Some(at)) = i64::unpack_value(value) {
        return Ok(Index::One(at));
    }
    let Some(slice) = operators::Slice::from_value(value) else {
        let kind = value.get_type();
        return Err(Failure::new(format!("an image is indexed by numbers and slices, not by a {kind}"))
            .help("image[y0:y1, x0:x1], or a FITS section: image[\"[x1:x2,y1:y2]\"]"));
    };
    Ok(Index::Many(section::Slice { start: slice.start, stop: slice.stop, step: slice.step.unwrap_or(1) }))
}

/// The slice of one place; negative ones count from the end.
fn single(at: i64, axis: usize) -> Result<section::Slice, Failure> {
    let from_start = if at < 0 { at + length(axis) } else { at };
    if !(0..length(axis)).contains(&from_start) {
        return Err(Failure::new(format!("index {at} is outside of an axis of {axis} pixels")));
    }
    Ok(section::Slice { start: Some(from_start), stop: Some(from_start + 1), step: 1 })
}

fn one_plane(image: &Image, at: i64) -> Result<Image, Failure> {
    let planes = image.shape()[0];
    let plane = usize::try_from(if at < 0 { at + length(planes) } else { at }).ok().filter(|plane| *plane < planes);
    let plane = plane.ok_or_else(|| Failure::new(format!("no plane {at}: the image has {planes} planes")))?;
    let range = ndarray::s![plane..=plane, .., ..];
    Ok(image.with_pixels(each_dtype!(image.pixels(), a => Pixels::from(a.slice(range).to_owned()))))
}

fn length(axis: usize) -> i64 {
    i64::try_from(axis).unwrap_or(i64::MAX)
}

/// `image.header`: a mapping that cannot be changed.
#[derive(Debug, Clone, ProvidesStaticType, NoSerialize, Allocative, StarlarkPagablePanic)]
pub struct HeaderValue {
    /// The whole image, because that shares its header.
    #[allocative(skip)]
    image: Image,
}

starlark_simple_value!(HeaderValue);

impl HeaderValue {
    /// The value of a keyword; of COMMENT and HISTORY all lines.
    fn value<'v>(&self, keyword: &str, heap: Heap<'v>) -> Option<Value<'v>> {
        let header = self.image.header();
        Some(match header.get(keyword)? {
            header::Value::Bool(value) => Value::new_bool(*value),
            header::Value::Int(value) => heap.alloc(*value),
            header::Value::Float(value) => heap.alloc(*value),
            header::Value::Str(text) | header::Value::Complex(text) => heap.alloc(text.as_str()),
            header::Value::Undefined => Value::new_none(),
            header::Value::Text(_) => {
                let same = |card: &&header::Card| card.keyword.eq_ignore_ascii_case(keyword);
                let lines: Vec<String> = header.cards().iter().filter(same).map(|c| c.value.to_string()).collect();
                heap.alloc(lines.join("\n"))
            }
        })
    }

    /// The keywords, each once, in their order.
    fn keywords(&self) -> Vec<String> {
        let mut out: Vec<String> = Vec::new();
        for card in self.image.header().cards() {
            if !card.keyword.is_empty() && !out.contains(&card.keyword) {
                out.push(card.keyword.clone());
            }
        }
        out
    }
}

impl std::fmt::Display for HeaderValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "<header: {} cards>", self.image.header().cards().len())
    }
}

#[starlark_value(type = "header")]
impl<'v> StarlarkValue<'v> for HeaderValue {
    fn get_methods() -> Option<&'static Methods> {
        static METHODS: MethodsStatic = MethodsStatic::new("header", header_methods);
        Some(METHODS.methods())
    }

    fn at(&self, index: Value<'v>, heap: Heap<'v>) -> starlark::Result<Value<'v>> {
        let found = index.unpack_str().and_then(|keyword| self.value(keyword, heap));
        Ok(found.ok_or_else(|| {
            Failure::new(format!("the header has no keyword {}", index.to_str()))
                .help("header.get(\"NAME\", default) gives a default; header.keys() lists the keywords")
        })?)
    }

    fn set_at(&self, index: Value<'v>, value: Value<'v>) -> starlark::Result<()> {
        let keyword = index.unpack_str().unwrap_or("NAME");
        let advice =
            format!("image = image.with_header({keyword}={}) gives an image with another header", value.to_repr());
        Err(Failure::new("the header of an image cannot be changed in place").help(advice).into())
    }

    fn is_in(&self, other: Value<'v>) -> starlark::Result<bool> {
        Ok(other.unpack_str().is_some_and(|keyword| self.image.header().get(keyword).is_some()))
    }

    fn length(&self) -> starlark::Result<i32> {
        Ok(i32::try_from(self.keywords().len()).unwrap_or(i32::MAX))
    }

    fn iterate_collect(&self, heap: Heap<'v>) -> starlark::Result<Vec<Value<'v>>> {
        Ok(self.keywords().iter().map(|keyword| heap.alloc(keyword.as_str())).collect())
    }
}

#[starlark_module]
#[allow(clippy::unnecessary_wraps)]
fn header_methods(builder: &mut MethodsBuilder) {
    /// The value of a keyword, or the default.
    fn get<'v>(
        this: &HeaderValue,
        #[starlark(require = pos)] keyword: &str,
        #[starlark(default = NoneOr::None)] default: NoneOr<Value<'v>>,
        heap: Heap<'v>,
    ) -> starlark::Result<Value<'v>> {
        Ok(this.value(keyword, heap).unwrap_or_else(|| default.into_option().unwrap_or_else(Value::new_none)))
    }

    /// The keywords, each once, in their order.
    fn keys(this: &HeaderValue) -> starlark::Result<Vec<String>> {
        Ok(this.keywords())
    }
}
