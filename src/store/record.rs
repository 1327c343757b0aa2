//! Records: what the store keeps of a job, a file and a run. Plain data, filled in by `run/` and `app/`, compared by
//! `plan/`; nothing here knows SQL or what makes a job stale.

use serde::{Deserialize, Serialize};

use crate::disk::{Hash, Stamp};
use crate::event::{Place, Usage};

/// A digest of all that decides whether a job is fresh: equal means that a look at the details is not needed.
pub type Fingerprint = [u8; 16];

/// A file as a job saw it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRecord {
    pub path: String,
    pub stamp: Stamp,
    /// BLAKE3 of the content, where it was taken.
    pub hash: Option<Hash>,
}

/// The names of a job's inputs and outputs: name, first item, how many (`None`: one, and no list).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Names {
    pub input: Vec<(String, u32, Option<u32>)>,
    pub output: Vec<(String, u32, Option<u32>)>,
}

/// A job that succeeded, in the components from which a difference can be shown.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct JobRecord {
    /// The first output's path, or the rule and its wildcards where there is no output.
    pub key: String,
    pub rule: String,
    pub wildcards: Vec<(String, String)>,
    /// The command, or the normalised `run:` body.
    pub code: String,
    /// The `run:` body as it was written, for people.
    pub source: Option<String>,
    /// The parameters, as JSON.
    pub params: String,
    /// The file-level values that the code uses, as JSON.
    pub globals: String,
    pub names: Names,
    /// BLAKE3 of the script's content, for a `script:` job.
    pub script_hash: Option<Hash>,
    /// As they were when the job started.
    pub inputs: Vec<FileRecord>,
    /// As they were when the job's outputs had been committed.
    pub outputs: Vec<FileRecord>,
    pub fingerprint: Fingerprint,
    pub log: String,
    /// Milliseconds since the epoch.
    pub started_at_ms: i64,
    pub ended_at_ms: i64,
    pub usage: Usage,
    /// Of a job that did not run here.
    pub ran: Option<Place>,
}

/// A job that did not succeed: kept for people and reports, never for decisions.
#[derive(Debug, Clone, PartialEq)]
pub struct FailureRecord {
    pub key: String,
    pub rule: String,
    /// One line: `exit code 2`.
    pub cause: String,
    pub log: String,
    pub started_at_ms: i64,
    pub ended_at_ms: i64,
    pub usage: Usage,
    /// Of a job that did not run here.
    pub ran: Option<Place>,
    pub left: Left,
}

/// What a failed job left, and with it whether it is still marked as started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// Its outputs are removed.
    Nothing,
    /// Half-written outputs, on request: they stay marked as unfinished.
    Kept,
    /// What was there: it had not begun; or half-written outputs that could not be removed. Its mark, if any, stays.
    AsBefore,
}

/// A job that was started and of which no end is on record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartedRow {
    pub key: String,
    pub rule: String,
    /// The tag of its run, which its processes carry as `FLOW_RUN`.
    pub run: String,
    pub outputs: Vec<String>,
    /// Whether it writes its outputs where they belong (shell, script), so that they may be half-written.
    pub in_place: bool,
    /// Unfinished, and what is at its outputs' names is not to be removed: it failed, and they were kept on request
    /// (`--keep-incomplete`); or a later run has removed them already.
    pub kept: bool,
    /// Its process group, and when that group's leader started (clock ticks since boot, `/proc/PID/stat` field 22).
    pub group: Option<(i32, u64)>,
}

/// A run, as it is recorded when its first job is about to start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunRecord {
    /// Unique across directories and machines: see [`RunRecord::new`].
    pub tag: String,
    pub host: String,
    pub pid: u32,
    pub started_at_ms: i64,
    /// The command line, for people.
    pub arguments: String,
    pub cores: u32,
    /// Of the machine: see `losses.rs`.
    pub boot: Option<String>,
}

impl RunRecord {
    /// A record of a run of this process that starts now.
    pub fn new(arguments: String, cores: u32) -> Self {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let (host, pid) = (super::lock::host(), std::process::id());
        let place = std::env::current_dir().unwrap_or_default();
        let seed = format!("{host}\0{pid}\0{}\0{}", now.as_nanos(), place.display());
        let tag = blake3::hash(seed.as_bytes()).to_hex()[..16].to_owned();
        let started_at_ms = i64::try_from(now.as_millis()).unwrap_or(i64::MAX);
        RunRecord { tag, host, pid, started_at_ms, arguments, cores, boot: super::losses::boot() }
    }
}
