//! Element-wise arithmetic on images and numbers, with numpy's semantics: `//` and `%` floor, division by zero gives inf or
//! NaN, NaN passes on. Integer pixels compute in the float type that [`Dtype::float`] names; a number takes the image's type
//! and never widens it; `float32` with `float64` is `float64`. The result has the first image's header, and takes over an
//! operand's buffer where nobody else holds it. Knows no files and no syntax.

use ndarray::{Array3, ArrayBase, CowArray, Data, Ix3, NdFloat};

use super::image::{Dtype, FloatPixels, FloatView, Image, Pixels, Sample, each_dtype, mapped};
use crate::pixel::elementwise::{self, Binary, Comparison, Order, Other, Unary};

/// One side of an operation.
#[derive(Clone, Debug, PartialEq)]
pub enum Operand {
    Image(Image),
    Number(f64),
}

/// Two images that do not fit each other.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("the images differ in shape: {} and {}", shape_text(.0), shape_text(.1))]
pub struct ShapeMismatch(pub [usize; 3], pub [usize; 3]);

/// The shape as numpy writes it, without the axis of a single plane.
fn shape_text(shape: &[usize; 3]) -> String {
    match shape {
        [1, height, width] => format!("({height}, {width})"),
        [planes, height, width] => format!("({planes}, {height}, {width})"),
    }
}

/// The operator on two operands, element by element. Two numbers give a number.
pub fn binary(op: Binary, mut a: Operand, mut b: Operand) -> Result<Operand, ShapeMismatch> {
    if let (&Operand::Number(x), &Operand::Number(y)) = (&a, &b) {
        return Ok(Operand::Number(op.of(x, y)));
    }
    check_shapes(&a, &b)?;
    let pixels = match common_dtype(&a, &b) {
        Dtype::F32 => Pixels::F32(combined(op, a.side(), b.side())),
        _ => Pixels::F64(combined(op, a.side(), b.side())),
    };
    Ok(Operand::Image(first_image(a, b).with_pixels(pixels)))
}

/// The comparison of two operands, element by element. Two numbers give 0 or 1. 64-bit integers compare as `float64`.
pub fn compare(op: Comparison, mut a: Operand, mut b: Operand) -> Result<Operand, ShapeMismatch> {
    if let (&Operand::Number(x), &Operand::Number(y)) = (&a, &b) {
        return Ok(Operand::Number(f64::from(u8::from(op.holds(x, y)))));
    }
    check_shapes(&a, &b)?;
    let mask = match common_dtype(&a, &b) {
        Dtype::F32 => compared::<f32>(op, a.side(), b.side()),
        _ => compared::<f64>(op, a.side(), b.side()),
    };
    Ok(Operand::Image(first_image(a, b).with_pixels(mask)))
}

/// The function of every pixel, or of a number.
pub fn unary(op: Unary, a: Operand) -> Operand {
    match a {
        Operand::Number(x) => Operand::Number(op.of(x)),
        Operand::Image(image) => {
            let (pixels, header) = image.into_parts();
            let mut pixels = pixels.into_float();
            match &mut pixels {
                FloatPixels::F32(a) => op.apply(in_order_mut(a)),
                FloatPixels::F64(a) => op.apply(in_order_mut(a)),
            }
            Operand::Image(Image::new(pixels, header))
        }
    }
}

/// Every pixel held between `low` and `high`, which wins where `low` is above it (as numpy's `clip`); NaN stays.
pub fn clip(image: Image, low: f64, high: f64) -> Image {
    let (pixels, header) = image.into_parts();
    let mut pixels = pixels.into_float();
    match &mut pixels {
        FloatPixels::F32(a) => elementwise::clip(in_order_mut(a), low as f32, high as f32),
        FloatPixels::F64(a) => elementwise::clip(in_order_mut(a), low, high),
    }
    Image::new(pixels, header)
}

/// A mask: 1 where the pixel is neither NaN nor infinite.
pub fn is_finite(image: &Image) -> Image {
    let mask = match image.pixels() {
        Pixels::F32(a) => mapped(a, |x| u8::from(x.is_finite())),
        Pixels::F64(a) => mapped(a, |x| u8::from(x.is_finite())),
        integers => Array3::from_elem(integers.shape(), 1),
    };
    image.with_pixels(mask)
}

/// `a` where the condition's pixel is not 0 (NaN is not), `b` elsewhere; in the float type of `a` and `b`, `float64` for two
/// numbers. The header is the first image's of `a` and `b`, else the condition's.
pub fn select(condition: Image, mut a: Operand, mut b: Operand) -> Result<Image, ShapeMismatch> {
    let mask: Array3<bool> = each_dtype!(condition.pixels(), c => mapped(c, |v| v.to_f64() != 0.0));
    for operand in [&a, &b] {
        if let Operand::Image(image) = operand
            && image.shape() != condition.shape()
        {
            return Err(ShapeMismatch(condition.shape(), image.shape()));
        }
    }
    let pixels = match common_dtype(&a, &b) {
        Dtype::F32 => Pixels::F32(chosen(&mask, a.side(), b.side())),
        _ => Pixels::F64(chosen(&mask, a.side(), b.side())),
    };
    let header = match (a, b) {
        (Operand::Image(image), _) | (_, Operand::Image(image)) => image,
        (Operand::Number(_), Operand::Number(_)) => condition,
    };
    Ok(header.with_pixels(pixels))
}

fn chosen<T: NdFloat>(mask: &Array3<bool>, a: Side<T>, b: Side<T>) -> Array3<T> {
    let mut out = match a {
        Side::Array(a) => a.into_owned(),
        Side::Number(x) => Array3::from_elem(mask.dim(), x),
    };
    let others = in_order_mut(&mut out).iter_mut().zip(in_order(mask)).enumerate().filter(|(_, (_, mask))| !**mask);
    match b {
        Side::Array(b) => {
            let b = in_order(&b);
            others.for_each(|(i, (out, _))| *out = b[i]);
        }
        Side::Number(y) => others.for_each(|(_, (out, _))| *out = y),
    }
    out
}

fn check_shapes(a: &Operand, b: &Operand) -> Result<(), ShapeMismatch> {
    match (a, b) {
        (Operand::Image(a), Operand::Image(b)) if a.shape() != b.shape() => Err(ShapeMismatch(a.shape(), b.shape())),
        _ => Ok(()),
    }
}

/// The type to compute in: numbers follow the image.
fn common_dtype(a: &Operand, b: &Operand) -> Dtype {
    let float = |operand: &Operand| match operand {
        Operand::Image(image) => Some(image.dtype().float()),
        Operand::Number(_) => None,
    };
    float(a).max(float(b)).unwrap_or(Dtype::F64)
}

fn first_image(a: Operand, b: Operand) -> Image {
    match (a, b) {
        (Operand::Image(image), _) | (_, Operand::Image(image)) => image,
        (Operand::Number(_), Operand::Number(_)) => unreachable!("two numbers give a number"),
    }
}

/// One side in the type of the computation.
enum Side<'a, T> {
    Array(CowArray<'a, T, Ix3>),
    Number(T),
}

impl Operand {
    /// The operand in the type of the computation: owned where nobody else holds its pixels or they had to be converted,
    /// borrowed otherwise. A sole owner loses its pixels to it.
    fn side<T: Real>(&mut self) -> Side<'_, T> {
        match self {
            Operand::Image(image) => Side::Array(T::array(image.take_float())),
            Operand::Number(x) => Side::Number(T::from_f64(*x)),
        }
    }
}

/// A type to compute in.
trait Real: NdFloat + Sample {
    fn array(view: FloatView<'_>) -> CowArray<'_, Self, Ix3>;
}

impl Real for f32 {
    fn array(view: FloatView<'_>) -> CowArray<'_, f32, Ix3> {
        match view {
            FloatView::F32(a) => a,
            FloatView::F64(_) => unreachable!("float64 makes the computation float64"),
        }
    }
}

impl Real for f64 {
    fn array(view: FloatView<'_>) -> CowArray<'_, f64, Ix3> {
        match view {
            FloatView::F32(a) => mapped(&a, f64::from).into(),
            FloatView::F64(a) => a,
        }
    }
}

/// The operator in the buffer of a side that is owned, or in a copy of the first image.
fn combined<'a, T: NdFloat>(op: Binary, a: Side<'a, T>, b: Side<'a, T>) -> Array3<T> {
    let (mut out, other, order) = match (a, b) {
        (Side::Array(a), Side::Array(b)) if b.is_owned() && !a.is_owned() => {
            (b.into_owned(), Side::Array(a), Order::Second)
        }
        (Side::Array(a), b) => (a.into_owned(), b, Order::First),
        (a, Side::Array(b)) => (b.into_owned(), a, Order::Second),
        (Side::Number(_), Side::Number(_)) => unreachable!("two numbers are no image"),
    };
    op.apply(in_order_mut(&mut out), other.read(), order);
    out
}

fn compared<'a, T: NdFloat>(op: Comparison, a: Side<'a, T>, b: Side<'a, T>) -> Array3<u8> {
    let (pixels, other, order) = match (a, b) {
        (Side::Array(a), b) => (a, b, Order::First),
        (a, Side::Array(b)) => (b, a, Order::Second),
        (Side::Number(_), Side::Number(_)) => unreachable!("two numbers are no image"),
    };
    let mask = op.mask(in_order(&pixels), other.read(), order);
    Array3::from_shape_vec(pixels.raw_dim(), mask).expect("a mask for each pixel")
}

impl<T: Copy> Side<'_, T> {
    fn read(&self) -> Other<'_, T> {
        match self {
            Side::Array(array) => Other::Pixels(in_order(array)),
            Side::Number(number) => Other::Number(*number),
        }
    }
}

/// The pixels in C order, which those of an [`Image`] always are.
fn in_order<T, S: Data<Elem = T>>(array: &ArrayBase<S, Ix3>) -> &[T] {
    array.as_slice().expect("an image's pixels are in C order")
}

fn in_order_mut<T>(array: &mut Array3<T>) -> &mut [T] {
    array.as_slice_mut().expect("an image's pixels are in C order")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::header::{Header, Value};
    use ndarray::array;
    use proptest::prelude::*;

    fn image(pixels: impl Into<Pixels>) -> Operand {
        Operand::Image(Image::new(pixels, Header::default()))
    }

    fn row32(values: &[f32]) -> Operand {
        image(Array3::from_shape_vec((1, 1, values.len()), values.to_vec()).expect("one row"))
    }

    fn values(operand: Operand) -> Vec<f64> {
        match operand {
            Operand::Image(image) => each_dtype!(image.pixels(), a => a.iter().map(|v| v.to_f64()).collect()),
            Operand::Number(x) => vec![x],
        }
    }

    fn dtype(operand: &Operand) -> Option<Dtype> {
        match operand {
            Operand::Image(image) => Some(image.dtype()),
            Operand::Number(_) => None,
        }
    }

    #[test]
    fn integers_are_promoted_and_numbers_follow() {
        let number = Operand::Number(0.5);
        let of = |a, b| dtype(&binary(Binary::Add, a, b).expect("same shapes"));
        assert_eq!(of(image(array![[[1u16]]]), number.clone()), Some(Dtype::F32));
        assert_eq!(of(number.clone(), image(array![[[1i32]]])), Some(Dtype::F64));
        assert_eq!(of(image(array![[[1f32]]]), image(array![[[1i64]]])), Some(Dtype::F64));
        assert_eq!(of(number.clone(), number), None);
    }

    #[test]
    fn both_orders_of_operands() {
        let a = row32(&[1.0, 2.0, 8.0]);
        assert_eq!(values(binary(Binary::Subtract, a.clone(), Operand::Number(1.0)).unwrap()), [0.0, 1.0, 7.0]);
        assert_eq!(values(binary(Binary::Divide, Operand::Number(8.0), a.clone()).unwrap()), [8.0, 4.0, 1.0]);
        assert_eq!(values(binary(Binary::Divide, Operand::Number(8.0), row32(&[1.0, 2.0])).unwrap()), [8.0, 4.0]);
        assert_eq!(values(binary(Binary::Subtract, a.clone(), row32(&[1.0, 1.0, 1.0])).unwrap()), [0.0, 1.0, 7.0]);
        assert_eq!(values(binary(Binary::Subtract, a.clone(), a).unwrap()), [0.0; 3]);
    }

    #[test]
    fn division_and_floor_are_numpy_s() {
        let of = |op, x, y| values(binary(op, row32(&[x]), Operand::Number(y)).unwrap())[0];
        assert_eq!(of(Binary::Divide, 1.0, 0.0), f64::INFINITY);
        assert!(of(Binary::Divide, 0.0, 0.0).is_nan());
        assert_eq!(of(Binary::FloorDivide, -7.0, 2.0), -4.0);
        assert_eq!(of(Binary::FloorDivide, 7.0, 0.0), f64::INFINITY);
        assert_eq!(of(Binary::Modulo, -7.0, 3.0), 2.0);
        assert_eq!(of(Binary::Modulo, 7.0, -3.0), -2.0);
        assert!(of(Binary::Modulo, 7.0, 0.0).is_nan());
        assert!(of(Binary::Minimum, f32::NAN, 1.0).is_nan());
        assert!(of(Binary::Maximum, 1.0, f64::NAN).is_nan());
    }

    #[test]
    fn comparisons_give_masks() {
        let mask = compare(Comparison::Less, row32(&[1.0, 2.0, f32::NAN]), Operand::Number(2.0)).unwrap();
        assert_eq!(dtype(&mask), Some(Dtype::U8));
        assert_eq!(values(mask), [1.0, 0.0, 0.0]);
        assert_eq!(values(compare(Comparison::NotEqual, row32(&[f32::NAN]), row32(&[f32::NAN])).unwrap()), [1.0]);
    }

    #[test]
    fn shapes_must_agree_and_are_told() {
        let error = binary(Binary::Add, image(array![[[1u8, 2]]]), image(array![[[1u8]], [[2]]])).unwrap_err();
        assert_eq!(error.to_string(), "the images differ in shape: (1, 2) and (2, 1, 1)");
    }

    #[test]
    fn the_header_is_the_first_image_s() {
        let mut header = Header::default();
        header.set("OBJECT", Value::Str("M13".into()));
        let m13 = Operand::Image(Image::new(array![[[1.0f32]]], header));
        for (a, b) in [(Operand::Number(1.0), m13.clone()), (m13, row32(&[1.0]))] {
            let Ok(Operand::Image(sum)) = binary(Binary::Add, a, b) else { panic!("an image") };
            assert_eq!(sum.header().str("OBJECT"), Some("M13"));
        }
    }

    #[test]
    fn functions_of_pixels() {
        let Operand::Image(a) = row32(&[-1.0, 0.0, 100.0, f32::NAN]) else { unreachable!("made an image") };
        let of = |op| values(unary(op, Operand::Image(a.clone())));
        assert_eq!(of(Unary::Abs)[..3], [1.0, 0.0, 100.0]);
        assert!(of(Unary::Sqrt)[0].is_nan() && of(Unary::Sqrt)[2] == 10.0);
        assert!(of(Unary::Log)[1] == f64::NEG_INFINITY && of(Unary::Log10)[2] == 2.0);
        let clipped = values(Operand::Image(clip(a.clone(), 0.0, 50.0)));
        assert!(clipped[..3] == [0.0, 0.0, 50.0] && clipped[3].is_nan());
        assert_eq!(values(Operand::Image(is_finite(&a))), [1.0, 1.0, 1.0, 0.0]);
        let positive = select(is_finite(&a), Operand::Image(a), Operand::Number(7.0)).unwrap();
        assert_eq!(values(Operand::Image(positive)), [-1.0, 0.0, 100.0, 7.0]);
    }

    #[test]
    fn a_sole_operand_s_buffer_is_reused() {
        let Operand::Image(a) = row32(&[1.0, 2.0]) else { unreachable!("made an image") };
        let address = |image: &Image| match image.pixels() {
            Pixels::F32(a) => a.as_ptr(),
            _ => unreachable!("made of f32"),
        };
        let before = address(&a);
        let Ok(Operand::Image(sum)) = binary(Binary::Add, Operand::Image(a), Operand::Number(1.0)) else {
            panic!("an image")
        };
        assert_eq!(before, address(&sum));
    }

    proptest! {
        #[test]
        fn floor_and_rest_make_up_the_dividend(x in -1e6f64..1e6, y in prop_oneof![-1e3f64..-1e-3, 1e-3f64..1e3]) {
            let of = |op| values(binary(op, image(array![[[x]]]), Operand::Number(y)).unwrap())[0];
            let (quotient, rest) = (of(Binary::FloorDivide), of(Binary::Modulo));
            prop_assert_eq!(quotient, quotient.floor());
            prop_assert!(rest.abs() <= y.abs() && (rest == 0.0 || (rest < 0.0) == (y < 0.0)));
            prop_assert!((quotient * y + rest - x).abs() <= 1e-9 * x.abs().max(y.abs()));
        }
    }
}
