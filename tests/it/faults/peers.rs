//! Peers that die, stall, reset, or end in one direction only.

use std::io::{Read, Write};
use std::net::Shutdown;

use super::rig::{PING, Proxy, pass, rest};
use crate::support::PONG;

const ATTACH: &str = "POST /v1.41/containers/web/attach?stream=1&stdin=1&stdout=1&stderr=1 HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n";
const UPGRADED: &str =
    "HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n";
const EVENTS: &str = "GET /v1.41/events HTTP/1.1\r\nHost: d\r\n\r\n";
const STREAM: &str = "HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";

#[test]
fn daemon_killed_in_the_middle_of_a_stream() {
    let proxy = Proxy::start(&[]);
    let (mut client, mut daemon) = proxy.pair();
    pass(&mut client, &mut daemon, EVENTS.as_bytes());
    daemon.write_all(STREAM.as_bytes()).expect("taken");
    daemon.write_all(b"40\r\n{\"Type\":").expect("taken");
    drop(daemon);
    assert_eq!(rest(&mut client), [STREAM.as_bytes(), b"40\r\n{\"Type\":"].concat(), "what came before the end arrives, and then the end");
    proxy.still_serves();
    let ended = proxy.stop();
    assert_eq!((ended.code, ended.rules(), ended.exchanges()), (1, vec!["http.truncated"], 2));
}

#[test]
fn client_gone_in_the_middle_of_a_stream() {
    let proxy = Proxy::start(&[]);
    let (mut client, mut daemon) = proxy.pair();
    pass(&mut client, &mut daemon, EVENTS.as_bytes());
    pass(&mut daemon, &mut client, STREAM.as_bytes());
    drop(client);
    assert_eq!(rest(&mut daemon), b"", "the daemon is told");
    // It goes on writing until its side is closed as well.
    while daemon.write_all(b"1\r\n \r\n").is_ok() {}
    proxy.still_serves();
    let ended = proxy.stop();
    assert_eq!((ended.code, ended.rules(), ended.exchanges()), (0, vec![], 2), "a client that leaves an endless stream is nobody's fault");
}

/// A unix socket that is closed with unread bytes before it is a reset for the other side.
#[test]
fn reset_on_either_side() {
    let proxy = Proxy::start(&[]);
    for client_resets in [true, false] {
        let (mut client, mut daemon) = proxy.pair();
        pass(&mut client, &mut daemon, ATTACH.as_bytes());
        pass(&mut daemon, &mut client, UPGRADED.as_bytes());
        let (mut gone, mut stays) = if client_resets { (client, daemon) } else { (daemon, client) };
        stays.write_all(b"\x01\0\0\0\0\0\0\x03abc").expect("taken");
        gone.read_exact(&mut [0; 4]).expect("arrives");
        gone.write_all(b"\x01\0\0\0\0\0\0\x03xyz").expect("taken");
        drop(gone);
        let got = rest(&mut stays);
        assert!(b"\x01\0\0\0\0\0\0\x03xyz".starts_with(&got[..]), "nothing else came: {got:?}");
    }
    proxy.still_serves();
    let ended = proxy.stop();
    assert_eq!((ended.code, ended.rules(), ended.exchanges()), (0, vec![], 3));
}

#[test]
fn half_open_peers() {
    let proxy = Proxy::start(&[]);
    let (mut client, mut daemon) = proxy.pair();
    pass(&mut client, &mut daemon, ATTACH.as_bytes());
    pass(&mut daemon, &mut client, UPGRADED.as_bytes());
    client.shutdown(Shutdown::Write).expect("closed");
    assert_eq!(daemon.read(&mut [0; 1]).expect("an end"), 0);
    pass(&mut daemon, &mut client, b"\x01\0\0\0\0\0\0\x05after");
    drop(daemon);
    assert_eq!(rest(&mut client), b"");
    // The other way round: the daemon has ended, and still listens.
    let (mut client, mut daemon) = proxy.pair();
    pass(&mut client, &mut daemon, ATTACH.as_bytes());
    pass(&mut daemon, &mut client, UPGRADED.as_bytes());
    daemon.shutdown(Shutdown::Write).expect("closed");
    assert_eq!(client.read(&mut [0; 1]).expect("an end"), 0);
    pass(&mut client, &mut daemon, b"stdin that nobody answers");
    drop(client);
    assert_eq!(rest(&mut daemon), b"");
    // Peers that say nothing at all hold nobody up.
    let silent: Vec<_> = (0..50).map(|_| proxy.pair()).collect();
    proxy.still_serves();
    drop(silent);
    let ended = proxy.stop();
    assert_eq!((ended.code, ended.rules(), ended.exchanges()), (0, vec![], 3));
}

/// One byte at a time, each awaited: nothing gathers bytes, and there is no timeout that a slow peer could run into.
#[test]
fn slow_writers() {
    let proxy = Proxy::start(&[]);
    let (mut client, mut daemon) = proxy.pair();
    for byte in ATTACH.bytes() {
        pass(&mut client, &mut daemon, &[byte]);
    }
    for byte in UPGRADED.bytes().chain(*b"\x01\0\0\0\0\0\0\x03abc") {
        pass(&mut daemon, &mut client, &[byte]);
    }
    for byte in b"typed" {
        pass(&mut client, &mut daemon, &[*byte]);
    }
    drop((client, daemon));
    let ended = proxy.stop();
    assert_eq!((ended.code, ended.rules(), ended.exchanges()), (0, vec![], 1));
}

/// A reader that takes nothing stops its own stream, and neither the memory nor anybody else pays for it.
#[test]
fn slow_readers() {
    let proxy = Proxy::start(&[]);
    let (mut client, mut daemon) = proxy.pair();
    pass(&mut client, &mut daemon, ATTACH.as_bytes());
    pass(&mut daemon, &mut client, UPGRADED.as_bytes());
    // What is learnt once is learnt before.
    proxy.still_serves();
    let before = proxy.peak();
    let mut frame = vec![1, 0, 0, 0, 0, 16, 0, 0];
    frame.resize(8 + (1 << 20), b'x');
    let all = 64 * frame.len();
    std::thread::scope(|scope| {
        let frame = &frame;
        scope.spawn(move || {
            for _ in 0..64 {
                daemon.write_all(frame).expect("taken at last");
            }
        });
        // Others are served while it is stuck.
        for _ in 0..3 {
            proxy.still_serves();
        }
        let mut one = [0; 1];
        for due in &frame[..1000] {
            client.read_exact(&mut one).expect("arrives");
            assert_eq!(one[0], *due);
        }
        let got = rest(&mut client);
        assert_eq!(got.len() + 1000, all);
        assert!(got.iter().enumerate().all(|(at, byte)| *byte == frame[(at + 1000) % frame.len()]), "the bytes changed on the way");
    });
    if let (Some(before), Some(peak)) = (before, proxy.peak()) {
        assert!(peak < before + 24, "{before} MiB before, {peak} MiB at most");
    }
    let ended = proxy.stop();
    assert_eq!((ended.code, ended.rules(), ended.exchanges()), (0, vec![], 5));
}

/// The daemon takes no more of stdin and still has something to say, as a container does that closes its input.
#[test]
fn daemon_that_takes_no_more_and_goes_on_sending() {
    let proxy = Proxy::start(&[]);
    let (mut client, mut daemon) = proxy.pair();
    pass(&mut client, &mut daemon, ATTACH.as_bytes());
    pass(&mut daemon, &mut client, UPGRADED.as_bytes());
    daemon.shutdown(Shutdown::Read).expect("closed");
    client.write_all(b"nobody wants this").expect("taken");
    for _ in 0..100 {
        pass(&mut daemon, &mut client, b"\x01\0\0\0\0\0\0\x03abc");
    }
    drop((client, daemon));
    proxy.still_serves();
    let ended = proxy.stop();
    assert_eq!((ended.code, ended.rules(), ended.exchanges()), (0, vec![], 2));
    let frames = ended.lines.iter().find_map(|line| line["frames"].as_u64());
    assert_eq!(frames, Some(100), "they are judged, too");
}

/// Recordings may hold bytes behind the end of their side: they belong to nothing, and the judge ends all the same.
#[test]
fn bytes_behind_the_end_of_their_side() {
    let attach = format!("c1 > {ATTACH:?}\nc1 < {UPGRADED:?}\n");
    let export = "c1 > \"GET /v1.41/containers/web/export HTTP/1.1\\r\\nHost: d\\r\\n\\r\\n\"\nc1 < \"HTTP/1.1 200 OK\\r\\nContent-Length: 50\\r\\n\\r\\nabc\"\n";
    for begin in [&attach, export] {
        for end in ["<!", "<|", ">!", ">|", "<!\nc1 >|", ">!\nc1 <|"] {
            for side in ["<", ">"] {
                let text = format!("@plimsoll-transcript 1\n{begin}c1 {end}\nc1 {side} \"abc\"\nc1 {side} \"def\"\n");
                let transcript = plimsoll::transcript::read(text.as_bytes()).expect("a transcript");
                assert!(!crate::support::verdicts(&crate::support::judge(&transcript)).is_empty(), "{text}");
            }
        }
    }
}

#[test]
fn daemon_that_is_not_there_and_comes_back() {
    let proxy = Proxy::start(&[]);
    let (mut client, mut daemon) = proxy.pair();
    pass(&mut client, &mut daemon, PING.as_bytes());
    drop(daemon);
    assert_eq!(rest(&mut client), b"", "no answer of plimsoll's own in the middle of a connection");
    let (mut client, mut daemon) = proxy.pair();
    pass(&mut client, &mut daemon, PING.as_bytes());
    pass(&mut daemon, &mut client, PONG.as_bytes());
    let ended = proxy.stop();
    assert_eq!(ended.exchanges(), 2);
}
