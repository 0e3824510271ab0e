//! Where a body ends, and its decoded bytes.
//!
//! The cases stand in the order of RFC 9112 section 6.3. Content codings are not undone here.

use bytes::Bytes;

use super::chunked::ChunkedDecoder;
use super::{Flaw, Head, StreamEnd, excerpt};
use crate::model::Rule;

/// How the end of a body is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyLength {
    /// There is none.
    None,
    /// Content-Length.
    Exactly(u64),
    /// Transfer-Encoding: chunked.
    Chunked,
    /// The end of the connection.
    UntilClose,
    /// It cannot be known; a flaw says why.
    Unknown,
}

impl BodyLength {
    /// Of a request.
    #[must_use]
    pub fn of_request(head: &Head, flaws: &mut Vec<Flaw>) -> Self {
        Self::announced(head, flaws).unwrap_or(Self::None)
    }

    /// Of a response to a request with this method.
    #[must_use]
    pub fn of_response(head: &Head, method: &[u8], flaws: &mut Vec<Flaw>) -> Self {
        let announced = Self::announced(head, flaws);
        // Case 1: these end with the head, whatever it says. HEAD and 304 may announce what GET would have.
        let status = head.status().unwrap_or_default();
        if matches!(status, 100..=199 | 204) && !matches!(announced, None | Some(Self::Exactly(0))) {
            let actual = match announced {
                Some(Self::Exactly(length)) => format!("Content-Length: {length}"),
                _ => "Transfer-Encoding".to_owned(),
            };
            let field = if actual == "Transfer-Encoding" { "Transfer-Encoding" } else { "Content-Length" };
            let flaw = Flaw::new(Rule::HttpBodyForbidden, 0, format!("no body with status {status}"), actual);
            flaws.push(flaw.in_field(field.as_bytes()));
        }
        if method == b"HEAD" || matches!(status, 100..=199 | 204 | 304) {
            return Self::None;
        }
        announced.unwrap_or(Self::UntilClose)
    }

    /// What the head says: cases 3 to 6.
    fn announced(head: &Head, flaws: &mut Vec<Flaw>) -> Option<Self> {
        let mut lengths: Vec<&[u8]> = Vec::new();
        lengths.extend(head.values("Content-Length").flat_map(|value| value.split(|byte| *byte == b',')).map(<[u8]>::trim_ascii));
        let flaw = |rule, expected, actual: &[u8]| Flaw::new(rule, 0, expected, excerpt(actual)).in_field(b"Content-Length");
        if let Some(coding) = head.value("Transfer-Encoding") {
            if let Some(length) = lengths.first() {
                flaws.push(flaw(Rule::HttpLengthAndChunked, "Transfer-Encoding alone", length));
            }
            // RFC 9112 section 6.1: HTTP/1.0 has no transfer codings, and peers disagree on what such a head means. Go takes no notice of it.
            if coding.eq_ignore_ascii_case(b"chunked") && head.values("Transfer-Encoding").count() == 1 && !head.is_http10() {
                return Some(Self::Chunked);
            }
            let all: Vec<_> = head.values("Transfer-Encoding").collect();
            let flaw = Flaw::new(
                Rule::HttpTransferCoding,
                0,
                if head.is_http10() { "none in HTTP/1.0" } else { "chunked" },
                excerpt(&all.join(&b", "[..])),
            )
            .in_field(b"Transfer-Encoding");
            flaws.push(flaw);
            return Some(Self::Unknown);
        }
        let first = *lengths.first()?;
        if lengths[1..].iter().any(|length| *length != first) {
            flaws.push(flaw(Rule::HttpConflictingLength, "one Content-Length", &lengths.join(&b", "[..])));
            return Some(Self::Unknown);
        }
        if lengths.len() > 1 {
            flaws.push(flaw(Rule::HttpRepeatedLength, "one Content-Length", &lengths.join(&b", "[..])));
        }
        let digits = !first.is_empty() && first.iter().all(u8::is_ascii_digit);
        let Some(length) = std::str::from_utf8(first).ok().filter(|_| digits).and_then(|text| text.parse().ok()) else {
            flaws.push(flaw(Rule::HttpBadLength, "a decimal number of bytes", first));
            return Some(Self::Unknown);
        };
        Some(Self::Exactly(length))
    }
}

/// What comes out of a body.
#[derive(Debug, PartialEq, Eq)]
pub enum BodyItem {
    /// Decoded bytes, as they came.
    Data(Bytes),
    /// Something wrong.
    Flaw(Flaw),
    /// A chunk of the chunked coding ends here.
    ChunkEnd,
    /// The body is complete.
    End,
    /// The rest cannot be read; a flaw came before.
    Lost,
}

/// Decodes one body.
#[derive(Debug)]
pub struct BodyDecoder {
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Length { left: u64, length: u64 },
    Chunked(ChunkedDecoder),
    UntilClose,
    Done,
    Lost,
}

impl BodyDecoder {
    /// A decoder, and whether the body is complete already, since it is empty.
    #[must_use]
    pub fn new(length: BodyLength) -> (Self, bool) {
        let kind = match length {
            BodyLength::None | BodyLength::Exactly(0) => Kind::Done,
            BodyLength::Exactly(length) => Kind::Length { left: length, length },
            BodyLength::Chunked => Kind::Chunked(ChunkedDecoder::default()),
            BodyLength::UntilClose => Kind::UntilClose,
            BodyLength::Unknown => Kind::Lost,
        };
        let done = matches!(kind, Kind::Done);
        (Self { kind }, done)
    }

    /// Takes the body's bytes. What is behind its end stays in `input`. One item a call; `None` when more bytes are needed.
    pub fn next(&mut self, input: &mut Bytes) -> Option<BodyItem> {
        if input.is_empty() {
            return None;
        }
        match &mut self.kind {
            Kind::Length { left: 0, .. } | Kind::Done => {
                self.kind = Kind::Done;
                Some(BodyItem::End)
            }
            Kind::Length { left, .. } => {
                let take = usize::try_from(*left).map_or(input.len(), |left| left.min(input.len()));
                *left -= take as u64;
                Some(BodyItem::Data(input.split_to(take)))
            }
            Kind::Chunked(chunked) => {
                let item = chunked.next(input);
                match item {
                    Some(BodyItem::End) => self.kind = Kind::Done,
                    // Where the next chunk begins is not known after a flaw.
                    Some(BodyItem::Flaw(_)) => self.kind = Kind::Lost,
                    _ => {}
                }
                item
            }
            Kind::UntilClose => Some(BodyItem::Data(std::mem::take(input))),
            Kind::Lost => {
                input.clear();
                Some(BodyItem::Lost)
            }
        }
    }

    /// Whether the body is complete without a further byte.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        matches!(self.kind, Kind::Done | Kind::Length { left: 0, .. })
    }

    /// Bytes at the end of what was taken that say nothing yet: half a line of the chunked coding.
    #[must_use]
    pub fn undecided(&self) -> usize {
        match &self.kind {
            Kind::Chunked(chunked) => chunked.undecided(),
            _ => 0,
        }
    }

    /// Whether the end of the connection here makes the body complete.
    #[must_use]
    pub fn completes_at_close(&self) -> bool {
        matches!(self.kind, Kind::Done | Kind::Length { left: 0, .. } | Kind::UntilClose)
    }

    /// What is wrong when the connection ends here.
    #[must_use]
    pub fn finish(&self, end: StreamEnd) -> Option<Flaw> {
        if end == StreamEnd::Broken {
            return None;
        }
        match &self.kind {
            Kind::Length { left, length } if *left > 0 => Some(Flaw::new(
                Rule::HttpTruncated,
                length - left,
                format!("{length} bytes of body, as Content-Length says"),
                format!("the end of the connection after {}", length - left),
            )),
            Kind::Chunked(chunked) => Some(Flaw::new(
                Rule::HttpTruncated,
                chunked.decoded(),
                "the last chunk, of size 0",
                format!("the end of the connection {}", chunked.position()),
            )),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{HeadRead, HeadReader};
    use super::*;
    use crate::model::Side;

    fn length(method: &str, head: &str) -> (BodyLength, Vec<Rule>) {
        let mut flaws = Vec::new();
        let text = format!("HTTP/1.1 {head}\r\n\r\n");
        let HeadRead::Complete(head, _) = HeadReader::new(Side::Daemon).push(&mut Bytes::from(text)) else { panic!("a whole head") };
        let length = BodyLength::of_response(&head, method.as_bytes(), &mut flaws);
        (length, flaws.into_iter().map(|flaw| flaw.rule).collect())
    }

    #[test]
    fn rfc_9112_section_6_3_case_by_case() {
        use BodyLength::{Chunked, Exactly, None, Unknown, UntilClose};
        for (method, head, expected, flaws) in [
            ("HEAD", "200 OK\r\nContent-Length: 5", None, vec![]),
            ("GET", "304 Not Modified\r\nContent-Length: 5", None, vec![]),
            ("GET", "204 No Content\r\nContent-Length: 5", None, vec![Rule::HttpBodyForbidden]),
            ("GET", "204 No Content\r\nContent-Length: 0", None, vec![]),
            ("GET", "204 No Content\r\nTransfer-Encoding: chunked", None, vec![Rule::HttpBodyForbidden]),
            ("GET", "200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5", Chunked, vec![Rule::HttpLengthAndChunked]),
            ("GET", "200 OK\r\nTransfer-Encoding: Chunked", Chunked, vec![]),
            ("GET", "200 OK\r\nTransfer-Encoding: gzip, chunked", Unknown, vec![Rule::HttpTransferCoding]),
            ("GET", "200 OK\r\nContent-Length: 5\r\nContent-Length: 6", Unknown, vec![Rule::HttpConflictingLength]),
            ("GET", "200 OK\r\nContent-Length: 5, 5", Exactly(5), vec![Rule::HttpRepeatedLength]),
            ("GET", "200 OK\r\nContent-Length: +5", Unknown, vec![Rule::HttpBadLength]),
            ("GET", "200 OK\r\nContent-Length: 99999999999999999999", Unknown, vec![Rule::HttpBadLength]),
            ("GET", "200 OK\r\nContent-Length: 5", Exactly(5), vec![]),
            ("GET", "200 OK", UntilClose, vec![]),
        ] {
            assert_eq!(length(method, head), (expected, flaws), "{method} {head:?}");
        }
    }

    #[test]
    fn a_length_leaves_what_is_behind() {
        let (mut body, done) = BodyDecoder::new(BodyLength::Exactly(3));
        let mut input = Bytes::from_static(b"abcdef");
        assert!(!done);
        assert_eq!(body.next(&mut input), Some(BodyItem::Data(Bytes::from_static(b"abc"))));
        assert!(body.is_complete() && &input[..] == b"def");
        let (body, _) = BodyDecoder::new(BodyLength::Exactly(3));
        assert_eq!(body.finish(StreamEnd::Closed).map(|flaw| flaw.rule), Some(Rule::HttpTruncated));
        assert_eq!(body.finish(StreamEnd::Broken), None);
    }
}
