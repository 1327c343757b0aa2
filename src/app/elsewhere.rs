//! Jobs on other machines: the batch system that was asked for, the executor over it, and what flow does on a node.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Duration;

use super::Failure;
use super::project::Project;
use super::sets::groups;
use super::spec::shell_in_run;
use crate::action::program::Programs;
use crate::cli::ExecutorChoice;
use crate::diagnostic::Diagnostic;
use crate::rulefile::evaluate::file_functions;
use crate::run::cluster::by_command::{ByCommand, Commands};
use crate::run::cluster::slurm::Slurm;
use crate::run::cluster::spool::{Common, FOLDER};
use crate::run::cluster::system::BatchSystem;
use crate::run::cluster::{Bundling, Cluster, Settings, give_up, how_many_are_out, node};
use crate::run::executor::{Executor, Report};
use crate::run::local::Local;

/// Runs a task of a batch: this is a node.
///
/// # Errors
/// It cannot be read, or what came of it not be told; jobs of it failed.
pub fn run_task(folder: &str, index: usize) -> Result<(), Failure> {
    let programs: Arc<Programs> = Arc::new(Programs::new(shell_in_run, file_functions));
    match node::run(&node::folder(folder), index, programs as _) {
        Ok(true) => Ok(()),
        Ok(false) => Err(Failure::Told),
        Err(error) => Err(Diagnostic::error(format!("task {index} of {folder} cannot be run: {error}")).into()),
    }
}

/// The batch system that was asked for; `None`: all jobs run here.
pub fn batch_system(choice: &ExecutorChoice) -> Result<Option<Box<dyn BatchSystem>>, Failure> {
    Ok(match choice {
        ExecutorChoice::Local => None,
        ExecutorChoice::Slurm => {
            if !is_on_path("sbatch") {
                return Err(Diagnostic::error("--executor slurm: there is no sbatch here")
                    .help("run flow where jobs are submitted: on a login node of the cluster")
                    .into());
            }
            Some(Box::new(Slurm::new(program()?)))
        }
        ExecutorChoice::Commands { submit, status, cancel } => {
            let commands = Commands { submit: submit.clone(), status: status.clone(), cancel: cancel.clone() };
            Some(Box::new(ByCommand::new(program()?, commands)))
        }
    })
}

/// Which jobs share a task.
pub fn bundling(project: &Project) -> Bundling {
    let elsewhere = &project.settings.elsewhere;
    Bundling { size: elsewhere.group_size, groups: groups(project), components: elsewhere.components.clone() }
}

/// flow itself, for the nodes.
fn program() -> Result<PathBuf, Failure> {
    std::env::current_exe()
        .map_err(|error| Diagnostic::error(format!("flow does not know where it is itself: {error}")).into())
}

fn is_on_path(name: &str) -> bool {
    std::env::var_os("PATH").is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(name).is_file()))
}

/// Who runs the jobs of a run.
pub enum Runner {
    Here(Local),
    Elsewhere(Cluster),
}

impl Runner {
    /// # Errors
    /// Threads cannot be started, or the folder for a batch system not be made.
    pub fn new(project: &Project, local: Local, tag: &str, reports: Sender<Report>) -> Result<Runner, Failure> {
        let elsewhere = &project.settings.elsewhere;
        let Some(system) = batch_system(&elsewhere.executor)? else { return Ok(Runner::Here(local)) };
        let failed = |error: std::io::Error| Diagnostic::error(format!("cannot use {FOLDER}: {error}"));
        let settings = Settings {
            common: Common {
                directory: std::env::current_dir().map_err(failed)?,
                run: tag.to_owned(),
                strict: project.settings.strict,
                keep_incomplete: project.settings.keep_incomplete,
                whole_log: project.settings.say.whole_logs,
            },
            bundling: bundling(project),
            latency: Duration::from_secs(elsewhere.latency_s),
        };
        Ok(Runner::Elsewhere(Cluster::new(settings, system, local, reports).map_err(failed)?))
    }

    pub fn executor(&mut self) -> &mut dyn Executor {
        match self {
            Runner::Here(local) => local,
            Runner::Elsewhere(cluster) => cluster,
        }
    }

    /// After a run that came to its end.
    pub fn finish(self) {
        if let Runner::Elsewhere(cluster) = self {
            cluster.finish();
        }
    }
}

/// Before a run whose jobs all run here: what an earlier one has submitted must not come home in the middle of it.
pub fn give_up_leftovers(project: &Project) -> Result<(), Failure> {
    if !project.settings.elsewhere.is_here() || !Path::new(FOLDER).exists() {
        return Ok(());
    }
    let given_up = give_up(&mut Slurm::new(program()?));
    let cannot = |error| {
        Diagnostic::error(format!("{FOLDER} holds jobs that an earlier run submitted, and cannot be read: {error}"))
    };
    if let Some(told) = given_up.map_err(cannot)? {
        project.warn(told);
    }
    Ok(())
}

/// Before something that would be undone when jobs that are out bring home what they make.
///
/// # Errors
/// There are such jobs.
pub fn nothing_is_out(option: &str) -> Result<(), Failure> {
    let out = if Path::new(FOLDER).exists() { how_many_are_out() } else { Ok(0) };
    let out = out.map_err(|error| Diagnostic::error(format!("cannot read {FOLDER}: {error}")))?;
    if out == 0 {
        return Ok(());
    }
    let jobs = if out == 1 { "a job".to_owned() } else { format!("{out} jobs") };
    let help = "flow with that run's --executor takes over what is out; a run on this machine gives it up";
    let headline = format!("{option}: {jobs} of an earlier run may still bring home what is made on other machines");
    Err(Diagnostic::error(headline).help(help).into())
}
