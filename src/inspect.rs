//! The judge. It sees what both sides send, in the order in which it was read, and says what does not keep to the API.
//!
//! There is no socket here, no clock and no task: the live proxy, `check`, replay, probe and the tests all push into the same
//! [`Inspector`] and get the same events. It never changes, holds back or asks for a byte; in enforce mode it says which
//! may go on.

mod archive;
mod connection;
mod content;
mod coverage;
mod documents;
mod enforce;
mod excerpt;
mod exchange;
mod filters;
mod finding;
mod frames;
mod hijack;
mod inbox;
mod limits;
mod memory;
mod outcome;
mod refusal;
mod relation;
mod request;
mod response;
mod state;
mod streams;
mod timing;
mod websocket;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;

use crate::catalog::Catalog;
use crate::model::{ApiVersion, Event, Side};
use crate::redact::{Aliases, Redactor};
use crate::wire::StreamEnd;

pub use connection::{Denial, Objection, Ruling};
pub use enforce::{Allowed, EnforcePolicy};
pub use limits::{Limits, Scope};

pub use crate::wire::{PathVersion, Target};
use connection::{Connection, Turn};
use coverage::Coverage;
pub use hijack::hands_over;
use inbox::{Entry, Inbox};
use memory::Memory;
pub use response::contract_of;
use state::State;
pub use timing::Thresholds;

/// More than this should not wait for the judge: beyond it a pusher is to wait for its turn. Little enough that nobody waits long.
const WAITING_LIMIT: usize = 1 << 20;
/// So many entries, or so many bytes in them, are judged before anybody else is looked after.
const BATCH: usize = 64;
const BATCH_BYTES: usize = 128 << 10;

/// What was seen of one side of a connection.
#[derive(Debug, Clone)]
pub enum Seen {
    /// Bytes, as they were read.
    Bytes(Bytes),
    /// The side's end.
    End(StreamEnd),
}

/// What [`Inspector::ask`] is asked about.
#[derive(Debug)]
pub enum Asked<'a> {
    /// What was read.
    Bytes(&'a mut Bytes),
    /// The side has ended.
    End(StreamEnd),
    /// The daemon keeps the rest of its answer to itself for long: its head is to go on now.
    Patience,
}

/// How to judge.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What is known of the API.
    pub catalog: &'static Catalog,
    /// Judge every exchange by this version, whatever its path says.
    pub forced_version: Option<ApiVersion>,
    /// The version that the daemon is known to announce: for paths without one.
    pub announced_version: Option<ApiVersion>,
    /// The recording that is judged.
    pub source: Option<Arc<str>>,
    /// The name of the daemon, where a run asks several.
    pub daemon: Option<Arc<str>>,
    /// How late is too late.
    pub thresholds: Thresholds,
    /// How documents are looked at.
    pub look: Look,
    /// Whether to count what is seen: see [`Event::Coverage`].
    pub coverage: bool,
    /// What stands in the place of secrets; `None`: what is found shows them as they are.
    pub aliases: Option<Arc<Aliases>>,
}

impl Settings {
    /// What masks secrets, where they are to be masked.
    pub(crate) fn redactor(&self) -> Option<Redactor<'_>> {
        self.aliases.as_deref().map(|aliases| Redactor { aliases, names: self.catalog.secret_names() })
    }
}

/// How documents are looked at. What is found is the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Look {
    /// What is correct is accepted in one pass over its bytes; only the rest is read into a document.
    #[default]
    Quick,
    /// Every document is read as a whole and judged by the authority: for tests of the quick look.
    Thorough,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            catalog: Catalog::builtin(),
            forced_version: None,
            announced_version: None,
            source: None,
            daemon: None,
            thresholds: Thresholds::default(),
            look: Look::Quick,
            coverage: false,
            aliases: Some(Arc::default()),
        }
    }
}

/// The one way in. Shared by all connections of a run.
#[derive(Debug)]
pub struct Inspector {
    inbox: Inbox,
    judge: Mutex<Judge>,
}

/// When something was seen, and where that is written.
#[derive(Debug, Clone, Copy, Default)]
pub struct Stamp {
    /// The time since the run began; `None` when it is not known.
    pub at: Option<Duration>,
    /// The line of the recording, from 1.
    pub line: Option<u64>,
}

impl From<Option<Duration>> for Stamp {
    fn from(at: Option<Duration>) -> Self {
        Self { at, line: None }
    }
}

/// Everything that is remembered between two bytes.
#[derive(Debug)]
struct Judge {
    context: Context,
    /// Taken out of the inbox.
    batch: VecDeque<Entry>,
    connections: BTreeMap<u64, Connection>,
}

/// What all connections share.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) settings: Settings,
    pub(crate) memory: Memory,
    pub(crate) state: State,
    /// What is seen of operations, where it is counted.
    pub(crate) coverage: Option<Arc<Coverage>>,
}

impl Inspector {
    /// A judge that has seen nothing.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        let memory = Memory::new(settings.announced_version);
        let coverage = settings.coverage.then(|| Arc::new(Coverage::new(settings.daemon.clone())));
        let context = Context { settings, memory, state: State::default(), coverage };
        let judge = Judge { context, batch: VecDeque::new(), connections: BTreeMap::new() };
        Self { inbox: Inbox::default(), judge: Mutex::new(judge) }
    }

    /// Takes what was read of one side: call it before the bytes go on, so that no answer comes before its request. Cheap.
    pub fn push(&self, connection: u64, side: Side, seen: Seen, stamp: impl Into<Stamp>) {
        self.inbox.push((connection, side, seen, stamp.into()));
    }

    /// Judges what was pushed and gives its events to `sink`, in order. Call it after the bytes went on.
    pub fn judge(&self, sink: &mut dyn FnMut(Event)) {
        while self.judge_some(sink) {}
    }

    /// Judges a few of the things that were pushed; whether there were any.
    pub fn judge_some(&self, sink: &mut dyn FnMut(Event)) -> bool {
        let mut judge = lock(&self.judge);
        if judge.batch.is_empty() {
            self.inbox.take(&mut judge.batch);
        }
        let (mut entries, mut judged) = (0, self.inbox.judged());
        while entries < BATCH && judged.prices < BATCH_BYTES {
            let Some(entry) = judge.batch.pop_front() else { break };
            entries += 1;
            judged.prices += inbox::price(&entry);
            let (connection, side, seen, stamp) = entry;
            judge.see(connection, side, seen, stamp, sink);
        }
        entries > 0
    }

    /// Judges what one side has sent before it goes on, as far as it can be told by now: for enforce mode.
    ///
    /// What it takes of `input` lies before the judge; what it leaves is to be asked about later. Events go to `sink` as ever, once and in order.
    pub fn ask(
        &self,
        whose: (u64, Side),
        asked: Asked<'_>,
        policy: &EnforcePolicy,
        stamp: impl Into<Stamp>,
        sink: &mut dyn FnMut(Event),
    ) -> Ruling {
        self.judge(sink);
        let (id, side) = whose;
        let mut judge = lock(&self.judge);
        let Judge { context, connections, .. } = &mut *judge;
        context.state.advance();
        let connection = connections.entry(id).or_insert_with(|| Connection::new(id));
        let mut turn = Turn { stamp: stamp.into(), context, sink: &mut *sink };
        let ruling = match asked {
            Asked::Bytes(input) => connection.ask(side, input, policy, &mut turn),
            Asked::End(end) => connection.ask_end(side, end, policy, &mut turn),
            Asked::Patience => connection.lose_patience(policy),
        };
        if connection.is_over() {
            judge.take_leave(id, sink);
        }
        ruling
    }

    /// Whether nothing waits to be judged. Who pushes after that sees what the caller wrote before it asked.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.inbox.is_empty()
    }

    /// Whether so much waits to be judged that the judge should look at once.
    #[must_use]
    pub fn is_filling(&self) -> bool {
        self.inbox.waiting() > WAITING_LIMIT / 4
    }

    /// Whether so much waits to be judged that a pusher should wait.
    #[must_use]
    pub fn is_crowded(&self) -> bool {
        self.inbox.waiting() > WAITING_LIMIT
    }

    /// The run is over: reports the exchanges that are under way, for which nothing that is unfinished is held against anybody, and then what was
    /// seen of each operation, where that is counted.
    pub fn finish(&self, sink: &mut dyn FnMut(Event)) {
        self.judge(sink);
        let mut judge = lock(&self.judge);
        for connection in std::mem::take(&mut judge.connections).into_values() {
            connection.finish(&judge.context.settings, sink);
        }
        if let Some(coverage) = judge.context.coverage.take() {
            coverage.report(sink);
        }
    }
}

impl Judge {
    fn see(&mut self, id: u64, side: Side, seen: Seen, stamp: Stamp, sink: &mut dyn FnMut(Event)) {
        self.context.state.advance();
        let connection = self.connections.entry(id).or_insert_with(|| Connection::new(id));
        connection.see(side, seen, &mut Turn { stamp, context: &mut self.context, sink: &mut *sink });
        if connection.is_over() {
            self.take_leave(id, sink);
        }
    }

    /// A connection has ended on both sides.
    fn take_leave(&mut self, id: u64, sink: &mut dyn FnMut(Event)) {
        if let Some(connection) = self.connections.remove(&id) {
            self.context.state.stream_closes(id);
            connection.finish(&self.context.settings, sink);
        }
    }
}

/// A panic while judging is a bug that the test suite is to find; the relay goes on all the same.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
