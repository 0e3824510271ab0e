//! How servers are told to stop, and how they tell that they listen.

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::error::Error;

/// The signals that stop a server.
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Signals {
    /// From now on none of them ends the process by itself.
    pub(super) fn listen() -> Result<Self, Error> {
        let listen = |kind| signal(kind).map_err(|error| Error::environment(format!("cannot listen for signals: {error}")));
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
            hangup: listen(SignalKind::hangup())?,
        })
    }

    /// Waits for one. Whether it was SIGINT; SIGTERM and SIGHUP are the regular way to stop.
    pub(super) async fn next(&mut self) -> bool {
        tokio::select! {
            _ = self.interrupt.recv() => true,
            _ = self.terminate.recv() => false,
            _ = self.hangup.recv() => false,
        }
    }
}

/// Standard output is for the report, so this goes to standard error; scripts wait for it.
pub(super) fn announce(text: &str) {
    use std::io::Write as _;
    super::progress::clear();
    // Nobody listens on standard error: then nobody waits.
    let _ = writeln!(std::io::stderr(), "plimsoll: {text}");
}
