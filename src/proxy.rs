//! The man in the middle: a relay of raw bytes with a tap.
//!
//! It is no HTTP client glued to an HTTP server: bytes go on as they are read, whatever they are, and the judge sees them on the side. Not one
//! byte is changed, withheld until parsed, joined with another read, reordered or dropped. In enforce mode (`proxy/enforce.rs`) the judge is asked
//! before a message goes on, and what it objects to does not.

mod address;
mod buffer;
mod descriptors;
mod enforce;
mod listen;
mod refuse;
mod relay;
mod tap;
mod tls;
mod traffic;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::error::Error;
use descriptors::Seats;

pub use address::Address;
pub use descriptors::raise as raise_descriptor_limit;
pub use listen::{Listener, Listening, Purpose, Stream};
pub use tap::{Recorder, Tap};
pub use tls::{ClientTls, Identity, Secured, ServerTls, Trust};
pub use traffic::Traffic;

/// How long connections may finish by themselves when the proxy stops.
const GRACE: Duration = Duration::from_millis(500);

/// Accepts connections until `stop` says so, each with a connection of its own to the backend.
///
/// Returns the error that kept the last connection from reaching the backend, if any did.
pub async fn serve(listener: Listener, backend: Address, tap: Arc<Tap>, mut stop: watch::Receiver<bool>) -> Result<(), Error> {
    let mut connections = JoinSet::new();
    let count = AtomicU64::new(0);
    let mut unreachable = None;
    let seats = Seats::new(descriptors::room());
    loop {
        tokio::select! {
            (accepted, seat) = seats.next(&listener) => {
                let Ok(client) = accepted else {
                    // Out of file descriptors, or a client that left again: the next one may do.
                    tokio::time::sleep(Duration::from_millis(10)).await;
                    continue;
                };
                let number = count.fetch_add(1, Ordering::Relaxed) + 1;
                let (backend, tap) = (backend.clone(), Arc::clone(&tap));
                connections.spawn(async move {
                    let _seat = seat;
                    relay::connection(client, backend, number, tap).await
                });
            }
            Some(done) = connections.join_next(), if !connections.is_empty() => {
                if let Ok(Err(error)) = done {
                    unreachable = Some(error);
                }
            }
            _ = stop.changed() => break,
        }
    }
    drop(listener);
    let drain = async {
        while let Some(done) = connections.join_next().await {
            if let Ok(Err(error)) = done {
                unreachable = Some(error);
            }
        }
    };
    // What is still open after the grace is cut; nothing that is unfinished is held against anybody.
    let _ = tokio::time::timeout(GRACE, drain).await;
    connections.shutdown().await;
    unreachable.map_or(Ok(()), Err)
}
