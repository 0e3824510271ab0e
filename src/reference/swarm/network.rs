//! The networks of a swarm's services: the twins of those that every node has, and the overlays, whose addresses the network part gives out.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::State;
use super::super::document::Document;
use super::super::ids::Ids;
use super::super::network::{Endpoint, Networks};
use super::super::refusal::Refusal;
use super::cluster::Cluster;
use super::object::{Meta, invalid};

/// A network of the node that services may use: `host` and `bridge`.
#[derive(Debug)]
pub(super) struct SwarmNetwork {
    id: String,
    meta: Meta,
    name: &'static str,
}

impl SwarmNetwork {
    /// Those of a new swarm.
    pub(super) fn predefined(ids: &mut Ids, index: u64, now: Timestamp) -> Vec<Self> {
        ["bridge", "host"].into_iter().map(|name| Self { id: ids.base36(), meta: Meta::new(index, now), name }).collect()
    }
}

/// A place of a task or of a service on an overlay network.
#[derive(Debug)]
pub(super) struct Place {
    /// Who has it: the id of the task or the service.
    pub(super) holder: String,
    pub(super) endpoint: Endpoint,
}

/// Writes the ids of the networks into a service spec that names them.
pub(super) fn resolve(spec: &mut Value, cluster: &Cluster, networks: &Networks) -> Result<(), Refusal> {
    let place = if spec["TaskTemplate"]["Networks"].is_array() { "/TaskTemplate/Networks" } else { "/Networks" };
    for attachment in spec.pointer_mut(place).and_then(Value::as_array_mut).into_iter().flatten() {
        let target = Document(attachment).text("Target");
        attachment["Target"] = find(target, cluster, networks)?.into();
    }
    Ok(())
}

fn find(target: &str, cluster: &Cluster, networks: &Networks) -> Result<String, Refusal> {
    if let Some(twin) = cluster.predefined.iter().find(|network| network.id == target || network.name == target) {
        return Ok(twin.id.clone());
    }
    let Ok(network) = networks.find(target) else {
        return Err(Refusal::server_error(format!("network {target} not found")));
    };
    if let Some(twin) = cluster.predefined.iter().find(|twin| twin.name == network.name) {
        return Ok(twin.id.clone());
    }
    if network.scope != "swarm" {
        return Err(Refusal::forbidden(format!(
            "The network {} cannot be used with services. Only networks scoped to the swarm can be used, such as those created with the overlay driver.",
            network.name
        )));
    }
    if network.ingress {
        return Err(invalid(format!("Service cannot be explicitly attached to the ingress network \"{}\"", network.name)));
    }
    Ok(network.id.clone())
}

/// The networks that tasks of this spec are attached to.
fn targets(spec: &Value) -> impl Iterator<Item = &str> {
    let own = &spec["TaskTemplate"]["Networks"];
    let all = if own.is_array() { own } else { &spec["Networks"] };
    all.as_array().into_iter().flatten().map(|attachment| Document(attachment).text("Target"))
}

/// Whether the routing mesh publishes a port of this spec.
pub(super) fn needs_ingress(spec: &Value) -> bool {
    Document(&spec["EndpointSpec"]).items("Ports").iter().any(|port| Document(port).text("PublishMode") == "ingress")
}

/// Gives a service its virtual addresses and its published ports; what it has already it keeps.
pub(super) fn allocate_service(state: &mut State, id: &str) {
    let State { swarm, networks, ids, .. } = state;
    let Some(cluster) = swarm.cluster.as_mut() else { return };
    let Some(service) = cluster.services.get(id) else { return };
    let spec = service.spec.clone();
    let taken: Vec<u64> = cluster
        .services
        .values()
        .filter_map(|service| service.endpoint["Ports"].as_array())
        .flatten()
        .filter_map(|port| port["PublishedPort"].as_u64())
        .collect();
    let own = Document(&service.endpoint).items("Ports").to_vec();
    let mut free = (30_000_u64..=32_767).filter(|port| !taken.contains(port));
    let ports: Vec<Value> = Document(&spec["EndpointSpec"])
        .items("Ports")
        .iter()
        .map(|port| {
            let mut port = port.clone();
            if port["PublishedPort"].as_u64().is_none() && port["PublishMode"] == "ingress" {
                let same = |own: &&Value| own["TargetPort"] == port["TargetPort"] && own["Protocol"] == port["Protocol"];
                let number = own.iter().find(same).and_then(|own| own["PublishedPort"].as_u64()).or_else(|| free.next());
                port["PublishedPort"] = number.into();
            }
            port
        })
        .collect();
    let twins: Vec<String> = cluster.predefined.iter().map(|network| network.id.clone()).collect();
    let is_vip = spec["EndpointSpec"]["Mode"] != "dnsrr";
    let ingress = needs_ingress(&spec).then(|| networks.find("ingress").ok().map(|network| network.id.clone())).flatten();
    let wanted: Vec<String> = ingress.into_iter().chain(targets(&spec).map(str::to_owned)).collect();
    let Some(service) = cluster.services.get_mut(id) else { return };
    for mut place in std::mem::take(&mut service.places) {
        if is_vip && wanted.contains(&place.endpoint.network_id) {
            service.places.push(place);
        } else {
            networks.leave(&mut place.endpoint, id);
        }
    }
    let mut addresses = Vec::new();
    for network in wanted.iter().filter(|_| is_vip) {
        if twins.contains(network) {
            addresses.push(json!({ "NetworkID": network }));
            continue;
        }
        if !service.places.iter().any(|place| place.endpoint.network_id == *network) {
            service.places.extend(join(networks, network, id, ids));
        }
        if let Some(place) = service.places.iter().find(|place| place.endpoint.network_id == *network) {
            addresses.push(json!({ "NetworkID": network, "Addr": format!("{}/{}", place.endpoint.address, place.endpoint.prefix) }));
        }
    }
    let mut endpoint = json!({ "Spec": {} });
    if !(ports.is_empty() && wanted.is_empty()) && spec["EndpointSpec"].is_object() {
        endpoint["Spec"] = spec["EndpointSpec"].clone();
    }
    if !ports.is_empty() {
        endpoint["Ports"] = ports.into();
    }
    if !addresses.is_empty() {
        endpoint["VirtualIPs"] = addresses.into();
    }
    service.endpoint = endpoint;
}

/// Gives a task its addresses; the value is its `NetworksAttachments`.
pub(super) fn allocate_task(state: &mut State, id: &str) {
    let State { swarm, networks, ids, .. } = state;
    let Some(cluster) = swarm.cluster.as_mut() else { return };
    let Some(service) = cluster.tasks.get(id).and_then(|task| cluster.services.get(&task.service_id)) else { return };
    let ingress = needs_ingress(&service.spec).then(|| networks.find("ingress").ok().map(|network| network.id.clone())).flatten();
    let wanted: Vec<String> = ingress.into_iter().chain(targets(&service.spec).map(str::to_owned)).collect();
    let (mut attachments, mut places) = (Vec::new(), Vec::new());
    for network in wanted {
        if let Some(twin) = cluster.predefined.iter().find(|twin| twin.id == network) {
            attachments.push(json!({ "Network": twin.write() }));
        } else if let Some(place) = join(networks, &network, id, ids) {
            let address = format!("{}/{}", place.endpoint.address, place.endpoint.prefix);
            attachments.push(json!({ "Network": overlay(networks, &place.endpoint, &cluster.meta), "Addresses": [address] }));
            places.push(place);
        }
    }
    if let Some(task) = cluster.tasks.get_mut(id) {
        task.attachments = attachments;
        task.places = places;
    }
}

/// Gives the addresses back.
pub(super) fn release(networks: &mut Networks, places: Vec<Place>) {
    for mut place in places {
        networks.leave(&mut place.endpoint, &place.holder);
    }
}

fn join(networks: &mut Networks, network: &str, holder: &str, ids: &mut Ids) -> Option<Place> {
    let (_, mut endpoint) = networks.endpoint(network, Document(&Value::Null)).ok()?;
    networks.join(&mut endpoint, holder, ids).ok()?;
    Some(Place { holder: holder.to_owned(), endpoint })
}

impl SwarmNetwork {
    /// As the network part shows it, when it is meant.
    pub(super) fn inspect(&self, term: &str, scope: &str) -> Option<Value> {
        let meant = matches!(scope, "" | "swarm") && self.id == term || scope == "swarm" && self.name == term;
        meant.then(|| {
            json!({
                "Name": self.name,
                "Id": self.id,
                "Created": self.meta.created.to_string(),
                "Scope": "swarm",
                "Driver": self.name,
                "EnableIPv4": false,
                "EnableIPv6": false,
                "IPAM": { "Driver": "", "Options": null, "Config": [] },
                "Internal": false,
                "Attachable": false,
                "Ingress": false,
                "ConfigFrom": { "Network": "" },
                "ConfigOnly": false,
                "Containers": null,
                "Options": null,
                "Labels": { "com.docker.swarm.predefined": "true" },
            })
        })
    }

    fn write(&self) -> Value {
        let mut object = self.meta.write(&self.id);
        let labels = json!({ "com.docker.swarm.predefined": "true" });
        object.insert(
            "Spec".to_owned(),
            json!({ "Name": self.name, "Labels": labels, "DriverConfiguration": { "Name": self.name }, "Scope": "swarm" }),
        );
        object.insert("DriverState".to_owned(), json!({ "Name": self.name }));
        object.insert("IPAMOptions".to_owned(), json!({ "Driver": {} }));
        object.into()
    }
}

fn overlay(networks: &Networks, endpoint: &Endpoint, swarm: &Meta) -> Value {
    let mut object = swarm.write(&endpoint.network_id);
    let found = networks.find(&endpoint.network_id);
    let name = found.as_ref().map(|network| network.name.clone()).unwrap_or_default();
    let mut spec = json!({ "Name": name, "Labels": {}, "DriverConfiguration": { "Name": "overlay" }, "Scope": "swarm" });
    let mut state = json!({ "Name": "overlay" });
    if found.is_ok_and(|network| network.ingress) {
        spec["Ingress"] = true.into();
        spec["DriverConfiguration"] = json!({});
        spec["IPAMOptions"] = json!({ "Driver": {} });
        state["Options"] = json!({ "com.docker.network.driver.overlay.vxlanid_list": "4096" });
    }
    let subnet = endpoint.address.parse::<std::net::Ipv4Addr>().ok().map(|address| {
        let mask = u32::MAX.checked_shl(32_u32.saturating_sub(endpoint.prefix.into())).unwrap_or_default();
        format!("{}/{}", std::net::Ipv4Addr::from(u32::from(address) & mask), endpoint.prefix)
    });
    let configs: Vec<Value> = subnet.into_iter().map(|subnet| json!({ "Subnet": subnet, "Gateway": endpoint.gateway })).collect();
    object.insert("Spec".to_owned(), spec);
    object.insert("DriverState".to_owned(), state);
    object.insert("IPAMOptions".to_owned(), json!({ "Driver": { "Name": "default" }, "Configs": configs }));
    object.into()
}
