//! Slurm: batches are job arrays. `sbatch` takes them, one `squeue` sees all of them, `sacct` (where there is accounting)
//! or `scontrol` says why a task is gone, `scancel` ends them. Tested with Slurm 22.05.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::call::{Said, call};
use super::system::{BatchSystem, Fate, Live, Manner, Submission, Submitted};

/// `MaxArraySize` where Slurm does not say: its default.
const USUAL_ARRAY: usize = 1001;

/// What `sbatch` says where a later try may do: the controller is away or busy, or the user has too many jobs at present.
const LATER: [&str; 9] = [
    "Unable to contact slurm controller",
    "Socket timed out",
    "Connection refused",
    "Connection timed out",
    "Unexpected message received",
    "Resource temporarily unavailable",
    "Zero Bytes were transmitted",
    "try again",
    "temporarily unable",
];
const FULL: [&str; 4] = ["QOSMaxSubmit", "AssocMaxSubmit", "AssocGrpSubmit", "job submit limit"];

#[derive(Debug)]
pub struct Slurm {
    /// The program that runs on the nodes: flow itself.
    program: PathBuf,
    most: Option<usize>,
    /// Whether `sacct` has answered; unknown until it is asked.
    accounting: Option<bool>,
}

impl Slurm {
    pub fn new(program: PathBuf) -> Slurm {
        Slurm { program, most: None, accounting: None }
    }
}

impl BatchSystem for Slurm {
    fn manner(&self) -> Manner {
        Manner { name: "Slurm", has_arrays: true, keeps_time: true }
    }

    fn most_tasks(&mut self) -> usize {
        *self.most.get_or_insert_with(|| {
            let said = call(Command::new("scontrol").args(["show", "config"])).unwrap_or_default();
            let value = said.stdout.lines().find_map(|line| line.strip_prefix("MaxArraySize"));
            // The size is one more than the highest number of a task.
            value
                .and_then(|value| value.trim_start_matches([' ', '=']).trim().parse().ok())
                .unwrap_or(USUAL_ARRAY)
                .max(1)
        })
    }

    fn submit(&mut self, submission: &Submission) -> Submitted {
        let script = submission.folder.join("script");
        if let Err(error) = std::fs::write(&script, self.script(submission)) {
            return Submitted::Refused(format!("cannot write {}: {error}", script.display()));
        }
        let mut command = Command::new("sbatch");
        command.args(arguments(submission)).arg(&script);
        match call(&mut command) {
            Ok(said) if said.success => Submitted::As(id(&said)),
            Ok(said) => refusal(&said.complaint()),
            Err(error) => Submitted::Later(error),
        }
    }

    fn look(&mut self, _: &[String]) -> Result<Live, String> {
        let mut command = Command::new("squeue");
        // Without a limit of its length, the list of an array's waiting tasks is given whole.
        command.args(["--noheader", "--me", "--format=%i|%k"]).env("SLURM_BITSTR_LEN", "0");
        let said = call(&mut command)?;
        if !said.success {
            return Err(said.complaint());
        }
        let mut live = Live::default();
        for line in said.stdout.lines() {
            let Some((id, comment)) = line.split_once('|') else { continue };
            let batch = id.split('_').next().unwrap_or(id);
            live.batches.insert(comment.trim().to_owned(), batch.to_owned());
            live.tasks.extend(tasks(id));
        }
        Ok(live)
    }

    fn fate(&mut self, task: &str) -> Option<Fate> {
        let accounted = if self.accounting == Some(false) { None } else { from_sacct(task) };
        self.accounting.get_or_insert(accounted.is_some());
        accounted.or_else(|| from_scontrol(task))
    }

    fn cancel(&mut self, batches: &[String]) -> Result<(), String> {
        // A command line holds some thousands of them.
        for some in batches.chunks(1000) {
            let said = call(Command::new("scancel").args(some))?;
            if !said.success && !said.stderr.contains("Invalid job id") {
                return Err(said.complaint());
            }
        }
        Ok(())
    }
}

impl Slurm {
    fn script(&self, submission: &Submission) -> String {
        let [program, folder] = [&self.program, &submission.folder].map(|path| quoted(path));
        format!("#!/bin/sh\nexec {program} --run-task {folder} \"$SLURM_ARRAY_TASK_ID\"\n")
    }
}

/// A path as a word of a shell script.
pub fn quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', "'\\''"))
}

/// The options of `sbatch` for a submission, without the script.
pub fn arguments(submission: &Submission) -> Vec<String> {
    let folder = submission.folder.display().to_string().replace('%', "%%");
    let mut arguments = vec![
        "--parsable".to_owned(),
        // A node that Slurm takes for dead may still be writing: a further attempt has names of its own, and is flow's to begin.
        "--no-requeue".to_owned(),
        format!("--array=0-{}", submission.tasks - 1),
        format!("--job-name={}", submission.name),
        format!("--comment={}", submission.comment),
        format!("--chdir={}", submission.directory.display()),
        format!("--output={folder}/%a.out"),
    ];
    arguments.extend(submission.options.iter().cloned());
    arguments
}

/// `1234`, or `1234;cluster`.
fn id(said: &Said) -> String {
    let line = said.stdout.lines().last().unwrap_or_default();
    line.split(';').next().unwrap_or_default().trim().to_owned()
}

fn refusal(complaint: &str) -> Submitted {
    let says = |words: &[&str]| words.iter().any(|word| complaint.contains(word));
    match () {
        () if says(&FULL) => Submitted::Full(complaint.to_owned()),
        () if says(&LATER) => Submitted::Later(complaint.to_owned()),
        () => Submitted::Refused(complaint.to_owned()),
    }
}

/// `12_3` → itself; `12_[0-2,7%4]` → each of them. A single job is its own task.
fn tasks(id: &str) -> Vec<String> {
    let Some((batch, list)) = id.split_once("_[") else { return vec![id.to_owned()] };
    let list = list.trim_end_matches(']').split('%').next().unwrap_or_default();
    let mut tasks = Vec::new();
    for part in list.split(',') {
        let (range, step) = part.split_once(':').unwrap_or((part, "1"));
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        if let (Ok(first), Ok(last), Ok(step)) = (first.parse::<usize>(), last.parse::<usize>(), step.parse::<usize>())
        {
            tasks.extend((first..=last).step_by(step.max(1)).map(|index| format!("{batch}_{index}")));
        }
    }
    tasks
}

fn from_sacct(task: &str) -> Option<Fate> {
    let said =
        call(Command::new("sacct").args(["-n", "-X", "-P", "-o", "State,ExitCode,NodeList", "-j", task])).ok()?;
    let line = said.stdout.lines().find(|line| !line.trim().is_empty()).filter(|_| said.success)?;
    let mut fields = line.split('|');
    // `CANCELLED by 1000`
    let state = fields.next()?.split(' ').next()?.to_owned();
    let exit = fields.next().map(str::to_owned);
    let node = fields.next().unwrap_or_default().to_owned();
    Some(Fate { state, node, exit })
}

fn from_scontrol(task: &str) -> Option<Fate> {
    let said = call(Command::new("scontrol").args(["-o", "show", "job", task])).ok().filter(|said| said.success)?;
    let line = said.stdout.lines().next()?;
    let fields: BTreeMap<&str, &str> = line.split(' ').filter_map(|field| field.split_once('=')).collect();
    let text = |name: &str| fields.get(name).copied().filter(|text| *text != "(null)").unwrap_or_default().to_owned();
    Some(Fate {
        state: text("JobState"),
        node: text("NodeList"),
        exit: fields.get("ExitCode").map(ToString::to_string),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_tasks_of_an_array_are_counted_one_by_one() {
        assert_eq!(tasks("12_3"), ["12_3"]);
        assert_eq!(tasks("12"), ["12"]);
        assert_eq!(tasks("12_[0-2,7%4]"), ["12_0", "12_1", "12_2", "12_7"]);
        assert_eq!(tasks("12_[0-8:4]"), ["12_0", "12_4", "12_8"]);
    }

    #[test]
    fn what_may_be_taken_later_is_not_refused() {
        let of = |text: &str| refusal(text);
        let full = "sbatch: error: Batch job submission failed: Job violates accounting/QOS policy (job submit limit, user's size and/or time limits)";
        assert!(matches!(of(full), Submitted::Full(_)));
        assert!(matches!(of("sbatch: error: QOSMaxSubmitJobPerUserLimit"), Submitted::Full(_)));
        assert!(matches!(
            of("sbatch: error: Unable to contact slurm controller (connect failure)"),
            Submitted::Later(_)
        ));
        assert!(matches!(of("sbatch: error: invalid partition specified: nosuch"), Submitted::Refused(_)));
    }
}
