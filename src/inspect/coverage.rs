//! What a run has seen of each operation at each version. It only counts: nothing here decides what is right.
//!
//! A run that is not asked for coverage has none of this, and pays nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher as _, BuildHasherDefault};
use std::sync::{Arc, Mutex, PoisonError};

use rustc_hash::FxHasher;
use serde_json::Value;

use crate::catalog::{Contract, Members, Operation, ResponseContract, SeenMembers};
use crate::model::{ApiVersion, Event, OperationSeen};

/// Collects for all connections of a run.
#[derive(Debug)]
pub(crate) struct Coverage {
    daemon: Option<Arc<str>>,
    cells: Mutex<BTreeMap<(ApiVersion, &'static str), Cell>>,
}

/// One operation at one version.
#[derive(Debug)]
struct Cell {
    contract: &'static Contract,
    statuses: BTreeMap<u16, u64>,
    /// By the place of the parameter in its contract.
    query: Vec<bool>,
    /// `None` where the version documents no members.
    bodies: BTreeMap<u16, Option<Arc<BodyCoverage>>>,
}

/// What was seen of the bodies that come with one status: the one place where documents are counted.
#[derive(Debug)]
pub(super) struct BodyCoverage {
    members: Members,
    seen: Mutex<(SeenMembers, Option<u64>)>,
}

impl Coverage {
    /// Nothing is seen yet of this daemon.
    pub(crate) fn new(daemon: Option<Arc<str>>) -> Self {
        Self { daemon, cells: Mutex::default() }
    }

    /// An exchange that was judged is over.
    pub(super) fn exchange(&self, operation: &'static Operation, version: ApiVersion, status: u16, query: &[(String, String)]) {
        let mut cells = self.cells.lock().unwrap_or_else(PoisonError::into_inner);
        let cell = cells.entry((version, operation.id())).or_insert_with(|| Cell::new(operation.contract(version)));
        *cell.statuses.entry(status).or_default() += 1;
        for (parameter, seen) in cell.contract.query.iter().zip(&mut cell.query) {
            *seen |= parameter.exists() && query.iter().any(|(name, _)| *name == parameter.name);
        }
    }

    /// Where the documents of an answer with this status are counted; `None` where the version documents none.
    pub(super) fn body(&self, operation: &'static Operation, version: ApiVersion, status: u16) -> Option<Arc<BodyCoverage>> {
        let mut cells = self.cells.lock().unwrap_or_else(PoisonError::into_inner);
        let cell = cells.entry((version, operation.id())).or_insert_with(|| Cell::new(operation.contract(version)));
        let contract = cell.contract;
        cell.bodies.entry(status).or_insert_with(|| BodyCoverage::of(contract.responses.get(&status)?).map(Arc::new)).clone()
    }

    /// Everything that was seen, as events.
    pub(super) fn report(&self, sink: &mut dyn FnMut(Event)) {
        for ((version, operation), cell) in &*self.cells.lock().unwrap_or_else(PoisonError::into_inner) {
            if !cell.statuses.is_empty() {
                sink(Event::Coverage(cell.report(self.daemon.clone(), *version, operation)));
            }
        }
    }
}

impl Cell {
    fn new(contract: &'static Contract) -> Self {
        Self { contract, statuses: BTreeMap::new(), query: vec![false; contract.query.iter().count()], bodies: BTreeMap::new() }
    }

    fn report(&self, daemon: Option<Arc<str>>, api_version: ApiVersion, operation: &str) -> OperationSeen {
        let query = self.contract.query.iter().zip(&self.query).filter(|(_, seen)| **seen).map(|(parameter, _)| parameter.name.clone());
        let members = self.bodies.iter().filter_map(|(status, body)| Some((*status, body.as_ref()?.names())));
        OperationSeen {
            daemon,
            api_version,
            operation: operation.into(),
            statuses: self.statuses.clone(),
            query: query.collect(),
            members: members.filter(|(_, names)| !names.is_empty()).collect(),
        }
    }
}

impl BodyCoverage {
    /// `None` where no member is named.
    fn of(response: &ResponseContract) -> Option<Self> {
        let members = Members::of(response.body.schema.as_ref()?);
        let seen = Mutex::new((members.unseen(), None));
        (!members.names().is_empty()).then_some(Self { members, seen })
    }

    /// Counts a document, unless it is the one that came before, or there is nothing left to be seen.
    pub(super) fn see(&self, body: &[u8]) {
        let hash = BuildHasherDefault::<FxHasher>::default().hash_one(body);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.1.replace(hash) == Some(hash) || seen.0.is_complete() {
            return;
        }
        if let Ok(document) = serde_json::from_slice::<Value>(body) {
            self.members.see(&document, &mut seen.0);
        }
    }

    fn names(&self) -> BTreeSet<String> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        self.members.names().iter().enumerate().filter(|(number, _)| seen.0.has(*number)).map(|(_, name)| name.clone()).collect()
    }
}
