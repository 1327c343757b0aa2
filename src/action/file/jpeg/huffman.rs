//! JPEG's entropy-coded data (ITU-T T.81, annex F): Huffman tables, bits, and the coefficients of a block. Anything that is
//! not as the standard has it gives None. Knows nothing of frames.

/// Bits that are looked up at once.
const LOOKUP: u32 = 10;

/// A Huffman table.
pub struct Table {
    /// For the next bits, the symbol that they begin with; of no length where it is longer.
    fast: Box<[Symbol; 1 << LOOKUP]>,
    /// For each length, the first 16 bits beyond its codes.
    ends: [u32; 17],
    /// For each length, what its first code must be shifted by to be the place of its symbol.
    shifts: [i32; 17],
    symbols: [u8; 256],
}

/// A symbol: how many zeros come before a number, and of how many bits, behind the symbol's own, that is.
#[derive(Clone, Copy, Default)]
struct Symbol {
    zeros: u8,
    size: u8,
    length: u8,
    /// Bits of symbol and number.
    whole: u8,
}

impl Symbol {
    fn new(symbol: u8, length: u32) -> Symbol {
        let (size, length) = (symbol & 15, length as u8);
        Symbol { zeros: symbol >> 4, size, length, whole: length + size }
    }
}

impl Table {
    /// From the number of codes of each length, from 1 to 16, and as many symbols.
    pub fn new(counts: &[u8; 16], symbols: &[u8]) -> Option<Table> {
        let mut table = Table {
            fast: Box::new([Symbol::default(); 1 << LOOKUP]),
            ends: [0; 17],
            shifts: [0; 17],
            symbols: [0; 256],
        };
        table.symbols.get_mut(..symbols.len())?.copy_from_slice(symbols);
        let (mut code, mut at) = (0u32, 0usize);
        for (length, &count) in (1u32..).zip(counts) {
            table.shifts[length as usize] = at as i32 - code as i32;
            for &symbol in symbols.get(at..at + usize::from(count))? {
                // A code of ones only is not allowed, and a longer one is none.
                if code + 1 >= 1 << length {
                    return None;
                }
                // The same for all the bits that may follow the code.
                if let Some(rest) = LOOKUP.checked_sub(length) {
                    let first = (code << rest) as usize;
                    table.fast[first..first + (1 << rest)].fill(Symbol::new(symbol, length));
                }
                code += 1;
            }
            at += usize::from(count);
            table.ends[length as usize] = code << (16 - length);
            code <<= 1;
        }
        (at == symbols.len()).then_some(table)
    }

    /// The symbol that the bits begin with, longer than can be looked up.
    #[cold]
    fn long(&self, bits: u64) -> Option<Symbol> {
        let first = (bits >> 48) as u32;
        let length = (LOOKUP + 1..=16).find(|length| first < self.ends[*length as usize])?;
        let code = (first >> (16 - length)) as i32;
        let at = usize::try_from(code + self.shifts[length as usize]).ok()?;
        Some(Symbol::new(*self.symbols.get(at)?, length))
    }
}

/// Zeros behind the data, so that they can be read by eight bytes.
pub const PADDING: usize = 16;

/// Bits of data without stuffed bytes. Small, so that it is copied to where it can be kept in registers.
#[derive(Clone, Copy)]
pub struct Bits<'a> {
    /// The data and [`PADDING`].
    bytes: &'a [u8],
    at: usize,
    /// The next bits, from the highest on; below the last of `count`, some that will be read again.
    buffer: u64,
    count: u32,
}

impl<'a> Bits<'a> {
    pub fn new(padded: &'a [u8]) -> Bits<'a> {
        Bits { bytes: padded, at: 0, buffer: 0, count: 0 }
    }

    /// Whether all has been read but what fills up the last byte.
    pub fn are_read(&self) -> bool {
        let (read, whole) = (8 * self.at - self.count as usize, 8 * (self.bytes.len() - PADDING));
        read <= whole && whole - read < 8
    }

    /// Brings the number of bits to 56 or more, of which a symbol and its number take 31 at most. Done for each symbol: to
    /// ask whether it is needed would take longer, since nobody can foresee the answer.
    #[inline(always)]
    fn refill(&mut self) -> Option<()> {
        let next = self.bytes.get(self.at..)?.first_chunk()?;
        self.buffer |= u64::from_be_bytes(*next) >> self.count;
        self.at += (63 - self.count as usize) / 8;
        self.count |= 56;
        Some(())
    }

    #[inline(always)]
    fn look_up(&self, table: &Table) -> Symbol {
        table.fast[(self.buffer >> (64 - LOOKUP)) as usize]
    }

    /// The number behind a symbol: one that begins with a 0 is negative (T.81, F.2.2.1). Of size 0 it is 0.
    #[inline(always)]
    fn number(&mut self, symbol: Symbol) -> i32 {
        let bits = self.buffer << symbol.length;
        let number = (bits >> 1 >> (63 - symbol.size)) as i32;
        let is_positive = (bits.cast_signed() >> 63) as i32;
        self.buffer <<= symbol.whole;
        self.count -= u32::from(symbol.whole);
        number + (!is_positive & (1 - (1 << symbol.size)))
    }

    /// What the first coefficient of a block differs by from that of the block before.
    #[inline(always)]
    pub fn difference(&mut self, table: &Table) -> Option<i32> {
        self.refill()?;
        let mut symbol = self.look_up(table);
        if symbol.length == 0 {
            symbol = table.long(self.buffer)?;
        }
        (symbol.zeros == 0).then(|| self.number(symbol))
    }

    /// The other coefficients of a block that are not 0, each with its place in zigzag order. In damaged data the place may
    /// be up to 15 beyond the last, 63, before it is noticed.
    #[inline(always)]
    pub fn coefficients(&mut self, table: &Table, mut coefficient: impl FnMut(usize, i32)) -> Option<()> {
        let mut at = 1;
        while at < 64 {
            self.refill()?;
            let mut symbol = self.look_up(table);
            if symbol.size == 0 {
                if symbol.length == 0 {
                    symbol = table.long(self.buffer)?;
                }
                if symbol.size == 0 {
                    self.number(symbol);
                    match symbol.zeros {
                        0 => return Some(()),
                        15 => {
                            at += 16;
                            continue;
                        }
                        _ => return None,
                    }
                }
            }
            at += usize::from(symbol.zeros);
            coefficient(at, self.number(symbol));
            at += 1;
        }
        (at == 64).then_some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Codes of 1, 2, … 16 bits: each some ones and a zero.
    fn ladder() -> Table {
        let symbols: Vec<u8> = (0..16).map(|at| if at == 0 { 0 } else { 0x10 + at }).collect();
        Table::new(&[1; 16], &symbols).expect("a table that the standard allows")
    }

    fn padded(bits: &str) -> Vec<u8> {
        let bits: Vec<u8> = bits.bytes().filter(|bit| *bit != b' ').collect();
        let byte = |bits: &[u8]| (0..8).fold(0, |byte, at| byte << 1 | bits.get(at).map_or(1, |bit| bit - b'0'));
        bits.chunks(8).map(byte).chain([0; PADDING]).collect()
    }

    /// The coefficients of a block, with their places.
    fn block(bits: &mut Bits, table: &Table) -> Option<Vec<(usize, i32)>> {
        let mut found = Vec::new();
        bits.coefficients(table, |at, number| found.push((at, number)))?;
        Some(found)
    }

    #[test]
    fn short_and_long_codes_are_read() {
        // The last bits but one are 13 of a number that a code of 13 bits announces.
        let bytes = padded("10 1 10 0 110 10 110 01 11111111111110 0101010101010 0 0");
        let (mut bits, table) = (Bits::new(&bytes), ladder());
        let expected = [(2, 1), (4, -1), (6, 2), (8, -2), (10, 0b0_1010_1010_1010 - 0b1_1111_1111_1111)];
        assert_eq!(block(&mut bits, &table), Some(expected.to_vec()));
        assert_eq!(block(&mut bits, &table), Some(Vec::new()));
        assert!(bits.are_read());
    }

    #[test]
    fn a_block_has_64_coefficients_and_no_more() {
        // 31 times a zero and a one, the last in the middle of the block; then a number in the last place, or after it.
        let mut counts = [0; 16];
        counts[1] = 3;
        let table = Table::new(&counts, &[0x11, 0x01, 0x21]).expect("a table that the standard allows");
        let most = "001".repeat(31);
        let whole = padded(&format!("{most}011"));
        let mut bits = Bits::new(&whole);
        assert_eq!(block(&mut bits, &table).and_then(|found| found.last().copied()), Some((63, 1)));
        assert!(bits.are_read());
        let beyond = padded(&format!("{most}001"));
        assert_eq!(block(&mut Bits::new(&beyond), &table), None);
    }

    #[test]
    fn what_is_no_table_is_refused() {
        assert!(Table::new(&[0; 16], &[]).is_some());
        let mut counts = [0; 16];
        counts[0] = 2;
        assert!(Table::new(&counts, &[1, 2]).is_none(), "a code of ones only");
        counts[0] = 1;
        assert!(Table::new(&counts, &[]).is_none(), "too few symbols");
        assert!(Table::new(&counts, &[1, 2]).is_none(), "too many symbols");
    }

    #[test]
    fn data_that_end_early_are_noticed() {
        let table = ladder();
        let bytes = padded("0000 0000");
        let mut bits = Bits::new(&bytes);
        assert!((0..8).all(|_| block(&mut bits, &table).is_some()) && bits.are_read());
        assert!(block(&mut bits, &table).is_none() || !bits.are_read());
        // Sixteen ones are no code.
        assert_eq!(block(&mut Bits::new(&[0xff; 24]), &table), None);
    }
}
