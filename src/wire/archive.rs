//! An archive as it travels: a plain tar, or a compressed one, known by its first bytes.
//!
//! gzip is undone piece by piece, up to a limit, and the tar in it walked; nothing inflated is kept. Other compressions are named, not undone.

use std::collections::VecDeque;
use std::io::{self, Write};

use bytes::Bytes;
use flate2::write::MultiGzDecoder;

use super::{Flaw, StreamEnd, TarDecoder, TarEntry, TarItem};
use crate::model::Rule;

/// No more than this comes out of a compressed archive: a bomb costs a second, and no memory.
pub const INFLATE_LIMIT: u64 = 256 << 20;

/// The longest magic of [`MAGICS`].
const LONGEST_MAGIC: usize = 6;

/// What dockerd undoes before it reads the tar: moby/moby pkg/archive, `DetectCompression`.
const MAGICS: [(&str, &[u8]); 4] = [(GZIP, b"\x1f\x8b\x08"), ("bzip2", b"BZh"), ("xz", b"\xfd7zXZ\x00"), ("zstd", b"\x28\xb5\x2f\xfd")];
const GZIP: &str = "gzip";
/// flate2's word for bytes that begin no gzip member; a test sees to it.
const NO_MEMBER: &str = "invalid gzip header";

/// What comes out of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ArchiveItem {
    /// The archive is compressed in this way. Its entries follow when it can be undone.
    Compressed(&'static str),
    /// The first entry. The others are counted.
    First(TarEntry),
    /// Something wrong.
    Flaw(Flaw),
    /// The compression is not undone here: nothing more comes.
    Unread(&'static str),
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
    /// The magic was just recognised; what was taken with it.
    Recognised(&'static str, Vec<u8>),
    Gzip(Box<MultiGzDecoder<Inflated>>),
    /// Nothing more is read.
    Done,
}

impl Default for State {
    fn default() -> Self {
        Self::Sniffing(Vec::new())
    }
}

/// Where the inflated bytes go. What is wrong with them is kept until it is known that the compression is sound: how far the inflater gets
/// before it finds that it is not depends on how the bytes were cut.
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
                    let take = input.len().min(LONGEST_MAGIC - held.len());
                    held.extend_from_slice(&input.split_to(take));
                    if held.len() < LONGEST_MAGIC {
                        return None;
                    }
                    self.decide();
                }
                State::Recognised(name, held) => {
                    let (name, held) = (*name, std::mem::take(held));
                    if name != GZIP {
                        self.state = State::Done;
                        self.pending.push_back(ArchiveItem::Unread(name));
                        return Some(ArchiveItem::Compressed(name));
                    }
                    self.state = State::Gzip(Box::new(MultiGzDecoder::new(Inflated::new(self.limit))));
                    self.pending.push_back(ArchiveItem::Compressed(name));
                    self.inflate(&held);
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
                State::Gzip(_) if input.is_empty() => return None,
                State::Gzip(_) => {
                    let piece = std::mem::take(input);
                    self.inflate(&piece);
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

    /// What is left to say when the archive ends here.
    pub fn finish(&mut self, end: StreamEnd) -> Vec<ArchiveItem> {
        let mut items = Vec::new();
        if let State::Sniffing(held) = &self.state
            && !held.is_empty()
        {
            self.decide();
            while let Some(item) = self.next(&mut Bytes::new()) {
                items.push(item);
            }
        }
        match std::mem::replace(&mut self.state, State::Done) {
            State::Plain(tar) => items.extend(tar.finish(end).map(ArchiveItem::Flaw)),
            State::Gzip(mut gzip) if end == StreamEnd::Closed => {
                let sound = gzip.try_finish();
                items.extend(self.inflated(gzip.get_mut(), sound, end));
            }
            _ => {}
        }
        items
    }

    /// By the first bytes.
    fn decide(&mut self) {
        let State::Sniffing(held) = &mut self.state else { return };
        let held = std::mem::take(held);
        self.state = if let Some((name, _)) = MAGICS.iter().find(|(_, magic)| held.starts_with(magic)) {
            State::Recognised(name, held)
        } else {
            let mut tar = TarDecoder::default();
            // Less than a header gives no item.
            let _ = tar.next(&mut Bytes::from(held));
            State::Plain(tar)
        };
    }

    fn inflate(&mut self, piece: &[u8]) {
        let State::Gzip(gzip) = &mut self.state else { return };
        let result = gzip.write_all(piece);
        self.count = gzip.get_ref().tar.count();
        if result.is_err()
            && let State::Gzip(mut gzip) = std::mem::replace(&mut self.state, State::Done)
        {
            let items = self.inflated(gzip.get_mut(), result, StreamEnd::Broken);
            self.pending.extend(items);
        }
    }

    fn inflated(&mut self, inflated: &mut Inflated, sound: io::Result<()>, end: StreamEnd) -> Vec<ArchiveItem> {
        self.count = inflated.tar.count();
        match sound {
            Ok(()) => {
                let first = inflated.first.take().map(ArchiveItem::First);
                let flaws = inflated.flaws.drain(..).chain(inflated.tar.finish(end)).map(ArchiveItem::Flaw);
                first.into_iter().chain(flaws).collect()
            }
            Err(error) if error.kind() == io::ErrorKind::FileTooLarge => vec![ArchiveItem::TooLarge],
            // dockerd reads no further than the end of the tar, whatever is behind it: padding, most often.
            Err(error) if error.to_string() == NO_MEMBER && inflated.tar.is_ended() => {
                let flaws = inflated.flaws.drain(..).map(ArchiveItem::Flaw);
                inflated.first.take().map(ArchiveItem::First).into_iter().chain(flaws).collect()
            }
            Err(error) => {
                let actual = match error.kind() {
                    io::ErrorKind::UnexpectedEof => "the end of the body inside the gzip data".to_owned(),
                    _ => error.to_string(),
                };
                vec![ArchiveItem::Flaw(Flaw::new(Rule::TarCompression, 0, "sound gzip data", actual))]
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).expect("a Vec takes everything");
        encoder.finish().expect("a Vec takes everything")
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
            ArchiveItem::Flaw(flaw) => flaw.rule.id().to_owned(),
            other => format!("{other:?}"),
        };
        items.into_iter().filter(|item| !matches!(item, ArchiveItem::Compressed(_))).map(text).collect()
    }

    #[test]
    fn archives_in_every_wrapping() {
        let tar = archive();
        let zipped = gzip(&tar);
        let mut broken = zipped.clone();
        let last = broken.len() - 6;
        broken[last] ^= 1;
        for (bytes, said) in [
            (tar.clone(), vec!["hello.txt"]),
            (zipped.clone(), vec!["hello.txt"]),
            ([&zipped[..], &[0; 512]].concat(), vec!["hello.txt"]),
            (zipped[..zipped.len() - 9].to_vec(), vec!["tar.compression"]),
            (gzip(&tar[..600]), vec!["hello.txt", "tar.truncated"]),
            (gzip(b"FROM base\n"), vec!["tar.not-an-archive"]),
            (b"BZh91AY&SY".to_vec(), vec!["Unread(\"bzip2\")"]),
            (b"\xfd7zXZ\0\0\x04".to_vec(), vec!["Unread(\"xz\")"]),
            (b"BZh".to_vec(), vec!["Unread(\"bzip2\")"]),
            (b"hi".to_vec(), vec!["tar.not-an-archive"]),
            (Vec::new(), vec![]),
        ] {
            for piece in [1, 7, 600, usize::MAX] {
                assert_eq!(read(&bytes, piece), said, "{} bytes in pieces of {piece}", bytes.len());
            }
        }
    }

    #[test]
    fn a_bomb_is_given_up() {
        let bomb = gzip(&vec![0; 3 << 20]);
        let mut decoder = ArchiveDecoder::with_limit(2 << 20);
        let mut input = Bytes::from(bomb);
        assert_eq!(decoder.next(&mut input), Some(ArchiveItem::Compressed("gzip")));
        assert_eq!(decoder.next(&mut input), Some(ArchiveItem::TooLarge));
        assert_eq!(decoder.finish(StreamEnd::Closed), []);
    }
}
