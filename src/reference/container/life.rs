//! Where a container is in its life.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::Health;
use super::port::Published;
use super::process::Process;

/// What a container does now.
#[derive(Debug)]
pub(in crate::reference) enum Phase {
    /// It never ran.
    Created,
    /// Its process runs.
    Running(Run),
    /// Its process is frozen.
    Paused(Run),
    /// Its process ended, and the restart policy will start it again after a delay.
    Restarting,
    /// Its process ended.
    Exited,
}

/// What only a container that runs has.
#[derive(Debug)]
pub(in crate::reference) struct Run {
    /// The process. It has the pid.
    pub(in crate::reference) process: Process,
    /// The id of its network sandbox.
    pub(in crate::reference) sandbox: String,
    /// The ports that are published.
    pub(in crate::reference) ports: Published,
    /// The variables of its process: those that an exec begins with.
    pub(in crate::reference) environment: Vec<(String, String)>,
    /// It was told to stop or was killed: the restart policy leaves it alone then.
    pub(in crate::reference) told_to_end: bool,
    /// A stop or restart waits for its end, which is then told as `stop` too.
    pub(super) stopping: bool,
    /// It will be started again at once, so that an end does not remove it.
    pub(super) restarting: bool,
}

/// A container's phase and what is known of its last run.
#[derive(Debug)]
pub(in crate::reference) struct Life {
    /// What it does now.
    pub(in crate::reference) phase: Phase,
    /// How often it was started. Watchers of an older run know by it that they are late.
    pub(in crate::reference) generation: u64,
    /// It is being removed.
    pub(in crate::reference) removing: bool,
    /// A client stopped it: `unless-stopped` leaves it alone then.
    pub(in crate::reference) manually_stopped: bool,
    /// When it was started last.
    pub(in crate::reference) started: Option<Timestamp>,
    /// When it ended last.
    pub(in crate::reference) finished: Option<Timestamp>,
    /// How it ended; 0 while it runs.
    pub(in crate::reference) exit_code: i64,
    /// Why it could not be started.
    pub(in crate::reference) error: String,
    /// How long the restart policy waits before it starts the container again.
    pub(super) backoff: Duration,
    /// Those who wait for its end.
    pub(super) until_exit: Vec<oneshot::Sender<i64>>,
    /// Those who wait until it is removed.
    pub(super) until_removed: Vec<oneshot::Sender<i64>>,
}

impl Default for Life {
    fn default() -> Self {
        Self {
            phase: Phase::Created,
            generation: 0,
            removing: false,
            manually_stopped: false,
            started: None,
            finished: None,
            exit_code: 0,
            error: String::new(),
            backoff: super::ending::FIRST_DELAY,
            until_exit: Vec::new(),
            until_removed: Vec::new(),
        }
    }
}

impl Life {
    /// What it has because it runs, paused or not.
    pub(in crate::reference) fn run(&self) -> Option<&Run> {
        match &self.phase {
            Phase::Running(run) | Phase::Paused(run) => Some(run),
            Phase::Created | Phase::Restarting | Phase::Exited => None,
        }
    }

    /// The same, to change it.
    pub(in crate::reference) fn run_mut(&mut self) -> Option<&mut Run> {
        match &mut self.phase {
            Phase::Running(run) | Phase::Paused(run) => Some(run),
            Phase::Created | Phase::Restarting | Phase::Exited => None,
        }
    }

    /// Whether the API says `Running`: also while it is frozen, and while it waits to be started again.
    pub(in crate::reference) fn is_running(&self) -> bool {
        matches!(self.phase, Phase::Running(_) | Phase::Paused(_) | Phase::Restarting)
    }

    /// Whether it is frozen.
    pub(in crate::reference) fn is_paused(&self) -> bool {
        matches!(self.phase, Phase::Paused(_))
    }

    /// Whether it waits to be started again.
    pub(in crate::reference) fn is_restarting(&self) -> bool {
        matches!(self.phase, Phase::Restarting)
    }

    /// The pid as the host sees it; 0 without a process.
    pub(in crate::reference) fn pid(&self) -> u32 {
        self.run().map_or(0, |run| run.process.pid())
    }

    /// The state's name, as `Status` of inspect and as `State` of a list.
    pub(in crate::reference) fn word(&self) -> &'static str {
        match self.phase {
            Phase::Paused(_) => "paused",
            Phase::Restarting => "restarting",
            Phase::Running(_) => "running",
            Phase::Created | Phase::Exited if self.removing => "removing",
            Phase::Created => "created",
            Phase::Exited => "exited",
        }
    }

    /// A receiver of the exit code when the process ends the next time.
    pub(super) fn next_exit(&mut self) -> oneshot::Receiver<i64> {
        let (sender, receiver) = oneshot::channel();
        // Clients that went away meanwhile are forgotten here.
        self.until_exit.retain(|waiting| !waiting.is_closed());
        self.until_exit.push(sender);
        receiver
    }

    /// A container that waited to be started again stays as it is: whoever waits for its end has waited long enough.
    pub(super) fn settle(&mut self) {
        if !self.is_restarting() {
            return;
        }
        self.phase = Phase::Exited;
        for waiting in std::mem::take(&mut self.until_exit) {
            // Whoever waits may have left.
            let _ = waiting.send(self.exit_code);
        }
    }

    /// A receiver of the exit code when the container is removed.
    pub(super) fn removal(&mut self) -> oneshot::Receiver<i64> {
        let (sender, receiver) = oneshot::channel();
        self.until_removed.retain(|waiting| !waiting.is_closed());
        self.until_removed.push(sender);
        receiver
    }

    /// `State` of inspect, with the members of all versions.
    pub(super) fn document(&self, health: Option<&Health>) -> Value {
        let mut state = json!({
            "Status": self.word(),
            "Running": self.is_running(),
            "Paused": self.is_paused(),
            "Restarting": self.is_restarting(),
            "OOMKilled": false,
            "Dead": false,
            "Ghost": false,
            "Pid": self.pid(),
            "ExitCode": self.exit_code,
            "Error": self.error,
            "StartedAt": go_time(self.started),
            "FinishedAt": go_time(self.finished),
        });
        if let (Some(health), Value::Object(state)) = (health, &mut state) {
            state.insert("Health".to_owned(), health.document());
        }
        state
    }
}

/// A time as Go writes it in JSON: without trailing zeros, and year 1 for none.
pub(in crate::reference) fn go_time(time: Option<Timestamp>) -> String {
    time.map_or_else(|| "0001-01-01T00:00:00Z".to_owned(), |time| time.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fresh_life_is_told_as_docker_tells_it() {
        let mut life = Life::default();
        assert_eq!((life.word(), life.is_running(), life.pid()), ("created", false, 0));
        let state = life.document(None);
        assert_eq!(state["StartedAt"], "0001-01-01T00:00:00Z");
        assert_eq!(state.get("Health"), None);
        life.phase = Phase::Restarting;
        assert_eq!((life.word(), life.is_running(), life.run().is_none()), ("restarting", true, true));
        let mut waiting = life.next_exit();
        life.settle();
        assert_eq!((life.word(), waiting.try_recv()), ("exited", Ok(0)));
        life.removing = true;
        assert_eq!(life.word(), "removing");
    }

    #[test]
    fn times_are_written_as_go_writes_them() {
        for text in ["2026-01-01T00:00:00Z", "2026-01-01T00:00:00.5Z", "2026-01-01T00:00:00.123456789Z"] {
            assert_eq!(go_time(text.parse().ok()), text);
        }
    }
}
