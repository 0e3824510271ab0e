//! One connection: reads both directions, pairs answers with requests, and follows hijacks.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;

use super::content::{Content, Notes};
use super::exchange::{Exchange, Noting, RequestState};
use super::finding::Finding;
use super::{Context, Seen, hijack, request, response};
use crate::catalog::{Framing, ResponseContract};
use crate::model::{ApiVersion, Call, Event, Part, Place, Reason, Rule, Side, Violation};
use crate::wire::{BodyDecoder, BodyItem, BodyLength, Flaw, Head, HeadRead, HeadReader, StartLine, StreamEnd};

/// What a client sends on before a hijack is answered is held up to this size.
const LIMBO_LIMIT: usize = 4 << 20;

const STOPPED: &str = "the run or recording ended before the exchange did";
const UNANSWERED: &str = "the connection ended without an answer";
const CLIENT_LEFT: &str = "the client left before the end";

/// A client connection and the daemon connection that belongs to it.
#[derive(Debug)]
pub(super) struct Connection {
    id: u64,
    /// Under way, oldest first. The client speaks in the last, the daemon in the first that has no answer yet.
    exchanges: VecDeque<Exchange>,
    count: u64,
    client: Client,
    daemon: Daemon,
    client_end: Option<StreamEnd>,
    daemon_end: Option<StreamEnd>,
    last_call: Option<Arc<Call>>,
}

/// Where the client's bytes are.
#[derive(Debug)]
enum Client {
    Head(HeadReader),
    Body {
        decoder: BodyDecoder,
        content: Content,
    },
    /// After a request that may hijack: these bytes are its stdin or the next request, which the answer decides.
    Limbo {
        held: Vec<Bytes>,
        size: usize,
    },
    /// The raw bytes after a hijack.
    Tail,
    Lost,
}

/// Where the daemon's bytes are.
#[derive(Debug)]
enum Daemon {
    Head(HeadReader),
    Body { decoder: BodyDecoder, content: Content, response: Option<&'static ResponseContract>, head: Head },
    Tail(Content),
    Lost,
}

impl Connection {
    pub(super) fn new(id: u64) -> Self {
        Self {
            id,
            exchanges: VecDeque::new(),
            count: 0,
            client: Client::Head(HeadReader::new(Side::Client)),
            daemon: Daemon::Head(HeadReader::new(Side::Daemon)),
            client_end: None,
            daemon_end: None,
            last_call: None,
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.client_end.is_some() && self.daemon_end.is_some()
    }

    pub(super) fn see(&mut self, side: Side, seen: Seen, at: Option<Duration>, context: &mut Context, sink: &mut dyn FnMut(Event)) {
        match (side, seen) {
            (Side::Client, Seen::Bytes(bytes)) => self.client_bytes(bytes, at, context, sink),
            (Side::Daemon, Seen::Bytes(bytes)) => self.daemon_bytes(bytes, at, context, sink),
            (Side::Client, Seen::End(end)) => self.client_ends(end),
            (Side::Daemon, Seen::End(end)) => self.daemon_ends(end, context, sink),
        }
    }

    /// The connection or the run is over: what is still under way is reported as it stands.
    pub(super) fn finish(mut self, sink: &mut dyn FnMut(Event)) {
        let why = match (self.daemon_end, self.client_end) {
            (None, _) => STOPPED,
            (Some(_), None) => UNANSWERED,
            (Some(_), Some(_)) => CLIENT_LEFT,
        };
        for exchange in std::mem::take(&mut self.exchanges) {
            let finished = exchange.status.is_some() && exchange.response_done;
            let why = if exchange.status.is_none() && self.daemon_end.is_some() { UNANSWERED } else { why };
            exchange.finish(Some(why).filter(|_| !finished), sink);
        }
    }

    // === The client's direction ===

    fn client_bytes(&mut self, mut input: Bytes, at: Option<Duration>, context: &mut Context, sink: &mut dyn FnMut(Event)) {
        while !input.is_empty() {
            match &mut self.client {
                Client::Head(reader) => match reader.push(&mut input) {
                    HeadRead::Incomplete => {}
                    HeadRead::Complete(head, flaws) => self.request_head(head, flaws, at, context, sink),
                    HeadRead::Lost(flaw) => {
                        let mut exchange = self.next_exchange(None, at, context);
                        exchange.hold(Finding::of_head(flaw, Side::Client));
                        exchange.give_up(Reason::LostTrack);
                        self.exchanges.push_back(exchange);
                        self.client = Client::Lost;
                    }
                },
                Client::Body { decoder, content } => {
                    // A body belongs to the exchange that its head began.
                    let Some(exchange) = self.exchanges.back_mut() else { return };
                    exchange.last = at;
                    let item = decoder.next(&mut input);
                    let ended = decoder.is_complete();
                    match item {
                        Some(BodyItem::Data(data)) => {
                            exchange.request_bytes += data.len() as u64;
                            let mut notes = Noting { exchange, part: "request-body", side: Side::Client, sink };
                            content.push(data, Side::Client, &mut notes);
                        }
                        Some(BodyItem::Flaw(flaw)) => {
                            exchange.hold(Finding::of_body(flaw, Side::Client));
                            exchange.unjudged_part("request-body", Reason::LostTrack, sink);
                            self.client = Client::Lost;
                            continue;
                        }
                        Some(BodyItem::Lost | BodyItem::End) | None => {}
                    }
                    if ended {
                        self.request_body_ends(sink);
                    }
                }
                Client::Limbo { held, size } => {
                    *size += input.len();
                    if *size > LIMBO_LIMIT {
                        self.client = Client::Lost;
                        if let Some(exchange) = self.exchanges.back_mut() {
                            exchange.unjudged_part("client-stream", Reason::CaptureLimit(LIMBO_LIMIT as u64), sink);
                        }
                    } else {
                        held.push(std::mem::take(&mut input));
                    }
                }
                Client::Tail => {
                    if let Some(exchange) = self.exchanges.front_mut() {
                        exchange.request_bytes += input.len() as u64;
                        exchange.last = at;
                    }
                    input.clear();
                }
                Client::Lost => input.clear(),
            }
        }
    }

    fn next_exchange(&mut self, head: Option<Head>, at: Option<Duration>, context: &Context) -> Exchange {
        self.count += 1;
        Exchange::new(self.id, self.count, head, at, context)
    }

    fn request_head(&mut self, head: Head, mut flaws: Vec<Flaw>, at: Option<Duration>, context: &mut Context, sink: &mut dyn FnMut(Event)) {
        let readable = head.start_line() != StartLine::Unreadable;
        let length = if readable { BodyLength::of_request(&head, &mut flaws) } else { BodyLength::Unknown };
        let host = request::judge_host(&head);
        let mut exchange = self.next_exchange(Some(head), at, context);
        for flaw in flaws {
            exchange.hold(Finding::of_head(flaw, Side::Client));
        }
        if let Some(finding) = host {
            exchange.hold(finding);
        }
        let (decoder, ended) = BodyDecoder::new(length);
        // The framing hardly ever changes over the versions, so that an unknown one does not matter here.
        let version = exchange.version().unwrap_or(ApiVersion::NEWEST);
        let framing =
            exchange.operation.filter(|_| version.is_known()).map_or(Framing::Raw, |operation| operation.contract(version).request.framing);
        let content = if framing == Framing::Json { Content::held() } else { Content::Counted };
        if length == BodyLength::Unknown {
            exchange.give_up(Reason::LostTrack);
            self.exchanges.push_back(exchange);
            self.client = Client::Lost;
            return;
        }
        self.exchanges.push_back(exchange);
        self.client = Client::Body { decoder, content };
        if ended {
            self.request_body_ends(sink);
        }
    }

    fn request_body_ends(&mut self, sink: &mut dyn FnMut(Event)) {
        let Some(exchange) = self.exchanges.back_mut() else { return };
        if let Client::Body { content, .. } = &mut self.client {
            let mut notes = Noting { exchange, part: "request-body", side: Side::Client, sink };
            content.finish(StreamEnd::Closed, Side::Client, &mut notes);
            exchange.facts.body = content.take_held().filter(|body| !body.is_empty());
        }
        read_facts(exchange);
        exchange.request = RequestState::Complete;
        exchange.judge_request();
        let answered = exchange.status.is_some();
        if answered {
            exchange.settle(sink);
        }
        self.client = if !answered && exchange.may_hijack() {
            Client::Limbo { held: Vec::new(), size: 0 }
        } else {
            Client::Head(HeadReader::new(Side::Client))
        };
        if answered {
            self.drop_finished(sink);
        }
    }

    fn client_ends(&mut self, end: StreamEnd) {
        self.client_end.get_or_insert(end);
        if end == StreamEnd::Broken {
            self.client_end = Some(end);
        }
    }

    // === The daemon's direction ===

    fn daemon_bytes(&mut self, mut input: Bytes, at: Option<Duration>, context: &mut Context, sink: &mut dyn FnMut(Event)) {
        while !input.is_empty() {
            match &mut self.daemon {
                Daemon::Head(reader) => {
                    // Bytes without a request are found out at once, not when they happen to look like a head.
                    if !self.exchanges.iter().any(|exchange| exchange.status.is_none()) && reader.is_idle() {
                        self.unexpected(&input, sink);
                        self.daemon = Daemon::Lost;
                        return;
                    }
                    match reader.push(&mut input) {
                        HeadRead::Incomplete => {}
                        HeadRead::Complete(head, flaws) => self.response_head(head, flaws, at, context, sink),
                        HeadRead::Lost(flaw) => self.response_lost(flaw, sink),
                    }
                }
                Daemon::Body { decoder, content, .. } => {
                    let Some(exchange) = self.exchanges.front_mut() else { return };
                    exchange.last = at;
                    let item = decoder.next(&mut input);
                    let ended = decoder.is_complete();
                    match item {
                        Some(BodyItem::Data(data)) => {
                            exchange.response_bytes += data.len() as u64;
                            let mut notes = Noting { exchange, part: "response-body", side: Side::Daemon, sink };
                            content.push(data, Side::Daemon, &mut notes);
                        }
                        Some(BodyItem::Flaw(flaw)) => {
                            exchange.report(Finding::of_body(flaw, Side::Daemon), sink);
                            exchange.unjudged_part("response-body", Reason::LostTrack, sink);
                            self.response_ends(None, context, sink);
                            self.daemon = Daemon::Lost;
                            continue;
                        }
                        Some(BodyItem::Lost | BodyItem::End) | None => {}
                    }
                    if ended {
                        self.response_ends(Some(StreamEnd::Closed), context, sink);
                    }
                }
                Daemon::Tail(content) => {
                    let Some(exchange) = self.exchanges.front_mut() else { return };
                    exchange.last = at;
                    exchange.response_bytes += input.len() as u64;
                    let mut notes = Noting { exchange, part: "daemon-stream", side: Side::Daemon, sink };
                    content.push(std::mem::take(&mut input), Side::Daemon, &mut notes);
                }
                Daemon::Lost => input.clear(),
            }
        }
    }

    fn unexpected(&mut self, input: &[u8], sink: &mut dyn FnMut(Event)) {
        // After a request that could not be read, nobody knows what answers what.
        if matches!(self.client, Client::Lost) {
            return;
        }
        let call = self.last_call.clone().unwrap_or_else(|| {
            let (connection, empty) = (self.id, String::new);
            Arc::new(Call { source: None, connection, exchange: 0, operation: None, method: empty(), path: empty(), api_version: None })
        });
        let Finding { rule, side, place, message, expected, .. } =
            Finding::new(Rule::HttpUnexpectedBytes, Side::Daemon, Place::of(Part::Stream), "nothing", "");
        let evidence = input[..input.len().min(16)].to_vec();
        let actual = crate::wire::excerpt(&evidence[..1]);
        sink(Event::Violation(Box::new(Violation {
            rule,
            side,
            call,
            status: None,
            place,
            message,
            expected,
            actual,
            evidence: evidence[..1].to_vec(),
        })));
    }

    fn response_lost(&mut self, flaw: Flaw, sink: &mut dyn FnMut(Event)) {
        self.daemon = Daemon::Lost;
        if let Some(exchange) = self.exchanges.iter_mut().find(|exchange| exchange.status.is_none()) {
            exchange.report(Finding::of_head(flaw, Side::Daemon), sink);
            exchange.give_up(Reason::LostTrack);
        }
    }

    fn response_head(
        &mut self,
        head: Head,
        mut flaws: Vec<Flaw>,
        at: Option<Duration>,
        context: &mut Context,
        sink: &mut dyn FnMut(Event),
    ) {
        let Some(exchange) = self.exchanges.iter_mut().find(|exchange| exchange.status.is_none()) else { return };
        exchange.last = at;
        let Some(status) = head.status() else {
            for flaw in flaws {
                exchange.report(Finding::of_head(flaw, Side::Daemon), sink);
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
                exchange.report(Finding::of_head(flaw, Side::Daemon), sink);
            }
            return;
        }
        exchange.status = Some(status);
        if let Some(version) =
            head.value("Api-Version").and_then(|value| std::str::from_utf8(value).ok()).and_then(|text| text.parse().ok())
        {
            context.memory.announce(version);
        }
        if let Some(version) = context.memory.announced() {
            exchange.resolve(version, context);
        }
        exchange.judge_request();
        exchange.settle(sink);
        let response = exchange.contract().and_then(|contract| response::contract_of(contract, status));
        let hands_over = hijack::hands_over(&head, status, response);
        let length = if hands_over { BodyLength::UntilClose } else { BodyLength::of_response(&head, exchange.method(), &mut flaws) };
        for flaw in flaws {
            exchange.report(Finding::of_head(flaw, Side::Daemon), sink);
        }
        judge_response_head(exchange, &head, length, response, sink);
        let tty = exchange.tty(context);
        let version = exchange.version();
        let mut notes = Noting { exchange, part: if hands_over { "daemon-stream" } else { "response-body" }, side: Side::Daemon, sink };
        let content = match version.filter(|version| version.is_known()) {
            Some(version) => response::content(&head, response, version, tty, &mut notes),
            // The document itself may say which version this is.
            None if is_version_call(notes.exchange) => Content::held(),
            None => Content::Counted,
        };
        if hands_over {
            if response.is_none() && notes.exchange.operation.is_none() {
                notes.unjudged(Reason::OpaqueProtocol);
            }
            self.hand_over(content);
            return;
        }
        let (decoder, ended) = BodyDecoder::new(length);
        if length == BodyLength::Unknown {
            notes.unjudged(Reason::LostTrack);
        }
        self.daemon = Daemon::Body { decoder, content, response, head };
        self.release_limbo(at, context, sink);
        if ended {
            self.response_ends(Some(StreamEnd::Closed), context, sink);
        }
    }

    /// From here on both directions are raw.
    fn hand_over(&mut self, content: Content) {
        self.daemon = Daemon::Tail(content);
        if let Client::Limbo { size, .. } = std::mem::replace(&mut self.client, Client::Tail)
            && let Some(exchange) = self.exchanges.front_mut()
        {
            exchange.request_bytes += size as u64;
        }
    }

    /// The connection was not handed over: what waited is the next request.
    fn release_limbo(&mut self, at: Option<Duration>, context: &mut Context, sink: &mut dyn FnMut(Event)) {
        if !matches!(self.client, Client::Limbo { .. }) {
            return;
        }
        let head = Client::Head(HeadReader::new(Side::Client));
        if let Client::Limbo { held, .. } = std::mem::replace(&mut self.client, head) {
            for bytes in held {
                self.client_bytes(bytes, at, context, sink);
            }
        }
    }

    /// The body is complete, or was cut (`None`: unreadable).
    fn response_ends(&mut self, end: Option<StreamEnd>, context: &mut Context, sink: &mut dyn FnMut(Event)) {
        let state = std::mem::replace(&mut self.daemon, Daemon::Head(HeadReader::new(Side::Daemon)));
        let Daemon::Body { mut content, mut response, head, .. } = state else { return };
        let Some(exchange) = self.exchanges.front_mut() else { return };
        if let Some(end) = end {
            let mut notes = Noting { exchange, part: "response-body", side: Side::Daemon, sink };
            content.finish(end, Side::Daemon, &mut notes);
        }
        exchange.frames += content.frames_seen();
        exchange.documents += content.documents_seen();
        let held = content.take_held().filter(|_| end == Some(StreamEnd::Closed));
        if exchange.version().is_none() && is_version_call(exchange) {
            response = late_version(exchange, held.as_ref(), &head, context, sink);
        }
        if let (Some(bytes), Some(response)) = (held, response)
            && exchange.method() != b"HEAD"
        {
            let (findings, document) = response::judge_body(&bytes, response);
            for finding in findings {
                exchange.report(finding, sink);
            }
            exchange.learn(document.as_ref(), context);
            announce(exchange, document.as_ref(), context);
        } else {
            exchange.learn(None, context);
        }
        exchange.response_done = true;
        self.drop_finished(sink);
    }

    fn daemon_ends(&mut self, end: StreamEnd, context: &mut Context, sink: &mut dyn FnMut(Event)) {
        if self.daemon_end.is_some() {
            return;
        }
        self.daemon_end = Some(end);
        // A client that left is why an answer is cut, whoever closes first; a half-close after a hijack is no leaving.
        let left = match self.client_end {
            Some(StreamEnd::Broken) => true,
            Some(StreamEnd::Closed) => !matches!(self.client, Client::Tail),
            None => false,
        };
        let end = if left { StreamEnd::Broken } else { end };
        match &mut self.daemon {
            Daemon::Head(reader) => {
                if let Some(flaw) = reader.finish(end) {
                    self.response_lost(flaw, sink);
                }
            }
            Daemon::Body { decoder, .. } => {
                let flaw = decoder.finish(end);
                let complete = decoder.finish(StreamEnd::Closed).is_none();
                if let (Some(flaw), Some(exchange)) = (flaw, self.exchanges.front_mut()) {
                    exchange.report(Finding::of_body(flaw, Side::Daemon), sink);
                }
                if complete || end == StreamEnd::Closed {
                    // What is cut was said; the document in it is not judged a second time.
                    self.response_ends(complete.then_some(StreamEnd::Closed), context, sink);
                }
            }
            Daemon::Tail(content) => {
                let Some(exchange) = self.exchanges.front_mut() else { return };
                exchange.frames += content.frames_seen();
                exchange.documents += content.documents_seen();
                let mut notes = Noting { exchange, part: "daemon-stream", side: Side::Daemon, sink };
                content.finish(end, Side::Daemon, &mut notes);
                exchange.response_done = true;
                // Nothing more comes of this one, whatever the client may still send.
                self.drop_finished(sink);
            }
            Daemon::Lost => {}
        }
    }

    fn drop_finished(&mut self, sink: &mut dyn FnMut(Event)) {
        while self.exchanges.front().is_some_and(|exchange| exchange.response_done && exchange.request != RequestState::Open) {
            if let Some(mut exchange) = self.exchanges.pop_front() {
                self.last_call = Some(exchange.call());
                exchange.finish(None, sink);
            }
        }
    }
}

fn judge_response_head(
    exchange: &mut Exchange,
    head: &Head,
    length: BodyLength,
    response: Option<&ResponseContract>,
    sink: &mut dyn FnMut(Event),
) {
    let Some((contract, status)) = exchange.contract().zip(exchange.status) else { return };
    let mut findings = response::judge_head(head, status, length, contract);
    findings.extend(hijack::judge(exchange, head, status, response));
    for finding in findings {
        exchange.report(finding, sink);
    }
}

/// `Tty` and `Detach` of a request body: by what later answers are judged.
fn read_facts(exchange: &mut Exchange) {
    let Some(body) =
        exchange.facts.body.as_ref().filter(|_| exchange.operation.is_some_and(|op| matches!(op.id(), "ContainerCreate" | "ExecStart")))
    else {
        return;
    };
    if let Ok(document) = serde_json::from_slice::<Value>(body) {
        let flag = |name: &str| document.get(name).and_then(Value::as_bool).unwrap_or_default();
        (exchange.facts.tty, exchange.facts.detach) = (flag("Tty"), flag("Detach"));
    }
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

fn late_version(
    exchange: &mut Exchange,
    held: Option<&Bytes>,
    head: &Head,
    context: &mut Context,
    sink: &mut dyn FnMut(Event),
) -> Option<&'static ResponseContract> {
    let document: Value = serde_json::from_slice(held?).ok()?;
    announce(exchange, Some(&document), context);
    exchange.resolve(context.memory.announced()?, context);
    exchange.judge_request();
    exchange.settle(sink);
    let response = response::contract_of(exchange.contract()?, exchange.status?);
    judge_response_head(exchange, head, BodyLength::Exactly(document.to_string().len() as u64), response, sink);
    response
}
