//! Events: what happened, kept for a while and told to those who listen.

mod filter;
mod message;
pub(super) mod moment;
mod stream;

use std::collections::{BTreeMap, VecDeque};

use jiff::Timestamp;
use tokio::sync::broadcast;

pub(super) use stream::answer;

/// So many events are kept for `since`, as dockerd does.
const KEPT: usize = 256;
/// A listener that is so far behind loses the oldest.
const BEHIND: usize = 4096;

/// Something that happened.
#[derive(Debug, Clone)]
pub(super) struct Event {
    /// `container`, `image`, `network`, `volume`, `daemon`, `plugin`, `node`, `service`, `secret`, `config`.
    pub(super) kind: &'static str,
    /// `create`, `exec_start: ls` …
    pub(super) action: String,
    /// The id (of a volume the name) of what it happened to.
    pub(super) id: String,
    /// Its attributes: name, image, exitCode, labels …
    pub(super) attributes: BTreeMap<String, String>,
    /// When.
    pub(super) time: Timestamp,
    /// `local` or `swarm`.
    pub(super) scope: &'static str,
}

/// All events, and those who listen.
#[derive(Debug)]
pub(super) struct Events {
    kept: VecDeque<Event>,
    listeners: broadcast::Sender<Event>,
}

impl Default for Events {
    fn default() -> Self {
        Self { kept: VecDeque::new(), listeners: broadcast::Sender::new(BEHIND) }
    }
}

impl Events {
    /// Keeps an event and tells it.
    pub(super) fn emit(&mut self, event: Event) {
        if self.kept.len() == KEPT {
            self.kept.pop_front();
        }
        self.kept.push_back(event.clone());
        // Nobody listens: fine.
        let _ = self.listeners.send(event);
    }

    /// How many listen.
    pub(super) fn listeners(&self) -> usize {
        self.listeners.receiver_count()
    }

    /// What happened before now, and a receiver of what follows, without a gap.
    pub(super) fn listen(&self) -> (Vec<Event>, broadcast::Receiver<Event>) {
        (self.kept.iter().cloned().collect(), self.listeners.subscribe())
    }
}
