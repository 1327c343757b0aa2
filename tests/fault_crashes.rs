//! SIGKILL to flow before and after the calls by which it touches the disk, in a first run and in an update, on one worker
//! and on two: the next plain `flow` completes, with the bytes of a clean build, and takes nothing stale for fresh.
//! `FLOW_FAULTS=1` kills at every call that changes the disk, `FLOW_FAULTS=5` at every fifth; the plain version at some of them, and at other ones in each
//! of its four ways.

mod faults;
mod support;

use faults::tracer::{Moment, Order};
use faults::{Folder, Version, clean, clean_after, is_long, skips, step};

/// In the plain version, how many kills lie in each way through a run.
const KILLS: usize = 9;

/// Kills flow at the n-th change, before or after it; false if the run got through before.
fn killed_at(folder: &Folder, words: &str, n: usize, before: bool) -> Option<String> {
    let (mut changes, mut place) = (0, None);
    folder.trace(words, &mut |call| {
        if !call.changes() || (call.moment == Moment::Before) != before {
            return Order::Go;
        }
        changes += 1;
        if changes == n {
            place = Some(format!("{} {}", call.name, call.path));
            return Order::Kill;
        }
        Order::Go
    });
    place
}

/// How many changes a run makes.
fn changes(version: Version, words: &str) -> usize {
    let mut count = 0;
    let traced = Folder::of(version).trace(words, &mut |call| {
        count += usize::from(call.moment == Moment::Before && call.changes());
        Order::Go
    });
    assert_eq!(traced.code, Some(0), "an undisturbed run under the tracer\n{}", traced.stderr);
    assert!(count > 100, "the tracer sees what flow does: {count}");
    count
}

fn survives(version: Version, words: &str) {
    if skips() {
        return;
    }
    let trees = [clean(version), clean_after(version)];
    let count = changes(version, words);
    let step = step(count.div_ceil(KILLS));
    let start = if is_long() { 1 } else { 1 + step / (1 + words.len() + version as usize) };
    let mut cases = 0;
    for n in (start..=count).step_by(step) {
        for before in if is_long() { vec![true, false] } else { vec![n % 2 == 0] } {
            let folder = Folder::of(version);
            let Some(place) = killed_at(&folder, words, n, before) else { continue };
            let edits = n % 3 == 0;
            let case = format!("{version:?} {words}, {n} {place}, before {before}, edited {edits}");
            if edits {
                folder.edit_once_more();
            }
            folder.completes(&trees[usize::from(edits)], &case);
            cases += 1;
        }
    }
    eprintln!("{version:?} {words}: {cases} kills among {count} changes");
    assert!(cases > 0);
}

#[test]
fn a_first_run_on_one_worker() {
    survives(Version::First, "-j1");
}

#[test]
fn a_first_run_on_two_workers() {
    survives(Version::First, "-j2");
}

#[test]
fn an_update_on_one_worker() {
    survives(Version::Updated, "-j1");
}

#[test]
fn an_update_on_two_workers() {
    survives(Version::Updated, "-j2");
}
