//! Going over a syntax tree: every statement and every expression, outer before inner, in the order of the text.
//! A tree in, calls out; knows nothing of what anything means.

use super::tree::{
    Argument, ArgumentKind, Clause, ComprehensionKind, DictItem, Expr, ExprKind, FormatPiece, Parameter, ParameterKind,
    RuleBody, Statement, StatementKind,
};

/// A place of the tree.
#[derive(Debug, Clone, Copy)]
pub enum Node<'t> {
    Statement(&'t Statement),
    Expr(&'t Expr),
}

/// Calls `visit` for the statements, and for all that is in them: blocks, rules, the bodies of functions and of `run:`.
pub fn statements<'t>(block: &'t [Statement], visit: &mut dyn FnMut(Node<'t>)) {
    for statement in block {
        visit(Node::Statement(statement));
        within(&statement.kind, visit);
    }
}

fn within<'t>(kind: &'t StatementKind, visit: &mut dyn FnMut(Node<'t>)) {
    match kind {
        StatementKind::Expr(value) => expression(value, visit),
        StatementKind::Assign { targets, value } => {
            targets.iter().for_each(|target| expression(target, visit));
            expression(value, visit);
        }
        StatementKind::Declare { target: first, annotation: second }
        | StatementKind::AugAssign { target: first, value: second, .. } => {
            expression(first, visit);
            expression(second, visit);
        }
        StatementKind::Return(value) | StatementKind::Raise(value) => optional(value.as_ref(), visit),
        StatementKind::Assert { condition, message } => {
            expression(condition, visit);
            optional(message.as_ref(), visit);
        }
        StatementKind::If { branches, otherwise } => {
            for (condition, block) in branches {
                expression(condition, visit);
                statements(block, visit);
            }
            statements(otherwise.as_deref().unwrap_or_default(), visit);
        }
        StatementKind::For { target, iterable, body, otherwise, .. } => {
            expression(target, visit);
            expression(iterable, visit);
            statements(body, visit);
            statements(otherwise.as_deref().unwrap_or_default(), visit);
        }
        StatementKind::Def(def) => {
            def.decorators.iter().for_each(|decorator| expression(decorator, visit));
            defaults(&def.parameters, visit);
            statements(&def.body, visit);
        }
        StatementKind::Rule(rule) => rule_body(&rule.body, visit),
        StatementKind::Module { body, .. } => rule_body(body, visit),
        StatementKind::UseRule(statement) => statement.body.iter().for_each(|body| rule_body(body, visit)),
        StatementKind::Keyword { arguments: values, .. } => arguments(values, visit),
        StatementKind::Handler { body, .. } => statements(body, visit),
        StatementKind::Foreign { blocks, .. } => blocks.iter().for_each(|block| statements(block, visit)),
        StatementKind::Pass
        | StatementKind::Break
        | StatementKind::Continue
        | StatementKind::Import(_)
        | StatementKind::FromImport { .. } => {}
    }
}

fn rule_body<'t>(body: &'t RuleBody, visit: &mut dyn FnMut(Node<'t>)) {
    optional(body.docstring.as_ref(), visit);
    body.directives.iter().for_each(|directive| arguments(&directive.arguments, visit));
    if let Some(run) = &body.run {
        statements(&run.body, visit);
    }
}

/// The expressions in the arguments of a call, or the values of a directive.
pub fn arguments<'t>(arguments: &'t [Argument], visit: &mut dyn FnMut(Node<'t>)) {
    for argument in arguments {
        match &argument.kind {
            ArgumentKind::Positional(value)
            | ArgumentKind::Named(_, value)
            | ArgumentKind::Star(value)
            | ArgumentKind::DoubleStar(value) => expression(value, visit),
        }
    }
}

fn defaults<'t>(parameters: &'t [Parameter], visit: &mut dyn FnMut(Node<'t>)) {
    for parameter in parameters {
        if let ParameterKind::Plain { default, .. } = &parameter.kind {
            optional(default.as_ref(), visit);
        }
    }
}

fn optional<'t>(value: Option<&'t Expr>, visit: &mut dyn FnMut(Node<'t>)) {
    if let Some(value) = value {
        expression(value, visit);
    }
}

/// Calls `visit` for an expression and for those in it.
pub fn expression<'t>(expr: &'t Expr, visit: &mut dyn FnMut(Node<'t>)) {
    visit(Node::Expr(expr));
    match &expr.kind {
        ExprKind::FString(pieces) => fields(pieces, visit),
        ExprKind::Paren(inner) | ExprKind::Starred(inner) | ExprKind::Unary { operand: inner, .. } => {
            expression(inner, visit);
        }
        ExprKind::Tuple(items) | ExprKind::List(items) | ExprKind::Set(items) => {
            items.iter().for_each(|item| expression(item, visit));
        }
        ExprKind::Dict(items) => {
            for item in items {
                match item {
                    DictItem::Pair(key, value) => {
                        expression(key, visit);
                        expression(value, visit);
                    }
                    DictItem::Merge(value) => expression(value, visit),
                }
            }
        }
        ExprKind::Comprehension(comprehension) => {
            match &comprehension.kind {
                ComprehensionKind::List(element)
                | ComprehensionKind::Set(element)
                | ComprehensionKind::Generator(element) => expression(element, visit),
                ComprehensionKind::Dict(key, value) => {
                    expression(key, visit);
                    expression(value, visit);
                }
            }
            for clause in &comprehension.clauses {
                match clause {
                    Clause::For { target, iterable, .. } => {
                        expression(target, visit);
                        expression(iterable, visit);
                    }
                    Clause::If(condition) => expression(condition, visit),
                }
            }
        }
        ExprKind::Binary { left, right, .. } | ExprKind::Bool { left, right, .. } => {
            expression(left, visit);
            expression(right, visit);
        }
        ExprKind::Compare { first, rest } => {
            expression(first, visit);
            rest.iter().for_each(|(_, operand)| expression(operand, visit));
        }
        ExprKind::Conditional { condition, then, otherwise } => {
            expression(then, visit);
            expression(condition, visit);
            expression(otherwise, visit);
        }
        ExprKind::Lambda(lambda) => {
            defaults(&lambda.parameters, visit);
            expression(&lambda.body, visit);
        }
        ExprKind::Call { callee, arguments: values } => {
            expression(callee, visit);
            arguments(values, visit);
        }
        ExprKind::Attribute { object, .. } => expression(object, visit),
        ExprKind::Index { object, index } => {
            expression(object, visit);
            expression(index, visit);
        }
        ExprKind::Slice { lower, upper, step } => {
            [lower, upper, step].into_iter().for_each(|part| optional(part.as_deref(), visit));
        }
        ExprKind::Walrus { value, .. } => expression(value, visit),
        ExprKind::Name(_)
        | ExprKind::None
        | ExprKind::True
        | ExprKind::False
        | ExprKind::Ellipsis
        | ExprKind::Int(_)
        | ExprKind::Float(_)
        | ExprKind::Imaginary
        | ExprKind::Str(_)
        | ExprKind::Bytes
        | ExprKind::Await
        | ExprKind::Yield => {}
    }
}

fn fields<'t>(pieces: &'t [FormatPiece], visit: &mut dyn FnMut(Node<'t>)) {
    for piece in pieces {
        if let FormatPiece::Field(field) = piece {
            expression(&field.value, visit);
            fields(field.spec.as_deref().unwrap_or_default(), visit);
        }
    }
}
