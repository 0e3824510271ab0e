//! Findings that differ only in where exactly they stand make a class: one thing to mend, one block of a report.
//!
//! Classes keep their order of severity and of rule, not of arrival, so that joined reports read as the undivided one does.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::model::{ApiVersion, Place, Rule, Severity, Side, Violation};

/// More classes than these are only counted: a client that asks for ever new paths must not fill the memory.
const CLASSES_KEPT: usize = 10_000;

/// A class of findings.
#[derive(Debug, Clone)]
pub struct Class {
    /// The first finding of it, by source, connection and exchange.
    pub first: Box<Violation>,
    /// How many there were.
    pub count: u64,
    /// At which versions; `None` where the version is not known.
    pub versions: BTreeSet<Option<ApiVersion>>,
    /// From which daemons, where a run asks several.
    pub daemons: BTreeSet<String>,
}

/// All classes of a run, as they come.
#[derive(Debug, Default)]
pub struct Classes {
    /// Whether versions and daemons make classes of their own.
    by_cell: bool,
    by_key: BTreeMap<Key, Class>,
    beyond: u64,
}

/// Severities from the worst, then what is broken, by whom and where.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    waived: Option<u64>,
    severity: std::cmp::Reverse<Severity>,
    rule: Rule,
    side: Side,
    operation: String,
    place: Place,
    cell: Option<(Option<Arc<str>>, Option<ApiVersion>)>,
}

impl Classes {
    /// Classes that are told apart by daemon and version, too.
    #[must_use]
    pub fn by_cell() -> Self {
        Self { by_cell: true, ..Self::default() }
    }

    /// One more finding.
    pub fn add(&mut self, violation: &Violation) {
        let operation = violation.call.operation.as_deref().unwrap_or(&violation.call.path).to_owned();
        let key = Key {
            waived: violation.waived.as_ref().map(|waived| waived.line),
            severity: std::cmp::Reverse(violation.severity()),
            rule: violation.rule,
            side: violation.side,
            operation,
            place: violation.place.class(),
            cell: self.by_cell.then(|| (violation.call.daemon.clone(), violation.call.api_version)),
        };
        if let Some(class) = self.by_key.get_mut(&key) {
            class.count += 1;
            class.versions.insert(violation.call.api_version);
            class.daemons.extend(violation.call.daemon.as_deref().map(str::to_owned));
            if order(violation) < order(&class.first) {
                *class.first = violation.clone();
            }
        } else if self.by_key.len() < CLASSES_KEPT {
            let class = Class {
                first: Box::new(violation.clone()),
                count: 1,
                versions: BTreeSet::from([violation.call.api_version]),
                daemons: violation.call.daemon.as_deref().map(str::to_owned).into_iter().collect(),
            };
            self.by_key.insert(key, class);
        } else {
            self.beyond += 1;
        }
    }

    /// The classes: what is not waived first, the worst first.
    pub fn iter(&self) -> impl Iterator<Item = &Class> {
        self.by_key.values()
    }

    /// Findings that are in no class, since there were too many.
    #[must_use]
    pub const fn beyond(&self) -> u64 {
        self.beyond
    }
}

impl Class {
    /// The operation, or the path where no operation is known.
    #[must_use]
    pub fn operation(&self) -> &str {
        self.first.call.operation.as_deref().unwrap_or(&self.first.call.path)
    }

    /// `API 1.41`, `API 1.24 to 1.41`.
    #[must_use]
    pub fn versions_in_words(&self) -> String {
        let known: Vec<String> = self.versions.iter().flatten().map(ToString::to_string).collect();
        match &known[..] {
            [] => "API version unknown".to_owned(),
            [one] => format!("API {one}"),
            [first, .., last] => format!("API {first} to {last}"),
        }
    }
}

/// What stands first in a run.
fn order(violation: &Violation) -> impl Ord + '_ {
    let call = &violation.call;
    (
        call.daemon.as_deref(),
        call.source.as_deref(),
        call.connection,
        call.exchange,
        violation.place.index,
        violation.place.offset,
        violation.place.pointer.as_deref(),
    )
}
