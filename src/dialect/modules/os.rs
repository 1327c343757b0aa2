//! `os`: the environment, the working directory and folder listings; reading only. `os.path` is in `posix`.

use starlark::environment::GlobalsBuilder;
use starlark::eval::Evaluator;
use starlark::starlark_module;
use starlark::values::dict::AllocDict;
use starlark::values::none::NoneOr;
use starlark::values::structs::AllocStruct;
use starlark::values::{Heap, Value};

use super::message;
use super::posix::{path_text, working_directory};
use crate::dialect::listing;
use crate::witness;

/// The names in a folder, sorted.
pub fn names_in(folder: &str, eval: &Evaluator<'_, '_, '_>) -> starlark::Result<Vec<String>> {
    listing::check(folder, eval)?;
    let wrong = |error: std::io::Error| message(format!("{folder}: {error}"));
    let names = witness::list(folder).map_err(wrong)?;
    let mut names: Vec<String> = names.iter().map(|name| name.to_string_lossy().into_owned()).collect();
    names.sort();
    Ok(names)
}

/// `environ` is the environment at the start, without what is not UTF-8.
pub fn constants(builder: &mut GlobalsBuilder) {
    let variables =
        witness::environment().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let mut variables: Vec<(String, String)> = variables.collect();
    variables.sort();
    builder.set("environ", AllocDict(variables.iter().map(|(name, value)| (name.as_str(), value.as_str()))));
}

#[starlark_module]
#[allow(clippy::unnecessary_wraps)]
pub fn os(builder: &mut GlobalsBuilder) {
    const sep: &str = "/";
    const linesep: &str = "\n";
    const name: &str = "posix";
    const curdir: &str = ".";
    const pardir: &str = "..";

    fn getcwd() -> starlark::Result<String> {
        working_directory()
    }
    fn listdir<'v>(
        #[starlark(default = NoneOr::None)] path: NoneOr<Value<'v>>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<Vec<String>> {
        names_in(&path.into_option().map_or_else(|| Ok(".".to_owned()), path_text)?, eval)
    }
    fn cpu_count() -> starlark::Result<i32> {
        Ok(i32::try_from(witness::core_count()).unwrap_or(i32::MAX))
    }
    fn getenv<'v>(
        key: &str,
        #[starlark(default = NoneOr::None)] default: NoneOr<Value<'v>>,
        heap: Heap<'v>,
    ) -> starlark::Result<Value<'v>> {
        Ok(match witness::text_variable(key) {
            Some(value) => heap.alloc(value),
            None => default.into_option().unwrap_or_else(Value::new_none),
        })
    }
    /// Size, times in seconds and nanoseconds, mode and inode.
    fn stat<'v>(path: Value<'v>, heap: Heap<'v>) -> starlark::Result<Value<'v>> {
        use std::os::unix::fs::MetadataExt;
        let path = path_text(path)?;
        let meta = witness::metadata(&path).map_err(|error| message(format!("os.stat: {path}: {error}")))?;
        let nanoseconds = meta.mtime() * 1_000_000_000 + meta.mtime_nsec();
        #[allow(clippy::cast_precision_loss)]
        let seconds = nanoseconds as f64 / 1e9;
        let number = |n: u64| heap.alloc(i64::try_from(n).unwrap_or(i64::MAX));
        Ok(heap.alloc(AllocStruct([
            ("st_size", number(meta.len())),
            ("st_mtime", heap.alloc(seconds)),
            ("st_mtime_ns", heap.alloc(nanoseconds)),
            ("st_mode", number(meta.mode().into())),
            ("st_ino", number(meta.ino())),
        ])))
    }
    fn fspath<'v>(path: Value<'v>) -> starlark::Result<String> {
        path_text(path)
    }
}
