//! Whether the node can take a task, and why not, in the words of dockerd's scheduler.

use serde_json::Value;

use super::super::super::document::Document;
use super::super::cluster::Cluster;
use super::super::node::{MEMORY, NANO_CPUS};
use super::constraint::parse;
use super::{Stage, Task};

/// `Err` with what keeps the task from the node.
pub(super) fn place(cluster: &Cluster, task: &Task) -> Result<(), String> {
    let refuse = |why: &str| Err(format!("no suitable node ({why})"));
    if cluster.node.availability() != "active" {
        return refuse("1 node not available for new tasks");
    }
    let others: Vec<&Task> =
        cluster.tasks.values().filter(|other| other.id != task.id && !other.node.is_empty() && other.stage < Stage::Complete).collect();
    let reserved = |task: &Task, member: &str| Document(&task.spec["Resources"]["Reservations"]).int(member);
    for (member, whole) in [("NanoCPUs", NANO_CPUS), ("MemoryBytes", MEMORY)] {
        let used = others.iter().fold(0_i64, |sum, other| sum.saturating_add(reserved(other, member)));
        let wanted = reserved(task, member);
        if wanted > 0 && used.saturating_add(wanted) > whole {
            return refuse("insufficient resources on 1 node");
        }
    }
    // The node has no resources of other kinds.
    if !Document(&task.spec["Resources"]["Reservations"]).items("GenericResources").is_empty() {
        return refuse("insufficient resources on 1 node");
    }
    let placement = Document(&task.spec["Placement"]);
    let admitted = placement.texts("Constraints").iter().all(|text| parse(text).is_ok_and(|constraint| constraint.admits(cluster)));
    if !admitted {
        return refuse("scheduling constraints not satisfied on 1 node");
    }
    let platforms = placement.items("Platforms");
    let runs = |platform: &Value| {
        let platform = Document(platform);
        matches!(platform.text("Architecture"), "" | "x86_64" | "amd64") && matches!(platform.text("OS"), "" | "linux")
    };
    if !platforms.is_empty() && !platforms.iter().any(runs) {
        return refuse("unsupported platform on 1 node");
    }
    let ports = host_ports(cluster, task);
    if others.iter().any(|other| host_ports(cluster, other).iter().any(|port| ports.contains(port))) {
        return refuse("host-mode port already in use on 1 node");
    }
    let most = placement.member("MaxReplicas").as_u64().unwrap_or_default();
    if most != 0 && others.iter().filter(|other| other.service_id == task.service_id).count() as u64 >= most {
        return refuse("max replicas per node limit exceed");
    }
    Ok(())
}

/// The ports of the node that a task takes for itself.
fn host_ports(cluster: &Cluster, task: &Task) -> Vec<(u64, String)> {
    let Some(service) = cluster.services.get(&task.service_id) else { return Vec::new() };
    let ports = Document(&service.spec["EndpointSpec"]).items("Ports").iter().map(Document);
    ports
        .filter(|port| port.text("PublishMode") == "host")
        .filter_map(|port| Some((port.member("PublishedPort").as_u64()?, port.text("Protocol").to_owned())))
        .collect()
}
