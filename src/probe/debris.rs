//! What the probe has made, so that all of it goes again: at the end, after failures, and when the run is interrupted.

use std::sync::{Arc, Mutex, PoisonError};

use super::client::{Client, Gate};
use super::step::Call;
use crate::model::ApiVersion;

/// Something that the probe has made, by name or id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Thing {
    Container(String),
    Image(String),
    Network(String),
    Volume(String),
    Service(String),
    Secret(String),
    Config(String),
    Plugin(String),
    Swarm,
}

impl Thing {
    /// What takes others with it, or is held by none, goes first.
    fn turn(&self) -> u8 {
        match self {
            Self::Service(_) => 0,
            Self::Container(_) => 1,
            Self::Secret(_) | Self::Config(_) | Self::Plugin(_) => 2,
            Self::Network(_) | Self::Volume(_) | Self::Image(_) => 3,
            Self::Swarm => 4,
        }
    }

    fn removal(&self) -> (&'static str, String) {
        match self {
            Self::Container(name) => ("DELETE", format!("/containers/{name}?force=1&v=1")),
            Self::Image(name) => ("DELETE", format!("/images/{name}?force=1")),
            Self::Network(name) => ("DELETE", format!("/networks/{name}")),
            Self::Volume(name) => ("DELETE", format!("/volumes/{name}")),
            Self::Service(name) => ("DELETE", format!("/services/{name}")),
            Self::Secret(name) => ("DELETE", format!("/secrets/{name}")),
            Self::Config(name) => ("DELETE", format!("/configs/{name}")),
            Self::Plugin(name) => ("DELETE", format!("/plugins/{name}?force=1")),
            Self::Swarm => ("POST", "/swarm/leave?force=1".to_owned()),
        }
    }
}

/// All that is left to be removed.
#[derive(Debug, Default)]
pub(super) struct Debris(Mutex<Vec<(ApiVersion, Thing)>>);

impl Debris {
    /// Made by the cases of a version.
    pub(super) fn add(&self, version: ApiVersion, thing: Thing) {
        if !self.has(&thing) {
            self.lock().push((version, thing));
        }
    }

    /// Whether it is ours.
    pub(super) fn has(&self, thing: &Thing) -> bool {
        self.lock().iter().any(|(_, other)| other == thing)
    }

    /// Everything, with the version whose cases have made it.
    pub(super) fn all(&self) -> Vec<(ApiVersion, Thing)> {
        self.lock().clone()
    }

    /// It has gone already, or is not ours any more.
    pub(super) fn forget(&self, thing: &Thing) {
        self.lock().retain(|(_, other)| other != thing);
    }

    /// Removes what the cases of a version have made, or everything; what cannot be is given back, with what the daemon said.
    ///
    /// It asks at the newest version that the daemon has, whatever the cases used.
    pub(super) async fn clear(&self, gate: &Arc<Gate>, newest: ApiVersion, of: Option<ApiVersion>) -> Vec<String> {
        let mut things: Vec<Thing> =
            self.lock().iter().filter(|(version, _)| of.is_none_or(|of| of == *version)).map(|(_, thing)| thing.clone()).collect();
        things.sort_by_key(Thing::turn);
        let mut client = Client::new(Arc::clone(gate), 0);
        let mut left = Vec::new();
        for thing in things {
            let (method, path) = thing.removal();
            let call = Call::new(&mut client, method, format!("/v{newest}{path}"));
            match call.send().await {
                // Gone already is fine, and so is a swarm that was left.
                Ok(answer) if answer.status < 300 || [404, 406, 503].contains(&answer.status) => self.forget(&thing),
                Ok(answer) => left.push(format!("{thing:?}: {} {}", answer.status, super::step::message(&answer.body))),
                Err(skip) => left.push(format!("{thing:?}: {}", skip.0)),
            }
        }
        left
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<(ApiVersion, Thing)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
