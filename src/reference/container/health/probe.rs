//! One check of a container's health: a process beside the container's own.

use std::sync::Arc;
use std::time::Duration;

use crate::reference::Engine;
use crate::reference::container::{environment, neighbours, tell};
use crate::reference::document::Document;
use crate::reference::program::{self, Input, Launch, pipe};

/// So much of a check's output is kept.
const MOST_OUTPUT: usize = 4096;

/// What is checked, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::reference::container) struct Check {
    argv: Vec<String>,
    pub(super) interval: Duration,
    timeout: Duration,
    pub(super) start_period: Duration,
    start_interval: Duration,
    pub(super) retries: u64,
}

impl Check {
    /// Reads `Healthcheck`; `None` when there is nothing to run.
    pub(super) fn of(check: Document<'_>) -> Option<Self> {
        let test = check.texts("Test");
        let argv = match test.first().map(String::as_str) {
            Some("CMD") => test[1..].to_vec(),
            Some("CMD-SHELL") => ["/bin/sh", "-c"].into_iter().map(str::to_owned).chain(test[1..].iter().cloned()).collect(),
            _ => return None,
        };
        if argv.is_empty() {
            return None;
        }
        let duration = |name: &str, default: u64| match u64::try_from(check.int(name)) {
            Ok(0) | Err(_) => Duration::from_secs(default),
            Ok(nanoseconds) => Duration::from_nanos(nanoseconds),
        };
        Some(Self {
            argv,
            interval: duration("Interval", 30),
            timeout: duration("Timeout", 30),
            start_period: duration("StartPeriod", 0),
            start_interval: duration("StartInterval", 0),
            retries: u64::try_from(check.int("Retries")).ok().filter(|retries| *retries > 0).unwrap_or(3),
        })
    }

    /// The time between checks while the container starts up.
    pub(super) fn start_interval(&self) -> Duration {
        if self.start_interval.is_zero() { self.interval } else { self.start_interval }
    }

    /// Runs the check once: its code, -1 when it took too long, and what it said.
    pub(super) async fn run(&self, engine: &Arc<Engine>, id: &str) -> (i64, String) {
        let Some((launch, listening, exec)) = self.launch(engine, id) else { return (-1, String::new()) };
        let name = self.argv.join(" ");
        let say = |action: &str, more: &[(&str, String)]| {
            let mut all = vec![("execID", exec.clone())];
            all.extend(more.iter().cloned());
            tell(engine, &mut engine.state(), id, action, &all);
        };
        say(&format!("exec_create: {name}"), &[]);
        say(&format!("exec_start: {name}"), &[]);
        let (handle, running) = match program::start(launch) {
            Ok(started) => started,
            Err(error) => {
                let said = format!("OCI runtime exec failed: exec failed: unable to start container process: {error}: unknown");
                say("exec_die", &[("exitCode", error.code().to_string())]);
                return (-1, said);
            }
        };
        let running = tokio::spawn(running);
        let heard = tokio::spawn(async move {
            let all = listening.read_all(MOST_OUTPUT).await;
            // Whatever follows is not kept, but the process must not wait for a reader.
            while listening.read().await.is_some() {}
            all
        });
        let result = tokio::time::timeout(self.timeout, running).await;
        let Ok(code) = result else {
            // It may have ended this very moment.
            let _ = handle.send(super::super::signal::KILL);
            say("exec_die", &[("exitCode", "137".to_owned())]);
            return (-1, format!("Health check exceeded timeout ({})", go_duration(self.timeout)));
        };
        let code = i64::from(code.unwrap_or(137));
        let text = match tokio::time::timeout(Duration::from_secs(1), heard).await {
            Ok(Ok(bytes)) => String::from_utf8_lossy(&bytes).into_owned(),
            _ => String::new(),
        };
        say("exec_die", &[("exitCode", code.to_string())]);
        (code, text)
    }

    fn launch(&self, engine: &Arc<Engine>, id: &str) -> Option<(Launch, Input, String)> {
        let mut guard = engine.state();
        let state = &mut *guard;
        let exec = state.ids.hex64();
        let container = state.containers.find(id).ok()?;
        let run = container.life.run()?;
        let config = Document(&container.config);
        let user = environment::user(container, config.text("User")).unwrap_or_default();
        let (output, listening) = pipe(4);
        let cwd = Some(config.text("WorkingDir")).filter(|cwd| !cwd.is_empty()).unwrap_or("/").to_owned();
        let launch = Launch {
            argv: self.argv.clone(),
            env: run.environment.clone(),
            cwd,
            user,
            hostname: environment::hostname(container),
            namespace: container.namespace.clone(),
            stdin: Input::empty(),
            stdout: output.clone(),
            stderr: output,
            processes: run.process.processes().clone(),
            clock: engine.settings().clock.clone(),
            init: false,
            neighbours: neighbours::of_container(engine, id),
            terminal: None,
        };
        Some((launch, listening, exec))
    }
}

/// A duration as Go writes it, for those that people give: `1s`, `1.5s`, `300ms`, `1m30s`.
fn go_duration(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    if seconds < 1.0 {
        return format!("{}ms", seconds * 1000.0);
    }
    let (minutes, rest) = (duration.as_secs() / 60, seconds % 60.0);
    match (minutes / 60, minutes % 60) {
        (0, 0) => format!("{rest}s"),
        (0, minutes) => format!("{minutes}m{rest}s"),
        (hours, minutes) => format!("{hours}h{minutes}m{rest}s"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn checks_are_read_with_their_defaults() {
        for (check, expected) in [
            (json!(null), None),
            (json!({ "Test": [] }), None),
            (json!({ "Test": ["NONE"] }), None),
            (json!({ "Test": ["FOO", "x"] }), None),
            (json!({ "Test": ["CMD", "a", "b"] }), Some((vec!["a", "b"], 30, 3))),
            (
                json!({ "Test": ["CMD-SHELL", "a b"], "Interval": 2_000_000_000_u64, "Retries": 1 }),
                Some((vec!["/bin/sh", "-c", "a b"], 2, 1)),
            ),
        ] {
            let read = Check::of(Document(&check));
            let read =
                read.as_ref().map(|check| (check.argv.iter().map(String::as_str).collect(), check.interval.as_secs(), check.retries));
            assert_eq!(read, expected, "{check}");
        }
    }

    #[test]
    fn durations_are_written_as_go_writes_them() {
        for (millis, expected) in [(300, "300ms"), (1000, "1s"), (1500, "1.5s"), (90_000, "1m30s"), (3_600_000, "1h0m0s")] {
            assert_eq!(go_duration(Duration::from_millis(millis)), expected);
        }
    }
}
