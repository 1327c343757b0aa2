//! What an attempt wrote, brought from the attempt's folder to where it belongs, when the attempt is claimed. A staged
//! specification and an outcome in, files in their places and the outcome in people's words out; knows no batch system.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use super::staging::{home, plain};
use crate::disk::{Disk, Stamp};
use crate::run::outputs::{disk_error, temporary};
use crate::run::shadow::copy;
use crate::run::spec::{Home, JobError, JobSpec, Outcome, OutputSpec};

/// What was copied to the attempt's folder, by its path at home: the stamp there, and that of the copy.
pub type Olds = BTreeMap<String, (Stamp, Stamp)>;

/// Copies to the attempt's folder what its job changes (`update()`).
///
/// # Errors
/// A disk's.
pub fn bring_old(staged: &JobSpec, disk: &dyn Disk) -> Result<Olds, JobError> {
    let mut olds = Olds::new();
    for output in staged.outputs.iter().filter(|output| output.update) {
        let home = output.home.as_ref().map(|home| &home.path);
        let Some(home) = home.filter(|home| Path::new(home).exists()) else { continue };
        let folder = Path::new(&output.path).parent().map_or(Ok(()), fs::create_dir_all);
        folder
            .and_then(|()| copy(Path::new(home), Path::new(&output.path)))
            .map_err(|error| disk_error("copy", home, &error))?;
        let stamp = |path: &str| disk.stat(path).map_err(|error| disk_error("read", path, &error));
        if let (Some(there), Some(copied)) = (stamp(home)?, stamp(&output.path)?) {
            olds.insert(home.clone(), (there, copied));
        }
    }
    Ok(olds)
}

/// Brings the results of a job home; `keep` says that those of a failed one are wanted too. The outcome is told in the
/// names that people know, with the stamps that the files have in their places.
pub fn bring(
    staged: &JobSpec,
    olds: &Olds,
    (folder, keep): (&str, bool),
    outcome: Outcome,
    disk: &dyn Disk,
) -> Outcome {
    let mut outcome = in_plain_words(outcome, folder);
    for log in staged.log.items.iter().chain([&staged.stdio_log]).chain(staged.benchmark.as_ref().map(|(path, _)| path))
    {
        // The job's own end is what is told.
        let _ = bring_file(log, &plain(folder, log), disk);
    }
    if !Path::new(&staged.stdio_log).exists() && !staged.log.items.contains(&staged.stdio_log) {
        // Nothing was said; what an earlier attempt said is not this one's.
        let _ = disk.remove(&plain(folder, &staged.stdio_log));
    }
    if outcome.result.is_err() {
        match keep {
            true => bring_unfinished(staged, disk),
            // What the job wrote under the names themselves.
            false => remove_unfinished(staged, &mut outcome, disk),
        }
        return outcome;
    }
    match bring_outputs(staged, olds, folder, &mut outcome, disk) {
        Ok(()) => bring_others(folder, disk),
        Err(error) => {
            remove_unfinished(staged, &mut outcome, disk);
            outcome.outputs.clear();
            outcome.result = Err(error);
        }
    }
    outcome
}

fn bring_unfinished(staged: &JobSpec, disk: &dyn Disk) {
    for (output, home) in homes(staged).filter(|(output, _)| Path::new(&output.path).symlink_metadata().is_ok()) {
        // It is of use to people alone.
        let _ = bring_file(&output.path, &home.path, disk);
    }
}

fn remove_unfinished(staged: &JobSpec, outcome: &mut Outcome, disk: &dyn Disk) {
    for (output, home) in homes(staged).filter(|(output, _)| !output.update) {
        if let Err(error) = disk.remove_output(&home.path, output.directory) {
            outcome.unremoved.push(format!("{}, which is unfinished: {error}", home.path));
        }
    }
    outcome.is_clean = outcome.unremoved.is_empty();
}

/// The outputs that have a place, with that.
fn homes(staged: &JobSpec) -> impl Iterator<Item = (&OutputSpec, &Home)> {
    staged.outputs.iter().filter_map(|output| Some((output, output.home.as_ref()?)))
}

fn bring_outputs(
    staged: &JobSpec,
    olds: &Olds,
    folder: &str,
    outcome: &mut Outcome,
    disk: &dyn Disk,
) -> Result<(), JobError> {
    let mut changed_there = BTreeSet::new();
    for (output, Home { path: home, .. }) in homes(staged) {
        let failed = |error: io::Error| disk_error("put in place", home, &error);
        if let Some((there, copied)) = olds.get(home)
            && disk.stat(&output.path).map_err(failed)?.is_some_and(|now| is_unchanged(copied, &now))
            && disk.stat(home).map_err(failed)?.is_some_and(|now| !is_unchanged(there, &now))
        {
            // Its command has the output's own name word for word: the copy is as it was, and would undo the work.
            disk.remove_output(&output.path, output.directory).map_err(failed)?;
            changed_there.insert(home.as_str());
            continue;
        }
        if output.directory {
            disk.remove_tree(home).map_err(failed)?;
        }
        redirect(&output.path, home, folder).and_then(|()| bring_file(&output.path, home, disk)).map_err(failed)?;
    }
    // A link may lead to an output that comes after it.
    for (output, record) in staged.outputs.iter().zip(&mut outcome.outputs) {
        let Some(Home { path: home, .. }) = &output.home else { continue };
        match disk.stat(home).map_err(|error| disk_error("read", home, &error))? {
            Some(stamp) if is_same(&record.stamp, &stamp) && !changed_there.contains(home.as_str()) => {
                record.stamp = stamp;
            }
            Some(stamp) => (record.stamp, record.hash) = (stamp, None),
            None => return Err(JobError::MissingOutput(vec![home.clone()])),
        }
    }
    Ok(())
}

/// Whether a file is what it was before it was moved; a copy on another file system has another inode.
fn is_same(before: &Stamp, after: &Stamp) -> bool {
    (before.size, before.is_dir) == (after.size, after.is_dir)
}

/// Whether nobody has written to a file; names that it got meanwhile do not count.
fn is_unchanged(before: &Stamp, after: &Stamp) -> bool {
    (before.size, before.mtime_ns, before.inode) == (after.size, after.mtime_ns, after.inode)
}

/// What the job wrote beside its outputs goes where it would have been without an attempt's folder.
fn bring_others(folder: &str, disk: &dyn Disk) {
    let entries = walkdir::WalkDir::new(folder).sort_by_file_name().into_iter().flatten();
    let files: Vec<PathBuf> =
        entries.filter(|entry| !entry.file_type().is_dir()).map(walkdir::DirEntry::into_path).collect();
    for file in files {
        let Some(inside) = file.strip_prefix(folder).ok().and_then(Path::to_str) else { continue };
        // Nobody has declared them, so that nobody waits for them.
        let _ = bring_file(&format!("{folder}/{inside}"), &home(inside), disk);
    }
}

/// Moves a file, a link or a directory; across file systems by way of a copy beside its place. It is no error if there is
/// nothing to move.
fn bring_file(from: &str, to: &str, disk: &dyn Disk) -> io::Result<()> {
    if Path::new(from).symlink_metadata().is_err() {
        return Ok(());
    }
    if let Some(folder) = Path::new(to).parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder)?;
    }
    match disk.rename(from, to) {
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
            let near = temporary(to);
            disk.remove_tree(&near)?;
            copy(Path::new(from), Path::new(&near))?;
            disk.rename(&near, to)?;
            disk.remove_tree(from)
        }
        other => other,
    }
}

/// A link that leads to the right file only from the attempt's folder, or to a file in it, is made anew, so that it leads
/// from its place to the same file in its place.
fn redirect(path: &str, home: &str, folder: &str) -> io::Result<()> {
    let Ok(target) = fs::read_link(path) else { return Ok(()) };
    let here = std::env::current_dir()?;
    let below = |path: &str| here.join(Path::new(path).parent().unwrap_or(Path::new("")));
    let is_there = |at: PathBuf| at.symlink_metadata().is_ok();
    if target.is_relative() && (is_there(below(home).join(&target)) || !is_there(below(path).join(&target))) {
        return Ok(());
    }
    let reached = lexical(&below(path).join(&target));
    let own = here.join(folder);
    let reached = match reached.strip_prefix(&own).ok().and_then(Path::to_str) {
        Some(inside) => here.join(self::home(inside)),
        None if target.is_absolute() => return Ok(()),
        None => reached,
    };
    fs::remove_file(path)?;
    let target = if target.is_absolute() { reached } else { relative(&lexical(&below(home)), &lexical(&reached)) };
    std::os::unix::fs::symlink(target, path)
}

/// A path without `.` and `..`, as text.
fn lexical(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => drop(out.pop()),
            Component::CurDir => {}
            other => out.push(other),
        }
    }
    out
}

/// The way from a folder to a file.
fn relative(from: &Path, to: &Path) -> PathBuf {
    let common = from.components().zip(to.components()).take_while(|(one, other)| one == other).count();
    let up = from.components().skip(common).map(|_| Path::new("..").to_owned());
    up.chain([to.components().skip(common).collect()]).collect()
}

fn in_plain_words(mut outcome: Outcome, folder: &str) -> Outcome {
    let plain = |text: &str| plain(folder, text);
    let words = |text: &mut String| *text = plain(text);
    outcome.log_tail.iter_mut().chain(&mut outcome.unremoved).for_each(words);
    outcome.inputs.iter_mut().chain(&mut outcome.outputs).for_each(|file| file.path = plain(&file.path));
    match &mut outcome.result {
        Ok(()) => {}
        Err(JobError::MissingOutput(missing)) => missing.iter_mut().for_each(words),
        Err(JobError::BadOutput { path, reason }) => {
            words(path);
            words(reason);
        }
        Err(JobError::Action { message, help, .. }) => {
            words(message);
            help.iter_mut().for_each(words);
        }
        Err(JobError::Disk(text) | JobError::Spawn(text) | JobError::CommandNotFound(text)) => words(text),
        Err(JobError::Undeclared { accesses, .. }) => accesses.iter_mut().for_each(|access| words(&mut access.path)),
        Err(_) => {}
    }
    outcome
}
