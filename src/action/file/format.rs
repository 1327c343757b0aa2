//! The formats of image files: which one a content or a suffix means, and the pixel types each can hold.

use super::Reason;
use crate::action::image::Dtype;

/// A format of image files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Fits,
    FitsGz,
    FitsFz,
    Npy,
    Png,
    Tiff,
    Jpeg,
    Gif,
    Bmp,
    WebP,
    Pnm,
}

/// Suffixes in lower case, longer ones before those they end with.
const SUFFIXES: [(&str, Format); 20] = [
    (".fits.gz", Format::FitsGz),
    (".fit.gz", Format::FitsGz),
    (".fts.gz", Format::FitsGz),
    (".fits.fz", Format::FitsFz),
    (".fit.fz", Format::FitsFz),
    (".fits", Format::Fits),
    (".fit", Format::Fits),
    (".fts", Format::Fits),
    (".npy", Format::Npy),
    (".png", Format::Png),
    (".tiff", Format::Tiff),
    (".tif", Format::Tiff),
    (".jpeg", Format::Jpeg),
    (".jpg", Format::Jpeg),
    (".gif", Format::Gif),
    (".bmp", Format::Bmp),
    (".webp", Format::WebP),
    (".pgm", Format::Pnm),
    (".ppm", Format::Pnm),
    (".pnm", Format::Pnm),
];

/// Every suffix, for messages.
pub fn suffixes() -> String {
    SUFFIXES.map(|(suffix, _)| suffix).join(" ")
}

impl Format {
    /// The format that a file's name asks for.
    pub fn of_suffix(name: &str) -> Option<Format> {
        let name = name.to_ascii_lowercase();
        SUFFIXES.iter().find(|(suffix, _)| name.ends_with(suffix)).map(|&(_, format)| format)
    }

    /// The format of a file that begins with these bytes (16 are enough). Any gzip file is taken for FITS.
    pub fn of_content(magic: &[u8]) -> Option<Format> {
        let starts = |with: &[u8]| magic.starts_with(with);
        Some(match magic {
            _ if starts(b"SIMPLE  =") => Format::Fits,
            _ if starts(b"\x1f\x8b") => Format::FitsGz,
            _ if starts(b"\x93NUMPY") => Format::Npy,
            _ if starts(b"\x89PNG\r\n\x1a\n") => Format::Png,
            _ if starts(b"\xff\xd8\xff") => Format::Jpeg,
            _ if starts(b"GIF87a") || starts(b"GIF89a") => Format::Gif,
            _ if starts(b"II*\0") || starts(b"MM\0*") || starts(b"II+\0") || starts(b"MM\0+") => Format::Tiff,
            _ if starts(b"RIFF") && magic.get(8..12) == Some(b"WEBP") => Format::WebP,
            _ if starts(b"BM") => Format::Bmp,
            [b'P', b'1'..=b'7', space, ..] if space.is_ascii_whitespace() => Format::Pnm,
            _ => return None,
        })
    }

    /// What to call it in messages.
    pub fn name(self) -> &'static str {
        match self {
            Format::Fits | Format::FitsGz => "a FITS file",
            Format::FitsFz => "a compressed FITS file",
            Format::Npy => "a NumPy file",
            Format::Png => "a PNG file",
            Format::Tiff => "a TIFF file",
            Format::Jpeg => "a JPEG file",
            Format::Gif => "a GIF file",
            Format::Bmp => "a BMP file",
            Format::WebP => "a WebP file",
            Format::Pnm => "a PNM file",
        }
    }

    /// Whether it holds measured values rather than a picture.
    pub fn is_data(self) -> bool {
        matches!(self, Format::Fits | Format::FitsGz | Format::FitsFz | Format::Npy)
    }

    fn holds(self, dtype: Dtype) -> bool {
        match self {
            Format::Fits | Format::FitsGz | Format::Npy | Format::Tiff => true,
            Format::FitsFz => dtype != Dtype::I64, // CFITSIO compresses no 64-bit integers
            Format::Png | Format::Pnm => matches!(dtype, Dtype::U8 | Dtype::U16),
            Format::Jpeg | Format::Gif | Format::Bmp | Format::WebP => dtype == Dtype::U8,
        }
    }

    /// The pixel type to write: what was asked for, or the image's own, or `uint8` where a picture format has no such type.
    pub fn dtype_to_write(self, image: Dtype, asked: Option<Dtype>) -> Result<Dtype, Reason> {
        match asked {
            Some(dtype) if self.holds(dtype) => Ok(dtype),
            None if self.holds(image) => Ok(image),
            None if self.holds(Dtype::U8) && self != Format::FitsFz => Ok(Dtype::U8),
            None | Some(_) => {
                Err(Reason::Unsupported(format!("{} cannot hold {}", self.name(), asked.unwrap_or(image))))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suffixes_in_any_case() {
        assert_eq!(Format::of_suffix("a/b.FITS"), Some(Format::Fits));
        assert_eq!(Format::of_suffix("a.fits.gz"), Some(Format::FitsGz));
        assert_eq!(Format::of_suffix("a.fits.fz"), Some(Format::FitsFz));
        assert_eq!(Format::of_suffix("a.gz"), None);
    }

    #[test]
    fn pictures_take_floats_as_bytes_unless_asked() {
        assert_eq!(Format::Png.dtype_to_write(Dtype::F64, None).ok(), Some(Dtype::U8));
        assert_eq!(Format::Png.dtype_to_write(Dtype::F64, Some(Dtype::U16)).ok(), Some(Dtype::U16));
        assert!(Format::Png.dtype_to_write(Dtype::U8, Some(Dtype::F32)).is_err());
        assert!(Format::FitsFz.dtype_to_write(Dtype::I64, None).is_err());
    }
}
