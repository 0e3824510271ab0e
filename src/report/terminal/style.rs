//! Colour, or none. The words are the same in both.

use crate::model::Severity;
use anstyle::{AnsiColor, Style as Ansi};

/// Whether to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Words only: a file, a pipe, `NO_COLOR`.
    Plain,
    /// ANSI colours.
    Colour,
}

impl Style {
    /// The word, in its colour.
    #[must_use]
    pub fn severity(self, severity: Severity) -> String {
        let colour = match severity {
            Severity::Error => AnsiColor::Red,
            Severity::Warning => AnsiColor::Yellow,
            Severity::Note => AnsiColor::Cyan,
        };
        self.paint(colour.on_default().bold(), severity.to_string().as_str())
    }

    /// What the eye is to find.
    #[must_use]
    pub fn strong(self, text: &str) -> String {
        self.paint(Ansi::new().bold(), text)
    }

    /// What it may pass over.
    #[must_use]
    pub fn dim(self, text: &str) -> String {
        self.paint(Ansi::new().dimmed(), text)
    }

    /// Good news.
    #[must_use]
    pub fn good(self, text: &str) -> String {
        self.paint(AnsiColor::Green.on_default().bold(), text)
    }

    /// Bad news.
    #[must_use]
    pub fn bad(self, text: &str) -> String {
        self.paint(AnsiColor::Red.on_default().bold(), text)
    }

    /// What may trip somebody.
    #[must_use]
    pub fn warn(self, text: &str) -> String {
        self.paint(AnsiColor::Yellow.on_default().bold(), text)
    }

    fn paint(self, style: Ansi, text: &str) -> String {
        match self {
            Self::Plain => text.to_owned(),
            Self::Colour => format!("{style}{text}{style:#}"),
        }
    }
}
