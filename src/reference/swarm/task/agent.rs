//! The life of one task, from new to its end: what dockerd's scheduler and the agent on the node do.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{broadcast, watch};

use super::super::super::Engine;
use super::super::super::document::Document;
use super::super::super::events::Event;
use super::super::{network, orchestrator};
use super::container::{self, Container};
use super::{Stage, Task, placement};

/// Between two stages, so that those who watch see them.
const STEP: Duration = Duration::from_millis(4);

/// How it ended.
enum End {
    /// It is not there any more.
    Gone,
    /// It was to end.
    Shutdown,
    /// It ended by itself.
    Exited(i64),
    /// It could not be prepared.
    Rejected(String),
    /// It could not be started.
    Broken(String),
}

/// Lets a task live.
pub(in super::super) fn spawn(engine: &Arc<Engine>, id: &str) {
    let (engine, id) = (Arc::clone(engine), id.to_owned());
    drop(tokio::spawn(async move {
        let end = live(&engine, &id).await;
        if let Some(mut wanted) = finish(&engine, &id, end) {
            // The place of one that failed before it was to run is not filled sooner for that.
            reaches(&mut wanted, Stage::Running).await;
            settle(&engine, &id);
        }
    }));
}

/// Changes the task; `None` when it is gone.
fn with<T>(engine: &Engine, id: &str, change: impl FnOnce(&mut Task) -> T) -> Option<T> {
    let mut guard = engine.state();
    let task = guard.swarm.cluster.as_mut()?.task(id, engine.now())?;
    Some(change(task))
}

/// Takes the task to its next stage; `false` when it is to go no further.
async fn advance(engine: &Engine, id: &str, stage: Stage, message: &str) -> bool {
    tokio::time::sleep(STEP).await;
    let now = engine.now();
    let went = with(engine, id, |task| {
        let goes = task.desired() < Stage::Shutdown;
        if goes {
            task.advance(stage, message, "", now);
        }
        goes
    });
    went == Some(true)
}

async fn live(engine: &Arc<Engine>, id: &str) -> End {
    let Some(mut wanted) = with(engine, id, |task| task.wanted.subscribe()) else { return End::Gone };
    network::allocate_task(&mut engine.state(), id);
    if !advance(engine, id, Stage::Pending, "pending task scheduling").await {
        return End::Shutdown;
    }
    if !assigned(engine, id, &mut wanted).await {
        return End::Shutdown;
    }
    for (stage, message) in [(Stage::Accepted, "accepted"), (Stage::Preparing, "preparing")] {
        if !advance(engine, id, stage, message).await {
            return End::Shutdown;
        }
    }
    if let Err(end) = prepare(engine, id).await {
        return end;
    }
    if !advance(engine, id, Stage::Ready, "prepared").await || !reaches(&mut wanted, Stage::Running).await {
        return End::Shutdown;
    }
    if !advance(engine, id, Stage::Starting, "starting").await {
        return End::Shutdown;
    }
    run(engine, id, &mut wanted).await
}

/// Waits until the task is to get so far; `false` when it is to end instead.
async fn reaches(wanted: &mut watch::Receiver<Stage>, stage: Stage) -> bool {
    match wanted.wait_for(|wanted| *wanted >= stage).await {
        Ok(wanted) => *wanted < Stage::Shutdown,
        Err(_) => false,
    }
}

/// Waits until the task is to end.
async fn ends(wanted: &mut watch::Receiver<Stage>) {
    let _ = wanted.wait_for(|wanted| *wanted >= Stage::Shutdown).await;
}

/// Waits until the node can take the task.
async fn assigned(engine: &Engine, id: &str, wanted: &mut watch::Receiver<Stage>) -> bool {
    let mut changed = engine.state().swarm.changed.subscribe();
    tokio::time::sleep(STEP).await;
    loop {
        changed.mark_unchanged();
        match try_to_place(engine, id) {
            None => return false,
            Some(true) => return *wanted.borrow() < Stage::Shutdown,
            Some(false) => {}
        }
        tokio::select! {
            () = ends(wanted) => return false,
            change = changed.changed() => if change.is_err() { return false },
        }
    }
}

fn try_to_place(engine: &Engine, id: &str) -> Option<bool> {
    let mut guard = engine.state();
    let cluster = guard.swarm.cluster.as_mut()?;
    let task = cluster.tasks.get(id)?;
    let placed = placement::place(cluster, task);
    if placed.as_ref().is_err_and(|why| *why == task.error) {
        return Some(false);
    }
    let (node, now) = (cluster.node.id.clone(), engine.now());
    let task = cluster.task(id, now)?;
    match &placed {
        Ok(()) => {
            task.node = node;
            task.advance(Stage::Assigned, "scheduler assigned task to node", "", now);
        }
        Err(why) => task.advance(Stage::Pending, "pending task scheduling", why, now),
    }
    Some(placed.is_ok())
}

/// Makes the container.
async fn prepare(engine: &Arc<Engine>, id: &str) -> Result<(), End> {
    let Some((name, body)) = with(engine, id, |task| (task.name(&task.node), container::body(task, &task.node))) else {
        return Err(End::Gone);
    };
    let container = container::create(engine, &name, body).await.map_err(|refusal| End::Rejected(refusal.message))?;
    let kept = with(engine, id, |task| task.container = Some(Container { id: container.clone(), pid: 0, exit: 0 }));
    if kept.is_none() {
        container::remove(engine, container);
        return Err(End::Gone);
    }
    container::furnish(engine, id, &container);
    Ok(())
}

/// Starts the container and waits for its end.
async fn run(engine: &Arc<Engine>, id: &str, wanted: &mut watch::Receiver<Stage>) -> End {
    let found = with(engine, id, |task| {
        let grace = Document(&task.spec["ContainerSpec"]).member("StopGracePeriod").as_i64().unwrap_or(10_000_000_000);
        task.container.as_ref().map(|container| (container.id.clone(), grace / 1_000_000_000))
    });
    let Some((container, grace)) = found.flatten() else { return End::Gone };
    let (_, mut events) = engine.state().events.listen();
    if let Err(refusal) = container::start(engine, &container).await {
        return End::Broken(refusal.message);
    }
    let pid = container::state(engine, &container).await.map_or(0, |(_, pid, _)| pid);
    running(engine, id, pid);
    let exit = tokio::select! {
        exit = exited(engine, &container, &mut events) => Some(exit),
        () = ends(wanted) => None,
    };
    if let Some(exit) = exit {
        return End::Exited(exit);
    }
    with(engine, id, |task| task.container.as_mut().map(|container| container.exit = -1));
    container::stop(engine, &container, grace).await;
    let exit = container::state(engine, &container).await.map_or(0, |(_, _, exit)| exit);
    with(engine, id, |task| task.container = Some(Container { id: container, pid: 0, exit }));
    End::Shutdown
}

fn running(engine: &Engine, id: &str, pid: i64) {
    let now = engine.now();
    with(engine, id, |task| {
        if let Some(container) = task.container.as_mut() {
            container.pid = pid;
        }
        task.advance(Stage::Running, "started", "", now);
    });
    engine.state().swarm.notify();
}

/// Waits until a container has ended; how.
async fn exited(engine: &Arc<Engine>, id: &str, events: &mut broadcast::Receiver<Event>) -> i64 {
    loop {
        match events.recv().await {
            Ok(event) if event.kind == "container" && event.id == id => match event.action.as_str() {
                "die" => return event.attributes.get("exitCode").and_then(|code| code.parse().ok()).unwrap_or_default(),
                "destroy" => return 137,
                _ => {}
            },
            Ok(_) => {}
            // Events were missed; or there are no more, and so no daemon.
            Err(_) => match container::state(engine, id).await {
                Some((true, ..)) => tokio::time::sleep(STEP).await,
                Some((false, _, exit)) => return exit,
                None => return 137,
            },
        }
    }
}

/// Says how the task ended. `None` when it is gone.
fn finish(engine: &Engine, id: &str, end: End) -> Option<watch::Receiver<Stage>> {
    let mut guard = engine.state();
    let state = &mut *guard;
    let now = engine.now();
    let task = state.swarm.cluster.as_mut()?.task(id, now)?;
    let exit = match end {
        End::Gone => return None,
        End::Shutdown => {
            task.advance(Stage::Shutdown, "shutdown", "", now);
            None
        }
        End::Exited(0) => {
            task.advance(Stage::Complete, "finished", "", now);
            Some(0)
        }
        End::Exited(code) => {
            task.advance(Stage::Failed, "started", &format!("task: non-zero exit ({code})"), now);
            Some(code)
        }
        End::Rejected(why) => {
            task.advance(Stage::Rejected, "preparing", &why, now);
            None
        }
        End::Broken(why) => {
            task.advance(Stage::Failed, "starting", &why, now);
            None
        }
    };
    if let Some(container) = task.container.as_mut() {
        container.pid = 0;
        container.exit = exit.unwrap_or(container.exit);
    }
    let wanted = task.wanted.subscribe();
    network::release(&mut state.networks, std::mem::take(&mut task.places));
    state.swarm.notify();
    Some(wanted)
}

/// What follows of it: it goes, or another takes its place.
fn settle(engine: &Arc<Engine>, id: &str) {
    let mut guard = engine.state();
    let state = &mut *guard;
    let Some(task) = state.swarm.cluster.as_ref().and_then(|cluster| cluster.tasks.get(id)) else { return };
    if task.desired() == Stage::Remove {
        container::discard(engine, state, id);
    } else {
        orchestrator::ended(engine, state, id);
    }
    state.swarm.notify();
}
