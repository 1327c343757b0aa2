//! Whether a RICE stream (FITS 4.0, section 10.4.1) holds all the pixels of its tile. CFITSIO looks for the end only after
//! each block, and reads memory behind a stream that is cut off or corrupt; so its bits are counted here first.

use super::bits::Bits;
use crate::action::header::{Header, Value};

/// How the streams of an image are coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rice {
    /// Pixels of a block.
    block: usize,
    /// Bytes of a pixel as it was coded: 1, 2, or 4.
    pixel: usize,
}

impl Rice {
    /// Reads the parameters as CFITSIO does, which goes by their numbers and not by their names; None if it must not be
    /// given them: a block of no pixels would never end.
    pub fn of(header: &Header) -> Option<Rice> {
        let is_old = header.str("ZNAME2") == Some("NOISEBIT");
        let first = header.int("ZVAL1")?;
        let second = match header.get("ZVAL2") {
            Some(Value::Int(second)) if !is_old => *second,
            Some(_) if !is_old => return None,
            _ => 4,
        };
        let (block, pixel) = if first < 16 && second > 8 { (second, first) } else { (first, second) };
        let pixel = match pixel {
            1 | 2 => pixel as usize,
            4 | 8 => 4,
            _ => return None,
        };
        matches!(block, 16 | 32).then_some(Rice { block: block as usize, pixel })
    }

    /// Whether the stream has the bits that so many pixels take.
    pub fn holds(self, stream: &[u8], pixels: usize) -> bool {
        self.end(stream, pixels).is_some()
    }

    /// Walks the blocks: each begins with the number of low bits that follow the ones in unary code, less one; the least value
    /// means that all pixels are as the one before, the greatest that they are not coded.
    fn end(self, stream: &[u8], pixels: usize) -> Option<usize> {
        let (head, plain) = match self.pixel {
            1 => (3, 6),
            2 => (4, 14),
            _ => (5, 25),
        };
        // The first pixel goes before. The decoder takes a byte ahead even where no block follows.
        let mut bits = Bits::new(stream.get(self.pixel..)?);
        bits.clone().skip(8)?;
        let mut left = pixels;
        while left > 0 {
            let count = left.min(self.block);
            left -= count;
            match bits.take(head)? {
                0 => {}
                low if low == plain + 1 => bits.skip(count * 8 * self.pixel)?,
                low => {
                    // The one that ends the zeros, and the low bits.
                    for _ in 0..count {
                        bits.skip_zeros()?;
                        bits.skip(low as usize)?;
                    }
                }
            }
        }
        Some(bits.at())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A block in which all pixels are as the first, one of two low bits, and one that is not coded.
    #[test]
    fn the_bits_of_every_kind_of_block_are_counted() {
        let rice = Rice { block: 16, pixel: 2 };
        let walk = |blocks: &[u8], pixels| rice.end(&[&[0, 7], blocks].concat(), pixels);
        assert_eq!(walk(&[0b0000_0000], 16), Some(4));
        assert_eq!(walk(&[0b0000_0000], 17), Some(8));
        assert_eq!(walk(&[0b0000_0000], 33), None);
        // Three low bits less one: 1 and two bits, then 001 and two.
        assert_eq!(walk(&[0b0011_1110, 0b0111_0000], 2), Some(12));
        assert_eq!(walk(&[0b0011_1110], 2), None);
        let plain = [&[0xf0][..], &[0xff; 4]].concat();
        assert_eq!(walk(&plain, 2), Some(36));
        assert_eq!(walk(&plain[..4], 2), None);
        assert_eq!(rice.end(&[0, 7], 1), None);
    }

    #[test]
    fn zeros_that_never_end_are_noticed() {
        let rice = Rice { block: 32, pixel: 4 };
        let mut stream = vec![0; 100];
        stream[4] = 0b0001_0000;
        assert!(!rice.holds(&stream, 1));
        stream.push(0x80);
        assert!(rice.holds(&stream, 1));
    }

    #[test]
    fn parameters_are_taken_by_their_numbers() {
        let rice = |cards: &[(&str, Value)]| {
            let mut header = Header::default();
            cards.iter().for_each(|(keyword, value)| header.set(keyword, value.clone()));
            Rice::of(&header)
        };
        let int = |keyword, number| (keyword, Value::Int(number));
        assert_eq!(rice(&[int("ZVAL1", 32), int("ZVAL2", 2)]), Some(Rice { block: 32, pixel: 2 }));
        assert_eq!(rice(&[int("ZVAL1", 2), int("ZVAL2", 16)]), Some(Rice { block: 16, pixel: 2 }));
        assert_eq!(rice(&[int("ZVAL1", 32)]), Some(Rice { block: 32, pixel: 4 }));
        let old = ("ZNAME2", Value::Str("NOISEBIT".to_owned()));
        assert_eq!(rice(&[int("ZVAL1", 32), int("ZVAL2", 3), old]), Some(Rice { block: 32, pixel: 4 }));
        for wrong in [&[int("ZVAL1", 0), int("ZVAL2", 4)][..], &[int("ZVAL1", 32), int("ZVAL2", 3)], &[]] {
            assert_eq!(rice(wrong), None);
        }
    }
}
