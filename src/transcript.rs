//! Transcripts: the recorded bytes of both directions, with times. The one file format for fixtures, recordings and replays.
//!
//! Format 1 is UTF-8 text, one event a line, made to be read in a diff and written by hand:
//!
//! ```text
//! @plimsoll-transcript 1
//! @api-version 1.41
//! # comment
//! +0.000 c1 > "GET /_ping HTTP/1.1\r\nHost: d\r\n\r\n"
//! +0.004 c1 <~ "SFRUUC8xLjEg"
//! +0.200 c1 >|
//! ```
//!
//! Reading and writing only: nothing is judged here.

mod call;
mod escape;
mod exchange;
pub mod har;
mod read;
mod write;

use std::time::Duration;

use bytes::Bytes;

use crate::model::{ApiVersion, Side};

pub use call::Call;
pub use exchange::{Exchange, Exchanges, Message, Piece};
pub use read::{ReadError, Reader, TranscriptError, read};
pub use write::Writer;

/// The first line of every transcript.
pub const MAGIC: &str = "@plimsoll-transcript";
/// The one format there is.
pub const FORMAT: u32 = 1;

/// A recording.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Transcript {
    /// `@api-version`: the version that the daemon is known to announce.
    pub api_version: Option<ApiVersion>,
    /// What was seen, in order.
    pub entries: Vec<Entry>,
    /// Whether any entry has a time; without one, timing means nothing.
    pub timed: bool,
}

impl Transcript {
    /// Whether there are requests alone.
    #[must_use]
    pub fn is_bare(&self) -> bool {
        self.entries.iter().all(|entry| entry.side == Side::Client)
    }
}

/// One line of a recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its line in the file, from 1; 0 where it was not read from one.
    pub line: usize,
    /// Since the start.
    pub at: Duration,
    /// Number of the connection, from 1.
    pub connection: u64,
    /// Who did it.
    pub side: Side,
    /// What was seen.
    pub what: What,
}

/// What was seen of a side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// `>` or `<`: bytes, as they were read.
    Bytes(Bytes),
    /// `>|` or `<|`: it closed its sending side.
    Closed,
    /// `>!` or `<!`: the connection was reset from that side.
    Reset,
}
