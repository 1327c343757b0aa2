//! Functions: `def` and named lambdas at file level, `def` inside others, and the bodies of `run:`.

use super::lowerer::{Lowerer, Outside, Result};
use super::names::starlark_name;
use super::refused::{self, no_word};
use super::{FunctionSource, NextIds};
use crate::diagnostic::Span;
use crate::rulefile::scope::{Names, bound_by_block, bound_by_parameters};
use crate::rulefile::tree::{Block, Def, Expr, ExprKind, File, Lambda, Run, Statement, StatementKind};

/// What the body of a `run:` is given.
const RUN_PARAMETERS: &[&str] = &[
    "input",
    "output",
    "params",
    "wildcards",
    "threads",
    "resources",
    "log",
    "config",
    "rule",
    "attempt",
    "workflow",
    "jobid",
];

impl Lowerer<'_> {
    /// A `def`; at file level it is also registered, with its source by itself.
    pub(super) fn def_statement(&mut self, def: &Def, span: Span) -> Result<()> {
        self.def(def)?;
        if self.in_function {
            return Ok(());
        }
        let text = match (def.body.first(), def.body.last()) {
            (Some(first), Some(last)) => self.own_text(first.span.to(last.span)),
            _ => String::new(),
        };
        let source = alone(self.file, &starlark_name(&def.name.text), text, |this| this.def(def))?;
        let id = self.register(source);
        let name = starlark_name(&def.name.text).into_owned();
        self.begin_line();
        self.mapped(span, |this| {
            this.code.push_str(&format!("__def__({id}, {name})"));
            Ok(())
        })?;
        self.code.push('\n');
        Ok(())
    }

    fn register(&mut self, source: FunctionSource) -> usize {
        self.functions.push(source);
        self.ids.function as usize + self.functions.len() - 1
    }

    fn def(&mut self, def: &Def) -> Result<()> {
        if let Some(decorator) = def.decorators.first() {
            return Err(no_word("a decorator", decorator.span, "call the function with the other as its argument"));
        }
        refused::reserved(&def.name.text, def.name.span)?;
        if def.is_async {
            return Err(no_word("`async`", def.name.span, "write the function without it"));
        }
        self.begin_line();
        self.code.push_str("def ");
        let start = self.code.len();
        self.code.push_str(&starlark_name(&def.name.text));
        self.map.add(start..self.code.len(), def.name.span, false);
        self.code.push('(');
        self.parameters(&def.parameters)?;
        self.code.push_str("):\n");
        self.body(bound_by_parameters(&def.parameters), &def.body)
    }

    fn body(&mut self, mut names: Names, body: &Block) -> Result<()> {
        bound_by_block(body, &mut names);
        self.scopes.push(names);
        let outer = std::mem::replace(&mut self.in_function, true);
        self.block(body)?;
        self.in_function = outer;
        self.scopes.pop();
        Ok(())
    }

    /// `__def__(id, lambda …)`, for a lambda that a name is given at file level.
    pub(super) fn named_lambda(&mut self, name: &str, lambda: &Lambda, value: &Expr) -> Result<()> {
        let body = Statement { kind: StatementKind::Return(Some(lambda.body.clone())), span: lambda.body.span };
        let text = self.own_text(value.span);
        let spelling = starlark_name(name);
        let source = alone(self.file, &spelling, text, |this| {
            this.code.push_str(&format!("def {spelling}("));
            this.parameters(&lambda.parameters)?;
            this.code.push_str("):\n");
            this.body(bound_by_parameters(&lambda.parameters), &vec![body])
        })?;
        let id = self.register(source);
        self.code.push_str(&format!("__def__({id}, "));
        self.expr(value)?;
        self.code.push(')');
        Ok(())
    }

    /// The body of `run:` as a function by itself.
    pub(super) fn run_source(&self, run: &Run) -> Result<FunctionSource> {
        alone(self.file, "__run__", self.own_text(run.span), |this| {
            this.is_run_body = true;
            this.code.push_str(&format!("def __run__({}):\n", RUN_PARAMETERS.join(", ")));
            let names = RUN_PARAMETERS.iter().map(|&name| name.to_owned()).collect();
            this.body(names, &run.body)
        })
    }

    /// A temporary is as local as the place it is made at.
    pub(super) fn bind_temporary(&mut self, name: &str) {
        match (self.scopes.last_mut(), &mut self.outside) {
            (Some(scope), _) => {
                scope.insert(name.to_owned());
            }
            (None, Outside::Module { defined, .. }) => {
                defined.insert(name.to_owned());
            }
            (None, Outside::Alone { .. }) => {}
        }
    }
}

/// Lowers a function on its own.
fn alone(
    file: &File,
    name: &str,
    text: String,
    write: impl FnOnce(&mut Lowerer<'_>) -> Result<()>,
) -> Result<FunctionSource> {
    let outside = Outside::Alone { free: std::collections::BTreeSet::new() };
    let mut lowerer = Lowerer::new(file, outside, NextIds::default());
    // What it defines inside is not at file level.
    lowerer.in_function = true;
    write(&mut lowerer)?;
    let free = match lowerer.outside {
        Outside::Alone { free } => free.into_iter().collect(),
        Outside::Module { .. } => Vec::new(),
    };
    Ok(FunctionSource { name: name.to_owned(), code: lowerer.code, map: lowerer.map, free, calls: lowerer.calls, text })
}

/// The name and the lambda of `name = lambda …`.
pub(super) fn lambda_of<'e>(target: &'e Expr, value: &'e Expr) -> Option<(&'e str, &'e Lambda)> {
    match (&target.kind, &value.kind) {
        (ExprKind::Name(name), ExprKind::Lambda(lambda)) => Some((name, lambda)),
        (ExprKind::Name(_), ExprKind::Paren(inner)) => lambda_of(target, inner),
        _ => None,
    }
}
