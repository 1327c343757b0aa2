//! `--strict`: a job's processes see their declared inputs, the system and a temporary folder, and write their outputs and
//! logs. Declared files in; processes that cannot do more, and what they tried, out. Knows files and processes, no rules.
//!
//! Two of the kernel's means work together. Landlock (`landlock`) refuses: its rights hang on files and folders that are
//! there, and nothing gets round them. Seccomp's notifications (`notify`, `observer`) name: each call that names a file is
//! looked at before it is made, so that what a program tries is known even if it hides that it failed, and what Landlock cannot
//! tell apart (a new file and its neighbours in the folder of an output) is refused one by one.
//!
//! Both belong to a thread and go on to what it starts. A thread that lives as long as it takes to start a process gives up its
//! rights and is looked at; so nothing runs between `fork` and `exec`, and flow itself stays free.

mod asked;
mod landlock;
mod notify;
mod observer;
mod sight;
mod system;

use std::io;
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Child, Command};
use std::sync::{Arc, Mutex, PoisonError, mpsc};

use rustc_hash::{FxHashMap, FxHashSet};

pub use self::system::System;

use self::landlock::{Level, Ruleset};
use self::notify::Listener;
use self::observer::observe;
use self::sight::{Seen, Sight};
use self::system::Place;
use super::declared::Declared;
use crate::event::Access;

/// The threads of a job do little.
const STACK: usize = 256 << 10;

/// Why there are no strict runs here, and what would help; `None` where there are.
pub fn missing() -> Option<(&'static str, &'static str)> {
    landlock::version().is_none().then_some((
        "--strict needs Landlock, and this kernel does not have it",
        "Linux has it from 5.13 on, where it is turned on: /sys/kernel/security/lsm lists `landlock`",
    ))
}

/// Whether what jobs try is seen; else it is refused, and named only where a program says so.
pub fn is_observed() -> bool {
    landlock::version().is_some_and(system::can_observe)
}

/// The bounds of one job.
#[derive(Debug)]
pub struct Cage {
    rules: Ruleset,
    sight: Arc<Sight>,
    seen: Arc<Mutex<Seen>>,
}

impl Cage {
    /// What is seen of its processes is added to what was seen in the cage `before`.
    ///
    /// # Errors
    /// The kernel takes no more rules.
    pub fn new(system: &Arc<System>, declared: &Declared, before: Option<&Cage>) -> io::Result<Cage> {
        let rules = Ruleset::new(system.version, !system.observed)?;
        system.allow(&rules)?;
        let mut sight = Sight {
            system: Arc::clone(system),
            own: FxHashMap::default(),
            beside: FxHashSet::default(),
            modules: FxHashSet::from_iter([system.directory.clone()]),
            private: Vec::new(),
        };
        for path in &declared.read {
            // What is gone by now is told by the job.
            let Ok(place) = Place::open(path, true) else { continue };
            rules.allow(place.fd.as_fd(), place.is_folder, Level::Read)?;
            if is_module(&place.path) {
                sight.modules.extend(place.path.parent().map(Path::to_owned));
                // A link beside other modules.
                sight.modules.extend(path.parent().and_then(|folder| std::fs::canonicalize(folder).ok()));
            }
            let level = sight.own.entry(place.path).or_insert(Level::Read);
            *level = (*level).max(Level::Read);
        }
        for path in &declared.written {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            let (Ok(place), Some(name)) = (Place::open(folder, true), path.file_name()) else { continue };
            sight.own.insert(place.path.join(name), Level::Write);
            if !sight.beside.contains(&place.path) {
                rules.allow(place.fd.as_fd(), true, Level::Write)?;
                sight.beside.insert(place.path);
            }
        }
        for path in declared.streams.iter().chain(&declared.private) {
            let Ok(place) = Place::open(path, true) else { continue };
            rules.allow(place.fd.as_fd(), place.is_folder, Level::Write)?;
            if place.is_folder {
                sight.private.push(place.path.clone());
            }
            sight.own.insert(place.path, Level::Write);
        }
        let seen = before.map(|before| Arc::clone(&before.seen)).unwrap_or_default();
        Ok(Cage { rules, sight: Arc::new(sight), seen })
    }

    /// Starts a process that is bound by it, and all that it starts.
    ///
    /// # Errors
    /// It could not be started.
    pub fn spawn(&self, command: &mut Command) -> io::Result<Child> {
        let thread = || std::thread::Builder::new().name("strict".to_owned()).stack_size(STACK);
        let observed = self.sight.system.observed;
        std::thread::scope(|scope| {
            let (sender, listeners) = mpsc::channel();
            let starting = thread().spawn_scoped(scope, move || {
                self.rules.restrict_thread()?;
                if observed {
                    // From here on this thread, too, waits for the other one at each call that names a file.
                    let _ = sender.send(Listener::install()?);
                }
                drop(sender);
                command.spawn()
            })?;
            if let Ok(listener) = listeners.recv() {
                let (sight, seen) = (Arc::clone(&self.sight), Arc::clone(&self.seen));
                thread().spawn(move || observe(&listener, &sight, &seen))?;
            }
            starting.join().unwrap_or_else(|_| Err(io::Error::other("the thread that starts it panicked")))
        })
    }

    /// Whether somebody looks at what its processes ask for, or Landlock refuses it without a word.
    pub fn is_observed(&self) -> bool {
        self.sight.system.observed
    }

    /// What its processes did that they may not; with `clean`, files that they left beside their outputs go.
    pub fn conclude(&self, clean: bool) -> Vec<Access> {
        self.sight.conclude(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner), clean)
    }
}

/// What Python imports from a file.
fn is_module(path: &Path) -> bool {
    path.extension().is_some_and(|suffix| suffix == "py" || suffix == "pyc" || suffix == "so")
}
