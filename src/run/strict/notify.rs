//! Seccomp's notifications: a process that makes one of some system calls waits until another thread has looked at it and
//! let it go on, or refused it. The calls that name files go out, verdicts come in. Knows numbers, no files and no jobs.
//!
//! `unsafe`: neither the standard library nor rustix has `seccomp`, its requests (`ioctl`), or the memory of other processes.
//! The calls take numbers, and pointers to local structures that outlive them.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use libc::{c_long, c_ulong, c_void, sock_filter};

/// What the kernel calls this machine's system calls; others, of 32-bit programs, are not looked at.
#[cfg(target_arch = "x86_64")]
const ARCHITECTURE: Option<u32> = Some(0xC000_003E);
#[cfg(target_arch = "aarch64")]
const ARCHITECTURE: Option<u32> = Some(0xC000_00B7);
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
const ARCHITECTURE: Option<u32> = None;

/// The calls that are looked at, on every machine.
const CALLS: [c_long; 15] = [
    libc::SYS_openat,
    libc::SYS_openat2,
    libc::SYS_getdents64,
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_truncate,
    libc::SYS_renameat,
    libc::SYS_renameat2,
    libc::SYS_linkat,
    libc::SYS_symlinkat,
    libc::SYS_unlinkat,
    libc::SYS_mkdirat,
    libc::SYS_mknodat,
    libc::SYS_bind,
    libc::SYS_io_uring_setup,
];

/// Their elder siblings.
#[cfg(target_arch = "x86_64")]
const OLD_CALLS: [c_long; 10] = [
    libc::SYS_open,
    libc::SYS_creat,
    libc::SYS_getdents,
    libc::SYS_rename,
    libc::SYS_link,
    libc::SYS_symlink,
    libc::SYS_unlink,
    libc::SYS_rmdir,
    libc::SYS_mkdir,
    libc::SYS_mknod,
];
#[cfg(not(target_arch = "x86_64"))]
const OLD_CALLS: [c_long; 0] = [];

/// Who is let go on wakes up where the one who let it go stands: both take turns, and no core has to be woken.
const SYNC_WAKE_UP: c_ulong = 1;

/// A call that waits.
#[derive(Debug, Clone, Copy)]
pub struct Request {
    id: u64,
    /// The thread that makes it.
    pub pid: u32,
    pub call: c_long,
    pub arguments: [u64; 6],
}

/// Where the calls arrive of a thread that is looked at, and of all that it started.
#[derive(Debug)]
pub struct Listener(OwnedFd);

impl Listener {
    /// From now on the calling thread, and every process that it starts, waits at each of the calls for another thread. It
    /// must have given up new rights ([`super::landlock`]). `Unsupported` or `ResourceBusy`: not here.
    pub fn install() -> io::Result<Listener> {
        let mut program = program(ARCHITECTURE.ok_or(io::ErrorKind::Unsupported)?);
        let length = u16::try_from(program.len()).expect("a short program");
        let filter = libc::sock_fprog { len: length, filter: program.as_mut_ptr() };
        let installed = |flags: c_ulong| {
            // SAFETY: the kernel reads a program that outlives the call.
            let fd =
                unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &raw const filter) };
            match RawFd::try_from(fd) {
                // SAFETY: the kernel has just given this number out, to us alone.
                Ok(fd) if fd >= 0 => Ok(Listener(unsafe { OwnedFd::from_raw_fd(fd) })),
                _ => Err(io::Error::last_os_error()),
            }
        };
        let plain = libc::SECCOMP_FILTER_FLAG_NEW_LISTENER;
        // Only what ends a process interrupts its waiting: a program that is signalled again and again would never get on.
        let listener = installed(plain | libc::SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV)
            .or_else(|error| if error.raw_os_error() == Some(libc::EINVAL) { installed(plain) } else { Err(error) })?;
        // SAFETY: numbers go in. An older kernel does not know it, and all goes on as it is.
        unsafe { libc::ioctl(listener.0.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_SET_FLAGS, SYNC_WAKE_UP) };
        Ok(listener)
    }

    /// The next call; `None` when nobody is left who could make one.
    pub fn next(&self) -> Option<Request> {
        loop {
            let mut poll = libc::pollfd { fd: self.0.as_raw_fd(), events: libc::POLLIN, revents: 0 };
            // SAFETY: the kernel writes to the one structure.
            if unsafe { libc::poll(&raw mut poll, 1, -1) } < 0 {
                if io::Error::last_os_error().kind() == io::ErrorKind::Interrupted {
                    continue;
                }
                return None;
            }
            if poll.revents & libc::POLLIN == 0 {
                return None;
            }
            // Who made it may be gone by now.
            if let Some(request) = self.receive() {
                return Some(request);
            }
        }
    }

    fn receive(&self) -> Option<Request> {
        /// The kernel writes its own idea of the structure, which may come to have more at its end.
        #[repr(C)]
        struct Notification {
            known: libc::seccomp_notif,
            more: [u64; 16],
        }
        // SAFETY: all zeroes are numbers.
        let mut notification: Notification = unsafe { std::mem::zeroed() };
        // SAFETY: the kernel writes to the structure, and not beyond its end.
        let received =
            unsafe { libc::ioctl(self.0.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_RECV, &raw mut notification) };
        let libc::seccomp_notif { id, pid, data, .. } = notification.known;
        (received == 0).then_some(Request { id, pid, call: c_long::from(data.nr), arguments: data.args })
    }

    /// Whether the call still waits: what was read of its process until now was its own.
    pub fn is_waiting(&self, request: &Request) -> bool {
        // SAFETY: the kernel reads a number that outlives the call.
        let valid =
            unsafe { libc::ioctl(self.0.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_ID_VALID, &raw const request.id) };
        valid == 0
    }

    /// Gives the process this file as what it wanted to open; false where the kernel cannot.
    pub fn give(&self, request: &Request, file: BorrowedFd<'_>) -> bool {
        let small = |flag: c_ulong| u32::try_from(flag).expect("a small flag");
        let mut given = libc::seccomp_notif_addfd {
            id: request.id,
            flags: small(libc::SECCOMP_ADDFD_FLAG_SEND),
            srcfd: file.as_raw_fd().cast_unsigned(),
            newfd: 0,
            newfd_flags: libc::O_CLOEXEC.cast_unsigned(),
        };
        // SAFETY: the kernel reads a structure that outlives the call, and takes the file besides us.
        unsafe { libc::ioctl(self.0.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_ADDFD, &raw mut given) >= 0 }
    }

    /// Lets a call go on, or has it fail with an error number.
    pub fn answer(&self, request: &Request, error: Option<i32>) {
        let go_on = u32::try_from(libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE).expect("a small flag");
        let mut answer = libc::seccomp_notif_resp {
            id: request.id,
            val: 0,
            error: error.map_or(0, |error| -error),
            flags: if error.is_some() { 0 } else { go_on },
        };
        // SAFETY: the kernel reads a structure that outlives the call. Who made it may be gone, which is as well.
        unsafe { libc::ioctl(self.0.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_SEND, &raw mut answer) };
    }
}

/// The filter: the calls are notified, all others go on. Rings (`io_uring`) open files without a call: they are not there, as
/// in many containers, and programs do without.
fn program(architecture: u32) -> Vec<sock_filter> {
    const LOAD: u32 = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
    const EQUAL: u32 = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
    const RETURN: u32 = libc::BPF_RET | libc::BPF_K;
    let step = |code: u32, k: u32, jt: usize, jf: usize| sock_filter {
        code: u16::try_from(code).expect("an operation's number"),
        jt: u8::try_from(jt).expect("a short program"),
        jf: u8::try_from(jf).expect("a short program"),
        k,
    };
    let calls: Vec<c_long> = CALLS.into_iter().chain(OLD_CALLS).collect();
    let mut program = vec![step(LOAD, 4, 0, 0), step(EQUAL, architecture, 0, calls.len() + 1), step(LOAD, 0, 0, 0)];
    for (at, &call) in calls.iter().enumerate() {
        let left = calls.len() - at - 1;
        let to = if call == libc::SYS_io_uring_setup { left + 2 } else { left + 1 };
        program.push(step(EQUAL, u32::try_from(call).expect("a call's number"), to, 0));
    }
    program.push(step(RETURN, libc::SECCOMP_RET_ALLOW, 0, 0));
    program.push(step(RETURN, libc::SECCOMP_RET_USER_NOTIF, 0, 0));
    program.push(step(RETURN, libc::SECCOMP_RET_ERRNO | libc::ENOSYS.cast_unsigned(), 0, 0));
    program
}

/// The memory of another process, up to its first page that is not there.
pub fn memory(pid: u32, address: u64, length: usize) -> Vec<u8> {
    const PAGE: usize = 4096;
    let mut bytes = vec![0u8; length];
    let Ok(start) = usize::try_from(address) else { return Vec::new() };
    let mut pieces = Vec::new();
    let mut at = start;
    while let Some(left) = (start.saturating_add(length)).checked_sub(at).filter(|&left| left > 0) {
        // A piece is read whole or not at all.
        let size = left.min(PAGE - at % PAGE);
        pieces.push(libc::iovec { iov_base: at as *mut c_void, iov_len: size });
        at += size;
    }
    let local = libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: length };
    let (count, Ok(pid)) = (pieces.len() as c_ulong, i32::try_from(pid)) else { return Vec::new() };
    // SAFETY: the kernel writes to `bytes` and not beyond its end; the other process's addresses are numbers to us.
    let read = unsafe { libc::process_vm_readv(pid, &raw const local, 1, pieces.as_ptr(), count, 0) };
    bytes.truncate(usize::try_from(read).unwrap_or(0));
    bytes
}
