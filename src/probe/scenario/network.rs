//! Networks.

use serde_json::json;

use crate::probe::NOBODY;
use crate::probe::debris::Thing;
use crate::probe::step::{Step, filters};
use crate::probe::world::{Case, World};

pub(super) async fn cases(w: &mut World<'_>) {
    w.case("NetworkCreate", "a bridge", async |c| made(c).await.map(drop)).await;
    w.case("NetworkCreate", "under a name that the daemon keeps for itself", async |c| {
        c.post("/networks/create").json(&json!({ "Name": "host", "Driver": "bridge" })).gives_one_of(&[403, 409]).await.map(drop)
    })
    .await;
    w.case("NetworkList", "all", async |c| c.get("/networks").gives(200).await.map(drop)).await;
    w.case("NetworkList", "filtered", async |c| c.get("/networks").query("filters", filters("name", &["host"])).gives(200).await.map(drop))
        .await;
    if w.since(25) {
        w.case("NetworkList", "by a filter that does not exist", async |c| {
            c.get("/networks").query("filters", filters("nonsense", &["1"])).gives(400).await.map(drop)
        })
        .await;
    }
    w.case("NetworkInspect", "one that every daemon has", async |c| c.get("/networks/host").gives(200).await.map(drop)).await;
    w.case("NetworkInspect", "one of ours, with a container", async |c| {
        let network = shared(c).await?;
        let user = c.started("sleep 1000", json!({ "HostConfig": { "NetworkMode": network } })).await?;
        let answer = c.get(format!("/networks/{network}")).gives(200).await;
        c.remove(&user).await?;
        answer.map(drop)
    })
    .await;
    w.case("NetworkInspect", "one that is not there", async |c| c.get(format!("/networks/{NOBODY}")).gives(404).await.map(drop)).await;
    w.case("NetworkConnect", "a container, and inspect it", async |c| {
        let (network, user) = user(c).await?;
        c.post(format!("/networks/{network}/connect")).json(&json!({ "Container": user })).gives(200).await?;
        c.get(format!("/containers/{user}/json")).gives(200).await?;
        c.remove(&user).await
    })
    .await;
    w.case("NetworkDisconnect", "a container", async |c| {
        let (network, user) = user(c).await?;
        let connected = c.post(format!("/networks/{network}/connect")).json(&json!({ "Container": user })).gives(200).await;
        connected.map_err(|skip| skip.preparing("connect the container"))?;
        c.post(format!("/networks/{network}/disconnect")).json(&json!({ "Container": user })).gives(200).await?;
        c.remove(&user).await
    })
    .await;
    for (operation, what) in [("NetworkConnect", "connect"), ("NetworkDisconnect", "disconnect")] {
        w.case(operation, "to a network that is not there", async |c| {
            let user = c.running().await?;
            c.post(format!("/networks/{NOBODY}/{what}")).json(&json!({ "Container": user })).gives(404).await.map(drop)
        })
        .await;
    }
    w.case("NetworkDelete", "one of ours", async |c| {
        let name = made(c).await.map_err(|skip| skip.preparing("create a network"))?;
        let status: &[u16] = if c.since(23) { &[204] } else { &[200, 204] };
        c.delete(format!("/networks/{name}")).gives_one_of(status).await.map(drop)
    })
    .await;
    w.case("NetworkDelete", "one that the daemon keeps", async |c| c.delete("/networks/host").gives(403).await.map(drop)).await;
    w.case("NetworkDelete", "one that is not there", async |c| c.delete(format!("/networks/{NOBODY}")).gives(404).await.map(drop)).await;
}

/// A network, by its name.
async fn made(c: &mut Case<'_>) -> Step<String> {
    let name = c.name("net");
    c.leaves(Thing::Network(name.clone()));
    let mut recipe = json!({ "Name": name, "Driver": "bridge", "CheckDuplicate": true });
    if c.since(23) {
        recipe["Labels"] = json!({ "plimsoll.probe": "1" });
    }
    c.post("/networks/create").json(&recipe).gives(201).await?;
    Ok(name)
}

async fn shared(c: &mut Case<'_>) -> Step<String> {
    c.once("create a network", made).await
}

/// A network, and a running container in another.
async fn user(c: &mut Case<'_>) -> Step<(String, String)> {
    let network = shared(c).await?;
    let first = c.once("create another network", made).await?;
    let user = c.started("sleep 1000", json!({ "HostConfig": { "NetworkMode": first } })).await?;
    Ok((network, user))
}

/// Prunes what is ours.
pub(super) async fn prune_ours(w: &mut World<'_>) {
    if w.since(29) {
        w.case("NetworkPrune", "those with a label of ours", async |c| {
            let (name, label) = (c.name("net"), c.name("prune"));
            c.leaves(Thing::Network(name.clone()));
            let recipe = json!({ "Name": name, "Driver": "bridge", "Labels": { "plimsoll.probe.prune": label } });
            c.post("/networks/create").json(&recipe).gives(201).await.map_err(|skip| skip.preparing("create a network"))?;
            c.post("/networks/prune")
                .query("filters", filters("label", &[&format!("plimsoll.probe.prune={label}")]))
                .gives(200)
                .await
                .map(drop)
        })
        .await;
    }
}

/// Prunes what others may have made.
pub(super) async fn prune(w: &mut World<'_>) {
    w.destructive("NetworkPrune", "all that are not in use", async |c| c.post("/networks/prune").gives(200).await.map(drop)).await;
}
