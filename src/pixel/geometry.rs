//! Images cut, turned and mirrored. Any pixel type; moves pixels, never computes with them.

use ndarray::{Array2, ArrayView2, Axis, s};
use rayon::prelude::*;

use super::PixelError;

/// Rows and columns that are turned together, so that both sides of the turn stay in the nearest cache.
const TILE: usize = 32;

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
    }
}
