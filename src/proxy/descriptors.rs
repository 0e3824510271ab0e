//! How many connections there are file descriptors for.
//!
//! Who accepts more than that has a client and no descriptor left for the daemon: the client is refused, or all wait for each other. So nobody is
//! accepted without a seat; the others wait in the socket's backlog, as they do for a daemon that is busy. It never raises the limit.

use std::io::{self, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{Listener, Stream};

/// What a connection takes: the client's, the daemon's, and the other end of that one where the daemon is built in.
const PER_CONNECTION: usize = 3;
/// Kept for reports, recordings, listeners, the runtime, and the clients that only ask for metrics.
const RESERVE: usize = 28;
/// Where no limit is known, and the most there ever are.
const PLENTY: usize = 1 << 20;

/// Connections that the process has room for: at least one. Plenty, where the system does not say.
pub(super) fn room() -> usize {
    std::fs::read_to_string("/proc/self/limits").ok().and_then(|limits| soft_limit(&limits)).map_or(PLENTY, room_in)
}

fn room_in(limit: usize) -> usize {
    (limit.saturating_sub(RESERVE) / PER_CONNECTION).clamp(1, PLENTY)
}

/// `Max open files            1024                 524288               files`
fn soft_limit(limits: &str) -> Option<usize> {
    limits.lines().find_map(|line| line.strip_prefix("Max open files"))?.split_whitespace().next()?.parse().ok()
}

/// Places for connections.
#[derive(Debug)]
pub(super) struct Seats {
    free: Arc<Semaphore>,
    all: usize,
    /// That the last one was taken has been said.
    said: AtomicBool,
}

impl Seats {
    pub(super) fn new(room: usize) -> Self {
        Self { free: Arc::new(Semaphore::new(room)), all: room, said: AtomicBool::new(false) }
    }

    /// The next client, as soon as there is room for it; its seat is free again when what is returned with it is dropped.
    pub(super) async fn next(&self, listener: &Listener) -> (io::Result<Stream>, OwnedSemaphorePermit) {
        if self.free.available_permits() == 0 && !self.said.swap(true, Ordering::Relaxed) {
            // Nobody is left to tell when standard error is closed.
            let _ = writeln!(
                io::stderr(),
                "plimsoll: {} connections are open, which is what the limit of open files leaves room for (ulimit -n); the next wait for one to end",
                self.all
            );
        }
        let seat = Arc::clone(&self.free).acquire_owned().await.expect("the semaphore is never closed");
        (listener.accept().await, seat)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_room_that_a_limit_leaves() {
        let limits = "Limit  Soft Limit  Hard Limit  Units\nMax open files            1024                 524288               files \n";
        assert_eq!(soft_limit(limits).map(room_in), Some(332));
        assert_eq!(soft_limit("Max open files  unlimited  unlimited  files\n"), None);
        assert_eq!([room_in(0), room_in(64), room_in(usize::MAX)], [1, 12, PLENTY]);
    }
}
