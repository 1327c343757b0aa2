//! A job's specification and its outcome: plain data, enough to run the job on another machine without the Rulefile
//! and without the graph. Made by `app/director.rs` when a job's inputs are there; taken by an executor.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::event::{Access, Place, Usage};
use crate::store::FileRecord;
use crate::value::{Named, Value};

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct JobSpec {
    /// The job's number in its run.
    pub job: u32,
    pub rule: String,
    pub work: Work,
    pub wildcards: Vec<(String, String)>,
    pub input: Named<String>,
    pub output: Named<String>,
    /// Declared log files; where there is none, `stdio_log` is flow's own.
    pub log: Named<String>,
    pub params: Named<Value>,
    /// All resources but threads, `_cores` and `tmpdir` included where a job asks for them.
    pub resources: BTreeMap<String, Value>,
    pub threads: u32,
    /// 1 for the first try.
    pub attempt: u32,
    pub config: Arc<Value>,
    /// How each item of `output` must come out, by index.
    pub outputs: Vec<OutputSpec>,
    /// Where standard output and standard error of a child go.
    pub stdio_log: String,
    /// Snakemake's benchmark file, and how many times the job is run for it.
    pub benchmark: Option<(String, u32)>,
    /// Where a relative `script:` path and `workflow.basedir` start.
    pub basedir: String,
    /// Inputs that are there only while their jobs run.
    pub live_inputs: Vec<String>,
    /// Inputs that are another job's `directory()`.
    pub made_directories: Vec<String>,
    /// The job works in a folder of its own.
    pub shadow: Option<Shadow>,
    /// Its outputs are shared between workflows.
    pub cache: Option<CacheKey>,
    /// Of a job that may run on another machine.
    pub staging: Option<Box<Staging>>,
}

impl JobSpec {
    /// Whether the work writes an output where it belongs.
    pub fn writes_in_place_at(&self, path: &str) -> bool {
        self.work.writes_in_place() && (self.shadow.is_none() || path.starts_with('/'))
    }

    /// Whether the work writes any output where it belongs.
    pub fn writes_in_place(&self) -> bool {
        self.outputs.iter().any(|output| self.writes_in_place_at(&output.path))
            || (self.outputs.is_empty() && self.work.writes_in_place())
    }
}

/// Names of its own for all that one attempt at a job writes: whoever goes on writing after it has been given up
/// touches nothing of the next attempt's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Staging {
    /// The folder below which they lie.
    pub folder: String,
    /// The file by which the attempt is claimed.
    pub claim: String,
    /// The work and the parameters, with these names in the place of the outputs'.
    pub work: Work,
    pub params: Named<Value>,
}

/// Where a file of an attempt belongs, and the file by which an attempt is claimed: nobody may touch the one without having made
/// the other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Home {
    pub path: String,
    pub claim: String,
}

/// What the entry of a job in a cache is known by, beside the content of its inputs.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CacheKey {
    pub folder: String,
    pub identity: [u8; 32],
    /// What distinguishes the files of an entry, by output.
    pub suffixes: Vec<String>,
}

/// A folder in which a job's command runs, instead of the working directory.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Shadow {
    pub kind: ShadowKind,
    /// Where such folders are made.
    pub folder: String,
}

/// What of the working directory is in a shadow folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ShadowKind {
    /// Links to the inputs.
    Minimal,
    /// Copies of the inputs.
    CopyMinimal,
    /// Links to all that is directly in it.
    Shallow,
    /// All of its folders, and links to all files.
    Full,
}

/// What there is to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Work {
    /// A command for `bash -euo pipefail -c`, placeholders filled in.
    Shell { command: String },
    /// A script for an interpreter, by its path.
    Script { path: String },
    /// A self-contained Starlark program: the `run:` body and all that it uses of its Rulefile.
    Run { program: Arc<Program> },
    /// Nothing: outputs with `touch()` are touched.
    Touch,
}

impl Work {
    /// Whether it writes outputs where they belong, and not to temporaries that flow renames.
    pub fn writes_in_place(&self) -> bool {
        match self {
            Work::Shell { .. } | Work::Script { .. } => true,
            Work::Run { program } => program.calls_shell,
            Work::Touch => false,
        }
    }
}

/// A `run:` body as text: evaluated on a worker, in this process or another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Program {
    /// Starlark: the constants and functions the body uses, then `def __run__(input, output, …)`.
    pub code: String,
    /// Pieces of `code` that were copied from a source, for messages: start and end in `code`, source name, its text's
    /// start offset there.
    pub origin: Vec<Origin>,
    /// Whether it calls `shell`, whose commands may write an output under its own name.
    pub calls_shell: bool,
}

/// A piece of a program's text and the place in a Rulefile that it came from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Origin {
    pub start: u32,
    pub end: u32,
    /// Place in [`crate::diagnostic::Sources`].
    pub source: u32,
    pub source_start: u32,
    pub source_end: u32,
}

/// An output that is there only while its job runs, for jobs that run beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Live {
    /// `pipe()`: a named pipe that flow makes.
    Pipe,
    /// `service()`: made by the job, which goes on until the jobs that use it are done.
    Service,
}

/// What an output must be when its job is done.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct OutputSpec {
    pub path: String,
    /// `directory()`: a directory, not a file.
    pub directory: bool,
    /// `touch()`: made or stamped by flow after the work.
    pub touch: bool,
    /// `protected()`: made read-only after the work.
    pub protected: bool,
    /// What is there only while the job runs.
    pub live: Option<Live>,
    /// `update()`: not removed before the work, and put back as it was after a failure.
    pub update: bool,
    /// `ensure(non_empty=True)`.
    pub non_empty: bool,
    /// `ensure(sha256=…)` and its siblings: algorithm (`sha256`, `sha1`, `md5`) and hexadecimal digest.
    pub checksum: Option<(String, String)>,
    /// Where it belongs, if `path` is the name that it has for one attempt (see [`Staging`]).
    pub home: Option<Home>,
}

/// How a job ended.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Outcome {
    pub job: u32,
    /// Whether it came to touch its outputs.
    pub began: bool,
    pub result: Result<(), JobError>,
    /// After a failure: whether nothing is left of what the job made.
    pub is_clean: bool,
    /// What could not be removed, with the reason.
    pub unremoved: Vec<String>,
    pub usage: Usage,
    /// The inputs as they were just before the job began, in order; hashed where [`super::executor::Order`] asks.
    pub inputs: Vec<FileRecord>,
    /// The outputs as they were after their commit, in order; empty after a failure.
    pub outputs: Vec<FileRecord>,
    /// Milliseconds since the epoch.
    pub started_at_ms: i64,
    pub ended_at_ms: i64,
    /// The last lines of the log, after a failure.
    pub log_tail: Vec<String>,
    /// Where it ran, if not here.
    pub ran: Option<Place>,
}

/// Why a job failed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, thiserror::Error)]
pub enum JobError {
    #[error("exit code {0}")]
    ExitCode(i32),
    #[error("killed by signal {0} ({1})")]
    Signal(i32, String),
    #[error("command not found: {0}")]
    CommandNotFound(String),
    #[error("cannot start: {0}")]
    Spawn(String),
    /// Declared outputs that did not appear.
    #[error("output missing after the job ended: {}", .0.join(", "))]
    MissingOutput(Vec<String>),
    /// An output that is there and not as declared.
    #[error("{path}: {reason}")]
    BadOutput { path: String, reason: String },
    /// A `run:` body's error; the place in the program's text where there is one.
    #[error("{message}")]
    Action { message: String, place: Option<(u32, u32)>, help: Option<String> },
    #[error("asked the terminal for input, or for its settings, which is not for jobs ({0})")]
    WantedTerminal(String),
    /// Of a strict run: what the job did that its rule does not declare, and how it ended itself, if not well.
    #[error("{}", .accesses.iter().map(Access::to_string).collect::<Vec<_>>().join("; "))]
    Undeclared { accesses: Vec<Access>, ended: Option<String> },
    #[error("interrupted")]
    Interrupted,
    #[error("timed out after {0} s")]
    TimedOut(u64),
    /// The batch system ended it, or refused it, in its own word (`TIMEOUT`, `OUT_OF_MEMORY`, `NODE_FAIL`), and what that means.
    #[error("{}", .meaning.as_ref().map_or_else(|| .state.clone(), |meaning| format!("{}: {meaning}", .state)))]
    Batch { state: String, meaning: Option<String> },
    #[error("{0}")]
    Disk(String),
}
