//! Shadow folders: a job works in a folder of its own, in which the files of the working directory stand as links or
//! copies, and of what it writes there only its outputs and logs are brought back. A job's specification in, a folder and
//! then the files in their places out; knows nothing of commands.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use super::outputs::disk_error;
use super::spec::{JobError, JobSpec, ShadowKind};

/// flow's own folder has no place in a shadow.
const OWN: &str = ".flow";

/// A job's folder, which goes with the value.
#[derive(Debug)]
pub struct ShadowFolder {
    folder: tempfile::TempDir,
    /// Where the job works, as an absolute path: below the folder as deep as relative paths climb.
    work: PathBuf,
    /// The real working directory.
    home: PathBuf,
}

impl ShadowFolder {
    /// The folder that a job asks for; `None` for a job that works in the real one.
    ///
    /// # Errors
    /// It cannot be made or filled.
    pub fn of(spec: &JobSpec, home: &Path) -> Result<Option<ShadowFolder>, JobError> {
        let Some(shadow) = &spec.shadow else { return Ok(None) };
        let failed = |error| disk_error("make a shadow folder in", &shadow.folder, &error);
        fs::create_dir_all(&shadow.folder).map_err(failed)?;
        let folder = tempfile::Builder::new().prefix("job-").tempdir_in(&shadow.folder).map_err(failed)?;
        let mut work = std::path::absolute(folder.path()).map_err(failed)?;
        let own = || spec.outputs.iter().map(|output| &output.path).chain(&spec.log.items);
        let climbs = own().chain(&spec.input.items).map(|path| path.matches("../").count()).max().unwrap_or(0);
        work.extend(std::iter::repeat_n("work", climbs + 1));
        let shadowed = ShadowFolder { folder, work, home: home.to_owned() };
        shadowed.fill(spec, shadow.kind, &own().map(String::as_str).collect()).map_err(failed)?;
        Ok(Some(shadowed))
    }

    /// The folder that goes with the value.
    pub fn root(&self) -> &Path {
        self.folder.path()
    }

    /// Where the job works.
    pub fn work(&self) -> &Path {
        &self.work
    }

    fn fill(&self, spec: &JobSpec, kind: ShadowKind, own: &BTreeSet<&str>) -> io::Result<()> {
        fs::create_dir_all(&self.work)?;
        // What the job writes is never a link to what is there, and neither is a folder on the way to it.
        let mut ways: BTreeSet<&Path> = BTreeSet::new();
        for path in own.iter().filter(|path| !path.starts_with('/')) {
            ways.extend(Path::new(path).ancestors().skip(1).filter(|way| !way.as_os_str().is_empty()));
        }
        match kind {
            ShadowKind::Shallow | ShadowKind::Full => {
                self.mirror(Path::new(""), kind == ShadowKind::Full, &ways, own)?;
            }
            ShadowKind::Minimal | ShadowKind::CopyMinimal => {
                for input in spec.input.items.iter().filter(|input| !input.starts_with('/')) {
                    let place = self.work.join(input);
                    if let Some(folder) = place.parent() {
                        fs::create_dir_all(folder)?;
                    }
                    match kind {
                        _ if place.symlink_metadata().is_ok() => {}
                        ShadowKind::CopyMinimal => copy(&fs::canonicalize(self.home.join(input))?, &place)?,
                        _ => symlink(self.home.join(input), &place)?,
                    }
                }
            }
        }
        for path in own.iter().filter(|path| !path.starts_with('/')) {
            if let Some(folder) = self.work.join(path).parent() {
                fs::create_dir_all(folder)?;
            }
        }
        for output in spec.outputs.iter().filter(|output| output.update && !output.path.starts_with('/')) {
            let there = self.home.join(&output.path);
            if there.exists() {
                copy(&there, &self.work.join(&output.path))?;
            }
        }
        Ok(())
    }

    /// Links to what a folder of the working directory holds; real folders on the way to what the job writes, and
    /// everywhere where all is to be `deep`.
    fn mirror(&self, folder: &Path, deep: bool, ways: &BTreeSet<&Path>, own: &BTreeSet<&str>) -> io::Result<()> {
        let shadows = self.work.ancestors().nth(2).unwrap_or(Path::new("/"));
        for entry in fs::read_dir(self.home.join(folder))? {
            let entry = entry?;
            let path = folder.join(entry.file_name());
            let is_own = path.to_str().is_some_and(|path| own.contains(path));
            if is_own || path == Path::new(OWN) {
                continue;
            }
            let is_real = entry.file_type()?.is_dir();
            let descends = is_real && (ways.contains(path.as_path()) || (deep && !shadows.starts_with(entry.path())));
            if descends {
                fs::create_dir_all(self.work.join(&path))?;
                self.mirror(&path, deep, ways, own)?;
            } else {
                symlink(entry.path(), self.work.join(&path))?;
            }
        }
        Ok(())
    }

    /// Where the job writes a file.
    pub fn place(&self, path: &str) -> PathBuf {
        self.work.join(path)
    }

    /// Brings a file that the job wrote to `to`, which lies in the folder of its real place. A link into the shadow leads
    /// to the same file beside it.
    ///
    /// # Errors
    /// The file cannot be moved.
    pub fn bring(&self, path: &str, to: &str) -> io::Result<()> {
        let from = self.work.join(path);
        if let Ok(target) = fs::read_link(&from)
            && let Ok(inside) = target.strip_prefix(&self.work)
        {
            let up = Path::new(path).parent().map_or(0, |folder| folder.components().count());
            let relative: PathBuf = std::iter::repeat_n(Path::new(".."), up).chain([inside]).collect();
            return symlink(relative, to);
        }
        match fs::rename(&from, to) {
            Err(error) if error.kind() == io::ErrorKind::CrossesDevices => copy(&from, Path::new(to)),
            other => other,
        }
    }

    /// Brings the logs back that the job wrote, whether it succeeded or not.
    pub fn bring_logs(&self, spec: &JobSpec) {
        for log in spec.log.items.iter().filter(|log| !log.starts_with('/')) {
            let from = self.work.join(log);
            if from.symlink_metadata().is_ok_and(|meta| meta.is_file()) {
                // The job's own end is what is told.
                let _ = fs::rename(&from, log).or_else(|_| fs::copy(&from, log).map(drop));
            }
        }
    }
}

/// Copies a file, a link, or a folder with all that is in it.
pub fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let meta = fs::symlink_metadata(from)?;
    if meta.is_symlink() {
        return symlink(fs::read_link(from)?, to);
    }
    if !meta.is_dir() {
        return fs::copy(from, to).map(drop);
    }
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        copy(&entry.path(), &to.join(entry.file_name()))?;
    }
    Ok(())
}
