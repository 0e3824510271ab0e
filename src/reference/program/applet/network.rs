//! Programs about the network. There is none: they print what a container with one address would show. Only names, and whether somebody is
//! there, come from the networks that the daemon keeps.

use std::net::IpAddr;
use std::time::Duration;

use super::super::pipe::Closed;
use super::super::process::Process;
use super::Table;
use super::arguments::{Given, usage};

pub(super) const TABLE: Table = &[
    ("ifconfig", |process| Box::pin(ifconfig(process))),
    ("ip", |process| Box::pin(ip(process))),
    ("ping", |process| Box::pin(ping(process))),
    ("nslookup", |process| Box::pin(nslookup(process))),
    ("wget", |process| Box::pin(refused(process))),
    ("nc", |process| Box::pin(refused(process))),
    ("telnet", |process| Box::pin(refused(process))),
    ("vi", |process| Box::pin(vi(process))),
];

/// The address of the container: what `/etc/hosts` says of its name.
fn address(process: &Process) -> Option<String> {
    let hosts = process.files().read("/etc/hosts").ok()?;
    let text = String::from_utf8_lossy(&hosts).into_owned();
    let line = text.lines().find(|line| line.split_whitespace().skip(1).any(|name| name == process.world.hostname))?;
    line.split_whitespace().next().map(str::to_owned)
}

async fn ifconfig(process: &mut Process) -> Result<u8, Closed> {
    if let Some(address) = address(process) {
        process.out(format!("eth0      Link encap:Ethernet  HWaddr 02:42:AC:11:00:02\n          inet addr:{address}  Bcast:0.0.0.0  Mask:255.255.0.0\n          UP BROADCAST RUNNING MULTICAST  MTU:1500  Metric:1\n\n")).await?;
    }
    process.out("lo        Link encap:Local Loopback\n          inet addr:127.0.0.1  Mask:255.0.0.0\n          UP LOOPBACK RUNNING  MTU:65536  Metric:1\n\n").await?;
    Ok(0)
}

async fn ip(process: &mut Process) -> Result<u8, Closed> {
    let address = address(process);
    let routes = process.arguments().iter().any(|argument| "route".starts_with(argument.as_str()));
    if routes {
        if let Some(address) = address {
            process.line(format!("default via 172.17.0.1 dev eth0\n172.17.0.0/16 dev eth0 scope link  src {address}")).await?;
        }
        return Ok(0);
    }
    process.line("1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue qlen 1000\n    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00\n    inet 127.0.0.1/8 scope host lo\n       valid_lft forever preferred_lft forever").await?;
    if let Some(address) = address {
        process.line(format!("2: eth0@if3: <BROADCAST,MULTICAST,UP,LOWER_UP,M-DOWN> mtu 1500 qdisc noqueue\n    link/ether 02:42:ac:11:00:02 brd ff:ff:ff:ff:ff:ff\n    inet {address}/16 brd 172.17.255.255 scope global eth0\n       valid_lft forever preferred_lft forever")).await?;
    }
    Ok(0)
}

fn target(process: &Process) -> String {
    process.arguments().iter().find(|argument| !argument.starts_with('-') && argument.parse::<u64>().is_err()).cloned().unwrap_or_default()
}

/// The address behind a name: `/etc/hosts` is asked first, then the network.
fn resolve(process: &Process, name: &str) -> Option<IpAddr> {
    if let Ok(address) = name.parse() {
        return Some(address);
    }
    let hosts = process.files().read("/etc/hosts").unwrap_or_default();
    let text = String::from_utf8_lossy(&hosts);
    let mut lines = text.lines().map(|line| line.split_once('#').map_or(line, |(line, _)| line).split_whitespace());
    let found = lines.find_map(|mut words| {
        let address = words.next()?.parse().ok()?;
        words.any(|word| word == name).then_some(address)
    });
    found.or_else(|| process.world.neighbours.find(name))
}

/// Whether somebody is there: the container itself, or one on its networks.
fn answers(process: &Process, at: IpAddr) -> bool {
    let text = at.to_string();
    at.is_loopback() || address(process).as_ref() == Some(&text) || process.world.neighbours.find(&text).is_some()
}

async fn ping(process: &mut Process) -> Result<u8, Closed> {
    let given = match Given::of(process, "q46A", "cWiswIpt").await {
        Ok(given) => given,
        Err(code) => return Ok(code),
    };
    let Some(target) = given.operands.first() else { return Ok(usage(process, "missing operand").await) };
    let Some(at) = resolve(process, target) else {
        process.complain(format!("bad address '{target}'")).await;
        return Ok(1);
    };
    process.line(format!("PING {target} ({at}): 56 data bytes")).await?;
    if !answers(process, at) {
        process.line(format!("\n--- {target} ping statistics ---\n1 packets transmitted, 0 packets received, 100% packet loss")).await?;
        return Ok(1);
    }
    let count = given.value('c').and_then(|count| count.parse::<u64>().ok()).filter(|count| *count > 0);
    let pause = given.value('i').and_then(super::time::duration).unwrap_or(Duration::from_secs(1));
    let mut sent = 0;
    loop {
        process.line(format!("64 bytes from {at}: seq={sent} ttl=64 time=0.050 ms")).await?;
        sent += 1;
        if Some(sent) == count {
            break;
        }
        tokio::time::sleep(pause).await;
    }
    process
        .line(format!(
            "\n--- {target} ping statistics ---\n{sent} packets transmitted, {sent} packets received, 0% packet loss\n\
             round-trip min/avg/max = 0.050/0.050/0.050 ms"
        ))
        .await?;
    Ok(0)
}

async fn nslookup(process: &mut Process) -> Result<u8, Closed> {
    let target = target(process);
    let servers = process.files().read("/etc/resolv.conf").unwrap_or_default();
    let text = String::from_utf8_lossy(&servers);
    let server = text.lines().find_map(|line| line.strip_prefix("nameserver")).map(|server| server.trim().to_owned());
    // The server knows the network, not what stands in `/etc/hosts`.
    match (server, process.world.neighbours.find(&target)) {
        (Some(server), Some(found)) => {
            process
                .line(format!(
                    "Server:\t\t{server}\nAddress:\t{server}:53\n\nNon-authoritative answer:\nName:\t{target}\nAddress: {found}\n"
                ))
                .await?;
            Ok(0)
        }
        (Some(server), None) if server.starts_with("127.") => {
            process.line(format!("Server:\t\t{server}\nAddress:\t{server}:53\n\n** server can't find {target}: NXDOMAIN\n")).await?;
            Ok(1)
        }
        _ => {
            process.line(";; connection timed out; no servers could be reached\n").await?;
            Ok(1)
        }
    }
}

async fn refused(process: &mut Process) -> Result<u8, Closed> {
    let target = target(process);
    let host = target.split_once("://").map_or(target.as_str(), |(_, rest)| rest).split('/').next().unwrap_or_default().to_owned();
    let text = match process.name() {
        "nc" => format!("{host}: Connection refused"),
        _ => format!("can't connect to remote host ({host}): Connection refused"),
    };
    process.complain(text).await;
    Ok(1)
}

async fn vi(process: &mut Process) -> Result<u8, Closed> {
    process.complain("there is no screen to edit on").await;
    Ok(1)
}
