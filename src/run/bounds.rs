//! What a job of a strict run may see and write, from what its specification declares; and what of it went beyond that, once
//! it is over. Specifications in, bounded processes and faults out; how they are bounded is `strict`'s.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::command::{Redirect, Simple};
use super::declared::Declared;
use super::outputs::temporary;
use super::shadow::ShadowFolder;
use super::spec::{JobError, JobSpec, Work};
use super::strict::{Cage, System};
use crate::event::{Access, Deed};
use crate::path::normalise;

/// The bounds of a job's processes, one after the other.
#[derive(Debug, Default)]
pub(super) struct Bounds {
    cage: Option<Cage>,
    /// What flow wrote for the next process to read.
    pub given: Vec<PathBuf>,
    /// Folders that go with the job.
    pub private: Vec<PathBuf>,
}

impl Bounds {
    /// The bounds of the next process.
    pub fn next(&mut self, system: &Arc<System>, spec: &JobSpec, shadow: Option<&ShadowFolder>) -> io::Result<&Cage> {
        let mut declared = Declared {
            read: spec.input.items.iter().map(PathBuf::from).chain(self.given.drain(..)).collect(),
            written: Vec::new(),
            streams: vec![PathBuf::from(&spec.stdio_log)],
            private: self.private.clone(),
        };
        declared.private.extend(shadow.map(|shadow| shadow.root().to_owned()));
        // What lies in the shadow is brought back by flow.
        let is_real = |path: &&String| shadow.is_none() || path.starts_with('/');
        for output in spec.outputs.iter().map(|output| &output.path).filter(is_real) {
            declared.written.push(output.into());
            if matches!(spec.work, Work::Run { .. }) {
                declared.written.push(temporary(output).into());
            }
        }
        declared.written.extend(spec.log.items.iter().filter(is_real).map(PathBuf::from));
        let cage = Cage::new(system, &declared, self.cage.as_ref())?;
        Ok(self.cage.insert(cage))
    }

    /// How the job ended, given how its work did: what went beyond its bounds is its fault, whatever it said itself. With `clean`,
    /// files that it left beside its outputs go. `log` gives what it said.
    pub fn judged(
        self,
        done: Result<(), JobError>,
        clean: bool,
        log: impl FnOnce() -> Vec<String>,
    ) -> Result<(), JobError> {
        let Some(cage) = self.cage else { return done };
        let mut accesses = cage.conclude(clean);
        if !cage.is_observed() && matches!(done, Err(JobError::ExitCode(_))) {
            accesses.extend(log().iter().filter_map(|line| refused_in(line)));
            accesses.dedup();
        }
        match done {
            Err(JobError::Interrupted | JobError::TimedOut(_)) => done,
            _ if accesses.is_empty() => done,
            _ => Err(JobError::Undeclared { accesses, ended: done.err().map(|error| error.to_string()) }),
        }
    }
}

/// Whether flow may open the files of a command's redirections itself: they are all declared.
pub(super) fn opens_declared(simple: &Simple, spec: &JobSpec) -> bool {
    let is_one_of = |paths: &[String], path: &str| paths.iter().any(|own| normalise(own) == normalise(path));
    simple.redirects.iter().all(|redirect| match redirect {
        Redirect::Read(path) | Redirect::Write { path, .. } if path == "/dev/null" => true,
        Redirect::Read(path) => is_one_of(&spec.input.items, path),
        Redirect::Write { path, .. } => {
            let is_own = is_one_of(&spec.output.items, path) || is_one_of(&spec.log.items, path);
            is_own && !Path::new(path).is_symlink()
        }
        Redirect::Same { .. } => true,
    })
}

/// The file that a program says it may not open: `cat: x.txt: Permission denied`, `PermissionError: [Errno 13] Permission denied:
/// 'x.txt'`, `mkdir: cannot create directory ‘x’: Permission denied`. All that is known where nobody looks at the calls.
fn refused_in(line: &str) -> Option<Access> {
    const WORDS: &str = "Permission denied";
    let quoted = |text: &str| {
        let inside = text.strip_suffix(['’', '\'', '"'])?;
        inside.rsplit_once(['‘', '\'', '"']).map(|(_, inside)| inside.to_owned())
    };
    let (before, after) = line.trim_end().split_once(WORDS)?;
    let path = match (after.strip_prefix(": "), before.strip_suffix(": ")) {
        (Some(after), _) => quoted(after).unwrap_or_else(|| after.to_owned()),
        (None, Some(before)) => {
            let last = before.rsplit(": ").next().unwrap_or(before);
            quoted(last).unwrap_or_else(|| last.to_owned())
        }
        (None, None) => return None,
    };
    // What is there was read, most of the time.
    let deed = if Path::new(&path).exists() { Deed::Reads } else { Deed::Writes };
    Some(Access { deed, path }).filter(|access| !access.path.is_empty())
}

#[cfg(test)]
mod tests {
    use super::refused_in;

    #[test]
    fn programs_name_what_they_may_not_open() {
        for (line, path) in [
            ("cat: x.txt: Permission denied", Some("x.txt")),
            ("bash: line 1: a b/x.txt: Permission denied", Some("a b/x.txt")),
            ("mkdir: cannot create directory ‘made’: Permission denied", Some("made")),
            ("ls: cannot open directory '.': Permission denied", Some(".")),
            ("PermissionError: [Errno 13] Permission denied: 'x.txt'", Some("x.txt")),
            ("cat: x.txt: No such file or directory", None),
            ("Permission denied", None),
        ] {
            assert_eq!(refused_in(line).map(|access| access.path).as_deref(), path, "{line}");
        }
    }
}
