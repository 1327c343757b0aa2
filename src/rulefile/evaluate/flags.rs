//! Flags: `temp("x")`, `ancient(f)`, `unpack(f)` … as Starlark values, and any value of a directive as an [`Expr`].

use std::sync::Arc;

use allocative::Allocative;
use starlark::any::ProvidesStaticType;
use starlark::collections::SmallMap;
use starlark::environment::GlobalsBuilder;
use starlark::eval::Evaluator;
use starlark::starlark_module;
use starlark::starlark_simple_value;
use starlark::values::dict::DictRef;
use starlark::values::list::ListRef;
use starlark::values::none::NoneOr;
use starlark::values::tuple::TupleRef;
use starlark::values::{Heap, NoSerialize, StarlarkPagablePanic, StarlarkValue, Value, ValueLike, starlark_value};

use super::helpers::Part;
use super::loader::{Loader, fail, is_callable};
use crate::diagnostic::Diagnostic;
use crate::dialect::convert::{DEEPEST, TOO_DEEP, from_starlark, to_starlark};
use crate::dialect::namedlist::Namedlist;
use crate::rulefile::later::Later;
use crate::rulefile::rule::{Expr, Flags};
use crate::value;

/// A value under flags, as an expression that is ready for a rule.
#[derive(Debug, Clone, PartialEq, ProvidesStaticType, NoSerialize, Allocative, StarlarkPagablePanic)]
pub struct Marked {
    #[allocative(skip)]
    pub expr: Expr,
}

starlark_simple_value!(Marked);

impl Marked {
    /// A value that waits for a job.
    pub fn later(later: Later) -> Marked {
        Marked { expr: Expr::Later(Arc::new(later)) }
    }
}

impl std::fmt::Display for Marked {
    /// The paths under the flags, so that a flagged path can stand in a message or an f-string.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.expr {
            // In an f-string, a part of the job is what a placeholder of a command would be.
            Expr::Later(later) => match &**later {
                Later::Part { part, step: Some(step) } => write!(f, "{{{part}{step}}}"),
                Later::Part { part, step: None } => write!(f, "{{{part}}}"),
                _ => f.write_str("<a value for each job>"),
            },
            expr => f.write_str(&texts(expr).join(" ")),
        }
    }
}

#[starlark_value(type = "flagged")]
impl<'v> StarlarkValue<'v> for Marked {
    fn iterate_collect(&self, heap: Heap<'v>) -> starlark::Result<Vec<Value<'v>>> {
        Ok(texts(&self.expr).iter().map(|text| heap.alloc(text.as_str())).collect())
    }

    fn at(&self, index: Value<'v>, heap: Heap<'v>) -> starlark::Result<Value<'v>> {
        let list = value::Value::List(texts(&self.expr).into_iter().map(value::Value::Str).collect());
        to_starlark(&list, heap).at(index, heap)
    }

    fn length(&self) -> starlark::Result<i32> {
        Ok(i32::try_from(texts(&self.expr).len()).unwrap_or(i32::MAX))
    }
}

/// The paths in an expression.
pub fn texts(expr: &Expr) -> Vec<String> {
    fn of_value(value: &value::Value, out: &mut Vec<String>) {
        match value {
            value::Value::Str(text) => out.push(text.clone()),
            value::Value::List(items) => items.iter().for_each(|item| of_value(item, out)),
            _ => {}
        }
    }
    fn walk(expr: &Expr, out: &mut Vec<String>) {
        match expr {
            Expr::Value(value) => of_value(value, out),
            Expr::Flagged(inner, _) | Expr::Unpack(inner) => walk(inner, out),
            Expr::List(items) => items.iter().for_each(|item| walk(item, out)),
            Expr::Dict(entries) => entries.iter().for_each(|(_, value)| walk(value, out)),
            Expr::Function(_) | Expr::Later(_) => {}
        }
    }
    let mut out = Vec::new();
    walk(expr, &mut out);
    out
}

/// A Starlark value as an expression of a rule. Functions are kept for later calls, where that is allowed.
///
/// # Errors
/// A value that is neither plain data nor a function.
pub fn expr<'v>(value: Value<'v>, eval: &Evaluator<'v, '_, '_>) -> starlark::Result<Expr> {
    nested(value, eval, 0)
}

fn nested<'v>(value: Value<'v>, eval: &Evaluator<'v, '_, '_>, depth: usize) -> starlark::Result<Expr> {
    if depth > DEEPEST {
        return Err(fail(Diagnostic::error(format!("the value is a {TOO_DEEP}"))));
    }
    if let Some(marked) = value.downcast_ref::<Marked>() {
        return Ok(marked.expr.clone());
    }
    if let Some(part) = value.downcast_ref::<Part>() {
        return Ok(Expr::Later(Arc::new(part.later())));
    }
    if let Some(text) = value.unpack_str() {
        let path = Expr::Value(value::Value::Str(text.to_owned()));
        let note = Loader::find(eval).and_then(|loader| loader.notes.flags(value));
        return Ok(match note {
            Some(flags) => Expr::Flagged(Box::new(path), Box::new(flags)),
            None => path,
        });
    }
    if let Some(values) = Namedlist::from_value(value).and_then(Namedlist::values) {
        let items = values.iter().map(|item| nested(item.to_value(), eval, depth + 1));
        return Ok(joined(items.collect::<starlark::Result<Vec<_>>>()?));
    }
    if is_callable(value) {
        let Some(loader) = Loader::find(eval).filter(|loader| !loader.is_loaded.get()) else {
            return Err(fail(Diagnostic::error("a function of wildcards cannot return another function")));
        };
        return Ok(Expr::Function(loader.keep_function(value, eval)));
    }
    let items = |values: &[Value<'v>]| -> starlark::Result<Vec<Expr>> {
        values.iter().map(|&item| nested(item, eval, depth + 1)).collect()
    };
    if let Some(list) = ListRef::from_value(value) {
        return Ok(joined(items(list.content())?));
    }
    if let Some(tuple) = TupleRef::from_value(value) {
        return Ok(joined(items(tuple.content())?));
    }
    if let Some(dict) = DictRef::from_value(value) {
        let mut entries = Vec::new();
        for (key, value) in dict.iter() {
            entries.push((key.to_str(), nested(value, eval, depth + 1)?));
        }
        let plain = entries.iter().all(|(_, value)| matches!(value, Expr::Value(_)));
        if !plain {
            return Ok(Expr::Dict(entries));
        }
    }
    from_starlark(value, eval.heap()).map(Expr::Value).map_err(|error| fail(Diagnostic::error(error.to_string())))
}

/// A list of plain values is a plain value.
fn joined(items: Vec<Expr>) -> Expr {
    if items.iter().all(|item| matches!(item, Expr::Value(_))) {
        let values = items.into_iter().map(|item| match item {
            Expr::Value(value) => value,
            _ => value::Value::None,
        });
        return Expr::Value(value::Value::List(values.collect()));
    }
    Expr::List(items)
}

pub fn flagged<'v>(value: Value<'v>, flags: Flags, eval: &Evaluator<'v, '_, '_>) -> starlark::Result<Marked> {
    let inner = expr(value, eval)?;
    if matches!(&inner, Expr::Value(v) if !matches!(v, value::Value::Str(_) | value::Value::List(_))) {
        return Err(fail(
            Diagnostic::error(format!("a flag goes around a path or a list of paths, not {}", value.get_type()))
                .help("write it as in temp(\"x.txt\")"),
        ));
    }
    Ok(Marked { expr: Expr::Flagged(Box::new(inner), Box::new(flags)) })
}

#[starlark_module]
pub fn flags(builder: &mut GlobalsBuilder) {
    fn temp<'v>(
        #[starlark(require = pos)] value: Value<'v>,
        #[starlark(default = false)] group_jobs: bool,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<Marked> {
        // Of jobs that are sent somewhere together, which flow has not.
        let _ = group_jobs;
        flagged(value, Flags { temp: true, ..Flags::default() }, eval)
    }

    fn temporary<'v>(
        #[starlark(require = pos)] value: Value<'v>,
        #[starlark(default = false)] group_jobs: bool,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<Marked> {
        // Of jobs that are sent somewhere together, which flow has not.
        let _ = group_jobs;
        flagged(value, Flags { temp: true, ..Flags::default() }, eval)
    }

    fn protected<'v>(
        #[starlark(require = pos)] value: Value<'v>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<Marked> {
        flagged(value, Flags { protected: true, ..Flags::default() }, eval)
    }

    fn directory<'v>(
        #[starlark(require = pos)] value: Value<'v>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<Marked> {
        flagged(value, Flags { directory: true, ..Flags::default() }, eval)
    }

    fn touch<'v>(
        #[starlark(require = pos)] value: Value<'v>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<Marked> {
        flagged(value, Flags { touch: true, ..Flags::default() }, eval)
    }

    fn ancient<'v>(
        #[starlark(require = pos)] value: Value<'v>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<Marked> {
        flagged(value, Flags { ancient: true, ..Flags::default() }, eval)
    }

    fn pipe<'v>(
        #[starlark(require = pos)] value: Value<'v>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<Marked> {
        flagged(value, Flags { pipe: true, temp: true, ..Flags::default() }, eval)
    }

    fn service<'v>(
        #[starlark(require = pos)] value: Value<'v>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<Marked> {
        flagged(value, Flags { service: true, temp: true, ..Flags::default() }, eval)
    }

    fn before_update<'v>(
        #[starlark(require = pos)] value: Value<'v>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<Marked> {
        flagged(value, Flags { before_update: true, ancient: true, ..Flags::default() }, eval)
    }

    fn update<'v>(
        #[starlark(require = pos)] value: Value<'v>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<Marked> {
        flagged(value, Flags { update: true, ..Flags::default() }, eval)
    }

    fn repeat<'v>(
        #[starlark(require = pos)] value: Value<'v>,
        #[starlark(require = pos)] times: u32,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<Marked> {
        if times == 0 {
            return Err(fail(Diagnostic::error("repeat() takes a number from 1")));
        }
        flagged(value, Flags { repeat: times, ..Flags::default() }, eval)
    }

    fn ensure<'v>(
        #[starlark(require = pos)] value: Value<'v>,
        #[starlark(require = named, default = false)] non_empty: bool,
        #[starlark(require = named, default = NoneOr::None)] sha256: NoneOr<Value<'v>>,
        #[starlark(require = named, default = NoneOr::None)] sha1: NoneOr<Value<'v>>,
        #[starlark(require = named, default = NoneOr::None)] md5: NoneOr<Value<'v>>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<Marked> {
        let checksum = [("sha256", sha256, 64), ("sha1", sha1, 40), ("md5", md5, 32)]
            .into_iter()
            .find_map(|(name, digest, length)| Some((name, digest.into_option()?, length)));
        if let Some((name, function, _)) = checksum
            && is_callable(function)
        {
            let Expr::Function(function) = expr(function, eval)? else { unreachable!("what is called is a function") };
            let checksum_of = Some(Box::new((name.to_owned(), function)));
            return flagged(value, Flags { non_empty, checksum_of, ..Flags::default() }, eval);
        }
        let checksum = match checksum {
            Some((name, digest, length)) => match digest.unpack_str() {
                Some(digest) => Some((name, digest, length)),
                None => {
                    let error =
                        format!("ensure(): {name} takes text or a function of wildcards, not {}", digest.get_type());
                    return Err(fail(Diagnostic::error(error)));
                }
            },
            None => None,
        };
        if let Some((name, digest, length)) = checksum
            && (digest.len() != length || !digest.bytes().all(|b| b.is_ascii_hexdigit()))
        {
            return Err(fail(Diagnostic::error(format!("a {name} checksum is {length} hexadecimal digits"))));
        }
        let checksum = checksum.map(|(name, digest, _)| Box::new((name.to_owned(), digest.to_ascii_lowercase())));
        flagged(value, Flags { non_empty, checksum, ..Flags::default() }, eval)
    }

    /// Where it says, whatever a module's prefix.
    fn local<'v>(
        #[starlark(require = pos)] value: Value<'v>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<Marked> {
        flagged(value, Flags { local: true, ..Flags::default() }, eval)
    }

    /// Flags of other programs' making say nothing here.
    fn flag<'v>(
        #[starlark(require = pos)] value: Value<'v>,
        #[starlark(require = pos)] name: &str,
        #[starlark(default = NoneOr::None)] content: NoneOr<Value<'v>>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<Marked> {
        let _ = (name, content);
        flagged(value, Flags::default(), eval)
    }

    /// flow writes no report, for which this says what belongs to it.
    fn report<'v>(
        #[starlark(require = pos)] value: Value<'v>,
        #[starlark(kwargs)] words: SmallMap<String, Value<'v>>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<Marked> {
        let _ = words;
        flagged(value, Flags::default(), eval)
    }

    fn unpack<'v>(
        #[starlark(require = pos)] value: Value<'v>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<Marked> {
        Ok(Marked { expr: Expr::Unpack(Box::new(expr(value, eval)?)) })
    }
}

/// `access.random(…)` and its like: how a file is read, which is for storage that is not mounted.
#[starlark_module]
pub fn access(builder: &mut GlobalsBuilder) {
    fn random<'v>(value: Value<'v>, eval: &mut Evaluator<'v, '_, '_>) -> starlark::Result<Marked> {
        flagged(value, Flags::default(), eval)
    }

    fn sequential<'v>(value: Value<'v>, eval: &mut Evaluator<'v, '_, '_>) -> starlark::Result<Marked> {
        flagged(value, Flags::default(), eval)
    }

    fn multi<'v>(value: Value<'v>, eval: &mut Evaluator<'v, '_, '_>) -> starlark::Result<Marked> {
        flagged(value, Flags::default(), eval)
    }
}
