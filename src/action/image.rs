//! The image value of the Rulefile: pixels of one of seven types, `[planes, height, width]` in C order, and a FITS header.
//! Comes from [`super::file`] or a kernel; goes to arithmetic, kernels and writers. Knows the rules of conversion between
//! pixel types, and nothing of files. Cloning shares the pixels; a sole owner may take them back and reuse the buffer.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use ndarray::{Array3, ArrayBase, CowArray, Data, Ix3};

use super::header::Header;

/// A pixel type, named as numpy names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dtype {
    U8,
    U16,
    I16,
    I32,
    I64,
    F32,
    F64,
}

impl Dtype {
    /// All pixel types, narrowest first.
    pub const ALL: [Dtype; 7] = [Dtype::U8, Dtype::U16, Dtype::I16, Dtype::I32, Dtype::I64, Dtype::F32, Dtype::F64];

    /// numpy's name: `uint8` … `float64`.
    pub fn name(self) -> &'static str {
        match self {
            Dtype::U8 => "uint8",
            Dtype::U16 => "uint16",
            Dtype::I16 => "int16",
            Dtype::I32 => "int32",
            Dtype::I64 => "int64",
            Dtype::F32 => "float32",
            Dtype::F64 => "float64",
        }
    }

    /// Bytes a pixel.
    pub fn size(self) -> usize {
        match self {
            Dtype::U8 => 1,
            Dtype::U16 | Dtype::I16 => 2,
            Dtype::I32 | Dtype::F32 => 4,
            Dtype::I64 | Dtype::F64 => 8,
        }
    }

    /// The type in which arithmetic and filters compute: 8 and 16 bit integers in `float32` (exact), wider ones in
    /// `float64`; floats stay what they are.
    pub fn float(self) -> Dtype {
        match self {
            Dtype::U8 | Dtype::U16 | Dtype::I16 | Dtype::F32 => Dtype::F32,
            Dtype::I32 | Dtype::I64 | Dtype::F64 => Dtype::F64,
        }
    }
}

impl fmt::Display for Dtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that is no pixel type.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("unknown dtype \"{0}\" (one of uint8, uint16, int16, int32, int64, float32, float64)")]
pub struct UnknownDtype(pub String);

impl FromStr for Dtype {
    type Err = UnknownDtype;

    fn from_str(name: &str) -> Result<Dtype, UnknownDtype> {
        Dtype::ALL.into_iter().find(|d| d.name() == name).ok_or_else(|| UnknownDtype(name.to_owned()))
    }
}

/// A Rust number that can be a pixel.
pub trait Sample: Copy + Default + PartialOrd + Send + Sync + 'static {
    /// The pixel type this is.
    const DTYPE: Dtype;
    /// As `f64`; `i64` beyond 2⁵³ is rounded.
    fn to_f64(self) -> f64;
    /// From `f64`: integers are rounded half to even and saturate, NaN becomes 0.
    fn from_f64(value: f64) -> Self;
    /// The array as [`Pixels`].
    fn pixels(array: Array3<Self>) -> Pixels;
}

/// `value` rounded half to even, as long as it is within 2⁵¹; beyond, some number as large. It is two additions that become
/// vectors on every processor, where `round_ties_even` is a call on the plainest.
fn rounded(value: f64) -> f64 {
    // From here on, the next number after a number is the next whole one.
    const WHOLE: f64 = 1.5 * (1u64 << 52) as f64;
    (value + WHOLE) - WHOLE
}

macro_rules! sample {
    ($t:ty, $variant:ident, $round:expr) => {
        impl Sample for $t {
            const DTYPE: Dtype = Dtype::$variant;
            #[inline]
            fn to_f64(self) -> f64 {
                self as f64
            }
            #[inline]
            fn from_f64(value: f64) -> $t {
                ($round(value)) as $t
            }
            fn pixels(array: Array3<$t>) -> Pixels {
                Pixels::$variant(array)
            }
        }

        impl From<Array3<$t>> for Pixels {
            fn from(array: Array3<$t>) -> Pixels {
                Pixels::$variant(array)
            }
        }
    };
}

sample!(u8, U8, rounded);
sample!(u16, U16, rounded);
sample!(i16, I16, rounded);
sample!(i32, I32, rounded);
sample!(i64, I64, f64::round_ties_even);
sample!(f32, F32, std::convert::identity::<f64>);
sample!(f64, F64, std::convert::identity::<f64>);

/// The pixels of an image: `[planes, height, width]`. A grey image has one plane, a colour image three (red, green, blue),
/// a FITS cube as many as its further axes hold together.
#[derive(Clone, Debug, PartialEq)]
pub enum Pixels {
    U8(Array3<u8>),
    U16(Array3<u16>),
    I16(Array3<i16>),
    I32(Array3<i32>),
    I64(Array3<i64>),
    F32(Array3<f32>),
    F64(Array3<f64>),
}

/// Runs the same expression on the array of any pixel type.
macro_rules! each_dtype {
    ($pixels:expr, $array:ident => $body:expr) => {
        match $pixels {
            $crate::action::image::Pixels::U8($array) => $body,
            $crate::action::image::Pixels::U16($array) => $body,
            $crate::action::image::Pixels::I16($array) => $body,
            $crate::action::image::Pixels::I32($array) => $body,
            $crate::action::image::Pixels::I64($array) => $body,
            $crate::action::image::Pixels::F32($array) => $body,
            $crate::action::image::Pixels::F64($array) => $body,
        }
    };
}
pub(crate) use each_dtype;

impl Pixels {
    /// `[planes, height, width]`.
    pub fn shape(&self) -> [usize; 3] {
        each_dtype!(self, a => a.dim().into())
    }

    pub fn dtype(&self) -> Dtype {
        fn dtype<T: Sample>(_: &Array3<T>) -> Dtype {
            T::DTYPE
        }
        each_dtype!(self, a => dtype(a))
    }

    /// To another pixel type. Unlike numpy's `astype`, which truncates and wraps, values going to an integer type are
    /// rounded half to even and saturate at its ends, and NaN becomes 0.
    pub fn cast(self, dtype: Dtype) -> Pixels {
        if self.dtype() == dtype { self } else { self.to_dtype(dtype) }
    }

    /// A copy in another pixel type, as [`Pixels::cast`].
    fn to_dtype(&self, dtype: Dtype) -> Pixels {
        fn to<A: Sample, B: Sample>(a: &Array3<A>) -> Pixels {
            B::pixels(mapped(a, |v| B::from_f64(v.to_f64())))
        }
        each_dtype!(self, a => match dtype {
            Dtype::U8 => to::<_, u8>(a),
            Dtype::U16 => to::<_, u16>(a),
            Dtype::I16 => to::<_, i16>(a),
            Dtype::I32 => to::<_, i32>(a),
            Dtype::I64 => to::<_, i64>(a),
            Dtype::F32 => to::<_, f32>(a),
            Dtype::F64 => to::<_, f64>(a),
        })
    }

    /// The pixels in the type arithmetic computes in ([`Dtype::float`]), in the same buffer where they already are.
    pub fn into_float(self) -> FloatPixels {
        let dtype = self.dtype().float();
        match self.cast(dtype) {
            Pixels::F32(a) => FloatPixels::F32(a),
            Pixels::F64(a) => FloatPixels::F64(a),
            _ => unreachable!("Dtype::float names a float type"),
        }
    }

    /// The pixels in the type arithmetic computes in, borrowed where they already are.
    pub fn to_float(&self) -> FloatView<'_> {
        match self {
            Pixels::F32(a) => FloatView::F32(a.view().into()),
            Pixels::F64(a) => FloatView::F64(a.view().into()),
            Pixels::U8(a) => FloatView::F32(mapped(a, f32::from).into()),
            Pixels::U16(a) => FloatView::F32(mapped(a, f32::from).into()),
            Pixels::I16(a) => FloatView::F32(mapped(a, f32::from).into()),
            Pixels::I32(a) => FloatView::F64(mapped(a, f64::from).into()),
            Pixels::I64(a) => FloatView::F64(mapped(a, |v| v as f64).into()),
        }
    }

    /// The same pixels with every array in C order.
    fn in_c_order(self) -> Pixels {
        fn ordered<T: Sample>(a: Array3<T>) -> Pixels {
            T::pixels(if a.is_standard_layout() { a } else { a.as_standard_layout().into_owned() })
        }
        each_dtype!(self, a => ordered(a))
    }
}

/// The array with `f` of each pixel. One loop over the buffer: ndarray's own `mapv` brings one for every layout with it, and
/// there are dozens of pairs of types.
pub fn mapped<A: Clone, B, S: Data<Elem = A>>(array: &ArrayBase<S, Ix3>, f: impl FnMut(A) -> B) -> Array3<B> {
    let array = array.as_standard_layout();
    let values = array.as_slice().expect("brought into C order").iter().cloned().map(f).collect();
    Array3::from_shape_vec(array.raw_dim(), values).expect("a value for each pixel")
}

/// Owned pixels ready for arithmetic and filters.
#[derive(Clone, Debug, PartialEq)]
pub enum FloatPixels {
    F32(Array3<f32>),
    F64(Array3<f64>),
}

impl FloatPixels {
    /// In `float64`, in the same buffer where it is that already.
    pub fn into_f64(self) -> Array3<f64> {
        match self {
            FloatPixels::F32(a) => mapped(&a, f64::from),
            FloatPixels::F64(a) => a,
        }
    }
}

impl From<FloatPixels> for Pixels {
    fn from(pixels: FloatPixels) -> Pixels {
        match pixels {
            FloatPixels::F32(a) => Pixels::F32(a),
            FloatPixels::F64(a) => Pixels::F64(a),
        }
    }
}

/// Pixels ready for arithmetic and filters, borrowed from the image where no conversion was needed.
#[derive(Debug)]
pub enum FloatView<'a> {
    F32(CowArray<'a, f32, Ix3>),
    F64(CowArray<'a, f64, Ix3>),
}

/// Pixels and header. Cloning is cheap: both are shared until changed.
#[derive(Clone, Debug, PartialEq)]
pub struct Image {
    pixels: Arc<Pixels>,
    header: Arc<Header>,
}

impl Image {
    /// An image; arrays that are not in C order are put into it.
    pub fn new(pixels: impl Into<Pixels>, header: Header) -> Image {
        Image { pixels: Arc::new(pixels.into().in_c_order()), header: Arc::new(header) }
    }

    pub fn pixels(&self) -> &Pixels {
        &self.pixels
    }

    pub fn header(&self) -> &Header {
        &self.header
    }

    /// `[planes, height, width]`.
    pub fn shape(&self) -> [usize; 3] {
        self.pixels.shape()
    }

    pub fn dtype(&self) -> Dtype {
        self.pixels.dtype()
    }

    /// The pixels and the header; without a copy where nobody else holds this image.
    pub fn into_parts(self) -> (Pixels, Header) {
        (Arc::unwrap_or_clone(self.pixels), Arc::unwrap_or_clone(self.header))
    }

    /// The pixels; without a copy where nobody else holds this image.
    pub fn into_pixels(self) -> Pixels {
        Arc::unwrap_or_clone(self.pixels)
    }

    /// The pixels in the type arithmetic computes in. Where nobody else holds this image it loses them, so that their buffer
    /// can take the result; otherwise they are borrowed, or converted.
    pub(super) fn take_float(&mut self) -> FloatView<'_> {
        let Some(pixels) = Arc::get_mut(&mut self.pixels) else { return self.pixels.to_float() };
        match std::mem::replace(pixels, Pixels::U8(Array3::default((0, 0, 0)))).into_float() {
            FloatPixels::F32(a) => FloatView::F32(a.into()),
            FloatPixels::F64(a) => FloatView::F64(a.into()),
        }
    }

    /// The same pixels under another header.
    pub fn with_header(&self, header: Header) -> Image {
        Image { pixels: Arc::clone(&self.pixels), header: Arc::new(header) }
    }

    /// Other pixels under the same header: what an action makes of its first image.
    pub fn with_pixels(&self, pixels: impl Into<Pixels>) -> Image {
        Image { pixels: Arc::new(pixels.into().in_c_order()), header: Arc::clone(&self.header) }
    }

    /// The image in another pixel type, sharing its pixels where that is theirs already; see [`Pixels::cast`].
    pub fn cast(&self, dtype: Dtype) -> Image {
        if self.dtype() == dtype { self.clone() } else { self.with_pixels(self.pixels.to_dtype(dtype)) }
    }

    /// The image with the text as HISTORY; its pixels stay where they are.
    #[must_use]
    pub fn with_history(mut self, text: &str) -> Image {
        Arc::make_mut(&mut self.header).add_history(text);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn names_are_numpy_s() {
        for dtype in Dtype::ALL {
            assert_eq!(dtype.name().parse(), Ok(dtype));
        }
        assert!("float16".parse::<Dtype>().is_err());
    }

    #[test]
    fn cast_rounds_half_to_even_and_saturates() {
        let a = Pixels::F64(array![[[-1.0, 0.5, 1.5, 254.6, 300.0, f64::NAN]]]);
        assert_eq!(a.clone().cast(Dtype::U8), Pixels::U8(array![[[0, 0, 2, 255, 255, 0]]]));
        assert_eq!(a.cast(Dtype::I16), Pixels::I16(array![[[-1, 0, 2, 255, 300, 0]]]));
    }

    #[test]
    fn integers_compute_in_the_float_that_holds_them() {
        assert!(matches!(Pixels::U16(array![[[65535]]]).into_float(), FloatPixels::F32(a) if a[[0, 0, 0]] == 65535.0));
        assert!(matches!(Pixels::I32(array![[[i32::MAX]]]).to_float(),
            FloatView::F64(a) if a[[0, 0, 0]] == 2147483647.0));
    }

    #[test]
    fn a_sole_owner_takes_its_buffer_back() {
        let image = Image::new(array![[[1.0f64, 2.0]]], Header::default());
        let Pixels::F64(before) = image.pixels() else { unreachable!("made of f64") };
        let address = before.as_ptr();
        let Pixels::F64(after) = image.into_pixels() else { unreachable!("made of f64") };
        assert_eq!(address, after.as_ptr());
    }

    #[test]
    fn a_cast_to_the_same_type_and_history_share_the_pixels() {
        let image = Image::new(array![[[1.0f64, 2.0]]], Header::default());
        for same in [image.cast(Dtype::F64), image.clone().with_history("flow: nothing")] {
            assert!(Arc::ptr_eq(&image.pixels, &same.pixels));
        }
        assert_eq!(image.header().cards().len(), 0);
    }

    #[test]
    fn arrays_are_put_in_c_order() {
        let transposed = array![[[1u8, 2], [3, 4]]].permuted_axes([0, 2, 1]);
        let image = Image::new(transposed, Header::default());
        assert!(matches!(image.pixels(), Pixels::U8(a) if a.as_slice() == Some(&[1, 3, 2, 4])));
    }
}
