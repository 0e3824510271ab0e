//! Containers: their lives, and what can be asked of them.

use serde_json::json;

use super::fixture::archive;
use crate::probe::NOBODY;
use crate::probe::debris::Thing;
use crate::probe::step::{Skip, document, filters, text};
use crate::probe::world::World;

pub(super) async fn cases(w: &mut World<'_>) {
    create(w).await;
    look(w).await;
    files(w).await;
    live(w).await;
    end(w).await;
}

async fn create(w: &mut World<'_>) {
    w.case("ContainerCreate", "with a name", async |c| c.created("true", json!({})).await.map(drop)).await;
    w.case("ContainerCreate", "with a TTY and many settings", async |c| {
        let mut more = json!({
            "Tty": true, "OpenStdin": true, "StdinOnce": true, "AttachStdin": true, "Env": ["A=1", "B=two words"], "WorkingDir": "/tmp",
            "Hostname": "probe", "User": "root", "ExposedPorts": { "80/tcp": {} }, "Volumes": { "/data": {} }, "Entrypoint": ["sh", "-c"], "Cmd": ["true"],
        });
        if c.since(15) {
            more["HostConfig"] = json!({ "RestartPolicy": { "Name": "on-failure", "MaximumRetryCount": 2 }, "CapAdd": ["NET_ADMIN"], "Privileged": false });
        }
        if c.since(18) {
            more["HostConfig"]["Memory"] = json!(64 << 20);
            more["HostConfig"]["LogConfig"] = json!({ "Type": "json-file", "Config": {} });
        }
        if c.since(25) {
            more["HostConfig"]["Mounts"] = json!([{ "Type": "tmpfs", "Target": "/scratch" }]);
            more["Healthcheck"] = json!({ "Test": ["CMD-SHELL", "true"], "Interval": 1_000_000_000, "Timeout": 1_000_000_000, "Retries": 3 });
            more["StopTimeout"] = json!(1);
        }
        let id = c.created("true", more).await?;
        c.get(format!("/containers/{id}/json")).gives(200).await.map(drop)
    })
    .await;
    w.case("ContainerCreate", "of an image that is not there", async |c| {
        let recipe = json!({ "Image": format!("{NOBODY}:latest"), "Cmd": ["true"] });
        c.post("/containers/create").json(&recipe).gives(404).await.map(drop)
    })
    .await;
    if w.since(6) {
        w.case("ContainerCreate", "under a name that is taken", async |c| {
            let taken = c.exited().await?;
            let recipe = c.recipe("true", &json!({}))?;
            c.post("/containers/create").query("name", taken).json(&recipe).gives(409).await.map(drop)
        })
        .await;
    }
}

async fn look(w: &mut World<'_>) {
    w.case("ContainerList", "those that run", async |c| {
        c.running().await?;
        c.get("/containers/json").gives(200).await.map(drop)
    })
    .await;
    w.case("ContainerList", "all, with sizes", async |c| {
        c.exited().await?;
        let sizes = c.since(3);
        c.get("/containers/json").query("all", 1).query_if(sizes, "size", 1).gives(200).await.map(drop)
    })
    .await;
    w.case("ContainerList", "the last two", async |c| c.get("/containers/json").query("limit", 2).gives(200).await.map(drop)).await;
    if w.since(12) {
        w.case("ContainerList", "filtered", async |c| {
            c.exited().await?;
            c.get("/containers/json").query("all", 1).query("filters", filters("status", &["exited"])).gives(200).await.map(drop)
        })
        .await;
    }
    if w.since(25) {
        w.case("ContainerList", "by a filter that does not exist", async |c| {
            c.get("/containers/json").query("filters", filters("nonsense", &["1"])).gives(400).await.map(drop)
        })
        .await;
    }
    for (name, state) in [("a running one", true), ("an exited one", false)] {
        w.case("ContainerInspect", name, async |c| {
            let id = if state { c.running().await? } else { c.exited().await? };
            let sizes = !state && c.since(21);
            c.get(format!("/containers/{id}/json")).query_if(sizes, "size", 1).gives(200).await.map(drop)
        })
        .await;
    }
    w.case("ContainerTop", "of a running one", async |c| {
        let id = c.running().await?;
        c.get(format!("/containers/{id}/top")).gives(200).await.map(drop)
    })
    .await;
    if w.since(4) {
        w.case("ContainerTop", "with arguments for ps", async |c| {
            let id = c.running().await?;
            c.get(format!("/containers/{id}/top")).query("ps_args", "-ef").gives(200).await.map(drop)
        })
        .await;
    }
    w.case("ContainerChanges", "of one that wrote a file", async |c| {
        let id = c.started("echo x > /made; rm -f /etc/passwd", json!({})).await?;
        c.wait(&id).await?;
        c.get(format!("/containers/{id}/changes")).gives(200).await?;
        c.remove(&id).await
    })
    .await;
    w.case("ContainerExport", "of an exited one", async |c| {
        let id = c.exited().await?;
        c.get(format!("/containers/{id}/export")).gives(200).await.map(drop)
    })
    .await;
    for (operation, method, tail) in [
        ("ContainerInspect", "GET", "/json"),
        ("ContainerTop", "GET", "/top"),
        ("ContainerChanges", "GET", "/changes"),
        ("ContainerExport", "GET", "/export"),
        ("ContainerStart", "POST", "/start"),
        ("ContainerStop", "POST", "/stop"),
        ("ContainerKill", "POST", "/kill"),
        ("ContainerRestart", "POST", "/restart"),
        ("ContainerPause", "POST", "/pause"),
        ("ContainerUnpause", "POST", "/unpause"),
        ("ContainerWait", "POST", "/wait"),
        ("ContainerRename", "POST", "/rename?name=plimsoll-other"),
        ("ContainerResize", "POST", "/resize?h=24&w=80"),
        ("ContainerDelete", "DELETE", ""),
    ] {
        w.case(operation, "of one that is not there", async |c| {
            let path = format!("/containers/{NOBODY}{tail}");
            let call = match method {
                "GET" => c.get(path),
                "POST" => c.post(path),
                _ => c.delete(path),
            };
            call.gives(404).await.map(drop)
        })
        .await;
    }
}

async fn files(w: &mut World<'_>) {
    w.case("PutContainerArchive", "a file", async |c| {
        let id = c.exited().await?;
        let files = archive(&[("from-probe", "hello\n")]);
        c.put(format!("/containers/{id}/archive")).query("path", "/tmp").body("application/x-tar", files).gives(200).await.map(drop)
    })
    .await;
    w.case("PutContainerArchive", "into a folder that is not there", async |c| {
        let id = c.exited().await?;
        let call = c.put(format!("/containers/{id}/archive")).query("path", "/no/such");
        call.body("application/x-tar", archive(&[("a", "b")])).gives(404).await.map(drop)
    })
    .await;
    for operation in ["ContainerArchive", "ContainerArchiveInfo"] {
        for (name, path, status) in
            [("a file", "/etc/passwd", 200), ("a folder", "/etc", 200), ("a file that is not there", "/no/such", 404)]
        {
            w.case(operation, name, async |c| {
                let id = c.exited().await?;
                let path_of = format!("/containers/{id}/archive");
                let call = if operation == "ContainerArchive" { c.get(path_of) } else { c.head(path_of) };
                call.query("path", path).gives(status).await.map(drop)
            })
            .await;
        }
    }
    w.case("ContainerCopy", "a file", async |c| {
        let id = c.exited().await?;
        c.post(format!("/containers/{id}/copy")).json(&json!({ "Resource": "/etc/passwd" })).gives(200).await.map(drop)
    })
    .await;
    w.case("ContainerCopy", "out of a container that is not there", async |c| {
        c.post(format!("/containers/{NOBODY}/copy")).json(&json!({ "Resource": "/etc/passwd" })).gives(404).await.map(drop)
    })
    .await;
}

async fn live(w: &mut World<'_>) {
    w.case("ContainerStart", "a created one", async |c| {
        let id = c.created("true", json!({})).await?;
        let status = if c.since(4) { 204 } else { 200 };
        c.post(format!("/containers/{id}/start")).gives(status).await?;
        c.wait(&id).await?;
        c.remove(&id).await
    })
    .await;
    w.case("ContainerStart", "one that runs already", async |c| {
        let id = c.running().await?;
        c.post(format!("/containers/{id}/start")).gives(304).await.map(drop)
    })
    .await;
    w.case("ContainerResize", "a running one with a TTY", async |c| {
        let id = c.started("sleep 1000", json!({ "Tty": true })).await?;
        c.post(format!("/containers/{id}/resize")).query("h", 30).query("w", 100).gives(200).await?;
        c.remove(&id).await
    })
    .await;
    w.case("ContainerPause", "a running one, and again", async |c| {
        let id = c.running().await?;
        c.post(format!("/containers/{id}/pause")).gives(204).await?;
        let again = c.post(format!("/containers/{id}/pause")).gives_one_of(&[409, 500]).await;
        c.post(format!("/containers/{id}/unpause")).gives(204).await?;
        again.map(drop)
    })
    .await;
    w.case("ContainerUnpause", "a paused one, and again", async |c| {
        let id = c.running().await?;
        c.post(format!("/containers/{id}/pause")).gives(204).await.map_err(|skip| skip.preparing("pause the container"))?;
        c.post(format!("/containers/{id}/unpause")).gives(204).await?;
        c.post(format!("/containers/{id}/unpause")).gives_one_of(&[409, 500]).await.map(drop)
    })
    .await;
    w.case("ContainerRename", "and inspect under the new name", async |c| {
        let id = c.created("true", json!({})).await?;
        let name = c.name("renamed");
        c.leaves(Thing::Container(name.clone()));
        c.post(format!("/containers/{id}/rename")).query("name", &name).gives(204).await?;
        c.get(format!("/containers/{name}/json")).gives(200).await.map_err(|skip| skip.preparing("inspect it under its new name"))?;
        c.remove(&name).await
    })
    .await;
    w.case("ContainerRename", "to a name that is taken", async |c| {
        let (id, taken) = (c.running().await?, c.exited().await?);
        c.post(format!("/containers/{id}/rename")).query("name", taken).gives(409).await.map(drop)
    })
    .await;
    w.case("ContainerUpdate", "its restart policy", async |c| {
        let id = c.running().await?;
        let update = if c.since(23) { json!({ "RestartPolicy": { "Name": "no" } }) } else { json!({ "CpuShares": 512 }) };
        c.post(format!("/containers/{id}/update")).json(&update).gives(200).await.map(drop)
    })
    .await;
    w.case("ContainerUpdate", "of one that is not there", async |c| {
        c.post(format!("/containers/{NOBODY}/update")).json(&json!({ "CpuShares": 512 })).gives(404).await.map(drop)
    })
    .await;
    w.case("ContainerRestart", "a running one", async |c| {
        let id = c.running().await?;
        c.post(format!("/containers/{id}/restart")).query("t", 0).gives(204).await.map(drop)
    })
    .await;
}

async fn end(w: &mut World<'_>) {
    w.case("ContainerStop", "a running one", async |c| {
        let id = c.running().await?;
        c.stopped();
        c.post(format!("/containers/{id}/stop")).query("t", 0).gives(204).await.map(drop)
    })
    .await;
    w.case("ContainerStop", "an exited one", async |c| {
        let id = c.exited().await?;
        c.post(format!("/containers/{id}/stop")).gives(304).await.map(drop)
    })
    .await;
    w.case("ContainerKill", "a running one", async |c| {
        let id = c.running().await?;
        let signal = c.since(6);
        c.stopped();
        c.post(format!("/containers/{id}/kill")).query_if(signal, "signal", "SIGKILL").gives(204).await?;
        c.wait(&id).await
    })
    .await;
    w.case("ContainerKill", "an exited one", async |c| {
        let id = c.exited().await?;
        // Before 1.20 nothing was wrong with it.
        let statuses: &[u16] = if c.since(20) { &[409] } else { &[204, 500] };
        c.post(format!("/containers/{id}/kill")).gives_one_of(statuses).await.map(drop)
    })
    .await;
    w.case("ContainerWait", "for an exited one", async |c| {
        let id = c.exited().await?;
        let answer = c.post(format!("/containers/{id}/wait")).gives(200).await?;
        match document(&answer)?.get("StatusCode").and_then(serde_json::Value::as_u64) {
            Some(3) => Ok(()),
            other => Err(Skip::because(format!("it ended with 3, and the answer has {other:?}"))),
        }
    })
    .await;
    if w.since(30) {
        for condition in ["not-running", "next-exit", "removed"] {
            w.case("ContainerWait", &format!("until {condition}"), async |c| {
                let id = c.started("sleep 1000", json!({})).await?;
                // The head is there at once; the body comes with the end.
                let flow = c.post(format!("/containers/{id}/wait")).query("condition", condition).opens(200).await?;
                // The client's next call is on another connection.
                c.delete(format!("/containers/{id}")).query("force", 1).gives(204).await?;
                flow.rest().await?;
                Ok(())
            })
            .await;
        }
    }
    w.case("ContainerDelete", "an exited one with its volumes", async |c| {
        let id = c.created("true", json!({})).await?;
        c.delete(format!("/containers/{id}")).query("v", 1).gives(204).await.map(drop)
    })
    .await;
    w.case("ContainerDelete", "one that runs", async |c| {
        let id = c.running().await?;
        c.delete(format!("/containers/{id}")).gives_one_of(&[409, 500]).await.map(drop)
    })
    .await;
    if w.since(10) {
        w.case("ContainerDelete", "one that runs, by force", async |c| {
            let id = c.started("sleep 1000", json!({})).await?;
            c.delete(format!("/containers/{id}")).query("force", 1).gives(204).await.map(drop)
        })
        .await;
    }
}

/// Prunes what is ours.
pub(super) async fn prune_ours(w: &mut World<'_>) {
    if !w.since(29) {
        return;
    }
    w.case("ContainerPrune", "those with a label of ours", async |c| {
        let label = c.name("prune");
        c.created("true", json!({ "Labels": { "plimsoll.probe.prune": label } })).await?;
        let call = c.post("/containers/prune").query("filters", filters("label", &[&format!("plimsoll.probe.prune={label}")]));
        let answer = call.gives(200).await?;
        text(&answer, "/ContainersDeleted/0").map(drop)
    })
    .await;
    w.case("ContainerPrune", "by a filter that does not exist", async |c| {
        c.post("/containers/prune").query("filters", filters("nonsense", &["1"])).gives(400).await.map(drop)
    })
    .await;
}

/// Prunes what others may have made.
pub(super) async fn prune(w: &mut World<'_>) {
    w.destructive("ContainerPrune", "all that are stopped", async |c| {
        c.created("true", json!({})).await?;
        c.post("/containers/prune").gives(200).await.map(drop)
    })
    .await;
}
