//! Masks the bytes of a head, readable or not, line by line: what is secret in headers and in the query. No byte is moved.

use super::{Redactor, shape};
use crate::catalog::Mask;
use crate::wire::Head;

/// What first lines begin with, however broken the rest.
const BEGINNINGS: [&[u8]; 8] = [b"GET ", b"HEAD ", b"POST ", b"PUT ", b"DELETE ", b"OPTIONS ", b"PATCH ", b"SSH-"];
/// Longer names of parameters are looked at more closely.
const LONGEST: usize = 32;
/// No piece of a secret that is shorter tells it.
const SHORT: usize = 8;
/// Headers whose value is a target.
const TARGETS: [&[u8]; 2] = [b"location", b"referer"];

impl Redactor<'_> {
    /// Whether a head may hold a secret: cheap, and no for nearly all.
    pub(super) fn is_concerned(self, head: &Head) -> bool {
        let target = head.target();
        // An absolute target may name a user.
        let begin = target.first().is_some_and(|byte| *byte != b'/') && memchr::memchr(b'@', target).is_some();
        begin
            || memchr::memchr(b'?', target).is_some_and(|at| self.is_query_concerned(&target[at + 1..]))
            || head
                .fields()
                .any(|(name, _)| self.names.header(name).is_some() || TARGETS.iter().any(|other| name.eq_ignore_ascii_case(other)))
    }

    fn is_query_concerned(self, query: &[u8]) -> bool {
        query.split(|byte| matches!(byte, b'&' | b'#')).any(|pair| {
            let name = &pair[..memchr::memchr(b'=', pair).unwrap_or(pair.len())];
            let mut lower = [0; LONGEST];
            let Some(lower) = lower.get_mut(..name.len()) else { return true };
            lower.copy_from_slice(name);
            lower.make_ascii_lowercase();
            // What is written in another way is looked at more closely.
            !name.iter().all(u8::is_ascii_alphanumeric) || std::str::from_utf8(lower).is_ok_and(|name| self.names.parameter(name).is_some())
        })
    }

    /// Masks a head, or as much of one as there is.
    pub(super) fn head(self, bytes: &mut [u8]) {
        let mut first = true;
        let mut folded = None;
        for line in bytes.split_mut(|byte| *byte == b'\n') {
            let end = line.len() - usize::from(line.ends_with(b"\r"));
            let line = &mut line[..end];
            if line.is_empty() {
                continue;
            }
            if std::mem::take(&mut first) {
                self.start_line(line);
            } else if matches!(line[0], b' ' | b'\t') {
                // A folded line is the rest of the value before it: RFC 9112 section 5.2.
                if folded.is_some() {
                    shape(line);
                }
            } else {
                folded = self.field(line);
            }
        }
    }

    fn start_line(self, line: &mut [u8]) {
        let begins = |word: &&[u8]| line.starts_with(word);
        let plausible = BEGINNINGS.iter().any(begins) || memchr::memmem::find(line, b"HTTP/").is_some();
        if !plausible && line.len() > SHORT {
            // It may be a piece of a body where a head is due.
            return shape(line);
        }
        // The version at the end is none of the target.
        let end = line.windows(6).rposition(|window| window == b" HTTP/").unwrap_or(line.len());
        self.target(&mut line[..end]);
    }

    /// The userinfo of an absolute target, and the query.
    fn target(self, target: &mut [u8]) {
        let query = memchr::memchr(b'?', target).unwrap_or(target.len());
        if memchr::memchr(b'@', &target[..query]).is_some() && target.windows(3).any(|window| window == b"://") {
            self.text(Mask::Url, &mut target[..query]);
        }
        for pair in target.get_mut(query + 1..).unwrap_or_default().split_mut(|byte| matches!(byte, b'&' | b'#')) {
            let Some(at) = memchr::memchr(b'=', pair) else { continue };
            let name = String::from_utf8_lossy(&decode(&pair[..at]).0).to_lowercase();
            if let Some(mask) = self.names.parameter(&name) {
                self.parameter(mask, &mut pair[at + 1..]);
            }
        }
    }

    /// A value of the query: masked as what it stands for, and written as it was.
    fn parameter(self, mask: Mask, value: &mut [u8]) {
        let (text, widths) = decode(value);
        let mut masked = text.clone();
        self.text(mask, &mut masked);
        let mut at = 0;
        for ((before, after), width) in text.iter().zip(&masked).zip(widths) {
            if before != after {
                match width {
                    1 => value[at] = *after,
                    _ => value[at..at + 3].copy_from_slice(&hex(*after)),
                }
            }
            at += width;
        }
    }

    /// A header line: its mask, if it is secret.
    fn field(self, line: &mut [u8]) -> Option<Mask> {
        let begin = &line[..memchr::memchr(b':', line).unwrap_or(line.len())];
        if memchr::memchr(b'"', begin).is_some() || memchr::memmem::find(begin, b"SWM").is_some() {
            // The same: no name has a quote in it, or is a swarm's token or key.
            shape(line);
            return None;
        }
        let colon = memchr::memchr(b':', line);
        let name = line[..colon.unwrap_or(line.len())].trim_ascii();
        if TARGETS.iter().any(|other| name.eq_ignore_ascii_case(other)) {
            self.target(line);
            return None;
        }
        let found = self.names.header(name).map(|mask| (mask, colon.map_or(line.len(), |colon| colon + 1)));
        let (mask, from) = found.or_else(|| {
            // A name without its colon, or with something before it.
            let (len, at, mask) = self.names.headers().find_map(|(name, mask)| {
                let at = line.windows(name.len()).position(|window| window.eq_ignore_ascii_case(name.as_bytes()))?;
                Some((name.len(), at, mask))
            })?;
            (colon.is_none_or(|colon| at < colon)).then_some((mask, at + len))
        })?;
        let value = &mut line[from..];
        let blank = value.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        let mut value = value[blank..].trim_ascii_end_mut();
        if mask == Mask::Whole {
            // `Basic`, `Bearer`: RFC 9110 section 11.4.
            let scheme = memchr::memchr(b' ', value).map_or(0, |at| at + 1);
            value = &mut value[scheme..];
        }
        if value.iter().any(|byte| !matches!(byte, b' '..=b'~')) {
            shape(value);
        } else {
            self.text(mask, value);
        }
        Some(mask)
    }
}

trait TrimEnd {
    fn trim_ascii_end_mut(&mut self) -> &mut Self;
}

impl TrimEnd for [u8] {
    fn trim_ascii_end_mut(&mut self) -> &mut Self {
        let len = self.trim_ascii_end().len();
        &mut self[..len]
    }
}

/// The bytes that a text of a query stands for, and how many of its bytes each takes.
fn decode(text: &[u8]) -> (Vec<u8>, Vec<usize>) {
    let (mut bytes, mut widths) = (Vec::with_capacity(text.len()), Vec::with_capacity(text.len()));
    let mut at = 0;
    while at < text.len() {
        let digit = |at: usize| text.get(at).and_then(|byte| char::from(*byte).to_digit(16)).and_then(|digit| u8::try_from(digit).ok());
        let (byte, width) = match (text[at], digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => (high * 16 + low, 3),
            (b'+', ..) => (b' ', 1),
            (byte, ..) => (byte, 1),
        };
        bytes.push(byte);
        widths.push(width);
        at += width;
    }
    (bytes, widths)
}

fn hex(byte: u8) -> [u8; 3] {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    [b'%', DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]
}

#[cfg(test)]
mod tests {
    use super::super::Aliases;
    use super::*;
    use crate::catalog::Catalog;

    #[test]
    fn heads_are_masked_readable_or_not() {
        for (head, expected) in [
            ("GET /a?x=1&q=2 HTTP/1.1\r\nHost: d\r\n\r\n", "GET /a?x=1&q=2 HTTP/1.1\r\nHost: d\r\n\r\n"),
            (
                "POST /build?t=x&buildargs=%7B%22A%22%3A%22correct-horse%22%7D&remote=https%3A%2F%2Fu:correct-horse@h%2Fr HTTP/1.1\r\n",
                "POST /build?t=x&buildargs=%7B%22A%22%3A%22redacted-1***%22%7D&remote=https%3A%2F%2F*:redacted-1***@h%2Fr HTTP/1.1\r\n",
            ),
            ("GET /a?BuildArgs={\"A\":\"%63orrect-horse\"}\r\n", "GET /a?BuildArgs={\"A\":\"%72edacted-1***\"}\r\n"),
            ("GET /a?password=correct-horse HTTP/1.1\r\n", "GET /a?password=redacted-1*** HTTP/1.1\r\n"),
            ("GET http://u:correct-horse@h/a HTTP/1.1\r\n", "GET http://*:redacted-1***@h/a HTTP/1.1\r\n"),
            (
                "HTTP/1.1 301 M\r\nLocation: /build?buildargs=correct-horse\r\n",
                "HTTP/1.1 301 M\r\nLocation: /build?buildargs=*******-*****\r\n",
            ),
            ("GET / HTTP/1.1\r\nAuthorization: Basic correct-horse\r\n", "GET / HTTP/1.1\r\nAuthorization: Basic redacted-1***\r\n"),
            ("GET / HTTP/1.1\r\nX-Registry-Auth correct!horse\r\n", "GET / HTTP/1.1\r\nX-Registry-Auth *******!*****\r\n"),
            ("GET / HTTP/1.1\nx-registry-auth : !c\n correct horse\n", "GET / HTTP/1.1\nx-registry-auth : !*\n ******* *****\n"),
            ("GET / HTTP/1.1\r\nX-Registry-Auth: eyJwYXNzd29yZCI6ImNvcnJ", "GET / HTTP/1.1\r\nX-Registry-Auth: ***********************"),
        ] {
            let aliases = Aliases::default();
            let redactor = Redactor { aliases: &aliases, names: Catalog::builtin().secret_names() };
            let mut bytes = head.as_bytes().to_vec();
            redactor.head(&mut bytes);
            assert_eq!(String::from_utf8_lossy(&bytes), expected, "{head}");
        }
    }
}
