//! Images enlarged by a frame: numpy.pad. Any pixel type; what the frame is made of comes from the border's mode or from a
//! function of whole rows and columns.

use ndarray::{Array2, ArrayView2, s};
use rayon::prelude::*;

use super::{Border, PixelError};

/// The most pixels of a padded image.
const MOST_PIXELS: usize = 1 << 31;

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
    if !matches!(mode, Border::Constant(_)) {
        check_not_empty(image.dim())?;
    }
    let size = padded_size(image.dim(), rows, columns)?;
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

/// The image in a frame that `fill` makes: numpy.pad with a function. It is given each column with room for `rows` at its
/// ends, and then each row of that with room for `columns`, and sets what lies in the room from what lies between.
///
/// # Errors
/// More than 2³¹ pixels, and an empty image.
pub fn pad_lines<T: Copy + Send + Sync>(
    image: ArrayView2<T>,
    rows: Frame,
    columns: Frame,
    fill: impl Fn(&mut [T], Frame) + Sync,
) -> Result<Array2<T>, PixelError> {
    let (height, width) = image.dim();
    check_not_empty((height, width))?;
    let size = padded_size((height, width), rows, columns)?;
    let inside = s![rows.before..rows.before + height, columns.before..columns.before + width];
    let mut out = Array2::from_elem(size, image[[0, 0]]);
    out.slice_mut(inside).assign(&image);
    let mut line = vec![image[[0, 0]]; size.0];
    for x in columns.before..columns.before + width {
        line.iter_mut().zip(out.column(x)).for_each(|(line, pixel)| *line = *pixel);
        fill(&mut line, rows);
        out.column_mut(x).iter_mut().zip(&line).for_each(|(pixel, line)| *pixel = *line);
    }
    let pixels = out.as_slice_mut().expect("the output was made in C order");
    pixels.par_chunks_mut(size.1).for_each(|row| fill(row, columns));
    Ok(out)
}

fn check_not_empty((height, width): (usize, usize)) -> Result<(), PixelError> {
    if height == 0 || width == 0 {
        return Err(PixelError::Empty { name: "image", height, width });
    }
    Ok(())
}

fn padded_size((height, width): (usize, usize), rows: Frame, columns: Frame) -> Result<(usize, usize), PixelError> {
    let padded = |length: usize, frame: Frame| length.saturating_add(frame.before).saturating_add(frame.after);
    let size = (padded(height, rows), padded(width, columns));
    PixelError::at_most("the number of pixels", MOST_PIXELS, size.0.saturating_mul(size.1))?;
    Ok(size)
}

#[cfg(test)]
mod tests {
    use ndarray::array;
    use proptest::prelude::*;

    use super::*;

    proptest! {
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

    #[test]
    fn lines_are_filled_columns_first() {
        let sums = |line: &mut [i32], frame: Frame| {
            let inside = frame.before..line.len() - frame.after;
            let sum = line[inside].iter().sum();
            line[..frame.before].fill(sum);
            let end = line.len() - frame.after;
            line[end..].fill(-sum);
        };
        let frame = |before, after| Frame { before, after };
        let padded = pad_lines(array![[1, 2], [3, 4]].view(), frame(1, 1), frame(0, 1), sums).unwrap();
        assert_eq!(padded, array![[4, 6, -10], [1, 2, -3], [3, 4, -7], [-4, -6, 10]]);
        assert!(pad_lines(Array2::<i32>::zeros((0, 2)).view(), frame(1, 1), frame(0, 1), sums).is_err());
    }
}
