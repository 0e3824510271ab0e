//! A network as the API shows it.

use serde_json::{Map, Value, json};

use crate::model::ApiVersion;

use super::super::State;
use super::Network;

impl Network {
    /// As list and inspect show it, but for the containers.
    pub(super) fn to_json(&self, version: ApiVersion) -> Value {
        let config: Vec<Value> = if self.config_only {
            self.ipam_asked.iter().map(|asked| asked.shown().into()).collect()
        } else {
            self.pools.iter().map(|pool| pool.shown(version >= ApiVersion::new(52))).collect()
        };
        json!({
            "Name": self.name,
            "Id": self.id,
            "Created": self.created.to_string(),
            "Scope": self.scope,
            "Driver": self.driver,
            "EnableIPv4": true,
            "EnableIPv6": self.ipv6,
            "IPAM": { "Driver": self.ipam_driver, "Options": self.ipam_options, "Config": config },
            "Internal": self.internal,
            "Attachable": self.attachable,
            "Ingress": self.ingress,
            "ConfigFrom": { "Network": self.config_from },
            "ConfigOnly": self.config_only,
            "Containers": {},
            "Options": self.options,
            "Labels": self.labels,
        })
    }

    /// `Status` of inspect, from 1.52 on.
    pub(super) fn status(&self) -> Value {
        let subnets: Map<String, Value> = self
            .pools
            .iter()
            .filter(|pool| pool.subnet.is_v4() || self.ipv6)
            .map(|pool| {
                let (used, left) = pool.usage();
                (pool.subnet.to_string(), json!({ "IPsInUse": used, "DynamicIPsAvailable": left }))
            })
            .collect();
        json!({ "IPAM": { "Subnets": subnets } })
    }
}

/// `Containers` of a network: who is on it now.
pub(super) fn containers(state: &State, network: &Network) -> Value {
    let mut all = Map::new();
    for id in network.members.keys() {
        let Ok(container) = state.containers.find(id) else { continue };
        let Some(endpoint) = container.endpoints.values().find(|endpoint| endpoint.network_id == network.id) else { continue };
        let cidr = |address: &str, prefix: u8| if address.is_empty() { String::new() } else { format!("{address}/{prefix}") };
        all.insert(
            id.clone(),
            json!({
                "Name": container.name,
                "EndpointID": endpoint.endpoint_id,
                "MacAddress": endpoint.mac,
                "IPv4Address": cidr(&endpoint.address, endpoint.prefix),
                "IPv6Address": cidr(&endpoint.address6, endpoint.prefix6),
            }),
        );
    }
    all.into()
}
