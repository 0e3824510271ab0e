//! The head of an answer: what it is judged by, and what the bytes behind it are to be taken for.

use bytes::Bytes;
use serde_json::Value;

use super::super::content::{Content, Notes as _};
use super::super::documents::Watch;
use super::super::exchange::{Exchange, Noting};
use super::super::finding::Finding;
use super::super::state::Ping;
use super::super::streams::Streams;
use super::super::{Context, hijack, response, timing, websocket};
use super::repeat::Known;
use super::{Connection, Daemon, Turn};
use crate::catalog::{Framing, Operation, ResponseContract};
use crate::model::{ApiVersion, Reason, Side};
use crate::wire::{BodyDecoder, BodyLength, Flaw, Head, HeadReader, StreamEnd};

impl Connection {
    /// The head of an answer was read. `known`: the same was said before, and nothing was found in it.
    pub(super) fn response_head(&mut self, head: Head, flaws: Vec<Flaw>, known: Option<Known>, turn: &mut Turn<'_>) {
        // What is remembered was masked then.
        let (head, mut flaws) = if known.is_some() { (head, flaws) } else { turn.masked(Side::Daemon, head, flaws) };
        let Some(exchange) = self.exchanges.iter_mut().find(|exchange| exchange.status.is_none()) else { return };
        exchange.last = turn.stamp.at;
        let Some(status) = head.status() else {
            for flaw in flaws {
                exchange.report(Finding::of_head(flaw, Side::Daemon), turn.sink);
            }
            exchange.give_up(Reason::LostTrack);
            self.daemon = Daemon::Lost;
            return;
        };
        self.daemon = Daemon::Head(HeadReader::new(Side::Daemon));
        // RFC 9110 section 15.2: interim answers come before the final one. 101 is final for us.
        if matches!(status, 100..=199) && status != 101 {
            let _ = BodyLength::of_response(&head, exchange.method(), &mut flaws);
            for flaw in flaws {
                exchange.report(Finding::of_head(flaw, Side::Daemon), turn.sink);
            }
            return;
        }
        exchange.status = Some(status);
        if known.is_none() && exchange.refused_by_http(&head, status) {
            exchange.give_up(Reason::RefusedByHttp);
        }
        let announced = known.map_or_else(|| announced(&head), |known| known.version);
        if let Some(version) = announced {
            turn.context.memory.announce(version);
            turn.context.state.announced(version);
        }
        exchange.date = known.map_or_else(|| head.value("Date").and_then(date), |known| known.date);
        if let Some(version) = turn.context.memory.announced() {
            exchange.resolve(version, turn.context);
        }
        exchange.judge_request();
        let response = exchange.contract().and_then(|contract| response::contract_of(contract, status));
        if status == 200 && response.is_some_and(|response| response.body.framing == Framing::JsonStream) {
            exchange.streams_messages();
        }
        exchange.settle(turn.sink);
        // What hands over is not remembered.
        let hands_over = known.is_none() && hijack::hands_over(&head, status, response);
        let length = match known {
            Some(known) => known.length,
            None if hands_over => BodyLength::UntilClose,
            None => BodyLength::of_response(&head, exchange.method(), &mut flaws),
        };
        let mut clean = flaws.is_empty();
        for flaw in flaws {
            exchange.report(Finding::of_head(flaw, Side::Daemon), turn.sink);
        }
        clean &= judge_response_head(exchange, &head, length, response, known.is_some(), turn);
        // The handshake of a hijack depends on more than the two heads.
        if known.is_none() && clean && !hands_over && response.is_some_and(|response| !response.hijack) {
            self.repeat.answered(exchange, &head, Known { version: announced, date: exchange.date, length });
        }
        let streams = Streams::of(exchange, &turn.context.memory);
        if let Some(exec) = exchange.target.step_after("/exec/").filter(|_| status < 300 && exchange.is_call("ExecStart")) {
            turn.context.memory.forget_exec(exec);
        }
        let tty = exchange.tty(turn.context);
        let version = exchange.version();
        let mut notes =
            Noting { exchange, part: if hands_over { "daemon-stream" } else { "response-body" }, side: Side::Daemon, sink: turn.sink };
        let content = content_of(&head, status, response, (streams, tty), &mut notes);
        if hands_over {
            if response.is_none() && notes.exchange.operation.is_none() {
                notes.unjudged(Reason::OpaqueProtocol);
            }
            let client = match (&content, version) {
                (Content::WebSocket(_), Some(version)) => Content::websocket(websocket::agreement(&head, version, Side::Client)),
                _ => Content::Counted,
            };
            let stdin = response.is_some_and(|response| response.body.framing != Framing::Opaque);
            self.hand_over(content, client, stdin, turn);
            return;
        }
        let (decoder, ended) = BodyDecoder::new(length);
        if length == BodyLength::Unknown {
            notes.unjudged(Reason::LostTrack);
        }
        if matches!(content, Content::Documents(_)) && exchange.hears_everything() {
            turn.context.state.stream_opens(self.id, turn.stamp.at);
        }
        self.daemon = Daemon::Body { decoder, content, response, head };
        self.release_limbo(turn);
        if ended {
            self.response_ends(Some(StreamEnd::Closed), turn);
        }
    }
}

/// What the bytes behind the head are to be taken for.
fn content_of(
    head: &Head,
    status: u16,
    response: Option<&'static ResponseContract>,
    (streams, tty): (Option<Streams>, Option<bool>),
    notes: &mut Noting<'_>,
) -> Content {
    let version = notes.exchange.version();
    match version.filter(|version| version.is_known()) {
        Some(version) => {
            let documents = notes.exchange.target.parameter("format") == Some("json");
            let watch = Watch::of(notes.exchange);
            let stream = response::StreamFacts {
                version,
                tty,
                streams,
                documents,
                tail: notes.exchange.tail(),
                watch,
                look: notes.exchange.look,
                coverage: notes.exchange.body_coverage(),
            };
            let streams = response.is_some_and(|response| response.body.framing == Framing::FramesOrRaw);
            let logs = notes.exchange.is_call("ContainerLogs");
            let asked = || notes.exchange.head.as_ref().is_some_and(|head| head.value("Upgrade").is_some());
            if streams
                && (logs || asked())
                && let Some(finding) = response::judge_framing(head, status, &stream, logs)
            {
                notes.finding(finding);
            }
            response::content(head, response, stream, notes)
        }
        // The document itself may say which version this is.
        None if is_version_call(notes.exchange) => Content::held(),
        None => Content::Counted,
    }
}

/// Whether nothing is wrong with it. `known`: as far as it stands in the head, that was found before.
fn judge_response_head(
    exchange: &mut Exchange,
    head: &Head,
    length: BodyLength,
    response: Option<&ResponseContract>,
    known: bool,
    turn: &mut Turn<'_>,
) -> bool {
    let Some((contract, status)) = exchange.contract().zip(exchange.status) else { return false };
    let mut findings = Vec::new();
    if !known {
        findings.extend(response::judge_head(head, status, length, contract));
        let streams = Streams::of(exchange, &turn.context.memory);
        findings.extend(hijack::judge(exchange, head, status, response, streams));
    }
    findings.extend(timing::late_head(exchange, turn.context.settings.thresholds, turn.stamp.at));
    if status == 200 && matches!(exchange.operation.map(Operation::id), Some("SystemPing" | "SystemPingHead")) {
        let headers = ["Api-Version", "Ostype"].map(|name| head.value(name).map(<[u8]>::to_vec));
        findings.extend(turn.context.state.ping(Ping { is_head: exchange.method() == b"HEAD", headers }));
    }
    let clean = findings.is_empty();
    for finding in findings {
        exchange.report(finding, turn.sink);
    }
    clean
}

/// `Api-Version`.
fn announced(head: &Head) -> Option<ApiVersion> {
    std::str::from_utf8(head.value("Api-Version")?).ok()?.parse().ok()
}

pub(super) fn is_version_call(exchange: &Exchange) -> bool {
    exchange.operation.is_some_and(|operation| operation.id() == "SystemVersion")
}

/// `GET /version` says in its body which version it is of, where the daemon has no Api-Version header.
pub(super) fn announce(exchange: &Exchange, document: Option<&Value>, context: &mut Context) {
    if let Some(version) =
        document.and_then(|document| document.get("ApiVersion")).and_then(Value::as_str).and_then(|text| text.parse().ok())
        && is_version_call(exchange)
    {
        context.memory.announce(version);
    }
}

pub(super) fn late_version(
    exchange: &mut Exchange,
    held: Option<&Bytes>,
    head: &Head,
    turn: &mut Turn<'_>,
) -> Option<&'static ResponseContract> {
    let document: Value = serde_json::from_slice(held?).ok()?;
    announce(exchange, Some(&document), turn.context);
    exchange.resolve(turn.context.memory.announced()?, turn.context);
    exchange.judge_request();
    exchange.settle(turn.sink);
    let response = response::contract_of(exchange.contract()?, exchange.status?);
    judge_response_head(exchange, head, BodyLength::Exactly(document.to_string().len() as u64), response, false, turn);
    response
}

/// The Date header in seconds since 1970: RFC 9110 section 5.6.7, the form that is sent.
fn date(value: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(value).ok()?.strip_suffix(" GMT")?;
    let time = jiff::civil::DateTime::strptime("%a, %d %b %Y %H:%M:%S", text).ok()?;
    Some(time.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_second())
}
