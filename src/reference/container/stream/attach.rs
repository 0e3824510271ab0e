//! `ContainerAttach` and `ContainerAttachWebsocket`.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::sleep;

use super::conversation::{Attachment, Ending, Inlet, Outlet, converse, directions};
use super::detach::DetachKeys;
use super::{media, websocket};
use crate::reference::Engine;
use crate::reference::answer::{Answer, Handshake};
use crate::reference::call::Call;
use crate::reference::container::console::{Console, Listening, Reader, Source};
use crate::reference::container::tell;
use crate::reference::document::Document;
use crate::reference::refusal::Refusal;

/// What dockerd says of a log driver that keeps nothing.
pub(super) const UNREADABLE: &str = "configured logging driver does not support reading";

/// So long a log file takes to be opened; what comes in one read with the head is lost on some clients.
const OPENING: Duration = Duration::from_millis(10);

/// What a client wants to be attached to.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "each is a parameter of the query")]
struct Wanted {
    stdin: bool,
    stdout: bool,
    stderr: bool,
    logs: bool,
    stream: bool,
}

/// Attaches over the bare connection.
pub(super) fn bare(engine: &Arc<Engine>, call: &Call) -> Result<Answer, Refusal> {
    let flag = |name| call.query.flag(name);
    let wanted =
        Wanted { stdin: flag("stdin"), stdout: flag("stdout"), stderr: flag("stderr"), logs: flag("logs"), stream: flag("stream") };
    let attached = Attached::new(engine, call, wanted)?;
    // Below 1.6 both outputs are merged.
    let framed = !attached.console.tty() && call.since(6);
    let handshake = Handshake::Stream(media(call, framed));
    Ok(Answer::hijack(handshake, move |socket| async move {
        let (mut inlet, mut outlet) = directions(socket, framed);
        attached.carry(&mut inlet, &mut outlet).await;
        outlet.finish(inlet).await;
    }))
}

/// Attaches over a WebSocket, which has no frames of Docker's.
pub(super) fn websocket(engine: &Arc<Engine>, call: &Call) -> Result<Answer, Refusal> {
    let flag = |name| call.query.flag(name);
    let all = !call.since(42);
    let wanted = Wanted {
        stdin: all || flag("stdin"),
        stdout: all || flag("stdout"),
        stderr: all || flag("stderr"),
        logs: flag("logs"),
        stream: flag("stream"),
    };
    let attached = Attached::new(engine, call, wanted)?;
    let binary = call.since(28);
    Ok(Answer::hijack(Handshake::Websocket, move |socket| async move {
        let (mut inlet, mut outlet) = websocket::directions(socket, binary).await;
        attached.carry(&mut inlet, &mut outlet).await;
        outlet.finish(inlet).await;
    }))
}

/// A client that is attached. It hears from the moment of the request on, before the head of the answer is sent.
struct Attached {
    engine: Arc<Engine>,
    id: String,
    console: Console,
    wanted: Wanted,
    keys: DetachKeys,
    listening: Option<Listening>,
    /// What was written before; the error is the text for a log that cannot be read.
    replay: Option<Result<Reader, &'static str>>,
}

impl Attached {
    fn new(engine: &Arc<Engine>, call: &Call, wanted: Wanted) -> Result<Self, Refusal> {
        let text = call.query.text("detachKeys");
        let keys = DetachKeys::parse(text).ok_or_else(|| Refusal::bad_parameter(format!("Invalid detach keys ({text}) provided")))?;
        let state = engine.state();
        let name = &call.name;
        let container = state.containers.find(name)?;
        if container.life.is_paused() {
            return Err(Refusal::conflict(format!("container {name} is paused, unpause the container before attach")));
        }
        if container.life.is_restarting() {
            return Err(Refusal::conflict(format!("container {name} is restarting, wait until the container is running")));
        }
        let console = container.console.clone();
        let listens = wanted.stream && (wanted.stdout || wanted.stderr);
        let mut listening = listens.then(|| console.listen(wanted.stdout, wanted.stderr, wanted.logs));
        let readable = Document(&container.host).at("LogConfig").text("Type") != "none";
        let replay = wanted.logs.then(|| match (readable, &mut listening) {
            (false, _) => Err(UNREADABLE),
            (true, Some(listening)) => Ok(listening.take_replay().unwrap_or_else(|| console.log(None))),
            (true, None) => Ok(console.log(None)),
        });
        let id = container.id.clone();
        drop(state);
        let attached = Self { engine: Arc::clone(engine), id, console, wanted, keys, listening, replay };
        if attached.replay.is_none() {
            // Not once the client has the head: it may start the container then, and that must not come first.
            attached.tell("attach");
        }
        Ok(attached)
    }

    /// The log first, then everything live.
    async fn carry(mut self, inlet: &mut impl Inlet, outlet: &mut impl Outlet) {
        let replays = self.replay.is_some();
        match self.replay.take() {
            Some(Err(text)) => {
                // The client may have left; then nobody reads it.
                let _ = outlet.write(Source::Output, Bytes::from(format!("Error attaching: {text}\n"))).await;
                return;
            }
            Some(Ok(reader)) if self.replay_to(&reader, outlet).await.is_err() => return,
            Some(Ok(_)) | None => {}
        }
        if replays {
            self.tell("attach");
        }
        if !self.wanted.stream {
            return;
        }
        let (tty, once) = (self.console.tty(), self.console.stdin_once());
        // The one client that may type stays until the process ends.
        let running = (once && !tty).then(|| self.console.run()).flatten();
        let keyboard = (self.wanted.stdin && self.console.open_stdin()).then(|| self.console.keyboard());
        let attachment = Attachment { listening: self.listening.take(), keyboard, tty, close_stdin: once, keys: self.keys.clone() };
        let ending = converse(attachment, inlet, outlet).await;
        if ending == Ending::Detached {
            self.tell("detach");
        }
        if let Some(running) = running {
            running.ended().await;
        }
    }

    async fn replay_to(&self, reader: &Reader, outlet: &mut impl Outlet) -> std::io::Result<()> {
        sleep(OPENING).await;
        loop {
            let records = reader.next();
            if records.is_empty() {
                return Ok(());
            }
            for record in records {
                let wanted = match record.source {
                    Source::Output => self.wanted.stdout,
                    Source::Error => self.wanted.stderr,
                };
                if wanted {
                    outlet.write(record.source, record.line).await?;
                }
            }
        }
    }

    fn tell(&self, action: &str) {
        tell(&self.engine, &mut self.engine.state(), &self.id, action, &[]);
    }
}
