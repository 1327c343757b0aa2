//! The thread that looks at what a job's processes ask of the file system: it finds out which file is meant, has that
//! judged, and lets the call go on or refuses it. Calls in, answers out; what is allowed is `sight`'s.
//!
//! Between the look and the call, another thread of the same program could put another name in the first one's place. Who does that
//! wants to deceive, and Landlock is there for him: this thread is there to say what was forgotten.

use std::ffi::OsStr;
use std::fs;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::fs::{Mode, OFlags};

use super::asked::{Asked, Deed, Named, asked};
use super::notify::{Listener, Request, memory};
use super::sight::{Seen, Sight, Target, Verdict};
use super::system::{Place, System};

/// The longest path that the kernel takes.
const PATH_MAX: usize = 4096;

/// Where the C library's `tmpfile` makes its files, whatever `TMPDIR` says.
const TEMPORARY: [&str; 2] = ["/tmp", "/var/tmp"];

/// Looks at the processes of one job until the last of them is gone.
pub fn observe(listener: &Listener, sight: &Arc<Sight>, seen: &Mutex<Seen>) {
    while let Some(request) = listener.next() {
        let all = asked(&request);
        if all.iter().any(|asked| asked.deed == Deed::Nameless) && gives_nameless(listener, sight, &request, &all) {
            continue;
        }
        let refused = all.iter().any(|asked| {
            let Some(target) = target(&sight.system, &request, asked) else { return false };
            // Else it was another process's memory.
            listener.is_waiting(&request) && {
                let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
                let verdict = sight.judge(&mut seen, asked.deed, &target, || is_python(request.pid));
                verdict == Verdict::Refused
            }
        });
        listener.answer(&request, refused.then_some(libc::EACCES));
    }
}

/// A file without a name that is to be in the folder of all is made in the job's own instead: nobody can tell the difference.
fn gives_nameless(listener: &Listener, sight: &Sight, request: &Request, all: &[Asked]) -> bool {
    let Some(target) = all.first().and_then(|asked| target(&sight.system, request, asked)) else { return false };
    if !TEMPORARY.iter().any(|folder| target.path == Path::new(folder)) {
        return false;
    }
    let Some(folder) = sight.private.first() else { return false };
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    let made = rustix::fs::open(folder, flags, Mode::RUSR | Mode::WUSR);
    made.is_ok_and(|file| listener.give(request, file.as_fd()))
}

/// The file that is meant; `None` where that does not matter: there is none, or it is the system's.
fn target(system: &System, request: &Request, asked: &Asked) -> Option<Target> {
    let pid = request.pid;
    let (folder, text) = match asked.name {
        Named::Open(fd) => return found(Path::new(&format!("/proc/{pid}/fd/{fd}")), asked, None),
        Named::Text { folder, address } => (folder, text(pid, address)?),
    };
    let only_reads = matches!(asked.deed, Deed::Read | Deed::Run);
    let path = Path::new(OsStr::from_bytes(&text));
    if !path.has_root() {
        let base = match folder {
            libc::AT_FDCWD => format!("/proc/{pid}/cwd"),
            fd => format!("/proc/{pid}/fd/{fd}"),
        };
        let base = PathBuf::from(base);
        let called = || fs::read_link(&base).map(|folder| folder.join(path)).ok();
        return found(&base.join(path), asked, Some(&called));
    }
    // Ours are not the job's.
    if let Some(path) = of_process(path, pid) {
        return found(&path, asked, None);
    }
    if text == b"/dev/null" || (only_reads && system.knows(&text)) {
        return None;
    }
    let target = found(path, asked, Some(&|| Some(path.to_owned())))?;
    if only_reads && target.exists && !path.starts_with("/proc") && system.level(&target.path).is_some() {
        system.remember(&text);
        return None;
    }
    Some(target)
}

/// A path by which a process names what is its own, as others name it.
fn of_process(path: &Path, pid: u32) -> Option<PathBuf> {
    let process = |rest: &Path| Path::new("/proc").join(pid.to_string()).join(rest);
    if let Ok(rest) = path.strip_prefix("/proc/self").or_else(|_| path.strip_prefix("/proc/thread-self")) {
        return Some(process(rest));
    }
    if let Ok(rest) = path.strip_prefix("/dev/fd") {
        return Some(process(&Path::new("fd").join(rest)));
    }
    let stream = ["/dev/stdin", "/dev/stdout", "/dev/stderr"].iter().position(|name| path == Path::new(name))?;
    Some(process(Path::new(&format!("fd/{stream}"))))
}

/// `called` says how the process names it; nothing where it has no name of its own for it.
fn found(path: &Path, asked: &Asked, called: Option<&dyn Fn() -> Option<PathBuf>>) -> Option<Target> {
    let as_called = |path: &Path| called.map_or_else(|| Some(path.to_owned()), |called| called());
    match Place::open(path, asked.follows) {
        Ok(Place { path, is_folder, .. }) => Some(Target { called: as_called(&path)?, path, exists: true, is_folder }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && may_make(asked.deed) => {
            // The folder must be there for anything to come of it.
            let path = Place::open(path.parent()?, true).ok()?.path.join(path.file_name()?);
            Some(Target { called: as_called(&path)?, path, exists: false, is_folder: false })
        }
        Err(_) => None,
    }
}

/// Whether a deed is one also where there is no file yet.
fn may_make(deed: Deed) -> bool {
    matches!(deed, Deed::Write { makes: true, .. } | Deed::Make { .. })
}

/// A terminated text in another process's memory.
fn text(pid: u32, address: u64) -> Option<Vec<u8>> {
    // Most paths are short.
    for length in [256, PATH_MAX] {
        let mut bytes = memory(pid, address, length);
        if let Some(end) = bytes.iter().position(|&byte| byte == 0) {
            bytes.truncate(end);
            return Some(bytes).filter(|bytes| !bytes.is_empty());
        }
    }
    None
}

fn is_python(pid: u32) -> bool {
    let program = fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_default();
    let name = program.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    name.starts_with("python") || name.starts_with("pypy")
}
