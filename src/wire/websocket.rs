//! WebSocket frames (RFC 6455 section 5) of one direction, behind the handshake.
//!
//! ```text
//! byte 0      FIN, three reserved bits, four bits of opcode
//! byte 1      mask bit, seven bits of length: 126 and 127 say that 2 or 8 bytes of length follow
//! then        the length, when it is extended; the masking key of four bytes, when the mask bit is set
//! ```
//!
//! Every header is checked; payloads are looked at as they pass (text for UTF-8, close frames for their code) and never kept, but for the
//! at most 125 bytes of a close frame. A defect is reported once for each direction: a peer that does it does it in every frame.

mod close;
mod header;
mod utf8;

use std::collections::VecDeque;

use bytes::{Buf, Bytes};

use super::{Flaw, StreamEnd};
use crate::model::{Rule, Side};
use header::Header;
use utf8::Utf8;

/// RFC 6455 section 5.5: no control frame has more payload.
const CONTROL_LIMIT: u64 = 125;

const CONTINUATION: u8 = 0x0;
const TEXT: u8 = 0x1;
const BINARY: u8 = 0x2;
const CLOSE: u8 = 0x8;
const PONG: u8 = 0xa;

/// The type of data messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DataType {
    /// Opcode 1.
    Text,
    /// Opcode 2.
    Binary,
}

impl DataType {
    const fn word(self) -> &'static str {
        match self {
            Self::Text => "text (opcode 1)",
            Self::Binary => "binary (opcode 2)",
        }
    }
}

/// By what the frames of one direction are judged.
#[derive(Debug, Clone, Copy)]
pub struct Agreement {
    /// Who sends: a client masks, a daemon does not.
    pub side: Side,
    /// The type that data messages have to be of, if it matters.
    pub data: Option<DataType>,
    /// Whether text messages have to be UTF-8: the output of a container that is sent as text is what it is.
    pub utf8: bool,
    /// An extension was negotiated: reserved bits may be set, and text may be compressed.
    pub extended: bool,
}

/// A frame whose header was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WebSocketFrame {
    /// Number in the stream, from 0.
    pub index: u64,
    /// Where its header begins in the stream.
    pub offset: u64,
    /// The last frame of its message.
    pub fin: bool,
    /// What it is: 0 continuation, 1 text, 2 binary, 8 close, 9 ping, 10 pong.
    pub opcode: u8,
    /// Bytes of payload that the header announces.
    pub length: u64,
}

/// What comes out of a stream of frames.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WebSocketItem {
    /// A header was read; the payload may still be on its way.
    Frame(WebSocketFrame),
    /// Something wrong.
    Flaw(Flaw),
}

/// Decodes the frames of one direction.
#[derive(Debug)]
pub struct WebSocketDecoder {
    agreement: Agreement,
    state: State,
    index: u64,
    /// Stream bytes taken.
    offset: u64,
    /// The data message under way, between its first and last frame.
    message: Option<Message>,
    last: Option<WebSocketFrame>,
    closed: Option<Closed>,
    pending: VecDeque<WebSocketItem>,
    /// What was reported: once is enough.
    said: Vec<Rule>,
}

#[derive(Debug)]
enum State {
    Header {
        bytes: [u8; header::LIMIT],
        have: usize,
    },
    Payload {
        left: u64,
        mask: [u8; 4],
        kind: Kind,
    },
    /// The length cannot be true, so that nobody knows where the next frame begins.
    Lost,
}

/// What a payload is read for.
#[derive(Debug)]
enum Kind {
    /// Nothing.
    Passed,
    /// A text message, or a piece of one.
    Text,
    /// The code and reason of a close frame.
    Close(Vec<u8>),
}

#[derive(Debug, Clone, Copy)]
struct Message {
    text: bool,
    utf8: Utf8,
    /// It is known not to be UTF-8.
    broken: bool,
}

/// A close frame was seen; whether it was an orderly one.
#[derive(Debug, Clone, Copy)]
struct Closed {
    orderly: bool,
}

impl Default for State {
    fn default() -> Self {
        Self::Header { bytes: [0; header::LIMIT], have: 0 }
    }
}

impl WebSocketDecoder {
    /// Of the direction from `agreement.side`.
    #[must_use]
    pub fn new(agreement: Agreement) -> Self {
        Self {
            agreement,
            state: State::default(),
            index: 0,
            offset: 0,
            message: None,
            last: None,
            closed: None,
            pending: VecDeque::new(),
            said: Vec::new(),
        }
    }

    /// Takes bytes; one item a call, `None` when all were taken.
    pub fn next(&mut self, input: &mut Bytes) -> Option<WebSocketItem> {
        while self.pending.is_empty() && !input.is_empty() {
            match &mut self.state {
                State::Lost => input.clear(),
                State::Header { bytes, have } => {
                    bytes[*have] = input.get_u8();
                    *have += 1;
                    self.offset += 1;
                    if *have >= 2 && *have == Header::size(bytes[1]) {
                        let (header, size) = (*bytes, *have);
                        self.header(&header[..size]);
                    }
                }
                State::Payload { left, .. } => {
                    let take = usize::try_from(*left).map_or(input.len(), |left| left.min(input.len()));
                    let piece = input.split_to(take);
                    self.payload(&piece);
                }
            }
        }
        self.pending.pop_front()
    }

    /// Frames read so far.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.index
    }

    /// Whether the decoder gave up.
    #[must_use]
    pub const fn is_lost(&self) -> bool {
        matches!(self.state, State::Lost)
    }

    /// Stream bytes taken.
    #[must_use]
    pub const fn offset(&self) -> u64 {
        self.offset
    }

    /// Bytes at the end of what was taken that are half a header or half a close frame, whose code is still to be judged.
    #[must_use]
    pub fn undecided(&self) -> usize {
        match (&self.state, self.last) {
            (State::Header { have, .. }, _) => *have,
            (State::Payload { kind: Kind::Close(_), .. }, Some(frame)) => usize::try_from(self.offset - frame.offset).unwrap_or(usize::MAX),
            _ => 0,
        }
    }

    /// What is wrong when the stream ends here.
    #[must_use]
    pub fn finish(&self, end: StreamEnd) -> Option<Flaw> {
        if end == StreamEnd::Broken {
            return None;
        }
        let truncated = |offset, expected: String, actual: String| {
            Some(Flaw::new(Rule::WebsocketTruncated, offset, expected, actual).at_index(self.index.saturating_sub(1)))
        };
        match &self.state {
            State::Lost => None,
            State::Header { bytes, have } if *have > 0 => {
                let flaw = Flaw::new(
                    Rule::WebsocketTruncated,
                    self.offset - *have as u64,
                    "a whole frame header",
                    format!("the end of the stream after {have} {}", if *have == 1 { "byte" } else { "bytes" }),
                );
                Some(flaw.at_index(self.index).with_evidence(&bytes[..*have]))
            }
            State::Payload { left, .. } => {
                let frame = self.last?;
                truncated(
                    frame.offset,
                    format!("{} bytes of payload", frame.length),
                    format!("the end of the stream after {}", frame.length - left),
                )
            }
            State::Header { .. } if self.closed.is_some() => None,
            State::Header { .. } if self.message.is_some() => {
                truncated(self.offset, "the last frame of the message".to_owned(), "the end of the stream".to_owned())
            }
            // RFC 6455 section 7.1.5: the client then reports 1006, abnormal closure.
            State::Header { .. } => Some(Flaw::new(Rule::WebsocketNoClose, self.offset, "a close frame", "the end of the stream")),
        }
    }

    fn say(&mut self, flaw: Flaw) {
        if !self.said.contains(&flaw.rule) {
            self.said.push(flaw.rule);
            self.pending.push_back(WebSocketItem::Flaw(flaw));
        }
    }

    /// RFC 6455 section 5.2.
    fn header(&mut self, bytes: &[u8]) {
        let header = Header::read(bytes);
        let (index, offset) = (self.index, self.offset - bytes.len() as u64);
        let frame = WebSocketFrame { index, offset, fin: header.fin, opcode: header.opcode, length: header.length };
        self.index += 1;
        self.last = Some(frame);
        self.pending.push_back(WebSocketItem::Frame(frame));
        let flaw = |rule, expected: &'static str, actual: String| frame.flaw(rule, expected, actual).with_evidence(bytes);
        // Section 5.1: the client masks every frame, the server none.
        match (self.agreement.side, header.mask) {
            (Side::Client, None) => self.say(flaw(Rule::WebsocketMasking, "a masked frame", "no mask".to_owned())),
            (Side::Daemon, Some(_)) => self.say(flaw(Rule::WebsocketMasking, "no mask", "a masked frame".to_owned())),
            _ => {}
        }
        if let Some(set) = header.reserved().filter(|_| !self.agreement.extended) {
            self.say(flaw(Rule::WebsocketReservedBits, "reserved bits that are 0", set));
        }
        if let Some(due) = header.length_due() {
            self.say(flaw(Rule::WebsocketLength, due, format!("{} in {} bits", header.length, 8 * header.extended)));
        }
        if header.is_endless() {
            self.state = State::Lost;
            return;
        }
        let kind = match frame.opcode {
            CLOSE..=PONG => self.control(frame, bytes),
            CONTINUATION | TEXT | BINARY => self.data(frame, bytes),
            opcode => {
                self.say(flaw(Rule::WebsocketOpcode, "0, 1, 2, 8, 9 or 10", opcode.to_string()));
                Kind::Passed
            }
        };
        self.state = State::Payload { left: header.length, mask: header.mask.unwrap_or_default(), kind };
        if header.length == 0 {
            self.end_of_frame();
        }
    }

    /// Section 5.5: control frames.
    fn control(&mut self, frame: WebSocketFrame, header: &[u8]) -> Kind {
        let name = ["close", "ping", "pong"][usize::from(frame.opcode - CLOSE)];
        let flaw = |expected: &'static str, actual: String| frame.flaw(Rule::WebsocketControlFrame, expected, actual).with_evidence(header);
        if !frame.fin {
            self.say(flaw("a control frame in one piece", format!("a {name} frame without FIN")));
        }
        if frame.length > CONTROL_LIMIT {
            self.say(flaw("at most 125 bytes of payload in a control frame", format!("a {name} frame of {}", frame.length)));
        }
        if frame.opcode == CLOSE && frame.length <= CONTROL_LIMIT { Kind::Close(Vec::new()) } else { Kind::Passed }
    }

    /// Section 5.4: fragments, and section 5.6: data frames.
    fn data(&mut self, frame: WebSocketFrame, header: &[u8]) -> Kind {
        let flaw = |rule, expected: &'static str, actual: &'static str| frame.flaw(rule, expected, actual).with_evidence(header);
        // Section 5.5.1: no data behind a close frame. To a client that broke the protocol dockerd sends one, and then goes on.
        if self.closed.is_some_and(|closed| closed.orderly) {
            self.say(flaw(Rule::WebsocketAfterClose, "nothing behind a close frame", "a data frame"));
        }
        match (frame.opcode, self.message.is_some()) {
            (CONTINUATION, false) => {
                self.say(flaw(Rule::WebsocketFragmentation, "the first frame of a message", "a continuation frame"));
                return Kind::Passed;
            }
            (CONTINUATION, true) => {}
            (opcode, inside) => {
                if inside {
                    self.say(flaw(Rule::WebsocketFragmentation, "a continuation frame", "the first frame of another message"));
                }
                let actual = if opcode == TEXT { DataType::Text } else { DataType::Binary };
                if let Some(due) = self.agreement.data.filter(|due| *due != actual) {
                    self.say(flaw(Rule::WebsocketDataType, due.word(), actual.word()));
                }
                self.message = Some(Message { text: opcode == TEXT, utf8: Utf8::default(), broken: false });
            }
        }
        let reads = self.message.is_some_and(|message| message.text) && self.agreement.utf8 && !self.agreement.extended;
        if reads { Kind::Text } else { Kind::Passed }
    }

    fn payload(&mut self, piece: &[u8]) {
        let State::Payload { left, mask, kind } = &mut self.state else { return };
        let mut bad = None;
        match kind {
            Kind::Passed => {}
            Kind::Close(held) => held.extend_from_slice(piece),
            Kind::Text => {
                let done = self.last.map_or(0, |frame| frame.length - *left);
                if let Some(message) = self.message.as_mut().filter(|message| !message.broken) {
                    for (at, byte) in piece.iter().enumerate() {
                        #[expect(clippy::cast_possible_truncation, reason = "of the position, two bits are needed")]
                        let key = mask[(done as usize).wrapping_add(at) & 3];
                        if !message.utf8.takes(byte ^ key) {
                            message.broken = true;
                            bad = Some((self.offset + at as u64, byte ^ key));
                            break;
                        }
                    }
                }
            }
        }
        *left -= piece.len() as u64;
        self.offset += piece.len() as u64;
        let ended = *left == 0;
        if let (Some((offset, byte)), Some(frame)) = (bad, self.last) {
            let flaw = Flaw::new(Rule::WebsocketUtf8, offset, "UTF-8", format!("the byte {byte:02x}"));
            self.say(flaw.at_index(frame.index).with_evidence(&[byte]));
        }
        if ended {
            self.end_of_frame();
        }
    }

    fn end_of_frame(&mut self) {
        let State::Payload { mask, kind, .. } = std::mem::take(&mut self.state) else { return };
        let Some(frame) = self.last else { return };
        if let Kind::Close(mut payload) = kind {
            payload.iter_mut().enumerate().for_each(|(at, byte)| *byte ^= mask[at & 3]);
            self.close(frame, &payload);
            return;
        }
        if frame.fin && frame.opcode <= BINARY {
            let unfinished = self.message.take().is_some_and(|message| message.text && !message.broken && !message.utf8.is_complete());
            if unfinished {
                let flaw = Flaw::new(Rule::WebsocketUtf8, self.offset, "UTF-8", "the end of the message inside a character");
                self.say(flaw.at_index(frame.index));
            }
        }
    }

    fn close(&mut self, frame: WebSocketFrame, payload: &[u8]) {
        let (code, defect) = close::read(payload);
        if let Some((expected, actual)) = defect {
            self.say(frame.flaw(Rule::WebsocketCloseCode, expected, actual).with_evidence(payload));
        }
        self.closed.get_or_insert(Closed { orderly: matches!(code, None | Some(1000 | 1001)) });
    }
}

impl WebSocketFrame {
    fn flaw(&self, rule: Rule, expected: &'static str, actual: impl Into<String>) -> Flaw {
        Flaw::new(rule, self.offset, expected, actual).at_index(self.index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(side: Side, data: Option<DataType>, stream: &[u8]) -> Vec<Rule> {
        let mut decoder = WebSocketDecoder::new(Agreement { side, data, utf8: true, extended: false });
        let mut input = Bytes::copy_from_slice(stream);
        let mut found = Vec::new();
        while let Some(item) = decoder.next(&mut input) {
            if let WebSocketItem::Flaw(flaw) = item {
                found.push(flaw.rule);
            }
        }
        found.extend(decoder.finish(StreamEnd::Closed).map(|flaw| flaw.rule));
        found
    }

    #[test]
    fn what_a_daemon_sends() {
        use Rule::{
            WebsocketAfterClose, WebsocketCloseCode, WebsocketControlFrame, WebsocketDataType, WebsocketFragmentation, WebsocketLength,
            WebsocketMasking, WebsocketNoClose, WebsocketOpcode, WebsocketReservedBits, WebsocketTruncated, WebsocketUtf8,
        };
        const BYE: &[u8] = b"\x88\x02\x03\xe8";
        for (stream, flaws) in [
            (&b"\x82\x03hi\n"[..], vec![]),
            (b"\x02\x01h\x89\x01?\x00\x00\x80\x01i", vec![]),
            (b"\x82\x00\x88\x00", vec![]),
            // Twice, as dockerd does it to a client that broke the protocol.
            (b"\x88\x02\x03\xea\x82\x01a", vec![]),
            (b"\x82\x83\0\0\0\0hi\n", vec![WebsocketMasking]),
            (b"\xc2\x00", vec![WebsocketReservedBits]),
            (b"\x83\x00", vec![WebsocketOpcode]),
            (b"\x09\x00", vec![WebsocketControlFrame]),
            (b"\x80\x00", vec![WebsocketFragmentation]),
            (b"\x02\x00\x82\x00", vec![WebsocketFragmentation]),
            (b"\x82\x7e\0\x02hi", vec![WebsocketLength]),
            (b"\x82\x7f\0\0\0\0\0\0\0\x02hi", vec![WebsocketLength]),
            (b"\x81\x00", vec![WebsocketDataType]),
            (b"\x81\x02\xc3\xa9\x81\x02\xc3\x28", vec![WebsocketDataType, WebsocketUtf8]),
            (b"\x88\x01\x03", vec![WebsocketCloseCode]),
            (b"\x88\x02\x03\xed", vec![WebsocketCloseCode]),
            (b"\x88\x03\x03\xe8\xff", vec![WebsocketCloseCode]),
            (b"\x88\x00\x82\x00", vec![WebsocketAfterClose]),
        ] {
            assert_eq!(rules(Side::Daemon, Some(DataType::Binary), &[stream, BYE].concat()), flaws, "{stream:?}");
        }
        for (stream, flaw) in [
            (&b"\x82"[..], WebsocketTruncated),
            (b"\x82\x05hi", WebsocketTruncated),
            (b"\x02\x02hi", WebsocketTruncated),
            (b"\x82\x02hi", WebsocketNoClose),
            (b"\x82\x7f\xff\0\0\0\0\0\0\x02hi", WebsocketLength),
        ] {
            assert_eq!(rules(Side::Daemon, None, stream), [flaw], "{stream:?}");
        }
    }

    #[test]
    fn a_character_may_be_cut_by_frames_and_masks() {
        let masked = |first: u8, payload: &[u8], key: [u8; 4]| {
            let length = u8::try_from(payload.len()).expect("short") | 0x80;
            let body = payload.iter().enumerate().map(|(at, byte)| byte ^ key[at & 3]);
            [first, length].into_iter().chain(key).chain(body).collect::<Vec<_>>()
        };
        let euro = "€".as_bytes();
        let whole = [masked(0x01, &euro[..1], *b"abcd"), masked(0x80, &euro[1..], *b"wxyz"), masked(0x88, b"", *b"1234")].concat();
        assert_eq!(rules(Side::Client, None, &whole), []);
        let cut = [masked(0x81, &euro[..2], *b"abcd"), masked(0x88, b"", *b"1234")].concat();
        assert_eq!(rules(Side::Client, None, &cut), [Rule::WebsocketUtf8]);
        assert_eq!(rules(Side::Client, None, b"\x82\x01a\x88\x00"), [Rule::WebsocketMasking]);
    }
}
