//! What one call of flow told: its events in, jobs and what became of them out.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::workflow::{Job, OTHERS, VALUES};

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    Started { job: Job, reason: String, threads: u8, attempt: u8 },
    Finished(Job),
    Failed { job: Job, retrying: bool, abandoned: bool },
    Stopped(Job),
    Interrupted,
}

#[derive(Debug, Default)]
pub struct Told {
    /// In the order of the events.
    pub said: Vec<Said>,
    /// `None`: killed.
    pub exit: Option<i32>,
    /// Everything, for a message.
    pub output: String,
}

impl Told {
    pub fn hear(&mut self, line: &str) {
        self.output.push_str(line);
        self.output.push('\n');
        // The last line of a killed flow may be cut off.
        if let Ok(event) = serde_json::from_str::<Value>(line) {
            self.said.extend(said(&event));
        }
    }

    fn jobs(&self, which: impl Fn(&Said) -> Option<Job>) -> BTreeSet<Job> {
        self.said.iter().filter_map(which).collect()
    }

    pub fn started(&self) -> BTreeSet<Job> {
        self.jobs(|said| if let Said::Started { job, .. } = said { Some(*job) } else { None })
    }

    /// With its reason, each job that was started.
    pub fn reasons(&self) -> impl Iterator<Item = (Job, &str)> {
        let first = |said| match said {
            &Said::Started { job, ref reason, attempt: 1, .. } => Some((job, reason.as_str())),
            _ => None,
        };
        self.said.iter().filter_map(first)
    }

    /// How often each job was started.
    pub fn attempts(&self) -> BTreeMap<Job, u8> {
        let mut attempts = BTreeMap::new();
        for said in &self.said {
            if let Said::Started { job, .. } = said {
                *attempts.entry(*job).or_default() += 1;
            }
        }
        attempts
    }

    pub fn finished(&self) -> BTreeSet<Job> {
        self.jobs(|said| if let Said::Finished(job) = said { Some(*job) } else { None })
    }

    /// For good.
    pub fn failed(&self) -> BTreeSet<Job> {
        self.jobs(|said| if let Said::Failed { job, retrying: false, .. } = said { Some(*job) } else { None })
    }

    /// What failed when the run was ending already, and would have been tried again.
    pub fn abandoned(&self) -> BTreeSet<Job> {
        self.jobs(|said| if let Said::Failed { job, abandoned: true, .. } = said { Some(*job) } else { None })
    }

    pub fn stopped(&self) -> BTreeSet<Job> {
        self.jobs(|said| if let Said::Stopped(job) = said { Some(*job) } else { None })
    }

    pub fn was_interrupted(&self) -> bool {
        self.said.contains(&Said::Interrupted)
    }
}

fn said(event: &Value) -> Option<Said> {
    let number = |name: &str| event[name].as_u64().and_then(|number| u8::try_from(number).ok());
    Some(match event["event"].as_str()? {
        "started" => Said::Started {
            job: job(event)?,
            reason: event["reason"].as_str()?.to_owned(),
            threads: number("threads")?,
            attempt: number("attempt")?,
        },
        "finished" => Said::Finished(job(event)?),
        "failed" => Said::Failed {
            job: job(event)?,
            retrying: event["failure"]["retrying"] == true,
            abandoned: event["failure"]["abandoned"] == true,
        },
        "stopped" => Said::Stopped(job(event)?),
        "interrupted" => Said::Interrupted,
        _ => return None,
    })
}

/// The job that an event is about.
fn job(event: &Value) -> Option<Job> {
    let name = event.get("rule")?.as_str()?;
    let rule = name.strip_prefix(['r', 'w'])?.parse().ok()?;
    let value = |at: usize, known: &[&str]| {
        let value = event["wildcards"].get(at)?.get(1)?.as_str()?;
        known.iter().position(|known| *known == value)
    };
    Some(Job { rule, x: value(0, &VALUES), y: value(1, &OTHERS), writes: name.starts_with('w') })
}
