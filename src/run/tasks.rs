//! The jobs of a run and what waits for what, while they are put together for the [scheduler](super::scheduler): numbers, ranks,
//! demands and edges in, nothing decided.

/// What a job takes of each resource, in the order of the totals.
pub type Demand = Vec<u64>;

/// A job, as the scheduler sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// Higher goes first.
    pub priority: i64,
    /// Its end lets files go that take up room: it goes before those of its priority that only make more.
    pub frees: bool,
    /// Expected duration in any one unit; the longest remaining path is the sum of these.
    pub weight: u64,
    /// Lower goes first, where all else is equal.
    pub position: u32,
    /// At most the totals: who asks for more never gets a turn, so [`Tasks::add`] refuses it.
    pub demand: Demand,
}

/// The jobs of a run and what waits for what, while it is put together.
#[derive(Debug, Clone)]
pub struct Tasks {
    pub(super) totals: Demand,
    /// The number of the first one here.
    pub(super) first: u32,
    /// Without demands; those are in `demands`.
    pub(super) tasks: Vec<Task>,
    /// Of all jobs, one after the other, as many numbers each as there are totals.
    pub(super) demands: Vec<u64>,
    /// Before, after.
    pub(super) edges: Vec<(u32, u32)>,
    /// Jobs that another one takes along, and that one.
    pub(super) riders: Vec<(u32, u32)>,
}

/// A demand that is more than there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooMuch {
    /// Place of the resource among the totals.
    pub resource: usize,
    pub asked: u64,
    pub total: u64,
}

impl Tasks {
    /// No jobs yet; `totals` is how much there is of each resource (by custom, cores first).
    pub fn new(totals: Demand) -> Self {
        Tasks { totals, first: 0, tasks: Vec::new(), demands: Vec::new(), edges: Vec::new(), riders: Vec::new() }
    }

    /// The number that the next job gets.
    pub fn next(&self) -> u32 {
        self.first + u32::try_from(self.tasks.len()).expect("fewer than 2^32 jobs")
    }

    /// Adds a job; jobs are numbered from 0. A demand shorter than the totals asks for nothing of the rest.
    ///
    /// # Errors
    /// A demand that can never be met; the job is not added.
    pub fn add(&mut self, mut task: Task) -> Result<u32, TooMuch> {
        self.demands.extend(check(&self.totals, std::mem::take(&mut task.demand))?);
        let number = self.next();
        self.tasks.push(task);
        Ok(number)
    }

    /// Adds a job that is to run together with another one, which asks for what both take: it gets a number and no turn
    /// of its own. [`Tasks::carry`] says with whom.
    pub fn ride(&mut self, position: u32) -> u32 {
        let task = Task { priority: 0, frees: false, weight: 0, position, demand: Demand::new() };
        self.add(task).expect("it asks for nothing")
    }

    /// When `first` has its turn, it takes `rider` along: it waits for what that one needs, and who needs that one waits
    /// for it.
    pub fn carry(&mut self, first: u32, rider: u32) {
        self.riders.push((rider, first));
    }

    /// `after` waits for `before`. Saying so twice is as good as once.
    pub fn edge(&mut self, before: u32, after: u32) {
        self.edges.push((before, after));
    }

    pub fn len(&self) -> usize {
        self.tasks.len()
    }

    pub fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }
}

/// A demand as long as the totals are.
///
/// # Errors
/// It can never be met.
pub(super) fn check(totals: &[u64], mut demand: Demand) -> Result<Demand, TooMuch> {
    demand.resize(totals.len(), 0);
    match (0..totals.len()).find(|&at| demand[at] > totals[at]) {
        Some(resource) => Err(TooMuch { resource, asked: demand[resource], total: totals[resource] }),
        None => Ok(demand),
    }
}
