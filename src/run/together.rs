//! Jobs that run at the same time because a `pipe()` or a `service()` connects them: they begin together, and what they
//! made counts only if all of them succeed. Knows how far each is, and the process groups to end when one fails.
//!
//! `unsafe`: the standard library makes no named pipes; `mkfifo` takes a terminated text and a number.

use std::ffi::CString;
use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::child::Children;
use super::spec::{JobError, JobSpec, Live};

/// How often a job that waits looks whether the run is stopped, or a service is there.
const LOOK: Duration = Duration::from_millis(10);

#[derive(Debug, Default)]
struct State {
    ready: usize,
    /// Jobs that have done their work, services aside.
    ended: usize,
    services_ended: usize,
    failed: bool,
    /// Process groups that run, with whether they are of a service.
    groups: Vec<(i32, bool)>,
}

/// The common state of jobs that run together.
#[derive(Debug)]
pub struct Together {
    members: usize,
    services: usize,
    state: Mutex<State>,
    changed: Condvar,
}

impl Together {
    /// For these jobs.
    pub fn new<'s>(specs: impl Iterator<Item = &'s JobSpec>) -> Self {
        let (mut members, mut services) = (0, 0);
        for spec in specs {
            members += 1;
            services += usize::from(is_service(spec));
        }
        Together { members, services, state: Mutex::default(), changed: Condvar::new() }
    }

    /// How many jobs they are.
    pub fn members(&self) -> usize {
        self.members
    }

    /// Called when a job's outputs are prepared: returns when those of all are, and the services that it uses are there.
    pub(super) fn begin(&self, spec: &JobSpec, is_stopped: &dyn Fn() -> bool) -> Result<(), JobError> {
        self.state().ready += 1;
        self.changed.notify_all();
        self.wait(is_stopped, |state| state.ready == self.members)?;
        let own = |path: &&String| !spec.outputs.iter().any(|output| output.path == **path);
        let is_there = |_: &State| spec.live_inputs.iter().filter(own).all(|path| Path::new(path).exists());
        self.wait(is_stopped, is_there)
    }

    /// A process of a job was started.
    pub(super) fn started(&self, group: i32, spec: &JobSpec, children: &Children) {
        let mut state = self.state();
        state.groups.push((group, is_service(spec)));
        let is_over = is_service(spec) && state.ended == self.members - self.services;
        if state.failed || is_over {
            children.end(group);
        }
    }

    /// A job has failed, or cannot begin: the others end.
    pub(super) fn fail(&self, spec: &JobSpec, children: &Children) {
        let mut state = self.state();
        state.failed = true;
        for &(group, _) in &state.groups {
            children.end(group);
        }
        drop(state);
        release(spec);
        self.changed.notify_all();
    }

    /// A job has done its work: returns when all have. A service is ended when all others are done, and that is its
    /// success.
    pub(super) fn end(
        &self,
        spec: &JobSpec,
        worked: Result<(), JobError>,
        children: &Children,
        is_stopped: &dyn Fn() -> bool,
    ) -> Result<(), JobError> {
        let was_ended = is_service(spec) && self.state().ended == self.members - self.services;
        match worked {
            Err(JobError::Interrupted) if was_ended && !is_stopped() => {}
            Err(error) => {
                self.fail(spec, children);
                return Err(error);
            }
            Ok(()) => {}
        }
        let mut state = self.state();
        if is_service(spec) {
            state.services_ended += 1;
        } else {
            state.ended += 1;
        }
        if state.ended == self.members - self.services {
            for &(group, _) in state.groups.iter().filter(|(_, service)| *service) {
                children.end(group);
            }
        }
        drop(state);
        self.changed.notify_all();
        // Again and again: who has not opened its pipe yet would wait for ever.
        self.wait(is_stopped, |state| {
            release(spec);
            state.ended + state.services_ended == self.members
        })
    }

    fn wait(&self, is_stopped: &dyn Fn() -> bool, done: impl Fn(&State) -> bool) -> Result<(), JobError> {
        let mut state = self.state();
        loop {
            if state.failed || is_stopped() {
                return Err(JobError::Interrupted);
            }
            if done(&state) {
                return Ok(());
            }
            state = self.changed.wait_timeout(state, LOOK).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_service(spec: &JobSpec) -> bool {
    spec.outputs.iter().any(|output| output.live == Some(Live::Service))
}

/// Opens the pipes of a job that is over from both ends for a moment, so that nobody waits for a partner who will not
/// come.
fn release(spec: &JobSpec) {
    use std::os::unix::fs::FileTypeExt;
    let own = spec.outputs.iter().filter(|output| output.live == Some(Live::Pipe)).map(|output| &output.path);
    for path in own.chain(&spec.live_inputs) {
        if std::fs::metadata(path).is_ok_and(|meta| meta.file_type().is_fifo()) {
            let _ = OpenOptions::new().read(true).write(true).custom_flags(libc::O_NONBLOCK).open(path);
        }
    }
}

/// Makes a named pipe.
///
/// # Errors
/// There is a file of that name, or its folder cannot be written to.
pub(super) fn make_pipe(path: &str) -> io::Result<()> {
    let text = CString::new(path).map_err(io::Error::other)?;
    // SAFETY: `text` is a terminated text that outlives the call.
    match unsafe { libc::mkfifo(text.as_ptr(), 0o666) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
