//! The configuration of an image or container (`Config`, `ContainerConfig`): which members Go always writes, and in which order of merging they win.

use serde_json::{Map, Value, json};

use super::super::document::Document;

/// Members that are written even if they are empty, and what they are then.
fn always() -> [(&'static str, Value); 16] {
    [
        ("Hostname", json!("")),
        ("Domainname", json!("")),
        ("User", json!("")),
        ("AttachStdin", json!(false)),
        ("AttachStdout", json!(false)),
        ("AttachStderr", json!(false)),
        ("Tty", json!(false)),
        ("OpenStdin", json!(false)),
        ("StdinOnce", json!(false)),
        ("Env", Value::Null),
        ("Cmd", Value::Null),
        ("Image", json!("")),
        ("Volumes", Value::Null),
        ("WorkingDir", json!("")),
        ("Entrypoint", Value::Null),
        ("OnBuild", Value::Null),
    ]
}

/// Members that are written only when they hold something.
const SOMETIMES: [&str; 8] =
    ["ExposedPorts", "Healthcheck", "ArgsEscaped", "NetworkDisabled", "MacAddress", "StopSignal", "StopTimeout", "Shell"];

/// A configuration as Go decodes and writes it again: with every member that it always writes, without those that are unknown or empty.
pub(in crate::reference) fn normal(value: &Value) -> Value {
    let document = Document(value);
    let mut config = Map::new();
    for (name, empty) in always() {
        let given = document.member(name);
        let fits = match &empty {
            Value::String(_) => given.is_string(),
            Value::Bool(_) => given.is_boolean(),
            _ => given.is_array() || given.is_object(),
        };
        let value = match (name, given) {
            ("Cmd" | "Entrypoint", Value::String(text)) => json!([text]),
            _ if fits => given.clone(),
            _ => empty,
        };
        config.insert(name.to_owned(), value);
    }
    config.insert("Labels".to_owned(), Some(document.member("Labels")).filter(|labels| labels.is_object()).cloned().unwrap_or_default());
    for name in SOMETIMES {
        let given = document.member(name);
        if !is_empty(given) || (name == "StopTimeout" && given.is_i64()) {
            config.insert(name.to_owned(), given.clone());
        }
    }
    Value::Object(config)
}

/// No configuration: what Go writes of an empty one.
pub(in crate::reference) fn empty() -> Value {
    normal(&Value::Null)
}

/// Whether Go would leave it out.
pub(super) fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Bool(true) => false,
        Value::Number(number) => number.as_i64() == Some(0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
    }
}

/// Fills what `user` leaves open from `image`, as container create and commit do: lists of ports, volumes and labels are joined, variables of the
/// environment are added when the user does not set them, a command goes with its entry point.
pub(in crate::reference) fn merge(user: &mut Value, image: &Value) {
    let given = Document(image);
    for name in ["User", "WorkingDir", "StopSignal", "StopTimeout", "Shell"] {
        if is_empty(Document(user).member(name)) && !is_empty(given.member(name)) {
            set(user, name, given.member(name).clone());
        }
    }
    for name in ["ExposedPorts", "Volumes", "Labels"] {
        for (key, value) in given.entries(name) {
            if Document(user).at(name).0.get(key).is_none() {
                insert(user, name, key, value.clone());
            }
        }
    }
    let mut env = Document(user).texts("Env");
    let key = |pair: &str| pair.split('=').next().unwrap_or_default().to_owned();
    for pair in given.texts("Env") {
        if !env.iter().any(|own| key(own) == key(&pair)) {
            env.push(pair);
        }
    }
    if !env.is_empty() {
        set(user, "Env", json!(env));
    }
    if is_empty(Document(user).member("Entrypoint")) {
        if is_empty(Document(user).member("Cmd")) {
            set(user, "Cmd", given.member("Cmd").clone());
        }
        if Document(user).member("Entrypoint").is_null() {
            set(user, "Entrypoint", given.member("Entrypoint").clone());
        }
    }
    merge_healthcheck(user, given);
}

fn merge_healthcheck(user: &mut Value, given: Document<'_>) {
    let image = given.member("Healthcheck");
    if !image.is_object() {
        return;
    }
    if !Document(user).has("Healthcheck") {
        set(user, "Healthcheck", image.clone());
        return;
    }
    let mut check = Document(user).member("Healthcheck").clone();
    for (name, value) in given.entries("Healthcheck") {
        if is_empty(Document(&check).member(name)) {
            set(&mut check, name, value.clone());
        }
    }
    set(user, "Healthcheck", check);
}

/// Sets a member.
pub(super) fn set(config: &mut Value, name: &str, value: Value) {
    if let Value::Object(members) = config {
        members.insert(name.to_owned(), value);
    }
}

/// Sets a member of a map that may not be there yet.
pub(super) fn insert(config: &mut Value, map: &str, key: &str, value: Value) {
    let Value::Object(members) = config else { return };
    let inner = members.entry(map).or_insert(Value::Null);
    if !inner.is_object() {
        *inner = json!({});
    }
    if let Value::Object(inner) = inner {
        inner.insert(key.to_owned(), value);
    }
}

/// Sets a variable of `Env` (`KEY=value`), in place of the one that is there.
pub(super) fn set_env(config: &mut Value, key: &str, value: &str) {
    let mut env = Document(config).texts("Env");
    let pair = format!("{key}={value}");
    match env.iter_mut().find(|own| own.split('=').next() == Some(key)) {
        Some(own) => *own = pair,
        None => env.push(pair),
    }
    set(config, "Env", json!(env));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_written_as_go_writes_them() {
        let config = normal(&json!({ "cmd": "true", "Env": 3, "Unknown": 1, "StopSignal": "", "StopTimeout": 0, "Shell": ["/bin/sh"] }));
        assert_eq!(config["Cmd"], json!(["true"]));
        assert_eq!((&config["Env"], &config["Labels"], &config["Tty"]), (&Value::Null, &Value::Null, &json!(false)));
        assert!(config.get("Unknown").is_none() && config.get("StopSignal").is_none());
        assert_eq!((&config["StopTimeout"], &config["Shell"]), (&json!(0), &json!(["/bin/sh"])));
    }

    #[test]
    fn the_user_wins() {
        let mut user = normal(&json!({ "Env": ["A=1"], "Labels": { "a": "b" }, "Entrypoint": ["x"] }));
        let image = json!({ "Env": ["A=0", "B=2"], "Labels": { "a": "c", "d": "e" }, "Cmd": ["sh"], "User": "u",
            "Healthcheck": { "Test": ["NONE"] } });
        merge(&mut user, &image);
        assert_eq!(user["Env"], json!(["A=1", "B=2"]));
        assert_eq!(user["Labels"], json!({ "a": "b", "d": "e" }));
        assert_eq!((&user["Cmd"], &user["User"]), (&Value::Null, &json!("u")));
        assert_eq!(user["Healthcheck"], json!({ "Test": ["NONE"] }));
        let mut plain = empty();
        merge(&mut plain, &image);
        assert_eq!(plain["Cmd"], json!(["sh"]));
    }
}
