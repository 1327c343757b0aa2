//! The lock: one flow at a time in a directory. The file names host, process and that process's start time; it is held
//! by `flock`, which a dead process cannot hold. Where the file system has no `flock`, what the file says decides.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::StoreError;
use crate::disk::Stamp;

/// How long a lock is waited for that no living flow holds: a child that was being started when its flow was killed has
/// it until `exec` closes the file, and one that looks at the records shares it while it reads.
const PATIENCE: Duration = Duration::from_secs(10);

/// A held lock; dropped, it is free again.
#[derive(Debug)]
pub struct Lock {
    file: File,
    /// Whether the file system has locks.
    pub by_kernel: bool,
    /// When it was taken, and before that by one who did not free it, in nanoseconds since the epoch.
    pub since_ns: i64,
}

/// Who holds a lock, as its file tells.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Holder {
    host: String,
    pid: u32,
    /// Clock ticks since boot; 0 where it is not known.
    started: u64,
}

impl Lock {
    /// Takes the lock, or says who has it.
    pub fn take(path: &Path) -> Result<Self, StoreError> {
        let io = |error| StoreError::io(path, error);
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).map_err(io)?;
        let until = Instant::now() + PATIENCE;
        let by_kernel = loop {
            let tried = file.try_lock();
            if tried.is_ok() {
                break true;
            }
            let mut text = String::new();
            file.rewind().and_then(|()| file.read_to_string(&mut text)).map_err(io)?;
            let holder = Holder::parse(&text);
            let may_live = holder.as_ref().map(Holder::may_live);
            match tried {
                // Its holder is dead or has no name, and somebody has it still: not for long.
                Err(TryLockError::WouldBlock) if may_live != Some(true) && Instant::now() < until => {
                    std::thread::sleep(Duration::from_millis(2));
                }
                Err(TryLockError::WouldBlock) => return Err(locked(path, holder)),
                // No flock on this file system: believe the file, unless its process is known to be dead.
                _ if may_live == Some(true) => return Err(locked(path, holder)),
                _ => break false,
            }
        };
        let meta = file.metadata().map_err(io)?;
        let left_ns = (meta.len() > 0).then(|| Stamp::of(&meta).mtime_ns);
        let pid = std::process::id();
        let holder = Holder { host: host(), pid, started: start_time(pid).unwrap_or(0) };
        file.set_len(0).and_then(|()| file.rewind()).map_err(io)?;
        writeln!(file, "{} {} {}", holder.pid, holder.started, holder.host).map_err(io)?;
        let taken_ns = Stamp::of(&file.metadata().map_err(io)?).mtime_ns;
        Ok(Lock { file, by_kernel, since_ns: left_ns.unwrap_or(taken_ns) })
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // The file stays, empty: removing it would let two processes hold two files of one name.
        let _ = self.file.set_len(0);
    }
}

/// What one finds who only looks.
#[derive(Debug)]
pub enum Look {
    /// Nobody writes as long as this is open.
    Shared(File),
    /// A flow writes now.
    Held,
    /// There is no lock that could be shared: nothing says that somebody writes.
    Unknown,
}

/// Shares the lock if nobody holds it; makes nothing, and never waits.
pub fn look(path: &Path) -> Look {
    let Ok(mut file) = File::open(path) else { return Look::Unknown };
    let tried = file.try_lock_shared();
    if tried.is_ok() {
        return Look::Shared(file);
    }
    let mut text = String::new();
    let holder = file.read_to_string(&mut text).ok().and_then(|_| Holder::parse(&text));
    match (tried, holder.is_some_and(|holder| holder.may_live())) {
        (Err(TryLockError::WouldBlock), _) | (_, true) => Look::Held,
        _ => Look::Unknown,
    }
}

/// Frees a lock that nobody can hold any more: one of another machine, or of a file system without `flock`.
/// One whose process lives is left alone.
pub fn unlock(path: &Path) -> Result<(), StoreError> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(StoreError::io(path, error)),
    };
    match Holder::parse(&text) {
        Some(holder) if holder.host == host() && holder.may_live() => Err(locked(path, Some(holder))),
        _ => fs::remove_file(path).map_err(|error| StoreError::io(path, error)),
    }
}

impl Holder {
    fn parse(text: &str) -> Option<Self> {
        let mut words = text.split_whitespace();
        let (pid, started) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        Some(Holder { pid, started, host: words.next()?.to_owned() })
    }

    /// False only where the process is known to be gone: it is of this machine, and there is no such process, or
    /// another one got its number.
    fn may_live(&self) -> bool {
        self.host != host()
            || match start_time(self.pid) {
                Some(started) => (self.started == 0 || started == self.started) && !is_zombie(self.pid),
                None => !Path::new("/proc/self/stat").exists(),
            }
    }
}

fn locked(path: &Path, holder: Option<Holder>) -> StoreError {
    let (host, pid) = holder.map_or((None, None), |holder| (Some(holder.host), Some(holder.pid)));
    StoreError::Locked { path: PathBuf::from(path), host, pid }
}

/// This machine's name.
pub fn host() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").or_else(|_| fs::read_to_string("/etc/hostname"));
    let name = name.ok().or_else(|| std::env::var("HOSTNAME").ok()).unwrap_or_default();
    let name = name.split_whitespace().next().unwrap_or_default();
    if name.is_empty() { "localhost".to_owned() } else { name.to_owned() }
}

/// When a process started, in clock ticks since boot: with its number, its identity. `None` if there is none.
pub fn start_time(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the command in parentheses and may hold anything; the start time is field 22.
    stat[stat.rfind(')')? + 1..].split_whitespace().nth(19)?.parse().ok()
}

/// Whether a process has ended, and is there only to be waited for.
pub fn is_zombie(pid: u32) -> bool {
    let Ok(stat) = fs::read(format!("/proc/{pid}/stat")) else { return true };
    let stat = String::from_utf8_lossy(&stat);
    let state = stat.rfind(')').and_then(|at| stat[at + 1..].split_whitespace().next());
    matches!(state, Some("Z" | "X"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_held_lock_names_its_holder_and_a_dropped_one_is_free() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let held = Lock::take(&path).unwrap();
        match Lock::take(&path) {
            Err(StoreError::Locked { pid, host: on, .. }) => {
                assert_eq!((pid, on), (Some(std::process::id()), Some(host())));
            }
            other => panic!("{other:?}"),
        }
        assert!(matches!(unlock(&path), Err(StoreError::Locked { .. })), "a live process keeps its lock");
        drop(held);
        drop(Lock::take(&path).unwrap());
        unlock(&path).unwrap();
        unlock(&path).unwrap();
    }

    #[test]
    fn what_a_dead_process_or_a_crash_left_does_not_lock() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let dead = Holder { host: host(), pid: 1, started: u64::MAX };
        assert!(!dead.may_live(), "the number was given to another process");
        assert!(Holder { host: "elsewhere".into(), ..dead }.may_live());
        fs::write(&path, format!("1 {} {}\n", u64::MAX, host())).unwrap();
        drop(Lock::take(&path).unwrap());
        fs::write(&path, "half a li").unwrap();
        drop(Lock::take(&path).unwrap());
    }

    #[test]
    fn a_lock_that_outlives_its_holder_is_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        fs::write(&path, format!("1 {} {}\n", u64::MAX, host())).unwrap();
        let child = File::open(&path).unwrap();
        child.lock().unwrap();
        std::thread::scope(|scope| {
            let taken = scope.spawn(|| Lock::take(&path));
            drop(child);
            taken.join().unwrap().unwrap();
        });
    }
}
