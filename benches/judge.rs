//! What looking costs: each decoder by the byte, and the judge by the exchange.
//!
//! `cargo bench --bench judge`; `-- --test` runs each once.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use plimsoll::catalog::{Catalog, Schema};
use plimsoll::inspect::{Inspector, Seen, Settings};
use plimsoll::model::{ApiVersion, Side};
use plimsoll::transcript::{Entry, Reader, What, Writer};
use plimsoll::wire::{BodyDecoder, BodyLength, FrameDecoder, HeadReader, JsonStreamDecoder};

fn main() {
    divan::main();
}

const REQUEST: &[u8] = b"GET /v1.41/containers/json?all=1 HTTP/1.1\r\nHost: docker\r\nUser-Agent: Docker-Client/28.2.2 (linux)\r\nAccept-Encoding: identity\r\n\r\n";
const LIST: &[u8] = include_bytes!("compare/containers.json");
const READ: usize = 64 << 10;

fn response() -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nContent-Type: application/json\r\nDocker-Experimental: false\r\nOstype: linux\r\nServer: Docker/20.10.24 (linux)\r\nDate: Sun, 22 Nov 2026 09:00:00 GMT\r\nContent-Length: {}\r\n\r\n",
        LIST.len()
    );
    [head.as_bytes(), LIST].concat()
}

fn reads(stream: &[u8]) -> Vec<Bytes> {
    stream.chunks(READ).map(Bytes::copy_from_slice).collect()
}

#[divan::bench]
fn head(bencher: Bencher<'_, '_>) {
    let head = Bytes::from(response());
    bencher.counter(ItemsCount::new(1u32)).bench(|| HeadReader::new(Side::Daemon).push(&mut black_box(head.clone())));
}

/// A recording: heads and JSON as escaped text, a line a read.
#[divan::bench]
fn transcript_text(bencher: Bencher<'_, '_>) {
    read_transcript(bencher, &response().repeat(4));
}

/// The same size in base64, as archives and frames are recorded.
#[divan::bench]
fn transcript_base64(bencher: Bencher<'_, '_>) {
    read_transcript(bencher, &[1u8, 2, 0x80, 0xff].repeat(2600));
}

fn read_transcript(bencher: Bencher<'_, '_>, bytes: &[u8]) {
    let mut writer = Writer::new(Vec::new(), None).expect("a vector takes all");
    let what = What::Bytes(Bytes::copy_from_slice(bytes));
    for _ in 0..500 {
        let entry = Entry { line: 0, at: Duration::from_millis(104), connection: 1, side: Side::Daemon, what: what.clone() };
        writer.entry(&entry).expect("a vector takes all");
    }
    let text = writer.into_inner();
    bencher.counter(BytesCount::new(text.len())).bench(|| Reader::new(&text[..]).expect("a transcript").flatten().count());
}

/// Frames of 4 KiB, as dockerd sends the output of a busy container.
#[divan::bench]
fn frames(bencher: Bencher<'_, '_>) {
    let frame = [&b"\x01\0\0\0\0\0\x10\0"[..], &[b'x'; 4096]].concat();
    let stream = reads(&frame.repeat(1000));
    bencher.counter(BytesCount::new(1000 * frame.len())).bench(|| {
        let mut decoder = FrameDecoder::default();
        for read in &stream {
            let mut read = read.clone();
            while decoder.next(&mut read).is_some() {}
        }
        decoder.count()
    });
}

/// Lines of a pull.
#[divan::bench]
fn json_stream(bencher: Bencher<'_, '_>) {
    let line = b"{\"status\":\"Downloading\",\"progressDetail\":{\"current\":1048576,\"total\":3145728},\"progress\":\"[=====>     ] 1MB/3MB\",\"id\":\"8dbd9e392a96\"}\r\n";
    let stream = reads(&line.repeat(5000));
    bencher.counter(BytesCount::new(5000 * line.len())).bench(|| {
        let mut decoder = JsonStreamDecoder::default();
        for read in &stream {
            let mut read = read.clone();
            while !read.is_empty() {
                black_box(decoder.next(&mut read));
            }
        }
        decoder.count()
    });
}

#[divan::bench]
fn chunked(bencher: Bencher<'_, '_>) {
    let chunk = [&b"1000\r\n"[..], &[b'x'; 4096], b"\r\n"].concat();
    let stream = reads(&[chunk.repeat(1000), b"0\r\n\r\n".to_vec()].concat());
    bencher.counter(BytesCount::new(1000 * chunk.len())).bench(|| {
        let (mut decoder, _) = BodyDecoder::new(BodyLength::Chunked);
        for read in &stream {
            let mut read = read.clone();
            while black_box(decoder.next(&mut read)).is_some() {}
        }
        decoder.is_complete()
    });
}

/// The quick look at a list of containers.
#[divan::bench]
fn list_checked(bencher: Bencher<'_, '_>) {
    let schema = list_schema();
    bencher.counter(BytesCount::of_slice(LIST)).bench(|| schema.accepts(black_box(LIST)));
}

/// What it is to be held against: reading the list and keeping nothing.
#[divan::bench]
fn list_parsed(bencher: Bencher<'_, '_>) {
    bencher.counter(BytesCount::of_slice(LIST)).bench(|| serde_json::from_slice::<serde::de::IgnoredAny>(black_box(LIST)).is_ok());
}

/// The list by the authority: read into a document, which is held against the schema.
#[divan::bench]
fn list_by_authority(bencher: Bencher<'_, '_>) {
    let schema = list_schema();
    bencher
        .counter(BytesCount::of_slice(LIST))
        .bench(|| serde_json::from_slice(black_box(LIST)).is_ok_and(|document| schema.defects(&document).is_empty()));
}

fn list_schema() -> &'static Schema {
    let operation = Catalog::builtin().operation("ContainerList").expect("a shipped operation");
    let response = &operation.contract(ApiVersion::new(41)).responses[&200];
    response.body.schema.as_ref().expect("a list has a schema")
}

/// A list of containers that differs from the one before in one number of each: request, answer, verdict.
#[divan::bench]
fn exchange_new(bencher: Bencher<'_, '_>) {
    let inspector = Inspector::new(Settings::default());
    let request = Bytes::from_static(REQUEST);
    let text = String::from_utf8(response()).expect("text");
    let answers = [1_795_341_461, 1_795_341_462].map(|time: u64| Bytes::from(text.replace("1795341460", &time.to_string())));
    let mut turn = 0;
    bencher.counter(ItemsCount::new(1u32)).bench_local(|| {
        turn ^= 1;
        inspector.push(1, Side::Client, Seen::Bytes(request.clone()), None);
        inspector.judge(&mut |event| drop(black_box(event)));
        inspector.push(1, Side::Daemon, Seen::Bytes(answers[turn].clone()), None);
        inspector.judge(&mut |event| drop(black_box(event)));
    });
}

/// An answer of the catalogue's examples to an inspect, which holds an environment.
fn inspect() -> Vec<u8> {
    let operation = Catalog::builtin().operation("ContainerInspect").expect("an operation of the API");
    let examples = operation.source()["examples"].as_array().expect("examples");
    let bodies = examples
        .iter()
        .filter(|example| example["breaks"].is_null() && example["status"] == 200)
        .map(|example| example["body"].to_string());
    let body = bodies
        .max_by_key(String::len)
        .expect("an answer")
        .replace("\"Env\":null", "\"Env\":[\"PATH=/usr/local/bin:/usr/bin\",\"TOKEN=hunter2hunter2\"]");
    format!("HTTP/1.1 200 OK\r\nApi-Version: 1.41\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len())
        .into_bytes()
}

/// An inspect, with and without redaction.
#[divan::bench(args = [false, true])]
fn secrets(bencher: Bencher<'_, '_>, redact: bool) {
    let inspector = Inspector::new(Settings { aliases: redact.then(Arc::default), ..Settings::default() });
    let request = Bytes::from_static(b"GET /v1.41/containers/web/json HTTP/1.1\r\nHost: docker\r\n\r\n");
    let response = Bytes::from(inspect());
    bencher.counter(BytesCount::new(response.len())).bench_local(|| {
        inspector.push(1, Side::Client, Seen::Bytes(request.clone()), None);
        inspector.push(1, Side::Daemon, Seen::Bytes(response.clone()), None);
        inspector.judge(&mut |event| drop(black_box(event)));
    });
}

/// A list of containers: request, answer, verdict; with and without redaction, of which it has no need.
#[divan::bench(args = [true, false])]
fn exchange(bencher: Bencher<'_, '_>, redact: bool) {
    let inspector = Inspector::new(Settings { aliases: redact.then(Arc::default), ..Settings::default() });
    let (request, response) = (Bytes::from_static(REQUEST), Bytes::from(response()));
    bencher.counter(ItemsCount::new(1u32)).bench_local(|| {
        inspector.push(1, Side::Client, Seen::Bytes(request.clone()), None);
        inspector.judge(&mut |event| drop(black_box(event)));
        inspector.push(1, Side::Daemon, Seen::Bytes(response.clone()), None);
        inspector.judge(&mut |event| drop(black_box(event)));
    });
}
