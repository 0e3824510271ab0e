//! What an exchange teaches: what later ones are judged by, and what it says beside earlier ones. It remembers nothing itself.

use std::time::Duration;

use serde_json::Value;

use super::super::connection::Turn;
use super::super::documents::News;
use super::super::excerpt::{self, Need};
use super::super::finding::Finding;
use super::super::state::Fact;
use super::super::{Context, Look, filters, refusal, timing};
use super::Exchange;
use crate::model::{Event, Part, Place, Reason, Rule, Side};
use crate::wire::PathVersion;

impl Exchange {
    /// Whether later exchanges are judged by what this one's answer says.
    pub(in super::super) fn teaches(&self, context: &Context) -> bool {
        let teachers = ["ContainerCreate", "ContainerInspect", "ContainerRename", "ContainerDelete", "ContainerExec", "SystemVersion"];
        let asks = || self.is_call("ContainerList") && ["filters", "limit"].iter().any(|name| self.target.parameter(name).is_some());
        // What an error says depends on what was asked.
        self.status.is_some_and(|status| status >= 400)
            || self.operation.is_some_and(|operation| teachers.contains(&operation.id()) || context.state.wants(operation.id()) || asks())
    }

    /// What is needed of the answer's document, once it is found to be fine.
    pub(in super::super) fn need(&self, context: &Context) -> Need {
        let Some(operation) = self.operation.filter(|_| self.look == Look::Quick) else { return Need::Thorough };
        let succeeded = matches!(self.status, Some(200..=299));
        match operation.id() {
            // What stands in several of its members is held against one another.
            "ContainerTop" => Need::Whole,
            "ContainerInspect" if succeeded => Need::Some(&excerpt::INSPECT),
            _ if !self.teaches(context) => Need::Nothing,
            "ContainerList" if succeeded => Need::Some(&excerpt::LIST),
            _ => Need::Whole,
        }
    }

    /// Tells the rules over several exchanges what came of this one, and reports what it contradicts.
    pub(in super::super) fn tell(&mut self, document: Option<&Value>, context: &mut Context, sink: &mut dyn FnMut(Event)) {
        if let Some(stake) = self.stake.take() {
            context.state.end(stake);
        }
        let (Some(operation), Some(status)) = (self.operation, self.status) else { return };
        let mut findings = Vec::new();
        if let PathVersion::Is(asked) = self.target.version {
            findings.extend(context.state.asked_for(asked, status, document));
        }
        if matches!((&self.unjudged, status), (Some(Reason::NotInVersion), 404)) {
            let asked = self.version.map(|version| version.to_string()).unwrap_or_default();
            let place = Place::of(Part::Path);
            let found = Finding::new(Rule::VersionUnsupported, Side::Client, place, operation.versions(), asked);
            findings
                .push(found.saying("the version of the path does not have this operation, which 404 does not tell from an unknown object"));
        }
        if let (None, Some(version)) = (&self.unjudged, self.version) {
            let fact = Fact {
                operation: operation.id(),
                target: &self.target,
                status,
                begin: self.begin,
                end: context.state.now(),
                date: self.date,
                at: self.last,
                wish: &self.facts.wish,
                version,
                document,
            };
            findings.extend(refusal::judge(&fact));
            findings.extend(filters::judge(&fact));
            findings.extend(context.state.see(&fact));
        }
        for finding in findings {
            self.report(finding, sink);
        }
    }

    /// How many lines of a log are asked for: of one that has an end.
    pub(in super::super) fn tail(&self) -> Option<u64> {
        let follows = self.target.parameter("follow").is_some_and(|follow| !matches!(follow, "" | "0" | "false" | "False"));
        // Older daemons do not know it.
        let known = self.version.is_some_and(|version| version.minor() >= 13);
        let tail = self.target.parameter("tail").filter(|_| known && self.is_call("ContainerLogs") && !follows)?;
        tail.parse().ok().filter(|tail| *tail > 0)
    }

    /// Whether this is a stream of all events, without an end.
    pub(in super::super) fn hears_everything(&self) -> bool {
        self.is_call("SystemEvents") && ["filters", "until"].iter().all(|name| self.target.parameter(name).is_none_or(str::is_empty))
    }

    /// Events came: what they contradict, and what should have come before them.
    pub(in super::super) fn hear(&mut self, news: &[(u64, News)], turn: &mut Turn<'_>) {
        for (index, event) in news {
            for finding in turn.context.state.event(self.connection, event, *index) {
                self.stands_at(&finding, event.left);
                self.report(finding, turn.sink);
            }
        }
    }

    /// The raw tail has ended: whether it should have earlier.
    pub(in super::super) fn tail_ended(&mut self, at: Option<Duration>, context: &Context, sink: &mut dyn FnMut(Event)) {
        let (Some(at), Some(operation)) = (at, self.operation) else { return };
        let found = match operation.id() {
            "ExecStart" => {
                self.target.step_after("/exec/").and_then(|id| context.state.exec_over(id)).map(|over| (Rule::TimingExecOpen, over))
            }
            "ContainerAttach" if self.target.parameter("stream").is_some_and(|flag| flag != "0") => self
                .target
                .step_after("/containers/")
                .and_then(|name| context.state.run_over(name, self.begin))
                .map(|over| (Rule::TimingAttachOpen, over)),
            // Removal is another thing than the end.
            "ContainerWait" if self.status == Some(200) && self.target.parameter("condition") != Some("removed") => self
                .target
                .step_after("/containers/")
                .and_then(|name| context.state.stopped(name, self.begin))
                .map(|over| (Rule::TimingWaitOpen, over)),
            _ => None,
        };
        if let Some(finding) = found.and_then(|(rule, over)| timing::not_closed(rule, over, at, context.settings.thresholds)) {
            self.report(finding, sink);
        }
    }

    /// Remembers what later exchanges are judged by.
    pub(in super::super) fn learn(&self, document: Option<&Value>, context: &mut Context) {
        let Some(operation) = self.operation.filter(|_| matches!(self.status, Some(200..=299))) else { return };
        let memory = &mut context.memory;
        let text = |pointer: &str| document.and_then(|document| document.pointer(pointer)).and_then(Value::as_str);
        let flag = |pointer: &str| document.and_then(|document| document.pointer(pointer)).and_then(Value::as_bool);
        match operation.id() {
            "ContainerCreate" => memory.learn(text("/Id").unwrap_or_default(), self.target.parameter("name"), self.facts.tty),
            "ContainerExec" => {
                if let (Some(id), Some(streams)) = (text("/Id"), self.facts.streams) {
                    memory.learn_exec(id, streams);
                }
            }
            "ContainerInspect" => {
                if let (Some(id), Some(tty)) = (text("/Id").or_else(|| text("/ID")), flag("/Config/Tty")) {
                    memory.learn(id, text("/Name"), tty);
                }
            }
            "ContainerRename" => {
                if let (Some(id), Some(name)) = (self.target.step_after("/containers/"), self.target.parameter("name")) {
                    memory.rename(id, name);
                }
            }
            "ContainerDelete" => {
                if let Some(id) = self.target.step_after("/containers/") {
                    memory.forget(id);
                }
            }
            _ => {}
        }
    }

    /// Whether the container of this call has a TTY, as far as it is known.
    pub(in super::super) fn tty(&self, context: &Context) -> Option<bool> {
        match self.operation?.id() {
            // The start's own body decides how dockerd writes: `if !execStartCheck.Tty`, moby/moby daemon/server/router/container/exec.go.
            "ExecStart" => Some(self.facts.tty),
            _ => context.memory.tty(self.target.step_after("/containers/")?),
        }
    }
}
