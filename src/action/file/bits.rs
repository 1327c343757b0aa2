//! A stream of bytes as one of bits, for walking through compressed data and never beyond their end.

/// Bits from the highest of each byte on.
#[derive(Clone)]
pub struct Bits<'a> {
    stream: &'a [u8],
    at: usize,
}

impl<'a> Bits<'a> {
    pub fn new(stream: &'a [u8]) -> Bits<'a> {
        Bits { stream, at: 0 }
    }

    /// Bits read so far.
    pub fn at(&self) -> usize {
        self.at
    }

    /// To the next whole byte.
    pub fn align(&mut self) {
        self.at = self.at.next_multiple_of(8);
    }

    /// The next bits, 57 of them at least, with zeros behind the end.
    fn window(&self) -> u64 {
        let rest = &self.stream[(self.at / 8).min(self.stream.len())..];
        let word = match rest.first_chunk::<8>() {
            Some(bytes) => *bytes,
            None => std::array::from_fn(|n| rest.get(n).copied().unwrap_or(0)),
        };
        u64::from_be_bytes(word) << (self.at % 8)
    }

    /// None beyond the end.
    pub fn skip(&mut self, count: usize) -> Option<()> {
        self.at += count;
        (self.at <= 8 * self.stream.len()).then_some(())
    }

    /// At most 57 bits.
    pub fn take(&mut self, count: usize) -> Option<u64> {
        let bits = self.window() >> (64 - count);
        self.skip(count).map(|()| bits)
    }

    /// To the next one that is set.
    pub fn skip_zeros(&mut self) -> Option<()> {
        loop {
            match self.window() {
                0 => self.skip(57)?,
                window => return self.skip(window.leading_zeros() as usize),
            }
        }
    }
}
