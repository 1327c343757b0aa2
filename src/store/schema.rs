//! The schema of `.flow/state.db` (version 5), and how a file comes to have it. Users may query it between runs:
//!
//! - `jobs`: one row a job that succeeded, by its `key` (first output path, or rule and wildcards where there is none);
//!   `wildcards`, `params`, `globals` and `names` are JSON, times are milliseconds (since the epoch, or long), `peak_memory` is bytes.
//! - `inputs`, `outputs`: the files of a job in their order, with stamp (`size`, `mtime_ns`, `inode`, `is_dir`), BLAKE3, and
//!   `changed_ns`, when anything of the file had been changed last (0: not noted; of an output it may be before flow named it).
//!   `node` and `batch_job` say where a job ran that did not run here, and what the batch system called it.
//! - `runs`: one row a run that had something to do. `failures`: jobs that failed. `rules`: mean wall time by rule.
//! - `losses`: times in which files were written that may not be what their jobs made, in nanoseconds since the epoch.
//! - `started`: jobs without an end on record; empty between runs unless one was killed or kept unfinished files.

use rusqlite::Connection;

use super::StoreError;

/// The version that this flow writes (`PRAGMA user_version`).
pub const VERSION: i32 = 5;

/// A new file. `jobs_by_key` covers what a run with nothing to do reads: it never touches the wide rows. Nothing but the
/// writer adds rows, and it looks the key up first, so that the index need not also be a unique one on `key` alone. `boot` of
/// a run is kept as long as the machine may have lost what it wrote.
const NEW: &str = r#"
CREATE TABLE runs (
    id INTEGER PRIMARY KEY, tag TEXT NOT NULL, host TEXT NOT NULL, pid INTEGER NOT NULL, arguments TEXT NOT NULL,
    cores INTEGER NOT NULL, started_ms INTEGER NOT NULL, ended_ms INTEGER, done INTEGER, failed INTEGER, boot TEXT
);
CREATE TABLE jobs (
    id INTEGER PRIMARY KEY, key TEXT NOT NULL, rule TEXT NOT NULL, wildcards TEXT NOT NULL,
    fingerprint BLOB NOT NULL, code TEXT NOT NULL, params TEXT NOT NULL, script_hash BLOB, log TEXT NOT NULL,
    run INTEGER, started_ms INTEGER NOT NULL, ended_ms INTEGER NOT NULL,
    wall_ms INTEGER NOT NULL, cpu_ms INTEGER NOT NULL, peak_memory INTEGER,
    globals TEXT NOT NULL DEFAULT '{}', names TEXT NOT NULL DEFAULT '{"input":[],"output":[]}', source TEXT,
    node TEXT, batch_job TEXT
);
CREATE INDEX jobs_by_key ON jobs (key, fingerprint, wall_ms);
CREATE TABLE inputs (
    job INTEGER NOT NULL, seq INTEGER NOT NULL, path TEXT NOT NULL, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
    inode INTEGER NOT NULL, is_dir INTEGER NOT NULL, hash BLOB, changed_ns INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (job, seq)
) WITHOUT ROWID;
CREATE TABLE outputs (
    job INTEGER NOT NULL, seq INTEGER NOT NULL, path TEXT NOT NULL, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
    inode INTEGER NOT NULL, is_dir INTEGER NOT NULL, hash BLOB, changed_ns INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (job, seq)
) WITHOUT ROWID;
CREATE TABLE started (
    key TEXT PRIMARY KEY, rule TEXT NOT NULL, run TEXT NOT NULL, outputs TEXT NOT NULL, in_place INTEGER NOT NULL,
    kept INTEGER NOT NULL, pgid INTEGER, pgid_start_time INTEGER
) WITHOUT ROWID;
CREATE TABLE failures (
    id INTEGER PRIMARY KEY, run INTEGER, key TEXT NOT NULL, rule TEXT NOT NULL, cause TEXT NOT NULL, log TEXT NOT NULL,
    started_ms INTEGER NOT NULL, ended_ms INTEGER NOT NULL, wall_ms INTEGER NOT NULL, cpu_ms INTEGER NOT NULL,
    peak_memory INTEGER, node TEXT, batch_job TEXT
);
CREATE TABLE rules (name TEXT PRIMARY KEY, jobs INTEGER NOT NULL, wall_ms REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE losses (id INTEGER PRIMARY KEY, since_ns INTEGER NOT NULL, until_ns INTEGER NOT NULL);
"#;

/// From version n + 1 to n + 2, each in the transaction of [`migrate`]. A version once released is never edited.
const STEPS: [&str; VERSION as usize - 1] = [V2, V3, V4, V5];

/// What the code sees besides its params, apart from them; and a `run:` body as it was written.
const V2: &str = r#"
ALTER TABLE jobs ADD COLUMN globals TEXT NOT NULL DEFAULT '{}';
ALTER TABLE jobs ADD COLUMN names TEXT NOT NULL DEFAULT '{"input":[],"output":[]}';
ALTER TABLE jobs ADD COLUMN source TEXT;
"#;

/// What the machine may have lost: the boot in which a run wrote, as long as that matters; and when files were written that
/// may be missing in part.
const V3: &str = "
ALTER TABLE runs ADD COLUMN boot TEXT;
CREATE TABLE losses (id INTEGER PRIMARY KEY, since_ns INTEGER NOT NULL, until_ns INTEGER NOT NULL);
";

/// A file may be written over without a trace in its size and its time: then it is read again.
const V4: &str = "
ALTER TABLE inputs ADD COLUMN changed_ns INTEGER NOT NULL DEFAULT 0;
ALTER TABLE outputs ADD COLUMN changed_ns INTEGER NOT NULL DEFAULT 0;
";

/// Where a job ran, and what the batch system called it; NULL for one that ran where flow did.
const V5: &str = "
ALTER TABLE jobs ADD COLUMN node TEXT;
ALTER TABLE jobs ADD COLUMN batch_job TEXT;
ALTER TABLE failures ADD COLUMN node TEXT;
ALTER TABLE failures ADD COLUMN batch_job TEXT;
";

/// How the connection works, before it first reads.
///
/// `EXCLUSIVE`: no shared-memory file, so that a network file system serves; nobody else may open it during a run (the
/// lock says so already). `NORMAL`: a commit is not synced. A crash or `kill -9` of flow loses nothing; a power cut may
/// lose the last commits, while names and sizes of files that were written later are on the disk. `FULL` would pay a sync
/// for every start of a shell job, 10 ms each on a plain disk: instead, the beginning of a run is synced
/// ([`super::writer`]), and after an outage what was written since is not trusted without a record ([`super::losses`]).
pub fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(
        "PRAGMA locking_mode = EXCLUSIVE;
         PRAGMA journal_mode = WAL;
         PRAGMA synchronous = NORMAL;
         PRAGMA temp_store = MEMORY;
         PRAGMA cache_size = -16384;
         PRAGMA wal_autocheckpoint = 4000;",
    )
}

/// Whether [`migrate`] would change the file; refuses a newer one.
pub fn is_older(connection: &Connection) -> Result<bool, StoreError> {
    let found: i32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if found > VERSION {
        return Err(StoreError::Newer { found, known: VERSION });
    }
    Ok(found < VERSION)
}

/// Brings a new or older file to [`VERSION`]; refuses a newer one.
pub fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    let found: i32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if found > VERSION {
        return Err(StoreError::Newer { found, known: VERSION });
    }
    let Ok(found) = usize::try_from(found) else {
        return Err(StoreError::Damaged(format!("version {found}")));
    };
    let steps: &[&str] = match found.checked_sub(1) {
        None => &[NEW],
        Some(from) => &STEPS[from..],
    };
    if !steps.is_empty() {
        let transaction = connection.transaction()?;
        for step in steps {
            transaction.execute_batch(step)?;
        }
        transaction.pragma_update(None, "user_version", VERSION)?;
        transaction.commit()?;
    }
    Ok(())
}
