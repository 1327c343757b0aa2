//! Jobs of one group that need each other, which a batch system gets as one (`group:`, as in Snakemake). Jobs and the group
//! of each in, sets of jobs out; knows neither what a group is called nor who runs it.

use std::collections::BTreeMap;

use petgraph::algo::tarjan_scc;
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::unionfind::UnionFind;
use rustc_hash::{FxHashMap, FxHashSet};

use super::dag::{Dag, JobId};

/// The sets of two jobs or more that files connect within a group, each in an order in which its jobs can be run. Jobs
/// beside `jobs` do not count. `group` gives the group of a job; `joins` says whether a job may be given out before what it
/// needs of its group is there. A set that would wait for what waits for it is taken apart: its jobs go one by one. `bound` are
/// jobs without a group that go together whatever else is found.
pub fn connected<G: PartialEq>(
    dag: &Dag,
    jobs: &[JobId],
    group: impl Fn(JobId) -> Option<G>,
    joins: impl Fn(JobId) -> bool,
    bound: &[Vec<JobId>],
) -> Vec<Vec<JobId>> {
    let places: FxHashMap<JobId, usize> = jobs.iter().copied().zip(0..).collect();
    let needs = |(after, &id): (usize, &JobId)| {
        dag.dependencies(id).filter_map(|id| places.get(&id).copied()).map(move |before| (before, after)).collect()
    };
    let edges: Vec<(usize, usize)> = jobs.iter().enumerate().flat_map::<Vec<_>, _>(needs).collect();
    let mut together: Vec<usize> = (0..jobs.len()).collect();
    for set in bound {
        let mut set = set.iter().filter_map(|id| places.get(id).copied());
        if let Some(first) = set.next() {
            set.for_each(|at| together[at] = first);
        }
    }
    let sets = sets(&together, &edges, |at| group(jobs[at]), |at| joins(jobs[at]));
    sets.into_iter().map(|set| set.into_iter().map(|at| jobs[at]).collect()).collect()
}

/// Of jobs by their places, of which each comes after those it needs; `edges` are pairs of one and who needs it, `together` has
/// for each job the one that stands for those that it is bound to.
fn sets<G: PartialEq>(
    together: &[usize],
    edges: &[(usize, usize)],
    group: impl Fn(usize) -> Option<G>,
    joins: impl Fn(usize) -> bool,
) -> Vec<Vec<usize>> {
    let mut union = UnionFind::new(together.len());
    // What must be there before its job is given out, though both are of one group.
    let mut apart = Vec::new();
    for &(before, after) in edges {
        match (group(before), group(after)) {
            (Some(one), Some(other)) if one == other && joins(after) => _ = union.union(before, after),
            (Some(_), Some(_)) => apart.push((before, after)),
            _ => {}
        }
    }
    // By job, the one that stands for its set.
    let mut set = union.into_labeling();
    let torn = apart.into_iter().filter(|&(before, after)| set[before] == set[after]).map(|(at, _)| set[at]).collect();
    take_apart(&mut set, &torn);
    loop {
        let torn = in_a_circle(edges, &set, together);
        if torn.is_empty() {
            break;
        }
        take_apart(&mut set, &torn);
    }
    let mut sets: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (at, set) in set.into_iter().enumerate() {
        sets.entry(set).or_default().push(at);
    }
    sets.into_values().filter(|set| set.len() > 1).collect()
}

fn take_apart(set: &mut [usize], torn: &FxHashSet<usize>) {
    for (at, own) in set.iter_mut().enumerate().filter(|(_, own)| torn.contains(own)) {
        *own = at;
    }
}

/// The sets, of two jobs or more, that wait for each other or for others when each is taken as one job.
fn in_a_circle(edges: &[(usize, usize)], set: &[usize], together: &[usize]) -> FxHashSet<usize> {
    let mut whole: DiGraph<(), (), usize> = DiGraph::default();
    for _ in set {
        whole.add_node(());
    }
    let whose = |at: usize| if together[at] == at { set[at] } else { together[at] };
    for (before, after) in edges.iter().map(|&(before, after)| (whose(before), whose(after))) {
        if before != after {
            whole.add_edge(NodeIndex::new(before), NodeIndex::new(after), ());
        }
    }
    let circles = tarjan_scc(&whole).into_iter().filter(|circle| circle.len() > 1);
    let in_one: FxHashSet<usize> = circles.flatten().map(NodeIndex::index).collect();
    set.iter().enumerate().filter(|(at, own)| at != *own && in_one.contains(own)).map(|(_, own)| *own).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sets among jobs that need each other so, of which the first letter of a name is the group (`.`: none) and `!` at
    /// its end says that it does not join.
    fn of(names: &[&str], edges: &[(usize, usize)]) -> Vec<Vec<usize>> {
        of_bound(names, edges, &(0..names.len()).collect::<Vec<_>>())
    }

    fn of_bound(names: &[&str], edges: &[(usize, usize)], together: &[usize]) -> Vec<Vec<usize>> {
        let group = |at: usize| names[at].chars().next().filter(|&group| group != '.');
        sets(together, edges, group, |at| !names[at].ends_with('!'))
    }

    #[test]
    fn what_files_connect_within_a_group_is_a_set() {
        let none: Vec<Vec<usize>> = Vec::new();
        assert_eq!(of(&["a", "a", "a", "b"], &[(0, 1), (1, 3)]), [[0, 1]]);
        assert_eq!(of(&["a", "a", "a"], &[(0, 2), (1, 2)]), [[0, 1, 2]]);
        assert_eq!(of(&["a", "b"], &[(0, 1)]), none);
        assert_eq!(of(&[".", "."], &[(0, 1)]), none);
        // By way of a job of no group, they are not.
        assert_eq!(of(&["a", ".", "a"], &[(0, 1), (1, 2)]), none);
    }

    #[test]
    fn a_job_that_must_see_what_it_needs_does_not_join() {
        let none: Vec<Vec<usize>> = Vec::new();
        assert_eq!(of(&["a", "a!"], &[(0, 1)]), none);
        assert_eq!(of(&["a", "a!", "a"], &[(0, 1), (1, 2)]), [[1, 2]]);
        // The third would bring it back into one set with the first.
        assert_eq!(of(&["a", "a!", "a"], &[(0, 1), (1, 2), (0, 2)]), none);
    }

    #[test]
    fn sets_that_would_wait_for_each_other_are_taken_apart() {
        let none: Vec<Vec<usize>> = Vec::new();
        // 1 is needed by the set of 0 and 2, and needs it.
        assert_eq!(of(&["a", ".", "a"], &[(0, 1), (1, 2), (0, 2)]), none);
        // Each of the two sets could go alone, but not both.
        assert_eq!(of(&["a", "b", "b", "a"], &[(0, 2), (1, 3), (0, 3), (1, 2)]), none);
        // The two without a group are one because of a pipe: it needs the first, and the last needs it.
        assert_eq!(of_bound(&["a", ".", ".", "a"], &[(0, 3), (1, 3), (0, 2)], &[0, 1, 1, 3]), none);
        assert_eq!(of_bound(&["a", ".", ".", "a"], &[(0, 3), (1, 3), (1, 2)], &[0, 1, 1, 3]), [[0, 3]]);
        // A third one, that has nothing to do with them, can.
        let needs = [(0, 2), (1, 3), (0, 3), (1, 2), (2, 4), (4, 5)];
        assert_eq!(of(&["a", "b", "b", "a", "c", "c"], &needs), [[4, 5]]);
    }
}
