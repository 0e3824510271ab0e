//! What goes in and out of a container while it is there: its streams and logs, its files, its figures.
//!
//! Everything is asked of the console, the namespace and the processes that the container holds; its life is not changed here.

mod archive;
mod attach;
pub(in crate::reference) mod conversation;
pub(in crate::reference) mod detach;
mod files;
mod frame;
mod logs;
mod resize;
mod stats;
mod top;
mod websocket;

use std::sync::Arc;

use super::Container;
use crate::reference::Engine;
use crate::reference::answer::{Answer, Payload};
use crate::reference::call::Call;
use crate::reference::refusal::Refusal;

use bytes::Bytes;
use tokio::sync::mpsc;

pub(in crate::reference) use resize::size;

/// The type of a stream that has no frames, and of every stream below 1.42.
pub(in crate::reference) const RAW: &str = "application/vnd.docker.raw-stream";
/// The type of a framed stream from 1.42 on.
pub(in crate::reference) const MULTIPLEXED: &str = "application/vnd.docker.multiplexed-stream";

/// Answers the operations of this part.
pub(super) async fn answer(engine: &Arc<Engine>, call: Call) -> Result<Answer, Refusal> {
    match call.operation.id() {
        "ContainerArchive" => archive::get(engine, &call),
        "ContainerArchiveInfo" => archive::info(engine, &call),
        "ContainerAttach" => attach::bare(engine, &call),
        "ContainerAttachWebsocket" => attach::websocket(engine, &call),
        "ContainerChanges" => files::changes(engine, &call),
        "ContainerCopy" => archive::copy(engine, call).await,
        "ContainerExport" => files::export(engine, &call),
        "ContainerLogs" => logs::answer(engine, &call),
        "ContainerResize" => resize::answer(engine, &call),
        "ContainerStats" => stats::answer(engine, &call).await,
        "ContainerTop" => top::answer(engine, &call),
        "PutContainerArchive" => archive::put(engine, call).await,
        id => Err(Refusal::not_implemented(format!("{id} is not part of the reference backend"))),
    }
}

/// The type of a hijacked stream: dockerd names the frames only in a 101.
pub(in crate::reference) fn media(call: &Call, framed: bool) -> &'static str {
    if framed && call.since(42) && call.headers.contains_key("upgrade") { MULTIPLEXED } else { RAW }
}

/// Refuses what needs a process that runs.
pub(in crate::reference) fn needs_running(container: &Container) -> Result<(), Refusal> {
    if !container.life.is_running() {
        return Err(Refusal::conflict(format!("Container {} is not running", container.id)));
    }
    if container.life.is_restarting() {
        return Err(Refusal::conflict(format!("Container {} is restarting, wait until the container is running", container.id)));
    }
    Ok(())
}

/// A body in pieces, as dockerd copies it: without a length, unless it is so short that Go knows it.
fn pieces(media: &'static str, bytes: impl Into<Bytes>) -> Payload {
    const PIECE: usize = 32 * 1024;
    const SHORT: usize = 2048;
    let mut bytes = bytes.into();
    if bytes.len() <= SHORT {
        return Payload::Bytes(Some(media), bytes);
    }
    let (sender, receiver) = mpsc::channel(4);
    tokio::spawn(async move {
        while !bytes.is_empty() {
            let piece = bytes.split_to(bytes.len().min(PIECE));
            if sender.send(piece).await.is_err() {
                return;
            }
        }
    });
    Payload::Stream(Some(media), receiver)
}
