//! Undoes a compression piece by piece: gzip, bzip2, xz and zstd, as dockerd does before it reads an archive. Bytes go in as they come and come out
//! in pieces; a window is all that is kept, and none over [`WINDOW_LIMIT`].

mod zstd;

use std::fmt;
use std::io::{self, Write};

use bzip2::{Decompress, Status};
use flate2::write::MultiGzDecoder;
use xz4rust::{XzDecoder, XzError, XzNextBlockResult};

use zstd::Zstd;

/// The largest window that is kept for an archive in xz or zstd: that of `xz -6` and `zstd -19`, and what RFC 8878 section 3.1.1.1.2 asks of every decoder.
pub const WINDOW_LIMIT: u64 = 8 << 20;

/// So much comes out at once.
const PIECE: usize = 32 << 10;

/// flate2's word for bytes that begin no gzip member; a test sees to it.
const NO_MEMBER: &str = "invalid gzip header";

/// What dockerd undoes: moby/moby pkg/archive, `DetectCompression`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// RFC 1952.
    Gzip,
    /// By Julian Seward.
    Bzip2,
    /// The .xz file format.
    Xz,
    /// RFC 8878.
    Zstd,
}

impl Compression {
    /// Bytes from which on [`Self::of`] tells.
    pub(super) const LONGEST_MAGIC: usize = 6;

    /// By the first bytes.
    pub(super) fn of(begin: &[u8]) -> Option<Self> {
        match begin {
            [0x1f, 0x8b, 0x08, ..] => Some(Self::Gzip),
            [b'B', b'Z', b'h', ..] => Some(Self::Bzip2),
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Some(Self::Xz),
            // A skippable frame may come first.
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Some(Self::Zstd),
            _ => None,
        }
    }

    /// As its program is called.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Bzip2 => "bzip2",
            Self::Xz => "xz",
            Self::Zstd => "zstd",
        }
    }
}

/// Why no more comes out.
#[derive(Debug)]
pub(super) enum Fault {
    /// The data is not sound.
    Corrupt(String),
    /// The data ends inside a member.
    Ended,
    /// Behind one whole member stands something that begins no other.
    NoMember,
    /// A window over [`WINDOW_LIMIT`] is needed.
    Window,
    /// The sink takes no more.
    Full,
}

/// One compressed stream, with what it becomes.
pub(super) struct Inflater<W: Write> {
    /// `None` when `kind` holds it: flate2 writes by itself.
    sink: Option<W>,
    kind: Kind<W>,
    piece: Vec<u8>,
    /// A member has ended, and nothing of another was taken.
    between: bool,
    /// A member has ended, and nothing came out since.
    behind: bool,
}

enum Kind<W: Write> {
    Gzip(Box<MultiGzDecoder<W>>),
    Bzip2(Decompress),
    Xz(Box<XzDecoder<'static>>),
    Zstd(Box<Zstd>),
}

impl<W: Write> Inflater<W> {
    pub(super) fn new(compression: Compression, sink: W) -> Self {
        let (sink, kind) = match compression {
            Compression::Gzip => (None, Kind::Gzip(Box::new(MultiGzDecoder::new(sink)))),
            Compression::Bzip2 => (Some(sink), Kind::Bzip2(Decompress::new(false))),
            Compression::Xz => {
                let limit = usize::try_from(WINDOW_LIMIT).unwrap_or(usize::MAX);
                (Some(sink), Kind::Xz(XzDecoder::in_heap_with_alloc_dict_size(0, limit)))
            }
            Compression::Zstd => (Some(sink), Kind::Zstd(Box::new(Zstd::new(WINDOW_LIMIT)))),
        };
        let piece = if matches!(kind, Kind::Bzip2(_) | Kind::Xz(_)) { vec![0; PIECE] } else { Vec::new() };
        Self { sink, kind, piece, between: false, behind: false }
    }

    /// What it is written to.
    pub(super) fn sink(&mut self) -> &mut W {
        match (&mut self.kind, &mut self.sink) {
            (Kind::Gzip(gzip), _) => gzip.get_mut(),
            (_, Some(sink)) => sink,
            (_, None) => unreachable!("only flate2 takes the sink"),
        }
    }

    /// Takes compressed bytes.
    pub(super) fn push(&mut self, input: &[u8]) -> Result<(), Fault> {
        match (&mut self.kind, &mut self.sink) {
            (Kind::Gzip(gzip), _) => gzip.write_all(input).map_err(|error| of_gzip(&error)),
            (Kind::Zstd(zstd), Some(sink)) => zstd.push(input, sink),
            _ => self.step_through(input),
        }
    }

    /// The compressed bytes end here.
    pub(super) fn finish(&mut self) -> Result<(), Fault> {
        let (between, behind) = match &mut self.kind {
            Kind::Gzip(gzip) => return gzip.try_finish().map_err(|error| of_gzip(&error)),
            Kind::Zstd(zstd) => (zstd.is_between(), zstd.is_behind()),
            Kind::Bzip2(_) | Kind::Xz(_) => (self.between, self.behind),
        };
        match (between, behind) {
            (true, _) => Ok(()),
            (false, true) => Err(Fault::NoMember),
            (false, false) => Err(Fault::Ended),
        }
    }

    /// For decoders that fill a buffer.
    fn step_through(&mut self, mut input: &[u8]) -> Result<(), Fault> {
        loop {
            if self.between {
                // Between streams in xz stand zeros, and nothing in bzip2.
                if matches!(self.kind, Kind::Xz(_)) {
                    input = &input[input.iter().take_while(|byte| **byte == 0).count()..];
                }
                if input.is_empty() {
                    return Ok(());
                }
            }
            let (taken, made, ended) = match &mut self.kind {
                Kind::Bzip2(bzip2) => step_bzip2(bzip2, input, &mut self.piece).map_err(|fault| fault.behind(self.behind))?,
                Kind::Xz(xz) => step_xz(xz, input, &mut self.piece).map_err(|fault| fault.behind(self.behind))?,
                Kind::Gzip(_) | Kind::Zstd(_) => return Ok(()),
            };
            input = &input[taken..];
            if let Some(sink) = &mut self.sink {
                sink.write_all(&self.piece[..made]).map_err(|_| Fault::Full)?;
            }
            self.between = ended || (self.between && taken == 0);
            self.behind = ended || (self.behind && made == 0);
            match &mut self.kind {
                Kind::Bzip2(bzip2) if ended => *bzip2 = Decompress::new(false),
                Kind::Xz(xz) if ended => xz.reset(),
                // What is left in it comes before what is still to be taken.
                _ if taken == 0 && made == 0 => return Ok(()),
                _ => {}
            }
        }
    }
}

impl Fault {
    /// Where a whole member stands before.
    fn behind(self, member: bool) -> Self {
        if member && matches!(self, Self::Corrupt(_)) { Self::NoMember } else { self }
    }
}

/// How much was taken and made, and whether a member ended.
type Step = (usize, usize, bool);

fn step_bzip2(bzip2: &mut Decompress, input: &[u8], output: &mut [u8]) -> Result<Step, Fault> {
    let (before_in, before_out) = (bzip2.total_in(), bzip2.total_out());
    let status = bzip2.decompress(input, output).map_err(|error| Fault::Corrupt(error.to_string()))?;
    // Both are at most the length of a slice.
    let difference = |now: u64, before: u64| usize::try_from(now - before).unwrap_or(usize::MAX);
    let ended = status == Status::StreamEnd;
    Ok((difference(bzip2.total_in(), before_in).min(input.len()), difference(bzip2.total_out(), before_out).min(output.len()), ended))
}

fn step_xz(xz: &mut XzDecoder<'static>, input: &[u8], output: &mut [u8]) -> Result<Step, Fault> {
    match xz.decode(input, output) {
        Ok(result @ XzNextBlockResult::EndOfStream(..)) => Ok((result.input_consumed(), result.output_produced(), true)),
        Ok(result) => Ok((result.input_consumed(), result.output_produced(), false)),
        Err(XzError::NeedsLargerInputBuffer) => Ok((0, 0, false)),
        Err(XzError::DictionaryTooLarge(_)) => Err(Fault::Window),
        Err(
            XzError::ContentCrc32Mismatch(..)
            | XzError::ContentCrc64Mismatch(..)
            | XzError::ContentSha256Mismatch(..)
            | XzError::StreamHeaderCrc32Mismatch(..)
            | XzError::BlockHeaderCrc32Mismatch(..)
            | XzError::IndexCrc32Mismatch(..)
            | XzError::FooterCrc32Mismatch(..),
        ) => Err(Fault::Corrupt("a checksum that does not fit".to_owned())),
        Err(error) => Err(Fault::Corrupt(format!("xz: {error}"))),
    }
}

fn of_gzip(error: &io::Error) -> Fault {
    match error.kind() {
        io::ErrorKind::FileTooLarge => Fault::Full,
        io::ErrorKind::UnexpectedEof => Fault::Ended,
        _ if error.to_string() == NO_MEMBER => Fault::NoMember,
        _ => Fault::Corrupt(error.to_string()),
    }
}

impl<W: Write> fmt::Debug for Inflater<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inflater").field("between", &self.between).finish_non_exhaustive()
    }
}
