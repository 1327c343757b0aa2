//! A gzipped file as the bytes in it: they are unpacked as they are read, and a step back begins anew, so that the memory is that
//! of a buffer whatever the file holds. Bounded: more than a file of its size may ask for is an error.

use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::mem;

use flate2::bufread::MultiGzDecoder;

use super::{ReadSeek, memory_limit};

/// The unpacked bytes.
pub struct Unpacked<'a> {
    decoder: BufReader<MultiGzDecoder<Box<dyn ReadSeek + Send + 'a>>>,
    at: u64,
    limit: u64,
}

impl<'a> Unpacked<'a> {
    pub fn new(packed: impl ReadSeek + Send + 'a, file_size: u64) -> Unpacked<'a> {
        Unpacked { decoder: decoder(Box::new(packed)), at: 0, limit: memory_limit(file_size) }
    }

    /// Reads what is left, which is where a damaged file shows by its checksum.
    pub fn finish(&mut self) -> io::Result<()> {
        io::copy(self, &mut io::sink()).map(|_| ())
    }

    fn begin_anew(&mut self) -> io::Result<()> {
        let mut packed = mem::replace(self.decoder.get_mut().get_mut(), Box::new(io::empty()));
        packed.seek(SeekFrom::Start(0))?;
        self.decoder = decoder(packed);
        self.at = 0;
        Ok(())
    }
}

fn decoder(packed: Box<dyn ReadSeek + Send + '_>) -> BufReader<MultiGzDecoder<Box<dyn ReadSeek + Send + '_>>> {
    BufReader::with_capacity(1 << 16, MultiGzDecoder::new(packed))
}

impl Read for Unpacked<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(buffer)?;
        self.consume(count);
        Ok(count)
    }
}

impl BufRead for Unpacked<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.at > self.limit {
            let text = format!("it unpacks to more than the {} bytes a file of this size may ask for", self.limit);
            return Err(io::Error::other(text));
        }
        self.decoder.fill_buf()
    }

    fn consume(&mut self, count: usize) {
        self.decoder.consume(count);
        self.at += count as u64;
    }
}

impl Seek for Unpacked<'_> {
    /// From the start only; a place beyond the end is the end.
    fn seek(&mut self, place: SeekFrom) -> io::Result<u64> {
        let SeekFrom::Start(place) = place else { return Err(io::ErrorKind::Unsupported.into()) };
        if place < self.at {
            self.begin_anew()?;
        }
        let distance = place - self.at;
        io::copy(&mut self.by_ref().take(distance), &mut io::sink())?;
        Ok(self.at)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write};

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn packed(bytes: &[u8]) -> Vec<u8> {
        let mut gz = GzEncoder::new(Vec::new(), Compression::default());
        gz.write_all(bytes).expect("writes to memory");
        gz.finish().expect("writes to memory")
    }

    #[test]
    fn any_place_is_found_forwards_and_backwards() {
        let bytes: Vec<u8> = (0..200_000u64).map(|n| ((n * n) >> 8) as u8).collect();
        let packed = packed(&bytes);
        let mut unpacked = Unpacked::new(Cursor::new(packed.clone()), packed.len() as u64);
        for place in [0, 5, 150_000, 3, 199_990, 70_000] {
            let mut read = [0; 10];
            unpacked.seek(SeekFrom::Start(place as u64)).expect("a place in the file");
            unpacked.read_exact(&mut read).expect("ten more bytes");
            assert_eq!(read, bytes[place..place + 10]);
        }
        assert_eq!(unpacked.seek(SeekFrom::Start(1 << 40)).expect("the end"), 200_000);
    }

    #[test]
    fn damage_shows_at_the_end_at_the_latest() {
        let mut packed = packed(&[7; 1000]);
        let checksum = packed.len() - 8;
        packed[checksum] ^= 1;
        let size = packed.len() as u64;
        assert!(Unpacked::new(Cursor::new(packed), size).finish().is_err());
    }
}
