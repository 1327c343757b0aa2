//! Built-in actions: one call of a `run:` body → pixels and files. Never knows the graph, other jobs, the store or the terminal.

pub mod arithmetic;
pub mod file;
pub mod header;
pub mod image;
pub mod section;
pub mod wcs;
