//! TLS on either leg of a connection: how to dial a daemon, how to listen for clients.
//!
//! TLS is taken off one leg and put on the other, and nothing else: what is inside goes on as it is read. `close_notify` is a half-close, an end
//! without one is a connection that broke (RFC 8446, section 6.1). Certificates are read once, at the start.

mod client;
mod files;
mod sentence;
mod server;
mod unverified;

use std::sync::Arc;

use tokio::net::TcpStream;
use tokio_rustls::TlsStream;
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};

pub use client::{ClientTls, Identity, Trust};
pub use server::ServerTls;

pub(super) use server::greet;

/// A TCP connection in TLS, of either role.
pub type Secured = Box<TlsStream<TcpStream>>;

/// Go's HTTP server says so, in the clear, behind a TLS port.
const GO_WANTS_TLS: &[u8] = b"HTTP request to an HTTPS server";
/// The first bytes of a TLS alert (RFC 8446, sections 5.1 and B.1).
const ALERT: [u8; 2] = [21, 3];

/// Whether an answer to plain HTTP shows that TLS is spoken there: an alert, or what Go's HTTP server says.
pub(super) fn is_wanted_by(answer: &[u8]) -> bool {
    answer.starts_with(&ALERT) || memchr::memmem::find(&answer[..answer.len().min(1 << 10)], GO_WANTS_TLS).is_some()
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}
