//! Telling: events and drawings in, text for people and programs out. Knows events and plain data only; nothing here
//! can change a run.

pub mod dag;
pub mod difference;
pub mod json;
pub mod live;
pub mod plain;
pub mod speedup;
pub mod summary;

mod words;

#[cfg(test)]
mod tests;
