//! A pool: the addresses of one subnet of a network, and which of them are taken.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use serde_json::{Map, Value};

use super::super::refusal::Refusal;
use super::subnet::{Subnet, number};

/// So many addresses are looked at before a pool counts as full.
const LOOKED_AT: u128 = 1 << 20;

/// The addresses of a subnet.
#[derive(Debug, Clone)]
pub(in crate::reference) struct Pool {
    /// The subnet.
    pub(in crate::reference) subnet: Subnet,
    /// As inspect shows it: what the client wrote, or what was chosen.
    shown: Map<String, Value>,
    /// Whether the client chose the subnet.
    pub(in crate::reference) asked: bool,
    /// The gateway; none in a network that routes nowhere.
    pub(in crate::reference) gateway: Option<IpAddr>,
    /// Addresses are given out of this part.
    range: Subnet,
    reserved: BTreeSet<u128>,
    taken: BTreeSet<u128>,
    /// Nothing below is free: the search begins here.
    lowest: u128,
}

/// What a client says of a subnet.
#[derive(Debug, Default, Clone)]
pub(in crate::reference) struct Asked {
    /// `Subnet`, as it was written.
    pub(in crate::reference) subnet: String,
    /// `IPRange`.
    pub(in crate::reference) range: String,
    /// `Gateway`.
    pub(in crate::reference) gateway: String,
    /// `AuxiliaryAddresses`.
    pub(in crate::reference) auxiliary: BTreeMap<String, String>,
}

impl Asked {
    /// As inspect shows it.
    pub(in crate::reference) fn shown(&self) -> Map<String, Value> {
        let mut shown = Map::new();
        for (name, text) in [("Subnet", &self.subnet), ("IPRange", &self.range), ("Gateway", &self.gateway)] {
            if !text.is_empty() {
                shown.insert(name.to_owned(), text.clone().into());
            }
        }
        if !self.auxiliary.is_empty() {
            let auxiliary: Map<String, Value> =
                self.auxiliary.iter().map(|(name, address)| (name.clone(), address.clone().into())).collect();
            shown.insert("AuxiliaryAddresses".to_owned(), auxiliary.into());
        }
        shown
    }
}

impl Pool {
    /// A pool that was chosen: its first address is the gateway.
    pub(in crate::reference) fn chosen(subnet: Subnet) -> Self {
        let gateway = subnet.at(subnet.first() + 1);
        let shown = Map::from_iter([
            ("Subnet".to_owned(), Value::from(subnet.to_string())),
            ("Gateway".to_owned(), Value::from(gateway.to_string())),
        ]);
        Self::new(subnet, subnet, Some(gateway), [], shown, false)
    }

    /// A pool as the client wants it, `subnet` being what it wrote. `routed` says that there is a gateway at all.
    pub(in crate::reference) fn asked(asked: &Asked, subnet: Subnet, routed: bool) -> Result<Self, Refusal> {
        let range = Subnet::parse(&asked.range).filter(|range| subnet.contains(range.at(range.first()))).unwrap_or(subnet);
        let mut reserved = Vec::new();
        for (name, text) in &asked.auxiliary {
            let address: IpAddr = text
                .parse()
                .map_err(|_| Refusal::bad_parameter(format!("non parsable secondary ip address ({name}:{text}) passed for network")))?;
            if !subnet.contains(address) {
                let message = format!("auxiliary address: ({name}:{text}) must belong to the master pool: {subnet}");
                return Err(Refusal::forbidden(message));
            }
            reserved.push(number(address));
        }
        let gateway = if asked.gateway.is_empty() {
            let free = (range.first()..=range.last()).take(1 << 12).find(|address| usable(subnet, *address) && !reserved.contains(address));
            match free {
                Some(address) => Some(subnet.at(address)),
                None if routed => return Err(Refusal::server_error("failed to allocate gateway (): No available addresses on this pool")),
                None => None,
            }
        } else {
            let gateway: IpAddr = asked
                .gateway
                .parse()
                .map_err(|_| Refusal::bad_parameter(format!("invalid gateway address {} in Ipam configuration", asked.gateway)))?;
            if !subnet.contains(gateway) {
                let message = format!("failed to allocate gateway ({gateway}): Requested address is out of range");
                return Err(Refusal::server_error(message));
            }
            Some(gateway)
        };
        Ok(Self::new(subnet, range, gateway.filter(|_| routed), reserved, asked.shown(), true))
    }

    fn new(
        subnet: Subnet,
        range: Subnet,
        gateway: Option<IpAddr>,
        reserved: impl IntoIterator<Item = u128>,
        shown: Map<String, Value>,
        asked: bool,
    ) -> Self {
        let reserved = reserved.into_iter().chain(gateway.map(number)).collect();
        Self { subnet, shown, asked, gateway, range, reserved, taken: BTreeSet::new(), lowest: range.first() }
    }

    /// As inspect shows it. The gateway of a subnet that the client chose is shown from 1.52 on even if it was not asked for.
    pub(in crate::reference) fn shown(&self, with_gateway: bool) -> Value {
        let mut shown = self.shown.clone();
        if let (true, Some(gateway)) = (with_gateway, self.gateway) {
            shown.entry("Gateway").or_insert_with(|| gateway.to_string().into());
        }
        shown.into()
    }

    /// The lowest free address.
    pub(in crate::reference) fn take(&mut self) -> Option<IpAddr> {
        let range = self.lowest.max(self.range.first())..=self.range.last();
        let free = range.take(usize::try_from(LOOKED_AT).unwrap_or(usize::MAX)).find(|address| self.is_free(*address))?;
        self.taken.insert(free);
        self.lowest = free.saturating_add(1);
        Some(self.subnet.at(free))
    }

    /// This very address, when it is in the subnet and free.
    pub(in crate::reference) fn take_this(&mut self, address: IpAddr) -> Result<(), Refusal> {
        if !self.is_free(number(address)) {
            return Err(Refusal::forbidden("Address already in use"));
        }
        self.taken.insert(number(address));
        Ok(())
    }

    /// Gives an address back.
    pub(in crate::reference) fn give_back(&mut self, address: IpAddr) {
        let address = number(address);
        if self.taken.remove(&address) {
            self.lowest = self.lowest.min(address);
        }
    }

    /// How many addresses are in use, and how many are left to give out.
    pub(in crate::reference) fn usage(&self) -> (u64, u64) {
        let edges = u128::from(self.subnet.is_v4() && self.subnet.prefix() < 31) * 2;
        let used = (self.taken.len() + self.reserved.len()) as u128 + edges;
        let size = (self.range.last() - self.range.first()).saturating_add(1);
        let narrow = |value: u128| u64::try_from(value).unwrap_or(u64::MAX);
        (narrow(used), narrow(size.saturating_sub(used)))
    }

    fn is_free(&self, address: u128) -> bool {
        usable(self.subnet, address) && !self.reserved.contains(&address) && !self.taken.contains(&address)
    }
}

/// Neither the network's own address nor the broadcast address.
fn usable(subnet: Subnet, address: u128) -> bool {
    address > subnet.first() && (address < subnet.last() || !subnet.is_v4()) && address <= subnet.last()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(subnet: &str, range: &str, gateway: &str) -> Result<Pool, Refusal> {
        let asked = Asked { subnet: subnet.into(), range: range.into(), gateway: gateway.into(), auxiliary: BTreeMap::new() };
        Pool::asked(&asked, Subnet::parse(subnet).expect("a subnet"), true)
    }

    #[test]
    fn addresses_come_from_the_range_and_go_back() {
        let mut pool = pool("10.12.0.0/24", "10.12.0.128/25", "10.12.0.254").expect("a pool");
        let first = pool.take().expect("an address");
        assert_eq!(first.to_string(), "10.12.0.128");
        assert_eq!(pool.take_this(first), Err(Refusal::forbidden("Address already in use")));
        pool.give_back(first);
        assert_eq!(pool.take(), Some(first));
        assert_eq!(pool.usage(), (4, 124));
    }

    #[test]
    fn a_pool_may_be_full() {
        let mut pool = pool("10.12.0.0/30", "", "").expect("a pool");
        assert_eq!(pool.gateway.map(|gateway| gateway.to_string()).as_deref(), Some("10.12.0.1"));
        assert!(pool.take().is_some());
        assert_eq!(pool.take(), None);
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for (subnet, range, gateway, status, message) in [
            ("10.19.0.0/31", "", "", 500, "failed to allocate gateway (): No available addresses on this pool"),
            ("10.10.0.0/24", "", "10.11.0.1", 500, "failed to allocate gateway (10.11.0.1): Requested address is out of range"),
            ("10.10.0.0/24", "", "x", 400, "invalid gateway address x in Ipam configuration"),
        ] {
            assert_eq!(pool(subnet, range, gateway).err(), Some(Refusal::new(status, message)), "{subnet}");
        }
    }
}
