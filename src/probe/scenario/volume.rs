//! Volumes.

use serde_json::json;

use crate::probe::NOBODY;
use crate::probe::debris::Thing;
use crate::probe::step::{Step, filters};
use crate::probe::world::{Case, World};

pub(super) async fn cases(w: &mut World<'_>) {
    w.case("VolumeCreate", "with a name", async |c| made(c).await.map(drop)).await;
    w.case("VolumeCreate", "under a name that no volume may have", async |c| {
        c.post("/volumes/create").json(&json!({ "Name": "../outside" })).gives_one_of(&[400, 500]).await.map(drop)
    })
    .await;
    w.case("VolumeInspect", "one of ours", async |c| {
        let name = shared(c).await?;
        c.get(format!("/volumes/{name}")).gives(200).await.map(drop)
    })
    .await;
    w.case("VolumeInspect", "one that is not there", async |c| c.get(format!("/volumes/{NOBODY}")).gives(404).await.map(drop)).await;
    w.case("VolumeList", "all", async |c| {
        shared(c).await?;
        c.get("/volumes").gives(200).await.map(drop)
    })
    .await;
    w.case("VolumeList", "filtered", async |c| {
        shared(c).await?;
        c.get("/volumes").query("filters", filters("dangling", &["true"])).gives(200).await.map(drop)
    })
    .await;
    w.case("VolumeDelete", "one of ours", async |c| {
        let name = made(c).await.map_err(|skip| skip.preparing("create a volume"))?;
        c.delete(format!("/volumes/{name}")).gives(204).await.map(drop)
    })
    .await;
    w.case("VolumeDelete", "one in use", async |c| {
        let name = shared(c).await?;
        let user = c.created("true", json!({ "HostConfig": { "Binds": [format!("{name}:/data")] } })).await?;
        let answer = c.delete(format!("/volumes/{name}")).gives(409).await;
        c.remove(&user).await?;
        answer.map(drop)
    })
    .await;
    w.case("VolumeDelete", "one that is not there", async |c| c.delete(format!("/volumes/{NOBODY}")).gives(404).await.map(drop)).await;
    w.case("VolumeUpdate", "one that is not there", async |c| {
        // Cluster volumes are all that can be updated; without a swarm there are none.
        c.put(format!("/volumes/{NOBODY}")).query("version", 1).json(&json!({})).gives_one_of(&[404, 503]).await.map(drop)
    })
    .await;
}

/// A volume, by its name.
async fn made(c: &mut Case<'_>) -> Step<String> {
    let name = c.name("volume");
    c.leaves(Thing::Volume(name.clone()));
    let mut recipe = json!({ "Name": name });
    if c.since(23) {
        recipe["Labels"] = json!({ "plimsoll.probe": "1" });
    }
    c.post("/volumes/create").json(&recipe).gives(201).await?;
    Ok(name)
}

async fn shared(c: &mut Case<'_>) -> Step<String> {
    c.once("create a volume", made).await
}

/// Prunes what is ours.
pub(super) async fn prune_ours(w: &mut World<'_>) {
    if w.since(29) {
        w.case("VolumePrune", "those with a label of ours", async |c| {
            let (name, label) = (c.name("volume"), c.name("prune"));
            c.leaves(Thing::Volume(name.clone()));
            let recipe = json!({ "Name": name, "Labels": { "plimsoll.probe.prune": label } });
            c.post("/volumes/create").json(&recipe).gives(201).await.map_err(|skip| skip.preparing("create a volume"))?;
            let mut wanted = json!({ "label": [format!("plimsoll.probe.prune={label}")] });
            if c.since(42) {
                wanted["all"] = json!(["true"]);
            }
            c.post("/volumes/prune").query("filters", wanted).gives(200).await.map(drop)
        })
        .await;
    }
}

/// Prunes what others may have made.
pub(super) async fn prune(w: &mut World<'_>) {
    w.destructive("VolumePrune", "all that are not in use", async |c| c.post("/volumes/prune").gives(200).await.map(drop)).await;
}
