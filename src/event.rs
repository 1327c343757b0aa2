//! Events: what happens in a run, in the order in which it happens. `run/` emits them, `report/` shows them; they carry
//! what a person or a log reader needs, and refer to nothing that could be changed through them.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How many jobs a run has to do, for one rule.
#[derive(Debug, Clone, Serialize)]
pub struct RuleCount {
    pub rule: String,
    pub jobs: usize,
}

/// A job, as reports name it.
#[derive(Debug, Clone, Serialize)]
pub struct JobName {
    /// Its number in this run.
    pub job: u32,
    pub rule: String,
    pub wildcards: Vec<(String, String)>,
    pub outputs: Vec<String>,
}

/// `rule wildcard=value …`, on one line.
impl fmt::Display for JobName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.rule.replace('\n', "\\n"))?;
        for (name, value) in &self.wildcards {
            write!(f, " {}={}", name.replace('\n', "\\n"), value.replace('\n', "\\n"))?;
        }
        Ok(())
    }
}

/// Where a job ran that did not run here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    pub node: String,
    /// What the batch system calls the job: `1234_5` of Slurm.
    pub job: String,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.node.as_str() {
            "" => write!(f, "job {}", self.job),
            node => write!(f, "{node}, job {}", self.job),
        }
    }
}

/// What a finished job used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Usage {
    pub wall: Duration,
    /// CPU seconds, user and system; for a child process with all its descendants that were waited for.
    pub cpu: Duration,
    /// Peak resident memory in bytes: of the job's processes together as far as they were seen, and at least of the
    /// largest. `None` where the job ran inside flow, or was over before it was seen and took less than flow itself.
    pub peak_memory: Option<u64>,
}

/// What a job of a strict run did to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Deed {
    Reads,
    Runs,
    /// The names in a folder.
    Lists,
    Writes,
    /// Writes to what it may only read.
    Changes,
    Removes,
}

/// What a job did that its rule does not declare.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Access {
    pub deed: Deed,
    /// As the rule would name it: from the working directory, where it lies in it.
    pub path: String,
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = &self.path;
        match self.deed {
            Deed::Reads => write!(f, "reads `{path}`, which is not among its inputs"),
            Deed::Runs => write!(f, "runs `{path}`, which is not among its inputs"),
            Deed::Lists => write!(f, "lists the folder `{path}`, which is not among its inputs"),
            Deed::Writes => write!(f, "writes `{path}`, which is not among its outputs"),
            Deed::Changes => write!(f, "changes `{path}`, which it has only to read"),
            Deed::Removes => write!(f, "removes `{path}`, which is not among its outputs"),
        }
    }
}

/// How a job failed.
#[derive(Debug, Clone, Serialize)]
pub struct Failure {
    /// One line: `exit code 2`, `killed by SIGSEGV`, `output missing: a.txt`, an action's error.
    pub cause: String,
    /// The rendered diagnostic, where the failure has a place in the Rulefile.
    pub diagnostic: Option<String>,
    /// Where the job's work stands: `Rulefile:7`.
    pub place: Option<String>,
    /// The shell command, where there was one.
    pub command: Option<String>,
    pub log: Option<String>,
    /// The last lines of the log.
    pub log_tail: Vec<String>,
    /// Of a job that did not run here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ran: Option<Place>,
    /// Of a strict run: what the job did that its rule does not declare.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub undeclared: Vec<Access>,
    /// Whether it will be tried again.
    pub retrying: bool,
    /// Whether it would be tried again, were the run not ending.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub abandoned: bool,
}

#[derive(Debug, Clone, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The plan is made: how many jobs, of which rules, on how many cores. `estimate` is the recorded work over the
    /// cores, where there is history for it.
    Planned {
        total: usize,
        rules: Vec<RuleCount>,
        cores: usize,
        /// Where jobs run on other machines: by way of what, and how many at a time.
        #[serde(skip_serializing_if = "Option::is_none")]
        elsewhere: Option<(String, u64)>,
        estimate: Option<Duration>,
    },
    /// A checkpoint is done, and with it so many more jobs are known.
    Grown {
        added: usize,
        rules: Vec<RuleCount>,
    },
    /// Something to know that stops nothing.
    Warning {
        message: String,
    },
    Started {
        #[serde(flatten)]
        job: JobName,
        reason: String,
        message: Option<String>,
        command: Option<String>,
        log: Option<String>,
        threads: u32,
        attempt: u32,
        /// It was given to a batch system, and begins when that lets it.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        queued: bool,
    },
    /// These jobs, by their numbers, which were queued, run.
    Begun {
        jobs: Vec<u32>,
    },
    Finished {
        #[serde(flatten)]
        job: JobName,
        usage: Usage,
        /// Of a job that did not run here.
        #[serde(skip_serializing_if = "Option::is_none")]
        ran: Option<Place>,
    },
    /// Not run after all: its inputs were remade byte for byte the same.
    CutOff {
        #[serde(flatten)]
        job: JobName,
    },
    Failed {
        #[serde(flatten)]
        job: JobName,
        reason: String,
        failure: Failure,
        usage: Usage,
    },
    /// Ended by flow before it was done, because the run ends: nothing of it is left.
    Stopped {
        #[serde(flatten)]
        job: JobName,
        usage: Usage,
    },
    Interrupted {
        signal: i32,
    },
    /// The end: the last event of every run that was planned.
    Ended {
        done: usize,
        cut_off: usize,
        failed: Vec<JobName>,
        /// Started, and ended by flow before they were done.
        stopped: usize,
        /// Submitted, and going on when flow ended.
        #[serde(skip_serializing_if = "is_zero")]
        left: usize,
        not_run: usize,
        wall: Duration,
    },
}

impl Event {
    /// The end of a run that looked, and did nothing.
    pub fn nothing_to_do(wall: Duration) -> Event {
        Event::Ended { done: 0, cut_off: 0, failed: Vec::new(), stopped: 0, left: 0, not_run: 0, wall }
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// Who is told of events; `plain`, `live` and `json` in `report/`. Called on one thread.
pub trait Reporter {
    fn tell(&mut self, event: &Event);
    /// Called some times a second while jobs run, for displays that move.
    fn tick(&mut self) {}
}
