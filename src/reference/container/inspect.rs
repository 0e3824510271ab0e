//! `GET /containers/{id}/json`.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::life::go_time;
use super::{Container, endpoints};
use crate::reference::answer::Answer;
use crate::reference::call::Call;
use crate::reference::document::Document;
use crate::reference::network::Endpoint;
use crate::reference::refusal::Refusal;
use crate::reference::{Engine, State};

/// Where dockerd keeps what belongs to a container.
const CONTAINERS: &str = "/var/lib/docker/containers";

/// Answers the operation.
pub(super) fn answer(engine: &Arc<Engine>, call: &Call) -> Result<Answer, Refusal> {
    let state = engine.state();
    let container = state.containers.find(&call.name)?;
    let mut document = document(&state, container, call);
    if call.query.flag("size") {
        document["SizeRw"] = container.written().into();
        document["SizeRootFs"] = container.root.lock().map_or(0, |files| files.size()).into();
    }
    Ok(Answer::json(document))
}

/// Everything about a container, with the members of all versions.
fn document(state: &State, container: &Container, call: &Call) -> Value {
    let Container { id, life, .. } = container;
    let argv = container.argv();
    let dir = format!("{CONTAINERS}/{id}");
    // The files are there once it was started.
    let path = |file: String| if life.started.is_some() { file } else { String::new() };
    let overlay = |part: &str| format!("/var/lib/docker/overlay2/{id}/{part}");
    let mut document = json!({
        "Created": go_time(Some(container.created)),
        "Path": argv.first(),
        "Args": argv.get(1..).unwrap_or_default(),
        "State": life.document(container.health.as_ref()),
        "Image": container.image_id,
        "ResolvConfPath": path(format!("{dir}/resolv.conf")),
        "HostnamePath": path(format!("{dir}/hostname")),
        "HostsPath": path(format!("{dir}/hosts")),
        "LogPath": path(format!("{dir}/{id}-json.log")),
        "Name": format!("/{}", container.name),
        "RestartCount": container.restart_count,
        "Driver": "overlay2",
        "ExecDriver": "native-0.2",
        "Platform": "linux",
        "MountLabel": "",
        "ProcessLabel": "",
        "AppArmorProfile": "",
        "ExecIDs": exec_ids(state, id),
        "HostConfig": host_config(state, container),
        "GraphDriver": {
            "Data": { "LowerDir": overlay("lower"), "MergedDir": overlay("merged"), "UpperDir": overlay("diff"), "WorkDir": overlay("work") },
            "Name": "overlay2",
        },
        "Mounts": container.mounts.iter().map(super::Mount::document).collect::<Vec<_>>(),
        "Config": config(container, call),
        "NetworkSettings": network_settings(container, call),
    });
    // Below 1.12 names were written otherwise, and mounts lay beside each other below 1.20.
    document[if call.since(12) { "Id" } else { "ID" }] = id.as_str().into();
    if !call.since(17) {
        document["SysInitPath"] = "/usr/bin/dockerinit".into();
    }
    if !call.since(20) {
        let sources: Map<String, Value> =
            container.mounts.iter().map(|mount| (mount.destination.clone(), mount.source.as_str().into())).collect();
        let writable: Map<String, Value> =
            container.mounts.iter().map(|mount| (mount.destination.clone(), mount.writable.into())).collect();
        document["Volumes"] = sources.into();
        document["VolumesRW"] = writable.into();
    }
    document
}

fn exec_ids(state: &State, id: &str) -> Value {
    let ids = state.execs.live_in(id);
    if ids.is_empty() { Value::Null } else { ids.into() }
}

/// The links are shown with both names.
fn host_config(state: &State, container: &Container) -> Value {
    let mut host = container.host.clone();
    let links: Vec<String> = state
        .containers
        .links_of(&container.id)
        .filter_map(|(alias, child)| Some(format!("/{}:/{}/{alias}", state.containers.find(child).ok()?.name, container.name)))
        .collect();
    host["Links"] = if links.is_empty() { Value::Null } else { links.into() };
    host
}

fn config(container: &Container, call: &Call) -> Value {
    let mut config = container.config.clone();
    if call.since(20) {
        return config;
    }
    // Limits once stood here, and nothing was left out.
    let host = Document(&container.host);
    for (name, value) in [
        ("MacAddress", json!("")),
        ("NetworkDisabled", json!(false)),
        ("ExposedPorts", Value::Null),
        ("PortSpecs", Value::Null),
        ("VolumeDriver", host.member("VolumeDriver").clone()),
        ("Memory", host.member("Memory").clone()),
        ("MemorySwap", host.member("MemorySwap").clone()),
        ("CpuShares", host.member("CpuShares").clone()),
        ("Cpuset", host.member("CpusetCpus").clone()),
    ] {
        if config.get(name).is_none() {
            config[name] = value;
        }
    }
    config
}

/// `NetworkSettings`: the networks, and what was there before networks were.
fn network_settings(container: &Container, call: &Call) -> Value {
    let run = container.life.run();
    let ports = run.map_or_else(|| json!({}), |run| run.ports.document());
    let sandbox = run.map(|run| run.sandbox.as_str()).unwrap_or_default();
    let key = if sandbox.is_empty() { String::new() } else { format!("/var/run/docker/netns/{}", &sandbox[..12]) };
    let bridge = container.endpoints.get("bridge");
    let text = |member: fn(&Endpoint) -> &str| bridge.map(member).unwrap_or_default();
    let mut settings = json!({
        "Bridge": "",
        "SandboxID": sandbox,
        "SandboxKey": key,
        "HairpinMode": false,
        "LinkLocalIPv6Address": "",
        "LinkLocalIPv6PrefixLen": 0,
        "Ports": ports,
        "SecondaryIPAddresses": null,
        "SecondaryIPv6Addresses": null,
        "EndpointID": text(|endpoint| &endpoint.endpoint_id),
        "Gateway": text(|endpoint| &endpoint.gateway),
        "GlobalIPv6Address": "",
        "GlobalIPv6PrefixLen": 0,
        "IPAddress": text(|endpoint| &endpoint.address),
        "IPPrefixLen": bridge.map_or(0, |endpoint| endpoint.prefix),
        "IPv6Gateway": "",
        "MacAddress": text(|endpoint| &endpoint.mac),
        "Networks": endpoints::document(container, call.version),
    });
    if !call.since(21) {
        settings["PortMapping"] = Value::Null;
        if settings["Ports"].as_object().is_some_and(Map::is_empty) {
            settings["Ports"] = Value::Null;
        }
    }
    settings
}
