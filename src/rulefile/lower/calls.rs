//! Calls: Starlark wants positional arguments, named ones, at most one `*` and at most one `**`, in that order.

use super::lowerer::{Lowerer, Result};
use super::names::is_plain;
use super::refused::no_word;
use super::{CallSite, NamedArgument};
use crate::rulefile::tree::{Argument, ArgumentKind, Expr, ExprKind};

impl Lowerer<'_> {
    pub(super) fn call(&mut self, callee: &Expr, arguments: &[Argument]) -> Result<()> {
        if let ExprKind::Name(name) = &callee.kind
            && !self.is_local(name)
        {
            self.calls.push(call_site(name, callee, arguments));
        }
        match &callee.kind {
            // The template is what Starlark's own `format` would take, with fewer specs.
            ExprKind::Attribute { object, name } if name.text == "format" => {
                self.code.push_str("__format__(");
                let template = Argument { kind: ArgumentKind::Positional((**object).clone()), span: object.span };
                let mut all = vec![template];
                all.extend_from_slice(arguments);
                self.arguments(&all)?;
                self.code.push(')');
                return Ok(());
            }
            ExprKind::Attribute { object, name } if METHODS.contains(&name.text.as_str()) => {
                self.code.push_str("__method__(");
                let argument = |kind, span| Argument { kind: ArgumentKind::Positional(kind), span };
                let method = Expr { kind: ExprKind::Str(name.text.clone()), span: name.span };
                let mut all = vec![argument((**object).clone(), object.span), argument(method, name.span)];
                all.extend_from_slice(arguments);
                self.arguments(&all)?;
                self.code.push(')');
                return Ok(());
            }
            ExprKind::Name(name) if !self.is_defined(name) && wrapper(name).is_some() => {
                self.code.push_str(name);
                self.code.push('(');
                self.wrapped_arguments(arguments, wrapper(name).unwrap_or_default())?;
                self.code.push(')');
                return Ok(());
            }
            ExprKind::Name(name) if name == "open" && !self.is_defined(name) => {
                let instead =
                    "read with `read_text` or `read_lines`; to write, use an action in a `run:` body, or `script:`";
                return Err(no_word("`open`", callee.span, instead));
            }
            ExprKind::Name(name) if name == "shell" && !self.is_defined(name) => {
                self.object(callee)?;
                return self.shell_arguments(arguments);
            }
            _ => self.object(callee)?,
        }
        self.code.push('(');
        self.arguments(arguments)?;
        self.code.push(')');
        Ok(())
    }

    /// The arguments of a call, or the values of a directive.
    pub(super) fn arguments(&mut self, arguments: &[Argument]) -> Result<()> {
        self.wrapped_arguments(arguments, "")
    }

    /// The same, with a native called for each positional value first.
    fn wrapped_arguments(&mut self, arguments: &[Argument], native: &str) -> Result<()> {
        let mut comma = Separator(false);
        self.positional(arguments, native, &mut comma)?;
        for argument in arguments {
            if let ArgumentKind::Named(name, value) = &argument.kind
                && is_plain(&name.text)
            {
                comma.write(&mut self.code);
                self.mapped(argument.span, |this| {
                    this.code.push_str(&name.text);
                    this.code.push('=');
                    this.expr(value)
                })?;
            }
        }
        self.starred(arguments, &mut comma)?;
        self.merged(arguments, &mut comma)
    }

    /// Positional arguments before any `*`.
    fn positional(&mut self, arguments: &[Argument], native: &str, comma: &mut Separator) -> Result<()> {
        for argument in arguments {
            match &argument.kind {
                ArgumentKind::Positional(value) => {
                    comma.write(&mut self.code);
                    match native {
                        "" => self.expr(value)?,
                        native => self.call_native(native, &[value])?,
                    }
                }
                ArgumentKind::Star(_) => break,
                _ => {}
            }
        }
        Ok(())
    }

    /// From the first `*` on, everything positional.
    fn starred(&mut self, arguments: &[Argument], comma: &mut Separator) -> Result<()> {
        let Some(first) = arguments.iter().position(|a| matches!(a.kind, ArgumentKind::Star(_))) else { return Ok(()) };
        let items: Vec<(bool, &Expr)> = arguments[first..]
            .iter()
            .filter_map(|argument| match &argument.kind {
                ArgumentKind::Star(value) => Some((true, value)),
                ArgumentKind::Positional(value) => Some((false, value)),
                _ => None,
            })
            .collect();
        comma.write(&mut self.code);
        self.code.push('*');
        match items.as_slice() {
            [(_, only)] => self.object(only),
            _ => self.concatenated(items.into_iter()),
        }
    }

    /// All `**`, and the names that Starlark cannot spell.
    fn merged(&mut self, arguments: &[Argument], comma: &mut Separator) -> Result<()> {
        let parts: Vec<&Argument> = arguments
            .iter()
            .filter(|argument| match &argument.kind {
                ArgumentKind::DoubleStar(_) => true,
                ArgumentKind::Named(name, _) => !is_plain(&name.text),
                _ => false,
            })
            .collect();
        if parts.is_empty() {
            return Ok(());
        }
        comma.write(&mut self.code);
        self.code.push_str("**__merge__(");
        self.separated(&parts, |this, argument| match &argument.kind {
            ArgumentKind::Named(name, value) => {
                this.code.push('{');
                this.quoted(&name.text);
                this.code.push_str(": ");
                this.expr(value)?;
                this.code.push('}');
                Ok(())
            }
            ArgumentKind::DoubleStar(value) | ArgumentKind::Star(value) | ArgumentKind::Positional(value) => {
                this.object(value)
            }
        })?;
        self.code.push(')');
        Ok(())
    }
}

fn call_site(name: &str, callee: &Expr, arguments: &[Argument]) -> CallSite {
    let mut site =
        CallSite { name: name.to_owned(), span: callee.span, positional: 0, named: Vec::new(), is_open: false };
    for argument in arguments {
        match &argument.kind {
            ArgumentKind::Positional(_) => site.positional += 1,
            ArgumentKind::Named(name, value) => {
                let text = match &value.kind {
                    ExprKind::Str(text) => Some(text.clone()),
                    _ => None,
                };
                site.named.push(NamedArgument { name: name.text.clone(), span: argument.span, text });
            }
            ArgumentKind::Star(_) | ArgumentKind::DoubleStar(_) => site.is_open = true,
        }
    }
    site
}

/// Methods that values of Starlark lack or have for fewer arguments.
const METHODS: &[&str] = &[
    "join",
    "zfill",
    "ljust",
    "rjust",
    "center",
    "casefold",
    "swapcase",
    "isdecimal",
    "isnumeric",
    "most_common",
    "column",
    "where",
];

/// What is called for the values of a function of Starlark's first, so that it takes what Python's takes.
fn wrapper(function: &str) -> Option<&'static str> {
    match function {
        "bool" => Some("__truth__"),
        "int" | "float" => Some("__digits__"),
        "list" | "tuple" | "set" | "sorted" | "enumerate" | "reversed" | "zip" | "any" | "all" => Some("__iter__"),
        _ => None,
    }
}

/// Writes a comma before every item but the first.
struct Separator(bool);

impl Separator {
    fn write(&mut self, code: &mut String) {
        if self.0 {
            code.push_str(", ");
        }
        self.0 = true;
    }
}
