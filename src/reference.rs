//! The reference backend: a daemon in memory, to develop clients against and to put behind the proxy.
//!
//! It keeps state as dockerd does and answers in the shape of the version that was asked. Processes are simulated over file systems in memory:
//! nothing is run on the host, no file of the host is read or written, no connection is opened. It shares no code with the judge.
//!
//! A request goes through `server` (HTTP by hyper, and the way out of it for hijacks), `call` (what was asked), `dispatch` (which part answers),
//! one of the parts (`container`, `image` …), `shape` (members that the asked version does not have are taken out) and back through `server`.

pub mod answer;
pub mod call;
pub mod clock;
mod container;
mod dispatch;
pub mod document;
mod events;
mod exec;
pub mod fault;
pub mod files;
mod ids;
mod image;
mod network;
mod plugin;
pub mod program;
pub mod refusal;
mod server;
mod session;
mod shape;
mod swarm;
mod system;
mod volume;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::model::ApiVersion;

pub use clock::Clock;
pub use fault::Fault;
pub use server::connection;

/// How the reference backend is to behave.
#[derive(Debug)]
pub struct Settings {
    /// The oldest version that it answers.
    pub oldest: ApiVersion,
    /// The newest version that it answers, and the one of unversioned paths.
    pub newest: ApiVersion,
    /// Ids and ports are the same for the same seed; random without one.
    pub seed: Option<u64>,
    /// What time it is.
    pub clock: Clock,
    /// Sends the CORS headers of the old `-api-enable-cors`.
    pub cors: bool,
    /// How it misbehaves on purpose.
    pub faults: Vec<Fault>,
}

impl Default for Settings {
    /// Every version, random ids, the system's time.
    fn default() -> Self {
        Self { oldest: ApiVersion::OLDEST, newest: ApiVersion::NEWEST, seed: None, clock: Clock::system(), cors: false, faults: Vec::new() }
    }
}

/// The daemon: its settings and all its state.
#[derive(Debug)]
pub struct Engine {
    settings: Settings,
    state: Mutex<State>,
}

/// Everything that the daemon knows. Plain data: whoever holds it may read and change any part, and never waits meanwhile.
#[derive(Debug)]
struct State {
    ids: ids::Ids,
    events: events::Events,
    containers: container::Containers,
    execs: exec::Execs,
    images: image::Images,
    networks: network::Networks,
    volumes: volume::Volumes,
    swarm: swarm::Swarm,
    plugins: plugin::Plugins,
}

impl Engine {
    /// A fresh daemon.
    #[must_use]
    pub fn new(settings: Settings) -> Arc<Self> {
        let mut ids = ids::Ids::new(settings.seed);
        let state = State {
            events: events::Events::default(),
            containers: container::Containers::default(),
            execs: exec::Execs::default(),
            images: image::Images::new(&mut ids, settings.clock.now()),
            networks: network::Networks::new(&mut ids, settings.clock.now()),
            volumes: volume::Volumes::default(),
            swarm: swarm::Swarm::default(),
            plugins: plugin::Plugins::default(),
            ids,
        };
        Arc::new(Self { settings, state: Mutex::new(state) })
    }

    /// How it was asked to behave.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The state. Never held while waiting for anything.
    fn state(&self) -> MutexGuard<'_, State> {
        // A handler that panicked is a bug that was reported; the others go on.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps an event and tells it to those who listen. `id` is the name of a volume, the id of everything else.
    fn emit(&self, state: &mut State, kind: &'static str, action: &str, id: &str, attributes: BTreeMap<String, String>) {
        let scope = if matches!(kind, "config" | "node" | "secret" | "service") { "swarm" } else { "local" };
        let event = events::Event { kind, action: action.to_owned(), id: id.to_owned(), attributes, time: self.now(), scope };
        state.events.emit(event);
    }

    /// What time it is.
    fn now(&self) -> jiff::Timestamp {
        self.settings.clock.now()
    }
}
