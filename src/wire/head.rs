//! Heads of HTTP/1 messages, read as they stand: exact spans, and flaws instead of refusals.
//!
//! Nothing is normalised: names keep their case, values their bytes.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use memchr::{memchr, memchr_iter};

use super::{Flaw, StreamEnd, excerpt};
use crate::model::{Rule, Side};

/// A head larger than this is not read: Go's `DefaultMaxHeaderBytes`, what dockerd takes.
pub const HEAD_LIMIT: usize = 1 << 20;
/// More header lines than this are a flaw; of the lines beyond only those are kept that say where the message ends.
pub const FIELD_LIMIT: usize = 1000;

/// A piece of the head's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Span {
    start: u32,
    end: u32,
}

impl Span {
    #[expect(clippy::cast_possible_truncation, reason = "a head is no larger than HEAD_LIMIT, 1 MiB")]
    const fn new(start: usize, end: usize) -> Self {
        Self { start: start as u32, end: end as u32 }
    }

    /// Offset of the first byte in the head.
    #[must_use]
    pub const fn start(self) -> usize {
        self.start as usize
    }

    fn of(self, bytes: &[u8]) -> &[u8] {
        &bytes[self.start as usize..self.end as usize]
    }
}

/// The first line of a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartLine {
    /// `POST /path HTTP/1.1`
    Request {
        /// The method.
        method: Span,
        /// Path and query, as sent.
        target: Span,
        /// The digit after `HTTP/1.`.
        minor: u8,
    },
    /// `HTTP/1.1 200 OK`
    Response {
        /// Three digits.
        status: u16,
        /// What stands behind them.
        reason: Span,
        /// The digit after `HTTP/1.`.
        minor: u8,
    },
    /// No first line of HTTP/1.
    Unreadable,
}

/// A header line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    name: Span,
    value: Span,
}

impl Field {
    fn is(self, name: &str, bytes: &[u8]) -> bool {
        // Most have another length, for which the bytes need not be looked at.
        (self.name.end - self.name.start) as usize == name.len() && self.name.of(bytes).eq_ignore_ascii_case(name.as_bytes())
    }
}

/// A head, whole and as it was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    bytes: Bytes,
    start: StartLine,
    fields: Arc<[Field]>,
}

impl Head {
    /// All bytes of the head, with the blank line at its end.
    #[must_use]
    pub const fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The same head, its bytes held in other memory.
    pub(crate) fn backed_by(self, bytes: Bytes) -> Self {
        debug_assert_eq!(self.bytes, bytes, "the same bytes");
        Self { bytes, ..self }
    }

    /// The first line.
    #[must_use]
    pub const fn start_line(&self) -> StartLine {
        self.start
    }

    /// The method of a request; empty otherwise.
    #[must_use]
    pub fn method(&self) -> &[u8] {
        match self.start {
            StartLine::Request { method, .. } => method.of(&self.bytes),
            _ => b"",
        }
    }

    /// Path and query of a request; empty otherwise.
    #[must_use]
    pub fn target(&self) -> &[u8] {
        match self.start {
            StartLine::Request { target, .. } => target.of(&self.bytes),
            _ => b"",
        }
    }

    /// The status of a response.
    #[must_use]
    pub const fn status(&self) -> Option<u16> {
        match self.start {
            StartLine::Response { status, .. } => Some(status),
            _ => None,
        }
    }

    /// Whether the message says HTTP/1.0.
    #[must_use]
    pub const fn is_http10(&self) -> bool {
        matches!(self.start, StartLine::Request { minor: 0, .. } | StartLine::Response { minor: 0, .. })
    }

    /// All header lines, in order: name and value as sent, without the blanks around.
    pub fn fields(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.fields.iter().map(|field| (field.name.of(&self.bytes), field.value.of(&self.bytes)))
    }

    /// The values of a header, in order. The name's case does not matter (RFC 9110 section 5.1).
    pub fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.fields.iter().filter(|field| field.is(name, &self.bytes)).map(|field| field.value.of(&self.bytes))
    }

    /// The first value of a header.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&[u8]> {
        self.fields.iter().find(|field| field.is(name, &self.bytes)).map(|field| field.value.of(&self.bytes))
    }

    /// Whether a header that is a list holds a token, in any case.
    #[must_use]
    pub fn has_token(&self, name: &str, token: &str) -> bool {
        self.values(name)
            .flat_map(|value| value.split(|byte| *byte == b','))
            .any(|item| item.trim_ascii().eq_ignore_ascii_case(token.as_bytes()))
    }
}

/// What a push into a [`HeadReader`] gave.
#[derive(Debug)]
pub enum HeadRead {
    /// The head goes on; all bytes were taken.
    Incomplete,
    /// A head; the bytes behind it are left in the input.
    Complete(Head, Vec<Flaw>),
    /// No head can be found here any more.
    Lost(Flaw),
}

/// Collects one head after the other, of one side.
#[derive(Debug)]
pub struct HeadReader {
    side: Side,
    held: BytesMut,
    /// Bytes of `held` in which no line end is left to find.
    scanned: usize,
    /// Where the line begins that `scanned` lies in.
    line: usize,
    /// Where the first line that is not blank begins.
    first: Option<usize>,
}

impl HeadReader {
    /// A reader of requests (client) or of responses (daemon).
    #[must_use]
    pub fn new(side: Side) -> Self {
        Self { side, held: BytesMut::new(), scanned: 0, line: 0, first: None }
    }

    /// Whether nothing of a head was seen yet.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.held.is_empty()
    }

    /// Takes bytes up to the end of the head. What is behind it stays in `input`.
    pub fn push(&mut self, input: &mut Bytes) -> HeadRead {
        if self.held.is_empty() {
            // The usual case: the whole head in one read. A slice of it costs a reference count.
            return match self.find_end(input) {
                Some(end) => {
                    let bytes = input.split_to(end);
                    self.complete(bytes)
                }
                None => self.hold(input),
            };
        }
        let before = self.held.len();
        self.held.extend_from_slice(input);
        let mut held = std::mem::take(&mut self.held);
        if let Some(end) = self.find_end(&held) {
            let _ = input.split_to(end - before);
            return self.complete(held.split_to(end).freeze());
        }
        self.held = held;
        input.clear();
        self.check_limit()
    }

    fn hold(&mut self, input: &mut Bytes) -> HeadRead {
        self.held.extend_from_slice(input);
        input.clear();
        self.check_limit()
    }

    fn check_limit(&mut self) -> HeadRead {
        if self.held.len() <= HEAD_LIMIT {
            return HeadRead::Incomplete;
        }
        let held = std::mem::replace(self, Self::new(self.side)).held;
        HeadRead::Lost(too_large().with_evidence(&held))
    }

    /// What is wrong when the bytes end here.
    #[must_use]
    pub fn finish(&self, end: StreamEnd) -> Option<Flaw> {
        let rest = self.held.trim_ascii();
        if rest.is_empty() || end == StreamEnd::Broken {
            return None;
        }
        let line = &rest[..memchr(b'\n', rest).unwrap_or(rest.len())];
        let flaw = if self.side == Side::Daemon && !begins_like_a_status_line(line) {
            Flaw::new(Rule::HttpStartLine, 0, "HTTP/1.1 and a status", excerpt(line))
        } else {
            Flaw::new(Rule::HttpTruncated, self.held.len() as u64, "a blank line at the end of the head", "the end of the connection")
        };
        Some(flaw.with_evidence(rest))
    }

    /// Where the head ends, with its blank line. Keeps what was scanned, so that no byte is looked at twice.
    fn find_end(&mut self, bytes: &[u8]) -> Option<usize> {
        for at in memchr_iter(b'\n', &bytes[self.scanned..]) {
            let end = self.scanned + at;
            let blank = matches!(&bytes[self.line..end], b"" | b"\r");
            if !blank {
                self.first.get_or_insert(self.line);
            } else if self.first.is_some() {
                return Some(end + 1);
            }
            self.line = end + 1;
        }
        self.scanned = bytes.len();
        None
    }

    fn complete(&mut self, bytes: Bytes) -> HeadRead {
        let first = self.first.take().unwrap_or_default();
        self.scanned = 0;
        self.line = 0;
        if bytes.len() > HEAD_LIMIT {
            return HeadRead::Lost(too_large().with_evidence(&bytes));
        }
        let mut flaws = Vec::new();
        if first > 0 {
            let flaw = Flaw::new(Rule::HttpLeadingBlankLine, 0, "the first line", "a blank line").with_evidence(&bytes);
            flaws.push(flaw);
        }
        let head = parse(self.side, bytes, first, &mut flaws);
        HeadRead::Complete(head, flaws)
    }
}

fn too_large() -> Flaw {
    Flaw::new(Rule::HttpHeadTooLarge, 0, "at most 1 MiB of head", "more")
}

fn begins_like_a_status_line(line: &[u8]) -> bool {
    let known = line.len().min(b"HTTP/1.".len());
    line[..known] == b"HTTP/1."[..known]
}

fn parse(side: Side, bytes: Bytes, first: usize, flaws: &mut Vec<Flaw>) -> Head {
    let mut start = None;
    let mut fields: Vec<Field> = Vec::with_capacity(16);
    let mut from = first;
    let mut dropped = 0usize;
    let mut bare = false;
    for end in memchr_iter(b'\n', &bytes[first..]).map(|at| first + at) {
        let crlf = bytes[from..end].ends_with(b"\r");
        // Once a head: who writes LF writes it everywhere.
        if !crlf && !bare {
            bare = true;
            flaws.push(Flaw::new(Rule::HttpBareLf, end as u64, "CRLF", "LF").with_evidence(&bytes[from..=end]));
        }
        let line_end = end - usize::from(crlf);
        let line = Span::new(from, line_end);
        let text = line.of(&bytes);
        if start.is_none() {
            let read = match side {
                Side::Client => request_line(&bytes, line),
                Side::Daemon => status_line(&bytes, line),
            };
            if let StartLine::Request { target, .. } = read
                && !matches!(target.of(&bytes), [b'/', ..] | b"*")
            {
                let target = excerpt(target.of(&bytes));
                flaws.push(Flaw::new(Rule::HttpTargetForm, from as u64, "a path", target).with_evidence(text));
            }
            if read == StartLine::Unreadable {
                let expected = match side {
                    Side::Client => "method, target and HTTP/1.1",
                    Side::Daemon => "HTTP/1.1 and a status",
                };
                flaws.push(Flaw::new(Rule::HttpStartLine, from as u64, expected, excerpt(text)).with_evidence(text));
            }
            start = Some(read);
        } else if !text.is_empty() {
            if text[0] == b' ' || text[0] == b'\t' {
                flaws.push(folded(from, text));
                if let Some(last) = fields.last_mut() {
                    last.value = Span::new(last.value.start(), line_end);
                }
            } else if fields.len() >= FIELD_LIMIT && !frames_the_message(text) {
                dropped += 1;
            } else if let Some(field) = field(&bytes, line, flaws) {
                fields.push(field);
            }
        }
        from = end + 1;
    }
    if fields.len() + dropped > FIELD_LIMIT {
        let actual = format!("{} header lines", fields.len() + dropped);
        flaws.push(Flaw::new(Rule::HttpManyFields, 0, "at most 1000 header lines", actual));
    }
    Head { start: start.unwrap_or(StartLine::Unreadable), fields: fields.into(), bytes }
}

/// Whether a header line says where its message ends, or what comes behind it: the daemon reads it wherever it stands, so it is read here, too.
fn frames_the_message(line: &[u8]) -> bool {
    let name = line[..memchr(b':', line).unwrap_or(line.len())].trim_ascii();
    [&b"Content-Length"[..], b"Transfer-Encoding", b"Connection", b"Upgrade", b"Expect"]
        .iter()
        .any(|known| name.eq_ignore_ascii_case(known))
}

fn folded(offset: usize, line: &[u8]) -> Flaw {
    Flaw::new(Rule::HttpObsoleteFolding, offset as u64, "a header name", excerpt(line)).with_evidence(line)
}

/// RFC 9112 section 3: `method SP request-target SP HTTP-version`. A target with a control character is none: Go answers 400, others cut it there.
fn request_line(bytes: &[u8], line: Span) -> StartLine {
    let text = line.of(bytes);
    let (Some(first), Some(last)) = (memchr(b' ', text), memchr::memrchr(b' ', text)) else {
        return StartLine::Unreadable;
    };
    let at = line.start();
    let Some(minor) = http_minor(&text[last + 1..]) else { return StartLine::Unreadable };
    if first == 0
        || last <= first + 1
        || !text[..first].iter().all(|byte| is_token(*byte))
        || text[first + 1..last].iter().any(|byte| *byte <= b' ' || *byte == 0x7f)
    {
        return StartLine::Unreadable;
    }
    StartLine::Request { method: Span::new(at, at + first), target: Span::new(at + first + 1, at + last), minor }
}

/// RFC 9112 section 4: `HTTP-version SP status-code SP [ reason-phrase ]`; the second blank is often left out with the reason.
fn status_line(bytes: &[u8], line: Span) -> StartLine {
    let text = line.of(bytes);
    let (Some(minor), Some(digits)) = (text.get(..8).and_then(http_minor), text.get(9..12)) else { return StartLine::Unreadable };
    if text[8] != b' ' || !digits.iter().all(u8::is_ascii_digit) || !matches!(text.get(12), None | Some(b' ')) {
        return StartLine::Unreadable;
    }
    let status = digits.iter().fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0'));
    let reason = (line.start() + 13).min(line.end as usize);
    StartLine::Response { status, reason: Span::new(reason, line.end as usize), minor }
}

fn http_minor(text: &[u8]) -> Option<u8> {
    match text {
        b"HTTP/1.1" => Some(1),
        b"HTTP/1.0" => Some(0),
        _ => None,
    }
}

/// RFC 9112 section 5: `field-name ":" OWS field-value OWS`.
fn field(bytes: &[u8], line: Span, flaws: &mut Vec<Flaw>) -> Option<Field> {
    let text = line.of(bytes);
    let at = line.start();
    let flaw = |expected: &'static str, offset: usize| {
        Flaw::new(Rule::HttpFieldSyntax, (at + offset) as u64, expected, excerpt(text)).with_evidence(text)
    };
    let Some(colon) = memchr(b':', text) else {
        flaws.push(flaw("a colon", 0));
        return None;
    };
    if let Some(bad) = text[..colon].iter().position(|byte| !is_token(*byte)) {
        flaws.push(flaw("a header name of token characters directly before the colon", bad));
    } else if colon == 0 {
        flaws.push(flaw("a header name", 0));
    }
    let name = text[..colon].trim_ascii_end();
    let raw = &text[colon + 1..];
    if let Some(bad) = raw.iter().position(|byte| byte.is_ascii_control() && *byte != b'\t') {
        flaws.push(flaw("a value without control characters", colon + 1 + bad));
    }
    let lead = raw.len() - raw.trim_ascii_start().len();
    let value_start = at + colon + 1 + lead;
    let value_end = (at + colon + 1 + raw.trim_ascii_end().len()).max(value_start);
    Some(Field { name: Span::new(at, at + name.len()), value: Span::new(value_start, value_end) })
}

/// RFC 9110 section 5.6.2.
pub(super) fn is_token(byte: u8) -> bool {
    TOKEN[usize::from(byte)]
}

const TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0u8;
    while byte < 128 {
        table[byte as usize] = byte.is_ascii_alphanumeric()
            || matches!(byte, b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~');
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    fn read(side: Side, text: &str) -> (Head, Vec<Rule>) {
        let mut input = Bytes::copy_from_slice(text.as_bytes());
        match HeadReader::new(side).push(&mut input) {
            HeadRead::Complete(head, flaws) => (head, flaws.into_iter().map(|flaw| flaw.rule).collect()),
            other => panic!("{text:?} gave {other:?}"),
        }
    }

    #[test]
    fn heads_are_read_as_they_stand() {
        let (head, flaws) = read(Side::Client, "POST /v1.41/containers/create?name=a HTTP/1.1\r\nHost: d\r\ncontent-LENGTH:\t 12 \r\n\r\n");
        assert_eq!(flaws, []);
        assert_eq!((head.method(), head.target()), (&b"POST"[..], &b"/v1.41/containers/create?name=a"[..]));
        assert_eq!(head.value("Content-Length"), Some(&b"12"[..]));
        let (head, flaws) = read(Side::Daemon, "HTTP/1.1 101 UPGRADED\r\nConnection: keep-alive, Upgrade\r\n\r\n");
        assert_eq!((head.status(), flaws), (Some(101), vec![]));
        assert!(head.has_token("connection", "upgrade") && !head.has_token("connection", "close"));
        let (head, flaws) = read(Side::Daemon, "HTTP/1.0 204\r\n\r\n");
        assert_eq!((head.status(), head.is_http10(), flaws), (Some(204), true, vec![]));
    }

    #[test]
    fn each_flaw_has_its_rule() {
        for (text, rule) in [
            ("GET /a  HTTP/1.1\r\nHost: d\r\n\r\n", Rule::HttpStartLine),
            ("GET /a HTTP/2.0\r\nHost: d\r\n\r\n", Rule::HttpStartLine),
            ("GET /a\r\nHost: d\r\n\r\n", Rule::HttpStartLine),
            ("GET /a b HTTP/1.1\r\nHost: d\r\n\r\n", Rule::HttpStartLine),
            ("GET /a\rb HTTP/1.1\r\nHost: d\r\n\r\n", Rule::HttpStartLine),
            ("GET /a\0 HTTP/1.1\r\nHost: d\r\n\r\n", Rule::HttpStartLine),
            ("GET http://d/a HTTP/1.1\r\nHost: d\r\n\r\n", Rule::HttpTargetForm),
            ("CONNECT d:80 HTTP/1.1\r\nHost: d\r\n\r\n", Rule::HttpTargetForm),
            ("\r\nGET /a HTTP/1.1\r\nHost: d\r\n\r\n", Rule::HttpLeadingBlankLine),
            ("GET /a HTTP/1.1\nHost: d\r\n\r\n", Rule::HttpBareLf),
            ("GET /a HTTP/1.1\r\nHost: d\r\n\n", Rule::HttpBareLf),
            ("GET /a HTTP/1.1\r\nHost: d\r\nA: b\r\n c\r\n\r\n", Rule::HttpObsoleteFolding),
            ("GET /a HTTP/1.1\r\nHost: d\r\nno colon\r\n\r\n", Rule::HttpFieldSyntax),
            ("GET /a HTTP/1.1\r\nHost : d\r\n\r\n", Rule::HttpFieldSyntax),
            ("GET /a HTTP/1.1\r\n: d\r\n\r\n", Rule::HttpFieldSyntax),
            ("GET /a HTTP/1.1\r\nHost: d\x01\r\n\r\n", Rule::HttpFieldSyntax),
        ] {
            assert_eq!(read(Side::Client, text).1, [rule], "{text:?}");
        }
        for text in
            ["HTTP/1.1 20 OK\r\n\r\n", "HTTP/1.1  200 OK\r\n\r\n", "HTTP/3 200 OK\r\n\r\n", "200 OK\r\n\r\n", "HTTP/1.1 2000 OK\r\n\r\n"]
        {
            assert_eq!(read(Side::Daemon, text).1, [Rule::HttpStartLine], "{text:?}");
        }
    }

    #[test]
    fn limits_are_flaws() {
        let many = format!("GET / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(FIELD_LIMIT + 5));
        let (head, flaws) = read(Side::Client, &many);
        assert_eq!((head.fields().count(), flaws), (FIELD_LIMIT, vec![Rule::HttpManyFields]));
        let behind = format!("POST / HTTP/1.1\r\n{}content-length: 3\r\nB: c\r\n\r\n", "A: b\r\n".repeat(FIELD_LIMIT + 5));
        let (head, flaws) = read(Side::Client, &behind);
        assert_eq!((head.value("Content-Length"), flaws), (Some(&b"3"[..]), vec![Rule::HttpManyFields]), "the daemon reads it, too");
        let mut reader = HeadReader::new(Side::Client);
        let mut lost = false;
        for _ in 0..=HEAD_LIMIT / 1000 {
            lost |= matches!(reader.push(&mut Bytes::from(vec![b'x'; 1024])), HeadRead::Lost(_));
            assert!(reader.held.len() <= HEAD_LIMIT + 1024);
        }
        assert!(lost);
    }

    #[test]
    fn an_end_inside_a_head_is_truncation() {
        let mut reader = HeadReader::new(Side::Daemon);
        assert!(reader.finish(StreamEnd::Closed).is_none());
        assert!(matches!(reader.push(&mut Bytes::from_static(b"HTTP/1.1 200 OK\r\nA")), HeadRead::Incomplete));
        assert_eq!(reader.finish(StreamEnd::Closed).map(|flaw| flaw.rule), Some(Rule::HttpTruncated));
        assert!(reader.finish(StreamEnd::Broken).is_none());
        let mut reader = HeadReader::new(Side::Daemon);
        assert!(matches!(reader.push(&mut Bytes::from_static(b"hello")), HeadRead::Incomplete));
        assert_eq!(reader.finish(StreamEnd::Closed).map(|flaw| flaw.rule), Some(Rule::HttpStartLine));
    }
}
