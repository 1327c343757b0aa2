//! The Rulefile: text → [`rule::Rule`]s. May know text, configuration, the environment and globs; never the graph, the
//! store or processes.

pub mod instance;
pub mod pattern;
pub mod quoting;
pub mod rule;
pub mod template;
