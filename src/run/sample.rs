//! What a process and its descendants use while they run, as `/proc` says. Numbers in, their maxima out; knows no jobs.
//! Where there is no `/proc`, nothing is known.
//!
//! The kernel's own account of a child (`wait4`) is not enough: its peak of memory begins with that of the process that
//! it was started from, because both share their memory until the child loads its program.

use std::fs;

/// No more processes of one tree are looked at.
const MOST_PROCESSES: usize = 256;

/// The most that was seen; what was not seen is `None`. Bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Peaks {
    /// Resident memory of all processes at one look, and at least the highest that any of them ever had.
    pub resident: Option<u64>,
    /// Address space.
    pub virtual_size: Option<u64>,
    /// Memory that no other process shares.
    pub unique: Option<u64>,
    /// Memory with each shared page divided among those who share it.
    pub proportional: Option<u64>,
    /// Read from, and written to, storage, up to the end.
    pub read: Option<u64>,
    pub written: Option<u64>,
}

impl Peaks {
    /// The larger of both, each.
    pub fn merge(&mut self, other: Peaks) {
        self.resident = self.resident.max(other.resident);
        self.virtual_size = self.virtual_size.max(other.virtual_size);
        self.unique = self.unique.max(other.unique);
        self.proportional = self.proportional.max(other.proportional);
        self.read = self.read.max(other.read);
        self.written = self.written.max(other.written);
    }

    /// What one process used after another: the larger memory, and all that was read and written.
    pub fn follow(&mut self, next: Peaks) {
        let sum = |a: Option<u64>, b: Option<u64>| a.zip(b).map(|(a, b)| a + b).or(a).or(b);
        let (read, written) = (sum(self.read, next.read), sum(self.written, next.written));
        self.merge(next);
        (self.read, self.written) = (read, written);
    }
}

/// One look at a process and its descendants. `detailed`: at shared pages, too, which takes the kernel longer the more
/// memory there is.
pub fn look(leader: u32, detailed: bool) -> Peaks {
    let mut peaks = Peaks::default();
    let mut highest = None;
    let add =
        |sum: &mut Option<u64>, amount: Option<u64>| *sum = sum.zip(amount).map(|(a, b)| a + b).or(*sum).or(amount);
    for pid in tree(leader) {
        // It may be gone by now.
        let Ok(status) = fs::read_to_string(format!("/proc/{pid}/status")) else { continue };
        highest = highest.max(kibibytes(&status, "VmHWM:"));
        add(&mut peaks.resident, kibibytes(&status, "VmRSS:"));
        add(&mut peaks.virtual_size, kibibytes(&status, "VmSize:"));
        if detailed && let Ok(maps) = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")) {
            add(&mut peaks.proportional, kibibytes(&maps, "Pss:"));
            add(&mut peaks.unique, kibibytes(&maps, "Private_Clean:"));
            add(&mut peaks.unique, kibibytes(&maps, "Private_Dirty:"));
        }
    }
    peaks.resident = peaks.resident.max(highest);
    peaks
}

/// What a process that has ended and is not reaped yet has read and written, with the descendants that it waited for.
pub fn input_and_output(pid: u32) -> (Option<u64>, Option<u64>) {
    let text = fs::read_to_string(format!("/proc/{pid}/io")).unwrap_or_default();
    let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
    (field("read_bytes:"), field("write_bytes:"))
}

/// A process and its descendants.
fn tree(leader: u32) -> Vec<u32> {
    let mut found = vec![leader];
    let mut at = 0;
    while let Some(pid) = found.get(at) {
        let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
        let children = threads.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
        let more: Vec<u32> = children
            .flat_map(|text| text.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>())
            .collect();
        found.extend(more);
        found.truncate(MOST_PROCESSES);
        at += 1;
    }
    found
}

/// A field of the form `Name:   12 kB`, in bytes.
fn kibibytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_kibibytes() {
        let status = "Name:\tx\nVmPeak:\t  300 kB\nVmHWM:\t     12 kB\n";
        assert_eq!(kibibytes(status, "VmHWM:"), Some(12 << 10));
        assert_eq!(kibibytes(status, "VmRSS:"), None);
        assert_eq!(kibibytes("VmHWM: many", "VmHWM:"), None);
    }

    #[test]
    fn a_living_process_is_seen_with_its_memory() {
        let seen = look(std::process::id(), true);
        if cfg!(target_os = "linux") {
            assert!(seen.virtual_size > seen.resident && seen.resident > Some(0), "{seen:?}");
        }
        assert_eq!(look(u32::MAX, true), Peaks::default(), "a process that is not there");
    }

    #[test]
    fn memory_is_the_larger_and_traffic_the_sum() {
        let mut peaks = Peaks { resident: Some(5), read: Some(1), ..Peaks::default() };
        peaks.follow(Peaks { resident: Some(3), read: Some(2), written: Some(4), ..Peaks::default() });
        assert_eq!((peaks.resident, peaks.read, peaks.written, peaks.unique), (Some(5), Some(3), Some(4), None));
    }

    /// Six numbers, one after the other.
    fn peaks(first: u64) -> Peaks {
        let [resident, virtual_size, unique, proportional, read, written] =
            [0, 1, 2, 3, 4, 5].map(|at| Some(first + at));
        Peaks { resident, virtual_size, unique, proportional, read, written }
    }

    #[test]
    fn of_two_looks_the_larger_counts_and_of_two_processes_in_turn_all_that_they_read_and_wrote() {
        let mut merged = peaks(10);
        merged.merge(peaks(20));
        merged.merge(Peaks::default());
        merged.merge(peaks(5));
        assert_eq!(merged, peaks(20));
        let mut followed = Peaks::default();
        followed.follow(peaks(10));
        assert_eq!(followed, peaks(10));
        followed.follow(peaks(3));
        followed.follow(Peaks::default());
        assert_eq!(followed, Peaks { read: Some(14 + 7), written: Some(15 + 8), ..peaks(10) });
    }
}
