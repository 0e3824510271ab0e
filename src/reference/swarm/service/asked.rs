//! What a client asks of a service, as dockerd hands it on to its orchestrator: read, fitted to the version, with its defaults.

use serde_json::{Value, json};

use crate::model::ApiVersion;

use super::super::super::refusal::Refusal;
use super::super::spec::SERVICE;

/// What was not there before a version is dropped: the version, and where it is.
const YOUNGER: [(u16, &str); 15] = [
    (40, "/TaskTemplate/ContainerSpec/Sysctls"),
    (40, "/TaskTemplate/ContainerSpec/Privileges/CredentialSpec/Config"),
    (40, "/TaskTemplate/Placement/MaxReplicas"),
    (41, "/TaskTemplate/ContainerSpec/CapabilityAdd"),
    (41, "/TaskTemplate/ContainerSpec/CapabilityDrop"),
    (41, "/TaskTemplate/ContainerSpec/Ulimits"),
    (41, "/TaskTemplate/Resources/Limits/Pids"),
    (41, "/Mode/ReplicatedJob"),
    (41, "/Mode/GlobalJob"),
    (44, "/TaskTemplate/ContainerSpec/Privileges/Seccomp"),
    (44, "/TaskTemplate/ContainerSpec/Privileges/AppArmor"),
    (44, "/TaskTemplate/ContainerSpec/Healthcheck/StartInterval"),
    (46, "/TaskTemplate/ContainerSpec/OomScoreAdj"),
    (52, "/TaskTemplate/Resources/SwapBytes"),
    (52, "/TaskTemplate/Resources/MemorySwappiness"),
];

/// Reads a service spec.
pub(super) fn read(body: &Value, version: ApiVersion) -> Result<Value, Refusal> {
    let mut spec = SERVICE.read_body(body)?;
    fit(&mut spec, version);
    Ok(spec)
}

fn fit(spec: &mut Value, version: ApiVersion) {
    for (since, place) in YOUNGER {
        if version < ApiVersion::new(since)
            && let Some((parent, name)) = place.rsplit_once('/')
            && let Some(parent) = spec.pointer_mut(parent).and_then(Value::as_object_mut)
            && parent.contains_key(name)
        {
            if name == "Config" {
                parent.insert(name.to_owned(), "".into());
            } else {
                parent.remove(name);
            }
        }
    }
    let container = spec.pointer_mut("/TaskTemplate/ContainerSpec").and_then(Value::as_object_mut);
    let Some(container) = container else { return };
    if version < ApiVersion::new(40) {
        for config in container.get_mut("Configs").and_then(Value::as_array_mut).into_iter().flatten() {
            remove(config, "Runtime");
        }
    }
    if version < ApiVersion::new(46) {
        for mount in container.get_mut("Mounts").and_then(Value::as_array_mut).into_iter().flatten() {
            if let Some(options) = mount.get_mut("TmpfsOptions") {
                remove(options, "Options");
            }
        }
    }
}

/// Fills in what dockerd fills in, and refuses what it cannot hand on. `name` is for a service without one.
pub(super) fn complete(spec: &mut Value, name: impl FnOnce() -> String) -> Result<(), Refusal> {
    if spec["Name"].as_str().unwrap_or_default().is_empty() {
        spec["Name"] = name().into();
    }
    let task = &mut spec["TaskTemplate"];
    match task["Runtime"].as_str().unwrap_or_default() {
        "" | "container" if task["ContainerSpec"].is_object() => {}
        "plugin" if task["PluginSpec"].is_object() => {
            if spec["Mode"]["Replicated"].is_object() {
                return Err(Refusal::bad_parameter("plugins must not use replicated mode"));
            }
            return Err(Refusal::server_error("runtime type \"plugin\" only supported in experimental"));
        }
        "" | "container" | "plugin" => return Err(Refusal::bad_parameter("mismatched Runtime and *Spec fields")),
        _ => return Err(Refusal::bad_parameter("unsupported runtime")),
    }
    complete_container(&mut task["ContainerSpec"])?;
    remove(task, "PluginSpec");
    task["Runtime"] = "container".into();
    if task["RestartPolicy"].is_object() {
        complete_restart(&mut task["RestartPolicy"])?;
    }
    for update in ["UpdateConfig", "RollbackConfig"] {
        if spec[update].is_object() {
            complete_update(&mut spec[update])?;
        }
    }
    if spec["EndpointSpec"].is_object() {
        complete_endpoint(&mut spec["EndpointSpec"])?;
    }
    complete_mode(spec)
}

fn complete_container(container: &mut Value) -> Result<(), Refusal> {
    for config in container["Configs"].as_array().into_iter().flatten() {
        match (config["Runtime"].is_object(), config["File"].is_object()) {
            (false, false) => return Err(Refusal::bad_parameter("invalid Config: either File or Runtime should be set")),
            (true, true) => return Err(Refusal::bad_parameter("invalid Config: cannot specify both File and Runtime")),
            _ => {}
        }
    }
    let isolation = container["Isolation"].as_str().unwrap_or_default().to_ascii_lowercase();
    let isolation = if matches!(isolation.as_str(), "hyperv" | "process") { isolation } else { "default".to_owned() };
    container["Isolation"] = isolation.into();
    for mount in container.get_mut("Mounts").and_then(Value::as_array_mut).into_iter().flatten() {
        let kind = mount["Type"].as_str().unwrap_or_default();
        match kind.to_ascii_lowercase().as_str() {
            "" => mount["Type"] = "bind".into(),
            lower @ ("bind" | "volume" | "tmpfs" | "npipe" | "cluster") => mount["Type"] = lower.to_owned().into(),
            _ => return Err(Refusal::bad_parameter(format!("invalid MountType: \"{kind}\""))),
        }
        if let Some(bind) = mount.get_mut("BindOptions") {
            let propagation = bind["Propagation"].as_str().unwrap_or_default();
            match propagation.to_ascii_lowercase().as_str() {
                "" => bind["Propagation"] = "rprivate".into(),
                "private" | "rprivate" | "shared" | "rshared" | "slave" | "rslave" => {}
                _ => return Err(Refusal::bad_parameter(format!("invalid MountPropagation: \"{propagation}\""))),
            }
        }
    }
    Ok(())
}

fn complete_restart(restart: &mut Value) -> Result<(), Refusal> {
    match restart["Condition"].as_str().unwrap_or_default() {
        "none" | "on-failure" | "any" => {}
        "" => restart["Condition"] = "any".into(),
        other => return Err(Refusal::bad_parameter(format!("invalid RestartCondition: \"{other}\""))),
    }
    if restart["MaxAttempts"].is_null() {
        restart["MaxAttempts"] = 0.into();
    }
    Ok(())
}

fn complete_update(update: &mut Value) -> Result<(), Refusal> {
    match update["FailureAction"].as_str().unwrap_or_default() {
        "pause" | "continue" | "rollback" => {}
        "" => update["FailureAction"] = "pause".into(),
        other => return Err(Refusal::bad_parameter(format!("unrecognized update failure action {other}"))),
    }
    match update["Order"].as_str().unwrap_or_default() {
        "stop-first" | "start-first" => {}
        "" => update["Order"] = "stop-first".into(),
        other => return Err(Refusal::bad_parameter(format!("unrecognized update order {other}"))),
    }
    Ok(())
}

fn complete_endpoint(endpoint: &mut Value) -> Result<(), Refusal> {
    match endpoint["Mode"].as_str().unwrap_or_default() {
        "vip" | "dnsrr" => {}
        "" => endpoint["Mode"] = "vip".into(),
        other => return Err(Refusal::bad_parameter(format!("invalid resolution mode: \"{other}\""))),
    }
    for port in endpoint.get_mut("Ports").and_then(Value::as_array_mut).into_iter().flatten() {
        for (member, known) in [("Protocol", &["tcp", "udp", "sctp"][..]), ("PublishMode", &["ingress", "host"][..])] {
            let given = port[member].as_str().unwrap_or_default().to_ascii_lowercase();
            // What is unknown is the default to protobuf.
            let fits = known.iter().find(|word| **word == given).or(known.first()).copied().unwrap_or_default();
            port[member] = fits.into();
        }
    }
    Ok(())
}

fn complete_mode(spec: &mut Value) -> Result<(), Refusal> {
    let mode = &mut spec["Mode"];
    if mode.as_object().is_some_and(|mode| mode.len() > 1) {
        return Err(Refusal::bad_parameter("must specify only one service mode"));
    }
    if mode["Global"].is_object() || mode["GlobalJob"].is_object() {
        return Ok(());
    }
    if mode["ReplicatedJob"].is_object() {
        let job = &mut mode["ReplicatedJob"];
        let concurrent = job["MaxConcurrent"].as_u64().unwrap_or(1);
        let total = job["TotalCompletions"].as_u64().unwrap_or(concurrent);
        *job = json!({ "MaxConcurrent": concurrent, "TotalCompletions": total });
        return Ok(());
    }
    let replicas = mode["Replicated"]["Replicas"].as_u64().unwrap_or(1);
    *mode = json!({ "Replicated": { "Replicas": replicas } });
    Ok(())
}

/// What is filled in for `insertDefaults`.
pub(super) fn interpolate(spec: &mut Value) {
    const SECOND: i64 = 1_000_000_000;
    let task = &mut spec["TaskTemplate"];
    let container = &mut task["ContainerSpec"];
    default(container, "StopGracePeriod", &json!(10 * SECOND));
    default(container, "DNSConfig", &json!({}));
    default(task, "Resources", &json!({}));
    default(task, "RestartPolicy", &json!({ "Condition": "any", "MaxAttempts": 0 }));
    default(&mut task["RestartPolicy"], "Delay", &json!(5 * SECOND));
    default(task, "Placement", &json!({}));
    if spec["Mode"]["ReplicatedJob"].is_object() || spec["Mode"]["GlobalJob"].is_object() {
        return;
    }
    for update in ["UpdateConfig", "RollbackConfig"] {
        default(spec, update, &json!({ "Parallelism": 1, "FailureAction": "pause", "MaxFailureRatio": 0, "Order": "stop-first" }));
        default(&mut spec[update], "Monitor", &json!(5 * SECOND));
    }
}

fn default(object: &mut Value, name: &str, value: &Value) {
    if let Some(object) = object.as_object_mut() {
        object.entry(name).or_insert_with(|| value.clone());
    }
}

fn remove(object: &mut Value, name: &str) {
    if let Some(object) = object.as_object_mut() {
        object.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(body: &Value, minor: u16) -> Result<Value, Refusal> {
        let mut spec = read(body, ApiVersion::new(minor))?;
        complete(&mut spec, || "swift_gull".to_owned())?;
        Ok(spec)
    }

    #[test]
    fn defaults_are_filled_in() {
        let container = json!({ "Image": "base", "Isolation": "default" });
        let given = json!({ "TaskTemplate": { "ContainerSpec": { "Image": "base" } } });
        let expected = json!({
            "Name": "swift_gull", "Labels": {}, "Mode": { "Replicated": { "Replicas": 1 } },
            "TaskTemplate": { "ContainerSpec": container, "ForceUpdate": 0, "Runtime": "container" },
        });
        assert_eq!(asked(&given, 41), Ok(expected));
        let given = json!({
            "Name": "vip", "EndpointSpec": { "Ports": [{ "TargetPort": 80 }] }, "UpdateConfig": {}, "Mode": { "Global": {} },
            "TaskTemplate": {
                "ContainerSpec": { "Image": "base", "Mounts": [{ "Target": "/a", "BindOptions": {} }], "Privileges": {}, "DNSConfig": {}, "Healthcheck": {} },
                "Resources": {}, "RestartPolicy": {}, "Placement": {},
            },
        });
        let expected = json!({
            "Name": "vip", "Labels": {}, "Mode": { "Global": {} },
            "EndpointSpec": { "Mode": "vip", "Ports": [{ "Protocol": "tcp", "TargetPort": 80, "PublishMode": "ingress" }] },
            "UpdateConfig": { "Parallelism": 0, "FailureAction": "pause", "MaxFailureRatio": 0, "Order": "stop-first" },
            "TaskTemplate": {
                "ContainerSpec": {
                    "Image": "base", "Isolation": "default", "DNSConfig": {}, "Healthcheck": {},
                    "Mounts": [{ "Type": "bind", "Target": "/a", "BindOptions": { "Propagation": "rprivate" } }],
                    "Privileges": { "CredentialSpec": null, "SELinuxContext": null, "NoNewPrivileges": false },
                },
                "Resources": {}, "RestartPolicy": { "Condition": "any", "MaxAttempts": 0 }, "Placement": {}, "ForceUpdate": 0, "Runtime": "container",
            },
        });
        assert_eq!(asked(&given, 41), Ok(expected));
    }

    #[test]
    fn what_cannot_be_handed_on() {
        let container = json!({ "Image": "base" });
        for (given, status, expected) in [
            (json!({}), 400, "mismatched Runtime and *Spec fields"),
            (json!({ "TaskTemplate": { "Runtime": "x", "ContainerSpec": container } }), 400, "unsupported runtime"),
            (json!({ "TaskTemplate": { "Runtime": "plugin" } }), 400, "mismatched Runtime and *Spec fields"),
            (
                json!({ "TaskTemplate": { "Runtime": "plugin", "PluginSpec": { "name": "x" } } }),
                500,
                "runtime type \"plugin\" only supported in experimental",
            ),
            (
                json!({ "TaskTemplate": { "ContainerSpec": { "Configs": [{ "ConfigID": "x" }] } } }),
                400,
                "invalid Config: either File or Runtime should be set",
            ),
            (json!({ "TaskTemplate": { "ContainerSpec": { "Mounts": [{ "Type": "x" }] } } }), 400, "invalid MountType: \"x\""),
            (
                json!({ "TaskTemplate": { "ContainerSpec": container, "RestartPolicy": { "Condition": "sometimes" } } }),
                400,
                "invalid RestartCondition: \"sometimes\"",
            ),
            (
                json!({ "TaskTemplate": { "ContainerSpec": container }, "UpdateConfig": { "FailureAction": "x" } }),
                400,
                "unrecognized update failure action x",
            ),
            (
                json!({ "TaskTemplate": { "ContainerSpec": container }, "UpdateConfig": { "Order": "x" } }),
                400,
                "unrecognized update order x",
            ),
            (
                json!({ "TaskTemplate": { "ContainerSpec": container }, "EndpointSpec": { "Mode": "x" } }),
                400,
                "invalid resolution mode: \"x\"",
            ),
            (
                json!({ "TaskTemplate": { "ContainerSpec": container }, "Mode": { "Global": {}, "Replicated": {} } }),
                400,
                "must specify only one service mode",
            ),
        ] {
            assert_eq!(asked(&given, 41), Err(Refusal::new(status, expected)), "{given}");
        }
    }

    #[test]
    fn an_older_version_drops_what_it_does_not_have() {
        let given = json!({ "Mode": { "GlobalJob": {} }, "TaskTemplate": { "ContainerSpec": {
            "Image": "base", "Sysctls": { "a": "b" }, "CapabilityAdd": ["CAP_CHOWN"], "OomScoreAdj": 1 } } });
        for (minor, members, mode) in
            [(39, 2, "Replicated"), (40, 3, "Replicated"), (41, 4, "GlobalJob"), (45, 4, "GlobalJob"), (46, 5, "GlobalJob")]
        {
            let spec = asked(&given, minor).expect("a spec");
            assert_eq!(spec["TaskTemplate"]["ContainerSpec"].as_object().map(serde_json::Map::len), Some(members), "1.{minor}");
            assert!(spec["Mode"][mode].is_object(), "1.{minor}");
        }
    }

    #[test]
    fn defaults_are_inserted() {
        let mut spec = asked(&json!({ "TaskTemplate": { "ContainerSpec": { "Image": "base" } } }), 41).expect("a spec");
        interpolate(&mut spec);
        assert_eq!(spec["TaskTemplate"]["RestartPolicy"], json!({ "Condition": "any", "Delay": 5_000_000_000_i64, "MaxAttempts": 0 }));
        assert_eq!(spec["TaskTemplate"]["ContainerSpec"]["StopGracePeriod"], json!(10_000_000_000_i64));
        assert_eq!(spec["RollbackConfig"]["Monitor"], json!(5_000_000_000_i64));
    }
}
