//! Pixel kernels: arrays in, arrays out. Knows numbers only; never files, headers or jobs.
//!
//! An image is an [`ndarray::Array2`] indexed `[row, column]`, of `f32` or `f64` ([`Sample`]). Names, parameters and
//! conventions are those of scipy.ndimage, scikit-image, astropy and Pillow. Kernels run on the rayon pool of their
//! caller, give the same bytes for any number of threads, and answer odd input with a [`PixelError`].

pub mod border;
pub mod convolve;
pub mod gaussian;
mod inside;
pub mod median;
mod network;
mod radix;
mod ranks;
mod sample;

mod error;

pub use border::Border;
pub use error::PixelError;
pub use sample::Sample;
