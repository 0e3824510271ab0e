//! One connection: two pumps and the order of their steps.
//!
//! Read, push to the judge, write, wake the judge. Pushing before writing stamps the bytes, so that no answer reaches the judge before its
//! request; waking it after writing means that the peer never waits for it.

use std::io;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::enforce::Turnstile;
use super::listen::{Stream, dial};
use super::{Address, Tap, refuse};
use crate::error::Error;
use crate::inspect::Seen;
use crate::model::Side;
use crate::wire::StreamEnd;

/// The first buffer of a direction; it grows while reads fill it.
const SMALL_READ: usize = 8 << 10;
/// Reads up to this size are copied.
const SHORT_READ: usize = 4 << 10;
/// The largest.
const LARGE_READ: usize = 256 << 10;

/// Relays a client's connection to the backend until both sides have ended.
///
/// The error says that the backend could not be reached; the client was told.
pub(super) async fn connection(client: Stream, backend: Address, number: u64, tap: Arc<Tap>) -> Result<(), Error> {
    let _open = tap.welcome();
    let daemon = match dial(&backend).await {
        Ok(daemon) => daemon,
        Err(error) => {
            let message = format!("cannot reach the daemon at {backend}: {error}");
            match client {
                Stream::Unix(mut client) => refuse::answer(&mut client, &message).await,
                Stream::Tcp(mut client) => refuse::answer(&mut client, &message).await,
            }
            return Err(Error::environment(message));
        }
    };
    if let Some(policy) = tap.policy() {
        let turnstile = Turnstile { number, tap: &tap, policy };
        match (client, daemon) {
            (Stream::Unix(client), Stream::Unix(daemon)) => turnstile.join(client, daemon).await,
            (Stream::Unix(client), Stream::Tcp(daemon)) => turnstile.join(client, daemon).await,
            (Stream::Tcp(client), Stream::Unix(daemon)) => turnstile.join(client, daemon).await,
            (Stream::Tcp(client), Stream::Tcp(daemon)) => turnstile.join(client, daemon).await,
        }
        return Ok(());
    }
    let link = Link { number, tap: &tap };
    match (client, daemon) {
        (Stream::Unix(mut client), Stream::Unix(mut daemon)) => link.join(client.split(), daemon.split()).await,
        (Stream::Unix(mut client), Stream::Tcp(mut daemon)) => link.join(client.split(), daemon.split()).await,
        (Stream::Tcp(mut client), Stream::Unix(mut daemon)) => link.join(client.split(), daemon.split()).await,
        (Stream::Tcp(mut client), Stream::Tcp(mut daemon)) => link.join(client.split(), daemon.split()).await,
    }
    Ok(())
}

#[derive(Clone, Copy)]
struct Link<'a> {
    number: u64,
    tap: &'a Tap,
}

/// Why a pump stopped.
#[derive(Debug, PartialEq, Eq)]
enum Stopped {
    /// The reader's side ended, and the end was passed on.
    Ended,
    /// The writer's side takes no more bytes.
    Refused,
}

impl Link<'_> {
    /// Both directions in one task: a stuck half cannot starve the other, and both stop together.
    async fn join<CR, CW, DR, DW>(self, client: (CR, CW), daemon: (DR, DW))
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
        tokio::select! {
            // A daemon that takes no more may still be answering, so its direction goes on; likewise after the client's half-close.
            _ = &mut up => {
                down.await;
            }
            stopped = &mut down => match stopped {
                // The daemon has ended: the client may still be sending, until it ends too or the daemon refuses.
                Stopped::Ended => {
                    up.await;
                }
                // The client is gone; so is what it would have sent.
                Stopped::Refused => {}
            },
        }
        self.tap.gone(self.number);
    }

    async fn pump<R, W>(self, side: Side, mut reader: R, mut writer: W) -> Stopped
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        let mut buffer = BytesMut::new();
        let mut size = SMALL_READ;
        loop {
            // Gives back the same memory when the judge has let go of the last read.
            buffer.reserve(size);
            match read_up_to(&mut reader, &mut buffer, size).await {
                Ok(0) => {
                    self.tap.push(self.number, side, Seen::End(StreamEnd::Closed));
                    // A half-close goes on at once; a peer that is gone already has no use for it.
                    let _ = writer.shutdown().await;
                    self.tap.judge();
                    return Stopped::Ended;
                }
                Ok(count) => {
                    // A short read is copied for the judge, so that it does not keep a whole buffer from being used again.
                    let written = if count <= SHORT_READ {
                        self.tap.push(self.number, side, Seen::Bytes(Bytes::copy_from_slice(&buffer)));
                        let written = writer.write_all(&buffer).await;
                        buffer.clear();
                        written
                    } else {
                        let bytes = buffer.split().freeze();
                        self.tap.push(self.number, side, Seen::Bytes(bytes.clone()));
                        writer.write_all(&bytes).await
                    };
                    if written.is_err() {
                        self.tap.push(self.number, side.other(), Seen::End(StreamEnd::Broken));
                        self.tap.judge();
                        return Stopped::Refused;
                    }
                    self.tap.judge();
                    self.tap.ready().await;
                    if count == size && size < LARGE_READ {
                        size *= 2;
                    }
                }
                Err(_) => {
                    self.tap.push(self.number, side, Seen::End(StreamEnd::Broken));
                    let _ = writer.shutdown().await;
                    self.tap.judge();
                    return Stopped::Ended;
                }
            }
        }
    }
}

async fn read_up_to<R: AsyncRead + Unpin>(reader: &mut R, buffer: &mut BytesMut, size: usize) -> io::Result<usize> {
    use bytes::BufMut as _;
    reader.read_buf(&mut buffer.limit(size)).await
}
