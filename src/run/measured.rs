//! This program, started once more for a run that is measured: arguments in; how long it took, and each of its jobs, out.
//! Knows the words that flow prints about a run, and nothing of workflows.

use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, Read};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde::Deserialize;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

/// What a run was like.
#[derive(Debug)]
pub struct Measured {
    /// From the start of the process to its end.
    pub wall: Duration,
    pub jobs: Vec<MeasuredJob>,
    pub end: End,
}

/// How a run ended.
#[derive(Debug)]
pub enum End {
    Success,
    /// With what it said: the failures of jobs a line each, then its standard error.
    Failed(String),
    /// By a signal that came to this process too, such as that of Ctrl-C.
    Interrupted(i32),
}

/// A job that was done.
#[derive(Debug, Deserialize)]
pub struct MeasuredJob {
    pub rule: String,
    pub outputs: Vec<String>,
    usage: UsageRead,
}

#[derive(Debug, Deserialize)]
struct Failed {
    rule: String,
    failure: FailureRead,
}

#[derive(Debug, Deserialize)]
struct FailureRead {
    cause: String,
}

#[derive(Debug, Deserialize)]
struct UsageRead {
    wall: Duration,
}

impl MeasuredJob {
    pub fn wall(&self) -> Duration {
        self.usage.wall
    }
}

/// Runs this program with `arguments`, which ask for JSON events on standard output.
pub fn run(arguments: &[OsString]) -> io::Result<Measured> {
    let program = std::env::current_exe()?;
    // The run gets the terminal's signals as well and ends by itself; this process outlives it, to tidy up.
    let caught: Vec<(i32, Arc<AtomicBool>)> =
        [SIGINT, SIGTERM, SIGHUP].into_iter().map(|signal| (signal, Arc::default())).collect();
    let handlers = caught.iter().map(|(signal, flag)| signal_hook::flag::register(*signal, Arc::clone(flag)));
    let handlers = handlers.collect::<io::Result<Vec<_>>>()?;
    let start = Instant::now();
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let stdout = child.stdout.take().expect("it is piped");
    let mut stderr = child.stderr.take().expect("it is piped");
    let errors = std::thread::spawn(move || {
        let mut text = Vec::new();
        let _ = stderr.read_to_end(&mut text);
        String::from_utf8_lossy(&text).into_owned()
    });
    let mut jobs = Vec::new();
    let mut said = String::new();
    for line in BufReader::new(stdout).lines() {
        let line = line?;
        if line.starts_with("{\"event\":\"finished\"") {
            jobs.push(serde_json::from_str(&line).map_err(io::Error::other)?);
        } else if line.starts_with("{\"event\":\"failed\"") {
            let Failed { rule, failure } = serde_json::from_str(&line).map_err(io::Error::other)?;
            said.push_str(&format!("{rule}: {}\n", failure.cause));
        }
    }
    let status = child.wait()?;
    let wall = start.elapsed();
    said.push_str(&errors.join().unwrap_or_default());
    handlers.into_iter().for_each(|handler| _ = signal_hook::low_level::unregister(handler));
    let end = match caught.iter().find(|(_, flag)| flag.load(Ordering::SeqCst)) {
        Some((signal, _)) => End::Interrupted(*signal),
        None if status.success() => End::Success,
        None => End::Failed(said),
    };
    Ok(Measured { wall, jobs, end })
}
