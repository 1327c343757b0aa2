//! Order statistics of windows of any size, at a cost that hardly depends on the size. In: a bordered image without
//! NaN, a window and a rank; out: the value of that rank around each pixel. Knows nothing of medians or percentiles.
//!
//! After J. Suomela, "Median filtering is equivalent to sorting" (arXiv 1406.1717): the image is cut into overlapping
//! blocks, the pixels of a block are sorted once, and from then on only their ranks matter. Suomela slides a bit set of
//! ranks over the block. Here the ranks fall into equal bins; the window's count below each bin is kept up to date from
//! the counts of its columns (after S. Perreault and P. Hébert, "Median filtering in constant time", IEEE TIP 2007), so
//! that a step costs the same for every window. The bin that holds the wanted rank lists the places of its pixels in
//! order: those inside the window are counted off. All of it is additions and comparisons of small integers in a row,
//! which is what SIMD units do best.
//!
//! `unsafe` here marks the calls of `inside`'s vector instructions, each within the arm that is compiled for processors
//! that have them.

use multiversion::target::match_target;
use rayon::prelude::*;

use super::Sample;
use super::border::Bordered;
use super::inside::{Count, GROUP};
use super::radix::Sorter;

/// Bins of a block whose coordinates fit into a byte, and of a larger one.
const SMALL_BINS: usize = 128;
const LARGE_BINS: usize = 512;

/// The longest window whose blocks have coordinates of a byte.
const MOST_SMALL: usize = 176;

/// Window and rank, and the block that is worked on at once.
#[derive(Debug, Clone, Copy)]
struct Plan {
    size: (usize, usize),
    rank: usize,
    /// Output pixels of a block.
    tile: (usize, usize),
}

/// Writes the value of rank `rank` (0 the least) among the `size.0` by `size.1` pixels around each pixel to `out`.
pub(super) fn select<T: Sample>(image: &Bordered<T>, size: (usize, usize), rank: usize, out: &mut [T]) {
    // Larger blocks read and sort fewer pixels twice, smaller ones stay in nearer caches.
    let block = if size.0.max(size.1) <= 24 { 128 } else { 256 };
    let side = |window: usize, length: usize| {
        let tile = if window <= MOST_SMALL { block + 1 - window } else { window * 2 / 3 };
        length.min(tile)
    };
    let tile = (side(size.0, image.height()), side(size.1, image.width()));
    let plan = Plan { size, rank, tile };
    if size.0.max(size.1) <= MOST_SMALL {
        select_bands::<T, u8, SMALL_BINS>(image, plan, out);
    } else {
        select_bands::<T, u16, LARGE_BINS>(image, plan, out);
    }
}

fn select_bands<T: Sample, C: Count, const BINS: usize>(image: &Bordered<T>, plan: Plan, out: &mut [T]) {
    let width = image.width();
    out.par_chunks_mut(plan.tile.0 * width).enumerate().for_each_init(
        || Block::<T, C, BINS>::new(plan),
        |block, (band, out)| {
            let y = band * plan.tile.0;
            let rows = out.len() / width;
            for x in (0..width).step_by(plan.tile.1) {
                let columns = plan.tile.1.min(width - x);
                block.read(image, (y, x), (rows, columns));
                select_block(block, &mut out[x..], width);
            }
        },
    );
}

/// The pixels that a tile's windows cover, by rank.
struct Block<T, C, const BINS: usize> {
    plan: Plan,
    /// Output rows and columns of the present tile.
    tile: (usize, usize),
    /// Width of the block in pixels.
    width: usize,
    /// The pixels in reading order, then in order of rank.
    pixels: Vec<T>,
    values: Vec<T>,
    /// Row and column of each rank, with places at the end that are never counted.
    rows: Vec<C>,
    columns: Vec<C>,
    /// The bin of each pixel, in reading order.
    bins: Vec<u16>,
    /// Ranks in a bin: a multiple of `GROUP`.
    bin: usize,
    /// For each column of the block, how many of its pixels in the window's rows lie below each bin.
    below: Vec<[C; BINS]>,
    sorter: Sorter,
}

impl<T: Sample, C: Count, const BINS: usize> Block<T, C, BINS> {
    fn new(plan: Plan) -> Self {
        Self {
            plan,
            tile: (0, 0),
            width: 0,
            pixels: Vec::new(),
            values: Vec::new(),
            rows: Vec::new(),
            columns: Vec::new(),
            bins: Vec::new(),
            bin: GROUP,
            below: Vec::new(),
            sorter: Sorter::default(),
        }
    }

    /// Reads and sorts the pixels around the tile of `tile` pixels at `corner`.
    fn read(&mut self, image: &Bordered<T>, corner: (usize, usize), tile: (usize, usize)) {
        let size = self.plan.size;
        let height = tile.0 + size.0 - 1;
        self.tile = tile;
        self.width = tile.1 + size.1 - 1;
        let area = height * self.width;
        self.bin = area.div_ceil(BINS).next_multiple_of(GROUP);
        self.pixels.resize(area, T::ZERO);
        self.bins.resize(area, 0);
        self.below.resize(self.width, [C::default(); BINS]);
        self.rows.resize(self.bin * BINS, C::default());
        self.columns.resize(self.bin * BINS, C::default());
        let (y, x) = (corner.0 as isize - (size.0 / 2) as isize, corner.1 as isize - (size.1 / 2) as isize);
        image.read_block(y, x, self.width, &mut self.pixels);

        let order = self.sorter.order(&self.pixels);
        self.values.clear();
        self.values.extend(order.iter().map(|place| self.pixels[place.index()]));
        let width = self.width as u32;
        let places = self.rows.iter_mut().zip(&mut self.columns);
        for ((row, column), place) in places.zip(order) {
            let place = place.index() as u32;
            *row = C::of((place / width) as usize);
            *column = C::of((place % width) as usize);
        }
        for (bin, places) in order.chunks(self.bin).enumerate() {
            for place in places {
                self.bins[place.index()] = bin as u16;
            }
        }
    }
}

/// Writes the tile's output to `out`, whose rows are `stride` apart.
#[multiversion::multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+fma+bmi1+bmi2+popcnt+lzcnt",
    "x86_64+avx2+fma+bmi1+bmi2+popcnt+lzcnt"
))]
fn select_block<T: Sample, C: Count, const BINS: usize>(block: &mut Block<T, C, BINS>, out: &mut [T], stride: usize) {
    // `steps[BINS - 1 - b..]` is 1 for every bin above `b`.
    let mut steps = vec![C::default(); 2 * BINS];
    steps[BINS..].fill(C::ONE);
    let step = |bin: u16| -> &[C; BINS] {
        let start = BINS - 1 - usize::from(bin);
        steps[start..start + BINS].try_into().expect("the table is twice as long as there are bins")
    };
    let (height, width) = block.plan.size;
    let (rank, size) = (C::window(block.plan.rank), (C::of(height), C::of(width)));

    block.below.fill([C::default(); BINS]);
    for bins in block.bins.chunks_exact(block.width).take(height) {
        for (below, &bin) in block.below.iter_mut().zip(bins) {
            below.iter_mut().zip(step(bin)).for_each(|(below, &step)| *below = below.wrapping_add(step));
        }
    }
    for y in 0..block.tile.0 {
        if y > 0 {
            let leaving = &block.bins[(y - 1) * block.width..][..block.width];
            let entering = &block.bins[(y + height - 1) * block.width..][..block.width];
            for ((below, &old), &new) in block.below.iter_mut().zip(leaving).zip(entering) {
                for ((below, &old), &new) in below.iter_mut().zip(step(old)).zip(step(new)) {
                    *below = below.wrapping_add(new).wrapping_sub(old);
                }
            }
        }
        let mut window = [C::Window::default(); BINS];
        for column in &block.below[..width - 1] {
            for (count, &entering) in window.iter_mut().zip(column) {
                *count = C::slide(*count, entering, C::default());
            }
        }
        let mut leaving = &[C::default(); BINS];
        let row = &mut out[y * stride..][..block.tile.1];
        for (x, out) in row.iter_mut().enumerate() {
            let entering = &block.below[x + width - 1];
            for ((count, &entering), &leaving) in window.iter_mut().zip(entering).zip(leaving) {
                *count = C::slide(*count, entering, leaving);
            }
            leaving = &block.below[x];
            // The first bin has nothing below it, so that at least one is counted.
            let bin = window.iter().map(|&below| u16::from(below <= rank)).sum::<u16>() as usize - 1;
            let mut nth = block.plan.rank - C::index(window[bin]);
            let mut start = bin * block.bin;
            let mask = loop {
                let rows = group(&block.rows, start);
                let columns = group(&block.columns, start);
                let corner = (C::of(y), C::of(x));
                // SAFETY: each arm is compiled for, and run on, processors with the instructions it is named after.
                let mask = match_target! {
                    "x86_64+avx512bw" => unsafe { C::inside_avx512(rows, columns, corner, size) },
                    "x86_64+avx2" => unsafe { C::inside_avx2(rows, columns, corner, size) },
                    _ => C::inside(rows, columns, corner, size),
                };
                let count = mask.count_ones() as usize;
                if nth < count {
                    break mask;
                }
                nth -= count;
                start += GROUP;
            };
            let place = match_target! {
                "x86_64+bmi2" => std::arch::x86_64::_pdep_u64(1 << nth, mask).trailing_zeros(),
                _ => nth_bit(mask, nth),
            };
            *out = block.values[start + place as usize];
        }
    }
}

/// The `GROUP` places from `start` on.
#[inline(always)]
fn group<C>(places: &[C], start: usize) -> &[C; GROUP] {
    places[start..start + GROUP].try_into().expect("bins are whole groups")
}

/// The position of the `nth` (from 0) set bit of `mask`.
#[inline(always)]
fn nth_bit(mut mask: u64, nth: usize) -> u32 {
    for _ in 0..nth {
        mask &= mask - 1;
    }
    mask.trailing_zeros()
}
