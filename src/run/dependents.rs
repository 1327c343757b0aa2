//! Who waits for whom, and how long the way from each job to an end is. Knows jobs as numbers with a weight.

/// Who waits for whom, row by row.
#[derive(Debug, Clone)]
pub(super) struct Dependents {
    starts: Vec<u32>,
    items: Vec<u32>,
}

impl Dependents {
    /// `edges` are sorted, and none is there twice.
    pub(super) fn of_edges(edges: &[(u32, u32)], count: usize) -> Self {
        let mut starts = vec![0u32; count + 1];
        for &(before, _) in edges {
            starts[before as usize + 1] += 1;
        }
        for at in 0..count {
            starts[at + 1] += starts[at];
        }
        Dependents { starts, items: edges.iter().map(|&(_, after)| after).collect() }
    }

    pub(super) fn edges(&self) -> impl Iterator<Item = (u32, u32)> + '_ {
        (0..self.starts.len() as u32 - 1).flat_map(|before| self.of(before).iter().map(move |&after| (before, after)))
    }

    pub(super) fn range(&self, job: u32) -> std::ops::Range<usize> {
        self.starts[job as usize] as usize..self.starts[job as usize + 1] as usize
    }

    /// One of a job's, by its place in the job's range.
    pub(super) fn at(&self, at: usize) -> u32 {
        self.items[at]
    }

    pub(super) fn of(&self, job: u32) -> &[u32] {
        &self.items[self.range(job)]
    }
}

/// The weight of the heaviest way from each job to an end, its own weight included, for the jobs from `first` on with
/// these weights: from the last jobs backwards in a topological order, without recursion.
pub(super) fn longest_paths(dependents: &Dependents, first: u32, weight: Vec<u64>) -> Vec<u64> {
    let at = |job: u32| (job - first) as usize;
    let mut waits = vec![0u32; weight.len()];
    let end = first + weight.len() as u32;
    for job in first..end {
        dependents.of(job).iter().for_each(|&after| waits[at(after)] += 1);
    }
    let mut order: Vec<u32> = (first..end).filter(|&job| waits[at(job)] == 0).collect();
    let mut seen = 0;
    while seen < order.len() {
        for &after in dependents.of(order[seen]) {
            waits[at(after)] -= 1;
            if waits[at(after)] == 0 {
                order.push(after);
            }
        }
        seen += 1;
    }
    let mut path = weight;
    for &job in order.iter().rev() {
        let rest = dependents.of(job).iter().map(|&after| path[at(after)]).max().unwrap_or(0);
        path[at(job)] = path[at(job)].saturating_add(rest);
    }
    path
}
