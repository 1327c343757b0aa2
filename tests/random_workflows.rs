//! Random workflows, edited and run again and again, against an evaluator that does one job after the other: after each
//! run the tree is that of a clean build, a second run is idle, and each job that ran had a true reason. The workflows
//! have checkpoints, folders, temporary files, pipes, functions, retries, resources and scripts; in between, jobs fail, flow
//! is interrupted or killed, and parts of the work are asked for. Nothing runs beyond `-j` and `--resources`, and no
//! process and no piece of a file is left.
//!
//! `FLOW_RANDOM_CASES` says how many cases there are, `FLOW_RANDOM_SEED` with which one to begin. A case that fails is
//! made as small as can be, in so many steps as `FLOW_RANDOM_SHRINKS` says, and printed with its number:
//! `FLOW_RANDOM_SEED=<number> FLOW_RANDOM_CASES=1` repeats it.

#[path = "random_workflows/build.rs"]
mod build;
#[path = "random_workflows/contents.rs"]
mod contents;
#[path = "random_workflows/facts.rs"]
mod facts;
#[path = "random_workflows/found.rs"]
mod found;
#[path = "random_workflows/generate.rs"]
mod generate;
#[path = "random_workflows/laws.rs"]
mod laws;
#[path = "random_workflows/mishaps.rs"]
mod mishaps;
#[path = "random_workflows/rulefile.rs"]
mod rulefile;
#[path = "random_workflows/steps.rs"]
mod steps;
mod support;
#[path = "random_workflows/told.rs"]
mod told;
#[path = "random_workflows/workflow.rs"]
mod workflow;
#[path = "random_workflows/world.rs"]
mod world;

use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};

use crate::laws::Laws;
use crate::steps::Step;
use crate::workflow::Workflow;

/// About a minute and a half on two cores.
const CASES: u64 = 500;

/// Tests that share the cases, so that all cores have some.
const SHARES: u64 = 2;

fn setting(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().unwrap_or_else(|_| panic!("{name} is not a number")))
}

fn run(workflow: &Workflow, steps: &[Step]) -> Result<(), String> {
    let mut laws = Laws::new(workflow.clone());
    for (number, step) in steps.iter().enumerate() {
        laws.step(step).map_err(|message| format!("step {number}: {message}"))?;
    }
    Ok(())
}

fn share(of: u64) {
    let (first, count) = (setting("FLOW_RANDOM_SEED", 0), setting("FLOW_RANDOM_CASES", CASES));
    let shrinks = u32::try_from(setting("FLOW_RANDOM_SHRINKS", 400)).expect("so many are too many");
    for seed in (first..first + count).filter(|seed| seed % SHARES == of) {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
        let config = Config { cases: 1, max_shrink_iters: shrinks, failure_persistence: None, ..Config::default() };
        let strategy = (generate::workflow(), steps::steps());
        let done = TestRunner::new_with_rng(config, rng)
            .run(&strategy, |(workflow, steps)| run(&workflow, &steps).map_err(TestCaseError::fail));
        if let Err(TestError::Fail(reason, (workflow, steps))) = done {
            let rulefile = workflow.rulefile();
            // First as well, for who sees no more than the beginning.
            panic!("case {seed}: {reason}\n\n{rulefile}\nsteps: {steps:#?}\n\n{reason}");
        }
    }
}

#[test]
fn even_cases() {
    share(0);
}

#[test]
fn odd_cases() {
    share(1);
}
