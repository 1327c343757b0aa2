//! A JPEG decoded at half, a quarter or an eighth of its size: each sample the mean of those it stands for, made from the
//! coefficients without these. The usual files only, and without a fault: None for any other is not an error but the whole
//! decoder's to look into.

use ndarray::Array3;

use super::frame::{Component, Frame};
use super::huffman::{Bits, PADDING, Table};
use crate::pixel::dct::{Coefficients, LANES, Means};
use crate::pixel::ycbcr::to_rgb;

/// The row and column of each coefficient in zigzag order (T.81, figure A.6), as 8 × row + column.
const ZIGZAG: [u8; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21,
    28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54,
    47, 55, 62, 63,
];

/// The factors by which images are reduced, the largest first.
pub const FACTORS: [usize; 3] = [8, 4, 2];

/// The image of a file, which ends before its end-of-image marker, made smaller by one of [`FACTORS`]: one plane of a grey
/// file, red, green and blue of a YCbCr one. The last row and column stand for fewer pixels of the image where the factor
/// does not divide its size, and for some that only fill up the last blocks.
pub fn decode(bytes: &[u8], factor: usize) -> Option<Array3<u8>> {
    let frame = Frame::of(bytes)?;
    let (mcu_width, mcu_height) = frame.mcu();
    let (mcus, mcu_rows) = (frame.width.div_ceil(mcu_width), frame.height.div_ceil(mcu_height));
    let planes = frame.components.iter().map(|component| Plane::new(component, &frame, mcus, mcu_rows, factor));
    let mut planes: Vec<Plane> = planes.collect::<Option<_>>()?;
    let interval = if frame.restart == 0 { mcus * mcu_rows } else { frame.restart };
    let (mut rest, mut data) = (&bytes[frame.data..], Vec::new());
    for (number, first) in (0..mcus * mcu_rows).step_by(interval).enumerate() {
        let marker;
        (rest, marker) = unstuffed(rest, &mut data)?;
        let last = (first + interval).min(mcus * mcu_rows);
        let expected = if last == mcus * mcu_rows { None } else { Some(0xd0 + (number % 8) as u8) };
        if marker != expected {
            return None;
        }
        scan(Bits::new(&data), &mut planes, mcus, first..last)?;
    }
    if !rest.is_empty() {
        return None;
    }
    let (height, width) = (frame.height.div_ceil(factor), frame.width.div_ceil(factor));
    Some(assembled(&planes, height, width))
}

/// Entropy-coded data up to a marker without the zeros that are stuffed in behind ones, into `data`, and [`PADDING`]. What
/// is behind the marker, and the marker; None for it at the end.
fn unstuffed<'a>(bytes: &'a [u8], data: &mut Vec<u8>) -> Option<(&'a [u8], Option<u8>)> {
    const CHUNK: usize = 32;
    data.clear();
    data.reserve(bytes.len() + PADDING);
    let (mut at, mut marker) = (0, None);
    while at < bytes.len() {
        let chunk = &bytes[at..bytes.len().min(at + CHUNK)];
        let has_ones = chunk.iter().fold(false, |has, byte| has | (*byte == 0xff));
        let plain = if has_ones { chunk.iter().position(|byte| *byte == 0xff).unwrap_or(0) } else { chunk.len() };
        data.extend_from_slice(&chunk[..plain]);
        at += plain;
        if !has_ones {
            continue;
        }
        at += 2;
        match bytes.get(at - 1)? {
            0 => data.push(0xff),
            &other => {
                marker = Some(other);
                break;
            }
        }
    }
    data.extend_from_slice(&[0; PADDING]);
    Some((&bytes[at..], marker))
}

/// A component on its way from coefficients to samples.
struct Plane<'a> {
    /// Blocks of an MCU across and down.
    blocks: (usize, usize),
    tables: (&'a Table, &'a Table),
    means: Means,
    dc: i32,
    /// The coefficients of a row of blocks after the other, as many as an MCU is high.
    coefficients: Vec<Coefficients>,
    /// Groups of blocks in a row.
    groups: usize,
    samples: Vec<u8>,
    stride: usize,
}

impl<'a> Plane<'a> {
    fn new(component: &Component, frame: &'a Frame, mcus: usize, mcu_rows: usize, factor: usize) -> Option<Plane<'a>> {
        let (across, down) = component.blocks;
        let (mcu_width, mcu_height) = frame.mcu();
        // The samples that an MCU leaves are shared out among its blocks.
        let (rows, columns) = (mcu_height / factor / down, mcu_width / factor / across);
        let groups = (mcus * across).div_ceil(LANES);
        let stride = mcus * across * columns;
        Some(Plane {
            blocks: component.blocks,
            tables: (frame.dc.get(component.dc)?.as_ref()?, frame.ac.get(component.ac)?.as_ref()?),
            means: Means::new(rows, columns, &ZIGZAG, &component.steps)?,
            dc: 0,
            coefficients: vec![[[0; LANES]; 80]; groups * down],
            groups,
            samples: vec![0; stride * mcu_rows * down * rows],
            stride,
        })
    }

    /// The next blocks, which belong to the MCU of that column.
    #[inline(always)]
    fn read_mcu<'b>(&mut self, mut bits: Bits<'b>, column: usize) -> Option<Bits<'b>> {
        let (across, down) = self.blocks;
        for block in 0..across * down {
            let (row, block) = (block / across, column * across + block % across);
            let coefficients = &mut self.coefficients[row * self.groups + block / LANES];
            let lane = block % LANES;
            self.dc += bits.difference(self.tables.0)?;
            coefficients[0][lane] = i16::try_from(self.dc).ok()?;
            bits.coefficients(self.tables.1, |at, number| coefficients[at][lane] = number as i16)?;
        }
        Some(bits)
    }

    /// The samples of a row of MCUs whose coefficients are read.
    fn transform(&mut self, mcu_row: usize) {
        let (_, down) = self.blocks;
        for (row, coefficients) in self.coefficients.chunks_exact_mut(self.groups).enumerate() {
            let first = (mcu_row * down + row) * self.means.rows() * self.stride;
            let blocks = self.stride / self.means.columns();
            self.means.samples(coefficients, blocks, &mut self.samples[first..], self.stride);
        }
    }
}

/// Reads MCUs from one restart to the next.
#[multiversion::multiversion(targets("x86_64+bmi1+bmi2"))]
fn scan(mut bits: Bits, planes: &mut [Plane], mcus: usize, range: std::ops::Range<usize>) -> Option<()> {
    planes.iter_mut().for_each(|plane| plane.dc = 0);
    for mcu in range {
        let column = mcu % mcus;
        for plane in &mut *planes {
            bits = plane.read_mcu(bits, column)?;
        }
        if column + 1 == mcus {
            planes.iter_mut().for_each(|plane| plane.transform(mcu / mcus));
        }
    }
    bits.are_read().then_some(())
}

/// The part of the planes that belongs to the image, in its colours.
fn assembled(planes: &[Plane], height: usize, width: usize) -> Array3<u8> {
    let row = |plane: &Plane, y: usize| y * plane.stride..y * plane.stride + width;
    let [y, cb, cr] = planes else {
        let grey = &planes[0];
        let bytes = (0..height).flat_map(|y| grey.samples[row(grey, y)].iter().copied()).collect();
        return Array3::from_shape_vec((1, height, width), bytes).expect("as many rows as the image has");
    };
    let mut rgb = vec![0; 3 * height * width];
    let (red, rest) = rgb.split_at_mut(height * width);
    let (green, blue) = rest.split_at_mut(height * width);
    let rows = red.chunks_exact_mut(width).zip(green.chunks_exact_mut(width)).zip(blue.chunks_exact_mut(width));
    for (at, ((red, green), blue)) in rows.enumerate() {
        let [y, cb, cr] = [y, cb, cr].map(|plane| &plane.samples[row(plane, at)]);
        to_rgb(y, cb, cr, [red, green, blue]);
    }
    Array3::from_shape_vec((3, height, width), rgb).expect("three planes of the image's size")
}
