//! The loop of a run: what may start, what it is, who runs it, what came of it. One thread; orders out, reports in.
//! Knows jobs by number; what a job is and what its end means is the [`Director`]'s to say.
//!
//! Short jobs are lined up: while one runs, the next ones are prepared and given out to take its place, one after the other, so
//! that no worker waits for this loop between two jobs.

mod company;
mod endings;
mod lines;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use rustc_hash::FxHashSet;

use super::child::signal_name;
use super::director::{Afterwards, Decision, Director, Prepared};
use super::executor::{Executor, Force, Order, Report};
use super::scheduler::Scheduler;
use super::sets::Sets;
use super::spec::{JobSpec, Work};
use crate::disk::Disk;
use crate::event::{Event, Failure, Reporter, Usage};
use crate::store::{StartedRow, StoreError, Writer};

/// How often a display may move, and lines behind jobs that turn out not to be short are taken back.
const TICK: Duration = Duration::from_millis(100);

/// What holds for the whole run.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The run's tag: see [`crate::store::RunRecord`].
    pub tag: String,
    /// Go on with what does not depend on a failed job.
    pub keep_going: bool,
    /// Jobs see and write what they declare, and nothing else of the user's.
    pub strict: bool,
    pub keep_incomplete: bool,
    /// When flow is interrupted, jobs that run elsewhere go on.
    pub detach: bool,
    /// Of a failed job's log all is told, and not its end alone.
    pub whole_logs: bool,
    /// The names of what the scheduler counts, in its order.
    pub resources: Vec<String>,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    Done,
    /// Jobs failed, or could not be run because others had.
    Failed,
    /// By this signal: the exit code is 128 + its number.
    Interrupted(i32),
}

/// What became of the jobs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    pub ending: Ending,
    pub done: Vec<u32>,
    pub cut_off: Vec<u32>,
    pub failed: Vec<u32>,
    /// Not tried: because a job before them failed, or because the run ended.
    pub not_run: Vec<u32>,
    /// Of those, the ones that had begun and were ended by flow.
    pub stopped: Vec<u32>,
    /// Of those again, the ones whose rows stay: they did not end when they were told to, or what they had written was
    /// kept on request.
    pub unfinished: Vec<u32>,
}

/// All that a run needs.
pub struct Run<'a> {
    pub settings: Settings,
    pub scheduler: Scheduler,
    pub director: &'a mut dyn Director,
    pub executor: &'a mut dyn Executor,
    pub reporter: &'a mut dyn Reporter,
    /// Where the executor and the signals report.
    pub reports: &'a Receiver<Report>,
    pub writer: Writer,
    pub disk: &'a dyn Disk,
}

/// A job that was given out, or is to be.
struct Running {
    prepared: Box<Prepared>,
    attempt: u32,
    /// When it was told to have begun.
    since: Option<Instant>,
}

impl Running {
    fn new(prepared: Box<Prepared>, attempt: u32) -> Self {
        Running { prepared, attempt, since: None }
    }

    fn is_older(&self, age: Duration) -> bool {
        self.since.is_some_and(|since| since.elapsed() >= age)
    }
}

/// The run while it goes on.
struct Loop<'a> {
    run: Run<'a>,
    running: BTreeMap<u32, Running>,
    /// Jobs that are prepared and wait for room.
    parked: BTreeMap<u32, Running>,
    /// By job that was given out, the one that was given out to take its place.
    lined_up: BTreeMap<u32, (u32, Running)>,
    /// By rule, how long its last job took that succeeded.
    paces: BTreeMap<String, Duration>,
    sets: Sets,
    /// Failed attempts, of jobs that have any.
    failures: BTreeMap<u32, u32>,
    done: Vec<u32>,
    cut_off: Vec<u32>,
    failed: Vec<u32>,
    stopped: Vec<u32>,
    unfinished: Vec<u32>,
    /// Those that go on elsewhere.
    left: Vec<u32>,
    /// Why nothing more is started.
    closing: Option<Ending>,
    /// When to give up on what still runs.
    last_wait: Option<Instant>,
    /// When the run was grown last, and how long that took.
    grown: (Instant, Duration),
    began: Instant,
}

impl Run<'_> {
    /// Runs the jobs to the end of the run. [`Event::Planned`] has been told before; [`Event::Ended`] is told here.
    ///
    /// # Errors
    /// The store cannot be written: running jobs were ended, and what is not on record will be made again.
    pub fn go(self) -> Result<Summary, StoreError> {
        let mut run = Loop {
            run: self,
            running: BTreeMap::new(),
            parked: BTreeMap::new(),
            lined_up: BTreeMap::new(),
            paces: BTreeMap::new(),
            sets: Sets::default(),
            failures: BTreeMap::new(),
            done: Vec::new(),
            cut_off: Vec::new(),
            failed: Vec::new(),
            stopped: Vec::new(),
            unfinished: Vec::new(),
            left: Vec::new(),
            closing: None,
            last_wait: None,
            grown: (Instant::now(), Duration::ZERO),
            began: Instant::now(),
        };
        let ended = run.turn();
        if ended.is_err() {
            run.closing.get_or_insert(Ending::Failed);
            run.stop(Force::Term);
            run.drain();
        }
        if !matches!(run.closing, Some(Ending::Interrupted(_))) {
            run.look_back();
        }
        let summary = run.end();
        ended.map(|()| summary)
    }
}

impl Loop<'_> {
    fn turn(&mut self) -> Result<(), StoreError> {
        let mut tick = Instant::now() + TICK;
        loop {
            self.start();
            self.run.writer.check()?;
            if self.running.is_empty() {
                return Ok(());
            }
            let now = Instant::now();
            if self.last_wait.is_some_and(|end| now >= end) {
                self.give_up();
                return Ok(());
            }
            let until = self.last_wait.map_or(tick, |end| end.min(tick));
            match self.run.reports.recv_timeout(until.saturating_duration_since(now)) {
                Ok(report) => self.take(report),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    self.give_up();
                    return Ok(());
                }
            }
            while let Ok(report) = self.run.reports.try_recv() {
                self.take(report);
            }
            if Instant::now() >= tick {
                self.run.reporter.tick();
                self.free_lines();
                tick = Instant::now() + TICK;
            }
        }
    }

    /// After a failure of the store: waits for the jobs that were told to stop.
    fn drain(&mut self) {
        while let (false, Some(end)) = (self.running.is_empty(), self.last_wait) {
            match self.run.reports.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(report) => self.take(report),
                Err(_) => return self.give_up(),
            }
        }
    }

    /// Starts what may start.
    fn start(&mut self) {
        while self.closing.is_none() {
            let picked = if self.is_time_to_grow() { None } else { self.run.scheduler.pick() };
            let Some(job) = picked else {
                if self.run.director.knows_more() && self.run.scheduler.has_room() && self.grow() {
                    continue;
                }
                if self.closing.is_some() {
                    return;
                }
                if self.run.scheduler.has_room() && self.call_back() || self.line_up() {
                    continue;
                }
                return;
            };
            let companions = self.run.director.companions(job);
            let in_turn = self.run.director.in_turn(job);
            if !companions.is_empty() {
                self.start_together(job, companions);
            } else if !in_turn.is_empty() {
                self.start_in_turn(job, in_turn);
            } else if let Some(running) = self.prepare(job) {
                self.admit(job, running);
            }
        }
    }

    /// A job whose turn has come, prepared, if it is to be run.
    fn prepare(&mut self, job: u32) -> Option<Running> {
        match self.decide(job) {
            Ok(running) => return Some(running),
            Err(Some(failure)) => self.refuse(job, String::new(), *failure, Usage::default()),
            Err(None) => self.cut_off(job),
        }
        None
    }

    /// A job, prepared; the failure of one that cannot be, nothing for one that need not be run.
    fn decide(&mut self, job: u32) -> Result<Running, Option<Box<Failure>>> {
        if let Some(parked) = self.parked.remove(&job) {
            return Ok(parked);
        }
        let attempt = self.attempt(job);
        match self.run.director.prepare(job, attempt) {
            Decision::CutOff => Err(None),
            Decision::Fail(failure) => Err(Some(failure)),
            Decision::Run(prepared) => Ok(Running::new(prepared, attempt)),
        }
    }

    /// 1 for the first try.
    fn attempt(&self, job: u32) -> u32 {
        self.failures.get(&job).map_or(1, |failures| failures + 1)
    }

    /// The run is grown when there is room for more than is known; and before that as long as growing takes a small
    /// part of the time, so that a thousand checkpoints cost no thousand plans.
    fn is_time_to_grow(&self) -> bool {
        const PART: u32 = 20;
        let (when, took) = self.grown;
        self.run.director.knows_more() && self.run.scheduler.has_room() && when.elapsed() >= took * PART
    }

    /// Adds what is known by now. False: nothing will be started any more.
    fn grow(&mut self) -> bool {
        let began = Instant::now();
        let Some(growth) = self.run.director.grow(self.run.scheduler.more()) else {
            self.closing = Some(Ending::Failed);
            if !self.run.settings.keep_going {
                self.stop(Force::Term);
            }
            return false;
        };
        if !growth.tasks.is_empty() {
            self.run.reporter.tell(&Event::Grown { added: growth.tasks.len(), rules: growth.rules });
        }
        self.run.scheduler.grow(growth.tasks);
        self.remove(&growth.remove);
        self.grown = (Instant::now(), began.elapsed());
        true
    }

    /// Sees to it that a prepared job has what it asks for, now that this is known.
    fn admit(&mut self, job: u32, mut running: Running) {
        let Some(demand) = running.prepared.demand.take() else { return self.submit(job, running) };
        match self.run.scheduler.adjust(job, demand) {
            Ok(true) => self.submit(job, running),
            Ok(false) => drop(self.parked.insert(job, running)),
            Err(more) => {
                let name = self.run.settings.resources.get(more.resource).map_or("a resource", String::as_str);
                let cause = format!("needs {} of `{name}`, and there are {}", more.asked, more.total);
                let reason = running.prepared.reason;
                self.refuse(job, reason, Failure { cause, ..no_failure() }, Usage::default());
            }
        }
    }

    fn submit(&mut self, job: u32, running: Running) {
        let order = self.order(&running);
        self.give_out(job, running, order);
    }

    fn give_out(&mut self, job: u32, running: Running, order: Order) {
        self.run.executor.submit(order);
        self.begun(job, running);
    }

    fn order(&self, running: &Running) -> Order {
        let Running { prepared, .. } = running;
        let spec = &prepared.spec;
        Order {
            spec: Arc::clone(spec),
            key: prepared.key.clone(),
            after: None,
            run: self.run.settings.tag.clone(),
            ticket: self.run.writer.ticket(StartedRow {
                key: prepared.key.clone(),
                rule: spec.rule.clone(),
                run: self.run.settings.tag.clone(),
                outputs: spec.output.items.clone(),
                // What is made elsewhere comes to its place whole, and it may come when this flow has ended: it is not
                // removed, and not believed without the job's end.
                in_place: spec.writes_in_place() || spec.staging.is_some(),
                kept: spec.staging.is_some(),
                group: None,
            }),
            timeout: prepared.timeout,
            strict: self.run.settings.strict,
            keep_incomplete: self.run.settings.keep_incomplete,
            whole_log: self.run.settings.whole_logs,
            together: None,
            turn: None,
        }
    }

    fn begun(&mut self, job: u32, mut running: Running) {
        running.since = Some(Instant::now());
        let Running { prepared, attempt, .. } = &running;
        let spec = &prepared.spec;
        self.run.reporter.tell(&Event::Started {
            job: self.run.director.name(job),
            reason: prepared.reason.clone(),
            message: prepared.message.clone(),
            command: command(spec),
            log: Some(spec.stdio_log.clone()),
            threads: spec.threads,
            attempt: *attempt,
            queued: spec.staging.is_some(),
        });
        self.running.insert(job, running);
    }

    fn take(&mut self, report: Report) {
        match report {
            Report::Done(outcome) => self.ended(*outcome),
            Report::Signal(signal) => self.interrupt(signal),
            Report::Halted { job, group, signal } => self.tell_of_halt(job, group, signal),
            Report::Warning(message) => self.run.reporter.tell(&Event::Warning { message }),
            Report::Begun(jobs) => self.run.reporter.tell(&Event::Begun { jobs }),
        }
    }

    fn tell_of_halt(&mut self, job: u32, group: i32, signal: i32) {
        if self.running.contains_key(&job) {
            let name = self.run.director.name(job);
            let signal = signal_name(signal);
            let message = format!("{name} was stopped ({signal}) and waits; `kill -CONT -- -{group}` lets it go on");
            self.run.reporter.tell(&Event::Warning { message });
        }
    }

    /// The first signal asks, the second one does not.
    fn interrupt(&mut self, signal: i32) {
        if let Some(Ending::Interrupted(_)) = self.closing {
            self.stop(Force::Kill);
            return;
        }
        self.run.reporter.tell(&Event::Interrupted { signal });
        self.closing = Some(Ending::Interrupted(signal));
        if self.run.settings.detach {
            return self.leave();
        }
        self.stop(Force::Term);
    }

    /// Ends without what runs elsewhere, which goes on; its rows stay, so that a later run takes it over.
    fn leave(&mut self) {
        let left = self.run.executor.leave();
        self.running.retain(|job, _| !left.contains(job));
        self.left.extend(left);
        self.stop(Force::Term);
    }

    fn stop(&mut self, force: Force) {
        self.run.executor.stop(force);
        let patience = self.run.executor.patience();
        self.last_wait.get_or_insert_with(|| Instant::now() + patience);
    }

    /// Leaves jobs that cannot be ended; their rows stay, so that the next run tidies up after them.
    fn give_up(&mut self) {
        self.run.executor.abandon();
        for job in std::mem::take(&mut self.running).into_keys() {
            self.unfinished.push(job);
            self.stopped(job, Usage::default());
        }
    }

    /// Tells of files that are not as their jobs left them.
    fn look_back(&mut self) {
        let Afterwards { warnings, failures } = self.run.director.look_back();
        for message in warnings {
            self.run.reporter.tell(&Event::Warning { message });
        }
        for (job, failure) in failures {
            let (job_name, usage) = (self.run.director.name(job), Usage::default());
            self.run.reporter.tell(&Event::Failed { job: job_name, reason: String::new(), failure, usage });
            self.failed.push(job);
        }
        let failed: FxHashSet<u32> = self.failed.iter().copied().collect();
        self.done.retain(|job| !failed.contains(job));
    }

    fn end(mut self) -> Summary {
        let ending = match self.closing {
            Some(Ending::Interrupted(signal)) => Ending::Interrupted(signal),
            _ if !self.failed.is_empty() => Ending::Failed,
            Some(ending) => ending,
            None => Ending::Done,
        };
        for list in [&mut self.done, &mut self.cut_off, &mut self.failed, &mut self.stopped] {
            list.sort_unstable();
        }
        let tried = |job: &u32| [&self.done, &self.cut_off, &self.failed].iter().any(|l| l.binary_search(job).is_ok());
        let not_run: Vec<u32> = (0..self.run.scheduler.len()).filter(|job| !tried(job)).collect();
        self.run.reporter.tell(&Event::Ended {
            done: self.done.len(),
            cut_off: self.cut_off.len(),
            failed: self.failed.iter().map(|&job| self.run.director.name(job)).collect(),
            stopped: self.stopped.len(),
            left: self.left.len(),
            not_run: not_run.len() - self.stopped.len() - self.left.len() + self.run.director.unknown(),
            wall: self.began.elapsed(),
        });
        Summary {
            ending,
            done: self.done,
            cut_off: self.cut_off,
            failed: self.failed,
            not_run,
            stopped: self.stopped,
            unfinished: self.unfinished.into_iter().chain(self.left).collect(),
        }
    }
}

fn command(spec: &JobSpec) -> Option<String> {
    match &spec.work {
        Work::Shell { command } => Some(command.clone()),
        Work::Script { path } => Some(path.clone()),
        Work::Run { .. } | Work::Touch => None,
    }
}

fn no_failure() -> Failure {
    Failure {
        cause: String::new(),
        diagnostic: None,
        place: None,
        command: None,
        log: None,
        log_tail: Vec::new(),
        ran: None,
        undeclared: Vec::new(),
        retrying: false,
        abandoned: false,
    }
}
