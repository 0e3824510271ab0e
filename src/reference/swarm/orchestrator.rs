//! Keeps as many tasks as services ask for: makes them, replaces those that ended, and forgets old ones.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::super::document::Document;
use super::super::{Engine, State};
use super::cluster::Cluster;
use super::object::Meta;
use super::service::{Service, is_job};
use super::task::{self, Stage, Task};

/// So many tasks a service has at most, whatever is asked: a number in a request must not eat the machine.
const MOST_TASKS: u64 = 1000;
/// So many runs of a place in a job are remembered.
const MOST_RUNS: usize = 100;

/// Makes the tasks that a service lacks and ends those that are too many.
pub(super) fn reconcile(engine: &Arc<Engine>, state: &mut State, id: &str) {
    let Some(cluster) = state.swarm.cluster.as_ref() else { return };
    let Some(service) = cluster.services.get(id) else { return };
    let (missing, surplus) = if is_job(&service.spec) { plan_job(cluster, service) } else { plan(cluster, service) };
    let desired = if is_job(&service.spec) { Stage::Complete } else { Stage::Running };
    for slot in missing {
        make(engine, state, id, slot, desired);
    }
    remove_tasks(engine, state, |task| surplus.contains(&task.id));
}

fn plan(cluster: &Cluster, service: &Service) -> (Vec<u64>, BTreeSet<String>) {
    let mut slots: BTreeMap<u64, Vec<&Task>> = BTreeMap::new();
    for task in cluster.tasks.values().filter(|task| task.service_id == service.id && task.is_live()) {
        slots.entry(task.slot).or_default().push(task);
    }
    let mode = &service.spec["Mode"];
    if mode["Global"].is_object() {
        let wanted = slots.is_empty() && cluster.node.availability() != "drain";
        return (wanted.then_some(0).into_iter().collect(), BTreeSet::new());
    }
    let replicas = mode["Replicated"]["Replicas"].as_u64().unwrap_or_default().min(MOST_TASKS);
    let held = slots.len() as u64;
    let missing = (1..).filter(|slot| !slots.contains_key(slot)).take(usize::try_from(replicas.saturating_sub(held)).unwrap_or_default());
    let missing = missing.collect();
    let excess = usize::try_from(held.saturating_sub(replicas)).unwrap_or_default();
    let surplus = slots.values().rev().take(excess).flatten().map(|task| task.id.clone()).collect();
    (missing, surplus)
}

fn plan_job(cluster: &Cluster, service: &Service) -> (Vec<u64>, BTreeSet<String>) {
    let iteration = service.job.map(|(iteration, _)| iteration);
    let (own, old): (Vec<&Task>, Vec<&Task>) =
        cluster.tasks.values().filter(|task| task.service_id == service.id).partition(|task| task.iteration == iteration);
    let surplus = old.iter().filter(|task| task.is_live()).map(|task| task.id.clone()).collect();
    let live = own.iter().filter(|task| task.is_live()).count() as u64;
    let complete = own.iter().filter(|task| task.stage == Stage::Complete).count() as u64;
    let job = Document(&service.spec["Mode"]["ReplicatedJob"]);
    let (at_once, total) = if service.spec["Mode"]["GlobalJob"].is_object() {
        (1, 1)
    } else {
        (job.member("MaxConcurrent").as_u64().unwrap_or_default(), job.member("TotalCompletions").as_u64().unwrap_or_default())
    };
    let left = total.min(MOST_TASKS).saturating_sub(complete).min(at_once).saturating_sub(live);
    let taken: BTreeSet<u64> = own.iter().map(|task| task.slot).collect();
    let free = (0..).filter(|slot| !taken.contains(slot)).take(usize::try_from(left).unwrap_or_default());
    (free.collect(), surplus)
}

fn make(engine: &Arc<Engine>, state: &mut State, service: &str, slot: u64, desired: Stage) -> Option<String> {
    let cluster = state.swarm.cluster.as_mut()?;
    let meta = Meta::new(cluster.next(), engine.now());
    let task = Task::new(state.ids.base36(), meta, cluster.services.get(service)?, slot, desired);
    let id = task.id.clone();
    cluster.tasks.insert(id.clone(), task);
    task::spawn(engine, &id);
    Some(id)
}

/// Ends a task and makes another in its place, which starts when the old one has ended. The new one's id.
pub(super) fn replace(engine: &Arc<Engine>, state: &mut State, id: &str, delay: Duration) -> Option<String> {
    let cluster = state.swarm.cluster.as_mut()?;
    let task = cluster.task(id, engine.now())?;
    task.desire(Stage::Shutdown);
    let (service, slot, job) = (task.service_id.clone(), task.slot, task.iteration.is_some());
    let new = make(engine, state, &service, slot, Stage::Ready)?;
    let (engine, old, made) = (Arc::clone(engine), id.to_owned(), new.clone());
    drop(tokio::spawn(async move {
        let is_over = |state: &State| {
            state.swarm.cluster.as_ref().and_then(|cluster| cluster.tasks.get(&old)).is_none_or(|task| task.stage.is_over())
        };
        until(&engine, is_over).await;
        tokio::time::sleep(delay).await;
        let mut guard = engine.state();
        if let Some(task) = guard.swarm.cluster.as_mut().and_then(|cluster| cluster.task(&made, engine.now())) {
            task.desire(if job { Stage::Complete } else { Stage::Running });
        }
    }));
    Some(new)
}

/// Makes another task in the place of one, which ends when the new one runs. The new one's id.
pub(super) fn precede(engine: &Arc<Engine>, state: &mut State, id: &str) -> Option<String> {
    let task = state.swarm.cluster.as_ref()?.tasks.get(id)?;
    let (service, slot) = (task.service_id.clone(), task.slot);
    let new = make(engine, state, &service, slot, Stage::Running)?;
    let (engine, old, made) = (Arc::clone(engine), id.to_owned(), new.clone());
    drop(tokio::spawn(async move {
        let runs = |state: &State| {
            state.swarm.cluster.as_ref().and_then(|cluster| cluster.tasks.get(&made)).is_none_or(|task| task.stage >= Stage::Running)
        };
        until(&engine, runs).await;
        let mut guard = engine.state();
        if let Some(task) = guard.swarm.cluster.as_mut().and_then(|cluster| cluster.task(&old, engine.now())) {
            task.desire(Stage::Shutdown);
        }
    }));
    Some(new)
}

/// Waits until something is so.
pub(super) async fn until(engine: &Engine, holds: impl Fn(&State) -> bool) {
    let mut changed = engine.state().swarm.changed.subscribe();
    loop {
        changed.mark_unchanged();
        if holds(&engine.state()) || changed.changed().await.is_err() {
            return;
        }
    }
}

/// A task has ended: it is replaced if its service wants that.
pub(super) fn ended(engine: &Arc<Engine>, state: &mut State, id: &str) {
    let Some(cluster) = state.swarm.cluster.as_mut() else { return };
    let Some(task) = cluster.tasks.get(id) else { return };
    let (service, slot, stage) = (task.service_id.clone(), task.slot, task.stage);
    let expected = task.desired() >= Stage::Shutdown;
    let current = cluster.services.get_mut(&service).filter(|service| task.iteration == service.job.map(|(iteration, _)| iteration));
    let Some(current) = current else {
        task.desire(Stage::Shutdown);
        return;
    };
    if !expected {
        let job = current.job.is_some();
        let policy = Document(&current.spec["TaskTemplate"]["RestartPolicy"]);
        let restarts = current.restarts.get(&slot).copied().unwrap_or_default();
        let most = policy.member("MaxAttempts").as_u64().unwrap_or_default();
        let filled = cluster.tasks.values().any(|other| other.service_id == service && other.slot == slot && other.is_live());
        let wanted = !filled
            && match policy.text("Condition") {
                "none" => false,
                "on-failure" => stage != Stage::Complete,
                _ => !job || stage != Stage::Complete,
            };
        let delay = policy.member("Delay").as_u64().unwrap_or(5_000_000_000);
        if wanted && (most == 0 || restarts < most) {
            current.restarts.insert(slot, restarts + 1);
            replace(engine, state, id, Duration::from_nanos(delay));
        } else if job && stage == Stage::Complete {
            reconcile(engine, state, &service);
        } else {
            task.desire(Stage::Shutdown);
        }
    }
    forget(engine, state, &service, slot);
}

/// Forgets the oldest tasks of a slot.
fn forget(engine: &Arc<Engine>, state: &mut State, service: &str, slot: u64) {
    let Some(cluster) = state.swarm.cluster.as_ref() else { return };
    let Some(known) = cluster.services.get(service) else { return };
    let Some(limit) = cluster.history() else { return };
    // dockerd keeps what a job has run for ever.
    let limit = if known.job.is_some() { MOST_RUNS } else { limit };
    let attempts = Document(&known.spec["TaskTemplate"]["RestartPolicy"]).member("MaxAttempts").as_u64().unwrap_or_default();
    let attempts = usize::try_from(attempts.min(MOST_TASKS)).unwrap_or_default();
    let limit = if attempts > 0 && limit > 0 { limit.max(attempts + 1) } else { limit };
    let mut tasks: Vec<&Task> = cluster.tasks.values().filter(|task| task.service_id == service && task.slot == slot).collect();
    tasks.sort_by_key(|task| (task.meta.created, task.meta.index));
    let excess = tasks.len().saturating_sub(limit);
    let old: Vec<String> = tasks.iter().filter(|task| task.stage.is_over()).take(excess).map(|task| task.id.clone()).collect();
    for id in old {
        task::discard(engine, state, &id);
    }
}

/// Has tasks end and go away.
pub(super) fn remove_tasks(engine: &Arc<Engine>, state: &mut State, chosen: impl Fn(&Task) -> bool) {
    let Some(cluster) = state.swarm.cluster.as_mut() else { return };
    let ids: Vec<String> = cluster.tasks.values().filter(|task| chosen(task)).map(|task| task.id.clone()).collect();
    for id in ids {
        let Some(task) = state.swarm.cluster.as_mut().and_then(|cluster| cluster.task(&id, engine.now())) else { continue };
        task.desire(Stage::Remove);
        let (over, places) = (task.stage.is_over(), std::mem::take(&mut task.places));
        // A task that is only to go keeps nobody from removing its networks.
        super::network::release(&mut state.networks, places);
        if over {
            task::discard(engine, state, &id);
        }
    }
}

/// The node takes no tasks any more: those that it has end, and wait for a node.
pub(super) fn drain(engine: &Arc<Engine>, state: &mut State) {
    let Some(cluster) = state.swarm.cluster.as_ref() else { return };
    let here: Vec<(String, bool)> = cluster
        .tasks
        .values()
        .filter(|task| task.is_live() && !task.node.is_empty())
        .map(|task| (task.id.clone(), task.slot == 0 && task.iteration.is_none()))
        .collect();
    for (id, global) in here {
        if global {
            if let Some(task) = state.swarm.cluster.as_mut().and_then(|cluster| cluster.task(&id, engine.now())) {
                task.desire(Stage::Shutdown);
            }
        } else {
            replace(engine, state, &id, Duration::ZERO);
        }
    }
}

/// The node takes tasks again.
pub(super) fn resume(engine: &Arc<Engine>, state: &mut State) {
    let Some(cluster) = state.swarm.cluster.as_ref() else { return };
    let global = |service: &&Service| service.spec["Mode"]["Global"].is_object();
    let ids: Vec<String> = cluster.services.values().filter(global).map(|service| service.id.clone()).collect();
    for id in ids {
        reconcile(engine, state, &id);
    }
}

/// The swarm ends, and with it all that it runs.
pub(super) fn abandon(engine: &Arc<Engine>, state: &mut State) {
    let ids: Vec<String> = state.swarm.cluster.as_ref().map(|cluster| cluster.tasks.keys().cloned().collect()).unwrap_or_default();
    for id in ids {
        task::discard(engine, state, &id);
    }
}
