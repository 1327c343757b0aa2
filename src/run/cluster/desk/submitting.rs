//! From orders to arrays: what is ready is put together, written down, and given to the clerk; what came of that.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Desk, Out, QUEUE, Sent};
use crate::run::cluster::bundle::Array;
use crate::run::cluster::clerk::Request;
use crate::run::cluster::leftovers::comment;
use crate::run::cluster::shape::{Needs, Shape};
use crate::run::cluster::spool::{RemoteJob, Task, Unit};
use crate::run::cluster::staging;
use crate::run::cluster::system::{Live, Submission, Submitted};
use crate::run::executor::Order;
use crate::run::outputs::clear_homes;
use crate::run::spec::{JobError, JobSpec, Outcome};
use crate::run::together::Together;
use crate::store::Ticket;

/// Jobs that become ready within this time go out together; and within this, while many more are out: those end one by one,
/// and a submission for each that takes a place would be as many as there are jobs.
const WINDOW: Duration = Duration::from_millis(100);
const LONG_WINDOW: Duration = Duration::from_secs(1);

/// So many times what is ready is many more.
const MANY_MORE: usize = 4;

/// After a refusal for want of room, and after an answer that was lost.
const BREAK: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

impl Desk {
    /// When what is ready is to be submitted.
    pub(super) fn due(&self) -> Option<Instant> {
        let since = self.since.filter(|_| self.most.is_some() && !self.is_new)?;
        let window = if self.ready.len() * MANY_MORE < self.out.len() { LONG_WINDOW } else { WINDOW };
        Some(self.not_before.map_or(since + window, |(when, _)| when.max(since + window)))
    }

    pub(super) fn submit_if_due(&mut self) {
        if self.due().is_none_or(|due| Instant::now() < due) {
            return;
        }
        let (strands, waiting) = strands(std::mem::take(&mut self.ready));
        self.since = if waiting.is_empty() { None } else { Some(Instant::now()) };
        self.ready = waiting;
        let strands: Vec<Strand> = strands.into_iter().filter_map(|strand| self.not_taken_over(strand)).collect();
        self.cancel_unwanted();
        if let Err(error) = Ticket::begin_all(strands.iter().flatten().flatten().map(|order| &order.ticket)) {
            return self.refuse(strands, false, &JobError::Disk(error.to_string()));
        }
        let mut ready = Vec::with_capacity(strands.len());
        for strand in strands {
            match strand.iter().flatten().try_for_each(|order| clear_homes(&order.spec, &self.disk)) {
                Ok(()) => ready.push(strand),
                Err(error) => self.refuse([strand], true, &error),
            }
        }
        self.send(ready);
    }

    /// Answers what cannot be submitted; `began`: its place may have been cleared.
    fn refuse(&mut self, strands: impl IntoIterator<Item = Strand>, began: bool, error: &JobError) {
        for order in strands.into_iter().flatten().flatten() {
            self.answer(Outcome { began, ..Outcome::not_begun(order.spec.job, error.clone()) });
        }
    }

    /// What of a strand no unit of an earlier run takes the place of; held back, if it follows one of those. What follows a
    /// unit that is made anew is made anew too: the old one would see, or has seen, what the old maker made.
    fn not_taken_over(&mut self, strand: Strand) -> Option<Strand> {
        let count = strand.len();
        let mut rest = Strand::new();
        let mut anew = BTreeSet::new();
        for unit in strand {
            let mut follows = unit.iter().flat_map(|order| &order.turn).flat_map(|turn| &turn.follows);
            let unit = if follows.any(|before| anew.contains(before)) {
                if let Some(leftover) = self.leftovers.remove(&unit[0].key) {
                    self.give_up(&leftover);
                }
                Some(unit)
            } else {
                self.take_over(unit)
            };
            if let Some(unit) = unit {
                anew.extend(unit.iter().map(|order| order.spec.job));
                rest.push(unit);
            }
        }
        if rest.len() == count {
            return Some(rest);
        }
        self.hold(rest.into_iter().flatten());
        None
    }

    /// The same work of an earlier run takes the place of a unit; `None` then. Other work for the same files is given up.
    fn take_over(&mut self, orders: Vec<Order>) -> Option<Vec<Order>> {
        let Some(leftover) = self.leftovers.remove(&orders[0].key) else { return Some(orders) };
        let specs: Vec<&JobSpec> = orders.iter().map(|order| &*order.spec).collect();
        let is_good =
            |outcome: &Outcome| outcome.result.is_ok() && self.is_here(outcome) && self.has_seen_what_is_here(outcome);
        let told = leftover.spool.told(&leftover.unit.name).ok().flatten();
        let is_useful = told.is_none_or(|outcomes| outcomes.iter().all(is_good));
        let id = leftover.id.clone().filter(|_| is_useful && leftover.is(&specs));
        let Some(id) = id else {
            self.give_up(&leftover);
            return Some(orders);
        };
        // So that it is not believed in if this run ends before it does.
        if Ticket::begin_all(orders.iter().map(|order| &order.ticket)).is_err() {
            return Some(orders);
        }
        let key = (leftover.spool.run().to_owned(), leftover.batch);
        let name = format!("{}/{}", leftover.spool.run(), leftover.unit.name);
        let sent = self.sent.entry(key).or_insert_with(|| Sent {
            id: Some(id),
            submission: None,
            names: Vec::new(),
            in_doubt: false,
        });
        sent.names.push(name.clone());
        let (spool, batch, index) = (leftover.spool, leftover.batch, leftover.index);
        self.out.insert(
            name,
            Out {
                orders,
                spool,
                batch,
                index,
                taken: Some(Instant::now()),
                begun: false,
                missing: None,
                told: None,
                asked: 0,
                ask_at: None,
            },
        );
        None
    }

    /// Writes batches, and has them submitted.
    fn send(&mut self, mut ready: Vec<Strand>) {
        let most = self.room.unwrap_or(usize::MAX).min(self.most.unwrap_or(1)).max(1);
        // In the order in which the jobs were given out.
        ready.sort_by_key(|strand| strand[0][0].spec.job);
        let strands = ready.iter().map(|strand| self.units(strand)).collect();
        let mut orders: BTreeMap<String, Vec<Order>> =
            ready.into_iter().flatten().map(|orders| (name(&orders), orders)).collect();
        let (arrays, refused) = self.settings.bundling.arrays(strands);
        for (strand, why) in refused {
            let orders = strand.iter().filter_map(|unit| orders.remove(&unit.name)).collect();
            self.refuse([orders], true, &JobError::Batch { state: why, meaning: None });
        }
        for Array { shape, needs, tasks } in arrays {
            for tasks in tasks.chunks(most) {
                let names: Vec<String> =
                    tasks.iter().flat_map(|task| &task.units).map(|unit| unit.name.clone()).collect();
                let orders: BTreeMap<String, Vec<Order>> =
                    names.iter().filter_map(|name| orders.remove_entry(name)).collect();
                self.send_batch(&shape, &needs, tasks, orders);
            }
        }
    }

    fn send_batch(&mut self, shape: &Shape, needs: &Needs, tasks: &[Task], mut orders: BTreeMap<String, Vec<Order>>) {
        let batch = self.batches;
        self.batches += 1;
        if let Err(error) = self.spool.write_batch(batch, &self.settings.common, tasks) {
            let text = format!("cannot write what is to be submitted in {}: {error}", self.spool.batch(batch));
            return self.refuse([orders.into_values().collect()], true, &JobError::Disk(text));
        }
        let specs: Vec<&JobSpec> =
            tasks.iter().flat_map(|task| &task.units).flat_map(|unit| &unit.jobs).map(|job| &job.spec).collect();
        let first = specs[0];
        let one_rule = specs.iter().all(|spec| spec.rule == first.rule);
        let submission = Submission {
            batch,
            folder: self.directory.join(self.spool.batch(batch)),
            directory: self.directory.clone(),
            tasks: tasks.len(),
            options: shape.options().to_vec(),
            name: if one_rule { first.rule.clone() } else { "flow".to_owned() },
            comment: comment(&self.spool, batch),
            first: Box::new(needs.over(first)),
        };
        for (index, task) in tasks.iter().enumerate() {
            for unit in &task.units {
                let Some((name, orders)) = orders.remove_entry(&unit.name) else { continue };
                let spool = self.spool.clone();
                let out = Out {
                    orders,
                    spool,
                    batch,
                    index,
                    taken: None,
                    begun: false,
                    missing: None,
                    told: None,
                    asked: 0,
                    ask_at: None,
                };
                self.out.insert(format!("{}/{name}", self.spool.run()), out);
            }
        }
        let run = self.spool.run();
        let names = tasks.iter().flat_map(|task| &task.units).map(|unit| format!("{run}/{}", unit.name)).collect();
        let _ = self.clerk.send(Request::Submit(Box::new(submission.clone())));
        let sent = Sent { id: None, submission: Some(submission), names, in_doubt: false };
        self.sent.insert((self.spool.run().to_owned(), batch), sent);
    }

    fn units(&self, strand: &Strand) -> Vec<Unit> {
        let names: BTreeMap<u32, String> = strand.iter().map(|orders| (orders[0].spec.job, name(orders))).collect();
        let job = |order: &Order| RemoteJob {
            key: order.key.clone(),
            spec: (*order.spec).clone(),
            timeout: order.timeout.filter(|_| !self.system.keeps_time),
        };
        let unit = |orders: &Vec<Order>| {
            let follows = orders.iter().flat_map(|order| &order.turn).flat_map(|turn| &turn.follows);
            let follows = follows.filter_map(|before| names.get(before).cloned()).collect();
            Unit { name: name(orders), jobs: orders.iter().map(job).collect(), follows, after: Vec::new() }
        };
        strand.iter().map(unit).collect()
    }

    /// What came of a submission.
    pub(super) fn submitted(&mut self, batch: usize, result: Submitted) {
        let key = (self.spool.run().to_owned(), batch);
        let Some(sent) = self.sent.get_mut(&key) else { return };
        match result {
            Submitted::As(id) => self.taken(batch, id),
            Submitted::Later(why) => {
                sent.in_doubt = true;
                if !std::mem::replace(&mut self.look.is_away, true) {
                    self.warn(format!("{} does not take jobs now ({why}); flow tries again", self.system.name));
                }
                self.look.interval = (self.look.interval * 2).max(QUEUE.0);
                self.look.next = Instant::now() + self.look.interval;
            }
            Submitted::Full(why) => {
                let tasks = sent.submission.as_ref().map_or(1, |submission| submission.tasks);
                if self.room.is_none() {
                    self.warn(format!(
                        "{} has no room for more jobs ({why}); flow submits the rest later",
                        self.system.name
                    ));
                }
                self.room = Some((tasks / 2).max(1));
                let pause = match self.not_before {
                    _ if tasks > 1 => BREAK.0 / 4,
                    Some((_, pause)) => (pause * 2).clamp(BREAK.0, BREAK.1),
                    None => BREAK.0,
                };
                self.not_before = Some((Instant::now() + pause, pause));
                self.take_back(&key);
            }
            Submitted::Refused(why) => {
                let state = format!("{} refused the job: {why}", self.system.name);
                let names = self.sent.remove(&key).map(|sent| sent.names).unwrap_or_default();
                let out: Vec<Out> = names.iter().filter_map(|name| self.out.remove(name)).collect();
                let orders = out.into_iter().map(|out| out.orders).collect();
                self.refuse([orders], true, &JobError::Batch { state, meaning: None });
            }
        }
        if self.stopping {
            self.cancel_what_is_out();
        }
    }

    fn taken(&mut self, batch: usize, id: String) {
        if let Err(error) = self.spool.note_id(batch, self.system.name, &id) {
            self.warn(format!("cannot note that batch {batch} is job {id}: {error}"));
        }
        let now = Instant::now();
        if let Some(sent) = self.sent.get_mut(&(self.spool.run().to_owned(), batch)) {
            sent.id = Some(id);
            sent.in_doubt = false;
            for name in &sent.names {
                if let Some(out) = self.out.get_mut(name) {
                    out.taken = Some(now);
                }
            }
        }
        // What could be taken may be more the next time.
        self.room = self.room.map(|room| room.saturating_mul(2));
        self.not_before = None;
        // The first look comes soon.
        if !self.look.under_way {
            self.look.interval = QUEUE.0;
            self.look.next = self.look.next.max(now).min(now + QUEUE.0 * 3 / 4);
        }
    }

    /// The units of a batch that was not taken are ready again.
    fn take_back(&mut self, key: &(String, usize)) {
        let names = self.sent.remove(key).map(|sent| sent.names).unwrap_or_default();
        let orders = names.iter().filter_map(|name| self.out.remove(name)).flat_map(|out| out.orders);
        self.ready.extend(orders);
        if self.stopping {
            return self.answer_waiting();
        }
        self.since.get_or_insert_with(Instant::now);
    }

    /// Batches whose submission was not answered: the queue has them, or they are submitted again.
    pub(super) fn settle_doubts(&mut self, live: &Live) {
        let in_doubt = self.sent.iter().filter(|(_, sent)| sent.in_doubt).map(|((_, batch), _)| *batch);
        for batch in in_doubt.collect::<Vec<usize>>() {
            match live.batches.get(&comment(&self.spool, batch)) {
                Some(id) => self.taken(batch, id.clone()),
                None => {
                    let Some(sent) = self.sent.get_mut(&(self.spool.run().to_owned(), batch)) else { continue };
                    if let (Some(submission), false) = (&sent.submission, self.stopping) {
                        sent.in_doubt = false;
                        let _ = self.clerk.send(Request::Submit(Box::new(submission.clone())));
                    }
                }
            }
        }
    }
}

/// The unit's name.
fn name(orders: &[Order]) -> String {
    let staging = orders[0].spec.staging.as_ref().expect("what goes out has a place to work in");
    staging::name(&staging.folder).to_owned()
}

/// Units that go out as one, those first that others follow; most have one.
type Strand = Vec<Vec<Order>>;

/// Orders of jobs that run together become one unit, and those of jobs that run in turn one strand, when all of them are
/// there. Gives as well those that wait for more.
fn strands(orders: Vec<Order>) -> (Vec<Strand>, Vec<Order>) {
    let mut strands: Vec<Strand> = Vec::new();
    let mut sets: BTreeMap<Company, Vec<Order>> = BTreeMap::new();
    for order in orders {
        match company(&order) {
            Some(company) => sets.entry(company).or_default().push(order),
            None => strands.push(vec![vec![order]]),
        }
    }
    let mut waiting = Vec::new();
    for (company, set) in sets {
        match company {
            _ if set.len() < members(&set[0]) => waiting.extend(set),
            Company::AtOnce(_) => strands.push(vec![set]),
            Company::InTurn(_) => strands.push(set.into_iter().map(|order| vec![order]).collect()),
        }
    }
    (strands, waiting)
}

/// With whom a job goes out.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Company {
    /// Those that share this state.
    AtOnce(*const Together),
    /// Those of which this one is the first.
    InTurn(u32),
}

fn company(order: &Order) -> Option<Company> {
    let together = order.together.as_ref().map(|together| Company::AtOnce(Arc::as_ptr(together)));
    together.or(order.turn.as_ref().map(|turn| Company::InTurn(turn.first)))
}

/// How many orders go out as one with this one.
fn members(order: &Order) -> usize {
    let together = order.together.as_ref().map(|together| together.members());
    together.or(order.turn.as_ref().map(|turn| turn.members)).unwrap_or(1)
}
