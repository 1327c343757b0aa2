//! Images of one size, side by side on a grid. Any pixel type; copies, never computes.

use ndarray::{Array2, ArrayView2, s};

use super::PixelError;

/// The most pixels of a montage.
const MOST_PIXELS: usize = 1 << 31;

/// `tiles` in rows of `columns`, with `gap` pixels between them (none around), on `background`, which also fills the
/// places left over in the last row.
///
/// # Errors
/// No tile or no column, tiles of different shapes, more than 2³¹ pixels.
pub fn montage<T: Copy>(
    tiles: &[ArrayView2<T>],
    columns: usize,
    gap: usize,
    background: T,
) -> Result<Array2<T>, PixelError> {
    PixelError::at_least("columns", 1, columns)?;
    PixelError::at_least("the number of tiles", 1, tiles.len())?;
    let (height, width) = tiles[0].dim();
    if let Some(odd) = tiles.iter().find(|tile| tile.dim() != (height, width)) {
        return Err(PixelError::ShapeMismatch { left: (height, width), right: odd.dim() });
    }
    let columns = columns.min(tiles.len());
    let rows = tiles.len().div_ceil(columns);
    let length = |count: usize, side: usize| count.saturating_mul(side).saturating_add(gap.saturating_mul(count - 1));
    let shape = (length(rows, height), length(columns, width));
    PixelError::at_most("the number of pixels of the montage", MOST_PIXELS, shape.0.saturating_mul(shape.1))?;
    let mut out = Array2::from_elem(shape, background);
    for (i, tile) in tiles.iter().enumerate() {
        let (y, x) = (i / columns * (height + gap), i % columns * (width + gap));
        out.slice_mut(s![y..y + height, x..x + width]).assign(tile);
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn tiles_lie_in_reading_order() {
        let tiles = [array![[1, 1]], array![[2, 2]], array![[3, 3]]];
        let views: Vec<_> = tiles.iter().map(|tile| tile.view()).collect();
        let expected = array![[1, 1, 0, 2, 2], [0, 0, 0, 0, 0], [3, 3, 0, 0, 0]];
        assert_eq!(montage(&views, 2, 1, 0).unwrap(), expected);
        assert_eq!(montage(&views, 9, 0, 0).unwrap(), array![[1, 1, 2, 2, 3, 3]]);
    }

    #[test]
    fn odd_requests() {
        let (wide, tall) = (array![[1, 1]], array![[2], [2]]);
        assert!(montage(&[wide.view()], 0, 0, 0).is_err());
        assert!(montage::<u8>(&[], 1, 0, 0).is_err());
        assert!(montage(&[wide.view(), tall.view()], 1, usize::MAX, 0).is_err());
        assert!(montage(&[wide.view(), wide.view()], 1, usize::MAX, 0).is_err());
    }
}
