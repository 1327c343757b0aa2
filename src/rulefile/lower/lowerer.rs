//! What lowering carries along: the code so far, where it came from, and which names are in scope.

use std::collections::BTreeSet;

use super::names::{quote, starlark_name};
use super::{CallSite, FunctionSource, NextIds, RuleSite};
use crate::diagnostic::{Diagnostic, Span};
use crate::rulefile::offset_map::OffsetMap;
use crate::rulefile::scope::Names;
use crate::rulefile::tree::File;

pub(super) type Result<T> = std::result::Result<T, Diagnostic>;

/// Where a name that no function binds is looked for.
pub(super) enum Outside<'a> {
    /// The module of the workflow. Python looks global names up when they are used, Starlark before anything runs:
    /// a name that neither this unit defines nor `known` knows is asked for by a call.
    Module { defined: Names, known: &'a dyn Fn(&str) -> bool },
    /// A function by itself, whose free names are given to it later.
    Alone { free: BTreeSet<String> },
}

pub(super) struct Lowerer<'a> {
    pub file: &'a File,
    pub code: String,
    pub map: OffsetMap,
    pub outside: Outside<'a>,
    /// Functions, lambdas and comprehensions around the present place, from the outermost.
    pub scopes: Vec<Names>,
    /// Inside a `def` or a `run:` body.
    pub in_function: bool,
    /// The outermost function is a `run:` body.
    pub is_run_body: bool,
    pub indent: usize,
    pub ids: NextIds,
    pub sites: Vec<RuleSite>,
    pub functions: Vec<FunctionSource>,
    /// Calls by names that no function around them binds.
    pub calls: Vec<CallSite>,
    temporaries: usize,
}

impl<'a> Lowerer<'a> {
    pub fn new(file: &'a File, outside: Outside<'a>, ids: NextIds) -> Self {
        Lowerer {
            file,
            code: String::new(),
            map: OffsetMap::default(),
            outside,
            scopes: Vec::new(),
            in_function: false,
            is_run_body: false,
            indent: 0,
            ids,
            sites: Vec::new(),
            functions: Vec::new(),
            calls: Vec::new(),
            temporaries: 0,
        }
    }

    pub fn begin_line(&mut self) {
        for _ in 0..self.indent {
            self.code.push_str("    ");
        }
    }

    pub fn line(&mut self, text: &str) {
        self.begin_line();
        self.code.push_str(text);
        self.code.push('\n');
    }

    /// Writes with `write`, and records that it stands for `span`.
    pub fn mapped(&mut self, span: Span, write: impl FnOnce(&mut Self) -> Result<()>) -> Result<()> {
        let start = self.code.len();
        write(self)?;
        self.map.add(start..self.code.len(), span, false);
        Ok(())
    }

    /// Writes between others, with commas.
    pub fn separated<T>(&mut self, items: &[T], mut write: impl FnMut(&mut Self, &T) -> Result<()>) -> Result<()> {
        for (position, item) in items.iter().enumerate() {
            if position > 0 {
                self.code.push_str(", ");
            }
            write(self, item)?;
        }
        Ok(())
    }

    pub fn quoted(&mut self, text: &str) {
        quote(text, &mut self.code);
    }

    /// Whether a function around the present place binds `name`.
    pub fn is_local(&self, name: &str) -> bool {
        self.scopes.iter().any(|names| names.contains(name))
    }

    /// The names that this unit gives a value at file level.
    pub fn own_names(&self) -> Option<&Names> {
        match &self.outside {
            Outside::Module { defined, .. } => Some(defined),
            Outside::Alone { .. } => None,
        }
    }

    /// Whether the user has a value of that name, so that it is not Python's.
    pub fn is_defined(&self, name: &str) -> bool {
        self.own_names().is_some_and(|names| names.contains(name)) || self.is_local(name)
    }

    /// Writes the use of a name.
    pub fn name(&mut self, name: &str, span: Span) {
        let spelling = starlark_name(name);
        let start = self.code.len();
        let local = self.is_local(name);
        let asked = match &mut self.outside {
            _ if local => false,
            Outside::Module { defined, known } => !defined.contains(name) && !known(&spelling),
            Outside::Alone { free } => {
                free.insert(spelling.clone().into_owned());
                false
            }
        };
        if asked {
            self.code.push_str("__global__(");
            self.quoted(&spelling);
            self.code.push(')');
        } else {
            self.code.push_str(&spelling);
        }
        self.map.add(start..self.code.len(), span, !asked && spelling == name);
    }

    /// A name that the user has not.
    pub fn temporary(&mut self) -> String {
        self.temporaries += 1;
        format!("__t{}", self.temporaries)
    }

    /// The user's own text of a span without indentation, comments and blank lines.
    pub fn own_text(&self, span: Span) -> String {
        let text = &*self.file.text;
        let start = span.start as usize;
        let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
        let indent = &text[line_start..start];
        let indent = if indent.trim().is_empty() { indent } else { "" };
        let mut out = String::new();
        let mut at = start;
        for line in self.file.slice(span).split_inclusive('\n') {
            let end = at + line.len();
            let comment = self.file.comments.partition_point(|c| (c.start as usize) < at);
            let comment = self.file.comments.get(comment).map_or(end, |c| c.start as usize);
            let kept = &text[at..comment.min(end)];
            let string = self.file.long_strings.partition_point(|s| (s.end as usize) <= at);
            if self.file.long_strings.get(string).is_some_and(|s| (s.start as usize) < at) {
                out.push_str(kept);
            } else {
                let kept = kept.trim_end();
                let kept = if at == start { kept } else { kept.strip_prefix(indent).unwrap_or(kept.trim_start()) };
                if !kept.trim().is_empty() {
                    out.push_str(kept);
                    out.push('\n');
                }
            }
            at = end;
        }
        out.truncate(out.trim_end().len());
        out
    }
}
