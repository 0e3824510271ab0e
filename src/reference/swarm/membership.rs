//! The swarm as a whole: init, join, leave, inspect, update, and the keys.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::super::Engine;
use super::super::answer::Answer;
use super::super::call::Call;
use super::super::document::Document;
use super::super::ids::Ids;
use super::super::refusal::Refusal;
use super::cluster::Cluster;
use super::network::SwarmNetwork;
use super::node::Node;
use super::object::{Meta, asked_version, invalid, strict_flag};
use super::spec::{ENTRY, SWARM};
use super::token::{Tokens, check_token, unlock_key as make_unlock_key};
use super::{address, node, orchestrator};

const EXISTS: &str = "This node is already part of a swarm. Use \"docker swarm leave\" to leave this swarm and join another one.";
const LAST_MANAGER: &str = "You are attempting to leave the swarm on a node that is participating as a manager. \
    Removing the last manager erases all current state of the swarm. Use `--force` to ignore this message. ";
const NAME: &str = "swarm spec must be named \"default\"";
const HOUR: i64 = 3_600_000_000_000;

pub(super) async fn init(engine: &Arc<Engine>, mut call: Call) -> Result<Answer, Refusal> {
    let request = ENTRY.read_body(&call.required_json().await?)?;
    let mut guard = engine.state();
    let state = &mut *guard;
    if state.swarm.is_manager() {
        if !Document(&request).flag("ForceNewCluster") {
            return Err(Refusal::unavailable(EXISTS));
        }
        // The state is kept, so that is all there is to do for a manager that is alone already.
        return Ok(Answer::json(state.swarm.manager()?.node.id.clone().into()));
    }
    let cluster = begin(&request, &call, &mut state.ids, engine.now())?;
    let id = cluster.node.id.clone();
    state.swarm.cluster = Some(cluster);
    state.networks.swarm_began(&mut state.ids, engine.now());
    engine.emit(state, "node", "create", &id, BTreeMap::from([("name".to_owned(), String::new())]));
    let attributes = [("name", node::HOSTNAME), ("state.new", "ready"), ("state.old", "unknown")];
    engine.emit(state, "node", "update", &id, attributes.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect());
    Ok(Answer::json(id.into()))
}

/// Checks what was asked in dockerd's order, and makes the swarm.
fn begin(request: &Value, call: &Call, ids: &mut Ids, now: jiff::Timestamp) -> Result<Cluster, Refusal> {
    let asked = Document(request);
    let listen = address::normalize(asked.text("ListenAddr"), "ListenAddr")?;
    if !matches!(asked.at("Spec").text("Name"), "" | "default") {
        return Err(Refusal::bad_parameter(NAME));
    }
    let (listen, listen_port) = address::listen(&listen)?;
    let (shown, port) = address::advertise(asked.text("AdvertiseAddr"), &listen_port)?;
    address::data_path(asked.text("DataPathAddr"))?;
    let mut pools = if call.since(39) { asked.texts("DefaultAddrPool") } else { Vec::new() };
    let mut size = if call.since(39) { u64::try_from(asked.int("SubnetSize")).unwrap_or_default() } else { 0 };
    address::pools(&pools, size)?;
    let path_port = if call.since(40) { u64::try_from(asked.int("DataPathPort")).unwrap_or_default() } else { 0 };
    let data_path_port = address::data_path_port(path_port)?;
    let availability = match asked.text("Availability") {
        "" => "active".to_owned(),
        other => node::availability(other).ok_or_else(|| Refusal::server_error(format!("invalid Availability: \"{other}\"")))?,
    };
    address::bind(listen, &listen_port)?;
    let mut spec = merged(asked.at("Spec"));
    let auto_lock = asked.flag("AutoLockManagers") || spec["EncryptionConfig"]["AutoLockManagers"] == true;
    spec["EncryptionConfig"]["AutoLockManagers"] = auto_lock.into();
    if let Err(refusal) = check(&spec) {
        return Err(Refusal::server_error(format!("error updating cluster settings: {}", refusal.message)));
    }
    if pools.is_empty() {
        (pools, size) = (vec!["10.0.0.0/8".to_owned()], 24);
    } else if size == 0 {
        size = 24;
    }
    Ok(Cluster {
        id: ids.base36(),
        meta: Meta::new(10, now),
        spec,
        tokens: Tokens::new(ids),
        unlock_key: if auto_lock { make_unlock_key(ids) } else { String::new() },
        address: shown,
        port,
        pools,
        subnet_size: size,
        data_path_port,
        node: Node::new(ids.base36(), 9, now, &availability),
        services: BTreeMap::new(),
        tasks: BTreeMap::new(),
        secrets: BTreeMap::new(),
        configs: BTreeMap::new(),
        predefined: SwarmNetwork::predefined(ids, 7, now),
        index: 10,
    })
}

/// The spec of a new swarm: what is not asked for has its default.
fn merged(asked: Document<'_>) -> Value {
    let mut spec = json!({
        "Name": "default",
        "Labels": {},
        "Orchestration": { "TaskHistoryRetentionLimit": 5 },
        "Raft": {
            "SnapshotInterval": 10000, "KeepOldSnapshots": 0, "LogEntriesForSlowFollowers": 500, "ElectionTick": 10, "HeartbeatTick": 1,
        },
        "Dispatcher": { "HeartbeatPeriod": 5_000_000_000_i64 },
        "CAConfig": { "NodeCertExpiry": 7_776_000_000_000_000_i64 },
        "EncryptionConfig": {},
    });
    for (part, value) in asked.0.as_object().into_iter().flatten() {
        for (name, value) in value.as_object().into_iter().flatten() {
            if value.as_i64() != Some(0) {
                spec[part][name] = value.clone();
            }
        }
    }
    settled(spec)
}

/// As the swarm keeps a spec: some members are never empty, others are never kept.
fn settled(mut spec: Value) -> Value {
    spec["Name"] = "default".into();
    spec["TaskDefaults"] = json!({});
    for (part, name) in [("Orchestration", "TaskHistoryRetentionLimit"), ("Raft", "KeepOldSnapshots")] {
        if spec[part][name].is_null() {
            spec[part][name] = 0.into();
        }
    }
    if let Some(authority) = spec["CAConfig"].as_object_mut() {
        authority.remove("SigningCACert");
        authority.remove("SigningCAKey");
    }
    spec
}

fn check(spec: &Value) -> Result<(), Refusal> {
    let expiry = Document(&spec["CAConfig"]).int("NodeCertExpiry");
    if expiry != 0 && expiry < HOUR {
        return Err(invalid("minimum certificate expiry time is: 1h0m0s"));
    }
    if Document(&spec["Dispatcher"]).int("HeartbeatPeriod") < 0 {
        return Err(invalid("heartbeat time period cannot be a negative duration"));
    }
    Ok(())
}

/// No other manager is ever reached.
pub(super) async fn join(engine: &Arc<Engine>, mut call: Call) -> Result<Answer, Refusal> {
    let request = ENTRY.read_body(&call.required_json().await?)?;
    let asked = Document(&request);
    if engine.state().swarm.is_manager() {
        return Err(Refusal::unavailable(EXISTS));
    }
    let listen = address::normalize(asked.text("ListenAddr"), "ListenAddr")?;
    let remotes = asked.texts("RemoteAddrs");
    let Some(remote) = remotes.first() else {
        return Err(Refusal::bad_parameter("at least 1 RemoteAddr is required to join"));
    };
    let remote = address::normalize(remote, "remoteAddr")?;
    address::listen(&listen)?;
    address::data_path(asked.text("DataPathAddr"))?;
    check_token(asked.text("JoinToken"))?;
    Err(Refusal::unavailable(format!(
        "rpc error: code = Unavailable desc = connection error: desc = \"transport: Error while dialing dial tcp {remote}: connect: connection refused\""
    )))
}

pub(super) fn leave(engine: &Arc<Engine>, call: &Call) -> Result<Answer, Refusal> {
    let mut guard = engine.state();
    let state = &mut *guard;
    if !state.swarm.is_manager() {
        return Err(Refusal::unavailable("This node is not part of a swarm"));
    }
    if !call.query.flag("force") {
        return Err(Refusal::unavailable(LAST_MANAGER));
    }
    orchestrator::abandon(engine, state);
    state.swarm.cluster = None;
    state.networks.swarm_ended();
    state.swarm.notify();
    Ok(Answer::empty(200))
}

pub(super) fn inspect(engine: &Arc<Engine>) -> Result<Answer, Refusal> {
    Ok(Answer::json(engine.state().swarm.manager()?.inspect()))
}

pub(super) async fn update(engine: &Arc<Engine>, mut call: Call) -> Result<Answer, Refusal> {
    let spec = SWARM.read_body(&call.required_json().await?)?;
    let version = asked_version(&call, "swarm")?;
    let worker = strict_flag(&call, "rotateWorkerToken")?.unwrap_or_default();
    let manager = strict_flag(&call, "rotateManagerToken")?.unwrap_or_default();
    let key = strict_flag(&call, "rotateManagerUnlockKey")?.unwrap_or_default();
    let mut guard = engine.state();
    let state = &mut *guard;
    let ids = &mut state.ids;
    let cluster = state.swarm.manager()?;
    if !matches!(Document(&spec).text("Name"), "" | "default") {
        return Err(Refusal::bad_parameter(NAME));
    }
    check(&spec)?;
    cluster.meta.check(version)?;
    let index = cluster.next();
    cluster.meta.touch(index, engine.now());
    cluster.spec = settled(spec);
    if worker {
        cluster.tokens.rotate_worker(ids);
    }
    if manager {
        cluster.tokens.rotate_manager(ids);
    }
    if cluster.spec["EncryptionConfig"]["AutoLockManagers"] != true {
        cluster.unlock_key.clear();
    } else if key || cluster.unlock_key.is_empty() {
        cluster.unlock_key = make_unlock_key(ids);
    }
    Ok(Answer::empty(200))
}

/// A swarm is locked only after a daemon began anew, which this one never does.
pub(super) async fn unlock(engine: &Arc<Engine>, mut call: Call) -> Result<Answer, Refusal> {
    call.required_json().await?;
    engine.state().swarm.manager()?;
    Err(Refusal::conflict("swarm is not locked"))
}

pub(super) fn unlock_key(engine: &Arc<Engine>) -> Result<Answer, Refusal> {
    Ok(Answer::json(json!({ "UnlockKey": engine.state().swarm.manager()?.unlock_key })))
}
