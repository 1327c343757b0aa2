//! What one job may do to which files: its own and the system's. Paths without links come in, and verdicts on what is asked
//! of them go out; what was refused, and what the job made beside its outputs, is kept for its end. Knows no system calls.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

use super::asked::Deed;
use super::landlock::Level;
use super::system::System;
use crate::event::{self, Access};

/// No more different ones are kept of a job.
const MOST: usize = 100;

/// A file as it was asked for.
pub struct Target {
    /// Without links; not absolute for what has no name in the file system (pipes).
    pub path: PathBuf,
    pub exists: bool,
    pub is_folder: bool,
    /// As the job called it.
    pub called: PathBuf,
}

/// What a job may do.
#[derive(Debug)]
pub struct Sight {
    pub system: Arc<System>,
    /// Declared files and folders.
    pub own: FxHashMap<PathBuf, Level>,
    /// The folders of outputs and logs, in which a job may make further files as long as it works.
    pub beside: FxHashSet<PathBuf>,
    /// Folders that hold what the job may import: Python lists them.
    pub modules: FxHashSet<PathBuf>,
    /// Folders of the job's own, which go with it.
    pub private: Vec<PathBuf>,
}

/// What a job did that it may not, and what it made.
#[derive(Debug, Default)]
pub struct Seen {
    accesses: Vec<Access>,
    made: BTreeSet<PathBuf>,
}

/// Whether a call may go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Allowed,
    Refused,
}

impl Sight {
    fn level(&self, path: &Path) -> Option<Level> {
        self.own_level(path).max(self.system.level(path))
    }

    fn own_level(&self, path: &Path) -> Option<Level> {
        path.ancestors().filter_map(|above| self.own.get(above)).max().copied()
    }

    /// Judges one deed. `is_python` is asked where that matters: its imports list folders.
    pub fn judge(&self, seen: &mut Seen, deed: Deed, target: &Target, is_python: impl FnOnce() -> bool) -> Verdict {
        let Target { path, exists, is_folder, .. } = target;
        // A pipe, or what has no name any more: nobody can declare it.
        if !path.has_root() || path.as_os_str().to_string_lossy().ends_with(" (deleted)") {
            return Verdict::Allowed;
        }
        let level = self.level(path);
        let refused = match deed {
            // What is not there is not read, and the call says so.
            Deed::Read | Deed::Run => (*exists && !is_folder && level.is_none() && !seen.has_made(path))
                .then_some(if deed == Deed::Run { event::Deed::Runs } else { event::Deed::Reads }),
            Deed::List => {
                let is_module = || self.modules.contains(path) && is_python();
                let may = level.is_some() || seen.has_made(path) || is_module();
                (!may).then_some(event::Deed::Lists)
            }
            Deed::Remove => (*exists && !self.may_change(seen, path, level)).then_some(event::Deed::Removes),
            // These fail by themselves.
            Deed::Write { fresh: true, .. } | Deed::Make { replaces: false } if *exists => None,
            Deed::Write { makes: false, .. } if !exists => None,
            Deed::Write { .. } if *is_folder => None,
            Deed::Write { .. } | Deed::Make { .. } if self.may_change(seen, path, level) => None,
            Deed::Write { .. } | Deed::Make { .. } if !exists && self.may_make_in(seen, path.parent()) => {
                seen.made.insert(path.clone());
                None
            }
            Deed::Nameless if self.may_make_in(seen, Some(path)) => None,
            Deed::Write { .. } | Deed::Make { .. } | Deed::Nameless => {
                Some(if self.own_level(path).is_some() { event::Deed::Changes } else { event::Deed::Writes })
            }
        };
        let Some(deed) = refused else { return Verdict::Allowed };
        if !self.is_cache(path) {
            seen.note(Access { deed, path: self.shown(target) });
        }
        Verdict::Refused
    }

    fn may_change(&self, seen: &Seen, path: &Path, level: Option<Level>) -> bool {
        level == Some(Level::Write) || seen.has_made(path)
    }

    fn may_make_in(&self, seen: &Seen, folder: Option<&Path>) -> bool {
        let may = |folder| self.beside.contains(folder) || self.may_change(seen, folder, self.level(folder));
        folder.is_some_and(may)
    }

    /// What a program keeps to be faster the next time, and does without: nothing depends on it. It is refused, and that is no
    /// fault.
    fn is_cache(&self, path: &Path) -> bool {
        let of_python = path.components().any(|part| part.as_os_str() == "__pycache__");
        let of_java = path.components().any(|part| part.as_os_str().to_string_lossy().starts_with("hsperfdata_"));
        let of_user = self.system.home.as_ref().is_some_and(|home| path.starts_with(home.join(".cache")));
        of_python || of_java || of_user
    }

    /// As the job's rule would name it.
    fn shown(&self, target: &Target) -> String {
        let called = lexical(&target.called);
        let is_private = self.private.iter().any(|folder| called.starts_with(folder));
        let path = if is_private || !called.has_root() { &target.path } else { &called };
        let path = match path.strip_prefix(&self.system.directory) {
            Ok(inside) if inside.as_os_str().is_empty() => Path::new("."),
            Ok(inside) => inside,
            Err(_) => path,
        };
        path.to_string_lossy().into_owned()
    }

    /// The job is over: what it has made beside its outputs and left there is a deed, too. With `clean`, it goes.
    pub fn conclude(&self, seen: &mut Seen, clean: bool) -> Vec<Access> {
        let made = std::mem::take(&mut seen.made);
        for path in &made {
            let is_in_made = path.ancestors().skip(1).any(|above| made.contains(above));
            let Some(meta) = fs::symlink_metadata(path).ok().filter(|_| !is_in_made && self.level(path).is_none())
            else {
                continue;
            };
            let target = Target { path: path.clone(), exists: true, is_folder: meta.is_dir(), called: path.clone() };
            if self.is_cache(path) {
                continue;
            }
            seen.note(Access { deed: event::Deed::Writes, path: self.shown(&target) });
            if clean {
                // What cannot be removed stays, and has been named.
                let _ = if meta.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
            }
        }
        std::mem::take(&mut seen.accesses)
    }
}

impl Seen {
    fn has_made(&self, path: &Path) -> bool {
        !self.made.is_empty() && path.ancestors().any(|above| self.made.contains(above))
    }

    fn note(&mut self, access: Access) {
        // What cannot be run is read by a shell, to see whether it is a script.
        let is_same = |known: &Access| {
            let is_read = known.deed == event::Deed::Runs && access.deed == event::Deed::Reads;
            known.path == access.path && (known.deed == access.deed || is_read)
        };
        if self.accesses.len() < MOST && !self.accesses.iter().any(is_same) {
            self.accesses.push(access);
        }
    }
}

/// A path without `.` and `..`, as its text says.
fn lexical(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::CurDir => {}
            std::path::Component::ParentDir => drop(out.pop()),
            other => out.push(other),
        }
    }
    out
}
