//! Frames of zstd, block by block: `ruzstd` decodes whole blocks only, so that one is collected first. No block is larger than 128 KiB.

use std::io::Write;

use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use super::Fault;

/// RFC 8878 section 3.1.1.2.4.
const LARGEST_BLOCK: usize = 128 << 10;
/// Behind the last block, where the frame has one.
const CHECKSUM: usize = 4;
/// What stands before the content of a frame that is to be skipped: section 3.1.2.
const SKIPPED_HEADER: usize = 8;

/// A stream of frames.
pub(super) struct Zstd {
    decoder: FrameDecoder,
    state: State,
    /// Half of something.
    held: Vec<u8>,
    /// A whole frame was read.
    begun: bool,
}

enum State {
    Between,
    /// In a frame, with this much behind its last block.
    Blocks {
        behind: usize,
    },
    /// In a frame that is to be skipped.
    Skipped(u64),
}

impl Zstd {
    pub(super) fn new(window: u64) -> Self {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(window);
        Self { decoder, state: State::Between, held: Vec::new(), begun: false }
    }

    /// Whether a whole frame was read, and nothing of another.
    pub(super) fn is_between(&self) -> bool {
        self.is_behind() && self.held.is_empty()
    }

    /// Whether a whole frame was read, and no whole header of another.
    pub(super) fn is_behind(&self) -> bool {
        self.begun && matches!(self.state, State::Between)
    }

    pub(super) fn push(&mut self, input: &[u8], sink: &mut impl Write) -> Result<(), Fault> {
        let mut held = std::mem::take(&mut self.held);
        held.extend_from_slice(input);
        let mut at = 0;
        while let Some(taken) = self.step(&held[at..], sink)? {
            at += taken;
        }
        held.drain(..at);
        self.held = held;
        Ok(())
    }

    /// How many bytes make the next thing, once it is there.
    fn step(&mut self, bytes: &[u8], sink: &mut impl Write) -> Result<Option<usize>, Fault> {
        match self.state {
            _ if bytes.is_empty() => Ok(None),
            State::Skipped(left) => {
                let take = usize::try_from(left).map_or(bytes.len(), |left| left.min(bytes.len()));
                let left = left - take as u64;
                self.state = if left == 0 { State::Between } else { State::Skipped(left) };
                Ok(Some(take))
            }
            State::Between => self.frame_header(bytes),
            State::Blocks { behind } => self.block(bytes, behind, sink),
        }
    }

    fn frame_header(&mut self, bytes: &[u8]) -> Result<Option<usize>, Fault> {
        use ReadFrameHeaderError as Header;
        match self.decoder.reset(bytes) {
            Ok(()) => {
                // Section 3.1.1.1.1: bit 2 of the descriptor.
                let behind = if bytes[4] & 4 == 0 { 0 } else { CHECKSUM };
                self.state = State::Blocks { behind };
                Ok(Some(usize::try_from(self.decoder.bytes_read_from_source()).unwrap_or(bytes.len())))
            }
            Err(FrameDecoderError::ReadFrameHeaderError(error)) => match error {
                Header::SkipFrame { length: 0, .. } => Ok(Some(SKIPPED_HEADER)),
                Header::SkipFrame { length, .. } => {
                    self.state = State::Skipped(u64::from(length));
                    Ok(Some(SKIPPED_HEADER))
                }
                Header::BadMagicNumber(_) if self.begun => Err(Fault::NoMember),
                Header::BadMagicNumber(_) => Err(Fault::Corrupt("no frame".to_owned())),
                Header::InvalidFrameDescriptor(_) => Err(Fault::Corrupt("a frame header that is none".to_owned())),
                // Of a slice, all that can go wrong is its end.
                _ => Ok(None),
            },
            Err(FrameDecoderError::WindowSizeTooBig { .. }) => Err(Fault::Window),
            Err(error) => Err(Fault::Corrupt(error.to_string())),
        }
    }

    /// Section 3.1.1.2: a header of three bytes, least first, holds whether the block is the last, its type and its size.
    fn block(&mut self, bytes: &[u8], behind: usize, sink: &mut impl Write) -> Result<Option<usize>, Fault> {
        let [low, middle, high, ..] = *bytes else { return Ok(None) };
        let header = u32::from_le_bytes([low, middle, high, 0]);
        let (last, repeated, size) = (header & 1 == 1, header >> 1 & 3 == 1, (header >> 3) as usize);
        // What is too large is so by its header.
        let content = if repeated { 1 } else { size.min(LARGEST_BLOCK) };
        let whole = 3 + content + if last { behind } else { 0 };
        if bytes.len() < whole {
            return Ok(None);
        }
        let decoded = self.decoder.decode_blocks(&bytes[..whole], BlockDecodingStrategy::UptoBlocks(1));
        decoded.map_err(|error| Fault::Corrupt(error.to_string()))?;
        self.decoder.collect_to_writer(sink).map_err(|_| Fault::Full)?;
        if last {
            (self.state, self.begun) = (State::Between, true);
            if let Some(due) = self.decoder.get_checksum_from_data().filter(|due| self.decoder.get_calculated_checksum() != Some(*due)) {
                return Err(Fault::Corrupt(format!("a checksum of {due:08x} that does not fit")));
            }
        }
        Ok(Some(whole))
    }
}
