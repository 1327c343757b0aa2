//! Lowering: from the tree to Starlark text, one unit after the other, with the place every piece of code came from.
//! A unit ends after a top-level statement that includes a file, because the included names are known only after it
//! was evaluated. It emits calls of natives (`__rule__`, `__fmt__`, …) and does not know what they do.

mod calls;
mod expressions;
mod functions;
mod imports;
mod lowerer;
mod modules;
mod names;
pub(in crate::rulefile) mod refused;
mod rules;
mod shell;
mod statements;

use self::lowerer::{Lowerer, Outside};
use super::offset_map::OffsetMap;
use super::scope::{Names, bound_by_block};
use super::tree::{File, RuleKind, Statement, StatementKind};
use crate::diagnostic::{Diagnostic, Span};

pub use self::names::starlark_name;

/// The ids that the next unit's rules and functions begin with; they count on over all files of a workflow.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NextIds {
    pub site: u32,
    pub function: u32,
}

/// Starlark text to be evaluated in the module of its workflow, and what it refers to by number.
#[derive(Debug, Clone, Default)]
pub struct Unit {
    pub code: String,
    pub map: OffsetMap,
    /// The rules in this unit; the id of the first is the `site` that was asked for.
    pub sites: Vec<RuleSite>,
    /// The functions at file level in this unit; the id of the first is the `function` that was asked for.
    pub functions: Vec<FunctionSource>,
}

/// A rule as it stands in the text. It can be evaluated more than once (in a loop) or never (in an `if`).
#[derive(Debug, Clone)]
pub struct RuleSite {
    pub id: u32,
    pub kind: RuleKind,
    /// The line with its name.
    pub span: Span,
    pub name: Option<(String, Span)>,
    pub doc: Option<String>,
    pub directives: Vec<DirectiveSite>,
    pub run: Option<RunSite>,
}

/// One directive and the places of its values, in their order.
#[derive(Debug, Clone)]
pub struct DirectiveSite {
    pub keyword: String,
    pub span: Span,
    pub values: Vec<Span>,
}

/// The body of `run:`, as a function `__run__`.
#[derive(Debug, Clone)]
pub struct RunSite {
    pub span: Span,
    pub source: FunctionSource,
}

/// A function that can be evaluated by itself, once its free names have values.
#[derive(Debug, Clone)]
pub struct FunctionSource {
    pub name: String,
    /// `def NAME(…):` in Starlark. It depends on neither white space nor comments of the user's text, so that it serves
    /// as the normal form to detect changes by.
    pub code: String,
    pub map: OffsetMap,
    /// The names it takes from around it, built-in ones included, sorted, in their Starlark spelling.
    pub free: Vec<String>,
    /// Its calls of functions that are not its own, by name.
    pub calls: Vec<CallSite>,
    /// The user's own text of the body without indentation, comments and blank lines; for showing differences.
    pub text: String,
}

/// A call as it is written.
#[derive(Debug, Clone)]
pub struct CallSite {
    pub name: String,
    pub span: Span,
    pub positional: usize,
    pub named: Vec<NamedArgument>,
    /// Whether there are arguments under `*` or `**`, so that not all are known.
    pub is_open: bool,
}

/// `name=value` in a call.
#[derive(Debug, Clone)]
pub struct NamedArgument {
    pub name: String,
    pub span: Span,
    /// The value, if that is a text written out.
    pub text: Option<String>,
}

/// The units of one file, in order.
pub struct Lowering<'a> {
    file: &'a File,
    /// The first statement of the next unit.
    next: usize,
}

impl<'a> Lowering<'a> {
    pub fn new(file: &'a File) -> Self {
        Lowering { file, next: 0 }
    }

    /// Lowers up to and with the next top-level statement that includes a file. `known` says whether a name (in its
    /// Starlark spelling) is built in, or was defined by a unit evaluated before. `None` at the end of the file, and
    /// after an error.
    pub fn next_unit(&mut self, ids: NextIds, known: &dyn Fn(&str) -> bool) -> Option<Result<Unit, Diagnostic>> {
        let rest = self.file.statements.get(self.next..).filter(|rest| !rest.is_empty())?;
        let length = rest.iter().position(includes).map_or(rest.len(), |at| at + 1);
        self.next += length;
        let unit = lower_unit(self.file, &rest[..length], ids, known);
        if unit.is_err() {
            self.next = self.file.statements.len();
        }
        Some(unit)
    }
}

fn lower_unit(
    file: &File,
    statements: &[Statement],
    ids: NextIds,
    known: &dyn Fn(&str) -> bool,
) -> Result<Unit, Diagnostic> {
    let mut defined = Names::new();
    bound_by_block(statements, &mut defined);
    let mut lowerer = Lowerer::new(file, Outside::Module { defined, known }, ids);
    statements.iter().try_for_each(|statement| lowerer.statement(statement))?;
    Ok(Unit { code: lowerer.code, map: lowerer.map, sites: lowerer.sites, functions: lowerer.functions })
}

/// Whether evaluating the statement may include a file.
fn includes(statement: &Statement) -> bool {
    match &statement.kind {
        StatementKind::Keyword { keyword, .. } => keyword.text == "include",
        StatementKind::If { branches, otherwise } => {
            branches.iter().any(|(_, block)| block.iter().any(includes)) || otherwise.iter().flatten().any(includes)
        }
        StatementKind::For { body, .. } => body.iter().any(includes),
        _ => false,
    }
}
