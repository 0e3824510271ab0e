//! Counts of a run, and the gate: what the exit code and the verdict follow.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::catalog::Catalog;
use crate::model::{ApiVersion, CaseResult, Counts, Coverage, Event, RunFinished, RunVerdict, Severity, Verdict};

/// The severity from which on a run fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum FailOn {
    /// Errors.
    #[default]
    Error,
    /// Errors and warnings.
    Warning,
    /// Nothing; the run reports only.
    Never,
}

/// The counts of a run.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// Exchanges seen.
    pub exchanges: u64,
    /// Exchanges judged.
    pub inspected: u64,
    /// Violations by severity.
    pub violations: Counts,
    /// Cases of a probe, and those of them that were reached and judged.
    cases: [u64; 2],
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
                    self.seen.entry(version).or_default().insert(Arc::clone(operation));
                }
            }
            Event::Violation(violation) => self.violations.add(violation.severity()),
            Event::ProbeCase(case) => {
                self.cases[0] += 1;
                self.cases[1] += u64::from(case.result != CaseResult::Skipped);
            }
            Event::RunStarted(_) | Event::NotInspected(_) | Event::RunFinished(_) => {}
        }
    }

    /// The verdict of the gate.
    #[must_use]
    pub fn verdict(&self, fail_on: FailOn) -> RunVerdict {
        let failing = |severity| match fail_on {
            FailOn::Error => severity >= Severity::Error,
            FailOn::Warning => severity >= Severity::Warning,
            FailOn::Never => false,
        };
        let Counts { error, warning, .. } = self.violations;
        if (error > 0 && failing(Severity::Error)) || (warning > 0 && failing(Severity::Warning)) {
            RunVerdict::Violations
        } else if self.inspected == 0 || (self.cases[0] > 0 && self.cases[1] == 0) {
            RunVerdict::NothingInspected
        } else {
            RunVerdict::Pass
        }
    }

    /// By version: operations seen, operations in the catalogue.
    #[must_use]
    pub fn coverage(&self, catalog: &Catalog) -> BTreeMap<ApiVersion, Coverage> {
        let all = |version| catalog.operations_at(version).count();
        self.seen.iter().map(|(version, seen)| (*version, Coverage { operations: [seen.len(), all(*version)] })).collect()
    }

    /// The last event of a run.
    #[must_use]
    pub fn finished(&self, catalog: &Catalog, fail_on: FailOn) -> RunFinished {
        RunFinished {
            exchanges: self.exchanges,
            inspected: self.inspected,
            violations: self.violations,
            coverage: self.coverage(catalog).into_iter().map(|(version, coverage)| (version.to_string(), coverage)).collect(),
            verdict: self.verdict(fail_on),
        }
    }
}
