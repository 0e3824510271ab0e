//! One connection: reads both directions, pairs answers with requests, and follows hijacks.

mod answer;
mod client;
mod daemon;
mod gate;
mod repeat;
mod unexpected;

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;

use super::content::Content;
use super::exchange::{Exchange, RequestState};
use super::{Context, Seen, Settings, Stamp};
use crate::catalog::ResponseContract;
use crate::model::{Call, Event, Side};
use crate::wire::{BodyDecoder, Flaw, Head, HeadReader, StreamEnd};

pub use gate::{Denial, Objection, Ruling};
pub(super) use repeat::Request;

const STOPPED: &str = "the run or recording ended before the exchange did";
const UNANSWERED: &str = "the connection ended without an answer";
const CLIENT_LEFT: &str = "the client left before the end";

/// What a step works with: time and line, what all connections share, and where the events go.
pub(super) struct Turn<'a> {
    pub(super) stamp: Stamp,
    pub(super) context: &'a mut Context,
    pub(super) sink: &'a mut dyn FnMut(Event),
}

impl Turn<'_> {
    /// A head that was read, without its secrets.
    fn masked(&self, side: Side, head: Head, flaws: Vec<Flaw>) -> (Head, Vec<Flaw>) {
        match self.context.settings.redactor() {
            Some(redactor) => redactor.masked_head(side, head, flaws),
            None => (head, flaws),
        }
    }

    /// A flaw of a head that never was whole, without its secrets.
    fn masked_flaw(&self, flaw: Flaw) -> Flaw {
        match self.context.settings.redactor() {
            Some(redactor) => redactor.masked_head_flaw(flaw),
            None => flaw,
        }
    }
}

/// A client connection and the daemon connection that belongs to it.
#[derive(Debug)]
pub(super) struct Connection {
    id: u64,
    /// Under way, oldest first. The client speaks in the last, the daemon in the first that has no answer yet.
    exchanges: VecDeque<Box<Exchange>>,
    count: u64,
    client: Client,
    daemon: Daemon,
    client_end: Option<StreamEnd>,
    daemon_end: Option<StreamEnd>,
    /// The exchange that ended last, and its status.
    last: Option<(Arc<Call>, Option<u16>)>,
    /// What was said last, for when it is said again.
    repeat: repeat::Repeat,
    /// How far bytes may go on, in enforce mode.
    gate: gate::Gate,
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
    Tail(Content),
    Lost,
}

/// Where the daemon's bytes are.
#[derive(Debug)]
enum Daemon {
    Head(HeadReader),
    Body {
        decoder: BodyDecoder,
        content: Content,
        response: Option<&'static ResponseContract>,
        head: Head,
    },
    Tail(Content),
    /// Bytes that belong to no request, until there are enough of them to show.
    Unexpected(Vec<u8>),
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
            last: None,
            repeat: repeat::Repeat::default(),
            gate: gate::Gate::default(),
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.client_end.is_some() && self.daemon_end.is_some()
    }

    pub(super) fn see(&mut self, side: Side, seen: Seen, turn: &mut Turn<'_>) {
        match (side, seen) {
            (Side::Client, Seen::Bytes(bytes)) => self.client_bytes(bytes, turn),
            (Side::Daemon, Seen::Bytes(bytes)) => self.daemon_bytes(bytes, turn),
            (Side::Client, Seen::End(end)) => self.client_ends(end, turn),
            (Side::Daemon, Seen::End(end)) => self.daemon_ends(end, turn),
        }
    }

    /// The connection or the run is over: what is still under way is reported as it stands.
    pub(super) fn finish(mut self, settings: &Settings, sink: &mut dyn FnMut(Event)) {
        self.report_unexpected(settings, sink);
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

    /// Takes leave of the exchanges that are complete in both directions.
    fn drop_finished(&mut self, turn: &mut Turn<'_>) {
        while self.exchanges.front().is_some_and(|exchange| exchange.response_done && exchange.request != RequestState::Open) {
            if let Some(mut exchange) = self.exchanges.pop_front() {
                self.last = Some((exchange.call(), exchange.status));
                self.gate.found = exchange.found.take();
                exchange.finish(None, turn.sink);
            }
        }
    }
}
