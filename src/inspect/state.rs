//! What the exchanges of a run say about one another.
//!
//! A rule here fires on a contradiction only: on facts that the peers gave themselves and that cannot all be true, whatever exited by itself, was
//! restarted or was done by somebody else meanwhile. So a container is followed only when it was created before plimsoll's eyes, and a fact counts only
//! where no other exchange that may have changed it was under way: concurrent requests make things possible, and what is possible is no violation.
//!
//! Time is told in ticks, one for each thing that was seen of any connection; the peers' own clocks are used where they speak of themselves.

mod container;
mod events;
mod network;
mod version;

use std::collections::HashMap;
use std::time::Duration;

use serde_json::Value;

use super::documents::News;
use super::finding::Finding;
use crate::model::{ApiVersion, Part, Place};
use crate::wire::Target;

use container::{Around, Container};
use network::Networks;
pub(super) use version::Ping;

/// No more containers than this are followed. What is created beyond it stays unknown, and unknown is no violation.
const LIMIT: usize = 1 << 16;
/// Longer names are not worth remembering.
const LONGEST_NAME: usize = 256;

/// The facts of a run.
#[derive(Debug, Default)]
pub(crate) struct State {
    tick: u64,
    containers: HashMap<String, Container>,
    /// From name to id, of the containers that are followed.
    names: HashMap<String, String>,
    /// Execs that the daemon said are over, and when.
    execs: HashMap<String, Duration>,
    /// Changes of nobody in particular: prunes, networks, what names a container in an unknown way.
    wide: Changes,
    versions: version::Versions,
    /// The last whole list of networks.
    networks: Option<Networks>,
    /// Streams of events that are open.
    streams: events::Streams,
}

/// An exchange that is over, as the rules see it.
#[derive(Debug)]
pub(super) struct Fact<'a> {
    pub(super) operation: &'a str,
    pub(super) target: &'a Target,
    pub(super) status: u16,
    /// When the first byte of the request was seen.
    pub(super) begin: u64,
    /// When the last byte of the answer was.
    pub(super) end: u64,
    /// The daemon's clock when it answered: the Date header, in seconds since 1970.
    pub(super) date: Option<i64>,
    /// When that was, as far as it is known.
    pub(super) at: Option<Duration>,
    /// What the request asked of the container to be.
    pub(super) wish: &'a Wish,
    /// The version that it is judged by.
    pub(super) version: ApiVersion,
    /// The document of the answer, or the text of an error.
    pub(super) document: Option<&'a Value>,
}

/// What a create asks for, as far as rules need it.
#[derive(Debug, Clone, Default)]
pub(super) struct Wish {
    /// A restart policy: runs then begin by themselves.
    pub(super) restarts: bool,
    /// Whom its process is to run as.
    pub(super) user: Option<String>,
    /// A health check of its own.
    pub(super) health: bool,
}

impl Wish {
    /// Reads the body of a create.
    pub(super) fn of_create(document: &Value) -> Self {
        let policy = document.pointer("/HostConfig/RestartPolicy/Name").and_then(Value::as_str).unwrap_or_default();
        let test = document.pointer("/Healthcheck/Test").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let checks = test.first().and_then(Value::as_str).is_some_and(|kind| matches!(kind, "CMD" | "CMD-SHELL"));
        Self {
            restarts: !matches!(policy, "" | "no"),
            user: document.get("User").and_then(Value::as_str).filter(|user| user.len() < LONGEST_NAME).map(str::to_owned),
            health: checks && test.len() > 1,
        }
    }
}

/// What an exchange may change while it is under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stake {
    /// This container.
    Container(String),
    /// Any.
    Everything,
}

/// Changes of a thing: those under way, and when the last one ended.
#[derive(Debug, Default)]
struct Changes {
    open: u32,
    last: u64,
}

impl Changes {
    fn begin(&mut self) {
        self.open += 1;
    }

    fn end(&mut self, tick: u64) {
        self.open = self.open.saturating_sub(1);
        self.last = self.last.max(tick);
    }

    /// Whether nothing changed it from this tick on.
    fn quiet_since(&self, tick: u64) -> bool {
        self.open == 0 && self.last < tick
    }
}

impl State {
    /// Something was seen: time goes on.
    pub(super) fn advance(&mut self) {
        self.tick += 1;
    }

    /// The time.
    pub(super) const fn now(&self) -> u64 {
        self.tick
    }

    /// Whether the answer's document of an operation is asked for.
    pub(super) fn wants(&self, operation: &str) -> bool {
        match operation {
            "ContainerCreate" | "ExecInspect" | "SystemVersion" => true,
            "ContainerInspect" | "ContainerList" | "ContainerWait" | "NetworkList" => !self.containers.is_empty(),
            _ => false,
        }
    }

    /// A request that may change something begins.
    pub(super) fn begin(&mut self, operation: &str, target: &Target, at: Option<Duration>) -> Option<Stake> {
        let stake = match operation {
            "ContainerStart" | "ContainerStop" | "ContainerRestart" | "ContainerKill" | "ContainerPause" | "ContainerUnpause"
            | "ContainerRename" | "ContainerUpdate" | "ContainerDelete" => {
                let id = target.step_after("/containers/").and_then(|name| self.resolve(name));
                id.map_or(Stake::Everything, |id| Stake::Container(id.to_owned()))
            }
            "ContainerPrune" | "NetworkConnect" | "NetworkDisconnect" | "NetworkDelete" | "NetworkPrune" | "SwarmLeave" => {
                Stake::Everything
            }
            _ => return None,
        };
        let tick = self.tick;
        match &stake {
            Stake::Container(id) => {
                if let Some(container) = self.containers.get_mut(id) {
                    container.begins(operation, tick);
                }
                if let Some(action) = event_of(operation) {
                    self.streams.await_event(id, action, tick, at);
                }
            }
            Stake::Everything => self.wide.begin(),
        }
        Some(stake)
    }

    /// It is over, or will never be answered.
    pub(super) fn end(&mut self, stake: Stake) {
        match stake {
            Stake::Container(id) => {
                if let Some(container) = self.containers.get_mut(&id) {
                    container.changes.end(self.tick);
                }
            }
            Stake::Everything => self.wide.end(self.tick),
        }
    }

    /// Takes a fact, and says what it contradicts.
    pub(super) fn see(&mut self, fact: &Fact<'_>) -> Vec<Finding> {
        if let Some(action) = event_of(fact.operation) {
            self.streams.answered(action, fact.begin, fact.status == 204, fact.date);
        }
        match fact.operation {
            "ContainerCreate" => {
                self.create(fact);
                Vec::new()
            }
            "ContainerList" if fact.status == 200 => {
                self.list(fact);
                Vec::new()
            }
            "NetworkList" if fact.status == 200 => {
                self.networks = Networks::read(fact).or_else(|| self.networks.take());
                Vec::new()
            }
            "SystemVersion" if fact.status == 200 => self.versions.judge_version(fact),
            "ExecInspect" if fact.status == 200 => {
                self.exec(fact);
                Vec::new()
            }
            operation if operation.starts_with("Container") => self.of_container(fact),
            _ => Vec::new(),
        }
    }

    /// A stream of events that nobody filters begins.
    pub(super) fn stream_opens(&mut self, connection: u64, at: Option<Duration>) {
        self.streams.open(connection, self.tick, at);
    }

    /// An event came in it: document `index` of the stream.
    pub(super) fn event(&mut self, connection: u64, event: &News, index: u64) -> Vec<Finding> {
        let mut findings: Vec<_> = self.streams.came(connection, event).into_iter().collect();
        if let Some((code, container)) = event.exit_code.zip(self.containers.get_mut(&event.id))
            && container.run_asked().is_some_and(|asked| self.streams.sees_since(connection, asked))
        {
            let place = Place::of(Part::Document).at_index(index).at_pointer("/Actor/Attributes/exitCode");
            findings.extend(container.died(code, event.time, place));
        }
        findings
    }

    /// The stream is over.
    pub(super) fn stream_closes(&mut self, connection: u64) {
        self.streams.close(connection);
    }

    /// An answer's `Api-Version`.
    pub(super) fn announced(&mut self, version: ApiVersion) {
        self.versions.announced(version);
    }

    /// When the daemon said that an exec is over.
    pub(super) fn exec_over(&self, id: &str) -> Option<Duration> {
        self.execs.get(id).copied()
    }

    /// A call by this version of the path was answered so.
    pub(super) fn asked_for(&self, asked: ApiVersion, status: u16, document: Option<&Value>) -> Option<Finding> {
        self.versions.judge_request(asked, status, document)
    }

    /// The headers of an answer to `/_ping`.
    pub(super) fn ping(&mut self, ping: Ping) -> Option<Finding> {
        self.versions.ping(ping)
    }

    /// When an inspect said that a container had stopped, for which a wait that was asked for at `begin` waits.
    pub(super) fn stopped(&self, name: &str, begin: u64) -> Option<Duration> {
        self.containers.get(self.resolve(name)?)?.stopped(begin)
    }

    /// When the daemon said that the run of a container was over, which an attach that was asked for at `begin` belongs to.
    pub(super) fn run_over(&self, name: &str, begin: u64) -> Option<Duration> {
        self.containers.get(self.resolve(name)?)?.run_over(begin)
    }

    fn exec(&mut self, fact: &Fact<'_>) {
        let running = fact.document.and_then(|document| document.get("Running")).and_then(Value::as_bool);
        let coded = fact.document.and_then(|document| document.get("ExitCode")).is_some_and(Value::is_number);
        // Before it starts it does not run either, and has no exit code.
        let (Some(id), Some(at), Some(false), true) = (fact.target.step_after("/exec/"), fact.at, running, coded) else { return };
        if self.execs.len() < LIMIT {
            self.execs.entry(id.to_owned()).or_insert(at);
        }
    }

    fn create(&mut self, fact: &Fact<'_>) {
        let id = fact.document.and_then(|document| document.get("Id")).and_then(Value::as_str);
        let Some(id) = id.filter(|id| fact.status == 201 && id.len() == 64) else { return };
        if self.containers.len() >= LIMIT {
            return;
        }
        let name = fact.target.parameter("name").map(|name| name.trim_start_matches('/')).filter(|name| !name.is_empty());
        if let Some(name) = name {
            self.names.insert(name.to_owned(), id.to_owned());
        }
        self.containers.insert(id.to_owned(), Container::new(name.map(str::to_owned), fact));
    }

    fn list(&mut self, fact: &Fact<'_>) {
        for entry in fact.document.and_then(Value::as_array).into_iter().flatten() {
            let id = entry.get("Id").and_then(Value::as_str).unwrap_or_default();
            if let Some(container) = self.containers.get_mut(id) {
                container.listed(entry, fact);
            }
        }
    }

    fn of_container(&mut self, fact: &Fact<'_>) -> Vec<Finding> {
        let Some(asked) = fact.target.step_after("/containers/") else { return Vec::new() };
        let Some(id) = self.resolve(asked).map(str::to_owned) else { return Vec::new() };
        let quiet = |tick| self.wide.quiet_since(tick);
        let Some(container) = self.containers.get_mut(&id) else { return Vec::new() };
        if fact.operation == "ContainerDelete" && fact.status == 204 {
            let name = container.name().map(str::to_owned);
            self.containers.remove(&id);
            if let Some(name) = name.filter(|name| self.names.get(name).is_some_and(|other| *other == id)) {
                self.names.remove(&name);
            }
            return Vec::new();
        }
        if fact.operation == "ContainerRename" && fact.status == 204 {
            let new = fact.target.parameter("name").unwrap_or_default().trim_start_matches('/').to_owned();
            if let Some(old) = container.renamed(&new) {
                self.names.remove(&old);
            }
            self.names.insert(new, id);
            return Vec::new();
        }
        container.see(fact, asked == id, Around { quiet: &quiet, networks: self.networks.as_ref() })
    }

    /// By full id, name, or the beginning of an id that fits one only.
    fn resolve<'a>(&'a self, reference: &'a str) -> Option<&'a str> {
        let reference = reference.trim_start_matches('/');
        if self.containers.contains_key(reference) {
            return Some(reference);
        }
        if let Some(id) = self.names.get(reference) {
            return Some(id);
        }
        // A short id; shorter ones are not worth the search.
        if reference.len() < 12 || !reference.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        let mut fitting = self.containers.keys().filter(|id| id.starts_with(reference));
        fitting.next().filter(|_| fitting.next().is_none()).map(String::as_str)
    }
}

/// The event that a call brings if it succeeds.
fn event_of(operation: &str) -> Option<&'static str> {
    match operation {
        "ContainerStart" => Some("start"),
        "ContainerDelete" => Some("destroy"),
        _ => None,
    }
}
