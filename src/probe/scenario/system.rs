//! The daemon itself: what it is, what it has, and what happens in it.

use serde_json::json;

use super::stream::lines;
use crate::probe::debris::Thing;
use crate::probe::step::{Skip, filters};
use crate::probe::world::World;

pub(super) async fn cases(w: &mut World<'_>) {
    w.case("SystemPing", "asked", async |c| c.get("/_ping").gives(200).await.map(drop)).await;
    w.case("SystemPingHead", "asked", async |c| c.head("/_ping").gives(200).await.map(drop)).await;
    w.case("SystemVersion", "asked", async |c| c.get("/version").gives(200).await.map(drop)).await;
    w.case("SystemInfo", "asked", async |c| c.get("/info").gives(200).await.map(drop)).await;
    w.case("SystemAuthGet", "asked", async |c| c.get("/auth").gives(200).await.map(drop)).await;
    w.destructive("SystemAuth", "at the public registry, with made-up credentials", async |c| {
        let who = json!({ "username": "plimsoll", "password": "probe", "email": "probe@example.com" });
        c.post("/auth").json(&who).gives_one_of(&[200, 204, 401]).await.map(drop)
    })
    .await;
    w.case("SystemAuth", "at a registry that nobody runs", async |c| {
        let who = json!({ "username": "plimsoll", "password": "probe", "email": "probe@example.com", "serveraddress": "localhost:1" });
        c.post("/auth").json(&who).gives_one_of(&[200, 400, 401, 500]).await.map(drop)
    })
    .await;
    events(w).await;
}

/// What a daemon finds out for one client at a time.
pub(super) async fn usage(w: &mut World<'_>) {
    w.case("SystemDataUsage", "of everything", async |c| c.get("/system/df").gives(200).await.map(drop)).await;
    if w.since(42) {
        w.case("SystemDataUsage", "of volumes", async |c| c.get("/system/df").query("type", "volume").gives(200).await.map(drop)).await;
    }
}

async fn events(w: &mut World<'_>) {
    if w.since(11) {
        w.case("SystemEvents", "of a container, afterwards", async |c| {
            let id = c.started("true", json!({})).await?;
            c.wait(&id).await?;
            c.remove(&id).await?;
            let filtered = c.since(16);
            let call = c.get("/events").query("since", 1).query("until", now()?);
            call.query_if(filtered, "filters", filters("container", &[&id])).gives(200).await.map(drop)
        })
        .await;
        w.case("SystemEvents", "when there were none", async |c| {
            c.get("/events").query("since", 1).query("until", 2).gives(200).await.map(drop)
        })
        .await;
    }
    w.case("SystemEvents", "while they happen, by a client that leaves", async |c| {
        let filtered = c.since(22);
        let image = c.image()?;
        let name = c.name("event");
        let flow = c.get("/events").query_if(filtered, "filters", filters("type", &["image"])).opens(200).await?;
        c.leaves(Thing::Image(format!("{name}:one")));
        let tagged = c.post(format!("/images/{image}/tag")).query("repo", &name).query("tag", "one").gives(201).await;
        tagged.map_err(|skip| skip.preparing("tag an image"))?;
        lines(flow, 1).await
    })
    .await;
}

/// Seconds since 1970, as the machine that probes tells them.
fn now() -> Result<u64, Skip> {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.map(|now| now.as_secs()).map_err(|_| Skip::because("this machine does not know what time it is"))
}
