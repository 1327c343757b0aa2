//! The store: what goes in comes out, also after a crash, and damage is never trusted.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use flow::disk::Stamp;
use flow::event::{Place, Usage};
use flow::store::{FailureRecord, FileRecord, JobRecord, Left, Names, RunRecord, StartedRow, Store, StoreError};

fn file(path: &str, size: u64) -> FileRecord {
    let stamp = Stamp { size, mtime_ns: -5, inode: u64::MAX, is_dir: false, changed_ns: 0 };
    FileRecord { path: path.to_owned(), stamp, hash: size.is_multiple_of(2).then_some([9; 32]) }
}

fn record(key: &str, inputs: usize) -> JobRecord {
    JobRecord {
        key: key.to_owned(),
        rule: "make".to_owned(),
        wildcards: vec![("sample".into(), "it's".into()), ("a".into(), "é".into())],
        code: "cp {input} {output}".to_owned(),
        source: Some("shell(…)".to_owned()),
        params: "{\"size\":50}".to_owned(),
        globals: "{}".to_owned(),
        names: Names { input: vec![("reads".into(), 0, Some(2))], output: vec![("bam".into(), 0, None)] },
        script_hash: Some([3; 32]),
        inputs: (0..inputs).map(|at| file(&format!("in/{at}"), at as u64)).collect(),
        outputs: vec![file(key, 1)],
        fingerprint: [1; 16],
        log: "log".to_owned(),
        started_at_ms: 10,
        ended_at_ms: 20,
        usage: Usage { wall: Duration::from_millis(1500), cpu: Duration::from_millis(700), peak_memory: Some(1 << 40) },
        ran: Some(Place { node: "node2".to_owned(), job: "17_3".to_owned() }),
    }
}

fn started(key: &str, in_place: bool) -> StartedRow {
    StartedRow {
        key: key.to_owned(),
        rule: "make".to_owned(),
        run: "tag".to_owned(),
        outputs: vec![key.to_owned()],
        in_place,
        kept: false,
        group: None,
    }
}

fn failure(key: &str, left: Left) -> Box<FailureRecord> {
    Box::new(FailureRecord {
        key: key.to_owned(),
        rule: "make".to_owned(),
        cause: "exit code 1".to_owned(),
        log: String::new(),
        started_at_ms: 0,
        ended_at_ms: 0,
        usage: Usage::default(),
        ran: None,
        left,
    })
}

fn scan(store: &Store) -> Result<Vec<(String, u8, u64)>, StoreError> {
    let mut seen = Vec::new();
    store.scan(|key, fingerprint, wall_ms| seen.push((key.to_owned(), fingerprint[0], wall_ms)))?;
    Ok(seen)
}

fn database(dir: &Path) -> PathBuf {
    dir.join(".flow/state.db")
}

#[test]
fn records_come_back_as_they_were() {
    let dir = tempfile::tempdir().unwrap();
    let written = record("b", 1000);
    {
        let opened = Store::open(dir.path()).unwrap();
        assert_eq!(opened.notice, None);
        let writer = opened.store.writer();
        writer.finished(Box::new(written.clone()));
        writer.finished(Box::new(record("a", 0)));
        writer.finished(Box::new(record("c", 3)));
        // Made again: the last record counts.
        let again = JobRecord { fingerprint: [2; 16], ..record("c", 1) };
        writer.finished(Box::new(again));
    }
    let opened = Store::open(dir.path()).unwrap();
    let store = &opened.store;
    let all = [("a".to_owned(), 1, 1500), ("b".to_owned(), 1, 1500), ("c".to_owned(), 2, 1500)];
    assert_eq!(scan(store).unwrap(), all);
    assert_eq!(store.record("b").unwrap(), Some(written));
    assert_eq!(store.record("c").unwrap().unwrap().inputs.len(), 1);
    assert_eq!(store.record("d").unwrap(), None);
    assert_eq!(store.durations_by_rule().unwrap(), [("make".to_owned(), 1500.0, 4)]);
    assert_eq!(store.output_paths().unwrap(), ["a", "b", "c"]);
    store.forget(["b", "nothing"]).unwrap();
    assert_eq!(scan(store).unwrap().len(), 2);
    assert_eq!(store.record("b").unwrap(), None);
}

#[test]
fn started_jobs_without_an_end_are_found_again() {
    let dir = tempfile::tempdir().unwrap();
    {
        let opened = Store::open(dir.path()).unwrap();
        let writer = opened.store.writer();
        writer.begin_run(RunRecord::new("flow all".into(), 2));
        for key in ["done", "failed", "kept", "killed", "inside"] {
            let ticket = writer.ticket(started(key, key != "inside"));
            ticket.begin().unwrap();
            if key == "killed" {
                ticket.spawned((4321, u64::MAX));
            }
        }
        writer.finished(Box::new(record("done", 1)));
        writer.failed(failure("failed", Left::Nothing));
        writer.failed(failure("kept", Left::Kept));
        writer.flush().unwrap();
    }
    let opened = Store::open(dir.path()).unwrap();
    let killed = StartedRow { group: Some((4321, u64::MAX)), ..started("killed", true) };
    let kept = StartedRow { kept: true, ..started("kept", true) };
    assert_eq!(opened.recovered, [started("inside", false), kept, killed]);
    opened.store.tidied(["inside", "killed"]).unwrap();
    drop(opened);
    let opened = Store::open(dir.path()).unwrap();
    assert!(opened.recovered.len() == 3 && opened.recovered.iter().all(|row| row.kept), "unfinished until made again");
    // Started and ended in one batch, so that its new start is never written.
    let writer = opened.store.writer();
    writer.started(started("inside", false));
    writer.finished(Box::new(record("inside", 1)));
    drop(opened);
    assert_eq!(Store::open(dir.path()).unwrap().recovered.len(), 2);
}

/// A failure that keeps its outputs, and the next try of the job, in one transaction or in several.
#[test]
fn a_second_try_is_not_taken_for_the_first_whose_outputs_were_kept() {
    for flushes in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        {
            let opened = Store::open(dir.path()).unwrap();
            let writer = opened.store.writer();
            for key in ["again", "over"] {
                writer.started(StartedRow { in_place: false, ..started(key, true) });
                if flushes {
                    writer.flush().unwrap();
                }
                writer.failed(failure(key, Left::Kept));
            }
            writer.started(started("again", true));
            writer.flush().unwrap();
        }
        let recovered = Store::open(dir.path()).unwrap().recovered;
        let kept: Vec<_> = recovered.iter().map(|row| (row.key.as_str(), row.kept)).collect();
        assert_eq!(kept, [("again", false), ("over", true)]);
    }
}

#[test]
fn a_job_that_did_not_begin_leaves_its_mark_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    {
        let opened = Store::open(dir.path()).unwrap();
        let writer = opened.store.writer();
        writer.started(started("a", true));
        writer.failed(failure("a", Left::Kept));
        writer.flush().unwrap();
        drop(writer.ticket(started("a", true)));
        writer.failed(failure("a", Left::AsBefore));
        writer.failed(failure("b", Left::AsBefore));
    }
    let recovered = Store::open(dir.path()).unwrap().recovered;
    assert_eq!(recovered, [StartedRow { kept: true, ..started("a", true) }]);
}

#[test]
fn a_refreshed_record_is_no_run() {
    let dir = tempfile::tempdir().unwrap();
    {
        let opened = Store::open(dir.path()).unwrap();
        let writer = opened.store.writer();
        writer.begin_run(RunRecord::new("flow all".into(), 2));
        writer.finished(Box::new(record("a", 1)));
        writer.flush().unwrap();
        writer.refreshed(Box::new(JobRecord { fingerprint: [2; 16], ..record("a", 1) }));
        writer.flush().unwrap();
        assert_eq!(opened.store.durations_by_rule().unwrap(), [("make".to_owned(), 1500.0, 1)]);
        assert_eq!(scan(&opened.store).unwrap(), [("a".to_owned(), 2, 1500)]);
    }
    let closed = rusqlite::Connection::open(database(dir.path())).unwrap();
    let run: Option<i64> = closed.query_row("SELECT run FROM jobs", [], |row| row.get(0)).unwrap();
    assert_eq!(run, Some(1));
}

#[test]
fn a_newer_store_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    drop(Store::open(dir.path()).unwrap());
    let newer = rusqlite::Connection::open(database(dir.path())).unwrap();
    newer.pragma_update(None, "user_version", flow::store::VERSION + 1).unwrap();
    newer.close().unwrap();
    match Store::open(dir.path()) {
        Err(error @ StoreError::Newer { .. }) => assert!(error.to_string().contains("newer flow")),
        other => panic!("{other:?}"),
    }
    assert!(database(dir.path()).exists());
}

#[test]
fn a_second_flow_is_told_who_is_first() {
    let dir = tempfile::tempdir().unwrap();
    let first = Store::open(dir.path()).unwrap();
    let error = Store::open(dir.path()).unwrap_err().to_string();
    assert!(error.contains(&format!("process {}", std::process::id())), "{error}");
    drop(first);
    Store::open(dir.path()).unwrap();
}

#[test]
fn looking_leaves_no_trace() {
    let dir = tempfile::tempdir().unwrap();
    let opened = Store::peek(dir.path()).unwrap();
    assert_eq!(scan(&opened.store).unwrap(), []);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn one_may_look_while_others_look_and_while_one_writes() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path());
    let looks: Vec<_> = (0..8).map(|_| Store::peek(dir.path()).unwrap()).collect();
    for look in &looks {
        assert_eq!((scan(&look.store).unwrap().len(), look.is_running), (300, false));
    }
    drop(looks);
    let writing = Store::open(dir.path()).unwrap();
    writing.store.writer().started(started("out/7", true));
    writing.store.writer().finished(Box::new(record("new", 1)));
    writing.store.writer().flush().unwrap();
    let look = Store::peek(dir.path()).unwrap();
    assert!(look.is_running);
    assert_eq!(scan(&look.store).unwrap().len(), 301);
    assert_eq!(look.recovered, [started("out/7", true)]);
    drop(writing);
    // Looking changed nothing, and keeps nobody out once it is over.
    let mut look = Store::peek(dir.path()).unwrap();
    look.store.release();
    assert_eq!(scan(&Store::open(dir.path()).unwrap().store).unwrap().len(), 301);
}

#[test]
fn a_store_of_the_first_version_is_read_and_brought_up_to_date() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path());
    let new = columns(&database(dir.path()));
    let old = rusqlite::Connection::open(database(dir.path())).unwrap();
    for column in ["globals", "names", "source", "node", "batch_job"] {
        old.execute_batch(&format!("ALTER TABLE jobs DROP COLUMN {column}")).unwrap();
    }
    for column in ["node", "batch_job"] {
        old.execute_batch(&format!("ALTER TABLE failures DROP COLUMN {column}")).unwrap();
    }
    old.execute_batch("ALTER TABLE runs DROP COLUMN boot; DROP TABLE losses").unwrap();
    for table in ["inputs", "outputs"] {
        old.execute_batch(&format!("ALTER TABLE {table} DROP COLUMN changed_ns")).unwrap();
    }
    old.pragma_update(None, "user_version", 1).unwrap();
    old.close().unwrap();
    let before = fs::read(database(dir.path())).unwrap();
    assert_eq!(scan(&Store::peek(dir.path()).unwrap().store).unwrap().len(), 300);
    assert_eq!(fs::read(database(dir.path())).unwrap(), before, "a look changes nothing");
    let opened = Store::open(dir.path()).unwrap();
    assert_eq!(opened.notice, None);
    assert_eq!(opened.store.record("out/7").unwrap().unwrap().names, Names::default());
    drop(opened);
    assert_eq!(columns(&database(dir.path())), new, "as one that is made new");
}

/// The columns of each table and index: name, type, whether it may be null, default, place in the primary key.
fn columns(database: &Path) -> Vec<(String, String)> {
    let database = rusqlite::Connection::open(database).unwrap();
    let mut statement = database
        .prepare(
            "SELECT s.name, concat_ws(' ', c.cid, c.name, c.type, c.\"notnull\", c.dflt_value, c.pk)
             FROM sqlite_schema AS s, pragma_table_xinfo(s.name) AS c ORDER BY s.name, c.cid",
        )
        .unwrap();
    statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().map(Result::unwrap).collect()
}

/// A closed store of some hundred jobs.
fn filled(dir: &Path) -> Vec<u8> {
    let opened = Store::open(dir).unwrap();
    let writer = opened.store.writer();
    for at in 0..300 {
        writer.finished(Box::new(record(&format!("out/{at}"), 4)));
    }
    writer.flush().unwrap();
    drop(opened);
    fs::read(database(dir)).unwrap()
}

#[test]
fn a_store_that_was_cut_is_set_aside_wherever_it_was_cut() {
    let dir = tempfile::tempdir().unwrap();
    let whole = filled(dir.path());
    let cuts = [1, 15, 16, 99, 100, 101, 4095, 4096, 4097, whole.len() / 2, whole.len() - 4096, whole.len() - 1];
    for (n, cut) in cuts.into_iter().enumerate() {
        fs::write(database(dir.path()), &whole[..cut]).unwrap();
        let opened = Store::open(dir.path()).unwrap_or_else(|error| panic!("cut at {cut}: {error}"));
        let notice = opened.notice.unwrap_or_else(|| panic!("cut at {cut} went unseen"));
        assert!(notice.contains(&format!("state.db.damaged-{}", n + 1)), "{notice}");
        assert_eq!(scan(&opened.store).unwrap(), [], "cut at {cut}");
        opened.store.writer().finished(Box::new(record("new", 1)));
        opened.store.writer().flush().unwrap();
        assert_eq!(
            fs::metadata(dir.path().join(format!(".flow/state.db.damaged-{}", n + 1))).unwrap().len(),
            cut as u64
        );
    }
}

#[test]
fn garbage_is_set_aside_when_it_is_met() {
    let dir = tempfile::tempdir().unwrap();
    let whole = filled(dir.path());
    for (start, end) in [(0, 16), (0, whole.len()), (100, 4096), (4096, whole.len())] {
        let mut bytes = whole.clone();
        bytes[start..end].fill(0xa5);
        fs::write(database(dir.path()), bytes).unwrap();
        let mut opened = Store::open(dir.path()).unwrap();
        if opened.notice.is_none() {
            let error = scan(&opened.store).unwrap_err();
            assert!(matches!(error, StoreError::Damaged(_)), "{error}");
            let notice = opened.store.rebuild(&error.to_string()).unwrap();
            assert!(notice.contains("set aside"), "{notice}");
        }
        assert_eq!(scan(&opened.store).unwrap(), [], "{start}..{end}");
        opened.store.writer().finished(Box::new(record("new", 1)));
        opened.store.writer().flush().unwrap();
        assert_eq!(scan(&opened.store).unwrap().len(), 1);
    }
}

#[test]
fn a_crash_loses_nothing_that_was_flushed() {
    let dir = tempfile::tempdir().unwrap();
    let copy = tempfile::tempdir().unwrap();
    let opened = Store::open(dir.path()).unwrap();
    opened.store.writer().finished(Box::new(record("a", 2)));
    opened.store.writer().flush().unwrap();
    // What a killed process leaves: the file and its write-ahead log, not closed.
    fs::create_dir(copy.path().join(".flow")).unwrap();
    for name in ["state.db", "state.db-wal"] {
        fs::copy(dir.path().join(".flow").join(name), copy.path().join(".flow").join(name)).unwrap();
    }
    let again = Store::open(copy.path()).unwrap();
    assert_eq!(again.notice, None);
    assert_eq!(again.store.record("a").unwrap(), Some(record("a", 2)));
}

#[test]
fn a_failing_writer_is_an_error_and_no_panic() {
    let dir = tempfile::tempdir().unwrap();
    let mut opened = Store::open(dir.path()).unwrap();
    let old = opened.store.writer();
    opened.store.rebuild("a test").unwrap();
    let ticket = old.ticket(started("a", true));
    assert!(matches!(ticket.begin(), Err(StoreError::Write(_))));
    assert!(old.check().is_err());
    assert!(opened.store.writer().check().is_ok());
}
