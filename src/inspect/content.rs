//! The content of one body or raw tail: collected up to a cap, or judged as it passes.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use super::Look;
use super::archive::Archive;
use super::coverage::BodyCoverage;
use super::documents::{Documents, Watch};
use super::finding::Finding;
use super::frames::Frames;
use super::streams::Streams;
use crate::catalog::Schema;
use crate::model::{Reason, Side};
use crate::wire::{Agreement, Flaw, StreamEnd, WebSocketDecoder, WebSocketItem};

/// A body that is judged as a whole is held up to this size.
pub(super) const CAPTURE_LIMIT: usize = 8 << 20;

/// So many findings wait until the bytes decide whether a stream is framed.
const UNDECIDED_LIMIT: usize = 64;

/// How a body is read.
#[derive(Debug)]
pub(super) enum Content {
    /// Counted, not looked at.
    Counted,
    /// Held until its end, up to the cap.
    Held(BytesMut, Option<Bytes>),
    /// It was larger than the cap.
    TooLarge,
    /// JSON documents, each judged as it passes.
    Documents(Box<Documents>),
    /// Frames, each header judged as it passes.
    Frames(Box<Frames>),
    /// Frames or raw bytes, not known which: what would be wrong is kept until the bytes decide.
    Either { frames: Box<Frames>, findings: Vec<(Finding, usize)> },
    /// WebSocket frames, each judged as it passes.
    WebSocket(Box<WebSocketDecoder>),
    /// A tar archive, walked as it passes.
    Archive(Box<Archive>),
}

/// Where findings and reasons go.
pub(super) trait Notes {
    /// What comes next is about something that begins so many bytes before the end of the piece that was pushed.
    fn at(&mut self, left: usize);
    fn finding(&mut self, finding: Finding);
    fn unjudged(&mut self, reason: Reason);
    /// A document that is found fault with, as it may be shown.
    fn redacted(&self, document: &Bytes, schema: Option<&Schema>) -> Bytes;
    /// The same of a flaw of a stream of documents.
    fn redacted_flaw(&self, flaw: Flaw) -> Flaw;
}

impl Content {
    pub(super) fn held() -> Self {
        Self::Held(BytesMut::new(), None)
    }

    pub(super) fn documents(schema: Option<&'static Schema>, watch: Watch, look: Look, coverage: Option<Arc<BodyCoverage>>) -> Self {
        Self::Documents(Box::new(Documents::new(schema, watch, look, coverage)))
    }

    pub(super) fn frames(streams: Option<Streams>, tail: Option<u64>) -> Self {
        Self::Frames(Box::new(Frames::new(streams, tail)))
    }

    pub(super) fn either(streams: Option<Streams>, tail: Option<u64>) -> Self {
        Self::Either { frames: Box::new(Frames::new(streams, tail)), findings: Vec::new() }
    }

    pub(super) fn websocket(agreement: Agreement) -> Self {
        Self::WebSocket(Box::new(WebSocketDecoder::new(agreement)))
    }

    pub(super) fn archive(archive: Archive) -> Self {
        Self::Archive(Box::new(archive))
    }

    /// Takes decoded bytes.
    pub(super) fn push(&mut self, mut bytes: Bytes, side: Side, notes: &mut dyn Notes) {
        match self {
            Self::Counted | Self::TooLarge => {}
            Self::Held(held, first) => {
                let size = held.len() + first.as_ref().map_or(0, Bytes::len);
                if size + bytes.len() > CAPTURE_LIMIT {
                    *self = Self::TooLarge;
                } else if size == 0 {
                    // The usual case: the whole body in one read, without a copy.
                    *first = Some(bytes);
                } else {
                    if let Some(first) = first.take() {
                        held.extend_from_slice(&first);
                    }
                    held.extend_from_slice(&bytes);
                }
            }
            Self::Documents(documents) => documents.push(bytes, side, notes),
            Self::Frames(frames) => {
                let lost = frames.is_lost();
                frames.push(bytes, side, &mut |finding, left| {
                    notes.at(left);
                    notes.finding(finding);
                });
                if frames.is_lost() && !lost {
                    notes.unjudged(Reason::LostTrack);
                }
            }
            Self::Either { frames, findings } => {
                // What was found earlier has gone on by now.
                for (_, left) in findings.iter_mut() {
                    *left = usize::MAX;
                }
                frames.push(bytes, side, &mut |finding, left| {
                    if findings.len() < UNDECIDED_LIMIT {
                        findings.push((finding, left));
                    }
                });
                if frames.count() >= 2 {
                    // Six zero bytes in their places twice: no terminal prints that. Up to there nothing was known.
                    let decided = frames.second().unwrap_or(usize::MAX);
                    for (finding, left) in findings.drain(..) {
                        notes.at(left.min(decided));
                        notes.finding(finding);
                    }
                }
            }
            Self::WebSocket(decoder) => {
                while let Some(item) = decoder.next(&mut bytes) {
                    if let WebSocketItem::Flaw(flaw) = item {
                        let since = usize::try_from(decoder.offset() - flaw.offset).unwrap_or(usize::MAX);
                        notes.at(bytes.len() + since.max(1));
                        notes.finding(Finding::of_websocket(flaw, side));
                        if decoder.is_lost() {
                            notes.unjudged(Reason::LostTrack);
                        }
                    }
                }
            }
            Self::Archive(archive) => archive.push(bytes, side, notes),
        }
    }

    /// Whether it is judged as a whole, once all of it is there.
    pub(super) const fn is_held(&self) -> bool {
        matches!(self, Self::Held(..))
    }

    pub(super) const fn is_framed(&self) -> bool {
        matches!(self, Self::Frames(..) | Self::Either { .. })
    }

    /// Bytes at the end of what was pushed that are half a frame header or half a document.
    pub(super) fn undecided(&self) -> usize {
        match self {
            Self::Frames(frames) => frames.undecided(),
            Self::Documents(documents) => documents.undecided(),
            // Half a header may as well be a prompt, as long as there was no whole one.
            Self::Either { frames, .. } if frames.count() > 0 => frames.undecided(),
            Self::WebSocket(decoder) => decoder.undecided(),
            Self::Archive(archive) => archive.undecided(),
            Self::Counted | Self::Held(..) | Self::TooLarge | Self::Either { .. } => 0,
        }
    }

    /// The content is complete (`complete`), or ended early in this way.
    pub(super) fn finish(&mut self, end: StreamEnd, side: Side, notes: &mut dyn Notes) {
        // What is wrong with the end is known at the last byte, which makes the message whole.
        notes.at(self.undecided().max(1));
        match self {
            Self::Counted | Self::Held(..) => {}
            Self::TooLarge => notes.unjudged(Reason::CaptureLimit(CAPTURE_LIMIT as u64)),
            Self::Documents(documents) => documents.finish(end, side, notes),
            Self::Frames(frames) => {
                if let Some(finding) = frames.finish(end, side) {
                    notes.finding(finding);
                }
            }
            Self::WebSocket(decoder) => {
                if let Some(flaw) = decoder.finish(end) {
                    notes.finding(Finding::of_websocket(flaw, side));
                }
            }
            Self::Archive(archive) => archive.finish(end, side, notes),
            Self::Either { frames, findings } => {
                findings.extend(frames.finish(end, side).map(|finding| (finding, 1)));
                match frames.count() {
                    // The very first header is none: these are raw bytes, as of a TTY.
                    0 => {}
                    // Six zero bytes in their places twice: no terminal prints that.
                    2.. => findings.drain(..).for_each(|(finding, _)| notes.finding(finding)),
                    1 if findings.is_empty() => {}
                    1 => notes.unjudged(Reason::FramedOrRaw),
                }
            }
        }
    }

    /// What was held, when it is all there.
    pub(super) fn take_held(&mut self) -> Option<Bytes> {
        match std::mem::replace(self, Self::Counted) {
            Self::Held(_, Some(first)) => Some(first),
            Self::Held(held, None) => Some(held.freeze()),
            other => {
                *self = other;
                None
            }
        }
    }

    pub(super) fn frames_seen(&self) -> u64 {
        match self {
            Self::Frames(frames) | Self::Either { frames, .. } => frames.count(),
            Self::WebSocket(decoder) => decoder.count(),
            _ => 0,
        }
    }

    pub(super) fn documents_seen(&self) -> u64 {
        match self {
            Self::Documents(documents) => documents.count(),
            _ => 0,
        }
    }
}

/// Why JSON that `serde_json` refuses may be sound all the same: RFC 8259 section 9 lets every reader set limits to depth and to numbers.
pub(super) fn json_limit(said: &str) -> Option<Reason> {
    if said.starts_with("recursion limit exceeded") {
        Some(Reason::JsonLimit("nested deeper than 128 levels"))
    } else if said.starts_with("number out of range") {
        Some(Reason::JsonLimit("with a number that no 64-bit float holds"))
    } else {
        None
    }
}

/// serde's words with the column, which is the byte: documents seldom have lines.
pub(super) fn json_error(error: &serde_json::Error) -> String {
    error.to_string()
}
