//! Subnets: a range of addresses, of either family, as numbers.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The addresses that share the first bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::reference) struct Subnet {
    address: IpAddr,
    prefix: u8,
}

impl Subnet {
    /// An IPv4 subnet.
    pub(in crate::reference) const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u8) -> Self {
        Self { address: IpAddr::V4(Ipv4Addr::new(a, b, c, d)), prefix }
    }

    /// Reads `10.0.0.0/24`; bits behind the prefix are dropped.
    pub(in crate::reference) fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = text.split_once('/')?;
        let address: IpAddr = address.parse().ok()?;
        let prefix: u8 = prefix.parse().ok()?;
        let width = if address.is_ipv4() { 32 } else { 128 };
        if prefix > width || text.contains('+') {
            return None;
        }
        let whole = Self { address, prefix };
        Some(Self { address: whole.at(whole.first()), prefix })
    }

    /// Whether it is of IPv4.
    pub(in crate::reference) fn is_v4(self) -> bool {
        self.address.is_ipv4()
    }

    /// The number of common bits.
    pub(in crate::reference) fn prefix(self) -> u8 {
        self.prefix
    }

    /// The first address as a number.
    pub(in crate::reference) fn first(self) -> u128 {
        number(self.address) & !self.host_mask()
    }

    /// The last address as a number.
    pub(in crate::reference) fn last(self) -> u128 {
        self.first() | self.host_mask()
    }

    /// The address with this number, in the subnet's family.
    pub(in crate::reference) fn at(self, number: u128) -> IpAddr {
        match self.address {
            // The number of an IPv4 address has 32 bits.
            IpAddr::V4(_) => Ipv4Addr::from(u32::try_from(number).unwrap_or(u32::MAX)).into(),
            IpAddr::V6(_) => Ipv6Addr::from(number).into(),
        }
    }

    /// Whether the address is in it.
    pub(in crate::reference) fn contains(self, address: IpAddr) -> bool {
        address.is_ipv4() == self.is_v4() && (self.first()..=self.last()).contains(&number(address))
    }

    /// Whether the two have an address in common.
    pub(in crate::reference) fn overlaps(self, other: Self) -> bool {
        self.is_v4() == other.is_v4() && self.first() <= other.last() && other.first() <= self.last()
    }

    fn host_mask(self) -> u128 {
        let width = if self.is_v4() { 32 } else { 128 };
        let hosts = u32::from(width - self.prefix);
        1u128.checked_shl(hosts).map_or(u128::MAX, |size| size - 1)
    }
}

impl fmt::Display for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

/// An address as a number.
pub(in crate::reference) fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(u32::from(address)),
        IpAddr::V6(address) => u128::from(address),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subnets_are_read() {
        for (text, expected) in [
            ("10.9.0.5/24", Some("10.9.0.0/24")),
            ("10.9.0.0", None),
            ("", None),
            ("10.9.0.0/33", None),
            ("10.9.0.0/0", Some("0.0.0.0/0")),
            ("2001:db8::1/64", Some("2001:db8::/64")),
            ("::/0", Some("::/0")),
            ("2001:db8::1/129", None),
            ("10.0.0.0/+8", None),
        ] {
            assert_eq!(Subnet::parse(text).map(|subnet| subnet.to_string()).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn overlaps_are_found() {
        let subnet = |text| Subnet::parse(text).expect("a subnet");
        for (one, two, expected) in [
            ("10.9.0.0/24", "10.9.0.128/25", true),
            ("10.9.0.0/24", "10.9.1.0/24", false),
            ("0.0.0.0/0", "10.9.1.0/24", true),
            ("::/0", "10.9.1.0/24", false),
        ] {
            assert_eq!(subnet(one).overlaps(subnet(two)), expected, "{one} {two}");
            assert_eq!(subnet(two).overlaps(subnet(one)), expected, "{two} {one}");
        }
        assert_eq!(subnet("10.9.0.0/24").last(), number("10.9.0.255".parse().expect("an address")));
        assert!(subnet("10.9.0.0/24").contains("10.9.0.7".parse().expect("an address")));
    }
}
