//! Python's statements.

use super::expressions::{Operator, is_simple, operator};
use super::functions::lambda_of;
use super::lowerer::{Lowerer, Result};
use super::names::starlark_name;
use super::refused::{self, no_word};
use crate::diagnostic::Span;
use crate::rulefile::tree::{Argument, ArgumentKind, BinaryOp, Block, Expr, ExprKind, Statement, StatementKind};

impl Lowerer<'_> {
    pub(super) fn block(&mut self, block: &[Statement]) -> Result<()> {
        self.indent += 1;
        let start = self.code.len();
        block.iter().try_for_each(|statement| self.statement(statement))?;
        if self.code.len() == start {
            self.line("pass");
        }
        self.indent -= 1;
        Ok(())
    }

    pub(super) fn statement(&mut self, statement: &Statement) -> Result<()> {
        let span = statement.span;
        match &statement.kind {
            StatementKind::Pass => self.simple(span, |this| this.push("pass")),
            StatementKind::Break => self.simple(span, |this| this.push("break")),
            StatementKind::Continue => self.simple(span, |this| this.push("continue")),
            StatementKind::Expr(expr) => self.expression_statement(expr, span),
            StatementKind::Assign { targets, value } => self.assign(targets, value, span),
            StatementKind::Declare { .. } => Ok(()),
            StatementKind::AugAssign { target, op, value } => self.aug_assign(target, *op, value, span),
            StatementKind::Return(value) => self.return_statement(value.as_ref(), span),
            StatementKind::Raise(error) => self.raise(error.as_ref(), span),
            StatementKind::Assert { condition, message } => self.assert(condition, message.as_ref(), span),
            StatementKind::Import(imports) => self.import(imports),
            StatementKind::FromImport { module, names } => self.names_from_module(module, names),
            StatementKind::If { branches, otherwise } => self.if_statement(branches, otherwise.as_ref()),
            StatementKind::For { otherwise: Some(_), .. } => {
                Err(no_word("`else` after a loop", span, "remember in a name whether the loop found something"))
            }
            StatementKind::For { is_async: true, .. } => Err(no_word("`async`", span, "write the loop without it")),
            StatementKind::For { target, iterable, body, .. } => {
                self.begin_line();
                self.code.push_str("for ");
                self.target(target)?;
                self.code.push_str(" in ");
                self.iterable(iterable)?;
                self.code.push_str(":\n");
                self.block(body)
            }
            StatementKind::Def(def) => self.def_statement(def, span),
            StatementKind::Foreign { construct, keyword, .. } => Err(refused::foreign(*construct, *keyword)),
            _ => self.workflow_statement(statement),
        }
    }

    /// A line that stands for the whole statement.
    pub(super) fn simple(&mut self, span: Span, write: impl FnOnce(&mut Self) -> Result<()>) -> Result<()> {
        self.begin_line();
        self.mapped(span, write)?;
        self.code.push('\n');
        Ok(())
    }

    fn push(&mut self, text: &str) -> Result<()> {
        self.code.push_str(text);
        Ok(())
    }

    fn expression_statement(&mut self, expr: &Expr, span: Span) -> Result<()> {
        if matches!(expr.kind, ExprKind::Ellipsis) {
            return self.simple(span, |this| this.push("pass"));
        }
        self.simple(span, |this| this.expr(expr))
    }

    /// `a = b = value` evaluates the value once.
    fn assign(&mut self, targets: &[Expr], value: &Expr, span: Span) -> Result<()> {
        if let [target] = targets {
            let lambda = if self.in_function { None } else { lambda_of(target, value) };
            return self.simple(span, |this| {
                this.target(target)?;
                this.code.push_str(" = ");
                match lambda {
                    Some((name, lambda)) => this.named_lambda(name, lambda, value),
                    None => this.expr(value),
                }
            });
        }
        let temporary = self.temporary();
        self.simple(span, |this| {
            this.push(&format!("{temporary} = "))?;
            this.expr(value)
        })?;
        targets.iter().try_for_each(|target| {
            self.simple(span, |this| {
                this.target(target)?;
                this.push(&format!(" = {temporary}"))
            })
        })
    }

    /// What is assigned to: a name of this scope, or a place in a value.
    pub(super) fn target(&mut self, target: &Expr) -> Result<()> {
        match &target.kind {
            ExprKind::Name(name) => {
                refused::reserved(name, target.span)?;
                self.push(&starlark_name(name))
            }
            ExprKind::Paren(inner) => self.target(inner),
            ExprKind::Tuple(items) | ExprKind::List(items) => {
                self.code.push('(');
                for item in items {
                    self.target(item)?;
                    self.code.push_str(", ");
                }
                self.push(")")
            }
            ExprKind::Starred(_) => {
                let instead = "assign the whole list to a name, and take its parts by index: `rest = items[1:]`";
                Err(no_word("`*` on the left side", target.span, instead))
            }
            ExprKind::Index { index, .. } if has_slice(index) => {
                Err(no_word("assignment to a slice", index.span, "build the new list from parts of the old one"))
            }
            _ => self.expr(target),
        }
    }

    /// `a -= b` is `a = a - b`, with the place of `a` evaluated once.
    fn aug_assign(&mut self, target: &Expr, op: BinaryOp, value: &Expr, span: Span) -> Result<()> {
        let native = match operator(op, span)? {
            Operator::Native(symbol) => {
                return self.simple(span, |this| {
                    this.target(target)?;
                    this.push(&format!(" {symbol}= "))?;
                    this.expr(value)
                });
            }
            Operator::Call(native) => native,
        };
        let place = self.once(target, span)?;
        self.simple(span, |this| {
            this.target(&place)?;
            this.push(&format!(" = {native}("))?;
            this.expr(&place)?;
            this.code.push_str(", ");
            this.expr(value)?;
            this.push(")")
        })
    }

    /// The same place, with its parts in temporary names where they could have an effect.
    fn once(&mut self, target: &Expr, span: Span) -> Result<Expr> {
        let kind = match &target.kind {
            ExprKind::Index { object, index } if !has_slice(index) => {
                ExprKind::Index { object: Box::new(self.held(object, span)?), index: Box::new(self.held(index, span)?) }
            }
            ExprKind::Attribute { object, name } => {
                ExprKind::Attribute { object: Box::new(self.held(object, span)?), name: name.clone() }
            }
            kind => kind.clone(),
        };
        Ok(Expr { kind, span: target.span })
    }

    fn held(&mut self, expr: &Expr, span: Span) -> Result<Expr> {
        if is_simple(expr) {
            return Ok(expr.clone());
        }
        let temporary = self.temporary();
        self.simple(span, |this| {
            this.push(&format!("{temporary} = "))?;
            this.expr(expr)
        })?;
        self.bind_temporary(&temporary);
        Ok(Expr { kind: ExprKind::Name(temporary), span: expr.span })
    }

    fn return_statement(&mut self, value: Option<&Expr>, span: Span) -> Result<()> {
        if !self.in_function {
            let error = no_word("`return` outside of a function", span, "use `if` to leave statements out");
            return Err(error);
        }
        self.simple(span, |this| {
            this.push("return")?;
            let Some(value) = value else { return Ok(()) };
            this.code.push(' ');
            this.expr(value)
        })
    }

    /// `raise Error("message")`.
    fn raise(&mut self, error: Option<&Expr>, span: Span) -> Result<()> {
        let Some(error) = error else {
            return Err(no_word("`raise` without an error", span, "say what is wrong: `raise ValueError(\"…\")`"));
        };
        let none: &[Argument] = &[];
        let (class, arguments) = match &error.kind {
            ExprKind::Call { callee, arguments } => (&**callee, arguments.as_slice()),
            _ => (error, none),
        };
        let class = self.file.slice(class.span).to_owned();
        self.simple(span, |this| {
            this.code.push_str("__raise__(");
            this.quoted(&class);
            this.code.push_str(", ");
            match arguments.first().map(|argument| &argument.kind) {
                Some(ArgumentKind::Positional(message) | ArgumentKind::Named(_, message)) => this.expr(message)?,
                _ => this.quoted(""),
            }
            this.push(")")
        })
    }

    fn assert(&mut self, condition: &Expr, message: Option<&Expr>, span: Span) -> Result<()> {
        self.begin_line();
        self.code.push_str("if not (");
        self.condition(condition)?;
        self.code.push_str("):\n");
        self.indent += 1;
        self.simple(span, |this| {
            this.code.push_str("__assert__(");
            match message {
                Some(message) => this.expr(message)?,
                None => this.push("None")?,
            }
            this.push(")")
        })?;
        self.indent -= 1;
        Ok(())
    }

    fn if_statement(&mut self, branches: &[(Expr, Block)], otherwise: Option<&Block>) -> Result<()> {
        for (position, (condition, body)) in branches.iter().enumerate() {
            self.begin_line();
            self.code.push_str(if position == 0 { "if " } else { "elif " });
            self.condition(condition)?;
            self.code.push_str(":\n");
            self.block(body)?;
        }
        if let Some(body) = otherwise {
            self.line("else:");
            self.block(body)?;
        }
        Ok(())
    }
}

fn has_slice(index: &Expr) -> bool {
    match &index.kind {
        ExprKind::Slice { .. } => true,
        ExprKind::Tuple(items) => items.iter().any(has_slice),
        _ => false,
    }
}
