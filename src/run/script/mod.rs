//! Scripts: a file, its interpreter by the suffix, and the `snakemake` object in that language's shape. The job is
//! written as JSON to a temporary file, which `$FLOW_JOB` names; nothing is written to the user's folders.
//!
//! The JSON has `rule`, `threads`, `attempt`, `config`, and, as `{"items": […], "named": {…}}`, `input`, `output`, `log`,
//! `params`, `wildcards` and `resources`; what a name stands for is `{"one": value}` or `{"many": [values]}`.

mod literal;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Map, json};

use super::outputs::disk_error;
use super::spec::{JobError, JobSpec};
use crate::value::{Named, Value};

const PYTHON: &str = include_str!("preamble.py");

/// A script that is ready to be started; its files are removed when this is dropped.
#[derive(Debug)]
pub struct Script {
    program: String,
    arguments: Vec<PathBuf>,
    /// Name and value.
    environment: Vec<(&'static str, PathBuf)>,
    _folder: tempfile::TempDir,
}

impl Script {
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).stdin(Stdio::null());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }
}

/// Writes what a script's interpreter has to read first.
pub fn prepare(spec: &JobSpec, path: &str) -> Result<Script, JobError> {
    let mut path = Path::new(&spec.basedir).join(path);
    if spec.shadow.is_some() {
        // The script's folder is not the one where it is started.
        path = std::path::absolute(&path).map_err(|error| disk_error("find", &path.display().to_string(), &error))?;
    }
    let shown = path.display().to_string();
    let start = first_bytes(&path).map_err(|error| disk_error("read the script", &shown, &error))?;
    let failed = |error| disk_error("write the job for", &shown, &error);
    let folder = tempfile::Builder::new().prefix("flow-").tempdir().map_err(failed)?;
    let write = |name: &str, text: &str| {
        let file = folder.path().join(name);
        fs::write(&file, text).map(|()| file).map_err(failed)
    };
    let job = write("job.json", &describe(spec).to_string())?;
    let mut environment = vec![("FLOW_JOB", job.clone())];
    let suffix = path.extension().and_then(|suffix| suffix.to_str()).unwrap_or_default();
    let (program, arguments) = match suffix {
        "py" => ("python3".to_owned(), vec!["-c".into(), PYTHON.into(), job, path]),
        "sh" | "bash" => {
            // Read by bash before the script: `$0` and `$BASH_SOURCE` stay the script's own.
            environment.push(("BASH_ENV", write("job.sh", &literal::bash(spec, &path))?));
            ("bash".to_owned(), vec![path])
        }
        "R" | "r" => ("Rscript".to_owned(), vec!["--vanilla".into(), write("job.R", &literal::r(spec, &path))?]),
        "jl" => ("julia".to_owned(), vec![write("job.jl", &literal::julia(spec, &path))?]),
        "rs" => {
            let message = format!("{shown}: Rust scripts are not run: compile it, and call the program in `shell:`");
            return Err(JobError::Spawn(message));
        }
        _ if start == *b"#!" => {
            let program = std::path::absolute(&path).map_err(failed)?;
            (program.to_string_lossy().into_owned(), Vec::new())
        }
        _ => {
            let message = format!(
                "{shown}: no interpreter for it is known: use .py, .sh, .R or .jl, or make it executable with a `#!` line"
            );
            return Err(JobError::Spawn(message));
        }
    };
    Ok(Script { program, arguments, environment, _folder: folder })
}

fn first_bytes(path: &Path) -> io::Result<[u8; 2]> {
    use io::Read;
    let mut start = Vec::new();
    fs::File::open(path)?.take(2).read_to_end(&mut start)?;
    Ok(start.try_into().unwrap_or_default())
}

/// The job as JSON: see the head of this file.
fn describe(spec: &JobSpec) -> serde_json::Value {
    let pairs = |pairs: &[(String, String)]| Named {
        items: pairs.iter().map(|(_, value)| Value::Str(value.clone())).collect(),
        names: (0..).zip(pairs).map(|(at, (name, _))| (name.clone(), at, None)).collect(),
    };
    json!({
        "rule": spec.rule,
        "threads": spec.threads,
        "attempt": spec.attempt,
        "config": *spec.config,
        "input": named(&spec.input),
        "output": named(&spec.output),
        "log": named(&spec.log),
        "params": named(&spec.params),
        "wildcards": named(&pairs(&spec.wildcards)),
        "resources": named(&resources(spec)),
    })
}

fn named<T: serde::Serialize>(list: &Named<T>) -> serde_json::Value {
    let mut names = Map::new();
    for (name, _, count) in &list.names {
        let items = list.get(name).unwrap_or_default();
        let value = match count {
            Some(_) => json!({ "many": items }),
            None => json!({ "one": items.first() }),
        };
        names.insert(name.clone(), value);
    }
    json!({ "items": list.items, "named": names })
}

fn resources(spec: &JobSpec) -> Named<Value> {
    Named {
        items: spec.resources.values().cloned().collect(),
        names: (0..).zip(spec.resources.keys()).map(|(at, name)| (name.clone(), at, None)).collect(),
    }
}
