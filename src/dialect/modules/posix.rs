//! `os.path`: POSIX path functions on text, as Python's `posixpath`; `exists` and its like look at the disk.

use starlark::environment::GlobalsBuilder;
use starlark::starlark_module;
use starlark::values::none::NoneOr;
use starlark::values::tuple::UnpackTuple;
use starlark::values::{Heap, Value};

use super::path::PathValue;
use super::{look, message};
use crate::dialect::text::items;
use crate::witness;

/// The text of a path given as text or as a `Path`.
pub fn path_text(value: Value<'_>) -> starlark::Result<String> {
    match (value.unpack_str(), PathValue::from_value(value)) {
        (Some(text), _) => Ok(text.to_owned()),
        (None, Some(path)) => Ok(path.text().to_owned()),
        (None, None) => Err(message(format!("a path is a text, not a {}", value.get_type()))),
    }
}

pub fn join(parts: &[String]) -> String {
    let mut out = String::new();
    for (at, part) in parts.iter().enumerate() {
        if part.starts_with('/') {
            out.clear();
        } else if at > 0 && !out.is_empty() && !out.ends_with('/') {
            out.push('/');
        }
        out.push_str(part);
    }
    out
}

/// Head and tail: the tail is what is behind the last slash.
pub fn split_path(path: &str) -> (&str, &str) {
    let (head, tail) = path.split_at(path.rfind('/').map_or(0, |at| at + 1));
    let stripped = head.trim_end_matches('/');
    (if stripped.is_empty() { head } else { stripped }, tail)
}

/// Root and extension with its dot; dots that begin a name are no extension.
pub fn split_extension(path: &str) -> (&str, &str) {
    let name = path.rfind('/').map_or(0, |at| at + 1);
    let leading = path[name..].len() - path[name..].trim_start_matches('.').len();
    match path[name + leading..].rfind('.') {
        Some(dot) => path.split_at(name + leading + dot),
        None => (path, ""),
    }
}

/// `a/./b/../c` → `a/c`, by text alone.
pub fn normal(path: &str) -> String {
    if path.is_empty() {
        return ".".to_owned();
    }
    let root = match path.len() - path.trim_start_matches('/').len() {
        0 => "",
        2 => "//",
        _ => "/",
    };
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => drop(parts.pop()),
            ".." if root.is_empty() => parts.push(part),
            ".." => {}
            _ => parts.push(part),
        }
    }
    let out = format!("{root}{}", parts.join("/"));
    if out.is_empty() { ".".to_owned() } else { out }
}

pub fn working_directory() -> starlark::Result<String> {
    let directory = witness::working_directory().map_err(|error| message(format!("no working directory: {error}")))?;
    Ok(directory.to_string_lossy().into_owned())
}

pub fn absolute(path: &str) -> starlark::Result<String> {
    Ok(normal(&if path.starts_with('/') { path.to_owned() } else { join(&[working_directory()?, path.to_owned()]) }))
}

pub fn relative(path: &str, start: &str) -> starlark::Result<String> {
    let (path, start) = (absolute(path)?, absolute(start)?);
    let parts = |path: &'_ str| path.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect::<Vec<_>>();
    let (path, start) = (parts(&path), parts(&start));
    let common = path.iter().zip(&start).take_while(|(a, b)| a == b).count();
    let up = std::iter::repeat_n("..", start.len() - common);
    let out = up.chain(path[common..].iter().map(String::as_str)).collect::<Vec<_>>().join("/");
    Ok(if out.is_empty() { ".".to_owned() } else { out })
}

/// `~/x` with the home folder in place of `~`; other users' folders are left alone.
pub fn expand_user(path: &str) -> String {
    match path.strip_prefix('~') {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => match witness::text_variable("HOME") {
            Some(home) => format!("{}{rest}", home.trim_end_matches('/')),
            None => path.to_owned(),
        },
        _ => path.to_owned(),
    }
}

#[starlark_module]
pub fn functions(builder: &mut GlobalsBuilder) {
    const sep: &str = "/";

    fn join<'v>(#[starlark(args)] parts: UnpackTuple<Value<'v>>) -> starlark::Result<String> {
        let parts = parts.items.into_iter().map(path_text).collect::<starlark::Result<Vec<_>>>()?;
        Ok(self::join(&parts))
    }
    fn basename<'v>(path: Value<'v>) -> starlark::Result<String> {
        Ok(split_path(&path_text(path)?).1.to_owned())
    }
    fn dirname<'v>(path: Value<'v>) -> starlark::Result<String> {
        Ok(split_path(&path_text(path)?).0.to_owned())
    }
    fn split<'v>(path: Value<'v>) -> starlark::Result<(String, String)> {
        let path = path_text(path)?;
        let (head, tail) = split_path(&path);
        Ok((head.to_owned(), tail.to_owned()))
    }
    fn splitext<'v>(path: Value<'v>) -> starlark::Result<(String, String)> {
        let path = path_text(path)?;
        let (root, extension) = split_extension(&path);
        Ok((root.to_owned(), extension.to_owned()))
    }
    fn exists<'v>(path: Value<'v>) -> starlark::Result<bool> {
        Ok(look(&path_text(path)?)?.is_some())
    }
    fn isfile<'v>(path: Value<'v>) -> starlark::Result<bool> {
        Ok(look(&path_text(path)?)?.is_some_and(|meta| meta.is_file()))
    }
    fn isdir<'v>(path: Value<'v>) -> starlark::Result<bool> {
        Ok(look(&path_text(path)?)?.is_some_and(|meta| meta.is_dir()))
    }
    fn islink<'v>(path: Value<'v>) -> starlark::Result<bool> {
        Ok(witness::is_link(&path_text(path)?))
    }
    fn isabs<'v>(path: Value<'v>) -> starlark::Result<bool> {
        Ok(path_text(path)?.starts_with('/'))
    }
    fn getsize<'v>(path: Value<'v>) -> starlark::Result<u64> {
        let path = path_text(path)?;
        witness::metadata(&path).map(|found| found.len()).map_err(|error| message(format!("{path}: {error}")))
    }
    fn getmtime<'v>(path: Value<'v>) -> starlark::Result<f64> {
        let path = path_text(path)?;
        let time = witness::metadata(&path).and_then(|found| found.modified());
        let time = time.map_err(|error| message(format!("{path}: {error}")))?;
        Ok(time.duration_since(std::time::UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64()))
    }
    fn abspath<'v>(path: Value<'v>) -> starlark::Result<String> {
        absolute(&path_text(path)?)
    }
    fn realpath<'v>(path: Value<'v>) -> starlark::Result<String> {
        let path = path_text(path)?;
        match witness::real_path(&path) {
            Ok(real) => Ok(real.to_string_lossy().into_owned()),
            Err(_) => absolute(&path),
        }
    }
    fn normpath<'v>(path: Value<'v>) -> starlark::Result<String> {
        Ok(normal(&path_text(path)?))
    }
    fn relpath<'v>(
        path: Value<'v>,
        #[starlark(default = NoneOr::None)] start: NoneOr<Value<'v>>,
    ) -> starlark::Result<String> {
        let start = start.into_option().map_or_else(|| Ok(".".to_owned()), path_text)?;
        relative(&path_text(path)?, &start)
    }
    fn expanduser<'v>(path: Value<'v>) -> starlark::Result<String> {
        Ok(expand_user(&path_text(path)?))
    }
    fn commonprefix<'v>(paths: Value<'v>, heap: Heap<'v>) -> starlark::Result<String> {
        let paths = items(paths, heap)?.into_iter().map(path_text).collect::<starlark::Result<Vec<_>>>()?;
        let Some((first, rest)) = paths.split_first() else {
            return Ok(String::new());
        };
        let same = |at: usize, c: char| rest.iter().all(|path| path.get(at..).is_some_and(|path| path.starts_with(c)));
        Ok(first.char_indices().take_while(|(at, c)| same(*at, *c)).map(|(_, c)| c).collect())
    }
}
