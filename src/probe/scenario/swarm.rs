//! A swarm of one: made for a version, used by its services, and left again. One version at a time, since a daemon has one swarm.

use serde_json::{Value, json};

use super::service;
use crate::probe::NOBODY;
use crate::probe::debris::Thing;
use crate::probe::step::{Skip, Step, document, number, text};
use crate::probe::world::{Case, World};

/// What the swarm listens on, on the loopback alone.
const LISTENS: &str = "127.0.0.1:24778";

/// Everything that needs a swarm.
const MEMBERS: [(&str, &str, &str); 13] = [
    ("SwarmInspect", "GET", "/swarm"),
    ("SwarmUnlockkey", "GET", "/swarm/unlockkey"),
    ("NodeList", "GET", "/nodes"),
    ("NodeInspect", "GET", "/nodes/plimsoll"),
    ("NodeDelete", "DELETE", "/nodes/plimsoll"),
    ("ServiceList", "GET", "/services"),
    ("ServiceInspect", "GET", "/services/plimsoll"),
    ("ServiceDelete", "DELETE", "/services/plimsoll"),
    ("TaskList", "GET", "/tasks"),
    ("TaskInspect", "GET", "/tasks/plimsoll"),
    ("SecretList", "GET", "/secrets"),
    ("ConfigList", "GET", "/configs"),
    ("SwarmLeave", "POST", "/swarm/leave"),
];

/// Whether the daemon is in a swarm, and whose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    Nothing,
    Theirs,
}

pub(super) async fn cases(w: &mut World<'_>) {
    if !w.since(24) || !w.wants_any(&service::OPERATIONS) {
        return;
    }
    let mut found = Err(Skip::because("it was not asked"));
    w.aside(async |c| {
        found = look(c).await;
    })
    .await;
    if found == Ok(Found::Nothing) {
        outside(w).await;
    }
    w.destructive("SwarmInit", "on the loopback", async |c| {
        if found.clone()? == Found::Theirs {
            return Err(Skip::because("the daemon is in a swarm already"));
        }
        init(c).await.map(drop)
    })
    .await;
    inside(w, &found).await;
    service::cases(w).await;
    leave(w, &found).await;
}

async fn look(c: &mut Case<'_>) -> Step<Found> {
    let answer = c.get("/swarm").gives_one_of(&[200, 404, 406, 503]).await?;
    Ok(if answer.status == 200 { Found::Theirs } else { Found::Nothing })
}

async fn outside(w: &mut World<'_>) {
    for (operation, method, path) in MEMBERS {
        w.case(operation, "outside a swarm", async |c| {
            let call = match method {
                "GET" => c.get(path),
                "POST" => c.post(path),
                _ => c.delete(path),
            };
            call.gives_one_of(&[503, 406]).await.map(drop)
        })
        .await;
    }
}

async fn init(c: &mut Case<'_>) -> Step<String> {
    c.leaves(Thing::Swarm);
    c.post("/swarm/init").json(&json!({ "ListenAddr": LISTENS, "AdvertiseAddr": "127.0.0.1" })).gives(200).await?;
    Ok(LISTENS.to_owned())
}

/// Goes on only in a swarm: one that is there, or one that may be made for this.
pub(super) async fn member(c: &mut Case<'_>) -> Step<()> {
    let joined = c
        .once("join a swarm", async |c| match look(c).await? {
            Found::Theirs => Ok("there is one".to_owned()),
            Found::Nothing if c.plan.allow_destructive => init(c).await,
            Found::Nothing => Err(Skip::because("needs a swarm: there is none, and making one needs --allow-destructive")),
        })
        .await;
    joined.map(drop)
}

async fn inside(w: &mut World<'_>, found: &Step<Found>) {
    w.case("SwarmInit", "in a swarm", async |c| {
        member(c).await?;
        c.post("/swarm/init")
            .json(&json!({ "ListenAddr": LISTENS, "AdvertiseAddr": "127.0.0.1" }))
            .gives_one_of(&[503, 406])
            .await
            .map(drop)
    })
    .await;
    w.case("SwarmJoin", "in a swarm", async |c| {
        member(c).await?;
        let to = json!({ "ListenAddr": LISTENS, "RemoteAddrs": [LISTENS], "JoinToken": "SWMTKN-1-probe" });
        c.post("/swarm/join").json(&to).gives_one_of(&[503, 406]).await.map(drop)
    })
    .await;
    w.case("SwarmInspect", "in a swarm", async |c| {
        member(c).await?;
        c.get("/swarm").gives(200).await.map(drop)
    })
    .await;
    w.case("SwarmUnlockkey", "of one that is not locked", async |c| {
        member(c).await?;
        c.get("/swarm/unlockkey").gives(200).await.map(drop)
    })
    .await;
    w.case("SwarmUnlock", "one that is not locked", async |c| {
        member(c).await?;
        c.post("/swarm/unlock").json(&json!({ "UnlockKey": "SWMKEY-1-probe" })).gives(409).await.map(drop)
    })
    .await;
    let ours = *found == Ok(Found::Nothing);
    w.destructive("SwarmUpdate", "with what it has", async |c| {
        if !ours {
            return Err(Skip::because("the swarm is not the probe's own"));
        }
        member(c).await?;
        let swarm = c.get("/swarm").gives(200).await.map_err(|skip| skip.preparing("inspect the swarm"))?;
        let spec = document(&swarm)?.get("Spec").cloned().unwrap_or_default();
        c.post("/swarm/update").query("version", number(&swarm, "/Version/Index")?).json(&spec).gives(200).await.map(drop)
    })
    .await;
    nodes(w).await;
}

async fn nodes(w: &mut World<'_>) {
    w.case("NodeList", "in a swarm", async |c| {
        member(c).await?;
        c.get("/nodes").gives(200).await.map(drop)
    })
    .await;
    w.case("NodeInspect", "itself", async |c| {
        let id = node(c).await?;
        c.get(format!("/nodes/{id}")).gives(200).await.map(drop)
    })
    .await;
    w.destructive("NodeUpdate", "with what it has", async |c| {
        let id = node(c).await?;
        let found = c.get(format!("/nodes/{id}")).gives(200).await.map_err(|skip| skip.preparing("inspect the node"))?;
        let spec = document(&found)?.get("Spec").cloned().unwrap_or_default();
        c.post(format!("/nodes/{id}/update")).query("version", number(&found, "/Version/Index")?).json(&spec).gives(200).await.map(drop)
    })
    .await;
    w.destructive("NodeDelete", "itself, which cannot be", async |c| {
        let id = node(c).await?;
        c.delete(format!("/nodes/{id}")).gives_one_of(&[400, 406, 500]).await.map(drop)
    })
    .await;
    for (operation, method) in [("NodeInspect", "GET"), ("NodeDelete", "DELETE")] {
        w.case(operation, "one that is not there", async |c| {
            member(c).await?;
            let path = format!("/nodes/{NOBODY}");
            let call = if method == "GET" { c.get(path) } else { c.delete(path) };
            call.gives(404).await.map(drop)
        })
        .await;
    }
}

async fn node(c: &mut Case<'_>) -> Step<String> {
    member(c).await?;
    let nodes = c.get("/nodes").gives(200).await.map_err(|skip| skip.preparing("list the nodes"))?;
    let this = |node: &Value| node.pointer("/ManagerStatus/Leader").and_then(Value::as_bool) == Some(true);
    let at = document(&nodes)?.as_array().and_then(|nodes| nodes.iter().position(this)).unwrap_or_default();
    text(&nodes, &format!("/{at}/ID"))
}

async fn leave(w: &mut World<'_>, found: &Step<Found>) {
    let ours = *found == Ok(Found::Nothing) && w.plan.allow_destructive;
    w.case("SwarmLeave", "as its only manager, without force", async |c| {
        member(c).await?;
        if !ours {
            return Err(Skip::because("the swarm is not the probe's own"));
        }
        c.post("/swarm/leave").gives_one_of(&[503, 406]).await.map(drop)
    })
    .await;
    w.destructive("SwarmLeave", "by force", async |c| {
        if !ours {
            return Err(Skip::because("the swarm is not the probe's own"));
        }
        member(c).await?;
        c.post("/swarm/leave").query("force", 1).gives(200).await?;
        c.plan.debris.forget(&Thing::Swarm);
        Ok(())
    })
    .await;
    if ours {
        // Also where the cases of leaving were not asked for: the next version makes its own.
        w.aside(async |c| {
            if c.plan.debris.has(&Thing::Swarm) && c.post("/swarm/leave").query("force", 1).gives(200).await.is_ok() {
                c.plan.debris.forget(&Thing::Swarm);
            }
        })
        .await;
    }
}
