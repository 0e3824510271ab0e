//! Some rules at once: one by its id, or all of an area.

use std::fmt;
use std::str::FromStr;

use super::Rule;

/// `schema.type`, or `schema.*` for a whole area.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RulePattern {
    /// One rule.
    One(Rule),
    /// All rules of an area.
    Area(&'static str),
}

impl RulePattern {
    /// Whether it names this rule.
    #[must_use]
    pub fn covers(&self, rule: Rule) -> bool {
        match self {
            Self::One(one) => *one == rule,
            Self::Area(area) => *area == rule.area(),
        }
    }
}

impl fmt::Display for RulePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(rule) => rule.fmt(f),
            Self::Area(area) => write!(f, "{area}.*"),
        }
    }
}

impl FromStr for RulePattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some(area) = text.strip_suffix(".*") else {
            return text.parse().map(Self::One).map_err(|error: super::UnknownRule| error.to_string());
        };
        let known = Rule::ALL.iter().map(|rule| rule.area()).find(|known| *known == area);
        known.map(Self::Area).ok_or_else(|| format!("no rule has the area `{area}`; `plimsoll rules list` names them all"))
    }
}
