//! What the targets share: each decoder over pieces, and the promise that no cut changes what it says.

use bytes::Bytes;
use plimsoll::model::Side;
use plimsoll::wire::{
    Agreement, ArchiveDecoder, ArchiveItem, BodyDecoder, BodyItem, BodyLength, DataType, FrameDecoder, FrameItem, HeadRead, HeadReader,
    JsonStreamDecoder, JsonStreamItem, StreamEnd, TarDecoder, TarItem, WebSocketDecoder, WebSocketItem,
};

/// The first byte says how the others are cut; the whole, and the pieces.
pub fn cut(data: &[u8]) -> Option<(u8, Bytes, Vec<Bytes>)> {
    let (seed, rest) = data.split_first()?;
    let whole = Bytes::copy_from_slice(rest);
    Some((*seed, whole.clone(), pieces(*seed, &whole)))
}

/// Pieces of one byte, or of two lengths in turn.
pub fn pieces(seed: u8, whole: &Bytes) -> Vec<Bytes> {
    let lengths = if seed & 1 == 0 { [1, 1] } else { [1 + usize::from(seed % 7), 1 + usize::from(seed % 61)] };
    let mut left = whole.clone();
    let mut all = Vec::new();
    for length in lengths.iter().cycle() {
        if left.is_empty() {
            break;
        }
        all.push(left.split_to((*length).min(left.len())));
    }
    all
}

/// What the two readings say must be the same.
pub fn same<T: PartialEq + std::fmt::Debug>(data: &[u8], read: impl Fn(u8, Vec<Bytes>) -> T) {
    let Some((seed, whole, pieces)) = cut(data) else { return };
    assert_eq!(read(seed, vec![whole]), read(seed, pieces), "a cut changes what is said");
}

pub fn heads(seed: u8, pieces: Vec<Bytes>) -> Vec<String> {
    let mut reader = HeadReader::new(if seed & 2 == 0 { Side::Client } else { Side::Daemon });
    let mut out = Vec::new();
    for mut piece in pieces {
        while !piece.is_empty() {
            match reader.push(&mut piece) {
                HeadRead::Incomplete => {}
                HeadRead::Complete(head, mut flaws) => {
                    let fields: Vec<_> = head.fields().map(|(name, value)| (name.to_vec(), value.to_vec())).collect();
                    let lengths = (BodyLength::of_request(&head, &mut flaws), BodyLength::of_response(&head, b"GET", &mut flaws));
                    out.push(format!("{:?} {fields:?} {flaws:?} {lengths:?}", head.start_line()));
                }
                HeadRead::Lost(flaw) => out.push(format!("{flaw:?}")),
            }
        }
    }
    out.push(format!("{:?}", reader.finish(StreamEnd::Closed)));
    out
}

pub fn body(seed: u8, pieces: Vec<Bytes>) -> (Vec<u8>, Vec<String>) {
    let length = if seed & 2 == 0 { BodyLength::Chunked } else { BodyLength::Exactly(u64::from(seed)) };
    let (mut decoder, _) = BodyDecoder::new(length);
    let (mut data, mut out) = (Vec::new(), Vec::new());
    for mut piece in pieces {
        while let Some(item) = decoder.next(&mut piece) {
            match item {
                BodyItem::Data(bytes) => data.extend_from_slice(&bytes),
                BodyItem::Flaw(flaw) => out.push(format!("{flaw:?}")),
                BodyItem::ChunkEnd => {}
                BodyItem::End | BodyItem::Lost => {
                    out.push(format!("{item:?}"));
                    return (data, out);
                }
            }
        }
    }
    out.push(format!("{:?}", decoder.finish(StreamEnd::Closed)));
    (data, out)
}

pub fn frames(_: u8, pieces: Vec<Bytes>) -> Vec<FrameItem> {
    let mut decoder = FrameDecoder::default();
    let mut out = Vec::new();
    for mut piece in pieces {
        while let Some(item) = decoder.next(&mut piece) {
            out.push(item);
        }
    }
    out.extend(decoder.finish(StreamEnd::Closed).map(FrameItem::Flaw));
    out
}

pub fn documents(_: u8, pieces: Vec<Bytes>) -> Vec<JsonStreamItem> {
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

pub fn websocket(seed: u8, pieces: Vec<Bytes>) -> Vec<WebSocketItem> {
    let side = if seed & 2 == 0 { Side::Client } else { Side::Daemon };
    let mut decoder = WebSocketDecoder::new(Agreement { side, data: Some(DataType::Text), utf8: seed & 4 == 0, extended: seed & 8 == 0 });
    let mut out = Vec::new();
    for mut piece in pieces {
        while let Some(item) = decoder.next(&mut piece) {
            out.push(item);
        }
    }
    out.extend(decoder.finish(StreamEnd::Closed).map(WebSocketItem::Flaw));
    out
}

pub fn tar(_: u8, pieces: Vec<Bytes>) -> Vec<TarItem> {
    let mut decoder = TarDecoder::default();
    let mut out = Vec::new();
    for mut piece in pieces {
        while let Some(item) = decoder.next(&mut piece) {
            out.push(item);
        }
    }
    out.extend(decoder.finish(StreamEnd::Closed).map(TarItem::Flaw));
    out
}

pub fn archive(_: u8, pieces: Vec<Bytes>) -> Vec<ArchiveItem> {
    let mut decoder = ArchiveDecoder::default();
    let mut out = Vec::new();
    for mut piece in pieces {
        while let Some(item) = decoder.next(&mut piece) {
            out.push(item);
        }
    }
    out.extend(decoder.finish(StreamEnd::Closed));
    out
}
