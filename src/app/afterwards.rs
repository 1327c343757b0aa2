//! After a run: whether its files are still as its jobs left them and found them. A job that writes into another one's
//! output, or takes away what others read, leaves a folder that the next run makes anew; whoever ran it hears of it now.
//! The ledger knows stamps and times, not how jobs run; what its findings mean is the director's to say.

use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};

use super::director::JobDirector;
use crate::diagnostic::Diagnostic;
use crate::disk::{Disk, Hash, Stamp};
use crate::graph::dag::JobId;
use crate::path::{FileId, Paths};
use crate::run::director::{Afterwards, Director};
use crate::run::spec::Outcome;
use crate::store::FileRecord;

/// So many warnings are told one by one.
const MOST_WARNINGS: usize = 10;

/// So many jobs are named as those that ran when a file was changed; more say nothing.
const MOST_SUSPECTS: usize = 3;

/// So few files are looked at by one thread: others would take longer to start.
const FEW: usize = 32;

/// File systems stamp in ticks of some milliseconds.
const TICK_MS: i64 = 20;

fn beginning(hash: &Hash) -> u64 {
    hash.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

/// What a run's jobs have read and made, as it was then.
#[derive(Debug, Default)]
pub struct Ledger {
    made: Vec<Made>,
    /// Files that no job makes, as the first job found them that read them.
    read: FxHashMap<FileId, Read>,
    /// When each job ran, by its number: milliseconds since the epoch.
    times: Vec<(u32, i64, i64)>,
    /// Temporary files that flow has removed since.
    gone: FxHashSet<FileId>,
}

#[derive(Debug)]
struct Made {
    file: FileId,
    job: u32,
    stamp: Stamp,
    /// The beginning of its content's hash, which is enough to see that there is another.
    content: Option<u64>,
}

#[derive(Debug)]
struct Read {
    stamp: Stamp,
    job: u32,
}

/// A file that is not as it was.
#[derive(Debug, PartialEq, Eq)]
pub struct Change {
    pub file: FileId,
    /// The job that made it, or the first that read it.
    pub job: u32,
    pub kind: Kind,
    /// When it was changed, in milliseconds since the epoch; `None` if it is gone.
    pub at_ms: Option<i64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// An output has another content than its job left.
    Rewritten,
    /// An output has another stamp, and nobody knows whether it has another content.
    Touched,
    OutputGone,
    SourceChanged,
    SourceGone,
}

impl Change {
    fn new(file: FileId, job: u32, kind: Kind, now: Option<Stamp>) -> Change {
        Change { file, job, kind, at_ms: now.map(|stamp| stamp.mtime_ns / 1_000_000) }
    }
}

impl Ledger {
    /// A job is done that has these inputs, as far as no job makes them, and these outputs.
    pub fn finished(&mut self, job: u32, sources: &[(FileId, usize)], outputs: &[FileId], outcome: &Outcome) {
        self.times.push((job, outcome.started_at_ms, outcome.ended_at_ms));
        for &(file, at) in sources {
            let Some(FileRecord { stamp, .. }) = outcome.inputs.get(at) else { continue };
            self.read.entry(file).or_insert(Read { stamp: *stamp, job });
        }
        for (&file, FileRecord { stamp, hash, .. }) in outputs.iter().zip(&outcome.outputs) {
            // A pipe is not there any more; what is written into a directory later is between its users.
            if !stamp.is_dir && stamp.inode != 0 {
                self.made.push(Made { file, job, stamp: *stamp, content: hash.as_ref().map(beginning) });
            }
        }
    }

    /// Flow has removed a temporary file.
    pub fn removed(&mut self, file: FileId) {
        self.gone.insert(file);
    }

    /// All that is not as it was, in the order of the kinds and names.
    pub fn changes(&self, paths: &Paths, disk: &dyn Disk) -> Vec<Change> {
        let of_output = |made: &Made| {
            let is_gone = self.gone.contains(&made.file);
            if is_gone { None } else { self.of_output(made, paths, disk) }
        };
        let of_source = |(&file, read): (&FileId, &Read)| self.of_source(file, read, paths, disk);
        let mut changes: Vec<Change> = if self.made.len() + self.read.len() <= FEW {
            self.made.iter().filter_map(of_output).chain(self.read.iter().filter_map(of_source)).collect()
        } else {
            let sources: Vec<(&FileId, &Read)> = self.read.iter().collect();
            let outputs = self.made.par_iter().filter_map(of_output);
            outputs.chain(sources.into_par_iter().filter_map(of_source)).collect()
        };
        changes.sort_by(|a, b| (a.kind, paths.name(a.file)).cmp(&(b.kind, paths.name(b.file))));
        changes
    }

    fn of_output(&self, made: &Made, paths: &Paths, disk: &dyn Disk) -> Option<Change> {
        let name = paths.name(made.file);
        let (kind, stamp) = match disk.stat(name).ok()? {
            Some(stamp) if stamp == made.stamp => return None,
            None => (Kind::OutputGone, None),
            Some(stamp) if stamp.size != made.stamp.size || stamp.is_dir => (Kind::Rewritten, Some(stamp)),
            Some(stamp) => match made.content {
                None => (Kind::Touched, Some(stamp)),
                Some(content) if beginning(&disk.hash(name).ok()?) != content => (Kind::Rewritten, Some(stamp)),
                Some(_) => return None,
            },
        };
        Some(Change::new(made.file, made.job, kind, stamp))
    }

    fn of_source(&self, file: FileId, read: &Read, paths: &Paths, disk: &dyn Disk) -> Option<Change> {
        let (kind, stamp) = match disk.stat(paths.name(file)).ok()? {
            Some(stamp) if stamp == read.stamp || stamp.is_dir => return None,
            None => (Kind::SourceGone, None),
            Some(stamp) => (Kind::SourceChanged, Some(stamp)),
        };
        Some(Change::new(file, read.job, kind, stamp))
    }

    /// The jobs that ran when a file was changed, in their order; not its maker, but its readers: a job may change what it
    /// reads. Looks through all jobs.
    pub fn meanwhile(&self, change: &Change) -> Vec<u32> {
        let Some(at_ms) = change.at_ms else { return Vec::new() };
        let maker = (change.kind < Kind::SourceChanged).then_some(change.job);
        let ran = |&&(job, start, end): &&(u32, i64, i64)| {
            Some(job) != maker && (start - TICK_MS..=end + TICK_MS).contains(&at_ms)
        };
        let mut jobs: Vec<u32> = self.times.iter().filter(ran).map(|&(job, ..)| job).collect();
        jobs.sort_unstable();
        jobs
    }
}

impl JobDirector<'_> {
    /// Enters what a job that is done has read and made.
    pub(super) fn enter(&mut self, number: u32, id: JobId, outcome: &Outcome) {
        let dag = &self.plan.dag;
        let job = dag.job(id);
        let is_source =
            |&(file, _): &(FileId, usize)| dag.producer(file).is_none() && dag.paths.changed_later(file).is_none();
        let sources: Vec<(FileId, usize)> = job.inputs.iter().copied().zip(0..).filter(is_source).collect();
        self.ledger.finished(number, &sources, &job.outputs, outcome);
    }

    /// What is told of files that are not as they were.
    pub(super) fn look_at_files(&self) -> Afterwards {
        let mut told = Afterwards::default();
        let mut failed = FxHashSet::default();
        let mut more = 0;
        for change in self.ledger.changes(&self.plan.dag.paths, self.stats.disk()) {
            if change.kind == Kind::Rewritten {
                // A job is failed once, whatever number of its outputs is concerned.
                if failed.insert(change.job) {
                    told.failures.push((change.job, *self.fail(&self.rewritten(&change))));
                }
            } else if told.warnings.len() < MOST_WARNINGS {
                told.warnings.push(self.warning(&change));
            } else {
                more += 1;
            }
        }
        if more > 0 {
            told.warnings.push(format!("{more} more files were changed while the run went on"));
        }
        told
    }

    /// An output that another hand has written.
    fn rewritten(&self, change: &Change) -> Diagnostic {
        let name = self.plan.dag.paths.name(change.file);
        let meanwhile = self.ledger.meanwhile(change);
        let message = format!("{name} was written again after its job had ended{}", self.suspects(&meanwhile));
        let mut diagnostic = Diagnostic::error(message);
        if let Some(output) = self.plan.dag.declared(change.file, &self.project.workflow) {
            diagnostic = diagnostic.at(output.span, "this job makes it");
        }
        if let [one] = meanwhile[..] {
            diagnostic = diagnostic.at(self.rule(self.id(one)).action_span, "this ran when it was written");
        }
        diagnostic.help("let one rule make the file, or give each rule a file of its own")
    }

    fn warning(&self, change: &Change) -> String {
        let name = self.plan.dag.paths.name(change.file);
        let job = self.name(change.job);
        let suspects = self.suspects(&self.ledger.meanwhile(change));
        match change.kind {
            Kind::Rewritten | Kind::Touched => {
                format!("{name} was touched after its job, {job}, had ended{suspects}: the next run makes it again")
            }
            Kind::OutputGone => format!(
                "{name}, which {job} made, is gone: it is made again when something needs it; `temp()` lets flow remove what is done with"
            ),
            Kind::SourceChanged => {
                format!("{name} was changed after {job} had begun to read it{suspects}: the next run does that again")
            }
            Kind::SourceGone => format!("{name}, which {job} read, is gone"),
        }
    }

    /// Who ran when a file was changed.
    fn suspects(&self, meanwhile: &[u32]) -> String {
        if meanwhile.is_empty() || meanwhile.len() > MOST_SUSPECTS {
            return String::new();
        }
        let jobs: Vec<String> = meanwhile.iter().map(|&job| self.name(job).to_string()).collect();
        format!(", while {} ran", jobs.join(" and "))
    }
}
