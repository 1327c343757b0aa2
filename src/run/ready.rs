//! The jobs that are ready, for the scheduler: a tree over all places in the order, in which the first one that fits what
//! is free is found on the way down. Knows places and demands, not jobs.

/// Who is ready, by place in the order: a binary tree as an array, the root at 1 and the children of n at 2n and 2n + 1,
/// each node with the least of each resource that is asked for below it.
#[derive(Debug, Clone)]
pub(super) struct Least {
    /// How many numbers a node has.
    width: usize,
    /// The first leaf.
    leaves: usize,
    nodes: Vec<u64>,
}

impl Least {
    pub(super) fn new(places: usize, width: usize) -> Self {
        let leaves = places.next_power_of_two();
        Least { width, leaves, nodes: vec![u64::MAX; 2 * leaves * width] }
    }

    fn node(&self, at: usize) -> &[u64] {
        &self.nodes[at * self.width..(at + 1) * self.width]
    }

    /// Whether anyone is ready below a node, and may fit.
    fn may_fit(&self, at: usize, free: &[u64]) -> bool {
        fits(self.node(at), free)
    }

    pub(super) fn insert(&mut self, place: u32, demand: &[u64]) {
        let at = self.leaves + place as usize;
        self.nodes[at * self.width..(at + 1) * self.width].copy_from_slice(demand);
        self.update(at);
    }

    pub(super) fn remove(&mut self, place: u32) {
        let at = self.leaves + place as usize;
        self.nodes[at * self.width..(at + 1) * self.width].fill(u64::MAX);
        self.update(at);
    }

    /// A leaf has changed: so do the nodes above it, up to the first that stays as it is.
    fn update(&mut self, leaf: usize) {
        let mut at = leaf / 2;
        while at > 0 {
            let mut same = true;
            for resource in 0..self.width {
                let of = |node: usize| self.nodes[node * self.width + resource];
                let least = of(2 * at).min(of(2 * at + 1));
                same &= std::mem::replace(&mut self.nodes[at * self.width + resource], least) == least;
            }
            if same {
                return;
            }
            at /= 2;
        }
    }

    /// The first place whose demand fits.
    pub(super) fn first(&self, free: &[u64]) -> Option<u32> {
        let mut at = 1;
        loop {
            if self.may_fit(at, free) {
                if at >= self.leaves {
                    return u32::try_from(at - self.leaves).ok();
                }
                at *= 2;
                continue;
            }
            // On to the next branch to the right; from the last one there is none.
            while at % 2 == 1 {
                at /= 2;
            }
            if at == 0 {
                return None;
            }
            at += 1;
        }
    }
}

/// Whether there is enough of each resource.
pub(super) fn fits(demand: &[u64], free: &[u64]) -> bool {
    demand.iter().zip(free).all(|(asked, free)| asked <= free)
}
