//! Plays the client side of a scenario against a daemon: sends what the script says, with the live ids in the places of the aliases, and waits for
//! what the recorded client had seen. It judges nothing; whoever listens on the socket does.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use super::alias;
use super::exchange::{Exchange, Happening, Reader};
use super::normal::Normaliser;
use super::scene::Scene;
use super::script::{Amount, Script, Step, documents, is_stream_of_documents};
use crate::model::Side;
use crate::transcript::{Entry, What};

/// How long an answer may take that the recorded client had waited for.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long it may take once another one did not come.
const IMPATIENCE: Duration = Duration::from_secs(2);
/// So long nothing more comes of an output: then what came is all that was waited for.
const SILENCE: Duration = Duration::from_millis(300);
/// How long an output is waited for that had come in the recording.
const OUTPUT: Duration = Duration::from_secs(5);

/// What came of a scenario.
#[derive(Debug, Default)]
pub struct Played {
    /// Its exchanges, in the order of their requests.
    pub exchanges: Vec<Exchange>,
    /// What was waited for in vain, and requests that could not be sent: a sentence each.
    pub unmet: Vec<String>,
}

/// Plays a script against what listens on a unix socket. `expected` are the scenes of the snapshot: by their places live ids are told.
///
/// The normaliser is a fresh one, of the kind that the snapshot was made with.
pub async fn play(script: &Script, socket: &Path, expected: &[Scene], normaliser: Normaliser) -> Played {
    let (sender, inbox) = mpsc::unbounded_channel();
    let mut player = Player {
        socket,
        expected,
        reader: Reader::new(normaliser.catalog(), None),
        normaliser,
        live: HashMap::new(),
        connections: BTreeMap::new(),
        opened: 0,
        last: Vec::new(),
        sender,
        inbox,
        unmet: Vec::new(),
    };
    for step in &script.steps {
        match step {
            Step::Send { connection, bytes } => player.send(*connection, bytes).await,
            Step::Close { connection } => player.close(*connection),
            Step::Head(number) => player.wait(*number, "no answer came", |exchange| exchange.answer.is_some()).await,
            Step::End(number) => player.wait(*number, "the answer did not end", |exchange| exchange.is_answered).await,
            Step::Part(number, amount) => player.part(*number, *amount).await,
        }
    }
    player.finish()
}

/// What a connection's task tells.
type News = (u64, What);

struct Player<'a> {
    socket: &'a Path,
    expected: &'a [Scene],
    reader: Reader,
    /// Numbers live ids in the order of the answers: for scenarios that have no snapshot yet.
    normaliser: Normaliser,
    /// By alias.
    live: HashMap<String, String>,
    /// By the number in the script: the live number, and the way to write.
    connections: BTreeMap<u64, (u64, Option<mpsc::UnboundedSender<Bytes>>)>,
    opened: u64,
    /// Connections whose daemon has closed.
    last: Vec<u64>,
    sender: mpsc::UnboundedSender<News>,
    inbox: mpsc::UnboundedReceiver<News>,
    unmet: Vec<String>,
}

impl Player<'_> {
    async fn send(&mut self, connection: u64, bytes: &Bytes) {
        // What has come meanwhile may be the end of the connection.
        while let Ok(news) = self.inbox.try_recv() {
            self.see(news);
        }
        let bytes = self.substitute(bytes);
        let is_gone = self.connections.get(&connection).is_none_or(|(live, writer)| writer.is_none() || self.last.contains(live));
        if is_gone && let Err(error) = self.open(connection).await {
            self.unmet.push(format!("a connection was refused: {error}"));
            return;
        }
        let Some((live, Some(writer))) = self.connections.get(&connection) else { return };
        let entry = Entry { line: 0, at: Duration::ZERO, connection: *live, side: Side::Client, what: What::Bytes(bytes.clone()) };
        // A writer that is gone: the daemon has closed, which is seen on its own.
        let _ = writer.send(bytes);
        self.push(&entry);
    }

    async fn open(&mut self, connection: u64) -> std::io::Result<()> {
        let stream = UnixStream::connect(self.socket).await?;
        self.opened += 1;
        let number = self.opened;
        let (mut from, mut to) = stream.into_split();
        let (writer, mut queue) = mpsc::unbounded_channel::<Bytes>();
        tokio::spawn(async move {
            while let Some(bytes) = queue.recv().await {
                if to.write_all(&bytes).await.is_err() {
                    return;
                }
            }
            // The other side may be gone already.
            let _ = to.shutdown().await;
        });
        let sender = self.sender.clone();
        tokio::spawn(async move {
            let mut buffer = BytesMut::new();
            loop {
                buffer.reserve(64 << 10);
                let what = match from.read_buf(&mut buffer).await {
                    Ok(0) => What::Closed,
                    Ok(_) => What::Bytes(buffer.split().freeze()),
                    Err(_) => What::Reset,
                };
                let is_end = !matches!(what, What::Bytes(_));
                if sender.send((number, what)).is_err() || is_end {
                    return;
                }
            }
        });
        self.connections.insert(connection, (number, Some(writer)));
        Ok(())
    }

    fn close(&mut self, connection: u64) {
        if let Some((live, writer)) = self.connections.get_mut(&connection) {
            *writer = None;
            let entry = Entry { line: 0, at: Duration::ZERO, connection: *live, side: Side::Client, what: What::Closed };
            self.push(&entry);
        }
    }

    /// Waits until an exchange is as it should be. When that takes too long, it is noted, and the scenario goes on: the snapshot will differ.
    async fn wait(&mut self, number: usize, what: &str, is_met: impl Fn(&Exchange) -> bool) {
        let patience = if self.unmet.is_empty() { PATIENCE } else { IMPATIENCE };
        let deadline = Instant::now() + patience;
        loop {
            if self.reader.get(number).is_some_and(&is_met) {
                return;
            }
            let is_lost = self.reader.get(number).is_none_or(|exchange| self.last.contains(&exchange.connection));
            let news = if is_lost { Ok(self.inbox.try_recv().ok()) } else { timeout_at(deadline, self.inbox.recv()).await };
            match news {
                Ok(Some(news)) => self.see(news),
                Ok(None) => {
                    self.unmet.push(format!("exchange {}: {what}: the connection was closed", number + 1));
                    return;
                }
                Err(_) => {
                    self.unmet.push(format!("exchange {}: {what} within {} s", number + 1, patience.as_secs()));
                    return;
                }
            }
        }
    }

    /// Waits for as much of an answer as the recorded client had seen; output may be cut and be of another length, so silence will do.
    async fn part(&mut self, number: usize, amount: Amount) {
        let deadline = Instant::now() + OUTPUT;
        loop {
            let Some(exchange) = self.reader.get(number) else { return };
            let (is_met, is_begun) = match amount {
                Amount::Documents(count) if is_stream_of_documents(exchange) => {
                    (documents(exchange.answer_body.bytes().unwrap_or_default()) >= count, false)
                }
                Amount::Documents(_) => (true, true),
                Amount::Bytes(count) => (exchange.answer_body.size() >= count, exchange.answer_body.size() > 0),
            };
            if is_met || exchange.is_answered || self.last.contains(&exchange.connection) {
                return;
            }
            let until = if is_begun { deadline.min(Instant::now() + SILENCE) } else { deadline };
            match timeout_at(until, self.inbox.recv()).await {
                Ok(Some(news)) => self.see(news),
                Ok(None) | Err(_) => return,
            }
        }
    }

    fn see(&mut self, (connection, what): News) {
        if !matches!(what, What::Bytes(_)) {
            self.last.push(connection);
        }
        self.push(&Entry { line: 0, at: Duration::ZERO, connection, side: Side::Daemon, what });
    }

    fn push(&mut self, entry: &Entry) {
        let mut ended = Vec::new();
        self.reader.push(entry, &mut |happening| {
            if let Happening::Ended(number) = happening {
                ended.push(number);
            }
        });
        for number in ended {
            self.learn(number);
        }
    }

    /// What the daemon calls the objects that the scenario calls by aliases.
    fn learn(&mut self, number: usize) {
        let Some(exchange) = self.reader.get(number) else { return };
        let scene = self.normaliser.arrange(Scene::of(exchange));
        if let Some(expected) = self.expected.get(number) {
            let live: HashMap<String, String> = self.normaliser.identities(&scene).into_iter().collect();
            for (place, token) in self.normaliser.identities(expected) {
                if let (true, Some(value)) = (alias::is_alias(&token), live.get(&place)) {
                    self.live.entry(token).or_insert_with(|| value.clone());
                }
            }
        }
        // Whatever becomes of the scene, the values in it have numbers now.
        let _ = self.normaliser.next(scene);
    }

    /// The bytes with live values in the places of aliases, and with the length that the body then has.
    fn substitute(&mut self, bytes: &Bytes) -> Bytes {
        let Ok(text) = std::str::from_utf8(bytes) else { return bytes.clone() };
        let mut unknown = Vec::new();
        let replaced = alias::rewrite(text, |token| {
            if !alias::is_alias(token) {
                return None;
            }
            let value = self.live.get(token).map(String::as_str).or_else(|| self.normaliser.aliases().value(token));
            if value.is_none() {
                unknown.push(token.to_owned());
            }
            // An object that nobody has: the daemon says so in its own way.
            Some(value.map_or_else(|| "0".repeat(64), str::to_owned))
        });
        for token in unknown {
            let sentence = format!("nothing is known to be {token}: no answer before had it in its place");
            if !self.unmet.contains(&sentence) {
                self.unmet.push(sentence);
            }
        }
        if replaced == text {
            return bytes.clone();
        }
        with_length(&replaced).into()
    }

    fn finish(mut self) -> Played {
        // What is not waited for is of no interest: the client leaves.
        for (live, writer) in std::mem::take(&mut self.connections).into_values() {
            drop(writer);
            if !self.last.contains(&live) {
                self.push(&Entry { line: 0, at: Duration::ZERO, connection: live, side: Side::Client, what: What::Closed });
            }
        }
        while let Ok(news) = self.inbox.try_recv() {
            self.see(news);
        }
        Played { exchanges: self.reader.finish(), unmet: self.unmet }
    }
}

/// A request whose Content-Length is that of its body; anything else as it is.
fn with_length(text: &str) -> String {
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return text.to_owned() };
    let is_length = |line: &str| line.split_once(':').is_some_and(|(name, _)| name.eq_ignore_ascii_case("Content-Length"));
    let line = |line: &str| if is_length(line) { format!("Content-Length: {}", body.len()) } else { line.to_owned() };
    let head: Vec<String> = head.split("\r\n").map(line).collect();
    format!("{}\r\n\r\n{body}", head.join("\r\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_is_that_of_the_body() {
        assert_eq!(with_length("POST / HTTP/1.1\r\ncontent-length: 3\r\n\r\nabcd"), "POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\nabcd");
        assert_eq!(with_length("typed\n"), "typed\n");
    }
}
