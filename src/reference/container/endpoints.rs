//! The networks of a container: which it asked for, joining them, leaving them.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::Container;
use crate::model::ApiVersion;
use crate::reference::document::Document;
use crate::reference::network::{Endpoint, Identity, Networks};
use crate::reference::refusal::Refusal;
use crate::reference::{Engine, State};

/// The networks of a new container.
#[derive(Debug, Default)]
pub(super) struct Asked {
    /// Those that are there.
    pub(super) endpoints: BTreeMap<String, Endpoint>,
    /// Those that are not there (yet): the settings by name. Starting the container refuses them.
    pub(super) missing: Map<String, Value>,
}

/// The networks that a create request names.
pub(super) fn of_create(
    body: Document<'_>,
    config: Document<'_>,
    host: Document<'_>,
    networks: &Networks,
    version: ApiVersion,
) -> Result<Asked, Refusal> {
    let mode = host.text("NetworkMode");
    let mut asked = Asked::default();
    if mode.starts_with("container:") {
        return Ok(asked);
    }
    let mode = if mode == "default" { "bridge" } else { mode };
    let given = body.at("NetworkingConfig");
    let mut wanted: Vec<(&str, Value)> = given
        .entries("EndpointsConfig")
        .map(|(name, settings)| (if name == "default" { "bridge" } else { name.as_str() }, settings.clone()))
        .collect();
    if wanted.len() > 1 && version < ApiVersion::new(44) {
        let names: Vec<&str> = wanted.iter().map(|(name, _)| *name).collect();
        return Err(Refusal::bad_parameter(format!("Container cannot be connected to network endpoints: {}", names.join(", "))));
    }
    if wanted.is_empty() {
        wanted.push((mode, Value::Null));
    }
    for (name, mut settings) in wanted {
        // The address of a container once stood in its configuration, and not with the network before it ran.
        let mut hidden = false;
        if name == mode && !config.text("MacAddress").is_empty() && Document(&settings).text("MacAddress").is_empty() {
            let mut with_address = settings.as_object().cloned().unwrap_or_default();
            with_address.insert("MacAddress".to_owned(), config.text("MacAddress").into());
            settings = Value::Object(with_address);
            hidden = version < ApiVersion::new(44);
        }
        match networks.endpoint(name, Document(&settings)) {
            Ok((name, mut endpoint)) => {
                if hidden {
                    endpoint.mac.clear();
                }
                asked.endpoints.insert(name, endpoint);
            }
            Err(refusal) if refusal.status == 404 => drop(asked.missing.insert(name.to_owned(), settings)),
            Err(refusal) => return Err(refusal),
        }
    }
    Ok(asked)
}

/// A container that starts joins its networks: all or none.
pub(super) fn join(engine: &Engine, state: &mut State, id: &str) -> Result<(), Refusal> {
    let State { containers, networks, ids, .. } = &mut *state;
    let container = containers.find_mut(id)?;
    let missing = std::mem::take(&mut container.missing_networks);
    for (name, settings) in &missing {
        match networks.endpoint(name, Document(settings)) {
            Ok((name, endpoint)) => drop(container.endpoints.insert(name, endpoint)),
            Err(refusal) => {
                container.missing_networks = missing;
                return Err(refusal);
            }
        }
    }
    let mut joined = Vec::new();
    let mut failure = None;
    for endpoint in container.endpoints.values_mut() {
        if let Err(refusal) = networks.join(endpoint, id, ids) {
            failure = Some(refusal);
            break;
        }
        joined.push(endpoint.network_id.clone());
    }
    for network in &joined {
        tell(engine, state, "connect", network, id);
    }
    match failure {
        Some(refusal) => {
            leave(engine, state, id);
            Err(refusal)
        }
        None => Ok(()),
    }
}

/// A container that ended leaves its networks.
pub(super) fn leave(engine: &Engine, state: &mut State, id: &str) {
    let State { containers, networks, .. } = &mut *state;
    let Ok(container) = containers.find_mut(id) else { return };
    let mut left = Vec::new();
    for endpoint in container.endpoints.values_mut().filter(|endpoint| !endpoint.endpoint_id.is_empty()) {
        left.push(endpoint.network_id.clone());
        networks.leave(endpoint, id);
    }
    for network in &left {
        tell(engine, state, "disconnect", network, id);
    }
}

fn tell(engine: &Engine, state: &mut State, action: &str, network: &str, container: &str) {
    let attributes = state.networks.event_attributes(network, container);
    engine.emit(state, "network", action, network, attributes);
}

/// `Networks` of inspect.
pub(super) fn document(container: &Container, version: ApiVersion) -> Value {
    let of = Identity { id: &container.id, name: &container.name, hostname: Document(&container.config).text("Hostname") };
    Value::Object(container.endpoints.iter().map(|(name, endpoint)| (name.clone(), endpoint.to_json(version, of))).collect())
}
