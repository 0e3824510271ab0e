//! JUnit XML: a test case an operation and version, so that every CI shows what was tried and what failed.
//!
//! *failure* is a peer that does not keep to the API, at or above `--fail-on`; *error* is something on our own side (a report that was cut off,
//! waivers that are stale, nothing judged); *skipped* is what was not judged. Everything else that was found stands in `system-out`. The cases
//! are red exactly where the run's verdict is.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::Arc;

use quick_xml::Writer;
use quick_xml::events::BytesText;

use super::words::{self, visible};
use super::{Cell, CellKey, Class, Digest, Reporter, Tally};
use crate::model::{Difference, Event, FailOn, RunFinished, RunVerdict, Scenario};

/// What stands for the daemon's name where a run asks one only.
const NAMELESS: &str = "plimsoll";
/// The suite of scenarios.
const SCENARIOS: &str = "snapshots";

/// Collects; writes when the run is over.
#[derive(Debug)]
pub struct Junit<W> {
    out: W,
    digest: Digest,
}

/// A test case, ready to be written.
struct Case {
    class: String,
    name: String,
    micros: u64,
    outcome: Outcome,
    /// What `system-out` says; empty for nothing.
    said: String,
}

enum Outcome {
    Pass,
    /// Type, message, text.
    Failure(String, String, String),
    /// Type, message.
    Error(&'static str, String),
    /// Message.
    Skipped(String),
}

#[derive(Default)]
struct Totals {
    tests: u64,
    failures: u64,
    errors: u64,
    skipped: u64,
    micros: u64,
}

impl<W: Write> Junit<W> {
    /// Writes to `out`.
    pub fn new(out: W) -> Self {
        Self { out, digest: Digest::by_cell() }
    }

    fn write(&mut self) -> io::Result<()> {
        let suites = suites(&self.digest);
        let mut all = Totals::default();
        for case in suites.values().flatten() {
            all.add(case);
        }
        self.out.write_all(b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n")?;
        let mut writer = Writer::new_with_indent(&mut self.out, b' ', 2);
        writer
            .create_element("testsuites")
            .with_attribute(("name", "plimsoll"))
            .with_attribute(("tests", all.tests.to_string().as_str()))
            .with_attribute(("failures", all.failures.to_string().as_str()))
            .with_attribute(("errors", all.errors.to_string().as_str()))
            .with_attribute(("time", seconds(all.micros).as_str()))
            .write_inner_content(|writer| suites.iter().try_for_each(|(name, cases)| write_suite(writer, name, cases, &self.digest)))?;
        self.out.write_all(b"\n")?;
        self.out.flush()
    }
}

impl<W: Write + Send> Reporter for Junit<W> {
    fn event(&mut self, event: &Event) -> io::Result<()> {
        self.digest.event(event);
        Ok(())
    }

    fn finish(&mut self, _: &Tally) -> io::Result<()> {
        self.write()
    }
}

impl Totals {
    fn add(&mut self, case: &Case) {
        self.tests += 1;
        self.micros = self.micros.saturating_add(case.micros);
        match case.outcome {
            Outcome::Pass => {}
            Outcome::Failure(..) => self.failures += 1,
            Outcome::Error(..) => self.errors += 1,
            Outcome::Skipped(_) => self.skipped += 1,
        }
    }
}

/// By daemon; what is said of the run itself stands in the suite that has plimsoll's name.
fn suites(digest: &Digest) -> BTreeMap<String, Vec<Case>> {
    let mut classes: BTreeMap<CellKey, Vec<&Class>> = BTreeMap::new();
    for class in digest.classes.iter() {
        let call = &class.first.call;
        let key = CellKey { daemon: call.daemon.clone(), operation: call.operation.clone(), version: call.api_version };
        classes.entry(key).or_default().push(class);
    }
    let mut suites: BTreeMap<String, Vec<Case>> = BTreeMap::new();
    for (key, cell) in &digest.cells {
        let case = cell_case(key, cell, classes.get(key).map_or(&[], Vec::as_slice), digest.fail_on());
        suites.entry(suite_of(key.daemon.as_ref())).or_default().push(case);
    }
    if !digest.scenarios.is_empty() {
        suites.insert(SCENARIOS.to_owned(), digest.scenarios.iter().map(scenario_case).collect());
    }
    let own = own_cases(digest);
    // A run in which nothing happened has a suite all the same.
    if !own.is_empty() || suites.is_empty() {
        suites.entry(NAMELESS.to_owned()).or_default().extend(own);
    }
    suites
}

fn suite_of(daemon: Option<&Arc<str>>) -> String {
    daemon.map_or_else(|| NAMELESS.to_owned(), |name| visible(name))
}

/// The test case of an operation at a version.
fn cell_case(key: &CellKey, cell: &Cell, classes: &[&Class], fail_on: FailOn) -> Case {
    let (failing, beside): (Vec<&Class>, Vec<&Class>) =
        classes.iter().partition(|class| class.first.waived.is_none() && fail_on.fails(class.first.severity()));
    let outcome = if cell.fails(fail_on) {
        let (rule, message) = match failing.split_first() {
            Some((first, [])) => (first.first.rule.id(), visible(&first.first.message)),
            Some((first, rest)) => {
                (first.first.rule.id(), format!("{} (and findings of {})", visible(&first.first.message), more_kinds(rest.len())))
            }
            // There were more kinds of findings in the run than are kept.
            None => ("violation", words::plural(cell.violations.error + cell.violations.warning, "violation")),
        };
        Outcome::Failure(rule.to_owned(), message, failing.iter().map(|class| block(class)).collect::<Vec<_>>().join("\n\n"))
    } else if cell.inspected == 0 && cell.reached == 0 {
        let why = cell.reasons.iter().chain(&cell.skipped).cloned().collect::<Vec<_>>().join("; ");
        Outcome::Skipped(if why.is_empty() { "not judged".to_owned() } else { why })
    } else {
        Outcome::Pass
    };
    let mut said: Vec<String> = beside.iter().map(|class| block(class)).collect();
    if !matches!(outcome, Outcome::Skipped(_)) {
        said.extend(cell.reasons.iter().map(|reason| format!("not judged: {reason}")));
        said.extend(cell.skipped.iter().map(|case| format!("skipped: {case}")));
    }
    Case {
        class: suite_of(key.daemon.as_ref()),
        name: format!("{} {}", visible(words::operation(key.operation.as_deref())), words::version(key.version)),
        micros: cell.micros,
        outcome,
        said: said.join("\n\n"),
    }
}

/// The test case of a scenario of snapshots.
fn scenario_case(scenario: &Scenario) -> Case {
    let place = |difference: &Difference| {
        let operation = words::operation(difference.operation.as_deref());
        let side = |side: &Option<String>| side.as_deref().unwrap_or("nothing").to_owned();
        let (expected, actual) = (side(&difference.expected), side(&difference.actual));
        visible(&format!("{}. {operation} {}: {} → {}", difference.exchange, difference.pointer, expected, actual))
    };
    let said = scenario.differences.iter().map(place).chain(scenario.notes.iter().map(|note| visible(note))).collect::<Vec<_>>().join("\n");
    let message = format!("{}: {}", scenario.result.word(), words::plural(scenario.differences.len() as u64, "difference"));
    let (outcome, said) = if scenario.result.fails() {
        (Outcome::Failure("snapshot".to_owned(), message, said), String::new())
    } else {
        (Outcome::Pass, said)
    };
    Case { class: SCENARIOS.to_owned(), name: visible(&scenario.scenario), micros: 0, outcome, said }
}

/// What concerns the run as a whole; only what is wrong.
fn own_cases(digest: &Digest) -> Vec<Case> {
    let case = |name: String, outcome| Case { class: NAMELESS.to_owned(), name, micros: 0, outcome, said: String::new() };
    let mut cases = Vec::new();
    if let Some(missing) = digest.incomplete() {
        cases.push(case("whole report".to_owned(), Outcome::Error("incomplete", format!("{}: {}", words::NOT_WHOLE, visible(missing)))));
    }
    for stale in &digest.stale {
        let name = visible(&format!("waiver {}:{}", stale.file, stale.line));
        let said = words::stale(stale);
        if digest.stale_fail() {
            cases.push(case(name, Outcome::Error("stale-waiver", said)));
        } else {
            cases.push(Case { said, ..case(name, Outcome::Pass) });
        }
    }
    let Some(finished) = &digest.finished else { return cases };
    if finished.verdict == RunVerdict::NothingInspected {
        cases.push(case("anything judged".to_owned(), Outcome::Error("nothing-judged", verdict(finished))));
    }
    if let Some(asked) = words::coverage_asked(finished) {
        let below = words::is_below_coverage(finished);
        let too_little = words::verdict(RunVerdict::BelowCoverage);
        let outcome = if below { Outcome::Failure("coverage".to_owned(), too_little.to_owned(), asked.clone()) } else { Outcome::Pass };
        cases.push(Case { said: if below { String::new() } else { asked }, ..case("coverage".to_owned(), outcome) });
    }
    cases
}

fn write_suite<W: Write>(writer: &mut Writer<W>, name: &str, cases: &[Case], digest: &Digest) -> io::Result<()> {
    let mut totals = Totals::default();
    for case in cases {
        totals.add(case);
    }
    let mut suite = writer
        .create_element("testsuite")
        .with_attribute(("name", name))
        .with_attribute(("tests", totals.tests.to_string().as_str()))
        .with_attribute(("failures", totals.failures.to_string().as_str()))
        .with_attribute(("errors", totals.errors.to_string().as_str()))
        .with_attribute(("skipped", totals.skipped.to_string().as_str()))
        .with_attribute(("time", seconds(totals.micros).as_str()));
    if let Some(started) = &digest.started {
        suite = suite.with_attribute(("timestamp", visible(&started.started_at).as_str()));
    }
    suite.write_inner_content(|writer| {
        cases.iter().try_for_each(|case| write_case(writer, case))?;
        let Some(finished) = &digest.finished else { return Ok(()) };
        let mut said = verdict(finished);
        if digest.classes.beyond() > 0 {
            said = format!("{said}\n{} that are named nowhere here", words::plural(digest.classes.beyond(), "finding"));
        }
        writer.create_element("system-out").write_text_content(BytesText::new(&said)).map(drop)
    })?;
    Ok(())
}

fn write_case<W: Write>(writer: &mut Writer<W>, case: &Case) -> io::Result<()> {
    let element = writer
        .create_element("testcase")
        .with_attribute(("classname", case.class.as_str()))
        .with_attribute(("name", case.name.as_str()))
        .with_attribute(("time", seconds(case.micros).as_str()));
    if matches!(case.outcome, Outcome::Pass) && case.said.is_empty() {
        return element.write_empty().map(drop);
    }
    element.write_inner_content(|writer| {
        match &case.outcome {
            Outcome::Pass => {}
            Outcome::Failure(kind, message, text) => {
                let failure = writer.create_element("failure");
                let failure = failure.with_attribute(("type", kind.as_str())).with_attribute(("message", message.as_str()));
                failure.write_text_content(BytesText::new(text))?;
            }
            Outcome::Error(kind, message) => {
                let error = writer.create_element("error");
                error.with_attribute(("type", *kind)).with_attribute(("message", message.as_str())).write_empty()?;
            }
            Outcome::Skipped(message) => {
                writer.create_element("skipped").with_attribute(("message", message.as_str())).write_empty()?;
            }
        }
        if !case.said.is_empty() {
            writer.create_element("system-out").write_text_content(BytesText::new(&case.said))?;
        }
        Ok(())
    })?;
    Ok(())
}

/// What the terminal shows of a class, and the waiver's reason.
fn block(class: &Class) -> String {
    let waived = class.first.waived.as_ref().map(|waived| format!("\n    waived    {}", words::waived(waived))).unwrap_or_default();
    format!("{}\n{}{waived}", words::headline(class), words::block(&class.first, "  "))
}

fn verdict(finished: &RunFinished) -> String {
    format!("{}: {}", words::verdict(finished.verdict), words::sum(finished))
}

fn more_kinds(count: usize) -> String {
    format!("{count} more {}", if count == 1 { "kind" } else { "kinds" })
}

/// With three digits behind the point: Jenkins' schema takes no more.
fn seconds(micros: u64) -> String {
    let millis = micros.saturating_add(500) / 1000;
    format!("{}.{:03}", millis / 1000, millis % 1000)
}
