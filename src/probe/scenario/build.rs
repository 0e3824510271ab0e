//! Builds from a Dockerfile, and the two protocols that `BuildKit` speaks beside the API.

use super::fixture::archive;
use crate::probe::client::Handshake;
use crate::probe::debris::Thing;
use crate::probe::step::{Step, filters};
use crate::probe::world::{Case, World};

pub(super) async fn cases(w: &mut World<'_>) {
    w.case("ImageBuild", "with a label, a file and a step that runs", async |c| {
        let image = c.image()?;
        build(c, &format!("FROM {image}\nLABEL plimsoll.probe=1\nCOPY hello /hello\nRUN cat /hello\nCMD [\"true\"]\n"), &[200]).await
    })
    .await;
    w.case("ImageBuild", "with a step that fails", async |c| {
        let image = c.image()?;
        build(c, &format!("FROM {image}\nRUN exit 3\n"), &[200]).await
    })
    .await;
    w.case("ImageBuild", "of what is no Dockerfile", async |c| build(c, "NONSENSE\n", &[200, 400, 500]).await).await;
    if w.since(4) {
        w.case("ImageBuild", "quietly and without the cache", async |c| {
            let image = c.image()?;
            let name = c.name("quiet");
            c.leaves(Thing::Image(format!("{name}:one")));
            let files = archive(&[("Dockerfile", &format!("FROM {image}\nENV A=1\n"))]);
            let (rm, forced) = (c.since(5), c.since(12));
            let call = c.post("/build").query("t", format!("{name}:one")).query("q", 1).query("nocache", 1).query_if(rm, "rm", 1);
            call.query_if(forced, "forcerm", 1).body("application/x-tar", files).gives(200).await.map(drop)
        })
        .await;
    }
    if w.since(29) {
        w.case("ImageBuild", "of a stage, with arguments and labels", async |c| {
            let image = c.image()?;
            let name = c.name("stage");
            c.leaves(Thing::Image(format!("{name}:one")));
            let recipe = format!("FROM {image} AS first\nARG WHO=nobody\nENV WHO=$WHO\nFROM {image}\nENV B=2\n");
            let call =
                c.post("/build").query("t", format!("{name}:one")).query("target", "first").query("buildargs", "{\"WHO\":\"probe\"}");
            let call = call.query("labels", "{\"plimsoll.probe\":\"1\"}").query("rm", 1).query("forcerm", 1);
            call.body("application/x-tar", archive(&[("Dockerfile", &recipe)])).gives(200).await.map(drop)
        })
        .await;
    }
    w.case("Session", "upgraded to HTTP/2", async |c| {
        let id = c.name("session");
        let call = c.post("/session").header("X-Docker-Expose-Session-Uuid", &id).header("X-Docker-Expose-Session-Name", "probe");
        let call = call
            .header("X-Docker-Expose-Session-Sharedkey", "probe")
            .header("X-Docker-Expose-Session-Grpc-Method", "/grpc.health.v1.Health/Check");
        let mut raw = call.hijacks(Handshake::Upgrade("h2c"), 101).await?;
        // The daemon is the HTTP/2 client here, and speaks first.
        raw.read_until(b"PRI * HTTP/2.0").await.map_err(Into::into)
    })
    .await;
    w.case("Grpc", "upgraded to HTTP/2", async |c| c.post("/grpc").hijacks(Handshake::Upgrade("h2c"), 101).await.map(drop)).await;
}

async fn build(c: &mut Case<'_>, dockerfile: &str, statuses: &[u16]) -> Step<()> {
    let name = c.name("build");
    let (rm, forced, none, form) = (c.since(5), c.since(12), c.since(25), !c.since(3));
    c.leaves(Thing::Image(if form { name.clone() } else { format!("{name}:one") }));
    let call = c.post("/build").query("t", if form { name } else { format!("{name}:one") });
    let call = call.query_if(rm, "rm", 1).query_if(forced, "forcerm", 1).query_if(none, "networkmode", "none");
    let call = if form {
        // At first a form was posted, not an archive.
        let part = |name: &str, text: &str| {
            format!("--probe\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"{name}\"\r\n\r\n{text}\r\n")
        };
        let body = format!("{}{}--probe--\r\n", part("Dockerfile", dockerfile), part("hello", "hello\n"));
        call.body("multipart/form-data; boundary=probe", body)
    } else {
        call.body("application/x-tar", archive(&[("Dockerfile", dockerfile), ("hello", "hello\n")]))
    };
    call.gives_one_of(statuses).await.map(drop)
}

/// Prunes nothing.
pub(super) async fn prune_ours(w: &mut World<'_>) {
    if w.since(39) {
        w.case("BuildPrune", "what nobody has built", async |c| {
            c.post("/build/prune").query("filters", filters("id", &["plimsollprobenobody"])).gives(200).await.map(drop)
        })
        .await;
    }
}

/// Prunes what others may have built.
pub(super) async fn prune(w: &mut World<'_>) {
    w.destructive("BuildPrune", "all that is not in use", async |c| c.post("/build/prune").gives(200).await.map(drop)).await;
}
