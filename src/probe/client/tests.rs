//! The client against a tiny socket.

use std::sync::Arc;

use bytes::Bytes;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};

use super::*;

/// A daemon that gives each connection the next list of answers, one a request, then reads to the end and says bye.
fn daemon(dir: &tempfile::TempDir, scripts: Vec<Vec<&'static [u8]>>) -> (Arc<Gate>, tokio::task::JoinHandle<Vec<String>>) {
    let path = dir.path().join("d.sock");
    let listener = UnixListener::bind(&path).expect("bound");
    let serving = tokio::spawn(async move {
        let mut heard = Vec::new();
        for script in scripts {
            let (mut stream, _) = listener.accept().await.expect("a client");
            let mut seen = Vec::new();
            let closing = script.last().is_some_and(|answer| answer.windows(6).any(|window| window == b" close"));
            for answer in script {
                read_head(&mut stream, &mut seen).await;
                stream.write_all(answer).await.expect("written");
            }
            if !closing {
                let _ = stream.read_to_end(&mut seen).await;
                let _ = stream.write_all(b"bye").await;
            }
            heard.push(String::from_utf8_lossy(&seen).into_owned());
        }
        heard
    });
    (Arc::new(Gate::new(path, Arc::new(Ledger::default()))), serving)
}

async fn read_head(stream: &mut UnixStream, seen: &mut Vec<u8>) {
    let before = seen.len();
    while !seen[before..].ends_with(b"\r\n\r\n") {
        seen.push(stream.read_u8().await.expect("a head"));
    }
}

fn get(path: &str) -> Request {
    Request { method: "GET", path: path.to_owned(), headers: Vec::new(), body: Bytes::new() }
}

#[tokio::test]
async fn a_connection_is_kept_alive_and_a_closed_one_is_replaced() {
    let dir = tempfile::tempdir().expect("a folder");
    let ok: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK";
    let last: &[u8] = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    let (gate, serving) = daemon(&dir, vec![vec![ok, last], vec![ok]]);
    let mut client = Client::new(Arc::clone(&gate), 0);
    for (path, status) in [("/a", 200), ("/b", 404), ("/c", 200)] {
        assert_eq!(client.send(&get(path)).await.expect("an answer").status, status);
    }
    drop(client);
    let heard = serving.await.expect("it ends");
    assert!(heard[0].starts_with("GET /a ") && heard[0].contains("GET /b ") && heard[1].starts_with("GET /c "), "{heard:?}");
    assert_eq!(*gate.count.lock().await, 2);
}

#[tokio::test]
async fn both_handshakes_and_the_half_close() {
    let upgraded: &[u8] = b"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\nhello ";
    let plain: &[u8] = b"HTTP/1.1 200 OK\r\n\r\nhello ";
    for (answer, handshake, status) in [(upgraded, Handshake::Upgrade("tcp"), 101), (plain, Handshake::Plain, 200)] {
        let dir = tempfile::tempdir().expect("a folder");
        let (gate, serving) = daemon(&dir, vec![vec![answer]]);
        let mut client = Client::new(gate, 0);
        let request = Request { method: "POST", ..get("/attach") };
        let mut raw = client.hijack(&request, handshake).await.expect("an answer");
        assert_eq!(raw.status, status);
        raw.read_until(b"hello").await.expect("the greeting");
        raw.write(b"input").await.expect("taken");
        raw.half_close().await.expect("closed");
        assert_eq!(&raw.read_to_end().await.expect("the end")[..], b"hello bye");
        let heard = serving.await.expect("it ends");
        assert!(heard[0].ends_with("\r\n\r\ninput"), "{heard:?}");
        assert_eq!(heard[0].contains("Upgrade: tcp"), status == 101);
    }
}

#[tokio::test]
async fn a_refused_hijack_tells_why() {
    let dir = tempfile::tempdir().expect("a folder");
    let (gate, _serving) = daemon(&dir, vec![vec![b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\ngone"]]);
    let raw = Client::new(gate, 0).hijack(&get("/x"), Handshake::Plain).await.expect("an answer");
    assert_eq!(raw.status, 404);
    assert_eq!(&raw.refusal().await[..], b"gone");
}

#[tokio::test]
async fn what_is_no_http_is_a_fault() {
    let dir = tempfile::tempdir().expect("a folder");
    let (gate, _serving) = daemon(&dir, vec![vec![b"nonsense\r\n\r\n"], vec![b"nonsense\r\n\r\n"]]);
    let mut client = Client::new(gate, 0);
    assert!(client.send(&get("/x")).await.is_err());
    assert!(client.hijack(&get("/x"), Handshake::Plain).await.is_err());
}
