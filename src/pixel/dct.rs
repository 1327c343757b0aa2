//! Means of samples straight from their cosine transform: 8 × 8 blocks of coefficients, as JPEG has them, become 8, 4, 2
//! samples or 1 on each axis, each the mean of the samples that it stands for. In: coefficients and their steps; out: bytes.
//! Knows nothing of files, codes or colours.
//!
//! The mean of two neighbours halves the number of points, and folds each coefficient of the upper half onto one of the
//! lower: `cos((4k+1)uπ/2n) + cos((4k+3)uπ/2n) = 2 cos(uπ/2n) cos((2k+1)uπ/n)`, whose second factor is, but for its sign,
//! that of the coefficient `n - u`. So the means cost little more than a transform of their own size, and nothing is left
//! out of them, unlike in transforms that take the lowest coefficients only.

use std::f32::consts::FRAC_1_SQRT_2;
use std::f64::consts::PI;

/// Blocks worked on side by side. The loops over them are long enough to be made vectors of before they are unrolled.
pub const LANES: usize = 32;

/// The coefficients of [`LANES`] blocks, one after the other in the order of [`Means::new`]; what stands behind the 64th of a
/// block counts for nothing.
pub type Coefficients = [[i16; LANES]; 80];

/// Samples on a side of a block.
const SIDE: usize = 8;

/// One number of each block.
type Cell = [f32; LANES];

/// What a block becomes, and how.
#[derive(Debug, Clone)]
pub struct Means {
    rows: usize,
    columns: usize,
    /// For each coefficient the cell that it is added to, and the weight.
    places: [(u8, f32); 64],
}

impl Means {
    /// `rows` of means down and `columns` across: 1, 2, 4 or 8 each; None for any other number. The coefficients come in the
    /// order of their places, each 8 × row + column, and are to be multiplied by their steps.
    pub fn new(rows: usize, columns: usize, order: &[u8; 64], steps: &[u16; 64]) -> Option<Means> {
        let is_part = |points: usize| matches!(points, 1 | 2 | 4 | 8);
        if !is_part(rows) || !is_part(columns) {
            return None;
        }
        let folded_down: [_; SIDE] = std::array::from_fn(|row| folded(row, rows));
        let folded_across: [_; SIDE] = std::array::from_fn(|column| folded(column, columns));
        let places = std::array::from_fn(|at| {
            let (row, column) = (usize::from(order[at]) / SIDE, usize::from(order[at]) % SIDE);
            let ((y, down), (x, across)) = (folded_down[row], folded_across[column]);
            ((y * columns + x) as u8, (down * across * f64::from(steps[at])) as f32)
        });
        Some(Means { rows, columns, places })
    }

    pub fn rows(&self) -> usize {
        self.rows
    }

    pub fn columns(&self) -> usize {
        self.columns
    }

    /// The means of `blocks` blocks in a row, as bytes: 128 is added to each, and what is beyond 0 or 255 is cut. They go to
    /// `out`, whose rows begin `stride` bytes apart. The coefficients are left at 0.
    ///
    /// # Panics
    /// Where there are too few bytes in `out`.
    pub fn samples(&self, coefficients: &mut [Coefficients], blocks: usize, out: &mut [u8], stride: usize) {
        for (group, coefficients) in coefficients.iter_mut().enumerate().take(blocks.div_ceil(LANES)) {
            let first = group * LANES;
            samples(self, coefficients, LANES.min(blocks - first), &mut out[first * self.columns..], stride);
            coefficients.fill([0; LANES]);
        }
    }
}

/// The point to which the coefficient of that frequency goes where there are so many, and with which weight; of weight 0 is
/// what no mean depends on.
fn folded(frequency: usize, points: usize) -> (usize, f64) {
    // The transform's own scale, so that what is left are cosines alone.
    let scale = if frequency == 0 { 0.125f64.sqrt() } else { 0.5 };
    let (mut at, mut weight, mut length) = (frequency, scale, SIDE);
    while length > points {
        weight *= (at as f64 * PI / (2 * length) as f64).cos();
        if 2 * at == length {
            return (0, 0.0);
        }
        if 2 * at > length {
            (at, weight) = (length - at, -weight);
        }
        length /= 2;
    }
    (at, weight)
}

/// The means of a group of which so many blocks are there.
#[multiversion::multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+fma+bmi1+bmi2+popcnt+lzcnt",
    "x86_64+avx2+fma+bmi1+bmi2+popcnt+lzcnt"
))]
fn samples(means: &Means, coefficients: &Coefficients, blocks: usize, out: &mut [u8], stride: usize) {
    let Means { rows, columns, places } = means;
    let (rows, columns) = (*rows, *columns);
    let mut cells = [[0.0; LANES]; SIDE * SIDE];
    for ((cell, weight), numbers) in places.iter().zip(coefficients) {
        let cell = &mut cells[usize::from(*cell) % (SIDE * SIDE)];
        for lane in 0..LANES {
            cell[lane] += f32::from(numbers[lane]) * weight;
        }
    }
    for column in 0..columns {
        inverse(rows, &mut cells, column, columns);
    }
    for row in 0..rows {
        inverse(columns, &mut cells, row * columns, 1);
        let out = &mut out[row * stride..][..blocks * columns];
        write(&cells[row * columns..][..columns], out);
    }
}

/// The bytes of a row of each block, side by side.
#[inline(always)]
fn write(cells: &[Cell], out: &mut [u8]) {
    match cells {
        [a, b, c, d, e, f, g, h] => {
            let (left, right) = (word([a, b, c, d]), word([e, f, g, h]));
            for ((block, left), right) in out.as_chunks_mut::<8>().0.iter_mut().zip(&left).zip(&right) {
                *block = (u64::from(*right) << 32 | u64::from(*left)).to_le_bytes();
            }
        }
        [a, b, c, d] => {
            let words = word([a, b, c, d]);
            out.as_chunks_mut::<4>().0.iter_mut().zip(&words).for_each(|(block, word)| *block = word.to_le_bytes());
        }
        [a, b] => {
            let words = word([a, b]);
            out.as_chunks_mut::<2>().0.iter_mut().zip(&words).for_each(|(to, word)| *to = (*word as u16).to_le_bytes());
        }
        cells => out.iter_mut().zip(word([&cells[0]])).for_each(|(to, word)| *to = word as u8),
    }
}

/// Up to four cells as the bytes of words, the first the lowest: to the nearest whole number, which beyond 2²³, where the
/// next number after a number is the next whole one, its bits end in.
#[inline(always)]
fn word<const N: usize>(cells: [&Cell; N]) -> [u32; LANES] {
    const WHOLE: f32 = 1.5 * (1 << 23) as f32;
    let mut words = [0; LANES];
    for (at, cell) in cells.into_iter().enumerate() {
        for lane in 0..LANES {
            let value = (cell[lane] + 128.0).max(0.0).min(255.0) + WHOLE;
            words[lane] |= (value.to_bits() & 0xff) << (8 * at);
        }
    }
    words
}

/// The cosine sums of `points` cells, `step` apart from the first on, in their place.
#[inline(always)]
fn inverse(points: usize, cells: &mut [Cell; 64], first: usize, step: usize) {
    match points {
        8 => put(eight(std::array::from_fn(|point| cells[first + point * step])), cells, first, step),
        4 => put(four(std::array::from_fn(|point| cells[first + point * step])), cells, first, step),
        2 => put(two([cells[first], cells[first + step]]), cells, first, step),
        _ => {}
    }
}

#[inline(always)]
fn put<const N: usize>(sums: [Cell; N], cells: &mut [Cell; 64], first: usize, step: usize) {
    for (point, sum) in sums.iter().enumerate() {
        cells[first + point * step] = *sum;
    }
}

/// cos(kπ/16) for k from 0 to 7.
const COS: [f32; 8] =
    [1.0, 0.980_785_25, 0.923_879_5, 0.831_469_6, FRAC_1_SQRT_2, 0.555_570_24, 0.382_683_43, 0.195_090_32];

#[inline(always)]
fn two([a, b]: [Cell; 2]) -> [Cell; 2] {
    let mut out = [[0.0; LANES]; 2];
    for lane in 0..LANES {
        let odd = b[lane] * COS[4];
        out[0][lane] = a[lane] + odd;
        out[1][lane] = a[lane] - odd;
    }
    out
}

/// Of four points: the even ones and the odd ones apart, whose sums and differences are the samples from either end.
#[inline(always)]
fn four(z: [Cell; 4]) -> [Cell; 4] {
    let mut out = [[0.0; LANES]; 4];
    for lane in 0..LANES {
        let [z0, z1, z2, z3] = [z[0][lane], z[1][lane], z[2][lane] * COS[4], z[3][lane]];
        let (even, other) = (z0 + z2, z0 - z2);
        let (odd, next) = (z1 * COS[2] + z3 * COS[6], z1 * COS[6] - z3 * COS[2]);
        out[0][lane] = even + odd;
        out[1][lane] = other + next;
        out[2][lane] = other - next;
        out[3][lane] = even - odd;
    }
    out
}

/// Of eight: the even ones are a transform of four.
#[inline(always)]
fn eight(z: [Cell; 8]) -> [Cell; 8] {
    let even = four([z[0], z[2], z[4], z[6]]);
    let mut out = [[0.0; LANES]; 8];
    for lane in 0..LANES {
        let [a, b, c, d] = [z[1][lane], z[3][lane], z[5][lane], z[7][lane]];
        let odd = [
            a * COS[1] + b * COS[3] + c * COS[5] + d * COS[7],
            a * COS[3] - b * COS[7] - c * COS[1] - d * COS[5],
            a * COS[5] - b * COS[1] + c * COS[7] + d * COS[3],
            a * COS[7] - b * COS[5] + c * COS[3] - d * COS[1],
        ];
        out[0][lane] = even[0][lane] + odd[0];
        out[1][lane] = even[1][lane] + odd[1];
        out[2][lane] = even[2][lane] + odd[2];
        out[3][lane] = even[3][lane] + odd[3];
        out[4][lane] = even[3][lane] - odd[3];
        out[5][lane] = even[2][lane] - odd[2];
        out[6][lane] = even[1][lane] - odd[1];
        out[7][lane] = even[0][lane] - odd[0];
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The samples of a block by the definition (ITU-T T.81, A.3.3), and their means.
    fn slow(means: &Means, coefficients: &[f64]) -> Vec<f64> {
        let scale = |u: usize| if u == 0 { 0.5f64.sqrt() } else { 1.0 };
        let cosine = |x: usize, u: usize| ((2 * x + 1) as f64 * u as f64 * PI / 16.0).cos();
        let sample = |y: usize, x: usize| -> f64 {
            let term = |v: usize, u: usize| scale(u) * scale(v) * coefficients[v * 8 + u] * cosine(x, u) * cosine(y, v);
            (0..64).map(|at| term(at / 8, at % 8)).sum::<f64>() / 4.0
        };
        let (down, across) = (8 / means.rows, 8 / means.columns);
        let mean = |at: usize| {
            let (top, left) = (at / means.columns * down, at % means.columns * across);
            let samples = (0..down * across).map(|at| sample(top + at / across, left + at % across));
            samples.sum::<f64>() / (down * across) as f64
        };
        (0..means.rows * means.columns).map(mean).collect()
    }

    /// Coefficients column by column.
    const ORDER: [u8; 64] = {
        let (mut order, mut at) = ([0; 64], 0);
        while at < 64 {
            order[at] = (at % 8 * 8 + at / 8) as u8;
            at += 1;
        }
        order
    };

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn samples_are_means_of_the_whole_transform(
            (rows, columns) in (0u32..4, 0u32..4), blocks in 1usize..70,
            values in prop::collection::vec(-100i16..100, 64), steps in prop::collection::vec(1u16..5, 64),
        ) {
            let steps: [u16; 64] = steps.try_into().unwrap();
            let means = Means::new(1 << rows, 1 << columns, &ORDER, &steps).unwrap();
            let number = |block: usize, at: usize| values[at] * (block as i16 % 5) / 4;
            // What is behind the coefficients counts for nothing.
            let mut coefficients = vec![[[99; LANES]; 80]; blocks.div_ceil(LANES)];
            for block in 0..blocks {
                (0..64).for_each(|at| coefficients[block / LANES][at][block % LANES] = number(block, at));
            }
            let stride = blocks * means.columns + 3;
            let mut out = vec![77; means.rows * stride];
            means.samples(&mut coefficients, blocks, &mut out, stride);
            prop_assert!(coefficients.iter().flatten().flatten().all(|number| *number == 0));
            for block in 0..blocks {
                let mut whole = [0.0; 64];
                (0..64).for_each(|at| whole[usize::from(ORDER[at])] = f64::from(number(block, at)) * f64::from(steps[at]));
                for (at, expected) in slow(&means, &whole).into_iter().enumerate() {
                    let (y, x) = (at / means.columns, block * means.columns + at % means.columns);
                    let found = f64::from(out[y * stride + x]);
                    prop_assert!((found - (expected + 128.0).clamp(0.0, 255.0)).abs() < 0.51, "{found} for {expected}");
                }
            }
            prop_assert!(out.chunks(stride).all(|row| row[blocks * means.columns..] == [77; 3]));
        }
    }

    #[test]
    fn blocks_have_parts_by_halves_only() {
        let is_there = |rows, columns| Means::new(rows, columns, &ORDER, &[1; 64]).is_some();
        assert!(is_there(8, 1));
        assert!([(0, 1), (3, 2), (4, 16)].into_iter().all(|(rows, columns)| !is_there(rows, columns)));
    }
}
