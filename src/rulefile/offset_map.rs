//! Where lowered code came from: ranges of bytes in the Starlark text, and the places in the user's text they stand
//! for. It knows nothing of either language.

use std::ops::Range;

use crate::diagnostic::Span;

/// The origin of one piece of code.
#[derive(Debug, Clone, Copy)]
struct Piece {
    start: u32,
    end: u32,
    origin: Span,
    /// The piece is the user's own text, byte for byte.
    copied: bool,
}

/// Maps ranges of lowered code to the user's text. Pieces nest as the nodes of the tree do.
#[derive(Debug, Clone, Default)]
pub struct OffsetMap {
    pieces: Vec<Piece>,
}

impl OffsetMap {
    /// Records that `code` stands for `origin`.
    pub fn add(&mut self, code: Range<usize>, origin: Span, copied: bool) {
        let clamp = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        self.pieces.push(Piece { start: clamp(code.start), end: clamp(code.end), origin, copied });
    }

    /// The place of a range of code: exact within copied text, otherwise that of the smallest node around it.
    /// `None` when the range belongs to no node.
    pub fn origin(&self, code: Range<usize>) -> Option<Span> {
        let (start, end) = (u32::try_from(code.start).ok()?, u32::try_from(code.end).ok()?);
        // Inner nodes are recorded before the nodes around them, so the first of the smallest is the innermost.
        let piece = self
            .pieces
            .iter()
            .filter(|p| p.start <= start && end <= p.end)
            .min_by_key(|piece| piece.end - piece.start)?;
        if !piece.copied {
            return Some(piece.origin);
        }
        let shift = |at: u32| piece.origin.start + (at - piece.start);
        Some(Span { start: shift(start), end: shift(end), ..piece.origin })
    }

    /// All pieces: ranges of code, and the places they stand for.
    pub fn origins(&self) -> impl Iterator<Item = (Range<u32>, Span)> + '_ {
        self.pieces.iter().map(|piece| (piece.start..piece.end, piece.origin))
    }

    /// Takes over the pieces of another map whose code was inserted at `offset`.
    pub fn extend_shifted(&mut self, other: &OffsetMap, offset: usize) {
        for piece in &other.pieces {
            let range = piece.start as usize + offset..piece.end as usize + offset;
            self.add(range, piece.origin, piece.copied);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::SourceId;

    fn span(range: Range<usize>) -> Span {
        Span::new(SourceId(0), range)
    }

    #[test]
    fn the_smallest_piece_around_a_range_wins() {
        let mut map = OffsetMap::default();
        map.add(2..5, span(20..23), true);
        map.add(0..9, span(10..40), false);
        assert_eq!(map.origin(3..5), Some(span(21..23)));
        assert_eq!(map.origin(1..4), Some(span(10..40)));
        assert_eq!(map.origin(8..12), None);
    }
}
