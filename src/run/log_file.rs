//! The file into which a job's processes write both their outputs: opened, emptied before work that may write none, and gone
//! where nothing was written. Specifications in, files out; knows no processes.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::Path;

use super::outputs::disk_error;
use super::spec::{JobError, JobSpec};

/// The log, made with its folder where it is not there.
pub(super) fn open_log(path: &str, append: bool) -> io::Result<File> {
    let open = || -> io::Result<File> {
        let mut options = OpenOptions::new();
        // Two processes may write to it: each writes to its end.
        let file = options.create(true).append(true).open(path)?;
        if !append {
            file.set_len(0)?;
        }
        Ok(file)
    };
    match open() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Path::new(path).parent().map_or(Ok(()), fs::create_dir_all)?;
            open()
        }
        other => other,
    }
}

/// Before work that may write no log: none is left from an earlier run, and one that the rule declares is there.
pub(super) fn clear_log(spec: &JobSpec) -> Result<(), JobError> {
    let path = &spec.stdio_log;
    if is_declared(spec) {
        return open_log(path, false).map(drop).map_err(|error| disk_error("write", path, &error));
    }
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(disk_error("remove", path, &error)),
        _ => Ok(()),
    }
}

/// A hundred thousand silent jobs leave no hundred thousand empty files; a log that the rule declares stays.
pub(super) fn drop_empty_log(spec: &JobSpec) {
    if !is_declared(spec) && fs::metadata(&spec.stdio_log).is_ok_and(|meta| meta.is_file() && meta.len() == 0) {
        let _ = fs::remove_file(&spec.stdio_log);
    }
}

fn is_declared(spec: &JobSpec) -> bool {
    spec.log.items.contains(&spec.stdio_log)
}
