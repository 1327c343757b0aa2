//! Filters that work along columns and then along rows, each axis by itself. In: an image, a border and what is done to a
//! line of pixels; out: an image of the same shape and type. Reads, turns and writes, in bands that threads share; knows
//! nothing of what becomes of a line. Lines are worked on in `f64`, sixteen side by side, which is what SIMD units want
//! along either axis; what is kept between the axes is of the image's type, as in scipy.ndimage.

use ndarray::{Array2, ArrayView2};
use rayon::prelude::*;

use super::border::Bordered;
use super::{Border, Sample};

/// The fewest output rows of a parallel task: enough to share the reading of the rows above and below.
const BAND: usize = 128;

/// Pixels across the filter's axis that are worked on together.
pub(super) const ACROSS: usize = 16;

/// Groups of `ACROSS` columns that are read from a row at once: memory likes long pieces.
const PANELS: usize = 16;

/// Pixels along the filter's axis that are turned together: a cache line of `f64`.
const TILE: usize = 8;

/// As many neighbouring lines as there are lanes, at one place along them; aligned so that no vector of them straddles two
/// cache lines.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
pub(super) struct Lanes(pub [f64; ACROSS]);

impl Lanes {
    pub const fn of(value: f64) -> Lanes {
        Lanes([value; ACROSS])
    }
}

/// What is done to lines of pixels: each output pixel is made from a window of as many pixels.
pub(super) trait Line: Sync {
    /// Pixels of the window, at least 1: of `k`, `k / 2` lie before the output's place.
    fn window(&self) -> usize;

    /// Makes `out` from `line`, which is longer by the window less one: the window of the first output begins with the
    /// first pixel. `line` may be used as memory.
    fn apply(&self, line: &mut [Lanes], out: &mut [Lanes]);
}

/// `down` done along the columns of `image`, then `across` along the rows of that.
pub(super) fn separable<T: Sample>(
    image: ArrayView2<T>,
    mode: Border,
    down: &impl Line,
    across: &impl Line,
) -> Array2<T> {
    let mut out = Array2::from_elem(image.dim(), T::ZERO);
    if image.is_empty() {
        return out;
    }
    let image = image.as_standard_layout();
    let width = image.ncols();
    let image = Bordered::new(image.view(), mode);
    let out_pixels = out.as_slice_mut().expect("the output was made in C order");
    // With a long window, more rows share the reading of what surrounds them.
    let band_rows = BAND.max(down.window());
    out_pixels.par_chunks_mut(band_rows * width).enumerate().for_each_init(Scratch::default, |scratch, (band, out)| {
        let rows = out.len() / width;
        scratch.filter_down(&image, band * band_rows, rows, down, across.window());
        scratch.filter_across::<T>(mode, width, across, out);
    });
    out
}

/// Memory that a thread uses again from band to band.
#[derive(Default)]
struct Scratch {
    /// Lines side by side, and what some of them become.
    lines: Vec<Lanes>,
    made: Vec<Lanes>,
    /// The band, filtered along its columns: every `ACROSS` rows side by side, with room for what lies beyond their ends.
    rows: Vec<Lanes>,
}

impl Scratch {
    /// Filters the columns: makes `count` rows from the row `first` of `image` on, ready for a filter of `across` pixels.
    fn filter_down<T: Sample>(
        &mut self,
        image: &Bordered<T>,
        first: usize,
        count: usize,
        filter: &impl Line,
        across: usize,
    ) {
        let width = image.width();
        let top = first as isize - (filter.window() / 2) as isize;
        let length = count + filter.window() - 1;
        // Whole groups of rows and columns; what is in the last ones beyond the image is never looked at.
        let padded = count.next_multiple_of(ACROSS);
        let stride = row_length(width, across);
        let most_panels = PANELS.min(width.div_ceil(ACROSS));
        self.lines.resize(length * most_panels, Lanes::of(0.0));
        self.made.resize(padded.max(width), Lanes::of(0.0));
        self.rows.resize(padded / ACROSS * stride, Lanes::of(0.0));
        for x in (0..width).step_by(ACROSS * PANELS) {
            let end = width.min(x + ACROSS * PANELS);
            read_columns(image, top, (x, end), length, &mut self.lines);
            let panels = (end - x).div_ceil(ACROSS);
            for (panel, lines) in self.lines.chunks_exact_mut(length).take(panels).enumerate() {
                filter.apply(lines, &mut self.made[..count]);
                turn::<T>(&self.made[..padded], &mut self.rows, stride, across / 2 + x + panel * ACROSS);
            }
        }
    }

    /// Filters the rows that [`filter_down`](Self::filter_down) has left: makes `out`, whose rows are `width` long.
    fn filter_across<T: Sample>(&mut self, mode: Border, width: usize, filter: &impl Line, out: &mut [T]) {
        let left = filter.window() / 2;
        let length = width + filter.window() - 1;
        let constant = if let Border::Constant(value) = mode { T::from_f64(value).to_f64() } else { 0.0 };
        let groups = self.rows.chunks_exact_mut(row_length(width, filter.window()));
        for (lines, out) in groups.zip(out.chunks_mut(ACROSS * width)) {
            for i in (0..left).chain(left + width..length) {
                lines[i] = match mode.map(i as isize - left as isize, width) {
                    Some(x) => lines[left + x],
                    None => Lanes::of(constant),
                };
            }
            filter.apply(&mut lines[..length], &mut self.made[..width]);
            from_lanes(&self.made[..width], out);
        }
    }
}

/// Places for a row of `width` pixels, with a filter of so many `across`, in whole groups of columns.
fn row_length(width: usize, across: usize) -> usize {
    width.next_multiple_of(ACROSS) + across - 1
}

/// Reads the columns `columns.0..columns.1` of the rows from `top` on into panels of `length` places.
#[multiversion::multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+fma+bmi1+bmi2+popcnt+lzcnt",
    "x86_64+avx2+fma+bmi1+bmi2+popcnt+lzcnt"
))]
fn read_columns<T: Sample>(
    image: &Bordered<T>,
    top: isize,
    columns: (usize, usize),
    length: usize,
    panels: &mut [Lanes],
) {
    for i in 0..length {
        let row = image.row(top + i as isize).map(|row| &row[columns.0..columns.1]);
        match row {
            Ok(row) => {
                let (whole, rest) = row.as_chunks::<ACROSS>();
                for (panel, pixels) in whole.iter().enumerate() {
                    let lanes = &mut panels[panel * length + i];
                    for (lane, pixel) in lanes.0.iter_mut().zip(pixels) {
                        *lane = pixel.to_f64();
                    }
                }
                for (k, pixel) in rest.iter().enumerate() {
                    panels[whole.len() * length + i].0[k] = pixel.to_f64();
                }
            }
            Err(constant) => {
                panels[i..].iter_mut().step_by(length).for_each(|lanes| *lanes = Lanes::of(constant.to_f64()))
            }
        }
    }
}

/// Turns `ACROSS` columns into groups of as many rows, which are `stride` apart, at the place `at` of each. In the precision
/// of the image.
#[multiversion::multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+fma+bmi1+bmi2+popcnt+lzcnt",
    "x86_64+avx2+fma+bmi1+bmi2+popcnt+lzcnt"
))]
fn turn<T: Sample>(columns: &[Lanes], rows: &mut [Lanes], stride: usize, at: usize) {
    let (groups, _) = columns.as_chunks::<ACROSS>();
    for (group, rows) in groups.iter().zip(rows.chunks_exact_mut(stride)) {
        let (tiles, _) = rows[at..at + ACROSS].as_chunks_mut::<TILE>();
        for (t, tile) in tiles.iter_mut().enumerate() {
            for (row, columns) in group.iter().enumerate() {
                for (lanes, &pixel) in tile.iter_mut().zip(&columns.0[t * TILE..][..TILE]) {
                    lanes.0[row] = T::from_f64(pixel).to_f64();
                }
            }
        }
    }
}

/// Turns columns into the rows of `out`.
#[multiversion::multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+fma+bmi1+bmi2+popcnt+lzcnt",
    "x86_64+avx2+fma+bmi1+bmi2+popcnt+lzcnt"
))]
fn from_lanes<T: Sample>(lanes: &[Lanes], out: &mut [T]) {
    let width = lanes.len();
    let rows = out.len() / width;
    let (tiles, rest) = lanes.as_chunks::<TILE>();
    for (t, tile) in tiles.iter().enumerate() {
        for row in 0..rows {
            let pixels: &mut [T; TILE] =
                (&mut out[row * width + t * TILE..][..TILE]).try_into().expect("as many pixels as a tile has");
            for k in 0..TILE {
                pixels[k] = T::from_f64(tile[k].0[row]);
            }
        }
    }
    for (x, lanes) in (tiles.len() * TILE..).zip(rest) {
        for row in 0..rows {
            out[row * width + x] = T::from_f64(lanes.0[row]);
        }
    }
}
