//! Health: a check that is run again and again while a container runs.

mod probe;

use std::collections::VecDeque;
use std::sync::{Arc, Weak};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::life::go_time;
use crate::reference::document::Document;
use crate::reference::{Engine, State};

pub(super) use probe::Check;

/// So many results are kept.
const KEPT: usize = 5;

/// What is known of a container's health.
#[derive(Debug, Clone, Default)]
pub(in crate::reference) struct Health {
    status: Status,
    streak: u64,
    log: VecDeque<Record>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Status {
    #[default]
    Starting,
    Healthy,
    Unhealthy,
}

/// The result of one check.
#[derive(Debug, Clone)]
struct Record {
    start: Timestamp,
    end: Timestamp,
    code: i64,
    output: String,
}

impl Health {
    /// `starting`, `healthy` or `unhealthy`.
    pub(in crate::reference) fn word(&self) -> &'static str {
        match self.status {
            Status::Starting => "starting",
            Status::Healthy => "healthy",
            Status::Unhealthy => "unhealthy",
        }
    }

    /// How it stands in `Status` of a list.
    pub(super) fn words(&self) -> &'static str {
        if self.status == Status::Starting { "health: starting" } else { self.word() }
    }

    /// How many checks failed one after the other.
    pub(super) fn streak(&self) -> u64 {
        self.streak
    }

    /// `Health` of inspect.
    pub(super) fn document(&self) -> Value {
        let record = |record: &Record| {
            let times = (go_time(Some(record.start)), go_time(Some(record.end)));
            json!({ "Start": times.0, "End": times.1, "ExitCode": record.code, "Output": record.output })
        };
        json!({ "Status": self.word(), "FailingStreak": self.streak, "Log": self.log.iter().map(record).collect::<Vec<_>>() })
    }

    /// The container ended: nothing that does not run is healthy.
    pub(super) fn stopped(&mut self) {
        self.status = Status::Unhealthy;
    }

    /// Takes a result in; true when the status has changed.
    fn record(&mut self, record: Record, retries: u64, in_start_period: bool) -> bool {
        let before = self.status;
        if record.code == 0 {
            self.streak = 0;
            self.status = Status::Healthy;
        } else if !(in_start_period && self.status == Status::Starting) {
            self.streak += 1;
            if self.streak >= retries {
                self.status = Status::Unhealthy;
            }
        }
        if self.log.len() == KEPT {
            self.log.pop_front();
        }
        self.log.push_back(record);
        self.status != before
    }
}

/// Begins to check a container that was just started, if it has a check.
pub(super) fn watch(engine: &Arc<Engine>, state: &mut State, id: &str, generation: u64) {
    let Ok(container) = state.containers.find_mut(id) else { return };
    let Some(check) = Check::of(Document(&container.config).at("Healthcheck")) else {
        container.health = None;
        return;
    };
    let health = container.health.get_or_insert_default();
    (health.status, health.streak) = (Status::Starting, 0);
    let watcher = Watcher { engine: Arc::downgrade(engine), id: id.to_owned(), generation, check };
    tokio::spawn(watcher.run());
}

struct Watcher {
    engine: Weak<Engine>,
    id: String,
    generation: u64,
    check: Check,
}

impl Watcher {
    async fn run(self) {
        loop {
            tokio::time::sleep(self.pause()).await;
            let Some(engine) = self.engine.upgrade() else { return };
            if !self.goes_on(&engine) {
                return;
            }
            let start = engine.now();
            let (code, output) = self.check.run(&engine, &self.id).await;
            let record = Record { start, end: engine.now(), code, output };
            if !self.take(&engine, record) {
                return;
            }
        }
    }

    /// The time until the next check; in the start period there may be more of them.
    fn pause(&self) -> Duration {
        let is_starting = self.engine.upgrade().is_some_and(|engine| {
            let state = engine.state();
            let Ok(container) = state.containers.find(&self.id) else { return false };
            container.health.as_ref().is_some_and(|health| health.status == Status::Starting) && self.in_start_period(&engine, container)
        });
        if is_starting { self.check.start_interval() } else { self.check.interval }
    }

    fn in_start_period(&self, engine: &Engine, container: &super::Container) -> bool {
        let started = container.life.started.unwrap_or_default();
        engine.now().duration_since(started).unsigned_abs() < self.check.start_period
    }

    fn goes_on(&self, engine: &Engine) -> bool {
        let state = engine.state();
        state.containers.find(&self.id).is_ok_and(|container| container.life.generation == self.generation && container.is_running())
    }

    /// False when the container has ended meanwhile.
    fn take(&self, engine: &Engine, record: Record) -> bool {
        let mut guard = engine.state();
        let state = &mut *guard;
        let Ok(container) = state.containers.find(&self.id) else { return false };
        if container.life.generation != self.generation || !container.is_running() {
            return false;
        }
        let in_start_period = self.in_start_period(engine, container);
        let Ok(container) = state.containers.find_mut(&self.id) else { return false };
        let health = container.health.get_or_insert_default();
        if health.record(record, self.check.retries, in_start_period) {
            let action = format!("health_status: {}", health.word());
            super::tell(engine, state, &self.id, &action, &[]);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn health_follows_the_results() {
        let mut health = Health::default();
        for (code, in_start_period, changed, word, streak) in [
            (1, true, false, "starting", 0),
            (1, false, false, "starting", 1),
            (1, false, true, "unhealthy", 2),
            (0, false, true, "healthy", 0),
            (1, true, false, "healthy", 1),
            (-1, false, true, "unhealthy", 2),
        ] {
            let record = Record { start: Timestamp::UNIX_EPOCH, end: Timestamp::UNIX_EPOCH, code, output: String::new() };
            assert_eq!((health.record(record, 2, in_start_period), health.word(), health.streak), (changed, word, streak));
        }
        assert_eq!(health.log.len(), KEPT);
        health.stopped();
        assert_eq!(health.word(), "unhealthy");
    }
}
