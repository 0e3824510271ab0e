//! What fails a run, as it is chosen on the command line and said in its report.

use serde::{Deserialize, Serialize};

use super::Severity;

/// The severity from which on a run fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailOn {
    /// Errors.
    #[default]
    Error,
    /// Errors and warnings.
    Warning,
    /// Nothing; the run reports only.
    Never,
}

impl FailOn {
    /// Whether a violation of this severity fails the run. Notes never do.
    #[must_use]
    pub const fn fails(self, severity: Severity) -> bool {
        match self {
            Self::Error => matches!(severity, Severity::Error),
            Self::Warning => matches!(severity, Severity::Error | Severity::Warning),
            Self::Never => false,
        }
    }
}
