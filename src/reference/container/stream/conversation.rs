//! What goes on between a client and a console: of an attach, over a bare connection or a WebSocket, and of an exec.
//!
//! It follows dockerd in who closes what: the end of a client's input is the end of the process's input, or of the whole conversation, and the end of
//! the process is the end of the conversation.

use std::future::{Future, pending};
use std::io;
use std::pin::pin;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, ReadHalf, WriteHalf, split};

use crate::reference::answer::Socket;
use crate::reference::container::console::{Keyboard, Listening, Source};

use super::detach::{DetachKeys, Typed};
use super::frame::{LONGEST, header};

/// So long a connection stays open for a client to read the rest and leave.
pub(super) const LINGER: Duration = Duration::from_secs(5);

/// What a client is connected to.
#[derive(Debug)]
pub(in crate::reference) struct Attachment {
    /// Output and error, when it wants any of them.
    pub(in crate::reference) listening: Option<Listening>,
    /// Input, when it wants it and the process has one.
    pub(in crate::reference) keyboard: Option<Keyboard>,
    /// With a terminal the detach keys are looked for, and the client's end of input is the end of the conversation.
    pub(in crate::reference) tty: bool,
    /// The client's end of input is the process's.
    pub(in crate::reference) close_stdin: bool,
    /// The keys that end it.
    pub(in crate::reference) keys: DetachKeys,
}

/// How a conversation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::reference) enum Ending {
    /// By the end of the process or the client.
    Over,
    /// By the detach keys.
    Detached,
}

/// Where a client types.
pub(in crate::reference) trait Inlet: Send {
    /// What it typed; `None` at the end.
    fn read(&mut self) -> impl Future<Output = Option<Bytes>> + Send;
}

/// Where a client reads.
pub(in crate::reference) trait Outlet: Send {
    /// Sends a piece of output; the error is that the client left.
    fn write(&mut self, source: Source, bytes: Bytes) -> impl Future<Output = io::Result<()>> + Send;
}

/// Carries bytes both ways until it is over.
pub(in crate::reference) async fn converse(attachment: Attachment, inlet: &mut impl Inlet, outlet: &mut impl Outlet) -> Ending {
    let Attachment { listening, keyboard, tty, close_stdin, mut keys } = attachment;
    let closes = close_stdin && !tty;
    let mut ending = Ending::Over;
    let mut typing = pin!(async {
        match &keyboard {
            Some(keyboard) => type_in(keyboard, inlet, tty.then_some(&mut keys)).await,
            None => pending().await,
        }
    });
    if let Some(listening) = &listening {
        let mut showing = pin!(show(listening, outlet));
        tokio::select! {
            biased;
            () = &mut showing => {}
            how = &mut typing => {
                ending = how;
                match (&keyboard, closes) {
                    (Some(keyboard), true) => keyboard.close(),
                    // What was written until now still goes out.
                    _ => listening.stop(),
                }
                showing.await;
            }
        }
    } else if keyboard.is_some() {
        ending = typing.await;
    }
    if let (Some(keyboard), true) = (&keyboard, closes) {
        keyboard.close();
    }
    ending
}

/// From the client to the process. Never ends by the process: its outputs do.
async fn type_in(keyboard: &Keyboard, inlet: &mut impl Inlet, mut keys: Option<&mut DetachKeys>) -> Ending {
    while let Some(bytes) = inlet.read().await {
        let (bytes, detached) = match keys.as_mut().map(|keys| keys.look(bytes.clone())) {
            None => (bytes, false),
            Some(Typed::Keys(bytes)) => (bytes, false),
            Some(Typed::Detached(bytes)) => (bytes, true),
        };
        let read = bytes.is_empty() || keyboard.write(bytes).await;
        if detached {
            return Ending::Detached;
        }
        if !read {
            return pending().await;
        }
    }
    Ending::Over
}

/// From the process to the client, until one of them ends.
async fn show(listening: &Listening, outlet: &mut impl Outlet) {
    while let Some((source, mut bytes)) = listening.next().await {
        while !bytes.is_empty() {
            let piece = bytes.split_to(bytes.len().min(LONGEST));
            if outlet.write(source, piece).await.is_err() {
                return;
            }
        }
    }
}

/// The two directions of a bare connection.
pub(in crate::reference) fn directions(socket: Socket, framed: bool) -> (Bare, Stream) {
    let (read, write) = split(socket);
    (Bare { read, buffer: BytesMut::new() }, Stream { write, framed })
}

/// What a client sends on a bare connection.
pub(in crate::reference) struct Bare {
    read: ReadHalf<Socket>,
    buffer: BytesMut,
}

impl Inlet for Bare {
    async fn read(&mut self) -> Option<Bytes> {
        self.buffer.reserve(LONGEST);
        match self.read.read_buf(&mut self.buffer).await {
            Ok(0) | Err(_) => None,
            Ok(_) => Some(self.buffer.split().freeze()),
        }
    }
}

/// What a client gets on a bare connection: frames, or the bytes alone.
pub(in crate::reference) struct Stream {
    write: WriteHalf<Socket>,
    framed: bool,
}

impl Outlet for Stream {
    async fn write(&mut self, source: Source, bytes: Bytes) -> io::Result<()> {
        if self.framed {
            let head = header(source, bytes.len());
            self.write.write_all_buf(&mut Buf::chain(&head[..], bytes)).await?;
        } else {
            self.write.write_all(&bytes).await?;
        }
        self.write.flush().await
    }
}

impl Stream {
    /// Ends the connection so that the client can read everything: closed at once with something unread in it, it would be reset.
    pub(in crate::reference) async fn finish(mut self, mut from: Bare) {
        if self.write.shutdown().await.is_ok() {
            let rest = async { while from.read().await.is_some() {} };
            // A client that stays has had its time.
            let _ = tokio::time::timeout(LINGER, rest).await;
        }
    }
}
