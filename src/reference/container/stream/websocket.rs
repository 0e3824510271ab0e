//! The two directions of an attach over a WebSocket.

use std::io;

use bytes::{Bytes, BytesMut};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use super::conversation::{Inlet, Outlet};
use crate::reference::answer::Socket;
use crate::reference::container::console::Source;

/// A client's message may be as long.
const LONGEST: usize = 1 << 20;

/// The two directions; the handshake is over. Below 1.28 output goes out as text.
pub(super) async fn directions(socket: Socket, binary: bool) -> (Typing, Showing) {
    let config = WebSocketConfig::default().max_message_size(Some(LONGEST)).max_frame_size(Some(LONGEST));
    let (sink, stream) = WebSocketStream::from_raw_socket(socket, Role::Server, Some(config)).await.split();
    (Typing { stream }, Showing { sink, binary, cut: [BytesMut::new(), BytesMut::new()] })
}

/// What a client sends in messages of either kind.
pub(super) struct Typing {
    stream: SplitStream<WebSocketStream<Socket>>,
}

impl Inlet for Typing {
    async fn read(&mut self) -> Option<Bytes> {
        loop {
            match self.stream.next().await? {
                Ok(Message::Text(text)) => return Some(Bytes::copy_from_slice(text.as_bytes())),
                Ok(Message::Binary(bytes)) => return Some(bytes),
                Ok(Message::Close(_)) | Err(_) => return None,
                Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)) => {}
            }
        }
    }
}

/// What a client gets: a message for each piece of output.
pub(super) struct Showing {
    sink: SplitSink<WebSocketStream<Socket>, Message>,
    binary: bool,
    /// The beginnings of characters at the ends of pieces: text messages hold whole ones.
    cut: [BytesMut; 2],
}

impl Outlet for Showing {
    async fn write(&mut self, source: Source, bytes: Bytes) -> io::Result<()> {
        let message = if self.binary {
            Message::Binary(bytes)
        } else {
            let cut = &mut self.cut[usize::from(source == Source::Error)];
            cut.extend_from_slice(&bytes);
            let whole = cut.split_to(cut.len() - unfinished(cut));
            if whole.is_empty() {
                return Ok(());
            }
            Message::text(String::from_utf8_lossy(&whole).into_owned())
        };
        self.sink.send(message).await.map_err(io::Error::other)
    }
}

impl Showing {
    /// Says goodbye, and waits a moment for the client to do so.
    pub(super) async fn finish(mut self, mut from: Typing) {
        for cut in std::mem::take(&mut self.cut) {
            if !cut.is_empty() && self.sink.send(Message::text(String::from_utf8_lossy(&cut).into_owned())).await.is_err() {
                return;
            }
        }
        let close = CloseFrame { code: CloseCode::Normal, reason: "".into() };
        if self.sink.send(Message::Close(Some(close))).await.is_err() {
            // The client said goodbye first: the answer to it waits to be sent.
            let _ = self.sink.flush().await;
        }
        let rest = async { while from.read().await.is_some() {} };
        // A client that does not answer has had its time.
        let _ = tokio::time::timeout(super::conversation::LINGER, rest).await;
    }
}

/// How many bytes at the end begin a character that is not whole yet.
fn unfinished(bytes: &[u8]) -> usize {
    match std::str::from_utf8(bytes) {
        Err(error) if error.error_len().is_none() => bytes.len() - error.valid_up_to(),
        // Behind what is no UTF-8 at all, look at the end alone.
        Err(error) => match error.error_len() {
            Some(length) => unfinished(bytes.get(error.valid_up_to() + length..).unwrap_or_default()),
            None => 0,
        },
        Ok(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_character_is_not_cut() {
        for (bytes, expected) in [
            (&b"abc"[..], 0),
            ("aé".as_bytes(), 0),
            (&"aé".as_bytes()[..2], 1),
            (&"€".as_bytes()[..2], 2),
            (b"\xff\xffa", 0),
            (b"\xff\xe2\x82", 2),
            (b"", 0),
        ] {
            assert_eq!(unfinished(bytes), expected, "{bytes:?}");
        }
    }
}
