//! Expressions. Whatever is made of parts is written in parentheses or as a call, so that no precedence has to be kept.

use super::lowerer::{Lowerer, Outside, Result};
use super::names::{float, is_plain, quote, starlark_name};
use super::refused::no_word;
use crate::diagnostic::Span;
use crate::rulefile::scope::{bound_by_clauses, bound_by_parameters};
use crate::rulefile::tree::{
    Argument, ArgumentKind, BinaryOp, BoolOp, Clause, CompareOp, Comprehension, ComprehensionKind, DictItem, Expr,
    ExprKind, FormatPiece, Lambda, Parameter, ParameterKind, UnaryOp, Word,
};

impl Lowerer<'_> {
    pub(super) fn expr(&mut self, expr: &Expr) -> Result<()> {
        match &expr.kind {
            ExprKind::Name(name) => {
                self.name(name, expr.span);
                Ok(())
            }
            ExprKind::Paren(inner) => self.expr(inner),
            _ => self.mapped(expr.span, |this| this.composed(expr)),
        }
    }

    fn composed(&mut self, expr: &Expr) -> Result<()> {
        match &expr.kind {
            ExprKind::Tuple(items) => self.sequence(items, "(", if items.len() == 1 { ",)" } else { ")" }, "tuple("),
            ExprKind::List(items) => self.sequence(items, "[", "]", "("),
            ExprKind::Set(items) => {
                self.code.push_str("set(");
                self.sequence(items, "[", "]", "(")?;
                self.code.push(')');
                Ok(())
            }
            ExprKind::Dict(items) => self.dict(items),
            ExprKind::Comprehension(comprehension) => self.comprehension(comprehension),
            ExprKind::Unary { op, operand } => self.unary(*op, operand),
            ExprKind::Binary { op, left, right } => self.binary(*op, left, right, expr.span),
            ExprKind::Bool { op, left, right } => {
                let word = match op {
                    BoolOp::And => " and ",
                    BoolOp::Or => " or ",
                };
                self.code.push('(');
                self.condition(left)?;
                self.code.push_str(word);
                self.expr(right)?;
                self.code.push(')');
                Ok(())
            }
            ExprKind::Compare { first, rest } => self.compare(first, rest),
            ExprKind::Conditional { condition, then, otherwise } => {
                self.code.push('(');
                self.expr(then)?;
                self.code.push_str(" if ");
                self.condition(condition)?;
                self.code.push_str(" else ");
                self.expr(otherwise)?;
                self.code.push(')');
                Ok(())
            }
            ExprKind::Lambda(lambda) => self.lambda(lambda),
            ExprKind::Call { callee, arguments } => self.call(callee, arguments),
            ExprKind::Attribute { object, name } => self.attribute(object, name),
            ExprKind::Index { object, index } => self.index(object, index),
            ExprKind::FString(pieces) => self.formatted(pieces),
            _ => self.constant(expr),
        }
    }

    /// What decides about a branch. An image has no truth, so that a function that may meet one asks for it by a native,
    /// unless the expression's form says that it is a boolean.
    pub(super) fn condition(&mut self, expr: &Expr) -> Result<()> {
        if !self.asks_for_truth() || is_boolean(expr) {
            return self.expr(expr);
        }
        self.mapped(expr.span, |this| this.call_native("__truth__", &[expr]))
    }

    /// Images are in jobs only, and what runs in jobs is lowered by itself.
    fn asks_for_truth(&self) -> bool {
        matches!(self.outside, Outside::Alone { .. })
    }

    /// A constant, or what has no value here.
    fn constant(&mut self, expr: &Expr) -> Result<()> {
        let (what, instead) = match &expr.kind {
            ExprKind::None => return self.text("None"),
            ExprKind::True => return self.text("True"),
            ExprKind::False => return self.text("False"),
            ExprKind::Int(digits) => return self.text(digits),
            ExprKind::Float(value) => return self.text(&float(*value)),
            ExprKind::Str(text) => {
                self.quoted(text);
                return Ok(());
            }
            ExprKind::Bytes => ("a bytes literal", "use a string"),
            ExprKind::Imaginary => ("a complex number", "keep its two parts as two numbers"),
            ExprKind::Ellipsis => ("`...`", "write `pass` for an empty block, or every index"),
            ExprKind::Walrus { .. } => ("`:=`", "assign the value in a line of its own before it is used"),
            ExprKind::Await => ("`await`", "call the function as it is"),
            ExprKind::Yield => ("`yield`", "collect the values in a list, and return it"),
            ExprKind::Slice { .. } => ("a slice outside of brackets", "write it as an index"),
            _ => ("`*` at this place", "write it in a list, a tuple or a call"),
        };
        Err(no_word(what, expr.span, instead))
    }

    fn text(&mut self, text: &str) -> Result<()> {
        self.code.push_str(text);
        Ok(())
    }

    /// A call of a native with the given operands.
    pub(super) fn call_native(&mut self, native: &str, operands: &[&Expr]) -> Result<()> {
        self.code.push_str(native);
        self.code.push('(');
        self.separated(operands, |this, operand| this.expr(operand))?;
        self.code.push(')');
        Ok(())
    }

    fn native(&mut self, left: &Expr, op: &str, right: &Expr) -> Result<()> {
        self.code.push('(');
        self.expr(left)?;
        self.code.push_str(op);
        self.expr(right)?;
        self.code.push(')');
        Ok(())
    }

    /// Items between brackets; with `*items` among them, the lists put together.
    fn sequence(&mut self, items: &[Expr], open: &str, close: &str, convert: &str) -> Result<()> {
        if !items.iter().any(|item| matches!(item.kind, ExprKind::Starred(_))) {
            self.code.push_str(open);
            self.separated(items, |this, item| this.expr(item))?;
            return self.text(close);
        }
        self.code.push_str(convert);
        self.concatenated(items.iter().map(|item| match &item.kind {
            ExprKind::Starred(inner) => (true, &**inner),
            _ => (false, item),
        }))?;
        self.code.push(')');
        Ok(())
    }

    /// `__concat__([…], starred, […])`.
    pub(super) fn concatenated<'e>(&mut self, items: impl Iterator<Item = (bool, &'e Expr)>) -> Result<()> {
        self.code.push_str("__concat__(");
        let mut open = false;
        for (position, (starred, item)) in items.enumerate() {
            if open && starred {
                self.code.push(']');
                open = false;
            }
            if position > 0 {
                self.code.push_str(", ");
            }
            if !open && !starred {
                self.code.push('[');
                open = true;
            }
            self.expr(item)?;
        }
        self.code.push_str(if open { "])" } else { ")" });
        Ok(())
    }

    fn dict(&mut self, items: &[DictItem]) -> Result<()> {
        let merged = items.iter().any(|item| matches!(item, DictItem::Merge(_)));
        self.code.push_str(if merged { "__merge__(" } else { "" });
        let mut open = false;
        for (position, item) in items.iter().enumerate() {
            if open && matches!(item, DictItem::Merge(_)) {
                self.code.push('}');
                open = false;
            }
            if position > 0 {
                self.code.push_str(", ");
            }
            match item {
                DictItem::Merge(mapping) => self.expr(mapping)?,
                DictItem::Pair(key, value) => {
                    self.code.push_str(if open { "" } else { "{" });
                    open = true;
                    self.expr(key)?;
                    self.code.push_str(": ");
                    self.expr(value)?;
                }
            }
        }
        self.code.push_str(match (items.is_empty(), open, merged) {
            (true, ..) => "{}",
            (_, true, true) => "})",
            (_, true, false) => "}",
            (_, false, _) => ")",
        });
        Ok(())
    }

    fn comprehension(&mut self, comprehension: &Comprehension) -> Result<()> {
        let scope = bound_by_clauses(&comprehension.clauses);
        self.scopes.push(scope);
        let (open, close) = match &comprehension.kind {
            ComprehensionKind::Set(_) => ("set([", "])"),
            ComprehensionKind::Dict(..) => ("{", "}"),
            ComprehensionKind::List(_) | ComprehensionKind::Generator(_) => ("[", "]"),
        };
        self.code.push_str(open);
        match &comprehension.kind {
            ComprehensionKind::Dict(key, value) => {
                self.expr(key)?;
                self.code.push_str(": ");
                self.expr(value)?;
            }
            ComprehensionKind::Set(item) | ComprehensionKind::List(item) | ComprehensionKind::Generator(item) => {
                self.expr(item)?;
            }
        }
        for (position, clause) in comprehension.clauses.iter().enumerate() {
            self.clause(clause, position == 0)?;
        }
        self.scopes.pop();
        self.text(close)
    }

    /// The first iterable is evaluated outside of the comprehension, as in Python.
    fn clause(&mut self, clause: &Clause, first: bool) -> Result<()> {
        match clause {
            Clause::For { target, is_async: true, .. } => {
                Err(no_word("`async`", target.span, "write the comprehension without it"))
            }
            Clause::For { target, iterable, .. } => {
                self.code.push_str(" for ");
                self.target(target)?;
                self.code.push_str(" in ");
                if !first {
                    return self.iterable(iterable);
                }
                let scope = self.scopes.pop().expect("the comprehension has a scope");
                let lowered = self.iterable(iterable);
                self.scopes.push(scope);
                lowered
            }
            Clause::If(condition) => {
                self.code.push_str(" if ");
                self.condition(condition)
            }
        }
    }

    /// What a loop steps through, unless its form says that it is a list or its like.
    pub(super) fn iterable(&mut self, iterable: &Expr) -> Result<()> {
        let is_list = match &iterable.kind {
            ExprKind::List(_) | ExprKind::Tuple(_) | ExprKind::Comprehension(_) | ExprKind::Dict(_) => true,
            ExprKind::Call { callee, .. } => match &callee.kind {
                ExprKind::Name(name) => matches!(name.as_str(), "range" | "enumerate" | "zip" | "sorted" | "expand"),
                ExprKind::Attribute { name, .. } => matches!(name.text.as_str(), "items" | "keys" | "values"),
                _ => false,
            },
            _ => false,
        };
        if is_list { self.expr(iterable) } else { self.call_native("__iter__", &[iterable]) }
    }

    fn unary(&mut self, op: UnaryOp, operand: &Expr) -> Result<()> {
        if op == UnaryOp::Minus && matches!(operand.kind, ExprKind::Int(_) | ExprKind::Float(_)) {
            self.code.push('-');
            return self.expr(operand);
        }
        self.code.push_str(match op {
            UnaryOp::Not => "(not ",
            UnaryOp::Minus => "(-",
            UnaryOp::Plus => "(+",
            UnaryOp::Invert => "(~",
        });
        if op == UnaryOp::Not {
            self.condition(operand)?;
        } else {
            self.expr(operand)?;
        }
        self.code.push(')');
        Ok(())
    }

    pub(super) fn binary(&mut self, op: BinaryOp, left: &Expr, right: &Expr, span: Span) -> Result<()> {
        match operator(op, span)? {
            Operator::Native("+") if counts(left) || counts(right) => self.call_native("__add__", &[left, right]),
            Operator::Native("*") if counts(left) || counts(right) => self.call_native("__mul__", &[left, right]),
            Operator::Native(symbol) => self.native(left, &format!(" {symbol} "), right),
            Operator::Call(native) => self.call_native(native, &[left, right]),
        }
    }

    /// `a < b < c`: every operand is evaluated once, and none after the first comparison that fails.
    fn compare(&mut self, first: &Expr, rest: &[(CompareOp, Expr)]) -> Result<()> {
        let Some(((op, second), further)) = rest.split_first() else { return self.expr(first) };
        self.chain(&Operand::Expr(first), *op, second, further)
    }

    fn chain(&mut self, left: &Operand<'_>, op: CompareOp, right: &Expr, further: &[(CompareOp, Expr)]) -> Result<()> {
        let Some(((next_op, next), further)) = further.split_first() else {
            return self.comparison(left, op, &Operand::Expr(right));
        };
        let temporary = if is_simple(right) { None } else { Some(self.temporary()) };
        let middle = temporary.as_deref().map_or(Operand::Expr(right), Operand::Temporary);
        self.code.push('(');
        if let Some(name) = &temporary {
            self.code.push_str("(lambda ");
            self.code.push_str(name);
            self.code.push_str(": ");
        }
        let asks = self.asks_for_truth() && compares_values(op);
        self.code.push_str(if asks { "__truth__(" } else { "" });
        self.comparison(left, op, &middle)?;
        self.code.push_str(if asks { ") and " } else { " and " });
        self.chain(&middle, *next_op, next, further)?;
        if temporary.is_some() {
            self.code.push_str(")(");
            self.expr(right)?;
            self.code.push(')');
        }
        self.code.push(')');
        Ok(())
    }

    /// `type(x) == str`, where Starlark's `type` gives a text that is no type.
    fn type_comparison(&mut self, left: &Expr, op: CompareOp, right: &Expr) -> Result<bool> {
        let Some(value) = type_of(left) else { return Ok(false) };
        let is_text = matches!(right.kind, ExprKind::Str(_)) || type_of(right).is_some();
        if is_text || self.is_defined("type") {
            return Ok(false);
        }
        let negated = match op {
            CompareOp::Equal | CompareOp::Is | CompareOp::In => false,
            CompareOp::NotEqual | CompareOp::IsNot | CompareOp::NotIn => true,
            _ => return Ok(false),
        };
        self.code.push_str(if negated { "(not " } else { "(" });
        self.call_native("__type_is__", &[value, right])?;
        self.code.push(')');
        Ok(true)
    }

    fn comparison(&mut self, left: &Operand<'_>, op: CompareOp, right: &Operand<'_>) -> Result<()> {
        if let (Operand::Expr(first), Operand::Expr(second)) = (left, right)
            && (self.type_comparison(first, op, second)?
                || (matches!(op, CompareOp::Equal | CompareOp::NotEqual) && self.type_comparison(second, op, first)?))
        {
            return Ok(());
        }
        let (open, middle, close) = match op {
            CompareOp::Less => ("__lt__(", ", ", ")"),
            CompareOp::LessEqual => ("__le__(", ", ", ")"),
            CompareOp::Greater => ("__gt__(", ", ", ")"),
            CompareOp::GreaterEqual => ("__ge__(", ", ", ")"),
            CompareOp::Equal => ("__eq__(", ", ", ")"),
            CompareOp::NotEqual => ("__ne__(", ", ", ")"),
            CompareOp::In => ("(", " in ", ")"),
            CompareOp::NotIn => ("(", " not in ", ")"),
            CompareOp::Is => ("__is__(", ", ", ")"),
            CompareOp::IsNot => ("(not __is__(", ", ", "))"),
        };
        self.code.push_str(open);
        self.operand(left)?;
        self.code.push_str(middle);
        self.operand(right)?;
        self.text(close)
    }

    fn operand(&mut self, operand: &Operand<'_>) -> Result<()> {
        match operand {
            Operand::Expr(expr) => self.expr(expr),
            Operand::Temporary(name) => self.text(name),
        }
    }

    fn lambda(&mut self, lambda: &Lambda) -> Result<()> {
        self.code.push_str("(lambda");
        self.code.push_str(if lambda.parameters.is_empty() { "" } else { " " });
        self.parameters(&lambda.parameters)?;
        self.code.push_str(": ");
        self.scopes.push(bound_by_parameters(&lambda.parameters));
        self.expr(&lambda.body)?;
        self.scopes.pop();
        self.code.push(')');
        Ok(())
    }

    /// Parameters; their defaults belong to the scope around the function.
    pub(super) fn parameters(&mut self, parameters: &[Parameter]) -> Result<()> {
        let written: Vec<&Parameter> = parameters.iter().filter(|p| p.kind != ParameterKind::Slash).collect();
        self.separated(&written, |this, parameter| match &parameter.kind {
            ParameterKind::Plain { name, default } => {
                this.code.push_str(&starlark_name(&name.text));
                if let Some(default) = default {
                    this.code.push('=');
                    this.expr(default)?;
                }
                Ok(())
            }
            ParameterKind::Star(name) => {
                this.code.push('*');
                this.text(&name.as_ref().map_or("".into(), |name| starlark_name(&name.text)))
            }
            ParameterKind::DoubleStar(name) => {
                this.code.push_str("**");
                this.text(&starlark_name(&name.text))
            }
            ParameterKind::Slash => Ok(()),
        })
    }

    /// What stands before a dot or a bracket.
    pub(super) fn object(&mut self, object: &Expr) -> Result<()> {
        let number = matches!(object.kind, ExprKind::Int(_) | ExprKind::Float(_) | ExprKind::Unary { .. });
        self.code.push_str(if number { "(" } else { "" });
        self.expr(object)?;
        self.text(if number { ")" } else { "" })
    }

    fn attribute(&mut self, object: &Expr, name: &Word) -> Result<()> {
        if is_plain(&name.text) {
            self.object(object)?;
            self.code.push('.');
            return self.text(&name.text);
        }
        self.code.push_str("getattr(");
        self.expr(object)?;
        self.code.push_str(", ");
        self.quoted(&name.text);
        self.code.push(')');
        Ok(())
    }

    /// Starlark slices one dimension; an index of several with slices among them is a call.
    pub(super) fn index(&mut self, object: &Expr, index: &Expr) -> Result<()> {
        if let ExprKind::Tuple(items) = &index.kind
            && items.iter().any(|item| matches!(item.kind, ExprKind::Slice { .. }))
        {
            self.code.push_str("__index__(");
            self.expr(object)?;
            self.code.push_str(", (");
            for item in items {
                self.index_item(item)?;
                self.code.push_str(", ");
            }
            return self.text("))");
        }
        self.object(object)?;
        self.code.push('[');
        match &index.kind {
            ExprKind::Slice { lower, upper, step } => {
                for (position, part) in [lower, upper, step].into_iter().enumerate() {
                    if position == 1 || (position == 2 && part.is_some()) {
                        self.code.push(':');
                    }
                    if let Some(part) = part {
                        self.expr(part)?;
                    }
                }
            }
            _ => self.expr(index)?,
        }
        self.code.push(']');
        Ok(())
    }

    fn index_item(&mut self, item: &Expr) -> Result<()> {
        let ExprKind::Slice { lower, upper, step } = &item.kind else { return self.expr(item) };
        self.code.push_str("__slice__(");
        self.separated(&[lower, upper, step], |this, part| match part {
            Some(part) => this.expr(part),
            None => this.text("None"),
        })?;
        self.code.push(')');
        Ok(())
    }

    fn formatted(&mut self, pieces: &[FormatPiece]) -> Result<()> {
        self.code.push_str("__fstr__(");
        self.separated(pieces, |this, piece| match piece {
            FormatPiece::Text(text) => {
                quote(text, &mut this.code);
                Ok(())
            }
            FormatPiece::Field(field) => this.mapped(field.span, |this| {
                this.code.push_str("__fmt__(");
                this.expr(&field.value)?;
                this.code.push_str(", ");
                this.quoted(field.conversion.map(String::from).as_deref().unwrap_or_default());
                this.code.push_str(", ");
                match field.spec.as_deref() {
                    None | Some([]) => this.quoted(""),
                    Some([FormatPiece::Text(text)]) => this.quoted(text),
                    Some(spec) => this.formatted(spec)?,
                }
                this.code.push(')');
                Ok(())
            }),
        })?;
        self.code.push(')');
        Ok(())
    }
}

/// An operand of a comparison: an expression, or the name that holds its value.
enum Operand<'a> {
    Expr(&'a Expr),
    Temporary(&'a str),
}

pub(super) enum Operator {
    Native(&'static str),
    Call(&'static str),
}

/// Operators that Starlark has as Python has them, and those with a wider meaning than Starlark's.
pub(super) fn operator(op: BinaryOp, span: Span) -> Result<Operator> {
    Ok(match op {
        BinaryOp::Add => Operator::Native("+"),
        BinaryOp::Mul => Operator::Native("*"),
        BinaryOp::BitAnd => Operator::Native("&"),
        BinaryOp::BitOr => Operator::Native("|"),
        BinaryOp::BitXor => Operator::Native("^"),
        BinaryOp::ShiftLeft => Operator::Native("<<"),
        BinaryOp::ShiftRight => Operator::Native(">>"),
        BinaryOp::Sub => Operator::Call("__sub__"),
        BinaryOp::Div => Operator::Call("__div__"),
        BinaryOp::FloorDiv => Operator::Call("__floordiv__"),
        BinaryOp::Mod => Operator::Call("__mod__"),
        BinaryOp::Pow => Operator::Call("__pow__"),
        BinaryOp::MatMul => return Err(no_word("`@`", span, "multiply matrices in a `script:`")),
    })
}

/// Whether the form of an expression says that it is a boolean, which counts as 0 or 1.
fn counts(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Paren(inner) => counts(inner),
        ExprKind::True | ExprKind::False | ExprKind::Compare { .. } => true,
        ExprKind::Unary { op, .. } => *op == UnaryOp::Not,
        _ => false,
    }
}

/// The value that an expression asks the type of, as `type(value)`.
fn type_of(expr: &Expr) -> Option<&Expr> {
    match &expr.kind {
        ExprKind::Paren(inner) => type_of(inner),
        ExprKind::Call { callee, arguments } => match (&callee.kind, arguments.as_slice()) {
            (ExprKind::Name(name), [Argument { kind: ArgumentKind::Positional(value), .. }]) if name == "type" => {
                Some(value)
            }
            _ => None,
        },
        _ => None,
    }
}

/// Whether the operator may be a value's own, with a result that is no boolean.
fn compares_values(op: CompareOp) -> bool {
    !matches!(op, CompareOp::In | CompareOp::NotIn | CompareOp::Is | CompareOp::IsNot)
}

/// Whether the form of an expression says that its value is a boolean, or another value that is no image.
fn is_boolean(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Paren(inner) => is_boolean(inner),
        ExprKind::Unary { op, .. } => *op == UnaryOp::Not,
        ExprKind::Bool { right, .. } => is_boolean(right),
        ExprKind::Compare { rest, .. } => rest.last().is_none_or(|(op, _)| !compares_values(*op)),
        ExprKind::None | ExprKind::True | ExprKind::False | ExprKind::Int(_) | ExprKind::Str(_) => true,
        _ => false,
    }
}

/// Whether evaluating it twice is the same as once.
pub(super) fn is_simple(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Paren(inner) => is_simple(inner),
        ExprKind::Unary { operand, .. } => matches!(operand.kind, ExprKind::Int(_) | ExprKind::Float(_)),
        ExprKind::Name(_) | ExprKind::None | ExprKind::True | ExprKind::False => true,
        ExprKind::Int(_) | ExprKind::Float(_) | ExprKind::Str(_) => true,
        _ => false,
    }
}
