//! Images turned by any angle. In: an image, an angle, how to interpolate and what lies beyond the edge; out: an image of
//! the same type, of the same size or as large as the turned one needs. Knows nothing of coordinates on the sky.

use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;

use super::border::Bordered;
use super::{Border, PixelError, Sample};

/// The most pixels of a result.
const MOST_PIXELS: usize = 1 << 31;

/// How a value between pixels is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// The nearest pixel.
    Nearest,
    /// A straight line between neighbours, along both axes.
    #[default]
    Linear,
    /// The cubic of Catmull and Rom through four neighbours, along both axes.
    Cubic,
}

impl Order {
    /// The order that scikit-image calls 0, 1 or 3.
    pub fn from_number(order: i64) -> Option<Self> {
        match order {
            0 => Some(Self::Nearest),
            1 => Some(Self::Linear),
            3 => Some(Self::Cubic),
            _ => None,
        }
    }
}

/// A turn: where each pixel of the result lies in the image.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Turn {
    cos: f64,
    sin: f64,
    /// The middle of the image and that of the result, (row, column) from 0.
    from: (f64, f64),
    to: (f64, f64),
    /// Rows and columns of the result.
    pub size: (usize, usize),
}

impl Turn {
    /// By `degrees` counter-clockwise, row 0 being above, around the middle of an image of `shape`. With `resize` the result
    /// is so large that all of the image fits in, as skimage has it, and otherwise of the same shape.
    ///
    /// # Errors
    /// An angle that is not finite, more than 2³¹ pixels.
    pub fn new(shape: (usize, usize), degrees: f64, resize: bool) -> Result<Self, PixelError> {
        PixelError::number("angle", "finite", degrees, degrees.is_finite())?;
        // Exact at right angles, where radians are not.
        let (sin, cos) = match degrees.rem_euclid(360.0) {
            0.0 => (0.0, 1.0),
            90.0 => (1.0, 0.0),
            180.0 => (0.0, -1.0),
            270.0 => (-1.0, 0.0),
            angle => angle.to_radians().sin_cos(),
        };
        let middle = |length: usize| length as f64 / 2.0 - 0.5;
        let from = (middle(shape.0), middle(shape.1));
        if !resize || shape.0 == 0 || shape.1 == 0 {
            return Ok(Self { cos, sin, from, to: from, size: shape });
        }
        let extent = |a: f64, b: f64| ((a * cos).abs() + (b * sin).abs()).mul_add(2.0, 1.0);
        let (height, width) = (extent(from.0, from.1), extent(from.1, from.0));
        let size = (height.round_ties_even() as usize, width.round_ties_even() as usize);
        PixelError::at_most("the number of pixels", MOST_PIXELS, size.0.saturating_mul(size.1))?;
        // The unrounded extent is in the middle: what rounding adds or takes away is below and on the right.
        Ok(Self { cos, sin, from, to: ((height - 1.0) / 2.0, (width - 1.0) / 2.0), size })
    }

    /// What the turn does to an offset (x, y) in the image.
    pub fn matrix(&self) -> [[f64; 2]; 2] {
        [[self.cos, self.sin], [-self.sin, self.cos]]
    }

    /// Where in the image the pixel (row, column) of the result lies.
    pub fn source(&self, y: f64, x: f64) -> (f64, f64) {
        let (dy, dx) = (y - self.to.0, x - self.to.1);
        (self.from.0 + self.sin * dx + self.cos * dy, self.from.1 + self.cos * dx - self.sin * dy)
    }

    /// Where in the result the place (row, column) of the image lies.
    pub fn target(&self, y: f64, x: f64) -> (f64, f64) {
        let (dy, dx) = (y - self.from.0, x - self.from.1);
        (self.to.0 - self.sin * dx + self.cos * dy, self.to.1 + self.cos * dx + self.sin * dy)
    }
}

/// The image turned: skimage.transform.rotate, without rescaling of the values. Beyond the edge the image goes on as `mode`
/// says. Cubics may overshoot; what is beyond the range of the image's numbers is clipped to it, as skimage does, but for the
/// constant of the border. A NaN spoils what is interpolated from it, and is left out of that range.
///
/// # Errors
/// An empty image.
pub fn rotate<T: Sample>(
    image: ArrayView2<T>,
    turn: &Turn,
    order: Order,
    mode: Border,
) -> Result<Array2<T>, PixelError> {
    let (height, width) = image.dim();
    if image.is_empty() {
        return Err(PixelError::Empty { name: "image", height, width });
    }
    let image = image.as_standard_layout();
    let range = if order == Order::Cubic { range(image.view(), mode) } else { (f64::NEG_INFINITY, f64::INFINITY) };
    let bordered = Bordered::new(image.view(), mode);
    let mut out = Array2::from_elem(turn.size, T::ZERO);
    let length = turn.size.1.max(1);
    let out_pixels = out.as_slice_mut().expect("the output was made in C order");
    out_pixels.par_chunks_mut(length).enumerate().for_each(|(y, out)| match order {
        Order::Nearest => rotate_row(&bordered, turn, y, range, nearest, out),
        Order::Linear => rotate_row(&bordered, turn, y, range, linear, out),
        Order::Cubic => rotate_row(&bordered, turn, y, range, cubic, out),
    });
    Ok(out)
}

/// What clipping leaves: the least and the greatest number of the image, and the constant of the border.
fn range<T: Sample>(image: ArrayView2<T>, mode: Border) -> (f64, f64) {
    let (low, high) = image.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), pixel| {
        let pixel = pixel.to_f64();
        (low.min(pixel), high.max(pixel))
    });
    match mode {
        Border::Constant(constant) => (low.min(constant), high.max(constant)),
        _ => (low, high),
    }
}

fn rotate_row<T: Sample>(
    image: &Bordered<T>,
    turn: &Turn,
    y: usize,
    range: (f64, f64),
    value: impl Fn(&Bordered<T>, f64, f64) -> f64,
    out: &mut [T],
) {
    for (x, out) in out.iter_mut().enumerate() {
        let (row, column) = turn.source(y as f64, x as f64);
        let value = value(image, row, column);
        // NaN stays, which clamp() would keep as well, but not for an empty range.
        *out = T::from_f64(if value < range.0 {
            range.0
        } else if value > range.1 {
            range.1
        } else {
            value
        });
    }
}

fn nearest<T: Sample>(image: &Bordered<T>, y: f64, x: f64) -> f64 {
    image.pixel(y.round() as isize, x.round() as isize)
}

fn linear<T: Sample>(image: &Bordered<T>, y: f64, x: f64) -> f64 {
    let (top, bottom) = (y.floor(), y.ceil());
    let (left, right) = (x.floor(), x.ceil());
    let across = |y: f64| {
        let (a, b) = (image.pixel(y as isize, left as isize), image.pixel(y as isize, right as isize));
        (1.0 - (x - left)) * a + (x - left) * b
    };
    (1.0 - (y - top)) * across(top) + (y - top) * across(bottom)
}

fn cubic<T: Sample>(image: &Bordered<T>, y: f64, x: f64) -> f64 {
    let (top, left) = (y.floor(), x.floor());
    let places = [-1, 0, 1, 2];
    let down = places.map(|i| {
        let row = places.map(|k| image.pixel(top as isize + i, left as isize + k));
        catmull_rom(row, x - left)
    });
    catmull_rom(down, y - top)
}

/// The value at `t` between the second and the third number.
fn catmull_rom(p: [f64; 4], t: f64) -> f64 {
    let slope = p[2] - p[0];
    let bend = 2.0 * p[0] - 5.0 * p[1] + 4.0 * p[2] - p[3];
    let twist = 3.0 * (p[1] - p[2]) + p[3] - p[0];
    p[1] + 0.5 * t * (slope + t * (bend + t * twist))
}

#[cfg(test)]
mod tests {
    use ndarray::array;
    use proptest::prelude::*;

    use super::*;
    use crate::pixel::geometry::rot90;

    proptest! {
        #[test]
        fn right_angles_move_whole_pixels(
            shape in (1usize..20, 1usize..20), turns in -5i64..9, order in prop_oneof![Just(0i64), Just(1), Just(3)],
        ) {
            let image = Array2::from_shape_fn(shape, |(y, x)| ((y * 31 + x * 17) % 23) as f64);
            let order = Order::from_number(order).unwrap();
            let turn = Turn::new(shape, 90.0 * turns as f64, true).unwrap();
            let turned = rotate(image.view(), &turn, order, Border::Constant(-1.0)).unwrap();
            prop_assert_eq!(turned, rot90(image.view(), turns));
        }

        #[test]
        fn source_and_target_are_inverse(
            shape in (1usize..50, 1usize..50), angle in -400.0..400.0, y in -9.0..60.0, x in -9.0..60.0, resize in any::<bool>(),
        ) {
            let turn = Turn::new(shape, angle, resize).unwrap();
            let (row, column) = turn.source(y, x);
            let (back_y, back_x) = turn.target(row, column);
            prop_assert!((back_y - y).abs() < 1e-9 && (back_x - x).abs() < 1e-9);
        }

        /// A plane is what both linear and cubic interpolation get right.
        #[test]
        fn planes_are_turned_exactly(angle in -180.0f64..180.0, order in prop_oneof![Just(1i64), Just(3)]) {
            let image = Array2::from_shape_fn((41, 31), |(y, x)| 3.0 * y as f64 - 2.0 * x as f64);
            let turn = Turn::new((41, 31), angle, false).unwrap();
            let turned = rotate(image.view(), &turn, Order::from_number(order).unwrap(), Border::Nearest).unwrap();
            for y in 15..26 {
                for x in 10..21 {
                    let (row, column) = turn.source(y as f64, x as f64);
                    prop_assert!((turned[[y, x]] - (3.0 * row - 2.0 * column)).abs() < 1e-9);
                }
            }
        }
    }

    #[test]
    fn odd_requests() {
        assert!(Turn::new((2, 2), f64::NAN, false).is_err());
        assert_eq!(Order::from_number(2), None);
        let turn = Turn::new((0, 3), 10.0, true).unwrap();
        assert!(rotate(Array2::<f32>::zeros((0, 3)).view(), &turn, Order::Linear, Border::Nearest).is_err());
        let nan = array![[f64::NAN, 1.0]];
        let turn = Turn::new((1, 2), 0.0, false).unwrap();
        let turned = rotate(nan.view(), &turn, Order::Cubic, Border::Nearest).unwrap();
        assert!(turned[[0, 0]].is_nan());
    }
}
