//! Faults and odd deliveries of a stream of frames: attach and exec on their bare connection, logs in their chunks.

use std::time::Duration;

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex, split};

use super::super::answer::{Conversation, Socket};

/// What can be done to a stream of frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Bend {
    StreamType,
    Unframed,
    Padding,
    ZeroLength,
    ShortLength,
    Truncated,
    OneByteWrites,
    JoinedHead,
    LargeFrames,
    SplitCharacters,
    EmptyFrames,
}

/// Bytes of a frame header.
const HEADER: usize = 8;
/// Frames are joined until they hold more than dockerd's 32 KiB, or nothing came for [`PATIENCE`].
const LARGE: usize = 100_000;
/// So long is waited for more to join.
const PATIENCE: Duration = Duration::from_millis(100);
/// Between the head of a hijack and a first frame that is to be joined with it.
const BREATH: Duration = Duration::from_secs(2);
/// Bytes on their way to the client.
const PIPE: usize = 64 * 1024;

/// What comes out: one write each.
type Writes = Vec<Bytes>;

/// Takes the bytes of a stream as they come, and gives those that go out instead.
#[derive(Debug)]
pub(in super::super) struct Bender {
    bend: Bend,
    held: BytesMut,
    is_done: bool,
    /// Frames of one stream, waiting to be one: the stream, and what they hold.
    joined: Option<(u8, BytesMut)>,
}

impl Bender {
    pub(in super::super) fn new(bend: Bend) -> Self {
        Self { bend, held: BytesMut::new(), is_done: false, joined: None }
    }

    /// Takes bytes; whether the stream is to end behind what comes out.
    pub(in super::super) fn push(&mut self, bytes: &[u8]) -> (Writes, bool) {
        self.held.extend_from_slice(bytes);
        let mut out = Writes::new();
        while let Some((stream, payload)) = self.frame() {
            let is_first = !self.is_done && !payload.is_empty();
            self.is_done |= is_first;
            let frame = |length: usize, payload: &[u8]| header_and(stream, 0, length, payload);
            match self.bend {
                Bend::StreamType if is_first => out.push(header_and(7, 0, payload.len(), &payload)),
                Bend::Padding if is_first => out.push(header_and(stream, 1, payload.len(), &payload)),
                Bend::ZeroLength if is_first => out.push(frame(0, &payload)),
                Bend::ShortLength if is_first => out.push(frame(payload.len() - 1, &payload)),
                Bend::Truncated if is_first => {
                    out.push(frame(payload.len(), &payload[..payload.len() / 2]));
                    return (out, true);
                }
                Bend::Unframed => out.push(payload),
                Bend::SplitCharacters => {
                    // Cut before the second byte of a character if there is one, else in the middle.
                    let inside = payload.iter().position(|byte| byte & 0b1100_0000 == 0b1000_0000).unwrap_or(payload.len() / 2);
                    out.push(frame(inside, &payload[..inside]));
                    out.push(frame(payload.len() - inside, &payload[inside..]));
                }
                Bend::EmptyFrames => {
                    out.push(frame(0, &[]));
                    out.push(frame(payload.len(), &payload));
                }
                Bend::LargeFrames => self.join(stream, &payload, &mut out),
                Bend::OneByteWrites => out.extend(frame(payload.len(), &payload).chunks(1).map(Bytes::copy_from_slice)),
                _ => out.push(frame(payload.len(), &payload)),
            }
        }
        (out, false)
    }

    /// What was held back, at the end or when nothing has come for a while.
    pub(in super::super) fn flush(&mut self) -> Writes {
        self.joined.take().map(|(stream, payload)| header_and(stream, 0, payload.len(), &payload)).into_iter().collect()
    }

    fn join(&mut self, stream: u8, payload: &[u8], out: &mut Writes) {
        if self.joined.as_ref().is_some_and(|(other, held)| *other != stream || held.len() >= LARGE) {
            out.append(&mut self.flush());
        }
        self.joined.get_or_insert_with(|| (stream, BytesMut::new())).1.extend_from_slice(payload);
    }

    /// The next whole frame. What is no frame (a TTY's bytes) is nobody's: it never becomes one.
    fn frame(&mut self) -> Option<(u8, Bytes)> {
        let (head, _) = self.held.split_first_chunk::<HEADER>()?;
        let [stream, _, _, _, length @ ..] = *head;
        let length = usize::try_from(u32::from_be_bytes(length)).ok()?;
        (self.held.len() >= HEADER + length).then(|| {
            self.held.advance(HEADER);
            (stream, self.held.split_to(length).freeze())
        })
    }
}

fn header_and(stream: u8, padding: u8, length: usize, payload: &[u8]) -> Bytes {
    let mut out = BytesMut::with_capacity(HEADER + payload.len());
    out.put_slice(&[stream, padding, 0, 0]);
    out.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
    out.put_slice(payload);
    out.freeze()
}

/// Puts a bender between a conversation and its socket. The head of a hijack that is to be joined with the first frame is written here.
pub(in super::super) fn bent(bend: Bend, conversation: Conversation, late_head: Vec<u8>) -> Conversation {
    Box::new(move |socket| {
        Box::pin(async move {
            let (near, far) = duplex(PIPE);
            let talk = tokio::spawn(conversation(Box::pin(near)));
            pump(bend, late_head, far, socket).await;
            // The client has gone, or was left: what goes on behind it does not matter any more.
            talk.abort();
        })
    })
}

async fn pump(bend: Bend, late_head: Vec<u8>, daemon: tokio::io::DuplexStream, socket: Socket) {
    let (mut from_client, mut to_client) = split(socket);
    let (mut from_daemon, mut to_daemon) = split(daemon);
    let upwards = async {
        // Either side may end first; the other direction then ends by itself.
        let _ = tokio::io::copy(&mut from_client, &mut to_daemon).await;
        let _ = to_daemon.shutdown().await;
        std::future::pending::<()>().await;
    };
    let downwards = async {
        let mut bender = Bender::new(bend);
        let mut first = Some(late_head).filter(|head| !head.is_empty());
        let mut buffer = BytesMut::with_capacity(PIPE);
        loop {
            let patience = if first.is_some() { BREATH } else { PATIENCE };
            let read = tokio::time::timeout(patience, from_daemon.read_buf(&mut buffer)).await;
            let (mut writes, ends) = match read {
                Ok(Ok(0) | Err(_)) => (bender.flush(), true),
                Ok(Ok(_)) => bender.push(&buffer.split()),
                Err(_) => (bender.flush(), false),
            };
            if let Some(head) = first.take_if(|_| !writes.is_empty() || ends || read.is_err()) {
                let mut joined = BytesMut::from(&head[..]);
                if !writes.is_empty() {
                    joined.extend_from_slice(&writes.remove(0));
                }
                writes.insert(0, joined.freeze());
            }
            for bytes in writes {
                if to_client.write_all(&bytes).await.is_err() || to_client.flush().await.is_err() {
                    return;
                }
                tokio::task::yield_now().await;
            }
            if ends {
                let _ = to_client.shutdown().await;
                return;
            }
        }
    };
    tokio::select! {
        () = upwards => {}
        () = downwards => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn out(bend: Bend) -> (Vec<Vec<u8>>, bool) {
        let mut bender = Bender::new(bend);
        let mut all = Vec::new();
        let mut ended = false;
        // Cut anywhere: the frames are put together again.
        for piece in b"\x01\0\0\0\0\0\0\x04h\xc3\xa4\n\x01\0\0\0\0\0\0\x02b\n".chunks(5) {
            let (writes, ends) = bender.push(piece);
            all.extend(writes);
            ended |= ends;
        }
        all.extend(bender.flush());
        (all.into_iter().map(|bytes| bytes.to_vec()).collect(), ended)
    }

    #[test]
    fn the_first_frame_is_bent() {
        for (bend, first) in [
            (Bend::StreamType, &b"\x07\0\0\0\0\0\0\x04h\xc3\xa4\n"[..]),
            (Bend::Padding, b"\x01\x01\0\0\0\0\0\x04h\xc3\xa4\n"),
            (Bend::ZeroLength, b"\x01\0\0\0\0\0\0\0h\xc3\xa4\n"),
            (Bend::ShortLength, b"\x01\0\0\0\0\0\0\x03h\xc3\xa4\n"),
            (Bend::Truncated, b"\x01\0\0\0\0\0\0\x04h\xc3"),
            (Bend::Unframed, b"h\xc3\xa4\n"),
            (Bend::SplitCharacters, b"\x01\0\0\0\0\0\0\x02h\xc3"),
            (Bend::EmptyFrames, b"\x01\0\0\0\0\0\0\0"),
            (Bend::LargeFrames, b"\x01\0\0\0\0\0\0\x06h\xc3\xa4\nb\n"),
            (Bend::OneByteWrites, b"\x01"),
            (Bend::JoinedHead, b"\x01\0\0\0\0\0\0\x04h\xc3\xa4\n"),
        ] {
            let (writes, ended) = out(bend);
            assert_eq!(writes.first().map(Vec::as_slice), Some(first), "{bend:?}");
            assert_eq!(ended, bend == Bend::Truncated, "{bend:?}");
        }
    }
}
