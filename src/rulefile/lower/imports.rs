//! `import` and `from … import`: names bound to native structs.

use super::lowerer::{Lowerer, Result};
use super::names::{quote, starlark_name};
use super::refused;
use crate::diagnostic::Span;
use crate::rulefile::scope::bound_by_import;
use crate::rulefile::tree::{Import, Word};

impl Lowerer<'_> {
    /// `import os.path as p`: with an alias the module itself, without one its root.
    pub(super) fn import(&mut self, imports: &[Import]) -> Result<()> {
        for import in imports {
            let module = import.name.text.as_str();
            if refused::MODULES_WITHOUT_EFFECT.contains(&module) {
                self.line("pass");
                continue;
            }
            refused::module(module, import.name.span)?;
            let target = bound_by_import(import);
            let module = if import.alias.is_some() { module } else { target };
            self.bind_module(target, module, None, import.name.span);
        }
        Ok(())
    }

    /// `from os.path import join as j`.
    pub(super) fn names_from_module(&mut self, module: &Word, names: &[Import]) -> Result<()> {
        if refused::MODULES_WITHOUT_EFFECT.contains(&module.text.as_str()) {
            self.line("pass");
            return Ok(());
        }
        refused::module(&module.text, module.span)?;
        if names.is_empty() {
            return Err(refused::no_word("`import *`", module.span, "name what you need from the module"));
        }
        for import in names {
            if module.text == "collections" && import.name.text == "defaultdict" {
                let instead = "use a dictionary with `mapping.setdefault(key, []).append(value)`, or \
                               `mapping[key] = mapping.get(key, 0) + 1`";
                return Err(refused::no_word("`defaultdict`", import.name.span, instead));
            }
            let target = &import.alias.as_ref().unwrap_or(&import.name).text;
            self.bind_module(target, &module.text, Some(&import.name.text), import.name.span);
        }
        Ok(())
    }

    fn bind_module(&mut self, target: &str, module: &str, member: Option<&str>, span: Span) {
        self.begin_line();
        let start = self.code.len();
        self.code.push_str(&starlark_name(target));
        self.code.push_str(" = __import__(");
        quote(module, &mut self.code);
        self.code.push(')');
        if let Some(member) = member {
            self.code.push('.');
            self.code.push_str(member);
        }
        self.map.add(start..self.code.len(), span, false);
        self.code.push('\n');
    }
}
