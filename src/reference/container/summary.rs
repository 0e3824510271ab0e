//! A container in a list, in the form of each version.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::{Container, port, status};
use crate::model::ApiVersion;
use crate::reference::State;
use crate::reference::document::Document;
use crate::reference::network::Endpoint;

/// One entry of a list. It borrows what it shows, and leaves out what its version does not have.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Summary<'a> {
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    names: Option<Vec<String>>,
    image: &'a str,
    #[serde(rename = "ImageID", skip_serializing_if = "Option::is_none")]
    image_id: Option<&'a str>,
    command: String,
    created: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    ports: Option<Ports<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    size_rw: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    size_root_fs: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    labels: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'static str>,
    status: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    host_config: Option<HostConfig<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    health: Option<Health>,
    #[serde(skip_serializing_if = "Option::is_none")]
    network_settings: Option<NetworkSettings<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mounts: Option<Vec<Value>>,
}

/// A text below 1.5, a list from there on.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Ports<'a> {
    Text(String),
    List(Vec<Port<'a>>),
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Port<'a> {
    #[serde(rename = "IP", skip_serializing_if = "Option::is_none")]
    ip: Option<&'a str>,
    #[serde(rename = "PrivatePort")]
    private: u16,
    #[serde(rename = "PublicPort", skip_serializing_if = "Option::is_none")]
    public: Option<u16>,
    r#type: &'a str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct HostConfig<'a> {
    network_mode: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    annotations: Option<&'a Value>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Health {
    status: &'static str,
    failing_streak: u64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct NetworkSettings<'a> {
    networks: BTreeMap<&'a str, EndpointSettings<'a>>,
}

/// An endpoint as lists show it: where it is, and nothing of what was asked for.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct EndpointSettings<'a> {
    #[serde(rename = "IPAMConfig")]
    ipam_config: (),
    links: (),
    aliases: (),
    mac_address: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    driver_opts: Option<()>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gw_priority: Option<i64>,
    #[serde(rename = "NetworkID")]
    network_id: &'a str,
    #[serde(rename = "EndpointID")]
    endpoint_id: &'a str,
    gateway: &'a str,
    #[serde(rename = "IPAddress")]
    ip_address: &'a str,
    #[serde(rename = "IPPrefixLen")]
    ip_prefix_len: u8,
    #[serde(rename = "IPv6Gateway")]
    ipv6_gateway: &'a str,
    #[serde(rename = "GlobalIPv6Address")]
    global_ipv6_address: &'a str,
    #[serde(rename = "GlobalIPv6PrefixLen")]
    global_ipv6_prefix_len: u8,
    #[serde(rename = "DNSNames", skip_serializing_if = "Option::is_none")]
    dns_names: Option<()>,
}

/// What images are called now, each looked up once for a whole list.
pub(super) struct Named<'a> {
    state: &'a State,
    ids: HashMap<&'a str, Option<String>>,
}

impl<'a> Named<'a> {
    /// Of the images of this moment.
    pub(super) fn new(state: &'a State) -> Self {
        Self { state, ids: HashMap::new() }
    }

    /// The image as the client named it; its id when that name means another image now, or none.
    fn image(&mut self, container: &'a Container) -> &'a str {
        let name = container.image_name.as_str();
        let find = || self.state.images.find(name).ok().map(|image| image.id.clone());
        let meant = self.ids.entry(name).or_insert_with(find);
        if meant.as_deref() == Some(&container.image_id) { name } else { &container.image_id }
    }
}

impl<'a> Summary<'a> {
    /// A container as a list of this version shows it.
    pub(super) fn of(container: &'a Container, named: &mut Named<'a>, version: ApiVersion, now: Timestamp, size: bool) -> Self {
        let since = |minor| version >= ApiVersion::new(minor);
        let life = &container.life;
        let host = Document(&container.host);
        let written = size.then(|| container.written());
        Self {
            id: &container.id,
            names: since(12).then(|| names(container, named.state)),
            image: named.image(container),
            image_id: since(21).then_some(container.image_id.as_str()),
            command: command(container),
            created: container.created.as_second(),
            ports: since(2).then(|| ports(container, since(5))),
            size_rw: written.filter(|written| since(2) && *written > 0),
            size_root_fs: size.then(|| container.root.lock().map_or(0, |files| files.size())).filter(|_| since(2)),
            labels: since(18).then(|| &container.config["Labels"]),
            state: since(23).then(|| life.word()),
            status: if since(12) { status::status(life, container.health.as_ref(), now) } else { status::old_status(life, now) },
            host_config: since(22).then(|| HostConfig {
                network_mode: host.text("NetworkMode"),
                // A member that is not there is a long search: only where it may be shown.
                annotations: since(46).then(|| host.member("Annotations")).filter(|annotations| !annotations.is_null()),
            }),
            health: since(52).then(|| Health {
                status: container.health.as_ref().map_or("none", super::Health::word),
                failing_streak: container.health.as_ref().map_or(0, super::Health::streak),
            }),
            network_settings: since(22).then(|| NetworkSettings { networks: networks(container, version) }),
            mounts: since(23).then(|| container.mounts.iter().map(|mount| mount_of(mount, since(25))).collect()),
        }
    }
}

fn mount_of(mount: &super::Mount, typed: bool) -> Value {
    let mut document = mount.document();
    if !typed && let Value::Object(members) = &mut document {
        members.remove("Type");
    }
    document
}

fn names(container: &Container, state: &State) -> Vec<String> {
    let own = format!("/{}", container.name);
    std::iter::once(own).chain(state.containers.aliases_of(&container.id).map(|alias| format!("/{alias}"))).collect()
}

/// The program and its arguments; those with a space in quotes.
fn command(container: &Container) -> String {
    let mut argv = container.argv().into_iter();
    let mut text = argv.next().unwrap_or_default();
    for argument in argv {
        text.push(' ');
        if argument.contains(' ') {
            text.push('\'');
            text.push_str(&argument);
            text.push('\'');
        } else {
            text.push_str(&argument);
        }
    }
    text
}

fn ports(container: &Container, as_list: bool) -> Ports<'_> {
    let run = container.life.run();
    if !as_list {
        return Ports::Text(run.map(|run| run.ports.text()).unwrap_or_default());
    }
    let mut list = Vec::new();
    for (private, bindings) in run.into_iter().flat_map(|run| &run.ports.0) {
        let (number, protocol) = port::split(private);
        let Ok(private) = number.parse() else { continue };
        if bindings.is_empty() {
            list.push(Port { ip: None, private, public: None, r#type: protocol });
        }
        for (ip, public) in bindings {
            list.push(Port { ip: Some(ip), private, public: Some(*public), r#type: protocol });
        }
    }
    Ports::List(list)
}

fn networks(container: &Container, version: ApiVersion) -> BTreeMap<&str, EndpointSettings<'_>> {
    container.endpoints.iter().map(|(name, endpoint)| (name.as_str(), EndpointSettings::of(endpoint, version))).collect()
}

impl<'a> EndpointSettings<'a> {
    fn of(endpoint: &'a Endpoint, version: ApiVersion) -> Self {
        let since = |minor| version >= ApiVersion::new(minor);
        Self {
            ipam_config: (),
            links: (),
            aliases: (),
            mac_address: &endpoint.mac,
            driver_opts: since(32).then_some(()),
            gw_priority: since(48).then(|| Document(&endpoint.asked).int("GwPriority")),
            network_id: endpoint.shown_network_id(),
            endpoint_id: &endpoint.endpoint_id,
            gateway: &endpoint.gateway,
            ip_address: &endpoint.address,
            ip_prefix_len: endpoint.prefix,
            ipv6_gateway: &endpoint.gateway6,
            global_ipv6_address: &endpoint.address6,
            global_ipv6_prefix_len: endpoint.prefix6,
            dns_names: since(44).then_some(()),
        }
    }
}
