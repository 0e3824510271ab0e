//! What a part of the daemon answers, before it becomes HTTP.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsStream;

/// An answer that is not a refusal.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status; of a hijack that of the case without `Upgrade`, 200.
    pub status: u16,
    /// Headers beside those that every answer has.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub payload: Payload,
}

/// The body of an answer.
pub enum Payload {
    /// Nothing: no media type; a length of 0 where the status allows one.
    Empty,
    /// One JSON document.
    Json(Value),
    /// A JSON document that is written already, for long lists. It is not shaped: what the version does not have must not be in it.
    Written(Bytes),
    /// Text, `text/plain; charset=utf-8`.
    Text(String),
    /// Bytes with their media type, all here.
    Bytes(Option<&'static str>, Bytes),
    /// Bytes with their media type, as they come. The receiver is dropped when the client leaves.
    Stream(Option<&'static str>, mpsc::Receiver<Bytes>),
    /// JSON documents as they come, each shaped and followed by the ending (`\r\n` or `\n`).
    Documents(&'static str, mpsc::Receiver<Value>),
    /// The connection itself.
    Hijack(Hijack),
}

/// The raw socket after a hijack. What the client sent behind the head is read first.
pub type Socket = Pin<Box<dyn Duplex>>;

/// Both directions of a socket.
pub trait Duplex: AsyncRead + AsyncWrite + Send {
    /// Has the other side see a reset instead of an end, where the kind of socket can do so.
    fn reset_on_close(&self) {}
}

impl Duplex for UnixStream {}

impl Duplex for DuplexStream {}

impl Duplex for TcpStream {
    fn reset_on_close(&self) {
        // It ends either way.
        let _ = self.set_zero_linger();
    }
}

impl Duplex for TlsStream<TcpStream> {
    fn reset_on_close(&self) {
        self.get_ref().0.reset_on_close();
    }
}

/// What goes on on a connection after the head. When it is done the connection is closed.
pub type Conversation = Box<dyn FnOnce(Socket) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send>;

/// A connection that is handed over.
pub struct Hijack {
    /// How the head looks.
    pub handshake: Handshake,
    /// What follows it.
    pub conversation: Conversation,
}

/// How the head of a hijack looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handshake {
    /// 101 when the client asked for an upgrade, else a bare 200; with this media type.
    Stream(&'static str),
    /// 101 to `websocket`.
    Websocket,
    /// 101 to `h2c`.
    H2c,
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("Empty"),
            Self::Json(value) => write!(f, "Json({value})"),
            Self::Written(bytes) | Self::Bytes(_, bytes) => write!(f, "Bytes({})", bytes.len()),
            Self::Text(text) => write!(f, "Text({text:?})"),
            Self::Stream(..) => f.write_str("Stream"),
            Self::Documents(..) => f.write_str("Documents"),
            Self::Hijack(hijack) => write!(f, "Hijack({:?})", hijack.handshake),
        }
    }
}

impl Answer {
    /// With any payload.
    #[must_use]
    pub fn new(status: u16, payload: Payload) -> Self {
        Self { status, headers: Vec::new(), payload }
    }

    /// A status without a body.
    #[must_use]
    pub fn empty(status: u16) -> Self {
        Self::new(status, Payload::Empty)
    }

    /// 200 with a document.
    #[must_use]
    pub fn json(value: Value) -> Self {
        Self::new(200, Payload::Json(value))
    }

    /// 201 with a document.
    #[must_use]
    pub fn created(value: Value) -> Self {
        Self::new(201, Payload::Json(value))
    }

    /// 200, and JSON documents that end with CRLF: build, pull, push and load.
    #[must_use]
    pub fn progress(documents: mpsc::Receiver<Value>) -> Self {
        Self::new(200, Payload::Documents("\r\n", documents))
    }

    /// The connection is handed over.
    #[must_use]
    pub fn hijack<C, F>(handshake: Handshake, conversation: C) -> Self
    where
        C: FnOnce(Socket) -> F + Send + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let conversation: Conversation = Box::new(move |socket| Box::pin(conversation(socket)));
        Self::new(200, Payload::Hijack(Hijack { handshake, conversation }))
    }

    /// With one header more.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}
