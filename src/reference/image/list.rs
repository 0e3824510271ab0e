//! `GET /images/json`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::model::ApiVersion;

use super::super::answer::Answer;
use super::super::call::{Call, Filters};
use super::super::refusal::Refusal;
use super::super::{Engine, State};
use super::glob::{glob, is_pattern};
use super::moment::moment;
use super::name::Name;
use super::{Image, Record};

/// What is known about the whole list.
struct Lister<'s> {
    filters: Filters,
    patterns: Vec<String>,
    dangling: Option<bool>,
    before: Option<Timestamp>,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    /// Images that others were built on.
    parents: BTreeSet<&'s str>,
    all: bool,
}

/// Answers the operation.
pub(super) fn answer(engine: &Engine, call: &Call) -> Result<Answer, Refusal> {
    let filters = call.query.filters()?;
    filters.only(&["dangling", "label", "before", "since", "reference", "until"])?;
    let state = engine.state();
    let mut patterns = filters.get("reference").to_vec();
    if !call.since(41) && !call.query.text("filter").is_empty() {
        patterns.push(call.query.text("filter").to_owned());
    }
    if !patterns.iter().all(|pattern| is_pattern(pattern)) {
        return Err(Refusal::server_error("syntax error in pattern"));
    }
    let lister = Lister {
        dangling: dangling(&filters)?,
        before: created(&state, filters.get("before"))?,
        since: created(&state, filters.get("since"))?,
        until: until(&filters, engine.now())?,
        parents: state.images.iter().map(|record| record.image.parent.as_str()).collect(),
        all: call.query.flag("all"),
        patterns,
        filters,
    };
    let mut listed: Vec<Listed<'_>> = state.images.iter().filter_map(|record| lister.list(record)).collect();
    listed.sort_by(|one, other| other.image.created.cmp(&one.image.created).then_with(|| one.image.id.cmp(&other.image.id)));
    let shared = call.query.flag("shared-size").then(|| shared_sizes(&state));
    let mut documents = Vec::new();
    for item in &listed {
        if call.since(7) {
            documents.push(item.document(&state, call, shared.as_ref()));
        } else {
            documents.extend(item.old());
        }
    }
    Ok(Answer::json(Value::Array(documents)))
}

/// `dangling` in the words that dockerd takes.
pub(super) fn dangling(filters: &Filters) -> Result<Option<bool>, Refusal> {
    filters.flag("dangling").map_err(|_| {
        let values: Vec<&str> = filters.get("dangling").iter().map(String::as_str).collect();
        Refusal::bad_parameter(format!("invalid filter 'dangling=[{}]'", values.join(" ")))
    })
}

/// `until`: a time, or how long ago.
pub(super) fn until(filters: &Filters, now: Timestamp) -> Result<Option<Timestamp>, Refusal> {
    match filters.get("until") {
        [] => Ok(None),
        [one] => {
            moment(one, now).map(Some).ok_or_else(|| Refusal::bad_parameter(format!("failed to parse value as time or duration: {one:?}")))
        }
        _ => Err(Refusal::bad_parameter("more than one until filter specified")),
    }
}

fn created(state: &State, values: &[String]) -> Result<Option<Timestamp>, Refusal> {
    let mut at = None;
    for value in values {
        at = Some(state.images.find(value)?.created);
    }
    Ok(at)
}

/// An image that is in the list, and the names by which it is.
struct Listed<'s> {
    image: &'s Arc<Image>,
    names: Vec<&'s Name>,
}

impl<'s> Lister<'s> {
    fn list(&self, record: &'s Record) -> Option<Listed<'s>> {
        let image = &record.image;
        let by_time = self.before.is_none_or(|before| image.created < before)
            && self.since.is_none_or(|since| image.created > since)
            && self.until.is_none_or(|until| image.created <= until);
        let labels = image.config.get("Labels").and_then(Value::as_object);
        if !by_time || !self.filters.labels(|key| labels?.get(key)?.as_str()) {
            return None;
        }
        let is_parent = self.parents.contains(image.id.as_str());
        if self.dangling == Some(true) && is_parent {
            return None;
        }
        let fits = |name: &&Name| self.patterns.is_empty() || self.patterns.iter().any(|pattern| matches(pattern, name));
        let names: Vec<&Name> = record.names.iter().filter(fits).collect();
        if names.is_empty() {
            let hidden = (is_parent && !self.all) || self.dangling == Some(false) || !self.patterns.is_empty();
            return (!hidden).then_some(Listed { image, names });
        }
        let tagged = names.iter().any(|name| name.tag.is_some());
        (self.dangling != Some(true) || !tagged).then_some(Listed { image, names })
    }
}

/// `RepoTags` and `RepoDigests` of a summary: where there are none, old daemons send null, and a name of their own when there are neither.
pub(super) fn shown_names(tags: Vec<String>, digests: Vec<String>, version: ApiVersion) -> (Value, Value) {
    if version >= ApiVersion::new(43) {
        return (json!(tags), json!(digests));
    }
    if tags.is_empty() && digests.is_empty() {
        return (json!(["<none>:<none>"]), json!(["<none>@<none>"]));
    }
    let or_null = |names: Vec<String>| if names.is_empty() { Value::Null } else { json!(names) };
    (or_null(tags), or_null(digests))
}

impl Listed<'_> {
    fn document(&self, state: &State, call: &Call, shared: Option<&BTreeMap<String, u64>>) -> Value {
        let tags: Vec<String> = self.names.iter().filter(|name| name.tag.is_some()).map(|name| name.familiar()).collect();
        let digests: Vec<String> = self.names.iter().filter(|name| name.digest.is_some()).map(|name| name.familiar()).collect();
        let (tags, digests) = shown_names(tags, digests, call.version);
        let containers = state.containers.iter().filter(|container| container.image_id == self.image.id).count();
        json!({
            "Id": self.image.id,
            "ParentId": self.image.parent,
            "RepoTags": tags,
            "RepoDigests": digests,
            "Created": self.image.created.as_second(),
            "Size": self.image.size,
            "VirtualSize": self.image.size,
            "SharedSize": shared.map_or(json!(-1), |sizes| json!(sizes.get(&self.image.id).copied().unwrap_or_default())),
            "Labels": self.image.config.get("Labels").cloned().unwrap_or_default(),
            "Containers": if call.since(51) { json!(containers) } else { json!(-1) },
        })
    }

    /// Up to 1.6 there is one entry a tag.
    fn old(&self) -> Vec<Value> {
        let entry = |repository: String, tag: &str| {
            json!({
                "Repository": repository,
                "Tag": tag,
                "Id": self.image.id,
                "Created": self.image.created.as_second(),
                "Size": self.image.size,
                "VirtualSize": self.image.size,
            })
        };
        let tagged = self.names.iter().filter_map(|name| Some(entry(name.familiar_name(), name.tag.as_deref()?)));
        let tagged: Vec<Value> = tagged.collect();
        if tagged.is_empty() { vec![entry("<none>".to_owned(), "<none>")] } else { tagged }
    }
}

/// Bytes of the layers of each image that other images have too.
pub(super) fn shared_sizes(state: &State) -> BTreeMap<String, u64> {
    let mut users: BTreeMap<&str, u32> = BTreeMap::new();
    for chain in state.images.iter().flat_map(|record| &record.image.chain) {
        *users.entry(chain).or_default() += 1;
    }
    let shared = |image: &Image| {
        let of = image.chain.iter().zip(&image.layers).filter(|(id, _)| users.get(id.as_str()).is_some_and(|count| *count > 1));
        of.map(|(_, layer)| layer.size).fold(0, u64::saturating_add)
    };
    state.images.iter().map(|record| (record.image.id.clone(), shared(&record.image))).collect()
}

/// Whether a pattern of the shell fits a name as users write it, with or without its tag (`FamiliarMatch`).
fn matches(pattern: &str, name: &Name) -> bool {
    glob(pattern, &name.familiar()) || glob(pattern, &name.familiar_name())
}
