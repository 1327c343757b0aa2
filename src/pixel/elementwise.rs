//! Operators and functions of pixels one by one, with numpy's semantics: `//` and `%` floor, division by zero gives an
//! infinity or NaN, NaN passes on. In: slices of `f32` or `f64` of one length; out: the same slice, or a mask. Knows no
//! images and no headers.
//!
//! The operator is chosen once a chunk, outside the loop over its pixels, and idle threads take chunks.

use ndarray::NdFloat;
use rayon::prelude::*;

/// Pixels that one thread takes at once: enough to hide the choice of the operator, few enough to share out.
const CHUNK: usize = 1 << 15;

/// Operators of two operands that give numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binary {
    Add,
    Subtract,
    Multiply,
    Divide,
    /// `**`
    Power,
    /// `//`: the floor of the quotient.
    FloorDivide,
    /// `%`: what `//` leaves, with the divisor's sign.
    Modulo,
    /// The smaller; NaN if either is.
    Minimum,
    /// The larger; NaN if either is.
    Maximum,
}

/// Operators of two operands that give a mask: 1 where it holds. With NaN only [`Comparison::NotEqual`] holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Equal,
    NotEqual,
}

/// Functions of one operand. Outside their domain they give NaN (`sqrt(-1)`), at its edge an infinity (`log(0)`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unary {
    Negate,
    Abs,
    Sqrt,
    /// The natural logarithm.
    Log,
    Log10,
    Exp,
}

/// An operand that is only read: a pixel for each of the other side's, or one number for all of them.
#[derive(Clone, Copy, Debug)]
pub enum Other<'a, T> {
    Pixels(&'a [T]),
    Number(T),
}

impl<'a, T: Copy> Other<'a, T> {
    /// What stands beside the pixels `CHUNK * chunk` and after, as many as `length`.
    fn chunk(self, chunk: usize, length: usize) -> Self {
        match self {
            Other::Pixels(pixels) => Other::Pixels(&pixels[CHUNK * chunk..][..length]),
            number @ Other::Number(_) => number,
        }
    }
}

/// On which side of the operator the pixels stand that take the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// `pixels = pixels op other`
    First,
    /// `pixels = other op pixels`
    Second,
}

impl Binary {
    /// Puts the result in the place of `pixels`.
    ///
    /// # Panics
    /// If the other side has fewer pixels.
    pub fn apply<T: NdFloat>(self, pixels: &mut [T], other: Other<T>, order: Order) {
        pixels.par_chunks_mut(CHUNK).enumerate().for_each(|(chunk, pixels)| {
            let other = other.chunk(chunk, pixels.len());
            self.apply_to_chunk(pixels, other, order);
        });
    }

    fn apply_to_chunk<T: NdFloat>(self, x: &mut [T], y: Other<T>, order: Order) {
        match self {
            Binary::Add => each(x, y, order, |x, y| x + y),
            Binary::Subtract => each(x, y, order, |x, y| x - y),
            Binary::Multiply => each(x, y, order, |x, y| x * y),
            Binary::Divide => each(x, y, order, |x, y| x / y),
            Binary::Power => match y {
                Other::Number(n) if n == T::one() + T::one() && order == Order::First => each_one(x, |x| x * x),
                _ => each(x, y, order, |x, y| x.powf(y)),
            },
            Binary::FloorDivide => each(x, y, order, floor_divide),
            Binary::Modulo => each(x, y, order, modulo),
            Binary::Minimum => each(x, y, order, minimum),
            Binary::Maximum => each(x, y, order, maximum),
        }
    }

    /// The result of two numbers.
    pub fn of(self, x: f64, y: f64) -> f64 {
        let mut x = [x];
        self.apply_to_chunk(&mut x, Other::Number(y), Order::First);
        x[0]
    }
}

impl Comparison {
    /// Whether it holds for two numbers.
    pub fn holds<T: PartialOrd>(self, x: T, y: T) -> bool {
        match self {
            Comparison::Less => x < y,
            Comparison::LessEqual => x <= y,
            Comparison::Greater => x > y,
            Comparison::GreaterEqual => x >= y,
            Comparison::Equal => x == y,
            Comparison::NotEqual => x != y,
        }
    }

    /// The comparison that holds when this one does for the operands turned round.
    fn turned(self) -> Self {
        match self {
            Comparison::Less => Comparison::Greater,
            Comparison::LessEqual => Comparison::GreaterEqual,
            Comparison::Greater => Comparison::Less,
            Comparison::GreaterEqual => Comparison::LessEqual,
            Comparison::Equal | Comparison::NotEqual => self,
        }
    }

    /// A mask: 1 where it holds, `order` saying on which side `pixels` stand.
    ///
    /// # Panics
    /// If the other side has fewer pixels.
    pub fn mask<T: NdFloat>(self, pixels: &[T], other: Other<T>, order: Order) -> Vec<u8> {
        let op = if order == Order::First { self } else { self.turned() };
        let mut mask = vec![0; pixels.len()];
        mask.par_chunks_mut(CHUNK).zip(pixels.par_chunks(CHUNK)).enumerate().for_each(|(chunk, (mask, pixels))| {
            op.fill(mask, pixels, other.chunk(chunk, pixels.len()));
        });
        mask
    }

    fn fill<T: NdFloat>(self, mask: &mut [u8], x: &[T], y: Other<T>) {
        fn each<T: Copy>(mask: &mut [u8], x: &[T], y: Other<T>, holds: impl Fn(T, T) -> bool) {
            match y {
                Other::Pixels(y) => {
                    for ((mask, &x), &y) in mask.iter_mut().zip(x).zip(y) {
                        *mask = u8::from(holds(x, y));
                    }
                }
                Other::Number(y) => {
                    for (mask, &x) in mask.iter_mut().zip(x) {
                        *mask = u8::from(holds(x, y));
                    }
                }
            }
        }
        match self {
            Comparison::Less => each(mask, x, y, |x, y| x < y),
            Comparison::LessEqual => each(mask, x, y, |x, y| x <= y),
            Comparison::Greater => each(mask, x, y, |x, y| x > y),
            Comparison::GreaterEqual => each(mask, x, y, |x, y| x >= y),
            Comparison::Equal => each(mask, x, y, |x, y| x == y),
            Comparison::NotEqual => each(mask, x, y, |x, y| x != y),
        }
    }
}

impl Unary {
    /// Puts the function of each pixel in its place.
    pub fn apply<T: NdFloat>(self, pixels: &mut [T]) {
        pixels.par_chunks_mut(CHUNK).for_each(|x| match self {
            Unary::Negate => each_one(x, |x| -x),
            Unary::Abs => each_one(x, T::abs),
            Unary::Sqrt => each_one(x, T::sqrt),
            Unary::Log => each_one(x, T::ln),
            Unary::Log10 => each_one(x, T::log10),
            Unary::Exp => each_one(x, T::exp),
        });
    }

    /// The function of a number.
    pub fn of(self, x: f64) -> f64 {
        let mut x = [x];
        self.apply(&mut x);
        x[0]
    }
}

/// Holds every pixel between `low` and `high`, which wins where `low` is above it (as numpy's `clip`); NaN stays.
pub fn clip<T: NdFloat>(pixels: &mut [T], low: T, high: T) {
    pixels.par_chunks_mut(CHUNK).for_each(|x| each_one(x, |x| minimum(maximum(x, low), high)));
}

fn each_one<T: Copy>(x: &mut [T], f: impl Fn(T) -> T) {
    for x in x {
        *x = f(*x);
    }
}

fn each<T: Copy>(x: &mut [T], y: Other<T>, order: Order, f: impl Fn(T, T) -> T) {
    match (y, order) {
        (Other::Number(y), Order::First) => each_one(x, |x| f(x, y)),
        (Other::Number(y), Order::Second) => each_one(x, |x| f(y, x)),
        (Other::Pixels(y), Order::First) => {
            for (x, &y) in x.iter_mut().zip(y) {
                *x = f(*x, y);
            }
        }
        (Other::Pixels(y), Order::Second) => {
            for (x, &y) in x.iter_mut().zip(y) {
                *x = f(y, *x);
            }
        }
    }
}

fn minimum<T: NdFloat>(x: T, y: T) -> T {
    if x < y || x.is_nan() { x } else { y }
}

fn maximum<T: NdFloat>(x: T, y: T) -> T {
    if x > y || x.is_nan() { x } else { y }
}

/// numpy's `%`: the remainder with the sign of the divisor.
fn modulo<T: NdFloat>(x: T, y: T) -> T {
    let rest = x % y;
    if rest == T::zero() {
        T::zero().copysign(y)
    } else if (rest < T::zero()) != (y < T::zero()) {
        rest + y
    } else {
        rest
    }
}

/// numpy's `//`: from the remainder, so that a quotient rounded up to the next integer is not taken for it.
fn floor_divide<T: NdFloat>(x: T, y: T) -> T {
    if y == T::zero() {
        return x / y;
    }
    let rest = x % y;
    let mut quotient = (x - rest) / y;
    if rest != T::zero() && (rest < T::zero()) != (y < T::zero()) {
        quotient -= T::one();
    }
    if quotient == T::zero() { T::zero().copysign(x / y) } else { quotient.round() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_meet_at_their_edges() {
        let count = 2 * CHUNK + 7;
        let ramp: Vec<f64> = (0..count).map(|i| i as f64).collect();
        let mut doubled = ramp.clone();
        Binary::Add.apply(&mut doubled, Other::Pixels(&ramp), Order::First);
        assert!(doubled.iter().zip(&ramp).all(|(&sum, &x)| sum == 2.0 * x));
        let mask = Comparison::Less.mask(&ramp, Other::Number(CHUNK as f64 + 0.5), Order::Second);
        assert_eq!(mask.iter().map(|&m| usize::from(m)).sum::<usize>(), count - CHUNK - 1);
        assert_eq!((mask[CHUNK], mask[CHUNK + 1]), (0, 1));
    }

    #[test]
    fn the_order_of_operands_counts() {
        for (op, first, second) in [
            (Binary::Subtract, -1.0, 1.0),
            (Binary::Divide, 2.0 / 3.0, 1.5),
            (Binary::Power, 8.0, 9.0),
            (Binary::FloorDivide, 0.0, 1.0),
            (Binary::Modulo, 2.0, 1.0),
        ] {
            for other in [Other::Number(3.0), Other::Pixels(&[3.0])] {
                let result = |order| {
                    let mut x = [2.0];
                    op.apply(&mut x, other, order);
                    x[0]
                };
                assert_eq!((result(Order::First), result(Order::Second)), (first, second), "{op:?} {other:?}");
            }
        }
    }
}
