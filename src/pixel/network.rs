//! Order statistics of small windows: a network of minima and maxima, made for the window at hand and run over many
//! neighbouring pixels at once. In: a bordered image without NaN, a window and a rank; out: the value of that rank
//! around each pixel. Knows nothing of medians or percentiles.
//!
//! Batcher's odd-even merge sort (K. E. Batcher, "Sorting networks and their applications", AFIPS 1968) gives the
//! network; whatever does not reach the wanted rank is cut away. The columns of a window are sorted first, once for all
//! the windows that share them.

use rayon::prelude::*;

use super::Sample;
use super::border::Bordered;

/// Pixels worked on at once: long enough to hide the cost of reading the network, short enough for the first cache.
pub(super) const LANES: usize = 64;

/// Output rows of a parallel task.
const BAND: usize = 32;

/// The values of one wire around neighbouring pixels, aligned so that no vector of them straddles two cache lines.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
pub(super) struct Lanes<T>(pub [T; LANES]);

/// What becomes of two wires; the first gets the minimum, the second the maximum.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Keep {
    Both,
    Minimum,
    Maximum,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    low: usize,
    high: usize,
    keep: Keep,
}

/// The steps, and the wire on which the wanted value comes out.
#[derive(Debug)]
struct Network {
    steps: Vec<Step>,
    output: usize,
}

/// Writes the value of rank `rank` (0 the least) among the `size.0` by `size.1` pixels around each pixel to `out`.
pub(super) fn select<T: Sample>(image: &Bordered<T>, size: (usize, usize), rank: usize, out: &mut [T]) {
    let width = image.width();
    let columns = Network::sorting(size.0);
    let merge = Network::merging(size, rank);
    out.par_chunks_mut(BAND * width).enumerate().for_each(|(band, out)| {
        let mut rows = vec![T::ZERO; size.0 * (width + size.1 - 1)];
        let mut wires = vec![Lanes([T::ZERO; LANES]); size.0 * size.1];
        for (i, out) in out.chunks_exact_mut(width).enumerate() {
            let y = (band * BAND + i) as isize - (size.0 / 2) as isize;
            image.read_block(y, -((size.1 / 2) as isize), width + size.1 - 1, &mut rows);
            select_row(&columns, &merge, size, &mut rows, &mut wires, out);
        }
    });
}

/// One row of output. `rows` are the rows of its windows, as wide as `out` and the window's excess together.
#[multiversion::multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+fma+bmi1+bmi2+popcnt+lzcnt",
    "x86_64+avx2+fma+bmi1+bmi2+popcnt+lzcnt"
))]
fn select_row<T: Sample>(
    columns: &[Step],
    merge: &Network,
    size: (usize, usize),
    rows: &mut [T],
    wires: &mut [Lanes<T>],
    out: &mut [T],
) {
    let stride = out.len() + size.1 - 1;
    for step in columns {
        let (before, after) = rows.split_at_mut(step.high * stride);
        exchange(&mut before[step.low * stride..][..stride], &mut after[..stride]);
    }
    for (chunk, out) in out.chunks_mut(LANES).enumerate() {
        let length = out.len();
        for (wire, lanes) in wires.iter_mut().enumerate() {
            let start = wire % size.0 * stride + wire / size.0 + chunk * LANES;
            match rows[start..start + length].try_into() {
                Ok(whole) => lanes.0 = whole,
                Err(_) => lanes.0[..length].copy_from_slice(&rows[start..start + length]),
            }
        }
        apply(&merge.steps, wires);
        out.copy_from_slice(&wires[merge.output].0[..length]);
    }
}

/// Runs the steps over the wires.
#[inline(always)]
pub(super) fn apply<T: Sample>(steps: &[Step], wires: &mut [Lanes<T>]) {
    for step in steps {
        let [Lanes(low), Lanes(high)] =
            wires.get_disjoint_mut([step.low, step.high]).expect("a step joins two different wires");
        match step.keep {
            Keep::Both => exchange(low, high),
            Keep::Minimum => {
                for (a, &b) in low.iter_mut().zip(high.iter()) {
                    *a = least(*a, b);
                }
            }
            Keep::Maximum => {
                for (b, &a) in high.iter_mut().zip(low.iter()) {
                    *b = most(a, *b);
                }
            }
        }
    }
}

/// The steps that sort `length` wires.
pub(super) fn sorting(length: usize) -> Vec<Step> {
    Network::sorting(length)
}

/// The steps that bring the values of some ranks among `length` wires to the wires of those numbers.
pub(super) fn selecting(length: usize, ranks: &[usize]) -> Vec<Step> {
    cut(Network::sorting(length), ranks, length)
}

#[inline(always)]
fn exchange<T: Sample>(low: &mut [T], high: &mut [T]) {
    for (a, b) in low.iter_mut().zip(high) {
        (*a, *b) = (least(*a, *b), most(*a, *b));
    }
}

/// The smaller of two numbers; equal ones may change places, which nothing can tell.
#[inline(always)]
fn least<T: Sample>(a: T, b: T) -> T {
    if a < b { a } else { b }
}

/// The larger of two numbers.
#[inline(always)]
fn most<T: Sample>(a: T, b: T) -> T {
    if a > b { a } else { b }
}

impl Network {
    /// Sorts `length` wires.
    fn sorting(length: usize) -> Vec<Step> {
        let mut wires: Vec<Option<usize>> = (0..length).map(Some).collect();
        wires.resize(length.next_power_of_two(), None);
        batcher(&mut wires, 1)
    }

    /// Finds the value of rank `rank` among `size.1` sorted columns of `size.0` wires each.
    fn merging(size: (usize, usize), rank: usize) -> Self {
        let run = size.0.next_power_of_two();
        let mut wires = vec![None; run * size.1.next_power_of_two()];
        for (column, wires) in wires.chunks_exact_mut(run).take(size.1).enumerate() {
            for (row, wire) in wires.iter_mut().take(size.0).enumerate() {
                *wire = Some(column * size.0 + row);
            }
        }
        let steps = batcher(&mut wires, run);
        let output = wires[rank].expect("the rank is less than the number of wires");
        Self { steps: cut(steps, &[output], size.0 * size.1), output }
    }
}

/// Batcher's network for a power of two of places that are sorted in runs of `run`. A place is a wire, or none, which
/// stands for a value above all others: it needs no step, at most a change of places.
fn batcher(places: &mut [Option<usize>], run: usize) -> Vec<Step> {
    let length = places.len();
    let mut steps = Vec::new();
    let mut p = run;
    while p < length {
        let mut k = p;
        while k >= 1 {
            for j in (k % p..length - k).step_by(2 * k) {
                for i in (j..j + k).filter(|i| i + k < length && i / (2 * p) == (i + k) / (2 * p)) {
                    match (places[i], places[i + k]) {
                        (Some(low), Some(high)) => steps.push(Step { low, high, keep: Keep::Both }),
                        (None, Some(_)) => places.swap(i, i + k),
                        (_, None) => {}
                    }
                }
            }
            k /= 2;
        }
        p *= 2;
    }
    steps
}

/// Leaves out what does not reach the wires `outputs`.
fn cut(steps: Vec<Step>, outputs: &[usize], wires: usize) -> Vec<Step> {
    let mut wanted = vec![false; wires];
    for &output in outputs {
        wanted[output] = true;
    }
    let mut kept = Vec::with_capacity(steps.len());
    for step in steps.into_iter().rev() {
        let keep = match (wanted[step.low], wanted[step.high]) {
            (true, true) => Keep::Both,
            (true, false) => Keep::Minimum,
            (false, true) => Keep::Maximum,
            (false, false) => continue,
        };
        wanted[step.low] = true;
        wanted[step.high] = true;
        kept.push(Step { keep, ..step });
    }
    kept.reverse();
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A network that sorts every row of zeros and ones sorts everything (Knuth's 0-1 principle).
    #[test]
    fn every_rank_of_every_small_window_is_found() {
        for (height, width) in [(1, 1), (1, 7), (7, 1), (2, 2), (3, 3), (3, 4), (4, 3), (5, 3), (2, 6)] {
            let area = height * width;
            let columns = Network::sorting(height);
            for rank in 0..area {
                let merge = Network::merging((height, width), rank);
                for bits in 0..1u32 << area {
                    let mut wires: Vec<u32> = (0..area).map(|i| bits >> i & 1).collect();
                    for column in wires.chunks_exact_mut(height) {
                        columns.iter().for_each(|step| run(step, column));
                    }
                    merge.steps.iter().for_each(|step| run(step, &mut wires));
                    let ones = bits.count_ones() as usize;
                    assert_eq!(wires[merge.output] == 1, rank >= area - ones, "{height}x{width} rank {rank} {bits:b}");
                }
            }
        }
    }

    fn run(step: &Step, wires: &mut [u32]) {
        let (a, b) = (wires[step.low], wires[step.high]);
        if step.keep != Keep::Maximum {
            wires[step.low] = a.min(b);
        }
        if step.keep != Keep::Minimum {
            wires[step.high] = a.max(b);
        }
    }
}
