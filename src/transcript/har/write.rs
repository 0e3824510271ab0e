//! Exchanges become an archive, sorted by their beginning; no more than one is held.

use std::io::{self, Read, Seek, SeekFrom, Write};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::fmt::rfc2822::DateTimeParser;
use jiff::{SignedDuration, Timestamp};

use super::entry::{Content, HarEntry, HarEvent, HarMessage, HarRequest, HarResponse, Pair, PostData, Timings, encode};
use crate::model::{ApiVersion, Side};
use crate::transcript::{Exchange, Message, Piece, What};
use crate::wire::Head;

/// Takes exchanges as they end, and writes them as they began.
#[derive(Debug)]
pub struct HarWriter<S> {
    /// Entries wait here, one a line, until all have ended.
    spool: S,
    /// Order of the first event, place in the spool.
    places: Vec<(u64, u64, usize)>,
    end: u64,
    base: Option<Timestamp>,
}

impl<S: Read + Write + Seek> HarWriter<S> {
    /// `spool` is an empty file, or memory, that nobody else uses.
    #[must_use]
    pub const fn new(spool: S) -> Self {
        Self { spool, places: Vec::new(), end: 0, base: None }
    }

    /// Adds an exchange.
    pub fn add(&mut self, exchange: &Exchange) -> io::Result<()> {
        // The recording has no date but in what the daemon sent.
        let base = *self.base.get_or_insert_with(|| dated(exchange).unwrap_or_default());
        let line = serde_json::to_vec(&entry(exchange, base))?;
        let order = exchange.events.first().map_or(0, |piece| piece.order);
        self.places.push((order, self.end, line.len()));
        self.end += line.len() as u64;
        self.spool.write_all(&line)
    }

    /// Writes the archive. `api_version` is what the daemon is known to announce.
    pub fn finish<W: Write>(mut self, api_version: Option<ApiVersion>, out: &mut W) -> io::Result<()> {
        let creator = serde_json::json!({ "name": "plimsoll", "version": env!("CARGO_PKG_VERSION") });
        write!(out, "{{\"log\":{{\"version\":\"1.2\",\"creator\":{creator},")?;
        if let Some(version) = api_version {
            write!(out, "\"_apiVersion\":\"{version}\",")?;
        }
        write!(out, "\"pages\":[],\"entries\":[")?;
        self.places.sort_unstable();
        let mut at = None;
        for (index, (_, place, length)) in self.places.iter().enumerate() {
            if at != Some(*place) {
                self.spool.seek(SeekFrom::Start(*place))?;
            }
            out.write_all(if index == 0 { b"\n" } else { b",\n" })?;
            let copied = io::copy(&mut (&mut self.spool).take(*length as u64), out)?;
            if copied < *length as u64 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            at = Some(place + copied);
        }
        writeln!(out, "\n]}}}}")?;
        out.flush()
    }
}

/// When the recording began, by the daemon's clock.
fn dated(exchange: &Exchange) -> Option<Timestamp> {
    let date = exchange.response.as_ref()?.head.value("Date")?;
    let parsed = DateTimeParser::new().parse_timestamp(date).ok()?;
    parsed.checked_sub(SignedDuration::try_from(exchange.began()).ok()?).ok()?.round(jiff::Unit::Second).ok()
}

fn entry(exchange: &Exchange, base: Timestamp) -> HarEntry {
    let at = |pieces: &mut dyn Iterator<Item = &Piece>| pieces.map(|piece| piece.at).next();
    let of = |side| exchange.events.iter().filter(move |piece| piece.side == side && matches!(piece.what, What::Bytes(_)));
    let began = exchange.began();
    let asked = at(&mut of(Side::Client).filter(|piece| !piece.is_tail).rev()).unwrap_or(began);
    let answered = at(&mut of(Side::Daemon)).unwrap_or(asked).max(asked);
    let ended = at(&mut of(Side::Daemon).rev()).unwrap_or(answered).max(answered);
    let timings = Timings {
        send: milliseconds(asked.saturating_sub(began)),
        wait: milliseconds(answered.saturating_sub(asked)),
        receive: milliseconds(ended.saturating_sub(answered)),
    };
    let started = SignedDuration::try_from(began).ok().and_then(|began| base.checked_add(began).ok()).unwrap_or(base);
    HarEntry {
        started_date_time: format!("{started:.6}"),
        time: timings.send + timings.wait + timings.receive,
        request: request(exchange),
        response: response(exchange),
        cache: serde_json::Map::new(),
        timings,
        connection: Some(exchange.connection.to_string()),
        comment: exchange.hijacked.then(|| "the connection was handed over: _tail has what followed, in base64".to_owned()),
        events: Some(exchange.events.iter().map(event).collect()),
    }
}

fn milliseconds(time: Duration) -> f64 {
    // Microseconds are what a recording has.
    (time.as_secs_f64() * 1e6).round() / 1e3
}

fn event(piece: &Piece) -> HarEvent {
    let mark = if piece.side == Side::Client { '>' } else { '<' };
    let (end, bytes) = match &piece.what {
        What::Bytes(bytes) => ("", bytes.len()),
        What::Closed => ("|", 0),
        What::Reset => ("!", 0),
    };
    let at = (piece.at.as_secs_f64() * 1e6).round() / 1e6;
    (at, format!("{mark}{end}"), bytes, piece.order)
}

fn request(exchange: &Exchange) -> HarRequest {
    let Message { head, body, .. } = &exchange.request;
    let target = String::from_utf8_lossy(head.target());
    let host = head.value("Host").map(String::from_utf8_lossy).filter(|host| !host.is_empty()).unwrap_or("docker".into());
    let (text, encoding) = encode(body);
    let sent = exchange.sent(Side::Client, false);
    let mut request = HarRequest {
        method: exchange.call.method.clone(),
        url: format!("http://{}{target}", percent_encoding::utf8_percent_encode(&host, percent_encoding::CONTROLS)),
        query_string: exchange.call.query.iter().map(|(name, value)| Pair { name: name.clone(), value: value.clone() }).collect(),
        post_data: (!body.is_empty()).then(|| PostData { mime_type: text_of(head, "Content-Type").unwrap_or_default(), text, encoding }),
        message: HarMessage { body_size: size(body.len()), ..message(exchange, Side::Client, &exchange.request) },
    };
    request.message.raw = (request.build(body) != sent).then(|| STANDARD.encode(sent));
    request
}

fn response(exchange: &Exchange) -> HarResponse {
    let sent = exchange.sent(Side::Daemon, false);
    let unknown = || "x-unknown".to_owned();
    let Some(answer @ Message { head, body, .. }) = &exchange.response else {
        let raw = (!sent.is_empty()).then(|| STANDARD.encode(sent));
        let message = HarMessage { http_version: "HTTP/1.1".to_owned(), headers_size: -1, body_size: -1, raw, ..HarMessage::default() };
        return HarResponse { content: Content { mime_type: unknown(), ..Content::default() }, message, ..HarResponse::default() };
    };
    let (text, encoding) = encode(body);
    let media = text_of(head, "Content-Type").unwrap_or_else(unknown);
    let coded = size(sent.len().saturating_sub(head.bytes().len()));
    let mut response = HarResponse {
        status: head.status().unwrap_or_default(),
        status_text: reason(head),
        content: Content { size: size(body.len()), mime_type: media, text: (!body.is_empty()).then_some(text), encoding },
        redirect_url: text_of(head, "Location").unwrap_or_default(),
        message: HarMessage { body_size: coded, ..message(exchange, Side::Daemon, answer) },
    };
    response.message.raw = (response.build(body) != sent).then(|| STANDARD.encode(sent));
    response
}

/// What request and answer have alike, without the size of the body.
fn message(exchange: &Exchange, side: Side, Message { head, chunks, .. }: &Message) -> HarMessage {
    let tail = exchange.sent(side, true);
    HarMessage {
        http_version: version(head),
        headers: headers(head),
        headers_size: size(head.bytes().len()),
        chunks: chunks.clone(),
        tail: (!tail.is_empty()).then(|| STANDARD.encode(tail)),
        ..HarMessage::default()
    }
}

fn text_of(head: &Head, name: &str) -> Option<String> {
    head.value(name).map(|value| String::from_utf8_lossy(value).into_owned())
}

fn headers(head: &Head) -> Vec<Pair> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    head.fields().map(|(name, value)| Pair { name: text(name), value: text(value) }).collect()
}

/// What stands behind the status.
fn reason(head: &Head) -> String {
    let line = head.bytes().split(|byte| *byte == b'\n').next().unwrap_or_default();
    let reason = line.splitn(3, |byte| *byte == b' ').nth(2).unwrap_or_default();
    String::from_utf8_lossy(reason).trim_end_matches('\r').to_owned()
}

fn version(head: &Head) -> String {
    if head.is_http10() { "HTTP/1.0".to_owned() } else { "HTTP/1.1".to_owned() }
}

fn size(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}
