//! The graph: rules and targets → a DAG of jobs and files. Knows rules, paths and whether a file exists; never times,
//! history or how jobs run.

pub mod dag;
pub mod explain;
pub mod groups;
mod growth;
pub mod index;
pub mod instantiate;
pub mod resolve;
pub mod select;
mod writers;
