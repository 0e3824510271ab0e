//! Faults and odd deliveries of an HTTP message: it is written by hand, wrong, and the connection then ends.

use std::fmt::Write as _;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use hyper::Response;
use hyper::body::Body as _;
use hyper::http::response::Parts;
use serde_json::Value;
use tokio::io::AsyncWriteExt as _;

use super::super::answer::{Conversation, Socket};
use super::super::server::Body;

/// What can be wrong with a message, or odd about its delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Slip {
    StartLine,
    FieldSyntax,
    Folding,
    BareLf,
    BlankLine,
    LargeHead,
    ManyFields,
    BadLength,
    ConflictingLength,
    RepeatedLength,
    LengthAndChunked,
    TransferCoding,
    BadChunk,
    Truncated,
    Reset,
    BodyForbidden,
    UnexpectedBytes,
    HeaderMissing,
    HeaderValue,
    MediaMissing,
    MediaMismatch,
    ErrorAsText,
    Status,
    NotJson,
    EmptyBody,
    UnexpectedBody,
    StreamMalformed,
    StreamTruncated,
    OneByteWrites,
    LateHead,
    Slow,
}

/// A text that is no header value, length or JSON.
const ODD: &str = "plimsoll";
/// The head is late by so much.
const LATE: Duration = Duration::from_secs(2);
/// A slow delivery: so many bytes, then a pause.
const DRIP: usize = 100;
const PAUSE: Duration = Duration::from_millis(100);

/// What the body of a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Kind {
    /// One JSON document that the API has a schema for.
    Json,
    /// A stream of JSON documents.
    Documents,
    /// Anything else, or nothing.
    Other,
}

/// What a message offers to be wrong.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Place {
    /// What its body is, by the API.
    pub(in super::super) body: Kind,
    /// Whether it answers HEAD.
    pub(in super::super) is_head: bool,
    /// Whether the operation asks for one of the headers that can be left out or spoilt.
    pub(in super::super) asks_headers: bool,
    /// Whether the API names media types for it.
    pub(in super::super) names_media: bool,
}

/// Whether the message offers a place for the fault.
pub(in super::super) fn fits(slip: Slip, response: &Response<Body>, place: Place) -> bool {
    let status = response.status().as_u16();
    let exact = response.body().size_hint().exact();
    let bounded = exact.is_some_and(|length| length > 1) && !place.is_head;
    let success = (200..300).contains(&status);
    match slip {
        Slip::BadLength
        | Slip::ConflictingLength
        | Slip::RepeatedLength
        | Slip::LengthAndChunked
        | Slip::TransferCoding
        | Slip::BadChunk
        | Slip::Truncated
        | Slip::Reset => bounded,
        Slip::BodyForbidden => status == 204 || status == 304,
        Slip::UnexpectedBytes => bounded || status == 204,
        Slip::HeaderMissing | Slip::HeaderValue => success && place.asks_headers,
        Slip::MediaMissing | Slip::MediaMismatch => bounded && success && place.names_media,
        Slip::ErrorAsText => {
            bounded && status >= 400 && response.headers().get("content-type").is_some_and(|media| media == "application/json")
        }
        Slip::Status => success,
        Slip::NotJson | Slip::EmptyBody => bounded && success && place.body == Kind::Json,
        Slip::UnexpectedBody => success && exact == Some(0) && status != 204 && !place.is_head && place.body != Kind::Documents,
        Slip::StreamMalformed | Slip::StreamTruncated => success && place.body == Kind::Documents,
        _ => true,
    }
}

/// Writes a message with the fault.
pub(in super::super) fn written(slip: Slip, response: Response<Body>, place: Place) -> Conversation {
    Box::new(move |socket| {
        Box::pin(async move {
            // A client that has gone misses the rest: fine.
            let _ = Pen { slip, socket }.write(response, place).await;
        })
    })
}

struct Pen {
    slip: Slip,
    socket: Socket,
}

impl Pen {
    async fn write(mut self, response: Response<Body>, place: Place) -> std::io::Result<()> {
        let (mut parts, mut body) = response.into_parts();
        let exact = body.size_hint().exact();
        let mut whole = match exact {
            Some(_) => (&mut body).collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default(),
            None => Bytes::new(),
        };
        self.misshape(&mut parts, &mut whole);
        let chunked = exact.is_none() || matches!(self.slip, Slip::LengthAndChunked | Slip::BadChunk);
        let bodiless = matches!(parts.status.as_u16(), 204 | 304);
        let head = self.head(&parts, whole.len(), chunked, bodiless);
        if self.slip == Slip::LateHead {
            tokio::time::sleep(LATE).await;
        }
        self.send(&head).await?;
        if place.is_head || bodiless {
            return self.end().await;
        }
        if exact.is_some() {
            return self.bounded(&whole, chunked).await;
        }
        if self.slip == Slip::StreamMalformed {
            self.chunk(b"plimsoll, which is no JSON\n").await?;
        }
        while let Some(Ok(frame)) = body.frame().await {
            let Ok(data) = frame.into_data() else { continue };
            if self.slip == Slip::StreamTruncated && data.len() > 3 {
                self.chunk(&data[..data.len() / 2]).await?;
                break;
            }
            self.chunk(&data).await?;
        }
        self.send(b"0\r\n\r\n").await?;
        self.end().await
    }

    /// What is wrong with status, headers and body.
    fn misshape(&self, parts: &mut Parts, body: &mut Bytes) {
        let headers = &mut parts.headers;
        match self.slip {
            Slip::HeaderMissing => {
                for name in REQUIRED {
                    headers.remove(name);
                }
            }
            Slip::HeaderValue => {
                if let Some(name) = REQUIRED.into_iter().find(|name| headers.contains_key(*name)) {
                    headers.insert(name, hyper::header::HeaderValue::from_static(ODD));
                }
            }
            Slip::MediaMissing => drop(headers.remove("content-type")),
            Slip::MediaMismatch => {
                headers.insert("content-type", hyper::header::HeaderValue::from_static("text/html"));
            }
            Slip::ErrorAsText => {
                let message = serde_json::from_slice::<Value>(body).ok().and_then(|value| value["message"].as_str().map(str::to_owned));
                *body = Bytes::from(format!("{}\n", message.unwrap_or_default()));
            }
            // 299 is in range, and nobody has it.
            Slip::Status => parts.status = hyper::StatusCode::from_u16(299).unwrap_or(parts.status),
            Slip::NotJson => *body = Bytes::from_static(b"plimsoll, which is no JSON\n"),
            Slip::EmptyBody => *body = Bytes::new(),
            Slip::UnexpectedBody => *body = Bytes::from_static(b"OK\n"),
            _ => {}
        }
    }

    fn head(&self, parts: &Parts, length: usize, chunked: bool, bodiless: bool) -> Vec<u8> {
        let end = if self.slip == Slip::BareLf { "\n" } else { "\r\n" };
        let mut head = String::new();
        if self.slip == Slip::BlankLine {
            head.push_str("\r\n");
        }
        let protocol = if self.slip == Slip::StartLine { "PLIMSOLL" } else { "HTTP/1.1" };
        // Writing to a text cannot fail, here and below.
        let _ = write!(head, "{protocol} {} {}{end}", parts.status.as_str(), parts.status.canonical_reason().unwrap_or("Odd"));
        for (name, value) in &parts.headers {
            let _ = write!(head, "{}: {}{end}", title(name.as_str()), String::from_utf8_lossy(value.as_bytes()));
        }
        let mut field = |name: &str, value: &str| {
            let _ = write!(head, "{name}: {value}{end}");
        };
        match self.slip {
            Slip::BadLength => field("Content-Length", ODD),
            Slip::ConflictingLength => {
                field("Content-Length", &length.to_string());
                field("Content-Length", &(length + 1).to_string());
            }
            Slip::RepeatedLength => {
                field("Content-Length", &length.to_string());
                field("Content-Length", &length.to_string());
            }
            Slip::LengthAndChunked => {
                field("Content-Length", &length.to_string());
                field("Transfer-Encoding", "chunked");
            }
            Slip::TransferCoding => field("Transfer-Encoding", ODD),
            // Announced only: what followed would belong to no answer.
            Slip::BodyForbidden => field("Content-Length", "3"),
            _ if chunked => field("Transfer-Encoding", "chunked"),
            _ if bodiless => {}
            _ => field("Content-Length", &length.to_string()),
        }
        match self.slip {
            Slip::FieldSyntax => field("Bad Line", ODD),
            Slip::Folding => field("X-Folded", "one\r\n two"),
            Slip::LargeHead => (0..64).for_each(|index| field(&format!("X-Large-{index}"), &"x".repeat(17_000))),
            Slip::ManyFields => (0..1001).for_each(|index| field(&format!("X-Many-{index}"), ODD)),
            _ => {}
        }
        field("Connection", "close");
        head.push_str(end);
        head.into_bytes()
    }

    async fn bounded(mut self, body: &[u8], chunked: bool) -> std::io::Result<()> {
        match self.slip {
            Slip::BadChunk => {
                self.send(b"plimsoll\r\n").await?;
                self.send(body).await?;
            }
            Slip::Truncated => self.send(&body[..body.len() / 2]).await?,
            Slip::Reset => {
                self.send(&body[..body.len() / 2]).await?;
                self.socket.reset_on_close();
                return Ok(());
            }
            _ if chunked => {
                self.chunk(body).await?;
                self.send(b"0\r\n\r\n").await?;
            }
            _ => self.send(body).await?,
        }
        if self.slip == Slip::UnexpectedBytes {
            self.send(b"plimsoll, which belongs to no answer\n").await?;
        }
        self.end().await
    }

    async fn chunk(&mut self, data: &[u8]) -> std::io::Result<()> {
        let mut out = BytesMut::from(format!("{:x}\r\n", data.len()).as_bytes());
        out.extend_from_slice(data);
        out.extend_from_slice(b"\r\n");
        self.send(&out).await
    }

    async fn send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        match self.slip {
            Slip::OneByteWrites => {
                for byte in bytes {
                    self.socket.write_all(std::slice::from_ref(byte)).await?;
                    self.socket.flush().await?;
                    tokio::task::yield_now().await;
                }
                Ok(())
            }
            Slip::Slow => {
                for piece in bytes.chunks(DRIP) {
                    self.socket.write_all(piece).await?;
                    self.socket.flush().await?;
                    tokio::time::sleep(PAUSE).await;
                }
                Ok(())
            }
            _ => {
                self.socket.write_all(bytes).await?;
                self.socket.flush().await
            }
        }
    }

    async fn end(&mut self) -> std::io::Result<()> {
        self.socket.shutdown().await
    }
}

/// Headers that the API requires of some operation.
const REQUIRED: [&str; 2] = ["x-docker-container-path-stat", "api-version"];

/// `content-type` is `Content-Type`.
fn title(name: &str) -> String {
    let mut upper = true;
    let letters = name.chars().map(|char| {
        let letter = if upper { char.to_ascii_uppercase() } else { char };
        upper = char == '-';
        letter
    });
    letters.collect()
}
