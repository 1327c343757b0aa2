//! Running: a plan in, events out. Knows ids, costs and resources, and one job at a time; never syntax, wildcards or
//! the rules of staleness.
//!
//! [`runner::Run`] is the loop: it asks the [`scheduler`] what may start, a [`director::Director`] what that job is, gives
//! it to an [`executor::Executor`], and tells the reporter. [`local`] is the executor of this machine: [`outputs`] whole
//! or absent around a [`child`] process ([`command`], `script`) or work inside flow.

mod benchmark;
mod bounds;
mod cache;
pub mod child;
pub mod cluster;
pub mod command;
pub mod declared;
mod dependents;
pub mod director;
pub mod executor;
mod handled;
mod job;
pub mod local;
mod log_file;
pub mod log_tail;
pub mod measured;
pub mod orphans;
pub mod outputs;
mod ready;
pub mod runner;
mod sample;
pub mod scheduler;
mod script;
mod sets;
mod shadow;
pub mod signals;
pub mod spec;
#[cfg(target_os = "linux")]
pub mod strict;
#[cfg(not(target_os = "linux"))]
#[path = "strict/elsewhere.rs"]
pub mod strict;
pub mod tasks;
pub mod together;
