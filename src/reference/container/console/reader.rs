//! Those who read a container's log, at their own pace.

use super::log::Position;
use super::{Console, Record, Running};

/// Reads a log.
#[derive(Debug)]
pub(in crate::reference) struct Reader {
    pub(super) console: Console,
    pub(super) position: Position,
    /// Where the log ended when the reader was made.
    pub(super) until: u64,
    /// The run that it can follow.
    pub(super) running: Option<Running>,
}

impl Reader {
    /// The next records up to where the log ended when the reader was made; empty at the end.
    pub(in crate::reference) fn next(&self) -> Vec<Record> {
        self.take(self.until)
    }

    /// The next records, waiting for them while the process that ran when the reader was made still does; empty when it has ended.
    pub(in crate::reference) async fn follow(&self) -> Vec<Record> {
        loop {
            let logged = self.console.0.logged.notified();
            tokio::pin!(logged);
            logged.as_mut().enable();
            // In this order: what was written before the end is read.
            let open = self.running.as_ref().is_some_and(Running::goes_on);
            let records = self.take(u64::MAX);
            if !records.is_empty() || !open {
                return records;
            }
            logged.await;
        }
    }

    fn take(&self, until: u64) -> Vec<Record> {
        let inner = self.console.lock();
        let Some(log) = &inner.log else { return Vec::new() };
        let (records, next) = log.read(self.position.get(), until);
        self.position.set(next);
        drop(inner);
        self.console.0.read.notify_waiters();
        records
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.position.set(u64::MAX);
        self.console.0.read.notify_waiters();
    }
}
