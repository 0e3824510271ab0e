//! Privileges, pull, upgrade and push.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::super::answer::Answer;
use super::super::call::Call;
use super::super::refusal::Refusal;
use super::super::{Engine, State};
use super::name::Name;
use super::{Plugin, config, emit, store};

pub(super) fn privileges(call: &Call) -> Result<Answer, Refusal> {
    let name = remote(call)?;
    match store::published(&name) {
        Some(config) => Ok(Answer::json(config::privileges(&config).into())),
        None if call.since(44) => Err(unknown(&name)),
        // A daemon of old swallows what the registry says.
        None => Ok(Answer::json(json!([]))),
    }
}

pub(super) fn pull(engine: &Arc<Engine>, call: &Call, body: &[u8]) -> Result<Answer, Refusal> {
    let granted = granted(call, body)?;
    let source = remote(call)?;
    let own = call.query.text("name");
    let name = if own.is_empty() || !call.query.has("remote") { source.clone() } else { Name::parse(own)? }.familiar();
    let mut guard = engine.state();
    guard.plugins.vacant(&name)?;
    let config = store::published(&source).ok_or_else(|| unknown(&source))?;
    let mut progress = Progress::of_pull(&source);
    emit(engine, &mut guard, "pull", &source.familiar(), &name);
    if is_granted(&config, granted.as_deref()) {
        let State { plugins, ids, .. } = &mut *guard;
        let settings = config::settings(&config);
        plugins.all.push(Plugin { id: ids.hex64(), name: name.clone(), reference: source.full(), enabled: false, config, settings });
        progress.done(&source);
    } else {
        progress.fail("incorrect privileges");
    }
    Ok(progress.answer().with("Docker-Plugin-Name", name))
}

pub(super) fn upgrade(engine: &Arc<Engine>, call: &Call, body: &[u8]) -> Result<Answer, Refusal> {
    let granted = granted(call, body)?;
    let source = remote(call)?;
    let mut guard = engine.state();
    let plugin = guard.plugins.find_mut(&call.name)?;
    if plugin.enabled {
        let message = format!("plugin must be disabled before upgrading: plugin {} is enabled", plugin.name);
        return Err(Refusal::conflict(message));
    }
    let config = store::published(&source).ok_or_else(|| unknown(&source))?;
    let mut progress = Progress::of_pull(&source);
    let name = plugin.name.clone();
    if is_granted(&config, granted.as_deref()) {
        plugin.settings = config::settings(&config);
        plugin.config = config;
        plugin.reference = source.full();
        progress.done(&source);
    } else {
        progress.fail("incorrect privileges");
    }
    emit(engine, &mut guard, "pull", &source.familiar(), &name);
    Ok(progress.answer().with("Docker-Plugin-Name", name))
}

pub(super) fn push(engine: &Arc<Engine>, call: &Call) -> Result<Answer, Refusal> {
    let mut guard = engine.state();
    let plugin = guard.plugins.find(&call.name)?;
    let (id, name) = (plugin.id.clone(), Name::parse(&plugin.name)?);
    let digest = store::digest(&name);
    let layer = digest.get(7..19).unwrap_or_default().to_owned();
    let mut progress = Progress::default();
    progress.say(json!({ "status": format!("The push refers to repository [{}]", name.familiar_repository()) }));
    progress.say(json!({ "status": "Preparing", "progressDetail": {}, "id": layer }));
    progress.say(json!({ "status": "Pushed", "progressDetail": {}, "id": layer }));
    progress.say(json!({ "status": format!("{}: digest: {digest} size: 0", name.tag) }));
    emit(engine, &mut guard, "push", &id, &call.name);
    Ok(progress.answer())
}

/// `remote`; at 1.24 it was called `name`.
fn remote(call: &Call) -> Result<Name, Refusal> {
    let remote = call.query.text("remote");
    Name::parse(if remote.is_empty() && !call.since(25) { call.query.text("name") } else { remote })
}

fn unknown(name: &Name) -> Refusal {
    Refusal::not_found(format!("error resolving plugin reference: {}: not found", name.full()))
}

/// The privileges in the body; at 1.24 there was none, and all was granted.
fn granted(call: &Call, body: &[u8]) -> Result<Option<Vec<Value>>, Refusal> {
    if body.is_empty() && !call.since(25) {
        return Ok(None);
    }
    let failed = |why: String| Refusal::new(if call.since(44) { 400 } else { 500 }, format!("failed to parse privileges: {why}"));
    if body.is_empty() {
        return Err(failed("EOF".to_owned()));
    }
    match serde_json::from_slice(body) {
        Ok(Value::Array(items)) => Ok(Some(items)),
        Ok(Value::Null) => Ok(Some(Vec::new())),
        Ok(_) => Err(failed("json: cannot unmarshal object into Go value of type types.PluginPrivileges".to_owned())),
        Err(error) => Err(failed(error.to_string())),
    }
}

/// Whether what was granted is what is asked for, in any order.
fn is_granted(config: &Value, granted: Option<&[Value]>) -> bool {
    let Some(granted) = granted else { return true };
    let key = |privilege: &Value| {
        let mut values: Vec<String> =
            privilege["Value"].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
        values.sort();
        (privilege["Name"].as_str().unwrap_or_default().to_owned(), values)
    };
    let sorted = |privileges: &[Value]| {
        let mut keys: Vec<_> = privileges.iter().map(key).collect();
        keys.sort();
        keys
    };
    sorted(&config::privileges(config)) == sorted(granted)
}

/// What is said meanwhile.
#[derive(Debug, Default)]
struct Progress {
    documents: Vec<Value>,
}

impl Progress {
    fn of_pull(name: &Name) -> Self {
        let digest = store::digest(name);
        let layer = digest.get(7..19).unwrap_or_default().to_owned();
        let documents = vec![
            json!({ "status": format!("Pulling from {}", name.repository), "id": name.tag }),
            json!({ "status": "Pulling fs layer", "progressDetail": {}, "id": layer }),
            json!({ "status": "Download complete", "progressDetail": {}, "id": layer }),
            json!({ "status": format!("Digest: {digest}") }),
        ];
        Self { documents }
    }

    fn say(&mut self, document: Value) {
        self.documents.push(document);
    }

    fn done(&mut self, name: &Name) {
        self.say(json!({ "status": format!("Status: Downloaded newer image for {}", name.familiar()) }));
    }

    fn fail(&mut self, message: &str) {
        self.say(json!({ "errorDetail": { "message": message }, "error": message }));
    }

    fn answer(self) -> Answer {
        let (sender, receiver) = mpsc::channel(self.documents.len().max(1));
        for document in self.documents {
            // There is room for all.
            let _ = sender.try_send(document);
        }
        Answer::progress(receiver)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn privileges_are_compared_without_order() {
        let config = store::published(&Name::parse("vieux/sshfs").expect("a name")).expect("a plugin");
        let mut all = config::privileges(&config);
        assert_eq!(all.len(), 4);
        all.reverse();
        for (granted, expected) in [(Some(all.clone()), true), (None, true), (Some(vec![]), false), (Some(all[1..].to_vec()), false)] {
            assert_eq!(is_granted(&config, granted.as_deref()), expected, "{granted:?}");
        }
    }
}
