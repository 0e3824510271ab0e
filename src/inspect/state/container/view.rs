//! What an inspect and a list say of a container: as much of it as is held against other answers.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use serde_json::Value;

use super::super::network::{Endpoints, NETWORKS, Window};
use super::super::{Fact, LONGEST_NAME};

/// Longer times and states are of no use.
const LONGEST_WORD: usize = 64;

/// What an inspect says.
#[derive(Debug)]
pub(super) struct View {
    pub(super) begin: u64,
    pub(super) end: u64,
    pub(super) running: bool,
    pub(super) restarting: bool,
    pub(super) started: String,
    pub(super) finished: String,
    pub(super) code: Option<i64>,
    pub(super) published: bool,
    /// The networks that it is on, each with a hash of its whole endpoint.
    pub(super) networks: Endpoints,
}

/// What a list says.
#[derive(Debug)]
pub(super) struct Listed {
    pub(super) begin: u64,
    pub(super) end: u64,
    pub(super) state: Option<String>,
    pub(super) published: bool,
}

impl Listed {
    pub(super) fn read(entry: &Value, fact: &Fact<'_>) -> Self {
        let state = entry.get("State").and_then(Value::as_str).filter(|state| state.len() <= LONGEST_WORD).map(str::to_owned);
        Self { begin: fact.begin, end: fact.end, state, published: has_published(entry.get("Ports")) }
    }
}

impl View {
    pub(super) fn read(document: &Value, fact: &Fact<'_>) -> Option<Self> {
        let state = document.get("State")?;
        let text = |name: &str| state.get(name).and_then(Value::as_str).filter(|text| text.len() <= LONGEST_WORD).map(str::to_owned);
        let flag = |name: &str| state.get(name).and_then(Value::as_bool);
        Some(Self {
            begin: fact.begin,
            end: fact.end,
            running: flag("Running")?,
            restarting: flag("Restarting").unwrap_or_default(),
            started: text("StartedAt")?,
            finished: text("FinishedAt")?,
            code: state.get("ExitCode").and_then(Value::as_i64),
            published: document
                .pointer("/NetworkSettings/Ports")
                .and_then(Value::as_object)
                .is_some_and(|ports| ports.values().any(|bindings| bindings.as_array().is_some_and(|bindings| !bindings.is_empty()))),
            networks: networks(document),
        })
    }

    /// As the networks see it.
    pub(super) fn window(&self) -> Window<'_> {
        let run = self.running.then_some(self.started.as_str());
        Window { begin: self.begin, end: self.end, run, networks: &self.networks }
    }
}

fn networks(document: &Value) -> Endpoints {
    let networks = document.pointer("/NetworkSettings/Networks").and_then(Value::as_object);
    let known = networks.filter(|networks| networks.len() <= NETWORKS).into_iter().flatten();
    let hash = |endpoint: &Value| {
        let mut hasher = DefaultHasher::new();
        endpoint.to_string().hash(&mut hasher);
        hasher.finish()
    };
    known.filter(|(name, _)| name.len() <= LONGEST_NAME).map(|(name, endpoint)| (name.clone(), hash(endpoint))).collect()
}

/// Whether a list's `Ports` name one that is published: up to 1.4 they are a text.
fn has_published(ports: Option<&Value>) -> bool {
    match ports {
        Some(Value::Array(ports)) => ports.iter().any(|port| port.get("PublicPort").is_some()),
        Some(Value::String(text)) => text.contains("->"),
        _ => false,
    }
}
