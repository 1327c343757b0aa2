//! A folder with a workflow in it, and flow run in that folder. Edits and command lines in, events and files out; what
//! they mean is the laws' to say.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use filetime::FileTime;
use serde_json::Value;

use crate::steps::{Edit, Time};
use crate::workflow::{Contents, Job, VALUES, Workflow, sources};

/// What a source or a tampered file holds: a few texts, so that edits also come back to what was there before; with
/// first lines in common, so that some changes are lost on those who look at first lines.
fn text(number: u8) -> String {
    format!("line {}\nsecond {}\n", number % 2, number % 5)
}

pub struct World {
    folder: tempfile::TempDir,
    pub workflow: Workflow,
    pub sources: Contents,
}

/// What one call of flow told.
#[derive(Debug, Default)]
pub struct Told {
    /// With the reason, in the order of the events.
    pub started: Vec<(Job, String)>,
    pub finished: BTreeSet<Job>,
    pub failed: BTreeSet<Job>,
    /// `None`: killed.
    pub exit: Option<i32>,
    /// Everything, for a message.
    pub output: String,
}

impl World {
    pub fn new(workflow: Workflow) -> World {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let world = World { folder, workflow, sources: Contents::new() };
        for name in ["in", "switch", "kept"] {
            fs::create_dir(world.path(name)).expect("a folder can be made");
        }
        let mut world = world;
        for (number, source) in sources().into_iter().enumerate() {
            let content = text(u8::try_from(number).expect("there are few sources"));
            world.put(&source, &content);
            world.sources.insert(source, content);
        }
        for (number, rule) in world.workflow.rules.iter().enumerate() {
            rule.jobs(number).into_iter().for_each(|job| world.set_switch(job, true));
        }
        world.write_rulefile();
        world
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn put(&self, name: &str, content: &str) {
        fs::write(self.path(name), content).expect("a file can be written");
    }

    pub fn read(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.path(name)).ok()
    }

    fn write_rulefile(&self) {
        self.put("Rulefile", &self.workflow.rulefile());
    }

    /// A job whose switch is off fails.
    pub fn set_switch(&self, job: Job, on: bool) {
        let path = self.path(&job.switch());
        let done = if on { fs::write(path, "") } else { fs::remove_file(path) };
        done.expect("a switch can be set");
    }

    /// Files below the folder that no rule declares and no edit made.
    pub fn strays(&self) -> Vec<String> {
        let folders = ["", "in"].into_iter().map(str::to_owned);
        let folders = folders.chain((0..self.workflow.rules.len()).map(|rule| format!("r{rule}")));
        let entries = folders.filter_map(|folder| fs::read_dir(self.path(&folder)).ok()).flatten().flatten();
        entries
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .filter(|name| name.contains("flow-tmp"))
            .collect()
    }

    pub fn apply(&mut self, edits: &[Edit]) {
        for edit in edits {
            self.edit(edit);
        }
        self.write_rulefile();
    }

    fn edit(&mut self, edit: &Edit) {
        let all = sources();
        match *edit {
            Edit::Write { source, text: number, time } => {
                let name = &all[usize::from(source) % all.len()];
                self.change(name, &text(number), time);
                self.sources.insert(name.clone(), text(number));
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
                if let Some(name) = self.nth_made(output) {
                    fs::remove_file(self.path(&name)).expect("an output can be removed");
                }
            }
            Edit::Tamper { output, text: number, time } => {
                if let Some(name) = self.nth_made(output) {
                    self.change(&name, &text(number), time);
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
            Edit::Outputs { rule, count } => {
                let rule = self.rule(rule);
                if rule.work.has_outputs() {
                    rule.outputs = usize::from(count);
                }
            }
        }
    }

    fn rule(&mut self, number: u8) -> &mut crate::workflow::Rule {
        let count = self.workflow.rules.len();
        &mut self.workflow.rules[usize::from(number) % count]
    }

    /// Outputs of any job that are there.
    fn made(&self) -> Vec<String> {
        let jobs = self.workflow.rules.iter().enumerate().flat_map(|(number, rule)| rule.jobs(number));
        let outputs = jobs.flat_map(|job| self.workflow.outputs(job)).map(|(path, _)| path);
        outputs.filter(|path| self.path(path).exists()).collect()
    }

    fn nth_made(&self, number: u8) -> Option<String> {
        let mut made = self.made();
        (!made.is_empty()).then(|| made.swap_remove(usize::from(number) % made.len()))
    }

    /// Writes a file as the edit says. A file written in place within one tick of the clock after flow looked at it, at
    /// the same size, cannot be told from the old one by any stamp: what takes the time of the clock is a new file too.
    fn change(&self, name: &str, content: &str, time: Time) {
        let path = self.path(name);
        let before = fs::metadata(&path).map(|meta| FileTime::from_last_modification_time(&meta)).ok();
        let set = |path: &Path, time| filetime::set_file_mtime(path, time).expect("a time can be set");
        match (time, before) {
            (Time::Shifted(seconds), Some(before)) => {
                self.put(name, content);
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
    fn replace(&self, name: &str, content: &str) {
        let kept = fs::read_dir(self.path("kept")).expect("the folder was made").count();
        if self.path(name).exists() {
            fs::rename(self.path(name), self.path(&format!("kept/{kept}"))).expect("a file can be renamed");
        }
        self.put(name, content);
    }

    fn flow(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_flow"));
        command.args(arguments).current_dir(self.folder.path()).stdin(Stdio::null());
        command
    }

    /// Runs flow to its end, or kills it when it has told of so many events.
    pub fn run(&self, cores: u8, keep_going: bool, kill_after: Option<u8>) -> Told {
        let cores = format!("-j{cores}");
        let mut arguments = vec!["--log-format", "json", &cores];
        if keep_going {
            arguments.push("-k");
        }
        let errors = self.path("stderr");
        let to = fs::File::create(&errors).expect("a file can be made");
        let mut child = self.flow(&arguments).stdout(Stdio::piped()).stderr(to).spawn().expect("flow starts");
        let mut told = Told::default();
        let lines = BufReader::new(child.stdout.take().expect("its output is piped")).lines();
        for (number, line) in lines.map_while(Result::ok).enumerate() {
            if kill_after.is_some_and(|after| usize::from(after) == number) {
                child.kill().expect("flow can be killed");
            }
            told.hear(&line);
        }
        told.exit = child.wait().expect("flow ends").code();
        told.output.push_str(&fs::read_to_string(errors).unwrap_or_default());
        told
    }

    /// The jobs that the dry run says are to do.
    pub fn dry_run(&self) -> Result<BTreeSet<Job>, String> {
        let output = self.flow(&["-n"]).output().expect("flow starts");
        let text = String::from_utf8_lossy(&output.stdout);
        if !output.status.success() {
            return Err(format!("the dry run failed:\n{text}{}", String::from_utf8_lossy(&output.stderr)));
        }
        let jobs = self.workflow.jobs();
        let named = text.lines().filter_map(|line| line.split_once(": "));
        Ok(named.filter_map(|(name, _)| jobs.iter().find(|job| job.name() == name)).copied().collect())
    }
}

impl Told {
    fn hear(&mut self, line: &str) {
        self.output.push_str(line);
        self.output.push('\n');
        // The last line of a killed flow may be cut off.
        let Ok(event) = serde_json::from_str::<Value>(line) else { return };
        let Some(job) = job(&event) else { return };
        match event["event"].as_str() {
            Some("started") => {
                self.started.push((job, event["reason"].as_str().unwrap_or_default().to_owned()));
            }
            Some("finished") => drop(self.finished.insert(job)),
            Some("failed") => drop(self.failed.insert(job)),
            _ => {}
        }
    }

    pub fn started(&self) -> BTreeSet<Job> {
        self.started.iter().map(|(job, _)| *job).collect()
    }
}

/// The job that an event is about.
fn job(event: &Value) -> Option<Job> {
    let rule = event.get("rule")?.as_str()?.strip_prefix('r')?.parse().ok()?;
    let value = event["wildcards"].get(0).and_then(|pair| pair[1].as_str());
    Some(Job { rule, value: value.and_then(|value| VALUES.iter().position(|known| *known == value)) })
}
