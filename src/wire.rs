//! Decoders for what goes over the wire: heads, bodies, JSON streams, frames.
//!
//! They are pure: bytes in, items and flaws out, whatever the bytes are and wherever they are cut. Parsing never fails and never
//! panics; incomplete is not malformed; memory is bounded by the limits stated here. They know nothing of operations or versions.

pub mod body;
pub mod chunked;
pub mod frames;
pub mod head;
pub mod json_stream;

use std::borrow::Cow;
use std::fmt::Write as _;

use bytes::Bytes;

use crate::model::{Rule, Violation};

pub use body::{BodyDecoder, BodyItem, BodyLength};
pub use frames::{Frame, FrameDecoder, FrameItem};
pub use head::{Head, HeadRead, HeadReader, StartLine};
pub use json_stream::{JsonStreamDecoder, JsonStreamItem};

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
    text
}
