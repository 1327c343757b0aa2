//! Helpers of directives: `branch`, `lookup`, `subpath`, `prepend_param`, …, and the parts of a job under the names
//! `input`, `output`, `params`, `resources` and `threads`. What can be said at once is; the rest waits for a job.

use std::sync::Arc;

use allocative::Allocative;
use starlark::any::ProvidesStaticType;
use starlark::collections::SmallMap;
use starlark::environment::GlobalsBuilder;
use starlark::eval::Evaluator;
use starlark::values::list::{AllocList, ListRef};
use starlark::values::none::NoneOr;
use starlark::values::{Heap, NoSerialize, StarlarkPagablePanic, StarlarkValue, Value, starlark_value};
use starlark::{starlark_module, starlark_simple_value};

use super::flags::{Marked, expr};
use super::loader::{Loader, fail, is_callable};
use super::statements::path_text;
use crate::diagnostic::Diagnostic;
use crate::dialect::convert::{from_starlark, to_starlark};
use crate::dialect::text::str_of;
use crate::rulefile::later::{self, Later, Parser, Step, Subpath};
use crate::rulefile::lookup::{Lookup, Within};
use crate::rulefile::rule::Expr;
use crate::value::Value as Plain;

/// A part of the job, by its name.
#[derive(Debug, Clone, ProvidesStaticType, NoSerialize, Allocative, StarlarkPagablePanic)]
pub struct Part {
    name: &'static str,
}

starlark_simple_value!(Part);

impl Part {
    /// The whole part.
    pub fn later(&self) -> Later {
        Later::Part { part: self.name.to_owned(), step: None }
    }

    fn step<'v>(&self, step: Step, heap: Heap<'v>) -> Value<'v> {
        heap.alloc(Marked::later(Later::Part { part: self.name.to_owned(), step: Some(step) }))
    }
}

impl std::fmt::Display for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{{{}}}", self.name)
    }
}

#[starlark_value(type = "part")]
impl<'v> StarlarkValue<'v> for Part {
    fn get_attr(&self, attribute: &str, heap: Heap<'v>) -> Option<Value<'v>> {
        Some(self.step(Step::Name(attribute.to_owned()), heap))
    }

    fn at(&self, index: Value<'v>, heap: Heap<'v>) -> starlark::Result<Value<'v>> {
        match (index.unpack_str(), index.unpack_i32()) {
            (Some(name), _) => Ok(self.step(Step::Name(name.to_owned()), heap)),
            (_, Some(at)) => Ok(self.step(Step::Index(at.into()), heap)),
            _ => Err(fail(Diagnostic::error(format!("`{}` has items by number and by name", self.name)))),
        }
    }
}

/// Adds the parts of a job.
pub fn parts(builder: &mut GlobalsBuilder) {
    for name in ["input", "output", "params", "resources"] {
        builder.set(name, Part { name });
    }
    builder.set("threads", Marked::later(Later::Part { part: "threads".to_owned(), step: None }));
}

/// A value for each job, or at once where no job has a say in it.
fn now_or_later<'v>(
    argument: Value<'v>,
    later: impl FnOnce(Expr) -> Later,
    now: impl FnOnce(Plain) -> Result<Plain, Diagnostic>,
    eval: &Evaluator<'v, '_, '_>,
) -> starlark::Result<Value<'v>> {
    let of = expr(argument, eval)?;
    if of.is_computed() {
        return Ok(eval.heap().alloc(Marked::later(later(of))));
    }
    Ok(to_starlark(&now(of.into_value()).map_err(fail)?, eval.heap()))
}

#[starlark_module]
pub fn helpers(builder: &mut GlobalsBuilder) {
    fn subpath<'v>(
        #[starlark(require = pos)] path: Value<'v>,
        #[starlark(default = NoneOr::None)] strip_suffix: NoneOr<&str>,
        #[starlark(default = NoneOr::None)] with_suffix: NoneOr<&str>,
        #[starlark(default = false)] basename: bool,
        #[starlark(default = false)] parent: bool,
        #[starlark(default = NoneOr::None)] ancestor: NoneOr<i32>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<Value<'v>> {
        let ancestor = ancestor.into_option();
        if [basename, parent, ancestor.is_some()].into_iter().filter(|&asked| asked).count() > 1 {
            return Err(fail(Diagnostic::error("subpath() takes one of `basename`, `parent` and `ancestor`")));
        }
        let ancestor = match ancestor {
            None => usize::from(parent),
            Some(count) => usize::try_from(count).ok().filter(|&count| count > 0).ok_or_else(|| {
                fail(Diagnostic::error("subpath(): `ancestor` is a number from 1: how many folders up"))
            })?,
        };
        let change = Subpath {
            strip_suffix: strip_suffix.into_option().map(str::to_owned),
            with_suffix: with_suffix.into_option().map(str::to_owned),
            basename,
            ancestor,
        };
        let now = change.clone();
        let now = |path| Ok(Plain::Str(now.apply(&later::one_path("subpath", path)?)?));
        now_or_later(path, |of| Later::Subpath { of, change }, now, eval)
    }

    fn as_py_module<'v>(
        #[starlark(default = NoneOr::None)] path: NoneOr<Value<'v>>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<Value<'v>> {
        let Some(path) = path.into_option() else {
            let script = Later::Part { part: "input".to_owned(), step: Some(Step::Name("script".to_owned())) };
            return Ok(eval.heap().alloc(Marked::later(Later::PyModule(Expr::Later(Arc::new(script))))));
        };
        let now = |path| Ok(Plain::Str(later::py_module(&later::one_path("as_py_module", path)?)?));
        now_or_later(path, Later::PyModule, now, eval)
    }

    fn prepend_param<'v>(
        #[starlark(require = pos)] prefix: &str,
        #[starlark(require = pos)] paths: Value<'v>,
        #[starlark(default = true)] space: bool,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<Value<'v>> {
        let later = |of| Later::PrependParam { prefix: prefix.to_owned(), of, space };
        now_or_later(paths, later, |paths| Ok(Plain::Str(later::prepend(prefix, paths, space)?)), eval)
    }

    fn flatten<'v>(
        #[starlark(require = pos)] lists: Value<'v>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<Value<'v>> {
        fn walk(value: Value<'_>, out: &mut Vec<String>) {
            match ListRef::from_value(value) {
                Some(list) => list.iter().for_each(|item| walk(item, out)),
                None => out.push(str_of(value)),
            }
        }
        let mut out = Vec::new();
        for item in lists.iterate(eval.heap())? {
            walk(item, &mut out);
        }
        Ok(eval.heap().alloc(AllocList(out)))
    }

    fn branch<'v>(
        #[starlark(require = pos)] condition: Value<'v>,
        #[starlark(default = NoneOr::None)] then: NoneOr<Value<'v>>,
        #[starlark(default = NoneOr::None)] otherwise: NoneOr<Value<'v>>,
        #[starlark(default = NoneOr::None)] cases: NoneOr<Value<'v>>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<Value<'v>> {
        let (then, otherwise, cases) = (then.into_option(), otherwise.into_option(), cases.into_option());
        if then.is_some() && cases.is_some() {
            return Err(fail(Diagnostic::error("branch() takes `then` or `cases`, not both")));
        }
        let heap = eval.heap();
        let condition = expr(condition, eval)?;
        let given = |value: Option<Value<'v>>| value.map(|value| expr(value, eval)).transpose();
        let cases = match given(cases)? {
            None => None,
            Some(Expr::Dict(entries)) => Some(entries),
            Some(Expr::Value(Plain::Dict(dict))) => {
                Some(dict.into_iter().map(|(key, value)| (key, Expr::Value(value))).collect())
            }
            Some(_) => return Err(fail(Diagnostic::error("branch(): `cases` is a dictionary"))),
        };
        let otherwise = given(otherwise)?;
        let then = given(then)?.unwrap_or(Expr::List(Vec::new()));
        let later = Later::Branch { condition, then, otherwise, cases };
        let Later::Branch { condition, then, otherwise, cases } = &later else { unreachable!("it was just made") };
        if condition.is_computed() {
            return Ok(heap.alloc(Marked::later(later)));
        }
        let condition = condition.clone().into_value();
        let nothing = Expr::List(Vec::new());
        let taken = match cases {
            None => Some(if later::is_true(&condition) { then } else { otherwise.as_ref().unwrap_or(&nothing) }),
            Some(cases) => later::case(cases, &condition).or(otherwise.as_ref()),
        };
        let taken = taken.ok_or_else(|| fail(later::no_case(&condition)))?;
        Ok(match taken {
            Expr::Value(value) if later::is_true(value) => to_starlark(value, heap),
            Expr::Value(_) => heap.alloc(AllocList(Vec::<String>::new())),
            other => heap.alloc(Marked { expr: other.clone() }),
        })
    }

    fn evaluate<'v>(
        #[starlark(require = pos)] expression: &str,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<Value<'v>> {
        Ok(eval.heap().alloc(Marked::later(Later::Evaluate(expression.to_owned()))))
    }

    fn lookup<'v>(
        #[starlark(default = NoneOr::None)] query: NoneOr<Value<'v>>,
        #[starlark(default = NoneOr::None)] dpath: NoneOr<Value<'v>>,
        #[starlark(default = NoneOr::None)] cols: NoneOr<Value<'v>>,
        #[starlark(default = NoneOr::None)] is_nrows: NoneOr<i32>,
        #[starlark(default = NoneOr::None)] within: NoneOr<Value<'v>>,
        #[starlark(kwargs)] mut names: SmallMap<String, Value<'v>>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<Value<'v>> {
        let heap = eval.heap();
        let error = |message: String| fail(Diagnostic::error(format!("lookup(): {message}")));
        let plain = |value: Value<'v>| from_starlark(value, heap).map_err(|reason| error(reason.to_string()));
        let default = names.shift_remove("default").map(plain).transpose()?;
        let (query, dpath) = (query.into_option(), dpath.into_option());
        let what = match (query, dpath) {
            (Some(what), None) | (None, Some(what)) => expr(what, eval)?,
            _ => return Err(error("give either `query`, for a table, or `dpath`, for a dictionary".to_owned())),
        };
        let within = match within.into_option().map(plain).transpose()? {
            Some(dict @ Plain::Dict(_)) => Within::Dict(dict),
            Some(Plain::List(rows)) if query.is_some() => {
                let rows = rows.into_iter().map(|row| match row {
                    Plain::Dict(row) => Ok(row),
                    _ => Err(error("a table is a list of dictionaries, as read_csv() gives it".to_owned())),
                });
                Within::Table {
                    rows: rows.collect::<starlark::Result<_>>()?,
                    cols: cols.into_option().map(plain).transpose()?,
                    is_nrows: is_nrows.into_option().map(i64::from),
                }
            }
            _ => return Err(error("`within` is a dictionary, or for a `query` a table".to_owned())),
        };
        let names = names.iter().map(|(name, &value)| Ok((name.clone(), expr(value, eval)?)));
        let lookup = Lookup { what, within, default, names: names.collect::<starlark::Result<_>>()? };
        if lookup.waits() {
            return Ok(heap.alloc(Marked::later(Later::Lookup(lookup))));
        }
        let found = lookup.value(&super::NO_JOB, &super::NoFunctions).map_err(fail)?;
        Ok(to_starlark(&found, heap))
    }

    fn parse_input<'v>(
        #[starlark(require = pos)] infile: Value<'v>,
        #[starlark(default = NoneOr::None)] parser: NoneOr<Value<'v>>,
        #[starlark(kwargs)] named: SmallMap<String, Value<'v>>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<Value<'v>> {
        let heap = eval.heap();
        let parser = match parser.into_option() {
            None => Parser::Text,
            Some(function) if function.to_repr().contains("extract_checksum") => Parser::Checksum,
            Some(function) if is_callable(function) => match expr(function, eval)? {
                Expr::Function(function) => Parser::Function(function),
                _ => unreachable!("what is called is a function"),
            },
            Some(other) => {
                let error = format!("parse_input(): `parser` is a function, not {}", other.get_type());
                return Err(fail(Diagnostic::error(error)));
            }
        };
        let named = named.iter().map(|(name, &value)| {
            let value = from_starlark(value, heap);
            Ok((name.clone(), value.map_err(|error| fail(Diagnostic::error(format!("parse_input(): {error}"))))?))
        });
        let named = named.collect::<starlark::Result<_>>()?;
        Ok(heap.alloc(Marked::later(Later::ParseInput { of: expr(infile, eval)?, parser, named })))
    }

    fn extract_checksum<'v>(
        #[starlark(require = pos)] infile: Value<'v>,
        #[starlark(require = named)] file: Value<'v>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<String> {
        let (path, file) = (path_text("extract_checksum", infile, eval)?, path_text("extract_checksum", file, eval)?);
        if let Some(loader) = Loader::find(eval) {
            loader.read.borrow_mut().push(path.clone());
        }
        let text = crate::witness::read_to_string(&path)
            .map_err(|error| fail(Diagnostic::error(format!("extract_checksum(): cannot read {path}: {error}"))))?;
        later::checksum(&text, &file, &path).map_err(fail)
    }
}
