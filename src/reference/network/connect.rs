//! `POST /networks/{id}/connect` and `/disconnect`.

use std::sync::Arc;

use serde_json::Value;

use super::super::answer::Answer;
use super::super::call::Call;
use super::super::document::Document;
use super::super::refusal::Refusal;
use super::super::{Engine, State};

const HOST: &str = "container cannot be disconnected from host network or connected to host network";
const SHARED: &str = "container sharing network namespace with another container or host cannot be connected to any other network";
const NONE: &str = "container cannot be connected to multiple networks with one of the networks in private (none) mode";

pub(super) fn connect(engine: &Arc<Engine>, call: &Call, body: Document<'_>) -> Result<Answer, Refusal> {
    let mut guard = engine.state();
    let State { containers, networks, ids, .. } = &mut *guard;
    let container = containers.find_mut(body.text("Container"))?;
    let mode = Document(&container.host).text("NetworkMode").to_owned();
    if mode.starts_with("container:") {
        return Err(Refusal::bad_parameter(SHARED));
    }
    let network = networks.find(&call.name)?;
    let (name, driver, scope) = (network.name.clone(), network.driver.clone(), network.scope);
    // Aliases and addresses of an endpoint are known from 1.22 on; before, there was nothing to say.
    let asked = if call.since(22) { body.member("EndpointConfig") } else { &Value::Null };
    let (_, mut endpoint) = networks.endpoint(&network.id, Document(asked))?;
    if mode != "host" && driver == "host" {
        return Err(Refusal::bad_parameter(HOST));
    }
    let running = container.is_running();
    for known in container.endpoints.keys() {
        if *known == name {
            return match (running, scope) {
                (true, "swarm") => Err(Refusal::conflict(format!("{} is already attached to network {name}", container.name))),
                (true, _) => Err(Refusal::forbidden(format!("endpoint with name {} already exists in network {name}", container.name))),
                (false, _) => Ok(Answer::empty(200)),
            };
        }
        if known == "host" || driver == "host" {
            return Err(Refusal::bad_parameter(SHARED));
        }
        if known == "none" || name == "none" {
            return Err(Refusal::bad_parameter(NONE));
        }
    }
    let id = container.id.clone();
    let network_id = endpoint.network_id.clone();
    endpoint.was_named = true;
    if running {
        networks.join(&mut endpoint, &id, ids)?;
    }
    container.endpoints.insert(name, endpoint);
    if running {
        let attributes = networks.event_attributes(&network_id, &id);
        engine.emit(&mut guard, "network", "connect", &network_id, attributes);
    }
    Ok(Answer::empty(200))
}

pub(super) fn disconnect(engine: &Arc<Engine>, call: &Call, body: Document<'_>) -> Result<Answer, Refusal> {
    let force = body.flag("Force");
    let mut guard = engine.state();
    let State { containers, networks, .. } = &mut *guard;
    let asked = body.text("Container");
    let found = networks.find(&call.name).map(|network| (network.id.clone(), network.name.clone(), network.driver.clone()));
    let container = match containers.find_mut(asked) {
        Err(_) if force => {
            found?;
            return Err(Refusal::not_found(format!("endpoint {asked} not found")));
        }
        other => other?,
    };
    let running = container.is_running();
    let id = container.id.clone();
    let (network_id, name) = match found {
        Ok((network_id, name, driver)) => {
            if running && driver == "host" && Document(&container.host).text("NetworkMode") == "host" {
                return Err(Refusal::bad_parameter(HOST));
            }
            (Some(network_id), name)
        }
        Err(refusal) if running && !force => return Err(refusal),
        // The network has gone, its name is left with the container.
        Err(_) => (None, call.name.clone()),
    };
    let Some(mut endpoint) = container.endpoints.remove(&name) else {
        let article = if running && network_id.is_some() { "" } else { "the " };
        return Err(Refusal::server_error(format!("container {id} is not connected to {article}network {name}")));
    };
    if running {
        networks.leave(&mut endpoint, &id);
    }
    if let Some(network_id) = network_id {
        let attributes = networks.event_attributes(&network_id, &id);
        engine.emit(&mut guard, "network", "disconnect", &network_id, attributes);
    }
    Ok(Answer::empty(200))
}
