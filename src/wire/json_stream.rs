//! JSON documents one after the other: concatenated, or separated by blanks, LF, CRLF or RS (RFC 7464).
//!
//! The splitter finds where documents begin and end; whether they are JSON is for the parser that reads them.

use bytes::{Bytes, BytesMut};
use memchr::memchr2;

use super::{Flaw, StreamEnd, excerpt};
use crate::model::Rule;

/// A document larger than this is skipped, not held.
pub const DOCUMENT_LIMIT: usize = 8 << 20;

/// So much of what is no document is shown.
const GARBAGE_SHOWN: usize = 48;

/// What comes out of a JSON stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JsonStreamItem {
    /// The bytes of one document.
    Document {
        /// Number in the stream, from 0.
        index: u64,
        /// Where it begins in the stream.
        offset: u64,
        /// Its bytes.
        bytes: Bytes,
    },
    /// A document was larger than [`DOCUMENT_LIMIT`] and is skipped.
    TooLarge {
        /// Number in the stream, from 0.
        index: u64,
    },
    /// Something that begins no document. The rest of the stream is not read.
    Flaw(Flaw),
}

/// Splits the documents of one stream.
#[derive(Debug, Default)]
pub struct JsonStreamDecoder {
    state: State,
    /// The document so far, when it came in several pieces.
    held: BytesMut,
    /// Set when the document is over the limit.
    skipping: bool,
    index: u64,
    /// Stream bytes taken.
    offset: u64,
    /// Where the document begins.
    begin: u64,
}

/// Where in the grammar the next byte stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    #[default]
    Between,
    /// A number, true, false, null: ends where something else begins.
    Scalar,
    Structure {
        depth: u32,
    },
    /// In a string at this depth; depth 0 is a document that is a string.
    String {
        depth: u32,
    },
    Escape {
        depth: u32,
    },
    /// What begins no document is collected until there is enough of it to show.
    Garbage,
    Lost,
}

impl JsonStreamDecoder {
    /// Takes bytes; one item a call, `None` when all were taken.
    pub fn next(&mut self, input: &mut Bytes) -> Option<JsonStreamItem> {
        if self.state == State::Between {
            let blanks = input.iter().take_while(|byte| is_separator(**byte)).count();
            let _ = input.split_to(blanks);
            self.offset += blanks as u64;
            let first = *input.first()?;
            self.begin = self.offset;
            self.state = match first {
                b'{' | b'[' => State::Structure { depth: 0 },
                b'"' => State::String { depth: 0 },
                b'-' | b'0'..=b'9' | b't' | b'f' | b'n' => State::Scalar,
                _ => State::Garbage,
            };
            if self.state == State::Garbage {
                return self.garbage(input);
            }
            // The opening quote itself is no end of the string.
            let skip = usize::from(first == b'"');
            return self.scan(input, skip);
        }
        match self.state {
            State::Lost => input.clear(),
            State::Garbage => return self.garbage(input),
            _ => return self.scan(input, 0),
        }
        None
    }

    /// Documents that were complete so far.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.index
    }

    /// Bytes at the end of what was taken that are half a document; none of a document that is too large to be held.
    #[must_use]
    pub fn undecided(&self) -> usize {
        self.held.len()
    }

    fn scan(&mut self, input: &mut Bytes, skip: usize) -> Option<JsonStreamItem> {
        let mut at = skip;
        while at < input.len() {
            let byte = input[at];
            match self.state {
                State::Scalar => {
                    if is_separator(byte) || b"{[\"".contains(&byte) {
                        return Some(self.document(input, at));
                    }
                    at += 1;
                }
                State::Structure { depth } => {
                    at += 1;
                    match byte {
                        b'"' => self.state = State::String { depth },
                        b'{' | b'[' => self.state = State::Structure { depth: depth.saturating_add(1) },
                        b'}' | b']' if depth <= 1 => return Some(self.document(input, at)),
                        b'}' | b']' => self.state = State::Structure { depth: depth - 1 },
                        _ => {}
                    }
                }
                State::String { depth } => match memchr2(b'"', b'\\', &input[at..]) {
                    None => at = input.len(),
                    Some(found) => {
                        at += found + 1;
                        if input[at - 1] == b'\\' {
                            self.state = State::Escape { depth };
                        } else if depth == 0 {
                            return Some(self.document(input, at));
                        } else {
                            self.state = State::Structure { depth };
                        }
                    }
                },
                State::Escape { depth } => {
                    at += 1;
                    self.state = State::String { depth };
                }
                State::Between | State::Garbage | State::Lost => unreachable!("scan is called inside a document"),
            }
        }
        self.offset += input.len() as u64;
        self.hold(input);
        input.clear();
        None
    }

    /// Shown as much as a line holds, wherever the bytes were cut.
    fn garbage(&mut self, input: &mut Bytes) -> Option<JsonStreamItem> {
        let take = input.len().min(GARBAGE_SHOWN - self.held.len());
        self.held.extend_from_slice(&input.split_to(take));
        (self.held.len() == GARBAGE_SHOWN).then(|| self.garbage_flaw())
    }

    fn garbage_flaw(&mut self) -> JsonStreamItem {
        self.state = State::Lost;
        let held = self.held.split();
        let flaw = Flaw::new(Rule::JsonStreamMalformed, self.begin, "a JSON document", excerpt(&held));
        JsonStreamItem::Flaw(flaw.at_index(self.index).with_evidence(&held))
    }

    fn hold(&mut self, piece: &[u8]) {
        if self.held.len() + piece.len() > DOCUMENT_LIMIT {
            self.skipping = true;
            self.held = BytesMut::new();
        }
        if !self.skipping {
            self.held.extend_from_slice(piece);
        }
    }

    fn document(&mut self, input: &mut Bytes, end: usize) -> JsonStreamItem {
        let piece = input.split_to(end);
        self.offset += end as u64;
        self.end_of_document(piece)
    }

    fn end_of_document(&mut self, piece: Bytes) -> JsonStreamItem {
        let index = self.index;
        self.index += 1;
        self.state = State::Between;
        let bytes = if self.held.is_empty() && !self.skipping && piece.len() <= DOCUMENT_LIMIT {
            piece
        } else {
            self.hold(&piece);
            self.held.split().freeze()
        };
        if std::mem::take(&mut self.skipping) {
            return JsonStreamItem::TooLarge { index };
        }
        JsonStreamItem::Document { index, offset: self.begin, bytes }
    }

    /// The document that only the end of the stream ends (a number), or what is wrong when it ends here.
    pub fn finish(&mut self, end: StreamEnd) -> Option<JsonStreamItem> {
        match self.state {
            State::Between | State::Lost => None,
            State::Garbage => Some(self.garbage_flaw()),
            State::Scalar => Some(self.end_of_document(Bytes::new())),
            _ if end == StreamEnd::Broken => None,
            _ => {
                let actual = format!("the end of the stream after {} bytes of it", self.offset - self.begin);
                let flaw = Flaw::new(Rule::JsonStreamTruncated, self.begin, "a whole JSON document", actual);
                Some(JsonStreamItem::Flaw(flaw.at_index(self.index).with_evidence(&self.held)))
            }
        }
    }
}

/// The blanks of RFC 8259 section 2, and the record separator of RFC 7464.
fn is_separator(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | 0x1e)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(stream: &str) -> Vec<String> {
        let (mut decoder, mut input) = (JsonStreamDecoder::default(), Bytes::copy_from_slice(stream.as_bytes()));
        let mut items = Vec::new();
        let text = |item| match item {
            JsonStreamItem::Document { bytes, .. } => String::from_utf8_lossy(&bytes).into_owned(),
            JsonStreamItem::TooLarge { .. } => "too large".to_owned(),
            JsonStreamItem::Flaw(flaw) => flaw.rule.id().to_owned(),
        };
        while !input.is_empty() {
            items.extend(decoder.next(&mut input).map(text));
        }
        items.extend(decoder.finish(StreamEnd::Closed).map(text));
        items
    }

    #[test]
    fn documents_are_found_however_they_are_separated() {
        for (stream, documents) in [
            ("{\"a\":1}\r\n{\"b\":\"}\"}\n", vec!["{\"a\":1}", "{\"b\":\"}\"}"]),
            ("{}{}[1,[2]]", vec!["{}", "{}", "[1,[2]]"]),
            ("{\"a\":\"\\\"}\"} ", vec!["{\"a\":\"\\\"}\"}"]),
            ("\u{1e}{}\n\u{1e}{}\n", vec!["{}", "{}"]),
            ("0\nnull \"a\"{}", vec!["0", "null", "\"a\"", "{}"]),
            ("12", vec!["12"]),
            ("", vec![]),
            ("\r\n\r\n", vec![]),
            ("{\"a\":", vec!["json-stream.truncated"]),
            ("{}<html>", vec!["{}", "json-stream.malformed"]),
            ("{} } {}", vec!["{}", "json-stream.malformed"]),
        ] {
            assert_eq!(split(stream), documents, "{stream:?}");
        }
    }

    #[test]
    fn a_huge_document_is_skipped_not_held() {
        let mut decoder = JsonStreamDecoder::default();
        let _ = decoder.next(&mut Bytes::from_static(b"[\""));
        for _ in 0..10 {
            assert_eq!(decoder.next(&mut Bytes::from(vec![b'x'; 1 << 20])), None);
            assert!(decoder.held.len() <= DOCUMENT_LIMIT);
        }
        let mut input = Bytes::from_static(b"\"]{}");
        assert_eq!(decoder.next(&mut input), Some(JsonStreamItem::TooLarge { index: 0 }));
        assert!(matches!(decoder.next(&mut input), Some(JsonStreamItem::Document { index: 1, .. })));
    }
}
