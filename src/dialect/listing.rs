//! Which folders a `run:` body may list: those that stand in its module, where a strict run has put them; all of them where
//! nothing stands there, as in a Rulefile. Paths in, an error or nothing out; knows no jobs.

use starlark::environment::Module;
use starlark::eval::Evaluator;
use starlark::values::list::{AllocList, ListRef};

use super::modules::message;
use crate::path::normalise;

/// No name that a program could have.
const LISTED: &str = "folders that may be listed";

/// From now on what is evaluated in the module lists these folders, and what is below them, and no others.
pub fn restrict<'a>(module: &Module<'_>, folders: impl Iterator<Item = &'a str>) {
    module.set(LISTED, module.heap().alloc(AllocList(folders)));
}

/// An error for a folder that may not be listed.
pub fn check(folder: &str, eval: &Evaluator<'_, '_, '_>) -> starlark::Result<()> {
    let listed = eval.module().get(LISTED);
    let Some(listed) = listed.and_then(ListRef::from_value) else { return Ok(()) };
    let path = normalise(folder);
    let holds = |above: &str| {
        let below = path.strip_prefix(&*normalise(above));
        below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    if !path.starts_with("..") && listed.iter().filter_map(|item| item.unpack_str()).any(holds) {
        return Ok(());
    }
    let folder = if path.is_empty() { "." } else { &*path };
    Err(message(format!("the job lists the folder `{folder}`, which is not among its inputs")))
}

/// The same for the folders that a pattern looks into: all from the first one on that is not plain. `special` are the characters
/// that are not.
pub fn check_pattern(pattern: &str, special: &[char], eval: &Evaluator<'_, '_, '_>) -> starlark::Result<()> {
    let Some(at) = pattern.find(special) else { return Ok(()) };
    check(pattern[..at].rfind('/').map_or(".", |end| &pattern[..end.max(1)]), eval)
}
