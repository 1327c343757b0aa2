//! A disk that fails: the n-th call of flow that could give an error gives it, once or from then on. Flow ends, says what
//! failed and why, leaves every output whole or absent, and ends with 0 only if all of them are right; the next run, which
//! is not disturbed, completes, and the one after it has nothing to do. `FLOW_FAULTS=1` tries every n (5: every fifth), and prints what flow
//! said; the plain version tries some of them, others for each error.

mod faults;
mod support;

use std::collections::BTreeSet;

use faults::tracer::{Call, Moment, Order, Traced};
use faults::{Folder, Tree, Version, clean, is_long, same, skips, step};

/// In the plain version, how many calls are tried for each error, once and for good.
const TRIES: usize = 5;

/// An error, its words, and the calls that may give it.
struct Fault {
    error: i32,
    words: &'static str,
    concerns: fn(&Call<'_>) -> bool,
}

const FULL: Fault = Fault { error: libc::ENOSPC, words: "No space left on device", concerns: takes_room };
const BROKEN: Fault = Fault { error: libc::EIO, words: "Input/output error", concerns: |_| true };
const FORBIDDEN: Fault = Fault { error: libc::EACCES, words: "Permission denied", concerns: |call| call.is_by_name() };
const EXHAUSTED: Fault = Fault { error: libc::EMFILE, words: "Too many open files", concerns: |call| call.opens() };

fn takes_room(call: &Call<'_>) -> bool {
    const TAKERS: [&str; 8] = ["write", "pwrite", "mkdir", "link", "rename", "ftruncate", "fallocate", "fsync"];
    call.makes() || TAKERS.iter().any(|name| call.name.starts_with(name))
}

/// A run that was disturbed.
struct Disturbed {
    traced: Traced,
    /// The first call that failed, and what all of them were about.
    place: String,
    paths: BTreeSet<String>,
    /// Whether flow was kept from removing something.
    kept: bool,
}

fn disturbed(folder: &Folder, words: &str, fault: &Fault, n: usize, for_good: bool) -> Disturbed {
    let (mut seen, mut kept) = (0, false);
    let (mut place, mut paths) = (String::new(), BTreeSet::new());
    let traced = folder.trace(words, &mut |call| {
        if call.moment != Moment::Before || !(fault.concerns)(call) {
            return Order::Go;
        }
        seen += 1;
        if seen < n || (seen > n && !for_good) {
            return Order::Go;
        }
        if paths.is_empty() {
            place = format!("{} {}", call.name, call.path);
        }
        paths.insert(call.path.to_owned());
        kept |= ["unlink", "rmdir"].iter().any(|name| call.name.starts_with(name));
        // What is in a folder is removed after a look at it.
        kept |= call.name == "getdents" || call.name == "statx" || call.opens();
        Order::Fail(fault.error)
    });
    Disturbed { traced, place, paths, kept }
}

/// Every output is as a run made it, or not there.
fn whole_or_absent(folder: &Folder, versions: &[&Tree], case: &str, said: &str) {
    let sources = ["Rulefile", "config.yaml", "in", "logs", "copy"];
    let mut tree = folder.tree();
    tree.retain(|path, _| !sources.iter().any(|source| path.starts_with(source)));
    for (path, bytes) in &tree {
        let is_whole = versions.iter().any(|version| version.get(path) == Some(bytes));
        assert!(is_whole, "{case}: {} is {:?}\n{said}", path.display(), String::from_utf8_lossy(bytes));
    }
    for directory in ["pages", "parts"] {
        let below =
            |tree: &Tree| tree.keys().filter(|path| path.starts_with(directory)).cloned().collect::<BTreeSet<_>>();
        let found = below(&tree);
        assert!(
            found.is_empty() || versions.iter().any(|version| below(version) == found),
            "{case}: {directory} is not whole: {found:?}\n{said}"
        );
    }
}

fn judge(folder: &Folder, run: &Disturbed, fault: &Fault, versions: &[&Tree], case: &str) {
    let Traced { code, stdout, stderr, hung, .. } = &run.traced;
    let said = format!("{stdout}{stderr}");
    assert!(!hung, "{case}: flow hangs\n{said}");
    assert!(!said.contains("panicked") && !said.contains("RUST_BACKTRACE"), "{case}: {said}");
    let clean = versions[0];
    if *code == Some(0) {
        let mut tree = folder.tree();
        // A temporary file that could not be removed is told.
        tree.retain(|path, _| clean.contains_key(path) || !said.contains(&format!("cannot remove {}", path.display())));
        same(&tree, clean, case, &said);
    } else {
        // 2 where the options are still being read: a profile has some.
        assert!([Some(1), Some(2)].contains(code), "{case}: {said}");
        let of_records = run.paths.iter().any(|path| path.is_empty() || path.starts_with(".flow"));
        // A page that the disk fails to give (`SQLITE_IOERR_CORRUPTFS`) is to SQLite as good as one with something else in it.
        let unread = "database disk image is malformed";
        let by_sqlite = ["disk I/O error", "cannot be opened", "No space left on device", "may not be written", unread];
        let is_told = said.contains(fault.words) || (of_records && by_sqlite.iter().any(|words| said.contains(words)));
        assert!(is_told, "{case}: the cause is missing in\n{said}");
        let name = |path: &String| path.rsplit('/').next().unwrap_or(path).trim_start_matches(".flow-tmp.").to_owned();
        // A file without a name yet is called by the one that it is to have.
        let is_named =
            run.paths.iter().any(|path| path.contains('#') || (!path.is_empty() && said.contains(&name(path))));
        assert!(
            is_named || (of_records && (said.contains("records") || said.contains(".flow"))),
            "{case}: the file is missing in\n{said}"
        );
        if !run.kept {
            whole_or_absent(folder, versions, case, &said);
        }
    }
}

fn fails(version: Version, words: &str, fault: &Fault) {
    if skips() {
        return;
    }
    let trees = [clean(version), clean(Version::First)];
    let trees: Vec<&Tree> = trees.iter().collect();
    let mut count = 0;
    Folder::of(version).trace(words, &mut |call| {
        count += usize::from(call.moment == Moment::Before && (fault.concerns)(call));
        Order::Go
    });
    let step = step(count.div_ceil(TRIES));
    let start = if is_long() { 1 } else { 1 + step / (1 + fault.words.len() % 5) };
    let mut cases = 0;
    for for_good in [false, true] {
        for n in (start..=count).step_by(step) {
            let folder = Folder::of(version);
            let run = disturbed(&folder, words, fault, n, for_good);
            if run.paths.is_empty() {
                continue;
            }
            let case = format!("{version:?} {words}, {}, {n} {}, for good {for_good}", fault.words, run.place);
            if is_long() {
                eprintln!("==== {case}: {:?}\n{}", run.traced.code, run.traced.stderr);
            }
            judge(&folder, &run, fault, &trees, &case);
            folder.completes(trees[0], &case);
            cases += 1;
        }
    }
    eprintln!("{version:?} {words}, {}: {cases} cases among {count} calls", fault.words);
    assert!(cases > 0);
}

#[test]
fn a_full_disk() {
    fails(Version::First, "-j2", &FULL);
    fails(Version::Updated, "-j1", &FULL);
}

#[test]
fn a_broken_disk() {
    fails(Version::First, "-j1", &BROKEN);
    fails(Version::Updated, "-j2", &BROKEN);
}

#[test]
fn a_disk_that_forbids() {
    fails(Version::First, "-j2", &FORBIDDEN);
}

#[test]
fn too_many_open_files() {
    fails(Version::First, "-j1", &EXHAUSTED);
}
