//! What a create or update request may not say, in dockerd's words, and what it is only warned of.

mod limits;
mod member;

use super::{port, signal};
use crate::model::ApiVersion;
use crate::reference::document::Document;
use crate::reference::refusal::Refusal;

pub(super) use limits::resources;
pub(super) use member::{Kind, member};

fn refuse<T>(message: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal::bad_parameter(message))
}

/// Checks a configuration.
pub(super) fn config(config: Document<'_>) -> Result<(), Refusal> {
    let directory = config.text("WorkingDir");
    if !directory.is_empty() && !directory.starts_with('/') {
        return refuse(format!("the working directory '{directory}' is invalid, it needs to be an absolute path"));
    }
    let stop = config.text("StopSignal");
    if !stop.is_empty() {
        signal::parse(stop)?;
    }
    for variable in config.texts("Env") {
        if variable.is_empty() || variable.starts_with('=') {
            return refuse(format!("invalid environment variable: {variable}"));
        }
    }
    let check = config.at("Healthcheck");
    for (member, name) in
        [("Interval", "Interval"), ("Timeout", "Timeout"), ("StartPeriod", "StartPeriod"), ("StartInterval", "StartInterval")]
    {
        let duration = check.int(member);
        if duration != 0 && duration < 1_000_000 {
            return refuse(format!("{name} in Healthcheck cannot be less than 1ms"));
        }
    }
    if check.int("Retries") < 0 {
        return refuse("Retries in Healthcheck cannot be negative");
    }
    Ok(())
}

/// Checks a host configuration.
pub(super) fn host(host: Document<'_>) -> Result<(), Refusal> {
    if host.flag("AutoRemove") && !matches!(host.at("RestartPolicy").text("Name"), "" | "no") {
        return refuse("can't create 'AutoRemove' container with restart policy");
    }
    for extra in host.texts("ExtraHosts") {
        extra_host(&extra)?;
    }
    port::check(host)?;
    restart_policy(host.at("RestartPolicy"))?;
    for name in ["CapAdd", "CapDrop"] {
        for capability in host.texts(name) {
            let bare = capability.to_ascii_uppercase();
            let bare = bare.strip_prefix("CAP_").unwrap_or(&bare);
            if bare != "ALL" && !CAPABILITIES.contains(&bare) {
                return refuse(format!("invalid {name}: unknown capability: \"CAP_{bare}\""));
            }
        }
    }
    if !matches!(host.text("Isolation"), "" | "default") {
        return Err(Refusal::server_error(format!("Invalid isolation: \"{}\" - linux only supports 'default'", host.text("Isolation"))));
    }
    if host.int("ShmSize") < 0 {
        return refuse("SHM size can not be less than 0");
    }
    let adjustment = host.int("OomScoreAdj");
    if !(-1000..=1000).contains(&adjustment) {
        return refuse(format!("Invalid value {adjustment}, range for oom score adj is [-1000, 1000]"));
    }
    if !matches!(host.text("CgroupnsMode"), "" | "host" | "private") {
        return refuse(format!("invalid cgroup namespace mode: {}", host.text("CgroupnsMode")));
    }
    let mode = host.text("NetworkMode");
    if mode == "container:" {
        return refuse("Invalid network mode: invalid container format container:<name|id>");
    }
    if mode == "host" && !host.items("Links").is_empty() {
        return refuse("conflicting options: host type networking can't be used with links. This would result in undefined behavior");
    }
    if mode.starts_with("container:") {
        shared_network(host)?;
    }
    let runtime = host.text("Runtime");
    if !matches!(runtime, "" | "runc" | "io.containerd.runc.v2") {
        return refuse(format!("Unknown runtime specified {runtime}"));
    }
    log_driver(host.at("LogConfig"))?;
    for option in host.texts("SecurityOpt") {
        security_option(&option)?;
    }
    for (path, _) in host.entries("Tmpfs") {
        if !path.starts_with('/') {
            return refuse(format!("invalid mount path: '{path}' mount path must be absolute"));
        }
    }
    resources(host)
}

fn extra_host(extra: &str) -> Result<(), Refusal> {
    let Some((name, address)) = extra.split_once([':', '=']).filter(|(name, _)| !name.is_empty()) else {
        return refuse(format!("bad format for add-host: \"{extra}\""));
    };
    let _ = name;
    if address == "host-gateway" || address.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok() {
        return Ok(());
    }
    refuse(format!("invalid IP address in add-host: \"{address}\""))
}

fn shared_network(host: Document<'_>) -> Result<(), Refusal> {
    let conflicts = [
        (
            !host.items("Links").is_empty(),
            "conflicting options: container type network can't be used with links. This would result in undefined behavior",
        ),
        (!host.items("Dns").is_empty(), "conflicting options: dns and the network mode"),
        (!host.items("ExtraHosts").is_empty(), "conflicting options: custom host-to-IP mapping and the network mode"),
        (
            host.entries("PortBindings").next().is_some() || host.flag("PublishAllPorts"),
            "conflicting options: port publishing and the container type network mode",
        ),
    ];
    conflicts.into_iter().find(|(wrong, _)| *wrong).map_or(Ok(()), |(_, text)| refuse(text))
}

/// Checks a restart policy.
pub(super) fn restart_policy(policy: Document<'_>) -> Result<(), Refusal> {
    let (name, most) = (policy.text("Name"), policy.int("MaximumRetryCount"));
    match name {
        "always" | "unless-stopped" | "no" if most != 0 => {
            refuse(format!("maximum retry count cannot be used with restart policy '{name}'"))
        }
        "on-failure" if most < 0 => refuse("maximum retry count cannot be negative"),
        "" | "always" | "unless-stopped" | "no" | "on-failure" => Ok(()),
        _ => refuse(format!("invalid restart policy '{name}'")),
    }
}

fn log_driver(log: Document<'_>) -> Result<(), Refusal> {
    const DRIVERS: [&str; 11] =
        ["json-file", "local", "none", "syslog", "journald", "gelf", "fluentd", "awslogs", "splunk", "gcplogs", "etwlogs"];
    let driver = log.text("Type");
    if !driver.is_empty() && !DRIVERS.contains(&driver) {
        return refuse(format!("error looking up logging plugin {driver}: plugin \"{driver}\" not found"));
    }
    let known: &[&str] = match driver {
        "" | "json-file" => {
            &["max-file", "max-size", "compress", "labels", "labels-regex", "env", "env-regex", "tag", "mode", "max-buffer-size"]
        }
        "local" => &["max-file", "max-size", "compress", "mode", "max-buffer-size"],
        _ => return Ok(()),
    };
    match log.entries("Config").find(|(name, _)| !known.contains(&name.as_str())) {
        Some((name, _)) => {
            let driver = if driver.is_empty() { "json-file" } else { driver };
            refuse(format!("unknown log opt '{name}' for {driver} log driver"))
        }
        None => Ok(()),
    }
}

fn security_option(option: &str) -> Result<(), Refusal> {
    if matches!(option, "no-new-privileges" | "disable") {
        return Ok(());
    }
    let Some((key, _)) = option.split_once('=').or_else(|| option.split_once(':')) else {
        return Err(Refusal::server_error(format!("invalid --security-opt 1: \"{option}\"")));
    };
    match key {
        "label" | "apparmor" | "seccomp" | "no-new-privileges" | "systempaths" | "writable-cgroups" => Ok(()),
        _ => Err(Refusal::server_error(format!("invalid --security-opt 2: \"{option}\""))),
    }
}

/// What a client is warned of, though it is done.
pub(super) fn warnings(host: Document<'_>, version: ApiVersion) -> Vec<String> {
    let mut warnings = Vec::new();
    if host.flag("OomKillDisable") && host.int("Memory") == 0 {
        warnings.push(
            "OOM killer is disabled for the container, but no memory limit is set, this can result in the system running out of resources."
                .to_owned(),
        );
    }
    if host.int("KernelMemory") > 0 && version < ApiVersion::new(42) {
        warnings.push("Specifying a kernel memory limit is deprecated and will be removed in a future release.".to_owned());
    }
    if host.text("NetworkMode") == "host" && host.entries("PortBindings").next().is_some() {
        warnings.push("Published ports are discarded when using host network mode".to_owned());
    }
    warnings
}

const CAPABILITIES: [&str; 41] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
    "PERFMON",
    "BPF",
    "CHECKPOINT_RESTORE",
];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn host_configurations_are_checked_in_dockerds_words() {
        let cases = [
            (json!({ "RestartPolicy": { "Name": "foo" } }), "invalid restart policy 'foo'"),
            (
                json!({ "RestartPolicy": { "Name": "always", "MaximumRetryCount": 3 } }),
                "maximum retry count cannot be used with restart policy 'always'",
            ),
            (json!({ "RestartPolicy": { "Name": "on-failure", "MaximumRetryCount": -1 } }), "maximum retry count cannot be negative"),
            (
                json!({ "RestartPolicy": { "Name": "always" }, "AutoRemove": true }),
                "can't create 'AutoRemove' container with restart policy",
            ),
            (json!({ "Memory": 1000 }), "Minimum memory limit allowed is 6MB"),
            (json!({ "Memory": -5 }), "Minimum memory limit allowed is 6MB"),
            (
                json!({ "Memory": 10_000_000, "MemorySwap": 5_000_000 }),
                "Minimum memoryswap limit should be larger than memory limit, see usage",
            ),
            (json!({ "MemorySwappiness": 101 }), "Invalid value: 101, valid memory swappiness range is 0-100"),
            (json!({ "CpuPeriod": 10 }), "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)"),
            (json!({ "NanoCpus": -5 }), "Range of CPUs is from 0.01 to 4.00, as there are only 4 CPUs available"),
            (json!({ "CpusetCpus": "0-99" }), "Requested CPUs are not available - requested 0-99, available: 0-3"),
            (json!({ "CpusetCpus": "x" }), "Invalid value x for cpuset cpus: invalid format: x"),
            (json!({ "LogConfig": { "Type": "foo" } }), "error looking up logging plugin foo: plugin \"foo\" not found"),
            (json!({ "LogConfig": { "Config": { "foo": "bar" } } }), "unknown log opt 'foo' for json-file log driver"),
            (json!({ "CapAdd": ["foo"] }), "invalid CapAdd: unknown capability: \"CAP_FOO\""),
            (json!({ "ExtraHosts": ["foo"] }), "bad format for add-host: \"foo\""),
            (json!({ "ExtraHosts": ["foo:1"] }), "invalid IP address in add-host: \"1\""),
            (json!({ "SecurityOpt": ["foo"] }), "invalid --security-opt 1: \"foo\""),
            (json!({ "NetworkMode": "container:" }), "Invalid network mode: invalid container format container:<name|id>"),
            (json!({ "PortBindings": { "99999/tcp": [] } }), "invalid port specification: \"99999\""),
            (json!({ "Tmpfs": { "x": "" } }), "invalid mount path: 'x' mount path must be absolute"),
        ];
        for (given, expected) in cases {
            assert_eq!(host(Document(&given)).expect_err("refused").message, expected);
        }
        let good = [
            json!({ "RestartPolicy": { "Name": "on-failure", "MaximumRetryCount": 3 } }),
            json!({ "MemorySwappiness": -1 }),
            json!({ "ExtraHosts": ["a:1.2.3.4", "b:::1", "c:host-gateway"], "CapAdd": ["ALL", "net_admin", "CAP_KILL"] }),
            json!({ "CpusetCpus": "0-1,3", "Memory": 10_000_000, "MemorySwap": -1 }),
        ];
        for given in good {
            assert_eq!(host(Document(&given)), Ok(()), "{given}");
        }
    }

    #[test]
    fn configurations_are_checked_in_dockerds_words() {
        for (given, expected) in [
            (json!({ "Env": ["=x"] }), "invalid environment variable: =x"),
            (json!({ "WorkingDir": "a" }), "the working directory 'a' is invalid, it needs to be an absolute path"),
            (json!({ "StopSignal": "foo" }), "Invalid signal: foo"),
            (json!({ "Healthcheck": { "Interval": 5 } }), "Interval in Healthcheck cannot be less than 1ms"),
            (json!({ "Healthcheck": { "Retries": -1 } }), "Retries in Healthcheck cannot be negative"),
        ] {
            assert_eq!(config(Document(&given)).expect_err("refused").message, expected);
        }
    }
}
