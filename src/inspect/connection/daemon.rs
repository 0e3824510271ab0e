//! The daemon's direction: answers, paired with their requests, and raw bytes after a hijack.

use std::sync::Arc;

use bytes::{Buf as _, Bytes};
use serde_json::Value;

use super::super::content::{Content, Notes as _};
use super::super::documents::Watch;
use super::super::exchange::{Exchange, Noting};
use super::super::finding::Finding;
use super::super::state::Ping;
use super::super::streams::Streams;
use super::super::{Context, Look, Settings, hijack, relation, response, timing, websocket};
use super::repeat::Known;
use super::{Client, Connection, Daemon, Turn};
use crate::catalog::{Framing, Operation, ResponseContract};
use crate::model::{ApiVersion, Call, Event, Part, Place, Reason, Rule, Side, Violation};
use crate::wire::{BodyDecoder, BodyItem, BodyLength, Flaw, Head, HeadRead, HeadReader, StreamEnd, excerpt};

/// So much of what belongs to no request is shown.
const UNEXPECTED_SHOWN: usize = 48;
/// So much of it is shown as it is, where it is no piece of an answer with secrets: `OK` behind an answer to HEAD.
const HARMLESS: usize = 8;

impl Connection {
    pub(super) fn daemon_bytes(&mut self, mut input: Bytes, turn: &mut Turn<'_>) {
        while !input.is_empty() {
            self.daemon_step(&mut input, turn);
        }
    }

    /// One step: a head, or a piece of a body. What is behind it stays in `input`.
    pub(super) fn daemon_step(&mut self, input: &mut Bytes, turn: &mut Turn<'_>) {
        match &mut self.daemon {
            Daemon::Head(reader) => {
                // Bytes without a request are found out at once, not when they happen to look like a head.
                if !self.exchanges.iter().any(|exchange| exchange.status.is_none()) && reader.is_idle() {
                    if self.answers_half_a_head(turn) {
                        return;
                    }
                    // After a request that could not be read, nobody knows what answers what.
                    self.daemon = if matches!(self.client, Client::Lost) { Daemon::Lost } else { Daemon::Unexpected(Vec::new()) };
                    return;
                }
                let due = self.exchanges.iter().find(|exchange| exchange.status.is_none()).filter(|_| reader.is_idle());
                if let Some((head, known)) = due.and_then(|exchange| self.repeat.answer(input, exchange)) {
                    input.advance(head.bytes().len());
                    self.response_head(head, Vec::new(), Some(known), turn);
                    return;
                }
                match reader.push(input) {
                    HeadRead::Incomplete => {}
                    HeadRead::Complete(head, flaws) => self.response_head(head, flaws, None, turn),
                    HeadRead::Lost(flaw) => self.response_lost(flaw, turn),
                }
            }
            Daemon::Body { decoder, content, response, .. } => {
                let Some(exchange) = self.exchanges.front_mut() else {
                    // Its end was told before these bytes: they belong to nothing any more. What is not taken would be offered for ever.
                    return input.clear();
                };
                exchange.last = turn.stamp.at;
                let item = decoder.next(input);
                let ended = decoder.is_complete();
                match item {
                    Some(BodyItem::Data(data)) => {
                        exchange.response_bytes += data.len() as u64;
                        self.gate.content[Side::Daemon as usize] += data.len() as u64;
                        let mut notes = Noting { exchange, part: "response-body", side: Side::Daemon, sink: turn.sink };
                        content.push(data, Side::Daemon, &mut notes);
                        if let Content::Documents(documents) = content {
                            exchange.hear(&documents.take_news(), turn);
                        }
                    }
                    Some(BodyItem::Flaw(flaw)) => {
                        let flaw = exchange.body_flaw(flaw, response.map(|response| &response.body));
                        exchange.report(Finding::of_body(flaw, Side::Daemon), turn.sink);
                        exchange.unjudged_part("response-body", Reason::LostTrack, turn.sink);
                        self.response_ends(None, turn);
                        self.daemon = Daemon::Lost;
                        return;
                    }
                    Some(BodyItem::ChunkEnd | BodyItem::Lost | BodyItem::End) | None => {}
                }
                if ended {
                    self.response_ends(Some(StreamEnd::Closed), turn);
                }
            }
            Daemon::Tail(content) => {
                let Some(exchange) = self.exchanges.front_mut() else {
                    // Its end was told before these bytes: they belong to nothing any more. What is not taken would be offered for ever.
                    return input.clear();
                };
                exchange.last = turn.stamp.at;
                exchange.response_bytes += input.len() as u64;
                self.gate.content[Side::Daemon as usize] += input.len() as u64;
                let mut notes = Noting { exchange, part: "daemon-stream", side: Side::Daemon, sink: turn.sink };
                content.push(std::mem::take(input), Side::Daemon, &mut notes);
            }
            Daemon::Unexpected(held) => {
                let take = input.len().min(UNEXPECTED_SHOWN - held.len());
                held.extend_from_slice(&input.split_to(take));
                if held.len() == UNEXPECTED_SHOWN {
                    self.report_unexpected(&turn.context.settings, turn.sink);
                }
            }
            Daemon::Lost => input.clear(),
        }
    }

    /// An answer that comes while the client's head is incomplete answers that head: the daemon could not read it, or would not wait.
    fn answers_half_a_head(&mut self, turn: &Turn<'_>) -> bool {
        if !matches!(&self.client, Client::Head(reader) if !reader.is_idle()) {
            return false;
        }
        self.client = Client::Lost;
        let mut exchange = self.next_exchange(None, turn);
        exchange.give_up(Reason::LostTrack);
        self.exchanges.push_back(exchange);
        true
    }

    /// Reports the bytes that belong to no request; as many as a line holds, wherever they were cut.
    pub(super) fn report_unexpected(&mut self, settings: &Settings, sink: &mut dyn FnMut(Event)) {
        let redactor = settings.redactor();
        let Daemon::Unexpected(held) = &mut self.daemon else { return };
        let held = Bytes::from(std::mem::take(held));
        self.daemon = Daemon::Lost;
        let (call, status) = self.last.clone().unwrap_or_else(|| {
            let (connection, empty) = (self.id, Arc::default);
            let call = Call {
                source: None,
                line: None,
                daemon: None,
                connection,
                exchange: 0,
                operation: None,
                method: empty(),
                path: empty(),
                api_version: None,
                client: None,
            };
            (Arc::new(call), None)
        });
        let held = match redactor {
            Some(_) if held.len() <= HARMLESS && harmless(&call, status, settings) => held,
            Some(redactor) => redactor.masked_scrap(&held),
            None => held,
        };
        let found =
            Finding::new(Rule::HttpUnexpectedBytes, Side::Daemon, Place::of(Part::Stream), "nothing", excerpt(&held)).showing(&held);
        let Finding { rule, side, place, message, expected, actual, evidence } = found;
        sink(Event::Violation(Box::new(Violation {
            rule,
            side,
            call,
            status,
            place,
            message,
            expected,
            actual,
            evidence,
            enforced: None,
            waived: None,
        })));
    }

    fn response_lost(&mut self, flaw: Flaw, turn: &mut Turn<'_>) {
        let flaw = turn.masked_flaw(flaw);
        self.daemon = Daemon::Lost;
        if let Some(exchange) = self.exchanges.iter_mut().find(|exchange| exchange.status.is_none()) {
            exchange.report(Finding::of_head(flaw, Side::Daemon), turn.sink);
            exchange.give_up(Reason::LostTrack);
        }
    }

    /// The head of an answer was read. `known`: the same was said before, and nothing was found in it.
    fn response_head(&mut self, head: Head, flaws: Vec<Flaw>, known: Option<Known>, turn: &mut Turn<'_>) {
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

    /// From here on both directions are raw.
    fn hand_over(&mut self, daemon: Content, client: Content, stdin: bool, turn: &mut Turn<'_>) {
        self.daemon = Daemon::Tail(daemon);
        // Only then is every byte since the request there.
        let waited = matches!(self.client, Client::Limbo { .. });
        let tail = Client::Tail(if waited { client } else { Content::Counted });
        let Client::Limbo { held, size } = std::mem::replace(&mut self.client, tail) else { return };
        if let Some(exchange) = self.exchanges.front_mut().filter(|_| stdin && size > 0) {
            let place = Place::of(Part::Stream).at_offset(0);
            let found =
                Finding::new(Rule::HijackEarlyBytes, Side::Client, place, "nothing before the head of the answer", format!("{size} bytes"));
            let early = Bytes::from(held.concat()).slice(..size.min(Violation::EVIDENCE_LIMIT));
            let early = exchange.redactor().map_or_else(|| early.clone(), |redactor| redactor.masked_bytes(&early));
            exchange.report(found.showing(&early), turn.sink);
        }
        for bytes in held {
            self.client_bytes(bytes, turn);
        }
    }

    /// The connection was not handed over: what waited is the next request.
    fn release_limbo(&mut self, turn: &mut Turn<'_>) {
        if !matches!(self.client, Client::Limbo { .. }) {
            return;
        }
        let head = Client::Head(HeadReader::new(Side::Client));
        if let Client::Limbo { held, .. } = std::mem::replace(&mut self.client, head) {
            for bytes in held {
                self.client_bytes(bytes, turn);
            }
        }
    }

    /// The body is complete, or was cut (`None`: unreadable).
    fn response_ends(&mut self, end: Option<StreamEnd>, turn: &mut Turn<'_>) {
        let state = std::mem::replace(&mut self.daemon, Daemon::Head(HeadReader::new(Side::Daemon)));
        let Daemon::Body { mut content, mut response, head, .. } = state else { return };
        let Some(exchange) = self.exchanges.front_mut() else { return };
        // To a client that has closed its side, dockerd ends the answer early, and properly (wait, events, followed logs).
        let left = self.client_end.is_some();
        if let Some(end) = end.map(|end| if left { StreamEnd::Broken } else { end }) {
            let mut notes = Noting { exchange, part: "response-body", side: Side::Daemon, sink: turn.sink };
            content.finish(end, Side::Daemon, &mut notes);
        }
        exchange.frames += content.frames_seen();
        exchange.documents += content.documents_seen();
        let refused = matches!(&content, Content::Documents(documents) if documents.is_refusal());
        exchange.messages_end(refused && end == Some(StreamEnd::Closed), turn.sink);
        // Not judged where the client left, or where the stream was cut.
        let empty = exchange.is_call("ContainerStats") && exchange.status == Some(200) && exchange.documents == 0;
        if empty && !left && end == Some(StreamEnd::Closed) && matches!(content, Content::Documents(_)) {
            let place = Place::of(Part::Stream);
            exchange.report(Finding::new(Rule::JsonStreamEmpty, Side::Daemon, place, "at least one sample", "none"), turn.sink);
        }
        let held = content.take_held().filter(|_| end == Some(StreamEnd::Closed));
        let abandoned =
            left && held.as_ref().is_some_and(Bytes::is_empty) && response.is_some_and(|response| response.body.framing == Framing::Json);
        if abandoned {
            exchange.unjudged_part("response-body", Reason::Unfinished(super::CLIENT_LEFT), turn.sink);
        }
        if exchange.version().is_none() && is_version_call(exchange) {
            response = late_version(exchange, held.as_ref(), &head, turn);
        }
        if let (Some(bytes), Some(response)) = (held, response)
            && exchange.method() != b"HEAD"
            && !abandoned
        {
            if let Some(coverage) = exchange.body_coverage() {
                coverage.see(&bytes);
            }
            if let Some(findings) = turn
                .context
                .memory
                .findings_of(response, &bytes)
                .filter(|_| exchange.look == Look::Quick && !exchange.teaches(turn.context))
            {
                let findings = findings.to_vec();
                for finding in findings {
                    exchange.report(finding, turn.sink);
                }
                exchange.tell(None, turn.context, turn.sink);
            } else {
                let (mut findings, document) = response::judge_body(&bytes, response, exchange.need(turn.context), exchange.redactor());
                if let (Some(document), Some(operation)) = (&document, exchange.operation) {
                    relation::name_dialect(&mut findings, operation.id(), document);
                    if matches!(exchange.status, Some(200..=299)) {
                        findings.extend(relation::judge(operation.id(), document));
                    }
                }
                if !exchange.spares("response-body", &mut findings) {
                    turn.context.memory.remember(response, &bytes, &findings);
                }
                for finding in findings {
                    exchange.report(finding, turn.sink);
                }
                exchange.learn(document.as_ref(), turn.context);
                exchange.tell(document.as_ref(), turn.context, turn.sink);
                announce(exchange, document.as_ref(), turn.context);
            }
        } else {
            exchange.learn(None, turn.context);
            exchange.tell(None, turn.context, turn.sink);
        }
        // An answer that comes late all the same.
        if !left && exchange.is_call("ContainerWait") {
            exchange.tail_ended(turn.stamp.at, turn.context, turn.sink);
        }
        if exchange.is_call("SystemEvents") {
            turn.context.state.stream_closes(self.id);
        }
        exchange.response_done = true;
        self.drop_finished(turn);
    }

    pub(super) fn daemon_ends(&mut self, end: StreamEnd, turn: &mut Turn<'_>) {
        if self.daemon_end.is_some() {
            return;
        }
        self.daemon_end = Some(end);
        // A client that left is why an answer is cut, whoever closes first; a half-close after a hijack is no leaving.
        let left = match self.client_end {
            Some(StreamEnd::Broken) => true,
            Some(StreamEnd::Closed) => !matches!(self.client, Client::Tail(Content::Counted)),
            None => false,
        };
        let end = if left { StreamEnd::Broken } else { end };
        match &mut self.daemon {
            Daemon::Head(reader) => {
                if let Some(flaw) = reader.finish(end) {
                    self.response_lost(flaw, turn);
                }
            }
            Daemon::Body { decoder, .. } => {
                let flaw = decoder.finish(end);
                let complete = decoder.completes_at_close();
                if let (Some(flaw), Some(exchange)) = (flaw, self.exchanges.front_mut()) {
                    exchange.report(Finding::of_body(flaw, Side::Daemon), turn.sink);
                }
                if complete || end == StreamEnd::Closed {
                    // What is cut was said; the document in it is not judged a second time.
                    self.response_ends(complete.then_some(StreamEnd::Closed), turn);
                }
            }
            Daemon::Tail(content) => {
                let Some(exchange) = self.exchanges.front_mut() else { return };
                exchange.frames += content.frames_seen();
                if let Client::Tail(content) = &self.client {
                    exchange.frames += content.frames_seen();
                }
                exchange.documents += content.documents_seen();
                let mut notes = Noting { exchange, part: "daemon-stream", side: Side::Daemon, sink: turn.sink };
                content.finish(end, Side::Daemon, &mut notes);
                exchange.tail_ended(turn.stamp.at, turn.context, turn.sink);
                exchange.response_done = true;
                // Nothing more comes of this one, whatever the client may still send.
                self.drop_finished(turn);
            }
            Daemon::Unexpected(_) => self.report_unexpected(&turn.context.settings, turn.sink),
            Daemon::Lost => {}
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

/// Whether the answer before has no place for secrets, so that what stands behind it is no piece of one.
fn harmless(call: &Call, status: Option<u16>, settings: &Settings) -> bool {
    let operation = call.operation.as_deref().and_then(|id| settings.catalog.operation(id));
    let contract =
        operation.zip(call.api_version.filter(|version| version.is_known())).map(|(operation, version)| operation.contract(version));
    let response = contract.zip(status).and_then(|(contract, status)| contract.responses.get(&status));
    response.is_some_and(|response| response.body.schema.as_ref().is_none_or(|schema| !schema.secrets().is_marked()))
}

fn is_version_call(exchange: &Exchange) -> bool {
    exchange.operation.is_some_and(|operation| operation.id() == "SystemVersion")
}

/// `GET /version` says in its body which version it is of, where the daemon has no Api-Version header.
fn announce(exchange: &Exchange, document: Option<&Value>, context: &mut Context) {
    if let Some(version) =
        document.and_then(|document| document.get("ApiVersion")).and_then(Value::as_str).and_then(|text| text.parse().ok())
        && is_version_call(exchange)
    {
        context.memory.announce(version);
    }
}

fn late_version(exchange: &mut Exchange, held: Option<&Bytes>, head: &Head, turn: &mut Turn<'_>) -> Option<&'static ResponseContract> {
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
