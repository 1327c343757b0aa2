//! A font for captions: capitals of 5 × 7 pixels, and two rows below the line for the letters that reach there. The printable
//! characters of ASCII and the ellipsis, drawn for this program. Text in, pixels out.

/// The cell of a character, with a column of air.
pub const CELL: (usize, usize) = (9, 6);

/// The rows of each character from the blank on, from top to bottom; of each row the five low bits, the highest on the
/// left. The line is below the seventh row.
#[rustfmt::skip]
const GLYPHS: [[u8; 9]; 96] = [
    [0, 0, 0, 0, 0, 0, 0, 0, 0],           // blank
    [4, 4, 4, 4, 4, 0, 4, 0, 0],           // !
    [10, 10, 10, 0, 0, 0, 0, 0, 0],        // "
    [10, 10, 31, 10, 31, 10, 10, 0, 0],    // #
    [4, 15, 20, 14, 5, 30, 4, 0, 0],       // $
    [24, 25, 2, 4, 8, 19, 3, 0, 0],        // %
    [8, 20, 20, 8, 21, 18, 13, 0, 0],      // &
    [4, 4, 8, 0, 0, 0, 0, 0, 0],           // '
    [2, 4, 8, 8, 8, 4, 2, 0, 0],           // (
    [8, 4, 2, 2, 2, 4, 8, 0, 0],           // )
    [0, 21, 14, 31, 14, 21, 0, 0, 0],      // *
    [0, 4, 4, 31, 4, 4, 0, 0, 0],          // +
    [0, 0, 0, 0, 0, 12, 4, 8, 0],          // ,
    [0, 0, 0, 31, 0, 0, 0, 0, 0],          // -
    [0, 0, 0, 0, 0, 12, 12, 0, 0],         // .
    [1, 1, 2, 4, 8, 16, 16, 0, 0],         // /
    [14, 17, 19, 21, 25, 17, 14, 0, 0],    // 0
    [4, 12, 4, 4, 4, 4, 14, 0, 0],         // 1
    [14, 17, 1, 6, 8, 16, 31, 0, 0],       // 2
    [14, 17, 1, 6, 1, 17, 14, 0, 0],       // 3
    [2, 6, 10, 18, 31, 2, 2, 0, 0],        // 4
    [31, 16, 30, 1, 1, 17, 14, 0, 0],      // 5
    [6, 8, 16, 30, 17, 17, 14, 0, 0],      // 6
    [31, 1, 2, 2, 4, 4, 4, 0, 0],          // 7
    [14, 17, 17, 14, 17, 17, 14, 0, 0],    // 8
    [14, 17, 17, 15, 1, 2, 12, 0, 0],      // 9
    [0, 12, 12, 0, 12, 12, 0, 0, 0],       // :
    [0, 0, 12, 12, 0, 12, 4, 8, 0],        // ;
    [1, 2, 4, 8, 4, 2, 1, 0, 0],           // <
    [0, 0, 31, 0, 31, 0, 0, 0, 0],         // =
    [16, 8, 4, 2, 4, 8, 16, 0, 0],         // >
    [14, 17, 1, 2, 4, 0, 4, 0, 0],         // ?
    [14, 17, 23, 21, 23, 16, 15, 0, 0],    // @
    [4, 10, 17, 17, 31, 17, 17, 0, 0],     // A
    [30, 17, 17, 30, 17, 17, 30, 0, 0],    // B
    [14, 17, 16, 16, 16, 17, 14, 0, 0],    // C
    [28, 18, 17, 17, 17, 18, 28, 0, 0],    // D
    [31, 16, 16, 30, 16, 16, 31, 0, 0],    // E
    [31, 16, 16, 30, 16, 16, 16, 0, 0],    // F
    [14, 17, 16, 19, 17, 17, 15, 0, 0],    // G
    [17, 17, 17, 31, 17, 17, 17, 0, 0],    // H
    [14, 4, 4, 4, 4, 4, 14, 0, 0],         // I
    [7, 2, 2, 2, 2, 18, 12, 0, 0],         // J
    [17, 18, 20, 24, 20, 18, 17, 0, 0],    // K
    [16, 16, 16, 16, 16, 16, 31, 0, 0],    // L
    [17, 27, 21, 21, 17, 17, 17, 0, 0],    // M
    [17, 25, 25, 21, 19, 19, 17, 0, 0],    // N
    [14, 17, 17, 17, 17, 17, 14, 0, 0],    // O
    [30, 17, 17, 30, 16, 16, 16, 0, 0],    // P
    [14, 17, 17, 17, 21, 18, 13, 0, 0],    // Q
    [30, 17, 17, 30, 20, 18, 17, 0, 0],    // R
    [15, 16, 16, 14, 1, 1, 30, 0, 0],      // S
    [31, 4, 4, 4, 4, 4, 4, 0, 0],          // T
    [17, 17, 17, 17, 17, 17, 14, 0, 0],    // U
    [17, 17, 17, 17, 10, 10, 4, 0, 0],     // V
    [17, 17, 17, 21, 21, 27, 17, 0, 0],    // W
    [17, 17, 10, 4, 10, 17, 17, 0, 0],     // X
    [17, 17, 10, 4, 4, 4, 4, 0, 0],        // Y
    [31, 1, 2, 4, 8, 16, 31, 0, 0],        // Z
    [14, 8, 8, 8, 8, 8, 14, 0, 0],         // [
    [16, 16, 8, 4, 2, 1, 1, 0, 0],         // \
    [14, 2, 2, 2, 2, 2, 14, 0, 0],         // ]
    [4, 10, 17, 0, 0, 0, 0, 0, 0],         // ^
    [0, 0, 0, 0, 0, 0, 31, 0, 0],          // _
    [8, 4, 2, 0, 0, 0, 0, 0, 0],           // `
    [0, 0, 14, 1, 15, 17, 15, 0, 0],       // a
    [16, 16, 30, 17, 17, 17, 30, 0, 0],    // b
    [0, 0, 15, 16, 16, 16, 15, 0, 0],      // c
    [1, 1, 15, 17, 17, 17, 15, 0, 0],      // d
    [0, 0, 14, 17, 31, 16, 14, 0, 0],      // e
    [6, 9, 8, 28, 8, 8, 8, 0, 0],          // f
    [0, 0, 15, 17, 17, 17, 15, 1, 14],     // g
    [16, 16, 30, 17, 17, 17, 17, 0, 0],    // h
    [4, 0, 12, 4, 4, 4, 14, 0, 0],         // i
    [2, 0, 6, 2, 2, 2, 2, 18, 12],         // j
    [16, 16, 18, 20, 24, 20, 18, 0, 0],    // k
    [12, 4, 4, 4, 4, 4, 14, 0, 0],         // l
    [0, 0, 26, 21, 21, 21, 17, 0, 0],      // m
    [0, 0, 30, 17, 17, 17, 17, 0, 0],      // n
    [0, 0, 14, 17, 17, 17, 14, 0, 0],      // o
    [0, 0, 30, 17, 17, 17, 30, 16, 16],    // p
    [0, 0, 15, 17, 17, 17, 15, 1, 1],      // q
    [0, 0, 22, 25, 16, 16, 16, 0, 0],      // r
    [0, 0, 15, 16, 14, 1, 30, 0, 0],       // s
    [8, 8, 28, 8, 8, 9, 6, 0, 0],          // t
    [0, 0, 17, 17, 17, 17, 15, 0, 0],      // u
    [0, 0, 17, 17, 17, 10, 4, 0, 0],       // v
    [0, 0, 17, 17, 21, 21, 10, 0, 0],      // w
    [0, 0, 17, 10, 4, 10, 17, 0, 0],       // x
    [0, 0, 17, 17, 17, 17, 15, 1, 14],     // y
    [0, 0, 31, 2, 4, 8, 31, 0, 0],         // z
    [6, 8, 8, 16, 8, 8, 6, 0, 0],          // {
    [4, 4, 4, 4, 4, 4, 4, 0, 0],           // |
    [12, 2, 2, 1, 2, 2, 12, 0, 0],         // }
    [0, 0, 8, 21, 2, 0, 0, 0, 0],          // ~
    [0, 0, 0, 0, 0, 0, 21, 0, 0],               // …
];

/// Stands for what was left out.
const ELLIPSIS: char = '…';

/// As much of a text as fits into `width` columns: its end, after an ellipsis, for there file names differ.
pub fn fitted(text: &str, width: usize) -> String {
    let (length, most) = (text.chars().count(), width / CELL.1);
    if length <= most {
        return text.to_owned();
    }
    let end = text.chars().skip(length + 1 - most.max(1)).take(most.saturating_sub(1));
    std::iter::once(ELLIPSIS).take(most).chain(end).collect()
}

/// Calls `dot` with the row and column of each dark pixel of a text, as far as `width` columns reach. Characters that
/// the font lacks are drawn as `?`.
pub fn draw(text: &str, width: usize, mut dot: impl FnMut(usize, usize)) {
    for (at, character) in text.chars().take(width / CELL.1).enumerate() {
        let glyph = &GLYPHS[match character {
            ELLIPSIS => GLYPHS.len() - 1,
            ' '..='~' => character as usize - ' ' as usize,
            _ => '?' as usize - ' ' as usize,
        }];
        for (y, row) in glyph.iter().enumerate() {
            for x in (0..5).filter(|x| row >> (4 - x) & 1 == 1) {
                dot(y, at * CELL.1 + x);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(text: &str) -> Vec<String> {
        let mut out = vec![vec!['.'; text.len() * CELL.1]; CELL.0];
        draw(text, text.len() * CELL.1, |y, x| out[y][x] = '#');
        out.into_iter().map(|row| row.into_iter().collect()).collect()
    }

    #[test]
    fn letters_can_be_read() {
        let expected =
            ["#...#.#....", "##.##.#....", "#.#.#.#....", "#.#.#.#....", "#...#.#....", "#...#.#....", "#...#.#####"];
        assert_eq!(drawn("ML")[..7], expected.map(|row| format!("{row}.")));
        assert!(drawn("M")[7..].iter().all(|row| row == "......"));
        assert_eq!(drawn("é")[0][..6], drawn("?")[0]);
    }

    #[test]
    fn small_letters_reach_below_the_line() {
        for letter in ["g", "j", "p", "q", "y"] {
            assert!(drawn(letter)[7..].iter().all(|row| row.contains('#')), "{letter}");
        }
    }

    #[test]
    fn long_texts_keep_their_end() {
        assert_eq!(fitted("night-1/M13_0001.fits", 10 * CELL.1), "…0001.fits");
        assert_eq!(fitted("abc", 3 * CELL.1), "abc");
        assert_eq!([fitted("abcd", 3 * CELL.1), fitted("ab", CELL.1), fitted("ab", 5)], ["…cd", "…", ""]);
    }

    #[test]
    fn no_two_characters_look_alike() {
        let mut all = GLYPHS.to_vec();
        all.sort_unstable();
        assert!(all.windows(2).all(|pair| pair[0] != pair[1]));
        assert!(GLYPHS.iter().flatten().all(|row| *row < 32));
    }
}
