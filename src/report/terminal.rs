//! The report for people: one block a finding class with its first sample, then what was seen, then the verdict.

mod style;

use std::collections::BTreeMap;
use std::io::{self, Write};

use super::words::{self, client_at_fault, shorten, visible};
use super::{Class, Classes, Coverage, Reporter, Setting, Tally, coverage};
use crate::catalog::Catalog;
use crate::model::{ApiVersion, Enforcement, Event, RunFinished, RunVerdict, Severity, StaleWaiver, Summary, Verdict};

pub use style::Style;

/// Notes are shown a line a class, and no more than these; JSON Lines has them all.
const NOTES_SHOWN: usize = 8;
/// Rows of the table of exchanges and of reasons; beyond it they are counted.
const ROWS_SHOWN: usize = 60;

/// Collects classes; writes when the run is over.
#[derive(Debug)]
pub struct Terminal<W> {
    out: W,
    style: Style,
    classes: Classes,
    calls: BTreeMap<CallRow, u64>,
    reasons: BTreeMap<(String, String), u64>,
    stale: Vec<StaleWaiver>,
    finished: Option<RunFinished>,
    /// Where it is to be shown.
    coverage: Option<Coverage>,
    catalog: &'static Catalog,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct CallRow {
    operation: String,
    version: Option<ApiVersion>,
    status: Option<u16>,
    verdict: u8,
    enforced: Option<Enforcement>,
}

impl<W: Write> Terminal<W> {
    /// Writes to `out`.
    pub fn new(out: W, setting: Setting) -> Self {
        Self {
            out,
            style: setting.style,
            classes: Classes::default(),
            calls: BTreeMap::new(),
            reasons: BTreeMap::new(),
            stale: Vec::new(),
            finished: None,
            coverage: setting.coverage.then(Coverage::default),
            catalog: setting.catalog,
        }
    }

    fn exchange(&mut self, summary: &Summary) {
        let call = &summary.call;
        let operation =
            call.operation.as_deref().map_or_else(|| visible(&format!("{} {}", call.method, shorten(&call.path, 60))), str::to_owned);
        let verdict = match summary.verdict {
            Verdict::Violated => 0,
            Verdict::NotInspected => 1,
            Verdict::Pass => 2,
        };
        let row = CallRow { operation, version: call.api_version, status: summary.status, verdict, enforced: summary.enforced };
        // A client that asks for ever new unknown paths must not make the table grow for ever.
        if self.calls.len() < 4096 || self.calls.contains_key(&row) {
            *self.calls.entry(row).or_default() += 1;
        }
    }

    fn write_class(&mut self, class: &Class) -> io::Result<()> {
        let Self { out, style, .. } = self;
        let violation = &class.first;
        let operation = words::operation(violation.call.operation.as_deref());
        let times = if class.count > 1 { style.strong(&words::times(class.count)) } else { String::new() };
        write!(out, "{}  {}", style.severity(violation.severity()), style.strong(violation.rule.id()))?;
        writeln!(out, "  {}  {operation}  {}{times}", violation.side, class.versions_in_words())?;
        writeln!(out, "  {}", visible(&violation.message))?;
        for row in words::rows(violation) {
            for (index, line) in row.lines.iter().enumerate() {
                let label = if index == 0 { row.label } else { "" };
                writeln!(out, "    {} {line}", style.dim(&format!("{label:<9}")))?;
            }
        }
        writeln!(out)
    }

    /// What is waived stays in sight, a line a class.
    fn write_waived(&mut self, classes: &Classes) -> io::Result<()> {
        let mut any = false;
        for class in classes.iter() {
            let Some(waived) = &class.first.waived else { continue };
            any = true;
            let violation = &class.first;
            let times = if class.count > 1 { format!(" ×{}", class.count) } else { String::new() };
            let shown = format!("{}  {}  {}  {}", violation.rule, violation.side, visible(class.operation()), class.versions_in_words());
            let label = self.style.dim("waived");
            writeln!(self.out, "{label}  {shown}  {}{times}: {}", visible(&violation.place.to_string()), words::waived(waived))?;
        }
        if any { writeln!(self.out) } else { Ok(()) }
    }

    fn write_stale(&mut self) -> io::Result<()> {
        for stale in &self.stale {
            let label = self.style.bad("stale waiver");
            writeln!(self.out, "{label}  {}", words::stale(stale))?;
        }
        if self.stale.is_empty() { Ok(()) } else { writeln!(self.out) }
    }

    fn write_notes(&mut self, classes: &Classes) -> io::Result<()> {
        let is_note = |class: &&Class| class.first.severity() == Severity::Note && class.first.waived.is_none();
        let notes: Vec<&Class> = classes.iter().filter(is_note).collect();
        for class in notes.iter().take(NOTES_SHOWN) {
            let violation = &class.first;
            let operation = words::operation(violation.call.operation.as_deref());
            let times = if class.count > 1 { format!(" ×{}", class.count) } else { String::new() };
            let label = self.style.severity(Severity::Note);
            let shown = format!("{label}  {}  {}  {operation}  {}", violation.rule, violation.side, class.versions_in_words());
            let client = client_at_fault(violation).map(|client| format!("  ({})", visible(&shorten(client, 40)))).unwrap_or_default();
            let (place, expected) = (visible(&violation.place.to_string()), visible(&violation.expected));
            writeln!(self.out, "{shown}  {place}{times}: {expected}{client}")?;
        }
        if notes.len() > NOTES_SHOWN {
            writeln!(self.out, "      … and notes of {} more kinds (--format jsonl names them all)", notes.len() - NOTES_SHOWN)?;
        }
        if !notes.is_empty() {
            writeln!(self.out)?;
        }
        Ok(())
    }

    fn write_calls(&mut self) -> io::Result<()> {
        if self.calls.is_empty() {
            return Ok(());
        }
        let width = self.calls.keys().take(ROWS_SHOWN).map(|row| row.operation.chars().count()).max().unwrap_or_default().min(60);
        for (row, count) in self.calls.iter().take(ROWS_SHOWN) {
            let mark = match row.verdict {
                0 => self.style.bad("violated"),
                1 => self.style.dim("not judged"),
                _ => self.style.good("pass"),
            };
            let mark = row.enforced.map_or(mark, |enforced| self.style.bad(&enforced.to_string()));
            let version = row.version.map_or_else(|| "-".to_owned(), |version| version.to_string());
            let status = row.status.map_or_else(|| "-".to_owned(), |status| status.to_string());
            let times = if *count > 1 { format!("  ×{count}") } else { String::new() };
            writeln!(self.out, "  {:<width$}  {version:>4}  {status:>3}  {mark}{times}", row.operation)?;
        }
        if self.calls.len() > ROWS_SHOWN {
            writeln!(self.out, "  … and {} more kinds of exchanges", self.calls.len() - ROWS_SHOWN)?;
        }
        writeln!(self.out)
    }

    fn write_reasons(&mut self) -> io::Result<()> {
        for ((reason, part), count) in self.reasons.iter().take(ROWS_SHOWN) {
            let times = if *count > 1 { format!(" ×{count}") } else { String::new() };
            writeln!(self.out, "  {} {}{times}: {reason}", self.style.dim("not judged:"), part.replace('-', " "))?;
        }
        if !self.reasons.is_empty() {
            writeln!(self.out)?;
        }
        Ok(())
    }

    fn write_verdict(&mut self, finished: &RunFinished) -> io::Result<()> {
        let covered: Vec<_> = finished
            .coverage
            .iter()
            .map(|(version, coverage)| format!("{version} {}/{}", coverage.operations[0], coverage.operations[1]))
            .collect();
        if !covered.is_empty() {
            writeln!(self.out, "operations seen: {}", covered.join(", "))?;
        }
        if let Some(asked) = words::coverage_asked(finished) {
            writeln!(self.out, "{asked}")?;
        }
        if let Some(missing) = &finished.incomplete {
            writeln!(self.out, "{}: {}", self.style.bad(words::NOT_WHOLE), visible(missing))?;
        }
        for unwritten in &finished.unwritten {
            writeln!(self.out, "{}: {unwritten}", self.style.bad("not written to its end"))?;
        }
        let verdict = words::verdict(finished.verdict);
        let verdict = if finished.verdict == RunVerdict::Pass { self.style.good(verdict) } else { self.style.bad(verdict) };
        writeln!(self.out, "{verdict}: {}", words::sum(finished))
    }
}

impl<W: Write + Send> Reporter for Terminal<W> {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        match event {
            Event::Violation(violation) => self.classes.add(violation),
            Event::Exchange(summary) => self.exchange(summary),
            Event::NotInspected(unjudged) => {
                let key = (visible(&unjudged.reason.to_string()), visible(&unjudged.part));
                if self.reasons.len() < 4096 || self.reasons.contains_key(&key) {
                    *self.reasons.entry(key).or_default() += 1;
                }
            }
            Event::RunFinished(finished) => self.finished = Some(finished.clone()),
            Event::StaleWaiver(stale) => self.stale.push(stale.clone()),
            Event::Coverage(seen) => {
                if let Some(coverage) = &mut self.coverage {
                    coverage.add(seen);
                }
            }
            Event::RunStarted(_) | Event::ProbeCase(_) | Event::Scenario(_) => {}
        }
        Ok(())
    }

    fn finish(&mut self, _: &Tally) -> io::Result<()> {
        let classes = std::mem::take(&mut self.classes);
        let shown = |class: &&Class| class.first.severity() > Severity::Note && class.first.waived.is_none();
        for class in classes.iter().filter(shown) {
            self.write_class(class)?;
        }
        let explain = classes.iter().find(shown).map(|class| class.first.rule);
        self.write_waived(&classes)?;
        self.write_notes(&classes)?;
        self.write_stale()?;
        self.write_calls()?;
        self.write_reasons()?;
        if let Some(coverage) = &self.coverage {
            self.out.write_all(coverage::bars(coverage, self.catalog, self.style).as_bytes())?;
        }
        if let Some(rule) = explain {
            writeln!(self.out, "why, and who trips: plimsoll rules explain {rule}")?;
        }
        if let Some(finished) = self.finished.take() {
            self.write_verdict(&finished)?;
        }
        self.out.flush()
    }
}
