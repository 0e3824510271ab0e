//! `HostConfig` of a container, with every member that Go always writes.

use serde_json::{Map, Value, json};

use super::validate::{Kind, member};
use crate::model::ApiVersion;
use crate::reference::document::Document;
use crate::reference::refusal::Refusal;

/// The members that Go always writes.
const ALWAYS: [(&str, Kind); 57] = [
    ("Binds", Kind::Texts),
    ("ContainerIDFile", Kind::Text),
    ("NetworkMode", Kind::Text),
    ("AutoRemove", Kind::Flag),
    ("VolumeDriver", Kind::Text),
    ("VolumesFrom", Kind::Texts),
    ("CapAdd", Kind::Words),
    ("CapDrop", Kind::Words),
    ("CgroupnsMode", Kind::Text),
    ("Dns", Kind::Texts),
    ("DnsOptions", Kind::Texts),
    ("DnsSearch", Kind::Texts),
    ("ExtraHosts", Kind::Texts),
    ("GroupAdd", Kind::Texts),
    ("IpcMode", Kind::Text),
    ("Cgroup", Kind::Text),
    ("Links", Kind::Texts),
    ("OomScoreAdj", Kind::Int),
    ("PidMode", Kind::Text),
    ("Privileged", Kind::Flag),
    ("PublishAllPorts", Kind::Flag),
    ("ReadonlyRootfs", Kind::Flag),
    ("SecurityOpt", Kind::Texts),
    ("UTSMode", Kind::Text),
    ("UsernsMode", Kind::Text),
    ("ShmSize", Kind::Int),
    ("Isolation", Kind::Text),
    ("CpuShares", Kind::Int),
    ("Memory", Kind::Int),
    ("NanoCpus", Kind::Int),
    ("CgroupParent", Kind::Text),
    ("BlkioWeight", Kind::Int),
    ("BlkioWeightDevice", Kind::List),
    ("BlkioDeviceReadBps", Kind::List),
    ("BlkioDeviceWriteBps", Kind::List),
    ("BlkioDeviceReadIOps", Kind::List),
    ("BlkioDeviceWriteIOps", Kind::List),
    ("CpuPeriod", Kind::Int),
    ("CpuQuota", Kind::Int),
    ("CpuRealtimePeriod", Kind::Int),
    ("CpuRealtimeRuntime", Kind::Int),
    ("CpusetCpus", Kind::Text),
    ("CpusetMems", Kind::Text),
    ("Devices", Kind::List),
    ("DeviceCgroupRules", Kind::Texts),
    ("DeviceRequests", Kind::List),
    ("KernelMemory", Kind::Int),
    ("KernelMemoryTCP", Kind::Int),
    ("MemoryReservation", Kind::Int),
    ("MemorySwap", Kind::Int),
    ("MemorySwappiness", Kind::IntOrNull),
    ("OomKillDisable", Kind::Flag),
    ("PidsLimit", Kind::IntOrNull),
    ("Ulimits", Kind::List),
    ("CpuCount", Kind::Int),
    ("CpuPercent", Kind::Int),
    ("IOMaximumIOps", Kind::Int),
];

/// The members that Go leaves out when they are empty.
const SOMETIMES: [(&str, Kind); 8] = [
    ("Annotations", Kind::TextMap),
    ("Init", Kind::FlagOrNull),
    ("Mounts", Kind::List),
    ("Runtime", Kind::Text),
    ("StorageOpt", Kind::TextMap),
    ("Sysctls", Kind::TextMap),
    ("Tmpfs", Kind::TextMap),
    ("DiskQuota", Kind::Int),
];

/// What dockerd hides from processes.
const MASKED: [&str; 10] = [
    "/proc/asound",
    "/proc/acpi",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/sys/firmware",
];
const READ_ONLY: [&str; 5] = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

/// The host configuration of a create request. Limits once stood in the configuration itself, and clients before 1.15 wrote all of it there.
pub(super) fn of_create(body: Document<'_>, version: ApiVersion) -> Result<Value, Refusal> {
    if !body.has("HostConfig") {
        let mut host = normalised(body, version)?;
        old_cpuset(body, &mut host);
        return Ok(host);
    }
    let mut host = normalised(body.at("HostConfig"), version)?;
    for name in ["Memory", "MemorySwap", "CpuShares"] {
        if host[name] == 0 && body.int(name) != 0 {
            host[name] = body.int(name).into();
        }
    }
    for name in ["CpusetCpus", "VolumeDriver"] {
        if host[name] == "" {
            host[name] = body.text(name).into();
        }
    }
    old_cpuset(body, &mut host);
    Ok(host)
}

fn old_cpuset(body: Document<'_>, host: &mut Value) {
    if host["CpusetCpus"] == "" && body.member("Cpuset").is_string() {
        host["CpusetCpus"] = body.text("Cpuset").into();
    }
}

/// A host configuration with all members and dockerd's defaults.
pub(super) fn normalised(given: Document<'_>, version: ApiVersion) -> Result<Value, Refusal> {
    let mut host = Map::new();
    for (name, kind) in ALWAYS {
        host.insert(name.to_owned(), member(given, "HostConfig", name, kind)?);
    }
    host.insert("IOMaximumBandwidth".to_owned(), member(given, "HostConfig", "IOMaximumBandwidth", Kind::Int)?);
    for (name, kind) in SOMETIMES {
        let value = member(given, "HostConfig", name, kind)?;
        let is_empty = match &value {
            Value::Null => true,
            Value::Number(number) => number.as_i64() == Some(0),
            Value::String(text) => text.is_empty(),
            Value::Array(items) => items.is_empty(),
            Value::Object(members) => members.is_empty(),
            Value::Bool(_) => false,
        };
        if !is_empty {
            host.insert(name.to_owned(), value);
        }
    }
    host.insert("PortBindings".to_owned(), port_bindings(given));
    let policy = given.at("RestartPolicy");
    let policy = json!({ "Name": policy.text("Name"), "MaximumRetryCount": policy.int("MaximumRetryCount") });
    host.insert("RestartPolicy".to_owned(), policy);
    let log = given.at("LogConfig");
    let options: Map<String, Value> = log.entries("Config").map(|(key, value)| (key.clone(), value.clone())).collect();
    let driver = if log.text("Type").is_empty() { "json-file" } else { log.text("Type") };
    host.insert("LogConfig".to_owned(), json!({ "Type": driver, "Config": options }));
    let size = given.items("ConsoleSize");
    let size: Vec<u64> = (0..2).map(|at| size.get(at).and_then(Value::as_u64).unwrap_or_default()).collect();
    host.insert("ConsoleSize".to_owned(), json!(size));
    host.insert("LxcConf".to_owned(), json!([]));
    let privileged = given.flag("Privileged");
    for (name, paths) in [("MaskedPaths", MASKED.as_slice()), ("ReadonlyPaths", READ_ONLY.as_slice())] {
        let value = match given.member(name) {
            Value::Array(_) => given.texts(name).into(),
            _ if privileged => Value::Null,
            _ => json!(paths),
        };
        host.insert(name.to_owned(), value);
    }
    let mut host = Value::Object(host);
    defaults(&mut host, version);
    Ok(host)
}

fn defaults(host: &mut Value, version: ApiVersion) {
    let below = |minor| version < ApiVersion::new(minor);
    if host["NetworkMode"] == "" {
        host["NetworkMode"] = "default".into();
    }
    if host["IpcMode"] == "" {
        host["IpcMode"] = if below(40) { "shareable" } else { "private" }.into();
    }
    if host["CgroupnsMode"] == "" {
        host["CgroupnsMode"] = "host".into();
    }
    if host["ShmSize"] == 0 {
        host["ShmSize"] = 67_108_864.into();
    }
    if below(25) {
        host["AutoRemove"] = false.into();
    }
    if host["PidsLimit"].as_i64().is_some_and(|limit| limit <= 0) {
        host["PidsLimit"] = Value::Null;
    }
    let (memory, swap) = (host["Memory"].as_i64().unwrap_or_default(), host["MemorySwap"].as_i64().unwrap_or_default());
    if memory > 0 && swap == 0 {
        host["MemorySwap"] = memory.saturating_mul(2).into();
    }
    if host["MemorySwappiness"] == -1 {
        host["MemorySwappiness"] = Value::Null;
    }
}

fn port_bindings(given: Document<'_>) -> Value {
    if !given.has("PortBindings") {
        return Value::Null;
    }
    let binding = |binding: &Value| {
        let binding = Document(binding);
        json!({ "HostIp": binding.text("HostIp"), "HostPort": binding.text("HostPort") })
    };
    let ports = given.entries("PortBindings").map(|(port, bindings)| {
        let bindings = bindings.as_array().map_or(Value::Null, |bindings| bindings.iter().map(binding).collect());
        (port.clone(), bindings)
    });
    Value::Object(ports.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_those_of_dockerd() {
        for (client, minor, name, expected) in [
            (json!({}), 41, "NetworkMode", json!("default")),
            (json!({}), 41, "IpcMode", json!("private")),
            (json!({}), 39, "IpcMode", json!("shareable")),
            (json!({}), 41, "Binds", Value::Null),
            (json!({}), 41, "PortBindings", Value::Null),
            (json!({}), 41, "LogConfig", json!({ "Type": "json-file", "Config": {} })),
            (json!({ "HostConfig": { "Binds": [] } }), 41, "Binds", json!([])),
            (
                json!({ "HostConfig": { "PortBindings": { "80/tcp": [{ "HostPort": "1" }] } } }),
                41,
                "PortBindings",
                json!({ "80/tcp": [{ "HostIp": "", "HostPort": "1" }] }),
            ),
            (json!({ "HostConfig": { "Memory": 8_000_000 } }), 41, "MemorySwap", json!(16_000_000)),
            (json!({ "HostConfig": { "AutoRemove": true } }), 24, "AutoRemove", json!(false)),
            (json!({ "HostConfig": { "PidsLimit": -1 } }), 41, "PidsLimit", Value::Null),
            (json!({ "HostConfig": { "Privileged": true } }), 41, "MaskedPaths", Value::Null),
            (json!({ "Memory": 7_000_000, "Cpuset": "0" }), 12, "CpusetCpus", json!("0")),
            (json!({ "Memory": 7_000_000, "HostConfig": {} }), 18, "Memory", json!(7_000_000)),
        ] {
            let host = of_create(Document(&client), ApiVersion::new(minor)).expect("a host configuration");
            assert_eq!(host[name], expected, "{name} of {client} at 1.{minor}");
        }
        let host = of_create(Document(&json!({})), ApiVersion::new(41)).expect("a host configuration");
        for name in ["Mounts", "Tmpfs", "Init", "Sysctls"] {
            assert_eq!(host.get(name), None, "{name}");
        }
    }
}
