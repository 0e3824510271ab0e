//! Exchanges out of a recording: requests with their answers, bodies decoded, hijacks followed, several connections at once.
//!
//! It reads with the decoders and the catalogue that the judge reads with, and judges nothing: what cannot be read is kept as far as it can.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;

use super::capture::Capture;
use crate::catalog::{Catalog, Contract, Lookup, Operation};
use crate::inspect::{PathVersion, Target, contract_of, hands_over};
use crate::model::{ApiVersion, Side};
use crate::transcript::{Entry, Transcript, What};
use crate::wire::{BodyDecoder, BodyItem, BodyLength, Head, HeadRead, HeadReader};

/// What the client sends on before a hijack is answered is kept up to this size, in bytes.
const LIMBO_LIMIT: usize = 4 << 20;
/// So many exchanges wait for one before them that does not end; then it is taken as it is, and what comes of it later is left out.
pub const BEHIND_LIMIT: usize = 1024;

/// One request, its answer, and after a hijack the raw tail of both directions.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own: an answer may be whole before its request is")]
pub struct Exchange {
    /// Number of the connection.
    pub connection: u64,
    /// The head of the request; `None` when it could not be read.
    pub request: Option<Head>,
    /// The request's target, taken apart.
    pub target: Target,
    /// The operation, when the catalogue knows it.
    pub operation: Option<&'static Operation>,
    /// The version of the path, else the one that the daemon had announced.
    pub version: Option<ApiVersion>,
    /// The decoded body of the request.
    pub request_body: Capture,
    /// Interim answers (1xx) before the final one.
    pub interim: Vec<u16>,
    /// The head of the final answer.
    pub answer: Option<Head>,
    /// The answer handed over the connection.
    pub is_hijacked: bool,
    /// The decoded body of the answer; after a hijack what the daemon sent.
    pub answer_body: Capture,
    /// After a hijack what the client sent.
    pub stdin: Capture,
    /// The answer is whole.
    pub is_answered: bool,
    /// The request is whole.
    is_asked: bool,
    /// Nothing more can come.
    is_over: bool,
}

impl Exchange {
    /// The status of the answer.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        self.answer.as_ref().and_then(Head::status)
    }

    /// What the operation asks at this version; `None` when the catalogue does not know.
    #[must_use]
    pub fn contract(&self) -> Option<&'static Contract> {
        let version = self.version.filter(|version| version.is_known())?;
        self.operation.map(|operation| operation.contract(version))
    }

    fn may_hijack(&self) -> bool {
        let version = self.version.filter(|version| version.is_known()).unwrap_or(ApiVersion::NEWEST);
        self.operation.is_some_and(|operation| operation.contract(version).hijacks)
            || self.request.as_ref().is_some_and(|head| head.value("Upgrade").is_some())
    }
}

/// What a reader has just found. Exchanges are numbered from 0, in the order of their requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Happening<'a> {
    /// A request is whole.
    Asked(usize),
    /// The head of an answer.
    Answered(usize),
    /// A piece of an answer's body, or of what the daemon sends after a hijack.
    Received(usize, &'a [u8]),
    /// An answer is whole.
    Ended(usize),
    /// What the client sends after a hijack.
    Typed(usize, &'a [u8]),
    /// The client has closed its sending side of a connection, or left.
    Closed(u64),
}

/// Reads one recording, entry by entry.
#[derive(Debug)]
pub struct Reader {
    catalog: &'static Catalog,
    announced: Option<ApiVersion>,
    /// Under way, or finished behind one that is.
    exchanges: VecDeque<Exchange>,
    /// How many were taken already.
    taken: usize,
    connections: BTreeMap<u64, Connection>,
    /// There are no answers that could decide what a client says after a request.
    is_bare: bool,
}

#[derive(Debug)]
struct Connection {
    client: Client,
    daemon: Daemon,
    /// Without a final answer, oldest first.
    waiting: VecDeque<usize>,
    /// All of this connection that are not over.
    open: Vec<usize>,
    ended: [bool; 2],
}

#[derive(Debug)]
enum Client {
    Head(HeadReader),
    Body(BodyDecoder, usize),
    /// Stdin or the next request, which the answer decides.
    Limbo(Vec<Bytes>, usize),
    Tail(usize),
    Lost,
}

#[derive(Debug)]
enum Daemon {
    Head(HeadReader),
    Body(BodyDecoder, usize),
    Tail(usize),
    Lost,
}

/// Takes what is found.
type Sink<'s> = &'s mut dyn FnMut(Happening<'_>);

impl Reader {
    /// A reader that has seen nothing. `announced` is the version that the daemon is known to announce.
    #[must_use]
    pub fn new(catalog: &'static Catalog, announced: Option<ApiVersion>) -> Self {
        Self { catalog, announced, exchanges: VecDeque::new(), taken: 0, connections: BTreeMap::new(), is_bare: false }
    }

    /// One for a whole transcript. Where it has requests alone, what comes after one is always the next.
    #[must_use]
    pub fn of(transcript: &Transcript, catalog: &'static Catalog) -> Self {
        Self { is_bare: transcript.is_bare(), ..Self::new(catalog, transcript.api_version) }
    }

    /// One more entry; what is found goes to `sink`.
    pub fn push(&mut self, entry: &Entry, sink: Sink<'_>) {
        let id = entry.connection;
        let mut connection = self.connections.remove(&id).unwrap_or_else(|| Connection {
            client: Client::Head(HeadReader::new(Side::Client)),
            daemon: Daemon::Head(HeadReader::new(Side::Daemon)),
            waiting: VecDeque::new(),
            open: Vec::new(),
            ended: [false; 2],
        });
        match (entry.side, &entry.what) {
            (Side::Client, What::Bytes(bytes)) => self.client(id, &mut connection, bytes.clone(), sink),
            (Side::Daemon, What::Bytes(bytes)) => self.daemon(id, &mut connection, bytes.clone(), sink),
            (Side::Client, What::Closed | What::Reset) => {
                connection.ended[0] = true;
                connection.ended[1] |= entry.what == What::Reset;
                sink(Happening::Closed(id));
            }
            (Side::Daemon, what) => {
                connection.ended[1] = true;
                self.daemon_ends(&mut connection, *what == What::Closed, sink);
            }
        }
        if connection.ended == [true, true] {
            self.abandon(&connection);
        } else {
            self.connections.insert(id, connection);
        }
    }

    /// The oldest exchange, once nothing more can come of it, or once [`BEHIND_LIMIT`] others wait behind it.
    pub fn take(&mut self) -> Option<Exchange> {
        let first = self.exchanges.front()?;
        if !first.is_over && self.exchanges.len() <= BEHIND_LIMIT {
            return None;
        }
        self.taken += 1;
        self.exchanges.pop_front()
    }

    /// One that was not taken yet.
    #[must_use]
    pub fn get(&self, number: usize) -> Option<&Exchange> {
        self.exchanges.get(number.checked_sub(self.taken)?)
    }

    /// The recording ends here: the exchanges that are left.
    #[must_use]
    pub fn finish(self) -> Vec<Exchange> {
        self.exchanges.into()
    }

    fn at(&mut self, number: usize) -> Option<&mut Exchange> {
        self.exchanges.get_mut(number.checked_sub(self.taken)?)
    }

    fn abandon(&mut self, connection: &Connection) {
        for number in &connection.open {
            if let Some(exchange) = self.at(*number) {
                exchange.is_over = true;
            }
        }
    }

    fn begin(&mut self, id: u64, connection: &mut Connection, head: Option<Head>) -> usize {
        let target = Target::parse(head.as_ref().map_or(b"", |head| head.target()));
        let method = head.as_ref().map(|head| String::from_utf8_lossy(head.method()).into_owned()).unwrap_or_default();
        let version = match &target.version {
            PathVersion::Is(version) => Some(*version),
            PathVersion::Absent => self.announced,
            PathVersion::Odd(_) => None,
        };
        let find = |version| match self.catalog.lookup(&method, &target.path, version) {
            Lookup::Operation(operation) => Some(operation),
            _ => None,
        };
        let operation = version.filter(|version| version.is_known()).and_then(|version| find(Some(version))).or_else(|| find(None));
        self.exchanges.push_back(Exchange {
            connection: id,
            request: head,
            target,
            operation,
            version,
            request_body: Capture::default(),
            interim: Vec::new(),
            answer: None,
            is_hijacked: false,
            answer_body: Capture::default(),
            stdin: Capture::default(),
            is_answered: false,
            is_asked: false,
            is_over: false,
        });
        let number = self.taken + self.exchanges.len() - 1;
        connection.waiting.push_back(number);
        connection.open.push(number);
        number
    }

    fn client(&mut self, id: u64, connection: &mut Connection, mut input: Bytes, sink: Sink<'_>) {
        while !input.is_empty() {
            match &mut connection.client {
                Client::Head(reader) => match reader.push(&mut input) {
                    HeadRead::Incomplete => {}
                    HeadRead::Complete(head, _) => {
                        let length = BodyLength::of_request(&head, &mut Vec::new());
                        let number = self.begin(id, connection, Some(head));
                        let (decoder, done) = BodyDecoder::new(length);
                        connection.client = if length == BodyLength::Unknown { Client::Lost } else { Client::Body(decoder, number) };
                        if done {
                            self.asked(connection, number, sink);
                        }
                    }
                    HeadRead::Lost(_) => {
                        self.begin(id, connection, None);
                        connection.client = Client::Lost;
                    }
                },
                Client::Body(decoder, number) => {
                    let number = *number;
                    let item = decoder.next(&mut input);
                    let done = decoder.is_complete();
                    match item {
                        Some(BodyItem::Data(data)) => {
                            if let Some(exchange) = self.at(number) {
                                exchange.request_body.push(&data);
                            }
                        }
                        Some(BodyItem::Flaw(_)) => connection.client = Client::Lost,
                        Some(BodyItem::ChunkEnd | BodyItem::Lost | BodyItem::End) | None => {}
                    }
                    if done {
                        self.asked(connection, number, sink);
                    }
                }
                Client::Limbo(held, size) => {
                    *size += input.len();
                    held.push(std::mem::take(&mut input));
                    if *size > LIMBO_LIMIT {
                        connection.client = Client::Lost;
                    }
                }
                Client::Tail(number) => {
                    let number = *number;
                    if let Some(exchange) = self.at(number) {
                        exchange.stdin.push(&input);
                    }
                    sink(Happening::Typed(number, &input));
                    input.clear();
                }
                Client::Lost => input.clear(),
            }
        }
    }

    fn asked(&mut self, connection: &mut Connection, number: usize, sink: Sink<'_>) {
        let Some(exchange) = self.at(number) else { return };
        exchange.is_asked = true;
        exchange.is_over = exchange.is_answered;
        let may_hijack = exchange.answer.is_none() && exchange.may_hijack();
        let limbo = may_hijack && !self.is_bare;
        connection.client = if limbo { Client::Limbo(Vec::new(), 0) } else { Client::Head(HeadReader::new(Side::Client)) };
        sink(Happening::Asked(number));
    }

    fn daemon(&mut self, id: u64, connection: &mut Connection, mut input: Bytes, sink: Sink<'_>) {
        while !input.is_empty() {
            match &mut connection.daemon {
                Daemon::Head(reader) => {
                    let Some(number) = connection.waiting.front().copied() else {
                        connection.daemon = Daemon::Lost;
                        return;
                    };
                    match reader.push(&mut input) {
                        HeadRead::Incomplete => {}
                        HeadRead::Complete(head, _) => self.answered(id, connection, number, head, sink),
                        HeadRead::Lost(_) => connection.daemon = Daemon::Lost,
                    }
                }
                Daemon::Body(decoder, number) => {
                    let number = *number;
                    let item = decoder.next(&mut input);
                    let done = decoder.is_complete();
                    match item {
                        Some(BodyItem::Data(data)) => self.received(number, &data, sink),
                        Some(BodyItem::Flaw(_)) => connection.daemon = Daemon::Lost,
                        Some(BodyItem::ChunkEnd | BodyItem::Lost | BodyItem::End) | None => {}
                    }
                    if done {
                        self.ended(connection, number, sink);
                    }
                }
                Daemon::Tail(number) => {
                    let number = *number;
                    let data = std::mem::take(&mut input);
                    self.received(number, &data, sink);
                }
                Daemon::Lost => input.clear(),
            }
        }
    }

    fn received(&mut self, number: usize, data: &Bytes, sink: Sink<'_>) {
        if let Some(exchange) = self.at(number) {
            exchange.answer_body.push(data);
        }
        sink(Happening::Received(number, data));
    }

    fn answered(&mut self, id: u64, connection: &mut Connection, number: usize, head: Head, sink: Sink<'_>) {
        connection.daemon = Daemon::Head(HeadReader::new(Side::Daemon));
        let Some(status) = head.status() else {
            connection.daemon = Daemon::Lost;
            return;
        };
        if let Some(version) =
            head.value("Api-Version").and_then(|value| std::str::from_utf8(value).ok()).and_then(|text| text.parse().ok())
        {
            self.announced = Some(version);
        }
        let announced = self.announced;
        let Some(exchange) = self.at(number) else { return };
        if matches!(status, 100..=199) && status != 101 {
            exchange.interim.push(status);
            return;
        }
        connection.waiting.pop_front();
        if exchange.target.version == PathVersion::Absent {
            exchange.version = exchange.version.or(announced);
        }
        let response = exchange.contract().and_then(|contract| contract_of(contract, status));
        let method = exchange.request.as_ref().map_or(&b""[..], |head| head.method());
        let is_hijacked = hands_over(&head, status, response);
        let length = if is_hijacked { BodyLength::UntilClose } else { BodyLength::of_response(&head, method, &mut Vec::new()) };
        exchange.answer = Some(head);
        exchange.is_hijacked = is_hijacked;
        sink(Happening::Answered(number));
        let limbo = match std::mem::replace(&mut connection.client, Client::Lost) {
            Client::Limbo(held, _) => {
                connection.client = if is_hijacked { Client::Tail(number) } else { Client::Head(HeadReader::new(Side::Client)) };
                held
            }
            other => {
                connection.client = other;
                Vec::new()
            }
        };
        if is_hijacked {
            connection.daemon = Daemon::Tail(number);
        } else {
            let (decoder, done) = BodyDecoder::new(length);
            connection.daemon = if length == BodyLength::Unknown { Daemon::Lost } else { Daemon::Body(decoder, number) };
            if done {
                self.ended(connection, number, sink);
            }
        }
        for bytes in limbo {
            self.client(id, connection, bytes, sink);
        }
    }

    fn ended(&mut self, connection: &mut Connection, number: usize, sink: Sink<'_>) {
        connection.daemon = Daemon::Head(HeadReader::new(Side::Daemon));
        let Some(exchange) = self.at(number) else { return };
        exchange.is_answered = true;
        exchange.is_over = exchange.is_asked;
        connection.open.retain(|other| *other != number);
        sink(Happening::Ended(number));
    }

    fn daemon_ends(&mut self, connection: &mut Connection, properly: bool, sink: Sink<'_>) {
        let whole = match &connection.daemon {
            Daemon::Body(decoder, number) if properly && decoder.completes_at_close() => Some(*number),
            Daemon::Tail(number) if properly => Some(*number),
            _ => None,
        };
        if let Some(number) = whole {
            self.ended(connection, number, sink);
        }
        connection.daemon = Daemon::Lost;
        // No answer comes any more; what the client still sends after a hijack was taken with it.
        self.abandon(connection);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transcript;

    fn read(text: &str) -> (Vec<String>, Vec<Exchange>) {
        let transcript = transcript::read(format!("@plimsoll-transcript 1\n{text}").as_bytes()).expect("a transcript");
        let mut reader = Reader::new(Catalog::builtin(), transcript.api_version);
        let mut found = Vec::new();
        for entry in &transcript.entries {
            reader.push(entry, &mut |happening| found.push(format!("{happening:?}")));
        }
        (found, reader.finish())
    }

    #[test]
    fn requests_and_answers_are_paired_on_each_connection() {
        let (found, exchanges) = read(
            r#"c1 > "GET /v1.41/_ping HTTP/1.1\r\nHost: d\r\n\r\n"
c2 > "POST /v1.41/containers/web/wait HTTP/1.1\r\nHost: d\r\n\r\n"
c1 < "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK"
c1 > "GET /v1.41/version HTTP/1.1\r\nHost: d\r\n\r\n"
c2 < "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
c2 < "10\r\n{\"StatusCode\":0}\r\n0\r\n\r\n"
"#,
        );
        let shown: Vec<_> = exchanges
            .iter()
            .map(|exchange| {
                let operation = exchange.operation.map_or("-", Operation::id);
                (operation, exchange.status(), exchange.answer_body.size(), exchange.is_answered)
            })
            .collect();
        assert_eq!(shown, [("SystemPing", Some(200), 2, true), ("ContainerWait", Some(200), 16, true), ("SystemVersion", None, 0, false)]);
        assert_eq!(found[0], "Asked(0)");
        assert_eq!(found.last().map(String::as_str), Some("Ended(1)"));
    }

    #[test]
    fn a_hijack_is_followed_in_both_directions() {
        let (found, exchanges) = read(
            r#"> "POST /v1.41/containers/web/attach?stream=1&stdin=1&stdout=1 HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"
< "HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"
> "hello\n"
>|
< "\x01\0\0\0\0\0\0\x06hello\n"
<|
"#,
        );
        let exchange = &exchanges[0];
        assert!(exchange.is_hijacked && exchange.is_answered);
        assert_eq!((exchange.stdin.bytes(), exchange.answer_body.size()), (Some(&b"hello\n"[..]), 14));
        assert_eq!(found[2..4], ["Typed(0, [104, 101, 108, 108, 111, 10])", "Closed(1)"]);
    }
}
