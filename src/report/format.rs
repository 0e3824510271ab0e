//! The formats that a report comes in, and where each is made.

use std::io::Write;

use clap::ValueEnum;

use super::{JsonLines, Reporter, Style, Terminal};
use crate::catalog::Catalog;

/// A format of reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Format {
    /// For people.
    Terminal,
    /// JSON Lines, one event a line, as it happens.
    Jsonl,
}

/// What a report is made with, beside the events.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// Colour or none, for people.
    pub style: Style,
    /// What is known of the API: for what was not seen.
    pub catalog: &'static Catalog,
}

/// A report of this format that goes to `out`.
#[must_use]
pub fn reporter(format: Format, out: Box<dyn Write + Send>, setting: Setting) -> Box<dyn Reporter> {
    match format {
        Format::Terminal => Box::new(Terminal::new(out, setting.style)),
        Format::Jsonl => Box::new(JsonLines::new(out)),
    }
}
