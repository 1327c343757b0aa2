//! Child processes: one process group each, watched while they run, waited for with what they used, ended as a group.
//! Knows processes and signals, no jobs.
//!
//! `unsafe`: the standard library has no `waitid` that leaves the child to be reaped, no `wait4` (resource usage), no
//! signal to a group, and does not say whether a signal is ignored. The calls here take plain numbers and pointers to local variables that are zeroed before.
//! Children are started by `std::process::Command` without `pre_exec`, which is `posix_spawn`: starting one from a
//! process of many gigabytes costs no more than from a small one.

use std::collections::BTreeMap;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use super::executor::Force;
use super::sample::{self, Peaks};
use super::strict::Cage;

/// Between `SIGTERM` and `SIGKILL`.
const GRACE: Duration = Duration::from_millis(400);

/// How long processes that got `SIGKILL` may take to be gone: they are, unless the kernel holds them in a disk wait.
const DYING: Duration = Duration::from_millis(300);

/// How often it is seen whose turn it is to be looked at, while children run; and a child's first and longest wait.
const BEAT: Duration = Duration::from_millis(20);
const FIRST_LOOK: Duration = Duration::from_millis(10);
const RAREST_LOOK: Duration = Duration::from_millis(500);

/// After this time without children nobody is looked for until one is started.
const REST: Duration = Duration::from_secs(1);

/// The kernel counts memory in small portions on each core, and two of its sums may differ by this many bytes.
const TOLERANCE: u64 = 1 << 20;

/// How a child ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    Code(i32),
    Signal(i32),
}

/// Why flow ended a child.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    Stopped,
    TimedOut,
    /// It was stopped by this signal (`SIGTTIN`, `SIGTTOU`), because it wanted the terminal: it would have waited for ever.
    WantedTerminal(i32),
}

/// A child that has ended, and what it used, descendants included that it had waited for.
#[derive(Debug, Clone, Copy)]
pub struct Ended {
    pub exit: Exit,
    pub cause: Option<Cause>,
    pub cpu: Duration,
    /// As far as it was seen, or the kernel knows.
    pub peaks: Peaks,
}

/// A running process group.
#[derive(Debug)]
struct Group {
    job: u32,
    began: Instant,
    /// The signal that stopped the leader, once somebody was told.
    halted: Option<i32>,
    time_out_at: Option<Instant>,
    kill_at: Option<Instant>,
    cause: Option<Cause>,
    look_at: Instant,
    detailed: bool,
    peaks: Peaks,
}

#[derive(Debug, Default)]
struct State {
    groups: BTreeMap<i32, Group>,
    force: Option<Force>,
    /// The minding thread sleeps until it is told of a child.
    resting: bool,
}

/// Who is told that a job's leader, of this group, was stopped by a signal and can go on: job, group, signal.
pub type OnHalt = Box<dyn Fn(u32, i32, i32) + Send + Sync>;

/// All children of this process that were started here.
pub struct Children {
    state: Mutex<State>,
    changed: Condvar,
    on_halt: OnHalt,
}

impl Children {
    /// Starts the thread that minds deadlines and looks at what runs; it ends with the last handle.
    pub fn new(on_halt: OnHalt) -> io::Result<Arc<Self>> {
        let children = Arc::new(Children { state: Mutex::default(), changed: Condvar::new(), on_halt });
        let weak = Arc::downgrade(&children);
        std::thread::Builder::new().name("children".to_owned()).spawn(move || mind(&weak))?;
        Ok(children)
    }

    /// Runs a job's command to its end in a process group of its own; `begun` is told the group's number; `detailed` asks for
    /// all of `Peaks`, else for resident memory; a `cage` bounds what it may do. After [`Children::stop`], it is ended as soon as
    /// it was started.
    ///
    /// # Errors
    /// It could not be started.
    pub fn run(
        &self,
        job: u32,
        command: &mut Command,
        timeout: Option<Duration>,
        detailed: bool,
        cage: Option<&Cage>,
        begun: impl FnOnce(i32),
    ) -> io::Result<Ended> {
        let command = command.process_group(0);
        let child = match cage {
            None => command.spawn()?,
            Some(cage) => cage.spawn(command)?,
        };
        // The child's account began with flow's memory as it was when the child's program was loaded.
        let inherited = own_peak();
        let group = i32::try_from(child.id()).expect("process ids are positive 32-bit numbers");
        self.register(job, group, timeout, detailed);
        begun(group);
        let waited = wait_exited(group);
        let cause = self.end_stragglers(group, matches!(waited, Ok(true)));
        // Until here the zombie has kept the number from being given to another process: from here on nobody signals it.
        let mut peaks = self.state().groups.remove(&group).map(|entry| entry.peaks).unwrap_or_default();
        waited?;
        if detailed {
            (peaks.read, peaks.written) = sample::input_and_output(group.cast_unsigned());
        }
        let (exit, cpu, peak) = reap(group)?;
        if peak > inherited.saturating_add(TOLERANCE) {
            peaks.resident = peaks.resident.max(Some(peak));
        }
        Ok(Ended { exit, cause, cpu, peaks })
    }

    /// Ends all that runs, and all that is started from now on.
    pub fn stop(&self, force: Force) {
        let mut state = self.state();
        state.force = state.force.max(Some(force));
        for (&group, entry) in &mut state.groups {
            end(group, entry, force, Cause::Stopped);
        }
        self.changed.notify_all();
    }

    /// Ends one group that runs.
    pub fn end(&self, group: i32) {
        if let Some(entry) = self.state().groups.get_mut(&group) {
            end(group, entry, Force::Term, Cause::Stopped);
        }
        self.changed.notify_all();
    }

    fn register(&self, job: u32, group: i32, timeout: Option<Duration>, detailed: bool) {
        let mut state = self.state();
        let now = Instant::now();
        let mut entry = Group {
            job,
            began: now,
            halted: None,
            // A time that no clock reaches is none.
            time_out_at: timeout.and_then(|timeout| now.checked_add(timeout)),
            kill_at: None,
            cause: None,
            look_at: now + FIRST_LOOK,
            detailed,
            peaks: Peaks::default(),
        };
        if let Some(force) = state.force {
            end(group, &mut entry, force, Cause::Stopped);
        }
        let minded = entry.time_out_at.is_some() || entry.kill_at.is_some() || state.resting;
        state.groups.insert(group, entry);
        if minded {
            self.changed.notify_all();
        }
    }

    /// The leader has ended. What is left of its group is ended with it if it failed or was told to end: in the first
    /// case at once, in the second with the rest of the grace. After a success it is left alone.
    fn end_stragglers(&self, group: i32, success: bool) -> Option<Cause> {
        let (cause, kill_at) = {
            let state = self.state();
            let entry = state.groups.get(&group);
            (entry.and_then(|entry| entry.cause), entry.and_then(|entry| entry.kill_at))
        };
        if cause.is_some() || !success {
            end_group(group, kill_at.unwrap_or_else(Instant::now));
        }
        cause
    }

    /// Looks at the groups whose turn it is. Their list is not held meanwhile: who is still in it afterwards was not
    /// reaped, so that its number was its own.
    fn look(&self, now: Instant) {
        let due: Vec<(i32, Instant, bool)> = {
            let state = self.state();
            let due = state.groups.iter().filter(|(_, entry)| entry.look_at <= now);
            due.map(|(&group, entry)| (group, entry.began, entry.detailed)).collect()
        };
        for (group, began, detailed) in due {
            let seen = sample::look(group.cast_unsigned(), detailed);
            if let Some(entry) = self.state().groups.get_mut(&group).filter(|entry| entry.began == began) {
                entry.peaks.merge(seen);
                entry.look_at = now + ((now - began) / 4).clamp(BEAT, RAREST_LOOK);
                self.look_for_halt(group, entry);
            }
        }
    }

    /// A child that was stopped goes on when somebody tells it to, and is waited for; but nobody gives it the terminal.
    fn look_for_halt(&self, group: i32, entry: &mut Group) {
        let halted = halted_by(group);
        match halted {
            Some(signal @ (libc::SIGTTIN | libc::SIGTTOU)) => {
                end(group, entry, Force::Term, Cause::WantedTerminal(signal));
            }
            Some(signal) if entry.halted.is_none() && entry.cause.is_none() => (self.on_halt)(entry.job, group, signal),
            _ => {}
        }
        entry.halted = halted;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn end(group: i32, entry: &mut Group, force: Force, cause: Cause) {
    entry.cause.get_or_insert(cause);
    match force {
        Force::Term if entry.kill_at.is_none() => {
            signal_group(group, libc::SIGTERM);
            // One that was stopped would not see it.
            signal_group(group, libc::SIGCONT);
            entry.kill_at = Some(Instant::now() + GRACE);
        }
        Force::Term => {}
        Force::Kill => {
            signal_group(group, libc::SIGKILL);
            entry.kill_at = Some(Instant::now());
        }
    }
}

/// Looks at what runs, sends what is due, and sleeps until the next time for either.
fn mind(children: &Weak<Children>) {
    let mut busy_at = Instant::now();
    while let Some(children) = children.upgrade() {
        let now = Instant::now();
        children.look(now);
        let mut state = children.state();
        if !state.groups.is_empty() {
            busy_at = now;
        }
        state.resting = now.saturating_duration_since(busy_at) >= REST;
        let mut next = now + if state.resting { REST } else { BEAT };
        for (&group, entry) in &mut state.groups {
            if entry.kill_at.is_some_and(|at| at <= now) {
                signal_group(group, libc::SIGKILL);
            } else if entry.kill_at.is_none() && entry.time_out_at.is_some_and(|at| at <= now) {
                end(group, entry, Force::Term, Cause::TimedOut);
            }
            let due = entry.kill_at.or(entry.time_out_at).filter(|&at| at > now);
            next = due.map_or(next, |at| at.min(next));
        }
        // At the latest after the rest, to see whether anybody holds the children yet.
        drop(children.changed.wait_timeout(state, next - now));
    }
}

/// Ends a group whose leader is gone or a zombie: waits until `kill_at` for its other processes, then kills them and
/// waits until they are gone, for a bounded time.
pub fn end_group(group: i32, kill_at: Instant) {
    while !members(group).is_empty() && Instant::now() < kill_at {
        std::thread::sleep(Duration::from_millis(2));
    }
    signal_group(group, libc::SIGKILL);
    let gone_at = Instant::now() + DYING;
    while !members(group).is_empty() && Instant::now() < gone_at {
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// The processes of a group that are not zombies; none where there is no `/proc`.
pub fn members(group: i32) -> Vec<u32> {
    let Ok(folder) = std::fs::read_dir("/proc") else { return Vec::new() };
    let pids = folder.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let in_group = |pid: &u32| {
        let Ok(stat) = std::fs::read(format!("/proc/{pid}/stat")) else { return false };
        let stat = String::from_utf8_lossy(&stat);
        let mut fields = stat.rfind(')').map_or("", |at| &stat[at + 1..]).split_whitespace();
        let (state, group_of) = (fields.next(), fields.nth(1));
        !matches!(state, Some("Z" | "X")) && group_of.and_then(|text| text.parse().ok()) == Some(group)
    };
    pids.filter(in_group).collect()
}

/// Signals all processes of a group; no error if there is none any more.
pub fn signal_group(group: i32, signal: i32) {
    // A group number of 0 or 1 would be flow's own group, or everybody.
    if group > 1 {
        // SAFETY: kill takes two numbers.
        unsafe { libc::kill(-group, signal) };
    }
}

/// Signals one process.
pub fn signal_process(pid: u32, signal: i32) {
    if let Some(pid) = i32::try_from(pid).ok().filter(|&pid| pid > 1) {
        // SAFETY: kill takes two numbers.
        unsafe { libc::kill(pid, signal) };
    }
}

/// Waits for a child's end and leaves it to be reaped; true if it exited with 0.
fn wait_exited(pid: i32) -> io::Result<bool> {
    loop {
        // SAFETY: all zeroes is a siginfo_t, and waitid writes to it alone.
        let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
        let id = pid.cast_unsigned();
        // SAFETY: see above.
        let result = unsafe { libc::waitid(libc::P_PID, id, &raw mut info, libc::WEXITED | libc::WNOWAIT) };
        if result == 0 {
            // SAFETY: waitid has filled in the fields of a child's end.
            return Ok(info.si_code == libc::CLD_EXITED && unsafe { info.si_status() } == 0);
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

/// The signal that a child was stopped by, if it stands still.
fn halted_by(pid: i32) -> Option<i32> {
    // SAFETY: all zeroes is a siginfo_t, and waitid writes to it alone.
    let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
    let options = libc::WSTOPPED | libc::WNOHANG | libc::WNOWAIT;
    // SAFETY: see above.
    let result = unsafe { libc::waitid(libc::P_PID, pid.cast_unsigned(), &raw mut info, options) };
    // SAFETY: waitid has filled in the fields, or left them zero where there is nothing to tell.
    (result == 0 && info.si_code == libc::CLD_STOPPED).then(|| unsafe { info.si_status() })
}

/// Reaps a child that has ended.
fn reap(pid: i32) -> io::Result<(Exit, Duration, u64)> {
    let mut status = 0;
    // SAFETY: all zeroes is a rusage, and wait4 writes to the two variables alone.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    loop {
        // SAFETY: see above.
        if unsafe { libc::wait4(pid, &raw mut status, 0, &raw mut usage) } == pid {
            break;
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
    let exit = if libc::WIFSIGNALED(status) {
        Exit::Signal(libc::WTERMSIG(status))
    } else {
        Exit::Code(libc::WEXITSTATUS(status))
    };
    let time = |t: libc::timeval| {
        let micros = Duration::from_micros(u64::try_from(t.tv_usec).unwrap_or(0));
        Duration::from_secs(u64::try_from(t.tv_sec).unwrap_or(0)) + micros
    };
    Ok((exit, time(usage.ru_utime) + time(usage.ru_stime), peak_of(&usage)))
}

/// The most resident memory that this process has had, in bytes.
fn own_peak() -> u64 {
    // SAFETY: all zeroes is a rusage, and getrusage writes to it alone.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: see above.
    unsafe { libc::getrusage(libc::RUSAGE_SELF, &raw mut usage) };
    peak_of(&usage)
}

/// Linux counts in KiB, the BSDs and macOS in bytes.
fn peak_of(usage: &libc::rusage) -> u64 {
    let unit = if cfg!(target_os = "linux") { 1024 } else { 1 };
    usage.ru_maxrss.max(0).cast_unsigned().saturating_mul(unit)
}

/// Whether whoever started flow had it ignore a signal.
pub fn is_ignored(signal: i32) -> bool {
    // SAFETY: all zeroes is a sigaction, and sigaction writes to it alone when it is given no new one.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: see above.
    let asked = unsafe { libc::sigaction(signal, std::ptr::null(), &raw mut action) };
    asked == 0 && action.sa_sigaction == libc::SIG_IGN
}

/// CPU time, user and system, of the calling thread: of a job that runs inside flow.
pub fn thread_cpu() -> Duration {
    // SAFETY: all zeroes is a timespec, and clock_gettime writes to it alone.
    let mut time: libc::timespec = unsafe { std::mem::zeroed() };
    // SAFETY: see above.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    Duration::new(time.tv_sec.max(0).cast_unsigned(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// `SIGSEGV` for 11 and so on; `signal 99` for what has no name.
pub fn signal_name(signal: i32) -> String {
    let name = match signal {
        libc::SIGHUP => "SIGHUP",
        libc::SIGINT => "SIGINT",
        libc::SIGQUIT => "SIGQUIT",
        libc::SIGILL => "SIGILL",
        libc::SIGTRAP => "SIGTRAP",
        libc::SIGABRT => "SIGABRT",
        libc::SIGBUS => "SIGBUS",
        libc::SIGFPE => "SIGFPE",
        libc::SIGKILL => "SIGKILL",
        libc::SIGUSR1 => "SIGUSR1",
        libc::SIGSEGV => "SIGSEGV",
        libc::SIGUSR2 => "SIGUSR2",
        libc::SIGPIPE => "SIGPIPE",
        libc::SIGALRM => "SIGALRM",
        libc::SIGTERM => "SIGTERM",
        libc::SIGSTOP => "SIGSTOP",
        libc::SIGTSTP => "SIGTSTP",
        libc::SIGTTIN => "SIGTTIN",
        libc::SIGTTOU => "SIGTTOU",
        libc::SIGXCPU => "SIGXCPU",
        libc::SIGXFSZ => "SIGXFSZ",
        libc::SIGSYS => "SIGSYS",
        other => return format!("signal {other}"),
    };
    name.to_owned()
}
