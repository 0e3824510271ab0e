//! Misbehaving on purpose: one fault for each rule that a daemon can break, and the deliveries that are legal but break sloppy clients.
//!
//! A fault is done to an answer that was right: to its document, to the HTTP around it, to the head of a hijack or to the frames of a stream. Where an
//! answer offers no place for it (no list to be null, no frame) the answer stays right.

pub(super) mod document;
pub(super) mod message;
pub(super) mod stream;

use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::catalog::Catalog;
use crate::model::Rule;

use document::Damage;
use message::Slip;
use stream::Bend;

/// What `--fault` asks for.
#[derive(Debug)]
pub struct Fault {
    kind: &'static Kind,
    /// Only every so many of the answers that it is asked for.
    every: u64,
    /// Only answers of this operation.
    operation: Option<String>,
    answers: AtomicU64,
}

/// A kind of fault.
#[derive(Debug)]
pub struct Kind {
    /// `frame.length`; a rule's id where the fault is plain.
    pub id: &'static str,
    /// What it does.
    pub what: &'static str,
    /// The rule that it breaks; none for a delivery, which is legal.
    pub rule: Option<Rule>,
    pub(super) way: Way,
}

/// What is done to an answer.
#[derive(Debug, Clone, Copy)]
pub(super) enum Way {
    /// To its JSON document, or to each document of a stream until one offers a place.
    Document(Damage),
    /// To the HTTP message.
    Message(Slip),
    /// To the head of a hijack.
    Handshake(Offer),
    /// To the bytes of a stream of frames.
    Stream(Bend),
}

/// What can be wrong with the head of a hijack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Offer {
    /// 200 though an upgrade was asked for.
    NotUpgraded,
    /// 101 though none was.
    Unasked,
    /// 101 without `Connection` and `Upgrade`.
    NoHeaders,
    /// A head that announces a body.
    Length,
}

const fn fault(rule: Rule, what: &'static str, way: Way) -> Kind {
    Kind { id: rule.id(), what, rule: Some(rule), way }
}

const fn variant(id: &'static str, rule: Rule, what: &'static str, way: Way) -> Kind {
    Kind { id, what, rule: Some(rule), way }
}

const fn delivery(id: &'static str, what: &'static str, way: Way) -> Kind {
    Kind { id, what, rule: None, way }
}

impl Kind {
    /// Every kind of fault.
    pub const ALL: &'static [Self] = &[
        fault(Rule::HttpStartLine, "a status line that is none", Way::Message(Slip::StartLine)),
        fault(Rule::HttpFieldSyntax, "a header line without a colon", Way::Message(Slip::FieldSyntax)),
        fault(Rule::HttpObsoleteFolding, "a header value that goes on in the next line", Way::Message(Slip::Folding)),
        fault(Rule::HttpBareLf, "header lines that end with LF alone", Way::Message(Slip::BareLf)),
        fault(Rule::HttpLeadingBlankLine, "a blank line before the status line", Way::Message(Slip::BlankLine)),
        fault(Rule::HttpHeadTooLarge, "a head of more than a megabyte", Way::Message(Slip::LargeHead)),
        fault(Rule::HttpManyFields, "more than a thousand header lines", Way::Message(Slip::ManyFields)),
        fault(Rule::HttpBadLength, "a Content-Length that is no number", Way::Message(Slip::BadLength)),
        fault(Rule::HttpConflictingLength, "two lengths that differ", Way::Message(Slip::ConflictingLength)),
        fault(Rule::HttpRepeatedLength, "the same length twice", Way::Message(Slip::RepeatedLength)),
        fault(Rule::HttpLengthAndChunked, "a length and chunks", Way::Message(Slip::LengthAndChunked)),
        fault(Rule::HttpTransferCoding, "a transfer coding that nobody knows", Way::Message(Slip::TransferCoding)),
        fault(Rule::HttpBadChunk, "a chunk whose size is no number", Way::Message(Slip::BadChunk)),
        fault(Rule::HttpTruncated, "a connection that ends in the middle of a body", Way::Message(Slip::Truncated)),
        variant("http.reset", Rule::HttpTruncated, "a connection that is reset in the middle of a body", Way::Message(Slip::Reset)),
        fault(Rule::HttpBodyForbidden, "204 or 304 with a Content-Length", Way::Message(Slip::BodyForbidden)),
        fault(Rule::HttpUnexpectedBytes, "bytes behind the end of an answer", Way::Message(Slip::UnexpectedBytes)),
        fault(Rule::HeaderMissing, "a required header is left out", Way::Message(Slip::HeaderMissing)),
        fault(Rule::HeaderValue, "a header whose value is wrong", Way::Message(Slip::HeaderValue)),
        fault(Rule::MediaMissing, "no Content-Type", Way::Message(Slip::MediaMissing)),
        fault(Rule::MediaMismatch, "another Content-Type", Way::Message(Slip::MediaMismatch)),
        variant(
            "schema.error-as-text",
            Rule::SchemaNotJson,
            "an error as plain text, announced as JSON (since 1.24)",
            Way::Message(Slip::ErrorAsText),
        ),
        fault(Rule::StatusUndocumented, "a status that the operation does not have", Way::Message(Slip::Status)),
        fault(Rule::SchemaNotJson, "text that is announced as JSON", Way::Message(Slip::NotJson)),
        fault(Rule::SchemaEmpty, "nothing where a document belongs", Way::Message(Slip::EmptyBody)),
        fault(Rule::SchemaUnexpectedBody, "a body where none belongs", Way::Message(Slip::UnexpectedBody)),
        fault(Rule::SchemaMissingMember, "a member is left out", Way::Document(Damage::Missing)),
        fault(Rule::SchemaNull, "null where a value belongs", Way::Document(Damage::Null)),
        fault(Rule::SchemaType, "a text where another type belongs", Way::Document(Damage::Type)),
        fault(Rule::SchemaEnum, "a word that is none of the words", Way::Document(Damage::Enum)),
        fault(Rule::SchemaFormat, "a text of another form", Way::Document(Damage::Format)),
        fault(Rule::SchemaRange, "a number out of bounds", Way::Document(Damage::Range)),
        fault(Rule::SchemaShape, "a map with a name of another form", Way::Document(Damage::Shape)),
        fault(Rule::SchemaUnknownMember, "a member that no version has", Way::Document(Damage::Unknown)),
        fault(Rule::VersionTooNew, "a member of a newer version", Way::Document(Damage::TooNew)),
        fault(Rule::VersionRemoved, "a member of an older version", Way::Document(Damage::Removed)),
        fault(Rule::JsonStreamMalformed, "a line of text between the documents of a stream", Way::Message(Slip::StreamMalformed)),
        fault(Rule::JsonStreamTruncated, "a stream that ends inside a document", Way::Message(Slip::StreamTruncated)),
        fault(Rule::FrameStreamType, "a frame of stream 7", Way::Stream(Bend::StreamType)),
        variant("frame.unframed", Rule::FrameStreamType, "text without frame headers", Way::Stream(Bend::Unframed)),
        fault(Rule::FramePadding, "a frame header with a byte that should be zero", Way::Stream(Bend::Padding)),
        fault(Rule::FrameLength, "a frame that says it is empty, and is not", Way::Stream(Bend::ZeroLength)),
        variant("frame.length-short", Rule::FrameLength, "a frame that says it is one byte shorter", Way::Stream(Bend::ShortLength)),
        fault(Rule::FrameTruncated, "a stream that ends inside a frame", Way::Stream(Bend::Truncated)),
        fault(Rule::HijackNotUpgraded, "200 though an upgrade was asked for", Way::Handshake(Offer::NotUpgraded)),
        fault(Rule::HijackUnasked, "101 though no upgrade was asked for", Way::Handshake(Offer::Unasked)),
        fault(Rule::HijackHeaders, "101 without Connection and Upgrade", Way::Handshake(Offer::NoHeaders)),
        fault(Rule::HijackLength, "the head of a hijack with a Content-Length of 0, and nothing behind it", Way::Handshake(Offer::Length)),
        delivery("delivery.bytes", "one byte a write", Way::Message(Slip::OneByteWrites)),
        delivery("delivery.late-head", "the head comes after two seconds", Way::Message(Slip::LateHead)),
        delivery("delivery.slow", "a hundred bytes, ten times a second", Way::Message(Slip::Slow)),
        delivery("delivery.stream-bytes", "a stream with one byte a write", Way::Stream(Bend::OneByteWrites)),
        delivery("delivery.joined-head", "the head of a hijack in one write with the first frame", Way::Stream(Bend::JoinedHead)),
        delivery("delivery.large-frames", "frames of more than 32 KiB", Way::Stream(Bend::LargeFrames)),
        delivery("delivery.split-characters", "frames that cut characters in two", Way::Stream(Bend::SplitCharacters)),
        delivery("delivery.empty-frames", "an empty frame before each frame", Way::Stream(Bend::EmptyFrames)),
    ];
}

impl Fault {
    /// The kind.
    #[must_use]
    pub fn kind(&self) -> &'static Kind {
        self.kind
    }

    /// What it does to an answer.
    pub(super) fn way(&self) -> Way {
        self.kind.way
    }

    /// Whether it is this answer's turn.
    pub(super) fn is_due(&self, operation: &str) -> bool {
        self.operation.as_deref().is_none_or(|only| only == operation)
            && (self.answers.fetch_add(1, Ordering::Relaxed) + 1).is_multiple_of(self.every)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.id)?;
        if self.every > 1 {
            write!(f, "@every={}", self.every)?;
        }
        self.operation.iter().try_for_each(|operation| write!(f, "@operation={operation}"))
    }
}

impl FromStr for Fault {
    type Err = String;

    /// `frame.length`, `frame.length@every=3@operation=ContainerAttach`.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = text.split('@');
        let id = parts.next().unwrap_or_default();
        let kind = Kind::ALL.iter().find(|kind| kind.id == id);
        let kind = kind.ok_or_else(|| format!("there is no fault `{id}`; `plimsoll serve --list-faults` names them"))?;
        let mut fault = Self { kind, every: 1, operation: None, answers: AtomicU64::new(0) };
        for part in parts {
            match part.split_once('=') {
                Some(("every", count)) => {
                    fault.every = count.parse().ok().filter(|count| *count > 0).ok_or_else(|| format!("`{count}` is no count above 0"))?;
                }
                Some(("operation", operation)) if Catalog::builtin().operation(operation).is_some() => {
                    fault.operation = Some(operation.to_owned());
                }
                Some(("operation", operation)) => return Err(format!("there is no operation `{operation}`; see `plimsoll schemas list`")),
                _ => return Err(format!("`@{part}` is neither @every=N nor @operation=NAME")),
            }
        }
        Ok(fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_written_as_they_are_read() {
        for text in
            ["frame.length", "http.truncated@every=3", "schema.null@operation=ImageList", "delivery.slow@every=2@operation=SystemInfo"]
        {
            assert_eq!(text.parse::<Fault>().map(|fault| fault.to_string()), Ok(text.to_owned()));
        }
        for text in ["", "frame", "frame.length@every=0", "frame.length@operation=Nothing", "frame.length@often"] {
            assert!(text.parse::<Fault>().is_err(), "{text}");
        }
        let fault: Fault = "frame.length@every=2@operation=ContainerLogs".parse().expect("a fault");
        let due: Vec<bool> =
            ["ContainerLogs", "SystemInfo", "ContainerLogs", "ContainerLogs"].iter().map(|name| fault.is_due(name)).collect();
        assert_eq!(due, [false, false, true, false]);
    }

    #[test]
    fn ids_are_unique() {
        let mut ids: Vec<_> = Kind::ALL.iter().map(|kind| kind.id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), Kind::ALL.len());
    }
}
