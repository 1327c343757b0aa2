//! The writer: one thread that takes records from an [`Inbox`] and commits them in batches. Its failures reach whoever
//! asks ([`Writer::check`], [`Ticket::wait`]); after the first, nothing more is written.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rusqlite::{Connection, Transaction, params};

use super::StoreError;
use super::inbox::Inbox;
use super::record::{FailureRecord, FileRecord, JobRecord, Left, RunRecord, StartedRow};

/// A batch is committed at once when the last commit was this long ago; else when it is, when somebody waits for it, or
/// when the inbox is full.
const BATCH_AGE: Duration = Duration::from_millis(100);

/// What the thread is told.
#[derive(Debug)]
enum Command {
    BeginRun(RunRecord),
    EndRun {
        tag: String,
        ended_at_ms: i64,
        done: usize,
        failed: usize,
    },
    /// The number is the ticket's.
    Started {
        row: StartedRow,
        number: u64,
    },
    Spawned {
        key: String,
        group: (i32, u64),
    },
    Finished(Box<JobRecord>),
    /// The job did not run: its record is brought up to date.
    Refreshed(Box<JobRecord>),
    Failed(Box<FailureRecord>),
    Ended(String),
    /// Commit all until here.
    Flush(u64),
    Stop,
}

/// How far the thread has come.
#[derive(Debug, Default)]
struct Progress {
    next: u64,
    committed: u64,
    error: Option<Fault>,
}

/// The first failure; `damaged` if the file is not what a store left.
#[derive(Debug, Clone)]
struct Fault {
    text: String,
    damaged: bool,
}

impl Fault {
    fn plain(text: impl ToString) -> Self {
        Fault { text: text.to_string(), damaged: false }
    }
}

impl From<Fault> for StoreError {
    fn from(fault: Fault) -> Self {
        if fault.damaged { StoreError::Damaged(fault.text) } else { StoreError::Write(fault.text) }
    }
}

#[derive(Debug, Default)]
struct Shared {
    inbox: Inbox<Command>,
    progress: Mutex<Progress>,
    moved: Condvar,
}

impl Shared {
    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait(&self, number: u64) -> Result<(), StoreError> {
        let mut progress = self.progress();
        while progress.error.is_none() && progress.committed < number {
            progress = self.moved.wait(progress).unwrap_or_else(PoisonError::into_inner);
        }
        progress.error.clone().map_or(Ok(()), |fault| Err(fault.into()))
    }
}

/// The way in for records: cheap to clone, never blocks but where it says so.
#[derive(Debug, Clone)]
pub struct Writer {
    shared: Arc<Shared>,
    thread: Arc<Mutex<Option<JoinHandle<()>>>>,
}

/// A job that may be started: the way in for what is to be known of it while it runs.
#[derive(Debug, Clone)]
pub struct Ticket(Option<(StartedRow, Writer)>);

impl Ticket {
    /// The job is about to touch its outputs. Of one that writes them in place this returns when its row is committed.
    ///
    /// # Errors
    /// The row could not be written: the job must not begin.
    pub fn begin(&self) -> Result<(), StoreError> {
        Ticket::begin_all([self])
    }

    /// The same for many jobs, whose rows are committed together.
    ///
    /// # Errors
    /// A row could not be written: none of them must begin.
    pub fn begin_all<'t>(tickets: impl IntoIterator<Item = &'t Ticket>) -> Result<(), StoreError> {
        let mut last = None;
        for (row, writer) in tickets.into_iter().filter_map(|ticket| ticket.0.as_ref()) {
            let number = writer.started(row.clone());
            if row.in_place {
                last = Some((writer, number));
            }
        }
        last.map_or(Ok(()), |(writer, number)| writer.shared.wait(number))
    }

    /// Of a job whose start is on record elsewhere.
    pub fn none() -> Ticket {
        Ticket(None)
    }

    /// The job's process group: its number, and when its leader started. Not waited for.
    pub fn spawned(&self, group: (i32, u64)) {
        if let Some((row, writer)) = &self.0 {
            writer.send(Command::Spawned { key: row.key.clone(), group });
        }
    }
}

impl Writer {
    pub(super) fn start(connection: Arc<Mutex<Connection>>) -> Self {
        let shared = Arc::new(Shared::default());
        let theirs = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("records".to_owned())
            .spawn(move || serve(&connection, &theirs))
            .map_err(|error| shared.progress().error = Some(Fault::plain(error)))
            .ok();
        Writer { shared, thread: Arc::new(Mutex::new(thread)) }
    }

    /// A run begins: its row, and the number under which its jobs are recorded.
    pub fn begin_run(&self, run: RunRecord) {
        self.send(Command::BeginRun(run));
    }

    /// A run has ended; `ended_at_ms` since the epoch.
    pub fn end_run(&self, tag: &str, ended_at_ms: i64, done: usize, failed: usize) {
        self.send(Command::EndRun { tag: tag.to_owned(), ended_at_ms, done, failed });
    }

    /// For a job that is given out: its row is written when it begins, so that one that does not begin leaves no trace.
    pub fn ticket(&self, row: StartedRow) -> Ticket {
        Ticket(Some((row, self.clone())))
    }

    /// A job is marked as started. A row of a job that writes in place is committed at once (together with all that is
    /// queued), others with the next batch, and never if the job has ended by then. Gives its number.
    pub fn started(&self, row: StartedRow) -> u64 {
        self.send_numbered(|number| Command::Started { row, number })
    }

    /// A job has succeeded and its outputs are committed: its record, in place of an older one.
    pub fn finished(&self, record: Box<JobRecord>) {
        self.send(Command::Finished(record));
    }

    /// The record of a job that did not run, with what is different about it now.
    pub fn refreshed(&self, record: Box<JobRecord>) {
        self.send(Command::Refreshed(record));
    }

    /// A job has failed and its outputs are removed (or kept: then its mark as unfinished stays).
    pub fn failed(&self, record: Box<FailureRecord>) {
        self.send(Command::Failed(record));
    }

    /// A job has ended without anything to remember, and nothing of it is left half-written.
    pub fn ended(&self, key: &str) {
        self.send(Command::Ended(key.to_owned()));
    }

    /// Waits until all that was queued before is committed.
    pub fn flush(&self) -> Result<(), StoreError> {
        self.shared.wait(self.send_numbered(Command::Flush))
    }

    /// The first failure of the thread, if there was one.
    pub fn check(&self) -> Result<(), StoreError> {
        self.shared.progress().error.clone().map_or(Ok(()), |fault| Err(fault.into()))
    }

    /// Commits what is queued and ends the thread.
    pub(super) fn close(&self) {
        self.send(Command::Stop);
        if let Some(thread) = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take() {
            // A panic of the thread has been told to the user by now, and there is nothing left to save.
            let _ = thread.join();
        }
    }

    /// Numbers are put in in their order: who waits for one waits for all before it.
    fn send_numbered(&self, command: impl FnOnce(u64) -> Command) -> u64 {
        let mut progress = self.shared.progress();
        progress.next += 1;
        let number = progress.next;
        let command = command(number);
        let urgent = command.is_urgent();
        if !self.shared.inbox.put(command, urgent) {
            self.is_closed(&mut progress);
        }
        number
    }

    fn send(&self, command: Command) {
        let urgent = command.is_urgent();
        if !self.shared.inbox.put(command, urgent) {
            self.is_closed(&mut self.shared.progress());
        }
    }

    fn is_closed(&self, progress: &mut Progress) {
        progress.error.get_or_insert_with(|| Fault::plain("the records are closed"));
        self.shared.moved.notify_all();
    }
}

impl Command {
    /// Whether somebody waits for it.
    fn is_urgent(&self) -> bool {
        match self {
            Command::Started { row, .. } => row.in_place,
            Command::Flush(_) | Command::Stop => true,
            _ => false,
        }
    }
}

/// Records that go to the disk in one transaction.
#[derive(Default)]
struct Batch {
    runs: Vec<RunRecord>,
    ended_runs: Vec<(String, i64, usize, usize)>,
    started: BTreeMap<String, StartedRow>,
    spawned: BTreeMap<String, (i32, u64)>,
    /// Keys whose started rows, committed before, are over.
    ended: Vec<String>,
    finished: Vec<JobRecord>,
    refreshed: Vec<JobRecord>,
    /// Keys whose started rows, committed before, are marked as kept.
    kept: Vec<String>,
    failed: Vec<FailureRecord>,
    number: u64,
    stop: bool,
}

impl Batch {
    fn take(&mut self, command: Command) {
        match command {
            Command::BeginRun(run) => self.runs.push(run),
            Command::EndRun { tag, ended_at_ms, done, failed } => {
                self.ended_runs.push((tag, ended_at_ms, done, failed));
            }
            Command::Started { row, number } => {
                self.started.insert(row.key.clone(), row);
                self.number = self.number.max(number);
            }
            Command::Spawned { key, group } => match self.started.get_mut(&key) {
                Some(row) => row.group = Some(group),
                None => drop(self.spawned.insert(key, group)),
            },
            Command::Finished(record) => {
                self.end(&record.key);
                self.finished.push(*record);
            }
            Command::Refreshed(record) => {
                self.end(&record.key);
                self.refreshed.push(*record);
            }
            Command::Failed(record) => {
                match record.left {
                    Left::Nothing => self.end(&record.key),
                    Left::Kept => self.keep(&record.key),
                    Left::AsBefore => {}
                }
                self.failed.push(*record);
            }
            Command::Ended(key) => self.end(&key),
            Command::Flush(number) => self.number = self.number.max(number),
            Command::Stop => self.stop = true,
        }
    }

    /// A start that is not written yet need not be; one that an earlier run wrote is over as well.
    fn end(&mut self, key: &str) {
        self.spawned.remove(key);
        self.started.remove(key);
        self.ended.push(key.to_owned());
    }

    /// The start that is over may be in this batch or committed before; one that comes after it is another.
    fn keep(&mut self, key: &str) {
        match self.started.get_mut(key) {
            Some(row) => row.kept = true,
            None => self.kept.push(key.to_owned()),
        }
    }
}

fn serve(connection: &Mutex<Connection>, shared: &Shared) {
    let mut run = None;
    let mut next = Instant::now();
    loop {
        let mut batch = Batch::default();
        shared.inbox.take(next).into_iter().for_each(|command| batch.take(command));
        let stop = batch.stop;
        let number = batch.number;
        let written = {
            let mut connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
            write(&mut connection, batch, &mut run)
        };
        next = Instant::now() + BATCH_AGE;
        let mut progress = shared.progress();
        match written {
            Ok(()) => progress.committed = progress.committed.max(number),
            Err(error) => drop(progress.error.get_or_insert_with(|| Fault {
                text: super::in_words(&error),
                damaged: matches!(StoreError::from(error), StoreError::Damaged(_)),
            })),
        }
        let failed = progress.error.is_some();
        shared.moved.notify_all();
        if stop || failed {
            shared.inbox.close();
            return;
        }
    }
}

fn write(connection: &mut Connection, batch: Batch, run: &mut Option<i64>) -> rusqlite::Result<()> {
    // That a run begins is on the disk before any of its jobs does: should the machine go down, all that was written later
    // and is not on record is known to be in doubt.
    let begins = !batch.runs.is_empty();
    if begins {
        connection.execute_batch("PRAGMA synchronous = FULL")?;
    }
    write_batch(connection, &batch, run)?;
    if begins {
        connection.execute_batch("PRAGMA synchronous = NORMAL")?;
    }
    Ok(())
}

fn write_batch(connection: &mut Connection, batch: &Batch, run: &mut Option<i64>) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    for record in &batch.runs {
        transaction.execute(
            "INSERT INTO runs (tag, host, pid, arguments, cores, started_ms, boot) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![
                record.tag,
                record.host,
                record.pid,
                record.arguments,
                record.cores,
                record.started_at_ms,
                record.boot
            ],
        )?;
        *run = Some(transaction.last_insert_rowid());
    }
    write_ends(&transaction, batch)?;
    write_starts(&transaction, batch)?;
    for record in &batch.finished {
        write_job(&transaction, record, *run)?;
    }
    for record in &batch.refreshed {
        let made_in = run_of(&transaction, &record.key)?;
        write_job(&transaction, record, made_in)?;
    }
    write_durations(&transaction, &batch.finished)?;
    for record in &batch.failed {
        write_failure(&transaction, record, *run)?;
    }
    for (tag, ended_at_ms, done, failed) in &batch.ended_runs {
        transaction.execute(
            "UPDATE runs SET ended_ms = ?2, done = ?3, failed = ?4 WHERE tag = ?1",
            params![tag, ended_at_ms, as_i64(*done), as_i64(*failed)],
        )?;
    }
    transaction.commit()
}

fn write_ends(transaction: &Transaction<'_>, batch: &Batch) -> rusqlite::Result<()> {
    let mut statement = transaction.prepare_cached("DELETE FROM started WHERE key = ?1")?;
    for key in &batch.ended {
        statement.execute([key])?;
    }
    let mut statement = transaction.prepare_cached("UPDATE started SET kept = 1 WHERE key = ?1")?;
    for key in &batch.kept {
        statement.execute([key])?;
    }
    Ok(())
}

fn write_starts(transaction: &Transaction<'_>, batch: &Batch) -> rusqlite::Result<()> {
    let mut insert = transaction.prepare_cached(
        "INSERT OR REPLACE INTO started (key, rule, run, outputs, in_place, kept, pgid, pgid_start_time)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?;
    for row in batch.started.values() {
        let outputs = serde_json::to_string(&row.outputs).expect("text is JSON");
        let (pgid, start) = (row.group.map(|(pgid, _)| pgid), row.group.map(|(_, start)| start.cast_signed()));
        insert.execute(params![row.key, row.rule, row.run, outputs, row.in_place, row.kept, pgid, start])?;
    }
    let mut update = transaction.prepare_cached("UPDATE started SET pgid = ?2, pgid_start_time = ?3 WHERE key = ?1")?;
    for (key, (pgid, start)) in &batch.spawned {
        update.execute(params![key, pgid, start.cast_signed()])?;
    }
    Ok(())
}

fn write_job(transaction: &Transaction<'_>, record: &JobRecord, run: Option<i64>) -> rusqlite::Result<()> {
    remove_job(transaction, &record.key)?;
    let wildcards: serde_json::Map<String, serde_json::Value> =
        record.wildcards.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect();
    let wildcards = serde_json::to_string(&wildcards).expect("text is JSON");
    transaction
        .prepare_cached(
            "INSERT INTO jobs (key, rule, wildcards, fingerprint, code, params, script_hash, log, run, started_ms,
             ended_ms, wall_ms, cpu_ms, peak_memory, globals, names, source, node, batch_job)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19)",
        )?
        .execute(params![
            record.key,
            record.rule,
            wildcards,
            record.fingerprint,
            record.code,
            record.params,
            record.script_hash,
            record.log,
            run,
            record.started_at_ms,
            record.ended_at_ms,
            millis(record.usage.wall),
            millis(record.usage.cpu),
            record.usage.peak_memory.map(u64::cast_signed),
            record.globals,
            serde_json::to_string(&record.names).expect("names are JSON"),
            record.source,
            record.ran.as_ref().map(|place| &place.node),
            record.ran.as_ref().map(|place| &place.job),
        ])?;
    let job = transaction.last_insert_rowid();
    let mut insert = transaction.prepare_cached("INSERT INTO inputs VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)")?;
    write_files(&mut insert, job, &record.inputs)?;
    let mut insert = transaction.prepare_cached("INSERT INTO outputs VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)")?;
    write_files(&mut insert, job, &record.outputs)
}

fn write_files(insert: &mut rusqlite::CachedStatement<'_>, job: i64, files: &[FileRecord]) -> rusqlite::Result<()> {
    for (seq, file) in files.iter().enumerate() {
        insert.execute(params![
            job,
            as_i64(seq),
            file.path,
            file.stamp.size.cast_signed(),
            file.stamp.mtime_ns,
            file.stamp.inode.cast_signed(),
            file.stamp.is_dir,
            file.hash,
            file.stamp.changed_ns,
        ])?;
    }
    Ok(())
}

/// The running mean of each rule, with the batch's jobs in one step.
fn write_durations(transaction: &Transaction<'_>, finished: &[JobRecord]) -> rusqlite::Result<()> {
    let mut sums: BTreeMap<&str, (i64, f64)> = BTreeMap::new();
    for record in finished {
        let (jobs, wall_ms) = sums.entry(&record.rule).or_default();
        *jobs += 1;
        *wall_ms += record.usage.wall.as_secs_f64() * 1e3;
    }
    let mut upsert = transaction.prepare_cached(
        "INSERT INTO rules (name, jobs, wall_ms) VALUES (?1, ?2, ?3 / ?2) ON CONFLICT (name) DO UPDATE
         SET wall_ms = (wall_ms * jobs + ?3) / (jobs + ?2), jobs = jobs + ?2",
    )?;
    for (rule, (jobs, wall_ms)) in sums {
        upsert.execute(params![rule, jobs, wall_ms])?;
    }
    Ok(())
}

fn write_failure(transaction: &Transaction<'_>, record: &FailureRecord, run: Option<i64>) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(
            "INSERT INTO failures (run, key, rule, cause, log, started_ms, ended_ms, wall_ms, cpu_ms, peak_memory,
             node, batch_job) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        )?
        .execute(params![
            run,
            record.key,
            record.rule,
            record.cause,
            record.log,
            record.started_at_ms,
            record.ended_at_ms,
            millis(record.usage.wall),
            millis(record.usage.cpu),
            record.usage.peak_memory.map(u64::cast_signed),
            record.ran.as_ref().map(|place| &place.node),
            record.ran.as_ref().map(|place| &place.job),
        ])?;
    Ok(())
}

/// Removes a job, its files, and its mark as started.
pub(super) fn forget(transaction: &Transaction<'_>, key: &str) -> rusqlite::Result<()> {
    remove_job(transaction, key)?;
    transaction.prepare_cached("DELETE FROM started WHERE key = ?1")?.execute([key])?;
    Ok(())
}

/// The run that made a job as it is on record.
fn run_of(transaction: &Transaction<'_>, key: &str) -> rusqlite::Result<Option<i64>> {
    use rusqlite::OptionalExtension;
    let mut find = transaction.prepare_cached("SELECT run FROM jobs WHERE key = ?1")?;
    find.query_row([key], |row| row.get(0)).optional().map(Option::flatten)
}

fn remove_job(transaction: &Transaction<'_>, key: &str) -> rusqlite::Result<()> {
    use rusqlite::OptionalExtension;
    let mut find = transaction.prepare_cached("SELECT id FROM jobs WHERE key = ?1")?;
    let Some(id) = find.query_row([key], |row| row.get::<_, i64>(0)).optional()? else { return Ok(()) };
    for statement in
        ["DELETE FROM jobs WHERE id = ?1", "DELETE FROM inputs WHERE job = ?1", "DELETE FROM outputs WHERE job = ?1"]
    {
        transaction.prepare_cached(statement)?.execute([id])?;
    }
    Ok(())
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

fn as_i64(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
