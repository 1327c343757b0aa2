//! The folder through which a run and its jobs on other machines talk, on a file system that both see:
//! `.flow/cluster/RUN/`. Job specifications go in, outcomes come out; every file appears whole. Knows names and bytes, not
//! what runs where.
//!
//! - `N/specs`: the tasks of the N-th batch; `N/id`: which batch system has it, and its name there; `N/I.out`: what its I-th task said.
//! - `work/NAME/`: where an attempt writes (see [`super::staging`]); who makes this folder is the one who runs it.
//! - `claims/NAME`: made by whoever comes first: the node that is about to bring results home, or the flow that gives the attempt
//!   up. So nothing of an attempt that was given up ever appears, even if its node, cut off, goes on for hours.
//! - `done/NAME`: how it ended.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::staging::Stage;
use crate::run::spec::{Home, JobSpec, Outcome, Program, Work};
use crate::value::Value;

/// Below the working directory.
pub const FOLDER: &str = ".flow/cluster";

/// Changes with every change of what is in these files: flow on the node must be the one that wrote them.
const FORMAT: &str = concat!("flow ", env!("CARGO_PKG_VERSION"), " batch 2");

/// A job of a task.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RemoteJob {
    /// The store's key of the job.
    pub key: String,
    pub spec: JobSpec,
    /// Where the batch system is not told how long a job may take.
    pub timeout: Option<Duration>,
}

/// One job, or jobs that run at the same time because a pipe or a service connects them: begun, claimed and ended together.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Unit {
    /// Unique in its run: number of the first job, and the how-manieth time it is given out.
    pub name: String,
    pub jobs: Vec<RemoteJob>,
    /// Units of the same task that must have succeeded before this one begins.
    pub follows: Vec<String>,
    /// Those that must be over, however they ended: the task has not asked for room beside them.
    pub after: Vec<String>,
}

/// What one task of a batch runs: units, as many at a time as its threads allow.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Task {
    pub units: Vec<Unit>,
    pub threads: u32,
}

/// What holds for all tasks of a batch.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Header {
    /// The working directory, absolute.
    pub directory: PathBuf,
    /// The run's tag.
    pub run: String,
    pub strict: bool,
    pub keep_incomplete: bool,
    pub whole_log: bool,
    /// Kept once: most jobs of a batch have the same.
    configs: Vec<Value>,
    programs: Vec<Program>,
    /// Where each task begins behind the header, and the end of the last.
    offsets: Vec<u64>,
}

/// What holds for all jobs of a run.
#[derive(Debug, Clone)]
pub struct Common {
    pub directory: PathBuf,
    pub run: String,
    pub strict: bool,
    pub keep_incomplete: bool,
    pub whole_log: bool,
}

/// The name of a job, or of jobs that run together, of which it is the first, given out for the n-th time.
pub fn unit_name(job: u32, time: u32) -> String {
    format!("{job}-{time}")
}

/// Who decides what becomes of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// The node: its results come home.
    Home,
    /// The flow that submitted it, or a later one: they never will.
    GivenUp,
}

/// Whether the attempt that made a file is claimed by its node, now or before.
pub fn claimed(home: &Home) -> bool {
    claim_at(&home.claim, Claim::Home).unwrap_or(false)
}

fn claim_at(path: &str, claim: Claim) -> io::Result<bool> {
    match OpenOptions::new().write(true).create_new(true).open(path) {
        Ok(mut file) => file.write_all(format!("{claim:?}").as_bytes()).map(|()| true),
        // An empty file was made a moment ago, by the other side.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            Ok(fs::read_to_string(path)? == format!("{claim:?}"))
        }
        Err(error) => Err(error),
    }
}

/// The folder of one run.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Spool {
    /// From the working directory.
    path: String,
}

impl Spool {
    /// Of the run with this tag; nothing is made.
    pub fn of(tag: &str) -> Spool {
        Spool { path: format!("{FOLDER}/{tag}") }
    }

    /// Makes the folder and what is always in it.
    pub fn make(&self) -> io::Result<()> {
        ["work", "claims", "done"].iter().try_for_each(|part| fs::create_dir_all(format!("{}/{part}", self.path)))
    }

    /// Those of earlier runs, in the order of their names.
    pub fn all() -> io::Result<Vec<Spool>> {
        let entries = match fs::read_dir(FOLDER) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other?,
        };
        let mut names: Vec<String> =
            entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.sort();
        Ok(names.iter().map(|name| Spool::of(name)).collect())
    }

    /// The run's tag.
    pub fn run(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }

    /// Where the attempt of this name writes.
    pub fn work(&self, name: &str) -> String {
        format!("{}/work/{name}", self.path)
    }

    /// Where the attempt of this name works.
    pub fn stage(&self, name: &str) -> Stage {
        Stage { folder: self.work(name), claim: self.claim_file(name) }
    }

    /// The folder of a batch.
    pub fn batch(&self, number: usize) -> String {
        format!("{}/{number}", self.path)
    }

    /// The numbers of its batches.
    pub fn batches(&self) -> io::Result<Vec<usize>> {
        let names = fs::read_dir(&self.path)?.flatten().filter_map(|entry| entry.file_name().into_string().ok());
        let mut numbers: Vec<usize> = names.filter_map(|name| name.parse().ok()).collect();
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// Writes the tasks of a batch.
    pub fn write_batch(&self, number: usize, common: &Common, tasks: &[Task]) -> io::Result<()> {
        let folder = self.batch(number);
        fs::create_dir_all(&folder)?;
        let mut shared = Shared::default();
        let mut body = Vec::new();
        let mut offsets = vec![0];
        for task in tasks {
            body.extend(packed(&shared.without(task))?);
            offsets.push(body.len() as u64);
        }
        let Common { directory, run, strict, keep_incomplete, whole_log } = common.clone();
        let Shared { configs, programs } = shared;
        let header = Header {
            directory,
            run,
            strict,
            keep_incomplete,
            whole_log,
            configs: configs.into_iter().map(|config| (*config).clone()).collect(),
            programs: programs.into_iter().map(|program| (*program).clone()).collect(),
            offsets,
        };
        let header = packed(&header)?;
        let mut bytes = format!("{FORMAT}\n{}\n", header.len()).into_bytes();
        bytes.extend(header);
        bytes.extend(body);
        write_whole(&format!("{folder}/specs"), &bytes)
    }

    /// What this batch system called a batch; `None` if it was not told, flow ended before it could note it, or it was another
    /// system, whose names mean nothing to this one.
    pub fn id(&self, number: usize, system: &str) -> Option<String> {
        let noted = fs::read_to_string(format!("{}/id", self.batch(number))).ok()?;
        noted.split_once('\n').filter(|(of, _)| *of == system).map(|(_, id)| id.to_owned())
    }

    pub fn note_id(&self, number: usize, system: &str, id: &str) -> io::Result<()> {
        write_whole(&format!("{}/id", self.batch(number)), format!("{system}\n{id}").as_bytes())
    }

    /// Claims an attempt; false if the other side was faster. One side may do it twice: an attempt is run by one task alone.
    pub fn claim(&self, name: &str, claim: Claim) -> io::Result<bool> {
        claim_at(&self.claim_file(name), claim)
    }

    /// The file by which an attempt is claimed.
    pub fn claim_file(&self, name: &str) -> String {
        format!("{}/claims/{name}", self.path)
    }

    /// Whether anybody has claimed an attempt.
    pub fn is_claimed(&self, name: &str) -> bool {
        Path::new(&self.claim_file(name)).exists()
    }

    /// Whether an attempt has been given up.
    pub fn was_given_up(&self, name: &str) -> bool {
        fs::read_to_string(self.claim_file(name)).is_ok_and(|who| who == format!("{:?}", Claim::GivenUp))
    }

    /// Says how the jobs of a unit ended.
    pub fn tell(&self, name: &str, outcomes: &[Outcome]) -> io::Result<()> {
        write_whole(&format!("{}/done/{name}", self.path), &packed(outcomes)?)
    }

    /// How the jobs of a unit ended, if they have.
    pub fn told(&self, name: &str) -> io::Result<Option<Vec<Outcome>>> {
        match fs::read(format!("{}/done/{name}", self.path)) {
            Ok(bytes) => unpacked(&bytes).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The names of the units that have ended.
    pub fn ended(&self) -> io::Result<Vec<String>> {
        self.names("done")
    }

    /// The names of the units that nodes have begun with, and whose results are not home yet.
    pub fn begun(&self) -> io::Result<Vec<String>> {
        self.names("work")
    }

    fn names(&self, part: &str) -> io::Result<Vec<String>> {
        let entries = fs::read_dir(format!("{}/{part}", self.path))?;
        let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
        Ok(names.filter(|name| !name.starts_with('.')).collect())
    }

    /// Removes all of it.
    pub fn remove(&self) -> io::Result<()> {
        fs::remove_dir_all(&self.path)?;
        // Another run's may be there.
        let _ = fs::remove_dir(FOLDER);
        Ok(())
    }
}

/// Reads what holds for a batch, and one of its tasks; `folder` is the batch's.
///
/// # Errors
/// A disk's; the file was written by another flow; there is no such task.
pub fn read_task(folder: &Path, index: usize) -> io::Result<(Header, Task)> {
    let mut file = BufReader::new(File::open(folder.join("specs"))?);
    let header = read_header(&mut file)?;
    let (Some(&start), Some(&end)) = (header.offsets.get(index), header.offsets.get(index + 1)) else {
        return Err(io::Error::other(format!("there is no task {index}")));
    };
    let behind = file.stream_position()?;
    file.seek(SeekFrom::Start(behind + start))?;
    let mut bytes = vec![0; usize::try_from(end - start).map_err(io::Error::other)?];
    file.read_exact(&mut bytes)?;
    let task = header.completed(unpacked(&bytes)?);
    Ok((header, task))
}

/// All tasks of a batch.
///
/// # Errors
/// As of [`read_task`].
pub fn read_tasks(folder: &Path) -> io::Result<Vec<Task>> {
    let mut file = BufReader::new(File::open(folder.join("specs"))?);
    let header = read_header(&mut file)?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    let ranges = header.offsets.iter().zip(header.offsets.iter().skip(1));
    let pieces = ranges.map(|(&start, &end)| bytes.get(usize::try_from(start).ok()?..usize::try_from(end).ok()?));
    let broken = || io::Error::other("it is cut off");
    pieces.map(|piece| Ok(header.completed(unpacked(piece.ok_or_else(broken)?)?))).collect()
}

fn read_header(file: &mut BufReader<File>) -> io::Result<Header> {
    let mut lines = [String::new(), String::new()];
    for line in &mut lines {
        file.read_line(line)?;
    }
    let [format, length] = lines.each_ref().map(|line| line.trim_end());
    if format != FORMAT {
        return Err(io::Error::other(format!("it was written for `{format}`, and this is `{FORMAT}`")));
    }
    let mut bytes = vec![0; length.parse().map_err(io::Error::other)?];
    file.read_exact(&mut bytes)?;
    unpacked(&bytes)
}

/// MessagePack: JSON has no infinity, and parameters may.
fn packed<T: Serialize + ?Sized>(value: &T) -> io::Result<Vec<u8>> {
    rmp_serde::to_vec_named(value).map_err(io::Error::other)
}

fn unpacked<T: DeserializeOwned>(bytes: &[u8]) -> io::Result<T> {
    rmp_serde::from_slice(bytes).map_err(io::Error::other)
}

impl Header {
    fn completed(&self, mut task: Task) -> Task {
        for job in task.units.iter_mut().flat_map(|unit| &mut unit.jobs) {
            if let Value::Int(at) = *job.spec.config
                && let Some(config) = usize::try_from(at).ok().and_then(|at| self.configs.get(at))
            {
                job.spec.config = Arc::new(config.clone());
            }
            for work in std::iter::once(&mut job.spec.work).chain(job.spec.staging.as_mut().map(|it| &mut it.work)) {
                if let Work::Run { program } = work
                    && let Some(whole) = program.code.parse::<usize>().ok().and_then(|at| self.programs.get(at))
                {
                    *program = Arc::new(whole.clone());
                }
            }
        }
        task
    }
}

/// What many jobs have in common, while they are written: in its place stands its number.
#[derive(Default)]
struct Shared {
    configs: Vec<Arc<Value>>,
    programs: Vec<Arc<Program>>,
}

impl Shared {
    fn without(&mut self, task: &Task) -> Task {
        let mut task = task.clone();
        for job in task.units.iter_mut().flat_map(|unit| &mut unit.jobs) {
            let at = number(&mut self.configs, &job.spec.config);
            job.spec.config = Arc::new(Value::Int(i64::try_from(at).expect("few configurations")));
            for work in std::iter::once(&mut job.spec.work).chain(job.spec.staging.as_mut().map(|it| &mut it.work)) {
                if let Work::Run { program } = work {
                    let at = number(&mut self.programs, program);
                    let (origin, calls_shell) = (Vec::new(), program.calls_shell);
                    *program = Arc::new(Program { code: at.to_string(), origin, calls_shell });
                }
            }
        }
        task
    }
}

/// The place of a value among those that were seen, to which it is added.
fn number<T>(seen: &mut Vec<Arc<T>>, value: &Arc<T>) -> usize {
    seen.iter().position(|one| Arc::ptr_eq(one, value)).unwrap_or_else(|| {
        seen.push(Arc::clone(value));
        seen.len() - 1
    })
}

/// Writes a file that others see whole or not at all.
fn write_whole(path: &str, bytes: &[u8]) -> io::Result<()> {
    let (folder, name) = path.rsplit_once('/').unwrap_or((".", path));
    let near = format!("{folder}/.{name}.{}", std::process::id());
    fs::write(&near, bytes)?;
    fs::rename(&near, path)
}
