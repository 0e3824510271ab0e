//! What was seen and is not judged yet: written by those who relay, emptied by the judge.
//!
//! Both are threads that have no time to lose, so what one of them writes lies apart from what the other does, and nothing here is counted by both.
//! It says how much waits; who is to wait for that is not its business.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Seen, Stamp};
use crate::model::Side;

/// What an entry costs beside its bytes.
const ENTRY_COST: usize = 256;
/// A queue that is longer than this is not kept for the next entries.
const KEPT_ENTRIES: usize = 4 << 10;

/// Which connection and side, what was seen, when and where.
pub(super) type Entry = (u64, Side, Seen, Stamp);

/// Entries in the order in which they were pushed.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    pushed: Apart<Pushed>,
    taken: Apart<Taken>,
}

/// Written by those who push.
#[derive(Debug, Default)]
struct Pushed {
    queue: Mutex<VecDeque<Entry>>,
    /// Bytes in all; it wraps. Changed with the queue locked.
    cost: AtomicUsize,
}

/// Written by the one who takes.
#[derive(Debug, Default)]
struct Taken {
    /// Bytes of what was judged; it wraps.
    cost: AtomicUsize,
}

/// On cache lines of its own; two, since processors fetch them in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Apart<T>(T);

impl Inbox {
    /// Adds an entry.
    pub(super) fn push(&self, entry: Entry) {
        let Pushed { queue, cost } = &self.pushed.0;
        let price = price(&entry);
        let mut queue = lock(queue);
        add(cost, price);
        queue.push_back(entry);
    }

    /// Puts all that was pushed into `batch`, which is empty.
    pub(super) fn take(&self, batch: &mut VecDeque<Entry>) {
        if batch.capacity() > KEPT_ENTRIES {
            *batch = VecDeque::new();
        }
        std::mem::swap(&mut *lock(&self.pushed.0.queue), batch);
    }

    /// For the prices of entries that were taken: they wait no more when what is returned is dropped. For one thread at a time.
    pub(super) const fn judged(&self) -> Judged<'_> {
        Judged { inbox: self, prices: 0 }
    }

    /// Whether all is judged. Who pushes after that sees what the caller wrote before it.
    pub(super) fn is_empty(&self) -> bool {
        let _queue = lock(&self.pushed.0.queue);
        self.waiting() == 0
    }

    /// Bytes that were pushed and are not judged.
    pub(super) fn waiting(&self) -> usize {
        // In this order: what is judged was pushed before.
        let judged = self.taken.0.cost.load(Ordering::Acquire);
        self.pushed.0.cost.load(Ordering::Acquire).wrapping_sub(judged)
    }
}

/// Said at its end, also by a judge that panics: what it was at would wait for ever.
#[derive(Debug)]
pub(super) struct Judged<'a> {
    inbox: &'a Inbox,
    /// Bytes.
    pub(super) prices: usize,
}

impl Drop for Judged<'_> {
    fn drop(&mut self) {
        add(&self.inbox.taken.0.cost, self.prices);
    }
}

/// What an entry takes of memory while it waits, in bytes; above 0.
pub(super) const fn price(entry: &Entry) -> usize {
    match &entry.2 {
        Seen::Bytes(bytes) => bytes.len() + ENTRY_COST,
        Seen::End(_) => ENTRY_COST,
    }
}

/// One thread writes at a time, so this needs no bus lock.
fn add(counter: &AtomicUsize, more: usize) {
    counter.store(counter.load(Ordering::Relaxed).wrapping_add(more), Ordering::Release);
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::StreamEnd;
    use bytes::Bytes;

    #[test]
    fn what_waits_is_what_was_pushed_and_not_judged() {
        let (inbox, mut batch) = (Inbox::default(), VecDeque::new());
        inbox.push((1, Side::Client, Seen::Bytes(Bytes::from_static(b"abc")), Stamp::default()));
        inbox.push((2, Side::Daemon, Seen::End(StreamEnd::Closed), Stamp::default()));
        inbox.take(&mut batch);
        inbox.push((3, Side::Client, Seen::End(StreamEnd::Broken), Stamp::default()));
        assert_eq!(batch.iter().map(|entry| entry.0).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(inbox.waiting(), 3 + 3 * ENTRY_COST);
        inbox.judged().prices = batch.drain(..).map(|entry| price(&entry)).sum();
        assert_eq!(inbox.waiting(), ENTRY_COST);
        assert!(!inbox.is_empty());
        inbox.judged().prices = ENTRY_COST;
        assert!(inbox.is_empty());
    }

    /// Otherwise the judge's thread would look for it again and again.
    #[test]
    fn what_was_judged_when_a_sink_panicked_waits_no_more() {
        let inspector = super::super::Inspector::new(super::super::Settings::default());
        let head = b"GET /v1.41/info HTTP/1.1\r\nHost: d\r\n\r\n";
        inspector.push(1, Side::Client, Seen::Bytes(Bytes::from_static(head)), None);
        for end in [Side::Client, Side::Daemon] {
            inspector.push(1, end, Seen::End(StreamEnd::Broken), None);
        }
        let panicking = std::panic::AssertUnwindSafe(|| inspector.judge(&mut |_| panic!("as a bug would")));
        assert!(std::panic::catch_unwind(panicking).is_err());
        inspector.judge(&mut |_| {});
        assert!(inspector.is_idle());
    }
}
