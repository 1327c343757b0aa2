//! The dialect: what Python has and Starlark lacks, as native functions that the lowered Rulefile and `run:` programs
//! share. Functions see values only: nothing here knows rules, jobs, wildcards or the graph. What reads the disk
//! (`os`, `glob`, `pathlib`) only looks.

pub mod convert;
pub mod format;
pub mod namedlist;
pub mod operators;
pub mod text;

mod builtins;
mod modules;
mod number;
mod strings;
mod table;
mod template;

use starlark::environment::GlobalsBuilder;

/// Adds the dialect to an environment. `snakemake_io` adds the members of the module `snakemake.io` (`expand`,
/// `glob_wildcards`, …), which belong to whoever knows wildcards.
pub fn globals(builder: &mut GlobalsBuilder, snakemake_io: impl FnOnce(&mut GlobalsBuilder)) {
    builtins::builtins(builder);
    operators::operators(builder);
    strings::methods(builder);
    modules::import(builder, snakemake_io);
}

/// The evaluator's words for an error, and how to mend it, by the piece of code that it is about.
pub fn explained(message: &str, code: &str) -> (String, Option<String>) {
    if message.starts_with("Immutable") {
        let help = "values of the file are the same for all jobs: make a new one, as in `items + [item]`";
        return ("this value cannot be changed here".to_owned(), Some(help.to_owned()));
    }
    let key = message.strip_prefix("Key `\"").and_then(|rest| rest.split('"').next());
    let help = key.filter(|_| code.split('[').next().is_some_and(|object| object.trim() == "config")).map(|key| {
        format!(
            "give it on the command line, `-C {key}=…`, or in a file, `--configfile FILE`; or write \
             config.get(\"{key}\", default)"
        )
    });
    (message.to_owned(), help)
}

#[cfg(test)]
mod tests;
