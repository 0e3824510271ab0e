//! `POST /networks/create`.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::json;

use crate::model::ApiVersion;

use super::super::answer::Answer;
use super::super::call::Call;
use super::super::document::Document;
use super::super::events::Event;
use super::super::ids::Ids;
use super::super::refusal::Refusal;
use super::super::{Engine, State};
use super::pool::{Asked, Pool};
use super::subnet::Subnet;
use super::{Network, Networks, PREDEFINED, mistake};

const NO_MANAGER: &str =
    "This node is not a swarm manager. Use \"docker swarm init\" or \"docker swarm join\" to connect this node to swarm and try again.";

pub(super) fn answer(engine: &Arc<Engine>, call: &Call, body: Document<'_>) -> Result<Answer, Refusal> {
    let name = body.text("Name");
    let version = call.version;
    if PREDEFINED.contains(&name) {
        return Err(Refusal::forbidden(format!("operation is not permitted on predefined {name} network ")));
    }
    if name.trim().is_empty() {
        return Err(mistake(version, format!("invalid name: {name}")));
    }
    let mut guard = engine.state();
    let State { networks, ids, swarm, .. } = &mut *guard;
    let mut warning = String::new();
    if let Some(known) = networks.all.iter().find(|network| network.name == name) {
        if call.since(44) || body.flag("CheckDuplicate") || known.scope == "swarm" {
            return Err(Refusal::conflict(format!("network with name {name} already exists")));
        }
        warning = format!("Network with name {name} (id : {}) already exists", known.id);
    }
    let network = networks.plan(body, version, ids, engine.now(), swarm.is_manager())?;
    let id = network.id.clone();
    let scope = network.scope;
    networks.all.push(network);
    emit(engine, &mut guard, "create", &id, scope);
    Ok(Answer::created(json!({ "Id": id, "Warning": warning })))
}

/// An event of a network itself; of one of the swarm the manager tells, and knows the name only.
pub(super) fn emit(engine: &Engine, state: &mut State, action: &str, id: &str, scope: &'static str) {
    let mut attributes = state.networks.event_attributes(id, "");
    if scope == "swarm" {
        attributes.remove("type");
    }
    let event = Event { kind: "network", action: action.to_owned(), id: id.to_owned(), attributes, time: engine.now(), scope };
    state.events.emit(event);
}

impl Networks {
    /// Checks what was asked and makes the network of it; it is not one of them yet.
    fn plan(&self, body: Document<'_>, version: ApiVersion, ids: &mut Ids, now: Timestamp, manager: bool) -> Result<Network, Refusal> {
        let since = |minor| version >= ApiVersion::new(minor);
        let driver = Some(body.text("Driver")).filter(|driver| !driver.is_empty()).unwrap_or("bridge");
        let config_only = since(30) && body.flag("ConfigOnly");
        let config_from = if since(30) { body.at("ConfigFrom").text("Network") } else { "" };
        check_driver(driver, body, version, manager, config_only)?;
        let ipam = body.at("IPAM");
        let asked = asked_subnets(ipam, version)?;
        let mut network = Network::new(String::new(), body.text("Name"), if config_only { "null" } else { driver }, now);
        network.options = body.entries("Options").map(|(name, value)| (name.clone(), value.clone())).collect();
        network.labels =
            body.entries("Labels").map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned())).collect();
        network.ipv6 = body.flag("EnableIPv6");
        network.internal = body.flag("Internal");
        network.attachable = since(25) && body.flag("Attachable");
        network.ipam_options = ipam.member("Options").clone();
        network.ipam_asked = asked;
        if !ipam.text("Driver").is_empty() {
            ipam.text("Driver").clone_into(&mut network.ipam_driver);
        }
        if !["default", "null"].contains(&network.ipam_driver.as_str()) {
            return Err(Refusal::not_found(format!("plugin \"{}\" not found", network.ipam_driver)));
        }
        if !config_from.is_empty() {
            self.configure(&mut network, config_from, config_only)?;
        }
        network.config_only = config_only;
        if driver == "overlay" {
            (network.scope, network.ingress) = ("swarm", since(29) && body.flag("Ingress"));
            let tunnel = 4097 + self.all.iter().filter(|network| network.scope == "swarm").count();
            network.options.entry("com.docker.network.driver.overlay.vxlanid_list").or_insert_with(|| tunnel.to_string().into());
        }
        if network.ingress && self.all.iter().any(|network| network.ingress) {
            let message = "rpc error: code = AlreadyExists desc = ingress network (ingress) is already present";
            return Err(Refusal::conflict(message));
        }
        if !config_only && network.ipam_driver != "null" {
            network.pools = self.pools(&network, ids, version)?;
        }
        network.id = if network.scope == "swarm" { ids.base36() } else { ids.hex64() };
        Ok(network)
    }

    /// Takes what another network, which is only a configuration, says.
    fn configure(&self, network: &mut Network, from: &str, config_only: bool) -> Result<(), Refusal> {
        if config_only {
            return Err(Refusal::forbidden("a configuration network cannot depend on another configuration network"));
        }
        let source = self
            .all
            .iter()
            .find(|source| source.config_only && (source.name == from || source.id == from))
            .ok_or_else(|| Refusal::not_found(format!("configuration network \"{from}\" does not exist")))?;
        let plain = network.options.is_empty() && network.labels.is_empty() && network.ipam_asked.is_empty();
        if !plain || network.ipv6 || network.internal {
            return Err(Refusal::forbidden(
                "user specified configurations are not supported if the network depends on a configuration network",
            ));
        }
        source.name.clone_into(&mut network.config_from);
        network.options.clone_from(&source.options);
        network.labels.clone_from(&source.labels);
        network.ipam_asked.clone_from(&source.ipam_asked);
        network.ipam_driver.clone_from(&source.ipam_driver);
        network.ipam_options.clone_from(&source.ipam_options);
        (network.ipv6, network.internal) = (source.ipv6, source.internal);
        Ok(())
    }

    fn pools(&self, network: &Network, ids: &mut Ids, version: ApiVersion) -> Result<Vec<Pool>, Refusal> {
        let none_left = |family: &str| {
            let message =
                format!("could not find an available, non-overlapping {family} address pool among the defaults to assign to the network");
            Refusal::not_found(message)
        };
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for asked in &network.ipam_asked {
            let Some(subnet) = Subnet::parse(&asked.subnet) else { continue };
            let taken = self.all.iter().filter(|other| other.scope == network.scope).flat_map(|other| &other.pools);
            if taken.chain(&v4).chain(&v6).any(|pool: &Pool| pool.subnet.overlaps(subnet)) {
                return Err(Refusal::forbidden("Pool overlaps with other one on this address space"));
            }
            let pool = Pool::asked(asked, subnet, true)?;
            if subnet.is_v4() { v4.push(pool) } else { v6.push(pool) }
        }
        if network.driver == "bridge" && (v4.len() > 1 || v6.len() > 1) {
            return Err(Refusal::forbidden("bridge driver doesn't support multiple subnets"));
        }
        if v4.is_empty() {
            let chosen = if network.scope == "swarm" { self.choose_overlay() } else { self.choose_v4() };
            v4.push(chosen.ok_or_else(|| none_left("IPv4"))?);
        }
        if network.ipv6 && v6.is_empty() {
            // Daemons before 27 have no IPv6 addresses of their own to give.
            if version < ApiVersion::new(46) {
                return Err(none_left("IPv6"));
            }
            v6.push(Pool::chosen(unique_local(ids)));
        }
        // Without IPv6 its subnets are kept and shown, and nobody gets an address of them.
        v4.append(&mut v6);
        Ok(v4)
    }

    /// The first of the default subnets that is free: 172.17 to 172.31, then sixteenths of 192.168.
    pub(super) fn choose_v4(&self) -> Option<Pool> {
        let defaults = (17..=31).map(|second| Subnet::v4(172, second, 0, 0, 16));
        let defaults = defaults.chain((0..16).map(|third| Subnet::v4(192, 168, third * 16, 0, 20)));
        self.choose(defaults)
    }

    fn choose_overlay(&self) -> Option<Pool> {
        self.choose((1..=255).map(|third| Subnet::v4(10, 0, third, 0, 24)))
    }

    fn choose(&self, mut subnets: impl Iterator<Item = Subnet>) -> Option<Pool> {
        let is_free = |subnet: &Subnet| !self.all.iter().flat_map(|network| &network.pools).any(|pool| pool.subnet.overlaps(*subnet));
        subnets.find(is_free).map(Pool::chosen)
    }
}

fn check_driver(driver: &str, body: Document<'_>, version: ApiVersion, manager: bool, config_only: bool) -> Result<(), Refusal> {
    match driver {
        _ if config_only => {}
        "bridge" | "macvlan" | "ipvlan" => {}
        "overlay" if manager => {}
        "overlay" => return Err(Refusal::server_error(NO_MANAGER)),
        "host" | "null" => return Err(Refusal::forbidden(format!("only one instance of \"{driver}\" network is allowed"))),
        _ => return Err(Refusal::not_found(format!("plugin \"{driver}\" not found"))),
    }
    if version >= ApiVersion::new(29) && body.flag("Ingress") && driver != "overlay" {
        return Err(Refusal::forbidden("Ingress network can only be global scope network"));
    }
    let scope = if version >= ApiVersion::new(30) { body.text("Scope") } else { "" };
    match scope {
        "" | "local" => Ok(()),
        "swarm" if driver == "overlay" => Ok(()),
        "swarm" => Err(Refusal::forbidden("cannot create a swarm scoped network when swarm is not active")),
        _ => Err(Refusal::server_error(NO_MANAGER)),
    }
}

fn asked_subnets(ipam: Document<'_>, version: ApiVersion) -> Result<Vec<Asked>, Refusal> {
    let mut all = Vec::new();
    for config in ipam.items("Config") {
        let config = Document(config);
        let auxiliary: BTreeMap<String, String> = config
            .entries("AuxiliaryAddresses")
            .map(|(name, address)| (name.clone(), address.as_str().unwrap_or_default().to_owned()))
            .collect();
        let asked = Asked {
            subnet: config.text("Subnet").to_owned(),
            range: config.text("IPRange").to_owned(),
            gateway: config.text("Gateway").to_owned(),
            auxiliary,
        };
        let Some(subnet) = Subnet::parse(&asked.subnet) else {
            return Err(mistake(version, format!("Invalid subnet {0} : invalid CIDR address: {0}", asked.subnet)));
        };
        if !asked.gateway.is_empty() && asked.gateway.parse::<IpAddr>().is_err() {
            return Err(mistake(version, format!("invalid gateway address {} in Ipam configuration", asked.gateway)));
        }
        // Where the range is outside the subnet older daemons take it all the same.
        let outside = Subnet::parse(&asked.range).is_none_or(|range| !subnet.contains(range.at(range.first())));
        if version >= ApiVersion::new(44) && !asked.range.is_empty() && outside {
            let message = format!("invalid ip-range {}: parent subnet {subnet} doesn't contain ip-range", asked.range);
            return Err(Refusal::bad_parameter(message));
        }
        all.push(asked);
    }
    Ok(all)
}

/// A subnet of the range that everybody may use: random, so that two are not the same.
fn unique_local(ids: &mut Ids) -> Subnet {
    let digits = ids.hex64();
    let group = |at: usize| digits.get(at..at + 4).unwrap_or("0001").to_owned();
    let text = format!("fd{}:{}:{}:{}::/64", group(0).get(..2).unwrap_or("00"), group(4), group(8), group(12));
    Subnet::parse(&text).unwrap_or(Subnet::v4(172, 17, 0, 0, 16))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn planned(networks: &mut Networks, ids: &mut Ids, text: &str, minor: u16, manager: bool) -> Result<Value, (u16, String)> {
        let body: Value = serde_json::from_str(text).expect("JSON");
        let version = ApiVersion::new(minor);
        let network = networks
            .plan(Document(&body), version, ids, Timestamp::UNIX_EPOCH, manager)
            .map_err(|refusal| (refusal.status, refusal.message))?;
        let shown = network.to_json(version);
        networks.all.push(network);
        Ok(shown)
    }

    #[test]
    fn what_dockerd_refuses_is_refused() {
        let mut ids = Ids::new(Some(1));
        let mut networks = Networks::new(&mut ids, Timestamp::UNIX_EPOCH);
        for (text, minor, status, message) in [
            (r#"{"Name":"o","Driver":"overlay"}"#, 41, 500, NO_MANAGER),
            (r#"{"Name":"o","Driver":"nope"}"#, 41, 404, "plugin \"nope\" not found"),
            (r#"{"Name":"o","Driver":"host"}"#, 41, 403, "only one instance of \"host\" network is allowed"),
            (
                r#"{"Name":"o","IPAM":{"Config":[{"Subnet":"10.9.0.0"}]}}"#,
                41,
                500,
                "Invalid subnet 10.9.0.0 : invalid CIDR address: 10.9.0.0",
            ),
            (r#"{"Name":"o","IPAM":{"Config":[{"Gateway":"10.9.0.1"}]}}"#, 44, 400, "Invalid subnet  : invalid CIDR address: "),
            (
                r#"{"Name":"o","IPAM":{"Config":[{"Subnet":"172.17.5.0/24"}]}}"#,
                41,
                403,
                "Pool overlaps with other one on this address space",
            ),
            (
                r#"{"Name":"o","IPAM":{"Config":[{"Subnet":"10.16.0.0/24"},{"Subnet":"10.17.0.0/24"}]}}"#,
                41,
                403,
                "bridge driver doesn't support multiple subnets",
            ),
            (r#"{"Name":"o","ConfigFrom":{"Network":"nope"}}"#, 41, 404, "configuration network \"nope\" does not exist"),
            (r#"{"Name":"o","Ingress":true}"#, 41, 403, "Ingress network can only be global scope network"),
            (r#"{"Name":"o","Scope":"swarm"}"#, 41, 403, "cannot create a swarm scoped network when swarm is not active"),
            (r#"{"Name":"o","IPAM":{"Driver":"nope"}}"#, 41, 404, "plugin \"nope\" not found"),
        ] {
            assert_eq!(planned(&mut networks, &mut ids, text, minor, false), Err((status, message.to_owned())), "{text}");
        }
    }

    #[test]
    fn subnets_are_chosen_or_taken() {
        let mut ids = Ids::new(Some(1));
        let mut networks = Networks::new(&mut ids, Timestamp::UNIX_EPOCH);
        let mut config = |text: &str, minor: u16, manager: bool| {
            planned(&mut networks, &mut ids, text, minor, manager).map(|network| network["IPAM"]["Config"].to_string())
        };
        assert_eq!(config(r#"{"Name":"a"}"#, 41, false), Ok(r#"[{"Gateway":"172.18.0.1","Subnet":"172.18.0.0/16"}]"#.to_owned()));
        assert_eq!(
            config(r#"{"Name":"o","Driver":"overlay"}"#, 41, true),
            Ok(r#"[{"Gateway":"10.0.1.1","Subnet":"10.0.1.0/24"}]"#.to_owned())
        );
        let unused = r#"{"Name":"c","IPAM":{"Config":[{"Subnet":"2001:389::/64"}]}}"#;
        let shown = r#"[{"Gateway":"172.19.0.1","Subnet":"172.19.0.0/16"},{"Subnet":"2001:389::/64"}]"#.to_owned();
        assert_eq!(config(unused, 41, false), Ok(shown));
        let own = r#"{"Name":"b","IPAM":{"Config":[{"Subnet":"10.9.0.5/24"}]}}"#;
        assert_eq!(config(own, 41, false), Ok(r#"[{"Subnet":"10.9.0.5/24"}]"#.to_owned()));
        for number in 0..28 {
            assert!(config(&format!(r#"{{"Name":"n{number}"}}"#), 41, false).is_ok(), "{number}");
        }
        assert_eq!(config(r#"{"Name":"full"}"#, 41, false).map_err(|(status, _)| status), Err(404));
    }

    #[test]
    fn a_configuration_is_taken_over() {
        let mut ids = Ids::new(Some(1));
        let mut networks = Networks::new(&mut ids, Timestamp::UNIX_EPOCH);
        let source =
            planned(&mut networks, &mut ids, r#"{"Name":"conf","ConfigOnly":true,"Labels":{"a":"b"}}"#, 41, false).expect("a network");
        assert_eq!((&source["Driver"], &source["IPAM"]["Config"]), (&json!("null"), &json!([])));
        let made = planned(
            &mut networks,
            &mut ids,
            r#"{"Name":"of","ConfigFrom":{"Network":"conf"},"IPAM":{"Config":[],"Options":{}}}"#,
            41,
            false,
        );
        let made = made.expect("a network");
        assert_eq!((&made["Labels"], &made["ConfigFrom"]), (&json!({ "a": "b" }), &json!({ "Network": "conf" })));
    }
}
