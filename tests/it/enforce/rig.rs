//! A proxy between a client and a daemon that the test plays both.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use plimsoll::inspect::{EnforcePolicy, Settings};
use plimsoll::model::{Enforcement, Event};
use plimsoll::proxy::{Address, Listener, Tap, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;

use super::super::support::violations;

/// Nothing has come when nothing came in this time.
const QUIET: Duration = Duration::from_millis(60);
/// What does not come in this time does not come.
const LONG: Duration = Duration::from_secs(10);

/// What is wrong, and what was done.
pub(super) fn done(events: &[Event]) -> Vec<(&'static str, Option<Enforcement>)> {
    violations(events).map(|violation| (violation.rule.id(), violation.enforced)).collect()
}

pub(super) fn post(version: &str, path: &str, media: &str, body: &str) -> String {
    format!("POST /v{version}{path} HTTP/1.1\r\nHost: d\r\nContent-Type: {media}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

pub(super) fn create(version: &str, body: &str) -> String {
    post(version, "/containers/create", "application/json", body)
}

/// A JSON answer.
pub(super) fn answer(status: &str, body: &str) -> String {
    let head = format!(
        "HTTP/1.1 {status}\r\nApi-Version: 1.41\r\nDocker-Experimental: false\r\nOstype: linux\r\nContent-Type: application/json\r\n"
    );
    format!("{head}Content-Length: {}\r\n\r\n{body}", body.len())
}

pub(super) struct Rig {
    client: Option<UnixStream>,
    daemon: Option<UnixStream>,
    events: Arc<Mutex<Vec<Event>>>,
    tap: Arc<Tap>,
    stop: watch::Sender<bool>,
    serving: tokio::task::JoinHandle<Result<(), plimsoll::error::Error>>,
    _dir: tempfile::TempDir,
}

impl Rig {
    pub(super) async fn new(policy: EnforcePolicy) -> Self {
        Self::with(Some(policy)).await
    }

    /// In observe mode without a policy.
    pub(super) async fn with(policy: Option<EnforcePolicy>) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let (front, back) = (dir.path().join("proxy.sock"), dir.path().join("daemon.sock"));
        let listener = Listener::bind(&Address::Unix(front.clone())).await.expect("bound");
        let backend = UnixListener::bind(&back).expect("bound");
        let events = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&events);
        let tap = Tap::new(Settings::default(), None, move |event| sink.lock().expect("not poisoned").push(event.clone()));
        let tap = Arc::new(match policy {
            Some(policy) => tap.enforcing(policy),
            None => tap,
        });
        let (stop, stopped) = watch::channel(false);
        let serving = tokio::spawn(serve(listener, Address::Unix(back), Arc::clone(&tap), stopped));
        let (client, daemon) = tokio::join!(UnixStream::connect(front), backend.accept());
        let (client, daemon) = (client.expect("connected"), daemon.expect("accepted").0);
        Self { client: Some(client), daemon: Some(daemon), events, tap, stop, serving, _dir: dir }
    }

    pub(super) async fn client(&mut self, text: &str) {
        send(self.client.as_mut(), text).await;
    }

    pub(super) async fn daemon(&mut self, text: &str) {
        send(self.daemon.as_mut(), text).await;
    }

    pub(super) async fn client_gets(&mut self, text: &str) {
        gets(self.client.as_mut(), text).await;
    }

    pub(super) async fn daemon_gets(&mut self, text: &str) {
        gets(self.daemon.as_mut(), text).await;
    }

    /// What the client sends arrives.
    pub(super) async fn passes_up(&mut self, text: &str) {
        tokio::join!(send(self.client.as_mut(), text), gets(self.daemon.as_mut(), text));
    }

    /// What the daemon sends arrives.
    pub(super) async fn passes_down(&mut self, text: &str) {
        tokio::join!(send(self.daemon.as_mut(), text), gets(self.client.as_mut(), text));
    }

    pub(super) async fn daemon_sees_nothing(&mut self) {
        quiet(self.daemon.as_mut()).await;
    }

    pub(super) async fn client_sees_nothing(&mut self) {
        quiet(self.client.as_mut()).await;
    }

    pub(super) async fn client_closes(&mut self) {
        self.client.as_mut().expect("still there").shutdown().await.expect("closed");
    }

    pub(super) async fn daemon_closes(&mut self) {
        self.daemon.as_mut().expect("still there").shutdown().await.expect("closed");
    }

    pub(super) fn client_leaves(&mut self) {
        self.client = None;
    }

    pub(super) fn daemon_leaves(&mut self) {
        self.daemon = None;
    }

    pub(super) async fn client_ends(&mut self) {
        ends(self.client.as_mut()).await;
    }

    pub(super) async fn daemon_ends(&mut self) {
        ends(self.daemon.as_mut()).await;
    }

    /// What else comes until the end.
    pub(super) async fn client_reads_on(&mut self) -> String {
        let mut rest = Vec::new();
        let read = tokio::time::timeout(LONG, self.client.as_mut().expect("still there").read_to_end(&mut rest)).await;
        read.expect("an end").expect("read");
        String::from_utf8_lossy(&rest).into_owned()
    }

    /// An answer of plimsoll's: its head and its body.
    pub(super) async fn reply(&mut self) -> (String, String) {
        let client = self.client.as_mut().expect("still there");
        let read = async {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(client.read_u8().await.expect("a head"));
            }
            let head = String::from_utf8(head).expect("text");
            let length = head.split("Content-Length: ").nth(1).and_then(|rest| rest.split("\r\n").next()).expect("a length");
            let mut body = vec![0; length.parse().expect("a number")];
            client.read_exact(&mut body).await.expect("a body");
            (head, String::from_utf8(body).expect("text"))
        };
        tokio::time::timeout(LONG, read).await.expect("an answer")
    }

    /// The head of an answer without a body.
    pub(super) async fn head(&mut self) -> String {
        let client = self.client.as_mut().expect("still there");
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(tokio::time::timeout(LONG, client.read_u8()).await.expect("an answer").expect("a head"));
        }
        String::from_utf8(head).expect("text")
    }

    pub(super) async fn finish(mut self) -> Vec<Event> {
        self.client = None;
        self.daemon = None;
        self.stop.send(true).expect("serving");
        self.serving.await.expect("no panic").expect("the backend was reached");
        self.tap.finish().expect("nothing is recorded");
        std::mem::take(&mut *self.events.lock().expect("not poisoned"))
    }
}

async fn send(peer: Option<&mut UnixStream>, text: &str) {
    let sent = tokio::time::timeout(LONG, peer.expect("still there").write_all(text.as_bytes())).await;
    sent.expect("taken").expect("sent");
}

async fn gets(peer: Option<&mut UnixStream>, text: &str) {
    let mut got = vec![0; text.len()];
    let read = tokio::time::timeout(LONG, peer.expect("still there").read_exact(&mut got)).await;
    read.unwrap_or_else(|_| panic!("did not arrive: {text:.80}")).expect("received");
    assert!(got == text.as_bytes(), "the bytes changed on the way: {:.80} … {:.80}", text, String::from_utf8_lossy(&got));
}

async fn quiet(peer: Option<&mut UnixStream>) {
    let mut byte = [0; 64];
    let read = tokio::time::timeout(QUIET, peer.expect("still there").read(&mut byte)).await;
    assert!(read.is_err(), "came: {:?}", String::from_utf8_lossy(&byte));
}

async fn ends(peer: Option<&mut UnixStream>) {
    let mut byte = [0; 64];
    // A reset is an end, too.
    let read = tokio::time::timeout(LONG, peer.expect("still there").read(&mut byte)).await;
    assert_eq!(read.expect("an end").unwrap_or(0), 0, "nothing more was to come: {:?}", String::from_utf8_lossy(&byte));
}

/// The client sends all requests as fast as they are taken, the daemon answers each when it has it; what the daemon and the client got.
pub(super) async fn converse(policy: Option<EnforcePolicy>, exchanges: &[(String, String)], cuts: &[usize]) -> (Vec<u8>, Vec<u8>) {
    let mut rig = Rig::with(policy).await;
    let (mut client, mut daemon) = (rig.client.take().expect("there"), rig.daemon.take().expect("there"));
    let talk = async {
        let (mut client_reader, mut client_writer) = client.split();
        let (mut daemon_reader, mut daemon_writer) = daemon.split();
        let asking = async {
            let all: String = exchanges.iter().map(|(request, _)| request.as_str()).collect();
            dribble(&mut client_writer, all.as_bytes(), cuts).await;
            client_writer.shutdown().await.expect("closed");
        };
        let answering = async {
            let mut got = Vec::new();
            let mut due = 0;
            for (request, answer) in exchanges {
                due += request.len();
                while got.len() < due {
                    assert!(daemon_reader.read_buf(&mut got).await.expect("read") > 0, "the requests ended early");
                }
                dribble(&mut daemon_writer, answer.as_bytes(), cuts).await;
            }
            daemon_reader.read_to_end(&mut got).await.expect("read");
            daemon_writer.shutdown().await.expect("closed");
            got
        };
        let hearing = async {
            let mut got = Vec::new();
            client_reader.read_to_end(&mut got).await.expect("read");
            got
        };
        let ((), up, down) = tokio::join!(asking, answering, hearing);
        (up, down)
    };
    let got = tokio::time::timeout(LONG, talk).await.expect("no one hangs");
    let events = rig.finish().await;
    assert_eq!(violations(&events).count(), 0, "{events:#?}");
    got
}

async fn dribble<W: AsyncWriteExt + Unpin>(writer: &mut W, mut bytes: &[u8], cuts: &[usize]) {
    for cut in cuts.iter().cycle() {
        let (piece, rest) = bytes.split_at((*cut).min(bytes.len()));
        writer.write_all(piece).await.expect("written");
        tokio::task::yield_now().await;
        bytes = rest;
        if rest.is_empty() {
            return;
        }
    }
}
