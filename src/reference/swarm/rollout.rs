//! Rolls a new spec out: a few tasks at a time are replaced, and what fails stops it.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::super::document::Document;
use super::super::{Engine, State};
use super::orchestrator::{self, until};
use super::service::{Service, Update, change};
use super::task::{Stage, Task};

/// What a rollout goes by.
struct Pace {
    at_once: usize,
    delay: Duration,
    monitor: Duration,
    on_failure: String,
    tolerated: f64,
    start_first: bool,
}

/// Begins to roll out what a service is now, if any of its tasks are not so.
pub(super) fn begin(engine: &Arc<Engine>, state: &mut State, id: &str) {
    let outdated = !outdated(state, id).is_empty();
    let Some(cluster) = state.swarm.cluster.as_mut() else { return };
    let Some(service) = cluster.services.get(id) else { return };
    let generation = service.generation;
    if service.update.is_none() && outdated {
        let now = engine.now();
        if let Some(service) = cluster.service(id, now) {
            let message = "update in progress".to_owned();
            service.update = Some(Update { state: "updating", started: now, completed: None, message });
        }
    } else if service.update.is_none() {
        return;
    }
    let (engine, id) = (Arc::clone(engine), id.to_owned());
    drop(tokio::spawn(async move { roll(&engine, &id, generation).await }));
}

/// Tasks that run something else than their service asks for now.
fn outdated(state: &State, id: &str) -> Vec<String> {
    let Some(cluster) = state.swarm.cluster.as_ref() else { return Vec::new() };
    let Some(service) = cluster.services.get(id).filter(|service| service.job.is_none()) else { return Vec::new() };
    let template = service.template();
    let (mut tasks, right): (Vec<&Task>, Vec<&Task>) =
        cluster.tasks.values().filter(|task| task.service_id == id && task.is_live()).partition(|task| task.spec != template);
    // One that waits for its successor to run is done with.
    tasks.retain(|task| right.iter().all(|other| other.slot != task.slot));
    tasks.sort_by_key(|task| task.slot);
    tasks.iter().map(|task| task.id.clone()).collect()
}

async fn roll(engine: &Arc<Engine>, id: &str, generation: u64) {
    let Some(pace) = current(&engine.state(), id, generation).map(Pace::of) else { return };
    let (mut replaced, mut rounds) = (Vec::new(), 0);
    loop {
        let old = outdated(&engine.state(), id);
        if old.is_empty() {
            break;
        }
        if rounds > 0 {
            tokio::time::sleep(pace.delay).await;
        }
        rounds += 1;
        let batch = old.into_iter().take(pace.at_once);
        let Some(new) = swap(engine, id, generation, batch, pace.start_first) else { return };
        until(engine, |state| current(state, id, generation).is_none() || new.iter().all(|id| settled(state, id))).await;
        replaced.extend(new);
        if current(&engine.state(), id, generation).is_none() || stopped(engine, id, generation, &pace, &replaced) {
            return;
        }
    }
    tokio::select! {
        () = tokio::time::sleep(pace.monitor) => {}
        () = until(engine, |state| current(state, id, generation).is_none() || replaced.iter().any(|id| has_failed(state, id))) => {}
    }
    if current(&engine.state(), id, generation).is_none() || stopped(engine, id, generation, &pace, &replaced) {
        return;
    }
    conclude(engine, id);
}

/// The service, as long as its spec is the one that is rolled out.
fn current<'s>(state: &'s State, id: &str, generation: u64) -> Option<&'s Service> {
    state.swarm.cluster.as_ref()?.services.get(id).filter(|service| service.generation == generation)
}

fn task<'s>(state: &'s State, id: &str) -> Option<&'s Task> {
    state.swarm.cluster.as_ref()?.tasks.get(id)
}

/// A task that waits for a node is waited for, as dockerd does.
fn settled(state: &State, id: &str) -> bool {
    task(state, id).is_none_or(|task| task.stage >= Stage::Running)
}

fn has_failed(state: &State, id: &str) -> bool {
    task(state, id).is_some_and(|task| matches!(task.stage, Stage::Complete | Stage::Failed | Stage::Rejected))
}

/// Replaces tasks; the ids of the new ones.
fn swap(engine: &Arc<Engine>, id: &str, generation: u64, batch: impl Iterator<Item = String>, start_first: bool) -> Option<Vec<String>> {
    let mut guard = engine.state();
    current(&guard, id, generation)?;
    let mut new = Vec::new();
    for old in batch {
        let made = if start_first {
            orchestrator::precede(engine, &mut guard, &old)
        } else {
            orchestrator::replace(engine, &mut guard, &old, Duration::ZERO)
        };
        new.extend(made);
    }
    Some(new)
}

/// Whether too many of the new tasks have failed; the update is paused then, or taken back.
fn stopped(engine: &Arc<Engine>, id: &str, generation: u64, pace: &Pace, new: &[String]) -> bool {
    let mut guard = engine.state();
    let state = &mut *guard;
    let failed: Vec<&String> = new.iter().filter(|id| has_failed(state, id)).collect();
    let count = |number: usize| f64::from(u32::try_from(number).unwrap_or(u32::MAX));
    let Some(first) = failed.first().filter(|_| count(failed.len()) > pace.tolerated * count(new.len())) else { return false };
    if pace.on_failure == "continue" {
        return false;
    }
    let now = engine.now();
    let Some(cluster) = state.swarm.cluster.as_mut() else { return true };
    let Some(service) = cluster.service(id, now).filter(|service| service.generation == generation) else { return true };
    let back = service.update.as_ref().is_some_and(|update| update.state.starts_with("rollback"));
    let why = |what: &str| format!("{what} due to failure or early termination of task {first}");
    if pace.on_failure == "rollback" && !back && service.previous.is_some() {
        let mut attributes = change(service, Value::Null, true, now);
        // What failed is no spec to go back to.
        service.previous = None;
        if let Some(update) = service.update.as_mut() {
            update.message = why("update rolled back");
        }
        attributes.insert("updatestate.old".to_owned(), "updating".to_owned());
        engine.emit(state, "service", "update", id, attributes);
        orchestrator::reconcile(engine, state, id);
        begin(engine, state, id);
        return true;
    }
    let name = service.name().to_owned();
    if let Some(update) = service.update.as_mut() {
        let old = update.state;
        (update.state, update.message) = if back { ("rollback_paused", why("rollback paused")) } else { ("paused", why("update paused")) };
        let states = [("name", name), ("updatestate.old", old.to_owned()), ("updatestate.new", update.state.to_owned())];
        engine.emit(state, "service", "update", id, states.map(|(name, value)| (name.to_owned(), value)).into());
    }
    true
}

fn conclude(engine: &Arc<Engine>, id: &str) {
    let mut guard = engine.state();
    let state = &mut *guard;
    let now = engine.now();
    let Some(service) = state.swarm.cluster.as_mut().and_then(|cluster| cluster.service(id, now)) else { return };
    let name = service.name().to_owned();
    let Some(update) = service.update.as_mut() else { return };
    let old = update.state;
    let (state_now, message) =
        if old.starts_with("rollback") { ("rollback_completed", "rollback completed") } else { ("completed", "update completed") };
    (update.state, update.completed) = (state_now, Some(now));
    message.clone_into(&mut update.message);
    let states = [("name", name), ("updatestate.old", old.to_owned()), ("updatestate.new", state_now.to_owned())];
    engine.emit(state, "service", "update", id, states.map(|(name, value)| (name.to_owned(), value)).into());
    state.swarm.notify();
}

impl Pace {
    fn of(service: &Service) -> Self {
        let back = service.update.as_ref().is_some_and(|update| update.state.starts_with("rollback"));
        let asked = Document(&service.spec[if back { "RollbackConfig" } else { "UpdateConfig" }]);
        let period = |name: &str| asked.member(name).as_u64().map(Duration::from_nanos);
        // Without a word of it one at a time, at 0 all at once.
        let at_once = if asked.0.is_object() { asked.member("Parallelism").as_u64().unwrap_or_default() } else { 1 };
        Self {
            at_once: usize::try_from(at_once).ok().filter(|count| *count > 0).unwrap_or(usize::MAX),
            delay: period("Delay").unwrap_or_default(),
            monitor: period("Monitor").unwrap_or(Duration::from_secs(5)),
            on_failure: asked.text("FailureAction").to_owned(),
            tolerated: asked.member("MaxFailureRatio").as_f64().unwrap_or_default(),
            start_first: asked.text("Order") == "start-first",
        }
    }
}
