//! Versions of the Docker Engine API, and ranges of them.

use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A version of the Docker Engine API, `1.0` to `1.N`. Compared as numbers: `1.9 < 1.24`.
///
/// Versions beyond [`ApiVersion::NEWEST`] can be written, since a client may ask for them; they are not [known](ApiVersion::is_known).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ApiVersion(u16);

impl ApiVersion {
    /// The first published version.
    pub const OLDEST: Self = Self(0);
    /// The newest version that the catalogue describes.
    pub const NEWEST: Self = Self(55);

    /// The version `1.minor`.
    #[must_use]
    pub const fn new(minor: u16) -> Self {
        Self(minor)
    }

    /// The number after the dot.
    #[must_use]
    pub const fn minor(self) -> u16 {
        self.0
    }

    /// Whether the catalogue describes this version.
    #[must_use]
    pub fn is_known(self) -> bool {
        self <= Self::NEWEST
    }

    /// All versions that the catalogue describes, oldest first.
    pub fn known() -> impl DoubleEndedIterator<Item = Self> {
        (Self::OLDEST.0..=Self::NEWEST.0).map(Self)
    }
}

impl fmt::Display for ApiVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "1.{}", self.0)
    }
}

impl fmt::Debug for ApiVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for ApiVersion {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ApiVersion {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        std::borrow::Cow::<str>::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// What is wrong with a text that should be a version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an API version (as in `1.41`)")]
pub struct BadVersion(pub String);

impl FromStr for ApiVersion {
    type Err = BadVersion;

    /// Reads `1.41` or `v1.41`.
    fn from_str(text: &str) -> Result<Self, BadVersion> {
        let bad = || BadVersion(text.to_owned());
        let digits = text.strip_prefix('v').unwrap_or(text).strip_prefix("1.").ok_or_else(bad)?;
        if digits.is_empty() || digits.len() > 4 || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(bad());
        }
        digits.parse().map(Self).map_err(|_| bad())
    }
}

/// An interval of versions, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct VersionRange {
    /// The first version inside.
    pub since: ApiVersion,
    /// The last version inside.
    pub until: ApiVersion,
}

impl VersionRange {
    /// Every version that the catalogue describes.
    pub const ALL: Self = Self { since: ApiVersion::OLDEST, until: ApiVersion::NEWEST };

    /// Whether `version` lies inside.
    #[must_use]
    pub fn contains(self, version: ApiVersion) -> bool {
        self.since <= version && version <= self.until
    }

    /// Whether the two share a version.
    #[must_use]
    pub fn overlaps(self, other: Self) -> bool {
        self.since <= other.until && other.since <= self.until
    }
}

impl fmt::Display for VersionRange {
    /// As it is written in `at` of an example: `1.24`, `1.24..1.41`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.since == self.until {
            return write!(f, "{}", self.since);
        }
        write!(f, "{}..{}", self.since, self.until)
    }
}

impl FromStr for VersionRange {
    type Err = BadVersion;

    /// Reads `1.24`, `1.24..1.41`, `..1.23` or `1.24..`. A range that ends before it begins is refused.
    fn from_str(text: &str) -> Result<Self, BadVersion> {
        let Some((since, until)) = text.split_once("..") else {
            let version = text.parse()?;
            return Ok(Self { since: version, until: version });
        };
        let since = if since.is_empty() { ApiVersion::OLDEST } else { since.parse()? };
        let until = if until.is_empty() { ApiVersion::NEWEST } else { until.parse()? };
        if since > until {
            return Err(BadVersion(text.to_owned()));
        }
        Ok(Self { since, until })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_numbers() {
        assert!(ApiVersion::new(9) < ApiVersion::new(24));
        for (text, minor) in [("1.0", 0), ("v1.41", 41), ("1.55", 55), ("1.99", 99)] {
            assert_eq!(text.parse(), Ok(ApiVersion::new(minor)), "{text}");
        }
        for text in ["", "1", "1.", "2.0", "1.4x", "1.-1", "1.99999", "vv1.4", "1.+4"] {
            assert!(text.parse::<ApiVersion>().is_err(), "{text}");
        }
    }

    #[test]
    fn ranges_are_inclusive() {
        for (text, inside, outside) in [("1.24", 24, 25), ("1.24..1.41", 41, 42), ("..1.23", 0, 24), ("1.25..", 55, 24)] {
            let range: VersionRange = text.parse().expect(text);
            assert!(range.contains(ApiVersion::new(inside)), "{text}");
            assert!(!range.contains(ApiVersion::new(outside)), "{text}");
        }
        assert!("1.9..1.8".parse::<VersionRange>().is_err());
    }
}
