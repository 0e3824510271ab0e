//! What is wrong in our world, not the peers': a sentence and an exit code.

mod excerpt;

use std::fmt;
use std::process::ExitCode;

pub use excerpt::{excerpt, line};

/// How a run of the tool ends. The numbers are a promise to scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Compliant, or done.
    Compliant = 0,
    /// Violations at or above `--fail-on`.
    Violations = 1,
    /// Bad usage, or a bad configuration, waiver or schema file.
    Usage = 2,
    /// Cannot bind, daemon unreachable, file unreadable.
    Environment = 3,
    /// Nothing was inspected.
    NothingInspected = 4,
    /// The command that `run` wraps failed, and there was no violation.
    CommandFailed = 5,
    /// Interrupted; the report was written.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// An error of our world: what to say, and how to exit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    exit: Exit,
    message: String,
}

impl Error {
    /// The user asked for something that does not work: exit 2.
    pub fn usage(message: impl fmt::Display) -> Self {
        Self { exit: Exit::Usage, message: message.to_string() }
    }

    /// The machine does not let us: exit 3.
    pub fn environment(message: impl fmt::Display) -> Self {
        Self { exit: Exit::Environment, message: message.to_string() }
    }

    /// Several as one: all their sentences, a line each, and the exit code of the first.
    #[must_use]
    pub fn all(errors: Vec<Self>) -> Option<Self> {
        let exit = errors.first()?.exit;
        let sentences: Vec<_> = errors.into_iter().map(|error| error.message).collect();
        Some(Self { exit, message: sentences.join("\n") })
    }

    /// How to exit.
    #[must_use]
    pub const fn exit(&self) -> Exit {
        self.exit
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}
