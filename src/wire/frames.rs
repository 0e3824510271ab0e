//! Frames of attach, exec and log streams: a header of eight bytes, then the payload.
//!
//! ```text
//! byte 0     stream: 0 stdin, 1 stdout, 2 stderr, 3 an error of the daemon itself
//! bytes 1-3  zero
//! bytes 4-7  length of the payload, big endian
//! ```
//!
//! Every header is checked byte by byte; payloads are counted, and their lines where somebody asks, and never kept. A frame may be empty and is then no end of the stream.

use bytes::{Buf, Bytes};

use super::{Flaw, StreamEnd, excerpt};
use crate::model::Rule;

/// Bytes of a frame header.
pub const HEADER: usize = 8;

/// A frame whose header was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    /// Number in the stream, from 0.
    pub index: u64,
    /// Where its header begins in the stream.
    pub offset: u64,
    /// Byte 0 of the header.
    pub stream: u8,
    /// Bytes of payload that the header announces.
    pub length: u32,
}

impl Frame {
    /// Its header, as it should have been written.
    #[must_use]
    pub const fn header(&self) -> [u8; HEADER] {
        let [a, b, c, d] = self.length.to_be_bytes();
        [self.stream, 0, 0, 0, a, b, c, d]
    }
}

/// What comes out of a stream of frames.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FrameItem {
    /// A header was read; the payload may still be on its way.
    Frame(Frame),
    /// Something wrong.
    Flaw(Flaw),
}

/// Decodes the frames of one direction.
#[derive(Debug, Default)]
pub struct FrameDecoder {
    state: State,
    index: u64,
    /// Stream bytes taken.
    offset: u64,
    last: Option<Frame>,
    /// A frame that was read together with a flaw of its header.
    pending: Option<Frame>,
    /// The bytes where the next header would stand if the length were little-endian.
    swapped: Swapped,
    /// Line ends in the payloads, where they are counted.
    lines: Option<u64>,
}

/// Eight bytes of a payload, from the place that its length in the wrong byte order names.
#[derive(Debug, Default)]
struct Swapped {
    bytes: [u8; HEADER],
    have: usize,
}

#[derive(Debug)]
enum State {
    Header {
        bytes: [u8; HEADER],
        have: usize,
    },
    Payload {
        left: u32,
    },
    /// Where the next header begins is not known any more.
    Lost,
}

impl Default for State {
    fn default() -> Self {
        Self::Header { bytes: [0; HEADER], have: 0 }
    }
}

impl FrameDecoder {
    /// One that counts lines, too.
    #[must_use]
    pub fn counting_lines() -> Self {
        Self { lines: Some(0), ..Self::default() }
    }

    /// Line ends seen so far, where they are counted.
    #[must_use]
    pub const fn lines(&self) -> Option<u64> {
        self.lines
    }

    /// Takes bytes; one item a call, `None` when all were taken.
    pub fn next(&mut self, input: &mut Bytes) -> Option<FrameItem> {
        if let Some(frame) = self.pending.take() {
            return Some(FrameItem::Frame(frame));
        }
        while !input.is_empty() {
            match &mut self.state {
                State::Lost => input.clear(),
                State::Payload { left } => {
                    let take = input.len().min(*left as usize);
                    if let Some(frame) = self.last {
                        self.swapped.look(frame, frame.length - *left, &input[..take]);
                    }
                    if let Some(lines) = &mut self.lines {
                        *lines += memchr::memchr_iter(b'\n', &input[..take]).count() as u64;
                    }
                    input.advance(take);
                    self.offset += take as u64;
                    #[expect(clippy::cast_possible_truncation, reason = "take is at most left")]
                    let taken = take as u32;
                    *left -= taken;
                    if *left == 0 {
                        self.state = State::default();
                    }
                }
                State::Header { bytes, have } => {
                    let take = input.len().min(HEADER - *have);
                    bytes[*have..*have + take].copy_from_slice(&input[..take]);
                    input.advance(take);
                    *have += take;
                    self.offset += take as u64;
                    if *have == HEADER {
                        let header = *bytes;
                        return Some(self.header(header));
                    }
                }
            }
        }
        None
    }

    /// Frames read so far.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.index
    }

    /// Bytes at the end of what was taken that are half a header.
    #[must_use]
    pub const fn undecided(&self) -> usize {
        match self.state {
            State::Header { have, .. } => have,
            _ => 0,
        }
    }

    /// Whether the decoder gave up.
    #[must_use]
    pub const fn is_lost(&self) -> bool {
        matches!(self.state, State::Lost)
    }

    /// Docker Engine API documents, `ContainerAttach`, stream format: `{STREAM_TYPE, 0, 0, 0, SIZE1, SIZE2, SIZE3, SIZE4}`.
    fn header(&mut self, header: [u8; HEADER]) -> FrameItem {
        let offset = self.offset - HEADER as u64;
        let [stream, pad @ .., a, b, c, d] = header;
        if stream > 3 {
            self.state = State::Lost;
            return FrameItem::Flaw(self.misaligned(header, offset));
        }
        let frame = Frame { index: self.index, offset, stream, length: u32::from_be_bytes([a, b, c, d]) };
        self.index += 1;
        self.last = Some(frame);
        self.swapped = Swapped::default();
        self.state = if frame.length == 0 { State::default() } else { State::Payload { left: frame.length } };
        if pad == [0; 3] {
            return FrameItem::Frame(frame);
        }
        self.pending = Some(frame);
        let actual = format!("{:02x} {:02x} {:02x}", pad[0], pad[1], pad[2]);
        FrameItem::Flaw(Flaw::new(Rule::FramePadding, offset, "00 00 00", actual).at_index(frame.index).with_evidence(&header))
    }

    /// Names the fault of a header that is none: most often the length of the frame before it.
    fn misaligned(&self, header: [u8; HEADER], offset: u64) -> Flaw {
        // Seen where a daemon fails after it has handed over the stream.
        if header.starts_with(b"HTTP/1.") {
            let flaw = Flaw::new(Rule::FrameHttpAnswer, offset, "a frame header", format!("\"{} …\"", excerpt(&header)));
            return flaw.at_index(self.index).with_evidence(&header);
        }
        if let Some(frame) = self.last {
            if frame.length == 0 {
                return wrong_length(frame, format!("the length of the text behind it, \"{} …\"", excerpt(&header)));
            }
            // A whole header prefix a few bytes on: the payload is that much longer than announced.
            let short = (1..=4).find(|at| matches!(header[*at..*at + 4], [0..=2, 0, 0, 0]));
            if let Some(short) = short {
                return wrong_length(
                    frame,
                    format!(
                        "{}, as the next header begins {short} {} later",
                        u64::from(frame.length) + short as u64,
                        if short == 1 { "byte" } else { "bytes" }
                    ),
                );
            }
        }
        Flaw::new(Rule::FrameStreamType, offset, "0, 1 or 2", header[0].to_string()).at_index(self.index).with_evidence(&header)
    }

    /// What is wrong when the stream ends here.
    #[must_use]
    pub fn finish(&self, end: StreamEnd) -> Option<Flaw> {
        if end == StreamEnd::Broken {
            return None;
        }
        match self.state {
            State::Header { bytes, have } if have > 0 => {
                let offset = self.offset - have as u64;
                // What begins no header is the rest of the text before it: most often the line end that was not counted.
                if bytes[0] > 3 {
                    return Some(match self.last {
                        Some(frame) => {
                            let due = u64::from(frame.length) + have as u64;
                            wrong_length(
                                frame,
                                format!("{due}, as \"{}\" stands behind it and the stream ends there", excerpt(&bytes[..have])),
                            )
                        }
                        None => Flaw::new(Rule::FrameStreamType, offset, "0, 1 or 2", bytes[0].to_string())
                            .at_index(self.index)
                            .with_evidence(&bytes[..have]),
                    });
                }
                let flaw = Flaw::new(Rule::FrameTruncated, offset, "a header of 8 bytes", format!("the end of the stream after {have}"));
                Some(flaw.at_index(self.index).with_evidence(&bytes[..have]))
            }
            State::Payload { left } => {
                let frame = self.last?;
                if self.swapped.fits(frame, frame.length - left) {
                    let due = frame.length.swap_bytes();
                    return Some(wrong_length(frame, format!("{due}, written in big-endian order: the most significant byte first")));
                }
                let actual = format!("the end of the stream after {}", frame.length - left);
                Some(
                    Flaw::new(Rule::FrameTruncated, frame.offset, format!("{} bytes of payload", frame.length), actual)
                        .at_index(frame.index),
                )
            }
            _ => None,
        }
    }
}

fn wrong_length(frame: Frame, expected: String) -> Flaw {
    let flaw = Flaw::new(Rule::FrameLength, frame.offset, expected, frame.length.to_string());
    flaw.at_index(frame.index).with_evidence(&frame.header())
}

impl Swapped {
    /// Takes a piece of the payload that begins `at` bytes into it.
    fn look(&mut self, frame: Frame, at: u32, piece: &[u8]) {
        // The place where the next byte of the header would stand.
        let (at, due) = (u64::from(at), u64::from(frame.length.swap_bytes()) + self.have as u64);
        let Some(from) = due.checked_sub(at).and_then(|from| usize::try_from(from).ok()) else { return };
        let Some(found) = piece.get(from..).filter(|_| self.have < HEADER) else { return };
        let take = found.len().min(HEADER - self.have);
        self.bytes[self.have..self.have + take].copy_from_slice(&found[..take]);
        self.have += take;
    }

    /// Whether a payload that ended early, after so many bytes, is whole when its length is read in the other order.
    fn fits(&self, frame: Frame, taken: u32) -> bool {
        let length = frame.length.swap_bytes();
        let header = self.have == HEADER && matches!(self.bytes[..4], [0..=3, 0, 0, 0]);
        length < frame.length && (taken == length || header)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Frames as stream and length; flaws as rule, index and offset.
    type Outcome = (Vec<(u8, u32)>, Vec<(Rule, u64, u64)>);

    fn decode(stream: &'static [u8]) -> Outcome {
        let (mut decoder, mut input) = (FrameDecoder::default(), Bytes::from_static(stream));
        let (mut frames, mut flaws) = (Vec::new(), Vec::new());
        let place = |flaw: Flaw| (flaw.rule, flaw.index.expect("frames are numbered"), flaw.offset);
        while let Some(item) = decoder.next(&mut input) {
            match item {
                FrameItem::Frame(frame) => frames.push((frame.stream, frame.length)),
                FrameItem::Flaw(flaw) => flaws.push(place(flaw)),
            }
        }
        flaws.extend(decoder.finish(StreamEnd::Closed).map(place));
        (frames, flaws)
    }

    #[test]
    fn frames_and_flaws_by_example() {
        use Rule::{FrameLength, FramePadding, FrameStreamType, FrameTruncated};
        for (stream, frames, flaws) in [
            (&b"\x01\0\0\0\0\0\0\x03hi\n\x02\0\0\0\0\0\0\x01!"[..], vec![(1, 3), (2, 1)], vec![]),
            (b"\x01\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\x01a", vec![(1, 0), (1, 1)], vec![]),
            (b"The quick brown fox", vec![], vec![(FrameStreamType, 0, 0)]),
            (b"\x01\0\0\0\0\0\0\x01aThe quick", vec![(1, 1)], vec![(FrameStreamType, 1, 9)]),
            (b"\x01\0\0\0\0\0\0\0some text here", vec![(1, 0)], vec![(FrameLength, 0, 0)]),
            (b"\x01\0\0\0\0\0\0\x02hi\n\x01\0\0\0\0\0\0\x02hi", vec![(1, 2)], vec![(FrameLength, 0, 0)]),
            (b"\x01\0\x07\0\0\0\0\x01a", vec![(1, 1)], vec![(FramePadding, 0, 0)]),
            (b"\x01\0\0\0\0\0\0\x05hi", vec![(1, 5)], vec![(FrameTruncated, 0, 0)]),
            (b"\x01\0\0\0\0\0\0\x01a\x01\0", vec![(1, 1)], vec![(FrameTruncated, 1, 9)]),
            (b"\x01\0\0\0\0\0\0\x01a\n", vec![(1, 1)], vec![(FrameLength, 0, 0)]),
            (b"hi\n", vec![], vec![(FrameStreamType, 0, 0)]),
            (b"\x01\0\0\0\x03\0\0\0hi\n", vec![(1, 3 << 24)], vec![(FrameLength, 0, 0)]),
            (b"\x01\0\0\0\x03\0\0\0hi\n\x02\0\0\0\x01\0\0\0!", vec![(1, 3 << 24)], vec![(FrameLength, 0, 0)]),
            (b"\x01\0\0\0\x03\0\0\0hi", vec![(1, 3 << 24)], vec![(FrameTruncated, 0, 0)]),
            (b"\x01\0\0\0\0\0\0\x01aHTTP/1.1 404 Not Found", vec![(1, 1)], vec![(Rule::FrameHttpAnswer, 1, 9)]),
        ] {
            assert_eq!(decode(stream), (frames, flaws), "{stream:?}");
        }
    }
}
