//! Expressions: operators by precedence, atoms with what follows them, argument lists, comprehensions.

use std::sync::LazyLock;

use pest::iterators::Pair;
use pest::pratt_parser::{Assoc, Op, PrattParser};

use super::grammar::Rule;
use super::{Builder, Result};
use crate::diagnostic::Span;
use crate::rulefile::tree::{
    Argument, ArgumentKind, BinaryOp, BoolOp, Clause, CompareOp, Comprehension, ComprehensionKind, DictItem, Expr,
    ExprKind, Lambda, Parameter, ParameterKind, UnaryOp, Word,
};

/// From the loosest to the tightest, as in Python.
static PRECEDENCE: LazyLock<PrattParser<Rule>> = LazyLock::new(|| {
    let left = |rule| Op::infix(rule, Assoc::Left);
    PrattParser::new()
        .op(left(Rule::or_op))
        .op(left(Rule::and_op))
        .op(Op::prefix(Rule::not_op))
        .op(left(Rule::compare_op))
        .op(left(Rule::bit_or_op))
        .op(left(Rule::bit_xor_op))
        .op(left(Rule::bit_and_op))
        .op(left(Rule::shift_op))
        .op(left(Rule::additive_op))
        .op(left(Rule::multiplicative_op))
        .op(Op::prefix(Rule::sign_op))
        .op(Op::infix(Rule::power_op, Assoc::Right))
        .op(Op::prefix(Rule::await_op))
});

impl Builder<'_> {
    /// Any pair that stands for an expression.
    pub(super) fn expression(&self, pair: Pair<'_, Rule>) -> Result<Expr> {
        let span = self.span(&pair);
        let kind = match pair.as_rule() {
            Rule::expression => return self.conditional(pair),
            Rule::operation => return self.operation(pair),
            Rule::primary => return self.primary(pair),
            Rule::star_expressions | Rule::targets => return self.star_expressions(pair),
            Rule::strings => return self.strings(pair),
            Rule::number => return self.number(&pair),
            Rule::identifier => ExprKind::Name(pair.as_str().to_owned()),
            Rule::constant => match pair.as_str() {
                "True" => ExprKind::True,
                "False" => ExprKind::False,
                _ => ExprKind::None,
            },
            Rule::ellipsis => ExprKind::Ellipsis,
            Rule::yield_expression => ExprKind::Yield,
            Rule::starred | Rule::starred_target => ExprKind::Starred(Box::new(self.last(pair)?)),
            Rule::walrus => {
                let mut inner = pair.into_inner();
                let name = self.word(&inner.next().expect("a walrus has a name"));
                let value = inner.next().expect("a walrus has a value");
                ExprKind::Walrus { name, value: Box::new(self.deeper(6, span, || self.expression(value))?) }
            }
            Rule::lambda => self.deeper(6, span, || self.lambda(pair))?,
            Rule::parenthesis => self.deeper(6, span, || self.parenthesis(pair))?,
            Rule::list => self.deeper(6, span, || self.list(pair))?,
            Rule::braces => self.deeper(6, span, || self.braces(pair))?,
            rule => unreachable!("{rule:?} is not an expression"),
        };
        Ok(Expr { kind, span })
    }

    fn last(&self, pair: Pair<'_, Rule>) -> Result<Expr> {
        let last = pair.into_inner().last().expect("an operand follows its mark");
        self.expression(last)
    }

    fn conditional(&self, pair: Pair<'_, Rule>) -> Result<Expr> {
        let span = self.span(&pair);
        let mut inner = pair.into_inner().filter(|p| !matches!(p.as_rule(), Rule::if_keyword | Rule::else_keyword));
        let first = inner.next().expect("an expression is not empty");
        let Some(condition) = inner.next() else { return self.expression(first) };
        let otherwise = inner.next().expect("a conditional has three parts");
        self.deeper(6, span, || {
            let kind = ExprKind::Conditional {
                condition: Box::new(self.expression(condition)?),
                then: Box::new(self.expression(first)?),
                otherwise: Box::new(self.expression(otherwise)?),
            };
            Ok(Expr { kind, span })
        })
    }

    fn operation(&self, pair: Pair<'_, Rule>) -> Result<Expr> {
        let span = self.span(&pair);
        let parts = pair.into_inner();
        let operators = parts.clone().count() - 1;
        if operators == 0 {
            return self.expression(parts.into_iter().next().expect("an operation has an operand"));
        }
        self.deeper(operators, span, || {
            PRECEDENCE
                .map_primary(|operand| self.expression(operand))
                .map_prefix(|op, operand| self.prefix(&op, operand?))
                .map_infix(|left, op, right| infix(&op, left?, right?))
                .parse(parts)
        })
    }

    fn prefix(&self, op: &Pair<'_, Rule>, operand: Expr) -> Result<Expr> {
        let span = self.span(op).to(operand.span);
        let operand = Box::new(operand);
        let unary = |op| ExprKind::Unary { op, operand };
        let kind = match op.as_str() {
            "-" => unary(UnaryOp::Minus),
            "+" => unary(UnaryOp::Plus),
            "~" => unary(UnaryOp::Invert),
            "not" => unary(UnaryOp::Not),
            _ => ExprKind::Await,
        };
        Ok(Expr { kind, span })
    }

    fn primary(&self, pair: Pair<'_, Rule>) -> Result<Expr> {
        let whole = self.span(&pair);
        let trailers = pair.clone().into_inner().count() - 1;
        let mut inner = pair.into_inner();
        let atom = inner.next().expect("a primary begins with an atom");
        if trailers == 0 {
            return self.expression(atom);
        }
        self.deeper(trailers, whole, || {
            let mut expr = self.expression(atom)?;
            for trailer in inner {
                let span = expr.span.to(self.span(&trailer));
                let object = Box::new(expr);
                let kind = match trailer.as_rule() {
                    Rule::attribute => {
                        let name = trailer.into_inner().next().expect("an attribute has a name");
                        ExprKind::Attribute { object, name: self.word(&name) }
                    }
                    Rule::call => ExprKind::Call { callee: object, arguments: self.call_arguments(trailer)? },
                    _ => ExprKind::Index { object, index: Box::new(self.index(trailer)?) },
                };
                expr = Expr { kind, span };
            }
            Ok(expr)
        })
    }

    fn call_arguments(&self, call: Pair<'_, Rule>) -> Result<Vec<Argument>> {
        match call.into_inner().find(|p| p.as_rule() == Rule::arguments) {
            Some(arguments) => self.arguments(arguments),
            None => Ok(Vec::new()),
        }
    }

    /// Arguments of a call, or values of a directive.
    pub(super) fn arguments(&self, pair: Pair<'_, Rule>) -> Result<Vec<Argument>> {
        let mut arguments: Vec<Argument> = Vec::new();
        for argument in pair.into_inner().filter(|p| p.as_rule() != Rule::trailing_comma) {
            let span = self.span(&argument);
            let kind = match argument.as_rule() {
                Rule::keyword_argument => {
                    let mut inner = argument.into_inner();
                    let name = inner.next().and_then(|name| name.into_inner().next()).expect("a name before `=`");
                    let value = inner.next().expect("a value after `=`");
                    ArgumentKind::Named(self.word(&name), self.expression(value)?)
                }
                Rule::double_starred => ArgumentKind::DoubleStar(self.last(argument)?),
                Rule::starred => ArgumentKind::Star(self.last(argument)?),
                _ => {
                    let mut inner = argument.into_inner();
                    let value = self.expression(inner.next().expect("an argument has a value"))?;
                    ArgumentKind::Positional(match inner.next() {
                        Some(clauses) => self.comprehension(ComprehensionKind::Generator(value), clauses, span)?,
                        None => value,
                    })
                }
            };
            arguments.push(Argument { kind, span });
        }
        self.check_arguments(&arguments)?;
        Ok(arguments)
    }

    fn check_arguments(&self, arguments: &[Argument]) -> Result<()> {
        let mut named: Vec<&Word> = Vec::new();
        let mut merged = false;
        for argument in arguments {
            match &argument.kind {
                ArgumentKind::Named(name, _) => {
                    if let Some(first) = named.iter().find(|other| other.text == name.text) {
                        let error = self.error(format!("`{}` is given twice", name.text), name.span);
                        return Err(error.at(first.span, "first here"));
                    }
                    named.push(name);
                }
                ArgumentKind::DoubleStar(_) => merged = true,
                ArgumentKind::Positional(_) if merged || !named.is_empty() => {
                    let error = self.error("a value without a name comes after one with a name", argument.span);
                    let error = match named.first() {
                        Some(first) => error.at(first.span, "named value"),
                        None => error,
                    };
                    return Err(error.help("put the values without names first, or give this one a name too"));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn index(&self, pair: Pair<'_, Rule>) -> Result<Expr> {
        let whole = self.span(&pair);
        let mut items = Vec::new();
        let mut commas = 0;
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::index_comma => commas += 1,
                Rule::index_item => items.extend(self.index_item(part)?),
                _ => {}
            }
        }
        if commas == 0
            && let Some(item) = items.pop()
        {
            return Ok(item);
        }
        let (Some(first), Some(last)) = (items.first(), items.last()) else {
            return Err(self.error("expected an index between the brackets", whole));
        };
        let span = first.span.to(last.span);
        Ok(Expr { kind: ExprKind::Tuple(items), span })
    }

    fn index_item(&self, pair: Pair<'_, Rule>) -> Result<Option<Expr>> {
        let span = self.span(&pair);
        let mut parts: [Option<Box<Expr>>; 3] = [None, None, None];
        let mut colons = 0;
        for part in pair.into_inner() {
            if part.as_rule() == Rule::colon {
                colons += 1;
            } else {
                parts[colons] = Some(Box::new(self.expression(part)?));
            }
        }
        let [lower, upper, step] = parts;
        if colons == 0 {
            return Ok(lower.map(|item| *item));
        }
        Ok(Some(Expr { kind: ExprKind::Slice { lower, upper, step }, span }))
    }

    fn star_expressions(&self, pair: Pair<'_, Rule>) -> Result<Expr> {
        let span = self.span(&pair);
        let mut inner = pair.into_inner();
        let first = inner.next().expect("a list of expressions is not empty");
        let mut items = vec![self.expression(first)?];
        let mut tuple = false;
        for item in inner {
            tuple = true;
            if item.as_rule() != Rule::trailing_comma {
                items.push(self.expression(item)?);
            }
        }
        match items.pop() {
            Some(only) if !tuple => Ok(only),
            last => {
                items.extend(last);
                Ok(Expr { kind: ExprKind::Tuple(items), span })
            }
        }
    }

    fn parenthesis(&self, pair: Pair<'_, Rule>) -> Result<ExprKind> {
        let span = self.span(&pair);
        let mut items = Vec::new();
        let mut tuple = false;
        for item in pair.into_inner() {
            match item.as_rule() {
                Rule::close_parenthesis => {}
                Rule::trailing_comma => tuple = true,
                Rule::comprehension => {
                    let element = items.pop().expect("an element stands before its comprehension");
                    return Ok(self.comprehension(ComprehensionKind::Generator(element), item, span)?.kind);
                }
                _ => items.push(self.expression(item)?),
            }
        }
        match items.pop() {
            Some(only) if items.is_empty() && !tuple => Ok(ExprKind::Paren(Box::new(only))),
            last => {
                items.extend(last);
                Ok(ExprKind::Tuple(items))
            }
        }
    }

    fn list(&self, pair: Pair<'_, Rule>) -> Result<ExprKind> {
        let span = self.span(&pair);
        let mut items = Vec::new();
        for item in pair.into_inner() {
            match item.as_rule() {
                Rule::close_bracket => {}
                Rule::comprehension => {
                    let element = items.pop().expect("an element stands before its comprehension");
                    return Ok(self.comprehension(ComprehensionKind::List(element), item, span)?.kind);
                }
                _ => items.push(self.expression(item)?),
            }
        }
        Ok(ExprKind::List(items))
    }

    /// A dict, a set, or a comprehension of one.
    fn braces(&self, pair: Pair<'_, Rule>) -> Result<ExprKind> {
        let span = self.span(&pair);
        let (mut pairs, mut elements) = (Vec::new(), Vec::new());
        for item in pair.into_inner() {
            match item.as_rule() {
                Rule::close_brace => {}
                Rule::comprehension => {
                    let kind = match (pairs.pop(), elements.pop()) {
                        (Some(DictItem::Pair(key, value)), _) => ComprehensionKind::Dict(key, value),
                        (_, Some(element)) => ComprehensionKind::Set(element),
                        _ => return Err(self.error("`**` cannot stand in a comprehension", span)),
                    };
                    return Ok(self.comprehension(kind, item, span)?.kind);
                }
                Rule::double_starred => pairs.push(DictItem::Merge(self.last(item)?)),
                Rule::dict_item => {
                    let mut inner = item.into_inner();
                    let key = self.expression(inner.next().expect("an item is not empty"))?;
                    match inner.next() {
                        Some(value) => pairs.push(DictItem::Pair(key, self.expression(value)?)),
                        None => elements.push(key),
                    }
                }
                _ => elements.push(self.expression(item)?),
            }
        }
        match (pairs.is_empty(), elements.first()) {
            (_, None) => Ok(ExprKind::Dict(pairs)),
            (true, Some(_)) => Ok(ExprKind::Set(elements)),
            (false, Some(element)) => {
                let error = self.error("expected `key: value`, as in the other items of this dict", element.span);
                Err(error.help("write a `:` and a value after the key"))
            }
        }
    }

    fn comprehension(&self, kind: ComprehensionKind, pair: Pair<'_, Rule>, span: Span) -> Result<Expr> {
        let mut clauses = Vec::new();
        for clause in pair.into_inner() {
            let is_for = clause.as_rule() == Rule::comprehension_for;
            let mut is_async = false;
            let mut parts = Vec::new();
            for part in clause.into_inner() {
                match part.as_rule() {
                    Rule::for_keyword | Rule::in_keyword | Rule::if_keyword => {}
                    Rule::async_keyword => is_async = true,
                    _ => parts.push(self.expression(part)?),
                }
            }
            let last = parts.pop().expect("a clause has an expression");
            clauses.push(match parts.pop() {
                Some(target) if is_for => Clause::For { target, iterable: last, is_async },
                _ => Clause::If(last),
            });
        }
        Ok(Expr { kind: ExprKind::Comprehension(Box::new(Comprehension { kind, clauses })), span })
    }

    fn lambda(&self, pair: Pair<'_, Rule>) -> Result<ExprKind> {
        let mut parameters = Vec::new();
        let mut body = None;
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::lambda_keyword => {}
                Rule::lambda_parameter => parameters.push(self.parameter(part)?),
                _ => body = Some(self.expression(part)?),
            }
        }
        Ok(ExprKind::Lambda(Box::new(Lambda { parameters, body: body.expect("a lambda has a body") })))
    }

    pub(super) fn parameter(&self, pair: Pair<'_, Rule>) -> Result<Parameter> {
        let span = self.span(&pair);
        let (mut mark, mut name, mut default) = (None, None, None);
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::identifier => name = Some(self.word(&part)),
                Rule::star_mark | Rule::double_star_mark | Rule::slash_mark => mark = Some(part.as_rule()),
                Rule::type_of => {}
                _ => default = Some(self.expression(part)?),
            }
        }
        let kind = match (mark, name) {
            (None, Some(name)) => ParameterKind::Plain { name, default },
            (Some(Rule::double_star_mark), Some(name)) => ParameterKind::DoubleStar(name),
            (Some(Rule::star_mark), name) => ParameterKind::Star(name),
            _ => ParameterKind::Slash,
        };
        Ok(Parameter { kind, span })
    }
}

fn infix(op: &Pair<'_, Rule>, left: Expr, right: Expr) -> Result<Expr> {
    let span = left.span.to(right.span);
    let kind = match op.as_rule() {
        Rule::compare_op => return Ok(compare(compare_op(op.as_str()), left, right)),
        Rule::and_op => ExprKind::Bool { op: BoolOp::And, left: Box::new(left), right: Box::new(right) },
        Rule::or_op => ExprKind::Bool { op: BoolOp::Or, left: Box::new(left), right: Box::new(right) },
        _ => ExprKind::Binary { op: binary_op(op.as_str()), left: Box::new(left), right: Box::new(right) },
    };
    Ok(Expr { kind, span })
}

/// `a < b` and then `< c` is one chain; parentheses would have made the left side another kind of node.
fn compare(op: CompareOp, left: Expr, right: Expr) -> Expr {
    let span = left.span.to(right.span);
    let kind = match left.kind {
        ExprKind::Compare { first, mut rest } => {
            rest.push((op, right));
            ExprKind::Compare { first, rest }
        }
        kind => {
            let first = Box::new(Expr { kind, span: left.span });
            ExprKind::Compare { first, rest: vec![(op, right)] }
        }
    };
    Expr { kind, span }
}

fn compare_op(text: &str) -> CompareOp {
    match text {
        "<" => CompareOp::Less,
        "<=" => CompareOp::LessEqual,
        ">" => CompareOp::Greater,
        ">=" => CompareOp::GreaterEqual,
        "==" => CompareOp::Equal,
        "!=" => CompareOp::NotEqual,
        "in" => CompareOp::In,
        "is" => CompareOp::Is,
        text if text.starts_with("is") => CompareOp::IsNot,
        _ => CompareOp::NotIn,
    }
}

/// Also of the operator in `+=`, without its `=`.
pub(super) fn binary_op(text: &str) -> BinaryOp {
    match text {
        "+" => BinaryOp::Add,
        "-" => BinaryOp::Sub,
        "*" => BinaryOp::Mul,
        "/" => BinaryOp::Div,
        "//" => BinaryOp::FloorDiv,
        "%" => BinaryOp::Mod,
        "**" => BinaryOp::Pow,
        "@" => BinaryOp::MatMul,
        "&" => BinaryOp::BitAnd,
        "|" => BinaryOp::BitOr,
        "^" => BinaryOp::BitXor,
        "<<" => BinaryOp::ShiftLeft,
        _ => BinaryOp::ShiftRight,
    }
}
