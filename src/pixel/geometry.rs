//! Parts of an image. Any pixel type; copies, never computes.

use ndarray::{Array2, ArrayView2, s};

use super::PixelError;

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

#[cfg(test)]
mod tests {
    use ndarray::array;

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
}
