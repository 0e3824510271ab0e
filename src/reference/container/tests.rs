//! A container's whole life, through the operations that clients call.

use bytes::Bytes;
use hyper::HeaderMap;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use serde_json::json;

use super::*;
use crate::catalog::Catalog;
use crate::model::ApiVersion;
use crate::reference::answer::Payload;
use crate::reference::call::{Body, Query};
use crate::reference::{Settings, dispatch};

/// A daemon with one image.
struct Daemon(Arc<Engine>);

impl Daemon {
    async fn new() -> Self {
        let daemon = Self(Engine::new(Settings { seed: Some(1), ..Settings::default() }));
        daemon.ask(41, "ImageCreate", "", "fromImage=busybox&tag=latest", Value::Null).await.expect("a built-in image");
        daemon
    }

    async fn ask(&self, minor: u16, id: &str, name: &str, query: &str, body: Value) -> Result<(u16, Value), Refusal> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let body = if body.is_null() { Bytes::new() } else { Bytes::from(body.to_string()) };
        let call = Call {
            operation: Catalog::builtin().operation(id).expect("an operation"),
            version: ApiVersion::new(minor),
            name: name.to_owned(),
            query: Query::parse(query),
            headers,
            body: Body::memory(body),
        };
        let answer = dispatch::answer(&self.0, call).await?;
        let document = match answer.payload {
            Payload::Json(value) => value,
            Payload::Written(bytes) => serde_json::from_slice(&bytes).expect("a document"),
            Payload::Documents(_, mut documents) => {
                let mut last = Value::Null;
                while let Some(document) = documents.recv().await {
                    last = document;
                }
                last
            }
            _ => Value::Null,
        };
        Ok((answer.status, document))
    }

    /// The status of a call without a body.
    async fn status(&self, id: &str, name: &str, query: &str) -> u16 {
        self.ask(41, id, name, query, Value::Null).await.map_or_else(|refusal| refusal.status, |(status, _)| status)
    }

    async fn create(&self, name: &str, command: &str, host: Value) -> String {
        let body = json!({ "Image": "busybox", "Cmd": ["sh", "-c", command], "HostConfig": host });
        let (_, created) = self.ask(41, "ContainerCreate", "", &format!("name={name}"), body).await.expect("created");
        created["Id"].as_str().expect("an id").to_owned()
    }

    async fn inspect(&self, name: &str) -> Value {
        self.ask(41, "ContainerInspect", name, "", Value::Null).await.expect("a container").1
    }

    async fn wait(&self, name: &str, condition: &str) -> Value {
        self.ask(41, "ContainerWait", name, &format!("condition={condition}"), Value::Null).await.expect("an end").1["StatusCode"].clone()
    }

    /// The actions that happened to a container, with the exit code of those that have one.
    fn events(&self, id: &str) -> Vec<String> {
        let (kept, _) = self.0.state().events.listen();
        let code =
            |event: &crate::reference::events::Event| event.attributes.get("exitCode").map(|code| format!(" {code}")).unwrap_or_default();
        kept.iter().filter(|event| event.kind == "container" && event.id == id).map(|event| event.action.clone() + &code(event)).collect()
    }
}

#[tokio::test]
async fn every_state_answers_with_its_status() {
    let daemon = Daemon::new().await;
    daemon.create("life", "sleep 60", Value::Null).await;
    // What is asked, and the status that it has in this state; each that works leads to the next state.
    let steps = [
        ("created", "ContainerStop", "", 304),
        ("created", "ContainerKill", "", 409),
        ("created", "ContainerPause", "", 409),
        ("created", "ContainerUnpause", "", 500),
        ("created", "ContainerStart", "", 204),
        ("running", "ContainerStart", "", 304),
        ("running", "ContainerUnpause", "", 500),
        ("running", "ContainerDelete", "", 409),
        ("running", "ContainerKill", "signal=FOO", 400),
        ("running", "ContainerKill", "signal=999", 500),
        ("running", "ContainerKill", "signal=USR1", 204),
        ("running", "ContainerPause", "", 204),
        ("paused", "ContainerPause", "", 409),
        ("paused", "ContainerStart", "", 409),
        ("paused", "ContainerDelete", "", 409),
        ("paused", "ContainerUnpause", "", 204),
        ("running", "ContainerStop", "t=0", 204),
        ("exited", "ContainerStop", "", 304),
        ("exited", "ContainerKill", "", 409),
        ("exited", "ContainerRestart", "t=0", 204),
        ("running", "ContainerRestart", "t=0", 204),
        ("running", "ContainerPause", "", 204),
        ("paused", "ContainerStop", "t=0", 204),
        ("exited", "ContainerDelete", "", 204),
    ];
    for (state, operation, query, expected) in steps {
        let shown = daemon.inspect("life").await;
        assert_eq!(shown["State"]["Status"], state, "before {operation}");
        let runs = matches!(state, "running" | "paused");
        assert_eq!(shown["State"]["Running"], runs);
        assert_eq!(shown["State"]["Pid"] != 0, runs, "{state} with or without a pid");
        assert_eq!(shown["NetworkSettings"]["IPAddress"] != "", runs, "{state} with or without an address");
        assert_eq!(daemon.status(operation, "life", query).await, expected, "{operation} {query} when {state}");
    }
    for operation in ["ContainerInspect", "ContainerStart", "ContainerStop", "ContainerKill", "ContainerDelete", "ContainerWait"] {
        assert_eq!(daemon.status(operation, "life", "").await, 404, "{operation} of none");
    }
}

#[tokio::test]
async fn all_tell_the_same_exit_code() {
    let daemon = Daemon::new().await;
    for (name, command, kill, code) in [
        ("good", "exit 0", None, 0),
        ("bad", "exit 3", None, 3),
        ("killed", "sleep 60", Some("KILL"), 137),
        ("stopped", "trap 'exit 5' TERM; sleep 60 & wait", Some("TERM"), 5),
    ] {
        let id = daemon.create(name, command, Value::Null).await;
        let (waited, ()) = tokio::join!(daemon.wait(name, "next-exit"), async {
            assert_eq!(daemon.status("ContainerStart", name, "").await, 204);
            if let Some(signal) = kill {
                // The shell sets its trap first.
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                assert_eq!(daemon.status("ContainerKill", name, &format!("signal={signal}")).await, 204);
            }
        });
        assert_eq!(waited, code, "{name}");
        assert_eq!(daemon.wait(name, "not-running").await, code);
        assert_eq!(daemon.inspect(name).await["State"]["ExitCode"], code);
        let died = format!("die {code}");
        assert!(daemon.events(&id).contains(&died), "{:?}", daemon.events(&id));
    }
}

#[tokio::test]
async fn what_cannot_be_started_says_why() {
    let daemon = Daemon::new().await;
    for (name, member, value, status, code) in [
        ("no-program", "Cmd", json!(["nope"]), 400, 127),
        ("no-file", "Cmd", json!(["/nope"]), 400, 127),
        ("no-right", "Cmd", json!(["/etc/passwd"]), 400, 126),
        ("no-user", "User", json!("nobody-knows"), 500, 128),
        ("no-network", "HostConfig", json!({ "NetworkMode": "nope" }), 404, 128),
        ("no-neighbour", "HostConfig", json!({ "NetworkMode": "container:nope" }), 404, 128),
    ] {
        let mut body = json!({ "Image": "busybox", "Cmd": ["true"] });
        body[member] = value;
        daemon.ask(41, "ContainerCreate", "", &format!("name={name}"), body).await.expect("created");
        let refusal = daemon.ask(41, "ContainerStart", name, "", Value::Null).await.expect_err("refused");
        let state = &daemon.inspect(name).await["State"];
        assert_eq!((refusal.status, &state["ExitCode"], &state["Status"]), (status, &json!(code), &json!("created")), "{name}");
        assert_eq!(state["Error"], refusal.message);
    }
}

#[tokio::test]
async fn policies_start_again_and_remove() {
    let daemon = Daemon::new().await;
    let id = daemon.create("again", "exit 3", json!({ "RestartPolicy": { "Name": "on-failure", "MaximumRetryCount": 2 } })).await;
    assert_eq!(daemon.status("ContainerStart", "again", "").await, 204);
    for _ in 0..100 {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        if daemon.inspect("again").await["State"]["Status"] == "exited" {
            break;
        }
    }
    let shown = daemon.inspect("again").await;
    assert_eq!((&shown["RestartCount"], &shown["State"]["ExitCode"]), (&json!(2), &json!(3)));
    assert_eq!(daemon.events(&id), ["create", "start", "die 3", "start", "die 3", "start", "die 3"]);

    let id = daemon.create("gone", "exit 4", json!({ "AutoRemove": true })).await;
    let (code, status) = tokio::join!(daemon.wait("gone", "removed"), daemon.status("ContainerStart", "gone", ""));
    assert_eq!((code, status), (json!(4), 204));
    assert_eq!(daemon.status("ContainerInspect", "gone", "").await, 404);
    assert_eq!(daemon.events(&id), ["create", "start", "die 4", "destroy"]);

    // A client that stops it has the last word.
    let id = daemon.create("always", "sleep 60", json!({ "RestartPolicy": { "Name": "always" } })).await;
    daemon.status("ContainerStart", "always", "").await;
    assert_eq!(daemon.status("ContainerStop", "always", "t=0").await, 204);
    assert_eq!(daemon.inspect("always").await["State"]["Status"], "exited");
    assert_eq!(daemon.events(&id), ["create", "start", "kill", "kill", "die 137", "stop"]);
}

#[tokio::test]
async fn names_belong_to_one() {
    let daemon = Daemon::new().await;
    let one = daemon.create("one", "true", Value::Null).await;
    let two = daemon.create("two", "true", json!({ "Links": ["one:db"] })).await;
    let taken = daemon.ask(41, "ContainerCreate", "", "name=one", json!({ "Image": "busybox" })).await.expect_err("refused");
    assert_eq!(
        taken.message,
        format!(
            "Conflict. The container name \"/one\" is already in use by container \"{one}\". \
             You have to remove (or rename) that container to be able to reuse that name."
        )
    );
    assert_eq!(daemon.inspect("two/db").await["Id"], one);
    assert_eq!(daemon.inspect("two").await["HostConfig"]["Links"], json!(["/one:/two/db"]));
    for (name, query, status) in
        [("two", "name=one", 409), ("two", "name=two", 400), ("two", "name=", 400), ("two", "name=!", 400), ("two", "name=three", 204)]
    {
        assert_eq!(daemon.status("ContainerRename", name, query).await, status, "{name} {query}");
    }
    assert_eq!(daemon.inspect("three/db").await["Id"], one);
    let (_, list) = daemon.ask(41, "ContainerList", "", "all=1&filters={\"name\":[\"^/one$\"]}", Value::Null).await.expect("a list");
    assert_eq!(list[0]["Names"], json!(["/one", "/three/db"]));
    assert_eq!(daemon.status("ContainerInspect", &two[..8], "").await, 200);
    assert_eq!(daemon.status("ContainerDelete", "three/db", "link=1").await, 204);
    assert_eq!(daemon.status("ContainerInspect", "three/db", "").await, 404);
    assert_eq!(daemon.status("ContainerDelete", "one", "").await, 204);
    daemon.create("one", "true", Value::Null).await;
}

#[tokio::test]
async fn a_list_shows_what_is_asked_for() {
    let daemon = Daemon::new().await;
    for name in ["first", "second", "third"] {
        daemon.create(name, "sleep 60", json!({ "PortBindings": { "80/tcp": [{}] } })).await;
    }
    daemon.status("ContainerStart", "second", "").await;
    daemon.ask(41, "ContainerUpdate", "third", "", json!({ "CpuShares": 5 })).await.expect("updated");
    for (query, expected) in [
        ("", vec!["/second"]),
        ("all=1", vec!["/third", "/second", "/first"]),
        ("limit=2", vec!["/third", "/second"]),
        ("all=0&filters={\"status\":[\"created\"]}", vec!["/third", "/first"]),
        ("filters={\"since\":[\"first\"]}", vec!["/third", "/second"]),
        ("filters={\"before\":{\"third\":true}}", vec!["/second", "/first"]),
        ("all=1&filters={\"name\":[\"ir\"]}", vec!["/third", "/first"]),
        ("all=1&filters={\"ancestor\":[\"busybox\"],\"publish\":[\"80\"],\"status\":[\"running\"]}", vec!["/second"]),
        ("all=1&filters={\"health\":[\"healthy\"]}", vec![]),
    ] {
        let (_, list) = daemon.ask(41, "ContainerList", "", query, Value::Null).await.expect("a list");
        let names: Vec<&str> = list.as_array().into_iter().flatten().filter_map(|entry| entry["Names"][0].as_str()).collect();
        assert_eq!(names, expected, "{query}");
    }
    for (minor, member, expected) in [
        (1, "Ports", false),
        (4, "Names", false),
        (12, "Names", true),
        (22, "State", false),
        (23, "State", true),
        (51, "Health", false),
        (52, "Health", true),
    ] {
        let (_, list) = daemon.ask(minor, "ContainerList", "", "", Value::Null).await.expect("a list");
        assert_eq!(list[0].get(member).is_some(), expected, "{member} at 1.{minor}");
    }
    let (_, old) = daemon.ask(4, "ContainerList", "", "", Value::Null).await.expect("a list");
    assert!(old[0]["Ports"].as_str().is_some_and(|ports| ports.ends_with("->80")), "{old}");
}

#[tokio::test]
async fn health_is_watched() {
    let daemon = Daemon::new().await;
    let body = json!({ "Image": "busybox", "Cmd": ["sleep", "60"],
        "Healthcheck": { "Test": ["CMD-SHELL", "echo well; exit 0"], "Interval": 20_000_000 } });
    daemon.ask(41, "ContainerCreate", "", "name=well", body).await.expect("created");
    assert_eq!(daemon.inspect("well").await["State"].get("Health"), None);
    daemon.status("ContainerStart", "well", "").await;
    for _ in 0..100 {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        if daemon.inspect("well").await["State"]["Health"]["Status"] == "healthy" {
            break;
        }
    }
    let health = daemon.inspect("well").await["State"]["Health"].clone();
    assert_eq!(
        (&health["Status"], &health["Log"][0]["Output"], &health["Log"][0]["ExitCode"]),
        (&json!("healthy"), &json!("well\n"), &json!(0))
    );
    daemon.status("ContainerKill", "well", "").await;
    assert_eq!(daemon.inspect("well").await["State"]["Health"]["Status"], "unhealthy");
}

#[tokio::test]
async fn volumes_come_and_go_with_their_containers() {
    let daemon = Daemon::new().await;
    let body = json!({ "Image": "busybox", "Cmd": ["true"], "Volumes": { "/anonymous": {} }, "HostConfig": { "Binds": ["named:/n", "/host:/h:ro"] } });
    daemon.ask(41, "ContainerCreate", "", "name=owner", body).await.expect("created");
    daemon.create("guest", "true", json!({ "VolumesFrom": ["owner:ro"] })).await;
    let mounts = |shown: &Value| -> Vec<(String, bool)> {
        let mount = |mount: &Value| (mount["Destination"].as_str().unwrap_or_default().to_owned(), mount["RW"] == true);
        shown["Mounts"].as_array().into_iter().flatten().map(mount).collect()
    };
    let all =
        |writable: [bool; 3]| -> Vec<(String, bool)> { ["/n", "/h", "/anonymous"].into_iter().map(str::to_owned).zip(writable).collect() };
    assert_eq!(mounts(&daemon.inspect("owner").await), all([true, false, true]));
    assert_eq!(mounts(&daemon.inspect("guest").await), all([false, false, false]));
    let count = || daemon.0.state().volumes.iter().count();
    // It is used by the other one, too.
    daemon.status("ContainerDelete", "owner", "v=1").await;
    assert_eq!(count(), 2);
    daemon.status("ContainerDelete", "guest", "v=1").await;
    assert_eq!(count(), 1, "the named one stays");
}

#[tokio::test]
async fn prune_takes_what_does_not_run() {
    let daemon = Daemon::new().await;
    for name in ["old", "running"] {
        daemon.create(name, "sleep 60", Value::Null).await;
    }
    daemon.status("ContainerStart", "running", "").await;
    for (query, expected) in [("filters={\"until\":[\"24h\"]}", 0), ("filters={\"label\":[\"x\"]}", 0), ("", 1), ("", 0)] {
        let (_, pruned) = daemon.ask(41, "ContainerPrune", "", query, Value::Null).await.expect("pruned");
        assert_eq!(pruned["ContainersDeleted"].as_array().map_or(0, Vec::len), expected, "{query}");
    }
    assert_eq!(daemon.status("ContainerPrune", "", "filters={\"foo\":[\"x\"]}").await, 400);
}

#[tokio::test]
async fn containers_find_each_other_by_name() {
    let daemon = Daemon::new().await;
    daemon.ask(41, "NetworkCreate", "", "", json!({ "Name": "own" })).await.expect("a network");
    let own = json!({ "NetworkMode": "own", "ExtraHosts": ["me:127.0.0.1"], "GroupAdd": ["1000"] });
    daemon.create("upstream", "sleep 60", own.clone()).await;
    let aliases = |shown: &Value| shown["NetworkSettings"]["Networks"]["own"]["Aliases"].as_array().map_or(0, Vec::len);
    assert_eq!(aliases(&daemon.inspect("upstream").await), 0);
    daemon.status("ContainerStart", "upstream", "").await;
    let shown = daemon.inspect("upstream").await;
    assert_eq!(aliases(&shown), 1);
    let address = shown["NetworkSettings"]["Networks"]["own"]["IPAddress"].as_str().expect("an address").to_owned();
    for (number, (host, command, code)) in [
        (own.clone(), "ping -c1 upstream".to_owned(), 0),
        (own.clone(), "ping -c1 upstream.own && nslookup upstream".to_owned(), 0),
        (own.clone(), format!("ping -c1 {address} && ping -c1 me"), 0),
        (own.clone(), "test $(id -G | tail -c 5) = 1000".to_owned(), 0),
        (own, "nslookup nobody".to_owned(), 1),
        (Value::Null, "ping -c1 upstream".to_owned(), 1),
        (Value::Null, format!("ping -c1 {address}"), 1),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("asks{number}");
        daemon.create(&name, &command, host).await;
        daemon.status("ContainerStart", &name, "").await;
        assert_eq!(daemon.wait(&name, "not-running").await, code, "{command}");
    }
}
