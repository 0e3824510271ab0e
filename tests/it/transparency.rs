//! Bytes out are bytes in, both ways, whatever they are: each step of a conversation must arrive before the next is made, so that nothing is
//! withheld, joined with what comes later, or reordered.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use plimsoll::inspect::Settings;
use plimsoll::model::{Event, Rule, Verdict};
use plimsoll::proxy::{Address, Listener, Tap, serve};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::watch;

use super::support::{PONG, verdicts, violations};

/// One step; what it sends must arrive on the other side before the next.
enum Step {
    /// The client sends.
    C(Vec<u8>),
    /// The daemon sends.
    D(Vec<u8>),
    /// The client closes its sending side.
    ClientCloses,
    /// The daemon closes its sending side.
    DaemonCloses,
    /// The client is gone.
    ClientLeaves,
    /// The daemon is gone.
    DaemonLeaves,
}
use Step::{C, ClientCloses, ClientLeaves, D, DaemonCloses, DaemonLeaves};

trait Peer: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Peer for T {}

/// A proxy between a client and a daemon that the test plays both.
struct Rig {
    client: Option<Box<dyn Peer>>,
    daemon: Option<Box<dyn Peer>>,
    events: Arc<Mutex<Vec<Event>>>,
    tap: Arc<Tap>,
    stop: watch::Sender<bool>,
    serving: tokio::task::JoinHandle<Result<(), plimsoll::error::Error>>,
    _dir: tempfile::TempDir,
}

impl Rig {
    async fn new(unix_client: bool, unix_daemon: bool) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let listen = if unix_client { Address::Unix(dir.path().join("proxy.sock")) } else { Address::Tcp("127.0.0.1:0".to_owned()) };
        let listener = Listener::bind(&listen).await.expect("bound");
        let at = listener.address().clone();
        let events = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&events);
        let tap = Arc::new(Tap::new(Settings::default(), None, move |event| sink.lock().expect("not poisoned").push(event.clone())));
        let (stop, stopped) = watch::channel(false);
        let connect = async {
            match at {
                Address::Unix(path) => Box::new(UnixStream::connect(path).await.expect("connected")) as Box<dyn Peer>,
                Address::Tcp(host) => Box::new(TcpStream::connect(host).await.expect("connected")),
                Address::Reference | Address::Tls { .. } => unreachable!("nobody listens on it"),
            }
        };
        let (client, daemon, serving) = if unix_daemon {
            let path = dir.path().join("daemon.sock");
            let backend = UnixListener::bind(&path).expect("bound");
            let serving = tokio::spawn(serve(listener, Address::Unix(path), Arc::clone(&tap), stopped));
            let (client, daemon) = tokio::join!(connect, backend.accept());
            (client, Box::new(daemon.expect("accepted").0) as Box<dyn Peer>, serving)
        } else {
            let backend = TcpListener::bind("127.0.0.1:0").await.expect("bound");
            let address = Address::Tcp(backend.local_addr().expect("bound").to_string());
            let serving = tokio::spawn(serve(listener, address, Arc::clone(&tap), stopped));
            let (client, daemon) = tokio::join!(connect, backend.accept());
            (client, Box::new(daemon.expect("accepted").0) as Box<dyn Peer>, serving)
        };
        Self { client: Some(client), daemon: Some(daemon), events, tap, stop, serving, _dir: dir }
    }

    async fn play(&mut self, steps: &[Step]) {
        for (number, step) in steps.iter().enumerate() {
            let done = async {
                match step {
                    C(bytes) => pass(self.client.as_mut(), self.daemon.as_mut(), bytes).await,
                    D(bytes) => pass(self.daemon.as_mut(), self.client.as_mut(), bytes).await,
                    ClientCloses => close(self.client.as_mut(), self.daemon.as_mut()).await,
                    DaemonCloses => close(self.daemon.as_mut(), self.client.as_mut()).await,
                    ClientLeaves => {
                        self.client = None;
                        ends(self.daemon.as_mut()).await;
                    }
                    DaemonLeaves => {
                        self.daemon = None;
                        ends(self.client.as_mut()).await;
                    }
                }
            };
            tokio::time::timeout(Duration::from_secs(10), done).await.unwrap_or_else(|_| panic!("step {number} did not arrive"));
        }
    }

    async fn finish(mut self) -> Vec<Event> {
        self.client = None;
        self.daemon = None;
        self.stop.send(true).expect("serving");
        self.serving.await.expect("no panic").expect("the backend was reached");
        self.tap.finish().expect("nothing is recorded");
        std::mem::take(&mut *self.events.lock().expect("not poisoned"))
    }
}

async fn pass(from: Option<&mut Box<dyn Peer>>, to: Option<&mut Box<dyn Peer>>, bytes: &[u8]) {
    let (from, to) = (from.expect("still there"), to.expect("still there"));
    let mut got = vec![0; bytes.len()];
    let (sent, received) = tokio::join!(from.write_all(bytes), to.read_exact(&mut got));
    sent.expect("sent");
    received.expect("received");
    assert!(got == bytes, "the bytes changed on the way");
}

async fn close(from: Option<&mut Box<dyn Peer>>, to: Option<&mut Box<dyn Peer>>) {
    from.expect("still there").shutdown().await.expect("closed");
    ends(to).await;
}

async fn ends(peer: Option<&mut Box<dyn Peer>>) {
    // A reset is an end, too: closing with unread bytes gives one.
    let count = peer.expect("still there").read(&mut [0; 16]).await.unwrap_or(0);
    assert_eq!(count, 0, "nothing more was to come");
}

/// Plays the conversation over all four kinds of links.
async fn through(steps: &[Step]) -> Vec<Event> {
    let mut last = None;
    for (unix_client, unix_daemon) in [(true, true), (true, false), (false, true), (false, false)] {
        let mut rig = Rig::new(unix_client, unix_daemon).await;
        rig.play(steps).await;
        let events = rig.finish().await;
        let now = verdicts(&events);
        assert_eq!(*last.get_or_insert_with(|| now.clone()), now, "the verdict does not depend on the kind of link");
        if (unix_client, unix_daemon) == (false, false) {
            return events;
        }
    }
    unreachable!("the last pair returns")
}

fn c(text: &str) -> Step {
    C(text.as_bytes().to_vec())
}

fn d(text: &str) -> Step {
    D(text.as_bytes().to_vec())
}

const PING: &str = "GET /v1.41/_ping HTTP/1.1\r\nHost: d\r\n\r\n";
const ATTACH: &str = "POST /v1.41/containers/web/attach?stream=1&stdin=1&stdout=1&stderr=1 HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n";
const UPGRADED: &str =
    "HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n";

#[tokio::test(flavor = "multi_thread")]
async fn keep_alive_and_pipelining() {
    let events = through(&[c(PING), d(PONG), c(&format!("{PING}{PING}")), d(PONG), d(PONG), ClientCloses, DaemonCloses]).await;
    assert_eq!(verdicts(&events), [Verdict::Pass; 3]);
    assert_eq!(violations(&events).count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_byte_alone() {
    let mut steps: Vec<Step> = PING.bytes().map(|byte| C(vec![byte])).collect();
    steps.extend(PONG.bytes().map(|byte| D(vec![byte])));
    let events = through(&steps).await;
    assert_eq!((verdicts(&events), violations(&events).count()), (vec![Verdict::Pass], 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn continue_comes_before_the_body() {
    let events = through(&[
        c("POST /v1.41/images/load?quiet=1 HTTP/1.1\r\nHost: d\r\nContent-Type: application/x-tar\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n"),
        d("HTTP/1.1 100 Continue\r\n\r\n"),
        c(&format!("400\r\n{}\r\n", "\0".repeat(1024))),
        c("0\r\n\r\n"),
        d("HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"),
        d("11\r\n{\"stream\":\"done\"}\r\n"),
        d("0\r\n\r\n"),
        ClientCloses,
        DaemonCloses,
    ])
    .await;
    assert_eq!((verdicts(&events), violations(&events).count()), (vec![Verdict::Pass], 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn hijack_with_101_and_half_close() {
    let events = through(&[
        c(ATTACH),
        d(UPGRADED),
        c("to stdin"),
        D(b"\x01\0\0\0\0\0\0\x03hi\n".to_vec()),
        C(vec![0xff, 0, 1, 2]),
        ClientCloses,
        D(b"\x02\0\0\0\0\0\0\x01!".to_vec()),
        D(b"\x01\0\0\0\0\0\0\x05first".to_vec()),
        DaemonCloses,
    ])
    .await;
    assert_eq!((verdicts(&events), violations(&events).count()), (vec![Verdict::Pass], 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn hijack_with_a_plain_200() {
    let events = through(&[
        c("POST /v1.16/containers/web/attach?stream=1&stdin=1&stdout=1 HTTP/1.1\r\nHost: d\r\n\r\n"),
        c("stdin before the answer"),
        d("HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\n"),
        D(b"\x01\0\0\0\0\0\0\x03hi\n".to_vec()),
        c("and after"),
        DaemonCloses,
        ClientCloses,
    ])
    .await;
    // Whether dockerd gives the container what came early is chance: a note.
    let rules: Vec<_> = violations(&events).map(|violation| violation.rule).collect();
    assert_eq!((verdicts(&events), rules), (vec![Verdict::Pass], vec![Rule::HijackEarlyBytes]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_behind_a_refused_hijack() {
    let refused = "HTTP/1.1 409 Conflict\r\nApi-Version: 1.41\r\nContent-Type: application/json\r\nContent-Length: 18\r\n\r\n{\"message\":\"no\"}\r\n";
    let events = through(&[c(ATTACH), c(PING), d(refused), d(PONG), ClientCloses, DaemonCloses]).await;
    assert_eq!(verdicts(&events), [Verdict::Pass; 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_http_goes_through() {
    let steps = [
        C(b"\x16\x03\x01\x02\0\x01\0\x01\xfc".to_vec()),
        D(b"SSH-2.0-x\r\n".to_vec()),
        c("more\r\n\r\n"),
        d("{}"),
        DaemonCloses,
        ClientCloses,
    ];
    through(&steps).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_and_a_daemon_that_does() {
    let head = "HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
    let events = "GET /v1.41/events HTTP/1.1\r\nHost: d\r\n\r\n";
    let gone = through(&[c(events), d(head), ClientLeaves]).await;
    assert_eq!(violations(&gone).count(), 0, "a client that leaves an endless stream is nobody's fault");
    let wait = "POST /v1.41/containers/web/wait?condition=removed HTTP/1.1\r\nHost: d\r\n\r\n";
    let left = through(&[c(wait), d(head), ClientCloses, d("0\r\n\r\n"), DaemonCloses]).await;
    assert_eq!(violations(&left).count(), 0, "dockerd ends an answer properly when its client has left");
    let cut = through(&[c(events), d(head), DaemonLeaves]).await;
    assert_eq!(violations(&cut).map(|violation| violation.rule.id()).collect::<Vec<_>>(), ["http.truncated"]);
}

/// What a daemon does wrong is reported at its place, and the client gets every byte of it all the same.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_reported_and_still_arrives() {
    let answer = |status: &str, headers: &str, body: &str| {
        let head = format!("HTTP/1.1 {status}\r\nApi-Version: 1.41\r\nDocker-Experimental: false\r\nOstype: linux\r\n{headers}");
        d(&format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()))
    };
    let json = "Content-Type: application/json\r\n";
    let wait = "POST /v1.41/containers/web/wait HTTP/1.1\r\nHost: d\r\n\r\n";
    for (request, response, rule, place) in [
        (wait, answer("200 OK", json, "{\"StatusCode\":\"0\"}"), "schema.type", "body /StatusCode"),
        (wait, answer("200 OK", json, "{\"Error\":null}"), "schema.missing-member", "body /StatusCode"),
        (wait, answer("202 Accepted", json, "{\"StatusCode\":0}"), "status.undocumented", "status line"),
        (wait, answer("200 OK", "", "{\"StatusCode\":0}"), "media.missing", "header Content-Type"),
    ] {
        let events = through(&[c(request), response, ClientCloses, DaemonCloses]).await;
        let found: Vec<_> = violations(&events).map(|violation| (violation.rule.id(), violation.place.to_string())).collect();
        assert_eq!(found, [(rule, place.to_owned())]);
    }
    // Without a TTY: the create says so, and later bytes of the same connection are judged by it.
    let create = [
        c(
            "POST /v1.41/containers/create?name=web HTTP/1.1\r\nHost: d\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n{\"Image\":\"base\"}",
        ),
        answer("201 Created", json, "{\"Id\":\"4fa6e0f0c6786287e131c3852c58a2e01cc697a68231826813597e4994f1d6e2\",\"Warnings\":[]}\n"),
        c(ATTACH),
        d(UPGRADED),
        D(b"\x01\0\0\0\0\0\0\x03hi\n".to_vec()),
    ];
    for (bytes, rule, place) in [
        (&b"The quick brown fox"[..], "frame.stream-type", "frame 1 at byte 11"),
        (b"\x01\0\x01\0\0\0\0\x01x", "frame.padding", "frame 1 at byte 11"),
        (b"\x01\0\0\0\0\0\0\x02hi\n\x01\0\0\0\0\0\0\x01x", "frame.length", "frame 1 at byte 11"),
        (b"\x01\0\0\0\0\0\0\x09cut", "frame.truncated", "frame 1 at byte 11"),
    ] {
        let mut rig = Rig::new(true, true).await;
        rig.play(&create).await;
        rig.play(&[D(bytes.to_vec()), DaemonCloses, ClientCloses]).await;
        let events = rig.finish().await;
        let found: Vec<_> = violations(&events).map(|violation| (violation.rule.id(), violation.place.to_string())).collect();
        assert_eq!(found, [(rule, place.to_owned())]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_megabytes_both_ways() {
    let block: Vec<u8> = (0..1_000_000u32).map(|number| u8::try_from(number % 251).expect("small")).collect();
    let mut steps = vec![c(ATTACH), d(UPGRADED)];
    for _ in 0..16 {
        let mut frame = vec![1, 0, 0, 0];
        frame.extend_from_slice(&u32::try_from(block.len()).expect("short").to_be_bytes());
        frame.extend_from_slice(&block);
        steps.extend([D(frame), C(block.clone())]);
    }
    let mut rig = Rig::new(true, true).await;
    rig.play(&steps).await;
    rig.play(&[ClientCloses, DaemonCloses]).await;
    let events = rig.finish().await;
    assert_eq!((verdicts(&events), violations(&events).count()), (vec![Verdict::Pass], 0));
    let Some(Event::Exchange(summary)) = events.last() else { panic!("the exchange is reported last") };
    assert_eq!((summary.frames, summary.request_bytes), (16, 16_000_000));
}
