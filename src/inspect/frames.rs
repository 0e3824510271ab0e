//! Judges a framed stream as it passes: its headers, and whether the streams in it are those that the call asks for. Of payloads it sees the
//! number of lines, where the call asks for so many.

use bytes::Bytes;

use super::finding::Finding;
use super::streams::Streams;
use crate::model::{Part, Place, Rule, Side};
use crate::wire::frames::HEADER;
use crate::wire::{Frame, FrameDecoder, FrameItem, StreamEnd};

/// The frames of one direction.
#[derive(Debug)]
pub(super) struct Frames {
    decoder: FrameDecoder,
    /// What the call asks for; `None` when that is not known.
    streams: Option<Streams>,
    /// So many lines are asked for, at most.
    tail: Option<u64>,
    /// Bytes from the second header on to the end of the piece that it came in.
    second: Option<usize>,
}

impl Frames {
    pub(super) fn new(streams: Option<Streams>, tail: Option<u64>) -> Self {
        let decoder = if tail.is_some() { FrameDecoder::counting_lines() } else { FrameDecoder::default() };
        Self { decoder, streams, tail, second: None }
    }

    /// Takes bytes. With each finding goes how many of them lie from the header that it is about to the end of what was taken.
    pub(super) fn push(&mut self, mut bytes: Bytes, side: Side, found: &mut dyn FnMut(Finding, usize)) {
        self.second = None;
        while let Some(item) = self.decoder.next(&mut bytes) {
            if matches!(item, FrameItem::Frame(_)) && self.decoder.count() == 2 {
                self.second = Some(bytes.len() + HEADER);
            }
            match item {
                FrameItem::Flaw(flaw) => found(Finding::of_frame(flaw, side), bytes.len() + HEADER),
                FrameItem::Frame(frame) => {
                    // An empty frame says nothing. Once is enough: the daemon does not know better for the next one.
                    if let Some(streams) = self.streams.take_if(|streams| frame.length > 0 && !streams.allows(frame.stream)) {
                        found(unrequested(frame, streams, side), bytes.len() + HEADER);
                    }
                }
            }
        }
    }

    /// Bytes from the second header on, when it came with the last piece.
    pub(super) const fn second(&self) -> Option<usize> {
        self.second
    }

    pub(super) fn finish(&self, end: StreamEnd, side: Side) -> Option<Finding> {
        self.decoder.finish(end).map(|flaw| Finding::of_frame(flaw, side)).or_else(|| self.too_many_lines(side))
    }

    /// Each entry of a log ends one line at most, and `tail` counts entries.
    fn too_many_lines(&self, side: Side) -> Option<Finding> {
        let (lines, tail) = self.decoder.lines().zip(self.tail).filter(|(lines, tail)| lines > tail)?;
        let due = format!("at most {tail} lines, as `tail` says");
        Some(Finding::new(Rule::StateFilters, side, Place::of(Part::Stream), due, lines.to_string()))
    }

    pub(super) fn count(&self) -> u64 {
        self.decoder.count()
    }

    pub(super) fn is_lost(&self) -> bool {
        self.decoder.is_lost()
    }

    /// Bytes at the end of what was taken that are half a header.
    pub(super) fn undecided(&self) -> usize {
        self.decoder.undecided()
    }
}

fn unrequested(frame: Frame, streams: Streams, side: Side) -> Finding {
    let place = Place::of(Part::Frame).at_index(frame.index).at_offset(frame.offset);
    let actual = if frame.stream == 1 { "stdout (1)" } else { "stderr (2)" };
    Finding::new(Rule::FrameUnrequestedStream, side, place, streams.words(), actual).showing(&frame.header())
}
