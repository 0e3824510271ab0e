//! `DELETE /networks/{id}` and `POST /networks/prune`.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::super::answer::Answer;
use super::super::call::Call;
use super::super::events::moment;
use super::super::refusal::Refusal;
use super::super::{Engine, State};
use super::create::emit;

pub(super) fn delete(engine: &Arc<Engine>, call: &Call) -> Result<Answer, Refusal> {
    let mut state = engine.state();
    let id = state.networks.find(&call.name)?.id.clone();
    remove(engine, &mut state, &id)?;
    Ok(Answer::empty(204))
}

pub(super) fn prune(engine: &Arc<Engine>, call: &Call) -> Result<Answer, Refusal> {
    let filters = call.query.filters()?;
    filters.only(&["label", "label!", "until"])?;
    let until = moment::until(&filters, engine.now())?;
    let mut state = engine.state();
    let unused: Vec<(String, String)> = state
        .networks
        .iter()
        .filter(|network| !network.is_predefined() && !network.config_only && !network.ingress && network.members.is_empty())
        .filter(|network| until.is_none_or(|until| network.created <= until))
        .filter(|network| filters.labels(|key| network.labels.get(key).map(String::as_str)))
        .map(|network| (network.id.clone(), network.name.clone()))
        .collect();
    let mut names = Vec::new();
    for (id, name) in unused {
        if remove(engine, &mut state, &id).is_ok() {
            names.push(name);
        }
    }
    let attributes = BTreeMap::from([("reclaimed".to_owned(), "0".to_owned())]);
    engine.emit(&mut state, "network", "prune", "", attributes);
    Ok(Answer::json(json!({ "NetworksDeleted": if names.is_empty() { Value::Null } else { names.into() } })))
}

fn remove(engine: &Engine, state: &mut State, id: &str) -> Result<(), Refusal> {
    let network = state.networks.find(id)?;
    if network.is_predefined() {
        return Err(Refusal::forbidden(format!("{} is a pre-defined network and cannot be removed", network.name)));
    }
    if network.config_only && state.networks.iter().any(|other| other.config_from == network.name) {
        let message = format!("error while removing network: configuration network \"{}\" is in use", network.name);
        return Err(Refusal::forbidden(message));
    }
    if network.scope == "swarm"
        && let Some(user) = network.members.keys().max_by_key(|user| user.len() == 25)
    {
        // Services and tasks have short ids; a container that is attached has a task of its own in a real swarm.
        let kind = if user.len() == 25 { "service" } else { "task" };
        let user = user.get(..25).unwrap_or(user);
        let message = format!("rpc error: code = FailedPrecondition desc = network {id} is in use by {kind} {user}");
        return Err(Refusal::bad_parameter(message));
    }
    if !network.members.is_empty() {
        let message = format!("error while removing network: network {} id {id} has active endpoints", network.name);
        return Err(Refusal::forbidden(message));
    }
    let (silent, scope) = (network.config_only, network.scope);
    if !silent {
        emit(engine, state, if scope == "swarm" { "remove" } else { "destroy" }, id, scope);
    }
    state.networks.all.retain(|network| network.id != id);
    Ok(())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::super::super::Settings;
    use super::super::super::answer::Payload;
    use super::super::super::call::{Body, Query};
    use super::super::super::document::Document;
    use super::super::create;
    use super::*;
    use crate::catalog::Catalog;
    use crate::model::ApiVersion;

    fn call(operation: &str, name: &str, query: &str) -> Call {
        let operation = Catalog::builtin().operation(operation).expect("an operation");
        let (query, body, headers) = (Query::parse(query), Body::memory(Bytes::new()), hyper::HeaderMap::new());
        Call { operation, version: ApiVersion::new(41), name: name.to_owned(), query, headers, body }
    }

    #[test]
    fn networks_go_when_nobody_is_on_them() {
        let engine = Engine::new(Settings { seed: Some(1), ..Settings::default() });
        for text in [
            r#"{"Name":"own"}"#,
            r#"{"Name":"conf","ConfigOnly":true}"#,
            r#"{"Name":"of","ConfigFrom":{"Network":"conf"}}"#,
            r#"{"Name":"busy","Labels":{"a":"b"}}"#,
            r#"{"Name":"idle","Labels":{"a":"b"}}"#,
        ] {
            let body: Value = serde_json::from_str(text).expect("JSON");
            create::answer(&engine, &call("NetworkCreate", "", ""), Document(&body)).expect("a network");
        }
        let busy = {
            let mut guard = engine.state();
            let State { networks, ids, .. } = &mut *guard;
            let (_, mut endpoint) = networks.endpoint("busy", Document(&Value::Null)).expect("an endpoint");
            networks.join(&mut endpoint, "c1", ids).expect("an address");
            endpoint.network_id
        };
        for (name, expected) in [
            ("nope", Err((404, "network nope not found".to_owned()))),
            ("bridge", Err((403, "bridge is a pre-defined network and cannot be removed".to_owned()))),
            ("conf", Err((403, "error while removing network: configuration network \"conf\" is in use".to_owned()))),
            ("busy", Err((403, format!("error while removing network: network busy id {busy} has active endpoints")))),
            ("own", Ok(204)),
            ("own", Err((404, "network own not found".to_owned()))),
        ] {
            let deleted = delete(&engine, &call("NetworkDelete", name, "")).map(|answer| answer.status);
            assert_eq!(deleted.map_err(|refusal| (refusal.status, refusal.message)), expected, "{name}");
        }
        for (query, expected) in [
            ("filters={\"label\":[\"x\"]}", json!(null)),
            ("filters={\"until\":[\"1h\"]}", json!(null)),
            ("filters={\"label\":[\"a=b\"]}", json!(["idle"])),
            ("", json!(["of"])),
        ] {
            let answer = prune(&engine, &call("NetworkPrune", "", query)).expect("an answer");
            let Payload::Json(report) = answer.payload else { panic!("no document") };
            assert_eq!(report, json!({ "NetworksDeleted": expected }), "{query}");
        }
        let told: Vec<String> = engine.state().events.listen().0.into_iter().map(|event| event.action).collect();
        let expected =
            ["create", "create", "create", "create", "create", "destroy", "prune", "prune", "destroy", "prune", "destroy", "prune"];
        assert_eq!(told, expected);
    }
}
