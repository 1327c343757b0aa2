//! Files of images: a path → an [`Image`], and an image → a file. The format is told by the content when reading (with the
//! suffix for what has no magic number) and by the suffix when writing. Gives every error as `FILE: reason` on one line, and
//! never takes more memory than [`memory_limit`] allows a file of that size. Knows nothing of actions or jobs.

mod animation;
mod bits;
mod bytes;
mod cards;
mod cfitsio;
mod fits;
mod format;
mod frame;
mod hcompress;
mod jpeg;
mod npy;
mod palette;
mod part;
mod pnm;
mod raster;
mod rice;
mod stream;
mod tiff;
mod tiles;
mod unpacked;

use std::fs::File;
use std::io::{self, BufRead, Seek};

use super::header::Header;
use super::image::{Dtype, Image, Pixels};
use crate::disk::{Content, Stamp};
pub use animation::Animation;
pub use cards::{Change, Edit};
pub use format::Format;
pub use frame::Frame;
pub use part::{Part, Wanted};
use stream::Input;
pub use stream::Output;

/// An HDU by its number, 0 being the primary one (as in astropy), or by its EXTNAME, in any case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HduRef {
    Number(usize),
    Name(String),
}

/// What to read of a file.
#[derive(Clone, Debug, Default)]
pub struct ReadOptions {
    /// The HDU of a FITS file; by number, the page of a TIFF and the frame of a GIF or WebP file. Without one, the first that
    /// holds an image; of a TIFF whose pages are grey and of one shape and type, all of them as a cube.
    pub hdu: Option<HduRef>,
    /// One plane of a cube or a colour image, from 0; without it, all of them.
    pub plane: Option<usize>,
}

/// How to write a file.
#[derive(Clone, Copy, Debug, Default)]
pub struct WriteOptions {
    /// The pixel type in the file; without it the image's own, or `uint8` where the format cannot hold that.
    pub dtype: Option<Dtype>,
    /// JPEG quality, 1 to 100; 75 without it, as Pillow.
    pub quality: Option<u8>,
}

/// A file that could not be read or written, and why.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {reason}")]
pub struct FileError {
    pub path: String,
    #[source]
    pub reason: Reason,
}

/// Why a file could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Reason {
    #[error("{}", io_text(.0))]
    Io(#[from] io::Error),
    /// The content is not what it says it is, or not whole.
    #[error("{0}")]
    Damaged(String),
    /// It holds no image, or not the one asked for.
    #[error("{0}")]
    NoImage(String),
    /// A right file with something in it that is not read, or an image the format cannot hold.
    #[error("{0}")]
    Unsupported(String),
    #[error("the image would take {bytes} bytes, more than the {limit} a file of this size may ask for")]
    TooLarge { bytes: u128, limit: u64 },
}

/// The system's words for an error, without Rust's `(os error 2)`.
fn io_text(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => "the file is truncated".to_owned(),
        _ => {
            let text = error.to_string();
            text.split(" (os error").next().unwrap_or_default().to_owned()
        }
    }
}

/// Bytes of pixels that a file of `file_size` bytes may ask for: 256 MiB, or 100 times its size if that is more. Real images
/// compress far less than that; a small file that claims more is a decompression bomb.
pub fn memory_limit(file_size: u64) -> u64 {
    const FLOOR: u64 = 256 << 20;
    FLOOR.max(file_size.saturating_mul(100))
}

/// Refuses, before anything is allocated, an image larger than [`memory_limit`] allows.
fn check_memory(bytes: u128, file_size: u64) -> Result<(), Reason> {
    let limit = memory_limit(file_size);
    if bytes > u128::from(limit) { Err(Reason::TooLarge { bytes, limit }) } else { Ok(()) }
}

/// Reads the image in a file.
pub fn read(path: &str, options: &ReadOptions) -> Result<Image, FileError> {
    read_known(path, options, &|_| false).map(|(image, _)| image)
}

/// The same; and what is in the file as a whole, if that is wanted of a file with such a stamp.
pub fn read_known(
    path: &str,
    options: &ReadOptions,
    is_wanted: &dyn Fn(&Stamp) -> bool,
) -> Result<(Image, Option<Content>), FileError> {
    read_with(path, is_wanted, &|source| read_image(source, options))
}

fn read_with<T>(
    path: &str,
    is_wanted: &dyn Fn(&Stamp) -> bool,
    read: &dyn Fn(&mut Source) -> Result<T, Reason>,
) -> Result<(T, Option<Content>), FileError> {
    let read = || {
        let mut source = Source::open(path)?;
        if is_wanted(&source.stamp) {
            source.reader.hash();
        }
        let image = read(&mut source)?;
        Ok((image, source.reader.content()?))
    };
    read().map_err(|reason| FileError { path: path.to_owned(), reason })
}

/// Reads the image in a file for a purpose, told from its shape (rows, columns): it may come smaller than it is in the file,
/// see [`Wanted`]. Otherwise as [`read()`].
pub fn read_part(path: &str, wanted: impl Fn((usize, usize)) -> Wanted) -> Result<Part, FileError> {
    read_part_known(path, wanted, &|_| false).map(|(part, _)| part)
}

/// The same, as [`read_known`].
pub fn read_part_known(
    path: &str,
    wanted: impl Fn((usize, usize)) -> Wanted,
    is_wanted: &dyn Fn(&Stamp) -> bool,
) -> Result<(Part, Option<Content>), FileError> {
    read_with(path, is_wanted, &|source| match source.format {
        Format::Jpeg => jpeg::read_part(&mut source.reader, source.stamp.size, &wanted),
        _ => Ok(Part::of(read_image(source, &ReadOptions::default())?, &wanted)),
    })
}

/// Reads the header of an image with the keywords of the file's structure (`NAXIS1`, `BITPIX`…); empty for formats other
/// than FITS. No pixel is read.
pub fn read_header(path: &str, options: &ReadOptions) -> Result<Header, FileError> {
    let header = || {
        let mut source = Source::open(path)?;
        match source.format {
            Format::Fits | Format::FitsGz => fits::read_header(&mut source.fits_bytes()?, options.hdu.as_ref()),
            _ => options.no_hdu().map(|()| Header::default()),
        }
    };
    header().map_err(|reason| FileError { path: path.to_owned(), reason })
}

/// Writes an image to a new file, in the format that the suffix of `name` says; errors name `name`. The caller may so write
/// to a temporary sibling and rename it: on an error, what was written is of no use.
///
/// Values going to an integer type are rounded and saturate ([`Pixels::cast`]); nothing is rescaled. Gives what is in the
/// file then.
pub fn write(image: &Image, mut out: Output, name: &str, options: &WriteOptions) -> Result<Content, FileError> {
    let write = move || {
        let format = Format::of_suffix(name)
            .ok_or_else(|| Reason::Unsupported(format!("no format for this suffix (one of {})", format::suffixes())))?;
        if options.quality.is_some_and(|q| format != Format::Jpeg || !(1..=100).contains(&q)) {
            return Err(Reason::Unsupported("quality is for JPEG, from 1 to 100".to_owned()));
        }
        let image = image.cast(format.dtype_to_write(image.dtype(), options.dtype)?);
        match format {
            Format::Fits => fits::write(&image, &mut out)?,
            Format::FitsGz => fits::write_gz(&image, &mut out)?,
            Format::FitsFz => fits::write_compressed(&image, &mut out)?,
            Format::Npy => npy::write(&image, &mut out)?,
            Format::Tiff => tiff::write(&image, &mut out)?,
            Format::Jpeg => jpeg::write(&image, options.quality, &mut out)?,
            Format::Png | Format::Gif | Format::Bmp | Format::WebP => raster::write(&image, format, &mut out)?,
            Format::Pnm => pnm::write(&image, &mut out)?,
        }
        Ok(out.finish()?)
    };
    write().map_err(|reason| FileError { path: name.to_owned(), reason })
}

/// Writes an animated GIF to a new file, whose final name is `name`: for each frame the places of its pixels' colours. Errors
/// as for [`write()`].
pub fn write_animation(
    animation: &Animation,
    frames: impl Iterator<Item = Vec<u8>>,
    mut out: Output,
    name: &str,
) -> Result<Content, FileError> {
    let write = move || {
        if Format::of_suffix(name) != Some(Format::Gif) {
            return Err(Reason::Unsupported("an animation is a .gif".to_owned()));
        }
        animation::write(animation, frames, &mut out)?;
        Ok(out.finish()?)
    };
    write().map_err(|reason| FileError { path: name.to_owned(), reason })
}

fn read_image(source: &mut Source, options: &ReadOptions) -> Result<Image, Reason> {
    match source.format {
        Format::Fits | Format::FitsGz => return fits::read(&mut source.fits_bytes()?, options),
        Format::Tiff => return tiff::read(&mut source.reader, source.stamp.size, options),
        Format::Gif | Format::WebP => {}
        _ => options.no_hdu()?,
    }
    let image = match source.format {
        Format::Npy => npy::read(&mut source.reader, source.stamp.size)?,
        Format::Jpeg => jpeg::read(&mut source.reader, source.stamp.size)?,
        Format::Png | Format::Gif | Format::Bmp | Format::WebP | Format::Pnm => {
            raster::read(&mut source.reader, source.stamp.size, source.format, options.page()?)?
        }
        Format::Fits | Format::FitsGz | Format::FitsFz | Format::Tiff => unreachable!("was read above"),
    };
    match options.plane {
        Some(plane) => one_plane(image, plane),
        None => Ok(image),
    }
}

impl ReadOptions {
    fn no_hdu(&self) -> Result<(), Reason> {
        match self.hdu {
            Some(_) => Err(Reason::NoImage("hdu= is for FITS, TIFF, GIF and WebP files".to_owned())),
            None => Ok(()),
        }
    }

    /// The page or frame of a picture that may have several.
    fn page(&self) -> Result<Option<usize>, Reason> {
        match &self.hdu {
            None => Ok(None),
            Some(HduRef::Number(number)) => Ok(Some(*number)),
            Some(HduRef::Name(_)) => Err(Reason::NoImage("hdu= by name is for FITS files".to_owned())),
        }
    }
}

fn one_plane(image: Image, plane: usize) -> Result<Image, Reason> {
    let planes = image.shape()[0];
    if plane >= planes {
        return Err(no_plane(plane, planes));
    }
    let range = ndarray::s![plane..=plane, .., ..];
    let pixels = super::image::each_dtype!(image.pixels(), a => Pixels::from(a.slice(range).to_owned()));
    Ok(image.with_pixels(pixels))
}

fn no_plane(plane: usize, planes: usize) -> Reason {
    Reason::NoImage(format!("no plane {plane}: the image has {planes}, counted from 0"))
}

/// Bytes to decode, from a file or from memory. The decoders take a reference to this trait and no type parameter: each of
/// them would otherwise be compiled for every kind of reader.
trait ReadSeek: BufRead + Seek {}
impl<T: BufRead + Seek> ReadSeek for T {}

/// A file opened for reading, and what it is.
struct Source {
    reader: Input,
    stamp: Stamp,
    format: Format,
}

impl Source {
    fn open(path: &str) -> Result<Source, Reason> {
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        if metadata.is_dir() {
            return Err(Reason::NoImage("is a folder".to_owned()));
        }
        if !metadata.is_file() {
            return Err(Reason::Unsupported("not a regular file".to_owned()));
        }
        let stamp = Stamp::of(&metadata);
        let mut reader = Input::new(file, stamp);
        let magic = reader.fill_buf()?;
        let magic = &magic[..magic.len().min(16)];
        if magic.is_empty() {
            return Err(Reason::Damaged("the file is empty".to_owned()));
        }
        let format = Format::of_content(magic);
        let named = Format::of_suffix(path);
        // A picture's suffix is often wrong and does no harm; one of FITS or NumPy makes a promise about the values.
        let is_promised = |named: Format| named.is_data() && format.is_none_or(|found| !found.is_data());
        let format = match (named, format) {
            (Some(named), _) if is_promised(named) => return Err(Reason::Damaged(format!("not {}", named.name()))),
            (_, Some(format)) => format,
            (named, None) => {
                let what = named.map_or("an image of a known format", Format::name);
                return Err(Reason::Damaged(format!("not {what}")));
            }
        };
        Ok(Source { reader, stamp, format })
    }

    /// The FITS bytes in the file, unpacked if it is gzipped.
    fn fits_bytes(&mut self) -> Result<bytes::Bytes<'_>, Reason> {
        match self.format {
            Format::FitsGz => bytes::Bytes::gunzip(&mut self.reader, self.stamp.size),
            _ => Ok(bytes::Bytes::plain(&mut self.reader, self.stamp.size)),
        }
    }

    /// The same, for longer than this source lives.
    fn into_fits_bytes(self) -> Result<bytes::Bytes<'static>, Reason> {
        match self.format {
            Format::FitsGz => bytes::Bytes::gunzip(self.reader, self.stamp.size),
            _ => Ok(bytes::Bytes::plain(self.reader, self.stamp.size)),
        }
    }
}

/// The size of an image that has pixels, or why it has none.
fn check_not_empty(width: u64, height: u64) -> Result<(), Reason> {
    if width == 0 || height == 0 {
        return Err(Reason::NoImage(format!("the image has no pixels ({width} × {height})")));
    }
    Ok(())
}
