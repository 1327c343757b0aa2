//! Scripts: a file, its interpreter by the suffix, and the `snakemake` object in that language's shape. The job is
//! written as JSON to a temporary file, which `$FLOW_JOB` names; nothing is written to the user's folders.
//!
//! The JSON has `rule`, `threads`, `attempt`, `config`, and, as `{"items": […], "named": {…}}`, `input`, `output`, `log`,
//! `params`, `wildcards` and `resources`; what a name stands for is `{"one": value}` or `{"many": [values]}`.

mod literal;
mod rust;

use std::borrow::Cow;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Map, json};

use super::outputs::disk_error;
use super::spec::{JobError, JobSpec};
use crate::value::{Dict, Named, Value};

const PYTHON: &str = include_str!("preamble.py");

/// A script that is ready to be started; its files are removed when this is dropped.
#[derive(Debug)]
pub struct Script {
    program: String,
    arguments: Vec<PathBuf>,
    /// Name and value.
    environment: Vec<(&'static str, PathBuf)>,
    folder: tempfile::TempDir,
    /// The file itself.
    path: PathBuf,
}

impl Script {
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).stdin(Stdio::null());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// The folder of what is written for it, in which it may be compiled.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Writes what a script's interpreter has to read first.
pub fn prepare(spec: &JobSpec, path: &str) -> Result<Script, JobError> {
    let mut path = Path::new(&spec.basedir).join(path);
    if spec.shadow.is_some() {
        // The script's folder is not the one where it is started.
        path = std::path::absolute(&path).map_err(|error| disk_error("find", &path.display().to_string(), &error))?;
    }
    let file = path.clone();
    let shown = path.display().to_string();
    let start = first_bytes(&path).map_err(|error| disk_error("read the script", &shown, &error))?;
    let failed = |error| disk_error("write the job for", &shown, &error);
    let folder = tempfile::Builder::new().prefix("flow-").tempdir().map_err(failed)?;
    let write = |name: &str, text: &str| {
        let file = folder.path().join(name);
        fs::write(&file, text).map(|()| file).map_err(failed)
    };
    let suffix = path.extension().and_then(|suffix| suffix.to_str()).unwrap_or_default();
    let job = write("job.json", &describe(spec, suffix == "py").to_string())?;
    let mut environment = vec![("FLOW_JOB", job.clone())];
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
            let text = fs::read_to_string(&path).map_err(|error| disk_error("read the script", &shown, &error))?;
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("job.rs");
            let whole = write(name, &format!("{text}\n{}", rust::rust(spec, &text, &path)))?;
            compiled(&shown, &text, path.parent().unwrap_or(Path::new("")), &whole)?
        }
        _ if start == *b"#!" => {
            let program = std::path::absolute(&path).map_err(failed)?;
            (program.to_string_lossy().into_owned(), Vec::new())
        }
        _ => {
            let message = format!(
                "{shown}: no interpreter for it is known: use .py, .sh, .R, .jl or .rs, or make it executable with a `#!` line"
            );
            return Err(JobError::Spawn(message));
        }
    };
    Ok(Script { program, arguments, environment, folder, path: file })
}

/// How a Rust script is run: by rust-script, with those of the crates that Snakemake gives to such scripts that it names;
/// where that is not installed, a script that asks for no crates by rustc.
fn compiled(shown: &str, text: &str, folder: &Path, whole: &Path) -> Result<(String, Vec<PathBuf>), JobError> {
    const CRATES: [&str; 6] = ["anyhow=1", "gag=1", "lazy_static=1", "serde=1", "serde_derive=1", "serde_json=1"];
    const COMPILE: &str =
        r#"rustc --crate-name script --edition 2021 -O --remap-path-prefix "$1=$2" -o "$3.exe" "$3" && exec "$3.exe""#;
    if is_installed("rust-script") {
        let mut arguments: Vec<PathBuf> = vec!["--base-path".into(), folder.into()];
        let is_named = |krate: &&str| krate.split('=').next().is_some_and(|name| text.contains(name));
        arguments.extend(CRATES.into_iter().filter(is_named).flat_map(|krate| [PathBuf::from("-d"), krate.into()]));
        arguments.push(whole.into());
        return Ok(("rust-script".to_owned(), arguments));
    }
    let asks_for_crates = text.lines().any(|line| line.contains("```cargo") || line.contains("cargo-deps:"));
    let missing = match (asks_for_crates, is_installed("rustc")) {
        (false, true) => {
            let temporary = whole.parent().unwrap_or(Path::new("")).into();
            let arguments = vec!["-c".into(), COMPILE.into(), "sh".into(), temporary, folder.into(), whole.into()];
            return Ok(("sh".to_owned(), arguments));
        }
        (true, _) => "it asks for crates, and rust-script is not installed: `cargo install rust-script`",
        (false, false) => "neither rust-script nor rustc is installed",
    };
    Err(JobError::Spawn(format!("{shown}: {missing}")))
}

fn is_installed(program: &str) -> bool {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&folders).any(|folder| folder.join(program).is_file())
}

fn first_bytes(path: &Path) -> io::Result<[u8; 2]> {
    use io::Read;
    let mut start = Vec::new();
    fs::File::open(path)?.take(2).read_to_end(&mut start)?;
    Ok(start.try_into().unwrap_or_default())
}

/// The job as JSON: see the head of this file. JSON has no infinity and no NaN; they are null, or for our own reader in Python
/// `{"__float__": "inf"}`.
fn describe(spec: &JobSpec, for_python: bool) -> serde_json::Value {
    let resources = resources(spec);
    let (mut config, mut params, mut amounts) =
        (Cow::Borrowed(&*spec.config), Cow::Borrowed(&spec.params), Cow::Borrowed(&resources));
    if for_python {
        config = Cow::Owned(spelt_out(&config));
        params = Cow::Owned(params.map(spelt_out));
        amounts = Cow::Owned(amounts.map(spelt_out));
    }
    let pairs = |pairs: &[(String, String)]| Named {
        items: pairs.iter().map(|(_, value)| Value::Str(value.clone())).collect(),
        names: (0..).zip(pairs).map(|(at, (name, _))| (name.clone(), at, None)).collect(),
    };
    json!({
        "rule": spec.rule,
        "threads": spec.threads,
        "attempt": spec.attempt,
        "config": *config,
        "input": named(&spec.input),
        "output": named(&spec.output),
        "log": named(&spec.log),
        "params": named(&params),
        "wildcards": named(&pairs(&spec.wildcards)),
        "resources": named(&amounts),
    })
}

fn spelt_out(value: &Value) -> Value {
    match value {
        Value::Float(number) if !number.is_finite() => {
            Value::Dict(Dict::from_iter([("__float__".to_owned(), Value::Str(number.to_string()))]))
        }
        Value::List(items) => Value::List(items.iter().map(spelt_out).collect()),
        Value::Dict(entries) => {
            Value::Dict(entries.iter().map(|(key, value)| (key.clone(), spelt_out(value))).collect())
        }
        other => other.clone(),
    }
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
