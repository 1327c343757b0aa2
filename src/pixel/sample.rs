//! The two types of pixel that kernels compute with, `f32` and `f64`, and what they need of them: conversion, order,
//! and an integer key that sorts as the number does. Knows single numbers only.

use std::fmt::{Debug, Display};
use std::ops::{Add, Div, Mul, Sub};

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
}

/// A pixel of type `f32` or `f64`. Sealed: kernels are built and tested for these two.
pub trait Sample:
    sealed::Sealed
    + Copy
    + PartialOrd
    + Debug
    + Display
    + Default
    + Send
    + Sync
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + 'static
{
    const ZERO: Self;
    const INFINITY: Self;
    const NAN: Self;

    /// The nearest sample to `value`.
    fn from_f64(value: f64) -> Self;

    /// The same number as `f64`; exact for both types.
    fn to_f64(self) -> f64;

    fn is_nan(self) -> bool;

    /// An integer that sorts as the number does, with the bits that decide first on the left. Zeros of both signs stay
    /// apart; NaN lies beyond the infinities.
    fn order_key(self) -> u64;
}

impl Sample for f32 {
    const ZERO: Self = 0.0;
    const INFINITY: Self = f32::INFINITY;
    const NAN: Self = f32::NAN;

    #[inline(always)]
    fn from_f64(value: f64) -> Self {
        value as f32
    }

    #[inline(always)]
    fn to_f64(self) -> f64 {
        f64::from(self)
    }

    #[inline(always)]
    fn is_nan(self) -> bool {
        self.is_nan()
    }

    #[inline(always)]
    fn order_key(self) -> u64 {
        let bits = self.to_bits();
        // A set sign turns all bits round, a clear one only the sign: IEEE 754 numbers then sort as integers.
        let key = bits ^ (((bits as i32) >> 31) as u32 | 0x8000_0000);
        u64::from(key) << 32
    }
}

impl Sample for f64 {
    const ZERO: Self = 0.0;
    const INFINITY: Self = f64::INFINITY;
    const NAN: Self = f64::NAN;

    #[inline(always)]
    fn from_f64(value: f64) -> Self {
        value
    }

    #[inline(always)]
    fn to_f64(self) -> f64 {
        self
    }

    #[inline(always)]
    fn is_nan(self) -> bool {
        self.is_nan()
    }

    #[inline(always)]
    fn order_key(self) -> u64 {
        let bits = self.to_bits();
        bits ^ (((bits as i64) >> 63) as u64 | 0x8000_0000_0000_0000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_keys_sort_as_the_numbers_do() {
        let rising = [f64::NEG_INFINITY, -1e300, -2.0, -1e-300, -0.0, 0.0, 1e-310, 1.0, 2.0, 1e300, f64::INFINITY];
        for pair in rising.windows(2) {
            assert!(pair[0].order_key() < pair[1].order_key(), "{pair:?}");
            let (low, high) = (pair[0] as f32, pair[1] as f32);
            assert!(low.order_key() <= high.order_key(), "{low} {high}");
        }
        assert!(f64::NAN.order_key() > f64::INFINITY.order_key());
    }
}
