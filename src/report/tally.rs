//! Counts of a run, and the gate: what the exit code and the verdict follow.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::catalog::{Catalog, Operation};
use crate::model::{ApiVersion, CaseResult, Counts, Coverage, Event, FailOn, RunFinished, RunVerdict, Severity, Verdict};

/// What a run must keep to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Gate {
    /// The severity from which on a violation fails the run.
    pub fail_on: FailOn,
    /// So many percent of the operations of the versions that were used must have been judged.
    pub min_coverage: Option<u8>,
    /// Whether waivers that have expired or match nothing are let be.
    pub allow_stale: bool,
}

/// The counts of a run.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// Exchanges seen.
    pub exchanges: u64,
    /// Exchanges judged.
    pub inspected: u64,
    /// Violations by severity, but for the waived ones.
    pub violations: Counts,
    /// Violations that a waiver accepts.
    pub waived: Counts,
    /// Waivers that have expired or match nothing.
    pub stale_waivers: u64,
    /// Cases of a probe, and those of them that were reached and judged.
    cases: [u64; 2],
    /// Scenarios that are not as their snapshots say.
    changed: u64,
    seen: BTreeMap<ApiVersion, BTreeSet<Arc<str>>>,
}

impl Tally {
    /// One more event.
    pub fn event(&mut self, event: &Event) {
        match event {
            Event::Exchange(summary) => {
                self.exchanges += 1;
                self.inspected += u64::from(summary.verdict != Verdict::NotInspected);
                if let (Some(version), Some(operation)) = (summary.call.api_version, &summary.call.operation)
                    && summary.verdict != Verdict::NotInspected
                {
                    self.see(version, operation);
                }
            }
            Event::Violation(violation) if violation.waived.is_some() => self.waived.add(violation.severity()),
            Event::Violation(violation) => self.violations.add(violation.severity()),
            Event::ProbeCase(case) => {
                self.cases[0] += 1;
                self.cases[1] += u64::from(case.result != CaseResult::Skipped);
            }
            Event::StaleWaiver(_) => self.stale_waivers += 1,
            Event::Scenario(scenario) => self.changed += u64::from(scenario.result.fails()),
            Event::RunStarted(_) | Event::NotInspected(_) | Event::Coverage(_) | Event::RunFinished(_) => {}
        }
    }

    fn see(&mut self, version: ApiVersion, operation: &Arc<str>) {
        let seen = self.seen.entry(version).or_default();
        if !seen.contains(operation) {
            seen.insert(Arc::clone(operation));
        }
    }

    /// The verdict of the gate.
    #[must_use]
    pub fn verdict(&self, catalog: &Catalog, gate: Gate) -> RunVerdict {
        let failing = |severity| gate.fail_on.fails(severity);
        let Counts { error, warning, .. } = self.violations;
        let stale = self.stale_waivers > 0 && !gate.allow_stale && gate.fail_on != FailOn::Never;
        if self.changed > 0 || (error > 0 && failing(Severity::Error)) || (warning > 0 && failing(Severity::Warning)) || stale {
            RunVerdict::Violations
        } else if self.inspected == 0 || (self.cases[0] > 0 && self.cases[1] == 0) {
            RunVerdict::NothingInspected
        } else if gate.min_coverage.is_some_and(|percent| self.percent(catalog) < f64::from(percent)) {
            RunVerdict::BelowCoverage
        } else {
            RunVerdict::Pass
        }
    }

    /// Operations that were judged, of all that the versions have that were used, in percent. An operation counts once, at whatever version it was seen.
    #[must_use]
    pub fn percent(&self, catalog: &Catalog) -> f64 {
        let seen: BTreeSet<&str> = self.seen.values().flatten().map(|operation| &**operation).collect();
        let all: BTreeSet<&str> = self.seen.keys().flat_map(|version| catalog.operations_at(*version)).map(Operation::id).collect();
        #[expect(clippy::cast_precision_loss, reason = "there are some hundred operations")]
        if all.is_empty() { 0.0 } else { seen.len() as f64 * 100.0 / all.len() as f64 }
    }

    /// By version: operations seen, operations in the catalogue.
    #[must_use]
    pub fn coverage(&self, catalog: &Catalog) -> BTreeMap<ApiVersion, Coverage> {
        let all = |version| catalog.operations_at(version).count();
        self.seen.iter().map(|(version, seen)| (*version, Coverage { operations: [seen.len(), all(*version)] })).collect()
    }

    /// The last event of a run.
    #[must_use]
    pub fn finished(&self, catalog: &Catalog, gate: Gate) -> RunFinished {
        RunFinished {
            exchanges: self.exchanges,
            inspected: self.inspected,
            violations: self.violations,
            waived: self.waived,
            stale_waivers: self.stale_waivers,
            coverage: self.coverage(catalog),
            covered_percent: (self.percent(catalog) * 10.0).round() / 10.0,
            min_coverage: gate.min_coverage,
            incomplete: None,
            unwritten: Vec::new(),
            verdict: self.verdict(catalog, gate),
        }
    }
}
