//! The dialect: what Python has and Starlark lacks, as native functions that the lowered Rulefile and `run:` programs
//! share. Functions see values only: nothing here knows rules, jobs, wildcards or the graph. What reads the disk
//! (`os`, `glob`, `pathlib`) only looks.

pub mod convert;
pub mod format;
pub mod listing;
pub mod namedlist;
pub mod operators;
pub mod text;

mod builtins;
mod explain;
pub mod modules;
mod number;
mod strings;
mod table;
mod template;

use starlark::environment::GlobalsBuilder;

pub use self::explain::{explained, missing_item, without_item};

/// Adds the dialect to an environment. `snakemake_io` adds the members of the module `snakemake.io` (`expand`,
/// `glob_wildcards`, …), which belong to whoever knows wildcards.
pub fn globals(builder: &mut GlobalsBuilder, snakemake_io: impl FnOnce(&mut GlobalsBuilder)) {
    builtins::builtins(builder);
    operators::operators(builder);
    strings::methods(builder);
    modules::import(builder, snakemake_io);
}

#[cfg(test)]
mod tests;
