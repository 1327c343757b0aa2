//! Outputs that workflows share: a job whose result is in the cache takes it from there, and one that made it puts it there.
//! An entry is known by what the result comes from: the job's identity, and the content of its inputs. Files are copied, so
//! that nobody who changes an output changes what others get. Knows neither rules nor which jobs are to be cached.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::outputs::disk_error;
use super::spec::{CacheKey, JobError, JobSpec};
use crate::disk::Hash;
use crate::path::TEMPORARY;
use crate::store::FileRecord;

/// The places of a job's outputs in the cache.
pub struct Cached<'a> {
    spec: &'a JobSpec,
    places: Vec<PathBuf>,
}

impl<'a> Cached<'a> {
    /// `None` for a job that is not to be cached. `hash` gives the content's hash of an input.
    pub fn of(
        spec: &'a JobSpec,
        inputs: &[FileRecord],
        hash: impl Fn(&FileRecord) -> Result<Hash, JobError>,
    ) -> Result<Option<Cached<'a>>, JobError> {
        let Some(CacheKey { folder, identity, suffixes }) = &spec.cache else { return Ok(None) };
        let mut hasher = blake3::Hasher::new();
        hasher.update(identity);
        for input in inputs {
            hasher.update(&hash(input)?);
        }
        let entry = hasher.finalize().to_hex();
        let places = suffixes.iter().map(|suffix| Path::new(folder).join(format!("{entry}{suffix}"))).collect();
        Ok(Some(Cached { spec, places }))
    }

    /// Copies all outputs to where the job writes them; false if not all are there, and nothing was copied.
    pub fn fetch(&self, written: impl Fn(usize) -> String) -> Result<bool, JobError> {
        if !self.places.iter().all(|place| place.exists()) {
            return Ok(false);
        }
        for (at, place) in self.places.iter().enumerate() {
            let path = written(at);
            copy(place, Path::new(&path)).map_err(|error| disk_error("take from the cache", &path, &error))?;
        }
        Ok(true)
    }

    /// Puts the outputs, which are in place, into the cache: each whole or not at all, whoever else does the same.
    pub fn store(&self) -> Result<(), JobError> {
        for (output, place) in self.spec.outputs.iter().zip(&self.places) {
            let keep = || -> io::Result<()> {
                let folder = place.parent().unwrap_or(Path::new("."));
                let near = tempfile::Builder::new().prefix(TEMPORARY).tempdir_in(folder)?;
                let copied = near.path().join("output");
                copy(Path::new(&output.path), &copied)?;
                match fs::rename(&copied, place) {
                    // Another flow has put the same directory there meanwhile.
                    Err(_) if place.is_dir() => Ok(()),
                    other => other,
                }
            };
            keep().map_err(|error| disk_error("put into the cache", &output.path, &error))?;
        }
        Ok(())
    }
}

/// A file, or a directory with all that is in it; of a link, what it leads to.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    if from.is_dir() { super::shadow::copy(from, to) } else { fs::copy(from, to).map(drop) }
}
