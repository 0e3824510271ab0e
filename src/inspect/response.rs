//! Judges a response: status, headers, media type, body; and says how its body is to be read.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;

use super::Look;
use super::archive::Archive;
use super::content::{Content, Notes, json_error};
use super::coverage::BodyCoverage;
use super::documents::Watch;
use super::excerpt::Need;
use super::finding::Finding;
use super::request::{media_fits, media_words};
use super::streams::Streams;
use super::websocket;
use crate::catalog::{Contract, Framing, ResponseContract, Schema};
use crate::model::{ApiVersion, Part, Place, Reason, Rule, Side};
use crate::redact::Redactor;
use crate::wire::{BodyLength, Head, excerpt};

/// `application/vnd.docker.multiplexed-stream` says that a stream is framed: Docker Engine API 1.42.
const MULTIPLEXED: &[u8] = b"application/vnd.docker.multiplexed-stream";

/// Its other, for the bytes of a TTY.
const RAW: &[u8] = b"application/vnd.docker.raw-stream";

/// What a status means for an operation.
#[must_use]
pub fn contract_of(contract: &'static Contract, status: u16) -> Option<&'static ResponseContract> {
    // An undocumented error is still judged as an error of the daemon, by its body.
    contract.responses.get(&status).or_else(|| contract.responses.get(&500).filter(|_| status >= 400))
}

/// Findings of the head: status, headers, media type.
pub(super) fn judge_head(head: &Head, status: u16, length: BodyLength, contract: &Contract) -> Vec<Finding> {
    let mut findings = Vec::new();
    let response = contract.responses.get(&status);
    if response.is_none() {
        let documented: Vec<String> = contract.responses.keys().map(ToString::to_string).collect();
        let place = Place::of(Part::StatusLine);
        findings.push(Finding::new(Rule::StatusUndocumented, Side::Daemon, place, documented.join(", "), status.to_string()));
    }
    let Some(response) = response else { return findings };
    let value = |name: &str| head.value(name).and_then(|value| std::str::from_utf8(value).ok());
    for mut defect in response.headers.judge_headers(value) {
        match defect.rule {
            // The handshake is judged as a pair.
            _ if status == 101 && matches!(defect.name.as_str(), "Connection" | "Upgrade") => continue,
            // dockerd itself writes X-Docker-Container-Path-Stat in the standard alphabet.
            Rule::AuthStandardAlphabet | Rule::AuthUnpadded => continue,
            Rule::AuthNotBase64 | Rule::AuthNotJson => defect.rule = Rule::HeaderValue,
            _ => {}
        }
        findings.push(Finding::of_parameter(defect, Side::Daemon, Part::Header));
    }
    if !matches!(length, BodyLength::None | BodyLength::Exactly(0)) && response.body.framing != Framing::Empty {
        findings.extend(judge_media(head, response));
    }
    findings
}

fn judge_media(head: &Head, response: &ResponseContract) -> Option<Finding> {
    let media = &response.body.media;
    let place = Place::header("Content-Type");
    match head.value("Content-Type") {
        _ if media.is_empty() => None,
        None if media.contains(&None) => None,
        None => Some(Finding::new(Rule::MediaMissing, Side::Daemon, place, media_words(media), "none")),
        Some(value) if media_fits(value, media) => None,
        Some(value) => Some(Finding::new(Rule::MediaMismatch, Side::Daemon, place, media_words(media), excerpt(value))),
    }
}

/// What decides whether a stream is framed.
pub(super) struct StreamFacts {
    pub(super) version: ApiVersion,
    /// Whether the container has a TTY, as far as it is known.
    pub(super) tty: Option<bool>,
    /// The streams that the call asks for, as far as they are known.
    pub(super) streams: Option<Streams>,
    /// Logs were asked for as JSON documents (`format=json`, API 1.54).
    pub(super) documents: bool,
    /// So many lines of a log are asked for, at most.
    pub(super) tail: Option<u64>,
    /// What the documents of a stream are to one another.
    pub(super) watch: Watch,
    /// How the documents of a stream are looked at.
    pub(super) look: Look,
    /// Where documents are counted, if they are.
    pub(super) coverage: Option<Arc<BodyCoverage>>,
}

/// How the body of a response is to be read.
pub(super) fn content(head: &Head, response: Option<&'static ResponseContract>, stream: StreamFacts, notes: &mut dyn Notes) -> Content {
    let Some(response) = response else { return Content::Counted };
    if let Some(coding) = head.value("Content-Encoding").filter(|coding| !coding.eq_ignore_ascii_case(b"identity")) {
        notes.unjudged(Reason::ContentCoding(excerpt(coding)));
        return Content::Counted;
    }
    match response.body.framing {
        Framing::Json | Framing::Text | Framing::Empty => Content::held(),
        Framing::JsonStream => Content::documents(response.body.schema.as_ref(), stream.watch, stream.look, stream.coverage),
        Framing::Frames => Content::frames(stream.streams, stream.tail),
        Framing::FramesOrRaw => frames_or_raw(head, stream),
        Framing::Raw => Content::Counted,
        Framing::Tar => Content::archive(Archive::of_answer(head)),
        Framing::Websocket => Content::websocket(websocket::agreement(head, stream.version, Side::Daemon)),
        Framing::Opaque => {
            notes.unjudged(Reason::OpaqueProtocol);
            Content::Counted
        }
    }
}

/// The content type decides where it says multiplexed; then what is known of the container; then the bytes.
fn frames_or_raw(head: &Head, stream: StreamFacts) -> Content {
    if stream.documents {
        return Content::documents(None, stream.watch, stream.look, None);
    }
    let media = head.value("Content-Type").unwrap_or_default();
    match stream.tty {
        _ if media.eq_ignore_ascii_case(MULTIPLEXED) && stream.version >= ApiVersion::new(42) => {
            Content::frames(stream.streams, stream.tail)
        }
        Some(true) => Content::Counted,
        Some(false) => Content::frames(stream.streams, stream.tail),
        None => Content::either(stream.streams, stream.tail),
    }
}

/// Whether the content type says of the stream what is known of its container: from 1.42 on dockerd chooses it by the TTY, for logs and behind a 101.
/// Behind a 200, or where no upgrade was asked for, it never does (moby/moby daemon/server/router/container, `postContainersAttach` and `getContainersLogs`).
pub(super) fn judge_framing(head: &Head, status: u16, stream: &StreamFacts, logs: bool) -> Option<Finding> {
    if stream.version < ApiVersion::new(42) || stream.documents || !(status == 101 || (logs && status == 200)) {
        return None;
    }
    let (media, tty) = (head.value("Content-Type")?, stream.tty?);
    let (due, wrong, has) = if tty { (RAW, MULTIPLEXED, "has a TTY") } else { (MULTIPLEXED, RAW, "has no TTY") };
    media.eq_ignore_ascii_case(wrong).then(|| {
        let found = Finding::new(Rule::MediaMismatch, Side::Daemon, Place::header("Content-Type"), excerpt(due), excerpt(media));
        found.saying(format!("the stream is of a process that {has}"))
    })
}

/// Judges a body that was held: its findings, and its document as far as it is needed.
///
/// This is the one place where the body of an answer meets its contract. Where it holds secrets, they are masked before anything looks at them; else
/// only what is found fault with.
pub(super) fn judge_body(
    bytes: &Bytes,
    response: &ResponseContract,
    need: Need,
    redactor: Option<Redactor<'_>>,
) -> (Vec<Finding>, Option<Value>) {
    let Some(redactor) = redactor else { return judge_shown(bytes, response, need) };
    let place = response.body.schema.as_ref().map(Schema::secrets);
    if let Some(place) = place.filter(|place| place.is_marked()) {
        return judge_shown(&redactor.masked_document(bytes, place), response, need);
    }
    let (findings, document) = judge_shown(bytes, response, need);
    let shown = if findings.is_empty() { Bytes::new() } else { redactor.masked_fault(bytes, place) };
    if findings.is_empty() || shown == *bytes { (findings, document) } else { (judge_shown(&shown, response, need).0, document) }
}

/// The quick look comes first; what it does not accept, and what is needed as a whole, is read into a document.
fn judge_shown(bytes: &Bytes, response: &ResponseContract, need: Need) -> (Vec<Finding>, Option<Value>) {
    let place = Place::of(Part::Body);
    let schema = response.body.schema.as_ref();
    if let (Framing::Json, Some(schema), Need::Nothing | Need::Some(_) | Need::Whole) = (response.body.framing, schema, need)
        && schema.accepts(bytes)
    {
        return (Vec::new(), need.read(bytes));
    }
    let of = |value: &Value| -> Vec<Finding> {
        let defects = schema.map(|schema| schema.defects(value)).unwrap_or_default();
        defects.into_iter().map(|defect| Finding::of_defect(defect, Side::Daemon, place.clone())).collect()
    };
    match response.body.framing {
        Framing::Empty if !bytes.is_empty() => {
            let found = Finding::new(Rule::SchemaUnexpectedBody, Side::Daemon, place.clone(), "no body", format!("{} bytes", bytes.len()));
            (vec![found.showing(bytes)], None)
        }
        Framing::Text => {
            let text = String::from_utf8_lossy(bytes);
            if matches!(need, Need::Nothing) && schema.is_none_or(|schema| schema.accepts_text(&text)) {
                return (Vec::new(), None);
            }
            let text = Value::String(text.into_owned());
            (of(&text), Some(text))
        }
        Framing::Json if bytes.is_empty() => {
            (vec![Finding::new(Rule::SchemaEmpty, Side::Daemon, place.clone(), "a JSON document", "nothing")], None)
        }
        Framing::Json => match serde_json::from_slice::<Value>(bytes) {
            Ok(value) => (of(&value), Some(value)),
            Err(error) => {
                let found = Finding::new(Rule::SchemaNotJson, Side::Daemon, place.clone(), "one JSON document", json_error(&error));
                (vec![found.showing(bytes)], None)
            }
        },
        _ => (Vec::new(), None),
    }
}
