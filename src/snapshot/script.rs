//! The client side of a scenario: what is sent, and what is waited for before. It stands in `NAME.wire` beside `NAME.snap`.
//!
//! The file is a transcript like any other. Requests are there with aliases in the places of ids (`<container-1>`), and without credentials. Of the
//! answers only the heads are there, and the ends: they say what the client has seen before it goes on. Of an answer that was still coming when
//! the client did something else, what had come by then is there as well. A transcript with requests alone is a script, too: each of them waits for
//! the whole answer to the one before.

mod make;

use std::collections::BTreeMap;

use bytes::Bytes;

use super::alias;
use super::exchange::{Happening, Reader};
use crate::catalog::{Catalog, Framing};
use crate::model::Side;
use crate::transcript::{Transcript, What};

pub use make::make;

/// One thing that a client does, or waits for. Exchanges are numbered from 0, in the order of their requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Sends bytes on a connection: a request, or what is typed after a hijack.
    Send {
        /// Which.
        connection: u64,
        /// With aliases in them.
        bytes: Bytes,
    },
    /// Closes the sending side of a connection.
    Close {
        /// Which.
        connection: u64,
    },
    /// Waits for the head of an answer.
    Head(usize),
    /// Waits for so much of an answer.
    Part(usize, Amount),
    /// Waits for the end of an answer.
    End(usize),
}

/// How much of an answer has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Amount {
    /// Documents of a stream.
    Documents(usize),
    /// Bytes of output.
    Bytes(u64),
}

/// What a client does in a scenario.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Script {
    /// In order.
    pub steps: Vec<Step>,
    /// How many requests there are.
    pub requests: usize,
}

impl Script {
    /// The script of a transcript: what its client does, and what it has seen before.
    #[must_use]
    pub fn of(transcript: &Transcript, catalog: &'static Catalog) -> Self {
        let mut reader = Reader::of(transcript, catalog);
        let mut steps = Vec::new();
        let (mut requests, mut ended) = (0, Vec::new());
        // Of an answer that is still coming: how many bytes had come, and how many were waited for.
        let mut coming: BTreeMap<usize, Vec<u8>> = BTreeMap::new();
        let is_bare = transcript.is_bare();
        for entry in &transcript.entries {
            if entry.side == Side::Client {
                wait_for_parts(&reader, &mut coming, &mut steps);
                match &entry.what {
                    What::Bytes(bytes) => steps.push(Step::Send { connection: entry.connection, bytes: bytes.clone() }),
                    What::Closed | What::Reset => steps.push(Step::Close { connection: entry.connection }),
                }
            }
            let mut found = Vec::new();
            reader.push(entry, &mut |happening| match happening {
                Happening::Asked(number) => {
                    requests = requests.max(number + 1);
                    if is_bare {
                        found.push(Step::End(number));
                    }
                }
                Happening::Answered(number) => found.push(Step::Head(number)),
                Happening::Received(number, bytes) => coming.entry(number).or_default().extend_from_slice(bytes),
                Happening::Ended(number) => {
                    ended.push(number);
                    found.push(Step::End(number));
                }
                Happening::Typed(..) | Happening::Closed(_) => {}
            });
            for number in ended.drain(..) {
                coming.remove(&number);
            }
            steps.extend(found);
        }
        wait_for_parts(&reader, &mut coming, &mut steps);
        Self { steps, requests }
    }
}

/// Whether a transcript is a script already: with aliases, or with requests alone.
#[must_use]
pub fn is_one(transcript: &Transcript) -> bool {
    let has_alias = |bytes: &Bytes| {
        let mut found = false;
        let text = String::from_utf8_lossy(bytes);
        let _ = alias::rewrite(&text, |token| {
            found |= alias::is_alias(token);
            None
        });
        found
    };
    let mut bytes = transcript.entries.iter().filter(|entry| entry.side == Side::Client).filter_map(|entry| match &entry.what {
        What::Bytes(bytes) => Some(bytes),
        _ => None,
    });
    transcript.is_bare() || bytes.any(has_alias)
}

fn wait_for_parts(reader: &Reader, coming: &mut BTreeMap<usize, Vec<u8>>, steps: &mut Vec<Step>) {
    for (number, bytes) in std::mem::take(coming) {
        let Some(exchange) = reader.get(number) else { continue };
        let all = exchange.answer_body.bytes().unwrap_or_default();
        let amount =
            if is_stream_of_documents(exchange) { Amount::Documents(documents(all)) } else { Amount::Bytes(exchange.answer_body.size()) };
        if !bytes.is_empty() {
            steps.push(Step::Part(number, amount));
        }
    }
}

/// Whether an answer is a stream of documents.
pub(super) fn is_stream_of_documents(exchange: &super::Exchange) -> bool {
    let contract = exchange.contract();
    let response = exchange.status().zip(contract).and_then(|(status, contract)| crate::inspect::contract_of(contract, status));
    response.is_some_and(|response| response.body.framing == Framing::JsonStream)
}

/// How many documents there are.
pub(super) fn documents(bytes: &[u8]) -> usize {
    let (mut decoder, mut input) = (crate::wire::JsonStreamDecoder::default(), Bytes::copy_from_slice(bytes));
    while !input.is_empty() {
        let _ = decoder.next(&mut input);
    }
    usize::try_from(decoder.count()).unwrap_or(usize::MAX)
}
