//! `GET /system/df`.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Map, Value, json};

use crate::catalog::Catalog;

use super::super::answer::Answer;
use super::super::answer::Payload;
use super::super::call::{Body, Call, Query};
use super::super::refusal::Refusal;
use super::super::{Engine, container, image, volume};

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "the four kinds are asked for in any combination")]
struct Kinds {
    containers: bool,
    images: bool,
    volumes: bool,
    builds: bool,
}

impl Kinds {
    fn asked(call: &Call) -> Result<Self, Refusal> {
        let all = !call.since(42) || !call.query.has("type");
        let mut kinds = Self { containers: all, images: all, volumes: all, builds: all };
        for kind in call.query.all("type").iter().filter(|_| !all) {
            match kind.as_str() {
                "container" => kinds.containers = true,
                "image" => kinds.images = true,
                "volume" => kinds.volumes = true,
                "build-cache" => kinds.builds = true,
                other => return Err(Refusal::bad_parameter(format!("unknown object type: {other}"))),
            }
        }
        Ok(kinds)
    }
}

pub(super) async fn answer(engine: &Arc<Engine>, call: Call) -> Result<Answer, Refusal> {
    let kinds = Kinds::asked(&call)?;
    let containers = if kinds.containers { Some(containers(engine, &call).await?) } else { None };
    let (images, layers, volumes) = {
        let state = engine.state();
        let users = volume::users(&state);
        let volumes = || {
            state.volumes.iter().map(|volume| {
                let mut shown = volume.to_json();
                shown["UsageData"] = json!({ "RefCount": users.get(volume.name.as_str()).map_or(0, Vec::len), "Size": volume.size() });
                shown
            })
        };
        (
            kinds.images.then(|| image::usage::summaries(&state, call.version)),
            state.images.layers_size(),
            kinds.volumes.then(|| volumes().collect::<Vec<Value>>()),
        )
    };
    let builds = kinds.builds.then(Vec::new);
    let verbose = call.since(52) && call.query.flag("verbose");
    let mut usage = Map::new();
    if call.since(52) {
        let active = |count: fn(&Value) -> bool| move |items: &[Value]| items.iter().filter(|item| count(item)).count();
        for (name, items, sum) in [
            ("ImageUsage", &images, Sum::new(layers, "Size", active(|image| image["Containers"].as_i64() > Some(0)))),
            ("ContainerUsage", &containers, Sum::of("SizeRw", active(|container| container["State"] == "running"))),
            ("VolumeUsage", &volumes, Sum::of("/UsageData/Size", active(|volume| volume["UsageData"]["RefCount"].as_i64() > Some(0)))),
            ("BuildCacheUsage", &builds, Sum::of("Size", active(|build| build["InUse"] == true))),
        ] {
            if let Some(items) = items {
                usage.insert(name.to_owned(), sum.document(items, verbose));
            }
        }
    }
    if !verbose {
        // dockerd 29 leaves out what was not asked for, those before wrote null.
        let left_out = call.since(44);
        usage.insert("LayersSize".to_owned(), if kinds.images { layers.into() } else { 0.into() });
        let builds = builds.filter(|_| left_out);
        for (name, items) in [("Images", images), ("Containers", containers), ("Volumes", volumes), ("BuildCache", builds)] {
            if items.is_some() || !left_out {
                usage.insert(name.to_owned(), items.map_or(Value::Null, Value::from));
            }
        }
        usage.insert("BuilderSize".to_owned(), 0.into());
    }
    Ok(Answer::json(usage.into()))
}

/// What the list of containers would say with sizes.
async fn containers(engine: &Arc<Engine>, call: &Call) -> Result<Vec<Value>, Refusal> {
    let Some(operation) = Catalog::builtin().operation("ContainerList") else { return Ok(Vec::new()) };
    let list = Call {
        operation,
        version: call.version,
        name: String::new(),
        query: Query::parse("all=1&size=1"),
        headers: hyper::HeaderMap::new(),
        body: Body::memory(Bytes::new()),
    };
    let listed = match container::answer(engine, list).await?.payload {
        Payload::Json(Value::Array(items)) => items,
        Payload::Written(bytes) => serde_json::from_slice(&bytes).unwrap_or_default(),
        _ => Vec::new(),
    };
    Ok(listed)
}

/// One of the sums of 1.52.
struct Sum<A> {
    total: Option<u64>,
    size: &'static str,
    active: A,
}

impl<A: Fn(&[Value]) -> usize> Sum<A> {
    fn new(total: u64, size: &'static str, active: A) -> Self {
        Self { total: Some(total), size, active }
    }

    fn of(size: &'static str, active: A) -> Self {
        Self { total: None, size, active }
    }

    /// Zeros are left out.
    fn document(&self, items: &[Value], verbose: bool) -> Value {
        let size =
            |item: &Value| if self.size.starts_with('/') { item.pointer(self.size) } else { item.get(self.size) }.and_then(Value::as_u64);
        let total = self.total.unwrap_or_else(|| items.iter().filter_map(size).sum());
        let active = (self.active)(items);
        let reclaimable = if active == items.len() { 0 } else { total };
        let mut sum = Map::new();
        for (name, number) in
            [("ActiveCount", active as u64), ("TotalCount", items.len() as u64), ("Reclaimable", reclaimable), ("TotalSize", total)]
        {
            if number != 0 {
                sum.insert(name.to_owned(), number.into());
            }
        }
        if verbose {
            sum.insert("Items".to_owned(), items.to_vec().into());
        }
        sum.into()
    }
}
