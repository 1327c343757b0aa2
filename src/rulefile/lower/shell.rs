//! `shell("…")` as a function: Python's looks for the names in its placeholders around the call, where Starlark's can see
//! nothing. So the call is given what they stand for.

use super::lowerer::{Lowerer, Result};
use super::names::is_plain;
use crate::diagnostic::Span;
use crate::dialect::convert::SHELL_NAMES;
use crate::rulefile::template::{Field, JOB_NAMES, Piece, pieces};
use crate::rulefile::tree::{Argument, ArgumentKind, Expr, ExprKind};

impl Lowerer<'_> {
    /// `("cp {x} {y.z}", __names__={"x": x, "y.z": y.z})`.
    pub(super) fn shell_arguments(&mut self, arguments: &[Argument]) -> Result<()> {
        self.code.push('(');
        self.arguments(arguments)?;
        if let Some(Argument { kind: ArgumentKind::Positional(command), .. }) = arguments.first() {
            let mut texts = Vec::new();
            written_out(command, &mut texts);
            let mut fields: Vec<Field<'_>> = Vec::new();
            for piece in texts.iter().flat_map(|text| pieces(text).unwrap_or_default()) {
                if let Piece::Field(field) = piece
                    && self.is_around(&field)
                    && fields.iter().all(|known| known.name != field.name)
                {
                    fields.push(field);
                }
            }
            if !fields.is_empty() {
                self.code.push_str(&format!(", {SHELL_NAMES}={{"));
                self.separated(&fields, |this, field| {
                    this.placeholder(field, command.span);
                    Ok(())
                })?;
                self.code.push('}');
            }
        }
        self.code.push(')');
        Ok(())
    }

    /// Whether a placeholder is a name around the call, and not one that the job has for it.
    fn is_around(&self, field: &Field<'_>) -> bool {
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if field.root.is_empty()
            || field.root.starts_with(|c: char| c.is_ascii_digit())
            || !field.root.chars().all(is_word)
        {
            return false;
        }
        // The outermost names of a `run:` body are its job's, as far as they are called so.
        let inner = self.scopes.iter().skip(usize::from(self.is_run_body));
        !is_of_the_job(field.root) || inner.chain(self.own_names()).any(|names| names.contains(field.root))
    }

    /// `"x.y[0]": x.y[0]`.
    fn placeholder(&mut self, field: &Field<'_>, span: Span) {
        self.quoted(field.name);
        self.code.push_str(": ");
        self.name(field.root, span);
        for step in &field.path {
            if step.parse::<i64>().is_ok() {
                self.code.push_str(&format!("[{step}]"));
            } else if field.name.contains(&format!(".{step}")) && is_plain(step) {
                self.code.push_str(&format!(".{step}"));
            } else {
                self.code.push('[');
                self.quoted(step);
                self.code.push(']');
            }
        }
    }
}

/// The texts of a command that are written out where it is called.
fn written_out<'e>(command: &'e Expr, texts: &mut Vec<&'e str>) {
    match &command.kind {
        ExprKind::Str(text) => texts.push(text),
        ExprKind::Paren(inner) => written_out(inner, texts),
        ExprKind::Binary { left, right, .. } => [left, right].into_iter().for_each(|side| written_out(side, texts)),
        _ => {}
    }
}

/// Whether a `run:` body's own job fills in what begins so.
fn is_of_the_job(root: &str) -> bool {
    JOB_NAMES.contains(&root) || root == "workflow"
}
