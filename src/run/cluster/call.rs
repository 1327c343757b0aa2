//! A call of one of a batch system's programs: what it printed, within a time. Knows processes, not what they are.

use std::process::{Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use crate::run::child::signal_process;

/// After this long, a program of a batch system is taken for stuck.
const PATIENCE: Duration = Duration::from_secs(120);

/// What a program printed, and whether it succeeded.
#[derive(Debug, Clone, Default)]
pub struct Said {
    pub success: bool,
    pub stdout: String,
    pub stderr: String,
}

impl Said {
    /// What it complained of, on one line.
    pub fn complaint(&self) -> String {
        let text = if self.stderr.trim().is_empty() { &self.stdout } else { &self.stderr };
        text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ")
    }
}

/// Runs a program to its end.
///
/// # Errors
/// It cannot be started, or does not end.
pub fn call(command: &mut Command) -> Result<Said, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    // What flow itself was started with in a job must not reach the jobs that it submits.
    for (variable, _) in std::env::vars_os() {
        let of_job = variable.to_str().is_some_and(|name| name.starts_with("SLURM_") || name.starts_with("SBATCH_"));
        if of_job && variable != "SLURM_CONF" && variable != "SLURM_CLUSTERS" {
            command.env_remove(variable);
        }
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().map_err(|error| format!("{name} cannot be started: {error}"))?;
    let pid = child.id();
    let (sender, receiver) = channel();
    let reader =
        std::thread::Builder::new().name(name.clone()).spawn(move || drop(sender.send(child.wait_with_output())));
    reader.map_err(|error| format!("{name} cannot be waited for: {error}"))?;
    match receiver.recv_timeout(PATIENCE) {
        Ok(Ok(output)) => Ok(Said {
            success: output.status.success(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }),
        Ok(Err(error)) => Err(format!("{name}: {error}")),
        Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
            signal_process(pid, libc::SIGKILL);
            Err(format!("{name} did not answer within {} s", PATIENCE.as_secs()))
        }
    }
}
