//! Running: a plan in, events out. Knows ids, costs and resources, and one job at a time; never syntax, wildcards or
//! the rules of staleness.

pub mod spec;
