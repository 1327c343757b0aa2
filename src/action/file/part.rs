//! A part of an image that is to be shown at some size: what a reader may leave out of it. A file that can be decoded at half,
//! a quarter or an eighth of its size is, as long as what comes of it is twice as large as what is wanted. Knows no format.

use crate::action::image::Image;
use crate::pixel::resize::Region;

/// How many times the size that is wanted an image must have, to be resampled further: with less, what the first step leaves
/// of it would show. Pillow's `reducing_gap`.
const GAP: f64 = 2.0;

/// What is wanted of an image.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Wanted {
    /// The part that is shown; pixels around it may serve a filter.
    pub region: Region,
    /// The rows and columns that this is to become.
    pub size: (usize, usize),
}

impl Wanted {
    /// An image of that shape as it is.
    pub fn whole(shape: (usize, usize)) -> Wanted {
        Wanted { region: Region::whole(shape), size: shape }
    }

    /// Whether an image will do that is so many times smaller on either side.
    pub fn allows(&self, factor: usize) -> bool {
        let least = GAP * factor as f64;
        self.region.height >= least * self.size.0 as f64 && self.region.width >= least * self.size.1 as f64
    }
}

/// An image as it was read for a purpose.
#[derive(Debug, Clone)]
pub struct Part {
    pub image: Image,
    /// What is wanted, in this image's pixels.
    pub region: Region,
    /// The rows and columns that it is to become.
    pub size: (usize, usize),
}

impl Part {
    /// Of an image that is there already.
    pub fn of(image: Image, wanted: impl Fn((usize, usize)) -> Wanted) -> Part {
        let [_, height, width] = image.shape();
        let Wanted { region, size } = wanted((height, width));
        Part { image, region, size }
    }
}
