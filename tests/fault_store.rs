//! Records that were damaged on the disk: cut off anywhere, or with a bit turned over anywhere, with a write-ahead log and
//! without. The store gives the right records or says that they are damaged; and flow, after an edit of a source, a parameter
//! or the code, makes what follows from the edit, and ends with the right bytes. `FLOW_FAULTS=1` turns over every bit for the
//! store (5: of every fifth byte), and a bit of every byte in use for flow; the plain version some of them.

mod faults;
mod support;

use std::fs;
use std::path::Path;

use faults::{Random, edit, is_long, step};
use flow::store::{JobRecord, Store, StoreError};
use support::Project;

const RULES: &str = r#"
    configfile: "config.yaml"

    rule c:
        input: "b.txt", "other.txt"
        output: "c.txt"
        shell: "cat {input} > {output}"

    rule a:
        input: "in.txt"
        output: "a.txt"
        params: word=config["word"]
        shell: "(echo {params.word}; cat {input}) > {output}"

    rule b:
        input: "a.txt"
        output: "b.txt"
        run:
            write_text(read_text(input[0]) + "first\n", output[0])
"#;

/// Where the version of the schema stands: one that is turned over to a newer one is refused, and not set aside.
const VERSION: std::ops::Range<usize> = 60..64;

fn project() -> Project {
    let project =
        Project::new(RULES).file("in.txt", "in\n").file("other.txt", "other\n").file("config.yaml", "word: one\n");
    project.flow("-j1").exits(0);
    project
}

/// All records by key.
fn contents(store: &Store) -> Result<Vec<JobRecord>, StoreError> {
    let mut keys = Vec::new();
    store.scan(|key, _, _| keys.push(key.to_owned()))?;
    store.durations_by_rule()?;
    store.output_paths()?;
    store.outage()?;
    store.losses()?;
    let records = keys.iter().map(|key| store.record(key)).collect::<Result<Vec<_>, _>>()?;
    Ok(records.into_iter().flatten().collect())
}

/// What became of damaged records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Right,
    SetAside,
    Refused,
    /// Nobody has noticed.
    Other,
}

/// Opens damaged records, reads them, writes them again, and reads them once more.
fn fate(folder: &Path, right: &[JobRecord], case: &str) -> Fate {
    let opened = match Store::open(folder) {
        Ok(opened) => opened,
        Err(StoreError::Newer { .. }) => return Fate::Refused,
        Err(other) => panic!("{case}: {other}"),
    };
    if opened.notice.is_some() {
        assert!(contents(&opened.store).is_ok_and(|records| records.is_empty()), "{case}: an empty store");
        return Fate::SetAside;
    }
    let mut store = opened.store;
    let found = contents(&store).and_then(|found| {
        let writer = store.writer();
        right.iter().for_each(|record| writer.finished(Box::new(record.clone())));
        writer.flush()?;
        store.settle(&[])?;
        Ok(found)
    });
    match found {
        Ok(found) if found == right => Fate::Right,
        Ok(_) => Fate::Other,
        Err(StoreError::Damaged(why)) => {
            store.rebuild(&why).unwrap_or_else(|error| panic!("{case}: {error}"));
            assert!(contents(&store).is_ok_and(|records| records.is_empty()), "{case}: an empty store");
            Fate::SetAside
        }
        Err(other) => panic!("{case}: {other}"),
    }
}

/// Where syncing costs nothing, if there is such a place.
fn quick_folder() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a temporary folder")
}

fn tries(files: &[(&str, &[u8])], right: &[JobRecord], case: &str) -> Fate {
    let folder = quick_folder();
    fs::create_dir(folder.path().join(".flow")).expect("a folder");
    for (name, bytes) in files {
        fs::write(folder.path().join(".flow").join(name), bytes).expect("it can be written");
    }
    fate(folder.path(), right, case)
}

/// The records of a run: the database at rest, and the same with a log that a crash has left, with the records in it.
fn records() -> (Vec<u8>, Vec<u8>, Vec<u8>, Vec<JobRecord>) {
    let project = project();
    let rest = fs::read(project.path(".flow/state.db")).expect("it is there");
    let opened = Store::open(&project.path(".")).expect("it opens");
    let right = contents(&opened.store).expect("they are whole");
    assert_eq!(right.len(), 3);
    let writer = opened.store.writer();
    right.iter().for_each(|record| writer.finished(Box::new(record.clone())));
    writer.flush().expect("it can be written");
    let database = fs::read(project.path(".flow/state.db")).expect("it is there");
    let log = fs::read(project.path(".flow/state.db-wal")).expect("it is there");
    assert!(log.len() > 4096);
    (rest, database, log, right)
}

/// How many cases end in each way.
fn told(what: &str, fates: &[Fate]) {
    let count = |fate| fates.iter().filter(|found| **found == fate).count();
    eprintln!(
        "{what}: {} cases: {} right, {} set aside, {} refused, {} unnoticed",
        fates.len(),
        count(Fate::Right),
        count(Fate::SetAside),
        count(Fate::Refused),
        count(Fate::Other)
    );
}

#[test]
fn records_that_are_cut_off_anywhere() {
    let (rest, database, log, right) = records();
    let step = step(331);
    let mut fates = Vec::new();
    for length in (1..rest.len()).step_by(step) {
        let fate = tries(&[("state.db", &rest[..length])], &right, &format!("cut at {length}"));
        assert_eq!(fate, Fate::SetAside, "cut at {length}");
        fates.push(fate);
    }
    told("databases", &fates);
    fates.clear();
    // What is left of a log is whole transactions: none, or the one that was in it.
    for length in (0..log.len()).step_by(step) {
        let files = [("state.db", &database[..]), ("state.db-wal", &log[..length])];
        fates.push(tries(&files, &right, &format!("log cut at {length}")));
        assert_eq!(fates.last(), Some(&Fate::Right), "log cut at {length}");
    }
    told("logs", &fates);
    fates.clear();
    for length in (0..database.len()).step_by(step * 4) {
        let files = [("state.db", &database[..length]), ("state.db-wal", &log[..])];
        fates.push(tries(&files, &right, &format!("database beside its log cut at {length}")));
    }
    told("databases beside a log", &fates);
}

#[test]
fn records_with_a_bit_turned_over() {
    let (rest, database, log, right) = records();
    let mut random = Random(7);
    let mut fates = Vec::new();
    let bits = |random: &mut Random| if is_long() { (0..8).collect() } else { vec![random.below(8)] };
    let step = step(61);
    for at in (0..rest.len()).step_by(step) {
        for bit in bits(&mut random) {
            let mut bytes = rest.clone();
            bytes[at] ^= 1 << bit;
            let fate = tries(&[("state.db", &bytes)], &right, &format!("byte {at}, bit {bit}"));
            assert!(fate != Fate::Refused || VERSION.contains(&at), "byte {at}, bit {bit}");
            fates.push(fate);
        }
    }
    told("databases", &fates);
    fates.clear();
    for at in (0..log.len()).step_by(step * 4) {
        for bit in bits(&mut random) {
            let mut bytes = log.clone();
            bytes[at] ^= 1 << bit;
            let files = [("state.db", &database[..]), ("state.db-wal", &bytes)];
            fates.push(tries(&files, &right, &format!("byte {at} of the log, bit {bit}")));
        }
    }
    told("logs", &fates);
}

/// The kinds of edit, and what is made after them.
const EDITS: [(&str, &str, &str, &str); 4] = [
    ("in.txt", "in\n", "IN\n", "one\nIN\nfirst\nother\n"),
    ("other.txt", "other\n", "OTHER\n", "one\nin\nfirst\nOTHER\n"),
    ("config.yaml", "one", "two", "two\nin\nfirst\nother\n"),
    ("Rulefile", "first", "third", "one\nin\nthird\nother\n"),
];

#[test]
fn flow_after_a_bit_was_turned_over_and_an_edit() {
    let mut random = Random(11);
    let cases = if is_long() { 6000 / step(1) } else { 24 };
    let mut fates = Vec::new();
    for n in 0..cases {
        let project = project();
        let database = project.path(".flow/state.db");
        let mut bytes = fs::read(&database).expect("it is there");
        // Bytes that are not zero are in use.
        let used: Vec<usize> = (0..bytes.len()).filter(|&at| bytes[at] != 0 && !VERSION.contains(&at)).collect();
        let at = if is_long() { used[n * used.len() / cases] } else { used[random.below(used.len())] };
        let bit = random.below(8);
        bytes[at] ^= 1 << bit;
        fs::write(&database, bytes).expect("it can be written");
        let (path, from, to, wanted) = EDITS[n % EDITS.len()];
        edit(&project, path, &project.read(path).replace(from, to));
        let case = format!("{n}: byte {at}, bit {bit}, {path}");
        let mut ran = project.flow("-j2");
        if ran.code == Some(1) && ran.stderr.contains("run flow again") {
            assert!(ran.stderr.contains("damaged"), "{case}: {}", ran.stderr);
            ran = project.flow("-j2");
        }
        assert_eq!(ran.code, Some(0), "{case}: {}", ran.stderr);
        assert_eq!(project.read("c.txt"), wanted, "{case}: {}{}", ran.stdout, ran.stderr);
        // Damage may be met only when what is there is written over.
        let mut again = project.flow("-j2").exits(0);
        let is_late = again.stderr.contains("were damaged");
        if is_late {
            again = project.flow("-j2").exits(0);
        }
        again.says("Nothing to do");
        assert_eq!(project.read("c.txt"), wanted, "{case}: after a further run");
        fates.push(if is_late || ran.stderr.contains("damaged") { Fate::SetAside } else { Fate::Right });
    }
    told("edits", &fates);
}
