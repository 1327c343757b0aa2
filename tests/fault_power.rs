//! The power fails: flow and its jobs end in the middle of a run, and of what was written to the records since the last sync
//! of a file, some is there, some is not, some in part, in any order; what was written to other files is as it was, empty or
//! zeroes, with the sizes and times that they had. The machine starts again, which flow knows by the number of the boot. The
//! next run completes with the bytes of a clean build, and takes nothing for fresh that is not. `FLOW_FAULTS=1` has the power
//! fail at every change (5: at every fifth), five times in other ways; the plain version at some.
//!
//! Not in the model: what is in a directory that a job made, after the end of its run; names that vanish though the folder's
//! later changes are there, and outputs whose old content comes back under the new time.

mod faults;
mod support;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use faults::tracer::{Call, Moment, Order, trace};
use faults::{DEADLINE, Folder, Random, Version, clean, end_jobs, is_long, skips, step};
use filetime::{FileTime, set_file_mtime};

/// In the plain version, how many failures lie in each way through a run.
const FAILURES: usize = 10;

/// What the disk writes at once, or a page of the system's memory.
const PIECES: [usize; 2] = [512, 4096];

const BOOT_FILE: &str = "/proc/sys/kernel/random/boot_id";
const BOOT: &[u8] = b"00000000-0000-4000-8000-000000000001\n";

#[derive(Clone)]
enum Change {
    Made,
    Removed,
    Cut(u64),
    Written(u64, Vec<u8>),
}

/// A file of the records: what surely is on the disk, and what came after.
#[derive(Default, Clone)]
struct Image {
    durable: Option<Vec<u8>>,
    later: Vec<Change>,
}

impl Image {
    fn apply(bytes: &mut Option<Vec<u8>>, change: &Change) {
        match (change, bytes.as_mut()) {
            (Change::Made, None) => *bytes = Some(Vec::new()),
            (Change::Removed, _) => *bytes = None,
            (Change::Cut(length), Some(bytes)) => bytes.resize(usize::try_from(*length).expect("a length"), 0),
            (Change::Written(offset, new), Some(bytes)) => {
                let start = usize::try_from(*offset).expect("an offset");
                bytes.resize(bytes.len().max(start + new.len()), 0);
                bytes[start..start + new.len()].copy_from_slice(new);
            }
            (Change::Made, Some(_)) | (_, None) => {}
        }
    }

    fn sync(&mut self) {
        for change in std::mem::take(&mut self.later) {
            Image::apply(&mut self.durable, &change);
        }
    }

    /// Its folder is synced: what was made and removed there stays so.
    fn sync_name(&mut self) {
        let removed = self.later.iter().rposition(|change| matches!(change, Change::Removed));
        for change in self.later.drain(..removed.map_or(0, |at| at + 1)) {
            Image::apply(&mut self.durable, &change);
        }
        if self.later.iter().any(|change| matches!(change, Change::Made)) {
            Image::apply(&mut self.durable, &Change::Made);
        }
    }

    /// What is found after the failure. The first two ways lose all and nothing, the others what chance will have.
    fn found(&self, way: usize, random: &mut Random) -> Option<Vec<u8>> {
        let mut bytes = self.durable.clone();
        let piece = PIECES[random.below(2)];
        let keeps = 1 + random.below(4);
        for change in &self.later {
            match change {
                _ if way == 0 => {}
                Change::Written(offset, new) if way > 1 => {
                    for (at, part) in new.chunks(piece).enumerate() {
                        if random.below(5) < keeps {
                            let offset = offset + u64::try_from(at * piece).expect("an offset");
                            Image::apply(&mut bytes, &Change::Written(offset, part.to_vec()));
                        }
                    }
                }
                change if way == 1 || random.below(5) < keeps => Image::apply(&mut bytes, change),
                _ => {}
            }
        }
        bytes
    }
}

/// The files of the records, as calls change them.
struct Records(BTreeMap<String, Image>);

impl Records {
    fn of(folder: &Folder) -> Records {
        let names = ["state.db", "state.db-wal", "state.db-journal"].map(|name| format!(".flow/{name}"));
        let image = |name: &String| Image { durable: fs::read(folder.project.path(name)).ok(), later: Vec::new() };
        Records(names.into_iter().map(|name| (name.clone(), image(&name))).collect())
    }

    fn follow(&mut self, call: &Call<'_>) {
        let Moment::After(0..) = call.moment else { return };
        if (call.name, call.path) == ("fsync", ".flow") {
            return self.0.values_mut().for_each(Image::sync_name);
        }
        let Some(image) = self.0.get_mut(call.path) else { return };
        match call.name {
            "openat" | "open" if call.makes() => image.later.push(Change::Made),
            "unlink" => image.later.push(Change::Removed),
            "ftruncate" => image.later.push(Change::Cut(call.arguments[1])),
            "fsync" | "fdatasync" => image.sync(),
            _ => {
                let written = call.written();
                assert!(written.is_some() || !call.changes() || call.name == "fchown", "unknown: {}", call.name);
                image.later.extend(written.map(|(offset, bytes)| Change::Written(offset, bytes)));
            }
        }
    }
}

/// A file's content and identity, to tell what a run wrote.
fn stamps(folder: &Folder) -> BTreeMap<PathBuf, (u64, i64, i64)> {
    let stamp = |path: &PathBuf| {
        let meta = fs::metadata(folder.project.path(path)).expect("it is there");
        (meta.ino(), meta.ctime(), meta.ctime_nsec())
    };
    folder.project.tree().keys().map(|path| (path.clone(), stamp(path))).collect()
}

/// What was written and not synced is as it was, empty, or zeroes; all of it, or what chance will have.
fn lose(folder: &Folder, before: &BTreeMap<PathBuf, (u64, i64, i64)>, way: usize, random: &mut Random) {
    let is_over = before.get(Path::new("all.txt")) != stamps(folder).get(Path::new("all.txt"));
    for (path, stamp) in stamps(folder) {
        let mixed = random.below(3);
        // A directory has no hash on record: what is lost of it after the end of the run is not found.
        let is_known = !is_over || ["pages", "parts"].iter().all(|folder| !path.starts_with(folder));
        // A log is no output.
        let is_known = is_known && !path.starts_with("logs");
        if before.get(&path) != Some(&stamp) && is_known {
            let how = if way == 3 { mixed } else { way };
            blank(&folder.project.path(&path), how);
        }
    }
}

fn blank(path: &Path, how: usize) {
    let meta = fs::metadata(path).expect("it is there");
    let bytes = match how {
        0 => return,
        1 => Vec::new(),
        _ => vec![0; usize::try_from(meta.len()).expect("a length")],
    };
    fs::write(path, bytes).expect("it can be written");
    set_file_mtime(path, FileTime::from_last_modification_time(&meta)).expect("it can be stamped");
}

/// A run that ends with the power at the n-th change; gives what the records are then, and where it was.
fn cut_off(folder: &Folder, words: &str, n: usize) -> (Records, Option<String>) {
    let mut records = Records::of(folder);
    let (mut changes, mut given, mut place) = (0, 0, None);
    let mut command = folder.project.command(words);
    let tag = format!("{}-{n}", folder.project.path(".").display());
    command.env("FLOW_FAULT", &tag);
    trace(command, &folder.project.path("."), &[BOOT_FILE], DEADLINE, &mut |call| {
        if call.path == BOOT_FILE {
            return another_boot(call, &mut given);
        }
        records.follow(call);
        changes += usize::from(call.moment == Moment::Before && call.changes());
        if changes == n && call.moment == Moment::Before {
            place = Some(format!("{} {}", call.name, call.path));
            return Order::Kill;
        }
        Order::Go
    });
    end_jobs(&tag);
    (records, place)
}

/// The number of this boot is another one than that of the boot after.
fn another_boot(call: &Call<'_>, given: &mut usize) -> Order {
    match (call.name, call.moment) {
        ("openat", Moment::Before) => *given = 0,
        ("read", Moment::Before) => {
            let rest = &BOOT[*given..];
            *given += rest.len().min(usize::try_from(call.arguments[2]).expect("a length"));
            return Order::Give(rest);
        }
        _ => {}
    }
    Order::Go
}

fn survives(version: Version, words: &str) {
    if skips() {
        return;
    }
    let trees = [clean(version), faults::clean_after(version)];
    let count = {
        let mut count = 0;
        Folder::of(version).trace(words, &mut |call| {
            count += usize::from(call.moment == Moment::Before && call.changes());
            Order::Go
        });
        count
    };
    let step = step(count.div_ceil(FAILURES));
    let mut cases = 0;
    for n in (1 + step / 2..=count + 1).step_by(step) {
        for way in if is_long() { (0..5).collect() } else { vec![(n / step) % 5] } {
            let mut random = Random(u64::try_from(n * 5 + way).expect("a number"));
            let folder = Folder::of(version);
            let before = stamps(&folder);
            let (records, place) = cut_off(&folder, words, n);
            for (name, image) in &records.0 {
                match image.found(way, &mut random) {
                    Some(bytes) => fs::write(folder.project.path(name), bytes).expect("it can be written"),
                    None => drop(fs::remove_file(folder.project.path(name))),
                }
            }
            let content = (n + way) % 4;
            lose(&folder, &before, content, &mut random);
            let edits = n % 3 == 0;
            if edits {
                folder.edit_once_more();
            }
            let place = place.unwrap_or_else(|| "after the end".to_owned());
            let case = format!("{version:?} {words}, {n} {place}, way {way}, content {content}, edited {edits}");
            folder.completes(&trees[usize::from(edits)], &case);
            cases += 1;
        }
    }
    eprintln!("{version:?} {words}: {cases} failures among {count} changes");
    assert!(cases > 0);
}

#[test]
fn in_a_first_run() {
    survives(Version::First, "-j2");
}

#[test]
fn in_an_update() {
    survives(Version::Updated, "-j1");
}

#[test]
fn soon_after_a_run() {
    if skips() {
        return;
    }
    let tree = clean(Version::First);
    for how in [1, 2] {
        let folder = Folder::new();
        let before = stamps(&folder);
        let (records, place) = cut_off(&folder, "-j2", usize::MAX);
        assert!(place.is_none() && records.0[".flow/state.db"].later.is_empty(), "the records are synced at the end");
        lose(&folder, &before, how, &mut Random(1));
        let ran = folder.completes(&tree, &format!("after a run, content {how}"));
        let told = ran.stderr.contains("is not what") && ran.stderr.contains("the machine went down");
        assert!(told == (how == 2), "{}", ran.stderr);
    }
}
