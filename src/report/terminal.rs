//! The report for people: one block a finding class with its first sample, then what was seen, then the verdict.

mod bytes;
mod style;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use super::{Reporter, Tally};
use crate::model::{ApiVersion, Counts, Enforcement, Event, Part, RunFinished, RunVerdict, Severity, Side, Summary, Verdict, Violation};

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
    /// In the order of the first sample.
    classes: Vec<Class>,
    calls: BTreeMap<CallRow, u64>,
    reasons: BTreeMap<(String, &'static str), u64>,
    finished: Option<RunFinished>,
}

/// Findings that differ only in where exactly they stand.
#[derive(Debug)]
struct Class {
    key: String,
    first: Box<Violation>,
    count: u64,
    versions: BTreeSet<Option<ApiVersion>>,
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
    pub fn new(out: W, style: Style) -> Self {
        Self { out, style, classes: Vec::new(), calls: BTreeMap::new(), reasons: BTreeMap::new(), finished: None }
    }

    fn violation(&mut self, violation: &Violation) {
        let operation = violation.call.operation.as_deref().unwrap_or(&violation.call.path);
        let key = format!("{} {} {operation} {:?}", violation.rule, violation.side, violation.place.class());
        let version = violation.call.api_version;
        if let Some(class) = self.classes.iter_mut().find(|class| class.key == key) {
            class.count += 1;
            class.versions.insert(version);
        } else {
            self.classes.push(Class { key, first: Box::new(violation.clone()), count: 1, versions: BTreeSet::from([version]) });
        }
    }

    fn exchange(&mut self, summary: &Summary) {
        let call = &summary.call;
        let operation = call.operation.as_deref().map_or_else(|| format!("{} {}", call.method, shorten(&call.path, 60)), str::to_owned);
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
        let call = &violation.call;
        let times = if class.count > 1 { style.strong(&format!("  ×{}", class.count)) } else { String::new() };
        write!(out, "{}  {}", style.severity(violation.severity()), style.strong(violation.rule.id()))?;
        write!(out, "  {}", violation.side)?;
        write!(out, "  {}", call.operation.as_deref().unwrap_or("unknown operation"))?;
        writeln!(out, "  {}{}", versions(&class.versions), times)?;
        writeln!(out, "  {}", violation.message)?;
        let mut row = |label: &str, text: &str| writeln!(out, "    {} {text}", style.dim(&format!("{label:<9}")));
        row("at", &violation.place.to_string())?;
        if !violation.expected.is_empty() {
            row("expected", &violation.expected)?;
        }
        if !violation.actual.is_empty() {
            row("actual", &violation.actual)?;
        }
        if !violation.evidence.is_empty() {
            let lines = if violation.place.part == Part::Frame {
                bytes::frame_header(&violation.evidence)
            } else {
                bytes::dump(&violation.evidence)
            };
            for (index, line) in lines.iter().enumerate() {
                row(if index == 0 { "bytes" } else { "" }, line)?;
            }
        }
        let unanswered = if violation.enforced == Some(Enforcement::Refused) { "not passed on" } else { "no answer yet" };
        let status = violation.status.map_or_else(|| unanswered.to_owned(), |status| status.to_string());
        row(
            "in",
            &format!("{} {} → {status} (connection {}, exchange {})", call.method, shorten(&call.path, 90), call.connection, call.exchange),
        )?;
        if let Some(client) = client_at_fault(violation) {
            row("client", &shorten(client, 90))?;
        }
        if let Some(enforced) = violation.enforced {
            row("enforced", &enforced.to_string())?;
        }
        writeln!(out)
    }

    fn write_notes(&mut self) -> io::Result<()> {
        let notes: Vec<&Class> = self.classes.iter().filter(|class| class.first.severity() == Severity::Note).collect();
        for class in notes.iter().take(NOTES_SHOWN) {
            let violation = &class.first;
            let operation = violation.call.operation.as_deref().unwrap_or("unknown operation");
            let times = if class.count > 1 { format!(" ×{}", class.count) } else { String::new() };
            let label = self.style.severity(Severity::Note);
            let shown = format!("{label}  {}  {}  {operation}  {}", violation.rule, violation.side, versions(&class.versions));
            let client = client_at_fault(violation).map(|client| format!("  ({})", shorten(client, 40))).unwrap_or_default();
            writeln!(self.out, "{shown}  {}{times}: {}{client}", violation.place, violation.expected)?;
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
        let Counts { error, warning, note } = finished.violations;
        let exchanges = format!("{}, {} judged", plural(finished.exchanges, "exchange"), finished.inspected);
        let mut found: Vec<String> = Vec::new();
        found.extend((error > 0).then(|| plural(error, "error")));
        found.extend((warning > 0).then(|| plural(warning, "warning")));
        found.extend((note > 0).then(|| plural(note, "note")));
        let found = if found.is_empty() { "no violation".to_owned() } else { found.join(", ") };
        let covered: Vec<_> = finished
            .coverage
            .iter()
            .map(|(version, coverage)| format!("{version} {}/{}", coverage.operations[0], coverage.operations[1]))
            .collect();
        if !covered.is_empty() {
            writeln!(self.out, "operations seen: {}", covered.join(", "))?;
        }
        let verdict = match finished.verdict {
            RunVerdict::Pass => self.style.good("compliant"),
            RunVerdict::Violations => self.style.bad("not compliant"),
            RunVerdict::NothingInspected => self.style.bad("nothing was judged"),
        };
        writeln!(self.out, "{verdict}: {exchanges}: {found}")
    }
}

impl<W: Write + Send> Reporter for Terminal<W> {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        match event {
            Event::Violation(violation) => self.violation(violation),
            Event::Exchange(summary) => self.exchange(summary),
            Event::NotInspected(unjudged) => {
                let key = (unjudged.reason.to_string(), unjudged.part);
                if self.reasons.len() < 4096 || self.reasons.contains_key(&key) {
                    *self.reasons.entry(key).or_default() += 1;
                }
            }
            Event::RunFinished(finished) => self.finished = Some(finished.clone()),
            Event::RunStarted(_) | Event::ProbeCase(_) => {}
        }
        Ok(())
    }

    fn finish(&mut self, _: &Tally) -> io::Result<()> {
        let mut classes = std::mem::take(&mut self.classes);
        classes.sort_by_key(|class| std::cmp::Reverse(class.first.severity()));
        for class in classes.iter().filter(|class| class.first.severity() > Severity::Note) {
            self.write_class(class)?;
        }
        let explain = classes.iter().find(|class| class.first.severity() > Severity::Note).map(|class| class.first.rule);
        self.classes = classes;
        self.write_notes()?;
        self.write_calls()?;
        self.write_reasons()?;
        if let Some(rule) = explain {
            writeln!(self.out, "why, and who trips: plimsoll rules explain {rule}")?;
        }
        if let Some(finished) = self.finished.take() {
            self.write_verdict(&finished)?;
        }
        self.out.flush()
    }
}

/// The name of the client, where it is the client's fault.
fn client_at_fault(violation: &Violation) -> Option<&str> {
    violation.call.client.as_deref().filter(|_| violation.side == Side::Client)
}

fn versions(versions: &BTreeSet<Option<ApiVersion>>) -> String {
    let known: Vec<String> = versions.iter().flatten().map(ToString::to_string).collect();
    match &known[..] {
        [] => "API version unknown".to_owned(),
        [one] => format!("API {one}"),
        [first, .., last] => format!("API {first} to {last}"),
    }
}

fn plural(count: u64, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

fn shorten(text: &str, longest: usize) -> String {
    if text.chars().count() <= longest {
        return text.to_owned();
    }
    text.chars().take(longest).chain(['…']).collect()
}
