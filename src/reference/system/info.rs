//! `GET /info`.

use serde_json::{Map, Value, json};

use super::super::answer::Answer;
use super::super::call::Call;
use super::super::{Engine, State};
use super::VERSION;
use super::version::KERNEL;

const NCPU: u64 = 2;
const MEM_TOTAL: u64 = 4 << 30;

pub(super) fn answer(engine: &Engine, call: &Call) -> Answer {
    let now = engine.now();
    let state = engine.state();
    let (mut running, mut paused) = (0, 0);
    for container in state.containers.iter() {
        // A paused one runs too, and is counted once.
        if container.is_paused() {
            paused += 1;
        } else if container.is_running() {
            running += 1;
        }
    }
    let containers = state.containers.iter().count();
    let stopped = containers - running - paused;
    let counted = json!({
        "ID": identity(&state, call.since(43)),
        "Containers": containers,
        "ContainersRunning": running,
        "ContainersPaused": paused,
        "ContainersStopped": stopped,
        "Images": state.images.count(),
        "SystemTime": now.to_string(),
        "NEventsListener": state.events.listeners(),
        "Swarm": state.swarm.info(),
    });
    let mut all = Map::new();
    for part in [counted, features(call), host(), daemon(call)] {
        if let Value::Object(part) = part {
            all.extend(part);
        }
    }
    if !call.since(25) {
        all.insert("ExecutionDriver".to_owned(), "<not supported>".into());
    }
    Answer::json(all.into())
}

/// What a kernel with the second generation of control groups can do.
fn features(call: &Call) -> Value {
    json!({
        "MemoryLimit": flag(call, true),
        "SwapLimit": flag(call, true),
        "KernelMemory": false,
        "KernelMemoryTCP": false,
        "CpuCfsPeriod": true,
        "CpuCfsQuota": true,
        "CPUShares": true,
        "CPUSet": true,
        "PidsLimit": true,
        "IPv4Forwarding": flag(call, true),
        "BridgeNfIptables": true,
        "BridgeNfIp6tables": true,
        "OomKillDisable": false,
        "CgroupDriver": "systemd",
        "CgroupVersion": "2",
    })
}

/// The host, which there is not.
fn host() -> Value {
    json!({
        "KernelVersion": KERNEL,
        "OperatingSystem": "plimsoll (in memory)",
        "OSVersion": VERSION,
        "OSType": "linux",
        "Architecture": "x86_64",
        "NCPU": NCPU,
        "MemTotal": MEM_TOTAL,
        "GenericResources": null,
        "Name": "plimsoll",
        "Isolation": "",
        "HttpProxy": "",
        "HttpsProxy": "",
        "NoProxy": "",
    })
}

/// How the daemon is set up.
fn daemon(call: &Call) -> Value {
    let mut set_up = json!({
        "Driver": "overlay2",
        "DriverStatus": [["Backing Filesystem", "memory"], ["Supports d_type", "true"]],
        "Plugins": {
            "Volume": ["local"],
            "Network": ["bridge", "host", "ipvlan", "macvlan", "null", "overlay"],
            "Authorization": null,
            "Log": ["json-file", "local", "none"],
        },
        "Debug": flag(call, false),
        "NFd": 27,
        "NGoroutines": 40,
        "LoggingDriver": "json-file",
        "IndexServerAddress": "https://index.docker.io/v1/",
        "RegistryConfig": registries(call),
        "DockerRootDir": "/var/lib/docker",
        "Labels": [],
        "ExperimentalBuild": false,
        "ServerVersion": VERSION,
        "Runtimes": { "io.containerd.runc.v2": runtime(call), "runc": runtime(call) },
        "DefaultRuntime": "runc",
        "LiveRestoreEnabled": false,
        "InitBinary": "docker-init",
        "ContainerdCommit": commit(VERSION),
        "RuncCommit": commit(VERSION),
        "InitCommit": commit(""),
        "Warnings": null,
    });
    let options = if call.since(25) { ["name=seccomp,profile=builtin", "name=cgroupns"] } else { ["seccomp", "cgroupns"] };
    let namespaces = json!({ "Containers": "moby", "Plugins": "plugins.moby" });
    set_up["SecurityOptions"] = json!(options);
    set_up["DefaultAddressPools"] = json!([{ "Base": "172.17.0.0/12", "Size": 16 }, { "Base": "192.168.0.0/16", "Size": 20 }]);
    set_up["FirewallBackend"] = json!({ "Driver": "iptables" });
    set_up["CDISpecDirs"] = json!(["/etc/cdi", "/var/run/cdi"]);
    set_up["Containerd"] = json!({ "Address": "/run/containerd/containerd.sock", "Namespaces": namespaces });
    set_up
}

/// A number for the daemons of 1.8 to 1.18, a truth value before and after.
fn flag(call: &Call, on: bool) -> Value {
    if call.since(8) && !call.since(19) { u8::from(on).into() } else { on.into() }
}

fn commit(id: &str) -> Value {
    json!({ "ID": id, "Expected": id })
}

fn runtime(call: &Call) -> Value {
    if call.since(44) {
        return json!({ "path": "runc", "status": { "org.opencontainers.runtime-spec.features": "{}" } });
    }
    json!({ "path": "runc" })
}

fn registries(call: &Call) -> Value {
    let mut config = json!({
        "InsecureRegistryCIDRs": ["127.0.0.0/8"],
        "IndexConfigs": { "docker.io": { "Name": "docker.io", "Mirrors": [], "Secure": true, "Official": true } },
        "Mirrors": [],
    });
    if !call.since(49) {
        config["AllowNondistributableArtifactsCIDRs"] = json!([]);
        config["AllowNondistributableArtifactsHostnames"] = json!([]);
    }
    config
}

/// The daemon's own id, made of one that it has anyway: a UUID for daemons of today, twelve groups of letters before.
fn identity(state: &State, uuid: bool) -> String {
    let seed = state.networks.iter().next().map(|network| network.id.as_str()).unwrap_or_default();
    let part = |from: usize, to: usize| seed.get(from..to).unwrap_or_default();
    if uuid {
        return format!("{}-{}-4{}-8{}-{}", part(0, 8), part(8, 12), part(12, 15), part(15, 18), part(18, 30));
    }
    // Two letters of each digit: `A` to `P`, which base 32 has too.
    let letter = |digit: char| char::from(b'A' + u8::try_from(digit.to_digit(16).unwrap_or_default()).unwrap_or_default());
    let letters: Vec<char> = part(0, 48).chars().map(letter).collect();
    letters.chunks(4).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join(":")
}

#[cfg(test)]
mod tests {
    use super::super::super::Settings;
    use super::*;

    #[test]
    fn the_identity_has_a_form_for_each_age() {
        let engine = Engine::new(Settings { seed: Some(1), ..Settings::default() });
        let state = engine.state();
        let (old, new) = (identity(&state, false), identity(&state, true));
        assert_eq!((old.len(), old.split(':').count()), (59, 12), "{old}");
        assert_eq!((new.len(), new.split('-').count()), (36, 5), "{new}");
    }
}
