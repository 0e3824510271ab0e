//! One connection of a recording: follows the heads and bodies of both sides, and says which bytes are masked, and how far that is decided.
//!
//! It reads as the judge does, and where the judge gives up, nobody reads on: what follows is masked by its shape.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};
use percent_encoding::percent_decode;

use super::body::BodyMask;
use super::{Masks, Redactor};
use crate::catalog::{Catalog, Contract, Framing, Lookup, ResponseContract};
use crate::model::{ApiVersion, Side};
use crate::wire::{BodyDecoder, BodyItem, BodyLength, Head, HeadRead, HeadReader, StartLine};

/// A client and its daemon.
#[derive(Debug)]
pub(super) struct Conversation {
    client: Way,
    daemon: Way,
    /// Requests whose answers are not complete.
    calls: VecDeque<Call>,
}

#[derive(Debug)]
struct Call {
    method: Vec<u8>,
    contract: Option<&'static Contract>,
    /// What its bodies may hold: of an operation that the version does not have, what newer ones have.
    bodies: Option<&'static Contract>,
    /// The peers may talk on after the answer's head.
    may_hijack: bool,
    answered: bool,
}

/// One direction.
#[derive(Debug)]
struct Way {
    side: Side,
    state: State,
    /// Bytes taken.
    offset: u64,
    masks: Masks,
}

#[derive(Debug)]
enum State {
    Head {
        reader: HeadReader,
        /// What was read of it.
        held: BytesMut,
        from: u64,
    },
    Body {
        decoder: BodyDecoder,
        mask: BodyMask,
        /// Where the bytes begin that are the coding's: behind the last data.
        coding: u64,
    },
    /// Stdin or the next request: the answer decides.
    Limbo { held: Vec<Bytes>, from: u64 },
    /// What the peers say after a hijack.
    Open,
    /// What nobody can read.
    Hidden,
}

impl Way {
    fn new(side: Side) -> Self {
        Self { side, state: State::head(side, 0), offset: 0, masks: Masks::default() }
    }

    fn undecided(&self) -> u64 {
        match &self.state {
            State::Head { held, from, .. } if !held.is_empty() => *from,
            State::Limbo { from, .. } => *from,
            State::Body { decoder, mask, .. } => mask.undecided().unwrap_or(self.offset - decoder.undecided() as u64),
            _ => self.offset,
        }
    }
}

impl State {
    fn head(side: Side, from: u64) -> Self {
        Self::Head { reader: HeadReader::new(side), held: BytesMut::new(), from }
    }
}

impl Conversation {
    pub(super) fn new() -> Self {
        Self { client: Way::new(Side::Client), daemon: Way::new(Side::Daemon), calls: VecDeque::new() }
    }

    /// Takes what a side sent.
    pub(super) fn push(&mut self, side: Side, bytes: &Bytes, catalog: &'static Catalog, redactor: Redactor<'_>) {
        let mut input = bytes.clone();
        while !input.is_empty() {
            match side {
                Side::Client => self.client_step(&mut input, catalog, redactor),
                Side::Daemon => self.daemon_step(&mut input, redactor),
            }
        }
    }

    /// What lies before this position of a side is decided.
    pub(super) fn decided(&self, side: Side) -> u64 {
        self.way(side).undecided()
    }

    /// What is to be masked, since the last call.
    pub(super) fn take_masks(&mut self, side: Side) -> Masks {
        std::mem::take(&mut self.way_mut(side).masks)
    }

    /// A side has ended.
    pub(super) fn end(&mut self, side: Side, redactor: Redactor<'_>) {
        if side == Side::Daemon {
            self.decide(Side::Daemon, redactor);
            self.decide(Side::Client, redactor);
        } else if !matches!(self.client.state, State::Limbo { .. }) {
            self.decide(Side::Client, redactor);
        }
    }

    /// Decides all that was taken of a side: nothing is waited for any longer.
    pub(super) fn decide(&mut self, side: Side, redactor: Redactor<'_>) {
        let way = self.way_mut(side);
        let offset = way.offset;
        match &mut way.state {
            State::Head { held, from, .. } if !held.is_empty() => {
                redactor.head(held);
                way.masks.put(*from, held);
                way.state = State::Hidden;
            }
            State::Limbo { from, .. } => {
                way.masks.shape(*from, offset);
                way.state = State::Hidden;
            }
            State::Body { decoder, mask, .. } => {
                mask.decide(redactor, &mut way.masks);
                // Half a line of the coding is shown as what it may be.
                way.masks.shape(offset - decoder.undecided() as u64, offset);
            }
            _ => {}
        }
    }

    const fn way(&self, side: Side) -> &Way {
        match side {
            Side::Client => &self.client,
            Side::Daemon => &self.daemon,
        }
    }

    const fn way_mut(&mut self, side: Side) -> &mut Way {
        match side {
            Side::Client => &mut self.client,
            Side::Daemon => &mut self.daemon,
        }
    }

    fn client_step(&mut self, input: &mut Bytes, catalog: &'static Catalog, redactor: Redactor<'_>) {
        match &mut self.client.state {
            State::Head { .. } => {
                if let Some(head) = self.client.head(input, redactor) {
                    self.request(&head, catalog, redactor);
                }
            }
            State::Body { .. } => {
                if self.client.body(input, redactor) {
                    self.request_ends();
                }
            }
            State::Limbo { held, .. } => {
                self.client.offset += input.len() as u64;
                held.push(std::mem::take(input));
            }
            State::Open => self.client.pass(input),
            State::Hidden => self.client.hide(input),
        }
    }

    fn request(&mut self, head: &Head, catalog: &'static Catalog, redactor: Redactor<'_>) {
        let length = BodyLength::of_request(head, &mut Vec::new());
        if head.start_line() == StartLine::Unreadable || length == BodyLength::Unknown {
            self.client.state = State::Hidden;
            self.calls.push_back(Call { method: Vec::new(), contract: None, bodies: None, may_hijack: false, answered: false });
            return;
        }
        let (contract, bodies) = contracts(head, catalog);
        let may_hijack = contract.is_some_and(|contract| contract.hijacks) || head.value("Upgrade").is_some();
        self.calls.push_back(Call { method: head.method().to_vec(), contract, bodies, may_hijack, answered: false });
        let mask = BodyMask::of(bodies.map(|contract| &contract.request), head);
        if self.client.begin_body(length, mask, redactor) {
            self.request_ends();
        }
    }

    fn request_ends(&mut self) {
        let limbo = self.calls.back().is_some_and(|call| !call.answered && call.may_hijack);
        let from = self.client.offset;
        self.client.state = if limbo { State::Limbo { held: Vec::new(), from } } else { State::head(Side::Client, from) };
    }

    fn daemon_step(&mut self, input: &mut Bytes, redactor: Redactor<'_>) {
        match &mut self.daemon.state {
            State::Head { held, .. } => {
                if held.is_empty() && self.calls.iter().all(|call| call.answered) && !self.answers_half_a_head(redactor) {
                    self.daemon.state = State::Hidden;
                    return;
                }
                if let Some(head) = self.daemon.head(input, redactor) {
                    self.answer(&head, redactor);
                }
            }
            State::Body { .. } => {
                if self.daemon.body(input, redactor) {
                    self.answer_ends();
                }
            }
            State::Open => self.daemon.pass(input),
            State::Hidden | State::Limbo { .. } => self.daemon.hide(input),
        }
    }

    /// An answer while the client's head is incomplete answers that head.
    fn answers_half_a_head(&mut self, redactor: Redactor<'_>) -> bool {
        let half = matches!(&self.client.state, State::Head { held, .. } if !held.is_empty());
        if half {
            self.decide(Side::Client, redactor);
            self.calls.push_back(Call { method: Vec::new(), contract: None, bodies: None, may_hijack: false, answered: false });
        }
        half
    }

    fn answer(&mut self, head: &Head, redactor: Redactor<'_>) {
        let Some(call) = self.calls.iter_mut().find(|call| !call.answered) else { return };
        let Some(status) = head.status() else {
            self.daemon.state = State::Hidden;
            return;
        };
        // RFC 9110 section 15.2.
        if matches!(status, 100..=199) && status != 101 {
            self.daemon.state = State::head(Side::Daemon, self.daemon.offset);
            return;
        }
        call.answered = true;
        let response = call.contract.and_then(|contract| contract.responses.get(&status));
        if hands_over(head, status, response) {
            // gRPC of BuildKit: credentials and secrets among it.
            let opaque = response.is_some_and(|response| response.body.framing == Framing::Opaque);
            let state = || if opaque { State::Hidden } else { State::Open };
            self.daemon.state = state();
            match std::mem::replace(&mut self.client.state, state()) {
                State::Limbo { from, .. } if opaque => self.client.masks.shape(from, self.client.offset),
                State::Hidden => self.client.state = State::Hidden,
                _ => {}
            }
            return;
        }
        let length = BodyLength::of_response(head, &call.method, &mut Vec::new());
        let body = call.bodies.and_then(|contract| contract.responses.get(&status));
        let mask = BodyMask::of(body.map(|response| &response.body), head);
        if length == BodyLength::Unknown {
            self.daemon.state = State::Hidden;
        } else if self.daemon.begin_body(length, mask, redactor) {
            self.answer_ends();
        }
    }

    fn answer_ends(&mut self) {
        self.daemon.state = State::head(Side::Daemon, self.daemon.offset);
        self.calls.pop_front();
    }

    /// The connection was not handed over: what waited is the next request.
    pub(super) fn release_limbo(&mut self, catalog: &'static Catalog, redactor: Redactor<'_>) {
        if self.calls.back().is_some_and(|call| !call.answered) || !matches!(self.client.state, State::Limbo { .. }) {
            return;
        }
        let State::Limbo { held, from } = std::mem::replace(&mut self.client.state, State::Hidden) else { return };
        self.client.state = State::head(Side::Client, from);
        self.client.offset = from;
        for bytes in held {
            self.push(Side::Client, &bytes, catalog, redactor);
        }
    }
}

impl Way {
    /// Takes bytes of a head; gives it when it is complete, masked.
    fn head(&mut self, input: &mut Bytes, redactor: Redactor<'_>) -> Option<Head> {
        let State::Head { reader, held, from } = &mut self.state else { return None };
        let whole = input.clone();
        let read = reader.push(input);
        let taken = &whole[..whole.len() - input.len()];
        self.offset += taken.len() as u64;
        match read {
            HeadRead::Incomplete => {
                held.extend_from_slice(taken);
                None
            }
            HeadRead::Complete(head, flaws) => {
                let masked = redactor.masked_head(self.side, head.clone(), flaws).0;
                if masked.bytes() != head.bytes() {
                    self.masks.put(*from, masked.bytes());
                }
                Some(head)
            }
            HeadRead::Lost(_) => {
                held.extend_from_slice(taken);
                redactor.head(held);
                self.masks.put(*from, held);
                self.state = State::Hidden;
                None
            }
        }
    }

    /// Whether the body is complete already.
    fn begin_body(&mut self, length: BodyLength, mask: BodyMask, redactor: Redactor<'_>) -> bool {
        let (decoder, ended) = BodyDecoder::new(length);
        self.state = State::Body { decoder, mask, coding: self.offset };
        ended && self.end_body(redactor)
    }

    /// Takes bytes of a body; whether it is complete.
    fn body(&mut self, input: &mut Bytes, redactor: Redactor<'_>) -> bool {
        let State::Body { decoder, mask, coding } = &mut self.state else { return false };
        let before = input.len();
        let item = decoder.next(input);
        self.offset += (before - input.len()) as u64;
        match item {
            Some(BodyItem::Data(data)) => {
                mask.push(&data, self.offset - data.len() as u64, redactor, &mut self.masks);
                *coding = self.offset;
            }
            Some(BodyItem::Flaw(_) | BodyItem::Lost) => {
                mask.finish(redactor, &mut self.masks);
                // What is no line of the coding is a piece of the body.
                self.masks.shape(*coding, self.offset);
                self.state = State::Hidden;
                return false;
            }
            Some(BodyItem::ChunkEnd | BodyItem::End) | None => {}
        }
        decoder.is_complete() && self.end_body(redactor)
    }

    fn end_body(&mut self, redactor: Redactor<'_>) -> bool {
        if let State::Body { mask, .. } = &mut self.state {
            mask.finish(redactor, &mut self.masks);
        }
        true
    }

    fn pass(&mut self, input: &mut Bytes) {
        self.offset += input.len() as u64;
        input.clear();
    }

    fn hide(&mut self, input: &mut Bytes) {
        let from = self.offset;
        self.pass(input);
        self.masks.shape(from, self.offset);
    }
}

/// As the judge has it: `inspect/hijack.rs`.
fn hands_over(head: &Head, status: u16, response: Option<&ResponseContract>) -> bool {
    let bounded = head.value("Content-Length").is_some() || head.value("Transfer-Encoding").is_some();
    status == 101 || (status == 200 && !bounded && response.is_some_and(|response| response.hijack))
}

/// The contract of a request, at the newest version where the path names none; and the one that its bodies are masked by.
fn contracts(head: &Head, catalog: &'static Catalog) -> (Option<&'static Contract>, Option<&'static Contract>) {
    let target = head.target();
    let authority = target.windows(3).position(|window| window == b"://").filter(|_| target[0] != b'/');
    let target = authority.map_or(target, |at| {
        let rest = &target[at + 3..];
        memchr::memchr(b'/', rest).map_or(&b"/"[..], |slash| &rest[slash..])
    });
    let path = &target[..memchr::memchr(b'?', target).unwrap_or(target.len())];
    let path = percent_decode(path).decode_utf8_lossy().into_owned();
    let versioned = path.strip_prefix("/v").and_then(|rest| {
        let (version, rest) = rest.split_once('/')?;
        let is_version = !version.is_empty() && version.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        is_version.then(|| (version.parse::<ApiVersion>().ok(), format!("/{rest}")))
    });
    let (version, path) = versioned.unwrap_or((None, path));
    let method = std::str::from_utf8(head.method()).unwrap_or_default();
    let version = version.filter(|version| version.is_known());
    let at = |version: Option<ApiVersion>| match catalog.lookup(method, &path, version) {
        Lookup::Operation(operation) => Some(operation.contract(version.unwrap_or(ApiVersion::NEWEST))),
        _ => None,
    };
    let contract = at(version);
    (contract, contract.or_else(|| at(None)))
}
