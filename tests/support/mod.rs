//! The program as a user sees it, for tests: a folder with a Rulefile in, a command line, and then what it said, what
//! it ran and which files are there. Knows the binary only, nothing of the library. Every file that a test writes gets
//! a stamp of its own, later than all before, on a clock that ticks by whole seconds; nothing waits.

#![allow(dead_code, reason = "each test file uses its part")]

pub mod batch;
pub mod running;
pub mod samples;
pub mod slurm;
pub mod strict;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use assert_cmd::Command;
use filetime::{FileTime, set_file_mtime};
use serde_json::Value;

/// What no child may outlive.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// When the clock of a test folder begins, in seconds since 1970: long before any output is made.
const BEGINNING: i64 = 1_000_000_000;

/// A folder with a Rulefile and its files, which goes away with the value.
pub struct Project {
    dir: tempfile::TempDir,
    clock: Cell<i64>,
}

impl Project {
    /// A folder with this Rulefile; the indentation that all its lines share is taken off.
    pub fn new(rulefile: &str) -> Project {
        Project::new_in(std::env::temp_dir(), rulefile)
    }

    /// The same at another place.
    pub fn new_in(place: impl AsRef<Path>, rulefile: &str) -> Project {
        let dir = tempfile::tempdir_in(place).expect("a temporary folder");
        let project = Project { dir, clock: Cell::new(BEGINNING) };
        project.rulefile(rulefile);
        project
    }

    /// Writes another Rulefile over the first.
    pub fn rulefile(&self, text: &str) {
        self.write("Rulefile", &dedented(text));
    }

    /// Adds a file, as part of the description of a folder.
    pub fn file(self, path: &str, text: &str) -> Project {
        self.write(path, text);
        self
    }

    pub fn write(&self, path: impl AsRef<Path>, text: &str) {
        let place = self.path(path);
        std::fs::create_dir_all(place.parent().expect("a file is in a folder")).expect("its folder can be made");
        std::fs::write(&place, text).expect("it can be written");
        self.clock.set(self.clock.get() + 1);
        set_file_mtime(&place, FileTime::from_unix_time(self.clock.get(), 0)).expect("it can be stamped");
    }

    /// Replaces a text that the file holds once.
    pub fn edit(&self, path: &str, from: &str, to: &str) {
        let text = self.read(path);
        assert_eq!(text.matches(from).count(), 1, "`{from}` stands once in {path}");
        self.write(path, &text.replace(from, to));
    }

    /// Sets the time of a file to so many seconds after the beginning of the clock.
    pub fn stamp(&self, path: &str, second: i64) {
        set_file_mtime(self.path(path), FileTime::from_unix_time(BEGINNING + second, 0)).expect("it can be stamped");
    }

    pub fn remove(&self, path: &str) {
        let place = self.path(path);
        let removed = if place.is_dir() { std::fs::remove_dir_all(&place) } else { std::fs::remove_file(&place) };
        removed.expect("it can be removed");
    }

    pub fn path(&self, path: impl AsRef<Path>) -> PathBuf {
        self.dir.path().join(path)
    }

    pub fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.path(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    pub fn exists(&self, path: &str) -> bool {
        self.path(path).symlink_metadata().is_ok()
    }

    /// All files with their contents, but for flow's own.
    pub fn tree(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut files = BTreeMap::new();
        let own = |entry: &walkdir::DirEntry| entry.file_name() != ".flow";
        for entry in walkdir::WalkDir::new(self.dir.path()).into_iter().filter_entry(own) {
            let entry = entry.expect("the folder can be read");
            if entry.file_type().is_file() {
                let name = entry.path().strip_prefix(self.dir.path()).expect("it lies in the folder").to_owned();
                files.insert(name, std::fs::read(entry.path()).expect("it can be read"));
            }
        }
        files
    }

    /// `flow` with these words as arguments, on two cores.
    pub fn flow(&self, words: &str) -> Ran {
        self.flow_with(words.split_whitespace())
    }

    /// `flow` with these arguments.
    pub fn flow_with<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Ran {
        let output = Command::new(env!("CARGO_BIN_EXE_flow"))
            .args(arguments)
            .current_dir(self.dir.path())
            .env_remove("NO_COLOR")
            .env("TERM", "dumb")
            .timeout(DEADLINE)
            .output()
            .expect("flow starts");
        Ran {
            folder: self.dir.path().display().to_string(),
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// A command of [`Project::command`], run to its end.
    pub fn ran(&self, mut command: std::process::Command) -> Ran {
        let output = command.output().expect("flow starts");
        Ran {
            folder: self.dir.path().display().to_string(),
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// A program that can be run. Another process writes it: a file that this one has open for writing while another test
    /// starts something is "busy" for who runs it.
    pub fn program(&self, path: &str, text: &str) {
        let (from, to) = (self.path(path).with_extension("text"), self.path(path));
        self.write(&from, text);
        let done = std::process::Command::new("install").args(["-m", "755"]).args([from, to]).status();
        assert!(done.expect("install starts").success());
    }

    /// Waits until a file is there that a job makes.
    pub fn await_file(&self, path: &str) {
        let end = std::time::Instant::now() + DEADLINE;
        while !self.exists(path) {
            assert!(std::time::Instant::now() < end, "{path} does not come");
            std::thread::yield_now();
            std::thread::park_timeout(Duration::from_millis(10));
        }
    }

    /// A run that tells its events as JSON, so that [`Ran::jobs`] knows what ran; with `-j2` unless `words` say so.
    pub fn make(&self, words: &str) -> Ran {
        let defaults = ["--log-format", "json", "-j2"];
        self.flow_with(defaults.into_iter().chain(words.split_whitespace()))
    }

    /// A run that must do exactly these jobs (`rule`, or `rule name=value`), in any order, and succeed.
    pub fn makes(&self, words: &str, jobs: &[&str]) -> Ran {
        let ran = self.make(words).exits(0);
        let mut done = ran.jobs();
        done.sort();
        let mut expected: Vec<String> = jobs.iter().map(|&job| job.to_owned()).collect();
        expected.sort();
        assert_eq!(done, expected, "the jobs of `flow {words}`\n{}", ran.stdout);
        ran
    }

    /// For those who talk to a running flow: the command, with all three streams of its own.
    pub fn command(&self, words: &str) -> std::process::Command {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_flow"));
        command.args(words.split_whitespace()).current_dir(self.dir.path()).env("TERM", "dumb");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }
}

/// Runs the Rulefile and gives what is in `out.txt`.
pub fn out(rulefile: &str) -> String {
    out_with(Project::new(rulefile), "")
}

/// The same, in a folder with more in it, or with more on the command line.
pub fn out_with(project: Project, words: &str) -> String {
    project.make(words).exits(0);
    project.read("out.txt")
}

/// The text without the indentation that all its lines share, and without an empty first line.
pub fn dedented(text: &str) -> String {
    let lines = || text.lines().filter(|line| !line.trim().is_empty());
    let shared = lines().map(|line| line.len() - line.trim_start().len()).min().unwrap_or(0);
    let mut out = String::new();
    for line in text.strip_prefix('\n').unwrap_or(text).lines() {
        out.push_str(line.get(shared..).unwrap_or("").trim_end());
        out.push('\n');
    }
    let end = out.trim_end().len();
    out.truncate(end);
    out.push('\n');
    out
}

/// A run that is over.
pub struct Ran {
    folder: String,
    /// `None`: a signal ended it.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    #[track_caller]
    pub fn exits(self, code: i32) -> Ran {
        assert_eq!(self.code, Some(code), "the exit code; it said\n{}{}", self.stdout, self.stderr);
        assert!(!self.stderr.contains("panicked at"), "{}", self.stderr);
        self
    }

    /// Standard output is this, whole.
    #[track_caller]
    pub fn prints(self, text: &str) -> Ran {
        assert_eq!(self.stdout, dedented(text), "standard output; standard error is\n{}", self.stderr);
        self
    }

    /// Standard output or standard error has this in it.
    #[track_caller]
    pub fn says(self, part: &str) -> Ran {
        let said = self.stdout.contains(part) || self.stderr.contains(part);
        assert!(said, "`{part}` is missing in\n{}{}", self.stdout, self.stderr);
        self
    }

    #[track_caller]
    pub fn does_not_say(self, part: &str) -> Ran {
        let said = self.stdout.contains(part) || self.stderr.contains(part);
        assert!(!said, "`{part}` stands in\n{}{}", self.stdout, self.stderr);
        self
    }

    /// The events of `--log-format json`.
    pub fn events(&self) -> Vec<Value> {
        let event = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        self.stdout.lines().map(event).collect()
    }

    /// The events of one kind.
    pub fn events_of(&self, kind: &str) -> Vec<Value> {
        self.events().into_iter().filter(|event| event["event"] == kind).collect()
    }

    /// The jobs that started, in their order: `rule`, or `rule name=value`.
    pub fn jobs(&self) -> Vec<String> {
        self.events_of("started").iter().map(job_name).collect()
    }

    /// Why the job started.
    #[track_caller]
    pub fn reason(&self, job: &str) -> String {
        let started = self.events_of("started");
        let found = started.iter().find(|event| job_name(event) == job);
        let found = found.unwrap_or_else(|| panic!("`{job}` did not run:\n{}", self.stdout));
        found["reason"].as_str().expect("a reason is text").to_owned()
    }

    /// The command of the job as it was run.
    #[track_caller]
    pub fn command(&self, job: &str) -> String {
        let started = self.events_of("started");
        let found = started.iter().find(|event| job_name(event) == job);
        let found = found.unwrap_or_else(|| panic!("`{job}` did not run:\n{}", self.stdout));
        found["command"].as_str().expect("it has a command").to_owned()
    }

    /// Both streams with the folder's name and all times made the same, for snapshots.
    pub fn shown(&self) -> String {
        let text = format!("{}{}", self.stdout, self.stderr).replace(&self.folder, "[folder]");
        let time = regex::Regex::new(r"\b(in|about) \d+(\.\d)?[smh](\d\d[smh])?").expect("a regex");
        time.replace_all(&text, "$1 [time]").into_owned()
    }
}

fn job_name(event: &Value) -> String {
    let mut name = event["rule"].as_str().expect("a rule has a name").to_owned();
    for pair in event["wildcards"].as_array().expect("a list") {
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        name.push_str(&format!(" {}={}", text(&pair[0]), text(&pair[1])));
    }
    name
}

/// A file name that need not be UTF-8.
pub fn raw_name(bytes: &[u8]) -> OsString {
    use std::os::unix::ffi::OsStringExt;
    OsString::from_vec(bytes.to_vec())
}
