//! Files as they are read and written: buffered, and hashed on the way, so that nobody has to read a file again to know what
//! is in it. Gives a [`Content`] when all is through. Knows nothing of formats.

use std::fs::File;
use std::io::{self, BufRead, BufWriter, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use crate::disk::{Content, Stamp};

/// What is read or written at a time.
const BUFFER: usize = 64 << 10;

/// A file that is read: wherever the reader goes, each byte is hashed once, in the order of the file.
pub struct Input {
    file: File,
    stamp: Stamp,
    buffer: Vec<u8>,
    /// Where the buffer begins in the file; what of it holds bytes, and how many of those were taken.
    start: u64,
    filled: usize,
    taken: usize,
    /// The bytes up to a place, hashed; nothing where nobody wants to know.
    hashed: Option<(blake3::Hasher, u64)>,
}

impl Input {
    pub fn new(file: File, stamp: Stamp) -> Input {
        Input { file, stamp, buffer: Vec::new(), start: 0, filled: 0, taken: 0, hashed: None }
    }

    /// Hashes the file from now on; nothing of it may have been taken.
    pub fn hash(&mut self) {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.buffer[..self.filled]);
        self.hashed = Some((hasher, self.filled as u64));
    }

    /// What is in the file, if that is wanted; reads what was not read so far.
    pub fn content(self) -> io::Result<Option<Content>> {
        let Some((mut hasher, mut at)) = self.hashed else { return Ok(None) };
        let mut buffer = self.buffer;
        buffer.resize(BUFFER, 0);
        while at < self.stamp.size {
            match self.file.read_at(&mut buffer, at)? {
                0 => break,
                count => {
                    hasher.update(&buffer[..count]);
                    at += count as u64;
                }
            }
        }
        Ok(Some(Content { stamp: self.stamp, hash: *hasher.finalize().as_bytes() }))
    }

    fn place(&self) -> u64 {
        self.start + self.taken as u64
    }
}

/// Hashes what was read at a place, as far as it is new and nothing is missing before it.
fn see(hashed: &mut Option<(blake3::Hasher, u64)>, at: u64, bytes: &[u8]) {
    let Some((hasher, until)) = hashed else { return };
    let end = at + bytes.len() as u64;
    if at <= *until && *until < end {
        hasher.update(&bytes[(*until - at) as usize..]);
        *until = end;
    }
}

impl Read for Input {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.taken == self.filled && out.len() >= BUFFER {
            let at = self.place();
            let count = self.file.read_at(out, at)?;
            see(&mut self.hashed, at, &out[..count]);
            (self.start, self.filled, self.taken) = (at + count as u64, 0, 0);
            return Ok(count);
        }
        let count = self.fill_buf()?.read(out)?;
        self.consume(count);
        Ok(count)
    }
}

impl BufRead for Input {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.taken == self.filled {
            self.buffer.resize(self.stamp.size.clamp(1, BUFFER as u64) as usize, 0);
            let at = self.place();
            let count = self.file.read_at(&mut self.buffer, at)?;
            see(&mut self.hashed, at, &self.buffer[..count]);
            (self.start, self.filled, self.taken) = (at, count, 0);
        }
        Ok(&self.buffer[self.taken..self.filled])
    }

    fn consume(&mut self, count: usize) {
        self.taken = (self.taken + count).min(self.filled);
    }
}

impl Seek for Input {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let place = match to {
            SeekFrom::Start(place) => Some(place),
            SeekFrom::Current(by) => self.place().checked_add_signed(by),
            SeekFrom::End(by) => self.stamp.size.checked_add_signed(by),
        };
        let place = place.ok_or(io::ErrorKind::InvalidInput)?;
        match place.checked_sub(self.start) {
            Some(taken) if taken <= self.filled as u64 => self.taken = taken as usize,
            _ => (self.start, self.filled, self.taken) = (place, 0, 0),
        }
        Ok(place)
    }
}

/// A file that is written from front to end.
pub struct Output {
    out: BufWriter<Hashing>,
}

struct Hashing {
    file: Arc<File>,
    hasher: blake3::Hasher,
}

impl Output {
    /// Of an empty file.
    pub fn new(file: impl Into<Arc<File>>) -> Output {
        let out = Hashing { file: file.into(), hasher: blake3::Hasher::new() };
        Output { out: BufWriter::with_capacity(BUFFER, out) }
    }

    /// Writes what is still to be written; gives what is in the file now.
    pub fn finish(self) -> io::Result<Content> {
        let Hashing { file, hasher } = self.out.into_inner().map_err(io::IntoInnerError::into_error)?;
        Ok(Content { stamp: Stamp::of(&file.metadata()?), hash: *hasher.finalize().as_bytes() })
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write(bytes)
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

impl Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.file.write(bytes)?;
        self.hasher.update(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Debug, Clone)]
    enum Step {
        Read(usize),
        Seek(u64),
        Back(i64),
        End(i64),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let size = 0..400_000usize;
        prop::collection::vec(
            prop_oneof![
                size.clone().prop_map(Step::Read),
                (0..100usize).prop_map(Step::Read),
                size.prop_map(|at| Step::Seek(at as u64)),
                (0..300i64).prop_map(|by| Step::Back(-by)),
                (0..90_000i64).prop_map(|by| Step::End(-by)),
            ],
            0..12,
        )
    }

    proptest! {
        /// However a file is read, it reads like any file, and its hash is that of its content.
        #[test]
        fn an_input_reads_like_a_file_and_knows_its_content(size in 0..300_000usize, steps in steps()) {
            let bytes: Vec<u8> = (0..size).map(|at| (at * at / 7) as u8).collect();
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("file");
            let mut out = Output::new(File::create(&path).unwrap());
            for part in bytes.chunks(1000) {
                out.write_all(part).unwrap();
            }
            let written = out.finish().unwrap();
            let file = File::open(&path).unwrap();
            let stamp = Stamp::of(&file.metadata().unwrap());
            let mut input = Input::new(file, stamp);
            prop_assert_eq!(input.fill_buf().unwrap(), &bytes[..size.min(BUFFER)]);
            input.hash();
            let mut plain = File::open(&path).unwrap();
            for step in steps {
                let seek = |seek: &mut dyn Seek, to: SeekFrom| seek.seek(to).ok();
                match step {
                    Step::Read(count) => {
                        let (mut one, mut other) = (Vec::new(), Vec::new());
                        (&mut input).take(count as u64).read_to_end(&mut one).unwrap();
                        (&mut plain).take(count as u64).read_to_end(&mut other).unwrap();
                        prop_assert!(one == other);
                    }
                    Step::Seek(at) => {
                        let to = SeekFrom::Start(at);
                        prop_assert_eq!(seek(&mut input, to), seek(&mut plain, to));
                    }
                    Step::Back(by) => {
                        let to = SeekFrom::Current(by);
                        prop_assert_eq!(seek(&mut input, to), seek(&mut plain, to));
                    }
                    Step::End(by) => {
                        let to = SeekFrom::End(by);
                        prop_assert_eq!(seek(&mut input, to), seek(&mut plain, to));
                    }
                }
            }
            let content = input.content().unwrap().unwrap();
            prop_assert_eq!(content.hash, *blake3::hash(&bytes).as_bytes());
            prop_assert_eq!(content, written);
        }
    }
}
