//! `flow`: a declarative, file-based workflow runner with built-in image and FITS actions.
//!
//! A run goes one way through the house: command line → [`rulefile`] → [`graph`] → [`plan`] → [`run`] → [`report`],
//! with [`store`] beside it. `docs/design.md` has the picture and the table of what each stage may know;
//! `tests/architecture.rs` holds the code to it.

pub mod action;
pub mod cli;
pub mod dialect;
pub mod pixel;
pub mod report;
pub mod run;

// Leaves: anyone may use them, they use nobody.
pub mod diagnostic;
pub mod disk;
pub mod event;
pub mod path;
pub mod value;
