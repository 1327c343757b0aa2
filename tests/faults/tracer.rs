//! A tracer: runs flow under `ptrace`, stops it before and after each system call that touches a folder, and lets the test
//! look, kill it, or have the call fail. A command and a folder in, calls while it runs, its end out. Follows flow's own
//! threads, not the jobs that it starts. Knows system calls, nothing of flow.
//!
//! `unsafe`: neither the standard library nor rustix traces processes. The calls here take numbers and a pointer to a local
//! variable that is zeroed before; the memory of the traced process is read through `/proc`. Only on x86-64: another
//! machine has other registers and other numbers of calls.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Component, Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use libc::{c_int, c_long, c_void, pid_t};
use rustix::process::{PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

/// What is to happen with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    Go,
    /// SIGKILL to flow: before the call, which is then not made, or after it.
    Kill,
    /// The call is not made, and gives this error. Only before it.
    Fail(c_int),
    /// The call, a read, is not made, and gives these bytes. Only before it.
    Give(&'static [u8]),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    Before,
    /// With what it gave: an error is negative.
    After(i64),
}

/// A call that touches the folder.
#[derive(Debug)]
pub struct Call<'a> {
    /// 1 for the first call, before and after.
    pub number: usize,
    pub name: &'static str,
    /// Below the folder, or whole for a file beside it; of two, the first that lies there.
    pub path: &'a str,
    pub moment: Moment,
    pub arguments: [u64; 6],
    process: &'a Process,
}

/// How a traced command ended.
#[derive(Debug)]
pub struct Traced {
    /// `None`: a signal ended it.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
    /// It did not end by itself in time.
    pub hung: bool,
    /// How many calls touched the folder.
    pub calls: usize,
}

/// Where a call names a file: by descriptor, by path, or by both.
#[derive(Clone, Copy)]
enum Place {
    Fd(usize),
    Path(usize),
    At(usize, usize),
}

use Place::{At, Fd, Path as Named};

/// The calls that touch a disk: number, name, places.
const CALLS: &[(c_long, &str, &[Place])] = &[
    (libc::SYS_open, "open", &[Named(0)]),
    (libc::SYS_creat, "creat", &[Named(0)]),
    (libc::SYS_openat, "openat", &[At(0, 1)]),
    (libc::SYS_openat2, "openat2", &[At(0, 1)]),
    (libc::SYS_read, "read", &[Fd(0)]),
    (libc::SYS_pread64, "pread", &[Fd(0)]),
    (libc::SYS_readv, "readv", &[Fd(0)]),
    (libc::SYS_write, "write", &[Fd(0)]),
    (libc::SYS_pwrite64, "pwrite", &[Fd(0)]),
    (libc::SYS_writev, "writev", &[Fd(0)]),
    (libc::SYS_copy_file_range, "copy_file_range", &[Fd(2), Fd(0)]),
    (libc::SYS_sendfile, "sendfile", &[Fd(0), Fd(1)]),
    (libc::SYS_ftruncate, "ftruncate", &[Fd(0)]),
    (libc::SYS_truncate, "truncate", &[Named(0)]),
    (libc::SYS_fallocate, "fallocate", &[Fd(0)]),
    (libc::SYS_fsync, "fsync", &[Fd(0)]),
    (libc::SYS_fdatasync, "fdatasync", &[Fd(0)]),
    (libc::SYS_syncfs, "syncfs", &[Fd(0)]),
    (libc::SYS_getdents64, "getdents", &[Fd(0)]),
    (libc::SYS_flock, "flock", &[Fd(0)]),
    (libc::SYS_fcntl, "fcntl", &[Fd(0)]),
    (libc::SYS_stat, "stat", &[Named(0)]),
    (libc::SYS_lstat, "lstat", &[Named(0)]),
    (libc::SYS_fstat, "fstat", &[Fd(0)]),
    (libc::SYS_newfstatat, "fstatat", &[At(0, 1)]),
    (libc::SYS_statx, "statx", &[At(0, 1)]),
    (libc::SYS_access, "access", &[Named(0)]),
    (libc::SYS_faccessat, "faccessat", &[At(0, 1)]),
    (libc::SYS_faccessat2, "faccessat2", &[At(0, 1)]),
    (libc::SYS_readlink, "readlink", &[Named(0)]),
    (libc::SYS_readlinkat, "readlinkat", &[At(0, 1)]),
    (libc::SYS_rename, "rename", &[Named(1), Named(0)]),
    (libc::SYS_renameat, "renameat", &[At(2, 3), At(0, 1)]),
    (libc::SYS_renameat2, "renameat2", &[At(2, 3), At(0, 1)]),
    (libc::SYS_link, "link", &[Named(1), Named(0)]),
    (libc::SYS_linkat, "linkat", &[At(2, 3), At(0, 1)]),
    (libc::SYS_symlink, "symlink", &[Named(1)]),
    (libc::SYS_symlinkat, "symlinkat", &[At(1, 2)]),
    (libc::SYS_unlink, "unlink", &[Named(0)]),
    (libc::SYS_unlinkat, "unlinkat", &[At(0, 1)]),
    (libc::SYS_rmdir, "rmdir", &[Named(0)]),
    (libc::SYS_mkdir, "mkdir", &[Named(0)]),
    (libc::SYS_mkdirat, "mkdirat", &[At(0, 1)]),
    (libc::SYS_mknodat, "mknodat", &[At(0, 1)]),
    (libc::SYS_chmod, "chmod", &[Named(0)]),
    (libc::SYS_fchmod, "fchmod", &[Fd(0)]),
    (libc::SYS_fchmodat, "fchmodat", &[At(0, 1)]),
    (libc::SYS_fchown, "fchown", &[Fd(0)]),
    (libc::SYS_utimensat, "utimensat", &[At(0, 1)]),
];

/// The number of `-ENOSYS`, which a call has for its result before it is made.
const NOT_MADE: u64 = (-(libc::ENOSYS as i64)) as u64;

/// Where `orig_rax` stands among the registers.
const CALL_REGISTER: usize = std::mem::offset_of!(libc::user_regs_struct, orig_rax);
const RESULT_REGISTER: usize = std::mem::offset_of!(libc::user_regs_struct, rax);

impl Call<'_> {
    /// Whether it changes something on the disk, or makes a change last.
    pub fn changes(&self) -> bool {
        const LOOKS: [&str; 15] = [
            "read",
            "pread",
            "readv",
            "getdents",
            "stat",
            "lstat",
            "fstat",
            "fstatat",
            "statx",
            "access",
            "faccessat",
            "faccessat2",
            "readlink",
            "readlinkat",
            "fcntl",
        ];
        if self.opens() { self.makes() } else { !LOOKS.contains(&self.name) }
    }

    pub fn opens(&self) -> bool {
        self.name.starts_with("open")
    }

    /// Whether it opens a file that need not be there, or cuts one off.
    pub fn makes(&self) -> bool {
        let at = if self.name == "open" { 1 } else { 2 };
        let flags = libc::O_CREAT | libc::O_TRUNC | (libc::O_TMPFILE & !libc::O_DIRECTORY);
        self.opens() && self.arguments[at] & flags as u64 != 0
    }

    /// Whether it names a file by its path.
    pub fn is_by_name(&self) -> bool {
        let call = CALLS.iter().find(|(_, name, _)| *name == self.name).expect("it is in the table");
        match call.2[0] {
            Place::Fd(_) => false,
            Place::Path(_) => true,
            Place::At(_, path) => !self.process.text(self.arguments[path]).as_os_str().is_empty(),
        }
    }

    /// What a write has written, and where in its file.
    pub fn written(&self) -> Option<(u64, Vec<u8>)> {
        let Moment::After(count) = self.moment else { return None };
        let count = u64::try_from(count).ok()?;
        let [fd, address, _, offset, ..] = self.arguments;
        let offset = match self.name {
            "pwrite" => offset,
            "write" => self.process.position(fd)?.checked_sub(count)?,
            _ => return None,
        };
        let mut bytes = vec![0; usize::try_from(count).ok()?];
        self.process.memory.read_exact_at(&mut bytes, address).ok()?;
        Some((offset, bytes))
    }
}

/// The traced process, as `/proc` shows it.
#[derive(Debug)]
struct Process {
    pid: pid_t,
    memory: File,
}

impl Process {
    /// The text at an address, up to its zero byte.
    fn text(&self, address: u64) -> PathBuf {
        let mut bytes = Vec::new();
        let mut at = address;
        while address != 0 && bytes.len() < libc::PATH_MAX as usize {
            // No further than the end of the page: what comes after it need not be there.
            let mut piece = vec![0; (256 - (at % 256)) as usize];
            let Ok(count) = self.memory.read_at(&mut piece, at) else { break };
            if let Some(end) = piece[..count].iter().position(|&byte| byte == 0) {
                bytes.extend(&piece[..end]);
                break;
            }
            bytes.extend(&piece[..count]);
            at += count as u64;
            if count == 0 {
                break;
            }
        }
        PathBuf::from(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn link(&self, name: &str) -> Option<PathBuf> {
        std::fs::read_link(format!("/proc/{}/{name}", self.pid)).ok()
    }

    /// Where an open file is read and written next.
    fn position(&self, fd: u64) -> Option<u64> {
        let text = std::fs::read_to_string(format!("/proc/{}/fdinfo/{fd}", self.pid)).ok()?;
        text.strip_prefix("pos:")?.lines().next()?.trim().parse().ok()
    }

    /// The file that a call names at one of its places.
    fn file(&self, place: Place, arguments: &[u64; 6]) -> Option<PathBuf> {
        let folder = |fd: u64| match fd as c_int {
            libc::AT_FDCWD => self.link("cwd"),
            fd => self.link(&format!("fd/{fd}")),
        };
        let path = match place {
            Place::Fd(fd) => folder(arguments[fd])?,
            Place::Path(path) => folder(libc::AT_FDCWD as u64)?.join(self.text(arguments[path])),
            Place::At(fd, path) => {
                let name = self.text(arguments[path]);
                if name.is_absolute() { name } else { folder(arguments[fd])?.join(name) }
            }
        };
        let mut plain = PathBuf::new();
        for part in path.components() {
            match part {
                Component::ParentDir => drop(plain.pop()),
                Component::CurDir => {}
                other => plain.push(other),
            }
        }
        Some(plain)
    }
}

/// A call that a thread is in.
struct Pending {
    name: &'static str,
    path: String,
    number: usize,
    arguments: [u64; 6],
    /// What it gives in place of what the kernel would.
    gives: Option<i64>,
}

/// A thread of flow: whether it is in a call, and in which if that touches the folder.
#[derive(Default)]
struct Thread {
    is_inside: bool,
    pending: Option<Pending>,
}

struct Tracer<'a> {
    process: Process,
    folder: &'a Path,
    beside: &'a [&'a str],
    threads: HashMap<pid_t, Thread>,
    calls: usize,
    watch: &'a mut dyn FnMut(&Call<'_>) -> Order,
}

/// Why nothing can be traced here; `None` if it can.
pub fn unavailable() -> Option<String> {
    let mut command = Command::new("true");
    trace_me(&mut command);
    let Ok(mut child) = command.spawn() else { return Some("this kernel lets nobody trace".to_owned()) };
    let pid = child.id() as pid_t;
    let stopped = wait(pid, libc::__WALL).is_some_and(|(_, status)| libc::WIFSTOPPED(status));
    if stopped {
        order(libc::PTRACE_CONT, pid, 0, 0);
        let _ = child.wait();
    }
    (!stopped).then(|| "this kernel lets nobody trace".to_owned())
}

/// Runs a command to its end, `watch` being asked before and after each of its calls that touch the folder, or the files
/// beside it that are named. One that does not end by itself within the time is killed.
#[expect(clippy::zombie_processes, reason = "it is waited for as a traced process")]
pub fn trace(
    mut command: Command,
    folder: &Path,
    beside: &[&str],
    deadline: Duration,
    watch: &mut dyn FnMut(&Call<'_>) -> Order,
) -> Traced {
    let folder = folder.canonicalize().expect("the folder is there");
    let (mut stdout, mut stderr) = (scratch(), scratch());
    command.stdin(Stdio::null());
    command.stdout(stdout.try_clone().expect("a descriptor")).stderr(stderr.try_clone().expect("a descriptor"));
    trace_me(&mut command);
    let child = command.spawn().expect("flow starts");
    let pid = child.id() as pid_t;
    let (_, status) = wait(pid, libc::__WALL).expect("it is our child");
    assert!(libc::WIFSTOPPED(status), "it stops when its program is loaded");
    // Threads are followed; processes, which are started by vfork, are not.
    let options = libc::PTRACE_O_TRACESYSGOOD | libc::PTRACE_O_TRACECLONE | libc::PTRACE_O_EXITKILL;
    order(libc::PTRACE_SETOPTIONS, pid, 0, options as usize);
    let memory = OpenOptions::new()
        .read(true)
        .write(true)
        .open(format!("/proc/{pid}/mem"))
        .expect("the memory of a traced process can be read");
    let threads = HashMap::from([(pid, Thread::default())]);
    let mut tracer = Tracer { process: Process { pid, memory }, folder: &folder, beside, threads, calls: 0, watch };
    let (done, hung) = watchdog(pid, deadline);
    order(libc::PTRACE_SYSCALL, pid, 0, 0);
    let status = tracer.turn();
    drop(done);
    let text = |file: &mut File| {
        let mut text = Vec::new();
        file.seek(SeekFrom::Start(0)).and_then(|_| file.read_to_end(&mut text)).expect("it can be read");
        String::from_utf8_lossy(&text).into_owned()
    };
    Traced {
        code: ExitStatus::from_raw(status).code(),
        stdout: text(&mut stdout),
        stderr: text(&mut stderr),
        hung: hung.join().expect("the watchdog ends"),
        calls: tracer.calls,
    }
}

fn scratch() -> File {
    tempfile::tempfile().expect("a temporary file")
}

/// Kills a process that has not ended in time; gives whether it had to. Ends when the sender is dropped.
fn watchdog(pid: pid_t, deadline: Duration) -> (std::sync::mpsc::Sender<()>, std::thread::JoinHandle<bool>) {
    let (sender, done) = channel();
    let process = rustix::process::Pid::from_raw(pid).expect("a process has a number");
    let process = pidfd_open(process, PidfdFlags::empty()).expect("a process of ours can be named");
    let dog = std::thread::spawn(move || {
        let late = matches!(done.recv_timeout(deadline), Err(RecvTimeoutError::Timeout));
        late && pidfd_send_signal(process, Signal::KILL).is_ok()
    });
    (sender, dog)
}

impl Tracer<'_> {
    /// Lets the threads run from stop to stop; gives the process's end.
    fn turn(&mut self) -> c_int {
        loop {
            // Of this thread's children only: other tests have theirs.
            let (tid, status) = wait(-1, libc::__WALL | libc::__WNOTHREAD).expect("there is a child");
            if !libc::WIFSTOPPED(status) {
                self.threads.remove(&tid);
                if tid == self.process.pid {
                    return status;
                }
                continue;
            }
            let is_new = !self.threads.contains_key(&tid);
            self.threads.entry(tid).or_default();
            let mut signal = 0;
            match libc::WSTOPSIG(status) {
                // The mark that PTRACE_O_TRACESYSGOOD puts on a call.
                stop if stop == libc::SIGTRAP | 0x80 => self.step(tid),
                libc::SIGTRAP => {}
                libc::SIGSTOP if is_new => {}
                other => signal = other,
            }
            order(libc::PTRACE_SYSCALL, tid, 0, signal as usize);
        }
    }

    /// A thread goes into a call, or comes out of it.
    fn step(&mut self, tid: pid_t) {
        let Some(registers) = registers(tid) else { return };
        let thread = self.threads.get_mut(&tid).expect("it is known");
        thread.is_inside = !thread.is_inside && registers.rax == NOT_MADE;
        if let Some(pending) = thread.pending.take() {
            self.came_out(tid, &pending, registers.rax);
        } else if thread.is_inside {
            self.goes_in(tid, &registers);
        }
    }

    fn goes_in(&mut self, tid: pid_t, registers: &libc::user_regs_struct) {
        let Some((_, name, places)) = CALLS.iter().find(|(number, ..)| *number as u64 == registers.orig_rax) else {
            return;
        };
        let arguments = [registers.rdi, registers.rsi, registers.rdx, registers.r10, registers.r8, registers.r9];
        let locks = [libc::F_GETLK, libc::F_SETLK, libc::F_SETLKW, libc::F_OFD_SETLK, libc::F_OFD_SETLKW];
        if *name == "fcntl" && !locks.contains(&(arguments[1] as c_int)) {
            return;
        }
        let below = |place: &Place| {
            let file = self.process.file(*place, &arguments)?;
            let is_beside = self.beside.iter().any(|path| Path::new(path) == file);
            let shown = if is_beside { &file } else { file.strip_prefix(self.folder).ok()? };
            Some(shown.to_string_lossy().into_owned())
        };
        let Some(path) = places.iter().find_map(below) else { return };
        self.calls += 1;
        let mut pending = Pending { name, path, number: self.calls, arguments, gives: None };
        match self.ask(&pending, Moment::Before) {
            Order::Go => {}
            Order::Kill => self.kill(),
            Order::Fail(error) => pending.gives = Some(-i64::from(error)),
            Order::Give(bytes) => {
                let bytes = &bytes[..bytes.len().min(arguments[2] as usize)];
                self.process.memory.write_all_at(bytes, arguments[1]).expect("a traced process can be written to");
                pending.gives = Some(bytes.len() as i64);
            }
        }
        if pending.gives.is_some() {
            // A call of no number: nothing is done.
            order(libc::PTRACE_POKEUSER, tid, CALL_REGISTER, usize::MAX);
        }
        self.threads.get_mut(&tid).expect("it is known").pending = Some(pending);
    }

    fn came_out(&mut self, tid: pid_t, pending: &Pending, result: u64) {
        let mut result = result as i64;
        if let Some(instead) = pending.gives {
            result = instead;
            order(libc::PTRACE_POKEUSER, tid, RESULT_REGISTER, result as usize);
        }
        match self.ask(pending, Moment::After(result)) {
            Order::Go => {}
            Order::Kill => self.kill(),
            Order::Fail(_) | Order::Give(_) => panic!("a call that is over has its result"),
        }
    }

    fn ask(&mut self, pending: &Pending, moment: Moment) -> Order {
        (self.watch)(&Call {
            number: pending.number,
            name: pending.name,
            path: &pending.path,
            moment,
            arguments: pending.arguments,
            process: &self.process,
        })
    }

    fn kill(&self) {
        // SAFETY: kill takes two numbers; the process is traced by us, and was not waited for.
        unsafe { libc::kill(self.process.pid, libc::SIGKILL) };
    }
}

/// Has the command be traced by this thread from the loading of its program on.
fn trace_me(command: &mut Command) {
    // SAFETY: one call of the kernel between fork and exec, which takes no memory.
    unsafe {
        command.pre_exec(|| match libc::ptrace(libc::PTRACE_TRACEME, 0, 0usize, 0usize) {
            0 => Ok(()),
            _ => Err(std::io::Error::last_os_error()),
        });
    }
}

/// Waits for a stop or an end.
fn wait(pid: pid_t, options: c_int) -> Option<(pid_t, c_int)> {
    loop {
        let mut status = 0;
        // SAFETY: waitpid writes to the variable alone.
        let found = unsafe { libc::waitpid(pid, &raw mut status, options) };
        if found > 0 {
            return Some((found, status));
        }
        if std::io::Error::last_os_error().kind() != std::io::ErrorKind::Interrupted {
            return None;
        }
    }
}

/// Orders that take two numbers. One to a thread that has just been killed does nothing.
fn order(request: libc::c_uint, tid: pid_t, address: usize, data: usize) {
    // SAFETY: none of the requests that are made through this writes to our memory.
    unsafe { libc::ptrace(request, tid, address as *mut c_void, data as *mut c_void) };
}

fn registers(tid: pid_t) -> Option<libc::user_regs_struct> {
    // SAFETY: all zeroes are registers, and the call writes to them alone.
    unsafe {
        let mut registers: libc::user_regs_struct = std::mem::zeroed();
        let got = libc::ptrace(libc::PTRACE_GETREGS, tid, std::ptr::null_mut::<c_void>(), &raw mut registers);
        (got == 0).then_some(registers)
    }
}
