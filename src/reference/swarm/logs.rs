//! Logs of services and tasks: what their containers wrote, put together.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use tokio::sync::mpsc;

use super::super::answer::{Answer, Payload};
use super::super::call::Call;
use super::super::document::Document;
use super::super::refusal::Refusal;
use super::super::{Engine, State};
use super::orchestrator::until;
use super::service::id_of as service_id;
use super::task::{self, Stage, Task, id_of as task_id};

/// Whose logs.
#[derive(Debug, Clone)]
enum Subject {
    Service(String),
    Task(String),
}

/// What is asked.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "flags of a query, each by itself")]
struct Asked {
    subject: Subject,
    query: String,
    follow: bool,
    timestamps: bool,
    details: bool,
    tty: bool,
}

pub(super) fn service(engine: &Arc<Engine>, call: &Call) -> Result<Answer, Refusal> {
    check(call)?;
    let mut guard = engine.state();
    let cluster = guard.swarm.manager()?;
    let id = service_id(cluster, &call.name)?;
    let tty = cluster.services.get(&id).is_some_and(|service| Document(&service.spec["TaskTemplate"]["ContainerSpec"]).flag("TTY"));
    drop(guard);
    Ok(follow(engine, call, Subject::Service(id), tty))
}

pub(super) fn task(engine: &Arc<Engine>, call: &Call) -> Result<Answer, Refusal> {
    check(call)?;
    let mut guard = engine.state();
    let cluster = guard.swarm.manager()?;
    let id = task_id(cluster, &call.name)?;
    let tty = cluster.tasks.get(&id).is_some_and(|task| Document(&task.spec["ContainerSpec"]).flag("TTY"));
    drop(guard);
    Ok(follow(engine, call, Subject::Task(id), tty))
}

fn check(call: &Call) -> Result<(), Refusal> {
    if call.query.flag("stdout") || call.query.flag("stderr") {
        return Ok(());
    }
    Err(Refusal::server_error("Bad parameters: you must choose at least one stream"))
}

fn follow(engine: &Arc<Engine>, call: &Call, subject: Subject, tty: bool) -> Answer {
    let mut query = String::new();
    for name in ["stdout", "stderr", "timestamps", "follow"] {
        let _ = write!(query, "{name}={}&", u8::from(call.query.flag(name)));
    }
    // Digits, points and words only: what else is in them is left to the container part to refuse.
    for name in ["since", "tail"] {
        let text: String = call.query.text(name).chars().filter(|char| !matches!(char, '&' | '%' | '+')).collect();
        let _ = write!(query, "{name}={text}&");
    }
    let asked = Asked {
        subject,
        query,
        follow: call.query.flag("follow"),
        timestamps: call.query.flag("timestamps"),
        details: call.query.flag("details"),
        tty,
    };
    let media = match (call.since(42), tty) {
        (false, _) => None,
        (true, true) => Some("application/vnd.docker.raw-stream"),
        (true, false) => Some("application/vnd.docker.multiplexed-stream"),
    };
    let (sender, receiver) = mpsc::channel(16);
    let engine = Arc::clone(engine);
    drop(tokio::spawn(async move {
        tokio::select! {
            () = sender.closed() => {}
            () = collect(&engine, &asked, &sender) => {}
        }
    }));
    Answer::new(200, Payload::Stream(media, receiver))
}

/// Sends what the containers wrote; whoever follows a service hears of new tasks too.
async fn collect(engine: &Arc<Engine>, asked: &Asked, sender: &mpsc::Sender<Bytes>) {
    let mut seen = BTreeSet::new();
    let mut relays = tokio::task::JoinSet::new();
    loop {
        for (container, context) in sources(&engine.state(), &asked.subject) {
            if seen.insert(container.clone()) {
                let (engine, asked, sender) = (Arc::clone(engine), asked.clone(), sender.clone());
                relays.spawn(async move { relay(&engine, &container, &context, &asked, &sender).await });
            }
        }
        let more = |state: &State| {
            let new = sources(state, &asked.subject).iter().any(|(container, _)| !seen.contains(container));
            new || matches!(&asked.subject, Subject::Task(id) if is_over(state, id))
        };
        if !asked.follow || matches!(&asked.subject, Subject::Task(id) if !seen.is_empty() || is_over(&engine.state(), id)) {
            break;
        }
        until(engine, more).await;
    }
    while relays.join_next().await.is_some() {}
}

fn is_over(state: &State, id: &str) -> bool {
    state.swarm.cluster.as_ref().and_then(|cluster| cluster.tasks.get(id)).is_none_or(|task| task.stage.is_over())
}

/// The containers that have run, and what details say of them.
fn sources(state: &State, subject: &Subject) -> Vec<(String, String)> {
    let Some(cluster) = state.swarm.cluster.as_ref() else { return Vec::new() };
    let of_subject = |task: &&Task| match subject {
        Subject::Service(id) => task.service_id == *id,
        Subject::Task(id) => task.id == *id,
    };
    let tasks = cluster.tasks.values().filter(of_subject).filter(|task| task.stage >= Stage::Running);
    tasks
        .filter_map(|task| {
            let context = format!(
                "com.docker.swarm.node.id={},com.docker.swarm.service.id={},com.docker.swarm.task.id={}",
                task.node, task.service_id, task.id
            );
            task.container.as_ref().map(|container| (container.id.clone(), context))
        })
        .collect()
}

async fn relay(engine: &Arc<Engine>, container: &str, context: &str, asked: &Asked, sender: &mpsc::Sender<Bytes>) {
    let mut buffer = BytesMut::new();
    match task::logs(engine, container, &asked.query).await {
        Ok(Payload::Stream(_, mut chunks)) => {
            while let Some(chunk) = chunks.recv().await {
                buffer.extend_from_slice(&chunk);
                if send(&mut buffer, context, asked, sender).await.is_err() {
                    return;
                }
            }
        }
        Ok(Payload::Bytes(_, bytes)) => {
            buffer.extend_from_slice(&bytes);
            let _ = send(&mut buffer, context, asked, sender).await;
        }
        // A container that is gone, or none at all, wrote nothing.
        _ => return,
    }
    if asked.tty && !buffer.is_empty() {
        let _ = sender.send(detailed(&buffer, context, asked)).await;
    }
}

/// Sends the messages that are whole.
async fn send(buffer: &mut BytesMut, context: &str, asked: &Asked, sender: &mpsc::Sender<Bytes>) -> Result<(), ()> {
    while let Some(message) = if asked.tty { line(buffer, context, asked) } else { frame(buffer, context, asked) } {
        sender.send(message).await.map_err(|_| ())?;
    }
    Ok(())
}

fn line(buffer: &mut BytesMut, context: &str, asked: &Asked) -> Option<Bytes> {
    let end = buffer.iter().position(|byte| *byte == b'\n')?;
    let line = buffer.split_to(end + 1);
    Some(detailed(&line, context, asked))
}

fn frame(buffer: &mut BytesMut, context: &str, asked: &Asked) -> Option<Bytes> {
    let mut head = buffer.get(..8)?;
    let kind = head.get_u32();
    let length = usize::try_from(head.get_u32()).ok()?;
    if buffer.len() - 8 < length {
        return None;
    }
    buffer.advance(8);
    let content = detailed(&buffer.split_to(length), context, asked);
    let mut frame = BytesMut::with_capacity(8 + content.len());
    frame.put_u32(kind);
    frame.put_u32(u32::try_from(content.len()).ok()?);
    frame.extend_from_slice(&content);
    Some(frame.freeze())
}

/// Details stand behind the time and before the text.
fn detailed(content: &[u8], context: &str, asked: &Asked) -> Bytes {
    if !asked.details {
        return Bytes::copy_from_slice(content);
    }
    let start = if asked.timestamps { content.iter().position(|byte| *byte == b' ').map_or(0, |space| space + 1) } else { 0 };
    let (time, text) = content.split_at(start);
    [time, context.as_bytes(), b" ", text].concat().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(timestamps: bool, details: bool, tty: bool) -> Asked {
        Asked { subject: Subject::Task(String::new()), query: String::new(), follow: false, timestamps, details, tty }
    }

    #[test]
    fn details_stand_between_time_and_text() {
        for (timestamps, details, content, expected) in [
            (false, false, "hi\n", "hi\n"),
            (false, true, "hi there\n", "a=b hi there\n"),
            (true, true, "2026-01-01T00:00:00Z hi\n", "2026-01-01T00:00:00Z a=b hi\n"),
            (true, false, "2026-01-01T00:00:00Z hi\n", "2026-01-01T00:00:00Z hi\n"),
        ] {
            assert_eq!(detailed(content.as_bytes(), "a=b", &asked(timestamps, details, false)), expected);
        }
    }

    #[test]
    fn frames_are_written_anew() {
        let mut buffer = BytesMut::from(&b"\x01\0\0\0\0\0\0\x03hi\n\x02\0\0\0\0\0\0\x05n"[..]);
        let asked = asked(false, true, false);
        assert_eq!(frame(&mut buffer, "a=b", &asked).as_deref(), Some(&b"\x01\0\0\0\0\0\0\x07a=b hi\n"[..]));
        assert_eq!(frame(&mut buffer, "a=b", &asked), None);
        assert_eq!(buffer.len(), 9);
    }
}
