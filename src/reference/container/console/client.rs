//! What a client holds of a console: its ear, its keyboard, and the run that it waits for.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::watch;

use super::listener::Listener;
use super::stdin::Stdin;
use super::{Console, Reader, Run, Source};

/// A client that listens. What it has not heard yet makes the process wait, until it is dropped.
#[derive(Debug)]
pub(in crate::reference) struct Listening {
    pub(super) console: Console,
    pub(super) listener: Arc<Listener>,
    pub(super) replay: Option<Reader>,
}

impl Listening {
    /// What was kept of before; only once, and before anything else is heard.
    pub(in crate::reference) fn take_replay(&mut self) -> Option<Reader> {
        self.replay.take()
    }

    /// Hears nothing more; what was written until now can still be read.
    pub(in crate::reference) fn stop(&self) {
        self.listener.end();
    }

    /// The next that was written; `None` at the end of the process.
    pub(in crate::reference) async fn next(&self) -> Option<(Source, Bytes)> {
        self.listener.next().await
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.listener.leave();
        self.console.lock().listeners.retain(|listener| !Arc::ptr_eq(listener, &self.listener));
    }
}

/// The standard input of one run.
#[derive(Debug, Clone)]
pub(in crate::reference) struct Keyboard(pub(super) Arc<Stdin>);

impl Keyboard {
    /// Sends bytes to the process; false when it reads no more.
    pub(in crate::reference) async fn write(&self, bytes: Bytes) -> bool {
        self.0.write(bytes).await
    }

    /// The end of the process's input.
    pub(in crate::reference) fn close(&self) {
        self.0.close();
    }
}

/// A run of the process.
#[derive(Debug)]
pub(in crate::reference) struct Running {
    pub(super) runs: watch::Receiver<Run>,
    pub(super) number: u64,
}

impl Running {
    pub(super) fn goes_on(&self) -> bool {
        let run = *self.runs.borrow();
        run.open && run.number == self.number
    }

    /// Returns when this run has ended.
    pub(in crate::reference) async fn ended(mut self) {
        let number = self.number;
        // The console is gone: so is its process.
        let _ = self.runs.wait_for(|run| run.number != number || !run.open).await;
    }
}
