//! A private Slurm of three nodes for the tests of one file: started by the first of them, stopped when their process ends.
//! Where there is none to be had, a test says so and does nothing. Tests that take nodes or the controller away have the
//! cluster for themselves.

use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::{OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::{Project, Ran};

pub struct Slurm {
    folder: PathBuf,
    /// The value of `SLURM_CONF`.
    pub conf: String,
}

static CLUSTER: OnceLock<Option<RwLock<Slurm>>> = OnceLock::new();

fn cluster() -> Option<&'static RwLock<Slurm>> {
    CLUSTER.get_or_init(start).as_ref()
}

fn start() -> Option<RwLock<Slurm>> {
    // Paths of sockets are short.
    let folder = std::env::temp_dir().join(format!("flow-slurm-{}", std::process::id()));
    let output = script(&["start", &folder.to_string_lossy(), &std::process::id().to_string()]);
    if output.status.code() == Some(3) {
        eprintln!("skipped: {}", String::from_utf8_lossy(&output.stderr).trim());
        return None;
    }
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let conf = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    Some(RwLock::new(Slurm { folder, conf }))
}

fn script(words: &[&str]) -> Output {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/slurm/cluster.sh");
    Command::new("bash").arg(path).args(words).output().expect("bash starts")
}

/// The cluster, beside other tests; `None`: there is none here.
pub fn shared() -> Option<RwLockReadGuard<'static, Slurm>> {
    cluster().map(|cluster| cluster.read().unwrap_or_else(PoisonError::into_inner))
}

/// The cluster, for this test alone.
pub fn alone() -> Option<RwLockWriteGuard<'static, Slurm>> {
    let cluster = cluster().map(|cluster| cluster.write().unwrap_or_else(PoisonError::into_inner))?;
    cluster.control("start", &[]);
    Some(cluster)
}

impl Slurm {
    /// `cluster.sh WHAT DIR …`.
    pub fn control(&self, what: &str, more: &[&str]) {
        let folder = self.folder.to_string_lossy();
        let output = script(&[&[what, &folder], more].concat());
        assert!(output.status.success(), "{what}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// Flow with Slurm, with `words` as its further arguments.
    pub fn command(&self, project: &Project, words: &str) -> Command {
        let mut command = project.command(&format!("--executor slurm --log-format json {words}"));
        command.env("SLURM_CONF", &self.conf);
        command
    }

    /// Runs it to its end.
    pub fn flow(&self, project: &Project, words: &str) -> Ran {
        project.ran(self.command(project, words))
    }

    /// What one of Slurm's programs prints.
    pub fn says(&self, program: &str, words: &[&str]) -> String {
        let output = Command::new(program).args(words).env("SLURM_CONF", &self.conf).output().expect("it starts");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// The jobs that are in the queue, run or are being ended whose names begin so.
    pub fn queue(&self, name: &str) -> Vec<String> {
        self.listed(name, &[])
    }

    /// Those of them that wait or run, and of which nobody has asked that they end.
    pub fn uncancelled(&self, name: &str) -> Vec<String> {
        self.listed(name, &["-t", "PENDING,RUNNING"])
    }

    fn listed(&self, name: &str, words: &[&str]) -> Vec<String> {
        let said = self.says("squeue", &[&["-h", "-r", "-o", "%i %j"], words].concat());
        let jobs = said.lines().filter_map(|line| line.split_once(' ')).filter(|(_, job)| job.trim().starts_with(name));
        jobs.map(|(id, _)| id.to_owned()).collect()
    }
}
