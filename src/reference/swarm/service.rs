//! Services: create, list, inspect, update and delete.

mod asked;
mod validate;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::super::answer::Answer;
use super::super::call::Call;
use super::super::refusal::Refusal;
use super::super::{Engine, State};
use super::cluster::Cluster;
use super::network::{self, Place};
use super::object::{Meta, asked_version, begins, find, labelled, precondition, strict_flag, version};
use super::task::Stage;
use super::{orchestrator, rollout};

pub(super) use validate::is_job;

/// A service.
#[derive(Debug)]
pub(super) struct Service {
    /// Its id.
    pub(super) id: String,
    /// Its version.
    pub(super) meta: Meta,
    /// What was asked for, with defaults.
    pub(super) spec: Value,
    /// What was asked for before.
    pub(super) previous: Option<Value>,
    /// Its addresses and ports.
    pub(super) endpoint: Value,
    /// Its places on overlay networks.
    pub(super) places: Vec<Place>,
    /// How the last update goes.
    pub(super) update: Option<Update>,
    /// How often a job was begun, and when last.
    pub(super) job: Option<(u64, Timestamp)>,
    /// Changes with the spec, so that an update that is overtaken knows.
    pub(super) generation: u64,
    /// How often the tasks of each slot were started again since the spec changed.
    pub(super) restarts: BTreeMap<u64, u64>,
}

/// How an update goes.
#[derive(Debug)]
pub(super) struct Update {
    /// `updating`, `completed` …
    pub(super) state: &'static str,
    pub(super) started: Timestamp,
    pub(super) completed: Option<Timestamp>,
    pub(super) message: String,
}

impl Service {
    /// Its name.
    pub(super) fn name(&self) -> &str {
        self.spec["Name"].as_str().unwrap_or_default()
    }

    /// What its tasks run: a task does not say of which runtime it is.
    pub(super) fn template(&self) -> Value {
        let mut template = self.spec["TaskTemplate"].clone();
        if let Some(template) = template.as_object_mut() {
            template.remove("Runtime");
        }
        template
    }

    fn mode(&self) -> &str {
        match self.spec["Mode"].as_object().and_then(|mode| mode.keys().next()).map(String::as_str) {
            Some("Global") => "global",
            Some("GlobalJob") => "global-job",
            Some("ReplicatedJob") => "replicated-job",
            _ => "replicated",
        }
    }

    fn write(&self) -> Map<String, Value> {
        let mut object = self.meta.write(&self.id);
        object.insert("Spec".to_owned(), self.spec.clone());
        if let Some(previous) = &self.previous {
            object.insert("PreviousSpec".to_owned(), previous.clone());
        }
        object.insert("Endpoint".to_owned(), self.endpoint.clone());
        if let Some(update) = &self.update {
            let mut status = json!({ "State": update.state, "StartedAt": update.started.to_string(), "Message": update.message });
            if let Some(completed) = update.completed {
                status["CompletedAt"] = completed.to_string().into();
            }
            object.insert("UpdateStatus".to_owned(), status);
        }
        if let Some((iteration, last)) = self.job {
            object.insert("JobStatus".to_owned(), json!({ "JobIteration": version(iteration), "LastExecution": last.to_string() }));
        }
        object
    }

    /// `ServiceStatus`: how many of its tasks run, of how many.
    fn status(&self, cluster: &Cluster) -> Value {
        let tasks: Vec<_> = cluster
            .tasks
            .values()
            .filter(|task| task.service_id == self.id && task.iteration == self.job.map(|(index, _)| index))
            .collect();
        let count = |stage: Stage| tasks.iter().filter(|task| task.stage == stage).count();
        let mode = &self.spec["Mode"];
        let desired = match self.mode() {
            "replicated" => mode["Replicated"]["Replicas"].as_u64().unwrap_or_default(),
            "replicated-job" => mode["ReplicatedJob"]["MaxConcurrent"].as_u64().unwrap_or_default(),
            _ => tasks
                .iter()
                .filter(|task| match task.desired() {
                    Stage::Running => true,
                    Stage::Complete => task.stage != Stage::Complete,
                    _ => false,
                })
                .count() as u64,
        };
        let completed = if self.job.is_some() { count(Stage::Complete) } else { 0 };
        json!({ "RunningTasks": count(Stage::Running), "DesiredTasks": desired, "CompletedTasks": completed })
    }
}

/// The id of the service that a client means.
pub(super) fn id_of(cluster: &Cluster, input: &str) -> Result<String, Refusal> {
    find(&cluster.services, "service", input, |service| service.name().to_owned())
}

/// dockerd asks the registry for the digest of the image below 1.30, and has none to ask here.
fn warnings(spec: &Value, call: &Call) -> Option<Vec<String>> {
    let image = spec["TaskTemplate"]["ContainerSpec"]["Image"].as_str().unwrap_or_default();
    (!call.since(30) && !image.contains('@')).then(|| {
        vec![format!(
            "image {image} could not be accessed on a registry to record\nits digest. Each node will access {image} independently,\npossibly leading to different nodes running different\nversions of the image.\n"
        )]
    })
}

pub(super) async fn create(engine: &Arc<Engine>, mut call: Call) -> Result<Answer, Refusal> {
    let mut spec = asked::read(&call.required_json().await?, call.version)?;
    let mut guard = engine.state();
    let state = &mut *guard;
    let State { swarm, networks, ids, .. } = state;
    let cluster = swarm.manager()?;
    network::resolve(&mut spec, cluster, networks)?;
    asked::complete(&mut spec, || ids.name())?;
    validate::validate(&spec)?;
    validate::fits(&spec, cluster, "")?;
    let name = spec["Name"].as_str().unwrap_or_default().to_owned();
    if cluster.services.values().any(|service| service.name() == name) {
        return Err(Refusal::conflict(format!(
            "rpc error: code = AlreadyExists desc = name conflicts with an existing object: service {name} already exists"
        )));
    }
    let (id, now) = (ids.base36(), engine.now());
    let service = Service {
        id: id.clone(),
        meta: Meta::new(cluster.next(), now),
        job: is_job(&spec).then_some((0, now)),
        endpoint: json!({ "Spec": {} }),
        previous: None,
        places: Vec::new(),
        update: None,
        generation: 0,
        restarts: BTreeMap::new(),
        spec,
    };
    let warnings = warnings(&service.spec, &call);
    cluster.services.insert(id.clone(), service);
    engine.emit(state, "service", "create", &id, BTreeMap::from([("name".to_owned(), name.clone())]));
    allocate(engine, state, &id);
    orchestrator::reconcile(engine, state, &id);
    let mut body = json!({ "ID": id });
    if warnings.is_some() || call.since(44) {
        body["Warnings"] = warnings.into();
    }
    Ok(Answer::created(body))
}

/// Gives a service its addresses, which is a change of its own where there are any.
fn allocate(engine: &Arc<Engine>, state: &mut State, id: &str) {
    let old = state.swarm.cluster.as_ref().and_then(|cluster| cluster.services.get(id)).map(|service| service.endpoint.clone());
    network::allocate_service(state, id);
    let Some(cluster) = state.swarm.cluster.as_mut() else { return };
    let changed = cluster.services.get(id).is_some_and(|service| Some(&service.endpoint) != old.as_ref());
    if !changed {
        return;
    }
    if let Some(service) = cluster.service(id, engine.now()) {
        let attributes = BTreeMap::from([("name".to_owned(), service.name().to_owned())]);
        engine.emit(state, "service", "update", id, attributes);
    }
}

pub(super) fn list(engine: &Arc<Engine>, call: &Call) -> Result<Answer, Refusal> {
    let filters = call.query.filters()?;
    let status = if call.since(41) { strict_flag(call, "status")?.unwrap_or_default() } else { false };
    let mut guard = engine.state();
    let cluster = &*guard.swarm.manager()?;
    filters.only(&["name", "id", "label", "mode", "runtime"])?;
    let fits = |service: &&Service| {
        begins(&filters, "name", service.name())
            && begins(&filters, "id", &service.id)
            && labelled(filters.get("label"), &service.spec["Labels"])
            && filters.exact("mode", service.mode())
            && filters.exact("runtime", "container")
    };
    let write = |service: &Service| {
        let mut object = service.write();
        if status {
            object.insert("ServiceStatus".to_owned(), service.status(cluster));
        }
        Value::Object(object)
    };
    Ok(Answer::json(cluster.services.values().filter(fits).map(write).collect()))
}

pub(super) fn inspect(engine: &Arc<Engine>, call: &Call) -> Result<Answer, Refusal> {
    let defaults = strict_flag(call, "insertDefaults")?.unwrap_or_default();
    let mut guard = engine.state();
    let cluster = guard.swarm.manager()?;
    let id = id_of(cluster, &call.name)?;
    let service = cluster.services.get(&id).ok_or_else(|| Refusal::not_found(format!("service {} not found", call.name)))?;
    let mut object = service.write();
    if defaults && let Some(spec) = object.get_mut("Spec") {
        asked::interpolate(spec);
    }
    Ok(Answer::json(object.into()))
}

pub(super) async fn update(engine: &Arc<Engine>, mut call: Call) -> Result<Answer, Refusal> {
    let mut spec = asked::read(&call.required_json().await?, call.version)?;
    let asked_version = asked_version(&call, "service")?;
    let mut guard = engine.state();
    let state = &mut *guard;
    let State { swarm, networks, ids, .. } = state;
    let cluster = swarm.manager()?;
    network::resolve(&mut spec, cluster, networks)?;
    asked::complete(&mut spec, || ids.name())?;
    let id = id_of(cluster, &call.name)?;
    let warnings = warnings(&spec, &call);
    let back = accept(cluster, &id, &spec, &call, asked_version)?;
    let now = engine.now();
    let Some(service) = cluster.service(&id, now) else { return Err(Refusal::not_found(format!("service {id} not found"))) };
    let attributes = change(service, spec, back, now);
    engine.emit(state, "service", "update", &id, attributes);
    allocate(engine, state, &id);
    orchestrator::reconcile(engine, state, &id);
    rollout::begin(engine, state, &id);
    Ok(Answer::json(json!({ "Warnings": warnings })))
}

/// Whether an update is taken, and whether it is a rollback.
fn accept(cluster: &Cluster, id: &str, spec: &Value, call: &Call, asked_version: u64) -> Result<bool, Refusal> {
    let Some(service) = cluster.services.get(id) else { return Err(Refusal::not_found(format!("service {id} not found"))) };
    if call.header("x-registry-auth").is_empty() {
        match call.query.text("registryAuthFrom") {
            "previous-spec" if service.previous.is_none() => return Err(Refusal::server_error("service does not have a previous spec")),
            "" | "spec" | "previous-spec" => {}
            _ => return Err(Refusal::server_error("unsupported registryAuthFrom value")),
        }
    }
    let back = match call.query.text("rollback") {
        "" | "none" => false,
        "previous" => true,
        other => return Err(Refusal::server_error(format!("unrecognized rollback option {other}"))),
    };
    validate::validate(spec)?;
    let refuse = |why: &str| Err(Refusal::not_implemented(format!("rpc error: code = Unimplemented desc = {why}")));
    let moved =
        spec["Networks"] != service.spec["Networks"] && spec["TaskTemplate"]["Networks"] == service.spec["TaskTemplate"]["Networks"];
    if moved {
        return refuse("networks must be migrated to TaskSpec before being changed");
    }
    validate::fits(spec, cluster, id)?;
    let mode = |spec: &Value| spec["Mode"].as_object().and_then(|mode| mode.keys().next().cloned());
    if mode(spec) != mode(&service.spec) {
        return refuse("service mode change is not allowed");
    }
    if spec["Name"] != service.spec["Name"] {
        return refuse("renaming services is not supported");
    }
    if back && service.previous.is_none() {
        return Err(precondition(format!("service {id} does not have a previous spec")));
    }
    service.meta.check(asked_version)?;
    Ok(back)
}

/// Takes a new spec, or goes back to the one before; what an event says of it.
pub(super) fn change(service: &mut Service, spec: Value, back: bool, now: Timestamp) -> BTreeMap<String, String> {
    let new = if back { service.previous.take().unwrap_or(spec) } else { spec };
    let old = std::mem::replace(&mut service.spec, new);
    service.generation += 1;
    service.restarts.clear();
    service.job = service.job.map(|(iteration, _)| (iteration + 1, now));
    service.update = back.then(|| Update {
        state: "rollback_started",
        started: now,
        completed: None,
        message: "manually requested rollback".to_owned(),
    });
    let mut attributes = BTreeMap::from([("name".to_owned(), service.name().to_owned())]);
    let members = [("image", &["TaskTemplate", "ContainerSpec", "Image"]), ("replicas", &["Mode", "Replicated", "Replicas"])];
    for (name, path) in members {
        let text = |spec: &Value| {
            let found = path.iter().fold(spec, |value, member| &value[*member]);
            found.as_str().map(str::to_owned).or_else(|| found.as_u64().map(|number| number.to_string()))
        };
        if let (Some(before), Some(after)) = (text(&old), text(&service.spec))
            && before != after
        {
            attributes.insert(format!("{name}.old"), before);
            attributes.insert(format!("{name}.new"), after);
        }
    }
    if let Some(update) = &service.update {
        attributes.insert("updatestate.new".to_owned(), update.state.to_owned());
    }
    service.previous = Some(old);
    attributes
}

pub(super) fn delete(engine: &Arc<Engine>, call: &Call) -> Result<Answer, Refusal> {
    let mut guard = engine.state();
    let state = &mut *guard;
    let cluster = state.swarm.manager()?;
    let id = id_of(cluster, &call.name)?;
    cluster.next();
    if let Some(service) = cluster.services.remove(&id) {
        let attributes = BTreeMap::from([("name".to_owned(), service.name().to_owned())]);
        network::release(&mut state.networks, service.places);
        engine.emit(state, "service", "remove", &id, attributes);
    }
    orchestrator::remove_tasks(engine, state, |task| task.service_id == id);
    state.swarm.notify();
    Ok(Answer::empty(200))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_say_what_changed() {
        let spec = |image: &str, replicas: u64| json!({ "Name": "web", "TaskTemplate": { "ContainerSpec": { "Image": image } }, "Mode": { "Replicated": { "Replicas": replicas } } });
        let now = Timestamp::UNIX_EPOCH;
        let mut service = Service {
            id: "x".to_owned(),
            meta: Meta::new(1, now),
            spec: spec("a", 1),
            previous: None,
            endpoint: json!({}),
            places: Vec::new(),
            update: None,
            job: None,
            generation: 0,
            restarts: BTreeMap::new(),
        };
        let attributes = change(&mut service, spec("b", 1), false, now);
        assert_eq!(attributes.get("image.new").map(String::as_str), Some("b"));
        assert!(!attributes.contains_key("replicas.new"));
        let attributes = change(&mut service, spec("c", 7), true, now);
        assert_eq!(attributes.get("image.new").map(String::as_str), Some("a"));
        assert_eq!(attributes.get("updatestate.new").map(String::as_str), Some("rollback_started"));
        assert_eq!((service.spec.clone(), service.previous.clone()), (spec("a", 1), Some(spec("b", 1))));
    }
}
