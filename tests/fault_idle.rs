//! What is remembered of a call that had nothing to do, with a disk that fails and a flow that is killed while it is written or
//! read: no error, no other answer, and what changes later is noticed. On Linux on x86-64, as the other faults.

mod faults;
mod support;

use faults::tracer::{Call, Moment, Order, Traced};
use faults::{Folder, Version, skips};

/// Where it stands.
const IDLE: &str = ".flow/idle";

/// A folder in which everything is made.
fn made() -> Folder {
    let folder = Folder::of(Version::First);
    folder.project.flow("-j2").exits(0);
    folder
}

fn concerns_it(call: &Call<'_>) -> bool {
    call.moment == Moment::Before && call.path.starts_with(IDLE)
}

/// Calls flow until it tries to write the file, with the `n`-th call about it stopped in this way; gives nothing when there
/// are fewer.
fn disturbed(folder: &Folder, n: usize, order: impl Fn() -> Order) -> Option<Traced> {
    for _ in 0..2000 {
        let (mut seen, mut writes) = (0, false);
        let traced = folder.trace("-j2", &mut |call| {
            writes |= call.path.starts_with(".flow/idle.new");
            if !concerns_it(call) {
                return Order::Go;
            }
            seen += 1;
            if seen == n { order() } else { Order::Go }
        });
        if seen >= n {
            return Some(traced);
        }
        if writes || folder.project.exists(IDLE) {
            return None;
        }
    }
    panic!("it is never written");
}

/// Whatever there is now: nothing is to do, and an edit is noticed.
fn is_right(folder: &Folder, case: &str) {
    let idle = folder.project.flow("-j2");
    assert_eq!((idle.code, idle.stderr.as_str()), (Some(0), "Nothing to do.\n"), "{case}");
    folder.edit_once_more();
    let said = folder.project.flow("-n -j2").exits(0).stdout;
    assert_ne!(said, "Nothing to do.\n", "{case}");
    folder.project.flow("-j2").exits(0);
}

#[test]
fn a_disk_that_fails_is_no_error() {
    if skips() {
        return;
    }
    for error in [libc::ENOSPC, libc::EIO, libc::EACCES, libc::EMFILE] {
        let mut cases = 0;
        for n in 1..50 {
            let folder = made();
            let Some(traced) = disturbed(&folder, n, || Order::Fail(error)) else { break };
            let case = format!("error {error}, call {n}");
            assert_eq!((traced.code, traced.stderr.as_str()), (Some(0), "Nothing to do.\n"), "{case}");
            is_right(&folder, &case);
            cases += 1;
        }
        assert!(cases >= 3, "it is opened, written and renamed: {cases}");
    }
}

#[test]
fn a_flow_that_is_killed_leaves_no_other_answer() {
    if skips() {
        return;
    }
    for n in 1..50 {
        let folder = made();
        if disturbed(&folder, n, || Order::Kill).is_none() {
            assert!(n > 3, "it is opened, written and renamed: {n}");
            break;
        }
        is_right(&folder, &format!("killed at call {n}"));
    }
}
