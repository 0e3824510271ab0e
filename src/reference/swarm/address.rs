//! The addresses that a node listens on and shows to others. There is one network card, `eth0`, and the loopback; nothing is ever bound.

use std::net::{IpAddr, Ipv4Addr};

use super::super::refusal::Refusal;

/// The address of the only network card.
const CARD: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);
const PORT: &str = "2377";

const BAD_LISTEN: &str = "listen address must be an IP address or network interface (with optional port number)";
const BAD_ADVERTISE: &str = "advertise address must be a non-zero IP address or network interface (with optional port number)";
const BAD_DATA_PATH: &str = "data path address must be a non-zero IP address or network interface (without a port number)";

/// Checks that an address to listen on was given, as `swarm init` and `swarm join` do first. With its port.
pub(super) fn normalize(address: &str, what: &str) -> Result<String, Refusal> {
    if address.is_empty() {
        return Err(Refusal::bad_parameter(format!("invalid {what} \"\": invalid empty address")));
    }
    let address = address.strip_prefix("tcp://").unwrap_or(address);
    Ok(match split(address) {
        Some((host, "" | "0")) => join(if host.is_empty() { "0.0.0.0" } else { host }, PORT),
        Some(("", port)) => join("0.0.0.0", port),
        Some((host, port)) => join(host, port),
        None => join(address, PORT),
    })
}

/// The address and port to listen on.
pub(super) fn listen(address: &str) -> Result<(IpAddr, String), Refusal> {
    let (host, port) = split(address).ok_or_else(|| Refusal::server_error(format!("could not parse listen address {address}")))?;
    let address = resolve(host).ok_or_else(|| Refusal::bad_parameter(BAD_LISTEN))?;
    Ok((address, port.to_owned()))
}

/// The address that others are told, with its port.
pub(super) fn advertise(address: &str, listen_port: &str) -> Result<(IpAddr, String), Refusal> {
    if address.is_empty() {
        return Ok((IpAddr::V4(CARD), listen_port.to_owned()));
    }
    let (host, port) = split(address).unwrap_or((address, listen_port));
    let found = resolve(host).filter(|address| !address.is_unspecified()).ok_or_else(|| Refusal::bad_parameter(BAD_ADVERTISE))?;
    Ok((found, port.to_owned()))
}

/// Checks the address of the data path; empty is right.
pub(super) fn data_path(address: &str) -> Result<(), Refusal> {
    if address.is_empty() || resolve(address).is_some_and(|address| !address.is_unspecified()) {
        return Ok(());
    }
    Err(Refusal::bad_parameter(BAD_DATA_PATH))
}

/// Checks the port of the data path: 4789 when it is 0.
pub(super) fn data_path_port(port: u64) -> Result<u64, Refusal> {
    match port {
        0 => Ok(4789),
        1024..=49151 => Ok(port),
        _ => Err(Refusal::server_error(format!("Datapath port number is not in valid range (1024-49151) : {port}"))),
    }
}

/// Refuses an address that is no address of this machine.
pub(super) fn bind(address: IpAddr, port: &str) -> Result<(), Refusal> {
    if address.is_unspecified() || address.is_loopback() || address == IpAddr::V4(CARD) {
        return Ok(());
    }
    Err(Refusal::server_error(format!(
        "manager stopped: failed to listen on remote API address: listen tcp {}: bind: cannot assign requested address",
        join(&address.to_string(), port)
    )))
}

/// Checks the pools that overlay networks take their subnets of.
pub(super) fn pools(pools: &[String], size: u64) -> Result<(), Refusal> {
    if pools.is_empty() {
        return Ok(());
    }
    let size = if size == 0 { 24 } else { size };
    if size > 29 {
        return Err(Refusal::server_error(format!("subnet size is out of range: {size}")));
    }
    for pool in pools.iter().map(|pool| pool.trim()) {
        let prefix = pool
            .split_once('/')
            .and_then(|(address, prefix)| {
                let address: IpAddr = address.parse().ok()?;
                let most = if address.is_ipv4() { 32 } else { 128 };
                prefix.parse::<u64>().ok().filter(|prefix| *prefix <= most)
            })
            .ok_or_else(|| Refusal::server_error(format!("invalid base pool {pool}: invalid CIDR address: {pool}")))?;
        if size < prefix {
            return Err(Refusal::server_error(format!("invalid CIDR: \"{pool}\". Subnet size is too small for pool: {size}")));
        }
    }
    Ok(())
}

/// An address and a port, as Go joins them.
pub(super) fn join(host: &str, port: &str) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

fn split(address: &str) -> Option<(&str, &str)> {
    let (host, port) = address.rsplit_once(':')?;
    match host.strip_prefix('[') {
        Some(rest) => Some((rest.strip_suffix(']')?, port)),
        None => (!host.contains(':')).then_some((host, port)),
    }
}

fn resolve(host: &str) -> Option<IpAddr> {
    match host {
        "lo" => Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        "eth0" => Some(IpAddr::V4(CARD)),
        _ => host.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_to_listen_on() {
        for (given, expected) in [
            ("127.0.0.1", Ok("127.0.0.1:2377")),
            ("0.0.0.0:99", Ok("0.0.0.0:99")),
            ("eth0", Ok("192.0.2.2:2377")),
            (":2400", Ok("0.0.0.0:2400")),
            ("[::1]:7", Ok("[::1]:7")),
            ("x", Err((400, BAD_LISTEN))),
            ("", Err((400, "invalid ListenAddr \"\": invalid empty address"))),
        ] {
            let found = normalize(given, "ListenAddr").and_then(|address| listen(&address)).map(|(ip, port)| join(&ip.to_string(), &port));
            assert_eq!(found, expected.map(str::to_owned).map_err(|(status, text)| Refusal::new(status, text)), "{given}");
        }
    }

    #[test]
    fn addresses_to_show() {
        for (given, expected) in [("", "192.0.2.2:1"), ("lo", "127.0.0.1:1"), ("127.0.0.1:99", "127.0.0.1:99")] {
            assert_eq!(advertise(given, "1").map(|(ip, port)| join(&ip.to_string(), &port)), Ok(expected.to_owned()), "{given}");
        }
        for given in ["nowhere", "0.0.0.0"] {
            assert_eq!(advertise(given, "1"), Err(Refusal::bad_parameter(BAD_ADVERTISE)), "{given}");
        }
        assert_eq!(data_path("xx"), Err(Refusal::bad_parameter(BAD_DATA_PATH)));
        assert!(bind(IpAddr::from([1, 2, 3, 4]), "1").is_err() && bind(IpAddr::V4(CARD), "1").is_ok());
    }

    #[test]
    fn pools_and_ports() {
        for (pool, size, expected) in [
            ("x", 0, "invalid base pool x: invalid CIDR address: x"),
            ("10.0.0.0/8", 99, "subnet size is out of range: 99"),
            ("10.0.0.0/25", 20, "invalid CIDR: \"10.0.0.0/25\". Subnet size is too small for pool: 20"),
        ] {
            assert_eq!(pools(&[pool.to_owned()], size), Err(Refusal::server_error(expected)));
        }
        assert!(pools(&["10.0.0.0/8".to_owned()], 0).is_ok() && pools(&[], 99).is_ok());
        assert_eq!((data_path_port(0), data_path_port(80).is_ok()), (Ok(4789), false));
    }
}
