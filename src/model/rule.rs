//! The rules: one table, with an id, a severity, an explanation and a source for each.
//!
//! An id is stable for ever. What a rule looks at is written where it is judged; here stands what it means and who trips.

mod pattern;
mod table;

use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use pattern::RulePattern;
pub use table::Rule;

/// How bad it is to break a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Worth knowing; never fails a run.
    Note,
    /// Deviates in a way that real clients are known to trip over (SHOULD).
    Warning,
    /// Breaks what the API version requires (MUST).
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// What the table says of a rule.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) id: &'static str,
    pub(crate) severity: Severity,
    pub(crate) title: &'static str,
    pub(crate) why: &'static str,
    pub(crate) source: &'static str,
}

impl Rule {
    /// `area.defect`.
    #[must_use]
    pub const fn id(self) -> &'static str {
        self.entry().id
    }

    /// The first part of the id: `http`, `schema`, `frame` …
    #[must_use]
    pub fn area(self) -> &'static str {
        self.id().split_once('.').map_or("", |(area, _)| area)
    }

    /// How bad it is to break the rule.
    #[must_use]
    pub fn severity(self) -> Severity {
        self.entry().severity
    }

    /// The defect in a few words.
    #[must_use]
    pub fn title(self) -> &'static str {
        self.entry().title
    }

    /// Why the rule exists, and who trips.
    #[must_use]
    pub fn why(self) -> &'static str {
        self.entry().why
    }

    /// The clause or document that it follows.
    #[must_use]
    pub fn source(self) -> &'static str {
        self.entry().source
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

impl Serialize for Rule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.id())
    }
}

impl<'de> Deserialize<'de> for Rule {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        std::borrow::Cow::<str>::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// An id that names no rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no rule `{0}`; `plimsoll rules list` names them all")]
pub struct UnknownRule(pub String);

impl FromStr for Rule {
    type Err = UnknownRule;

    fn from_str(id: &str) -> Result<Self, UnknownRule> {
        Self::ALL.iter().copied().find(|rule| rule.id() == id).ok_or_else(|| UnknownRule(id.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AREAS: [&str; 17] = [
        "http",
        "route",
        "path",
        "query",
        "header",
        "media",
        "status",
        "schema",
        "version",
        "json-stream",
        "frame",
        "hijack",
        "websocket",
        "tar",
        "state",
        "timing",
        "auth",
    ];

    #[test]
    fn every_rule_is_well_formed_and_explained() {
        for rule in Rule::ALL {
            assert!(AREAS.contains(&rule.area()), "{rule} is in no area");
            assert_eq!(rule.id().parse(), Ok(*rule));
            assert!(rule.id().bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.'), "{rule}");
            assert!(rule.title().len() <= 80 && !rule.title().ends_with('.'), "{rule}: the title is a short phrase");
            assert!(rule.why().ends_with('.') && rule.why().len() > 40, "{rule} needs an explanation");
            assert!(!rule.source().is_empty(), "{rule} needs a source");
        }
    }

    #[test]
    fn ids_are_unique() {
        let mut ids: Vec<_> = Rule::ALL.iter().map(|rule| rule.id()).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), Rule::ALL.len());
    }
}
