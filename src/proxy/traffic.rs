//! What passes, in numbers: for `--metrics`. Counting costs an addition a read.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::model::Side;

/// Counters of a proxy, from its start on.
#[derive(Debug, Default)]
pub struct Traffic {
    accepted: AtomicU64,
    closed: AtomicU64,
    from_clients: AtomicU64,
    from_daemons: AtomicU64,
    judging: AtomicU64,
}

/// A connection that is open.
#[derive(Debug)]
pub(super) struct Open(Arc<Traffic>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.closed.fetch_add(1, Ordering::Relaxed);
    }
}

impl Traffic {
    /// Client connections that were accepted.
    #[must_use]
    pub fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::Relaxed)
    }

    /// Client connections that are open.
    #[must_use]
    pub fn open(&self) -> u64 {
        self.accepted().saturating_sub(self.closed.load(Ordering::Relaxed))
    }

    /// Bytes that were read of this side.
    #[must_use]
    pub fn bytes(&self, side: Side) -> u64 {
        self.of(side).load(Ordering::Relaxed)
    }

    /// Time that the judge has worked.
    #[must_use]
    pub fn judging(&self) -> Duration {
        Duration::from_nanos(self.judging.load(Ordering::Relaxed))
    }

    /// One more connection, until what is returned is dropped.
    pub(super) fn opens(traffic: &Arc<Self>) -> Open {
        traffic.accepted.fetch_add(1, Ordering::Relaxed);
        Open(Arc::clone(traffic))
    }

    pub(super) fn passes(&self, side: Side, bytes: usize) {
        self.of(side).fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(super) fn judged(&self, time: Duration) {
        self.judging.fetch_add(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    const fn of(&self, side: Side) -> &AtomicU64 {
        match side {
            Side::Client => &self.from_clients,
            Side::Daemon => &self.from_daemons,
        }
    }
}
