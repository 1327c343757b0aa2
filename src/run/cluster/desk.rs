//! The desk: what was given out and where it is. Orders come in, arrays go to the clerk, outcomes are looked for in the
//! folders of runs, and what has ended without a word is named as the batch system names it. One thread; a clock and a
//! disk, and no program is called here.
//!
//! A unit is *ready* (it waits for others of its shape), *out* (submitted; in the queue or running), *told* (its outcome is
//! there; its outputs may still be on their way to this machine), and then answered. One that is out and not in the queue any
//! more is *missing*: after the latency of the file system it is given up, unless its node was faster. One that follows
//! others is answered after them.

mod endings;
mod submitting;
mod turns;

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use super::Settings;
use super::clerk::{Answer, Request};
use super::leftovers::{self, Leftover, comment};
use super::spool::{Claim, Spool};
use super::system::{Live, Manner, Submission};
use crate::disk::{Disk, RealDisk};
use crate::run::executor::{Force, Order, Report};
use crate::run::spec::{JobError, Outcome};

/// Between two looks for outcomes: the shortest, and the longest when nothing happens.
const OUTCOMES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// Looking for outcomes takes at most this part of the time.
const PART: u32 = 20;

/// Between two looks at the queue.
const QUEUE: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(20));

/// … of a controller that is away.
const LONGEST_BREAK: Duration = Duration::from_secs(120);

/// How long a node that has claimed its results may take to bring them home.
pub(super) const HOMECOMING: Duration = Duration::from_secs(30);

/// A look at the queue takes at most this part of the time.
const QUEUE_PART: u32 = 10;

#[derive(Debug)]
pub enum Message {
    Submit(Box<Order>),
    Answer(Answer),
    Stop(Force),
    /// Asks which jobs go on elsewhere.
    Leave(Sender<Vec<u32>>),
    Finish,
}

/// A unit that is out.
struct Out {
    orders: Vec<Order>,
    spool: Spool,
    /// The batch's number in its run.
    batch: usize,
    /// Its task in the batch.
    index: usize,
    /// When the batch system took it.
    taken: Option<Instant>,
    /// It was told that its node has begun with it.
    begun: bool,
    /// Since when it is neither in the queue nor told.
    missing: Option<Instant>,
    /// Since when its outcome is there.
    told: Option<(Vec<Outcome>, Instant)>,
    /// How often the batch system was asked why it ended, and when it is asked next.
    asked: u32,
    ask_at: Option<Instant>,
}

/// A batch that is out.
struct Sent {
    /// `None` until the batch system has answered.
    id: Option<String>,
    /// `None` for one of an earlier run.
    submission: Option<Submission>,
    /// Its units, as in [`Desk::out`].
    names: Vec<String>,
    /// The answer was lost: the queue says whether it was taken.
    in_doubt: bool,
}

pub struct Desk {
    settings: Settings,
    spool: Spool,
    system: Manner,
    clerk: Sender<Request>,
    reports: Sender<Report>,
    disk: RealDisk,
    directory: PathBuf,
    /// How many tasks a submission may have; unknown until the clerk has asked.
    most: Option<usize>,
    /// Orders that wait for others of their shape, and the time of the first.
    ready: Vec<Order>,
    since: Option<Instant>,
    /// Orders that follow jobs of an earlier run's task, which go on alone.
    held: Vec<Order>,
    /// By job that is not answered yet, those that follow it.
    followers: BTreeMap<u32, Vec<u32>>,
    /// After a refusal for want of room: how many tasks are tried at a time, and not before this.
    room: Option<usize>,
    not_before: Option<(Instant, Duration)>,
    /// By run and name, joined by a slash.
    out: BTreeMap<String, Out>,
    sent: BTreeMap<(String, usize), Sent>,
    batches: usize,
    /// Of earlier runs, by the key of the first job.
    leftovers: BTreeMap<String, Leftover>,
    /// Tasks of earlier runs, by run, batch and number, of which something is not wanted any more; and what the batch is called.
    unwanted: BTreeMap<(String, usize, usize), String>,
    old: Vec<Spool>,
    /// The queue is to be seen before anything is submitted.
    is_new: bool,
    look: Look,
    outcomes: (Instant, Duration),
    /// Nothing more is submitted; and how many calls for ending what is out are under way.
    stopping: bool,
    cancelling: usize,
    left: bool,
}

/// When the queue is looked at.
struct Look {
    next: Instant,
    interval: Duration,
    under_way: bool,
    /// It was said that the controller does not answer.
    is_away: bool,
}

impl Desk {
    /// # Errors
    /// The folders of earlier runs cannot be read.
    pub fn new(
        settings: Settings,
        spool: Spool,
        system: Manner,
        clerk: Sender<Request>,
        reports: Sender<Report>,
    ) -> io::Result<Desk> {
        let (leftovers, useless) = leftovers::find(&spool, system.name)?;
        let mut old: Vec<Spool> = leftovers.iter().map(|leftover| leftover.spool.clone()).chain(useless).collect();
        old.dedup();
        let by_key = |leftover: Leftover| (leftover.unit.jobs[0].key.clone(), leftover);
        let now = Instant::now();
        let desk = Desk {
            directory: settings.common.directory.clone(),
            settings,
            spool,
            system,
            clerk,
            reports,
            disk: RealDisk,
            most: None,
            ready: Vec::new(),
            since: None,
            held: Vec::new(),
            followers: BTreeMap::new(),
            room: None,
            not_before: None,
            out: BTreeMap::new(),
            sent: BTreeMap::new(),
            batches: 0,
            is_new: !leftovers.is_empty(),
            // Of two attempts at a job the later one's is the last.
            leftovers: leftovers.into_iter().filter(|leftover| !leftover.unit.jobs.is_empty()).map(by_key).collect(),
            unwanted: BTreeMap::new(),
            old,
            look: Look { next: now, interval: QUEUE.0, under_way: false, is_away: false },
            outcomes: (now, OUTCOMES.0),
            stopping: false,
            cancelling: 0,
            left: false,
        };
        Ok(desk)
    }

    /// Until it is told to finish, and nobody waits for it any more.
    pub fn serve(mut self, inbox: &Receiver<Message>) {
        loop {
            let wait = self.next().saturating_duration_since(Instant::now());
            let mut message = match inbox.recv_timeout(wait) {
                Ok(message) => Some(message),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return,
            };
            while let Some(one) = message {
                if matches!(one, Message::Finish) {
                    return self.finish();
                }
                self.take(one);
                message = inbox.try_recv().ok();
            }
            self.submit_if_due();
            self.look_for_outcomes();
            self.look_at_queue();
            self.follow_missing();
            self.answer_interrupted();
        }
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Submit(order) => {
                if self.stopping {
                    return self.answer(Outcome::not_begun(order.spec.job, JobError::Interrupted));
                }
                self.note_turn(&order);
                self.since.get_or_insert_with(Instant::now);
                self.ready.push(*order);
            }
            Message::Answer(answer) => self.answered(answer),
            Message::Stop(force) => self.stop(force),
            Message::Leave(left) => self.leave(&left),
            Message::Finish => {}
        }
    }

    fn answered(&mut self, answer: Answer) {
        match answer {
            Answer::Most(most) => self.most = Some(most),
            Answer::Submitted { batch, result } => self.submitted(batch, result),
            Answer::Looked { live, asked, took } => self.looked(live, asked, took),
            Answer::Fate { name, fate } => self.fate(&name, fate),
            Answer::Cancelled(result) => {
                // None are waited for after a second Ctrl-C.
                self.cancelling = self.cancelling.saturating_sub(1);
                if let Err(why) = result {
                    self.warn(format!("jobs could not be cancelled: {why}; what they make will not be brought home"));
                }
            }
        }
    }

    /// When there is something to do again.
    fn next(&self) -> Instant {
        let now = Instant::now();
        let mut next = now + LONGEST_BREAK;
        if !self.out.is_empty() {
            next = next.min(self.outcomes.0);
            if !self.look.under_way {
                next = next.min(self.look.next);
            }
            next = self.out.values().filter_map(|out| out.ask_at).fold(next, Instant::min);
        }
        if self.is_new && !self.look.under_way {
            next = next.min(self.look.next);
        }
        self.due().map_or(next, |due| next.min(due))
    }

    /// Reads what has ended since the last look.
    fn look_for_outcomes(&mut self) {
        let now = Instant::now();
        if now < self.outcomes.0 || self.out.is_empty() {
            return;
        }
        let mut spools: Vec<&Spool> = self.out.values().map(|out| &out.spool).collect();
        spools.dedup();
        let (mut ended, mut begun): (Vec<(String, String)>, Vec<String>) = (Vec::new(), Vec::new());
        for spool in spools {
            // A folder that cannot be read now can be in a while; the queue says what is missing.
            let names = spool.ended().unwrap_or_default().into_iter();
            ended.extend(names.map(|name| (format!("{}/{name}", spool.run()), name)));
            begun.extend(spool.begun().unwrap_or_default().iter().map(|name| format!("{}/{name}", spool.run())));
        }
        self.have_begun(&begun);
        let mut any = false;
        for (key, name) in ended {
            if let Some(out) = self.out.get_mut(&key).filter(|out| out.told.is_none())
                && let Ok(Some(outcomes)) = out.spool.told(&name)
            {
                out.told = Some((outcomes, now));
                any = true;
            }
        }
        let waits = self.arrive();
        let took = now.elapsed();
        let (shortest, longest) = OUTCOMES;
        let interval = if any || waits { shortest } else { (self.outcomes.1 * 3 / 2).min(longest) };
        self.outcomes = (Instant::now() + interval.max(took * PART), interval);
    }

    /// Tells which jobs run, now that their nodes have begun with them.
    fn have_begun(&mut self, keys: &[String]) {
        let mut jobs = Vec::new();
        for key in keys {
            if let Some(out) = self.out.get_mut(key).filter(|out| !out.begun) {
                out.begun = true;
                jobs.extend(out.orders.iter().map(|order| order.spec.job));
            }
        }
        if !jobs.is_empty() {
            // Nobody waits any more when the run is over.
            let _ = self.reports.send(Report::Begun(jobs));
        }
    }

    fn look_at_queue(&mut self) {
        let wanted = self.is_new || !self.out.is_empty();
        if !wanted || self.look.under_way || Instant::now() < self.look.next {
            return;
        }
        let out = self.out.values().filter(|out| out.told.is_none()).filter_map(|out| self.task(out));
        // Of these it is not known yet whether they are there.
        let old = self.leftovers.values().filter(|_| self.is_new);
        let old = old.filter_map(|leftover| Some(self.system.task(leftover.id.as_ref()?, leftover.index)));
        let tasks = out.chain(old).collect();
        self.look.under_way = self.clerk.send(Request::Look(tasks)).is_ok();
    }

    fn looked(&mut self, live: Result<Live, String>, asked: Instant, took: Duration) {
        self.look.under_way = false;
        let live = match live {
            Ok(live) => live,
            Err(why) => {
                if !std::mem::replace(&mut self.look.is_away, true) {
                    self.warn(format!("{} does not answer ({why}); what runs goes on", self.system.name));
                }
                self.look.interval = (self.look.interval * 2).min(LONGEST_BREAK);
                self.look.next = Instant::now() + self.look.interval;
                return;
            }
        };
        self.look.is_away = false;
        if std::mem::take(&mut self.is_new) {
            self.sort_out(&live);
        }
        self.settle_doubts(&live);
        let mut any = false;
        for out in self.out.values_mut().filter(|out| out.told.is_none()) {
            let Some(sent) = self.sent.get(&(out.spool.run().to_owned(), out.batch)) else { continue };
            let Some(id) = &sent.id else { continue };
            let task = self.system.task(id, out.index);
            let is_there = live.tasks.contains(&task) || out.taken.is_none_or(|taken| taken >= asked);
            any |= !is_there;
            out.missing = if is_there { None } else { out.missing.or(Some(Instant::now())) };
        }
        let (shortest, longest) = QUEUE;
        self.look.interval = if any { shortest } else { (self.look.interval * 3 / 2).min(longest) };
        self.look.next = Instant::now() + self.look.interval.max(took * QUEUE_PART);
    }

    /// Leftovers that are neither there nor told will never be.
    fn sort_out(&mut self, live: &Live) {
        let spools = std::mem::take(&mut self.leftovers);
        for (key, mut leftover) in spools {
            if let Some(id) = live.batches.get(&comment(&leftover.spool, leftover.batch)) {
                leftover.id = Some(id.clone());
            }
            let task = leftover.id.as_ref().map(|id| self.system.task(id, leftover.index));
            let is_there = task.is_some_and(|task| live.tasks.contains(&task));
            if is_there || matches!(leftover.spool.told(&leftover.unit.name), Ok(Some(_))) {
                self.leftovers.insert(key, leftover);
            } else if matches!(leftover.spool.claim(&leftover.unit.name, Claim::GivenUp), Ok(false))
                && !leftover.spool.was_given_up(&leftover.unit.name)
            {
                // Its node has claimed it and left the queue: it is on its way home, unless that died of it.
                self.leftovers.insert(key, leftover);
            }
        }
    }

    /// What the batch system calls a unit's task.
    fn task(&self, out: &Out) -> Option<String> {
        let sent = self.sent.get(&(out.spool.run().to_owned(), out.batch))?;
        Some(self.system.task(sent.id.as_ref()?, out.index))
    }

    fn answer(&mut self, outcome: Outcome) {
        let (job, success) = (outcome.job, outcome.result.is_ok());
        // Nobody waits any more when the run is over.
        let _ = self.reports.send(Report::Done(Box::new(outcome)));
        self.was_answered(job, success);
    }

    fn warn(&self, text: String) {
        let _ = self.reports.send(Report::Warning(text));
    }

    /// Whether the inputs of a job that succeeded are as it saw them.
    fn has_seen_what_is_here(&self, outcome: &Outcome) -> bool {
        outcome.inputs.iter().all(|input| {
            input.stamp == crate::run::outputs::NO_STAMP
                || self.disk.stat(&input.path).is_ok_and(|stamp| stamp == Some(input.stamp))
        })
    }

    /// Whether a file of an outcome is here as it was there.
    fn is_here(&self, outcome: &Outcome) -> bool {
        outcome.outputs.iter().all(|output| {
            output.stamp == crate::run::outputs::NO_STAMP
                || self.disk.stat(&output.path).is_ok_and(|stamp| stamp == Some(output.stamp))
        })
    }
}
