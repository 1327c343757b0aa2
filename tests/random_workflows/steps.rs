//! What happens between runs, and how a run is called. Numbers stand for files and rules modulo how many there are, so
//! that every list of steps fits every workflow and both can be shrunk apart.

use proptest::prelude::*;

use crate::workflow::Pick;

/// The modification time that a changed file gets.
#[derive(Debug, Clone, Copy)]
pub enum Time {
    /// Whatever the clock says.
    Now,
    /// So many seconds before or after the time it had.
    Shifted(i64),
    /// The one it had; the file is another one under the same name, as after `mv`.
    Same,
}

#[derive(Debug, Clone)]
pub enum Edit {
    /// New content of a source.
    Write {
        source: u8,
        text: u8,
        time: Time,
    },
    /// Another time, the same content.
    Touch {
        file: u8,
        time: Time,
    },
    /// An output is removed.
    Remove {
        output: u8,
    },
    /// Another hand writes to an output.
    Tamper {
        output: u8,
        text: u8,
        time: Time,
    },
    Param {
        rule: u8,
        value: u8,
    },
    Code {
        rule: u8,
        value: u8,
    },
    Remark {
        rule: u8,
        value: u8,
    },
    AddInput {
        rule: u8,
        pick: Pick,
    },
    RemoveInput {
        rule: u8,
        at: u8,
    },
    TurnInputs {
        rule: u8,
    },
    /// So many outputs, where the work can have more than one.
    Outputs {
        rule: u8,
        count: u8,
    },
}

/// A run that goes wrong before the one that must succeed.
#[derive(Debug, Clone)]
pub enum Mishap {
    /// These jobs fail; with or without `-k`.
    Fail { jobs: Vec<u8>, keep_going: bool },
    /// SIGKILL when flow has told of so many events.
    Kill { events: u8 },
}

#[derive(Debug, Clone)]
pub struct Step {
    pub edits: Vec<Edit>,
    pub mishap: Option<Mishap>,
    /// `-j`
    pub cores: u8,
    /// Whether a dry run is asked before.
    pub dry: bool,
}

fn time() -> impl Strategy<Value = Time> {
    prop_oneof![3 => Just(Time::Now), 1 => (1..100_000i64).prop_map(Time::Shifted), 1 => (-100_000..0i64).prop_map(Time::Shifted), 1 => Just(Time::Same)]
}

fn edit() -> impl Strategy<Value = Edit> {
    let any8 = any::<u8>;
    prop_oneof![
        4 => (any8(), any8(), time()).prop_map(|(source, text, time)| Edit::Write { source, text, time }),
        3 => (any8(), time()).prop_map(|(file, time)| Edit::Touch { file, time }),
        3 => any8().prop_map(|output| Edit::Remove { output }),
        3 => (any8(), any8(), time()).prop_map(|(output, text, time)| Edit::Tamper { output, text, time }),
        2 => (any8(), 0..3u8).prop_map(|(rule, value)| Edit::Param { rule, value }),
        2 => (any8(), 0..3u8).prop_map(|(rule, value)| Edit::Code { rule, value }),
        2 => (any8(), 0..3u8).prop_map(|(rule, value)| Edit::Remark { rule, value }),
        2 => (any8(), any8(), 0..3u8, 0..3u8).prop_map(|(rule, file, output, value)| Edit::AddInput {
            rule,
            pick: Pick { file, output, value },
        }),
        2 => (any8(), any8()).prop_map(|(rule, at)| Edit::RemoveInput { rule, at }),
        1 => any8().prop_map(|rule| Edit::TurnInputs { rule }),
        1 => (any8(), 1..4u8).prop_map(|(rule, count)| Edit::Outputs { rule, count }),
    ]
}

fn mishap() -> impl Strategy<Value = Mishap> {
    prop_oneof![
        (prop::collection::vec(any::<u8>(), 1..3), any::<bool>())
            .prop_map(|(jobs, keep_going)| Mishap::Fail { jobs, keep_going }),
        (0..12u8).prop_map(|events| Mishap::Kill { events }),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let edits = prop::collection::vec(edit(), 0..4);
    (edits, prop::option::weighted(0.3, mishap()), 1..5u8, prop::bool::weighted(0.3))
        .prop_map(|(edits, mishap, cores, dry)| Step { edits, mishap, cores, dry })
}

pub fn steps() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(step(), 1..10)
}
