//! How far a long file has been read: a line on standard error, written anew, and gone in the end.

use std::io::{IsTerminal as _, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

/// How often the line is written anew; the first time after as long, so that a short file shows none.
const TICK: Duration = Duration::from_millis(200);
/// So many calls go by without a look at the clock.
const STRIDE: u32 = 64;

/// Shown on a terminal, or where it was asked for.
pub(super) struct Progress {
    what: String,
    length: Option<u64>,
    is_shown: bool,
    /// A terminal's line is written over; anywhere else each is a line of its own.
    is_terminal: bool,
    written: bool,
    last: Instant,
    calls: u32,
}

impl Progress {
    /// Of one file.
    pub(super) fn new(what: &str, path: &Path, asked: bool) -> Self {
        let length = std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file).map(|found| found.len());
        let is_terminal = std::io::stderr().is_terminal();
        let what = format!("{what} {}", path.display());
        Self { what, length, is_shown: asked || is_terminal, is_terminal, written: false, last: Instant::now(), calls: 0 }
    }

    /// So many bytes have been read.
    pub(super) fn at(&mut self, position: u64) {
        self.calls += 1;
        if !self.is_shown || !self.calls.is_multiple_of(STRIDE) || self.last.elapsed() < TICK {
            return;
        }
        self.last = Instant::now();
        let mib = position >> 20;
        let text = match self.length.filter(|length| *length > 0) {
            Some(length) => format!("{}: {} % of {} MiB", self.what, position.min(length) * 100 / length, length.div_ceil(1 << 20)),
            None => format!("{}: {mib} MiB", self.what),
        };
        self.written = true;
        if self.is_terminal { say(&format!("\r\x1b[K{text}")) } else { say(&format!("plimsoll: {text}\n")) }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.written && self.is_terminal {
            say("\r\x1b[K");
        }
    }
}

/// Standard output is for the report.
fn say(text: &str) {
    let mut stderr = std::io::stderr();
    // Nobody listens on standard error: then nobody waits.
    let _ = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
}
