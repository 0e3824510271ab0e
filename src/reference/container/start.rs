//! `POST /containers/{id}/start`, and how a process comes to run.

use std::sync::Arc;

use serde_json::Value;

use super::life::{Phase, Run};
use super::port::Published;
use super::process::Process;
use super::{create, ending, endpoints, environment, health, host, links, neighbours, validate};
use crate::reference::answer::Answer;
use crate::reference::call::Call;
use crate::reference::document::Document;
use crate::reference::files::Namespace;
use crate::reference::program::{self, Launch, Processes};
use crate::reference::refusal::Refusal;
use crate::reference::{Engine, State};

/// What runc's failures begin with.
const SHIM: &str = "failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: ";

/// Answers the operation.
pub(super) async fn answer(engine: &Arc<Engine>, mut call: Call) -> Result<Answer, Refusal> {
    let asked = host_config(&mut call).await?;
    let mut guard = engine.state();
    let state = &mut *guard;
    let container = state.containers.find(&call.name)?;
    let id = container.id.clone();
    if container.life.is_paused() {
        return Err(Refusal::conflict("cannot start a paused container, try unpause instead"));
    }
    if container.life.is_running() {
        return Err(Refusal::not_modified());
    }
    if container.life.removing {
        return Err(Refusal::conflict("container is marked for removal and cannot be started"));
    }
    if let Some(asked) = asked {
        replace_host_config(engine, state, &id, Document(&asked), &call)?;
    }
    start(engine, state, &id, true)?;
    Ok(Answer::empty(if call.since(4) { 204 } else { 200 }))
}

/// Up to 1.23 a host configuration could come with the start.
async fn host_config(call: &mut Call) -> Result<Option<Value>, Refusal> {
    if !call.since(24) {
        return Ok(call.json().await?.filter(Value::is_object));
    }
    // As long as an empty document may be, whatever it holds.
    if call.body.read().await?.len() > 7 {
        return Err(Refusal::bad_parameter(
            "starting container with non-empty request body was deprecated since API v1.22 and removed in v1.24",
        ));
    }
    Ok(None)
}

fn replace_host_config(engine: &Engine, state: &mut State, id: &str, asked: Document<'_>, call: &Call) -> Result<(), Refusal> {
    let new = host::normalised(asked, call.version)?;
    validate::host(Document(&new))?;
    let linked = links::resolve(Document(&new), &state.containers)?;
    let container = state.containers.find(id)?;
    let (config, image, root) = (container.config.clone(), container.image_files.clone(), Arc::clone(&container.root));
    let bare = environment::with_written(Namespace::new(root), engine.now());
    // Volumes that it has already stay.
    let kept = container.mounts.clone();
    let (mut namespace, mut mounts) = create::furnished(engine, state, Document(&Value::Null), Document(&new), bare, &image)?;
    for mount in kept {
        if !mounts.iter().any(|other| other.destination == mount.destination) {
            if let Ok(mounted) = namespace.clone().with_mount(&mount.destination, Arc::clone(&mount.files), mount.writable, engine.now()) {
                namespace = mounted;
            }
            mounts.push(mount);
        }
    }
    let networks = endpoints::of_create(Document(&Value::Null), Document(&config), Document(&new), &state.networks, call.version)?;
    let container = state.containers.find_mut(id)?;
    (container.host, container.namespace, container.mounts) = (new, namespace, mounts);
    (container.endpoints, container.missing_networks) = (networks.endpoints, networks.missing);
    for (alias, child) in linked {
        state.containers.link(id, &alias, &child);
    }
    Ok(())
}

/// Why a container could not be started, and the exit code that it has then.
struct Failure {
    refusal: Refusal,
    code: i64,
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self { refusal, code: 128 }
    }
}

/// Starts a container that does not run. `by_client` forgets what the restart policy has counted.
pub(super) fn start(engine: &Arc<Engine>, state: &mut State, id: &str, by_client: bool) -> Result<(), Refusal> {
    if by_client {
        let container = state.containers.find_mut(id)?;
        container.restart_count = 0;
        container.life.backoff = ending::FIRST_DELAY;
    }
    let Err(failure) = launch(engine, state, id) else { return Ok(()) };
    endpoints::leave(engine, state, id);
    let container = state.containers.find_mut(id)?;
    failure.refusal.message.clone_into(&mut container.life.error);
    container.life.exit_code = failure.code;
    container.console.abandon();
    if Document(&container.host).flag("AutoRemove") {
        super::remove::remove(engine, state, id, true);
    }
    Err(failure.refusal)
}

fn launch(engine: &Arc<Engine>, state: &mut State, id: &str) -> Result<(), Failure> {
    check_shared_network(state, id)?;
    links::check(&state.containers, id)?;
    endpoints::join(engine, state, id)?;
    let container = state.containers.find(id)?;
    let user = environment::user(container, Document(&container.config).text("User")).map_err(Refusal::server_error)?;
    let env = environment::variables(&state.containers, container, &user);
    environment::write(&state.containers, container, engine.now());
    let argv = container.argv();
    let cwd = Some(Document(&container.config).text("WorkingDir")).filter(|cwd| !cwd.is_empty()).unwrap_or("/").to_owned();
    let command = argv.first().cloned().unwrap_or_default();
    program::find(&command, &env, &cwd, &container.namespace).map_err(|error| spawn_failure(&error))?;
    let published = publish(state, id)?;

    let container = state.containers.find_mut(id)?;
    let (stdin, stdout, stderr) = container.console.open();
    let processes = Processes::new();
    let started = program::start(Launch {
        argv,
        env: env.clone(),
        cwd,
        user,
        hostname: environment::hostname(container),
        namespace: container.namespace.clone(),
        stdin,
        stdout,
        stderr,
        processes: processes.clone(),
        clock: engine.settings().clock.clone(),
        init: !Document(&container.host).flag("Init"),
        neighbours: neighbours::of_container(engine, id),
        terminal: container.console.terminal(),
    });
    let (handle, running) = match started {
        Ok(started) => started,
        Err(error) => {
            state.containers.ports.release(&published);
            return Err(spawn_failure(&error));
        }
    };
    let pid = state.containers.next_pid();
    let sandbox = state.ids.hex64();
    let container = state.containers.find_mut(id)?;
    let life = &mut container.life;
    life.generation += 1;
    life.manually_stopped = false;
    life.started = Some(engine.now());
    life.exit_code = 0;
    life.error.clear();
    let process = Process::new(pid, handle, processes);
    life.phase = Phase::Running(Run {
        process,
        sandbox,
        ports: published,
        environment: env,
        told_to_end: false,
        stopping: false,
        restarting: false,
    });
    let generation = life.generation;
    if container.host.get("Runtime").is_none() {
        container.host["Runtime"] = "runc".into();
    }
    tell_mounts(engine, state, id, true);
    super::tell(engine, state, id, "start", &[]);
    ending::watch(engine, state, id, generation, running);
    health::watch(engine, state, id, generation);
    Ok(())
}

fn spawn_failure(error: &program::SpawnError) -> Failure {
    Failure { refusal: Refusal::bad_parameter(format!("{SHIM}{error}: unknown")), code: i64::from(error.code()) }
}

fn check_shared_network(state: &State, id: &str) -> Result<(), Refusal> {
    let container = state.containers.find(id)?;
    let Some(other) = Document(&container.host).text("NetworkMode").strip_prefix("container:") else { return Ok(()) };
    let other = state.containers.find(other)?;
    match &other.life.phase {
        _ if other.id == container.id => Err(Refusal::server_error("cannot join own network")),
        Phase::Running(_) | Phase::Paused(_) => Ok(()),
        Phase::Restarting => Err(Refusal::conflict(format!("cannot join network of container {}, which is restarting", other.id))),
        Phase::Created | Phase::Exited => Err(Refusal::conflict(format!("cannot join network of a non running container: {}", other.id))),
    }
}

/// Publishes the ports. What has no network of its own has no ports either.
fn publish(state: &mut State, id: &str) -> Result<Published, Refusal> {
    let State { containers, ids, .. } = state;
    let container = containers.find(id)?;
    let mode = Document(&container.host).text("NetworkMode");
    if matches!(mode, "host" | "none") || mode.starts_with("container:") || container.endpoints.is_empty() {
        return Ok(Published::default());
    }
    let (name, config, host) = (container.name.clone(), container.config.clone(), container.host.clone());
    let endpoint = container.endpoints.values().next().map(|endpoint| endpoint.endpoint_id.clone()).unwrap_or_default();
    containers.ports.publish(Document(&config), Document(&host), ids).map_err(|why| {
        Refusal::server_error(format!("driver failed programming external connectivity on endpoint {name} ({endpoint}): {why}"))
    })
}

/// Tells that the volumes of a container are mounted, or no longer.
pub(super) fn tell_mounts(engine: &Engine, state: &mut State, id: &str, mounted: bool) {
    let Ok(container) = state.containers.find(id) else { return };
    let mounts: Vec<super::Mount> = container.mounts.iter().filter(|mount| mount.kind == "volume").cloned().collect();
    for mount in mounts {
        let mut attributes = [("container".to_owned(), id.to_owned()), ("driver".to_owned(), mount.driver)]
            .into_iter()
            .collect::<std::collections::BTreeMap<_, _>>();
        if mounted {
            attributes.insert("destination".to_owned(), mount.destination);
            attributes.insert("propagation".to_owned(), mount.propagation);
            attributes.insert("read/write".to_owned(), mount.writable.to_string());
        }
        engine.emit(state, "volume", if mounted { "mount" } else { "unmount" }, &mount.name, attributes);
    }
}
