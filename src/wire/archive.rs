//! An archive as it travels: a plain tar, or a compressed one, known by its first bytes.
//!
//! gzip, bzip2, xz and zstd are undone piece by piece, up to a limit, and the tar in them walked; nothing that comes out is kept.

mod inflate;

use std::collections::VecDeque;
use std::io::{self, Write};

use bytes::Bytes;

use super::{Flaw, StreamEnd, TarDecoder, TarEntry, TarItem};
use crate::model::Rule;
use inflate::{Fault, Inflater};

pub use inflate::{Compression, WINDOW_LIMIT};

/// No more than this comes out of a compressed archive: a bomb costs a second, and no memory.
pub const INFLATE_LIMIT: u64 = 256 << 20;

/// A compressed archive is undone in blocks of this size from its start on: how far a decoder gets before it finds a fault depends on how much it is
/// given, and what is said may not depend on the reads.
const BLOCK: usize = 4 << 10;

/// What comes out of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ArchiveItem {
    /// The archive is compressed in this way. Its entries follow.
    Compressed(Compression),
    /// The first entry. The others are counted.
    First(TarEntry),
    /// Something wrong.
    Flaw(Flaw),
    /// A window over [`WINDOW_LIMIT`] is needed to undo it: nothing more comes.
    Window(Compression),
    /// More than [`INFLATE_LIMIT`] came out: the rest is not looked at.
    TooLarge,
}

/// Reads one archive.
#[derive(Debug)]
pub struct ArchiveDecoder {
    /// So much may come out of a compressed one, in bytes.
    limit: u64,
    state: State,
    count: u64,
    pending: VecDeque<ArchiveItem>,
}

#[derive(Debug)]
enum State {
    /// Too few bytes to tell.
    Sniffing(Vec<u8>),
    Plain(TarDecoder),
    Compressed {
        compression: Compression,
        inflater: Inflater<Inflated>,
        /// Less than a block of it.
        held: Vec<u8>,
    },
    /// Nothing more is read.
    Done,
}

impl Default for State {
    fn default() -> Self {
        Self::Sniffing(Vec::new())
    }
}

/// Where the inflated bytes go. What is wrong with them is kept until it is known that the compression is sound.
#[derive(Debug)]
struct Inflated {
    tar: TarDecoder,
    first: Option<TarEntry>,
    flaws: Vec<Flaw>,
    /// So much may still come.
    left: u64,
}

impl Write for Inflated {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let left = self.left.checked_sub(bytes.len() as u64);
        self.left = left.ok_or_else(|| io::Error::from(io::ErrorKind::FileTooLarge))?;
        let mut input = Bytes::copy_from_slice(bytes);
        while let Some(item) = self.tar.next(&mut input) {
            match item {
                TarItem::Entry(entry) if entry.index == 0 => self.first = Some(entry),
                TarItem::Entry(_) => {}
                TarItem::Flaw(flaw) => self.flaws.push(flaw),
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Default for ArchiveDecoder {
    fn default() -> Self {
        Self::with_limit(INFLATE_LIMIT)
    }
}

impl Inflated {
    fn new(left: u64) -> Self {
        Self { tar: TarDecoder::default(), first: None, flaws: Vec::new(), left }
    }

    /// What was found, and what is wrong when the archive ends so.
    fn take(&mut self, end: StreamEnd) -> Vec<ArchiveItem> {
        let first = self.first.take().map(ArchiveItem::First);
        let flaws = self.flaws.drain(..).chain(self.tar.finish(end)).map(ArchiveItem::Flaw);
        first.into_iter().chain(flaws).collect()
    }
}

impl ArchiveDecoder {
    fn with_limit(limit: u64) -> Self {
        Self { limit, state: State::default(), count: 0, pending: VecDeque::new() }
    }

    /// Takes bytes; one item a call, `None` when all were taken.
    pub fn next(&mut self, input: &mut Bytes) -> Option<ArchiveItem> {
        loop {
            if let Some(item) = self.pending.pop_front() {
                return Some(item);
            }
            match &mut self.state {
                State::Sniffing(held) => {
                    let take = input.len().min(Compression::LONGEST_MAGIC - held.len());
                    held.extend_from_slice(&input.split_to(take));
                    if held.len() < Compression::LONGEST_MAGIC {
                        return None;
                    }
                    self.decide();
                }
                State::Plain(tar) => {
                    let item = tar.next(input)?;
                    self.count = tar.count();
                    match item {
                        TarItem::Entry(entry) if entry.index == 0 => return Some(ArchiveItem::First(entry)),
                        TarItem::Entry(_) => {}
                        TarItem::Flaw(flaw) => return Some(ArchiveItem::Flaw(flaw)),
                    }
                }
                State::Compressed { held, .. } => {
                    let take = input.len().min(BLOCK - held.len());
                    held.extend_from_slice(&input.split_to(take));
                    if held.len() < BLOCK {
                        return None;
                    }
                    self.inflate();
                }
                State::Done => {
                    input.clear();
                    return None;
                }
            }
        }
    }

    /// Entries read so far.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// Whether the tar cannot be followed any further.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        matches!(&self.state, State::Plain(tar) if tar.is_lost())
    }

    /// Bytes at the end of what was taken of which nothing is known yet: half a header, or half a block of a compressed archive.
    #[must_use]
    pub fn undecided(&self) -> usize {
        match &self.state {
            State::Sniffing(held) | State::Compressed { held, .. } => held.len(),
            State::Plain(tar) => tar.undecided(),
            State::Done => 0,
        }
    }

    /// How many bytes lie between what an item that just came is about and the end of what was taken; at least one.
    #[must_use]
    pub fn since(&self, item: &ArchiveItem) -> usize {
        let of = |tar: &TarDecoder, offset: u64| usize::try_from(tar.offset() - offset).unwrap_or(usize::MAX).max(1);
        match (&self.state, item) {
            (State::Plain(tar), ArchiveItem::Flaw(flaw)) => of(tar, flaw.offset),
            (State::Plain(tar), ArchiveItem::First(entry)) => of(tar, entry.offset),
            (State::Compressed { held, .. }, ArchiveItem::Compressed(_)) => held.len(),
            _ => BLOCK,
        }
    }

    /// What is left to say when the archive ends here.
    pub fn finish(&mut self, end: StreamEnd) -> Vec<ArchiveItem> {
        let mut items = Vec::new();
        if matches!(&self.state, State::Sniffing(held) if !held.is_empty()) {
            self.decide();
        }
        if end == StreamEnd::Closed && matches!(&self.state, State::Compressed { .. }) {
            self.inflate();
        }
        items.extend(self.pending.drain(..));
        match std::mem::replace(&mut self.state, State::Done) {
            State::Plain(tar) => items.extend(tar.finish(end).map(ArchiveItem::Flaw)),
            State::Compressed { compression, mut inflater, .. } if end == StreamEnd::Closed => {
                let sound = inflater.finish();
                items.extend(self.inflated(compression, inflater.sink(), sound, end));
            }
            _ => {}
        }
        items
    }

    /// By the first bytes.
    fn decide(&mut self) {
        let State::Sniffing(held) = &mut self.state else { return };
        let held = std::mem::take(held);
        self.state = if let Some(compression) = Compression::of(&held) {
            self.pending.push_back(ArchiveItem::Compressed(compression));
            State::Compressed { compression, inflater: Inflater::new(compression, Inflated::new(self.limit)), held }
        } else {
            let mut tar = TarDecoder::default();
            // Less than a header gives no item.
            let _ = tar.next(&mut Bytes::from(held));
            State::Plain(tar)
        };
    }

    /// Undoes what is held.
    fn inflate(&mut self) {
        let State::Compressed { inflater, held, .. } = &mut self.state else { return };
        let result = inflater.push(held);
        held.clear();
        self.count = inflater.sink().tar.count();
        if result.is_err()
            && let State::Compressed { compression, mut inflater, .. } = std::mem::replace(&mut self.state, State::Done)
        {
            let items = self.inflated(compression, inflater.sink(), result, StreamEnd::Broken);
            self.pending.extend(items);
        }
    }

    fn inflated(
        &mut self,
        compression: Compression,
        inflated: &mut Inflated,
        sound: Result<(), Fault>,
        end: StreamEnd,
    ) -> Vec<ArchiveItem> {
        self.count = inflated.tar.count();
        let actual = match sound {
            Ok(()) => return inflated.take(end),
            Err(Fault::Full) => return vec![ArchiveItem::TooLarge],
            Err(Fault::Window) => return vec![ArchiveItem::Window(compression)],
            // dockerd reads no further than the end of the tar, whatever is behind it: padding, most often.
            Err(Fault::NoMember) if inflated.tar.is_ended() => return inflated.take(StreamEnd::Broken),
            Err(Fault::NoMember) => format!("bytes that begin no {} data", compression.name()),
            Err(Fault::Ended) => format!("the end of the body inside the {} data", compression.name()),
            Err(Fault::Corrupt(words)) => words,
        };
        vec![ArchiveItem::Flaw(Flaw::new(Rule::TarCompression, 0, format!("sound {} data", compression.name()), actual))]
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use bzip2::write::BzEncoder;
    use flate2::write::GzEncoder;
    use proptest::prelude::*;
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};

    use super::*;

    /// The same archive in `xz`, `xz -9` (a window of 64 MiB), and as two streams with padding between.
    const XZ: &str = "/Td6WFoAAATm1rRGAgAhARYAAAB0L+Wj4Af/AENdADQZSe6N8LrI/5v/8gxprxHrY1SJHfignrxlgHLL/39YrIRy3WZkCu+izVFp55ryk25UHCXKM4xHr9TdZ4jOekcWAAAAAElpqcJDrpM1AAFfgBAAAADyiXLfscRn+wIAAAAABFla";
    const XZ_WIDE: &str = "/Td6WFoAAATm1rRGAgAhARwAAAAQz1jM4Af/AENdADQZSe6N8LrI/5v/8gxprxHrY1SJHfignrxlgHLL/39YrIRy3WZkCu+izVFp55ryk25UHCXKM4xHr9TdZ4jOekcWAAAAAElpqcJDrpM1AAFfgBAAAADyiXLfscRn+wIAAAAABFla";
    const XZ_TWICE: &str = "/Td6WFoAAATm1rRGAgAhARYAAAB0L+Wj4APnADxdADQZSe6N8LrI/5v/8gxprxHrY1SJHfignrxlgHLL/39YrIRy3WZkCu+izVFp55ryk25UHCXKM4xFLbZmIAD8X1QiitLk8AABWOgHAAAA4Or7prHEZ/sCAAAAAARZWgAAAAAAAAAA/Td6WFoAAATm1rRGAgAhARYAAAB0L+Wj4AQXAAtdAABv/f//o7enCBNgAAADTDndDZAhOgABJ5gIAAAAbaU+/bHEZ/sCAAAAAARZWg==";

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).expect("a Vec takes everything");
        encoder.finish().expect("a Vec takes everything")
    }

    fn bzip2(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = BzEncoder::new(Vec::new(), bzip2::Compression::fast());
        encoder.write_all(bytes).expect("a Vec takes everything");
        encoder.finish().expect("a Vec takes everything")
    }

    fn zstd(bytes: &[u8]) -> Vec<u8> {
        compress_to_vec(bytes, CompressionLevel::Fastest)
    }

    fn base64(text: &str) -> Vec<u8> {
        STANDARD.decode(text).expect("base64")
    }

    fn archive() -> Vec<u8> {
        let mut builder = ::tar::Builder::new(Vec::new());
        let mut header = ::tar::Header::new_gnu();
        header.set_size(3);
        header.set_mode(0o644);
        builder.append_data(&mut header, "hello.txt", &b"hi\n"[..]).expect("a Vec takes everything");
        builder.into_inner().expect("a Vec takes everything")
    }

    fn read(bytes: &[u8], piece: usize) -> Vec<String> {
        let mut decoder = ArchiveDecoder::default();
        let mut items = Vec::new();
        for piece in bytes.chunks(piece) {
            let mut input = Bytes::copy_from_slice(piece);
            while let Some(item) = decoder.next(&mut input) {
                items.push(item);
            }
        }
        items.extend(decoder.finish(StreamEnd::Closed));
        let text = |item| match item {
            ArchiveItem::First(entry) => entry.name,
            ArchiveItem::Flaw(flaw) if flaw.rule == Rule::TarCompression => format!("not {}: {}", flaw.expected, flaw.actual),
            ArchiveItem::Flaw(flaw) => flaw.rule.id().to_owned(),
            other => format!("{other:?}"),
        };
        items.into_iter().filter(|item| !matches!(item, ArchiveItem::Compressed(_))).map(text).collect()
    }

    #[test]
    fn archives_in_every_wrapping() {
        let tar = archive();
        let zipped = gzip(&tar);
        let spoiled = |mut bytes: Vec<u8>, behind: usize| {
            let at = bytes.len() - behind;
            bytes[at] ^= 1;
            bytes
        };
        let skipped = [b"\x50\x2a\x4d\x18\x03\0\0\0abc", &zstd(&tar)[..]].concat();
        for (bytes, said) in [
            (tar.clone(), &["hello.txt"][..]),
            (spoiled(zipped.clone(), 6), &["not sound gzip data: corrupt gzip stream does not have a matching checksum"]),
            ([&zipped[..], &[0; 512]].concat(), &["hello.txt"]),
            ([gzip(&tar[..700]), gzip(&tar[700..])].concat(), &["hello.txt"]),
            (spoiled(bzip2(&tar), 3), &["not sound bzip2 data: bzip2: invalid data"]),
            ([&bzip2(&tar)[..], &[0; 512]].concat(), &["hello.txt"]),
            ([bzip2(&tar[..700]), bzip2(&tar[700..])].concat(), &["hello.txt"]),
            (b"BZh91AY&SY".to_vec(), &["not sound bzip2 data: the end of the body inside the bzip2 data"]),
            (b"BZh".to_vec(), &["not sound bzip2 data: the end of the body inside the bzip2 data"]),
            (base64(XZ), &["hello.txt"]),
            (base64(XZ_TWICE), &["hello.txt"]),
            (base64(XZ_WIDE), &["Window(Xz)"]),
            ([base64(XZ), b"more".to_vec()].concat(), &["hello.txt"]),
            (spoiled(base64(XZ), 30), &["not sound xz data: a checksum that does not fit"]),
            (b"\xfd7zXZ\0\0\x04".to_vec(), &["not sound xz data: the end of the body inside the xz data"]),
            (skipped, &["hello.txt"]),
            ([zstd(&tar[..700]), zstd(&tar[700..])].concat(), &["hello.txt"]),
            ([&zstd(&tar)[..], &[0; 512]].concat(), &["hello.txt"]),
            ([&zstd(&tar)[..], &[0; 2]].concat(), &["hello.txt"]),
            (spoiled(zstd(&tar), 1), &["not sound zstd data: a checksum"]),
            // A frame of one segment of 9 MiB.
            (b"\x28\xb5\x2f\xfd\xa0\0\0\x90\0".to_vec(), &["Window(Zstd)"]),
            (b"hi".to_vec(), &["tar.not-an-archive"]),
            (Vec::new(), &[]),
        ] {
            check(&bytes, said);
        }
        for (name, wrap) in [("gzip", gzip as fn(&[u8]) -> Vec<u8>), ("bzip2", bzip2), ("zstd", zstd)] {
            check(&wrap(&tar), &["hello.txt"]);
            check(&wrap(&tar[..600]), &["hello.txt", "tar.truncated"]);
            check(&wrap(b"FROM base\n"), &["tar.not-an-archive"]);
            let whole = wrap(&tar);
            check(&whole[..whole.len() - 9], &[&format!("not sound {name} data: the end of the body inside the {name} data")]);
        }
    }

    /// What is said of the bytes begins so, in pieces of every kind.
    fn check(bytes: &[u8], said: &[&str]) {
        for piece in [1, 7, 600, usize::MAX] {
            let items = read(bytes, piece);
            let same = items.len() == said.len() && items.iter().zip(said).all(|(item, due)| item.starts_with(due));
            assert!(same, "{} bytes in pieces of {piece}: {items:?}, not {said:?}", bytes.len());
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn spoiled_archives_say_the_same_in_any_pieces(
            wrapping in 0usize..4, length in 1usize..60_000, spoils in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4), piece in 1usize..9000,
        ) {
            let mut tar = archive();
            tar.truncate(512);
            tar.extend((0..length).map(|at| u8::try_from(at * at % 251).expect("less than 251")));
            let mut bytes = match wrapping {
                0 => gzip(&tar),
                1 => bzip2(&tar),
                2 => base64(XZ),
                _ => zstd(&tar),
            };
            for (place, value) in spoils {
                let at = place.index(bytes.len());
                bytes[at] = value;
            }
            prop_assert_eq!(read(&bytes, piece), read(&bytes, usize::MAX));
        }
    }

    #[test]
    fn a_bomb_is_given_up() {
        let zeros = vec![0; 3 << 20];
        for bomb in [gzip(&zeros), bzip2(&zeros), zstd(&zeros)] {
            let mut decoder = ArchiveDecoder::with_limit(2 << 20);
            let mut input = Bytes::from(bomb);
            assert!(matches!(decoder.next(&mut input), Some(ArchiveItem::Compressed(_))));
            // A small bomb goes off at its end.
            let items: Vec<_> = decoder.next(&mut input).into_iter().chain(decoder.finish(StreamEnd::Closed)).collect();
            assert_eq!(items, [ArchiveItem::TooLarge]);
            assert_eq!(decoder.finish(StreamEnd::Closed), []);
        }
    }
}
