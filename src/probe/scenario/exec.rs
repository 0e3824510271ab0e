//! Commands in a running container.

use serde_json::{Value, json};

use crate::probe::NOBODY;
use crate::probe::client::Handshake;
use crate::probe::step::{Step, text};
use crate::probe::world::{Case, World};

pub(super) async fn cases(w: &mut World<'_>) {
    w.case("ContainerExec", "a command", async |c| made(c, "true", json!({})).await.map(drop)).await;
    w.case("ContainerExec", "in one that has exited", async |c| {
        let id = c.exited().await?;
        c.post(format!("/containers/{id}/exec")).json(&json!({ "Cmd": ["true"] })).gives_one_of(&[409, 500]).await.map(drop)
    })
    .await;
    w.case("ContainerExec", "in one that is not there", async |c| {
        c.post(format!("/containers/{NOBODY}/exec")).json(&json!({ "Cmd": ["true"] })).gives(404).await.map(drop)
    })
    .await;
    start(w).await;
    w.case("ExecInspect", "before and after it ran", async |c| {
        let id = made(c, "exit 3", json!({})).await?;
        c.get(format!("/exec/{id}/json")).gives(200).await?;
        run(c, &id, false, b"").await?;
        c.get(format!("/exec/{id}/json")).gives(200).await.map(drop)
    })
    .await;
    w.case("ExecInspect", "of one that is not there", async |c| c.get(format!("/exec/{NOBODY}/json")).gives(404).await.map(drop)).await;
    w.case("ExecResize", "while it runs", async |c| {
        let id = made(c, "echo ready; read line", json!({ "Tty": true, "AttachStdin": true })).await?;
        let mut raw = begin(c, &id, true, true).await?;
        raw.read_until(b"ready").await?;
        let status: &[u16] = if c.since(25) { &[200] } else { &[200, 201] };
        c.post(format!("/exec/{id}/resize")).query("h", 30).query("w", 100).gives_one_of(status).await?;
        raw.write(b"\n").await?;
        raw.read_to_end().await.map(drop).map_err(Into::into)
    })
    .await;
    w.case("ExecResize", "of one that is not there", async |c| {
        c.post(format!("/exec/{NOBODY}/resize")).query("h", 30).query("w", 100).gives(404).await.map(drop)
    })
    .await;
}

async fn start(w: &mut World<'_>) {
    let ways: &[(&str, bool)] =
        if w.since(17) { &[("asking for the upgrade", true), ("without asking", false)] } else { &[("as it is done before 1.17", false)] };
    for (name, upgrade) in ways {
        w.case("ExecStart", &format!("both streams, {name}"), async |c| {
            let id = made(c, "echo out; echo err >&2; exit 3", json!({})).await?;
            begin(c, &id, false, *upgrade).await?.read_to_end().await?;
            Ok(())
        })
        .await;
        w.case("ExecStart", &format!("a TTY, {name}"), async |c| {
            let id = made(c, "echo out", json!({ "Tty": true })).await?;
            begin(c, &id, true, *upgrade).await?.read_to_end().await?;
            Ok(())
        })
        .await;
    }
    w.case("ExecStart", "input and half-close", async |c| {
        let id = made(c, "cat; echo end >&2", json!({ "AttachStdin": true })).await?;
        run(c, &id, false, b"hello\n").await
    })
    .await;
    w.case("ExecStart", "detached", async |c| {
        let id = made(c, "true", json!({ "AttachStdout": false, "AttachStderr": false })).await?;
        c.post(format!("/exec/{id}/start")).json(&json!({ "Detach": true, "Tty": false })).gives(200).await.map(drop)
    })
    .await;
    w.case("ExecStart", "of one that is not there", async |c| {
        c.post(format!("/exec/{NOBODY}/start")).json(&json!({ "Detach": false, "Tty": false })).gives(404).await.map(drop)
    })
    .await;
    w.case("ExecStart", "one that ran already", async |c| {
        let id = made(c, "true", json!({})).await?;
        run(c, &id, false, b"").await?;
        c.post(format!("/exec/{id}/start")).json(&json!({ "Detach": true, "Tty": false })).gives_one_of(&[409, 500]).await.map(drop)
    })
    .await;
}

async fn made(c: &mut Case<'_>, command: &str, more: Value) -> Step<String> {
    let container = c.running().await?;
    let mut recipe = json!({ "Cmd": ["sh", "-c", command], "AttachStdout": true, "AttachStderr": true });
    for (name, value) in more.as_object().into_iter().flatten() {
        recipe[name] = value.clone();
    }
    let answer = c.post(format!("/containers/{container}/exec")).json(&recipe).gives(201).await;
    text(&answer.map_err(|skip| skip.preparing("make the exec"))?, "/Id")
}

async fn begin(c: &mut Case<'_>, id: &str, tty: bool, upgrade: bool) -> Step<crate::probe::client::Raw> {
    let (handshake, status) = if upgrade && c.since(17) { (Handshake::Upgrade("tcp"), 101) } else { (Handshake::Plain, 200) };
    c.post(format!("/exec/{id}/start")).json(&json!({ "Detach": false, "Tty": tty })).hijacks(handshake, status).await
}

/// Starts it, gives it its input, and reads to its end.
async fn run(c: &mut Case<'_>, id: &str, tty: bool, input: &[u8]) -> Step<()> {
    let mut raw = begin(c, id, tty, true).await?;
    if !input.is_empty() {
        raw.write(input).await?;
        raw.read_until(input).await?;
        raw.half_close().await?;
    }
    raw.read_to_end().await?;
    Ok(())
}
