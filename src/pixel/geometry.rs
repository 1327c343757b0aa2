//! Images cut, turned, mirrored and enlarged by a frame. Any pixel type; moves pixels, never computes with them.

use ndarray::{Array2, ArrayView2, Axis, s};
use rayon::prelude::*;

use super::{Border, PixelError};

/// Rows and columns that are turned together, so that both sides of the turn stay in the nearest cache.
const TILE: usize = 32;

/// The most pixels of a padded image.
const MOST_PIXELS: usize = 1 << 31;

/// The pixels of the rows `rows.0..rows.1` and the columns `columns.0..columns.1`: numpy's `image[y0:y1, x0:x1]`, but what
/// reaches outside of the image is an error.
pub fn crop<T: Clone>(
    image: ArrayView2<T>,
    rows: (usize, usize),
    columns: (usize, usize),
) -> Result<Array2<T>, PixelError> {
    let (height, width) = image.dim();
    let inside = |range: (usize, usize), length| range.0 <= range.1 && range.1 <= length;
    if !inside(rows, height) || !inside(columns, width) {
        return Err(PixelError::OutsideImage { rows, columns, height, width });
    }
    Ok(image.slice(s![rows.0..rows.1, columns.0..columns.1]).to_owned())
}

/// The image read backwards along the columns (`rows`: upside down), the rows (`columns`: left to right), or both:
/// numpy.flip.
pub fn flip<T: Copy + Default + Send + Sync>(image: ArrayView2<T>, rows: bool, columns: bool) -> Array2<T> {
    let mut view = image;
    for (axis, backwards) in [rows, columns].into_iter().enumerate() {
        if backwards {
            view.invert_axis(Axis(axis));
        }
    }
    copied(view)
}

/// The image turned counter-clockwise by `turns` right angles, row 0 being above: numpy.rot90. Negative turns go clockwise.
pub fn rot90<T: Copy + Default + Send + Sync>(image: ArrayView2<T>, turns: i64) -> Array2<T> {
    let (rows, columns, is_turned) = match turns.rem_euclid(4) {
        0 => (false, false, false),
        1 => (true, false, true),
        2 => (true, true, false),
        _ => (false, true, true),
    };
    let mut view = if is_turned { image.reversed_axes() } else { image };
    for (axis, backwards) in [rows, columns].into_iter().enumerate() {
        if backwards {
            view.invert_axis(Axis(axis));
        }
    }
    copied(view)
}

/// The image as the EXIF orientation (1 to 8) says it is to be looked at: Pillow's ImageOps.exif_transpose.
///
/// # Errors
/// Any other number.
pub fn oriented<T: Copy + Default + Send + Sync>(
    image: ArrayView2<T>,
    orientation: usize,
) -> Result<Array2<T>, PixelError> {
    PixelError::at_least("orientation", 1, orientation)?;
    PixelError::at_most("orientation", 8, orientation)?;
    let mut view = if orientation >= 5 { image.reversed_axes() } else { image };
    if matches!(orientation, 3 | 4 | 7 | 8) {
        view.invert_axis(Axis(0));
    }
    if matches!(orientation, 2 | 3 | 6 | 7) {
        view.invert_axis(Axis(1));
    }
    Ok(copied(view))
}

/// The view in C order; tile by tile, because a turned view is read across its memory.
fn copied<T: Copy + Default + Send + Sync>(view: ArrayView2<T>) -> Array2<T> {
    let mut out = Array2::default(view.dim());
    let bands: Vec<_> = out.axis_chunks_iter_mut(Axis(0), TILE).zip(view.axis_chunks_iter(Axis(0), TILE)).collect();
    bands.into_par_iter().for_each(|(mut out, view)| {
        for (mut out, view) in out.axis_chunks_iter_mut(Axis(1), TILE).zip(view.axis_chunks_iter(Axis(1), TILE)) {
            out.assign(&view);
        }
    });
    out
}

/// Pixels that are added at either end of an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Frame {
    pub before: usize,
    pub after: usize,
}

/// The image in a frame of further rows and columns, filled as `mode` goes on beyond the edge: numpy.pad, whose modes
/// `constant`, `edge`, `reflect`, `symmetric` and `wrap` are [`Border`]'s `Constant`, `Nearest`, `Mirror`, `Reflect` and
/// `Wrap`. `constant` is the pixel that `Constant` stands for. At any width; an empty image can only be padded with the
/// constant.
///
/// # Errors
/// More than 2³¹ pixels, and an empty image with any mode but `Constant`.
pub fn pad<T: Copy + Send + Sync>(
    image: ArrayView2<T>,
    rows: Frame,
    columns: Frame,
    mode: Border,
    constant: T,
) -> Result<Array2<T>, PixelError> {
    let (height, width) = image.dim();
    if image.is_empty() && !matches!(mode, Border::Constant(_)) {
        return Err(PixelError::Empty { name: "image", height, width });
    }
    let padded = |length: usize, frame: Frame| length.saturating_add(frame.before).saturating_add(frame.after);
    let size = (padded(height, rows), padded(width, columns));
    PixelError::at_most("the number of pixels", MOST_PIXELS, size.0.saturating_mul(size.1))?;
    let image = image.as_standard_layout();
    let pixels = image.as_slice().expect("brought to C order");
    let place = |i: usize, before: usize, length: usize| {
        if length == 0 { None } else { mode.map(i as isize - before as isize, length) }
    };
    let sources: Vec<Option<usize>> = (0..size.1).map(|x| place(x, columns.before, width)).collect();
    let mut out = Array2::from_elem(size, constant);
    if out.is_empty() {
        return Ok(out);
    }
    let out_pixels = out.as_slice_mut().expect("the output was made in C order");
    out_pixels.par_chunks_mut(size.1).enumerate().for_each(|(y, out)| {
        let Some(y) = place(y, rows.before, height) else { return };
        let row = &pixels[y * width..][..width];
        let (left, rest) = out.split_at_mut(columns.before);
        let (middle, right) = rest.split_at_mut(width);
        middle.copy_from_slice(row);
        let fill = |out: &mut [T], sources: &[Option<usize>]| {
            for (out, source) in out.iter_mut().zip(sources) {
                if let Some(x) = source {
                    *out = row[*x];
                }
            }
        };
        fill(left, &sources);
        fill(right, &sources[columns.before + width..]);
    });
    Ok(out)
}

#[cfg(test)]
mod tests {
    use ndarray::array;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn crops() {
        let image = array![[1, 2, 3], [4, 5, 6]];
        assert_eq!(crop(image.view(), (0, 2), (1, 3)).unwrap(), array![[2, 3], [5, 6]]);
        assert_eq!(crop(image.view(), (1, 1), (0, 3)).unwrap().dim(), (0, 3));
        let outside = crop(image.view(), (0, 3), (0, 1)).unwrap_err().to_string();
        assert_eq!(outside, "rows 0:3, columns 0:1 reach outside of an image of 2 by 3 pixels");
        assert!(crop(image.view(), (2, 1), (0, 1)).is_err());
    }

    #[test]
    fn turns_and_mirrors() {
        let image = array![[1, 2, 3], [4, 5, 6]];
        assert_eq!(flip(image.view(), true, false), array![[4, 5, 6], [1, 2, 3]]);
        assert_eq!(flip(image.view(), false, true), array![[3, 2, 1], [6, 5, 4]]);
        assert_eq!(rot90(image.view(), 1), array![[3, 6], [2, 5], [1, 4]]);
        assert_eq!(rot90(image.view(), -1), array![[4, 1], [5, 2], [6, 3]]);
        assert_eq!(rot90(image.view(), 6), flip(image.view(), true, true));
    }

    #[test]
    fn orientations_are_those_of_exif() {
        let image = array![[1, 2], [3, 4]];
        let of = |orientation| oriented(image.view(), orientation).unwrap().into_raw_vec_and_offset().0;
        let all: Vec<_> = (1..=8).map(of).collect();
        let expected = [
            [1, 2, 3, 4],
            [2, 1, 4, 3],
            [4, 3, 2, 1],
            [3, 4, 1, 2],
            [1, 3, 2, 4],
            [3, 1, 4, 2],
            [4, 2, 3, 1],
            [2, 4, 1, 3],
        ];
        assert_eq!(all, expected.map(|pixels| pixels.to_vec()));
        assert_eq!(oriented(image.view(), 9).unwrap_err().to_string(), "orientation must be at most 8, got 9");
    }

    proptest! {
        #[test]
        fn four_turns_and_two_mirrors_give_the_image_back(shape in (1usize..80, 1usize..80), turns in -9i64..9) {
            let image = Array2::from_shape_fn(shape, |(y, x)| (y * 100 + x) as u16);
            prop_assert_eq!(&rot90(rot90(image.view(), turns).view(), 4 - turns), &image);
            prop_assert_eq!(&flip(flip(image.view(), true, true).view(), true, true), &image);
            let turned = rot90(image.view(), 1);
            prop_assert_eq!(turned[[0, 0]], image[[0, shape.1 - 1]]);
        }

        #[test]
        fn frames_go_on_as_borders_do(
            shape in (1usize..6, 1usize..6),
            rows in (0usize..14, 0usize..14),
            columns in (0usize..14, 0usize..14),
            mode in prop_oneof![
                Just(Border::Reflect), Just(Border::Nearest), Just(Border::Mirror), Just(Border::Wrap), Just(Border::Constant(9.0)),
            ],
        ) {
            let image = Array2::from_shape_fn(shape, |(y, x)| (y * 10 + x) as i32);
            let frame = |(before, after)| Frame { before, after };
            let padded = pad(image.view(), frame(rows), frame(columns), mode, 9).unwrap();
            prop_assert_eq!(padded.dim(), (shape.0 + rows.0 + rows.1, shape.1 + columns.0 + columns.1));
            for ((y, x), &pixel) in padded.indexed_iter() {
                let y = mode.map(y as isize - rows.0 as isize, shape.0);
                let x = mode.map(x as isize - columns.0 as isize, shape.1);
                prop_assert_eq!(pixel, y.zip(x).map_or(9, |(y, x)| image[[y, x]]));
            }
        }
    }

    #[test]
    fn empty_images_and_endless_frames() {
        let empty = Array2::<u8>::zeros((0, 2));
        let one = Frame { before: 1, after: 0 };
        assert_eq!(pad(empty.view(), one, one, Border::Constant(7.0), 7).unwrap(), array![[7, 7, 7]]);
        assert!(pad(empty.view(), one, one, Border::Wrap, 0).is_err());
        let endless = Frame { before: usize::MAX, after: 1 };
        assert!(pad(array![[1u8]].view(), endless, one, Border::Wrap, 0).is_err());
    }
}
