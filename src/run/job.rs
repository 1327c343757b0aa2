//! One job, from its order to its outcome, on a worker: stamps, outputs made ready, the work, outputs put in place. Every
//! way out but success leaves no output behind.

use std::any::Any;
use std::fs::{self, File};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustc_hash::{FxHashMap, FxHashSet};

use super::benchmark;
use super::bounds::{Bounds, opens_declared};
use super::cache::Cached;
use super::child::{Cause, Ended, Exit, signal_name, thread_cpu};
use super::command;
use super::executor::{Order, Workspace};
use super::handled::Handled;
use super::local::Shared;
use super::log_file::{clear_log, drop_empty_log, open_log};
use super::log_tail::{all_lines, last_lines};
use super::outputs::{NO_STAMP, Outputs, disk_error, temporary};
use super::sample::Peaks;
use super::script;
use super::shadow::ShadowFolder;
use super::spec::{JobError, JobSpec, Outcome, OutputSpec, Work};
use super::strict::Cage;
use crate::disk::{Content, Hash, Stamp};
use crate::event::Usage;
use crate::path::normalise;
use crate::store::{FileRecord, start_time};
use crate::value::Value;

/// Larger files, and directories, are known by their stamps alone: reading them again would cost more than it tells.
const HASH_UP_TO: u64 = 256 << 20;

/// How much of a failed job's log is shown.
const TAIL: usize = 20;

/// Variables that libraries read to know how many threads to start.
const THREAD_VARIABLES: [&str; 6] = [
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "RAYON_NUM_THREADS",
];

/// Runs a job to its end.
pub(super) fn perform(shared: &Shared, order: &Order) -> Outcome {
    let spec = &*order.spec;
    let started_at_ms = now_ms();
    let begun = Instant::now();
    let mut usage = Usage::default();
    let (mut inputs, mut began, mut handled) = (Vec::new(), Began::default(), Handled::new(&*shared.disk));
    let result = stamp_inputs(shared, order).and_then(|records| {
        inputs = records;
        let outputs = attempt(shared, order, &inputs, &mut usage, &mut handled, &mut began)?;
        complete(shared, &order.spec, &mut inputs, &handled)?;
        Ok(outputs)
    });
    if let (Err(_), Some(together)) = (&result, &order.together) {
        together.fail(spec, &shared.children);
    }
    usage.wall = begun.elapsed();
    let (result, outputs) = match result {
        Ok(outputs) => (Ok(()), outputs),
        Err(error) => (Err(error), Vec::new()),
    };
    let log_tail = match &result {
        Ok(()) => Vec::new(),
        Err(_) if order.whole_log => all_lines(&spec.stdio_log),
        Err(_) => last_lines(&spec.stdio_log, TAIL),
    };
    let Began { began, is_clean, unremoved } = began;
    let ended_at_ms = now_ms();
    Outcome {
        job: spec.job,
        began,
        result,
        is_clean,
        unremoved,
        usage,
        inputs,
        outputs,
        started_at_ms,
        ended_at_ms,
        log_tail,
        ran: None,
    }
}

/// Whether a job came to its outputs, and whether it took away after a failure what it had made of them.
#[derive(Default)]
struct Began {
    began: bool,
    is_clean: bool,
    unremoved: Vec<String>,
}

impl Began {
    fn cleaned(&mut self, unremoved: Vec<String>) {
        self.is_clean = unremoved.is_empty();
        self.unremoved = unremoved;
    }
}

/// Tells `began` when it comes to the outputs, and what it leaves of them.
fn attempt(
    shared: &Shared,
    order: &Order,
    inputs: &[FileRecord],
    usage: &mut Usage,
    handled: &mut Handled<'_>,
    began: &mut Began,
) -> Result<Vec<FileRecord>, JobError> {
    let spec = &*order.spec;
    let mut outputs = Outputs::new(spec, &*shared.disk);
    if shared.cancelled.load(Ordering::SeqCst) {
        return Err(JobError::Interrupted);
    }
    outputs.check_replaceable(inputs)?;
    // Old outputs are removed next: from here on the store must know that this job had begun.
    order.ticket.begin().map_err(|error| JobError::Disk(error.to_string()))?;
    began.began = true;
    outputs.prepare(handled)?;
    let cached = Cached::of(spec, inputs, |input| shared.whole_hash(input))?;
    if let Some(cached) = &cached {
        let fetched = cached.fetch(|at| outputs.written(&spec.outputs[at]));
        match fetched.and_then(|fetched| if fetched { commit(shared, &outputs, handled).map(Some) } else { Ok(None) }) {
            Ok(Some(stamps)) => return record_outputs(shared, order, &outputs, stamps, handled),
            Ok(None) => {}
            Err(error) => {
                began.cleaned(outputs.discard());
                return Err(error);
            }
        }
    }
    let shadow = ShadowFolder::of(spec, &shared.directory)?;
    outputs.shadowed(shadow.as_ref());
    let worked = match &order.together {
        None => work(shared, order, shadow.as_ref(), usage, handled),
        Some(together) => {
            let is_stopped = || shared.cancelled.load(Ordering::SeqCst);
            let begun = together.begin(spec, &is_stopped);
            let worked = begun.and_then(|()| work(shared, order, shadow.as_ref(), usage, handled));
            together.end(spec, worked, &shared.children, &is_stopped)
        }
    };
    if let Some(shadow) = &shadow {
        shadow.bring_logs(spec);
    }
    let stamps = worked.and_then(|()| commit(shared, &outputs, handled));
    match stamps {
        Ok(stamps) => {
            drop_empty_log(spec);
            if let Some(cached) = &cached {
                cached.store()?;
            }
            record_outputs(shared, order, &outputs, stamps, handled)
        }
        Err(error) => {
            if !(order.keep_incomplete && spec.writes_in_place()) {
                began.cleaned(outputs.discard());
            }
            if !order.keep_incomplete && error != JobError::Interrupted && began.is_clean {
                began.cleaned(outputs.retract());
            }
            Err(error)
        }
    }
}

/// Checks the outputs and puts them in place, unless the run has been stopped meanwhile.
fn commit(shared: &Shared, outputs: &Outputs<'_>, handled: &mut Handled<'_>) -> Result<Vec<Stamp>, JobError> {
    outputs.verify(handled)?;
    let closed = shared.closed.read().unwrap_or_else(PoisonError::into_inner);
    if *closed { Err(JobError::Interrupted) } else { outputs.commit(handled) }
}

/// The work itself, as often as a benchmark asks.
fn work(
    shared: &Shared,
    order: &Order,
    shadow: Option<&ShadowFolder>,
    usage: &mut Usage,
    handled: &mut Handled<'_>,
) -> Result<(), JobError> {
    let spec = &*order.spec;
    let Some((path, repeats)) = &spec.benchmark else {
        return work_once(shared, order, shadow, usage, handled).map(drop);
    };
    let mut rows = Vec::new();
    for _ in 0..(*repeats).max(1) {
        let begun = Instant::now();
        let mut once = Usage::default();
        let peaks = work_once(shared, order, shadow, &mut once, handled)?;
        once.wall = begun.elapsed();
        usage.cpu += once.cpu;
        usage.peak_memory = usage.peak_memory.max(once.peak_memory);
        rows.push((once, peaks));
    }
    fs::write(path, benchmark::table(&rows)).map_err(|error| disk_error("write", path, &error))
}

fn work_once(
    shared: &Shared,
    order: &Order,
    shadow: Option<&ShadowFolder>,
    usage: &mut Usage,
    handled: &mut Handled<'_>,
) -> Result<Peaks, JobError> {
    let spec = &*order.spec;
    let deadline = order.timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    let peaks = Peaks::default();
    let staged = Staged::of(spec);
    let bounds = Bounds::default();
    let mut site =
        Site { shared, order, shadow, usage, handled, staged, deadline, peaks, bounds, temporary_folder: None };
    let done = match &spec.work {
        Work::Touch => spec
            .log
            .items
            .iter()
            .try_for_each(|log| open_log(log, false).map(drop).map_err(|error| disk_error("write", log, &error))),
        Work::Shell { command } => site.shell_to_log(command, false),
        Work::Script { path } => {
            let script = script::prepare(spec, path)?;
            site.bounds.given.push(script.path().to_owned());
            site.bounds.private.push(script.folder().to_owned());
            site.spawn(&mut script.command(), false)
        }
        Work::Run { .. } => {
            clear_log(spec)?;
            let before = thread_cpu();
            let done = catch_unwind(AssertUnwindSafe(|| shared.in_process.run(spec, &mut site)));
            site.usage.cpu += thread_cpu().saturating_sub(before);
            match done.unwrap_or_else(|panic| Err(panic_error("an action", &*panic))) {
                Err(JobError::Interrupted) if !site.is_stopped() && site.is_late() => Err(site.timed_out()),
                other => other,
            }
        }
    };
    let done = site.bounds.judged(done, !order.keep_incomplete, || last_lines(&spec.stdio_log, TAIL));
    done.map(|()| site.peaks)
}

/// The outcome of a job in which flow itself went wrong: what it may have written is left to the next run.
pub(super) fn panicked(order: &Order, panic: &(dyn Any + Send)) -> Outcome {
    Outcome {
        job: order.spec.job,
        began: true,
        result: Err(panic_error("the job", panic)),
        is_clean: false,
        unremoved: Vec::new(),
        usage: Usage::default(),
        inputs: Vec::new(),
        outputs: Vec::new(),
        started_at_ms: now_ms(),
        ended_at_ms: now_ms(),
        log_tail: Vec::new(),
        ran: None,
    }
}

fn panic_error(what: &str, panic: &(dyn Any + Send)) -> JobError {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
    JobError::Action {
        message: format!("{what} panicked: {text}"),
        place: None,
        help: Some("this is a fault in flow, not in the workflow: please report it".to_owned()),
    }
}

/// Where a job's processes run.
struct Site<'a, 'd> {
    shared: &'a Shared,
    order: &'a Order,
    shadow: Option<&'a ShadowFolder>,
    usage: &'a mut Usage,
    handled: &'a mut Handled<'d>,
    staged: Staged,
    /// When its time is over.
    deadline: Option<Instant>,
    /// Of its processes.
    peaks: Peaks,
    /// Of a strict run.
    bounds: Bounds,
    /// Made when `tmpdir` is asked for, and removed with all that is in it.
    temporary_folder: Option<tempfile::TempDir>,
}

/// The outputs that are put in place only when all is done; asked for by actions, which are in bodies only.
#[derive(Default)]
struct Staged {
    /// Where each is until then, by its normal path.
    places: FxHashMap<String, String>,
    /// The places of those that are files.
    whole: FxHashSet<String>,
}

impl Staged {
    fn of(spec: &JobSpec) -> Staged {
        let mut staged = Staged::default();
        let is_staged = |output: &&OutputSpec| output.live.is_none() && !spec.writes_in_place_at(&output.path);
        if matches!(spec.work, Work::Run { .. }) {
            for output in spec.outputs.iter().filter(is_staged) {
                let place = temporary(&output.path);
                if !output.directory {
                    staged.whole.insert(place.clone());
                }
                staged.places.insert(normalise(&output.path).into_owned(), place);
            }
        }
        staged
    }
}

impl Site<'_, '_> {
    fn shell_to_log(&mut self, text: &str, append: bool) -> Result<(), JobError> {
        let path = &self.order.spec.stdio_log;
        if let Some(simple) = command::parse(text).filter(|simple| self.is_plain(simple)) {
            let log = || open_log(path, append);
            if let Some(streams) = simple.open(log) {
                match simple.command(streams, log) {
                    Ok(None) if append => return Ok(()),
                    Ok(None) => return clear_log(&self.order.spec),
                    // What does not start is given to bash, which says why as it always does.
                    Ok(Some(mut command)) => match self.start(&mut command) {
                        Ok(ended) => return self.judge(&ended),
                        Err(Start::Other(error)) => return Err(error),
                        Err(Start::Spawn(_)) => {}
                    },
                    Err(error) => return Err(disk_error("write", path, &error)),
                }
            }
        }
        let (mut command, file) = command::bash(text).map_err(|error| disk_error("write", "the command", &error))?;
        self.bounds.given.extend(file.as_ref().map(|file| file.to_path_buf()));
        self.spawn(&mut command, append)
    }

    /// Runs a process with both outputs into the log.
    fn spawn(&mut self, command: &mut Command, append: bool) -> Result<(), JobError> {
        let path = &self.order.spec.stdio_log;
        let log = open_log(path, append).map_err(|error| disk_error("write", path, &error))?;
        let twin = log.try_clone().map_err(|error| disk_error("write", path, &error))?;
        command.stdout(log).stderr(twin);
        match self.start(command) {
            Ok(ended) => self.judge(&ended),
            Err(Start::Other(error)) => Err(error),
            Err(Start::Spawn(error)) if error.kind() == io::ErrorKind::NotFound => {
                Err(JobError::CommandNotFound(command.get_program().to_string_lossy().into_owned()))
            }
            Err(Start::Spawn(error)) => {
                Err(JobError::Spawn(format!("{}: {error}", command.get_program().to_string_lossy())))
            }
        }
    }

    fn start(&mut self, command: &mut Command) -> Result<Ended, Start> {
        if self.shared.cancelled.load(Ordering::SeqCst) {
            return Err(Start::Other(JobError::Interrupted));
        }
        self.set_environment(command).map_err(Start::Other)?;
        let cage = match self.order.strict {
            true => Some(self.shared.bounded(&mut self.bounds, &self.order.spec, self.shadow).map_err(Start::Other)?),
            false => None,
        };
        let ticket = &self.order.ticket;
        let left = self.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let detailed = self.order.spec.benchmark.is_some();
        let ended = self.shared.children.run(self.order.spec.job, command, left, detailed, cage, |group| {
            if let Some(together) = &self.order.together {
                together.started(group, &self.order.spec, &self.shared.children);
            }
            if let Some(start) = start_time(group.cast_unsigned()) {
                ticket.spawned((group, start));
            }
        });
        let ended = ended.map_err(Start::Spawn)?;
        self.usage.cpu += ended.cpu;
        self.usage.peak_memory = self.usage.peak_memory.max(ended.peaks.resident);
        self.peaks.follow(ended.peaks);
        Ok(ended)
    }

    fn set_environment(&mut self, command: &mut Command) -> Result<(), JobError> {
        let spec = &self.order.spec;
        let threads = spec.threads.max(1).to_string();
        for name in THREAD_VARIABLES {
            command.env(name, &threads);
        }
        command.env("FLOW_RUN", &self.order.run).env("PWD", &self.shared.directory);
        if let Some(shadow) = self.shadow {
            command.current_dir(shadow.work()).env("PWD", shadow.work());
        }
        let place = match spec.resources.get("tmpdir") {
            Some(Value::Str(place)) => Some(place.clone()),
            _ if self.order.strict => Some(std::env::temp_dir().to_string_lossy().into_owned()),
            _ => None,
        };
        if let Some(place) = place {
            if self.temporary_folder.is_none() {
                let made = fs::create_dir_all(&place)
                    .and_then(|()| tempfile::Builder::new().prefix("flow-").tempdir_in(&place))
                    .map_err(|error| disk_error("make a folder in", &place, &error))?;
                self.bounds.private.push(made.path().to_owned());
                self.temporary_folder = Some(made);
            }
            if let Some(folder) = &self.temporary_folder {
                let absolute = self.shared.directory.join(folder.path());
                for name in ["TMPDIR", "TMP", "TEMP", "TEMPDIR"] {
                    command.env(name, &absolute);
                }
                if self.order.strict {
                    // What a program keeps there would tell of other runs.
                    command.env("XDG_CACHE_HOME", absolute.join(".cache"));
                }
            }
        }
        Ok(())
    }

    /// Whether flow may open the files of redirections itself: where it stands, without waiting for the other end of a pipe,
    /// and where the job may open them.
    fn is_plain(&self, simple: &command::Simple) -> bool {
        let may_open = || !self.order.strict || opens_declared(simple, &self.order.spec);
        self.shadow.is_none() && self.order.together.is_none() && may_open()
    }

    fn is_stopped(&self) -> bool {
        self.shared.cancelled.load(Ordering::SeqCst)
    }

    fn is_late(&self) -> bool {
        self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }

    fn timed_out(&self) -> JobError {
        JobError::TimedOut(self.order.timeout.unwrap_or_default().as_secs())
    }

    fn judge(&self, ended: &Ended) -> Result<(), JobError> {
        match (ended.cause, ended.exit) {
            // Who was faster than the signal has done its work.
            (_, Exit::Code(0)) if ended.cause != Some(Cause::TimedOut) => Ok(()),
            (Some(Cause::Stopped), _) => Err(JobError::Interrupted),
            (Some(Cause::TimedOut), _) => Err(self.timed_out()),
            (Some(Cause::WantedTerminal(signal)), _) => Err(JobError::WantedTerminal(signal_name(signal))),
            (None, Exit::Code(code)) => Err(JobError::ExitCode(code)),
            (None, Exit::Signal(signal)) => Err(JobError::Signal(signal, signal_name(signal))),
        }
    }
}

/// Why there is no process.
enum Start {
    Spawn(io::Error),
    Other(JobError),
}

impl Workspace for Site<'_, '_> {
    fn output_path(&self, output: &str) -> String {
        let output = normalise(output);
        self.staged.places.get(&*output).cloned().unwrap_or_else(|| output.into_owned())
    }

    fn create(&mut self, path: &str) -> io::Result<Arc<File>> {
        if self.staged.whole.contains(path) {
            return self.handled.create(path);
        }
        // Who still reads what is there goes on reading it: another file takes its place.
        let is_log = || self.order.spec.log.items.iter().any(|log| normalise(log) == normalise(path));
        if fs::symlink_metadata(path).is_ok_and(|meta| meta.is_file()) && !is_log() {
            let _ = fs::remove_file(path);
        }
        File::create(path).map(Arc::new)
    }

    fn settle(&mut self, path: &str) -> io::Result<()> {
        self.handled.settle(path)
    }

    fn is_strict(&self) -> bool {
        self.order.strict
    }

    fn is_cancelled(&self) -> bool {
        self.is_stopped() || self.is_late()
    }

    fn wants(&self, path: &str, stamp: &Stamp) -> bool {
        stamp.size <= HASH_UP_TO && self.handled.content(path).is_none() && self.shared.known(path, *stamp).is_none()
    }

    fn saw(&mut self, path: &str, content: Content) {
        self.handled.saw(path, content);
    }

    fn forget(&mut self, path: &str) {
        self.handled.forget(path);
    }

    fn shell(&mut self, command: &str) -> Result<(), JobError> {
        self.handled.forget_all();
        self.shell_to_log(command, true)
    }
}

/// The inputs as they are. Work inside flow reads them, and tells what was in them; of those of others the hash is taken
/// now, before anything can change them.
fn stamp_inputs(shared: &Shared, order: &Order) -> Result<Vec<FileRecord>, JobError> {
    let is_inside = matches!(order.spec.work, Work::Run { .. });
    let mut records = Vec::with_capacity(order.spec.input.items.len());
    for path in &order.spec.input.items {
        if order.spec.live_inputs.contains(path) {
            records.push(FileRecord { path: path.clone(), stamp: NO_STAMP, hash: None });
            continue;
        }
        let stamp = shared.disk.stat(path).map_err(|error| disk_error("read", path, &error))?;
        let stamp = stamp.ok_or_else(|| JobError::Disk(format!("the input {path} is gone")))?;
        let hash = if is_inside { None } else { shared.hash_of_input(&order.spec, path, stamp, None)? };
        records.push(FileRecord { path: path.clone(), stamp, hash });
    }
    Ok(records)
}

/// After the work: the hashes that are still missing. An input that is not any more what it was when the job began has
/// none, so that the next run makes the job again.
fn complete(shared: &Shared, spec: &JobSpec, inputs: &mut [FileRecord], handled: &Handled<'_>) -> Result<(), JobError> {
    for input in inputs.iter_mut().filter(|input| input.hash.is_none() && input.stamp != NO_STAMP) {
        let seen = handled.content(&input.path).filter(|content| content.stamp == input.stamp);
        let is_same = || shared.disk.stat(&input.path).is_ok_and(|stamp| stamp == Some(input.stamp));
        if seen.is_some() || is_same() {
            input.hash = shared.hash_of_input(spec, &input.path, input.stamp, seen)?;
        }
    }
    Ok(())
}

fn record_outputs(
    shared: &Shared,
    order: &Order,
    outputs: &Outputs<'_>,
    stamps: Vec<Stamp>,
    handled: &Handled<'_>,
) -> Result<Vec<FileRecord>, JobError> {
    let record = |(output, stamp): (&OutputSpec, Stamp)| {
        let hash = match output.live {
            Some(_) => None,
            None if output.directory => shared.hash_of_directory(&output.path, stamp),
            None => shared.hash(&output.path, stamp, handled.content(&outputs.written(output)))?,
        };
        Ok(FileRecord { path: output.path.clone(), stamp, hash })
    };
    order.spec.outputs.iter().zip(stamps).map(record).collect()
}

impl Shared {
    /// The bounds of a job's next process.
    fn bounded<'b>(
        &self,
        bounds: &'b mut Bounds,
        spec: &JobSpec,
        shadow: Option<&ShadowFolder>,
    ) -> Result<&'b Cage, JobError> {
        let system = self.system().map_err(JobError::Disk)?;
        bounds.next(system, spec, shadow).map_err(|error| JobError::Disk(format!("--strict: {error}")))
    }

    /// What is known of a file's content, with this stamp.
    fn known(&self, path: &str, stamp: Stamp) -> Option<Hash> {
        self.hashes().get(path).filter(|(of, _)| *of == stamp).map(|(_, hash)| *hash)
    }

    /// The content hash of an input of any size, read where it is not known.
    fn whole_hash(&self, input: &FileRecord) -> Result<Hash, JobError> {
        match input.hash.map_or_else(|| self.hash(&input.path, input.stamp, None), |hash| Ok(Some(hash)))? {
            Some(hash) => Ok(hash),
            None => self.disk.hash(&input.path).map_err(|error| disk_error("read", &input.path, &error)),
        }
    }

    /// The content hash of an input. A directory that no job makes is a name: what is in it may be anything.
    fn hash_of_input(
        &self,
        spec: &JobSpec,
        path: &str,
        stamp: Stamp,
        seen: Option<&Content>,
    ) -> Result<Option<Hash>, JobError> {
        if spec.made_directories.iter().any(|made| made == path) {
            return Ok(self.hash_of_directory(path, stamp));
        }
        self.hash(path, stamp, seen)
    }

    /// The hash of what is in a directory up to a size; none where it cannot all be read.
    fn hash_of_directory(&self, path: &str, stamp: Stamp) -> Option<Hash> {
        if let Some(hash) = self.known(path, stamp) {
            return Some(hash);
        }
        if !self.disk.holds_at_most(path, HASH_UP_TO).unwrap_or(false) {
            return None;
        }
        let hash = self.disk.hash(path).ok()?;
        self.hashes().insert(path.into(), (stamp, hash));
        Some(hash)
    }

    /// The content hash of a file up to a size, read or as the job saw it. A file that many jobs read is hashed once.
    fn hash(&self, path: &str, stamp: Stamp, seen: Option<&Content>) -> Result<Option<Hash>, JobError> {
        if stamp.is_dir || stamp.size > HASH_UP_TO {
            return Ok(None);
        }
        if let Some(hash) = self.known(path, stamp) {
            return Ok(Some(hash));
        }
        let hash = match seen.filter(|content| content.stamp == stamp) {
            Some(content) => content.hash,
            None => self.disk.hash(path).map_err(|error| disk_error("read", path, &error))?,
        };
        self.hashes().insert(path.into(), (stamp, hash));
        Ok(Some(hash))
    }
}

fn now_ms() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    i64::try_from(now.as_millis()).unwrap_or(i64::MAX)
}
