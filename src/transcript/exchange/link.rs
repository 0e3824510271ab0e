//! One connection of a recording: where its requests and answers end.

use std::collections::VecDeque;
use std::mem;

use bytes::Bytes;

use super::{Call, Exchange, Message, Piece};
use crate::model::{ApiVersion, Side};
use crate::transcript::What;
use crate::wire::{BodyDecoder, BodyItem, BodyLength, Head, HeadRead, HeadReader};

#[derive(Debug)]
pub(super) struct Link {
    connection: u64,
    announced: Option<ApiVersion>,
    /// Exchanges that are not answered yet, the oldest first.
    open: VecDeque<Exchange>,
    /// The last one that is complete: an end of the connection would belong to it.
    last: Option<Exchange>,
    count: u64,
    client: Reading,
    daemon: Reading,
    /// What the client sent before it was known whether the request before it hands over the connection.
    limbo: Vec<Piece>,
    /// Pieces of the head that is being read.
    begun: Vec<Piece>,
    ended: [bool; 2],
    strays: u64,
}

/// What the next byte of a side belongs to.
#[derive(Debug)]
enum Reading {
    Head(HeadReader),
    Body(BodyDecoder),
    /// Not known before the answer.
    Limbo,
    Tail,
    /// It cannot be followed any more.
    Lost,
}

impl Link {
    pub(super) fn new(connection: u64, announced: Option<ApiVersion>) -> Self {
        Self {
            connection,
            announced,
            open: VecDeque::new(),
            last: None,
            count: 0,
            client: Reading::Head(HeadReader::new(Side::Client)),
            daemon: Reading::Head(HeadReader::new(Side::Daemon)),
            limbo: Vec::new(),
            begun: Vec::new(),
            ended: [false; 2],
            strays: 0,
        }
    }

    /// Whether only a complete exchange is held.
    pub(super) fn waits(&self) -> bool {
        self.last.is_some() && self.open.is_empty()
    }

    pub(super) fn wait_no_more(&mut self, sink: &mut dyn FnMut(Exchange)) {
        if self.open.is_empty() {
            self.last.take().into_iter().for_each(sink);
        }
    }

    pub(super) const fn is_over(&self) -> bool {
        self.ended[0] && self.ended[1]
    }

    pub(super) fn held(&self) -> usize {
        self.open.iter().chain(&self.last).map(Exchange::size).sum::<usize>()
    }

    /// Gives what is left, and says how many pieces belong to no exchange.
    pub(super) fn finish(mut self, sink: &mut dyn FnMut(Exchange)) -> u64 {
        for piece in mem::take(&mut self.limbo) {
            self.keep(piece);
        }
        for piece in mem::take(&mut self.begun) {
            self.keep(piece);
        }
        for mut exchange in self.last.take().into_iter().chain(mem::take(&mut self.open)) {
            exchange.events.sort_by_key(|piece| piece.order);
            sink(exchange);
        }
        self.strays
    }

    pub(super) fn see(&mut self, piece: Piece, sink: &mut dyn FnMut(Exchange)) {
        match (&piece.what, piece.side) {
            (What::Bytes(_), Side::Client) => self.client_sends(piece, sink),
            (What::Bytes(_), Side::Daemon) => self.daemon_sends(piece, sink),
            (_, side) => self.end(piece, side),
        }
    }

    fn end(&mut self, mut piece: Piece, side: Side) {
        self.ended[side as usize] = true;
        if side == Side::Client && matches!(self.client, Reading::Limbo) {
            self.limbo.push(piece);
            return;
        }
        piece.is_tail = matches!(if side == Side::Client { &self.client } else { &self.daemon }, Reading::Tail);
        if side == Side::Daemon
            && matches!(&self.daemon, Reading::Body(body) if body.completes_at_close())
            && let Some(response) = self.open.front_mut().and_then(|front| front.response.as_mut())
        {
            response.is_complete = true;
        }
        self.keep(piece);
    }

    /// A piece of the exchange that is under way, else of the last one.
    fn keep(&mut self, piece: Piece) {
        match self.open.back_mut().or(self.last.as_mut()) {
            Some(exchange) => exchange.add(piece),
            None => self.strays += 1,
        }
    }

    fn client_sends(&mut self, mut piece: Piece, sink: &mut dyn FnMut(Exchange)) {
        let What::Bytes(mut bytes) = mem::replace(&mut piece.what, What::Closed) else { return };
        while !bytes.is_empty() {
            let before = bytes.clone();
            let of = |bytes: &Bytes| Piece { what: What::Bytes(before.slice(..before.len() - bytes.len())), ..piece.clone() };
            match &mut self.client {
                Reading::Head(reader) => match reader.push(&mut bytes) {
                    HeadRead::Incomplete => self.begun.push(of(&bytes)),
                    HeadRead::Complete(head, _) => {
                        let piece = of(&bytes);
                        self.begun.push(piece);
                        self.begin(head, sink);
                    }
                    HeadRead::Lost(_) => {
                        bytes.clear();
                        self.begun.push(of(&bytes));
                        self.client = Reading::Lost;
                    }
                },
                Reading::Body(body) => {
                    let Some(exchange) = self.open.back_mut() else {
                        self.client = Reading::Lost;
                        continue;
                    };
                    let (complete, lost) = read_body(body, &mut bytes, &mut exchange.request);
                    exchange.add(of(&bytes));
                    if complete {
                        self.asked(sink);
                    } else if lost {
                        self.client = Reading::Lost;
                    }
                }
                Reading::Limbo => {
                    bytes.clear();
                    self.limbo.push(of(&bytes));
                }
                Reading::Tail => {
                    bytes.clear();
                    let piece = Piece { is_tail: true, ..of(&bytes) };
                    self.keep(piece);
                }
                Reading::Lost => {
                    bytes.clear();
                    let piece = of(&bytes);
                    self.keep(piece);
                }
            }
        }
    }

    /// A request's head is complete.
    fn begin(&mut self, head: Head, sink: &mut dyn FnMut(Exchange)) {
        self.last.take().into_iter().for_each(&mut *sink);
        self.count += 1;
        let length = BodyLength::of_request(&head, &mut Vec::new());
        let chunks = (length == BodyLength::Chunked).then(Vec::new);
        let (body, done) = BodyDecoder::new(length);
        let call = Call::of(&head);
        let request = Message { head, body: Vec::new(), chunks, is_complete: done };
        self.open.push_back(Exchange {
            connection: self.connection,
            number: self.count,
            request,
            call,
            response: None,
            hijacked: false,
            events: mem::take(&mut self.begun),
        });
        self.client = Reading::Body(body);
        if done {
            self.asked(sink);
        }
    }

    /// A request is complete.
    fn asked(&mut self, sink: &mut dyn FnMut(Exchange)) {
        let Some(exchange) = self.open.back_mut() else { return };
        exchange.request.is_complete = true;
        let undecided = exchange.response.is_none() && may_hand_over(exchange, self.announced);
        self.client = if undecided { Reading::Limbo } else { Reading::Head(HeadReader::new(Side::Client)) };
        self.close_front(sink);
    }

    fn daemon_sends(&mut self, mut piece: Piece, sink: &mut dyn FnMut(Exchange)) {
        let What::Bytes(mut bytes) = mem::replace(&mut piece.what, What::Closed) else { return };
        while !bytes.is_empty() {
            let before = bytes.clone();
            let of = |bytes: &Bytes, is_tail: bool| Piece {
                what: What::Bytes(before.slice(..before.len() - bytes.len())),
                is_tail,
                ..piece.clone()
            };
            let Some(front) = self.open.front_mut() else {
                // An answer to nothing.
                bytes.clear();
                self.strays += 1;
                self.daemon = Reading::Lost;
                return;
            };
            match &mut self.daemon {
                Reading::Head(reader) => match reader.push(&mut bytes) {
                    HeadRead::Incomplete => front.add(of(&bytes, false)),
                    HeadRead::Complete(head, _) => {
                        front.add(of(&bytes, false));
                        self.answer(head, sink);
                    }
                    HeadRead::Lost(_) => {
                        bytes.clear();
                        front.add(of(&bytes, false));
                        self.daemon = Reading::Lost;
                    }
                },
                Reading::Body(body) => {
                    let Some(response) = &mut front.response else {
                        self.daemon = Reading::Lost;
                        continue;
                    };
                    let (complete, lost) = read_body(body, &mut bytes, response);
                    response.is_complete = complete;
                    front.add(of(&bytes, false));
                    if complete {
                        self.answered(sink);
                    } else if lost {
                        self.daemon = Reading::Lost;
                    }
                }
                Reading::Tail | Reading::Limbo => {
                    bytes.clear();
                    front.add(of(&bytes, true));
                }
                Reading::Lost => {
                    bytes.clear();
                    front.add(of(&bytes, false));
                }
            }
        }
    }

    /// An answer's head is complete.
    fn answer(&mut self, head: Head, sink: &mut dyn FnMut(Exchange)) {
        let Some(front) = self.open.front_mut() else { return };
        let status = head.status().unwrap_or_default();
        if status != 101 && (100..200).contains(&status) {
            self.daemon = Reading::Head(HeadReader::new(Side::Daemon));
            return;
        }
        let hijacked = hands_over(front, &head, self.announced);
        let length = BodyLength::of_response(&head, front.request.head.method(), &mut Vec::new());
        let chunks = (length == BodyLength::Chunked).then(Vec::new);
        let (body, done) = BodyDecoder::new(length);
        front.response = Some(Message { head, body: Vec::new(), chunks, is_complete: done || hijacked });
        front.hijacked = hijacked;
        if hijacked {
            self.daemon = Reading::Tail;
            self.client = Reading::Tail;
            let limbo = mem::take(&mut self.limbo).into_iter();
            front.events.extend(limbo.map(|piece| Piece { is_tail: true, ..piece }));
            front.events.sort_by_key(|piece| piece.order);
            return;
        }
        self.daemon = Reading::Body(body);
        if matches!(self.client, Reading::Limbo) && self.open.len() == 1 {
            self.client = Reading::Head(HeadReader::new(Side::Client));
        }
        if done {
            self.answered(sink);
        }
        // What was in limbo is the next request.
        if !matches!(self.client, Reading::Limbo) {
            for piece in mem::take(&mut self.limbo) {
                self.see(piece, sink);
            }
        }
    }

    /// An answer is complete.
    fn answered(&mut self, sink: &mut dyn FnMut(Exchange)) {
        self.daemon = Reading::Head(HeadReader::new(Side::Daemon));
        self.close_front(sink);
    }

    /// The oldest exchange is over when both its sides are.
    fn close_front(&mut self, sink: &mut dyn FnMut(Exchange)) {
        let complete = |message: &Message| message.is_complete;
        let over = |front: &Exchange| front.request.is_complete && !front.hijacked && front.response.as_ref().is_some_and(complete);
        if self.open.front().is_some_and(over)
            && let Some(exchange) = self.open.pop_front()
            && let Some(before) = self.last.replace(exchange)
        {
            sink(before);
        }
    }
}

/// Takes what belongs to the body. Whether it is complete, and whether the rest cannot be read.
fn read_body(body: &mut BodyDecoder, bytes: &mut Bytes, message: &mut Message) -> (bool, bool) {
    let mut lost = false;
    while !body.is_complete()
        && let Some(item) = body.next(bytes)
    {
        match item {
            BodyItem::Data(data) => {
                message.body.extend_from_slice(&data);
                if let Some(chunks) = &mut message.chunks {
                    chunks.push(data.len());
                }
            }
            BodyItem::ChunkEnd => {}
            BodyItem::End => break,
            BodyItem::Flaw(_) | BodyItem::Lost => {
                lost = true;
                bytes.clear();
            }
        }
    }
    (body.is_complete(), lost)
}

/// Whether an answer to this request could hand over the connection.
fn may_hand_over(exchange: &Exchange, announced: Option<ApiVersion>) -> bool {
    exchange.request.head.value("Upgrade").is_some() || hijacks(exchange, announced)
}

/// Whether this answer does: 101, or 200 without a length where the operation says so.
fn hands_over(exchange: &Exchange, head: &Head, announced: Option<ApiVersion>) -> bool {
    let bounded = head.value("Content-Length").is_some() || head.value("Transfer-Encoding").is_some();
    match head.status() {
        Some(101) => true,
        Some(200) => !bounded && hijacks(exchange, announced),
        _ => false,
    }
}

fn hijacks(exchange: &Exchange, announced: Option<ApiVersion>) -> bool {
    let version = exchange.call.version.or(announced).filter(|version| version.is_known()).unwrap_or(ApiVersion::NEWEST);
    exchange.call.operation().is_some_and(|operation| operation.contract(version).hijacks)
}
