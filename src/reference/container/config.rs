//! `Config` of a container: what the client wrote, and what the image adds to it.

use serde_json::{Map, Value, json};

use super::validate::{Kind, member};
use crate::reference::document::Document;
use crate::reference::refusal::Refusal;

/// The members that Go always writes, and what they hold when nobody gave them.
const ALWAYS: [(&str, Kind); 15] = [
    ("Hostname", Kind::Text),
    ("Domainname", Kind::Text),
    ("User", Kind::Text),
    ("AttachStdin", Kind::Flag),
    ("AttachStdout", Kind::Flag),
    ("AttachStderr", Kind::Flag),
    ("Tty", Kind::Flag),
    ("OpenStdin", Kind::Flag),
    ("StdinOnce", Kind::Flag),
    ("Env", Kind::Texts),
    ("Cmd", Kind::Words),
    ("Image", Kind::Text),
    ("Volumes", Kind::Set),
    ("WorkingDir", Kind::Text),
    ("Entrypoint", Kind::Words),
];

/// The members that Go leaves out when they are empty.
const SOMETIMES: [(&str, Kind); 8] = [
    ("ExposedPorts", Kind::Set),
    ("Healthcheck", Kind::Map),
    ("ArgsEscaped", Kind::Flag),
    ("NetworkDisabled", Kind::Flag),
    ("MacAddress", Kind::Text),
    ("StopSignal", Kind::Text),
    ("StopTimeout", Kind::Int),
    ("Shell", Kind::Texts),
];

/// The client's configuration with every member that Go always writes.
pub(super) fn normalised(body: Document<'_>) -> Result<Value, Refusal> {
    let mut config = Map::new();
    for (name, kind) in ALWAYS {
        config.insert(name.to_owned(), member(body, "Config", name, kind)?);
    }
    for (name, kind) in SOMETIMES {
        let value = member(body, "Config", name, kind)?;
        let is_empty = match &value {
            Value::Null | Value::Bool(false) => true,
            // A timeout of 0 is one: the member is a pointer.
            Value::Number(_) => !body.has(name),
            Value::String(text) => text.is_empty(),
            Value::Array(items) => items.is_empty(),
            Value::Object(members) => members.is_empty(),
            Value::Bool(true) => false,
        };
        if !is_empty {
            config.insert(name.to_owned(), value);
        }
    }
    if body.has("Healthcheck") {
        config.insert("Healthcheck".to_owned(), healthcheck(body.at("Healthcheck"))?);
    }
    config.insert("OnBuild".to_owned(), Value::Null);
    config.insert(
        "Labels".to_owned(),
        match member(body, "Config", "Labels", Kind::TextMap)? {
            Value::Null => json!({}),
            labels => labels,
        },
    );
    // `--entrypoint ""` resets that of the image only if there is a command.
    if config.get("Entrypoint") == Some(&json!([""])) {
        config.insert("Entrypoint".to_owned(), json!([]));
    }
    Ok(Value::Object(config))
}

/// A health check as Go reads and writes it: what is null or zero is not there.
fn healthcheck(given: Document<'_>) -> Result<Value, Refusal> {
    let mut check = Map::new();
    let numbers = ["Interval", "Timeout", "StartPeriod", "StartInterval", "Retries"].map(|name| (name, Kind::Int));
    for (name, kind) in [("Test", Kind::Texts)].into_iter().chain(numbers) {
        let value = member(given, "HealthConfig", name, kind)?;
        if !value.is_null() && value != 0 && value != json!([]) {
            check.insert(name.to_owned(), value);
        }
    }
    Ok(Value::Object(check))
}

/// Adds what the image says where the client said nothing.
pub(super) fn merge(config: &mut Value, image: &Value) {
    let Value::Object(config) = config else { return };
    let image = Document(image);
    if Document(&Value::Object(config.clone())).text("User").is_empty() {
        config.insert("User".to_owned(), image.text("User").into());
    }
    for name in ["ExposedPorts", "Volumes"] {
        let mut entries = image.entries(name).peekable();
        if name == "Volumes" && config.get(name).and_then(Value::as_object).is_none_or(Map::is_empty) {
            // The image's own, which may be none at all.
            config.insert(name.to_owned(), image.member(name).clone());
        } else if entries.peek().is_some() {
            let merged = object_of(config, name);
            for (key, _) in entries {
                merged.entry(key.clone()).or_insert_with(|| json!({}));
            }
        }
    }
    let labels = object_of(config, "Labels");
    for (key, value) in image.entries("Labels") {
        labels.entry(key.clone()).or_insert_with(|| value.clone());
    }
    merge_env(config, image);
    let is_empty = |config: &Map<String, Value>, name: &str| config.get(name).and_then(Value::as_array).is_none_or(Vec::is_empty);
    if is_empty(config, "Entrypoint") {
        let is_reset = config.get("Entrypoint").is_some_and(Value::is_array);
        if is_empty(config, "Cmd") {
            config.insert("Cmd".to_owned(), words_of(image, "Cmd"));
        }
        if is_reset {
            config.insert("Entrypoint".to_owned(), Value::Null);
        } else {
            config.insert("Entrypoint".to_owned(), words_of(image, "Entrypoint"));
        }
    }
    for name in ["WorkingDir", "StopSignal"] {
        let own = config.get(name).and_then(Value::as_str).unwrap_or_default();
        if own.is_empty() && !image.text(name).is_empty() {
            config.insert(name.to_owned(), image.text(name).into());
        }
    }
    if image.has("Healthcheck") {
        merge_healthcheck(config, image.at("Healthcheck"));
    }
}

/// A check that the client wrote takes what it does not say from the image.
fn merge_healthcheck(config: &mut Map<String, Value>, image: Document<'_>) {
    let check = object_of(config, "Healthcheck");
    let has_test = check.get("Test").and_then(Value::as_array).is_some_and(|test| !test.is_empty());
    if !has_test {
        check.insert("Test".to_owned(), image.member("Test").clone());
    }
    for name in ["Interval", "Timeout", "StartPeriod", "StartInterval", "Retries"] {
        let own = check.get(name).and_then(Value::as_i64).unwrap_or_default();
        if own == 0 && image.int(name) != 0 {
            check.insert(name.to_owned(), image.int(name).into());
        }
    }
}

/// The client's variables come first; those of the image that it did not set follow.
fn merge_env(config: &mut Map<String, Value>, image: Document<'_>) {
    let mut env: Vec<String> = Document(config.get("Env").unwrap_or(&Value::Null))
        .0
        .as_array()
        .map_or_else(Vec::new, |items| items.iter().filter_map(Value::as_str).map(str::to_owned).collect());
    let name_of = |variable: &str| variable.split('=').next().unwrap_or_default().to_owned();
    let own: Vec<String> = env.iter().map(|variable| name_of(variable)).collect();
    env.extend(image.texts("Env").into_iter().filter(|variable| !own.contains(&name_of(variable))));
    if !env.is_empty() {
        config.insert("Env".to_owned(), env.into());
    }
}

fn object_of<'a>(config: &'a mut Map<String, Value>, name: &str) -> &'a mut Map<String, Value> {
    let slot = config.entry(name).or_insert_with(|| json!({}));
    if !slot.is_object() {
        *slot = json!({});
    }
    match slot {
        Value::Object(object) => object,
        _ => unreachable!("it was made an object"),
    }
}

fn words_of(image: Document<'_>, name: &str) -> Value {
    if image.has(name) { image.texts(name).into() } else { Value::Null }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_image_fills_what_the_client_left_out() {
        let image = json!({ "Env": ["PATH=/bin", "A=image"], "Cmd": ["sh"], "Entrypoint": ["/init"], "WorkingDir": "/srv", "User": "app",
            "Volumes": { "/data": {} }, "ExposedPorts": { "80/tcp": {} }, "Labels": { "a": "image", "b": "image" }, "StopSignal": "SIGINT",
            "Healthcheck": { "Test": ["CMD", "true"], "Interval": 5 } });
        for (client, name, expected) in [
            (json!({}), "Cmd", json!(["sh"])),
            (json!({}), "Entrypoint", json!(["/init"])),
            (json!({ "Cmd": "ls" }), "Cmd", json!(["ls"])),
            (json!({ "Entrypoint": ["x"] }), "Cmd", Value::Null),
            (json!({ "Entrypoint": [""], "Cmd": ["y"] }), "Entrypoint", Value::Null),
            (json!({ "Entrypoint": [] }), "Cmd", json!(["sh"])),
            (json!({ "Env": ["A=own"] }), "Env", json!(["A=own", "PATH=/bin"])),
            (json!({ "Labels": { "a": "own" } }), "Labels", json!({ "a": "own", "b": "image" })),
            (
                json!({ "Healthcheck": { "Retries": null, "Timeout": 0, "Interval": 7 } }),
                "Healthcheck",
                json!({ "Test": ["CMD", "true"], "Interval": 7 }),
            ),
            (json!({ "Volumes": { "/x": {} } }), "Volumes", json!({ "/x": {}, "/data": {} })),
            (json!({}), "ExposedPorts", json!({ "80/tcp": {} })),
            (json!({ "WorkingDir": "/w" }), "WorkingDir", json!("/w")),
            (json!({}), "User", json!("app")),
            (json!({}), "StopSignal", json!("SIGINT")),
            (
                json!({ "Healthcheck": { "Retries": 0, "Timeout": null, "Test": ["NONE"], "x": 1 } }),
                "Healthcheck",
                json!({ "Test": ["NONE"], "Interval": 5 }),
            ),
            (json!({ "Healthcheck": { "Retries": 2 } }), "Healthcheck", json!({ "Test": ["CMD", "true"], "Interval": 5, "Retries": 2 })),
        ] {
            let mut config = normalised(Document(&client)).expect("a configuration");
            merge(&mut config, &image);
            assert_eq!(config[name], expected, "{client}");
        }
    }

    #[test]
    fn an_empty_configuration_has_what_go_writes() {
        let mut config = normalised(Document(&json!({ "Image": "base" }))).expect("a configuration");
        merge(&mut config, &json!({}));
        assert_eq!(
            config,
            json!({ "Hostname": "", "Domainname": "", "User": "", "AttachStdin": false, "AttachStdout": false, "AttachStderr": false,
                "Tty": false, "OpenStdin": false, "StdinOnce": false, "Env": null, "Cmd": null, "Image": "base", "Volumes": null,
                "WorkingDir": "", "Entrypoint": null, "OnBuild": null, "Labels": {} })
        );
    }
}
