//! `import`: the modules of Python that have a native part here, each a struct with the commonly used, pure functions of
//! that name. `__import__("os.path")` gives one; another name is an error that lists them.

mod collections;
mod glob;
mod itertools;
mod json;
mod math;
mod os;
pub mod path;
mod posix;
mod re;
mod regex;
mod snakemake;
mod sys;

use allocative::Allocative;
use starlark::any::ProvidesStaticType;
use starlark::environment::GlobalsBuilder;
use starlark::eval::{Arguments, Evaluator};
use starlark::starlark_simple_value;
use starlark::values::{FrozenValue, NoSerialize, StarlarkPagablePanic, StarlarkValue, Value, starlark_value};

use crate::witness::{self, Metadata};

/// Adds `__import__`, which knows all modules.
pub fn import(builder: &mut GlobalsBuilder, snakemake_io: impl FnOnce(&mut GlobalsBuilder)) {
    let mut modules = GlobalsBuilder::new();
    modules.namespace("os", |os| {
        os::os(os);
        os::constants(os);
        os.namespace("path", posix::functions);
    });
    modules.namespace("os.path", posix::functions);
    modules.namespace("sys", |module| {
        sys::functions(module);
        sys::constants(module);
    });
    modules.namespace("math", |module| {
        math::functions(module);
        math::constants(module);
    });
    modules.namespace("re", |module| {
        re::functions(module);
        re::constants(module);
    });
    modules.namespace("json", json::functions);
    modules.namespace("glob", glob::functions);
    modules.namespace("itertools", |module| {
        itertools::functions(module);
        itertools::chain(module);
    });
    modules.namespace("collections", collections::functions);
    modules.namespace("pathlib", path::functions);
    modules.namespace("snakemake", snakemake::constants);
    modules.namespace("snakemake.utils", snakemake::utils);
    modules.namespace("snakemake.io", snakemake_io);
    let modules = modules.build();
    builder.frozen_heap().add_reference(modules.heap());
    let mut table: Vec<(String, FrozenValue)> = modules.iter().map(|(name, value)| (name.to_owned(), value)).collect();
    table.sort_by(|a, b| a.0.cmp(&b.0));
    builder.set("__import__", Import { modules: table });
}

/// The function `__import__`.
#[derive(Debug, ProvidesStaticType, NoSerialize, Allocative, StarlarkPagablePanic)]
struct Import {
    #[allocative(skip)]
    modules: Vec<(String, FrozenValue)>,
}

starlark_simple_value!(Import);

impl std::fmt::Display for Import {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("__import__")
    }
}

#[starlark_value(type = "function")]
impl<'v> StarlarkValue<'v> for Import {
    fn invoke(
        &self,
        _me: Value<'v>,
        args: &Arguments<'v, '_>,
        eval: &mut Evaluator<'v, '_, '_>,
    ) -> starlark::Result<Value<'v>> {
        args.no_named_args()?;
        let [name] = args.positional(eval.heap())?;
        if name.unpack_str().is_some_and(|name| name == "os") {
            // It has `environ`.
            witness::environment_is_open();
        }
        let found = self.modules.iter().find(|(module, _)| name.unpack_str() == Some(module));
        found.map(|(_, module)| module.to_value()).ok_or_else(|| {
            let known: Vec<&str> = self.modules.iter().map(|(module, _)| module.as_str()).collect();
            message(format!("there is no module `{}` here; there are {}", name.to_str(), known.join(", ")))
        })
    }
}

/// What is known of a path, if there is anything: as in Python, nothing where it may not be looked at. A disk that fails does
/// not say that there is nothing.
pub fn look(path: &str) -> starlark::Result<Option<Metadata>> {
    match witness::metadata(path) {
        Ok(meta) => Ok(Some(meta)),
        Err(error) if is_failure(&error) => Err(message(format!("cannot look at {path}: {error}"))),
        Err(_) => Ok(None),
    }
}

/// Whether an error says nothing of what is there: a broken disk, too many open files.
pub fn is_failure(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{InvalidFilename, InvalidInput, NotADirectory, NotFound, PermissionDenied};
    let about_it = [NotFound, NotADirectory, PermissionDenied, InvalidFilename, InvalidInput];
    // A link that leads in a circle.
    !about_it.contains(&error.kind()) && error.raw_os_error() != Some(libc::ELOOP)
}

/// An error with these words.
pub fn message(text: impl Into<String>) -> starlark::Error {
    starlark::Error::new_other(anyhow::Error::msg(text.into()))
}
