//! Processes beside a container's own: prepared, started once, and remembered for some minutes.

mod create;
mod environment;
mod inspect;
mod resize;
mod start;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::answer::Answer;
use super::call::Call;
use super::container::Container;
use super::container::console::Console;
use super::container::stream::detach::DetachKeys;
use super::container::stream::needs_running;
use super::refusal::Refusal;
use super::{Engine, State};

/// So long an exec that has ended can be inspected. dockerd looks every five minutes, and removes what it found dead the time before.
const KEPT: Duration = Duration::from_mins(10);
/// Between two looks at what can go.
const SWEEP: Duration = Duration::from_mins(1);

/// A prepared command.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "they are members of the API")]
struct Exec {
    id: String,
    container: String,
    /// The run of the container that it belongs to: what was not started by its end never will be.
    generation: u64,
    argv: Vec<String>,
    /// As asked for, to add to the container's.
    env: Vec<String>,
    user: String,
    working_dir: String,
    tty: bool,
    privileged: bool,
    stdin: bool,
    stdout: bool,
    stderr: bool,
    keys: DetachKeys,
    /// `DetachKeys` as inspect shows it: empty when the client asked for none.
    shown_keys: Vec<u8>,
    console: Console,
    phase: watch::Sender<Phase>,
}

/// Where an exec is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// It was not started.
    Created,
    /// It is being started.
    Starting,
    /// It runs: its number in the container, and on the host.
    Running { inner: u32, pid: u32 },
    /// It ended, or could not be started (then without a number).
    Ended { code: i64, pid: u32, at: Instant },
}

impl Phase {
    fn is_running(self) -> bool {
        matches!(self, Self::Starting | Self::Running { .. })
    }
}

impl Exec {
    fn phase(&self) -> Phase {
        *self.phase.borrow()
    }

    /// What its events are called after: the program and its arguments.
    fn line(&self) -> String {
        // dockerd joins the program and the rest, even when there is none.
        let (program, rest) = self.argv.split_first().map_or(("", &[][..]), |(program, rest)| (program.as_str(), rest));
        format!("{program} {}", rest.join(" "))
    }
}

/// All execs.
#[derive(Debug, Default)]
pub(super) struct Execs {
    by_id: HashMap<String, Exec>,
    /// Those of each container that were not ended yet, in the order in which they were made.
    live: BTreeMap<String, Vec<String>>,
    swept: Option<Instant>,
}

impl Execs {
    /// The execs of a container that have not ended: `ExecIDs` of its inspect, while it runs.
    pub(super) fn live_in(&self, container: &str) -> Vec<String> {
        self.live.get(container).cloned().unwrap_or_default()
    }

    /// The numbers of the processes that were started in a container: in the container, and on the host.
    pub(super) fn pids(&self, container: &str) -> Vec<(u32, u32)> {
        let execs = self.live.get(container).into_iter().flatten().filter_map(|id| self.by_id.get(id));
        let numbers = execs.filter_map(|exec| match exec.phase() {
            Phase::Running { inner, pid } => Some((inner, pid)),
            Phase::Created | Phase::Starting | Phase::Ended { .. } => None,
        });
        numbers.collect()
    }

    fn get(&self, id: &str) -> Result<&Exec, Refusal> {
        self.by_id.get(id).ok_or_else(|| no_such(id))
    }

    /// What was only prepared ends with the run of its container; the container part may say so at once, else it is seen when it matters.
    pub(super) fn forget_prepared(&mut self, container: &str, before: u64) {
        let Self { by_id, live, .. } = self;
        let Some(ids) = live.get_mut(container) else { return };
        ids.retain(|id| {
            let stale = by_id.get(id).is_none_or(|exec| exec.phase() == Phase::Created && exec.generation < before);
            if stale {
                by_id.remove(id);
            }
            !stale
        });
        if ids.is_empty() {
            live.remove(container);
        }
    }

    fn insert(&mut self, exec: Exec) {
        self.forget_prepared(&exec.container.clone(), exec.generation);
        self.live.entry(exec.container.clone()).or_default().push(exec.id.clone());
        self.by_id.insert(exec.id.clone(), exec);
    }

    /// It ended: the container knows it no more, the daemon does for a while.
    fn end(&mut self, id: &str, code: i64, pid: u32) {
        let Some(exec) = self.by_id.get(id).filter(|exec| !matches!(exec.phase(), Phase::Ended { .. })) else { return };
        exec.phase.send_replace(Phase::Ended { code, pid, at: Instant::now() });
        if let Some(live) = self.live.get_mut(&exec.container) {
            live.retain(|other| other != id);
            if live.is_empty() {
                self.live.remove(&exec.container);
            }
        }
    }

    /// Forgets what ended long ago, and what belongs to containers that are gone.
    fn sweep(&mut self, exists: impl Fn(&str) -> bool) {
        if self.swept.is_some_and(|last| last.elapsed() < SWEEP) {
            return;
        }
        self.swept = Some(Instant::now());
        self.by_id.retain(|_, exec| match exec.phase() {
            Phase::Ended { at, .. } => at.elapsed() < KEPT && exists(&exec.container),
            Phase::Created | Phase::Starting | Phase::Running { .. } => exists(&exec.container),
        });
        self.live.retain(|container, _| exists(container));
    }
}

/// Answers the operations of this part.
pub(super) async fn answer(engine: &Arc<Engine>, call: Call) -> Result<Answer, Refusal> {
    match call.operation.id() {
        "ContainerExec" => create::answer(engine, call).await,
        "ExecInspect" => inspect::answer(engine, &call),
        "ExecResize" => resize::answer(engine, &call).await,
        "ExecStart" => start::answer(engine, call).await,
        id => Err(Refusal::not_implemented(format!("{id} is not part of the reference backend"))),
    }
}

fn no_such(id: &str) -> Refusal {
    Refusal::not_found(format!("No such exec instance: {id}"))
}

/// An exec and its container. The end of a container is the end of what was only prepared in it.
fn find<'s>(state: &'s State, id: &str) -> Result<(&'s Exec, &'s Container), Refusal> {
    let exec = state.execs.get(id)?;
    let container = state.containers.find(&exec.container).map_err(|_| no_such(id))?;
    let is_late = container.life.generation != exec.generation || container.life.run().is_none();
    if is_late && exec.phase() == Phase::Created { Err(no_such(id)) } else { Ok((exec, container)) }
}

/// An exec whose container runs; dockerd says so of all that is done with it.
fn usable<'s>(state: &'s State, id: &str) -> Result<&'s Exec, Refusal> {
    let (exec, container) = find(state, id)?;
    if !container.life.is_running() {
        return Err(Refusal::conflict(format!("Container {} is not running", container.id)));
    }
    if container.life.is_paused() {
        return Err(Refusal::conflict(format!("Container {} is paused, unpause the container before exec", container.id)));
    }
    needs_running(container)?;
    Ok(exec)
}

/// Tells an event of an exec: one of its container.
fn tell(engine: &Engine, state: &mut State, container: &str, action: &str, exec: &str, code: Option<i64>) {
    // Its container may be gone; then nobody is told, as by dockerd.
    let Ok(container) = state.containers.find(container) else { return };
    let id = container.id.clone();
    let mut attributes = container.attributes();
    attributes.insert("execID".to_owned(), exec.to_owned());
    if let Some(code) = code {
        attributes.insert("exitCode".to_owned(), code.to_string());
    }
    engine.emit(state, "container", action, &id, attributes);
}
