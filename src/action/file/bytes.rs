//! The bytes of a FITS file, wherever they are: read from a place on, whether the file is gzipped or not. Knows nothing of what is
//! in them but how a FITS file begins.

use std::io::{self, SeekFrom};

use super::unpacked::Unpacked;
use super::{ReadSeek, Reason};

/// The bytes of a FITS file, as they are or gzipped.
pub struct Bytes<'a> {
    source: Source<'a>,
    file_size: u64,
}

enum Source<'a> {
    Plain(Box<dyn ReadSeek + Send + 'a>),
    /// How many bytes there are shows only when they have been read.
    Packed(Box<Unpacked<'a>>),
}

impl<'a> Bytes<'a> {
    pub fn plain(reader: impl ReadSeek + Send + 'a, file_size: u64) -> Bytes<'a> {
        Bytes { source: Source::Plain(Box::new(reader)), file_size }
    }

    /// Those of a gzipped file, unpacked as they are read.
    pub fn gunzip(reader: impl ReadSeek + Send + 'a, file_size: u64) -> Result<Bytes<'a>, Reason> {
        let mut bytes = Bytes { source: Source::Packed(Box::new(Unpacked::new(reader, file_size))), file_size };
        let mut magic = [0; 9];
        let there = bytes.read_at(0, &mut magic)?;
        if !b"SIMPLE  =".starts_with(&magic[..there]) {
            return Err(Reason::Damaged("not a FITS file (gzipped)".to_owned()));
        }
        Ok(bytes)
    }

    pub fn reader(&mut self) -> &mut dyn ReadSeek {
        match &mut self.source {
            Source::Plain(reader) => &mut **reader,
            Source::Packed(reader) => &mut **reader,
        }
    }

    /// Bytes on disk.
    pub fn file_size(&self) -> u64 {
        self.file_size
    }

    pub fn is_packed(&self) -> bool {
        matches!(self.source, Source::Packed(_))
    }

    /// Reads as many bytes as there are and the buffer takes.
    pub fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let reader = self.reader();
        let mut filled = 0;
        if reader.seek(SeekFrom::Start(offset))? < offset {
            return Ok(0);
        }
        while filled < buffer.len() {
            match reader.read(&mut buffer[filled..]) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }

    /// To be called when all that is wanted has been read: damage of a gzipped file may show at its end.
    pub fn finish(&mut self) -> Result<(), Reason> {
        match &mut self.source {
            Source::Plain(_) => Ok(()),
            Source::Packed(reader) => Ok(reader.finish()?),
        }
    }
}
