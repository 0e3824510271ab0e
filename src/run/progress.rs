//! How far long work is: a line on standard error, written anew, and taken away before anything else is told and in the end.

use std::borrow::BorrowMut;
use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal as _, Read, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How often the line is written anew; the first time after as long, so that short work shows none.
const TICK: Duration = Duration::from_millis(200);
/// So many lines of a file go by without a look at the clock.
const STRIDE: u32 = 64;

/// Whether a line of progress stands on the terminal. A process has one terminal, whoever writes to it.
static STANDING: AtomicBool = AtomicBool::new(false);

/// Takes the line of progress away, so that what is written next stands alone.
pub(super) fn clear() {
    if STANDING.swap(false, Ordering::Relaxed) {
        say("\r\x1b[K");
    }
}

/// The line. Shown on a terminal, or where it was asked for.
pub(super) struct Line {
    is_shown: bool,
    /// A terminal's line is written over; anywhere else each is a line of its own.
    is_terminal: bool,
    last: Instant,
}

impl Line {
    /// Nothing is shown yet. `asked`: also where standard error is no terminal.
    pub(super) fn new(asked: bool) -> Self {
        let is_terminal = io::stderr().is_terminal();
        Self { is_shown: asked || is_terminal, is_terminal, last: Instant::now() }
    }

    /// Writes it anew, when it is time to.
    pub(super) fn tell(&mut self, text: impl FnOnce() -> String) {
        if !self.is_shown || self.last.elapsed() < TICK {
            return;
        }
        self.last = Instant::now();
        if self.is_terminal {
            let width = terminal_size::terminal_size_of(io::stderr()).map_or(usize::MAX, |(width, _)| usize::from(width.0));
            STANDING.store(true, Ordering::Relaxed);
            say(&format!("\r\x1b[K{}", cut(&text(), width)));
        } else {
            say(&format!("plimsoll: {}\n", text()));
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        clear();
    }
}

/// How much of one file has been read.
pub(super) struct Progress {
    line: Line,
    what: String,
    length: Option<u64>,
    calls: u32,
}

impl Progress {
    /// `what` is done with the file, as in `checking`.
    pub(super) fn new(what: &str, path: &Path, asked: bool) -> Self {
        let length = std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file).map(|found| found.len());
        Self { line: Line::new(asked), what: format!("{what} {}", path.display()), length, calls: 0 }
    }

    /// So many bytes have been read. For every line of a file: it looks at the clock now and then.
    pub(super) fn at(&mut self, position: u64) {
        self.calls = self.calls.wrapping_add(1);
        if self.calls.is_multiple_of(STRIDE) {
            self.past(position);
        }
    }

    /// So many bytes have been read.
    fn past(&mut self, position: u64) {
        let Self { line, what, length, .. } = self;
        line.tell(|| match length.filter(|length| *length > 0) {
            Some(length) => format!("{what}: {} % of {} MiB", position.min(length) * 100 / length, length.div_ceil(1 << 20)),
            None => format!("{what}: {} MiB", position >> 20),
        });
    }
}

/// How many of several things are done.
pub(super) struct Steps {
    line: Line,
    what: String,
    noun: &'static str,
    total: Option<usize>,
    done: usize,
}

impl Steps {
    /// `what` is done, with so many things that `noun` names in the plural, or with nobody knows how many.
    pub(super) fn new(what: impl Into<String>, total: Option<usize>, noun: &'static str) -> Self {
        Self { line: Line::new(false), what: what.into(), noun, total, done: 0 }
    }

    /// One more is done.
    pub(super) fn done(&mut self) {
        self.done += 1;
        let Self { line, what, noun, total, done } = self;
        line.tell(|| match total {
            Some(total) => format!("{what}: {done} of {total} {noun}"),
            None => format!("{what}: {done} {noun}"),
        });
    }
}

/// A file that says how far it is read.
pub(super) struct Counted<P> {
    file: BufReader<File>,
    position: u64,
    progress: P,
}

impl<P: BorrowMut<Progress>> Counted<P> {
    /// From its start.
    pub(super) fn new(file: BufReader<File>, progress: P) -> Self {
        Self { file, position: 0, progress }
    }
}

impl<P: BorrowMut<Progress>> Read for Counted<P> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(out)?;
        self.position += count as u64;
        self.progress.borrow_mut().past(self.position);
        Ok(count)
    }
}

impl<P: BorrowMut<Progress>> BufRead for Counted<P> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.file.fill_buf()
    }

    fn consume(&mut self, count: usize) {
        self.file.consume(count);
        self.position += count as u64;
        self.progress.borrow_mut().at(self.position);
    }
}

/// Standard output, on which no line of progress is left standing in the way.
pub(super) struct Stdout;

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        clear();
        io::stdout().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stdout().flush()
    }
}

/// What fits into a line of this width: a second line could not be written over.
fn cut(text: &str, width: usize) -> String {
    let fits = width.saturating_sub(1);
    if text.chars().count() <= fits {
        return text.to_owned();
    }
    // The end says how far it is.
    let end: Vec<char> = text.chars().rev().take(fits.saturating_sub(1)).collect();
    std::iter::once('…').chain(end.into_iter().rev()).collect()
}

/// Standard output is for the report.
fn say(text: &str) {
    let mut stderr = io::stderr();
    // Nobody listens on standard error: then nobody waits.
    let _ = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_never_longer_than_the_terminal() {
        let text = "reading /a/long/path.jsonl: 40 % of 12 MiB";
        assert_eq!(cut(text, 80), text);
        assert_eq!(cut(text, 25), "…h.jsonl: 40 % of 12 MiB");
        for width in 0..60 {
            assert!(cut(text, width).chars().count() <= width.max(1), "{width}");
        }
    }
}
