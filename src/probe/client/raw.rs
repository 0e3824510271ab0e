//! A hijacked connection: a request head written by hand, the answer's head, then raw bytes both ways.

use std::fmt::Write as _;

use bytes::{Buf as _, Bytes, BytesMut};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::{BODY_LIMIT, Fault, PATIENCE, Request, agent};

/// A head is not longer than this.
const HEAD_LIMIT: usize = 64 << 10;

/// How the connection is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handshake {
    /// Without a word: the answer is a plain 200.
    Plain,
    /// `Upgrade: tcp`, `h2c` …: the answer is 101.
    Upgrade(&'static str),
}

/// The connection, once the answer's head was read.
#[derive(Debug)]
pub struct Raw {
    /// The status code.
    pub status: u16,
    /// The `Content-Length`, if one was given.
    length: Option<usize>,
    chunked: bool,
    stream: UnixStream,
    /// Read, and not taken yet.
    pending: BytesMut,
}

impl Raw {
    /// Writes the request and reads the answer's head.
    pub(super) async fn ask(mut stream: UnixStream, request: &Request, handshake: Handshake) -> Result<Self, Fault> {
        let mut head = format!("{} {} HTTP/1.1\r\nHost: docker\r\nUser-Agent: {}\r\n", request.method, request.path, agent());
        if let Handshake::Upgrade(protocol) = handshake {
            let _ = write!(head, "Connection: Upgrade\r\nUpgrade: {protocol}\r\n");
        }
        for (name, value) in &request.headers {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        if request.method != "GET" {
            let _ = write!(head, "Content-Length: {}\r\n", request.body.len());
        }
        head += "\r\n";
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(&request.body);
        timeout(PATIENCE, stream.write_all(&bytes))
            .await
            .map_err(|_| Fault::late("the request was not taken"))?
            .map_err(|error| Fault(format!("the request was not taken: {error}")))?;
        let mut raw = Self { status: 0, length: None, chunked: false, stream, pending: BytesMut::new() };
        let end = loop {
            if let Some(at) = raw.pending.windows(4).position(|window| window == b"\r\n\r\n") {
                break at;
            }
            if raw.pending.len() > HEAD_LIMIT {
                return Err(Fault("the answer's head has no end".to_owned()));
            }
            if !raw.fill("no answer").await? {
                return Err(Fault("the connection ended without an answer".to_owned()));
            }
        };
        let head = String::from_utf8_lossy(&raw.pending[..end]).into_owned();
        raw.pending.advance(end + 4);
        let mut lines = head.split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|code| code.parse().ok());
        raw.status = status.ok_or_else(|| Fault("the answer has no status".to_owned()))?;
        for (name, value) in lines.filter_map(|line| line.split_once(':')) {
            match name.to_ascii_lowercase().as_str() {
                "content-length" => raw.length = value.trim().parse().ok(),
                "transfer-encoding" => raw.chunked = true,
                _ => {}
            }
        }
        Ok(raw)
    }

    /// Sends bytes on.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        timeout(PATIENCE, self.stream.write_all(bytes))
            .await
            .map_err(|_| Fault::late("the input was not taken"))?
            .map_err(|error| Fault(format!("the input was not taken: {error}")))
    }

    /// Says that no more comes, and goes on reading.
    pub async fn half_close(&mut self) -> Result<(), Fault> {
        self.stream.shutdown().await.map_err(|error| Fault(format!("cannot half-close: {error}")))
    }

    /// Reads until these bytes have come.
    pub async fn read_until(&mut self, needle: &[u8]) -> Result<(), Fault> {
        loop {
            if self.pending.windows(needle.len()).any(|window| window == needle) {
                return Ok(());
            }
            let what = || format!("`{}` did not come", needle.escape_ascii());
            if self.pending.len() > BODY_LIMIT {
                return Err(Fault(what()));
            }
            if !self.fill(&what()).await? {
                return Err(Fault(format!("{} before the stream's end", what())));
            }
        }
    }

    /// Reads until the daemon closes.
    pub async fn read_to_end(mut self) -> Result<Bytes, Fault> {
        while self.pending.len() <= BODY_LIMIT {
            if !self.fill("the stream did not end").await? {
                return Ok(self.pending.freeze());
            }
        }
        Err(Fault("the stream is larger than 64 MiB".to_owned()))
    }

    /// The body of an answer that handed over nothing: what an error says.
    pub async fn refusal(mut self) -> Bytes {
        // Chunks are few here, and their text is all that is wanted of them.
        while self.pending.len() < HEAD_LIMIT {
            let bounded = self.length.is_some_and(|length| self.pending.len() >= length);
            if bounded || (self.chunked && self.pending.ends_with(b"0\r\n\r\n")) || !matches!(self.fill("").await, Ok(true)) {
                break;
            }
        }
        self.pending.freeze()
    }

    /// Reads once; false at the end.
    async fn fill(&mut self, what: &str) -> Result<bool, Fault> {
        match timeout(PATIENCE, self.stream.read_buf(&mut self.pending)).await {
            Err(_) => Err(Fault::late(what)),
            Ok(Err(error)) => Err(Fault(format!("{what}: {error}"))),
            Ok(Ok(count)) => Ok(count > 0),
        }
    }
}
