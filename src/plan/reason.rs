//! Reasons: why a job is stale, with the evidence. The order of the variants is the order in which they are looked for;
//! the first that holds is kept. Knows how to put itself in a line; whole differences are shown by `report/`.

use crate::disk::Stamp;
use crate::path::{FileId, Paths};
use crate::store::{FileRecord, Names};
use crate::value::{Dict, Value};

/// What is different about a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Bytes, before and now.
    Size(u64, u64),
    /// The modification time in nanoseconds since the epoch, before and now.
    Time(i64, i64),
    /// Another file under the same name, of the same size and time.
    Replaced,
    /// The content hash differs.
    Content,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// Another flow is at it while this one looks.
    BeingMade,
    /// By the command line: `-f`, `-F`, `-R`.
    Forced,
    /// A rule with work to do and no outputs is run whenever it is asked for.
    NoOutputs,
    OutputMissing(Vec<FileId>),
    /// A `temp()` output that is gone is needed by a job that will run.
    TempNeeded {
        file: FileId,
    },
    /// The job was started and did not finish.
    Unfinished,
    /// There is no record of the job, and it may have been lost.
    RecordLost,
    /// An output is not as the job left it.
    OutputChanged {
        file: FileId,
        change: Change,
    },
    InputChanged {
        file: FileId,
        change: Change,
    },
    /// No record, and an input is newer than the oldest output, by so many nanoseconds.
    InputNewer {
        input: FileId,
        output: FileId,
        by_ns: i64,
    },
    InputSet {
        added: Vec<String>,
        removed: Vec<String>,
    },
    /// Other outputs than those on record. Added ones may be there, made by another job or for other inputs.
    OutputSet {
        added: Vec<String>,
        removed: Vec<String>,
    },
    /// The parameters as JSON, before and now.
    Params {
        old: String,
        new: String,
    },
    /// The command or `run:` body, before and now.
    Code {
        old: String,
        new: String,
    },
    /// The files under their names as JSON, before and now.
    Names {
        old: String,
        new: String,
    },
    /// The wildcards as JSON, before and now, of code that looks at them.
    Wildcards {
        old: String,
        new: String,
    },
    Script {
        path: String,
    },
    /// An input will be, or has been, remade.
    InputRemade {
        files: Vec<FileId>,
    },
    /// A job that it is connected with by a pipe or a service is run.
    RunsTogether,
    /// What its inputs are is known when checkpoints have made these files.
    AwaitsCheckpoint {
        files: Vec<FileId>,
    },
}

impl Reason {
    /// One line, for a started job and for the dry run.
    pub fn line(&self, paths: &Paths) -> String {
        let name = |file: &FileId| paths.name(*file);
        match self {
            Reason::BeingMade => "another flow is making it now".into(),
            Reason::Forced => "forced".into(),
            Reason::NoOutputs => "it has no outputs to compare with".into(),
            Reason::OutputMissing(files) => format!("missing: {}", list(paths, files)),
            Reason::TempNeeded { file } => format!("temporary {} is needed again", name(file)),
            Reason::Unfinished => "its last run did not finish".into(),
            Reason::RecordLost => "the record of its last run was lost".into(),
            Reason::OutputChanged { file, change } => {
                format!("output {} was changed since it was made: {}", name(file), change.text())
            }
            Reason::InputChanged { file, change } => format!("input {} has changed: {}", name(file), change.text()),
            Reason::InputNewer { input, output, by_ns } => {
                format!("input {} is newer than {} by {}", name(input), name(output), duration(*by_ns))
            }
            Reason::InputSet { added, removed } => match (added.as_slice(), removed.as_slice()) {
                ([], []) => "the inputs are in another order".into(),
                (added, []) => format!("new input: {}", clip(added)),
                ([], removed) => format!("input no longer used: {}", clip(removed)),
                (added, removed) => format!("new input: {}; no longer used: {}", clip(added), clip(removed)),
            },
            Reason::OutputSet { added, removed } => match (added.as_slice(), removed.as_slice()) {
                ([], []) => "the outputs are in another order".into(),
                (added, []) => format!("not made by it before: {}", clip(added)),
                ([], removed) => format!("no longer made by it: {}", clip(removed)),
                (added, removed) => format!("not made by it before: {}; no longer: {}", clip(added), clip(removed)),
            },
            Reason::Params { .. } => "the params have changed".into(),
            Reason::Code { .. } => "the code has changed".into(),
            Reason::Names { .. } => "the names of its files have changed".into(),
            Reason::Wildcards { .. } => "the wildcards have changed".into(),
            Reason::Script { path } => format!("script {path} has changed"),
            Reason::InputRemade { files } => format!("input remade: {}", list(paths, files)),
            Reason::RunsTogether => "it runs together with a job that is to be done".into(),
            Reason::AwaitsCheckpoint { files } => {
                format!("what it needs is known when a checkpoint has made {}", list(paths, files))
            }
        }
    }

    /// A fixed word for programs.
    pub fn word(&self) -> &'static str {
        match self {
            Reason::BeingMade => "being-made",
            Reason::Forced => "forced",
            Reason::NoOutputs => "no-outputs",
            Reason::OutputMissing(_) => "output-missing",
            Reason::TempNeeded { .. } => "temp-needed",
            Reason::Unfinished => "unfinished",
            Reason::RecordLost => "record-lost",
            Reason::OutputChanged { .. } => "output-changed",
            Reason::InputChanged { .. } => "input-changed",
            Reason::InputNewer { .. } => "input-newer",
            Reason::InputSet { .. } => "input-set",
            Reason::OutputSet { .. } => "output-set",
            Reason::Params { .. } => "params",
            Reason::Code { .. } => "code",
            Reason::Names { .. } => "names",
            Reason::Wildcards { .. } => "wildcards",
            Reason::Script { .. } => "script",
            Reason::InputRemade { .. } => "input-remade",
            Reason::RunsTogether => "runs-together",
            Reason::AwaitsCheckpoint { .. } => "awaits-checkpoint",
        }
    }
}

impl Change {
    /// The difference between two stamps that are known not to stand for the same content; `hashed`: by their hashes.
    pub fn between(old: Stamp, now: Stamp, hashed: bool) -> Change {
        if old.size != now.size {
            Change::Size(old.size, now.size)
        } else if old.mtime_ns != now.mtime_ns {
            Change::Time(old.mtime_ns, now.mtime_ns)
        } else if hashed {
            Change::Content
        } else {
            Change::Replaced
        }
    }

    pub fn text(&self) -> String {
        match self {
            Change::Size(old, new) => format!("{old} → {new} bytes"),
            Change::Time(old, new) if new >= old => format!("newer by {}", duration(new - old)),
            Change::Time(old, new) => format!("older by {}", duration(old - new)),
            Change::Replaced => "another file of the same size and time".into(),
            Change::Content => "its content differs".into(),
        }
    }
}

/// The files under their names, as a JSON object: `{"input.a": "x.txt", …}`.
pub fn shown_names(names: &Names, inputs: &[FileRecord], outputs: &[FileRecord]) -> String {
    let mut shown = Dict::default();
    for (what, names, files) in [("input", &names.input, inputs), ("output", &names.output, outputs)] {
        for (name, start, count) in names {
            let paths = files.iter().skip(*start as usize).map(|file| Value::Str(file.path.clone()));
            let value = match count {
                Some(count) => Value::List(paths.take(*count as usize).collect()),
                None => paths.take(1).next().unwrap_or_default(),
            };
            shown.insert(format!("{what}.{name}"), value);
        }
    }
    serde_json::to_string(&shown).expect("text is JSON")
}

pub fn shown_wildcards(wildcards: impl IntoIterator<Item = (String, String)>) -> String {
    let values = wildcards.into_iter().map(|(name, value)| (name, Value::Str(value)));
    serde_json::to_string(&values.collect::<Dict>()).expect("text is JSON")
}

fn list(paths: &Paths, files: &[FileId]) -> String {
    let names: Vec<String> = files.iter().map(|&file| paths.name(file).to_owned()).collect();
    clip(&names)
}

fn clip(names: &[String]) -> String {
    const SHOWN: usize = 3;
    let mut out = names.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN {
        out.push_str(&format!(" and {} more", names.len() - SHOWN));
    }
    out
}

/// A time span as people say it.
pub fn duration(ns: i64) -> String {
    let seconds = ns as f64 / 1e9;
    match seconds {
        s if s < 0.001 => format!("{:.0} µs", s * 1e6),
        s if s < 1.0 => format!("{:.0} ms", s * 1e3),
        s if s < 120.0 => format!("{s:.1} s"),
        s if s < 7200.0 => format!("{:.0} min", s / 60.0),
        s if s < 172_800.0 => format!("{:.1} h", s / 3600.0),
        s => format!("{:.0} days", s / 86_400.0),
    }
}

#[cfg(test)]
mod tests {
    use super::duration;

    #[test]
    fn a_duration_is_told_in_the_unit_that_people_would_take() {
        let said = [
            (0, "0 µs"),
            (999_000, "999 µs"),
            (1_000_000, "1 ms"),
            (999_000_000, "999 ms"),
            (1_000_000_000, "1.0 s"),
            (119_900_000_000, "119.9 s"),
            (120_000_000_000, "2 min"),
            (7_140_000_000_000, "119 min"),
            (7_200_000_000_000, "2.0 h"),
            (172_440_000_000_000, "47.9 h"),
            (172_800_000_000_000, "2 days"),
        ];
        for (ns, expected) in said {
            assert_eq!(duration(ns), expected);
        }
    }
}
