//! The recording as a daemon: one live connection.

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::script::{Script, Unmatched};
use super::stage::Turn;
use crate::model::Side;
use crate::transcript::What;
use crate::wire::{BodyDecoder, BodyItem, BodyLength, Head, HeadRead, HeadReader};

/// Bytes that are read at once.
const READ: usize = 64 << 10;
/// A body larger than this is no request that is looked up.
const BODY_LIMIT: usize = 1 << 30;
/// More than this is not read of what comes behind a request while it is answered.
const AHEAD_LIMIT: usize = 1 << 20;

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It is to be closed.
    Closed,
    /// The recorded one was reset here: it is to be reset.
    Reset,
}

/// Answers the requests of a connection until it ends, as the recording has them.
pub async fn connection<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S, script: &Script) -> Ending {
    let (reader, mut writer) = tokio::io::split(stream);
    let mut inbox = Inbox { reader, held: BytesMut::new(), ended: false };
    while let Some(request) = inbox.request(&mut writer).await {
        let Ok((head, body)) = request else {
            let _ = refuse(&mut writer, b"GET", "400 Bad Request", "this is no request of HTTP/1").await;
            break;
        };
        let turn = match script.claim(&head, &body) {
            Ok(turn) => turn,
            Err(unmatched) => {
                let Unmatched { request, nearest, .. } = &unmatched;
                let message = format!("plimsoll replay: the recording has no {request}; {nearest}");
                if refuse(&mut writer, head.method(), "501 Not Implemented", &message).await.is_err() {
                    break;
                }
                continue;
            }
        };
        let played = {
            let turn = OnStage { script, turn: &turn };
            tokio::select! {
                played = turn.play(&mut writer) => played,
                () = inbox.follow(&turn) => Played::Gone,
            }
        };
        match played {
            Played::GoesOn => {}
            Played::Reset => return Ending::Reset,
            Played::Gone => break,
            Played::Open => {
                inbox.drain().await;
                break;
            }
        }
    }
    // A client that has gone has no use for it.
    let _ = writer.shutdown().await;
    Ending::Closed
}

/// What is after an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Played {
    /// The next request.
    GoesOn,
    /// Nothing before the client ends.
    Open,
    Reset,
    /// The client takes no more.
    Gone,
}

/// A turn leaves the stage whatever becomes of its connection.
struct OnStage<'a> {
    script: &'a Script,
    turn: &'a Turn,
}

impl Drop for OnStage<'_> {
    fn drop(&mut self) {
        self.script.stage.leave(self.turn);
    }
}

impl OnStage<'_> {
    async fn play<W: AsyncWrite + Unpin>(&self, writer: &mut W) -> Played {
        let part = self.script.part(self.turn);
        let mut from = part.from;
        // The ends behind a whole answer are played if the daemon closed first. Otherwise the client may send another request.
        let last_bytes = part.steps.iter().rposition(|step| matches!(step.what, What::Bytes(_)));
        for (index, step) in part.steps.iter().enumerate() {
            let behind = part.is_complete && last_bytes.is_none_or(|last| index > last);
            if behind && part.client_ends_before(step.order) {
                return Played::GoesOn;
            }
            self.script.stage.played(self.turn, step.order);
            self.script.stage.until(self.turn, from, step.order).await;
            let written = match &step.what {
                What::Bytes(bytes) => writer.write_all(bytes).await,
                What::Closed => writer.shutdown().await,
                What::Reset => return Played::Reset,
            };
            if written.is_err() {
                return Played::Gone;
            }
            if step.what == What::Closed {
                self.script.stage.played(self.turn, u64::MAX);
                return Played::Open;
            }
            from = step.order;
        }
        self.script.stage.played(self.turn, u64::MAX);
        if part.is_complete { Played::GoesOn } else { Played::Open }
    }
}

/// What the client sends.
struct Inbox<R> {
    reader: R,
    held: BytesMut,
    ended: bool,
}

/// A request's head and decoded body; an error when it is none.
type Request = Result<(Head, Vec<u8>), ()>;

impl<R: AsyncRead + Unpin> Inbox<R> {
    /// Reads what there is; 0 at the end.
    async fn more(&mut self) -> usize {
        self.held.reserve(READ);
        // A reset connection has ended, too.
        let count = if self.ended { 0 } else { self.reader.read_buf(&mut self.held).await.unwrap_or(0) };
        self.ended |= count == 0;
        count
    }

    /// The next request; `None` when the client has ended.
    async fn request<W: AsyncWrite + Unpin>(&mut self, writer: &mut W) -> Option<Request> {
        let mut reader = HeadReader::new(Side::Client);
        let head = loop {
            let mut input = std::mem::take(&mut self.held).freeze();
            let read = reader.push(&mut input);
            self.held = BytesMut::from(&input[..]);
            match read {
                HeadRead::Complete(head, _) => break head,
                HeadRead::Lost(_) => return Some(Err(())),
                HeadRead::Incomplete if self.more().await == 0 => return None,
                HeadRead::Incomplete => {}
            }
        };
        if head.has_token("Expect", "100-continue") && writer.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await.is_err() {
            return None;
        }
        let (mut decoder, _) = BodyDecoder::new(BodyLength::of_request(&head, &mut Vec::new()));
        let mut body = Vec::new();
        while !decoder.is_complete() {
            let mut input = std::mem::take(&mut self.held).freeze();
            while !decoder.is_complete()
                && let Some(item) = decoder.next(&mut input)
            {
                match item {
                    BodyItem::Data(data) => body.extend_from_slice(&data),
                    BodyItem::ChunkEnd => {}
                    BodyItem::End => break,
                    BodyItem::Flaw(_) | BodyItem::Lost => return Some(Err(())),
                }
            }
            self.held = BytesMut::from(&input[..]);
            if body.len() > BODY_LIMIT {
                return Some(Err(()));
            }
            if !decoder.is_complete() && self.more().await == 0 {
                return None;
            }
        }
        Some(Ok((head, body)))
    }

    /// Goes on reading while an answer is played: what is behind a hijack is counted, anything else is the next request. Never ready.
    async fn follow(&mut self, on: &OnStage<'_>) {
        let is_tail = on.script.part(on.turn).hijacked;
        loop {
            if is_tail && !self.held.is_empty() {
                on.script.stage.heard(on.turn, Some(self.held.len()));
                self.held.clear();
            }
            if self.ended || self.held.len() > AHEAD_LIMIT {
                return std::future::pending().await;
            }
            if self.more().await == 0 {
                on.script.stage.heard(on.turn, None);
            }
        }
    }

    /// Waits for the end.
    async fn drain(&mut self) {
        while self.more().await > 0 {
            self.held.clear();
        }
    }
}

/// An answer in plimsoll's own name, in the daemon's error format.
async fn refuse<W: AsyncWrite + Unpin>(writer: &mut W, method: &[u8], status: &str, message: &str) -> std::io::Result<()> {
    let body = serde_json::json!({ "message": message }).to_string();
    let head = format!("HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n", body.len());
    let body = if method == b"HEAD" { "" } else { &body };
    writer.write_all(&Bytes::from([head.as_bytes(), body.as_bytes()].concat())).await?;
    writer.flush().await
}
