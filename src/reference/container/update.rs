//! `POST /containers/{id}/update`.

use std::sync::Arc;

use serde_json::{Value, json};

use super::validate;
use crate::reference::Engine;
use crate::reference::answer::Answer;
use crate::reference::call::Call;
use crate::reference::document::Document;
use crate::reference::refusal::Refusal;

/// The limits that 0 or the empty text leaves as they are.
const LIMITS: [&str; 16] = [
    "BlkioWeight",
    "CpuShares",
    "CpuPeriod",
    "CpuQuota",
    "CpuRealtimePeriod",
    "CpuRealtimeRuntime",
    "CpusetCpus",
    "CpusetMems",
    "Memory",
    "MemorySwap",
    "MemoryReservation",
    "KernelMemory",
    "NanoCpus",
    "CgroupParent",
    "CpuCount",
    "CpuPercent",
];

/// Answers the operation.
pub(super) async fn answer(engine: &Arc<Engine>, mut call: Call) -> Result<Answer, Refusal> {
    let body = call.required_json().await?;
    let asked = Document(&body);
    validate::restart_policy(asked.at("RestartPolicy"))?;
    let mut limits = body.clone();
    // Whether there is a limit to exceed is known only with those that are set already.
    if let Value::Object(limits) = &mut limits {
        limits.remove("MemorySwap");
    }
    validate::resources(Document(&limits))?;

    let mut guard = engine.state();
    let state = &mut *guard;
    let container = state.containers.find_mut(&call.name)?;
    let id = container.id.clone();
    let cannot = |why: &str| Refusal::conflict(format!("Cannot update container {id}: {why}"));
    if container.life.removing {
        return Err(cannot("Container is marked for removal and cannot be \"update\"."));
    }
    let policy = asked.at("RestartPolicy").text("Name");
    if !policy.is_empty() && policy != "no" && Document(&container.host).flag("AutoRemove") {
        return Err(cannot("Restart policy cannot be updated because AutoRemove is enabled for the container"));
    }
    let (memory, swap) = (asked.int("Memory"), asked.int("MemorySwap"));
    let set = Document(&container.host).int("MemorySwap");
    if memory > 0 && swap == 0 && memory > set && set > 0 {
        return Err(cannot("Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time"));
    }
    if memory > 0 && set == 0 && swap == 0 && Document(&container.host).int("Memory") == 0 {
        return Err(cannot("Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time"));
    }
    for name in LIMITS {
        let value = asked.member(name);
        let is_set = value.as_i64().is_some_and(|number| number != 0) || value.as_str().is_some_and(|text| !text.is_empty());
        if is_set {
            container.host[name] = value.clone();
        }
    }
    if let Some(limit) = asked.member("PidsLimit").as_i64() {
        container.host["PidsLimit"] = if limit <= 0 { Value::Null } else { limit.into() };
    }
    if call.since(55) {
        for name in ["BlkioWeightDevice", "BlkioDeviceReadBps", "BlkioDeviceWriteBps", "BlkioDeviceReadIOps", "BlkioDeviceWriteIOps"] {
            if asked.has(name) {
                container.host[name] = asked.member(name).clone();
            }
        }
    }
    if !policy.is_empty() {
        let most = asked.at("RestartPolicy").int("MaximumRetryCount");
        container.host["RestartPolicy"] = json!({ "Name": policy, "MaximumRetryCount": most });
    }
    super::tell(engine, state, &id, "update", &[]);
    Ok(Answer::json(json!({ "Warnings": null })))
}
