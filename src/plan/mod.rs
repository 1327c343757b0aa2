//! The plan: DAG + stamps + records → each job fresh, or stale with a named reason. It writes nothing and starts
//! nothing; the dry run, `--why`, `--summary` and the run itself ask the same code, the run a second time for a job
//! whose inputs have been remade.

mod checkpoints;
pub mod decide;
mod fingerprint;
pub mod identity;
mod losses;
pub mod normal;
pub mod reason;
mod temporaries;
pub mod together;
