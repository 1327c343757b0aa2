//! A small workflow with all kinds of jobs in it, in a folder that is disturbed; and what must hold of the folder after that.
//! Knows the binary and the tracer; how a run is disturbed is each test's own.

#![allow(dead_code, reason = "each test file uses its part")]

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
pub mod tracer;
#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
#[path = "untraced.rs"]
pub mod tracer;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use filetime::{FileTime, set_file_mtime};

use crate::support::{Project, Ran};
use tracer::{Call, Order, Traced, trace};

/// What no disturbed run may take; they take half a second.
pub const DEADLINE: Duration = Duration::from_secs(40);

/// A command in place with a log, one that needs no shell, a temporary file, a body with two outputs and a benchmark, a
/// directory, a checkpoint, and a job that fails once.
const RULES: &str = r#"
    configfile: "config.yaml"

    rule all:
        input: "all.txt", "pages", "flaky.txt"

    rule made:
        input: "in/{n}.txt"
        output: "made/{n}.txt"
        log: "logs/{n}.log"
        shell: "echo making {wildcards.n} > {log}; head -c 2 {input} > {output}; tail -c +3 {input} >> {output}"

    rule copy:
        input: "made/{n}.txt"
        output: temp("copy/{n}.txt")
        shell: "cp {input} {output}"

    rule body:
        input: "copy/{n}.txt"
        output: "body/{n}.txt", "body/{n}.json"
        params: word=config["word"]
        benchmark: "bench/{n}.tsv"
        run:
            text = read_text(input[0])
            write_text(params.word + ": " + text, output[0])
            write_json({"n": wildcards.n, "lines": len(text.splitlines())}, output[1])

    checkpoint split:
        input: "in/list.txt"
        output: directory("parts")
        shell: "mkdir {output}; for p in $(cat {input}); do echo part $p > {output}/$p.txt; done"

    rule part:
        input: "parts/{p}.txt"
        output: "part/{p}.txt"
        shell: "tr a-z A-Z < {input} > {output}"

    def parts(wildcards):
        folder = checkpoints.split.get().output[0]
        return expand("part/{p}.txt", p=sorted(glob_wildcards(folder + "/{p}.txt").p))

    rule pages:
        input: expand("made/{n}.txt", n=["a", "b"])
        output: directory("pages")
        shell: "mkdir {output}; cp {input} {output}/"

    rule flaky:
        input: "in/a.txt"
        output: "flaky.txt"
        retries: 1
        resources: attempt=lambda wildcards, attempt: attempt
        shell: "cat {input} > {output}; test {resources.attempt} -gt 1"

    rule together:
        input: expand("body/{n}.txt", n=["a", "b"]), expand("body/{n}.json", n=["a", "b"]), parts
        output: "all.txt"
        shell: "cat {input} > {output}"
"#;

/// What is to be made: all, or what an edit of most sources asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    First,
    Updated,
}

pub type Tree = BTreeMap<PathBuf, Vec<u8>>;

pub struct Folder {
    pub project: Project,
}

impl Folder {
    pub fn new() -> Folder {
        let project = Project::new(RULES)
            .file("in/a.txt", "first\nsecond\n")
            .file("in/b.txt", "other\n")
            .file("in/list.txt", "x y\n")
            .file("config.yaml", "word: one\n");
        Folder { project }
    }

    /// One that was made, and whose sources were edited then.
    pub fn updated() -> Folder {
        let folder = Folder::new();
        folder.project.flow("-j2").exits(0);
        folder.update();
        folder
    }

    pub fn of(version: Version) -> Folder {
        if version == Version::First { Folder::new() } else { Folder::updated() }
    }

    /// Contents, the list of a checkpoint, and a parameter.
    fn update(&self) {
        self.edit("in/a.txt", "first\nsecond\nthird\n");
        self.edit("in/list.txt", "x y z\n");
        self.edit("config.yaml", "word: two\n");
    }

    /// One more source, which has as many bytes as before.
    pub fn edit_once_more(&self) {
        self.edit("in/b.txt", "OTHER\n");
    }

    fn edit(&self, path: &str, text: &str) {
        edit(&self.project, path, text);
    }

    /// Runs flow, with the calls that touch the folder shown to `watch`.
    pub fn trace(&self, words: &str, watch: &mut dyn FnMut(&Call<'_>) -> Order) -> Traced {
        trace(self.project.command(words), &self.project.path("."), &[], DEADLINE, watch)
    }

    /// All files but those with times in them and flow's own.
    pub fn tree(&self) -> Tree {
        let mut tree = self.project.tree();
        tree.retain(|path, _| !path.starts_with("bench"));
        tree
    }

    /// The law: the next run completes to the bytes of a clean build, leaves nothing over, and the one after it has nothing
    /// to do. Gives what the next run said.
    pub fn completes(&self, clean: &Tree, case: &str) -> Ran {
        let ran = self.project.flow("-j2");
        assert!(ran.code == Some(0), "{case}: the next run ends with {:?}\n{}", ran.code, ran.stderr);
        assert!(!ran.stderr.contains("panicked"), "{case}: {}", ran.stderr);
        same(&self.tree(), clean, case, &ran.stderr);
        let own = std::fs::read_dir(self.project.path(".flow")).expect("it can be listed");
        let own = own.map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8"));
        let known = |name: &String| {
            ["lock", "log", "state.db", "idle"].contains(&name.as_str()) || name.starts_with("state.db.damaged-")
        };
        let left: Vec<String> = own.filter(|name| !known(name)).collect();
        assert!(left.is_empty(), "{case}: left over in .flow: {left:?}");
        let idle = self.project.flow("-j2");
        assert!(
            idle.code == Some(0) && (idle.stdout + &idle.stderr).contains("Nothing to do"),
            "{case}: a further run has something to do\n{}",
            idle.stderr
        );
        ran
    }
}

/// Writes a source at a time that is later than that of all outputs, as an editor does.
pub fn edit(project: &Project, path: &str, text: &str) {
    project.write(path, text);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("it is after 1970");
    let later = FileTime::from_unix_time(i64::try_from(now.as_secs()).expect("a time") + 2, 0);
    set_file_mtime(project.path(path), later).expect("it can be stamped");
}

/// Two trees are the same.
#[track_caller]
pub fn same(found: &Tree, wanted: &Tree, case: &str, said: &str) {
    let text = |bytes: Option<&Vec<u8>>| bytes.map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    for path in found.keys().chain(wanted.keys()) {
        let (found, wanted) = (text(found.get(path)), text(wanted.get(path)));
        assert!(found == wanted, "{case}: {} is {found:?}, not {wanted:?}\n{said}", path.display());
    }
}

/// The bytes of a clean build of a version.
pub fn clean(version: Version) -> Tree {
    let folder = Folder::new();
    if version == Version::Updated {
        folder.update();
    }
    folder.project.flow("-j2").exits(0);
    folder.tree()
}

/// The same, where one more source is edited.
pub fn clean_after(version: Version) -> Tree {
    let folder = Folder::new();
    if version == Version::Updated {
        folder.update();
    }
    folder.edit_once_more();
    folder.project.flow("-j2").exits(0);
    folder.tree()
}

/// Kills all processes that carry a tag in their environment, and waits until they are gone.
pub fn end_jobs(tag: &str) {
    let entry = format!("FLOW_FAULT={tag}");
    loop {
        let mut found = false;
        for process in std::fs::read_dir("/proc").expect("it can be listed").flatten() {
            let Some(pid) = process.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else { continue };
            let Ok(environment) = std::fs::read(process.path().join("environ")) else { continue };
            if environment.split(|&byte| byte == 0).any(|line| line == entry.as_bytes()) {
                found = true;
                let pid = rustix::process::Pid::from_raw(pid).expect("a process has a number");
                let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
            }
        }
        if !found {
            return;
        }
        std::thread::yield_now();
    }
}

/// Prints why a test is skipped; true if it is.
pub fn skips() -> bool {
    let why = tracer::unavailable();
    if let Some(why) = &why {
        eprintln!("skipped: {why}");
    }
    why.is_some()
}

/// Whether the long version of a test is asked for.
pub fn is_long() -> bool {
    std::env::var_os("FLOW_FAULTS").is_some()
}

/// Every which case is tried: in the long version the number in `FLOW_FAULTS`, else this one.
pub fn step(plain: usize) -> usize {
    let long = std::env::var("FLOW_FAULTS").ok();
    long.map_or(plain, |text| text.parse().unwrap_or(1)).max(1)
}

/// splitmix64, by Steele, Lea and Flood, "Fast splittable pseudorandom number generators".
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % u64::try_from(below.max(1)).expect("a number")).expect("a number")
    }
}
