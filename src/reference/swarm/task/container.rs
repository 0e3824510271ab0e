//! The containers of tasks, made and ended by the container part's own operations, as a client would.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use hyper::HeaderMap;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use serde_json::{Map, Value, json};

use crate::catalog::Catalog;

use super::super::super::answer::{Answer, Payload};
use super::super::super::call::{Body, Call, Query};
use super::super::super::document::Document;
use super::super::super::files::{Files, clean, shared};
use super::super::super::refusal::Refusal;
use super::super::super::{Engine, State, container, image};
use super::super::node::HOSTNAME;
use super::Task;

/// The container of a task.
#[derive(Debug, Clone, Default)]
pub(in super::super) struct Container {
    /// Its id; empty when it was never made.
    pub(in super::super) id: String,
    /// Its process; 0 when it does not run.
    pub(in super::super) pid: i64,
    /// How it ended; -1 while it is being stopped.
    pub(in super::super) exit: i64,
}

impl Container {
    /// None at all.
    pub(super) const NONE: Self = Self { id: String::new(), pid: 0, exit: 0 };
}

/// Has a part answer an operation.
async fn ask(engine: &Arc<Engine>, id: &str, name: &str, query: &str, body: Option<Value>) -> Result<Answer, Refusal> {
    let missing = || Refusal::not_implemented(format!("there is no operation {id}"));
    let operation = Catalog::builtin().operation(id).ok_or_else(missing)?;
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let body = Body::memory(body.map_or_else(Bytes::new, |body| Bytes::from(body.to_string())));
    let call = Call { operation, version: engine.settings().newest, name: name.to_owned(), query: Query::parse(query), headers, body };
    // A boxed future, for the container part may come back here one day.
    match operation.tag() {
        "image" => Box::pin(image::answer(engine, call)).await,
        _ => Box::pin(container::answer(engine, call)).await,
    }
}

/// Makes the container of a task, and pulls its image when it is not here.
pub(super) async fn create(engine: &Arc<Engine>, name: &str, body: Value) -> Result<String, Refusal> {
    let query = format!("name={name}");
    let image = Document(&body).text("Image").to_owned();
    let made = match ask(engine, "ContainerCreate", "", &query, Some(body.clone())).await {
        Err(refusal) if refusal.status == 404 && refusal.message.starts_with("No such image") => {
            pull(engine, &image).await;
            ask(engine, "ContainerCreate", "", &query, Some(body)).await
        }
        made => made,
    }?;
    match made.payload {
        Payload::Json(value) => Ok(Document(&value).text("Id").to_owned()),
        _ => Err(Refusal::server_error("the container has no id")),
    }
}

/// Whether it works shows when the container is made.
async fn pull(engine: &Arc<Engine>, image: &str) {
    let tag = if image.rsplit('/').next().unwrap_or_default().contains([':', '@']) { "" } else { ":latest" };
    let reference = format!("{image}{tag}").replace('%', "%25").replace('&', "%26").replace('+', "%2B").replace('#', "%23");
    if let Ok(answer) = ask(engine, "ImageCreate", "", &format!("fromImage={reference}"), None).await
        && let Payload::Documents(_, mut documents) = answer.payload
    {
        while documents.recv().await.is_some() {}
    }
}

/// Mounts the secrets and configs of a task in its container.
pub(super) fn furnish(engine: &Engine, task: &str, container: &str) {
    let now = engine.now();
    let mut guard = engine.state();
    let State { swarm, containers, .. } = &mut *guard;
    let Some(cluster) = swarm.cluster.as_ref() else { return };
    let (Some(task), Ok(container)) = (cluster.tasks.get(task), containers.find_mut(container)) else { return };
    let asked = Document(&task.spec["ContainerSpec"]);
    for (list, member, directory, all) in
        [("Configs", "ConfigID", "/", &cluster.configs), ("Secrets", "SecretID", "/run/secrets", &cluster.secrets)]
    {
        for reference in asked.items(list).iter().map(Document) {
            let (Some(known), true) = (all.get(reference.text(member)), reference.has("File")) else { continue };
            let file = reference.at("File");
            let mode = u32::try_from(file.int("Mode")).map_or(0o444, |mode| mode & 0o777);
            let mut files = Files::single(known.data().into(), mode, now);
            let number = |name: &str| file.text(name).parse().unwrap_or_default();
            // A file alone takes an owner.
            let _ = files.set_owner("/", number("UID"), number("GID"), true);
            let at = clean(directory, file.text("Name"));
            if let Ok(namespace) = container.namespace.clone().with_mount(&at, shared(files), false, now) {
                container.namespace = namespace;
            }
        }
    }
}

pub(super) async fn start(engine: &Arc<Engine>, id: &str) -> Result<(), Refusal> {
    ask(engine, "ContainerStart", id, "", None).await.map(|_| ())
}

/// Ends it, and kills it after that many seconds.
pub(super) async fn stop(engine: &Arc<Engine>, id: &str, seconds: i64) {
    // One that has ended by itself is as good.
    let _ = ask(engine, "ContainerStop", id, &format!("t={seconds}"), None).await;
}

/// The state of a container: `Running`, `Pid`, `ExitCode`.
pub(super) async fn state(engine: &Arc<Engine>, id: &str) -> Option<(bool, i64, i64)> {
    let answer = ask(engine, "ContainerInspect", id, "", None).await.ok()?;
    let Payload::Json(value) = answer.payload else { return None };
    let state = Document(&value).at("State");
    Some((state.flag("Running"), state.int("Pid"), state.int("ExitCode")))
}

/// What a container wrote, in frames (or raw for one with a terminal).
pub(in super::super) async fn logs(engine: &Arc<Engine>, id: &str, query: &str) -> Result<Payload, Refusal> {
    ask(engine, "ContainerLogs", id, query, None).await.map(|answer| answer.payload)
}

/// Removes a container, whatever it does.
pub(in super::super) fn remove(engine: &Arc<Engine>, id: String) {
    let engine = Arc::clone(engine);
    drop(tokio::spawn(async move {
        let _ = ask(&engine, "ContainerDelete", &id, "force=1&v=1", None).await;
    }));
}

/// Takes a task that is over out of the swarm, and its container with it.
pub(in super::super) fn discard(engine: &Arc<Engine>, state: &mut State, id: &str) {
    let Some(cluster) = state.swarm.cluster.as_mut() else { return };
    let Some(task) = cluster.tasks.remove(id) else { return };
    super::super::network::release(&mut state.networks, task.places);
    if let Some(container) = task.container.filter(|container| !container.id.is_empty()) {
        remove(engine, container.id);
    }
}

/// What is asked of the container part for a task.
pub(super) fn body(task: &Task, node: &str) -> Value {
    let spec = &task.spec["ContainerSpec"];
    let asked = Document(spec);
    let fill = |text: &str| expand(text, task, node);
    let mut labels: Map<String, Value> = asked.entries("Labels").map(|(name, value)| (name.clone(), value.clone())).collect();
    for (name, value) in [
        ("node.id", node.to_owned()),
        ("service.id", task.service_id.clone()),
        ("service.name", task.service_name.clone()),
        ("task", String::new()),
        ("task.id", task.id.clone()),
        ("task.name", task.name(node)),
    ] {
        labels.insert(format!("com.docker.swarm.{name}"), value.into());
    }
    let mut body = json!({
        "Image": asked.text("Image"),
        "Labels": labels,
        "Hostname": fill(asked.text("Hostname")),
        "Env": asked.texts("Env").iter().map(|variable| fill(variable)).collect::<Vec<_>>(),
        "WorkingDir": asked.text("Dir"),
        "User": asked.text("User"),
        "Tty": asked.flag("TTY"),
        "OpenStdin": asked.flag("OpenStdin"),
        "HostConfig": host(task),
    });
    let args = asked.texts("Args");
    if asked.items("Command").is_empty() {
        if !args.is_empty() {
            body["Cmd"] = args.into();
        }
    } else {
        body["Entrypoint"] = asked.texts("Command").into();
        body["Cmd"] = args.into();
    }
    for (from, to) in [("StopSignal", "StopSignal"), ("Healthcheck", "Healthcheck")] {
        if asked.has(from) {
            body[to] = asked.member(from).clone();
        }
    }
    body
}

fn host(task: &Task) -> Value {
    let asked = Document(&task.spec["ContainerSpec"]);
    let limits = Document(&task.spec["Resources"]["Limits"]);
    let reservations = Document(&task.spec["Resources"]["Reservations"]);
    // An overlay is no network of the container part: what shows of it is in the task.
    let own = task.attachments.iter().map(|attachment| Document(&attachment["Network"]["Spec"]).text("Name"));
    let mode = own.into_iter().find(|name| matches!(*name, "host" | "bridge")).unwrap_or("default");
    let mounts: Vec<Value> = asked.items("Mounts").to_vec();
    let mut host = json!({
        "NetworkMode": mode,
        "Mounts": mounts,
        "ReadonlyRootfs": asked.flag("ReadOnly"),
        "Memory": limits.int("MemoryBytes"),
        "NanoCpus": limits.int("NanoCPUs"),
        "MemoryReservation": reservations.int("MemoryBytes"),
    });
    for (from, to) in [
        ("Init", "Init"),
        ("Sysctls", "Sysctls"),
        ("CapabilityAdd", "CapAdd"),
        ("CapabilityDrop", "CapDrop"),
        ("Ulimits", "Ulimits"),
        ("Groups", "GroupAdd"),
    ] {
        if asked.has(from) {
            host[to] = asked.member(from).clone();
        }
    }
    let driver = Document(&task.spec["LogDriver"]);
    if !driver.text("Name").is_empty() {
        host["LogConfig"] = json!({ "Type": driver.text("Name"), "Config": driver.member("Options") });
    }
    host
}

/// Fills in the templates that dockerd knows: `{{.Task.Slot}}`, spaces allowed.
fn expand(text: &str, task: &Task, node: &str) -> String {
    if !text.contains("{{") {
        return text.to_owned();
    }
    let slot = if task.slot == 0 { node.to_owned() } else { task.slot.to_string() };
    let values = BTreeMap::from([
        (".Service.ID", task.service_id.clone()),
        (".Service.Name", task.service_name.clone()),
        (".Node.ID", node.to_owned()),
        (".Node.Hostname", HOSTNAME.to_owned()),
        (".Task.ID", task.id.clone()),
        (".Task.Name", task.name(node)),
        (".Task.Slot", slot),
    ]);
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once("{{") {
        filled.push_str(before);
        match behind.split_once("}}") {
            Some((name, after)) if values.contains_key(name.trim()) => {
                filled.push_str(values.get(name.trim()).map(String::as_str).unwrap_or_default());
                rest = after;
            }
            _ => {
                filled.push_str("{{");
                rest = behind;
            }
        }
    }
    filled.push_str(rest);
    filled
}
