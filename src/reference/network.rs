//! Networks and the addresses on them.
//!
//! Nothing is ever routed: a network is its name, its subnets and who has which address.

mod connect;
mod create;
mod endpoint;
mod ingress;
mod list;
mod pool;
mod removal;
mod resource;
mod subnet;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::model::ApiVersion;

use super::Engine;
use super::answer::Answer;
use super::call::Call;
use super::document::Document;
use super::ids::Ids;
use super::refusal::Refusal;

pub(super) use endpoint::{Endpoint, Identity};
pub(super) use list::matches;

use pool::Pool;
use subnet::Subnet;

/// The networks that every daemon has.
const PREDEFINED: [&str; 3] = ["bridge", "host", "none"];

/// A network.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the API, and they go together in any way")]
pub(super) struct Network {
    /// 64 hex digits; 25 letters and digits in a swarm.
    pub(super) id: String,
    /// Its name, which is not always its own.
    pub(super) name: String,
    created: Timestamp,
    /// `bridge`, `host`, `null`, `overlay`, `macvlan`, `ipvlan`.
    pub(super) driver: String,
    /// `local` or `swarm`.
    pub(super) scope: &'static str,
    ipv6: bool,
    internal: bool,
    attachable: bool,
    /// Whether it is the routing mesh of a swarm.
    pub(super) ingress: bool,
    config_only: bool,
    config_from: String,
    options: Map<String, Value>,
    labels: BTreeMap<String, String>,
    ipam_driver: String,
    ipam_options: Value,
    /// What a network that is only a configuration says of its subnets.
    ipam_asked: Vec<pool::Asked>,
    pools: Vec<Pool>,
    /// Endpoints in use, by the container's id.
    pub(super) members: BTreeMap<String, String>,
}

impl Network {
    /// One of those that cannot be removed.
    pub(super) fn is_predefined(&self) -> bool {
        PREDEFINED.contains(&self.name.as_str())
    }

    fn new(id: String, name: &str, driver: &str, created: Timestamp) -> Self {
        Self {
            id,
            name: name.to_owned(),
            created,
            driver: driver.to_owned(),
            scope: "local",
            ipv6: false,
            internal: false,
            attachable: false,
            ingress: false,
            config_only: false,
            config_from: String::new(),
            options: Map::new(),
            labels: BTreeMap::new(),
            ipam_driver: "default".to_owned(),
            ipam_options: Value::Null,
            ipam_asked: Vec::new(),
            pools: Vec::new(),
            members: BTreeMap::new(),
        }
    }
}

/// All networks, in the order of their creation.
#[derive(Debug, Default)]
pub(super) struct Networks {
    all: Vec<Network>,
}

impl Networks {
    /// `bridge`, `host` and `none` are there from the beginning.
    pub(super) fn new(ids: &mut Ids, now: Timestamp) -> Self {
        let mut bridge = Network::new(ids.hex64(), "bridge", "bridge", now);
        bridge.pools.push(Pool::chosen(Subnet::v4(172, 17, 0, 0, 16)));
        bridge.options = [
            ("default_bridge", "true"),
            ("enable_icc", "true"),
            ("enable_ip_masquerade", "true"),
            ("host_binding_ipv4", "0.0.0.0"),
            ("name", "docker0"),
        ]
        .into_iter()
        .map(|(name, value)| (format!("com.docker.network.bridge.{name}"), value.into()))
        .chain([("com.docker.network.driver.mtu".to_owned(), "1500".into())])
        .collect();
        let host = Network::new(ids.hex64(), "host", "host", now);
        let none = Network::new(ids.hex64(), "none", "null", now);
        Self { all: vec![bridge, host, none] }
    }

    /// The network's own name, and an endpoint on it that has no address yet; `asked` is the client's `EndpointSettings` (null for none).
    pub(super) fn endpoint(&self, network: &str, asked: Document<'_>) -> Result<(String, Endpoint), Refusal> {
        let network = self.find(if network == "default" { "bridge" } else { network })?;
        network.admits(asked)?;
        Ok((network.name.clone(), Endpoint::new(network, asked)))
    }

    /// Gives an endpoint its id and addresses, when its container starts or is connected while it runs.
    pub(super) fn join(&mut self, endpoint: &mut Endpoint, container: &str, ids: &mut Ids) -> Result<(), Refusal> {
        // The network may have been removed, and made again with the same name, while the container was stopped.
        let id = endpoint.network_id.clone();
        let network = self.all.iter_mut().find(|network| network.id == id).ok_or_else(|| no_such(&id))?;
        let (v4, v6) = (endpoint.wanted("IPv4Address"), endpoint.wanted("IPv6Address"));
        let address = network.allocate(v4, true)?;
        let address6 = match network.allocate(v6, false) {
            Ok(address6) => address6,
            Err(refusal) => {
                network.release(address.map(|(address, _)| address));
                return Err(refusal);
            }
        };
        endpoint.endpoint_id = ids.hex64();
        endpoint.joined = true;
        endpoint.take(network, address, address6);
        network.members.insert(container.to_owned(), endpoint.endpoint_id.clone());
        Ok(())
    }

    /// Takes an endpoint's id and addresses, when its container stops or is disconnected.
    pub(super) fn leave(&mut self, endpoint: &mut Endpoint, container: &str) {
        if let Some(network) = self.all.iter_mut().find(|network| network.id == endpoint.network_id) {
            network.release(endpoint.address.parse().ok());
            network.release(endpoint.address6.parse().ok());
            network.members.remove(container);
        }
        endpoint.clear();
    }

    /// By id, by name, or by the only id that begins so.
    pub(super) fn find(&self, term: &str) -> Result<&Network, Refusal> {
        let position = self.position(term).map_err(|ambiguity| match ambiguity {
            Ambiguity::None => no_such(term),
            Ambiguity::Names(count) => Refusal::bad_parameter(format!("network {term} is ambiguous ({count} matches found on name)")),
            Ambiguity::Prefixes(count) => {
                Refusal::bad_parameter(format!("network {term} is ambiguous ({count} matches found based on ID prefix)"))
            }
        })?;
        self.all.get(position).ok_or_else(|| no_such(term))
    }

    /// All of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Network> {
        self.all.iter()
    }

    /// The attributes of an event that has to do with a container (empty: with none).
    pub(super) fn event_attributes(&self, network_id: &str, container: &str) -> BTreeMap<String, String> {
        let mut attributes = BTreeMap::new();
        if let Some(network) = self.all.iter().find(|network| network.id == network_id) {
            attributes.insert("name".to_owned(), network.name.clone());
            attributes.insert("type".to_owned(), network.driver.clone());
        }
        if !container.is_empty() {
            attributes.insert("container".to_owned(), container.to_owned());
        }
        attributes
    }

    fn position(&self, term: &str) -> Result<usize, Ambiguity> {
        if let Some(found) = self.all.iter().position(|network| network.id == term) {
            return Ok(found);
        }
        let mut named = self.all.iter().enumerate().filter(|(_, network)| network.name == term);
        match (named.next(), named.count()) {
            (Some((position, _)), 0) => return Ok(position),
            (Some(_), more) => return Err(Ambiguity::Names(more + 1)),
            (None, _) => {}
        }
        let mut begun = self.all.iter().enumerate().filter(|(_, network)| !term.is_empty() && network.id.starts_with(term));
        match (begun.next(), begun.count()) {
            (Some((position, _)), 0) => Ok(position),
            (Some(_), more) => Err(Ambiguity::Prefixes(more + 1)),
            (None, _) => Err(Ambiguity::None),
        }
    }
}

/// Why a term stands for no one network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ambiguity {
    None,
    Names(usize),
    Prefixes(usize),
}

fn no_such(term: &str) -> Refusal {
    Refusal::not_found(format!("network {term} not found"))
}

impl Network {
    /// Refuses addresses and aliases where the network can have none.
    fn admits(&self, asked: Document<'_>) -> Result<(), Refusal> {
        let ipam = asked.at("IPAMConfig");
        let (v4, v6) = (ipam.text("IPv4Address"), ipam.text("IPv6Address"));
        if self.is_predefined() {
            if !v4.is_empty() || !v6.is_empty() {
                return Err(Refusal::bad_parameter("user specified IP address is supported on user defined networks only"));
            }
            if !asked.items("Aliases").is_empty() {
                return Err(Refusal::bad_parameter("network-scoped alias is supported only for containers in user defined networks"));
            }
        }
        for (text, is_v4) in [(v4, true), (v6, false)] {
            if !text.is_empty() && !self.pools.iter().any(|pool| pool.asked && pool.subnet.is_v4() == is_v4) {
                return Err(Refusal::bad_parameter(
                    "user specified IP address is supported only when connecting to networks with user configured subnets",
                ));
            }
        }
        Ok(())
    }

    /// An address of a family, and the pool's place; nothing where the network has none of that family.
    fn allocate(&mut self, wanted: &str, is_v4: bool) -> Result<Option<(IpAddr, usize)>, Refusal> {
        let family = if is_v4 { "IPv4" } else { "IPv6" };
        let full = format!("no available {family} addresses on this network's address pools: {} ({})", self.name, self.id);
        let mut pools = self.pools.iter_mut().enumerate().filter(|(_, pool)| pool.subnet.is_v4() == is_v4).peekable();
        if pools.peek().is_none() || (!is_v4 && !self.ipv6) {
            return Ok(None);
        }
        if wanted.is_empty() {
            let taken = pools.find_map(|(index, pool)| pool.take().map(|address| (address, index)));
            return taken.map(Some).ok_or_else(|| Refusal::server_error(full));
        }
        // The bracket is dockerd's own.
        let invalid = |_| Refusal::server_error(format!("Invalid {family} address: {wanted})"));
        let address: IpAddr = wanted.parse().map_err(invalid)?;
        let Some((index, pool)) = pools.find(|(_, pool)| pool.subnet.contains(address)) else {
            return Err(Refusal::server_error(format!("Invalid address {wanted}: It does not belong to any of this network's subnets")));
        };
        pool.take_this(address)?;
        Ok(Some((address, index)))
    }

    fn release(&mut self, address: Option<IpAddr>) {
        if let Some(address) = address
            && let Some(pool) = self.pools.iter_mut().find(|pool| pool.subnet.contains(address))
        {
            pool.give_back(address);
        }
    }
}

/// Answers the operations of this part.
pub(super) async fn answer(engine: &Arc<Engine>, mut call: Call) -> Result<Answer, Refusal> {
    match call.operation.id() {
        "NetworkCreate" => {
            let body = call.required_json().await?;
            create::answer(engine, &call, Document(&body))
        }
        "NetworkList" => list::list(engine, &call),
        "NetworkInspect" => list::inspect(engine, &call),
        "NetworkConnect" => {
            let body = call.required_json().await?;
            connect::connect(engine, &call, Document(&body))
        }
        "NetworkDisconnect" => {
            let body = call.required_json().await?;
            connect::disconnect(engine, &call, Document(&body))
        }
        "NetworkDelete" => removal::delete(engine, &call),
        "NetworkPrune" => removal::prune(engine, &call),
        id => Err(Refusal::not_implemented(format!("{id} is not part of the reference backend"))),
    }
}

/// From dockerd 25 on mistakes in a request are the client's, which were a 500 before.
fn mistake(version: ApiVersion, message: impl Into<String>) -> Refusal {
    Refusal::new(if version >= ApiVersion::new(44) { 400 } else { 500 }, message)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn networks() -> (Networks, Ids) {
        let mut ids = Ids::new(Some(1));
        let mut networks = Networks::new(&mut ids, Timestamp::UNIX_EPOCH);
        let mut own = Network::new(ids.hex64(), "own", "bridge", Timestamp::UNIX_EPOCH);
        let asked = pool::Asked { subnet: "10.50.0.0/24".into(), ..pool::Asked::default() };
        own.pools.push(Pool::asked(&asked, Subnet::v4(10, 50, 0, 0, 24), true).expect("a pool"));
        networks.all.push(own);
        (networks, ids)
    }

    #[test]
    fn endpoints_join_and_leave() {
        let (mut networks, mut ids) = networks();
        let (name, mut one) = networks.endpoint("default", Document(&Value::Null)).expect("bridge");
        networks.join(&mut one, "c1", &mut ids).expect("an address");
        assert_eq!((name.as_str(), one.address.as_str(), one.prefix, one.gateway.as_str()), ("bridge", "172.17.0.2", 16, "172.17.0.1"));
        assert_eq!(one.mac, "02:42:ac:11:00:02");
        let mut two = networks.endpoint("bridge", Document(&Value::Null)).expect("bridge").1;
        networks.join(&mut two, "c2", &mut ids).expect("an address");
        assert_eq!(two.address, "172.17.0.3");
        networks.leave(&mut one, "c1");
        assert_eq!((one.address.as_str(), one.endpoint_id.as_str()), ("", ""));
        networks.join(&mut one, "c1", &mut ids).expect("an address");
        assert_eq!(one.address, "172.17.0.2");
        let mut host = networks.endpoint("host", Document(&Value::Null)).expect("host").1;
        networks.join(&mut host, "c1", &mut ids).expect("no address");
        assert_eq!((host.address.as_str(), host.endpoint_id.len()), ("", 64));
    }

    #[test]
    fn static_addresses_need_a_subnet() {
        let (mut networks, mut ids) = networks();
        let asked = json!({ "IPAMConfig": { "IPv4Address": "10.50.0.9" }, "Aliases": ["db"] });
        let mut endpoint = networks.endpoint("own", Document(&asked)).expect("an endpoint").1;
        networks.join(&mut endpoint, "c1", &mut ids).expect("an address");
        assert_eq!(endpoint.address, "10.50.0.9");
        for (address, status, message) in [
            ("10.50.0.9", 403, "Address already in use"),
            ("10.50.0.0", 403, "Address already in use"),
            ("10.51.0.9", 500, "Invalid address 10.51.0.9: It does not belong to any of this network's subnets"),
            ("bad", 500, "Invalid IPv4 address: bad)"),
        ] {
            let asked = json!({ "IPAMConfig": { "IPv4Address": address } });
            let mut other = networks.endpoint("own", Document(&asked)).expect("an endpoint").1;
            assert_eq!(networks.join(&mut other, "c2", &mut ids), Err(Refusal::new(status, message)), "{address}");
        }
        assert_eq!(networks.endpoint("bridge", Document(&asked)).map(|_| ()).map_err(|refusal| refusal.status), Err(400));
        assert_eq!(networks.endpoint("nope", Document(&asked)).map(|_| ()), Err(Refusal::not_found("network nope not found")));
    }

    #[test]
    fn networks_are_found_by_what_is_theirs_alone() {
        let (mut networks, mut ids) = networks();
        let id = networks.find("own").expect("a network").id.clone();
        assert_eq!(networks.find(&id[..12]).map(|network| network.name.as_str()), Ok("own"));
        networks.all.push(Network::new(ids.hex64(), "own", "bridge", Timestamp::UNIX_EPOCH));
        let ambiguous = Refusal::bad_parameter("network own is ambiguous (2 matches found on name)");
        assert_eq!(networks.find("own").map(|_| ()), Err(ambiguous));
        assert_eq!(networks.find("").map(|_| ()).map_err(|refusal| refusal.status), Err(404));
    }
}
