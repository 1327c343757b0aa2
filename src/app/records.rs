//! The store as the plan asks it: fingerprints in memory, details on demand.

use std::cell::{OnceCell, RefCell};
use std::collections::HashSet;
use std::path::Path;

use rustc_hash::FxHashMap;

use super::Failure;
use super::project::Project;
use crate::diagnostic::Diagnostic;
use crate::plan::decide::Records;
use crate::store::{Fingerprint, JobRecord, Opened, StartedRow, Store, StoreError};

pub struct StoreRecords {
    store: RefCell<Store>,
    fingerprints: FxHashMap<Box<str>, (Fingerprint, u64)>,
    unfinished: HashSet<String>,
    /// The outputs of all jobs on record, read when they are first asked for.
    outputs: OnceCell<HashSet<String>>,
}

impl StoreRecords {
    /// Opens the store to write to it; gives what a killed run left.
    pub fn open(project: &Project) -> Result<(StoreRecords, Vec<StartedRow>), Failure> {
        let opened = Store::open(Path::new(".")).map_err(|error| store_failure(&error))?;
        Self::over(opened, project)
    }

    /// Opens the store to look at it. Where another flow holds it, the plan is made without records.
    pub fn look(project: &Project) -> Result<StoreRecords, Failure> {
        let opened = match Store::peek(Path::new(".")) {
            Err(error @ StoreError::Locked { .. }) => {
                project.warn(format!("{error}; this look is made without its records"));
                return Ok(StoreRecords {
                    store: RefCell::new(Store::empty().map_err(|error| store_failure(&error))?),
                    fingerprints: FxHashMap::default(),
                    unfinished: HashSet::new(),
                    outputs: OnceCell::new(),
                });
            }
            other => other.map_err(|error| store_failure(&error))?,
        };
        Self::over(opened, project).map(|(records, _)| records)
    }

    fn over(opened: Opened, project: &Project) -> Result<(StoreRecords, Vec<StartedRow>), Failure> {
        let Opened { mut store, recovered, notice } = opened;
        if let Some(notice) = notice {
            project.warn(notice);
        }
        let mut fingerprints = FxHashMap::default();
        let scanned = store.scan(|key, fingerprint, wall_ms| {
            fingerprints.insert(key.into(), (fingerprint, wall_ms));
        });
        match scanned {
            Ok(()) => {}
            Err(StoreError::Damaged(why)) => {
                fingerprints.clear();
                project.warn(store.rebuild(&why).map_err(|error| store_failure(&error))?);
            }
            Err(error) => return Err(store_failure(&error)),
        }
        let unfinished = recovered.iter().map(|row| row.key.clone()).collect();
        Ok((StoreRecords { store: RefCell::new(store), fingerprints, unfinished, outputs: OnceCell::new() }, recovered))
    }

    pub fn store(&self) -> std::cell::Ref<'_, Store> {
        self.store.borrow()
    }

    /// How long a job took, in milliseconds.
    pub fn wall_ms(&self, key: &str) -> Option<u64> {
        self.fingerprints.get(key).map(|(_, wall_ms)| *wall_ms)
    }
}

impl Records for StoreRecords {
    fn fingerprint(&self, key: &str) -> Option<Fingerprint> {
        self.fingerprints.get(key).map(|(fingerprint, _)| *fingerprint)
    }

    fn record(&self, key: &str) -> Result<Option<JobRecord>, String> {
        if !self.fingerprints.contains_key(key) {
            return Ok(None);
        }
        self.store.borrow().record(key).map_err(|error| error.to_string())
    }

    fn is_unfinished(&self, key: &str) -> bool {
        self.unfinished.contains(key)
    }

    fn is_output(&self, path: &str) -> Result<bool, String> {
        if self.outputs.get().is_none() {
            let paths = self.store.borrow().output_paths().map_err(|error| error.to_string())?;
            // Nobody else sets it.
            let _ = self.outputs.set(paths.into_iter().collect());
        }
        Ok(self.outputs.get().is_some_and(|outputs| outputs.contains(path)))
    }
}

/// A store's error as a message.
pub fn store_failure(error: &StoreError) -> Failure {
    let mut diagnostic = Diagnostic::error(error.to_string());
    if let StoreError::Locked { .. } = error {
        diagnostic = diagnostic
            .note("one flow works in a folder at a time")
            .help("wait for it to end; if that process is surely gone (on another host, say), run `flow --unlock`");
    }
    diagnostic.into()
}
