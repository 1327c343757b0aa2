//! What a job of a strict run declares: plain paths, from its bounds to who keeps it within them.

use std::path::PathBuf;

/// What a job declares, by paths as it is given them.
#[derive(Debug, Default)]
pub struct Declared {
    /// Inputs, and what flow gives the job to read. Of a folder, all that is in it.
    pub read: Vec<PathBuf>,
    /// Outputs and logs that need not be there yet; of a folder, all that is in it.
    pub written: Vec<PathBuf>,
    /// Files that are there, and may be opened again by a job that has them open.
    pub streams: Vec<PathBuf>,
    /// Folders that are the job's own.
    pub private: Vec<PathBuf>,
}
