//! `flow`: a declarative, file-based workflow runner with built-in image and FITS actions.
//!
//! A run goes one way through the house: command line → [`rulefile`] → [`graph`] → [`plan`] → [`run`] → [`report`],
//! with [`store`] beside it. `docs/design.md` has the picture and the table of what each stage may know;
//! `tests/architecture.rs` holds the code to it.

pub mod action;
pub mod app;
pub mod cli;
pub mod format;
pub mod graph;
pub mod lint;
pub mod pixel;
pub mod plan;
pub mod report;
pub mod rulefile;
pub mod run;
pub mod store;

// Leaves: anyone may use them, they use nobody.
pub mod diagnostic;
pub mod dialect;
pub mod disk;
pub mod event;
pub mod path;
pub mod sight;
pub mod spelling;
pub mod stat;
pub mod value;
pub mod witness;
mod words;
mod yaml;
