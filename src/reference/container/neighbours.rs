//! Whom the processes of a container find by name or address: the others on its networks.

use std::net::IpAddr;
use std::sync::Arc;

use super::Container;
use crate::reference::document::Document;
use crate::reference::network::Endpoint;
use crate::reference::program::Neighbours;
use crate::reference::{Engine, State};

/// Those of a container, as it stands when it is asked.
pub(in crate::reference) fn of_container(engine: &Arc<Engine>, id: &str) -> Neighbours {
    let (engine, id) = (Arc::downgrade(engine), id.to_owned());
    Neighbours::new(move |name| {
        let engine = engine.upgrade()?;
        let state = engine.state();
        let container = owner(&state, &id)?;
        container.endpoints.values().find_map(|endpoint| linked(&state, endpoint, name).or_else(|| on(&state, &endpoint.network_id, name)))
    })
}

/// Those of a process that has a place on a network without being a container: a step of a build.
pub(in crate::reference) fn of_network(engine: &Arc<Engine>, network: &str) -> Neighbours {
    let (engine, network) = (Arc::downgrade(engine), network.to_owned());
    Neighbours::new(move |name| on(&engine.upgrade()?.state(), &network, name))
}

/// The container whose networks it uses.
fn owner<'s>(state: &'s State, id: &str) -> Option<&'s Container> {
    let container = state.containers.find(id).ok()?;
    match Document(&container.host).text("NetworkMode").strip_prefix("container:") {
        Some(other) => state.containers.find(other).ok(),
        None => Some(container),
    }
}

/// Whom an endpoint's own links name: `container:alias`.
fn linked(state: &State, endpoint: &Endpoint, name: &str) -> Option<IpAddr> {
    let links = Document(&endpoint.asked).texts("Links");
    let link = links.iter().find_map(|link| link.split_once(':').filter(|(_, alias)| *alias == name))?;
    let other = state.containers.find(link.0).ok()?;
    other.endpoints.values().find(|other| other.network_id == endpoint.network_id)?.address.parse().ok()
}

fn on(state: &State, network: &str, name: &str) -> Option<IpAddr> {
    let network = state.networks.find(network).ok()?;
    network.members.keys().find_map(|member| {
        let container = state.containers.find(member).ok()?;
        let endpoint = container.endpoints.values().find(|endpoint| endpoint.network_id == network.id)?;
        let is_address = [&endpoint.address, &endpoint.address6, &endpoint.gateway].into_iter().find(|address| *address == name);
        if let Some(address) = is_address {
            return address.parse().ok();
        }
        // The default bridge has no names.
        let bare = name.strip_suffix(&format!(".{}", network.name)).unwrap_or(name);
        let hostname = Document(&container.config).text("Hostname");
        let aliases = Document(&endpoint.asked).texts("Aliases");
        let is_named = endpoint.named
            && (bare == container.name
                || bare == hostname
                || container.id.get(..12) == Some(bare)
                || aliases.iter().any(|alias| alias == bare));
        if is_named { endpoint.address.parse().ok() } else { None }
    })
}
