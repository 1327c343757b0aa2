//! A folder with a workflow in it, and flow run in that folder. Edits and command lines in, events and files out; what
//! they mean is the laws' to say.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use filetime::FileTime;

use crate::build::{Build, Contents, Stays, sources};
use crate::contents::{Content, text};
use crate::steps::{Edit, Signal, Time};
use crate::support::running::Running;
use crate::told::{Said, Told};
use crate::workflow::{File, Job, Rule, Workflow};

/// `PATH` with Python's own folder in front: what stands for it on some machines (a shim that looks for the version that is
/// wanted here) takes ten times as long to start, and a case starts many.
static PATH: LazyLock<OsString> = LazyLock::new(|| {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let program = "import os, sys; sys.stdout.write(os.path.dirname(os.path.realpath(sys.executable)))";
    let Ok(told) = Command::new("python3").args(["-c", program]).output() else { return path };
    let folder = PathBuf::from(String::from_utf8_lossy(&told.stdout).into_owned());
    let folders = std::iter::once(folder).filter(|folder| folder.is_absolute()).chain(std::env::split_paths(&path));
    std::env::join_paths(folders).unwrap_or(path)
});

pub struct World {
    folder: tempfile::TempDir,
    pub workflow: Workflow,
    pub sources: Contents,
}

/// When a signal is sent: after so many events, or when a job has been started.
#[derive(Debug, Clone, Copy)]
pub enum Moment {
    Events(usize),
    Start(Job),
}

impl World {
    pub fn new(workflow: Workflow) -> World {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let mut world = World { folder, workflow, sources: Contents::new() };
        for name in ["in", "switch", "kept", "script"] {
            fs::create_dir(world.path(name)).expect("a folder can be made");
        }
        for (number, source) in sources().into_iter().enumerate() {
            let path = world.workflow.path(source);
            let content = Content::Text(text(u8::try_from(number).expect("there are few sources")));
            world.put(&path, &content);
            world.sources.insert(path, content);
        }
        for job in world.all_jobs() {
            world.put(&job.switch(), &Content::Text(String::new()));
        }
        world.write_rulefile();
        world
    }

    /// For all values of the wildcards, whether anybody needs them or not.
    fn all_jobs(&self) -> Vec<Job> {
        self.workflow.rules.iter().enumerate().flat_map(|(number, rule)| rule.jobs(number)).collect()
    }

    pub fn build(&self) -> Build<'_> {
        Build::new(&self.workflow, &self.sources)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn put(&self, name: &str, content: &Content) {
        match content {
            Content::Text(text) => fs::write(self.path(name), text).expect("a file can be written"),
            Content::Folder(files) => {
                fs::create_dir(self.path(name)).expect("a folder can be made");
                for (file, text) in files {
                    fs::write(self.path(name).join(file), text).expect("a file can be written");
                }
            }
        }
    }

    /// What a file or folder holds; nothing of a pipe.
    pub fn read(&self, name: &str) -> Option<Content> {
        let path = self.path(name);
        let Ok(entries) = fs::read_dir(&path) else {
            // To open a pipe that a killed run left is to wait.
            return path.is_file().then(|| fs::read_to_string(path).ok())?.map(Content::Text);
        };
        let file = |entry: fs::DirEntry| {
            (entry.file_name().to_string_lossy().into_owned(), fs::read_to_string(entry.path()).unwrap_or_default())
        };
        Some(Content::Folder(entries.flatten().map(file).collect::<BTreeMap<_, _>>()))
    }

    fn write_rulefile(&self) {
        self.put("Rulefile", &Content::Text(self.workflow.rulefile()));
        for (number, rule) in self.workflow.rules.iter().enumerate() {
            if let Some(path) = rule.script_path(number) {
                self.put(&path, &Content::Text(self.workflow.script(number)));
            }
        }
    }

    /// A job whose switch is off fails.
    pub fn switch_off(&self, job: Job) {
        fs::remove_file(self.path(&job.switch())).expect("a switch can be removed");
    }

    /// A job whose switch is a pipe that nobody writes to waits.
    pub fn hold(&self, job: Job) {
        self.switch_off(job);
        let made = Command::new("mkfifo").arg(self.path(&job.switch())).status().expect("mkfifo starts");
        assert!(made.success(), "a pipe can be made");
    }

    pub fn switch_on(&self, job: Job) {
        let path = self.path(&job.switch());
        let _ = fs::remove_file(&path);
        fs::write(path, "").expect("a switch can be made");
    }

    /// Files that flow should have taken away.
    pub fn strays(&self) -> Vec<String> {
        let folders = ["", "in"].into_iter().map(str::to_owned);
        let folders = folders.chain((0..self.workflow.rules.len()).map(|rule| format!("r{rule}")));
        let entries = folders.filter_map(|folder| fs::read_dir(self.path(&folder)).ok()).flatten().flatten();
        entries
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .filter(|name| name.contains("flow-tmp") || name.ends_with(".pipe"))
            .collect()
    }

    /// Processes that work in the folder: of jobs that were not ended.
    pub fn survivors(&self) -> Vec<String> {
        let here = self.folder.path().canonicalize().expect("the folder is there");
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        let is_here = |path: &PathBuf| fs::read_link(path.join("cwd")).is_ok_and(|cwd| cwd.starts_with(&here));
        let processes = entries.map(|entry| entry.path()).filter(is_here);
        let words = |path: PathBuf| fs::read_to_string(path.join("cmdline")).unwrap_or_default().replace('\0', " ");
        // One that ends as it is looked at has no words any more.
        processes.map(words).filter(|words| !words.is_empty()).collect()
    }

    pub fn apply(&mut self, edits: &[Edit]) {
        for edit in edits {
            self.edit(edit);
        }
        self.write_rulefile();
    }

    fn edit(&mut self, edit: &Edit) {
        let all: Vec<String> = sources().into_iter().map(|source| self.workflow.path(source)).collect();
        match *edit {
            Edit::Write { source, text: number, time } => {
                let name = &all[usize::from(source) % all.len()];
                let content = Content::Text(text(number));
                self.change(name, &content, time);
                self.sources.insert(name.clone(), content);
            }
            Edit::Touch { file, time } => {
                let mut files = all;
                files.extend(self.made());
                let name = &files[usize::from(file) % files.len()];
                if let Some(content) = self.read(name) {
                    self.change(name, &content, time);
                }
            }
            Edit::Remove { output } => {
                if let Some(path) = self.nth_made(output).map(|name| self.path(&name)) {
                    let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
                    removed.expect("an output can be removed");
                }
            }
            Edit::Tamper { output, text: number, time } => {
                if let Some(name) = self.nth_made(output) {
                    let content = tampered(self.read(&name), number);
                    self.change(&name, &content, time);
                }
            }
            Edit::Param { rule, value } => self.rule(rule).param = value,
            Edit::Code { rule, value } => self.rule(rule).code = value,
            Edit::Remark { rule, value } => self.rule(rule).remark = value,
            Edit::AddInput { rule, pick } => {
                let inputs = &mut self.rule(rule).inputs;
                if inputs.len() < 4 {
                    inputs.push(pick);
                }
            }
            Edit::RemoveInput { rule, at } => {
                let inputs = &mut self.rule(rule).inputs;
                if inputs.len() > 1 {
                    inputs.remove(usize::from(at) % inputs.len());
                }
            }
            Edit::TurnInputs { rule } => self.rule(rule).inputs.rotate_left(1),
            Edit::Outputs { rule, count } => self.rule(rule).outputs = usize::from(count),
            Edit::Needs { rule, needs, dressed } => {
                let rule = self.rule(rule);
                (rule.needs, rule.dressed) = (needs, dressed);
            }
        }
    }

    fn rule(&mut self, number: u8) -> &mut Rule {
        let count = self.workflow.rules.len();
        &mut self.workflow.rules[usize::from(number) % count]
    }

    /// Outputs of any job that are there.
    fn made(&self) -> Vec<String> {
        let outputs =
            |job: Job| (0..self.workflow.rules[job.rule].outputs()).map(move |output| File::Output(job, output));
        let paths = self.all_jobs().into_iter().flat_map(outputs).map(|file| self.workflow.path(file));
        paths.filter(|path| self.path(path).exists()).collect()
    }

    /// What is kept and belongs to no job of a build.
    pub fn unneeded(&self, build: &Build<'_>) -> Contents {
        let needed: BTreeSet<&String> =
            build.jobs.iter().flat_map(|made| made.outputs.iter().map(|(path, _)| path)).collect();
        let made = self.made().into_iter().filter(|path| !needed.contains(path));
        made.filter_map(|path| Some((path.clone(), self.read(&path)?))).collect()
    }

    /// All outputs of a build that are there.
    pub fn outputs(&self, build: &Build<'_>) -> Contents {
        let paths = build.jobs.iter().flat_map(|made| &made.outputs).filter(|(_, stays)| *stays != Stays::Never);
        paths.filter_map(|(path, _)| Some((path.clone(), self.read(path)?))).collect()
    }

    fn nth_made(&self, number: u8) -> Option<String> {
        let mut made = self.made();
        (!made.is_empty()).then(|| made.swap_remove(usize::from(number) % made.len()))
    }

    /// Writes a file as the edit says. A file written in place within one tick of the clock after flow looked at it, at
    /// the same size, cannot be told from the old one by any stamp: what takes the time of the clock is a new file too.
    fn change(&self, name: &str, content: &Content, time: Time) {
        let path = self.path(name);
        let before = fs::metadata(&path).map(|meta| FileTime::from_last_modification_time(&meta)).ok();
        let set = |path: &Path, time| filetime::set_file_mtime(path, time).expect("a time can be set");
        match (time, before) {
            (Time::Shifted(seconds), Some(before)) => {
                if path.is_dir() {
                    self.replace(name, content);
                } else {
                    self.put(name, content);
                }
                set(&path, FileTime::from_unix_time(before.unix_seconds() + seconds, before.nanoseconds()));
            }
            (Time::Same, Some(before)) => {
                self.replace(name, content);
                set(&path, before);
            }
            _ => self.replace(name, content),
        }
    }

    /// Puts another file under a name. The old one is kept, so that its inode is not given to a third one.
    fn replace(&self, name: &str, content: &Content) {
        let kept = fs::read_dir(self.path("kept")).expect("the folder was made").count();
        if self.path(name).exists() {
            fs::rename(self.path(name), self.path(&format!("kept/{kept}"))).expect("a file can be renamed");
        }
        self.put(name, content);
    }

    fn flow(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_flow"));
        command.args(words).current_dir(self.folder.path()).env("PATH", &*PATH);
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        command
    }

    /// Runs flow to its end, or until it gets a signal.
    pub fn run(&self, words: &[&str], signal: Option<(Signal, Moment)>) -> Told {
        let errors = self.path("stderr");
        let mut command = self.flow(&["--log-format", "json"]);
        command.args(words).stderr(fs::File::create(&errors).expect("a file can be made"));
        let flow = Running::start_as_it_is(command);
        let mut told = Told::default();
        let mut signal = signal;
        let mut number = 0;
        loop {
            let is_now = |moment| match moment {
                Moment::Events(after) => after == number,
                Moment::Start(awaited) => {
                    matches!(told.said.last(), Some(Said::Started { job, .. }) if *job == awaited)
                }
            };
            if let Some((which, _)) = signal.filter(|(_, moment)| is_now(*moment)) {
                flow.signal(which.name(), false);
                signal = None;
            }
            let Some(line) = flow.line() else { break };
            told.hear(&line);
            number += 1;
        }
        told.exit = flow.ended().0;
        told.output.push_str(&fs::read_to_string(errors).unwrap_or_default());
        told
    }

    /// What flow prints that only looks, or touches.
    pub fn say(&self, words: &[&str]) -> Result<String, String> {
        let output = self.flow(words).output().expect("flow starts");
        let text = String::from_utf8_lossy(&output.stdout);
        if !output.status.success() {
            return Err(format!("{words:?} failed:\n{text}{}", String::from_utf8_lossy(&output.stderr)));
        }
        Ok(text.into_owned())
    }
}

impl Signal {
    pub fn name(self) -> &'static str {
        match self {
            Signal::Kill => "KILL",
            Signal::Interrupt => "INT",
            Signal::Terminate => "TERM",
        }
    }

    /// The exit code of a flow that got it.
    pub fn exit(self) -> Option<i32> {
        match self {
            Signal::Kill => None,
            Signal::Interrupt => Some(130),
            Signal::Terminate => Some(143),
        }
    }
}

/// What another hand makes of a file or a folder.
fn tampered(before: Option<Content>, number: u8) -> Content {
    let Some(Content::Folder(mut files)) = before else { return Content::Text(text(number)) };
    match number % 3 {
        0 => drop(files.insert("more.txt".into(), text(number))),
        1 => drop(files.insert("all.txt".into(), text(number))),
        _ => drop(files.pop_first()),
    }
    Content::Folder(files)
}
