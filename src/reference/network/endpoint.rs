//! A container's place on a network, and how inspect and list show it.

use std::net::IpAddr;

use serde_json::{Value, json};

use crate::model::ApiVersion;

use super::super::document::Document;
use super::Network;

/// A container's place on a network: `EndpointSettings` of the API.
#[derive(Debug, Clone)]
#[expect(clippy::struct_field_names, reason = "the API calls it EndpointID, and there is a network's id beside it")]
pub(in crate::reference) struct Endpoint {
    /// The network.
    pub(in crate::reference) network_id: String,
    /// Whether it was ever joined: until then nobody is told which network it is.
    pub(super) joined: bool,
    /// The endpoint's own id; empty while the container does not run.
    pub(in crate::reference) endpoint_id: String,
    /// As asked for, with every member that Go always writes: `IPAMConfig`, `Links`, `Aliases`, `DriverOpts` …
    pub(in crate::reference) asked: Value,
    /// `172.17.0.2`, or empty.
    pub(in crate::reference) address: String,
    /// 16.
    pub(in crate::reference) prefix: u8,
    /// `172.17.0.1`, or empty.
    pub(in crate::reference) gateway: String,
    /// `02:42:ac:11:00:02`, or empty; what was asked for until the container runs for the first time.
    pub(in crate::reference) mac: String,
    /// The IPv6 address, or empty.
    pub(in crate::reference) address6: String,
    /// 64.
    pub(in crate::reference) prefix6: u8,
    /// The IPv6 gateway, or empty.
    pub(in crate::reference) gateway6: String,
    /// Whether the network is neither `bridge`, `host` nor `none`: it has names.
    pub(in crate::reference) named: bool,
    /// Whether it had its names once: with the first start of its container, or when that was connected.
    pub(in crate::reference) was_named: bool,
}

/// Whose endpoint it is: what goes into its names.
#[derive(Debug, Clone, Copy)]
pub(in crate::reference) struct Identity<'c> {
    /// The container's id.
    pub(in crate::reference) id: &'c str,
    /// Its name, without a slash.
    pub(in crate::reference) name: &'c str,
    /// Its `Hostname`.
    pub(in crate::reference) hostname: &'c str,
}

impl Endpoint {
    /// An endpoint that has no address yet.
    pub(super) fn new(network: &Network, asked: Document<'_>) -> Self {
        let list = |name: &str| if asked.has(name) { json!(asked.texts(name)) } else { Value::Null };
        let asked = json!({
            "IPAMConfig": asked.member("IPAMConfig"),
            "Links": list("Links"),
            "Aliases": list("Aliases"),
            "DriverOpts": asked.member("DriverOpts"),
            "GwPriority": asked.int("GwPriority"),
            "MacAddress": asked.text("MacAddress"),
        });
        let mac = asked["MacAddress"].as_str().unwrap_or_default().to_owned();
        Self {
            network_id: network.id.clone(),
            joined: false,
            endpoint_id: String::new(),
            asked,
            address: String::new(),
            prefix: 0,
            gateway: String::new(),
            mac,
            address6: String::new(),
            prefix6: 0,
            gateway6: String::new(),
            named: !network.is_predefined(),
            was_named: false,
        }
    }

    /// As inspect of a container shows it.
    pub(in crate::reference) fn to_json(&self, version: ApiVersion, of: Identity<'_>) -> Value {
        let mut shown = self.operational();
        let aliases = Document(&self.asked).texts("Aliases");
        let short: String = of.id.chars().take(12).collect();
        let more = |own: &[String], names: &[&str]| {
            let mut all = own.to_vec();
            for name in names {
                if !name.is_empty() && !all.iter().any(|known| known == name) {
                    all.push((*name).to_owned());
                }
            }
            all
        };
        if self.named {
            // Clients of old look for the short id among the aliases; before 1.44 the daemon put it there itself, when the container was connected.
            if version < ApiVersion::new(45) && (self.was_named || version >= ApiVersion::new(44)) {
                shown["Aliases"] = more(&aliases, &[&short, of.hostname]).into();
            } else {
                shown["Aliases"] = self.asked["Aliases"].clone();
            }
            let mut names: Vec<&str> = aliases.iter().map(String::as_str).collect();
            names.extend([short.as_str(), of.hostname]);
            shown["DNSNames"] = more(&[of.name.to_owned()], &names).into();
        } else {
            shown["Aliases"] = self.asked["Aliases"].clone();
        }
        for name in ["IPAMConfig", "Links", "DriverOpts"] {
            shown[name] = self.asked[name].clone();
        }
        shown
    }

    /// `NetworkID` in answers: empty until the container has started once.
    pub(in crate::reference) fn shown_network_id(&self) -> &str {
        if self.joined { &self.network_id } else { "" }
    }

    /// The address that was asked for (`IPv4Address`, `IPv6Address`), or the empty text.
    pub(super) fn wanted(&self, family: &str) -> &str {
        Document(&self.asked).at("IPAMConfig").text(family)
    }

    /// Takes the addresses that the network gave.
    pub(super) fn take(&mut self, network: &Network, v4: Option<(IpAddr, usize)>, v6: Option<(IpAddr, usize)>) {
        self.was_named = true;
        let gateway = |index: usize| network.pools.get(index).and_then(|pool| pool.gateway).filter(|_| !network.internal);
        let shown = |index: usize| gateway(index).map(|gateway| gateway.to_string()).unwrap_or_default();
        let prefix = |index: usize| network.pools.get(index).map_or(0, |pool| pool.subnet.prefix());
        if let Some((address, index)) = v4 {
            (self.address, self.prefix, self.gateway) = (address.to_string(), prefix(index), shown(index));
        }
        if let Some((address, index)) = v6 {
            (self.address6, self.prefix6, self.gateway6) = (address.to_string(), prefix(index), shown(index));
        }
        let asked = Document(&self.asked).text("MacAddress");
        self.mac = match v4 {
            _ if !asked.is_empty() => asked.to_owned(),
            Some((IpAddr::V4(address), _)) => {
                let [a, b, c, d] = address.octets();
                format!("02:42:{a:02x}:{b:02x}:{c:02x}:{d:02x}")
            }
            // Without an IPv4 address there is an interface only for an IPv6 one.
            _ => v6.map(|_| format!("02:42:{}", mac_tail(&self.endpoint_id))).unwrap_or_default(),
        };
    }

    /// Forgets what it had while its container ran.
    pub(super) fn clear(&mut self) {
        for text in [&mut self.endpoint_id, &mut self.address, &mut self.gateway, &mut self.mac, &mut self.address6, &mut self.gateway6] {
            text.clear();
        }
        (self.prefix, self.prefix6) = (0, 0);
    }

    fn operational(&self) -> Value {
        json!({
            "IPAMConfig": null,
            "Links": null,
            "Aliases": null,
            "MacAddress": self.mac,
            "DriverOpts": null,
            "GwPriority": self.asked["GwPriority"],
            "NetworkID": self.shown_network_id(),
            "EndpointID": self.endpoint_id,
            "Gateway": self.gateway,
            "IPAddress": self.address,
            "IPPrefixLen": self.prefix,
            "IPv6Gateway": self.gateway6,
            "GlobalIPv6Address": self.address6,
            "GlobalIPv6PrefixLen": self.prefix6,
            "DNSNames": null,
        })
    }
}

/// Four bytes of an id, as a MAC address writes them.
fn mac_tail(id: &str) -> String {
    let digits: Vec<char> = id.chars().take(8).collect();
    digits.chunks(2).map(|pair| pair.iter().collect::<String>()).collect::<Vec<_>>().join(":")
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn names_depend_on_network_and_version() {
        let asked = json!({ "Aliases": ["db"], "DriverOpts": { "a": "b" } });
        let of = Identity { id: "39b69226f9d79f5634485fb236a23b2f", name: "web", hostname: "39b69226f9d7" };
        for (network, minor, started, aliases, names) in [
            ("own", 41, false, json!(["db"]), json!(["web", "db", "39b69226f9d7"])),
            ("own", 44, false, json!(["db", "39b69226f9d7"]), json!(["web", "db", "39b69226f9d7"])),
            ("own", 41, true, json!(["db", "39b69226f9d7"]), json!(["web", "db", "39b69226f9d7"])),
            ("own", 45, true, json!(["db"]), json!(["web", "db", "39b69226f9d7"])),
            ("bridge", 45, true, json!(["db"]), json!(null)),
        ] {
            let network = Network::new("n".to_owned(), network, "bridge", Timestamp::UNIX_EPOCH);
            let mut endpoint = Endpoint::new(&network, Document(&asked));
            endpoint.was_named = started;
            let shown = endpoint.to_json(ApiVersion::new(minor), of);
            assert_eq!((&shown["Aliases"], &shown["DNSNames"]), (&aliases, &names), "{} 1.{minor}", network.name);
            assert_eq!(shown["DriverOpts"], json!({ "a": "b" }));
        }
    }
}
