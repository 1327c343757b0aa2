//! `glob`: files by pattern, sorted, so that a Rulefile means the same on every file system.

use glob::MatchOptions;
use starlark::environment::GlobalsBuilder;
use starlark::eval::Evaluator;
use starlark::starlark_module;

use super::{is_failure, message};
use crate::dialect::listing;
use crate::witness;

/// The paths that match. `**` stands for any folders when `recursive`, else for what `*` stands for; a dot at the
/// beginning of a name is matched by a dot alone. Paths that are not UTF-8 are left out: Rulefiles are text.
pub fn matches(pattern: &str, recursive: bool, eval: &Evaluator<'_, '_, '_>) -> starlark::Result<Vec<String>> {
    listing::check_pattern(pattern, &['*', '?', '['], eval)?;
    let plain = pattern.replace("**", "*");
    let pattern = if recursive { pattern } else { &plain };
    let options =
        MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: true };
    let found = witness::glob(pattern, options).map_err(|error| message(format!("`{pattern}`: {error}")))?;
    let mut paths: Vec<String> = Vec::new();
    for path in found {
        match path {
            Ok(path) => paths.extend(path.to_str().map(str::to_owned)),
            Err(error) if is_failure(error.error()) => {
                return Err(message(format!("cannot list {}: {}", error.path().display(), error.error())));
            }
            // Who may not look finds nothing, as in Python.
            Err(_) => {}
        }
    }
    if pattern.starts_with("./") {
        paths.iter_mut().filter(|path| !path.starts_with("./")).for_each(|path| path.insert_str(0, "./"));
    }
    paths.sort();
    Ok(paths)
}

#[starlark_module]
pub fn functions(builder: &mut GlobalsBuilder) {
    fn glob<'v>(
        #[starlark(require = pos)] pathname: &str,
        #[starlark(require = named, default = false)] recursive: bool,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<Vec<String>> {
        matches(pathname, recursive, eval)
    }
    fn iglob<'v>(
        #[starlark(require = pos)] pathname: &str,
        #[starlark(require = named, default = false)] recursive: bool,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<Vec<String>> {
        matches(pathname, recursive, eval)
    }
    #[allow(clippy::unnecessary_wraps)]
    fn escape(#[starlark(require = pos)] pathname: &str) -> starlark::Result<String> {
        Ok(glob::Pattern::escape(pathname))
    }
}
