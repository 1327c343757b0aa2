//! Pixel kernels: arrays in, arrays out. Knows numbers only; never files, headers or jobs.
//!
//! An image is an [`ndarray::Array2`] indexed `[row, column]`, of `f32` or `f64` ([`Sample`]). Names, parameters and
//! conventions are those of scipy.ndimage, scikit-image, astropy and Pillow. Kernels run on the rayon pool of their
//! caller, give the same bytes for any number of threads, and answer odd input with a [`PixelError`].

pub mod assignment;
pub mod blocks;
pub mod border;
pub mod calibrate;
pub mod clip;
pub mod colormap;
pub mod combine;
pub mod convolve;
pub mod cosmology;
pub mod dct;
pub mod elementwise;
mod error;
pub mod fourier;
pub mod fractal;
pub mod gaussian;
pub mod geometry;
mod inside;
pub mod lupton;
pub mod median;
pub mod montage;
pub mod mosaic;
mod network;
pub mod padding;
pub mod palette;
mod radix;
pub mod random;
mod ranks;
pub mod resize;
pub mod rotate;
mod sample;
mod separable;
pub mod sliding;
pub mod statistics;
pub mod stretch;
pub mod unsharp;
pub mod ycbcr;

pub use border::Border;
pub use error::PixelError;
pub use sample::Sample;
