//! The executor of this machine: N worker threads, which are the threads of one rayon pool. A worker runs a job at a
//! time, a child or work inside flow; one that has no job helps with what the others parallelise inside of theirs, so
//! that one big image and ten thousand small ones both fill the machine.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use rustc_hash::{FxHashMap, FxHashSet};

use super::child::Children;
use super::executor::{Executor, Force, InProcess, Order, Report};
use super::job;
use super::outputs::temporary;
use super::spec::{Outcome, Work};
use super::strict::System;
use crate::disk::{Disk, Hash, Stamp};

/// How long an idle worker sleeps between two looks at the pool while work inside flow goes on.
const SHORTEST_NAP: Duration = Duration::from_micros(50);
const LONGEST_NAP: Duration = Duration::from_millis(1);

/// What the workers share.
pub(super) struct Shared {
    pub disk: Arc<dyn Disk>,
    pub in_process: Arc<dyn InProcess>,
    pub children: Arc<Children>,
    /// True when nothing may be committed any more; a commit holds it for reading.
    pub closed: RwLock<bool>,
    /// True as soon as jobs are to end.
    pub cancelled: AtomicBool,
    /// Content hashes taken in this run, with the stamps that they hold for.
    hashes: Mutex<FxHashMap<Box<str>, (Stamp, Hash)>>,
    /// What all jobs of a strict run see; found out by the first.
    system: OnceLock<Result<Arc<System>, String>>,
    /// The working directory, for children's `PWD`.
    pub directory: std::path::PathBuf,
    reports: Mutex<Sender<Report>>,
    queue: Mutex<Queue>,
    arrived: Condvar,
    /// Jobs inside flow that run now: number, and their temporaries, each with whether it is a directory.
    inside: Mutex<BTreeMap<u32, Vec<(String, bool)>>>,
    inside_count: AtomicUsize,
}

#[derive(Default)]
struct Queue {
    orders: VecDeque<Order>,
    /// Orders that wait for a job, by its number.
    after: BTreeMap<u32, Order>,
    /// Jobs that were given out, and have not succeeded.
    open: FxHashSet<u32>,
    over: bool,
}

/// The worker threads of this process.
pub struct Local {
    shared: Arc<Shared>,
    /// Its threads are the workers; they end with it.
    _pool: rayon::ThreadPool,
}

impl Local {
    /// `cores` workers; outcomes go to `reports`.
    ///
    /// # Errors
    /// Threads cannot be started.
    pub fn new(
        cores: usize,
        in_process: Arc<dyn InProcess>,
        disk: Arc<dyn Disk>,
        reports: Sender<Report>,
    ) -> io::Result<Self> {
        let halts = reports.clone();
        let on_halt = move |job, group, signal| drop(halts.send(Report::Halted { job, group, signal }));
        let shared = Arc::new(Shared {
            disk,
            in_process,
            children: Children::new(Box::new(on_halt))?,
            closed: RwLock::new(false),
            cancelled: AtomicBool::new(false),
            hashes: Mutex::default(),
            system: OnceLock::new(),
            directory: std::env::current_dir()?,
            reports: Mutex::new(reports),
            queue: Mutex::default(),
            arrived: Condvar::new(),
            inside: Mutex::default(),
            inside_count: AtomicUsize::new(0),
        });
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(cores.max(1))
            .thread_name(|worker| format!("worker {worker}"))
            .stack_size(8 << 20)
            .build()
            .map_err(io::Error::other)?;
        let theirs = Arc::clone(&shared);
        pool.spawn_broadcast(move |_| work(&theirs));
        Ok(Local { shared, _pool: pool })
    }
}

impl Executor for Local {
    fn submit(&mut self, order: Order) {
        let mut queue = self.shared.queue();
        queue.open.insert(order.spec.job);
        match order.after {
            Some(before) if queue.open.contains(&before) => drop(queue.after.insert(before, order)),
            _ => {
                queue.orders.push_back(order);
                self.shared.arrived.notify_one();
            }
        }
    }

    fn withdraw(&mut self, job: u32) -> bool {
        let after = &mut self.shared.queue().after;
        let before = after.iter().find(|(_, order)| order.spec.job == job).map(|(&before, _)| before);
        before.is_some_and(|before| after.remove(&before).is_some())
    }

    fn stop(&mut self, force: Force) {
        self.shared.cancelled.store(true, Ordering::SeqCst);
        self.shared.children.stop(force);
        // Waits for a commit that is under way: a few renames.
        *self.shared.closed.write().unwrap_or_else(PoisonError::into_inner) = true;
    }

    fn abandon(&mut self) {
        for (path, is_directory) in self.shared.inside().values().flatten() {
            // What cannot be removed now is removed by the next run, which finds the job among the started ones.
            let _ = self.shared.disk.remove_output(path, *is_directory);
        }
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        self.shared.queue().over = true;
        self.shared.arrived.notify_all();
    }
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What all jobs of a strict run see.
    pub(super) fn system(&self) -> Result<&Arc<System>, String> {
        let found = || System::new(&self.directory).map(Arc::new).map_err(|error| format!("--strict: {error}"));
        self.system.get_or_init(found).as_ref().map_err(Clone::clone)
    }

    pub(super) fn hashes(&self) -> MutexGuard<'_, FxHashMap<Box<str>, (Stamp, Hash)>> {
        self.hashes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn inside(&self) -> MutexGuard<'_, BTreeMap<u32, Vec<(String, bool)>>> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The order that was to take the place of a job, which has succeeded.
    fn successor(&self, job: u32) -> Option<Order> {
        let mut queue = self.queue();
        queue.open.remove(&job);
        // What is taken back now is not to begin.
        if self.cancelled.load(Ordering::SeqCst) { None } else { queue.after.remove(&job) }
    }

    /// The next order; meanwhile, a hand for the work of others. `None`: it is over.
    fn next(&self) -> Option<Order> {
        let mut nap = SHORTEST_NAP;
        let mut queue = self.queue();
        loop {
            if queue.over {
                return None;
            }
            if let Some(order) = queue.orders.pop_front() {
                return Some(order);
            }
            if self.inside_count.load(Ordering::SeqCst) == 0 {
                queue = self.arrived.wait(queue).unwrap_or_else(PoisonError::into_inner);
                nap = SHORTEST_NAP;
                continue;
            }
            drop(queue);
            let helped = matches!(rayon::yield_now(), Some(rayon::Yield::Executed));
            queue = self.queue();
            if helped {
                nap = SHORTEST_NAP;
            } else if queue.orders.is_empty() {
                queue = self.arrived.wait_timeout(queue, nap).unwrap_or_else(PoisonError::into_inner).0;
                nap = (nap * 2).min(LONGEST_NAP);
            }
        }
    }
}

/// A worker's life.
fn work(shared: &Shared) {
    let mut successor = None;
    while let Some(order) = successor.take().or_else(|| shared.next()) {
        let outcome = perform(shared, &order);
        let succeeded = outcome.result.is_ok();
        // Before its successor can be over.
        if shared.reports.lock().unwrap_or_else(PoisonError::into_inner).send(Report::Done(Box::new(outcome))).is_err()
        {
            return;
        }
        if succeeded {
            successor = shared.successor(order.spec.job);
        }
    }
}

fn perform(shared: &Shared, order: &Order) -> Outcome {
    let is_inside = matches!(order.spec.work, Work::Run { .. });
    if is_inside {
        let temporaries = order.spec.outputs.iter().map(|output| (temporary(&output.path), output.directory));
        let temporaries = temporaries.collect();
        shared.inside().insert(order.spec.job, temporaries);
        shared.inside_count.fetch_add(1, Ordering::SeqCst);
        // Idle workers wake up and look for bands of this job.
        shared.arrived.notify_all();
    }
    let outcome = catch_unwind(AssertUnwindSafe(|| job::perform(shared, order)))
        .unwrap_or_else(|panic| job::panicked(order, &*panic));
    if is_inside {
        shared.inside_count.fetch_sub(1, Ordering::SeqCst);
        shared.inside().remove(&order.spec.job);
    }
    outcome
}
