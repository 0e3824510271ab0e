//! Decoders for what goes over the wire: heads, bodies, JSON streams, frames, `WebSocket` frames, archives.
//!
//! They are pure: bytes in, items and flaws out, whatever the bytes are and wherever they are cut. Parsing never fails and never
//! panics; incomplete is not malformed; memory is bounded by the limits stated here. They know nothing of operations or versions.

pub mod archive;
pub mod body;
pub mod chunked;
pub mod frames;
pub mod head;
pub mod json_stream;
pub mod tar;
pub mod target;
pub mod websocket;

use std::borrow::Cow;
use std::fmt::Write as _;

use bytes::Bytes;

use crate::model::{Rule, Violation};

pub use archive::{ArchiveDecoder, ArchiveItem};
pub use body::{BodyDecoder, BodyItem, BodyLength};
pub use frames::{Frame, FrameDecoder, FrameItem};
pub use head::{Head, HeadRead, HeadReader, StartLine};
pub use json_stream::{JsonStreamDecoder, JsonStreamItem};
pub use tar::{TarDecoder, TarEntry, TarItem};
pub use target::{PathVersion, Target};
pub use websocket::{Agreement, DataType, WebSocketDecoder, WebSocketFrame, WebSocketItem};

/// Something wrong in bytes. It becomes a violation when it is reported in a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flaw {
    /// The rule that it breaks.
    pub rule: Rule,
    /// Number of the frame or document, from 0.
    pub index: Option<u64>,
    /// Name of the header field.
    pub field: Option<String>,
    /// Bytes from the start of the message part that the decoder reads: head, encoded body, stream.
    pub offset: u64,
    /// What is due.
    pub expected: Cow<'static, str>,
    /// What was there.
    pub actual: String,
    /// The bytes at the place.
    pub evidence: Bytes,
}

impl Flaw {
    fn new(rule: Rule, offset: u64, expected: impl Into<Cow<'static, str>>, actual: impl Into<String>) -> Self {
        Self { rule, index: None, field: None, offset, expected: expected.into(), actual: actual.into(), evidence: Bytes::new() }
    }

    fn with_evidence(mut self, bytes: &[u8]) -> Self {
        self.evidence = Bytes::copy_from_slice(&bytes[..bytes.len().min(Violation::EVIDENCE_LIMIT)]);
        self
    }

    fn at_index(mut self, index: u64) -> Self {
        self.index = Some(index);
        self
    }

    fn in_field(mut self, name: &[u8]) -> Self {
        self.field = Some(String::from_utf8_lossy(name).into_owned());
        self
    }
}

/// How the bytes of one direction ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamEnd {
    /// The peer closed its sending side; nothing is missing that it meant to send.
    Closed,
    /// The connection was reset, or the reader had gone: what is missing is nobody's fault.
    Broken,
}

/// Printable text of bytes, for `actual`: at most 80 characters, control characters escaped.
#[must_use]
pub fn excerpt(bytes: &[u8]) -> String {
    const LONGEST: usize = 80;
    let mut text = String::new();
    for char in String::from_utf8_lossy(&bytes[..bytes.len().min(4 * LONGEST)]).chars() {
        if text.chars().count() >= LONGEST {
            text.push('…');
            break;
        }
        escape_into(&mut text, char);
    }
    text
}

/// Printable text of bytes, of at most `limit` bytes; what is cut ends in `…`.
#[must_use]
pub fn escaped(bytes: &[u8], limit: usize) -> String {
    if bytes.len() <= limit
        && bytes.iter().all(|byte| matches!(byte, b' '..=b'~'))
        && let Ok(plain) = std::str::from_utf8(bytes)
    {
        return plain.to_owned();
    }
    let mut text = String::new();
    for char in String::from_utf8_lossy(&bytes[..bytes.len().min(limit + 1)]).chars() {
        let whole = text.len();
        escape_into(&mut text, char);
        if text.len() > limit {
            text.truncate(whole);
            while text.len() + '…'.len_utf8() > limit {
                text.pop();
            }
            text.push('…');
            break;
        }
    }
    text
}

fn escape_into(text: &mut String, char: char) {
    match char {
        '\r' => text.push_str("\\r"),
        '\n' => text.push_str("\\n"),
        '\t' => text.push_str("\\t"),
        '\0' => text.push_str("\\0"),
        // As in transcripts.
        char if char.is_ascii_control() => {
            let _ = write!(text, "\\x{:02x}", u32::from(char));
        }
        char => text.push(char),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escaped_text_keeps_to_its_limit() {
        assert_eq!(escaped(b"docker/1\x1b[31m\r\n", 200), "docker/1\\x1b[31m\\r\\n");
        for bytes in [vec![b'a'; 300], vec![0x1b; 300], "é".repeat(200).into_bytes(), vec![0xff; 300]] {
            let text = escaped(&bytes, 200);
            assert!(text.len() <= 200 && text.len() > 190 && text.ends_with('…'), "{text}");
        }
        assert_eq!(escaped(&[b'a'; 200], 200).len(), 200);
    }
}
