//! The only node, a manager: list, inspect, update and delete, which it refuses.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::Engine;
use super::super::answer::Answer;
use super::super::call::Call;
use super::super::document::Document;
use super::super::refusal::Refusal;
use super::super::system::VERSION;
use super::cluster::Cluster;
use super::object::{Meta, asked_version, begins, find, labelled, precondition};
use super::orchestrator;
use super::spec::NODE;
use super::token::tls_info;

/// The name of the machine.
pub(in super::super) const HOSTNAME: &str = "plimsoll";
/// Its processors, in billionths.
pub(super) const NANO_CPUS: i64 = 2_000_000_000;
/// Its memory in bytes.
pub(super) const MEMORY: i64 = 4 << 30;
/// Its architecture.
pub(super) const ARCHITECTURE: &str = "x86_64";

/// A node.
#[derive(Debug)]
pub(super) struct Node {
    /// Its id.
    pub(super) id: String,
    /// Its version.
    pub(super) meta: Meta,
    /// `Name`, `Labels`, `Role` and `Availability`.
    pub(super) spec: Value,
}

impl Node {
    /// The manager of a new swarm.
    pub(super) fn new(id: String, index: u64, now: Timestamp, availability: &str) -> Self {
        let spec = json!({ "Labels": {}, "Role": "manager", "Availability": availability });
        Self { id, meta: Meta::new(index, now), spec }
    }

    /// `active`, `pause` or `drain`.
    pub(super) fn availability(&self) -> &str {
        self.spec["Availability"].as_str().unwrap_or_default()
    }

    fn name(&self) -> &str {
        self.spec["Name"].as_str().unwrap_or(HOSTNAME)
    }
}

/// `active`, `pause` or `drain` in any case; the first when nothing is asked.
pub(super) fn availability(asked: &str) -> Option<String> {
    let lower = asked.to_ascii_lowercase();
    matches!(lower.as_str(), "active" | "pause" | "drain").then_some(lower)
}

fn write(cluster: &Cluster) -> Value {
    let node = &cluster.node;
    let plugins: Vec<Value> = [
        ("Log", &["json-file", "local"][..]),
        ("Network", &["bridge", "host", "ipvlan", "macvlan", "null", "overlay"][..]),
        ("Volume", &["local"][..]),
    ]
    .into_iter()
    .flat_map(|(kind, names)| names.iter().map(move |name| json!({ "Type": kind, "Name": name })))
    .collect();
    let mut object = node.meta.write(&node.id);
    object.insert("Spec".to_owned(), node.spec.clone());
    object.insert(
        "Description".to_owned(),
        json!({
            "Hostname": HOSTNAME,
            "Platform": { "Architecture": ARCHITECTURE, "OS": "linux" },
            "Resources": { "NanoCPUs": NANO_CPUS, "MemoryBytes": MEMORY },
            "Engine": { "EngineVersion": VERSION, "Plugins": plugins },
            "TLSInfo": tls_info(),
        }),
    );
    object.insert("Status".to_owned(), json!({ "State": "ready", "Addr": cluster.address.to_string() }));
    object.insert("ManagerStatus".to_owned(), json!({ "Leader": true, "Reachability": "reachable", "Addr": cluster.peer() }));
    object.into()
}

/// Refuses an id or name that is not the node's.
pub(super) fn the_node(cluster: &Cluster, input: &str) -> Result<(), Refusal> {
    let all = BTreeMap::from([(cluster.node.id.clone(), HOSTNAME)]);
    find(&all, "node", input, |name| (*name).to_owned()).map(|_| ())
}

pub(super) fn list(engine: &Arc<Engine>, call: &Call) -> Result<Answer, Refusal> {
    let filters = call.query.filters()?;
    let mut guard = engine.state();
    let cluster = guard.swarm.manager()?;
    filters.only(&["name", "id", "label", "role", "membership", "node.label"])?;
    for (filter, known) in [("role", &["worker", "manager"]), ("membership", &["pending", "accepted"])] {
        let wrong = filters.get(filter).iter().find(|value| !value.is_empty() && !known.contains(&value.to_ascii_lowercase().as_str()));
        if let Some(wrong) = wrong {
            return Err(Refusal::server_error(format!("Invalid {filter} filter: '{wrong}'")));
        }
    }
    let fits = begins(&filters, "name", HOSTNAME)
        && begins(&filters, "id", &cluster.node.id)
        && labelled(filters.get("label"), &Value::Null)
        && labelled(filters.get("node.label"), &cluster.node.spec["Labels"])
        && filters.any("role", |role| role.is_empty() || role.eq_ignore_ascii_case("manager"))
        && filters.any("membership", |membership| membership.is_empty() || membership.eq_ignore_ascii_case("accepted"));
    Ok(Answer::json(fits.then(|| write(cluster)).into_iter().collect()))
}

pub(super) fn inspect(engine: &Arc<Engine>, call: &Call) -> Result<Answer, Refusal> {
    let mut guard = engine.state();
    let cluster = guard.swarm.manager()?;
    the_node(cluster, &call.name)?;
    Ok(Answer::json(write(cluster)))
}

pub(super) async fn update(engine: &Arc<Engine>, mut call: Call) -> Result<Answer, Refusal> {
    let mut spec = NODE.read_body(&call.required_json().await?)?;
    let version = asked_version(&call, "node")?;
    let mut guard = engine.state();
    let state = &mut *guard;
    let cluster = state.swarm.manager()?;
    let asked = Document(&spec);
    let role = asked.text("Role").to_ascii_lowercase();
    if !matches!(role.as_str(), "manager" | "worker") {
        return Err(Refusal::bad_parameter(format!("invalid Role: \"{}\"", asked.text("Role"))));
    }
    let new = availability(asked.text("Availability"))
        .ok_or_else(|| Refusal::bad_parameter(format!("invalid Availability: \"{}\"", asked.text("Availability"))))?;
    the_node(cluster, &call.name)?;
    if role == "worker" {
        return Err(precondition("attempting to demote the last manager of the swarm"));
    }
    cluster.node.meta.check(version)?;
    spec["Role"] = role.into();
    spec["Availability"] = new.clone().into();
    let old = cluster.node.availability().to_owned();
    let index = cluster.next();
    cluster.node.meta.touch(index, engine.now());
    cluster.node.spec = spec;
    let mut attributes = BTreeMap::from([("name".to_owned(), cluster.node.name().to_owned())]);
    let id = cluster.node.id.clone();
    if old != new {
        attributes.insert("availability.old".to_owned(), old);
        attributes.insert("availability.new".to_owned(), new.clone());
    }
    engine.emit(state, "node", "update", &id, attributes);
    if new == "drain" {
        orchestrator::drain(engine, state);
    } else if new == "active" {
        orchestrator::resume(engine, state);
    }
    state.swarm.notify();
    Ok(Answer::empty(200))
}

pub(super) fn delete(engine: &Arc<Engine>, call: &Call) -> Result<Answer, Refusal> {
    let mut guard = engine.state();
    let cluster = guard.swarm.manager()?;
    the_node(cluster, &call.name)?;
    let id = &cluster.node.id;
    Err(precondition(format!(
        "node {id} is a cluster manager and is a member of the raft cluster. It must be demoted to worker before removal"
    )))
}
