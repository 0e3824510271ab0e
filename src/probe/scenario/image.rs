//! Images: what is there, where it comes from, and how it goes.

use serde_json::json;

use super::fixture::archive;
use crate::probe::NOBODY;
use crate::probe::debris::Thing;
use crate::probe::step::{Skip, Step, filters, text};
use crate::probe::world::{Case, World};

/// `{}` in the alphabet of `X-Registry-Auth`.
const NO_CREDENTIALS: &str = "e30=";
/// A registry that nobody runs.
const NO_REGISTRY: &str = "localhost:1";
/// The image that is pulled.
const PULLED: &str = "busybox";

pub(super) async fn cases(w: &mut World<'_>) {
    look(w).await;
    come(w).await;
    archives(w).await;
    registry(w).await;
    go(w).await;
}

async fn look(w: &mut World<'_>) {
    w.case("ImageList", "those with tags", async |c| c.get("/images/json").gives(200).await.map(drop)).await;
    w.case("ImageList", "all, with digests", async |c| {
        let digests = c.since(18);
        c.get("/images/json").query("all", 1).query_if(digests, "digests", 1).gives(200).await.map(drop)
    })
    .await;
    if w.since(12) {
        w.case("ImageList", "filtered", async |c| {
            c.get("/images/json").query("filters", filters("dangling", &["true"])).gives(200).await.map(drop)
        })
        .await;
    }
    if w.since(25) {
        w.case("ImageList", "by a filter that does not exist", async |c| {
            c.get("/images/json").query("filters", filters("nonsense", &["1"])).gives(400).await.map(drop)
        })
        .await;
    }
    if w.since(47) {
        w.case("ImageList", "with manifests", async |c| c.get("/images/json").query("manifests", 1).gives(200).await.map(drop)).await;
    }
    for (operation, tail) in [("ImageInspect", "json"), ("ImageHistory", "history")] {
        w.case(operation, "of one that is there", async |c| {
            let image = c.image()?;
            c.get(format!("/images/{image}/{tail}")).gives(200).await.map(drop)
        })
        .await;
        w.case(operation, "of one that is not there", async |c| c.get(format!("/images/{NOBODY}/{tail}")).gives(404).await.map(drop)).await;
    }
    w.case("ImageAttestations", "of one that is there", async |c| {
        let image = c.image()?;
        c.get(format!("/images/{image}/attestations")).gives(200).await.map(drop)
    })
    .await;
    w.case("ImageViz", "of all", async |c| c.get("/images/viz").gives(200).await.map(drop)).await;
}

async fn come(w: &mut World<'_>) {
    w.case("ImageTag", "under a name of ours", async |c| {
        let image = c.image()?;
        let name = c.name("tag");
        c.leaves(Thing::Image(format!("{name}:one")));
        c.post(format!("/images/{image}/tag")).query("repo", name).query("tag", "one").gives(201).await.map(drop)
    })
    .await;
    w.case("ImageTag", "one that is not there", async |c| {
        c.post(format!("/images/{NOBODY}/tag")).query("repo", "plimsoll").query("tag", "one").gives(404).await.map(drop)
    })
    .await;
    w.case("ImageCommit", "an exited container", async |c| commit(c).await.map(drop)).await;
    w.case("ImageCommit", "a container that is not there", async |c| {
        c.post("/commit").query("container", NOBODY).json(&json!({})).gives(404).await.map(drop)
    })
    .await;
    w.case("ImageCreate", "from an archive", async |c| {
        let name = c.name("import");
        c.leaves(Thing::Image(format!("{name}:one")));
        let call = c.post("/images/create").query("fromSrc", "-").query("repo", &name).query("tag", "one");
        call.body("application/x-tar", archive(&[("hello", "hello\n")])).gives(200).await.map(drop)
    })
    .await;
    w.case("ImageInsert", "a file from nowhere", async |c| {
        let image = c.image()?;
        c.post(format!("/images/{image}/insert"))
            .query("url", format!("http://{NO_REGISTRY}/file"))
            .query("path", "/file")
            .gives(200)
            .await
            .map(drop)
    })
    .await;
}

/// An image of ours, by its name.
async fn commit(c: &mut Case<'_>) -> Step<String> {
    let container = c.exited().await?;
    let name = c.name("commit");
    c.leaves(Thing::Image(format!("{name}:one")));
    let changes = c.since(18);
    let call = c.post("/commit").query("container", container).query("repo", &name).query("tag", "one").query("comment", "by the probe");
    call.query_if(changes, "changes", "LABEL plimsoll.probe=1").json(&json!({})).gives(201).await?;
    Ok(format!("{name}:one"))
}

async fn archives(w: &mut World<'_>) {
    w.case("ImageGet", "an image of ours", async |c| {
        let name = ours(c).await?;
        c.get(format!("/images/{name}/get")).gives(200).await.map(drop)
    })
    .await;
    w.case("ImageGet", "one that is not there", async |c| c.get(format!("/images/{NOBODY}/get")).gives_one_of(&[404, 500]).await.map(drop))
        .await;
    w.case("ImageGetAll", "an image of ours", async |c| {
        let name = ours(c).await?;
        c.get("/images/get").query("names", name).gives(200).await.map(drop)
    })
    .await;
    w.case("ImageLoad", "what was saved", async |c| {
        let name = ours(c).await?;
        let saved = c.get(format!("/images/{name}/get")).gives(200).await.map_err(|skip| skip.preparing("save the image"))?;
        c.post("/images/load").body("application/x-tar", saved.body).gives(200).await.map(drop)
    })
    .await;
    w.case("ImageLoad", "what is no image", async |c| {
        c.post("/images/load").body("application/x-tar", archive(&[("hello", "hello\n")])).gives_one_of(&[200, 400, 500]).await.map(drop)
    })
    .await;
}

/// A small image of ours, shared.
async fn ours(c: &mut Case<'_>) -> Step<String> {
    c.once("import an image", async |c| {
        let name = c.name("small");
        c.leaves(Thing::Image(format!("{name}:one")));
        let call = c.post("/images/create").query("fromSrc", "-").query("repo", &name).query("tag", "one");
        call.body("application/x-tar", archive(&[("hello", "hello\n")])).gives(200).await?;
        Ok(format!("{name}:one"))
    })
    .await
}

async fn registry(w: &mut World<'_>) {
    w.case("ImageCreate", "pulled", async |c| {
        let there = c.get(format!("/images/{PULLED}:latest/json")).send().await?;
        let mine = Thing::Image(format!("{PULLED}:latest"));
        if there.status == 200 && !c.plan.allow_destructive && !c.plan.debris.has(&mine) {
            return Err(Skip::because("needs --allow-destructive: it would renew an image that is there"));
        }
        if there.status == 404 {
            c.leaves(mine);
        }
        c.post("/images/create").query("fromImage", PULLED).query("tag", "latest").gives(200).await.map(drop)
    })
    .await;
    w.case("ImageCreate", "pulled from nowhere", async |c| {
        let call = c.post("/images/create").query("fromImage", format!("{NO_REGISTRY}/{NOBODY}")).query("tag", "latest");
        call.gives_one_of(&[200, 404, 500]).await.map(drop)
    })
    .await;
    w.case("ImagePush", "to nowhere", async |c| {
        let image = c.image()?;
        let name = format!("{NO_REGISTRY}/{}", c.name("push"));
        c.leaves(Thing::Image(format!("{name}:one")));
        let tagged = c.post(format!("/images/{image}/tag")).query("repo", &name).query("tag", "one").gives(201).await;
        tagged.map_err(|skip| skip.preparing("tag the image"))?;
        let tag = c.since(10);
        // Its failure is the stream's.
        let call = c.post(format!("/images/{name}/push")).query_if(tag, "tag", "one").header("X-Registry-Auth", NO_CREDENTIALS);
        call.gives(200).await.map(drop)
    })
    .await;
    w.case("ImagePush", "what is not there", async |c| {
        let path = format!("/images/{NO_REGISTRY}/{NOBODY}/push");
        // From some version on this, too, is said in the stream.
        c.post(path).header("X-Registry-Auth", NO_CREDENTIALS).gives_one_of(&[200, 404, 500]).await.map(drop)
    })
    .await;
    w.case("ImageSearch", "for a word", async |c| c.get("/images/search").query("term", PULLED).gives(200).await.map(drop)).await;
    w.case("DistributionInspect", "of a public image", async |c| {
        c.get(format!("/distribution/{PULLED}:latest/json")).gives(200).await.map(drop)
    })
    .await;
}

async fn go(w: &mut World<'_>) {
    w.case("ImageDelete", "one of two tags", async |c| {
        let image = c.image()?;
        let name = c.name("untag");
        c.leaves(Thing::Image(format!("{name}:one")));
        let tagged = c.post(format!("/images/{image}/tag")).query("repo", &name).query("tag", "one").gives(201).await;
        tagged.map_err(|skip| skip.preparing("tag the image"))?;
        let status: &[u16] = if c.since(3) { &[200] } else { &[200, 204] };
        c.delete(format!("/images/{name}:one")).gives_one_of(status).await.map(drop)
    })
    .await;
    w.case("ImageDelete", "the last tag", async |c| {
        let name = commit(c).await.map_err(|skip| skip.preparing("commit a container"))?;
        let status: &[u16] = if c.since(3) { &[200] } else { &[200, 204] };
        c.delete(format!("/images/{name}")).gives_one_of(status).await.map(drop)
    })
    .await;
    // At first nobody asked whether it was.
    if w.since(2) {
        in_use(w).await;
    }
    w.case("ImageDelete", "one that is not there", async |c| c.delete(format!("/images/{NOBODY}")).gives(404).await.map(drop)).await;
}

async fn in_use(w: &mut World<'_>) {
    w.case("ImageDelete", "one in use", async |c| {
        let name = commit(c).await.map_err(|skip| skip.preparing("commit a container"))?;
        let user = c.created("true", json!({ "Image": name })).await?;
        let answer = c.delete(format!("/images/{name}")).gives(409).await;
        c.remove(&user).await?;
        answer.map(drop)
    })
    .await;
}

/// Prunes what is ours.
pub(super) async fn prune_ours(w: &mut World<'_>) {
    if w.since(29) {
        w.case("ImagePrune", "those with a label of ours", async |c| {
            let label = format!("plimsoll.probe.prune={}", c.name("prune"));
            let container = c.exited().await?;
            let call = c.post("/commit").query("container", container).query("changes", format!("LABEL {label}"));
            let made = call.json(&json!({})).gives(201).await.map_err(|skip| skip.preparing("commit a container"))?;
            c.leaves(Thing::Image(text(&made, "/Id")?));
            let filters = json!({ "dangling": ["true"], "label": [label] }).to_string();
            c.post("/images/prune").query("filters", filters).gives(200).await.map(drop)
        })
        .await;
        w.case("ImagePrune", "by a filter that does not exist", async |c| {
            c.post("/images/prune").query("filters", filters("nonsense", &["1"])).gives(400).await.map(drop)
        })
        .await;
    }
}

/// Prunes what others may have made.
pub(super) async fn prune(w: &mut World<'_>) {
    w.destructive("ImagePrune", "all that are dangling", async |c| c.post("/images/prune").gives(200).await.map(drop)).await;
}
