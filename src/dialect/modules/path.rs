//! `pathlib`: `Path`, a value that joins with `/` and knows its parts. Methods that look at the disk only look.

use allocative::Allocative;
use starlark::any::ProvidesStaticType;
use starlark::collections::StarlarkHasher;
use starlark::environment::{GlobalsBuilder, Methods, MethodsBuilder, MethodsStatic};
use starlark::eval::Evaluator;
use starlark::starlark_module;
use starlark::starlark_simple_value;
use starlark::values::tuple::{AllocTuple, UnpackTuple};
use starlark::values::{
    Demand, Heap, NoSerialize, StarlarkPagablePanic, StarlarkValue, Value, ValueError, starlark_value,
};

use super::glob::matches;
use super::look;
use super::message;
use super::posix::{absolute, expand_user, join, path_text, split_extension, split_path};
use crate::dialect::operators::{BinaryOp, Overload};
use crate::path::normalise;
use crate::witness;

#[derive(Debug, Clone, PartialEq, Eq, ProvidesStaticType, NoSerialize, Allocative, StarlarkPagablePanic)]
pub struct PathValue(String);

starlark_simple_value!(PathValue);

impl PathValue {
    pub fn new(text: &str) -> PathValue {
        PathValue(if text.is_empty() { ".".to_owned() } else { normalise(text).into_owned() })
    }

    pub fn text(&self) -> &str {
        &self.0
    }

    fn joined(&self, part: &str) -> PathValue {
        let base = if self.0 == "." { String::new() } else { self.0.clone() };
        PathValue::new(&join(&[base, part.to_owned()]))
    }

    fn name(&self) -> &str {
        if self.0 == "." { "" } else { split_path(&self.0).1 }
    }

    fn parent(&self) -> PathValue {
        match split_path(&self.0) {
            ("", _) => PathValue(".".to_owned()),
            ("/", "") => self.clone(),
            (head, _) => PathValue(head.to_owned()),
        }
    }

    /// The same folder with another name.
    fn with_name(&self, name: &str) -> starlark::Result<PathValue> {
        if self.name().is_empty() || name.is_empty() || name.contains('/') {
            return Err(message(format!("`{name}` cannot be the name of `{}`", self.0)));
        }
        Ok(self.parent().joined(name))
    }

    /// What stands before and in the last extension; a dot at the end of a name is none.
    fn extension(&self) -> (&str, &str) {
        match split_extension(self.name()) {
            (_, ".") => (self.name(), ""),
            parts => parts,
        }
    }
}

impl std::fmt::Display for PathValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

#[starlark_value(type = "Path")]
impl<'v> StarlarkValue<'v> for PathValue {
    fn get_methods() -> Option<&'static Methods> {
        static METHODS: MethodsStatic = MethodsStatic::new("Path", methods);
        Some(METHODS.methods())
    }

    fn provide(&'v self, demand: &mut Demand<'_, 'v>) {
        demand.provide_value(Overload(divide));
    }

    fn div(&self, other: Value<'v>, heap: Heap<'v>) -> starlark::Result<Value<'v>> {
        Ok(heap.alloc(self.joined(&path_text(other)?)))
    }

    fn collect_repr(&self, collector: &mut String) {
        collector.push_str(&format!("PosixPath({})", crate::dialect::format::repr_str(&self.0)));
    }

    fn collect_str(&self, collector: &mut String) {
        collector.push_str(&self.0);
    }

    fn equals(&self, other: Value<'v>) -> starlark::Result<bool> {
        Ok(PathValue::from_value(other).is_some_and(|other| other == self))
    }

    fn compare(&self, other: Value<'v>) -> starlark::Result<std::cmp::Ordering> {
        match PathValue::from_value(other) {
            Some(other) => Ok(self.0.split('/').cmp(other.0.split('/'))),
            None => ValueError::unsupported_with(self, "compare", other),
        }
    }

    fn write_hash(&self, hasher: &mut StarlarkHasher) -> starlark::Result<()> {
        std::hash::Hash::hash(&self.0, hasher);
        Ok(())
    }
}

/// `path / part` and `part / path`.
fn divide<'v>(op: BinaryOp, a: Value<'v>, b: Value<'v>, heap: Heap<'v>) -> Option<starlark::Result<Value<'v>>> {
    if op != BinaryOp::Div {
        return None;
    }
    let joined = path_text(a).and_then(|a| Ok(PathValue::new(&a).joined(&path_text(b)?)));
    Some(joined.map(|path| heap.alloc(path)))
}

#[starlark_module]
pub fn functions(builder: &mut GlobalsBuilder) {
    #[allow(non_snake_case)]
    fn Path<'v>(#[starlark(args)] parts: UnpackTuple<Value<'v>>) -> starlark::Result<PathValue> {
        let parts = parts.items.into_iter().map(path_text).collect::<starlark::Result<Vec<_>>>()?;
        Ok(PathValue::new(&join(&parts)))
    }
    #[allow(non_snake_case)]
    fn PurePath<'v>(#[starlark(args)] parts: UnpackTuple<Value<'v>>) -> starlark::Result<PathValue> {
        let parts = parts.items.into_iter().map(path_text).collect::<starlark::Result<Vec<_>>>()?;
        Ok(PathValue::new(&join(&parts)))
    }
}

#[starlark_module]
#[allow(clippy::unnecessary_wraps)]
fn methods(builder: &mut MethodsBuilder) {
    #[starlark(attribute)]
    fn name(this: &PathValue) -> starlark::Result<String> {
        Ok(this.name().to_owned())
    }
    #[starlark(attribute)]
    fn stem(this: &PathValue) -> starlark::Result<String> {
        Ok(this.extension().0.to_owned())
    }
    #[starlark(attribute)]
    fn suffix(this: &PathValue) -> starlark::Result<String> {
        Ok(this.extension().1.to_owned())
    }
    #[starlark(attribute)]
    fn suffixes(this: &PathValue) -> starlark::Result<Vec<String>> {
        if this.name().ends_with('.') {
            return Ok(Vec::new());
        }
        Ok(this.name().trim_start_matches('.').split('.').skip(1).map(|part| format!(".{part}")).collect())
    }
    #[starlark(attribute)]
    fn parent(this: &PathValue) -> starlark::Result<PathValue> {
        Ok(this.parent())
    }
    #[starlark(attribute)]
    fn parents(this: &PathValue) -> starlark::Result<Vec<PathValue>> {
        let mut out = Vec::new();
        let mut at = this.clone();
        while at.parent() != at {
            at = at.parent();
            out.push(at.clone());
        }
        Ok(out)
    }
    #[starlark(attribute)]
    fn parts<'v>(this: &PathValue, heap: Heap<'v>) -> starlark::Result<Value<'v>> {
        let root = this.0.starts_with('/').then_some("/");
        let parts = this.0.split('/').filter(|part| !part.is_empty() && *part != ".");
        Ok(heap.alloc(AllocTuple(root.into_iter().chain(parts))))
    }
    fn as_posix(this: &PathValue) -> starlark::Result<String> {
        Ok(this.0.clone())
    }
    fn exists(this: &PathValue) -> starlark::Result<bool> {
        Ok(look(&this.0)?.is_some())
    }
    fn is_file(this: &PathValue) -> starlark::Result<bool> {
        Ok(look(&this.0)?.is_some_and(|meta| meta.is_file()))
    }
    fn is_dir(this: &PathValue) -> starlark::Result<bool> {
        Ok(look(&this.0)?.is_some_and(|meta| meta.is_dir()))
    }
    fn is_absolute(this: &PathValue) -> starlark::Result<bool> {
        Ok(this.0.starts_with('/'))
    }
    fn with_suffix(this: &PathValue, suffix: &str) -> starlark::Result<PathValue> {
        if !suffix.is_empty() && (!suffix.starts_with('.') || suffix == ".") {
            return Err(message(format!("`{suffix}` is no suffix: it begins with a dot")));
        }
        this.with_name(&format!("{}{suffix}", this.extension().0))
    }
    fn with_name(this: &PathValue, name: &str) -> starlark::Result<PathValue> {
        this.with_name(name)
    }
    fn with_stem(this: &PathValue, stem: &str) -> starlark::Result<PathValue> {
        this.with_name(&format!("{stem}{}", this.extension().1))
    }
    fn joinpath<'v>(this: &PathValue, #[starlark(args)] parts: UnpackTuple<Value<'v>>) -> starlark::Result<PathValue> {
        let mut out = this.clone();
        for part in parts.items {
            out = out.joined(&path_text(part)?);
        }
        Ok(out)
    }
    fn relative_to<'v>(this: &PathValue, other: Value<'v>) -> starlark::Result<PathValue> {
        let base = PathValue::new(&path_text(other)?);
        if base == *this {
            return Ok(PathValue(".".to_owned()));
        }
        let prefix = if base.0.ends_with('/') { base.0.clone() } else { format!("{}/", base.0) };
        match this.0.strip_prefix(&prefix) {
            Some(rest) => Ok(PathValue(rest.to_owned())),
            None if base.0 == "." && !this.0.starts_with('/') => Ok(this.clone()),
            None => Err(message(format!("`{}` does not lie in `{}`", this.0, base.0))),
        }
    }
    fn absolute(this: &PathValue) -> starlark::Result<PathValue> {
        let here = if this.0.starts_with('/') { String::new() } else { super::posix::working_directory()? };
        Ok(PathValue::new(&join(&[here, this.0.clone()])))
    }
    fn resolve(this: &PathValue) -> starlark::Result<PathValue> {
        match witness::real_path(&this.0) {
            Ok(real) => Ok(PathValue(real.to_string_lossy().into_owned())),
            Err(_) => Ok(PathValue(absolute(&this.0)?)),
        }
    }
    fn expanduser(this: &PathValue) -> starlark::Result<PathValue> {
        Ok(PathValue::new(&expand_user(&this.0)))
    }
    /// What lies below and matches, sorted.
    fn glob<'v>(this: &PathValue, pattern: &str, eval: &mut Evaluator<'v, '_, '_>) -> starlark::Result<Vec<PathValue>> {
        let base = ::glob::Pattern::escape(&this.0);
        let found =
            matches(&if this.0 == "." { pattern.to_owned() } else { join(&[base, pattern.to_owned()]) }, true, eval)?;
        Ok(found.iter().map(|path| PathValue::new(path)).collect())
    }
    fn rglob<'v>(
        this: &PathValue,
        pattern: &str,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<Vec<PathValue>> {
        let base = if this.0 == "." { String::new() } else { ::glob::Pattern::escape(&this.0) };
        let found = matches(&join(&[base, "**".to_owned(), pattern.to_owned()]), true, eval)?;
        Ok(found.iter().map(|path| PathValue::new(path)).collect())
    }
    /// What lies in the folder, sorted.
    fn iterdir<'v>(this: &PathValue, eval: &mut Evaluator<'v, '_, '_>) -> starlark::Result<Vec<PathValue>> {
        Ok(super::os::names_in(&this.0, eval)?.iter().map(|name| this.joined(name)).collect())
    }
}
