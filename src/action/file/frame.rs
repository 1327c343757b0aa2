//! A frame of a series, read a stretch of pixels at a time: many of them can be worked on together in the memory of a few.
//! Comes from a path or an image; gives header, shape and pixels in reading order. FITS files, plain, gzipped and
//! tile-compressed, stay on disk; what is both gzipped and tile-compressed, and pictures, are kept whole. Knows nothing of
//! actions.

use std::fs::File;
use std::io::BufReader;
use std::sync::{Mutex, PoisonError};

use ndarray::Array3;

use super::bytes::Bytes;
use super::fits::ImageHdu;
use super::{FileError, Format, ReadOptions, Reason, Source, read_image};
use crate::action::header::Header;
use crate::action::image::{Dtype, Image, Pixels, Sample, each_dtype};

/// One frame.
pub struct Frame {
    /// The name for errors.
    name: String,
    place: Place,
}

enum Place {
    File {
        path: String,
        size: u64,
        hdu: Box<ImageHdu>,
    },
    /// Open, because it is read on from where it was.
    Packed {
        bytes: Mutex<Bytes<'static>>,
        hdu: Box<ImageHdu>,
    },
    Memory(Image),
}

impl From<Image> for Frame {
    fn from(image: Image) -> Frame {
        Frame { name: "an image".to_owned(), place: Place::Memory(image) }
    }
}

impl Frame {
    /// Opens the file at `path`; errors call it `name`.
    pub fn open(path: &str, name: &str) -> Result<Frame, FileError> {
        let open = || {
            let source = Source::open(path)?;
            let (format, size) = (source.format, source.stamp.size);
            if !matches!(format, Format::Fits | Format::FitsGz) {
                return Ok(Place::Memory(read_image(&mut Source::open(path)?, &ReadOptions::default())?));
            }
            let mut bytes = source.into_fits_bytes()?;
            let hdu = Box::new(ImageHdu::find(&mut bytes, None)?);
            Ok(match format {
                Format::Fits => Place::File { path: path.to_owned(), size, hdu },
                _ if hdu.is_plain() => Place::Packed { bytes: Mutex::new(bytes), hdu },
                _ => Place::Memory(read_image(&mut Source::open(path)?, &ReadOptions::default())?),
            })
        };
        let place = open().map_err(|reason| FileError { path: name.to_owned(), reason })?;
        Ok(Frame { name: name.to_owned(), place })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// `[planes, height, width]`.
    pub fn shape(&self) -> [usize; 3] {
        match &self.place {
            Place::File { hdu, .. } | Place::Packed { hdu, .. } => hdu.shape(),
            Place::Memory(image) => image.shape(),
        }
    }

    pub fn dtype(&self) -> Dtype {
        match &self.place {
            Place::File { hdu, .. } | Place::Packed { hdu, .. } => hdu.dtype(),
            Place::Memory(image) => image.dtype(),
        }
    }

    /// The header, without the keywords of a file's structure.
    pub fn header(&self) -> Header {
        match &self.place {
            Place::File { hdu, .. } | Place::Packed { hdu, .. } => hdu.header().clone().without_structure(),
            Place::Memory(image) => image.header().clone(),
        }
    }

    /// `count` pixels in reading order (planes, rows, columns) from the `first`, as one row.
    pub fn pixels(&self, first: usize, count: usize) -> Result<Pixels, FileError> {
        match &self.place {
            Place::Memory(image) => Ok(each_dtype!(image.pixels(), a => stretch(a, first, count))),
            Place::File { path, size, hdu } => {
                let read = || {
                    let mut reader = BufReader::new(File::open(path)?);
                    hdu.pixels(&mut Bytes::plain(&mut reader, *size), first, count)
                };
                read().map_err(|reason: Reason| FileError { path: self.name.clone(), reason })
            }
            Place::Packed { bytes, hdu } => {
                let read = || {
                    // Whoever panicked here left it at some place, and every place is as good.
                    let mut bytes = bytes.lock().unwrap_or_else(PoisonError::into_inner);
                    let pixels = hdu.pixels(&mut bytes, first, count)?;
                    if first + count == hdu.shape().iter().product::<usize>() {
                        bytes.finish()?;
                    }
                    Ok(pixels)
                };
                read().map_err(|reason: Reason| FileError { path: self.name.clone(), reason })
            }
        }
    }
}

fn stretch<T: Sample>(pixels: &Array3<T>, first: usize, count: usize) -> Pixels {
    let all = pixels.as_slice().expect("images are kept in C order");
    let part = all[first..first + count].to_vec();
    T::pixels(Array3::from_shape_vec((1, 1, count), part).expect("a row of so many pixels"))
}
