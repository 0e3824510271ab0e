//! JSON Lines, format 1: one event a line, written as it happens. Every other format can be made from it.

use std::io::{self, Write};

use super::{Reporter, Tally};
use crate::model::Event;

/// The JSON Schema (2020-12) of a line, as it is published.
pub const LINE_SCHEMA: &str = include_str!("../../schemas/meta/report.json");

/// Writes JSON Lines.
#[derive(Debug)]
pub struct JsonLines<W> {
    out: W,
    /// The line that is being made: it is written in one piece, so that a killed run leaves at most one line unfinished.
    line: Vec<u8>,
}

impl<W: Write> JsonLines<W> {
    /// Writes to `out`, flushing after every line that a person may wait for.
    pub fn new(out: W) -> Self {
        Self { out, line: Vec::new() }
    }
}

impl<W: Write + Send> Reporter for JsonLines<W> {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        self.line.clear();
        serde_json::to_writer(&mut self.line, event)?;
        self.line.push(b'\n');
        self.out.write_all(&self.line)?;
        self.out.flush()
    }

    fn finish(&mut self, _: &Tally) -> io::Result<()> {
        self.out.flush()
    }
}
