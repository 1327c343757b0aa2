//! The second reading of a Rulefile: from the laid-out text, through pest's pairs, to the typed tree. What cannot be
//! read becomes one diagnostic in words. It knows what Python's syntax allows, and not what can be evaluated.

pub mod grammar;

mod explain;
mod expressions;
mod keywords;
mod literals;
mod pieces;
mod statements;

use std::cell::Cell;
use std::sync::Arc;

use pest::Parser;
use pest::iterators::{Pair, Pairs};

use self::grammar::{Rule, RulefileGrammar};
use super::layout::layout;
use super::tree::{Block, File, Word};
use crate::diagnostic::{Diagnostic, SourceId, Span};

pub use self::keywords::is_keyword;

type Result<T> = std::result::Result<T, Diagnostic>;

/// Levels within one another: an operator in a row is one, a bracket or a lambda six, a block four. Deeper trees could
/// overflow the stack of whoever walks them.
const DEEPEST_TREE: usize = 400;

/// Reads a whole source file.
pub fn parse(source: SourceId, text: &Arc<str>) -> Result<File> {
    if u32::try_from(text.len()).is_err() {
        return Err(Diagnostic::error("this file is larger than 4 GiB"));
    }
    let layout = layout(source, text)?;
    let statements = match pieces::statements(source, text, &layout) {
        Some(statements) => statements,
        None => {
            let pairs = RulefileGrammar::parse(Rule::file, &layout.text)
                .map_err(|error| explain::explain(source, &layout.text, &error))?;
            Builder { source, original: text, base: 0, deepest: DEEPEST_TREE, depth: Cell::new(0) }.file(pairs)?
        }
    };
    let spans = |ranges: Vec<std::ops::Range<usize>>| ranges.into_iter().map(|r| Span::new(source, r)).collect();
    Ok(File {
        source,
        text: text.clone(),
        statements,
        comments: spans(layout.comments),
        long_strings: spans(layout.long_strings),
    })
}

/// Turns pairs into the tree.
struct Builder<'a> {
    source: SourceId,
    original: &'a str,
    /// Where the text that was read begins in the original.
    base: usize,
    /// So many levels there may be.
    deepest: usize,
    depth: Cell<usize>,
}

impl Builder<'_> {
    /// The statements of what was read as a file.
    fn file(&self, mut pairs: Pairs<'_, Rule>) -> Result<Block> {
        self.block(pairs.next().expect("the grammar gives one file").into_inner())
    }

    /// Where a pair begins in the original.
    fn start(&self, pair: &Pair<'_, Rule>) -> usize {
        self.base + pair.as_span().start()
    }

    /// The place of a pair, without the white space that an optional part which is not there may have left at its end.
    fn span(&self, pair: &Pair<'_, Rule>) -> Span {
        let start = self.start(pair);
        Span::new(self.source, start..start + pair.as_str().trim_end().len())
    }

    fn word(&self, pair: &Pair<'_, Rule>) -> Word {
        Word { text: pair.as_str().to_owned(), span: self.span(pair) }
    }

    fn error(&self, message: impl Into<String>, span: Span) -> Diagnostic {
        Diagnostic::error(message).at(span, "")
    }

    /// Builds something that lies `levels` deeper.
    fn deeper<T>(&self, levels: usize, span: Span, build: impl FnOnce() -> Result<T>) -> Result<T> {
        let depth = self.depth.get();
        if depth + levels > self.deepest {
            return Err(self
                .error("this is nested too deeply", span)
                .help("give its parts names, and put it together from them"));
        }
        self.depth.set(depth + levels);
        let built = build();
        self.depth.set(depth);
        built
    }
}
