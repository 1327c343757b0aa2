//! The scheduler: which job starts next. Pure: told what has ended, it says what may begin; no clock, disk or thread.
//! Knows jobs as numbers with a rank and a demand.
//!
//! The order of all jobs is known from the start, so each has its place in it. Over the places stands a tree whose nodes
//! say, for each resource, the least that a ready job below asks for: the next job is found on the way down to the first
//! place that fits what is free, in O(log n) however many jobs are ready and however many do not fit (with several
//! scarce resources, after some wrong turns). A job that needs much never holds back one that fits, and gets its turn at
//! the latest when those are through.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use super::dependents::{Dependents, longest_paths};
use super::ready::{Least, fits};
use super::tasks::{Demand, Task, Tasks, TooMuch, check};

/// What decides who goes first: the least.
type Rank = (Reverse<i64>, Reverse<bool>, Reverse<u64>, u32);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// For the jobs before it.
    Waiting,
    /// At its place in the tree.
    Ready,
    /// Given out by `pick`, and holds its demand; or a successor, and holds nothing until its place is free.
    Running,
    Done,
    Failed,
    /// A job before it failed.
    Unreachable,
}

/// Which job starts next.
#[derive(Debug, Clone)]
pub struct Scheduler {
    totals: Demand,
    free: Demand,
    demands: Vec<u64>,
    ranks: Vec<Rank>,
    /// All jobs, the best first; and where each stands.
    order: Vec<u32>,
    place: Vec<u32>,
    ready: Least,
    dependents: Dependents,
    /// How many jobs each still waits for.
    waits: Vec<u32>,
    state: Vec<State>,
    /// By job, the one that takes its place when it ends; that one holds nothing until then.
    successors: BTreeMap<u32, u32>,
    /// By job that another one takes along, that one.
    firsts: FxHashMap<u32, u32>,
    /// Nothing that is ready fits, and nothing has changed since that was found.
    blocked: bool,
}

impl Scheduler {
    /// The scheduler for these jobs. The edges must be without a cycle: jobs on one would never be ready.
    pub fn new(tasks: Tasks) -> Self {
        let mut scheduler = Scheduler {
            free: tasks.totals.clone(),
            ready: Least::new(0, tasks.totals.len()),
            totals: tasks.totals.clone(),
            demands: Vec::new(),
            ranks: Vec::new(),
            order: Vec::new(),
            place: Vec::new(),
            dependents: Dependents::of_edges(&[], 0),
            waits: Vec::new(),
            state: Vec::new(),
            successors: BTreeMap::new(),
            firsts: FxHashMap::default(),
            blocked: false,
        };
        scheduler.grow(tasks);
        scheduler
    }

    /// No jobs yet, to be numbered after those that are there.
    pub fn more(&self) -> Tasks {
        Tasks { first: self.len(), ..Tasks::new(self.totals.clone()) }
    }

    /// Adds jobs from [`Scheduler::more`], which may wait for those that were there, and not the other way round.
    pub fn grow(&mut self, more: Tasks) {
        let Tasks { first, tasks, demands, edges, riders, .. } = more;
        debug_assert_eq!(first, self.len());
        let count = first as usize + tasks.len();
        self.firsts.extend(riders.iter().copied());
        let whose_turn = |job: u32| self.firsts.get(&job).copied().unwrap_or(job);
        let edges = edges.into_iter().map(|(before, after)| (whose_turn(before), whose_turn(after)));
        let is_new = |&(before, after): &(u32, u32)| after >= first && before != after;
        let mut edges: Vec<(u32, u32)> = self.dependents.edges().chain(edges.filter(is_new)).collect();
        edges.sort_unstable();
        edges.dedup();
        self.dependents = Dependents::of_edges(&edges, count);
        let path = longest_paths(&self.dependents, first, tasks.iter().map(|task| task.weight).collect());
        let rank =
            |(task, path): (&Task, u64)| (Reverse(task.priority), Reverse(task.frees), Reverse(path), task.position);
        self.ranks.extend(tasks.iter().zip(path).map(rank));
        self.demands.extend(demands);
        self.waits.resize(count, 0);
        self.state.resize(count, State::Waiting);
        for (rider, _) in riders {
            self.state[rider as usize] = State::Done;
        }
        for &(before, after) in edges.iter().filter(|&&(_, after)| after >= first) {
            match self.state[before as usize] {
                State::Done => {}
                State::Failed | State::Unreachable => self.state[after as usize] = State::Unreachable,
                State::Waiting | State::Ready | State::Running => self.waits[after as usize] += 1,
            }
        }
        self.order = (0..count as u32).collect();
        self.order.sort_unstable_by_key(|&job| (self.ranks[job as usize], job));
        self.place = vec![0; count];
        for (at, &job) in (0..).zip(&self.order) {
            self.place[job as usize] = at;
        }
        self.ready = Least::new(count, self.totals.len());
        for job in 0..count as u32 {
            let is_new = job >= first && self.waits[job as usize] == 0 && self.state[job as usize] == State::Waiting;
            if is_new || self.state[job as usize] == State::Ready {
                self.make_ready(job);
            }
        }
    }

    /// Whether any of the first resource, by custom the cores, is free.
    pub fn has_room(&self) -> bool {
        self.free.first().is_some_and(|&free| free > 0)
    }

    /// The best job that is ready and fits what is free, which it then holds until it ends.
    pub fn pick(&mut self) -> Option<u32> {
        if self.blocked || self.order.is_empty() {
            return None;
        }
        let Some(place) = self.ready.first(&self.free) else {
            self.blocked = true;
            return None;
        };
        let job = self.order[place as usize];
        self.ready.remove(place);
        self.take(job);
        Some(job)
    }

    /// The job that `pick` would give when those in `line` had ended well, if that is known already. The first of them runs,
    /// and each of the others is the one's successor before it: this is to be the last one's, and take that one's place. It
    /// asks for no more than that one holds, and none that may be ready by then is better: one that waits for no more than
    /// the `in_hand` jobs that run and that are lined up. `None` as well if there is such a one.
    pub fn pick_successor(&mut self, line: &[u32], in_hand: usize) -> Option<u32> {
        let (&first, &last) = (line.first()?, line.last()?);
        debug_assert_eq!(self.state[last as usize], State::Running);
        if self.successors.contains_key(&last) {
            return None;
        }
        // Of the line, only the first holds anything.
        let room: Demand =
            self.free.iter().zip(&self.demands[self.own(first)]).map(|(free, held)| free + held).collect();
        let place = self.ready.first(&room)?;
        let job = self.order[place as usize];
        let is_next = |&after: &u32| {
            let at = after as usize;
            self.waits[at] as usize <= in_hand && self.state[at] == State::Waiting && self.place[at] < place
        };
        let keeps_waiting = |&of: &u32| self.dependents.of(of).iter().any(is_next);
        let fits = fits(&self.demands[self.own(job)], &self.demands[self.own(last)]);
        if !fits || line.iter().any(keeps_waiting) {
            return None;
        }
        self.ready.remove(place);
        self.state[job as usize] = State::Running;
        self.successors.insert(last, job);
        Some(job)
    }

    /// The successor of a job does not wait for that one's place any more, if it fits what is free.
    pub fn part(&mut self, from: u32) -> bool {
        let Some(&job) = self.successors.get(&from) else { return false };
        if !fits(&self.demands[self.own(job)], &self.free) {
            return false;
        }
        self.successors.remove(&from);
        self.take(job);
        true
    }

    /// A running job has another demand than was known. True: it fits, and the job goes on. False: it is ready again,
    /// and `pick` gives it out when there is room for the new demand.
    ///
    /// # Errors
    /// A demand that can never be met; nothing changes.
    pub fn adjust(&mut self, job: u32, demand: Demand) -> Result<bool, TooMuch> {
        debug_assert_eq!(self.state[job as usize], State::Running);
        let demand = check(&self.totals, demand)?;
        self.release(job);
        let fits = fits(&demand, &self.free);
        let own = self.own(job);
        self.demands[own].copy_from_slice(&demand);
        if fits {
            self.take(job);
        } else {
            self.make_ready(job);
        }
        Ok(fits)
    }

    /// A running job has succeeded.
    pub fn finish(&mut self, job: u32) {
        self.release(job);
        self.state[job as usize] = State::Done;
        for at in self.dependents.range(job) {
            let after = self.dependents.at(at);
            self.waits[after as usize] -= 1;
            if self.waits[after as usize] == 0 && self.state[after as usize] == State::Waiting {
                self.make_ready(after);
            }
        }
    }

    /// A running job has failed for good: what depends on it, directly or not, will not run. Gives those jobs.
    pub fn fail(&mut self, job: u32) -> Vec<u32> {
        self.fail_in_part(job, &|_| true)
    }

    /// A running job that stands for several has failed for good in a part that the direct dependents need of which `is_lost`
    /// says so; for the others it is done. Gives the jobs that will not run.
    pub fn fail_in_part(&mut self, job: u32, is_lost: &dyn Fn(u32) -> bool) -> Vec<u32> {
        self.release(job);
        self.state[job as usize] = State::Failed;
        // `lost` is the queue, too: those from `looked_at` on still have dependents to be marked.
        let mut lost: Vec<u32> = Vec::new();
        for at in self.dependents.range(job) {
            let after = self.dependents.at(at);
            if is_lost(after) {
                self.lose(after, &mut lost);
                continue;
            }
            self.waits[after as usize] -= 1;
            if self.waits[after as usize] == 0 && self.state[after as usize] == State::Waiting {
                self.make_ready(after);
            }
        }
        let mut looked_at = 0;
        while let Some(&from) = lost.get(looked_at) {
            looked_at += 1;
            for at in self.dependents.range(from) {
                self.lose(self.dependents.at(at), &mut lost);
            }
        }
        lost
    }

    /// A job that waits will not run.
    fn lose(&mut self, job: u32, lost: &mut Vec<u32>) {
        if self.state[job as usize] == State::Waiting {
            self.state[job as usize] = State::Unreachable;
            lost.push(job);
        }
    }

    /// A running job is to be tried again.
    pub fn retry(&mut self, job: u32) {
        self.release(job);
        self.make_ready(job);
    }

    /// How many jobs there are in all.
    pub fn len(&self) -> u32 {
        self.state.len() as u32
    }

    pub fn is_empty(&self) -> bool {
        self.state.is_empty()
    }

    /// Where a job's demand stands.
    fn own(&self, job: u32) -> std::ops::Range<usize> {
        let width = self.totals.len();
        job as usize * width..(job as usize + 1) * width
    }

    /// A job runs, with what it asks for.
    fn take(&mut self, job: u32) {
        let own = self.own(job);
        self.state[job as usize] = State::Running;
        for (free, asked) in self.free.iter_mut().zip(&self.demands[own]) {
            *free -= asked;
        }
    }

    /// A job does not run any more. Its successor takes its place.
    fn release(&mut self, job: u32) {
        debug_assert_eq!(self.state[job as usize], State::Running);
        self.blocked = false;
        let before = self.successors.iter().find(|&(_, &successor)| successor == job).map(|(&before, _)| before);
        if let Some(before) = before {
            self.successors.remove(&before);
            return;
        }
        let own = self.own(job);
        for (free, asked) in self.free.iter_mut().zip(&self.demands[own]) {
            *free += asked;
        }
        if let Some(successor) = self.successors.remove(&job) {
            self.take(successor);
        }
    }

    fn make_ready(&mut self, job: u32) {
        let own = self.own(job);
        self.state[job as usize] = State::Ready;
        self.ready.insert(self.place[job as usize], &self.demands[own]);
        self.blocked = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn task(priority: i64, weight: u64, position: u32, demand: &[u64]) -> Task {
        Task { priority, frees: false, weight, position, demand: demand.to_vec() }
    }

    /// All jobs that are neither done, failed, nor out of reach.
    fn left(scheduler: &Scheduler) -> usize {
        let over = |state: &&State| matches!(state, State::Done | State::Failed | State::Unreachable);
        scheduler.state.iter().filter(|state| !over(state)).count()
    }

    #[test]
    fn priority_then_the_longest_way_then_the_place_in_the_file() {
        let mut tasks = Tasks::new(vec![1]);
        for (priority, weight, position) in [(0, 1, 3), (0, 1, 2), (0, 1, 1), (5, 1, 9), (0, 7, 0)] {
            tasks.add(task(priority, weight, position, &[1])).unwrap();
        }
        // 1 is before 4, which is heavy.
        tasks.edge(1, 4);
        tasks.edge(1, 4);
        let mut scheduler = Scheduler::new(tasks);
        let mut order = Vec::new();
        while let Some(job) = scheduler.pick() {
            order.push(job);
            assert_eq!(scheduler.pick(), None, "one core");
            scheduler.finish(job);
        }
        assert_eq!(order, [3, 1, 4, 2, 0]);
        assert_eq!(left(&scheduler), 0);
    }

    #[test]
    fn a_failure_takes_all_that_depends_on_it_along_and_nothing_else() {
        let mut tasks = Tasks::new(vec![4]);
        for position in 0..100_003 {
            tasks.add(task(0, 1, position, &[1])).unwrap();
        }
        for job in 0..100_000 {
            tasks.edge(job, job + 1);
        }
        tasks.edge(100_001, 50);
        let mut scheduler = Scheduler::new(tasks);
        assert_eq!(scheduler.pick(), Some(0), "a chain without end is no recursion");
        assert_eq!(scheduler.fail(0).len(), 100_000);
        let rest = [scheduler.pick().unwrap(), scheduler.pick().unwrap()];
        assert_eq!(rest, [100_001, 100_002]);
        for job in rest {
            scheduler.finish(job);
        }
        assert_eq!((scheduler.pick(), left(&scheduler)), (None, 0));
    }

    #[test]
    fn a_demand_may_change_when_the_job_is_known() {
        let mut tasks = Tasks::new(vec![2, 10]);
        assert_eq!(tasks.add(task(0, 1, 0, &[3])), Err(TooMuch { resource: 0, asked: 3, total: 2 }));
        tasks.add(task(0, 1, 0, &[1, 6])).unwrap();
        tasks.add(task(0, 1, 1, &[1])).unwrap();
        let mut scheduler = Scheduler::new(tasks);
        assert_eq!((scheduler.pick(), scheduler.pick()), (Some(0), Some(1)));
        assert_eq!(scheduler.adjust(1, vec![1, 5]), Ok(false), "there is no room yet");
        assert_eq!(scheduler.adjust(0, vec![1, 11]), Err(TooMuch { resource: 1, asked: 11, total: 10 }));
        assert_eq!(scheduler.pick(), None);
        scheduler.retry(0);
        assert_eq!(scheduler.pick(), Some(0));
        scheduler.finish(0);
        assert_eq!(scheduler.pick(), Some(1));
    }

    #[test]
    fn who_frees_files_goes_before_who_only_makes_them_and_after_a_higher_priority() {
        let mut tasks = Tasks::new(vec![1]);
        tasks.add(task(0, 9, 0, &[1])).unwrap();
        tasks.add(Task { frees: true, ..task(0, 1, 1, &[1]) }).unwrap();
        tasks.add(task(1, 1, 2, &[1])).unwrap();
        let mut scheduler = Scheduler::new(tasks);
        let mut order = Vec::new();
        while let Some(job) = scheduler.pick() {
            order.push(job);
            scheduler.finish(job);
        }
        assert_eq!(order, [2, 1, 0]);
    }

    #[test]
    fn what_does_not_fit_is_passed_over_however_many_there_are() {
        let mut tasks = Tasks::new(vec![1000, 1000]);
        for position in 0..1000 {
            tasks.add(task(0, 1, position, &[1, u64::from(1000 - position)])).unwrap();
        }
        let mut scheduler = Scheduler::new(tasks);
        // 1000 takes all memory; then nothing fits; then the largest that does.
        assert_eq!((scheduler.pick(), scheduler.pick()), (Some(0), None));
        assert_eq!(scheduler.adjust(0, vec![1, 990]), Ok(true));
        assert_eq!((scheduler.pick(), scheduler.pick()), (Some(990), None));
    }

    #[test]
    fn a_successor_holds_nothing_until_the_job_before_it_has_ended() {
        let mut tasks = Tasks::new(vec![2, 10]);
        for (position, demand) in (0..).zip([[1, 6], [1, 7], [1, 5], [1, 4]]) {
            tasks.add(task(0, 1, position, &demand)).unwrap();
        }
        let mut scheduler = Scheduler::new(tasks);
        assert_eq!((scheduler.pick(), scheduler.pick()), (Some(0), Some(3)));
        assert_eq!(scheduler.pick_successor(&[0], 2), Some(2), "1 asks for more than 0 holds");
        assert_eq!(scheduler.pick_successor(&[0], 3), None, "there is one");
        assert_eq!(scheduler.pick_successor(&[3], 3), None, "nothing is so small");
        assert!(!scheduler.part(0), "nothing is free");
        scheduler.finish(3);
        assert!(!scheduler.part(0), "4 are free, and it asks for 5");
        scheduler.finish(0);
        assert_eq!(scheduler.pick(), None, "2 holds 5 of the 10");
        scheduler.retry(2);
        assert_eq!((scheduler.pick(), scheduler.pick()), (Some(1), None));
        scheduler.finish(1);
        assert_eq!(scheduler.pick(), Some(2));
    }

    #[test]
    fn with_one_core_a_successor_is_the_job_that_would_have_been_picked() {
        let mut tasks = Tasks::new(vec![1]);
        // 0 is before 3, which goes first of all when it can, and 1 before 2, which comes last.
        for (priority, position) in [(0, 0), (0, 1), (-1, 2), (9, 3)] {
            tasks.add(task(priority, 1, position, &[1])).unwrap();
        }
        tasks.edge(0, 3);
        tasks.edge(1, 2);
        let mut scheduler = Scheduler::new(tasks);
        assert_eq!(scheduler.pick(), Some(0));
        assert_eq!(scheduler.pick_successor(&[0], 1), None, "3 comes before what is ready now");
        scheduler.finish(0);
        assert_eq!(scheduler.pick(), Some(3));
        assert_eq!(scheduler.pick_successor(&[3], 1), Some(1));
        assert_eq!(scheduler.pick_successor(&[3, 1], 2), None, "2 waits for it");
        scheduler.finish(3);
        assert_eq!(scheduler.pick_successor(&[1], 1), None, "2 waits for it");
        scheduler.finish(1);
        assert_eq!(scheduler.pick(), Some(2));
    }

    #[test]
    fn a_line_of_successors_takes_one_place_after_another_and_may_part_anywhere() {
        let mut tasks = Tasks::new(vec![2]);
        for position in 0..6 {
            tasks.add(task(0, 1, position, &[1])).unwrap();
        }
        let mut scheduler = Scheduler::new(tasks);
        assert_eq!((scheduler.pick(), scheduler.pick()), (Some(0), Some(1)));
        assert_eq!(scheduler.pick_successor(&[0], 2), Some(2));
        assert_eq!(scheduler.pick_successor(&[0, 2], 3), Some(3));
        assert_eq!(scheduler.pick_successor(&[0, 2, 3], 4), Some(4));
        scheduler.finish(1);
        assert!(scheduler.part(2), "3 takes the place that is free, and 4 stays behind it");
        assert_eq!(scheduler.pick(), None);
        scheduler.finish(3);
        assert!(!scheduler.part(0), "4 has taken that place");
        // Those that are not to begin go back, the last one first.
        scheduler.retry(2);
        scheduler.finish(0);
        assert_eq!((scheduler.pick(), scheduler.pick()), (Some(2), None));
        scheduler.finish(4);
        assert_eq!((scheduler.pick(), scheduler.pick()), (Some(5), None));
    }

    #[test]
    fn what_the_first_of_a_line_gives_back_is_there_for_who_comes_after_the_line() {
        let mut tasks = Tasks::new(vec![1, 10]);
        for (position, memory) in (0..).zip([6, 2, 8, 2]) {
            tasks.add(task(0, 1, position, &[1, memory])).unwrap();
        }
        let mut scheduler = Scheduler::new(tasks);
        assert_eq!(scheduler.pick(), Some(0));
        assert_eq!(scheduler.pick_successor(&[0], 1), Some(1));
        assert_eq!(scheduler.pick_successor(&[0, 1], 2), None, "2 comes before 3, and asks for more than 1 holds");
        scheduler.finish(0);
        scheduler.finish(1);
        assert_eq!(scheduler.pick(), Some(2));
    }

    #[test]
    fn nothing_is_lined_up_before_a_better_job_that_only_waits_for_what_is_in_hand() {
        let mut tasks = Tasks::new(vec![2]);
        // 4 joins 0 and 1, and goes before 2 and 3.
        for (priority, position) in [(0, 0), (0, 1), (0, 2), (0, 3), (1, 4)] {
            tasks.add(task(priority, 1, position, &[1])).unwrap();
        }
        tasks.edge(0, 4);
        tasks.edge(1, 4);
        let mut scheduler = Scheduler::new(tasks);
        assert_eq!((scheduler.pick(), scheduler.pick()), (Some(0), Some(1)));
        assert_eq!((scheduler.pick_successor(&[0], 2), scheduler.pick_successor(&[1], 2)), (None, None));
    }

    #[test]
    fn who_needs_a_job_that_is_taken_along_waits_for_the_one_that_takes_it() {
        let mut tasks = Tasks::new(vec![2]);
        tasks.add(task(0, 1, 0, &[1])).unwrap();
        let rider = tasks.ride(1);
        tasks.add(task(0, 1, 2, &[1])).unwrap();
        tasks.carry(0, rider);
        tasks.edge(0, rider);
        tasks.edge(rider, 2);
        let mut scheduler = Scheduler::new(tasks);
        assert_eq!((scheduler.pick(), scheduler.pick()), (Some(0), None));
        let mut more = scheduler.more();
        more.add(task(0, 1, 3, &[1])).unwrap();
        more.edge(rider, 3);
        scheduler.grow(more);
        assert_eq!(scheduler.pick(), None, "3 came later, and waits too");
        scheduler.finish(0);
        assert_eq!((scheduler.pick(), scheduler.pick()), (Some(2), Some(3)));
    }

    proptest! {
        /// Whatever the jobs: each runs once, after those before it, within the resources, in one order; none is left.
        #[test]
        fn every_job_runs_once_in_order_and_within_the_resources(
            jobs in prop::collection::vec((-2i64..3, 0u64..50, 0u64..4, 0u64..9), 1..60),
            edges in prop::collection::vec((0usize..60, 0usize..60), 0..150),
            ends in prop::collection::vec(0usize..8, 1..50),
        ) {
            let mut tasks = Tasks::new(vec![3, 8]);
            for (position, (priority, weight, cores, memory)) in (0..).zip(&jobs) {
                tasks.add(task(*priority, *weight, position, &[*cores, *memory])).unwrap();
            }
            let edges: Vec<_> = edges
                .into_iter()
                .map(|(a, b)| (a % jobs.len(), b % jobs.len()))
                .filter(|(a, b)| a < b)
                .collect();
            for &(before, after) in &edges {
                tasks.edge(before as u32, after as u32);
            }
            let play = |mut scheduler: Scheduler| {
                let (mut order, mut running, mut done) = (Vec::new(), Vec::<u32>::new(), vec![false; jobs.len()]);
                let mut ends = ends.iter().cycle();
                let mut next = BTreeMap::<u32, u32>::new();
                loop {
                    loop {
                        let picked = scheduler.pick().or_else(|| {
                            let parts = next.keys().copied().find(|&before| scheduler.part(before))?;
                            next.remove(&parts)
                        });
                        let Some(job) = picked else { break };
                        order.push(job);
                        running.push(job);
                        for &(before, after) in &edges {
                            assert!(after as u32 != job || done[before]);
                        }
                    }
                    for (resource, total) in [(0, 3), (1, 8)] {
                        let of = |&job: &u32| [jobs[job as usize].2, jobs[job as usize].3][resource];
                        assert!(running.iter().map(of).sum::<u64>() <= total);
                    }
                    if running.is_empty() {
                        return (order, left(&scheduler));
                    }
                    let (end, follows) = (*ends.next().expect("endless"), *ends.next().expect("endless"));
                    let mut line = vec![running[follows % running.len()]];
                    while let Some(&successor) = next.get(&line[line.len() - 1]) {
                        line.push(successor);
                    }
                    if follows > 2 && let Some(successor) = scheduler.pick_successor(&line, running.len() + next.len()) {
                        match follows {
                            3 => scheduler.retry(successor),
                            _ => assert_eq!(next.insert(line[line.len() - 1], successor), None),
                        }
                    }
                    let job = running.remove(end % running.len());
                    done[job as usize] = true;
                    scheduler.finish(job);
                    if let Some(successor) = next.remove(&job) {
                        order.push(successor);
                        running.push(successor);
                    }
                }
            };
            let scheduler = Scheduler::new(tasks);
            let (order, left) = play(scheduler.clone());
            prop_assert_eq!(left, 0);
            prop_assert_eq!(play(scheduler), (order.clone(), 0));
            let mut sorted = order;
            sorted.sort_unstable();
            prop_assert_eq!(sorted, (0..jobs.len() as u32).collect::<Vec<_>>());
        }
    }
}
