//! A plugin's configuration: read from its `config.json`, written as Go writes it, and what it asks to be allowed.

use serde_json::{Map, Value, json};

use super::super::document::Document;

/// The configuration with every member that Go always writes.
pub(super) fn normal(config: Document<'_>, layer: &str) -> Value {
    let interface = config.at("interface");
    let linux = config.at("linux");
    let user = config.at("user");
    let mut uids = Map::new();
    for (name, id) in [("UID", user.int("uid")), ("GID", user.int("gid"))] {
        if id > 0 {
            uids.insert(name.to_owned(), id.into());
        }
    }
    let mut kinds = json!({ "Types": list(interface, "types"), "Socket": interface.text("socket") });
    if interface.has("protocolScheme") {
        kinds["ProtocolScheme"] = interface.text("protocolScheme").into();
    }
    json!({
        "DockerVersion": super::super::system::VERSION,
        "Description": config.text("description"),
        "Documentation": config.text("documentation"),
        "Interface": kinds,
        "Entrypoint": list(config, "entrypoint"),
        "WorkDir": config.text("workdir"),
        "User": uids,
        "Network": { "Type": config.at("network").text("type") },
        "Linux": {
            "Capabilities": list(linux, "capabilities"),
            "AllowAllDevices": linux.flag("allowAllDevices"),
            "Devices": each(linux, "devices", device),
        },
        "PropagatedMount": config.text("propagatedMount"),
        "IpcHost": config.flag("ipcHost"),
        "PidHost": config.flag("pidHost"),
        "Mounts": each(config, "mounts", mount),
        "Env": each(config, "env", env),
        "Args": {
            "Name": config.at("args").text("name"),
            "Description": config.at("args").text("description"),
            "Settable": list(config.at("args"), "settable"),
            "Value": list(config.at("args"), "value"),
        },
        "rootfs": { "type": "layers", "diff_ids": [layer] },
    })
}

/// The settings that a plugin begins with.
pub(super) fn settings(config: &Value) -> Value {
    let copied = |value: &Value| if value.is_array() { value.clone() } else { json!([]) };
    let env: Vec<String> = config["Env"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|env| Some(format!("{}={}", env["Name"].as_str()?, env["Value"].as_str()?)))
        .collect();
    json!({
        "Mounts": copied(&config["Mounts"]),
        "Env": env,
        "Args": copied(&config["Args"]["Value"]),
        "Devices": copied(&config["Linux"]["Devices"]),
    })
}

/// What it asks to be allowed.
pub(super) fn privileges(config: &Value) -> Vec<Value> {
    let mut all = Vec::new();
    let mut ask = |name: &str, description: &str, value: Value| {
        all.push(json!({ "Name": name, "Description": description, "Value": value }));
    };
    let network = config["Network"]["Type"].as_str().unwrap_or_default();
    if !["", "null", "bridge"].contains(&network) {
        ask("network", "permissions to access a network", json!([network]));
    }
    if config["IpcHost"] == true {
        ask("host ipc namespace", "allow access to host ipc namespace", json!(["true"]));
    }
    if config["PidHost"] == true {
        ask("host pid namespace", "allow access to host pid namespace", json!(["true"]));
    }
    for source in config["Mounts"].as_array().into_iter().flatten().filter_map(|mount| mount["Source"].as_str()) {
        ask("mount", "host path to mount", json!([source]));
    }
    for path in config["Linux"]["Devices"].as_array().into_iter().flatten().filter_map(|device| device["Path"].as_str()) {
        ask("device", "host device to access", json!([path]));
    }
    if config["Linux"]["AllowAllDevices"] == true {
        ask("allow-all-devices", "allow 'rwm' access to all devices", json!(["true"]));
    }
    if config["Linux"]["Capabilities"].as_array().is_some_and(|all| !all.is_empty()) {
        ask("capabilities", "list of additional capabilities required", config["Linux"]["Capabilities"].clone());
    }
    all
}

/// A list of texts; null when it is missing.
fn list(of: Document<'_>, name: &str) -> Value {
    if of.has(name) { json!(of.texts(name)) } else { Value::Null }
}

fn each(of: Document<'_>, name: &str, item: fn(Document<'_>) -> Value) -> Value {
    if !of.has(name) {
        return Value::Null;
    }
    of.items(name).iter().map(|value| item(Document(value))).collect()
}

fn text_or_null(of: Document<'_>, name: &str) -> Value {
    of.member(name).as_str().map_or(Value::Null, Value::from)
}

fn mount(of: Document<'_>) -> Value {
    json!({
        "Name": of.text("name"),
        "Description": of.text("description"),
        "Settable": list(of, "settable"),
        "Source": text_or_null(of, "source"),
        "Destination": of.text("destination"),
        "Type": of.text("type"),
        "Options": list(of, "options"),
    })
}

fn device(of: Document<'_>) -> Value {
    json!({
        "Name": of.text("name"),
        "Description": of.text("description"),
        "Settable": list(of, "settable"),
        "Path": text_or_null(of, "path"),
    })
}

fn env(of: Document<'_>) -> Value {
    json!({
        "Name": of.text("name"),
        "Description": of.text("description"),
        "Settable": list(of, "settable"),
        "Value": text_or_null(of, "value"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_null() {
        let config =
            normal(Document(&json!({ "entrypoint": ["/a"], "env": [{ "name": "A", "value": "1" }, { "name": "B" }] })), "sha256:0");
        assert_eq!(
            (&config["Mounts"], &config["Entrypoint"], &config["Linux"]["Capabilities"]),
            (&Value::Null, &json!(["/a"]), &Value::Null)
        );
        assert_eq!(settings(&config), json!({ "Mounts": [], "Env": ["A=1"], "Args": [], "Devices": [] }));
        assert!(privileges(&config).is_empty());
    }
}
