//! What happens between runs, and how a run is called. Numbers stand for files and rules modulo how many there are, so
//! that every list of steps fits every workflow and both can be shrunk apart.

use proptest::prelude::*;

use crate::generate::{needs, pick};
use crate::workflow::{Needs, Pick};

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
    /// Other threads, resources and retries, and `dressed` or not.
    Needs {
        rule: u8,
        needs: Needs,
        dressed: bool,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    Kill,
    Interrupt,
    Terminate,
}

/// When a signal is sent.
#[derive(Debug, Clone, Copy)]
pub enum When {
    /// When flow has told of so many events.
    Events(u8),
    /// When this job, which then waits without end, has been started.
    Held(u8),
}

/// A run before the one that must make everything.
#[derive(Debug, Clone)]
pub enum Before {
    /// These jobs fail.
    Fail { jobs: Vec<u8>, keep_going: bool, keep_incomplete: bool },
    /// Flow gets a signal.
    Stop { signal: Signal, when: When, keep_incomplete: bool },
    /// One file is asked for.
    Target { file: u8 },
    /// `--until`
    Until { rule: u8 },
    /// `--forcerun`
    Force { rule: u8 },
    /// `--forceall`
    ForceAll,
    /// `--rerun-triggers mtime`
    TimesOnly,
    /// `--batch all=1/2`
    Batch,
}

#[derive(Debug, Clone)]
pub struct Step {
    pub edits: Vec<Edit>,
    pub before: Option<Before>,
    /// `-j`
    pub cores: u8,
    /// `--resources load=…`, or more, if a job needs more.
    pub load: Option<u8>,
    /// Whether a dry run is asked before.
    pub dry: bool,
    /// Whether all is touched at the end.
    pub touch: bool,
}

fn time() -> impl Strategy<Value = Time> {
    prop_oneof![3 => Just(Time::Now), 1 => (1..100_000i64).prop_map(Time::Shifted), 1 => (-100_000..0i64).prop_map(Time::Shifted), 1 => Just(Time::Same)]
}

fn edit() -> impl Strategy<Value = Edit> {
    let any8 = any::<u8>;
    prop_oneof![
        5 => (any8(), any8(), time()).prop_map(|(source, text, time)| Edit::Write { source, text, time }),
        3 => (any8(), time()).prop_map(|(file, time)| Edit::Touch { file, time }),
        3 => any8().prop_map(|output| Edit::Remove { output }),
        3 => (any8(), any8(), time()).prop_map(|(output, text, time)| Edit::Tamper { output, text, time }),
        2 => (any8(), 0..3u8).prop_map(|(rule, value)| Edit::Param { rule, value }),
        2 => (any8(), 0..3u8).prop_map(|(rule, value)| Edit::Code { rule, value }),
        2 => (any8(), 0..3u8).prop_map(|(rule, value)| Edit::Remark { rule, value }),
        2 => (any8(), pick()).prop_map(|(rule, pick)| Edit::AddInput { rule, pick }),
        2 => (any8(), any8()).prop_map(|(rule, at)| Edit::RemoveInput { rule, at }),
        1 => any8().prop_map(|rule| Edit::TurnInputs { rule }),
        1 => (any8(), 1..4u8).prop_map(|(rule, count)| Edit::Outputs { rule, count }),
        1 => (any8(), needs(), any::<bool>()).prop_map(|(rule, needs, dressed)| Edit::Needs { rule, needs, dressed }),
    ]
}

fn before() -> impl Strategy<Value = Before> {
    let signal = prop_oneof![Just(Signal::Kill), Just(Signal::Interrupt), Just(Signal::Terminate)];
    let when = prop_oneof![(0..12u8).prop_map(When::Events), any::<u8>().prop_map(When::Held)];
    let rarely = || prop::bool::weighted(0.2);
    prop_oneof![
        3 => (prop::collection::vec(any::<u8>(), 1..3), any::<bool>(), rarely())
            .prop_map(|(jobs, keep_going, keep_incomplete)| Before::Fail { jobs, keep_going, keep_incomplete }),
        4 => (signal, when, rarely())
            .prop_map(|(signal, when, keep_incomplete)| Before::Stop { signal, when, keep_incomplete }),
        1 => any::<u8>().prop_map(|file| Before::Target { file }),
        1 => any::<u8>().prop_map(|rule| Before::Until { rule }),
        1 => any::<u8>().prop_map(|rule| Before::Force { rule }),
        1 => Just(Before::ForceAll),
        1 => Just(Before::TimesOnly),
        1 => Just(Before::Batch),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let edits = prop::collection::vec(edit(), 0..4);
    let how = (1..=8u8, prop::option::weighted(0.4, 0..8u8), prop::bool::weighted(0.3), prop::bool::weighted(0.1));
    (edits, prop::option::weighted(0.4, before()), how).prop_map(|(edits, before, (cores, load, dry, touch))| Step {
        edits,
        before,
        cores,
        load,
        dry,
        touch,
    })
}

pub fn steps() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(step(), 1..9)
}
