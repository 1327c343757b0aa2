//! The Rulefile: text → [`rule::Rule`]s. Layout, syntax tree and lowering to Starlark are one part, evaluation, which
//! gives the rules as plain data, another, so that a second evaluator can share everything before it. May know text,
//! configuration, the environment and globs; never the graph, the store or processes.

pub mod evaluate;
pub mod expand;
pub mod instance;
pub mod later;
pub mod layout;
pub mod lexemes;
pub mod lookup;
pub mod lower;
pub mod offset_map;
pub mod parse;
pub mod pattern;
pub mod quoting;
pub mod relocation;
pub mod rule;
pub mod scope;
pub mod template;
pub mod tree;
pub mod walk;
