//! Links: how a container on the default bridge knew others before there were networks.

use std::fmt::Write as _;

use super::registry::Containers;
use crate::reference::document::Document;
use crate::reference::refusal::Refusal;

/// Reads `Links` of a host configuration: alias and id of each. Whom they name must exist.
pub(super) fn resolve(host: Document<'_>, containers: &Containers) -> Result<Vec<(String, String)>, Refusal> {
    let mut links = Vec::new();
    for link in host.texts("Links") {
        let parts: Vec<&str> = link.split(':').collect();
        let (name, alias) = match parts.as_slice() {
            [name] => (*name, *name),
            // Inspect shows the second part as `/parent/alias`, and clients send it back.
            [name, alias] => (*name, alias.rsplit('/').next().unwrap_or_default()),
            _ => return Err(Refusal::server_error(format!("bad format for links: {link}"))),
        };
        let child = containers
            .find(name)
            .map_err(|refusal| Refusal::bad_parameter(format!("could not get container for {name}: {}", refusal.message)))?;
        links.push((alias.trim_start_matches('/').to_owned(), child.id.clone()));
    }
    Ok(links)
}

/// Whom a container that starts is linked to must run.
pub(super) fn check(containers: &Containers, parent: &str) -> Result<(), Refusal> {
    let Ok(container) = containers.find(parent) else { return Ok(()) };
    for (alias, child) in containers.links_of(parent) {
        if let Ok(child) = containers.find(child)
            && child.life.run().is_none()
        {
            let (child, parent) = (&child.name, &container.name);
            return Err(Refusal::conflict(format!("Cannot link to a non running container: /{child} AS /{parent}/{alias}")));
        }
    }
    Ok(())
}

/// The variables that tell a container where its links are.
pub(super) fn environment(containers: &Containers, parent: &str) -> Vec<(String, String)> {
    let mut env = Vec::new();
    let Ok(container) = containers.find(parent) else { return env };
    for (alias, child) in containers.links_of(parent) {
        let Ok(child) = containers.find(child) else { continue };
        let prefix = alias.replace('-', "_").to_uppercase();
        let address = child.endpoints.get("bridge").map(|endpoint| endpoint.address.clone()).unwrap_or_default();
        let mut ports: Vec<(u16, String)> = Document(&child.config)
            .entries("ExposedPorts")
            .filter_map(|(port, _)| {
                let (number, protocol) = super::port::split(port);
                Some((number.parse().ok()?, protocol.to_owned()))
            })
            .collect();
        ports.sort();
        if let Some((port, protocol)) = ports.first() {
            env.push((format!("{prefix}_PORT"), format!("{protocol}://{address}:{port}")));
        }
        for (port, protocol) in &ports {
            let name = format!("{prefix}_PORT_{port}_{}", protocol.to_uppercase());
            env.push((name.clone(), format!("{protocol}://{address}:{port}")));
            env.push((format!("{name}_ADDR"), address.clone()));
            env.push((format!("{name}_PORT"), port.to_string()));
            env.push((format!("{name}_PROTO"), protocol.clone()));
        }
        env.push((format!("{prefix}_NAME"), format!("/{}/{alias}", container.name)));
        for variable in Document(&child.config).texts("Env") {
            if let Some((key, value)) = variable.split_once('=')
                && !matches!(key, "HOME" | "PATH")
            {
                env.push((format!("{prefix}_ENV_{key}"), value.to_owned()));
            }
        }
    }
    env
}

/// The lines of `/etc/hosts` that name the links.
pub(super) fn hosts(containers: &Containers, parent: &str) -> String {
    let mut lines = String::new();
    for (alias, child) in containers.links_of(parent) {
        let Ok(child) = containers.find(child) else { continue };
        let Some(endpoint) = child.endpoints.get("bridge").filter(|endpoint| !endpoint.address.is_empty()) else { continue };
        let hostname = Document(&child.config).text("Hostname");
        let mut names = vec![alias];
        for name in [hostname, &child.name] {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        let _ = writeln!(lines, "{}\t{}", endpoint.address, names.join(" "));
    }
    lines
}
