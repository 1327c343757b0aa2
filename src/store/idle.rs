//! `.flow/idle`: that a call had nothing to do, and all that this depended on. Paths and stamps in, a file out; and whether
//! everything is still as that file says. Knows no rules and no jobs. A file that is cut off, damaged, of another version or
//! of another call is as good as none, and nothing that goes wrong with it is an error.
//!
//! Numbers are little-endian. Magic (8 bytes), the call (32), a hash of all the rest (32), then `answers`: count (4), each a
//! question (1), what it is about (length, bytes) and a hash of the answer (16); then `groups`: count (4), each the number of
//! its paths (4), their bytes (4) and a hash of what was seen of them (16); then the paths, each with a NUL at its end. A
//! group has one hash, because a path that is not as it was is enough to look at everything again.

use std::ffi::{CStr, OsStr, OsString};
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use rayon::prelude::*;
use rustc_hash::FxHashMap;

use super::lock::{self, Look};
use crate::disk::Stamp;
use crate::sight::{Sight, has_change_times};
use crate::witness::{Account, Question};

/// Its last byte is the version.
const MAGIC: &[u8; 8] = b"flowidl\x01";
/// Paths that have one hash; so many are looked at by one thread at a time.
const GROUP: usize = 512;
/// So many are looked at before threads are worth their start.
const FEW: usize = 4 * GROUP;
/// A change within the same tick of a file system's clock leaves no trace. The kernel's clock has ticks of at most this.
const TICK_NS: i64 = 10_000_000;
/// The tick where only whole seconds (or, on FAT, two of them) are kept.
const SECONDS_NS: i64 = 2_100_000_000;

/// A call of the program, by a hash of all that it is told.
pub type Call = [u8; 32];

type Digest = [u8; 16];

/// What is remembered of a call that had nothing to do.
pub struct Idle {
    answers: Vec<(Question, OsString, Digest)>,
    groups: Vec<Group>,
    /// All paths, each with a NUL at its end.
    paths: Vec<u8>,
}

struct Group {
    count: usize,
    start: usize,
    end: usize,
    digest: Digest,
}

/// That all is as it was. As long as this lives, no other flow changes it.
pub struct AsBefore {
    /// How many paths were looked at.
    pub paths: usize,
    _shared: File,
}

/// The records at rest: the database, and no log of one that was killed.
const RECORDS: [(&str, bool); 3] = [("state.db", true), ("state.db-wal", false), ("state.db-journal", false)];

/// Whether this call had nothing to do and all that this depended on is as it was. Makes and changes nothing, and does not
/// wait: while another flow works here, the answer is no.
pub fn is_as_before(directory: &Path, call: &Call) -> Option<AsBefore> {
    let folder = directory.join(super::FOLDER);
    let bytes = fs::read(folder.join("idle")).ok()?;
    let idle = Idle::parse(&bytes, call)?;
    let Look::Shared(shared) = lock::look(&folder.join("lock")) else { return None };
    let paths = idle.groups.iter().map(|group| group.count).sum();
    idle.holds().then_some(AsBefore { paths, _shared: shared })
}

/// Remembers that a call which began then (by [`crate::sight::coarse_now_ns`]) had nothing to do: what it saw of the world while it read the
/// Rulefile, and of the files of its graph. Nothing is remembered where one of them could have changed, since it was seen,
/// without a trace. For the one who has the lock.
pub fn remember<'p>(
    directory: &Path,
    call: &Call,
    began_ns: i64,
    account: &Account,
    files: impl Iterator<Item = (&'p str, Option<Stamp>)>,
) {
    let folder = directory.join(super::FOLDER);
    let mut seen = Seen::default();
    for (name, is_there) in RECORDS {
        let path = folder.join(name);
        // The log is there now, empty, and goes when the database is closed.
        let stamp = if is_there { fs::metadata(&path).ok().as_ref().map(Stamp::of) } else { None };
        seen.add(path.as_os_str(), stamp, !is_there);
    }
    for (path, stamp) in &account.files {
        seen.add(path.as_os_str(), *stamp, false);
    }
    seen.end_group();
    for (path, stamp) in files {
        seen.add(OsStr::new(path), stamp, false);
    }
    seen.end_group();
    let Some(groups) = seen.settled(began_ns) else { return };
    let answer = |((question, about), answer): (&(Question, OsString), &Vec<u8>)| {
        (*question, about.clone(), short(blake3::hash(answer)))
    };
    let idle = Idle { answers: account.answers.iter().map(answer).collect(), groups, paths: seen.paths };
    // Only one who has the lock writes, so that there is one file of this name; what a killed one left is written over.
    let (new, place) = (folder.join("idle.new"), folder.join("idle"));
    let written = File::create(&new).and_then(|mut file| file.write_all(&idle.bytes(call)));
    if written.and_then(|()| fs::rename(&new, &place)).is_err() {
        let _ = fs::remove_file(&new);
    }
}

/// Paths and what was seen of them, in groups.
#[derive(Default)]
struct Seen {
    paths: Vec<u8>,
    /// With whether what is there now does not count.
    stamps: Vec<(Option<Stamp>, bool)>,
    /// Where each group ends in `paths`, and in `stamps`.
    ends: Vec<(usize, usize)>,
    /// A path that no file can have.
    is_void: bool,
}

impl Seen {
    fn add(&mut self, path: &OsStr, stamp: Option<Stamp>, whatever_is_there: bool) {
        self.is_void |= path.as_bytes().contains(&0);
        self.paths.extend_from_slice(path.as_bytes());
        self.paths.push(0);
        self.stamps.push((stamp, whatever_is_there));
        if self.stamps.len() - self.ends.last().map_or(0, |(_, end)| *end) == GROUP {
            self.end_group();
        }
    }

    fn end_group(&mut self) {
        let end = (self.paths.len(), self.stamps.len());
        if self.ends.last().map_or(0, |(_, end)| *end) < end.1 {
            self.ends.push(end);
        }
    }

    /// The groups, if everything is still as it was seen, and any change since would show.
    fn settled(&self, began_ns: i64) -> Option<Vec<Group>> {
        let settled = Settled { began_ns, devices: Mutex::default() };
        // The cheap question first, whose answer is often no, right after a run.
        if self.is_void
            || !self.stamps.iter().flat_map(|(stamp, _)| stamp).all(|stamp| settled.is_old(stamp.changed_ns))
        {
            return None;
        }
        let starts = std::iter::once(&(0, 0)).chain(&self.ends);
        let spans: Vec<_> = starts.zip(&self.ends).collect();
        let group = |&(&(start, first), &(end, last)): &(&(usize, usize), &(usize, usize))| {
            let mut hasher = blake3::Hasher::new();
            let stamps = &self.stamps[first..last];
            for (path, (stamp, whatever)) in each_path(&self.paths[start..end]).zip(stamps) {
                let sight = if *whatever { None } else { settled.look(path?, *stamp)? };
                hasher.update(&Sight::bytes(sight));
            }
            Some(Group { count: stamps.len(), start, end, digest: short(hasher.finalize()) })
        };
        if self.stamps.len() <= FEW { spans.iter().map(group).collect() } else { spans.par_iter().map(group).collect() }
    }
}

/// Whether stamps tell all changes since a call began.
struct Settled {
    began_ns: i64,
    /// By device, whether its file system does.
    devices: Mutex<FxHashMap<u64, bool>>,
}

impl Settled {
    fn is_old(&self, changed_ns: i64) -> bool {
        let tick = if changed_ns % 1_000_000_000 == 0 { SECONDS_NS } else { TICK_NS };
        changed_ns.saturating_add(tick) < self.began_ns
    }

    /// What is at a path, if that is what was seen there.
    fn look(&self, path: &CStr, stamp: Option<Stamp>) -> Option<Option<Sight>> {
        let sight = Sight::of(path).ok()?;
        let (Some(now), Some(stamp)) = (&sight, stamp) else {
            return (sight.is_none() && stamp.is_none()).then_some(sight);
        };
        let is_same = now.stamp() == stamp && now.stamp().changed_ns == stamp.changed_ns;
        (is_same && self.is_old(stamp.changed_ns) && self.trusts(now.device, path)).then_some(sight)
    }

    fn trusts(&self, device: u64, path: &CStr) -> bool {
        let mut devices = self.devices.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *devices.entry(device).or_insert_with(|| has_change_times(path))
    }
}

impl Idle {
    /// Whether all is as it was.
    fn holds(&self) -> bool {
        let answers = self
            .answers
            .iter()
            .all(|(question, about, digest)| short(blake3::hash(&question.answer(about))) == *digest);
        if !answers {
            return false;
        }
        // The first group has the records and the Rulefile, which change more often than the rest.
        let Some((first, rest)) = self.groups.split_first() else { return false };
        if !self.is_same(first) {
            return false;
        }
        if rest.len() * GROUP <= FEW {
            return rest.iter().all(|group| self.is_same(group));
        }
        let differs = AtomicBool::new(false);
        rest.par_iter().for_each(|group| {
            if !differs.load(Ordering::Relaxed) && !self.is_same(group) {
                differs.store(true, Ordering::Relaxed);
            }
        });
        !differs.load(Ordering::Relaxed)
    }

    fn is_same(&self, group: &Group) -> bool {
        let mut hasher = blake3::Hasher::new();
        for path in each_path(&self.paths[group.start..group.end]) {
            let Some(Ok(sight)) = path.map(Sight::of) else { return false };
            hasher.update(&Sight::bytes(sight));
        }
        short(hasher.finalize()) == group.digest
    }

    fn bytes(&self, call: &Call) -> Vec<u8> {
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX).to_le_bytes();
        let mut rest = Vec::with_capacity(self.paths.len() + self.groups.len() * 24 + 64);
        rest.extend(number(self.answers.len()));
        for (question, about, digest) in &self.answers {
            rest.push(*question as u8);
            rest.extend(number(about.len()));
            rest.extend(about.as_bytes());
            rest.extend(digest);
        }
        rest.extend(number(self.groups.len()));
        for group in &self.groups {
            rest.extend(number(group.count));
            rest.extend(number(group.end - group.start));
            rest.extend(group.digest);
        }
        rest.extend(&self.paths);
        let mut out = Vec::with_capacity(rest.len() + 72);
        out.extend(MAGIC);
        out.extend(call);
        out.extend(blake3::hash(&rest).as_bytes());
        out.extend(rest);
        out
    }

    /// What the file says, if it is whole and of this call.
    fn parse(bytes: &[u8], call: &Call) -> Option<Idle> {
        let mut rest = Reader(bytes);
        if rest.take(8)? != MAGIC || rest.take(32)? != call {
            return None;
        }
        let digest = rest.take(32)?;
        if blake3::hash(rest.0).as_bytes() != digest {
            return None;
        }
        let mut answers = Vec::new();
        for _ in 0..rest.number()? {
            let question = Question::numbered(*rest.take(1)?.first()?)?;
            let length = rest.number()?;
            let about = OsString::from_vec(rest.take(length)?.to_vec());
            answers.push((question, about, rest.digest()?));
        }
        let mut groups = Vec::new();
        let mut start = 0;
        for _ in 0..rest.number()? {
            let (count, length) = (rest.number()?, rest.number()?);
            let end = start + length;
            groups.push(Group { count, start, end, digest: rest.digest()? });
            start = end;
        }
        (rest.0.len() == start).then(|| Idle { answers, groups, paths: rest.0.to_vec() })
    }
}

/// Bytes that are read from their beginning.
struct Reader<'b>(&'b [u8]);

impl<'b> Reader<'b> {
    fn take(&mut self, count: usize) -> Option<&'b [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self) -> Option<usize> {
        let bytes = self.take(4)?.try_into().ok()?;
        usize::try_from(u32::from_le_bytes(bytes)).ok()
    }

    fn digest(&mut self) -> Option<Digest> {
        self.take(16)?.try_into().ok()
    }
}

/// The paths in these bytes; nothing for what has no end.
fn each_path(bytes: &[u8]) -> impl Iterator<Item = Option<&CStr>> {
    bytes.split_inclusive(|&byte| byte == 0).map(|path| CStr::from_bytes_with_nul(path).ok())
}

fn short(hash: blake3::Hash) -> Digest {
    let mut out = [0; 16];
    out.copy_from_slice(&hash.as_bytes()[..16]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALL: Call = [7; 32];

    fn sample() -> Vec<u8> {
        let paths = b"Rulefile\0out/a\0out/b\0".to_vec();
        let group = |count, start, end| Group { count, start, end, digest: [3; 16] };
        let answers = vec![(Question::Variable, "HOME".into(), [5; 16])];
        Idle { answers, groups: vec![group(1, 0, 9), group(2, 9, 21)], paths }.bytes(&CALL)
    }

    #[test]
    fn what_is_written_is_read() {
        let read = Idle::parse(&sample(), &CALL).expect("it is whole");
        assert_eq!(read.bytes(&CALL), sample());
        assert!(Idle::parse(&sample(), &[8; 32]).is_none(), "another call");
    }

    #[test]
    fn a_file_that_is_cut_off_or_has_another_bit_is_none() {
        let whole = sample();
        for end in 0..whole.len() {
            assert!(Idle::parse(&whole[..end], &CALL).is_none(), "cut at {end}");
        }
        for bit in 0..whole.len() * 8 {
            let mut bytes = whole.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(Idle::parse(&bytes, &CALL).is_none(), "bit {bit}");
        }
    }

    #[test]
    fn what_was_changed_within_a_tick_is_not_remembered() {
        let settled = Settled { began_ns: 10_000_000_000, devices: Mutex::default() };
        assert!(settled.is_old(9_989_999_999));
        assert!(!settled.is_old(9_990_000_001), "within a tick");
        assert!(!settled.is_old(8_000_000_000), "it may be a file system that counts seconds");
        assert!(!settled.is_old(11_000_000_000), "from the future");
    }
}
