//! How units end: told by their node, missing and named by the batch system, stopped by flow, or left to go on.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use super::{Desk, HOMECOMING, Out};
use crate::event::Place;
use crate::run::cluster::clerk::Request;
use crate::run::cluster::leftovers::Leftover;
use crate::run::cluster::spool::Claim;
use crate::run::cluster::staging::place;
use crate::run::cluster::system::Fate;
use crate::run::executor::{Force, Order};
use crate::run::log_tail::{all_lines, last_lines};
use crate::run::spec::{JobError, Outcome};

/// How often, and for how long, the batch system is asked about a task that it does not yet know to have ended.
const ASK_AGAIN: Duration = Duration::from_millis(500);
const MOST_ASKED: u32 = 20;

/// So many last lines of a log are told.
const TAIL: usize = 20;

/// States that say that the batch system, or somebody through it, has ended a job.
const ENDED_BY_SYSTEM: [&str; 9] = [
    "TIMEOUT",
    "OUT_OF_MEMORY",
    "NODE_FAIL",
    "CANCELLED",
    "PREEMPTED",
    "DEADLINE",
    "BOOT_FAIL",
    "REVOKED",
    "SUSPENDED",
];

/// States of a task that has not ended.
const NOT_ENDED: [&str; 6] = ["PENDING", "RUNNING", "COMPLETING", "CONFIGURING", "STAGE_OUT", "SIGNALING"];

impl Desk {
    /// Answers what is told and here. Gives whether something is still on its way.
    pub(super) fn arrive(&mut self) -> bool {
        let (mut arrived, mut to_ask, mut waits) = (Vec::new(), Vec::new(), false);
        for (key, out) in &self.out {
            let Some((outcomes, since)) = &out.told else { continue };
            if out.ask_at.is_some() || out.asked > 0 {
                continue;
            }
            if self.is_behind(&out.orders) {
                waits = true;
                continue;
            }
            let is_late = since.elapsed() >= self.settings.latency;
            if !self.stopping && out.taken.is_some() && outcomes.iter().any(was_ended) {
                to_ask.push(key.clone());
            } else if is_late || outcomes.iter().all(|outcome| self.is_here(outcome)) {
                arrived.push((key.clone(), is_late));
            } else {
                waits = true;
            }
        }
        for key in to_ask {
            self.ask(&key);
        }
        for (key, is_late) in arrived {
            let Some(out) = self.out.remove(&key) else { continue };
            let Some((outcomes, _)) = out.told else { continue };
            let is_old = out.spool.run() != self.spool.run();
            if is_old && !outcomes.iter().all(|outcome| self.has_seen_what_is_here(outcome)) {
                // Something was changed since the run that gave it out: it is made anew.
                self.since.get_or_insert_with(Instant::now);
                self.ready.extend(out.orders);
                continue;
            }
            for (order, outcome) in out.orders.iter().zip(outcomes) {
                let outcome = if is_late { self.without_late(outcome) } else { outcome };
                self.answer(Outcome { job: order.spec.job, ..outcome });
            }
        }
        waits
    }

    /// An outcome of which some outputs have not shown up in time.
    fn without_late(&self, outcome: Outcome) -> Outcome {
        let is_missing = |path: &&str| !matches!(Path::new(path).try_exists(), Ok(true));
        let outputs = outcome.outputs.iter().filter(|output| output.stamp != crate::run::outputs::NO_STAMP);
        let missing: Vec<&str> = outputs.map(|output| output.path.as_str()).filter(is_missing).collect();
        if missing.is_empty() {
            return outcome;
        }
        let node = outcome.ran.as_ref().map_or("there", |ran| ran.node.as_str());
        let seconds = self.settings.latency.as_secs_f64();
        let text = format!(
            "made on {node}, and not seen here within {seconds} s: {}; --latency-wait waits longer",
            missing.join(", ")
        );
        Outcome { result: Err(JobError::Disk(text)), outputs: Vec::new(), ..outcome }
    }

    /// Gives up what is missing for longer than files take to be seen, and asks why it is.
    pub(super) fn follow_missing(&mut self) {
        let now = Instant::now();
        let is_gone = |out: &Out| {
            out.told.is_none()
                && out.asked == 0
                && out.missing.is_some_and(|since| now >= since + self.settings.latency)
                && !self.is_behind(&out.orders)
        };
        let gone: Vec<String> = self.out.iter().filter(|(_, out)| is_gone(out)).map(|(key, _)| key.clone()).collect();
        for key in gone {
            let Some(out) = self.out.get_mut(&key) else { continue };
            let name = unit_name(&key).to_owned();
            if let Ok(Some(outcomes)) = out.spool.told(&name) {
                out.told = Some((outcomes, now));
                continue;
            }
            match out.spool.claim(&name, Claim::GivenUp) {
                Ok(true) => self.ask(&key),
                // Its node is bringing the results home, or died of it.
                Ok(false) if out.missing.is_some_and(|since| now < since + HOMECOMING) => {}
                Ok(false) => self.ask(&key),
                Err(_) => {}
            }
        }
        let due = |out: &Out| out.ask_at.is_some_and(|at| now >= at);
        let due: Vec<String> = self.out.iter().filter(|(_, out)| due(out)).map(|(key, _)| key.clone()).collect();
        for key in due {
            self.ask(&key);
        }
    }

    fn ask(&mut self, key: &str) {
        let task = self.out.get(key).and_then(|out| self.task(out));
        let Some(out) = self.out.get_mut(key) else { return };
        out.asked += 1;
        out.ask_at = None;
        match task {
            Some(task) => _ = self.clerk.send(Request::Fate { name: key.to_owned(), task }),
            None => self.fate(key, None),
        }
    }

    /// Why a unit ended, as the batch system has it.
    pub(super) fn fate(&mut self, key: &str, fate: Option<Fate>) {
        let Some(out) = self.out.get_mut(key) else { return };
        let unsettled = fate.as_ref().is_some_and(|fate| NOT_ENDED.contains(&fate.state.as_str()));
        if unsettled && out.asked < MOST_ASKED && !self.stopping {
            out.ask_at = Some(Instant::now() + ASK_AGAIN);
            return;
        }
        let task = self.out.get(key).and_then(|out| self.task(out)).unwrap_or_default();
        let Some(out) = self.out.remove(key) else { return };
        let said = format!("{}/{}.out", out.spool.batch(out.batch), out.index);
        let fate = fate.map(|fate| of_memory(fate, &said));
        let by_system = fate.as_ref().is_some_and(|fate| ENDED_BY_SYSTEM.contains(&fate.state.as_str()));
        match out.told {
            Some((outcomes, _)) => {
                for (order, outcome) in out.orders.iter().zip(outcomes) {
                    let result = match outcome.result {
                        Err(error) if by_system || error == JobError::Interrupted => {
                            Err(named(fate.as_ref(), by_system))
                        }
                        other => other,
                    };
                    self.answer(Outcome { job: order.spec.job, result, ..outcome });
                }
            }
            None => {
                let work = out.spool.work(unit_name(key));
                // If its node had claimed it, some of its outputs may be there, and others not.
                let is_clean = out.spool.was_given_up(unit_name(key));
                if !is_clean && out.spool.run() != self.spool.run() {
                    // It was on its way home when this run began, and its node has died of that: it is made anew.
                    self.since.get_or_insert_with(Instant::now);
                    return self.ready.extend(out.orders);
                }
                for order in &out.orders {
                    let ran = Place {
                        node: fate.as_ref().map(|fate| fate.node.clone()).unwrap_or_default(),
                        job: task.clone(),
                    };
                    let log_tail = last_words(order, &work, &said);
                    let error = named(fate.as_ref(), by_system);
                    let outcome = Outcome::not_begun(order.spec.job, error);
                    self.answer(Outcome { began: true, is_clean, log_tail, ran: Some(ran), ..outcome });
                }
            }
        }
    }

    /// Ends all that is out; what it makes will not come home.
    pub(super) fn stop(&mut self, force: Force) {
        if !std::mem::replace(&mut self.stopping, true) {
            self.answer_waiting();
            self.cancel_what_is_out();
        }
        if force == Force::Kill {
            self.cancelling = 0;
            self.sent.clear();
        }
    }

    /// Answers what is not out.
    pub(super) fn answer_waiting(&mut self) {
        self.since = None;
        for order in std::mem::take(&mut self.ready).into_iter().chain(std::mem::take(&mut self.held)) {
            self.answer(Outcome::not_begun(order.spec.job, JobError::Interrupted));
        }
    }

    /// Cancels the batches that have units out.
    pub(super) fn cancel_what_is_out(&mut self) {
        let ids = self.sent.values().filter(|sent| sent.names.iter().any(|name| self.out.contains_key(name)));
        self.cancel(ids.filter_map(|sent| sent.id.clone()).collect());
    }

    /// Has batches or tasks ended.
    fn cancel(&mut self, ids: Vec<String>) {
        if !ids.is_empty() && self.clerk.send(Request::Cancel(ids)).is_ok() {
            self.cancelling += 1;
        }
    }

    /// After a stop: answers all that is out, when the batch system has been told.
    pub(super) fn answer_interrupted(&mut self) {
        let unanswered = self.sent.values().any(|sent| sent.id.is_none() && !sent.in_doubt);
        if !self.stopping || self.left || self.cancelling > 0 || unanswered {
            return;
        }
        let names: Vec<String> = self.out.keys().cloned().collect();
        for key in names {
            let is_given_up = self.out.get(&key).is_some_and(|out| {
                out.told.is_none() && !matches!(out.spool.claim(unit_name(&key), Claim::GivenUp), Ok(false))
            });
            // What has been claimed by its node comes home, and is told.
            if !is_given_up && self.out.get(&key).is_some_and(|out| !out.spool.was_given_up(unit_name(&key))) {
                continue;
            }
            for order in self.out.remove(&key).into_iter().flat_map(|out| out.orders) {
                self.answer(Outcome { began: true, ..Outcome::not_begun(order.spec.job, JobError::Interrupted) });
            }
        }
    }

    /// What is out goes on; nothing more is answered.
    pub(super) fn leave(&mut self, left: &Sender<Vec<u32>>) {
        self.stopping = true;
        self.answer_waiting();
        let out = std::mem::take(&mut self.out);
        self.left |= !out.is_empty();
        let _ = left.send(out.values().flat_map(|out| &out.orders).map(|order| order.spec.job).collect());
    }

    /// The run is over: what of earlier runs nobody has taken over is given up, and the folders go.
    pub(super) fn finish(mut self) {
        for leftover in std::mem::take(&mut self.leftovers).into_values() {
            self.give_up(&leftover);
        }
        self.cancel_unwanted();
        if self.left {
            return;
        }
        for spool in self.old.iter().chain([&self.spool]) {
            // What is left of it is found again, and of no use.
            let _ = spool.remove();
        }
    }

    /// A unit of an earlier run is not wanted any more.
    pub(super) fn give_up(&mut self, leftover: &Leftover) {
        let is_open = matches!(leftover.spool.claim(&leftover.unit.name, Claim::GivenUp), Ok(true));
        if let (true, Some(id)) = (is_open, &leftover.id) {
            let task = (leftover.spool.run().to_owned(), leftover.batch, leftover.index);
            self.unwanted.insert(task, id.clone());
        }
    }

    /// Ends tasks of earlier runs of which nothing is wanted any more, or may be.
    pub(super) fn cancel_unwanted(&mut self) {
        if self.unwanted.is_empty() {
            return;
        }
        let out = self.out.values().map(|out| (out.spool.run(), out.batch, out.index));
        let may_be = self.leftovers.values().map(|it| (it.spool.run(), it.batch, it.index));
        let wanted: BTreeSet<(&str, usize, usize)> = out.chain(may_be).collect();
        let is_wanted = |(run, batch, index): &(String, usize, usize)| wanted.contains(&(run.as_str(), *batch, *index));
        let (kept, ended): (BTreeMap<_, _>, BTreeMap<_, _>) =
            std::mem::take(&mut self.unwanted).into_iter().partition(|(task, _)| is_wanted(task));
        self.unwanted = kept;
        let tasks = ended.into_iter().map(|((_, _, index), id)| self.system.task(&id, index));
        self.cancel(tasks.collect());
    }
}

/// The name of a unit in its run.
pub(super) fn unit_name(key: &str) -> &str {
    key.split_once('/').map_or(key, |(_, name)| name)
}

/// Whether the batch system may have ended a job: its node was told to stop, or a process of it was killed; a shell that sees
/// its program die of a signal before it gets the same one ends with 128 and the signal's number.
fn was_ended(outcome: &Outcome) -> bool {
    const OF_A_SHELL: [i32; 2] = [128 + libc::SIGKILL, 128 + libc::SIGTERM];
    match &outcome.result {
        Err(JobError::Interrupted | JobError::Signal(libc::SIGKILL | libc::SIGTERM, _)) => true,
        Err(JobError::ExitCode(code)) => OF_A_SHELL.contains(code),
        _ => false,
    }
}

/// Where Slurm counts memory without control groups, it says only in words that a job had too much of it.
fn of_memory(mut fate: Fate, said: &str) -> Fate {
    let is_of_memory = |line: &String| {
        line.contains("exceeded memory limit") || line.contains("oom_kill") || line.contains("oom-kill")
    };
    if fate.state == "FAILED" && last_lines(said, TAIL).iter().any(is_of_memory) {
        "OUT_OF_MEMORY".clone_into(&mut fate.state);
    }
    fate
}

fn named(fate: Option<&Fate>, by_system: bool) -> JobError {
    let Some(fate) = fate else {
        let meaning = "it ended without a word, and the batch system does not know of it any more".to_owned();
        return JobError::Batch { state: "LOST".to_owned(), meaning: Some(meaning) };
    };
    let meaning = match fate.state.as_str() {
        "TIMEOUT" => "it took longer than its `runtime` allows".to_owned(),
        "OUT_OF_MEMORY" => "it needed more memory than its `mem_mb` says".to_owned(),
        "NODE_FAIL" | "BOOT_FAIL" => format!("its node{} failed", of(&fate.node)),
        "CANCELLED" => "somebody cancelled it".to_owned(),
        "PREEMPTED" => "another job took its place".to_owned(),
        "DEADLINE" => "its deadline has passed".to_owned(),
        _ if by_system => "the batch system ended it".to_owned(),
        _ => match &fate.exit {
            Some(exit) => format!("flow on its node ended without a word (exit code {exit})"),
            None => "it ended without a word".to_owned(),
        },
    };
    JobError::Batch { state: fate.state.clone(), meaning: Some(meaning) }
}

fn of(node: &str) -> String {
    if node.is_empty() { String::new() } else { format!(" {node}") }
}

/// The end of the log of a job whose node says nothing any more; or else of what its task said.
fn last_words(order: &Order, work: &str, said: &str) -> Vec<String> {
    let log = place(work, &order.spec.stdio_log);
    let lines = if order.whole_log { all_lines(&log) } else { last_lines(&log, TAIL) };
    if lines.is_empty() { last_lines(said, TAIL) } else { lines }
}
