//! Joins the reports of several runs into one: the same whatever their number and order.
//!
//! Events come out sorted by daemon, recording, connection and exchange, and what is said of the whole run is counted anew.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Ending, Gate, Reporter, Tally};
use crate::catalog::Catalog;
use crate::model::{ApiVersion, Call, Event, OperationSeen, ProbeCase, RunStarted, Scenario, StaleWaiver};

/// The daemon's name, the version and the operation.
type Cell = (Option<Arc<str>>, ApiVersion, Arc<str>);

/// What was read of several reports.
#[derive(Debug, Default)]
pub struct Merge {
    started: Vec<RunStarted>,
    /// Of exchanges, violations, and what was not inspected.
    events: Vec<Event>,
    cases: Vec<ProbeCase>,
    scenarios: Vec<Scenario>,
    seen: BTreeMap<Cell, OperationSeen>,
    /// In how many runs each was stale.
    stale: BTreeMap<(String, u64, String), (StaleWaiver, usize)>,
    incomplete: Vec<String>,
}

impl Merge {
    /// One more run, of which nothing is taken yet.
    ///
    /// Its events follow through [`Merge::event`], and [`Merge::end`] says how it ended.
    pub fn event(&mut self, mut event: Event, label: Label<'_>) {
        label.write_on(&mut event);
        match event {
            Event::RunStarted(started) => self.started.push(started),
            Event::Exchange(_) | Event::Violation(_) | Event::NotInspected(_) => self.events.push(event),
            Event::ProbeCase(case) => self.cases.push(case),
            Event::Scenario(scenario) => self.scenarios.push(scenario),
            Event::Coverage(seen) => self.see(seen),
            Event::StaleWaiver(stale) => {
                let key = (stale.file.clone(), stale.line, stale.rule.clone());
                self.stale.entry(key).or_insert((stale, 0)).1 += 1;
            }
            Event::RunFinished(finished) => self.incomplete.extend(finished.incomplete),
        }
    }

    /// Waivers that are of no use in all runs together.
    pub fn stale(&mut self, stale: impl Iterator<Item = StaleWaiver>) {
        let runs = self.started.len();
        self.stale.extend(stale.map(|stale| ((stale.file.clone(), stale.line, stale.rule.clone()), (stale, runs))));
    }

    /// The run whose events came last has ended. `name` is what its report is called in a sentence.
    pub fn end(&mut self, name: &str, ending: Ending) {
        self.incomplete.extend(missing(name, ending));
    }

    /// What is missing of the reports, in words; `None` where they are whole.
    #[must_use]
    pub fn incomplete(&self) -> Option<String> {
        let mut missing: Vec<&str> = self.incomplete.iter().map(String::as_str).collect();
        missing.sort_unstable();
        Some(missing.join("; ")).filter(|missing| !missing.is_empty())
    }

    /// Gives the one report to `reporters`.
    pub fn report(mut self, catalog: &Catalog, gate: Gate, reporters: &mut [Box<dyn Reporter>]) -> std::io::Result<Tally> {
        let mut tally = Tally::default();
        let incomplete = self.incomplete();
        let runs = self.started.len();
        let mut tell = |event: Event, tally: &mut Tally| -> std::io::Result<()> {
            tally.event(&event);
            reporters.iter_mut().try_for_each(|reporter| reporter.event(&event))
        };
        if let Some(started) = first(&mut self.started) {
            let started = RunStarted { fail_on: gate.fail_on, allow_stale_waivers: gate.allow_stale, ..started };
            tell(Event::RunStarted(started), &mut tally)?;
        }
        self.events.sort_by(order);
        for event in self.events {
            tell(event, &mut tally)?;
        }
        self.cases.sort_by(|one, other| case_order(one).cmp(&case_order(other)));
        for case in self.cases {
            tell(Event::ProbeCase(case), &mut tally)?;
        }
        self.scenarios.sort_by(|one, other| one.scenario.cmp(&other.scenario));
        for scenario in self.scenarios {
            tell(Event::Scenario(scenario), &mut tally)?;
        }
        for seen in self.seen.into_values() {
            tell(Event::Coverage(seen), &mut tally)?;
        }
        // A waiver that matched in one of the runs is of use.
        for (stale, _) in self.stale.into_values().filter(|(_, times)| *times == runs) {
            tell(Event::StaleWaiver(stale), &mut tally)?;
        }
        let mut finished = tally.finished(catalog, gate);
        finished.incomplete = incomplete;
        tell(Event::RunFinished(finished), &mut tally)?;
        reporters.iter_mut().try_for_each(|reporter| reporter.finish(&tally))?;
        Ok(tally)
    }

    fn see(&mut self, seen: OperationSeen) {
        let key = (seen.daemon.clone(), seen.api_version, Arc::clone(&seen.operation));
        match self.seen.entry(key) {
            std::collections::btree_map::Entry::Vacant(vacant) => {
                vacant.insert(seen);
            }
            std::collections::btree_map::Entry::Occupied(mut occupied) => occupied.get_mut().add(seen),
        }
    }
}

/// What is missing of a report, in words; `None` of a whole one. `name` is what it is called in them.
#[must_use]
pub fn missing(name: &str, ending: Ending) -> Option<String> {
    let Ending::CutOff { line, torn } = ending else { return None };
    let torn = if torn { ", and the line behind it is torn" } else { "" };
    Some(format!(
        "{name} ends after line {line}, before the run was over{torn}; what was under way then and all that came later is missing"
    ))
}

/// What tells the runs apart where their events do not.
#[derive(Debug, Clone, Copy, Default)]
pub struct Label<'a> {
    /// The name of the daemon that the run asked.
    pub daemon: Option<&'a Arc<str>>,
    /// What stands for the recording, where there is none and connections of two runs have the same number.
    pub source: Option<&'a Arc<str>>,
}

impl Label<'_> {
    fn write_on(self, event: &mut Event) {
        let call = match event {
            Event::Exchange(summary) => &mut summary.call,
            Event::Violation(violation) => &mut violation.call,
            Event::NotInspected(unjudged) => &mut unjudged.call,
            Event::ProbeCase(case) => {
                case.daemon = self.daemon.cloned().or(case.daemon.take());
                return;
            }
            Event::Coverage(seen) => {
                seen.daemon = self.daemon.cloned().or(seen.daemon.take());
                return;
            }
            Event::RunStarted(_) | Event::Scenario(_) | Event::StaleWaiver(_) | Event::RunFinished(_) => return,
        };
        if self.daemon.is_some() || (self.source.is_some() && call.source.is_none()) {
            let Call { daemon, source, .. } = Arc::make_mut(call);
            *daemon = self.daemon.cloned().or(daemon.take());
            *source = source.take().or(self.source.cloned());
        }
    }
}

/// The earliest beginning, with what all runs have in common.
fn first(started: &mut [RunStarted]) -> Option<RunStarted> {
    started.sort_by(|one, other| one.started_at.cmp(&other.started_at));
    let mut first = started.first()?.clone();
    let same = |same: &dyn Fn(&RunStarted) -> bool| started.iter().all(same);
    if !same(&|other| other.recording == first.recording) {
        first.recording = None;
    }
    if !same(&|other| other.command == first.command) {
        first.command = "merge".into();
    }
    Some(first)
}

fn order(one: &Event, other: &Event) -> Ordering {
    fn key(event: &Event) -> Option<(&Call, u8)> {
        match event {
            Event::Violation(violation) => Some((&violation.call, 0)),
            Event::NotInspected(unjudged) => Some((&unjudged.call, 1)),
            Event::Exchange(summary) => Some((&summary.call, 2)),
            _ => None,
        }
    }
    let (Some((one, kind)), Some((other, other_kind))) = (key(one), key(other)) else { return Ordering::Equal };
    let place = |call: &Call, kind| (call.daemon.clone(), call.source.clone(), call.connection, call.exchange, kind);
    // What was found of one exchange keeps its order.
    place(one, kind).cmp(&place(other, other_kind))
}

fn case_order(case: &ProbeCase) -> impl Ord + '_ {
    (&case.daemon, case.api_version, &case.operation, &case.case)
}
