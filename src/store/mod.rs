//! The store: what is known of jobs that ran, in `.flow/state.db`. Records in, records out: reads go through [`Store`],
//! writes through its [`Writer`], a thread that commits in batches. Knows rows and one lock, never rules or reasons.

pub mod idle;
mod inbox;
mod lock;
mod losses;
mod record;
mod schema;
mod writer;

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, OpenFlags, OptionalExtension, Row};

use crate::disk::{Hash, Stamp, make_folders};
use crate::event::{Place, Usage};

pub use lock::{host, is_zombie, start_time};
pub use losses::{Loss, Outage, boot};
pub use record::{FailureRecord, FileRecord, Fingerprint, JobRecord, Left, Names, RunRecord, StartedRow};
pub use schema::VERSION;
pub use writer::{Ticket, Writer};

/// No job takes longer, whatever the records say: a million of them can be added up.
const LONGEST_MS: i64 = 1 << 40;

/// Where the store lives, below the working directory.
const FOLDER: &str = ".flow";

/// What keeps the store from being opened, read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("this directory is in use by another flow{}{}; if that is not so, `flow --unlock` frees {}",
        .pid.map(|pid| format!(", process {pid}")).unwrap_or_default(),
        .host.as_ref().map(|host| format!(" on {host}")).unwrap_or_default(), .path.display())]
    Locked { path: PathBuf, host: Option<String>, pid: Option<u32> },
    #[error(
        "the records were written by a newer flow (version {found}, this one knows {known}): use that one, \
        or move .flow/state.db away"
    )]
    Newer { found: i32, known: i32 },
    /// The file is not what a store left: set it aside with [`Store::rebuild`].
    #[error("the records are damaged: {0}")]
    Damaged(String),
    #[error("cannot keep records in {FOLDER}: {}", in_words(.0))]
    Sqlite(rusqlite::Error),
    /// The writer met this earlier; nothing was recorded since.
    #[error("cannot write the records in {FOLDER}: {0}")]
    Write(String),
    #[error("cannot keep records: {path}: {error}")]
    Io { path: String, error: io::Error },
}

impl StoreError {
    fn io(path: &Path, error: io::Error) -> Self {
        let path = path.strip_prefix(".").unwrap_or(path);
        StoreError::Io { path: path.display().to_string(), error }
    }
}

/// What SQLite says, as the system would say it where the two are the same.
fn in_words(error: &rusqlite::Error) -> String {
    use rusqlite::ErrorCode::{CannotOpen, DatabaseBusy, DiskFull, ReadOnly, SystemIoFailure};
    let words = match error.sqlite_error_code() {
        Some(DiskFull) => "No space left on device",
        Some(SystemIoFailure) => "the disk failed (disk I/O error)",
        Some(CannotOpen) => "state.db cannot be opened",
        Some(ReadOnly) => "state.db may not be written",
        Some(DatabaseBusy) => "another program has state.db open",
        _ => return error.to_string(),
    };
    words.to_owned()
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode::{
            ConstraintViolation, DatabaseCorrupt, NotADatabase, SchemaChanged, TooBig, TypeMismatch, Unknown,
        };
        match error.sqlite_error_code() {
            // The statements are always the same: where SQLite does not understand one (`Unknown` is its code for that), or
            // what it writes does not fit, the schema is not ours.
            Some(
                DatabaseCorrupt | NotADatabase | Unknown | ConstraintViolation | TypeMismatch | SchemaChanged | TooBig,
            ) => StoreError::Damaged(error.to_string()),
            Some(_) => StoreError::Sqlite(error),
            None => match error {
                rusqlite::Error::InvalidPath(_) | rusqlite::Error::NulError(_) => StoreError::Sqlite(error),
                // A column that is not there, a value of another type than the schema's: some other program wrote it, or a
                // flipped bit.
                other => StoreError::Damaged(other.to_string()),
            },
        }
    }
}

/// A store that was opened, and what it has to tell.
#[derive(Debug)]
pub struct Opened {
    pub store: Store,
    /// Jobs that a killed run had started, in the order of their keys. They stay on record until
    /// [`Store::tidied`].
    pub recovered: Vec<StartedRow>,
    /// A message for the user: damaged records were set aside.
    pub notice: Option<String>,
    /// Only for a look: another flow runs, and `recovered` is what it does now.
    pub is_running: bool,
}

/// The records of one directory, opened by this process alone, or to be looked at.
#[derive(Debug)]
pub struct Store {
    /// Shared with the writer's thread, which holds it for one transaction at a time.
    connection: Arc<Mutex<Connection>>,
    writer: Writer,
    /// `None` where nothing is on the disk.
    folder: Option<PathBuf>,
    /// A copy that is looked at while another flow writes.
    _copy: Option<tempfile::TempDir>,
    // Last, so that they are freed when the connection is closed.
    lock: Option<lock::Lock>,
    shared: Option<fs::File>,
}

impl Store {
    /// Opens, and makes where there is none, the store of a directory; takes its lock.
    ///
    /// # Errors
    /// [`StoreError::Locked`], [`StoreError::Newer`], or a disk's. Damage is no error: see [`Opened::notice`].
    pub fn open(directory: &Path) -> Result<Opened, StoreError> {
        let folder = directory.join(FOLDER);
        let is_new = !folder.exists();
        make_folders(&folder).map_err(|error| StoreError::io(&folder, error))?;
        if is_new {
            // SQLite syncs what is in the folder, and nobody else the folder's own name.
            fs::File::open(directory).and_then(|directory| directory.sync_all()).ok();
        }
        let lock = lock::Lock::take(&folder.join("lock"))?;
        let (connection, notice) = match open_file(&folder, lock.by_kernel) {
            Err(StoreError::Damaged(why)) => {
                let notice = set_aside(&folder, &why)?;
                (open_file(&folder, lock.by_kernel)?, Some(notice))
            }
            other => (other?, None),
        };
        let mut store = Store::over(connection, Some(folder), Some(lock))?;
        let (recovered, notice) = match store.started() {
            Err(StoreError::Damaged(why)) => (Vec::new(), Some(store.rebuild(&why)?)),
            other => (other?, notice),
        };
        Ok(Opened { store, recovered, notice, is_running: false })
    }

    /// Opens a store to look at it. Nothing in the directory is made or changed, and another flow may run: then a copy
    /// of its records is looked at. What is written to this store is lost.
    ///
    /// # Errors
    /// [`StoreError::Damaged`], [`StoreError::Newer`], or a disk's.
    pub fn peek(directory: &Path) -> Result<Opened, StoreError> {
        let folder = directory.join(FOLDER);
        if !folder.join("state.db").exists() {
            return Ok(Opened { store: Store::empty()?, recovered: Vec::new(), notice: None, is_running: false });
        }
        let look = lock::look(&folder.join("lock"));
        let is_running = matches!(look, lock::Look::Held);
        let at_rest = if is_running || has_log(&folder) { None } else { open_at_rest(&folder)? };
        let (connection, copy) = match at_rest {
            Some(connection) => (connection, None),
            None => {
                let copy = copy(&folder)?;
                (open_file(copy.path(), true)?, Some(copy))
            }
        };
        let mut store = Store::over(connection, None, None)?;
        store.shared = if let lock::Look::Shared(file) = look { Some(file) } else { None };
        store._copy = copy;
        let recovered = store.started()?;
        Ok(Opened { store, recovered, notice: None, is_running })
    }

    /// Whether what is written here stays.
    pub fn is_on_disk(&self) -> bool {
        self.folder.is_some()
    }

    /// After a look: another flow may write now, and nothing more is read here.
    pub fn release(&mut self) {
        self.shared = None;
    }

    /// A store that is on no disk: what is written to it is forgotten with it.
    ///
    /// # Errors
    /// A database's.
    pub fn empty() -> Result<Self, StoreError> {
        let mut connection = Connection::open_in_memory()?;
        schema::migrate(&mut connection)?;
        Store::over(connection, None, None)
    }

    /// For each path, the key of the job that made it, where one is on record.
    ///
    /// # Errors
    /// A database's.
    pub fn keys_of_outputs(
        &self,
        paths: impl IntoIterator<Item = String>,
    ) -> Result<Vec<(String, Option<String>)>, StoreError> {
        let connection = self.connection();
        let mut statement = connection.prepare_cached(
            "SELECT jobs.key FROM outputs JOIN jobs ON jobs.id = outputs.job WHERE outputs.path = ?1",
        )?;
        let mut out = Vec::new();
        for path in paths {
            let key = statement.query_row([&path], |row| row.get(0)).optional()?;
            out.push((path, key));
        }
        Ok(out)
    }

    /// Frees the lock of a directory, unless a live process of this machine holds it.
    pub fn unlock(directory: &Path) -> Result<(), StoreError> {
        lock::unlock(&directory.join(FOLDER).join("lock"))
    }

    fn over(connection: Connection, folder: Option<PathBuf>, lock: Option<lock::Lock>) -> Result<Self, StoreError> {
        connection.set_prepared_statement_cache_capacity(64);
        let connection = Arc::new(Mutex::new(connection));
        let writer = Writer::start(Arc::clone(&connection));
        Ok(Store { connection, writer, folder, _copy: None, lock, shared: None })
    }

    /// The way in for new records; clones write through the same thread.
    pub fn writer(&self) -> Writer {
        self.writer.clone()
    }

    /// All jobs by key, with fingerprint and wall time in milliseconds: one pass over an index, in the order of the keys.
    ///
    /// # Errors
    /// [`StoreError::Damaged`]: what was seen until then is not to be trusted; [`Store::rebuild`] starts afresh.
    pub fn scan(&self, mut each: impl FnMut(&str, Fingerprint, u64)) -> Result<(), StoreError> {
        let connection = self.connection();
        let mut statement =
            connection.prepare_cached("SELECT key, fingerprint, wall_ms FROM jobs INDEXED BY jobs_by_key")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let key = row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?;
            let bytes = row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?;
            let Ok(fingerprint) = bytes.try_into() else {
                return Err(StoreError::Damaged(format!("the fingerprint of {key}")));
            };
            let wall_ms = row.get_ref(2)?.as_i64().map_err(rusqlite::Error::from)?;
            each(key, fingerprint, wall_ms.clamp(0, LONGEST_MS).cast_unsigned());
        }
        Ok(())
    }

    /// A job's record in all its detail, as it was last committed.
    pub fn record(&self, key: &str) -> Result<Option<JobRecord>, StoreError> {
        let connection = self.connection();
        let mut statement = connection.prepare_cached(
            "SELECT id, rule, wildcards, fingerprint, code, params, script_hash, log, started_ms, ended_ms, wall_ms,
             cpu_ms, peak_memory, globals, names, source, node, batch_job FROM jobs WHERE key = ?1",
        )?;
        let found = statement.query_row([key], |row| Ok((row.get::<_, i64>(0)?, job_record(key, row)?))).optional()?;
        let Some((id, mut record)) = found else { return Ok(None) };
        record.inputs = files(&connection, "inputs", id)?;
        record.outputs = files(&connection, "outputs", id)?;
        Ok(Some(record))
    }

    /// The mean wall time of each rule's jobs in milliseconds and how many it is taken over, by name.
    pub fn durations_by_rule(&self) -> Result<Vec<(String, f64, u64)>, StoreError> {
        let connection = self.connection();
        let mut statement = connection.prepare_cached("SELECT name, wall_ms, jobs FROM rules ORDER BY name")?;
        let rows =
            statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get::<_, i64>(2)?.cast_unsigned())))?;
        rows.map(|row| row.map_err(StoreError::from)).collect()
    }

    /// All outputs on record, in the order of their paths.
    pub fn output_paths(&self) -> Result<Vec<String>, StoreError> {
        let connection = self.connection();
        let mut statement = connection.prepare("SELECT DISTINCT path FROM outputs ORDER BY path")?;
        let rows = statement.query_map([], |row| row.get(0))?;
        rows.map(|row| row.map_err(StoreError::from)).collect()
    }

    /// Forgets the records of jobs.
    pub fn forget<'a>(&self, keys: impl IntoIterator<Item = &'a str>) -> Result<(), StoreError> {
        let mut connection = self.connection();
        let transaction = connection.transaction()?;
        for key in keys {
            writer::forget(&transaction, key)?;
        }
        Ok(transaction.commit()?)
    }

    /// Notes that a killed run has been tidied up: its jobs stay unfinished until they are made again, and what is at
    /// their outputs' names is from now on not touched.
    pub fn tidied<'a>(&self, keys: impl IntoIterator<Item = &'a str>) -> Result<(), StoreError> {
        let mut connection = self.connection();
        let transaction = connection.transaction()?;
        for key in keys {
            transaction.prepare_cached("UPDATE started SET kept = 1 WHERE key = ?1")?.execute([key])?;
        }
        Ok(transaction.commit()?)
    }

    /// What happened to the machine since the records were written.
    ///
    /// # Errors
    /// A database's.
    pub fn outage(&self) -> Result<Outage, StoreError> {
        Ok(losses::outage(&self.connection())?)
    }

    /// Notes what came of an outage, which is not found again.
    ///
    /// # Errors
    /// A database's.
    pub fn settle(&self, losses: &[Loss]) -> Result<(), StoreError> {
        let mut connection = self.connection();
        let transaction = connection.transaction()?;
        losses::settle(&transaction, losses)?;
        Ok(transaction.commit()?)
    }

    /// The time since this flow began, or one before it that was killed: what was made in it is on no record when damaged ones
    /// are set aside.
    pub fn unrecorded(&self) -> Loss {
        let since_ns = self.lock.as_ref().map_or(i64::MAX, |lock| lock.since_ns);
        (since_ns.saturating_sub(losses::TICK_NS), losses::now_ns())
    }

    /// Notes that files which were written in a time may not be what their jobs made.
    ///
    /// # Errors
    /// A database's.
    pub fn note_loss(&self, loss: Loss) -> Result<(), StoreError> {
        Ok(losses::note(&self.connection(), loss)?)
    }

    /// All such times.
    ///
    /// # Errors
    /// A database's.
    pub fn losses(&self) -> Result<Vec<Loss>, StoreError> {
        Ok(losses::all(&self.connection())?)
    }

    /// Sets a damaged file aside and goes on with an empty store; gives the message that says so.
    /// Writers that were handed out before are dead.
    pub fn rebuild(&mut self, why: &str) -> Result<String, StoreError> {
        let mut empty = Connection::open_in_memory()?;
        schema::migrate(&mut empty)?;
        self.writer.close();
        drop(std::mem::replace(&mut *self.connection(), empty));
        let Some(folder) = &self.folder else { return Ok(String::new()) };
        let notice = set_aside(folder, why)?;
        let connection = open_file(folder, self.lock.as_ref().is_none_or(|lock| lock.by_kernel))?;
        connection.set_prepared_statement_cache_capacity(64);
        self.connection = Arc::new(Mutex::new(connection));
        self.writer = Writer::start(Arc::clone(&self.connection));
        Ok(notice)
    }

    fn started(&self) -> Result<Vec<StartedRow>, StoreError> {
        let connection = self.connection();
        let mut statement = connection.prepare(
            "SELECT key, rule, run, outputs, in_place, kept, pgid, pgid_start_time FROM started ORDER BY key",
        )?;
        let rows = statement.query_map([], |row| {
            let pgid: Option<i32> = row.get(6)?;
            let start: Option<i64> = row.get(7)?;
            Ok(StartedRow {
                key: row.get(0)?,
                rule: row.get(1)?,
                run: row.get(2)?,
                outputs: json(row, 3)?,
                in_place: row.get(4)?,
                kept: row.get(5)?,
                group: pgid.zip(start.map(i64::cast_unsigned)),
            })
        })?;
        rows.map(|row| row.map_err(StoreError::from)).collect()
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.writer.close();
    }
}

/// Opens the file, checked as far as its state gives reason to: its length and its schema, and all of its structure
/// after a crash (its write-ahead log is still there). Where the file system has no locks, SQLite is told to ask for none.
fn open_file(folder: &Path, has_locks: bool) -> Result<Connection, StoreError> {
    let path = folder.join("state.db");
    let crashed = has_log(folder);
    check_header(&path, crashed)?;
    let flags = OpenFlags::default();
    let mut connection = if has_locks {
        Connection::open_with_flags(&path, flags)?
    } else {
        Connection::open_with_flags_and_vfs(&path, flags, "unix-none")?
    };
    schema::configure(&connection)?;
    schema::migrate(&mut connection)?;
    if crashed {
        let verdict: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
        if verdict != "ok" {
            return Err(StoreError::Damaged(verdict));
        }
    }
    check_tables(&connection)?;
    Ok(connection)
}

/// Tables that this version has and the file lacks show up when a statement is prepared.
fn check_tables(connection: &Connection) -> Result<(), StoreError> {
    for table in ["jobs", "inputs", "outputs", "runs", "started", "failures", "rules", "losses"] {
        if let Err(error) = connection.prepare(&format!("SELECT * FROM {table} LIMIT 0")) {
            return Err(StoreError::Damaged(error.to_string()));
        }
    }
    Ok(())
}

/// Whether there is a write-ahead log: somebody writes, or did not come to the end of it.
fn has_log(folder: &Path) -> bool {
    fs::metadata(folder.join("state.db-wal")).is_ok_and(|meta| meta.len() > 0)
}

/// Opens a file that nobody writes, without a lock or a file beside it; `None` for one of an older version, which would
/// have to be changed first. SQLite's `immutable` does that: <https://www.sqlite.org/uri.html>.
fn open_at_rest(folder: &Path) -> Result<Option<Connection>, StoreError> {
    let path = folder.join("state.db");
    check_header(&path, false)?;
    let mut uri = String::from("file:");
    for character in path.to_string_lossy().chars() {
        match character {
            '%' | '?' | '#' => uri.push_str(&format!("%{:02x}", u32::from(character))),
            _ => uri.push(character),
        }
    }
    uri.push_str("?immutable=1");
    let connection = Connection::open_with_flags(uri, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI)?;
    if schema::is_older(&connection)? {
        return Ok(None);
    }
    check_tables(&connection)?;
    Ok(Some(connection))
}

/// Copies what is in a file, and not that it may be read-only.
fn copy_bytes(from: &Path, to: &Path) -> io::Result<u64> {
    io::copy(&mut fs::File::open(from)?, &mut fs::File::create(to)?)
}

/// A copy of the file and its write-ahead log as they are at one time. Pages that are moved from the log to the file
/// meanwhile are still in the log, so that no more is asked than that it was not begun anew: its first 32 bytes tell
/// (SQLite's file format, section 4.1).
fn copy(folder: &Path) -> Result<tempfile::TempDir, StoreError> {
    const TRIES: usize = 20;
    let io = |error| StoreError::io(folder, error);
    let log = folder.join("state.db-wal");
    let head = || -> io::Result<Vec<u8>> {
        let mut head = Vec::new();
        match fs::File::open(&log) {
            Ok(file) => file.take(32).read_to_end(&mut head).map(|_| head),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(head),
            Err(error) => Err(error),
        }
    };
    let place = tempfile::tempdir().map_err(io)?;
    for _ in 0..TRIES {
        let before = head().map_err(io)?;
        copy_bytes(&folder.join("state.db"), &place.path().join("state.db")).map_err(io)?;
        match copy_bytes(&log, &place.path().join("state.db-wal")) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(io(error)),
            _ => {}
        }
        if head().map_err(io)? == before {
            break;
        }
    }
    Ok(place)
}

/// Looks for what SQLite does not: a file that is shorter than its header says, which may be after a crash, and one that
/// claims to be of a format that can only be read (SQLite's file format, section 1.3: page size at byte 16, format
/// versions at 18, pages at byte 28). SQLite itself takes a file of less than a page for an empty one.
fn check_header(path: &Path, crashed: bool) -> Result<(), StoreError> {
    let mut start = Vec::new();
    let read = fs::File::open(path).and_then(|file| {
        let length = file.metadata()?.len();
        file.take(32).read_to_end(&mut start).map(|_| length)
    });
    let length = match read {
        Ok(length) => length,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(StoreError::io(path, error)),
    };
    let cut = || Err(StoreError::Damaged("the file is cut off".to_owned()));
    let Some((page, pages)) = start.get(16..18).zip(start.get(28..32)) else {
        // SQLite makes an empty file first, and a log when there is something in it: beside an empty one, it would throw the log
        // away.
        return if length == 0 && !crashed { Ok(()) } else { cut() };
    };
    if start[18..20].iter().any(|version| !(1..=2).contains(version)) {
        return Err(StoreError::Damaged(format!("a format of version {}", start[18].max(start[19]))));
    }
    let page = match u64::from(u16::from_be_bytes([page[0], page[1]])) {
        1 => 65_536,
        size => size,
    };
    let pages = u64::from(u32::from_be_bytes([pages[0], pages[1], pages[2], pages[3]]));
    if length < page * pages && !crashed { cut() } else { Ok(()) }
}

/// Moves the file and its write-ahead log out of the way, under the first free number.
fn set_aside(folder: &Path, why: &str) -> Result<String, StoreError> {
    let name = |n: u32| folder.join(format!("state.db.damaged-{n}"));
    let n = (1..).find(|&n| !name(n).exists()).expect("some number is free");
    let from = folder.join("state.db");
    fs::rename(&from, name(n)).map_err(|error| StoreError::io(&from, error))?;
    for suffix in ["-wal", "-journal", "-shm"] {
        let from = folder.join(format!("state.db{suffix}"));
        match fs::rename(&from, folder.join(format!("state.db.damaged-{n}{suffix}"))) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(StoreError::io(&from, error)),
            _ => {}
        }
    }
    Ok(format!(
        "the records of this directory were damaged ({why}); they were set aside as {FOLDER}/state.db.damaged-{n}: outputs from \
         before the last edit of the Rulefile are made again, later ones are judged by their times (flow --touch takes all \
         for made)"
    ))
}

fn job_record(key: &str, row: &Row<'_>) -> rusqlite::Result<JobRecord> {
    let wildcards: serde_json::Map<String, serde_json::Value> = json(row, 2)?;
    let millis = |at| row.get::<_, i64>(at).map(|ms| std::time::Duration::from_millis(ms.cast_unsigned()));
    let usage = Usage {
        wall: millis(10)?,
        cpu: millis(11)?,
        peak_memory: row.get::<_, Option<i64>>(12)?.map(i64::cast_unsigned),
    };
    let node: Option<String> = row.get(16)?;
    Ok(JobRecord {
        key: key.to_owned(),
        rule: row.get(1)?,
        wildcards: wildcards.into_iter().map(|(k, v)| (k, v.as_str().unwrap_or_default().to_owned())).collect(),
        code: row.get(4)?,
        source: row.get(15)?,
        params: row.get(5)?,
        globals: row.get(13)?,
        names: json(row, 14)?,
        script_hash: row.get(6)?,
        inputs: Vec::new(),
        outputs: Vec::new(),
        fingerprint: row.get(3)?,
        log: row.get(7)?,
        started_at_ms: row.get(8)?,
        ended_at_ms: row.get(9)?,
        usage,
        ran: row.get::<_, Option<String>>(17)?.map(|job| Place { node: node.unwrap_or_default(), job }),
    })
}

fn files(connection: &Connection, table: &str, job: i64) -> Result<Vec<FileRecord>, StoreError> {
    let columns = "path, size, mtime_ns, inode, is_dir, hash, changed_ns";
    let query = format!("SELECT {columns} FROM {table} WHERE job = ?1 ORDER BY seq");
    let mut statement = connection.prepare_cached(&query)?;
    let rows = statement.query_map([job], |row| {
        Ok(FileRecord {
            path: row.get(0)?,
            stamp: Stamp {
                size: row.get::<_, i64>(1)?.cast_unsigned(),
                mtime_ns: row.get(2)?,
                inode: row.get::<_, i64>(3)?.cast_unsigned(),
                is_dir: row.get(4)?,
                changed_ns: row.get(6)?,
            },
            hash: row.get::<_, Option<Hash>>(5)?,
        })
    })?;
    rows.map(|row| row.map_err(StoreError::from)).collect()
}

fn json<T: serde::de::DeserializeOwned>(row: &Row<'_>, at: usize) -> rusqlite::Result<T> {
    let text: String = row.get(at)?;
    serde_json::from_str(&text)
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(at, rusqlite::types::Type::Text, Box::new(error)))
}
