//! Taking a connection out of hyper's hands.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::{Buf as _, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use std::sync::Arc;

use super::super::answer::{Conversation, Duplex};

/// What waits to be done when a connection has left HTTP: the head to write, and what follows it, if anything.
type Due = (Vec<u8>, Option<Conversation>);

/// Where the service leaves a hijack, and the connection finds it.
#[derive(Default)]
pub(super) struct Handover {
    due: Mutex<Option<Due>>,
    defers_end: AtomicBool,
}

impl Handover {
    /// Whether the end of what the client sends is kept from hyper, which would drop the request.
    pub(super) fn defer_end(&self, defer: bool) {
        self.defers_end.store(defer, Ordering::Relaxed);
    }

    /// Leaves a head and what follows it.
    pub(super) fn leave(&self, head: Vec<u8>, conversation: Option<Conversation>) {
        *self.due.lock().unwrap_or_else(PoisonError::into_inner) = Some((head, conversation));
    }

    /// Whether something was left.
    pub(super) fn is_due(&self) -> bool {
        self.due.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Takes what was left.
    pub(super) fn take(&self) -> Option<Due> {
        self.due.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// A stream whose end can be kept back.
pub(super) struct Guarded<S> {
    stream: S,
    handover: Arc<Handover>,
    ended: bool,
}

impl<S> Guarded<S> {
    pub(super) fn new(stream: S, handover: Arc<Handover>) -> Self {
        Self { stream, handover, ended: false }
    }

    pub(super) fn into_inner(self) -> S {
        self.stream
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Guarded<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buffer.filled().len();
        if !this.ended {
            match Pin::new(&mut this.stream).poll_read(context, buffer) {
                Poll::Ready(Ok(())) if buffer.filled().len() == before && buffer.remaining() > 0 => this.ended = true,
                other => return other,
            }
        }
        // hyper reads again after it has written an answer, and sees the end then.
        if this.handover.defers_end.load(Ordering::Relaxed) { Poll::Pending } else { Poll::Ready(Ok(())) }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Guarded<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, context: &mut Context<'_>, slices: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

/// A stream with what was read from it too early in front.
pub(super) struct Rewound<S> {
    early: Bytes,
    stream: S,
}

impl<S> Rewound<S> {
    pub(super) fn new(early: Bytes, stream: S) -> Self {
        Self { early, stream }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Rewound<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.early.is_empty() {
            return Pin::new(&mut self.stream).poll_read(context, buffer);
        }
        let count = self.early.len().min(buffer.remaining());
        buffer.put_slice(&self.early[..count]);
        self.early.advance(count);
        Poll::Ready(Ok(()))
    }
}

impl<S: Duplex + Unpin> Duplex for Rewound<S> {
    fn reset_on_close(&self) {
        self.stream.reset_on_close();
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Rewound<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
