//! Coverage for scripts: one JSON object with what was seen and what is missing, by daemon, version and operation. `README.md` names its keys.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::Arc;

use serde::{Serialize, Serializer};

use super::{Coverage, Facts, Share};
use crate::catalog::Catalog;
use crate::model::{ApiVersion, Event};
use crate::report::{Reporter, Tally};

/// Collects; writes when the run is over.
#[derive(Debug)]
pub struct CoverageJson<W> {
    out: W,
    catalog: &'static Catalog,
    coverage: Coverage,
    incomplete: Option<String>,
}

/// The object.
#[derive(Debug, Serialize)]
struct Document<'a> {
    format: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    incomplete: Option<&'a str>,
    coverage: Vec<VersionLine>,
}

#[derive(Debug, Serialize)]
struct VersionLine {
    #[serde(skip_serializing_if = "Option::is_none")]
    daemon: Option<Arc<str>>,
    api_version: ApiVersion,
    operations: Share,
    statuses: Share,
    query: Share,
    members: Share,
    seen: BTreeMap<String, OperationLine>,
    missing: Vec<String>,
}

/// An operation that was seen.
#[derive(Debug, Serialize)]
struct OperationLine {
    statuses: Statuses,
    query: Names,
    members: BTreeMap<u16, Names>,
}

#[derive(Debug, Serialize)]
struct Statuses {
    seen: BTreeMap<u16, u64>,
    missing: Vec<u16>,
}

#[derive(Debug, Serialize)]
struct Names {
    seen: Vec<String>,
    missing: Vec<String>,
}

impl<W: Write> CoverageJson<W> {
    /// Writes to `out`; what there is to see is the catalogue's.
    pub fn new(out: W, catalog: &'static Catalog) -> Self {
        Self { out, catalog, coverage: Coverage::default(), incomplete: None }
    }
}

impl<W: Write + Send> Reporter for CoverageJson<W> {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        match event {
            Event::Coverage(seen) => self.coverage.add(seen),
            Event::RunFinished(finished) => self.incomplete.clone_from(&finished.incomplete),
            _ => {}
        }
        Ok(())
    }

    fn finish(&mut self, _: &Tally) -> io::Result<()> {
        let mut lines = Vec::new();
        for (row, shares) in self.coverage.shares(self.catalog) {
            let (mut seen, mut missing) = (BTreeMap::new(), Vec::new());
            for (operation, known) in self.coverage.operations(&row, self.catalog) {
                let Some(known) = known else {
                    missing.push(operation.id().to_owned());
                    continue;
                };
                let mut facts = Facts::of(operation.contract(row.1));
                facts.see(known);
                seen.insert(operation.id().to_owned(), OperationLine::of(facts));
            }
            missing.sort();
            let (daemon, api_version) = row;
            let (operations, statuses, query, members) = (shares.operations, shares.statuses, shares.query, shares.members);
            lines.push(VersionLine { daemon, api_version, operations, statuses, query, members, seen, missing });
        }
        let document = Document { format: 1, incomplete: self.incomplete.as_deref(), coverage: lines };
        serde_json::to_writer_pretty(&mut self.out, &document)?;
        writeln!(self.out)?;
        self.out.flush()
    }
}

impl OperationLine {
    fn of(facts: Facts) -> Self {
        let (seen, missing): (BTreeMap<u16, u64>, BTreeMap<u16, u64>) = facts.statuses.into_iter().partition(|(_, times)| *times > 0);
        Self {
            statuses: Statuses { seen, missing: missing.into_keys().collect() },
            query: Names::of(facts.query),
            members: facts.members.into_iter().map(|(status, names)| (status, Names::of(names))).collect(),
        }
    }
}

impl Names {
    fn of(names: BTreeMap<String, bool>) -> Self {
        let (seen, missing): (BTreeMap<_, _>, BTreeMap<_, _>) = names.into_iter().partition(|(_, seen)| *seen);
        Self { seen: seen.into_keys().collect(), missing: missing.into_keys().collect() }
    }
}

impl Serialize for Share {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Line {
            seen: usize,
            all: usize,
            percent: usize,
        }

        Line { seen: self.seen, all: self.all, percent: self.percent() }.serialize(serializer)
    }
}
