//! Ports: what a container exposes, and what of it is published on the host. No port of the host is ever opened.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use crate::reference::document::Document;
use crate::reference::ids::Ids;
use crate::reference::refusal::Refusal;

/// The ports of a running container: `80/tcp` and the addresses of the host on which it is published, none for one that is only exposed.
#[derive(Debug, Clone, Default)]
pub(in crate::reference) struct Published(pub(super) BTreeMap<String, Vec<(String, u16)>>);

/// Which ports of the host are taken.
#[derive(Debug, Default)]
pub(super) struct Allocation(BTreeSet<(String, u16, String)>);

impl Published {
    /// `Ports` of inspect.
    pub(super) fn document(&self) -> Value {
        let binding = |(ip, port): &(String, u16)| json!({ "HostIp": ip, "HostPort": port.to_string() });
        let ports = self.0.iter().map(|(private, bindings)| {
            let bindings = if bindings.is_empty() { Value::Null } else { bindings.iter().map(binding).collect() };
            (private.clone(), bindings)
        });
        Value::Object(ports.collect::<Map<_, _>>())
    }

    /// `49153->80, 443`: as lists wrote them before 1.5.
    pub(super) fn text(&self) -> String {
        let mut parts = Vec::new();
        for (private, bindings) in &self.0 {
            let (number, _) = split(private);
            match bindings.as_slice() {
                [] => parts.push(number.to_owned()),
                bindings => parts.extend(bindings.iter().map(|(_, port)| format!("{port}->{number}"))),
            }
        }
        parts.join(", ")
    }
}

/// The number (or range) and the protocol of `80/udp`; tcp unless it says another.
pub(super) fn split(port: &str) -> (&str, &str) {
    match port.split_once('/') {
        Some((number, "")) => (number, "tcp"),
        Some((number, protocol)) => (number, protocol),
        None => (port, "tcp"),
    }
}

/// Refuses port bindings that are none.
pub(super) fn check(host: Document<'_>) -> Result<(), Refusal> {
    let invalid = |text: &str| Refusal::bad_parameter(format!("invalid port specification: \"{text}\""));
    for (private, bindings) in host.entries("PortBindings") {
        let (number, _) = split(private);
        if number.is_empty() || range(number).is_none() {
            return Err(invalid(number));
        }
        for binding in bindings.as_array().into_iter().flatten() {
            let port = Document(binding).text("HostPort");
            if range(split(port).0).is_none() {
                return Err(invalid(port));
            }
        }
    }
    Ok(())
}

/// First and last port of `8000-8010`, `80` or the empty text, which is 0.
fn range(text: &str) -> Option<(u16, u16)> {
    match text.split_once('-') {
        Some((first, last)) => Some((first.parse().ok()?, last.parse().ok()?)).filter(|(first, last)| first <= last),
        None if text.is_empty() => Some((0, 0)),
        None => text.parse().ok().map(|port| (port, port)),
    }
}

impl Allocation {
    /// Publishes the ports of a container, all or none. The text of the failure is that of the port mapper.
    pub(super) fn publish(&mut self, config: Document<'_>, host: Document<'_>, ids: &mut Ids) -> Result<Published, String> {
        let mut published = Published::default();
        match self.publish_each(config, host, ids, &mut published) {
            Ok(()) => Ok(published),
            Err(text) => {
                self.release(&published);
                Err(text)
            }
        }
    }

    fn publish_each(&mut self, config: Document<'_>, host: Document<'_>, ids: &mut Ids, published: &mut Published) -> Result<(), String> {
        let normal = |port: &str| {
            let (number, protocol) = split(port);
            format!("{number}/{protocol}")
        };
        for (private, _) in config.entries("ExposedPorts") {
            published.0.entry(normal(private)).or_default();
        }
        for (private, bindings) in host.entries("PortBindings") {
            let private = normal(private);
            published.0.entry(private.clone()).or_default();
            let bindings = bindings.as_array().map(Vec::as_slice).unwrap_or_default();
            // An empty list asks for any port.
            let any = [json!({})];
            for binding in if bindings.is_empty() { &any } else { bindings } {
                let binding = Document(binding);
                let ip = if binding.text("HostIp").is_empty() { "0.0.0.0" } else { binding.text("HostIp") };
                let port = self.take(split(&private).1, ip, split(binding.text("HostPort")).0, ids)?;
                published.0.entry(private.clone()).or_default().push((ip.to_owned(), port));
            }
        }
        if host.flag("PublishAllPorts") {
            let rest: Vec<String> =
                published.0.iter().filter(|(_, bindings)| bindings.is_empty()).map(|(private, _)| private.clone()).collect();
            for private in rest {
                let port = self.take(split(&private).1, "0.0.0.0", "", ids)?;
                published.0.entry(private).or_default().push(("0.0.0.0".to_owned(), port));
            }
        }
        Ok(())
    }

    /// Takes a port: this one, one of a range, or any.
    fn take(&mut self, protocol: &str, ip: &str, asked: &str, ids: &mut Ids) -> Result<u16, String> {
        let (first, last) = range(asked).unwrap_or_default();
        if first > 0 {
            if let Some(port) = (first..=last).find(|port| self.is_free(protocol, *port, ip)) {
                self.0.insert((protocol.to_owned(), port, ip.to_owned()));
                return Ok(port);
            }
            return Err(match last - first {
                0 => format!("Bind for {ip}:{first} failed: port is already allocated"),
                _ => "all ports are allocated".to_owned(),
            });
        }
        for _ in 0..1000 {
            let port = ids.port();
            if self.is_free(protocol, port, ip) {
                self.0.insert((protocol.to_owned(), port, ip.to_owned()));
                return Ok(port);
            }
        }
        Err("all ports are allocated".to_owned())
    }

    fn is_free(&self, protocol: &str, port: u16, ip: &str) -> bool {
        let is_any = |ip: &str| matches!(ip, "0.0.0.0" | "::");
        let from = (protocol.to_owned(), port, String::new());
        let same = self.0.range(from..).take_while(|(taken, number, _)| taken == protocol && *number == port);
        !same.into_iter().any(|(.., taken)| taken == ip || is_any(taken) || is_any(ip))
    }

    /// Gives the ports of a container back.
    pub(super) fn release(&mut self, published: &Published) {
        for (private, bindings) in &published.0 {
            for (ip, port) in bindings {
                self.0.remove(&(split(private).1.to_owned(), *port, ip.clone()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bindings_are_checked() {
        for (private, public, good) in [
            ("80/tcp", "8080", true),
            ("80", "", true),
            ("80/udp", "8000-8010", true),
            ("99999/tcp", "", false),
            ("80/tcp", "x", false),
            ("/tcp", "1", false),
            ("80/tcp", "9-8", false),
        ] {
            let host = json!({ "PortBindings": { private: [{ "HostPort": public }] } });
            assert_eq!(check(Document(&host)).is_ok(), good, "{private} {public}");
        }
    }

    #[test]
    fn a_port_is_published_once() {
        let mut ids = Ids::new(Some(1));
        let mut allocation = Allocation::default();
        let config = json!({ "ExposedPorts": { "80/tcp": {}, "53/udp": {} } });
        let host = |ip: &str, port: &str| json!({ "PortBindings": { "80/tcp": [{ "HostIp": ip, "HostPort": port }] } });
        let first = allocation.publish(Document(&config), Document(&host("", "8080")), &mut ids).expect("free");
        assert_eq!(first.document(), json!({ "53/udp": null, "80/tcp": [{ "HostIp": "0.0.0.0", "HostPort": "8080" }] }));
        assert_eq!(first.text(), "53, 8080->80");
        for (ip, port, expected) in [
            ("", "8080", Err("Bind for 0.0.0.0:8080 failed: port is already allocated")),
            ("127.0.0.1", "8080", Err("Bind for 127.0.0.1:8080 failed: port is already allocated")),
            ("", "8080-8081", Ok("8081")),
            ("", "8080-8081", Err("all ports are allocated")),
        ] {
            let published = allocation.publish(Document(&config), Document(&host(ip, port)), &mut ids);
            let published = published.map(|published| published.0["80/tcp"][0].1.to_string());
            assert_eq!(published.as_deref().map_err(String::as_str), expected, "{ip}:{port}");
        }
        allocation.release(&first);
        assert!(allocation.publish(Document(&config), Document(&host("", "8080")), &mut ids).is_ok());
        let all = allocation.publish(Document(&config), Document(&json!({ "PublishAllPorts": true })), &mut ids).expect("free");
        assert!(all.0.values().all(|bindings| bindings.len() == 1 && bindings[0].1 >= 32768));
    }
}
