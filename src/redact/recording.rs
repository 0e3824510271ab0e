//! Masks a recording as it is made: events go in and come out in the same order, with the same cuts and times, and no secret in them.
//!
//! An event waits while a secret in it is not complete, and with it those behind it, up to a limit: beyond it the secret is masked without an alias.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use super::conversation::Conversation;
use super::{Aliases, Redactor, shape};
use crate::catalog::Catalog;
use crate::model::Side;

/// So much waits for the end of a secret or head, at most.
const BYTES: usize = 4 << 20;
/// So many events.
const EVENTS: usize = 4096;

/// An event of a recording: which connection and side, the bytes (`None`: its end), and what the recorder wants back with it.
pub type Event<T> = (u64, Side, Option<Bytes>, T);

/// Masks the events of a recording.
#[derive(Debug)]
pub struct Redaction<T> {
    aliases: Arc<Aliases>,
    catalog: &'static Catalog,
    conversations: BTreeMap<u64, Conversation>,
    waiting: VecDeque<Waiting<T>>,
    /// Bytes in `waiting`.
    size: usize,
    /// Bytes seen of each side.
    taken: BTreeMap<(u64, bool), u64>,
    /// Connections that are over.
    gone: Vec<u64>,
}

#[derive(Debug)]
struct Waiting<T> {
    connection: u64,
    side: Side,
    /// Where its bytes begin in their direction.
    from: u64,
    bytes: Option<Bytes>,
    masked: Option<BytesMut>,
    tag: T,
}

/// What is to be masked in one direction.
#[derive(Debug, Default)]
pub(super) struct Masks(Vec<Masked>);

#[derive(Debug)]
enum Masked {
    Bytes(u64, Vec<u8>),
    Shape(u64, u64),
}

impl Masks {
    pub(super) fn put(&mut self, at: u64, bytes: &[u8]) {
        self.0.push(Masked::Bytes(at, bytes.to_vec()));
    }

    pub(super) fn shape(&mut self, from: u64, to: u64) {
        if from < to {
            self.0.push(Masked::Shape(from, to));
        }
    }
}

impl<T> Redaction<T> {
    /// For a recording of what this catalogue describes.
    #[must_use]
    pub fn new(aliases: Arc<Aliases>, catalog: &'static Catalog) -> Self {
        Self {
            aliases,
            catalog,
            conversations: BTreeMap::new(),
            waiting: VecDeque::new(),
            size: 0,
            taken: BTreeMap::new(),
            gone: Vec::new(),
        }
    }

    /// Takes an event, and gives to `out` those that are decided.
    pub fn push(&mut self, event: Event<T>, out: &mut dyn FnMut(Event<T>)) {
        let (connection, side, bytes, tag) = event;
        let conversation = self.conversations.entry(connection).or_insert_with(Conversation::new);
        let redactor = Redactor { aliases: &self.aliases, names: self.catalog.secret_names() };
        let taken = self.taken.entry((connection, side == Side::Client)).or_default();
        let from = *taken;
        self.size += bytes.as_ref().map_or(0, Bytes::len);
        match &bytes {
            Some(bytes) => {
                *taken += bytes.len() as u64;
                conversation.push(side, bytes, self.catalog, redactor);
                conversation.release_limbo(self.catalog, redactor);
            }
            None => conversation.end(side, redactor),
        }
        self.waiting.push_back(Waiting { connection, side, from, bytes, masked: None, tag });
        self.mask(connection);
        self.give(out);
        while self.size > BYTES || self.waiting.len() > EVENTS {
            let Some((connection, side)) = self.waiting.front().map(|first| (first.connection, first.side)) else { break };
            if let Some(conversation) = self.conversations.get_mut(&connection) {
                let redactor = Redactor { aliases: &self.aliases, names: self.catalog.secret_names() };
                conversation.decide(side, redactor);
            }
            self.mask(connection);
            let before = self.waiting.len();
            self.give(out);
            if self.waiting.len() == before {
                // Half a line of the chunked coding: its shape is all that is left of it.
                self.give_first(out);
            }
        }
    }

    /// A connection is gone.
    pub fn forget(&mut self, connection: u64, out: &mut dyn FnMut(Event<T>)) {
        self.decide(connection);
        self.give(out);
        self.gone.push(connection);
        // Its events may still wait behind another's.
        let Self { gone, waiting, conversations, taken, .. } = self;
        gone.retain(|connection| {
            let waits = waiting.iter().any(|event| event.connection == *connection);
            if !waits {
                conversations.remove(connection);
                taken.retain(|(other, _), _| other != connection);
            }
            waits
        });
    }

    /// The run is over: gives all that still waits.
    pub fn finish(&mut self, out: &mut dyn FnMut(Event<T>)) {
        for connection in self.conversations.keys().copied().collect::<Vec<_>>() {
            self.decide(connection);
        }
        self.give(out);
    }

    fn decide(&mut self, connection: u64) {
        if let Some(conversation) = self.conversations.get_mut(&connection) {
            let redactor = Redactor { aliases: &self.aliases, names: self.catalog.secret_names() };
            conversation.decide(Side::Daemon, redactor);
            conversation.decide(Side::Client, redactor);
            self.mask(connection);
        }
    }

    /// Puts the masks of a connection over its events.
    fn mask(&mut self, connection: u64) {
        let Some(conversation) = self.conversations.get_mut(&connection) else { return };
        for side in [Side::Client, Side::Daemon] {
            for mask in conversation.take_masks(side).0 {
                let events = self.waiting.iter_mut().filter(|event| event.connection == connection && event.side == side);
                events.for_each(|event| event.mask(&mask));
            }
        }
    }

    fn give(&mut self, out: &mut dyn FnMut(Event<T>)) {
        while let Some(first) = self.waiting.front() {
            let end = first.from + first.bytes.as_ref().map_or(0, Bytes::len) as u64;
            let decided = self.conversations.get(&first.connection).is_none_or(|conversation| conversation.decided(first.side) >= end);
            if !decided {
                return;
            }
            self.give_first(out);
        }
    }

    fn give_first(&mut self, out: &mut dyn FnMut(Event<T>)) {
        if let Some(Waiting { connection, side, bytes, masked, tag, .. }) = self.waiting.pop_front() {
            self.size -= bytes.as_ref().map_or(0, Bytes::len);
            out((connection, side, masked.map(BytesMut::freeze).or(bytes), tag));
        }
    }
}

impl<T> Waiting<T> {
    fn mask(&mut self, mask: &Masked) {
        let Some(bytes) = &self.bytes else { return };
        let (from, to) = match mask {
            Masked::Bytes(at, bytes) => (*at, at + bytes.len() as u64),
            Masked::Shape(from, to) => (*from, *to),
        };
        let (begin, end) = (from.max(self.from), to.min(self.from + bytes.len() as u64));
        if begin >= end {
            return;
        }
        let place = |at: u64, from: u64| usize::try_from(at - from).unwrap_or(usize::MAX);
        let masked = self.masked.get_or_insert_with(|| BytesMut::from(&bytes[..]));
        let range = &mut masked[place(begin, self.from)..place(end, self.from)];
        match mask {
            Masked::Bytes(at, bytes) => range.copy_from_slice(&bytes[place(begin, *at)..place(end, *at)]),
            Masked::Shape(..) => shape(range),
        }
    }
}
