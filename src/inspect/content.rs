//! The content of one body or raw tail: collected up to a cap, or judged as it passes.

use bytes::{Bytes, BytesMut};
use serde_json::Value;

use super::finding::Finding;
use crate::catalog::Schema;
use crate::model::{Part, Place, Reason, Rule, Side};
use crate::wire::json_stream::DOCUMENT_LIMIT;
use crate::wire::{Flaw, FrameDecoder, FrameItem, JsonStreamDecoder, JsonStreamItem, StreamEnd};

/// A body that is judged as a whole is held up to this size.
pub(super) const CAPTURE_LIMIT: usize = 8 << 20;

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
    Documents { decoder: Box<JsonStreamDecoder>, schema: Option<&'static Schema>, lost: bool },
    /// Frames, each header judged as it passes.
    Frames(Box<FrameDecoder>),
    /// Frames or raw bytes, not known which: what would be wrong is kept until the bytes decide.
    Either { decoder: Box<FrameDecoder>, flaws: Vec<Flaw> },
}

/// Where findings and reasons go.
pub(super) trait Notes {
    fn finding(&mut self, finding: Finding);
    fn unjudged(&mut self, reason: Reason);
}

impl Content {
    pub(super) fn held() -> Self {
        Self::Held(BytesMut::new(), None)
    }

    pub(super) fn documents(schema: Option<&'static Schema>) -> Self {
        Self::Documents { decoder: Box::default(), schema, lost: false }
    }

    pub(super) fn frames() -> Self {
        Self::Frames(Box::default())
    }

    pub(super) fn either() -> Self {
        Self::Either { decoder: Box::default(), flaws: Vec::new() }
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
            Self::Documents { decoder, schema, lost } => {
                while !*lost && !bytes.is_empty() {
                    if let Some(item) = decoder.next(&mut bytes) {
                        document(item, *schema, side, notes);
                    }
                }
            }
            Self::Frames(decoder) => {
                while let Some(item) = decoder.next(&mut bytes) {
                    if let FrameItem::Flaw(flaw) = item {
                        notes.finding(Finding::of_frame(flaw, side));
                        if decoder.is_lost() {
                            notes.unjudged(Reason::LostTrack);
                        }
                    }
                }
            }
            Self::Either { decoder, flaws } => {
                while let Some(item) = decoder.next(&mut bytes) {
                    if let FrameItem::Flaw(flaw) = item {
                        flaws.push(flaw);
                    }
                }
            }
        }
    }

    /// The content is complete (`complete`), or ended early in this way.
    pub(super) fn finish(&mut self, end: StreamEnd, side: Side, notes: &mut dyn Notes) {
        match self {
            Self::Counted | Self::Held(..) => {}
            Self::TooLarge => notes.unjudged(Reason::CaptureLimit(CAPTURE_LIMIT as u64)),
            Self::Documents { decoder, schema, lost } => {
                if let Some(item) = decoder.finish(end).filter(|_| !*lost) {
                    document(item, *schema, side, notes);
                }
            }
            Self::Frames(decoder) => {
                if let Some(flaw) = decoder.finish(end) {
                    notes.finding(Finding::of_frame(flaw, side));
                }
            }
            Self::Either { decoder, flaws } => {
                flaws.extend(decoder.finish(end));
                match decoder.count() {
                    // The very first header is none: these are raw bytes, as of a TTY.
                    0 => {}
                    // Six zero bytes in their places twice: no terminal prints that.
                    2.. => flaws.drain(..).for_each(|flaw| notes.finding(Finding::of_frame(flaw, side))),
                    1 if flaws.is_empty() => {}
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
            Self::Frames(decoder) | Self::Either { decoder, .. } => decoder.count(),
            _ => 0,
        }
    }

    pub(super) fn documents_seen(&self) -> u64 {
        match self {
            Self::Documents { decoder, .. } => decoder.count(),
            _ => 0,
        }
    }
}

fn document(item: JsonStreamItem, schema: Option<&'static Schema>, side: Side, notes: &mut dyn Notes) {
    match item {
        JsonStreamItem::Flaw(flaw) => {
            let lost = flaw.rule == Rule::JsonStreamMalformed;
            notes.finding(Finding::of_document(flaw, side));
            if lost {
                notes.unjudged(Reason::LostTrack);
            }
        }
        JsonStreamItem::TooLarge { .. } => notes.unjudged(Reason::DocumentLimit(DOCUMENT_LIMIT as u64)),
        JsonStreamItem::Document { index, offset, bytes } => {
            let place = Place::of(Part::Document).at_index(index);
            match serde_json::from_slice::<Value>(&bytes) {
                Err(error) => notes.finding(
                    Finding::new(Rule::JsonStreamMalformed, side, place.at_offset(offset), "a JSON document", json_error(&error))
                        .showing(&bytes),
                ),
                Ok(value) => {
                    for defect in schema.map(|schema| schema.defects(&value)).unwrap_or_default() {
                        notes.finding(Finding::of_defect(defect, side, place.clone()));
                    }
                }
            }
        }
    }
}

/// serde's words with the column, which is the byte: documents seldom have lines.
pub(super) fn json_error(error: &serde_json::Error) -> String {
    error.to_string()
}
