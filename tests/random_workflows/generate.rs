//! Which workflows there are, and how often: strategies in, workflows out. Whatever they draw is a workflow; what does not
//! fit is read as something that does, by `workflow.rs`.

use proptest::prelude::*;

use crate::workflow::{How, Needs, Pick, Rule, Work, Workflow};

pub fn pick() -> impl Strategy<Value = Pick> {
    let how = prop_oneof![
        6 => Just(How::Plain),
        1 => Just(How::Function),
        1 => Just(How::Ancient),
        2 => Just(How::Part),
        2 => Just(How::Gather),
    ];
    (any::<u8>(), 0..3u8, 0..3u8, how).prop_map(|(file, output, value, how)| Pick { file, output, value, how })
}

pub fn needs() -> impl Strategy<Value = Needs> {
    (1..4u8, 0..3u8, any::<bool>(), prop_oneof![3 => Just((0, 0)), 1 => (0..3u8, 0..3u8)])
        .prop_map(|(threads, load, grows, (retries, stumbles))| Needs { threads, load, grows, retries, stumbles })
}

fn rule() -> impl Strategy<Value = Rule> {
    let work = prop_oneof![
        4 => Just(Work::Cat),
        4 => Just(Work::Head),
        4 => Just(Work::Prefix),
        5 => Just(Work::Bash),
        5 => Just(Work::Run),
        4 => Just(Work::RunFirst),
        6 => Just(Work::Folder),
        3 => Just(Work::List),
        1 => Just(Work::Touch),
        2 => Just(Work::Script),
        1 => Just(Work::Python),
    ];
    let wildcards = prop_oneof![12 => Just(0u8), 7 => Just(1u8), 1 => Just(2u8)];
    let bits = (wildcards, 1..4usize, prop_oneof![2 => Just(0u8), 1 => 0..8u8]);
    let flags = (prop::bool::weighted(0.4), any::<bool>(), prop::bool::weighted(0.3), any::<bool>(), any::<bool>());
    let inputs = prop::collection::vec(pick(), 1..4);
    (work, bits, flags, needs(), inputs).prop_map(|(work, (wildcards, outputs, temp), flags, needs, inputs)| {
        let (target, fallible, piped, checkpoint, dressed) = flags;
        // Python takes its time to start.
        let wildcards = if work == Work::Python { 0 } else { wildcards };
        let (code, param, remark) = (0, 0, 0);
        Rule {
            work,
            wildcards,
            outputs,
            temp,
            target,
            fallible,
            piped,
            checkpoint,
            dressed,
            needs,
            inputs,
            code,
            param,
            remark,
        }
    })
}

/// Workflows in which the last rule is always asked for.
pub fn workflow() -> impl Strategy<Value = Workflow> {
    prop::collection::vec(rule(), 1..9).prop_map(|mut rules| {
        if let Some(last) = rules.last_mut() {
            (last.target, last.temp) = (true, 0);
        }
        Workflow { rules }
    })
}
