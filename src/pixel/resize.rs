//! Images of another size, resampled with the filters and conventions of Pillow: when shrinking, the filter grows with
//! the scale, so that every pixel counts. In: a plane of `u8`, `u16`, `f32` or `f64`, or red, green and blue bytes; out:
//! the same type. Knows nothing of aspect ratios.
//!
//! `u8`, `u16` and `f32` go through fast_image_resize; `f64`, which it has not, through the same two passes here.

use std::f64::consts::PI;

use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels;
use fast_image_resize::{FilterType, PixelTrait, ResizeAlg, ResizeOptions, Resizer};
use ndarray::{Array2, Array3, ArrayView2, ArrayView3};
use rayon::prelude::*;

use super::PixelError;

/// The most pixels of a result.
const MOST_PIXELS: usize = 1 << 31;

/// A resampling filter; the names are Pillow's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Filter {
    /// The pixel at the place, without a mean.
    Nearest,
    /// The mean of the pixels that a new pixel covers.
    Box,
    /// A triangle.
    Bilinear,
    /// The cubic of Catmull and Rom (`a = -0.5`).
    Bicubic,
    /// A sinc of three lobes on either side.
    #[default]
    Lanczos,
}

impl Filter {
    /// The filter of that name; `catmullrom` and `lanczos3` are other words for `bicubic` and `lanczos`.
    ///
    /// # Errors
    /// Any other name.
    pub fn from_name(name: &str) -> Result<Self, PixelError> {
        Ok(match name {
            "nearest" => Self::Nearest,
            "box" => Self::Box,
            "bilinear" => Self::Bilinear,
            "bicubic" | "catmullrom" => Self::Bicubic,
            "lanczos" | "lanczos3" => Self::Lanczos,
            _ => {
                let expected = "nearest, box, bilinear, bicubic, lanczos";
                return Err(PixelError::UnknownName { name: "filter", got: name.to_owned(), expected });
            }
        })
    }

    fn algorithm(self) -> ResizeAlg {
        ResizeAlg::Convolution(match self {
            Self::Nearest => return ResizeAlg::Nearest,
            Self::Box => FilterType::Box,
            Self::Bilinear => FilterType::Bilinear,
            Self::Bicubic => FilterType::CatmullRom,
            Self::Lanczos => FilterType::Lanczos3,
        })
    }

    /// How far the filter reaches to either side, in pixels.
    fn reach(self) -> f64 {
        match self {
            Self::Nearest => 0.0,
            Self::Box => 0.5,
            Self::Bilinear => 1.0,
            Self::Bicubic => 2.0,
            Self::Lanczos => 3.0,
        }
    }

    /// The weight at `x` pixels from the middle.
    fn weight(self, x: f64) -> f64 {
        let sinc = |x: f64| if x == 0.0 { 1.0 } else { (PI * x).sin() / (PI * x) };
        let distance = x.abs();
        match self {
            Self::Nearest | Self::Box => f64::from(u8::from(x > -0.5 && x <= 0.5)),
            Self::Bilinear => (1.0 - distance).max(0.0),
            Self::Bicubic if distance < 1.0 => (1.5 * distance - 2.5) * distance * distance + 1.0,
            Self::Bicubic if distance < 2.0 => ((2.5 - 0.5 * distance) * distance - 4.0) * distance + 2.0,
            Self::Lanczos if distance < 3.0 => sinc(x) * sinc(x / 3.0),
            Self::Bicubic | Self::Lanczos => 0.0,
        }
    }
}

/// A part of an image, in pixels from its upper left corner; its edges may lie within pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Region {
    pub top: f64,
    pub left: f64,
    pub height: f64,
    pub width: f64,
}

impl Region {
    /// All of an image of that shape.
    pub fn whole(shape: (usize, usize)) -> Self {
        Self { top: 0.0, left: 0.0, height: shape.0 as f64, width: shape.1 as f64 }
    }

    /// The largest part with the aspect ratio of `size` (rows, columns), in the middle of an image of that shape: what
    /// Pillow's ImageOps.fit keeps.
    pub fn fitting(shape: (usize, usize), size: (usize, usize)) -> Self {
        let whole = Self::whole(shape);
        let (ratio, wanted) = (whole.width / whole.height, size.1 as f64 / size.0 as f64);
        let (height, width) =
            if ratio >= wanted { (whole.height, wanted * whole.height) } else { (whole.width / wanted, whole.width) };
        Self { top: (whole.height - height) * 0.5, left: (whole.width - width) * 0.5, height, width }
    }
}

/// The size (rows, columns) of an image of `shape` made so small that it fits into `most`; the aspect ratio is kept as nearly
/// as whole pixels allow, and nothing is enlarged: that of Pillow's Image.thumbnail.
pub fn thumbnail_size(shape: (usize, usize), most: (usize, usize)) -> (usize, usize) {
    let (rows, columns) = most;
    if (columns >= shape.1 && rows >= shape.0) || shape.0 == 0 || shape.1 == 0 {
        return shape;
    }
    let aspect = shape.1 as f64 / shape.0 as f64;
    let nearer = |exact: f64, error: &dyn Fn(f64) -> f64| {
        let (below, above) = (exact.floor(), exact.ceil());
        (if error(above) < error(below) { above } else { below }).max(1.0) as usize
    };
    if columns as f64 / rows as f64 >= aspect {
        (rows, nearer(rows as f64 * aspect, &|columns| (aspect - columns / rows as f64).abs()))
    } else {
        let error = |rows: f64| if rows == 0.0 { 0.0 } else { (aspect - columns as f64 / rows).abs() };
        (nearer(columns as f64 / aspect, &error), columns)
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for u8 {}
    impl Sealed for u16 {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
}

/// A type of pixel that can be resampled. Sealed.
pub trait Resample: sealed::Sealed + Copy + Default + Send + Sync {
    /// The region of `image`, which has at least one pixel, as `size` (rows, columns), at least 1 each.
    #[doc(hidden)]
    fn resample(image: ArrayView2<Self>, region: Region, size: (usize, usize), filter: Filter) -> Array2<Self>;
}

macro_rules! resample {
    ($type:ty, $pixel:ty) => {
        impl Resample for $type {
            fn resample(image: ArrayView2<Self>, region: Region, size: (usize, usize), filter: Filter) -> Array2<Self> {
                // One copy of the memory: an iterator over rows and columns would go value by value.
                let image = image.as_standard_layout();
                let values = image.as_slice().expect("brought into C order");
                let source: Vec<$pixel> = values.iter().map(|&value| <$pixel>::new(value)).collect();
                let (height, width) = image.dim();
                let source = TypedImageRef::new(side(width), side(height), &source).expect("a pixel for each value");
                let pixels = resample_typed(&source, region, size, filter);
                Array2::from_shape_vec(size, pixels.iter().map(|pixel| pixel.0).collect())
                    .expect("as many pixels as the size has")
            }
        }
    };
}
resample!(u8, pixels::U8);
resample!(u16, pixels::U16);
resample!(f32, pixels::F32);

/// The image as `size` (rows, columns) pixels: Pillow's Image.resize. `u8` and `u16` are rounded and clipped to their
/// range; NaN and infinities spoil the pixels that the filter lets them reach.
///
/// # Errors
/// An empty image, a size of 0, more than 2³¹ pixels.
pub fn resize<T: Resample>(
    image: ArrayView2<T>,
    size: (usize, usize),
    filter: Filter,
) -> Result<Array2<T>, PixelError> {
    resize_region(image, Region::whole(image.dim()), size, filter)
}

/// A region of the image as `size` (rows, columns) pixels: Pillow's Image.resize with `box`. The filter reaches beyond the
/// region as far as the image goes. Errors as in [`resize`].
///
/// # Errors
/// A region that has no area or reaches outside of the image.
pub fn resize_region<T: Resample>(
    image: ArrayView2<T>,
    region: Region,
    size: (usize, usize),
    filter: Filter,
) -> Result<Array2<T>, PixelError> {
    check(image.dim(), size)?;
    let within =
        |start: f64, extent: f64, length: usize| start >= 0.0 && extent > 0.0 && start + extent <= length as f64;
    PixelError::number(
        "the region's top",
        "within the image",
        region.top,
        within(region.top, region.height, image.nrows()),
    )?;
    PixelError::number(
        "the region's left",
        "within the image",
        region.left,
        within(region.left, region.width, image.ncols()),
    )?;
    if size == image.dim() && region == Region::whole(size) {
        return Ok(image.to_owned());
    }
    Ok(T::resample(image, region, size, filter))
}

/// An image of (rows, columns, 3) bytes as `size` (rows, columns) pixels; see [`resize`].
///
/// # Errors
/// As [`resize`], and a third axis that is not 3 long.
pub fn resize_rgb(image: ArrayView3<u8>, size: (usize, usize), filter: Filter) -> Result<Array3<u8>, PixelError> {
    let (height, width, planes) = image.dim();
    PixelError::at_least("the number of colours", 3, planes)?;
    PixelError::at_most("the number of colours", 3, planes)?;
    check((height, width), size)?;
    let image = image.as_standard_layout();
    let bytes = image.as_slice().expect("brought to C order");
    let source = TypedImageRef::<pixels::U8x3>::from_buffer(side(width), side(height), bytes)
        .expect("three bytes for each pixel");
    let pixels = resample_typed(&source, Region::whole((height, width)), size, filter);
    Ok(Array3::from_shape_vec((size.0, size.1, 3), pixels.iter().flat_map(|pixel| pixel.0).collect())
        .expect("as many pixels as the size has"))
}

fn check(shape: (usize, usize), size: (usize, usize)) -> Result<(), PixelError> {
    let (height, width) = shape;
    if height == 0 || width == 0 {
        return Err(PixelError::Empty { name: "image", height, width });
    }
    PixelError::at_least("size", 1, size.0.min(size.1))?;
    PixelError::at_most("the number of pixels", MOST_PIXELS, size.0.saturating_mul(size.1))?;
    PixelError::at_most("the number of pixels", MOST_PIXELS, height.saturating_mul(width))
}

fn side(length: usize) -> u32 {
    u32::try_from(length).expect("sides were checked to be at most 2^31")
}

fn resample_typed<P: PixelTrait>(
    source: &TypedImageRef<P>,
    region: Region,
    size: (usize, usize),
    filter: Filter,
) -> Vec<P> {
    let mut out = TypedImage::<P>::new(side(size.1), side(size.0));
    let options = ResizeOptions::new().resize_alg(filter.algorithm()).use_alpha(false);
    let options = options.crop(region.left, region.top, region.width, region.height);
    Resizer::new().resize_typed(source, &mut out, &options).expect("the region was checked to lie within the image");
    out.pixels().to_vec()
}

impl Resample for f64 {
    fn resample(image: ArrayView2<f64>, region: Region, size: (usize, usize), filter: Filter) -> Array2<f64> {
        let windows = |length: usize, old: usize, part: (f64, f64)| -> Vec<Window> {
            (0..length).map(|i| Window::new(i, old, part, length, filter)).collect()
        };
        let down = windows(size.0, image.nrows(), (region.top, region.height));
        let across = windows(size.1, image.ncols(), (region.left, region.width));
        let image = image.as_standard_layout();
        let pixels = image.as_slice().expect("brought to C order");
        let width = image.ncols();
        let mut out = Array2::zeros(size);
        let rows = out.as_slice_mut().expect("made in C order").par_chunks_mut(size.1).zip(&down);
        // The rows of a window are added up as they lie in memory, and their sum shortened.
        rows.for_each_init(Vec::new, |sums, (out, window)| {
            sums.clear();
            sums.resize(width, 0.0);
            for (weight, row) in window.weights.iter().zip(pixels[window.start * width..].chunks_exact(width)) {
                add_row(sums, *weight, row);
            }
            for (out, window) in out.iter_mut().zip(&across) {
                *out = window.weights.iter().zip(&sums[window.start..]).map(|(weight, pixel)| weight * pixel).sum();
            }
        });
        out
    }
}

#[multiversion::multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+fma+bmi1+bmi2+popcnt+lzcnt",
    "x86_64+avx2+fma+bmi1+bmi2+popcnt+lzcnt"
))]
fn add_row(sums: &mut [f64], weight: f64, row: &[f64]) {
    for (sum, pixel) in sums.iter_mut().zip(row) {
        *sum += weight * pixel;
    }
}

/// The pixels that a new one is made from.
struct Window {
    start: usize,
    weights: Vec<f64>,
}

impl Window {
    /// For the `i`-th of `length` pixels that replace the part (start, extent) of `old`.
    fn new(i: usize, old: usize, part: (f64, f64), length: usize, filter: Filter) -> Self {
        let scale = part.1 / length as f64;
        let center = part.0 + (i as f64 + 0.5) * scale;
        if filter == Filter::Nearest {
            return Self { start: (center as usize).min(old - 1), weights: vec![1.0] };
        }
        let stretched = scale.max(1.0);
        let reach = filter.reach() * stretched;
        let start = ((center - reach).floor().max(0.0) as usize).min(old - 1);
        let end = ((center + reach).ceil() as usize).clamp(start + 1, old);
        // Rounded as fast_image_resize rounds, so that a sample just on the edge of a box is in or out of both.
        let weight = |x: usize| filter.weight((x as f64 - (center - 0.5)) * (1.0 / stretched));
        let mut weights: Vec<f64> = (start..end).map(weight).collect();
        let sum: f64 = weights.iter().sum();
        if sum != 0.0 {
            weights.iter_mut().for_each(|weight| *weight /= sum);
        }
        Self { start, weights }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;
    use proptest::prelude::*;

    use super::*;

    const FILTERS: [Filter; 5] = [Filter::Nearest, Filter::Box, Filter::Bilinear, Filter::Bicubic, Filter::Lanczos];

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Two independent programs, one result.
        #[test]
        fn f64_agrees_with_f32(shape in (1usize..30, 1usize..30), size in (1usize..40, 1usize..40), filter in 1usize..5) {
            let image = Array2::from_shape_fn(shape, |(y, x)| ((y * 31 + x * 17) % 23) as f32);
            let single = resize(image.view(), size, FILTERS[filter]).unwrap();
            let double = resize(image.mapv(f64::from).view(), size, FILTERS[filter]).unwrap();
            prop_assert_eq!(single.dim(), size);
            prop_assert!(single.iter().zip(&double).all(|(a, b)| (f64::from(*a) - b).abs() < 1e-3));
        }
    }

    #[test]
    fn constant_images_stay_so_in_every_type() {
        for filter in FILTERS {
            assert!(resize(Array2::from_elem((7, 5), 200u8).view(), (3, 9), filter).unwrap().iter().all(|&v| v == 200));
            assert!(
                resize(Array2::from_elem((7, 5), 999u16).view(), (3, 9), filter).unwrap().iter().all(|&v| v == 999)
            );
            let rgb = Array3::from_elem((7, 5, 3), 77);
            assert!(resize_rgb(rgb.view(), (3, 9), filter).unwrap().iter().all(|&v| v == 77));
        }
    }

    #[test]
    fn halving_by_box_takes_means() {
        let image = array![[1.0, 3.0, 5.0, 7.0], [3.0, 5.0, 7.0, 9.0]];
        assert_eq!(resize(image.view(), (1, 2), Filter::Box).unwrap(), array![[3.0, 7.0]]);
        assert_eq!(resize(image.view(), (2, 4), Filter::Lanczos).unwrap(), image);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Without the box, on whose edge rounding decides what is in.
        #[test]
        fn regions_agree_between_types(shape in (1usize..30, 1usize..30), size in (1usize..40, 1usize..40), filter in 2usize..5) {
            let image = Array2::from_shape_fn(shape, |(y, x)| ((y * 31 + x * 17) % 23) as f32);
            let region = Region::fitting(shape, size);
            let single = resize_region(image.view(), region, size, FILTERS[filter]).unwrap();
            let double = resize_region(image.mapv(f64::from).view(), region, size, FILTERS[filter]).unwrap();
            prop_assert!(single.iter().zip(&double).all(|(a, b)| (f64::from(*a) - b).abs() < 1e-3));
        }

        #[test]
        fn thumbnails_fit_and_keep_the_aspect_ratio(shape in (1usize..3000, 1usize..3000), most in (1usize..500, 1usize..500)) {
            let (rows, columns) = thumbnail_size(shape, most);
            prop_assert!(rows <= shape.0 && columns <= shape.1 && rows >= 1 && columns >= 1);
            prop_assert!(rows <= most.0 && columns <= most.1);
            prop_assert!((rows, columns) == shape || rows == most.0 || columns == most.1);
        }
    }

    #[test]
    fn what_fits_is_in_the_middle() {
        assert_eq!(Region::fitting((10, 20), (5, 5)), Region { top: 0.0, left: 5.0, height: 10.0, width: 10.0 });
        assert_eq!(Region::fitting((10, 20), (1, 4)), Region { top: 2.5, left: 0.0, height: 5.0, width: 20.0 });
        assert_eq!(thumbnail_size((480, 640), (100, 100)), (75, 100));
        assert_eq!(thumbnail_size((10, 10), (100, 100)), (10, 10));
        let outside = Region { top: 0.0, left: 1.0, height: 1.0, width: 2.0 };
        assert!(resize_region(array![[1.0, 2.0]].view(), outside, (1, 1), Filter::Box).is_err());
    }

    #[test]
    fn odd_requests() {
        let image = array![[1.0]];
        assert_eq!(
            resize(image.view(), (0, 3), Filter::Box).unwrap_err().to_string(),
            "size must be at least 1, got 0"
        );
        assert!(resize(image.view(), (usize::MAX, 3), Filter::Box).is_err());
        assert!(resize(Array2::<u8>::zeros((0, 3)).view(), (1, 1), Filter::Box).is_err());
        assert!(resize_rgb(Array3::zeros((2, 2, 4)).view(), (1, 1), Filter::Box).is_err());
        assert!(Filter::from_name("sinc").is_err());
    }
}
