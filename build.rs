//! Links the program at a fixed address. Loaded anywhere, it would have 120,000 addresses to correct at each start, most of
//! them in tables that a run never reads: two thirds of the page faults and half the time of `flow --version`. What is given
//! up is that the addresses of its code differ from run to run.

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "linux") {
        println!("cargo::rustc-link-arg-bins=-no-pie");
    }
}
