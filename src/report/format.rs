//! The formats that a report comes in, and where each is made.

use std::io::Write;

use clap::ValueEnum;

use super::{CoverageJson, Github, Html, JsonLines, Junit, Markdown, Reporter, Sarif, Style, Terminal};
use crate::catalog::Catalog;

/// A format of reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Format {
    /// For people.
    Terminal,
    /// JSON Lines, one event a line, as it happens.
    Jsonl,
    /// One self-contained page, for a browser.
    Html,
    /// What was seen of the API and what is missing, as JSON.
    Coverage,
    /// JUnit XML, a test case an operation and version.
    Junit,
    /// SARIF 2.1.0, for code scanning and editors.
    Sarif,
    /// Workflow commands that annotate a run of GitHub Actions; the Markdown report goes to its step summary.
    Github,
    /// Markdown, for comments and summaries.
    Markdown,
}

impl Format {
    /// Whether it shows what was seen in detail, which then has to be counted.
    #[must_use]
    pub const fn shows_coverage(self) -> bool {
        matches!(self, Self::Jsonl | Self::Html | Self::Coverage)
    }
}

/// What a report is made with, beside the events.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// Colour or none, for people.
    pub style: Style,
    /// What is known of the API: for what was not seen.
    pub catalog: &'static Catalog,
    /// Whether the report for people shows coverage, too.
    pub coverage: bool,
}

/// A report of this format that goes to `out`.
#[must_use]
pub fn reporter(format: Format, out: Box<dyn Write + Send>, setting: Setting) -> Box<dyn Reporter> {
    match format {
        Format::Terminal => Box::new(Terminal::new(out, setting)),
        Format::Jsonl => Box::new(JsonLines::new(out)),
        Format::Html => Box::new(Html::new(out, setting.catalog)),
        Format::Coverage => Box::new(CoverageJson::new(out, setting.catalog)),
        Format::Junit => Box::new(Junit::new(out)),
        Format::Sarif => Box::new(Sarif::new(out)),
        Format::Github => Box::new(Github::new(out)),
        Format::Markdown => Box::new(Markdown::new(out)),
    }
}
