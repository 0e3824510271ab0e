//! Waivers: violations that somebody has accepted, with a reason, and until when.
//!
//! A waiver changes no finding: what it accepts stays in every report, marked so, and fails no run. One that is of no use any more fails it.

mod file;
mod pattern;
mod upkeep;

use std::path::PathBuf;
use std::sync::Arc;

use crate::model::{RulePattern, Side, StaleWaiver, VersionRange, Violation, Waived};

use pattern::Pattern;

pub use upkeep::{Addition, added, pruned};

/// A day, as `expires = 2027-06-30` names it.
pub type Day = jiff::civil::Date;

/// The waivers of a run, and which of them were of use.
#[derive(Debug)]
pub struct Waivers {
    path: PathBuf,
    today: Day,
    all: Vec<Waiver>,
}

/// One `[[waiver]]`.
#[derive(Debug)]
struct Waiver {
    rule: RulePattern,
    operation: Option<String>,
    versions: Option<VersionRange>,
    side: Option<Side>,
    pointer: Option<Pattern>,
    path: Option<Pattern>,
    expires: Option<Day>,
    /// What its violations are marked with.
    waived: Arc<Waived>,
    /// Where it stands in the file, in bytes.
    span: std::ops::Range<usize>,
    used: bool,
}

impl Waivers {
    /// Reads the text of a waiver file. `known` says which operations there are.
    ///
    /// The error has the place in the file, and says what is due.
    pub fn read(path: PathBuf, text: &str, today: Day, known: &dyn Fn(&str) -> bool) -> Result<Self, String> {
        let all = file::read(&path, text, known)?;
        Ok(Self { path, today, all })
    }

    /// The waiver that accepts the violation, if one does. One that has expired accepts nothing.
    pub fn accept(&mut self, violation: &Violation) -> Option<Arc<Waived>> {
        let today = self.today;
        let mut accepted = None;
        // All that match are of use, the first one speaks.
        for waiver in self.all.iter_mut().filter(|waiver| !waiver.has_expired(today) && waiver.matches(violation)) {
            waiver.used = true;
            accepted.get_or_insert_with(|| Arc::clone(&waiver.waived));
        }
        accepted
    }

    /// The waivers that have expired or have matched nothing.
    pub fn stale(&self) -> impl Iterator<Item = StaleWaiver> {
        self.all.iter().filter_map(|waiver| {
            let why = match waiver.expires {
                Some(day) if waiver.has_expired(self.today) => format!("it expired on {day}: mend what it accepts, or give it a new day"),
                _ if waiver.used => return None,
                _ => "it matches nothing in this run: remove it".to_owned(),
            };
            let file = self.path.display().to_string();
            Some(StaleWaiver { file, line: waiver.waived.line, rule: waiver.rule.to_string(), why })
        })
    }
}

impl Waiver {
    fn has_expired(&self, today: Day) -> bool {
        self.expires.is_some_and(|day| day < today)
    }

    fn matches(&self, violation: &Violation) -> bool {
        let call = &violation.call;
        self.rule.covers(violation.rule)
            && self.operation.as_deref().is_none_or(|only| call.operation.as_deref() == Some(only))
            && self.versions.is_none_or(|range| call.api_version.is_some_and(|version| range.contains(version)))
            && self.side.is_none_or(|only| violation.side == only)
            && self.pointer.as_ref().is_none_or(|only| violation.place.pointer.as_deref().is_some_and(|pointer| only.matches(pointer)))
            && self.path.as_ref().is_none_or(|only| only.matches_path(&call.path))
    }
}

#[cfg(test)]
mod tests;
