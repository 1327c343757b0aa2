//! Outputs whole or absent: made ready before a job, checked and put in place together after it, removed when it fails.
//! Knows declared outputs and the disk, not what made them.

use std::fs;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use sha2::Digest;

use super::cluster::spool::claimed;
use super::handled::Handled;
use super::shadow::ShadowFolder;
use super::spec::{JobError, JobSpec, Live, OutputSpec, Work};
use super::together::make_pipe;
use crate::disk::{Disk, Stamp};
use crate::path::{NAME_MAX, TEMPORARY};
use crate::store::FileRecord;

/// Of what is there only while jobs run: the same every time.
pub(super) const NO_STAMP: Stamp = Stamp { size: 0, mtime_ns: 0, inode: 0, is_dir: false, changed_ns: 0 };

/// Where an output is written before it is put in place: a sibling, so that a rename does it.
pub fn temporary(output: &str) -> String {
    let (folder, name) = match output.rfind('/') {
        Some(at) => output.split_at(at + 1),
        None => ("", output),
    };
    if TEMPORARY.len() + name.len() <= NAME_MAX {
        return format!("{folder}{TEMPORARY}{name}");
    }
    // Too long: a digest in place of the name, its suffix kept.
    let digest = &blake3::hash(name.as_bytes()).to_hex()[..16];
    let suffix = Path::new(name).extension().and_then(|suffix| suffix.to_str()).filter(|suffix| suffix.len() < 32);
    format!("{folder}{TEMPORARY}{digest}{}", suffix.map(|suffix| format!(".{suffix}")).unwrap_or_default())
}

/// Where an output stands, as it was, while a job with `update()` works on it.
fn old(output: &str) -> String {
    let near = temporary(output);
    let name = near.rfind('/').map_or(0, |at| at + 1);
    format!("{}.flow-old.{}", &near[..name], &near[name + TEMPORARY.len()..])
}

/// Keeps a file as it is before a job changes it; one that a killed run kept is the older one, and stays.
fn keep_old(path: &str) -> Result<(), JobError> {
    let (from, to) = (Path::new(path), old(path));
    if Path::new(&to).exists() || !from.exists() {
        return Ok(());
    }
    let near = format!("{to}.part");
    super::shadow::copy(from, Path::new(&near))
        .and_then(|()| {
            let time = filetime::FileTime::from_last_modification_time(&fs::metadata(from)?);
            filetime::set_file_mtime(&near, time)?;
            fs::rename(&near, &to)
        })
        .map_err(|error| disk_error("keep a copy of", path, &error))
}

/// Copies a file, as it is before a job changes it, to where the job works on it.
fn bring_old(path: &str, to: &str) -> Result<(), JobError> {
    let from = Path::new(path);
    if !from.exists() {
        return Ok(());
    }
    super::shadow::copy(from, Path::new(to)).map_err(|error| disk_error("copy", path, &error))
}

/// Puts a file back as it was before a job changed it; false if none was kept.
pub(super) fn restore(path: &str) -> bool {
    let kept = old(path);
    Path::new(&kept).exists() && fs::rename(&kept, path).is_ok()
}

/// The folder that a path names; nothing for the one where flow stands, and for the root.
fn folder_of(path: &str) -> &str {
    path.rfind('/').map_or("", |at| &path[..at])
}

/// The outputs of one job.
pub(super) struct Outputs<'a> {
    spec: &'a JobSpec,
    disk: &'a dyn Disk,
    /// Where the job works, if not in the real folder.
    shadow: Option<&'a ShadowFolder>,
}

impl<'a> Outputs<'a> {
    pub fn new(spec: &'a JobSpec, disk: &'a dyn Disk) -> Self {
        Outputs { spec, disk, shadow: None }
    }

    /// From now on the job works in a shadow folder.
    pub fn shadowed(&mut self, shadow: Option<&'a ShadowFolder>) {
        self.shadow = shadow;
    }

    fn in_place(&self, output: &OutputSpec) -> bool {
        output.live.is_some() || self.spec.writes_in_place_at(&output.path)
    }

    /// Where the job writes an output.
    pub fn written(&self, output: &OutputSpec) -> String {
        match self.shadow {
            _ if self.in_place(output) => output.path.clone(),
            Some(shadow) => shadow.place(&output.path).to_string_lossy().into_owned(),
            None => temporary(&output.path),
        }
    }

    /// An error if there is at an output's name what the job may not replace: a write-protected file, a directory where the
    /// rule declares none, one of the `inputs`. Asked before anything is touched.
    pub fn check_replaceable(&self, inputs: &[FileRecord]) -> Result<(), JobError> {
        for output in &self.spec.outputs {
            if let Some(reason) = irreplaceable(output, inputs) {
                return Err(JobError::BadOutput { path: output.path.clone(), reason });
            }
        }
        Ok(())
    }

    /// Before the job: folders made, what a job would write over removed (in place: the old outputs; otherwise
    /// temporaries that a crash left).
    pub fn prepare(&self, handled: &mut Handled<'_>) -> Result<(), JobError> {
        let mut made = None;
        for output in &self.spec.outputs {
            let folder = folder_of(&output.path);
            if made.replace(folder) != Some(folder) {
                self.make_folder(&output.path)?;
            }
            let written = self.written(output);
            if output.update && self.in_place(output) {
                keep_old(&output.path)?;
                continue;
            }
            self.disk
                .remove_output(&written, output.directory)
                .map_err(|error| disk_error("remove", &written, &error))?;
            if output.update && matches!(self.spec.work, Work::Run { .. }) {
                bring_old(&output.path, &written)?;
                handled.forget(&written);
            }
            if output.live == Some(Live::Pipe) {
                make_pipe(&written).map_err(|error| disk_error("make the pipe", &written, &error))?;
            }
            // Snakemake makes the folder above a directory output, and leaves the directory to the job.
        }
        for log in &self.spec.log.items {
            self.make_folder(log)?;
        }
        if let Some((benchmark, _)) = &self.spec.benchmark {
            self.make_folder(benchmark)?;
        }
        Ok(())
    }

    fn make_folder(&self, path: &str) -> Result<(), JobError> {
        match folder_of(path) {
            "" => Ok(()),
            folder => self.disk.create_dir_all(folder).map_err(|error| disk_error("make the folder of", path, &error)),
        }
    }

    /// After the job: all outputs are there and as declared, or the first fault.
    pub fn verify(&self, handled: &mut Handled<'_>) -> Result<(), JobError> {
        let mut missing = Vec::new();
        for output in self.spec.outputs.iter().filter(|output| output.live.is_none()) {
            let written = self.written(output);
            if output.touch || output.checksum.is_some() {
                handled.settle(&written).map_err(|error| disk_error("write", &written, &error))?;
            }
            if output.touch && output.directory {
                self.disk.create_dir_all(&written).map_err(|error| disk_error("make", &written, &error))?;
            } else if output.touch {
                self.disk.touch(&written).map_err(|error| disk_error("touch", &written, &error))?;
            }
            let mut found = handled.stat(&written).map_err(|error| disk_error("read", &written, &error))?;
            if found.is_none() && self.fetched(output) {
                found = handled.stat(&written).map_err(|error| disk_error("read", &written, &error))?;
            }
            match found {
                None => missing.push(output.path.clone()),
                Some(stamp) => check(output, &written, stamp)?,
            }
        }
        if missing.is_empty() { Ok(()) } else { Err(JobError::MissingOutput(missing)) }
    }

    /// Whether the job wrote an output under the name where it belongs, which its command has word for word: it is brought to the
    /// name of this attempt. Nothing was there when the job was given out; but what is there now may be another attempt's,
    /// unless this one is claimed.
    fn fetched(&self, output: &OutputSpec) -> bool {
        let Some(home) = output.home.as_ref().filter(|_| self.in_place(output)) else { return false };
        fs::symlink_metadata(&home.path).is_ok() && claimed(home) && self.disk.rename(&home.path, &output.path).is_ok()
    }

    /// Puts verified outputs in place, one after the other; if one cannot be, none is left. Gives their stamps.
    pub fn commit(&self, handled: &mut Handled<'_>) -> Result<Vec<Stamp>, JobError> {
        let mut stamps = Vec::with_capacity(self.spec.outputs.len());
        for (at, output) in self.spec.outputs.iter().enumerate() {
            if output.live.is_some() {
                // All that used it are done.
                let _ = self.disk.remove(&output.path);
                stamps.push(Some(NO_STAMP));
                continue;
            }
            match self.put(output, handled) {
                Ok(stamp) => stamps.push(stamp),
                Err(error) => {
                    for done in &self.spec.outputs[..at] {
                        // The error that is told is the first one.
                        let _ = self.disk.remove_output(&done.path, done.directory);
                    }
                    return Err(error);
                }
            }
        }
        // A link may lead to an output that comes after it.
        let stamps = stamps.into_iter().zip(&self.spec.outputs);
        let stamps = stamps.map(|(stamp, output)| stamp.map_or_else(|| self.stamp(&output.path), Ok));
        let stamps = stamps.collect::<Result<_, _>>()?;
        for output in self.spec.outputs.iter().filter(|output| output.update) {
            let _ = fs::remove_file(old(&output.path));
        }
        Ok(stamps)
    }

    /// Gives the stamp where it is known.
    fn put(&self, output: &OutputSpec, handled: &mut Handled<'_>) -> Result<Option<Stamp>, JobError> {
        let path = &output.path;
        let mut stamp = None;
        if !self.in_place(output) {
            if let Some(shadow) = self.shadow {
                let near = temporary(path);
                self.disk.remove_tree(&near).map_err(|error| disk_error("remove", &near, &error))?;
                shadow.bring(path, &near).map_err(|error| disk_error("bring back", path, &error))?;
            }
            if output.directory {
                // A rename does not replace a directory that has files in it.
                self.disk.remove_tree(path).map_err(|error| disk_error("remove", path, &error))?;
            }
            stamp = handled.put(&temporary(path), path).map_err(|error| disk_error("put in place", path, &error))?;
        }
        if output.protected {
            self.disk.write_protect(path).map_err(|error| disk_error("write-protect", path, &error))?;
        }
        Ok(stamp)
    }

    fn stamp(&self, path: &str) -> Result<Stamp, JobError> {
        match self.disk.stat(path).map_err(|error| disk_error("read", path, &error))? {
            Some(stamp) => Ok(stamp),
            None => Err(JobError::MissingOutput(vec![path.to_owned()])),
        }
    }

    /// After a failure: nothing of what the job wrote is left. Gives what could not be removed, and why.
    pub fn discard(&self) -> Vec<String> {
        let mut left = Vec::new();
        for output in &self.spec.outputs {
            left.extend(self.try_to_remove(&self.written(output), output));
            if output.update {
                restore(&output.path);
            }
        }
        left
    }

    fn try_to_remove(&self, path: &str, output: &OutputSpec) -> Option<String> {
        let error = self.disk.remove_output(path, output.directory).err()?;
        // What is in a directory that the job made in place of a file is the user's to look at.
        let is_theirs = !output.directory && Path::new(path).is_dir();
        (!is_theirs).then(|| format!("{path}, which is unfinished: {error}"))
    }

    /// After a failure: what an earlier run of the job left is not its result any more. Protected outputs stay. Gives
    /// what could not be removed, and why.
    pub fn retract(&self) -> Vec<String> {
        let results = self.spec.outputs.iter().filter(|output| !output.update && !is_protected(&output.path));
        results.filter_map(|output| self.try_to_remove(&output.path, output)).collect()
    }
}

/// Whether nobody may write to what is there.
pub(super) fn is_protected(path: &str) -> bool {
    fs::symlink_metadata(path).is_ok_and(|meta| !meta.is_symlink() && meta.permissions().mode() & 0o222 == 0)
}

/// Why what is at an output's name must stay there; `None` if it may be replaced, or there is nothing.
fn irreplaceable(output: &OutputSpec, inputs: &[FileRecord]) -> Option<String> {
    let meta = fs::symlink_metadata(&output.path).ok()?;
    if !output.directory && fs::metadata(&output.path).is_ok_and(|meta| meta.is_dir()) {
        return Some(
            "there is a directory of that name, and it stays: move it away, or declare the output as directory(…)"
                .to_owned(),
        );
    }
    // A file that is changed is not removed first.
    let removed = if output.update { &[] } else { inputs };
    if let Some(input) = removed.iter().find(|input| is_or_holds(&output.path, &meta, input)) {
        return Some(format!(
            "making it would remove the input {}, which is {} by another name: give them different places",
            input.path,
            if meta.is_dir() { "in it or is it," } else { "the same file" }
        ));
    }
    is_protected(&output.path)
        .then(|| "is write-protected and would be made again: remove it, or make it writable, first".to_owned())
}

/// Whether removing an output would remove an input: it is the same directory entry by another name, or lies in the
/// output's directory. Another hard link of the same file is another entry, and so is a link that leads to it.
fn is_or_holds(output: &str, meta: &fs::Metadata, input: &FileRecord) -> bool {
    if meta.is_dir() {
        let places = fs::canonicalize(output).ok().zip(fs::canonicalize(&input.path).ok());
        return places.is_some_and(|(output, input)| input.starts_with(output));
    }
    if !meta.is_symlink() && meta.ino() != input.stamp.inode {
        return false;
    }
    entry(output).is_some_and(|at| entry(&input.path) == Some(at))
        || (!meta.is_symlink() && fs::canonicalize(&input.path).ok().is_some_and(|at| entry(output) == Some(at)))
}

/// A directory entry: its folder without links, and its name.
fn entry(path: &str) -> Option<PathBuf> {
    let path = Path::new(path);
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Some(fs::canonicalize(folder).ok()?.join(path.file_name()?))
}

/// Whether what is there is what was declared.
fn check(output: &OutputSpec, written: &str, stamp: Stamp) -> Result<(), JobError> {
    let bad = |reason: String| Err(JobError::BadOutput { path: output.path.clone(), reason });
    match (output.directory, stamp.is_dir) {
        (false, true) => return bad("the job made a directory; declare the output as directory(…)".to_owned()),
        (true, false) => return bad("is declared as directory(…) and is a file".to_owned()),
        _ => {}
    }
    if output.non_empty && stamp.size == 0 && !stamp.is_dir {
        return bad("is empty, and ensure(non_empty=True) says that it must not be".to_owned());
    }
    let Some((algorithm, wanted)) = &output.checksum else { return Ok(()) };
    match digest(algorithm, written) {
        Ok(Some(found)) if found.eq_ignore_ascii_case(wanted) => Ok(()),
        Ok(Some(found)) => bad(format!("its {algorithm} is {found}, and ensure(…) says {wanted}")),
        Ok(None) => bad(format!("ensure(…) knows no {algorithm}: use sha256, sha1 or md5")),
        Err(error) => Err(disk_error("read", written, &error)),
    }
}

/// The hexadecimal digest of a file, by the algorithm's name.
fn digest(algorithm: &str, path: &str) -> std::io::Result<Option<String>> {
    match algorithm {
        "sha256" => digest_with::<sha2::Sha256>(path).map(Some),
        "sha1" => digest_with::<sha1::Sha1>(path).map(Some),
        "md5" => digest_with::<md5::Md5>(path).map(Some),
        _ => Ok(None),
    }
}

fn digest_with<D: Digest>(path: &str) -> std::io::Result<String> {
    let mut file = fs::File::open(path)?;
    let mut hasher = D::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            n => hasher.update(&buffer[..n]),
        }
    }
    Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

pub(super) fn disk_error(doing: &str, path: &str, error: &std::io::Error) -> JobError {
    JobError::Disk(format!("cannot {doing} {path}: {error}"))
}

/// Before a job is given to another machine, where it works on names of its own: what an earlier run left at its outputs'
/// names is removed, as it is before a job here, and the folders are made.
pub(super) fn clear_homes(spec: &JobSpec, disk: &dyn Disk) -> Result<(), JobError> {
    let outputs = Outputs::new(spec, disk);
    let is_there = |output: &OutputSpec| output.live.is_none() && fs::symlink_metadata(&output.path).is_ok();
    if spec.outputs.iter().any(is_there) {
        let inputs = spec.input.items.iter().filter(|input| !spec.live_inputs.contains(input));
        let inputs = inputs.filter_map(|path| {
            let stamp = disk.stat(path).ok().flatten()?;
            Some(FileRecord { path: path.clone(), stamp, hash: None })
        });
        outputs.check_replaceable(&inputs.collect::<Vec<_>>())?;
    }
    for output in spec.outputs.iter().filter(|output| output.live.is_none()) {
        outputs.make_folder(&output.path)?;
        if !output.update {
            disk.remove_output(&output.path, output.directory)
                .map_err(|error| disk_error("remove", &output.path, &error))?;
        }
    }
    Ok(())
}
