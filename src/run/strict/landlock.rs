//! Landlock, the kernel's way for a thread to give up rights on files for itself and all that it starts. Folders and files
//! with what may be done there come in; a thread that can do nothing else goes out. Knows no jobs.
//!
//! `unsafe`: neither the standard library nor libc has these three system calls. They take numbers, and pointers to local
//! structures that the kernel reads and does not keep.

use std::io;
use std::mem::size_of;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use libc::{c_int, c_long, c_ulong, c_void};

/// What may be done at a place, by the bits of `linux/landlock.h`.
const EXECUTE: u64 = 1 << 0;
const WRITE_FILE: u64 = 1 << 1;
const READ_FILE: u64 = 1 << 2;
const READ_DIR: u64 = 1 << 3;
/// Up to here, making device nodes aside: what the first version has.
const FIRST: u64 = (1 << 13) - 1;
/// To move and link from one folder to another.
const REFER: u64 = 1 << 13;
const TRUNCATE: u64 = 1 << 14;

/// What can be done to a file; the rest is done to folders.
const OF_FILES: u64 = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE;

/// No signals to processes outside.
const SCOPE_SIGNAL: u64 = 1 << 1;

/// Asks for the version instead of making a set.
const VERSION: u32 = 1;
const PATH_BENEATH: c_int = 1;

#[repr(C)]
struct RulesetAttribute {
    files: u64,
    network: u64,
    scoped: u64,
}

#[repr(C, packed)]
struct PathBeneath {
    allowed: u64,
    parent: RawFd,
}

/// How much may be done at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Files read and run, folders listed.
    Read,
    /// All.
    Write,
}

/// The version of the kernel's Landlock; `None` where it has none, or where it is turned off.
pub fn version() -> Option<u32> {
    // SAFETY: with this flag, no structure is read.
    let version =
        unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, std::ptr::null::<c_void>(), 0usize, VERSION) };
    u32::try_from(version).ok().filter(|&version| version > 0)
}

/// What a thread may still do when it has restricted itself: nothing at first.
#[derive(Debug)]
pub struct Ruleset {
    set: OwnedFd,
    handled: u64,
}

impl Ruleset {
    /// `listing`: whether folders, too, are listed only where that is allowed.
    pub fn new(version: u32, listing: bool) -> io::Result<Ruleset> {
        let mut handled = FIRST;
        if !listing {
            handled &= !READ_DIR;
        }
        if version >= 2 {
            handled |= REFER;
        }
        if version >= 3 {
            handled |= TRUNCATE;
        }
        let scoped = if version >= 6 { SCOPE_SIGNAL } else { 0 };
        let attribute = RulesetAttribute { files: handled, network: 0, scoped };
        let (pointer, size) = (&raw const attribute, size_of::<RulesetAttribute>());
        // SAFETY: the kernel reads `size` bytes of a structure that outlives the call.
        let set = descriptor(unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, pointer, size, 0u32) })?;
        Ok(Ruleset { set, handled })
    }

    /// Allows something at a file, or at a folder and all that is below it.
    pub fn allow(&self, place: BorrowedFd<'_>, is_folder: bool, level: Level) -> io::Result<()> {
        let rights = match level {
            Level::Read => EXECUTE | READ_FILE | READ_DIR,
            Level::Write => u64::MAX,
        };
        let kind = if is_folder { u64::MAX } else { OF_FILES };
        let rule = PathBeneath { allowed: rights & self.handled & kind, parent: place.as_raw_fd() };
        let set = self.set.as_raw_fd();
        // SAFETY: the kernel reads a structure that outlives the call.
        done(unsafe { libc::syscall(libc::SYS_landlock_add_rule, set, PATH_BENEATH, &raw const rule, 0u32) })
    }

    /// From now on the calling thread, and every process that it starts, can do what is allowed here and nothing else; and no
    /// program that it starts gets rights of its own from its file (`sudo`).
    pub fn restrict_thread(&self) -> io::Result<()> {
        const NONE: c_ulong = 0;
        // SAFETY: numbers go in.
        done(c_long::from(unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1 as c_ulong, NONE, NONE, NONE) }))?;
        // SAFETY: numbers go in.
        done(unsafe { libc::syscall(libc::SYS_landlock_restrict_self, self.set.as_raw_fd(), 0u32) })
    }
}

fn done(result: c_long) -> io::Result<()> {
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn descriptor(result: c_long) -> io::Result<OwnedFd> {
    match RawFd::try_from(result) {
        // SAFETY: the kernel has just given this number out, to us alone.
        Ok(fd) if fd >= 0 => Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
        _ => Err(io::Error::last_os_error()),
    }
}
