//! The chunked coding, with extensions and trailers (RFC 9112 section 7.1).

use bytes::Bytes;
use memchr::memchr;

use super::head::is_token;
use super::{BodyItem, Flaw, excerpt};
use crate::model::Rule;

/// A size line or trailer section longer than this is given up.
const LINE_LIMIT: usize = 16 << 10;

/// Where in the grammar the next byte stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    /// `chunk-size [ chunk-ext ] CRLF`
    #[default]
    SizeLine,
    /// `chunk-data`
    Data {
        left: u64,
    },
    /// The CRLF behind the data.
    DataCr,
    DataLf,
    /// `trailer-section CRLF`, line by line.
    Trailer,
}

/// Decodes one chunked body.
#[derive(Debug, Default)]
pub struct ChunkedDecoder {
    state: State,
    /// The size or trailer line that is not complete yet.
    line: Vec<u8>,
    /// Where that line begins.
    line_at: u64,
    /// Where the lines begin behind which data is due, or the end.
    lines_at: u64,
    /// No byte of the chunk was taken.
    fresh: bool,
    /// Encoded bytes taken.
    taken: u64,
    /// Decoded bytes given.
    decoded: u64,
    trailers: usize,
}

impl ChunkedDecoder {
    /// Decoded bytes given so far.
    #[must_use]
    pub const fn decoded(&self) -> u64 {
        self.decoded
    }

    /// Where the decoder stands, in words: for the message of an early end.
    #[must_use]
    pub fn position(&self) -> String {
        match self.state {
            State::SizeLine => "before a chunk size".to_owned(),
            State::Data { left } => format!("{left} bytes before the end of a chunk"),
            State::DataCr | State::DataLf => "before the end of a chunk".to_owned(),
            State::Trailer => "before the blank line that ends the trailers".to_owned(),
        }
    }

    /// Bytes at the end of what was taken that are lines: whether data follows them or the end is not known yet.
    #[must_use]
    pub fn undecided(&self) -> usize {
        match self.state {
            State::Data { .. } if !self.fresh => 0,
            State::DataCr | State::DataLf => 0,
            State::SizeLine | State::Trailer | State::Data { .. } => usize::try_from(self.taken - self.lines_at).unwrap_or(usize::MAX),
        }
    }

    /// Takes bytes; one item a call, `None` when more bytes are needed. Bytes behind the end stay in `input`.
    pub fn next(&mut self, input: &mut Bytes) -> Option<BodyItem> {
        while !input.is_empty() {
            match self.state {
                State::Data { left } => {
                    let take = usize::try_from(left).map_or(input.len(), |left| left.min(input.len()));
                    let left = left - take as u64;
                    self.state = if left == 0 { State::DataCr } else { State::Data { left } };
                    self.fresh = false;
                    self.decoded += take as u64;
                    self.taken += take as u64;
                    return Some(BodyItem::Data(input.split_to(take)));
                }
                State::DataCr | State::DataLf => {
                    let due = if self.state == State::DataCr { b'\r' } else { b'\n' };
                    if input[0] != due {
                        return Some(self.lost("CRLF behind the data of a chunk", input));
                    }
                    self.taken += 1;
                    let _ = input.split_to(1);
                    if due == b'\n' {
                        (self.state, self.lines_at) = (State::SizeLine, self.taken);
                        return Some(BodyItem::ChunkEnd);
                    }
                    self.state = State::DataLf;
                }
                State::SizeLine => {
                    let line = self.take_line(input)?;
                    match line.as_deref().map(chunk_size) {
                        Some(Some(0)) => self.state = State::Trailer,
                        Some(Some(size)) => (self.state, self.fresh) = (State::Data { left: size }, true),
                        _ => return Some(self.lost_line("a chunk size in hexadecimal and CRLF", line)),
                    }
                }
                State::Trailer => {
                    let line = self.take_line(input)?;
                    match line {
                        Some(line) if line.is_empty() => return Some(BodyItem::End),
                        Some(line) if self.trailers + line.len() <= LINE_LIMIT && is_field(&line) => {
                            self.trailers += line.len();
                        }
                        other => return Some(self.lost_line("a trailer field or a blank line", other)),
                    }
                }
            }
        }
        None
    }

    /// The next line without its CRLF; outer `None`: not complete yet; inner `None`: too long, or it ends without CR.
    #[expect(clippy::option_option, reason = "incomplete is not malformed")]
    fn take_line(&mut self, input: &mut Bytes) -> Option<Option<Vec<u8>>> {
        let (take, complete) = memchr(b'\n', input).map_or((input.len(), false), |at| (at + 1, true));
        let piece = input.split_to(take);
        if self.line.is_empty() {
            self.line_at = self.taken;
        }
        self.taken += take as u64;
        self.line.extend_from_slice(&piece);
        if self.line.len() > LINE_LIMIT {
            return Some(None);
        }
        if !complete {
            return None;
        }
        if !self.line.ends_with(b"\r\n") {
            return Some(None);
        }
        let mut line = std::mem::take(&mut self.line);
        line.truncate(line.len() - 2);
        Some(Some(line))
    }

    fn lost_line(&mut self, expected: &'static str, line: Option<Vec<u8>>) -> BodyItem {
        let line = line.unwrap_or_else(|| std::mem::take(&mut self.line));
        let actual = if line.is_empty() { "an empty line".to_owned() } else { excerpt(&line) };
        BodyItem::Flaw(Flaw::new(Rule::HttpBadChunk, self.line_at, expected, actual).with_evidence(&line))
    }

    fn lost(&self, expected: &'static str, input: &Bytes) -> BodyItem {
        // One byte only: what follows depends on where the bytes were cut.
        BodyItem::Flaw(Flaw::new(Rule::HttpBadChunk, self.taken, expected, excerpt(&input[..1])).with_evidence(&input[..1]))
    }
}

/// RFC 9112 section 7.1: hexadecimal digits, then extensions behind a semicolon, which are skipped.
fn chunk_size(line: &[u8]) -> Option<u64> {
    let (digits, extensions) = line.split_at(memchr(b';', line).unwrap_or(line.len()));
    let digits = digits.trim_ascii_end();
    // Go takes no more than 16 digits, others leave out those that do not fit. A control character in an extension (a CR alone) ends the line for some.
    let fits = !digits.is_empty() && digits.len() <= 16 && digits.iter().all(u8::is_ascii_hexdigit);
    if !fits || extensions.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t') {
        return None;
    }
    u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

/// RFC 9112 section 7.1.2: trailers are header lines, with a name of token characters directly before the colon.
fn is_field(line: &[u8]) -> bool {
    memchr(b':', line).is_some_and(|colon| {
        let (name, value) = line.split_at(colon);
        !name.is_empty() && name.iter().all(|byte| is_token(*byte)) && !value.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(encoded: &'static [u8]) -> (Vec<u8>, &'static str, usize) {
        let mut decoder = ChunkedDecoder::default();
        let mut input = Bytes::from_static(encoded);
        let mut data = Vec::new();
        loop {
            match decoder.next(&mut input) {
                Some(BodyItem::Data(bytes)) => data.extend_from_slice(&bytes),
                Some(BodyItem::ChunkEnd) => {}
                Some(BodyItem::End) => return (data, "end", input.len()),
                Some(_) => return (data, "lost", input.len()),
                None => return (data, "more", input.len()),
            }
        }
    }

    #[test]
    fn sizes_extensions_and_trailers() {
        for (encoded, data, outcome, left) in [
            (&b"0\r\n\r\n"[..], &b""[..], "end", 0),
            (b"3\r\nabc\r\n0\r\n\r\nrest", b"abc", "end", 4),
            (b"3;ext=\"a\"\r\nabc\r\n0\r\n\r\n", b"abc", "end", 0),
            (b"00003 \r\nabc\r\n0\r\nX: y\r\n\r\n", b"abc", "end", 0),
            (b"A\r\n0123456789\r\n", b"0123456789", "more", 0),
            (b"g\r\n", b"", "lost", 0),
            (b"\r\n", b"", "lost", 0),
            (b"-1\r\n", b"", "lost", 0),
            (b"3\nabc\r\n", b"", "lost", 5),
            (b"3\r\nabcd\r\n", b"abc", "lost", 3),
            (b"3\r\nabc\n", b"abc", "lost", 1),
            (b"11111111111111111\r\n", b"", "lost", 0),
            (b"0\r\nno colon\r\n", b"", "lost", 0),
            (b"0\r\nX : y\r\n", b"", "lost", 0),
            (b"0\r\nX: y\rZ: z\r\n", b"", "lost", 0),
            (b"0\r\nX: y\r\n folded: z\r\n", b"", "lost", 0),
            (b"3;a\rb\r\nabc\r\n", b"", "lost", 5),
            (b"3;a\0\r\nabc\r\n", b"", "lost", 5),
            (b"+3\r\nabc\r\n", b"", "lost", 5),
            (b"0x3\r\nabc\r\n", b"", "lost", 5),
            (b" 3\r\nabc\r\n", b"", "lost", 5),
            (b"00000000000000003\r\nabc\r\n", b"", "lost", 5),
        ] {
            assert_eq!(decode(encoded), (data.to_vec(), outcome, left), "{encoded:?}");
        }
    }
}
