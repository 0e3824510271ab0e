//! Walks a tar archive as it passes: headers are checked, contents are counted. No more is held than one block and one extended header.
//!
//! ```text
//! header      512 bytes: name, mode, uid, gid, size, mtime, checksum, type, link, magic …
//! contents    `size` bytes, filled up to a multiple of 512
//! …           the next header
//! end         two blocks of zeros; more zeros may follow
//! ```
//!
//! POSIX ustar and pax, GNU and the seventh edition's form are read, the way Go's `archive/tar` reads them, since that is what dockerd and the
//! docker CLI go by. What is in a file is never looked at. A defect is reported once for each archive.

mod extended;
mod header;

use std::collections::VecDeque;

use bytes::{Buf, Bytes};

use super::{Flaw, StreamEnd, excerpt};
use crate::model::Rule;
use extended::Extended;
use header::{Defect, Header};

/// Bytes of a block.
pub const BLOCK: usize = 512;

/// A file, directory, link or device of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TarEntry {
    /// Number in the archive, from 0; extended headers do not count.
    pub index: u64,
    /// Where its header begins in the archive.
    pub offset: u64,
    /// Its name with folders, as far as it is UTF-8.
    pub name: String,
    /// Permissions, with set-uid, set-gid and sticky bit: the lowest 12 bits.
    pub mode: u32,
    /// Bytes of content.
    pub size: u64,
    /// Seconds since 1970.
    pub mtime: i64,
    /// The type flag: `0` file, `1` hard link, `2` symbolic link, `3` and `4` devices, `5` directory, `6` FIFO.
    pub kind: u8,
    /// A sparse file: `size` is not the size of the file.
    pub sparse: bool,
}

/// What comes out of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TarItem {
    /// A header was read; the content may still be on its way.
    Entry(TarEntry),
    /// Something wrong.
    Flaw(Flaw),
}

/// Walks one archive.
#[derive(Debug, Default)]
pub struct TarDecoder {
    state: State,
    block: Vec<u8>,
    /// Entries read so far.
    index: u64,
    /// Archive bytes taken.
    offset: u64,
    /// A block was read, whatever it was.
    begun: bool,
    extended: Extended,
    pending: VecDeque<TarItem>,
    /// What was reported: once is enough.
    said: Vec<Rule>,
}

/// Where in the grammar the next byte stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    #[default]
    Header,
    /// The map of an old GNU sparse file goes on in blocks of its own.
    SparseMap {
        size: u64,
    },
    Content {
        left: u64,
        /// Zeros behind it.
        padding: u64,
        /// The content is an extended header.
        extends: bool,
    },
    Padding {
        left: u64,
    },
    /// Behind one zero block.
    FirstZeros,
    /// Behind the end.
    Ended,
    Lost,
}

impl TarDecoder {
    /// Takes bytes; one item a call, `None` when all were taken.
    pub fn next(&mut self, input: &mut Bytes) -> Option<TarItem> {
        while self.pending.is_empty() && !input.is_empty() {
            match self.state {
                State::Lost => input.clear(),
                State::Header | State::SparseMap { .. } | State::FirstZeros => {
                    let take = input.len().min(BLOCK - self.block.len());
                    self.block.extend_from_slice(&input.split_to(take));
                    self.offset += take as u64;
                    if self.block.len() == BLOCK {
                        let block = std::mem::take(&mut self.block);
                        self.whole_block(&block);
                        // Used again for the next block.
                        self.block = block;
                        self.block.clear();
                        self.begun = true;
                    }
                }
                State::Content { left, padding, extends } => {
                    let take = usize::try_from(left).map_or(input.len(), |left| left.min(input.len()));
                    let piece = input.split_to(take);
                    self.offset += take as u64;
                    if extends {
                        self.extended.push(&piece);
                    }
                    self.state = State::Content { left: left - take as u64, padding, extends };
                    self.content_may_end();
                }
                State::Padding { left } => {
                    let take = usize::try_from(left).map_or(input.len(), |left| left.min(input.len()));
                    input.advance(take);
                    self.offset += take as u64;
                    let left = left - take as u64;
                    self.state = if left == 0 { State::Header } else { State::Padding { left } };
                }
                State::Ended => self.behind_the_end(input),
            }
        }
        self.pending.pop_front()
    }

    /// Entries read so far.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.index
    }

    /// Whether the decoder gave up.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.state == State::Lost
    }

    /// Whether the two zero blocks were seen.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        self.state == State::Ended
    }

    /// Archive bytes taken.
    #[must_use]
    pub const fn offset(&self) -> u64 {
        self.offset
    }

    /// Bytes at the end of what was taken that are half a header.
    #[must_use]
    pub fn undecided(&self) -> usize {
        self.block.len()
    }

    /// What is wrong when the archive ends here.
    #[must_use]
    pub fn finish(&self, end: StreamEnd) -> Option<Flaw> {
        if end == StreamEnd::Broken {
            return None;
        }
        let ends = |rule, expected: String| Some(Flaw::new(rule, self.offset, expected, "the end of the archive").at_index(self.index));
        let zeros = self.block.iter().all(|byte| *byte == 0);
        match self.state {
            State::Ended | State::Lost => None,
            // Nothing at all: whether that is an archive is for those who know what it is for.
            State::Header if !self.begun && self.block.is_empty() => None,
            State::Header if !self.begun && !zeros => {
                let actual = format!("{} bytes: \"{}\"", self.block.len(), excerpt(&self.block));
                Some(Flaw::new(Rule::TarNotAnArchive, 0, "a tar archive", actual).with_evidence(&self.block))
            }
            State::Header | State::FirstZeros if zeros => ends(Rule::TarNoEnd, "two blocks of zeros".to_owned()),
            State::Header | State::FirstZeros | State::SparseMap { .. } => ends(Rule::TarTruncated, "a header of 512 bytes".to_owned()),
            State::Content { left, .. } => ends(Rule::TarTruncated, format!("{left} more bytes of content")),
            State::Padding { left } => ends(Rule::TarTruncated, format!("{left} more bytes of padding")),
        }
    }

    fn say(&mut self, flaw: Flaw) {
        if !self.said.contains(&flaw.rule) {
            self.said.push(flaw.rule);
            self.pending.push_back(TarItem::Flaw(flaw));
        }
    }

    /// A defect behind which nobody knows where the next header begins.
    fn lose(&mut self, flaw: Flaw) {
        self.say(flaw);
        self.state = State::Lost;
    }

    fn whole_block(&mut self, block: &[u8]) {
        let at = self.offset - BLOCK as u64;
        if let State::SparseMap { size } = self.state {
            // The last byte but seven says whether there is another block of the map.
            if block[header::SPARSE_GOES_ON_HERE] == 0 {
                self.enter_content(size, false);
            }
            return;
        }
        let zeros = block.iter().all(|byte| *byte == 0);
        match (self.state, zeros) {
            (State::FirstZeros, true) => {
                self.state = State::Ended;
                if self.extended.is_waiting() {
                    let flaw = Flaw::new(Rule::TarExtendedHeader, at, "an entry behind the extended header", "the end of the archive");
                    self.say(flaw.at_index(self.index));
                }
            }
            (State::FirstZeros, false) => {
                let flaw = Flaw::new(Rule::TarLoneZeroBlock, at, "a second block of zeros", excerpt(header::name_field(block)));
                self.lose(flaw.at_index(self.index).with_evidence(block));
            }
            (_, true) => self.state = State::FirstZeros,
            (_, false) => self.header(block, at),
        }
    }

    fn header(&mut self, block: &[u8], at: u64) {
        let header = match Header::read(block) {
            Ok(header) => header,
            Err(defect) => {
                self.lose(self.unreadable(block, at, defect).at_index(self.index));
                return;
            }
        };
        if let Some(magic) = header.odd_magic {
            let flaw = Flaw::new(Rule::TarMagic, at, "`ustar`, or nothing", excerpt(magic));
            self.say(flaw.at_index(self.index).with_evidence(magic));
        }
        if Extended::is_kind(header.kind) {
            self.extended.begin(header.kind);
            self.enter_content(header.size, true);
            return;
        }
        let extended = self.extended.take();
        let size = extended.size.unwrap_or(header.size);
        let entry = TarEntry {
            index: self.index,
            offset: at,
            name: extended.name.unwrap_or(header.name),
            mode: header.mode & 0o7777,
            size,
            mtime: extended.mtime.unwrap_or(header.mtime),
            kind: header.kind,
            sparse: extended.sparse || header.kind == b'S',
        };
        // Links, devices, directories and FIFOs have no content, whatever the size says: Go's `isHeaderOnly`.
        let folder = header.kind == 0 && entry.name.ends_with('/');
        let content = if matches!(header.kind, b'1'..=b'6') || folder { 0 } else { size };
        self.index += 1;
        self.pending.push_back(TarItem::Entry(entry));
        if header.kind == b'S' && block[header::SPARSE_GOES_ON] != 0 {
            self.state = State::SparseMap { size: content };
        } else {
            self.enter_content(content, false);
        }
    }

    /// Names what stands in the place of a header.
    fn unreadable(&self, block: &[u8], at: u64, defect: Defect<'_>) -> Flaw {
        let shown = || format!("\"{}\"", excerpt(&block[..64]));
        if defect.rule != Rule::TarChecksum || header::has_magic(block) {
            return Flaw::new(defect.rule, at, defect.expected, defect.actual).with_evidence(defect.field);
        }
        if self.begun {
            let due = "a header; the content before it is longer or shorter than its size";
            return Flaw::new(Rule::TarChecksum, at, due, shown()).with_evidence(block);
        }
        Flaw::new(Rule::TarNotAnArchive, at, "a tar archive", shown()).with_evidence(block)
    }

    fn enter_content(&mut self, size: u64, extends: bool) {
        let padding = size.next_multiple_of(BLOCK as u64) - size;
        self.state = State::Content { left: size, padding, extends };
        self.content_may_end();
    }

    fn content_may_end(&mut self) {
        let State::Content { left: 0, padding, extends } = self.state else { return };
        self.state = if padding == 0 { State::Header } else { State::Padding { left: padding } };
        if extends && let Err((expected, actual)) = self.extended.end() {
            let flaw = Flaw::new(Rule::TarExtendedHeader, self.offset, expected, actual);
            self.say(flaw.at_index(self.index));
        }
    }

    /// More zeros may fill up the last record of a tape. Go stops reading at the end; whatever is behind it is lost.
    fn behind_the_end(&mut self, input: &mut Bytes) {
        // What is shown does not depend on where reads were cut: from the first byte that is not zero, as many as a line holds.
        if self.block.is_empty() {
            let zeros = input.iter().take_while(|byte| **byte == 0).count();
            input.advance(zeros);
            self.offset += zeros as u64;
        }
        if let Some(first) = input.first().copied().filter(|_| !input.is_empty()) {
            let flaw = Flaw::new(Rule::TarTrailingBytes, self.offset, "nothing but zeros behind the end", format!("the byte {first:02x}"));
            input.advance(1);
            self.offset += 1;
            self.lose(flaw.at_index(self.index).with_evidence(&[first]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A header with a right checksum.
    fn header(name: &str, kind: u8, size: &str) -> Vec<u8> {
        let mut block = vec![0; BLOCK];
        block[..name.len()].copy_from_slice(name.as_bytes());
        block[100..107].copy_from_slice(b"0000644");
        block[124..124 + size.len()].copy_from_slice(size.as_bytes());
        block[156] = kind;
        block[257..265].copy_from_slice(b"ustar\x0000");
        seal(&mut block);
        block
    }

    fn seal(block: &mut [u8]) {
        block[148..156].fill(b' ');
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
        block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    }

    fn file(name: &str, content: &[u8]) -> Vec<u8> {
        let mut bytes = header(name, b'0', &format!("{:011o}", content.len()));
        bytes.extend_from_slice(content);
        bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
        bytes
    }

    fn typed(kind: u8, content: &[u8]) -> Vec<u8> {
        let mut bytes = file("x", content);
        bytes[156] = kind;
        seal(&mut bytes[..BLOCK]);
        bytes
    }

    fn walk(archive: &[u8]) -> (Vec<String>, Vec<Rule>) {
        let (mut decoder, mut input) = (TarDecoder::default(), Bytes::copy_from_slice(archive));
        let (mut names, mut rules) = (Vec::new(), Vec::new());
        while let Some(item) = decoder.next(&mut input) {
            match item {
                TarItem::Entry(entry) => names.push(entry.name),
                TarItem::Flaw(flaw) => rules.push(flaw.rule),
            }
        }
        rules.extend(decoder.finish(StreamEnd::Closed).map(|flaw| flaw.rule));
        (names, rules)
    }

    #[test]
    fn archives_and_what_is_wrong_with_them() {
        use Rule::{
            TarChecksum, TarExtendedHeader, TarLoneZeroBlock, TarMagic, TarNoEnd, TarNotAnArchive, TarNumber, TarTrailingBytes,
            TarTruncated,
        };
        let end = vec![0; 2 * BLOCK];
        let changed = |at: usize, with: &[u8], sealed: bool| {
            let mut bytes = file("a", b"hi\n");
            bytes[at..at + with.len()].copy_from_slice(with);
            if sealed {
                seal(&mut bytes[..BLOCK]);
            }
            [&bytes[..], &end].concat()
        };
        let base256 = [&[0x80][..], &[0; 10], &[3]].concat();
        let negative = [&[0xff][..], &[0xff; 10], &[0xfd]].concat();
        for (archive, names, rules) in [
            ([&file("a", b"hi\n")[..], &file("b/", b""), &end, &end].concat(), vec!["a", "b/"], vec![]),
            (end.clone(), vec![], vec![]),
            (Vec::new(), vec![], vec![]),
            (changed(124, &base256, true), vec!["a"], vec![]),
            (changed(257, b"ustar  \0", true), vec!["a"], vec![]),
            (changed(257, &[0; 8], true), vec!["a"], vec![]),
            ([&typed(b'x', b"12 path=long\n")[..], &file("a", b""), &end].concat(), vec!["a"], vec![TarExtendedHeader]),
            ([&typed(b'x', b"13 path=long\n")[..], &file("a", b""), &end].concat(), vec!["long"], vec![]),
            ([&typed(b'L', b"longer\0")[..], &file("a", b"x"), &end].concat(), vec!["longer"], vec![]),
            ([&typed(b'x', b"13 path=long\n")[..], &end].concat(), vec![], vec![TarExtendedHeader]),
            (changed(257, b"xxxxx", true), vec!["a"], vec![TarMagic]),
            (changed(0, b"b", false), vec![], vec![TarChecksum]),
            (changed(124, b"12x", true), vec![], vec![TarNumber]),
            (changed(124, &negative, true), vec![], vec![TarNumber]),
            (changed(100, b"9", true), vec![], vec![TarNumber]),
            (file("a", b"hi\n"), vec!["a"], vec![TarNoEnd]),
            ([&file("a", b"hi\n")[..], &end[..BLOCK]].concat(), vec!["a"], vec![TarNoEnd]),
            ([&file("a", b"hi\n")[..], &end[..BLOCK], &file("b", b""), &end].concat(), vec!["a"], vec![TarLoneZeroBlock]),
            ([&file("a", b"hi\n")[..], &end, b"\0\0hello"].concat(), vec!["a"], vec![TarTrailingBytes]),
            (file("a", b"hi\n")[..514].to_vec(), vec!["a"], vec![TarTruncated]),
            ([&file("a", b"hi\n")[..], b"b"].concat(), vec!["a"], vec![TarTruncated]),
            (b"FROM base\n".to_vec(), vec![], vec![TarNotAnArchive]),
            (b"FROM base\n".repeat(100), vec![], vec![TarNotAnArchive]),
        ] {
            let (found, flaws) = walk(&archive);
            assert_eq!((found.iter().map(String::as_str).collect::<Vec<_>>(), flaws), (names, rules), "{:?}", excerpt(&archive));
        }
    }
}
