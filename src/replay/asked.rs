//! A request, in the form in which it is looked up: the operation, and parameters in which only what is asked for counts.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::body::{self, Body};
use super::ids::Ids;
use super::secrets::{self, Secrets};
use crate::catalog::Operation;
use crate::transcript::Call;
use crate::wire::Head;

/// Parameters that depend on when or in which terminal a command was typed: that they are there counts, not what they say.
const VARYING: [(&str, &[&str]); 4] = [
    ("SystemEvents", &["since", "until"]),
    ("ContainerLogs", &["since", "until"]),
    ("ContainerResize", &["h", "w"]),
    ("ExecResize", &["h", "w"]),
];

/// What is asked for.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    /// As the client wrote it, without secrets: `GET /v1.41/containers/json?all=1`.
    pub(super) shown: String,
    pub(super) operation: Option<&'static str>,
    method: String,
    version: Option<String>,
    path: String,
    query: BTreeMap<String, Vec<String>>,
    /// The client asks to switch protocols.
    upgrade: Option<String>,
    body: Body,
    /// What stood where query and body have secrets, in order: it is not part of the key.
    pub(super) secrets: Secrets,
}

impl Asked {
    pub(super) fn new(head: &Head, call: &Call, body: &[u8], ids: &Ids) -> Self {
        let operation = call.operation();
        let varying = VARYING.iter().find(|(name, _)| Some(*name) == operation.map(Operation::id)).map_or(&[][..], |(_, names)| *names);
        let mut query: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, value) in &call.query {
            let value = if varying.contains(&name.as_str()) { "" } else { ids.value(value) };
            query.entry(name.clone()).or_default().push(document(value, ids));
        }
        let mut body = Body::of(body, ids);
        let secrets = secrets::take(operation, call.version, &mut query, &mut body);
        Self {
            shown: format!("{} {}", call.method, secrets::shown_target(head)),
            operation: operation.map(Operation::id),
            // A router answers HEAD as GET, but with another answer.
            method: call.method.clone(),
            version: call.version.map(|version| version.to_string()),
            path: ids.path(&call.path),
            query,
            upgrade: head.value("Upgrade").map(|value| String::from_utf8_lossy(value).to_lowercase()),
            body,
            secrets,
        }
    }

    /// Equal for requests that ask for the same.
    pub(super) fn key(&self) -> String {
        let Self { method, version, path, query, upgrade, body, .. } = self;
        let mut key = format!("{method} {version:?} {path:?} {query:?} {upgrade:?} ");
        // Writing to a text cannot fail.
        let _ = match body {
            Body::Empty => Ok(()),
            Body::Json(value) => write!(key, "{value}"),
            Body::Archive(entries) => write!(key, "{entries:?}"),
            Body::Bytes { length, digest } => write!(key, "{length} {digest}"),
        };
        key
    }

    /// In what this one differs from a recorded one, the weightiest first.
    pub(super) fn differences(&self, recorded: &Self) -> Vec<String> {
        let mut found = Vec::new();
        if self.method != recorded.method {
            found.push(format!("the method is {}, recorded {}", self.method, recorded.method));
        }
        if self.path != recorded.path {
            found.push(format!("the path is {}, recorded {}", self.path, recorded.path));
        }
        if self.version != recorded.version {
            let said = |version: &Option<String>| version.clone().unwrap_or_else(|| "none".to_owned());
            found.push(format!("the version is {}, recorded {}", said(&self.version), said(&recorded.version)));
        }
        let names = self.query.keys().chain(recorded.query.keys().filter(|name| !self.query.contains_key(*name)));
        for name in names {
            match (self.query.get(name), recorded.query.get(name)) {
                (Some(here), Some(there)) if here == there => {}
                (Some(here), Some(there)) => found.push(format!("query {name} is {}, recorded {}", here.join(", "), there.join(", "))),
                (Some(_), None) => found.push(format!("query {name} is not in the recorded one")),
                _ => found.push(format!("query {name} is missing")),
            }
        }
        if self.upgrade != recorded.upgrade {
            let said = |upgrade: &Option<String>| upgrade.clone().unwrap_or_else(|| "none".to_owned());
            found.push(format!("Upgrade is {}, recorded {}", said(&self.upgrade), said(&recorded.upgrade)));
        }
        found.extend(self.body.difference(&recorded.body));
        if found.is_empty() {
            found.push("a secret is another one".to_owned());
        }
        found
    }
}

/// Filters and the like are documents in a query: the order of their members does not count.
fn document(value: &str, ids: &Ids) -> String {
    if !value.starts_with(['{', '[']) {
        return value.to_owned();
    }
    body::json(value.as_bytes(), ids).map_or_else(|| value.to_owned(), |value| value.to_string())
}
