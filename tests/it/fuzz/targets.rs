//! What is fuzzed, and the promises that arbitrary bytes are held to. `fuzz/` includes this file and gives it bytes without end; `cargo test` gives it
//! the kept corpus, and `wire.rs` what proptest makes up.
//!
//! Never anything that depends on a clock, a network or what ran before: what is found once is found again.

use bytes::Bytes;
use plimsoll::inspect::{Asked, EnforcePolicy, Inspector, Seen, Settings};
use plimsoll::model::{Event, Side};
use plimsoll::transcript::{Entry, Transcript, What};
use plimsoll::wire::{
    Agreement, ArchiveDecoder, ArchiveItem, BodyDecoder, BodyItem, BodyLength, DataType, FrameDecoder, FrameItem, HeadRead, HeadReader,
    JsonStreamDecoder, JsonStreamItem, StreamEnd, TarDecoder, TarItem, WebSocketDecoder, WebSocketItem,
};

/// Takes bytes and panics when a promise is broken.
pub type Target = fn(&[u8]);

/// Every target by the name of its binary and of its corpus.
pub const TARGETS: &[(&str, Target)] = &[
    ("archive", archive),
    ("body", body),
    ("config", config),
    ("frames", frames),
    ("head", head),
    ("inspector", inspector),
    ("json_stream", json_stream),
    ("schemas", schemas),
    ("tar", tar),
    ("transcript", transcript),
    ("waivers", waivers),
    ("websocket", websocket),
];

/// Heads of both sides, and where the bodies behind them end.
pub fn head(data: &[u8]) {
    same(data, |seed, pieces| read_heads(if seed & 2 == 0 { Side::Client } else { Side::Daemon }, pieces));
}

/// Bodies: chunked, and of a length.
pub fn body(data: &[u8]) {
    same(data, |seed, pieces| read_body(if seed & 2 == 0 { BodyLength::Chunked } else { BodyLength::Exactly(u64::from(seed)) }, pieces));
}

/// Documents, one behind the other.
pub fn json_stream(data: &[u8]) {
    same(data, |_, pieces| read_documents(pieces));
}

/// Frames of attach, exec and logs.
pub fn frames(data: &[u8]) {
    same(data, |_, pieces| read_frames(pieces));
}

/// WebSocket frames of both sides.
pub fn websocket(data: &[u8]) {
    same(data, |seed, pieces| {
        let side = if seed & 2 == 0 { Side::Client } else { Side::Daemon };
        read_websocket(Agreement { side, data: Some(DataType::Text), utf8: seed & 4 == 0, extended: seed & 8 == 0 }, pieces)
    });
}

/// Archives without compression.
pub fn tar(data: &[u8]) {
    same(data, |_, pieces| read_tar(pieces));
}

/// Archives in any compression.
pub fn archive(data: &[u8]) {
    same(data, |_, pieces| read_archive(pieces));
}

/// Recordings: what is written is read again as the same, with times in whole microseconds.
pub fn transcript(data: &[u8]) {
    let Ok(read) = plimsoll::transcript::read(data) else { return };
    let mut writer = plimsoll::transcript::Writer::new(Vec::new(), read.api_version).expect("a Vec takes everything");
    for entry in &read.entries {
        writer.entry(entry).expect("a Vec takes everything");
    }
    let again = plimsoll::transcript::read(&writer.into_inner()).expect("what is written can be read");
    let seen = |transcript: Transcript| {
        let entry = |entry: Entry| (entry.at.as_micros(), entry.connection, entry.side, entry.what);
        (transcript.api_version, transcript.entries.into_iter().map(entry).collect::<Vec<_>>())
    };
    assert_eq!(seen(again), seen(read), "what is written is read as something else");
}

/// Waiver files.
pub fn waivers(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let today = plimsoll::report::waiver::Day::constant(2026, 1, 1);
    let _ = plimsoll::report::Waivers::read("waivers.toml".into(), text, today, &|name| name.starts_with("Container"));
}

/// Configuration files, for every subcommand; those that are right are taken as a run of `proxy` takes them.
pub fn config(data: &[u8]) {
    use clap::CommandFactory as _;
    thread_local!(static COMMAND: (clap::Command, tempfile::TempPath) = {
        let mut command = plimsoll::cli::Cli::command();
        command.build();
        (command, tempfile::NamedTempFile::new().expect("a file").into_temp_path())
    });
    COMMAND.with(|(command, path)| {
        // Most are wrong, and that is known a hundred times sooner without the file and what clap makes of the words.
        let Ok(file) = plimsoll::config::File::of("plimsoll.toml".as_ref(), data.to_vec()) else { return };
        if plimsoll::config::Settings::read(command, &["proxy"], &file).is_ok() {
            std::fs::write(path, data).expect("written");
            let typed = ["plimsoll".into(), "proxy".into(), "--config".into(), path.to_path_buf().into_os_string()];
            let _ = plimsoll::config::extend(command, typed.to_vec());
        }
    });
}

/// Schema files: the form, every projection, every example. Operations need the id that the file is named for.
pub fn schemas(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let _ = plimsoll::catalog::lint::lint_text("ContainerWait.json".as_ref(), text.to_owned());
}

/// The whole judge, over recordings: however the bytes are cut the findings are the same, and enforce mode clears no byte that it did not take.
pub fn inspector(data: &[u8]) {
    let Ok(transcript) = plimsoll::transcript::read(data) else { return };
    let seed = u8::try_from(data.len() % 256).expect("a remainder");
    assert_eq!(judge(&transcript, None), judge(&transcript, Some(seed)), "a cut changes what is said");
    enforce(&transcript);
}

fn judge(transcript: &Transcript, cut: Option<u8>) -> Vec<String> {
    let inspector = Inspector::new(Settings { announced_version: transcript.api_version, ..Settings::default() });
    let mut said = Vec::new();
    let mut hear = |event: Event| match event {
        Event::Violation(violation) => said.push(format!(
            "{} {} {} {} {:?} {:?}",
            violation.call.connection, violation.call.exchange, violation.rule, violation.place, violation.expected, violation.actual
        )),
        Event::Exchange(summary) => said.push(format!("{} {} {:?}", summary.call.connection, summary.call.exchange, summary.verdict)),
        _ => {}
    };
    for entry in &transcript.entries {
        let push = |seen| inspector.push(entry.connection, entry.side, seen, transcript.timed.then_some(entry.at));
        match (&entry.what, cut) {
            (What::Bytes(bytes), None) => push(Seen::Bytes(bytes.clone())),
            (What::Bytes(bytes), Some(seed)) => pieces(seed, bytes.clone()).map(Seen::Bytes).for_each(push),
            (What::Closed, _) => push(Seen::End(StreamEnd::Closed)),
            (What::Reset, _) => push(Seen::End(StreamEnd::Broken)),
        }
        inspector.judge(&mut hear);
    }
    inspector.finish(&mut hear);
    said.sort();
    said
}

fn enforce(transcript: &Transcript) {
    let inspector = Inspector::new(Settings { announced_version: transcript.api_version, ..Settings::default() });
    let policy = EnforcePolicy::default();
    let mut taken = std::collections::HashMap::<(u64, Side), u64>::new();
    for entry in &transcript.entries {
        let whose = (entry.connection, entry.side);
        let mut bytes = match &entry.what {
            What::Bytes(bytes) => bytes.clone(),
            What::Closed | What::Reset => Bytes::new(),
        };
        let before = bytes.len();
        let asked = match entry.what {
            What::Bytes(_) => Asked::Bytes(&mut bytes),
            What::Closed => Asked::End(StreamEnd::Closed),
            What::Reset => Asked::End(StreamEnd::Broken),
        };
        let ruling = inspector.ask(whose, asked, &policy, transcript.timed.then_some(entry.at), &mut |_| {});
        let count = taken.entry(whose).or_default();
        *count += (before - bytes.len()) as u64;
        assert!(ruling.clear <= *count, "more is cleared than was taken");
        if ruling.objection.is_some_and(|objection| !objection.goes_on) {
            return;
        }
    }
    inspector.finish(&mut |_| {});
}

/// What is read of the whole must be what is read of the pieces. The first byte says how the others are cut, and is the reading's to choose by.
fn same<T: PartialEq + std::fmt::Debug>(data: &[u8], read: impl Fn(u8, &mut dyn Iterator<Item = Bytes>) -> T) {
    let Some((seed, rest)) = data.split_first() else { return };
    let whole = Bytes::copy_from_slice(rest);
    let at_once = read(*seed, &mut std::iter::once(whole.clone()));
    assert_eq!(at_once, read(*seed, &mut pieces(*seed, whole)), "a cut changes what is said");
}

/// Pieces of one byte, or of two lengths in turn.
fn pieces(seed: u8, mut left: Bytes) -> impl Iterator<Item = Bytes> {
    let lengths = if seed & 1 == 0 { [1, 1] } else { [1 + usize::from(seed % 7), 1 + usize::from(seed % 61)] };
    lengths.into_iter().cycle().map_while(move |length| (!left.is_empty()).then(|| left.split_to(length.min(left.len()))))
}

/// What is said of the heads of a side.
pub fn read_heads(side: Side, pieces: impl IntoIterator<Item = Bytes>) -> Vec<String> {
    let mut reader = HeadReader::new(side);
    let mut out = Vec::new();
    for mut piece in pieces {
        while !piece.is_empty() {
            match reader.push(&mut piece) {
                HeadRead::Incomplete => {}
                HeadRead::Complete(head, mut flaws) => {
                    let lengths = (BodyLength::of_request(&head, &mut flaws), BodyLength::of_response(&head, b"GET", &mut flaws));
                    let fields: Vec<_> = head.fields().collect();
                    out.push(format!("{:?} {:?} {fields:?} {flaws:?} {lengths:?}", head.start_line(), head.bytes()));
                }
                HeadRead::Lost(flaw) => out.push(format!("{flaw:?}")),
            }
        }
    }
    out.push(format!("{:?}", reader.finish(StreamEnd::Closed)));
    out
}

/// The content of a body, and what is said of it.
pub fn read_body(length: BodyLength, pieces: impl IntoIterator<Item = Bytes>) -> (Vec<u8>, Vec<String>) {
    let (mut decoder, _) = BodyDecoder::new(length);
    let (mut data, mut out) = (Vec::new(), Vec::new());
    'pieces: for mut piece in pieces {
        while let Some(item) = decoder.next(&mut piece) {
            match item {
                BodyItem::Data(bytes) => data.extend_from_slice(&bytes),
                BodyItem::Flaw(flaw) => out.push(format!("{flaw:?}")),
                BodyItem::ChunkEnd => {}
                BodyItem::End | BodyItem::Lost => {
                    out.push(format!("{item:?}"));
                    break 'pieces;
                }
            }
        }
    }
    out.push(format!("{:?}", decoder.finish(StreamEnd::Closed)));
    (data, out)
}

/// What is said of documents.
pub fn read_documents(pieces: impl IntoIterator<Item = Bytes>) -> Vec<JsonStreamItem> {
    let mut decoder = JsonStreamDecoder::default();
    let mut out = Vec::new();
    for mut piece in pieces {
        while !piece.is_empty() {
            out.extend(decoder.next(&mut piece));
        }
    }
    out.extend(decoder.finish(StreamEnd::Closed));
    out
}

/// What is said of frames.
pub fn read_frames(pieces: impl IntoIterator<Item = Bytes>) -> Vec<FrameItem> {
    let mut decoder = FrameDecoder::default();
    let mut out = items(pieces, |piece| decoder.next(piece));
    out.extend(decoder.finish(StreamEnd::Closed).map(FrameItem::Flaw));
    out
}

/// What is said of WebSocket frames.
pub fn read_websocket(agreement: Agreement, pieces: impl IntoIterator<Item = Bytes>) -> Vec<WebSocketItem> {
    let mut decoder = WebSocketDecoder::new(agreement);
    let mut out = items(pieces, |piece| decoder.next(piece));
    out.extend(decoder.finish(StreamEnd::Closed).map(WebSocketItem::Flaw));
    out
}

/// What is said of a tar archive.
pub fn read_tar(pieces: impl IntoIterator<Item = Bytes>) -> Vec<TarItem> {
    let mut decoder = TarDecoder::default();
    let mut out = items(pieces, |piece| decoder.next(piece));
    out.extend(decoder.finish(StreamEnd::Closed).map(TarItem::Flaw));
    out
}

/// What is said of an archive in any compression.
pub fn read_archive(pieces: impl IntoIterator<Item = Bytes>) -> Vec<ArchiveItem> {
    let mut decoder = ArchiveDecoder::default();
    let mut out = items(pieces, |piece| decoder.next(piece));
    out.extend(decoder.finish(StreamEnd::Closed));
    out
}

fn items<T>(pieces: impl IntoIterator<Item = Bytes>, mut next: impl FnMut(&mut Bytes) -> Option<T>) -> Vec<T> {
    let mut out = Vec::new();
    for mut piece in pieces {
        out.extend(std::iter::from_fn(|| next(&mut piece)));
    }
    out
}
