//! The filters of `GET /events`.

use super::super::call::Filters;
use super::Event;

/// Objects that are found by the beginning of their id or name.
const KINDS: [&str; 9] = ["daemon", "container", "plugin", "volume", "network", "node", "service", "secret", "config"];
/// Actions with something behind a colon.
const LONG: [&str; 3] = ["health_status", "exec_create", "exec_start"];

/// Whether the event passes.
pub(super) fn passes(event: &Event, filters: &Filters) -> bool {
    filters.exact("type", event.kind)
        && filters.exact("scope", event.scope)
        && action(event, filters, "event")
        && action(event, filters, "action")
        && KINDS.iter().all(|kind| begins(event, filters, kind))
        && image(event, filters)
        && filters.labels(|key| event.attributes.get(key).map(String::as_str))
}

fn action(event: &Event, filters: &Filters, name: &str) -> bool {
    if filters.get(name).iter().any(|value| LONG.contains(&value.as_str())) {
        return filters.any(name, |value| event.action.starts_with(value));
    }
    filters.exact(name, &event.action)
}

fn begins(event: &Event, filters: &Filters, kind: &str) -> bool {
    let name = event.attributes.get("name").map(String::as_str).unwrap_or_default();
    // A container's network events are found by the container too, as its id is among their attributes: not so with dockerd.
    filters.any(kind, |value| event.id.starts_with(value) || name.starts_with(value))
}

fn image(event: &Event, filters: &Filters) -> bool {
    let attribute = if event.kind == "image" { "name" } else { "image" };
    let name = event.attributes.get(attribute).map(String::as_str).unwrap_or_default();
    [event.id.as_str(), name, without_tag(&event.id), without_tag(name)].iter().any(|text| filters.exact("image", text))
}

/// `docker.io/library/base:latest` is `base`.
fn without_tag(name: &str) -> &str {
    let name = name.split('@').next().unwrap_or(name);
    let name = match name.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => repository,
        _ => name,
    };
    let name = name.strip_prefix("docker.io/").unwrap_or(name);
    name.strip_prefix("library/").unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::super::call::Query;
    use super::*;

    #[test]
    fn events_are_found() {
        let event = |kind, action: &str, id: &str, attributes: &[(&str, &str)]| Event {
            kind,
            action: action.to_owned(),
            id: id.to_owned(),
            attributes: attributes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect::<BTreeMap<_, _>>(),
            time: jiff::Timestamp::UNIX_EPOCH,
            scope: "local",
        };
        let exec = event("container", "exec_start: ls", "abc123", &[("name", "web"), ("image", "base:latest"), ("a", "b")]);
        let pull = event("image", "pull", "base:latest", &[("name", "base")]);
        let connect = event("network", "connect", "n1", &[("name", "back"), ("container", "abc123")]);
        for (filters, expected) in [
            ("{}", [true, true, true]),
            (r#"{"type":["container"]}"#, [true, false, false]),
            (r#"{"event":["exec_start"]}"#, [true, false, false]),
            (r#"{"event":["exec_start: ls","pull"]}"#, [true, true, false]),
            (r#"{"event":["exec"]}"#, [false, false, false]),
            (r#"{"container":["abc"]}"#, [true, false, false]),
            (r#"{"container":{"web":true}}"#, [true, false, false]),
            (r#"{"image":["base"]}"#, [true, true, false]),
            (r#"{"image":["base:latest"]}"#, [true, true, false]),
            (r#"{"label":["a=b"]}"#, [true, false, false]),
            (r#"{"network":["back"]}"#, [false, false, true]),
            (r#"{"scope":["swarm"]}"#, [false, false, false]),
            (r#"{"type":["network","image"]}"#, [false, true, true]),
        ] {
            let read = Query::parse(&format!("filters={filters}")).filters().expect("filters");
            assert_eq!([&exec, &pull, &connect].map(|event| passes(event, &read)), expected, "{filters}");
        }
    }
}
