//! What a killed run left: processes that still run, outputs that are half-written, temporaries. Ended and removed before
//! anything else is done, and told. Knows the started rows and `/proc`, not why the run died.

use std::collections::BTreeSet;
use std::fs;
use std::time::{Duration, Instant};

use super::child::{members, signal_group, signal_process};
use super::outputs::{is_protected, restore, temporary};
use crate::disk::Disk;
use crate::store::{StartedRow, is_zombie, start_time};

/// Between `SIGTERM` and `SIGKILL`, and after it.
const GRACE: Duration = Duration::from_secs(2);
const DYING: Duration = Duration::from_secs(5);

/// Ends what is left of jobs that a killed run had started, and removes what they were writing. Gives what was done, a
/// line each, for people. Rows of kept outputs are left alone, and so are protected files: those are whole. `is_directory`
/// says whether the row's n-th output is one by its rule; any other directory is left where it is.
///
/// # Errors
/// A process that does not end, or a file that cannot be removed: nothing may be made while it is there.
pub fn clear(
    rows: &[StartedRow],
    is_directory: &dyn Fn(&StartedRow, usize) -> bool,
    disk: &dyn Disk,
) -> Result<Vec<String>, String> {
    let rows: Vec<_> = rows.iter().filter(|row| !row.kept).collect();
    let mut told = Vec::new();
    let processes = left_over(&rows);
    if !processes.is_empty() {
        let count = processes.len();
        end(&rows, libc::SIGTERM, GRACE);
        end(&rows, libc::SIGKILL, DYING);
        let stubborn = left_over(&rows);
        if !stubborn.is_empty() {
            let pids: Vec<_> = stubborn.iter().map(u32::to_string).collect();
            return Err(format!("processes of an earlier run do not end: {}", pids.join(", ")));
        }
        told.push(format!("ended {count} process{} of an earlier run", if count == 1 { "" } else { "es" }));
    }
    for row in rows {
        let mut removed = Vec::new();
        for (at, output) in row.outputs.iter().enumerate() {
            let is_directory = is_directory(row, at);
            let temporary = temporary(output);
            if is_directory || !disk.stat(&temporary).is_ok_and(|stamp| stamp.is_some_and(|stamp| stamp.is_dir)) {
                remove(disk, &temporary, is_directory)?;
            }
            if row.in_place && restore(output) {
                told.push(format!("put {output} back as it was before {} was killed", row.rule));
                continue;
            }
            match disk.stat(output).ok().flatten().filter(|_| row.in_place) {
                Some(stamp) if stamp.is_dir && !is_directory => {
                    told.push(format!("left {output}: it is a directory, and {} makes a file of that name", row.rule));
                }
                Some(_) if is_protected(output) => {
                    told.push(format!("{output} is protected and stays, though its job did not come to its end"));
                }
                Some(_) => {
                    remove(disk, output, is_directory)?;
                    removed.push(output.as_str());
                }
                None => {}
            }
        }
        if !removed.is_empty() {
            told.push(format!("removed unfinished outputs of {}: {}", row.rule, removed.join(", ")));
        }
    }
    Ok(told)
}

fn remove(disk: &dyn Disk, path: &str, is_directory: bool) -> Result<(), String> {
    disk.remove_output(path, is_directory)
        .map_err(|error| format!("cannot remove {path}, which is unfinished: {error}"))
}

/// Signals what is left, and waits for a bounded time until nothing is.
fn end(rows: &[&StartedRow], signal: i32, patience: Duration) {
    let until = Instant::now() + patience;
    let mut signalled = BTreeSet::new();
    loop {
        let left = left_over(rows);
        if left.is_empty() || Instant::now() >= until {
            return;
        }
        for row in rows {
            if let Some((group, _)) = row.group.filter(|&group| is_ours(group))
                && signalled.insert(group.cast_unsigned())
            {
                signal_group(group, signal);
            }
        }
        for pid in left {
            if signalled.insert(pid) {
                signal_process(pid, signal);
            }
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Whether a group is the one that was recorded, and not a later one of the same number: its leader started then.
fn is_ours((group, start): (i32, u64)) -> bool {
    group > 1 && start_time(group.cast_unsigned()) == Some(start)
}

/// Processes that still run: of the recorded groups, and those that carry the tag of a killed run, which finds as well
/// what was started and not yet recorded, and what outlived its group's leader.
fn left_over(rows: &[&StartedRow]) -> BTreeSet<u32> {
    let tags: BTreeSet<&str> = rows.iter().map(|row| row.run.as_str()).collect();
    let mut found = BTreeSet::new();
    if tags.is_empty() {
        return found;
    }
    for group in rows.iter().filter_map(|row| row.group).filter(|&group| is_ours(group)) {
        found.extend(members(group.0));
    }
    let own = std::process::id();
    for pid in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = pid.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        // Other users' processes cannot be read: they are not of this run.
        let Ok(environment) = fs::read(format!("/proc/{pid}/environ")) else { continue };
        let tagged = environment.split(|&byte| byte == 0).any(|entry| {
            let tag = entry.strip_prefix(b"FLOW_RUN=").and_then(|tag| std::str::from_utf8(tag).ok());
            tag.is_some_and(|tag| tags.contains(tag))
        });
        if tagged && pid != own && !is_zombie(pid) {
            found.insert(pid);
        }
    }
    found
}
