//! One container: what was said of it, and what cannot all be true.

mod view;

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::super::finding::Finding;
use super::network::Networks;
use super::{Changes, Fact, Wish};
use crate::model::{ApiVersion, Part, Place, Rule, Side};
use view::{Listed, View};

/// The daemon's clock is told in whole seconds by the Date header, and an answer takes a moment.
const CLOCK_SLACK: i64 = 2;

/// A container that was created before plimsoll's eyes.
#[derive(Debug)]
pub(super) struct Container {
    name: Option<String>,
    wish: Wish,
    pub(super) changes: Changes,
    /// When an answer last said that it is there.
    alive: u64,
    /// An answer said that its id is unknown: when it was asked for.
    lost: Option<u64>,
    run: Run,
    /// The last inspect.
    last: Option<View>,
    /// What was answered since that inspect, oldest first.
    since: Vec<Answer>,
    /// What a list said since that inspect.
    listed: Option<Listed>,
}

/// The run of the container's process that is known.
#[derive(Debug, Default)]
struct Run {
    /// The start that began it: when it was asked for, when it was answered, and the daemon's clock then.
    started: Option<(u64, u64, Option<i64>)>,
    /// Another start is under way, or was answered in an unknown way.
    is_muddied: bool,
    /// How it ended by an answer of wait, and when that was read.
    outcome: Option<(i64, u64)>,
    /// The same moment on the clock.
    over: Option<Duration>,
    /// How it ended by the first event that told of it, and the daemon's clock then.
    died: Option<(i64, i64)>,
    /// An inspect said that it had ended: when that was asked for, and on the clock.
    stopped: Option<(u64, Duration)>,
}

/// What is known beside the container itself.
#[derive(Clone, Copy)]
pub(super) struct Around<'a> {
    /// Whether nobody changed anything in an unknown way from this tick on.
    pub(super) quiet: &'a dyn Fn(u64) -> bool,
    /// The last whole list of networks.
    pub(super) networks: Option<&'a Networks>,
}

/// An answer that depends on whether the container runs.
#[derive(Debug)]
struct Answer {
    operation: &'static str,
    begin: u64,
    end: u64,
}

/// No more than this is kept between two inspects.
const ANSWERS: usize = 16;
/// Health checks came with Docker 1.12: API 1.24.
const HEALTH: ApiVersion = ApiVersion::new(24);

impl Container {
    pub(super) fn new(name: Option<String>, fact: &Fact<'_>) -> Self {
        Self {
            name,
            wish: Wish { user: None, ..fact.wish.clone() },
            changes: Changes::default(),
            alive: fact.end,
            lost: None,
            run: Run::default(),
            last: None,
            since: Vec::new(),
            listed: None,
        }
    }

    pub(super) fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Has a new name; the old one comes back.
    pub(super) fn renamed(&mut self, name: &str) -> Option<String> {
        self.name.replace(name.to_owned())
    }

    /// A change is asked for.
    pub(super) fn begins(&mut self, operation: &str, tick: u64) {
        self.changes.begin();
        if matches!(operation, "ContainerStart" | "ContainerRestart") {
            // Whatever is known of the run may be of the one before from now on.
            let first = self.run.started.is_none() && !self.run.is_muddied && operation == "ContainerStart";
            self.run = Run { is_muddied: !first, ..Run::default() };
            if first {
                self.run.started = Some((tick, u64::MAX, None));
            }
        }
    }

    /// When wait said that the run was over, if an attach of this age belongs to it and no other run has begun.
    pub(super) fn run_over(&self, begin: u64) -> Option<Duration> {
        let (_, read) = self.run.outcome.filter(|_| !self.run.is_muddied)?;
        self.run.over.filter(|_| begin < read)
    }

    /// When the start of the run was asked for.
    pub(super) fn run_asked(&self) -> Option<u64> {
        self.run.started.map(|(begin, _, _)| begin)
    }

    /// An event told how the run ended; it is the first since the start was asked for.
    pub(super) fn died(&mut self, code: i64, time: i64, place: Place) -> Option<Finding> {
        if self.run.died.is_some() || self.run.is_muddied || self.wish.restarts {
            return None;
        }
        self.run.died = Some((code, time));
        let (outcome, _) = self.run.outcome.filter(|(outcome, _)| *outcome != code && self.is_of_run(time))?;
        Some(exit_code(outcome, code, place, "wait"))
    }

    /// Whether something with this time of the daemon came after the start, so that it is no run that somebody else began before.
    fn is_of_run(&self, time: i64) -> bool {
        self.run.started.and_then(|(_, _, date)| date).is_some_and(|date| time >= date - CLOCK_SLACK)
    }

    /// When an inspect said that the run was over, if a wait of this age is for it.
    pub(super) fn stopped(&self, begin: u64) -> Option<Duration> {
        self.run.stopped.filter(|(asked, _)| begin < *asked && !self.run.is_muddied).map(|(_, at)| at)
    }

    pub(super) fn listed(&mut self, entry: &Value, fact: &Fact<'_>) {
        self.alive = self.alive.max(fact.end);
        if self.last.is_some() {
            self.listed = Some(Listed::read(entry, fact));
        }
    }

    /// Takes a fact. `by_id`: it was asked for by its full id, which never comes back once it is gone.
    pub(super) fn see(&mut self, fact: &Fact<'_>, by_id: bool, around: Around<'_>) -> Vec<Finding> {
        if fact.status == 404 {
            let names_it = fact.document.and_then(|document| document.get("message")).and_then(Value::as_str);
            let is_unknown =
                matches!(fact.operation, "ContainerInspect" | "ContainerStart" | "ContainerStop" | "ContainerKill" | "ContainerWait")
                    && names_it.is_none_or(|message| message.to_ascii_lowercase().contains("container"));
            if by_id && is_unknown && fact.begin > self.alive {
                self.lost.get_or_insert(fact.begin);
            }
            return Vec::new();
        }
        match (fact.operation, fact.status) {
            ("ContainerInspect", 200) => return self.inspected(fact, by_id, around),
            ("ContainerStart", 204) => {
                if let Some((_, end, date)) = &mut self.run.started {
                    (*end, *date) = (fact.end, fact.date);
                }
                self.answered("ContainerStart", fact);
            }
            ("ContainerStart", status) if status != 304 => self.run = Run { is_muddied: true, ..Run::default() },
            ("ContainerStop", 204) => self.answered("ContainerStop", fact),
            ("ContainerKill", 204) => self.answered("ContainerKill", fact),
            ("ContainerExec", 201) => self.answered("ContainerExec", fact),
            // It may have a restart policy from now on.
            ("ContainerUpdate", 200) => self.wish.restarts = true,
            ("ContainerWait", 200) => return self.waited(fact),
            _ => {}
        }
        Vec::new()
    }

    fn answered(&mut self, operation: &'static str, fact: &Fact<'_>) {
        self.alive = self.alive.max(fact.end);
        if self.last.is_some() && self.since.len() < ANSWERS {
            self.since.push(Answer { operation, begin: fact.begin, end: fact.end });
        }
    }

    /// The answer of a wait that was asked for during the run, and ended while no other had begun, is the run's.
    fn waited(&mut self, fact: &Fact<'_>) -> Vec<Finding> {
        let document = fact.document;
        // -1 is no exit: moby/moby container/state.go Wait, and podman, say so when the wait itself was given up.
        let code = document.and_then(|document| document.get("StatusCode")).and_then(Value::as_i64).filter(|code| *code >= 0);
        let failed = document.and_then(|document| document.get("Error")).is_some_and(|error| !error.is_null());
        let Some((start_begin, start_end, _)) = self.run.started.filter(|_| !self.run.is_muddied && !self.wish.restarts) else {
            return Vec::new();
        };
        let next_exit = matches!(fact.target.parameter("condition"), Some("next-exit" | "removed"));
        // Asked before the start was answered, `not-running` is true at once.
        let is_of_run = if next_exit { fact.end > start_begin } else { fact.begin > start_end };
        let Some(code) = code.filter(|_| is_of_run && !failed && start_end != u64::MAX) else { return Vec::new() };
        match self.run.outcome {
            Some((before, _)) if before != code => {
                vec![exit_code(before, code, Place::of(Part::Body).at_pointer("/StatusCode"), "an earlier wait")]
            }
            Some(_) => Vec::new(),
            None => {
                self.run.outcome = Some((code, fact.end));
                self.run.over = fact.at;
                let died = self.run.died.filter(|(died, time)| *died != code && self.is_of_run(*time));
                died.map(|(died, _)| exit_code(died, code, Place::of(Part::Body).at_pointer("/StatusCode"), "the event die"))
                    .into_iter()
                    .collect()
            }
        }
    }

    fn inspected(&mut self, fact: &Fact<'_>, by_id: bool, around: Around<'_>) -> Vec<Finding> {
        let mut findings = Vec::new();
        if self.lost.take().is_some_and(|lost| by_id && fact.begin > lost) {
            let found = Finding::new(Rule::StateLostId, Side::Daemon, Place::of(Part::StatusLine), "404 for ever once it was said", "200");
            findings.push(found.saying("an earlier answer said that there is no such container"));
        }
        self.alive = self.alive.max(fact.end);
        let Some(view) = fact.document.and_then(|document| View::read(document, fact)) else { return findings };
        findings.extend(self.of_run(&view));
        findings.extend(self.health(&view, fact));
        if let Some(before) = &self.last {
            findings.extend(self.between(before, &view, around.quiet));
            findings.extend(around.networks.and_then(|networks| networks.unknown(&before.window(), &view.window())));
        }
        self.stops(&view, fact);
        self.last = Some(view);
        self.since.clear();
        self.listed = None;
        findings
    }

    /// An inspect that was asked for after the start was answered, and says that nothing runs, says that the run is over.
    fn stops(&mut self, view: &View, fact: &Fact<'_>) {
        let of_run = self.run.started.is_some_and(|(_, end, _)| view.begin > end) && !self.run.is_muddied && !self.wish.restarts;
        if let Some(at) = fact.at.filter(|_| of_run && !view.running && !view.restarting) {
            self.run.stopped.get_or_insert((view.begin, at));
        }
    }

    /// moby/moby daemon/health.go: the state of health begins with the run, if there is a probe.
    fn health(&self, view: &View, fact: &Fact<'_>) -> Option<Finding> {
        let health = fact.document?.pointer("/State/Health");
        let missing = self.wish.health && view.running && fact.version >= HEALTH && health.is_none_or(Value::is_null);
        missing.then(|| {
            let place = Place::of(Part::Body).at_pointer("/State/Health");
            Finding::new(Rule::StateHealth, Side::Daemon, place, "the state of health, as a health check was asked for", "none")
        })
    }

    /// Whether what the inspect shows is the run that wait told of, and agrees with it.
    fn of_run(&self, view: &View) -> Option<Finding> {
        let (_, _, date) = self.run.started?;
        let (code, _) = self.run.outcome.filter(|(_, read)| view.begin > *read)?;
        if self.run.is_muddied || self.changes.open > 0 || view.restarting {
            return None;
        }
        // Somebody else may have started it again: then the daemon's own clock says so.
        let begun = view.started.parse::<Timestamp>().ok()?.as_second();
        if date.is_some_and(|date| begun > date + CLOCK_SLACK) {
            return None;
        }
        let place = |pointer: &str| Place::of(Part::Body).at_pointer(pointer);
        if view.running {
            let found = Finding::new(Rule::StateStillRunning, Side::Daemon, place("/State/Running"), "false, since wait answered", "true");
            return Some(found);
        }
        view.code.filter(|other| *other != code).map(|other| exit_code(code, other, place("/State/ExitCode"), "wait"))
    }

    /// What was answered between two inspects that show one and the same run, or one and the same rest.
    fn between(&self, before: &View, after: &View, quiet: &dyn Fn(u64) -> bool) -> Vec<Finding> {
        let runs_on = before.running && after.running && before.started == after.started;
        let rests = !before.running && !after.running && before.started == after.started && before.finished == after.finished;
        let settled = !before.restarting && !after.restarting && !self.wish.restarts;
        let mut findings = Vec::new();
        for answer in self.since.iter().filter(|answer| settled && answer.begin > before.end && answer.end < after.begin) {
            let place = Place::of(Part::StatusLine);
            let (rule, due, was) = match answer.operation {
                "ContainerStart" if runs_on => (Rule::StateNotModified, "304 for a start while it ran on", "204"),
                "ContainerStop" if rests => (Rule::StateNotModified, "304 for a stop while it did not run", "204"),
                "ContainerKill" if rests => (Rule::StateNotRunning, "409 for a kill while it did not run", "204"),
                "ContainerExec" if rests => (Rule::StateNotRunning, "409 for an exec while it did not run", "201"),
                _ => continue,
            };
            findings.push(Finding::new(rule, Side::Daemon, place, due, was));
        }
        let undisturbed = self.changes.quiet_since(before.begin) && quiet(before.begin);
        if let Some(list) = self.listed.as_ref().filter(|list| runs_on && undisturbed && list.begin > before.end && list.end < after.begin)
        {
            let disagree = |expected: &str, actual: &str| {
                let place = Place::of(Part::Body);
                Finding::new(Rule::StateDisagree, Side::Daemon, place, expected, actual)
            };
            if let Some(state) = list.state.as_deref().filter(|state| !matches!(*state, "running" | "paused")) {
                findings.push(disagree("`running` in the list before, as in the inspects around it", state));
            }
            if before.published && after.published && !list.published {
                findings.push(disagree("the published ports in the list before, as in the inspects around it", "none"));
            }
        }
        findings
    }
}

fn exit_code(first: i64, second: i64, place: Place, whose: &str) -> Finding {
    Finding::new(Rule::StateExitCode, Side::Daemon, place, format!("{first}, as {whose} said"), second.to_string())
}
