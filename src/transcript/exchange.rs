//! From the lines of a recording to its exchanges: which bytes of a connection are which request, answer and raw tail.
//!
//! What cannot be followed is counted, not guessed at. Nothing is judged here, and no byte is changed: the events of an exchange are the lines of
//! the recording, cut where the next exchange begins.

mod link;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::{Call, Entry, What};
use crate::model::{ApiVersion, Side};
use crate::wire::Head;

use link::Link;

/// So many exchanges wait, complete, for the end of their connection; beyond it the oldest goes without it.
const WAITING_LIMIT: usize = 1024;

/// One request, its responses, and after a hijack the raw tail in both directions.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// Number of the connection, from 1.
    pub connection: u64,
    /// Number of the exchange on it, from 1.
    pub number: u64,
    /// What was asked.
    pub request: Message,
    /// What it leads to.
    pub call: Call,
    /// The final answer; `None` when the recording has none.
    pub response: Option<Message>,
    /// The answer handed over the connection.
    pub hijacked: bool,
    /// Everything of it, in the order of the recording. The ends of a connection belong to its last exchange.
    pub events: Vec<Piece>,
}

/// A head and its body.
#[derive(Debug, Clone)]
pub struct Message {
    /// As it was sent.
    pub head: Head,
    /// Decoded.
    pub body: Vec<u8>,
    /// The sizes of its chunks, where it came in the chunked coding.
    pub chunks: Option<Vec<usize>>,
    /// Its end was seen.
    pub is_complete: bool,
}

/// A line of the recording, or the part of one that belongs to an exchange.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// Counts the lines of the recording. Pieces of one line have one number.
    pub order: u64,
    /// Its line in the file, as [`Entry::line`].
    pub line: usize,
    /// Since the start.
    pub at: Duration,
    /// Who did it.
    pub side: Side,
    /// What was seen.
    pub what: What,
    /// It is part of the raw tail.
    pub is_tail: bool,
}

impl Exchange {
    /// When it began.
    #[must_use]
    pub fn began(&self) -> Duration {
        self.events.first().map_or(Duration::ZERO, |piece| piece.at)
    }

    /// All bytes that one side sent: its message, or what came of it after the hijack.
    #[must_use]
    pub fn sent(&self, side: Side, is_tail: bool) -> Vec<u8> {
        let mut sent = Vec::new();
        for piece in self.events.iter().filter(|piece| piece.side == side && piece.is_tail == is_tail) {
            if let What::Bytes(bytes) = &piece.what {
                sent.extend_from_slice(bytes);
            }
        }
        sent
    }

    /// Adds what comes next. Head and body of one line are one piece again.
    fn add(&mut self, piece: Piece) {
        if let What::Bytes(more) = &piece.what
            && let Some(last) = self.events.last_mut()
            && (last.order, last.side, last.is_tail) == (piece.order, piece.side, piece.is_tail)
            && let What::Bytes(bytes) = &mut last.what
        {
            *bytes = [&bytes[..], &more[..]].concat().into();
        } else {
            self.events.push(piece);
        }
    }

    /// Bytes that it holds in memory, about.
    fn size(&self) -> usize {
        let pieces = self.events.iter().map(|piece| if let What::Bytes(bytes) = &piece.what { bytes.len() } else { 0 }).sum::<usize>();
        pieces + self.request.body.len() + self.response.as_ref().map_or(0, |response| response.body.len())
    }
}

/// Takes the lines of a recording and gives its exchanges, each when it is over. What is under way is held, and no more.
#[derive(Debug)]
pub struct Exchanges {
    links: BTreeMap<u64, Link>,
    /// Connections whose last exchange is complete and waits for what comes next.
    waiting: VecDeque<u64>,
    announced: Option<ApiVersion>,
    order: u64,
    strays: u64,
}

impl Exchanges {
    /// Nothing was seen yet. `announced` is the version for paths without one.
    #[must_use]
    pub const fn new(announced: Option<ApiVersion>) -> Self {
        Self { links: BTreeMap::new(), waiting: VecDeque::new(), announced, order: 0, strays: 0 }
    }

    /// Takes one line. Exchanges that are over go to `sink`.
    pub fn push(&mut self, entry: Entry, sink: &mut dyn FnMut(Exchange)) {
        self.order += 1;
        let Entry { line, at, connection, side, what } = entry;
        let link = self.links.entry(connection).or_insert_with(|| Link::new(connection, self.announced));
        let piece = Piece { order: self.order, line, at, side, what, is_tail: false };
        let waited = link.waits();
        link.see(piece, sink);
        if link.is_over() {
            if let Some(link) = self.links.remove(&connection) {
                self.strays += link.finish(sink);
            }
        } else if link.waits() && !waited {
            self.waiting.push_back(connection);
            if self.waiting.len() > WAITING_LIMIT
                && let Some(oldest) = self.waiting.pop_front().and_then(|oldest| self.links.get_mut(&oldest))
            {
                oldest.wait_no_more(sink);
            }
        }
    }

    /// The recording is over: what is under way goes to `sink` as it is. The number of lines that belong to no exchange: an unreadable head, an
    /// answer to nothing.
    pub fn finish(self, sink: &mut dyn FnMut(Exchange)) -> u64 {
        self.strays + self.links.into_values().map(|link| link.finish(sink)).sum::<u64>()
    }

    /// Bytes that are held, about: all exchanges that are under way.
    #[must_use]
    pub fn held(&self) -> usize {
        self.links.values().map(Link::held).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::super::read;
    use super::*;

    fn exchanges(lines: &str) -> (Vec<Exchange>, u64) {
        let transcript = read(format!("@plimsoll-transcript 1\n@api-version 1.41\n{lines}").as_bytes()).expect("a transcript");
        let mut found = Vec::new();
        let mut splitter = Exchanges::new(transcript.api_version);
        for entry in transcript.entries {
            splitter.push(entry, &mut |exchange| found.push(exchange));
        }
        let strays = splitter.finish(&mut |exchange| found.push(exchange));
        found.sort_by_key(|exchange| exchange.events.first().map(|piece| piece.order));
        (found, strays)
    }

    fn shown(exchange: &Exchange) -> String {
        let target = String::from_utf8_lossy(exchange.request.head.target()).into_owned();
        let response = exchange.response.as_ref();
        let status = response.and_then(|response| response.head.status()).unwrap_or_default();
        let body = response.map(|response| String::from_utf8_lossy(&response.body).into_owned()).unwrap_or_default();
        let tail = |side| String::from_utf8_lossy(&exchange.sent(side, true)).into_owned();
        let tails = if exchange.hijacked { format!(" >{:?} <{:?}", tail(Side::Client), tail(Side::Daemon)) } else { String::new() };
        format!("c{} {} {target} {status} {body:?}{tails} of {}", exchange.connection, exchange.number, exchange.events.len())
    }

    #[test]
    fn lines_become_exchanges() {
        let request = |path: &str| format!("GET {path} HTTP/1.1\\r\\nHost: d\\r\\n\\r\\n");
        let answer = |body: &str| format!("HTTP/1.1 200 OK\\r\\nContent-Length: {}\\r\\n\\r\\n{body}", body.len());
        for (lines, expected) in [
            // Pipelined, and cut in the middle of a head.
            (
                format!("> \"{}GET /b HT\"\n> \"TP/1.1\\r\\n\\r\\n\"\n< \"{}{}\"\n<|\n>|\n", request("/a"), answer("one"), answer("two")),
                vec!["c1 1 /a 200 \"one\" of 2", "c1 2 /b 200 \"two\" of 5"],
            ),
            // 1xx answers belong to the exchange; chunks are joined; a tail is none without a hijack.
            (
                "> \"POST /build HTTP/1.1\\r\\nExpect: 100-continue\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n\"\n< \"HTTP/1.1 100 Continue\\r\\n\\r\\n\"\n> \"2\\r\\nab\\r\\n0\\r\\n\\r\\n\"\n< \"HTTP/1.1 200 OK\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n3\\r\\nabc\\r\\n1\\r\\nd\\r\\n0\\r\\n\\r\\n\"\n".to_owned(),
                vec!["c1 1 /build 200 \"abcd\" of 4"],
            ),
            // What came before the answer was stdin after all.
            (
                format!(
                    "> \"POST /containers/a/attach HTTP/1.1\\r\\nUpgrade: tcp\\r\\n\\r\\n\"\n> \"in\"\n>|\n< \"HTTP/1.1 101 UPGRADED\\r\\n\\r\\nout\"\nc2 > \"{}\"\n<|\n",
                    request("/_ping")
                ),
                vec!["c1 1 /containers/a/attach 101 \"\" >\"in\" <\"out\" of 6", "c2 1 /_ping 0 \"\" of 1"],
            ),
            // … or the next request.
            (
                format!("> \"POST /containers/a/attach HTTP/1.1\\r\\n\\r\\n{}\"\n< \"{}{}\"\n", request("/next"), answer("no"), answer("yes")),
                vec!["c1 1 /containers/a/attach 200 \"no\" of 2", "c1 2 /next 200 \"yes\" of 2"],
            ),
            // Until the end of the connection.
            (
                format!("> \"{}\"\n< \"HTTP/1.1 200 OK\\r\\n\\r\\nall \"\n< \"of it\"\n<|\n", request("/export")),
                vec!["c1 1 /export 200 \"all of it\" of 4"],
            ),
        ] {
            let (found, strays) = exchanges(&lines);
            assert_eq!(found.iter().map(shown).collect::<Vec<_>>(), expected, "{lines}");
            assert_eq!(strays, 0, "{lines}");
        }
    }

    #[test]
    fn what_belongs_to_no_exchange_is_counted() {
        let (found, strays) = exchanges("c1 >|\nc1 <|\nc2 < \"HTTP/1.1 408 Request Timeout\\r\\n\\r\\n\"\nc2 <|\n");
        assert_eq!((found.len(), strays), (0, 4));
    }
}
