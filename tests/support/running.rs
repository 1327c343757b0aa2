//! A flow that is still running, for tests that interrupt or kill it: its events are read as they come, and the moment
//! to act is one of them, never a time.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdout, Command};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use super::DEADLINE;

/// Flow as the leader of a process group of its own.
pub struct Running {
    /// Until it is waited for.
    child: Option<Child>,
    id: u32,
    lines: Receiver<String>,
}

impl Running {
    /// Starts the command and reads its standard output; what it says to standard error is lost.
    pub fn start(mut command: Command) -> Running {
        command.stderr(std::process::Stdio::null());
        Running::start_as_it_is(command)
    }

    /// The same with standard error as the command has it.
    pub fn start_as_it_is(mut command: Command) -> Running {
        command.process_group(0);
        // SAFETY: `signal` may be called between fork and exec, and nothing else is done there.
        unsafe { command.pre_exec(default_signals) };
        let mut child = command.spawn().expect("flow starts");
        let lines = lines_of(child.stdout.take().expect("it is piped"));
        Running { id: child.id(), child: Some(child), lines }
    }

    /// The next line; `None` when there are no more.
    pub fn line(&self) -> Option<String> {
        match self.lines.recv_timeout(DEADLINE) {
            Ok(line) => Some(line),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("flow says nothing any more"),
        }
    }

    /// Sends a signal to flow, or to its whole process group.
    pub fn signal(&self, signal: &str, to_group: bool) {
        let target = if to_group { format!("-{}", self.id) } else { self.id.to_string() };
        let status = Command::new("kill").args(["-s", signal, "--", &target]).status().expect("kill starts");
        assert!(status.success(), "kill -s {signal} -- {target}");
    }

    /// Waits for its end; gives the exit code (`None` after a signal) and how long that took.
    pub fn ended(mut self) -> (Option<i32>, Duration) {
        let asked = Instant::now();
        let (sender, done) = channel();
        let mut child = self.child.take().expect("it is waited for once");
        let waiting = std::thread::spawn(move || {
            let status = child.wait().expect("it can be waited for");
            let _ = sender.send(status);
        });
        let status = done.recv_timeout(DEADLINE).expect("flow ends");
        waiting.join().expect("the thread ends");
        (status.code(), asked.elapsed())
    }
}

impl Drop for Running {
    /// A test that fails leaves nothing running.
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            self.signal("KILL", true);
            let _ = child.wait();
        }
    }
}

/// Waits for a child; gives its exit code (`None` after a signal), and the most memory that it or a child of its had, in KiB.
pub fn wait_with_memory(mut child: Child) -> (Option<i32>, i64) {
    use std::os::unix::process::ExitStatusExt;
    let pid = i32::try_from(child.id()).expect("process ids are positive 32-bit numbers");
    let mut status = 0;
    // SAFETY: all zeroes is a rusage, and wait4 writes to the two variables alone.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: see above.
    let waited = unsafe { libc::wait4(pid, &raw mut status, 0, &raw mut usage) };
    assert_eq!(waited, pid, "it can be waited for");
    // The handle learns that there is nobody left to wait for.
    let _ = child.wait();
    (std::process::ExitStatus::from_raw(status).code(), usage.ru_maxrss)
}

/// Flow leaves alone what its parent ignores, and a shell's background job ignores the signals that are sent here.
fn default_signals() -> std::io::Result<()> {
    for signal in [libc::SIGINT, libc::SIGHUP, libc::SIGQUIT, libc::SIGTERM] {
        // SAFETY: no handler of ours is installed; the default one is.
        if unsafe { libc::signal(signal, libc::SIG_DFL) } == libc::SIG_ERR {
            return Err(std::io::Error::last_os_error());
        }
    }
    Ok(())
}

fn lines_of(stdout: ChildStdout) -> Receiver<String> {
    let (sender, lines) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines() {
            let Ok(line) = line else { return };
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    lines
}
