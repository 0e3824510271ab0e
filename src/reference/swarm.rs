//! Swarm: a swarm of one manager, with nodes, services, tasks, secrets and configs, as consistent state in memory.
//!
//! Services get tasks, tasks get containers of the container part, and all of them change as dockerd's orchestrator changes them. No other node ever joins, nothing is encrypted, and nothing is listened on.

mod address;
mod cluster;
mod form;
mod logs;
mod membership;
mod network;
mod node;
mod object;
mod orchestrator;
mod rollout;
#[cfg(test)]
mod scenario;
mod secret;
mod service;
mod spec;
mod task;
mod token;

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::watch;

use super::Engine;
use super::answer::Answer;
use super::call::Call;
use super::refusal::Refusal;

use cluster::Cluster;
use secret::Kind;

const NO_MANAGER: &str =
    "This node is not a swarm manager. Use \"docker swarm init\" or \"docker swarm join\" to connect this node to swarm and try again.";

/// The swarm, if there is one.
#[derive(Debug, Default)]
pub(super) struct Swarm {
    cluster: Option<Cluster>,
    /// Counts changes, for those who wait for one.
    changed: watch::Sender<u64>,
}

impl Swarm {
    /// Whether this node manages a swarm.
    pub(super) fn is_manager(&self) -> bool {
        self.cluster.is_some()
    }

    /// `Swarm` of `system info`.
    pub(super) fn info(&self) -> Value {
        self.cluster.as_ref().map_or_else(
            || {
                json!({
                    "NodeID": "",
                    "NodeAddr": "",
                    "LocalNodeState": "inactive",
                    "ControlAvailable": false,
                    "Error": "",
                    "RemoteManagers": null,
                })
            },
            Cluster::membership,
        )
    }

    /// What inspect shows of the swarm's twin of `host` or `bridge`: by its id, or by its name when the swarm's networks are asked for.
    pub(super) fn network(&self, term: &str, scope: &str) -> Option<Value> {
        self.cluster.as_ref()?.predefined.iter().find_map(|network| network.inspect(term, scope))
    }

    fn manager(&mut self) -> Result<&mut Cluster, Refusal> {
        self.cluster.as_mut().ok_or_else(|| Refusal::unavailable(NO_MANAGER))
    }

    /// Wakes those who wait for a change.
    fn notify(&self) {
        self.changed.send_modify(|count| *count = count.wrapping_add(1));
    }
}

/// Answers the operations of this part.
pub(super) async fn answer(engine: &Arc<Engine>, call: Call) -> Result<Answer, Refusal> {
    match call.operation.id() {
        "SwarmInit" => membership::init(engine, call).await,
        "SwarmInspect" => membership::inspect(engine),
        "SwarmJoin" => membership::join(engine, call).await,
        "SwarmLeave" => membership::leave(engine, &call),
        "SwarmUnlock" => membership::unlock(engine, call).await,
        "SwarmUnlockkey" => membership::unlock_key(engine),
        "SwarmUpdate" => membership::update(engine, call).await,
        "NodeList" => node::list(engine, &call),
        "NodeInspect" => node::inspect(engine, &call),
        "NodeUpdate" => node::update(engine, call).await,
        "NodeDelete" => node::delete(engine, &call),
        "ServiceCreate" => service::create(engine, call).await,
        "ServiceList" => service::list(engine, &call),
        "ServiceInspect" => service::inspect(engine, &call),
        "ServiceUpdate" => service::update(engine, call).await,
        "ServiceDelete" => service::delete(engine, &call),
        "ServiceLogs" => logs::service(engine, &call),
        "TaskList" => task::list(engine, &call),
        "TaskInspect" => task::inspect(engine, &call),
        "TaskLogs" => logs::task(engine, &call),
        "SecretCreate" => secret::create(engine, call, Kind::Secret).await,
        "SecretList" => secret::list(engine, &call, Kind::Secret),
        "SecretInspect" => secret::inspect(engine, &call, Kind::Secret),
        "SecretUpdate" => secret::update(engine, call, Kind::Secret).await,
        "SecretDelete" => secret::delete(engine, &call, Kind::Secret),
        "ConfigCreate" => secret::create(engine, call, Kind::Config).await,
        "ConfigList" => secret::list(engine, &call, Kind::Config),
        "ConfigInspect" => secret::inspect(engine, &call, Kind::Config),
        "ConfigUpdate" => secret::update(engine, call, Kind::Config).await,
        "ConfigDelete" => secret::delete(engine, &call, Kind::Config),
        id => Err(Refusal::not_implemented(format!("{id} is not part of the reference backend"))),
    }
}
