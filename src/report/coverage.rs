//! What was seen of the API, held against all that its versions have: operations, statuses, query parameters, members of answers.
//!
//! It counts what the events of coverage say. Nothing here fails a run; `--min-coverage` asks the tally.

mod bars;
mod json;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::catalog::{Catalog, Contract, Members, Operation};
use crate::model::{ApiVersion, OperationSeen};

pub use bars::bars;
pub(super) use bars::lines;
pub use json::CoverageJson;

/// So much of so much.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Share {
    /// What was seen.
    pub seen: usize,
    /// What there is.
    pub all: usize,
}

/// The four things that are counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Shares {
    /// Operations of which an exchange was judged.
    pub operations: Share,
    /// Documented statuses, of all operations.
    pub statuses: Share,
    /// Query parameters, of all operations.
    pub query: Share,
    /// Members of answers, of all operations and statuses.
    pub members: Share,
}

/// What was seen of one daemon at one version.
pub type Row = (Option<Arc<str>>, ApiVersion);

/// Collects what was seen.
#[derive(Debug, Default)]
pub struct Coverage {
    rows: BTreeMap<Row, BTreeMap<Arc<str>, OperationSeen>>,
}

/// What one operation has at one version, and what of it was seen.
#[derive(Debug, Default)]
pub struct Facts {
    /// The statuses that the version documents, and how often each came; 0 for what is missing.
    pub statuses: BTreeMap<u16, u64>,
    /// Query parameters, and whether each was seen.
    pub query: BTreeMap<String, bool>,
    /// Members of answers by status, and whether each was seen.
    pub members: BTreeMap<u16, BTreeMap<String, bool>>,
}

impl Share {
    /// In percent: 100 only of all, 0 only of nothing. Nothing of nothing is all of it.
    #[must_use]
    pub fn percent(self) -> usize {
        (self.seen * 100).checked_div(self.all).unwrap_or(100).max(usize::from(self.seen > 0))
    }

    fn add(&mut self, other: Self) {
        self.seen += other.seen;
        self.all += other.all;
    }
}

impl Shares {
    /// Adds those of another version or operation.
    pub fn add(&mut self, other: Self) {
        self.operations.add(other.operations);
        self.statuses.add(other.statuses);
        self.query.add(other.query);
        self.members.add(other.members);
    }
}

impl Coverage {
    /// One more event.
    pub fn add(&mut self, seen: &OperationSeen) {
        let row = self.rows.entry((seen.daemon.clone(), seen.api_version)).or_default();
        match row.get_mut(&seen.operation) {
            Some(known) => known.add(seen.clone()),
            None => drop(row.insert(Arc::clone(&seen.operation), seen.clone())),
        }
    }

    /// Whether there is nothing to show.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The daemons and versions of which anything was seen, in order.
    pub fn rows(&self) -> impl Iterator<Item = &Row> {
        self.rows.keys()
    }

    /// What each operation of the version has, and what of it was seen at this row; `None` of those that were not seen at all.
    pub fn operations<'a>(
        &'a self,
        row: &'a Row,
        catalog: &'a Catalog,
    ) -> impl Iterator<Item = (&'a Operation, Option<&'a OperationSeen>)> {
        let seen = self.rows.get(row);
        catalog.operations_at(row.1).map(move |operation| (operation, seen.and_then(|seen| seen.get(operation.id()))))
    }

    /// By row: how much of the version was seen.
    #[must_use]
    pub fn shares(&self, catalog: &Catalog) -> BTreeMap<Row, Shares> {
        // Versions share contracts, and to name the members of one is the greater part of the work.
        let mut known: BTreeMap<usize, Facts> = BTreeMap::new();
        let mut by_row = BTreeMap::new();
        for row in self.rows.keys() {
            let mut shares = Shares::default();
            for (operation, seen) in self.operations(row, catalog) {
                let contract = operation.contract(row.1);
                let facts = known.entry(std::ptr::from_ref(contract).addr()).or_insert_with(|| Facts::of(contract));
                shares.add(facts.shares(seen));
            }
            by_row.insert(row.clone(), shares);
        }
        by_row
    }
}

impl Facts {
    /// What a contract has, of which nothing is seen yet.
    #[must_use]
    pub fn of(contract: &Contract) -> Self {
        let query = contract.query.iter().filter(|parameter| parameter.exists()).map(|parameter| (parameter.name.clone(), false)).collect();
        let mut facts = Self { query, ..Self::default() };
        for (status, response) in &contract.responses {
            facts.statuses.insert(*status, 0);
            let names = response.body.schema.as_ref().map(Members::of).map(|members| members.names().to_vec()).unwrap_or_default();
            if !names.is_empty() {
                facts.members.insert(*status, names.into_iter().map(|name| (name, false)).collect());
            }
        }
        facts
    }

    /// Notes what was seen. What the version does not have is left aside.
    pub fn see(&mut self, seen: &OperationSeen) {
        for (status, times) in &seen.statuses {
            if let Some(known) = self.statuses.get_mut(status) {
                *known += times;
            }
        }
        for name in &seen.query {
            if let Some(known) = self.query.get_mut(name) {
                *known = true;
            }
        }
        for (status, names) in &seen.members {
            let Some(known) = self.members.get_mut(status) else { continue };
            for name in names {
                if let Some(known) = known.get_mut(name) {
                    *known = true;
                }
            }
        }
    }

    /// Adds what another version of the operation has; what was seen of this one stays seen.
    pub fn add(&mut self, other: &Self) {
        for (status, times) in &other.statuses {
            *self.statuses.entry(*status).or_default() += times;
        }
        for (name, seen) in &other.query {
            *self.query.entry(name.clone()).or_default() |= seen;
        }
        for (status, names) in &other.members {
            let known = self.members.entry(*status).or_default();
            for (name, seen) in names {
                *known.entry(name.clone()).or_default() |= seen;
            }
        }
    }

    /// How much of it was seen.
    #[must_use]
    pub fn sum(&self) -> Shares {
        let of = |names: &BTreeMap<String, bool>| Share { seen: names.values().filter(|seen| **seen).count(), all: names.len() };
        let mut members = Share::default();
        self.members.values().for_each(|names| members.add(of(names)));
        let statuses = Share { seen: self.statuses.values().filter(|times| **times > 0).count(), all: self.statuses.len() };
        let operations = Share { seen: usize::from(statuses.seen > 0), all: 1 };
        Shares { operations, statuses, query: of(&self.query), members }
    }

    /// How much of it `seen` is.
    #[must_use]
    pub fn shares(&self, seen: Option<&OperationSeen>) -> Shares {
        let count = |of: &dyn Fn(&OperationSeen) -> usize| seen.map_or(0, of);
        let none = BTreeSet::new();
        let of_status = |seen: &OperationSeen, status: &u16, known: &BTreeMap<String, bool>| {
            seen.members.get(status).unwrap_or(&none).iter().filter(|name| known.contains_key(*name)).count()
        };
        Shares {
            operations: Share { seen: count(&|_| 1), all: 1 },
            statuses: Share {
                seen: count(&|seen| seen.statuses.keys().filter(|status| self.statuses.contains_key(status)).count()),
                all: self.statuses.len(),
            },
            query: Share {
                seen: count(&|seen| seen.query.iter().filter(|name| self.query.contains_key(*name)).count()),
                all: self.query.len(),
            },
            members: Share {
                seen: count(&|seen| self.members.iter().map(|(status, known)| of_status(seen, status, known)).sum()),
                all: self.members.values().map(BTreeMap::len).sum(),
            },
        }
    }
}

#[cfg(test)]
mod tests;
