//! The networks that a swarm brings: its routing mesh, and the bridge to it.

use jiff::Timestamp;

use super::super::ids::Ids;
use super::pool::Pool;
use super::subnet::Subnet;
use super::{Network, Networks};

/// Who holds the bridge to a swarm.
const INGRESS: &str = "ingress-sbox";

impl Networks {
    /// A node that becomes part of a swarm gets the routing mesh and a bridge to it.
    pub(in crate::reference) fn swarm_began(&mut self, ids: &mut Ids, now: Timestamp) {
        if self.all.iter().any(|network| network.ingress) {
            return;
        }
        let mut ingress = Network::new(ids.base36(), "ingress", "overlay", now);
        (ingress.scope, ingress.ingress) = ("swarm", true);
        ingress.options.insert("com.docker.network.driver.overlay.vxlanid_list".to_owned(), "4096".into());
        ingress.pools.push(Pool::chosen(Subnet::v4(10, 0, 0, 0, 24)));
        self.all.push(ingress);
        if self.find("docker_gwbridge").is_err()
            && let Some(pool) = self.choose_v4()
        {
            let mut bridge = Network::new(ids.hex64(), "docker_gwbridge", "bridge", now);
            bridge.pools.push(pool);
            for (option, value) in [("enable_icc", "false"), ("enable_ip_masquerade", "true"), ("name", "docker_gwbridge")] {
                bridge.options.insert(format!("com.docker.network.bridge.{option}"), value.into());
            }
            self.all.push(bridge);
        }
        if let Some(bridge) = self.all.iter_mut().find(|network| network.name == "docker_gwbridge") {
            bridge.members.insert(INGRESS.to_owned(), ids.hex64());
        }
    }

    /// With the swarm go its networks; the bridge stays, as with dockerd.
    pub(in crate::reference) fn swarm_ended(&mut self) {
        self.all.retain(|network| network.scope != "swarm");
        for network in &mut self.all {
            network.members.remove(INGRESS);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_swarm_brings_its_networks() {
        let mut ids = Ids::new(Some(1));
        let mut networks = Networks::new(&mut ids, Timestamp::UNIX_EPOCH);
        networks.swarm_began(&mut ids, Timestamp::UNIX_EPOCH);
        networks.swarm_began(&mut ids, Timestamp::UNIX_EPOCH);
        let names: Vec<&str> = networks.iter().map(|network| network.name.as_str()).collect();
        assert_eq!(names, ["bridge", "host", "none", "ingress", "docker_gwbridge"]);
        networks.swarm_ended();
        assert_eq!(networks.iter().map(|network| network.members.len()).collect::<Vec<_>>(), [0; 4]);
    }
}
