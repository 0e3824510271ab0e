//! `ContainerStats`: what a container uses, one sample a second.
//!
//! The figures are made up from the time that a container has run and the processes that it has: they only grow, and are the same for the same clock.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use tokio::sync::mpsc;
use tokio::time::sleep;

use crate::reference::Engine;
use crate::reference::answer::{Answer, Payload};
use crate::reference::call::Call;
use crate::reference::container::Container;
use crate::reference::document::Document;
use crate::reference::refusal::Refusal;

/// Between two samples.
const INTERVAL: Duration = Duration::from_secs(1);
/// Processors of the machine.
const CPUS: i64 = 2;
/// Memory of the machine, which is the limit of a container without one.
const MEMORY: i64 = 8 << 30;
/// A cgroup without a limit has this one.
const UNLIMITED: i64 = 9_223_372_036_854_771_712;
/// Year 1, as Go writes a time that was not set.
const NEVER: &str = "0001-01-01T00:00:00Z";

/// Answers with one sample, or with one every second until the container is removed.
pub(super) async fn answer(engine: &Arc<Engine>, call: &Call) -> Result<Answer, Refusal> {
    // The parameter is of 1.19.
    let stream = call.query.flag_or("stream", true);
    let one_shot = call.since(41) && call.query.flag("one-shot");
    let (id, running) = {
        let state = engine.state();
        let container = state.containers.find(&call.name)?;
        (container.id.clone(), container.life.is_running() && !container.life.is_restarting())
    };
    if stream && one_shot {
        return Err(Refusal::bad_parameter("cannot have stream=true and one-shot=true"));
    }
    let by_interface = call.since(21);
    let mut samples = Samples { engine: Arc::clone(engine), id, by_interface, before: None };
    if stream {
        let (sender, receiver) = mpsc::channel(1);
        tokio::spawn(async move {
            while let Some(sample) = samples.next() {
                if sender.send(sample).await.is_err() {
                    return;
                }
                tokio::select! {
                    () = sleep(INTERVAL) => {}
                    () = sender.closed() => return,
                }
            }
        });
        return Ok(Answer::new(200, Payload::Documents("\n", receiver)));
    }
    let gone = || Refusal::not_found(format!("No such container: {}", call.name));
    let mut sample = samples.next().ok_or_else(gone)?;
    if running && !one_shot {
        // The first only says where the processors were.
        sleep(INTERVAL).await;
        sample = samples.next().ok_or_else(gone)?;
    }
    Ok(Answer::json(sample))
}

/// The samples that one client gets.
struct Samples {
    engine: Arc<Engine>,
    id: String,
    by_interface: bool,
    /// Time and processors of the sample before.
    before: Option<(Value, Value)>,
}

impl Samples {
    /// The next sample; `None` when the container is gone.
    fn next(&mut self) -> Option<Value> {
        let mut sample = {
            let state = self.engine.state();
            let container = state.containers.find(&self.id).ok()?;
            sample(container, self.engine.now(), self.by_interface)
        };
        let (read, cpu) = self.before.take().unwrap_or_else(|| (NEVER.into(), no_cpu()));
        self.before = Some((sample["read"].clone(), sample["cpu_stats"].clone()));
        sample["preread"] = read;
        sample["precpu_stats"] = cpu;
        Some(sample)
    }
}

/// What a container uses now; zeros when it does not run.
fn sample(container: &Container, now: Timestamp, by_interface: bool) -> Value {
    let mut sample = json!({
        "read": NEVER,
        "preread": NEVER,
        "pids_stats": {},
        "blkio_stats": blkio(&Value::Null),
        "num_procs": 0,
        "storage_stats": {},
        "cpu_stats": no_cpu(),
        "precpu_stats": no_cpu(),
        "memory_stats": {},
        "name": format!("/{}", container.name),
        "id": container.id,
        "os_type": "linux",
    });
    let Some(run) = container.life.run() else { return sample };
    let processes = i64::try_from(run.process.processes().list().len()).unwrap_or(i64::MAX).max(1);
    let elapsed = nanoseconds_between(container.life.started.unwrap_or(now), now);
    let host = Document(&container.host);
    sample["read"] = now.to_string().into();
    sample["pids_stats"] = json!({ "current": processes });
    if host.int("PidsLimit") > 0 {
        sample["pids_stats"]["limit"] = host.int("PidsLimit").into();
    }
    sample["blkio_stats"] = blkio(&json!([]));
    sample["cpu_stats"] = cpu(elapsed, nanoseconds_between(container.created, now));
    sample["memory_stats"] = memory(processes, elapsed, host.int("Memory"), host.int("MemorySwap"));
    let interfaces = interfaces(container, elapsed);
    if !by_interface {
        sample["network"] = interfaces.values().next().cloned().unwrap_or_else(|| interface(0));
    } else if !interfaces.is_empty() {
        sample["networks"] = interfaces.into();
    }
    sample
}

fn nanoseconds_between(from: Timestamp, to: Timestamp) -> i64 {
    i64::try_from((to.as_nanosecond() - from.as_nanosecond()).max(0)).unwrap_or(i64::MAX)
}

fn no_cpu() -> Value {
    json!({
        "cpu_usage": { "total_usage": 0, "usage_in_kernelmode": 0, "usage_in_usermode": 0 },
        "throttling_data": { "periods": 0, "throttled_periods": 0, "throttled_time": 0 },
    })
}

/// A thousandth of one processor, of a machine that was started an hour before the container was made.
fn cpu(running: i64, since_created: i64) -> Value {
    const TICK: i64 = 10_000_000;
    const HOUR: i64 = 3_600_000_000_000;
    let total = 12_000_000 + running / 1000;
    let user = total / 2 / TICK * TICK;
    let system = since_created.saturating_add(HOUR).saturating_mul(CPUS) / TICK * TICK;
    json!({
        "cpu_usage": {
            "total_usage": total,
            "percpu_usage": [total - total / 3, total / 3],
            "usage_in_kernelmode": 0,
            "usage_in_usermode": user,
        },
        "system_cpu_usage": system,
        "online_cpus": CPUS,
        "throttling_data": { "periods": 0, "throttled_periods": 0, "throttled_time": 0 },
    })
}

fn memory(processes: i64, running: i64, limit: i64, swap: i64) -> Value {
    const PAGE: i64 = 4096;
    let limit = Some(limit).filter(|limit| *limit > 0);
    let at_most = limit.unwrap_or(MEMORY);
    let rss = (processes * 17 * PAGE).min(at_most);
    let usage = (rss + 64 * PAGE).min(at_most);
    let faults = 1000 * processes + running / 1_000_000_000;
    let paged_in = rss / PAGE + 800 + running / 1_000_000_000;
    let figures = [
        ("active_anon", PAGE),
        ("active_file", 0),
        ("cache", 0),
        ("dirty", 0),
        ("inactive_anon", rss - PAGE),
        ("inactive_file", 0),
        ("mapped_file", 0),
        ("pgfault", faults),
        ("pgmajfault", 0),
        ("pgpgin", paged_in),
        ("pgpgout", paged_in - rss / PAGE),
        ("rss", rss),
        ("rss_huge", 0),
        ("unevictable", 0),
        ("writeback", 0),
    ];
    let mut stats: Map<String, Value> = figures.iter().map(|(name, figure)| ((*name).to_owned(), (*figure).into())).collect();
    stats.extend(figures.iter().map(|(name, figure)| (format!("total_{name}"), (*figure).into())));
    stats.insert("hierarchical_memory_limit".to_owned(), limit.unwrap_or(UNLIMITED).into());
    stats.insert("hierarchical_memsw_limit".to_owned(), if limit.is_some() && swap > 0 { swap } else { UNLIMITED }.into());
    json!({ "usage": usage, "max_usage": (usage + 900 * PAGE).min(at_most), "stats": stats, "limit": at_most })
}

fn blkio(list: &Value) -> Value {
    let names = ["io_service_bytes", "io_serviced", "io_queue", "io_service_time", "io_wait_time", "io_merged", "io_time", "sectors"];
    names.iter().map(|name| (format!("{name}_recursive"), list.clone())).collect::<Map<String, Value>>().into()
}

/// A network card for each network that has an address for the container.
fn interfaces(container: &Container, running: i64) -> Map<String, Value> {
    let connected = container.endpoints.values().filter(|endpoint| !endpoint.address.is_empty());
    connected.enumerate().map(|(number, _)| (format!("eth{number}"), interface(running))).collect()
}

/// Neighbours that ask who is there, once a minute.
fn interface(running: i64) -> Value {
    let packets = if running == 0 { 0 } else { 8 + running / 60_000_000_000 };
    json!({
        "rx_bytes": packets * 70, "rx_packets": packets, "rx_errors": 0, "rx_dropped": 0,
        "tx_bytes": 0, "tx_packets": 0, "tx_errors": 0, "tx_dropped": 0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processors_only_grow_and_add_up() {
        let mut before = (0, 0);
        for seconds in 0..1000 {
            let cpu = cpu(seconds * 1_000_000_000, (seconds + 5) * 1_000_000_000);
            let total = cpu["cpu_usage"]["total_usage"].as_i64().expect("a number");
            let each: i64 = cpu["cpu_usage"]["percpu_usage"].as_array().expect("a list").iter().filter_map(Value::as_i64).sum();
            let system = cpu["system_cpu_usage"].as_i64().expect("a number");
            assert_eq!(each, total);
            assert!(total > before.0 && system > before.1, "{seconds}");
            before = (total, system);
        }
    }

    #[test]
    fn memory_keeps_to_its_limit() {
        for (processes, limit) in [(1, 0), (3, 67_108_864), (500, 6_291_456)] {
            let memory = memory(processes, 0, limit, 0);
            let figure = |name: &str| memory[name].as_i64().expect("a number");
            assert!(figure("usage") <= figure("limit") && figure("usage") <= figure("max_usage"), "{memory}");
        }
    }
}
