//! What a run comes to: the fold that the formats share which are written when it is over.
//!
//! Nothing in it depends on the order in which exchanges ended, so that joined reports read as the undivided one does.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Classes;
use super::words::visible;
use crate::model::{
    ApiVersion, Call, CaseResult, Counts, Event, FailOn, NotInspected, ProbeCase, RunFinished, RunStarted, Scenario, Severity, StaleWaiver,
    Summary, Verdict, Violation,
};

/// Kinds of reasons kept; beyond them they are not told apart any more.
const REASONS_KEPT: usize = 4096;
/// Reasons kept of one cell.
const CELL_REASONS_KEPT: usize = 8;

/// The daemon's name, the operation and the version; `None` where a run asks one daemon only, and where they are not known.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct CellKey {
    /// The name of the daemon.
    pub daemon: Option<Arc<str>>,
    /// The operation.
    pub operation: Option<Arc<str>>,
    /// The version.
    pub version: Option<ApiVersion>,
}

/// An operation at a version: what was seen of it, and what of that was wrong.
#[derive(Debug, Clone, Default)]
pub struct Cell {
    /// Exchanges seen.
    pub exchanges: u64,
    /// Exchanges judged.
    pub inspected: u64,
    /// Violations, but for the waived ones.
    pub violations: Counts,
    /// Violations that a waiver accepts.
    pub waived: u64,
    /// How long the exchanges took together, in microseconds, as far as it is known.
    pub micros: u64,
    /// What was not judged, and why: `daemon stream: larger than …`. The first few in the order of the alphabet.
    pub reasons: BTreeSet<String>,
    /// Cases of a probe that were reached.
    pub reached: u64,
    /// Cases of a probe that were not, with their reasons.
    pub skipped: BTreeSet<String>,
}

/// What is shown of a cell in a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mark {
    /// Judged, and nothing above a note.
    Pass,
    /// Nothing above a note, but some cases of a probe were skipped.
    Partly,
    /// What was found is waived.
    Waived,
    /// Nothing was judged.
    NotJudged,
    /// A warning.
    Warning,
    /// An error.
    Error,
}

/// The run as a whole.
#[derive(Debug, Default)]
pub struct Digest {
    /// The first event.
    pub started: Option<RunStarted>,
    /// What was found.
    pub classes: Classes,
    /// Operations by version.
    pub cells: BTreeMap<CellKey, Cell>,
    /// What was not judged: reason and part, and how often.
    pub reasons: BTreeMap<(String, String), u64>,
    /// Waivers that have expired or match nothing.
    pub stale: Vec<StaleWaiver>,
    /// What became of scenarios of snapshots.
    pub scenarios: Vec<Scenario>,
    /// The last event.
    pub finished: Option<RunFinished>,
}

impl Cell {
    /// What is shown of it.
    #[must_use]
    pub fn mark(&self) -> Mark {
        match self {
            Self { violations: Counts { error: 1.., .. }, .. } => Mark::Error,
            Self { violations: Counts { warning: 1.., .. }, .. } => Mark::Warning,
            Self { waived: 1.., .. } => Mark::Waived,
            Self { inspected: 0, reached: 0, .. } => Mark::NotJudged,
            _ if !self.skipped.is_empty() => Mark::Partly,
            _ => Mark::Pass,
        }
    }

    /// Whether something in it fails the run.
    #[must_use]
    pub const fn fails(&self, fail_on: FailOn) -> bool {
        let Counts { error, warning, .. } = self.violations;
        (error > 0 && fail_on.fails(Severity::Error)) || (warning > 0 && fail_on.fails(Severity::Warning))
    }
}

impl Mark {
    /// All, the best first.
    pub const ALL: [Self; 6] = [Self::Pass, Self::Partly, Self::Waived, Self::NotJudged, Self::Warning, Self::Error];

    /// One sign for two cells: the worst that was found, and a pass only where both passed.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self.min(other), self.max(other)) {
            (Self::Pass | Self::Partly, Self::NotJudged) => Self::Partly,
            (Self::Waived, Self::NotJudged) => Self::Waived,
            (_, worst) => worst,
        }
    }

    /// One character; the signs are those of the scorecard.
    #[must_use]
    pub const fn sign(self) -> char {
        match self {
            Self::Pass => '✓',
            Self::Partly => '~',
            Self::Waived => 'w',
            Self::NotJudged => '-',
            Self::Warning => '!',
            Self::Error => '✗',
        }
    }

    /// What the sign means.
    #[must_use]
    pub const fn legend(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Partly => "passed in part, some skipped or not judged",
            Self::Waived => "waived",
            Self::NotJudged => "not judged",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

impl Digest {
    /// An empty one whose classes are told apart by version and daemon, too.
    #[must_use]
    pub fn by_cell() -> Self {
        Self { classes: Classes::by_cell(), ..Self::default() }
    }

    /// One more event.
    pub fn event(&mut self, event: &Event) {
        match event {
            Event::RunStarted(started) => self.started = Some(started.clone()),
            Event::Exchange(summary) => self.exchange(summary),
            Event::Violation(violation) => self.violation(violation),
            Event::NotInspected(unjudged) => self.unjudged(unjudged),
            Event::ProbeCase(case) => self.case(case),
            Event::Scenario(scenario) => self.scenarios.push(scenario.clone()),
            // What was seen in detail has a format of its own.
            Event::Coverage(_) => {}
            Event::StaleWaiver(stale) => self.stale.push(stale.clone()),
            Event::RunFinished(finished) => self.finished = Some(finished.clone()),
        }
    }

    /// The severity from which on the run fails.
    #[must_use]
    pub fn fail_on(&self) -> FailOn {
        self.started.as_ref().map(|started| started.fail_on).unwrap_or_default()
    }

    /// Whether stale waivers fail the run.
    #[must_use]
    pub fn stale_fail(&self) -> bool {
        let allowed = self.started.as_ref().is_some_and(|started| started.allow_stale_waivers);
        !allowed && self.fail_on() != FailOn::Never
    }

    /// What is missing of the report, where it was cut off.
    #[must_use]
    pub fn incomplete(&self) -> Option<&str> {
        self.finished.as_ref()?.incomplete.as_deref()
    }

    fn cell(&mut self, call: &Call) -> &mut Cell {
        let key = CellKey { daemon: call.daemon.clone(), operation: call.operation.clone(), version: call.api_version };
        self.cells.entry(key).or_default()
    }

    fn exchange(&mut self, summary: &Summary) {
        let cell = self.cell(&summary.call);
        cell.exchanges += 1;
        cell.inspected += u64::from(summary.verdict != Verdict::NotInspected);
        // Whole numbers: their sum is the same in any order. Negative and infinite times become 0 and the largest number.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the cast saturates")]
        let micros = summary.duration_ms.map_or(0, |ms| (ms * 1000.0).round() as u64);
        cell.micros = cell.micros.saturating_add(micros);
    }

    fn violation(&mut self, violation: &Violation) {
        let cell = self.cell(&violation.call);
        if violation.waived.is_some() {
            cell.waived += 1;
        } else {
            cell.violations.add(violation.severity());
        }
        self.classes.add(violation);
    }

    fn unjudged(&mut self, unjudged: &NotInspected) {
        let (reason, part) = (visible(&unjudged.reason.to_string()), visible(&unjudged.part.replace('-', " ")));
        let cell = self.cell(&unjudged.call);
        cell.reasons.insert(format!("{part}: {reason}"));
        if cell.reasons.len() > CELL_REASONS_KEPT {
            cell.reasons.pop_last();
        }
        let key = (reason, part);
        if self.reasons.len() < REASONS_KEPT || self.reasons.contains_key(&key) {
            *self.reasons.entry(key).or_default() += 1;
        }
    }

    fn case(&mut self, case: &ProbeCase) {
        let operation = Some(Arc::from(case.operation.as_str()));
        let key = CellKey { daemon: case.daemon.clone(), operation, version: Some(case.api_version) };
        let cell = self.cells.entry(key).or_default();
        if case.result == CaseResult::Skipped {
            let reason = case.reason.as_deref().unwrap_or("not reached");
            cell.skipped.insert(visible(&format!("{}: {reason}", case.case)));
        } else {
            cell.reached += 1;
        }
    }
}
