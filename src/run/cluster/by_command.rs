//! Any batch system by its commands, as Snakemake's generic cluster plugin has them: one that submits a job script and
//! prints what the system calls the job, one that says whether a job is there (`running`, `success`, `failed`), and one that
//! ends jobs. So PBS, SGE, LSF, HTCondor and Flux work with the commands that a site has already.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use serde_json::json;

use super::call::call;
use super::slurm::quoted;
use super::system::{BatchSystem, Fate, Live, Manner, Submission, Submitted};
use crate::run::spec::JobSpec;
use crate::value::Value;

/// The commands, as they were typed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Commands {
    pub submit: String,
    pub status: Option<String>,
    pub cancel: Option<String>,
}

#[derive(Debug)]
pub struct ByCommand {
    program: PathBuf,
    commands: Commands,
    /// Jobs of which the status command has said that they have ended.
    ended: BTreeMap<String, String>,
}

impl ByCommand {
    pub fn new(program: PathBuf, commands: Commands) -> ByCommand {
        ByCommand { program, commands, ended: BTreeMap::new() }
    }

    fn script(&self, submission: &Submission) -> String {
        let [program, folder, directory] =
            [&self.program, &submission.folder, &submission.directory].map(|path| quoted(path));
        let properties = properties(submission);
        format!("#!/bin/sh\n# properties = {properties}\ncd {directory} && exec {program} --run-task {folder} 0\n")
    }
}

/// What Snakemake's job scripts say of their job.
fn properties(submission: &Submission) -> serde_json::Value {
    let spec = &*submission.first;
    let wildcards: serde_json::Map<String, serde_json::Value> =
        spec.wildcards.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect();
    json!({
        "type": "single",
        "rule": spec.rule,
        "local": false,
        "input": spec.input.items,
        "output": spec.output.items,
        "wildcards": wildcards,
        "params": spec.params.items,
        "log": spec.log.items,
        "threads": spec.threads,
        "resources": spec.resources,
        "jobid": spec.job,
    })
}

/// Fills in `{threads}`, `{rule}`, `{jobid}`, `{resources.NAME}`, `{wildcards.NAME}`, `{params.NAME}`, `{log}` and `{{`.
///
/// # Errors
/// A placeholder that the job has nothing for.
pub fn filled(command: &str, spec: &JobSpec) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = command;
    while let Some(at) = rest.find(['{', '}']) {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        if from.starts_with("{{") || from.starts_with("}}") {
            out.push_str(&from[..1]);
            rest = &from[2..];
            continue;
        }
        let end = from.find('}').filter(|_| from.starts_with('{'));
        let end = end.ok_or_else(|| format!("a brace stands alone in `{command}`: write it twice"))?;
        let name = &from[1..end];
        let known = value(name, spec)
            .ok_or_else(|| format!("rule `{}` has no `{name}`, which `{command}` asks for", spec.rule))?;
        out.push_str(&known);
        rest = &from[end + 1..];
    }
    out.push_str(rest);
    Ok(out)
}

fn value(name: &str, spec: &JobSpec) -> Option<String> {
    let in_words = |value: &Value| match value {
        Value::Str(text) => text.clone(),
        other => json!(other).to_string(),
    };
    match name.split_once('.') {
        None => match name {
            "threads" => Some(spec.threads.to_string()),
            "rule" => Some(spec.rule.clone()),
            "jobid" => Some(spec.job.to_string()),
            "log" => Some(spec.log.items.join(" ")),
            _ => None,
        },
        Some(("resources", name)) => spec.resources.get(name).map(in_words),
        Some(("wildcards", name)) => {
            spec.wildcards.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
        }
        Some(("params", name)) => {
            spec.params.get(name).map(|values| values.iter().map(in_words).collect::<Vec<_>>().join(" "))
        }
        Some(_) => None,
    }
}

impl BatchSystem for ByCommand {
    fn manner(&self) -> Manner {
        Manner { name: "the batch system", has_arrays: false, keeps_time: false }
    }

    fn most_tasks(&mut self) -> usize {
        1
    }

    fn submit(&mut self, submission: &Submission) -> Submitted {
        let script = submission.folder.join("script");
        let written = std::fs::write(&script, self.script(submission)).and_then(|()| {
            use std::os::unix::fs::PermissionsExt;
            std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755))
        });
        if let Err(error) = written {
            return Submitted::Refused(format!("cannot write {}: {error}", script.display()));
        }
        let command = match filled(&self.commands.submit, &submission.first) {
            Ok(command) => format!("{command} {}", quoted(&script)),
            Err(why) => return Submitted::Refused(why),
        };
        match call(Command::new("sh").arg("-c").arg(command)) {
            Ok(said) if said.success => match said.stdout.lines().next().map(str::trim) {
                Some(id) if !id.is_empty() => Submitted::As(id.to_owned()),
                _ => Submitted::Refused("the command for submitting printed no id of the job".to_owned()),
            },
            Ok(said) => Submitted::Refused(said.complaint()),
            Err(error) => Submitted::Later(error),
        }
    }

    fn look(&mut self, tasks: &[String]) -> Result<Live, String> {
        let mut live = Live::default();
        let Some(status) = &self.commands.status else {
            // Nobody can say: they count as being there until they say how they ended.
            live.tasks.extend(tasks.iter().cloned());
            return Ok(live);
        };
        for task in tasks {
            let said = call(Command::new("sh").arg("-c").arg(format!("{status} {}", quoted(task.as_ref()))))?;
            match said.stdout.lines().next().map(str::trim) {
                Some(state @ ("success" | "failed")) => drop(self.ended.insert(task.clone(), state.to_owned())),
                Some("running") => drop(live.tasks.insert(task.clone())),
                other => {
                    let got = other.map_or_else(|| said.complaint(), str::to_owned);
                    return Err(format!("the status command says `{got}`, and not running, success or failed"));
                }
            }
        }
        Ok(live)
    }

    fn fate(&mut self, task: &str) -> Option<Fate> {
        let state = self.ended.get(task)?.to_uppercase();
        Some(Fate { state, node: String::new(), exit: None })
    }

    fn cancel(&mut self, batches: &[String]) -> Result<(), String> {
        let Some(cancel) = &self.commands.cancel else {
            return Err("there is no --cluster-cancel-cmd".to_owned());
        };
        for some in batches.chunks(1000) {
            let ids: Vec<String> = some.iter().map(|id| quoted(id.as_ref())).collect();
            let said = call(Command::new("sh").arg("-c").arg(format!("{cancel} {}", ids.join(" "))))?;
            if !said.success {
                return Err(said.complaint());
            }
        }
        Ok(())
    }
}
