//! Whether a list or a stream of events is what was asked for: filters and limits with a plain meaning, held against each entry. It sees one answer,
//! never two, and says nothing of what may be missing from it.

use serde_json::Value;

use super::finding::Finding;
use super::state::Fact;
use crate::model::{Part, Place, Rule, Side};

/// The first entry that the request excludes.
pub(super) fn judge(fact: &Fact<'_>) -> Option<Finding> {
    if fact.operation != "ContainerList" || fact.status != 200 {
        return None;
    }
    let entries = fact.document?.as_array()?;
    let limit = fact.target.parameter("limit").and_then(|limit| limit.parse::<usize>().ok()).filter(|limit| *limit > 0);
    if let Some(limit) = limit.filter(|limit| entries.len() > *limit) {
        let actual = format!("{} containers", entries.len());
        return Some(Finding::new(
            Rule::StateFilters,
            Side::Daemon,
            Place::of(Part::Body),
            format!("at most {limit}, as `limit` says"),
            actual,
        ));
    }
    let filters: Value = serde_json::from_str(fact.target.parameter("filters")?).ok()?;
    let wanted = |name: &str| values(filters.get(name));
    let (labels, ids, names, states) = (wanted("label"), wanted("id"), wanted("name"), wanted("status"));
    entries.iter().enumerate().find_map(|(index, entry)| {
        let found = |member: &str, due: String, actual: String| {
            let place = Place::of(Part::Body).at_pointer(format!("/{index}/{member}"));
            Some(Finding::new(Rule::StateFilters, Side::Daemon, place, due, actual))
        };
        let text = |name: &str| entry.get(name).and_then(Value::as_str);
        if let (Some(label), true) = (labels.iter().find(|label| !has_label(entry, label)), entry.get("Labels").is_some()) {
            return found("Labels", format!("the label {label}, as `filters` says"), "a container without it".to_owned());
        }
        if let Some(id) = text("Id").filter(|id| !ids.is_empty() && ids.iter().all(|want| is_hex(want) && !id.contains(want))) {
            return found("Id", format!("an id with {}, as `filters` says", ids.join(" or ")), id.to_owned());
        }
        // dockerd takes names for patterns; words are patterns of themselves.
        if !names.is_empty() && names.iter().all(|name| is_word(name)) {
            let own: Vec<&str> = entry.get("Names").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
            if !own.is_empty() && !own.iter().any(|own| names.iter().any(|name| own.contains(name.trim_start_matches('/')))) {
                return found("Names", format!("a name with {}, as `filters` says", names.join(" or ")), own.join(", "));
            }
        }
        let state = text("State").filter(|state| !states.is_empty() && states.iter().all(|want| is_word(want) && !state.contains(want)))?;
        found("State", format!("{}, as `filters` says", states.join(" or ")), state.to_owned())
    })
}

/// What a stream of events is asked for: kinds of things, and what happens to them.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    kinds: Vec<String>,
    actions: Vec<String>,
}

impl Wanted {
    /// By `filters`; everything where they cannot be read.
    pub(super) fn of(filters: Option<&str>) -> Self {
        let filters: Value = filters.and_then(|filters| serde_json::from_str(filters).ok()).unwrap_or_default();
        let wanted = |name: &str| values(filters.get(name)).into_iter().map(str::to_owned).collect();
        Self { kinds: wanted("type"), actions: wanted("event") }
    }

    /// The first event that was not asked for: moby/moby daemon/events/filter.go. Once is enough.
    pub(super) fn excludes(&mut self, event: &Value, place: &Place) -> Option<Finding> {
        // `exec_create: sh` and `health_status: healthy` are asked for by their first words.
        let members = [("Type", &self.kinds, false), ("Action", &self.actions, true)];
        let (member, wanted, actual) = members.into_iter().find_map(|(member, wanted, by_prefix)| {
            let actual = event.get(member).and_then(Value::as_str).filter(|_| !wanted.is_empty())?;
            let fits = |word: &String| if by_prefix { actual.starts_with(word.as_str()) } else { actual == word };
            (!wanted.iter().any(fits)).then_some((member, wanted, actual))
        })?;
        let due = format!("{}, as `filters` says", wanted.join(" or "));
        let found = Finding::new(Rule::StateFilters, Side::Daemon, place.clone().at_pointer(format!("/{member}")), due, actual);
        *self = Self::default();
        Some(found)
    }
}

/// The values of one filter: a list, or the older map of values to true.
fn values(filter: Option<&Value>) -> Vec<&str> {
    match filter {
        Some(Value::Array(values)) => values.iter().filter_map(Value::as_str).collect(),
        Some(Value::Object(values)) => {
            values.iter().filter(|(_, set)| **set == Value::Bool(true)).map(|(value, _)| value.as_str()).collect()
        }
        _ => Vec::new(),
    }
}

/// `name` or `name=value`; all that are asked for must be there.
fn has_label(entry: &Value, label: &str) -> bool {
    let (name, value) = label.split_once('=').map_or((label, None), |(name, value)| (name, Some(value)));
    let own = entry.get("Labels").and_then(|labels| labels.get(name));
    own.is_some_and(|own| value.is_none_or(|value| own.as_str() == Some(value)))
}

fn is_hex(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_/".contains(&byte))
}
