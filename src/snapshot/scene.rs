//! One exchange as a snapshot shows it: heads without what varies, bodies decoded into documents and lines.
//!
//! Values stand as they were sent; `normal.rs` puts aliases in their places.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::Value;

use super::capture::Capture;
use super::exchange::Exchange;
use crate::catalog::{Framing, Wire};
use crate::inspect::{PathVersion, contract_of};
use crate::model::ApiVersion;
use crate::wire::{FrameDecoder, FrameItem, Head, JsonStreamDecoder, JsonStreamItem, StreamEnd, TarDecoder, TarEntry, TarItem};

/// Headers of answers that a snapshot leaves out. What they say is in the body (lengths), in nobody's hands (dates, names of servers and of their
/// versions, request ids), or a matter of how the connection is used, which the judge looks at. The versions that a ping announces stay.
const LEFT_OUT: [&str; 13] = [
    "connection",
    "content-length",
    "date",
    "keep-alive",
    "libpod-api-version",
    "libpod-buildah-version",
    "server",
    "trailer",
    "transfer-encoding",
    "vary",
    "x-reference-id",
    "x-request-id",
    "x-trace-id",
];

/// Headers that every answer of dockerd has: a snapshot shows them of a ping only, where clients read them.
const ANNOUNCED: [&str; 4] = ["api-version", "docker-experimental", "ostype", "libpod-api-version"];

/// An exchange, taken apart for a snapshot.
#[derive(Debug, Clone, PartialEq)]
pub struct Scene {
    /// The operation's id, when the catalogue knows it.
    pub operation: Option<String>,
    /// The version that the path names, else the one that the daemon announced.
    pub version: Option<ApiVersion>,
    /// The method.
    pub method: String,
    /// `/v1.41`, or nothing.
    pub prefix: String,
    /// Percent-decoded, without prefix and query.
    pub path: String,
    /// Decoded names and values.
    pub query: Vec<(String, String)>,
    /// What was asked.
    pub request: Message,
    /// What was answered; `None` when there was no answer.
    pub answer: Option<Answer>,
}

/// An answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// Whether the whole of it was there.
    pub is_whole: bool,
    /// Headers and content.
    pub message: Message,
}

/// Headers and content of a request or an answer.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Message {
    /// By name, as sent.
    pub headers: BTreeMap<String, String>,
    /// What was in it.
    pub content: Vec<Content>,
}

/// A piece of what a message holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// The body: one JSON document.
    Json(Value),
    /// One document of a stream of them.
    Document(Value),
    /// Text: all of one kind, joined.
    Text(Label, String),
}

/// What a text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Label {
    /// A body.
    Text,
    /// Stream 0 of frames, and what a client types.
    Stdin,
    /// Stream 1 of frames.
    Stdout,
    /// Stream 2 of frames.
    Stderr,
    /// Stream 3 of frames: an error of the daemon itself.
    Error,
    /// Without frames: a terminal, a log without them, an export.
    Raw,
    /// The files of an archive, a line each.
    Tar,
    /// What cannot be shown, in a few words.
    Note,
}

impl Label {
    /// All of them.
    pub(super) const ALL: [Self; 8] = [Self::Text, Self::Stdin, Self::Stdout, Self::Stderr, Self::Error, Self::Raw, Self::Tar, Self::Note];

    /// The word in a snapshot.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Stdin => "stdin",
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
            Self::Error => "error",
            Self::Raw => "raw",
            Self::Tar => "tar",
            Self::Note => "note",
        }
    }
}

impl Scene {
    /// Takes an exchange apart.
    #[must_use]
    pub fn of(exchange: &Exchange) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let prefix = match &exchange.target.version {
            PathVersion::Is(version) => format!("/v{version}"),
            PathVersion::Odd(odd) => format!("/v{odd}"),
            PathVersion::Absent => String::new(),
        };
        Self {
            operation: exchange.operation.map(|operation| operation.id().to_owned()),
            version: exchange.version,
            method: exchange.request.as_ref().map(|head| text(head.method())).unwrap_or_default(),
            prefix,
            path: exchange.target.path.clone(),
            query: exchange.target.query.clone(),
            request: request(exchange),
            answer: exchange.answer.as_ref().and_then(|head| answer(exchange, head)),
        }
    }

    /// The first value of a query parameter.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }
}

fn request(exchange: &Exchange) -> Message {
    let Some(head) = &exchange.request else { return Message::default() };
    let contract = exchange.contract();
    let mut headers = BTreeMap::new();
    for (name, value) in head.fields() {
        let name = String::from_utf8_lossy(name).into_owned();
        let known = contract.and_then(|contract| contract.headers.iter().find(|header| header.name.eq_ignore_ascii_case(&name)));
        let value = String::from_utf8_lossy(value).into_owned();
        let value = match known {
            Some(header) if header.wire == Wire::Base64Json => "<credential>".to_owned(),
            Some(_) => value,
            None if name.eq_ignore_ascii_case("Authorization") => "<credential>".to_owned(),
            None if ["content-type", "upgrade", "expect"].iter().any(|kept| name.eq_ignore_ascii_case(kept)) => value,
            None => continue,
        };
        headers.insert(name, value);
    }
    let framing = contract.map_or(Framing::Json, |contract| contract.request.framing);
    let mut content = contents(&exchange.request_body, framing, head);
    if exchange.is_hijacked {
        content.extend(texts(&exchange.stdin, Label::Stdin));
    }
    Message { headers, content }
}

fn answer(exchange: &Exchange, head: &Head) -> Option<Answer> {
    let status = head.status()?;
    let is_ping = exchange.operation.is_some_and(|operation| operation.id().starts_with("SystemPing"));
    let contract = exchange.contract();
    let response = contract.and_then(|contract| contract_of(contract, status));
    let mut headers = BTreeMap::new();
    for (name, value) in head.fields() {
        let name = String::from_utf8_lossy(name).into_owned();
        let lower = name.to_ascii_lowercase();
        let dropped = LEFT_OUT.contains(&lower.as_str()) && !(status == 101 && lower == "connection");
        if dropped || (!is_ping && ANNOUNCED.contains(&lower.as_str())) {
            continue;
        }
        let value = String::from_utf8_lossy(value).into_owned();
        let parameter = response.and_then(|response| response.headers.iter().find(|header| header.name.eq_ignore_ascii_case(&name)));
        // A document in base64 is read; it is normalised like any other.
        let document =
            parameter.filter(|parameter| parameter.wire == Wire::Base64Json).and_then(|parameter| parameter.wire.read(&value).ok());
        headers.insert(name, document.map_or(value, |(document, _)| document.to_string()));
    }
    let framing = match response {
        Some(response) if exchange.is_hijacked || status < 400 => response.body.framing,
        Some(response) => response.body.framing,
        // Nothing is known of it: what it says of itself is all there is.
        None => Framing::Json,
    };
    let mut framing = framing;
    if matches!(framing, Framing::FramesOrRaw) && exchange.target.parameter("format") == Some("json") {
        framing = Framing::JsonStream;
    }
    let content = contents(&exchange.answer_body, framing, head);
    Some(Answer { status, is_whole: exchange.is_answered, message: Message { headers, content } })
}

fn contents(body: &Capture, framing: Framing, head: &Head) -> Vec<Content> {
    if body.size() == 0 {
        return Vec::new();
    }
    let Some(bytes) = body.bytes() else { return vec![Content::Text(Label::Note, format!("{}\n", body.summary()))] };
    let is_coded = head.value("Content-Encoding").is_some_and(|coding| !coding.eq_ignore_ascii_case(b"identity"));
    match framing {
        _ if is_coded => vec![note(body)],
        Framing::Json | Framing::Empty => match serde_json::from_slice(bytes) {
            Ok(document) => vec![Content::Json(document)],
            Err(_) => texts(body, Label::Text),
        },
        Framing::JsonStream => documents(bytes),
        Framing::Text => texts(body, Label::Text),
        Framing::Frames | Framing::FramesOrRaw => frames(bytes).unwrap_or_else(|| texts(body, Label::Raw)),
        Framing::Raw => texts(body, Label::Raw),
        Framing::Tar => archive(bytes).unwrap_or_else(|| vec![note(body)]),
        // How such a conversation is cut, and what is in it, is not the API's.
        Framing::Websocket | Framing::Opaque => vec![Content::Text(Label::Note, "another protocol\n".to_owned())],
    }
}

fn note(body: &Capture) -> Content {
    Content::Text(Label::Note, format!("{}\n", body.summary()))
}

/// Text as it is; bytes that are none, by their digest.
fn texts(body: &Capture, label: Label) -> Vec<Content> {
    match body.bytes() {
        Some([]) => Vec::new(),
        Some(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => vec![Content::Text(label, text.to_owned())],
            Err(_) => vec![note(body)],
        },
        None => vec![note(body)],
    }
}

fn documents(bytes: &[u8]) -> Vec<Content> {
    let (mut decoder, mut input) = (JsonStreamDecoder::default(), Bytes::copy_from_slice(bytes));
    let mut out = Vec::new();
    let mut add = |item| match item {
        JsonStreamItem::Document { bytes, .. } => match serde_json::from_slice(&bytes) {
            Ok(document) => out.push(Content::Document(document)),
            Err(_) => out.push(Content::Text(Label::Text, String::from_utf8_lossy(&bytes).into_owned())),
        },
        JsonStreamItem::TooLarge { .. } => out.push(Content::Text(Label::Note, "a document that is too large\n".to_owned())),
        JsonStreamItem::Flaw(flaw) => out.push(Content::Text(Label::Note, format!("no JSON: {}\n", flaw.actual))),
    };
    while !input.is_empty() {
        if let Some(item) = decoder.next(&mut input) {
            add(item);
        }
    }
    // What the client did not wait for is no document.
    if let Some(item) = decoder.finish(StreamEnd::Broken) {
        add(item);
    }
    out
}

/// The payloads of frames, joined by stream; `None` for what is no stream of frames.
///
/// The order within a stream is the order of the writes. Between stdout and stderr there is none: the daemon reads them from two pipes.
fn frames(bytes: &[u8]) -> Option<Vec<Content>> {
    let (mut decoder, mut input) = (FrameDecoder::default(), Bytes::copy_from_slice(bytes));
    let mut streams: BTreeMap<Label, Vec<u8>> = BTreeMap::new();
    while let Some(item) = decoder.next(&mut input) {
        let FrameItem::Frame(frame) = item else { return None };
        let label = match frame.stream {
            0 => Label::Stdin,
            1 => Label::Stdout,
            2 => Label::Stderr,
            _ => Label::Error,
        };
        let begin = usize::try_from(frame.offset).ok()? + crate::wire::frames::HEADER;
        let end = bytes.len().min(begin + frame.length as usize);
        streams.entry(label).or_default().extend_from_slice(bytes.get(begin..end)?);
    }
    // Half a header alone is as well a prompt.
    if decoder.count() == 0 {
        return None;
    }
    let text = |(label, bytes): (Label, Vec<u8>)| Content::Text(label, String::from_utf8_lossy(&bytes).into_owned());
    Some(streams.into_iter().map(text).collect())
}

/// A line an entry: kind, mode, size and name. Times and contents are left out.
fn archive(bytes: &[u8]) -> Option<Vec<Content>> {
    let (mut decoder, mut input) = (TarDecoder::default(), Bytes::copy_from_slice(bytes));
    let mut lines = String::new();
    while let Some(item) = decoder.next(&mut input) {
        match item {
            TarItem::Entry(entry) => lines.push_str(&line(&entry)),
            TarItem::Flaw(_) => return None,
        }
    }
    (!lines.is_empty()).then(|| vec![Content::Text(Label::Tar, lines)])
}

fn line(entry: &TarEntry) -> String {
    let kind = match entry.kind {
        b'1' => 'h',
        b'2' => 'l',
        b'3' => 'c',
        b'4' => 'b',
        b'5' => 'd',
        b'6' => 'p',
        _ => '-',
    };
    format!("{kind} {:04o} {} {}\n", entry.mode, entry.size, entry.name.replace('\n', "\\n"))
}
