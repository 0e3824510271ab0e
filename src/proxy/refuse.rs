//! What a client gets from plimsoll instead of the daemon's answer, in the daemon's own error format: a 502 when the daemon cannot be reached, and
//! in enforce mode 400 for a bad request and 502 for a bad answer.

use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::inspect::{Denial, Objection};
use crate::model::{ApiVersion, Enforcement, Violation};
use crate::wire::Frame;

/// A client that does not send its request within this time is not waited for.
const PATIENCE: Duration = Duration::from_secs(2);
/// The first version whose errors are JSON documents: Docker Engine API 1.24.
const JSON_ERRORS: ApiVersion = ApiVersion::new(24);
/// Longer than this nobody reads.
const LONGEST: usize = 600;

/// An answer of plimsoll's own.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reply<'a> {
    status: &'static str,
    /// The client asked by HEAD.
    bodiless: bool,
    /// Errors are texts.
    text: bool,
    pub(super) closes: bool,
    message: &'a str,
}

impl<'a> Reply<'a> {
    /// 502, after which the connection is closed.
    pub(super) const fn bad_gateway(message: &'a str) -> Self {
        Self { status: "502 Bad Gateway", bodiless: false, text: false, closes: true, message }
    }

    /// 400, after which the connection is closed.
    pub(super) const fn bad_request(message: &'a str) -> Self {
        Self { status: "400 Bad Request", bodiless: false, text: false, closes: true, message }
    }

    /// To what must not be asked.
    pub(super) fn denying(denial: &Denial, message: &'a str) -> Self {
        Self {
            status: "403 Forbidden",
            bodiless: &*denial.call.method == "HEAD",
            text: denial.call.api_version.is_some_and(|version| version < JSON_ERRORS),
            closes: !denial.goes_on,
            message,
        }
    }

    /// In place of what was objected to.
    pub(super) fn to(objection: &Objection, message: &'a str) -> Self {
        let call = &objection.violation.call;
        Self {
            status: if objection.action == Enforcement::Refused { "400 Bad Request" } else { "502 Bad Gateway" },
            bodiless: &*call.method == "HEAD",
            text: call.api_version.is_some_and(|version| version < JSON_ERRORS),
            closes: !objection.goes_on,
            message,
        }
    }

    /// As it goes over the wire.
    pub(super) fn bytes(self) -> Bytes {
        let (media, body) = if self.text {
            ("text/plain; charset=utf-8", format!("{}\n", self.message))
        } else {
            ("application/json", format!("{}\n", serde_json::json!({ "message": self.message })))
        };
        let mut text = format!("HTTP/1.1 {}\r\nContent-Type: {media}\r\nContent-Length: {}\r\n", self.status, body.len());
        if self.closes {
            text.push_str("Connection: close\r\n");
        }
        text.push_str("\r\n");
        if !self.bodiless {
            text.push_str(&body);
        }
        Bytes::from(text)
    }
}

/// Says who refuses, what, and why.
pub(super) fn words(objection: &Objection) -> String {
    let Violation { rule, call, place, message, expected, actual, .. } = &*objection.violation;
    let operation = call.operation.as_deref().unwrap_or("the request");
    let what = match objection.action {
        // What stood before the bad part of an archive is there.
        Enforcement::Refused if rule.area() == "tar" => format!("plimsoll refused {operation} before all of it reached the daemon"),
        Enforcement::Refused | Enforcement::Denied => format!("plimsoll refused {operation} before it reached the daemon"),
        Enforcement::Replaced => format!("plimsoll withheld the daemon's answer to {operation}"),
        Enforcement::Cut => format!("plimsoll cut {operation} here"),
    };
    let mut text = format!("{what}: {message}: {place}: expected {expected}, got {actual} ({rule})");
    if let Some((end, _)) = text.char_indices().nth(LONGEST) {
        text.truncate(end);
        text.push('…');
    }
    text
}

/// A frame of stream 3, an error of the daemon's side: without it a client takes a cut stream of frames for a whole one.
pub(super) fn error_frame(message: &str) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap_or_default();
    let mut frame = Frame { index: 0, offset: 0, stream: 3, length }.header().to_vec();
    frame.extend_from_slice(message.as_bytes());
    frame
}

/// Reads the request as far as it has come, and answers.
pub(super) async fn answer<S: AsyncRead + AsyncWrite + Unpin>(client: &mut S, reply: Reply<'_>) {
    let talk = async {
        let mut seen = Vec::new();
        while !seen.windows(4).any(|window| window == b"\r\n\r\n") && seen.len() < 64 << 10 {
            if client.read_buf(&mut seen).await? == 0 {
                break;
            }
        }
        client.write_all(&reply.bytes()).await?;
        close(client).await
    };
    let _ = tokio::time::timeout(PATIENCE, talk).await;
}

/// Ends a connection so that its client reads what was written: closing with unread bytes would reset it before.
pub(super) async fn linger<S: AsyncRead + AsyncWrite + Unpin>(client: &mut S) {
    // Whoever does not leave by then is left.
    let _ = tokio::time::timeout(PATIENCE, close(client)).await;
}

async fn close<S: AsyncRead + AsyncWrite + Unpin>(client: &mut S) -> std::io::Result<()> {
    client.shutdown().await?;
    tokio::io::copy(client, &mut tokio::io::sink()).await.map(drop)
}
