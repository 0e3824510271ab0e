//! How many connections there are file descriptors for.
//!
//! Who accepts more than that has a client and no descriptor left for the daemon: the client is refused, or all wait for each other. So nobody is
//! accepted without a seat; the others wait in the socket's backlog, as they do for a daemon that is busy.
//!
//! The soft limit of a shell is often 1024, for the sake of programs that use `select`. Daemons in Go raise it to the hard limit when they start, and who stands
//! before one must not be the narrower of the two. It is left alone where a command is started that would inherit it.

use std::io::{self, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{Listener, Stream};

/// What a connection takes: the client's, the daemon's, and the other end of that one where the daemon is built in.
const PER_CONNECTION: usize = 3;
/// Kept for reports, recordings, listeners, the runtime, and the clients that only ask for metrics.
const RESERVE: usize = 28;
/// Where no limit is known, and the most there ever are.
const PLENTY: usize = 1 << 20;

/// Lets the process have as many descriptors as the system permits it. For programs that start no others.
pub fn raise() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    // Where it may not, there is room for fewer, which is said when they come.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
}

/// Connections that the process has room for: at least one. Plenty, where there is no limit.
pub(super) fn room() -> usize {
    getrlimit(Resource::Nofile).current.map_or(PLENTY, |limit| room_in(usize::try_from(limit).unwrap_or(usize::MAX)))
}

fn room_in(limit: usize) -> usize {
    (limit.saturating_sub(RESERVE) / PER_CONNECTION).clamp(1, PLENTY)
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
        assert_eq!(room_in(1024), 332);
        assert_eq!([room_in(0), room_in(64), room_in(usize::MAX)], [1, 12, PLENTY]);
    }
}
