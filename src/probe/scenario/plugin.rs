//! Managed plugins: one of ours, made from an archive. It cannot run, so what needs one that runs is said to be not reached.

use serde_json::json;

use super::fixture::archive;
use crate::probe::NOBODY;
use crate::probe::debris::Thing;
use crate::probe::step::{Skip, Step};
use crate::probe::world::{Case, World};

const NO_REGISTRY: &str = "localhost:1";
const NO_CREDENTIALS: &str = "e30=";

pub(super) async fn cases(w: &mut World<'_>) {
    w.case("PluginCreate", "from an archive", async |c| shared(c).await.map(drop)).await;
    w.case("PluginCreate", "of what is no plugin", async |c| {
        let call = c.post("/plugins/create").query("name", format!("{NOBODY}:latest"));
        call.body("application/x-tar", archive(&[("hello", "hello\n")])).gives_one_of(&[400, 500]).await.map(drop)
    })
    .await;
    w.case("PluginList", "all", async |c| c.get("/plugins").gives(200).await.map(drop)).await;
    w.case("PluginInspect", "one of ours", async |c| {
        let name = shared(c).await?;
        let path = inspected(c, &name);
        c.get(path).gives(200).await.map(drop)
    })
    .await;
    w.case("PluginSet", "a variable of ours", async |c| {
        let name = shared(c).await?;
        c.post(format!("/plugins/{name}/set")).json(&json!(["WHO=probe"])).gives(204).await.map(drop)
    })
    .await;
    w.case("PluginEnable", "one of ours", async |c| {
        let name = shared(c).await?;
        let timeout = c.since(25);
        c.post(format!("/plugins/{name}/enable")).query_if(timeout, "timeout", 1).gives(200).await.map(drop)
    })
    .await;
    w.case("PluginDisable", "one that is not enabled", async |c| {
        let name = shared(c).await?;
        c.post(format!("/plugins/{name}/disable")).gives_one_of(&[200, 400, 409, 500]).await.map(drop)
    })
    .await;
    registry(w).await;
    for (operation, method, tail) in [
        ("PluginInspect", "GET", "json"),
        ("PluginEnable", "POST", "enable"),
        ("PluginDisable", "POST", "disable"),
        ("PluginSet", "POST", "set"),
        ("PluginDelete", "DELETE", ""),
    ] {
        w.case(operation, "one that is not there", async |c| {
            let (set, timeout) = (tail == "set", tail == "enable" && c.since(25));
            let path = if tail == "json" { inspected(c, NOBODY) } else { format!("/plugins/{NOBODY}/{tail}") };
            let call = match method {
                "GET" => c.get(path),
                "POST" => c.post(path),
                _ => c.delete(path.trim_end_matches('/')),
            };
            let call = call.query_if(timeout, "timeout", 1);
            let call = if set { call.json(&json!(["A=1"])) } else { call };
            call.gives(404).await.map(drop)
        })
        .await;
    }
    w.case("PluginDelete", "one of ours", async |c| {
        let name = shared(c).await?;
        c.delete(format!("/plugins/{name}")).gives(200).await?;
        c.plan.debris.forget(&Thing::Plugin(name));
        Ok(())
    })
    .await;
}

async fn registry(w: &mut World<'_>) {
    w.case("GetPluginPrivileges", "from nowhere", async |c| {
        let call = c.get("/plugins/privileges").query("remote", format!("{NO_REGISTRY}/{NOBODY}:latest"));
        call.gives_one_of(&[200, 400, 404, 500]).await.map(drop)
    })
    .await;
    w.case("GetPluginPrivileges", "of a public one", async |c| {
        c.get("/plugins/privileges").query("remote", "vieux/sshfs:latest").gives(200).await.map(drop)
    })
    .await;
    w.case("PluginPull", "from nowhere", async |c| {
        let remote = format!("{NO_REGISTRY}/{NOBODY}:latest");
        let new = c.since(25);
        let name = if new { "plimsoll-probe-pulled:latest".to_owned() } else { remote.clone() };
        let call = c.post("/plugins/pull").query_if(new, "remote", remote).query("name", name);
        call.header("X-Registry-Auth", NO_CREDENTIALS).json(&json!([])).gives_one_of(&[200, 400, 404, 500]).await.map(drop)
    })
    .await;
    w.case("PluginPush", "to nowhere", async |c| {
        let name = shared(c).await?;
        c.post(format!("/plugins/{name}/push")).header("X-Registry-Auth", NO_CREDENTIALS).gives_one_of(&[200, 404, 500]).await.map(drop)
    })
    .await;
    w.case("PluginUpgrade", "from nowhere", async |c| {
        let name = shared(c).await?;
        let call = c.post(format!("/plugins/{name}/upgrade")).query("remote", format!("{NO_REGISTRY}/{NOBODY}:latest"));
        call.header("X-Registry-Auth", NO_CREDENTIALS).json(&json!([])).gives_one_of(&[200, 400, 404, 500]).await.map(drop)
    })
    .await;
}

/// Where a plugin is inspected.
fn inspected(c: &Case<'_>, name: &str) -> String {
    if c.since(25) { format!("/plugins/{name}/json") } else { format!("/plugins/{name}") }
}

/// A plugin of ours, shared. Before 1.25 none can be made.
async fn shared(c: &mut Case<'_>) -> Step<String> {
    if !c.since(25) {
        return Err(Skip::because("needs a plugin: before 1.25 none can be made from an archive"));
    }
    c.once("make a plugin", async |c| {
        let name = format!("{NO_REGISTRY}/{}:one", c.name("plugin"));
        let config = json!({
            "Description": name, "Documentation": "", "Entrypoint": ["/nothing"], "WorkDir": "", "User": {},
            "Interface": { "Types": ["docker.dummy/1.0"], "Socket": "probe.sock" }, "Network": { "Type": "none" },
            "Linux": { "Capabilities": null, "AllowAllDevices": false, "Devices": null }, "PropagatedMount": "", "Mounts": null,
            "Env": [{ "Name": "WHO", "Description": "", "Settable": ["value"], "Value": "nobody" }],
            "Args": { "Name": "", "Description": "", "Settable": null, "Value": null },
        });
        c.leaves(Thing::Plugin(name.clone()));
        let files = archive(&[("config.json", &config.to_string()), ("rootfs/nothing", name.as_str())]);
        c.post("/plugins/create").query("name", &name).body("application/x-tar", files).gives(204).await?;
        Ok(name)
    })
    .await
}
