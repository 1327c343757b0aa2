//! Whether an HCOMPRESS stream (FITS 4.0, section 10.4.4; White, Postman and Lattanzi 1992) is whole. CFITSIO decodes it without
//! looking where it ends, and writes as many pixels as the stream says; so it is walked through here first, as the
//! decoder does: the bit planes of four quadrants, coded as quadtrees or plainly, an end mark, and a sign for each
//! coefficient that is not zero.

use super::bits::Bits;

/// Magic number, height, width, scale, sum, and the bit planes of the three kinds of quadrants.
const HEAD: usize = 25;
/// More planes than any coefficient has bits.
const MOST_PLANES: u8 = 64;

/// Whether the stream is whole and of so many pixels at most.
pub fn is_whole(stream: &[u8], pixels: u128) -> bool {
    walk(stream, pixels).is_some()
}

fn walk(stream: &[u8], pixels: u128) -> Option<()> {
    let (head, data) = stream.split_at_checked(HEAD)?;
    let side = |at: usize| head.get(at..at + 4)?.try_into().ok().map(i32::from_be_bytes);
    let (height, width) = (usize::try_from(side(2)?).ok()?, usize::try_from(side(6)?).ok()?);
    let planes = [head[22], head[23], head[24]];
    let is_sound = head.starts_with(&[0xdd, 0x99])
        && (1..=pixels).contains(&(height as u128 * width as u128))
        && planes.iter().all(|&planes| planes <= MOST_PLANES);
    if !is_sound {
        return None;
    }
    let mut bits = Bits::new(data);
    let mut signs = 0;
    let (low, right, below) = ((height.div_ceil(2), width.div_ceil(2)), width / 2, height / 2);
    for ((rows, columns), planes) in
        [(low, planes[0]), ((low.0, right), planes[1]), ((below, low.1), planes[1]), ((below, right), planes[2])]
    {
        signs += quadrant(&mut bits, rows, columns, planes)?;
    }
    if bits.take(4)? != 0 {
        return None;
    }
    bits.align();
    bits.skip(signs)
}

/// Walks the bit planes of a quadrant; how many of its coefficients are not zero.
fn quadrant(bits: &mut Bits, rows: usize, columns: usize, planes: u8) -> Option<usize> {
    if planes == 0 {
        return Some(0);
    }
    if rows == 0 || columns == 0 {
        return None; // the decoder has no memory for what the stream claims
    }
    let mut set = vec![false; rows * columns];
    for _ in 0..planes {
        let blocks = match bits.take(4)? {
            0 => {
                (0..rows.div_ceil(2) * columns.div_ceil(2)).map(|_| Some(bits.take(4)? as u8)).collect::<Option<_>>()?
            }
            0xf => quadtree(bits, rows, columns)?,
            _ => return None,
        };
        for (set, bit) in set.iter_mut().zip(expanded(&blocks, rows, columns)) {
            *set |= bit;
        }
    }
    Some(set.into_iter().filter(|set| *set).count())
}

/// The codes of all blocks of two by two: each level has a code for every block that the level above says is not empty, the
/// last block first.
fn quadtree(bits: &mut Bits, rows: usize, columns: usize) -> Option<Vec<u8>> {
    let levels = rows.max(columns).next_power_of_two().trailing_zeros();
    let mut codes = vec![huffman(bits)?];
    for level in (1..levels).rev() {
        let (rows, columns) = (rows.div_ceil(1 << level), columns.div_ceil(1 << level));
        let mut next = vec![0; rows * columns];
        let occupied: Vec<bool> = expanded(&codes, rows, columns).collect();
        for (code, _) in next.iter_mut().zip(occupied).rev().filter(|(_, is_occupied)| *is_occupied) {
            *code = huffman(bits)?;
        }
        codes = next;
    }
    Some(codes)
}

/// The four bits of each code as a block of two by two; what is outside is left out.
fn expanded(codes: &[u8], rows: usize, columns: usize) -> impl Iterator<Item = bool> {
    let across = columns.div_ceil(2);
    (0..rows * columns).map(move |at| {
        let (y, x) = (at / columns, at % columns);
        codes[y / 2 * across + x / 2] >> (3 - (2 * (y % 2) + x % 2)) & 1 == 1
    })
}

/// The fixed code of four bits, in three to six.
fn huffman(bits: &mut Bits) -> Option<u8> {
    let head = bits.take(3)?;
    if head < 4 {
        return Some(1 << head);
    }
    let head = head << 1 | bits.take(1)?;
    if let Some(&code) = [3, 5, 10, 12, 15].get((head - 8) as usize) {
        return Some(code);
    }
    let head = head << 1 | bits.take(1)?;
    if let Some(&code) = [6, 7, 9, 11, 13].get((head - 26) as usize) {
        return Some(code);
    }
    Some(if bits.take(1)? == 0 { 0 } else { 14 })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(height: i32, width: i32, planes: [u8; 3], data: &[u8]) -> Vec<u8> {
        [&[0xdd, 0x99], &height.to_be_bytes()[..], &width.to_be_bytes(), &[0; 12], &planes, data].concat()
    }

    #[test]
    fn it_must_fit_the_tile_and_have_its_magic_number() {
        let flat = |height, width| stream(height, width, [0, 0, 0], &[0]);
        assert!(is_whole(&flat(10, 10), 100));
        assert!(!is_whole(&flat(10, 11), 100) && !is_whole(&flat(0, 10), 100) && !is_whole(&flat(-10, -10), 100));
        assert!(!is_whole(&flat(10, 10)[1..], 100));
        assert!(!is_whole(&stream(10, 10, [0, 0, 65], &[0]), 100));
    }

    /// Two by two: each quadrant is one coefficient, in one block. Plainly: 0000 and 1000, the end 0000, a sign.
    #[test]
    fn every_bit_must_be_there() {
        let plain = stream(2, 2, [1, 0, 0], &[0b0000_1000, 0b0000_0000, 0b1000_0000]);
        assert!(is_whole(&plain, 4) && !is_whole(&plain[..plain.len() - 1], 4));
        let of_tree = stream(2, 2, [1, 0, 0], &[0b1111_0110, 0b0000_0000, 0b1000_0000]);
        assert!(is_whole(&of_tree, 4) && !is_whole(&of_tree[..of_tree.len() - 1], 4));
        assert!(!is_whole(&stream(2, 2, [1, 0, 0], &[0b0001_1000, 0, 0]), 4), "neither plain nor a tree");
        assert!(!is_whole(&stream(1, 2, [0, 0, 1], &[0, 0, 0]), 4), "planes of a quadrant without pixels");
    }

    #[test]
    fn codes_are_those_of_the_paper() {
        let codes = [
            (0b111110, 6),
            (0, 3),
            (1, 3),
            (8, 4),
            (2, 3),
            (9, 4),
            (0x1a, 5),
            (0x1b, 5),
            (3, 3),
            (0x1c, 5),
            (0xa, 4),
            (0x1d, 5),
            (0xb, 4),
            (0x1e, 5),
            (0x3f, 6),
            (0xc, 4),
        ];
        for (value, (code, length)) in (0..).zip(codes) {
            let byte = [(code as u8) << (8 - length)];
            let mut bits = Bits::new(&byte);
            assert_eq!((huffman(&mut bits), bits.at()), (Some(value), length));
        }
    }
}
