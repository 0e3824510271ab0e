//! What a process finds when it starts: its variables, and the files that dockerd writes into every container.

use std::fmt::Write as _;

use jiff::Timestamp;

use super::registry::Containers;
use super::{Container, links};
use crate::reference::document::Document;
use crate::reference::files::{Files, Namespace, shared};
use crate::reference::program::{DEFAULT_PATH, User};

/// What the simulated host is called.
pub(in crate::reference) const HOST_NAME: &str = "plimsoll";

/// The directories that are there in every container.
const DIRECTORIES: [&str; 4] = ["/dev/pts", "/dev/shm", "/proc", "/sys"];
/// Empty files that are there in every container.
const FILES: [&str; 2] = ["/.dockerenv", "/dev/console"];
/// The files that dockerd writes and mounts.
const WRITTEN: [&str; 3] = ["/etc/resolv.conf", "/etc/hostname", "/etc/hosts"];

/// The variables of a container's process: dockerd's, those of links, the configuration's, and the home of the user.
pub(super) fn variables(containers: &Containers, container: &Container, user: &User) -> Vec<(String, String)> {
    let mut env = vec![("PATH".to_owned(), DEFAULT_PATH.to_owned()), ("HOSTNAME".to_owned(), hostname(container))];
    if container.tty() {
        env.push(("TERM".to_owned(), "xterm".to_owned()));
    }
    env.extend(links::environment(containers, &container.id));
    overlay(&mut env, &Document(&container.config).texts("Env"));
    if !env.iter().any(|(name, _)| name == "HOME") {
        env.push(("HOME".to_owned(), user.home.clone()));
    }
    env
}

/// Who a process in a container runs as, with the groups that the host configuration adds. The error is runc's text.
pub(in crate::reference) fn user(container: &Container, text: &str) -> Result<User, String> {
    let user = User::resolve(text, &container.namespace)?;
    user.with_groups(&Document(&container.host).texts("GroupAdd"), &container.namespace)
}

/// Lays variables over others; one without `=` takes the variable away.
pub(in crate::reference) fn overlay(env: &mut Vec<(String, String)>, over: &[String]) {
    for variable in over {
        let Some((name, value)) = variable.split_once('=') else {
            env.retain(|(known, _)| known != variable);
            continue;
        };
        match env.iter_mut().find(|(known, _)| known == name) {
            Some((_, known)) => value.clone_into(known),
            None => env.push((name.to_owned(), value.to_owned())),
        }
    }
}

/// What `hostname` says in a container.
pub(in crate::reference) fn hostname(container: &Container) -> String {
    Document(&container.config).text("Hostname").to_owned()
}

/// Prepares a root: what dockerd puts below every container. Done before anything is mounted, and no change of the container's own.
pub(super) fn furnish(namespace: &Namespace, now: Timestamp) {
    for directory in DIRECTORIES {
        // An image that has a file there keeps it.
        let _ = namespace.make_dirs(directory, 0o755, now);
    }
    for file in FILES {
        if namespace.stat(file, false).is_err() {
            let _ = namespace.write(file, bytes::Bytes::new(), 0o755, now);
        }
    }
    let _ = namespace.make_dirs("/etc", 0o755, now);
    let _ = namespace.symlink("/proc/mounts", "/etc/mtab", now);
}

/// Mounts the files that dockerd writes.
pub(super) fn with_written(mut namespace: Namespace, now: Timestamp) -> Namespace {
    for path in WRITTEN {
        let file = shared(Files::single(bytes::Bytes::new(), 0o644, now));
        if let Ok(mounted) = namespace.clone().with_mount(path, file, true, now) {
            namespace = mounted;
        }
    }
    namespace
}

/// Writes those files for a run.
pub(super) fn write(containers: &Containers, container: &Container, now: Timestamp) {
    let texts = [resolv_conf(container), format!("{}\n", hostname(container)), hosts(containers, container)];
    for (path, text) in WRITTEN.into_iter().zip(texts) {
        let _ = container.namespace.write(path, text.into(), 0o644, now);
    }
}

/// Mounts those files for a step of a build, on what the image has of them.
pub(in crate::reference) fn with_step_files(
    mut namespace: Namespace,
    hostname: &str,
    extra_hosts: &[String],
    named: bool,
    now: Timestamp,
) -> Namespace {
    let servers = if named { "nameserver 127.0.0.11\noptions ndots:0\n" } else { "nameserver 8.8.8.8\nnameserver 8.8.4.4\n" };
    let texts = [servers.to_owned(), format!("{hostname}\n"), known_hosts(extra_hosts)];
    for (path, text) in WRITTEN.into_iter().zip(texts) {
        let file = shared(Files::single(text.into(), 0o644, now));
        if namespace.stat(path, true).is_ok()
            && let Ok(mounted) = namespace.clone().with_mount(path, file, true, now)
        {
            namespace = mounted;
        }
    }
    namespace
}

/// What every `/etc/hosts` begins with, and the hosts that were asked for.
fn known_hosts(extra: &[String]) -> String {
    let mut text = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\nfe00::0\tip6-localnet\nff00::0\tip6-mcastprefix\n\
                    ff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n"
        .to_owned();
    for extra in extra {
        if let Some((name, address)) = extra.split_once([':', '=']) {
            let address = if address == "host-gateway" { "172.17.0.1" } else { address };
            let _ = writeln!(text, "{address}\t{name}");
        }
    }
    text
}

fn hosts(containers: &Containers, container: &Container) -> String {
    let mut text = known_hosts(&Document(&container.host).texts("ExtraHosts"));
    text.push_str(&links::hosts(containers, &container.id));
    let (host, domain) = (hostname(container), Document(&container.config).text("Domainname"));
    let names = if domain.is_empty() { host } else { format!("{host}.{domain} {host}") };
    for endpoint in container.endpoints.values().filter(|endpoint| !endpoint.address.is_empty()) {
        let _ = writeln!(text, "{}\t{names}", endpoint.address);
    }
    text
}

fn resolv_conf(container: &Container) -> String {
    let host = Document(&container.host);
    let servers = host.texts("Dns");
    let own = container.endpoints.keys().any(|name| !matches!(name.as_str(), "bridge" | "host" | "none"));
    let servers = match servers.as_slice() {
        _ if own => vec!["127.0.0.11".to_owned()],
        [] => vec!["192.0.2.53".to_owned()],
        servers => servers.to_vec(),
    };
    let mut text = String::new();
    for server in servers {
        let _ = writeln!(text, "nameserver {server}");
    }
    let search = host.texts("DnsSearch");
    if !search.is_empty() && search != ["."] {
        let _ = writeln!(text, "search {}", search.join(" "));
    }
    let mut options = host.texts("DnsOptions");
    if own && !options.iter().any(|option| option.starts_with("ndots:")) {
        options.push("ndots:0".to_owned());
    }
    if !options.is_empty() {
        let _ = writeln!(text, "options {}", options.join(" "));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_laid_over_others() {
        let mut env = vec![("A".to_owned(), "1".to_owned()), ("B".to_owned(), "2".to_owned())];
        overlay(&mut env, &["B=3=4".to_owned(), "C=".to_owned(), "A".to_owned()]);
        assert_eq!(env, [("B".to_owned(), "3=4".to_owned()), ("C".to_owned(), String::new())]);
    }
}
