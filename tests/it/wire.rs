//! Any cut of the bytes gives the same items and flaws; arbitrary bytes never panic.

use bytes::Bytes;
use plimsoll::model::Side;
use plimsoll::wire::{Agreement, BodyLength, DataType, FrameItem, JsonStreamItem, TarItem};
use proptest::prelude::*;

use crate::fuzz::targets::{read_archive, read_body, read_documents, read_frames, read_heads, read_tar, read_websocket};

/// Pieces that look like the real thing, with noise in between: pure noise seldom gets past the first byte.
fn soup(pieces: &'static [&'static [u8]]) -> impl Strategy<Value = Vec<u8>> {
    let piece =
        prop_oneof![8 => proptest::sample::select(pieces).prop_map(<[u8]>::to_vec), 1 => proptest::collection::vec(any::<u8>(), 0..6)];
    proptest::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

/// The bytes cut at these places.
fn cut(bytes: &[u8], places: &[prop::sample::Index]) -> Vec<Bytes> {
    let mut at: Vec<usize> = places.iter().map(|place| place.index(bytes.len() + 1)).collect();
    at.extend([0, bytes.len()]);
    at.sort_unstable();
    at.windows(2).map(|pair| Bytes::copy_from_slice(&bytes[pair[0]..pair[1]])).collect()
}

/// What the crate `tar` makes of these files: the name, the content, and whether the header is changed afterwards.
fn packed(files: &[(String, Vec<u8>)], changed: Option<usize>) -> Vec<u8> {
    let mut builder = ::tar::Builder::new(Vec::new());
    for (name, content) in files {
        let mut header = ::tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, &content[..]).expect("a Vec takes everything");
    }
    let mut bytes = builder.into_inner().expect("a Vec takes everything");
    if let Some(at) = changed {
        let at = at % bytes.len();
        bytes[at] ^= 0x11;
    }
    bytes
}

fn zipped(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut encoder, bytes).expect("a Vec takes everything");
    encoder.finish().expect("a Vec takes everything")
}

const HEADS: &[&[u8]] = &[
    b"GET /v1.41/containers/json?all=1 HTTP/1.1\r\n",
    b"HTTP/1.1 200 OK\r\n",
    b"HTTP/1.1 101 UPGRADED\n",
    b"Host: docker\r\n",
    b"Content-Length: 12\r\n",
    b" folded\r\n",
    b"no colon\r\n",
    b"\r\n",
    b"\n",
    b"\r",
    b"X: \x01\r\n",
];
const CHUNKS: &[&[u8]] =
    &[b"3\r\nabc\r\n", b"5;a=b\r\nhello\r\n", b"0\r\n", b"\r\n", b"Trailer: x\r\n", b"a\r\n0123456789\r\n", b"3\nabc", b"zz"];
const FRAMES: &[&[u8]] = &[
    b"\x01\0\0\0\0\0\0\x03hi\n",
    b"\x02\0\0\0\0\0\0\0",
    b"\x01\0\0\0\0\0\0\x02hi\n",
    b"\x01\x07\0\0\0\0\0\x01x",
    b"text\n",
    b"\0\0\0\0",
    b"\x03\0\0",
];
const WEBSOCKET: &[&[u8]] = &[
    b"\x82\x03hi\n",
    b"\x81\x03\xe2\x82\xac",
    b"\x01\x02\xe2\x82",
    b"\x80\x01\xac",
    b"\x81\x83\x01\x02\x03\x04ikd",
    b"\x89\x00",
    b"\x88\x02\x03\xe8",
    b"\x88\x7e\x00\x80",
    b"\xf3",
    b"\x7f\xff",
];
const DOCUMENTS: &[&[u8]] = &[
    b"{\"status\":\"a\\\"b\"}\r\n",
    b"[1,{\"x\":[]}]",
    b"12",
    b" \n",
    b"\"text\"",
    b"null\n",
    b"{\"a\":",
    b"}",
    b"]",
    b"\\",
    b"\"",
    b"\x1e",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn heads_do_not_depend_on_cuts(bytes in soup(HEADS), places in proptest::collection::vec(any::<prop::sample::Index>(), 0..8), client in any::<bool>()) {
        let side = if client { Side::Client } else { Side::Daemon };
        prop_assert_eq!(read_heads(side, cut(&bytes, &places)), read_heads(side, cut(&bytes, &[])));
    }

    #[test]
    fn bodies_do_not_depend_on_cuts(bytes in soup(CHUNKS), places in proptest::collection::vec(any::<prop::sample::Index>(), 0..8), length in 0u64..20) {
        for length in [BodyLength::Chunked, BodyLength::Exactly(length), BodyLength::UntilClose] {
            prop_assert_eq!(read_body(length, cut(&bytes, &places)), read_body(length, cut(&bytes, &[])));
        }
    }

    #[test]
    fn frames_do_not_depend_on_cuts(bytes in soup(FRAMES), places in proptest::collection::vec(any::<prop::sample::Index>(), 0..8)) {
        prop_assert_eq!(read_frames(cut(&bytes, &places)), read_frames(cut(&bytes, &[])));
    }

    #[test]
    fn websockets_do_not_depend_on_cuts(bytes in soup(WEBSOCKET), places in proptest::collection::vec(any::<prop::sample::Index>(), 0..8), client in any::<bool>()) {
        let side = if client { Side::Client } else { Side::Daemon };
        let agreement = Agreement { side, data: Some(DataType::Text), utf8: true, extended: false };
        prop_assert_eq!(read_websocket(agreement, cut(&bytes, &places)), read_websocket(agreement, cut(&bytes, &[])));
    }

    #[test]
    fn documents_do_not_depend_on_cuts(bytes in soup(DOCUMENTS), places in proptest::collection::vec(any::<prop::sample::Index>(), 0..8)) {
        prop_assert_eq!(read_documents(cut(&bytes, &places)), read_documents(cut(&bytes, &[])));
    }

    #[test]
    fn frames_that_are_written_are_read_again(payloads in proptest::collection::vec((0u8..4, proptest::collection::vec(any::<u8>(), 0..40)), 0..10)) {
        let mut stream = Vec::new();
        for (number, payload) in &payloads {
            stream.extend_from_slice(&[*number, 0, 0, 0]);
            stream.extend_from_slice(&u32::try_from(payload.len()).expect("short").to_be_bytes());
            stream.extend_from_slice(payload);
        }
        let read: Vec<_> = read_frames(vec![Bytes::from(stream)]).into_iter().map(|item| match item {
            FrameItem::Frame(frame) => (frame.stream, frame.length as usize),
            FrameItem::Flaw(flaw) => panic!("{flaw:?}"),
        }).collect();
        prop_assert_eq!(read, payloads.iter().map(|(stream, payload)| (*stream, payload.len())).collect::<Vec<_>>());
    }

    #[test]
    fn what_others_pack_is_sound(files in proptest::collection::vec(("[a-z]{1,40}(/[a-zé]{1,40}){0,5}", proptest::collection::vec(any::<u8>(), 0..1500)), 0..4)) {
        let read = read_tar(vec![Bytes::from(packed(&files, None))]);
        let names: Vec<_> = read.into_iter().map(|item| match item {
            TarItem::Entry(entry) => (entry.name, entry.size),
            TarItem::Flaw(flaw) => panic!("{flaw:?}"),
        }).collect();
        prop_assert_eq!(names, files.into_iter().map(|(name, content)| (name, content.len() as u64)).collect::<Vec<_>>());
    }

    #[test]
    fn documents_that_are_written_are_read_again(values in proptest::collection::vec("[a-z{}\\[\\]\"\\\\ \n]{0,12}", 0..8), separator in proptest::sample::select(vec!["", "\n", "\r\n", " ", "\x1e"])) {
        let texts: Vec<String> = values.iter().map(|text| serde_json::json!({ "text": text, "list": [text] }).to_string()).collect();
        let stream = texts.join(separator) + separator;
        let read: Vec<_> = read_documents(vec![Bytes::from(stream)]).into_iter().map(|item| match item {
            JsonStreamItem::Document { bytes, .. } => String::from_utf8(bytes.to_vec()).expect("UTF-8"),
            other => panic!("{other:?}"),
        }).collect();
        prop_assert_eq!(read, texts);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn archives_do_not_depend_on_cuts(
        files in proptest::collection::vec(("[a-z]{1,130}", proptest::collection::vec(any::<u8>(), 0..1500)), 0..4),
        changed in proptest::option::of(any::<usize>()),
        spoilt in proptest::option::of(any::<usize>()),
        end in any::<prop::sample::Index>(),
        places in proptest::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let mut plain = packed(&files, changed);
        prop_assert_eq!(read_tar(cut(&plain, &places)), read_tar(cut(&plain, &[])));
        prop_assert_eq!(read_archive(cut(&plain, &places)), read_archive(cut(&plain, &[])));
        let mut gzip = zipped(&plain);
        if let Some(at) = spoilt {
            let at = at % gzip.len();
            gzip[at] ^= 0x11;
        }
        prop_assert_eq!(read_archive(cut(&gzip, &places)), read_archive(cut(&gzip, &[])));
        gzip.truncate(end.index(gzip.len() + 1));
        prop_assert_eq!(read_archive(cut(&gzip, &places)), read_archive(cut(&gzip, &[])));
        plain.truncate(end.index(plain.len() + 1));
        prop_assert_eq!(read_archive(cut(&plain, &places)), read_archive(cut(&plain, &[])));
    }
}
