//! Units that go out as one and run in turn: what waits for what, when one of them belongs to a task of an earlier run, and
//! what becomes of the rest when one fails.

use std::collections::BTreeSet;
use std::time::Instant;

use super::{Desk, Out};
use crate::run::cluster::spool::Claim;
use crate::run::executor::Order;
use crate::run::spec::{JobError, Outcome};

impl Desk {
    pub(super) fn note_turn(&mut self, order: &Order) {
        for &before in order.turn.iter().flat_map(|turn| &turn.follows) {
            self.followers.entry(before).or_default().push(order.spec.job);
        }
    }

    /// Whether a job that one of these follows is not answered yet.
    pub(super) fn is_behind(&self, orders: &[Order]) -> bool {
        let mut follows = orders.iter().filter_map(|order| order.turn.as_ref()).flat_map(|turn| &turn.follows);
        follows.any(|before| self.followers.contains_key(before))
    }

    /// What a job's answer means for those that follow it: they may go on, or will not begin.
    pub(super) fn was_answered(&mut self, job: u32, success: bool) {
        let Some(followers) = self.followers.remove(&job) else { return };
        if success {
            return self.release();
        }
        for follower in followers {
            if let Some(order) = self.take_out(follower) {
                // Its place was cleared, and it has not begun.
                self.answer(Outcome { began: true, ..Outcome::not_begun(order.spec.job, JobError::Interrupted) });
            }
        }
    }

    /// The order of a job that is not to begin any more, wherever it is.
    fn take_out(&mut self, job: u32) -> Option<Order> {
        for list in [&mut self.ready, &mut self.held] {
            if let Some(at) = list.iter().position(|order| order.spec.job == job) {
                return Some(list.remove(at));
            }
        }
        let is_its = |(_, out): &(&String, &Out)| out.orders.iter().any(|order| order.spec.job == job);
        let key = self.out.iter().find(is_its)?.0.clone();
        let out = self.out.remove(&key)?;
        // Its node knows that, too; nobody else may begin it.
        let _ = out.spool.claim(super::endings::unit_name(&key), Claim::GivenUp);
        out.orders.into_iter().find(|order| order.spec.job == job)
    }

    /// Keeps orders back of which others are out in a task of an earlier run, until those are over.
    pub(super) fn hold(&mut self, orders: impl IntoIterator<Item = Order>) {
        self.held.extend(orders);
        self.release();
    }

    /// What follows nothing any more that is out is ready.
    fn release(&mut self) {
        if self.held.is_empty() {
            return;
        }
        let mut free: BTreeSet<u32> = self.held.iter().map(|order| order.spec.job).collect();
        loop {
            let waits = |order: &&Order| {
                let mut follows = order.turn.iter().flat_map(|turn| &turn.follows);
                follows.any(|before| self.followers.contains_key(before) && !free.contains(before))
            };
            let stuck = self.held.iter().filter(|order| free.contains(&order.spec.job)).find(waits);
            let Some(stuck) = stuck.map(|order| order.spec.job) else { break };
            free.remove(&stuck);
        }
        let (ready, held): (Vec<Order>, Vec<Order>) =
            std::mem::take(&mut self.held).into_iter().partition(|order| free.contains(&order.spec.job));
        self.held = held;
        let firsts: Vec<Option<u32>> = ready.iter().map(|order| order.turn.as_ref().map(|turn| turn.first)).collect();
        for mut order in ready {
            if let Some(turn) = &mut order.turn {
                turn.members = firsts.iter().filter(|first| **first == Some(turn.first)).count();
                turn.follows.retain(|before| free.contains(before));
            }
            self.since.get_or_insert_with(Instant::now);
            self.ready.push(order);
        }
    }
}
