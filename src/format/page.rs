//! Segments, comments and blank lines put together to the formatted text. Blank lines are the author's, within limits;
//! rules and functions stand apart by two. A comment stays on its line, or before what it stood before.

use super::lines::{INDENT, Piece, Printer, fits};
use super::segments::{Role, Segment, segments};
use super::spacing::places;
use super::tokens::{Kind, Token, tokens};
use crate::rulefile::layout::Layout;
use crate::rulefile::tree::File;

/// The file as it should be written.
pub fn page(file: &File, layout: &Layout) -> String {
    let mut tokens = tokens(&file.text, layout);
    let segments = segments(file, &tokens);
    let items = Comments::new(&file.text, layout, &segments, &mut tokens).items();
    let mut page = Page {
        printer: Printer::default(),
        tokens: &tokens,
        last: Vec::new(),
        depth: None,
        after_import: false,
        after_comment: false,
    };
    let mut at = 0;
    while at < items.len() {
        at += page.item(&items[at..]);
    }
    page.printer.out
}

/// What has lines of its own in the formatted text.
#[derive(Debug)]
enum What {
    Segment {
        segment: Segment,
        /// Of its tokens.
        from: usize,
        to: usize,
        /// Comments below its last value, and still within.
        tail: Vec<String>,
    },
    Comment(String),
}

#[derive(Debug)]
struct Item {
    what: What,
    depth: usize,
    /// Blank lines before it.
    blank: usize,
}

/// Finds the place of every comment.
struct Comments<'a> {
    text: &'a str,
    layout: &'a Layout,
    lines: Vec<usize>,
    segments: &'a [Segment],
    tokens: &'a mut [Token],
}

impl<'a> Comments<'a> {
    fn new(text: &'a str, layout: &'a Layout, segments: &'a [Segment], tokens: &'a mut [Token]) -> Self {
        let ends = text.match_indices('\n').map(|(at, _)| at + 1);
        Comments { text, layout, lines: std::iter::once(0).chain(ends).collect(), segments, tokens }
    }

    /// The line of an offset, from 0.
    fn line(&self, at: usize) -> usize {
        self.lines.partition_point(|start| *start <= at) - 1
    }

    fn column(&self, at: usize) -> usize {
        at - self.lines[self.line(at)]
    }

    /// The token that ends before `at`.
    fn token_before(&self, at: usize) -> Option<usize> {
        self.tokens.partition_point(|token| token.range.end <= at).checked_sub(1)
    }

    /// The segment that holds `at`, or begins before it.
    fn segment(&self, at: usize) -> Option<usize> {
        self.segments.partition_point(|segment| segment.at <= at).checked_sub(1)
    }

    /// Comments behind and within segments go to their tokens; the others become items among the segments.
    fn items(self) -> Vec<Item> {
        let mut tails: Vec<Vec<(usize, String)>> = vec![Vec::new(); self.segments.len()];
        let mut alone: Vec<usize> = Vec::new();
        for comment in &self.layout.comments {
            let text = self.text[comment.clone()].trim_end().to_owned();
            let before = self.token_before(comment.start);
            if self.tokens.get(before.map_or(0, |at| at + 1)).is_some_and(|next| next.range.start < comment.start) {
                continue; // in a field of a string
            }
            if let Some(at) = before
                && self.line(self.tokens[at].range.end - 1) == self.line(comment.start)
            {
                self.tokens[at].after = Some(text);
                continue;
            }
            let next = before.map_or(0, |at| at + 1);
            let here = self.segment(comment.start);
            match here {
                Some(here) if self.is_within(here, next) => self.tokens[next].before.push(text),
                Some(here) if self.is_below(here, comment.start) => tails[here].push((self.line(comment.start), text)),
                _ => alone.push(comment.start),
            }
        }
        self.merged(tails, &alone)
    }

    /// Whether a token belongs to a segment that begins before it.
    fn is_within(&self, segment: usize, token: usize) -> bool {
        let end = self.segments.get(segment + 1).map_or(usize::MAX, |after| after.at);
        self.tokens.get(token).is_some_and(|token| token.range.start < end)
    }

    /// Whether a comment after the last value of a directive is indented as one of its values.
    fn is_below(&self, segment: usize, comment: usize) -> bool {
        let Segment { at, role, .. } = self.segments[segment];
        let starts_line = self.text[self.lines[self.line(at)]..at].trim().is_empty();
        matches!(role, Role::Directive | Role::Keyword) && starts_line && self.column(comment) > self.column(at)
    }

    fn merged(&self, tails: Vec<Vec<(usize, String)>>, alone: &[usize]) -> Vec<Item> {
        let mut items = Vec::new();
        let mut columns: Vec<Option<usize>> = Vec::new();
        let mut last_line: Option<usize> = None;
        let mut alone = alone.iter().copied().peekable();
        let mut from = 0;
        for (number, (segment, tail)) in self.segments.iter().zip(tails).enumerate() {
            while let Some(comment) = alone.next_if(|comment| *comment < segment.at) {
                items.push(self.comment(comment, &columns, segment.depth, &mut last_line));
            }
            let end = self.segments.get(number + 1).map_or(usize::MAX, |next| next.at);
            let to = self.tokens.partition_point(|token| token.range.start < end);
            let line = self.line(segment.at);
            let blank = last_line.map_or(0, |last| line.saturating_sub(last + 1));
            let end_of_values = self.line(self.tokens[to - 1].range.end - 1);
            last_line = Some(tail.last().map_or(end_of_values, |(line, _)| *line));
            columns.truncate(segment.depth);
            columns.resize(segment.depth, None);
            columns.push(self.tokens[from].begins_line.then(|| self.column(segment.at)));
            let tail = tail.into_iter().map(|(_, text)| text).collect();
            let what = What::Segment { segment: segment.clone(), from, to, tail };
            items.push(Item { what, depth: segment.depth, blank });
            from = to;
        }
        for comment in alone {
            items.push(self.comment(comment, &columns, 0, &mut last_line));
        }
        items
    }

    /// A comment on a line of its own: in the block of what follows, or in one that ends before, by its column.
    fn comment(&self, at: usize, columns: &[Option<usize>], next: usize, last_line: &mut Option<usize>) -> Item {
        let column = self.column(at);
        let deepest = (next..columns.len()).rev().find(|&depth| columns[depth].is_some_and(|known| known <= column));
        let line = self.line(at);
        let blank = last_line.map_or(0, |last| line.saturating_sub(last + 1));
        *last_line = Some(line);
        let end = self.text[at..].find(['\n', '\r']).map_or(self.text.len(), |length| at + length);
        let text = self.text[at..end].trim_end().to_owned();
        Item { what: What::Comment(text), depth: deepest.unwrap_or(next), blank }
    }
}

struct Page<'a> {
    printer: Printer,
    tokens: &'a [Token],
    /// By depth: whether the last thing there stands apart.
    last: Vec<bool>,
    /// Of the item before.
    depth: Option<usize>,
    after_import: bool,
    after_comment: bool,
}

impl Page<'_> {
    /// Writes the first of `items`, and says how many it took.
    fn item(&mut self, items: &[Item]) -> usize {
        let item = &items[0];
        let blank = self.blank_lines(items);
        self.printer.out.extend(std::iter::repeat_n('\n', blank));
        self.last.truncate(item.depth + 1);
        self.last.resize(item.depth + 1, false);
        self.depth = Some(item.depth);
        let indent = item.depth * INDENT;
        self.after_comment = matches!(item.what, What::Comment(_));
        match &item.what {
            What::Comment(text) => {
                // What the comment is about decides whether what follows stands apart from what was before it.
                self.last[item.depth] = false;
                self.after_import = false;
                self.printer.raw(text, indent);
                1
            }
            What::Segment { segment, from, to, tail } => {
                self.after_import = segment.role == Role::Import && item.depth == 0;
                if segment.role != Role::Further {
                    self.last[item.depth] = segment.stands_apart;
                }
                let tokens = without_semicolon(&self.tokens[*from..*to]);
                match segment.role {
                    Role::Directive | Role::Keyword => self.directive(&tokens, segment, indent, tail),
                    Role::Suite => return self.suite(&tokens, items, indent),
                    role => self.printer.line(&Piece::new(&tokens, &places(&tokens, role)), indent, false),
                }
                1
            }
        }
    }

    /// The author's, but none at the head of a block, at most two (in a block: one), and around rules and functions
    /// exactly that many.
    fn blank_lines(&self, items: &[Item]) -> usize {
        let item = &items[0];
        let most = if item.depth == 0 { 2 } else { 1 };
        let Some(before) = self.depth else { return 0 };
        if before < item.depth {
            return 0;
        }
        let further = matches!(&item.what, What::Segment { segment, .. } if segment.role == Role::Further);
        if further {
            return 0;
        }
        let after_apart = self.last.get(item.depth).copied().unwrap_or(false);
        if after_apart || self.opens_apart(items) {
            return most;
        }
        let is_import = matches!(&item.what, What::Segment { segment, .. } if segment.role == Role::Import);
        let least = usize::from(self.after_import && !is_import && item.depth == 0);
        item.blank.clamp(least, most)
    }

    /// Whether the item is something that stands apart, or the first of the comments right before it.
    fn opens_apart(&self, items: &[Item]) -> bool {
        // A comment right above is attached, and has had the blank lines.
        if self.after_comment && items[0].blank == 0 {
            return false;
        }
        let is_attached = |at: usize, item: &Item| at == 0 || item.blank == 0 && item.depth == items[0].depth;
        let mut attached = items.iter().enumerate().take_while(|(at, item)| is_attached(*at, item));
        let first = attached.find_map(|(_, item)| match &item.what {
            What::Comment(_) => None,
            What::Segment { segment, .. } => Some(segment),
        });
        first.is_some_and(|segment| segment.stands_apart)
    }

    /// `run:` with its single statement on the line, where the author wrote it there and it fits.
    fn suite(&mut self, head: &[Token], items: &[Item], indent: usize) -> usize {
        if let Some(Item { what: What::Segment { segment, from, to, .. }, blank: 0, .. }) = items.get(1)
            && segment.inline
            && head.iter().all(|token| token.after.is_none())
        {
            let body = without_semicolon(&self.tokens[*from..*to]);
            let mut tokens = head.to_vec();
            tokens.extend(body);
            let places = places(&tokens, Role::Statement);
            let piece = Piece::new(&tokens, &places);
            if !piece.must_split() && fits(&piece.flat(), indent) {
                self.printer.flat(&piece, indent);
                return 2;
            }
        }
        self.printer.line(&Piece::new(head, &places(head, Role::Statement)), indent, false);
        1
    }

    /// A directive: a short single value on its line, else its values below, one a line.
    fn directive(&mut self, tokens: &[Token], segment: &Segment, indent: usize, tail: &[String]) {
        let colon = tokens.iter().position(|token| token.is(":")).map_or(tokens.len(), |at| at + 1);
        let (head, values) = tokens.split_at(colon);
        let (head_places, mut value_places) = (places(head, Role::Statement), places(values, segment.role));
        let ends_in_comma = values.last().is_some_and(|token| token.is(","));
        let mut values = values.to_vec();
        if ends_in_comma && let Some(comma) = values.pop() {
            value_places.pop();
            if let Some(last) = values.last_mut() {
                last.after = match (last.after.take(), comma.after) {
                    (Some(first), Some(second)) => Some(format!("{first}  {second}")),
                    (first, second) => first.or(second),
                };
            }
        }
        let all = Piece::new(&values, &value_places);
        let head = Piece::new(head, &head_places);
        if values.is_empty() {
            self.printer.line(&head, indent, false);
            return tail.iter().for_each(|comment| self.printer.raw(comment, indent + INDENT));
        }
        let mut parts = all.values();
        let on_the_line = format!("{} {}", head.flat(), all.flat());
        let is_short = parts.len() == 1 || segment.role == Role::Keyword && !ends_in_comma;
        let is_plain = !all.must_split()
            && values[0].before.is_empty()
            && head.tokens.iter().all(|token| token.after.is_none())
            && tail.is_empty()
            && !all.is_strings()
            && !values.iter().any(Token::is_long);
        if is_short && is_plain && fits(&on_the_line, indent) {
            let comment = values.last().and_then(|token| token.after.as_deref());
            let comment = comment.map(|comment| format!("  {comment}")).unwrap_or_default();
            return self.printer.raw(&format!("{on_the_line}{comment}"), indent);
        }
        self.printer.flat(&head, indent);
        if parts.len() > 1
            && let Some(last) = parts.last_mut()
        {
            last.comma = true;
        }
        for part in parts {
            self.value(&part, indent + INDENT);
        }
        tail.iter().for_each(|comment| self.printer.raw(comment, indent + INDENT));
    }

    /// One value of a directive. Adjacent strings are the lines of a command, and keep their lines.
    fn value(&mut self, part: &Piece<'_>, indent: usize) {
        if !part.is_strings() {
            return self.printer.line(part, indent, true);
        }
        let mut from = 0;
        for to in 1..=part.tokens.len() {
            if part.tokens.get(to).is_none_or(|token| token.kind == Kind::String) {
                self.printer.flat(&part.part(from, to), indent);
                from = to;
            }
        }
    }
}

/// The tokens of a statement without the `;` behind it, whose comment goes to the token before.
fn without_semicolon(tokens: &[Token]) -> Vec<Token> {
    let mut tokens = tokens.to_vec();
    while tokens.last().is_some_and(|token| token.is(";")) && tokens.len() > 1 {
        let comment = tokens.pop().and_then(|token| token.after);
        if let Some(last) = tokens.last_mut() {
            last.after = last.after.take().or(comment);
        }
    }
    tokens
}
