//! What a live daemon answers on one connection, told apart by exchange.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::model::Side;
use crate::transcript::Exchange;
use crate::wire::{BodyDecoder, BodyItem, BodyLength, HeadRead, HeadReader};

/// Of an answer no more is kept to learn ids from.
const BODY_LIMIT: usize = 8 << 20;

/// The answers that are due, in the order of their requests.
#[derive(Debug, Default)]
pub(super) struct Answers {
    expected: VecDeque<Expected>,
    reading: Option<Reading>,
}

#[derive(Debug)]
struct Expected {
    index: usize,
    method: Vec<u8>,
    hijacked: bool,
}

#[derive(Debug)]
enum Reading {
    Head(HeadReader),
    Body(BodyDecoder, Vec<u8>),
    /// Until the end: a raw tail, or what cannot be followed.
    Rest,
}

/// Takes the exchange, bytes of its answer, and with the last of them the answer's body.
pub(super) type Sink<'a> = dyn FnMut(usize, usize, Option<&[u8]>) + 'a;

impl Answers {
    /// A request is about to be sent.
    pub(super) fn expect(&mut self, index: usize, exchange: &Exchange) {
        self.expected.push_back(Expected { index, method: exchange.request.head.method().to_vec(), hijacked: exchange.hijacked });
    }

    /// Takes what was read.
    pub(super) fn push(&mut self, mut bytes: Bytes, sink: &mut Sink<'_>) {
        while !bytes.is_empty() {
            // What comes unasked belongs to nothing.
            let Some(front) = self.expected.front() else { return };
            let index = front.index;
            let before = bytes.len();
            match self.reading.get_or_insert_with(|| Reading::Head(HeadReader::new(Side::Daemon))) {
                Reading::Head(reader) => {
                    let read = reader.push(&mut bytes);
                    let count = before - bytes.len();
                    match read {
                        HeadRead::Incomplete => sink(index, count, None),
                        HeadRead::Lost(_) => self.reading = Some(Reading::Rest),
                        HeadRead::Complete(head, _) => {
                            let status = head.status().unwrap_or_default();
                            if status != 101 && (100..200).contains(&status) {
                                self.reading = None;
                                continue;
                            }
                            let bounded = head.value("Content-Length").is_some() || head.value("Transfer-Encoding").is_some();
                            if status == 101 || (status == 200 && front.hijacked && !bounded) {
                                self.reading = Some(Reading::Rest);
                                sink(index, count, None);
                                continue;
                            }
                            let (body, done) = BodyDecoder::new(BodyLength::of_response(&head, &front.method, &mut Vec::new()));
                            if done {
                                self.next();
                                sink(index, count, Some(b""));
                            } else {
                                self.reading = Some(Reading::Body(body, Vec::new()));
                                sink(index, count, None);
                            }
                        }
                    }
                }
                Reading::Body(body, held) => {
                    while !body.is_complete()
                        && let Some(item) = body.next(&mut bytes)
                    {
                        match item {
                            BodyItem::Data(data) if held.len() + data.len() <= BODY_LIMIT => held.extend_from_slice(&data),
                            BodyItem::Data(_) | BodyItem::ChunkEnd => {}
                            BodyItem::End => break,
                            BodyItem::Flaw(_) | BodyItem::Lost => bytes.clear(),
                        }
                    }
                    let complete = body.is_complete();
                    let held = if complete { std::mem::take(held) } else { Vec::new() };
                    if complete {
                        self.next();
                    }
                    sink(index, before - bytes.len(), complete.then_some(&held));
                }
                Reading::Rest => {
                    bytes.clear();
                    sink(index, before, None);
                }
            }
        }
    }

    fn next(&mut self) {
        self.expected.pop_front();
        self.reading = None;
    }
}
