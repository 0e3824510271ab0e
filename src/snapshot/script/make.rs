//! Makes a script of a recording: aliases for ids, no credentials, and of the answers no more than what was waited for.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use bytes::Bytes;

use super::super::alias::Aliases;
use super::super::exchange::{Exchange, Happening, Reader};
use super::super::normal::is_redacted;
use super::super::scene::{Content, Scene};
use crate::catalog::{Catalog, Wire};
use crate::model::Side;
use crate::transcript::{Entry, Transcript, What, Writer};

/// An empty JSON document in base64: what is sent in the place of credentials.
const NO_CREDENTIALS: &str = "e30=";

/// The text of a script. `scenes` are the exchanges of the recording, normalised, and `aliases` what they are called by.
///
/// The error says that the body of a request is larger than what is kept.
pub fn make(transcript: &Transcript, catalog: &'static Catalog, scenes: &[Scene], aliases: &Aliases) -> Result<Vec<u8>, String> {
    let mut maker = Maker { aliases, scenes, answers: BTreeMap::new(), lines: Vec::new(), error: None };
    let mut reader = Reader::of(transcript, catalog);
    let mut typed = Vec::new();
    for entry in &transcript.entries {
        let mut found = Vec::new();
        reader.push(entry, &mut |happening| match happening {
            Happening::Asked(number) => found.push(Found::Asked(number)),
            Happening::Answered(number) => found.push(Found::Answered(number)),
            Happening::Received(number, bytes) => found.push(Found::Received(number, bytes.to_vec())),
            Happening::Ended(number) => found.push(Found::Ended(number)),
            Happening::Typed(number, bytes) => found.push(Found::Typed(number, bytes.to_vec())),
            Happening::Closed(connection) => found.push(Found::Closed(connection)),
        });
        for found in found {
            maker.see(&reader, found, &mut typed);
        }
    }
    maker.flush(&reader);
    if let Some(error) = maker.error {
        return Err(error);
    }
    let announced = transcript.api_version;
    let write = || -> io::Result<Vec<u8>> {
        let mut writer = Writer::new(Vec::new(), announced)?;
        for (connection, side, what) in maker.lines {
            writer.entry(&Entry { line: 0, at: Duration::ZERO, connection, side, what })?;
        }
        Ok(writer.into_inner())
    };
    let text = write().expect("a vector takes all");
    // When it happened says nothing in a script.
    Ok(String::from_utf8_lossy(&text).replace("\n+0.000000 ", "\n").into_bytes())
}

enum Found {
    Asked(usize),
    Answered(usize),
    Received(usize, Vec<u8>),
    Ended(usize),
    Typed(usize, Vec<u8>),
    Closed(u64),
}

/// What was seen of an answer and not written yet.
#[derive(Debug, Default)]
struct Seen {
    is_head_written: bool,
    is_ended: bool,
    data: Vec<u8>,
}

struct Maker<'a> {
    aliases: &'a Aliases,
    scenes: &'a [Scene],
    answers: BTreeMap<usize, Seen>,
    lines: Vec<(u64, Side, What)>,
    error: Option<String>,
}

impl Maker<'_> {
    fn see(&mut self, reader: &Reader, found: Found, typed: &mut Vec<u64>) {
        match found {
            Found::Asked(number) => {
                self.flush(reader);
                let Some(exchange) = reader.get(number) else { return };
                match self.request(number, exchange) {
                    Ok(bytes) => self.lines.push((exchange.connection, Side::Client, What::Bytes(bytes))),
                    Err(error) => self.error = Some(error),
                }
            }
            Found::Answered(number) => drop(self.answers.insert(number, Seen::default())),
            Found::Received(number, bytes) => {
                if let Some(seen) = self.answers.get_mut(&number) {
                    seen.data.extend_from_slice(&bytes);
                }
            }
            Found::Ended(number) => {
                if let Some(seen) = self.answers.get_mut(&number) {
                    seen.is_ended = true;
                }
            }
            Found::Typed(number, bytes) => {
                self.flush(reader);
                if let Some(exchange) = reader.get(number) {
                    typed.push(exchange.connection);
                    let bytes = self.text(&bytes);
                    self.lines.push((exchange.connection, Side::Client, What::Bytes(bytes)));
                }
            }
            Found::Closed(connection) => {
                // Where nothing is under way, it says only that the client was done.
                let matters = self
                    .answers
                    .iter()
                    .any(|(number, seen)| !seen.is_ended && reader.get(*number).is_some_and(|exchange| exchange.connection == connection));
                if matters {
                    self.flush(reader);
                    self.lines.push((connection, Side::Client, What::Closed));
                }
            }
        }
    }

    /// Writes what was seen of the answers before the client goes on.
    fn flush(&mut self, reader: &Reader) {
        let mut done = Vec::new();
        let mut lines = Vec::new();
        for (number, seen) in &mut self.answers {
            let Some(exchange) = reader.get(*number) else { continue };
            let Some(status) = exchange.status() else { continue };
            let mut add = |text: String| lines.push((exchange.connection, text));
            let bodiless = matches!(status, 204 | 304) || exchange.request.as_ref().is_some_and(|head| head.method() == b"HEAD");
            if !seen.is_head_written {
                seen.is_head_written = true;
                let head = format!("HTTP/1.1 {status} {}\r\n", reason(status));
                add(match (exchange.is_hijacked, seen.is_ended) {
                    (true, _) if status == 101 => format!("{head}Connection: Upgrade\r\nUpgrade: tcp\r\n\r\n"),
                    (true, _) => format!("{head}\r\n"),
                    (false, true) if bodiless => format!("{head}\r\n"),
                    (false, true) => format!("{head}Content-Length: 0\r\n\r\n"),
                    (false, false) => format!("{head}Transfer-Encoding: chunked\r\n\r\n"),
                });
                if seen.is_ended && !exchange.is_hijacked {
                    done.push(*number);
                    continue;
                }
            }
            let data = std::mem::take(&mut seen.data);
            let is_framed = !exchange.is_hijacked;
            if !data.is_empty() && !seen.is_ended {
                let text = String::from_utf8_lossy(&data).into_owned();
                let text = self.aliases.replace(&text);
                add(if is_framed { format!("{:x}\r\n{text}\r\n", text.len()) } else { text });
            }
            if seen.is_ended {
                done.push(*number);
                if is_framed {
                    add("0\r\n\r\n".to_owned());
                }
            }
        }
        for (connection, text) in lines {
            self.lines.push((connection, Side::Daemon, What::Bytes(text.into())));
        }
        for number in done {
            self.answers.remove(&number);
            if let Some(exchange) = reader.get(number).filter(|exchange| exchange.is_hijacked) {
                self.lines.push((exchange.connection, Side::Daemon, What::Closed));
            }
        }
    }

    fn text(&self, bytes: &[u8]) -> Bytes {
        match std::str::from_utf8(bytes) {
            Ok(text) => self.aliases.replace(text).into(),
            Err(_) => Bytes::copy_from_slice(bytes),
        }
    }

    /// The request as it is to be sent again: by aliases, in one piece, without credentials.
    fn request(&self, number: usize, exchange: &Exchange) -> Result<Bytes, String> {
        let (Some(head), Some(scene)) = (&exchange.request, self.scenes.get(number)) else { return Ok(Bytes::new()) };
        let Some(body) = exchange.request_body.bytes() else {
            return Err(format!("the body of request {} is larger than 8 MiB, and cannot be kept for a scenario", number + 1));
        };
        let is_login = exchange.operation.is_some_and(|operation| operation.id() == "SystemAuth");
        let body = match &scene.request.content[..] {
            [Content::Json(document), ..] if is_login => document.to_string().into(),
            _ => self.text(body),
        };
        let mut out = Vec::new();
        out.extend_from_slice(head.method());
        out.push(b' ');
        out.extend_from_slice(&target(head.target(), exchange, scene));
        out.extend_from_slice(b" HTTP/1.1\r\n");
        let mut has_length = false;
        for (name, value) in head.fields() {
            let is = |other: &str| name.eq_ignore_ascii_case(other.as_bytes());
            let header = exchange.contract().and_then(|contract| contract.headers.iter().find(|header| is(&header.name)));
            let length = body.len().to_string();
            let value = match header {
                _ if is("Authorization") || is("Expect") => continue,
                _ if is("Content-Length") || is("Transfer-Encoding") => {
                    if std::mem::replace(&mut has_length, true) {
                        continue;
                    }
                    length.as_bytes()
                }
                Some(header) if header.wire == Wire::Base64Json => NO_CREDENTIALS.as_bytes(),
                _ => value,
            };
            let name = if is("Transfer-Encoding") { b"Content-Length" } else { name };
            out.extend_from_slice(name);
            out.extend_from_slice(b": ");
            out.extend_from_slice(value);
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(&body);
        Ok(out.into())
    }
}

/// As it was sent, unless something in it has an alias.
fn target(sent: &[u8], exchange: &Exchange, scene: &Scene) -> Vec<u8> {
    let values = || {
        exchange.target.query.iter().zip(&scene.query).map(|((name, sent), (_, normal))| {
            // A time or a secret is the client's own: it is sent as it was.
            (name, if normal == "<time>" || is_redacted(normal) { sent } else { normal })
        })
    };
    let is_same = exchange.target.path == scene.path && exchange.target.query.iter().map(|(name, value)| (name, value)).eq(values());
    if is_same {
        return sent.to_vec();
    }
    let mut out = format!("{}{}", scene.prefix, encode(&scene.path, b""));
    for (index, (name, value)) in values().enumerate() {
        out.push(if index == 0 { '?' } else { '&' });
        out.extend([&encode(name, b"/"), "=", &encode(value, b"/")]);
    }
    out.into_bytes()
}

/// Percent-encodes all but what RFC 3986 calls unreserved, slashes in paths, and the brackets of aliases.
fn encode(text: &str, special: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || (b"-._~/<>:@,".contains(&byte) && !special.contains(&byte)) {
            out.push(char::from(byte));
        } else {
            // Writing to a text cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

const fn reason(status: u16) -> &'static str {
    match status {
        101 => "UPGRADED",
        200 => "OK",
        201 => "Created",
        204 => "No Content",
        304 => "Not Modified",
        400 => "Bad Request",
        404 => "Not Found",
        409 => "Conflict",
        500 => "Internal Server Error",
        _ => "-",
    }
}
