//! What a container wrote, kept as dockerd's json-file driver keeps it: a record a line, and a record for every 16 KiB of a line that is longer.
//!
//! A log is bounded: beyond its limit the oldest records go, as with a `max-size`. They do not go while somebody reads them; then whoever writes waits.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use bytes::{Bytes, BytesMut};
use jiff::Timestamp;

use super::Source;

/// A longer line is several records.
const LONGEST: usize = 16 * 1024;
/// So many bytes are kept of each container.
const LIMIT: usize = 32 << 20;
/// What a record takes beside its text.
const OVERHEAD: usize = 64;

/// A line, or a part of a long one.
#[derive(Debug, Clone)]
pub(in crate::reference) struct Record {
    /// Standard output or error.
    pub(in crate::reference) source: Source,
    /// When the line ended; of a part when its first part came.
    pub(in crate::reference) time: Timestamp,
    /// The text with its newline; without one a part, or the last words of a process.
    pub(in crate::reference) line: Bytes,
}

/// A position in a log. What it has not passed is not dropped.
#[derive(Debug)]
pub(super) struct Position(Arc<AtomicU64>);

impl Position {
    pub(super) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn set(&self, to: u64) {
        self.0.store(to, Ordering::Relaxed);
    }
}

/// The log of one container.
#[derive(Debug, Default)]
pub(super) struct Log {
    records: VecDeque<Record>,
    /// The number of the first record that is kept.
    first: u64,
    bytes: usize,
    output: Pending,
    error: Pending,
    readers: Vec<Weak<AtomicU64>>,
}

/// A line that has not ended yet.
#[derive(Debug, Default)]
struct Pending {
    text: BytesMut,
    /// When the first part of a long line came.
    since: Option<Timestamp>,
}

impl Log {
    /// Takes what was written.
    pub(super) fn write(&mut self, source: Source, mut bytes: &[u8], now: Timestamp) {
        while !bytes.is_empty() {
            let pending = self.pending(source);
            let room = LONGEST.saturating_sub(pending.text.len()).min(bytes.len());
            let (ends, upto) = match memchr::memchr(b'\n', &bytes[..room]) {
                Some(at) => (true, at + 1),
                // The newline right behind a full part is a line of its own.
                None => (false, room),
            };
            let (part, rest) = bytes.split_at(upto);
            pending.text.extend_from_slice(part);
            bytes = rest;
            if ends || pending.text.len() >= LONGEST {
                self.record(source, ends, now);
            }
        }
    }

    /// The process has ended: what has no newline is kept without one.
    pub(super) fn finish(&mut self, now: Timestamp) {
        for source in [Source::Output, Source::Error] {
            if !self.pending(source).text.is_empty() {
                self.record(source, false, now);
            }
            self.pending(source).since = None;
        }
    }

    /// What has no newline yet and is in no record.
    pub(super) fn unfinished(&self) -> impl Iterator<Item = (Source, Bytes)> {
        [(Source::Output, &self.output), (Source::Error, &self.error)]
            .into_iter()
            .filter(|(_, pending)| !pending.text.is_empty())
            .map(|(source, pending)| (source, Bytes::copy_from_slice(&pending.text)))
    }

    fn pending(&mut self, source: Source) -> &mut Pending {
        match source {
            Source::Output => &mut self.output,
            Source::Error => &mut self.error,
        }
    }

    fn record(&mut self, source: Source, ends: bool, now: Timestamp) {
        let pending = self.pending(source);
        let line = pending.text.split().freeze();
        let time = if ends { pending.since.take().unwrap_or(now) } else { *pending.since.get_or_insert(now) };
        self.bytes += line.len() + OVERHEAD;
        self.records.push_back(Record { source, time, line });
    }

    /// Drops the oldest records beyond the limit; false when somebody still has to read them.
    pub(super) fn trim(&mut self) -> bool {
        if self.bytes <= LIMIT {
            return true;
        }
        self.readers.retain(|reader| reader.strong_count() > 0);
        let needed = self.readers.iter().filter_map(Weak::upgrade).map(|at| at.load(Ordering::Relaxed)).min().unwrap_or(u64::MAX);
        while self.bytes > LIMIT && self.first < needed {
            let Some(record) = self.records.pop_front() else { break };
            self.bytes -= record.line.len() + OVERHEAD;
            self.first += 1;
        }
        self.bytes <= LIMIT
    }

    /// The number that the next record will have.
    pub(super) fn end(&self) -> u64 {
        self.first + self.records.len() as u64
    }

    /// A position before the last `tail` records, or before all of them.
    pub(super) fn position(&mut self, tail: Option<u64>) -> Position {
        let from = tail.map_or(self.first, |tail| self.end().saturating_sub(tail).max(self.first));
        let at = Arc::new(AtomicU64::new(from));
        self.readers.retain(|reader| reader.strong_count() > 0);
        self.readers.push(Arc::downgrade(&at));
        Position(at)
    }

    /// Some records from a number on, and the number behind them.
    pub(super) fn read(&self, from: u64, until: u64) -> (Vec<Record>, u64) {
        const AT_ONCE: u64 = 256;
        let from = from.max(self.first);
        let until = until.min(self.end()).min(from + AT_ONCE);
        let skip = usize::try_from(from - self.first).unwrap_or(usize::MAX);
        let take = usize::try_from(until.saturating_sub(from)).unwrap_or_default();
        (self.records.iter().skip(skip).take(take).cloned().collect(), until.max(from))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(log: &Log) -> Vec<(Source, usize, bool)> {
        log.records.iter().map(|record| (record.source, record.line.len(), record.line.ends_with(b"\n"))).collect()
    }

    #[test]
    fn lines_are_records_however_they_are_written() {
        use Source::{Error, Output};
        let long = vec![b'x'; LONGEST];
        let over = [&long[..], b"\n"].concat();
        type Writes<'a> = &'a [(Source, &'a [u8])];
        type Expected<'a> = &'a [(Source, usize, bool)];
        let cases: [(Writes<'_>, Expected<'_>); 6] = [
            (&[(Output, b"a\nbc\n")], &[(Output, 2, true), (Output, 3, true)]),
            (&[(Output, b"a"), (Error, b"e\n"), (Output, b"b\n")], &[(Error, 2, true), (Output, 3, true)]),
            (&[(Output, b"a\n"), (Output, b"rest")], &[(Output, 2, true), (Output, 4, false)]),
            (&[(Output, &long)], &[(Output, LONGEST, false)]),
            (&[(Output, &over)], &[(Output, LONGEST, false), (Output, 1, true)]),
            (&[(Output, &[]), (Output, b"\n")], &[(Output, 1, true)]),
        ];
        for (writes, expected) in cases {
            let mut log = Log::default();
            for (source, bytes) in writes {
                log.write(*source, bytes, Timestamp::UNIX_EPOCH);
            }
            log.finish(Timestamp::UNIX_EPOCH);
            assert_eq!(lines(&log), expected);
        }
    }

    #[test]
    fn parts_have_the_time_of_the_first() {
        let mut log = Log::default();
        let at = |second| Timestamp::from_second(second).expect("a time");
        log.write(Source::Output, &vec![b'x'; LONGEST], at(1));
        log.write(Source::Output, b"y\nz\n", at(2));
        let times: Vec<i64> = log.records.iter().map(|record| record.time.as_second()).collect();
        assert_eq!(times, [1, 1, 2]);
    }

    #[test]
    fn the_oldest_go_unless_they_are_being_read() {
        let mut log = Log::default();
        let line = [&[b'x'; 1023][..], b"\n"].concat();
        let reader = log.position(None);
        for _ in 0..40_000 {
            log.write(Source::Output, &line, Timestamp::UNIX_EPOCH);
        }
        assert!(!log.trim());
        assert_eq!(log.first, 0);
        reader.set(20_000);
        assert!(log.trim());
        drop(reader);
        assert!(log.bytes <= LIMIT && log.end() == 40_000);
        let last = log.position(Some(3));
        let (records, next) = log.read(last.get(), u64::MAX);
        assert_eq!((records.len(), next), (3, 40_000));
    }
}
