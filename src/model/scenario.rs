//! What became of a scenario of snapshots, and where two exchanges differ.

use serde::{Deserialize, Serialize};

/// One scenario of `plimsoll snapshot test`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Scenario {
    /// Its name: of `NAME.wire` and `NAME.snap`.
    pub scenario: String,
    /// What became of it.
    pub result: ScenarioResult,
    /// Exchanges that were played.
    pub exchanges: usize,
    /// Where it differs from its snapshot.
    pub differences: Vec<Difference>,
    /// What was waited for in vain, a sentence each.
    pub notes: Vec<String>,
}

/// What became of a scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScenarioResult {
    /// As its snapshot says.
    Pass,
    /// It differed, and its snapshot was replaced as asked.
    Updated,
    /// It differs from its snapshot.
    Changed,
    /// It has no snapshot yet.
    New,
    /// A snapshot without a scenario.
    Unreferenced,
}

impl ScenarioResult {
    /// Whether the run fails because of it.
    #[must_use]
    pub const fn fails(self) -> bool {
        matches!(self, Self::Changed | Self::New | Self::Unreferenced)
    }

    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pass => "ok",
            Self::Updated => "updated",
            Self::Changed => "changed",
            Self::New => "new",
            Self::Unreferenced => "unreferenced",
        }
    }
}

/// A place where two exchanges differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// Number of the exchange in its scenario or recording, from 1.
    pub exchange: usize,
    /// The operation's id; `None` for an exchange that the catalogue does not know.
    pub operation: Option<String>,
    /// Version, method and target.
    pub request: String,
    /// `/answer/body/State/Status`: `request` or `answer`, then `status`, `headers`, `body`, `documents` or the name of a text. Empty: the exchange.
    pub pointer: String,
    /// What stands on the left, in the snapshot or at the first daemon. `None`: nothing.
    pub expected: Option<String>,
    /// What stands on the right. `None`: nothing.
    pub actual: Option<String>,
}
