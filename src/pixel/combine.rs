//! Many frames of one scene as one: the median, average or sum over the frames at each pixel, with outliers left out. In:
//! equally long stretches of all frames and a factor for each; out: one value a pixel. Knows no shapes and no files: whoever
//! calls decides how much of the frames is in memory at a time.
//!
//! The rules are those of ccdproc.Combiner: NaN counts as missing; a pixel of which nothing is left is NaN. Pixels are
//! worked on in `LANES` at once: the order statistics come from a sorting network over the frames
//! (`network`), sums and deviations run in `f64` along the frames.

#![allow(clippy::needless_range_loop, reason = "one lane of several arrays; iterators over them hide the sums")]

use rayon::prelude::*;

use super::clip::{Center, MAD_TO_STD, SigmaClip, Spread};
use super::network::{self, LANES, Lanes, Step};
use super::{PixelError, Sample};

/// Pixels of a parallel task.
const TASK: usize = 64 * LANES;

/// One number for each pixel worked on.
type Numbers = [f64; LANES];

/// What becomes of the values that are left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Of an even number, the mean of the two in the middle.
    Median,
    Average,
    /// Of what is left, not scaled up for what was left out.
    Sum,
}

impl Method {
    /// ccdproc's names.
    pub fn from_name(name: &str) -> Result<Self, PixelError> {
        let expected = "median, average, sum";
        match name {
            "median" => Ok(Self::Median),
            "average" => Ok(Self::Average),
            "sum" => Ok(Self::Sum),
            _ => Err(PixelError::UnknownName { name: "method", got: name.to_owned(), expected }),
        }
    }
}

/// Which values are left out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Reject {
    /// NaN only.
    Missing,
    /// Those too far from the others, and all that are not finite.
    SigmaClip(SigmaClip),
    /// The `low` least and the `high` greatest of those that are not NaN.
    Extrema { low: usize, high: usize },
}

/// A way to combine a number of frames.
#[derive(Debug)]
pub struct Combiner {
    frames: usize,
    method: Method,
    reject: Reject,
    /// Sorts all frames.
    sort: Vec<Step>,
    /// Brings only the one or two values in the middle to their places.
    middle: Vec<Step>,
}

impl Combiner {
    /// # Errors
    /// No frame, a wrong threshold, or more extrema to leave out than frames.
    pub fn new(frames: usize, method: Method, reject: Reject) -> Result<Self, PixelError> {
        PixelError::at_least("frames", 1, frames)?;
        match reject {
            Reject::SigmaClip(clip) => clip.check()?,
            Reject::Extrema { low, high } => {
                PixelError::at_most("nlow + nhigh", frames - 1, low.saturating_add(high))?;
            }
            Reject::Missing => {}
        }
        let sort = network::sorting(frames);
        let middle = network::selecting(frames, &[(frames - 1) / 2, frames / 2]);
        Ok(Self { frames, method, reject, sort, middle })
    }

    /// Combines the pixels of `frames`, each multiplied by its factor first, into `out`.
    ///
    /// # Panics
    /// Where there are not as many frames and factors as announced, or not as many pixels in each as in `out`.
    pub fn combine<T: Sample>(&self, frames: &[&[T]], factors: &[f64], out: &mut [T]) {
        assert!(frames.len() == self.frames && factors.len() == self.frames, "as many frames as announced");
        assert!(frames.iter().all(|frame| frame.len() == out.len()), "all stretches are equally long");
        out.par_chunks_mut(TASK).enumerate().for_each(|(task, out)| {
            let mut wires = vec![Lanes([T::ZERO; LANES]); 2 * self.frames];
            let (wires, spare) = wires.split_at_mut(self.frames);
            combine_run(self, frames, factors, task * TASK, (wires, spare), out);
        });
    }
}

/// The pixels from `start` on, as many as `out` takes.
#[multiversion::multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+fma+bmi1+bmi2+popcnt+lzcnt",
    "x86_64+avx2+fma+bmi1+bmi2+popcnt+lzcnt"
))]
fn combine_run<T: Sample>(
    combiner: &Combiner,
    frames: &[&[T]],
    factors: &[f64],
    start: usize,
    (wires, spare): (&mut [Lanes<T>], &mut [Lanes<T>]),
    out: &mut [T],
) {
    for (chunk, out) in out.chunks_mut(LANES).enumerate() {
        let is_whole = load(frames, factors, start + chunk * LANES, out.len(), wires);
        let mut result = Lanes([T::ZERO; LANES]);
        combiner.reduce(wires, spare, is_whole, &mut result.0);
        out.copy_from_slice(&result.0[..out.len()]);
    }
}

/// The values of `length` neighbouring pixels, and whether none is NaN.
#[inline(always)]
fn load<T: Sample>(frames: &[&[T]], factors: &[f64], at: usize, length: usize, wires: &mut [Lanes<T>]) -> bool {
    let mut is_missing = false;
    for ((frame, factor), wire) in frames.iter().zip(factors).zip(wires) {
        match frame[at..at + length].try_into() {
            Ok(whole) => wire.0 = whole,
            Err(_) => wire.0[..length].copy_from_slice(&frame[at..at + length]),
        }
        if *factor != 1.0 {
            for value in &mut wire.0 {
                *value = T::from_f64(value.to_f64() * factor);
            }
        }
        for value in &wire.0 {
            is_missing |= value.is_nan();
        }
    }
    !is_missing
}

// What follows is compiled into `combine_run` for each instruction set: always inlined, and loops rather than closures, which
// would be compiled for the plainest of them.
impl Combiner {
    #[inline(always)]
    fn reduce<T: Sample>(&self, wires: &mut [Lanes<T>], spare: &mut [Lanes<T>], is_whole: bool, out: &mut [T; LANES]) {
        match (self.reject, self.method) {
            (Reject::Missing, Method::Median) if is_whole => {
                network::apply(&self.middle, wires);
                let (low, high) = (&wires[(self.frames - 1) / 2], &wires[self.frames / 2]);
                for ((out, &a), &b) in out.iter_mut().zip(&low.0).zip(&high.0) {
                    *out = T::from_f64(halfway(a, b));
                }
            }
            (Reject::Missing, Method::Median) => {
                let count = self.sorted(wires);
                rounded(&medians(wires, &[0.0; LANES], &count), out);
            }
            (Reject::Missing, method) => {
                let all = Bounds { low: [f64::NEG_INFINITY; LANES], high: [f64::INFINITY; LANES] };
                rounded(&total(method, &all.sums(wires)), out);
            }
            (Reject::Extrema { low, high }, method) => {
                let mut count = self.sorted(wires);
                for count in &mut count {
                    *count = (*count - (low + high) as f64).max(0.0);
                }
                let from = [low as f64; LANES];
                match method {
                    Method::Median => rounded(&medians(wires, &from, &count), out),
                    _ => rounded(&total(method, &range_sums(wires, &from, count)), out),
                }
            }
            (Reject::SigmaClip(clip), method) => {
                if method == Method::Median || clip.center == Center::Median || clip.spread == Spread::MadStd {
                    self.sorted(wires);
                }
                let (kept, sums) = self.clipped(&clip, wires, spare);
                match method {
                    Method::Median => rounded(&medians(wires, &kept.below(wires), &sums.count), out),
                    _ => rounded(&total(method, &sums), out),
                }
            }
        }
    }

    /// Sorts the frames at each pixel, what is missing last, and counts what is not.
    #[inline(always)]
    fn sorted<T: Sample>(&self, wires: &mut [Lanes<T>]) -> Numbers {
        let mut count = [0.0; LANES];
        for wire in wires.iter_mut() {
            for (value, count) in wire.0.iter_mut().zip(&mut count) {
                let is_missing = value.is_nan();
                *count += if is_missing { 0.0 } else { 1.0 };
                *value = if is_missing { T::INFINITY } else { *value };
            }
        }
        network::apply(&self.sort, wires);
        count
    }

    /// The bounds that clipping arrives at, and the sums within them. Sorted wires where a median is asked for.
    #[inline(always)]
    fn clipped<T: Sample>(&self, clip: &SigmaClip, wires: &[Lanes<T>], spare: &mut [Lanes<T>]) -> (Bounds, Sums) {
        let mut kept = Bounds { low: [-f64::MAX; LANES], high: [f64::MAX; LANES] };
        let mut sums = kept.sums(wires);
        for _ in 0..clip.maxiters {
            let needs_median = clip.center == Center::Median || clip.spread == Spread::MadStd;
            let median = if needs_median { medians(wires, &kept.below(wires), &sums.count) } else { [0.0; LANES] };
            let center = if clip.center == Center::Median { median } else { sums.mean() };
            let spread = match clip.spread {
                Spread::Std => kept.std(wires, &sums),
                Spread::MadStd => self.mad_std(&kept, wires, spare, &median, &sums.count),
            };
            for i in 0..LANES {
                // A bound never moves back out; where nothing is left the new one is NaN, and the old one stays.
                let (low, high) = (center[i] - clip.low * spread[i], center[i] + clip.high * spread[i]);
                kept.low[i] = if low > kept.low[i] { low } else { kept.low[i] };
                kept.high[i] = if high < kept.high[i] { high } else { kept.high[i] };
            }
            let next = kept.sums(wires);
            let mut is_done = true;
            for i in 0..LANES {
                is_done &= next.count[i] == sums.count[i];
            }
            sums = next;
            if is_done {
                break;
            }
        }
        (kept, sums)
    }

    /// The median absolute deviations of what stays, as standard deviations: the distances are sorted as the values were.
    #[inline(always)]
    fn mad_std<T: Sample>(
        &self,
        kept: &Bounds,
        wires: &[Lanes<T>],
        spare: &mut [Lanes<T>],
        median: &Numbers,
        count: &Numbers,
    ) -> Numbers {
        for (wire, far) in wires.iter().zip(spare.iter_mut()) {
            for i in 0..LANES {
                let value = wire.0[i].to_f64();
                let is_kept = (value >= kept.low[i]) & (value <= kept.high[i]);
                far.0[i] = if is_kept { T::from_f64((value - median[i]).abs()) } else { T::INFINITY };
            }
        }
        network::apply(&self.sort, spare);
        let mut mads = medians(spare, &[0.0; LANES], count);
        for mad in &mut mads {
            *mad *= MAD_TO_STD;
        }
        mads
    }
}

#[inline(always)]
fn rounded<T: Sample>(numbers: &Numbers, out: &mut [T; LANES]) {
    for (out, &number) in out.iter_mut().zip(numbers) {
        *out = T::from_f64(number);
    }
}

/// How many values were kept, and their sum.
#[derive(Clone, Copy)]
struct Sums {
    count: Numbers,
    sum: Numbers,
}

impl Sums {
    #[inline(always)]
    fn mean(&self) -> Numbers {
        let mut mean = self.sum;
        for (mean, count) in mean.iter_mut().zip(&self.count) {
            *mean /= count;
        }
        mean
    }
}

/// The answer of all methods but the median; NaN where nothing was kept.
#[inline(always)]
fn total(method: Method, sums: &Sums) -> Numbers {
    if method != Method::Sum {
        return sums.mean();
    }
    let mut total = sums.sum;
    for (total, &count) in total.iter_mut().zip(&sums.count) {
        *total = if count == 0.0 { f64::NAN } else { *total };
    }
    total
}

/// The values that stay, by pixel: those from `low` to `high`. NaN never does.
struct Bounds {
    low: Numbers,
    high: Numbers,
}

impl Bounds {
    #[inline(always)]
    fn sums<T: Sample>(&self, wires: &[Lanes<T>]) -> Sums {
        let (mut count, mut sum) = ([0.0; LANES], [0.0; LANES]);
        for wire in wires {
            for i in 0..LANES {
                let value = wire.0[i].to_f64();
                let is_kept = (value >= self.low[i]) & (value <= self.high[i]);
                sum[i] += if is_kept { value } else { 0.0 };
                count[i] += if is_kept { 1.0 } else { 0.0 };
            }
        }
        Sums { count, sum }
    }

    #[inline(always)]
    fn std<T: Sample>(&self, wires: &[Lanes<T>], sums: &Sums) -> Numbers {
        let mean = sums.mean();
        let mut squares = [0.0; LANES];
        for wire in wires {
            for i in 0..LANES {
                let value = wire.0[i].to_f64();
                let is_kept = (value >= self.low[i]) & (value <= self.high[i]);
                let far = value - mean[i];
                squares[i] += if is_kept { far * far } else { 0.0 };
            }
        }
        for (square, count) in squares.iter_mut().zip(&sums.count) {
            *square = (*square / count).sqrt();
        }
        squares
    }

    /// How many values lie below: the place of the first that stays, among sorted wires.
    #[inline(always)]
    fn below<T: Sample>(&self, wires: &[Lanes<T>]) -> Numbers {
        let mut below = [0.0; LANES];
        for wire in wires {
            for i in 0..LANES {
                below[i] += if wire.0[i].to_f64() < self.low[i] { 1.0 } else { 0.0 };
            }
        }
        below
    }
}

/// Count and sum of `count` values of sorted wires, from the place `from` on.
#[inline(always)]
fn range_sums<T: Sample>(wires: &[Lanes<T>], from: &Numbers, count: Numbers) -> Sums {
    let mut sum = [0.0; LANES];
    for (place, wire) in wires.iter().enumerate() {
        let place = place as f64;
        for i in 0..LANES {
            let is_kept = (place >= from[i]) & (place < from[i] + count[i]);
            sum[i] += if is_kept { wire.0[i].to_f64() } else { 0.0 };
        }
    }
    Sums { count, sum }
}

/// The medians of `count` values of sorted wires, from the place `from` on; NaN where that is none.
#[inline(always)]
fn medians<T: Sample>(wires: &[Lanes<T>], from: &Numbers, count: &Numbers) -> Numbers {
    let mut out = [f64::NAN; LANES];
    for i in 0..LANES {
        let (from, count) = (from[i] as usize, count[i] as usize);
        if count > 0 {
            out[i] = halfway(wires[from + (count - 1) / 2].0[i], wires[from + count / 2].0[i]);
        }
    }
    out
}

/// The mean of two values; halved first, so that it is finite where they are, and equal ones come out as they are.
#[inline(always)]
fn halfway<T: Sample>(a: T, b: T) -> f64 {
    if a == b { a.to_f64() } else { a.to_f64() / 2.0 + b.to_f64() / 2.0 }
}

#[cfg(test)]
mod tests {
    use ndarray::Array1;
    use proptest::prelude::*;

    use super::*;
    use crate::pixel::clip::sigma_clipped_stats;

    /// One pixel after the other, by sorting and plain sums.
    fn slow(frames: &[Vec<f64>], factors: &[f64], method: Method, reject: Reject) -> Vec<f64> {
        let pixel = |at: usize| {
            let scaled = frames.iter().zip(factors).map(|(frame, factor)| frame[at] * factor);
            let mut values: Vec<f64> = scaled.filter(|value| !value.is_nan()).collect();
            values.sort_by(f64::total_cmp);
            let kept: Vec<f64> = match reject {
                Reject::Missing => values,
                Reject::Extrema { low, high } => {
                    let to = values.len().saturating_sub(high).max(low);
                    values.get(low..to).unwrap_or_default().to_vec()
                }
                Reject::SigmaClip(clip) => {
                    if values.iter().all(|value| !value.is_finite()) {
                        return f64::NAN;
                    }
                    let stats = sigma_clipped_stats(Array1::from(values.clone()).view(), &clip).unwrap();
                    match method {
                        Method::Median => return stats.median,
                        Method::Average => return stats.mean,
                        Method::Sum => unreachable!("not asked for"),
                    }
                }
            };
            let n = kept.len();
            match method {
                _ if n == 0 => f64::NAN,
                Method::Median => kept[(n - 1) / 2] / 2.0 + kept[n / 2] / 2.0,
                Method::Average => kept.iter().sum::<f64>() / n as f64,
                Method::Sum => kept.iter().sum(),
            }
        };
        (0..frames[0].len()).map(pixel).collect()
    }

    fn run(frames: &[Vec<f64>], factors: &[f64], method: Method, reject: Reject) -> Vec<f64> {
        let stretches: Vec<&[f64]> = frames.iter().map(Vec::as_slice).collect();
        let mut out = vec![0.0; frames[0].len()];
        Combiner::new(frames.len(), method, reject).unwrap().combine(&stretches, factors, &mut out);
        out
    }

    fn frames() -> impl Strategy<Value = Vec<Vec<f64>>> {
        (1usize..23, 1usize..150).prop_flat_map(|(frames, pixels)| {
            let values =
                prop_oneof![20 => -1.0..1.0f64, 3 => -90.0..90.0f64, 1 => Just(f64::NAN), 1 => Just(f64::INFINITY)];
            prop::collection::vec(prop::collection::vec(values, pixels), frames)
        })
    }

    fn clip() -> impl Strategy<Value = SigmaClip> {
        let center = prop_oneof![Just(Center::Mean), Just(Center::Median)];
        let spread = prop_oneof![Just(Spread::Std), Just(Spread::MadStd)];
        (1.5..4.0f64, 1.5..4.0f64, 0usize..6, center, spread)
            .prop_map(|(low, high, maxiters, center, spread)| SigmaClip { low, high, maxiters, center, spread })
    }

    fn same(a: &[f64], b: &[f64]) -> bool {
        a.iter().zip(b).all(|(a, b)| a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= 1e-12 * b.abs().max(1.0))
    }

    proptest! {
        #[test]
        fn agrees_with_sorting_each_pixel(frames in frames(), clip in clip(), scaled in any::<bool>(), n in 0usize..3) {
            let factors: Vec<f64> = (0..frames.len()).map(|k| if scaled { 1.0 + k as f64 / 8.0 } else { 1.0 }).collect();
            let mut rejects = vec![Reject::Missing];
            if 2 * n < frames.len() {
                rejects.push(Reject::Extrema { low: n, high: n });
            }
            for reject in rejects {
                for method in [Method::Median, Method::Average, Method::Sum] {
                    let (fast, slow) = (run(&frames, &factors, method, reject), slow(&frames, &factors, method, reject));
                    prop_assert!(same(&fast, &slow), "{method:?} {reject:?}: {fast:?} {slow:?}");
                }
            }
            for method in [Method::Median, Method::Average] {
                let reject = Reject::SigmaClip(clip);
                let (fast, slow) = (run(&frames, &factors, method, reject), slow(&frames, &factors, method, reject));
                prop_assert!(same(&fast, &slow), "{method:?} {reject:?}: {fast:?} {slow:?}");
            }
        }
    }

    #[test]
    fn many_frames_and_single_precision() {
        let frames: Vec<Vec<f32>> =
            (0..301).map(|k| (0..130).map(|i| ((k * 7919 + i * 31) % 1009) as f32).collect()).collect();
        let stretches: Vec<&[f32]> = frames.iter().map(Vec::as_slice).collect();
        let mut out = vec![0.0; 130];
        Combiner::new(301, Method::Median, Reject::Missing).unwrap().combine(&stretches, &[1.0; 301], &mut out);
        for (at, found) in out.iter().enumerate() {
            let mut values: Vec<f32> = frames.iter().map(|frame| frame[at]).collect();
            values.sort_by(f32::total_cmp);
            assert_eq!(*found, values[150]);
        }
    }

    #[test]
    fn odd_requests() {
        assert!(Combiner::new(0, Method::Sum, Reject::Missing).is_err());
        assert!(Combiner::new(3, Method::Sum, Reject::Extrema { low: 2, high: 1 }).is_err());
        assert!(Method::from_name("mean").is_err());
        assert!(run(&[vec![f64::NAN], vec![f64::NAN]], &[1.0; 2], Method::Sum, Reject::Missing)[0].is_nan());
    }
}
