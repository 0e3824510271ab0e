//! All that a swarm of one manager knows, and how it shows itself.

use std::collections::BTreeMap;
use std::net::IpAddr;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::address;
use super::network::SwarmNetwork;
use super::node::Node;
use super::object::Meta;
use super::secret::Secret;
use super::service::Service;
use super::task::Task;
use super::token::{Tokens, tls_info};

/// A swarm.
#[derive(Debug)]
pub(super) struct Cluster {
    /// Its id.
    pub(super) id: String,
    /// Its version.
    pub(super) meta: Meta,
    /// What was asked of it, with defaults.
    pub(super) spec: Value,
    /// What nodes join with.
    pub(super) tokens: Tokens,
    /// What unlocks a manager; empty without autolock.
    pub(super) unlock_key: String,
    /// The address that this node shows.
    pub(super) address: IpAddr,
    /// Its port.
    pub(super) port: String,
    /// Where overlay networks take their subnets from.
    pub(super) pools: Vec<String>,
    /// How large they are.
    pub(super) subnet_size: u64,
    /// The port of the data path.
    pub(super) data_path_port: u64,
    /// The only node.
    pub(super) node: Node,
    /// By id.
    pub(super) services: BTreeMap<String, Service>,
    /// By id.
    pub(super) tasks: BTreeMap<String, Task>,
    /// By id.
    pub(super) secrets: BTreeMap<String, Secret>,
    /// By id.
    pub(super) configs: BTreeMap<String, Secret>,
    /// The twins of the networks that every node has.
    pub(super) predefined: Vec<SwarmNetwork>,
    /// The last version that was given.
    pub(super) index: u64,
}

impl Cluster {
    /// The next version.
    pub(super) fn next(&mut self) -> u64 {
        self.index += 1;
        self.index
    }

    /// A task changes.
    pub(super) fn task(&mut self, id: &str, now: Timestamp) -> Option<&mut Task> {
        let index = self.next();
        let task = self.tasks.get_mut(id)?;
        task.meta.touch(index, now);
        Some(task)
    }

    /// A service changes.
    pub(super) fn service(&mut self, id: &str, now: Timestamp) -> Option<&mut Service> {
        let index = self.next();
        let service = self.services.get_mut(id)?;
        service.meta.touch(index, now);
        Some(service)
    }

    /// The address that this node shows, with its port.
    pub(super) fn peer(&self) -> String {
        address::join(&self.address.to_string(), &self.port)
    }

    /// Of the tasks of a slot that have ended, so many are kept.
    pub(super) fn history(&self) -> Option<usize> {
        let limit = self.spec["Orchestration"]["TaskHistoryRetentionLimit"].as_i64().unwrap_or_default();
        usize::try_from(limit).ok()
    }

    /// As `system info` shows it: without the join tokens.
    pub(super) fn info(&self) -> Value {
        let mut object = self.meta.write(&self.id);
        object.insert("Spec".to_owned(), self.spec.clone());
        object.insert("TLSInfo".to_owned(), tls_info());
        object.insert("RootRotationInProgress".to_owned(), false.into());
        object.insert("DefaultAddrPool".to_owned(), self.pools.clone().into());
        object.insert("SubnetSize".to_owned(), self.subnet_size.into());
        object.insert("DataPathPort".to_owned(), self.data_path_port.into());
        object.into()
    }

    /// As inspect shows it.
    pub(super) fn inspect(&self) -> Value {
        let mut value = self.info();
        value["JoinTokens"] = self.tokens.write();
        value
    }

    /// `Swarm` of `system info`.
    pub(super) fn membership(&self) -> Value {
        json!({
            "NodeID": self.node.id,
            "NodeAddr": self.address.to_string(),
            "LocalNodeState": "active",
            "ControlAvailable": true,
            "Error": "",
            "RemoteManagers": [{ "NodeID": self.node.id, "Addr": self.peer() }],
            "Nodes": 1,
            "Managers": 1,
            "Cluster": self.info(),
        })
    }
}
