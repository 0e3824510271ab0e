//! The daemon's direction: answers, paired with their requests, and raw bytes after a hijack.

use bytes::{Buf as _, Bytes};

use super::super::content::Content;
use super::super::exchange::Noting;
use super::super::finding::Finding;
use super::super::{Look, relation, response};
use super::answer::{announce, is_version_call, late_version};
use super::unexpected::UNEXPECTED_SHOWN;
use super::{Client, Connection, Daemon, Turn};
use crate::catalog::Framing;
use crate::model::{Part, Place, Reason, Rule, Side, Violation};
use crate::wire::{BodyItem, Flaw, HeadRead, HeadReader, StreamEnd};

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

    fn response_lost(&mut self, flaw: Flaw, turn: &mut Turn<'_>) {
        let flaw = turn.masked_flaw(flaw);
        self.daemon = Daemon::Lost;
        if let Some(exchange) = self.exchanges.iter_mut().find(|exchange| exchange.status.is_none()) {
            exchange.report(Finding::of_head(flaw, Side::Daemon), turn.sink);
            exchange.give_up(Reason::LostTrack);
        }
    }

    /// From here on both directions are raw.
    pub(super) fn hand_over(&mut self, daemon: Content, client: Content, stdin: bool, turn: &mut Turn<'_>) {
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
    pub(super) fn release_limbo(&mut self, turn: &mut Turn<'_>) {
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
    pub(super) fn response_ends(&mut self, end: Option<StreamEnd>, turn: &mut Turn<'_>) {
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
