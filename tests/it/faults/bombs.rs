//! Bytes made to hurt: too many, too long, too deep, or much more than they seem.

use std::io::Write;

use super::rig::{Ended, Proxy, pass, rest};
use crate::support::PONG;

/// No input makes it take more than this, in MiB (in a build without optimisation; what is held is bounded by 8 MiB a body).
const MEMORY: u64 = 160;

/// Sends a request and an answer through, byte for byte, looks at the memory, and ends.
fn exchange(request: &[u8], answer: &[u8]) -> Ended {
    let proxy = Proxy::start(&[]);
    let (mut client, mut daemon) = proxy.pair();
    pass(&mut client, &mut daemon, request);
    pass(&mut daemon, &mut client, answer);
    drop((client, daemon));
    proxy.still_serves();
    let peak = proxy.peak().unwrap_or_default();
    assert!(peak < MEMORY, "{peak} MiB");
    let ended = proxy.stop();
    assert_eq!(ended.code & !1, 0, "{}", ended.err);
    ended
}

fn request(method: &str, path: &str, media: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("{method} {path} HTTP/1.1\r\nHost: d\r\nContent-Type: {media}\r\nContent-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

fn answer(status: &str, media: &str, body: &[u8]) -> Vec<u8> {
    let head =
        format!("HTTP/1.1 {status}\r\nApi-Version: 1.41\r\nDocker-Experimental: false\r\nOstype: linux\r\nContent-Type: {media}\r\n");
    [format!("{head}Content-Length: {}\r\n\r\n", body.len()).as_bytes(), body].concat()
}

fn list(body: &[u8]) -> Ended {
    let get = "GET /v1.41/containers/json HTTP/1.1\r\nHost: d\r\n\r\n";
    exchange(get.as_bytes(), &answer("200 OK", "application/json", body))
}

#[test]
fn a_hundred_thousand_headers() {
    let many = format!("GET /v1.41/_ping HTTP/1.1\r\nHost: d\r\n{}\r\n", "A: b\r\n".repeat(100_000));
    let ended = exchange(many.as_bytes(), PONG.as_bytes());
    assert_eq!(ended.rules(), ["http.many-fields"]);
}

/// A gigabyte takes no more than these 128 MiB do: nothing is kept of a head once it is over its limit.
#[test]
fn a_header_line_without_an_end() {
    let proxy = Proxy::start(&[]);
    let (mut client, mut daemon) = proxy.pair();
    pass(&mut client, &mut daemon, b"GET /v1.41/_ping HTTP/1.1\r\nHost: d\r\nX-Long: ");
    let piece = vec![b'x'; 1 << 20];
    for _ in 0..128 {
        pass(&mut client, &mut daemon, &piece);
    }
    pass(&mut client, &mut daemon, b"\r\n\r\n");
    let peak = proxy.peak().unwrap_or_default();
    assert!(peak < MEMORY, "{peak} MiB");
    drop(daemon);
    assert_eq!(rest(&mut client), b"");
    let ended = proxy.stop();
    assert_eq!(ended.rules(), ["http.head-too-large"]);
}

#[test]
fn json_nested_a_hundred_thousand_deep() {
    let deep = [vec![b'['; 100_000], vec![b']'; 100_000]].concat();
    let ended = list(&deep);
    assert_eq!((ended.rules(), ended.reasons()), (vec![], vec!["JSON nested deeper than 128 levels"]));
    let create =
        request("POST", "/v1.41/containers/create", "application/json", &[b"{\"Image\":\"base\",\"Cmd\":", &deep[..], b"}"].concat());
    let ended = exchange(&create, &answer("400 Bad Request", "application/json", b"{\"message\":\"exceeded max depth\"}\n"));
    assert_eq!((ended.rules(), ended.reasons()), (vec![], vec!["JSON nested deeper than 128 levels"]));
    // In a stream.
    let stream = [b"HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nContent-Type: application/json\r\n\r\n", &deep[..]].concat();
    let ended = exchange(b"GET /v1.41/events HTTP/1.1\r\nHost: d\r\n\r\n", &stream);
    assert_eq!((ended.rules(), ended.reasons()), (vec![], vec!["JSON nested deeper than 128 levels"]));
}

#[test]
fn huge_numbers() {
    for number in ["1e999999".to_owned(), "9".repeat(100_000), format!("-{}", "9".repeat(100_000))] {
        let ended = list(format!("[{{\"Created\":{number}}}]").as_bytes());
        assert_eq!(ended.reasons(), ["JSON with a number that no 64-bit float holds"], "{:?}", ended.rules());
    }
    // These are numbers as others are: they are judged.
    for number in ["1e-999999", "18446744073709551616", "0.00000000000000000000000000000000000001"] {
        let ended = list(format!("[{{\"Created\":{number}}}]").as_bytes());
        assert!(ended.reasons().is_empty() && !ended.rules().is_empty(), "{number}: {:?}", ended.reasons());
    }
}

#[test]
fn invalid_utf_8_and_nul_bytes() {
    for body in [&b"[{\"Id\":\"\xff\xfe\"}]"[..], b"[\0]", b"\0\0\0\0", b"\xed\xa0\x80"] {
        assert_eq!(list(body).rules(), ["schema.not-json"], "{body:?}");
    }
    let ended = exchange(b"GET /v1.41/containers/%ff%00/json?x=%00 HTTP/1.1\r\nHost: d\r\nX: \xff\xfe\r\n\r\n", PONG.as_bytes());
    assert_eq!(ended.exchanges(), 2);
    let ended = exchange(b"GET /v1.41/_ping HTTP/1.1\r\nHost: d\r\nX: a\0b\r\n\r\n", PONG.as_bytes());
    assert_eq!(ended.rules(), ["http.field-syntax"]);
}

/// Archives that are thousands of times larger when they are undone than when they are sent: 320 MiB of zeros where undoing is quick, less where not.
#[test]
fn decompression_bombs() {
    let five = |member: Vec<u8>| member.repeat(5);
    let zeros = vec![0u8; 64 << 20];
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&zeros).expect("in memory");
    let mut bzip2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::best());
    bzip2.write_all(&zeros[..16 << 20]).expect("in memory");
    // RFC 8878: a frame with a window of 128 KiB, and blocks that say "this byte, 128 Ki times".
    let mut zstd = vec![0x28, 0xb5, 0x2f, 0xfd, 0, 0x38];
    for left in (0..2560u32).rev() {
        zstd.extend_from_slice(&((128 << 10 << 3) | (1 << 1) | u32::from(left == 0)).to_le_bytes()[..3]);
        zstd.push(0);
    }
    let xz = std::fs::read(crate::support::repository("fixtures/faults/zeros-64-mib.xz")).expect("kept");
    let over = vec!["compressed, and larger than 256 MiB when it is undone"];
    for (name, body, reasons) in [
        ("gzip", five(gzip.finish().expect("in memory")), over.clone()),
        ("zstd", zstd, over),
        ("bzip2", bzip2.finish().expect("in memory"), vec![]),
        ("xz", xz, vec![]),
    ] {
        assert!(body.len() < 2 << 20, "{name}: {}", body.len());
        let load = request("POST", "/v1.41/images/load?quiet=1", "application/x-tar", &body);
        let ended = exchange(&load, &answer("200 OK", "application/json", b"{\"stream\":\"Loaded\"}\n"));
        assert_eq!((ended.reasons(), ended.exchanges()), (reasons, 2), "{name}: {:?}", ended.rules());
    }
}

#[test]
fn tar_entries_of_two_to_the_63() {
    for size in [&b"\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff"[..], b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", b"77777777777\0"]
    {
        let mut header = vec![0u8; 512];
        header[..4].copy_from_slice(b"file");
        header[100..108].copy_from_slice(b"0000644\0");
        header[124..136].copy_from_slice(size);
        header[136..148].copy_from_slice(b"00000000000\0");
        header[156] = b'0';
        header[257..265].copy_from_slice(b"ustar\x0000");
        header[148..156].fill(b' ');
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        header.resize(4096, 7);
        let put = request("PUT", "/v1.41/containers/web/archive?path=/", "application/x-tar", &header);
        let ended = exchange(
            &put,
            b"HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nDocker-Experimental: false\r\nOstype: linux\r\nContent-Length: 0\r\n\r\n",
        );
        assert!(ended.rules().iter().all(|rule| rule.starts_with("tar.")) && !ended.rules().is_empty(), "{:?}", ended.rules());
    }
}

/// Patterns that take others exponential time are linear here; those that only a backtracking engine can match are refused before they are used.
#[test]
fn a_schema_overlay_with_catastrophic_patterns() {
    let dir = tempfile::tempdir().expect("a folder");
    let operation = |pattern: &str| {
        serde_json::json!({
            "id": "ThingList", "summary": "Lists things.",
            "routes": [{ "method": "GET", "path": "/things", "since": "1.0" }],
            "responses": { "200": { "body": { "framing": "json", "schema": { "type": "string", "pattern": pattern } } } },
            "examples": [{ "at": "1.0..", "status": 200, "body": "aaa" }]
        })
    };
    let write = |pattern: &str| {
        std::fs::create_dir_all(dir.path().join("vendor")).expect("made");
        std::fs::write(dir.path().join("vendor/ThingList.json"), operation(pattern).to_string()).expect("written");
    };
    let lint = || {
        let path = dir.path().to_str().expect("text");
        let output =
            std::process::Command::new(env!("CARGO_BIN_EXE_plimsoll")).args(["schemas", "lint", path]).output().expect("it starts");
        (output.status.code(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
    };
    write("^(a+)+$");
    assert_eq!(lint().0, Some(0), "{}", lint().1);
    let proxy = Proxy::start(&["--schemas", dir.path().to_str().expect("text")]);
    let (mut client, mut daemon) = proxy.pair();
    let body = format!("\"{}!\"", "a".repeat(100_000));
    pass(&mut client, &mut daemon, b"GET /v1.41/things HTTP/1.1\r\nHost: d\r\n\r\n");
    pass(&mut daemon, &mut client, &answer("200 OK", "application/json", body.as_bytes()));
    drop((client, daemon));
    let ended = proxy.stop();
    assert_eq!(ended.rules(), ["schema.format"], "it was judged: {:?}", ended.reasons());
    for pattern in ["(a+)\\1", "^(?=.*a)", "(?<!b)a", "a{1000}{1000}{1000}", "(a"] {
        write(pattern);
        let (code, said) = lint();
        assert_eq!(code, Some(2), "{pattern}: {said}");
        assert!(said.contains("ThingList.json") && said.contains("pattern"), "{pattern}: {said}");
    }
}
