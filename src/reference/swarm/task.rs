//! Tasks: one run of a service's container each; list and inspect.

mod agent;
pub(super) mod constraint;
mod container;
mod placement;

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use tokio::sync::watch;

use super::super::Engine;
use super::super::answer::Answer;
use super::super::call::{Call, Filters};
use super::super::refusal::Refusal;
use super::cluster::Cluster;
use super::network::Place;
use super::object::{Meta, begins, find, labelled, version};
use super::{node, service};

pub(super) use agent::spawn;
pub(super) use container::{Container, discard, logs};

/// How far a task is, and how far it is to get.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    New,
    Pending,
    Assigned,
    Accepted,
    Preparing,
    Ready,
    Starting,
    Running,
    Complete,
    Shutdown,
    Failed,
    Rejected,
    Remove,
}

impl Stage {
    const ALL: [Self; 13] = [
        Self::New,
        Self::Pending,
        Self::Assigned,
        Self::Accepted,
        Self::Preparing,
        Self::Ready,
        Self::Starting,
        Self::Running,
        Self::Complete,
        Self::Shutdown,
        Self::Failed,
        Self::Rejected,
        Self::Remove,
    ];

    /// The API's word.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Pending => "pending",
            Self::Assigned => "assigned",
            Self::Accepted => "accepted",
            Self::Preparing => "preparing",
            Self::Ready => "ready",
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Complete => "complete",
            Self::Shutdown => "shutdown",
            Self::Failed => "failed",
            Self::Rejected => "rejected",
            Self::Remove => "remove",
        }
    }

    /// Whether nothing follows by itself.
    pub(super) fn is_over(self) -> bool {
        self >= Self::Complete
    }
}

/// A task.
#[derive(Debug)]
pub(super) struct Task {
    /// Its id.
    pub(super) id: String,
    /// Its version.
    pub(super) meta: Meta,
    /// Its service, which may be gone.
    pub(super) service_id: String,
    /// The service's name, as it was.
    pub(super) service_name: String,
    /// What it runs.
    pub(super) spec: Value,
    /// 0 for a global service.
    pub(super) slot: u64,
    /// Empty until it has a node.
    pub(super) node: String,
    /// How far it is.
    pub(super) stage: Stage,
    /// Since when.
    pub(super) since: Timestamp,
    /// What is done.
    pub(super) message: String,
    /// What went wrong.
    pub(super) error: String,
    /// Its container.
    pub(super) container: Option<Container>,
    /// `NetworksAttachments`.
    pub(super) attachments: Vec<Value>,
    /// Its places on overlay networks.
    pub(super) places: Vec<Place>,
    /// Of a job: which of its runs.
    pub(super) iteration: Option<u64>,
    wanted: watch::Sender<Stage>,
}

impl Task {
    /// A task of a service that is to get that far.
    pub(super) fn new(id: String, meta: Meta, service: &service::Service, slot: u64, desired: Stage) -> Self {
        Self {
            id,
            since: meta.created,
            meta,
            service_id: service.id.clone(),
            service_name: service.name().to_owned(),
            spec: service.template(),
            slot,
            node: String::new(),
            stage: Stage::New,
            message: "created".to_owned(),
            error: String::new(),
            container: None,
            attachments: Vec::new(),
            places: Vec::new(),
            iteration: service.job.map(|(iteration, _)| iteration),
            wanted: watch::Sender::new(desired),
        }
    }

    /// How far it is to get.
    pub(super) fn desired(&self) -> Stage {
        *self.wanted.borrow()
    }

    /// Says how far it is to get; never less far than before.
    pub(super) fn desire(&self, stage: Stage) {
        self.wanted.send_if_modified(|wanted| {
            let further = stage > *wanted;
            if further {
                *wanted = stage;
            }
            further
        });
    }

    /// It got so far.
    pub(super) fn advance(&mut self, stage: Stage, message: &str, error: &str, now: Timestamp) {
        self.stage = stage;
        self.since = now;
        message.clone_into(&mut self.message);
        error.clone_into(&mut self.error);
    }

    /// Whether it holds its slot: it runs, or is to run.
    pub(super) fn is_live(&self) -> bool {
        self.desired() <= Stage::Complete && !self.stage.is_over()
    }

    /// `web.1.<id>`, with the node's id for a global service: also the name of its container.
    pub(super) fn name(&self, node: &str) -> String {
        let place = if self.slot == 0 { node.to_owned() } else { self.slot.to_string() };
        format!("{}.{place}.{}", self.service_name, self.id)
    }

    fn write(&self) -> Map<String, Value> {
        let mut object = self.meta.write(&self.id);
        let mut put = |name: &str, value: Value| {
            object.insert(name.to_owned(), value);
        };
        put("Labels", json!({}));
        put("Spec", self.spec.clone());
        put("ServiceID", self.service_id.clone().into());
        if self.slot != 0 {
            put("Slot", self.slot.into());
        }
        if !self.node.is_empty() {
            put("NodeID", self.node.clone().into());
        }
        let mut status =
            json!({ "Timestamp": self.since.to_string(), "State": self.stage.word(), "Message": self.message, "PortStatus": {} });
        if !self.error.is_empty() {
            status["Err"] = self.error.clone().into();
        }
        // Before it is started a container does not show, of a task that was turned away nothing does.
        let container = if self.stage == Stage::Rejected { Some(&Container::NONE) } else { self.container.as_ref() };
        if let Some(container) = container.filter(|_| self.stage >= Stage::Starting) {
            status["ContainerStatus"] = json!({ "ContainerID": container.id, "PID": container.pid, "ExitCode": container.exit });
        }
        put("Status", status);
        put("DesiredState", self.desired().word().into());
        if !self.attachments.is_empty() {
            put("NetworksAttachments", self.attachments.clone().into());
        }
        if let Some(iteration) = self.iteration {
            put("JobIteration", version(iteration));
        }
        put("Volumes", Value::Null);
        object
    }
}

/// The id of the task that a client means.
pub(super) fn id_of(cluster: &Cluster, input: &str) -> Result<String, Refusal> {
    let node = &cluster.node.id;
    find(&cluster.tasks, "task", input, |task| task.name(node))
}

pub(super) fn list(engine: &Arc<Engine>, call: &Call) -> Result<Answer, Refusal> {
    let filters = call.query.filters()?;
    let mut guard = engine.state();
    let cluster = &*guard.swarm.manager()?;
    let chosen = Chosen::read(&filters, cluster)?;
    let tasks = cluster.tasks.values().filter(|task| chosen.fits(task, &filters, cluster));
    Ok(Answer::json(tasks.map(|task| Value::Object(task.write())).collect()))
}

/// Filters whose values have to be looked up.
struct Chosen {
    services: Vec<String>,
    states: Vec<Stage>,
}

impl Chosen {
    fn read(filters: &Filters, cluster: &Cluster) -> Result<Self, Refusal> {
        filters.only(&["name", "id", "label", "service", "node", "desired-state", "_up-to-date", "runtime"])?;
        let services = filters.get("service").iter().map(|input| service::id_of(cluster, input)).collect::<Result<_, _>>()?;
        for input in filters.get("node") {
            node::the_node(cluster, input)?;
        }
        let mut states = Vec::new();
        for value in filters.get("desired-state").iter().filter(|value| !value.is_empty()) {
            let found = Stage::ALL.into_iter().find(|stage| stage.word().eq_ignore_ascii_case(value));
            states.push(found.ok_or_else(|| Refusal::server_error(format!("Invalid desired-state filter: '{value}'")))?);
        }
        Ok(Self { services, states })
    }

    fn fits(&self, task: &Task, filters: &Filters, cluster: &Cluster) -> bool {
        let up_to_date = || cluster.services.get(&task.service_id).is_some_and(|service| service.template() == task.spec);
        begins(filters, "name", &task.name(&cluster.node.id))
            && begins(filters, "id", &task.id)
            && labelled(filters.get("label"), &Value::Null)
            && (self.services.is_empty() || self.services.contains(&task.service_id))
            && (filters.lacks("node") || task.node == cluster.node.id)
            && (self.states.is_empty() || self.states.contains(&task.desired()))
            && filters.any("runtime", |runtime| matches!(runtime, "container" | ""))
            && (filters.lacks("_up-to-date") || up_to_date())
    }
}

pub(super) fn inspect(engine: &Arc<Engine>, call: &Call) -> Result<Answer, Refusal> {
    let mut guard = engine.state();
    let cluster = guard.swarm.manager()?;
    let id = id_of(cluster, &call.name)?;
    let task = cluster.tasks.get(&id).ok_or_else(|| Refusal::not_found(format!("task {} not found", call.name)))?;
    Ok(Answer::json(task.write().into()))
}
