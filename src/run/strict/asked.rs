//! What a system call asks for: its number and arguments in, what is to be done to which file out. Knows the kernel's calls,
//! not what is allowed.

use libc::{c_int, c_long};

use super::notify::{Request, memory};

/// What is to be done to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// Opened for reading.
    Read,
    /// Run as a program.
    Run,
    /// The names in a folder.
    List,
    /// Opened for writing; `fresh`: only if it is not there yet.
    Write { makes: bool, fresh: bool },
    /// Made by another call than `open`, or by giving something else its name; `replaces`: also what is there.
    Make { replaces: bool },
    /// A file without a name, in a folder.
    Nameless,
    /// Removed, or given another name.
    Remove,
}

/// Where the name of a file is.
#[derive(Debug, Clone, Copy)]
pub enum Named {
    /// At an address of the process, from a folder that it has open (or `AT_FDCWD`).
    Text { folder: c_int, address: u64 },
    /// Something that the process has open.
    Open(c_int),
}

#[derive(Debug, Clone, Copy)]
pub struct Asked {
    pub deed: Deed,
    pub name: Named,
    /// Whether a link at the end is followed.
    pub follows: bool,
}

/// What is asked for, in the order in which it is done; nothing for a call that changes and reads nothing.
#[allow(clippy::cast_possible_truncation, reason = "descriptors and flags are the lower halves of their registers")]
pub fn asked(request: &Request) -> Vec<Asked> {
    let Request { pid, call, arguments: a, .. } = request;
    let fd = |at: usize| a[at] as c_int;
    let at = |folder: c_int, address: usize| Named::Text { folder, address: a[address] };
    const HERE: c_int = libc::AT_FDCWD;
    match *call {
        libc::SYS_openat => opened(at(fd(0), 1), fd(2)),
        libc::SYS_openat2 => {
            // The flags are the first field of a structure.
            let flags = memory(*pid, a[2], 8).try_into().map(u64::from_ne_bytes).unwrap_or_default();
            opened(at(fd(0), 1), flags as c_int)
        }
        libc::SYS_getdents64 => vec![one(Deed::List, Named::Open(fd(0)), true)],
        libc::SYS_execve => vec![one(Deed::Run, at(HERE, 0), true)],
        libc::SYS_execveat => {
            // Without a name: what is open as the descriptor.
            let is_open = fd(4) & libc::AT_EMPTY_PATH != 0 && memory(*pid, a[1], 1).first() == Some(&0);
            let name = if is_open { Named::Open(fd(0)) } else { at(fd(0), 1) };
            vec![one(Deed::Run, name, fd(4) & libc::AT_SYMLINK_NOFOLLOW == 0)]
        }
        libc::SYS_truncate => vec![one(Deed::Write { makes: false, fresh: false }, at(HERE, 0), true)],
        libc::SYS_renameat | libc::SYS_renameat2 => renamed(at(fd(0), 1), at(fd(2), 3)),
        libc::SYS_linkat => linked(at(fd(0), 1), at(fd(2), 3), fd(4) & libc::AT_SYMLINK_FOLLOW != 0),
        libc::SYS_symlinkat => vec![made(at(fd(1), 2))],
        libc::SYS_unlinkat => vec![one(Deed::Remove, at(fd(0), 1), false)],
        libc::SYS_mkdirat | libc::SYS_mknodat => vec![made(at(fd(0), 1))],
        libc::SYS_bind => bound(*pid, a[1]),
        other => asked_of_old(other, &at, &fd),
    }
}

#[cfg(target_arch = "x86_64")]
fn asked_of_old(call: c_long, at: &dyn Fn(c_int, usize) -> Named, fd: &dyn Fn(usize) -> c_int) -> Vec<Asked> {
    const HERE: c_int = libc::AT_FDCWD;
    match call {
        libc::SYS_open => opened(at(HERE, 0), fd(1)),
        libc::SYS_creat => opened(at(HERE, 0), libc::O_CREAT | libc::O_WRONLY | libc::O_TRUNC),
        libc::SYS_getdents => vec![one(Deed::List, Named::Open(fd(0)), true)],
        libc::SYS_rename => renamed(at(HERE, 0), at(HERE, 1)),
        libc::SYS_link => linked(at(HERE, 0), at(HERE, 1), false),
        libc::SYS_symlink => vec![made(at(HERE, 1))],
        libc::SYS_unlink | libc::SYS_rmdir => vec![one(Deed::Remove, at(HERE, 0), false)],
        libc::SYS_mkdir | libc::SYS_mknod => vec![made(at(HERE, 0))],
        _ => Vec::new(),
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn asked_of_old(_: c_long, _: &dyn Fn(c_int, usize) -> Named, _: &dyn Fn(usize) -> c_int) -> Vec<Asked> {
    Vec::new()
}

fn one(deed: Deed, name: Named, follows: bool) -> Asked {
    Asked { deed, name, follows }
}

fn made(name: Named) -> Asked {
    one(Deed::Make { replaces: false }, name, false)
}

fn renamed(from: Named, to: Named) -> Vec<Asked> {
    vec![one(Deed::Remove, from, false), one(Deed::Make { replaces: true }, to, false)]
}

/// Another name for a file is a way to read it.
fn linked(from: Named, to: Named, follows: bool) -> Vec<Asked> {
    vec![one(Deed::Read, from, follows), made(to)]
}

/// A socket with a name in the file system has its family, two bytes, before its path; other sockets are no files.
fn bound(pid: u32, address: u64) -> Vec<Asked> {
    let start = memory(pid, address, 3);
    let family = start.get(..2).and_then(|family| family.try_into().ok()).map(u16::from_ne_bytes);
    let is_file = family.map(c_int::from) == Some(libc::AF_UNIX) && start.get(2).is_some_and(|&first| first != 0);
    let name = Named::Text { folder: libc::AT_FDCWD, address: address.wrapping_add(2) };
    if is_file { vec![made(name)] } else { Vec::new() }
}

/// What `open` does, by its flags.
fn opened(name: Named, flags: c_int) -> Vec<Asked> {
    let has = |flag: c_int| flags & flag == flag;
    if has(libc::O_PATH) {
        return Vec::new();
    }
    if has(libc::O_TMPFILE) {
        return vec![one(Deed::Nameless, name, true)];
    }
    let fresh = has(libc::O_CREAT | libc::O_EXCL);
    let writes = flags & libc::O_ACCMODE != libc::O_RDONLY || has(libc::O_TRUNC);
    let deed = match writes || fresh {
        true => Deed::Write { makes: has(libc::O_CREAT), fresh },
        // What is made to be read is written by others.
        false if has(libc::O_CREAT) => Deed::Make { replaces: false },
        false => Deed::Read,
    };
    let mut asked = vec![one(deed, name, !has(libc::O_NOFOLLOW) && !fresh)];
    if deed == (Deed::Make { replaces: false }) {
        asked.push(one(Deed::Read, name, !has(libc::O_NOFOLLOW)));
    }
    asked
}
