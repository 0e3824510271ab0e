//! Request smuggling: every way in which two readers of one byte stream are known to disagree on where a request ends, or where it goes. In observe
//! mode the bytes pass unchanged and the report names the trick; in enforce mode none of them reaches the daemon.

use std::io::Write;
use std::net::Shutdown;

use super::rig::{Proxy, pass, rest};

/// Behind each: what a reader that was deceived takes for the next request.
const SMUGGLED: &str = "GET /v1.41/smuggled HTTP/1.1\r\nHost: d\r\n\r\n";

struct Trick {
    what: &'static str,
    /// The request, with `METHOD target` and so on; `Host` is part of it.
    bytes: String,
    rule: &'static str,
    /// Where the request ends is not known, so nothing behind it is read as one.
    lost: bool,
}

fn create(headers: &str, body: &str) -> String {
    format!("POST /v1.41/containers/create HTTP/1.1\r\nHost: d\r\nContent-Type: application/json\r\n{headers}\r\n{body}")
}

#[expect(clippy::too_many_lines, reason = "a table")]
fn tricks() -> Vec<Trick> {
    let json = "{\"Image\":\"base\"}";
    let chunked = "Transfer-Encoding: chunked\r\n";
    let chunks = "10\r\n{\"Image\":\"base\"}\r\n0\r\n\r\n";
    let mut all = Vec::new();
    let mut trick = |what, bytes: String, rule, lost| all.push(Trick { what, bytes, rule, lost });
    // Two lengths. What is read is what dockerd reads: the chunks.
    trick("CL.TE", create("Content-Length: 26\r\nTransfer-Encoding: chunked\r\n", chunks), "http.length-and-chunked", false);
    trick("TE.CL", create("Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", chunks), "http.length-and-chunked", false);
    trick("CL.TE in another case", create("content-length: 4\r\ntransfer-encoding: CHUNKED\r\n", chunks), "http.length-and-chunked", false);
    for (what, coding) in [
        ("TE.TE, unknown first", "Transfer-Encoding: xchunked\r\n"),
        ("TE.TE, identity behind", "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n"),
        ("TE.TE, identity before", "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n"),
        ("TE.TE, twice", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
        ("TE.TE, a list", "Transfer-Encoding: identity, chunked\r\n"),
        ("TE.TE, a list that ends otherwise", "Transfer-Encoding: chunked, identity\r\n"),
        ("TE.TE, quoted", "Transfer-Encoding: \"chunked\"\r\n"),
        ("TE.TE, a parameter", "Transfer-Encoding: chunked;q=1\r\n"),
        ("TE.TE, empty", "Transfer-Encoding:\r\n"),
    ] {
        trick(what, create(coding, chunks), "http.transfer-coding", true);
    }
    trick("TE.TE, vertical tab", create("Transfer-Encoding: \x0bchunked\r\n", chunks), "http.field-syntax", true);
    trick("TE.TE, blank before the colon", create("Transfer-Encoding : chunked\r\n", chunks), "http.field-syntax", false);
    trick("TE.TE, tab before the colon", create("Transfer-Encoding\t: chunked\r\n", chunks), "http.field-syntax", false);
    trick("TE.TE, folded", create("Transfer-Encoding:\r\n chunked\r\n", chunks), "http.obsolete-folding", true);
    trick("TE.TE, folded behind another", create("X: y\r\n Transfer-Encoding: chunked\r\n", ""), "http.obsolete-folding", false);
    trick("TE.TE, behind a bare CR", create("X: y\rTransfer-Encoding: chunked\r\n", ""), "http.field-syntax", false);
    trick("TE.TE, behind a bare LF", create("X: y\nTransfer-Encoding: chunked\r\n", chunks), "http.bare-lf", false);
    // Lengths.
    for (what, lengths, rule) in [
        ("two lengths", "Content-Length: 16\r\nContent-Length: 0\r\n", "http.conflicting-length"),
        ("two lengths in one line", "Content-Length: 16, 0\r\n", "http.conflicting-length"),
        ("a signed length", "Content-Length: +16\r\n", "http.bad-length"),
        ("a negative length", "Content-Length: -1\r\n", "http.bad-length"),
        ("a hexadecimal length", "Content-Length: 0x10\r\n", "http.bad-length"),
        ("a length with a blank", "Content-Length: 1 6\r\n", "http.bad-length"),
        ("a length with a separator", "Content-Length: 1_6\r\n", "http.bad-length"),
        ("a length with a fraction", "Content-Length: 16.0\r\n", "http.bad-length"),
        ("an empty length", "Content-Length:\r\n", "http.bad-length"),
        ("a length of more than 64 bits", "Content-Length: 18446744073709551632\r\n", "http.bad-length"),
    ] {
        trick(what, create(lengths, json), rule, true);
    }
    trick("one length twice", create("Content-Length: 16\r\nContent-Length: 16\r\n", json), "http.repeated-length", false);
    trick("one length twice in a line", create("Content-Length: 16, 16\r\n", json), "http.repeated-length", false);
    trick("a blank before the colon", create("Content-Length : 16\r\n", json), "http.field-syntax", false);
    trick("NUL in a header", create("Content-Length: 16\r\nX: a\0b\r\n", json), "http.field-syntax", false);
    trick("NUL in a name", create("Content-Length: 16\r\nX\0: a\r\n", json), "http.field-syntax", false);
    trick("no colon", create("Content-Length: 16\r\nX\r\n", json), "http.field-syntax", false);
    trick("no name", create("Content-Length: 16\r\n: a\r\n", json), "http.field-syntax", false);
    trick("a blank line with a blank", create("Content-Length: 16\r\n \r\n", json), "http.obsolete-folding", false);
    trick(
        "a length beyond a thousand headers",
        create(&format!("{}Content-Length: 16\r\n", "A: b\r\n".repeat(1001)), json),
        "http.many-fields",
        false,
    );
    // Chunks.
    for (what, broken) in [
        ("a chunk size that overflows", format!("10000000000000010\r\n{json}\r\n0\r\n\r\n")),
        ("a chunk size of 17 digits", format!("00000000000000010\r\n{json}\r\n0\r\n\r\n")),
        ("a signed chunk size", format!("+10\r\n{json}\r\n0\r\n\r\n")),
        ("a chunk size with 0x", format!("0x10\r\n{json}\r\n0\r\n\r\n")),
        ("a chunk size behind a blank", format!(" 10\r\n{json}\r\n0\r\n\r\n")),
        ("a chunk size and LF", format!("10\n{json}\r\n0\r\n\r\n")),
        ("a chunk size and CR", format!("10\r{json}\r\n0\r\n\r\n")),
        ("CR in a chunk extension", format!("10;a\rb\r\n{json}\r\n0\r\n\r\n")),
        ("LF in a chunk extension", format!("10;a\nb\r\n{json}\r\n0\r\n\r\n")),
        ("NUL in a chunk extension", format!("10;a\0b\r\n{json}\r\n0\r\n\r\n")),
        ("a chunk that is longer than its size", format!("f\r\n{json}\r\n0\r\n\r\n")),
        ("a chunk that ends with LF", format!("10\r\n{json}\n0\r\n\r\n")),
        ("trailers without a colon", format!("10\r\n{json}\r\n0\r\nX\r\n\r\n")),
        ("trailers with a blank before the colon", format!("10\r\n{json}\r\n0\r\nX : y\r\n\r\n")),
        ("trailers that are folded", format!("10\r\n{json}\r\n0\r\nX: y\r\n z: a\r\n\r\n")),
        ("trailers with a bare CR", format!("10\r\n{json}\r\n0\r\nX: y\rContent-Length: 5\r\n\r\n")),
        ("trailers with a bare LF", format!("10\r\n{json}\r\n0\r\nX: y\nZ: a\r\n\r\n")),
    ] {
        trick(what, create(chunked, &broken), "http.bad-chunk", true);
    }
    // Targets and first lines.
    let get = |line: &str| format!("{line}\r\nHost: d\r\n\r\n");
    trick("the absolute form", get("GET http://elsewhere/v1.41/_ping HTTP/1.1"), "http.target-form", false);
    trick("the absolute form, of another scheme", get("GET ftp://elsewhere/v1.41/_ping HTTP/1.1"), "http.target-form", false);
    trick("the authority form", get("CONNECT elsewhere:80 HTTP/1.1"), "http.target-form", false);
    trick("the authority form without CONNECT", get("GET elsewhere:80 HTTP/1.1"), "http.target-form", false);
    for (what, line) in [
        ("a blank in the target", "GET /v1.41/_ping x HTTP/1.1"),
        ("two blanks", "GET  /v1.41/_ping HTTP/1.1"),
        ("tabs for blanks", "GET\t/v1.41/_ping\tHTTP/1.1"),
        ("a bare CR in the target", "GET /v1.41/_ping\rX:y HTTP/1.1"),
        ("NUL in the target", "GET /v1.41/_ping\0 HTTP/1.1"),
        ("NUL in the method", "GE\0T /v1.41/_ping HTTP/1.1"),
        ("another version", "GET /v1.41/_ping HTTP/1.2"),
        ("HTTP/0.9", "GET /v1.41/_ping"),
        ("a blank behind the version", "GET /v1.41/_ping HTTP/1.1 "),
    ] {
        trick(what, get(line), "http.start-line", true);
    }
    trick("a blank line first", format!("\r\n{}", get("GET /v1.41/_ping HTTP/1.1")), "http.leading-blank-line", false);
    trick("a bare LF", "GET /v1.41/_ping HTTP/1.1\nHost: d\n\n".to_owned(), "http.bare-lf", false);
    trick("two hosts", "GET /v1.41/_ping HTTP/1.1\r\nHost: d\r\nHost: e\r\n\r\n".to_owned(), "http.missing-host", false);
    let old = format!("POST /v1.41/containers/create HTTP/1.0\r\nHost: d\r\n{chunked}\r\n{chunks}");
    trick("chunks in HTTP/1.0", old, "http.transfer-coding", true);
    all
}

#[test]
fn observe_mode_passes_every_trick_unchanged_and_reports_it() {
    let proxy = Proxy::start(&[]);
    let tricks = tricks();
    for Trick { bytes, .. } in &tricks {
        let (mut client, mut daemon) = proxy.pair();
        pass(&mut client, &mut daemon, format!("{bytes}{SMUGGLED}").as_bytes());
        client.shutdown(Shutdown::Write).expect("closed");
        assert_eq!(rest(&mut daemon), b"", "nothing is added");
        drop(daemon);
        assert_eq!(rest(&mut client), b"", "nothing is answered for the daemon");
    }
    let ended = proxy.stop();
    let mut complaints = Vec::new();
    for (number, Trick { what, rule, lost, .. }) in (1u64..).zip(&tricks) {
        let of = |kind: &str| ended.lines.iter().filter(|line| line["type"] == kind && line["connection"] == number).collect::<Vec<_>>();
        let rules: Vec<_> = of("violation").iter().map(|line| line["rule"].as_str().unwrap_or_default().to_owned()).collect();
        if !rules.iter().any(|found| found == rule) {
            complaints.push(format!("{what}: {rules:?}, not {rule}"));
        }
        let unknown = of("exchange").iter().all(|line| !line["path"].as_str().unwrap_or_default().ends_with("/smuggled"));
        if *lost != unknown {
            complaints.push(format!("{what}: what is behind it is read: {}, and not {lost}", !unknown));
        }
        if *lost && of("not-inspected").is_empty() {
            complaints.push(format!("{what}: that it is not judged is not said"));
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn enforce_mode_lets_no_trick_through() {
    let proxy = Proxy::start(&["--mode", "enforce"]);
    let mut complaints = Vec::new();
    for Trick { what, bytes, rule, .. } in tricks() {
        let (mut client, mut daemon) = proxy.pair();
        // It may be refused while it is still being sent.
        let _ = client.write_all(format!("{bytes}{SMUGGLED}").as_bytes());
        let reply = String::from_utf8_lossy(&rest(&mut client)).into_owned();
        if !reply.starts_with("HTTP/1.1 400 Bad Request\r\n") || !reply.contains("Connection: close\r\n") || !reply.contains(rule) {
            complaints.push(format!("{what}: is answered {reply:?}, not for {rule}"));
        }
        let got = rest(&mut daemon);
        if !got.is_empty() {
            complaints.push(format!("{what}: the daemon got {:?}", String::from_utf8_lossy(&got)));
        }
    }
    proxy.stop();
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

/// What looks odd and is sound passes in both modes, and is no violation.
#[test]
fn what_is_sound_passes_in_both_modes() {
    let json = "{\"Image\":\"base\"}";
    for mode in ["observe", "enforce"] {
        let proxy = Proxy::start(&["--mode", mode]);
        for bytes in [
            create("Transfer-Encoding: chunked\r\n", &format!("10;name=\"value; more\"\r\n{json}\r\n0\r\n\r\n")),
            create("Transfer-Encoding: chunked\r\n", &format!("0010 \r\n{json}\r\n0\r\nX-Trailer: y\r\n\r\n")),
            create("Transfer-Encoding:\tchunked \r\n", &format!("10\r\n{json}\r\n0\r\n\r\n")),
            create("Content-Length:   016\r\n", json),
        ] {
            let (mut client, mut daemon) = proxy.pair();
            pass(&mut client, &mut daemon, bytes.as_bytes());
        }
        let ended = proxy.stop();
        assert_eq!((ended.rules(), ended.exchanges()), (vec![], 4), "{mode}");
    }
}
