//! One connection: two pumps and the order of their steps.
//!
//! Read, push to the judge, write, wake the judge. Pushing before writing stamps the bytes, so that no answer reaches the judge before its
//! request; waking it after writing means that the peer never waits for it.

use std::io;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsStream;

use super::buffer::ReadBuffer;
use super::enforce::Turnstile;
use super::listen::{Stream, dial};
use super::refuse::{self, Reply};
use super::{Address, Tap, tls};
use crate::error::Error;
use crate::inspect::Seen;
use crate::model::Side;
use crate::wire::StreamEnd;

/// Reads up to this size are copied.
const SHORT_READ: usize = 4 << 10;

/// Relays a client's connection to the backend until both sides have ended.
///
/// The error says that the backend could not be reached; the client was told.
pub(super) async fn connection(client: Stream, backend: Address, number: u64, tap: Arc<Tap>) -> Result<(), Error> {
    match client {
        Stream::Unix(client) => from(client, &backend, number, &tap).await,
        Stream::Tcp(client) => from(client, &backend, number, &tap).await,
        // In a box: otherwise every connection in the clear would keep room for it.
        Stream::Tls(client) => Box::pin(from(*client, &backend, number, &tap)).await,
    }
}

async fn from<C: Peer>(mut client: C, backend: &Address, number: u64, tap: &Tap) -> Result<(), Error> {
    let _open = tap.welcome();
    let trouble = Trouble { backend, what: OnceLock::new() };
    match dial(backend).await {
        Ok(Stream::Unix(daemon)) => between(client, daemon, number, tap, &trouble).await,
        Ok(Stream::Tcp(daemon)) => between(client, daemon, number, tap, &trouble).await,
        Ok(Stream::Tls(daemon)) => Box::pin(between(client, *daemon, number, tap, &trouble)).await,
        Err(error) => {
            let message = trouble.reach(&error.to_string());
            refuse::answer(&mut client, Reply::bad_gateway(&format!("plimsoll: {message}"))).await;
            return Err(Error::environment(message));
        }
    }
    trouble.what.into_inner().map_or(Ok(()), |message| Err(Error::environment(message)))
}

async fn between<C: Peer, D: Peer>(mut client: C, mut daemon: D, number: u64, tap: &Tap, trouble: &Trouble<'_>) {
    if let Some(policy) = tap.policy() {
        let turnstile = Turnstile { number, tap, policy, trouble, ends_in_words: C::ENDS_IN_WORDS };
        return Box::pin(turnstile.join(client, daemon)).await;
    }
    let stopped = Link { number, tap, trouble, ends_in_words: C::ENDS_IN_WORDS }.join(client.halves(), daemon.halves()).await;
    if let (Stopped::Rejected, Some(message)) = (stopped, trouble.what.get()) {
        drop(daemon);
        let reply = Reply::bad_gateway(&format!("plimsoll: {message}")).bytes();
        if client.write_all(&reply).await.is_ok() {
            refuse::linger(&mut client).await;
        }
    }
}

/// A stream whose two halves are used at once.
trait Peer: AsyncRead + AsyncWrite + Unpin + Send {
    /// Its end says whether all was sent.
    const ENDS_IN_WORDS: bool = false;

    fn halves(&mut self) -> (impl AsyncRead + Unpin + Send, impl AsyncWrite + Unpin + Send);
}

impl Peer for UnixStream {
    fn halves(&mut self) -> (impl AsyncRead + Unpin + Send, impl AsyncWrite + Unpin + Send) {
        self.split()
    }
}

impl Peer for TcpStream {
    fn halves(&mut self) -> (impl AsyncRead + Unpin + Send, impl AsyncWrite + Unpin + Send) {
        self.split()
    }
}

impl Peer for TlsStream<TcpStream> {
    const ENDS_IN_WORDS: bool = true;

    fn halves(&mut self) -> (impl AsyncRead + Unpin + Send, impl AsyncWrite + Unpin + Send) {
        tokio::io::split(self)
    }
}

/// What keeps a connection that was made from being one to a daemon.
#[derive(Debug)]
pub(super) struct Trouble<'a> {
    backend: &'a Address,
    what: OnceLock<String>,
}

impl Trouble<'_> {
    fn reach(&self, why: &str) -> String {
        format!("cannot reach the daemon at {}: {why}", self.backend)
    }

    /// The daemon has ended the connection before its first byte. The sentence, if that was for a certificate.
    pub(super) fn rejected(&self, error: &io::Error) -> Option<String> {
        let Address::Tls { tls, .. } = self.backend else { return None };
        let message = self.reach(&tls.rejection(error)?);
        Some(self.what.get_or_init(|| message).clone())
    }

    /// The daemon's first bytes. They go on whatever they are.
    pub(super) fn look(&self, first: &[u8]) {
        if matches!(self.backend, Address::Tcp(_)) && tls::is_wanted_by(first) {
            self.what.get_or_init(|| self.reach("it speaks TLS: write https://, or add --tlsverify"));
        }
    }
}

#[derive(Clone, Copy)]
struct Link<'a> {
    number: u64,
    tap: &'a Tap,
    trouble: &'a Trouble<'a>,
    /// The client can tell an end from a break.
    ends_in_words: bool,
}

/// Why a pump stopped.
#[derive(Debug, PartialEq, Eq)]
enum Stopped {
    /// The reader's side ended, and the end was passed on.
    Ended,
    /// The writer's side takes no more bytes.
    Refused,
    /// The daemon wants another certificate; the client has no answer yet.
    Rejected,
}

impl Link<'_> {
    /// Both directions in one task: a stuck half cannot starve the other, and both stop together.
    async fn join<CR, CW, DR, DW>(self, client: (CR, CW), daemon: (DR, DW)) -> Stopped
    where
        CR: AsyncRead + Unpin,
        CW: AsyncWrite + Unpin,
        DR: AsyncRead + Unpin,
        DW: AsyncWrite + Unpin,
    {
        let (client_reader, client_writer) = client;
        let (daemon_reader, daemon_writer) = daemon;
        let up = self.pump(Side::Client, client_reader, daemon_writer);
        let down = self.pump(Side::Daemon, daemon_reader, client_writer);
        tokio::pin!(up, down);
        let stopped = tokio::select! {
            // A daemon that takes no more may still be answering, so its direction goes on; likewise after the client's half-close.
            _ = &mut up => down.await,
            stopped = &mut down => {
                // The daemon has ended: the client may still be sending, until it ends too or the daemon refuses. Otherwise the client is gone, and so
                // is what it would have sent; or nobody is there to take it.
                if stopped == Stopped::Ended {
                    up.await;
                }
                stopped
            }
        };
        self.tap.gone(self.number);
        stopped
    }

    async fn pump<R, W>(self, side: Side, mut reader: R, mut writer: W) -> Stopped
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        let mut buffer = ReadBuffer::new();
        let mut begun = side == Side::Client;
        loop {
            match buffer.read(&mut reader).await {
                Ok(0) => {
                    self.tap.push(self.number, side, Seen::End(StreamEnd::Closed));
                    // A half-close goes on at once; a peer that is gone already has no use for it.
                    let _ = writer.shutdown().await;
                    self.tap.judge();
                    return Stopped::Ended;
                }
                Ok(count) => {
                    if !begun {
                        self.trouble.look(&buffer.bytes);
                        begun = true;
                    }
                    // A short read is copied for the judge, so that it does not keep a whole buffer from being used again.
                    let written = if count <= SHORT_READ {
                        self.tap.push(self.number, side, Seen::Bytes(Bytes::copy_from_slice(&buffer.bytes)));
                        let written = write(&mut writer, &buffer.bytes).await;
                        buffer.bytes.clear();
                        written
                    } else {
                        let bytes = buffer.bytes.split().freeze();
                        self.tap.push(self.number, side, Seen::Bytes(bytes.clone()));
                        write(&mut writer, &bytes).await
                    };
                    if written.is_err() {
                        // A client that takes no more is gone. A daemon may go on sending: its end is seen where it is read.
                        if side == Side::Daemon {
                            self.tap.push(self.number, Side::Client, Seen::End(StreamEnd::Broken));
                        }
                        self.tap.judge();
                        return Stopped::Refused;
                    }
                    self.tap.judge();
                    self.tap.ready().await;
                }
                Err(error) => {
                    self.tap.push(self.number, side, Seen::End(StreamEnd::Broken));
                    if !begun && self.trouble.rejected(&error).is_some() {
                        self.tap.judge();
                        return Stopped::Rejected;
                    }
                    if side == Side::Daemon && self.ends_in_words {
                        // `close_notify` would make a whole of what is not.
                        self.tap.judge();
                        return Stopped::Refused;
                    }
                    let _ = writer.shutdown().await;
                    self.tap.judge();
                    return Stopped::Ended;
                }
            }
        }
    }
}

/// All of it, down to the system: TLS keeps a record that the system did not take at once.
async fn write<W: AsyncWrite + Unpin>(writer: &mut W, bytes: &[u8]) -> io::Result<()> {
    writer.write_all(bytes).await?;
    writer.flush().await
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Thousands of connections may be open that do nothing.
    #[tokio::test]
    async fn a_connection_in_the_clear_takes_little_room() {
        let (client, _other) = UnixStream::pair().expect("a pair");
        let tap = Arc::new(Tap::new(crate::inspect::Settings::default(), None, |_| {}));
        let relayed = connection(Stream::Unix(client), Address::Reference, 1, tap);
        assert!(size_of_val(&relayed) <= 3 << 10, "{} bytes", size_of_val(&relayed));
    }
}
