//! Cases that broke a law once, as small as they were found.

use crate::laws::Laws;
use crate::steps::{Before, Edit, Signal, Step, Time, When};
use crate::workflow::{How, Needs, Pick, Rule, Work, Workflow};

fn rule(work: Work, inputs: &[Pick]) -> Rule {
    Rule {
        work,
        wildcards: 0,
        outputs: 1,
        temp: 0,
        target: false,
        fallible: false,
        piped: false,
        checkpoint: false,
        dressed: false,
        needs: Needs { threads: 1, load: 0, grows: false, retries: 0, stumbles: 0 },
        inputs: inputs.to_vec(),
        code: 0,
        param: 0,
        remark: 0,
    }
}

/// One of the sources.
fn source(file: u8) -> Pick {
    Pick { file, output: 0, value: 0, how: How::Plain }
}

/// The first output of a rule.
fn of_rule(number: u8) -> Pick {
    Pick { file: 4 + number, output: 0, value: 0, how: How::Plain }
}

fn step(edits: Vec<Edit>, before: Option<Before>) -> Step {
    Step { edits, before, cores: 2, load: None, dry: true, touch: false }
}

fn killed(events: u8) -> Before {
    Before::Stop { signal: Signal::Kill, when: When::Events(events), keep_incomplete: false }
}

fn holds(rules: Vec<Rule>, steps: &[Step]) {
    let mut laws = Laws::new(Workflow { rules });
    for step in steps {
        laws.step(step).unwrap_or_else(|message| panic!("{step:?}: {message}"));
    }
}

#[test]
fn a_temporary_file_left_by_a_failed_run_goes_with_the_next() {
    let rules = vec![
        Rule { temp: 1, ..rule(Work::Cat, &[source(0)]) },
        Rule { fallible: true, target: true, ..rule(Work::Cat, &[of_rule(0)]) },
    ];
    holds(rules, &[step(vec![], Some(Before::Fail { jobs: vec![0], keep_going: false, keep_incomplete: false }))]);
}

#[test]
fn a_temporary_file_is_made_for_a_stale_job_though_its_maker_would_be_cut_off() {
    let rules = vec![
        rule(Work::Head, &[source(0)]),
        Rule { temp: 1, ..rule(Work::Cat, &[of_rule(0)]) },
        Rule { target: true, ..rule(Work::Bash, &[of_rule(1), source(1)]) },
    ];
    let below_the_first_line = Edit::Write { source: 0, text: 2, time: Time::Now };
    let other = Edit::Write { source: 1, text: 3, time: Time::Now };
    holds(rules, &[step(vec![], None), step(vec![below_the_first_line, other], None)]);
}

#[test]
fn a_changed_parameter_outlives_a_killed_run() {
    let rules = vec![Rule { target: true, ..rule(Work::Run, &[source(0)]) }];
    let steps: Vec<Step> =
        (1..10u8).map(|value| step(vec![Edit::Param { rule: 0, value }], Some(killed(value % 4)))).collect();
    holds(rules, &steps);
}

#[test]
fn a_temporary_file_that_a_killed_run_was_to_make_anew_is_made() {
    let rules = vec![
        Rule { temp: 1, ..rule(Work::Bash, &[source(0)]) },
        Rule { target: true, ..rule(Work::Bash, &[of_rule(0)]) },
    ];
    let steps: Vec<Step> = (0..10u8)
        .map(|text| {
            let edit = Edit::Write { source: 0, text, time: Time::Now };
            step(vec![edit], Some(killed(text % 5)))
        })
        .collect();
    holds(rules, &steps);
}
