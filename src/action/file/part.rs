//! A part of an image that is to be shown at some size: what a reader may leave out of it. A file that can be decoded at half,
//! a quarter or an eighth of its size is, as long as what comes of it is still larger than what is wanted, so that the
//! filter decides how it looks. Knows no format.

use crate::action::image::Image;
use crate::pixel::resize::{Filter, Region};

/// What is wanted of an image.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Wanted {
    /// The part that is shown; pixels around it may serve a filter.
    pub region: Region,
    /// The rows and columns that this is to become.
    pub size: (usize, usize),
    /// How many times larger than that the part must be when it is read.
    gap: f64,
}

impl Wanted {
    /// A region at another size, by that filter. What is read is at least twice as large, as with Pillow's `reducing_gap=2.0`;
    /// four times for a mean, whose edges are whole pixels; and whole where single pixels are picked.
    pub fn new(region: Region, size: (usize, usize), filter: Filter) -> Wanted {
        let gap = match filter {
            Filter::Nearest => f64::INFINITY,
            Filter::Box => 4.0,
            Filter::Bilinear | Filter::Bicubic | Filter::Lanczos => 2.0,
        };
        Wanted { region, size, gap }
    }

    /// An image of that shape as it is.
    pub fn whole(shape: (usize, usize)) -> Wanted {
        Wanted { region: Region::whole(shape), size: shape, gap: f64::INFINITY }
    }

    /// Whether an image will do that is so many times smaller on either side.
    pub fn allows(&self, factor: usize) -> bool {
        let least = self.gap * factor as f64;
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
        let Wanted { region, size, .. } = wanted((height, width));
        Part { image, region, size }
    }
}
