//! Built-in actions: one call of a `run:` body → pixels and files. Never knows the graph, other jobs, the store or the terminal.
//!
//! [`program::Programs`] runs the body; the functions it sees are made by `native` from the records of [`registry`]; the
//! work of each is in `actions`, one file a group.

pub mod arithmetic;
pub mod file;
pub mod header;
pub mod image;
pub mod job;
pub mod program;
pub mod registry;
pub mod section;
pub mod value;
pub mod wcs;

mod actions;
mod call;
mod failure;
mod native;

pub use failure::Failure;

#[cfg(test)]
mod tests;
