//! `DELETE /volumes/{name}` and `POST /volumes/prune`.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::json;

use super::super::answer::Answer;
use super::super::call::Call;
use super::super::refusal::Refusal;
use super::super::{Engine, State};
use super::list::users;

pub(super) fn delete(engine: &Arc<Engine>, call: &Call) -> Result<Answer, Refusal> {
    let name = &call.name;
    let mut state = engine.state();
    if let Err(refusal) = state.volumes.find(name) {
        // With force it is enough that it is not there.
        return if call.query.flag("force") { Ok(Answer::empty(204)) } else { Err(refusal) };
    }
    if let Some(users) = users(&state).get(name.as_str()) {
        return Err(Refusal::conflict(format!("remove {name}: volume is in use - [{}]", users.join(", "))));
    }
    remove(engine, &mut state, name);
    Ok(Answer::empty(204))
}

pub(super) fn prune(engine: &Arc<Engine>, call: &Call) -> Result<Answer, Refusal> {
    let filters = call.query.filters()?;
    filters.only(if call.since(42) { &["all", "label", "label!"] } else { &["label", "label!"] })?;
    // Before 1.42 a prune meant all of them.
    let all = !call.since(42) || filters.flag("all")?.unwrap_or_default();
    let mut state = engine.state();
    let users = users(&state);
    let unused: Vec<String> = state
        .volumes
        .iter()
        .filter(|volume| (all || volume.is_anonymous()) && !volume.has_options())
        .filter(|volume| filters.labels(|key| volume.label(key)))
        .filter(|volume| !users.contains_key(volume.name.as_str()))
        .map(|volume| volume.name.clone())
        .collect();
    let mut reclaimed = 0;
    for name in &unused {
        reclaimed += remove(engine, &mut state, name);
    }
    let attributes = BTreeMap::from([("reclaimed".to_owned(), reclaimed.to_string())]);
    engine.emit(&mut state, "volume", "prune", "", attributes);
    Ok(Answer::json(json!({ "VolumesDeleted": unused, "SpaceReclaimed": reclaimed })))
}

/// Removes it and tells its size.
fn remove(engine: &Engine, state: &mut State, name: &str) -> u64 {
    let size = state.volumes.remove(name).map_or(0, |volume| volume.size());
    let attributes = BTreeMap::from([("driver".to_owned(), "local".to_owned())]);
    engine.emit(state, "volume", "destroy", name, attributes);
    size
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use serde_json::Value;

    use super::super::super::Settings;
    use super::super::super::answer::Payload;
    use super::super::super::call::{Body, Query};
    use super::*;
    use crate::catalog::Catalog;
    use crate::model::ApiVersion;

    #[test]
    fn a_prune_takes_what_its_version_says() {
        for (minor, query, expected) in [
            (41, "", &["anonymous", "named"][..]),
            (42, "", &["anonymous"]),
            (42, "filters={\"all\":[\"true\"]}", &["anonymous", "named"]),
            (42, "filters={\"all\":[\"1\"],\"label!\":[\"a\"]}", &["anonymous"]),
        ] {
            let engine = Engine::new(Settings { seed: Some(1), ..Settings::default() });
            let (now, mounted) = (engine.now(), json!({ "type": "tmpfs", "device": "tmpfs" }));
            {
                let mut guard = engine.state();
                let State { volumes, ids, .. } = &mut *guard;
                for (name, options, labels) in [
                    (Some("named"), Value::Null, json!({ "a": "b" })),
                    (Some("mounted"), mounted, Value::Null),
                    (None, Value::Null, Value::Null),
                ] {
                    volumes.make(name, "local", &options, &labels, ids, now).expect("a volume");
                }
            }
            let operation = Catalog::builtin().operation("VolumePrune").expect("an operation");
            let (query, body, headers) = (Query::parse(query), Body::memory(Bytes::new()), hyper::HeaderMap::new());
            let call = Call { operation, version: ApiVersion::new(minor), name: String::new(), query, headers, body };
            let Payload::Json(report) = prune(&engine, &call).expect("an answer").payload else { panic!("no document") };
            let names = report["VolumesDeleted"].as_array().into_iter().flatten().filter_map(Value::as_str);
            let kinds: Vec<&str> = names.map(|name| if name.len() == 64 { "anonymous" } else { name }).collect();
            assert_eq!((kinds.as_slice(), &report["SpaceReclaimed"]), (expected, &json!(0)), "1.{minor}");
        }
    }
}
