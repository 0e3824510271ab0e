//! The client's direction: requests, what waits for an answer, and raw bytes after a hijack.

use bytes::{Buf as _, Bytes};
use serde_json::Value;

use super::super::archive::Archive;
use super::super::content::Content;
use super::super::exchange::{Exchange, Noting, RequestState};
use super::super::finding::Finding;
use super::super::state::Wish;
use super::super::streams::Streams;
use super::super::{request, timing};
use super::{Client, Connection, Daemon, Turn};
use crate::catalog::{Framing, Schema};
use crate::model::{ApiVersion, Reason, Side};
use crate::wire::{BodyDecoder, BodyItem, BodyLength, Flaw, Head, HeadRead, HeadReader, StartLine, StreamEnd};

/// What a client sends on before a hijack is answered is held up to this size.
const LIMBO_LIMIT: usize = 4 << 20;

impl Connection {
    pub(super) fn client_bytes(&mut self, mut input: Bytes, turn: &mut Turn<'_>) {
        while !input.is_empty() {
            self.client_step(&mut input, turn);
        }
    }

    /// One step: a head, or a piece of a body. What is behind it stays in `input`.
    pub(super) fn client_step(&mut self, input: &mut Bytes, turn: &mut Turn<'_>) {
        match &mut self.client {
            Client::Head(reader) if reader.is_idle() && self.repeat.request(input).is_some() => {
                let Some(request) = self.repeat.request(input) else { return };
                self.count += 1;
                let exchange = Exchange::again(self.id, self.count, request, turn.stamp, turn.context);
                let length = request.length;
                input.advance(request.head.bytes().len());
                self.request_begins(exchange, length, turn);
            }
            Client::Head(reader) => match reader.push(input) {
                HeadRead::Incomplete => {}
                HeadRead::Complete(head, flaws) => self.request_head(head, flaws, turn),
                HeadRead::Lost(flaw) => {
                    let mut exchange = self.next_exchange(None, turn);
                    exchange.hold(Finding::of_head(turn.masked_flaw(flaw), Side::Client));
                    exchange.give_up(Reason::LostTrack);
                    self.exchanges.push_back(exchange);
                    self.client = Client::Lost;
                }
            },
            Client::Body { decoder, content } => {
                // A body belongs to the exchange that its head began.
                let Some(exchange) = self.exchanges.back_mut() else { return };
                exchange.last = turn.stamp.at;
                let item = decoder.next(input);
                let ended = decoder.is_complete();
                match item {
                    Some(BodyItem::Data(data)) => {
                        exchange.request_bytes += data.len() as u64;
                        self.gate.content[Side::Client as usize] += data.len() as u64;
                        let mut notes = Noting { exchange, part: "request-body", side: Side::Client, sink: turn.sink };
                        content.push(data, Side::Client, &mut notes);
                    }
                    Some(BodyItem::Flaw(flaw)) => {
                        let flaw = exchange.body_flaw(flaw, exchange.contract().map(|contract| &contract.request));
                        exchange.hold(Finding::of_body(flaw, Side::Client));
                        exchange.unjudged_part("request-body", Reason::LostTrack, turn.sink);
                        self.client = Client::Lost;
                        return;
                    }
                    Some(BodyItem::ChunkEnd | BodyItem::Lost | BodyItem::End) | None => {}
                }
                if ended {
                    self.request_body_ends(turn);
                }
            }
            Client::Limbo { held, size } => {
                *size += input.len();
                if *size > LIMBO_LIMIT {
                    self.client = Client::Lost;
                    if let Some(exchange) = self.exchanges.back_mut() {
                        exchange.unjudged_part("client-stream", Reason::CaptureLimit(LIMBO_LIMIT as u64), turn.sink);
                    }
                } else {
                    held.push(std::mem::take(input));
                }
            }
            Client::Tail(content) => {
                let input = std::mem::take(input);
                if let Some(exchange) = self.exchanges.front_mut() {
                    exchange.request_bytes += input.len() as u64;
                    self.gate.content[Side::Client as usize] += input.len() as u64;
                    exchange.last = turn.stamp.at;
                    let mut notes = Noting { exchange, part: "client-stream", side: Side::Client, sink: turn.sink };
                    content.push(input, Side::Client, &mut notes);
                }
            }
            Client::Lost => input.clear(),
        }
    }

    pub(super) fn next_exchange(&mut self, head: Option<Head>, turn: &Turn<'_>) -> Box<Exchange> {
        self.count += 1;
        Exchange::new(self.id, self.count, head, turn.stamp, turn.context)
    }

    fn request_head(&mut self, head: Head, flaws: Vec<Flaw>, turn: &mut Turn<'_>) {
        let (head, mut flaws) = turn.masked(Side::Client, head, flaws);
        let readable = head.start_line() != StartLine::Unreadable;
        let length = if readable { BodyLength::of_request(&head, &mut flaws) } else { BodyLength::Unknown };
        let host = request::judge_host(&head);
        let mut exchange = self.next_exchange(Some(head), turn);
        for flaw in flaws {
            exchange.hold(Finding::of_head(flaw, Side::Client));
        }
        if let Some(finding) = host {
            exchange.hold(finding);
        }
        self.request_begins(exchange, length, turn);
    }

    /// The head of a request was read.
    fn request_begins(&mut self, mut exchange: Box<Exchange>, length: BodyLength, turn: &mut Turn<'_>) {
        exchange.stake = exchange.operation.and_then(|operation| turn.context.state.begin(operation.id(), &exchange.target, turn.stamp.at));
        let (decoder, ended) = BodyDecoder::new(length);
        // The framing hardly ever changes over the versions, so that an unknown one does not matter here.
        let version = exchange.version().unwrap_or(ApiVersion::NEWEST);
        let framing =
            exchange.operation.filter(|_| version.is_known()).map_or(Framing::Raw, |operation| operation.contract(version).request.framing);
        // The documents know of one kind of raw body: what is imported.
        let import = framing == Framing::Raw && exchange.is_call("ImageCreate") && exchange.target.parameter("fromSrc") == Some("-");
        let content = match framing {
            Framing::Json => Content::held(),
            Framing::Tar => Content::archive(Archive::default()),
            Framing::Raw if import => Content::archive(Archive::default()),
            _ => Content::Counted,
        };
        if length == BodyLength::Unknown {
            exchange.give_up(Reason::LostTrack);
            self.exchanges.push_back(exchange);
            self.client = Client::Lost;
            return;
        }
        self.exchanges.push_back(exchange);
        self.client = Client::Body { decoder, content };
        if ended {
            self.request_body_ends(turn);
        }
    }

    fn request_body_ends(&mut self, turn: &mut Turn<'_>) {
        let Some(exchange) = self.exchanges.back_mut() else { return };
        if let Client::Body { content, .. } = &mut self.client {
            let mut notes = Noting { exchange, part: "request-body", side: Side::Client, sink: turn.sink };
            content.finish(StreamEnd::Closed, Side::Client, &mut notes);
            exchange.facts.body = content.take_held().filter(|body| !body.is_empty()).map(|body| masked(exchange, body));
        }
        read_facts(exchange);
        exchange.request = RequestState::Complete;
        exchange.asked = turn.stamp.at;
        exchange.judge_request();
        self.repeat.asked(exchange);
        let answered = exchange.status.is_some();
        if answered {
            exchange.settle(turn.sink);
        }
        self.client = if !answered && exchange.may_hijack() {
            Client::Limbo { held: Vec::new(), size: 0 }
        } else {
            Client::Head(HeadReader::new(Side::Client))
        };
        if answered {
            self.drop_finished(turn);
        }
    }

    pub(super) fn client_ends(&mut self, end: StreamEnd, turn: &mut Turn<'_>) {
        // Whether it gave up or miscounted cannot be told from here.
        if let (Client::Body { .. }, None, Some(exchange)) = (&self.client, self.client_end, self.exchanges.back_mut()) {
            exchange.unjudged_part("request-body", Reason::Unfinished(super::CLIENT_LEFT), turn.sink);
        }
        if self.client_end.is_none() {
            self.client_gives_up(turn);
        }
        // A half-close is no end of the stream, but after it the client may have given up waiting for one.
        if end == StreamEnd::Broken
            && let (Daemon::Tail(_), Some(exchange)) = (&self.daemon, self.exchanges.front_mut())
        {
            exchange.tail_ended(turn.stamp.at, turn.context, turn.sink);
        }
        self.client_end.get_or_insert(end);
        if end == StreamEnd::Broken {
            self.client_end = Some(end);
        }
    }

    /// The client has waited for something that did not come.
    fn client_gives_up(&mut self, turn: &mut Turn<'_>) {
        let Some(exchange) = self.exchanges.front_mut() else { return };
        if exchange.status.is_none() {
            if let Some(finding) = timing::no_head(exchange, turn.context.settings.thresholds, turn.stamp.at) {
                exchange.report(finding, turn.sink);
            }
        } else if matches!(self.daemon, Daemon::Body { .. }) && exchange.is_call("ContainerWait") {
            exchange.tail_ended(turn.stamp.at, turn.context, turn.sink);
        }
    }
}

/// A request body without its secrets, which it is judged and remembered by; the framing, and with it what is secret, is not known better by then.
fn masked(exchange: &Exchange, body: Bytes) -> Bytes {
    let version = exchange.version().filter(|version| version.is_known()).unwrap_or(ApiVersion::NEWEST);
    let schema = exchange.operation.and_then(|operation| operation.contract(version).request.schema.as_ref());
    match (exchange.redactor(), schema.map(Schema::secrets)) {
        (Some(redactor), Some(place)) if place.is_marked() => redactor.masked_document(&body, place),
        _ => body,
    }
}

/// `Tty` and `Detach` of a request body: by what later answers are judged.
fn read_facts(exchange: &mut Exchange) {
    let Some(body) = exchange
        .facts
        .body
        .as_ref()
        .filter(|_| exchange.operation.is_some_and(|op| matches!(op.id(), "ContainerCreate" | "ContainerExec" | "ExecStart")))
    else {
        return;
    };
    if let Ok(document) = serde_json::from_slice::<Value>(body) {
        let flag = |name: &str| document.get(name).and_then(Value::as_bool).unwrap_or_default();
        (exchange.facts.tty, exchange.facts.detach) = (flag("Tty"), flag("Detach"));
        exchange.facts.wish = Wish::of_create(&document);
        exchange.facts.streams = Some(Streams::of_exec(&document));
    }
}
