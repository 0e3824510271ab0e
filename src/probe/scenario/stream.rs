//! What streams: attach in all its forms, logs and stats.

use serde_json::json;

use crate::probe::NOBODY;
use crate::probe::client::Handshake;
use crate::probe::step::Step;
use crate::probe::world::{Case, World};

/// Echoes its input until that ends.
const ECHOES: &str = "echo ready; cat; echo end >&2";

pub(super) async fn cases(w: &mut World<'_>) {
    attach(w).await;
    websocket(w).await;
    logs(w).await;
    stats(w).await;
}

async fn attach(w: &mut World<'_>) {
    let upgrades: &[(&str, Handshake, u16)] = if w.since(17) {
        &[("asking for the upgrade", Handshake::Upgrade("tcp"), 101), ("without asking", Handshake::Plain, 200)]
    } else {
        &[("as it is done before 1.17", Handshake::Plain, 200)]
    };
    for (name, handshake, status) in upgrades {
        for (kind, tty) in [("both streams", false), ("a TTY", true)] {
            w.case("ContainerAttach", &format!("{kind}, input and half-close, {name}"), async |c| {
                let more = json!({ "Tty": tty, "OpenStdin": true, "StdinOnce": true, "AttachStdin": true });
                let id = c.created(if tty { "read line; echo got $line" } else { ECHOES }, more).await?;
                let call =
                    c.post(format!("/containers/{id}/attach")).query("stream", 1).query("stdin", 1).query("stdout", 1).query("stderr", 1);
                let mut raw = call.hijacks(*handshake, *status).await?;
                c.start(&id).await?;
                if !tty {
                    raw.read_until(b"ready").await?;
                }
                raw.write(b"hello\n").await?;
                raw.read_until(b"hello").await?;
                if !tty {
                    raw.half_close().await?;
                }
                raw.read_to_end().await?;
                c.wait(&id).await?;
                c.remove(&id).await
            })
            .await;
        }
    }
    w.case("ContainerAttach", "what was said before, then the rest", async |c| {
        let id = c.started("echo ready; echo err >&2; read line; echo got $line", json!({ "OpenStdin": true, "StdinOnce": true })).await?;
        let (handshake, status) = asked(c);
        let call = c.post(format!("/containers/{id}/attach")).query("logs", 1).query("stream", 1);
        let mut raw = call.query("stdin", 1).query("stdout", 1).query("stderr", 1).hijacks(handshake, status).await?;
        raw.read_until(b"ready").await?;
        raw.write(b"hello\n").await?;
        raw.read_until(b"got hello").await?;
        raw.read_to_end().await?;
        Ok(())
    })
    .await;
    w.case("ContainerAttach", "the logs of an exited one", async |c| {
        let id = c.exited().await?;
        let (handshake, status) = asked(c);
        let call = c.post(format!("/containers/{id}/attach")).query("logs", 1).query("stdout", 1).query("stderr", 1);
        let mut raw = call.hijacks(handshake, status).await?;
        raw.read_until(b"third").await?;
        raw.read_to_end().await?;
        Ok(())
    })
    .await;
    w.case("ContainerAttach", "to one that is not there", async |c| {
        let (handshake, _) = asked(c);
        c.post(format!("/containers/{NOBODY}/attach")).query("stream", 1).query("stdout", 1).hijacks(handshake, 404).await.map(drop)
    })
    .await;
}

/// The handshake that clients of the version use.
fn asked(c: &Case<'_>) -> (Handshake, u16) {
    if c.since(17) { (Handshake::Upgrade("tcp"), 101) } else { (Handshake::Plain, 200) }
}

async fn websocket(w: &mut World<'_>) {
    w.case("ContainerAttachWebsocket", "the output of one that ends", async |c| {
        let id = c.started("echo ready; read line; echo got $line", json!({ "OpenStdin": true, "StdinOnce": true })).await?;
        let call = c
            .get(format!("/containers/{id}/attach/ws"))
            .query("logs", 1)
            .query("stream", 1)
            .query("stdin", 1)
            .query("stdout", 1)
            .query("stderr", 1);
        let call = call.header("Sec-WebSocket-Version", "13").header("Sec-WebSocket-Key", "cGxpbXNvbGwgcHJvYmUgIQ==");
        // The old WebSocket library of dockerd asks for an origin.
        let mut raw = call.header("Origin", "http://docker").hijacks(Handshake::Upgrade("websocket"), 101).await?;
        raw.read_until(b"ready").await?;
        // A text frame, masked with zeros.
        raw.write(b"\x81\x86\0\0\0\0hello\n").await?;
        raw.read_until(b"got hello").await?;
        raw.read_to_end().await?;
        Ok(())
    })
    .await;
    w.case("ContainerAttachWebsocket", "to one that is not there", async |c| {
        let call = c.get(format!("/containers/{NOBODY}/attach/ws")).query("stream", 1).query("stdout", 1);
        let call = call.header("Sec-WebSocket-Version", "13").header("Sec-WebSocket-Key", "cGxpbXNvbGwgcHJvYmUgIQ==");
        call.header("Origin", "http://docker").hijacks(Handshake::Upgrade("websocket"), 404).await.map(drop)
    })
    .await;
}

async fn logs(w: &mut World<'_>) {
    for (name, tty) in [("of both streams", false), ("of a TTY", true)] {
        w.case("ContainerLogs", name, async |c| {
            let id = if tty { c.exited_tty().await? } else { c.exited().await? };
            c.get(format!("/containers/{id}/logs")).query("stdout", 1).query("stderr", 1).gives(200).await.map(drop)
        })
        .await;
    }
    w.case("ContainerLogs", "of one stream, with all options", async |c| {
        let id = c.exited().await?;
        let (tail, since, until, details) = (c.since(13), c.since(19), c.since(35), c.since(24));
        let call = c.get(format!("/containers/{id}/logs")).query("stderr", 1).query("timestamps", 1).query_if(tail, "tail", 2);
        let call = call.query_if(since, "since", 1).query_if(until, "until", 4_000_000_000_u32).query_if(details, "details", 1);
        call.gives(200).await.map(drop)
    })
    .await;
    w.case("ContainerLogs", "followed to the end", async |c| {
        let id = c.started("echo one; sleep 0.2; echo two >&2", json!({})).await?;
        let flow = c.get(format!("/containers/{id}/logs")).query("follow", 1).query("stdout", 1).query("stderr", 1).opens(200).await?;
        flow.rest().await?;
        Ok(())
    })
    .await;
    w.case("ContainerLogs", "followed by a client that leaves", async |c| {
        let id = c.running().await?;
        let mut flow = c.get(format!("/containers/{id}/logs")).query("follow", 1).query("stdout", 1).query("stderr", 1).opens(200).await?;
        flow.next().await?;
        Ok(())
    })
    .await;
    if w.since(54) {
        w.case("ContainerLogs", "as JSON", async |c| {
            let id = c.exited().await?;
            c.get(format!("/containers/{id}/logs")).query("stdout", 1).query("format", "json").gives(200).await.map(drop)
        })
        .await;
    }
    w.case("ContainerLogs", "of no stream", async |c| {
        let id = c.exited().await?;
        c.get(format!("/containers/{id}/logs")).gives_one_of(&[400, 500]).await.map(drop)
    })
    .await;
    w.case("ContainerLogs", "of one that is not there", async |c| {
        c.get(format!("/containers/{NOBODY}/logs")).query("stdout", 1).gives(404).await.map(drop)
    })
    .await;
}

async fn stats(w: &mut World<'_>) {
    w.case("ContainerStats", "two readings", async |c| {
        let id = c.running().await?;
        let stream = c.since(19);
        let flow = c.get(format!("/containers/{id}/stats")).query_if(stream, "stream", 1).opens(200).await?;
        lines(flow, 2).await
    })
    .await;
    if w.since(19) {
        w.case("ContainerStats", "one reading", async |c| {
            let id = c.running().await?;
            let once = c.since(41);
            c.get(format!("/containers/{id}/stats")).query("stream", 0).query_if(once, "one-shot", 1).gives(200).await.map(drop)
        })
        .await;
        w.case("ContainerStats", "of an exited one", async |c| {
            let id = c.exited().await?;
            c.get(format!("/containers/{id}/stats")).query("stream", 0).gives(200).await.map(drop)
        })
        .await;
    }
    w.case("ContainerStats", "of one that is not there", async |c| c.get(format!("/containers/{NOBODY}/stats")).gives(404).await.map(drop))
        .await;
}

/// Reads so many documents, then leaves.
pub(super) async fn lines(mut flow: crate::probe::client::Flow, count: usize) -> Step<()> {
    let mut seen = 0;
    while seen < count {
        match flow.next().await? {
            Some(bytes) => seen += memchr::memchr_iter(b'\n', &bytes).count(),
            None => return Err(crate::probe::step::Skip::because(format!("the stream ended after {seen} of {count} documents"))),
        }
    }
    Ok(())
}
