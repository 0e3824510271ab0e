//! A swarm as a client sees it: whole stories, asked operation by operation. No part that makes containers is asked for more than it has.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::HeaderMap;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use serde_json::{Value, json};

use crate::catalog::Catalog;
use crate::model::ApiVersion;

use super::super::answer::Payload;
use super::super::call::{Body, Call, Query};
use super::super::{Engine, Settings};

async fn ask_at(engine: &Arc<Engine>, minor: u16, id: &str, name: &str, query: &str, body: Option<Value>) -> (u16, Value) {
    let operation = Catalog::builtin().operation(id).expect("an operation");
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let body = Body::memory(body.map_or_else(Bytes::new, |body| Bytes::from(body.to_string())));
    let version = ApiVersion::new(minor);
    let call = Call { operation, version, name: name.to_owned(), query: Query::parse(query), headers, body };
    match super::answer(engine, call).await {
        Ok(answer) => match answer.payload {
            Payload::Json(value) => (answer.status, value),
            _ => (answer.status, Value::Null),
        },
        Err(refusal) => (refusal.status, refusal.message.into()),
    }
}

async fn ask(engine: &Arc<Engine>, id: &str, name: &str, query: &str, body: Option<Value>) -> (u16, Value) {
    ask_at(engine, 41, id, name, query, body).await
}

async fn swarm() -> Arc<Engine> {
    let engine = Engine::new(Settings { seed: Some(1), ..Settings::default() });
    let (status, id) = ask(&engine, "SwarmInit", "", "", Some(json!({ "ListenAddr": "127.0.0.1" }))).await;
    assert_eq!((status, id.as_str().map(str::len)), (200, Some(25)));
    engine
}

fn web(replicas: u64) -> Value {
    // What is not there is waited for: no image has this name, and no node this label.
    json!({
        "Name": "web", "Mode": { "Replicated": { "Replicas": replicas } },
        "TaskTemplate": { "ContainerSpec": { "Image": "nothere" }, "Networks": [{ "Target": "host" }], "Placement": { "Constraints": ["node.labels.x==y"] } },
    })
}

async fn tasks(engine: &Arc<Engine>) -> Vec<Value> {
    tokio::time::sleep(Duration::from_millis(60)).await;
    ask(engine, "TaskList", "", "", None).await.1.as_array().cloned().unwrap_or_default()
}

async fn version_of(engine: &Arc<Engine>, id: &str, name: &str) -> String {
    let (_, object) = ask(engine, id, name, "", None).await;
    format!("version={}", object["Version"]["Index"])
}

#[tokio::test]
async fn without_a_swarm() {
    let engine = Engine::new(Settings::default());
    for (id, query, body, status, text) in [
        ("SwarmInspect", "", None, 503, super::NO_MANAGER),
        ("NodeList", "", None, 503, super::NO_MANAGER),
        ("ServiceList", "", None, 503, super::NO_MANAGER),
        ("TaskList", "", None, 503, super::NO_MANAGER),
        ("SecretList", "", None, 503, super::NO_MANAGER),
        ("ConfigInspect", "", None, 503, super::NO_MANAGER),
        ("SwarmUnlockkey", "", None, 503, super::NO_MANAGER),
        ("ServiceLogs", "stdout=1", None, 503, super::NO_MANAGER),
        ("ServiceLogs", "", None, 500, "Bad parameters: you must choose at least one stream"),
        ("SwarmLeave", "", None, 503, "This node is not part of a swarm"),
        ("SwarmUpdate", "version=x", Some(json!({})), 400, "invalid swarm version 'x': strconv.ParseUint: parsing \"x\": invalid syntax"),
        ("ServiceUpdate", "", Some(json!({})), 400, "invalid service version '': strconv.ParseUint: parsing \"\": invalid syntax"),
        ("SecretUpdate", "", Some(json!({})), 400, "invalid secret version"),
        ("SwarmJoin", "", Some(json!({})), 400, "invalid ListenAddr \"\": invalid empty address"),
        ("SwarmJoin", "", Some(json!({ "ListenAddr": "lo" })), 400, "at least 1 RemoteAddr is required to join"),
        ("SwarmJoin", "", Some(json!({ "ListenAddr": "lo", "RemoteAddrs": ["127.0.0.1:1"], "JoinToken": "x" })), 500, "invalid join token"),
        (
            "SwarmJoin",
            "",
            Some(json!({ "ListenAddr": "lo", "RemoteAddrs": ["127.0.0.1:1"] })),
            503,
            "rpc error: code = Unavailable desc = connection error: desc = \"transport: Error while dialing dial tcp 127.0.0.1:1: connect: connection refused\"",
        ),
        ("SwarmInit", "", Some(json!({ "ListenAddr": "lo", "Spec": { "Name": "x" } })), 400, "swarm spec must be named \"default\""),
        ("SwarmInit", "", Some(json!({ "ListenAddr": "lo", "Availability": "x" })), 500, "invalid Availability: \"x\""),
        (
            "SwarmInit",
            "",
            Some(json!({ "ListenAddr": "lo", "Spec": { "CAConfig": { "NodeCertExpiry": 1 } } })),
            500,
            "error updating cluster settings: rpc error: code = InvalidArgument desc = minimum certificate expiry time is: 1h0m0s",
        ),
    ] {
        assert_eq!(ask(&engine, id, "x", query, body.clone()).await, (status, text.into()), "{id} {query} {body:?}");
    }
    assert_eq!(engine.state().swarm.info()["LocalNodeState"], "inactive");
}

#[tokio::test]
async fn a_swarm_begins_changes_and_ends() {
    let engine = swarm().await;
    let (status, text) = ask(&engine, "SwarmInit", "", "", Some(json!({ "ListenAddr": "lo" }))).await;
    assert!(status == 503 && text.as_str().is_some_and(|text| text.starts_with("This node is already part of a swarm.")), "{text}");
    let (_, before) = ask(&engine, "SwarmInspect", "", "", None).await;
    assert_eq!((&before["Version"], &before["SubnetSize"]), (&json!({ "Index": 10 }), &json!(24)));
    let lock = json!({ "EncryptionConfig": { "AutoLockManagers": true } });
    for (query, status) in [("version=9", 500), ("version=10&rotateWorkerToken=x", 400), ("version=10&rotateWorkerToken=true", 200)] {
        assert_eq!(ask(&engine, "SwarmUpdate", "", query, Some(lock.clone())).await.0, status, "{query}");
    }
    let (_, after) = ask(&engine, "SwarmInspect", "", "", None).await;
    assert_ne!(before["JoinTokens"]["Worker"], after["JoinTokens"]["Worker"]);
    assert_eq!(before["JoinTokens"]["Manager"], after["JoinTokens"]["Manager"]);
    assert_eq!(after["Spec"]["Raft"], json!({ "KeepOldSnapshots": 0, "ElectionTick": 0, "HeartbeatTick": 0 }));
    let (_, key) = ask(&engine, "SwarmUnlockkey", "", "", None).await;
    assert!(key["UnlockKey"].as_str().is_some_and(|key| key.starts_with("SWMKEY-1-")));
    assert_eq!(ask(&engine, "SwarmUnlock", "", "", Some(json!({ "UnlockKey": "x" }))).await, (409, "swarm is not locked".into()));
    let info = engine.state().swarm.info();
    assert_eq!((&info["LocalNodeState"], &info["Nodes"], &info["Cluster"]["JoinTokens"]), (&json!("active"), &json!(1), &Value::Null));
    assert_eq!(ask(&engine, "SwarmLeave", "", "", None).await.0, 503);
    assert_eq!(ask(&engine, "SwarmLeave", "", "force=1", None).await.0, 200);
    assert!(!engine.state().swarm.is_manager());
}

#[tokio::test]
async fn the_node_stays_a_manager() {
    let engine = swarm().await;
    let (_, nodes) = ask(&engine, "NodeList", "", "filters={\"role\":[\"manager\"],\"membership\":[\"accepted\"]}", None).await;
    assert_eq!(nodes.as_array().map(Vec::len), Some(1));
    let version = version_of(&engine, "NodeInspect", "plimsoll").await;
    for (id, query, body, status, text) in [
        ("NodeInspect", "", None, 404, "node self not found"),
        ("NodeUpdate", version.as_str(), Some(json!({})), 400, "invalid Role: \"\""),
        ("NodeUpdate", &version, Some(json!({ "Role": "manager", "Availability": "x" })), 400, "invalid Availability: \"x\""),
        ("NodeUpdate", &version, Some(json!({ "Role": "manager", "Availability": "active" })), 404, "node self not found"),
        ("NodeDelete", "force=1", None, 404, "node self not found"),
        ("NodeList", "filters={\"role\":[\"y\"]}", None, 500, "Invalid role filter: 'y'"),
    ] {
        assert_eq!(ask(&engine, id, "self", query, body.clone()).await, (status, text.into()), "{id} {body:?}");
    }
    let demoted = ask(&engine, "NodeUpdate", "plimsoll", &version, Some(json!({ "Role": "worker", "Availability": "active" }))).await;
    assert_eq!(demoted, (400, "rpc error: code = FailedPrecondition desc = attempting to demote the last manager of the swarm".into()));
    let labelled = json!({ "Role": "manager", "Availability": "drain", "Labels": { "a": "b" } });
    assert_eq!(ask(&engine, "NodeUpdate", "plimsoll", &version, Some(labelled.clone())).await.0, 200);
    assert_eq!(ask(&engine, "NodeUpdate", "plimsoll", &version, Some(labelled)).await.0, 500);
    let (_, node) = ask(&engine, "NodeInspect", "plimsoll", "", None).await;
    assert_eq!(node["Spec"], json!({ "Role": "manager", "Availability": "drain", "Labels": { "a": "b" } }));
    let (status, text) = ask(&engine, "NodeDelete", "plimsoll", "force=1", None).await;
    assert!(status == 400 && text.as_str().is_some_and(|text| text.contains("is a cluster manager")), "{text}");
}

#[tokio::test]
async fn secrets_and_configs() {
    let engine = swarm().await;
    for (kind, shown) in [("Secret", Value::Null), ("Config", json!("YQ=="))] {
        let lower = kind.to_lowercase();
        let id = |verb: &str| format!("{kind}{verb}");
        for (body, status, text) in [
            (json!({}), 400, "rpc error: code = InvalidArgument desc = name must be provided".to_owned()),
            (
                json!({ "Name": "s" }),
                400,
                format!(
                    "rpc error: code = InvalidArgument desc = {lower} data must be larger than 0 and less than {} bytes",
                    if kind == "Secret" { 512_000 } else { 1_024_000 }
                ),
            ),
            (json!({ "Name": "s", "Data": "!" }), 400, "illegal base64 data at input byte 0".to_owned()),
        ] {
            assert_eq!(ask(&engine, &id("Create"), "", "", Some(body.clone())).await, (status, text.into()), "{kind} {body}");
        }
        let data = json!({ "Name": "s", "Data": "YQ==", "Labels": { "a": "b" } });
        assert_eq!(ask(&engine, &id("Create"), "", "", Some(data.clone())).await.0, 201);
        let again = ask(&engine, &id("Create"), "", "", Some(data)).await;
        assert_eq!(again, (409, format!("rpc error: code = AlreadyExists desc = {lower} s already exists").into()));
        let (_, found) = ask(&engine, &id("Inspect"), "s", "", None).await;
        assert_eq!((&found["Spec"]["Data"], &found["Spec"]["Labels"]), (&shown, &json!({ "a": "b" })));
        let version = version_of(&engine, &id("Inspect"), "s").await;
        for (query, body, status) in [
            ("version=1", json!({ "Name": "s" }), 500),
            (version.as_str(), json!({ "Name": "t" }), 400),
            (&version, json!({ "Name": "s", "Data": "Yg==" }), 400),
            (&version, json!({ "Name": "s", "Data": "YQ==", "Labels": { "c": "d" } }), 200),
        ] {
            assert_eq!(ask(&engine, &id("Update"), "s", query, Some(body.clone())).await.0, status, "{kind} {body}");
        }
        for (filters, count) in
            [("{\"name\":[\"s\"]}", 1), ("{\"label\":[\"a\"]}", 0), ("{\"label\":[\"c=d\"]}", 1), ("{\"id\":[\"!\"]}", 0)]
        {
            let (_, list) = ask(&engine, &id("List"), "", &format!("filters={filters}"), None).await;
            assert_eq!(list.as_array().map(Vec::len), Some(count), "{kind} {filters}");
        }
        let (list, found_id) = (format!("{kind}s"), found["ID"].clone());
        let mut spec = web(1);
        spec["TaskTemplate"]["ContainerSpec"][&list] =
            json!([{ (format!("{kind}ID")): found_id, (format!("{kind}Name")): "s", "File": { "Name": "f" } }]);
        assert_eq!(ask(&engine, "ServiceCreate", "", "", Some(spec)).await.0, 201);
        let used = ask(&engine, &id("Delete"), "s", "", None).await;
        assert_eq!(
            used,
            (400, format!("rpc error: code = InvalidArgument desc = {lower} 's' is in use by the following service: web").into())
        );
        assert_eq!(ask(&engine, "ServiceDelete", "web", "", None).await.0, 200);
        assert_eq!(ask(&engine, &id("Delete"), "s", "", None).await.0, 204);
        assert_eq!(ask(&engine, &id("Inspect"), "s", "", None).await, (404, format!("{lower} s not found").into()));
    }
}

#[tokio::test]
async fn services_get_tasks() {
    let engine = swarm().await;
    let (status, made) = ask(&engine, "ServiceCreate", "", "", Some(web(2))).await;
    assert_eq!((status, made.get("Warnings")), (201, None));
    let again = ask(&engine, "ServiceCreate", "", "", Some(web(1))).await;
    let text = "rpc error: code = AlreadyExists desc = name conflicts with an existing object: service web already exists";
    assert_eq!(again, (409, text.into()));
    let all = tasks(&engine).await;
    assert_eq!(all.len(), 2);
    for task in &all {
        assert_eq!((&task["ServiceID"], &task["Status"]["State"]), (&made["ID"], &json!("pending")), "{task}");
        assert_eq!(task["Status"]["Err"], "no suitable node (scheduling constraints not satisfied on 1 node)");
    }
    for (query, count) in
        [("filters={\"service\":[\"web\"]}", 2), ("filters={\"name\":[\"web.1\"]}", 1), ("filters={\"desired-state\":[\"shutdown\"]}", 0)]
    {
        assert_eq!(ask(&engine, "TaskList", "", query, None).await.1.as_array().map(Vec::len), Some(count), "{query}");
    }
    let (_, services) = ask(&engine, "ServiceList", "", "status=1&filters={\"mode\":[\"replicated\"]}", None).await;
    assert_eq!(services[0]["ServiceStatus"], json!({ "RunningTasks": 0, "DesiredTasks": 2, "CompletedTasks": 0 }));
    let version = version_of(&engine, "ServiceInspect", "web").await;
    let mut renamed = web(2);
    renamed["Name"] = "other".into();
    let mut global = web(2);
    global["Mode"] = json!({ "Global": {} });
    for (query, body, status) in [
        ("version=1", web(3), 500),
        (version.as_str(), renamed, 501),
        (&version, global, 501),
        (&format!("{version}&rollback=previous"), web(3), 400),
        (&format!("{version}&rollback=x"), web(3), 500),
        (&version, web(3), 200),
    ] {
        assert_eq!(ask(&engine, "ServiceUpdate", "web", query, Some(body.clone())).await.0, status, "{query} {body}");
    }
    assert_eq!(tasks(&engine).await.len(), 3);
    let version = version_of(&engine, "ServiceInspect", "web").await;
    assert_eq!(ask(&engine, "ServiceUpdate", "web", &format!("{version}&rollback=previous"), Some(web(9))).await.0, 200);
    assert_eq!(tasks(&engine).await.len(), 2);
    let (_, service) = ask(&engine, "ServiceInspect", "web", "", None).await;
    assert_eq!(service["Spec"]["Mode"], json!({ "Replicated": { "Replicas": 2 } }));
    assert_eq!(service["PreviousSpec"]["Mode"], json!({ "Replicated": { "Replicas": 3 } }));
    assert_eq!(ask(&engine, "ServiceDelete", "web", "", None).await.0, 200);
    assert!(tasks(&engine).await.is_empty());
    assert_eq!(ask(&engine, "ServiceInspect", "web", "", None).await, (404, "service web not found".into()));
}

#[tokio::test]
async fn no_number_of_replicas_eats_the_machine() {
    let engine = swarm().await;
    assert_eq!(ask(&engine, "ServiceCreate", "", "", Some(web(u64::MAX))).await.0, 201);
    assert_eq!(ask(&engine, "TaskList", "", "", None).await.1.as_array().map(Vec::len), Some(1000));
}

#[tokio::test]
async fn what_has_no_image_is_turned_away() {
    let engine = swarm().await;
    let spec = json!({
        "Name": "web", "TaskTemplate": { "ContainerSpec": { "Image": "nothere" }, "RestartPolicy": { "Condition": "none" }, "Networks": [{ "Target": "host" }] },
    });
    assert_eq!(ask(&engine, "ServiceCreate", "", "", Some(spec)).await.0, 201);
    let mut task = Value::Null;
    for _ in 0..50 {
        task = tasks(&engine).await.pop().unwrap_or_default();
        if task["Status"]["State"] == "rejected" {
            break;
        }
    }
    assert_eq!((&task["Status"]["State"], &task["DesiredState"]), (&json!("rejected"), &json!("shutdown")), "{task}");
    assert_eq!(task["Status"]["ContainerStatus"], json!({ "ContainerID": "", "PID": 0, "ExitCode": 0 }));
    let network = &task["NetworksAttachments"][0]["Network"];
    assert_eq!((&network["Spec"]["Name"], &network["IPAMOptions"]), (&json!("host"), &json!({ "Driver": {} })));
}

#[tokio::test]
async fn warnings_and_ports_by_version() {
    let engine = swarm().await;
    let spec = |name: &str, port: u64| json!({ "Name": name, "TaskTemplate": web(0)["TaskTemplate"], "EndpointSpec": { "Ports": [{ "TargetPort": 80, "PublishedPort": port }] } });
    for (minor, name, warned) in [(25, "a", json!(true)), (30, "b", json!(null)), (44, "c", json!(null))] {
        let (status, made) = ask_at(&engine, minor, "ServiceCreate", "", "", Some(spec(name, 0))).await;
        assert_eq!((status, made["Warnings"].is_array(), made.get("Warnings").is_some()), (201, warned == true, minor != 30), "1.{minor}");
    }
    let (_, service) = ask(&engine, "ServiceInspect", "b", "", None).await;
    assert_eq!(service["Endpoint"]["Ports"][0]["PublishedPort"], 30001);
    assert_eq!(service["Spec"]["EndpointSpec"]["Ports"][0], json!({ "TargetPort": 80, "Protocol": "tcp", "PublishMode": "ingress" }));
    let (status, text) = ask(&engine, "ServiceCreate", "", "", Some(spec("d", 30000))).await;
    assert!(status == 400 && text.as_str().is_some_and(|text| text.contains("port '30000' is already in use by service 'a'")), "{text}");
}

#[tokio::test]
async fn containers_hold_what_their_service_is_given() {
    let engine = swarm().await;
    let mut references = Vec::new();
    for kind in ["Secret", "Config"] {
        let (_, made) = ask(&engine, &format!("{kind}Create"), "", "", Some(json!({ "Name": "given", "Data": "YWJj" }))).await;
        let file = json!({ "Name": "given", "UID": "7", "GID": "0", "Mode": 0o400 });
        references.push(json!([{ (format!("{kind}ID")): made["ID"], (format!("{kind}Name")): "given", "File": file }]));
    }
    let container = json!({ "Image": "busybox", "Command": ["sleep", "60"], "Secrets": references[0], "Configs": references[1] });
    let service = json!({ "Name": "holder", "TaskTemplate": { "ContainerSpec": container } });
    assert_eq!(ask(&engine, "ServiceCreate", "", "", Some(service)).await.0, 201);
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    loop {
        let found = {
            let state = engine.state();
            let running = state.containers.iter().find(|container| container.is_running());
            running.map(|container| {
                ["/run/secrets/given", "/given"].map(|path| (container.namespace.read(path), container.namespace.stat(path, true)))
            })
        };
        if let Some(found) = found {
            for (content, stat) in found {
                assert_eq!(content.as_deref(), Ok(&b"abc"[..]));
                assert_eq!(stat.map(|stat| (stat.uid, stat.permissions & 0o777)), Ok((7, 0o400)));
            }
            return;
        }
        assert!(tokio::time::Instant::now() < deadline, "no container runs");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
