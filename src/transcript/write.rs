//! Writes a transcript as it happens, a line an event.

use std::io::{self, Write};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::escape::{escape, is_textual};
use super::{Entry, FORMAT, MAGIC, What};
use crate::model::{ApiVersion, Side};

/// Writes events to a file or any other sink.
#[derive(Debug)]
pub struct Writer<W> {
    out: W,
}

impl<W: Write> Writer<W> {
    /// Begins a transcript.
    pub fn new(mut out: W, api_version: Option<ApiVersion>) -> io::Result<Self> {
        writeln!(out, "{MAGIC} {FORMAT}")?;
        if let Some(version) = api_version {
            writeln!(out, "@api-version {version}")?;
        }
        Ok(Self { out })
    }

    /// Adds an event.
    pub fn entry(&mut self, entry: &Entry) -> io::Result<()> {
        let mark = if entry.side == Side::Client { '>' } else { '<' };
        self.head(entry.at, entry.connection)?;
        match &entry.what {
            What::Bytes(bytes) if is_textual(bytes) => writeln!(self.out, "{mark} \"{}\"", escape(bytes)),
            What::Bytes(bytes) => writeln!(self.out, "{mark}~ \"{}\"", STANDARD.encode(bytes)),
            What::Closed => writeln!(self.out, "{mark}|"),
            What::Reset => writeln!(self.out, "{mark}!"),
        }
    }

    /// Passes what is buffered on.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// The sink.
    pub fn into_inner(self) -> W {
        self.out
    }

    fn head(&mut self, at: Duration, connection: u64) -> io::Result<()> {
        write!(self.out, "+{}.{:06} c{connection} ", at.as_secs(), at.subsec_micros())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Transcript, read};
    use super::*;
    use bytes::Bytes;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_written_is_read_again(entries in proptest::collection::vec((prop_oneof![0..10_000_000u64, 0..1u64 << 60], 1u64..9, any::<bool>(), proptest::collection::vec(any::<u8>(), 0..60), 0..5), 0..8)) {
            let mut last = 0;
            let entries: Vec<Entry> = entries.into_iter().enumerate().map(|(index, (step, connection, client, bytes, kind))| {
                last += step;
                let what = match kind { 0 => What::Closed, 1 => What::Reset, _ => What::Bytes(Bytes::from(bytes)) };
                Entry { line: index + 3, at: Duration::from_micros(last), connection, side: if client { Side::Client } else { Side::Daemon }, what }
            }).collect();
            let mut writer = Writer::new(Vec::new(), Some(ApiVersion::new(41))).expect("a vector takes all");
            for entry in &entries {
                writer.entry(entry).expect("a vector takes all");
            }
            let timed = !entries.is_empty();
            let written = writer.into_inner();
            prop_assert_eq!(read(&written), Ok(Transcript { api_version: Some(ApiVersion::new(41)), entries, timed }));
        }
    }
}
