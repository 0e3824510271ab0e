//! `POST /plugins/{name}/set`.

use std::sync::Arc;

use serde_json::{Value, json};

use super::super::Engine;
use super::super::answer::Answer;
use super::super::call::Call;
use super::super::refusal::Refusal;
use super::Plugin;

pub(super) fn answer(engine: &Arc<Engine>, call: &Call, body: &[u8]) -> Result<Answer, Refusal> {
    if body.is_empty() {
        return Err(Refusal::bad_parameter("got EOF while reading request body"));
    }
    let args: Option<Vec<String>> =
        serde_json::from_slice(body).map_err(|error| Refusal::bad_parameter(format!("invalid JSON: {error}")))?;
    let mut state = engine.state();
    let plugin = state.plugins.find_mut(&call.name)?;
    if plugin.enabled {
        return Err(Refusal::server_error("cannot set on an active plugin, disable plugin before setting"));
    }
    let mut changed = plugin.clone();
    for arg in args.unwrap_or_default() {
        set(&mut changed, &arg)?;
    }
    *plugin = changed;
    Ok(Answer::empty(204))
}

/// `NAME=value`, or `NAME.field=value`.
fn set(plugin: &mut Plugin, arg: &str) -> Result<(), Refusal> {
    let refused = |message: String| Refusal::server_error(message);
    let (key, value) = arg.split_once('=').unwrap_or((arg, ""));
    let (name, field) = key.split_once('.').unwrap_or((key, ""));
    if name.is_empty() {
        return Err(refused(format!("invalid format, must be key=value: {arg:?}")));
    }
    let config = plugin.config.clone();
    let named = |list: &Value| list.as_array().into_iter().flatten().find(|item| item["Name"] == name).cloned();
    let settable = |item: &Value, default: &str| {
        let field = if field.is_empty() { default } else { field };
        let listed = item["Settable"].as_array().is_some_and(|all| all.iter().any(|known| known == field));
        if listed && field == default { Ok(()) } else { Err(refused(format!("{key:?} is not settable"))) }
    };
    let replace = |items: &mut Value, member: &str| {
        for item in items.as_array_mut().into_iter().flatten().filter(|item| item["Name"] == name) {
            item[member] = value.into();
        }
    };
    if let Some(env) = named(&config["Env"]) {
        settable(&env, "value")?;
        let begin = format!("{name}=");
        if let Some(all) = plugin.settings["Env"].as_array_mut() {
            all.retain(|known| known.as_str().is_none_or(|known| !known.starts_with(&begin)));
            all.push(format!("{begin}{value}").into());
        }
        return Ok(());
    }
    if let Some(mount) = named(&config["Mounts"]) {
        settable(&mount, "source")?;
        replace(&mut plugin.settings["Mounts"], "Source");
        return Ok(());
    }
    if let Some(device) = named(&config["Linux"]["Devices"]) {
        settable(&device, "path")?;
        replace(&mut plugin.settings["Devices"], "Path");
        return Ok(());
    }
    if config["Args"]["Name"] == name {
        settable(&config["Args"], "value")?;
        plugin.settings["Args"] = json!(value.split(' ').collect::<Vec<_>>());
        return Ok(());
    }
    Err(refused(format!("setting {name:?} not found in the plugin configuration")))
}

#[cfg(test)]
mod tests {
    use super::super::super::document::Document;
    use super::super::config;
    use super::*;

    #[test]
    fn only_what_is_settable_is_set() {
        let source = json!({
            "env": [{ "name": "DEBUG", "settable": ["value"], "value": "0" }, { "name": "FIX", "value": "0" }],
            "mounts": [{ "name": "state", "source": "/a", "settable": ["source"] }],
            "args": { "name": "args", "settable": ["value"], "value": [] },
        });
        let config = config::normal(Document(&source), "sha256:0");
        let settings = config::settings(&config);
        let mut plugin = Plugin { id: String::new(), name: String::new(), reference: String::new(), enabled: false, config, settings };
        for (arg, expected) in [
            ("DEBUG=1", Ok(())),
            ("DEBUG.value=2", Ok(())),
            ("state.source=/b", Ok(())),
            ("args=a b", Ok(())),
            ("FIX=1", Err("\"FIX\" is not settable")),
            ("NO=1", Err("setting \"NO\" not found in the plugin configuration")),
        ] {
            let set = set(&mut plugin, arg).map_err(|refusal| refusal.message);
            assert_eq!(set, expected.map_err(str::to_owned), "{arg}");
        }
        assert_eq!(plugin.settings["Env"], json!(["FIX=0", "DEBUG=2"]));
        assert_eq!((&plugin.settings["Mounts"][0]["Source"], &plugin.settings["Args"]), (&json!("/b"), &json!(["a", "b"])));
    }
}
