//! Reports: each is a fold over the events of a run.
//!
//! A report never judges; what it says stands in the events, and every format says the same.

mod bytes;
mod class;
pub mod coverage;
mod digest;
mod format;
mod github;
mod html;
mod jsonl;
mod junit;
mod markdown;
mod merge;
mod metrics;
mod read;
mod render;
mod sarif;
mod tally;
mod terminal;
pub mod waiver;
pub mod words;

use std::io;

use crate::model::Event;
pub use crate::model::FailOn;

pub use class::{Class, Classes};
pub use coverage::{Coverage, CoverageJson};
pub use digest::{Cell, CellKey, Digest, Mark};
pub use format::{Format, Setting, reporter};
pub use github::Github;
pub use html::Html;
pub use jsonl::{JsonLines, LINE_SCHEMA};
pub use junit::Junit;
pub use markdown::Markdown;
pub use merge::{Label, Merge, missing};
pub use metrics::{Metrics, Passing};
pub use read::{Ending, ReportError, read};
pub use render::render;
pub use sarif::Sarif;
pub use tally::{Gate, Tally};
pub use terminal::{Style, Terminal};
pub use waiver::Waivers;

/// Takes the events of a run as they happen.
pub trait Reporter: Send {
    /// One more event. Written at once where the format allows it, so that a killed run loses nothing.
    fn event(&mut self, event: &Event) -> io::Result<()>;

    /// The run is over: [`Event::RunFinished`] was the last event.
    fn finish(&mut self, tally: &Tally) -> io::Result<()>;
}
