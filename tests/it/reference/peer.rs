//! A client of a reference backend in memory, with the judge in between: no socket, no proxy.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use plimsoll::inspect::{Inspector, Seen};
use plimsoll::model::{ApiVersion, Event, Rule, Side};
use plimsoll::reference::{Engine, Settings, connection};
use plimsoll::wire::StreamEnd;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::violations;

/// No answer may take longer: on the paused clock this is no time at all.
const PATIENCE: Duration = Duration::from_mins(10);

/// A client, its daemon, and what the judge said of both.
pub(super) struct Peer {
    engine: Arc<Engine>,
    inspector: Inspector,
    connections: u64,
    events: Vec<Event>,
    answers: Vec<Vec<u8>>,
}

impl Peer {
    pub(super) fn new(settings: Settings) -> Self {
        Self {
            engine: Engine::new(settings),
            inspector: Inspector::new(plimsoll::inspect::Settings::default()),
            connections: 0,
            events: Vec::new(),
            answers: Vec::new(),
        }
    }

    /// Sends a request on a connection of its own and reads until the daemon closes it.
    ///
    /// `METHOD /path [JSON]`, or `UPGRADE /path [JSON]` for a POST that asks for 101. The answer is all that came, head and body.
    pub(super) async fn ask(&mut self, version: ApiVersion, request: &str) -> Vec<u8> {
        let mut words = request.splitn(3, ' ');
        let (method, path, json) = (words.next().unwrap_or_default(), words.next().unwrap_or_default(), words.next());
        let (method, connection) = match method {
            "UPGRADE" => ("POST", "Connection: Upgrade\r\nUpgrade: tcp\r\n"),
            "POST" if path.contains("/attach") => ("POST", ""),
            method => (method, "Connection: close\r\n"),
        };
        let mut message = format!("{method} /v{version}{path} HTTP/1.1\r\nHost: d\r\n{connection}");
        match json {
            Some(json) => message = format!("{message}Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{json}", json.len()),
            None if method == "POST" && connection.starts_with("Connection: close") => message.push_str("Content-Length: 0\r\n\r\n"),
            None => message.push_str("\r\n"),
        }
        self.send(message.as_bytes()).await
    }

    /// Sends bytes on a connection of its own and reads until the daemon closes it.
    pub(super) async fn send(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.connections += 1;
        let number = self.connections;
        let (mut client, daemon) = tokio::io::duplex(1 << 16);
        let serving = tokio::spawn(connection(daemon, Arc::clone(&self.engine)));
        self.inspector.push(number, Side::Client, Seen::Bytes(Bytes::copy_from_slice(bytes)), None);
        client.write_all(bytes).await.expect("the daemon reads");
        let mut answer = Vec::new();
        let mut buffer = vec![0; 1 << 16];
        loop {
            let read = tokio::time::timeout(PATIENCE, client.read(&mut buffer)).await;
            let count = read.unwrap_or_else(|_| panic!("no end of the answer to {}", String::from_utf8_lossy(bytes))).unwrap_or(0);
            if count == 0 {
                break;
            }
            answer.extend_from_slice(&buffer[..count]);
            self.inspector.push(number, Side::Daemon, Seen::Bytes(Bytes::copy_from_slice(&buffer[..count])), None);
        }
        for side in [Side::Daemon, Side::Client] {
            self.inspector.push(number, side, Seen::End(StreamEnd::Closed), None);
        }
        let events = &mut self.events;
        self.inspector.judge(&mut |event| events.push(event));
        drop(client);
        serving.await.expect("the daemon does not panic");
        self.answers.push(answer.clone());
        answer
    }

    /// The statuses of all answers; 0 where there was none to read.
    pub(super) fn statuses(&self) -> Vec<u16> {
        self.answers.iter().map(|answer| status(answer)).collect()
    }

    /// Everything that the judge found, notes included: the rule, and a line on it.
    pub(super) fn findings(&self) -> Vec<(Rule, String)> {
        let line = |violation: &plimsoll::model::Violation| {
            let operation = violation.call.operation.as_deref().unwrap_or("-");
            let version = violation.call.api_version.map(|version| version.to_string()).unwrap_or_default();
            let (rule, place, message) = (violation.rule, &violation.place, &violation.message);
            format!(
                "{operation} {version}: {rule} ({}) at {place}: {message}; expected {}, not {}",
                violation.side, violation.expected, violation.actual
            )
        };
        violations(&self.events).map(|violation| (violation.rule, line(violation))).collect()
    }

    /// The bytes of all answers.
    pub(super) fn into_answers(self) -> Vec<Vec<u8>> {
        self.answers
    }
}

/// The status of an answer.
pub(super) fn status(answer: &[u8]) -> u16 {
    let line = String::from_utf8_lossy(answer.get(..12).unwrap_or_default());
    line.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or_default()
}

/// The body of an answer, out of its chunks.
pub(super) fn body(answer: &[u8]) -> String {
    let text = String::from_utf8_lossy(answer);
    let (head, mut rest) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    if !head.contains("Transfer-Encoding: chunked") {
        return rest.to_owned();
    }
    let mut whole = String::new();
    while let Some((size, behind)) = rest.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).unwrap_or_default();
        whole.push_str(behind.get(..size).unwrap_or_default());
        rest = behind.get(size + 2..).unwrap_or_default();
    }
    whole
}
