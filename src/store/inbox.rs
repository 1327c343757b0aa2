//! What waits to be written: many put, one takes, in batches. Putting wakes the one who takes only when there is something to
//! do at once, so that a thousand small records cost no thousand changes of threads.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// So many items are a batch.
const FULL: usize = 1024;

#[derive(Debug)]
pub(super) struct Inbox<T> {
    waiting: Mutex<Waiting<T>>,
    arrived: Condvar,
}

#[derive(Debug)]
struct Waiting<T> {
    items: Vec<T>,
    /// Somebody waits until what is here was taken.
    urgent: bool,
    closed: bool,
}

impl<T> Default for Inbox<T> {
    fn default() -> Self {
        let waiting = Waiting { items: Vec::new(), urgent: false, closed: false };
        Inbox { waiting: Mutex::new(waiting), arrived: Condvar::new() }
    }
}

impl<T> Inbox<T> {
    fn waiting(&self) -> MutexGuard<'_, Waiting<T>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts an item in; false if nobody will take it any more.
    pub fn put(&self, item: T, urgent: bool) -> bool {
        let mut waiting = self.waiting();
        if waiting.closed {
            return false;
        }
        waiting.items.push(item);
        waiting.urgent |= urgent;
        if urgent || waiting.items.len() == 1 || waiting.items.len() == FULL {
            self.arrived.notify_one();
        }
        true
    }

    /// All that is there, in order: at once if it is urgent or a full batch, else at the given time, and not before there is
    /// something.
    pub fn take(&self, when: Instant) -> Vec<T> {
        let mut waiting = self.waiting();
        while waiting.items.is_empty() {
            waiting = self.arrived.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        while !waiting.urgent && waiting.items.len() < FULL {
            let left = when.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            waiting = self.arrived.wait_timeout(waiting, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        waiting.urgent = false;
        std::mem::take(&mut waiting.items)
    }

    /// Nobody takes any more.
    pub fn close(&self) {
        self.waiting().closed = true;
    }
}
