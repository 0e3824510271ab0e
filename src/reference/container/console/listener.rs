//! Those who hear what a process writes, as it writes it.
//!
//! Nothing is lost: whoever is too slow makes the process wait, and holds no more than a megabyte of what it wrote.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::Notify;

use super::Source;

/// A listener that holds as much makes the writer wait, as dockerd's pipes do.
const LIMIT: usize = 1_000_000;

/// What a listener has still to hear.
#[derive(Debug)]
pub(super) struct Listener {
    output: bool,
    error: bool,
    queue: Mutex<Queue>,
    filled: Notify,
    drained: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    chunks: VecDeque<(Source, Bytes)>,
    bytes: usize,
    ended: bool,
}

impl Listener {
    pub(super) fn new(output: bool, error: bool) -> Self {
        Self { output, error, queue: Mutex::default(), filled: Notify::new(), drained: Notify::new() }
    }

    /// Tells it what was written.
    pub(super) fn push(&self, source: Source, bytes: &Bytes) {
        let wanted = match source {
            Source::Output => self.output,
            Source::Error => self.error,
        };
        if !wanted || bytes.is_empty() {
            return;
        }
        let mut queue = self.lock();
        if !queue.ended {
            queue.bytes += bytes.len();
            queue.chunks.push_back((source, bytes.clone()));
            self.filled.notify_one();
        }
    }

    /// There will be nothing more; what is there can still be read.
    pub(super) fn end(&self) {
        self.lock().ended = true;
        self.filled.notify_one();
        self.drained.notify_waiters();
    }

    /// Nobody listens any more.
    pub(super) fn leave(&self) {
        let mut queue = self.lock();
        *queue = Queue { ended: true, ..Queue::default() };
        self.drained.notify_waiters();
    }

    pub(super) fn has_left(&self) -> bool {
        let queue = self.lock();
        queue.ended && queue.chunks.is_empty()
    }

    /// Waits until it holds less than the limit.
    pub(super) async fn room(&self) {
        loop {
            let drained = self.drained.notified();
            tokio::pin!(drained);
            drained.as_mut().enable();
            {
                let queue = self.lock();
                if queue.ended || queue.bytes < LIMIT {
                    return;
                }
            }
            drained.await;
        }
    }

    /// The next chunk; `None` at the end.
    pub(super) async fn next(&self) -> Option<(Source, Bytes)> {
        loop {
            let filled = self.filled.notified();
            {
                let mut queue = self.lock();
                if let Some((source, bytes)) = queue.chunks.pop_front() {
                    queue.bytes -= bytes.len();
                    if queue.bytes < LIMIT {
                        self.drained.notify_waiters();
                    }
                    return Some((source, bytes));
                }
                if queue.ended {
                    return None;
                }
            }
            filled.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
