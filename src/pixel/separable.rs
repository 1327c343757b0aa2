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
const PANELS: usize = 8;

/// Pixels along the filter's axis that are turned together: a cache line of `f64`.
const TILE: usize = 8;

/// As many neighbouring lines as there are lanes, at one place along them.
pub(super) type Lanes = [f64; ACROSS];

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
        let mut half_done = std::mem::take(&mut scratch.band);
        half_done.resize(out.len(), T::ZERO);
        filter_down(&image, band * band_rows, down, scratch, &mut half_done);
        let view = ArrayView2::from_shape((rows, width), &half_done).expect("the band has the rows of its output");
        filter_across(&Bordered::new(view, mode), across, scratch, out);
        scratch.band = half_done;
    });
    out
}

/// Memory that a thread uses again from band to band.
struct Scratch<T> {
    /// The band, filtered along its columns.
    band: Vec<T>,
    /// Lines side by side, and what they become.
    lines: Vec<Lanes>,
    made: Vec<Lanes>,
    row: Vec<T>,
}

impl<T> Default for Scratch<T> {
    fn default() -> Self {
        Self { band: Vec::new(), lines: Vec::new(), made: Vec::new(), row: Vec::new() }
    }
}

/// Filters the columns: makes the rows `first..` of `image`, as many as `out` has.
fn filter_down<T: Sample>(
    image: &Bordered<T>,
    first: usize,
    filter: &impl Line,
    scratch: &mut Scratch<T>,
    out: &mut [T],
) {
    let width = image.width();
    let rows = out.len() / width;
    let top = first as isize - (filter.window() / 2) as isize;
    let length = rows + filter.window() - 1;
    scratch.lines.resize(length * PANELS, [0.0; ACROSS]);
    scratch.made.resize(rows * PANELS, [0.0; ACROSS]);
    for x in (0..width).step_by(ACROSS * PANELS) {
        let end = width.min(x + ACROSS * PANELS);
        read_columns(image, top, (x, end), length, &mut scratch.lines);
        let panels = (end - x).div_ceil(ACROSS);
        let lines = scratch.lines.chunks_exact_mut(length).take(panels);
        for (lines, made) in lines.zip(scratch.made.chunks_exact_mut(rows)) {
            filter.apply(lines, made);
        }
        write_columns(&scratch.made, (x, end), width, out);
    }
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
                    for k in 0..ACROSS {
                        lanes[k] = pixels[k].to_f64();
                    }
                }
                for (k, pixel) in rest.iter().enumerate() {
                    panels[whole.len() * length + i][k] = pixel.to_f64();
                }
            }
            Err(constant) => panels[i..].iter_mut().step_by(length).for_each(|lanes| lanes.fill(constant.to_f64())),
        }
    }
}

/// Writes panels to the columns `columns.0..columns.1` of `out`, whose rows are `width` long.
#[multiversion::multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+fma+bmi1+bmi2+popcnt+lzcnt",
    "x86_64+avx2+fma+bmi1+bmi2+popcnt+lzcnt"
))]
fn write_columns<T: Sample>(panels: &[Lanes], columns: (usize, usize), width: usize, out: &mut [T]) {
    let rows = out.len() / width;
    for (i, out) in out.chunks_exact_mut(width).enumerate() {
        let (whole, rest) = out[columns.0..columns.1].as_chunks_mut::<ACROSS>();
        let first_of_rest = whole.len();
        for (panel, pixels) in whole.iter_mut().enumerate() {
            let lanes = &panels[panel * rows + i];
            for k in 0..ACROSS {
                pixels[k] = T::from_f64(lanes[k]);
            }
        }
        for (k, pixel) in rest.iter_mut().enumerate() {
            *pixel = T::from_f64(panels[first_of_rest * rows + i][k]);
        }
    }
}

/// Filters the rows of `image`, all of them.
fn filter_across<T: Sample>(image: &Bordered<T>, filter: &impl Line, scratch: &mut Scratch<T>, out: &mut [T]) {
    let width = image.width();
    let left = -((filter.window() / 2) as isize);
    let length = width + filter.window() - 1;
    scratch.lines.resize(length, [0.0; ACROSS]);
    scratch.made.resize(width, [0.0; ACROSS]);
    scratch.row.resize(length * ACROSS, T::ZERO);
    for y in (0..image.height()).step_by(ACROSS) {
        let rows = ACROSS.min(image.height() - y);
        image.read_block(y as isize, left, length, &mut scratch.row[..rows * length]);
        into_lanes(&scratch.row, &mut scratch.lines[..length]);
        filter.apply(&mut scratch.lines[..length], &mut scratch.made[..width]);
        from_lanes(&scratch.made[..width], &mut out[y * width..][..rows * width]);
    }
}

/// Turns `ACROSS` rows of `lines.len()` pixels into as many columns.
#[multiversion::multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+fma+bmi1+bmi2+popcnt+lzcnt",
    "x86_64+avx2+fma+bmi1+bmi2+popcnt+lzcnt"
))]
fn into_lanes<T: Sample>(rows: &[T], lines: &mut [Lanes]) {
    let length = lines.len();
    let (tiles, rest) = lines.as_chunks_mut::<TILE>();
    let first_of_rest = tiles.len() * TILE;
    for (i, tile) in tiles.iter_mut().enumerate() {
        for row in 0..ACROSS {
            let pixels: &[T; TILE] = rows[row * length + i * TILE..][..TILE].try_into().expect("a tile's width");
            for k in 0..TILE {
                tile[k][row] = pixels[k].to_f64();
            }
        }
    }
    for (x, lanes) in rest.iter_mut().enumerate() {
        for (row, lane) in lanes.iter_mut().enumerate() {
            *lane = rows[row * length + first_of_rest + x].to_f64();
        }
    }
}

/// Turns columns into the rows of `out`.
#[multiversion::multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+fma+bmi1+bmi2+popcnt+lzcnt",
    "x86_64+avx2+fma+bmi1+bmi2+popcnt+lzcnt"
))]
fn from_lanes<T: Sample>(made: &[Lanes], out: &mut [T]) {
    let width = made.len();
    let (tiles, rest) = made.as_chunks::<TILE>();
    for (row, out) in out.chunks_exact_mut(width).enumerate() {
        let (out_tiles, out_rest) = out.as_chunks_mut::<TILE>();
        for (out, tile) in out_tiles.iter_mut().zip(tiles) {
            for k in 0..TILE {
                out[k] = T::from_f64(tile[k][row]);
            }
        }
        for (out, lanes) in out_rest.iter_mut().zip(rest) {
            *out = T::from_f64(lanes[row]);
        }
    }
}
