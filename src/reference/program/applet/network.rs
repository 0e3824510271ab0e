//! Programs about the network. There is none: they print what a container with one address would show, or say that nobody answers.

use super::super::pipe::Closed;
use super::super::process::Process;
use super::Table;

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

async fn ping(process: &mut Process) -> Result<u8, Closed> {
    let target = target(process);
    let numeric = target.split('.').filter(|part| part.parse::<u8>().is_ok()).count() == 4;
    if numeric {
        process.line(format!("PING {target} ({target}): 56 data bytes\n\n--- {target} ping statistics ---\n1 packets transmitted, 0 packets received, 100% packet loss")).await?;
    } else {
        process.complain(format!("bad address '{target}'")).await;
    }
    Ok(1)
}

async fn nslookup(process: &mut Process) -> Result<u8, Closed> {
    process.line(";; connection timed out; no servers could be reached\n").await?;
    Ok(1)
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
