//! A long file in pieces, which are read at the same time: cut before rules that stand at the beginning of a line, where
//! nothing before can go on. The laid-out text in, statements out; nothing where the file is short, or a piece is refused:
//! then the whole is read, as ever, and has its message. Knows no statements.

use std::cell::Cell;
use std::ops::Range;

use pest::Parser;
use rayon::prelude::*;

use super::Builder;
use super::grammar::{Rule, RulefileGrammar};
use crate::diagnostic::SourceId;
use crate::rulefile::layout::Layout;
use crate::rulefile::tree::Block;

/// Bytes of a piece, at least: what takes as long to read as threads to start.
const PIECE: usize = 1 << 15;

/// Levels in a piece: the stacks of other threads are a fourth of the first one's.
const DEEPEST_TREE: usize = super::DEEPEST_TREE / 8;

/// What a rule begins with.
const BEGINNINGS: [&str; 2] = ["rule ", "checkpoint "];

/// The statements of a long file.
pub fn statements(source: SourceId, original: &str, layout: &Layout) -> Option<Block> {
    let cut = pieces(layout);
    if cut.len() < 2 {
        return None;
    }
    let read = |piece: &Range<usize>| -> Option<Block> {
        let pairs = RulefileGrammar::parse(Rule::file, &layout.text[piece.clone()]).ok()?;
        let (base, depth) = (piece.start, Cell::new(0));
        Builder { source, original, base, deepest: DEEPEST_TREE, depth }.file(pairs).ok()
    };
    let blocks: Vec<Block> = cut.par_iter().map(read).collect::<Option<_>>()?;
    Some(blocks.into_iter().flatten().collect())
}

/// Where the pieces lie.
fn pieces(layout: &Layout) -> Vec<Range<usize>> {
    let text = &layout.text;
    let mut pieces = Vec::new();
    let (mut start, mut from) = (0, PIECE);
    while let Some(found) = text.as_bytes().get(from..).and_then(|rest| rest.iter().position(|&byte| byte == b'\n')) {
        let line = from + found + 1;
        from = line;
        let within = layout.long_strings.partition_point(|string| string.end <= line);
        let is_in_string = layout.long_strings.get(within).is_some_and(|string| string.start < line);
        if !is_in_string && BEGINNINGS.iter().any(|beginning| text[line..].starts_with(beginning)) {
            pieces.push(start..line);
            (start, from) = (line, line + PIECE);
        }
    }
    pieces.push(start..text.len());
    pieces
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::rulefile::layout::layout;
    use crate::rulefile::parse::parse;

    const SOURCE: SourceId = SourceId(0);

    /// Rules with all that could be cut at the wrong place.
    const RULE: &str = r#"
# rule NUMBER
rule rNUMBER:
    """
rule in a text:
"""
    input:
        "aNUMBER",
# rule in a comment:
        f"b{NUMBER}é"
    output: "cNUMBER"
    shell: '''
rule in a command
''' "\x41"

if X == (
rule
):
    rule:
        output: "dNUMBER"
else:
    pass
"#;

    fn long() -> String {
        (0..1500).map(|number: u32| RULE.replace("NUMBER", &number.to_string())).collect()
    }

    #[test]
    fn a_file_in_pieces_is_the_file() {
        let text: Arc<str> = long().into();
        let layout = layout(SOURCE, &text).unwrap();
        let cut = pieces(&layout);
        assert!(cut.len() > 3, "{}", cut.len());
        assert!(cut.windows(2).all(|pair| pair[0].end == pair[1].start));
        let pairs = RulefileGrammar::parse(Rule::file, &layout.text).unwrap();
        let builder = Builder { source: SOURCE, original: &text, base: 0, deepest: 400, depth: Cell::new(0) };
        let whole = builder.file(pairs).unwrap();
        assert_eq!(statements(SOURCE, &text, &layout).unwrap(), whole);
    }

    #[test]
    fn what_is_wrong_in_a_piece_is_told_as_of_the_whole() {
        let text: Arc<str> = format!("{}rule broken\n    output: \"x\"\n{}", long(), long()).into();
        let at = text.find("rule broken").unwrap();
        let error = parse(SOURCE, &text).unwrap_err();
        let place = error.labels.first().expect("it has a place").0.start as usize;
        assert!((at..at + 20).contains(&place), "{place}, not {at}");
    }
}
