//! What attached clients send to a process: one pipe for all of them, with a short buffer, there before the process is.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::Notify;

/// So many bytes wait for the process, then its clients wait.
const LIMIT: usize = 64 * 1024;

/// The standard input of one run of a process.
#[derive(Debug, Default)]
pub(super) struct Stdin {
    queue: Mutex<Queue>,
    filled: Notify,
    drained: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    chunks: VecDeque<Bytes>,
    bytes: usize,
    /// No more will be written.
    closed: bool,
    /// Nobody will read any more.
    gone: bool,
}

impl Stdin {
    /// Sends bytes; false when nobody reads any more or it was closed.
    pub(super) async fn write(&self, bytes: Bytes) -> bool {
        loop {
            let drained = self.drained.notified();
            tokio::pin!(drained);
            drained.as_mut().enable();
            {
                let mut queue = self.lock();
                if queue.closed || queue.gone {
                    return false;
                }
                if queue.bytes < LIMIT {
                    queue.bytes += bytes.len();
                    queue.chunks.push_back(bytes);
                    self.filled.notify_one();
                    return true;
                }
            }
            drained.await;
        }
    }

    /// The end of the process's input, behind what was sent.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.filled.notify_one();
        self.drained.notify_waiters();
    }

    /// The process has ended.
    pub(super) fn abandon(&self) {
        *self.lock() = Queue { gone: true, ..Queue::default() };
        self.filled.notify_one();
        self.drained.notify_waiters();
    }

    /// The next bytes for the process; `None` at the end.
    pub(super) async fn read(&self) -> Option<Bytes> {
        loop {
            let filled = self.filled.notified();
            {
                let mut queue = self.lock();
                if let Some(bytes) = queue.chunks.pop_front() {
                    queue.bytes -= bytes.len();
                    self.drained.notify_waiters();
                    return Some(bytes);
                }
                if queue.closed || queue.gone {
                    return None;
                }
            }
            filled.await;
        }
    }

    /// Returns when the process has ended.
    pub(super) async fn gone(&self) {
        loop {
            let drained = self.drained.notified();
            tokio::pin!(drained);
            drained.as_mut().enable();
            if self.lock().gone {
                return;
            }
            drained.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
