//! What the orchestrator says of a service spec before it takes it, in its order and words.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::super::super::document::Document;
use super::super::super::refusal::Refusal;
use super::super::cluster::Cluster;
use super::super::object::invalid;
use super::super::task::constraint;

const MILLISECOND: i64 = 1_000_000;

/// Checks a spec by itself.
pub(super) fn validate(spec: &Value) -> Result<(), Refusal> {
    name(spec["Name"].as_str().unwrap_or_default())?;
    task(&spec["TaskTemplate"])?;
    let job = is_job(spec);
    if job && spec["UpdateConfig"].is_object() {
        return Err(invalid("Jobs may not have an update config"));
    }
    if !job {
        update(Document(&spec["UpdateConfig"]))?;
    }
    endpoint(Document(&spec["EndpointSpec"]))
}

/// Whether a service ends by itself.
pub(in super::super) fn is_job(spec: &Value) -> bool {
    spec["Mode"]["ReplicatedJob"].is_object() || spec["Mode"]["GlobalJob"].is_object()
}

/// Checks a spec against what else there is: ports, secrets, configs. `id` is the service's own when it is updated.
pub(super) fn fits(spec: &Value, cluster: &Cluster, id: &str) -> Result<(), Refusal> {
    ports_are_free(spec, cluster, id)?;
    let container = Document(&spec["TaskTemplate"]["ContainerSpec"]);
    for (member, kind, all) in [("Secrets", "secret", &cluster.secrets), ("Configs", "config", &cluster.configs)] {
        let (id, name) = if kind == "secret" { ("SecretID", "SecretName") } else { ("ConfigID", "ConfigName") };
        let missing: Vec<&str> = container
            .items(member)
            .iter()
            .map(Document)
            .filter(|reference| all.get(reference.text(id)).is_none_or(|found| found.name() != reference.text(name)))
            .map(|reference| reference.text(name))
            .collect();
        if !missing.is_empty() {
            let plural = if missing.len() == 1 { "" } else { "s" };
            return Err(invalid(format!("{kind}{plural} not found: {}", missing.join(", "))));
        }
    }
    Ok(())
}

fn name(name: &str) -> Result<(), Refusal> {
    let ends = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = name.as_bytes();
    let inside = bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    if !inside || !ends(bytes.first()) || !ends(bytes.last()) {
        return Err(invalid("name must be valid as a DNS name component"));
    }
    if name.len() > 63 {
        return Err(invalid("name must be 63 characters or fewer"));
    }
    Ok(())
}

fn task(task: &Value) -> Result<(), Refusal> {
    for part in ["Limits", "Reservations"] {
        resources(Document(&task["Resources"][part]))?;
    }
    let restart = Document(&task["RestartPolicy"]);
    for (member, text) in [("Delay", "restart-delay"), ("Window", "restart-window")] {
        if restart.int(member) < 0 {
            return Err(invalid(format!("TaskSpec: {text} cannot be negative")));
        }
    }
    for expression in Document(&task["Placement"]).texts("Constraints") {
        constraint::parse(&expression).map_err(|why| Refusal::server_error(format!("rpc error: code = Unknown desc = {why}")))?;
    }
    let container = Document(&task["ContainerSpec"]);
    references(container, "Secrets", "secret")?;
    references(container, "Configs", "config")?;
    self::container(container)
}

fn resources(resources: Document<'_>) -> Result<(), Refusal> {
    let cpus = resources.int("NanoCPUs");
    if cpus != 0 && cpus < 1_000_000 {
        return Err(invalid(format!("invalid cpu value {}: Must be at least 0.001", short_float(cpus))));
    }
    let memory = resources.int("MemoryBytes");
    if memory != 0 && memory < 4 << 20 {
        return Err(invalid(format!("invalid memory value {memory}: Must be at least 4MiB")));
    }
    Ok(())
}

/// A number of billionths as Go's `%g` writes it.
fn short_float(billionths: i64) -> String {
    let digits = billionths.unsigned_abs().to_string();
    let significant = digits.trim_end_matches('0');
    let sign = if billionths < 0 { "-" } else { "" };
    let exponent = digits.len().cast_signed() - 10;
    let (first, rest) = significant.split_at(significant.len().min(1));
    let point = if rest.is_empty() { "" } else { "." };
    match exponent {
        ..-4 => format!("{sign}{first}{point}{rest}e-{:02}", -exponent),
        -4..0 => format!("{sign}0.{}{significant}", "0".repeat((-exponent - 1).unsigned_abs())),
        // Only a negative number gets here: what is too small is below a thousandth.
        _ => format!("{sign}{first}{point}{rest}e+{exponent:02}"),
    }
}

fn references(container: Document<'_>, member: &str, kind: &str) -> Result<(), Refusal> {
    let (id, name) = if kind == "secret" { ("SecretID", "SecretName") } else { ("ConfigID", "ConfigName") };
    let mut targets: BTreeMap<&str, &str> = BTreeMap::new();
    for reference in container.items(member).iter().map(Document) {
        if reference.text(id).is_empty() || reference.text(name).is_empty() {
            return Err(invalid(format!("malformed {kind} reference")));
        }
        if reference.has("Runtime") {
            continue;
        }
        if !reference.has("File") {
            return Err(invalid(format!("malformed {kind} reference, no target provided")));
        }
        let file = reference.at("File").text("Name");
        if file.is_empty() {
            let what = if kind == "secret" { "malformed file secret reference" } else { "malformed file config reference" };
            return Err(invalid(format!("{what}, invalid target file name provided")));
        }
        if let Some(before) = targets.insert(file, reference.text(name)) {
            let this = reference.text(name);
            return Err(invalid(format!("{kind} references '{before}' and '{this}' have a conflicting target: '{file}'")));
        }
    }
    Ok(())
}

fn container(container: Document<'_>) -> Result<(), Refusal> {
    let image = container.text("Image");
    if image.is_empty() {
        return Err(invalid("ContainerSpec: image reference must be provided"));
    }
    if !is_reference(image) {
        return Err(invalid(format!("ContainerSpec: \"{image}\" is not a valid repository/tag")));
    }
    let mut targets = BTreeSet::new();
    for mount in container.items("Mounts").iter().map(Document) {
        let target = mount.text("Target");
        if !targets.insert(target) {
            return Err(invalid(format!("ContainerSpec: duplicate mount point: {target}")));
        }
    }
    let health = container.at("Healthcheck");
    for member in ["Interval", "Timeout", "StartPeriod"] {
        let period = health.int(member);
        if period != 0 && period < MILLISECOND {
            return Err(invalid(format!("ContainerSpec: {member} in HealthConfig cannot be less than 1ms")));
        }
    }
    if health.int("Retries") < 0 {
        return Err(invalid("ContainerSpec: Retries in HealthConfig cannot be negative"));
    }
    Ok(())
}

/// Whether a text names an image: `[domain/]path[:tag][@digest]`.
fn is_reference(text: &str) -> bool {
    let (name, digest) = text.split_once('@').map_or((text, None), |(name, digest)| (name, Some(digest)));
    let digest_fits = digest.is_none_or(|digest| {
        digest.split_once(':').is_some_and(|(algorithm, hex)| {
            !algorithm.is_empty() && hex.len() >= 32 && hex.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f'))
        })
    });
    let (path, tag) = match name.rsplit_once(':') {
        Some((path, tag)) if !tag.contains('/') => (path, Some(tag)),
        _ => (name, None),
    };
    let tag_fits = tag.is_none_or(|tag| {
        let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        tag.len() <= 128 && tag.bytes().next().is_some_and(word) && tag.bytes().all(|byte| word(byte) || matches!(byte, b'.' | b'-'))
    });
    let path = match path.split_once('/') {
        Some((domain, rest)) if domain.contains(['.', ':']) || domain == "localhost" => rest,
        _ => path,
    };
    digest_fits && tag_fits && path.split('/').all(is_component)
}

/// Lower-case letters and digits, with separators between them.
fn is_component(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = text.as_bytes();
    bytes.first().copied().is_some_and(plain)
        && bytes.last().copied().is_some_and(plain)
        && bytes.iter().all(|byte| plain(*byte) || matches!(byte, b'.' | b'_' | b'-'))
        && !text.contains("..")
        && !text.contains("___")
}

fn update(update: Document<'_>) -> Result<(), Refusal> {
    for (member, text) in [("Delay", "update-delay"), ("Monitor", "update-monitor")] {
        if update.int(member) < 0 {
            return Err(invalid(format!("TaskSpec: {text} cannot be negative")));
        }
    }
    if update.member("MaxFailureRatio").as_f64().is_some_and(|ratio| !(0.0..=1.0).contains(&ratio)) {
        return Err(invalid("TaskSpec: update-maxfailureratio cannot be less than 0 or bigger than 1"));
    }
    Ok(())
}

fn endpoint(endpoint: Document<'_>) -> Result<(), Refusal> {
    let mut published = BTreeSet::new();
    for port in endpoint.items("Ports").iter().map(Document) {
        if endpoint.text("Mode") == "dnsrr" && port.text("PublishMode") == "ingress" {
            return Err(invalid("EndpointSpec: port published with ingress mode can't be used with dnsrr mode"));
        }
        let number = port.int("PublishedPort");
        if number != 0 && !published.insert((number, port.text("Protocol"))) {
            return Err(invalid("EndpointSpec: duplicate published ports provided"));
        }
    }
    Ok(())
}

fn ports_are_free(spec: &Value, cluster: &Cluster, id: &str) -> Result<(), Refusal> {
    let asked: Vec<Document<'_>> = Document(&spec["EndpointSpec"]).items("Ports").iter().map(Document).collect();
    for service in cluster.services.values().filter(|service| service.id != id) {
        let taken = [&service.spec["EndpointSpec"]["Ports"], &service.endpoint["Ports"]];
        for port in taken.into_iter().filter_map(Value::as_array).flatten().map(Document) {
            let number = port.int("PublishedPort");
            let same = |asked: &&Document<'_>| {
                number != 0 && asked.int("PublishedPort") == number && asked.text("Protocol") == port.text("Protocol")
            };
            let Some(wanted) = asked.iter().find(same) else { continue };
            let how = match (port.text("PublishMode"), wanted.text("PublishMode")) {
                ("host", "host") => continue,
                ("host", _) => "a host-published port",
                _ => "an ingress port",
            };
            return Err(invalid(format!("port '{number}' is already in use by service '{}' ({}) as {how}", service.name(), service.id)));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn specs_are_checked() {
        let ports =
            |first: Value| json!({ "Mode": "vip", "Ports": [first, { "PublishedPort": 80, "Protocol": "tcp", "PublishMode": "host" }] });
        for (given, expected) in [
            (json!({ "Name": "a b" }), "name must be valid as a DNS name component"),
            (json!({ "Name": "-a" }), "name must be valid as a DNS name component"),
            (json!({ "Name": "a".repeat(64) }), "name must be 63 characters or fewer"),
            (json!({ "TaskTemplate": {} }), "ContainerSpec: image reference must be provided"),
            (
                json!({ "TaskTemplate": { "ContainerSpec": { "Image": "UP PER" } } }),
                "ContainerSpec: \"UP PER\" is not a valid repository/tag",
            ),
            (
                json!({ "TaskTemplate": { "Resources": { "Limits": { "MemoryBytes": 1 } } } }),
                "invalid memory value 1: Must be at least 4MiB",
            ),
            (
                json!({ "TaskTemplate": { "Resources": { "Limits": { "NanoCPUs": 1 } } } }),
                "invalid cpu value 1e-09: Must be at least 0.001",
            ),
            (json!({ "TaskTemplate": { "RestartPolicy": { "Delay": -1 } } }), "TaskSpec: restart-delay cannot be negative"),
            (json!({ "TaskTemplate": { "ContainerSpec": { "Secrets": [{ "SecretID": "x" }] } } }), "malformed secret reference"),
            (
                json!({ "TaskTemplate": { "ContainerSpec": { "Secrets": [{ "SecretID": "x", "SecretName": "y" }] } } }),
                "malformed secret reference, no target provided",
            ),
            (
                json!({ "TaskTemplate": { "ContainerSpec": { "Image": "base", "Mounts": [{ "Target": "/a" }, { "Target": "/a" }] } } }),
                "ContainerSpec: duplicate mount point: /a",
            ),
            (
                json!({ "TaskTemplate": { "ContainerSpec": { "Image": "base", "Healthcheck": { "Interval": 1 } } } }),
                "ContainerSpec: Interval in HealthConfig cannot be less than 1ms",
            ),
            (
                json!({ "UpdateConfig": { "MaxFailureRatio": 2 } }),
                "TaskSpec: update-maxfailureratio cannot be less than 0 or bigger than 1",
            ),
            (json!({ "Mode": { "GlobalJob": {} }, "UpdateConfig": {} }), "Jobs may not have an update config"),
            (
                json!({ "EndpointSpec": { "Mode": "dnsrr", "Ports": [{ "PublishMode": "ingress" }] } }),
                "EndpointSpec: port published with ingress mode can't be used with dnsrr mode",
            ),
            (
                json!({ "EndpointSpec": ports(json!({ "PublishedPort": 80, "Protocol": "tcp" })) }),
                "EndpointSpec: duplicate published ports provided",
            ),
        ] {
            let mut spec = json!({ "Name": "web", "Mode": {}, "TaskTemplate": { "ContainerSpec": { "Image": "base:latest" } } });
            for (name, value) in given.as_object().into_iter().flatten() {
                spec[name] = value.clone();
            }
            assert_eq!(validate(&spec), Err(invalid(expected)), "{given}");
        }
        let right = json!({ "Name": "web-1", "Mode": {}, "TaskTemplate": { "ContainerSpec": { "Image": "base" } }, "EndpointSpec": ports(json!({})) });
        assert_eq!(validate(&right), Ok(()));
    }

    #[test]
    fn references_of_images() {
        for (text, right) in [
            ("base", true),
            ("base:latest", true),
            ("localhost:5000/a/b_c:1.0", true),
            ("a.b/c", true),
            ("Base", false),
            ("a//b", false),
            ("base:", false),
            ("base@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", true),
            ("base@x", false),
            (":a", false),
        ] {
            assert_eq!(is_reference(text), right, "{text}");
        }
        for (billionths, text) in
            [(1, "1e-09"), (120, "1.2e-07"), (999_999, "0.000999999"), (-5_000_000_000, "-5e+00"), (100_000, "0.0001")]
        {
            assert_eq!(short_float(billionths), text);
        }
    }
}
