//! What a swarm has: services and their tasks, secrets and configs.

use std::time::Duration;

use serde_json::{Value, json};

use super::swarm::member;
use crate::probe::NOBODY;
use crate::probe::debris::Thing;
use crate::probe::step::{Skip, Step, document, filters, number, text};
use crate::probe::world::{Case, World};

/// All that needs a swarm.
pub(super) const OPERATIONS: [&str; 30] = [
    "SwarmInit",
    "SwarmInspect",
    "SwarmJoin",
    "SwarmLeave",
    "SwarmUnlock",
    "SwarmUnlockkey",
    "SwarmUpdate",
    "NodeDelete",
    "NodeInspect",
    "NodeList",
    "NodeUpdate",
    "ServiceCreate",
    "ServiceDelete",
    "ServiceInspect",
    "ServiceList",
    "ServiceLogs",
    "ServiceUpdate",
    "TaskInspect",
    "TaskList",
    "TaskLogs",
    "SecretCreate",
    "SecretDelete",
    "SecretInspect",
    "SecretList",
    "SecretUpdate",
    "ConfigCreate",
    "ConfigDelete",
    "ConfigInspect",
    "ConfigList",
    "ConfigUpdate",
];
/// How often a task is asked whether it runs, and how long between.
const ASKED: usize = 60;
const BETWEEN: Duration = Duration::from_millis(100);

pub(super) async fn cases(w: &mut World<'_>) {
    services(w).await;
    tasks(w).await;
    for kind in [&SECRET, &CONFIG] {
        stored(w, kind).await;
    }
}

async fn services(w: &mut World<'_>) {
    w.case("ServiceCreate", "of one task", async |c| shared(c).await.map(drop)).await;
    w.case("ServiceCreate", "under a name that is taken", async |c| {
        let id = shared(c).await?;
        let service = c.get(format!("/services/{id}")).gives(200).await.map_err(|skip| skip.preparing("inspect the service"))?;
        let name = text(&service, "/Spec/Name")?;
        let recipe = recipe(c, &name)?;
        c.post("/services/create").json(&recipe).gives(409).await.map(drop)
    })
    .await;
    w.case("ServiceList", "in a swarm", async |c| {
        shared(c).await?;
        let status = c.since(41);
        c.get("/services").query_if(status, "status", 1).gives(200).await.map(drop)
    })
    .await;
    w.case("ServiceInspect", "one of ours", async |c| {
        let id = shared(c).await?;
        let defaults = c.since(29);
        c.get(format!("/services/{id}")).query_if(defaults, "insertDefaults", 1).gives(200).await.map(drop)
    })
    .await;
    w.case("ServiceLogs", "of one of ours", async |c| {
        let id = shared(c).await?;
        task(c).await?;
        c.get(format!("/services/{id}/logs")).query("stdout", 1).query("stderr", 1).gives(200).await.map(drop)
    })
    .await;
    w.case("ServiceUpdate", "with one more label", async |c| {
        let id = shared(c).await?;
        let service = c.get(format!("/services/{id}")).gives(200).await.map_err(|skip| skip.preparing("inspect the service"))?;
        let mut spec = document(&service)?.get("Spec").cloned().unwrap_or_default();
        spec["Labels"] = json!({ "plimsoll.probe": "1", "updated": "yes" });
        c.post(format!("/services/{id}/update"))
            .query("version", number(&service, "/Version/Index")?)
            .json(&spec)
            .gives(200)
            .await
            .map(drop)
    })
    .await;
    for (operation, method, tail) in
        [("ServiceInspect", "GET", ""), ("ServiceLogs", "GET", "/logs?stdout=1"), ("ServiceDelete", "DELETE", ""), ("TaskInspect", "", "")]
    {
        w.case(operation, "one that is not there", async |c| {
            member(c).await?;
            let call = match method {
                "GET" => c.get(format!("/services/{NOBODY}{tail}")),
                "DELETE" => c.delete(format!("/services/{NOBODY}")),
                _ => c.get(format!("/tasks/{NOBODY}")),
            };
            call.gives(404).await.map(drop)
        })
        .await;
    }
}

async fn tasks(w: &mut World<'_>) {
    w.case("TaskList", "in a swarm", async |c| {
        shared(c).await?;
        c.get("/tasks").gives(200).await.map(drop)
    })
    .await;
    w.case("TaskInspect", "one that runs", async |c| {
        let id = task(c).await?;
        c.get(format!("/tasks/{id}")).gives(200).await.map(drop)
    })
    .await;
    w.case("TaskLogs", "of one that runs", async |c| {
        let id = task(c).await?;
        c.get(format!("/tasks/{id}/logs")).query("stdout", 1).query("stderr", 1).gives(200).await.map(drop)
    })
    .await;
    w.case("ServiceDelete", "one of ours", async |c| {
        let id = shared(c).await?;
        c.delete(format!("/services/{id}")).gives(200).await.map(drop)
    })
    .await;
}

fn recipe(c: &Case<'_>, name: &str) -> Step<Value> {
    let mut recipe = json!({
        "Name": name, "Labels": { "plimsoll.probe": "1" },
        "TaskTemplate": { "ContainerSpec": { "Image": c.image()?, "Command": ["sh", "-c", "echo out; echo err >&2; sleep 1000"] } },
        "Mode": { "Replicated": { "Replicas": 1 } },
    });
    if c.since(25) {
        recipe["TaskTemplate"]["ContainerSpec"]["StopGracePeriod"] = json!(0);
    }
    // The ingress network needs what a daemon in a container may not have.
    if c.since(29) {
        recipe["TaskTemplate"]["Networks"] = json!([{ "Target": "host" }]);
    }
    Ok(recipe)
}

/// A service of one task, shared.
async fn shared(c: &mut Case<'_>) -> Step<String> {
    member(c).await?;
    c.once("create a service", async |c| {
        let name = c.name("service");
        let recipe = recipe(c, &name)?;
        c.leaves(Thing::Service(name));
        let answer = c.post("/services/create").json(&recipe).gives(201).await?;
        text(&answer, "/ID")
    })
    .await
}

/// The service's task, once it runs.
async fn task(c: &mut Case<'_>) -> Step<String> {
    let service = shared(c).await?;
    c.once("wait for the task", async |c| {
        let mut state = String::new();
        for _ in 0..ASKED {
            let tasks = c.get("/tasks").query("filters", filters("service", &[&service])).gives(200).await?;
            state = text(&tasks, "/0/Status/State").unwrap_or_default();
            if state == "running" {
                return text(&tasks, "/0/ID");
            }
            tokio::time::sleep(BETWEEN).await;
        }
        Err(Skip::because(format!("it does not run: {state}")))
    })
    .await
}

/// Secrets and configs are asked in the same way.
struct Kind {
    path: &'static str,
    made: &'static str,
    thing: fn(String) -> Thing,
    create: &'static str,
    list: &'static str,
    inspect: &'static str,
    update: &'static str,
    delete: &'static str,
}

const SECRET: Kind = Kind {
    path: "/secrets",
    made: "create a secret",
    thing: Thing::Secret,
    create: "SecretCreate",
    list: "SecretList",
    inspect: "SecretInspect",
    update: "SecretUpdate",
    delete: "SecretDelete",
};

const CONFIG: Kind = Kind {
    path: "/configs",
    made: "create a config",
    thing: Thing::Config,
    create: "ConfigCreate",
    list: "ConfigList",
    inspect: "ConfigInspect",
    update: "ConfigUpdate",
    delete: "ConfigDelete",
};

async fn stored(w: &mut World<'_>, kind: &'static Kind) {
    let path = kind.path;
    w.case(kind.create, "with a label", async |c| keep(c, kind).await.map(drop)).await;
    w.case(kind.create, "under a name that is taken", async |c| {
        let id = keep(c, kind).await?;
        let found = c.get(format!("{path}/{id}")).gives(200).await.map_err(|skip| skip.preparing("inspect it"))?;
        let recipe = json!({ "Name": text(&found, "/Spec/Name")?, "Data": "cHJvYmU=" });
        c.post(format!("{path}/create")).json(&recipe).gives(409).await.map(drop)
    })
    .await;
    w.case(kind.list, "in a swarm", async |c| {
        keep(c, kind).await?;
        c.get(path).gives(200).await.map(drop)
    })
    .await;
    w.case(kind.inspect, "one of ours", async |c| {
        let id = keep(c, kind).await?;
        c.get(format!("{path}/{id}")).gives(200).await.map(drop)
    })
    .await;
    w.case(kind.update, "with one more label", async |c| {
        let id = keep(c, kind).await?;
        let found = c.get(format!("{path}/{id}")).gives(200).await.map_err(|skip| skip.preparing("inspect it"))?;
        let mut spec = document(&found)?.get("Spec").cloned().unwrap_or_default();
        spec["Labels"] = json!({ "plimsoll.probe": "1", "updated": "yes" });
        c.post(format!("{path}/{id}/update")).query("version", number(&found, "/Version/Index")?).json(&spec).gives(200).await.map(drop)
    })
    .await;
    w.case(kind.delete, "one of ours", async |c| {
        let id = keep(c, kind).await?;
        c.delete(format!("{path}/{id}")).gives(204).await.map(drop)
    })
    .await;
    for (operation, method) in [(kind.inspect, "GET"), (kind.delete, "DELETE")] {
        w.case(operation, "one that is not there", async |c| {
            member(c).await?;
            let path = format!("{path}/{NOBODY}");
            let call = if method == "GET" { c.get(path) } else { c.delete(path) };
            call.gives(404).await.map(drop)
        })
        .await;
    }
}

async fn keep(c: &mut Case<'_>, kind: &'static Kind) -> Step<String> {
    member(c).await?;
    c.once(kind.made, async |c| {
        let name = c.name("kept");
        c.leaves((kind.thing)(name.clone()));
        let recipe = json!({ "Name": name, "Labels": { "plimsoll.probe": "1" }, "Data": "cHJvYmU=" });
        let answer = c.post(format!("{}/create", kind.path)).json(&recipe).gives(201).await?;
        text(&answer, "/ID")
    })
    .await
}
