//! Where each line of the formatted text begins, how deep it lies and what it is: a statement, the head of a block, a
//! directive. The tree says where statements are, the tokens where their further lines (`else:`, a decorated `def`) are.

use super::tokens::Token;
use crate::rulefile::tree::{Block, File, Foreign, RuleBody, StatementKind};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// A simple statement, or the head of a block.
    Statement,
    Import,
    /// What stands apart: a rule, a module, a function, a class.
    Definition,
    /// A further line of the statement before: `else:`, or a function's head below its decorator.
    Further,
    /// A directive of a rule.
    Directive,
    /// A keyword at file level with its values.
    Keyword,
    /// `run:` or `onstart:`, whose block may stand on its line.
    Suite,
    /// Blanks are kept as they are, but for their number: `use rule` and `match`, whose signs are not operators.
    Verbatim,
}

/// One line of the formatted text, before it is laid out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    pub at: usize,
    pub depth: usize,
    pub role: Role,
    /// Two blank lines before and after, at file level.
    pub stands_apart: bool,
    /// The only statement of the [`Suite`](Role::Suite) before it, and on its line.
    pub inline: bool,
}

/// The segments of a file, in order.
pub fn segments(file: &File, tokens: &[Token]) -> Vec<Segment> {
    let mut walk = Walk { found: Vec::new(), compounds: Vec::new() };
    walk.block(&file.statements, 0);
    let Walk { found: mut segments, mut compounds } = walk;
    segments.sort_by_key(|segment| segment.at);
    compounds.sort_by_key(|compound| compound.start);
    let further = further_lines(&segments, &compounds, tokens);
    segments.extend(further);
    segments.sort_by_key(|segment| segment.at);
    mark_inline(&mut segments, tokens);
    segments
}

/// A statement with blocks, by its place.
struct Compound {
    start: usize,
    end: usize,
    depth: usize,
    is_match: bool,
}

struct Walk {
    found: Vec<Segment>,
    compounds: Vec<Compound>,
}

impl Walk {
    fn push(&mut self, at: u32, depth: usize, role: Role) {
        let stands_apart = role == Role::Definition;
        self.found.push(Segment { at: at as usize, depth, role, stands_apart, inline: false });
    }

    fn block(&mut self, block: &Block, depth: usize) {
        for statement in block {
            let role = match &statement.kind {
                StatementKind::Import(_) | StatementKind::FromImport { .. } => Role::Import,
                StatementKind::Rule(_) | StatementKind::Def(_) | StatementKind::Module { .. } => Role::Definition,
                StatementKind::Foreign { construct: Foreign::Class, .. } => Role::Definition,
                StatementKind::Foreign { construct: Foreign::Match, .. } | StatementKind::UseRule { .. } => {
                    Role::Verbatim
                }
                StatementKind::Keyword { .. } => Role::Keyword,
                StatementKind::Handler { .. } => Role::Suite,
                _ => Role::Statement,
            };
            self.push(statement.span.start, depth, role);
            let stands_apart = match &statement.kind {
                StatementKind::UseRule(statement) => statement.body.is_some(),
                kind => matches!(kind, StatementKind::Handler { .. }),
            };
            if stands_apart && let Some(last) = self.found.last_mut() {
                last.stands_apart = true;
            }
            let is_match = matches!(statement.kind, StatementKind::Foreign { construct: Foreign::Match, .. });
            self.compounds.push(Compound {
                start: statement.span.start as usize,
                end: statement.span.end as usize,
                depth,
                is_match,
            });
            self.blocks(&statement.kind, depth + 1 + usize::from(is_match));
        }
    }

    fn blocks(&mut self, kind: &StatementKind, depth: usize) {
        match kind {
            StatementKind::If { branches, otherwise } => {
                branches.iter().for_each(|(_, block)| self.block(block, depth));
                otherwise.iter().for_each(|block| self.block(block, depth));
            }
            StatementKind::For { body, otherwise, .. } => {
                self.block(body, depth);
                otherwise.iter().for_each(|block| self.block(block, depth));
            }
            StatementKind::Def(def) => self.block(&def.body, depth),
            StatementKind::Handler { body, .. } => self.block(body, depth),
            StatementKind::Foreign { blocks, .. } => blocks.iter().for_each(|block| self.block(block, depth)),
            StatementKind::Rule(rule) => self.rule_body(&rule.body, depth),
            StatementKind::Module { body, .. } => self.rule_body(body, depth),
            StatementKind::UseRule(statement) => statement.body.iter().for_each(|body| self.rule_body(body, depth)),
            _ => {}
        }
    }

    fn rule_body(&mut self, body: &RuleBody, depth: usize) {
        if let Some(text) = &body.docstring {
            self.push(text.span.start, depth, Role::Statement);
        }
        for directive in &body.directives {
            self.push(directive.span.start, depth, Role::Directive);
        }
        if let Some(run) = &body.run {
            self.push(run.keyword.start, depth, Role::Suite);
            self.block(&run.body, depth + 1);
        }
    }
}

/// Logical lines that no node begins, at the depth of the statement that they belong to.
fn further_lines(segments: &[Segment], compounds: &[Compound], tokens: &[Token]) -> Vec<Segment> {
    let mut open: Vec<&Compound> = Vec::new();
    let (mut next, mut known) = (0, 0);
    let mut further = Vec::new();
    for token in tokens.iter().filter(|token| token.begins_line) {
        let at = token.range.start;
        while compounds.get(next).is_some_and(|compound| compound.start <= at) {
            open.push(&compounds[next]);
            next += 1;
        }
        while open.last().is_some_and(|compound| compound.end <= at) {
            open.pop();
        }
        while segments.get(known).is_some_and(|segment| segment.at < at) {
            known += 1;
        }
        if segments.get(known).is_some_and(|segment| segment.at == at) {
            continue;
        }
        let is_case = open.last().is_some_and(|compound| compound.is_match);
        let depth = open.last().map_or(0, |compound| compound.depth) + usize::from(is_case);
        let role = if is_case { Role::Verbatim } else { Role::Further };
        further.push(Segment { at, depth, role, stands_apart: false, inline: false });
    }
    further
}

/// Marks single statements that stand on the line of their `run:`.
fn mark_inline(segments: &mut [Segment], tokens: &[Token]) {
    for at in 1..segments.len() {
        let (suite, depth) = (segments[at - 1].role == Role::Suite, segments[at - 1].depth);
        let is_only = segments.get(at + 1).is_none_or(|next| next.depth <= depth);
        let is_simple = matches!(segments[at].role, Role::Statement);
        let token = tokens.partition_point(|token| token.range.start < segments[at].at);
        let on_its_line = tokens.get(token).is_some_and(|token| !token.begins_line);
        segments[at].inline = suite && is_only && is_simple && on_its_line;
    }
}
