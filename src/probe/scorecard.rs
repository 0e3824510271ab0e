//! The scorecard: operations by versions, then what was found, then what was skipped and why.
//!
//! It is a report like any other, a fold over the events of the run: the cases say what was reached, the violations what was wrong.

mod comparison;
mod findings;
mod layout;
mod matrix;
mod skips;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use crate::catalog::Catalog;
use crate::model::{ApiVersion, CaseResult, Counts, Event, RunFinished, RunVerdict, Severity, Side};
use crate::report::{Coverage, Reporter, Style, Tally, coverage};

pub use comparison::Comparison;
use findings::Findings;
use matrix::{Mark, Matrix};
use skips::Skips;

/// What the scorecard is told beside the events.
#[derive(Debug, Clone)]
pub struct Setting {
    /// The daemon, as the user names it on the command line.
    pub backend: String,
    /// Whether all cases were allowed.
    pub allow_destructive: bool,
    /// What there is to probe.
    pub catalog: &'static Catalog,
    /// Columns of the terminal.
    pub width: usize,
    /// Whether to colour.
    pub style: Style,
    /// Whether to show what was seen of the API, too.
    pub coverage: bool,
}

/// Collects; writes when the run is over.
#[derive(Debug)]
pub struct Scorecard<W> {
    out: W,
    setting: Setting,
    cells: BTreeMap<(String, ApiVersion), Cell>,
    /// What was found of an operation in whatever case.
    found: BTreeMap<(String, ApiVersion), Severity>,
    findings: Findings,
    skips: Skips,
    coverage: Coverage,
    finished: Option<RunFinished>,
}

/// An operation at a version.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Cell {
    passed: u32,
    skipped: u32,
    worst: Option<Severity>,
}

impl Cell {
    fn mark(self) -> Mark {
        match self {
            Self { worst: Some(Severity::Error), .. } => Mark::Fail,
            Self { worst: Some(Severity::Warning), .. } => Mark::Warning,
            Self { passed: 0, .. } => Mark::Skipped,
            Self { skipped: 0, .. } => Mark::Pass,
            _ => Mark::Partly,
        }
    }
}

impl<W: Write> Scorecard<W> {
    /// Writes to `out`.
    pub fn new(out: W, setting: Setting) -> Self {
        Self {
            out,
            setting,
            cells: BTreeMap::new(),
            found: BTreeMap::new(),
            findings: Findings::default(),
            skips: Skips::default(),
            coverage: Coverage::default(),
            finished: None,
        }
    }

    fn marks(&self) -> BTreeMap<(&str, ApiVersion), Mark> {
        let mut marks = BTreeMap::new();
        for (key, cell) in &self.cells {
            let worst = cell.worst.max(self.found.get(key).copied());
            marks.insert((key.0.as_str(), key.1), Cell { worst, ..*cell }.mark());
        }
        marks
    }

    /// What is said below the matrix.
    fn details(&self) -> String {
        self.findings.render(&self.setting) + &self.skips.render(&self.setting) + &again(&self.marks(), &self.setting)
    }

    fn write(&mut self) -> io::Result<()> {
        let marks = self.marks();
        let versions: BTreeSet<ApiVersion> = marks.keys().map(|(_, version)| *version).collect();
        let matrix = Matrix { marks: &marks, versions: versions.into_iter().collect(), setting: &self.setting };
        let unseen = marks.values().filter(|mark| **mark == Mark::Skipped).count();
        let text = matrix.render() + &self.details();
        self.out.write_all(text.as_bytes())?;
        if self.setting.coverage {
            self.out.write_all(coverage::bars(&self.coverage, self.setting.catalog, self.setting.style).as_bytes())?;
        }
        if let Some(finished) = self.finished.take() {
            writeln!(self.out, "{}", verdict(&finished, unseen, self.setting.style))?;
        }
        self.out.flush()
    }
}

impl<W: Write + Send> Reporter for Scorecard<W> {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        match event {
            Event::ProbeCase(case) => {
                let cell = self.cells.entry((case.operation.clone(), case.api_version)).or_default();
                match case.result {
                    CaseResult::Pass => cell.passed += 1,
                    CaseResult::Skipped => cell.skipped += 1,
                    CaseResult::Warning => cell.worst = cell.worst.max(Some(Severity::Warning)),
                    CaseResult::Fail => cell.worst = cell.worst.max(Some(Severity::Error)),
                }
                if let (CaseResult::Skipped, Some(reason)) = (case.result, &case.reason) {
                    self.skips.add(reason, &case.operation, &case.case, case.api_version);
                }
            }
            // What the daemon refused of the probe's was asked to be refused.
            Event::Violation(violation) if violation.side == Side::Client && violation.status.is_some_and(|status| status >= 400) => {}
            Event::Violation(violation) if violation.severity() > Severity::Note => {
                if let (Side::Daemon, Some(operation), Some(version)) =
                    (violation.side, &violation.call.operation, violation.call.api_version)
                {
                    let worst = self.found.entry((operation.to_string(), version)).or_insert(Severity::Note);
                    *worst = violation.severity().max(*worst);
                }
                self.findings.add(violation);
            }
            Event::Coverage(seen) if self.setting.coverage => self.coverage.add(seen),
            Event::RunFinished(finished) => self.finished = Some(finished.clone()),
            Event::Violation(_)
            | Event::RunStarted(_)
            | Event::Exchange(_)
            | Event::NotInspected(_)
            | Event::Coverage(_)
            | Event::Scenario(_)
            | Event::StaleWaiver(_) => {}
        }
        Ok(())
    }

    fn finish(&mut self, _: &Tally) -> io::Result<()> {
        self.write()
    }
}

/// What to run to see one case again: the worst there is.
fn again(marks: &BTreeMap<(&str, ApiVersion), Mark>, setting: &Setting) -> String {
    let of = |wanted: Mark| marks.iter().find(|(_, mark)| **mark == wanted).map(|(key, _)| *key);
    let worst = [Mark::Fail, Mark::Warning, Mark::Partly, Mark::Skipped].into_iter().find_map(of);
    let Some((operation, version)) = worst else { return String::new() };
    let backend = &setting.backend;
    let allow = if setting.allow_destructive { " --allow-destructive" } else { "" };
    let command =
        format!("plimsoll probe --backend {backend}{allow} --api-version {version} --operation {operation} --record {operation}.wire");
    format!("{}\n  {command}\n\n", setting.style.strong("To see one case again"))
}

fn verdict(finished: &RunFinished, unseen: usize, style: Style) -> String {
    let Counts { error, warning, note } = finished.violations;
    let verdict = match finished.verdict {
        RunVerdict::Pass if unseen > 0 => style.good("compliant as far as it was seen"),
        RunVerdict::Pass => style.good("compliant"),
        RunVerdict::Violations => style.bad("not compliant"),
        RunVerdict::BelowCoverage => style.bad("too little was seen"),
        RunVerdict::NothingInspected => style.bad("nothing was seen"),
    };
    let found: Vec<String> = [(error, "error"), (warning, "warning"), (note, "note")]
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, noun)| format!("{count} {noun}{}", if count == 1 { "" } else { "s" }))
        .collect();
    let found = if found.is_empty() { "no violation".to_owned() } else { found.join(", ") };
    format!("{verdict}: {} exchanges, {} judged: {found}", finished.exchanges, finished.inspected)
}

#[cfg(test)]
mod tests;
